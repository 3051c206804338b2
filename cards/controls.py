"""What a card may be spent on. Pure: no clock, no database; everything a check reads is handed in."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from cards.models import CardMode, CardUsage, Interval
from spendtrackr.money import Money


@dataclass(frozen=True, slots=True)
class Swipe:
    """What the issuer asks. `amount` is in the card's currency; the merchant's own amount is information only.

    `ref` is the issuer's name for the purchase, under which what follows comes; the message's own id by default.
    """

    network_id: str
    amount: Money
    merchant_name: str
    merchant_code: str
    country: str
    at: datetime
    merchant_id: str = ""
    ref: str = ""
    # A part is welcome where not all of it can be approved.
    allows_partial: bool = False
    # Request and capture in one message, as with a PIN.
    is_financial: bool = False
    merchant_amount: Money | None = None


@dataclass(frozen=True, slots=True)
class Limit:
    """So much, or so many purchases, in each window of the company's calendar."""

    interval: Interval
    amount_minor: int | None = None
    count: int | None = None

    @classmethod
    def of(cls, row: dict[str, Any]) -> Limit:
        return cls(Interval(row["interval"]), row.get("amount_minor"), row.get("count"))

    def as_row(self) -> dict[str, Any]:
        return {"interval": str(self.interval), "amount_minor": self.amount_minor, "count": self.count}


@dataclass(frozen=True, slots=True)
class Used:
    """How much of a window is used, held and posted together, and by how many purchases."""

    minor: int = 0
    purchases: int = 0


@dataclass(frozen=True, slots=True)
class Envelope:
    """A budget that the card draws from, with what is used of its period."""

    public_id: str
    name: str
    limit_minor: int
    used_minor: int
    is_hard: bool
    is_open: bool
    currency: str


@dataclass(frozen=True, slots=True)
class GrantRoom:
    """A live grant, and what is left of it where a card draws from its grants alone."""

    public_id: str
    left_minor: int


@dataclass(frozen=True, slots=True)
class Places:
    """Merchant categories, merchants and countries: codes and ranges of codes, keys, ISO 3166-1 codes."""

    codes: Sequence[str] = ()
    merchants: Sequence[str] = ()
    countries: Sequence[str] = ()

    @classmethod
    def of(cls, row: Mapping[str, str], prefix: str = "") -> Places:
        """From the columns of controls (`blocked_codes`, …) or of a block list, where they are JSON."""
        return cls(*(json.loads(row[f"{prefix}{name}"]) for name in ("codes", "merchants", "countries")))


@dataclass(frozen=True, slots=True)
class Standing:
    """The card and its surroundings at the moment of the swipe, read from locked rows."""

    company_active: bool
    member_active: bool
    card_active: bool
    card_expires_on: date | None
    frozen_by: Sequence[str]
    currency: str
    today: date
    usage: str = CardUsage.MULTI
    merchant_key: str = ""
    mode: str = CardMode.NORMAL
    # Whether one grant must cover it: on a card without room of its own, and for more of a purchase that began on a grant.
    needs_grant: bool = False
    valid_from: date | None = None
    locks_on: date | None = None
    blocked: Places = Places()
    allowed: Places = Places()
    blocked_by_company: Places = Places()
    per_transaction_cap_minor: int | None = None
    # What this very purchase was authorized for already, where the request is for more of it.
    already_minor: int = 0
    is_closed: bool = False
    limits: Sequence[Limit] = ()
    used: dict[Interval, Used] | None = None
    # What the card's live grants add to its amount limits; of a card that has no room of its own, each of them.
    granted_minor: int = 0
    grants: Sequence[GrantRoom] = ()
    budgets: Sequence[Envelope] = ()


@dataclass(frozen=True, slots=True)
class Check:
    """One question of a decision, with what was found and what would have been allowed.

    `room` is in minor units: the most that this check would have approved. `subject` is the id of the budget or the grant it is about.
    """

    name: str
    decline: str
    passed: bool
    value: Any = None
    limit: Any = None
    room: int | None = None
    subject: str | None = None

    def as_row(self) -> dict[str, Any]:
        row = {"name": self.name, "decline": self.decline, "passed": self.passed, "value": self.value, "limit": self.limit}
        return row | {"room": self.room, "subject": self.subject}


def checks(swipe: Swipe, card: Standing) -> list[Check]:
    """Every check in its fixed order; the first that fails names the decline. Funds are checked last, by the ledger."""
    return [*_who(card), *_where(swipe, card), *_how_much(swipe.amount.minor, card)]


