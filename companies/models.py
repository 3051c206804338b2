"""The tenant, its departments, and the categories that its spend is cut into."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import ClassVar
from zoneinfo import ZoneInfo

from django.db import models

from companies.merchant_categories import range_text
from spendtrackr.ids import MachineTextField, PublicIdField
from spendtrackr.periods import local_day
from spendtrackr.tenancy import TenantManager, TenantModel, TenantQuerySet


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
    # A new time zone applies from the next day on; until then it waits here.
    next_time_zone = MachineTextField(max_length=60, default="")
    next_time_zone_on = models.DateField(null=True)

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

    def day_of(self, at: datetime) -> date:
        """The company's calendar day at an instant. Days never step back when the time zone changes."""
        today = local_day(at, self.time_zone)
        if self.next_time_zone_on is None or today < self.next_time_zone_on:
            return today
        return max(local_day(at, self.next_time_zone), self.next_time_zone_on)

    def zone_at(self, at: datetime) -> str:
        """The time zone in force at an instant."""
        waits = self.next_time_zone_on is None or local_day(at, self.time_zone) < self.next_time_zone_on
        return str(self.time_zone if waits else self.next_time_zone)

    def end_of(self, day: date) -> datetime:
        """The instant at which a company-local day is over, by the time zone that is in force on that day: `day_of` backwards."""
        tomorrow = day + timedelta(days=1)
        changes = self.next_time_zone_on is not None and tomorrow > self.next_time_zone_on
        return datetime.combine(tomorrow, time(0), ZoneInfo(self.next_time_zone if changes else self.time_zone)).astimezone(UTC)

    def morning_of(self, day: date) -> datetime:
        """Nine o'clock on a company-local day: when people are told what can wait until they are at work."""
        changes = self.next_time_zone_on is not None and day >= self.next_time_zone_on
        return datetime.combine(day, time(9), ZoneInfo(self.next_time_zone if changes else self.time_zone)).astimezone(UTC)

    @property
    def chosen_time_zone(self) -> str:
        """The time zone chosen last, in force or not."""
        return str(self.next_time_zone or self.time_zone)

    def time_zone_from(self, at: datetime) -> date | None:
        """The day from which the chosen time zone will apply; None once it does."""
        waits = self.next_time_zone_on is not None and local_day(at, self.time_zone) < self.next_time_zone_on
        return self.next_time_zone_on if waits else None


class Department(TenantModel):
    """A part of the company, perhaps inside a larger one."""

    public_id = PublicIdField("dep")
    name = models.CharField(max_length=80)
    name_key = MachineTextField(max_length=80)
    parent = models.ForeignKey("self", models.PROTECT, null=True, related_name="+")
    # What accounting calls it; blank where it goes by its name there.
    cost_centre = models.CharField(max_length=40, default="")
    created_at = models.DateTimeField()
    archived_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "departments"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["company", "name_key"], name="departments_one_name"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.public_id})"

    @property
    def is_archived(self) -> bool:
        return self.archived_at is not None

    @property
    def in_accounting(self) -> str:
        """Its cost centre: the code that was written for it, else its name."""
        return str(self.cost_centre or self.name)


class CategoryQuerySet(TenantQuerySet["Category"]):
    def with_codes(self) -> CategoryQuerySet:
        """With their ranges, in two queries for any number of categories."""
        return self.prefetch_related(models.Prefetch("codes", CategoryCodes.objects.order_by("first")))


CategoryManager = TenantManager.from_queryset(CategoryQuerySet)


class Category(TenantModel):
    """What money is spent on, with the account it is booked to in the general ledger."""

    public_id = PublicIdField("cat")
    name = models.CharField(max_length=80)
    name_key = MachineTextField(max_length=80)
    # A code, or as long as QuickBooks' names of accounts with those that they lie inside.
    ledger_code = models.CharField(max_length=100, default="")
    created_at = models.DateTimeField()
    archived_at = models.DateTimeField(null=True)

    objects = CategoryManager()  # type: ignore[misc]
    across_companies = models.Manager.from_queryset(CategoryQuerySet)()  # type: ignore[misc]

    class Meta:
        db_table = "categories"
        verbose_name_plural = "categories"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["company", "name_key"], name="categories_one_name"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.public_id})"

    @property
    def is_archived(self) -> bool:
        return self.archived_at is not None

    @property
    def merchant_categories(self) -> list[str]:
        """Its ranges of codes as people write them, in order where they were read by `with_codes`."""
        return [str(codes) for codes in self.codes.all()]


class Tag(TenantModel):
    """A word that transactions are marked with, across categories: a project, a client, a trip."""

    public_id = PublicIdField("tag")
    name = models.CharField(max_length=80)
    name_key = MachineTextField(max_length=80)
    created_at = models.DateTimeField()
    archived_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "tags"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["company", "name_key"], name="tags_one_name"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.public_id})"

    @property
    def is_archived(self) -> bool:
        return self.archived_at is not None


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
        return range_text(self.first, self.last)
