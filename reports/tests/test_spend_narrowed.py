from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from cards import operations as cards
from cards.models import Budget, BudgetInterval
from cards.operations import budgets
from reports import queries
from reports.queries import remembered
from reports.tests.test_spend import SPEND, buy, named, totals
from spendtrackr.money import Money
from spendtrackr.periods import Period
from spendtrackr.tenancy import company_scope
from tests.factories import NOON
from tests.figures import asked, behind, shown_of
from transactions.models import Transaction

BEGAN = datetime(2025, 1, 1, tzinfo=UTC)


@pytest.fixture
def office(world):
    """Bob's card draws from Fair inside Team, Alice's from nothing. Meals and travel, this March, last month and last year."""
    with company_scope(world.acme.pk):
        by = {"interval": BudgetInterval.MONTH, "is_hard": False, "owner": world.alice, "actor": world.alice, "at": BEGAN}
        world.team = budgets.create(name="Team", limit=Money(500_00, "USD"), **by)
        world.fair = budgets.create(name="Fair", limit=Money(80_00, "USD"), parent=world.team, **by)
        world.his = cards.issue(
            world.bob, name="His", currency="USD", controls=cards.Controls(), budget=world.fair, actor=world.alice, at=BEGAN
        )
        world.hers = cards.issue(world.alice, name="Hers", currency="USD", controls=cards.Controls(), actor=world.alice, at=BEGAN)
        for card, minor, day, code in (
            (world.his, 60_00, "2026-03-03", "5812"),
            (world.his, 40_00, "2026-03-20", "3008"),
            (world.hers, 25_00, "2026-03-31", "5812"),
            (world.his, 50_00, "2026-02-10", "5812"),
            (world.hers, 10_00, "2025-03-15", "3008"),
        ):
            buy(card, minor, day, code=code)
    return world


def ask(api, who, **query):
    response = api(who).get(SPEND, {"group_by": "category", "from": "2026-03-01", "to": "2026-03-31", **query})
    assert response.status_code == 200, response.content
    return response.json()


@pytest.mark.parametrize(
    ("of", "expected"),
    [
        ({"card": "his"}, [("Meals", 60_00, 1), ("Travel", 40_00, 1)]),
        ({"member": "alice"}, [("Meals", 25_00, 1)]),
        ({"budget": "fair"}, [("Meals", 60_00, 1), ("Travel", 40_00, 1)]),
        ({"budget": "team"}, [("Meals", 60_00, 1), ("Travel", 40_00, 1)]),
        ({"budget": "none"}, [("Meals", 25_00, 1)]),
        ({"category": "meals"}, [("Meals", 85_00, 2)]),
        ({"category": "meals", "member": "bob"}, [("Meals", 60_00, 1)]),
        ({"category": "meals", "member": "bob", "budget": "fair"}, [("Meals", 60_00, 1)]),
        ({"card": "his", "member": "alice"}, []),
        ({"member": "mem_unknown"}, []),
        ({"member": "none"}, []),
        ({"currency": "EUR"}, []),
        ({"card": "his", "to": "2026-03-19"}, [("Meals", 60_00, 1)]),
        ({"card": "his", "from": "2026-02-10", "to": "2026-03-19"}, [("Meals", 110_00, 2)]),
    ],
)
def test_narrowed_by_any_dimension(office, api, of, expected):
    with company_scope(office.acme.pk):
        meals = Transaction.objects.filter(category__name="Meals").first().category
    known = {"his": office.his, "alice": office.alice, "bob": office.bob, "fair": office.fair, "team": office.team, "meals": meals}
    asked = {name: known[value].public_id if value in known else value for name, value in of.items()}
    told = ask(api, office.alice, **asked)
    assert named(told) == expected
    assert sum(totals(told).values()) == sum(minor for _, minor, _ in expected)


