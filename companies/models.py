"""The tenant, and the categories that its spend is cut into."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from spendtrackr.ids import MachineTextField, PublicIdField
from spendtrackr.tenancy import TenantModel


class CompanyStatus(models.TextChoices):
    ACTIVE = "active"
    SUSPENDED = "suspended"
    CLOSED = "closed"


class Company(models.Model):
    """A company that spends. No counter, sequence or balance lives here: this row is never written on a business path."""

    public_id = PublicIdField("co")
    name = models.CharField(max_length=120)
    slug = MachineTextField(max_length=60, unique=True)
    country = MachineTextField(max_length=2)
    currency = MachineTextField(max_length=3)
    time_zone = MachineTextField(max_length=60)
    fiscal_year_start_month = models.PositiveSmallIntegerField(default=1)
    status = MachineTextField(max_length=10, choices=CompanyStatus, default=CompanyStatus.ACTIVE)
    founded_at = models.DateTimeField()

    class Meta:
        db_table = "companies"
        verbose_name_plural = "companies"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=models.Q(fiscal_year_start_month__gte=1, fiscal_year_start_month__lte=12), name="companies_fiscal_month"
            ),
        ]

    def __str__(self) -> str:
        return str(self.name)

    @property
    def is_active(self) -> bool:
        return bool(self.status == CompanyStatus.ACTIVE)


class Category(TenantModel):
    """What money is spent on, with the account it is booked to in the general ledger."""

    public_id = PublicIdField("cat")
    name = models.CharField(max_length=80)
    name_key = MachineTextField(max_length=80)
    ledger_code = models.CharField(max_length=40, default="")
    created_at = models.DateTimeField()

    class Meta:
        db_table = "categories"
        verbose_name_plural = "categories"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["company", "name_key"], name="categories_one_name"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.public_id})"


class CategoryCodes(TenantModel):
    """A range of merchant category codes (ISO 18245) whose purchases default to a category."""

    category = models.ForeignKey(Category, models.PROTECT, related_name="codes")
    first = MachineTextField(max_length=4)
    last = MachineTextField(max_length=4)

    class Meta:
        db_table = "category_codes"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["company", "first"], name="category_codes_one_start"),
            models.CheckConstraint(condition=models.Q(first__lte=models.F("last")), name="category_codes_in_order"),
        ]

    def __str__(self) -> str:
        return f"{self.first}-{self.last}"
