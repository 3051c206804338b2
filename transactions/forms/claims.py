"""What somebody claims, from a page or a body: ids become rows, and what is not named stays. And how a batch is paid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django import forms
from django.http import QueryDict

from spendtrackr import errors, locales
from spendtrackr.forms import DayField, LineField
from spendtrackr.money import CURRENCIES, Money
from transactions import queries
from transactions.forms.coding import (
    PartForm,
    booked_as,
    department_said,
    lines_sent,
    minor_in,
    part_choices,
    standing,
    stands_beside,
    used,
)
from transactions.models import PaidFrom, Split, Transaction
from transactions.operations.claims import MOST_LINES, Wish
from transactions.operations.coding import whole_of
from users.models import Membership


@dataclass(frozen=True, slots=True)
class Wished:
    """What somebody says of a claim. Raises `Invalid` naming the field, and `Forbidden` for what only bookkeepers say."""

    actor: Membership
    claim: Transaction | None = None

    def wish(self, body: dict[str, Any]) -> Wish:
        """As `claims.make` and `claims.change` take it."""
        said: dict[str, Any] = {**(said_of(self.claim) if self.claim else {}), **body}
        amount: Money = said["amount"]
        if "lines" in body:
            there = standing(self.claim) if self.claim else {}
            lines = [self._line(f"lines.{place}", line, amount.currency, there.get(place)) for place, line in enumerate(body["lines"])]
        else:
            lines = self._lines_now(amount)
        # A rate that was written for another currency says nothing of this one.
        is_same = self.claim is not None and whole_of(self.claim).currency == amount.currency
        rate = said.get("rate") if "rate" in body or is_same else None
        return Wish(said["spent_on"], amount, said["merchant_name"], said["memo"], lines, rate)

    def _lines_now(self, amount: Money) -> list[Split]:
        """Those that are there; a claim in one piece follows its amount."""
        if self.claim is None:
            return [Split(share_minor=amount.minor)]
        parts: list[Split] = queries.with_parts([self.claim])[0].parts  # type: ignore[attr-defined]
        if len(parts) > 1:
            return [_copy(part) for part in parts]
        whole = _copy(parts[0] if parts else queries.whole_line(self.claim))
        whole.share_minor = amount.minor
        return [whole]

    def _line(self, at: str, said: dict[str, Any], currency: str, there: Split | None) -> Split:
        """A line, where `there` stands now."""
        purchase, home = self.claim or Transaction(department=self.actor.department), self.actor.company.currency
        return Split(
            share_minor=minor_in(currency, said["amount"], f"{at}.amount", "Write it in"),
            category=queries.category_choice(purchase, said["category"], field=f"{at}.category"),
            department=department_said(self.actor, purchase, there, said["department"], field=f"{at}.department"),
            budget=queries.budget_choice(purchase, said["budget"], self.actor, field=f"{at}.budget"),
            memo=said["memo"],
            spent_on=said["spent_on"],
            descriptor=said["merchant_name"],
            tax_code=said["tax_code"],
            tax_minor=None if said["tax"] is None else minor_in(home, said["tax"], f"{at}.tax", "Write it in"),
        )


def _copy(part: Split) -> Split:
    names = ("share_minor", "category", "department", "budget", "memo", "spent_on", "descriptor", "tax_code", "tax_minor")
    return Split(**{name: getattr(part, name) for name in names})


def said_of(claim: Transaction) -> dict[str, Any]:
    """What was said once of a claim, as it stands."""
    said = {"spent_on": claim.occurred_on, "merchant_name": claim.descriptor, "memo": claim.memo}
    return said | {"amount": whole_of(claim), "rate": queries.rate_of(claim)}


_SPARE = 2
_PLACES = 10


class RateField(forms.DecimalField):
    """A rate with its reader's decimal mark, and without groups: in a rate they would be a guess."""

    def prepare_value(self, value: Any) -> Any:
        return locales.in_box(value) if isinstance(value, Decimal) else value

    def to_python(self, value: Any) -> Any:
        if value and locales.decimal_mark() != ".":
            try:
                value = locales.read_number(str(value))
            except ValueError as error:
                raise forms.ValidationError(f"Write a number such as {locales.in_box('1.0823')}.") from error
        return super().to_python(value)


