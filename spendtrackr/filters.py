"""Filters of lists. A parameter that a route does not know is refused, so that a typing mistake cannot widen a list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.db.models import QuerySet
from django.forms import ChoiceField
from django_filters import rest_framework as filters
from rest_framework.request import Request

from spendtrackr import errors

if TYPE_CHECKING:  # REST framework loads this module while it is loading its views
    from rest_framework.views import APIView

PAGING = {"limit", "cursor", "ordering"}


class StrictFilterBackend(filters.DjangoFilterBackend):  # type: ignore[misc]
    """django-filter, with errors in our shape."""

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: APIView) -> QuerySet[Any]:
        filterset = self.get_filterset(request, queryset, view)
        if filterset is None:
            return queryset
        refuse_invalid(filterset)
        return filterset.qs  # type: ignore[no-any-return]


def refuse_invalid(filterset: filters.FilterSet) -> None:
    """Raise `Invalid` naming the first parameter that makes no sense."""
    if filterset.is_valid():
        return
    field, messages = next(iter(filterset.errors.items()))
    asked = filterset.form.fields.get(field)
    is_choice = isinstance(asked, ChoiceField)
    says = errors.one_of(field, (value for value, _ in asked.choices)) if is_choice else str(messages[0])
    raise errors.Invalid(says, field=field)


class _FlagField(forms.NullBooleanField):
    """Yes, no or not said. What is none of these is no filter that somebody meant."""

    widget = forms.TextInput

    def to_python(self, value: Any) -> bool | None:  # type: ignore[override]  # as `NullBooleanField` answers
        if value in {None, ""}:
            return None
        if str(value).lower() not in _FLAGS:
            raise forms.ValidationError("Write true or false.")
        return _FLAGS[str(value).lower()]

    def validate(self, value: Any) -> None:
        """All that `to_python` knows."""


_FLAGS = {"true": True, "false": False, "1": True, "0": False}


class FlagFilter(filters.BooleanFilter):  # type: ignore[misc]
    """Like django-filter's, but a word that is neither is refused: it would widen the list."""

    field_class = _FlagField

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.extra.pop("widget", None)


def refuse_unknown_parameters(request: Request, view: Any) -> None:
    """400 for a query parameter that the route does not document, and for one without a value: either would widen a list unnoticed."""
    known = set(getattr(view, "query_parameters", ()))
    if getattr(view, "action", None) == "list":
        known |= PAGING
        filterset = getattr(view, "filterset_class", None)
        known |= set(filterset.base_filters) if filterset else set()
    for name, value in request.query_params.items():
        if name not in known:
            raise errors.Invalid("This route has no such query parameter.", field=name, code="unknown_parameter")
        if not value:
            raise errors.Invalid("Give it a value, or leave it out.", field=name)
