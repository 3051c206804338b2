from __future__ import annotations

import json
from datetime import date, timedelta

import pytest

from cards import issuers, operations, tasks
from cards.issuers import IssuerRefused
from cards.models import Card, CardControls
from spendtrackr import errors
from spendtrackr.models import Event
from spendtrackr.tenancy import AppendOnly, company_scope
from tests.factories import NOON, swipe
from transactions.operations.swipes import authorize


def issue(api, world, member=None, **body):
    return api(member or world.alice).post("/api/v1/cards/", {"holder": world.bob.public_id, **body})


def act(api, world, member, verb, card=None):
    return api(member).post(f"/api/v1/cards/{(card or world.card).public_id}/{verb}/")


def hire(world, name, role):
    with company_scope(world.acme.pk):
        return world.hire(name, role)


def test_an_issued_card_shows_its_last_four_and_expiry_and_never_a_number(world, api):
    response = issue(api, world, name="Travel", limits=[{"interval": "month", "amount": {"minor": 500_00, "currency": "USD"}}])
    assert response.status_code == 201
    card = response.json()
    assert (card["status"], card["holder"], card["currency"], card["name"]) == ("active", world.bob.public_id, "USD", "Travel")
    assert len(card["last4"]) == 4
    assert date.fromisoformat(card["expires_on"]).day >= 28
    assert card["limits"] == [{"interval": "month", "amount": {"minor": 500_00, "currency": "USD"}, "count": None}]
    assert not {"number", "pan", "cvv", "cvc"} & set(card)
    assert not [f.name for f in Card._meta.get_fields() if f.name in {"number", "pan", "cvv", "cvc"}]


def test_what_was_written_is_read_back_in_the_same_shape(world, api):
    body = {
        "name": "Office",
        "per_transaction_cap": {"minor": 100_00, "currency": "USD"},
        "mode": "normal",
        "limits": [
            {"interval": "week", "amount": {"minor": 50_00, "currency": "USD"}, "count": None},
            {"interval": "day", "amount": None, "count": 3},
        ],
        "blocked_merchant_categories": ["0742", "7995", "3000-3299"],
        "allowed_merchant_categories": ["5811-5814"],
        "blocked_merchants": ["id:9981", "name:casino royale"],
        "allowed_merchants": [],
        "blocked_countries": ["KP"],
        "allowed_countries": ["DE", "US"],
        "valid_from": "2026-03-01",
        "locks_on": "2098-12-24",
        "usage": "multi",
        "merchant": "",
        "budget": None,
    }
    made = issue(api, world, **body).json()
    shown = api(world.alice).get(f"/api/v1/cards/{made['id']}/").json()
    assert shown == made
    assert {name: shown[name] for name in body} == {**body, "blocked_merchant_categories": ["0742", "3000-3299", "7995"]}


@pytest.mark.parametrize("written", ["id: 77", "ID:77", " id :77 "])
def test_the_networks_id_of_a_merchant_blocks_however_it_is_spaced(world, api, written):
    made = issue(api, world, blocked_merchants=[written]).json()
    assert made["blocked_merchants"] == ["id:77"]
    with company_scope(world.acme.pk):
        decision = authorize(Card.objects.get(public_id=made["id"]), swipe(1_00, merchant_id="77"))
    assert decision.reason == "merchant_blocked"


