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
from rest_framework.exceptions import ValidationError
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.parsers import MultiPartParser
from rest_framework.response import Response

from spendtrackr import errors, idempotency
from spendtrackr.pagination import ordered
from spendtrackr.permissions import find
from spendtrackr.viewsets import APIRequest, TenantViewSet, UploadMixin
from transactions.filters import ImportFilter, IssueFilter, UploadFilter
from transactions.models import StatementImport, StatementIssue, StatementUpload
from transactions.operations import statement_uploads, statements
from transactions.operations.statement_uploads import Said
from transactions.operations.statements import Preview
from transactions.serializers import statements as shapes

F = TypeVar("F", bound=Callable[..., Any])


@extend_schema_view(
    list=extend_schema(summary="List statement imports"),
    retrieve=extend_schema(summary="Show a statement import", responses={200: shapes.ImportReportSerializer}),
)
@extend_schema(tags=["statements"])
class ImportViewSet(ListModelMixin, RetrieveModelMixin, TenantViewSet):
    serializer_class = shapes.ImportSerializer
    parser_classes = (MultiPartParser,)
    filterset_class = ImportFilter
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
        "nothing; equal rows within one file are kept. Of the statement of a bank account `accept` says which lines are spend. A file of "
        f"more than {settings.IMPORT_MAX_ROWS_AT_ONCE:,} rows goes by `statement-uploads/`.",
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
        file = _file(body)
        said = {"mapping": _mapped(body.get("mapping")), "accept": _accepted(body.get("accept"))}
        most = settings.IMPORT_MAX_ROWS_AT_ONCE
        self.prepared = statements.prepare(member.company, file, actor=member, at=timezone.now(), most_rows=most, **said)

    @extend_schema(
        summary="Preview an import",
        description="What would become of each row, with nothing booked: `book`, `duplicate`, `skipped` or `rejected`, and why. The counts "
        "are of all rows, `rows` are the first 250 with each verdict.",
        request={"multipart/form-data": shapes.ImportPreviewBody},
        responses={200: shapes.ImportPreviewSerializer},
    )
    @action(detail=False, methods=["post"])
    def preview(self, request: APIRequest) -> Response:
        body = self.body(shapes.ImportPreviewBody)
        file = _file(body)
        said = {"mapping": _mapped(body.get("mapping")), "accept": _accepted(body.get("accept"))}
        found = statements.preview(request.membership.company, file, **said).found
        return Response(shapes.ImportPreviewSerializer(shapes.previewed(found)).data)

    @extend_schema(
        summary="Propose a mapping",
        description="How this file would be read, without booking anything.",
        request={"multipart/form-data": shapes.ProposalBody},
        responses={200: shapes.ProposalSerializer},
    )
    @action(detail=False, methods=["post"])
    def propose(self, request: APIRequest) -> Response:
        content = statements.content_of(self.body(shapes.ProposalBody)["file"])
        proposal = statements.propose(request.membership.company, content, partly=True)
        shown = {**Preview(proposal).found, "notes": proposal.mapping.notes, "rows": len(proposal.table.rows)}
        return Response(shapes.ProposalSerializer(shown).data)


@extend_schema_view(
    list=extend_schema(summary="List an import's issues", description="Rows that were not booked, in the order of the file."),
)
@extend_schema(tags=["statements"])
class ImportIssueViewSet(ListModelMixin, TenantViewSet):
    serializer_class = shapes.IssueSerializer
    filterset_class = IssueFilter
    model = StatementIssue
    orderings = ordered("created")
    rules = {"list": "imports.see"}

    def rows(self) -> QuerySet[Any]:
        record = find(StatementImport.objects.all(), self.kwargs["public_id"])
        return StatementIssue.objects.filter(statement_import=record)


