"""Reads of cards and of what is left on them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from cards.models import Card, LimitCounter
from spendtrackr.money import Money
from spendtrackr.periods import month_of


@dataclass(frozen=True, slots=True)
class Standing:
    """A card with what it used of this calendar month. `limit` and `left` are None without a monthly limit."""

    card: Card
    used: Money
    limit: Money | None
    since: date

    @property
    def left(self) -> Money | None:
        return Money(max(0, self.limit.minor - self.used.minor), self.limit.currency) if self.limit else None

    @property
    def percent(self) -> int:
        """Of the limit, for a bar's width; at most a hundred."""
        if self.limit is None:
            return 0
        return min(100, self.used.minor * 100 // self.limit.minor) if self.limit.minor else 100

    @property
    def state(self) -> str:
        """One word for a person: a card that is frozen is not shown as active."""
        return "frozen" if self.card.status == "active" and self.card.open_freezes else str(self.card.status)  # type: ignore[attr-defined]


def standings(cards: Iterable[Card], today: date) -> list[Standing]:
    """One query for any number of cards. The cards come `with_state`."""
    shown = list(cards)
    counters = LimitCounter.objects.filter(card_id__in={card.counting_id for card in shown}, starts_on=month_of(today).start)
    used = {counter.card_id: counter.used_minor for counter in counters}
    return [
        Standing(
            card,
            Money(used.get(card.counting_id, 0), card.currency),
            card.rules.money(card.rules.monthly_limit_minor),
            month_of(today).start,
        )
        for card in shown
    ]
