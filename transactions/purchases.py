"""A purchase is a fold over the set of its messages. Pure: no clock, no database.

The result depends on which messages there are, not on their order, so deliveries that are late, doubled or shuffled end in
the same balances.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from transactions.models import Account, MessageKind, TransactionStatus


class Said(Protocol):
    """What the fold reads of a message."""

    kind: str
    amount_minor: int
    is_approved: bool
    is_final: bool


@dataclass(frozen=True, slots=True)
class Purchase:
    """Where a purchase stands. All amounts in minor units of the card's currency."""

    authorized: int = 0
    reversed: int = 0
    captured: int = 0
    refunded: int = 0
    is_closed: bool = False

    @property
    def held(self) -> int:
        return 0 if self.is_closed else max(0, self.authorized - self.reversed - self.captured)

    @property
    def spent(self) -> int:
        """May fall below zero: a refund can exceed what was captured, and the money came all the same."""
        return self.captured - self.refunded

    @property
    def counted(self) -> int:
        """What a limit counter keeps as posted: never below zero."""
        return max(0, self.spent)

    @property
    def status(self) -> TransactionStatus:
        if not self.authorized and not self.captured:
            return TransactionStatus.DECLINED
        if self.captured:
            return TransactionStatus.POSTED
        return TransactionStatus.REVERSED if self.is_closed else TransactionStatus.PENDING

    @property
    def amount(self) -> int:
        """What a person would name: what was captured, else what was authorized."""
        return self.captured or self.authorized


def fold(messages: Iterable[Said]) -> Purchase:
    """Sum up the messages of one purchase."""
    sums = dict.fromkeys(MessageKind, 0)
    final = False
    for message in messages:
        if message.is_approved:
            sums[MessageKind(message.kind)] += message.amount_minor
            final = final or (message.kind == MessageKind.CAPTURE and message.is_final)
    authorized, reversed_ = sums[MessageKind.AUTHORIZATION], sums[MessageKind.REVERSAL]
    return Purchase(
        authorized=authorized,
        reversed=reversed_,
        captured=sums[MessageKind.CAPTURE],
        refunded=sums[MessageKind.REFUND],
        is_closed=final or reversed_ >= authorized > 0,
    )


@dataclass(frozen=True, slots=True)
class Move:
    """One posting to be: `amount` above zero, from one account to another."""

    source: Account
    target: Account
    amount: int


def moves_between(before: Purchase, after: Purchase) -> list[Move]:
    """The postings that carry the ledger from one fold to the next. Held money is spent first, the rest comes from available."""
    held, spent = after.held - before.held, after.spent - before.spent
    through = min(-held, spent) if held < 0 < spent else 0
    return [
        *_signed(Account.HELD, Account.SPENT, through),
        *_signed(Account.AVAILABLE, Account.SPENT, spent - through),
        *_signed(Account.AVAILABLE, Account.HELD, held + through),
    ]


def _signed(source: Account, target: Account, amount: int) -> list[Move]:
    if amount == 0:
        return []
    return [Move(source, target, amount)] if amount > 0 else [Move(target, source, -amount)]
