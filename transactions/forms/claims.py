"""What somebody claims, from a page or a body: ids become rows, and what is not named stays. And how a batch is paid."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django import forms
from django.http import QueryDict

from cards.models import Budget
from companies.models import Department
from spendtrackr import errors
from spendtrackr.forms import DayField, LineField
from spendtrackr.money import CURRENCIES, Money
from transactions import queries
from transactions.forms.coding import PartForm, department_said, lines_sent, with_standing
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
        said: dict[str, Any] = {**self._now(), **body}
        amount: Money = said["amount"]
        if "lines" in body:
            lines = [self._line(place, line, amount) for place, line in enumerate(body["lines"])]
        else:
            lines = self._lines_now(amount)
        # A rate that was written for another currency says nothing of this one.
        is_same = self.claim is not None and whole_of(self.claim).currency == amount.currency
        rate = said.get("rate") if "rate" in body or is_same else None
        return Wish(said["spent_on"], amount, said["merchant_name"], said["memo"], lines, rate)

    def _now(self) -> dict[str, Any]:
        if self.claim is None:
            return {}
        amount, rate = whole_of(self.claim), queries.rate_of(self.claim)
        return {
            "spent_on": self.claim.occurred_on,
            "amount": amount,
            "merchant_name": self.claim.descriptor,
            "memo": self.claim.memo,
            "rate": rate,
        }

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

    def _line(self, place: int, said: dict[str, Any], whole: Money) -> Split:
        at, purchase = f"lines.{place}", self.claim or Transaction(department=self.actor.department)
        return Split(
            share_minor=_minor(said["amount"], whole.currency, f"{at}.amount"),
            category=queries.category_choice(purchase, said["category"], field=f"{at}.category"),
            department=department_said(self.actor, purchase, place, said["department"], field=f"{at}.department"),
            budget=queries.budget_choice(purchase, said["budget"], self.actor, field=f"{at}.budget"),
            memo=said["memo"],
            spent_on=said["spent_on"],
            descriptor=said["merchant_name"],
            tax_code=said["tax_code"],
            tax_minor=None if said["tax"] is None else _minor(said["tax"], self.actor.company.currency, f"{at}.tax"),
        )


def _copy(part: Split) -> Split:
    names = ("share_minor", "category", "department", "budget", "memo", "spent_on", "descriptor", "tax_code", "tax_minor")
    return Split(**{name: getattr(part, name) for name in names})


def _minor(amount: Money, currency: str, field: str) -> int:
    if amount.currency != currency:
        raise errors.Invalid(f"Write it in {currency}.", field=f"{field}.currency")
    return amount.minor


_SPARE = 2
_PLACES = 10


class ClaimForm(forms.Form):
    """What is said once of a claim; its amount is the sum of its lines."""

    merchant_name = LineField(label="Where", max_length=120)
    spent_on = DayField(label="Day")
    memo = LineField(label="What it was for", max_length=500, required=False)
    currency = forms.ChoiceField(label="Paid in", choices=[(code, code) for code in sorted(CURRENCIES)])
    rate = forms.DecimalField(required=False, min_value=Decimal(10) ** -_PLACES, max_digits=20, decimal_places=_PLACES, localize=False)

    def __init__(self, *args: Any, home: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["rate"].label = f"{home} for one of it"
        self.fields["rate"].help_text = f"The rate of that day, if it was not {home}."
        self.fields["rate"].widget = forms.TextInput(attrs={"inputmode": "decimal"})


class LineForm(PartForm):
    """One thing that was paid for. Without an amount it is none."""

    spent_on = DayField(label="Another day", required=False)
    merchant_name = LineField(label="Another merchant", max_length=120, required=False)


class ClaimPage:
    """A claim as somebody writes it: what is said once, and its lines, with as many empty ones as they asked for."""

    def __init__(self, actor: Membership, claim: Transaction | None = None, data: QueryDict | None = None) -> None:
        self.actor, self.claim, self.home = actor, claim, actor.company.currency
        typed = data.dict() if data is not None else {}
        # To ask for more lines is not to be told what is missing so far.
        bound = None if typed.get("do") == "add" else data
        self.head = ClaimForm(bound, home=self.home, initial={**self._said(), **typed})
        currency = typed["currency"] if "currency" in typed else self.head.initial["currency"]
        written = [self._typed(line) for line in queries.with_claim([claim])[0].written_lines] if claim else [{}]  # type: ignore[attr-defined]
        count = min(MOST_LINES, lines_sent(data) if data is not None else len(written) + (_SPARE if len(written) > 1 else 0))
        starts = [*([] if typed else written), *[{}] * count][:count]
        if bound is None and typed:
            starts = [{name: typed.get(f"part-{place}-{name}", "") for name in LineForm.base_fields} for place in range(count)]
        choices, known = self._choices(), currency if currency in CURRENCIES else self.home
        self.lines = [
            LineForm(bound, prefix=f"part-{place}", initial=start, choices=choices, currency=known) for place, start in enumerate(starts)
        ]

    def _said(self) -> dict[str, Any]:
        if self.claim is None:
            return {"currency": self.home}
        claim = self.claim
        said = {"merchant_name": claim.descriptor, "spent_on": claim.occurred_on, "memo": claim.memo}
        return said | {"currency": whole_of(claim).currency, "rate": queries.rate_of(claim)}

    def _typed(self, line: Split) -> dict[str, Any]:
        """A line as it stands in the boxes."""
        currency = whole_of(line.transaction).currency
        ids = {name: getattr(line, name).public_id if getattr(line, name) else "" for name in ("category", "department", "budget")}
        said = {"memo": line.memo, "spent_on": line.spent_on, "merchant_name": line.descriptor, "tax_code": line.tax_code}
        tax = str(line.tax.decimal) if line.tax else ""
        return {"amount": str(Money(line.share_minor, currency).decimal), "tax": tax, **ids, **said}

    def _choices(self) -> dict[str, list[tuple[str, str]]]:
        purchase = self.claim or Transaction()
        budgets = Budget.objects.visible_to(self.actor).filter(closed_at=None, currency=self.home).order_by("name", "pk")
        found = {
            "category": [("", "Uncategorised"), *queries.choosable_categories(purchase)],
            "budget": [("", "None"), *budgets.values_list("public_id", "name")],
        }
        if self.actor.may("transactions.assign"):
            departments = Department.objects.filter(archived_at=None).order_by("name").values_list("public_id", "name")
            found["department"] = [("", "Mine"), *departments]
        return with_standing(found, self.claim)

    @property
    def is_split(self) -> bool:
        """Whether more than one line is shown."""
        return len(self.lines) > 1

    def is_valid(self) -> bool:
        faults = [form for form in (self.head, *self.lines) if not form.is_valid()]
        if not faults and not self._used():
            self.lines[0].add_error("amount", "How much was it?")
            return False
        return not faults

    def _used(self) -> list[LineForm]:
        return [form for form in self.lines if form.cleaned_data.get("amount")]

    def body(self) -> dict[str, Any]:
        """What the API would be sent. The form has been valid."""
        head, used = self.head.cleaned_data, self._used()
        total = Money(sum(form.cleaned_data["amount"].minor for form in used), head["currency"])
        names = ("category", "department", "budget", "memo", "tax_code", "merchant_name")
        lines = [
            {
                **{name: form.cleaned_data.get(name, "") for name in names},
                **{name: form.cleaned_data[name] for name in ("amount", "tax", "spent_on")},
            }
            for form in used
        ]
        return {name: head[name] for name in ("merchant_name", "spent_on", "memo", "rate")} | {"amount": total, "lines": lines}

    def show(self, refusal: errors.DomainError) -> str:
        """Put a refusal beside what it names. Answers what is left to say above the form."""
        field = refusal.field or ""
        _, is_line, rest = field.partition("lines.")
        place, _, name = rest.partition(".")
        used, name = self._used(), name.removesuffix(".currency")
        if is_line and place.isdigit() and int(place) < len(used) and name in used[int(place)].fields:
            used[int(place)].add_error(name, refusal.message)
        elif field in self.head.fields:
            self.head.add_error(field, refusal.message)
        else:
            return refusal.message
        return ""


class PayForm(forms.Form):
    paid_from = forms.ChoiceField(label="From", choices=PaidFrom.choices, initial=PaidFrom.BANK)
    reference = LineField(label="Reference of the transfer", max_length=120, help_text="As your bank shows it.")
