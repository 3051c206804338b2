"""Draft controls on a card's own past: what they answer is what a card that had them from the beginning was answered."""

from __future__ import annotations

import random
from collections import Counter
from datetime import date, timedelta

import pytest

from cards import operations as cards
from cards.models import CardMode, Interval
from cards.operations import Limit
from spendtrackr import errors
from spendtrackr.money import Money
from tests.factories import NOON, swipe
from tests.rules import adopt
from transactions import queries
from transactions.models import Approval, Backtest, BacktestRow, Message, Transaction
from transactions.operations import accounts, backtests
from transactions.operations.clearing import Clearing, Fact, book, clear
from transactions.operations.swipes import authorize
from transactions.queries import Days
from transactions.tests.test_backtests import finished

YEAR = Days(date(2025, 3, 11), date(2026, 3, 10))
START = NOON - timedelta(days=90)


def tried(world, card, changes, days: Days = YEAR) -> Backtest:
    backtest = backtests.try_controls(world.reload(card), changes, days, actor=world.alice, at=NOON)
    finished(backtest)
    return Backtest.objects.get(pk=backtest.pk)


def said(backtest: Backtest, side: str = "after") -> list[tuple[str, str]]:
    return list(BacktestRow.objects.filter(backtest=backtest).order_by("about").values_list(f"{side}__outcome", f"{side}__code"))


def answers(backtest: Backtest) -> list[str]:
    """The code of each decline, `approved` for the others."""
    return [code or outcome for outcome, code in said(backtest)]


def issued(world, **controls):
    return cards.issue(world.bob, name="Card", currency="USD", controls=cards.Controls(**controls), actor=world.alice, at=START)


MERCHANTS = [("Blue Bottle", "5812", "US", ""), ("Airline", "3005", "DE", ""), ("Casino", "7995", "US", ""), ("Shop", "5411", "FR", "m-1")]


def lived(world, card, seed: int, number: int = 40) -> list[str]:
    """A random life of a card, the same for each card of a seed: what each of its requests was answered. Only what was approved clears."""
    rng = random.Random(seed)
    told = []
    for place in range(number):
        at = START + timedelta(days=rng.randrange(3) + 2 * place, hours=place % 5)
        name, code, country, network_id = rng.choice(MERCHANTS)
        minor, ref, event = rng.randrange(1_00, 60_00), f"{card.pk}-{place}", rng.random()
        asked = swipe(minor, at=at, ref=ref, network_id=f"net-{ref}", merchant_name=name, merchant_code=code, country=country,
                      merchant_id=network_id, is_financial=rng.random() < 0.1)  # fmt: skip
        decision = authorize(card, asked)
        told.append(decision.reason or "approved")
        more = swipe(rng.randrange(1_00, 20_00), at=at, ref=ref, network_id=f"more-{ref}", merchant_name=name, merchant_code=code,
                     country=country, merchant_id=network_id)  # fmt: skip
        if decision.approved:
            if event < 0.2:
                told.append(authorize(card, more).reason or "approved")
            elif event < 0.6 and not asked.is_financial:
                clear(decision.transaction, Clearing("capture", f"c-{ref}", at, is_final=rng.random() < 0.5), actor=None)
            elif event < 0.7 and not asked.is_financial:
                clear(decision.transaction, Clearing("reversal", f"r-{ref}", at), actor=None)
    return told


LIMITS = {
    "amounts": {"limits": [Limit(Interval.WEEK, 90_00), Limit(Interval.MONTH, 200_00)], "per_transaction_cap": Money(50_00, "USD")},
    "counts": {"limits": [Limit(Interval.DAY, count=1), Limit(Interval.MONTH, count=6), Limit(Interval.ALL_TIME, count=25)]},
    "places": {"blocked_merchant_categories": ["7990-7999"], "allowed_countries": ["US", "DE"], "blocked_merchants": ["id:m-1"]},
    "merchants": {"allowed_merchants": ["blue bottle", "Airline"], "allowed_merchant_categories": ["5000-6000"]},
    "days": {"valid_from": date(2026, 1, 1), "locks_on": date(2026, 2, 15), "limits": [Limit(Interval.QUARTER, 250_00)]},
    "all": {"limits": [Limit(Interval.DAY, 60_00), Limit(Interval.YEAR, 500_00), Limit(Interval.ALL_TIME, 700_00)]},
}  # fmt: skip


