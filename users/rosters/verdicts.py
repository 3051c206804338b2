"""What is said of one row of a file, and which moves of a tree would close a circle or go too deep."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

K = TypeVar("K", bound=Hashable)


class What(StrEnum):
    """What becomes of a row: somebody is invited, a department added, something changed, or nothing is done."""

    INVITE = "invite"
    ADD = "add"
    CHANGE = "change"
    SAME = "same"
    SKIPPED = "skipped"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Change:
    """One field, from what to what, in words; blank for nobody or none."""

    field: str
    before: str
    after: str

    @property
    def field_name(self) -> str:
        return _named(self.field)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of one row. `subject` is an address or the name of a department; `field` is the column that is wrong."""

    line: int
    verdict: What
    subject: str = ""
    changes: tuple[Change, ...] = ()
    reason: str = ""
    field: str = ""

    @property
    def field_name(self) -> str:
        return _named(self.field)


def _named(field: str) -> str:
    """As the column is called on pages."""
    return "E-mail" if field == "email" else field.replace("_", " ").capitalize()


class Refused(Exception):
    """Why a row is not taken, and for which of its columns."""

    def __init__(self, field: str, reason: str) -> None:
        self.field, self.reason = field, reason
        super().__init__(reason)

    def of(self, line: int, subject: str) -> Verdict:
        return Verdict(line, What.REJECTED, subject, reason=self.reason, field=self.field)


CIRCLE, DEPTH = "circle", "depth"


def misplaced(before: Mapping[K, K | None], moves: Mapping[K, K | None], fits: Callable[[list[K]], bool]) -> dict[K, str]:
    """Of what is to move, or is new, what cannot: all that would close a circle, then what would lie too deep.

    `before` says what each lies inside, `fits` whether a path, from one up to the top, is short enough. What is refused stays where it was.
    """
    moves = dict(moves)
    refused: dict[K, str] = {}
    while True:
        parents = {**before, **moves}
        found = _circles(parents, moves) or _depths(parents, moves, fits)
        if not found:
            return refused
        refused |= found
        moves = {one: to for one, to in moves.items() if one not in found}


def path(one: K, parents: Mapping[K, K | None]) -> list[K]:
    """From one up to the top, as far as it is known; a circle ends where it began."""
    found: dict[K, None] = {}
    here: K | None = one
    while here is not None and here not in found:
        found[here] = None
        here = parents.get(here)
    return list(found)


def _circles(parents: Mapping[K, K | None], moves: Mapping[K, K | None]) -> dict[K, str]:
    return {one: CIRCLE for one in moves if parents.get(path(one, parents)[-1]) == one}


def _depths(parents: Mapping[K, K | None], moves: Mapping[K, K | None], fits: Callable[[list[K]], bool]) -> dict[K, str]:
    """The lowest that moves of each path that is too long."""
    long = (way for one in parents if len(way := path(one, parents)) and not fits(way))
    return {next(one for one in way if one in moves): DEPTH for way in long if any(one in moves for one in way)}
