"""Whether somebody's cards work: suspended, gone, back. Locks their cards first, under which swipes read their standing."""

from __future__ import annotations

from datetime import datetime

from cards.locks import lock_cards_of
from cards.models import CardStatus, FreezeSource
from cards.operations.cards import freeze_from, lift_from
from spendtrackr.retry import operation
from users import operations as people
from users.models import Membership, MembershipStatus


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
            freeze_from(card, FreezeSource.OFFBOARDING, actor=actor, at=at)
    return left


@operation
def reactivate_member(member: Membership, *, actor: Membership, at: datetime) -> Membership:
    """They are back: sign-in works, and what their leaving froze is lifted. Other freezes stay."""
    cards = lock_cards_of(member.pk)
    back = people.set_status(member, MembershipStatus.ACTIVE, actor=actor, at=at)
    for card in cards:
        lift_from(card, FreezeSource.OFFBOARDING, actor=actor, at=at)
    return back
