"""Asking again: after a decline, for more of a purchase, under an id that was used. No answer passes for another."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.management import call_command

from cards import operations as cards
from cards.controls import Limit
from cards.models import BudgetInterval, CardMode, CardUsage, Interval, LimitCounter
from cards.operations import budgets
from spendtrackr.money import Money
from spendtrackr.tenancy import company_scope
from tests.factories import NOON, swipe
from tests.rules import adopt, decide
from transactions.models import Approval, Transaction
from transactions.operations import approvals
from transactions.operations.clearing import Fact, book
from transactions.operations.swipes import NetworkIdReused, authorize

SWIPES = "/api/v1/simulator/authorizations/"


def usd(minor: int) -> Money:
    return Money(minor, "USD")


def envelope(world, name: str, limit: int):
    return budgets.create(
        name=name, limit=usd(limit), interval=BudgetInterval.MONTH, is_hard=True, owner=world.alice, actor=world.alice, at=NOON
    )


def card_with(world, *, budget=None, usage=CardUsage.MULTI, **rules):
    controls = cards.Controls(**rules)
    return cards.issue(world.bob, name="C", currency="USD", controls=controls, usage=usage, budget=budget, actor=world.alice, at=NOON)


# What was declined is nothing that more could be asked for.


def test_after_a_decline_the_same_reference_is_asked_anew_and_the_decline_stays(acme):
    cards.freeze(acme.card, actor=acme.alice, at=NOON)
    declined = authorize(acme.card, swipe(50_00, ref="p", network_id="first"))
    cards.unfreeze(acme.card, actor=acme.alice, at=NOON)
    again = authorize(acme.card, swipe(40_00, ref="p", network_id="second"))
    assert (again.message.kind, again.transaction.network_ref) == ("authorization", "p")
    before = Transaction.objects.get(pk=declined.transaction.pk)
    assert (before.status, before.decline_code, before.amount_minor, before.network_ref) == ("declined", "card_frozen", 50_00, None)
    assert authorize(acme.card, swipe(50_00, ref="p", network_id="first")).message == declined.message
    assert authorize(acme.card, swipe(40_00, ref="p", network_id="second")).message == again.message


def test_each_decline_keeps_its_own_reason(acme):
    cards.freeze(acme.card, actor=acme.alice, at=NOON)
    authorize(acme.card, swipe(10_00, ref="p"))
    cards.unfreeze(acme.card, actor=acme.alice, at=NOON)
    authorize(acme.card, swipe(5_000_00, ref="p"))
    rows = Transaction.objects.order_by("pk").values_list("decline_code", "amount_minor")
    assert list(rows) == [("card_frozen", 10_00), ("insufficient_funds", 5_000_00)]


def test_asked_again_it_draws_from_what_its_card_draws_from_now(acme):
    old, new = envelope(acme, "Old", 10_00), envelope(acme, "New", 5_00)
    card = card_with(acme, budget=old)
    assert authorize(card, swipe(50_00, ref="p")).reason == "over_budget"
    card = cards.change_controls(card, {"budget": new}, actor=acme.alice, at=NOON)
    assert authorize(card, swipe(8_00, ref="p")).reason == "over_budget"
    assert authorize(card, swipe(5_00, ref="p")).transaction.budget == new
    book(card, Fact("capture", "c", "p", usd(5_00), NOON, is_final=True))
    assert LimitCounter.objects.get(budget=new).posted_minor == 5_00
    assert not LimitCounter.objects.filter(budget=old, purchases__gt=0).exists()
    call_command("verify")


def test_what_follows_a_decline_in_another_currency_is_in_the_cards(acme):
    assert authorize(acme.card, swipe(50_00, ref="p", currency="EUR")).reason == "wrong_currency"
    book(acme.card, Fact("force_post", "f", "p", usd(20_00), NOON))
    assert acme.account().spent_minor == 20_00
    assert authorize(acme.card, swipe(50_00, ref="q", currency="EUR")).reason == "wrong_currency"
    assert authorize(acme.card, swipe(10_00, ref="q")).approved
    book(acme.card, Fact("capture", "c", "q", usd(10_00), NOON, is_final=True))
    assert (acme.account().spent_minor, acme.account().held_minor) == (30_00, 0)
    call_command("verify")


def test_a_declined_request_for_more_in_another_currency_is_answered_again(acme):
    authorize(acme.card, swipe(10_00, ref="p"))
    more = swipe(5_00, ref="p", currency="EUR", network_id="more")
    first = authorize(acme.card, more)
    assert (first.reason, authorize(acme.card, more).message) == ("wrong_currency", first.message)


def test_by_api_a_declined_purchase_is_not_asked_more_of(world, api):
    with company_scope(world.acme.pk):
        declined = authorize(world.card, swipe(5_000_00)).transaction
    answer = api(world.alice).post(f"{SWIPES}{declined.public_id}/increment/", {"amount": {"minor": 1, "currency": "USD"}})
    assert (answer.status_code, answer.json()["code"]) == (409, "invalid_state")
    with company_scope(world.acme.pk):
        assert Transaction.objects.get().status == "declined"


# An id that was used.


@pytest.mark.parametrize("kind", ["capture", "refund"])
def test_the_id_of_a_fact_is_not_an_approval(acme, kind):
    book(acme.card, Fact(kind, "same", "p", usd(30_00), NOON))
    for ref in ("p", "q"):
        with pytest.raises(NetworkIdReused):
            authorize(acme.card, swipe(30_00, network_id="same", ref=ref))
    assert acme.account().held_minor == 0


def test_the_id_of_a_request_is_not_that_of_one_for_another_purchase(acme):
    authorize(acme.card, swipe(30_00, network_id="same", ref="p"))
    with pytest.raises(NetworkIdReused):
        authorize(acme.card, swipe(30_00, network_id="same", ref="q"))


# More of a purchase.


@pytest.mark.parametrize("is_financial", [True, False])
def test_a_cap_is_for_all_of_a_purchase(acme, is_financial):
    card = card_with(acme, per_transaction_cap=usd(50_00))
    assert authorize(card, swipe(50_00, ref="p", is_financial=True)).approved
    assert authorize(card, swipe(1, ref="p", is_financial=is_financial)).reason == "over_transaction_cap"


def test_more_of_what_was_approved_and_partly_collected_waits_for_approval_again(acme):
    adopt(acme)
    card = card_with(acme, mode=CardMode.APPROVAL_REFILL, limits=[Limit(Interval.ALL_TIME, 100_00)])
    purchase = authorize(card, swipe(20_00, ref="p")).transaction
    book(card, Fact("capture", "c", "p", usd(10_00), NOON))
    approvals.submit(purchase, actor=type(acme.bob).objects.get(pk=acme.bob.pk), at=NOON)
    decide(Approval.objects.get(), acme.alice, at=NOON)
    answers = [authorize(card, swipe(30_00, ref="p")).approved for _ in range(4)]
    assert answers == [True, True, False, False]
    assert LimitCounter.objects.get(interval=Interval.UNAPPROVED).used_minor == 80_00
    assert Transaction.objects.get().approval == "open"
    call_command("verify")


def test_a_grant_that_is_used_up_and_more_leaves_no_part(acme):
    card = card_with(acme, mode=CardMode.ZERO_UNTIL_GRANTED)
    cards.grant(card, usd(30_00), expires_at=NOON + timedelta(days=9), reason="x", actor=acme.alice, at=NOON)
    authorize(card, swipe(30_00, ref="p"))
    book(card, Fact("capture", "c", "p", usd(40_00), NOON))
    assert authorize(card, swipe(5_00, allows_partial=True)).reason == "not_granted"


def test_what_began_on_a_grant_stays_within_it_whatever_becomes_of_the_card(acme):
    card = card_with(acme, mode=CardMode.ZERO_UNTIL_GRANTED)
    cards.grant(card, usd(30_00), expires_at=NOON + timedelta(days=9), reason="x", actor=acme.alice, at=NOON)
    authorize(card, swipe(20_00, ref="p"))
    card = cards.change_controls(card, {"mode": CardMode.NORMAL}, actor=acme.alice, at=NOON)
    assert authorize(card, swipe(11_00, ref="p")).reason == "not_granted"
    assert authorize(card, swipe(10_00, ref="p")).approved
    assert authorize(card, swipe(11_00)).approved


def hotel(card, client):
    body = {
        "card": card.public_id, "amount": {"minor": 10_00, "currency": "USD"}, "merchant_name": "Hotel", "merchant_code": "7011",
        "country": "US", "merchant_id": "M1",
    }  # fmt: skip
    return client.post(SWIPES, body).json()["transaction"]["id"]


def more_of(purchase: str, client):
    return client.post(f"{SWIPES}{purchase}/increment/", {"amount": {"minor": 5_00, "currency": "USD"}}).json()


def test_the_simulator_asks_for_more_as_the_same_merchant(world, api):
    client = api(world.alice)
    with company_scope(world.acme.pk):
        locked = card_with(world, usage=CardUsage.MERCHANT_LOCKED)
    assert more_of(hotel(locked, client), client)["approved"]
    bought = hotel(world.card, client)
    with company_scope(world.acme.pk):
        cards.change_controls(world.card, {"blocked_merchants": ["id:M1"]}, actor=world.alice, at=NOON)
    assert more_of(bought, client)["reason"] == "merchant_blocked"


def test_a_card_for_one_merchant_knows_it_again_by_the_name_that_was_kept(acme):
    card = card_with(acme, usage=CardUsage.MERCHANT_LOCKED)
    for _ in range(2):
        assert authorize(card, swipe(1_00, merchant_name="SHOP 4111 1111 1111 1111")).reason == ""
    assert authorize(card, swipe(1_00, merchant_name="Another")).reason == "merchant_locked"