@pytest.mark.parametrize(("role", "status"), [("admin", 201), ("finance", 403), ("auditor", 403), ("employee", 403)])
def test_who_may_issue(world, api, role, status):
    before = Card.across_companies.count()
    assert issue(api, world, member=hire(world, "Zoe", role)).status_code == status
    assert Card.across_companies.count() == before + (status == 201)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"holder": "mem_unknown"}, "holder"),
        ({"holder": 5}, "holder"),
        ({"currency": "XXX"}, "currency"),
        ({"limits": [{"interval": "month", "amount": {"minor": 0, "currency": "USD"}}]}, "limits.0.amount.minor"),
        ({"limits": [{"interval": "month", "amount": {"minor": 1, "currency": "EUR"}}]}, "limits.0.amount.currency"),
        ({"limits": [{"interval": "fortnight", "count": 1}]}, "limits.0.interval"),
        ({"limits": [{"interval": "unapproved", "count": 1}]}, "limits.0.interval"),
        ({"limits": [{"interval": "day"}]}, "limits.0"),
        ({"limits": [{"interval": "day", "count": 1}, {"interval": "day", "count": 2}]}, "limits"),
        ({"limits": 5}, "limits"),
        ({"mode": "approval_refill"}, "limits"),
        ({"mode": "generous"}, "mode"),
        ({"blocked_countries": ["DE", "Germany"]}, "blocked_countries.1"),
        ({"allowed_merchants": ["  "]}, "allowed_merchants.0"),
        ({"blocked_merchant_categories": ["5814-5811"]}, "blocked_merchant_categories.0"),
        ({"valid_from": "2098-03-02", "locks_on": "2098-03-02"}, "locks_on"),
        ({"locks_on": "2020-03-02"}, "locks_on"),
        ({"blocked_merchants": ["Shop", "id:"]}, "blocked_merchants.1"),
        ({"usage": "merchant_locked", "merchant": "id: "}, "merchant"),
        ({"blocked_merchants": ["ID:  "]}, "blocked_merchants.0"),
        ({"blocked_countries": ["DE", "US"], "allowed_countries": ["us"]}, "blocked_countries"),
        ({"blocked_merchants": ["SHOP"], "allowed_merchants": ["name:shop"]}, "blocked_merchants"),
        ({"blocked_merchant_categories": ["5812-5812"], "allowed_merchant_categories": ["5812"]}, "blocked_merchant_categories"),
        ({"valid_from": "tomorrow"}, "valid_from"),
        ({"usage": "triple"}, "usage"),
        ({"merchant": "Shop"}, "merchant"),
        ({"budget": "bud_unknown"}, "budget"),
        ({"per_transaction_cap": {"minor": True, "currency": "USD"}}, "per_transaction_cap.minor"),
        ({"blocked_merchant_categories": ["abcd"]}, "blocked_merchant_categories.0"),
        ({"blocked_merchant_categories": "7995"}, "blocked_merchant_categories"),
        ({"blocked_merchant_categories": ["7995", "0"]}, "blocked_merchant_categories.1"),
        ({"blocked_merchant_categories": ["9"]}, "blocked_merchant_categories.0"),
        ({"blocked_merchant_categories": ["0000"]}, "blocked_merchant_categories.0"),
        ({"allowed_merchant_categories": ["742"]}, "allowed_merchant_categories.0"),
        ({"name": "x" * 81}, "name"),
    ],
)
def test_bad_input_names_its_field_and_issues_nothing(world, api, body, field):
    before = Card.across_companies.count()
    response = issue(api, world, **body)
    assert (response.status_code, response.json()["field"]) == (400, field)
    assert Card.across_companies.count() == before


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"limits": [{"interval": "fortnight", "count": 1}]}, "interval is one of day, week, month, quarter, year, all_time."),
        ({"mode": "x"}, "mode is one of normal, approval_refill, zero_until_granted."),
        ({"usage": ["x"]}, "usage is one of multi, single_use, merchant_locked."),
        (
            {"blocked_merchant_categories": ["99999"]},
            "Write a code of four digits (ISO 18245), such as 5812, or a range of them, such as 5811-5814.",
        ),
        ({"blocked_merchant_categories": ["5814-5811"]}, "'5814-5811' ends before it begins."),
        ({"blocked_countries": ["XX"]}, "'XX' is not a country of ISO 3166-1, such as DE."),
        ({"limits": {}}, "Write a list, in square brackets."),
        ({"limits": [5]}, "Write an object: names and values in curly brackets."),
        ({"blocked_countries": {}}, "Write a list, in square brackets."),
    ],
)
def test_a_refusal_says_what_is_allowed_and_nothing_of_python(world, api, body, says):
    answer = issue(api, world, **body)
    assert (answer.status_code, answer.json()["message"]) == (400, says)


