"""Spend, added up. Everything comes from the rollups of spend lines, so page, API and ledger give one number."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from typing import Literal

from django.db.models import Max, QuerySet, Sum
from django.db.models.functions import TruncMonth

from companies.models import Category
from spendtrackr.money import Money
from spendtrackr.periods import Period, month_of
from transactions.models import DaySpend, MonthSpend, SpendLine
from users.models import Membership

GroupBy = Literal["month", "category"]
GROUPINGS: dict[str, GroupBy] = {"month": "month", "category": "category"}
UNCATEGORISED = "Uncategorised"


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
    """One group of a report: `key` is a month (`2026-03`) or a category's id, blank for uncategorised."""

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


def reader(member: Membership) -> Membership | None:
    """Whose spend a member may add up: everybody's (None) for those who see the company, else their own."""
    return None if member.sees_company else member


def cells(period: Period, *, only: Membership | None = None) -> list[Cell]:
    """Month by category by currency. Cost depends on the months and categories, not on how much was bought."""
    if only is not None:
        rows = _lines_of(only, period)
    elif period.is_whole_months:
        rows = _rollup(MonthSpend.objects.all(), period)
    else:
        rows = _rollup(DaySpend.objects.all(), period)
    categories = {category.pk: category for category in Category.objects.all()}
    return [
        Cell(month, categories.get(category_id or 0), Money(amount, currency), lines)
        for month, currency, category_id, lines, amount in rows
    ]


def _rollup(rows: QuerySet[MonthSpend] | QuerySet[DaySpend], period: Period) -> list[tuple[date, str, int, int, int]]:
    found = (
        rows.filter(starts_on__gte=period.start, starts_on__lt=period.end)
        .annotate(month=TruncMonth("starts_on"))
        .values_list("month", "currency", "category_key")
        .annotate(n=Sum("line_count"), total=Sum("amount_minor"))
        .order_by("month", "currency", "category_key")
    )
    return list(found)


def _lines_of(member: Membership, period: Period) -> list[tuple[date, str, int, int, int]]:
    """One person's own spend, from their lines: rollups know no people."""
    sums: dict[tuple[date, str, int], list[int]] = defaultdict(lambda: [0, 0])
    mine = SpendLine.objects.filter(member=member, day__gte=period.start, day__lt=period.end)
    for day, currency, category_id, amount in mine.values_list("day", "currency", "category_id", "amount_minor").iterator(chunk_size=2000):
        cell = sums[day.replace(day=1), currency, category_id or 0]
        cell[0] += 1
        cell[1] += amount
    return [(month, currency, category, lines, amount) for (month, currency, category), (lines, amount) in sorted(sums.items())]


def spend(period: Period, group_by: GroupBy, *, only: Membership | None = None) -> SpendReport:
    """Spend by month (in order) or by category (largest first), with totals by currency."""
    sums: dict[tuple[str, str, str], list[int]] = defaultdict(lambda: [0, 0])
    totals: dict[str, int] = defaultdict(int)
    for cell in cells(period, only=only):
        key, label = _group(cell, group_by)
        row = sums[key, label, cell.spend.currency]
        row[0] += cell.spend.minor
        row[1] += cell.lines
        totals[cell.spend.currency] += cell.spend.minor
    rows = [SpendRow(key, label, Money(minor, currency), lines) for (key, label, currency), (minor, lines) in sums.items()]
    order = (lambda r: (r.key, r.spend.currency)) if group_by == "month" else (lambda r: (r.spend.currency, -r.spend.minor, r.label))
    return SpendReport(group_by, period, sorted(rows, key=order), [Money(minor, code) for code, minor in sorted(totals.items())])


def _group(cell: Cell, group_by: GroupBy) -> tuple[str, str]:
    if group_by == "month":
        return f"{cell.month:%Y-%m}", f"{cell.month:%B %Y}"
    return (cell.category.public_id if cell.category else ""), cell.label


def usual_period(today: date, *, only: Membership | None = None) -> Period:
    """The twelve months that end with this one; or with the last month that has any spend, when that is longer ago."""
    latest = (
        MonthSpend.objects.aggregate(day=Max("starts_on"))["day"]
        if only is None
        else SpendLine.objects.filter(member=only).aggregate(day=Max("day"))["day"]
    )
    this_month = month_of(today)
    end = month_of(latest).end if latest and latest < this_month.before().start else this_month.end
    return Period(Period(month_of(end).start, end).start.replace(year=end.year - 1), end)
