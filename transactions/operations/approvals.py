"""From paper to a yes: submit a purchase, decide about it, take a decision back when what was decided on has changed.

Locks: the card, whose counters may give room back, then the transaction's row, the lock of its approvals and receipts too.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from companies.models import Company
from spendtrackr import errors, events
from spendtrackr.retry import operation
from transactions import chasing, claims, draws, policies, queries, repayments, splits
from transactions.locks import lock_purchase
from transactions.models import (
    OPEN_KEY,
    Approval,
    ApprovalDecision,
    ApprovalState,
    ApprovalStatus,
    Assignment,
    Outcome,
    StepStatus,
    Transaction,
    TransactionSource,
    TransactionStatus,
)
from transactions.operations import steps
from transactions.policies import Verdict
from users.models import Membership


class ItemsMissing(errors.InvalidState):
    """Something is still to be added; `missing_items` of the transaction says what."""

    code = "items_missing"


class Stale(errors.Stale):
    """What is decided about is not what was looked at."""

    message = "This purchase changed since you looked at it. Look again, then decide."


@operation
def submit(purchase: Transaction, *, actor: Membership, at: datetime) -> Transaction:
    """Ask for a yes: of those whom the policy names, or of nobody where it approves by itself.

    Raises `ItemsMissing`, or `InvalidState` where nothing is to be asked.
    """
    purchase = lock_purchase(purchase)
    if purchase.approval not in SUBMITTABLE:
        raise errors.InvalidState(_CANNOT_SUBMIT[ApprovalState(purchase.approval)])
    company = actor.company
    rules, facts = queries.rules_now(company), queries.facts_of(purchase)
    verdict = policies.judge(facts, rules)
    if missing := policies.missing(facts, verdict.required):
        raise ItemsMissing(f"Still missing: {', '.join(missing)}.", field="missing_items")
    verdict = _of_that_day_too(purchase, verdict, company)
    if verdict.is_automatic:
        return _approve_by_policy(purchase, verdict, actor=actor, at=at)
    approval = _ask(purchase, ApprovalStatus.WAITING, verdict, actor=actor, at=at)
    _move(purchase, ApprovalState.WAITING)
    events.record("approval.requested", approval, actor=actor, at=at, transaction=purchase.public_id)
    steps.write(approval, verdict.steps, facts)
    steps.open_next(approval, at=at)
    return purchase


SUBMITTABLE = frozenset({ApprovalState.OPEN, ApprovalState.CHANGES_REQUESTED})
_CANNOT_SUBMIT = {
    ApprovalState.NONE: "This transaction needs no approval.",
    ApprovalState.WAITING: "This was submitted already, and waits.",
    ApprovalState.APPROVED: "This is approved already.",
    ApprovalState.REJECTED: "This was rejected, and cannot be submitted again.",
}


@operation
def withdraw(purchase: Transaction, *, actor: Membership, at: datetime) -> Transaction:
    """Take a request back, to change something before anybody decides. Raises `InvalidState` where nothing waits."""
    purchase = lock_purchase(purchase)
    if purchase.approval != ApprovalState.WAITING:
        raise errors.InvalidState("This does not wait for a yes.")
    void(purchase, because="withdrawn", actor=actor, at=at)
    settle(purchase, at=at)
    return purchase


@dataclass(frozen=True, slots=True)
class Answer:
    """What an approver says. `looked_at` is the approval's `seen` as they were shown it; blank is not asked about."""

    outcome: Outcome
    reason: str = ""
    looked_at: str = ""


@operation
def decide(approval: Approval, said: Answer, *, actor: Membership, at: datetime) -> Approval:
    """Say yes to the step that waits, send the purchase back for changes, or reject it for good.

    Raises `Forbidden` unless it waits for this member, `InvalidState` when it does not wait any more, `Stale` when amount, coding or
    papers are others than those that were looked at.
    """
    purchase = lock_purchase(approval.transaction)
    approval = Approval.objects.select_related("policy", "company").get(pk=approval.pk)
    if approval.status != ApprovalStatus.WAITING:
        raise errors.InvalidState(f"This request does not wait any more: it is {approval.get_status_display().lower()}.")
    approval.transaction = purchase
    step = steps.waiting_step(approval)
    mine = list(Assignment.objects.filter(step=step, member=actor, open_key=OPEN_KEY).select_related("instead_of"))
    if not mine or purchase.member_id == actor.pk:
        raise errors.Forbidden("This waits for somebody else.")
    if said.looked_at and said.looked_at != approval.seen:
        raise Stale(field="seen")
    reason = said.reason.strip()
    if said.outcome != Outcome.APPROVED and not reason:
        raise errors.Invalid("Say why, so that they know what to do.", field="reason", code="required")
    ApprovalDecision.objects.create(
        approval=approval,
        step=step,
        actor=actor,
        instead_of=mine[0].instead_of,
        outcome=said.outcome,
        reason=reason,
        seen=approval.seen,
        at=at,
    )
    if said.outcome == Outcome.APPROVED:
        steps.answer(step, mine, at=at)
        if not _step_is_over(approval, step, at=at):
            events.record("approval.agreed", approval, actor=actor, at=at, transaction=purchase.public_id, step=step.position)
            return approval
    return _end(approval, ApprovalStatus(said.outcome), reason=reason, actor=actor, at=at)


