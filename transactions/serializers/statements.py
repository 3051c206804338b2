"""Statements: how a file is read, and what became of its rows."""

from __future__ import annotations

import json
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from spendtrackr.money import Money
from spendtrackr.serializers import MoneyField, PlainCharField, StrictSerializer
from transactions.models import IssueKind, StatementImport, StatementUpload, UploadStatus
from transactions.operations.statements import ALL, SPEND
from transactions.statements.entries import ACCOUNTS
from transactions.statements.formats import FORMATS
from transactions.statements.mapping import DATE_FORMATS, SYNONYMS

_LONGEST_MAPPING = 20_000
_FILE = "CSV, OFX (QFX, QBO), MT940, CAMT.052, CAMT.053, CAMT.054 or QIF: whichever it is, is seen from what is in it."


MOST_SHOWN = 1_000
_ACCEPT = {
    "oneOf": [
        {"type": "string", "enum": [SPEND, ALL]},
        {"type": "array", "items": {"type": "integer", "minimum": 1}, "maxItems": 20_000},
    ]
}
_AS_SAID = {"oneOf": [*_ACCEPT["oneOf"], {"type": "null"}]}


@extend_schema_field({"type": "object", "additionalProperties": True, "example": {"columns": {"amount": "Betrag"}}})
class MappingField(serializers.Field[Any, Any, Any, Any]):
    """A mapping as somebody writes it: looked at when the file is read, as only that says which columns there are."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, dict):
            raise serializers.ValidationError("A mapping is an object with `columns`.")
        written = json.dumps(data, ensure_ascii=False)
        if len(written) > _LONGEST_MAPPING:
            raise serializers.ValidationError(f"A mapping has at most {_LONGEST_MAPPING:,} characters.")
        if any(0xD800 <= ord(character) <= 0xDFFF for character in written):
            raise serializers.ValidationError("A mapping is text of Unicode.")
        return data


@extend_schema_field(_ACCEPT)
class AcceptField(serializers.Field[Any, Any, Any, Any]):
    """Which lines of a bank's statement are spend."""

    def to_internal_value(self, data: Any) -> Any:
        if data in (SPEND, ALL):
            return data
        if isinstance(data, list) and len(data) <= 20_000 and all(type(line) is int and line > 0 for line in data):
            return frozenset(data)
        raise serializers.ValidationError("Write `spend`, `all`, or a list of line numbers such as [3, 7].")


def _format_field() -> serializers.ChoiceField:
    return serializers.ChoiceField(FORMATS)


def _account_field() -> serializers.ChoiceField:
    says = "What the statement is of, where its format says so. Of a bank account's, `accept` says which lines are spend."
    return serializers.ChoiceField(ACCOUNTS, allow_blank=True, help_text=says)


class MappingSerializer(serializers.Serializer[Any]):
    """How a file is read: the file's own column for each field, and how dates and numbers are written."""

    columns = serializers.DictField(child=serializers.CharField(), help_text="Fields: " + ", ".join(SYNONYMS) + ".")
    date_format = serializers.ChoiceField([(fmt, fmt) for fmt in DATE_FORMATS])
    decimal_mark = serializers.ChoiceField([(".", "point"), (",", "comma")])
    charges = serializers.ChoiceField([("positive", "positive"), ("negative", "negative")], help_text="The sign of money that was spent.")


class IssueSerializer(serializers.Serializer[Any]):
    """A row that was not booked."""

    line = serializers.IntegerField(help_text="Line of the file, counted from 1.")
    kind = serializers.ChoiceField(IssueKind.choices)
    reason = serializers.CharField()
    field = serializers.CharField(allow_blank=True)


class ImportSerializer(serializers.ModelSerializer[StatementImport]):
    """What became of a file: booked + duplicates + skipped + rejected + waiting = rows."""

    id = serializers.CharField(source="public_id", read_only=True)
    source = serializers.CharField(source="source.name", read_only=True)  # type: ignore[assignment]  # a field of the import
    attribution = serializers.CharField(source="source.attribution", read_only=True, help_text="Whose data it is, such as a licence.")
    notes = serializers.SerializerMethodField(help_text="What a person should know about how the file was read.")
    totals = serializers.SerializerMethodField(help_text="What was booked, by currency.")

    class Meta:
        model = StatementImport
        extra_kwargs = {"waiting": {"help_text": "Rows that nobody has come to yet: those of an upload that is being booked."}}
        fields = [
            "id", "source", "attribution", "filename", "rows", "booked", "duplicates", "skipped", "rejected", "waiting", "notes",
            "totals", "at",
        ]  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_notes(self, record: StatementImport) -> Any:
        return record.details["notes"]

    @extend_schema_field(serializers.ListField(child=MoneyField()))
    def get_totals(self, record: StatementImport) -> Any:
        return record.details["totals"]


