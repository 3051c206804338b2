"""Forms of the pages on which people come in and look after their own sign-in."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from datetime import date
from functools import lru_cache
from typing import Any, TypeVar

from babel import Locale
from django import forms

from companies.operations import COUNTRIES
from spendtrackr import errors, locales
from spendtrackr.forms import DayField
from spendtrackr.money import CURRENCIES, Money
from spendtrackr.periods import TIME_ZONES
from users.notices import MAY_BE_SILENT, SAYS, Choice, Delivery, Kind
from users.roles import SCOPES

T = TypeVar("T")
_GOOD_PASSWORD = "Ten characters or more, not a common one."  # noqa: S105 -- advice


class LineField(forms.CharField):
    """One line of text: no control characters, trimmed."""

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        if any(unicodedata.category(c) in {"Cc", "Cs"} for c in text):
            raise forms.ValidationError("Control characters are not allowed.")
        return text


class PasswordField(forms.CharField):
    """Typed unseen, taken as it is, and never sent back to the browser."""

    def __init__(self, *, autocomplete: str, **kwargs: Any) -> None:
        widget = forms.PasswordInput(attrs={"autocomplete": autocomplete})
        super().__init__(max_length=200, strip=False, widget=widget, **kwargs)


class OperationForm(forms.Form):
    """A form whose operation may refuse: the refusal stands beside its field, and what was filled in stays."""

    status = 400

    def take(self, work: Callable[..., T], **known: Any) -> T | None:
        """Do it with what was filled in. None when it was refused."""
        try:
            return work(**self.cleaned_data, **known)
        except errors.DomainError as error:
            self.add_error(error.field if error.field in self.fields else None, error.message)
            self.status = error.status
            return None

    @property
    def answer_status(self) -> int:
        """Of the page that shows this form: 200 as long as nothing was sent."""
        return self.status if self.is_bound else 200


class SignInForm(OperationForm):
    email = forms.CharField(
        label="E-mail address", max_length=254, widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True})
    )
    password = PasswordField(label="Password", autocomplete="current-password")

    def focus(self, name: str) -> None:
        """Put the cursor where the person goes on."""
        for field in self.fields.values():
            field.widget.attrs.pop("autofocus", None)
        self.fields[name].widget.attrs["autofocus"] = True


@lru_cache
def _countries() -> list[tuple[str, str]]:
    names = Locale("en").territories
    return [("", "Choose a country"), *sorted(((code, names[code]) for code in COUNTRIES), key=lambda country: country[1])]


@lru_cache
def _currencies() -> list[tuple[str, str]]:
    names = Locale("en").currencies
    return [("", "Choose a currency"), *((code, f"{code} · {names.get(code, code)}") for code in sorted(CURRENCIES))]


@lru_cache
def _time_zones() -> list[tuple[str, str]]:
    return [("", "Choose a time zone"), *((zone, zone.replace("_", " ")) for zone in sorted(TIME_ZONES))]


class CompanyForm(OperationForm):
    company_name = LineField(label="Company", max_length=120, widget=forms.TextInput(attrs={"autocomplete": "organization"}))
    country = forms.ChoiceField(label="Country", choices=_countries)
    currency = forms.ChoiceField(label="Currency", choices=_currencies, help_text="It cannot change after the first posting.")
    time_zone = forms.ChoiceField(label="Time zone", choices=_time_zones, help_text="It decides which day a purchase falls on.")


class SignUpForm(CompanyForm):
    name = LineField(label="Your name", max_length=120, widget=forms.TextInput(attrs={"autocomplete": "name"}))
    email = forms.EmailField(label="Your e-mail address", max_length=254, widget=forms.EmailInput(attrs={"autocomplete": "username"}))
    password = PasswordField(label="Password", autocomplete="new-password", help_text=_GOOD_PASSWORD)


class AddressForm(OperationForm):
    email = forms.EmailField(label="E-mail address", max_length=254, widget=forms.EmailInput(attrs={"autocomplete": "username"}))


class ResetForm(OperationForm):
    password = PasswordField(label="New password", autocomplete="new-password", help_text=_GOOD_PASSWORD)


class NewcomerForm(OperationForm):
    """For an invited person who gets an account."""

    name = LineField(label="Your name", max_length=120, widget=forms.TextInput(attrs={"autocomplete": "name"}))
    password = PasswordField(label="Choose a password", autocomplete="new-password", help_text=_GOOD_PASSWORD)


class OwnPasswordForm(OperationForm):
    """For an invited person who has an account."""

    password = PasswordField(label="Your password", autocomplete="current-password")


class InvitedForm(OperationForm):
    """For whoever holds the link that was copied. The same with an account and without."""

    name = LineField(label="Your name", max_length=120, widget=forms.TextInput(attrs={"autocomplete": "name"}))
    password = PasswordField(
        label="Password",
        autocomplete="off",
        help_text=f"If you have an account already, use its password. Else choose one: {_GOOD_PASSWORD}",
    )


class ProfileForm(OperationForm):
    name = LineField(label="Your name", max_length=120, widget=forms.TextInput(attrs={"autocomplete": "name"}))


@lru_cache
def _regions() -> list[tuple[str, str]]:
    """By name, each with how a day and an amount look there."""
    on, amount = date(2026, 3, 5), Money(123_450, "USD")
    samples = [(tag, f"{name} — {locales.day(on, tag=tag)}, {amount.format(tag)}") for tag, name in locales.REGIONS.items()]
    return [("", "As my browser says"), *sorted(samples, key=lambda sample: sample[1])]


class PagesForm(OperationForm):
    locale = forms.ChoiceField(label="Dates and amounts are written as in", choices=_regions, required=False)
    uses_keys = forms.BooleanField(label="Keyboard shortcuts", required=False, help_text="Single keys, such as j for the next row.")


class KeyForm(OperationForm):
    """What a program may do, from where, and through which day."""

    name = LineField(
        label="What it is for", max_length=120, help_text="Stands beside whatever is done with the key: “Payroll”, “Nightly export”."
    )
    scopes = forms.MultipleChoiceField(
        choices=[(scope, scope) for scope in SCOPES],
        error_messages={"required": "A key without a scope can do nothing: choose one or more."},
    )
    networks = forms.CharField(
        label="Networks it may come from", required=False, max_length=1000, widget=forms.Textarea(attrs={"rows": 2}),
        help_text="One a line, such as 203.0.113.0/24 or 203.0.113.7. Empty: from everywhere.",
    )  # fmt: skip
    last_day = DayField(label="Last day", required=False, help_text="Empty: until it is revoked.")

    def clean_networks(self) -> list[str]:
        return str(self.cleaned_data["networks"]).replace(",", " ").split()


class RosterForm(forms.Form):
    """A file of people or of departments."""

    file = forms.FileField(
        label="CSV file or Excel workbook",
        help_text="Up to 10,000 rows and 5 MB.",
        widget=forms.FileInput(attrs={"accept": ".csv,.txt,.tsv,.xlsx,text/csv"}),
        allow_empty_file=True,
    )
    adds_departments = forms.BooleanField(label="Add departments that are missing", required=False, initial=True)


class PasswordForm(OperationForm):
    current = PasswordField(label="Current password", autocomplete="current-password")
    new = PasswordField(label="New password", autocomplete="new-password", help_text=_GOOD_PASSWORD)


class PreferencesForm(forms.Form):
    """How somebody is told: for each kind when it is mailed, and whether the feed shows it where that may be chosen."""

    def __init__(self, sent: Any = None, *, now: dict[Kind, Choice]) -> None:
        super().__init__(sent)
        for kind, choice in now.items():
            says = SAYS[kind][0]
            self.fields[f"{kind.value}-mail"] = forms.ChoiceField(
                choices=Delivery.choices, initial=choice.mail, label=f"{says}, by mail", label_suffix=""
            )
            if kind in MAY_BE_SILENT:
                self.fields[f"{kind.value}-feed"] = forms.BooleanField(
                    required=False, initial=choice.feed, label=f"{says}, in the feed", label_suffix=""
                )

    @property
    def rows(self) -> list[dict[str, Any]]:
        """What a table shows: a line for each kind."""
        return [
            {
                "name": SAYS[kind][0],
                "says": SAYS[kind][1],
                "mail": self[f"{kind.value}-mail"],
                "feed": self[f"{kind.value}-feed"] if kind in MAY_BE_SILENT else None,
            }
            for kind in Kind
        ]

    @property
    def chosen(self) -> dict[Kind, Choice]:
        given = self.cleaned_data
        return {kind: Choice(Delivery(given[f"{kind.value}-mail"]), feed=given.get(f"{kind.value}-feed", True)) for kind in Kind}
