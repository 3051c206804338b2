"""How a transaction is booked beyond one category: the parts that it is split into, and the tags that it carries."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from cards.models import Budget
from companies.models import Category, Department, Tag
from spendtrackr.money import Money
from spendtrackr.tenancy import TenantModel
from transactions.models.purchases import Transaction


class Split(TenantModel):
    """One part of a transaction, booked by itself. Written under the lock of the transaction.

    `share_minor` is what somebody said, and what the parts are in proportion to each other; `amount_minor` what that comes to of the
    transaction's amount as it is now, to the minor unit (largest remainder). `posted_minor` is what the part's own budget counts of it,
    in the period of the purchase; a part without a budget of its own stays on the transaction's.
    """

    transaction = models.ForeignKey(Transaction, models.PROTECT, related_name="splits")
    position = models.PositiveSmallIntegerField()
    share_minor = models.BigIntegerField()
    amount_minor = models.BigIntegerField()
    category = models.ForeignKey(Category, models.PROTECT, null=True, related_name="+")
    department = models.ForeignKey(Department, models.PROTECT, null=True, related_name="+")
    budget = models.ForeignKey(Budget, models.PROTECT, null=True, db_constraint=False, related_name="+")
    posted_minor = models.BigIntegerField(default=0)
    memo = models.CharField(max_length=200, default="")
    tax_code = models.CharField(max_length=20, default="")
    tax_minor = models.BigIntegerField(null=True)
    # Of a line of a claim: when and where the money was spent.
    spent_on = models.DateField(null=True)
    descriptor = models.CharField(max_length=120, default="")

    vouched_for_by = "transaction"

    class Meta:
        db_table = "splits"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["transaction", "position"], name="splits_one_position"),
            models.CheckConstraint(condition=~models.Q(share_minor=0), name="splits_of_something"),
            models.CheckConstraint(condition=models.Q(posted_minor__gte=0), name="splits_posted_not_negative"),
        ]
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["budget", "transaction"], name="splits_of_budget")]

    def __str__(self) -> str:
        return f"part {self.position} of transaction {self.transaction_id}"

    @property
    def amount(self) -> Money:
        return Money(self.amount_minor, self.transaction.currency)

    @property
    def tax(self) -> Money | None:
        return None if self.tax_minor is None else Money(self.tax_minor, self.transaction.currency)


class Tagging(TenantModel):
    """A transaction carries a tag."""

    transaction = models.ForeignKey(Transaction, models.PROTECT, related_name="taggings")
    tag = models.ForeignKey(Tag, models.PROTECT, related_name="+")

    class Meta:
        db_table = "taggings"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["transaction", "tag"], name="taggings_once"),
        ]

    def __str__(self) -> str:
        return f"tag {self.tag_id} on transaction {self.transaction_id}"
