"""How requests end, and what becomes of those that wait when their card is closed or replaced. The caller holds the card's lock."""

from __future__ import annotations

from datetime import datetime

from cards.models import Card, CardRequest, RequestStatus
from spendtrackr import events
from users.models import Membership


def end(row: CardRequest, status: RequestStatus, *, actor: Membership, at: datetime) -> None:
    """Write what became of a request. The caller holds its lock."""
    row.status, row.decided_by, row.decided_at = status, actor, at
    row.save(update_fields=["status", "decided_by", "decided_at", "answer", "issued_card", "grant"])
    came_of_it = {"card": row.issued_card.public_id} if row.issued_card else {"grant": row.grant.public_id} if row.grant else {}
    events.record(f"request.{status}", row, actor=actor, at=at, kind=row.kind, **came_of_it)


def _waiting(card: Card) -> list[CardRequest]:
    return list(CardRequest.objects.select_for_update().filter(card=card, status=RequestStatus.WAITING).order_by("pk"))


def end_with(card: Card, *, actor: Membership, at: datetime) -> None:
    """Nothing more can come of requests for more room on a card that is closed: rejected, or withdrawn where the asker closed it."""
    for row in _waiting(card):
        row.answer = "The card was closed."
        end(row, RequestStatus.WITHDRAWN if row.requester_id == actor.pk else RequestStatus.REJECTED, actor=actor, at=at)


def carry_over(old: Card, new: Card, *, actor: Membership, at: datetime) -> None:
    """A replacement goes on where the old card stood, and so do requests for more room on it."""
    for row in _waiting(old):
        row.card = new
        row.save(update_fields=["card"])
        events.record("request.carried_over", row, actor=actor, at=at, kind=row.kind, card=new.public_id)
