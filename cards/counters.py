"""The counters of cards, budgets and grants: which windows a day falls into, and their rows, found under the lock of what they belong to.

A counter that exists holds the whole of its window: it opens with what the history came to, and every purchase of the window moves it
from then on, whether a limit asks for it or not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.db import connection
from django.db.models import Sum

from cards.models import EPOCH, Budget, Card, Interval, LimitCounter, LimitGrant
from spendtrackr.periods import month_of, quarter_of, week_of, year_of
from spendtrackr.tenancy import current_company

CARD_INTERVALS = (Interval.DAY, Interval.WEEK, Interval.MONTH, Interval.QUARTER, Interval.YEAR, Interval.ALL_TIME, Interval.UNAPPROVED)
# Kept for every card from its first purchase on. Longer windows open with the sum of their months.
ALWAYS = Interval.MONTH
OF_MONTHS = {Interval.QUARTER, Interval.YEAR, Interval.ALL_TIME}


def window_start(interval: Interval, day: date, *, year_starts_month: int = 1) -> date:
    """The first day of the window that a company-local day falls into."""
    match interval:
        case Interval.DAY:
            return day
        case Interval.WEEK:
            return week_of(day).start
        case Interval.MONTH:
            return month_of(day).start
        case Interval.QUARTER:
            return quarter_of(day, year_starts_month).start
        case Interval.YEAR:
            return year_of(day, year_starts_month).start
        case _:
            return EPOCH


def window_end(interval: Interval, start: date) -> date | None:
    """The first day after a window that begins on `start`; None for one without an end."""
    match interval:
        case Interval.DAY:
            return date.fromordinal(start.toordinal() + 1)
        case Interval.WEEK:
            return week_of(start).end
        case Interval.MONTH:
            return month_of(start).end
        case Interval.QUARTER:
            return quarter_of(start, start.month).end
        case Interval.YEAR:
            return year_of(start, start.month).end
        case _:
            return None


@dataclass(frozen=True, slots=True)
class Share:
    """What one purchase, or a whole history, comes to in a counter."""

    held_minor: int = 0
    posted_minor: int = 0
    purchases: int = 0

    def __sub__(self, other: Share) -> Share:
        return Share(self.held_minor - other.held_minor, self.posted_minor - other.posted_minor, self.purchases - other.purchases)

    def __neg__(self) -> Share:
        return Share() - self

    @property
    def used_minor(self) -> int:
        return self.held_minor + self.posted_minor

    @property
    def is_nothing(self) -> bool:
        return (self.held_minor, self.posted_minor, self.purchases) == (0, 0, 0)


# What the history of a card or a budget came to in a window, by `interval`, first day and the day after the last.
History = Callable[["Card | Budget", Interval, date, "date | None"], Share]


@dataclass(slots=True)
class Counters:
    """The counters that a purchase of one day moves, by whose they are."""

    of_card: dict[Interval, LimitCounter] = field(default_factory=dict)
    of_budgets: list[tuple[Budget, LimitCounter]] = field(default_factory=list)
    of_grant: LimitCounter | None = None

    def __iter__(self) -> Iterator[LimitCounter]:
        yield from self.of_card.values()
        yield from (counter for _, counter in self.of_budgets)
        if self.of_grant:
            yield self.of_grant


def find(
    card: Card, day: date, *, budgets: Sequence[Budget], grant_id: int | None, wanted: Iterable[Interval], history: History,
    is_look: bool = False,
) -> Counters:  # fmt: skip
    """All counters of a day's windows in one query, and those that are `wanted` and new opened from the history.

    The caller holds the locks of the card and of the budgets; without them it is a look, and what is new is not kept.
    """
    found = Counters()
    of_budgets = {}
    for row in _read(card, day, budgets, grant_id):
        if row.card_id:
            found.of_card[Interval(row.interval)] = row
        elif row.budget_id:
            of_budgets[row.budget_id] = row
        else:
            found.of_grant = row
    for interval in wanted:
        if interval not in found.of_card:
            found.of_card[interval] = _new_for_card(card, interval, day, history)
    for budget in budgets:
        found.of_budgets.append((budget, of_budgets.get(budget.pk) or _new_for_budget(budget, day, history)))
    for counter in found:
        if counter._state.adding and not is_look:
            counter.save(force_insert=True)
    return found


_COLUMNS = ("id", "card_id", "budget_id", "grant_id", "per_interval", "starts_on", "held_minor", "posted_minor", "purchases", "draws")
_NAMES = tuple("interval" if column == "per_interval" else column for column in _COLUMNS)
_WINDOW = "per_interval = %s AND starts_on = %s"


def _read(card: Card, day: date, budgets: Sequence[Budget], grant_id: int | None) -> list[LimitCounter]:
    """The rows of a day's windows that are there, by hand: the ORM takes longer over so many alternatives than the server does."""
    windows = [(str(interval), window_start(interval, day)) for interval in CARD_INTERVALS]
    conditions = [f"card_id = %s AND ({' OR '.join([f'({_WINDOW})'] * len(windows))})"]
    given: list[Any] = [card.counting_id, *(value for window in windows for value in window)]
    for budget in budgets:
        conditions.append(f"budget_id = %s AND {_WINDOW}")
        given += [budget.pk, str(budget.interval), budget_start(budget, day)]
    if grant_id:
        conditions.append("grant_id = %s")
        given.append(grant_id)
    company_id = current_company()
    # Names of our own and placeholders only. Each part walks its own index.
    read = f"SELECT {', '.join(_COLUMNS)} FROM limit_counters WHERE company_id = {company_id:d} AND "  # noqa: S608
    parts = [read + condition for condition in conditions]
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(parts), given)
        rows = cursor.fetchall()
    return [_row(dict(zip(_NAMES, row, strict=True)) | {"company_id": company_id}) for row in rows]