def test_a_card_may_lock_from_today_on_and_not_from_a_day_that_is_over(world, api, acme):
    today = world.acme.day_of(NOON)
    issued = {"name": "L", "currency": "USD", "actor": world.alice, "at": NOON}
    operations.issue(world.bob, controls=operations.Controls(locks_on=today), **issued)
    with pytest.raises(errors.Invalid) as caught:
        operations.issue(world.bob, controls=operations.Controls(locks_on=today - timedelta(days=1)), **issued)
    assert caught.value.field == "locks_on"
    # A card that is there is locked by any day: it was used before.
    operations.change_controls(world.card, {"locks_on": today - timedelta(days=1)}, actor=world.alice, at=NOON)


def test_a_filter_names_what_may_be_asked_for(world, api):
    answer = api(world.alice).get("/api/v1/cards/?status=lost")
    assert (answer.status_code, answer.json()["message"]) == (400, "status is one of pending, active, closed, failed.")


def test_an_employee_sees_their_own_cards_only(world, api):
    mine, hers = issue(api, world).json()["id"], issue(api, world, holder=world.alice.public_id).json()["id"]
    seen = {card["id"] for card in api(world.bob).get("/api/v1/cards/").json()["data"]}
    assert seen == {world.card.public_id, mine}
    assert api(world.bob).get(f"/api/v1/cards/{hers}/").status_code == 404


def test_cards_are_filtered_by_holder_and_status(world, api):
    act(api, world, world.alice, "close")
    other = issue(api, world).json()["id"]
    client = api(world.alice)
    assert [card["id"] for card in client.get("/api/v1/cards/?status=active").json()["data"]] == [other]
    assert len(client.get(f"/api/v1/cards/?holder={world.bob.public_id}").json()["data"]) == 2
    assert client.get("/api/v1/cards/?holder=mem_unknown").json()["data"] == []
    assert client.get("/api/v1/cards/?status=lost").status_code == 400


def test_changing_one_control_keeps_the_others_and_the_old_version(world, api):
    client = api(world.alice)
    path = f"/api/v1/cards/{world.card.public_id}/"
    client.patch(path, {"per_transaction_cap": {"minor": 50_00, "currency": "USD"}, "blocked_merchant_categories": ["7995"]})
    shown = client.patch(path, {"limits": [{"interval": "month", "amount": {"minor": 80_00, "currency": "USD"}}], "name": "Lunch"}).json()

    assert shown["per_transaction_cap"] == {"minor": 50_00, "currency": "USD"}
    assert (shown["limits"][0]["amount"]["minor"], shown["name"], shown["blocked_merchant_categories"]) == (80_00, "Lunch", ["7995"])
    versions = CardControls.across_companies.filter(card=world.card).order_by("version")
    assert [[row["amount_minor"] for row in json.loads(v.limits)] for v in versions] == [[], [], [80_00]]
    assert client.patch(path, {"per_transaction_cap": None}).json()["per_transaction_cap"] is None
    with company_scope(world.acme.pk), pytest.raises(AppendOnly):
        versions[0].save()


def test_a_frozen_card_declines_until_its_freeze_is_lifted(world, api):
    assert act(api, world, world.bob, "freeze").json()["frozen_by"] == ["holder"]
    with company_scope(world.acme.pk):
        declined = authorize(world.card, swipe())
    assert (declined.approved, declined.reason) == (False, "card_frozen")

    assert act(api, world, world.bob, "unfreeze").json()["frozen_by"] == []
    with company_scope(world.acme.pk):
        assert authorize(world.card, swipe()).approved


def test_a_holder_lifts_only_their_own_freeze(world, api):
    act(api, world, world.alice, "freeze")
    refused = act(api, world, world.bob, "unfreeze")
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")

    assert act(api, world, world.bob, "freeze").json()["frozen_by"] == ["admin", "holder"]
    assert act(api, world, world.bob, "unfreeze").json()["frozen_by"] == ["admin"]
    assert act(api, world, world.alice, "unfreeze").json()["frozen_by"] == []


def test_freezing_twice_and_lifting_nothing_are_illegal_states(world, api):
    assert act(api, world, world.bob, "unfreeze").json()["code"] == "invalid_state"
    act(api, world, world.bob, "freeze")
    again = act(api, world, world.bob, "freeze")
    assert (again.status_code, again.json()["code"]) == (409, "invalid_state")


