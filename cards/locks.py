"""Row locks of cards. A card's row is the lock for its controls, freezes and limit counters; take it before theirs."""

from __future__ import annotations

from cards.models import Card


def lock_card(card: Card) -> Card:
    """The card, read again and locked until the transaction ends. The first lock of every path that spends.

    A replacement shares its counters with the first card of its row, whose lock is taken too, and first.
    """
    locked = {found.pk: found for found in Card.objects.select_for_update().filter(pk__in={card.counting_id, card.pk}).order_by("pk")}
    return locked[card.pk]


def lock_cards_of(holder_id: int) -> list[Card]:
    """Every card of a member, in one order: what changes a member's standing waits for the swipes that read it."""
    return list(Card.objects.select_for_update().filter(holder_id=holder_id).order_by("pk"))
