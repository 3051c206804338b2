from __future__ import annotations

from datetime import timedelta

import pytest

from cards import operations as cards
from tests.buying import bought
from tests.factories import NOON
from tests.figures import as_read, asked, behind, totals_as_read
from tests.rules import adopt, approver, decide, route, step
from transactions.models import Approval
from transactions.operations import approvals
from users import operations as people


@pytest.fixture
def waiting(acme):
    """Grace manages Bob and decides about him; four of Bob's wait, since 20, 10, 5 and no days."""
    acme.grace = acme.hire("Grace", "employee")
    acme.bob = people.change_member(acme.bob, {"manager": acme.grace}, actor=acme.alice, at=NOON)
    adopt(acme)
    for days, minor in ((20, 1_00), (10, 2_00), (5, 4_00), (0, 8_00)):
        approvals.submit(bought(acme.card, minor, "2026-02-01"), actor=acme.bob, at=NOON - timedelta(days=days))
    return acme


def test_what_waits_by_whoever_has_to_say_yes(waiting):
    report = asked("approval-ageing", waiting.alice)
    assert as_read(report) == [("Grace", "$15.00", "4", "1", "1", "1", "1", "20 days")]
    assert totals_as_read(report) == [("$15.00", "4", "1", "1", "1", "1", "20 days")]
    assert [one.amount_minor for one in behind(report.rows[0], waiting.alice)] == [1_00, 2_00, 4_00, 8_00]


@pytest.mark.parametrize(("days", "bucket"), [(0, 2), (2, 2), (3, 3), (7, 3), (8, 4), (14, 4), (15, 5)])
def test_buckets_end_with_their_last_day(acme, days, bucket):
    adopt(acme)
    approvals.submit(bought(acme.card, 1_00, "2026-02-01"), actor=acme.bob, at=NOON)
    [row] = asked("approval-ageing", acme.alice, at=NOON + timedelta(days=days)).rows
    assert [place for place in range(2, 6) if row.values[place]] == [bucket]


def test_what_is_decided_waits_no_more(waiting):
    decide(Approval.objects.earliest("pk"), waiting.grace, at=NOON)
    assert as_read(asked("approval-ageing", waiting.alice)) == [("Grace", "$14.00", "3", "1", "1", "1", "0", "10 days")]


def test_a_step_of_two_is_with_each_and_once_in_the_total(acme):
    adopt(acme, approval=route(step(approver("role", role="admin"), approver("role", role="finance"))))
    acme.hire("Adam", "admin")
    acme.hire("Frank", "finance")
    approvals.submit(bought(acme.card, 5_00, "2026-02-01"), actor=acme.bob, at=NOON)
    report = asked("approval-ageing", acme.alice)
    assert [row[:3] for row in as_read(report)] == [("Adam", "$5.00", "1"), ("Frank", "$5.00", "1")]
    assert totals_as_read(report) == [("$5.00", "1", "1", "0", "0", "0", "0 days")]


def test_what_nobody_may_decide_has_a_row_of_its_own(acme):
    hers = cards.issue(acme.alice, name="A", currency="USD", controls=cards.Controls(), actor=acme.alice, at=NOON)
    adopt(acme)
    approvals.submit(bought(hers, 5_00, "2026-02-01"), actor=acme.alice, at=NOON)
    report = asked("approval-ageing", acme.alice)
    assert [row[:3] for row in as_read(report)] == [("Nobody who may decide", "$5.00", "1")]
    assert [one.member for one in behind(report.rows[0], acme.alice)] == [acme.alice]


def test_sight(waiting):
    assert len(asked("approval-ageing", waiting.bob).rows) == 1
    assert len(asked("approval-ageing", waiting.grace).rows) == 1
    assert asked("approval-ageing", waiting.hire("Zoe", "employee")).rows == []
    assert len(asked("approval-ageing", waiting.hire("Aud", "auditor")).rows) == 1
    assert asked("approval-ageing", waiting.alice, currency="EUR").rows == []
