"""What would become of each row of a file of people: invited, changed, the same, or rejected with the column and the reason.

An address is the identity. A blank cell says nothing, so nobody loses anything by one; who is not in the file is left alone, and no
file sends anybody away or brings them back. Names are everybody's own to write: a name only tells whom another row means.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from companies.operations import category_key
from users.models import MembershipStatus, email_key
from users.roles import Role
from users.rosters.standing import MEMBER_ID, Directory, Invited, Person, Powers, Unit
from users.rosters.table import Entry, Roster
from users.rosters.verdicts import CIRCLE, Change, Refused, Verdict, What, misplaced, path

# The column of managers to name in a refusal, whichever of the three it was read of.
MANAGER = "manager"
_LONGEST_ADDRESS = 254


@dataclass(frozen=True, slots=True)
class Wish:
    """A row with what it names looked up; blank and None where it says nothing. `awaited` is a manager who has not joined yet."""

    line: int
    email: str
    key: str
    role: str
    manager: Person | None
    awaited: str
    department: tuple[str, ...]
    status: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where somebody is to stand: manager and department by their database ids."""

    role: str
    manager: int | None
    department: int | None


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a row, and where it would put its person."""

    verdict: Verdict
    place: Place

    @property
    def changed(self) -> set[str]:
        return {change.field for change in self.verdict.changes}


@dataclass(frozen=True, slots=True)
class Plan:
    """What would become of a file. `todo` is in an order in which it can be done, `departments` are added before, from the top down."""

    verdicts: list[Verdict]
    todo: list[Wish]
    departments: list[tuple[str, ...]]


def plan(roster: Roster, directory: Directory, programs: Mapping[str, Person], invited: Mapping[str, Invited], powers: Powers, *,
         longest_chain: int) -> Plan:  # fmt: skip
    """Decide about every row of a file."""
    return _Planner(roster, directory, programs, invited, powers, longest_chain).run()


@dataclass(slots=True)
class _Planner:
    roster: Roster
    directory: Directory
    programs: Mapping[str, Person]
    invited: Mapping[str, Invited]
    powers: Powers
    longest_chain: int

    def run(self) -> Plan:
        verdicts = {line: Verdict(line, What.SKIPPED, reason=why) for line, why in self.roster.skipped}
        wishes: dict[int, Wish] = {}
        coming: dict[str, tuple[str, ...]] = {}
        seen = _Seen.of(self.roster.entries)
        for entry in self.roster.entries:
            try:
                wish = seen.wish(entry, self.directory, self.invited)
                person = self.directory.by_key.get(wish.key) or self.programs.get(wish.key)
                decision = decide(wish, person, self.invited.get(wish.key), self.directory, self.powers)
                if decision.changed or decision.verdict.verdict is What.INVITE:
                    _note(wish.department, self.directory, coming)
                    wishes[entry.line] = wish
                verdicts[entry.line] = decision.verdict
            except Refused as refused:
                verdicts[entry.line] = refused.of(entry.line, entry.said("email"))
        moves = {
            person.pk: wish.manager.pk
            for wish in wishes.values()
            if wish.manager and (person := self.directory.by_key.get(wish.key)) and wish.manager.pk != person.manager
        }
        parents = {pk: person.manager for pk, person in self.directory.by_pk.items()}
        for pk, why in misplaced(parents, moves, self._fits).items():
            wish = next(one for one in wishes.values() if one.key == self.directory.by_pk[pk].key)
            verdicts[wish.line] = _misplaced(why).of(wish.line, wish.email)
            del wishes[wish.line], moves[pk]
        named = {category_key(name) for wish in wishes.values() for name in wish.department}
        return Plan(
            [verdicts[line] for line in sorted(verdicts)],
            self._in_order(list(wishes.values()), {**parents, **moves}),
            sorted((names for key, names in coming.items() if key in named), key=len),
        )

    def _fits(self, way: list[int]) -> bool:
        return sum(len(str(pk)) + 1 for pk in way) <= self.longest_chain

    def _in_order(self, wishes: list[Wish], parents: Mapping[int, int | None]) -> list[Wish]:
        """From the top down: whoever is moved comes below somebody who stands where they will, so that no step closes a circle."""

        def depth(wish: Wish) -> tuple[int, int]:
            person = self.directory.by_key.get(wish.key)
            return (len(path(person.pk, parents)) if person else 0, wish.line)

        return sorted(wishes, key=depth)


def _misplaced(why: str) -> Refused:
    return Refused(MANAGER, "This makes people each other’s managers." if why == CIRCLE else "That makes too many levels of managers.")


def _note(names: tuple[str, ...], directory: Directory, coming: dict[str, tuple[str, ...]]) -> None:
    """Keep the departments on this way that are still to be added. Raises `Refused` where another row puts one elsewhere."""
    for end in range(1, len(names) + 1):
        key = category_key(names[end - 1])
        if key in directory.units:
            continue
        before = coming.setdefault(key, names[:end])
        if end > 1 and len(before) == 1:  # a name alone says nothing about where it lies
            coming[key] = names[:end]
        elif end > 1 and [category_key(name) for name in before] != [category_key(name) for name in names[:end]]:
            raise Refused("department", f"Another row puts {names[end - 1]} elsewhere: {' / '.join(before)}.")


@dataclass(frozen=True, slots=True)
class _Seen:
    """The addresses of a file, with the line of the first row of each, and who is called what in it."""

    lines: Mapping[str, list[int]]
    names: Mapping[str, int]

    @classmethod
    def of(cls, entries: list[Entry]) -> _Seen:
        lines: dict[str, list[int]] = {}
        for entry in entries:
            if key := email_key(entry.said("email")):
                lines.setdefault(key, []).append(entry.line)
        return cls(lines, Counter(category_key(entry.said("name")) for entry in entries if entry.said("name")))

    def wish(self, entry: Entry, directory: Directory, invited: Mapping[str, Invited]) -> Wish:
        """The row with what it names. Raises `Refused`."""
        email = _address(entry.said("email"))
        key = email_key(email)
        if twins := [line for line in self.lines[key] if line != entry.line]:
            raise Refused("email", f"Line {twins[0]} has this address, too.")
        manager, awaited = self._manager(entry, key, directory, invited)
        return Wish(
            entry.line,
            email,
            key,
            _role(entry.said("role")),
            manager,
            awaited,
            directory.names_of(entry.said("department")) if entry.said("department") else (),
            entry.said("status").casefold(),
        )

    def _manager(self, entry: Entry, key: str, directory: Directory, invited: Mapping[str, Invited]) -> tuple[Person | None, str]:
        """The manager of a row; or, of one who has not joined yet, what the row calls them."""
        by_id = entry.said("manager_id") if entry.said("manager_id").startswith(MEMBER_ID) else ""
        text = by_id or entry.said("manager_email") or entry.said("manager")
        if not text:
            return None, ""
        person = directory.by_key.get(key)
        found = directory.find(text, MANAGER, now=person.manager if person else None)
        if found is None and (self.names.get(category_key(text)) == 1 or email_key(text) in {*self.lines, *invited}):
            if email_key(text) == key:
                raise Refused(MANAGER, "Nobody is their own manager.")
            return None, text
        if found is None:
            raise Refused(MANAGER, f"Nobody here is known as {text}.")
        if found.key == key:
            raise Refused(MANAGER, "Nobody is their own manager.")
        return found, ""


def _address(text: str) -> str:
    if not text:
        raise Refused("email", "There is no e-mail address.")
    try:
        validate_email(text)
    except ValidationError:
        raise Refused("email", "This is not an e-mail address.") from None
    if len(text) > _LONGEST_ADDRESS or not 3 <= len(email_key(text)) <= _LONGEST_ADDRESS:
        raise Refused("email", "This is not an e-mail address that we can keep.")
    return text


def _role(text: str) -> str:
    role = text.casefold()
    if role and role not in Role.values:
        raise Refused("role", f"There is no role {text}. There are {', '.join(Role.values)}.")
    return role


def decide(wish: Wish, person: Person | None, invited: Invited | None, directory: Directory, powers: Powers) -> Decision:
    """What becomes of a row. Raises `Refused`."""
    unit = _unit(wish, directory, powers)
    if person:
        return _of_member(wish, person, unit, directory, powers)
    if invited:
        return _of_invited(wish, invited, unit, directory, powers)
    return _of_nobody(wish, unit, directory, powers)


def _unit(wish: Wish, directory: Directory, powers: Powers) -> Unit | None:
    """The department of a row; None where it says nothing, or where the department is still to be added."""
    if not wish.department:
        return None
    for end in range(1, len(wish.department)):
        directory.unit_at(wish.department[:end])
    unit = directory.unit_at(wish.department)
    if unit is None:
        if not powers.adds_departments:
            raise Refused("department", f"There is no department {wish.department[-1]}.")
        directory.must_have_room(wish.department)
    return unit


def _of_member(wish: Wish, person: Person, unit: Unit | None, directory: Directory, powers: Powers) -> Decision:
    if person.is_program:
        raise Refused("email", "This is the address of a program.")
    if person.has_left and wish.status != MembershipStatus.DEACTIVATED:
        raise Refused("email", "They have left. Reactivate them first: no file brings anybody back.")
    now = Place(person.role, person.manager, person.department)
    decision = _compared(wish, now, unit, directory)
    changed = decision.changed
    if "role" in changed:
        if person.pk == powers.me:
            raise Refused("role", "Nobody changes their own role by a file.")
        if decision.place.role not in powers.makes:
            raise Refused("role", powers.refusal)
    if MANAGER in changed and person.pk == powers.me:
        raise Refused(MANAGER, "Nobody chooses who approves their own spend. Somebody else has to.")
    if changed and person.role not in powers.changes:
        raise Refused("", powers.refusal)
    if changed and person.has_left:
        raise Refused("email", "They have left. Reactivate them first.")
    says = "No file suspends or reactivates anybody." if wish.status in MembershipStatus.values and wish.status != person.status else ""
    return _with_reason(decision, says or _awaited(wish))


def _of_invited(wish: Wish, invited: Invited, unit: Unit | None, directory: Directory, powers: Powers) -> Decision:
    decision = _compared(wish, Place(invited.role, invited.manager, invited.department), unit, directory)
    if decision.changed and not {invited.role, decision.place.role} <= set(powers.makes):
        raise Refused("role", powers.refusal)
    if "role" in decision.changed:
        return _with_reason(decision, "Another invitation is mailed, and takes the place of the one before.")
    if invited.has_ended:
        return _with_reason(decision, "Their invitation has run out: send it again, or revoke it.")
    return _with_reason(decision, _awaited(wish) or "Invited, and not here yet.")


def _of_nobody(wish: Wish, unit: Unit | None, directory: Directory, powers: Powers) -> Decision:
    if wish.status in {MembershipStatus.SUSPENDED, MembershipStatus.DEACTIVATED}:
        return Decision(
            Verdict(wish.line, What.SKIPPED, wish.email, reason=f"They are {wish.status} in the file, and nobody here."), _NOWHERE
        )
    decision = _compared(replace(wish, role=wish.role or Role.EMPLOYEE), _NOWHERE, unit, directory)
    if decision.place.role not in powers.makes:
        raise Refused("role", powers.refusal)
    return Decision(replace(decision.verdict, verdict=What.INVITE, reason=_awaited(wish)), decision.place)


_NOWHERE = Place("", None, None)


def _awaited(wish: Wish) -> str:
    return f"{wish.awaited} has not joined yet: import the file again when they have." if wish.awaited else ""


def _with_reason(decision: Decision, reason: str) -> Decision:
    return replace(decision, verdict=replace(decision.verdict, reason=reason))


def _compared(wish: Wish, now: Place, unit: Unit | None, directory: Directory) -> Decision:
    """What the row says against how it is. Raises `Refused` for a manager or a department that cannot be chosen any more."""
    changes = []
    role, manager, department = now.role, now.manager, now.department
    if wish.role and wish.role != now.role:
        role = wish.role
        changes.append(Change("role", now.role, role))
    if wish.manager and wish.manager.pk != now.manager:
        if not wish.manager.is_active:
            raise Refused(MANAGER, f"{wish.manager.email} is {wish.manager.status}.")
        manager = wish.manager.pk
        changes.append(Change(MANAGER, directory.address(now.manager), wish.manager.email))
    if wish.department and (unit is None or unit.pk != now.department):
        if unit and unit.is_archived:
            raise Refused("department", f"{unit.name} is archived.")
        department = unit.pk if unit else None
        changes.append(Change("department", directory.unit_name(now.department), unit.name if unit else wish.department[-1]))
    verdict = Verdict(wish.line, What.CHANGE if changes else What.SAME, wish.email, tuple(changes))
    return Decision(verdict, Place(role, manager, department))
