"""Limit counters: found or made under the lock of their card, so that no gap is ever locked."""

from __future__ import annotations

from datetime import date

from cards.models import Card, LimitCounter
from spendtrackr.periods import month_of


def counter_for(card: Card, day: date) -> LimitCounter:
    """The month's counter. The caller holds the card's lock, which is this row's lock too."""
    starts_on = month_of(day).start
    found = LimitCounter.objects.filter(card_id=card.counting_id, starts_on=starts_on).first()
    return found or LimitCounter.objects.create(card_id=card.counting_id, starts_on=starts_on)


def move(counter: LimitCounter, *, held_delta_minor: int, posted_delta_minor: int) -> int:
    """Change the counter and answer the number of this draw. A second writer would miss the number, and is refused."""
    changed = LimitCounter.objects.filter(pk=counter.pk, draws=counter.draws).update(
        held_minor=counter.held_minor + held_delta_minor, posted_minor=counter.posted_minor + posted_delta_minor, draws=counter.draws + 1
    )
    if changed != 1:
        raise RuntimeError(f"{counter} changed without the lock of its card")
    return int(counter.draws) + 1
