"""A file of people or of departments as entries: which column says what is seen from the header, wherever it stands in the first rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from typing import Any

from spendtrackr import errors
from spendtrackr.exports import FORMULA_SIGNS
from spendtrackr.tabular import Row, plain

MOST_ROWS = 10_000
# A header stands among the first rows: above it may be a title, or the day of the export.
_HEADER_WITHIN = 20
_LONGEST_CELL = 500


class Kind(StrEnum):
    PEOPLE = "people"
    DEPARTMENTS = "departments"


# By field the names that columns have, as `plain` compares them; the first is ours. The columns of our own exports are among them.
COLUMNS: Mapping[Kind, Mapping[str, tuple[str, ...]]] = {
    Kind.PEOPLE: {
        "email": (
            "e mail", "email", "e mail address", "email address", "mail", "work email", "work e mail", "business email", "company email",
            "user email",
        ),
        "name": ("name", "full name", "employee", "employee name", "display name"),
        "role": ("role", "user role", "access role", "spendtrackr role"),
        "department": ("department", "team", "department name", "dept"),
        "manager": ("manager", "reports to", "line manager", "manager name", "supervisor"),
        "manager_email": ("manager e mail", "manager email", "line manager email", "reports to email", "supervisor email"),
        "manager_id": ("manager id",),
        "status": ("status",),
    },
    Kind.DEPARTMENTS: {
        "name": ("name", "department", "department name", "team"),
        "parent": ("parent", "inside", "parent department", "part of", "parent name"),
        "head": ("head", "department head", "head name", "lead", "manager"),
        "head_email": ("head e mail", "head email", "department head email", "lead email", "manager email"),
        "cost_centre": ("cost centre", "cost center", "cost centre code", "cost center code"),
    },
}  # fmt: skip
# What a file of a kind cannot do without.
IDENTITY = {Kind.PEOPLE: "email", Kind.DEPARTMENTS: "name"}
_MISSING = {
    Kind.PEOPLE: "No row of this file is a header: one column of people is called “E-mail”.",
    Kind.DEPARTMENTS: "No row of this file is a header: one column of departments is called “Name”.",
}
# What a new file begins with.
TEMPLATES = {
    Kind.PEOPLE: ("E-mail", "Name", "Role", "Department", "Manager"),
    Kind.DEPARTMENTS: ("Name", "Parent", "Head", "Cost centre"),
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One row: its line in the file, and what it says by field; blank where it says nothing."""

    line: int
    cells: Mapping[str, str]

    def said(self, name: str) -> str:
        return self.cells.get(name, "")


@dataclass(frozen=True, slots=True)
class Roster:
    """A file that was read. `skipped` are lines with the reason, `ignored` columns that nothing was read of."""

    kind: Kind
    entries: list[Entry]
    skipped: list[tuple[int, str]] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)

    def notes(self) -> list[str]:
        """What a person should know about how the file was read."""
        return [f"Not read: {', '.join(self.ignored)}."] if self.ignored else []

    def packed(self) -> dict[str, Any]:
        """As plain data, so that a form can carry it from one page to the next."""
        names = [name for name in COLUMNS[self.kind] if any(entry.said(name) for entry in self.entries)]
        rows = [[entry.line, *(entry.said(name) for name in names)] for entry in self.entries]
        return {"kind": self.kind.value, "names": names, "rows": rows, "skipped": self.skipped, "ignored": self.ignored}


def unpacked(packed: Mapping[str, Any]) -> Roster:
    """The roster that `packed` was made of."""
    entries = [Entry(line, dict(zip(packed["names"], cells, strict=True))) for line, *cells in packed["rows"]]
    return Roster(Kind(packed["kind"]), entries, [(line, why) for line, why in packed["skipped"]], list(packed["ignored"]))


def read(rows: Iterable[Row], kind: Kind | None = None) -> Roster:
    """The entries of a file; of which kind it is, where nobody says so, is seen from its header. Raises `Invalid` for `file`."""
    found = iter(rows)
    first = list(islice(found, _HEADER_WITHIN))
    known = [kind] if kind else list(Kind)
    place, header_kind = _header(first, known, is_sure=kind is not None)
    header, before = first[place], first[:place]
    columns, ignored = _columns(header, header_kind)
    roster = Roster(header_kind, [], [(row.line, _blank_or(row, "It stands above the header.")) for row in before], ignored)
    for row in (*first[place + 1 :], *found):
        if row.is_blank or row.cells == header.cells:
            roster.skipped.append((row.line, _blank_or(row, "It is the header again.")))
        else:
            roster.entries.append(_entry(row, columns))
        if len(roster.entries) + len(roster.skipped) > MOST_ROWS:
            raise errors.Invalid(f"A file may have {MOST_ROWS:,} rows. Cut this one into parts.", field="file")
    if not roster.entries:
        raise errors.Invalid("This file has a header and no row below it.", field="file")
    return roster


def _blank_or(row: Row, why: str) -> str:
    return "It is blank." if row.is_blank else why


def _header(rows: list[Row], kinds: list[Kind], *, is_sure: bool) -> tuple[int, Kind]:
    """Where the header stands, and of what. Whoever does not say that it is departments needs a second column that they have."""
    for kind in kinds:
        for place, row in enumerate(rows):
            columns = _columns(row, kind)[0]
            if IDENTITY[kind] in columns and (is_sure or kind is Kind.PEOPLE or len(columns) > 1):
                return place, kind
    raise errors.Invalid(_MISSING[kinds[0]], field="file")


def _columns(row: Row, kind: Kind) -> tuple[dict[str, int], list[str]]:
    """By field the place of its column, the first of several; and the names of those that nothing is read of."""
    fields = {name: field_ for field_, names in COLUMNS[kind].items() for name in names}
    columns: dict[str, int] = {}
    ignored = []
    for place, cell in enumerate(row.cells):
        name = fields.get(plain(cell))
        if name and name not in columns:
            columns[name] = place
        elif cell:
            ignored.append(cell)
    return columns, ignored


def _entry(row: Row, columns: Mapping[str, int]) -> Entry:
    return Entry(row.line, {name: _plain_cell(row.cells[place]) for name, place in columns.items() if place < len(row.cells)})


def _plain_cell(text: str) -> str:
    """One line, without the apostrophe that our own exports put before what a spreadsheet would compute."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return (line[1:] if line[:1] == "'" and line[1:].startswith(FORMULA_SIGNS) else line)[:_LONGEST_CELL]
