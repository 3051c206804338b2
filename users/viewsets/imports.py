"""People and departments from a file: what it would do, and doing it."""

from __future__ import annotations

from typing import Any, ClassVar

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.parsers import MultiPartParser
from rest_framework.response import Response

from companies.models import Department
from spendtrackr import idempotency
from spendtrackr.viewsets import APIRequest, TenantViewSet
from users import serializers as shapes
from users.authentication import throttle_mails_to
from users.models import Membership
from users.operations import imports
from users.operations.imports import Outcome
from users.rosters.table import Kind, Roster

_PREVIEWS = "The verdict on each row, with nothing changed. Counts are of all rows, `rows` are the first thousand in the order of the file."


def _example(*rows: dict[str, Any], **of_kind: Any) -> OpenApiExample:
    counts = dict.fromkeys(("change", "same", "skipped", "rejected"), 0) | {row["verdict"]: 1 for row in rows}
    told = [{"line": line, "changes": [], "reason": "", "field": "", **row} for line, row in enumerate(rows, start=2)]
    shown = {"counts": counts, **of_kind, "notes": ["Not read: Phone."], "rows": told, "has_more": False}
    return OpenApiExample("Two rows", value=shown, response_only=True)


_PEOPLE = _example(
    {"verdict": "invite", "subject": "bea@northwind.example", "changes": [{"field": "role", "before": "", "after": "employee"}]},
    {"verdict": "rejected", "subject": "bob@northwind.example", "reason": "Nobody here is known as Grace.", "field": "manager"},
    departments=["Sales"],
)
_DEPARTMENTS = _example(
    {"verdict": "add", "subject": "Platform", "changes": [{"field": "parent", "before": "", "after": "Engineering"}]},
    {"verdict": "rejected", "subject": "Sales", "reason": "Nobody here is known as Grace.", "field": "head"},
)


class RosterViewSet(TenantViewSet):
    """A file of one kind."""

    parser_classes = (MultiPartParser,)
    kind: ClassVar[Kind]
    body_class: ClassVar[type[shapes.RosterBody]]
    outcome: Outcome | None = None

    def before_transaction(self) -> None:
        """In blocks of its own: a file is not one transaction, and a repetition under the same key gets the first answer."""
        if self.action == "create" and not idempotency.is_answered(self.request, self.request.membership.public_id):
            self.outcome = self._imported()

    def create(self, request: APIRequest) -> Response:
        return self._told(self.outcome or self._imported())

    @action(detail=False, methods=["post"])
    def preview(self, request: APIRequest) -> Response:
        body = self.body(self.body_class)
        return self._told(imports.preview_roster(self._roster(body), actor=request.membership, at=timezone.now(), **_choices(body)))

    def _imported(self) -> Outcome:
        body, member = self.body(self.body_class), self.request.membership
        said = {"at": timezone.now(), "mailing": throttle_mails_to, **_choices(body)}
        return imports.import_roster(self._roster(body), actor=member, **said)

    def _roster(self, body: dict[str, Any]) -> Roster:
        return imports.read_roster(imports.content_of(body["file"]), self.kind)

    def _told(self, outcome: Outcome) -> Response:
        return Response(shapes.shown_outcome(outcome, self.body(self.body_class).get("show", "")))


def _choices(body: dict[str, Any]) -> dict[str, Any]:
    return {"adds_departments": body.get("missing_departments") != "reject"}


@extend_schema_view(
    create=extend_schema(
        summary="Import people",
        description="Invites and changes people as a file says, each row as a whole: the good ones are done, the others told with the "
        "column and the reason. The same file again does nothing; a blank cell changes nothing, and who is not in the file is left alone.",
        request={"multipart/form-data": shapes.PeopleBody},
        responses={200: shapes.PeopleOutcomeSerializer},
        examples=[_PEOPLE],
    ),
    preview=extend_schema(
        summary="Preview an import of people",
        description=_PREVIEWS,
        request={"multipart/form-data": shapes.PeopleBody},
        responses={200: shapes.PeopleOutcomeSerializer},
        examples=[_PEOPLE],
    ),
)
@extend_schema(tags=["people"])
class PeopleImportViewSet(RosterViewSet):
    kind, body_class = Kind.PEOPLE, shapes.PeopleBody
    serializer_class = shapes.PeopleOutcomeSerializer
    model = Membership
    rules = {"create": "people.invite", "preview": "people.invite"}
    asked_besides = {"create": "people.change", "preview": "people.change"}


@extend_schema_view(
    create=extend_schema(
        summary="Import departments",
        description="Adds and changes departments as a file says, parents before what lies inside them. What is wrong with a row is told "
        "with the column; the same file again does nothing, a blank cell changes nothing, and none is archived.",
        request={"multipart/form-data": shapes.DepartmentsBody},
        responses={200: shapes.DepartmentsOutcomeSerializer},
        examples=[_DEPARTMENTS],
    ),
    preview=extend_schema(
        summary="Preview an import of departments",
        description=_PREVIEWS,
        request={"multipart/form-data": shapes.DepartmentsBody},
        responses={200: shapes.DepartmentsOutcomeSerializer},
        examples=[_DEPARTMENTS],
    ),
)
@extend_schema(tags=["departments"])
class DepartmentImportViewSet(RosterViewSet):
    kind, body_class = Kind.DEPARTMENTS, shapes.DepartmentsBody
    serializer_class = shapes.DepartmentsOutcomeSerializer
    model = Department
    rules = {"create": "departments.change", "preview": "departments.change"}
