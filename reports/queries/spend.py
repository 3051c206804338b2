"""Spend, added up. Everything comes from the rollups of spend lines, so page, API and ledger give one number."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import F, Max, Min, Q, QuerySet, Sum
from django.db.models.functions import TruncMonth

from cards.models import Budget, BudgetInterval, Card
from companies.models import Category, Department
from reports.queries.lists import address
from reports.queries.remembered import remembered, spend_lines
from reports.shape import Axis, Booked, Key, Measure, Question, Report, Row, Value
from spendtrackr.money import Money
from spendtrackr.periods import Period, add_months, month_of
from transactions.models import DaySpend, Dimension, Merchant, MonthSpend, MonthSpendWithin, SpendLine
from users.models import Membership

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
MONTH = "month"
AXES: dict[str, Axis] = {MONTH: Axis(MONTH, "Month"), **{name: Axis(name, label) for name, label in Dimension.choices}}
# By month, by anything else, or both: `month,category`.
GROUPINGS: tuple[str, ...] = (MONTH, *Dimension.values, *(f"{MONTH},{name}" for name in Dimension.values))
BEFORE, LAST_YEAR, AGAINST_BUDGET = "before", "last_year", "budget"
COMPARISONS: tuple[str, ...] = (BEFORE, LAST_YEAR, AGAINST_BUDGET)
# In an address, what has no value.
NONE = "none"
# A value that somebody may add up and not see.
HIDDEN = Key("hidden", "Out of your sight")
# Values by dimension, as database ids: 0 for what has none.
Filters = Mapping[str, frozenset[int]]
Values = frozenset[int] | None

SPEND, ITEMS = Measure("spend", "Spend", "money"), Measure("items", "Items", "count")
_CHANGE = (Measure("change", "Change", "money"), Measure("percent", "Change in %", "percent"))
_COMPARED: dict[str, tuple[Measure, ...]] = {
    BEFORE: (Measure("before", "Period before", "money"), *_CHANGE),
    LAST_YEAR: (Measure("before", "Same period last year", "money"), *_CHANGE),
    AGAINST_BUDGET: (Measure("budget", "Budget", "money"), Measure("left", "Left", "money"), Measure("percent", "Used in %", "percent")),
}


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


def narrowed(question: Question) -> Filters:
    """What was asked for, of what its reader may see."""
    only = reader(question.member)
    if only is None:
        return question.of
    return {**question.of, Dimension.MEMBER: question.of.get(Dimension.MEMBER, frozenset(only)) & frozenset(only)}


def parts(period: Period, dimension: str, *, of: Filters | None = None, as_of: Callable[[], int] = spend_lines) -> list[Part]:
    """Sums by month, currency and value.

    Whole months come from the rollups: the cost depends on months and values, not on how much was bought. So does what is narrowed by one
    other dimension. Days at the ends of a period come from the day rollup. Of what is narrowed they come from its lines, as does all that
    is narrowed by several dimensions: those sums are remembered until another line is written. One statement in any case.
    """
    filters = dict(of or {})
    own = filters.pop(dimension, None)
    whole, ends = _split(period)
    if len(filters) > 1 or (filters and ends):
        asked = (period.start, period.end, dimension, sorted((name, sorted(values)) for name, values in (of or {}).items()))
        return remembered(asked, lambda: _added_up(whole, ends, dimension, own, filters), as_of=as_of)
    return _added_up(whole, ends, dimension, own, filters)


def _added_up(whole: Period | None, ends: list[Period], dimension: str, own: Values, filters: Filters) -> list[Part]:
    sums: dict[tuple[date, str, int], list[int]] = defaultdict(lambda: [0, 0])
    if whole and ends:
        cells = _of_months([whole], dimension, own, filters).union(_of_days(ends, dimension, own, filters), all=True)
    else:
        cells = _of_months([whole], dimension, own, filters) if whole else _of_days(ends, dimension, own, filters)
    for month, currency, value_id, items, minor in cells:
        both = sums[month.replace(day=1), currency, value_id or 0]
        both[0] += items
        both[1] += minor
    return [Part(*cell, *both) for cell, both in sorted(sums.items())]


def parts_of(question: Question, period: Period, dimension: str) -> list[Part]:
    """The same as a question is narrowed, read once for each period and dimension; whole months perhaps with a longer period."""
    read: dict[Period, list[Part]] = question.known.setdefault(("parts", dimension), {})
    if period not in read:
        longer = next((one for one in read if period.is_whole_months and one.start <= period.start and period.end <= one.end), None)
        cut = [part for part in read[longer] if part.month in period] if longer else None
        read[period] = parts(period, dimension, of=narrowed(question), as_of=lambda: _lines_known(question)) if cut is None else cut
    return read[period]


def _lines_known(question: Question) -> int:
    """How many lines there were when it was first asked: what is read later holds these, too."""
    if "lines" not in question.known:
        question.known["lines"] = spend_lines()
    lines: int = question.known["lines"]
    return lines


def _split(period: Period) -> tuple[Period | None, list[Period]]:
    """The whole months of a period, and what is before and after them."""
    first = period.start if period.start.day == 1 else month_of(period.start).end
    end = period.end.replace(day=1)
    if first >= end:
        return None, [period]
    return Period(first, end), [span for span in (Period(period.start, first), Period(end, period.end)) if span.start < span.end]


def _of_months(spans: list[Period], dimension: str, own: Values, filters: Filters) -> QuerySet[Any, Any]:
    if len(filters) > 1:
        return _of_lines(spans, dimension, own, filters)
    within = next(iter(filters), "")
    cells: QuerySet[Any] = MonthSpend.objects.all()
    if within:
        cells = MonthSpendWithin.objects.filter(within=within, within_id__in=filters[within])
    return _of_cells(cells, spans, dimension, own)


def _of_days(spans: list[Period], dimension: str, own: Values, filters: Filters) -> QuerySet[Any, Any]:
    """Both ends of a period together."""
    return _of_lines(spans, dimension, own, filters) if filters else _of_cells(DaySpend.objects.all(), spans, dimension, own)


def _of_cells(cells: QuerySet[Any], spans: list[Period], dimension: str, own: Values) -> QuerySet[Any, Any]:
    cells = cells.filter(_days_of(spans, "starts_on"), dimension=dimension)
    if own is not None:
        cells = cells.filter(value_id__in=own)
    months = cells.annotate(month=TruncMonth("starts_on")) if cells.model is DaySpend else cells.annotate(month=F("starts_on"))
    return _summed(months, "value_id", "item_count")


def _of_lines(spans: list[Period], dimension: str, own: Values, filters: Filters) -> QuerySet[Any, Any]:
    lines = SpendLine.objects.filter(_days_of(spans, "day"))
    for name, values in (*filters.items(), *([(dimension, own)] if own is not None else [])):
        lines = lines.filter(_among(f"{name}_id", values))
    return _summed(lines.annotate(month=TruncMonth("day")), f"{dimension}_id", "counts")


def _days_of(spans: list[Period], column: str) -> Q:
    return reduce(or_, (Q(**{f"{column}__gte": span.start, f"{column}__lt": span.end}) for span in spans))


def _summed(rows: QuerySet[Any], value: str, items: str) -> QuerySet[Any, Any]:
    sums: QuerySet[Any, Any] = rows.values_list("month", "currency", value).annotate(n=Sum(items), total=Sum("amount_minor")).order_by()
    return sums


def _among(column: str, values: frozenset[int]) -> Q:
    """In these, where 0 is a column without a value."""
    found = Q(**{f"{column}__in": values - {0}})
    return found | Q(**{f"{column}__isnull": True}) if 0 in values else found


def spend(question: Question) -> Report:
    """Spend by month (in order), by anything else (largest first), or by both; beside it, if asked for, what it is compared with."""
    axes = tuple(AXES[name] for name in question.options["group_by"].split(","))
    compare = question.options.get("compare", "")
    found = _cells(question, axes, question.period)
    before = _compared(question, axes, found, compare)
    is_whole = compares_with_whole(question, compare)
    keys = _keys(question, axes, {value for cell in (*found, *before) for value in cell.values if value})
    addresses = _Addresses(question, [axis.name for axis in axes])
    # Whole months that are told apart stand each beside a whole one, or beside nothing.
    is_told = is_whole or (axes[0].name == MONTH and question.period.is_whole_months)
    rows = []
    for cell in {**found, **before}:
        of = tuple(keys(axis.name, cell) for axis in axes)
        values = _values(found.get(cell, (0, 0)), before.get(cell), cell.currency, compare, is_whole=is_told)
        rows.append(Row(of, values, cell.currency, "" if HIDDEN in of else addresses.behind(cell, of[-1].id)))
    by_month = axes[0].name == MONTH
    rows.sort(key=lambda row: (row.keys[0].id if by_month else "", row.currency, -_minor(row), row.keys[-1].label))
    return Report(
        name="spend",
        axes=axes,
        measures=(SPEND, ITEMS, *_COMPARED.get(compare, ())),
        rows=rows,
        totals=_totals(found, before, compare, is_whole=is_whole),
        period=question.period,
        is_partial=not is_whole,
    )


@dataclass(frozen=True, slots=True)
class _Cell:
    """A place in a report: its month, if months are told apart, its value, if values are, and its currency."""

    month: date | None
    value_id: int | None
    currency: str

    @property
    def values(self) -> tuple[int, ...]:
        return (self.value_id,) if self.value_id else ()


Found = dict[_Cell, tuple[int, int]]


def _cells(question: Question, axes: Iterable[Axis], period: Period, *, forward: int = 0) -> Found:
    """Amounts and items. `forward` moves the months so far on, to stand beside those that they are compared with.

    Days may touch more months than as many days later: what is left over stands beside the last month of the period.
    """
    names = [axis.name for axis in axes]
    filters, latest = narrowed(question), month_of(question.period.last).start
    # Where months alone are told apart, any dimension adds up to them: one that is asked for needs no other to be narrowed by.
    dimension = next((name for name in names if name != MONTH), next(iter(filters), Dimension.CATEGORY))
    in_sight = _in_sight(question) if dimension in names and dimension == Dimension.BUDGET else None
    found: Found = {}
    for part in parts_of(question, period, dimension):
        if question.currency in {"", part.currency}:
            month = (min(add_months(part.month, forward), latest) if forward else part.month) if MONTH in names else None
            value = part.value_id if in_sight is None or part.value_id in in_sight else _OUT_OF_SIGHT
            cell = _Cell(month, value if len(names) > (MONTH in names) else None, part.currency)
            minor, items = found.get(cell, (0, 0))
            found[cell] = (minor + part.amount_minor, items + part.items)
    return {cell: both for cell, both in found.items() if both != (0, 0)}


# The value of whatever is added up and not seen, all of it in one row.
_OUT_OF_SIGHT = -1


def _in_sight(question: Question) -> set[int] | None:
    """The budgets that the reader may see, and none at all; None for all of them."""
    if question.member.sees("budgets"):
        return None
    return {0, *Budget.objects.visible_to(question.member).values_list("pk", flat=True)}


def _compared(question: Question, axes: tuple[Axis, ...], found: Found, compare: str) -> Found:
    if not compare:
        return {}
    if compare == AGAINST_BUDGET:
        return _budgeted(question, found) if AXES[Dimension.BUDGET] in axes else {}
    period, months = compared_period(question.period, compare, question.today)
    return _cells(question, axes, period, forward=months)


def compared_period(period: Period, compare: str, today: date) -> tuple[Period, int]:
    """What a period is compared with, and by how many months that is earlier.

    Of a single month that is still going on only as many days are compared, since its days to come hold nothing yet.
    """
    first = add_months(period.start, -12) if compare == LAST_YEAR else period.before().start
    end = _a_year_before(period.end) if compare == LAST_YEAR else period.start
    months = (period.start.year - first.year) * 12 + period.start.month - first.month
    if today in period and period.end - period.start <= timedelta(days=31):
        end = min(end, first + (today - period.start) + timedelta(days=1))
    return Period(first, max(first, end)), months


def compares_with_whole(question: Question, compare: str) -> bool:
    """Whether a change against what a question is compared with says anything: not where spend began in the middle of that."""
    if compare not in {BEFORE, LAST_YEAR} or question.booked.first_day is None:
        return True
    earlier, _ = compared_period(question.period, compare, question.today)
    return not earlier.start < question.booked.first_day < earlier.end


def _a_year_before(end: date) -> date:
    """The end of a period a year earlier: the day after its last day, so that a leap day is neither lost nor taken twice."""
    return add_months(end, -12) if end.day == 1 else add_months(end - timedelta(days=1), -12) + timedelta(days=1)


def _budgeted(question: Question, found: Found) -> Found:
    """What the budgets of the cells, as they are now, allow in so many of their windows as the period holds."""
    wanted = {value for cell in found for value in cell.values}
    budgets = {budget.pk: budget for budget in Budget.objects.filter(pk__in=wanted)}
    limits: Found = {}
    for cell in found:
        budget = budgets.get(cell.value_id or 0)
        days = question.period if cell.month is None else within(month_of(cell.month), question.period)
        windows = _windows(budget, days) if budget else 0
        if budget and windows and budget.currency == cell.currency:
            limits[cell] = (budget.limit_minor * windows, 0)
    return limits


_MONTHS = {BudgetInterval.MONTH: 1, BudgetInterval.QUARTER: 3, BudgetInterval.YEAR: 12}


def _windows(budget: Budget, period: Period) -> int:
    """How many whole windows of a budget a period is; 0 where it cuts one."""
    each = _MONTHS.get(BudgetInterval(budget.interval), 0)
    if not each or not period.is_whole_months:
        return 0
    offset = (period.start.month - budget.year_starts_month) % each
    count, rest = divmod((period.end.year - period.start.year) * 12 + period.end.month - period.start.month, each)
    return 0 if offset or rest else count


def _values(spent: tuple[int, int], before: tuple[int, int] | None, currency: str, compare: str, *, is_whole: bool) -> tuple[Value, ...]:
    minor, items = spent
    plain: tuple[Value, ...] = (Money(minor, currency), items)
    if not compare:
        return plain
    if before is None and compare == AGAINST_BUDGET:
        return (*plain, None, None, None)
    earlier = before[0] if before else 0
    if compare == AGAINST_BUDGET:
        return (*plain, Money(earlier, currency), Money(earlier - minor, currency), percent(minor, earlier))
    if not is_whole:
        return (*plain, Money(earlier, currency), None, None)
    return (*plain, Money(earlier, currency), Money(minor - earlier, currency), percent(minor - earlier, earlier))


def percent(part: int, whole: int) -> Decimal | None:
    """To one decimal place; None of nothing, or of less."""
    return None if whole <= 0 else round(Decimal(part * 100) / whole, 1)


class _Addresses:
    """Where the rows of each cell are listed: by posting day, in its currency, narrowed as the report is.

    A report has thousands of cells: what they share is written once, and a public id needs no quoting.
    """

    def __init__(self, question: Question, axes: list[str]) -> None:
        self.period = question.period
        self.dimension = next((name for name in axes if name != MONTH), "")
        self.narrowing = narrowing(question)
        self.beginnings: dict[tuple[date | None, str, str], str] = {}

    def behind(self, cell: _Cell, value: str) -> str:
        name, text = next(iter(alone({self.dimension: value or NONE}).items())) if self.dimension else ("", "")
        place = (cell.month, cell.currency, name)
        if place not in self.beginnings:
            days = within(month_of(cell.month), self.period) if cell.month else self.period
            shared = {other: given for other, given in self.narrowing.items() if other != name}
            self.beginnings[place] = rows_behind(days, cell.currency, shared)
        return f"{self.beginnings[place]}&{name}={text}" if name else self.beginnings[place]


def alone(of: Mapping[str, str]) -> dict[str, str]:
    """As an address names the value of a row: a budget's figure is its own, without what lies inside it."""
    return {"drawn_from" if name == Dimension.BUDGET and value != NONE else name: value for name, value in of.items()}