def _step_is_over(approval: Approval, step: Any, *, at: datetime) -> bool:
    """Whether that was the last yes that is needed; if another step follows, it is asked for."""
    if not steps.is_answered(step):
        return False
    steps.close(step, StepStatus.APPROVED, at=at)
    return not steps.open_next(approval, at=at)


def _end(approval: Approval, status: ApprovalStatus, *, reason: str, actor: Membership, at: datetime) -> Approval:
    approval.status, approval.open_key = status, None
    approval.decided_by, approval.decided_at, approval.reason = actor, at, reason
    approval.save(update_fields=["status", "open_key", "decided_by", "decided_at", "reason"])
    steps.close_all(approval, at=at)
    purchase = approval.transaction
    _follow_up(purchase, status, at=at)
    _move(purchase, ApprovalState(status))
    events.record(f"approval.{status}", approval, actor=actor, at=at, transaction=purchase.public_id, **chasing.whose(purchase))
    settle(purchase, at=at)
    return approval


def _follow_up(purchase: Transaction, status: ApprovalStatus, *, at: datetime) -> None:
    """What a decision means for money: a claim is booked or falls; what was bought and rejected is to be repaid."""
    if purchase.source == TransactionSource.CLAIM:
        if status == ApprovalStatus.APPROVED:
            claims.book(purchase, at=at)
        elif status == ApprovalStatus.REJECTED:
            purchase.status, purchase.decline_code = TransactionStatus.DECLINED, "rejected"
            purchase.save(update_fields=["status", "decline_code"])
    elif status == ApprovalStatus.REJECTED:
        repayments.ask(purchase, at=at)


@dataclass(frozen=True, slots=True)
class Done:
    """What became of one of several decisions: the approval, or the refusal."""

    approval: Approval
    refusal: errors.DomainError | None = None


def decide_all(answers: Iterable[tuple[Approval, Answer]], *, actor: Membership, at: datetime) -> list[Done]:
    """Each by itself: one that is refused does not hold up the others."""
    return [_try(approval, said, actor=actor, at=at) for approval, said in answers]


def _try(approval: Approval, said: Answer, *, actor: Membership, at: datetime) -> Done:
    try:
        return Done(decide(approval, said, actor=actor, at=at))
    except errors.DomainError as refusal:
        return Done(approval, refusal)


def settle(purchase: Transaction, *, at: datetime) -> None:
    """Keep what it misses in step with what is there; approve by the policy what is complete, posted and needs nobody's yes.

    The caller holds the purchase's lock.
    """
    if purchase.approval not in chasing.UNFINISHED and not purchase.missing:
        return
    company, was_overdue = purchase.company, purchase.overdue_since is not None
    rules, facts = queries.rules_now(company), queries.facts_of(purchase)
    if chasing.look(purchase, facts, rules, company, at=at):
        purchase.save(update_fields=chasing.FIELDS)
    if was_overdue and purchase.overdue_since is None:
        chasing.lift_freezes(purchase, at=at)
    if purchase.approval == ApprovalState.WAITING:
        Approval.objects.filter(transaction=purchase, open_key=OPEN_KEY).update(seen=seen(purchase))
    if purchase.approval != ApprovalState.OPEN or purchase.status != TransactionStatus.POSTED or purchase.missing:
        return
    verdict = policies.judge(facts, rules)
    if verdict.is_automatic and (verdict := _of_that_day_too(purchase, verdict, company)).is_automatic:
        _approve_by_policy(purchase, verdict, actor=None, at=at)


