"""People and departments from a file: a preview changes nothing, an import does what the preview shows, and the same file again nothing.

A file is not one transaction: thousands of rows would keep everybody else waiting for as long. It is done in blocks of fifty rows, each a
transaction with the operations of every day inside, each row all or nothing. Every block locks, reads how its rows stand by now, and
decides anew: of two imports at once the second finds the same, and after a crash the file goes on where it stopped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, TypeVar

from django.conf import settings
from django.db.models import Q

from companies.models import Department
from companies.operations import category_key
from spendtrackr import errors, tabular
from spendtrackr.retry import give_way, operation
from spendtrackr.workbooks import sheet_rows
from users import permissions
from users.models import DepartmentHead, Invitation, Membership, MembershipStatus
from users.operations.departments import add_department, change_department
from users.operations.following import moving_together
from users.operations.people import LONGEST_CHAIN, change_member, invite, place_invitation
from users.roles import Role
from users.rosters import departments as unit_rows
from users.rosters import people as people_rows
from users.rosters.standing import Directory, Invited, Person, Powers, Unit
from users.rosters.table import Kind, Roster, read
from users.rosters.verdicts import Refused, Verdict, What

T = TypeVar("T")

# Invitations of files are mailed this many an hour: each is a mail to somebody who did not ask for it.
MAILS_AN_HOUR = 500
_WHAT = "A file of people"
_BLOCK = 50

# Counts a mail to an address. Raises `TooMany`.
Mailing = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a file, or would: a verdict for each row, in the order of the file, and the departments that are added on the way."""

    kind: Kind
    verdicts: list[Verdict]
    departments: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def counts(self) -> dict[str, int]:
        """How many rows have each verdict that there can be."""
        counted = Counter(verdict.verdict for verdict in self.verdicts)
        other = What.ADD if self.kind is Kind.PEOPLE else What.INVITE
        return {what.value: counted[what] for what in What if what is not other}

    @property
    def changes_something(self) -> bool:
        return any(verdict.verdict in {What.INVITE, What.ADD, What.CHANGE} for verdict in self.verdicts)


def read_roster(content: bytes, kind: Kind | None = None) -> Roster:
    """The rows of an uploaded CSV or XLSX file. Raises `Invalid` or `TooLarge` for `file`."""
    tabular.must_be_no_larger(len(content), settings.ROSTER_MAX_BYTES, _WHAT)
    return read(sheet_rows(content), kind)


def content_of(uploaded: Any) -> bytes:
    """The bytes of an uploaded file. Raises `TooLarge` before any of it is read."""
    return tabular.content_of(uploaded, settings.ROSTER_MAX_BYTES, _WHAT)


def preview_roster(roster: Roster, *, actor: Membership, at: datetime, adds_departments: bool = True) -> Outcome:
    """What an import of this file by this member would do."""
    if roster.kind is Kind.DEPARTMENTS:
        return Outcome(roster.kind, unit_rows.plan(roster, _directory(actor)).verdicts, notes=roster.notes())
    planned = _plan(roster, _everybody(), actor=actor, at=at, adds_departments=adds_departments)
    added = [" / ".join(names) for names in planned.departments]
    return Outcome(roster.kind, planned.verdicts, added, [*roster.notes(), *_mail_notes(planned.verdicts)])


def import_roster(
    roster: Roster, *, actor: Membership, at: datetime, adds_departments: bool = True, mailing: Mailing = lambda _: None
) -> Outcome:
    """Do what can be done of a file, and say what became of every row. Raises `Forbidden` where the actor may not write any more."""
    if roster.kind is Kind.DEPARTMENTS:
        return _import_departments(roster, actor=actor, at=at)
    company = _everybody()
    planned = _plan(roster, company, actor=actor, at=at, adds_departments=adds_departments)
    added = [" / ".join(names) for names in planned.departments if _add_on_the_way(names, actor=actor, at=at)]
    directory = (_everybody() if planned.departments else company).directory
    done = {verdict.line: verdict for verdict in planned.verdicts}
    mails = _mail_times(at)
    due = {wish.line: next(mails) for wish in planned.todo if _mails(done[wish.line])}
    for block in _blocks(planned.todo):
        done |= _do_people(block, directory, actor=actor, at=at, due=due, mailing=mailing)
        give_way()
    verdicts = [done[line] for line in sorted(done)]
    return Outcome(roster.kind, verdicts, added, [*roster.notes(), *_mail_notes(verdicts)])


def _blocks(rows: Sequence[T]) -> Iterator[list[T]]:
    left = iter(rows)
    return iter(lambda: list(islice(left, _BLOCK)), [])


def _mails(verdict: Verdict) -> bool:
    """Whether it may send an invitation: a first one, or one that takes the place of another with another role."""
    return verdict.verdict is What.INVITE or any(change.field == "role" for change in verdict.changes)


