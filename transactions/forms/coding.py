"""What somebody writes on a transaction, from a page or a body: ids become rows, amounts minor units; and the lines of a split."""

from __future__ import annotations

from collections.abc import Sequence
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
                there = standing(self.purchase)
                return [self._part(f"splits.{place}", part, there.get(place)) for place, part in enumerate(value)]
            case _:
                return value

    def _member(self, public_id: str | None) -> Membership | None:
        if public_id is None:
            return None
        found: Membership | None = Membership.objects.active().filter(public_id=public_id).first()
        if found is None:
            raise errors.Invalid("There is nothing with this id.", field="member", code="does_not_exist")
        return found

    def _part(self, at: str, said: dict[str, Any], there: Split | None) -> Split:
        """A part, where `there` stands now. Where and when a claim's line was spent is not said here, and stays."""
        return Split(
            spent_on=there.spent_on if there else None,
            descriptor=there.descriptor if there else "",
            share_minor=minor_in(whole_of(self.purchase).currency, said["amount"], f"{at}.amount", "This transaction is in"),
            category=queries.category_choice(self.purchase, said["category"], field=f"{at}.category"),
            department=department_said(self.actor, self.purchase, there, said["department"], field=f"{at}.department"),
            budget=queries.budget_choice(self.purchase, said["budget"], self.actor, field=f"{at}.budget"),
            memo=said["memo"],
            tax_code=said["tax_code"],
            tax_minor=self._tax(said["tax"], f"{at}.tax"),
        )

    def _tax(self, amount: Money | None, field: str) -> int | None:
        """In the currency that it is booked in: a claim's may have been paid in another."""
        return None if amount is None else minor_in(self.purchase.currency, amount, field, "This is booked in")


def minor_in(currency: str, amount: Money, field: str, says: str) -> int:
    """The minor units of an amount that has to be in this currency. Raises `Invalid` naming the field."""
    if amount.currency != currency:
        raise errors.Invalid(f"{says} {currency}.", field=f"{field}.currency")
    return amount.minor


def standing(purchase: Transaction) -> dict[int, Split]:
    """The parts that a transaction is split into now, by their place."""
    return dict(enumerate(splits.parts_of(purchase))) if purchase.is_split else {}


def department_said(
    actor: Membership, purchase: Transaction, there: Split | None, public_id: str | None, *, field: str
) -> Department | None:
    """The department of a part. Only bookkeepers say which; what one of them said stays when somebody else writes the part anew."""
    chosen = queries.department_choice(purchase, public_id, field=field)
    kept = there.department if there else None
    if actor.may("transactions.assign") or chosen in {kept, purchase.department} - {None}:
        return chosen
    if chosen is not None:
        require("transactions.assign", actor)
    return kept


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

    def __init__(self, *args: Any, currency: str, choices: Choices, **kwargs: Any) -> None:
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
        choices = part_choices(purchase, member, purchase.currency, department="As the purchase", budget="As the purchase")
        starts = [*typed, *[{}] * max(0, lines - len(typed))][:lines]
        self.parts = [
            PartForm(data, prefix=f"part-{place}", initial=start, choices=choices, currency=self.whole.currency)
            for place, start in enumerate(starts)
        ]

    def _whole(self) -> dict[str, Any]:
        category = self.purchase.category
        return {"amount": _positive(self.whole).in_box(), "category": category.public_id if category else ""}

    def _typed(self, part: Split) -> dict[str, Any]:
        tax = part.tax
        amount = Money(part.share_minor if self.whole.currency != self.purchase.currency else part.amount_minor, self.whole.currency)
        return {
            "amount": _positive(amount).in_box(),
            **booked_as(part),
            "tax": _positive(tax).in_box() if tax else "",
        }

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
            for given in (form.cleaned_data for form in used(self.parts))
        ]

    def show(self, refusal: errors.DomainError) -> str:
        """Put a refusal beside the line that it names. Answers what is left to say above the form."""
        return "" if stands_beside(used(self.parts), "splits", refusal) else refusal.message


Choices = dict[str, list[tuple[str, str]]]


def part_choices(purchase: Transaction, member: Membership, currency: str, **blank: str) -> Choices:
    """What may be chosen for a part, with what it is called to choose nothing; departments by bookkeepers alone.

    What stands on a part already is there too: closed, archived or out of somebody's sight, it is not lost by writing the part anew.
    """
    offered = queries.choices(
        category=queries.codable(purchase)["categories"],
        department=queries.in_use(Department.objects.all()),
        budget=Budget.objects.visible_to(member).filter(closed_at=None, currency=currency),
    )
    found = {"category": [("", "Uncategorised"), *offered["category"]]}
    if member.may("transactions.assign"):
        found["department"] = [("", blank["department"]), *offered["department"]]
    if purchase.source != TransactionSource.STATEMENT:
        found["budget"] = [("", blank["budget"]), *offered["budget"]]
    for part in standing(purchase).values():
        for name in ("department", "budget"):
            row = getattr(part, name)
            if row and name in found and row.public_id not in dict(found[name]):
                found[name].append((row.public_id, row.name))
    return found


def booked_as(part: Split) -> dict[str, Any]:
    """What a part is booked to, as it stands in the boxes of its line."""
    rows = {name: getattr(part, name) for name in ("category", "department", "budget")}
    return {name: row.public_id if row else "" for name, row in rows.items()} | {"memo": part.memo, "tax_code": part.tax_code}


def used(lines: Sequence[PartForm]) -> list[PartForm]:
    """Those with an amount, of forms that were validated."""
    return [form for form in lines if form.cleaned_data.get("amount")]


def stands_beside(lines: Sequence[PartForm], name: str, refusal: errors.DomainError) -> bool:
    """Put a refusal beside the box that it names, such as `splits.0.amount`. False where it names none."""
    _, is_line, rest = (refusal.field or "").partition(f"{name}.")
    place, _, box = rest.removesuffix(".currency").partition(".")
    if not is_line or not place.isdigit() or int(place) >= len(lines) or box not in lines[int(place)].fields:
        return False
    lines[int(place)].add_error(box, refusal.message)
    return True


def _positive(amount: Money) -> Money:
    return Money(abs(amount.minor), amount.currency)


def lines_sent(data: QueryDict) -> int:
    """How many lines were sent, and two more where that was asked for."""
    numbers = [name.removeprefix("part-").partition("-")[0] for name in data if name.startswith("part-")]
    sent = 1 + max((int(number) for number in numbers if number.isascii() and number.isdigit() and int(number) < MOST_PARTS), default=0)
    return sent + (_SPARE if data.get("do") == "add" else 0)
