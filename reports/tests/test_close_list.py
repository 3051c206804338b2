from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine

from spendtrackr import errors
from spendtrackr.money import Money
from tests.buying import bought, claimed, imported, swiped
from tests.factories import NOON
from tests.figures import as_read, asked, behind
from tests.rules import adopt, decide
from transactions.models import Approval, Repayment, Transaction
from transactions.operations import approvals, repayments
from users import operations as people

LATER = NOON + timedelta(days=30)


def submitted(world, purchase: Transaction, outcome: str = "", at=NOON) -> None:
    approvals.submit(purchase, actor=world.bob, at=at)
    if outcome:
        decide(Approval.objects.get(transaction=purchase), world.alice, outcome=outcome, reason="R", at=at)


@pytest.fixture
def february(acme):
    """One of each in February, and as much again in January and March, which is no part of it."""
    adopt(acme, receipt=200_00, category=False)
    for month in (1, 2, 3):
        day, minor = f"2026-0{month}-05", month * 1_00
        bought(acme.card, 200_00 + minor, day, "Needs a receipt")
        bought(acme.card, 10_00 + minor, day, "Not submitted", merchant_code="0000")
        submitted(acme, bought(acme.card, 20_00 + minor, day, "Waiting"))
        submitted(acme, bought(acme.card, 30_00 + minor, day, "Sent back"), "changes_requested")
        submitted(acme, claimed(acme.bob, 40_00 + minor, day), "approved")
        rejected = bought(acme.card, 50_00 + minor, day, "Rejected")
        submitted(acme, rejected, "rejected")
        repayments.receive(Repayment.objects.get(transaction=rejected), Money(10_00, "USD"), reference="T", actor=acme.alice, at=NOON)
        swiped(acme.card, 1_00 + month, day, "On hold")
        imported(acme, f"{day},{6 + month}.00,EUR,Nobody's", filename=f"{month}.csv")
    return acme


def test_what_is_left_of_a_month(february):
    report = asked("close-list", february.alice, at=LATER, month="2026-02")
    assert as_read(report) == [
        ("Spend without a category", "€8.00", "1"),
        ("Spend without a category", "$12.00", "1"),
        ("Receipts missing", "$202.00", "1"),
        ("Not submitted", "$215.02", "3"),
        ("Sent back", "$32.00", "1"),
        ("Waiting for a yes", "$22.00", "1"),
        ("Approved claims to be paid", "$42.00", "1"),
        ("Repayments outstanding", "$42.00", "1"),
        ("On hold for more than 7 days", "$1.02", "1"),
        ("Imported lines without an owner", "€8.00", "1"),
    ]
    assert (report.totals, str(report.period)) == ([], "February 2026")
    for row in report.rows:
        assert len(behind(row, february.alice)) == row.values[1], row.keys[0].label


@pytest.mark.parametrize(("today", "is_told"), [("2026-02-12", False), ("2026-02-13", True)])
def test_a_hold_is_old_after_seven_days(acme, today, is_told):
    swiped(acme.card, 1_00, "2026-02-05")
    at = LATER.fromisoformat(f"{today}T17:00:00+00:00")
    labels = [row[0] for row in as_read(asked("close-list", acme.alice, at=at, month="2026-02"))]
    assert ("On hold for more than 7 days" in labels) is is_told


def test_without_a_month_it_is_the_one_before(acme):
    assert str(asked("close-list", acme.alice, at=NOON).period) == "February 2026"


@pytest.mark.parametrize("month", ["2026-13", "2026-1", "x", "1066-01"])
def test_what_is_no_month_is_refused_by_name(acme, month):
    with pytest.raises(errors.Invalid) as refusal:
        asked("close-list", acme.alice, month=month)
    assert refusal.value.field == "month"


def test_sight(february):
    grace = february.hire("Grace", "employee")
    people.change_member(february.bob, {"manager": grace}, actor=february.alice, at=NOON)
    ask = {"at": LATER, "month": "2026-02"}
    everything = as_read(asked("close-list", february.alice, **ask))
    of_people = [row for row in everything if not row[1].startswith("€")]
    assert as_read(asked("close-list", february.bob, **ask)) == as_read(asked("close-list", grace, **ask)) == of_people
    assert as_read(asked("close-list", february.hire("Aud", "auditor"), **ask)) == everything
    assert asked("close-list", february.hire("Zoe", "employee"), **ask).rows == []
    assert as_read(asked("close-list", february.alice, currency="EUR", **ask)) == [row for row in everything if row[1].startswith("€")]


def test_the_page_offers_the_latest_months(world, pages):
    with time_machine.travel("2026-03-15 12:00+00:00"):
        page = pages(world.alice).get("/reports/close-list/").content.decode()
    assert 'href="?month=2026-02" aria-current="true">Feb 2026' in page
    assert 'type="month" id="month" name="month" value="2026-02"' in page
    assert "Nothing is open: this month can be closed." in page
