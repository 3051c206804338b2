"""Somebody is away: who decides for them meanwhile. Open steps follow in the same transaction, and with the clock by the worker."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from spendtrackr import errors, events
from spendtrackr.periods import add_months
from spendtrackr.retry import operation
from transactions.models import Delegation, DelegationState
from transactions.operations import steps
from users.models import Membership
from users.roles import Role

LONGEST_MONTHS = 12


@operation
def delegate(member: Membership, to: Membership, *, starts_on: date, ends_on: date, actor: Membership, at: datetime) -> Delegation:
    """From the first day to the last, both included, `to` is asked as well whenever `member` is. Raises `Invalid` naming the field."""
    company, today = actor.company, actor.company.day_of(at)
    if to.pk == member.pk:
        raise errors.Invalid("Somebody else has to decide meanwhile.", field="to")
    if not to.is_active or to.role == Role.AUDITOR:
        raise errors.Invalid("This member cannot decide: they are not active, or they are an auditor.", field="to")
    if starts_on < today:
        raise errors.Invalid("That day is over.", field="starts_on")
    if not starts_on <= ends_on <= add_months(starts_on, LONGEST_MONTHS):
        raise errors.Invalid(f"It ends on its first day or later, and within {LONGEST_MONTHS} months.", field="ends_on")
    same = Delegation.objects.filter(member=member, to=to, starts_on__lte=ends_on, ends_on__gte=starts_on)
    if same.exclude(state=DelegationState.OVER).exists():
        raise errors.Invalid("They decide in this place on some of these days already.", field="to")
    starts_at = at if starts_on == today else company.end_of(starts_on - timedelta(days=1))
    row = Delegation(
        member=member, to=to, starts_on=starts_on, ends_on=ends_on, starts_at=starts_at, ends_at=company.end_of(ends_on),
        created_by=actor, created_at=at,
    )  # fmt: skip
    row.state = row.state_at(at)
    row.save(force_insert=True)
    events.record("delegation.made", row, actor=actor, at=at, member=member.public_id, to=to.public_id)
    steps.follow(at=at)
    return row


@operation
def end(delegation: Delegation, *, actor: Membership, at: datetime) -> Delegation:
    """They are back, or never left. Raises `InvalidState` where it is over already."""
    row = Delegation.objects.select_for_update().get(pk=delegation.pk)
    if row.state == DelegationState.OVER:
        raise errors.InvalidState("This is over already.")
    row.state = DelegationState.OVER
    row.save(update_fields=["state"])
    events.record("delegation.ended", row, actor=actor, at=at, member=row.member.public_id, to=row.to.public_id)
    steps.follow(at=at)
    return row


@operation
def turn(delegation: Delegation, *, at: datetime) -> bool:
    """Its first day has come, or its last one is over. False where somebody else saw it first."""
    state = delegation.state_at(at)
    if Delegation.objects.filter(pk=delegation.pk, state=delegation.state).exclude(state=state).update(state=state) != 1:
        return False
    told = "started" if state == DelegationState.LIVE else "ended"
    details = {"member": delegation.member.public_id, "to": delegation.to.public_id}
    events.record(f"delegation.{told}", delegation, actor=None, at=at, **details)
    steps.follow(at=at)
    return True
