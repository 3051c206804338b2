"""Papers: the file that somebody uploaded, and the purchases that it proves."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from spendtrackr.ids import MachineTextField, PublicIdField
from spendtrackr.money import Money
from spendtrackr.tenancy import TenantManager, TenantModel, TenantQuerySet
from transactions.models.purchases import Transaction
from users.models import Membership


class ReceiptType(models.TextChoices):
    PNG = "image/png"
    JPEG = "image/jpeg"
    PDF = "application/pdf"


class ReceiptQuerySet(TenantQuerySet["Receipt"]):
    def attached_to(self, purchase: Transaction) -> ReceiptQuerySet:
        return self.filter(attachments__transaction=purchase, attachments__attached_hash__isnull=False)


ReceiptManager = TenantManager.from_queryset(ReceiptQuerySet)


class Receipt(TenantModel):
    """A document that somebody uploaded. It proves none, one or several purchases (`Attachment`); removed it stays on record, file and all.

    Its row is the lock of its attachments, taken before those of the purchases.
    """

    public_id = PublicIdField("rcp")
    filename = models.CharField(max_length=120)
    content_type = MachineTextField(max_length=20, choices=ReceiptType)
    size = models.PositiveIntegerField()
    content_hash = MachineTextField(max_length=64)
    # Where Django's storage keeps it.
    stored_as = MachineTextField(max_length=200)
    # What is on it, as far as somebody said.
    amount_minor = models.BigIntegerField(null=True)
    currency = MachineTextField(max_length=3, default="")
    spent_on = models.DateField(null=True)
    merchant_name = models.CharField(max_length=120, default="")
    # To how many purchases it is attached, kept under this row's lock. With none it lies in its uploader's inbox.
    transaction_count = models.PositiveSmallIntegerField(default=0)
    uploaded_by = models.ForeignKey(Membership, models.PROTECT, null=True, related_name="+")
    uploaded_at = models.DateTimeField()
    removed_by = models.ForeignKey(Membership, models.PROTECT, null=True, related_name="+")
    removed_at = models.DateTimeField(null=True)

    objects = ReceiptManager()  # type: ignore[misc]
    across_companies = models.Manager.from_queryset(ReceiptQuerySet)()  # type: ignore[misc]

    class Meta:
        db_table = "receipts"
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["uploaded_by", "transaction_count"], name="receipts_inbox"),
            models.Index(fields=["company", "content_hash"], name="receipts_by_content"),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=models.Q(amount_minor__isnull=True) | models.Q(amount_minor__gt=0), name="receipts_amount_positive"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.public_id} ({self.content_type})"

    @property
    def owned_by(self) -> Membership | None:
        """Whose it is, for the table of permissions: what is done to a purchase with it is asked of the purchase."""
        return self.uploaded_by

    @property
    def amount(self) -> Money | None:
        return None if self.amount_minor is None else Money(self.amount_minor, self.currency)


class Attachment(TenantModel):
    """A receipt proves a purchase. Taken off it stays on record: only its end is written, once."""

    receipt = models.ForeignKey(Receipt, models.PROTECT, related_name="attachments")
    transaction = models.ForeignKey(Transaction, models.PROTECT, related_name="+")
    # The receipt's hash while attached, then null: the same file is attached once.
    attached_hash = MachineTextField(max_length=64, null=True)
    # No constraints in the database: an insert would wait for whoever moves people, who waits for the purchase; `verify` checks them.
    attached_by = models.ForeignKey(Membership, models.PROTECT, null=True, db_constraint=False, related_name="+")
    attached_at = models.DateTimeField()
    removed_by = models.ForeignKey(Membership, models.PROTECT, null=True, db_constraint=False, related_name="+")
    removed_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "receipt_attachments"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["transaction", "attached_hash"], name="receipt_attachments_once"),
            models.CheckConstraint(
                condition=models.Q(attached_hash__isnull=False, removed_at__isnull=True)
                | models.Q(attached_hash__isnull=True, removed_at__isnull=False),
                name="receipt_attachments_ended",
            ),
        ]

    def __str__(self) -> str:
        return f"receipt {self.receipt_id} on transaction {self.transaction_id}"
