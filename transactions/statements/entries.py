"""What every format but CSV comes down to: entries of an account, as text, the way they stand in the file."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal

from spendtrackr import errors

# Our fields, and the columns of the table that entries become.
COLUMNS = {
    "posting_date": "Posted",
    "transaction_date": "Date",
    "amount": "Amount",
    "currency": "Currency",
    "merchant": "Merchant",
    "card": "Card",
    "reference": "Reference",
}
BANK, CARD = "bank", "card"
ACCOUNTS = [(BANK, BANK), (CARD, CARD)]


@dataclass(frozen=True, slots=True)
class Found:
    """One entry. Days as `2026-03-31`, or as they are where they make no sense; an amount below zero is money that went out.

    `left_out` says why nothing can be made of it that is wrong with nobody: it is pending, say.
    """

    line: int
    posted: str
    day: str
    amount: str
    currency: str
    merchant: str
    card: str = ""
    reference: str = ""
    left_out: str = ""

    def cells(self) -> tuple[str, ...]:
        return self.posted, self.day, self.amount, self.currency, self.merchant, self.card, self.reference


@dataclass(slots=True)
class Said:
    """All that a file says."""

    account: str
    entries: list[Found] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def one_line(text: str | None) -> str:
    return " ".join((text or "").split())


def last4(account: str | None) -> str:
    """Of an account or a card: the rest is not ours to keep."""
    digits = re.sub(r"\D", "", account or "")
    return digits[-4:] if len(digits) >= 4 else ""


def earlier(day: str, posted: str) -> str:
    """When it was bought: the day that money counts from, unless that lies behind the booking."""
    return day if day and posted and day <= posted else posted or day


def balance_note(name: str, *, opening: Decimal | None, closing: Decimal | None, moved: Decimal) -> list[str]:
    """What to say of a statement whose entries do not lead from one balance to the other."""
    if opening is None or closing is None or opening + moved == closing:
        return []
    return [f"The entries of {name} add up to {moved:f}, and its balances differ by {closing - opening:f}: something may be missing."]


def lines_of(text: str, mark: str) -> list[int]:
    """The lines on which an expression is found, counted from 1."""
    found, line, before = [], 1, 0
    for match in re.finditer(mark, text, re.MULTILINE | re.IGNORECASE):
        line += text.count("\n", before, match.start())
        before = match.start()
        found.append(line)
    return found


def broken(line: int, why: str) -> errors.Invalid:
    return errors.Invalid(f"Line {line}: {why}", field="file")
