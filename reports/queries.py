"""Spend, added up. Everything comes from the rollups of spend lines, so page, API and ledger give one number."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from django.db.models import Max, Min, QuerySet, Sum
from django.db.models.functions import TruncMonth

from cards.models import Budget, Card
from companies.models import Category, Department
from spendtrackr.money import Money
from spendtrackr.periods import Period, month_of
from transactions.models import DaySpend, Dimension, Merchant, MonthSpend, SpendLine
from users.models import Membership

GroupBy = Literal["month", "category", "department", "member", "card", "merchant", "budget"]
GROUPINGS: dict[str, GroupBy] = {
    "month": "month",
    "category": "category",
    "department": "department",
    "member": "member",
    "card": "card",
    "merchant": "merchant",
    "budget": "budget",
}
UNCATEGORISED = "Uncategorised"
# What spend without a value is called.
NOBODYS: dict[str, str] = {
    Dimension.CATEGORY: UNCATEGORISED,
    Dimension.DEPARTMENT: "No department",
    Dimension.MEMBER: "Nobody",
    Dimension.CARD: "No card",
    Dimension.MERCHANT: "No merchant given",
    Dimension.BUDGET: "No budget",
}


@dataclass(frozen=True, slots=True)
class Cell:
    """Spend of one month in one category and currency. `category` None is spend that nobody has coded."""

    month: date
    category: Category | None
    spend: Money
    lines: int

    @property
    def label(self) -> str:
        return self.category.name if self.category else UNCATEGORISED


@dataclass(frozen=True, slots=True)
class SpendRow:
    """One group of a report: `key` is a month (`2026-03`) or the id of what it groups by, blank where there is none."""

    key: str
    label: str
    spend: Money
    lines: int


@dataclass(frozen=True, slots=True)
class SpendReport:
    """Spend of a period in groups. Currencies stand side by side and are never added to each other."""

    group_by: GroupBy
    period: Period
    rows: list[SpendRow]
    totals: list[Money]


@dataclass(frozen=True, slots=True)
class Part:
    """One month's sum of one value of a dimension. `value_id` is a database id, 0 for none."""

    month: date
    currency: str
    value_id: int
    items: int
    amount_minor: int


def reader(member: Membership) -> list[int] | None:
    """Whose spend a member may add up, as database ids: everybody's (None), else their own and that of the people below."""
    return None if member.sees("reports") else member.team


def parts(period: Period, dimension: str, *, only: list[int] | None = None) -> list[Part]:
    """Sums by month, currency and value. Without `only` the cost depends on months and values, not on how much was bought."""
    rows: QuerySet[Any]
    if only is not None:
        rows = SpendLine.objects.filter(member__in=only, day__gte=period.start, day__lt=period.end)
        day, value, items = "day", f"{dimension}_id", "counts"
    else:
        rollup = MonthSpend if period.is_whole_months else DaySpend
        rows = rollup.objects.filter(dimension=dimension, starts_on__gte=period.start, starts_on__lt=period.end)
        day, value, items = "starts_on", "value_id", "item_count"
    sums = (
        rows.annotate(month=TruncMonth(day))
        .values_list("month", "currency", value)
        .annotate(n=Sum(items), total=Sum("amount_minor"))
        .order_by("month", "currency", value)
    )
    return [Part(month, currency, value_id or 0, n, total) for month, currency, value_id, n, total in sums]


def cells(period: Period, *, only: list[int] | None = None) -> list[Cell]:
    """Month by category by currency."""
    categories = {category.pk: category for category in Category.objects.all()}
    return [
        Cell(part.month, categories.get(part.value_id), Money(part.amount_minor, part.currency), part.items)
        for part in parts(period, Dimension.CATEGORY, only=only)
    ]


def spend(period: Period, group_by: GroupBy, *, only: list[int] | None = None) -> SpendReport:
    """Spend by month (in order) or by anything else (largest first), with totals by currency."""
    dimension = Dimension.CATEGORY if group_by == "month" else Dimension(group_by)
    found = parts(period, dimension, only=only)
    named = _by_month if group_by == "month" else _by_value(dimension, found)
    sums: dict[tuple[str, str, str], list[int]] = defaultdict(lambda: [0, 0])
    totals: dict[str, int] = defaultdict(int)
    for part in found:
        row = sums[*named(part), part.currency]
        row[0] += part.amount_minor
        row[1] += part.items
        totals[part.currency] += part.amount_minor
    rows = [SpendRow(key, label, Money(minor, currency), items) for (key, label, currency), (minor, items) in sums.items()]
    order = (lambda r: (r.key, r.spend.currency)) if group_by == "month" else (lambda r: (r.spend.currency, -r.spend.minor, r.label))
    return SpendReport(group_by, period, sorted(rows, key=order), [Money(minor, code) for code, minor in sorted(totals.items())])


def _by_month(part: Part) -> tuple[str, str]:
    return f"{part.month:%Y-%m}", f"{part.month:%B %Y}"


def _by_value(dimension: Dimension, found: list[Part]) -> Callable[[Part], tuple[str, str]]:
    """Public ids and names of the values that occur, in one query."""
    rows, name = _NAMES[dimension]
    values: dict[int, Any] = rows().in_bulk({part.value_id for part in found} - {0})
    nothing = ("", NOBODYS[dimension])
    return lambda part: (values[part.value_id].public_id, name(values[part.value_id])) if part.value_id else nothing


_NAMES: dict[Dimension, tuple[Callable[[], QuerySet[Any]], Callable[[Any], str]]] = {
    Dimension.CATEGORY: (Category.objects.all, lambda category: category.name),
    Dimension.DEPARTMENT: (Department.objects.all, lambda department: department.name),
    Dimension.MEMBER: (lambda: Membership.objects.select_related("user"), lambda member: member.user.name),
    Dimension.CARD: (Card.objects.all, lambda card: f"{card.name} •• {card.last4}"),
    Dimension.MERCHANT: (Merchant.objects.all, lambda merchant: merchant.name),
    Dimension.BUDGET: (Budget.objects.all, lambda budget: budget.name),
}


def first_day(*, only: list[int] | None = None) -> date | None:
    """The first day with spend, or the first of its month."""
    rows: QuerySet[Any] = MonthSpend.objects.filter(dimension=Dimension.CATEGORY)
    if only is not None:
        rows = SpendLine.objects.filter(member__in=only)
    found: date | None = rows.aggregate(day=Min("starts_on" if only is None else "day"))["day"]
    return found


def usual_period(today: date, *, only: list[int] | None = None) -> Period:
    """The twelve months that end with this one; or with the last month that has any spend, when that is longer ago."""
    latest = (
        MonthSpend.objects.filter(dimension=Dimension.CATEGORY).aggregate(day=Max("starts_on"))["day"]
        if only is None
        else SpendLine.objects.filter(member__in=only).aggregate(day=Max("day"))["day"]
    )
    this_month = month_of(today)
    end = month_of(latest).end if latest and latest < this_month.before().start else this_month.end
    return Period(Period(month_of(end).start, end).start.replace(year=end.year - 1), end)
