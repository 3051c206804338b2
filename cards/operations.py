"""What can be done to a card. Each function is one transaction and leaves one event."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from dataclasses import replace as replace_fields
from datetime import datetime
from typing import Any

from cards import issuers
from cards.locks import lock_card, lock_cards_of
from cards.models import Card, CardControls, CardStatus, Freeze, FreezeSource
from companies.merchant_categories import normalise_code
from spendtrackr import errors, events
from spendtrackr.money import Money
from spendtrackr.retry import operation
from users import operations as people
from users.models import Membership, MembershipStatus


@dataclass(frozen=True, slots=True)
class Controls:
    """What a card may be spent on. Amounts in minor units of the card's currency; None is no limit."""

    per_transaction_cap: Money | None = None
    monthly_limit: Money | None = None
    blocked_merchant_categories: list[str] = field(default_factory=list)
    allowed_merchant_categories: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, rules: CardControls) -> Controls:
        """A version as it is written in the database."""
        return cls(
            per_transaction_cap=rules.money(rules.per_transaction_cap_minor),
            monthly_limit=rules.money(rules.monthly_limit_minor),
            blocked_merchant_categories=rules.blocked_merchant_categories,
            allowed_merchant_categories=rules.allowed_merchant_categories,
        )


@operation
def issue(holder: Membership, *, name: str, currency: str, controls: Controls, actor: Membership, at: datetime) -> Card:
    """A virtual card for a member. It is pending until the issuer has made it; the simulator does so at once."""
    # Locked, so that a member who is leaving at this moment does not leave with a card.
    holder = Membership.objects.select_for_update().get(pk=holder.pk)
    if not holder.is_active:
        raise errors.Invalid("This member is not active.", field="holder")
    return _issue(Card(holder=holder, name=name, currency=currency, created_at=at), controls, actor=actor, at=at)


def _issue(card: Card, controls: Controls, *, actor: Membership, at: datetime) -> Card:
    card.status, card.issuer = CardStatus.PENDING, issuers.DEFAULT_ISSUER
    card.save(force_insert=True)
    _set_controls(card, controls, actor=actor, at=at)
    details = {"replaces": card.replaces.public_id} if card.replaces else {}
    events.record("card.requested", card, actor=actor, at=at, holder=card.holder.public_id, **details)
    return complete(card, at=at) if issuers.ISSUERS[card.issuer].completes_inline else card


@operation
def replace(card: Card, *, actor: Membership, at: datetime) -> Card:
    """A new card with the same holder, name and controls for a lost one, which is closed.

    The new card goes on counting where the old one stood: a replacement is not a new limit. Raises `InvalidState` for a closed card.
    """
    old = close(card, actor=actor, at=at)
    holder = Membership.objects.select_for_update().get(pk=old.holder_id)
    if not holder.is_active:
        raise errors.InvalidState("The holder is not active.")
    new = Card(holder=holder, name=old.name, currency=old.currency, replaces=old, counts_with_id=old.counting_id, created_at=at)
    new = _issue(new, Controls.of(old.rules), actor=actor, at=at)
    # A holder freezes what they lost. Whatever else froze the old card is no less true of the new one.
    for freeze in Freeze.objects.filter(card=old, open_source__isnull=False).exclude(source=FreezeSource.HOLDER).order_by("id"):
        _freeze(new, FreezeSource(freeze.source), actor=freeze.opened_by, at=at)
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
def change_controls(card: Card, changes: dict[str, Any], *, actor: Membership, at: datetime) -> Card:
    """Write a new version with what `changes` names; the rest stays. Keys are those of `Controls`, and `name`."""
    card = _open_card(card)
    if "name" in changes:
        card.name = changes["name"]
        card.save(update_fields=["name"])
    controls = replace_fields(Controls.of(card.rules), **{name: value for name, value in changes.items() if name != "name"})
    _set_controls(card, controls, actor=actor, at=at)
    events.record("card.controls_changed", card, actor=actor, at=at, version=card.rules.version, changed=sorted(changes))
    return card


