"""Charges that come in a steady rhythm: what a subscription is, decided from days and amounts alone.

The rule: going back from the latest charge, each came about one rhythm before the next, give or take so many days, and was alike in
amount (the smaller at least three quarters of the larger), for as many charges as the rhythm asks. What lies before is not looked at.
It has stopped when the next one is late by more than those days.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

from spendtrackr.periods import add_months


@dataclass(frozen=True, slots=True, order=True)
class Charge:
    """So much on that day, in minor units, above zero."""

    day: date
    minor: int


@dataclass(frozen=True, slots=True)
class Rhythm:
    """So many weeks or months, give or take `slack` days; `least` charges in a row show it."""

    label: str
    a_year: int
    slack: int
    least: int
    weeks: int = 0
    months: int = 0

    def after(self, day: date) -> date:
        return add_months(day, self.months) if self.months else day + timedelta(weeks=self.weeks)

    def joins(self, one: Charge, following: Charge) -> bool:
        return abs((following.day - self.after(one.day)).days) <= self.slack and _are_alike(one, following)


WEEKLY = Rhythm("Weekly", 52, slack=1, least=5, weeks=1)
MONTHLY = Rhythm("Monthly", 12, slack=4, least=3, months=1)
QUARTERLY = Rhythm("Quarterly", 4, slack=7, least=3, months=3)
YEARLY = Rhythm("Yearly", 1, slack=14, least=2, months=12)
RHYTHMS = (WEEKLY, MONTHLY, QUARTERLY, YEARLY)


@dataclass(frozen=True, slots=True)
class Recurring:
    """A row of charges in one rhythm, the oldest first, as it stands on a day."""

    rhythm: Rhythm
    charges: tuple[Charge, ...]
    has_stopped: bool

    @property
    def last(self) -> Charge:
        return self.charges[-1]

    @property
    def next_on(self) -> date:
        return self.rhythm.after(self.last.day)

    @property
    def yearly_minor(self) -> int:
        """What a year of it costs, at the last price."""
        return self.last.minor * self.rhythm.a_year

    @property
    def change_minor(self) -> int:
        """By how much the last price is above the first of the row."""
        return self.last.minor - self.charges[0].minor


def find(charges: Iterable[Charge], today: date) -> Recurring | None:
    """The rhythm of what one merchant charged, in any order; None where there is none."""
    ordered = sorted(charges)
    for rhythm in RHYTHMS:
        row = _latest(ordered, rhythm)
        if len(row) >= rhythm.least:
            late = today - rhythm.after(row[-1].day)
            return Recurring(rhythm, tuple(row), has_stopped=late > timedelta(days=rhythm.slack))
    return None


def _latest(ordered: list[Charge], rhythm: Rhythm) -> list[Charge]:
    """The charges up to the last that follow each other in this rhythm."""
    row = ordered[-1:]
    for one, following in reversed(list(pairwise(ordered))):
        if not rhythm.joins(one, following):
            break
        row.append(one)
    return row[::-1]


def _are_alike(one: Charge, other: Charge) -> bool:
    return 4 * min(one.minor, other.minor) >= 3 * max(one.minor, other.minor)
