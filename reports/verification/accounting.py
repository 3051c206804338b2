"""Books and accounting: nothing was coded on a closed day, and accounting was told of each line once and of nothing else."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date
from itertools import zip_longest
from typing import Any

from django.db.models import Count, Q, QuerySet, Sum

from reports.verification.walking import BLOCK, NOBODY, PART, Told, confirmed, hanging_on, listed, parts
from transactions.accounting import Tax, lines_of
from transactions.models import (
    AccountedLine,
    AccountingBatch,
    AccountingJournal,
    AccountingMonth,
    AccountingRow,
    BatchStatus,
    BookClosing,
    Books,
    SpendLine,
)


def closed_books(told: Told = NOBODY) -> Iterator[str]:
    """No line that was on a closed day was taken back while it was closed; what came to it later stands as it came."""
    told.expect(BookClosing.objects.count)
    rows = list(BookClosing.objects.order_by("pk"))
    for closing, following in zip_longest(rows, rows[1:]):
        if closing.closed_through:
            yield from _coded_while(closing, following)
        if following and following.before != closing.closed_through:
            yield f"closing {following.public_id} says that {following.before} was closed before; it was {closing.closed_through}"
    kept = Books.objects.values_list("closed_through", flat=True).first()
    last = rows[-1].closed_through if rows else None
    if kept != last:
        yield f"the books are closed through {kept}; the last closing says {last}"


def _coded_while(closing: BookClosing, following: BookClosing | None) -> Iterator[str]:
    """A line that takes another back counts it away, or has the other sign than its entry: those are all that a coding writes there."""
    late = SpendLine.objects.filter(pk__gt=closing.last_line_id, day__lte=closing.closed_through)
    late = late.filter(pk__lte=following.last_line_id) if following else late
    for part in parts(late, told=NOBODY, size=PART):
        entries = list(part.order_by().values_list("entry_id", flat=True).distinct())
        for start in range(0, len(entries), BLOCK):
            block = entries[start : start + BLOCK]
            sums = dict(hanging_on(SpendLine, entry__in=block).values_list("entry_id").annotate(total=Sum("amount_minor")).order_by())
            for line in (
                part.filter(entry__in=block).order_by("pk").values_list("pk", "entry_id", "day", "amount_minor", "counts", named=True)
            ):
                if line.counts < 0 or line.amount_minor * sums[line.entry_id] < 0:
                    yield f"line {line.pk} took spend of {line.day} back, which was closed through {closing.closed_through}"


def accounting(told: Told = NOBODY) -> Iterator[str]:
    """Journals balance, and say what the lines that they stand for came to; a row is taken back once; sums by month are kept."""
    for part in parts(AccountingJournal.objects.all(), told=told):
        yield from confirmed(_journals, part)
    for part in parts(AccountedLine.objects.all(), told=NOBODY, size=PART):
        yield from confirmed(_lines, part)
    for part in parts(AccountingBatch.objects.all(), told=NOBODY):
        yield from confirmed(_months, part)


def _journals(part: QuerySet[AccountingJournal]) -> Iterator[str]:
    rows: dict[int, list[Any]] = defaultdict(list)
    for row in hanging_on(AccountingRow, journal__in=part).select_related("reverses").order_by("pk"):
        rows[row.journal_id].append(row)
    lines = hanging_on(AccountedLine, journal__in=part).values_list("journal_id").order_by()
    stood = dict(lines.annotate(total=Sum("spend_line__amount_minor")))
    standing = dict(lines.filter(standing_key__isnull=False).annotate(n=Count("pk")))
    for row in listed(part, "public_id", "status", "amount_minor", "entry_id"):
        if row.amount_minor != sum(one.amount_minor for one in rows[row.pk]) or row.amount_minor != stood.get(row.pk):
            told = sum(one.amount_minor for one in rows[row.pk])
            yield f"journal {row.public_id} comes to {row.amount_minor}, its rows to {told} and its lines to {stood.get(row.pk)}"
        if (row.status == BatchStatus.EXPORTED) != (row.pk in standing):
            yield f"journal {row.public_id} is {row.status}, and {standing.get(row.pk, 0)} of its lines stand"
        if any(sum(line.minor for line in lines_of(rows[row.pk], taxes)) for taxes in ({}, _APART)):
            yield f"journal {row.public_id} does not balance"
        yield from _reversals(row, rows[row.pk])


# A tax of no code with an account of its own: whichever way it is written, a journal balances.
_APART = {"": Tax("", "tax")}


def _reversals(journal: Any, rows: list[Any]) -> Iterator[str]:
    for row in rows:
        back = row.reverses
        if back and (back.amount_minor, back.tax_minor, back.entry_id) != (-row.amount_minor, -row.tax_minor, journal.entry_id):
            yield f"journal {journal.public_id} takes back {-row.amount_minor} of a row of {back.amount_minor}"
    taken = Counter(
        hanging_on(AccountingRow, reverses__in=[row.pk for row in rows], journal__status=BatchStatus.EXPORTED).values_list(
            "reverses_id", flat=True
        )
    )
    for row in rows:
        if taken[row.pk] > 1:
            yield f"a row of {row.amount_minor} in journal {journal.public_id} was taken back {taken[row.pk]} times"


def _lines(part: QuerySet[AccountedLine]) -> Iterator[str]:
    """Under each entry, what stands exported is what its exported lines came to, by category and department."""
    entries = list(part.order_by().values_list("spend_line__entry_id", flat=True).distinct())
    for start in range(0, len(entries), BLOCK):
        yield from _entries(entries[start : start + BLOCK])


def _entries(entries: list[int]) -> Iterator[str]:
    off: Counter[tuple[int, int | None, int | None]] = Counter()
    standing = hanging_on(AccountedLine, spend_line__entry__in=entries, standing_key__isnull=False)
    by_line = standing.values_list("spend_line__entry_id", "spend_line__category_id", "spend_line__department_id")
    for *key, total in by_line.annotate(total=Sum("spend_line__amount_minor")).order_by():
        off[tuple(key)] += total
    rows = hanging_on(AccountingRow, entry__in=entries, journal__status=BatchStatus.EXPORTED)
    for *key, total in rows.values_list("entry_id", "category_id", "department_id").annotate(total=Sum("amount_minor")).order_by():
        off[tuple(key)] -= total
    for (entry, category, department), minor in sorted(off.items(), key=str):
        if minor:
            yield f"of entry {entry}, accounting was told of {minor} too little under category {category} and department {department}"


def _months(part: QuerySet[AccountingBatch]) -> Iterator[str]:
    counted: dict[tuple[int, date], list[int]] = defaultdict(lambda: [0, 0, 0])
    lines = hanging_on(AccountedLine, batch__in=part, standing_key__isnull=False).values_list("batch_id", "spend_line__day")
    for batch, day, count in lines.annotate(n=Count("pk")).order_by():
        counted[batch, day.replace(day=1)][0] += count
    journals = hanging_on(AccountingJournal, batch__in=part, status=BatchStatus.EXPORTED).values_list("batch_id", "day")
    for batch, day, count, total in journals.annotate(n=Count("pk"), total=Sum("amount_minor")).order_by():
        counted[batch, day.replace(day=1)][1] += count
        counted[batch, day.replace(day=1)][2] += total
    kept = {
        (row.batch_id, row.starts_on): [row.line_count, row.journal_count, row.amount_minor]
        for row in hanging_on(AccountingMonth, batch__in=part)
    }
    for batch, month in sorted({*counted, *kept}):
        if kept.get((batch, month)) != counted.get((batch, month)):
            yield f"batch {batch} keeps {kept.get((batch, month))} of {month:%B %Y}; it should be {counted.get((batch, month))}"
    has = Q(journals__status=BatchStatus.EXPORTED)
    for batch in part.annotate(standing=Count("journals", filter=has)).order_by("pk"):
        if bool(batch.standing) != (batch.status == BatchStatus.EXPORTED):
            yield f"batch {batch.public_id} is {batch.status}, and {batch.standing} of its journals stand"
