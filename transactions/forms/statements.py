"""A statement from a page: the file, and how it is read."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import QueryDict

from spendtrackr.forms import LineField
from transactions.operations.statement_uploads import Said
from transactions.operations.statements import ALL, DEFAULT_SOURCE, SPEND
from transactions.statements.entries import BANK
from transactions.statements.mapping import DATE_FORMATS, SYNONYMS, readable

TICKED = "ticked"
_LABELS = {"merchant_code": "Category code (MCC)", "card": "Card number", "direction": "In or out", "category": "Spend category"}
# What hardly any file lacks comes first.
_OFTEN = ("transaction_date", "posting_date", "merchant", "amount", "currency")


class UploadForm(forms.Form):
    file = forms.FileField(
        label="Statement",
        allow_empty_file=True,
        help_text="CSV, OFX (QFX, QBO), MT940, CAMT.052, CAMT.053, CAMT.054 or QIF, up to 20 MB. Card numbers are not kept.",
        error_messages={"required": "Choose a file."},
    )
    source = LineField(
        label="Where it comes from",
        max_length=80,
        required=False,
        initial=DEFAULT_SOURCE,
        help_text="A bank or a card programme. Rows are recognised again within one source, so use the same name each time.",
    )
    attribution = LineField(
        label="Attribution", max_length=200, required=False, help_text="Shown wherever the rows are, such as a licence. Usually blank."
    )

    def __init__(self, *args: Any, sources: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.sources = sources
        self.fields["source"].widget.attrs["list"] = "sources"


class ReadingForm(forms.Form):
    """Which column is what, how days and numbers are written, and of a bank's statement which lines are spend."""

    def __init__(self, data: QueryDict | None = None, *, found: dict[str, Any], accept: Any) -> None:
        super().__init__(data)
        self.sent = data or QueryDict()
        self.found, mapping = found, found["mapping"]
        if self.has_mapping:
            columns = [(name, name) for name in found["header"] if name]
            for name in (*_OFTEN, *(name for name in SYNONYMS if name not in _OFTEN)):
                label = _LABELS.get(name, name.replace("_", " ").capitalize())
                chosen = mapping["columns"].get(name, "")
                self.fields[name] = forms.ChoiceField(label=label, choices=[("", "–"), *columns], required=False, initial=chosen)
            self.fields["date_format"] = _choice("Days are written", [(fmt, readable(fmt)) for fmt in DATE_FORMATS], mapping["date_format"])
            marks = [(".", "Point, as in 1,234.50"), (",", "Comma, as in 1.234,50")]
            self.fields["decimal_mark"] = _choice("Decimals follow a", marks, mapping["decimal_mark"])
            signs = [("positive", "above zero"), ("negative", "below zero")]
            self.fields["charges"] = _choice("Money that was spent is", signs, mapping["charges"])
        if self.is_bank:
            chosen = TICKED if isinstance(accept, list) else accept or SPEND
            ways = [(SPEND, "Money that went out"), (ALL, "All of it, money that came in as credits")]
            if self.ticks:
                ways.append((TICKED, "Just the lines ticked below"))
            self.fields["accept"] = forms.ChoiceField(
                label="Which lines are spend", choices=ways, initial=chosen, widget=forms.RadioSelect,
                help_text="Top-ups and payouts that are in the books already are taken only where they are ticked.",
            )  # fmt: skip

    @property
    def has_mapping(self) -> bool:
        return bool(self.found["format"] == "csv")

    @property
    def is_bank(self) -> bool:
        return bool(self.found["account"] == BANK)

    @property
    def ticks(self) -> bool:
        """Whether single lines can be taken: of a bank's statement, as long as all of them are on the page."""
        return self.is_bank and len(self.found["rows"]) == sum(self.found["counts"].values())

    @property
    def usual(self) -> list[Any]:
        """The columns that a file usually has, or that this one has."""
        return (
            [self[name] for name in self.fields if name in _OFTEN or self.found["mapping"]["columns"].get(name)] if self.has_mapping else []
        )

    @property
    def others(self) -> list[Any]:
        """The columns that this file was not found to have."""
        said = {field.name for field in self.usual} | {"accept", "date_format", "decimal_mark", "charges"}
        return [self[name] for name in self.fields if name not in said]

    @property
    def ways(self) -> list[Any]:
        return [self[name] for name in ("date_format", "decimal_mark", "charges") if name in self.fields]

    def said(self) -> Said:
        """What the form says, once it is valid."""
        given = self.cleaned_data
        mapping = None
        if self.has_mapping:
            columns = {name: given[name] for name in SYNONYMS if given[name]}
            mapping = {"columns": columns, **{name: given[name] for name in ("date_format", "decimal_mark", "charges")}}
        if not self.is_bank:
            return Said(mapping)
        if given["accept"] != TICKED:
            return Said(mapping, given["accept"])
        lines = self.sent.getlist("line")
        return Said(mapping, frozenset(int(line) for line in lines if line.isdecimal() and len(line) < 9))


def _choice(label: str, choices: list[tuple[str, str]], chosen: str) -> forms.ChoiceField:
    return forms.ChoiceField(label=label, choices=choices, initial=chosen)
