"""Permission: who was asked for a yes to a purchase, and what they said."""

from __future__ import annotations

import json
from datetime import datetime
from typing import ClassVar

from django.db import models

from spendtrackr.ids import MachineTextField, PublicIdField
from spendtrackr.tenancy import AppendOnlyModel, TenantModel
from transactions.models.policies import Policy
from transactions.models.purchases import Transaction
from transactions.policies import Approver
from users.models import Membership


class ApprovalStatus(models.TextChoices):
    WAITING = "waiting"
    APPROVED = "approved"
    REJECTED = "rejected"
    CHANGES_REQUESTED = "changes_requested", "Sent back"
    VOID = "void"


# "open" while something waits, then null: at most one waits, on every engine.
OPEN_KEY = "open"


class Approval(TenantModel):
    """One request for a yes, and what became of it. `seen` is the hash of what there was to see: kept in step while it waits."""

    public_id = PublicIdField("apr")
    transaction = models.ForeignKey(Transaction, models.PROTECT, related_name="approvals")
    status = MachineTextField(max_length=20, choices=ApprovalStatus)
    amount_minor = models.BigIntegerField()
    seen = MachineTextField(max_length=64)
    asked_by = models.ForeignKey(Membership, models.PROTECT, null=True, related_name="+")
    asked_at = models.DateTimeField()
    # By which version it is routed (null is the standard policy), which rule of it said so, and what it flags, line by line.
    policy = models.ForeignKey(Policy, models.PROTECT, null=True, related_name="+")
    rule = models.CharField(max_length=80, default="")
    flags = models.TextField(default="")
    # Whose answer ended it; None on an approved one: the policy approved it.
    decided_by = models.ForeignKey(Membership, models.PROTECT, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=500, default="")
    open_key = MachineTextField(max_length=4, null=True)

    class Meta:
        db_table = "approvals"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["transaction", "open_key"], name="approvals_one_open"),
        ]

    def __str__(self) -> str:
        return f"{self.public_id} ({self.status})"

    @property
    def owned_by(self) -> Membership:
        """Whose spend it is about. Never nobody's: an imported line without an owner needs no approval."""
        member: Membership | None = self.transaction.member
        assert member is not None
        return member


class StepStatus(models.TextChoices):
    PENDING = "pending", "To come"
    WAITING = "waiting", "Waiting"
    APPROVED = "approved", "Approved"
    ENDED = "ended", "Ended"


class ApprovalStep(TenantModel):
    """One of the steps of an approval, in their order. It is asked for when the one before it is approved."""

    approval = models.ForeignKey(Approval, models.PROTECT, related_name="steps")
    position = models.PositiveSmallIntegerField()
    status = MachineTextField(max_length=10, choices=StepStatus, default=StepStatus.PENDING)
    # Whom the policy names, as JSON (`policies.Approver`); the place in this list is an assignment's `slot`.
    approvers = models.TextField()
    needs_all = models.BooleanField()
    opened_at = models.DateTimeField(null=True)
    # When approvers are reminded next, and when the next above is asked as well; null is never.
    remind_at = models.DateTimeField(null=True)
    escalate_at = models.DateTimeField(null=True)
    # How often it was asked of the next above.
    escalations = models.PositiveSmallIntegerField(default=0)
    open_key = MachineTextField(max_length=4, null=True)

    class Meta:
        db_table = "approval_steps"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["approval", "position"], name="approval_steps_one_position"),
            models.UniqueConstraint(fields=["approval", "open_key"], name="approval_steps_one_open"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["remind_at"], name="approval_steps_to_remind"),
            models.Index(fields=["escalate_at"], name="approval_steps_to_escalate"),
            # Open steps are few, however many there were.
            models.Index(fields=["company", "open_key"], name="approval_steps_open"),
        ]

    def __str__(self) -> str:
        return f"step {self.position} of approval {self.approval_id}"

    @property
    def named(self) -> list[Approver]:
        return [Approver.of_row(row) for row in json.loads(self.approvers)]


