"""Reads that add up, by what they are about. Callers use the names of this module."""

from __future__ import annotations

from reports.queries.approvals import approval_ageing
from reports.queries.claims import claims_outstanding
from reports.queries.closing import close_list
from reports.queries.declines import GROUPINGS as DECLINE_GROUPINGS
from reports.queries.declines import declines
from reports.queries.duplicates import MOST_COMPARED, duplicates
from reports.queries.events import EVENT_KINDS, EVENT_TYPES, Actor, Feed, actors_of, events_after
from reports.queries.limits import card_limits
from reports.queries.merchants import new_merchants
from reports.queries.movers import movers
from reports.queries.receipts import missing_receipts
from reports.queries.spend import (
    AGAINST_BUDGET,
    AXES,
    BEFORE,
    COMPARISONS,
    GROUPINGS,
    HIDDEN,
    LAST_YEAR,
    MONTH,
    NOBODYS,
    NONE,
    UNCATEGORISED,
    Part,
    alone,
    booked,
    compared_period,
    compares_with_whole,
    ids_of,
    key_of,
    names_for,
    narrowed,
    narrowing,
    of_members,
    parts,
    parts_of,
    percent,
    reader,
    rows_behind,
    spend,
    within,
)
from reports.queries.subscriptions import subscriptions
from reports.queries.webhooks import webhook_attempts, webhook_deliveries, webhook_endpoints

__all__ = [
    "AGAINST_BUDGET",
    "AXES",
    "BEFORE",
    "COMPARISONS",
    "DECLINE_GROUPINGS",
    "EVENT_KINDS",
    "EVENT_TYPES",
    "GROUPINGS",
    "HIDDEN",
    "LAST_YEAR",
    "MONTH",
    "MOST_COMPARED",
    "NOBODYS",
    "NONE",
    "UNCATEGORISED",
    "Actor",
    "Feed",
    "Part",
    "actors_of",
    "alone",
    "approval_ageing",
    "booked",
    "card_limits",
    "claims_outstanding",
    "close_list",
    "compared_period",
    "compares_with_whole",
    "declines",
    "duplicates",
    "events_after",
    "ids_of",
    "key_of",
    "missing_receipts",
    "movers",
    "names_for",
    "narrowed",
    "narrowing",
    "new_merchants",
    "of_members",
    "parts",
    "parts_of",
    "percent",
    "reader",
    "rows_behind",
    "spend",
    "subscriptions",
    "webhook_attempts",
    "webhook_deliveries",
    "webhook_endpoints",
    "within",
]
