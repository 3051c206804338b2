"""Policies: read them, write the next version, bring one into force."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from spendtrackr.serializers import represent
from spendtrackr.viewsets import APIRequest, TenantViewSet
from transactions import queries
from transactions.models import Policy
from transactions.operations import backtests
from transactions.operations import policies as operations
from transactions.serializers import policies as shapes
from transactions.serializers.backtests import BacktestBody, BacktestLineSerializer


@extend_schema_view(
    list=extend_schema(summary="List policies", description="Every version ever written, the newest first, without their documents."),
    retrieve=extend_schema(summary="Show a policy", responses={200: shapes.PolicySerializer}),
    create=extend_schema(
        summary="Write a policy",
        description="The next version, as a draft: nothing is asked of it before it is activated. `remarks` says what would surprise you.",
        request=shapes.PolicyBody,
        responses={201: shapes.PolicySerializer},
    ),
    activate=extend_schema(
        summary="Bring a policy into force",
        description="Whatever is submitted from now on is routed by it. What was decided stays; what is not approved yet is looked at "
        "anew, and never approved by itself unless the policy of the day of its purchase says so, too. 409 for the version in force.",
        request=None,
        responses={200: shapes.PolicySerializer},
    ),
    backtest=extend_schema(
        summary="Try a policy on the past",
        description="What this version would have said of each purchase of these days, against the policy in force: what would have been "
        "approved by itself, sent to whom, flagged. Nothing is changed. It runs in the background; the answer is the backtest to ask for. "
        "Purchases and people are looked at as they are now. 409 while three are at work.",
        request=BacktestBody,
        responses={201: BacktestLineSerializer},
    ),
    current=extend_schema(
        summary="Show the policy in force",
        description="The standard one, without an id, until a version is activated.",
        responses={200: shapes.PolicySerializer},
    ),
)
@extend_schema(tags=["policies"])
class PolicyViewSet(ListModelMixin, RetrieveModelMixin, TenantViewSet):
    """Versions are never changed: what is to be different is written as the next one."""

    model = Policy
    rules = {
        "list": "policies.see",
        "retrieve": "policies.see",
        "current": "policies.see",
        "create": "policies.change",
        "activate": "policies.change",
        "backtest": "policies.change",
    }

    def rows(self) -> QuerySet[Any]:
        return queries.versions()

    def get_serializer_class(self) -> type[Any]:
        return shapes.PolicyLineSerializer if self.action == "list" else shapes.PolicySerializer

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self._reply(self.get_object())

    def _reply(self, policy: Policy, *, status: int = 200) -> Response:
        shown = self.rows().get(pk=policy.pk)
        return self.reply(queries.with_remarks(shown, self.request.membership.company), status=status)

    def create(self, request: APIRequest) -> Response:
        document = self.body(shapes.PolicyBody)["document"]
        return self._reply(operations.write(document, actor=request.membership, at=timezone.now()), status=201)

    @action(detail=True, methods=["post"], takes_body=False)
    def activate(self, request: APIRequest, public_id: str) -> Response:
        return self._reply(operations.activate(self.get_object(), actor=request.membership, at=timezone.now()))

    @action(detail=True, methods=["post"])
    def backtest(self, request: APIRequest, public_id: str) -> Response:
        policy, now = self.get_object(), timezone.now()
        days = backtests.days(self.body(BacktestBody), today=request.membership.company.day_of(now))
        asked = backtests.try_policy(policy, days, actor=request.membership, at=now)
        return Response(represent(BacktestLineSerializer, asked, self.get_serializer_context()), status=201)

    @action(detail=False, methods=["get"])
    def current(self, request: APIRequest) -> Response:
        found = queries.in_force()
        return self._reply(found) if found else self.reply(queries.standard(request.membership.company))
