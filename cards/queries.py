"""Reads of cards, of budgets and of what is left on them; and who decides about requests."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from cards.controls import Limit, Used, counted_by
from cards.counters import CARD_INTERVALS, OF_MONTHS, budget_start, window_end, window_start
from cards.models import (
    THRESHOLDS,
    BlockList,
    Budget,
    Card,
    CardMode,
    CardRequest,
    CardRequestQuerySet,
    CardStatus,
    CardUsage,
    Interval,
    LimitCounter,
    LimitGrant,
    RequestKind,
    RequestStatus,
)
from cards.operations.controls import Controls
from companies.models import Company
from spendtrackr.money import Money
from spendtrackr.periods import Period, month_of
from users.models import Membership, MembershipStatus
from users.queries import approvers_of_all, waiting_on
from users.roles import Role


@dataclass(frozen=True, slots=True)
class Meter:
    """A limit in force: what its window used, and what is left. Amounts are `Money`, counts plain numbers.

    `used` is None where the limit is newer than its window and nothing was counted yet: the card's next purchase opens the counter
    with what came before. `granted` is what live grants add; `since` is None for a window without an end.
    """

    interval: Interval
    used: Money | int | None
    limit: Money | int
    since: date | None = None
    granted: Money | None = None

    @property
    def is_count(self) -> bool:
        return isinstance(self.limit, int)

    @property
    def window(self) -> str:
        return _WINDOWS[self.interval]

    @property
    def is_unapproved(self) -> bool:
        """Whether it counts what is not approved yet, of a card that refills by approval."""
        return self.interval == Interval.UNAPPROVED

    @property
    def left(self) -> Money | int | None:
        return None if self.used is None else self._as_limit(max(0, _plain(self.limit) - _plain(self.used)))

    @property
    def over(self) -> Money | int | None:
        """By how much it is exceeded, as facts, lowered limits and grants that end may leave it."""
        beyond = _plain(self.used or 0) - _plain(self.limit)
        return self._as_limit(beyond) if beyond > 0 else None

    def _as_limit(self, value: int) -> Money | int:
        return Money(value, self.limit.currency) if isinstance(self.limit, Money) else value

    @property
    def until(self) -> date | None:
        """The last day of the window."""
        end = window_end(self.interval, self.since) if self.since else None
        return end - timedelta(days=1) if end else None

    @property
    def percent(self) -> int:
        """Of the limit, for a bar's width; at most a hundred."""
        limit = _plain(self.limit)
        return min(100, _plain(self.used or 0) * 100 // limit) if limit else 100


_WINDOWS = {
    Interval.DAY: "today",
    Interval.WEEK: "this week",
    Interval.MONTH: "this month",
    Interval.QUARTER: "this quarter",
    Interval.YEAR: "this year",
    Interval.ALL_TIME: "altogether",
    Interval.UNAPPROVED: "not approved yet",
}


def _plain(value: Money | int) -> int:
    return value.minor if isinstance(value, Money) else value


@dataclass(frozen=True, slots=True)
class GrantStanding:
    """A live grant. Only a card that has no room of its own uses grants one by one; of others `used` is None."""

    grant: LimitGrant
    amount: Money
    used: Money | None

    @property
    def left(self) -> Money | None:
        return Money(max(0, self.amount.minor - self.used.minor), self.amount.currency) if self.used else None

    @property
    def percent(self) -> int:
        return min(100, self.used.minor * 100 // self.amount.minor) if self.used else 0

    @property
    def last_day(self) -> datetime:
        """A moment of the last day on which it counts: it expires with the first instant of the day after."""
        return self.grant.expires_at - timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Standing:
    """A card with its limits, as far as they are used, and its live grants. `used` is of this calendar month, limited or not."""

    card: Card
    today: date
    used: Money
    meters: list[Meter]
    grants: list[GrantStanding]
    # Whether a card for one purchase had it.
    is_spent: bool = False
    # What its budgets leave, where that is less than its own room.
    bound: Bound | None = None

    @property
    def since(self) -> date:
        return month_of(self.today).start

    @property
    def mode(self) -> str:
        return str(self.card.rules.mode)

    @property
    def state(self) -> str:
        """A word or two for a person: a card on which nothing is approved is not shown as active."""
        rules = self.card.rules
        if self.card.status != CardStatus.ACTIVE:
            return str(self.card.status)
        if self.card.open_freezes:  # type: ignore[attr-defined]  # by `with_state`
            return "frozen"
        if rules.locks_on and rules.locks_on <= self.today:
            return "locked"
        return "not valid yet" if rules.valid_from and rules.valid_from > self.today else "active"

    @property
    def room(self) -> Money | None:
        """The most that its own limits and grants leave for a purchase; None where they set no end."""
        if self.mode == CardMode.ZERO_UNTIL_GRANTED:
            left = [grant.left for grant in self.grants if grant.left]
            return max(left, default=Money(0, self.card.currency))
        return min((meter.left for meter in self.meters if isinstance(meter.left, Money)), default=None)

    @property
    def can_be_granted(self) -> bool:
        """Whether a grant would change anything: a card without an amount limit has all the room there is."""
        return self.mode == CardMode.ZERO_UNTIL_GRANTED or any(not meter.is_count for meter in self.meters)

    @property
    def merchant(self) -> str:
        """Of a merchant-locked card: as people read its merchant; blank where its first purchase decides."""
        return readable_merchant(self.card.merchant_key)


def readable_merchant(key: str) -> str:
    """A merchant's key without what only machines need: a name as it was folded, or `id:` and the network's id."""
    return key.removeprefix("name:")


def standings(cards: Iterable[Card], company: Company, *, at: datetime, reader: Membership | None = None) -> list[Standing]:
    """Two queries for any number of cards: their counters of all current windows, and their live grants. The cards come `with_state`.

    For a `reader`, with what the budgets of the cards leave: at most three queries more.
    """
    shown, today = list(cards), company.day_of(at)
    counted = {card.counting_id for card in shown}
    starts = {interval: window_start(interval, today) for interval in CARD_INTERVALS}
    current = Q(interval=Interval.MONTH, starts_on__gte=_first_month(shown, starts))
    for interval, start in starts.items():
        current |= Q(interval=interval, starts_on=start)
    found: dict[int, list[LimitCounter]] = {}
    for counter in LimitCounter.objects.filter(current, card_id__in=counted):
        found.setdefault(counter.card_id or 0, []).append(counter)
    granted: dict[int, list[LimitGrant]] = {}
    for grant in _live(at).filter(card_id__in=counted):
        granted.setdefault(grant.card_id, []).append(grant)
    books = (_Book(found.get(card.counting_id, []), starts, _written_on(card, company)) for card in shown)
    found_ones = [_standing(card, today, book, granted.get(card.counting_id, [])) for card, book in zip(shown, books, strict=True)]
    return _with_bounds(found_ones, today, reader) if reader else found_ones


def _written_on(card: Card, company: Company) -> date:
    """The day on which its limits were set: those of a lost card that it took over are no newer for that."""
    while card.replaces is not None and card.rules.created_at == card.created_at:
        card = card.replaces
    return company.day_of(card.rules.created_at)


def _with_bounds(shown: list[Standing], today: date, reader: Membership) -> list[Standing]:
    open_ones = [one for one in shown if one.card.budget and one.card.status in {CardStatus.ACTIVE, CardStatus.PENDING}]
    drawn = {one.card.budget.pk: one.card.budget for one in open_ones if one.card.budget}
    envelopes = Envelopes.read(drawn.values(), today, reader)
    bounds = {one.card.pk: envelopes.bound_of(one.card.budget, room=one.room) for one in open_ones if one.card.budget}
    return [replace(one, bound=bounds.get(one.card.pk)) for one in shown]


def with_standings(cards: Iterable[Card], company: Company, *, at: datetime) -> list[Card]:
    """Each with its `standing`. Of cards that come `with_state`, for two queries whatever their number."""
    found = standings(cards, company, at=at)
    for standing in found:
        standing.card.standing = standing  # type: ignore[attr-defined]
    return [standing.card for standing in found]


def _first_month(cards: Iterable[Card], starts: dict[Interval, date]) -> date:
    """From here on months are read: a long window whose counter is not open yet is what its months come to."""
    asked = {limit.interval for card in cards for limit in Controls.of(card.rules).limits}
    asked |= {Interval.ALL_TIME for card in cards if card.usage == CardUsage.SINGLE_USE}
    return min((starts[interval] for interval in asked & OF_MONTHS), default=starts[Interval.MONTH])


def _standing(card: Card, today: date, book: _Book, grants: list[LimitGrant]) -> Standing:
    is_zero = card.rules.mode == CardMode.ZERO_UNTIL_GRANTED
    more = 0 if is_zero else sum(grant.amount_minor for grant in grants)
    month, ever = book.used(Interval.MONTH), book.used(Interval.ALL_TIME)
    return Standing(
        card,
        today,
        Money(month.minor if month else 0, card.currency),
        [_meter(card, limit, book, more) for limit in Controls.of(card.rules).limits],
        [_grant_standing(card, grant, is_zero=is_zero) for grant in grants],
        is_spent=card.usage == CardUsage.SINGLE_USE and ever is not None and ever.purchases > 0,
    )


def _meter(card: Card, limit: Limit, book: _Book, granted_minor: int) -> Meter:
    since = book.starts[limit.interval] if limit.interval != Interval.ALL_TIME else None
    if limit.amount_minor is None:
        used = book.used(limit.interval)
        return Meter(limit.interval, used.purchases if used else None, limit.count or 0, since)
    interval, granted = counted_by(limit, card.rules.mode), Money(granted_minor, card.currency)
    used, total = book.used(interval), Money(limit.amount_minor, card.currency) + granted
    return Meter(interval, Money(used.minor, card.currency) if used else None, total, since, granted if granted_minor else None)


def _grant_standing(card: Card, grant: LimitGrant, *, is_zero: bool) -> GrantStanding:
    used = Money(grant.counter.used_minor, card.currency) if is_zero else None
    return GrantStanding(grant, Money(grant.amount_minor, card.currency), used)


class _Book:
    """What the windows of one card used, from its counters of now."""

    def __init__(self, counters: list[LimitCounter], starts: dict[Interval, date], written_on: date) -> None:
        self.starts = starts
        # The day on which the controls in force were written.
        self._written_on = written_on
        self._open = {
            Interval(counter.interval): counter for counter in counters if counter.starts_on == starts[Interval(counter.interval)]
        }
        self._months = [counter for counter in counters if counter.interval == Interval.MONTH]

    def used(self, interval: Interval) -> Used | None:
        """None where the window's counter is not open, and what was bought before the limit was set may have been in it."""
        if counter := self._open.get(interval):
            return Used(counter.used_minor, counter.purchases)
        start = self.starts[interval]
        months = [counter for counter in self._months if counter.starts_on >= month_of(start).start]
        months_used = Used(sum(month.used_minor for month in months), sum(month.purchases for month in months))
        if interval in OF_MONTHS or months_used == Used() or interval == Interval.MONTH:
            return months_used
        # Were there a purchase since the limit was set, the counter would be open; before that day, it need not be.
        return Used() if self._written_on < start else None


def block_list() -> BlockList:
    """Where no card of the company may be used; an empty one that is not kept, where nothing was ever blocked."""
    return BlockList.objects.first() or BlockList()


def _live(at: datetime) -> QuerySet[LimitGrant]:
    live = LimitGrant.objects.filter(revoked_at=None, granted_at__lte=at, expires_at__gt=at)
    return live.select_related("counter").order_by("expires_at", "pk")


def amount_limit(card: Card, interval: Interval) -> Money | None:
    """What the card may spend in each such window; None where nothing limits the amount."""
    limits = (limit.amount_minor for limit in Controls.of(card.rules).limits if limit.interval == interval)
    minor = next((minor for minor in limits if minor is not None), None)
    return None if minor is None else Money(minor, card.currency)


def live_grants(card: Card, *, at: datetime) -> QuerySet[LimitGrant]:
    """Those that may still be used, the first to expire first. They belong to the first of a row of replacements."""
    return _live(at).filter(card_id=card.counting_id)


def grants() -> QuerySet[LimitGrant]:
    """All of them, with the `mode` of the card that uses them: of a row of replacements the last."""
    last = Card.objects.filter(counts_with=OuterRef("card")).order_by("-pk").values("controls__mode")[:1]
    return LimitGrant.objects.annotate(mode=Coalesce(Subquery(last), "card__controls__mode"))


def granted_minor(card: Card, *, at: datetime) -> int:
    """What they come to together."""
    return live_grants(card, at=at).order_by().aggregate(total=Sum("amount_minor"))["total"] or 0


@dataclass(frozen=True, slots=True)
class BudgetStanding:
    """A budget with what is on hold and what has cleared of its current period. `until` is None for a budget that is filled once."""

    budget: Budget
    since: date
    until: date | None
    held: Money
    posted: Money

    @property
    def used(self) -> Money:
        return self.held + self.posted

    @property
    def remaining(self) -> Money:
        """Below zero where more is used than there is, as facts and lowered limits may leave it."""
        return self.budget.limit - self.used

    @property
    def over(self) -> Money | None:
        """By how much it is exceeded."""
        return -self.remaining if self.remaining.minor < 0 else None

    @property
    def percent(self) -> int:
        """Used, of the limit, in whole percents; of an envelope of nothing, a hundred once something is used."""
        if not self.budget.limit_minor:
            return 100 if self.used.minor else 0
        return self.used.minor * 100 // self.budget.limit_minor

    @property
    def warning(self) -> int | None:
        """The highest threshold that is reached, in percent."""
        return max((percent for percent in THRESHOLDS if self.percent >= percent), default=None)

    @property
    def bars(self) -> tuple[int, int]:
        """Widths of a bar out of a hundred: what has cleared, and what is on hold behind it."""
        most = max(self.budget.limit_minor, self.used.minor) or 1
        cleared = self.posted.minor * 100 // most
        return cleared, self.used.minor * 100 // most - cleared

    @property
    def last(self) -> date | None:
        """The last day of the period; None for a budget that is filled once."""
        return Period(self.since, self.until).last if self.until else None

    @property
    def period(self) -> str:
        """The period as people say it: `November 2026`; blank for a budget that is filled once."""
        return str(Period(self.since, self.until)) if self.until else ""


def budget_standings(budgets: Iterable[Budget], today: date) -> list[BudgetStanding]:
    """One query for any number of budgets. A period without a counter is one in which nothing was bought."""
    shown = [(budget, budget_start(budget, today)) for budget in budgets]
    counters = LimitCounter.objects.filter(budget_id__in=[budget.pk for budget, _ in shown], starts_on__in={start for _, start in shown})
    used = {(counter.budget_id, counter.starts_on): counter for counter in counters}
    found = []
    for budget, start in shown:
        counter = used.get((budget.pk, start))
        held, posted = (counter.held_minor, counter.posted_minor) if counter else (0, 0)
        end = window_end(Interval(budget.interval), start)
        found.append(BudgetStanding(budget, start, end, Money(held, budget.currency), Money(posted, budget.currency)))
    return found


@dataclass(frozen=True, slots=True)
class Bound:
    """A hard or closed budget that leaves less than what lies below it. `name` is blank for who may not see it: no figure is shown then."""

    name: str
    left: Money
    is_closed: bool = False

    @property
    def over(self) -> Money | None:
        return -self.left if self.left.minor < 0 else None

    @property
    def is_used_up(self) -> bool:
        return self.is_closed or self.left.minor <= 0

    @property
    def room(self) -> Money:
        """What can really be drawn."""
        return Money(0 if self.is_closed else max(0, self.left.minor), self.left.currency)


@dataclass(frozen=True, slots=True)
class Envelopes:
    """Some budgets with every one above them, as far as they are used. Of those that the reader may not see, they learn no figure."""

    standings: dict[int, BudgetStanding]
    visible: frozenset[int]

    @classmethod
    def read(cls, budgets: Iterable[Budget], today: date, reader: Membership) -> Envelopes:
        """Three queries at most: those above that are not among them, what the reader may see, and the counters."""
        known = {budget.pk: budget for budget in budgets}
        above = {pk for budget in known.values() for pk in budget.chain_ids} - set(known)
        known |= {budget.pk: budget for budget in Budget.objects.filter(pk__in=above)} if above else {}
        if reader.sees("budgets") or not known:
            visible = frozenset(known)
        else:
            visible = frozenset(Budget.objects.visible_to(reader).filter(pk__in=known).values_list("pk", flat=True))
        return cls({one.budget.pk: one for one in budget_standings(known.values(), today)} if known else {}, visible)

    def bound_of(self, budget: Budget, *, room: Money | None) -> Bound | None:
        """The tightest of a budget and all above it, where that is less than `room`; None is room without end."""
        return self._tightest(budget.chain_ids, room)

    def bound_above(self, standing: BudgetStanding) -> Bound | None:
        """The tightest of those above a budget, where that is less than what the budget itself leaves, or nothing at all."""
        left = standing.remaining if standing.budget.is_hard else max(standing.remaining, Money(1, standing.budget.currency))
        return self._tightest(standing.budget.chain_ids[1:], left)

    def _tightest(self, chain: Iterable[int], room: Money | None) -> Bound | None:
        bounds = [self._bound(self.standings[pk]) for pk in chain if pk in self.standings and self._binds(self.standings[pk].budget)]
        tightest = min(bounds, key=lambda bound: (not bound.is_closed, bound.left.minor), default=None)
        return tightest if tightest and (room is None or tightest.left < room or (tightest.is_closed and room.minor > 0)) else None

    @staticmethod
    def _binds(budget: Budget) -> bool:
        return budget.is_hard or not budget.is_open

    def _bound(self, standing: BudgetStanding) -> Bound:
        budget = standing.budget
        return Bound(budget.name if budget.pk in self.visible else "", standing.remaining, is_closed=not budget.is_open)


@dataclass(frozen=True, slots=True)
class BudgetBranch:
    """A budget with its place among those that are shown: 0 where the one above it is not; and the one above that leaves less."""

    standing: BudgetStanding
    depth: int
    bound: Bound | None = None


def budget_branches(budgets: Iterable[Budget], today: date, reader: Membership) -> list[BudgetBranch]:
    """`budget_tree` of these, with what those above them leave, whether or not they are among them."""
    shown = list(budgets)
    envelopes = Envelopes.read(shown, today, reader)
    branches = budget_tree(envelopes.standings[budget.pk] for budget in shown)
    return [replace(branch, bound=envelopes.bound_above(branch.standing)) for branch in branches]


def fullest_budgets(reader: Membership, currency: str, today: date, *, most: int) -> list[BudgetBranch]:
    """Those open budgets that the reader may see, the most used of their limit first, with what those above them leave.

    Two queries: all above an open budget is open, too, and read with it.
    """
    seen = Budget.objects.visible_to(reader).filter(pk=OuterRef("pk"))
    rows = {budget.pk: budget for budget in Budget.objects.filter(closed_at=None, currency=currency).annotate(is_seen=Exists(seen))}
    shown = [budget for budget in rows.values() if budget.is_seen]  # type: ignore[attr-defined]  # by the query
    wanted = {pk for budget in shown for pk in budget.chain_ids}
    standings = {one.budget.pk: one for one in budget_standings((row for pk, row in rows.items() if pk in wanted), today)}
    envelopes = Envelopes(standings, frozenset(budget.pk for budget in shown))
    fullest = sorted((standings[budget.pk] for budget in shown), key=lambda one: (-one.percent, one.budget.name))
    return [BudgetBranch(one, 0, envelopes.bound_above(one)) for one in fullest[:most]]


def budget_tree(standings: Iterable[BudgetStanding]) -> list[BudgetBranch]:
    """Each before what lies inside it, each level by name."""
    rows = sorted(standings, key=lambda row: (row.budget.name_key, row.budget.pk))
    shown = {row.budget.pk for row in rows}
    inside: dict[int | None, list[BudgetStanding]] = {}
    for row in rows:
        parent = row.budget.parent_id
        inside.setdefault(parent if parent in shown else None, []).append(row)

    def below(parent_id: int | None, depth: int) -> list[BudgetBranch]:
        return [
            branch
            for row in inside.get(parent_id, [])
            for branch in (BudgetBranch(row, depth), *below(row.budget.pk, depth + 1))
        ]  # fmt: skip

    return below(None, 0)


def budgets_to_draw_from(member: Membership, currency: str) -> QuerySet[Budget]:
    """The open budgets that a member may see, for a card of this currency."""
    return Budget.objects.visible_to(member).filter(closed_at=None, currency=currency).order_by("name", "pk")


def deciders_of_all(rows: Iterable[CardRequest]) -> dict[int, list[Membership]]:
    """For whom each request waits, by its database id: the owner of its budget, else whoever approves the requester's spend.

    Two queries whatever their number, for requests that come `with_names`. Who runs the company may decide besides: `may_decide`.
    """
    asked = list(rows)
    owners = {row.pk: owner for row in asked if (owner := _deciding_owner(row))}
    approvers = approvers_of_all(row.requester for row in asked if row.pk not in owners)
    return {row.pk: [owners[row.pk]] if row.pk in owners else approvers[row.requester_id] for row in asked}


def _deciding_owner(row: CardRequest) -> Membership | None:
    """The owner of the budget that the card would draw from, where they can decide about somebody else's request."""
    owner = row.budget.owner if row.budget else None
    if owner is None or owner.pk == row.requester_id or not owner.is_active or not owner.user.is_active or owner.role == Role.AUDITOR:
        return None
    return owner


def may_decide(member: Membership, row: CardRequest) -> bool:
    """Whoever it waits for, or who runs the company. Nobody decides their own."""
    if row.requester_id == member.pk or not member.is_active:
        return False
    return member.does_to_all("requests.decide") or member.pk in {one.pk for one in deciders_of_all([row])[row.pk]}


def requests_waiting_for(member: Membership) -> CardRequestQuerySet:
    """The requests that wait for this member, the oldest first: `deciders_of_all`, asked the other way round."""
    rows: CardRequestQuerySet = CardRequest.objects.filter(status=RequestStatus.WAITING).exclude(requester=member)
    others = Q(budget__owner=F("requester")) | ~Q(budget__owner__status=MembershipStatus.ACTIVE)
    others |= Q(budget__owner__user__is_active=False) | Q(budget__owner__role=Role.AUDITOR)
    mine = Q(requester_id__in=waiting_on(member)) & (Q(budget=None) | others)
    if member.is_active and member.role != Role.AUDITOR:
        mine |= Q(budget__owner=member)
    return rows.filter(mine).with_names().order_by("pk")


def with_deciders(rows: Iterable[CardRequest]) -> list[CardRequest]:
    """Each with `waits_for`: whom it waits for, and nobody once it is decided."""
    found = list(rows)
    deciders = deciders_of_all(row for row in found if row.status == RequestStatus.WAITING)
    for row in found:
        row.waits_for = deciders.get(row.pk, [])  # type: ignore[attr-defined]
    return found


def with_rooms(rows: Iterable[CardRequest], reader: Membership, *, at: datetime) -> list[CardRequest]:
    """Each with what there is now, for whoever decides: `now`, the limits of its card that more is asked of, and `room`, its budget's.

    A few queries for any number of requests that come `with_names`.
    """
    found, company = list(rows), reader.company
    cards = Card.objects.visible_to(reader).with_state().filter(pk__in={row.card_id for row in found if row.card_id})
    now = {one.card.pk: one for one in standings(cards, company, at=at, reader=reader)}
    envelopes = Envelopes.read({row.budget for row in found if row.budget}, company.day_of(at), reader)
    for row in found:
        standing = now.get(row.card_id or 0)
        row.now = _asked_of(row, standing) if standing else []  # type: ignore[attr-defined]
        row.grants = standing.grants if standing and standing.mode == CardMode.ZERO_UNTIL_GRANTED else []  # type: ignore[attr-defined]
        row.card_bound = standing.bound if standing else None  # type: ignore[attr-defined]
        room = envelopes.standings[row.budget.pk] if row.budget and row.budget.pk in envelopes.visible else None
        row.room = room  # type: ignore[attr-defined]
        row.room_bound = envelopes.bound_above(room) if room else None  # type: ignore[attr-defined]
    return found


def _asked_of(row: CardRequest, standing: Standing) -> list[Meter]:
    """The limit that a raise would raise; for once, more is asked of every amount limit."""
    amounts = [meter for meter in standing.meters if not meter.is_count]
    if row.kind != RequestKind.RAISE:
        return amounts
    counted = {row.interval, Interval.UNAPPROVED} if row.interval == Interval.ALL_TIME else {row.interval}
    return [meter for meter in amounts if meter.interval in counted]
