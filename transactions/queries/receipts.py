"""Receipts: who sees which, where they are attached, which hold the same, and what is in their files."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.core.files.storage import default_storage
from django.db.models import Q, QuerySet

from spendtrackr import errors
from transactions import matching
from transactions.models import Attachment, Receipt, Transaction, TransactionStatus
from transactions.queries.purchases import readable
from users.models import Membership

_log = logging.getLogger(__name__)

# Copies of one file that a reader is told of. More of them say nothing new.
MOST_TWINS = 10
# Purchases that suggestions are chosen from.
MOST_LOOKED_AT = 300


def receipts(member: Membership) -> QuerySet[Receipt]:
    """Those on what this member may see, and those that they uploaded. The removed ones are on record, and nowhere else."""
    rows = Receipt.objects.filter(removed_at=None).select_related("uploaded_by__user")
    if member.sees("transactions"):
        return rows
    return rows.filter(Q(uploaded_by=member) | Q(pk__in=_places(member).values("receipt_id")))


def _places(member: Membership) -> QuerySet[Attachment]:
    """Where receipts are attached, of the transactions that this member may see."""
    rows = Attachment.objects.filter(attached_hash__isnull=False)
    return rows if member.sees("transactions") else rows.filter(transaction__in=readable(member).values("pk"))


def inbox(member: Membership) -> QuerySet[Receipt]:
    """What this member uploaded and nobody has attached yet, the latest first."""
    rows = Receipt.objects.filter(uploaded_by=member, transaction_count=0, removed_at=None)
    return rows.select_related("uploaded_by__user").order_by("-pk")


def papers_of(purchases: Iterable[int]) -> dict[int, list[Receipt]]:
    """The receipts on each of these transactions, by its database id, as they were attached. One query."""
    rows = Attachment.objects.filter(transaction__in=list(purchases), attached_hash__isnull=False).select_related("receipt").order_by("pk")
    found: dict[int, list[Receipt]] = defaultdict(list)
    for row in rows:
        found[row.transaction_id].append(row.receipt)
    return found


def hashes_on(purchase: Transaction) -> list[str | None]:
    """What an approver's yes is bound to: the content of the receipts attached, in order."""
    rows = Attachment.objects.filter(transaction=purchase, attached_hash__isnull=False).order_by("attached_hash")
    return list(rows.values_list("attached_hash", flat=True))


def shown(rows: Sequence[Receipt], member: Membership) -> list[Receipt]:
    """Each with `places`, its attachments, and `twins`, other receipts of the same content, as far as this member may see either.

    Two queries for any number. A twin has its `places` too.
    """
    twins = _twins(rows, member)
    everybody = {row.pk: row for row in (*rows, *(twin for found in twins.values() for twin in found))}
    places: dict[int, list[Attachment]] = defaultdict(list)
    for place in _places(member).filter(receipt__in=list(everybody)).select_related("transaction__merchant").order_by("pk"):
        places[place.receipt_id].append(place)
    for row in (*rows, *everybody.values()):
        row.places = places[row.pk]  # type: ignore[attr-defined]
    for row in rows:
        row.twins = [everybody[twin.pk] for twin in twins[row.content_hash] if twin.pk != row.pk][:MOST_TWINS]  # type: ignore[attr-defined]
    return list(rows)


def _twins(rows: Sequence[Receipt], member: Membership) -> dict[str, list[Receipt]]:
    """By content, the oldest first. The rows themselves are among them, where the member sees them."""
    found: dict[str, list[Receipt]] = defaultdict(list)
    same = receipts(member).filter(content_hash__in={row.content_hash for row in rows}).order_by("pk")
    for row in same[: len(rows) * (MOST_TWINS + 1)]:
        found[str(row.content_hash)].append(row)
    return found


def content_of(receipt: Receipt) -> bytes:
    """The file, just as it was sent.

    Raises `Missing` where somebody took it out of the storage (`verify` names those), `Unavailable` where the storage is away.
    """
    try:
        with default_storage.open(receipt.stored_as) as file:
            content: bytes = file.read()
    except FileNotFoundError as error:
        raise errors.Missing("The file of this receipt is not in the storage any more.") from error
    except Exception as error:
        # Each storage has its own errors.
        _log.exception("the file of receipt %s could not be read", receipt.public_id)
        raise errors.Unavailable from error
    return content


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A purchase that a receipt may belong to, and why."""

    purchase: Transaction
    score: int
    says: str


def suggestions(rows: Sequence[Receipt], member: Membership) -> dict[int, list[Suggestion]]:
    """For each receipt, by its database id, the likeliest purchases that this member may describe and that do not have it.

    Looked at are the uploaders' own latest purchases, and whichever have the amount: at most so many, and three queries, for any number.
    """
    bills = {row.pk: _bill(row, member) for row in rows}
    if not bills:
        return {}
    windows = [bill.window for bill in bills.values()]
    first, last = min(first for first, _ in windows), max(last for _, last in windows)
    within = _describable(member).filter(occurred_on__gte=first, occurred_on__lte=last)
    within = within.exclude(status=TransactionStatus.DECLINED).order_by("-occurred_on", "-pk")
    uploaders = {row.uploaded_by_id for row in rows}
    found = list(within.filter(member__in=uploaders)[:MOST_LOOKED_AT])
    if amounts := {bill.amount_minor for bill in bills.values() if bill.amount_minor is not None}:
        same = Q(amount_minor__in=amounts) | Q(merchant_amount_minor__in=amounts)
        found += [purchase for purchase in within.filter(same)[:MOST_LOOKED_AT] if purchase.member_id not in uploaders]
    has_it = _contents_on(rows)
    candidates = [(purchase, _candidate(purchase)) for purchase in found]
    return {
        row.pk: [
            Suggestion(purchase, fits.score, fits.says)
            for purchase, fits in matching.best(bills[row.pk], (one for one in candidates if (one[0].pk, row.content_hash) not in has_it))
        ]
        for row in rows
    }


def _describable(member: Membership) -> QuerySet[Transaction]:
    rows: QuerySet[Transaction] = Transaction.objects.with_names()
    return rows if member.may("transactions.assign") else rows.filter(member=member)


def _contents_on(rows: Sequence[Receipt]) -> set[tuple[int, str | None]]:
    """On which transactions the same content is already."""
    same = Receipt.objects.filter(content_hash__in={row.content_hash for row in rows})
    found = Attachment.objects.filter(receipt__in=same, attached_hash__isnull=False)
    return set(found.values_list("transaction_id", "attached_hash"))


def _bill(receipt: Receipt, member: Membership) -> matching.Bill:
    day = member.company.day_of(receipt.uploaded_at)
    return matching.Bill(day, receipt.amount_minor, receipt.currency, receipt.spent_on, receipt.merchant_name)


def _candidate(purchase: Transaction) -> matching.Candidate:
    names = tuple(name for name in (purchase.merchant.name if purchase.merchant else "", purchase.descriptor) if name)
    return matching.Candidate(
        purchase.occurred_on,
        purchase.amount_minor,
        purchase.currency,
        names,
        purchase.merchant_amount_minor,
        purchase.merchant_currency,
        has_receipt=purchase.receipt_count > 0,
    )
