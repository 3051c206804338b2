"""Transactions, their parts, claims, and the spend lines behind a figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet

from reports.exports.columns import Column, instant, money, person, plain, text
from reports.exports.sheets import Asked, Listing
from spendtrackr import errors
from transactions import queries
from transactions.filters import ClaimFilter, TransactionFilter
from transactions.models import SpendLine

_MERCHANT = (text("merchant", "merchant__name", width=28), text("merchant id", "merchant__public_id", width=32))
_CODED = (
    text("category", "category__name", width=20),
    text("ledger code", "category__ledger_code"),
    text("department", "department__name", width=20),
    text("budget", "budget__name", width=20),
)
_PERSON = person("member")


def _with_tags(rows: list[Any], _: Asked) -> Sequence[Any]:
    names = queries.tag_names({row.pk for row in rows})
    for row in rows:
        row.tag_names = names.get(row.pk)
    return rows


_TAGS = Column("tags", lambda row: row.tag_names, 24, beside=queries.tag_names)

TRANSACTIONS = Listing(
    name="transactions",
    title="Transactions",
    rule="transactions.see",
    columns=(
        text("id", "public_id", width=32),
        plain("day", "occurred_on"),
        plain("posted on", "posted_on"),
        instant("at (UTC)", "occurred_at"),
        text("source", "source", width=10),
        text("status", "status", width=10),
        *_MERCHANT,
        text("as sent", "descriptor", width=28),
        text("merchant category code", "merchant_code", width=8),
        text("country", "country", width=8),
        money("amount", "amount_minor"),
        text("currency", "currency", width=8),
        money("on hold", "held_minor"),
        money("captured", "captured_minor"),
        money("refunded", "refunded_minor"),
        money("charged back", "charged_back_minor"),
        money("merchant amount", "merchant_amount_minor", "merchant_currency"),
        text("merchant currency", "merchant_currency", width=8),
        *_PERSON,
        text("card", "card_last4", width=8),
        text("card id", "card__public_id", width=32),
        *_CODED,
        text("memo", "memo", width=36),
        text("tax code", "tax_code", width=10),
        money("tax", "tax_minor"),
        plain("receipts", "receipt_count", width=8),
        text("no receipt because", "no_receipt_reason", width=24),
        text("missing", "missing"),
        text("approval", "approval"),
        text("declined because", "decline_code", width=20),
        text("flags", "flags"),
        _TAGS,
    ),
    rows=queries.visible,
    filterset=TransactionFilter,
    order=tuple(queries.LATEST),
    filled=_with_tags,
)

TRANSACTION_LINES = Listing(
    name="transaction-lines",
    title="Transaction lines",
    rule="transactions.see",
    columns=(
        text("transaction id", "public_id", width=32),
        plain("part", "part", width=6),
        plain("day", "part_day"),
        plain("posted on", "posted_on"),
        text("source", "source", width=10),
        text("status", "status", width=10),
        *_MERCHANT,
        text("as sent", "part_descriptor", width=28),
        money("amount", "part_minor"),
        text("currency", "currency", width=8),
        *_PERSON,
        text("card", "card_last4", width=8),
        text("card id", "card__public_id", width=32),
        text("category", "part_category", width=20),
        text("ledger code", "part_ledger_code"),
        text("department", "part_department", width=20),
        text("budget", "part_budget", width=20),
        text("memo", "part_memo", width=36),
        text("tax code", "part_tax_code", width=10),
        money("tax", "part_tax_minor"),
        text("approval", "approval"),
        _TAGS,
    ),
    rows=queries.visible,
    filterset=TransactionFilter,
    order=tuple(queries.LATEST),
    lines=queries.in_parts,
    filled=_with_tags,
)


def _behind(filters: Any) -> QuerySet[Any]:
    """What a report added up, line by line: those of the transactions that the filters find."""
    if not filters.is_behind_a_figure:
        raise errors.Invalid("Say which days were posted on: spent_from, spent_to, or both.", field="spent_from", code="required")
    lines: QuerySet[SpendLine] = filters.lines().filter(transaction__in=filters.qs.order_by().values("pk"))
    return lines.select_related("transaction", "merchant", "category", "department", "budget", "member__user", "card")


SPEND_LINES = Listing(
    name="spend-lines",
    title="Spend lines",
    rule="transactions.see",
    columns=(
        plain("day", "day"),
        money("spend", "amount_minor"),
        text("currency", "currency", width=8),
        text("transaction id", "transaction__public_id", width=32),
        plain("bought on", "transaction__occurred_on"),
        *_MERCHANT,
        *_PERSON,
        text("card", "card__last4", width=8),
        text("card id", "card__public_id", width=32),
        *_CODED,
        text("memo", "transaction__memo", width=36),
    ),
    rows=queries.visible,
    filterset=TransactionFilter,
    order=("day", "id"),
    found=_behind,
)


def _with_claim(rows: list[Any], _: Asked) -> Sequence[Any]:
    return queries.with_claim(rows)


CLAIMS = Listing(
    name="claims",
    title="Claims",
    rule="transactions.see",
    columns=(
        text("id", "public_id", width=32),
        plain("day", "occurred_on"),
        *_PERSON,
        Column("e-mail", lambda row: row.member.user.email, 26),
        text("merchant", "descriptor", width=28),
        money("amount", "amount_minor"),
        text("currency", "currency", width=8),
        money("paid", "merchant_amount_minor", "merchant_currency"),
        text("paid in", "merchant_currency", width=8),
        *_CODED,
        text("memo", "memo", width=36),
        text("status", "status", width=10),
        text("approval", "approval"),
        Column("payment", lambda row: row.payment or ""),
        plain("receipts", "receipt_count", width=8),
    ),
    rows=queries.claims,
    filterset=ClaimFilter,
    filled=_with_claim,
)
