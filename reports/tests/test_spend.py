from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine

from cards import operations as cards
from companies.models import Department
from reports import queries
from reports.forms import period_from
from spendtrackr import errors
from spendtrackr.periods import Period
from spendtrackr.tenancy import company_scope
from tests.factories import NOON, swipe
from tests.figures import shown_of
from transactions.operations.clearing import Clearing, clear
from transactions.operations.statements import StatementFile, import_statement
from transactions.operations.swipes import authorize
from users import operations as people

SPEND = "/api/v1/reports/spend/"


def buy(card, minor: int, day: str, code: str = "5812", refund: int = 0):
    at = datetime.fromisoformat(day).replace(hour=15, tzinfo=UTC)
    purchase = authorize(card, swipe(minor, merchant_code=code, at=at)).transaction
    clear(purchase, Clearing("capture", f"c{purchase.pk}", at, is_final=True), actor=None)
    if refund:
        clear(purchase, Clearing("refund", f"r{purchase.pk}", at + timedelta(days=30), refund), actor=None)


@pytest.fixture
def spent(world):
    """Acme: 100 of meals and 50 of travel in January, 30 of meals back in February; Bob's card, and one of Alice's."""
    with company_scope(world.acme.pk):
        hers = cards.issue(
            world.alice, name="A", currency="USD", controls=cards.Controls(), actor=world.alice, at=datetime(2026, 1, 1, tzinfo=UTC)
        )
        buy(world.card, 100_00, "2026-01-10", refund=30_00)
        buy(hers, 50_00, "2026-01-20", code="3008")
    with company_scope(world.mallory.company_id):
        buy(world.her_card, 77_00, "2026-01-10")
    return world


def report(api, member, **query):
    response = api(member).get(SPEND, {"group_by": "month", "from": "2026-01-01", "to": "2026-02-28", **query})
    assert response.status_code == 200, response.content
    return response.json()


def rows(told) -> list[tuple]:
    return [(key(row)["id"], *sums(row)) for row in told["rows"]]


def key(row) -> dict:
    return next(iter(row["dimensions"].values()))


def sums(row) -> tuple[int, int]:
    return row["measures"]["spend"]["minor"], row["measures"]["items"]


def totals(told) -> dict[str, int]:
    return {row["currency"]: row["measures"]["spend"]["minor"] for row in told["totals"]}


def named(told) -> list[tuple]:
    return [(key(row)["label"], *sums(row)) for row in told["rows"]]


def test_spend_by_month(spent, api):
    told = report(api, spent.alice)
    assert rows(told) == [("2026-01", 150_00, 2), ("2026-02", -30_00, 1)]
    assert totals(told) == {"USD": 120_00}
    assert tuple(told["period"].values()) == ("2026-01-01", "2026-02-28")


def test_spend_by_category(spent, api):
    told = report(api, spent.alice, group_by="category")
    assert named(told) == [("Meals", 70_00, 2), ("Travel", 50_00, 1)]
    assert all(key(row)["id"].startswith("cat_") for row in told["rows"])


@pytest.mark.parametrize(
    ("first", "last", "total"),
    [
        ("2026-01-10", "2026-01-10", 100_00),
        ("2026-01-11", "2026-01-20", 50_00),
        ("2026-01-11", "2026-01-19", 0),
        ("2026-01-01", "2026-02-09", 120_00),
    ],
)
def test_parts_of_months_are_exact_to_the_day(spent, api, first, last, total):
    told = report(api, spent.alice, **{"from": first, "to": last})
    assert sum(sums(row)[0] for row in told["rows"]) == total


def test_an_employee_sees_their_own_spend(spent, api):
    assert rows(report(api, spent.bob)) == [("2026-01", 100_00, 1), ("2026-02", -30_00, 1)]


