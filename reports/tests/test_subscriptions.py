from __future__ import annotations

from datetime import UTC, datetime

from cards import operations as cards
from cards.models import Card
from companies.models import Category
from tests.buying import bought, imported
from tests.factories import NOON
from tests.figures import as_read, asked, behind, totals_as_read
from transactions.models import Split
from transactions.operations import coding


def monthly(card: Card, minor: int, merchant: str, *months: str):
    return [bought(card, minor, f"{month}-05", merchant) for month in months]


def test_what_runs_comes_first_and_what_stopped_has_no_cost(acme):
    monthly(acme.card, 10_00, "Zoom", "2026-01", "2026-02")
    bought(acme.card, 12_00, "2026-03-06", "Zoom")
    monthly(acme.card, 20_00, "Slack", "2025-10", "2025-11", "2025-12")
    for day, minor in (("2026-02-01", 5_00), ("2026-02-03", 5_00), ("2026-02-20", 80_00)):
        bought(acme.card, minor, day, "Bakery")
    report = asked("subscriptions", acme.alice)
    card = f"Bob's card •• {acme.card.last4}"
    assert as_read(report) == [
        ("Zoom", "Bob", card, "$144.00", "$12.00", "Monthly", "6 Mar 2026", "6 Apr 2026", "+20.0 %", "Running"),
        ("Slack", "Bob", card, "–", "$20.00", "Monthly", "5 Dec 2025", "–", "0.0 %", "Stopped"),
    ]
    assert totals_as_read(report) == [("$144.00", "–", "–", "–", "–", "–", "–")]
    assert [len(behind(row, acme.alice)) for row in report.rows] == [3, 3]
    assert report.period is None


def test_each_person_and_each_card_has_their_own(acme):
    hers = cards.issue(acme.alice, name="A", currency="USD", controls=cards.Controls(), actor=acme.alice, at=NOON)
    for card in (acme.card, hers):
        monthly(card, 10_00, "Zoom", "2026-01", "2026-02", "2026-03")
    assert [row[:2] for row in as_read(asked("subscriptions", acme.alice))] == [("Zoom", "Alice"), ("Zoom", "Bob")]
    assert [row[:2] for row in as_read(asked("subscriptions", acme.bob))] == [("Zoom", "Bob")]


def test_what_is_alike_but_for_its_names_is_in_the_order_of_names(acme):
    """Aaron came last and Alice first, so no order of their rows is theirs by chance."""
    aaron = acme.hire("Aaron", "employee")
    cards_of = [
        cards.issue(who, name="A", currency="USD", controls=cards.Controls(), actor=acme.alice, at=NOON) for who in (acme.alice, aaron)
    ]
    for card in (acme.card, *cards_of):
        monthly(card, 10_00, "Zoom", "2026-01", "2026-02", "2026-03")
    assert [row[1] for row in as_read(asked("subscriptions", acme.alice))] == ["Aaron", "Alice", "Bob"]


def test_a_replaced_card_goes_on_as_the_same_one(acme):
    monthly(acme.card, 10_00, "Zoom", "2026-01", "2026-02")
    new = cards.replace(acme.card, actor=acme.alice, at=datetime(2026, 3, 1, tzinfo=UTC))
    monthly(acme.reload(new), 10_00, "Zoom", "2026-03")
    [row] = asked("subscriptions", acme.alice).rows
    assert row.keys[2].id == acme.card.public_id
    assert len(behind(row, acme.alice)) == 3


def test_refunds_splits_and_recoding_do_not_disturb_it(acme):
    first, second = monthly(acme.card, 10_00, "Zoom", "2026-01", "2026-02")
    bought(acme.card, 10_00, "2026-03-05", "Zoom", back=4_00)
    parts = [Split(share_minor=minor, category=Category.objects.get(name=name)) for minor, name in ((6_00, "Meals"), (4_00, "Travel"))]
    coding.describe(first, {"splits": parts}, actor=acme.alice, at=NOON)
    coding.describe(second, {"category": Category.objects.get(name="Travel")}, actor=acme.alice, at=NOON)
    assert [row[3:6] for row in as_read(asked("subscriptions", acme.alice))] == [("$120.00", "$10.00", "Monthly")]


def test_currencies_and_lines_of_nobodys(acme):
    imported(acme, *(f"2026-0{month}-07,900,JPY,Kiosk" for month in (1, 2, 3)))
    report = asked("subscriptions", acme.alice)
    assert [row[:6] for row in as_read(report)] == [("Kiosk", "Nobody", "No card", "¥10,800", "¥900", "Monthly")]
    assert len(behind(report.rows[0], acme.alice)) == 3
    assert asked("subscriptions", acme.alice, currency="USD").rows == []
    assert asked("subscriptions", acme.bob).rows == []


def test_a_yearly_charge_shows_after_a_year_and_is_forgotten_a_year_after_it_stopped(acme):
    bought(acme.card, 99_00, "2025-03-01", "Domain")
    bought(acme.card, 99_00, "2026-03-03", "Domain")
    assert [row[5] for row in as_read(asked("subscriptions", acme.alice))] == ["Yearly"]
    monthly(acme.card, 20_00, "Old", "2024-10", "2024-11", "2024-12")
    assert [row[0] for row in as_read(asked("subscriptions", acme.alice))] == ["Domain"]
