"""From paper to a yes: submit a purchase, decide about it, take a decision back when what was decided on has changed.

Locks: the transaction's row, which is the lock of its approvals and receipts too.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime

from spendtrackr import errors, events
from spendtrackr.retry import operation
from transactions import policies, queries
from transactions.models import Approval, ApprovalState, ApprovalStatus, Receipt, Transaction, TransactionStatus
from users.models import Membership
from users.queries import approvers_of

OPEN_KEY = "open"


class ItemsMissing(errors.InvalidState):
    """Something is still to be added; `missing_items` of the transaction says what."""

    code = "items_missing"


def lock(purchase: Transaction) -> Transaction:
    """The purchase, read again and locked until the transaction ends."""
    return Transaction.objects.select_for_update().get(pk=purchase.pk)


@operation
def submit(purchase: Transaction, *, actor: Membership, at: datetime) -> Transaction:
    """Ask for a yes. Below the company's amount it comes at once. Raises `ItemsMissing`, or `InvalidState` where nothing is to be asked."""
    purchase = lock(purchase)
    if purchase.approval not in {ApprovalState.OPEN, ApprovalState.REJECTED}:
        raise errors.InvalidState(_CANNOT_SUBMIT[ApprovalState(purchase.approval)])
    rules = queries.rules_of(actor.company)
    if missing := policies.missing(queries.papers_of(purchase), rules):
        raise ItemsMissing(f"Still missing: {', '.join(missing)}.", field="missing_items")
    if rules.approves_by_itself(purchase.amount_minor, purchase.currency):
        return _approve_by_rule(purchase, actor=actor, at=at)
    approval = _ask(purchase, ApprovalStatus.WAITING, actor=actor, at=at)
    _move(purchase, ApprovalState.WAITING)
    events.record("approval.requested", approval, actor=actor, at=at, transaction=purchase.public_id)
    return purchase


_CANNOT_SUBMIT = {
    ApprovalState.NONE: "This transaction needs no approval.",
    ApprovalState.WAITING: "This was submitted already, and waits.",
    ApprovalState.APPROVED: "This is approved already.",
}


@operation
def decide(approval: Approval, *, approved: bool, reason: str = "", actor: Membership, at: datetime) -> Approval:
    """Say yes or no. Raises `Forbidden` unless it waits for this member, `InvalidState` when it does not wait any more."""
    purchase = lock(approval.transaction)
    approval = Approval.objects.get(pk=approval.pk)
    if approval.status != ApprovalStatus.WAITING:
        raise errors.InvalidState(f"This request does not wait any more: it is {approval.status}.")
    if purchase.member is None or actor.pk not in {member.pk for member in approvers_of(purchase.member)}:
        raise errors.Forbidden("This waits for somebody else.")
    if not approved and not reason.strip():
        raise errors.Invalid("Say why, so that they know what to do.", field="reason", code="required")
    outcome = ApprovalStatus.APPROVED if approved else ApprovalStatus.REJECTED
    approval.status, approval.open_key, approval.seen = outcome, None, seen(purchase)
    approval.decided_by, approval.decided_at, approval.reason = actor, at, reason.strip()
    approval.save(update_fields=["status", "open_key", "seen", "decided_by", "decided_at", "reason"])
    _move(purchase, ApprovalState(outcome))
    events.record(f"approval.{outcome}", approval, actor=actor, at=at, transaction=purchase.public_id)
    return approval


def settle(purchase: Transaction, *, at: datetime) -> None:
    """Approve by the company's rule what is complete, posted and small enough. The caller holds the purchase's lock."""
    if purchase.approval != ApprovalState.OPEN or purchase.status != TransactionStatus.POSTED:
        return
    rules = queries.rules_of(purchase.company)
    if rules.approves_by_itself(purchase.amount_minor, purchase.currency) and not policies.missing(queries.papers_of(purchase), rules):
        _approve_by_rule(purchase, actor=None, at=at)


def papers_changed(purchase: Transaction, *, removed: bool, actor: Membership | None, at: datetime) -> None:
    """A receipt or the coding changed. Something taken away voids what was decided on it; something added may complete it."""
    if removed:
        void(purchase, because="papers_removed", actor=actor, at=at)
    settle(purchase, at=at)


def void(purchase: Transaction, *, because: str, actor: Membership | None, at: datetime) -> None:
    """Take a request or a yes back: what was seen is no longer what is there. The caller holds the purchase's lock."""
    if purchase.approval not in {ApprovalState.WAITING, ApprovalState.APPROVED}:
        return
    standing = Approval.objects.filter(transaction=purchase, status__in=[ApprovalStatus.WAITING, ApprovalStatus.APPROVED])
    for approval in standing.order_by("pk"):
        approval.status, approval.open_key = ApprovalStatus.VOID, None
        approval.save(update_fields=["status", "open_key"])
        events.record("approval.voided", approval, actor=actor, at=at, transaction=purchase.public_id, because=because)
    _move(purchase, ApprovalState.OPEN)


def amount_changed(purchase: Transaction, *, before_minor: int, at: datetime) -> None:
    """The network said something. More money than was seen voids a yes; a purchase that came to nothing needs none."""
    if purchase.status == TransactionStatus.REVERSED:
        void(purchase, because="reversed", actor=None, at=at)
        _move(purchase, ApprovalState.NONE)
        return
    if purchase.amount_minor > before_minor:
        void(purchase, because="amount_raised", actor=None, at=at)
    settle(purchase, at=at)


def seen(purchase: Transaction) -> str:
    """What a decision is bound to: amount, coding and papers, as one hash."""
    papers = Receipt.objects.filter(transaction=purchase, attached_hash__isnull=False).order_by("attached_hash")
    said = [purchase.public_id, purchase.amount_minor, purchase.currency, purchase.category_id, purchase.memo]
    return hashlib.sha256(json.dumps([*said, list(papers.values_list("attached_hash", flat=True))]).encode()).hexdigest()


def _approve_by_rule(purchase: Transaction, *, actor: Membership | None, at: datetime) -> Transaction:
    approval = _ask(purchase, ApprovalStatus.APPROVED, actor=actor, at=at)
    _move(purchase, ApprovalState.APPROVED)
    events.record("approval.approved", approval, actor=None, at=at, transaction=purchase.public_id, because="below_company_amount")
    return purchase


def _ask(purchase: Transaction, status: ApprovalStatus, *, actor: Membership | None, at: datetime) -> Approval:
    is_waiting = status == ApprovalStatus.WAITING
    return Approval.objects.create(
        transaction=purchase,
        status=status,
        amount_minor=purchase.amount_minor,
        seen=seen(purchase),
        asked_by=actor,
        asked_at=at,
        decided_at=None if is_waiting else at,
        open_key=OPEN_KEY if is_waiting else None,
    )


def _move(purchase: Transaction, state: ApprovalState) -> None:
    purchase.approval = state
    purchase.save(update_fields=["approval"])
