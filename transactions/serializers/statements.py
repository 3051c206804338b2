"""Statements: how a file is read, and what became of its rows."""

from __future__ import annotations

import json
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from spendtrackr.serializers import MoneyField, PlainCharField, StrictSerializer
from transactions.models import StatementImport
from transactions.statements.mapping import DATE_FORMATS, SYNONYMS


class MappingSerializer(serializers.Serializer[Any]):
    """How a file is read: the file's own column for each field, and how dates and numbers are written."""

    columns = serializers.DictField(child=serializers.CharField(), help_text="Fields: " + ", ".join(SYNONYMS) + ".")
    date_format = serializers.ChoiceField([(fmt, fmt) for fmt in DATE_FORMATS])
    decimal_mark = serializers.ChoiceField([(".", "point"), (",", "comma")])
    charges = serializers.ChoiceField([("positive", "positive"), ("negative", "negative")], help_text="The sign of money that was spent.")


class IssueSerializer(serializers.Serializer[Any]):
    line = serializers.IntegerField(help_text="Line of the file, counted from 1.")
    kind = serializers.ChoiceField(["rejected", "skipped", "duplicate"])
    reason = serializers.CharField()
    field = serializers.CharField(allow_blank=True)


class ImportSerializer(serializers.ModelSerializer[StatementImport]):
    """What became of a file: booked + duplicates + skipped + rejected = rows."""

    id = serializers.CharField(source="public_id", read_only=True)
    source = serializers.CharField(source="source.name", read_only=True)  # type: ignore[assignment]  # a field of the import
    notes = serializers.SerializerMethodField(help_text="What a person should know about how the file was read.")
    totals = serializers.SerializerMethodField(help_text="What was booked, by currency.")

    class Meta:
        model = StatementImport
        fields = ["id", "source", "filename", "rows", "booked", "duplicates", "skipped", "rejected", "notes", "totals", "at"]
        read_only_fields = fields

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_notes(self, record: StatementImport) -> Any:
        return record.details["notes"]

    @extend_schema_field(serializers.ListField(child=MoneyField()))
    def get_totals(self, record: StatementImport) -> Any:
        return record.details["totals"]


class ImportReportSerializer(ImportSerializer):
    """With every row that was not booked, and how the file was read."""

    issues = serializers.SerializerMethodField()
    mapping = serializers.SerializerMethodField()

    class Meta(ImportSerializer.Meta):
        fields = [*ImportSerializer.Meta.fields, "issues", "mapping"]
        read_only_fields = fields

    @extend_schema_field(IssueSerializer(many=True))
    def get_issues(self, record: StatementImport) -> Any:
        return record.details["issues"]

    @extend_schema_field(MappingSerializer)
    def get_mapping(self, record: StatementImport) -> Any:
        return json.loads(record.mapping)


class ImportBody(StrictSerializer):
    file = serializers.FileField(help_text="A CSV file.", allow_empty_file=True)
    source = PlainCharField(max_length=80, required=False, help_text="Where it comes from. Rows are recognised again within one source.")  # type: ignore[assignment]
    attribution = PlainCharField(max_length=200, required=False, help_text="Shown wherever the rows are shown, such as a licence.")
    mapping = serializers.CharField(
        required=False, max_length=20_000, help_text="JSON; by default what was kept for this header, else what the header suggests."
    )


class ProposalBody(StrictSerializer):
    file = serializers.FileField(help_text="A CSV file.", allow_empty_file=True)


class ProposalSerializer(serializers.Serializer[Any]):
    header = serializers.ListField(child=serializers.CharField(allow_blank=True))
    mapping = MappingSerializer()
    is_kept = serializers.BooleanField(help_text="Whether this company read such a file before.")
    missing = serializers.ListField(
        child=serializers.CharField(), help_text="Fields that no column was recognised for and that an import needs."
    )
    notes = serializers.ListField(child=serializers.CharField())
    rows = serializers.IntegerField()
