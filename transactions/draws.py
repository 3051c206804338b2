"""Record what a message draws from its card's limit, and move the counter along."""

from __future__ import annotations

from cards import counters
from cards.models import LimitCounter
from transactions.models import Draw, Message


def draw(
    message: Message, counter: LimitCounter, *, held_delta: int, posted_delta: int, limit: int | None, is_approval: bool = False
) -> Draw | None:
    """One Draw and the counter's new state; nothing when the message changes neither. Amounts in minor units.

    The caller holds the lock of the counter's card. The database refuses an approval beyond the limit.
    """
    if not held_delta and not posted_delta:
        return None
    used_before = counter.used_minor
    seq = counters.move(counter, held_delta_minor=held_delta, posted_delta_minor=posted_delta)
    return Draw.objects.create(
        message=message,
        counter=counter,
        seq=seq,
        used_before_minor=used_before,
        held_delta_minor=held_delta,
        posted_delta_minor=posted_delta,
        limit_minor=limit,
        is_approval=is_approval,
    )
