"""Transactions: look, describe, submit; and the approvals that come of it."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from spendtrackr import errors
from spendtrackr.serializers import ErrorSerializer
from spendtrackr.viewsets import APIRequest, TenantViewSet
from transactions import queries
from transactions import serializers as shapes
from transactions.filters import TransactionFilter
from transactions.models import Approval, ApprovalStatus, Transaction
from transactions.operations import approvals, coding

_ORDERING = OpenApiParameter("ordering", {"type": "string", "enum": list(queries.ORDERINGS), "default": "-occurred_on"})


@extend_schema_view(
    list=extend_schema(
        summary="List transactions",
        description="The company's for those who see it, else your own and those of the people below you. Latest purchase first.",
        parameters=[_ORDERING],
    ),
    retrieve=extend_schema(summary="Show a transaction"),
    partial_update=extend_schema(
        summary="Write a memo or choose a category",
        description="By its owner or a bookkeeper. A new category moves the spend on its original days, and voids what was approved.",
        request=shapes.DescriptionBody,
        responses={200: shapes.TransactionSerializer},
    ),
    decision=extend_schema(
        summary="Explain the decision",
        description="Of the latest request for this purchase, or the one that `request` names: every check with what it found, and the "
        "smallest change that would have approved it. 404 where nobody was asked, as for an imported line. Of balances and budgets that "
        "you may not see, the outcome only.",
        parameters=[OpenApiParameter("request", str, description="Id of one of the `requests`.")],
        responses={200: shapes.PastDecisionSerializer},
    ),
    submit=extend_schema(
        summary="Submit for approval",
        description="Approved at once below the company's amount; else it waits for the owner's manager, or the next above. "
        "409 `items_missing` while something is missing.",
        request=None,
        responses={200: shapes.TransactionSerializer},
    ),
)
@extend_schema(tags=["transactions"])
class TransactionViewSet(ListModelMixin, RetrieveModelMixin, TenantViewSet):
    serializer_class = shapes.TransactionSerializer
    filterset_class = TransactionFilter
    model = Transaction
    query_parameters = ("ordering",)
    rules = {
        "list": "transactions.see",
        "retrieve": "transactions.see",
        "partial_update": "transactions.describe",
        "submit": "transactions.submit",
        "decision": "transactions.see",
    }

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self.page_order = tuple(order_from(request.query_params.get("ordering")))  # type: ignore[misc]

    def rows(self) -> QuerySet[Any]:
        return queries.visible(self.request.membership)

    def _reply(self, purchase: Transaction) -> Response:
        return self.reply(self.rows().get(pk=purchase.pk))

    def partial_update(self, request: APIRequest, public_id: str) -> Response:
        purchase, changes = self.get_object(), self.body(shapes.DescriptionBody)
        if "category" in changes:
            changes["category"] = queries.category_choice(purchase, changes["category"] or "")
        return self._reply(coding.describe(purchase, changes, actor=request.membership, at=timezone.now()))

    @action(detail=True, methods=["get"], query_parameters=("request",))
    def decision(self, request: APIRequest, public_id: str) -> Response:
        asked = request.query_params.get("request", "")
        return Response(shapes.PastDecisionSerializer(queries.decision_of(self.get_object(), request.membership, asked)).data)

    @action(detail=True, methods=["post"], takes_body=False)
    def submit(self, request: APIRequest, public_id: str) -> Response:
        return self._reply(approvals.submit(self.get_object(), actor=request.membership, at=timezone.now()))


def order_from(asked: str | None) -> Any:
    """The ordering that an address asks for. Raises `Invalid` naming the parameter."""
    if not asked:
        return queries.LATEST
    if asked not in queries.ORDERINGS:
        raise errors.Invalid(f"ordering is one of {', '.join(queries.ORDERINGS)}.", field="ordering")
    return queries.ORDERINGS[asked]


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
