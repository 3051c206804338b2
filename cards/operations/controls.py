"""What a card may be spent on: new versions of its controls, one-off grants, and where no card of the company may be used."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from dataclasses import replace as replace_fields
from datetime import date, datetime
from typing import Any

from cards.controls import Limit, fold_name
from cards.counters import open_for_grant
from cards.locks import lock_card
from cards.models import BlockList, Budget, Card, CardControls, CardMode, CardStatus, Interval, LimitGrant
from companies.merchant_categories import parse_range, range_text
from companies.operations import COUNTRIES
from spendtrackr import errors, events
from spendtrackr.money import Money
from spendtrackr.retry import operation
from users.models import Membership

MOST_LISTED = 300
# Windows that are counted, and that nobody chooses for a limit.
NOT_CHOSEN = {Interval.UNAPPROVED, Interval.GRANT}


@dataclass(frozen=True, slots=True)
class Controls:
    """What a card may be spent on. Amounts in the card's currency; None is no limit, an empty allowed list allows everything.

    Merchant categories are codes or ranges (ISO 18245), merchants `id:` and the network's id or a name, countries ISO 3166-1 alpha-2.
    """

    mode: CardMode = CardMode.NORMAL
    per_transaction_cap: Money | None = None
    limits: list[Limit] = field(default_factory=list)
    blocked_merchant_categories: list[str] = field(default_factory=list)
    allowed_merchant_categories: list[str] = field(default_factory=list)
    blocked_merchants: list[str] = field(default_factory=list)
    allowed_merchants: list[str] = field(default_factory=list)
    blocked_countries: list[str] = field(default_factory=list)
    allowed_countries: list[str] = field(default_factory=list)
    valid_from: date | None = None
    locks_on: date | None = None

    @classmethod
    def of(cls, rules: CardControls) -> Controls:
        """A version as it is written in the database."""
        return cls(
            mode=CardMode(rules.mode),
            per_transaction_cap=rules.money(rules.per_transaction_cap_minor),
            limits=[Limit.of(row) for row in json.loads(rules.limits)],
            blocked_merchant_categories=rules.texts("blocked_codes"),
            allowed_merchant_categories=rules.texts("allowed_codes"),
            blocked_merchants=rules.texts("blocked_merchants"),
            allowed_merchants=rules.texts("allowed_merchants"),
            blocked_countries=rules.texts("blocked_countries"),
            allowed_countries=rules.texts("allowed_countries"),
            valid_from=rules.valid_from,
            locks_on=rules.locks_on,
        )


def monthly(limit: Money | None) -> list[Limit]:
    """The plainest limit: so much in each calendar month. None is no limit."""
    return [Limit(Interval.MONTH, limit.minor)] if limit else []


@operation
def change_controls(card: Card, changes: dict[str, Any], *, actor: Membership, at: datetime) -> Card:
    """Write a new version with what `changes` names; the rest stays. Keys are those of `Controls`, `name` and `budget`."""
    card = open_card(card)
    own = {name: changes[name] for name in ("name", "budget") if name in changes}
    if "budget" in own:
        own["budget"] = drawn_from(own["budget"], card.currency)
    for name, value in own.items():
        setattr(card, name, value)
    if own:
        card.save(update_fields=list(own))
    controls = replace_fields(Controls.of(card.rules), **{name: value for name, value in changes.items() if name not in own})
    refuse_contradictions(controls, changes)
    set_controls(card, controls, actor=actor, at=at)
    events.record("card.controls_changed", card, actor=actor, at=at, version=card.rules.version, changed=sorted(changes))
    return card


def drawn_from(budget: Budget | None, currency: str) -> Budget | None:
    """The budget, if a card of this currency can draw from it. Raises `Invalid`."""
    if budget and not budget.is_open:
        raise errors.Invalid("This budget is closed.", field="budget")
    if budget and budget.currency != currency:
        raise errors.Invalid(f"This budget is in {budget.currency}, the card in {currency}.", field="budget")
    return budget


def set_controls(card: Card, controls: Controls, *, actor: Membership, at: datetime) -> None:
    """Write the next version. The caller holds the card's lock. Raises `Invalid` naming the field."""
    version = _version(card, controls, actor=actor, at=at)
    version.save(force_insert=True)
    card.controls = version
    card.save(update_fields=["controls"])


