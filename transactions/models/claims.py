"""Money that people paid themselves and are paid back: claims, batches of payouts; and what they owe for what was rejected."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from spendtrackr.ids import MachineTextField, PublicIdField
from spendtrackr.money import Money
from spendtrackr.tenancy import AppendOnlyModel, TenantModel
from transactions.models.ledger import Entry
from transactions.models.purchases import Transaction
from users.models import Membership


class Claim(TenantModel):
    """What a transaction of the source `claim` has besides: how money paid in another currency became the company's.

    The amount that was paid stands on the transaction as the merchant's, `Transaction.merchant_amount`.
    """

    transaction = models.OneToOneField(Transaction, models.PROTECT, related_name="claim_details")
    # So many units of the company's currency for one that was paid, as it was written; blank where both are the same.
    rate = MachineTextField(max_length=30, default="")
    created_at = models.DateTimeField()

    class Meta:
        db_table = "claims"

    def __str__(self) -> str:
        return f"claim of transaction {self.transaction_id}"


class ReimbursementStatus(models.TextChoices):
    OPEN = "open"
    PAID = "paid"
    CANCELLED = "cancelled"


class PaidFrom(models.TextChoices):
    """Where the money of a batch comes from: the company's bank, or what is available on its account here."""

    BANK = "bank", "the company’s bank"
    BALANCE = "balance", "the balance here"


class Reimbursement(TenantModel):
    """A batch of approved claims that are paid together, once."""

    public_id = PublicIdField("rmb")
    currency = MachineTextField(max_length=3)
    status = MachineTextField(max_length=10, choices=ReimbursementStatus, default=ReimbursementStatus.OPEN)
    created_by = models.ForeignKey(Membership, models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    paid_from = MachineTextField(max_length=10, choices=PaidFrom, default="")
    # Of the transfer at the bank.
    reference = models.CharField(max_length=120, default="")
    ended_by = models.ForeignKey(Membership, models.PROTECT, null=True, related_name="+")
    ended_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "reimbursements"
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["company", "status"], name="reimbursements_by_status")]

    def __str__(self) -> str:
        return f"{self.public_id} ({self.status})"

    @property
    def total(self) -> Money:
        """What the payouts that stand come to. Of one that `queries.reimbursements` read."""
        return Money(self.total_minor, self.currency)  # type: ignore[attr-defined]  # by the query


class PayoutStatus(models.TextChoices):
    READY = "ready"
    PAID = "paid"
    FAILED = "failed"
    REMOVED = "removed"


# While a payout stands, then null: a claim is in one payout at a time, on every engine.
LIVE_KEY = "live"


class Payout(TenantModel):
    """One claim in a batch. A payout that failed or was taken out stays on record; its claim may be gathered again."""

    public_id = PublicIdField("pay")
    reimbursement = models.ForeignKey(Reimbursement, models.PROTECT, related_name="payouts")
    transaction = models.ForeignKey(Transaction, models.PROTECT, related_name="payouts")
    member = models.ForeignKey(Membership, models.PROTECT, related_name="+")
    amount_minor = models.BigIntegerField()
    status = MachineTextField(max_length=10, choices=PayoutStatus, default=PayoutStatus.READY)
    live_key = MachineTextField(max_length=4, null=True)
    # Why it failed.
    reason = models.CharField(max_length=300, default="")
    ended_by = models.ForeignKey(Membership, models.PROTECT, null=True, related_name="+")
    ended_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "payouts"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["transaction", "live_key"], name="payouts_one_live"),
            models.CheckConstraint(condition=models.Q(amount_minor__gt=0), name="payouts_amount_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.public_id} ({self.status})"

    @property
    def amount(self) -> Money:
        return Money(self.amount_minor, self.reimbursement.currency)

    @property
    def stands(self) -> bool:
        """Neither taken out nor failed: its claim is being paid, or is paid."""
        return self.live_key is not None


class RepaymentStatus(models.TextChoices):
    OPEN = "open"
    REPAID = "repaid"
    WAIVED = "waived"


class Repayment(TenantModel):
    """What an owner is asked to give back for a purchase that was rejected: what it came to, less what came back of it."""

    public_id = PublicIdField("rpy")
    transaction = models.OneToOneField(Transaction, models.PROTECT, related_name="repayment")
    member = models.ForeignKey(Membership, models.PROTECT, related_name="+")
    status = MachineTextField(max_length=10, choices=RepaymentStatus, default=RepaymentStatus.OPEN)
    # The sum of what was repaid, kept under the transaction's lock.
    repaid_minor = models.BigIntegerField(default=0)
    opened_at = models.DateTimeField()
    # Why it was waived. Without somebody: what it was for came back by the merchant.
    reason = models.CharField(max_length=300, default="")
    ended_by = models.ForeignKey(Membership, models.PROTECT, null=True, related_name="+")
    ended_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "repayments"
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["company", "status", "member"], name="repayments_by_status")]

    def __str__(self) -> str:
        return f"{self.public_id} ({self.status})"

    @property
    def owned_by(self) -> Membership:
        return self.member


class RepaymentPart(AppendOnlyModel):
    """So much was given back, by an entry of the ledger."""

    repayment = models.ForeignKey(Repayment, models.PROTECT, related_name="parts")
    entry = models.OneToOneField(Entry, models.PROTECT, related_name="+")
    amount_minor = models.BigIntegerField()
    reference = models.CharField(max_length=120, default="")
    recorded_by = models.ForeignKey(Membership, models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        db_table = "repayment_parts"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=models.Q(amount_minor__gt=0), name="repayment_parts_amount_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.amount_minor} of repayment {self.repayment_id}"

    @property
    def amount(self) -> Money:
        return Money(self.amount_minor, self.repayment.transaction.currency)
