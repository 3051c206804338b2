"""Limits: counters are their draws, no draw approved too much, and windows are the purchases made in them."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date
from itertools import groupby
from operator import attrgetter
from typing import Any

from django.db.models import Count, F, Q, Sum
from django.db.models.functions import Greatest

from cards.counters import window_end
from cards.models import Budget, Card, CardRequest, Interval, LimitCounter, LimitGrant, RequestKind, RequestStatus
from reports.verification.walking import NOBODY, Told, confirmed, hanging_on, listed, parts
from spendtrackr.periods import month_of
from transactions.models import ApprovalState, Draw, Split, Transaction, TransactionSource

_COUNTER = (
    "card_id", "budget_id", "grant_id", "interval", "starts_on", "opening_held_minor", "opening_posted_minor", "opening_purchases",
    "held_minor", "posted_minor", "purchases", "draws",
)  # fmt: skip
# What is read at once.
_DRAWS = 10_000
_CARDS = 50


def counters(told: Told = NOBODY) -> Iterator[str]:
    """Replayed in order, the draws are the counter; no approval among them exceeds its limit."""
    for part in parts(LimitCounter.objects.all(), told=told):
        for some in _bounded(listed(part, *_COUNTER)):
            undrawn = {counter.pk: counter for counter in some}
            for pk, draws in groupby(_draws([*undrawn]), key=attrgetter("counter_id")):
                yield from _counter(undrawn.pop(pk), draws)
            for counter in undrawn.values():
                yield from _counter(counter, [])


def _bounded(counters: list[Any]) -> Iterator[list[Any]]:
    """Counters in order, with a bounded number of draws between them; one that has more stands alone."""
    some: list[Any] = []
    draws = 0
    for counter in counters:
        if some and draws + counter.draws > _DRAWS:
            yield some
            some, draws = [], 0
        some.append(counter)
        draws += counter.draws
    if some:
        yield some


def _draws(counters: list[int]) -> Iterator[Any]:
    """The draws of these counters in their order, each with what its counter kept when it was read."""
    rows = hanging_on(Draw, counter_id__in=counters).order_by("counter_id", "seq").values_list(
        "counter_id", "seq", "used_before_minor", "held_delta_minor", "posted_delta_minor", "limit_minor", "is_approval",
        "purchases_before", "purchases_delta", "purchases_most",
        "counter__held_minor", "counter__posted_minor", "counter__purchases", "counter__draws", named=True,
    )  # fmt: skip
    if len(counters) > 1:
        yield from rows
        return
    last = -1
    while block := list(rows.filter(seq__gt=last)[:_DRAWS]):
        yield from block
        last = block[-1].seq


def _counter(counter: Any, draws: Iterable[Any]) -> Iterator[str]:
    held, posted, purchases, seq = counter.opening_held_minor, counter.opening_posted_minor, counter.opening_purchases, 0
    kept = (counter.held_minor, counter.posted_minor, counter.purchases, counter.draws)
    for draw in draws:
        seq += 1
        if draw.seq != seq or draw.used_before_minor != held + posted:
            yield f"draw {draw.seq} of counter {counter.pk} says {draw.used_before_minor} was used; those before say {held + posted}"
            break
        if draw.purchases_before != purchases:
            yield f"draw {draw.seq} of counter {counter.pk} says {draw.purchases_before} purchases; those before say {purchases}"
            break
        held, posted, purchases = held + draw.held_delta_minor, posted + draw.posted_delta_minor, purchases + draw.purchases_delta
        if draw.is_approval and draw.limit_minor is not None and held + posted > draw.limit_minor:
            yield f"draw {draw.seq} of counter {counter.pk} approved {held + posted} over a limit of {draw.limit_minor}"
        if draw.is_approval and draw.purchases_most is not None and purchases > draw.purchases_most:
            yield f"draw {draw.seq} of counter {counter.pk} approved {purchases} purchases of at most {draw.purchases_most}"
        # Read with the draw: a swipe since the counter was read is in both.
        kept = (draw.counter__held_minor, draw.counter__posted_minor, draw.counter__purchases, draw.counter__draws)
    if kept != (held, posted, purchases, seq):
        yield f"counter {_named(counter)} keeps held {kept[0]}, posted {kept[1]}, {kept[2]}; its draws say {held}, {posted}, {purchases}"


def _named(counter: Any) -> str:
    of = (
        f"card {counter.card_id}"
        if counter.card_id
        else f"budget {counter.budget_id}"
        if counter.budget_id
        else f"grant {counter.grant_id}"
    )
    return f"{counter.pk} ({of}, {counter.interval} from {counter.starts_on})"


def windows(told: Told = NOBODY) -> Iterator[str]:
    """Each counter of a card, a budget or a grant is the sum of the purchases of its window."""
    for part in parts(Card.objects.all(), told=told, size=_CARDS):
        yield from confirmed(_card_windows, [card.pk for card in listed(part)])
    for part in parts(Budget.objects.all(), told=told, size=_CARDS):
        yield from confirmed(_budget_windows, listed(part, "chain"))
    for part in parts(LimitGrant.objects.all(), told=told):
        yield from confirmed(_grant_windows, [grant.pk for grant in listed(part)])


# Held, posted, and how many purchases.
Sums = tuple[int, int, int]
_NOTHING: Sums = (0, 0, 0)
_LIVE = Q(held_minor__gt=0) | Q(captured_minor__gt=0)
_POSTED = Greatest(F("captured_minor") - F("refunded_minor") - F("charged_back_minor"), 0)


def _by(rows: Any, *keys: str) -> list[tuple[Any, ...]]:
    """What these purchases come to by some keys, added up by the server: the keys, then held, posted and how many."""
    sums = rows.filter(source=TransactionSource.CARD).values_list(*keys).annotate(
        sum_held=Sum("held_minor"), sum_posted=Sum(_POSTED), count_live=Count("pk", filter=_LIVE)
    )  # fmt: skip
    return list(sums.order_by())


class _Days:
    """What each day came to, ready to be added up between any two."""

    def __init__(self, rows: Iterable[tuple[date, int, int, int]]) -> None:
        self.days: list[date] = []
        self._totals: list[Sums] = [_NOTHING]
        for day, *sums in sorted(rows):
            self.days.append(day)
            self._totals.append(_added(self._totals[-1], (sums[0], sums[1], sums[2])))

    def between(self, start: date, end: date | None) -> Sums:
        first, last = bisect_left(self.days, start), bisect_left(self.days, end) if end else len(self.days)
        before, until = self._totals[first], self._totals[last]
        return until[0] - before[0], until[1] - before[1], until[2] - before[2]


def _added(one: Sums, other: Sums) -> Sums:
    return one[0] + other[0], one[1] + other[1], one[2] + other[2]


def _compared(counter: Any, expected: Sums) -> Iterator[str]:
    kept = (counter.held_minor, counter.posted_minor, counter.purchases)
    if kept != expected:
        yield f"counter {_named(counter)} keeps {kept}; its purchases say {expected}"


def _card_windows(cards: list[int]) -> Iterator[str]:
    """A replacement draws from the counters of the card that it goes on from."""
    first = Q(pk__in=cards, counts_with=None) | Q(counts_with_id__in=cards)
    counts_with = {pk: counting_id or pk for pk, counting_id in Card.objects.filter(first).values_list("pk", "counts_with_id")}
    counters = listed(hanging_on(LimitCounter, card_id__in=cards), *_COUNTER)
    of_these = hanging_on(Transaction, card_id__in=counts_with)
    by_card: dict[int, dict[date, Sums]] = defaultdict(dict)
    for card_id, day, *sums in _by(of_these, "card_id", "occurred_on"):
        days = by_card[counts_with[card_id]]
        days[day] = _added(days.get(day, _NOTHING), (sums[0], sums[1], sums[2]))
    unapproved: dict[int, Sums] = defaultdict(lambda: _NOTHING)
    for card_id, *sums in _by(of_these.exclude(approval=ApprovalState.APPROVED), "card_id"):
        unapproved[counts_with[card_id]] = _added(unapproved[counts_with[card_id]], (sums[0], sums[1], sums[2]))
    days_of = {card_id: _Days((day, *sums) for day, sums in days.items()) for card_id, days in by_card.items()}
    months = {(card_id, month_of(day).start) for card_id, days in by_card.items() for day, sums in days.items() if any(sums)}
    for counter in counters:
        if counter.interval == Interval.MONTH:
            months.discard((counter.card_id, counter.starts_on))
        if counter.interval == Interval.UNAPPROVED:
            yield from _compared(counter, unapproved[counter.card_id])
        else:
            end = window_end(Interval(counter.interval), counter.starts_on)
            yield from _compared(counter, days_of.get(counter.card_id, _Days([])).between(counter.starts_on, end))
    for card_id, start in sorted(months):
        yield f"card {card_id} has purchases but no counter from {start}"


def _budget_windows(budgets: list[Any]) -> Iterator[str]:
    """A budget is drawn from by what lies inside it, too."""
    for budget in budgets:
        inside = Transaction.objects.filter(budget__chain__startswith=budget.chain)
        days = _Days([*_by(inside, "occurred_on"), *_parts_elsewhere(budget)])
        for counter in listed(hanging_on(LimitCounter, budget_id=budget.pk), *_COUNTER):
            end = window_end(Interval(counter.interval), counter.starts_on)
            yield from _compared(counter, days.between(counter.starts_on, end))


def _parts_elsewhere(budget: Any) -> Iterator[tuple[date, int, int, int]]:
    """What parts of other purchases are booked to a budget, less what parts of its own are booked elsewhere, by day."""
    for of, sign in (("budget", 1), ("transaction__budget", -1)):
        rows = Split.objects.filter(**{f"{of}__chain__startswith": budget.chain}).exclude(posted_minor=0)
        for day, minor in rows.values_list("transaction__occurred_on").annotate(total=Sum("posted_minor")).order_by():
            yield day, 0, sign * minor, 0


def _grant_windows(grants: list[int]) -> Iterator[str]:
    used = {
        grant_id: (held, posted, count) for grant_id, held, posted, count in _by(hanging_on(Transaction, grant_id__in=grants), "grant_id")
    }
    uncounted = set(grants)
    for counter in listed(hanging_on(LimitCounter, grant_id__in=grants), *_COUNTER):
        uncounted.discard(counter.grant_id)
        yield from _compared(counter, used.get(counter.grant_id, _NOTHING))
    for grant_id in sorted(uncounted):
        yield f"grant {grant_id} has no counter"


def budgets(told: Told = NOBODY) -> Iterator[str]:
    """Each budget's chain is its parent's with it at its end, and its parent is older: locks have one order."""
    # As many as a company has envelopes.
    rows = listed(Budget.objects.all(), "public_id", "parent_id", "chain")
    chains = {row.pk: row.chain for row in rows}
    for row in rows:
        expected = f"{chains.get(row.parent_id, '') if row.parent_id else ''}{row.pk}."
        if row.chain != expected or (row.parent_id or 0) >= row.pk:
            yield f"budget {row.public_id} has the chain {row.chain}; its parent says {expected}"


_OUTCOME = {RequestKind.CARD: "issued_card_id", RequestKind.GRANT: "grant_id"}


def requests(told: Told = NOBODY) -> Iterator[str]:
    """What was approved was done, nothing else was, and nobody decided their own."""
    for part in parts(CardRequest.objects.all(), told=told):
        for row in listed(part, "public_id", "kind", "status", "requester_id", "decided_by_id", "issued_card_id", "grant_id"):
            if row.decided_by_id == row.requester_id and row.status != RequestStatus.WITHDRAWN:
                yield f"request {row.public_id} was decided by who asked"
            done = {name for name in ("issued_card_id", "grant_id") if getattr(row, name)}
            wanted = {_OUTCOME[RequestKind(row.kind)]} if row.status == RequestStatus.APPROVED and row.kind in _OUTCOME else set()
            if done != wanted:
                yield f"request {row.public_id} is {row.status}, and what came of it is {sorted(done) or 'nothing'}"