def test_the_rows_behind_each_figure_add_up_to_it(office, pages):
    client = pages(office.alice)
    with company_scope(office.acme.pk):
        shown = [(bar.spend, bar.href) for by in ("budget", "member", "card") for bar in shown_of(MARCH, "USD", by=by).ranking]
    assert len(shown) == 6
    for spend, href in shown:
        assert f"<strong>{spend}</strong>" in client.get(href).content.decode(), href


MARCH = Period(date(2026, 3, 1), date(2026, 4, 1))


def compared(told) -> list[tuple]:
    return [
        (*(one["label"] for one in row["dimensions"].values()), *(_minor(row["measures"][m["name"]]) for m in told["measures"][2:]))
        for row in told["rows"]
    ]


def _minor(value):
    return value["minor"] if isinstance(value, dict) else value


def test_beside_the_period_before(office, api):
    told = ask(api, office.alice, compare="before")
    assert [one["name"] for one in told["measures"]] == ["spend", "items", "before", "change", "percent"]
    assert compared(told) == [("Meals", 50_00, 35_00, 70.0), ("Travel", 0, 40_00, None)]
    assert [_minor(value) for value in told["totals"][0]["measures"].values()] == [125_00, 3, 50_00, 75_00, 150.0]


def test_beside_the_same_of_last_year_what_is_gone_is_shown_too(office, api):
    assert compared(ask(api, office.alice, compare="last_year", card=office.hers.public_id)) == [
        ("Meals", 0, 25_00, None),
        ("Travel", 10_00, -10_00, -100.0),
    ]
    assert compared(ask(api, office.alice, compare="last_year", group_by="month,category", card=office.hers.public_id)) == [
        ("March 2026", "Meals", 0, 25_00, None),
        ("March 2026", "Travel", 10_00, -10_00, -100.0),
    ]


@pytest.mark.parametrize(
    ("days", "budget"),
    [
        ({}, [80_00, -20_00, 125.0]),
        ({"from": "2026-02-01"}, [160_00, 10_00, 93.8]),
        ({"from": "2026-03-02"}, [None, None, None]),
    ],
)
def test_beside_its_budget_in_whole_windows_alone(office, api, days, budget):
    told = ask(api, office.alice, group_by="budget", compare="budget", **days)
    assert compared(told)[0] == ("Fair", *budget)
    assert compared(told)[1] == ("No budget", None, None, None)


def test_a_budget_that_is_out_of_somebodys_sight_is_added_up_and_not_named(office, api):
    told = ask(api, office.bob, group_by="budget")
    assert named(told) == [("Out of your sight", 100_00, 2)]
    assert office.fair.public_id not in str(told)


def test_a_month_that_the_period_cuts_is_beside_no_budget(office, api):
    told = ask(
        api, office.alice, **{"group_by": "month,budget", "compare": "budget", "from": "2026-02-10", "budget": office.fair.public_id}
    )
    assert compared(told) == [("February 2026", "Fair", None, None, None), ("March 2026", "Fair", 80_00, -20_00, 125.0)]


def test_budgets_out_of_sight_are_one_row_whose_limits_nobody_learns(office, api):
    with company_scope(office.acme.pk):
        controls = cards.Controls()
        spare = cards.issue(office.bob, name="S", currency="USD", controls=controls, budget=office.team, actor=office.alice, at=BEGAN)
        buy(spare, 7_00, "2026-03-05")
    told = ask(api, office.bob, group_by="budget", compare="budget")
    assert named(told) == [("Out of your sight", 107_00, 3)]
    assert compared(told) == [("Out of your sight", None, None, None)]


def test_what_is_no_budget_has_none_whatever_its_number_in_the_database(office, api):
    with company_scope(office.acme.pk):
        numbers = set(Transaction.objects.values_list("category", flat=True))
        for number in numbers - {office.team.pk, office.fair.pk}:
            Budget.objects.create(
                pk=number, name=f"B{number}", name_key=f"b{number}", owner=office.alice, currency="USD", limit_minor=1_00,
                interval=BudgetInterval.MONTH, chain=f"{number}.", is_hard=False, year_starts_month=1, created_at=BEGAN,
            )  # fmt: skip
    assert {row[1:] for row in compared(ask(api, office.alice, compare="budget"))} == {(None, None, None)}


