"""Reports by API: the numbers of the pages, in one shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.helpers import forced_singular_serializer
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.response import Response

from reports.catalogue import REPORTS
from reports.forms import LONGEST_ID, USUAL, question_from
from reports.serializers import CatalogueSerializer, ReportSerializer
from reports.shape import Definition
from spendtrackr.viewsets import APIRequest, TenantViewSet
from transactions.models import Dimension, MonthSpend

_DAY = {"type": "string", "format": "date"}
_PLAIN = {
    "from": OpenApiParameter("from", _DAY, description="First day. By default eleven months before `to`."),
    "to": OpenApiParameter("to", _DAY, description="Last day, included. By default the end of this month."),
    "month": OpenApiParameter(
        "month", {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}$"}, description="Such as 2026-03. By default the month before this one."
    ),
    "currency": OpenApiParameter("currency", {"type": "string", "pattern": "^[A-Z]{3}$"}, description="One currency alone, by ISO 4217."),
    **{
        name: OpenApiParameter(name, {"type": "string", "maxLength": LONGEST_ID}, description=f"Of one {name} alone: its id, or `none`.")
        for name in Dimension.values
    },
}
_SEEN = "An employee sees what is their own, and as a manager that of the people below."


def _default(report: Definition, option: str) -> dict[str, str]:
    return {"default": report.usual[option]} if option in report.usual else {}


def _parameters(report: Definition) -> list[OpenApiParameter]:
    options = [
        OpenApiParameter(
            name, {"type": "string", "enum": list(choices), **_default(report, name)}, required=name in USUAL and name not in report.usual
        )
        for name, choices in report.options.items()
    ]
    return [*options, *(_PLAIN[name] for name in (*report.takes, "currency"))]


def _verb(report: Definition) -> str:
    return report.name.replace("-", "_")


def _route(report: Definition) -> Callable[..., Response]:
    """The action that answers one report, under its name."""

    def ask(self: ReportViewSet, request: APIRequest) -> Response:
        question = question_from(request.query_params.dict(), report, request.membership, at=timezone.now())
        return self.reply(report.answer(question))

    ask.__name__ = _verb(report)
    described = extend_schema(
        summary=report.title, description=f"{report.says} {_SEEN}", parameters=_parameters(report), responses={200: ReportSerializer}
    )
    made: Callable[..., Response] = described(action(detail=False, methods=["get"], url_path=report.name)(ask))
    return made


@extend_schema(tags=["reports"])
class ReportViewSet(TenantViewSet):
    """Its actions are the catalogue's reports."""

    serializer_class = ReportSerializer
    pagination_class = None  # what there is to ask fits in one answer
    model = MonthSpend
    rules = {"list": "reports.see", **{_verb(report): report.rule for report in REPORTS.values()}}

    @property
    def query_parameters(self) -> tuple[str, ...]:  # type: ignore[override]  # of each action its own
        report = next((one for one in REPORTS.values() if _verb(one) == self.action), None)
        return (*report.takes, *report.options, "currency") if report else ()

    def rows(self) -> QuerySet[Any]:
        return MonthSpend.objects.none()

    @extend_schema(summary="The reports that there are", responses={200: forced_singular_serializer(CatalogueSerializer)})  # type: ignore[no-untyped-call]
    def list(self, request: APIRequest) -> Response:
        offered = [
            {
                "name": one.name,
                "title": one.title,
                "says": one.says,
                "theme": one.theme,
                "parameters": [*one.takes, *one.options, "currency"],
            }
            for one in REPORTS.values()
            if request.membership.may(one.rule)
        ]
        return Response({"data": offered})


for _report in REPORTS.values():
    setattr(ReportViewSet, _verb(_report), _route(_report))
