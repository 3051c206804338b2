"""What can be done to a card. Each function is one transaction and leaves one event."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cards import issuers, permissions
from cards.locks import lock_card
from cards.models import Card, CardControls, CardStatus, Freeze, FreezeSource
from companies.merchant_categories import normalise_code
from spendtrackr import errors, events
from spendtrackr.money import Money
from spendtrackr.periods import local_day
from spendtrackr.retry import operation
from users.models import Membership


@dataclass(frozen=True, slots=True)
class Controls:
    """What a card may be spent on. Amounts in minor units of the card's currency; None is no limit."""

    per_transaction_cap: Money | None = None
    monthly_limit: Money | None = None
    blocked_merchant_categories: list[str] = field(default_factory=list)


@operation
def issue(holder: Membership, *, name: str, currency: str, controls: Controls, actor: Membership, at: datetime) -> Card:
    """A virtual card for a member. It is pending until the issuer has made it; the simulator does so at once."""
    if not holder.is_active:
        raise errors.Invalid("This member is not active.", field="holder")
    card = Card.objects.create(
        holder=holder, name=name, currency=currency, status=CardStatus.PENDING, issuer=issuers.DEFAULT_ISSUER, created_at=at
    )
    _set_controls(card, controls, actor=actor, at=at)
    events.record("card.requested", card, actor=actor, at=at, holder=holder.public_id)
    return complete(card, at=at) if issuers.ISSUERS[card.issuer].completes_inline else card


@operation
def complete(card: Card, *, at: datetime) -> Card:
    """Have the issuer make a pending card. Its id is the idempotency key, so asking again makes no second card."""
    card = lock_card(card.pk)  # and read again: it may have been closed, or completed by another worker
    if card.status != CardStatus.PENDING:
        return card
    today = local_day(at, card.company.time_zone)
    try:
        issued = issuers.ISSUERS[card.issuer].issue(card.public_id, currency=card.currency, on=today)
    except issuers.IssuerRefused:
        card.status = CardStatus.FAILED
        card.save(update_fields=["status"])
        events.record("card.failed", card, actor=None, at=at)
        return card
    card.status, card.issuer_card_id = CardStatus.ACTIVE, issued.issuer_card_id
    card.last4, card.expires_on = issued.last4, issued.expires_on
    card.save(update_fields=["status", "issuer_card_id", "last4", "expires_on"])
    events.record("card.issued", card, actor=None, at=at)
    return card


@operation
def change_controls(card: Card, changes: dict[str, Any], *, actor: Membership, at: datetime) -> Card:
    """Write a new version with what `changes` names; the rest stays. Keys are those of `Controls`, and `name`."""
    card = _open_card(card)
    if "name" in changes:
        card.name = changes["name"]
        card.save(update_fields=["name"])
    current = card.rules
    merged = {
        "per_transaction_cap": current.money(current.per_transaction_cap_minor),
        "monthly_limit": current.money(current.monthly_limit_minor),
        "blocked_merchant_categories": current.blocked_merchant_categories,
    } | {name: value for name, value in changes.items() if name != "name"}
    _set_controls(card, Controls(**merged), actor=actor, at=at)
    events.record("card.controls_changed", card, actor=actor, at=at, version=card.rules.version, changed=sorted(changes))
    return card


def _set_controls(card: Card, controls: Controls, *, actor: Membership, at: datetime) -> None:
    version = card.controls.version + 1 if card.controls else 1
    card.controls = CardControls.objects.create(
        card=card,
        version=version,
        per_transaction_cap_minor=_minor(controls.per_transaction_cap, card, "per_transaction_cap"),
        monthly_limit_minor=_minor(controls.monthly_limit, card, "monthly_limit"),
        blocked_codes=json.dumps(sorted({_code(text) for text in controls.blocked_merchant_categories})),
        created_by=actor,
        created_at=at,
    )
    card.save(update_fields=["controls"])


def _minor(amount: Money | None, card: Card, name: str) -> int | None:
    if amount is None:
        return None
    if amount.currency != card.currency:
        raise errors.Invalid(f"This card spends {card.currency}.", field=f"{name}.currency")
    return amount.minor


def _code(text: str) -> str:
    try:
        code = normalise_code(text)
    except ValueError as error:
        raise errors.Invalid(str(error), field="blocked_merchant_categories") from error
    if not code:
        raise errors.Invalid("A merchant category code has four digits.", field="blocked_merchant_categories")
    return code


def _open_card(card: Card) -> Card:
    """The card, locked; raises `InvalidState` unless something can still be done with it."""
    card = lock_card(card.pk)
    if card.status not in {CardStatus.ACTIVE, CardStatus.PENDING}:
        raise errors.InvalidState(f"The card is {card.status}.")
    return card


@operation
def freeze(card: Card, *, actor: Membership, at: datetime) -> Card:
    """Stop a card for now. The freeze belongs to the holder or to the administrators, and only that side lifts it."""
    card = _open_card(card)
    source = FreezeSource.ADMIN if actor.runs_company else FreezeSource.HOLDER
    if Freeze.objects.filter(card=card, open_source=source).exists():
        raise errors.InvalidState("The card is frozen already.")
    Freeze.objects.create(card=card, source=source, open_source=source, opened_by=actor, opened_at=at)
    events.record("card.frozen", card, actor=actor, at=at, source=str(source))
    return card


@operation
def unfreeze(card: Card, *, actor: Membership, at: datetime) -> Card:
    """Lift what this member may lift. Raises `Forbidden` for a holder whose card an administrator froze."""
    card = _open_card(card)
    mine = Freeze.objects.filter(card=card, open_source__isnull=False).order_by("id")
    if not mine.exists():
        raise errors.InvalidState("The card is not frozen.")
    if not permissions.control(actor, card):
        mine = mine.filter(source=FreezeSource.HOLDER, opened_by=actor)
    lifted = list(mine.values_list("source", flat=True))
    if not lifted:
        raise errors.Forbidden("An administrator froze this card, and only an administrator can lift that.")
    mine.update(open_source=None, lifted_by=actor, lifted_at=at)
    events.record("card.unfrozen", card, actor=actor, at=at, sources=lifted)
    return card


@operation
def close(card: Card, *, actor: Membership, at: datetime) -> Card:
    """Close a card for good. What it has on hold still clears."""
    card = _open_card(card)
    card.status, card.closed_at = CardStatus.CLOSED, at
    card.save(update_fields=["status", "closed_at"])
    if card.issuer_card_id:
        issuers.ISSUERS[card.issuer].close(card.issuer_card_id)
    events.record("card.closed", card, actor=actor, at=at)
    return card
