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
NONE = "none"


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


class IdFilter(filters.CharFilter):  # type: ignore[misc]
    """By the id of what rows point at; `none` finds those that point at nothing."""

    def __init__(self, relation: str, **kwargs: Any) -> None:
        kwargs["help_text"] = f"{kwargs.get('help_text', 'An id.')} `{NONE}`: of nobody, or in nothing."
        super().__init__(f"{relation}__public_id", max_length=40, **kwargs)
        self.relation = relation

    def filter(self, qs: QuerySet[Any], value: str) -> QuerySet[Any]:
        return qs.filter(**{f"{self.relation}__isnull": True}) if value == NONE else super().filter(qs, value)


class CurrencyFilter(filters.CharFilter):  # type: ignore[misc]
    """By a currency of ISO 4217, in capitals or not."""

    def __init__(self, field_name: str = "currency", **kwargs: Any) -> None:
        super().__init__(field_name, max_length=3, **kwargs)

    def filter(self, qs: QuerySet[Any], value: str) -> QuerySet[Any]:
        return super().filter(qs, value.upper())  # type: ignore[no-any-return]


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
    for name, values in request.query_params.lists():
        if name not in known:
            raise errors.Invalid("This route has no such query parameter.", field=name, code="unknown_parameter")
        if not all(values):
            raise errors.Invalid("Give it a value, or leave it out.", field=name)
        if len(values) > 1:
            raise errors.Invalid("Give it once.", field=name)
