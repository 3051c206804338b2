"""Cursor pages: stable under inserts, as cheap at depth ten thousand as at the top."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.db.models import Model, Q, QuerySet
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response

from spendtrackr import errors

if TYPE_CHECKING:  # REST framework loads this module while it is loading its views
    from rest_framework.views import APIView

DEFAULT_LIMIT, MAX_LIMIT = 50, 200


class Cursor:
    """Where a page begins: the ordering values of the last row of the page before. An order runs one way in all its names."""

    def __init__(self, order: Sequence[str]) -> None:
        self.order = list(order)
        self.names = [name.removeprefix("-") for name in order]
        self.beyond = "lt" if order[0].startswith("-") else "gt"

    def after(self, rows: QuerySet[Any], cursor: str) -> QuerySet[Any]:
        """The rows behind the cursor. Raises `Invalid` for a cursor that we did not make."""
        values = self._decode(rows.model, cursor)
        if len(self.names) == 1:
            return rows.filter(**{f"{self.names[0]}__{self.beyond}": values[0]})
        first, second = self.names
        # This form keeps the index range: `a <= x AND (a < x OR b < y)`.
        behind = Q(**{f"{first}__{self.beyond}": values[0]}) | Q(**{f"{second}__{self.beyond}": values[1]})
        return rows.filter(Q(**{f"{first}__{self.beyond}e": values[0]}), behind)

    def at(self, row: Model) -> str:
        return self.of([row.serializable_value(name) for name in self.names])

    def of(self, values: Sequence[Any]) -> str:
        """The same by the row's values of the order."""
        packed = json.dumps([self.order, *(value.isoformat() if hasattr(value, "isoformat") else value for value in values)])
        return base64.urlsafe_b64encode(packed.encode()).decode().rstrip("=")

    def _decode(self, model: type[Model], cursor: str) -> list[Any]:
        try:
            values = self._values(model, cursor)
        except (binascii.Error, ValueError, TypeError, ValidationError, UnicodeError, OverflowError, RecursionError):
            values = []
        if len(values) != len(self.names) or any(value in {None, ""} or _is_too_large(value) for value in values):
            raise errors.Invalid("This is not a cursor that we gave out for this list and ordering.", field="cursor")
        return values

    def _values(self, model: type[Model], cursor: str) -> list[Any]:
        padded = cursor + "=" * (-len(cursor) % 4)
        order, *values = json.loads(base64.b64decode(padded.encode("ascii"), altchars=b"-_", validate=True))
        if order != self.order:
            raise ValueError("a cursor of another ordering")
        fields = [model._meta.get_field(name) for name in self.names]
        return [field.to_python(value) for field, value in zip(fields, values, strict=True)]  # type: ignore[union-attr]


def _is_too_large(value: Any) -> bool:
    return isinstance(value, int) and abs(value) >= 2**63


def _as_they_are(rows: QuerySet[Any]) -> QuerySet[Any]:
    return rows


def take_page(
    rows: QuerySet[Any],
    *,
    order: Sequence[str],
    cursor: str | None,
    limit: int,
    told: Callable[[QuerySet[Any]], QuerySet[Any]] = _as_they_are,
) -> tuple[list[Any], str | None]:
    """One page and the cursor of the next, or None at the end. `told` adds what is told of the rows of the page alone.

    Behind a cursor the keys are read first, off the index alone: asked for whole rows, MariaDB walks all of them from the top. The keys
    say where the next page begins: what is changed before its row is read makes this page shorter, and hides nothing behind it.
    """
    position = Cursor(order)
    rows = rows.order_by(*order)
    if not cursor:
        page = list(told(rows)[: limit + 1])
        return page[:limit], position.at(page[limit - 1]) if len(page) > limit else None
    places = list(position.after(rows, cursor).values_list("pk", *position.names)[: limit + 1])
    page = list(told(rows).filter(pk__in=[key for key, *_ in places[:limit]]))
    return page, position.of(places[limit - 1][1:]) if len(places) > limit else None


class CursorPages(BasePagination):
    """`?limit=` (1 to 200, default 50) and `?cursor=`. A view may set `page_order`."""

    def paginate_queryset(self, queryset: Any, request: Request, view: APIView | None = None) -> list[Any]:
        order: Sequence[str] = getattr(view, "page_order", ("-id",))
        page, self.next_cursor = take_page(
            queryset, order=order, cursor=request.query_params.get("cursor"), limit=page_limit(request.query_params.get("limit"))
        )
        return page

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"data": data, "next_cursor": self.next_cursor})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        return {
            "type": "object",
            "required": ["data", "next_cursor"],
            "additionalProperties": False,
            "properties": {
                "data": schema,
                "next_cursor": {"type": ["string", "null"], "description": "Give it as `cursor` to get the next page; null at the end."},
            },
        }

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        return [
            {
                "name": "limit",
                "in": "query",
                "required": False,
                "description": "Rows on a page.",
                "schema": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
            },
            {
                "name": "cursor",
                "in": "query",
                "required": False,
                "description": "`next_cursor` of the page before.",
                "schema": {"type": "string"},
            },
        ]


def page_limit(text: str | None) -> int:
    """How many rows somebody asks for. Raises `Invalid` for more than a page has."""
    if text is None:
        return DEFAULT_LIMIT
    if not (text.isascii() and text.isdecimal() and len(text) < 4 and 1 <= int(text) <= MAX_LIMIT):
        raise errors.Invalid(f"limit is a whole number from 1 to {MAX_LIMIT}.", field="limit")
    return int(text)
