"""The period of a report, from an address. Both days are included; one of them alone is completed sensibly."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

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
