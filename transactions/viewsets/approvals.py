"""Approvals: look at what waits for a yes, and say it; and who decides for somebody who is away."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from spendtrackr import errors
from spendtrackr.filters import PAGING, FlagFilter
from spendtrackr.pagination import ordered
from spendtrackr.permissions import require
from spendtrackr.serializers import ErrorSerializer
from spendtrackr.viewsets import APIRequest, ShowMixin, TenantViewSet
from transactions import queries
from transactions.models import Approval, ApprovalStatus, Delegation, Outcome
from transactions.operations import approvals, delegations
from transactions.operations.approvals import Answer
from transactions.serializers import approvals as shapes
from users.models import Membership
from users.queries import colleagues


class ApprovalFilter(filters.FilterSet):  # type: ignore[misc]
    status = filters.ChoiceFilter(choices=ApprovalStatus.choices)
    transaction = filters.CharFilter("transaction__public_id", max_length=40)
    waits_for_me = FlagFilter(method="by_me", help_text="Only those that you decide about.")

    def by_me(self, rows: QuerySet[Any], name: str, value: bool) -> QuerySet[Any]:  # noqa: FBT001 -- django-filter calls it
        mine = queries.waiting_for(self.request.membership).values("pk")
        return rows.filter(pk__in=mine) if value else rows.exclude(pk__in=mine)


def _decision(summary: str, description: str, body: type[Any]) -> Any:
    answers = {200: shapes.ApprovalSerializer, 412: ErrorSerializer}
    return extend_schema(summary=summary, description=description, request=body, responses=answers)


@extend_schema_view(
    list=extend_schema(summary="List approvals", description="Of the transactions that you may see, or were asked about. Newest first."),
    retrieve=extend_schema(summary="Show an approval"),
    mine=extend_schema(
        summary="Your inbox",
        description="What waits for you, the oldest first, each with why it is with you.",
        responses={200: shapes.MineSerializer(many=True)},
    ),
    approve=_decision("Approve", "Your yes to the step that waits. The last yes that the policy asks for approves it.", shapes.ApproveBody),
    request_changes=_decision("Ask for changes", "It goes back to its owner, who may submit it again.", shapes.RefusalBody),
    reject=_decision(
        "Reject", "For good. A card purchase cannot be unspent: its owner is asked to repay it. A claim is not paid.", shapes.RefusalBody
    ),
    decide=extend_schema(
        summary="Decide about several",
        description="Each by itself: one that is refused, such as one that changed since you read it, does not hold up the others.",
        request=shapes.AnswersBody,
        responses={200: shapes.DoneAllSerializer},
    ),
)
@extend_schema(tags=["approvals"])
class ApprovalViewSet(ListModelMixin, ShowMixin, TenantViewSet):
    """Requests for a yes. An approval that was voided, because what was seen has changed, cannot be decided any more."""

    serializer_class = shapes.ApprovalSerializer
    filterset_class = ApprovalFilter
    model = Approval
    rules = {
        "list": "approvals.see",
        "retrieve": "approvals.see",
        "mine": "approvals.see",
        "approve": "approvals.decide",
        "request_changes": "approvals.decide",
        "reject": "approvals.decide",
        "decide": "approvals.decide",
    }

    def rows(self) -> QuerySet[Any]:
        return queries.visible_approvals(self.request.membership)

    def filled(self, rows: list[Any]) -> list[Any]:
        return queries.with_steps(rows)

    @action(detail=False, methods=["get"], orderings=ordered("created"), filterset_class=None, query_parameters=tuple(PAGING))
    def mine(self, request: APIRequest) -> Response:
        page = self.paginate_queryset(queries.waiting_for(request.membership))
        return self.get_paginated_response(shapes.MineSerializer(page, many=True, context=self.get_serializer_context()).data)

    @action(detail=True, methods=["post"])
    def approve(self, request: APIRequest, public_id: str) -> Response:
        return self._decide(Outcome.APPROVED, self.body(shapes.ApproveBody))

    @action(detail=True, methods=["post"], url_path="request-changes")
    def request_changes(self, request: APIRequest, public_id: str) -> Response:
        return self._decide(Outcome.CHANGES_REQUESTED, self.body(shapes.RefusalBody))

    @action(detail=True, methods=["post"])
    def reject(self, request: APIRequest, public_id: str) -> Response:
        return self._decide(Outcome.REJECTED, self.body(shapes.RefusalBody))

    def _decide(self, outcome: Outcome, body: dict[str, Any]) -> Response:
        said = Answer(outcome, body["reason"], body["seen"])
        return self.reply_anew(approvals.decide(self.get_object(), said, actor=self.request.membership, at=timezone.now()))

    @action(detail=False, methods=["post"])
    def decide(self, request: APIRequest) -> Response:
        said = self.body(shapes.AnswersBody)["decisions"]
        wanted = [one["approval"] for one in said]
        found = {approval.public_id: approval for approval in self.rows().filter(public_id__in=wanted)}
        for place, public_id in enumerate(wanted):
            if public_id not in found:
                raise errors.Invalid("There is nothing with this id.", field=f"decisions.{place}.approval", code="does_not_exist")
        answers = [(found[one["approval"]], Answer(Outcome(one["outcome"]), one["reason"], one["seen"])) for one in said]
        done = approvals.decide_all(answers, actor=request.membership, at=timezone.now())
        return Response(shapes.DoneAllSerializer({"results": done}).data)


@extend_schema_view(
    list=extend_schema(
        summary="List delegations", description="All for those who look after people, else those by you and those to you. Newest first."
    ),
    retrieve=extend_schema(summary="Show a delegation"),
    create=extend_schema(
        summary="Delegate",
        description="While you are away, somebody else is asked as well whenever you are, never about their own spend. Owners and "
        "admins name the `member` who is away.",
        request=shapes.DelegationBody,
        responses={201: shapes.DelegationSerializer},
    ),
    end=extend_schema(summary="End a delegation", description="At once.", request=None, responses={200: shapes.DelegationSerializer}),
)
@extend_schema(tags=["approvals"])
class DelegationViewSet(ListModelMixin, ShowMixin, TenantViewSet):
    serializer_class = shapes.DelegationSerializer
    model = Delegation
    rules = {
        "list": "delegations.see",
        "retrieve": "delegations.see",
        "create": "delegations.make",
        "end": "delegations.make",
    }

    def rows(self) -> QuerySet[Any]:
        return queries.delegations(self.request.membership)

    def get_object(self) -> Any:
        # Whoever decides for somebody sees that without having made it: that it is among the rows is the answer.
        return GenericViewSet.get_object(self) if self.action == "retrieve" else super().get_object()

    def create(self, request: APIRequest) -> Response:
        body, me = self.body(shapes.DelegationBody), request.membership
        away = self.named(Membership.objects.visible_to(me), body["member"] or me.public_id, "member")
        require("delegations.make", me, away)
        to = self.named(colleagues(away), body["to"], "to")
        made = delegations.delegate(away, to, starts_on=body["starts_on"], ends_on=body["ends_on"], actor=me, at=timezone.now())
        return self.reply_anew(made, status=201)

    @action(detail=True, methods=["post"], takes_body=False)
    def end(self, request: APIRequest, public_id: str) -> Response:
        ended = delegations.end(self.get_object(), actor=request.membership, at=timezone.now())
        return self.reply_anew(ended)
