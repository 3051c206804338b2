"""Merchants that nobody bought from before."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from typing import Any

from django.db.models import Min, QuerySet

from reports.queries.spend import AXES, ITEMS, NOBODYS, SPEND, Part, names_of, narrowed, parts, reader, rows_behind
from reports.shape import Key, Measure, Question, Report, Row, added_up
from spendtrackr.money import Money
from spendtrackr.periods import Period, month_of
from transactions.models import DaySpend, Dimension, MonthSpend, MonthSpendWithin, SpendLine

MEASURES = (SPEND, ITEMS, Measure("first_day", "First day", "day"), Measure("first_by", "First bought by", "text"))
# The first line of a merchant: its day, and whose it is (a database id, None for nobody's).
Firsts = dict[int, tuple[date, int | None]]


def new_merchants(question: Question) -> Report:
    """Merchants whose first spend ever, of what the reader sees, lies in the period: the latest first.

    The rollups of months know in which month that was, so the cost depends on merchants and months; lines are read of first days alone.
    """
    firsts = _firsts(question.period, reader(question.member))
    found = _spent(question, firsts)
    merchants = names_of(Dimension.MERCHANT, {part.value_id for part in found})
    people = names_of(Dimension.MEMBER, {member for _, member in firsts.values() if member})
    rows = [_row(question, part, merchants[part.value_id], firsts[part.value_id], people) for part in found]
    rows.sort(key=lambda row: (-_day(row).toordinal(), row.keys[0].label, row.currency))
    return Report(
        name="new-merchants",
        axes=(AXES[Dimension.MERCHANT],),
        measures=MEASURES,
        rows=rows,
        totals=added_up(MEASURES, rows, frozenset({"spend", "items"})),
        period=question.period,
    )


def _firsts(period: Period, only: list[int] | None) -> Firsts:
    cells: QuerySet[Any] = MonthSpend.objects.all()
    if only is not None:
        cells = MonthSpendWithin.objects.filter(within=Dimension.MEMBER, within_id__in=only)
    months = cells.filter(dimension=Dimension.MERCHANT).exclude(value_id=0).values_list("value_id").annotate(first=Min("starts_on"))
    within = months.filter(first__gte=month_of(period.start).start, first__lt=period.end).order_by()
    days = _first_days({merchant for merchant, _ in within}, month_of(period.start).start, period.end, only)
    return _first_lines({merchant: day for merchant, day in days if day in period}, only)


def _first_days(merchants: set[int], start: date, end: date, only: list[int] | None) -> Iterable[tuple[int, date]]:
    if only is not None:
        lines = SpendLine.objects.filter(merchant__in=merchants, member__in=only, day__gte=start, day__lt=end)
        return lines.values_list("merchant_id").annotate(first=Min("day")).order_by()
    cells = DaySpend.objects.filter(dimension=Dimension.MERCHANT, value_id__in=merchants, starts_on__gte=start, starts_on__lt=end)
    return cells.values_list("value_id").annotate(first=Min("starts_on")).order_by()


def _first_lines(days: dict[int, date], only: list[int] | None) -> Firsts:
    lines = SpendLine.objects.filter(merchant__in=days, day__in=set(days.values()))
    if only is not None:
        lines = lines.filter(member__in=only)
    found: Firsts = {}
    for merchant, day, member in lines.order_by("day", "pk").values_list("merchant_id", "day", "member_id"):
        if day == days[merchant]:
            found.setdefault(merchant, (day, member))
    return found


def _spent(question: Question, firsts: Firsts) -> list[Part]:
    """What each came to in the period, one part a merchant and currency."""
    sums: dict[tuple[str, int], list[int]] = defaultdict(lambda: [0, 0])
    for part in parts(question.period, Dimension.MERCHANT, of=narrowed(question)):
        if part.value_id in firsts and question.currency in {"", part.currency}:
            both = sums[part.currency, part.value_id]
            both[0] += part.items
            both[1] += part.amount_minor
    return [Part(question.period.start, *cell, *both) for cell, both in sums.items()]


def _row(question: Question, part: Part, merchant: Key, first: tuple[date, int | None], people: dict[int, Key]) -> Row:
    day, member = first
    by = people[member].label if member else NOBODYS[Dimension.MEMBER]
    return Row(
        keys=(merchant,),
        values=(Money(part.amount_minor, part.currency), part.items, day, by),
        currency=part.currency,
        href=rows_behind(question.period, part.currency, {Dimension.MERCHANT: merchant.id}),
    )


def _day(row: Row) -> date:
    day = row.values[2]
    assert isinstance(day, date)
    return day
