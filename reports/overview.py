"""The overview page as plain data: figures, the chart by month and category, the categories in order."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from urllib.parse import urlencode

from reports import queries
from reports.charts import Chart, Column, Segment, stacked_columns
from reports.queries import Cell
from spendtrackr.money import Money
from spendtrackr.periods import Period, month_of

# Colours that tell apart; what comes after the largest seven is one colour together.
SERIES = 7
OTHER = "Other"


# Keys of groups that are no category.
NONE, REST = "none", "rest"


@dataclass(frozen=True, slots=True)
class Group:
    """A series of the chart: a category by its id, `NONE` for uncategorised, `REST` for all the smaller ones together."""

    key: str
    label: str


@dataclass(frozen=True, slots=True)
class Change:
    """This period against the one before, in per cent; None where there was nothing to compare with."""

    percent: float | None
    # Spend began in the middle of the period before: comparing with it would say nothing.
    is_partial: bool = False

    @property
    def text(self) -> str:
        if self.percent is None:
            return ""
        if self.percent >= 900:
            return f"{self.percent / 100 + 1:.0f} times"
        return f"{self.percent:+.1f} %".replace("-", "−")

    @property
    def against(self) -> str:
        """The rest of the sentence."""
        if self.is_partial:
            return "No full period before to compare with"
        if self.percent is None:
            return "Nothing in the period before"
        return "the period before" if self.percent >= 900 else "on the period before"

    @property
    def is_up(self) -> bool:
        return self.percent is not None and self.percent > 0


@dataclass(frozen=True, slots=True)
class CategoryBar:
    """One category in the ranking. `share` is per cent of the largest, for the bar's width."""

    label: str
    category_id: str
    spend: Money
    lines: int
    share: int
    series: int
    href: str


