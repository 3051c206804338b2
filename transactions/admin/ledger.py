"""The ledger, and what reports add up."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html_join

from spendtrackr import errors
from spendtrackr.admin import ReadOnlyAdmin, everywhere
from spendtrackr.money import Money, parse_decimal
from transactions import models
from transactions.models.spend import Rollup
from transactions.operations import accounts as operations


def postings_in_words(postings: Iterable[models.Posting], currency: str) -> Any:
    moves = [(posting.from_account, posting.to_account, Money(posting.amount_minor, currency)) for posting in postings]
    return format_html_join(", ", "{} → {} {}", moves) or None


class CreditForm(ActionForm):
    """Beside the choice of what to do: the amount that it is done with."""

    credit = forms.CharField(label="Credit", required=False, max_length=40)


@admin.register(models.FundingAccount)
class FundingAccountAdmin(ReadOnlyAdmin[models.FundingAccount]):
    list_display = ["public_id", "company_link", "currency", "available", "held", "spent", "credit", "is_blocked"]
    list_filter = ["is_blocked"]
    search_fields = ["public_id", "=currency"]
    actions = ["set_credit"]
    action_form = CreditForm

    @admin.action(description="Set the credit: how far swipes may go below zero")
    def set_credit(self, request: HttpRequest, accounts: QuerySet[models.FundingAccount]) -> None:
        for account in accounts:
            try:
                credit = _credit(request.POST.get("credit", ""), account.currency)
                operations.set_credit(account, credit, actor=request.user, at=timezone.now())  # type: ignore[arg-type]
            except errors.DomainError as error:
                self.message_user(request, f"{account}: {error.message}", messages.ERROR)
            else:
                self.message_user(request, f"The credit of {account} is {credit}.", messages.SUCCESS)


def _credit(text: str, currency: str) -> Money:
    try:
        return Money.parse(parse_decimal(text.strip()), currency)
    except ValueError as error:
        raise errors.Invalid(f"Write the credit as an amount in {currency}, such as 5000; 0 for none.", field="credit") from error


@admin.register(models.Entry)
class EntryAdmin(ReadOnlyAdmin[models.Entry]):
    list_display = ["public_id", "company_link", "kind", "transaction", "day", "at"]
    list_filter = ["kind"]
    search_fields = ["public_id", "transaction__public_id"]
    panels = ["postings"]

    def postings(self, entry: models.Entry) -> Any:
        return postings_in_words(everywhere(models.Posting).filter(entry=entry).order_by("pk"), entry.account.currency)


@admin.register(models.Posting)
class PostingAdmin(ReadOnlyAdmin[models.Posting]):
    list_display = ["id", "company_link", "entry", "from_account", "to_account", "amount"]
    list_filter = ["from_account", "to_account"]
    also_read = ["account"]
    search_fields = ["entry__public_id", "entry__transaction__public_id"]

    def amount(self, posting: models.Posting) -> Money:
        return Money(posting.amount_minor, posting.account.currency)


@admin.register(models.SpendLine)
class SpendLineAdmin(ReadOnlyAdmin[models.SpendLine]):
    list_display = ["id", "company_link", "transaction", "day", "amount", "category", "merchant", "counts"]
    search_fields = ["transaction__public_id", "merchant__name", "category__name"]

    def amount(self, line: models.SpendLine) -> Money:
        return Money(line.amount_minor, line.currency)


@admin.register(models.DaySpend, models.MonthSpend, models.MonthSpendWithin)
class RollupAdmin(ReadOnlyAdmin[Any]):
    list_display = ["id", "company_link", "starts_on", "dimension", "value_id", "amount", "item_count", "line_count"]
    list_filter = ["dimension"]
    search_fields = ["=currency"]

    def amount(self, cell: Rollup) -> Money:
        return Money(cell.amount_minor, cell.currency)
