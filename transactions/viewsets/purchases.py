"""Transactions: look, describe, submit, decide."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin

from spendtrackr.viewsets import TenantViewSet
from transactions import queries
from transactions import serializers as shapes
from transactions.filters import TransactionFilter
from transactions.models import Transaction

F = TypeVar("F", bound=Callable[..., Any])


@extend_schema_view(
    list=extend_schema(
        summary="List transactions", description="The company's for those who see it, else your own. Latest purchase first."
    ),
    retrieve=extend_schema(summary="Show a transaction"),
)
@extend_schema(tags=["transactions"])
class TransactionViewSet(ListModelMixin, RetrieveModelMixin, TenantViewSet):
    serializer_class = shapes.TransactionSerializer
    filterset_class = TransactionFilter
    page_order = tuple(queries.LATEST)
    model = Transaction
    rules = {"list": "transactions.see", "retrieve": "transactions.see"}

    def rows(self) -> QuerySet[Any]:
        return queries.visible(self.request.membership)
