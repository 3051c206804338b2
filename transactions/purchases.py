"""A purchase is a fold over the set of its messages. Pure: no clock, no database.

The result depends on which messages there are, not on their order, so deliveries that are late, doubled or shuffled end in
the same balances.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from cards.counters import Share
from companies.models import Company
from transactions.models import Account, ApprovalState, MessageKind, Transaction, TransactionStatus


class Said(Protocol):
    """What the fold reads of a message."""

    kind: str
    amount_minor: int
    requested_minor: int | None
    is_approved: bool
    is_final: bool
    at: datetime


class Flag(StrEnum):
    """What is worth a second look, derived and never stored by hand."""

    PARTIAL = "partial"
    STAND_IN = "stand_in"
    EXPIRED = "expired"
    LATE = "late"
    OVER_CAPTURED = "over_captured"
    FORCED = "forced"
    OVER_REFUNDED = "over_refunded"
    DISPUTED = "disputed"


@dataclass(frozen=True, slots=True)
class Purchase:
    """Where a purchase stands. All amounts in minor units of the card's currency."""

    # Approved requests and advices; of a single message (PIN) nothing is ever on hold.
    authorized: int = 0
    single: int = 0
    reversed: int = 0
    cleared: int = 0
    refunded: int = 0
    charged_back: int = 0
    is_final: bool = False
    is_expired: bool = False
    is_partial: bool = False
    is_forced: bool = False
    is_stand_in: bool = False
    # Whether anything but declined requests was said.
    is_known: bool = False
    # Whether we were asked, and said yes: then the purchase is dated by our clock.
    is_requested: bool = False
    # The instant that its windows are those of: of its authorization, else of the first message that there is.
    at: datetime | None = None
    # When the first money was collected or came back.
    posted_at: datetime | None = None

    @property
    def is_reversed(self) -> bool:
        return self.reversed >= self.authorized + self.single > 0

    @property
    def is_closed(self) -> bool:
        return self.is_final or self.is_expired or self.is_reversed

    @property
    def held(self) -> int:
        return 0 if self.is_closed else max(0, self.authorized - self.reversed - self.cleared)

    @property
    def captured(self) -> int:
        """What the merchant collected. A reversal takes back a hold first, and then what a single message had collected."""
        return self.cleared + self.single - min(self.single, max(0, self.reversed - self.authorized))

    @property
    def spent(self) -> int:
        """May fall below zero: a refund can exceed what was captured, and the money came all the same."""
        return self.captured - self.refunded - self.charged_back

    @property
    def share(self) -> Share:
        """What a counter keeps of it. Posted is never below zero: an unlinked refund gives no room."""
        return Share(self.held, max(0, self.spent), int(self.held > 0 or self.captured > 0))

    @property
    def status(self) -> TransactionStatus:
        if not self.is_known:
            return TransactionStatus.DECLINED
        if self.captured or self.refunded or self.charged_back:
            return TransactionStatus.POSTED
        return TransactionStatus.PENDING if self.held else TransactionStatus.REVERSED

    @property
    def amount(self) -> int:
        """What a person would name: what was captured, else what was authorized; of a refund without a purchase the credit."""
        return self.captured or self.authorized or self.single or -(self.refunded + self.charged_back)

    @property
    def flags(self) -> list[Flag]:
        is_open_hold = self.authorized > self.reversed
        told = {
            Flag.PARTIAL: self.is_partial,
            Flag.STAND_IN: self.is_stand_in,
            Flag.EXPIRED: self.is_expired and not self.captured and not self.is_reversed,
            Flag.LATE: self.cleared > 0 and (self.is_expired or self.reversed >= self.authorized > 0),
            Flag.OVER_CAPTURED: is_open_hold and self.cleared > self.authorized - self.reversed,
            Flag.FORCED: self.is_forced or (self.cleared > 0 and self.authorized == 0),
            Flag.OVER_REFUNDED: self.spent < 0,
            Flag.DISPUTED: self.charged_back > 0,
        }
        return [flag for flag, is_true in told.items() if is_true]


_AUTHORIZES = {MessageKind.AUTHORIZATION, MessageKind.INCREMENT, MessageKind.ADVICE}
_BEGINS = _AUTHORIZES | {MessageKind.FINANCIAL}
_POSTS = set(MessageKind) - _AUTHORIZES - {MessageKind.REVERSAL, MessageKind.EXPIRY}
_REQUESTED = {MessageKind.AUTHORIZATION, MessageKind.INCREMENT, MessageKind.FINANCIAL}


def fold(messages: Iterable[Said]) -> Purchase:
    """Sum up the messages of one purchase."""
    sums = dict.fromkeys(MessageKind, 0)
    said = [message for message in messages if message.is_approved]
    for message in said:
        sums[MessageKind(message.kind)] += message.amount_minor
    kinds = {message.kind for message in said}
    return Purchase(
        authorized=sum(sums[kind] for kind in _AUTHORIZES),
        single=sums[MessageKind.FINANCIAL],
        reversed=sums[MessageKind.REVERSAL],
        cleared=sums[MessageKind.CAPTURE] + sums[MessageKind.FORCE_POST],
        refunded=sums[MessageKind.REFUND] - sums[MessageKind.REFUND_REVERSAL],
        charged_back=sums[MessageKind.CHARGEBACK] - sums[MessageKind.CHARGEBACK_REVERSAL],
        is_final=any(message.kind == MessageKind.CAPTURE and message.is_final for message in said),
        is_expired=MessageKind.EXPIRY in kinds,
        is_partial=any(message.requested_minor and message.amount_minor < message.requested_minor for message in said),
        is_forced=MessageKind.FORCE_POST in kinds,
        is_stand_in=MessageKind.ADVICE in kinds,
        is_known=bool(said),
        is_requested=not kinds.isdisjoint(_REQUESTED),
        at=_instant(said),
        posted_at=min((message.at for message in said if message.kind in _POSTS), default=None),
    )


def _instant(said: list[Said]) -> datetime | None:
    """Of the request, which we dated ourselves; else of the first advice; else of the first message of any kind."""
    for kinds in (_REQUESTED, _BEGINS):
        if begun := [message.at for message in said if message.kind in kinds]:
            return min(begun)
    return min((message.at for message in said), default=None)


STATE = (
    "status", "decline_code", "amount_minor", "held_minor", "captured_minor", "refunded_minor", "charged_back_minor", "flags",
    "occurred_at", "occurred_on", "posted_on", "approval",
)  # fmt: skip


def state_of(purchase: Transaction, after: Purchase, company: Company, *, before: Purchase) -> None:
    """Write the fold onto the row, without saving it: the fields of `STATE`. Stored days stay unless their instant changed."""
    if after.at and after.at != purchase.occurred_at:
        purchase.occurred_at, purchase.occurred_on = after.at, company.day_of(after.at)
    if after.posted_at != before.posted_at:
        purchase.posted_on = company.day_of(after.posted_at) if after.posted_at else None
    purchase.status, purchase.amount_minor = after.status, after.amount if after.is_known else purchase.amount_minor
    purchase.held_minor, purchase.captured_minor = after.held, after.captured
    purchase.refunded_minor, purchase.charged_back_minor = after.refunded, after.charged_back
    purchase.flags = " ".join(after.flags)
    if after.is_known:
        purchase.decline_code = ""
    if purchase.approval == ApprovalState.NONE and after.share.purchases:
        purchase.approval = ApprovalState.OPEN


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
