from __future__ import annotations

from datetime import timedelta

import pytest

from spendtrackr.money import Money
from tests.buying import bought, claimed
from tests.factories import NOON
from tests.figures import as_read, asked, behind, totals_as_read
from tests.rules import adopt, decide
from transactions.models import Approval, Repayment, Transaction
from transactions.operations import approvals, reimbursements, repayments
from users import operations as people


def submitted(world, purchase: Transaction, outcome: str = "") -> Transaction:
    approvals.submit(purchase, actor=world.bob, at=NOON)
    if outcome:
        decide(Approval.objects.get(transaction=purchase), world.alice, outcome=outcome, reason="R", at=NOON)
    return Transaction.objects.get(pk=purchase.pk)


@pytest.fixture
def outstanding(acme):
    """Bob: 10 not submitted, 20 waiting, 30 and 35 to be paid, 40 in a batch, 50 paid; 60 rejected, of which 15 came back."""
    adopt(acme, category=False)
    for minor, day, outcome in (
        (10_00, "2026-03-01", None), (20_00, "2026-03-02", ""), (40_00, "2026-03-04", "approved"), (50_00, "2026-03-05", "approved"),
    ):  # fmt: skip
        claim = claimed(acme.bob, minor, day, f"Inn {minor}")
        if outcome is not None:
            submitted(acme, claim, outcome)
    fifty, forty = (Transaction.objects.get(amount_minor=minor) for minor in (50_00, 40_00))
    batch = reimbursements.gather("USD", [fifty], actor=acme.alice, at=NOON)
    reimbursements.pay(batch, paid_from="bank", reference="T", actor=acme.alice, at=NOON)
    reimbursements.gather("USD", [forty], actor=acme.alice, at=NOON)
    for minor, day in ((30_00, "2026-02-08"), (35_00, "2026-03-03")):
        submitted(acme, claimed(acme.bob, minor, day), "approved")
    rejected = submitted(acme, bought(acme.card, 60_00, "2026-03-06"), "rejected")
    repayments.receive(Repayment.objects.get(transaction=rejected), Money(15_00, "USD"), reference="T", actor=acme.alice, at=NOON)
    return acme


def test_what_people_wait_for_and_what_they_owe(outstanding):
    report = asked("claims-outstanding", outstanding.alice)
    assert as_read(report) == [
        ("Bob", "Waiting for a yes", "$20.00", "–", "1", "8 days"),
        ("Bob", "Approved, to be paid", "$65.00", "–", "2", "30 days"),
        ("Bob", "In a batch, being paid", "$40.00", "–", "1", "6 days"),
        ("Bob", "To be repaid", "–", "$45.00", "1", "4 days"),
    ]
    assert totals_as_read(report) == [("$125.00", "$45.00", "5", "–")]
    assert [sorted(one.amount_minor for one in behind(row, outstanding.alice)) for row in report.rows] == [
        [20_00], [30_00, 35_00], [40_00], [60_00],
    ]  # fmt: skip


def test_it_is_of_now(outstanding):
    report = asked("claims-outstanding", outstanding.alice, at=NOON + timedelta(days=1))
    assert (report.period, as_read(report)[0][5]) == (None, "9 days")


def test_sight(outstanding):
    grace = outstanding.hire("Grace", "employee")
    people.change_member(outstanding.bob, {"manager": grace}, actor=outstanding.alice, at=NOON)
    everything = as_read(asked("claims-outstanding", outstanding.alice))
    for member in (outstanding.bob, grace, outstanding.hire("Aud", "auditor"), outstanding.hire("Fin", "finance")):
        assert as_read(asked("claims-outstanding", member)) == everything
    assert asked("claims-outstanding", outstanding.hire("Zoe", "employee")).rows == []
    assert asked("claims-outstanding", outstanding.alice, currency="EUR").rows == []
