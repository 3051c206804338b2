"""The steps of an approval: with whom each is, how it is answered, and what happens when nobody answers.

The caller holds the lock of the purchase, unless it is said otherwise. Who is with a step are rows, so that an inbox is one look at an
index; they follow the company in the same transaction that changes it (`transactions.operations.people`).
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta

from spendtrackr import events
from spendtrackr.retry import operation
from transactions import policies, queries, routing
from transactions.locks import lock_purchase
from transactions.models import OPEN_KEY, Approval, ApprovalDecision, ApprovalStep, Assignment, Outcome, StepStatus
from transactions.policies import Facts, Reminders
from transactions.routing import Asked, Organisation, organisation
from users.models import Membership
from users.queries import deciders
from users.roles import RUNS


def write(approval: Approval, steps: Iterable[policies.Step], facts: Facts) -> None:
    """The steps of a new approval, none of them asked for yet."""
    rows = []
    for position, step in enumerate(steps, start=1):
        named = policies.about(step, facts).approvers
        rows.append(
            ApprovalStep(
                approval=approval,
                position=position,
                approvers=json.dumps([approver.as_row() for approver in named]),
                needs_all=step.needs_all,
                status=StepStatus.PENDING,
            )
        )
    ApprovalStep.objects.bulk_create(rows)


def open_next(approval: Approval, *, at: datetime) -> bool:
    """Ask for the next step that is not answered already by whoever said yes to one before. False: there is none left."""
    company, owner, said_yes = organisation(), approval.owned_by.pk, _said_yes(approval)
    for step in ApprovalStep.objects.filter(approval=approval, status=StepStatus.PENDING).order_by("position"):
        step.status, step.open_key, step.opened_at = StepStatus.WAITING, OPEN_KEY, at
        _set_times(step, _reminders(approval), at=at)
        step.save(update_fields=["status", "open_key", "opened_at", "remind_at", "escalate_at"])
        moved = _route(step, approval, owner, company, said_yes=said_yes, at=at)
        if not is_answered(step):
            if not moved:
                _tell(step, approval, [], at=at)
            return True
        close(step, StepStatus.APPROVED, at=at)
    return False


def _reminders(approval: Approval) -> Reminders:
    version = approval.policy.public_id if approval.policy else None
    return queries.rules_of(version, approval.company.currency).reminders


def _set_times(step: ApprovalStep, reminders: Reminders, *, at: datetime) -> None:
    step.remind_at = _in_days(reminders.approvals_after, at)
    step.escalate_at = _in_days(reminders.escalate_after, at)


def _in_days(days: int | None, at: datetime) -> datetime | None:
    return None if days is None else at + timedelta(days=days)


def close(step: ApprovalStep, status: StepStatus, *, at: datetime) -> None:
    """It waits for nobody any more."""
    step.status, step.open_key, step.remind_at, step.escalate_at = status, None, None, None
    step.save(update_fields=["status", "open_key", "remind_at", "escalate_at"])
    Assignment.objects.filter(step=step, open_key=OPEN_KEY).update(open_key=None, ended_at=at)


def close_all(approval: Approval, *, at: datetime) -> None:
    """The approval has ended, however far it had come."""
    for step in ApprovalStep.objects.filter(approval=approval, status__in=[StepStatus.PENDING, StepStatus.WAITING]):
        close(step, StepStatus.ENDED, at=at)


def waiting_step(approval: Approval) -> ApprovalStep:
    return ApprovalStep.objects.get(approval=approval, open_key=OPEN_KEY)


def answer(step: ApprovalStep, mine: list[Assignment], *, at: datetime) -> None:
    """Somebody said yes for their slots: nobody else of those is asked any more."""
    slots = {assignment.slot for assignment in mine}
    Assignment.objects.filter(pk__in=[assignment.pk for assignment in mine]).update(has_answered=True)
    Assignment.objects.filter(step=step, slot__in=slots, open_key=OPEN_KEY).update(open_key=None, ended_at=at)


def is_answered(step: ApprovalStep) -> bool:
    """Whether enough said yes: for any one of its slots, or for each of them."""
    answered = set(Assignment.objects.filter(step=step, has_answered=True).values_list("slot", flat=True))
    return len(answered) == len(step.named) if step.needs_all else bool(answered)


Place = tuple[int, int]


def wanted(step: ApprovalStep, owner: int, company: Organisation, answered: set[int]) -> dict[Place, Asked]:
    """With whom the step should be, by slot and member; nobody for slots that are answered."""
    return {
        (slot, one.member): one
        for slot, approver in enumerate(step.named)
        if slot not in answered
        for one in routing.asked(approver, owner, company, escalations=step.escalations)
    }


def _route(
    step: ApprovalStep, approval: Approval, owner: int, company: Organisation, *, said_yes: AbstractSet[int] = frozenset(), at: datetime
) -> bool:
    """Put the step with those who should have it now, and tell of it. Whether anything changed.

    Whoever `said_yes` to a step before is not asked for the same twice: their yes answers this one too.
    """
    rows = list(Assignment.objects.filter(step=step))
    places = wanted(step, owner, company, {row.slot for row in rows if row.has_answered})
    there = {(row.slot, row.member_id): row for row in rows if row.open_key}
    if over := [row.pk for place, row in there.items() if place not in places]:
        Assignment.objects.filter(pk__in=over).update(open_key=None, ended_at=at)
    agreed = {slot: member for slot, member in places if member in said_yes}
    added = {place: one for place, one in places.items() if place not in there and agreed.get(place[0], place[1]) == place[1]}
    Assignment.objects.bulk_create([_assignment(step, slot, one, is_yes=slot in agreed, at=at) for (slot, _), one in added.items()])
    if added or over:
        _tell(step, approval, [member for slot, member in added if slot not in agreed], at=at)
    return bool(added or over)


def _assignment(step: ApprovalStep, slot: int, one: Asked, *, is_yes: bool, at: datetime) -> Assignment:
    return Assignment(
        step=step, slot=slot, member_id=one.member, because=one.because, instead_of_id=one.instead_of, has_answered=is_yes,
        assigned_at=at, open_key=None if is_yes else OPEN_KEY, ended_at=at if is_yes else None,
    )  # fmt: skip


def _said_yes(approval: Approval) -> set[int]:
    yes = ApprovalDecision.objects.filter(approval=approval, outcome=Outcome.APPROVED)
    return set(yes.values_list("actor_id", flat=True))


def _tell(step: ApprovalStep, approval: Approval, members: list[int], *, at: datetime) -> None:
    told = {"transaction": approval.transaction.public_id, "step": step.position}
    if members:
        ids = list(Membership.objects.filter(pk__in=members).order_by("pk").values_list("public_id", flat=True))
        events.record("approval.assigned", approval, actor=None, at=at, members=ids, **told)
    elif not Assignment.objects.filter(step=step, open_key=OPEN_KEY).exists() and not is_answered(step):
        runs = list(deciders().filter(role__in=RUNS).order_by("pk").values_list("public_id", flat=True))
        events.record("approval.nobody_eligible", approval, actor=None, at=at, members=runs, **told)


@operation
def follow(*, at: datetime) -> int:
    """Bring the open steps of the company in scope in line with how it stands now; answers how many moved.

    Takes the lock of each purchase whose step has to move, and of no other: most changes of a company move few.
    """
    if not ApprovalStep.objects.filter(open_key=OPEN_KEY).exists():
        return 0
    company = organisation()
    answered: dict[int, set[int]] = defaultdict(set)
    there: dict[int, set[Place]] = defaultdict(set)
    rows = Assignment.objects.filter(step__open_key=OPEN_KEY).values_list("step_id", "slot", "member_id", "has_answered", "open_key")
    for step_id, slot, member_id, has_answered, open_key in rows:
        if has_answered:
            answered[step_id].add(slot)
        elif open_key:
            there[step_id].add((slot, member_id))
    moved = 0
    for step in ApprovalStep.objects.filter(open_key=OPEN_KEY).select_related("approval__transaction__member").order_by("pk"):
        if wanted(step, step.approval.owned_by.pk, company, answered[step.pk]).keys() != there[step.pk]:
            moved += _move(step, company, at=at)
    return moved


def _move(step: ApprovalStep, company: Organisation, *, at: datetime) -> bool:
    """Under the purchase's lock: it may have been decided a moment ago."""
    purchase = lock_purchase(step.approval.transaction)
    step = ApprovalStep.objects.select_related("approval").get(pk=step.pk)
    if not step.open_key:
        return False
    step.approval.transaction = purchase
    return _route(step, step.approval, step.approval.owned_by.pk, company, at=at)


