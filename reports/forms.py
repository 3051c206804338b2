"""The period of a report, from an address. Both days are included; one of them alone is completed sensibly."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from spendtrackr import errors
from spendtrackr.periods import Period, add_months

_EARLIEST, _LATEST = date(1990, 1, 1), date(2099, 12, 31)
_LONGEST_YEARS = 30


def period_from(given: Mapping[str, Any], usual: Callable[[], Period]) -> Period:
    """`from` and `to` as days; `usual` is asked for what is missing. Raises `Invalid` naming the parameter."""
    first, last = _day(given, "from"), _day(given, "to")
    if first is None and last is None:
        return usual()
    if first is None:
        assert last is not None
        first = add_months(last.replace(day=1), -11)
    if last is None:
        last = max(usual().last, first)
    if last < first:
        raise errors.Invalid("The period ends before it starts.", field="to")
    if last.year - first.year > _LONGEST_YEARS:
        raise errors.Invalid(f"A report covers at most {_LONGEST_YEARS} years.", field="from")
    return Period.inclusive(first, last)


def _day(given: Mapping[str, Any], name: str) -> date | None:
    text = given.get(name)
    if not text:
        return None
    try:
        day = date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        day = None
    if day is None:
        raise errors.Invalid(f"{name.capitalize()} is a day such as 2026-03-31.", field=name)
    if not _EARLIEST <= day <= _LATEST:
        raise errors.Invalid(f"{name.capitalize()} is a day from {_EARLIEST} to {_LATEST}.", field=name)
    return day