def narrowing(question: Question) -> dict[str, str]:
    """The dimensions that a question names, as they stand in its address."""
    return {name: question.given[name] for name in Dimension.values if question.given.get(name)}


def rows_behind(days: Period, currency: str, of: Mapping[str, str]) -> str:
    """The address of the transactions that a figure adds up."""
    query = {"spent_from": days.start, "spent_to": days.last, "currency": currency, **of}
    return address("transactions", query)


def within(month: Period, period: Period) -> Period:
    """The days of a month that the period covers."""
    return Period(max(month.start, period.start), min(month.end, period.end))


def _minor(row: Row) -> int:
    spent = row.values[0]
    assert isinstance(spent, Money)
    return spent.minor


def _totals(found: Found, before: Found, compare: str, *, is_whole: bool) -> list[Row]:
    """One a currency. What is compared with budgets has none: a cell may have no budget, and one budget may lie in another."""
    sums: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for cell, (minor, items) in found.items():
        sums[cell.currency][0] += minor
        sums[cell.currency][1] += items
    for cell, (minor, _) in before.items():
        sums[cell.currency][2] += minor
    rows = []
    for currency, (minor, items, earlier) in sorted(sums.items()):
        of_before = None if compare == AGAINST_BUDGET else (earlier, 0)
        rows.append(Row(keys=(), values=_values((minor, items), of_before, currency, compare, is_whole=is_whole), currency=currency))
    return rows