def _mail_times(at: datetime) -> Iterator[datetime]:
    """When the mail of each new invitation goes out, behind those that wait already."""
    lately = Q(mail_due_at__isnull=False) | Q(created_at__gt=at - timedelta(hours=1))
    waiting = Invitation.objects.filter(lately).count()
    while True:
        yield at + timedelta(hours=waiting // MAILS_AN_HOUR)
        waiting += 1


def _mail_notes(verdicts: list[Verdict]) -> list[str]:
    invited = sum(_mails(verdict) for verdict in verdicts)
    if invited <= MAILS_AN_HOUR:
        return []
    return [f"Invitations are mailed {MAILS_AN_HOUR} an hour: the last of these in about {invited // MAILS_AN_HOUR} h."]


def _directory(actor: Membership) -> Directory:
    """Whom a cell may name: whom the actor sees, and the company's departments."""
    return Directory.of(_people(Membership.objects.visible_to(actor)), _units())


def _people(rows: Any) -> list[Person]:
    told = rows.order_by("pk").values_list(
        "pk", "public_id", "user__email_key", "user__email", "user__name", "role", "status", "manager_id", "department_id"
    )
    return [Person(*row) for row in told]


def _units() -> list[Unit]:
    heads = dict(DepartmentHead.objects.values_list("department_id", "member_id"))
    told = Department.objects.order_by("pk").values_list("pk", "name_key", "name", "parent_id", "cost_centre", "archived_at")
    return [Unit(pk, key, name, parent, heads.get(pk), code, is_archived=bool(at)) for pk, key, name, parent, code, at in told]


def _invited(rows: Any, *, at: datetime) -> dict[str, Invited]:
    told = rows.filter(open_email_key__isnull=False).values_list(
        "pk", "open_email_key", "role", "manager_id", "department_id", "expires_at"
    )
    return {key: Invited(pk, key, role, manager, department, until <= at) for pk, key, role, manager, department, until in told}


def _powers(actor: Membership, *, adds_departments: bool) -> Powers:
    """What the table of permissions lets somebody do; a file does not more than they could by hand."""
    return Powers(
        actor.pk,
        makes=frozenset(role for role in Role.values if permissions.may_make(actor, role)),
        changes=frozenset(role for role in Role.values if permissions.may_change(actor, Membership(role=role))),
        adds_departments=adds_departments and actor.may("departments.change"),
        refusal=permissions.refusal(actor).message,
    )


@dataclass(frozen=True, slots=True)
class _Everybody:
    """The company as it stood when a file was read."""

    directory: Directory
    programs: dict[str, Person]


def _everybody() -> _Everybody:
    people = _people(Membership.objects.all())
    return _Everybody(Directory.of(people, _units()), {person.key: person for person in people if person.is_program})


def _plan(roster: Roster, company: _Everybody, *, actor: Membership, at: datetime, adds_departments: bool) -> people_rows.Plan:
    invited = _invited(Invitation.objects.all(), at=at)
    powers = _powers(actor, adds_departments=adds_departments)
    return people_rows.plan(roster, company.directory, company.programs, invited, powers, longest_chain=LONGEST_CHAIN)


def _add_on_the_way(names: tuple[str, ...], *, actor: Membership, at: datetime) -> bool:
    """Add the department at the end of this way, whose upper part is there by now. False where it is not, or somebody else was quicker."""
    above = {category_key(name) for name in names[-2:-1]}
    parent = Department.objects.filter(name_key__in=above, archived_at=None).first()
    if above and parent is None:
        return False
    try:
        add_department(name=names[-1], parent=parent, actor=actor, at=at)
    except errors.DomainError:  # the rows that name it say why they cannot
        return False
    return True


def _take_turns(actor: Membership, members: set[int], *, all_of_them: bool) -> Membership:
    """Lock, in the one order of a company's people, its first, for whom every import waits, and whoever this one changes or asks.

    Answers the actor as they are now. Raises `Forbidden` when they are not active any more.
    """
    people = Membership.objects.order_by("pk")
    first = people.values_list("pk", flat=True)[:1]
    wanted = Q(pk__in=[*first, actor.pk, *members]) | Q(role=Role.OWNER, status=MembershipStatus.ACTIVE)
    locked = {one.pk: one for one in (people if all_of_them else people.filter(wanted)).select_for_update()}
    if not locked[actor.pk].is_active:
        raise errors.Forbidden
    return locked[actor.pk]


@operation
def _do_people(
    block: list[people_rows.Wish], directory: Directory, *, actor: Membership, at: datetime, due: dict[int, datetime], mailing: Mailing
) -> dict[int, Verdict]:
    """One block of rows, each decided as it stands under the lock, and done or refused as a whole."""
    known = {person.pk: wish for wish in block if (person := directory.by_key.get(wish.key))}
    moves = any(wish.manager and wish.manager.pk != directory.by_pk[pk].manager for pk, wish in known.items())
    now = _take_turns(actor, set(known), all_of_them=moves)
    keys = [wish.key for wish in block]
    people = {person.key: person for person in _people(Membership.objects.filter(user__email_key__in=keys))}
    invited = _invited(Invitation.objects.filter(open_email_key__in=keys), at=at)
    powers = _powers(now, adds_departments=False)
    hands = _Hands.of(block, actor=now, at=at)
    done = {}
    with moving_together(at=at):
        for wish in block:
            try:
                person, asked = people.get(wish.key), invited.get(wish.key)
                decision = people_rows.decide(wish, person, asked, directory, powers)
                if decision.verdict.verdict is What.INVITE or (asked and "role" in decision.changed):
                    mailing(wish.key)
                hands.put(decision, person, asked, mail_at=due.get(wish.line))
                done[wish.line] = decision.verdict
            except Refused as refused:
                done[wish.line] = refused.of(wish.line, wish.email)
            except errors.DomainError as error:
                done[wish.line] = Verdict(wish.line, What.REJECTED, wish.email, reason=error.message, field=error.field or "")
    return done


@dataclass(frozen=True, slots=True)
class _Hands:
    """Does what was decided about one row, by the operation that does it every day; with the rows of what a block names."""

    managers: dict[int, Membership]
    departments: dict[int, Department]
    members: dict[int, Membership]
    actor: Membership
    at: datetime

    @classmethod
    def of(cls, block: list[people_rows.Wish], *, actor: Membership, at: datetime) -> _Hands:
        keys = {category_key(wish.department[-1]) for wish in block if wish.department}
        emails = [wish.key for wish in block]
        asked = Invitation.objects.filter(open_email_key__in=emails)
        managers = {*(wish.manager.pk for wish in block if wish.manager), *asked.values_list("manager_id", flat=True)} - {None}
        departments = Department.objects.filter(Q(name_key__in=keys) | Q(pk__in=asked.values("department_id")))
        return cls(
            {one.pk: one for one in Membership.objects.filter(pk__in=managers)},
            {one.pk: one for one in departments},
            {one.pk: one for one in Membership.objects.select_related("user", "manager", "department").filter(user__email_key__in=emails)},
            actor,
            at,
        )

    def put(self, decision: people_rows.Decision, person: Person | None, asked: Invited | None, *, mail_at: datetime | None) -> None:
        """Invite, change, or leave alone. Raises what the operation raises."""
        place, changed = decision.place, decision.changed
        manager = self.managers.get(place.manager or 0)
        department = self.departments.get(place.department or 0)
        if "manager" in changed and not (manager and manager.is_active):
            raise Refused("manager", "They are not active any more.")
        by: dict[str, Any] = {"actor": self.actor, "at": self.at}
        if decision.verdict.verdict is What.INVITE or (asked and "role" in changed):
            subject = decision.verdict.subject
            invite(email=subject, role=place.role, manager=manager, department=department, mail_at=mail_at, **by)
        elif person and changed:
            wanted = {"role": place.role, "manager": manager, "department": department}
            change_member(self.members[person.pk], {name: wanted[name] for name in changed}, **by)
        elif asked and changed:
            place_invitation(Invitation.objects.get(pk=asked.pk), manager=manager, department=department, **by)


def _import_departments(roster: Roster, *, actor: Membership, at: datetime) -> Outcome:
    directory = _directory(actor)
    planned = unit_rows.plan(roster, directory)
    done = {verdict.line: verdict for verdict in planned.verdicts}
    for block in _blocks(planned.todo):
        done |= _do_departments(block, directory, actor=actor, at=at)
        give_way()
    return Outcome(roster.kind, [done[line] for line in sorted(done)], notes=roster.notes())


@operation
def _do_departments(block: list[unit_rows.Wish], directory: Directory, *, actor: Membership, at: datetime) -> dict[int, Verdict]:
    """One block of rows, each decided against the departments as they are under the lock, and done or refused as a whole."""
    now = _take_turns(actor, set(), all_of_them=False)
    list(Department.objects.order_by("pk").select_for_update().values_list("pk", flat=True))
    people = list(directory.by_pk.values())
    done = {}
    with moving_together(at=at):
        for wish in block:
            fresh = Directory.of(people, _units())
            try:
                verdict = unit_rows.decide(wish, fresh.units.get(wish.key), fresh, known=set(fresh.units))
                _put_department(wish, verdict, fresh, actor=now, at=at)
                done[wish.line] = verdict
            except Refused as refused:
                done[wish.line] = refused.of(wish.line, wish.name)
            except errors.DomainError as error:
                done[wish.line] = Verdict(wish.line, What.REJECTED, wish.name, reason=error.message, field=error.field or "")
    return done


def _put_department(wish: unit_rows.Wish, verdict: Verdict, directory: Directory, *, actor: Membership, at: datetime) -> None:
    changed = {change.field for change in verdict.changes}
    given: dict[str, Any] = {}
    if "parent" in changed:
        given["parent"] = Department.objects.get(pk=directory.units[wish.parent].pk)
    if "head" in changed and wish.head:
        given["head"] = Membership.objects.get(pk=wish.head.pk)
    if "cost_centre" in changed:
        given["cost_centre"] = wish.cost_centre
    if verdict.verdict is What.ADD:
        add_department(name=wish.name, **given, actor=actor, at=at)
    elif changed:
        change_department(Department.objects.get(pk=directory.units[wish.key].pk), given, actor=actor, at=at)
