"""Transactions: look, describe, submit."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin
from rest_framework.response import Response

from spendtrackr import errors
from spendtrackr.viewsets import APIRequest, ShowMixin, TenantViewSet
from transactions import queries, timeline
from transactions.filters import TransactionFilter
from transactions.forms.coding import Described
from transactions.models import Transaction
from transactions.operations import approvals, coding
from transactions.serializers import purchases as shapes
from transactions.serializers.comments import HistorySerializer


@extend_schema_view(
    list=extend_schema(
        summary="List transactions",
        description="The company's for those who see it, else your own and those of the people below you. Latest purchase first.",
    ),
    retrieve=extend_schema(summary="Show a transaction"),
    partial_update=extend_schema(
        summary="Describe and code a transaction",
        description="By its owner or a bookkeeper: memo, category, tags, tax, and the parts that it is split into. Another category or "
        "other parts move the spend on its original days and void what was approved. 409 `over_budget` where a hard budget has not the "
        "room for a part.",
        request=shapes.DescriptionBody,
        responses={200: shapes.TransactionSerializer},
    ),
    describe_all=extend_schema(
        summary="Describe several",
        description="Each by itself: one that is refused does not hold up the others.",
        request=shapes.DescribeAllBody,
        responses={200: shapes.DescribedAllSerializer},
    ),
    decision=extend_schema(
        summary="Explain the decision",
        description="Of the latest request for this purchase, or the one that `request` names: every check with what it found, and the "
        "smallest change that would have approved it. 404 where nobody was asked, as for an imported line. Of balances and budgets that "
        "you may not see, the outcome only.",
        parameters=[OpenApiParameter("request", str, description="Id of one of the `requests`.")],
        responses={200: shapes.PastDecisionSerializer},
    ),
    history=extend_schema(
        summary="Tell what happened",
        description="To this transaction, the oldest first: what the network said, papers, decisions, comments, money paid back.",
        responses={200: HistorySerializer},
    ),
    submit=extend_schema(
        summary="Submit for approval",
        description="Approved at once where the policy in force, and that of the day of the purchase, approve it by themselves; else it "
        "waits for whom the policy names. 409 `items_missing` while something is missing.",
        request=None,
        responses={200: shapes.TransactionSerializer},
    ),
    withdraw=extend_schema(
        summary="Take a request back",
        description="Before anybody has decided, to change something.",
        request=None,
        responses={200: shapes.TransactionSerializer},
    ),
)
@extend_schema(tags=["transactions"])
class TransactionViewSet(ListModelMixin, ShowMixin, TenantViewSet):
    serializer_class = shapes.TransactionSerializer
    filterset_class = TransactionFilter
    model = Transaction
    orderings = queries.ORDERINGS
    rules = {
        "list": "transactions.see",
        "retrieve": "transactions.see",
        "partial_update": "transactions.describe",
        "describe_all": "transactions.describe",
        "submit": "transactions.submit",
        "withdraw": "transactions.submit",
        "decision": "transactions.see",
        "history": "transactions.see",
    }

    def rows(self) -> QuerySet[Any]:
        return queries.visible(self.request.membership) if self.action == "list" else queries.readable(self.request.membership)

    def filled(self, rows: list[Any]) -> list[Any]:
        return queries.with_parts(rows)

    def partial_update(self, request: APIRequest, public_id: str) -> Response:
        purchase = self.get_object()
        changes = Described(purchase, request.membership).changes(self.body(shapes.DescriptionBody))
        return self.reply_anew(coding.describe(purchase, changes, actor=request.membership, at=timezone.now()))

    @action(detail=False, methods=["post"], url_path="describe")
    def describe_all(self, request: APIRequest) -> Response:
        body, me = self.body(shapes.DescribeAllBody), request.membership
        wanted = body.pop("transactions")
        found = {purchase.public_id: purchase for purchase in self.rows().filter(public_id__in=wanted)}
        for place, public_id in enumerate(wanted):
            if public_id not in found:
                raise errors.Invalid("There is nothing with this id.", field=f"transactions.{place}", code="does_not_exist")
        tags = {name: queries.tag_choices(None, body.pop(name), field=name) for name in ("add_tags", "remove_tags")}
        changes = Described(Transaction(), me).changes(body)
        mine = [found[public_id] for public_id in wanted if me.may("transactions.describe", found[public_id])]
        done = {one.purchase.pk: one for one in coding.describe_all(mine, changes, **tags, actor=me, at=timezone.now())}
        results = [done.get(found[public_id].pk) or coding.Described(found[public_id], errors.Forbidden()) for public_id in wanted]
        return Response(shapes.DescribedAllSerializer({"results": results}).data)

    @action(detail=True, methods=["get"], query_parameters=("request",))
    def decision(self, request: APIRequest, public_id: str) -> Response:
        asked = request.query_params.get("request", "")
        return Response(shapes.PastDecisionSerializer(queries.decision_of(self.get_object(), request.membership, asked)).data)

    @action(detail=True, methods=["get"])
    def history(self, request: APIRequest, public_id: str) -> Response:
        return Response(HistorySerializer({"happenings": timeline.happenings(self.get_object())}).data)

    @action(detail=True, methods=["post"], takes_body=False)
    def submit(self, request: APIRequest, public_id: str) -> Response:
        return self.reply_anew(approvals.submit(self.get_object(), actor=request.membership, at=timezone.now()))

    @action(detail=True, methods=["post"], takes_body=False)
    def withdraw(self, request: APIRequest, public_id: str) -> Response:
        return self.reply_anew(approvals.withdraw(self.get_object(), actor=request.membership, at=timezone.now()))
