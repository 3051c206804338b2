from __future__ import annotations

import importlib
from decimal import Decimal

import pytest

from cards import operations as cards
from spendtrackr.money import Money
from tests.buying import bought, claimed, imported, noon_of, swiped
from tests.factories import NOON
from tests.figures import as_read, asked, behind, totals_as_read
from tests.papers import picture
from transactions.documents import inspect
from transactions.models import Split
from transactions.operations import claims, receipts
from transactions.operations.claims import Wish

MARCH = {"from_": "2026-03-01", "to": "2026-03-31"}


@pytest.fixture
def hers(acme):
    return cards.issue(acme.alice, name="A", currency="USD", controls=cards.Controls(), actor=acme.alice, at=NOON)


def why(report) -> list[tuple[str, str, str]]:
    return [(row[0], row[1], row[5]) for row in as_read(report)]


def test_the_same_amount_at_the_same_merchant_within_three_days(acme, hers):
    bought(acme.card, 50_00, "2026-03-02", "Taxi")
    bought(hers, 50_00, "2026-03-05", "Taxi")
    bought(acme.card, 50_00, "2026-03-09", "Taxi")
    bought(acme.card, 50_01, "2026-03-09", "Taxi")
    bought(acme.card, 50_00, "2026-03-09", "Cab")
    report = asked("duplicates", acme.alice, **MARCH)
    assert as_read(report) == [
        ("Taxi, 5 Mar 2026", "Taxi, 2 Mar 2026", "$50.00", "3 days", "Alice and Bob", "Same merchant and amount"),
    ]
    assert totals_as_read(report) == [("$50.00", "–", "–", "–")]
    assert [[one.occurred_on.day for one in behind(row, acme.alice)] for row in report.rows] == [[2, 5]]
    assert asked("duplicates", acme.bob, **MARCH).rows == []


def test_many_of_a_kind_are_as_many_pairs_less_one(acme):
    for _ in range(4):
        bought(acme.card, 5_00, "2026-03-02", "Taxi")
    report = asked("duplicates", acme.alice, **MARCH)
    assert len(report.rows) == 3
    assert totals_as_read(report) == [("$15.00", "–", "–", "–")]


def test_a_pair_is_of_the_period_of_its_later_purchase(acme):
    bought(acme.card, 50_00, "2026-02-28", "Taxi")
    bought(acme.card, 50_00, "2026-03-02", "Taxi")
    found = {last: len(asked("duplicates", acme.alice, from_="2026-02-01", to=last).rows) for last in ("2026-02-28", "2026-03-02")}
    assert found == {"2026-02-28": 0, "2026-03-02": 1}
    assert len(asked("duplicates", acme.alice, **MARCH).rows) == 1


def test_what_came_to_nothing_or_came_back_is_no_double(acme):
    bought(acme.card, 50_00, "2026-03-02", "Taxi")
    bought(acme.card, 50_00, "2026-03-02", "Taxi", back=50_00)
    swiped(acme.card, 50_00, "2026-03-03", "Taxi", currency="EUR")
    assert asked("duplicates", acme.alice, **MARCH).rows == []


def test_twins_of_one_statement_are_two_and_a_card_purchase_beside_them_is_one_of_them(acme):
    imported(acme, "2026-03-02,5.00,USD,Taxi", "2026-03-02,5.00,USD,Taxi")
    assert asked("duplicates", acme.alice, **MARCH).rows == []
    bought(acme.card, 5_00, "2026-03-03", "TAXI")
    assert [pair[:2] for pair in why(asked("duplicates", acme.alice, **MARCH))] == [("Taxi, 3 Mar 2026", "Taxi, 2 Mar 2026")]


def test_lines_of_two_statements_may_be_one(acme):
    imported(acme, "2026-03-02,5.00,USD,Taxi")
    imported(acme, "2026-03-03,5.00,USD,Taxi", filename="t.csv")
    assert len(asked("duplicates", acme.alice, **MARCH).rows) == 1


def test_a_claim_for_what_was_paid_by_card(acme, hers):
    bought(acme.card, 80_00, "2026-03-02", "Hotel")
    claimed(acme.bob, 80_00, "2026-03-09", "My hotel")
    bought(hers, 80_00, "2026-03-09", "Bar")
    report = asked("duplicates", acme.alice, **MARCH)
    assert why(report) == [("My hotel, 9 Mar 2026", "Hotel, 2 Mar 2026", "Claimed and paid by card")]
    assert len(asked("duplicates", acme.bob, **MARCH).rows) == 1


def test_a_claim_for_what_was_paid_in_its_currency_or_before_the_period(acme):
    """Neither amount is billed twice among the purchases that are compared."""
    bought(acme.card, 11_15, "2026-03-10", "Brasserie", merchant_amount=Money(10_00, "EUR"))
    dinner = Wish(noon_of("2026-03-12").date(), Money(10_00, "EUR"), "Dinner", "Trip", [Split(share_minor=10_00)], rate=Decimal("1.1"))
    claims.make(dinner, actor=acme.bob, at=noon_of("2026-03-12"))
    bought(acme.card, 80_00, "2026-02-24", "Hotel Adlon")
    claimed(acme.bob, 80_00, "2026-03-02", "My hotel")
    assert why(asked("duplicates", acme.alice, **MARCH)) == [
        ("Dinner, 12 Mar 2026", "Brasserie, 10 Mar 2026", "Claimed and paid by card"),
        ("My hotel, 2 Mar 2026", "Hotel Adlon, 24 Feb 2026", "Claimed and paid by card"),
    ]


