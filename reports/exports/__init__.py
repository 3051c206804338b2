"""Files of any list or report, of what whoever asks may see. Lists say their columns; rows, filters and rules are those of their routes."""

from __future__ import annotations

from reports.catalogue import REPORTS
from reports.exports.approvals import APPROVALS
from reports.exports.cards import BUDGETS, CARD_REQUESTS, CARDS
from reports.exports.figures import ReportExport
from reports.exports.files import MOST_ROWS, TYPES
from reports.exports.ledger import ENTRIES
from reports.exports.log import ACTIVITY, IMPORTS
from reports.exports.organisation import CATEGORIES, DEPARTMENTS, TAGS
from reports.exports.payouts import PAYOUTS, REPAYMENTS
from reports.exports.people import MEMBERS
from reports.exports.receipts import RECEIPT_FILES, RECEIPTS
from reports.exports.sheets import CSV, XLSX, ZIP, Asked, Opened, Sheet, Subject
from reports.exports.transactions import CLAIMS, SPEND_LINES, TRANSACTION_LINES, TRANSACTIONS

LISTS: tuple[Subject, ...] = (
    TRANSACTIONS, TRANSACTION_LINES, SPEND_LINES, CLAIMS, PAYOUTS, REPAYMENTS, CARDS, CARD_REQUESTS, BUDGETS, MEMBERS, APPROVALS,
    RECEIPTS, RECEIPT_FILES, ENTRIES, ACTIVITY, IMPORTS, CATEGORIES, DEPARTMENTS, TAGS,
)  # fmt: skip
SUBJECTS: dict[str, Subject] = {subject.name: subject for subject in (*LISTS, *map(ReportExport, REPORTS.values()))}

__all__ = ["CSV", "LISTS", "MOST_ROWS", "SUBJECTS", "TRANSACTIONS", "TYPES", "XLSX", "ZIP", "Asked", "Opened", "Sheet", "Subject"]
