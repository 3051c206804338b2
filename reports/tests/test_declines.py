from __future__ import annotations

import pytest

from cards import operations as cards
from spendtrackr.money import Money
from tests.buying import bought, claimed, swiped
from tests.factories import NOON
from tests.figures import as_read, asked, behind, totals_as_read
from tests.rules import adopt, decide
from transactions.models import Approval
from transactions.operations import approvals
from users import operations as people

MARCH = {"from_": "2026-03-01", "to": "2026-03-31"}


@pytest.fixture
def declined(acme):
    """Bob: three over 20.00, two of them at Shop, and one in euros. Alice's card is frozen, and was swiped at Bar. One went through."""
    his = cards.issue(
        acme.bob, name="B", currency="USD", controls=cards.Controls(per_transaction_cap=Money(20_00, "USD")), actor=acme.alice, at=NOON
    )
    hers = cards.issue(acme.alice, name="A", currency="USD", controls=cards.Controls(), actor=acme.alice, at=NOON)
    cards.freeze(hers, actor=acme.alice, at=NOON)
    for minor, day, merchant in ((30_00, "2026-03-01", "Shop"), (40_00, "2026-03-31", "Shop"), (50_00, "2026-03-05", "Bar")):
        swiped(his, minor, day, merchant)
    swiped(his, 60_00, "2026-02-28", "Shop")
    swiped(his, 3_00, "2026-03-07", "Shop", currency="EUR")
    swiped(hers, 5_00, "2026-03-06", "Bar")
    bought(his, 19_00, "2026-03-06", "Shop")
    acme.his, acme.hers = his, hers
    return acme


def test_by_reason_the_most_frequent_first(declined):
    report = asked("declines", declined.alice, **MARCH)
    assert as_read(report) == [
        ("Over transaction cap", "$120.00", "3", "1", "Shop"),
        ("Card frozen", "$5.00", "1", "1", "Bar"),
        ("Wrong currency", "€3.00", "1", "1", "Shop"),
    ]
    assert totals_as_read(report) == [("€3.00", "1", "1", "–"), ("$125.00", "4", "2", "–")]
    assert [len(behind(row, declined.alice)) for row in report.rows] == [3, 1, 1]


@pytest.mark.parametrize(
    ("group_by", "rows"),
    [
        ("member", [("Bob", "$120.00", "3", "1", "Over transaction cap", "Shop"), ("Alice", "$5.00", "1", "1", "Card frozen", "Bar")]),
        ("merchant", [("Bar", "$55.00", "2", "2", "Card frozen"), ("Shop", "$70.00", "2", "1", "Over transaction cap")]),
    ],
)
def test_by_whatever_else(declined, group_by, rows):
    report = asked("declines", declined.alice, group_by=group_by, currency="USD", **MARCH)
    assert as_read(report) == rows
    assert [len(behind(row, declined.alice)) for row in report.rows] == [row.values[1] for row in report.rows]


def test_they_are_added_up_once_and_anew_when_there_is_another(declined, redis, django_assert_num_queries):
    first = as_read(asked("declines", declined.alice, **MARCH))
    with django_assert_num_queries(3):  # from when to when, which there are, and the merchants' names
        assert as_read(asked("declines", declined.alice, **MARCH)) == first
    by_card = asked("declines", declined.alice, group_by="card", **MARCH)
    assert {row.keys[0].id for row in by_card.rows} == {declined.his.public_id, declined.hers.public_id}
    assert as_read(asked("declines", declined.bob, **MARCH)) == [first[0], first[2]]
    swiped(declined.hers, 7_00, "2026-03-09", "Bar")
    assert as_read(asked("declines", declined.alice, **MARCH))[1] == ("Card frozen", "$12.00", "2", "1", "Bar")


def test_a_claim_that_was_rejected_is_no_swipe(declined):
    adopt(declined, category=False)
    claim = claimed(declined.bob, 70_00, "2026-03-04")
    approvals.submit(claim, actor=declined.bob, at=NOON)
    decide(Approval.objects.get(transaction=claim), declined.alice, outcome="rejected", reason="R", at=NOON)
    for group_by in ("reason", "member", "merchant"):
        report = asked("declines", declined.alice, group_by=group_by, **MARCH)
        assert sum(row.values[1] for row in report.rows) == 5
        assert [len(behind(row, declined.alice)) for row in report.rows] == [row.values[1] for row in report.rows]


def test_by_card(declined):
    report = asked("declines", declined.alice, group_by="card", currency="USD", **MARCH)
    assert [row.keys[0].id for row in report.rows] == [declined.his.public_id, declined.hers.public_id]


def test_sight(declined):
    grace = declined.hire("Grace", "employee")
    people.change_member(declined.bob, {"manager": grace}, actor=declined.alice, at=NOON)
    assert [row[0] for row in as_read(asked("declines", declined.bob, **MARCH))] == ["Over transaction cap", "Wrong currency"]
    assert len(asked("declines", grace, **MARCH).rows) == 2
    assert len(asked("declines", declined.hire("Aud", "auditor"), **MARCH).rows) == 3
    assert asked("declines", declined.hire("Zoe", "employee"), **MARCH).rows == []
