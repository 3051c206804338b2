"""The double-entry ledger: five accounts a company and currency, and entries whose postings move money between them."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from spendtrackr.ids import MachineTextField, PublicIdField
from spendtrackr.money import Money
from spendtrackr.tenancy import AppendOnlyModel, TenantModel


class Account(models.TextChoices):
    """`external` is the bank, `owed` what we owe to people (below zero: we owe them)."""

    EXTERNAL = "external"
    AVAILABLE = "available"
    HELD = "held"
    SPENT = "spent"
    OWED = "owed"


class FundingAccount(TenantModel):
    """The five running balances of one company in one currency. Written under its row lock only, and last of all rows."""

    public_id = PublicIdField("acct")
    currency = MachineTextField(max_length=3)
    external_minor = models.BigIntegerField(default=0)
    available_minor = models.BigIntegerField(default=0)
    held_minor = models.BigIntegerField(default=0)
    spent_minor = models.BigIntegerField(default=0)
    owed_minor = models.BigIntegerField(default=0)
    # How far requests may push `available` below zero. Facts may push it without bound.
    credit_minor = models.BigIntegerField(default=0)
    # Set while the company is suspended: the approving UPDATE tests it, so no approval can slip past a suspension.
    is_blocked = models.BooleanField(default=False)
    # The version of the company's block list: the approving UPDATE tests it too, so none slips past a change of the list either.
    rules_version = models.PositiveBigIntegerField(default=0)

    class Meta:
        db_table = "funding_accounts"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["company", "currency"], name="funding_accounts_one_currency"),
            models.CheckConstraint(
                condition=Q(external_minor=0 - F("available_minor") - F("held_minor") - F("spent_minor") - F("owed_minor")),
                name="funding_accounts_sum_to_zero",
            ),
            models.CheckConstraint(condition=Q(held_minor__gte=0), name="funding_accounts_held_not_negative"),
            models.CheckConstraint(condition=Q(credit_minor__gte=0), name="funding_accounts_credit_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.public_id} ({self.currency})"

    def balance(self, account: Account) -> Money:
        return Money(getattr(self, f"{account}_minor"), self.currency)

    @property
    def available(self) -> Money:
        return self.balance(Account.AVAILABLE)

    @property
    def held(self) -> Money:
        return self.balance(Account.HELD)

    @property
    def spent(self) -> Money:
        return self.balance(Account.SPENT)

    @property
    def credit(self) -> Money:
        return Money(self.credit_minor, self.currency)


class EntryKind(models.TextChoices):
    TOPUP = "topup", "Top-up"
    WITHDRAWAL = "withdrawal"
    APPROVAL = "approval"
    INCREMENT = "increment"
    ADVICE = "advice"
    FINANCIAL = "financial"
    CAPTURE = "capture"
    REVERSAL = "reversal"
    EXPIRY = "expiry"
    REFUND = "refund"
    REFUND_REVERSAL = "refund_reversal"
    FORCE_POST = "force_post"
    CHARGEBACK = "chargeback"
    CHARGEBACK_REVERSAL = "chargeback_reversal"
    IMPORT = "import"
    # Money that people paid themselves: approved, and an approval taken back.
    CLAIM = "claim"
    CLAIM_VOID = "claim_void", "Claim taken back"
    # Paid to them by the company's bank or from the balance, and what came back of that.
    PAYOUT = "payout"
    PAYOUT_FAILED = "payout_failed"
    BALANCE_PAYOUT = "balance_payout", "Payout from the balance"
    BALANCE_PAYOUT_FAILED = "balance_payout_failed", "Payout from the balance failed"
    # What an owner gave back of a purchase that was rejected.
    REPAYMENT = "repayment"


class Entry(AppendOnlyModel):
    """One happening in the ledger. It balances by construction, since each posting moves from one account to another."""

    public_id = PublicIdField("ent")
    # Without an index of its own: those by day and by instant begin with the company and it.
    account = models.ForeignKey(FundingAccount, models.PROTECT, db_constraint=False, db_index=False, related_name="entries")
    kind = MachineTextField(max_length=30, choices=EntryKind)
    transaction = models.ForeignKey("transactions.Transaction", models.PROTECT, null=True, related_name="+")
    message = models.ForeignKey("transactions.Message", models.PROTECT, null=True, related_name="+")
    at = models.DateTimeField()
    day = models.DateField()
    # SHA-256 of what the entry moved, so that `verify` can name a posting that was changed behind our back.
    digest = MachineTextField(max_length=64)

    class Meta:
        db_table = "entries"
        verbose_name_plural = "entries"
        indexes: ClassVar[list[models.Index]] = [
            # A statement and a balance of the past read what happened since.
            models.Index(fields=["company", "account", "day"], name="entries_by_day"),
            models.Index(fields=["company", "account", "at"], name="entries_by_instant"),
        ]

    def __str__(self) -> str:
        return f"{self.public_id} ({self.kind})"


class Posting(AppendOnlyModel):
    """Money moved from one account to another."""

    entry = models.ForeignKey(Entry, models.PROTECT, related_name="postings")
    account = models.ForeignKey(FundingAccount, models.PROTECT, db_constraint=False, related_name="+")
    from_account = MachineTextField(max_length=10, choices=Account)
    to_account = MachineTextField(max_length=10, choices=Account)
    amount_minor = models.BigIntegerField()

    class Meta:
        db_table = "postings"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="postings_amount_positive"),
            models.CheckConstraint(condition=~Q(from_account=F("to_account")), name="postings_two_accounts"),
        ]

    def __str__(self) -> str:
        return f"posting {self.pk}: {self.amount_minor} {self.from_account} to {self.to_account}"
