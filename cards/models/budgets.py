"""Budgets: a tree of envelopes that cards and claims draw from, a leaf and every one above it."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from spendtrackr.ids import MachineTextField, PublicIdField
from spendtrackr.money import Money
from spendtrackr.tenancy import TenantManager, TenantModel, TenantQuerySet
from users.models import Membership


def ids_of(chain: str) -> list[int]:
    """The database ids in a chain, the leaf first."""
    return [int(pk) for pk in reversed(chain.split(".")) if pk]


# Percents of a budget whose crossing is told.
THRESHOLDS = (80, 100)


class BudgetInterval(models.TextChoices):
    """How often an envelope is filled anew. Quarters and years are the company's fiscal ones."""

    MONTH = "month", "Every month"
    QUARTER = "quarter", "Every quarter"
    YEAR = "year", "Every year"
    ONCE = "all_time", "Once"


class BudgetQuerySet(TenantQuerySet["Budget"]):
    def visible_to(self, member: Membership) -> BudgetQuerySet:
        """All for those who see budgets, else the ones that a member owns or belongs to."""
        if member.sees("budgets"):
            return self
        mine = BudgetMember.objects.filter(member=member).values("budget_id")
        return self.filter(Q(owner=member) | Q(pk__in=mine))

    def with_people(self) -> BudgetQuerySet:
        """All that a budget is shown with, in two queries for any number of budgets."""
        members = BudgetMember.objects.select_related("member__user").order_by("pk")
        return self.select_related("owner__user", "parent").prefetch_related(models.Prefetch("members", members))


BudgetManager = TenantManager.from_queryset(BudgetQuerySet)


class Budget(TenantModel):
    """An envelope. Its row is the lock for its counters. Its place in the tree is for good, so that locks have one order."""

    public_id = PublicIdField("bud")
    name = models.CharField(max_length=80)
    # How names compare (`companies.operations.category_key`).
    name_key = MachineTextField(max_length=80)
    parent = models.ForeignKey("self", models.PROTECT, null=True, related_name="+")
    # The database ids from the root down to this one, `3.17.240.`: a leaf is drawn from together with all of them.
    chain = MachineTextField(max_length=200, default="")
    owner = models.ForeignKey(Membership, models.PROTECT, related_name="+")
    currency = MachineTextField(max_length=3)
    limit_minor = models.BigIntegerField()
    interval = MachineTextField(max_length=10, choices=BudgetInterval, db_column="per_interval")
    # The month in which its fiscal years begin: the company's, as it was when the budget was made, so that windows never move.
    year_starts_month = models.PositiveSmallIntegerField(default=1)
    # A hard one declines what goes beyond it, a soft one only tells.
    is_hard = models.BooleanField()
    created_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)

    objects = BudgetManager()  # type: ignore[misc]
    across_companies = models.Manager.from_queryset(BudgetQuerySet)()  # type: ignore[misc]

    class Meta:
        db_table = "budgets"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["company", "name_key"], name="budgets_one_name"),
            models.CheckConstraint(condition=Q(limit_minor__gte=0), name="budgets_limit_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.public_id})"

    @property
    def limit(self) -> Money:
        return Money(self.limit_minor, self.currency)

    @property
    def owned_by(self) -> Membership:
        return self.owner

    @property
    def is_open(self) -> bool:
        return self.closed_at is None

    @property
    def chain_ids(self) -> list[int]:
        """Itself first, then every budget above it: the order in which they are locked."""
        return ids_of(self.chain)


class BudgetMember(TenantModel):
    """Somebody who may see a budget and ask for cards that draw from it."""

    budget = models.ForeignKey(Budget, models.PROTECT, related_name="members")
    member = models.ForeignKey(Membership, models.PROTECT, related_name="+")

    class Meta:
        db_table = "budget_members"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["budget", "member"], name="budget_members_once"),
        ]

    def __str__(self) -> str:
        return f"member {self.member_id} of budget {self.budget_id}"
