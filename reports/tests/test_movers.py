from __future__ import annotations

import pytest

from spendtrackr.tenancy import company_scope
from tests.buying import bought, imported
from tests.figures import as_read, asked, behind, totals_as_read

FEBRUARY = {"from_": "2026-02-01", "to": "2026-02-28"}


@pytest.fixture
def moved(acme):
    """From January to February: Up 10 to 30, Down 90 to 50, Gone 25 to nothing, New 5, Same 7 and 7; a year before: Up 12."""
    for merchant, january, february in (("Up", 10, 30), ("Down", 90, 50), ("Gone", 25, 0), ("New", 0, 5), ("Same", 7, 7)):
        for day, units in (("2026-01-10", january), ("2026-02-10", february)):
            if units:
                bought(acme.card, units * 100, day, merchant)
    bought(acme.card, 12_00, "2025-02-10", "Up")
    return acme


def test_the_largest_change_comes_first_up_or_down(moved):
    report = asked("movers", moved.alice, **FEBRUARY)
    assert as_read(report) == [
        ("Down", "$50.00", "1", "$90.00", "-$40.00", "−44.4 %", ""),
        ("Gone", "$0.00", "0", "$25.00", "-$25.00", "−100.0 %", "Gone"),
        ("Up", "$30.00", "1", "$10.00", "$20.00", "+200.0 %", ""),
        ("New", "$5.00", "1", "$0.00", "$5.00", "–", "New"),
    ]
    assert totals_as_read(report) == [("$92.00", "4", "$132.00", "-$40.00", "−30.3 %", "–")]


def test_against_the_same_a_year_ago(moved):
    report = asked("movers", moved.alice, compare="last_year", **FEBRUARY)
    assert [(row[0], row[4], row[6]) for row in as_read(report)] == [
        ("Down", "$50.00", "New"),
        ("Up", "$18.00", ""),
        ("Same", "$7.00", "New"),
        ("New", "$5.00", "New"),
    ]


def test_what_is_gone_leads_to_what_it_was(moved):
    found = {row.keys[0].label: behind(row, moved.alice) for row in asked("movers", moved.alice, **FEBRUARY).rows}
    assert {label: [str(one.occurred_on) for one in rows] for label, rows in found.items()} == {
        "Down": ["2026-02-10"], "Gone": ["2026-01-10"], "Up": ["2026-02-10"], "New": ["2026-02-10"],
    }  # fmt: skip


def test_by_member_and_narrowed_by_a_category(moved):
    category = bought(moved.card, 3_00, "2026-02-11", "Flight", merchant_code="3008").category
    report = asked("movers", moved.alice, group_by="member", category=category.public_id, **FEBRUARY)
    assert as_read(report) == [("Bob", "$3.00", "1", "$0.00", "$3.00", "–", "New")]


def test_currencies_stand_side_by_side(moved):
    imported(moved, "2026-02-05,500,JPY,Sushi")
    rows = as_read(asked("movers", moved.alice, **FEBRUARY))
    assert rows[0] == ("Sushi", "¥500", "1", "¥0", "¥500", "–", "New")
    assert len(rows) == 5
    assert [row[0] for row in as_read(asked("movers", moved.alice, currency="JPY", **FEBRUARY))] == ["Sushi"]


def test_another_company_has_its_own(moved):
    with company_scope(moved.mallory.company_id):
        assert as_read(asked("movers", moved.mallory, **FEBRUARY)) == []
