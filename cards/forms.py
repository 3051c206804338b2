"""Forms of the pages about people."""

from __future__ import annotations

from typing import Any

from django import forms

from users.roles import Role

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
