"""Filters of lists. A parameter that a route does not know is refused, so that a typing mistake cannot widen a list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from rest_framework.request import Request

from spendtrackr import errors

if TYPE_CHECKING:  # REST framework loads this module while it is loading its views
    from rest_framework.views import APIView

_PAGING = {"limit", "cursor"}


class StrictFilterBackend(filters.DjangoFilterBackend):  # type: ignore[misc]
    """django-filter, with errors in our shape."""

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: APIView) -> QuerySet[Any]:
        filterset = self.get_filterset(request, queryset, view)
        if filterset is None:
            return queryset
        if not filterset.is_valid():
            field, messages = next(iter(filterset.errors.items()))
            raise errors.Invalid(str(messages[0]), field=field)
        return filterset.qs  # type: ignore[no-any-return]


def refuse_unknown_parameters(request: Request, view: Any) -> None:
    """400 for a query parameter that the route does not document."""
    known = set(getattr(view, "query_parameters", ()))
    if getattr(view, "action", None) == "list":
        known |= _PAGING
        filterset = getattr(view, "filterset_class", None)
        known |= set(filterset.base_filters) if filterset else set()
    for name in request.query_params:
        if name not in known:
            raise errors.Invalid("This route has no such query parameter.", field=name, code="unknown_parameter")