def _who(card: Standing) -> list[Check]:
    expires, today = card.card_expires_on, card.today
    return [
        Check("company", "company_suspended", card.company_active),
        Check("member", "member_not_active", card.member_active),
        Check("card_status", "card_not_active", card.card_active),
        Check("expiry", "card_expired", expires is None or today <= expires, value=today.isoformat(), limit=_day(expires)),
        Check("freeze", "card_frozen", not card.frozen_by, value=list(card.frozen_by)),
        Check("valid_from", "card_not_valid_yet", card.valid_from is None or card.valid_from <= today,
              value=today.isoformat(), limit=_day(card.valid_from)),
        Check("lock_date", "card_locked", card.locks_on is None or today < card.locks_on,
              value=today.isoformat(), limit=_day(card.locks_on)),
    ]  # fmt: skip


def _day(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _where(swipe: Swipe, card: Standing) -> list[Check]:
    """The company's block list comes before the card's own, and what is blocked before what is allowed."""
    code, country, keys = swipe.merchant_code, swipe.country, merchant_keys(swipe.merchant_name, swipe.merchant_id)
    company, blocked, allowed = card.blocked_by_company, card.blocked, card.allowed
    locked_to = card.merchant_key if card.usage == CardUsage.MERCHANT_LOCKED else ""
    return [
        Check("currency", "wrong_currency", swipe.amount.currency == card.currency, value=swipe.amount.currency, limit=card.currency),
        _not_in("company_countries", "country_blocked", [country], company.countries),
        _not_in("country", "country_blocked", [country], blocked.countries),
        _only_in("allowed_country", "country_not_allowed", [country], allowed.countries),
        _not_in("company_merchant_categories", "merchant_category_blocked", [code], company.codes, has=_has_code),
        _not_in("merchant_category", "merchant_category_blocked", [code], blocked.codes, has=_has_code),
        _only_in("allowed_merchant_category", "merchant_category_not_allowed", [code], allowed.codes, has=_has_code),
        _not_in("company_merchants", "merchant_blocked", keys, company.merchants),
        _not_in("merchant", "merchant_blocked", keys, blocked.merchants),
        _only_in("allowed_merchant", "merchant_not_allowed", keys, allowed.merchants),
        _only_in("merchant_lock", "merchant_locked", keys, [locked_to] if locked_to else []),
    ]


def _has(values: Sequence[str], listed: Sequence[str]) -> bool:
    return any(value in listed for value in values)


def _has_code(values: Sequence[str], listed: Sequence[str]) -> bool:
    """Whether a code is one of these, or inside one of these ranges (`5811-5814`)."""
    return any(entry[:4] <= code <= entry[-4:] for code in values for entry in listed)


def _not_in(name: str, decline: str, values: Sequence[str], listed: Sequence[str], *, has: Any = _has) -> Check:
    found = _matching(values, listed, has)
    return Check(name, decline, not found, value=values[0], limit=found)


def _only_in(name: str, decline: str, values: Sequence[str], listed: Sequence[str], *, has: Any = _has) -> Check:
    found = _matching(values, listed, has)
    return Check(name, decline, bool(found) or not listed, value=values[0], limit=found or list(listed[:_SHOWN]))


# Lists may be long and checks are kept for ever: what matched is kept, else the beginning of the list.
_SHOWN = 20


def _matching(values: Sequence[str], listed: Sequence[str], has: Any) -> list[str]:
    return [entry for entry in listed if has(values, [entry])]


ADVERBS = {
    Interval.DAY: "daily",
    Interval.WEEK: "weekly",
    Interval.MONTH: "monthly",
    Interval.QUARTER: "quarterly",
    Interval.YEAR: "yearly",
    Interval.ALL_TIME: "total",
    Interval.UNAPPROVED: "refill",
}


def counted_by(limit: Limit, mode: str) -> Interval:
    """The window that a limit is counted in. Where room comes back by approval, the limit without an end counts what is not approved."""
    refills = mode == CardMode.APPROVAL_REFILL and limit.interval == Interval.ALL_TIME and limit.amount_minor is not None
    return Interval.UNAPPROVED if refills else limit.interval


def _how_much(amount: int, card: Standing) -> list[Check]:
    used = card.used or {}
    done = [Check("purchase", "purchase_closed", passed=False)] if card.is_closed else []
    if card.usage == CardUsage.SINGLE_USE:
        done.append(_at_most_so_many("single_use", "already_used", 1, used.get(Interval.ALL_TIME, Used())))
    cap = card.per_transaction_cap_minor
    done.append(_at_most("per_transaction_cap", "over_transaction_cap", amount, cap, used=card.already_minor))
    if card.needs_grant:
        done.append(_granted(amount, card.grants))
    for limit in card.limits:
        interval = counted_by(limit, card.mode)
        so_far, adverb = used.get(interval, Used()), ADVERBS[interval]
        if limit.amount_minor is not None:
            room = limit.amount_minor + card.granted_minor
            done.append(_at_most(f"{adverb}_limit", f"over_{adverb}_limit", amount, room, used=so_far.minor))
        if limit.count is not None:
            done.append(_at_most_so_many(f"{adverb}_count", f"over_{adverb}_count", limit.count, so_far))
    for budget in card.budgets:
        done += _budget(amount, budget, card.currency)
    return done


def _at_most(name: str, decline: str, amount: int, limit: int | None, *, used: int, subject: str | None = None) -> Check:
    """Room is what was left before this amount; no limit means no end of room."""
    if limit is None:
        return Check(name, decline, passed=True, value=used + amount, subject=subject)
    return Check(name, decline, used + amount <= limit, value=used + amount, limit=limit, room=max(0, limit - used), subject=subject)


def _at_most_so_many(name: str, decline: str, limit: int, used: Used) -> Check:
    return Check(name, decline, passed=used.purchases + 1 <= limit, value=used.purchases + 1, limit=limit)


def _granted(amount: int, grants: Sequence[GrantRoom]) -> Check:
    """One grant covers a purchase whole: the first that can, of those that expire first."""
    grant = choose_grant(amount, grants)
    most = max((one.left_minor for one in grants), default=0)
    subject = grant.public_id if grant else None
    return Check("grant", "not_granted", passed=grant is not None, value=amount, limit=most, room=max(0, most), subject=subject)


def choose_grant(amount: int, grants: Sequence[GrantRoom]) -> GrantRoom | None:
    return next((grant for grant in grants if amount <= grant.left_minor), None)


def _budget(amount: int, budget: Envelope, currency: str) -> list[Check]:
    """A soft budget only tells: its check passes, and shows by value and limit that it is exceeded."""
    closed = Check("budget_open", "budget_closed", budget.is_open and budget.currency == currency, subject=budget.public_id)
    found = _at_most("budget", "over_budget", amount, budget.limit_minor, used=budget.used_minor, subject=budget.public_id)
    if budget.is_hard:
        return [closed, found]
    soft = Check("soft_budget", "over_budget", passed=True, value=found.value, limit=found.limit, subject=budget.public_id)
    return [closed, soft]


def funds(amount_minor: int, *, available_minor: int, blocked: bool, passed: bool) -> Check:
    """The last check, answered by the conditional update of the funding account, which a suspension blocks."""
    decline = "company_suspended" if blocked else "insufficient_funds"
    return Check("funds", decline, passed, value=amount_minor, limit=available_minor, room=max(0, available_minor))


def first_failure(done: Iterable[Check]) -> Check | None:
    return next((check for check in done if not check.passed), None)


def largest_part(amount_minor: int, done: Iterable[Check]) -> int:
    """The most of an amount that every check would have approved: 0 where one of them is not about the amount."""
    most = amount_minor
    for check in done:
        if not check.passed:
            most = min(most, check.room or 0)
    return most


def fold_name(name: str) -> str:
    """A merchant's name without case, width, spacing and characters that nobody sees."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    return " ".join("".join(" " if unicodedata.category(c) in {"Cc", "Cf", "Zl", "Zp"} else c for c in folded).split())


def merchant_key(name: str, network_id: str = "") -> str:
    """The network's id where there is one, else the folded name."""
    return f"id:{network_id}"[:140] if network_id else f"name:{fold_name(name)}"[:140]


def network_id_of(key: str) -> str:
    """The network's id inside a merchant's key, if that is what the merchant is known by."""
    return key.removeprefix("id:") if key.startswith("id:") else ""


def merchant_keys(name: str, network_id: str = "") -> list[str]:
    """All keys that a merchant answers to, the surest first."""
    by_name = merchant_key(name)
    return [merchant_key(name, network_id), by_name] if network_id else [by_name]
