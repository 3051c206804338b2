"""Operators look at money, give credit, and suspend or reactivate the companies that it belongs to.

The company's own page is here and not in `companies/admin.py`, because suspending a company blocks its funding accounts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.db.models import Count, Model, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html_join

from cards.models import Card
from companies.models import Category, Company, Department
from spendtrackr import errors
from spendtrackr.admin import ReadOnlyAdmin, everywhere, link, page_of, table
from spendtrackr.models import Event
from spendtrackr.money import Money, parse_decimal
from transactions import models
from transactions.operations import accounts as operations
from users.admin import member_link
from users.models import Invitation, Membership, Session

# What a company's page leads to: its rows of each.
_LISTS: list[type[Model]] = [
    Membership, Invitation, Session, Department, Category, Card, models.Transaction, models.Approval, models.Receipt, models.Merchant,
    models.Message, models.FundingAccount, models.Entry, models.SpendLine, models.StatementImport, Event,
]  # fmt: skip


@admin.register(Company)
class CompanyAdmin(ReadOnlyAdmin[Company]):
    list_display = ["public_id", "name", "slug", "country", "currency", "time_zone", "status", "founded_at"]
    list_display_links = ["public_id", "name"]
    list_filter = ["status", "currency"]
    search_fields = ["public_id", "name", "slug"]
    actions = ["suspend", "reactivate"]
    panels = ["people", "balances", "rows"]
    # The directory of companies shows nothing that is inside of them; opening one is a look.
    list_is_a_look = False

    def companies_of(self, rows: Iterable[Company]) -> dict[int, str]:
        return {company.pk: company.public_id for company in rows}

    def people(self, company: Company) -> Any:
        counted = everywhere(Membership).filter(company=company).values_list("status").annotate(people=Count("pk")).order_by("status")
        return table("Status", "People", rows=counted)

    def balances(self, company: Company) -> Any:
        found = everywhere(models.FundingAccount).filter(company=company).order_by("currency")
        heads = [str(name.label) for name in models.Account]
        return table("Account", *heads, "Blocked", rows=[(link(a), *(a.balance(n) for n in models.Account), a.is_blocked) for a in found])

    @admin.display(description="its rows")
    def rows(self, company: Company) -> Any:
        lists = ((page_of(model, "changelist", company=company.pk), str(model._meta.verbose_name_plural)) for model in _LISTS)
        return format_html_join(" · ", '<a href="{}">{}</a>', lists)

    @admin.action(description="Suspend: reads go on, writes and swipes stop")
    def suspend(self, request: HttpRequest, companies: QuerySet[Company]) -> None:
        self._for_each(request, companies, operations.suspend_company, "suspended")

    @admin.action(description="Reactivate")
    def reactivate(self, request: HttpRequest, companies: QuerySet[Company]) -> None:
        self._for_each(request, companies, operations.reactivate_company, "reactivated")

    def _for_each(self, request: HttpRequest, companies: QuerySet[Company], work: Callable[..., Any], done: str) -> None:
        for company in companies:
            try:
                work(company, actor=request.user, at=timezone.now())
            except errors.DomainError as error:
                self.message_user(request, f"{company.name}: {error.message}", messages.ERROR)
            else:
                self.message_user(request, f"{company.name} was {done}.", messages.SUCCESS)


def _checks(message: models.Message) -> Any:
    """What was asked before the answer, in its order: amounts in minor units, as they were compared."""
    rows = [(check["name"], check["passed"], check["value"], check["limit"], check["room"]) for check in message.checks_done]
    return table("Check", "Passed", "Value", "Limit", "Room", rows=rows)


def _postings(postings: Iterable[models.Posting], currency: str) -> Any:
    moves = [(posting.from_account, posting.to_account, Money(posting.amount_minor, currency)) for posting in postings]
    return format_html_join(", ", "{} → {} {}", moves) or None


@admin.register(models.Transaction)
class TransactionAdmin(ReadOnlyAdmin[models.Transaction]):
    list_display = ["public_id", "company_link", "occurred_on", "status", "amount", "descriptor", "person", "source", "approval"]
    list_filter = ["status", "source", "approval"]
    also_read = ["member__user"]
    search_fields = ["public_id", "descriptor", "card__public_id", "member__public_id", "member__user__email_key"]
    panels = ["messages", "refusal", "entries", "spend_lines", "draws", "receipts", "approvals"]

    def person(self, purchase: models.Transaction) -> Any:
        return member_link(purchase.member)

    def messages(self, purchase: models.Transaction) -> Any:
        found = everywhere(models.Message).filter(transaction=purchase).order_by("pk")
        rows = [(link(m, m.public_id), m.kind, Money(m.amount_minor, purchase.currency), m.is_approved, m.is_final, m.at) for m in found]
        return table("Message", "Kind", "Amount", "Approved", "Final", "At", rows=rows)

    @admin.display(description="checks of the decline")
    def refusal(self, purchase: models.Transaction) -> Any:
        refused = everywhere(models.Message).filter(transaction=purchase, is_approved=False).order_by("pk").first()
        return _checks(refused) if refused else None

    def entries(self, purchase: models.Transaction) -> Any:
        moved: dict[int, list[models.Posting]] = defaultdict(list)
        for posting in everywhere(models.Posting).filter(entry__transaction=purchase).order_by("pk"):
            moved[posting.entry_id].append(posting)
        found = everywhere(models.Entry).filter(transaction=purchase).order_by("pk")
        rows = [(link(e, e.public_id), e.kind, e.day, _postings(moved[e.pk], purchase.currency), e.at) for e in found]
        return table("Entry", "Kind", "Day", "Postings", "At", rows=rows)

    def spend_lines(self, purchase: models.Transaction) -> Any:
        found = everywhere(models.SpendLine).filter(transaction=purchase).select_related("category", "department").order_by("pk")
        rows = [
            (link(line, line.pk), line.day, Money(line.amount_minor, line.currency), line.category, line.department, line.counts)
            for line in found
        ]
        return table("Line", "Day", "Amount", "Category", "Department", "Counts", rows=rows)

    def draws(self, purchase: models.Transaction) -> Any:
        found = everywhere(models.Draw).filter(transaction=purchase).select_related("counter", "message").order_by("pk")
        rows = [
            (link(d), d.message.kind if d.message else "approval", d.counter, *_drawn(d, purchase.currency), d.is_approval) for d in found
        ]
        return table("Draw", "For", "Counter", "Used before", "Held", "Posted", "Limit", "Approval", rows=rows)

    def receipts(self, purchase: models.Transaction) -> Any:
        """What is on record of them. What is on them is the company's."""
        found = everywhere(models.Receipt).filter(transaction=purchase).order_by("pk")
        rows = [(link(r, r.public_id), r.filename, r.content_type, r.size, r.uploaded_at, r.removed_at) for r in found]
        return table("Receipt", "Name", "Type", "Bytes", "Uploaded", "Removed", rows=rows)

    def approvals(self, purchase: models.Transaction) -> Any:
        found = everywhere(models.Approval).filter(transaction=purchase).select_related("asked_by__user", "decided_by__user").order_by("pk")
        rows = [(link(a, a.public_id), a.status, Money(a.amount_minor, purchase.currency), *_decision(a), a.reason or None) for a in found]
        return table("Approval", "Status", "Amount", "Asked by", "At", "Decided by", "At", "Reason", rows=rows)