class Because(models.TextChoices):
    """Why a step is with somebody."""

    MANAGER = "manager", "manages them"
    MANAGERS_MANAGER = "managers_manager", "manages their manager"
    DEPARTMENT_HEAD = "department_head", "heads the department"
    BUDGET_OWNER = "budget_owner", "owns the budget"
    ROLE = "role", "has the role that the policy asks"
    MEMBER = "member", "is named by the policy"
    NEXT_ABOVE = "next_above", "is the next above whoever cannot decide"
    RUNS_COMPANY = "runs_company", "runs the company, and nobody else can decide"
    ESCALATED = "escalated", "nobody answered in time"


class Assignment(TenantModel):
    """A step is with somebody, and why. One that ended stays on record.

    A step waits for one open assignment of each slot, or of any, as the policy says; of one slot any member's yes is enough.
    """

    step = models.ForeignKey(ApprovalStep, models.PROTECT, related_name="assignments")
    slot = models.PositiveSmallIntegerField()
    # No constraint in the database: an insert would wait for whoever moves people, who waits for the purchase; `verify` checks it.
    member = models.ForeignKey(Membership, models.PROTECT, db_constraint=False, related_name="+")
    because = MachineTextField(max_length=20, choices=Because)
    # For whom, while they are away.
    instead_of = models.ForeignKey(Membership, models.PROTECT, null=True, db_constraint=False, related_name="+")
    # Whether they said yes; then nobody else of the slot is asked any more.
    has_answered = models.BooleanField(default=False)
    assigned_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    open_key = MachineTextField(max_length=4, null=True)

    class Meta:
        db_table = "approval_assignments"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["step", "slot", "member", "open_key"], name="approval_assignments_once"),
        ]
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["member", "open_key"], name="approval_assignments_inbox")]

    def __str__(self) -> str:
        return f"step {self.step_id} is with member {self.member_id}"


class Outcome(models.TextChoices):
    """What an approver says."""

    APPROVED = "approved"
    REJECTED = "rejected"
    CHANGES_REQUESTED = "changes_requested", "Sent back"


class ApprovalDecision(AppendOnlyModel):
    """What one person said to one step, and the hash of what they saw."""

    public_id = PublicIdField("dec")
    approval = models.ForeignKey(Approval, models.PROTECT, related_name="decisions")
    step = models.ForeignKey(ApprovalStep, models.PROTECT, related_name="+")
    # As with assignments: without a constraint, nobody who decides waits for whoever moves people.
    actor = models.ForeignKey(Membership, models.PROTECT, db_constraint=False, related_name="+")
    instead_of = models.ForeignKey(Membership, models.PROTECT, null=True, db_constraint=False, related_name="+")
    outcome = MachineTextField(max_length=20, choices=Outcome)
    reason = models.CharField(max_length=500, default="")
    seen = MachineTextField(max_length=64)
    at = models.DateTimeField()

    vouched_for_by = "approval"

    class Meta:
        db_table = "approval_decisions"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["step", "actor"], name="approval_decisions_once"),
        ]

    def __str__(self) -> str:
        return f"{self.public_id} ({self.outcome})"


class DelegationState(models.TextChoices):
    AHEAD = "ahead", "To come"
    LIVE = "live", "Now"
    OVER = "over", "Over"


class Delegation(TenantModel):
    """While somebody is away, another decides for them as well. `state` is what was last acted on: the worker follows the clock.

    One that was ended early is over, whatever its days say.
    """

    public_id = PublicIdField("dlg")
    member = models.ForeignKey(Membership, models.PROTECT, related_name="+")
    to = models.ForeignKey(Membership, models.PROTECT, related_name="+")
    starts_on = models.DateField()
    # Included.
    ends_on = models.DateField()
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    state = MachineTextField(max_length=5, choices=DelegationState)
    created_by = models.ForeignKey(Membership, models.PROTECT, related_name="+")
    created_at = models.DateTimeField()

    class Meta:
        db_table = "delegations"
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["state", "starts_at"], name="delegations_to_start"),
            models.Index(fields=["state", "ends_at"], name="delegations_to_end"),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=models.Q(starts_at__lt=models.F("ends_at")), name="delegations_in_order"),
        ]

    def __str__(self) -> str:
        return f"{self.public_id} ({self.state})"

    @property
    def owned_by(self) -> Membership:
        return self.member

    def state_at(self, at: datetime) -> DelegationState:
        """What it is by the clock, if nobody ended it."""
        if at < self.starts_at:
            return DelegationState.AHEAD
        return DelegationState.LIVE if at < self.ends_at else DelegationState.OVER
