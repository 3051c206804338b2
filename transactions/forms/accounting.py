"""The accounting settings as a page has them: a box for each clearing account, and a line for each tax code."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

from django import forms

from spendtrackr import errors
from spendtrackr.forms import DayField, LineField
from transactions.models import AccountingSettings, Side
from transactions.operations.accounting import MOST_CODES

_SPARE = 2


class PlainSettingsForm(forms.Form):
    starts_on = DayField(
        label="Accounting begins on", required=False,
        help_text="What was posted before is in your accounting by other means. Blank: everything is exported.",
    )  # fmt: skip
    exports_unapproved = forms.TypedChoiceField(
        label="What is not approved yet, or misses something", coerce=lambda said: said == "yes",
        choices=[("no", "waits until it is"), ("yes", "is exported all the same")],
    )  # fmt: skip
    tracking_name = LineField(
        label="Tracking category in Xero", required=False, max_length=100, help_text="Cost centres are its options. Blank: none."
    )
    untaxed_as = LineField(label="Tax rate in Xero without tax", max_length=100, help_text="Such as Tax Exempt or No VAT.")


class ClearingForm(forms.Form):
    """The accounts of one currency."""

    def __init__(self, currency: str, data: Mapping[str, Any] | None, there: dict[str, str]) -> None:
        super().__init__(data, initial=there, prefix=f"clearing-{currency}")
        self.currency = currency
        for side, label in Side.choices:
            self.fields[side] = LineField(label=label, required=False, max_length=100)

    def rows(self) -> list[dict[str, str]]:
        return [
            {"currency": self.currency, "side": side, "ledger_code": self.cleaned_data[side]}
            for side in Side.values
            if self.cleaned_data[side]
        ]


class TaxForm(forms.Form):
    code = LineField(label="Tax code", required=False, max_length=20)
    name = LineField(label="Its name in accounting", required=False, max_length=100)
    ledger_code = LineField(label="Account of the tax", required=False, max_length=100)

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        if not found.get("code") and (found.get("name") or found.get("ledger_code")):
            self.add_error("code", "Which tax code is that?")
        return found


def _lines_of(data: Mapping[str, Any]) -> int:
    """How many lines of taxes were sent."""
    return len(list(itertools.takewhile(lambda at: f"tax-{at}-code" in data, range(MOST_CODES + _SPARE))))


class SettingsForm:
    """All of it. A line without a code is none."""

    def __init__(self, settings: AccountingSettings, currencies: list[str], data: Mapping[str, Any] | None = None) -> None:
        there = {(row["currency"], row["side"]): row["ledger_code"] for row in settings.clearing_accounts}
        plain = {name: getattr(settings, name) for name in ("starts_on", "tracking_name", "untaxed_as")}
        self.plain = PlainSettingsForm(data, initial={**plain, "exports_unapproved": "yes" if settings.exports_unapproved else "no"})
        self.clearing = [
            ClearingForm(currency, data, {side: there.get((currency, side), "") for side in Side.values}) for currency in currencies
        ]
        taxes = settings.tax_names
        shown = len(taxes) + _SPARE if data is None else _lines_of(data)
        self.taxes = [TaxForm(data, prefix=f"tax-{at}", initial=taxes[at] if at < len(taxes) else {}) for at in range(shown)]

    def is_valid(self) -> bool:
        faults = [form for form in (self.plain, *self.clearing, *self.taxes) if not form.is_valid()]
        return not faults

    def changes(self) -> dict[str, Any]:
        """As the operation takes them. The form has been valid."""
        return {
            **self.plain.cleaned_data,
            "clearing": [row for form in self.clearing for row in form.rows()],
            "taxes": [form.cleaned_data for form in self._named()],
        }

    def show(self, refusal: errors.DomainError) -> str:
        """Put a refusal beside what it names. Answers what is left to say above the form."""
        name, _, at = (refusal.field or "").partition(".")
        place = at.partition(".")[0]
        if name == "taxes" and place.isdecimal():
            self._named()[int(place)].add_error("code", refusal.message)
            return ""
        return refusal.message

    def _named(self) -> list[TaxForm]:
        return [form for form in self.taxes if form.cleaned_data.get("code")]
