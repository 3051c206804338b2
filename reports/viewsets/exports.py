"""Files of lists and reports by API."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import FileResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from reports import exports, operations
from reports.models import Export
from reports.serializers import ExportBody, ExportSerializer
from reports.views.files import download
from spendtrackr.serializers import ErrorSerializer
from spendtrackr.viewsets import APIRequest, ShowMixin, TenantViewSet

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
        responses={**{(200, content_type): OpenApiTypes.BINARY for content_type in exports.TYPES.values()}, 409: ErrorSerializer},
    )
    @action(detail=True, methods=["get"])
    def file(self, request: APIRequest, public_id: str) -> FileResponse:
        return download(self.get_object(), request.membership)
