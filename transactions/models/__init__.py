"""What was spent and the money it moved, by behaviour: purchases, papers and approval, the ledger, spend, statements."""

from __future__ import annotations

from transactions.models.approvals import (
    OPEN_KEY,
    Approval,
    ApprovalDecision,
    ApprovalStatus,
    ApprovalStep,
    Assignment,
    Because,
    Delegation,
    DelegationState,
    Outcome,
    Receipt,
    ReceiptType,
    StepStatus,
)
from transactions.models.ledger import Account, Entry, EntryKind, FundingAccount, Posting
from transactions.models.policies import Policy, PolicyActivation
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
    "OPEN_KEY",
    "REQUESTS",
    "Account",
    "Approval",
    "ApprovalDecision",
    "ApprovalState",
    "ApprovalStatus",
    "ApprovalStep",
    "Assignment",
    "Because",
    "DaySpend",
    "Delegation",
    "DelegationState",
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
    "Outcome",
    "Policy",
    "PolicyActivation",
    "Posting",
    "Receipt",
    "ReceiptType",
    "SpendLine",
    "StatementImport",
    "StatementMapping",
    "StatementSource",
    "StepStatus",
    "Transaction",
    "TransactionQuerySet",
    "TransactionSource",
    "TransactionStatus",
]
