"""Requests for a yes, and what became of them."""

from __future__ import annotations

from reports.exports.columns import instant, money, person, plain, text
from reports.exports.sheets import Listing
from transactions import queries
from transactions.viewsets.approvals import ApprovalFilter

APPROVALS = Listing(
    name="approvals",
    title="Approvals",
    rule="approvals.see",
    columns=(
        text("id", "public_id", width=32),
        text("status", "status"),
        text("transaction id", "transaction__public_id", width=32),
        plain("bought on", "transaction__occurred_on"),
        text("merchant", "transaction__descriptor", width=28),
        *person("transaction__member"),
        money("amount", "amount_minor", "transaction__currency"),
        text("currency", "transaction__currency", width=8),
        instant("asked at (UTC)", "asked_at"),
        text("rule", "rule", width=24),
        text("flags", "flags", width=24),
        text("decided by", "decided_by__user__name", width=22),
        instant("decided at (UTC)", "decided_at"),
        text("reason", "reason", width=36),
    ),
    rows=lambda member: queries.visible_approvals(member).select_related(
        "transaction__member__user", "transaction__merchant", "decided_by__user"
    ),
    filterset=ApprovalFilter,
)
