"""Forms of the settings page. They read what was typed; what is right is decided by the operations."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, ClassVar

from babel import Locale
from django import forms

from companies.merchant_categories import parse_ranges
from companies.models import Category, Company
from companies.operations import COUNTRIES, RULES
from spendtrackr.money import CURRENCIES, MAX_MINOR, Money, NotRepresentable
from spendtrackr.periods import TIME_ZONES

_MONTHS = list(enumerate(Locale("en").months["format"]["wide"].values(), start=1))
_NAMES = Locale("en").territories
_COUNTRIES = [(code, _NAMES[code]) for code in sorted(COUNTRIES, key=lambda code: str(_NAMES[code]))]


class AmountField(forms.DecimalField):
    """An amount as people write it, of zero or more. Without exponents: behind a short one may stand a million digits."""

    default_error_messages: ClassVar[dict[str, Any]] = dict.fromkeys(["max_digits", "max_whole_digits"], "This amount is too large.")

    def __init__(self, **kwargs: Any) -> None:
        # The digits of MAX_MINOR, and the places of the currency that has the most.
        super().__init__(min_value=0, max_digits=19, decimal_places=4, **kwargs)

    def to_python(self, value: Any) -> Decimal | None:  # type: ignore[override]  # the stubs take a number for an integer
        if isinstance(value, str) and "e" in value.lower():
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid")
        return super().to_python(value)


class CompanyForm(forms.Form):
    name = forms.CharField(label="Name", max_length=120)
    country = forms.ChoiceField(label="Country", choices=_COUNTRIES)
    currency = forms.ChoiceField(
        label="Currency", choices=[(code, code) for code in sorted(CURRENCIES)], help_text="Fixed once money was posted."
    )
    time_zone = forms.ChoiceField(
        label="Time zone", choices=[(zone, zone.replace("_", " ")) for zone in sorted(TIME_ZONES)], help_text="Applies from the next day."
    )
    fiscal_year_start_month = forms.TypedChoiceField(label="Fiscal year begins in", choices=_MONTHS, coerce=int)
    auto_approve_below = AmountField(label="Approve by itself below", required=False, help_text="Empty: no purchase is approved by itself.")
    receipt_required_from = AmountField(label="Ask for a receipt from", required=False, help_text="0: for each purchase. Empty: for none.")
    memo_required_from = AmountField(label="Ask for a memo from", required=False, help_text="0: for each purchase. Empty: for none.")

    @classmethod
    def of(cls, company: Company) -> CompanyForm:
        """Filled in with what the company has now."""
        rules = {name: company.money(getattr(company, f"{name}_minor")) for name in RULES}
        plain = {name: getattr(company, name) for name in ("name", "country", "currency", "fiscal_year_start_month")}
        amounts = {name: amount.decimal if amount else None for name, amount in rules.items()}
        return cls(initial={**plain, **amounts, "time_zone": company.chosen_time_zone})

    def clean(self) -> dict[str, Any]:
        """The amounts as `Money` of the chosen currency."""
        given: dict[str, Any] = super().clean() or {}
        for name in RULES:
            if given.get(name) is not None and "currency" in given:
                self._read_amount(given, name)
        below = given.get("auto_approve_below")
        if isinstance(below, Money) and not below.minor:
            self.add_error("auto_approve_below", "Write an amount above zero, or leave it empty.")
        return given

    def _read_amount(self, given: dict[str, Any], name: str) -> None:
        try:
            amount = Money.parse(given[name], given["currency"])
        except NotRepresentable:
            self.add_error(name, f"{given['currency']} has fewer decimal places.")
            return
        given[name] = amount
        if amount.minor > MAX_MINOR:
            self.add_error(name, "This amount is too large.")


class CategoryForm(forms.Form):
    name = forms.CharField(label="Name", max_length=80)
    ledger_code = forms.CharField(label="Ledger code", max_length=40, required=False, help_text="The account in your general ledger.")
    merchant_categories = forms.CharField(
        label="Merchant categories",
        required=False,
        max_length=3000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Codes whose purchases default to it, such as 5812, 3000-3299. No two categories share a code.",
    )

    @classmethod
    def of(cls, category: Category) -> CategoryForm:
        return cls(
            initial={
                "name": category.name,
                "ledger_code": category.ledger_code,
                "merchant_categories": ", ".join(category.merchant_categories),
            }
        )

    def clean_merchant_categories(self) -> list[str]:
        texts = [text for text in self.cleaned_data["merchant_categories"].replace("\n", ",").split(",") if text.strip()]
        try:
            parse_ranges(texts)
        except ValueError as error:
            raise forms.ValidationError(f"{error}.") from error
        return texts


class DepartmentForm(forms.Form):
    name = forms.CharField(label="Name", max_length=80)
    parent = forms.ChoiceField(label="Inside", required=False)
    head = forms.ChoiceField(label="Head", required=False)

    def __init__(self, *args: Any, parents: list[tuple[str, str]], heads: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["parent"].choices = [("", "Nothing: at the top"), *parents]  # type: ignore[attr-defined]
        self.fields["head"].choices = [("", "Nobody"), *heads]  # type: ignore[attr-defined]
