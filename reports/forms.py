"""What an address asks for: the period of a report, both days included and one alone completed sensibly; a part of the activity."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from reports.activity import KINDS, Wanted
from spendtrackr import errors
from spendtrackr.forms import day_from
from spendtrackr.periods import Period, add_months

_LONGEST_YEARS = 30


def period_from(given: Mapping[str, Any], usual: Callable[[], Period]) -> Period:
    """`from` and `to` as days; `usual` is asked for what is missing. Raises `Invalid` naming the parameter."""
    first, last = day_from(given, "from"), day_from(given, "to")
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


def wanted_from(given: Mapping[str, Any]) -> Wanted:
    """`kind`, `person`, `day` and `before`. A person whom nobody knows did nothing. Raises `Invalid` naming the parameter."""
    kind, before = given.get("kind", ""), given.get("before", "")
    if kind and kind not in KINDS:
        raise errors.Invalid("Choose one of the kinds of the list.", field="kind")
    if before and not (before.isascii() and before.isdecimal() and len(before) < 19):
        raise errors.Invalid("This is not where a page of this list begins.", field="before")
    return Wanted(kind, given.get("person", "")[:40], day_from(given, "day"), int(before) if before else None)
