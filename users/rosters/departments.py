"""What would become of each row of a file of departments: added, changed, the same, or rejected with the column and the reason.

A name is the identity, however it is capitalised. A blank cell says nothing: a department moves to the top, or loses its head, by hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from companies.operations import MOST_LEVELS, category_key
from users.rosters.standing import Directory, Person, Unit
from users.rosters.table import Entry, Roster
from users.rosters.verdicts import CIRCLE, Change, Refused, Verdict, What, misplaced, path

_LONGEST_NAME, _LONGEST_CODE = 80, 40


@dataclass(frozen=True, slots=True)
class Wish:
    """A row with what it names looked up; blank and None where it says nothing. `parent` is a name as names compare."""

    line: int
    name: str
    key: str
    parent: str
    parent_name: str
    head: Person | None
    cost_centre: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What would become of a file; `todo` from the top of the tree down."""

    verdicts: list[Verdict]
    todo: list[Wish]


def plan(roster: Roster, directory: Directory) -> Plan:
    """Decide about every row of a file."""
    verdicts = {line: Verdict(line, What.SKIPPED, reason=why) for line, why in roster.skipped}
    wishes: dict[str, Wish] = {}
    lines: dict[str, list[int]] = {}
    for entry in roster.entries:
        lines.setdefault(category_key(entry.said("name")), []).append(entry.line)
    for entry in roster.entries:
        try:
            wish = _wish(entry, lines, directory)
            verdicts[entry.line] = decide(wish, directory.units.get(wish.key), directory, known={*directory.units, *lines})
            wishes[wish.key] = wish
        except Refused as refused:
            verdicts[entry.line] = refused.of(entry.line, entry.said("name"))
    while refused_ones := _out_of_place(wishes, directory):
        for key, why in refused_ones.items():
            verdicts[wishes[key].line] = why.of(wishes[key].line, wishes[key].name)
            del wishes[key]
    todo = [wish for wish in wishes.values() if verdicts[wish.line].verdict in {What.ADD, What.CHANGE}]
    parents = _parents(directory) | _moves(wishes, directory)
    todo.sort(key=lambda wish: (len(path(wish.key, parents)), wish.line))
    return Plan([verdicts[line] for line in sorted(verdicts)], todo)


def _parents(directory: Directory) -> dict[str, str | None]:
    by_pk = directory.units_by_pk
    return {unit.key: by_pk[unit.parent].key if unit.parent else None for unit in directory.units.values()}


def _moves(wishes: Mapping[str, Wish], directory: Directory) -> dict[str, str | None]:
    """Where the rows put what is to move, or is new: without a parent at the top."""
    before = _parents(directory)
    moving = {key: wish.parent or None for key, wish in wishes.items() if wish.parent or key not in before}
    return {key: to for key, to in moving.items() if key not in before or before[key] != to}


def _out_of_place(wishes: Mapping[str, Wish], directory: Directory) -> dict[str, Refused]:
    """The rows whose parent is not there after all, would close a circle, or would lie too deep."""
    lost = {key: wish for key, wish in wishes.items() if wish.parent and wish.parent not in {*directory.units, *wishes}}
    if lost:
        return {key: Refused("parent", "The row of the department that it lies inside is rejected.") for key in lost}
    wrong = misplaced(_parents(directory), _moves(wishes, directory), lambda way: len(way) <= MOST_LEVELS)
    return {key: _misplaced(why) for key, why in wrong.items()}


def _misplaced(why: str) -> Refused:
    return Refused("parent", "A department cannot lie inside itself." if why == CIRCLE else f"Departments go {MOST_LEVELS} levels deep.")


def _wish(entry: Entry, lines: Mapping[str, list[int]], directory: Directory) -> Wish:
    name, code = entry.said("name"), entry.said("cost_centre")
    if not name or len(name) > _LONGEST_NAME:
        raise Refused("name", f"The name of a department has 1 to {_LONGEST_NAME} characters.")
    if twins := [line for line in lines[category_key(name)] if line != entry.line]:
        raise Refused("name", f"Line {twins[0]} has this name, too.")
    if len(code) > _LONGEST_CODE:
        raise Refused("cost_centre", f"A cost centre has at most {_LONGEST_CODE} characters.")
    text = entry.said("head_email") or entry.said("head")
    unit = directory.units.get(category_key(name))
    head = directory.find(text, "head", now=unit.head if unit else None) if text else None
    if text and head is None:
        raise Refused("head", f"Nobody here is known as {text}.")
    return Wish(entry.line, name, category_key(name), category_key(entry.said("parent")), entry.said("parent"), head, code)


def decide(wish: Wish, unit: Unit | None, directory: Directory, *, known: set[str]) -> Verdict:
    """What becomes of a row. Raises `Refused`."""
    if wish.parent and wish.parent not in known:
        raise Refused("parent", "There is no such department, neither here nor in the file.")
    above = directory.units_by_pk.get(unit.parent or 0) if unit else None
    changes = []
    if wish.parent and wish.parent != (above.key if above else ""):
        new = directory.units.get(wish.parent)
        if new and new.is_archived:
            raise Refused("parent", f"{new.name} is archived.")
        changes.append(Change("parent", above.name if above else "", new.name if new else wish.parent_name))
    if wish.head and wish.head.pk != (unit.head if unit else None):
        if not wish.head.is_active:
            raise Refused("head", f"{wish.head.email} is {wish.head.status}.")
        changes.append(Change("head", directory.address(unit.head if unit else None), wish.head.email))
    if wish.cost_centre and wish.cost_centre != (unit.cost_centre if unit else ""):
        changes.append(Change("cost_centre", unit.cost_centre if unit else "", wish.cost_centre))
    what = Verdict(wish.line, What.CHANGE if changes else What.SAME, wish.name, tuple(changes))
    return what if unit else replace(what, verdict=What.ADD)
