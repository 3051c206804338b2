"""How far books are closed, and what accounting was told."""

from __future__ import annotations

from typing import Any

from django.contrib import admin

from spendtrackr.admin import ReadOnlyAdmin, everywhere, link, table
from spendtrackr.money import Money
from transactions import models
from users.admin import member_link


@admin.register(models.Books)
class BooksAdmin(ReadOnlyAdmin[models.Books]):
    list_display = ["public_id", "company_link", "closed_through"]
    search_fields = ["public_id"]


@admin.register(models.BookClosing)
class BookClosingAdmin(ReadOnlyAdmin[models.BookClosing]):
    list_display = ["public_id", "company_link", "closed_through", "before", "person", "at"]
    also_read = ["closed_by__user"]
    search_fields = ["public_id", "closed_by__user__email_key"]

    def person(self, closing: models.BookClosing) -> Any:
        return member_link(closing.closed_by)


@admin.register(models.AccountingSettings)
class AccountingSettingsAdmin(ReadOnlyAdmin[models.AccountingSettings]):
    list_display = ["public_id", "company_link", "starts_on", "exports_unapproved", "tracking_name", "untaxed_as"]
    search_fields = ["public_id"]


@admin.register(models.AccountingBatch)
class AccountingBatchAdmin(ReadOnlyAdmin[models.AccountingBatch]):
    list_display = ["public_id", "company_link", "sequence", "currency", "first_day", "last_day", "status", "created_at"]
    list_filter = ["status"]
    search_fields = ["public_id"]
    panels = ["months"]

    def months(self, batch: models.AccountingBatch) -> Any:
        found = everywhere(models.AccountingMonth).filter(batch=batch).order_by("starts_on")
        rows = [(one.starts_on, one.line_count, one.journal_count, Money(one.amount_minor, one.currency)) for one in found]
        return table("Month", "Lines", "Journals", "Amount", rows=rows)


@admin.register(models.AccountingMonth)
class AccountingMonthAdmin(ReadOnlyAdmin[models.AccountingMonth]):
    list_display = ["id", "company_link", "batch", "starts_on", "currency", "line_count", "journal_count", "amount_minor"]
    search_fields = ["batch__public_id"]


@admin.register(models.AccountingJournal)
class AccountingJournalAdmin(ReadOnlyAdmin[models.AccountingJournal]):
    list_display = ["public_id", "company_link", "batch", "position", "transaction", "day", "is_late", "amount", "status", "reason"]
    list_filter = ["status", "is_late"]
    also_read = ["batch", "transaction"]
    search_fields = ["public_id", "batch__public_id", "transaction__public_id"]
    panels = ["rows"]

    def rows(self, journal: models.AccountingJournal) -> Any:
        found = everywhere(models.AccountingRow).filter(journal=journal).order_by("pk")
        rows = [(link(one, one.pk), one.ledger_code, one.cost_centre, one.tax_code, one.amount_minor, one.clearing_code) for one in found]
        return table("Row", "Ledger code", "Cost centre", "Tax code", "Minor units", "Other side", rows=rows)


@admin.register(models.AccountingRow)
class AccountingRowAdmin(ReadOnlyAdmin[models.AccountingRow]):
    list_display = ["id", "company_link", "journal", "reverses", "ledger_code", "tax_code", "amount_minor", "tax_minor", "clearing_code"]
    also_read = ["journal", "reverses"]
    search_fields = ["journal__public_id", "ledger_code"]


@admin.register(models.AccountedLine)
class AccountedLineAdmin(ReadOnlyAdmin[models.AccountedLine]):
    list_display = ["id", "company_link", "batch", "journal", "spend_line", "standing_key"]
    also_read = ["batch", "journal", "spend_line"]
    search_fields = ["batch__public_id", "journal__public_id"]