def _row(values: dict[str, Any]) -> LimitCounter:
    names = [field.attname for field in LimitCounter._meta.concrete_fields if field.attname in values]
    return LimitCounter.from_db(connection.alias, names, [values[name] for name in names])


def budget_start(budget: Budget, day: date) -> date:
    return window_start(Interval(budget.interval), day, year_starts_month=budget.year_starts_month)


def of_budgets(budgets: Sequence[Budget], day: date, *, history: History) -> list[tuple[Budget, LimitCounter]]:
    """The counter of each budget's period, opened from the history where it is new. The caller holds the locks of the budgets."""
    found = []
    for budget in budgets:
        start = budget_start(budget, day)
        counter = LimitCounter.objects.filter(budget=budget, interval=budget.interval, starts_on=start).first()
        if counter is None:
            counter = _new_for_budget(budget, day, history)
            counter.save(force_insert=True)
        found.append((budget, counter))
    return found


def _new_for_card(card: Card, interval: Interval, day: date, history: History) -> LimitCounter:
    start = window_start(interval, day)
    end = window_end(interval, start)
    share = _sum_of_months(card, start, end) if interval in OF_MONTHS else history(card, interval, start, end)
    return _new(LimitCounter(card_id=card.counting_id, interval=interval, starts_on=start), share)


def _sum_of_months(card: Card, start: date, end: date | None) -> Share:
    """The months are always counted, so longer windows need not go back to the purchases."""
    months = LimitCounter.objects.filter(card_id=card.counting_id, interval=Interval.MONTH, starts_on__gte=start)
    if end:
        months = months.filter(starts_on__lt=end)
    sums = months.aggregate(held=Sum("held_minor"), posted=Sum("posted_minor"), purchases=Sum("purchases"))
    return Share(sums["held"] or 0, sums["posted"] or 0, sums["purchases"] or 0)


def _new_for_budget(budget: Budget, day: date, history: History) -> LimitCounter:
    start, interval = budget_start(budget, day), Interval(budget.interval)
    share = history(budget, interval, start, window_end(interval, start))
    return _new(LimitCounter(budget_id=budget.pk, interval=interval, starts_on=start), share)


def open_for_grant(grant: LimitGrant, on: date) -> LimitCounter:
    """The counter of a new grant. The caller holds the lock of its card."""
    return LimitCounter.objects.create(grant=grant, interval=Interval.GRANT, starts_on=on)


def _new(counter: LimitCounter, share: Share) -> LimitCounter:
    counter.opening_held_minor = counter.held_minor = share.held_minor
    counter.opening_posted_minor = counter.posted_minor = share.posted_minor
    counter.opening_purchases = counter.purchases = share.purchases
    return counter


_MOVE = (
    "UPDATE limit_counters SET held_minor = held_minor + %s, posted_minor = posted_minor + %s, purchases = purchases + %s, "
    "draws = draws + 1 WHERE company_id = %s AND id IN"
)


def move(counters: Iterable[LimitCounter], share: Share) -> None:
    """Move some counters alike, in one statement, and number their draws. The caller holds the locks of what they belong to."""
    moved = list(counters)
    if not moved:
        return
    slots = ", ".join(["%s"] * len(moved))
    given = [share.held_minor, share.posted_minor, share.purchases, current_company(), *(counter.pk for counter in moved)]
    with connection.cursor() as cursor:
        cursor.execute(f"{_MOVE} ({slots})", given)
        changed = cursor.rowcount
    if changed != len(moved):
        raise RuntimeError(f"{len(moved) - changed} of the counters are not there any more")
    for counter in moved:
        counter.held_minor += share.held_minor
        counter.posted_minor += share.posted_minor
        counter.purchases += share.purchases
        counter.draws += 1
