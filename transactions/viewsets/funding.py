"""Funding accounts: balances, statements and entries."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.response import Response

from spendtrackr.filters import PAGING, StrictFilterBackend
from spendtrackr.pagination import ordered
from spendtrackr.viewsets import APIRequest, TenantViewSet
from transactions import balances
from transactions.filters import EntryFilter
from transactions.forms.addresses import MOST_DAYS, instant_by, statement_period
from transactions.models import FundingAccount
from transactions.serializers import funding as shapes

_DAY = {"type": "string", "format": "date"}


@extend_schema_view(list=extend_schema(summary="List funding accounts", description="One a currency, with its balances."),
                    retrieve=extend_schema(summary="Show a funding account"))  # fmt: skip
@extend_schema(tags=["accounts"])
class FundingAccountViewSet(ListModelMixin, RetrieveModelMixin, TenantViewSet):
    serializer_class = shapes.FundingAccountSerializer
    model = FundingAccount
    orderings: ClassVar[Any] = ordered(currency="currency")  # funding_accounts_one_currency
    rules: ClassVar[dict[str, Any]] = dict.fromkeys(("list", "retrieve", "balance", "statement", "entries"), "accounts.see")
    # There is one for entries; accounts are few.
    filterset_class: ClassVar[Any] = None

    def rows(self) -> QuerySet[Any]:
        return FundingAccount.objects.all()

    @extend_schema(
        summary="Balance at an instant",
        description="The five balances from the entries up to an instant, that one included. Entries that are being booked at this moment "
        "may still join a balance of some seconds ago; older ones stay as they are.",
        parameters=[
            OpenApiParameter(
                "at",
                {"type": "string", "format": "date-time"},
                description="RFC 3339 with its offset; a `+` is written `%2B`. By default now; one in the future is refused.",
            )
        ],
        responses={200: shapes.BalanceSerializer},
    )
    @action(detail=True, methods=["get"], query_parameters=("at",))
    def balance(self, request: APIRequest, public_id: str) -> Response:
        account = self.get_object()
        at = instant_by(request.query_params, timezone.now())
        found = {"account": account.public_id, "currency": account.currency, "at": at, "balances": balances.as_of(account, at)}
        return Response(shapes.BalanceSerializer(found).data)

    @extend_schema(
        summary="Statement by day",
        description="What the account held as each day of the company's calendar began and ended, and what was moved in between. A day "
        "closes as the next one opens, and today closes with the running balances. Imported lines count on the day of their statement, "
        "which may have been closed before: they move `external` and `spent` alone.",
        parameters=[
            OpenApiParameter("from", _DAY, description="First day. By default the first of the month of `to`."),
            OpenApiParameter("to", _DAY, description=f"Last day, included: today by default. At most {MOST_DAYS} days."),
        ],
        responses={200: shapes.StatementSerializer},
    )
    @action(detail=True, methods=["get"], query_parameters=("from", "to"))
    def statement(self, request: APIRequest, public_id: str) -> Response:
        account = self.get_object()
        period = statement_period(request.query_params, request.membership.company.day_of(timezone.now()))
        return Response(shapes.StatementSerializer(balances.statement(account, period)).data)

    @extend_schema(
        summary="Entries of an account",
        description="With their postings: what is behind a statement. The newest day first, and on a day what was booked last.",
        responses={200: shapes.EntrySerializer(many=True)},
    )
    @action(
        detail=True,
        methods=["get"],
        filterset_class=EntryFilter,
        orderings=balances.NEWEST_FIRST,
        query_parameters=(*EntryFilter.base_filters, *PAGING),
    )
    def entries(self, request: APIRequest, public_id: str) -> Response:
        rows = StrictFilterBackend().filter_queryset(request, balances.entries_of(self.get_object()), self)
        page = balances.in_full(self.paginate_queryset(rows) or [])
        return self.get_paginated_response(shapes.EntrySerializer(page, many=True).data)
