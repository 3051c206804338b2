"""The row lock of a purchase, after that of its card: what is decided about it may give room back on the card's counters.

And the books, which come after it: whoever closes them locks them, whoever codes shares them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from django.db import IntegrityError, connection, transaction

from cards.locks import lock_card, lock_cards
from spendtrackr.tenancy import current_company
from transactions.models import Books, Transaction


def lock_purchase(purchase: Transaction) -> Transaction:
    """The purchase, read again and locked until the transaction ends; its card, if it has one, is locked first."""
    if purchase.card is not None:
        lock_card(purchase.card)
    return Transaction.objects.select_for_update().get(pk=purchase.pk)


def lock_purchases(purchases: Sequence[Transaction]) -> list[Transaction]:
    """Several, in the same order: all of their cards, then each of them by its id."""
    lock_cards([purchase.card for purchase in purchases if purchase.card is not None])
    return list(Transaction.objects.select_for_update().filter(pk__in=[purchase.pk for purchase in purchases]).order_by("pk"))


def lock_books() -> Books:
    """The company's books, for whoever closes them: waits for all who are coding, and holds up whoever begins to."""
    found, _ = Books.objects.get_or_create()
    return Books.objects.select_for_update().get(pk=found.pk)


def share_books() -> date | None:
    """The last closed day, which stays so until the transaction ends. Coders do not wait for each other, only for a closing."""
    rows = _shared()
    if not rows:
        try:
            with transaction.atomic():
                Books.objects.create()
        except IntegrityError:  # opened by somebody else a moment ago
            pass
        rows = _shared()
    closed_through: date | None = rows[0].closed_through
    return closed_through


def _shared() -> list[Books]:
    """Locked for sharing: Django has no word for that. SQLite has its one write lock since BEGIN."""
    sql = "SELECT id, company_id, public_id, closed_through FROM books WHERE company_id = %s"
    if connection.vendor == "mysql":
        sql += " LOCK IN SHARE MODE"
    return list(Books.objects.raw(sql, [current_company()]))