@pytest.mark.parametrize("which", LIMITS)
@pytest.mark.parametrize("size", [1_000, 7])
def test_they_answer_what_a_card_that_had_them_was_answered(acme, monkeypatch, which, size):
    """Two cards live the same life. What the draft says of the free one's past is what the other one was told, as long as both live it."""
    monkeypatch.setattr("transactions.queries.trials.BLOCK", size)
    accounts.top_up(Money(100_000_00, "USD"), actor=acme.alice, at=START)
    free, bound = issued(acme), issued(acme, **LIMITS[which])
    freely, told = simple_life(acme, free, seed=7), simple_life(acme, bound, seed=7)
    assert set(freely) == {"approved"}
    backtest = tried(acme, free, LIMITS[which])
    assert answers(backtest) == told
    assert len(set(told)) > 1
    assert {outcome for outcome, _ in said(backtest, "before")} == {"approved"}
    assert backtest.done == backtest.total == len(freely)


def simple_life(world, card, seed: int, number: int = 40) -> list[str]:
    """Requests that depend on nothing but the seed, cleared in part where they are approved."""
    rng = random.Random(seed)
    told = []
    for place in range(number):
        at = START + timedelta(days=2 * place, hours=rng.randrange(6))
        name, code, country, network_id = rng.choice(MERCHANTS)
        minor, event, part = rng.randrange(1_00, 60_00), rng.random(), rng.random()
        ref = f"{card.pk}-{place}"
        twice = 2 if rng.random() < 0.3 else 1
        for turn in range(twice):
            asked = swipe(minor, at=at, ref=f"{ref}-{turn}", merchant_name=name, merchant_code=code, country=country,
                          merchant_id=network_id, is_financial=event > 0.9)  # fmt: skip
            decision = authorize(card, asked)
            told.append(decision.reason or "approved")
            if decision.approved and event < 0.5:
                amount = max(1, int(minor * part))
                clear(decision.transaction, Clearing("capture", f"c-{ref}-{turn}", at, amount, is_final=True), actor=None)
            elif decision.approved and event < 0.7:
                clear(decision.transaction, Clearing("reversal", f"r-{ref}-{turn}", at), actor=None)
    return told


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("which", ["amounts", "counts", "places", "days"])
def test_the_same_controls_answer_the_same(acme, monkeypatch, which, seed):
    """Increments, single messages, captures in part and reversals included, whatever the size of a block."""
    monkeypatch.setattr("transactions.queries.trials.BLOCK", 5)
    accounts.top_up(Money(100_000_00, "USD"), actor=acme.alice, at=START)
    card = issued(acme, **LIMITS[which])
    told = lived(acme, card, seed)
    backtest = tried(acme, card, {})
    assert answers(backtest) == told
    assert not BacktestRow.objects.filter(is_changed=True).exists()


def test_what_the_draft_declines_counts_in_no_window_and_neither_does_what_cleared_of_it(acme):
    first = authorize(acme.card, swipe(80_00)).transaction
    clear(first, Clearing("capture", "c", NOON, is_final=True), actor=None)
    authorize(acme.card, swipe(30_00))
    authorize(acme.card, swipe(30_00))
    backtest = tried(acme, acme.card, {"limits": [Limit(Interval.MONTH, 50_00)]})
    assert answers(backtest) == ["over_monthly_limit", "approved", "over_monthly_limit"]


def test_a_stand_in_counts_although_nobody_asked(acme):
    book(acme.card, Fact("advice", "a", "p1", Money(40_00, "USD"), NOON, merchant_name="Shop", merchant_code="5999"))
    authorize(acme.card, swipe(20_00))
    assert answers(tried(acme, acme.card, {"limits": [Limit(Interval.MONTH, 50_00)]})) == ["over_monthly_limit"]


