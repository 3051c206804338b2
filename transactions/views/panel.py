"""One transaction with all that is shown beside it, and what its reader may do there, as plain data for the template."""

from __future__ import annotations

from typing import Any

from cards.models import CardStatus
from transactions import queries
from transactions.decisions import Explanation
from transactions.models import Approval, ApprovalState, Repayment, Transaction, TransactionSource, TransactionStatus
from transactions.operations import approvals, claims
from users.models import Membership

# Beside a purchase; the rest is on the page of receipts.
MOST_FROM_INBOX = 8


def detail(member: Membership, row: Transaction, offered: queries.Choices | None = None) -> dict[str, Any]:
    """All that is shown of a transaction `with_names` but what happened to it. `offered`: what it can be given, where that was read."""
    asked = Approval.objects.filter(transaction=row).select_related("transaction__member", "policy", "decided_by__user")
    latest = next(iter(queries.with_steps(list(asked.order_by("-pk")[:1]))), None)
    waiting = latest if latest and latest.open_key else None
    row.refusal = latest if row.approval in queries.SAID_NO else None  # type: ignore[attr-defined]
    may_describe = member.may("transactions.describe", row) and row.status != TransactionStatus.DECLINED
    refusal = queries.decision_of(row, member) if row.status == TransactionStatus.DECLINED else None
    return {
        "row": row,
        "receipts": queries.papers_of([row.pk]).get(row.pk, []),
        "inbox": list(queries.inbox(member)[:MOST_FROM_INBOX]) if may_describe else [],
        "refusal": refusal,
        **(_way_out(row, refusal, member) if refusal else {}),
        "approval": latest if row.approval not in {ApprovalState.NONE, ApprovalState.OPEN} else None,
        "waiting": waiting,
        "may_describe": may_describe,
        "may_attach": may_describe and row.status != TransactionStatus.DECLINED,
        "may_submit": row.approval in approvals.SUBMITTABLE and member.may("transactions.submit", row),
        "may_withdraw": bool(waiting) and member.may("transactions.submit", row),
        "may_decide": bool(waiting) and member.pk in {one.member.pk for one in waiting.waits_for},  # type: ignore[union-attr]
        "may_say": member.may("comments.say"),
        "repayment": _repayment(row, member),
        "may_see_books": row.status != TransactionStatus.DECLINED and member.may("books.see"),
        "may_settle": member.may("repayments.settle") and row.member_id != member.pk,
        **(_claim(row, member) if row.source == TransactionSource.CLAIM else {}),
        **_coding(row, member, offered, may_describe=may_describe),
    }


def _claim(row: Transaction, member: Membership) -> dict[str, Any]:
    """Where the money of a claim is, and what may be done to it."""
    queries.with_claim([row])
    is_mine = member.may("claims.change", row)
    is_there = row.status in {TransactionStatus.PENDING, TransactionStatus.POSTED} and row.approval != ApprovalState.REJECTED
    return {
        "may_change": is_mine and row.status == TransactionStatus.PENDING and row.approval in claims.CHANGEABLE,
        "may_cancel": is_mine and is_there and row.payment in {None, queries.UNPAID},  # type: ignore[attr-defined]  # by the query
        "may_see_batch": member.may("reimbursements.see"),
    }


def _repayment(row: Transaction, member: Membership) -> Repayment | None:
    """Nothing is asked back of what waits for a yes or has one."""
    if row.approval in {ApprovalState.WAITING, ApprovalState.APPROVED}:
        return None
    return next(iter(queries.with_outstanding(queries.repayments(member).filter(transaction=row))), None)


def _coding(row: Transaction, member: Membership, offered: queries.Choices | None, *, may_describe: bool) -> dict[str, Any]:
    """The parts and tags of a transaction, and what may be chosen for it."""
    queries.with_parts([row])
    may_assign = may_describe and member.may("transactions.assign")
    is_lost = row.source == TransactionSource.STATEMENT and row.approval in {ApprovalState.NONE, ApprovalState.OPEN}
    if offered is None:
        offered = queries.choices(**queries.codable(row)) if may_describe else {}
    return {
        "may_split": may_describe and row.status in {TransactionStatus.PENDING, TransactionStatus.POSTED},
        "categories": offered.get("categories", []),
        "tags": offered.get("tags", []),
        "carried": {tag.public_id for tag in row.tags},  # type: ignore[attr-defined]
        "departments": offered.get("departments", []) if may_assign else [],
        "owners": list(Membership.objects.active().select_related("user").order_by("user__name")) if may_assign and is_lost else [],
    }


# What a grant makes room for, so that whoever carries the card asks for it; and what may need nobody else, as a freeze of one's own.
_ASKED_FOR, _DONE_ALONE = {"raise_limit", "grant"}, {"use_another_card", "ask", "lift_freeze", "none"}


def _way_out(row: Transaction, refusal: Explanation, member: Membership) -> dict[str, Any]:
    """What a reader is told to do about a decline: to ask for so much more, where they carry the card; and what else it takes."""
    runs_cards = bool(row.card and member.may("cards.control", row.card))
    card = row.card if row.card and row.card.holder_id == member.pk and not runs_cards and member.may("requests.ask") else None
    wanted = [change.amount for change in refusal.changes if change.amount and change.what in _ASKED_FOR]
    is_asked = bool(wanted and card and card.status in {CardStatus.ACTIVE, CardStatus.PENDING})
    rest = [change for change in refusal.changes if not (is_asked and change.what in _ASKED_FOR)]
    return {
        "more": max(wanted) if is_asked else None,
        "advice": rest,
        "is_for_others": not runs_cards and any(change.what not in _DONE_ALONE for change in rest),
    }