def draft_of(card: Card, changes: dict[str, Any], *, actor: Membership, at: datetime) -> CardControls:
    """What `change_controls` would write, without writing it. Raises `Invalid` naming the field."""
    controls = replace_fields(Controls.of(card.rules), **changes)
    refuse_contradictions(controls, changes)
    return _version(card, controls, actor=actor, at=at)


def _version(card: Card, controls: Controls, *, actor: Membership, at: datetime) -> CardControls:
    _must_make_sense(controls)
    return CardControls(
        card=card,
        version=card.controls.version + 1 if card.controls else 1,
        mode=controls.mode,
        per_transaction_cap_minor=_minor(controls.per_transaction_cap, card, "per_transaction_cap"),
        limits=json.dumps([limit.as_row() for limit in controls.limits]),
        blocked_codes=codes_text(controls.blocked_merchant_categories, "blocked_merchant_categories"),
        allowed_codes=codes_text(controls.allowed_merchant_categories, "allowed_merchant_categories"),
        blocked_merchants=merchants_text(controls.blocked_merchants, "blocked_merchants"),
        allowed_merchants=merchants_text(controls.allowed_merchants, "allowed_merchants"),
        blocked_countries=countries_text(controls.blocked_countries, "blocked_countries"),
        allowed_countries=countries_text(controls.allowed_countries, "allowed_countries"),
        valid_from=controls.valid_from,
        locks_on=controls.locks_on,
        created_by=actor,
        created_at=at,
    )


def _must_make_sense(controls: Controls) -> None:
    if controls.valid_from and controls.locks_on and controls.valid_from >= controls.locks_on:
        raise errors.Invalid("The card would be locked before it is valid.", field="locks_on")
    seen = set()
    for limit in controls.limits:
        if (limit.amount_minor is None) == (limit.count is None):
            raise errors.Invalid("A limit has either an amount or a count.", field="limits")
        if limit.interval in NOT_CHOSEN:
            raise errors.Invalid("This is not an interval of a limit.", field="limits")
        if (kind := (limit.interval, limit.count is None)) in seen:
            raise errors.Invalid(f"There are two limits of one kind for {limit.interval}.", field="limits")
        seen.add(kind)
    if controls.mode == CardMode.APPROVAL_REFILL and (Interval.ALL_TIME, True) not in seen:
        raise errors.Invalid("A card that refills by approval needs an amount limit of the interval all_time.", field="limits")


def refuse_contradictions(controls: Controls, chosen: Iterable[str]) -> None:
    """Raises `Invalid` for an entry of both a blocked and an allowed list, where either was `chosen`: it could never be what is meant.

    Only there: a replacement, or a change of something else, keeps what stands. A code may be blocked inside a range that is allowed.
    """
    names = set(chosen)
    for blocked, text in BLOCKED.items():
        allowed = blocked.replace("blocked", "allowed")
        if not names & {blocked, allowed}:
            continue
        lists = [set(json.loads(text(getattr(controls, name), name))) for name in (blocked, allowed)]
        if both := sorted(lists[0] & lists[1]):
            raise errors.Invalid(f"{both[0].removeprefix('name:')} is allowed as well: choose one.", field=blocked)


def refuse_past_lock(controls: Controls, today: date) -> None:
    """A new card that was locked yesterday could never be used. Raises `Invalid`."""
    if controls.locks_on and controls.locks_on < today:
        raise errors.Invalid("That day is over: the card would never work.", field="locks_on")


def _minor(amount: Money | None, card: Card, name: str) -> int | None:
    if amount is None:
        return None
    if amount.currency != card.currency:
        raise errors.Invalid(f"This card spends {card.currency}.", field=f"{name}.currency")
    return amount.minor


def codes_text(texts: Iterable[str], name: str) -> str:
    """Merchant category codes and ranges as the sorted list that is kept. Raises `Invalid` naming the field and the place in it."""
    return _listed(texts, name, _code_of)