def test_an_employee_cannot_freeze_a_colleagues_card(world, api):
    zoe = hire(world, "Zoe", "employee")
    assert act(api, world, zoe, "freeze").status_code == 404


@pytest.mark.parametrize("verb", ["freeze", "unfreeze", "close"])
def test_a_closed_card_stays_closed(world, api, verb):
    assert act(api, world, world.alice, "close").json()["status"] == "closed"
    assert act(api, world, world.alice, verb).json()["code"] == "invalid_state"
    assert api(world.alice).patch(f"/api/v1/cards/{world.card.public_id}/", {"name": "x"}).status_code == 409
    with company_scope(world.acme.pk):
        assert authorize(world.card, swipe()).reason == "card_not_active"


@pytest.mark.parametrize(("role", "status"), [("admin", 200), ("finance", 403), ("auditor", 403)])
def test_who_may_close(world, api, role, status):
    assert act(api, world, hire(world, "Zoe", role), "close").status_code == status


def test_a_holder_cannot_close_their_card(world, api):
    assert act(api, world, world.bob, "close").status_code == 403


class SlowIssuer:
    """An issuer over a network: it completes later, may be away, and makes one card for one id."""

    name, completes_inline = "simulator", False

    def __init__(self) -> None:
        self.asked, self.away, self.refuses = [], True, False

    def issue(self, card_id, *, currency, on):
        self.asked.append(card_id)
        if self.away:
            raise ConnectionError("no route to the issuer")
        if self.refuses:
            raise IssuerRefused
        return issuers.Simulator().issue(card_id, currency=currency, on=on)


@pytest.fixture
def slow(monkeypatch):
    issuer = SlowIssuer()
    monkeypatch.setitem(issuers.ISSUERS, "simulator", issuer)
    return issuer


def test_a_card_stays_pending_until_its_issuer_answers(acme, slow):
    card = operations.issue(acme.bob, name="Later", currency="USD", controls=operations.Controls(), actor=acme.alice, at=NOON)
    assert (card.status, slow.asked) == ("pending", [])

    assert tasks.complete_pending() == 0
    assert Card.objects.get(pk=card.pk).status == "pending"
    assert authorize(card, swipe()).reason == "card_not_active"

    slow.away = False
    assert tasks.complete_pending() == 1
    assert Card.objects.get(pk=card.pk).status == "active"
    assert tasks.complete_pending() == 0
    assert slow.asked == [card.public_id] * 2


def test_a_refused_card_fails_for_good(acme, slow):
    card = operations.issue(acme.bob, name="Never", currency="USD", controls=operations.Controls(), actor=acme.alice, at=NOON)
    slow.away, slow.refuses = False, True
    assert tasks.complete_pending() == 1
    assert Card.objects.get(pk=card.pk).status == "failed"
    assert Event.objects.filter(type="card.failed", subject_id=card.public_id).count() == 1


def test_the_simulator_makes_the_same_card_for_the_same_id():
    one, two = (issuers.Simulator().issue("card_x", currency="USD", on=date(2026, 1, 31)) for _ in range(2))
    assert one == two
    assert one.expires_on == date(2030, 1, 31)


def test_a_card_that_was_closed_while_its_issuer_was_asked_stays_closed(acme, slow):
    card = operations.issue(acme.bob, name="Later", currency="USD", controls=operations.Controls(), actor=acme.alice, at=NOON)
    seen_by_the_worker = Card.objects.get(pk=card.pk)
    operations.close(card, actor=acme.alice, at=NOON)
    slow.away = False
    assert operations.complete(seen_by_the_worker, at=NOON).status == "closed"
    assert (Card.objects.get(pk=card.pk).status, slow.asked) == ("closed", [])


def test_a_replacement_is_frozen_by_whatever_froze_the_old_card_but_its_holder(acme):
    operations.freeze(acme.card, actor=acme.bob, at=NOON)
    operations.freeze(acme.card, actor=acme.alice, at=NOON)
    new = operations.replace(acme.card, actor=acme.alice, at=NOON)
    assert [freeze.source for freeze in acme.reload(new).open_freezes] == ["admin"]
