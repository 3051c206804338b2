"""What every report must say, worked out again from what was told to a company. Plain Python: no database, none of our code.

Things are known by whatever number or name their test gives them; 0 is none. Amounts are minor units, signed.
"""

from __future__ import annotations

import calendar
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Any

DAY = timedelta(days=1)
UNFINISHED = {"open", "waiting", "changes_requested"}


@dataclass(frozen=True)
class Line:
    """What one happening did to spend: on a day of the company, with all that it is cut by."""

    day: date
    currency: str
    minor: int
    items: int
    of: dict[str, Any]
    thing: Any = 0


@dataclass
class Thing:
    """A purchase, a claim or an imported line, as it stands."""

    ident: Any
    source: str
    day: date
    currency: str
    # As a person names it: what was collected, else what was asked for; below zero for a credit.
    minor: int
    member: Any = 0
    card: Any = 0
    merchant: Any = 0
    said: str = ""
    paid: tuple[str, int] | None = None
    statement: Any = None
    held: int = 0
    captured: int = 0
    returned: int = 0
    declined: str = ""
    is_void: bool = False
    approval: str = "none"
    # Whom it waits for, and since when.
    with_whom: frozenset[Any] = frozenset()
    asked_on: date | None = None
    misses_receipt_since: date | None = None
    receipts: frozenset[str] = frozenset()
    payment: str = ""
    owes: bool = False
    repaid: int = 0

    @property
    def spent(self) -> int:
        return max(0, self.captured - self.returned)

    @property
    def counts(self) -> bool:
        """In limits: whatever was approved and not let go."""
        return self.source == "card" and (self.held > 0 or self.captured > 0)

    @property
    def owed(self) -> int:
        return max(0, self.captured - self.returned - self.repaid)


@dataclass(frozen=True)
class Carried:
    """A card that is not closed: the first of its row of replacements, whose it is, and its limits as (window, amount, count)."""

    ident: Any
    first: Any
    member: Any
    currency: str
    limits: tuple[tuple[str, int | None, int | None], ...] = ()
    refills: bool = False


@dataclass(frozen=True)
class Envelope:
    """A budget: so many months long, the first of which begins in `starts`."""

    limit: int
    currency: str
    months: int
    starts: int = 1


@dataclass
class Told:
    """All that was told to a company, until today."""

    today: date
    lines: list[Line] = field(default_factory=list)
    things: list[Thing] = field(default_factory=list)
    cards: list[Carried] = field(default_factory=list)
    budgets: dict[Any, Envelope] = field(default_factory=dict)
    people: dict[Any, str] = field(default_factory=dict)
    merchants: dict[Any, str] = field(default_factory=dict)
    # Of those that replaced each other, which card came first.
    first_cards: dict[Any, Any] = field(default_factory=dict)
    # After so many days somebody is reminded of a receipt, and their card is frozen.
    reminds_after: int = 10**6
    freezes_after: int = 10**6


def seen_by(told: Told, team: set[Any]) -> Told:
    """What a manager sees of it: what these people did, without the names of budgets."""
    lines = [replace(line, of={**line.of, "budget": line.of["budget"] and "hidden"}) for line in told.lines if line.of["member"] in team]
    things = [one for one in told.things if one.member in team]
    return replace(told, lines=lines, things=things, cards=[card for card in told.cards if card.member in team], budgets={})


@dataclass(frozen=True)
class Asked:
    """From the first day up to, but not including, `end`; grouped, compared and narrowed."""

    first: date
    end: date
    by: tuple[str, ...] = ()
    compare: str = ""
    of: dict[str, set[Any]] = field(default_factory=dict)

    def holds(self, day: date) -> bool:
        return self.first <= day < self.end


@dataclass
class Answer:
    """Values by the keys of a row and its currency, values by currency, and what lies behind a row."""

    rows: dict[tuple, tuple] = field(default_factory=dict)
    totals: dict[str, tuple] = field(default_factory=dict)
    behind: dict[tuple, set[Any]] = field(default_factory=dict)


