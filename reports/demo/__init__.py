"""The demo's companies: who works there, what they buy and when, and what becomes of it. Callers use the names of this module.

Deterministic: the same day gives the same figures, and fewer months are the end of more.
"""

from __future__ import annotations

from reports.demo.bergwerk import BERGWERK
from reports.demo.cast import Ask, Attempt, Deed, DemoCompany, Envelope, Fate, Person, Shop, Turn, Wallet
from reports.demo.filling import fill
from reports.demo.northwind import NORTHWIND
from reports.demo.papers import paper_for
from reports.demo.planning import MONTHS, Plan, evening_before, first_day, plans
from reports.demo.steps import Step, steps_of

PASSWORD = "spend-it-well-2026"  # noqa: S105 -- printed by the demo, and refused everywhere else
COMPANIES = (NORTHWIND, BERGWERK)

__all__ = [
    "BERGWERK",
    "COMPANIES",
    "MONTHS",
    "NORTHWIND",
    "PASSWORD",
    "Ask",
    "Attempt",
    "Deed",
    "DemoCompany",
    "Envelope",
    "Fate",
    "Person",
    "Plan",
    "Shop",
    "Step",
    "Turn",
    "Wallet",
    "evening_before",
    "fill",
    "first_day",
    "paper_for",
    "plans",
    "steps_of",
]