@operation
def remind(step: ApprovalStep, *, at: datetime) -> bool:
    """Tell those it waits for that it still waits. False where it was decided, or somebody else told them, a moment ago."""
    approval = step.approval
    again = _in_days(_reminders(approval).approvals_after, at)
    # One conditional UPDATE decides between two workers.
    if ApprovalStep.objects.filter(pk=step.pk, open_key=OPEN_KEY, remind_at=step.remind_at).update(remind_at=again) != 1:
        return False
    waits_for = Assignment.objects.filter(step=step, open_key=OPEN_KEY).order_by("member_id")
    ids = list(waits_for.values_list("member__public_id", flat=True).distinct())
    events.record("approval.reminded", approval, actor=None, at=at, members=ids, transaction=approval.transaction.public_id)
    return True


@operation
def escalate(step: ApprovalStep, *, at: datetime) -> bool:
    """Nobody answered in time: ask the next above as well. As long as there is somebody, again after as long. Takes the purchase's lock."""
    purchase = lock_purchase(step.approval.transaction)
    step = ApprovalStep.objects.select_related("approval__policy", "approval__company").get(pk=step.pk)
    if not step.open_key or step.escalate_at is None or step.escalate_at > at:
        return False
    step.approval.transaction = purchase
    step.escalations += 1
    moved = _route(step, step.approval, step.approval.owned_by.pk, organisation(), at=at)
    step.escalate_at = _in_days(_reminders(step.approval).escalate_after, at) if moved else None
    step.save(update_fields=["escalations", "escalate_at"])
    if moved:
        events.record("approval.escalated", step.approval, actor=None, at=at, transaction=purchase.public_id, times=step.escalations)
    return moved
