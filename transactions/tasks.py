"""Background work for transactions. The rows are the queue: whoever looks finds what is due."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Protocol

from django.db.models import Q, QuerySet
from django.utils import timezone

from companies.models import Company, CompanyStatus
from spendtrackr.jobs import SLICE, Turns
from spendtrackr.tenancy import company_scope
from transactions import notices
from transactions.models import ApprovalStep, Backtest, Delegation, DelegationState, StatementUpload, Transaction
from transactions.operations import backtests, chasing, clearing, delegations, statement_uploads, steps
from users import operations as people
from users.queries import companies_with_news

log = logging.getLogger(__name__)
BACKTESTS = Turns(backtests, lambda: Backtest.across_companies.filter(status__in=Backtest.at_work).select_related("company"))
# Few at a time: each keeps its file at hand. Those of a suspended company wait.
UPLOADS = Turns(
    statement_uploads,
    lambda: StatementUpload.across_companies.filter(status__in=StatementUpload.at_work, company__status=CompanyStatus.ACTIVE),
    most_begun=3,
)


class Work(Protocol):
    """What is done with one row, in the scope of its company; whether anything came of it."""

    def __call__(self, row: Any, /, *, at: datetime) -> object: ...


def expire_holds(at: datetime | None = None, *, size: int = 500) -> int:
    """Let go of holds that no merchant collected in time; answer how many."""
    at = at or timezone.now()
    old = Transaction.across_companies.filter(held_minor__gt=0, occurred_at__lt=at - timedelta(days=clearing.HOLD_DAYS))
    return _each(old.select_related("card", "company"), clearing.expire, at=at, size=size)


def chase_missing(at: datetime | None = None) -> int:
    """Remind owners of what their purchases miss, and freeze cards where that is overdue; answer how many were looked at."""
    at = at or timezone.now()
    due = Transaction.across_companies.filter(chase_at__lte=at)
    return _each(due.select_related("card", "company"), chasing.chase, at=at)


def remind_approvers(at: datetime | None = None) -> int:
    """Tell those whom steps wait for that they still wait; answer how many steps."""
    at = at or timezone.now()
    due = ApprovalStep.across_companies.filter(remind_at__lte=at)
    return _each(due.select_related("approval__transaction", "approval__policy", "approval__company"), steps.remind, at=at)


def escalate_steps(at: datetime | None = None) -> int:
    """Ask the next above where nobody answered in time; answer how many steps."""
    at = at or timezone.now()
    due = ApprovalStep.across_companies.filter(escalate_at__lte=at)
    return _each(due.select_related("approval__transaction__card"), steps.escalate, at=at)


def turn_delegations(at: datetime | None = None) -> int:
    """Begin and end delegations with the clock; answer how many turned."""
    at = at or timezone.now()
    begin = Q(state=DelegationState.AHEAD, starts_at__lte=at)
    end = Q(state=DelegationState.LIVE, ends_at__lte=at)
    return _each(Delegation.across_companies.filter(begin | end).select_related("member", "to"), delegations.turn, at=at)


def follow_people(at: datetime | None = None) -> int:
    """Put open steps with those who should have them; answer how many moved.

    Whoever changes people moves them in the same transaction. This finds what was submitted at that very moment.
    """
    at = at or timezone.now()
    moved = 0
    for company in Company.objects.order_by("pk").values_list("pk", flat=True):
        with company_scope(company):
            try:
                moved += steps.follow(at=at)
            except Exception:  # one company must not stand in the way of the others
                log.exception("The open steps of company %s could not be followed", company)
    return moved


def notify(at: datetime | None = None) -> int:
    """Tell people what the newest sealed events mean for them; answers how many events."""
    at = at or timezone.now()
    passed = 0
    for company in companies_with_news():
        with company_scope(company):
            try:
                while count := people.tell(notices.TYPES, notices.notices_of, at=at):
                    passed += count
            except Exception:  # one company must not stand in the way of the others
                log.exception("The people of company %s could not be told", company)
    return passed


def run_backtests(at: datetime | None = None, *, seconds: float = SLICE) -> int:
    """Go on with the drafts that are tried on the past; answer how many blocks."""
    return BACKTESTS.run(at, seconds=seconds)


def run_uploads(at: datetime | None = None, *, seconds: float = SLICE) -> int:
    """Go on with the statements that are to be read or booked; answer how many blocks."""
    return UPLOADS.run(at, seconds=seconds)


def let_go() -> None:
    """Before this process ends: another goes on at once."""
    BACKTESTS.let_go()
    UPLOADS.let_go()


def forget_uploads(at: datetime | None = None) -> int:
    """Remove statements whose time is over, file and row; answer how many."""
    at = at or timezone.now()
    return _each(
        StatementUpload.across_companies.filter(expires_at__lte=at).exclude(status__in=StatementUpload.at_work),
        statement_uploads.forget,
        at=at,
    )


def _each(rows: QuerySet[Any], work: Work, *, at: datetime, size: int = 500) -> int:
    """Each in a transaction of its own, in the scope of its company. One that fails stands in the way of no other."""
    done = 0
    for row in _in_turn(rows, size):
        with company_scope(row.company_id):
            try:
                done += bool(work(row, at=at))
            except Exception:
                log.exception("%s of %s failed", getattr(work, "__name__", "work"), row)
    return done


def _in_turn(rows: QuerySet[Any], size: int) -> Iterator[Any]:
    """All of them, so many read at once, each once: also those of which nothing could be made."""
    last = 0
    while block := list(rows.filter(pk__gt=last).order_by("pk")[:size]):
        yield from block
        last = block[-1].pk
