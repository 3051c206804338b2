"""What the table of permissions (`users/roles.py`) cannot say by itself: nobody hands out, or takes away, more than they have.

A program has scopes and no role: what people may do by theirs, it neither hands out nor takes away, but for that of an employee.
"""

from __future__ import annotations

from spendtrackr import errors
from users.models import Membership
from users.roles import BOOKS, Role


def may_make(actor: Membership, role: str) -> bool:
    """Only an owner makes an owner, and a program nobody but employees."""
    if actor.is_program and role != Role.EMPLOYEE:
        return False
    return actor.may("people.own") if role == Role.OWNER else actor.may("people.change")


def may_change(actor: Membership, member: Membership) -> bool:
    """Only an owner changes an owner, and a program nobody who runs the company or keeps its books."""
    if actor.is_program and member.role in BOOKS:
        return False
    return actor.may("people.change") and (actor.may("people.own") or not member.is_owner)


def refusal(actor: Membership) -> errors.Forbidden:
    """Why not, for whoever neither `may_make` nor `may_change`."""
    if actor.is_program:
        return errors.Forbidden("A program makes employees, and changes nobody who runs the company or keeps its books: people do that.")
    return errors.Forbidden("Only an owner can make or change an owner, or look after the invitation of one.")
