"""Claims, payouts and repayments: what entries moved is what was agreed to, paid once, and given back."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet, Sum

from reports.verification.walking import NOBODY, Told, confirmed, hanging_on, listed, parts
from transactions.models import (
    LIVE_KEY,
    Account,
    ApprovalState,
    Claim,
    EntryKind,
    Payout,
    PayoutStatus,
    Posting,
    Reimbursement,
    ReimbursementStatus,
    Repayment,
    RepaymentPart,
    RepaymentStatus,
    Transaction,
    TransactionSource,
    TransactionStatus,
)
from transactions.repayments import outstanding_minor

_STATUS = {
    ApprovalState.APPROVED: TransactionStatus.POSTED,
    ApprovalState.REJECTED: TransactionStatus.DECLINED,
    ApprovalState.NONE: TransactionStatus.REVERSED,
}


def claims(told: Told = NOBODY) -> Iterator[str]:
    """Each claim is booked while it is approved and not otherwise; what is owed for it is what no payout has paid."""
    for part in parts(Transaction.objects.filter(source=TransactionSource.CLAIM), told=told):
        yield from confirmed(_claims, part)
    for batch in parts(Reimbursement.objects.all(), told=NOBODY):
        yield from confirmed(_batches, batch)


def _claims(part: QuerySet[Transaction]) -> Iterator[str]:
    moved: dict[int, Counter[str]] = defaultdict(Counter)
    rows = hanging_on(Posting, entry__transaction__in=part).values_list("entry__transaction_id", "from_account", "to_account")
    for pk, source, target, total in rows.annotate(total=Sum("amount_minor")).order_by():
        moved[pk].subtract({source: total})
        moved[pk].update({target: total})
    payouts: dict[int, list[Any]] = defaultdict(list)
    for payout in listed(hanging_on(Payout, transaction__in=part), "public_id", "transaction_id", "status", "live_key", "amount_minor"):
        payouts[payout.transaction_id].append(payout)
    known = set(hanging_on(Claim, transaction__in=part).values_list("transaction_id", flat=True))
    for row in listed(part, "public_id", "status", "approval", "amount_minor", "captured_minor", "held_minor"):
        if row.pk not in known:
            yield f"transaction {row.public_id} is a claim without its row"
        yield from _claim(row, moved[row.pk], payouts[row.pk])


def _claim(row: Any, moved: Counter[str], payouts: list[Any]) -> Iterator[str]:
    is_booked = row.approval == ApprovalState.APPROVED
    expected = row.amount_minor if is_booked else 0
    if row.status != _STATUS.get(row.approval, TransactionStatus.PENDING):
        yield f"claim {row.public_id} is {row.status}, its approval {row.approval}"
    if (row.captured_minor, row.held_minor) != (expected, 0):
        yield f"claim {row.public_id} keeps {row.captured_minor}; it should be {expected}"
    paid = sum(payout.amount_minor for payout in payouts if payout.status == PayoutStatus.PAID)
    if (moved[Account.SPENT], moved[Account.OWED]) != (expected, paid - expected):
        yield f"claim {row.public_id} moved {dict(moved)}; it is {expected} with {paid} paid by payouts"
    if not is_booked and any(payout.live_key for payout in payouts):
        yield f"claim {row.public_id} is {row.approval}, and in a payout"
    for payout in payouts:
        stands = payout.status in {PayoutStatus.READY, PayoutStatus.PAID}
        if stands != (payout.live_key == LIVE_KEY):
            yield f"payout {payout.public_id} is {payout.status}, and {'not ' if stands else ''}said to stand"
        if stands and payout.amount_minor != row.amount_minor:
            yield f"payout {payout.public_id} is of {payout.amount_minor}; its claim is {row.amount_minor}"


_IN = {
    ReimbursementStatus.OPEN: {PayoutStatus.READY, PayoutStatus.REMOVED},
    ReimbursementStatus.PAID: {PayoutStatus.PAID, PayoutStatus.FAILED, PayoutStatus.REMOVED},
    ReimbursementStatus.CANCELLED: {PayoutStatus.REMOVED},
}


def _batches(part: QuerySet[Reimbursement]) -> Iterator[str]:
    rows = hanging_on(Payout, reimbursement__in=part).values_list(
        "public_id", "status", "reimbursement__public_id", "reimbursement__status"
    )
    for public_id, status, batch, batch_status in rows.order_by("pk"):
        if status not in _IN[batch_status]:
            yield f"payout {public_id} is {status} in the batch {batch}, which is {batch_status}"


def repayments(told: Told = NOBODY) -> Iterator[str]:
    """Whatever was rejected is asked back for; what came back is what entries moved; it is settled when nothing is owed."""
    for part in parts(Repayment.objects.all(), told=told):
        yield from confirmed(_repayments, part)
    rejected = Transaction.objects.filter(approval=ApprovalState.REJECTED).exclude(source=TransactionSource.CLAIM)
    for public_id in rejected.filter(repayment=None).order_by("pk").values_list("public_id", flat=True):
        yield f"transaction {public_id} was rejected, and nobody is asked to repay it"


def _repayments(part: QuerySet[Repayment]) -> Iterator[str]:
    received: Counter[int] = Counter()
    for pk, total in (
        hanging_on(RepaymentPart, repayment__in=part).values_list("repayment_id").annotate(total=Sum("amount_minor")).order_by()
    ):
        received[pk] += total
    moved: Counter[int] = Counter()
    postings = hanging_on(Posting, entry__transaction__repayment__in=part, entry__kind=EntryKind.REPAYMENT)
    for pk, total in postings.values_list("entry__transaction__repayment").annotate(total=Sum("amount_minor")).order_by():
        moved[pk] += total
    for row in part.select_related("transaction").order_by("pk"):
        sums = (row.repaid_minor, received[row.pk], moved[row.pk])
        if len(set(sums)) != 1:
            yield f"repayment {row.public_id} keeps {sums[0]}, its parts say {sums[1]} and its entries {sums[2]}"
        is_owed = bool(outstanding_minor(row.transaction, row) or row.transaction.held_minor)
        if is_owed != (row.status == RepaymentStatus.OPEN) and row.status != RepaymentStatus.WAIVED:
            yield f"repayment {row.public_id} is {row.status}, and {'something' if is_owed else 'nothing'} is owed"
