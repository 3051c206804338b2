"""A company as it stands, for whoever decides about the rows of a file: its people, whom it has invited, its departments."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from companies.operations.departments import MOST_LEVELS
from companies.operations.names import category_key
from users.models import MembershipStatus, email_key
from users.roles import INTEGRATION
from users.rosters.verdicts import Refused, path

MEMBER_ID = "mem_"
_LONGEST_NAME = 80
# `Engineering / Platform`, `Engineering > Platform`. A slash without blanks around it belongs to a name.
_INSIDE = re.compile(r"\s+/\s+|\s*[>›»]\s*")


@dataclass(frozen=True, slots=True)
class Person:
    """A member, or a program; manager and department by their database ids."""

    pk: int
    public_id: str
    key: str
    email: str
    name: str
    role: str
    status: str
    manager: int | None
    department: int | None

    @property
    def is_program(self) -> bool:
        return self.role == INTEGRATION

    @property
    def is_active(self) -> bool:
        return self.status == MembershipStatus.ACTIVE

    @property
    def has_left(self) -> bool:
        return self.status == MembershipStatus.DEACTIVATED


@dataclass(frozen=True, slots=True)
class Invited:
    """An invitation that nobody has accepted, by its database id."""

    pk: int
    key: str
    role: str
    manager: int | None
    department: int | None
    has_ended: bool


@dataclass(frozen=True, slots=True)
class Unit:
    """A department."""

    pk: int
    key: str
    name: str
    parent: int | None
    head: int | None
    cost_centre: str
    is_archived: bool


@dataclass(frozen=True, slots=True)
class Powers:
    """What the importer may do, as the table of permissions has it: the roles that they hand out, and whose members they change."""

    me: int
    makes: Collection[str]
    changes: Collection[str]
    adds_departments: bool
    refusal: str


@dataclass(frozen=True, slots=True)
class Directory:
    """Finds what a cell names: a person by address, id or name, a department by its name or by the way to it."""

    by_pk: Mapping[int, Person]
    by_key: Mapping[str, Person]
    by_id: Mapping[str, Person]
    by_name: Mapping[str, list[Person]]
    units: Mapping[str, Unit]
    units_by_pk: Mapping[int, Unit]

    @classmethod
    def of(cls, people: Iterable[Person], units: Iterable[Unit]) -> Directory:
        everybody = [person for person in people if not person.is_program]
        by_name: dict[str, list[Person]] = {}
        for person in everybody:
            by_name.setdefault(category_key(person.name), []).append(person)
        units = list(units)
        return cls(
            {person.pk: person for person in everybody},
            {person.key: person for person in everybody},
            {person.public_id: person for person in everybody},
            by_name,
            {unit.key: unit for unit in units},
            {unit.pk: unit for unit in units},
        )

    def find(self, text: str, column: str, *, now: int | None = None) -> Person | None:
        """The member whom a cell names; None where nobody is known. Raises `Refused` for a name that several have, none of them `now`."""
        if text.startswith(MEMBER_ID):
            return self.by_id.get(text)
        if "@" in text:
            return self.by_key.get(email_key(text))
        named = self.by_name.get(category_key(text), [])
        named = [person for person in named if person.pk == now] or named
        if len(named) > 1:
            raise Refused(column, f"{len(named)} people are called {text}. Write the e-mail address.")
        return named[0] if named else None

    def address(self, pk: int | None) -> str:
        """What a person is known by; blank for nobody."""
        found = self.by_pk.get(pk or 0)
        return found.email if found else ""

    def unit_name(self, pk: int | None) -> str:
        found = self.units_by_pk.get(pk or 0)
        return found.name if found else ""

    def names_of(self, cell: str) -> tuple[str, ...]:
        """A department's names from the top down: one that is called so as it stands, or a way through the tree."""
        if category_key(cell) in self.units:
            return (cell,)
        names = tuple(name for part in _INSIDE.split(cell) if (name := part.strip()))
        if not names or any(len(name) > _LONGEST_NAME for name in names):
            raise Refused("department", f"The name of a department has 1 to {_LONGEST_NAME} characters.")
        return names

    def unit_at(self, names: tuple[str, ...]) -> Unit | None:
        """The department that is called so, and lies where it is said to; or None. Raises `Refused` where it lies elsewhere."""
        unit = self.units.get(category_key(names[-1]))
        here = unit
        for name in reversed(names[:-1]):
            if here is None:
                break
            here = self.units_by_pk.get(here.parent or 0)
            if here is None or here.key != category_key(name):
                where = f"inside {here.name}" if here else "at the top"
                raise Refused("department", f"{names[-1]} lies {where}, and not inside {name}. A file of departments moves it.")
        return unit

    def must_have_room(self, names: tuple[str, ...]) -> None:
        """Raise `Refused` where a department that is to be added has no place: below an archived one, or too deep."""
        known = next((unit for name in reversed(names[:-1]) if (unit := self.units.get(category_key(name)))), None)
        if known and known.is_archived:
            raise Refused("department", f"{known.name} is archived.")
        parents = {unit.pk: unit.parent for unit in self.units.values()}
        new = sum(category_key(name) not in self.units for name in names)
        if new + (len(path(known.pk, parents)) if known else 0) > MOST_LEVELS:
            raise Refused("department", f"Departments go {MOST_LEVELS} levels deep.")
