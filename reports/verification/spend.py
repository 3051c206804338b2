"""Spend: lines add up to what entries moved, rollups to the lines, and all of it stands under the right category."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date
from typing import Any

from django.db import connection
from django.db.models import Case, F, Min, Q, QuerySet, Sum, When

from reports.verification.walking import BLOCK, NOBODY, PART, Told, hanging_on, parts
from spendtrackr.periods import Period, month_of
from spendtrackr.tenancy import current_company
from transactions.models import Account, DaySpend, Dimension, Entry, MonthSpend, Posting, SpendLine
from transactions.models.spend import Rollup


def spend_lines(told: Told = NOBODY) -> Iterator[str]:
    """Each entry's lines add up to what it moved into `spent`. One statement reads both sides of a part, since money moves meanwhile.

    Added up here: asked for a sum beside each entry, MySQL without fresh statistics reads all postings for every one of them.
    """
    into, out_of = Q(to_account=Account.SPENT), Q(from_account=Account.SPENT)
    signed = Case(When(into, then=F("amount_minor")), default=0 - F("amount_minor"))
    for part in parts(Entry.objects.all(), told=told, size=PART):
        moved = hanging_on(Posting, entry__in=part).filter(into | out_of).values_list("entry_id").annotate(total=Sum(signed))
        said = hanging_on(SpendLine, entry__in=part).values_list("entry_id").annotate(total=Sum(0 - F("amount_minor")))
        differences: Counter[int] = Counter()
        for entry_id, total in moved.order_by().union(said.order_by(), all=True).iterator():
            differences[entry_id] += total
        wrong = {entry_id: total for entry_id, total in differences.items() if total}
        for entry_id, public_id in Entry.objects.filter(pk__in=sorted(wrong)[:BLOCK]).order_by("pk").values_list("pk", "public_id"):
            yield f"entry {public_id} moved {wrong[entry_id]} more into spent than its spend lines say"


def day_rollup(told: Told = NOBODY) -> Iterator[str]:
    """The day rollup is the sum of the lines, by each dimension."""
    yield from _rollup(DaySpend, told)


def month_rollup(told: Told = NOBODY) -> Iterator[str]:
    """The month rollup is the sum of the lines, by each dimension."""
    yield from _rollup(MonthSpend, told)


# Cells less the lines that they stand for, read by one statement: a purchase that clears meanwhile is in both or in neither.
_DIFFERENCES = """
SELECT starts_on, currency, value_id, SUM(cells), SUM(line_count), SUM(item_count), SUM(amount_minor) FROM (
    SELECT 1 AS cells, starts_on, currency, value_id, line_count, item_count, amount_minor FROM {table}
    WHERE company_id = %(company)s AND dimension = %(dimension)s AND starts_on >= %(start)s AND starts_on < %(end)s
    UNION ALL
    SELECT 0, {starts_on} AS starts, currency, COALESCE({dimension}_id, 0) AS value, -COUNT(*), -SUM(counts), -SUM(amount_minor)
    FROM spend_lines WHERE company_id = %(company)s AND day >= %(start)s AND day < %(end)s GROUP BY starts, currency, value
) AS both_sides
GROUP BY starts_on, currency, value_id HAVING SUM(line_count) <> 0 OR SUM(item_count) <> 0 OR SUM(amount_minor) <> 0
ORDER BY starts_on, currency, value_id"""


def _rollup(rollup: type[Rollup], told: Told) -> Iterator[str]:
    told.expect(lambda: SpendLine.objects.count() * len(Dimension))
    table = rollup._meta.db_table
    starts_on = "day" if rollup is DaySpend else "%(start)s"
    for dimension in Dimension.values:
        sql = _DIFFERENCES.format(table=table, starts_on=starts_on, dimension=dimension)
        for month in _months(rollup, dimension):
            asked: dict[str, Any] = {"company": current_company(), "dimension": dimension, "start": month.start, "end": month.end}
            with connection.cursor() as cursor:
                cursor.execute(sql, asked)
                found = cursor.fetchall()
            for start, currency, value, cells, *off in found:
                yield _cell(f"{start} {currency} {dimension} {value}", table, *map(int, off), is_kept=bool(cells))
            if told.listens:
                told.done(SpendLine.objects.filter(day__gte=month.start, day__lt=month.end).count())


def _cell(cell: str, table: str, lines: int, items: int, amount: int, *, is_kept: bool) -> str:
    if not is_kept:
        return f"{table} misses {cell}: {-lines} lines of {-amount}"
    return f"{table} {cell} is {lines:+} lines, {items:+} items and {amount:+} minor units off what its lines are"


def _months(rollup: type[Rollup], dimension: str) -> Iterator[Period]:
    """The months that have lines or cells, one after the other, each found in an index."""
    after = date.min
    while True:
        line = SpendLine.objects.filter(day__gte=after).aggregate(first=Min("day"))["first"]
        cell = rollup.objects.filter(dimension=dimension, starts_on__gte=after).aggregate(first=Min("starts_on"))["first"]
        if line is None and cell is None:
            return
        month = month_of(min(day for day in (line, cell) if day))
        yield month
        after = month.end


def coding(told: Told = NOBODY) -> Iterator[str]:
    """All that a transaction spent stands under the category that it has."""
    for part in parts(SpendLine.objects.all(), told=told, size=PART):
        # Lines that were taken back, and what took them back: few, and together nothing.
        coded = _coded_otherwise(part).values_list("transaction_id", flat=True).distinct().order_by("transaction_id")
        ids = list(coded)
        for start in range(0, len(ids), BLOCK):
            yield from _coding(ids[start : start + BLOCK])


def _coded_otherwise(lines: QuerySet[SpendLine]) -> QuerySet[SpendLine]:
    known = Q(category__isnull=False) | Q(transaction__category__isnull=False)
    return lines.exclude(category=F("transaction__category")).filter(known)


def _coding(transactions: list[int]) -> Iterator[str]:
    sums = (
        _coded_otherwise(hanging_on(SpendLine, transaction_id__in=transactions))
        .values_list("transaction__public_id", "entry_id", "category_id")
        .annotate(total=Sum("amount_minor"), items=Sum("counts"))
        .order_by("transaction__public_id")
    )
    for public_id, _, category_id, total, items in sums:
        if total or items:
            yield f"transaction {public_id} has {total} standing under category {category_id}, which is not its own"
