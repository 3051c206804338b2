"""Entries of the ledger: one row for each amount that was moved from one balance to another."""

from __future__ import annotations

from reports.exports.columns import instant, money, plain, text
from reports.exports.sheets import Listing
from transactions import balances
from transactions.filters import LedgerFilter
from transactions.models import Entry

ENTRIES = Listing(
    name="entries",
    title="Ledger entries",
    rule="accounts.see",
    columns=(
        text("id", "public_id", width=32),
        plain("day", "day"),
        instant("at (UTC)", "at"),
        text("kind", "kind", width=20),
        text("from", "moved_from", width=10),
        text("to", "moved_to", width=10),
        money("amount", "moved_minor", "account__currency"),
        text("currency", "account__currency", width=8),
        text("account id", "account__public_id", width=32),
        text("transaction id", "transaction__public_id", width=32),
        text("merchant", "transaction__merchant__name", width=28),
        text("person", "transaction__member__user__name", width=22),
    ),
    rows=lambda _: Entry.objects.select_related("account", "transaction__merchant", "transaction__member__user"),
    filterset=LedgerFilter,
    order=balances.NEWEST,
    lines=balances.in_moves,
)
