from __future__ import annotations

from datetime import timedelta

import pytest

from cards import operations as cards
from tests.buying import bought
from tests.factories import NOON
from tests.figures import as_read, asked, behind, totals_as_read
from tests.papers import picture
from tests.rules import adopt
from transactions.documents import inspect
from transactions.models import Transaction
from transactions.operations import chasing, receipts
from users import operations as people


@pytest.fixture
def owing(acme):
    """From 20.00 on a receipt is needed. Bob lacks two of three, Alice one; Grace is Bob's manager."""
    acme.grace = acme.hire("Grace", "employee")
    acme.bob = people.change_member(acme.bob, {"manager": acme.grace}, actor=acme.alice, at=NOON)
    adopt(acme, receipt=20_00, reminders={"missing_items_after_days": [1], "freeze_after_days": 2})
    hers = cards.issue(acme.alice, name="A", currency="USD", controls=cards.Controls(), actor=acme.alice, at=NOON)
    for minor, day in ((30_00, "2026-03-01"), (40_00, "2026-03-09"), (50_00, "2026-03-08"), (5_00, "2026-03-08")):
        last = bought(acme.card, minor, day)
        if minor == 50_00:
            receipts.attach(last, inspect(picture(), "r.png"), "kept", actor=acme.bob, at=NOON)
    bought(hers, 90_00, "2026-03-10")
    return acme


def test_by_person_the_largest_amount_first(owing):
    report = asked("missing-receipts", owing.alice)
    assert as_read(report) == [("Alice", "$90.00", "1", "0 days", "0", "0"), ("Bob", "$70.00", "2", "9 days", "0", "0")]
    assert totals_as_read(report) == [("$160.00", "3", "–", "0", "–")]
    assert [len(behind(row, owing.alice)) for row in report.rows] == [1, 2]


def test_reminders_and_frozen_cards_are_told(owing):
    later = NOON + timedelta(days=5)
    for _ in range(3):
        for purchase in Transaction.objects.filter(chase_at__lte=later, member=owing.bob):
            chasing.chase(purchase, at=later)
    [_, bob] = as_read(asked("missing-receipts", owing.alice, at=later))
    assert bob == ("Bob", "$70.00", "2", "14 days", "2", "1")


def test_what_is_handed_in_is_gone(owing):
    for purchase in Transaction.objects.filter(missing="receipt", member=owing.bob):
        receipts.attach(purchase, inspect(picture(), "r.png"), f"kept-{purchase.pk}", actor=owing.bob, at=NOON)
    assert [row[0] for row in as_read(asked("missing-receipts", owing.alice))] == ["Alice"]


def test_a_manager_sees_the_people_below_and_an_employee_themselves(owing):
    assert [row[0] for row in as_read(asked("missing-receipts", owing.grace))] == ["Bob"]
    assert [row[0] for row in as_read(asked("missing-receipts", owing.bob))] == ["Bob"]
    assert asked("missing-receipts", owing.hire("Zoe", "employee")).rows == []
    assert len(asked("missing-receipts", owing.hire("Aud", "auditor")).rows) == 2
    assert asked("missing-receipts", owing.alice, currency="EUR").rows == []
