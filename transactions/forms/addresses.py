"""What people and programs write into addresses: amounts for the filters of the list, and periods."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from django.http import QueryDict

from spendtrackr import errors
from spendtrackr.forms import EARLIEST, LATEST, day_from, instant_from
from spendtrackr.money import Money
from spendtrackr.periods import Period, month_of

_NAMES = {"min": ("min_minor", "From amount"), "max": ("max_minor", "To amount")}


class AmountRange:
    """`min` and `max` in whole units of the company's currency, as their reader writes them, as the filter's minor units."""

    def __init__(self, given: QueryDict, currency: str) -> None:
        self.given, self.currency = given, currency
        self.problems: list[str] = []

    def as_minor(self) -> QueryDict:
        """The same address with minor units; what is no amount is left out and told in `problems`."""
        translated = self.given.copy()
        for name, (target, label) in _NAMES.items():
            if text := translated.pop(name, [""])[-1].strip():
                try:
                    translated[target] = str(Money.typed(text, self.currency).minor)
                except ValueError:
                    self.problems.append(f"{label}: {text[:40]!r} is not an amount in {self.currency}.")
        return translated


MOST_DAYS = 366


def statement_period(given: Mapping[str, Any], today: date) -> Period:
    """`from` and `to` as days, by default the month up to today. Raises `Invalid` naming the parameter."""
    first, last = day_from(given, "from"), day_from(given, "to")
    last = last or max(first or today, today)
    first = first or last.replace(day=1)
    if last < first:
        raise errors.Invalid("The period ends before it starts.", field="to")
    if (last - first).days >= MOST_DAYS:
        raise errors.Invalid(f"A statement covers at most {MOST_DAYS} days.", field="from")
    return Period.inclusive(first, last)


def instant_by(given: Mapping[str, Any], now: datetime) -> datetime:
    """`at` as an instant, by default now. Raises `Invalid` for one that has not come: what will happen until then nobody knows."""
    at = instant_from(given, "at") or now
    if at > now:
        raise errors.Invalid("That instant has not come yet.", field="at")
    return at


def month_from(given: Mapping[str, Any], today: date) -> Period:
    """`month` as people choose it, by default today's. Raises `Invalid` naming it."""
    text = given.get("month")
    if not text:
        return month_of(today)
    try:
        first = date.fromisoformat(f"{text}-01") if len(text) == len("2026-03") else None
    except ValueError:
        first = None
    if first is None or not EARLIEST <= first <= LATEST:
        raise errors.Invalid("Month is a month such as 2026-03.", field="month")
    return month_of(first)
