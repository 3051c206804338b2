"""What a request for more of a purchase is measured by, when the purchase is not what it was when it began."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cards import operations as cards
from cards.controls import Limit
from cards.models import CardMode, Interval, LimitCounter
from spendtrackr.money import Money
from tests.factories import NOON, swipe
from tests.rules import adopt, decide
from transactions.models import Approval, Transaction
from transactions.operations import approvals
from transactions.operations.clearing import Fact, book
from transactions.operations.swipes import authorize

NEXT_DAY = NOON + timedelta(days=1)


def card_with(acme, *limits, **controls):
    rules = cards.Controls(limits=list(limits), **controls)
    return cards.issue(acme.bob, name="C", currency="USD", controls=rules, actor=acme.alice, at=NOON)


def approve(acme, purchase):
    adopt(acme)
    approvals.submit(purchase, actor=type(acme.bob).objects.get(pk=acme.bob.pk), at=NOON)
    decide(Approval.objects.get(transaction=purchase), acme.alice, at=NOON)


def test_more_of_an_approved_purchase_takes_back_the_room_that_its_approval_gave(acme):
    card = card_with(acme, Limit(Interval.ALL_TIME, 60_00), mode=CardMode.APPROVAL_REFILL)
    first = authorize(card, swipe(50_00, ref="p"))
    approve(acme, first.transaction)
    # With more on it, somebody has to approve it again: all of it counts.
    more = authorize(card, swipe(20_00, ref="p"))
    assert (more.approved, more.reason) == (False, "over_refill_limit")
    assert authorize(card, swipe(10_00, ref="p")).approved
    assert LimitCounter.objects.get(interval="unapproved").used_minor == 60_00


@pytest.mark.parametrize("kind", ["advice", "capture"])
def test_a_request_after_a_fact_brings_all_of_the_purchase_into_its_own_day(acme, kind):
    card = card_with(acme, Limit(Interval.DAY, 60_00))
    book(card, Fact(kind, "f1", "p", Money(50_00, "USD"), NOON, merchant_name="A"))
    more = authorize(card, swipe(20_00, ref="p", at=NEXT_DAY))
    assert (more.approved, more.reason) == (False, "over_daily_limit")
    assert authorize(card, swipe(10_00, ref="p", at=NEXT_DAY)).approved


def test_a_request_after_a_fact_is_one_more_purchase_of_its_day(acme):
    card = card_with(acme, Limit(Interval.DAY, count=1))
    book(card, Fact("advice", "f1", "p", Money(5_00, "USD"), NOON, merchant_name="A"))
    assert authorize(card, swipe(1_00, at=NEXT_DAY)).approved
    assert authorize(card, swipe(1_00, ref="p", at=NEXT_DAY)).reason == "over_daily_count"


def test_a_slow_clock_does_not_move_a_purchase_to_the_day_before(acme):
    """New York's midnight: the machine that answers second is a minute behind."""
    midnight = NOON.replace(hour=4)
    card = card_with(acme, Limit(Interval.DAY, 60_00))
    first = authorize(card, swipe(5_00, ref="p", at=midnight)).transaction
    authorize(card, swipe(5_00, ref="p", at=midnight - timedelta(minutes=1)))
    assert Transaction.objects.get(pk=first.pk).occurred_on == first.occurred_on
    assert LimitCounter.objects.get(card=card, interval="day").used_minor == 10_00
