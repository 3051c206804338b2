"""How far the books are closed, what is still open in the month that comes next, and what came to closed days afterwards."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from django.db.models import Count, Min, Q, QuerySet, Sum

from spendtrackr.money import Money
from spendtrackr.periods import Period, month_of
from transactions import policies
from transactions.chasing import UNFINISHED
from transactions.models import (
    AccountingJournal,
    ApprovalState,
    BookClosing,
    Books,
    Dimension,
    Entry,
    MonthSpend,
    SpendLine,
    Transaction,
    TransactionStatus,
)
from transactions.queries.accounting import accounting_settings, waiting_lines
from transactions.queries.papers import where_missing

# Of the last so many closings, the newest so many entries.
MOST_CLOSINGS, MOST_LATE = 24, 2_000


def books_now() -> Books:
    """As they are; nothing is closed where nobody has closed anything."""
    return Books.objects.first() or Books()


def recent_closings() -> list[BookClosing]:
    """The last two dozen, the latest first: it says how far the books are closed."""
    return list(BookClosing.objects.select_related("closed_by__user").order_by("-pk")[:MOST_CLOSINGS])


@dataclass(frozen=True, slots=True)
class Checklist:
    """What is still open in a month: purchases that miss a receipt, that nobody submitted or answered, items without a category, and
    transactions that accounting was not told of.
    """

    month: Period
    missing_receipt: int
    not_submitted: int
    waiting: int
    uncategorised: int
    not_exported: int

    @property
    def is_clean(self) -> bool:
        return not (self.missing_receipt or self.not_submitted or self.waiting or self.uncategorised or self.not_exported)


def next_month(closed_through: date | None, today: date) -> Period | None:
    """The month to be closed next: the first with spend that is not closed, once it is over."""
    if closed_through:
        found = month_of(closed_through + timedelta(days=1))
    else:
        first = MonthSpend.objects.filter(dimension=Dimension.CATEGORY).aggregate(first=Min("starts_on"))["first"]
        if first is None:
            return None
        found = month_of(first)
    return found if found.end <= today else None


def checklist(month: Period) -> Checklist:
    """By posting day, a few queries."""
    unfinished = Transaction.objects.filter(
        approval__in=UNFINISHED, status=TransactionStatus.POSTED, posted_on__gte=month.start, posted_on__lt=month.end
    )
    counts = unfinished.aggregate(
        missing_receipt=Count("pk", filter=where_missing(policies.RECEIPT)),
        not_submitted=Count("pk", filter=Q(approval__in=[ApprovalState.OPEN, ApprovalState.CHANGES_REQUESTED])),
        waiting=Count("pk", filter=Q(approval=ApprovalState.WAITING)),
    )
    nowhere = MonthSpend.objects.filter(dimension=Dimension.CATEGORY, value_id=0, starts_on=month.start)
    lines = waiting_lines(accounting_settings(), first=month.start, last=month.last).order_by()
    return Checklist(
        month, **counts, uncategorised=nowhere.aggregate(n=Sum("item_count"))["n"] or 0,
        not_exported=lines.values("transaction_id").distinct().count(),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Closing:
    """How far the books are closed, by `recent_closings`; and what is open in the month to be closed next, if one is over."""

    closings: list[BookClosing]
    next: Checklist | None

    @property
    def last(self) -> BookClosing | None:
        return self.closings[0] if self.closings else None

    @property
    def closed_through(self) -> date | None:
        return self.last.closed_through if self.last else None

    @property
    def closed_by(self) -> str | None:
        """The id of the member."""
        return self.last.closed_by.public_id if self.last else None

    @property
    def closed_at(self) -> datetime | None:
        return self.last.at if self.last else None


def closing(today: date) -> Closing:
    found = Closing(recent_closings(), None)
    month = next_month(found.closed_through, today)
    return replace(found, next=checklist(month)) if month else found


@dataclass(frozen=True, slots=True)
class Late:
    """An entry on a closed day. It came after the closing, or accounting was told of it only then, or both."""

    entry: Entry
    amount: Money
    came_late: bool
    journal: AccountingJournal | None


def late_entries(closings: list[BookClosing]) -> QuerySet[Entry]:
    """The newest first, of these closings."""
    ids = set(
        SpendLine.objects.filter(_came_late(closings)).order_by("-entry_id").values_list("entry_id", flat=True).distinct()[:MOST_LATE]
    )
    told = AccountingJournal.objects.filter(is_late=True).order_by("-pk").values_list("entry_id", flat=True)
    ids.update(told[:MOST_LATE])
    return Entry.objects.filter(pk__in=ids).select_related("transaction__merchant", "account")


def _came_late(closings: list[BookClosing]) -> Q:
    """Of lines: that they were written while their day was closed: those after the mark of a closing and up to that of the next."""
    found, until = Q(pk__in=()), None
    for closing in closings:
        if closing.closed_through:
            since = Q(pk__gt=closing.last_line_id, day__lte=closing.closed_through)
            found |= since & Q(pk__lte=until) if until else since
        until = closing.last_line_id
    return found


def with_late(entries: list[Entry], closings: list[BookClosing]) -> list[Late]:
    """Each with what it came to and why it is listed. Two queries for any number."""
    lines = SpendLine.objects.filter(entry__in=entries).values_list("entry_id")
    found = lines.annotate(n=Sum("amount_minor"), late=Count("pk", filter=_came_late(closings))).order_by()
    sums = {entry: (minor, late > 0) for entry, minor, late in found}
    told = AccountingJournal.objects.filter(entry__in=entries, is_late=True).select_related("batch").order_by("pk")
    journals = {journal.entry_id: journal for journal in told}
    return [Late(row, Money(sums[row.pk][0], row.account.currency), sums[row.pk][1], journals.get(row.pk)) for row in entries]
