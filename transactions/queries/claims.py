"""Claims and who is owed what: what waits to be paid, batches of payouts, and what owners owe for purchases that were rejected."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Sum

from spendtrackr.money import Money
from transactions.models import (
    ApprovalState,
    Payout,
    PayoutStatus,
    Reimbursement,
    Repayment,
    RepaymentPart,
    RepaymentStatus,
    Split,
    Transaction,
    TransactionQuerySet,
    TransactionSource,
    TransactionStatus,
)
from transactions.queries.coding import with_parts
from transactions.queries.purchases import readable, visible
from transactions.repayments import outstanding_minor, overpaid_minor
from users.models import Membership

# Where the money of a claim is.
UNPAID, GATHERED, PAID = "unpaid", "gathered", "paid"
PAYMENTS = (UNPAID, GATHERED, PAID)


def claims(member: Membership, *, to_read: bool = False) -> TransactionQuerySet:
    """The claims that this member may see in lists, or `to_read`, may open."""
    rows: TransactionQuerySet = (readable(member) if to_read else visible(member)).filter(source=TransactionSource.CLAIM)
    return rows.select_related("claim_details", "merchant", "category", "department", "member__user", "card", "budget")


def payable() -> QuerySet[Transaction]:
    """Claims that are approved and in no batch that stands, the oldest first."""
    live = Payout.objects.filter(transaction=OuterRef("pk"), live_key__isnull=False)
    approved = Transaction.objects.filter(claim_details__isnull=False, approval=ApprovalState.APPROVED, status=TransactionStatus.POSTED)
    return approved.filter(~Exists(live)).order_by("pk")


def where_payment(payment: str) -> Q:
    """Claims whose money is there: not gathered, in a batch that waits, or paid."""
    live = Payout.objects.filter(live_key__isnull=False)
    if payment == UNPAID:
        return Q(approval=ApprovalState.APPROVED) & ~Q(pk__in=live.values("transaction_id"))
    status = PayoutStatus.READY if payment == GATHERED else PayoutStatus.PAID
    return Q(pk__in=live.filter(status=status).values("transaction_id"))


def with_claim(claims: list[Transaction]) -> list[Transaction]:
    """Each with its `written_lines`, its latest `payout` and its `payment`. A few queries for any number."""
    for claim in with_parts(with_payment(claims)):
        claim.written_lines = claim.parts or [whole_line(claim)]  # type: ignore[attr-defined]
        claim.payment = _payment(claim)  # type: ignore[attr-defined]
    return claims


def whole_line(claim: Transaction) -> Split:
    """A claim in one piece, as the one line that it was written with. Not saved."""
    return Split(
        transaction=claim, share_minor=(claim.merchant_amount or claim.amount).minor, amount_minor=claim.amount_minor,
        category=claim.category, tax_code=claim.tax_code, tax_minor=claim.tax_minor,
    )  # fmt: skip


def rate_of(claim: Transaction) -> Decimal | None:
    """How much of the company's currency one unit was worth of what was paid; None where that is the same."""
    return Decimal(claim.claim_details.rate) if claim.claim_details.rate else None


def _payment(claim: Transaction) -> str | None:
    payout: Payout | None = claim.payout  # type: ignore[attr-defined]
    if payout and payout.stands:
        return PAID if payout.status == PayoutStatus.PAID else GATHERED
    return UNPAID if claim.approval == ApprovalState.APPROVED and claim.status == TransactionStatus.POSTED else None


def with_payment(purchases: list[Transaction]) -> list[Transaction]:
    """Each with `payout`, the latest that it was in, or None. One query for any number."""
    rows = Payout.objects.filter(transaction__in=purchases).select_related("reimbursement").order_by("pk")
    latest = {row.transaction_id: row for row in rows}
    for purchase in purchases:
        purchase.payout = latest.get(purchase.pk)  # type: ignore[attr-defined]
    return purchases


@dataclass(frozen=True, slots=True)
class Owed:
    """What the company owes one person in one currency for approved claims that nobody has gathered."""

    member: Membership
    amount: Money
    claims: int


def owed() -> list[Owed]:
    """By person and currency, the largest first."""
    sums = payable().order_by().values_list("member_id", "currency").annotate(total=Sum("amount_minor"), n=Count("pk"))
    found = list(sums)
    people = Membership.objects.select_related("user").in_bulk({member for member, *_ in found})
    rows = [Owed(people[member], Money(total, currency), n) for member, currency, total, n in found]
    return sorted(rows, key=lambda row: (row.amount.currency, -row.amount.minor, row.member.pk))


def gets_back(member: Membership) -> list[Money]:
    """What this member waits for: approved claims that are not paid yet, by currency."""
    paid = Payout.objects.filter(transaction=OuterRef("pk"), live_key__isnull=False, status=PayoutStatus.PAID)
    approved = Transaction.objects.filter(member=member, claim_details__isnull=False, approval=ApprovalState.APPROVED)
    sums = approved.filter(~Exists(paid)).order_by("currency").values_list("currency").annotate(total=Sum("amount_minor"))
    return [Money(total, currency) for currency, total in sums]


def owes(member: Membership) -> list[Repayment]:
    """What this member is asked to repay, the oldest first, as `with_outstanding`."""
    rows = Repayment.objects.filter(member=member, status=RepaymentStatus.OPEN).select_related("transaction__merchant", "member__user")
    return with_outstanding(rows.order_by("pk"))


def reimbursements() -> QuerySet[Reimbursement]:
    """All batches, each with `count` and `total_minor` of the payouts that stand, and `failed`."""
    stands = Q(payouts__live_key__isnull=False)
    return Reimbursement.objects.select_related("created_by__user", "ended_by__user").annotate(
        count=Count("payouts", filter=stands), total_minor=Sum("payouts__amount_minor", filter=stands, default=0),
        failed=Count("payouts", filter=Q(payouts__status=PayoutStatus.FAILED)),
    )  # fmt: skip


def payouts(batch: Reimbursement) -> QuerySet[Payout]:
    """Of a batch, by person, with what a list and an export show."""
    rows = Payout.objects.filter(reimbursement=batch).select_related("member__user", "transaction__merchant", "reimbursement")
    return rows.order_by("member__user__name", "member_id", "pk")


def repayments(member: Membership) -> QuerySet[Repayment]:
    """All for those who see everybody's transactions, else one's own and those of the people below."""
    rows = Repayment.objects.select_related("transaction__merchant", "member__user", "ended_by__user")
    return rows if member.sees("repayments") else rows.filter(member__in=member.team)


def with_outstanding(rows: Iterable[Repayment]) -> list[Repayment]:
    """Each with `outstanding`, `repaid`, `overpaid` and its `received` parts. One query for any number, none where nothing came back."""
    found = list(rows)
    parts: dict[int, list[RepaymentPart]] = defaultdict(list)
    begun = [repayment for repayment in found if repayment.repaid_minor]
    for part in RepaymentPart.objects.filter(repayment__in=begun).select_related("recorded_by__user").order_by("pk"):
        parts[part.repayment_id].append(part)
    for repayment in found:
        purchase = repayment.transaction
        repayment.outstanding = Money(outstanding_minor(purchase, repayment), purchase.currency)  # type: ignore[attr-defined]
        repayment.overpaid = Money(overpaid_minor(purchase, repayment), purchase.currency)  # type: ignore[attr-defined]
        repayment.repaid = Money(repayment.repaid_minor, purchase.currency)  # type: ignore[attr-defined]
        for part in parts[repayment.pk]:
            part.repayment = repayment
        repayment.received = parts[repayment.pk]  # type: ignore[attr-defined]
    return found
