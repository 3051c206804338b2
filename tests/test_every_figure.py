"""Every figure of the spend report, worked out again in plain Python from what was said to a company: none of our sums is asked."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import count
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cards import operations as cards
from cards.models import BudgetInterval
from cards.operations import budgets
from companies.models import Category
from reports import queries
from spendtrackr.money import Money
from spendtrackr.periods import Period
from spendtrackr.tenancy import company_scope
from tests.factories import SignUpFactory, swipe
from tests.figures import spend
from transactions.models import Dimension, Split, Transaction
from transactions.operations import accounts, coding
from transactions.operations.clearing import Clearing, clear
from transactions.operations.statements import StatementFile, import_statement
from transactions.operations.swipes import authorize
from users import operations as people

EXAMPLES = int(os.environ.get("PROOF_EXAMPLES", "8"))
BEGINNING = datetime(2027, 12, 1, 12, tzinfo=UTC)
# Company, country, currency: a year's change of clocks at either end of the day, and currencies of none and of three decimal places.
PLACES = [("Europe/Berlin", "DE", "EUR"), ("Pacific/Auckland", "NZ", "JPY"), ("America/Los_Angeles", "US", "KWD")]
# Local midnights at which something turns: months, a leap day, the clocks of each place.
TURNS = [
    date(2028, 1, 1), date(2028, 2, 1), date(2028, 2, 29), date(2028, 3, 1), date(2028, 3, 12), date(2028, 3, 26), date(2028, 3, 27),
    date(2028, 4, 1), date(2028, 4, 2), date(2028, 4, 3),
]  # fmt: skip
PERIODS = [
    Period(date(2028, 1, 1), date(2028, 5, 1)), Period(date(2028, 2, 1), date(2028, 3, 1)), Period(date(2028, 2, 29), date(2028, 3, 1)),
    Period(date(2028, 1, 31), date(2028, 3, 27)), Period(date(2028, 3, 2), date(2028, 3, 30)), Period(date(2027, 12, 15), date(2028, 4, 1)),
]  # fmt: skip
_numbers = count(1)


@dataclass(frozen=True)
class Line:
    """What one happening did to spend: on a day of the company, with all that it is cut by, as database ids."""

    day: date
    currency: str
    minor: int
    items: int
    of: dict[str, int]


moments = st.tuples(st.sampled_from(TURNS), st.sampled_from([-61, -1, 0, 1, 59, 119, 121, 181, 60 * 13]))
purchases = st.lists(
    st.tuples(
        st.integers(0, 1), moments, st.integers(1, 99_999), st.sampled_from(["5812", "3008", "7372", "5411"]), st.integers(0, 100),
        st.sampled_from([0, 1, 31, 45]), st.sampled_from(["", "", "Travel", "Meals"]), st.sampled_from([(), (), (1, 1, 1), (7, 2)]),
    ), min_size=1, max_size=7,
)  # fmt: skip
imported = st.lists(
    st.tuples(st.sampled_from(TURNS), st.integers(-5_000, 50_000).filter(bool), st.sampled_from(["CHF", "JPY"])), max_size=4
)


@pytest.mark.django_db
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(place=st.sampled_from(PLACES), drawn=purchases, rows=imported, period=st.sampled_from(PERIODS), data=st.data())
def test_each_report_is_what_its_happenings_come_to(place, drawn, rows, period, data):
    with a_company(*place) as (zone, owner, carried):
        said = [line for one in drawn for line in buy(owner, carried, zone, one)] + book(owner, rows)
        of = data.draw(narrowing(said))
        for group_by in queries.GROUPINGS:
            report = spend(period, group_by, member=owner, of=of)
            told = {(*(key.id for key in row.keys), row.currency): (row.values[0].minor, row.values[1]) for row in report.rows}
            assert told == expected(said, period, group_by.split(","), of), (group_by, of)
            assert {row.currency: row.values[0].minor for row in report.totals} == {
                currency: minor for (currency,), (minor, _) in expected(said, period, [], of).items()
            }


@contextmanager
def a_company(zone: str, country: str, currency: str) -> Iterator[tuple]:
    """Its time zone, its owner, and two cards of theirs: one draws from a budget inside another."""
    number = next(_numbers)
    wanted = SignUpFactory(
        company_name=f"Figures {number}", email=f"o{number}@figures.example", time_zone=zone, country=country, currency=currency
    )
    owner = people.sign_up(wanted, at=BEGINNING).member
    with company_scope(owner.company_id):
        accounts.top_up(Money(10**9, currency), actor=owner, at=BEGINNING)
        by = {"limit": Money(10**9, currency), "interval": BudgetInterval.YEAR, "is_hard": False, "owner": owner, "actor": owner}
        outer = budgets.create(name="Outer", at=BEGINNING, **by)
        inner = budgets.create(name="Inner", parent=outer, at=BEGINNING, **by)
        carried = [
            cards.issue(owner, name=name, currency=currency, controls=cards.Controls(), budget=budget, actor=owner, at=BEGINNING)
            for name, budget in (("Drawing", inner), ("Free", None))
        ]
        yield zone, owner, carried


def buy(owner, carried, zone: str, one: tuple) -> list[Line]:
    """Do it, and say in our own words what it comes to."""
    place, (day, minutes), minor, code, percent, after, becomes, weights = one
    at = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC) + timedelta(minutes=minutes)
    card = carried[place]
    purchase = authorize(card, swipe(minor, currency=card.currency, merchant_code=code, at=at)).transaction
    clear(purchase, Clearing("capture", f"c{purchase.pk}", at, is_final=True), actor=None)
    moved = [(at, minor)]
    if refund := minor * percent // 100:
        back = at + timedelta(days=after)
        clear(purchase, Clearing("refund", f"r{purchase.pk}", back, refund), actor=None)
        moved.append((back, -refund))
    if becomes:
        coding.describe(purchase, {"category": Category.objects.get(name=becomes)}, actor=owner, at=at)
    if weights:
        categories = list(Category.objects.order_by("pk")[: len(weights)])
        amounts = share(minor, weights)
        if all(amounts):
            parts = [Split(share_minor=amount, category=category) for amount, category in zip(amounts, categories, strict=True)]
            coding.describe(purchase, {"splits": parts}, actor=owner, at=at)
    return [line for moment, amount in moved for line in lines_of(purchase, moment.astimezone(ZoneInfo(zone)).date(), amount)]


def lines_of(purchase: Transaction, day: date, minor: int) -> list[Line]:
    purchase.refresh_from_db()
    whole = {name: getattr(purchase, f"{name}_id") or 0 for name in Dimension.values}
    parts = list(Split.objects.filter(transaction=purchase).order_by("position"))
    if not parts:
        return [Line(day, purchase.currency, minor, 1, whole)]
    weights = [part.share_minor for part in parts]
    largest = weights.index(max(weights))
    return [
        Line(day, purchase.currency, amount, int(place == largest), {**whole, "category": part.category_id or 0})
        for place, (part, amount) in enumerate(zip(parts, share(minor, weights), strict=True))
    ]


def share(minor: int, weights) -> list[int]:
    """By weight, whole units; what is left over goes to whoever was cut the most, the first of equals."""
    whole, sign = sum(weights), -1 if minor < 0 else 1
    exact = [Fraction(abs(minor) * weight, whole) for weight in weights]
    parts = [int(one) for one in exact]
    for place in sorted(range(len(exact)), key=lambda n: (parts[n] - exact[n], n))[: abs(minor) - sum(parts)]:
        parts[place] += 1
    return [sign * part for part in parts]


def book(owner, rows: list[tuple]) -> list[Line]:
    """Lines of a statement in other currencies, which nobody owns."""
    if not rows:
        return []
    # A file of credits alone would be read as one that writes spend below zero.
    rows = [*[(date(2028, 2, 3), 1_000, "CHF")] * (len(rows) + 1), *rows]
    places = {"CHF": 2, "JPY": 0}
    written = [f"{day},{Decimal(minor).scaleb(-places[code])},{code},Shop {n}" for n, (day, minor, code) in enumerate(rows)]
    text = "\n".join(["Date,Amount,Currency,Merchant", *written])
    import_statement(owner.company, StatementFile(text.encode(), f"{next(_numbers)}.csv"), actor=owner, at=datetime(2028, 6, 1, tzinfo=UTC))
    lines = []
    for number, (day, minor, code) in enumerate(rows):
        line = Transaction.objects.get(descriptor=f"Shop {number}")
        of = {name: getattr(line, f"{name}_id") or 0 for name in Dimension.values}
        assert (of["card"], of["member"], of["budget"]) == (0, 0, 0)
        lines.append(Line(day, code, minor, 1, of))
    return lines


@st.composite
def narrowing(draw, said: list[Line]) -> dict[str, set[int]]:
    """By up to three dimensions, each to values that occur or to one that does not."""
    names = draw(st.lists(st.sampled_from(Dimension.values), unique=True, max_size=3))
    return {name: draw(st.sets(st.sampled_from([*sorted({line.of[name] for line in said}), 10**12]), max_size=2)) for name in names}


def expected(said: list[Line], period: Period, axes: list[str], of: dict[str, set[int]]) -> dict[tuple, tuple[int, int]]:
    sums: dict[tuple, list[int]] = defaultdict(lambda: [0, 0])
    for line in said:
        if period.start <= line.day < period.end and all(line.of[name] in values for name, values in of.items()):
            key = tuple(f"{line.day:%Y-%m}" if axis == "month" else public_id(axis, line.of[axis]) for axis in axes)
            sums[*key, line.currency][0] += line.minor
            sums[*key, line.currency][1] += line.items
    return {key: (minor, items) for key, (minor, items) in sums.items() if (minor, items) != (0, 0)}


def public_id(dimension: str, pk: int) -> str:
    model = Transaction._meta.get_field(dimension).related_model
    return model.objects.get(pk=pk).public_id if pk else ""
