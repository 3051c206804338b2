"""Reads of transactions that pages and other apps need."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date
from functools import reduce
from operator import or_

from django.core.files.storage import default_storage
from django.db.models import Count, F, Q, QuerySet, Sum
from django.db.models.functions import Greatest

from companies.models import Category, Company
from spendtrackr import errors
from spendtrackr.money import Money
from spendtrackr.pagination import take_page
from transactions import policies
from transactions.decisions import BUDGETS, FUNDS, PastDecision, Request, explain
from transactions.models import (
    REQUESTS,
    Approval,
    ApprovalState,
    ApprovalStatus,
    FundingAccount,
    Message,
    Receipt,
    SpendLine,
    StatementImport,
    Transaction,
    TransactionQuerySet,
    TransactionSource,
    TransactionStatus,
)
from transactions.policies import Papers, Rules
from users.models import Membership
from users.queries import approvers_of_all, waiting_on

LATEST: Sequence[str] = ("-occurred_on", "-id")
ORDERINGS: dict[str, Sequence[str]] = {
    "-occurred_on": LATEST,
    "occurred_on": ("occurred_on", "id"),
    "-amount": ("-amount_minor", "-id"),
    "amount": ("amount_minor", "id"),
}
ANY = "any"
# Purchases that count in limits and budgets, and what each comes to there (`draws.share_of`).
COUNTING = Q(source=TransactionSource.CARD) & (Q(held_minor__gt=0) | Q(captured_minor__gt=0))
POSTED = Greatest(F("captured_minor") - F("refunded_minor") - F("charged_back_minor"), 0)
_NOTHING_CAME_OF = Q(status__in=[TransactionStatus.DECLINED, TransactionStatus.REVERSED])
_UNFINISHED = (ApprovalState.OPEN, ApprovalState.WAITING, ApprovalState.REJECTED)


def visible(member: Membership) -> TransactionQuerySet:
    """What this member may see, with the names that a row shows."""
    rows: TransactionQuerySet = Transaction.objects.visible_to(member).with_names()
    return rows


def page(
    rows: QuerySet[Transaction], *, cursor: str | None, limit: int, order: Sequence[str] = LATEST
) -> tuple[list[Transaction], str | None]:
    """Newest first unless said otherwise, and the cursor of the next page."""
    return take_page(rows, order=order, cursor=cursor, limit=limit)


def rules_of(company: Company) -> Rules:
    return Rules(company.currency, company.receipt_required_from_minor, company.memo_required_from_minor, company.auto_approve_below_minor)


def papers_of(purchase: Transaction) -> Papers:
    return Papers(
        purchase.amount_minor, purchase.currency, bool(purchase.receipt_count), bool(purchase.memo), purchase.category_id is not None
    )


def decision_of(purchase: Transaction, member: Membership, request_id: str = "") -> PastDecision:
    """Why a request for a purchase, the latest if none is named, was answered as it was, as far as this member may know.

    Raises `Missing` where nobody was asked, or not so.
    """
    asked = list(Message.objects.filter(transaction=purchase, kind__in=REQUESTS).order_by("pk"))
    message = next((one for one in reversed(asked) if request_id in {"", one.public_id}), None)
    if message is None:
        raise errors.Missing("Nobody was asked about this transaction." if not request_id else "There is no such request for it.")
    requests = {one.pk: _request(one, purchase.currency) for one in asked}
    approved, told = message.amount_minor if message.is_approved else None, requests[message.pk]
    why = explain(message.checks_done, requested=told.requested, approved_minor=approved, hidden=hidden_from(member))
    return PastDecision(**{one.name: getattr(why, one.name) for one in fields(why)}, request=told, requests=list(requests.values()))


def _request(message: Message, currency: str) -> Request:
    approved = Money(message.amount_minor if message.is_approved else 0, currency)
    requested = Money(message.requested_minor or message.amount_minor, currency)
    return Request(message.public_id, message.kind, message.network_id, message.at, bool(message.is_approved), requested, approved)


def hidden_from(member: Membership) -> tuple[str, ...]:
    """The checks of which this member is told the outcome only."""
    return (() if member.sees("accounts") else FUNDS) + (() if member.sees("budgets") else BUDGETS)


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


def accounts() -> list[FundingAccount]:
    return list(FundingAccount.objects.order_by("currency"))


def attributions(rows: Sequence[Transaction]) -> list[str]:
    """What the owners of these rows want to read beside them, such as a licence."""
    imports = {row.statement_import_id for row in rows if row.statement_import_id}
    if not imports:
        return []
    sources = StatementImport.objects.filter(pk__in=imports).exclude(source__attribution="")
    return sorted(set(sources.values_list("source__attribution", flat=True)))


@dataclass(frozen=True, slots=True)
class Figure:
    """What a report added up: the spend of some rows in a period, in total and by transaction."""

    first: date | None
    last: date | None
    totals: list[Money]


def figure(lines: QuerySet[SpendLine], rows: QuerySet[Transaction], *, first: date | None, last: date | None) -> Figure:
    """The sums of these lines over all of these rows, one a currency."""
    sums = (
        lines.filter(transaction__in=rows.order_by().values("pk"))
        .values_list("currency")
        .annotate(total=Sum("amount_minor"))
        .order_by("currency")
    )
    return Figure(first, last, [Money(total, currency) for currency, total in sums])


def of_chain(counting_id: int) -> Q:
    """Purchases of a row of replacements, by the first card's database id: they share their limits."""
    return Q(card_id=counting_id) | Q(card__counts_with_id=counting_id)


