"""Budgets: make, look, change, close."""

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
from cards.models import Budget, BudgetInterval
from cards.operations import budgets
from cards.serializers import BudgetChangesBody, BudgetSerializer, NewBudgetBody
from spendtrackr import errors
from spendtrackr.filters import IdFilter
from spendtrackr.pagination import ordered
from spendtrackr.viewsets import APIRequest, ShowMixin, TenantViewSet
from users.models import Membership


class BudgetFilter(filters.FilterSet):  # type: ignore[misc]
    status = filters.ChoiceFilter(choices=[("open", "open"), ("closed", "closed")], method="by_status")
    owner = filters.CharFilter("owner__public_id", max_length=40)
    parent = IdFilter("parent", help_text="Those that lie directly in this one.")
    q = filters.CharFilter("name", lookup_expr="icontains", max_length=80, help_text="Part of a name.")

    def by_status(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return rows.filter(closed_at__isnull=value == "open")


@extend_schema_view(
    list=extend_schema(
        summary="List budgets",
        description="All for those who see them, else those that you own or belong to; with what is left of the current period. "
        "Newest first; `parent` makes the tree.",
    ),
    retrieve=extend_schema(summary="Show a budget", responses={200: BudgetSerializer}),
    create=extend_schema(
        summary="Make a budget",
        description="At the top or inside another, whose currency it shares. A card draws from its budget and from every one above.",
        request=NewBudgetBody,
        responses={201: BudgetSerializer},
    ),
    partial_update=extend_schema(
        summary="Change a budget",
        description="Changes what you name. Its place, interval and currency are for good. A limit below what is used is kept as it is: "
        "a hard budget declines the next swipe.",
        request=BudgetChangesBody,
        responses={200: BudgetSerializer},
    ),
    close=extend_schema(
        summary="Close a budget",
        description="For good: cards that draw from it decline with `budget_closed`. 409 while a budget inside it is open.",
        request=None,
        responses={200: BudgetSerializer},
    ),
)
@extend_schema(tags=["budgets"])
class BudgetViewSet(ListModelMixin, ShowMixin, TenantViewSet):
    serializer_class = BudgetSerializer
    filterset_class = BudgetFilter
    model = Budget
    orderings = ordered(name="name_key")  # budgets_one_name
    rules = {
        "list": "budgets.see",
        "retrieve": "budgets.see",
        "create": "budgets.change",
        "partial_update": "budgets.change",
        "close": "budgets.change",
    }

    def rows(self) -> QuerySet[Any]:
        return Budget.objects.visible_to(self.request.membership).with_people()

    def get_object(self) -> Any:
        # Those who belong to a budget see it without owning it: that it is among the rows is the answer.
        return GenericViewSet.get_object(self) if self.action == "retrieve" else super().get_object()

    def filled(self, rows: list[Any]) -> list[Any]:
        return list(queries.budget_standings(rows, self.request.membership.company.day_of(timezone.now())))

    def _with_rows(self, body: dict[str, Any]) -> dict[str, Any]:
        """The body with its members and budgets as rows."""
        people = Membership.objects.visible_to(self.request.membership)
        if "owner" in body:
            body["owner"] = self.named(people, body["owner"], "owner")
        if "members" in body:
            found = {member.public_id: member for member in people.filter(public_id__in=body["members"])}
            for place, public_id in enumerate(body["members"]):
                if public_id not in found:
                    raise errors.Invalid("There is nothing with this id.", field=f"members.{place}", code="does_not_exist")
            body["members"] = [found[public_id] for public_id in body["members"]]
        return body

    def create(self, request: APIRequest) -> Response:
        me = request.membership
        body = {"owner": me.public_id} | self.body(NewBudgetBody)
        if me.is_program and body["owner"] == me.public_id:
            raise errors.Invalid("A budget is owned by a person: name a member.", field="owner")
        parent = self.named(Budget.objects.visible_to(me), body.pop("parent"), "parent")
        interval = BudgetInterval(body.pop("interval"))
        made = budgets.create(**self._with_rows(body), interval=interval, parent=parent, actor=me, at=timezone.now())
        return self.reply_anew(made, status=201)

    def partial_update(self, request: APIRequest, public_id: str) -> Response:
        budget, changes = self.get_object(), self._with_rows(self.body(BudgetChangesBody))
        return self.reply_anew(budgets.change(budget, changes, actor=request.membership, at=timezone.now()))

    @action(detail=True, methods=["post"], takes_body=False)
    def close(self, request: APIRequest, public_id: str) -> Response:
        return self.reply_anew(budgets.close(self.get_object(), actor=request.membership, at=timezone.now()))