def test_what_controls_declined_counts_once_the_draft_approves_it(acme):
    acme.card = cards.change_controls(acme.card, {"per_transaction_cap": Money(20_00, "USD")}, actor=acme.alice, at=NOON)
    for minor in (30_00, 15_00, 10_00):
        authorize(acme.card, swipe(minor))
    backtest = tried(acme, acme.card, {"per_transaction_cap": None, "limits": [Limit(Interval.MONTH, 50_00)]})
    assert said(backtest, "before") == [("declined", "over_transaction_cap"), ("approved", ""), ("approved", "")]
    assert answers(backtest) == ["approved", "approved", "over_monthly_limit"]
    assert list(BacktestRow.objects.order_by("about").values_list("is_changed", flat=True)) == [True, False, True]


def test_what_was_declined_for_another_reason_stays_so_and_counts_nothing(acme):
    authorize(acme.card, swipe(9_000_00))
    cards.freeze(acme.card, actor=acme.alice, at=NOON)
    authorize(acme.reload(), swipe(10_00))
    cards.unfreeze(acme.reload(), actor=acme.alice, at=NOON)
    authorize(acme.reload(), swipe(45_00))
    backtest = tried(acme, acme.card, {"limits": [Limit(Interval.MONTH, 50_00)]})
    assert said(backtest) == [("declined", "over_monthly_limit"), ("declined_otherwise", "card_frozen"), ("approved", "")]


def test_what_was_bought_before_the_first_day_counts_in_the_windows_that_reach_into_it(acme):
    for days in (45, 5, 0):
        authorize(acme.card, swipe(30_00, at=NOON - timedelta(days=days)))
    changes = {"limits": [Limit(Interval.MONTH, 50_00), Limit(Interval.ALL_TIME, 200_00)]}
    today = Days(NOON.date(), NOON.date())
    assert answers(tried(acme, acme.card, changes, today)) == ["over_monthly_limit"]
    changes = {"limits": [Limit(Interval.MONTH, 60_00), Limit(Interval.ALL_TIME, 80_00)]}
    assert answers(tried(acme, acme.card, changes, today)) == ["over_total_limit"]


def test_grants_add_room_while_they_live(acme):
    def granted(days: int, minor: int):
        at = NOON - timedelta(days=days)
        return cards.grant(acme.card, Money(minor, "USD"), expires_at=at + timedelta(days=2), reason="x", actor=acme.alice, at=at)

    granted(10, 20_00)
    cards.revoke(granted(5, 20_00), actor=acme.alice, at=NOON - timedelta(days=5, hours=-1))
    for days in (9, 7, 4):
        authorize(acme.card, swipe(60_00, at=NOON - timedelta(days=days)))
    assert answers(tried(acme, acme.card, {"limits": [Limit(Interval.DAY, 50_00)]})) == ["approved", "over_daily_limit", "over_daily_limit"]


@pytest.mark.parametrize("size", [1_000, 1])
def test_a_card_without_room_of_its_own_draws_each_purchase_from_one_grant(acme, monkeypatch, size):
    monkeypatch.setattr("transactions.queries.trials.BLOCK", size)
    for minor in (50_00, 30_00):
        cards.grant(acme.card, Money(minor, "USD"), expires_at=NOON + timedelta(days=9), reason="x", actor=acme.alice, at=NOON)
    first = authorize(acme.card, swipe(40_00, ref="p1")).transaction
    authorize(acme.card, swipe(20_00, ref="p2"))
    authorize(acme.card, swipe(20_00, ref="p1"))
    clear(first, Clearing("capture", "c", NOON, 15_00, is_final=True), actor=None)
    authorize(acme.card, swipe(15_00, ref="p3"))
    authorize(acme.card, swipe(40_00, ref="p4"))
    backtest = tried(acme, acme.card, {"mode": CardMode.ZERO_UNTIL_GRANTED})
    assert answers(backtest) == ["approved", "approved", "not_granted", "approved", "not_granted"]


