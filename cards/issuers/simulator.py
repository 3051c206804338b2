"""The built-in issuer: makes believable cards out of nothing, the same card for the same id."""

from __future__ import annotations

import hashlib
from datetime import date, timedelta

from cards.issuers.contract import IssuedCard
from spendtrackr.periods import add_months, month_of

VALID_FOR_MONTHS = 48


class Simulator:
    name = "simulator"
    completes_inline = True

    def issue(self, card_id: str, *, currency: str, on: date) -> IssuedCard:
        last4 = int(hashlib.sha256(card_id.encode()).hexdigest(), 16) % 10_000
        last_month = month_of(add_months(on, VALID_FOR_MONTHS))
        return IssuedCard(issuer_card_id=f"sim_{card_id}", last4=f"{last4:04d}", expires_on=last_month.end - timedelta(days=1))

    def close(self, issuer_card_id: str) -> None:
        """Nothing to tell anybody."""