@dataclass(frozen=True, slots=True)
class Totals:
    """What a list adds up to, one sum a currency, and how many rows it has. `left_out` were declined or let go, and add nothing."""

    rows: int
    left_out: int
    sums: list[Money]
    # Whether each row adds what it counts for in limits and budgets, instead of its amount.
    is_counted: bool = False


# What a page adds up: more than anybody checks by hand, and few enough to be added up while somebody waits.
MOST_ADDED = 5_000


def is_too_long_to_add_up(rows: QuerySet[Transaction]) -> bool:
    return bool(rows.order_by().values_list("pk")[MOST_ADDED : MOST_ADDED + 1])


def totals(rows: QuerySet[Transaction], *, counted: bool) -> Totals:
    """What a list adds up to, in one query."""
    of_each = Sum(F("held_minor") + POSTED) if counted else Sum("amount_minor", filter=~_NOTHING_CAME_OF)
    parts = list(
        rows.order_by()
        .values_list("currency")
        .annotate(number=Count("pk"), left_out=Count("pk", filter=_NOTHING_CAME_OF), total=of_each)
        .order_by("currency")
    )
    sums = [Money(total, currency) for currency, number, left_out, total in parts if counted or number > left_out]
    return Totals(sum(part[1] for part in parts), 0 if counted else sum(part[2] for part in parts), sums, counted)


def posted_within(lines: QuerySet[SpendLine], rows: list[Transaction]) -> dict[int, Money]:
    """What each row of a page contributed, by its database id."""
    sums = lines.filter(transaction__in=rows).values_list("transaction_id", "currency").annotate(total=Sum("amount_minor")).order_by()
    return {pk: Money(total, currency) for pk, currency, total in sums}


def with_missing(purchase: Transaction, company: Company) -> Transaction:
    """With `missing`, for a template."""
    purchase.missing = missing_items(purchase, company)  # type: ignore[attr-defined]
    return purchase


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


def choosable_categories(purchase: Transaction) -> list[tuple[str, str]]:
    """Ids and names, by name: those in use, and the purchase's own."""
    rows = Category.objects.filter(Q(archived_at=None) | Q(pk=purchase.category_id)).order_by("name")
    return list(rows.values_list("public_id", "name"))


def category_choice(purchase: Transaction, public_id: str) -> Category | None:
    """The category that somebody chose for a purchase; blank is none. Raises `Invalid` for one that cannot be chosen."""
    if not public_id:
        return None
    found = Category.objects.filter(public_id=public_id).first()
    if found is None or (found.archived_at and found.pk != purchase.category_id):
        raise errors.Invalid("There is no such category.", field="category", code="does_not_exist")
    return found


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
