"""Forms of the settings page. They read what was typed; what is right is decided by the operations."""

from __future__ import annotations

from typing import Any

from babel import Locale
from django import forms

from companies.merchant_categories import parse_ranges
from companies.models import Category, Company
from companies.operations import COUNTRIES
from spendtrackr.forms import LineField
from spendtrackr.money import CURRENCIES
from spendtrackr.periods import TIME_ZONES

_MONTHS = list(enumerate(Locale("en").months["format"]["wide"].values(), start=1))
_NAMES = Locale("en").territories
_COUNTRIES = [(code, _NAMES[code]) for code in sorted(COUNTRIES, key=lambda code: str(_NAMES[code]))]


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

    @classmethod
    def of(cls, company: Company) -> CompanyForm:
        """Filled in with what the company has now."""
        plain = {name: getattr(company, name) for name in ("name", "country", "currency", "fiscal_year_start_month")}
        return cls(initial={**plain, "time_zone": company.chosen_time_zone})


class CategoryForm(forms.Form):
    name = forms.CharField(label="Name", max_length=80)
    ledger_code = forms.CharField(label="Ledger code", max_length=100, required=False, help_text="The account in your general ledger.")
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


class TagForm(forms.Form):
    name = forms.CharField(label="Name", max_length=80, help_text="A project, a client, a trip.")


class DepartmentForm(forms.Form):
    name = forms.CharField(label="Name", max_length=80)
    parent = forms.ChoiceField(label="Inside", required=False)
    head = forms.ChoiceField(label="Head", required=False)
    cost_centre = LineField(
        label="Cost centre", max_length=40, required=False, help_text="What your accounting calls it. Blank: it goes by its name there."
    )

    def __init__(self, *args: Any, parents: list[tuple[str, str]], heads: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["parent"].choices = [("", "Nothing: at the top"), *parents]  # type: ignore[attr-defined]
        self.fields["head"].choices = [("", "Nobody"), *heads]  # type: ignore[attr-defined]
