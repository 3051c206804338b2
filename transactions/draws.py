"""Record what a message draws from the counters of its purchase, and move them along."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from django.db.models import Count, Q, Sum

from cards import counters
from cards.controls import Limit, counted_by
from cards.counters import ALWAYS, Counters, Share
from cards.locks import lock_budgets
from cards.models import Budget, Card, CardMode, Interval, LimitCounter
from cards.operations.budgets import crossed, tell_of_crossed
from cards.operations.controls import Controls
from cards.queries import granted_minor
from transactions import swipe_sql
from transactions.models import ApprovalState, Draw, Message, Split, Transaction, TransactionSource
from transactions.queries import COUNTING, POSTED, of_chain


@dataclass(frozen=True, slots=True)
class Ceiling:
    """What a counter may come to, grants included. None is no limit that holds."""

    minor: int | None = None
    purchases: int | None = None


NO_CEILING = Ceiling()
Ceilings = dict[int, Ceiling]


def ceilings(drawn: Counters, limits: Sequence[Limit], *, mode: str, granted_minor: int, is_single_use: bool = False) -> Ceilings:
    """By counter: the limits of a card in its mode with what its live grants add, and the hard budgets. Soft ones refuse nothing."""
    granted = 0 if mode == CardMode.ZERO_UNTIL_GRANTED else granted_minor
    amounts = {counted_by(limit, mode): limit.amount_minor + granted for limit in limits if limit.amount_minor is not None}
    counts = {limit.interval: limit.count for limit in limits if limit.count is not None}
    if is_single_use:
        counts[Interval.ALL_TIME] = 1
    found = {counter.pk: Ceiling(amounts.get(interval), counts.get(interval)) for interval, counter in drawn.of_card.items()}
    return found | {counter.pk: Ceiling(budget.limit_minor if budget.is_hard else None) for budget, counter in drawn.of_budgets}


def draw(
    purchase: Transaction, message: Message | None, drawn: Iterable[LimitCounter], share: Share, *, ceilings: Ceilings | None = None,
    is_approval: bool = False,
) -> None:  # fmt: skip
    """Move these counters by a share, and write a Draw for each; nothing when the share is nothing.

    The caller holds the locks of the card and of the budgets. The database refuses an approval beyond a ceiling.
    """
    moved = list(drawn)
    if share.is_nothing or not moved:
        return
    rows = [
        Draw(
            transaction_id=purchase.pk,
            message_id=message.pk if message else None,
            counter_id=counter.pk,
            seq=counter.draws + 1,
            used_before_minor=counter.used_minor,
            held_delta_minor=share.held_minor,
            posted_delta_minor=share.posted_minor,
            limit_minor=(ceilings or {}).get(counter.pk, NO_CEILING).minor,
            purchases_before=counter.purchases,
            purchases_delta=share.purchases,
            purchases_most=(ceilings or {}).get(counter.pk, NO_CEILING).purchases,
            is_approval=is_approval,
        )
        for counter in moved
    ]
    counters.move(moved, share)
    swipe_sql.insert(rows)


def counters_of(card: Card, purchase: Transaction, day: date) -> Counters:
    """The counters that a purchase of that day moves, with the locks of its budgets taken. The caller holds the card's."""
    budgets = lock_budgets(purchase.budget.chain if purchase.budget else "")
    return counters.find(card, day, budgets=budgets, grant_id=purchase.grant_id, wanted=[ALWAYS], history=history_of)


@dataclass(frozen=True, slots=True)
class Drawn:
    """Budgets with their counters as they are now, and what each counter had used before, by its key."""

    of_budgets: list[tuple[Budget, LimitCounter]]
    used_before: Mapping[int, int]


def follow(
    card: Card, purchase: Transaction, message: Message, before: Share, after: Share, *, day_before: date, is_approved: bool, at: datetime,
) -> Drawn:  # fmt: skip
    """Take a purchase's counters from one fold to the next, as a fact: what it comes to is recorded and never refused.

    A message may tell of an earlier authorization than was known: then the purchase moves to the windows of that day. What budgets have to
    be told of is for the caller: of a split purchase that is not known before its parts are counted.
    """
    found = counters_of(card, purchase, purchase.occurred_on)
    used_before = {counter.pk: counter.used_minor for _, counter in found.of_budgets}
    if day_before != purchase.occurred_on:
        leave(card, purchase, message, found, before, day=day_before)
        before = Share()
    rules = Controls.of(card.rules)
    limits = ceilings(found, rules.limits, mode=rules.mode, granted_minor=granted_minor(card, at=at))
    if is_approved:
        found.of_card.pop(Interval.UNAPPROVED, None)
    draw(purchase, message, found, after - before, ceilings=limits)
    return Drawn(found.of_budgets, used_before)