@dataclass(frozen=True, slots=True)
class TableRow:
    label: str
    amounts: list[Money]
    total: Money


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything the page shows of one period in one currency."""

    period: Period
    currency: str
    total: Money
    lines: int
    change: Change
    series: list[str]
    wide: Chart
    narrow: Chart
    table: list[TableRow]
    table_totals: list[Money]
    categories: list[CategoryBar]
    other_currencies: list[Money]

    @property
    def href(self) -> str:
        """All the rows behind the total."""
        return "?" + urlencode({"spent_from": self.period.start, "spent_to": self.period.last, "currency": self.currency})

    @property
    def is_empty(self) -> bool:
        return not self.lines


def build(period: Period, currency: str, *, only: list[int] | None = None, today: date | None = None) -> Overview:
    """Read the period and the one before it, and lay them out."""
    found = queries.cells(period, only=only)
    mine = [cell for cell in found if cell.spend.currency == currency]
    earlier = _comparable(period, today)
    before = [cell for cell in queries.cells(earlier, only=only) if cell.spend.currency == currency]
    ranking = _ranking(mine, period, currency)
    months = [month.start for month in period.months()]
    groups = _groups(ranking)
    matrix = _matrix(mine, months, groups)
    columns = [_column(_within(month_of(month), period), groups, matrix, currency) for month in months]
    total = Money(sum(cell.spend.minor for cell in mine), currency)
    return Overview(
        period=period,
        currency=currency,
        total=total,
        lines=sum(cell.lines for cell in mine),
        change=_change(period, total.minor, sum(cell.spend.minor for cell in before), only=only),
        series=[group.label for group in groups],
        wide=stacked_columns(columns, currency=currency, width=760, height=430, prefix="wide"),
        narrow=stacked_columns(
            columns, currency=currency, width=340, height=260, prefix="narrow", label_every=3 if len(columns) > 6 else 1
        ),
        table=[_table_row(month, groups, matrix, currency) for month in months],
        table_totals=[Money(sum(matrix[month, group.key] for month in months), currency) for group in groups],
        categories=ranking,
        other_currencies=_totals(found, but=currency),
    )


def _comparable(period: Period, today: date | None) -> Period:
    """The period before; of a single month that is still going on only as many days, since its days to come hold nothing yet."""
    before = period.before()
    if today is None or today not in period or period.end - period.start > timedelta(days=31):
        return before
    return Period(before.start, min(before.end, before.start + (today - period.start) + timedelta(days=1)))


def _change(period: Period, now: int, before: int, *, only: list[int] | None) -> Change:
    first = queries.first_day(only=only)
    is_partial = first is not None and period.before().start < month_of(first).start < period.start
    return Change(None, is_partial=True) if is_partial else change_between(now, before)


def change_between(now: int, before: int) -> Change:
    return Change(None if before <= 0 else (now - before) * 100 / before)


def _totals(found: list[Cell], *, but: str) -> list[Money]:
    sums: dict[str, int] = defaultdict(int)
    for cell in found:
        sums[cell.spend.currency] += cell.spend.minor
    return [Money(minor, currency) for currency, minor in sorted(sums.items()) if currency != but]


def _ranking(found: list[Cell], period: Period, currency: str) -> list[CategoryBar]:
    sums: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    for cell in found:
        row = sums[cell.label, cell.category.public_id if cell.category else ""]
        row[0] += cell.spend.minor
        row[1] += cell.lines
    ordered = sorted(sums.items(), key=lambda item: (-item[1][0], item[0]))
    largest = max((minor for _, (minor, _) in ordered), default=0)
    # What was coded away leaves nothing to show.
    ordered = [(key, sums) for key, sums in ordered if sums != [0, 0]]
    return [
        CategoryBar(
            label,
            category_id,
            Money(minor, currency),
            lines,
            share=max(0, round(minor * 100 / largest)) if largest > 0 else 0,
            series=min(place, SERIES),
            href=drill_down(period, currency, category_id or NONE),
        )
        for place, ((label, category_id), (minor, lines)) in enumerate(ordered)
    ]


def _groups(ranking: list[CategoryBar]) -> list[Group]:
    """The largest categories, each by its id, and one group for the rest: a category may well be called "Other" itself."""
    largest = [Group(bar.category_id or NONE, bar.label) for bar in ranking[:SERIES]]
    return [*largest, Group(REST, OTHER)] if len(ranking) > SERIES else largest


def _matrix(found: list[Cell], months: list[date], groups: list[Group]) -> dict[tuple[date, str], int]:
    keys = {group.key for group in groups}
    matrix = {(month, key): 0 for month in months for key in keys}
    for cell in found:
        key = cell.category.public_id if cell.category else NONE
        # Without a group for the rest, what is left over was coded away, and comes to nothing.
        if key in keys or REST in keys:
            matrix[cell.month, key if key in keys else REST] += cell.spend.minor
    return matrix


def _within(month: Period, period: Period) -> Period:
    """The days of a month that the period covers."""
    return Period(max(month.start, period.start), min(month.end, period.end))


def _column(days: Period, groups: list[Group], matrix: dict[tuple[date, str], int], currency: str) -> Column:
    month = days.start.replace(day=1)
    segments = [
        Segment(
            series=place,
            minor=matrix[month, group.key],
            title=f"{group.label}, {month:%B %Y}: {Money(matrix[month, group.key], currency)}",
            # Many categories together have no list of their own.
            href="" if group.key == REST else drill_down(days, currency, group.key),
        )
        for place, group in enumerate(groups)
    ]
    return Column(label=f"{month:%b}", sublabel=f"{month:%Y}", segments=segments)


def drill_down(period: Period, currency: str, category: str) -> str:
    """The address of the transactions that a figure adds up: by posting day, in its currency and category."""
    query = {"spent_from": period.start, "spent_to": period.last, "currency": currency, "category": category}
    return "?" + urlencode(query)


def _table_row(month: date, groups: list[Group], matrix: dict[tuple[date, str], int], currency: str) -> TableRow:
    amounts = [Money(matrix[month, group.key], currency) for group in groups]
    return TableRow(f"{month:%b %Y}", amounts, Money(sum(amount.minor for amount in amounts), currency))