@pytest.mark.parametrize("size", [1_000, 1])
def test_where_room_comes_back_by_approval_a_yes_gives_it_back(acme, monkeypatch, size):
    monkeypatch.setattr("transactions.queries.trials.BLOCK", size)
    adopt(acme, automatic_below=1_000_00)
    for days, minor in ((9, 40_00), (8, 30_00)):
        authorize(acme.card, swipe(minor, at=NOON - timedelta(days=days)))
    for purchase in Transaction.objects.order_by("pk"):
        clear(purchase, Clearing("capture", f"c{purchase.pk}", NOON - timedelta(days=5), is_final=True), actor=None)
    assert set(Approval.objects.values_list("status", flat=True)) == {"approved"}
    authorize(acme.card, swipe(45_00, at=NOON - timedelta(days=2)))
    authorize(acme.card, swipe(45_00, at=NOON - timedelta(days=1)))
    changes = {"mode": CardMode.APPROVAL_REFILL, "limits": [Limit(Interval.ALL_TIME, 60_00)]}
    assert answers(tried(acme, acme.card, changes)) == ["approved", "over_refill_limit", "approved", "over_refill_limit"]


def test_a_replaced_card_is_one_with_what_it_replaced(acme):
    authorize(acme.card, swipe(30_00))
    new = cards.replace(acme.reload(), actor=acme.alice, at=NOON)
    authorize(new, swipe(30_00))
    assert answers(tried(acme, new, {"limits": [Limit(Interval.MONTH, 50_00)]})) == ["approved", "over_monthly_limit"]


def test_a_purchase_in_another_currency_is_as_it_was(acme):
    authorize(acme.card, swipe(30_00, currency="EUR"))
    assert answers(tried(acme, acme.card, {"per_transaction_cap": Money(1_00, "USD")})) == ["wrong_currency"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"blocked_countries": ["Nowhere"]}, "blocked_countries.0"),
        ({"mode": CardMode.APPROVAL_REFILL}, "limits"),
        ({"valid_from": date(2026, 2, 1), "locks_on": date(2026, 1, 1)}, "locks_on"),
        ({"blocked_countries": ["US"], "allowed_countries": ["US"]}, "blocked_countries"),
        ({"per_transaction_cap": Money(1, "EUR")}, "per_transaction_cap.currency"),
    ],
)
def test_controls_that_could_not_be_saved_are_not_tried(acme, changes, field):
    with pytest.raises(errors.Invalid) as refused:
        backtests.try_controls(acme.card, changes, YEAR, actor=acme.alice, at=NOON)
    assert (refused.value.field, Backtest.objects.count()) == (field, 0)


def test_nothing_of_the_card_is_changed(acme):
    authorize(acme.card, swipe(30_00))
    before = acme.reload().rules.version, Message.objects.count(), Transaction.objects.get()
    tried(acme, acme.card, {"limits": [Limit(Interval.MONTH, 1_00)]})
    assert (acme.reload().rules.version, Message.objects.count(), Transaction.objects.get()) == before


def test_a_result_by_code(acme):
    for minor in (30_00, 60_00, 90_00):
        authorize(acme.card, swipe(minor))
    result = queries.result(tried(acme, acme.card, {"per_transaction_cap": Money(50_00, "USD")}))
    assert [(one.of, one.before.count, one.after.count, one.after.amount_minor) for one in result.codes] == [
        ("over_transaction_cap", 0, 2, 150_00)
    ]
    assert Counter({one.of: one.after.count for one in result.outcomes}) == {"approved": 1, "declined": 2}


def test_it_asks_as_many_questions_for_many_swipes_as_for_few(acme, django_assert_num_queries):
    authorize(acme.card, swipe(1_00))
    for _ in range(2):
        asked = backtests.try_controls(acme.card, {"limits": [Limit(Interval.MONTH, 5_00)]}, YEAR, actor=acme.alice, at=NOON)
        run = backtests.claim(asked, at=NOON)
        run.look = queries.look_of(run.job)
        with django_assert_num_queries(16):
            assert not backtests.go_on(run, at=NOON)
        for _ in range(8):
            authorize(acme.card, swipe(1_00))
