"""What the table of permissions (`users/roles.py`) cannot say by itself: nobody hands out, or takes away, more than they have."""

from __future__ import annotations

from users.models import Membership
from users.roles import Role


def may_make(actor: Membership, role: str) -> bool:
    """Only an owner makes an owner."""
    return actor.may("people.own") if role == Role.OWNER else actor.may("people.change")


def may_change(actor: Membership, member: Membership) -> bool:
    """Only an owner changes an owner."""
    return actor.may("people.change") and (actor.may("people.own") or not member.is_owner)
