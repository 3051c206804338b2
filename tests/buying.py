"""Purchases of a day, bought and cleared, for tests of what they add up to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cards.models import Card
from spendtrackr.money import Money
from tests.factories import swipe
from transactions.models import Split, Transaction
from transactions.operations import claims
from transactions.operations.claims import Wish
from transactions.operations.clearing import Clearing, clear
from transactions.operations.statements import StatementFile, import_statement
from transactions.operations.swipes import authorize
from users.models import Membership


def noon_of(day: str) -> datetime:
    return datetime.fromisoformat(day).replace(hour=15, tzinfo=UTC)


def swiped(card: Card, minor: int, day: str, merchant: str = "Shop", **more) -> Transaction:
    """As the network asked, not cleared."""
    return authorize(card, swipe(minor, merchant_name=merchant, at=noon_of(day), **more)).transaction


def bought(card: Card, minor: int, day: str, merchant: str = "Shop", *, back: int = 0, **more) -> Transaction:
    """Cleared on the same day; `back` of it came back on the next."""
    purchase = swiped(card, minor, day, merchant, **more)
    cleared = clear(purchase, Clearing("capture", f"capture-{purchase.pk}", noon_of(day), is_final=True), actor=None)
    if back:
        cleared = clear(purchase, Clearing("refund", f"refund-{purchase.pk}", noon_of(day) + timedelta(days=1), back), actor=None)
    return cleared


def imported(world, *rows: str, filename: str = "s.csv") -> None:
    """Lines such as `2026-01-05,12.00,EUR,Hotel`."""
    text = "Date,Amount,Currency,Merchant\n" + "\n".join(rows) + "\n"
    import_statement(world.acme, StatementFile(text.encode(), filename), actor=world.alice, at=noon_of("2026-03-09"))


def claimed(member: Membership, minor: int, day: str, merchant: str = "Inn") -> Transaction:
    at = noon_of(day)
    return claims.make(Wish(at.date(), Money(minor, "USD"), merchant, "Trip", [Split(share_minor=minor)]), actor=member, at=at)
