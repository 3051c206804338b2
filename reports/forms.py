"""What an address asks for: a report, with its period (both days included, one alone completed sensibly); a part of the activity.

And the form of an endpoint of webhooks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any, TypeVar

from django import forms

from reports import queries
from reports.activity import KINDS, Wanted
from reports.shape import Booked, Definition, Question
from spendtrackr import errors
from spendtrackr.forms import LineField, day_from
from spendtrackr.models import WebhookEndpoint
from spendtrackr.money import KNOWN_CURRENCIES
from spendtrackr.periods import Period, add_months, month_of
from spendtrackr.webhooks.addresses import MOST_CHARACTERS
from transactions.forms.addresses import month_from
from transactions.models import Dimension
from users.forms import OperationForm
from users.models import Membership

T = TypeVar("T")

_LONGEST_YEARS = 30
# Options that a report cannot do without, and what a page shows where none is given.
USUAL = {"group_by": "category"}


LONGEST_ID = 40


def question_from(given: Mapping[str, Any], report: Definition, member: Membership, *, at: datetime) -> Question:
    """What is asked of a report. Raises `Invalid` naming the parameter."""
    today, booked = member.company.day_of(at), queries.booked(queries.reader(member))
    for name in Dimension.values:
        if name in report.takes and len(given.get(name) or "") > LONGEST_ID:
            raise errors.Invalid(f"An id has at most {LONGEST_ID} characters.", field=name)
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


class WebhookForm(OperationForm):
    """Where events are sent, and which: whole kinds by ticking, single types by name."""

    url = LineField(
        label="Address", max_length=MOST_CHARACTERS, help_text="Of your program, beginning with https://.",
        widget=forms.TextInput(attrs={"inputmode": "url", "autocomplete": "off", "spellcheck": "false"}),
    )  # fmt: skip
    description = LineField(label="What it is for", max_length=200, required=False)
    kinds = forms.MultipleChoiceField(
        label="Events", required=False, widget=forms.CheckboxSelectMultiple,
        choices=[(f"{kind}.*", says) for kind, says in KINDS.items()], help_text="None ticked and none named: all events.",
    )  # fmt: skip
    single = forms.CharField(
        label="Single types besides", required=False, max_length=4000,
        widget=forms.TextInput(attrs={"placeholder": "card.frozen, books.closed", "autocomplete": "off", "spellcheck": "false"}),
        help_text="With commas between.",
    )  # fmt: skip

    def clean_single(self) -> list[str]:
        names = str(self.cleaned_data["single"]).replace(",", " ").split()
        if unknown := [name for name in names if name not in queries.EVENT_TYPES]:
            raise forms.ValidationError(f"There is no type of event {unknown[0]}.")
        return names

    def take(self, work: Callable[..., T], **known: Any) -> T | None:
        """What is ticked and what is named are one choice."""
        given = self.cleaned_data
        self.cleaned_data = {"url": given["url"], "description": given["description"], "types": [*given["kinds"], *given["single"]]}
        return super().take(work, **known)

    @classmethod
    def of(cls, endpoint: WebhookEndpoint) -> WebhookForm:
        kinds = [name for name in endpoint.types if name.endswith(".*")]
        single = ", ".join(name for name in endpoint.types if name not in kinds)
        return cls(initial={"url": endpoint.url, "description": endpoint.description, "kinds": kinds, "single": single})
