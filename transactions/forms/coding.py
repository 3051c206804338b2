"""What somebody writes on a transaction, from a page or a body: ids become rows, amounts minor units; and the lines of a split."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import QueryDict

from cards.forms import AmountField
from cards.models import Budget
from companies.models import Department
from spendtrackr import errors
from spendtrackr.forms import LineField
from spendtrackr.money import Money
from spendtrackr.permissions import require
from transactions import queries, splits
from transactions.models import Split, Transaction, TransactionSource
from transactions.operations.coding import MOST_PARTS, whole_of
from users.models import Membership


@dataclass(frozen=True, slots=True)
class Described:
    """What somebody says of a transaction. Raises `Invalid` naming the field, and `Forbidden` for what only bookkeepers say."""

    purchase: Transaction
    actor: Membership

    def changes(self, body: dict[str, Any]) -> dict[str, Any]:
        """As `coding.describe` takes them."""
        if body.keys() & {"department", "member"}:
            require("transactions.assign", self.actor)
        found = {name: self._row(name, value) for name, value in body.items()}
        if "tax" in found:
            found["tax_minor"] = self._tax(found.pop("tax"), "tax")
        return found

    def _row(self, name: str, value: Any) -> Any:
        match name:
            case "category":
                return queries.category_choice(self.purchase, value)
            case "department":
                return queries.department_choice(self.purchase, value)
            case "member":
                return self._member(value)
            case "tags":
                return queries.tag_choices(self.purchase, value)
            case "splits":
                return [self._part(place, part) for place, part in enumerate(value)]
            case _:
                return value

    def _member(self, public_id: str | None) -> Membership | None:
        if public_id is None:
            return None
        found: Membership | None = Membership.objects.active().filter(public_id=public_id).first()
        if found is None:
            raise errors.Invalid("There is nothing with this id.", field="member", code="does_not_exist")
        return found

    def _part(self, place: int, said: dict[str, Any]) -> Split:
        """A part. Where and when a claim's line was spent is not said here, and stays."""
        at, there = f"splits.{place}", part_at(self.purchase, place)
        return Split(
            spent_on=there.spent_on if there else None,
            descriptor=there.descriptor if there else "",
            share_minor=self._minor(said["amount"], f"{at}.amount"),
            category=queries.category_choice(self.purchase, said["category"], field=f"{at}.category"),
            department=department_said(self.actor, self.purchase, place, said["department"], field=f"{at}.department"),
            budget=queries.budget_choice(self.purchase, said["budget"], self.actor, field=f"{at}.budget"),
            memo=said["memo"],
            tax_code=said["tax_code"],
            tax_minor=self._tax(said["tax"], f"{at}.tax"),
        )

    def _minor(self, amount: Money, field: str) -> int:
        currency = whole_of(self.purchase).currency
        if amount.currency != currency:
            raise errors.Invalid(f"This transaction is in {currency}.", field=f"{field}.currency")
        return amount.minor

    def _tax(self, amount: Money | None, field: str) -> int | None:
        """In the currency that it is booked in: a claim's may have been paid in another."""
        if amount is not None and amount.currency != self.purchase.currency:
            raise errors.Invalid(f"This is booked in {self.purchase.currency}.", field=f"{field}.currency")
        return None if amount is None else amount.minor


def part_at(purchase: Transaction, place: int) -> Split | None:
    """The part that stands at this place."""
    parts = splits.parts_of(purchase) if purchase.is_split else []
    return parts[place] if place < len(parts) else None


def department_said(actor: Membership, purchase: Transaction, place: int, public_id: str | None, *, field: str) -> Department | None:
    """The department of a part. Only bookkeepers say which; what one of them said stays when somebody else writes the part anew."""
    chosen = queries.department_choice(purchase, public_id, field=field)
    there = part_at(purchase, place)
    standing = there.department if there else None
    if actor.may("transactions.assign") or chosen in {standing, purchase.department} - {None}:
        return chosen
    if chosen is not None:
        require("transactions.assign", actor)
    return standing


_SPARE = 2


