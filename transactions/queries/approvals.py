"""Requests for a yes: who sees them, with whom they are and why, what was said, and what they add up to."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Exists, OuterRef, Q, QuerySet

from spendtrackr.money import Money
from transactions.models import (
    OPEN_KEY,
    Approval,
    ApprovalDecision,
    ApprovalStatus,
    ApprovalStep,
    Assignment,
    Because,
    Delegation,
    StepStatus,
)
from transactions.policies import Approver, approver_in_words, asks
from transactions.queries.purchases import asked_about
from transactions.queries.receipts import papers_of
from users.models import Membership

# Why an approval waits although nobody is asked.
NO_ELIGIBLE_APPROVER = "no_eligible_approver"


def visible_approvals(member: Membership) -> QuerySet[Approval]:
    """Those of the people below, and those that wait for this member or were decided by them, with all that they are shown with."""
    rows = Approval.objects.select_related(
        "transaction__member__user", "transaction__merchant", "transaction__category", "asked_by", "decided_by__user", "policy"
    )
    if member.sees("approvals"):
        return rows
    return rows.filter(Q(transaction__member__in=member.team) | asked_about(member, "pk"))


def waiting_for(member: Membership) -> QuerySet[Approval]:
    """What this member decides about, the oldest first."""
    mine = Assignment.objects.filter(member=member, open_key=OPEN_KEY).values("step__approval_id")
    return visible_approvals(member).filter(pk__in=mine).order_by("pk")


def waiting_steps(public_id: str | None) -> QuerySet[ApprovalStep]:
    """The steps that wait for this member's yes; None for those that wait although nobody is asked."""
    steps = ApprovalStep.objects.filter(open_key=OPEN_KEY)
    asked = Assignment.objects.filter(open_key=OPEN_KEY)
    if public_id is None:
        return steps.exclude(Exists(asked.filter(step=OuterRef("pk"))))
    return steps.filter(pk__in=asked.filter(member__public_id=public_id).values("step_id"))


def delegations(member: Membership) -> QuerySet[Delegation]:
    """All for those who look after people, else those by this member and those to them."""
    rows = Delegation.objects.select_related("member__user", "to__user")
    return rows if member.sees("delegations") else rows.filter(Q(member=member) | Q(to=member))


@dataclass(frozen=True, slots=True)
class With:
    """A step is with somebody: since when, why, and for whom while they are away."""

    member: Membership
    because: Because
    instead_of: Membership | None
    since: datetime

    @property
    def says(self) -> str:
        """The end of a sentence that begins with a name: `manages them, in place of Grace`."""
        return f"{self.because.label}{self._for_whom}"

    @property
    def tells(self) -> str:
        """The same said to them."""
        return f"{_TELLS[self.because]}{self._for_whom}"

    @property
    def _for_whom(self) -> str:
        return f", in place of {self.instead_of.user.name}" if self.instead_of else ""


_TELLS = {
    Because.MANAGER: "You manage them",
    Because.MANAGERS_MANAGER: "You manage their manager",
    Because.DEPARTMENT_HEAD: "You head the department",
    Because.BUDGET_OWNER: "You own the budget",
    Because.ROLE: "You have the role that the policy asks",
    Because.MEMBER: "The policy names you",
    Because.NEXT_ABOVE: "You are the next above whoever cannot decide",
    Because.RUNS_COMPANY: "You run the company, and nobody else can decide",
    Because.ESCALATED: "Nobody answered in time",
}


@dataclass(frozen=True, slots=True)
class StepShown:
    """One step with whom it is with, what was said, and whom the policy named."""

    step: ApprovalStep
    approvers: list[tuple[Approver, Membership | None]]
    waits_for: list[With]
    decisions: list[ApprovalDecision]

    @property
    def mode(self) -> str:
        return "all" if self.step.needs_all else "any"

    @property
    def is_waiting(self) -> bool:
        return bool(self.step.status == StepStatus.WAITING)

    @property
    def asks(self) -> str:
        """Whom it asks, in words: `the manager`."""
        named = [
            approver_in_words(str(approver.kind), approver.role, member.user.name if member else "somebody")
            for approver, member in self.approvers
        ]
        return asks(named, needs_all=self.step.needs_all)


def with_steps(approvals: list[Approval]) -> list[Approval]:
    """Each with `route`, its steps, and `waits_for`, whom the one that waits is with. At most four queries for any number."""
    steps = list(ApprovalStep.objects.filter(approval__in=approvals).order_by("approval_id", "position"))
    with_: dict[int, list[With]] = defaultdict(list)
    waiting = [step for step in steps if step.open_key]
    open_ones = Assignment.objects.filter(step__in=waiting, open_key=OPEN_KEY).order_by("slot", "pk")
    for row in open_ones.select_related("member__user", "instead_of__user"):
        if row.member_id not in {one.member.pk for one in with_[row.step_id]}:
            with_[row.step_id].append(With(row.member, Because(row.because), row.instead_of, row.assigned_at))
    said: dict[int, list[ApprovalDecision]] = defaultdict(list)
    for decision in (
        ApprovalDecision.objects.filter(approval__in=approvals).select_related("actor__user", "instead_of__user").order_by("pk")
    ):
        said[decision.step_id].append(decision)
    people = Membership.objects.select_related("user").in_bulk({one.member for step in steps for one in step.named if one.member})
    route: dict[int, list[StepShown]] = defaultdict(list)
    for step in steps:
        named = [(approver, people.get(approver.member)) for approver in step.named]
        route[step.approval_id].append(StepShown(step, named, with_[step.pk], said[step.pk]))
    for approval in approvals:
        approval.route = route[approval.pk]  # type: ignore[attr-defined]
        approval.waits_for = [one for step in route[approval.pk] if step.is_waiting for one in step.waits_for]  # type: ignore[attr-defined]
    return approvals


def waits_because(approval: Approval) -> str | None:
    """Why nobody is asked although it waits. Of approvals `with_steps`."""
    is_stuck = approval.status == ApprovalStatus.WAITING and not approval.waits_for  # type: ignore[attr-defined]
    return NO_ELIGIBLE_APPROVER if is_stuck else None


def with_receipts(approvals: list[Approval]) -> list[Approval]:
    """Each with `papers`: the receipts of its purchase, in one query."""
    found = papers_of(approval.transaction_id for approval in approvals)
    for approval in approvals:
        approval.papers = found.get(approval.transaction_id, [])  # type: ignore[attr-defined]
    return approvals


def totals_of(approvals: list[Approval]) -> list[Money]:
    """What they add up to, one sum a currency."""
    sums: dict[str, int] = defaultdict(int)
    for approval in approvals:
        sums[approval.transaction.currency] += approval.amount_minor
    return [Money(minor, currency) for currency, minor in sorted(sums.items())]
