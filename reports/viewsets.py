"""Reports by API: the numbers of the pages, in one shape."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.response import Response

from reports import queries
from reports.forms import period_from
from reports.serializers import SpendReportSerializer
from spendtrackr import errors
from spendtrackr.viewsets import APIRequest, TenantViewSet
from transactions.models import MonthSpend


@extend_schema(tags=["reports"])
class ReportViewSet(TenantViewSet):
    serializer_class = SpendReportSerializer
    model = MonthSpend
    rules = {"spend": "reports.see"}
    query_parameters = ("group_by", "from", "to")

    def rows(self) -> QuerySet[Any]:
        return MonthSpend.objects.all()

    @extend_schema(
        summary="Spend by month, category, department, member, card, merchant or budget",
        description="Captures less refunds plus imported lines, by the day they were posted, in the company's time zone. "
        "An employee sees their own spend, and as a manager that of the people below.",
        parameters=[
            OpenApiParameter("group_by", {"type": "string", "enum": list(queries.GROUPINGS)}, required=True),
            OpenApiParameter("from", {"type": "string", "format": "date"}, description="First day. By default eleven months before `to`."),
            OpenApiParameter(
                "to", {"type": "string", "format": "date"}, description="Last day, included. By default the end of this month."
            ),
        ],
        responses={200: SpendReportSerializer},
    )
    @action(detail=False, methods=["get"])
    def spend(self, request: APIRequest) -> Response:
        asked = request.query_params.get("group_by", "")
        group_by = queries.GROUPINGS.get(asked)
        if group_by is None:
            raise errors.Invalid(
                f"group_by is one of {', '.join(queries.GROUPINGS)}.", field="group_by", code="invalid" if asked else "required"
            )
        only = queries.reader(request.membership)
        today = request.membership.company.day_of(timezone.now())
        period = period_from(request.query_params, lambda: queries.usual_period(today, only=only))
        return self.reply(queries.spend(period, group_by, only=only))
