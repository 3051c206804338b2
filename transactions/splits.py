"""The parts of a split transaction: what each comes to, its lines of spend, and what budgets count of it.

The caller holds the locks of the card and of the transaction. A budget counts a part that is its own instead of what the purchase was
authorized on: that move is one Draw out of every budget around the purchase's, and one into every budget around the part's.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from django.db.models import Sum

from cards import counters
from cards.counters import Share
from cards.locks import lock_budgets
from cards.models import Budget, LimitCounter
from cards.models.budgets import ids_of
from spendtrackr import errors, locales
from spendtrackr.money import Money, allocate
from transactions import draws, rollups
from transactions.draws import Ceiling
from transactions.models import Account, Entry, Message, SpendLine, Split, Transaction
from transactions.purchases import Move


class OverBudget(errors.InvalidState):
    """A hard budget has not enough room for what somebody wants it to count."""

    code = "over_budget"


class BooksClosed(errors.InvalidState):
    """Some of it was posted by the day through which the books are closed: it stays booked as it is."""

    code = "books_closed"

    def __init__(self, through: date, *, field: str | None = None) -> None:
        closed = f"The books are closed through {locales.day(through)}"
        super().__init__(f"{closed}: what was posted by then stays booked as it is.", field=field)


def parts_of(purchase: Transaction) -> list[Split]:
    """In their order; none where it is not split."""
    return list(Split.objects.filter(transaction=purchase).select_related("budget").order_by("position")) if purchase.is_split else []


def chains(purchase: Transaction) -> list[str]:
    """Of every budget that counts something of it."""
    own = [purchase.budget] if purchase.budget else []
    return [budget.chain for budget in (*own, *(part.budget for part in parts_of(purchase))) if budget]


def shared(amount_minor: int, parts: Sequence[Split]) -> list[int]:
    """An amount in the proportion of the parts, to the minor unit."""
    return allocate(amount_minor, [abs(part.share_minor) for part in parts])


def largest(parts: Sequence[Split]) -> int:
    """The place of the largest part, the first of equals: under its category a list shows the whole, and there it is counted once."""
    return max(range(len(parts)), key=lambda place: (abs(parts[place].share_minor), -place))


def write_lines(entry: Entry, purchase: Transaction, moves: Sequence[Move]) -> list[SpendLine]:
    """The lines of what an entry moved into `spent`, or out of it."""
    minor = sum(move.amount * ((move.target == Account.SPENT) - (move.source == Account.SPENT)) for move in moves)
    return SpendLine.objects.bulk_create(spend_lines(entry, purchase, minor)) if minor else []


def spend_lines(entry: Entry, purchase: Transaction, amount_minor: int) -> list[SpendLine]:
    """What an entry moved into `spent`, or out of it, one line for each part. Not saved yet."""
    parts = parts_of(purchase)
    if not parts:
        return [SpendLine.of(entry, purchase, amount_minor)]
    most = largest(parts)
    return [
        SpendLine.of(entry, purchase, minor, counts=int(place == most), **_booked_to(part, purchase))
        for place, (part, minor) in enumerate(zip(parts, shared(amount_minor, parts), strict=True))
        if minor or place == most
    ]


def _booked_to(part: Split, purchase: Transaction) -> dict[str, int | None]:
    return {
        "category_id": part.category_id,
        "department_id": part.department_id or purchase.department_id,
        "budget_id": part.budget_id or purchase.budget_id,
    }


DIMENSIONS = ("category_id", "department_id", "member_id", "card_id", "merchant_id", "budget_id")
Standing = dict[tuple[int | None, ...], list[int]]


def recode(purchase: Transaction, *, closed_through: date | None, field: str, anew: bool = False) -> None:
    """Take lines back where they should not stand any more and write them where they should, on their original days.

    The sums of the days stay. With `anew` all of its lines, also those that stand where they should: accounting is told of a change by
    new lines, and another tax moves none. `closed_through` is what `share_books` answered: there is no other way to move spend that was
    posted, whoever asks for it. Raises `BooksClosed` naming the field.
    """
    lines = []
    for entry, there in standing_by_entry(purchase).items():
        moved = rewritten(entry, purchase, there) if anew else list(differences(entry, purchase, there).items())
        if moved and closed_through and entry.day <= closed_through:
            raise BooksClosed(closed_through, field=field)
        for place, (minor, items) in moved:
            where = dict(zip(DIMENSIONS, place, strict=True))
            line = SpendLine(entry=entry, transaction=purchase, day=entry.day, currency=purchase.currency, counts=items, **where)
            line.amount_minor = minor
            lines.append(line)
    SpendLine.objects.bulk_create(lines)
    rollups.add(lines)


def standing_by_entry(purchase: Transaction) -> dict[Entry, Standing]:
    """What the lines of a purchase come to, by entry and all dimensions: amounts and how many happenings."""
    sums = SpendLine.objects.filter(transaction=purchase).values_list("entry_id", *DIMENSIONS)
    found: dict[int, Standing] = defaultdict(dict)
    for entry_id, *place, minor, items in sums.annotate(minor=Sum("amount_minor"), items=Sum("counts")).order_by("entry_id", *DIMENSIONS):
        found[entry_id][tuple(place)] = [minor, items]
    return {entry: found[entry.pk] for entry in Entry.objects.filter(pk__in=found).order_by("pk")}


def rewritten(entry: Entry, purchase: Transaction, there: Standing) -> list[tuple[tuple[int | None, ...], list[int]]]:
    """All that stands taken back, then all that should stand."""
    back = [(place, [-minor, -items]) for place, (minor, items) in there.items()]
    return [pair for pair in (*back, *_wanted(entry, purchase, there).items()) if pair[1] != [0, 0]]


def differences(entry: Entry, purchase: Transaction, there: Standing) -> Standing:
    """By how much each place is off, what is to be taken back first."""
    wanted = _wanted(entry, purchase, there)
    off = {place: [wanted[place][at] - there.get(place, [0, 0])[at] for at in (0, 1)] for place in [*there, *wanted]}
    return {place: both for place, both in off.items() if both != [0, 0]}


def _wanted(entry: Entry, purchase: Transaction, there: Standing) -> Standing:
    wanted: Standing = defaultdict(lambda: [0, 0])
    for line in spend_lines(entry, purchase, sum(minor for minor, _ in there.values())):
        sums = wanted[tuple(getattr(line, name) for name in DIMENSIONS)]
        sums[0] += line.amount_minor
        sums[1] += line.counts
    return wanted


def gather(purchase: Transaction, *, message: Message | None, at: datetime) -> dict[int, int]:
    """Before money moves: let the purchase's own budget count all of it again. Answers what each counter had used, for `spread`."""
    parts = parts_of(purchase)
    return _count(purchase, parts, [0] * len(parts), message=message, at=at)


