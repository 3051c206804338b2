"""A report laid out as a table to read: heads, cells as text, and a bar beside the first amount."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from reports.shape import Kind, Measure, Report, Row, Value
from spendtrackr import locales
from spendtrackr.money import Money

# Kinds that are read in columns, on the right.
_NUMBERS: frozenset[Kind] = frozenset({"money", "count", "percent", "share", "days"})


@dataclass(frozen=True, slots=True)
class Head:
    label: str
    is_number: bool


@dataclass(frozen=True, slots=True)
class Shown:
    """One row: its labels, the text of its values under their heads, and the length of its bar in per cent of the longest."""

    labels: list[str]
    cells: list[tuple[Head, str]]
    href: str
    share: int = 0

    @property
    def values(self) -> list[str]:
        return [text for _, text in self.cells]


@dataclass(frozen=True, slots=True)
class Table:
    axes: list[str]
    heads: list[Head]
    rows: list[Shown]
    totals: list[Shown]
    has_bars: bool


def lay_out(report: Report) -> Table:
    """Bars compare rows of one currency with each other, only where rows are no months; of parts of a whole they show the part."""
    longest = _longest(report)
    has_bars = bool(longest) and report.axes[0].name != "month" and len(report.rows) > 1
    return Table(
        axes=[axis.label for axis in report.axes],
        heads=[_head(measure) for measure in report.measures],
        rows=[_shown(report, row, longest if has_bars else {}) for row in report.rows],
        totals=[_shown(report, row, {}) for row in report.totals],
        has_bars=has_bars,
    )


def _longest(report: Report) -> dict[str, int]:
    """The largest first amount of each currency."""
    found: dict[str, int] = {}
    for row in report.rows:
        if row.values and isinstance(row.values[0], Money):
            found[row.currency] = max(found.get(row.currency, 0), row.values[0].minor)
    return found


def _shown(report: Report, row: Row, longest: dict[str, int]) -> Shown:
    first = row.values[0] if row.values else None
    most = longest.get(row.currency, 0)
    share = max(0, round(first.minor * 100 / most)) if isinstance(first, Money) and most > 0 else 0
    parts = [value for value, measure in zip(row.values, report.measures, strict=True) if measure.kind == "share"]
    if longest and parts:
        share = min(100, round(parts[0])) if isinstance(parts[0], Decimal) else 0
    cells = [(_head(measure), as_text(value, measure.kind)) for value, measure in zip(row.values, report.measures, strict=True)]
    return Shown([key.label for key in row.keys], cells, row.href, share)


def _head(measure: Measure) -> Head:
    return Head(measure.label, measure.kind in _NUMBERS)


def as_text(value: Value, kind: Kind) -> str:
    """As whoever reads the page writes it."""
    if value is None:
        return "–"
    if isinstance(value, Decimal):
        return locales.percent(value, signed=kind == "percent" and bool(value))
    if isinstance(value, int) and kind == "days":
        return f"{locales.count(value)} day{'' if value == 1 else 's'}"
    if isinstance(value, date):
        return locales.day(value)
    return locales.number(value) if isinstance(value, int) else value.written() if isinstance(value, Money) else value
