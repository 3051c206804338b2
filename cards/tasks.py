"""Background work for cards. The rows are the queue: whoever looks finds what is still to do."""

from __future__ import annotations

import logging

from django.utils import timezone

from cards import operations
from cards.models import Card, CardStatus
from spendtrackr.tenancy import company_scope

log = logging.getLogger(__name__)


def complete_pending() -> int:
    """Have issuers make the cards that are still pending; answer how many were settled either way."""
    settled = 0
    for card in Card.across_companies.select_related("company").filter(status=CardStatus.PENDING).order_by("id")[:100]:
        with company_scope(card.company_id):
            try:
                settled += operations.complete(card, at=timezone.now()).status != CardStatus.PENDING
            except Exception:  # the issuer is away: the row stays pending, and the next round asks again
                log.exception("issuing %s failed", card.public_id)
    return settled
