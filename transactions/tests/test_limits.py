"""Limits by amount and count in every window, grants, modes, single use, merchant lock, block lists: decided on real rows."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from django.core.management import call_command

from cards import operations as cards
from cards.controls import Limit
from cards.models import CardMode, CardUsage, Freeze, Interval, LimitCounter
from spendtrackr import errors
from spendtrackr.money import Money
from tests.factories import NOON, swipe
from tests.rules import adopt, decide
from transactions.models import Draw, FundingAccount, Transaction
from transactions.operations import accounts, approvals
from transactions.operations.clearing import Clearing, clear
from transactions.operations.swipes import authorize


def control(world, **changes) -> None:
    world.card = cards.change_controls(world.card, changes, actor=world.alice, at=NOON)


def said(world, minor: int = 10_00, **more) -> str:
    return authorize(world.card, swipe(minor, **more)).reason


# Alice's company keeps New York's time. Each row: the interval, a swipe's instant, one still in its window, the first of the next one.
WINDOWS = [
    (Interval.DAY, datetime(2026, 3, 8, 5, tzinfo=UTC), datetime(2026, 3, 9, 3, 59, tzinfo=UTC), datetime(2026, 3, 9, 4, tzinfo=UTC)),
    (Interval.WEEK, datetime(2026, 3, 2, 5, tzinfo=UTC), datetime(2026, 3, 9, 3, 59, tzinfo=UTC), datetime(2026, 3, 9, 4, tzinfo=UTC)),
    (Interval.MONTH, datetime(2028, 2, 1, 5, tzinfo=UTC), datetime(2028, 3, 1, 4, 59, tzinfo=UTC), datetime(2028, 3, 1, 5, tzinfo=UTC)),
    (Interval.QUARTER, datetime(2026, 4, 1, 4, tzinfo=UTC), datetime(2026, 7, 1, 3, 59, tzinfo=UTC), datetime(2026, 7, 1, 4, tzinfo=UTC)),
    (Interval.YEAR, datetime(2026, 1, 1, 5, tzinfo=UTC), datetime(2027, 1, 1, 4, 59, tzinfo=UTC), datetime(2027, 1, 1, 5, tzinfo=UTC)),
]


@pytest.mark.parametrize(("interval", "first", "still", "following"), WINDOWS, ids=[str(row[0]) for row in WINDOWS])
def test_a_window_is_the_companys_calendar_to_the_minute(acme, interval, first, still, following):
    control(acme, limits=[Limit(interval, 10_00)])
    assert said(acme, 10_00, at=first) == ""
    assert said(acme, 1, at=still).startswith("over_")
    assert said(acme, 10_00, at=following) == ""


@pytest.mark.parametrize("interval", [row[0] for row in WINDOWS] + [Interval.ALL_TIME])
def test_a_number_of_purchases_is_exact_and_comes_back_with_a_reversal(acme, interval):
    control(acme, limits=[Limit(interval, count=2)])
    first = authorize(acme.card, swipe(1_00)).transaction
    assert [said(acme, 1_00), said(acme, 1_00).split("_")[-1]] == ["", "count"]
    clear(first, Clearing("reversal", "r1", NOON), actor=None)
    assert [said(acme, 1_00), said(acme, 1_00)[:5]] == ["", "over_"]


def test_a_limit_of_any_window_counts_from_its_first_day_when_it_is_set_later(acme):
    for days in (0, 1, 40):
        authorize(acme.card, swipe(10_00, at=NOON - timedelta(days=days)))
    limits = [Limit(Interval.ALL_TIME, 100_00), Limit(Interval.YEAR, 100_00), Limit(Interval.QUARTER, 100_00), Limit(Interval.WEEK, 100_00)]
    control(acme, limits=[*limits, Limit(Interval.DAY, 100_00)])
    assert said(acme, 1_00) == ""
    used = {row.interval: row.held_minor for row in LimitCounter.objects.exclude(interval=Interval.MONTH)}
    assert used == {"day": 11_00, "week": 21_00, "quarter": 31_00, "year": 31_00, "all_time": 31_00}
    call_command("verify")


def test_a_limit_taken_off_and_set_again_has_missed_nothing(acme):
    control(acme, limits=[Limit(Interval.WEEK, 50_00)])
    authorize(acme.card, swipe(20_00))
    control(acme, limits=[])
    authorize(acme.card, swipe(20_00))
    control(acme, limits=[Limit(Interval.WEEK, 50_00)])
    assert [said(acme, 10_01), said(acme, 10_00)] == ["over_weekly_limit", ""]


def test_a_grant_is_room_on_top_until_it_expires_and_leaves_no_debt_to_pay(acme):
    control(acme, limits=cards.monthly(Money(50_00, "USD")))
    tomorrow = NOON + timedelta(days=1)
    cards.grant(acme.card, Money(30_00, "USD"), expires_at=tomorrow, reason="Fair", actor=acme.alice, at=NOON)
    assert [said(acme, 80_01), said(acme, 80_00)] == ["over_monthly_limit", ""]
    assert said(acme, 1, at=tomorrow) == "over_monthly_limit"
    assert Draw.objects.get().limit_minor == 80_00


def test_a_grant_that_was_taken_back_gives_nothing_more(acme):
    control(acme, limits=cards.monthly(Money(50_00, "USD")))
    row = cards.grant(acme.card, Money(30_00, "USD"), expires_at=NOON + timedelta(days=9), reason="", actor=acme.alice, at=NOON)
    cards.revoke(row, actor=acme.alice, at=NOON)
    assert said(acme, 50_01) == "over_monthly_limit"
    with pytest.raises(errors.InvalidState):
        cards.revoke(row, actor=acme.alice, at=NOON)


@pytest.mark.parametrize(("amount", "days", "field"), [(Money(1, "EUR"), 1, "amount.currency"), (Money(1, "USD"), 0, "expires_at")])
def test_a_grant_that_makes_no_sense_names_its_field(acme, amount, days, field):
    with pytest.raises(errors.Invalid) as refused:
        cards.grant(acme.card, amount, expires_at=NOON + timedelta(days=days), reason="", actor=acme.alice, at=NOON)
    assert refused.value.field == field


def test_a_card_without_room_of_its_own_spends_its_grants_one_by_one(acme):
    control(acme, mode=CardMode.ZERO_UNTIL_GRANTED)
    assert said(acme, 1) == "not_granted"
    for minor, days in ((30_00, 5), (20_00, 2)):
        cards.grant(acme.card, Money(minor, "USD"), expires_at=NOON + timedelta(days=days), reason="", actor=acme.alice, at=NOON)
    # The one that expires first covers it; what it does not cover whole, the other one does.
    small, large = (authorize(acme.card, swipe(minor)).transaction for minor in (15_00, 25_00))
    assert [small.grant.amount_minor, large.grant.amount_minor] == [20_00, 30_00]
    assert [said(acme, 5_01), said(acme, 5_00)] == ["not_granted", ""]
    clear(large, Clearing("reversal", "r1", NOON), actor=None)
    assert said(acme, 30_00) == ""
    call_command("verify")


def test_room_comes_back_when_the_expense_is_approved(acme):
    control(acme, mode=CardMode.APPROVAL_REFILL, limits=[Limit(Interval.ALL_TIME, 100_00)])
    purchase = authorize(acme.card, swipe(100_00)).transaction
    assert said(acme, 1) == "over_refill_limit"
    clear(purchase, Clearing("capture", "c1", NOON, 90_00, is_final=True), actor=None)
    assert [said(acme, 10_01), said(acme, 10_00)] == ["over_refill_limit", ""]
    _approve(acme, purchase)
    assert [said(acme, 90_01), said(acme, 90_00)] == ["over_refill_limit", ""]
    # The merchant collects more: the approval is void, and the room is taken again.
    clear(purchase, Clearing("capture", "c2", NOON, 5_00), actor=None)
    assert LimitCounter.objects.get(interval=Interval.UNAPPROVED).used_minor == 195_00
    call_command("verify")


def _approve(world, purchase: Transaction) -> None:
    adopt(world)
    purchase.refresh_from_db()
    if purchase.approval == "open":
        approvals.submit(purchase, actor=type(world.bob).objects.get(pk=world.bob.pk), at=NOON)
    [asked] = _asked(purchase)
    decide(asked, world.alice, at=NOON)


def _asked(purchase: Transaction) -> list:
    from transactions.models import Approval

    return list(Approval.objects.filter(transaction=purchase, open_key__isnull=False))


def test_a_single_use_card_is_used_once_unless_the_purchase_came_to_nothing(acme):
    card = cards.issue(
        acme.bob, name="Once", currency="USD", controls=cards.Controls(), actor=acme.alice, at=NOON, usage=CardUsage.SINGLE_USE
    )
    first = authorize(card, swipe(5_00)).transaction
    assert authorize(card, swipe(5_00)).reason == "already_used"
    clear(first, Clearing("reversal", "r1", NOON), actor=None)
    second = authorize(card, swipe(6_00)).transaction
    clear(second, Clearing("capture", "c1", NOON, is_final=True), actor=None)
    clear(second, Clearing("refund", "f1", NOON), actor=None)
    assert authorize(card, swipe(5_00)).reason == "already_used"
    assert authorize(cards.replace(card, actor=acme.alice, at=NOON), swipe(1)).reason == "already_used"


def test_a_merchant_locked_card_belongs_to_the_first_merchant(acme):
    card = cards.issue(
        acme.bob, name="Cloud", currency="USD", controls=cards.Controls(), actor=acme.alice, at=NOON, usage=CardUsage.MERCHANT_LOCKED
    )
    assert authorize(card, swipe(1_00, merchant_name="Contoso Cloud")).approved
    assert authorize(card, swipe(1_00, merchant_name="Fabrikam")).reason == "merchant_locked"
    replacement = cards.replace(card, actor=acme.alice, at=NOON)
    assert authorize(replacement, swipe(1_00, merchant_name="CONTOSO  cloud")).approved
    assert authorize(replacement, swipe(1_00, merchant_name="Fabrikam")).reason == "merchant_locked"


@pytest.mark.parametrize(
    ("changes", "of_swipe", "reason"),
    [
        ({"blocked_merchant_categories": ["5811-5814"]}, {}, "merchant_category_blocked"),
        ({"allowed_merchant_categories": ["3000-3299"]}, {}, "merchant_category_not_allowed"),
        ({"allowed_merchant_categories": ["5811-5814"]}, {}, ""),
        ({"blocked_merchants": ["BLUE bottle  coffee"]}, {}, "merchant_blocked"),
        ({"blocked_merchants": ["id:77"]}, {"merchant_id": "77"}, "merchant_blocked"),
        ({"allowed_merchants": ["id:77"]}, {}, "merchant_not_allowed"),
        ({"allowed_merchants": ["Blue Bottle Coffee"]}, {"merchant_id": "77"}, ""),
        ({"blocked_countries": ["us"]}, {}, "country_blocked"),
        ({"allowed_countries": ["DE"]}, {}, "country_not_allowed"),
        ({"valid_from": date(2026, 3, 11)}, {}, "card_not_valid_yet"),
        ({"valid_from": date(2026, 3, 10), "locks_on": date(2026, 3, 11)}, {}, ""),
        ({"locks_on": date(2026, 3, 10)}, {}, "card_locked"),
    ],
)
def test_where_and_when_a_card_works(acme, changes, of_swipe, reason):
    control(acme, **changes)
    assert said(acme, **of_swipe) == reason


@pytest.mark.parametrize(
    ("blocked", "reason"),
    [
        ({"blocked_merchant_categories": ["5812"]}, "merchant_category_blocked"),
        ({"blocked_merchants": ["Blue Bottle Coffee"]}, "merchant_blocked"),
        ({"blocked_countries": ["US"]}, "country_blocked"),
    ],
)
def test_the_companys_block_list_holds_for_every_card_and_account(acme, blocked, reason):
    accounts.block(acme.acme, blocked, actor=acme.alice, at=NOON)
    assert said(acme) == reason
    euros = cards.issue(acme.bob, name="€", currency="EUR", controls=cards.Controls(), actor=acme.alice, at=NOON)
    accounts.top_up(Money(50_00, "EUR"), actor=acme.alice, at=NOON)
    assert set(FundingAccount.objects.values_list("rules_version", flat=True)) == {1}
    assert authorize(euros, swipe(1_00, currency="EUR")).reason == reason
    assert authorize(euros, swipe(1_00, currency="EUR", merchant_code="5411", merchant_name="Grocer", country="DE")).approved


def test_a_holder_lifts_only_their_own_freeze(acme):
    cards.freeze(acme.card, actor=acme.alice, at=NOON)
    cards.freeze(acme.card, actor=acme.bob, at=NOON)
    cards.unfreeze(acme.card, actor=acme.bob, at=NOON)
    assert list(Freeze.objects.filter(open_source__isnull=False).values_list("source", flat=True)) == ["admin"]
    assert said(acme) == "card_frozen"
    with pytest.raises(errors.Forbidden):
        cards.unfreeze(acme.card, actor=acme.bob, at=NOON)