class PartForm(forms.Form):
    """One line. Without an amount it is none."""

    amount = AmountField(label="Amount")
    category = forms.ChoiceField(label="Category", required=False)
    department = forms.ChoiceField(label="Department", required=False)
    budget = forms.ChoiceField(label="Budget", required=False)
    memo = LineField(label="Memo", max_length=200, required=False)
    tax_code = LineField(label="Tax code", max_length=20, required=False)
    tax = AmountField(label="Tax")

    def __init__(self, *args: Any, currency: str, choices: dict[str, list[tuple[str, str]]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("amount", "tax"):
            self.fields[name].currency = currency  # type: ignore[attr-defined]
        for name in ("category", "department", "budget"):
            if choices.get(name):
                self.fields[name].choices = choices[name]  # type: ignore[attr-defined]
            else:
                del self.fields[name]

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        if not given.get("amount") and "amount" not in self.errors and any(value for name, value in given.items() if name != "amount"):
            self.add_error("amount", "How much of it?")
        return given

    @property
    def beside(self) -> list[forms.BoundField]:
        """All but the amount, the category and the memo: what most parts leave empty."""
        return [field for field in self if field.name not in {"amount", "category", "memo"}]

    @property
    def is_open(self) -> bool:
        return any(field.value() or field.errors for field in self.beside)


class SplitForm:
    """The lines of one transaction, with as many empty ones as somebody asked for."""

    def __init__(self, purchase: Transaction, member: Membership, data: QueryDict | None = None) -> None:
        self.purchase, self.member, self.whole = purchase, member, whole_of(purchase)
        known = queries.with_parts([purchase])[0].parts  # type: ignore[attr-defined]
        typed = [self._typed(part) for part in known] or [self._whole()]
        lines = min(MOST_PARTS, lines_sent(data) if data is not None else len(typed) + _SPARE)
        choices = self._choices()
        starts = [*typed, *[{}] * max(0, lines - len(typed))][:lines]
        self.parts = [
            PartForm(data, prefix=f"part-{place}", initial=start, choices=choices, currency=self.whole.currency)
            for place, start in enumerate(starts)
        ]

    def _whole(self) -> dict[str, Any]:
        category = self.purchase.category
        return {"amount": str(_positive(self.whole).decimal), "category": category.public_id if category else ""}

    def _typed(self, part: Split) -> dict[str, Any]:
        tax = part.tax
        amount = Money(part.share_minor if self.whole.currency != self.purchase.currency else part.amount_minor, self.whole.currency)
        return {
            "amount": str(_positive(amount).decimal),
            **{name: getattr(part, name).public_id if getattr(part, name) else "" for name in ("category", "department", "budget")},
            "memo": part.memo,
            "tax_code": part.tax_code,
            "tax": str(_positive(tax).decimal) if tax else "",
        }

    def _choices(self) -> dict[str, list[tuple[str, str]]]:
        found = {"category": [("", "Uncategorised"), *queries.choosable_categories(self.purchase)]}
        if self.member.may("transactions.assign"):
            departments = Department.objects.filter(archived_at=None).order_by("name").values_list("public_id", "name")
            found["department"] = [("", "As the purchase"), *departments]
        if self.purchase.source != TransactionSource.STATEMENT:
            budgets = Budget.objects.visible_to(self.member).filter(closed_at=None, currency=self.purchase.currency).order_by("name", "pk")
            found["budget"] = [("", "As the purchase"), *budgets.values_list("public_id", "name")]
        return with_standing(found, self.purchase)

    def is_valid(self) -> bool:
        return not [part for part in self.parts if not part.is_valid()]

    def body(self) -> list[dict[str, Any]]:
        """What the API would be sent, each with the place of its line."""
        sign = -1 if self.whole.minor < 0 else 1

        def signed(amount: Money | None) -> Money | None:
            return Money(sign * amount.minor, amount.currency) if amount else None

        return [
            {
                **{name: given.get(name, "") for name in ("category", "department", "budget", "memo", "tax_code")},
                "amount": signed(given["amount"]),
                "tax": signed(given["tax"]),
            }
            for form in self.parts
            if (given := form.cleaned_data)["amount"]
        ]

    def show(self, refusal: errors.DomainError) -> str:
        """Put a refusal beside the line that it names. Answers what is left to say above the form."""
        _, _, rest = (refusal.field or "").partition("splits.")
        place, _, name = rest.partition(".")
        used = [form for form in self.parts if form.cleaned_data.get("amount")]
        if place.isdigit() and int(place) < len(used) and name in used[int(place)].fields:
            used[int(place)].add_error(name, refusal.message)
            return ""
        return refusal.message


def with_standing(choices: dict[str, list[tuple[str, str]]], purchase: Transaction | None) -> dict[str, list[tuple[str, str]]]:
    """With what stands on a part already: closed, archived or out of somebody's sight, it is not lost by writing the part anew."""
    for part in splits.parts_of(purchase) if purchase and purchase.is_split else ():
        for name in ("department", "budget"):
            row = getattr(part, name)
            if row and choices.get(name) and row.public_id not in dict(choices[name]):
                choices[name].append((row.public_id, row.name))
    return choices


def _positive(amount: Money) -> Money:
    return Money(abs(amount.minor), amount.currency)


def lines_sent(data: QueryDict) -> int:
    """How many lines were sent, and two more where that was asked for."""
    numbers = [name.removeprefix("part-").partition("-")[0] for name in data if name.startswith("part-")]
    sent = 1 + max((int(number) for number in numbers if number.isascii() and number.isdigit() and int(number) < MOST_PARTS), default=0)
    return sent + (_SPARE if data.get("do") == "add" else 0)