def _keys(question: Question, axes: tuple[Axis, ...], wanted: set[int]) -> Callable[[str, _Cell], Key]:
    """Public ids and names of the values that occur, in one query."""
    dimension = next((axis.name for axis in axes if axis.name != MONTH), "")
    named = names_for(question, dimension, wanted) if dimension else {}
    months: dict[date, Key] = {}

    def key(axis: str, cell: _Cell) -> Key:
        if axis == MONTH:
            assert cell.month is not None
            if cell.month not in months:
                months[cell.month] = Key(f"{cell.month:%Y-%m}", f"{cell.month:%B %Y}")
            return months[cell.month]
        return key_of(named, cell.value_id or 0, axis)

    return key


def names_of(dimension: str, values: Iterable[int], reader: Membership | None = None) -> dict[int, Key]:
    """Public ids and names of values, by their database ids. Of budgets those alone that their `reader` may see."""
    rows, name = _NAMES[Dimension(dimension)]
    known = rows()
    if dimension == Dimension.BUDGET:
        assert reader is not None
        known = Budget.objects.visible_to(reader)
    return {pk: Key(row.public_id, name(row)) for pk, row in known.in_bulk(set(values)).items()}


def names_for(question: Question, dimension: str, values: Iterable[int]) -> Mapping[int, Key]:
    """The same for whoever asks, each read once."""
    read: dict[int, Key] = question.known.setdefault(("names", dimension), {})
    if missing := set(values) - read.keys() - {0}:
        read |= names_of(dimension, missing, question.member)
        read |= dict.fromkeys(missing - read.keys(), HIDDEN)
    return read


