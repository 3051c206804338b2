"""What reports add up: one line for every posting into or out of `spent`, and its sums by day and by month."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models

from cards.models import Budget, Card
from companies.models import Category, Department
from spendtrackr.ids import MachineTextField
from spendtrackr.tenancy import AppendOnlyModel, TenantModel
from transactions.models.ledger import Entry
from transactions.models.purchases import Merchant, Transaction
from users.models import Membership


class Dimension(models.TextChoices):
    """What spend is cut by. The value is the name of the spend line's relation."""

    CATEGORY = "category"
    DEPARTMENT = "department"
    MEMBER = "member"
    CARD = "card"
    MERCHANT = "merchant"
    BUDGET = "budget"


class SpendLine(AppendOnlyModel):
    """Spend on its posting day with all its dimensions. Below zero for refunds and credits."""

    entry = models.ForeignKey(Entry, models.PROTECT, related_name="+")
    transaction = models.ForeignKey(Transaction, models.PROTECT, related_name="+")
    day = models.DateField()
    currency = MachineTextField(max_length=3)
    amount_minor = models.BigIntegerField()
    # Each dimension has an index with the day, which serves its foreign key too.
    category = models.ForeignKey(Category, models.PROTECT, null=True, db_index=False, related_name="+")
    member = models.ForeignKey(Membership, models.PROTECT, null=True, db_index=False, related_name="+")
    card = models.ForeignKey(Card, models.PROTECT, null=True, db_index=False, related_name="+")
    merchant = models.ForeignKey(Merchant, models.PROTECT, null=True, db_index=False, related_name="+")
    department = models.ForeignKey(Department, models.PROTECT, null=True, db_index=False, related_name="+")
    budget = models.ForeignKey(Budget, models.PROTECT, null=True, db_constraint=False, db_index=False, related_name="+")
    # How many happenings the line stands for: 1, and -1 for a line that takes an earlier one back when it is coded anew.
    counts = models.SmallIntegerField(default=1)

    # What a line shares with its transaction was looked at when that was written.
    vouched_for_by = "transaction"

    class Meta:
        db_table = "spend_lines"
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["company", "day"], name="spend_lines_by_day"),
            *(models.Index(fields=[name, "day"], name=f"spend_lines_by_{name}") for name in Dimension.values),
        ]

    def __str__(self) -> str:
        return f"line {self.pk}: {self.amount_minor} {self.currency} on {self.day}"

    @classmethod
    def of(cls, entry: Entry, purchase: Transaction, amount_minor: int, **other: Any) -> SpendLine:
        """A line, not saved yet, with the entry's day and all dimensions of the purchase, or `other` ones."""
        return cls(
            entry=entry,
            transaction=purchase,
            day=entry.day,
            currency=purchase.currency,
            amount_minor=amount_minor,
            member_id=purchase.member_id,
            card_id=purchase.card_id,
            merchant_id=purchase.merchant_id,
            **{"department_id": purchase.department_id, "budget_id": purchase.budget_id, "category_id": purchase.category_id, **other},
        )


class Rollup(TenantModel):
    """Lines and their sum, for one value of one dimension.

    Kept by upsert in the transaction that writes the lines, so it is exact when that commits.
    """

    starts_on = models.DateField()
    currency = MachineTextField(max_length=3)
    dimension = MachineTextField(max_length=10, choices=Dimension)
    # The value's database id, 0 for none: NULL would not be unique.
    value_id = models.BigIntegerField()
    # Every line, and so the version that a cached report could be keyed by.
    line_count = models.BigIntegerField()
    # What happened: lines less those that were taken back.
    item_count = models.BigIntegerField()
    amount_minor = models.BigIntegerField()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self._meta.db_table} {self.starts_on} {self.currency} {self.dimension} {self.value_id}"


class DaySpend(Rollup):
    """Days, for the ends of periods that begin or end within a month."""

    class Meta:
        db_table = "day_spend"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["company", "dimension", "starts_on", "currency", "value_id"], name="day_spend_one_cell"),
        ]


class MonthSpend(Rollup):
    """Months: twelve years of them are no more to read than twelve years have."""

    class Meta:
        db_table = "month_spend"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["company", "dimension", "starts_on", "currency", "value_id"], name="month_spend_one_cell"),
        ]


class MonthSpendWithin(Rollup):
    """Months of one value of another dimension: of the department `within_id`, what each category comes to.

    Reports that are narrowed by one dimension read these, as those that are not read `MonthSpend`. There are no days of them: the ends of
    such a period are added up from their lines.
    """

    within = MachineTextField(max_length=10, choices=Dimension)
    within_id = models.BigIntegerField()

    class Meta:
        db_table = "month_spend_within"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["company", "within", "within_id", "dimension", "starts_on", "currency", "value_id"],
                name="month_within_one_cell",
            ),
        ]
