"""From paper to a yes: submit a purchase, decide about it, take a decision back when what was decided on has changed.

Locks: the card, whose counters may give room back, then the transaction's row, the lock of its approvals and receipts too.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import datetime
from typing import Any

from spendtrackr import errors, events
from spendtrackr.retry import operation
from transactions import draws, policies, queries
from transactions.locks import lock_purchase
from transactions.models import Approval, ApprovalState, ApprovalStatus, Receipt, Transaction, TransactionStatus
from users.models import Membership
from users.queries import approvers_of

OPEN_KEY = "open"


class ItemsMissing(errors.InvalidState):
    """Something is still to be added; `missing_items` of the transaction says what."""

    code = "items_missing"


class Stale(errors.DomainError):
    """What is decided about is not what was looked at."""

    status, code = 412, "stale"
    message = "This purchase changed since you looked at it. Look again, then decide."


@operation
def submit(purchase: Transaction, *, actor: Membership, at: datetime) -> Transaction:
    """Ask for a yes. Below the company's amount it comes at once. Raises `ItemsMissing`, or `InvalidState` where nothing is to be asked."""
    purchase = lock_purchase(purchase)
    if purchase.approval not in {ApprovalState.OPEN, ApprovalState.REJECTED}:
        raise errors.InvalidState(_CANNOT_SUBMIT[ApprovalState(purchase.approval)])
    rules = queries.rules_of(actor.company)
    if missing := policies.missing(queries.papers_of(purchase), rules):
        raise ItemsMissing(f"Still missing: {', '.join(missing)}.", field="missing_items")
    if _approves_by_itself(purchase, rules):
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
def decide(approval: Approval, *, approved: bool, reason: str = "", looked_at: str = "", actor: Membership, at: datetime) -> Approval:
    """Say yes or no. Raises `Forbidden` unless it waits for this member, `InvalidState` when it does not wait any more.

    `looked_at` is the approval's `seen` as the member was shown it: raises `Stale` when amount, coding or papers are others by now.
    """
    purchase = lock_purchase(approval.transaction)
    approval = Approval.objects.get(pk=approval.pk)
    if approval.status != ApprovalStatus.WAITING:
        raise errors.InvalidState(f"This request does not wait any more: it is {approval.status}.")
    if purchase.member is None or actor.pk not in {member.pk for member in approvers_of(purchase.member)}:
        raise errors.Forbidden("This waits for somebody else.")
    if looked_at and looked_at != approval.seen:
        raise Stale(field="seen")
    if not approved and not reason.strip():
        raise errors.Invalid("Say why, so that they know what to do.", field="reason", code="required")
    outcome = ApprovalStatus.APPROVED if approved else ApprovalStatus.REJECTED
    approval.status, approval.open_key = outcome, None
    approval.decided_by, approval.decided_at, approval.reason = actor, at, reason.strip()
    approval.save(update_fields=["status", "open_key", "decided_by", "decided_at", "reason"])
    _move(purchase, ApprovalState(outcome))
    events.record(f"approval.{outcome}", approval, actor=actor, at=at, transaction=purchase.public_id)
    return approval


def settle(purchase: Transaction, *, at: datetime) -> None:
    """Approve by the company's rule what is complete, posted and small enough; keep what waits in step with what there is to see.

    The caller holds the purchase's lock.
    """
    if purchase.approval == ApprovalState.WAITING:
        Approval.objects.filter(transaction=purchase, open_key=OPEN_KEY).update(seen=seen(purchase))
    if purchase.approval != ApprovalState.OPEN or purchase.status != TransactionStatus.POSTED:
        return
    rules = queries.rules_of(purchase.company)
    if _approves_by_itself(purchase, rules) and not policies.missing(queries.papers_of(purchase), rules):
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
    if purchase.status != TransactionStatus.DECLINED and not purchase.held_minor and not purchase.captured_minor:
        void(purchase, because="reversed", actor=None, at=at)
        _move(purchase, ApprovalState.NONE)
        return
    if purchase.amount_minor > before_minor:
        void(purchase, because="amount_raised", actor=None, at=at)
    settle(purchase, at=at)


def seen(purchase: Transaction) -> str:
    """What a decision is bound to: amount, coding and papers, as one hash."""
    papers = Receipt.objects.filter(transaction=purchase, attached_hash__isnull=False).order_by("attached_hash")
    return seen_as(purchase, list(papers.values_list("attached_hash", flat=True)))


def seen_as(purchase: Any, papers: list[str | None]) -> str:
    """The same of a row that was read elsewhere, with the hashes of its papers in their order."""
    said = [purchase.public_id, purchase.amount_minor, purchase.currency, purchase.category_id, purchase.memo]
    return hashlib.sha256(json.dumps([*said, papers]).encode()).hexdigest()


def _approves_by_itself(purchase: Transaction, rules: policies.Rules) -> bool:
    """By the rule of today and by that of the day of the purchase: whoever changes the rule does not approve what they bought before."""
    that_day = replace(rules, auto_approve_below_minor=purchase.auto_approve_below_minor)
    # With what is still on hold: a yes gives its room back as well.
    most = max(purchase.amount_minor, purchase.captured_minor + purchase.held_minor)
    return all(each.approves_by_itself(most, purchase.currency) for each in (rules, that_day))


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
    draws.approval_moved(purchase, from_=ApprovalState(purchase.approval), to=state)
    purchase.approval = state
    purchase.save(update_fields=["approval"])
