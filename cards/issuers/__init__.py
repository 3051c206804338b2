"""Card issuers: one contract, one adapter each. Adapters translate and keep no state."""

from __future__ import annotations

from cards.issuers.contract import IssuedCard, Issuer, IssuerRefused
from cards.issuers.simulator import Simulator

ISSUERS: dict[str, Issuer] = {Simulator.name: Simulator()}
DEFAULT_ISSUER = Simulator.name

__all__ = ["DEFAULT_ISSUER", "ISSUERS", "IssuedCard", "Issuer", "IssuerRefused"]
