"""Who decides while somebody is away."""

from __future__ import annotations

from typing import Any

from django import forms

from cards.forms import DayField


class DelegationForm(forms.Form):
    """Who decides meanwhile, and on which days."""

    to = forms.ChoiceField(label="Who decides meanwhile")
    starts_on = DayField(label="First day")
    ends_on = DayField(label="Last day")

    def __init__(self, *args: Any, people: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["to"].choices = [("", "Choose somebody"), *people]  # type: ignore[attr-defined]
