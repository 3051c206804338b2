"""Statements: propose how to read one, import it, look what became of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.parsers import MultiPartParser
from rest_framework.response import Response

from spendtrackr import errors
from spendtrackr.viewsets import APIRequest, TenantViewSet
from transactions.models import StatementImport
from transactions.operations import statements
from transactions.serializers import statements as shapes
from transactions.statements.mapping import missing

F = TypeVar("F", bound=Callable[..., Any])


@extend_schema_view(
    list=extend_schema(summary="List statement imports"),
    retrieve=extend_schema(summary="Show a statement import", responses={200: shapes.ImportReportSerializer}),
)
@extend_schema(tags=["statements"])
class ImportViewSet(ListModelMixin, RetrieveModelMixin, TenantViewSet):
    serializer_class = shapes.ImportSerializer
    parser_classes = (MultiPartParser,)
    model = StatementImport
    rules = {
        "list": "imports.see",
        "retrieve": "imports.see",
        "create": "imports.book",
        "propose": "imports.book",
        "preview": "imports.book",
    }

    def rows(self) -> QuerySet[Any]:
        return StatementImport.objects.select_related("source")

    def get_serializer_class(self) -> type[Any]:
        return shapes.ImportSerializer if self.action == "list" else shapes.ImportReportSerializer

    @extend_schema(
        summary="Import a statement",
        description="Books each row once, and reports every row that it did not book with its line and reason. The same file again adds "
        "nothing; equal rows within one file are kept. Of the statement of a bank account `accept` says which lines are spend.",
        request={"multipart/form-data": shapes.ImportBody},
        responses={201: shapes.ImportReportSerializer},
    )
    def create(self, request: APIRequest) -> Response:
        record = statements.book(self.prepared, actor=request.membership, at=timezone.now())
        return self.reply(record, status=201)

    def before_transaction(self) -> None:
        if self.action != "create":
            return
        body, member = self.body(shapes.ImportBody), self.request.membership
        file = statements.StatementFile(
            content=_content(body["file"]),
            filename=body["file"].name,
            source=body.get("source") or statements.DEFAULT_SOURCE,
            attribution=body.get("attribution", ""),
        )
        said = {"mapping": _json(body.get("mapping"), "mapping"), "accept": _accepted(body.get("accept"))}
        self.prepared = statements.prepare(member.company, file, actor=member, at=timezone.now(), **said)

    @extend_schema(
        summary="Preview an import",
        description="What would become of each row, with nothing booked: `book`, `duplicate`, `skipped` or `rejected`, and why. The counts "
        "are of all rows, `rows` are the first thousand.",
        request={"multipart/form-data": shapes.ImportPreviewBody},
        responses={200: shapes.ImportPreviewSerializer},
    )
    @action(detail=False, methods=["post"])
    def preview(self, request: APIRequest) -> Response:
        body = self.body(shapes.ImportPreviewBody)
        file = statements.StatementFile(_content(body["file"]), body["file"].name, body.get("source") or statements.DEFAULT_SOURCE)
        said = {"mapping": _json(body.get("mapping"), "mapping"), "accept": _accepted(body.get("accept"))}
        return Response(shapes.previewed(*statements.preview(request.membership.company, file, **said)))

    @extend_schema(
        summary="Propose a mapping",
        description="How this file would be read, without booking anything.",
        request={"multipart/form-data": shapes.ProposalBody},
        responses={200: shapes.ProposalSerializer},
    )
    @action(detail=False, methods=["post"])
    def propose(self, request: APIRequest) -> Response:
        content = _content(self.body(shapes.ProposalBody)["file"])
        proposal = statements.propose(request.membership.company, content, partly=True)
        shown = {
            "format": proposal.format,
            "account": proposal.account,
            "header": proposal.table.columns,
            "mapping": proposal.mapping.as_dict(),
            "is_kept": proposal.is_kept,
            "missing": missing(proposal.mapping),
            "notes": list(proposal.mapping.notes),
            "rows": len(proposal.table.rows),
        }
        return Response(shapes.ProposalSerializer(shown).data)


def _content(uploaded: Any) -> bytes:
    if uploaded.size > settings.IMPORT_MAX_BYTES:
        raise errors.TooLarge(f"A statement may have {settings.IMPORT_MAX_BYTES // 1024 // 1024} MB.", field="file")
    uploaded.seek(0)  # a retried request reads it again
    content: bytes = uploaded.read()
    return content


def _json(text: str | None, field: str) -> Any:
    if text is None:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise errors.Invalid(f"This is not JSON: {error}.", field=field) from error


def _accepted(text: str | None) -> statements.Accept:
    """`spend`, `all`, or line numbers as a list of JSON."""
    if text is None or text in {statements.SPEND, statements.ALL}:
        return text
    lines = _json(text, "accept")
    if not isinstance(lines, list) or not all(isinstance(line, int) and not isinstance(line, bool) for line in lines):
        raise errors.Invalid("Write `spend`, `all`, or a list of line numbers such as [3, 7].", field="accept")
    return frozenset(lines)
