"""What may be spent, by whom, within which limits: cards, their controls, budgets, grants, requests, and the counters under them."""

from __future__ import annotations

from cards.models.budgets import THRESHOLDS, Budget, BudgetInterval, BudgetMember, BudgetQuerySet
from cards.models.cards import Card, CardKind, CardQuerySet, CardStatus, CardUsage, Freeze, FreezeSource
from cards.models.controls import BlockList, CardControls, CardMode, LimitGrant
from cards.models.counters import EPOCH, Interval, LimitCounter
from cards.models.requests import CardRequest, CardRequestQuerySet, RequestKind, RequestStatus

__all__ = [
    "EPOCH",
    "THRESHOLDS",
    "BlockList",
    "Budget",
    "BudgetInterval",
    "BudgetMember",
    "BudgetQuerySet",
    "Card",
    "CardControls",
    "CardKind",
    "CardMode",
    "CardQuerySet",
    "CardRequest",
    "CardRequestQuerySet",
    "CardStatus",
    "CardUsage",
    "Freeze",
    "FreezeSource",
    "Interval",
    "LimitCounter",
    "LimitGrant",
    "RequestKind",
    "RequestStatus",
]