def _code_of(text: str, field: str) -> str:
    try:
        return range_text(*parse_range(text))
    except ValueError as error:
        raise errors.Invalid(f"{error}.", field=field) from error


def merchants_text(texts: Iterable[str], name: str) -> str:
    return _listed(texts, name, key_of)


def key_of(text: str, field: str = "merchant") -> str:
    """What people write for a merchant as its key: `id:123` stays, anything else is a name. Raises `Invalid`."""
    kind, mark, number = text.partition(":")
    if mark and kind.strip().casefold() == "id":
        if number.strip():
            return f"id:{number.strip()}"[:140]
    elif folded := fold_name(text.removeprefix("name:")):
        return f"name:{folded}"[:140]
    raise errors.Invalid("Write a merchant's name, or id: and the network's id of it.", field=field)


def countries_text(texts: Iterable[str], name: str) -> str:
    return _listed(texts, name, _country_of)


def _country_of(text: str, field: str) -> str:
    code = text.strip().upper()
    if code not in COUNTRIES:
        raise errors.Invalid(f"{code[:10]!r} is not a country of ISO 3166-1, such as DE.", field=field)
    return code


def _listed(texts: Iterable[str], name: str, read: Callable[[str, str], str]) -> str:
    found = sorted({read(text, f"{name}.{place}") for place, text in enumerate(texts)})
    if len(found) > MOST_LISTED:
        raise errors.Invalid(f"At most {MOST_LISTED} can be listed.", field=name)
    return json.dumps(found, ensure_ascii=False)


def open_card(card: Card) -> Card:
    """The card, locked; raises `InvalidState` unless something can still be done with it."""
    card = lock_card(card)
    if card.status not in {CardStatus.ACTIVE, CardStatus.PENDING}:
        raise errors.InvalidState(f"The card is {card.status}.")
    return card


@operation
def grant(card: Card, amount: Money, *, expires_at: datetime, reason: str, actor: Membership, at: datetime) -> LimitGrant:
    """Room for once. It stays with the cards that replace this one. Raises `Invalid` naming the field."""
    card = open_card(card)
    if amount.currency != card.currency:
        raise errors.Invalid(f"This card spends {card.currency}.", field="amount.currency")
    if expires_at <= at:
        raise errors.Invalid("A grant expires in the future.", field="expires_at")
    row = LimitGrant.objects.create(
        card_id=card.counting_id, amount_minor=amount.minor, reason=reason, granted_by=actor, granted_at=at, expires_at=expires_at
    )
    open_for_grant(row, card.company.day_of(at))
    events.record("card.granted", card, actor=actor, at=at, grant=row.public_id, minor=amount.minor, currency=amount.currency)
    return row


@operation
def revoke(row: LimitGrant, *, actor: Membership, at: datetime) -> LimitGrant:
    """Take room back that was not used: what was is recorded, and stays. Raises `InvalidState` where it has ended."""
    card = lock_card(row.card)
    row = LimitGrant.objects.get(pk=row.pk)
    if row.revoked_at or row.expires_at <= at:
        raise errors.InvalidState("This grant has ended already: it expired or was revoked.")
    row.revoked_at, row.revoked_by = at, actor
    row.save(update_fields=["revoked_at", "revoked_by"])
    events.record("card.grant_revoked", card, actor=actor, at=at, grant=row.public_id)
    return row


BLOCKED = {"blocked_merchant_categories": codes_text, "blocked_merchants": merchants_text, "blocked_countries": countries_text}


def lock_block_list() -> BlockList:
    """The company's block list, locked; made when it is first needed. Opening an account takes this lock too."""
    found, _ = BlockList.objects.get_or_create()
    return BlockList.objects.select_for_update().get(pk=found.pk)


def write_block_list(changes: dict[str, list[str]]) -> BlockList:
    """Write what `changes` names (`blocked_merchants`, …) under the next version. `transactions.operations.accounts.block` calls it.

    Raises `Invalid` naming the field.
    """
    row = lock_block_list()
    columns = dict(zip(BLOCKED, ("codes", "merchants", "countries"), strict=True))
    for name, texts in changes.items():
        setattr(row, columns[name], BLOCKED[name](texts, name))
    row.version += 1
    row.save()
    return row
