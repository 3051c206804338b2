"""Reports by API: the numbers of the pages, in one shape; and files of them, and of any list."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.db.models import QuerySet
from django.http import FileResponse
from django.utils import timezone
from drf_spectacular.helpers import forced_singular_serializer
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from reports import exports, operations, queries
from reports.catalogue import REPORTS
from reports.forms import USUAL, question_from, whole_number
from reports.models import Export
from reports.serializers import (
    CatalogueSerializer,
    EventFeedSerializer,
    EventSerializer,
    ExportBody,
    ExportSerializer,
    ReportSerializer,
    SealedEvent,
)
from reports.shape import Definition
from reports.views.files import download
from spendtrackr import events
from spendtrackr.models import Event
from spendtrackr.pagination import page_limit
from spendtrackr.serializers import represent
from spendtrackr.viewsets import APIRequest, ShowMixin, TenantViewSet
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
        name: OpenApiParameter(name, {"type": "string", "maxLength": 40}, description=f"Of one {name} alone: its id, or `none`.")
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


@extend_schema(tags=["events"])
class EventViewSet(TenantViewSet):
    """What happened in the company, in the order in which it was sealed."""

    serializer_class = EventSerializer
    pagination_class = None  # the numbers of events are the pages
    model = Event
    rules = dict.fromkeys(("feed", "retrieve"), "activity.see")

    @property
    def query_parameters(self) -> tuple[str, ...]:  # type: ignore[override]  # of the feed alone
        return ("after", "limit", "type") if self.action == "feed" else ()

    def rows(self) -> QuerySet[Any]:
        return events.sealed()

    @extend_schema(
        summary="Read the feed of events",
        description="Events numbered beyond `after`, the oldest first, without a gap: begin with 0 and go on with `next_after`. With "
        "`has_more` ask again at once, else later. An event is there once it is sealed, seconds after it was committed; its number and all "
        "that it says stay for good. `details` hold ids, codes and amounts, never a name or an address.",
        parameters=[
            OpenApiParameter("after", {"type": "integer", "minimum": 0, "default": 0}, description="The number of the last event seen."),
            OpenApiParameter("limit", {"type": "integer", "minimum": 1, "maximum": 200, "default": 50}, description="Events at most."),
            OpenApiParameter(
                "type",
                {"type": "string", "maxLength": 500, "example": "card.frozen,transaction.*"},
                description="Types such as `card.frozen`, or all of a kind as `card.*`, with commas between. By default all. An answer may "
                "then be empty and have more.",
            ),
        ],
        responses={200: forced_singular_serializer(EventFeedSerializer)},  # type: ignore[no-untyped-call]
        operation_id="events_list",
    )
    def feed(self, request: APIRequest) -> Response:
        given = request.query_params
        types = [name.strip() for name in given.get("type", "").split(",") if name.strip()]
        found = queries.events_after(whole_number(given.get("after", "0"), "after"), limit=page_limit(given.get("limit")), types=types)
        told = {"data": self._told(found.events), "next_after": found.next_after, "has_more": found.has_more}
        return Response(told)

    @extend_schema(summary="Show an event", responses={200: EventSerializer})
    def retrieve(self, request: APIRequest, public_id: str) -> Response:
        return Response(self._told([self.get_object()])[0])

    def _told(self, found: Sequence[Event]) -> list[dict[str, Any]]:
        actors = queries.actors_of(found, self.request.membership)
        return [represent(EventSerializer, SealedEvent(event, actors[str(event.actor_id)]), {}) for event in found]


_UNDER_WAY = OpenApiExample(
    "Under way",
    response_only=True,
    value={
        "id": "exp_0677kz1v2gcb5d3d7k4n",
        "what": "transactions",
        "format": "csv",
        "filters": {"status": "posted"},
        "status": "running",
        "reason": "",
        "rows_done": 45000,
        "rows_expected": 120000,
        "size": None,
        "asked_at": "2026-03-31T12:00:00Z",
        "finished_at": None,
        "expires_at": None,
    },
)


@extend_schema_view(
    list=extend_schema(summary="List exports", description="Your own, until they expire: how far each has come. Newest first."),
    retrieve=extend_schema(
        summary="Show an export",
        description="The worker writes it in the background: ask again until `status` is `done`, or `failed`. 404 once it has expired.",
        examples=[_UNDER_WAY],
    ),
    create=extend_schema(
        summary="Export a list or a report",
        description="As a file, of what you may see when it is written. `filters` are the parameters of the list's or report's "
        "address, and are refused as there, as `filters.status`. Behind a figure: `spend-lines` with `spent_from` and `spent_to`. "
        "By the parts that transactions are split into: `transaction-lines`, with the same filters. The ledger: `entries` of an `account`. "
        "The receipts of a month: `receipt-files` as `zip`, with `month`. 409 while five of yours are at work.",
        request=ExportBody,
        responses={201: ExportSerializer},
    ),
)
@extend_schema(tags=["exports"])
class ExportViewSet(ListModelMixin, ShowMixin, TenantViewSet):
    """Files that somebody asked for. Nobody else sees them, whatever their role."""

    serializer_class = ExportSerializer
    model = Export
    rules = dict.fromkeys(("list", "retrieve", "create", "file"), "exports.own")

    def rows(self) -> QuerySet[Any]:
        return Export.objects.of(self.request.membership, at=timezone.now())

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:  # noqa: FBT001, FBT002 -- as REST framework calls it
        """Whoever asks for a sheet as a sheet gets it: JSON is only for refusals there."""
        return super().perform_content_negotiation(request, force=force or self.action == "file")

    def create(self, request: APIRequest) -> Response:
        body = self.body(ExportBody)
        given = {name: value for name, value in body["filters"].items() if value}
        made = operations.ask(body["what"], body["format"], given, actor=request.membership, at=timezone.now())
        return self.reply(made, status=201)

    @extend_schema(
        summary="Download an export's file",
        description="409 until it is done, 404 once it has expired, and 403 where you may see less by now than when it was written.",
        responses={(200, content_type): OpenApiTypes.BINARY for content_type in exports.TYPES.values()},
    )
    @action(detail=True, methods=["get"])
    def file(self, request: APIRequest, public_id: str) -> FileResponse:
        return download(self.get_object(), request.membership)
