"""What is asked of a report and the one shape of its answer: dimensions, measures, rows, totals, as pages, API and files show it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from typing import Any, Literal

from spendtrackr.money import Money
from spendtrackr.periods import Period, month_of
from users.models import Membership

# How a measure is written: an amount, a whole number, a change in per cent, a part of a whole in per cent, days, a calendar day, words.
Kind = Literal["money", "count", "percent", "share", "days", "day", "text"]
Value = Money | int | Decimal | date | str | None


@dataclass(frozen=True, slots=True)
class Axis:
    """A dimension of a report: what its rows stand for, such as `category`."""

    name: str
    label: str


@dataclass(frozen=True, slots=True)
class Measure:
    name: str
    label: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Key:
    """One value of a dimension: a month (`2026-03`), or the id of a category, member, …; blank where there is none."""

    id: str
    label: str


@dataclass(frozen=True, slots=True)
class Row:
    """A key for each axis and a value for each measure, in their order. `href` leads to the rows behind it, on our pages."""

    keys: tuple[Key, ...]
    values: tuple[Value, ...]
    # Blank where nothing in the row is money.
    currency: str = ""
    href: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """An answer. Currencies stand side by side and are never added to each other: a row of totals for each."""

    name: str
    axes: tuple[Axis, ...]
    measures: tuple[Measure, ...]
    rows: list[Row]
    totals: list[Row] = field(default_factory=list)
    # None for what is true now, whatever the period.
    period: Period | None = None
    # Spend began in the middle of what it is compared with: a change against that would say nothing.
    is_partial: bool = False


class Booked:
    """The months in which there was spend: looked for once, when somebody wants to know."""

    def __init__(self, months: Callable[[], tuple[date | None, date | None]]) -> None:
        self._months = months

    @cached_property
    def _both(self) -> tuple[date | None, date | None]:
        return self._months()

    @property
    def first_day(self) -> date | None:
        """Of the first of them."""
        return self._both[0]

    def usual_period(self, today: date) -> Period:
        """The twelve months that end with this one; or with the last that has any spend, when that is longer ago."""
        latest, this_month = self._both[1], month_of(today)
        end = month_of(latest).end if latest and latest < this_month.before().start else this_month.end
        return Period(Period(month_of(end).start, end).start.replace(year=end.year - 1), end)


@dataclass(frozen=True, slots=True)
class Question:
    """Who asks, when, of which days, narrowed how."""

    member: Membership
    at: datetime
    period: Period
    booked: Booked
    # Values by dimension (`category`, `member`, …), as database ids: 0 is what has none, an empty set finds nothing.
    of: Mapping[str, frozenset[int]] = field(default_factory=dict)
    # Blank for all of them, side by side.
    currency: str = ""
    # What else a report takes, such as `group_by`; and all that was given, as it stands in the address.
    options: Mapping[str, str] = field(default_factory=dict)
    given: Mapping[str, str] = field(default_factory=dict)
    # What was read for it already: a page asks some things twice.
    known: dict[object, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def today(self) -> date:
        return self.member.company.day_of(self.at)


@dataclass(frozen=True, slots=True)
class Definition:
    """A report that can be asked for: `name` in addresses, `says` in a sentence what it answers, `nothing` what an empty one means."""

    name: str
    title: str
    says: str
    answer: Callable[[Question], Report]
    # The parameters that it understands, besides `currency`: `from`, `to` or `month`, dimensions, and its own options with their choices.
    takes: tuple[str, ...] = ()
    # The line of the table of permissions that it asks (`users/roles.py`).
    rule: str = "reports.see"
    options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    # What is taken of an option where nothing is given.
    usual: Mapping[str, str] = field(default_factory=dict)
    # Under which heading it is listed.
    theme: str = "Spend"
    nothing: str = "There is nothing to tell of this yet."


def added_up(measures: tuple[Measure, ...], rows: Iterable[Row], names: frozenset[str]) -> list[Row]:
    """A row of totals for each currency: the sums of the named measures, and nothing of the others."""
    by_currency: dict[str, list[Row]] = {}
    for row in rows:
        by_currency.setdefault(row.currency, []).append(row)
    return [
        Row(
            (),
            tuple(_sum(row.values[place] for row in found) if one.name in names else None for place, one in enumerate(measures)),
            currency,
        )
        for currency, found in sorted(by_currency.items())
    ]


def _sum(values: Iterable[Value]) -> Value:
    """None where there is nothing to add up."""
    total: Money | int | None = None
    for value in values:
        if isinstance(value, Money):
            total = value + total if isinstance(total, Money) else value
        elif isinstance(value, int):
            total = value + total if isinstance(total, int) else value
    return total
