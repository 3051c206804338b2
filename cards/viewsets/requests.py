"""Requests for cards and room: ask, look, decide, take back."""

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

from cards import queries
from cards.models import Budget, Card, CardRequest, Interval, RequestKind, RequestStatus
from cards.operations import requests
from cards.operations.requests import Wish
from cards.serializers import ApproveRequestBody, CardRequestSerializer, NewRequestBody, RejectRequestBody
from spendtrackr.filters import FlagFilter
from spendtrackr.viewsets import APIRequest, ShowMixin, TenantViewSet


class CardRequestFilter(filters.FilterSet):  # type: ignore[misc]
    status = filters.ChoiceFilter(choices=RequestStatus.choices)
    kind = filters.ChoiceFilter(choices=RequestKind.choices)
    requester = filters.CharFilter("requester__public_id", max_length=40)
    waits_for_me = FlagFilter(method="by_me", help_text="Only those that wait for you.")

    def by_me(self, rows: QuerySet[Any], name: str, value: bool) -> QuerySet[Any]:  # noqa: FBT001 -- django-filter calls it
        mine = queries.requests_waiting_for(self.request.membership).order_by().values("pk")
        return rows.filter(pk__in=mine) if value else rows.exclude(pk__in=mine)


@extend_schema_view(
    list=extend_schema(
        summary="List requests",
        description="The company's for those who see them, else your own, those of the people below you and those for budgets that you "
        "own. Newest first.",
    ),
    retrieve=extend_schema(summary="Show a request", responses={200: CardRequestSerializer}),
    create=extend_schema(
        summary="Ask for a card, a higher limit or room for once",
        description="It waits for the owner of the budget that the card would draw from, else for whoever approves your spend. "
        "409 `invalid_state` while a request of yours to raise the same limit waits.",
        request=NewRequestBody,
        responses={201: CardRequestSerializer},
    ),
    approve=extend_schema(
        summary="Approve a request",
        description="Issues the card, raises the limit or grants the room at once. By whoever it waits for, an owner or an admin; never by "
        "whoever asked. 409 where it cannot be done any more as it was asked.",
        request=ApproveRequestBody,
        responses={200: CardRequestSerializer},
    ),
    reject=extend_schema(summary="Reject a request", request=RejectRequestBody, responses={200: CardRequestSerializer}),
    withdraw=extend_schema(
        summary="Withdraw a request", description="By whoever asked.", request=None, responses={200: CardRequestSerializer}
    ),
)
@extend_schema(tags=["requests"])
class CardRequestViewSet(ListModelMixin, ShowMixin, TenantViewSet):
    serializer_class = CardRequestSerializer
    filterset_class = CardRequestFilter
    model = CardRequest
    rules = {
        "list": "requests.see",
        "retrieve": "requests.see",
        "create": "requests.ask",
        "approve": "requests.decide",
        "reject": "requests.decide",
        "withdraw": "requests.withdraw",
    }

    def rows(self) -> QuerySet[Any]:
        return CardRequest.objects.visible_to(self.request.membership).with_names()

    def get_object(self) -> Any:
        # The owner of a budget sees what is asked of it: that the request is among the rows is the answer.
        return GenericViewSet.get_object(self) if self.action == "retrieve" else super().get_object()

    def filled(self, rows: list[Any]) -> list[Any]:
        return queries.with_deciders(rows)

    def create(self, request: APIRequest) -> Response:
        me, body = request.membership, self.body(NewRequestBody)
        body["card"] = self.named(Card.objects.visible_to(me).select_related("controls"), body["card"], "card")
        body["budget"] = self.named(Budget.objects.visible_to(me), body["budget"], "budget")
        wish = Wish(**body | {"kind": RequestKind(body["kind"]), "interval": Interval(body["interval"])})
        return self.reply_anew(requests.ask(wish, actor=me, at=timezone.now()), status=201)

    @action(detail=True, methods=["post"])
    def approve(self, request: APIRequest, public_id: str) -> Response:
        return self._decide(self.body(ApproveRequestBody), approved=True)

    @action(detail=True, methods=["post"])
    def reject(self, request: APIRequest, public_id: str) -> Response:
        return self._decide(self.body(RejectRequestBody), approved=False)

    def _decide(self, body: dict[str, Any], *, approved: bool) -> Response:
        row, me = self.get_object(), self.request.membership
        return self.reply_anew(requests.decide(row, approved=approved, answer=body["answer"], actor=me, at=timezone.now()))

    @action(detail=True, methods=["post"], takes_body=False)
    def withdraw(self, request: APIRequest, public_id: str) -> Response:
        return self.reply_anew(requests.withdraw(self.get_object(), actor=request.membership, at=timezone.now()))
