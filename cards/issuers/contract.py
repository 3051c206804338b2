"""What we ask of a card issuer. A card's public id is the idempotency key: asked twice, an issuer makes one card."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Protocol


class IssuerRefused(Exception):
    """The issuer will not make this card, however often it is asked."""


@dataclass(frozen=True, slots=True)
class IssuedCard:
    """What we keep of an issued card. The number and CVV stay with the issuer."""

    issuer_card_id: str
    last4: str
    expires_on: date


class Issuer(Protocol):
    name: str
    # True where issuing needs no network, so that it happens in the transaction that asked for it.
    completes_inline: bool

    def issue(self, card_id: str, *, currency: str, on: date) -> IssuedCard: ...

    def close(self, issuer_card_id: str) -> None: ...
