"""Spend of a period in one currency as plain data: figures, the chart by month and one dimension, its values in order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal

from cards import queries as cards
from cards.queries import BudgetBranch
from reports import queries
from reports.charts import Chart, Column, Segment, stacked_columns
from reports.queries import Part
from reports.shape import Key, Question, Row
from spendtrackr import locales
from spendtrackr.money import Money
from spendtrackr.periods import Period, month_of
from transactions.models import Dimension
from users.models import Membership

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
    """Read the period, and the one before, and lay them out."""
    period = question.period
    found = queries.parts_of(question, period, by)
    mine, before = _in(currency, found), _earlier(question, currency, queries.BEFORE, by)
    names = queries.names_for(question, by, {part.value_id for part in (*mine, *before)})
    look = _Look(question, currency, by, names)
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
        change=_change(question, queries.BEFORE, total, _total(before)),
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


def against(question: Question, currency: str, compare: str, *, by: str = Dimension.CATEGORY) -> Change:
    """All of the period against another. Any dimension adds up to it: what was read by this one is not read again."""
    now = _in(currency, queries.parts_of(question, question.period, by))
    return _change(question, compare, _total(now), _total(_earlier(question, currency, compare, by)))


def _earlier(question: Question, currency: str, compare: str, by: str) -> list[Part]:
    return _in(currency, queries.parts_of(question, _comparable(question, compare), by))


def _in(currency: str, found: Iterable[Part]) -> list[Part]:
    return [part for part in found if part.currency == currency]


@dataclass(frozen=True, slots=True)
class Mover:
    """A value that moved. `mark` is `New` or `Gone`, where it is one of these; `href` leads to the rows behind what is left of it."""

    label: str
    href: str
    spend: Money
    before: Money
    change: Money
    percent: Change
    mark: str


@dataclass(frozen=True, slots=True)
class Movers:
    """The largest changes of some days against those before them, up or down. `days` is None where there is nothing to compare."""

    days: Period | None
    rows: list[Mover]


# Of the largest changes, and of the fullest budgets.
MOST = 5


def top_movers(question: Question, currency: str, *, by: str = Dimension.CATEGORY) -> Movers:
    """As the report says of the period; where there was not the whole period before, of the latest two of its months that are over.

    What the overview has read of the period is not read again.
    """
    days = _compared_days(question)
    if days is None:
        return Movers(None, [])
    asked = replace(question, period=days, currency=currency, options={"group_by": by, "compare": queries.BEFORE})
    return Movers(days, [_mover(row) for row in queries.movers(asked).rows[:MOST]])


def _compared_days(question: Question) -> Period | None:
    first_day, period = question.booked.first_day, question.period
    if first_day is None or first_day <= _comparable(question, queries.BEFORE).start:
        return period if first_day else None
    start, end = max(period.start, first_day), min(period.end, question.today)
    over = [month for month in period.months() if start <= month.start and month.end <= end]
    return over[-1] if len(over) > 1 else None


def _mover(row: Row) -> Mover:
    spend, _, before, change, percent, mark = row.values
    assert isinstance(spend, Money)
    assert isinstance(before, Money)
    assert isinstance(change, Money)
    moved = Change(float(percent) if isinstance(percent, Decimal) else None)
    return Mover(row.keys[0].label, row.href, spend, before, change, moved, str(mark))


def fullest_budgets(member: Membership, currency: str, *, at: datetime) -> list[BudgetBranch]:
    """As they stand in their own periods now."""
    return cards.fullest_budgets(member, currency, member.company.day_of(at), most=MOST)


def _comparable(question: Question, compare: str) -> Period:
    return queries.compared_period(question.period, compare, question.today)[0]


def _total(found: Iterable[Part]) -> int:
    return sum(part.amount_minor for part in found)


def _change(question: Question, compare: str, now: int, before: int) -> Change:
    """Where spend began in the middle of what it is compared with, comparing would say nothing."""
    return change_between(now, before) if queries.compares_with_whole(question, compare) else Change(None, is_partial=True)


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
            change=_change(look.question, queries.BEFORE, minor, was),
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
