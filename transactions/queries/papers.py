"""What purchases miss, and who still has to add it."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, Q, QuerySet

from transactions import policies
from transactions.chasing import UNFINISHED
from transactions.models import Approval, ApprovalState, ApprovalStatus, Transaction
from users.models import Membership

ANY = "any"
# What whoever decided said no to, for now or for good.
SAID_NO = (ApprovalState.CHANGES_REQUESTED, ApprovalState.REJECTED)


def where_missing(item: str) -> Q:
    """Purchases whose owners still have to add an item, or `any`."""
    return ~Q(missing="") if item == ANY else Q(missing__contains=item)


_TO_DO = (ApprovalState.OPEN, ApprovalState.CHANGES_REQUESTED)


def to_do(member: Membership) -> QuerySet[Transaction]:
    """This member's own purchases that they still have to submit: those that were sent back, then the oldest first."""
    rows = Transaction.objects.filter(member=member, approval__in=_TO_DO).with_names()
    return rows.order_by("approval", "occurred_on", "pk")


def with_refusals(purchases: list[Transaction]) -> list[Transaction]:
    """Each with `refusal`: the approval that sent it back or rejected it, or None. One query for any number."""
    back = [purchase.pk for purchase in purchases if purchase.approval in SAID_NO]
    refused = [ApprovalStatus.CHANGES_REQUESTED, ApprovalStatus.REJECTED]
    rows = Approval.objects.filter(transaction__in=back, status__in=refused).select_related("decided_by__user").order_by("pk")
    latest = {row.transaction_id: row for row in rows}
    for purchase in purchases:
        purchase.refusal = latest.get(purchase.pk)  # type: ignore[attr-defined]
    return purchases


@dataclass(frozen=True, slots=True)
class Backlog:
    """How many of a company's purchases still wait for what."""

    missing_receipt: int
    not_submitted: int
    waiting: int
    to_do: int


def backlog(member: Membership) -> Backlog:
    """One query over the purchases that nobody has approved yet; `to_do` is how many of them this member still has to submit."""
    counts = Transaction.objects.filter(approval__in=UNFINISHED).aggregate(
        missing_receipt=Count("pk", filter=where_missing(policies.RECEIPT)),
        not_submitted=Count("pk", filter=Q(approval=ApprovalState.OPEN)),
        waiting=Count("pk", filter=Q(approval=ApprovalState.WAITING)),
        to_do=Count("pk", filter=Q(member=member, approval__in=_TO_DO)),
    )
    return Backlog(**counts)
