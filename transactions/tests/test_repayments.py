"""What is asked back for purchases that were rejected: opened with the decision, repaid in parts, waived, or given back by the merchant."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.management import call_command

from spendtrackr import errors
from spendtrackr.models import Event
from spendtrackr.money import Money
from tests.factories import NOON, swipe
from tests.rules import adopt, decide
from transactions import queries
from transactions.models import Approval, DaySpend, Repayment, RepaymentPart, Transaction
from transactions.operations import approvals, repayments
from transactions.operations.clearing import Clearing, clear
from transactions.operations.swipes import authorize

LATER = NOON + timedelta(days=3)


@pytest.fixture
def office(acme):
    """Alice decides about Bob; Frank keeps the books."""
    acme.frank = acme.hire("Frank", "finance")
    adopt(acme)
    return acme


def bought(world, minor: int = 100_00, *, captured: bool = True) -> Transaction:
    purchase = authorize(world.reload(), swipe(minor)).transaction
    return tell(purchase, "capture", is_final=True) if captured else purchase


def tell(purchase, kind: str, minor: int | None = None, **more) -> Transaction:
    return clear(purchase, Clearing(kind, f"{kind}-{purchase.pk}-{minor}", NOON, minor, **more), actor=None)


def rejected(world, minor: int = 100_00, **more) -> Transaction:
    purchase = bought(world, minor, **more)
    approvals.submit(purchase, actor=world.bob, at=NOON)
    decide(Approval.objects.get(transaction=purchase), world.alice, outcome="rejected", reason="Private", at=NOON)
    return Transaction.objects.get(pk=purchase.pk)


def owed(purchase) -> tuple[str, int]:
    [repayment] = queries.with_outstanding([Repayment.objects.select_related("transaction").get(transaction=purchase)])
    return repayment.status, repayment.outstanding.minor


def give_back(world, purchase, minor: int, *, at=LATER) -> Repayment:
    return repayments.receive(Repayment.objects.get(transaction=purchase), Money(minor, "USD"), reference="T1", actor=world.frank, at=at)


def told() -> list[str]:
    return list(Event.objects.filter(type__startswith="repayment.").order_by("pk").values_list("type", flat=True))


def balances(world) -> tuple[int, int]:
    account = world.account()
    account.refresh_from_db()
    return account.external_minor, account.spent_minor


def proven() -> None:
    call_command("verify")


def test_a_rejected_purchase_asks_its_owner_for_what_it_came_to(office):
    purchase = rejected(office)
    repayment = Repayment.objects.get()
    assert (repayment.member, owed(purchase), told()) == (office.bob, ("open", 100_00), ["repayment.opened"])
    # It is spent all the same, until it comes back.
    assert balances(office) == (-1_000_00, 100_00)
    proven()


def test_a_yes_and_a_request_for_changes_ask_for_nothing(office):
    for outcome in ("approved", "changes_requested"):
        purchase = bought(office)
        approvals.submit(purchase, actor=office.bob, at=NOON)
        decide(Approval.objects.latest("pk"), office.alice, outcome=outcome, reason="x", at=NOON)
    assert Repayment.objects.count() == 0


def test_it_is_repaid_in_parts_and_spend_falls_on_the_days_that_it_comes_back(office):
    purchase = rejected(office)
    give_back(office, purchase, 30_00)
    assert (owed(purchase), balances(office)) == (("open", 70_00), (-970_00, 70_00))
    give_back(office, purchase, 70_00, at=LATER + timedelta(days=1))
    repayment = Repayment.objects.get()
    assert (owed(purchase), repayment.ended_by, balances(office)) == (("repaid", 0), office.frank, (-900_00, 0))
    days = DaySpend.objects.filter(dimension="member").order_by("starts_on").values_list("starts_on__day", "amount_minor")
    assert list(days) == [(10, 100_00), (13, -30_00), (14, -70_00)]
    assert told() == ["repayment.opened", "repayment.repaid", "repayment.repaid"]
    proven()


@pytest.mark.parametrize(("minor", "currency", "field"), [(0, "USD", "amount"), (100_01, "USD", "amount"), (1, "EUR", "amount.currency")])
def test_no_more_than_is_owed_comes_back(office, minor, currency, field):
    rejected(office)
    with pytest.raises(errors.Invalid) as refused:
        repayments.receive(Repayment.objects.get(), Money(minor, currency), actor=office.frank, at=LATER)
    assert (refused.value.field, RepaymentPart.objects.count(), balances(office)) == (field, 0, (-1_000_00, 100_00))


def test_the_company_may_do_without_the_rest_and_says_why(office):
    purchase = rejected(office)
    give_back(office, purchase, 30_00)
    with pytest.raises(errors.Invalid):
        repayments.waive(Repayment.objects.get(), reason=" ", actor=office.frank, at=LATER)
    repayments.waive(Repayment.objects.get(), reason="Our mistake", actor=office.frank, at=LATER)
    repayment = Repayment.objects.get()
    assert (repayment.status, repayment.reason, balances(office)) == ("waived", "Our mistake", (-970_00, 70_00))
    for again in (
        lambda: give_back(office, purchase, 1),
        lambda: repayments.waive(repayment, reason="x", actor=office.frank, at=LATER),
    ):
        with pytest.raises(errors.InvalidState):
            again()
    proven()


def test_nobody_waives_their_own(office):
    from cards import operations as cards

    office.card = cards.issue(office.frank, name="F", currency="USD", controls=cards.Controls(), actor=office.alice, at=NOON)
    purchase = bought(office)
    approvals.submit(purchase, actor=office.frank, at=NOON)
    decide(Approval.objects.get(), office.alice, outcome="rejected", reason="Private", at=NOON)
    for settle in (
        lambda: repayments.waive(Repayment.objects.get(), reason="Mine", actor=office.frank, at=LATER),
        lambda: give_back(office, purchase, 1),
    ):
        with pytest.raises(errors.Forbidden):
            settle()
    assert owed(purchase) == ("open", 100_00)


def test_what_the_merchant_gives_back_is_owed_no_more(office):
    purchase = rejected(office)
    tell(purchase, "refund", 40_00)
    assert owed(purchase) == ("open", 60_00)
    tell(purchase, "refund", 60_00)
    repayment = Repayment.objects.get()
    assert (owed(purchase), repayment.reason, repayment.ended_by) == (("waived", 0), "The merchant gave it back.", None)
    # The merchant takes it after all: it is owed again.
    tell(purchase, "refund_reversal", 60_00)
    assert owed(purchase) == ("open", 60_00)
    assert told() == ["repayment.opened", "repayment.waived", "repayment.opened"]
    proven()


def test_what_was_repaid_and_then_given_back_by_the_merchant_is_settled_as_repaid(office):
    purchase = rejected(office)
    give_back(office, purchase, 40_00)
    tell(purchase, "refund", 60_00)
    assert owed(purchase) == ("repaid", 0)
    proven()


def test_what_was_repaid_is_owed_again_when_the_merchant_takes_its_refund_back(office):
    purchase = rejected(office)
    tell(purchase, "refund", 40_00)
    give_back(office, purchase, 60_00)
    assert owed(purchase) == ("repaid", 0)
    tell(purchase, "refund_reversal", 40_00)
    assert (owed(purchase), Repayment.objects.get().ended_by) == (("open", 40_00), None)
    give_back(office, purchase, 40_00)
    assert owed(purchase) == ("repaid", 0)
    proven()


def test_what_somebody_waived_stays_waived(office):
    purchase = rejected(office)
    repayments.waive(Repayment.objects.get(), reason="Ours", actor=office.frank, at=LATER)
    tell(purchase, "refund", 40_00)
    tell(purchase, "refund_reversal", 40_00)
    assert Repayment.objects.get().status == "waived"


def test_what_came_back_twice_is_shown_as_its_owners(office):
    purchase = rejected(office)
    give_back(office, purchase, 100_00)
    tell(purchase, "refund", 70_00)
    [repayment] = queries.with_outstanding(Repayment.objects.select_related("transaction"))
    assert (repayment.status, repayment.outstanding.minor, repayment.overpaid.minor) == ("repaid", 0, 70_00)
    proven()


def test_what_is_on_hold_is_asked_for_when_it_clears(office):
    purchase = rejected(office, captured=False)
    assert owed(purchase) == ("open", 0)
    tell(purchase, "capture", 80_00, is_final=True)
    assert owed(purchase) == ("open", 80_00)
    proven()


def test_a_hold_that_comes_to_nothing_is_owed_by_nobody(office):
    purchase = rejected(office, captured=False)
    tell(purchase, "reversal")
    assert (owed(purchase), Transaction.objects.get().approval) == (("waived", 0), "none")
    proven()


def test_split_it_falls_where_it_stood(office):
    from companies.models import Category
    from transactions.models import Split
    from transactions.operations import coding

    meals, travel = (Category.objects.get(name=name) for name in ("Meals", "Travel"))
    purchase = bought(office)
    coding.describe(
        purchase,
        {"splits": [Split(share_minor=60_00, category=meals), Split(share_minor=40_00, category=travel)]},
        actor=office.bob,
        at=NOON,
    )
    approvals.submit(Transaction.objects.get(), actor=office.bob, at=NOON)
    decide(Approval.objects.get(), office.alice, outcome="rejected", reason="Private", at=NOON)
    give_back(office, purchase, 50_00)
    rows = DaySpend.objects.filter(dimension="category", starts_on=LATER.date())
    assert {row.value_id: row.amount_minor for row in rows} == {meals.pk: -30_00, travel.pk: -20_00}
    proven()


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("UPDATE repayments SET repaid_minor = 1", "its parts say"),
        ("UPDATE repayments SET status = 'repaid'", "something is owed"),
        ("DELETE FROM repayment_parts", "its parts say"),
    ],
)
def test_verify_names_what_does_not_fit(office, sql, says):
    from django.db import connection

    from reports import verification

    give_back(office, rejected(office), 30_00)
    assert list(verification.repayments()) == []
    with connection.cursor() as cursor:
        cursor.execute(sql)
    assert [says in sentence for sentence in verification.repayments()] == [True]


def test_verify_names_what_was_rejected_and_is_asked_back_of_nobody(office):
    from reports import verification

    rejected(office)
    Repayment.objects.all().delete()
    assert ["nobody is asked" in sentence for sentence in verification.repayments()] == [True]
