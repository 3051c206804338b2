"""Requests are decided when they come. All else a network tells may come late, doubled, in any order: it ends in the same books."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cards import operations as cards
from cards.controls import Limit
from cards.models import Budget, Interval, LimitCounter
from reports.verification import COMPANY_CHECKS
from spendtrackr.money import Money
from tests.factories import NOON, swipe
from transactions.models import DaySpend, FundingAccount, MonthSpend, Transaction
from transactions.operations import accounts
from transactions.operations.clearing import Fact, book
from transactions.operations.swipes import authorize

EXAMPLES = int(os.environ.get("PROOF_EXAMPLES", "20"))
# Over the end of a month, of a quarter, of a fiscal year and of summer time in Berlin.
BEGINNING = datetime(2026, 3, 27, 22, 30, tzinfo=UTC)
FACTS = [
    "advice", "capture", "capture", "force_post", "reversal", "expiry", "refund", "refund_reversal", "chargeback", "chargeback_reversal",
]  # fmt: skip

hours = st.integers(0, 24 * 100)
request = st.tuples(st.integers(1, 80), hours)
fact = st.tuples(st.sampled_from(FACTS), st.integers(1, 100), hours, st.booleans(), st.integers(1, 3))
purchase = st.tuples(st.booleans(), st.lists(request, max_size=3), st.lists(fact, min_size=1, max_size=6))


def streams(purchases, dice):
    """All deliveries in one order: the requests of each purchase first and in turn, its facts behind them in any order, some doubled."""
    queues = []
    for number, (is_single, requests, facts) in enumerate(purchases):
        asked = [("ask", f"p{number}", f"p{number}q{n}", minor, at, is_single) for n, (minor, at) in enumerate(sorted(requests, key=_at))]
        told = [
            (kind, f"p{number}", f"p{number}f{n}", 0 if kind == "expiry" else minor, at, final)
            for n, (kind, minor, at, final, times) in enumerate(facts)
            # What stands in for a request does not come for a single message, which asks and collects in one.
            if not (is_single and kind == "advice")
            for _ in range(times)
        ]
        dice.shuffle(told)
        queues.append(asked + told)
    while queues := [queue for queue in queues if queue]:
        yield dice.choice(queues).pop(0)


def _at(request):
    return request[1]


def deliver(card, stream) -> None:
    for kind, ref, network_id, minor, at, flag in stream:
        instant = BEGINNING + timedelta(hours=at)
        if kind == "ask":
            assert authorize(card, swipe(minor, network_id=network_id, ref=ref, at=instant, is_financial=flag)).approved_minor in {0, minor}
        else:
            is_final = flag and kind == "capture"
            book(card, Fact(kind, network_id, ref, Money(minor, "USD"), instant, is_final=is_final, merchant_name="Blue Bottle Coffee"))


def books() -> dict:
    """All that people see of it. Windows and days through which a purchase only passed stand at nothing, and are left out."""
    accounts_ = FundingAccount.objects.order_by("pk").values_list("available_minor", "held_minor", "spent_minor", "external_minor")
    bought = Transaction.objects.order_by("network_ref").values_list(
        "network_ref", "status", "held_minor", "captured_minor", "refunded_minor", "charged_back_minor", "flags", "occurred_at",
        "occurred_on", "posted_on", "amount_minor",
    )  # fmt: skip
    counters = LimitCounter.objects.values_list("card_id", "budget_id", "interval", "starts_on", "held_minor", "posted_minor", "purchases")
    spend = [
        sorted(rollup.objects.filter(dimension="card").exclude(amount_minor=0).values_list("starts_on", "amount_minor"))
        for rollup in (DaySpend, MonthSpend)
    ]
    used = sorted((row for row in counters if any(row[4:])), key=str)
    return {"accounts": list(accounts_), "bought": list(bought), "counters": used, "spend": spend}


@pytest.fixture
def card(acme):
    type(acme.acme).objects.filter(pk=acme.acme.pk).update(time_zone="Europe/Berlin")
    accounts.top_up(Money(10_000_00, "USD"), actor=acme.alice, at=NOON)
    budget = None
    for name, interval in (("root", "year"), ("team", "quarter"), ("trip", "month")):
        chain = budget.chain if budget else ""
        budget = Budget.objects.create(
            name=name, name_key=name, parent=budget, owner=acme.alice, currency="USD", limit_minor=10_000_00, interval=interval,
            is_hard=True, year_starts_month=4, created_at=NOON,
        )  # fmt: skip
        budget.chain = f"{chain}{budget.pk}."
        budget.save()
    every = [Limit(Interval(name), 10_000_00) for name in ("day", "week", "month", "quarter", "year", "all_time")]
    return cards.issue(acme.bob, name="C", currency="USD", controls=cards.Controls(limits=every), budget=budget, actor=acme.alice, at=NOON)


def outcome(card, stream) -> dict:
    """What a stream ends in; the next one finds the books as this one did."""
    with transaction.atomic():
        deliver(card, stream)
        found = books()
        for name, check in COMPANY_CHECKS.items():
            assert list(check()) == [], name
        transaction.set_rollback(True)
    return found


@pytest.mark.django_db
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=EXAMPLES == 20, database=None)
@given(purchases=st.lists(purchase, min_size=1, max_size=3), dice=st.randoms(use_true_random=False))
def test_two_orders_of_the_same_messages_end_in_the_same_books(card, purchases, dice):
    first, second = list(streams(purchases, dice)), list(streams(purchases, dice))
    assert outcome(card, first) == outcome(card, second)