@pytest.mark.parametrize("role", ["admin", "finance", "auditor"])
def test_who_looks_after_the_company_sees_all_of_it(spent, api, role):
    with company_scope(spent.acme.pk):
        member = spent.hire("Zoe", role)
    assert totals(report(api, member)) == {"USD": 120_00}


def test_another_company_has_its_own_figure(spent, api):
    assert totals(report(api, spent.mallory)) == {"USD": 77_00}


def test_currencies_stand_side_by_side(spent, api):
    with company_scope(spent.acme.pk):
        text = b"Date,Amount,Currency,Merchant\n2026-01-05,1200,JPY,Sushi\n2026-01-06,1.234,KWD,Hotel\n"
        import_statement(spent.acme, StatementFile(text, "s.csv"), actor=spent.alice, at=datetime(2026, 2, 1, tzinfo=UTC))
    told = report(api, spent.alice)
    assert totals(told) == {"JPY": 1200, "KWD": 1234, "USD": 120_00}
    by_category = report(api, spent.alice, group_by="category")
    assert ("", 1200) in [(key(row)["id"], sums(row)[0]) for row in by_category["rows"]]


def test_without_a_period_it_is_the_last_twelve_months(spent, api):
    with time_machine.travel("2026-03-15 12:00+00:00"):
        told = api(spent.alice).get(SPEND, {"group_by": "month"}).json()
    assert tuple(told["period"].values()) == ("2025-04-01", "2026-03-31")


def test_where_spend_ended_long_ago_the_usual_period_ends_with_it(spent):
    with company_scope(spent.acme.pk):
        assert queries.booked(None).usual_period(date(2027, 6, 1)) == Period(date(2025, 3, 1), date(2026, 3, 1))
        assert queries.booked(None).usual_period(date(2026, 3, 1)) == Period(date(2025, 4, 1), date(2026, 4, 1))
    with company_scope(spent.mallory.company_id):
        assert queries.booked(None).usual_period(date(2026, 2, 28)) == Period(date(2025, 3, 1), date(2026, 3, 1))


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({}, "group_by"),
        ({"group_by": "colour"}, "group_by"),
        ({"group_by": "month", "from": "2026-1-1"}, "from"),
        ({"group_by": "month", "to": "2026-02-30"}, "to"),
        ({"group_by": "month", "from": "2026-02-01", "to": "2026-01-01"}, "to"),
        ({"group_by": "month", "from": "0001-01-01", "to": "2026-01-01"}, "from"),
        ({"group_by": "month", "to": "9999-12-31"}, "to"),
        ({"group_by": "month", "from": "1990-01-01", "to": "2026-01-01"}, "from"),
        ({"group_by": "month", "colour": "x"}, "colour"),
        ({"group_by": "month", "compare": "x"}, "compare"),
        ({"group_by": "month", "currency": "usd"}, "currency"),
    ],
)
def test_a_question_that_makes_no_sense_names_its_parameter(spent, api, query, field):
    response = api(spent.alice).get(SPEND, query)
    assert (response.status_code, response.json()["field"]) == (400, field)


def test_one_day_alone_is_completed():
    usual = Period(date(2025, 4, 1), date(2026, 4, 1))
    assert period_from({"from": "2026-02-05"}, lambda: usual) == Period(date(2026, 2, 5), date(2026, 4, 1))
    assert period_from({"to": "2026-02-05"}, lambda: usual) == Period(date(2025, 3, 1), date(2026, 2, 6))
    assert period_from({}, lambda: usual) == usual
    with pytest.raises(errors.Invalid):
        period_from({"from": "x"}, lambda: usual)


def test_the_cost_of_a_report_does_not_grow_with_purchases(spent, api, django_assert_num_queries):
    client = api(spent.alice)
    report(api, spent.alice)
    with django_assert_num_queries(2):
        client.get(SPEND, {"group_by": "month", "from": "2026-01-01", "to": "2026-01-31"})
    with company_scope(spent.acme.pk):
        for _ in range(5):
            buy(spent.card, 1_00, "2026-01-11")
    with django_assert_num_queries(2):
        client.get(SPEND, {"group_by": "month", "from": "2026-01-01", "to": "2026-01-31"})


