"""Files that were asked for, as the API shows them."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from reports.exports import SUBJECTS
from reports.models import Export, ExportFormat
from spendtrackr.serializers import PlainCharField, PlainChoiceField, StrictSerializer


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "Transactions of March",
            request_only=True,
            value={"what": "transactions", "format": "csv", "filters": {"from": "2026-03-01", "to": "2026-03-31", "status": "posted"}},
        ),
        OpenApiExample(
            "Receipts of March", request_only=True, value={"what": "receipt-files", "format": "zip", "filters": {"month": "2026-03"}}
        ),
    ]
)
class ExportBody(StrictSerializer):
    what = PlainChoiceField(list(SUBJECTS), help_text="A list, or `reports/` and the name of a report.")
    format = PlainChoiceField(ExportFormat.choices, help_text="`csv` or `xlsx`; of `receipt-files` `zip`.")
    filters = serializers.DictField(
        child=PlainCharField(max_length=200, allow_blank=True),
        required=False,
        default=dict,
        help_text="As in the address of the list or report.",
    )


class ExportSerializer(serializers.ModelSerializer[Export]):
    id = serializers.CharField(source="public_id", read_only=True)
    filters = serializers.DictField(source="given", child=serializers.CharField(), read_only=True)
    reason = serializers.CharField(read_only=True, help_text="Why it failed; blank otherwise.")
    rows_expected = serializers.IntegerField(read_only=True, allow_null=True, help_text="Null before they are counted.")
    size = serializers.SerializerMethodField(help_text="In bytes, once it is done.")
    expires_at = serializers.DateTimeField(read_only=True, allow_null=True, help_text="When file and row go; null while it is written.")

    class Meta:
        model = Export
        fields = [
            "id", "what", "format", "filters", "status", "reason", "rows_done", "rows_expected", "size", "asked_at", "finished_at",
            "expires_at",
        ]  # fmt: skip
        read_only_fields = fields

    def get_size(self, export: Export) -> int | None:
        return export.size or None