def _set_controls(card: Card, controls: Controls, *, actor: Membership, at: datetime) -> None:
    version = card.controls.version + 1 if card.controls else 1
    card.controls = CardControls.objects.create(
        card=card,
        version=version,
        per_transaction_cap_minor=_minor(controls.per_transaction_cap, card, "per_transaction_cap"),
        monthly_limit_minor=_minor(controls.monthly_limit, card, "monthly_limit"),
        blocked_codes=_codes(controls.blocked_merchant_categories, "blocked_merchant_categories"),
        allowed_codes=_codes(controls.allowed_merchant_categories, "allowed_merchant_categories"),
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


def _codes(texts: list[str], name: str) -> str:
    """Merchant category codes as the sorted list that is kept. Raises `Invalid` naming the field."""
    codes = set()
    for text in texts:
        try:
            code = normalise_code(text)
        except ValueError as error:
            raise errors.Invalid(str(error), field=name) from error
        if not code:
            raise errors.Invalid("A merchant category code has four digits.", field=name)
        codes.add(code)
    return json.dumps(sorted(codes))


def _open_card(card: Card) -> Card:
    """The card, locked; raises `InvalidState` unless something can still be done with it."""
    card = lock_card(card)
    if card.status not in {CardStatus.ACTIVE, CardStatus.PENDING}:
        raise errors.InvalidState(f"The card is {card.status}.")
    return card


@operation
def freeze(card: Card, *, actor: Membership, at: datetime) -> Card:
    """Stop a card for now. The freeze belongs to the holder or to the administrators, and only that side lifts it."""
    card = _open_card(card)
    source = FreezeSource.ADMIN if actor.may("cards.control") else FreezeSource.HOLDER
    if not _freeze(card, source, actor=actor, at=at):
        raise errors.InvalidState("The card is frozen already.")
    return card


def _freeze(card: Card, source: FreezeSource, *, actor: Membership, at: datetime) -> bool:
    """Open a freeze of this source; False where one is open already. The caller holds the card's lock."""
    if Freeze.objects.filter(card=card, open_source=source).exists():
        return False
    Freeze.objects.create(card=card, source=source, open_source=source, opened_by=actor, opened_at=at)
    events.record("card.frozen", card, actor=actor, at=at, source=str(source))
    return True


@operation
def unfreeze(card: Card, *, actor: Membership, at: datetime) -> Card:
    """Lift what this member may lift. Raises `Forbidden` for a holder whose card an administrator froze."""
    card = _open_card(card)
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
def suspend_member(member: Membership, *, actor: Membership, at: datetime) -> Membership:
    """Nothing of theirs works from this commit on: no sign-in, no swipe. Locks their cards, which swipes read them under."""
    lock_cards_of(member.pk)
    suspended = people.set_status(member, MembershipStatus.SUSPENDED, actor=actor, at=at)
    # Again: a card may have been issued before the member was locked.
    lock_cards_of(member.pk)
    return suspended


@operation
def deactivate_member(member: Membership, *, actor: Membership, at: datetime) -> Membership:
    """They have left: no sign-in, and their cards are frozen with the source `offboarding` until they are reactivated."""
    lock_cards_of(member.pk)
    left = people.set_status(member, MembershipStatus.DEACTIVATED, actor=actor, at=at)
    # Again: a card may have been issued before the member was locked.
    for card in lock_cards_of(member.pk):
        if card.status in {CardStatus.ACTIVE, CardStatus.PENDING}:
            _freeze(card, FreezeSource.OFFBOARDING, actor=actor, at=at)
    return left


@operation
def reactivate_member(member: Membership, *, actor: Membership, at: datetime) -> Membership:
    """They are back: sign-in works, and what their leaving froze is lifted. Other freezes stay."""
    cards = lock_cards_of(member.pk)
    back = people.set_status(member, MembershipStatus.ACTIVE, actor=actor, at=at)
    for card in cards:
        lifted = Freeze.objects.filter(card=card, open_source=FreezeSource.OFFBOARDING)
        if lifted.update(open_source=None, lifted_by=actor, lifted_at=at):
            events.record("card.unfrozen", card, actor=actor, at=at, sources=[str(FreezeSource.OFFBOARDING)])
    return back


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
