"""What a card may be spent on. Pure: no clock, no database; everything a check reads is handed in."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from spendtrackr.money import Money


@dataclass(frozen=True, slots=True)
class Swipe:
    """What the issuer asks. `amount` is in the card's currency; the merchant's own amount is information only."""

    network_id: str
    amount: Money
    merchant_name: str
    merchant_code: str
    country: str
    at: datetime
    merchant_id: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """The card and its surroundings at the moment of the swipe, read from locked rows."""

    company_active: bool
    member_active: bool
    card_active: bool
    card_expires_on: date | None
    frozen_by: tuple[str, ...]
    currency: str
    blocked_codes: tuple[str, ...]
    allowed_codes: tuple[str, ...]
    per_transaction_cap_minor: int | None
    monthly_limit_minor: int | None
    used_this_month_minor: int
    today: date


@dataclass(frozen=True, slots=True)
class Check:
    """One question of a decision, with what was found and what would have been allowed."""

    name: str
    decline: str
    passed: bool
    value: Any = None
    limit: Any = None
    room: int | None = None

    def as_row(self) -> dict[str, Any]:
        return asdict(self)


def checks(swipe: Swipe, card: Standing) -> list[Check]:
    """Every check in its fixed order; the first that fails names the decline. Funds are checked last, by the ledger."""
    amount = swipe.amount.minor
    return [
        Check("company", "company_suspended", card.company_active),
        Check("member", "member_not_active", card.member_active),
        Check("card_status", "card_not_active", card.card_active),
        Check("expiry", "card_expired", card.card_expires_on is None or card.today <= card.card_expires_on,
              value=card.today.isoformat(), limit=card.card_expires_on.isoformat() if card.card_expires_on else None),
        Check("freeze", "card_frozen", not card.frozen_by, value=list(card.frozen_by)),
        Check("currency", "wrong_currency", swipe.amount.currency == card.currency, value=swipe.amount.currency, limit=card.currency),
        Check("merchant_category", "merchant_category_blocked", swipe.merchant_code not in card.blocked_codes,
              value=swipe.merchant_code, limit=list(card.blocked_codes)),
        Check("allowed_merchant_category", "merchant_category_not_allowed",
              not card.allowed_codes or swipe.merchant_code in card.allowed_codes,
              value=swipe.merchant_code, limit=list(card.allowed_codes)),
        _at_most("per_transaction_cap", "over_transaction_cap", amount, card.per_transaction_cap_minor, used=0),
        _at_most("monthly_limit", "over_monthly_limit", amount, card.monthly_limit_minor, used=card.used_this_month_minor),
    ]  # fmt: skip


def _at_most(name: str, decline: str, amount: int, limit: int | None, *, used: int) -> Check:
    """Room is what was left before this amount; no limit means no end of room."""
    if limit is None:
        return Check(name, decline, passed=True, value=used + amount)
    return Check(name, decline, passed=used + amount <= limit, value=used + amount, limit=limit, room=max(0, limit - used))


def funds(amount_minor: int, *, available_minor: int, blocked: bool, passed: bool) -> Check:
    """The last check, answered by the conditional update of the funding account, which a suspension blocks."""
    decline = "company_suspended" if blocked else "insufficient_funds"
    return Check("funds", decline, passed, value=amount_minor, limit=available_minor, room=available_minor)


def first_failure(done: list[Check]) -> Check | None:
    return next((check for check in done if not check.passed), None)
