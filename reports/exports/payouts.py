"""Payouts of claims, and what people are asked to repay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reports.exports.columns import Column, instant, money, person, text
from reports.exports.sheets import Asked, Listing
from transactions import queries
from transactions.models import Payout
from transactions.viewsets.claims import PayoutFilter, RepaymentFilter

_PERSON = person("member")
_ENDED = (text("ended by", "ended_by__user__name", width=22), instant("ended at (UTC)", "ended_at"))

PAYOUTS = Listing(
    name="payouts",
    title="Payouts",
    rule="reimbursements.see",
    columns=(
        text("id", "public_id", width=32),
        text("batch id", "reimbursement__public_id", width=32),
        text("claim id", "transaction__public_id", width=32),
        *_PERSON,
        text("merchant", "transaction__descriptor", width=28),
        money("amount", "amount_minor", "reimbursement__currency"),
        text("currency", "reimbursement__currency", width=8),
        text("status", "status", width=10),
        text("reason", "reason", width=36),
        *_ENDED,
    ),
    rows=lambda _: Payout.objects.select_related("member__user", "transaction", "reimbursement", "ended_by__user"),
    filterset=PayoutFilter,
)


def _outstanding(rows: list[Any], _: Asked) -> Sequence[Any]:
    return queries.with_outstanding(rows)


REPAYMENTS = Listing(
    name="repayments",
    title="Repayments",
    rule="repayments.see",
    columns=(
        text("id", "public_id", width=32),
        text("transaction id", "transaction__public_id", width=32),
        *_PERSON,
        text("merchant", "transaction__descriptor", width=28),
        Column("repaid", lambda row: row.repaid),
        Column("outstanding", lambda row: row.outstanding),
        Column("overpaid", lambda row: row.overpaid),
        text("currency", "transaction__currency", width=8),
        text("status", "status", width=10),
        instant("asked for at (UTC)", "opened_at"),
        text("reason", "reason", width=36),
        *_ENDED,
    ),
    rows=queries.repayments,
    filterset=RepaymentFilter,
    filled=_outstanding,
)