class ClaimForm(forms.Form):
    """What is said once of a claim; its amount is the sum of its lines."""

    merchant_name = LineField(label="Where", max_length=120)
    spent_on = DayField(label="Day")
    memo = LineField(label="What it was for", max_length=500, required=False)
    currency = forms.ChoiceField(label="Paid in", choices=[(code, code) for code in sorted(CURRENCIES)])
    rate = RateField(required=False, min_value=Decimal(10) ** -_PLACES, max_digits=20, decimal_places=_PLACES, localize=False)

    def __init__(self, *args: Any, home: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["rate"].label = f"{home} for one of it"
        self.fields["rate"].help_text = f"The rate of that day, if it was not {home}."
        self.fields["rate"].widget = forms.TextInput(attrs={"inputmode": "decimal"})


class LineForm(PartForm):
    """One thing that was paid for. Without an amount it is none."""

    spent_on = DayField(label="Another day", required=False)
    merchant_name = LineField(label="Another merchant", max_length=120, required=False)


def _line_typed(typed: Mapping[str, Any], place: int) -> dict[str, Any]:
    """What was typed into one line."""
    return {name: typed.get(f"part-{place}-{name}", "") for name in LineForm.base_fields}


class ClaimPage:
    """A claim as somebody writes it: what is said once, and its lines, with as many empty ones as they asked for."""

    def __init__(self, actor: Membership, claim: Transaction | None = None, data: QueryDict | None = None) -> None:
        self.actor, self.claim, self.home = actor, claim, actor.company.currency
        typed = data.dict() if data is not None else {}
        # To ask for more lines is not to be told what is missing so far.
        bound = None if typed.get("do") == "add" else data
        self.head = ClaimForm(bound, home=self.home, initial={**self._said(), **typed})
        currency = self.head.initial["currency"]
        starts = self._written() if data is None else [_line_typed(typed, place) for place in range(min(MOST_LINES, lines_sent(data)))]
        choices = part_choices(claim or Transaction(), actor, self.home, department="Mine", budget="None")
        known = currency if currency in CURRENCIES else self.home
        self.lines = [
            LineForm(bound, prefix=f"part-{place}", initial=start, choices=choices, currency=known) for place, start in enumerate(starts)
        ]

    def _said(self) -> dict[str, Any]:
        said = said_of(self.claim) if self.claim else {}
        return said | {"currency": said["amount"].currency if said else self.home}

    def _written(self) -> list[dict[str, Any]]:
        """The lines that are there, and some empty ones where there are several."""
        if self.claim is None:
            return [{}]
        written = [self._typed(line) for line in queries.with_claim([self.claim])[0].written_lines]  # type: ignore[attr-defined]
        return [*written, *[{}] * (_SPARE if len(written) > 1 else 0)][:MOST_LINES]

    def _typed(self, line: Split) -> dict[str, Any]:
        """A line as it stands in the boxes."""
        amount = Money(line.share_minor, whole_of(line.transaction).currency)
        said = {"spent_on": line.spent_on, "merchant_name": line.descriptor, "tax": line.tax.in_box() if line.tax else ""}
        return {"amount": amount.in_box(), **booked_as(line), **said}

    @property
    def is_split(self) -> bool:
        """Whether more than one line is shown."""
        return len(self.lines) > 1

    def is_valid(self) -> bool:
        faults = [form for form in (self.head, *self.lines) if not form.is_valid()]
        if not faults and not used(self.lines):
            self.lines[0].add_error("amount", "How much was it?")
            return False
        return not faults

    def body(self) -> dict[str, Any]:
        """What the API would be sent. The form has been valid."""
        head, lines_used = self.head.cleaned_data, used(self.lines)
        total = Money(sum(form.cleaned_data["amount"].minor for form in lines_used), head["currency"])
        names = ("category", "department", "budget", "memo", "tax_code", "merchant_name")
        lines = [
            {
                **{name: form.cleaned_data.get(name, "") for name in names},
                **{name: form.cleaned_data[name] for name in ("amount", "tax", "spent_on")},
            }
            for form in lines_used
        ]
        return {name: head[name] for name in ("merchant_name", "spent_on", "memo", "rate")} | {"amount": total, "lines": lines}

    def show(self, refusal: errors.DomainError) -> str:
        """Put a refusal beside what it names. Answers what is left to say above the form."""
        field = refusal.field or ""
        if field in self.head.fields:
            self.head.add_error(field, refusal.message)
            return ""
        return "" if stands_beside(used(self.lines), "lines", refusal) else refusal.message


class PayForm(forms.Form):
    paid_from = forms.ChoiceField(label="From", choices=PaidFrom.choices, initial=PaidFrom.BANK)
    reference = LineField(label="Reference of the transfer", max_length=120, help_text="As your bank shows it.")