def leave(card: Card, purchase: Transaction, message: Message, found: Counters, share: Share, *, day: date) -> None:
    """Take a purchase out of the windows of a day that it does not belong to, and bring those of `found` that changed up to date."""
    budgets = [budget for budget, _ in found.of_budgets]
    was = counters.find(card, day, budgets=budgets, grant_id=purchase.grant_id, wanted=[], history=history_of)
    if purchase.approval == ApprovalState.APPROVED:
        was.of_card.pop(Interval.UNAPPROVED, None)
    draw(purchase, message, was, -share)
    moved = {counter.pk: counter for counter in was}
    found.of_card = {interval: moved.get(counter.pk, counter) for interval, counter in found.of_card.items()}
    found.of_budgets = [(budget, moved.get(counter.pk, counter)) for budget, counter in found.of_budgets]
    found.of_grant = moved.get(found.of_grant.pk, found.of_grant) if found.of_grant else None


def approval_moved(purchase: Transaction, *, from_: ApprovalState, to: ApprovalState) -> None:
    """On a card that refills by approval, what is approved gives its room back, and what is not any more takes it again.

    The caller holds the locks of the card and of the purchase.
    """
    was, is_now = from_ == ApprovalState.APPROVED, to == ApprovalState.APPROVED
    if purchase.card is None or was == is_now:
        return
    counter = LimitCounter.objects.filter(card_id=purchase.card.counting_id, interval=Interval.UNAPPROVED).first()
    if counter:
        share = share_of(purchase)
        draw(purchase, None, [counter], -share if is_now else share)


def share_of(purchase: Transaction) -> Share:
    """What the purchase comes to in its counters, as its row stands."""
    spent = purchase.captured_minor - purchase.refunded_minor - purchase.charged_back_minor
    return Share(purchase.held_minor, max(0, spent), int(purchase.held_minor > 0 or purchase.captured_minor > 0))


def tell_of_thresholds(drawn: list[tuple[Budget, LimitCounter]], used_before: Mapping[int, int], *, at: datetime) -> None:
    """An event for each threshold that a budget's period crossed upwards."""
    for budget, counter in drawn:
        percents = crossed(used_before[counter.pk], counter.used_minor, budget.limit_minor)
        tell_of_crossed(budget, counter.starts_on, percents, used_minor=counter.used_minor, at=at)


def history_of(of: Card | Budget, interval: Interval, start: date, end: date | None) -> Share:
    """What all purchases of a card or a budget that are known by now came to in a window."""
    rows = Transaction.objects.filter(source=TransactionSource.CARD)
    rows = rows.filter(of_chain(of.counting_id) if isinstance(of, Card) else Q(budget__chain__startswith=of.chain))
    is_unapproved = interval == Interval.UNAPPROVED
    rows = rows.exclude(approval=ApprovalState.APPROVED) if is_unapproved else rows.filter(occurred_on__gte=start)
    share = share_of_all(rows.filter(occurred_on__lt=end) if end else rows)
    return replace(share, posted_minor=share.posted_minor + _moved_into(of, start, end)) if isinstance(of, Budget) else share


def _moved_into(budget: Budget, start: date, end: date | None) -> int:
    """What parts of other purchases are booked to a budget, less what parts of its own are booked elsewhere."""
    days = Q(transaction__occurred_on__gte=start) & (Q(transaction__occurred_on__lt=end) if end else Q())
    into, out_of = (
        Split.objects.filter(days, **{f"{of}__chain__startswith": budget.chain}).aggregate(total=Sum("posted_minor"))["total"] or 0
        for of in ("budget", "transaction__budget")
    )
    return int(into - out_of)


def share_of_all(rows: Any) -> Share:
    """The sum of the shares of some purchases, in one query."""
    sums = rows.aggregate(held=Sum("held_minor"), posted=Sum(POSTED), purchases=Count("pk", filter=COUNTING))
    return Share(sums["held"] or 0, sums["posted"] or 0, sums["purchases"])