def spread(purchase: Transaction, *, message: Message | None, drawn: draws.Drawn, at: datetime) -> None:
    """After money moved: what each part comes to now, and let its own budget count that. A fact, whatever it does to a limit.

    `drawn` is what the purchase's own budgets were moved by: they are told of together with those of the parts, when both are counted.
    """
    parts = parts_of(purchase)
    for part, minor in zip(parts, shared(purchase.amount_minor, parts), strict=True):
        part.amount_minor = minor
    Split.objects.bulk_update(parts, ["amount_minor"])
    _count(purchase, parts, counted(purchase, parts), message=message, drawn=drawn, at=at)


def request(purchase: Transaction, *, at: datetime) -> None:
    """Let the budgets of its parts count what they come to, where somebody asks for that. Raises `OverBudget`."""
    parts = parts_of(purchase)
    if parts:
        _count(purchase, parts, counted(purchase, parts), message=None, at=at, is_request=True)


def counted(purchase: Transaction, parts: Sequence[Split]) -> list[int]:
    """What the own budget of each part counts of it."""
    posted = draws.share_of(purchase).posted_minor
    return [
        minor if part.budget_id and part.budget_id != purchase.budget_id else 0
        for part, minor in zip(parts, shared(posted, parts), strict=True)
    ]


def replace(purchase: Transaction, parts: Sequence[Split], *, at: datetime) -> None:
    """Split it anew, or with no parts not at all. Raises `OverBudget` where a hard budget has not the room."""
    before, wanted = parts_of(purchase), counted(purchase, parts) if parts else []

    def write() -> None:
        Split.objects.filter(transaction=purchase).delete()
        amounts = shared(purchase.amount_minor, parts) if parts else []
        for position, part in enumerate(parts):
            part.transaction, part.position = purchase, position
            part.amount_minor, part.posted_minor = amounts[position], wanted[position]
        Split.objects.bulk_create(parts)

    moved = _change(purchase, [*before, *parts], [*(-part.posted_minor for part in before), *wanted])
    _move(purchase, moved, write, message=None, is_request=True, at=at)


