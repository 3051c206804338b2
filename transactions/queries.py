"""Reads of transactions that pages and other apps need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from django.core.files.storage import default_storage
from django.db.models import QuerySet, Sum

from spendtrackr import errors
from spendtrackr.money import Money
from spendtrackr.pagination import take_page
from transactions.models import FundingAccount, Receipt, SpendLine, StatementImport, Transaction, TransactionQuerySet
from users.models import Membership

LATEST: Sequence[str] = ("-occurred_on", "-id")


def visible(member: Membership) -> TransactionQuerySet:
    """What this member may see, with the names that a row shows."""
    rows: TransactionQuerySet = Transaction.objects.visible_to(member).with_names()
    return rows


def page(rows: QuerySet[Transaction], *, cursor: str | None, limit: int) -> tuple[list[Transaction], str | None]:
    """Newest first, and the cursor of the next page."""
    return take_page(rows, order=LATEST, cursor=cursor, limit=limit)


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


def posted_within(lines: QuerySet[SpendLine], rows: list[Transaction]) -> dict[int, Money]:
    """What each row of a page contributed, by its database id."""
    sums = lines.filter(transaction__in=rows).values_list("transaction_id", "currency").annotate(total=Sum("amount_minor")).order_by()
    return {pk: Money(total, currency) for pk, currency, total in sums}


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
