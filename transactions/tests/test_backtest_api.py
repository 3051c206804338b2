"""Backtests through the API: asked for, followed, read, and listed to the row."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from spendtrackr.tenancy import company_scope
from tests.factories import swipe
from tests.rules import adopt, approver, document, money, route, rule, step
from transactions import tasks
from transactions.models import Backtest, BacktestRow
from transactions.operations import policies
from transactions.operations.swipes import authorize
from transactions.tests.test_backtests import bought

PATH = "/api/v1/backtests/"


@pytest.fixture
def draft(world):
    """Four purchases, a policy that approves the small ones, and a draft that approves fewer and asks about the large ones."""
    now = timezone.now()
    with company_scope(world.acme.pk):
        adopt(world, automatic_below=20_00)
        for minor in (5_00, 15_00, 25_00, 80_00):
            bought(world, minor, at=now - timedelta(days=minor // 100))
        rules = [
            rule("Small", amount_below=money(10_00), approval=route()),
            rule("Large", amount_from=money(50_00), flag="Three offers", approval=route(step(approver("role", role="owner")))),
        ]
        return policies.write(document(*rules, memo=50_00), actor=world.alice, at=now)


def asked(api, world, draft, body=None):
    return api(world.alice).post(f"/api/v1/policies/{draft.public_id}/backtest/", body or {})


def followed(api, world, draft, body=None) -> dict:
    public_id = asked(api, world, draft, body).json()["id"]
    tasks.run_backtests()
    return api(world.alice).get(f"{PATH}{public_id}/").json()


def test_it_is_asked_for_and_runs_in_the_background(world, api, draft):
    answer = asked(api, world, draft)
    assert answer.status_code == 201
    told = answer.json()
    today = world.acme.day_of(timezone.now())
    assert (told["kind"], told["policy"], told["card"], told["status"], told["done"], told["total"]) == (
        "policy", draft.public_id, None, "waiting", 0, 4,
    )  # fmt: skip
    assert (told["ends_on"], told["asked_by"], told["finished_at"]) == (f"{today}", world.alice.public_id, None)
    assert api(world.alice).get(f"{PATH}{told['id']}/").json()["result"] is None
    tasks.run_backtests()
    told = api(world.alice).get(f"{PATH}{told['id']}/").json()
    assert (told["status"], told["done"], told["total"]) == ("done", 4, 4)


def test_the_result_says_what_would_have_become_of_what(world, api, draft):
    result = followed(api, world, draft)["result"]
    assert result["moved"] == [
        {"before": "automatic", "after": "automatic", "count": 1, "amount": money(5_00)},
        {"before": "automatic", "after": "waits", "count": 1, "amount": money(15_00)},
        {"before": "waits", "after": "waits", "count": 1, "amount": money(25_00)},
        {"before": "waits", "after": "incomplete", "count": 1, "amount": money(80_00)},
    ]
    assert [(one["of"], one["before_count"], one["after_count"]) for one in result["outcomes"]] == [
        ("automatic", 2, 1), ("waits", 2, 2), ("incomplete", 0, 1),
    ]  # fmt: skip
    [alice] = result["approvers"]
    assert (alice["of"], alice["name"], alice["before_count"], alice["after_count"]) == (world.alice.public_id, "Alice", 2, 3)
    assert (alice["before_amount"], alice["after_amount"]) == (money(105_00), money(120_00))
    assert [(one["of"], one["before_count"], one["after_count"]) for one in result["flags"]] == [("Three offers", 0, 1)]
    assert [(one["of"], one["after_amount"]) for one in result["missing"]] == [("memo", money(80_00))]


@pytest.mark.parametrize(
    ("query", "amounts"),
    [
        ("", [5_00, 15_00, 25_00, 80_00]),
        ("before=automatic", [5_00, 15_00]),
        ("before=automatic&after=waits", [15_00]),
        ("after=incomplete", [80_00]),
        ("after=nobody_eligible", []),
        ("changed=true", [15_00, 80_00]),
        ("changed=false", [5_00, 25_00]),
        ("flag_after=Three offers", [80_00]),
        ("flag_before=Three offers", []),
        ("missing_after=memo", [80_00]),
        ("missing_before=memo", []),
        ("approver_after={alice}", [15_00, 25_00, 80_00]),
        ("approver_before={alice}&after=incomplete", [80_00]),
        ("approver_after={bob}", []),
        ("approver_after=mem_unknown", []),
        ("currency=USD", [5_00, 15_00, 25_00, 80_00]),
        ("currency=EUR", []),
    ],
)
def test_behind_each_number_are_its_rows(world, api, draft, query, amounts):
    public_id = followed(api, world, draft)["id"]
    query = query.format(alice=world.alice.public_id, bob=world.bob.public_id)
    told = api(world.alice).get(f"{PATH}{public_id}/rows/?{query}").json()
    assert sorted(row["amount"]["minor"] for row in told["data"]) == amounts


def test_a_row_says_who_is_asked_by_both(world, api, draft):
    public_id = followed(api, world, draft)["id"]
    [row] = api(world.alice).get(f"{PATH}{public_id}/rows/?after=incomplete").json()["data"]
    assert (row["merchant_name"], row["member"], row["is_changed"]) == ("Blue Bottle Coffee", world.bob.public_id, True)
    nothing = {"code": "", "rule": "Otherwise", "missing_items": [], "flags": [], "steps": [[world.alice.public_id]]}
    assert row["before"] == {"outcome": "waits", **nothing}
    assert row["after"] == {
        "outcome": "incomplete", "code": "", "rule": "Large", "missing_items": ["memo"], "flags": ["Three offers"],
        "steps": [[world.alice.public_id]],
    }  # fmt: skip


def test_pages_of_rows_hang_together(world, api, draft):
    public_id = followed(api, world, draft)["id"]
    found, cursor = [], ""
    for _ in range(4):
        told = api(world.alice).get(f"{PATH}{public_id}/rows/?limit=1{cursor}").json()
        found += [row["amount"]["minor"] for row in told["data"]]
        cursor = f"&cursor={told['next_cursor']}"
    assert (found, told["next_cursor"]) == ([5_00, 15_00, 25_00, 80_00], None)


def test_a_list_of_rows_asks_as_many_questions_for_many_as_for_few(world, api, draft, django_assert_num_queries):
    public_id = followed(api, world, draft)["id"]
    client = api(world.alice)
    for query in ("before=waits&limit=1", "before=waits&limit=200"):
        with django_assert_num_queries(6):
            client.get(f"{PATH}{public_id}/rows/?{query}")


def test_days_may_be_chosen(world, api, draft):
    today = world.acme.day_of(timezone.now())
    body = {"starts_on": f"{today - timedelta(days=30)}", "ends_on": f"{today - timedelta(days=10)}"}
    told = followed(api, world, draft, body)
    assert (told["starts_on"], told["ends_on"], told["total"]) == (body["starts_on"], body["ends_on"], 2)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"ends_on": "2026-02-30"}, "ends_on"),
        ({"starts_on": "2026-03-01", "ends_on": "2026-02-28"}, "ends_on"),
        ({"starts_on": "2020-01-01", "ends_on": "2026-02-28"}, "starts_on"),
        ({"from": "2026-03-01"}, "from"),
    ],
)
def test_what_makes_no_sense_is_refused_by_its_name(world, api, draft, body, field):
    answer = asked(api, world, draft, body)
    assert (answer.status_code, answer.json()["field"]) == (400, field)
    assert not Backtest.across_companies.exists()


@pytest.mark.parametrize("query", ["before=perhaps", "after=perhaps", "nothing=1"])
def test_a_filter_that_nobody_knows_is_refused(world, api, draft, query):
    public_id = asked(api, world, draft).json()["id"]
    answer = api(world.alice).get(f"{PATH}{public_id}/rows/?{query}")
    assert (answer.status_code, answer.json()["field"]) == (400, query.split("=")[0])


def test_four_at_once_are_too_many(world, api, draft):
    for _ in range(3):
        assert asked(api, world, draft).status_code == 201
    assert asked(api, world, draft).status_code == 409


def test_what_is_running_lists_what_it_has(world, api, draft, monkeypatch):
    monkeypatch.setattr("transactions.queries.trials.BLOCK", 3)
    public_id = asked(api, world, draft).json()["id"]
    tasks.run_backtests(seconds=0)
    told = api(world.alice).get(f"{PATH}{public_id}/").json()
    assert (told["status"], told["done"], told["total"], told["result"]) == ("running", 3, 4, None)
    assert len(api(world.alice).get(f"{PATH}{public_id}/rows/").json()["data"]) == 3
    assert BacktestRow.across_companies.count() == 3


# Of controls.


def swiped(world, *minors: int) -> None:
    with company_scope(world.acme.pk):
        for minor in minors:
            authorize(world.card, swipe(minor, at=timezone.now()))


def test_draft_controls_are_tried_on_a_cards_swipes(world, api):
    swiped(world, 30_00, 60_00)
    body = {"per_transaction_cap": money(50_00), "limits": [{"interval": "month", "amount": money(200_00)}]}
    body |= {"blocked_countries": ["RU"], "blocked_merchant_categories": ["7995"]}
    answer = api(world.alice).post(f"/api/v1/cards/{world.card.public_id}/controls/backtest/", body)
    assert (answer.status_code, answer.json()["kind"], answer.json()["card"], answer.json()["policy"]) == (
        201, "controls", world.card.public_id, None,
    )  # fmt: skip
    tasks.run_backtests()
    told = api(world.alice).get(f"{PATH}{answer.json()['id']}/").json()
    assert (told["controls"]["per_transaction_cap"], told["controls"]["mode"]) == (money(50_00), "normal")
    assert told["controls"]["limits"] == [{"interval": "month", "amount": money(200_00), "count": None}]
    lists = {name: values for name, values in told["controls"].items() if name.startswith(("blocked_", "allowed_"))}
    assert lists == {name: body.get(name, []) for name in lists}
    assert len(lists) == 6
    assert told["result"]["moved"] == [
        {"before": "approved", "after": "approved", "count": 1, "amount": money(30_00)},
        {"before": "approved", "after": "declined", "count": 1, "amount": money(60_00)},
    ]
    assert [(one["of"], one["after_count"]) for one in told["result"]["codes"]] == [("over_transaction_cap", 1)]
    [row] = api(world.alice).get(f"{PATH}{told['id']}/rows/?code_after=over_transaction_cap").json()["data"]
    assert (row["amount"], row["before"]["outcome"], row["after"]["code"]) == (money(60_00), "approved", "over_transaction_cap")
    with company_scope(world.acme.pk):
        assert world.reload().rules.per_transaction_cap_minor is None


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"per_transaction_cap": money(1, "EUR")}, "per_transaction_cap.currency"),
        ({"limits": [{"interval": "month", "amount": money(1, "EUR")}]}, "limits.0.amount.currency"),
        ({"name": "Other"}, "name"),
        ({"blocked_countries": ["XX"]}, "blocked_countries.0"),
        ({"starts_on": "soon"}, "starts_on"),
    ],
)
def test_controls_that_make_no_sense_are_refused_by_their_name(world, api, body, field):
    answer = api(world.alice).post(f"/api/v1/cards/{world.card.public_id}/controls/backtest/", body)
    assert (answer.status_code, answer.json()["field"]) == (400, field)
    assert not Backtest.across_companies.exists()
