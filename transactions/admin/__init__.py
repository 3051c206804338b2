"""Operators look at what happened and at the money it moved, give credit, and suspend or reactivate companies."""

from __future__ import annotations

from transactions.admin import accounting, approvals, backtests, claims, companies, ledger, purchases, receipts, statements

__all__ = ["accounting", "approvals", "backtests", "claims", "companies", "ledger", "purchases", "receipts", "statements"]
