"""Reads of transactions that pages and other apps need."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import QuerySet

from spendtrackr.pagination import take_page
from transactions.models import FundingAccount, StatementSource, Transaction, TransactionQuerySet
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


def attributions() -> list[str]:
    """What the owners of imported rows want to read wherever the rows are shown."""
    return list(StatementSource.objects.exclude(attribution="").order_by("attribution").values_list("attribution", flat=True).distinct())
