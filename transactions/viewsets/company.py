"""The company itself, and where none of its cards may be used.

Here and not in `companies` or `cards`, because a currency is fixed once money was posted, and blocking changes the funding accounts.
"""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from cards.models import BlockList
from cards.serializers import BlockListBody, BlockListSerializer
from companies.models import Company
from companies.serializers import CompanyChangesBody, CompanyProfileSerializer
from spendtrackr.viewsets import APIRequest, TenantViewSet
from transactions.operations import accounts


@extend_schema(tags=["company"])
class CompanyViewSet(TenantViewSet):
    """One object without an id: the company that the credential names."""

    serializer_class = CompanyProfileSerializer
    model = Company
    rules = {"retrieve": "company.see", "partial_update": "company.change"}

    def rows(self) -> QuerySet[Any]:
        return Company.objects.filter(pk=self.request.membership.company_id)

    @extend_schema(summary="Show the company", responses={200: CompanyProfileSerializer})
    def retrieve(self, request: APIRequest) -> Response:
        return self.reply(request.membership.company)

    @extend_schema(
        summary="Change the company's profile",
        description="The currency is fixed by the first posting (409 `currency_fixed`). A new time zone applies from the next day.",
        request=CompanyChangesBody,
        responses={200: CompanyProfileSerializer},
    )
    def partial_update(self, request: APIRequest) -> Response:
        changes = self.body(CompanyChangesBody)
        return self.reply(accounts.change_company(request.membership.company, changes, actor=request.membership, at=timezone.now()))


@extend_schema(tags=["cards"])
class BlockListViewSet(TenantViewSet):
    """One object without an id: where no card of the company may be used."""

    serializer_class = BlockListSerializer
    model = BlockList
    rules = {"retrieve": "blocks.see", "partial_update": "blocks.change"}

    def rows(self) -> QuerySet[Any]:
        return BlockList.objects.all()

    def _now(self) -> BlockList:
        return self.rows().first() or BlockList()

    @extend_schema(summary="Show where no card may be used", responses={200: BlockListSerializer})
    def retrieve(self, request: APIRequest) -> Response:
        return self.reply(self._now())

    @extend_schema(
        summary="Change where no card may be used",
        description="Each list that you name replaces the one before. No swipe is approved by the older lists after the answer.",
        request=BlockListBody,
        responses={200: BlockListSerializer},
    )
    def partial_update(self, request: APIRequest) -> Response:
        changes, me = self.body(BlockListBody), request.membership
        return self.reply(accounts.block(me.company, changes, actor=me, at=timezone.now()) if changes else self._now())
