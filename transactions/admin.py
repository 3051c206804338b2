"""Operators look at money, and suspend or reactivate the companies it belongs to.

The company's own page is here and not in `companies/admin.py`, because suspending a company blocks its funding accounts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from companies.models import Company
from spendtrackr import errors
from spendtrackr.admin import ReadOnlyAdmin
from transactions import models
from transactions.operations import accounts


@admin.register(Company)
class CompanyAdmin(ReadOnlyAdmin[Company]):
    list_display = ["public_id", "name", "country", "currency", "time_zone", "status", "founded_at"]
    list_filter = ["status", "currency"]
    search_fields = ["public_id", "name", "slug"]
    actions = ["suspend", "reactivate"]

    @admin.action(description="Suspend: reads go on, writes and swipes stop")
    def suspend(self, request: HttpRequest, companies: QuerySet[Company]) -> None:
        self._for_each(request, companies, accounts.suspend_company, "suspended")

    @admin.action(description="Reactivate")
    def reactivate(self, request: HttpRequest, companies: QuerySet[Company]) -> None:
        self._for_each(request, companies, accounts.reactivate_company, "reactivated")

    def _for_each(self, request: HttpRequest, companies: QuerySet[Company], work: Callable[..., Any], done: str) -> None:
        for company in companies:
            try:
                work(company, actor=request.user, at=timezone.now())
            except errors.DomainError as error:
                self.message_user(request, f"{company.name}: {error.message}", messages.ERROR)
            else:
                self.message_user(request, f"{company.name} was {done}.", messages.SUCCESS)


@admin.register(models.Transaction)
class TransactionAdmin(ReadOnlyAdmin[models.Transaction]):
    list_display = ["public_id", "occurred_on", "status", "amount", "descriptor", "source", "company"]
    list_filter = ["status", "source"]
    search_fields = ["public_id", "descriptor", "company__name", "company__public_id"]


@admin.register(models.Receipt)
class ReceiptAdmin(ReadOnlyAdmin[models.Receipt]):
    """What is on record of a receipt. The file itself is the company's: no link leads there."""

    list_display = ["public_id", "company", "transaction", "content_type", "size", "uploaded_at", "removed_at"]
    list_filter = ["content_type"]
    search_fields = ["public_id", "transaction__public_id", "stored_as", "content_hash"]


@admin.register(models.Merchant)
class MerchantAdmin(ReadOnlyAdmin[models.Merchant]):
    list_display = ["public_id", "company", "name"]
    search_fields = ["public_id", "name"]


@admin.register(models.Message)
class MessageAdmin(ReadOnlyAdmin[models.Message]):
    list_display = ["public_id", "company", "kind", "amount_minor", "is_approved", "at"]
    search_fields = ["public_id", "network_id"]


@admin.register(models.Draw)
class DrawAdmin(ReadOnlyAdmin[models.Draw]):
    list_display = ["counter", "company", "seq", "used_before_minor", "held_delta_minor", "posted_delta_minor", "limit_minor"]


@admin.register(models.FundingAccount)
class FundingAccountAdmin(ReadOnlyAdmin[models.FundingAccount]):
    list_display = ["public_id", "company", "currency", "available_minor", "held_minor", "spent_minor", "is_blocked"]


@admin.register(models.Entry)
class EntryAdmin(ReadOnlyAdmin[models.Entry]):
    list_display = ["public_id", "company", "kind", "day", "at"]
    list_filter = ["kind"]
    search_fields = ["public_id"]


@admin.register(models.Posting)
class PostingAdmin(ReadOnlyAdmin[models.Posting]):
    list_display = ["id", "company", "entry", "from_account", "to_account", "amount_minor"]


@admin.register(models.SpendLine)
class SpendLineAdmin(ReadOnlyAdmin[models.SpendLine]):
    list_display = ["id", "company", "day", "currency", "amount_minor", "category", "merchant"]


@admin.register(models.StatementImport)
class StatementImportAdmin(ReadOnlyAdmin[models.StatementImport]):
    list_display = ["public_id", "company", "source", "filename", "rows", "booked", "duplicates", "rejected", "at"]
