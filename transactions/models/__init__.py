"""What was spent and the money it moved, by behaviour: purchases, the ledger, spend, statements."""

from __future__ import annotations

from transactions.models.ledger import Account, Entry, EntryKind, FundingAccount, Posting
from transactions.models.purchases import (
    Draw,
    Merchant,
    Message,
    MessageKind,
    Transaction,
    TransactionQuerySet,
    TransactionSource,
    TransactionStatus,
)
from transactions.models.spend import DaySpend, MonthSpend, SpendLine
from transactions.models.statements import ImportedLine, StatementImport, StatementMapping, StatementSource

__all__ = [
    "Account",
    "DaySpend",
    "Draw",
    "Entry",
    "EntryKind",
    "FundingAccount",
    "ImportedLine",
    "Merchant",
    "Message",
    "MessageKind",
    "MonthSpend",
    "Posting",
    "SpendLine",
    "StatementImport",
    "StatementMapping",
    "StatementSource",
    "Transaction",
    "TransactionQuerySet",
    "TransactionSource",
    "TransactionStatus",
]
