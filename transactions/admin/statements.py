"""Imported statements."""

from __future__ import annotations

from django.contrib import admin

from spendtrackr.admin import ReadOnlyAdmin
from transactions import models


@admin.register(models.StatementSource)
class StatementSourceAdmin(ReadOnlyAdmin[models.StatementSource]):
    list_display = ["public_id", "company_link", "name", "attribution"]
    search_fields = ["public_id", "name"]


@admin.register(models.StatementMapping)
class StatementMappingAdmin(ReadOnlyAdmin[models.StatementMapping]):
    list_display = ["id", "company_link", "header_hash", "updated_at"]
    search_fields = ["header_hash"]


@admin.register(models.StatementImport)
class StatementImportAdmin(ReadOnlyAdmin[models.StatementImport]):
    list_display = [
        "public_id",
        "company_link",
        "source",
        "filename",
        "rows",
        "booked",
        "duplicates",
        "skipped",
        "rejected",
        "waiting",
        "at",
    ]
    search_fields = ["public_id", "filename", "source__name", "source__public_id"]


@admin.register(models.StatementUpload)
class StatementUploadAdmin(ReadOnlyAdmin[models.StatementUpload]):
    list_display = ["public_id", "company_link", "filename", "source_name", "status", "rows_done", "rows", "reason", "at", "expires_at"]
    list_filter = ["status"]
    search_fields = ["public_id", "filename", "source_name"]


@admin.register(models.StatementIssue)
class StatementIssueAdmin(ReadOnlyAdmin[models.StatementIssue]):
    list_display = ["id", "company_link", "statement_import", "line", "kind", "field", "reason"]
    list_filter = ["kind"]
    search_fields = ["statement_import__public_id"]


@admin.register(models.ImportedLine)
class ImportedLineAdmin(ReadOnlyAdmin[models.ImportedLine]):
    list_display = ["id", "company_link", "statement_import", "line", "transaction"]
    search_fields = ["statement_import__public_id", "transaction__public_id"]
