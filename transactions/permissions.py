"""Who may do what with money and what was spent."""

from __future__ import annotations

from typing import Any

from users.models import Membership


def see(member: Membership, subject: Any = None) -> bool:
    """The queryset shows an employee their own transactions only."""
    return True


def see_accounts(member: Membership, subject: Any = None) -> bool:
    return member.sees_company


def see_imports(member: Membership, subject: Any = None) -> bool:
    return member.sees_company


def import_statements(member: Membership, subject: Any = None) -> bool:
    return member.keeps_books


def simulate(member: Membership, subject: Any = None) -> bool:
    """The simulator stands in for the bank and the card network: for those who look after the money."""
    return member.keeps_books
