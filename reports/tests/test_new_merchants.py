from __future__ import annotations

import pytest

from cards import operations as cards
from tests.buying import bought, imported
from tests.factories import NOON
from tests.figures import as_read, asked, behind, totals_as_read

FEBRUARY = {"from_": "2026-02-01", "to": "2026-02-28"}


@pytest.fixture
def hers(acme):
    return cards.issue(acme.alice, name="A", currency="USD", controls=cards.Controls(), actor=acme.alice, at=NOON)


def test_a_merchant_is_new_in_the_period_of_its_first_spend_alone(acme):
    bought(acme.card, 10_00, "2026-01-31", "Old")
    bought(acme.card, 11_00, "2026-02-01", "Old")
    bought(acme.card, 12_00, "2026-02-28", "Late")
    bought(acme.card, 13_00, "2026-02-03", "Fresh")
    bought(acme.card, 14_00, "2026-02-20", "Fresh")
    bought(acme.card, 15_00, "2026-03-01", "Fresh")
    report = asked("new-merchants", acme.alice, **FEBRUARY)
    assert as_read(report) == [("Late", "$12.00", "1", "28 Feb 2026", "Bob"), ("Fresh", "$27.00", "2", "3 Feb 2026", "Bob")]
    assert totals_as_read(report) == [("$39.00", "3", "–", "–")]
    assert [len(behind(row, acme.alice)) for row in report.rows] == [1, 2]


@pytest.mark.parametrize(("first", "last", "found"), [("2026-02-04", "2026-02-20", []), ("2026-02-03", "2026-02-03", ["Fresh"])])
def test_periods_within_a_month_are_exact_to_the_day(acme, first, last, found):
    bought(acme.card, 13_00, "2026-02-03", "Fresh")
    bought(acme.card, 14_00, "2026-02-20", "Fresh")
    assert [row[0] for row in as_read(asked("new-merchants", acme.alice, from_=first, to=last))] == found


def test_whoever_bought_first_is_named_whatever_was_bought_more(acme, hers):
    bought(hers, 1_00, "2026-02-03", "Fresh")
    bought(acme.card, 90_00, "2026-02-04", "Fresh")
    assert as_read(asked("new-merchants", acme.alice, **FEBRUARY)) == [("Fresh", "$91.00", "2", "3 Feb 2026", "Alice")]


def test_to_whoever_sees_less_a_merchant_is_new_by_what_they_see(acme, hers):
    bought(hers, 1_00, "2026-01-03", "Fresh")
    bought(acme.card, 90_00, "2026-02-04", "Fresh")
    assert as_read(asked("new-merchants", acme.alice, **FEBRUARY)) == []
    assert as_read(asked("new-merchants", acme.bob, **FEBRUARY)) == [("Fresh", "$90.00", "1", "4 Feb 2026", "Bob")]


def test_a_line_of_nobodys_in_another_currency(acme):
    imported(acme, "2026-02-05,500,JPY,Sushi", "2026-02-06,3.00,USD,Sushi")
    rows = as_read(asked("new-merchants", acme.alice, **FEBRUARY))
    assert rows == [("Sushi", "¥500", "1", "5 Feb 2026", "Nobody"), ("Sushi", "$3.00", "1", "5 Feb 2026", "Nobody")]
    assert len(as_read(asked("new-merchants", acme.alice, currency="USD", **FEBRUARY))) == 1
