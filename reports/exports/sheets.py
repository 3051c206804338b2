"""What can be exported, and its rows in blocks: each block is a statement or a few, and no transaction spans two of them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import IO, Any, Protocol

from django.db.models import Q, QuerySet

from reports.exports import files
from reports.exports.columns import Column, line_of
from spendtrackr import errors
from spendtrackr.exports import BYTE_ORDER_MARK, Value, cell, line
from spendtrackr.filters import refuse_invalid
from spendtrackr.pagination import take_page
from spendtrackr.permissions import Rule
from users.models import Membership

CSV, XLSX, ZIP = "csv", "xlsx", "zip"
# Rows that are read together: as lines of the server, and as objects.
LINES, OBJECTS = 5_000, 500
Row = Sequence[Value]


@dataclass(frozen=True, slots=True)
class Asked:
    """By whom, when, and narrowed how: by the parameters that stand in the address of the list."""

    membership: Membership
    at: datetime
    given: Mapping[str, str]


class Opened(Protocol):
    """What was asked for, ready to be written."""

    def count(self, most: int | None = None) -> int:
        """How many rows there are now; of more than `most`, as many."""

    def write(self, to: str, file: IO[bytes]) -> Iterator[int]:
        """Write it in a format, block by block, each time telling how many rows are done."""


class Subject(Protocol):
    """Something that can be exported. Not what it holds: that depends on who asks, and when."""

    @property
    def name(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def rule(self) -> Rule: ...
    @property
    def formats(self) -> tuple[str, ...]: ...

    def open(self, asked: Asked) -> Opened:
        """Raises `Invalid` naming the parameter that makes no sense."""

    def seen_as(self, member: Membership) -> str:
        """What this member may see of it, as something to compare. Blank: everything."""


def seen_by_team(rule: Rule, member: Membership, *also: object) -> str:
    """Blank for who sees everybody's; else a hash of whose they see, and of what else it depends on."""
    if member.sees(rule.partition(".")[0]):
        return ""
    return hashlib.sha256(repr((member.team, *also)).encode()).hexdigest()


@dataclass(slots=True)
class Sheet:
    """Columns with rows in blocks. `blocks` of CSV, with how many rows each has, may come from the server as they are."""

    title: str
    columns: Sequence[Column]
    rows: Callable[[], Iterator[list[Row]]]
    number: Callable[[int | None], int]
    by_server: Callable[[], Iterator[tuple[str, int]]] | None = None

    def count(self, most: int | None = None) -> int:
        return self.number(most)

    def csv(self) -> Iterator[tuple[str, int]]:
        """The head, then block by block, each with how many rows are done."""
        yield BYTE_ORDER_MARK + line([column.name for column in self.columns]), 0
        done = 0
        for block, number in self.by_server() if self.by_server else self.csv_of_objects():
            done += number
            yield block, done

    def csv_of_objects(self) -> Iterator[tuple[str, int]]:
        for rows in self.rows():
            yield "".join(map(line, rows)), len(rows)

    def write(self, to: str, file: IO[bytes]) -> Iterator[int]:
        return files.write_csv(self.csv(), file) if to == CSV else files.write_xlsx(self.title, self.columns, self.rows(), file)


@dataclass(frozen=True, slots=True)
class Listing:
    """A list: the rows, the filters and the rule are those of its route."""

    name: str
    title: str
    rule: Rule
    columns: tuple[Column, ...]
    rows: Callable[[Membership], QuerySet[Any]]
    filterset: Any
    order: tuple[str, ...] = ("-id",)
    # Where a row has several lines: these, of rows that are in order.
    lines: Callable[[QuerySet[Any]], QuerySet[Any]] | None = None
    # The rows of a block with whatever their columns show besides: read for all of them together.
    filled: Callable[[list[Any], Asked], Sequence[Any]] = lambda rows, _: rows
    # Which rows the filters mean, where it is not those that they filter.
    found: Callable[[Any], QuerySet[Any]] = lambda filters: filters.qs
    formats: tuple[str, ...] = (CSV, XLSX)
    # What else than whose somebody sees decides about what they see.
    depends_on: Callable[[Membership], object] = lambda _: None

    def seen_as(self, member: Membership) -> str:
        return seen_by_team(self.rule, member, self.depends_on(member))

    def open(self, asked: Asked) -> Sheet:
        refuse_unknown(asked.given, self.filterset.base_filters)
        filters = self.filterset(asked.given, self.rows(asked.membership), request=asked)
        refuse_invalid(filters)
        found = self.found(filters)

        def objects() -> Iterator[list[Row]]:
            for block in in_blocks(found, self.order):
                yield [[column.of(row) for column in self.columns] for row in self.filled(self._lines_of(block, found), asked)]

        return Sheet(
            self.title,
            self.columns,
            objects,
            lambda most: counted(self.lines(found) if self.lines else found, most),
            (lambda: by_server(found, self.order, self.columns, lines=self.lines)) if is_known_to_server(self.columns) else None,
        )

    def _lines_of(self, block: list[Any], found: QuerySet[Any]) -> list[Any]:
        return list(self.lines(found.filter(pk__in=[row.pk for row in block]).order_by(*self.order))) if self.lines else block


