"""Who may do what with cards."""

from __future__ import annotations

from cards.models import Card
from users.models import Membership


def see(member: Membership, card: Card | None = None) -> bool:
    """The queryset shows an employee their own cards only."""
    return True


def issue(member: Membership, card: Card | None = None) -> bool:
    return member.runs_company


def control(member: Membership, card: Card | None = None) -> bool:
    return member.runs_company


def close(member: Membership, card: Card | None = None) -> bool:
    return member.runs_company


def freeze(member: Membership, card: Card | None = None) -> bool:
    """A lost card cannot wait for an administrator."""
    return member.runs_company or card is None or card.holder_id == member.pk


unfreeze = freeze