def _drawn(draw: models.Draw, currency: str) -> list[Money | None]:
    amounts = [draw.used_before_minor, draw.held_delta_minor, draw.posted_delta_minor, draw.limit_minor]
    return [None if minor is None else Money(minor, currency) for minor in amounts]


def _decision(approval: models.Approval) -> list[Any]:
    return [member_link(approval.asked_by), approval.asked_at, member_link(approval.decided_by), approval.decided_at]


@admin.register(models.Receipt)
class ReceiptAdmin(ReadOnlyAdmin[models.Receipt]):
    """What is on record of a receipt. The file itself is the company's: no link leads there."""

    list_display = ["public_id", "company_link", "transaction", "content_type", "size", "uploaded_at", "removed_at"]
    list_filter = ["content_type"]
    search_fields = ["public_id", "transaction__public_id", "stored_as", "content_hash"]


@admin.register(models.Approval)
class ApprovalAdmin(ReadOnlyAdmin[models.Approval]):
    list_display = ["public_id", "company_link", "transaction", "status", "amount", "asked_by", "asked_at", "decided_by", "decided_at"]
    list_filter = ["status"]
    search_fields = ["public_id", "transaction__public_id", "asked_by__public_id", "decided_by__public_id"]

    def amount(self, approval: models.Approval) -> Money:
        return Money(approval.amount_minor, approval.transaction.currency)


@admin.register(models.Merchant)
class MerchantAdmin(ReadOnlyAdmin[models.Merchant]):
    list_display = ["public_id", "company_link", "name", "category"]
    search_fields = ["public_id", "name"]


@admin.register(models.Message)
class MessageAdmin(ReadOnlyAdmin[models.Message]):
    list_display = ["public_id", "company_link", "transaction", "kind", "amount", "is_approved", "at"]
    list_filter = ["kind", "is_approved"]
    search_fields = ["public_id", "network_id", "transaction__public_id"]
    # Shown as a table instead.
    exclude = ["checks"]
    panels = ["asked"]

    def amount(self, message: models.Message) -> Money:
        return Money(message.amount_minor, message.transaction.currency)

    @admin.display(description="checks, one by one")
    def asked(self, message: models.Message) -> Any:
        return _checks(message)


@admin.register(models.Draw)
class DrawAdmin(ReadOnlyAdmin[models.Draw]):
    list_display = [
        "id",
        "company_link",
        "counter",
        "seq",
        "used_before_minor",
        "held_delta_minor",
        "posted_delta_minor",
        "limit_minor",
        "is_approval",
    ]
    list_filter = ["is_approval"]
    search_fields = ["message__public_id", "message__transaction__public_id"]


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
        return _postings(everywhere(models.Posting).filter(entry=entry).order_by("pk"), entry.account.currency)


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


@admin.register(models.DaySpend, models.MonthSpend)
class RollupAdmin(ReadOnlyAdmin[Any]):
    list_display = ["id", "company_link", "starts_on", "dimension", "value_id", "amount", "item_count", "line_count"]
    list_filter = ["dimension"]
    search_fields = ["=currency"]

    def amount(self, cell: models.DaySpend | models.MonthSpend) -> Money:
        return Money(cell.amount_minor, cell.currency)


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
    list_display = ["public_id", "company_link", "source", "filename", "rows", "booked", "duplicates", "skipped", "rejected", "at"]
    search_fields = ["public_id", "filename", "source__name", "source__public_id"]


@admin.register(models.ImportedLine)
class ImportedLineAdmin(ReadOnlyAdmin[models.ImportedLine]):
    list_display = ["id", "company_link", "statement_import", "line", "transaction"]
    search_fields = ["statement_import__public_id", "transaction__public_id"]
