"""Cards and budgets, with what is used of them now, and requests for more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cards import queries
from cards.models import Budget, Card, CardRequest
from cards.viewsets.budgets import BudgetFilter
from cards.viewsets.cards import CardFilter
from cards.viewsets.requests import CardRequestFilter
from reports.exports.columns import Column, instant, money, person, plain, text
from reports.exports.sheets import Asked, Listing
from users.models import Membership


def _with_standings(rows: list[Any], asked: Asked) -> Sequence[Any]:
    return queries.with_standings(rows, asked.membership.company, at=asked.at)


CARDS = Listing(
    name="cards",
    title="Cards",
    rule="cards.see",
    columns=(
        text("id", "public_id", width=32),
        text("name", "name", width=24),
        text("last four", "last4", width=8),
        Column("state", lambda row: row.standing.state, 10),
        text("holder", "holder__user__name", width=22),
        text("holder id", "holder__public_id", width=32),
        text("kind", "usage"),
        text("currency", "currency", width=8),
        Column("used this month", lambda row: row.standing.used),
        text("budget", "budget__name", width=20),
        plain("expires on", "expires_on"),
        instant("issued at (UTC)", "created_at"),
        instant("closed at (UTC)", "closed_at"),
    ),
    rows=lambda member: Card.objects.visible_to(member).with_state(),
    filterset=CardFilter,
    filled=_with_standings,
)


def _standings(rows: list[Any], asked: Asked) -> Sequence[Any]:
    return queries.budget_standings(rows, asked.membership.company.day_of(asked.at))


def _seen(member: Membership) -> object:
    """Whoever does not see all of them sees those that they own or belong to."""
    return list(Budget.objects.visible_to(member).order_by("pk").values_list("pk", flat=True))


BUDGETS = Listing(
    name="budgets",
    title="Budgets",
    rule="budgets.see",
    columns=(
        text("id", "budget__public_id", width=32),
        text("name", "budget__name", width=24),
        Column("inside", lambda row: row.budget.parent.name if row.budget.parent else None, 24),
        text("owner", "budget__owner__user__name", width=22),
        text("interval", "budget__interval", width=10),
        Column("kind", lambda row: "hard" if row.budget.is_hard else "soft", 8),
        Column("limit", lambda row: row.budget.limit),
        Column("used", lambda row: row.used),
        Column("on hold", lambda row: row.held),
        Column("left", lambda row: row.remaining),
        text("currency", "budget__currency", width=8),
        plain("since", "since"),
        Column("until", lambda row: row.last, 12),
        Column("status", lambda row: "open" if row.budget.is_open else "closed", 10),
    ),
    rows=lambda member: Budget.objects.visible_to(member).with_people(),
    filterset=BudgetFilter,
    filled=_standings,
    depends_on=_seen,
)


def _own_budgets(member: Membership) -> object:
    """Whoever does not see all requests sees those for budgets of their own, besides those of their people."""
    return list(Budget.objects.filter(owner=member).order_by("pk").values_list("pk", flat=True))


CARD_REQUESTS = Listing(
    name="card-requests",
    title="Requests",
    rule="requests.see",
    columns=(
        text("id", "public_id", width=32),
        text("kind", "kind", width=8),
        *person("requester"),
        text("card", "card__name", width=24),
        text("card id", "card__public_id", width=32),
        text("name wanted", "name", width=24),
        text("budget", "budget__name", width=20),
        money("amount", "amount_minor"),
        text("currency", "currency", width=8),
        text("interval", "interval", width=10),
        plain("until", "until"),
        text("because", "reason", width=36),
        instant("asked at (UTC)", "asked_at"),
        text("status", "status", width=10),
        text("decided by", "decided_by__user__name", width=22),
        instant("decided at (UTC)", "decided_at"),
        text("answer", "answer", width=36),
        text("issued card id", "issued_card__public_id", width=32),
    ),
    rows=lambda member: CardRequest.objects.visible_to(member).with_names(),
    filterset=CardRequestFilter,
    depends_on=_own_budgets,
)
