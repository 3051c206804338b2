"""What somebody fills in to issue or change a card or a budget, to ask for more, to invite somebody or to give them another place."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from babel import Locale
from django import forms

from cards.controls import Limit, fold_name
from cards.models import Budget, BudgetInterval, CardMode, CardUsage, Interval
from cards.operations import Controls
from cards.queries import readable_merchant
from companies.merchant_categories import parse_range, range_text
from companies.operations import COUNTRIES
from spendtrackr.forms import DayField as AnyDayField
from spendtrackr.forms import DayInput
from spendtrackr.money import Money, example
from users.models import Membership
from users.roles import Role


class AmountField(forms.CharField):
    """An amount as its reader types it, such as `1,250.00` or `1.250,00`, in the form's currency; blank is None."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, max_length=40, widget=forms.TextInput(attrs={"inputmode": "decimal"}), **kwargs)
        self.currency = ""

    def clean(self, value: Any) -> Money | None:
        text = super().clean(value)
        if not text:
            return None
        try:
            amount = Money.typed(text, self.currency)
        except ValueError as error:
            raise forms.ValidationError(f"Write an amount in {self.currency}, such as {example(self.currency)}.") from error
        if not 0 < amount.minor < 10**15:
            raise forms.ValidationError("Write an amount above zero, and one that a card could spend.")
        return amount


class CountField(forms.IntegerField):
    """How many purchases; blank is no limit of their number."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, min_value=1, max_value=100_000, widget=forms.TextInput(attrs={"inputmode": "numeric"}), **kwargs)


class ListField(forms.CharField):
    """Several things, as text in a box: one on each line, or as `pattern` separates them."""

    pattern = r"\n"

    def __init__(self, *, rows: int = 2, **kwargs: Any) -> None:
        super().__init__(required=False, max_length=20_000, widget=forms.Textarea(attrs={"rows": rows}), **kwargs)

    def to_python(self, value: Any) -> str:
        """Browsers end lines with two characters, which is no difference."""
        return str(super().to_python(value)).replace("\r\n", "\n")

    def clean(self, value: Any) -> list[str]:
        parts = (part.strip() for part in re.split(self.pattern, super().clean(value)))
        return [found for part in parts if part for found in self.read(part)]

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Another order or other capitals are no difference."""
        try:
            return {fold_name(one) for one in self.clean(initial)} != {fold_name(one) for one in self.clean(data)}
        except forms.ValidationError:
            return True

    def read(self, part: str) -> list[str]:
        return [part]


class CodesField(ListField):
    """Merchant category codes (ISO 18245) and ranges of them, separated by spaces, commas or lines."""

    pattern = r"[\s,;]+"

    def clean(self, value: Any) -> list[str]:
        return super().clean(re.sub(r"\s*[-–]\s*", "-", str(value or "")))

    def read(self, part: str) -> list[str]:
        try:
            return [range_text(*parse_range(part[:40]))]
        except ValueError as error:
            raise forms.ValidationError(f"{error}.") from error


class CountriesField(ListField):
    """Countries by their English names or their codes (ISO 3166-1 alpha-2)."""

    pattern = r"[,;\n]+"

    def read(self, part: str) -> list[str]:
        if code := _CODES_OF_COUNTRIES.get(part.casefold()):
            return [code]
        words = part.split()
        if wrong := [word for word in words if word.upper() not in COUNTRIES]:
            unknown = wrong[0] if all(len(word) == len("DE") for word in words) else part
            raise forms.ValidationError(f"“{unknown[:40]}” is no country that we know. Write its name or code, such as Germany or DE.")
        return [word.upper() for word in words]


COUNTRY_NAMES: dict[str, str] = {code: str(Locale("en").territories[code]) for code in COUNTRIES}
_CODES_OF_COUNTRIES = {name.casefold(): code for code, name in COUNTRY_NAMES.items()}


class DayField(AnyDayField):
    """A day on which a card may be used."""

    first, last = date(2000, 1, 1), date(2100, 12, 31)
    says = "Write a day of this century."

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(input_formats=["%Y-%m-%d"], error_messages={"invalid": "Write a day such as 2026-03-31."}, **kwargs)


