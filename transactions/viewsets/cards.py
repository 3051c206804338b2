"""What a card would answer: here and not in `cards`, because a decision reads the money too."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from cards.controls import Swipe
from cards.models import Card
from spendtrackr.ids import new_id
from spendtrackr.viewsets import APIRequest, TenantViewSet
from transactions import queries
from transactions.decisions import explain
from transactions.operations import swipes
from transactions.serializers import purchases as shapes


@extend_schema(tags=["cards"])
class PreviewViewSet(TenantViewSet):
    """Asks without doing. It writes nothing, so a suspended company may ask as well."""

    model = Card
    serializer_class = shapes.ExplanationSerializer
    rules = {"preview": "cards.see"}
    always_writable: ClassVar[bool] = True

    def rows(self) -> QuerySet[Any]:
        return Card.objects.visible_to(self.request.membership)

    @extend_schema(
        summary="Preview an authorization",
        description="What a swipe would be answered now, check by check, without doing it. A moment later it may be another answer.",
        request=shapes.PreviewBody,
        responses={200: shapes.ExplanationSerializer},
    )
    def preview(self, request: APIRequest, public_id: str) -> Response:
        card, body = self.get_object(), self.body(shapes.PreviewBody)
        swipe = Swipe(network_id=new_id("net"), at=timezone.now(), **body)
        checks = [check.as_row() for check in swipes.preview(card, swipe)]
        approved = None if any(not row["passed"] for row in checks) else swipe.amount.minor
        told = explain(checks, requested=swipe.amount, approved_minor=approved, hidden=queries.hidden_from(request.membership))
        return self.reply(told)
