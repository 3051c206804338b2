"""Day and month sums of spend lines by each dimension, kept by one upsert in the transaction that writes the lines."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from typing import Any

from django.db import connection

from spendtrackr.tenancy import current_company
from transactions.models import DaySpend, Dimension, MonthSpend, SpendLine

# Dimension, first day, currency, and the value's database id (0 for none).
Cell = tuple[str, date, str, int]

_COLUMNS = "company_id, dimension, starts_on, currency, value_id, line_count, item_count, amount_minor"
_ADD_MYSQL = """ON DUPLICATE KEY UPDATE
    line_count = line_count + VALUES(line_count), item_count = item_count + VALUES(item_count),
    amount_minor = amount_minor + VALUES(amount_minor)"""
_ADD_SQLITE = """ON CONFLICT (company_id, dimension, starts_on, currency, value_id) DO UPDATE SET
    line_count = line_count + excluded.line_count, item_count = item_count + excluded.item_count,
    amount_minor = amount_minor + excluded.amount_minor"""
_BLOCK = 100


def add(lines: Iterable[SpendLine]) -> None:
    """Add new lines to both rollups. The last locks of a transaction, always in the order of their keys."""
    days: dict[Cell, list[int]] = defaultdict(lambda: [0, 0, 0])
    months: dict[Cell, list[int]] = defaultdict(lambda: [0, 0, 0])
    for line in lines:
        for dimension in Dimension.values:
            value_id = getattr(line, f"{dimension}_id") or 0
            for cells, start in ((days, line.day), (months, line.day.replace(day=1))):
                cell = cells[dimension, start, line.currency, value_id]
                cell[0] += 1
                cell[1] += line.counts
                cell[2] += line.amount_minor
    _upsert(DaySpend._meta.db_table, days)
    _upsert(MonthSpend._meta.db_table, months)


def _upsert(table: str, cells: dict[Cell, list[int]]) -> None:
    company = current_company()
    rows: list[tuple[Any, ...]] = [(company, *key, *values) for key, values in sorted(cells.items())]
    add_up = _ADD_MYSQL if connection.vendor == "mysql" else _ADD_SQLITE
    for start in range(0, len(rows), _BLOCK):
        block = rows[start : start + _BLOCK]
        slots = ", ".join(["(%s, %s, %s, %s, %s, %s, %s, %s)"] * len(block))
        with connection.cursor() as cursor:
            # Constants and placeholders only.
            cursor.execute(f"INSERT INTO {table} ({_COLUMNS}) VALUES {slots} {add_up}", [value for row in block for value in row])  # noqa: S608
