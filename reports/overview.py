"""Spend of a period in one currency as plain data: figures, the chart by month and one dimension, its values in order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from reports import queries
from reports.charts import Chart, Column, Segment, stacked_columns
from reports.queries import Part
from reports.shape import Key, Question
from spendtrackr import locales
from spendtrackr.money import Money
from spendtrackr.periods import Period, month_of
from transactions.models import Dimension

# Colours that tell apart; what comes after the largest seven is one colour together.
SERIES = 7
OTHER = "Other"
# Groups that are no value of their own: what has none, and all the smaller ones together.
NONE, REST = queries.NONE, "rest"


@dataclass(frozen=True, slots=True)
class Group:
    """A series of the chart: a value by its id, `NONE` for without one, `REST` for all the smaller ones together."""

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
            return f"{locales.count(round(self.percent / 100 + 1))} times"
        return locales.percent(self.percent, signed=True)

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
class Bar:
    """One value in the ranking. `share` is per cent of the largest, for the bar's width."""

    label: str
    id: str
    spend: Money
    lines: int
    share: int
    series: int
    href: str
    before: Money
    change: Change


@dataclass(frozen=True, slots=True)
class TableRow:
    label: str
    amounts: list[Money]
    total: Money


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything that a page shows of one period in one currency. `href` leads to all the rows behind the total."""

    period: Period
    currency: str
    by: str
    total: Money
    href: str
    lines: int
    change: Change
    last_year: Change
    series: list[str]
    wide: Chart
    narrow: Chart
    table: list[TableRow]
    table_totals: list[Money]
    ranking: list[Bar]
    other_currencies: list[Money]

    @property
    def is_empty(self) -> bool:
        return not self.lines

    @property
    def title(self) -> str:
        """Of the chart."""
        return f"Spend by month and {self.by}"


@dataclass(frozen=True, slots=True)
class _Look:
    """What is asked, in one currency and by one dimension, and the names of its values."""

    question: Question
    currency: str
    by: str
    names: Mapping[int, Key]
    # The first of the month in which there was any spend.
    first_day: date | None

    def key(self, part: Part) -> Key:
        return queries.key_of(self.names, part.value_id, self.by)

    def money(self, minor: int) -> Money:
        return Money(minor, self.currency)

    def behind(self, days: Period, value: str = "") -> str:
        """The address of the transactions that a figure adds up: by posting day, narrowed as the question is.

        Blank where there is no list of them: of many values together, and of one that their reader may not see.
        """
        if value in {REST, queries.HIDDEN.id}:
            return ""
        return queries.rows_behind(
            days, self.currency, {**queries.narrowing(self.question), **queries.alone({self.by: value} if value else {})}
        )


def build(question: Question, currency: str, *, by: str = Dimension.CATEGORY) -> Overview:
    """Read the period, and those that it is compared with, and lay them out."""
    period = question.period
    found = queries.parts_of(question, period, by)
    mine = [part for part in found if part.currency == currency]
    before, last_year = (
        [part for part in queries.parts_of(question, _comparable(question, what), by) if part.currency == currency]
        for what in (queries.BEFORE, queries.LAST_YEAR)
    )
    names = queries.names_of(by, {part.value_id for part in mine}, question.member)
    look = _Look(question, currency, by, names, question.booked.first_day)
    ranking = _ranking(look, mine, before)
    months = [month.start for month in period.months()]
    groups = _groups(ranking)
    matrix = _matrix(look, mine, months, groups)
    columns = [_column(look, month, groups, matrix) for month in months]
    total = _total(mine)
    return Overview(
        period=period,
        currency=currency,
        by=by,
        total=look.money(total),
        href=look.behind(period),
        lines=sum(part.items for part in mine),
        change=_change(look, queries.BEFORE, total, _total(before)),
        last_year=_change(look, queries.LAST_YEAR, total, _total(last_year)),
        series=[group.label for group in groups],
        wide=stacked_columns(columns, currency=currency, width=760, height=430, prefix="wide"),
        narrow=stacked_columns(
            columns, currency=currency, width=340, height=260, prefix="narrow", label_every=3 if len(columns) > 6 else 1
        ),
        table=[_table_row(look, month, groups, matrix) for month in months],
        table_totals=[look.money(sum(matrix[month, group.key] for month in months)) for group in groups],
        ranking=ranking,
        other_currencies=_totals(found, but=currency),
    )


def _comparable(question: Question, compare: str) -> Period:
    return queries.compared_period(question.period, compare, question.today)[0]


def _total(found: Iterable[Part]) -> int:
    return sum(part.amount_minor for part in found)


def _change(look: _Look, compare: str, now: int, before: int) -> Change:
    """Where spend began in the middle of what it is compared with, comparing would say nothing."""
    earlier = _comparable(look.question, compare)
    is_partial = look.first_day is not None and earlier.start < look.first_day < earlier.end
    return Change(None, is_partial=True) if is_partial else change_between(now, before)


def change_between(now: int, before: int) -> Change:
    return Change(None if before <= 0 else (now - before) * 100 / before)


def _totals(found: list[Part], *, but: str) -> list[Money]:
    sums: dict[str, int] = defaultdict(int)
    for part in found:
        sums[part.currency] += part.amount_minor
    return [Money(minor, currency) for currency, minor in sorted(sums.items()) if currency != but]


def _ranking(look: _Look, found: list[Part], before: list[Part]) -> list[Bar]:
    """The largest first. What was coded away leaves nothing to show."""
    sums: dict[Key, list[int]] = defaultdict(lambda: [0, 0, 0])
    for part in found:
        sums[look.key(part)][0] += part.amount_minor
        sums[look.key(part)][1] += part.items
    for part in before:
        if (key := look.key(part)) in sums:
            sums[key][2] += part.amount_minor
    rows = [(key, minor, items, was) for key, (minor, items, was) in sums.items() if (minor, items) != (0, 0)]
    rows.sort(key=lambda row: (-row[1], row[0].label, row[0].id))
    largest = max((minor for _, minor, *_ in rows), default=0)
    return [
        Bar(
            key.label,
            key.id,
            look.money(minor),
            items,
            share=max(0, round(minor * 100 / largest)) if largest > 0 else 0,
            series=min(place, SERIES),
            href=look.behind(look.question.period, key.id or NONE),
            before=look.money(was),
            change=change_between(minor, was),
        )
        for place, (key, minor, items, was) in enumerate(rows)
    ]


def _groups(ranking: list[Bar]) -> list[Group]:
    """The largest values, each by its id, and one group for the rest: a category may well be called "Other" itself."""
    largest = [Group(bar.id or NONE, bar.label) for bar in ranking[:SERIES]]
    return [*largest, Group(REST, OTHER)] if len(ranking) > SERIES else largest


Matrix = dict[tuple[date, str], int]


def _matrix(look: _Look, found: list[Part], months: list[date], groups: list[Group]) -> Matrix:
    keys = {group.key for group in groups}
    matrix = {(month, key): 0 for month in months for key in keys}
    for part in found:
        key = look.key(part).id or NONE
        # Without a group for the rest, what is left over was coded away, and comes to nothing.
        if key in keys or REST in keys:
            matrix[part.month, key if key in keys else REST] += part.amount_minor
    return matrix


def _column(look: _Look, month: date, groups: list[Group], matrix: Matrix) -> Column:
    days = queries.within(month_of(month), look.question.period)
    segments = [
        Segment(
            series=place,
            minor=matrix[month, group.key],
            title=f"{group.label}, {month:%B %Y}: {look.money(matrix[month, group.key]).written()}",
            href=look.behind(days, group.key),
        )
        for place, group in enumerate(groups)
    ]
    return Column(label=f"{month:%b}", sublabel=f"{month:%Y}", segments=segments)


def _table_row(look: _Look, month: date, groups: list[Group], matrix: Matrix) -> TableRow:
    amounts = [look.money(matrix[month, group.key]) for group in groups]
    return TableRow(f"{month:%b %Y}", amounts, look.money(sum(amount.minor for amount in amounts)))