def key_of(named: Mapping[int, Key], value_id: int, dimension: str) -> Key:
    """A value as its reader knows it."""
    return named.get(value_id, HIDDEN) if value_id else Key("", NOBODYS[dimension])


_NAMES: dict[Dimension, tuple[Callable[[], QuerySet[Any]], Callable[[Any], str]]] = {
    Dimension.CATEGORY: (Category.objects.all, lambda category: category.name),
    Dimension.DEPARTMENT: (Department.objects.all, lambda department: department.name),
    Dimension.MEMBER: (lambda: Membership.objects.select_related("user"), lambda member: member.user.name),
    Dimension.CARD: (Card.objects.all, lambda card: f"{card.name} •• {card.last4}"),
    Dimension.MERCHANT: (Merchant.objects.all, lambda merchant: merchant.name),
    Dimension.BUDGET: (Budget.objects.all, lambda budget: budget.name),
}


def ids_of(dimension: str, public_id: str) -> frozenset[int]:
    """What a filter stands for, as database ids: a budget with all that lies inside it. An id that is unknown finds nothing."""
    if public_id == NONE:
        return frozenset({0})
    rows, _ = _NAMES[Dimension(dimension)]
    found = rows().filter(public_id=public_id).first()
    if found is None:
        return frozenset()
    if isinstance(found, Budget):
        return frozenset(Budget.objects.filter(chain__startswith=found.chain).values_list("pk", flat=True))
    return frozenset({found.pk})


def of_members(only: Iterable[int] | None) -> Filters:
    """The filter of those whose spend is added up, database ids; None for everybody's."""
    return {} if only is None else {Dimension.MEMBER: frozenset(only)}


def booked(only: list[int] | None) -> Booked:
    """By these members, database ids; None for everybody."""

    def months() -> tuple[date | None, date | None]:
        rows = MonthSpend.objects.filter(dimension=Dimension.MEMBER)
        found = (rows if only is None else rows.filter(value_id__in=only)).aggregate(first=Min("starts_on"), latest=Max("starts_on"))
        return found["first"], found["latest"]

    return Booked(months)
