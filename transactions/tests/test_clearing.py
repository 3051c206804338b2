from __future__ import annotations

from datetime import timedelta

import pytest

from cards import operations as cards
from cards.models import LimitCounter
from spendtrackr import errors
from spendtrackr.models import Event
from spendtrackr.money import Money
from tests.factories import NOON, swipe
from transactions.models import DaySpend, Draw, Entry, Message, MonthSpend, SpendLine, Transaction, TransactionSource, TransactionStatus
from transactions.operations.clearing import Clearing, clear
from transactions.operations.swipes import authorize
from transactions.tasks import expire_holds

LATER = NOON + timedelta(days=1)


@pytest.fixture
def bought(acme):
    acme.purchase = authorize(acme.card, swipe(100_00)).transaction
    return acme


def tell(world, kind, amount=None, *, final=False, network_id=None, at=LATER) -> Transaction:
    number = network_id or f"{kind}-{Message.objects.count()}"
    return clear(world.purchase, Clearing(kind, number, at, amount, final), actor=None)


def money(world) -> tuple[int, int, int]:
    account = world.account()
    return account.available_minor, account.held_minor, account.spent_minor


def counted() -> tuple[int, int]:
    counter = LimitCounter.objects.get()
    return counter.held_minor, counter.posted_minor


def test_a_capture_spends_what_was_held(bought):
    purchase = tell(bought, "capture", final=True)
    assert (purchase.status, purchase.held_minor, purchase.captured_minor, purchase.posted_on.isoformat()) == (
        "posted",
        0,
        100_00,
        "2026-03-11",
    )
    assert (money(bought), counted()) == ((900_00, 0, 100_00), (0, 100_00))
    assert Event.objects.filter(type="transaction.captured").count() == 1


def test_spend_has_a_line_with_all_dimensions_on_the_posting_day(bought):
    tell(bought, "capture", final=True)
    line = SpendLine.objects.get()
    assert (line.day.isoformat(), line.amount_minor, line.currency) == ("2026-03-11", 100_00, "USD")
    assert (line.member, line.card, line.category.name, line.merchant.name) == (bought.bob, bought.card, "Meals", "Blue Bottle Coffee")
    cells = {
        "category": line.category_id,
        "department": 0,
        "member": bought.bob.pk,
        "card": bought.card.pk,
        "merchant": line.merchant_id,
        "budget": 0,
    }
    for rollup, day in ((DaySpend, 11), (MonthSpend, 1)):
        kept = rollup.objects.values_list("dimension", "value_id", "starts_on__day", "line_count", "item_count", "amount_minor")
        assert sorted(kept) == sorted((dimension, value, day, 1, 1, 100_00) for dimension, value in cells.items())


def test_a_final_capture_of_less_frees_the_rest(bought):
    tell(bought, "capture", 70_00, final=True)
    assert (money(bought), counted()) == ((930_00, 0, 70_00), (0, 70_00))


def test_captures_in_parts(bought):
    tell(bought, "capture", 30_00)
    assert money(bought) == (900_00, 70_00, 30_00)
    tell(bought, "capture", 70_00)
    assert (money(bought), counted()) == ((900_00, 0, 100_00), (0, 100_00))


def test_a_tip_is_taken_from_what_is_available(bought):
    tell(bought, "capture", 118_00, final=True)
    assert (money(bought), counted()) == ((882_00, 0, 118_00), (0, 118_00))


def test_a_fact_may_exceed_the_limit_and_the_next_request_declines(bought):
    bought.card = cards.change_controls(bought.card, {"limits": cards.monthly(Money(110_00, "USD"))}, actor=bought.alice, at=NOON)
    tell(bought, "capture", 118_00, final=True)
    draw = Draw.objects.order_by("seq").last()
    assert (draw.is_approval, draw.limit_minor, draw.held_delta_minor, draw.posted_delta_minor) == (False, 110_00, -100_00, 118_00)
    assert authorize(bought.card, swipe(1)).reason == "over_monthly_limit"


def test_a_reversal_frees_the_hold(bought):
    assert tell(bought, "reversal").status == "reversed"
    assert (money(bought), counted()) == ((1_000_00, 0, 0), (0, 0))
    assert not SpendLine.objects.exists()


