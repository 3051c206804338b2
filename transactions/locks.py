"""The row lock of a purchase, after that of its card: what is decided about it may give room back on the card's counters."""

from __future__ import annotations

from collections.abc import Sequence

from cards.locks import lock_card, lock_cards
from transactions.models import Transaction


def lock_purchase(purchase: Transaction) -> Transaction:
    """The purchase, read again and locked until the transaction ends; its card, if it has one, is locked first."""
    if purchase.card is not None:
        lock_card(purchase.card)
    return Transaction.objects.select_for_update().get(pk=purchase.pk)


def lock_purchases(purchases: Sequence[Transaction]) -> list[Transaction]:
    """Several, in the same order: all of their cards, then each of them by its id."""
    lock_cards([purchase.card for purchase in purchases if purchase.card is not None])
    return list(Transaction.objects.select_for_update().filter(pk__in=[purchase.pk for purchase in purchases]).order_by("pk"))
