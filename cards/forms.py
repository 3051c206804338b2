"""What somebody fills in to issue or change a card, to invite somebody or to give them another place."""

from __future__ import annotations

import re
from typing import Any

from django import forms

from spendtrackr.money import Money, parse_decimal
from users.models import Membership
from users.roles import Role


class AmountField(forms.CharField):
    """An amount as people type it, such as `1,250.00`, in the form's currency; blank is None."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, max_length=40, widget=forms.TextInput(attrs={"inputmode": "decimal"}), **kwargs)
        self.currency = ""

    def clean(self, value: Any) -> Money | None:
        text = super().clean(value)
        if not text:
            return None
        try:
            amount = Money.parse(parse_decimal(text), self.currency)
        except ValueError as error:
            raise forms.ValidationError(f"Write an amount in {self.currency}, such as 1250.00.") from error
        if not 0 < amount.minor < 10**15:
            raise forms.ValidationError("Write an amount above zero, and one that a card could spend.")
        return amount

    def prepare_value(self, value: Any) -> Any:
        return str(value.decimal) if isinstance(value, Money) else value


class CodesField(forms.CharField):
    """Merchant category codes of four digits, separated by spaces or commas."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, max_length=2000, **kwargs)

    def clean(self, value: Any) -> list[str]:
        codes = re.split(r"[\s,;]+", super().clean(value).strip())
        wrong = [code for code in codes if code and not re.fullmatch(r"[0-9]{4}", code)]
        if wrong:
            raise forms.ValidationError(f"{wrong[0][:20]!r} is not a code of four digits (ISO 18245), such as 5812.")
        return [code for code in codes if code]

    def prepare_value(self, value: Any) -> Any:
        return " ".join(value) if isinstance(value, list) else value


class ControlsForm(forms.Form):
    """A card's name and controls."""

    name = forms.CharField(label="Name", max_length=80)
    monthly_limit = AmountField(label="Monthly limit", help_text="Blank for none.")
    per_transaction_cap = AmountField(label="Most for one purchase", help_text="Blank for no cap.")
    blocked_merchant_categories = CodesField(label="Blocked merchant categories", help_text="Codes of four digits, such as 7995 6011.")
    allowed_merchant_categories = CodesField(label="Only these merchant categories", help_text="Blank for all that are not blocked.")

    def __init__(self, *args: Any, currency: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            if isinstance(field, AmountField):
                field.currency = currency
                field.label = f"{field.label} ({currency})"


class IssueForm(ControlsForm):
    """The same, and who will carry it."""

    holder = forms.ModelChoiceField(Membership._base_manager.none(), label="Holder", to_field_name="public_id", empty_label=None)
    field_order = ["holder", "name"]

    def __init__(self, *args: Any, people: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        holder: Any = self.fields["holder"]
        holder.queryset = people
        holder.label_from_instance = lambda member: member.user.name


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
