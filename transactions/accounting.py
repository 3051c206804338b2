"""What accounting is told of spend, and in which lines. Pure: no clock, no database.

Of each entry accounting hears by category, department and tax code. What stands is compared with what it was told: where both differ, what
it was told is taken back row by row, and told anew. So an edit is a reversal and a new row, and what did not change is not told again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from spendtrackr.money import allocate

# Why something cannot be exported yet.
NO_CATEGORY, NO_LEDGER_CODE, NO_CLEARING_ACCOUNT = "no_category", "no_ledger_code", "no_clearing_account"
NOT_APPROVED, MISSING_ITEMS = "not_approved", "missing_items"
REASONS = {
    NO_CATEGORY: "No category",
    NO_LEDGER_CODE: "Its category has no ledger code",
    MISSING_ITEMS: "Something is missing",
    NOT_APPROVED: "Not approved",
    NO_CLEARING_ACCOUNT: "No clearing account is set",
}
# How far something is on its way to accounting.
NOT_READY, READY, EXPORTED, FAILED = "not_ready", "ready", "exported", "failed"
STATES = {NOT_READY: "Not ready", READY: "Ready", EXPORTED: "Exported", FAILED: "Failed"}


class Place(NamedTuple):
    """Where spend stands, by database ids."""

    category: int | None
    department: int | None


class Key(NamedTuple):
    """By what accounting hears of an entry."""

    category: int | None
    department: int | None
    tax_code: str


class Sums(NamedTuple):
    """In minor units. The tax is a part of the amount."""

    amount: int
    tax: int


NOTHING = Sums(0, 0)


@dataclass(frozen=True, slots=True)
class Part:
    """What somebody says of a purchase, or of a part that it is split into: its tax is that of `share_minor`."""

    place: Place
    share_minor: int
    tax_code: str
    tax_minor: int

    def tax_up_to(self, amount: int) -> int:
        """Of so much of it in proportion, half a minor unit up. So refunds take back what they are of, and the whole has all of it."""
        whole = self.share_minor
        return (2 * self.tax_minor * amount + whole) // (2 * whole) if whole else 0


def wanted(entries: Mapping[int, Mapping[Place, int]], parts: Sequence[Part]) -> dict[int, dict[Key, Sums]]:
    """What accounting should know of each entry, by its database id, in the order in which they were booked."""
    counted = [0] * len(parts)
    return {entry: _of_entry(places, parts, counted) for entry, places in entries.items()}


def _of_entry(places: Mapping[Place, int], parts: Sequence[Part], counted: list[int]) -> dict[Key, Sums]:
    found: dict[Key, Sums] = defaultdict(lambda: NOTHING)
    for place, minor in places.items():
        for tax_code, sums in _of_place(place, minor, parts, counted):
            key, there = Key(*place, tax_code), found[Key(*place, tax_code)]
            found[key] = Sums(there.amount + sums.amount, there.tax + sums.tax)
    return {key: sums for key, sums in found.items() if sums != NOTHING}


def _of_place(place: Place, minor: int, parts: Sequence[Part], counted: list[int]) -> Iterator[tuple[str, Sums]]:
    here = [at for at, part in enumerate(parts) if part.place == place and part.share_minor]
    if not here:
        yield "", Sums(minor, 0)
        return
    for at, amount in zip(here, allocate(minor, [abs(parts[at].share_minor) for at in here]), strict=True):
        before, counted[at] = counted[at], counted[at] + amount
        yield parts[at].tax_code, Sums(amount, parts[at].tax_up_to(counted[at]) - parts[at].tax_up_to(before))


@dataclass(frozen=True, slots=True)
class Change:
    """What accounting has to be told: rows to take back, and what to write."""

    reversed: list[Any]
    added: dict[Key, Sums]

    def __bool__(self) -> bool:
        return bool(self.reversed or self.added)


def change(told: Iterable[Any], should_be: Mapping[Key, Sums]) -> Change:
    """From the rows of an entry that stand exported to what accounting should know of it."""
    by_key: dict[Key, list[Any]] = defaultdict(list)
    for row in unpaired(told):
        by_key[Key(row.category_id, row.department_id, row.tax_code)].append(row)
    off = [key for key in dict.fromkeys([*by_key, *should_be]) if _sum(by_key.get(key, ())) != should_be.get(key, NOTHING)]
    return Change([row for key in off for row in by_key.get(key, ())], {key: should_be[key] for key in off if key in should_be})


def unpaired(rows: Iterable[Any]) -> list[Any]:
    """Those that nothing took back; and of what took something back, that of which the other half failed."""
    found = list(rows)
    there, taken_back = {row.pk for row in found}, {row.reverses_id for row in found}
    return [row for row in found if row.pk not in taken_back and row.reverses_id not in there]


def _sum(rows: Iterable[Any]) -> Sums:
    found = list(rows)
    return Sums(sum(row.amount_minor for row in found), sum(row.tax_minor for row in found))


@dataclass(frozen=True, slots=True)
class Tax:
    """What a tax code is called there. With an account its tax is a line of its own, else it stays in the amount."""

    name: str
    ledger_code: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a journal: a debit, or below zero a credit."""

    ledger_code: str
    minor: int
    tax_name: str = ""
    cost_centre: str = ""
    description: str = ""


def lines_of(rows: Iterable[Any], taxes: Mapping[str, Tax]) -> list[Line]:
    """The lines of one journal: expenses, their tax where it has an account, and the other side. They add up to nothing."""
    lines: list[Line] = []
    others: dict[str, int] = defaultdict(int)
    for row in rows:
        tax = taxes.get(row.tax_code, Tax(row.tax_code))
        apart = row.tax_minor if tax.ledger_code else 0
        name = "" if tax.ledger_code else tax.name
        lines.append(Line(row.ledger_code, row.amount_minor - apart, name, row.cost_centre, row.description))
        lines.append(Line(tax.ledger_code, apart, "", "", row.description))
        others[row.clearing_code] -= row.amount_minor
    lines += [Line(code, minor) for code, minor in others.items()]
    return [line for line in lines if line.minor]
