"""Spend: lines add up to what entries moved, rollups to the lines, and all of it stands under the right category."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date
from typing import Any

from django.db import connection
from django.db.models import Case, F, Min, Q, Sum, When

from reports.verification.walking import BLOCK, NOBODY, PART, Told, confirmed, hanging_on, parts
from spendtrackr.periods import Period, month_of
from spendtrackr.tenancy import current_company
from transactions import splits
from transactions.models import Account, DaySpend, Dimension, Entry, MonthSpend, Posting, SpendLine, Split, Transaction
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
    """All that a transaction spent stands where it is booked to, whole or in the parts that it is split into."""
    for part in parts(SpendLine.objects.all(), told=told, size=PART):
        # Lines that were taken back, and what took them back: few, and together nothing. Of what is split, all lines.
        asked = part.filter(_elsewhere() | Q(transaction__is_split=True))
        ids = list(asked.values_list("transaction_id", flat=True).distinct().order_by("transaction_id"))
        for start in range(0, len(ids), BLOCK):
            yield from confirmed(_coding, ids[start : start + BLOCK])


_BOOKED = ("category", "department", "member", "budget")


def _elsewhere() -> Q:
    """Lines whose category, department, owner or budget is not the transaction's."""
    found = Q()
    for name in _BOOKED:
        known = Q(**{f"{name}__isnull": False}) | Q(**{f"transaction__{name}__isnull": False})
        same = Q(**{name: F(f"transaction__{name}")})
        found |= known & ~same
    return found


def _coding(transactions: list[int]) -> Iterator[str]:
    for purchase in Transaction.objects.filter(pk__in=transactions).order_by("pk"):
        for entry, there in splits.standing_by_entry(purchase).items():
            for place, (minor, items) in splits.differences(entry, purchase, there).items():
                where = [f"{name.removesuffix('_id')} {pk}" for name, pk in zip(splits.DIMENSIONS, place, strict=True) if pk]
                off = f"{-minor} and {-items} items too much"
                yield f"transaction {purchase.public_id} has {off} standing under {', '.join(where) or 'nothing'}"


def split_parts(told: Told = NOBODY) -> Iterator[str]:
    """The parts of each split add up to its transaction, and budgets count what they come to."""
    for part in parts(Split.objects.all(), told=told):
        ids = sorted(set(part.values_list("transaction_id", flat=True)))
        for start in range(0, len(ids), BLOCK):
            yield from confirmed(_split_parts, ids[start : start + BLOCK])
    unsplit = Transaction.objects.filter(is_split=True).exclude(pk__in=Split.objects.values("transaction_id"))
    for public_id in unsplit.order_by("pk").values_list("public_id", flat=True)[:PART]:
        yield f"transaction {public_id} is said to be split, and has no parts"


def _split_parts(transactions: list[int]) -> Iterator[str]:
    found: dict[int, list[Split]] = defaultdict(list)
    for one in hanging_on(Split, transaction_id__in=transactions).select_related("budget").order_by("position"):
        found[one.transaction_id].append(one)
    for purchase in Transaction.objects.filter(pk__in=transactions).order_by("pk"):
        rows = found[purchase.pk]
        kept = [(one.amount_minor, one.posted_minor) for one in rows]
        expected = list(zip(splits.shared(purchase.amount_minor, rows), splits.counted(purchase, rows), strict=True))
        if not purchase.is_split:
            yield f"transaction {purchase.public_id} is in one piece, and has parts"
        elif kept != expected:
            yield f"the parts of transaction {purchase.public_id} are {kept}; they should be {expected}"