def test_the_overview_lays_out_the_same_figures(spent):
    with company_scope(spent.acme.pk):
        shown = shown_of(Period(date(2026, 1, 1), date(2026, 3, 1)), "USD")
    assert (shown.total.minor, shown.lines, shown.series) == (120_00, 3, ["Meals", "Travel"])
    assert [(bar.label, bar.spend.minor, bar.share) for bar in shown.ranking] == [("Meals", 70_00, 100), ("Travel", 50_00, 71)]
    assert [(row.label, [a.minor for a in row.amounts], row.total.minor) for row in shown.table] == [
        ("Jan 2026", [100_00, 50_00], 150_00),
        ("Feb 2026", [-30_00, 0], -30_00),
    ]
    assert [total.minor for total in shown.table_totals] == [70_00, 50_00]
    assert len(shown.wide.marks) == 3


def test_the_change_is_against_the_period_before(spent):
    with company_scope(spent.acme.pk):
        february = shown_of(Period(date(2026, 2, 1), date(2026, 3, 1)), "USD")
        january = shown_of(Period(date(2026, 1, 1), date(2026, 2, 1)), "USD")
    assert (february.change.text, february.change.is_up) == ("−120.0 %", False)
    assert (january.change.text, january.change.against) == ("", "Nothing in the period before")


def test_what_comes_after_the_largest_seven_is_one_colour(spent):
    codes = ["5812", "3008", "7011", "4121", "5411", "5542", "7372", "4814", "4900"]
    with company_scope(spent.acme.pk):
        for place, code in enumerate(codes):
            buy(spent.card, (20 - place) * 1_00, "2026-05-10", code=code)
        shown = shown_of(Period(date(2026, 5, 1), date(2026, 6, 1)), "USD")
    assert len(shown.series) == 8
    assert shown.series[-1] == "Other"
    assert shown.table[0].amounts[-1].minor == 13_00 + 12_00
    assert sum(a.minor for a in shown.table[0].amounts) == shown.total.minor


def test_categories_called_other_and_uncategorised_are_kept_apart_from_the_groups(spent):
    rows = "".join(f"2026-05-1{n},{900 - n * 100}.00,Shop,{name}\n" for n, name in enumerate(["Other", "B", "C", "D", "E", "F", "G", "H"]))
    text = f"Date,Amount,Merchant,Category\n{rows}2026-05-20,15.00,Shop,\n2026-05-20,10.00,Shop,Uncategorised\n"
    may = Period(date(2026, 5, 1), date(2026, 6, 1))
    with company_scope(spent.acme.pk):
        import_statement(spent.acme, StatementFile(text.encode(), "s.csv"), actor=spent.alice, at=datetime(2026, 6, 1, tzinfo=UTC))
        shown = shown_of(may, "USD")
    assert shown.series.count("Other") == 2
    assert shown.table[0].total == shown.total
    assert [amount.minor for amount in shown.table[0].amounts] == [900_00, 800_00, 700_00, 600_00, 500_00, 400_00, 300_00, 225_00]


@pytest.mark.parametrize(("label", "month"), [("Meals", "2026-01"), ("Meals", "2026-02"), ("Travel", "2026-01")])
def test_behind_each_figure_are_just_its_rows(spent, pages, label, month):
    with company_scope(spent.acme.pk):
        shown = shown_of(Period(date(2026, 1, 1), date(2026, 3, 1)), "USD")
        authorize(spent.card, swipe(5_00, at=datetime(2026, 1, 11, tzinfo=UTC)))  # pending: no part of any figure
    name = {"2026-01": "January 2026", "2026-02": "February 2026"}[month]
    mark = next(mark for mark in shown.wide.marks if mark.title.startswith(f"{label}, {name}"))
    page = pages(spent.alice).get(mark.href).content.decode()
    assert page.count('<th scope="row"') == 1
    assert label in page


