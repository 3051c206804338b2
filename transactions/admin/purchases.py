"""Purchases with all that hangs on them, the messages that made them, and what those drew from limits."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from django.contrib import admin

from spendtrackr.admin import ReadOnlyAdmin, everywhere, link, table
from spendtrackr.money import Money
from transactions import models
from transactions.admin.ledger import postings_in_words
from users.admin import member_link


def _checks(message: models.Message) -> Any:
    """What was asked before the answer, in its order: amounts in minor units, as they were compared."""
    rows = [(check["name"], check["passed"], check["value"], check["limit"], check["room"]) for check in message.checks_done]
    return table("Check", "Passed", "Value", "Limit", "Room", rows=rows)


@admin.register(models.Transaction)
class TransactionAdmin(ReadOnlyAdmin[models.Transaction]):
    list_display = ["public_id", "company_link", "occurred_on", "status", "amount", "descriptor", "person", "source", "approval"]
    list_filter = ["status", "source", "approval"]
    also_read = ["member__user"]
    search_fields = ["public_id", "descriptor", "card__public_id", "member__public_id", "member__user__email_key"]
    panels = ["messages", "refusal", "entries", "parts", "spend_lines", "draws", "receipts", "approvals"]

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
        rows = [(link(e, e.public_id), e.kind, e.day, postings_in_words(moved[e.pk], purchase.currency), e.at) for e in found]
        return table("Entry", "Kind", "Day", "Postings", "At", rows=rows)

    def parts(self, purchase: models.Transaction) -> Any:
        found = (
            everywhere(models.Split).filter(transaction=purchase).select_related("category", "department", "budget").order_by("position")
        )
        rows = [
            (link(one, one.position), Money(one.amount_minor, purchase.currency), one.category, one.department, one.budget, one.tax_code)
            for one in found.order_by("position")
        ]
        return table("Part", "Amount", "Category", "Department", "Budget", "Tax code", rows=rows)

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
        found = everywhere(models.Attachment).filter(transaction=purchase).select_related("receipt").order_by("pk")
        rows = [
            (link(a.receipt, a.receipt.public_id), a.receipt.filename, a.receipt.content_type, a.receipt.size, a.attached_at, a.removed_at)
            for a in found
        ]
        return table("Receipt", "Name", "Type", "Bytes", "Attached", "Removed", rows=rows)

    def approvals(self, purchase: models.Transaction) -> Any:
        found = everywhere(models.Approval).filter(transaction=purchase).select_related("asked_by__user", "decided_by__user").order_by("pk")
        rows = [(link(a, a.public_id), a.status, Money(a.amount_minor, purchase.currency), *_decision(a), a.reason or None) for a in found]
        return table("Approval", "Status", "Amount", "Asked by", "At", "Decided by", "At", "Reason", rows=rows)


def _drawn(draw: models.Draw, currency: str) -> list[Money | None]:
    amounts = [draw.used_before_minor, draw.held_delta_minor, draw.posted_delta_minor, draw.limit_minor]
    return [None if minor is None else Money(minor, currency) for minor in amounts]


def _decision(approval: models.Approval) -> list[Any]:
    return [member_link(approval.asked_by), approval.asked_at, member_link(approval.decided_by), approval.decided_at]


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


@admin.register(models.Split)
class SplitAdmin(ReadOnlyAdmin[models.Split]):
    list_display = ["id", "company_link", "transaction", "position", "amount", "category", "department", "budget"]
    also_read = ["transaction"]
    search_fields = ["transaction__public_id", "category__name"]


@admin.register(models.Tagging)
class TaggingAdmin(ReadOnlyAdmin[models.Tagging]):
    list_display = ["id", "company_link", "transaction", "tag"]
    search_fields = ["transaction__public_id", "tag__name"]
