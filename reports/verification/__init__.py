"""Recompute what the append-only rows promise, and name the first row of each kind that does not keep it.

A check reads the company in scope and yields sentences; no sentence means that the promise holds. Nothing is repaired. Tables are walked
in blocks, so that memory does not grow with them; no transaction is open meanwhile. What swipes go on changing is read by one statement.
"""

from __future__ import annotations

from reports.verification.accounting import accounting, closed_books
from reports.verification.backtests import backtests
from reports.verification.claims import claims, repayments
from reports.verification.company import chains, events, owners, programs
from reports.verification.exports import exports
from reports.verification.ledger import balances, bank_transfers, holds, imported, postings, purchases
from reports.verification.limits import budgets, counters, requests, windows
from reports.verification.notices import notifications
from reports.verification.papers import approval_steps, approvals, missing_items, receipt_files, receipts
from reports.verification.spend import coding, day_rollup, month_rollup, month_rollup_within, spend_lines, split_parts
from reports.verification.tenancy import relations
from reports.verification.walking import Check, Told
from reports.verification.webhooks import webhooks

COMPANY_CHECKS: dict[str, Check] = {
    "postings": postings,
    "balances": balances,
    "bank transfers": bank_transfers,
    "purchases": purchases,
    "imported lines": imported,
    "holds": holds,
    "limit counters": counters,
    "limit windows": windows,
    "budgets": budgets,
    "requests": requests,
    "spend lines": spend_lines,
    "day rollup": day_rollup,
    "month rollup": month_rollup,
    "month rollup within": month_rollup_within,
    "coding": coding,
    "splits": split_parts,
    "claims": claims,
    "repayments": repayments,
    "closed books": closed_books,
    "accounting": accounting,
    "approvals": approvals,
    "approval steps": approval_steps,
    "missing items": missing_items,
    "receipts": receipts,
    "receipt files": receipt_files,
    "backtests": backtests,
    "exports": exports,
    "events": events,
    "notifications": notifications,
    "owners": owners,
    "managers": chains,
    "programs": programs,
    "webhooks": webhooks,
}

__all__ = [
    "COMPANY_CHECKS",
    "Check",
    "Told",
    "accounting",
    "approval_steps",
    "approvals",
    "backtests",
    "chains",
    "claims",
    "closed_books",
    "coding",
    "day_rollup",
    "missing_items",
    "month_rollup",
    "month_rollup_within",
    "notifications",
    "relations",
    "repayments",
    "spend_lines",
    "split_parts",
]
