"""What forms and addresses share: days and instants as they are written there, and refusals beside their field."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from django import forms
from django.forms import Form

from spendtrackr.errors import DomainError, Invalid
from spendtrackr.periods import INSTANT_LOOKS_LIKE, parse_instant
from spendtrackr.text import plain_line

EARLIEST, LATEST = date(1990, 1, 1), date(2099, 12, 31)


class LineField(forms.CharField):
    """One line of text, as the API takes it: no control characters, no marks that turn its direction."""

    def clean(self, value: Any) -> str:
        text = str(super().clean(value))
        try:
            line = plain_line(text)
        except ValueError as error:
            raise forms.ValidationError(str(error)) from error
        if self.required and not line:
            raise forms.ValidationError(self.error_messages["required"], code="required")
        return line


class DayInput(forms.DateInput):
    """A calendar where the browser has one."""

    input_type = "date"

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__(attrs, format="%Y-%m-%d")


class DayField(forms.DateField):
    """A calendar day, within the days that the API takes."""

    widget = DayInput
    first, last = EARLIEST, LATEST
    says = f"Write a day from {EARLIEST} to {LATEST}."

    def clean(self, value: Any) -> date | None:
        day: date | None = super().clean(value)
        if day is not None and not self.first <= day <= self.last:
            raise forms.ValidationError(self.says)
        return day


def show_refusal(form: Form, error: DomainError) -> None:
    """Put what an operation refused beside the field that it names, else above the form. What was typed stays."""
    name = (error.field or "").partition(".")[0]
    form.add_error(name if name in form.fields else None, error.message)


def day_from(given: Mapping[str, Any], name: str) -> date | None:
    """The day under this name of an address, if one is. Raises `Invalid` naming it."""
    text = given.get(name)
    if not text:
        return None
    try:
        day = date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        day = None
    if day is None:
        raise Invalid(f"{name.capitalize()} is a day such as 2026-03-31.", field=name)
    if not EARLIEST <= day <= LATEST:
        raise Invalid(f"{name.capitalize()} is a day from {EARLIEST} to {LATEST}.", field=name)
    return day


def line_from(given: Mapping[str, Any], name: str, longest: int = 500, *, label: str = "") -> str:
    """The line of text under this name, blank where there is none. Raises `Invalid` naming it."""
    label = label or name.replace("_", " ").capitalize()
    try:
        line = plain_line(given.get(name, ""))
    except ValueError as error:
        raise Invalid(f"{label}: {error}", field=name) from error
    if len(line) > longest:
        raise Invalid(f"{label}: at most {longest} characters.", field=name)
    return line


def instant_from(given: Mapping[str, Any], name: str) -> datetime | None:
    """The instant under this name, in UTC, as RFC 3339 writes it: without an offset it would be a guess. Raises `Invalid` naming it."""
    text = given.get(name)
    if not text:
        return None
    at = parse_instant(text)
    if at is None:
        raise Invalid(INSTANT_LOOKS_LIKE, field=name)
    return at
