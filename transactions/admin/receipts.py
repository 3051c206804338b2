"""Papers: what was uploaded, and what it is attached to."""

from __future__ import annotations

from typing import Any

from django.contrib import admin

from spendtrackr.admin import ReadOnlyAdmin, everywhere, link, table
from transactions import models
from users.admin import member_link


@admin.register(models.Receipt)
class ReceiptAdmin(ReadOnlyAdmin[models.Receipt]):
    """What is on record of a receipt. The file itself is the company's: no link leads there."""

    list_display = ["public_id", "company_link", "transaction_count", "content_type", "size", "uploaded_by", "uploaded_at", "removed_at"]
    list_filter = ["content_type"]
    search_fields = ["public_id", "attachments__transaction__public_id", "stored_as", "content_hash"]
    panels = ["attachments"]

    def attachments(self, receipt: models.Receipt) -> Any:
        found = everywhere(models.Attachment).filter(receipt=receipt).order_by("pk")
        found = found.select_related("transaction", "attached_by__user", "removed_by__user")
        rows = [
            (
                link(a.transaction),
                member_link(a.attached_by),
                a.attached_at,
                member_link(a.removed_by),
                a.removed_at,
            )
            for a in found
        ]
        return table("Transaction", "By", "Attached", "By", "Removed", rows=rows)


@admin.register(models.Attachment)
class AttachmentAdmin(ReadOnlyAdmin[models.Attachment]):
    list_display = ["id", "company_link", "receipt", "transaction", "attached_by", "attached_at", "removed_by", "removed_at"]
    search_fields = ["receipt__public_id", "transaction__public_id"]
