"""Files that members asked for. Not what is in them."""

from __future__ import annotations

from django.contrib import admin

from reports.models import Export
from spendtrackr.admin import ReadOnlyAdmin


@admin.register(Export)
class ExportAdmin(ReadOnlyAdmin[Export]):
    list_display = [
        "public_id", "company_link", "what", "format", "status", "rows_done", "rows_expected", "size", "requested_by", "asked_at",
        "expires_at",
    ]  # fmt: skip
    list_filter = ["what", "format", "status"]
    search_fields = ["public_id", "requested_by__public_id"]
