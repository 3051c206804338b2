"""Claims, the batches that pay them, what people owe, and what was said."""

from __future__ import annotations

from typing import Any

from django.contrib import admin

from spendtrackr.admin import ReadOnlyAdmin, everywhere, link, table
from spendtrackr.money import Money
from transactions import models
from users.admin import member_link


@admin.register(models.Claim)
class ClaimAdmin(ReadOnlyAdmin[models.Claim]):
    list_display = ["id", "company_link", "transaction", "rate", "created_at"]
    also_read = ["transaction"]
    search_fields = ["transaction__public_id"]


@admin.register(models.Reimbursement)
class ReimbursementAdmin(ReadOnlyAdmin[models.Reimbursement]):
    list_display = ["public_id", "company_link", "status", "currency", "paid_from", "reference", "created_at", "ended_at"]
    list_filter = ["status", "paid_from"]
    search_fields = ["public_id", "reference"]
    panels = ["payouts"]

    def payouts(self, batch: models.Reimbursement) -> Any:
        found = everywhere(models.Payout).filter(reimbursement=batch).select_related("transaction", "member__user").order_by("pk")
        rows = [
            (link(one, one.public_id), link(one.transaction), member_link(one.member), Money(one.amount_minor, batch.currency), one.status)
            for one in found
        ]
        return table("Payout", "Claim", "Member", "Amount", "Status", rows=rows)


@admin.register(models.Payout)
class PayoutAdmin(ReadOnlyAdmin[models.Payout]):
    list_display = ["public_id", "company_link", "reimbursement", "transaction", "person", "amount", "status", "reason"]
    list_filter = ["status"]
    also_read = ["reimbursement", "transaction", "member__user"]
    search_fields = ["public_id", "transaction__public_id", "reimbursement__public_id", "member__user__email_key"]

    def person(self, payout: models.Payout) -> Any:
        return member_link(payout.member)


@admin.register(models.Repayment)
class RepaymentAdmin(ReadOnlyAdmin[models.Repayment]):
    list_display = ["public_id", "company_link", "transaction", "person", "status", "repaid", "opened_at", "ended_at"]
    list_filter = ["status"]
    also_read = ["transaction", "member__user"]
    search_fields = ["public_id", "transaction__public_id", "member__user__email_key"]
    panels = ["parts"]

    def person(self, repayment: models.Repayment) -> Any:
        return member_link(repayment.member)

    def repaid(self, repayment: models.Repayment) -> Money:
        return Money(repayment.repaid_minor, repayment.transaction.currency)

    def parts(self, repayment: models.Repayment) -> Any:
        found = everywhere(models.RepaymentPart).filter(repayment=repayment).select_related("entry", "recorded_by__user").order_by("pk")
        currency = repayment.transaction.currency
        rows = [
            (link(one, one.pk), Money(one.amount_minor, currency), one.reference, member_link(one.recorded_by), link(one.entry), one.at)
            for one in found
        ]
        return table("Part", "Amount", "Reference", "Recorded by", "Entry", "At", rows=rows)


@admin.register(models.RepaymentPart)
class RepaymentPartAdmin(ReadOnlyAdmin[models.RepaymentPart]):
    list_display = ["id", "company_link", "repayment", "entry", "amount_minor", "reference", "at"]
    search_fields = ["repayment__public_id", "reference"]


@admin.register(models.Comment)
class CommentAdmin(ReadOnlyAdmin[models.Comment]):
    list_display = ["public_id", "company_link", "about", "person", "at"]
    also_read = ["transaction", "card_request", "author__user"]
    search_fields = ["public_id", "transaction__public_id", "card_request__public_id", "author__user__email_key"]

    def about(self, comment: models.Comment) -> Any:
        return link(comment.transaction or comment.card_request)

    def person(self, comment: models.Comment) -> Any:
        return member_link(comment.author)