class ImportReportSerializer(ImportSerializer):
    """With the rows that were not booked, and how the file was read."""

    issues = serializers.SerializerMethodField(help_text="The first thousand; `/issues/` lists all of them.")
    mapping = serializers.SerializerMethodField()

    class Meta(ImportSerializer.Meta):
        fields = [*ImportSerializer.Meta.fields, "issues", "mapping"]
        read_only_fields = fields

    @extend_schema_field(IssueSerializer(many=True))
    def get_issues(self, record: StatementImport) -> Any:
        return IssueSerializer(record.issues.order_by("pk")[:MOST_SHOWN], many=True).data

    @extend_schema_field(MappingSerializer)
    def get_mapping(self, record: StatementImport) -> Any:
        return json.loads(record.mapping)


class ImportBody(StrictSerializer):
    file = serializers.FileField(help_text=_FILE, allow_empty_file=True)
    source = PlainCharField(max_length=80, required=False, help_text="Where it comes from. Rows are recognised again within one source.")  # type: ignore[assignment]
    attribution = PlainCharField(max_length=200, required=False, help_text="Shown wherever the rows are shown, such as a licence.")
    mapping = serializers.CharField(
        required=False, max_length=20_000, help_text="JSON; by default what was kept for this header, else what the header suggests."
    )
    accept = serializers.CharField(
        required=False,
        max_length=200_000,
        help_text="Of a bank account's statement, which lines are spend: `spend` takes money that went out, `all` credits, too, and a list "
        "of line numbers such as `[3, 7]` takes these. What is a top-up or a payout in the books is taken only by its line.",
    )


class ImportPreviewBody(ImportBody):
    """As for the import itself."""


class ProposalBody(StrictSerializer):
    file = serializers.FileField(help_text=_FILE, allow_empty_file=True)


class ProposalSerializer(serializers.Serializer[Any]):
    format = _format_field()
    account = _account_field()
    header = serializers.ListField(child=serializers.CharField(allow_blank=True))
    mapping = MappingSerializer()
    is_kept = serializers.BooleanField(help_text="Whether this company read such a file before.")
    missing = serializers.ListField(
        child=serializers.CharField(), help_text="Fields that no column was recognised for and that an import needs."
    )
    notes = serializers.ListField(child=serializers.CharField())
    rows = serializers.IntegerField()


class VerdictSerializer(serializers.Serializer[Any]):
    """What would become of one row."""

    line = serializers.IntegerField(help_text="Line of the file, counted from 1.")
    verdict = serializers.ChoiceField(["book", "duplicate", "skipped", "rejected"])
    reason = serializers.CharField(allow_blank=True)
    field = serializers.CharField(allow_blank=True)
    occurred_on = serializers.DateField(allow_null=True, help_text="Null, as all that follows, where the row cannot be read.")
    posted_on = serializers.DateField(allow_null=True, help_text="The day that it counts on.")
    amount = MoneyField(allow_null=True, help_text="Above zero for a charge, below for a credit.")
    merchant = serializers.CharField(allow_null=True)
    category = serializers.CharField(allow_null=True, help_text="That the row itself names.")


class CountsSerializer(serializers.Serializer[Any]):
    book = serializers.IntegerField()
    duplicate = serializers.IntegerField()
    skipped = serializers.IntegerField()
    rejected = serializers.IntegerField()


class ImportPreviewSerializer(serializers.Serializer[Any]):
    """What an import of this file would do."""

    format = _format_field()
    account = _account_field()
    mapping = MappingSerializer()
    is_kept = serializers.BooleanField(help_text="Whether this company read such a file before.")
    counts = CountsSerializer(help_text="Of all rows.")
    totals = serializers.ListField(child=MoneyField(), help_text="What would be booked, by currency.")
    notes = serializers.ListField(child=serializers.CharField())
    rows = VerdictSerializer(many=True, help_text="The first 250 with each verdict, in the order of the file.")
    has_more = serializers.BooleanField(help_text="Whether there are more rows than these.")


