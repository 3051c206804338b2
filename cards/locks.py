"""Row locks of cards and budgets, in the one order that every path takes them: cards, then budgets, the deepest first.

A card's row is the lock for its controls, freezes, grants and counters; a budget's row for its counters.
"""

from __future__ import annotations

from collections.abc import Iterable

from cards.models import Budget, Card
from cards.models.budgets import ids_of


def lock_card(card: Card) -> Card:
    """The card, read again and locked until the transaction ends. The first lock of every path that spends.

    A replacement shares its counters with the first card of its row, whose lock is taken too, and first.
    """
    locked = {found.pk: found for found in Card.objects.select_for_update().filter(pk__in={card.counting_id, card.pk}).order_by("pk")}
    return locked[card.pk]


def lock_cards(cards: Iterable[Card]) -> None:
    """Several cards and what they count with, by their ids."""
    wanted = {pk for card in cards for pk in (card.counting_id, card.pk)}
    if wanted:
        list(Card.objects.select_for_update().filter(pk__in=wanted).order_by("pk"))


def lock_cards_of(holder_id: int) -> list[Card]:
    """Every card of a member, in one order: what changes a member's standing waits for the swipes that read it."""
    return list(Card.objects.select_for_update().filter(holder_id=holder_id).order_by("pk"))


def lock_budgets(*chains: str) -> list[Budget]:
    """Leaves and every budget above them, locked, the deepest first. A blank chain is none.

    A budget is younger than the one that it lies in, so the deepest has the highest id, and one order by id is the order by depth.
    """
    ids = {pk for chain in chains for pk in ids_of(chain)}
    return list(Budget.objects.select_for_update().filter(pk__in=ids).order_by("-pk")) if ids else []


def read_budgets(chain: str) -> list[Budget]:
    """The same without locks, for a look."""
    return list(Budget.objects.filter(pk__in=ids_of(chain)).order_by("-pk")) if chain else []