INTERVALS: list[Interval] = [interval for interval in Interval if interval not in {Interval.UNAPPROVED, Interval.GRANT}]
# A limit each month is what most cards have; the others are under it.
AMOUNTS: dict[Interval, str] = {interval: "monthly_limit" if interval == Interval.MONTH else f"{interval}_amount" for interval in INTERVALS}
COUNTS: dict[Interval, str] = {interval: f"{interval}_count" for interval in INTERVALS}
PLACES = ("blocked_merchant_categories", "allowed_merchant_categories", "blocked_merchants", "allowed_merchants")


@dataclass(frozen=True, slots=True)
class Group:
    """Fields that belong together, shown at once where one of them is set or wrong."""

    title: str
    fields: list[forms.BoundField]
    says: str = ""

    @property
    def is_open(self) -> bool:
        return any(field.value() or field.errors for field in self.fields)


class ControlsForm(forms.Form):
    """A card's name and all that it may be spent on. What was not sent stays as it is."""

    name = forms.CharField(label="Name", max_length=80)
    monthly_limit = AmountField(label="Monthly limit", help_text="Blank for none.")
    per_transaction_cap = AmountField(label="Most for one purchase", help_text="Blank for no cap.")
    budget = forms.ChoiceField(label="Budget", required=False)
    mode = forms.TypedChoiceField(
        label="Room comes back", choices=CardMode.choices, coerce=CardMode, empty_value=CardMode.NORMAL, required=False,
        help_text="By approval: set the amount “altogether” under further limits.",
    )  # fmt: skip
    blocked_merchant_categories = CodesField(label="Blocked merchant categories", help_text="Codes or ranges, such as 7995 3000-3299.")
    allowed_merchant_categories = CodesField(label="Only these merchant categories", help_text="Blank for all that are not blocked.")
    blocked_merchants = ListField(label="Blocked merchants", help_text="One on each line: a name, or id: and the network’s id.")
    allowed_merchants = ListField(label="Only these merchants", help_text="Blank for all that are not blocked.")
    blocked_countries = CountriesField(label="Blocked countries", help_text="Names or codes, such as Germany, AT.")
    allowed_countries = CountriesField(label="Only these countries", help_text="Blank for all that are not blocked.")
    valid_from = DayField(label="Valid from", required=False, help_text="Declines before this day.")
    locks_on = DayField(label="Locks on", required=False, help_text="Declines from this day on.")

    def __init__(
        self, *args: Any, currency: str, budgets: Iterable[Budget] = (), controls: Controls | None = None, version: int | None = None,
        **kwargs: Any,
    ) -> None:  # fmt: skip
        now = _as_typed(controls, currency) if controls else {}
        super().__init__(*args, **(kwargs | {"initial": {**kwargs.get("initial", {}), **now}}))
        self._budgets = {budget.public_id: budget for budget in budgets}
        self._limits_before = list(controls.limits) if controls else []
        self.version = version
        for interval in INTERVALS:
            if interval != Interval.MONTH:
                self.fields[AMOUNTS[interval]] = AmountField(label=f"Amount {interval.label}")
            self.fields[COUNTS[interval]] = CountField(label=f"Purchases {interval.label}")
        self.fields["budget"].choices = [  # type: ignore[attr-defined]
            ("", "None"),
            *((budget.public_id, budget.name if budget.is_open else f"{budget.name} (closed)") for budget in self._budgets.values()),
        ]
        if not self._budgets:
            del self.fields["budget"]
        for field in self.fields.values():
            if isinstance(field, AmountField):
                field.currency = currency
                field.label = f"{field.label} ({currency})"

    @property
    def common(self) -> list[forms.BoundField]:
        """What most cards need; the rest is in `limits` and `groups`."""
        hidden = {*AMOUNTS.values(), *COUNTS.values()} - {AMOUNTS[Interval.MONTH]}
        grouped = {*PLACES, "blocked_countries", "allowed_countries", "valid_from", "locks_on"}
        return [field for field in self if field.name not in hidden | grouped]

    @property
    def limits(self) -> list[tuple[str, forms.BoundField | None, forms.BoundField]]:
        """A line for each interval: its name, its amount and its number. The month's amount stands above."""
        return [
            (interval.label.capitalize(), None if interval == Interval.MONTH else self[AMOUNTS[interval]], self[COUNTS[interval]])
            for interval in INTERVALS
        ]

    @property
    def limits_are_open(self) -> bool:
        return Group("", [field for _, *pair in self.limits for field in pair if field]).is_open

    @property
    def groups(self) -> list[Group]:
        return [
            Group("Merchants and categories", [self[name] for name in PLACES]),
            Group("Countries", [self["blocked_countries"], self["allowed_countries"]]),
            Group("Dates", [self["valid_from"], self["locks_on"]]),
        ]

    def clean_budget(self) -> Budget | None:
        return self._budgets.get(self.cleaned_data["budget"])

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        ever = AMOUNTS[Interval.ALL_TIME]
        if given.get("mode") == CardMode.APPROVAL_REFILL and ever in self.data and ever in given and not given[ever]:
            self.add_error(ever, "A card that refills by approval needs this amount: the most that may be unapproved at a time.")
        if self.data.get("version") and self.data["version"] != str(self.version):
            self.add_error(None, "Somebody changed this card meanwhile. Save once more to have it as it stands here.")
        return given

    def changes(self) -> dict[str, Any]:
        """What was sent and differs from before: keys as `change_controls` takes them."""
        sent = {name for name in self.changed_data if name in self.data}
        limiting = {*AMOUNTS.values(), *COUNTS.values()}
        found = {name: self.cleaned_data[name] for name in self.fields if name in sent - limiting}
        return found | {"limits": self._limits(sent)} if sent & limiting else found

    def _limits(self, sent: set[str]) -> list[Limit]:
        """In the order of their intervals. A field that was not sent leaves its limit."""
        kept = {(limit.interval, limit.count is None): limit for limit in self._limits_before}
        for interval in INTERVALS:
            if (name := AMOUNTS[interval]) in sent:
                amount = self.cleaned_data[name]
                kept[interval, True] = Limit(interval, amount.minor if amount else None)
            if (name := COUNTS[interval]) in sent:
                kept[interval, False] = Limit(interval, count=self.cleaned_data[name])
        order = [(interval, is_amount) for interval in INTERVALS for is_amount in (True, False)]
        return [kept[key] for key in order if key in kept and (kept[key].amount_minor, kept[key].count) != (None, None)]