def test_a_partial_reversal_frees_its_part(bought):
    tell(bought, "reversal", 40_00)
    assert (money(bought), counted()) == ((940_00, 60_00, 0), (60_00, 0))


def test_a_refund_gives_money_and_room_back(bought):
    tell(bought, "capture", final=True)
    purchase = tell(bought, "refund", 30_00, at=LATER + timedelta(days=25))
    assert (purchase.status, purchase.refunded_minor) == ("posted", 30_00)
    assert (money(bought), counted()) == ((930_00, 0, 70_00), (0, 70_00))
    assert [(line.day.month, line.amount_minor) for line in SpendLine.objects.order_by("day")] == [(3, 100_00), (4, -30_00)]
    assert sorted(MonthSpend.objects.filter(dimension="category").values_list("starts_on__month", "amount_minor")) == [
        (3, 100_00),
        (4, -30_00),
    ]


@pytest.mark.parametrize("kind", ["capture", "reversal", "refund"])
def test_the_same_message_counts_once(bought, kind):
    if kind == "refund":
        tell(bought, "capture", final=True)
    tell(bought, kind, 20_00, network_id="once")
    before = (money(bought), counted(), Entry.objects.count(), Draw.objects.count())
    tell(bought, kind, 20_00, network_id="once")
    assert (money(bought), counted(), Entry.objects.count(), Draw.objects.count()) == before


@pytest.mark.parametrize(
    ("first", "then", "message"),
    [
        ("reversal", "capture", "no open hold to capture"),
        ("capture", "reversal", "no open hold to reverse"),
        ("reversal", "refund", "Nothing was captured"),
        (None, "refund", "Nothing was captured"),
    ],
)
def test_what_makes_no_sense_is_refused_and_moves_nothing(bought, first, then, message):
    if first:
        tell(bought, first, final=True)
    before = money(bought), Message.objects.count()
    with pytest.raises(errors.InvalidState, match=message):
        tell(bought, then)
    assert (money(bought), Message.objects.count()) == before


@pytest.mark.parametrize("kind", ["reversal", "refund"])
def test_more_than_there_is_cannot_be_given_back(bought, kind):
    if kind == "refund":
        tell(bought, "capture", final=True)
    with pytest.raises(errors.Invalid) as refused:
        tell(bought, kind, 100_01)
    assert refused.value.field == "amount.minor"


def test_a_declined_purchase_has_nothing_to_clear(acme):
    acme.purchase = authorize(acme.card, swipe(5_000_00)).transaction
    with pytest.raises(errors.InvalidState):
        tell(acme, "capture")


def test_a_purchase_on_a_closed_card_still_clears(bought):
    cards.close(bought.card, actor=bought.alice, at=NOON)
    assert tell(bought, "capture", final=True).status == "posted"


def test_a_statement_line_has_no_messages(acme):
    line = Transaction.objects.create(
        source=TransactionSource.STATEMENT,
        status=TransactionStatus.POSTED,
        currency="USD",
        amount_minor=5,
        occurred_at=NOON,
        occurred_on=NOON,
    )
    with pytest.raises(errors.InvalidState, match="not made with a card"):
        clear(line, Clearing("refund", "r", NOON), actor=None)


def test_rollups_add_up_purchases_of_one_day_and_category(acme):
    for number, minor in enumerate((10_00, 5_00, 2_50)):
        purchase = authorize(acme.card, swipe(minor)).transaction
        clear(purchase, Clearing("capture", f"sum-{number}", LATER, is_final=True), actor=None)
    for rollup in (DaySpend, MonthSpend):
        assert list(rollup.objects.values_list("line_count", "item_count", "amount_minor")) == [(3, 3, 17_50)] * 6


def test_what_is_left_of_a_hold_after_a_part_was_captured_expires_too(acme):
    purchase = authorize(acme.card, swipe(50_00)).transaction
    clear(purchase, Clearing("capture", "c1", NOON, 20_00), actor=None)
    assert expire_holds(at=NOON + timedelta(days=8)) == 1
    assert acme.account().held_minor == 0
