"""Cursor pages: stable under inserts whatever they are ordered by, as cheap at depth ten thousand as at the top."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.db.models import Field, Model, Q, QuerySet
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response

from spendtrackr import errors

if TYPE_CHECKING:  # REST framework loads this module while it is loading its views
    from rest_framework.views import APIView

DEFAULT_LIMIT, MAX_LIMIT = 50, 200
_BACK = "back"


def ordered(usual: str = "-created", **columns: str) -> dict[str, tuple[str, ...]]:
    """What a list may be ordered by, each both ways, the `usual` way first: names of the contract and the columns behind them.

    `created` is the key alone; every other column is never null, and ties are broken by the key. A column needs an index that begins with
    the company (or with whatever the list's address names), or a list that is short by nature: say which, where it is declared.
    """
    known = {"created": "id", **columns}
    names = dict.fromkeys([usual, _turned(usual), *(way for name in columns for way in (name, f"-{name}"))])
    return {name: _columns(known[name.removeprefix("-")], is_falling=name.startswith("-")) for name in names}


def _columns(column: str, *, is_falling: bool) -> tuple[str, ...]:
    return tuple(f"-{name}" if is_falling else name for name in dict.fromkeys([column, "id"]))


def _turned(name: str) -> str:
    return name[1:] if name.startswith("-") else f"-{name}"


class Cursor:
    """Where a page begins: the ordering values of the row before it. An order runs one way in all its names.

    `back` is the same place for whoever reads backwards from there. It is a place among rows of one model, and none among others.
    """

    def __init__(self, model: type[Model], order: Sequence[str], *, back: bool = False) -> None:
        self.order = [model._meta.model_name, *order, _BACK] if back else [model._meta.model_name, *order]
        self.names = [name.removeprefix("-") for name in order]
        self.beyond = "lt" if order[0].startswith("-") is not back else "gt"
        self.by = [_turned(name) for name in order] if back else list(order)

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
        return self.of([_value(row, name) for name in self.names])

    def of(self, values: Sequence[Any]) -> str:
        """The same by the row's values of the order."""
        packed = json.dumps([self.order, *(value.isoformat() if hasattr(value, "isoformat") else value for value in values)])
        return base64.urlsafe_b64encode(packed.encode()).decode().rstrip("=")

    def _decode(self, model: type[Model], cursor: str) -> list[Any]:
        try:
            values = self._values(model, cursor)
        except (binascii.Error, ValueError, TypeError, ValidationError, UnicodeError, OverflowError, RecursionError):
            values = []
        if len(values) != len(self.names) or any(value is None or _is_too_large(value) for value in values):
            raise errors.Invalid("This is not a cursor that we gave out for this list and ordering.", field="cursor")
        return values

    def _values(self, model: type[Model], cursor: str) -> list[Any]:
        order, *values = _unpacked(cursor)
        if order != self.order or not all(isinstance(value, str | int) for value in values):
            raise ValueError("a cursor of another ordering")
        fields = [_field(model, name) for name in self.names]
        found = [field.to_python(value) for field, value in zip(fields, values, strict=True)]
        json.dumps(found, default=str, ensure_ascii=False).encode()  # half a character is no text
        return found


def _unpacked(cursor: str) -> Any:
    padded = cursor + "=" * (-len(cursor) % 4)
    return json.loads(base64.b64decode(padded.encode("ascii"), altchars=b"-_", validate=True))


def _reads_back(cursor: str) -> bool:
    """Whether it was given out for the page before; whether it is one at all is asked later."""
    try:
        return bool(_unpacked(cursor)[0][-1] == _BACK)
    except (binascii.Error, ValueError, TypeError, LookupError, RecursionError):
        return False


def _field(model: type[Model], path: str) -> Field[Any, Any]:
    """Such as of `user__name`."""
    *relations, name = path.split("__")
    for relation in relations:
        model = model._meta.get_field(relation).related_model  # type: ignore[assignment]
    return model._meta.get_field(name)  # type: ignore[return-value]


def _value(row: Model, path: str) -> Any:
    *relations, name = path.split("__")
    for relation in relations:
        row = getattr(row, relation)
    return row.serializable_value(name)


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
    """One page and the cursor of the next, or None at the end. `told` adds what is told of the rows of the page alone."""
    page = page_at(rows, order=order, cursor=cursor, limit=limit, told=told)
    return page.rows, page.following


@dataclass(frozen=True, slots=True)
class Page:
    """Rows, and the cursors of the pages beside them: None where there is none, and `before` also where nobody came from there."""

    rows: list[Any]
    before: str | None
    following: str | None


def page_at(
    rows: QuerySet[Any],
    *,
    order: Sequence[str],
    cursor: str | None,
    limit: int,
    told: Callable[[QuerySet[Any]], QuerySet[Any]] = _as_they_are,
) -> Page:
    """The page at a cursor, or the first one.

    Behind a cursor the keys are read first, off the index alone: asked for whole rows, MariaDB walks all of them from the top. The keys
    say where the pages beside it begin: what is changed before its row is read makes this page shorter, and hides nothing behind it.
    """
    ahead, back = Cursor(rows.model, order), Cursor(rows.model, order, back=True)
    rows = rows.order_by(*order)
    if not cursor:
        page = list(told(rows)[: limit + 1])
        return Page(page[:limit], None, ahead.at(page[limit - 1]) if len(page) > limit else None)
    reads_back = _reads_back(cursor)
    position = back if reads_back else ahead
    places = list(position.after(rows.order_by(*position.by), cursor).values_list("pk", *position.names)[: limit + 1])
    goes_on, places = len(places) > limit, places[:limit]
    if not places:
        return Page([], None, None)
    page = list(told(rows).filter(pk__in=[key for key, *_ in places]))
    first, last = (places[-1], places[0]) if reads_back else (places[0], places[-1])
    return Page(
        page,
        back.of(first[1:]) if goes_on or not reads_back else None,
        ahead.of(last[1:]) if goes_on or reads_back else None,
    )


class CursorPages(BasePagination):
    """`?limit=` (1 to 200, default 50), `?cursor=` and `?ordering=`, one of the view's `orderings`."""

    def paginate_queryset(self, queryset: Any, request: Request, view: APIView | None = None) -> list[Any]:
        given, orderings = request.query_params, view.orderings  # type: ignore[union-attr]  # as every view with a list has
        order, limit = order_asked(orderings, given.get("ordering")), page_limit(given.get("limit"))
        self.page = page_at(queryset, order=order, cursor=given.get("cursor"), limit=limit)
        return self.page.rows

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"data": data, "next_cursor": self.page.following, "previous_cursor": self.page.before})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        told = {"next_cursor": "the next page; null at the end", "previous_cursor": "the page before; null at the beginning"}
        return {
            "type": "object",
            "required": ["data", *told],
            "additionalProperties": False,
            "properties": {
                "data": schema,
                **{name: {"type": ["string", "null"], "description": f"Give it as `cursor` to get {page}."} for name, page in told.items()},
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
                "description": "`next_cursor` or `previous_cursor` of another page, with the same ordering and filters.",
                "schema": {"type": "string"},
            },
            {
                "name": "ordering",
                "in": "query",
                "required": False,
                "description": "With `-` the largest or latest comes first." + (_BY_AGE if "created" in view.orderings else ""),  # type: ignore[attr-defined]
                "schema": {"type": "string", "enum": list(view.orderings), "default": next(iter(view.orderings))},  # type: ignore[attr-defined]
            },
        ]


_BY_AGE = " `created` is the order in which rows were made."


def order_asked(orderings: Mapping[str, tuple[str, ...]], asked: str | None) -> tuple[str, ...]:
    """The columns behind an ordering, the usual one's if none is named. Raises `Invalid` with those that there are."""
    if asked is None:
        return next(iter(orderings.values()))
    if asked not in orderings:
        raise errors.Invalid(errors.one_of("ordering", orderings), field="ordering")
    return orderings[asked]


def page_limit(text: str | None) -> int:
    """How many rows somebody asks for. Raises `Invalid` for more than a page has."""
    if text is None:
        return DEFAULT_LIMIT
    if not (text.isascii() and text.isdecimal() and len(text) < 4 and 1 <= int(text) <= MAX_LIMIT):
        raise errors.Invalid(f"limit is a whole number from 1 to {MAX_LIMIT}.", field="limit")
    return int(text)