def refuse_unknown(given: Mapping[str, str], known: Any) -> None:
    """A typing mistake must not widen what leaves the house."""
    for name in given:
        if name not in known:
            raise errors.Invalid("There is no such filter.", field=name, code="unknown_parameter")


def counted(rows: QuerySet[Any], most: int | None) -> int:
    rows = rows.order_by()
    return rows.count() if most is None else rows.values("pk")[:most].count()


def in_blocks(rows: QuerySet[Any], order: Sequence[str], size: int = OBJECTS) -> Iterator[list[Any]]:
    """Each row once, however many come in between."""
    cursor: str | None = None
    while True:
        block, cursor = take_page(rows, order=order, cursor=cursor, limit=size)
        if block:
            yield block
        if cursor is None:
            return


def is_known_to_server(columns: Sequence[Column]) -> bool:
    """Whether the database can put their lines together, but perhaps for the end of each."""
    *others, last = columns
    return all(column.line is not None for column in others) and (last.line is not None or last.beside is not None)


def by_server(
    rows: QuerySet[Any], order: Sequence[str], columns: Sequence[Column], size: int = LINES,
    *, lines: Callable[[QuerySet[Any]], QuerySet[Any]] | None = None,
) -> Iterator[tuple[str, int]]:  # fmt: skip
    """Lines that the database puts together; `lines`, where a row has several. What is known `beside` is written behind them here.

    First the place where a block ends, which the index of the order alone knows, then the lines between two places: asked for whole
    rows behind a place, MariaDB may walk the whole company each time.
    """
    place = _Place(tuple(order))
    rows = rows.order_by(*order)
    beside = columns[-1].beside
    written = (lines(rows) if lines else rows).annotate(line_=line_of(columns[:-1] if beside else columns)).values_list("pk", "line_")
    start = Q()
    while True:
        end = next(iter(rows.filter(start).values_list(*place.names)[size - 1 : size]), None)
        block = list(written.filter(start, place.up_to(end)) if end else written.filter(start))
        if block:
            yield "".join(_ended(block, beside)), len(block)
        if end is None:
            return
        start = place.behind(end)


def _ended(block: Sequence[tuple[int, str]], beside: Callable[[Collection[int]], Mapping[int, Value]] | None) -> Iterator[str]:
    """The lines of rows, by their database ids, with what stands beside them and their ends."""
    if beside is None:
        return (f"{text}\r\n" for _, text in block)
    cells = {pk: cell(value) for pk, value in beside({pk for pk, _ in block}).items()}
    return (f"{text},{cells.get(pk, '')}\r\n" for pk, text in block)


@dataclass(frozen=True, slots=True)
class _Place:
    """A row's place in an order of one or two columns, which both run one way."""

    order: tuple[str, ...]
    names: list[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", [name.removeprefix("-") for name in self.order])

    def behind(self, values: Sequence[Any]) -> Q:
        return self._side(values, "lt" if self.order[0].startswith("-") else "gt", "")

    def up_to(self, values: Sequence[Any]) -> Q:
        """Up to this row, and with it."""
        return self._side(values, "gt" if self.order[0].startswith("-") else "lt", "e")

    def _side(self, values: Sequence[Any], lookup: str, itself: str) -> Q:
        """In the form that keeps the index range: `a <= x AND (a < x OR b < y)`."""
        if len(self.names) == 1:
            return Q(**{f"{self.names[0]}__{lookup}{itself}": values[0]})
        (first, second), (one, other) = self.names, values
        return Q(**{f"{first}__{lookup}e": one}) & (Q(**{f"{first}__{lookup}": one}) | Q(**{f"{second}__{lookup}{itself}": other}))
