"""What a network tells besides requests: in any order, late, twice. It is booked, whatever it does to a limit or a balance."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import permutations

import pytest
from django.core.management import call_command

from cards import operations as cards
from cards.models import Interval, LimitCounter
from companies.models import Company
from spendtrackr import errors
from spendtrackr.models import Event
from spendtrackr.money import Money
from spendtrackr.tenancy import company_scope
from tests.factories import NOON, swipe
from transactions.models import DaySpend, Message, Transaction
from transactions.operations import accounts
from transactions.operations.clearing import Clearing, Fact, book, clear
from transactions.operations.swipes import NetworkIdReused, authorize
from transactions.tasks import expire_holds

_numbers = iter(range(1, 10**6))


def fact(kind: str, minor: int, *, ref: str = "p1", at=NOON, **more) -> Fact:
    name = more.pop("network_id", f"fact-{next(_numbers)}")
    return Fact(kind, name, ref, Money(minor, "USD"), at, merchant_name="Blue Bottle Coffee", merchant_code="5812", **more)


def tell(world, *facts: Fact) -> Transaction:
    for one in facts:
        purchase = book(world.card, one)
    purchase.refresh_from_db()
    return purchase


def money(world) -> tuple[int, int, int]:
    account = world.account()
    return account.available_minor, account.held_minor, account.spent_minor


def counted(interval: str = Interval.MONTH, on: date | None = None) -> tuple[int, int, int]:
    rows = LimitCounter.objects.filter(interval=interval, card__isnull=False)
    row = rows.get(starts_on=on) if on else rows.get()
    return row.held_minor, row.posted_minor, row.purchases


def test_an_advice_is_recorded_and_never_refused(acme):
    cards.freeze(acme.card, actor=acme.alice, at=NOON)
    purchase = tell(acme, fact("advice", 5_000_00))
    assert (purchase.status, purchase.held_minor, purchase.flags) == ("pending", 5_000_00, "stand_in")
    assert money(acme) == (-4_000_00, 5_000_00, 0)
    assert counted() == (5_000_00, 0, 1)


def test_a_capture_that_nobody_authorized_is_forced(acme):
    purchase = tell(acme, fact("force_post", 30_00))
    assert (purchase.status, purchase.captured_minor, purchase.flags, purchase.approval) == ("posted", 30_00, "forced", "open")
    assert money(acme) == (970_00, 0, 30_00)
    assert purchase.network_ref == "p1"


def test_a_capture_after_the_expiry_is_booked_and_marked_late(acme):
    authorize(acme.card, swipe(40_00, ref="p1"))
    purchase = tell(acme, fact("expiry", 0), fact("capture", 40_00, is_final=True))
    assert (purchase.status, purchase.held_minor, purchase.captured_minor, purchase.flags) == ("posted", 0, 40_00, "late")
    assert money(acme) == (960_00, 0, 40_00)


def test_several_captures_and_more_than_was_held(acme):
    authorize(acme.card, swipe(40_00, ref="p1"))
    purchase = tell(acme, fact("capture", 30_00), fact("capture", 20_00, is_final=True))
    assert (purchase.captured_minor, purchase.flags, money(acme)) == (50_00, "over_captured", (950_00, 0, 50_00))


def test_an_unlinked_refund_brings_money_and_no_room(acme):
    tell(acme, fact("force_post", 30_00))
    before = counted()
    credit = tell(acme, fact("refund", 10_00, ref="elsewhere"))
    assert (credit.status, credit.amount_minor, credit.flags, credit.approval) == ("posted", -10_00, "over_refunded", "none")
    assert counted() == before
    assert money(acme) == (980_00, 0, 20_00)


def test_a_chargeback_comes_back_and_may_be_lost(acme):
    authorize(acme.card, swipe(40_00, ref="p1"))
    disputed = tell(acme, fact("capture", 40_00, is_final=True), fact("chargeback", 40_00))
    assert (disputed.charged_back_minor, disputed.flags, money(acme)) == (40_00, "disputed", (1_000_00, 0, 0))
    assert counted() == (0, 0, 1)
    lost = tell(acme, fact("chargeback_reversal", 40_00))
    assert (lost.charged_back_minor, lost.flags, money(acme)) == (0, "", (960_00, 0, 40_00))


def test_a_refund_that_is_taken_back(acme):
    authorize(acme.card, swipe(40_00, ref="p1"))
    purchase = tell(acme, fact("capture", 40_00), fact("refund", 15_00), fact("refund_reversal", 15_00))
    assert (purchase.refunded_minor, money(acme)) == (0, (960_00, 0, 40_00))


def test_a_single_message_is_collected_at_once_and_its_reversal_gives_it_back(acme):
    decision = authorize(acme.card, swipe(25_00, ref="p1", is_financial=True))
    assert (decision.approved, decision.transaction.status, money(acme)) == (True, "posted", (975_00, 0, 25_00))
    assert DaySpend.objects.filter(dimension="card").get().amount_minor == 25_00
    back = tell(acme, fact("reversal", 25_00))
    assert (back.status, back.captured_minor, money(acme)) == ("reversed", 0, (1_000_00, 0, 0))


def test_a_single_message_beyond_the_money_is_declined(acme):
    decision = authorize(acme.card, swipe(1_000_01, is_financial=True))
    assert (decision.reason, money(acme), Message.objects.get().kind) == ("insufficient_funds", (1_000_00, 0, 0), "financial")


def test_an_increment_counts_in_the_window_of_the_first_request_and_is_no_further_purchase(acme):
    limits = [cards.Limit(Interval.DAY, 50_00), cards.Limit(Interval.DAY, count=1)]
    acme.card = cards.change_controls(acme.card, {"limits": limits}, actor=acme.alice, at=NOON)
    authorize(acme.card, swipe(30_00, ref="p1"))
    tomorrow = NOON + timedelta(days=1)
    assert authorize(acme.card, swipe(20_01, ref="p1", at=tomorrow)).reason == "over_daily_limit"
    more = authorize(acme.card, swipe(20_00, ref="p1", at=tomorrow))
    assert (more.approved, more.message.kind, more.transaction.held_minor) == (True, "increment", 50_00)
    assert counted(Interval.DAY) == (50_00, 0, 1)
    assert Transaction.objects.count() == 1


def test_a_closed_purchase_gets_no_more(acme):
    authorize(acme.card, swipe(30_00, ref="p1"))
    tell(acme, fact("reversal", 30_00))
    assert authorize(acme.card, swipe(1_00, ref="p1")).reason == "purchase_closed"


def test_a_part_is_approved_only_where_the_request_allows_it(acme):
    acme.card = cards.change_controls(acme.card, {"limits": cards.monthly(Money(50_00, "USD"))}, actor=acme.alice, at=NOON)
    assert authorize(acme.card, swipe(80_00)).reason == "over_monthly_limit"
    part = authorize(acme.card, swipe(80_00, allows_partial=True))
    assert (part.approved, part.approved_minor, part.transaction.flags) == (True, 50_00, "partial")
    assert (part.message.requested_minor, part.message.amount_minor) == (80_00, 50_00)
    assert authorize(acme.card, swipe(80_00, allows_partial=True)).reason == "over_monthly_limit"
    assert money(acme) == (950_00, 50_00, 0)


def test_no_part_of_what_is_wrong_for_another_reason(acme):
    cards.freeze(acme.card, actor=acme.alice, at=NOON)
    assert authorize(acme.card, swipe(2_000_00, allows_partial=True)).reason == "card_frozen"


def test_the_last_of_the_money_is_a_part_too(acme):
    part = authorize(acme.card, swipe(1_500_00, allows_partial=True))
    assert (part.approved_minor, money(acme)) == (1_000_00, (0, 1_000_00, 0))


def test_a_fact_moves_the_purchase_to_the_windows_of_its_authorization(acme):
    """The capture comes first, in April; then it turns out that the network had approved it in March."""
    april = NOON + timedelta(days=30)
    tell(acme, fact("capture", 20_00, at=april))
    assert counted(on=date(2026, 4, 1)) == (0, 20_00, 1)
    purchase = tell(acme, fact("advice", 20_00, at=NOON))
    assert (purchase.occurred_on, purchase.posted_on) == (date(2026, 3, 10), date(2026, 4, 9))
    assert (counted(on=date(2026, 4, 1)), counted(on=date(2026, 3, 1))) == ((0, 0, 0), (0, 20_00, 1))
    call_command("verify")


FACTS = [("advice", 50_00, 0), ("capture", 20_00, 3), ("refund", 5_00, 40), ("reversal", 10_00, 1)]


@pytest.mark.parametrize("order", list(permutations(range(4)))[::3])
def test_every_order_ends_in_the_same_state(acme, order):
    told = [fact(kind, minor, at=NOON + timedelta(days=days), network_id=f"f{n}") for n, (kind, minor, days) in enumerate(FACTS)]
    for number in order:
        purchase = tell(acme, told[number], told[order[0]])
    assert (purchase.status, purchase.held_minor, purchase.captured_minor, purchase.refunded_minor) == ("posted", 20_00, 20_00, 5_00)
    assert (purchase.occurred_on, purchase.posted_on, purchase.flags) == (date(2026, 3, 10), date(2026, 3, 13), "stand_in")
    assert money(acme) == (965_00, 20_00, 15_00)
    assert counted(on=date(2026, 3, 1)) == (20_00, 15_00, 1)
    by_day = DaySpend.objects.filter(dimension="card").order_by("starts_on").values_list("starts_on", "amount_minor")
    assert list(by_day) == [(date(2026, 3, 13), 20_00), (date(2026, 4, 19), -5_00)]
    assert Message.objects.count() == 4


def test_a_message_that_says_something_else_under_a_known_id_is_refused(acme):
    one = fact("force_post", 30_00, network_id="same")
    tell(acme, one)
    for other in (
        fact("force_post", 31_00, network_id="same"),
        fact("refund", 30_00, network_id="same"),
        fact("force_post", 30_00, ref="p2", network_id="same"),
    ):
        with pytest.raises(NetworkIdReused):
            book(acme.card, other)
    assert (Message.objects.count(), money(acme)) == (1, (970_00, 0, 30_00))


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        (lambda: fact("authorization", 1_00), "kind"),
        (lambda: fact("capture", 0), "amount.minor"),
        (lambda: fact("expiry", 1_00), "amount.minor"),
        (lambda: Fact("capture", "x", "p1", Money(1, "EUR"), NOON), "amount.currency"),
    ],
)
def test_what_is_no_fact_is_refused(acme, wrong, field):
    with pytest.raises(errors.Invalid) as refused:
        book(acme.card, wrong())
    assert refused.value.field == field
    assert not Message.objects.exists()


def test_a_reference_belongs_to_one_card(acme):
    other = cards.issue(acme.bob, name="Other", currency="USD", controls=cards.Controls(), actor=acme.alice, at=NOON)
    authorize(acme.card, swipe(1_00, ref="p1"))
    with pytest.raises(errors.Invalid):
        book(other, fact("capture", 1_00))
    with pytest.raises(NetworkIdReused):
        authorize(other, swipe(1_00, ref="p1"))


def test_a_forced_capture_of_a_declined_purchase_counts(acme):
    assert not authorize(acme.card, swipe(5_000_00, ref="p1")).approved
    purchase = tell(acme, fact("force_post", 20_00))
    assert (purchase.status, purchase.decline_code, purchase.amount_minor, purchase.approval) == ("posted", "", 20_00, "open")


def test_holds_that_nobody_collects_are_let_go(world):
    with company_scope(world.acme.pk):
        old = authorize(world.card, swipe(10_00)).transaction
        authorize(world.card, swipe(7_00, at=NOON + timedelta(days=6)))
    later = NOON + timedelta(days=7, minutes=1)
    assert [expire_holds(at=later), expire_holds(at=later)] == [1, 0]
    with company_scope(world.acme.pk):
        old.refresh_from_db()
        assert (old.status, old.flags, money(world)) == ("reversed", "expired", (993_00, 7_00, 0))
        assert Event.objects.filter(type="transaction.expired", subject_id=old.public_id).count() == 1
        with pytest.raises(errors.InvalidState):
            clear(old, Clearing("expiry", "again", later), actor=None)
    call_command("verify")


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_refund_and_its_reversal_come_to_nothing_in_either_order(acme, order):
    facts = [fact("refund", 30_00), fact("refund_reversal", 30_00)]
    assert tell(acme, *(facts[number] for number in order)).amount_minor == 0


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_what_came_to_nothing_needs_no_approval_in_either_order(acme, order):
    authorize(acme.card, swipe(30_00, ref="p1"))
    facts = [fact("refund", 30_00), fact("reversal", 30_00)]
    assert tell(acme, *(facts[number] for number in order)).approval == "none"


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_merchant_is_named_by_whichever_message_names_it(acme, order):
    facts = [Fact("expiry", "unnamed", "p1", Money(0, "USD"), NOON), fact("capture", 30_00)]
    purchase = tell(acme, *(facts[number] for number in order))
    assert (purchase.merchant.name, purchase.descriptor, purchase.merchant_code) == ("Blue Bottle Coffee", "Blue Bottle Coffee", "5812")
    assert DaySpend.objects.get(dimension="merchant", value_id=purchase.merchant_id).amount_minor == 30_00
    call_command("verify")


def test_what_was_spent_under_no_name_stays_there(acme):
    purchase = tell(acme, Fact("capture", "unnamed", "p1", Money(30_00, "USD"), NOON), fact("refund", 10_00))
    assert purchase.merchant.name == "Unnamed merchant"
    call_command("verify")


def test_a_day_of_posting_stays_whatever_the_time_zone_becomes(acme):
    late = datetime(2026, 3, 11, 2, tzinfo=UTC)  # the evening of the 10th in New York
    authorize(acme.card, swipe(20_00, ref="p1", at=late))
    day = tell(acme, fact("capture", 20_00, at=late, is_final=True)).posted_on
    for days, zone in ((1, "UTC"), (5, "Europe/Berlin")):
        company = Company.objects.get(pk=acme.acme.pk)
        accounts.change_company(company, {"time_zone": zone}, actor=acme.alice, at=NOON + timedelta(days=days))
    acme.card = type(acme.card).objects.get(pk=acme.card.pk)
    assert tell(acme, fact("refund", 1_00, at=NOON + timedelta(days=20))).posted_on == day == date(2026, 3, 10)
    call_command("verify")


def test_a_hold_that_cannot_be_let_go_keeps_no_other(world, monkeypatch, caplog):
    with company_scope(world.acme.pk):
        stuck = authorize(world.card, swipe(5_00)).transaction
        LimitCounter.objects.update(held_minor=0)  # damaged: letting go would take it below zero
    with company_scope(world.mallory.company_id):
        hers = authorize(world.her_card, swipe(5_00)).transaction
    assert expire_holds(at=NOON + timedelta(days=9), size=1) == 1
    assert f"expire of {stuck.public_id}" in caplog.text
    assert Transaction.across_companies.get(pk=hers.pk).held_minor == 0
