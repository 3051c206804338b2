"""What was spent and the money it moved, by behaviour: purchases, papers and approval, the ledger, spend, statements."""

from __future__ import annotations

from transactions.models.approvals import Approval, ApprovalStatus, Receipt, ReceiptType
from transactions.models.ledger import Account, Entry, EntryKind, FundingAccount, Posting
from transactions.models.purchases import (
    REQUESTS,
    ApprovalState,
    Draw,
    Merchant,
    Message,
    MessageKind,
    Transaction,
    TransactionQuerySet,
    TransactionSource,
    TransactionStatus,
)
from transactions.models.spend import DaySpend, Dimension, MonthSpend, SpendLine
from transactions.models.statements import ImportedLine, StatementImport, StatementMapping, StatementSource

__all__ = [
    "REQUESTS",
    "Account",
    "Approval",
    "ApprovalState",
    "ApprovalStatus",
    "DaySpend",
    "Dimension",
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
    "Receipt",
    "ReceiptType",
    "SpendLine",
    "StatementImport",
    "StatementMapping",
    "StatementSource",
    "Transaction",
    "TransactionQuerySet",
    "TransactionSource",
    "TransactionStatus",
]