def test_a_figure_of_part_of_a_month_leads_to_that_part(spent):
    with company_scope(spent.acme.pk):
        shown = shown_of(Period.inclusive(date(2026, 1, 5), date(2026, 1, 15)), "USD")
    assert "spent_from=2026-01-05&spent_to=2026-01-15" in shown.wide.marks[0].href


def test_the_rows_behind_a_figure_add_up_to_it(spent, pages):
    """Bought in January, given back in part in February: each month shows its own part."""
    client = pages(spent.alice)
    january = client.get("/transactions/?spent_from=2026-01-01&spent_to=2026-01-31&currency=USD").content.decode()
    february = client.get("/transactions/?spent_from=2026-02-01&spent_to=2026-02-28&currency=USD").content.decode()
    assert "<strong>$150.00</strong>" in january
    assert "<strong>-$30.00</strong>" in february
    assert "<small>of $100.00</small>" in february


def test_the_rest_of_the_categories_have_no_list_of_their_own(spent):
    rows = "".join(f"2026-05-1{n},{900 - n * 100}.00,Shop,{name}\n" for n, name in enumerate("ABCDEFGHI"))
    with company_scope(spent.acme.pk):
        file = StatementFile(f"Date,Amount,Merchant,Category\n{rows}".encode(), "s.csv")
        import_statement(spent.acme, file, actor=spent.alice, at=datetime(2026, 6, 1, tzinfo=UTC))
        shown = shown_of(Period(date(2026, 5, 1), date(2026, 6, 1)), "USD")
    assert [bool(mark.href) for mark in shown.wide.marks] == [True] * 7 + [False]


@pytest.fixture
def organised(world, request):
    """Bob is in Sales and reports to Grace when he buys; Alice is in no department."""
    with company_scope(world.acme.pk):
        world.grace = world.hire("Grace", "employee")
        sales = Department.objects.create(name="Sales", name_key="sales", created_at=NOON)
        world.bob = people.change_member(world.bob, {"department": sales, "manager": world.grace}, actor=world.alice, at=NOON)
    return request.getfixturevalue("spent")


@pytest.mark.parametrize("days", [{}, {"from": "2026-01-05", "to": "2026-02-25"}])
@pytest.mark.parametrize(
    ("group_by", "expected"),
    [
        ("member", [("Bob", 70_00, 2), ("Alice", 50_00, 1)]),
        ("merchant", [("Blue Bottle Coffee", 120_00, 3)]),
        ("department", [("Sales", 70_00, 2), ("No department", 50_00, 1)]),
    ],
)
def test_spend_by_whatever_else_it_has(organised, api, group_by, expected, days):
    told = report(api, organised.alice, **{"group_by": group_by, **days})
    assert named(told) == expected
    assert totals(told) == {"USD": 120_00}


def test_spend_by_card_is_told_by_name_and_last_four(organised, api):
    told = report(api, organised.alice, group_by="card")
    assert key(told["rows"][0])["id"] == organised.card.public_id
    assert key(told["rows"][0])["label"] == f"Bob's card •• {organised.card.last4}"


def test_moving_somebody_does_not_move_their_past(organised, api):
    with company_scope(organised.acme.pk):
        people.change_member(organised.bob, {"department": None}, actor=organised.alice, at=NOON)
    assert report(api, organised.alice, group_by="department")["rows"][0]["dimensions"]["department"]["label"] == "Sales"


def test_a_manager_adds_up_the_people_below(organised, api):
    assert rows(report(api, organised.grace)) == rows(report(api, organised.bob)) == [("2026-01", 100_00, 1), ("2026-02", -30_00, 1)]
    assert [key(row)["label"] for row in report(api, organised.grace, group_by="member")["rows"]] == ["Bob"]
