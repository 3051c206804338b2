"""Every decision can be explained: each check with its figures, and the smallest change that would have approved it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from cards import operations as cards
from cards.controls import Limit
from cards.models import CardMode, Interval
from spendtrackr.models import Event
from spendtrackr.money import Money
from spendtrackr.tenancy import company_scope
from tests.factories import NOON, swipe
from transactions.decisions import explain
from transactions.models import Message, Transaction
from transactions.operations import accounts
from transactions.operations.swipes import authorize, preview


def told(world, minor: int = 10_00, **more):
    message = authorize(world.card, swipe(minor, **more)).message
    return explain(message.checks_done, requested=Money(minor, "USD"), approved_minor=minor if message.is_approved else None)


def control(world, **changes) -> None:
    world.card = cards.change_controls(world.card, changes, actor=world.alice, at=NOON)


def test_an_approval_needs_no_change(acme):
    found = told(acme)
    assert (found.approved, found.reason, found.changes, found.approvable.minor) == (True, "", [], 10_00)


def test_the_smallest_change_is_by_how_much_the_limit_was_too_low_and_no_less_would_do(acme):
    control(acme, limits=cards.monthly(Money(50_00, "USD")))
    authorize(acme.card, swipe(45_00))
    found = told(acme, 12_00)
    [change] = found.changes
    assert (change.what, change.amount, found.approvable.minor) == ("raise_limit", Money(7_00, "USD"), 5_00)
    for raised, approved in ((56_99, False), (57_00, True)):
        control(acme, limits=cards.monthly(Money(raised, "USD")))
        assert authorize(acme.card, swipe(12_00)).approved is approved


def test_the_part_that_is_told_as_approvable_would_have_been_approved(acme):
    control(acme, limits=[Limit(Interval.DAY, 30_00), Limit(Interval.MONTH, 20_00)], per_transaction_cap=Money(25_00, "USD"))
    found = told(acme, 40_00)
    assert {change.what for change in found.changes} == {"raise_limit", "raise_cap"}
    assert found.approvable.minor == 20_00
    assert authorize(acme.card, swipe(20_00)).approved


@pytest.mark.parametrize(
    ("changes", "of_swipe", "what"),
    [
        ({"blocked_merchant_categories": ["5812"]}, {}, "unblock"),
        ({"allowed_merchant_categories": ["3000"]}, {}, "allow"),
        ({"allowed_countries": ["DE"]}, {}, "allow"),
        ({"blocked_merchants": ["Blue Bottle Coffee"]}, {}, "unblock"),
        ({"valid_from": (NOON + timedelta(days=1)).date()}, {}, "move_dates"),
        ({"locks_on": NOON.date()}, {}, "move_dates"),
        ({"limits": [Limit(Interval.DAY, count=1)]}, {}, "raise_count"),
        ({"mode": CardMode.ZERO_UNTIL_GRANTED}, {}, "grant"),
        ({}, {"currency": "EUR"}, "use_another_card"),
        ({}, {"minor": 5_000_00}, "top_up"),
    ],
)
def test_each_refusal_names_what_would_help(acme, changes, of_swipe, what):
    control(acme, **changes)
    if "limits" in changes:
        authorize(acme.card, swipe(1_00))
    minor = of_swipe.pop("minor", 10_00)
    found = told(acme, minor, **of_swipe)
    assert found.changes[0].what == what
    assert found.changes[0].says.endswith(".")


def test_a_preview_is_the_answer_and_leaves_nothing_behind(acme):
    control(acme, limits=[Limit(Interval.WEEK, 15_00)])
    before = (Transaction.objects.count(), Message.objects.count(), Event.objects.count())
    for minor in (15_00, 15_01):
        asked = [check.as_row() for check in preview(acme.card, swipe(minor))]
        assert (Transaction.objects.count(), Message.objects.count(), Event.objects.count()) == before
        if minor > 15_00:
            assert authorize(acme.card, swipe(minor)).message.checks_done == asked


SWIPE = {"amount": {"minor": 30_00, "currency": "USD"}, "merchant_name": "Blue Bottle", "merchant_code": "5812", "country": "US"}


def test_the_api_previews_for_the_holder_without_telling_the_companys_balance(world, api):
    path = f"/api/v1/cards/{world.card.public_id}/authorizations/preview/"
    for who, balance in ((world.alice, 1_000_00), (world.bob, None)):
        found = api(who).post(path, SWIPE).json()
        assert (found["approved"], found["approved_amount"]["minor"], found["changes"]) == (True, 30_00, [])
        assert found["checks"][-1]["name"] == "funds"
        assert found["checks"][-1]["limit"] == balance
    assert not Message.across_companies.exists()
    assert api(world.bob).post(path, {**SWIPE, "amount": None}).json()["field"] == "amount"


def test_the_api_explains_a_decline(world, api):
    with company_scope(world.acme.pk):
        control(world, limits=cards.monthly(Money(20_00, "USD")))
        declined = authorize(world.card, swipe(30_00, at=timezone.now())).transaction
    found = api(world.bob).get(f"/api/v1/transactions/{declined.public_id}/decision/").json()
    assert (found["approved"], found["reason"], found["approvable"]["minor"]) == (False, "over_monthly_limit", 20_00)
    [change] = found["changes"]
    assert (change["check"], change["change"], change["amount"]["minor"]) == ("monthly_limit", "raise_limit", 10_00)
    assert change["message"] == "Raise the monthly limit by $10.00, or grant $10.00 for once."


def test_where_the_money_was_short_an_employee_is_told_whom_to_ask(world, api):
    with company_scope(world.acme.pk):
        declined = authorize(world.card, swipe(5_000_00)).transaction
    path = f"/api/v1/transactions/{declined.public_id}/decision/"
    assert [change["change"] for change in api(world.bob).get(path).json()["changes"]] == ["ask"]
    assert [change["change"] for change in api(world.alice).get(path).json()["changes"]] == ["top_up"]


def test_nobody_decided_about_what_was_never_asked(world, api):
    with company_scope(world.acme.pk):
        from transactions.operations.clearing import Fact, book

        forced = book(world.card, Fact("force_post", "f1", "p1", Money(1_00, "USD"), NOON))
    assert api(world.alice).get(f"/api/v1/transactions/{forced.public_id}/decision/").status_code == 404


def test_the_decline_of_a_blocked_account_is_the_companys(acme):
    accounts.suspend_company(acme.acme, actor=None, at=NOON)
    assert [change.what for change in told(acme).changes] == ["reactivate_company", "reactivate_company"]


def test_where_something_hidden_sets_the_bound_nobody_is_told_the_bound(world, api):
    body = {"amount": {"minor": 99_999_00, "currency": "USD"}, "merchant_name": "x", "merchant_code": "5812", "country": "US"}
    asked = f"/api/v1/cards/{world.card.public_id}/authorizations/preview/"
    assert api(world.bob).post(asked, body).json()["approvable"] is None
    assert api(world.alice).post(asked, body).json()["approvable"]["minor"] == 1_000_00
    with company_scope(world.acme.pk):
        control(world, limits=cards.monthly(Money(50_00, "USD")))
    body["amount"]["minor"] = 60_00
    assert api(world.bob).post(asked, body).json()["approvable"]["minor"] == 50_00


def test_a_grant_is_no_way_out_of_a_limit_where_the_card_spends_its_grants_alone(acme):
    control(acme, mode=CardMode.ZERO_UNTIL_GRANTED, limits=cards.monthly(Money(1_00, "USD")))
    cards.grant(acme.card, Money(50_00, "USD"), expires_at=NOON + timedelta(days=1), reason="x", actor=acme.alice, at=NOON)
    [change] = told(acme, 3_00).changes
    assert change.says == "Raise the monthly limit by $2.00."


def test_each_request_for_a_purchase_is_told_and_the_latest_is_explained_unless_another_is_named(world, api):
    with company_scope(world.acme.pk):
        first = authorize(world.card, swipe(5_00, network_id="first", ref="p"))
        second = authorize(world.card, swipe(5_000_00, network_id="second", ref="p"))
    client, route = api(world.alice), f"/api/v1/transactions/{first.transaction.public_id}/decision/"
    latest = client.get(route).json()
    assert (latest["approved"], latest["request"]["id"]) == (False, second.message.public_id)
    assert [(one["kind"], one["network_id"], one["approved"], one["approved_amount"]["minor"]) for one in latest["requests"]] == [
        ("authorization", "first", True, 5_00), ("increment", "second", False, 0),
    ]  # fmt: skip
    before = client.get(route, {"request": first.message.public_id}).json()
    assert (before["approved"], before["request"]["requested"]["minor"], before["requests"]) == (True, 5_00, latest["requests"])
    assert client.get(route, {"request": "msg_unknown"}).status_code == 404


def test_of_a_long_list_what_matched_is_kept_or_its_beginning(acme):
    names = [f"Shop {number}" for number in range(60)]
    control(acme, blocked_merchants=names)
    row = next(row for row in authorize(acme.card, swipe(1_00, merchant_name="shop 59")).message.checks_done if row["name"] == "merchant")
    assert row["limit"] == ["name:shop 59"]
    control(acme, blocked_merchants=[], allowed_merchants=names)
    row = next(row for row in authorize(acme.card, swipe(1_00)).message.checks_done if row["name"] == "allowed_merchant")
    assert (row["passed"], len(row["limit"])) == (False, 20)