def test_the_row_of_a_budget_leads_to_what_drew_from_it_alone(office):
    with company_scope(office.acme.pk):
        controls = cards.Controls()
        spare = cards.issue(office.bob, name="S", currency="USD", controls=controls, budget=office.team, actor=office.alice, at=BEGAN)
        buy(spare, 7_00, "2026-03-05")
        for name in ("spend", "movers"):
            found = asked(name, office.alice, group_by="budget", from_="2026-03-01", to="2026-03-31", budget=office.team.public_id)
            assert {row.keys[0].label: len(behind(row, office.alice)) for row in found.rows} == {"Fair": 2, "Team": 1}


def test_days_of_the_period_before_that_touch_another_month_stand_beside_the_last(office, api):
    with company_scope(office.acme.pk):
        buy(office.his, 5_00, "2026-03-01")
    told = ask(api, office.alice, **{"group_by": "month", "compare": "before", "from": "2026-03-02", "to": "2026-03-29"})
    assert compared(told) == [("March 2026", 55_00, 45_00, 81.8)]


def test_of_a_month_that_goes_on_only_as_many_days_are_compared():
    today = NOON.date()
    assert queries.compared_period(MARCH, "before", today) == (Period(date(2026, 2, 1), date(2026, 2, 11)), 1)
    assert queries.compared_period(MARCH, "last_year", today) == (Period(date(2025, 3, 1), date(2025, 3, 11)), 12)
    assert queries.compared_period(MARCH, "before", date(2026, 4, 1)) == (Period(date(2026, 2, 1), date(2026, 3, 1)), 1)
    leap = Period.inclusive(date(2028, 2, 1), date(2028, 2, 29))
    assert queries.compared_period(leap, "last_year", date(2028, 5, 1)) == (Period(date(2027, 2, 1), date(2027, 3, 1)), 12)
    odd = Period.inclusive(date(2028, 2, 10), date(2028, 2, 29))
    assert queries.compared_period(odd, "last_year", date(2028, 5, 1)) == (Period(date(2027, 2, 10), date(2027, 3, 1)), 12)


def test_what_is_added_up_from_lines_is_remembered_until_another_is_written(office, api, redis, django_assert_num_queries):
    of = {"card": office.his.public_id, "member": office.bob.public_id}
    with company_scope(office.acme.pk):
        said = {name: frozenset({getattr(office, whose).pk}) for name, whose in (("card", "his"), ("member", "bob"))}
        first = queries.parts(MARCH, "category", of=said)
        with django_assert_num_queries(1):
            assert queries.parts(MARCH, "category", of=said) == first
        buy(office.his, 5_00, "2026-03-21")
        assert sum(part.amount_minor for part in queries.parts(MARCH, "category", of=said)) == 105_00
    assert totals(ask(api, office.alice, **of)) == {"USD": 105_00}


@pytest.mark.parametrize("broken", ["get", "set"])
def test_without_redis_the_figures_are_the_same(office, api, redis, monkeypatch, broken):
    def away(*args, **kwargs):
        raise ConnectionError("gone")

    of = {"card": office.his.public_id, "member": office.bob.public_id}
    monkeypatch.setattr(remembered.cache, broken, away)
    assert totals(ask(api, office.alice, **of)) == totals(ask(api, office.alice, **of)) == {"USD": 100_00}


def test_the_page_keeps_what_it_is_cut_by_when_it_is_narrowed(office, pages):
    client = pages(office.alice)
    page = client.get("/reports/spend/", {"group_by": "card", "from": "2026-03-01", "to": "2026-03-31"}).content.decode()
    assert '<input type="hidden" name="group_by" value="card">' in page
    assert f"His •• {office.his.last4}" in page
    assert page.count('aria-current="true">Card</a>') == 1
    wrong = client.get("/reports/spend/", {"group_by": "colour"})
    assert (wrong.status_code, "group_by is one of" in wrong.content.decode()) == (400, True)
