"""Papers and permission: approvals are about what is there, and receipts have their files."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from django.core.files.storage import default_storage
from django.db.models import Count, F, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from reports.verification.walking import NOBODY, PART, Told, confirmed, hanging_on, listed, parts
from transactions.models import Approval, ApprovalState, ApprovalStatus, Receipt, Transaction
from transactions.operations.approvals import seen_as

_DECIDED = {ApprovalState.WAITING, ApprovalState.APPROVED, ApprovalState.REJECTED}
# What a transaction may be after an approval of this status, where that is not just the same.
_AFTER = {
    ApprovalStatus.VOID: {ApprovalState.OPEN, ApprovalState.NONE},
    # What was sent back may come to nothing at the merchant.
    ApprovalStatus.REJECTED: {ApprovalState.REJECTED, ApprovalState.NONE},
}


def approvals(told: Told = NOBODY) -> Iterator[str]:
    """Each transaction is where its latest approval left it, and nobody approved their own."""
    for part in parts(Transaction.objects.all(), told=told):
        yield from confirmed(_approvals, part)


def _approvals(part: QuerySet[Transaction]) -> Iterator[str]:
    rows = listed(part, "public_id", "approval", "member_id", "amount_minor", "currency", "category_id", "memo")
    found: dict[int, list[Any]] = defaultdict(list)
    asked = ("public_id", "transaction_id", "status", "decided_by_id", "open_key", "seen")
    for approval in listed(hanging_on(Approval, transaction__in=part), *asked):
        found[approval.transaction_id].append(approval)
    papers = _papers([pk for pk, approvals in found.items() if approvals[-1].open_key])
    for row in rows:
        yield from _approved(row, found[row.pk], papers[row.pk])


def _papers(transactions: list[int]) -> dict[int, list[str | None]]:
    """The hashes of the receipts attached to each, in order."""
    found: dict[int, list[str | None]] = defaultdict(list)
    attached = hanging_on(Receipt, transaction_id__in=transactions).filter(attached_hash__isnull=False)
    for pk, attached_hash in attached.order_by("attached_hash").values_list("transaction_id", "attached_hash"):
        found[pk].append(attached_hash)
    return found


def _approved(row: Any, approvals: list[Any], papers: list[str | None]) -> Iterator[str]:
    for approval in approvals:
        if approval.decided_by_id and approval.decided_by_id == row.member_id:
            yield f"approval {approval.public_id} was decided by the owner of the purchase"
    if not approvals:
        if row.approval in _DECIDED:
            yield f"transaction {row.public_id} is {row.approval} without an approval"
        return
    latest = approvals[-1]
    if row.approval not in _AFTER.get(latest.status, {latest.status}):
        yield f"transaction {row.public_id} is {row.approval}, its approval {latest.status}"
    elif latest.open_key and latest.seen != seen_as(row, papers):
        yield f"approval {latest.public_id} waits for a yes to what transaction {row.public_id} is not any more"


def receipts(told: Told = NOBODY) -> Iterator[str]:
    """Each transaction counts the receipts attached to it, and their files are there."""
    attached = Receipt.objects.filter(attached_hash__isnull=False)
    of_one = (
        hanging_on(Receipt, transaction=OuterRef("pk"))
        .filter(attached_hash__isnull=False)
        .order_by()
        .values("transaction")
        .annotate(n=Count("pk"))
        .values("n")
    )
    for part in parts(Transaction.objects.annotate(found=Coalesce(Subquery(of_one), 0)), told=told, size=PART):
        wrong = part.exclude(receipt_count=F("found")).order_by("pk")
        for public_id, counted, found in wrong.values_list("public_id", "receipt_count", "found"):
            yield f"transaction {public_id} counts {counted} receipts; {found} are attached"
    for part in parts(attached, told=told):
        for receipt in listed(part, "public_id", "stored_as"):
            if not default_storage.exists(receipt.stored_as):
                yield f"receipt {receipt.public_id} has no file at {receipt.stored_as}"
