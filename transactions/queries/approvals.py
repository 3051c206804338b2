"""Requests for a yes: who sees them, whom they wait for, and what they add up to."""

from __future__ import annotations

from collections import defaultdict

from django.db.models import QuerySet

from spendtrackr.money import Money
from transactions.models import Approval, ApprovalStatus, Receipt
from users.models import Membership
from users.queries import approvers_of_all, waiting_on


def visible_approvals(member: Membership) -> QuerySet[Approval]:
    """Those of the transactions that this member may see, with the names that they are shown with."""
    rows = Approval.objects.select_related(
        "transaction__member__user", "transaction__merchant", "transaction__category", "asked_by", "decided_by__user"
    )
    return rows if member.sees("approvals") else rows.filter(transaction__member__in=member.team)


def waiting_for(member: Membership) -> QuerySet[Approval]:
    """What this member decides about, the oldest first."""
    return visible_approvals(member).filter(open_key__isnull=False, transaction__member__in=waiting_on(member)).order_by("pk")


def with_approvers(approvals: list[Approval]) -> list[Approval]:
    """Each with `waits_for`: the members of whom any one decides; nobody where nothing waits."""
    waiting = [approval for approval in approvals if approval.status == ApprovalStatus.WAITING]
    found = approvers_of_all(approval.owned_by for approval in waiting) if waiting else {}
    for approval in approvals:
        approval.waits_for = found[approval.owned_by.pk] if approval.open_key else []  # type: ignore[attr-defined]
    return approvals


def with_receipts(approvals: list[Approval]) -> list[Approval]:
    """Each with `papers`: the receipts of its purchase, in one query."""
    found: dict[int, list[Receipt]] = defaultdict(list)
    purchases = [approval.transaction_id for approval in approvals]
    for receipt in Receipt.objects.filter(transaction__in=purchases, attached_hash__isnull=False).order_by("pk"):
        found[receipt.transaction_id].append(receipt)
    for approval in approvals:
        approval.papers = found[approval.transaction_id]  # type: ignore[attr-defined]
    return approvals


def totals_of(approvals: list[Approval]) -> list[Money]:
    """What they add up to, one sum a currency."""
    sums: dict[str, int] = defaultdict(int)
    for approval in approvals:
        sums[approval.transaction.currency] += approval.amount_minor
    return [Money(minor, currency) for currency, minor in sorted(sums.items())]
