"""Who may do what with people. Plain functions of the member who asks and the object, None for "could they ever?"."""

from __future__ import annotations

from typing import Any

from users.models import Membership, Role


def see(member: Membership, subject: Any = None) -> bool:
    """Everybody may list; the queryset shows others only to those who see the company."""
    return True


def invite(member: Membership, subject: Any = None) -> bool:
    return member.runs_company


def grant(member: Membership, role: str) -> bool:
    """Nobody hands out more than they have: only an owner makes an owner."""
    return member.is_owner or (member.runs_company and role != Role.OWNER)


def change_role(member: Membership, subject: Membership | None = None) -> bool:
    """An owner changes everybody; an admin everybody but owners."""
    return member.is_owner or (member.runs_company and (subject is None or not subject.is_owner))
