"""Approvals: look at what waits for a yes, and say it."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from spendtrackr.serializers import ErrorSerializer
from spendtrackr.viewsets import APIRequest, TenantViewSet
from transactions import queries
from transactions.models import Approval, ApprovalStatus
from transactions.operations import approvals
from transactions.serializers import approvals as shapes


class ApprovalFilter(filters.FilterSet):  # type: ignore[misc]
    status = filters.ChoiceFilter(choices=ApprovalStatus.choices)
    transaction = filters.CharFilter("transaction__public_id", max_length=40)
    waits_for_me = filters.BooleanFilter(method="by_me", help_text="Only those that you decide about.")

    def by_me(self, rows: QuerySet[Any], name: str, value: bool) -> QuerySet[Any]:  # noqa: FBT001 -- django-filter calls it
        mine = queries.waiting_for(self.request.membership).values("pk")
        return rows.filter(pk__in=mine) if value else rows.exclude(pk__in=mine)


def _decision(summary: str, body: type[Any] | None) -> Any:
    return extend_schema(summary=summary, request=body, responses={200: shapes.ApprovalSerializer, 412: ErrorSerializer})


@extend_schema_view(
    list=extend_schema(summary="List approvals", description="Of the transactions that you may see. Newest first."),
    retrieve=extend_schema(summary="Show an approval"),
    approve=_decision("Approve", shapes.ApproveBody),
    reject=_decision("Reject", shapes.RejectionBody),
)
@extend_schema(tags=["approvals"])
class ApprovalViewSet(ListModelMixin, RetrieveModelMixin, TenantViewSet):
    """Requests for a yes. An approval that was voided, because what was seen has changed, cannot be decided any more."""

    serializer_class = shapes.ApprovalSerializer
    filterset_class = ApprovalFilter
    model = Approval
    rules = {"list": "approvals.see", "retrieve": "approvals.see", "approve": "approvals.decide", "reject": "approvals.decide"}

    def rows(self) -> QuerySet[Any]:
        return queries.visible_approvals(self.request.membership)

    def paginate_queryset(self, queryset: Any) -> Any:
        page = super().paginate_queryset(queryset)
        return queries.with_approvers(page) if page is not None else None

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self._reply(self.get_object())

    def _reply(self, approval: Approval) -> Response:
        return self.reply(queries.with_approvers([self.rows().get(pk=approval.pk)])[0])

    @action(detail=True, methods=["post"])
    def approve(self, request: APIRequest, public_id: str) -> Response:
        return self._decide(self.body(shapes.ApproveBody), approved=True)

    @action(detail=True, methods=["post"])
    def reject(self, request: APIRequest, public_id: str) -> Response:
        return self._decide(self.body(shapes.RejectionBody), approved=False)

    def _decide(self, body: dict[str, Any], *, approved: bool) -> Response:
        approval, said = self.get_object(), body.get("reason", "")
        member = self.request.membership
        done = approvals.decide(approval, approved=approved, reason=said, looked_at=body["seen"], actor=member, at=timezone.now())
        return self._reply(done)
