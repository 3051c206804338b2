"""What an address asks for: a report, with its period (both days included, one alone completed sensibly); a part of the activity."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

from reports import queries
from reports.activity import KINDS, Wanted
from reports.shape import Booked, Definition, Question
from spendtrackr import errors
from spendtrackr.forms import day_from
from spendtrackr.money import KNOWN_CURRENCIES
from spendtrackr.periods import Period, add_months, month_of
from transactions.forms.addresses import month_from
from transactions.models import Dimension
from users.models import Membership

_LONGEST_YEARS = 30
# Options that a report cannot do without, and what a page shows where none is given.
USUAL = {"group_by": "category"}


def question_from(given: Mapping[str, Any], report: Definition, member: Membership, *, at: datetime) -> Question:
    """What is asked of a report. Raises `Invalid` naming the parameter."""
    today, booked = member.company.day_of(at), queries.booked(queries.reader(member))
    return Question(
        member=member,
        at=at,
        period=_period(given, report, booked, today),
        booked=booked,
        of={name: queries.ids_of(name, given[name]) for name in Dimension.values if name in report.takes and given.get(name)},
        currency=_currency(given),
        options=_options(given, report),
        given={name: str(value) for name, value in given.items() if value},
    )


def _period(given: Mapping[str, Any], report: Definition, booked: Booked, today: date) -> Period:
    """As the report takes it: from day to day, one month, or none, because it tells of now."""
    if "month" in report.takes:
        return month_from(given, month_of(today).before().start)
    if "from" not in report.takes:
        return month_of(today)
    return period_from(given, lambda: booked.usual_period(today))


def whole_number(text: str, field: str) -> int:
    """A number of an address, from 0 on. Raises `Invalid` naming the parameter."""
    if not _is_number(text):
        raise errors.Invalid("Write a whole number from 0 on.", field=field)
    return int(text)


def _is_number(text: str) -> bool:
    """Figures alone, and no more than a column of ours holds."""
    return text.isascii() and text.isdecimal() and len(text) < 19


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


def _currency(given: Mapping[str, Any]) -> str:
    code = str(given.get("currency", ""))
    if code and code not in KNOWN_CURRENCIES:
        raise errors.Invalid("Write a currency as ISO 4217 does, such as EUR.", field="currency")
    return code


def _options(given: Mapping[str, Any], report: Definition) -> dict[str, str]:
    chosen = {}
    for name, choices in report.options.items():
        value = str(given.get(name) or report.usual.get(name, ""))
        if not value and name in USUAL:
            raise errors.Invalid(errors.one_of(name, choices), field=name, code="required")
        if value and value not in choices:
            raise errors.Invalid(errors.one_of(name, choices), field=name)
        if value:
            chosen[name] = value
    return chosen


def wanted_from(given: Mapping[str, Any]) -> Wanted:
    """`kind`, `person`, `day` and `before`. A person whom nobody knows did nothing. Raises `Invalid` naming the parameter."""
    kind, before = given.get("kind", ""), given.get("before", "")
    if kind and kind not in KINDS:
        raise errors.Invalid("Choose one of the kinds of the list.", field="kind")
    if before and not _is_number(before):
        raise errors.Invalid("This is not where a page of this list begins.", field="before")
    return Wanted(kind, given.get("person", "")[:40], day_from(given, "day"), int(before) if before else None)