def test_two_claims_of_one_amount_at_two_merchants_are_two(acme):
    claimed(acme.bob, 80_00, "2026-03-02", "Hotel")
    claimed(acme.bob, 80_00, "2026-03-03", "Inn")
    assert asked("duplicates", acme.alice, **MARCH).rows == []


def test_the_same_receipt_on_two_purchases_however_long_ago(acme):
    old, new = bought(acme.card, 7_00, "2025-11-02", "Shop"), bought(acme.card, 9_00, "2026-03-02", "Bar")
    for purchase in (old, new):
        receipts.attach(purchase, inspect(picture(), "r.png"), f"kept-{purchase.pk}", actor=acme.bob, at=NOON)
    other = bought(acme.card, 9_50, "2026-03-03", "Bar")
    receipts.attach(other, inspect(picture(size=(9, 9)), "r.png"), "kept-other", actor=acme.bob, at=NOON)
    report = asked("duplicates", acme.alice, **MARCH)
    assert why(report) == [("Bar, 2 Mar 2026", "Shop, 2 Nov 2025", "Same receipt")]
    assert asked("duplicates", acme.alice, from_="2025-11-01", to="2025-11-30").rows == []


def test_several_reasons_are_one_row(acme):
    for day in ("2026-03-02", "2026-03-03"):
        purchase = bought(acme.card, 7_00, day, "Shop")
        receipts.attach(purchase, inspect(picture(), "r.png"), f"kept-{day}", actor=acme.bob, at=NOON)
    assert [row[2] for row in why(asked("duplicates", acme.alice, **MARCH))] == ["Same merchant and amount; Same receipt"]


def test_currencies_are_never_compared(acme):
    bought(acme.card, 5_00, "2026-03-02", "Taxi")
    imported(acme, "2026-03-02,500,JPY,Taxi", "2026-03-04,500,JPY,Taxi")
    report = asked("duplicates", acme.alice, **MARCH)
    assert [row[2] for row in as_read(report)] == ["¥500"]
    assert asked("duplicates", acme.alice, currency="USD", **MARCH).rows == []


def test_each_is_compared_with_its_neighbour_alone(acme, monkeypatch):
    """So that a thousand tickets of one price are a thousand looks, and not a million."""
    looks = []
    monkeypatch.setattr(importlib.import_module("reports.queries.duplicates"), "_may_be_one", lambda *pair: looks.append(pair) or True)
    for _ in range(6):
        bought(acme.card, 5_00, "2026-03-02", "Taxi")
    asked("duplicates", acme.alice, **MARCH)
    assert len(looks) == 2 * 5  # by merchant, and by descriptor


def test_with_more_purchases_than_are_compared_it_begins_later_and_says_so(acme, monkeypatch):
    monkeypatch.setattr(importlib.import_module("reports.queries.duplicates"), "MOST_COMPARED", 3)
    for day in ("2026-03-02", "2026-03-03", "2026-03-04", "2026-03-05"):
        bought(acme.card, 5_00, day, "Taxi")
    report = asked("duplicates", acme.alice, **MARCH)
    assert (report.period.start.isoformat(), report.period.last.isoformat()) == ("2026-03-06", "2026-03-31")
    assert why(report) == []
    within = asked("duplicates", acme.alice, from_="2026-03-01", to="2026-03-04")
    assert within.period.start.isoformat() == "2026-03-01"
    assert [pair[:2] for pair in why(within)] == [
        ("Taxi, 4 Mar 2026", "Taxi, 3 Mar 2026"),
        ("Taxi, 3 Mar 2026", "Taxi, 2 Mar 2026"),
    ]


@pytest.mark.parametrize("most", range(1, 6))
def test_the_last_day_is_compared_with_those_before_it_whatever_their_number(acme, monkeypatch, most):
    monkeypatch.setattr(importlib.import_module("reports.queries.duplicates"), "MOST_COMPARED", most)
    for day in ("2026-03-02", "2026-03-02", "2026-03-04", "2026-03-05", "2026-03-05", "2026-03-05"):
        bought(acme.card, 5_00, day, "Taxi")
    report = asked("duplicates", acme.alice, from_="2026-03-01", to="2026-03-05")
    assert (report.period.start.isoformat(), report.period.last.isoformat()) == ("2026-03-05", "2026-03-05")
    assert [pair[:2] for pair in why(report)] == [
        ("Taxi, 5 Mar 2026", "Taxi, 5 Mar 2026"),
        ("Taxi, 5 Mar 2026", "Taxi, 5 Mar 2026"),
        ("Taxi, 5 Mar 2026", "Taxi, 4 Mar 2026"),
    ]