@extend_schema_view(
    list=extend_schema(
        summary="List statement uploads", description="The newest first. An upload is forgotten after a week; imports stay."
    ),
    retrieve=extend_schema(summary="Show a statement upload", responses={200: shapes.UploadDetailSerializer}),
    create=extend_schema(
        summary="Upload a statement",
        description="To be read, and with `book` booked, in the background: ask for it again until its `status` is neither `reading` nor "
        "`booking`. The file is kept without card numbers.",
        request={"multipart/form-data": shapes.UploadBody},
        responses={201: shapes.UploadDetailSerializer},
    ),
    partial_update=extend_schema(
        summary="Change how an upload is read",
        description="It is read anew. 409 once it is being booked.",
        request=shapes.UploadChangesBody,
        responses={200: shapes.UploadDetailSerializer},
    ),
    destroy=extend_schema(
        summary="Discard an upload",
        description="What was booked stays. 409 where a part of it still waits to be booked.",
        responses={204: None},
    ),
)
@extend_schema(tags=["statements"])
class StatementUploadViewSet(UploadMixin, ListModelMixin, RetrieveModelMixin, TenantViewSet):
    serializer_class = shapes.UploadDetailSerializer
    filterset_class = UploadFilter
    model = StatementUpload
    rules = dict.fromkeys(("list", "retrieve", "create", "partial_update", "destroy", "book"), "imports.book")

    def rows(self) -> QuerySet[Any]:
        return StatementUpload.objects.select_related("statement_import")

    def get_serializer_class(self) -> type[Any]:
        return shapes.UploadSerializer if self.action == "list" else shapes.UploadDetailSerializer

    def create(self, request: APIRequest) -> Response:
        more = {"is_to_book": self.is_to_book, "actor": request.membership, "at": timezone.now()}
        return self.reply(statement_uploads.add(self.file, self.stored_as, self.said, **more), status=201)

    def before_transaction(self) -> None:
        if self.action != "create":
            return
        body = self.body(shapes.UploadBody)
        self.file, self.is_to_book = _file(body), body["book"]
        self.said = Said(_mapped(body.get("mapping")), _accepted(body.get("accept")))
        member = self.request.membership
        # What was answered already is not kept once more.
        is_new = not idempotency.is_answered(self.request, member.public_id)
        self.stored_as = statement_uploads.store(self.file, member.company) if is_new else ""

    def partial_update(self, request: APIRequest, public_id: str) -> Response:
        upload, body = self.get_object(), self.body(shapes.UploadChangesBody)
        said = Said(body.get("mapping"), body.get("accept")).columns()
        changes = {name: said[name] for name in said if name in body}
        if "source" in body:
            changes["source_name"] = statements.source_name(body["source"])
        if "attribution" in body:
            changes["attribution"] = body["attribution"]
        return self.reply(statement_uploads.change(upload, changes, at=timezone.now()))

    def destroy(self, request: APIRequest, public_id: str) -> Response:
        statement_uploads.discard(self.get_object())
        return Response(status=204)

    @extend_schema(
        summary="Book an upload",
        description="In the background: `rows_done` says how far it has come, and `import` what became of its rows. Where booking was "
        "given up, it goes on behind the last row that was counted.",
        request=None,
        responses={200: shapes.UploadDetailSerializer},
    )
    @action(detail=True, methods=["post"], takes_body=False)
    def book(self, request: APIRequest, public_id: str) -> Response:
        return self.reply(statement_uploads.start(self.get_object(), actor=request.membership, at=timezone.now()))


def _file(body: dict[str, Any]) -> statements.StatementFile:
    uploaded, source = body["file"], body.get("source") or statements.DEFAULT_SOURCE
    return statements.StatementFile(statements.content_of(uploaded), uploaded.name, source, body.get("attribution", ""))


def _json(text: str, field: str) -> Any:
    try:
        return json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise errors.Invalid(f"This is not JSON: {error}.", field=field) from error


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _mapped(text: str | None) -> Any:
    return None if text is None else _validated(shapes.MappingField(), _json(text, "mapping"), "mapping")


def _accepted(text: str | None) -> statements.Accept:
    """`spend`, `all`, or line numbers as a list of JSON."""
    if text is None or text in {statements.SPEND, statements.ALL}:
        return text
    accept: statements.Accept = _validated(shapes.AcceptField(), _json(text, "accept"), "accept")
    return accept


def _validated(shape: Any, value: Any, field: str) -> Any:
    try:
        return shape.run_validation(value)
    except ValidationError as error:
        raise errors.Invalid(str(error.detail[0]), field=field) from error  # type: ignore[index]  # of one value