def previewed(found: dict[str, Any]) -> dict[str, Any]:
    """What `statements.Preview.found` says, in the shape of a preview."""
    notes = [*found["notes"]["file"], *found["notes"]["lines"]]
    more = sum(found["counts"].values()) > len(found["rows"])
    return {
        **found,
        "notes": notes,
        "totals": [Money(**total) for total in found["totals"]],
        "rows": [_verdict(row) for row in found["rows"]],
        "has_more": more,
    }


def _verdict(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "amount": Money(**row["amount"]) if row["amount"] else None}


class FoundSerializer(ImportPreviewSerializer):
    """What was found in an upload, and what booking it would do."""

    header = serializers.ListField(child=serializers.CharField(allow_blank=True))
    missing = serializers.ListField(
        child=serializers.CharField(), help_text="Fields that no column was recognised for: say `mapping` before it can be booked."
    )


class ProblemSerializer(serializers.Serializer[Any]):
    """Why it cannot be read or booked."""

    message = serializers.CharField()
    field = serializers.CharField(allow_blank=True)


class UploadSerializer(serializers.ModelSerializer[StatementUpload]):
    """A statement that is read, and booked, in the background."""

    id = serializers.CharField(source="public_id", read_only=True)
    source = serializers.CharField(source="source_name", read_only=True)  # type: ignore[assignment]  # a field of the upload
    book = serializers.BooleanField(source="is_to_book", read_only=True, help_text="Whether it is booked as soon as it is read.")
    mapping = serializers.SerializerMethodField(help_text="As it was said; null for what its header suggests.")
    accept = serializers.SerializerMethodField(help_text="As it was said; null for nothing.")
    import_ = serializers.CharField(source="statement_import.public_id", read_only=True, allow_null=True, default=None)
    problem = serializers.SerializerMethodField(help_text="Null unless it failed.")

    class Meta:
        model = StatementUpload
        fields = [
            "id", "filename", "size", "source", "attribution", "book", "mapping", "accept", "status", "rows", "rows_done", "problem",
            "import_", "at", "finished_at", "expires_at",
        ]  # fmt: skip
        read_only_fields = fields
        extra_kwargs = {
            "rows": {"help_text": "Of the file; null before anybody counted."},
            "rows_done": {"help_text": "That were read, or booked, so far."},
            "expires_at": {"help_text": "When the upload is forgotten. What was booked stays."},
        }

    def get_fields(self) -> Any:
        """`import` is no name that Python takes."""
        return {name.rstrip("_"): field for name, field in super().get_fields().items()}

    @extend_schema_field({"type": ["object", "null"], "additionalProperties": True})
    def get_mapping(self, upload: StatementUpload) -> Any:
        return json.loads(upload.mapping) if upload.mapping else None

    @extend_schema_field(_AS_SAID)
    def get_accept(self, upload: StatementUpload) -> Any:
        return json.loads(upload.accept) if upload.accept else None

    @extend_schema_field(ProblemSerializer(allow_null=True))
    def get_problem(self, upload: StatementUpload) -> Any:
        return {"message": upload.reason, "field": upload.reason_field} if upload.status == UploadStatus.FAILED else None


class UploadDetailSerializer(UploadSerializer):
    """With what was found in it."""

    preview = serializers.SerializerMethodField(help_text="Null until it is read.")

    class Meta(UploadSerializer.Meta):
        fields = [*UploadSerializer.Meta.fields, "preview"]
        read_only_fields = fields

    @extend_schema_field(FoundSerializer(allow_null=True))
    def get_preview(self, upload: StatementUpload) -> Any:
        return FoundSerializer(previewed(upload.told)).data if upload.found else None


class UploadBody(ImportBody):
    book = serializers.BooleanField(default=False, help_text="Book it as soon as it is read, unless it cannot be read as a whole.")


class UploadChangesBody(StrictSerializer):
    """What is left out stays as it is; null takes back what was said."""

    source = PlainCharField(max_length=80, required=False)  # type: ignore[assignment]
    attribution = PlainCharField(max_length=200, required=False, allow_blank=True)
    mapping = MappingField(required=False, allow_null=True)
    accept = AcceptField(required=False, allow_null=True)
