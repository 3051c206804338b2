"""What is bought when: habits laid out over the months, with weekdays, seasons, growth and bursts of travel."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from reports.demo.cast import DemoCompany, Fate, Habit, Once, Person, Place, Routine, Shop, Subscription, Trips, Wallet
from spendtrackr.periods import add_months, month_of

MONTHS = 15
_RECENT = timedelta(days=28)
# Ends of a month are busy, weekends and the days between the years are not.
_WEEKEND, _BETWEEN_THE_YEARS, _MONTH_END = 0.07, 0.03, 1.9
_RAISE, _CALLED_OFF = 1.09, 0.06
_RESTAURANT = "5812"
_SHIPS = {"5943", "5732", "5045", "5200", "5065", "5072"}


@dataclass(frozen=True, slots=True)
class Plan:
    """One purchase to make: when, with which card, where, for how much, what becomes of it, and how far its paper gets."""

    at: datetime
    day: date
    person: Person
    card: str
    shop: Shop
    minor: int
    ending: str
    memo: str = ""
    fate: Fate = Fate.DONE

    @property
    def booked_minor(self) -> int:
        """What is captured in the end."""
        return self.minor * _PER_CENT.get(self.ending, 100) // 100

    @property
    def clears_after(self) -> timedelta:
        """From the swipe to the last capture."""
        return timedelta(days=5 if self.ending == "parts" else 1 + self.minor % 3, hours=3)

    @property
    def is_spend(self) -> bool:
        return self.ending not in {"reverse", "decline"}


_PER_CENT = {"tip": 118, "less": 87}


def first_day(until: date, months: int = MONTHS) -> date:
    return add_months(month_of(until).start, 1 - months)


def plans(company: DemoCompany, until: date, months: int = MONTHS) -> list[Plan]:
    """All purchases of a company up to and including `until`, in order of time. Fewer months are the end of more."""
    found = [plan for person in company.people for wallet in person.wallets for plan in _of_wallet(company, person, wallet, until)]
    found += [_attempt(company, until, number) for number in range(len(company.attempts))]
    ordered = sorted(found, key=lambda plan: (plan.at, plan.person.email, plan.shop.name, plan.minor))
    return [plan for plan in _with_fates(company, ordered, until) if first_day(until, months) <= plan.day]


def _of_wallet(company: DemoCompany, person: Person, wallet: Wallet, until: date) -> Iterator[Plan]:
    last = until - timedelta(days=person.left)
    for number, habit in enumerate(wallet.habits):
        if isinstance(habit, Once):
            yield _once(company, person, wallet, habit, until)
            continue
        for ago in range(MONTHS - 1, -1, -1):
            month = add_months(month_of(until).start, -ago)
            dice = _dice(f"{person.email} {wallet.name} {number} {month:%Y-%m}")
            desk = _Desk(company, person, wallet, month, ago, dice)
            yield from (plan for plan in desk.lay_out(habit) if first_day(until) <= plan.day <= last)


def _once(company: DemoCompany, person: Person, wallet: Wallet, habit: Once, until: date) -> Plan:
    day = workday(until - timedelta(days=habit.days_ago))
    return Plan(instant(company, day, 10, 20), day, person, wallet.name, habit.shop, habit.minor, "capture", habit.memo)


def _dice(seed: str) -> random.Random:
    return random.Random(seed)  # noqa: S311 -- a believable year, not a secret


@dataclass(frozen=True, slots=True)
class _Desk:
    """One habit of one card in one month."""

    company: DemoCompany
    person: Person
    wallet: Wallet
    month: date
    ago: int
    dice: random.Random

    def lay_out(self, habit: Habit) -> Iterator[Plan]:
        match habit:
            case Subscription():
                yield from self.subscription(habit)
            case Routine():
                yield from self.routine(habit)
            case Trips():
                yield from self.trips(habit)

    def subscription(self, habit: Subscription) -> Iterator[Plan]:
        shop = habit.shop
        minor = round(shop.low * _RAISE) if habit.rise_ago and self.ago < habit.rise_ago else shop.low
        day = self.month.replace(day=habit.day)
        yield self._plan(day, (2, 6), shop, minor, ending="capture", memo=habit.memo)

    def routine(self, habit: Routine) -> Iterator[Plan]:
        days = list(_days_of(self.month))
        weights = [_weight(day) for day in days]
        for _ in range(self._times(habit.per_month)):
            shop = self.dice.choice(habit.shops)
            memo = self.dice.choice(habit.memos) if habit.memos else ""
            yield self._plan(
                self.dice.choices(days, weights)[0], habit.hours, shop, self._price(shop), ending=self._ending(shop), memo=memo
            )

    def trips(self, habit: Trips) -> Iterator[Plan]:
        starts = [day for day in _days_of(self.month) if day.weekday() < 3 and _weight(day) > _WEEKEND]
        for _ in range(self._times(habit.per_month)):
            memo, place = self.dice.choice(habit.memos), self.dice.choice(habit.places)
            yield from self._trip(place, self.dice.choice(starts), self.dice.randint(1, 3), f"{memo}, {place.city}")

    def _trip(self, place: Place, start: date, nights: int, memo: str) -> Iterator[Plan]:
        fare, hotel = self.dice.choice(place.fares), self.dice.choice(place.hotels)
        booked = start - timedelta(days=self.dice.randint(5, 16))
        yield self._plan(
            workday(booked), (9, 17), fare, self._price(fare), ending="refund" if self.dice.random() < _CALLED_OFF else "capture", memo=memo
        )
        room = self._price(hotel) * (1 + nights) // 4
        yield self._plan(start, (15, 20), hotel, room, ending=self.dice.choice(("capture", "less", "less")), memo=memo)
        for day in (start, start + timedelta(days=nights)):
            ride = self.dice.choice(place.rides)
            yield self._plan(day, (7, 19), ride, self._price(ride), ending="tip" if self.dice.random() < 0.3 else "capture")
        for number in range(nights):
            shop = self.dice.choice(place.meals)
            yield self._plan(start + timedelta(days=number), (12, 21), shop, self._price(shop), ending=self._ending(shop))

    def _times(self, per_month: float) -> int:
        """How often this month. What is done just once a month is like clockwork."""
        growth, lull = 1.16 - 0.026 * self.ago, self.company.lull.get(self.month.month, 1)
        expected = per_month * (growth * lull * self.company.pace if per_month != 1 else 1)
        return int(expected) + (self.dice.random() < expected % 1)

    def _price(self, shop: Shop) -> int:
        """Most are nearer to the lower end."""
        if shop.low == shop.high:
            return shop.low
        return round(self.dice.triangular(shop.low, shop.high, shop.low + (shop.high - shop.low) / 4))

    def _ending(self, shop: Shop) -> str:
        chance = self.dice.random()
        if shop.code == _RESTAURANT and self.company.country == "US" and chance < 0.6:
            return "tip"
        if chance > 0.965:
            return "reverse"
        if shop.code in _SHIPS:
            return "refund" if chance < 0.06 else "part refund" if chance < 0.13 else "parts" if chance < 0.22 else "capture"
        return "part refund" if chance < 0.01 else "capture"

    def _plan(self, day: date, hours: tuple[int, int], shop: Shop, minor: int, *, ending: str, memo: str = "") -> Plan:
        at = instant(self.company, day, self.dice.randint(hours[0], hours[1] - 1), self.dice.randint(0, 59))
        # Nobody tries again and again what their card would not allow.
        most = min(minor, self.wallet.cap or minor)
        return Plan(at, day, self.person, self.wallet.name, shop, most, ending, memo)


def instant(company: DemoCompany, day: date, hour: int, minute: int) -> datetime:
    return datetime.combine(day, time(hour, minute), ZoneInfo(company.time_zone)).astimezone(UTC)


def _days_of(month: date) -> Iterator[date]:
    for number in range((add_months(month, 1) - month).days):
        yield month + timedelta(days=number)


def _weight(day: date) -> float:
    """How much is going on."""
    if (day.month, day.day) >= (12, 22) or (day.month, day.day) <= (1, 2):
        return _BETWEEN_THE_YEARS
    if day.weekday() > 4:
        return _WEEKEND
    return _MONTH_END if (day + timedelta(days=4)).month != day.month else 1


def workday(day: date) -> date:
    """The day, or the Friday before it."""
    return day - timedelta(days=max(0, day.weekday() - 4))


def _attempt(company: DemoCompany, until: date, number: int) -> Plan:
    attempt = company.attempts[number]
    day = workday(until - timedelta(days=attempt.days_ago))
    at = instant(company, day, attempt.hour, 10 + number)
    return Plan(at, day, company.person(attempt.email), attempt.card, attempt.shop, attempt.minor, "decline")


def evening_before(company: DemoCompany, until: date) -> datetime:
    """Up to here paper was done: what is left is for whoever looks at the demo."""
    return instant(company, until - timedelta(days=1), 20, 0)


def _with_fates(company: DemoCompany, ordered: list[Plan], until: date) -> list[Plan]:
    """The latest purchases of each person take the fates that their company lists; of the older ones some were argued about."""
    fated = dict(enumerate(ordered))
    for unfinished in company.unfinished:
        wanted = [
            number
            for number, plan in sorted(fated.items(), reverse=True)
            if plan.person.email == unfinished.email
            and plan.fate == Fate.DONE
            and plan.is_spend
            and plan.booked_minor >= unfinished.least
            and plan.day > until - _RECENT
            and plan.at + plan.clears_after < evening_before(company, until)
        ]
        for number in wanted[: unfinished.count]:
            fated[number] = replace(fated[number], fate=unfinished.fate)
    return [_argued(plan, until) for _, plan in sorted(fated.items())]


def _argued(plan: Plan, until: date) -> Plan:
    is_old = plan.is_spend and plan.fate == Fate.DONE and plan.booked_minor >= 80_00 and plan.day <= until - _RECENT
    return replace(plan, fate=Fate.ARGUED) if is_old and (plan.minor + plan.day.toordinal()) % 31 == 0 else plan
