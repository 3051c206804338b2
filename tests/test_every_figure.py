"""Every figure of the spend report, worked out again in plain Python from what was said to a company: none of our sums is asked."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count, product
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cards import operations as cards
from cards.models import Budget, BudgetInterval
from cards.operations import budgets
from companies.models import Category
from reports import queries
from spendtrackr.money import Money
from spendtrackr.periods import noon
from spendtrackr.tenancy import company_scope
from tests import reckoning
from tests.factories import SignUpFactory, swipe
from tests.figures import key_of, spend, values_of
from tests.happenings import MINUTES, PERIODS, PLACES, TURNS, lines_of, public_ids, share
from tests.reckoning import Asked, Envelope, Line, Told
from transactions.models import Dimension, Split, Transaction
from transactions.operations import accounts, coding
from transactions.operations.clearing import Clearing, clear
from transactions.operations.statements import StatementFile, import_statement
from transactions.operations.swipes import authorize
from users import operations as people

EXAMPLES = int(os.environ.get("PROOF_EXAMPLES", "8"))
BEGINNING = datetime(2027, 12, 1, 12, tzinfo=UTC)
_numbers = count(1)


moments = st.tuples(st.sampled_from(TURNS), st.sampled_from(MINUTES))
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
@given(
    place=st.sampled_from(PLACES), drawn=purchases, rows=imported, period=st.sampled_from(PERIODS), today=st.sampled_from(TURNS),
    data=st.data(),
)  # fmt: skip
def test_each_report_is_what_its_happenings_come_to(place, drawn, rows, period, today, data):
    with a_company(*place) as (zone, owner, carried):
        said = [line for one in drawn for line in buy(owner, carried, zone, one)] + book(owner, rows)
        told, ids = Told(today, said, budgets=envelopes()), public_ids()
        of = data.draw(narrowing(said))
        for group_by, compare in product(queries.GROUPINGS, ("", *queries.COMPARISONS)):
            report = spend(period, group_by, member=owner, at=noon(today, zone), of=of, **({"compare": compare} if compare else {}))
            expected = reckoning.spend(told, Asked(period.start, period.end, tuple(group_by.split(",")), compare, of))
            assert {key_of(row, ids): values_of(row) for row in report.rows} == expected.rows, (group_by, compare, of)
            assert {row.currency: values_of(row) for row in report.totals} == expected.totals, (group_by, compare, of)


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
        by = {"is_hard": False, "owner": owner, "actor": owner, "at": BEGINNING}
        outer = budgets.create(name="Outer", limit=Money(10**9, currency), interval=BudgetInterval.YEAR, **by)
        inner = budgets.create(name="Inner", limit=Money(50_001, currency), interval=BudgetInterval.MONTH, parent=outer, **by)
        carried = [
            cards.issue(owner, name=name, currency=currency, controls=cards.Controls(), budget=budget, actor=owner, at=BEGINNING)
            for name, budget in (("Drawing", inner), ("Free", None))
        ]
        yield zone, owner, carried


def envelopes() -> dict[int, Envelope]:
    return {one.pk: Envelope(one.limit_minor, one.currency, {"month": 1, "year": 12}[one.interval]) for one in Budget.objects.all()}


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
