"""The company itself. Here and not in `companies`, because its currency is fixed once money was posted."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

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
        summary="Change the company's profile and rules",
        description="The currency is fixed by the first posting (409 `currency_fixed`). A new time zone applies from the next day.",
        request=CompanyChangesBody,
        responses={200: CompanyProfileSerializer},
    )
    def partial_update(self, request: APIRequest) -> Response:
        changes = self.body(CompanyChangesBody)
        return self.reply(accounts.change_company(request.membership.company, changes, actor=request.membership, at=timezone.now()))