def plus(day: date, months: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def percent(part: int, whole: int) -> Fraction | None:
    return round(Fraction(part * 100, whole), 1) if whole > 0 else None


def months_between(first: date, later: date) -> int:
    return (later.year - first.year) * 12 + later.month - first.month


def added(rows: dict[tuple, tuple], *places: int) -> dict[str, tuple]:
    """One row of totals a currency: of these places the sums, if there is anything to add, of others nothing."""
    by_currency: dict[str, list[tuple]] = defaultdict(list)
    for (*_, currency), values in rows.items():
        by_currency[currency].append(values)
    return {
        currency: tuple(_sum(row[place] for row in found) if place in places else None for place in range(len(found[0])))
        for currency, found in by_currency.items()
    }


def _sum(values: Iterable[int | None]) -> int | None:
    said = [value for value in values if value is not None]
    return sum(said) if said else None


# -- spend --------------------------------------------------------------------------------------------------------------------------


def cells(lines: Iterable[Line], asked: Asked, month: Callable[[date], date]) -> tuple[dict[tuple, tuple[int, int]], dict[tuple, set]]:
    """Amount and items by the axes, and of what; `month` says which month a day stands under. What comes to nothing at all is no cell."""
    sums: dict[tuple, list[int]] = defaultdict(lambda: [0, 0])
    behind: dict[tuple, set] = defaultdict(set)
    for line in lines:
        if all(line.of[name] in values for name, values in asked.of.items()):
            key = (*(f"{month(line.day):%Y-%m}" if axis == "month" else line.of[axis] for axis in asked.by), line.currency)
            sums[key][0] += line.minor
            sums[key][1] += line.items
            if line.minor or line.items:
                behind[key].add(line.thing)
    return {key: (minor, items) for key, (minor, items) in sums.items() if (minor, items) != (0, 0)}, behind


def earlier(asked: Asked, today: date) -> tuple[date, date]:
    """As long a time just before, or the same a year earlier; of a month that goes on, as many days as it has had."""
    whole = asked.first.day == 1 and asked.end.day == 1
    if asked.compare == "last_year":
        first, end = plus(asked.first, -12), plus(asked.end, -12) if asked.end.day == 1 else plus(asked.end - DAY, -12) + DAY
    else:
        first = plus(asked.first, -months_between(asked.first, asked.end)) if whole else asked.first - (asked.end - asked.first)
        end = asked.first
    if asked.holds(today) and (asked.end - asked.first).days <= 31:
        end = min(end, first + (today - asked.first) + DAY)
    return first, end


def spend(told: Told, asked: Asked) -> Answer:
    """By month and whatever else, beside what it is compared with: month by month, and what is left over beside the last one."""
    now, behind = cells((line for line in told.lines if asked.holds(line.day)), asked, lambda day: day)
    if not asked.compare:
        return Answer(now, added(now, 0, 1), behind)
    if asked.compare == "budget":
        rows = {key: (*both, *_against(told, asked, key, both[0])) for key, both in now.items()}
        return Answer(rows, added(rows, 0, 1), behind)
    first, end = earlier(asked, told.today)
    last = (asked.end - DAY).replace(day=1)
    before, _ = cells(
        (line for line in told.lines if first <= line.day < end),
        asked,
        lambda day: min(plus(asked.first.replace(day=1), months_between(first, day)), last),
    )
    began = min((line.day.replace(day=1) for line in told.lines), default=first)
    is_whole = not first < began < end
    is_told = is_whole or ("month" in asked.by and asked.first.day == asked.end.day == 1)
    rows = {key: compared(now.get(key, (0, 0)), before.get(key, (0, 0))[0], is_whole=is_told) for key in {**now, **before}}
    totals = {
        currency: compared((minor, items), was, is_whole=is_whole)
        for currency, (minor, items, was, *_) in added({key: (*row[:3],) for key, row in rows.items()}, 0, 1, 2).items()
    }
    return Answer(rows, totals, behind)


def compared(both: tuple[int, int], was: int, *, is_whole: bool) -> tuple:
    """Where spend began in the middle of what it is compared with, nothing is said of the change."""
    minor, items = both
    return (minor, items, was, minor - was, percent(minor - was, was)) if is_whole else (minor, items, was, None, None)


def _against(told: Told, asked: Asked, key: tuple, minor: int) -> tuple:
    """What a budget allows in the days of a row, if they are whole windows of it."""
    of = dict(zip(asked.by, key, strict=False))
    budget = told.budgets.get(of.get("budget"))
    if budget is None or budget.currency != key[-1]:
        return None, None, None
    first, end = asked.first, asked.end
    if "month" in of:
        month = date.fromisoformat(f"{of['month']}-01")
        first, end = max(first, month), min(end, plus(month, 1))
    windows, starts = 0, first
    while starts < end and starts.day == 1 and (starts.month - budget.starts) % budget.months == 0:
        windows, starts = windows + 1, plus(starts, budget.months)
    if starts != end:
        return None, None, None
    limit = windows * budget.limit
    return limit, limit - minor, percent(minor, limit)


def movers(told: Told, asked: Asked) -> Answer:
    """What did not come to the same. What is gone leads to what it was."""
    found = spend(told, asked)
    first, end = earlier(asked, told.today)
    _, before = cells((line for line in told.lines if first <= line.day < end), asked, lambda day: day)
    moved = {key: (*row[:3], row[0] - row[2], row[4]) for key, row in found.rows.items() if row[0] != row[2]}
    rows = {key: (*row, "Gone" if not row[0] else "" if row[2] else "New") for key, row in moved.items()}
    behind = {key: before[key] if row[-1] == "Gone" else found.behind[key] for key, row in rows.items()}
    return Answer(rows, {currency: (*row[:3], row[0] - row[2], row[4], None) for currency, row in found.totals.items()}, behind)


# -- merchants ----------------------------------------------------------------------------------------------------------------------


def new_merchants(told: Told, asked: Asked) -> Answer:
    """Lines are in the order in which they were written: of those on the first day, the first says who bought."""
    firsts: dict[Any, Line] = {}
    for line in told.lines:
        merchant = line.of["merchant"]
        if merchant and (merchant not in firsts or line.day < firsts[merchant].day):
            firsts[merchant] = line
    answer = Answer()
    for line in told.lines:
        merchant = line.of["merchant"]
        if merchant and asked.holds(line.day) and asked.holds(firsts[merchant].day):
            first = firsts[merchant]
            minor, items, *_ = answer.rows.get((merchant, line.currency), (0, 0))
            by = told.people[first.of["member"]] if first.of["member"] else "Nobody"
            answer.rows[merchant, line.currency] = (minor + line.minor, items + line.items, first.day, by)
            answer.behind.setdefault((merchant, line.currency), set()).add(line.thing)
    answer.totals = added(answer.rows, 0, 1)
    return answer


@dataclass(frozen=True)
class Steady:
    """A rhythm: how long until the next, give or take how many days, how many show it, and how many a year has."""

    label: str
    following: Callable[[date], date]
    slack: int
    least: int
    a_year: int


STEADY = [
    Steady("Weekly", lambda day: day + 7 * DAY, 1, 5, 52),
    Steady("Monthly", lambda day: plus(day, 1), 4, 3, 12),
    Steady("Quarterly", lambda day: plus(day, 3), 7, 3, 4),
    Steady("Yearly", lambda day: plus(day, 12), 14, 2, 1),
]


def subscriptions(told: Told, asked: Asked) -> Answer:
    """Of the last 26 months, where something was bought in two of them and at most ten times in any."""
    since = plus(told.today.replace(day=1), -26)
    recent = [line for line in told.lines if line.day >= since and line.of["merchant"]]
    often: dict[tuple, Counter[str]] = defaultdict(Counter)
    charged: dict[tuple, Counter[tuple]] = defaultdict(Counter)
    ever: dict[tuple, list[Line]] = defaultdict(list)
    for line in recent:
        merchant, member, currency = line.of["merchant"], line.of["member"], line.currency
        often[merchant, member, currency][f"{line.day:%Y-%m}"] += line.items
        card = told.first_cards.get(line.of["card"], line.of["card"])
        charged[merchant, member, card, currency][line.day, line.thing] += line.minor
        ever[merchant, member, card, currency].append(line)
    answer = Answer()
    for key, sums in charged.items():
        merchant, member, _, currency = key
        months = often[merchant, member, currency]
        if len(months) < 2 or max(months.values()) > 10:
            continue
        found = in_a_rhythm(sorted((day, minor) for (day, _), minor in sums.items() if minor > 0))
        if found and (told.today - found[0].following(found[1][-1][0])).days <= 365:
            answer.rows[key] = _subscribed(*found, told.today)
            first, last = found[1][0][0], found[1][-1][0]
            answer.behind[key] = {line.thing for line in ever[key] if first <= line.day <= last}
    answer.totals = added(answer.rows, 0)
    return answer


def in_a_rhythm(charges: list[tuple[date, int]]) -> tuple[Steady, list[tuple[date, int]]] | None:
    """The longest end of the charges in which each follows the one before in time, at about the same price."""
    for steady in STEADY:
        for start in range(len(charges) - steady.least + 1):
            row = charges[start:]
            if all(
                abs((day - steady.following(before)).days) <= steady.slack and Fraction(3, 4) <= Fraction(min(a, b), max(a, b))
                for (before, a), (day, b) in pairwise(row)
            ):
                return steady, row
    return None


def _subscribed(steady: Steady, row: list[tuple[date, int]], today: date) -> tuple:
    last, minor = row[-1]
    following, change = steady.following(last), percent(minor - row[0][1], row[0][1])
    if (today - following).days > steady.slack:
        return None, minor, steady.label, last, None, change, "Stopped"
    return minor * steady.a_year, minor, steady.label, last, following, change, "Running"


# -- purchases ----------------------------------------------------------------------------------------------------------------------


def duplicates(told: Told, asked: Asked) -> Answer:
    """Each beside the one before it among those alike; the later of them was bought in the period."""
    alive = [
        one for one in told.things if not (one.is_void or one.declined or one.minor <= 0 or (one.captured and one.returned >= one.captured))
    ]
    why: dict[tuple[Any, Any], list[str]] = defaultdict(list)
    for reason, keys, within, passes in _ALIKE:
        for earlier_one, later in _neighbours(alive, keys):
            pair = later, earlier_one
            is_near = within is None or (later.day - earlier_one.day).days <= within
            if is_near and passes(earlier_one, later) and asked.holds(later.day) and reason not in why[later.ident, earlier_one.ident]:
                why[later.ident, earlier_one.ident].append(reason)
    by_ident = {one.ident: one for one in alive}
    answer = Answer()
    for pair, reasons in why.items():
        if reasons:
            later, before = (by_ident[ident] for ident in pair)
            whose = " and ".join(dict.fromkeys(told.people[one.member] if one.member else "Nobody" for one in (later, before)))
            answer.rows[*pair, later.currency] = (later.minor, (later.day - before.day).days, whose, "; ".join(reasons))
            answer.behind[*pair, later.currency] = set(pair)
    once = {(later, currency): row[0] for (later, _, currency), row in answer.rows.items()}
    for (_, currency), minor in once.items():
        answer.totals[currency] = (answer.totals.get(currency, (0,))[0] + minor, None, None, None)
    return answer


def _neighbours(things: list[Thing], keys: Callable[[Thing], Iterator[Any]]) -> Iterator[tuple[Thing, Thing]]:
    alike: dict[Any, list[Thing]] = defaultdict(list)
    for one in things:
        for key in keys(one):
            alike[key].append(one)
    for found in alike.values():
        yield from pairwise(sorted(found, key=lambda one: (one.day, one.ident)))


def _same_merchant(one: Thing) -> Iterator[Any]:
    if one.merchant:
        yield one.merchant, one.currency, one.minor


def _same_words(one: Thing) -> Iterator[Any]:
    if one.said:
        yield one.said, one.currency, one.minor


def _same_person(one: Thing) -> Iterator[Any]:
    if one.member and one.source != "statement":
        yield from ((one.member, amount) for amount in {(one.currency, one.minor), one.paid or (one.currency, one.minor)})


_ALIKE: list[tuple[str, Callable[[Thing], Iterator[Any]], int | None, Callable[[Thing, Thing], bool]]] = [
    *(
        ("Same merchant and amount", keys, 3, lambda a, b: a.statement is None or (a.statement, a.day) != (b.statement, b.day))
        for keys in (_same_merchant, _same_words)
    ),
    ("Claimed and paid by card", _same_person, 7, lambda a, b: {a.source, b.source} == {"card", "claim"}),
    ("Same receipt", lambda one: iter(one.receipts), None, lambda _a, _b: True),
]


def missing_receipts(told: Told, asked: Asked) -> Answer:
    answer = Answer()
    frozen: dict[tuple, set[Any]] = defaultdict(set)
    for one in told.things:
        if one.misses_receipt_since and one.approval in UNFINISHED:
            key, since = (one.member, one.currency), one.misses_receipt_since
            minor, n, oldest, reminded, _ = answer.rows.get(key, (0, 0, 0, 0, 0))
            if one.card and told.today >= since + told.freezes_after * DAY:
                frozen[key].add(one.card)
            reminded += told.today >= since + told.reminds_after * DAY
            answer.rows[key] = minor + one.minor, n + 1, max(oldest, (told.today - one.day).days), reminded, len(frozen[key])
            answer.behind.setdefault(key, set()).add(one.ident)
    answer.totals = added(answer.rows, 0, 1, 3)
    return answer


def approval_ageing(told: Told, asked: Asked) -> Answer:
    """What several may decide is with each of them, and once in the totals."""
    waiting: dict[tuple, list[Thing]] = defaultdict(list)
    totals: dict[str, list[Thing]] = defaultdict(list)
    for one in told.things:
        if one.asked_on:
            totals[one.currency].append(one)
            for member in one.with_whom or {0}:
                waiting[member, one.currency].append(one)
    behind = {key: {one.ident for one in found} for key, found in waiting.items()}
    return Answer(
        {key: _aged(found, told.today) for key, found in waiting.items()},
        {currency: _aged(found, told.today) for currency, found in totals.items()},
        behind,
    )


def _aged(found: list[Thing], today: date) -> tuple:
    days = [(today - one.asked_on).days for one in found if one.asked_on]
    spans = [(0, 2), (3, 7), (8, 14), (15, 10**6)]
    buckets = [sum(first <= day <= last for day in days) for first, last in spans]
    return sum(one.minor for one in found), len(found), *buckets, max(days)


def claims_outstanding(told: Told, asked: Asked) -> Answer:
    found: dict[tuple, list[tuple[Thing, int]]] = defaultdict(list)
    for one in told.things:
        if one.source == "claim" and one.approval == "waiting":
            found[one.member, "waiting", one.currency].append((one, one.minor))
        if one.source == "claim" and one.payment in {"unpaid", "gathered"}:
            found[one.member, one.payment, one.currency].append((one, one.minor))
        if one.owes:
            found[one.member, "owes", one.currency].append((one, one.owed))
    answer = Answer()
    for key, those in found.items():
        amount = sum(minor for _, minor in those)
        both = (None, amount) if key[1] == "owes" else (amount, None)
        answer.rows[key] = (*both, len(those), max((told.today - one.day).days for one, _ in those))
        answer.behind[key] = {one.ident for one, _ in those}
    answer.totals = added(answer.rows, 0, 1, 2)
    return answer


WINDOWS: dict[str, Callable[[date], date]] = {
    "day": lambda day: day,
    "week": lambda day: day - day.weekday() * DAY,
    "month": lambda day: day.replace(day=1),
    "quarter": lambda day: date(day.year, (day.month - 1) // 3 * 3 + 1, 1),
    "year": lambda day: date(day.year, 1, 1),
    "all_time": lambda _day: date.min,
}


def counted(told: Told, card: Carried, window: str, today: date) -> list[Thing]:
    """What counts in a window of a card: from its first day on, or of one that refills, what is not approved."""
    of_it = [one for one in told.things if one.counts and told.first_cards.get(one.card, one.card) == card.first]
    if window == "unapproved":
        return [one for one in of_it if one.approval != "approved"]
    return [one for one in of_it if WINDOWS[window](today) == WINDOWS[window](one.day)]


def card_limits(told: Told, asked: Asked) -> Answer:
    answer = Answer()
    for card in told.cards:
        for interval, amount, number in card.limits:
            window = "unapproved" if card.refills and interval == "all_time" and amount is not None else interval
            found = counted(told, card, window, told.today)
            holder = told.people[card.member]
            if amount is not None:
                key, used = (card.ident, window, card.currency), sum(one.held + one.spent for one in found)
                answer.rows[key] = (used, amount, max(0, amount - used), None, None, percent(used, amount), holder)
            else:
                assert number is not None
                key, used = (card.ident, f"purchases_{window}", card.currency), len(found)
                answer.rows[key] = (None, None, None, used, number, percent(used, number), holder)
            answer.behind[key] = {one.ident for one in found}
    return answer


def declines(told: Told, asked: Asked) -> Answer:
    """Swipes alone: a claim that somebody rejected is none."""
    [by] = asked.by
    groups: dict[tuple, list[Thing]] = defaultdict(list)
    for one in told.things:
        if one.source == "card" and one.declined and asked.holds(one.day):
            groups[one.declined if by == "reason" else getattr(one, by), one.currency].append(one)
    answer = Answer()
    for key, found in groups.items():
        said = [
            *([] if by == "reason" else [_most(one.declined for one in found).replace("_", " ").capitalize()]),
            *([] if by == "merchant" else [told.merchants[_most(one.merchant for one in found)]]),
        ]
        answer.rows[key] = (*_declined(found), *said)
        answer.behind[key] = {one.ident for one in found}
    for currency in {currency for _, currency in groups}:
        found = [one for (_, code), those in groups.items() if code == currency for one in those]
        answer.totals[currency] = (*_declined(found), *([None] * (1 if by in {"reason", "merchant"} else 2)))
    return answer


def _declined(found: list[Thing]) -> tuple[int, int, int]:
    return sum(one.minor for one in found), len(found), len({one.card for one in found})


def _most(values: Iterable[Any]) -> Any:
    counted = Counter(values)
    return min(counted, key=lambda value: (-counted[value], value))


def close_list(told: Told, asked: Asked) -> Answer:
    """Of a month: uncategorised spend by its posting, everything else by the day of purchase."""
    answer = Answer()

    def open_(name: str, minor: int, items: int, currency: str, ident: Any) -> None:
        before = answer.rows.get((name, currency), (0, 0))
        answer.rows[name, currency] = before[0] + minor, before[1] + items
        answer.behind.setdefault((name, currency), set()).add(ident)

    for line in told.lines:
        if asked.holds(line.day) and not line.of["category"] and (line.minor or line.items):
            open_("uncategorised", line.minor, line.items, line.currency, line.thing)
    for one in told.things:
        if asked.holds(one.day):
            for name, minor in _open_of(one, told.today):
                open_(name, minor, 1, one.currency, one.ident)
    answer.rows = {key: row for key, row in answer.rows.items() if row != (0, 0)}
    return answer


_NOT_APPROVED = {"open": "not_submitted", "changes_requested": "sent_back", "waiting": "waiting"}


def _open_of(one: Thing, today: date) -> Iterator[tuple[str, int]]:
    if one.approval in UNFINISHED:
        yield _NOT_APPROVED[one.approval], one.minor
        if one.misses_receipt_since:
            yield "missing_receipts", one.minor
    if one.payment == "unpaid":
        yield "unpaid_claims", one.minor
    if one.owes:
        yield "repayments", one.owed
    if one.held and (today - one.day).days > 7:
        yield "on_hold", one.held
    if one.source == "statement" and not one.member:
        yield "without_owner", one.minor


REPORTS: dict[str, Callable[[Told, Asked], Answer]] = {
    "spend": spend,
    "movers": movers,
    "new-merchants": new_merchants,
    "subscriptions": subscriptions,
    "duplicates": duplicates,
    "missing-receipts": missing_receipts,
    "approval-ageing": approval_ageing,
    "claims-outstanding": claims_outstanding,
    "card-limits": card_limits,
    "declines": declines,
    "close-list": close_list,
}
