"""Papers and permission: receipts of a purchase, and who said yes or no to it."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from spendtrackr.ids import MachineTextField, PublicIdField
from spendtrackr.tenancy import TenantModel
from transactions.models.purchases import Transaction
from users.models import Membership


class ReceiptType(models.TextChoices):
    PNG = "image/png"
    JPEG = "image/jpeg"
    PDF = "application/pdf"


class Receipt(TenantModel):
    """A document that proves a purchase. Taken off it stays on record, file and all."""

    public_id = PublicIdField("rcp")
    transaction = models.ForeignKey(Transaction, models.PROTECT, related_name="+")
    filename = models.CharField(max_length=120)
    content_type = MachineTextField(max_length=20, choices=ReceiptType)
    size = models.PositiveIntegerField()
    content_hash = MachineTextField(max_length=64)
    # The hash while attached, then null: the same file is attached once.
    attached_hash = MachineTextField(max_length=64, null=True)
    # Where Django's storage keeps it.
    stored_as = MachineTextField(max_length=200)
    uploaded_by = models.ForeignKey(Membership, models.PROTECT, null=True, related_name="+")
    uploaded_at = models.DateTimeField()
    removed_by = models.ForeignKey(Membership, models.PROTECT, null=True, related_name="+")
    removed_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "receipts"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["transaction", "attached_hash"], name="receipts_attached_once"),
        ]

    def __str__(self) -> str:
        return f"{self.public_id} ({self.content_type})"

    @property
    def owned_by(self) -> Membership | None:
        return self.transaction.owned_by


class ApprovalStatus(models.TextChoices):
    WAITING = "waiting"
    APPROVED = "approved"
    REJECTED = "rejected"
    VOID = "void"


class Approval(TenantModel):
    """One request for a yes, and what became of it. `seen` is the hash of what there was to see: kept in step while it waits."""

    public_id = PublicIdField("apr")
    transaction = models.ForeignKey(Transaction, models.PROTECT, related_name="approvals")
    status = MachineTextField(max_length=10, choices=ApprovalStatus)
    amount_minor = models.BigIntegerField()
    seen = MachineTextField(max_length=64)
    asked_by = models.ForeignKey(Membership, models.PROTECT, null=True, related_name="+")
    asked_at = models.DateTimeField()
    # None on an approved one: the company's rule approved it.
    decided_by = models.ForeignKey(Membership, models.PROTECT, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=500, default="")
    # "open" while it waits, then null: at most one waits for a purchase, on every engine.
    open_key = MachineTextField(max_length=4, null=True)

    class Meta:
        db_table = "approvals"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["transaction", "open_key"], name="approvals_one_open"),
        ]

    def __str__(self) -> str:
        return f"{self.public_id} ({self.status})"

    @property
    def owned_by(self) -> Membership:
        """Whose spend it is about. Never nobody's: an imported line without an owner needs no approval."""
        member: Membership | None = self.transaction.member
        assert member is not None
        return member
