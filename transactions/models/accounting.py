"""What the accounting system was told of spend, batch by batch, and by which accounts."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from django.db import models

from companies.models import Category, Department
from spendtrackr.ids import MachineTextField, PublicIdField
from spendtrackr.money import Money
from spendtrackr.tenancy import AppendOnlyModel, TenantModel
from transactions.models.ledger import Entry, EntryKind
from transactions.models.purchases import Transaction
from transactions.models.spend import SpendLine
from users.models import Membership


class Side(models.TextChoices):
    """Where the money for spend came from: the account on the other side of a journal."""

    CARDS = "cards", "Cards"
    CLAIMS = "claims", "Owed to people"
    STATEMENTS = "statements", "Imported statements"
    REPAYMENTS = "repayments", "Repaid by people"


_SIDES = {
    EntryKind.CLAIM: Side.CLAIMS,
    EntryKind.CLAIM_VOID: Side.CLAIMS,
    EntryKind.IMPORT: Side.STATEMENTS,
    EntryKind.REPAYMENT: Side.REPAYMENTS,
}


def side_of(kind: str) -> Side:
    return _SIDES.get(EntryKind(kind), Side.CARDS)


class AccountingSettings(TenantModel):
    """How spend is written for the accounting system. One row a company, and the lock under which batches take turns."""

    public_id = PublicIdField("acs")
    # What was posted before is accounted for by other means; None: everything is exported.
    starts_on = models.DateField(null=True)
    # Whether what nobody has approved yet, or still misses something, is exported all the same.
    exports_unapproved = models.BooleanField(default=False)
    # Xero: under which tracking category cost centres are written, and what a line without tax carries as its rate.
    tracking_name = models.CharField(max_length=100, default="")
    untaxed_as = models.CharField(max_length=100, default="Tax Exempt")
    # JSON: `[{"currency", "side", "ledger_code"}]`, and `[{"code", "name", "ledger_code"}]`.
    clearing = models.TextField(default="[]")
    taxes = models.TextField(default="[]")

    class Meta:
        db_table = "accounting_settings"
        verbose_name_plural = "accounting settings"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["company"], name="accounting_settings_one_per_company"),
        ]

    def __str__(self) -> str:
        return f"accounting settings of company {self.company_id}"

    @property
    def clearing_accounts(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.clearing)
        return found

    @property
    def tax_names(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.taxes)
        return found

    def clearing_code(self, currency: str, side: Side) -> str:
        """The account on the other side; blank where none is named."""
        found = (row for row in self.clearing_accounts if (row["currency"], row["side"]) == (currency, side))
        return str(next((row["ledger_code"] for row in found), ""))


class BatchStatus(models.TextChoices):
    EXPORTED = "exported"
    FAILED = "failed"


class AccountingBatch(TenantModel):
    """What was ready of one currency, exported together."""

    public_id = PublicIdField("acb")
    # From one on, company by company: what journals are numbered by.
    sequence = models.PositiveIntegerField()
    currency = MachineTextField(max_length=3)
    # Posting days, both included; without a first one from the beginning.
    first_day = models.DateField(null=True)
    last_day = models.DateField()
    status = MachineTextField(max_length=10, choices=BatchStatus, default=BatchStatus.EXPORTED)
    created_by = models.ForeignKey(Membership, models.PROTECT, related_name="+")
    created_at = models.DateTimeField()

    class Meta:
        db_table = "accounting_batches"
        verbose_name_plural = "accounting batches"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["company", "sequence"], name="accounting_batches_one_sequence"),
        ]

    def __str__(self) -> str:
        return f"{self.public_id} ({self.status})"

    @property
    def total(self) -> Money:
        """What its journals that stand come to. Of one that `queries.batches` read."""
        return Money(self.total_minor, self.currency)  # type: ignore[attr-defined]  # by the query


class AccountingMonth(TenantModel):
    """What stands of a batch in one month. Beside the month rollup, its lines say in which months some were not exported yet."""

    batch = models.ForeignKey(AccountingBatch, models.PROTECT, related_name="months")
    starts_on = models.DateField()
    currency = MachineTextField(max_length=3)
    line_count = models.BigIntegerField()
    journal_count = models.BigIntegerField()
    amount_minor = models.BigIntegerField()

    class Meta:
        db_table = "accounting_months"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["batch", "starts_on"], name="accounting_months_once"),
        ]

    def __str__(self) -> str:
        return f"{self.line_count} lines of {self.starts_on:%B %Y} in batch {self.batch_id}"


class AccountingJournal(TenantModel):
    """All that a batch says of one entry. The accounting system takes it or refuses it as a whole."""

    public_id = PublicIdField("jrn")
    batch = models.ForeignKey(AccountingBatch, models.PROTECT, related_name="journals")
    position = models.PositiveIntegerField()
    entry = models.ForeignKey(Entry, models.PROTECT, related_name="+")
    # Without a constraint: each insert would share the purchase's lock, and what clears on it would wait for the whole batch.
    transaction = models.ForeignKey(Transaction, models.PROTECT, db_constraint=False, related_name="+")
    day = models.DateField()
    # Its day was closed by then.
    is_late = models.BooleanField()
    amount_minor = models.BigIntegerField()
    status = MachineTextField(max_length=10, choices=BatchStatus, default=BatchStatus.EXPORTED)
    reason = models.CharField(max_length=300, default="")
    failed_by = models.ForeignKey(Membership, models.PROTECT, null=True, related_name="+")
    failed_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "accounting_journals"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["batch", "position"], name="accounting_journals_one_position"),
            models.UniqueConstraint(fields=["batch", "entry"], name="accounting_journals_one_entry"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["company", "is_late"], name="accounting_journals_late"),
            models.Index(fields=["company", "status"], name="accounting_journals_status"),
        ]

    def __str__(self) -> str:
        return f"{self.public_id} ({self.status})"

    @property
    def amount(self) -> Money:
        return Money(self.amount_minor, self.batch.currency)

    @property
    def is_standing(self) -> bool:
        return bool(self.status == BatchStatus.EXPORTED)


class AccountingRow(AppendOnlyModel):
    """One line of a journal, with the codes as they were: so much was booked to that account, or an earlier row is taken back."""

    journal = models.ForeignKey(AccountingJournal, models.PROTECT, related_name="rows")
    entry = models.ForeignKey(Entry, models.PROTECT, related_name="+")
    reverses = models.ForeignKey("self", models.PROTECT, null=True, related_name="+")
    category = models.ForeignKey(Category, models.PROTECT, related_name="+")
    department = models.ForeignKey(Department, models.PROTECT, null=True, related_name="+")
    ledger_code = models.CharField(max_length=100)
    cost_centre = models.CharField(max_length=80, default="")
    tax_code = models.CharField(max_length=20, default="")
    # Tax included; the tax is a part of it.
    amount_minor = models.BigIntegerField()
    tax_minor = models.BigIntegerField(default=0)
    clearing_code = models.CharField(max_length=100)
    description = models.CharField(max_length=700, default="")

    class Meta:
        db_table = "accounting_rows"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=~models.Q(amount_minor=0, tax_minor=0), name="accounting_rows_of_something"),
            models.CheckConstraint(
                condition=~models.Q(ledger_code="") & ~models.Q(clearing_code=""), name="accounting_rows_have_both_sides"
            ),
        ]

    def __str__(self) -> str:
        return f"row {self.pk}: {self.amount_minor} to {self.ledger_code}"


# While what a line says stands exported, then null: a line is in one batch at a time, on every engine.
STANDING_KEY = "standing"


class AccountedLine(TenantModel):
    """A spend line that a batch has taken into account. Of several that cancelled out before, no journal tells."""

    batch = models.ForeignKey(AccountingBatch, models.PROTECT, related_name="+")
    journal = models.ForeignKey(AccountingJournal, models.PROTECT, null=True, related_name="lines")
    spend_line = models.ForeignKey(SpendLine, models.PROTECT, related_name="+")
    standing_key = MachineTextField(max_length=8, null=True)

    class Meta:
        db_table = "accounted_lines"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["spend_line", "standing_key"], name="accounted_lines_once"),
        ]

    def __str__(self) -> str:
        return f"line {self.spend_line_id} in batch {self.batch_id}"
