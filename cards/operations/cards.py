"""What can be done to a card. Each function is one transaction and leaves one event."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime

from cards import issuers
from cards.locks import lock_card
from cards.models import Budget, Card, CardStatus, CardUsage, Freeze, FreezeSource
from cards.operations import waiting
from cards.operations.controls import (
    Controls,
    drawn_from,
    key_of,
    open_card,
    refuse_contradictions,
    refuse_past_lock,
    set_controls,
)
from spendtrackr import errors, events
from spendtrackr.retry import operation
from users.models import Membership


@operation
def issue(
    holder: Membership, *, name: str, currency: str, controls: Controls, actor: Membership, at: datetime,
    usage: CardUsage = CardUsage.MULTI, merchant: str = "", budget: Budget | None = None,
) -> Card:  # fmt: skip
    """A virtual card for a member. It is pending until the issuer has made it; the simulator does so at once.

    `merchant` is where a merchant-locked card works: a network's id as `id:123`, or a name; blank for where it is used first.
    """
    # Locked, so that a member who is leaving at this moment does not leave with a card.
    holder = Membership.objects.select_for_update().get(pk=holder.pk)
    if not holder.is_active:
        raise errors.Invalid("This member is not active.", field="holder")
    if merchant and usage != CardUsage.MERCHANT_LOCKED:
        raise errors.Invalid("Only a card with the usage merchant_locked has a merchant.", field="merchant")
    refuse_past_lock(controls, holder.company.day_of(at))
    refuse_contradictions(controls, (field.name for field in fields(controls)))
    card = Card(holder=holder, name=name, currency=currency, usage=usage, budget=drawn_from(budget, currency), created_at=at)
    card.merchant_key = key_of(merchant) if merchant else ""
    return _issue(card, controls, actor=actor, at=at)


def _issue(card: Card, controls: Controls, *, actor: Membership, at: datetime) -> Card:
    card.status, card.issuer = CardStatus.PENDING, issuers.DEFAULT_ISSUER
    card.save(force_insert=True)
    set_controls(card, controls, actor=actor, at=at)
    details = {"replaces": card.replaces.public_id} if card.replaces else {}
    events.record("card.requested", card, actor=actor, at=at, holder=card.holder.public_id, **details)
    return complete(card, at=at) if issuers.ISSUERS[card.issuer].completes_inline else card


@operation
def replace(card: Card, *, actor: Membership, at: datetime) -> Card:
    """A new card with the same holder, name and controls for a lost one, which is closed.

    The new card goes on counting where the old one stood: a replacement is not a new limit. Requests that wait go on with it.
    Raises `InvalidState` for a closed card.
    """
    old = _close(card, actor=actor, at=at)
    holder = Membership.objects.select_for_update().get(pk=old.holder_id)
    if not holder.is_active:
        raise errors.InvalidState("The holder is not active.")
    new = Card(
        holder=holder, name=old.name, currency=old.currency, usage=old.usage, merchant_key=old.merchant_key, budget=old.budget,
        replaces=old, counts_with_id=old.counting_id, created_at=at,
    )  # fmt: skip
    new = _issue(new, Controls.of(old.rules), actor=actor, at=at)
    # A holder freezes what they lost. Whatever else froze the old card is no less true of the new one.
    for freeze in Freeze.objects.filter(card=old, open_source__isnull=False).exclude(source=FreezeSource.HOLDER).order_by("id"):
        freeze_from(new, FreezeSource(freeze.source), actor=freeze.opened_by, at=at)
    waiting.carry_over(old, new, actor=actor, at=at)
    return new


@operation
def complete(card: Card, *, at: datetime) -> Card:
    """Have the issuer make a pending card. Its id is the idempotency key, so asking again makes no second card."""
    card = lock_card(card)  # and read again: it may have been closed, or completed by another worker
    if card.status != CardStatus.PENDING:
        return card
    today = card.company.day_of(at)
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
def freeze(card: Card, *, actor: Membership, at: datetime) -> Card:
    """Stop a card for now. The freeze belongs to the holder or to the administrators, and only that side lifts it."""
    card = open_card(card)
    source = FreezeSource.ADMIN if actor.may("cards.control") else FreezeSource.HOLDER
    if not freeze_from(card, source, actor=actor, at=at):
        raise errors.InvalidState("The card is frozen already.")
    return card


def freeze_from(card: Card, source: FreezeSource, *, actor: Membership | None, at: datetime) -> bool:
    """Open a freeze of this source; False where one is open already. The caller holds the card's lock."""
    if Freeze.objects.filter(card=card, open_source=source).exists():
        return False
    Freeze.objects.create(card=card, source=source, open_source=source, opened_by=actor, opened_at=at)
    events.record("card.frozen", card, actor=actor, at=at, source=str(source))
    return True


def lift_from(card: Card, source: FreezeSource, *, actor: Membership | None, at: datetime) -> bool:
    """Lift a freeze of this source; False where none is open. The caller holds the card's lock."""
    if not Freeze.objects.filter(card=card, open_source=source).update(open_source=None, lifted_by=actor, lifted_at=at):
        return False
    events.record("card.unfrozen", card, actor=actor, at=at, sources=[str(source)])
    return True


@operation
def unfreeze(card: Card, *, actor: Membership, at: datetime) -> Card:
    """Lift what this member may lift. Raises `Forbidden` for a holder whose card an administrator froze."""
    card = open_card(card)
    mine = Freeze.objects.filter(card=card, open_source__isnull=False).order_by("id")
    if not mine.exists():
        raise errors.InvalidState("The card is not frozen.")
    # Only the member's return lifts what their leaving froze.
    if actor.may("cards.control", card):
        mine = mine.exclude(source=FreezeSource.OFFBOARDING)
    else:
        mine = mine.filter(source=FreezeSource.HOLDER, opened_by=actor)
    lifted = list(mine.values_list("source", flat=True))
    if not lifted:
        raise errors.Forbidden(_NOT_YOURS_TO_LIFT)
    mine.update(open_source=None, lifted_by=actor, lifted_at=at)
    events.record("card.unfrozen", card, actor=actor, at=at, sources=lifted)
    return card


_NOT_YOURS_TO_LIFT = (
    "Somebody else froze this card. Administrators lift what they froze; what somebody's leaving froze is lifted by their return."
)


@operation
def close(card: Card, *, actor: Membership, at: datetime) -> Card:
    """Close a card for good. What it has on hold still clears; requests for more room on it end."""
    card = _close(card, actor=actor, at=at)
    waiting.end_with(card, actor=actor, at=at)
    return card


def _close(card: Card, *, actor: Membership, at: datetime) -> Card:
    card = open_card(card)
    card.status, card.closed_at = CardStatus.CLOSED, at
    card.save(update_fields=["status", "closed_at"])
    if card.issuer_card_id:
        issuers.ISSUERS[card.issuer].close(card.issuer_card_id)
    events.record("card.closed", card, actor=actor, at=at)
    return card
