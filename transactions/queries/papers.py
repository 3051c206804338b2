"""What purchases miss, who still has to add it, and the receipts that are there."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import or_

from django.core.files.storage import default_storage
from django.db.models import Count, Q, QuerySet

from companies.models import Company
from spendtrackr import errors
from transactions import policies
from transactions.models import Approval, ApprovalState, ApprovalStatus, Receipt, Transaction
from transactions.policies import Papers, Rules
from users.models import Membership

ANY = "any"
_UNFINISHED = (ApprovalState.OPEN, ApprovalState.WAITING, ApprovalState.REJECTED)


def rules_of(company: Company) -> Rules:
    return Rules(company.currency, company.receipt_required_from_minor, company.memo_required_from_minor, company.auto_approve_below_minor)


def papers_of(purchase: Transaction) -> Papers:
    return Papers(
        purchase.amount_minor, purchase.currency, bool(purchase.receipt_count), bool(purchase.memo), purchase.category_id is not None
    )


def missing_items(purchase: Transaction, company: Company) -> list[str]:
    """What its owner still has to add; nothing where nobody has to, or where it is approved as it is."""
    return policies.missing(papers_of(purchase), rules_of(company)) if purchase.approval in _UNFINISHED else []


def where_missing(company: Company, item: str) -> Q:
    """`policies.missing` as a condition: purchases that miss one item, or `any`."""
    ours = Q(currency=company.currency)
    conditions = {
        policies.RECEIPT: Q(receipt_count=0) & _from(company.receipt_required_from_minor, ours),
        policies.MEMO: Q(memo="") & _from(company.memo_required_from_minor, ours),
        policies.CATEGORY: Q(category=None),
    }
    wanted = policies.ITEMS if item == ANY else (item,)
    return Q(approval__in=_UNFINISHED) & reduce(or_, [conditions[name] for name in wanted])


def _from(threshold: int | None, ours: Q) -> Q:
    return Q(pk__in=[]) if threshold is None else Q(amount_minor__gte=threshold) | ~ours


def with_missing(purchase: Transaction, company: Company) -> Transaction:
    """With `missing`, for a template."""
    purchase.missing = missing_items(purchase, company)  # type: ignore[attr-defined]
    return purchase


def with_all_missing(purchases: list[Transaction], company: Company) -> list[Transaction]:
    return [with_missing(purchase, company) for purchase in purchases]


def to_do(member: Membership) -> QuerySet[Transaction]:
    """This member's own purchases that they still have to submit: those that were sent back, then the oldest first."""
    rows = Transaction.objects.filter(member=member, approval__in=[ApprovalState.OPEN, ApprovalState.REJECTED]).with_names()
    return rows.order_by("-approval", "occurred_on", "pk")


def with_rejections(purchases: list[Transaction]) -> list[Transaction]:
    """Each with `rejection`: the approval that sent it back, or None. One query for any number."""
    back = [purchase.pk for purchase in purchases if purchase.approval == ApprovalState.REJECTED]
    rows = Approval.objects.filter(transaction__in=back, status=ApprovalStatus.REJECTED).select_related("decided_by__user").order_by("pk")
    latest = {row.transaction_id: row for row in rows}
    for purchase in purchases:
        purchase.rejection = latest.get(purchase.pk)  # type: ignore[attr-defined]
    return purchases


@dataclass(frozen=True, slots=True)
class Backlog:
    """How many of a company's purchases still wait for what."""

    missing_receipt: int
    not_submitted: int
    waiting: int


def missing_by_item(company: Company) -> Backlog:
    """One query over the purchases that nobody has approved yet."""
    counts = Transaction.objects.filter(approval__in=_UNFINISHED).aggregate(
        missing_receipt=Count("pk", filter=where_missing(company, policies.RECEIPT)),
        not_submitted=Count("pk", filter=Q(approval=ApprovalState.OPEN)),
        waiting=Count("pk", filter=Q(approval=ApprovalState.WAITING)),
    )
    return Backlog(**counts)


def receipts(member: Membership) -> QuerySet[Receipt]:
    """The receipts on what this member may see. Those that were removed are on record, and nowhere else."""
    attached = Receipt.objects.filter(attached_hash__isnull=False, transaction__in=Transaction.objects.visible_to(member))
    return attached.select_related("transaction__member", "uploaded_by")


def content_of(receipt: Receipt) -> bytes:
    """The file, just as it was sent. Raises `Missing` where somebody took it out of the storage; `verify` names those."""
    try:
        with default_storage.open(receipt.stored_as) as file:
            content: bytes = file.read()
    except FileNotFoundError as error:
        raise errors.Missing("The file of this receipt is not in the storage any more.") from error
    return content
