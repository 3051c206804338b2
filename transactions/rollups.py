"""Day and month sums of spend lines by each dimension, kept by upserts in the transaction that writes the lines."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db import connection
from django.db.models import Min

from companies.models import Company
from spendtrackr.periods import Period, month_of
from spendtrackr.retry import operation
from spendtrackr.tenancy import current_company
from transactions.models import DaySpend, Dimension, MonthSpend, MonthSpendWithin, SpendLine
from transactions.models.spend import Rollup

# What a cell stands for, in the order of its rollup's key: dimension, first day, currency, and the value's database id (0 for none);
# within a value of another dimension, that comes first.
Cell = tuple[Any, ...]
Sums = dict[Cell, list[int]]

_KEY = ("dimension", "starts_on", "currency", "value_id")
KEYS: dict[type[Rollup], tuple[str, ...]] = {DaySpend: _KEY, MonthSpend: _KEY, MonthSpendWithin: ("within", "within_id", *_KEY)}
_SUMS = ("line_count", "item_count", "amount_minor")
_BLOCK = 100


def add(lines: Iterable[SpendLine]) -> None:
    """Add new lines to all rollups. The last locks of a transaction, always in the order of their keys."""
    sums: dict[type[Rollup], Sums] = {rollup: defaultdict(lambda: [0, 0, 0]) for rollup in KEYS}
    for line in lines:
        for rollup, cell in _cells(line):
            cells = sums[rollup][cell]
            cells[0] += 1
            cells[1] += line.counts
            cells[2] += line.amount_minor
    for rollup, found in sums.items():
        _upsert(rollup, found)


def _cells(line: SpendLine) -> Iterator[tuple[type[Rollup], Cell]]:
    """All that a line is added to."""
    values = {name: getattr(line, f"{name}_id") or 0 for name in Dimension.values}
    month = line.day.replace(day=1)
    for dimension, value_id in values.items():
        yield DaySpend, (dimension, line.day, line.currency, value_id)
        yield MonthSpend, (dimension, month, line.currency, value_id)
        for within, within_id in values.items():
            if within != dimension:
                yield MonthSpendWithin, (within, within_id, dimension, month, line.currency, value_id)


def _upsert(rollup: type[Rollup], sums: Sums) -> None:
    key, table = KEYS[rollup], rollup._meta.db_table
    company = current_company()
    rows: list[tuple[Any, ...]] = [(company, *cell, *values) for cell, values in sorted(sums.items())]
    columns = ("company_id", *key, *_SUMS)
    slot = f"({', '.join(['%s'] * len(columns))})"
    for start in range(0, len(rows), _BLOCK):
        block = rows[start : start + _BLOCK]
        slots = ", ".join([slot] * len(block))
        with connection.cursor() as cursor:
            # Names of our own and placeholders only.
            cursor.execute(
                f"INSERT INTO {table} ({', '.join(columns)}) VALUES {slots} {_add_up(key)}",  # noqa: S608
                [value for row in block for value in row],
            )


def _add_up(key: Iterable[str]) -> str:
    if connection.vendor == "mysql":
        return f"ON DUPLICATE KEY UPDATE {', '.join(f'{name} = {name} + VALUES({name})' for name in _SUMS)}"
    added = ", ".join(f"{name} = {name} + excluded.{name}" for name in _SUMS)
    return f"ON CONFLICT (company_id, {', '.join(key)}) DO UPDATE SET {added}"


@dataclass(frozen=True, slots=True)
class Difference:
    """By how much one cell is off what its lines are. `is_kept` is false where there is no such cell."""

    cell: Cell
    lines: int
    items: int
    amount_minor: int
    is_kept: bool


# Cells less the lines that they stand for, read by one statement: a purchase that clears meanwhile is in both or in neither.
_DIFFERENCES = """
SELECT {key}, SUM(cells), SUM(line_count), SUM(item_count), SUM(amount_minor) FROM (
    SELECT 1 AS cells, {key}, line_count, item_count, amount_minor FROM {table}
    WHERE company_id = %(company)s AND dimension = %(dimension)s AND starts_on >= %(start)s AND starts_on < %(end)s{only_within}
    UNION ALL
    SELECT 0, {of_line}, -COUNT(*), -SUM(counts), -SUM(amount_minor)
    FROM spend_lines WHERE company_id = %(company)s AND day >= %(start)s AND day < %(end)s GROUP BY {by}
) AS both_sides
GROUP BY {key} HAVING SUM(line_count) <> 0 OR SUM(item_count) <> 0 OR SUM(amount_minor) <> 0
ORDER BY {key}"""


def differences(rollup: type[Rollup], month: Period, dimension: str, within: str = "") -> list[Difference]:
    """Cells of one month that are not the sum of their lines: none, unless something went wrong."""
    starts_on = "day" if rollup is DaySpend else "%(start)s"
    found: list[Difference] = []
    of_line = {
        "within": "%(within)s",
        "within_id": f"COALESCE({within}_id, 0)",
        "dimension": "%(dimension)s",
        "starts_on": starts_on,
        "currency": "currency",
        "value_id": f"COALESCE({dimension}_id, 0)",
    }
    key = KEYS[rollup]
    sql = _DIFFERENCES.format(
        key=", ".join(key),
        table=rollup._meta.db_table,
        only_within=" AND within = %(within)s" if within else "",
        of_line=", ".join(of_line[name] for name in key),
        by=", ".join(of_line[name] for name in key if not of_line[name].startswith("%")),
    )
    asked: dict[str, Any] = {"company": current_company(), "dimension": dimension, "within": within, "start": month.start, "end": month.end}
    with connection.cursor() as cursor:
        cursor.execute(sql, asked)
        for row in cursor.fetchall():
            cell, (cells, lines, items, amount) = row[: len(key)], map(int, row[len(key) :])
            found.append(Difference(tuple(cell), lines, items, amount, is_kept=bool(cells)))
    return found


def kinds() -> Iterator[tuple[type[Rollup], str, str]]:
    """Each rollup with each of its dimensions, and within which other; blank for within none."""
    for rollup in KEYS:
        for dimension in Dimension.values:
            withins = [name for name in Dimension.values if name != dimension] if rollup is MonthSpendWithin else [""]
            for within in withins:
                yield rollup, dimension, within


def months() -> Iterator[Period]:
    """The months that have lines or cells, one after the other, each found in an index."""
    after = date.min
    while True:
        firsts = [SpendLine.objects.filter(day__gte=after).aggregate(first=Min("day"))["first"]]
        firsts += [
            rollup.objects.filter(dimension=Dimension.CATEGORY, starts_on__gte=after).aggregate(first=Min("starts_on"))["first"]
            for rollup in (DaySpend, MonthSpend)
        ]
        days = [day for day in firsts if day]
        if not days:
            return
        month = month_of(min(days))
        yield month
        after = month.end


@operation
def mend(rollup: type[Rollup], month: Period, dimension: str, within: str = "") -> int:
    """Make the cells of one month the sum of their lines again; answers how many were not.

    What is missing is added, as whoever books meanwhile adds to the same cells. Two who mend take turns.
    """
    Company.objects.select_for_update().get(pk=current_company())
    off = differences(rollup, month, dimension, within)
    _upsert(rollup, {one.cell: [-one.lines, -one.items, -one.amount_minor] for one in off})
    return len(off)
