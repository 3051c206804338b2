"""Backtests: how far each has come, what it says, and the purchases behind its numbers."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.mixins import ListModelMixin
from rest_framework.response import Response

from cards.models import Card
from cards.serializers import limits_in
from spendtrackr.permissions import find
from spendtrackr.viewsets import APIRequest, TenantViewSet
from transactions import queries
from transactions.filters import BacktestRowFilter
from transactions.models import Backtest, BacktestRow
from transactions.operations import backtests as operations
from transactions.serializers import backtests as shapes


@extend_schema_view(
    list=extend_schema(summary="List backtests", description="What was tried on the past and how far it has come. Newest first."),
    retrieve=extend_schema(
        summary="Show a backtest",
        description="The worker goes through the past in the background: ask again until `status` is `done`, or `failed`.",
        responses={200: shapes.BacktestSerializer},
    ),
)
@extend_schema(tags=["backtests"])
class BacktestViewSet(ListModelMixin, TenantViewSet):
    """Drafts of policies and of controls, tried on the company's own history."""

    serializer_class = shapes.BacktestLineSerializer
    model = Backtest
    rules = {"list": "backtests.see", "retrieve": "backtests.see"}

    def rows(self) -> QuerySet[Any]:
        return queries.backtests()

    def get_serializer_class(self) -> type[Any]:
        return shapes.BacktestLineSerializer if self.action == "list" else shapes.BacktestSerializer

    def retrieve(self, request: APIRequest, public_id: str) -> Response:
        backtest = self.get_object()
        backtest.result = queries.result(backtest)
        return self.reply(backtest)


@extend_schema_view(
    list=extend_schema(
        summary="List the rows of a backtest",
        description="Every purchase or swipe that was looked at, with both answers to it, the latest first. Behind each number of the "
        "result are the rows that it asks for by its name: `?after=waits`, `?before=waits&after=automatic`, `?approver_after=…`.",
    ),
)
@extend_schema(tags=["backtests"])
class BacktestRowViewSet(ListModelMixin, TenantViewSet):
    """The rows of one backtest, which its address names."""

    serializer_class = shapes.BacktestRowSerializer
    filterset_class = BacktestRowFilter
    model = BacktestRow
    rules = {"list": "backtests.see"}
    # They are purchases of the company's past.
    asked_besides = {"list": "transactions.see"}

    def rows(self) -> QuerySet[Any]:
        return queries.rows_of(find(Backtest.objects.all(), self.kwargs["public_id"]))

    def filled(self, rows: list[Any]) -> list[Any]:
        return queries.with_people(rows)


@extend_schema(tags=["backtests"])
class ControlsBacktestViewSet(TenantViewSet):
    """Draft controls of one card, which its address names."""

    model = Card
    serializer_class = shapes.BacktestLineSerializer
    rules = {"backtest": "cards.control"}

    def rows(self) -> QuerySet[Any]:
        return Card.objects.visible_to(self.request.membership).with_state()

    @extend_schema(
        summary="Try controls on a card's past",
        description="What its swipes of these days, and those of the cards that it replaced, would have been answered with what you change "
        "here, everything else being as it was: which would have been declined, by which check, and which declined ones approved. Nothing "
        "is changed. Each swipe is asked in its order; what the draft declines counts in none of its windows. It runs in the background. "
        "409 while three are at work.",
        request=shapes.ControlsBacktestBody,
        responses={201: shapes.BacktestLineSerializer},
    )
    def backtest(self, request: APIRequest, public_id: str) -> Response:
        card, changes, now = self.get_object(), self.body(shapes.ControlsBacktestBody), timezone.now()
        chosen: dict[str, Any] = {name: changes.pop(name) for name in ("starts_on", "ends_on") if name in changes}
        if "limits" in changes:
            changes["limits"] = limits_in(card.currency, changes["limits"])
        days = operations.days(chosen, today=request.membership.company.day_of(now))
        return self.reply(operations.try_controls(card, changes, days, actor=request.membership, at=now), status=201)