def papers_changed(purchase: Transaction, *, removed: bool, actor: Membership | None, at: datetime) -> None:
    """A receipt or the coding changed. Something taken away voids what was decided on it; something added may complete it."""
    if removed:
        void(purchase, because="papers_removed", actor=actor, at=at)
    settle(purchase, at=at)


def void(purchase: Transaction, *, because: str, actor: Membership | None, at: datetime) -> None:
    """Take a request or a yes back: what was seen is no longer what is there. The caller holds the purchase's lock."""
    if purchase.approval not in {ApprovalState.WAITING, ApprovalState.APPROVED}:
        return
    if purchase.source == TransactionSource.CLAIM and purchase.approval == ApprovalState.APPROVED:
        claims.take_back(purchase, at=at)
    standing = Approval.objects.filter(transaction=purchase, status__in=[ApprovalStatus.WAITING, ApprovalStatus.APPROVED])
    for approval in standing.order_by("pk"):
        approval.status, approval.open_key = ApprovalStatus.VOID, None
        approval.save(update_fields=["status", "open_key"])
        steps.close_all(approval, at=at)
        told = {"transaction": purchase.public_id, "because": because, **chasing.whose(purchase)}
        events.record("approval.voided", approval, actor=actor, at=at, **told)
    _move(purchase, ApprovalState.OPEN)


def amount_changed(purchase: Transaction, *, before_minor: int, at: datetime) -> None:
    """The network said something. More money than was seen voids a yes; a purchase that came to nothing needs none."""
    if purchase.status != TransactionStatus.DECLINED and not purchase.held_minor and not purchase.captured_minor:
        void(purchase, because="reversed", actor=None, at=at)
        come_to_nothing(purchase, at=at)
        return
    if purchase.amount_minor > before_minor:
        void(purchase, because="amount_raised", actor=None, at=at)
    settle(purchase, at=at)


def come_to_nothing(purchase: Transaction, *, at: datetime) -> None:
    """Nobody's yes is needed any more, and nothing is missing."""
    _move(purchase, ApprovalState.NONE)
    settle(purchase, at=at)


def seen(purchase: Transaction) -> str:
    """What a decision is bound to: amount, coding and papers, as one hash."""
    return seen_as(purchase, queries.hashes_on(purchase), splits.parts_of(purchase))


def seen_as(purchase: Any, papers: list[str | None], parts: Iterable[Any]) -> str:
    """The same of a row that was read elsewhere, with the hashes of its papers, and the parts of its split, in their order."""
    said = [purchase.public_id, purchase.amount_minor, purchase.currency, purchase.category_id, purchase.memo, purchase.no_receipt_reason]
    coded = splits.as_seen(parts)
    return hashlib.sha256(json.dumps([*said, papers, *([coded] if coded else [])]).encode()).hexdigest()


def _of_that_day_too(purchase: Transaction, verdict: Verdict, company: Company) -> Verdict:
    """Where today's policy approves by itself, what that of the day of the purchase says: nobody loosens it for what they bought before."""
    if not verdict.is_automatic:
        return verdict
    return policies.judge(queries.facts_of(purchase), queries.rules_at(company, purchase.occurred_at))


def _approve_by_policy(purchase: Transaction, verdict: Verdict, *, actor: Membership | None, at: datetime) -> Transaction:
    approval = _ask(purchase, ApprovalStatus.APPROVED, verdict, actor=actor, at=at)
    _follow_up(purchase, ApprovalStatus.APPROVED, at=at)
    _move(purchase, ApprovalState.APPROVED)
    events.record("approval.approved", approval, actor=None, at=at, transaction=purchase.public_id, because="policy")
    settle(purchase, at=at)
    return purchase


def _ask(purchase: Transaction, status: ApprovalStatus, verdict: Verdict, *, actor: Membership | None, at: datetime) -> Approval:
    is_waiting = status == ApprovalStatus.WAITING
    return Approval.objects.create(
        transaction=purchase,
        status=status,
        amount_minor=purchase.amount_minor,
        seen=seen(purchase),
        policy=queries.in_force(),
        rule=verdict.rule,
        flags="\n".join(verdict.flags),
        asked_by=actor,
        asked_at=at,
        decided_at=None if is_waiting else at,
        open_key=OPEN_KEY if is_waiting else None,
    )


def _move(purchase: Transaction, state: ApprovalState) -> None:
    if purchase.approval == state:
        return
    draws.approval_moved(purchase, from_=ApprovalState(purchase.approval), to=state)
    purchase.approval = state
    purchase.save(update_fields=["approval"])
