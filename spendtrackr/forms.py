"""What the forms of all pages share."""

from __future__ import annotations

from django.forms import Form

from spendtrackr.errors import DomainError


def show_refusal(form: Form, error: DomainError) -> None:
    """Put what an operation refused beside the field that it names, else above the form. What was typed stays."""
    name = (error.field or "").partition(".")[0]
    form.add_error(name if name in form.fields else None, error.message)
