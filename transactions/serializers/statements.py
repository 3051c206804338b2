"""Statements: how a file is read, and what became of its rows."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from spendtrackr.money import Money
from spendtrackr.serializers import MoneyField, PlainCharField, StrictSerializer
from transactions.models import StatementImport
from transactions.operations.statements import Proposal, Verdict
from transactions.statements.entries import ACCOUNTS
from transactions.statements.formats import FORMATS
from transactions.statements.lines import Reading
from transactions.statements.mapping import DATE_FORMATS, SYNONYMS

_FILE = "CSV, OFX (QFX, QBO), MT940, CAMT.052, CAMT.053, CAMT.054 or QIF: whichever it is, is seen from what is in it."


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


class VerdictSerializer(serializers.Serializer[Verdict]):
    """What would become of one row."""

    line = serializers.IntegerField(help_text="Line of the file, counted from 1.")
    verdict = serializers.ChoiceField(["book", "duplicate", "skipped", "rejected"])
    reason = serializers.CharField(allow_blank=True)
    field = serializers.CharField(allow_blank=True)
    occurred_on = serializers.DateField(source="booked.occurred_on", allow_null=True, default=None)
    posted_on = serializers.DateField(source="booked.day", allow_null=True, default=None, help_text="The day that it counts on.")
    amount = MoneyField(source="booked.amount", allow_null=True, default=None, help_text="Above zero for a charge, below for a credit.")
    merchant = serializers.CharField(source="booked.descriptor", allow_null=True, default=None)
    category = serializers.CharField(source="booked.category", allow_null=True, default=None, help_text="That the row itself names.")


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
    rows = VerdictSerializer(many=True)
    has_more = serializers.BooleanField(help_text="Whether there are more rows than these.")


MOST_SHOWN = 1_000


def previewed(proposal: Proposal, reading: Reading, verdicts: list[Verdict]) -> dict[str, Any]:
    counts = Counter(one.verdict for one in verdicts)
    new = Reading(lines=[one.booked for one in verdicts if one.booked], assumed_currency=reading.assumed_currency)
    shown = {
        "format": proposal.format,
        "account": proposal.account,
        "mapping": proposal.mapping.as_dict(),
        "is_kept": proposal.is_kept,
        "counts": {name: counts[name] for name in ("book", "duplicate", "skipped", "rejected")},
        "totals": [Money(minor, currency) for currency, minor in sorted(new.totals().items())],
        "notes": [*proposal.mapping.notes, *new.notes()],
        "rows": verdicts[:MOST_SHOWN],
        "has_more": len(verdicts) > MOST_SHOWN,
    }
    return dict(ImportPreviewSerializer(shown).data)