def _as_typed(controls: Controls, currency: str) -> dict[str, Any]:
    """A card's controls as somebody would type them, so that what was not touched is known to be unchanged."""
    typed: dict[str, Any] = {"mode": str(controls.mode), "valid_from": controls.valid_from, "locks_on": controls.locks_on}
    typed["per_transaction_cap"] = controls.per_transaction_cap and controls.per_transaction_cap.in_box()
    for name in (*PLACES, "blocked_countries", "allowed_countries"):
        typed[name] = as_typed(name, getattr(controls, name))
    for limit in controls.limits:
        if limit.amount_minor is not None:
            typed[AMOUNTS[limit.interval]] = Money(limit.amount_minor, currency).in_box()
        else:
            typed[COUNTS[limit.interval]] = limit.count
    return typed


def as_typed(name: str, listed: Iterable[str]) -> str:
    """A list as its field shows it."""
    if name.endswith("merchants"):
        return "\n".join(readable_merchant(key) for key in listed)
    return ", ".join(COUNTRY_NAMES[code] for code in listed) if name.endswith("countries") else " ".join(listed)


class IssueForm(ControlsForm):
    """The same, and who will carry it, how often and where it may be used."""

    holder = forms.ModelChoiceField(Membership._base_manager.none(), label="Holder", to_field_name="public_id", empty_label=None)
    usage = forms.TypedChoiceField(
        label="May be used", choices=CardUsage.choices, coerce=CardUsage, empty_value=CardUsage.MULTI, required=False,
        help_text="For good: this cannot be changed later.",
    )  # fmt: skip
    merchant = forms.CharField(
        label="Merchant", required=False, max_length=140, help_text="Of a card for one merchant only. Blank: where it is used first."
    )
    field_order = ["holder", "name", "usage", "merchant"]

    def __init__(self, *args: Any, people: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        holder: Any = self.fields["holder"]
        holder.queryset = people
        holder.label_from_instance = lambda member: member.user.name


class GrantForm(forms.Form):
    """Room for once."""

    amount = AmountField(label="Amount")
    expires_at = DayField(label="Last day", help_text="It ends with this day.")
    reason = forms.CharField(label="Reason", max_length=500)

    def __init__(self, *args: Any, currency: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        amount: Any = self.fields["amount"]
        amount.currency, amount.required = currency, True
        amount.label = f"Amount ({currency})"


class BlockListForm(forms.Form):
    """Where no card of the company may be used."""

    blocked_merchant_categories = CodesField(label="Merchant categories", help_text="Codes or ranges, such as 7995 3000-3299.", rows=3)
    blocked_merchants = ListField(label="Merchants", help_text="One on each line: a name, or id: and the network’s id.", rows=3)
    blocked_countries = CountriesField(label="Countries", help_text="Names or codes, such as Germany, AT.", rows=3)

    @classmethod
    def of(cls, listed: dict[str, list[str]], data: Any = None) -> BlockListForm:
        return cls(data, initial={name: as_typed(name, texts) for name, texts in listed.items()})

    def changes(self) -> dict[str, list[str]]:
        """What was sent and differs from before."""
        return {name: self.cleaned_data[name] for name in self.changed_data if name in self.data}


Choices = list[tuple[str, str]]


class PlaceForm(forms.Form):
    """What somebody may do, whom they report to, where they belong."""

    role = forms.ChoiceField(label="Role", choices=Role.choices, initial=Role.EMPLOYEE)
    manager = forms.ChoiceField(label="Reports to", required=False)
    department = forms.ChoiceField(label="Department", required=False)

    def __init__(self, *args: Any, managers: Choices, departments: Choices, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["manager"].choices = [("", "Nobody"), *managers]  # type: ignore[attr-defined]
        self.fields["department"].choices = [("", "None"), *departments]  # type: ignore[attr-defined]


class InviteForm(PlaceForm):
    email = forms.EmailField(label="E-mail address", max_length=254)
    field_order = ["email", "role", "manager", "department"]


_HARDNESS = [("hard", "Decline the purchase"), ("soft", "Approve it and tell")]


class BudgetForm(forms.Form):
    """What may be changed of a budget."""

    name = forms.CharField(label="Name", max_length=80)
    limit = AmountField(label="Limit", help_text="For each period.")
    hardness = forms.ChoiceField(label="Beyond the limit", choices=_HARDNESS)
    owner = forms.ChoiceField(label="Owner", help_text="Requests for cards that draw from it wait for the owner.")
    members = forms.MultipleChoiceField(
        label="Members",
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="They see it, and may ask for cards that draw from it.",
    )

    def __init__(self, *args: Any, currency: str, people: Choices, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        limit: Any = self.fields["limit"]
        limit.required, limit.currency, limit.label = True, currency, f"Limit ({currency})"
        for name in ("owner", "members"):
            self.fields[name].choices = people  # type: ignore[attr-defined]


class NewBudgetForm(BudgetForm):
    """The same, and what is for good."""

    interval = forms.ChoiceField(label="Filled anew", choices=BudgetInterval.choices, help_text="For good. Quarters and years are fiscal.")
    parent = forms.ChoiceField(label="Inside", required=False, help_text="For good. Its cards draw from that budget too.")
    field_order = ["name", "parent", "limit", "interval", "hardness", "owner", "members"]

    def __init__(self, *args: Any, parents: Choices, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["parent"].choices = [("", "Nothing: at the top"), *parents]  # type: ignore[attr-defined]


class AskForCardForm(forms.Form):
    """A card that somebody would like to have."""

    name = forms.CharField(label="What the card is called", max_length=80)
    amount = AmountField(label="Limit")
    interval = forms.ChoiceField(label="For each", choices=[(Interval.MONTH, "month"), (Interval.WEEK, "week"), (Interval.YEAR, "year")])
    budget = forms.ChoiceField(label="Draws from", required=False)
    reason = forms.CharField(label="What is it for?", max_length=500)

    def __init__(self, *args: Any, currency: str, budgets: Choices, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        amount: Any = self.fields["amount"]
        amount.required, amount.currency, amount.label = True, currency, f"Limit ({currency})"
        if budgets:
            self.fields["budget"].choices = [("", "No budget"), *budgets]  # type: ignore[attr-defined]
        else:
            del self.fields["budget"]


class AskForMoreForm(forms.Form):
    """More room on a card: for once, or for good where something limits it."""

    what = forms.ChoiceField(label="What do you need?")
    amount = AmountField(label="Amount")
    until = forms.DateField(
        label="Until",
        required=False,
        widget=DayInput,
        help_text="For once: the last day on which it is needed.",
    )
    reason = forms.CharField(label="What is it for?", max_length=500)

    def __init__(self, *args: Any, currency: str, choices: Choices, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        amount: Any = self.fields["amount"]
        amount.required, amount.currency, amount.label = True, currency, f"Amount ({currency})"
        self.fields["what"].choices = choices  # type: ignore[attr-defined]
