from __future__ import annotations

from datetime import timedelta

import pytest

from cards import operations as cards
from cards.controls import Limit
from cards.models import Interval
from tests.buying import bought, noon_of, swiped
from tests.factories import NOON
from tests.figures import as_read, asked, behind
from transactions.operations.clearing import Clearing, clear
from users import operations as people


def issued(world, holder, name: str, *limits: Limit):
    controls = cards.Controls(limits=list(limits))
    return cards.issue(holder, name=name, currency="USD", controls=controls, actor=world.alice, at=NOON)


@pytest.fixture
def limited(acme):
    """Bob's: 100.00 a month, of which 40.00 is gone, and 4 purchases a week, of which 2 are. Alice's: 10.00 a day, of which 9.00 is."""
    acme.his = issued(acme, acme.bob, "Food", Limit(Interval.MONTH, amount_minor=100_00), Limit(Interval.WEEK, count=4))
    acme.hers = issued(acme, acme.alice, "Taxi", Limit(Interval.DAY, amount_minor=10_00))
    bought(acme.his, 30_00, "2026-03-10")
    swiped(acme.his, 10_00, "2026-03-10")
    bought(acme.hers, 9_00, "2026-03-10")
    return acme


def test_the_most_used_limit_comes_first(limited):
    report = asked("card-limits", limited.alice)
    assert as_read(report) == [
        (f"Taxi •• {limited.hers.last4}", "Today", "$9.00", "$10.00", "$1.00", "–", "–", "90.0 %", "Alice"),
        (f"Food •• {limited.his.last4}", "Purchases this week", "–", "–", "–", "2", "4", "50.0 %", "Bob"),
        (f"Food •• {limited.his.last4}", "This month", "$40.00", "$100.00", "$60.00", "–", "–", "40.0 %", "Bob"),
    ]
    assert report.totals == []
    assert [len(behind(row, limited.alice)) for row in report.rows] == [1, 2, 2]


def test_more_than_all_of_it_is_told_as_such(limited):
    purchase = swiped(limited.hers, 1_00, "2026-03-10")
    clear(purchase, Clearing("capture", "over", noon_of("2026-03-10"), 6_00, is_final=True), actor=None)
    assert as_read(asked("card-limits", limited.alice))[0][2:8] == ("$15.00", "$10.00", "$0.00", "–", "–", "150.0 %")


def test_closed_cards_and_those_without_a_limit_have_no_row(limited):
    cards.close(limited.reload(limited.hers), actor=limited.alice, at=NOON)
    assert {row[8] for row in as_read(asked("card-limits", limited.alice))} == {"Bob"}


def test_sight(limited):
    grace = limited.hire("Grace", "employee")
    people.change_member(limited.bob, {"manager": grace}, actor=limited.alice, at=NOON)
    assert len(asked("card-limits", limited.bob).rows) == len(asked("card-limits", grace).rows) == 2
    assert len(asked("card-limits", limited.hire("Aud", "auditor")).rows) == 3
    assert asked("card-limits", limited.hire("Zoe", "employee")).rows == []
    assert asked("card-limits", limited.alice, currency="EUR").rows == []


def test_a_card_that_was_replaced_today_has_used_nothing_today(acme):
    """Its limits are as old as they were on the lost one: what was not bought before today is no secret."""
    controls = cards.Controls(limits=[Limit(Interval.DAY, count=2)])
    card = cards.issue(acme.bob, name="Lost", currency="USD", controls=controls, actor=acme.alice, at=NOON - timedelta(days=20))
    bought(card, 10_00, "2026-03-02")
    cards.replace(card, actor=acme.alice, at=NOON)
    [row] = [row for row in asked("card-limits", acme.alice).rows if row.keys[0].label.startswith("Lost")]
    assert row.values[3:5] == (0, 2)
