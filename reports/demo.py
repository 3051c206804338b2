"""The demo's companies: who works there, what they buy and when. Deterministic: the same day gives the same figures."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from spendtrackr.periods import add_months, month_of

PASSWORD = "spend-it-well-2026"  # noqa: S105 -- printed by the demo, and refused everywhere else
MONTHS = 12


@dataclass(frozen=True, slots=True)
class Shop:
    """A merchant and how it is used. Amounts in minor units; `every` is days between visits, 0 a monthly subscription."""

    name: str
    code: str
    country: str
    low: int
    high: int
    every: int = 0
    day: int = 1


@dataclass(frozen=True, slots=True)
class Person:
    name: str
    email: str
    role: str
    card: str = ""
    cap: int | None = None
    monthly: int | None = None
    shops: tuple[Shop, ...] = ()


@dataclass(frozen=True, slots=True)
class DemoCompany:
    name: str
    country: str
    currency: str
    time_zone: str
    funding: int
    people: tuple[Person, ...] = field(default_factory=tuple)


NORTHWIND = DemoCompany(
    name="Northwind Traders", country="US", currency="USD", time_zone="America/New_York", funding=40_000_00,
    people=(
        Person("Alice Moreau", "alice@northwind.example", "owner", "Leadership", shops=(
            Shop("Lufthansa", "3008", "DE", 420_00, 1_480_00, every=58), Shop("The Hoxton", "7011", "GB", 240_00, 890_00, every=61),
            Shop("Blue Hill", "5812", "US", 86_00, 310_00, every=33))),
        Person("Frank Osei", "frank@northwind.example", "finance", "Subscriptions", shops=(
            Shop("Amazon Web Services", "7372", "US", 1_180_00, 1_940_00, day=3), Shop("Figma", "5734", "US", 225_00, 225_00, day=8),
            Shop("GitHub", "7372", "US", 294_00, 336_00, day=12), Shop("Slack", "4816", "US", 410_00, 468_00, day=15),
            Shop("Verizon Business", "4814", "US", 312_40, 355_10, day=20), Shop("Google Ads", "7311", "US", 900_00, 3_600_00, day=27))),
        Person("Erin Walsh", "erin@northwind.example", "employee", "Sales travel", cap=2_500_00, monthly=6_000_00, shops=(
            Shop("Delta Air Lines", "3058", "US", 188_00, 742_00, every=24), Shop("Marriott", "3509", "US", 164_00, 690_00, every=27),
            Shop("Uber", "4121", "US", 11_40, 64_80, every=12), Shop("Hertz", "3357", "US", 92_00, 318_00, every=63))),
        Person("Bob Tanaka", "bob@northwind.example", "employee", "Office", cap=1_200_00, monthly=2_400_00, shops=(
            Shop("Staples", "5943", "US", 18_30, 214_00, every=21), Shop("Whole Foods", "5411", "US", 34_10, 148_60, every=17),
            Shop("FedEx", "4215", "US", 22_00, 96_00, every=29), Shop("Apple Store", "5732", "US", 129_00, 1_399_00, every=74))),
        Person("Audrey Klein", "audrey@northwind.example", "auditor"),
    ),
)  # fmt: skip
BERGWERK = DemoCompany(
    name="Bergwerk GmbH", country="DE", currency="EUR", time_zone="Europe/Berlin", funding=15_000_00,
    people=(
        Person("Mallory Brandt", "mallory@bergwerk.example", "owner", "Verwaltung", shops=(
            Shop("Hetzner Online", "7372", "DE", 310_00, 395_00, day=2), Shop("Deutsche Telekom", "4814", "DE", 139_95, 139_95, day=10),
            Shop("Deutsche Bahn", "4112", "DE", 29_90, 189_00, every=19))),
        Person("Jonas Weber", "jonas@bergwerk.example", "employee", "Werkstatt", cap=800_00, monthly=1_500_00, shops=(
            Shop("Hornbach", "5200", "DE", 14_95, 388_00, every=23), Shop("Aral", "5541", "DE", 48_20, 97_40, every=18))),
    ),
)  # fmt: skip
COMPANIES = (NORTHWIND, BERGWERK)
CASINO = Shop("Lucky Star Casino", "7995", "US", 150_00, 400_00)


@dataclass(frozen=True, slots=True)
class Plan:
    """One purchase to make: when, by whom, where, for how much, and what becomes of it."""

    at: datetime
    person: Person
    shop: Shop
    minor: int
    ending: str


def first_day(until: date) -> date:
    return add_months(month_of(until).start, 1 - MONTHS)


def plans(company: DemoCompany, until: date) -> list[Plan]:
    """All purchases of a company up to and including `until`, in order of time."""
    dice = random.Random(f"{company.name} {MONTHS}")  # noqa: S311 -- a believable year, not a secret
    found = [plan for person in company.people for shop in person.shops for plan in _visits(company, person, shop, until, dice)]
    if company is NORTHWIND:
        found += _forbidden(company, until, dice)
    return sorted(found, key=lambda plan: (plan.at, plan.shop.name))


def _visits(company: DemoCompany, person: Person, shop: Shop, until: date, dice: random.Random) -> Iterator[Plan]:
    for day in _days(shop, until, dice):
        at = datetime.combine(day, time(dice.randint(8, 18), dice.randint(0, 59)), ZoneInfo(company.time_zone)).astimezone(UTC)
        minor = shop.low if shop.low == shop.high else dice.randint(shop.low, shop.high)
        yield Plan(at, person, shop, minor, "pending" if until - day < timedelta(days=5) else _ending(shop, dice.random()))


def _ending(shop: Shop, chance: float) -> str:
    """What becomes of an approved purchase. Subscriptions are neither refunded nor let go."""
    if not shop.every:
        return "capture"
    if chance < 0.05:
        return "refund"
    if chance < 0.08:
        return "reverse"
    return "tip" if chance < 0.5 and shop.code == "5812" else "capture"


def _days(shop: Shop, until: date, dice: random.Random) -> Iterator[date]:
    day = first_day(until)
    if not shop.every:
        while day <= until:
            if day.replace(day=shop.day) <= until:
                yield day.replace(day=shop.day)
            day = add_months(day, 1)
        return
    day += timedelta(days=dice.randint(0, shop.every))
    while day <= until:
        weekday = day - timedelta(days=max(0, day.weekday() - 4))
        if weekday >= first_day(until):
            yield weekday
        day += timedelta(days=max(2, round(shop.every * dice.uniform(0.6, 1.4))))


def _forbidden(company: DemoCompany, until: date, dice: random.Random) -> Iterator[Plan]:
    """Swipes that the controls stop: a casino, whose category is blocked."""
    erin = next(person for person in company.people if person.name.startswith("Erin"))
    for months_ago in (2, 5, 9):
        day = add_months(until, -months_ago)
        at = datetime.combine(day, time(22, 10), ZoneInfo(company.time_zone)).astimezone(UTC)
        yield Plan(at, erin, CASINO, dice.randint(CASINO.low, CASINO.high), "capture")
