"""Whatever is done to the money, in whatever order: every promise holds after it."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cards import operations as cards
from cards.models import LimitCounter
from reports.verification import COMPANY_CHECKS
from spendtrackr import errors
from spendtrackr.money import Money
from spendtrackr.periods import Period, add_months, month_of
from tests.factories import swipe
from tests.figures import spend, totals
from transactions.models import Draw, FundingAccount, Transaction
from transactions.operations import accounts
from transactions.operations.clearing import Clearing, clear
from transactions.operations.statements import StatementFile, import_statement
from transactions.operations.swipes import authorize

BEGINNING = datetime(2026, 2, 26, 23, tzinfo=UTC)  # soon a month ends, and in New York clocks change on 8 March

minor = st.integers(1, 300_00)
step = st.one_of(
    st.tuples(st.just("swipe"), minor),
    st.tuples(st.just("capture"), st.one_of(st.none(), minor)),
    st.tuples(st.just("capture_part"), minor),
    st.tuples(st.just("reversal"), st.one_of(st.none(), minor)),
    st.tuples(st.just("refund"), st.one_of(st.none(), minor)),
    st.tuples(st.just("limit"), st.one_of(st.none(), minor)),
    st.tuples(st.just("topup"), minor),
    st.tuples(st.just("withdrawal"), minor),
    st.tuples(st.just("freeze"), st.none()),
    st.tuples(st.just("replay"), st.none()),
    st.tuples(st.just("import"), st.integers(-50_00, 50_00)),
)
history = st.lists(st.tuples(step, st.integers(0, 40), st.integers(0, 10)), min_size=6, max_size=25)


class Story:
    """One company's life, step by step."""

    def __init__(self, world) -> None:
        self.world, self.now, self.count, self.last = world, BEGINNING, 0, None

    def take(self, what, amount, hours: int, which: int) -> None:
        self.now += timedelta(hours=hours)
        self.count += 1
        with contextlib.suppress(errors.DomainError):  # a refusal is an answer; what counts is what it left behind
            getattr(self, f"do_{what}")(amount, which)

    def do_swipe(self, amount, which) -> None:
        self.last = swipe(amount, network_id=f"n{self.count}", at=self.now)
        authorize(self.world.card, self.last)

    def do_replay(self, amount, which) -> None:
        if self.last:
            authorize(self.world.card, self.last)

    def _clear(self, kind, amount, which, *, final=False) -> None:
        purchases = list(Transaction.objects.filter(source="card").order_by("pk"))
        if purchases:
            clear(purchases[which % len(purchases)], Clearing(kind, f"m{self.count}", self.now, amount, final), actor=None)

    def do_capture(self, amount, which) -> None:
        self._clear("capture", amount, which, final=True)

    def do_capture_part(self, amount, which) -> None:
        self._clear("capture", amount, which)

    def do_reversal(self, amount, which) -> None:
        self._clear("reversal", amount, which)

    def do_refund(self, amount, which) -> None:
        self._clear("refund", amount, which)

    def do_limit(self, amount, which) -> None:
        limit = {"limits": cards.monthly(Money(amount, "USD") if amount else None)}
        self.world.card = cards.change_controls(self.world.card, limit, actor=self.world.alice, at=self.now)

    def do_topup(self, amount, which) -> None:
        accounts.top_up(Money(amount, "USD"), actor=self.world.alice, at=self.now)

    def do_withdrawal(self, amount, which) -> None:
        accounts.withdraw(Money(amount, "USD"), actor=self.world.alice, at=self.now)
        assert self.world.account().available_minor >= 0

    def do_freeze(self, amount, which) -> None:
        change = cards.unfreeze if which % 2 else cards.freeze
        change(self.world.card, actor=self.world.alice, at=self.now)

    def do_import(self, amount, which) -> None:
        text = f"Date,Amount,Merchant\n{self.now:%Y-%m-%d},{Money(amount, 'USD').decimal},Shop {which}\n"
        given = {"columns": {"transaction_date": "Date", "amount": "Amount", "merchant": "Merchant"}, "charges": "positive"}
        import_statement(self.world.acme, StatementFile(text.encode(), "s.csv"), actor=None, at=self.now, mapping=given)


@pytest.mark.django_db
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None)
@given(steps=history)
def test_every_promise_holds_after_any_history(acme, steps):
    with transaction.atomic():
        card = acme.card
        story = Story(acme)
        for (what, amount), hours, which in steps:
            story.take(what, amount, hours, which)
        _everything_holds()
        acme.card = card
        transaction.set_rollback(True)


def _everything_holds() -> None:
    for name, check in COMPANY_CHECKS.items():
        assert list(check()) == [], name
    for account in FundingAccount.objects.all():
        assert account.held_minor >= 0
        assert account.external_minor + account.available_minor + account.held_minor + account.spent_minor + account.owed_minor == 0
    for draw in Draw.objects.filter(is_approval=True, limit_minor__isnull=False):
        assert draw.used_before_minor + draw.held_delta_minor <= draw.limit_minor
    assert all(counter.held_minor >= 0 and counter.posted_minor >= 0 for counter in LimitCounter.objects.all())
    _reports_agree_with_the_ledger()


def _reports_agree_with_the_ledger() -> None:
    """Whole months read one rollup, odd days the other; both end at the ledger's figure."""
    start = month_of(BEGINNING.date()).start
    spent = {account.currency: account.spent for account in FundingAccount.objects.exclude(spent_minor=0)}
    for period in (Period(start, add_months(start, 6)), Period(start, add_months(start, 6).replace(day=15))):
        for group_by in ("month", "category"):
            report = spend(period, group_by)
            assert {currency: total for currency, total in totals(report).items() if total.minor} == spent
            assert sum(row.values[0].minor for row in report.rows) == sum(total.minor for total in totals(report).values())
