"""Row locks of cards. A card's row is the lock for its controls, freezes and limit counters; take it before theirs."""

from __future__ import annotations

from cards.models import Card


def lock_card(card_id: int) -> Card:
    """The card, locked until the transaction ends. The first lock of every path that spends."""
    return Card.objects.select_for_update().get(pk=card_id)
