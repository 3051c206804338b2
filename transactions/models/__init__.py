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
    StepStatus,
)
from transactions.models.claims import (
    LIVE_KEY,
    Claim,
    PaidFrom,
    Payout,
    PayoutStatus,
    Reimbursement,
    ReimbursementStatus,
    Repayment,
    RepaymentPart,
    RepaymentStatus,
)
from transactions.models.coding import Split, Tagging
from transactions.models.comments import Comment
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
from transactions.models.receipts import Attachment, Receipt, ReceiptType
from transactions.models.spend import DaySpend, Dimension, MonthSpend, SpendLine
from transactions.models.statements import ImportedLine, StatementImport, StatementMapping, StatementSource

__all__ = [
    "LIVE_KEY",
    "OPEN_KEY",
    "REQUESTS",
    "Account",
    "Approval",
    "ApprovalDecision",
    "ApprovalState",
    "ApprovalStatus",
    "ApprovalStep",
    "Assignment",
    "Attachment",
    "Because",
    "Claim",
    "Comment",
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
    "PaidFrom",
    "Payout",
    "PayoutStatus",
    "Policy",
    "PolicyActivation",
    "Posting",
    "Receipt",
    "ReceiptType",
    "Reimbursement",
    "ReimbursementStatus",
    "Repayment",
    "RepaymentPart",
    "RepaymentStatus",
    "SpendLine",
    "Split",
    "StatementImport",
    "StatementMapping",
    "StatementSource",
    "StepStatus",
    "Tagging",
    "Transaction",
    "TransactionQuerySet",
    "TransactionSource",
    "TransactionStatus",
]