def _count(
    purchase: Transaction, parts: list[Split], wanted: Sequence[int], *, message: Message | None, at: datetime,
    drawn: draws.Drawn | None = None, is_request: bool = False,
) -> dict[int, int]:  # fmt: skip
    moved = _change(purchase, parts, [minor - part.posted_minor for part, minor in zip(parts, wanted, strict=True)])

    def write() -> None:
        for part, minor in zip(parts, wanted, strict=True):
            part.posted_minor = minor
        Split.objects.bulk_update(parts, ["posted_minor"])

    return _move(purchase, moved, write, message=message, at=at, drawn=drawn, is_request=is_request)


def _change(purchase: Transaction, parts: Iterable[Split], moved: Iterable[int]) -> dict[int, int]:
    """By how much what a budget counts changes, with all those that it lies in: more for each part, as much less for the purchase's own."""
    change: Counter[int] = Counter()
    for part, minor in zip(parts, moved, strict=True):
        if minor and part.budget:
            change.update(dict.fromkeys(ids_of(part.budget.chain), minor))
            change.subtract(dict.fromkeys(ids_of(purchase.budget.chain) if purchase.budget else (), minor))
    return {pk: minor for pk, minor in change.items() if minor}


def _move(
    purchase: Transaction, change: Mapping[int, int], write: Callable[[], None], *, message: Message | None, at: datetime,
    is_request: bool = False, drawn: draws.Drawn | None = None,
) -> dict[int, int]:  # fmt: skip
    """Move the counters of some budgets, and write what that stands for. Counters open from what is in the database: they come first."""
    budgets = lock_budgets(*(f"{pk}." for pk in change))
    found = counters.of_budgets(budgets, purchase.occurred_on, history=draws.history_of)
    used = {counter.pk: counter.used_minor for _, counter in found}
    for budget, counter in found if is_request else ():
        _must_have_room(budget, counter, change[budget.pk])
    write()
    for budget, counter in found:
        minor = change[budget.pk]
        ceiling = {counter.pk: Ceiling(budget.limit_minor if budget.is_hard else None)}
        draws.draw(purchase, message, [counter], Share(posted_minor=minor), ceilings=ceiling, is_approval=is_request and minor > 0)
    if is_request or drawn:
        # Of a budget that both moved, its counter as it is after the second.
        latest = {budget.pk: (budget, counter) for budget, counter in (*(drawn.of_budgets if drawn else ()), *found)}
        draws.tell_of_thresholds(list(latest.values()), {**used, **(drawn.used_before if drawn else {})}, at=at)
    return used


def _must_have_room(budget: Budget, counter: LimitCounter, minor: int) -> None:
    if minor <= 0:
        return
    if not budget.is_open:
        raise errors.InvalidState(f"The budget {budget.name} is closed.", field="splits")
    if budget.is_hard and counter.used_minor + minor > budget.limit_minor:
        left = Money(max(0, budget.limit_minor - counter.used_minor), budget.currency)
        raise OverBudget(f"{budget.name} has {left.written()} left in that period.", field="splits")


def as_seen(parts: Iterable[Any]) -> list[list[Any]]:
    """What a decision is bound to of the parts, of rows or of objects."""
    return [[part.share_minor, part.category_id, part.department_id, part.budget_id, part.memo] for part in parts]
