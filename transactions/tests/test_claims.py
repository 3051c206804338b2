"""Claims: booked with the yes, taken back with it, paid once. In the company's currency and in others, in one line and in many."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.core.management import call_command

from cards.models import BudgetInterval, LimitCounter
from cards.operations import budgets
from companies.models import Category
from spendtrackr import errors
from spendtrackr.models import Event
from spendtrackr.money import Money
from tests.factories import NOON
from tests.papers import picture
from tests.rules import adopt, decide, money, route, rule
from transactions import queries
from transactions.documents import inspect
from transactions.models import Approval, Claim, DaySpend, Entry, PaidFrom, Payout, Posting, Reimbursement, SpendLine, Split, Transaction
from transactions.operations import approvals, claims, coding, receipts, reimbursements
from transactions.operations.claims import Wish

TODAY = NOON.date()
LATER = NOON + timedelta(days=3)


@pytest.fixture
def office(acme):
    """Alice says yes to Bob; Frank pays. Meals and Travel are there; no receipts are asked for."""
    acme.frank = acme.hire("Frank", "finance")
    acme.meals, acme.travel = (Category.objects.get(name=name) for name in ("Meals", "Travel"))
    adopt(acme)
    return acme


def line(minor: int, category=None, **more) -> Split:
    return Split(share_minor=minor, category=category or Category.objects.get(name="Meals"), **more)


def wish(*lines: Split, currency: str = "USD", rate: str | None = None, **more) -> Wish:
    lines = lines or (line(40_00),)
    amount = Money(sum(one.share_minor for one in lines), currency)
    said = {"spent_on": TODAY - timedelta(days=2), "merchant_name": "Corner Grill", "memo": "Lunch"} | more
    return Wish(amount=amount, lines=lines, rate=Decimal(rate) if rate else None, **said)


def made(world, *lines: Split, at=NOON, **more) -> Transaction:
    return claims.make(wish(*lines, **more), actor=world.bob, at=at)


def approved(world, *lines: Split, at=NOON, **more) -> Transaction:
    claim = made(world, *lines, at=at, **more)
    approvals.submit(claim, actor=world.bob, at=at)
    decide(Approval.objects.get(transaction=claim, status="waiting"), world.alice, at=at)
    return Transaction.objects.get(pk=claim.pk)


def balances(world) -> dict[str, int]:
    account = world.account()
    account.refresh_from_db()
    names = ("external", "available", "owed", "spent")
    return {name: getattr(account, f"{name}_minor") for name in names if getattr(account, f"{name}_minor")}


FUNDED = {"external": -1_000_00, "available": 1_000_00}


def fresh(claim) -> Transaction:
    return Transaction.objects.get(pk=claim.pk)


def told(prefix: str) -> list[str]:
    return list(Event.objects.filter(type__startswith=prefix).order_by("pk").values_list("type", flat=True))


def proven() -> None:
    call_command("verify")


def test_a_claim_is_nothing_to_the_books_before_somebody_says_yes(office):
    claim = made(office)
    assert (claim.source, claim.status, claim.approval, claim.amount, claim.member) == (
        "claim", "pending", "open", Money(40_00, "USD"), office.bob,
    )  # fmt: skip
    assert (claim.occurred_on, claim.category, claim.is_split, claim.posted_on) == (TODAY - timedelta(days=2), office.meals, False, None)
    approvals.submit(claim, actor=office.bob, at=NOON)
    assert (balances(office), SpendLine.objects.count(), queries.owed()) == (FUNDED, 0, [])
    proven()


def test_with_the_yes_the_company_owes_it_and_has_spent_it_that_day(office):
    claim = approved(office, at=LATER)
    assert (claim.status, claim.approval, claim.captured_minor, claim.posted_on) == ("posted", "approved", 40_00, LATER.date())
    assert balances(office) == {**FUNDED, "owed": -40_00, "spent": 40_00}
    [row] = DaySpend.objects.filter(dimension="category")
    assert (row.starts_on, row.value_id, row.amount_minor) == (LATER.date(), office.meals.pk, 40_00)
    [owed] = queries.owed()
    assert (owed.member, owed.amount, owed.claims) == (office.bob, Money(40_00, "USD"), 1)
    proven()


def test_in_another_currency_it_is_converted_once_by_the_days_rate_which_is_kept(office):
    claim = made(office, line(33_33), line(33_33, office.travel), line(33_34), currency="EUR", rate="1.0850")
    assert (claim.amount, claim.merchant_amount, Claim.objects.get().rate) == (Money(108_50, "USD"), Money(100_00, "EUR"), "1.085")
    assert [part.amount_minor for part in Split.objects.order_by("position")] == [36_16, 36_16, 36_18]
    proven()


@pytest.mark.parametrize(
    ("minor", "currency", "rate", "comes_to"),
    [
        (10_01, "EUR", "1.5", 15_02),
        (1, "EUR", "0.5", 1),
        (5_000, "JPY", "0.0067", 33_50),
        (12_345, "KWD", "3.25", 40_12),
        (3, "EUR", "1.5", 5),
    ],
)
def test_half_a_minor_unit_is_rounded_up_whatever_the_exponents(office, minor, currency, rate, comes_to):
    assert made(office, line(minor), currency=currency, rate=rate).amount_minor == comes_to


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"spent_on": TODAY + timedelta(days=1)}, "spent_on"),
        ({"currency": "EUR"}, "rate"),
        ({"rate": "1.1"}, "rate"),
        ({"currency": "EUR", "rate": "0.000001"}, "amount"),
        ({"currency": "EUR", "rate": "100000000000"}, "amount"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_field_and_nothing_is_kept(office, change, field):
    with pytest.raises(errors.Invalid) as refused:
        made(office, **change)
    assert (refused.value.field, Transaction.objects.count(), Claim.objects.count()) == (field, 0, 0)


@pytest.mark.parametrize(("lines", "field"), [([], "lines"), ([1] * 51, "lines"), ([-5, 45], "lines.0.amount")])
def test_lines_are_more_than_nothing_and_not_too_many(office, lines, field):
    said = [line(minor) for minor in lines]
    with pytest.raises(errors.Invalid) as refused:
        claims.make(Wish(TODAY, Money(40, "USD"), "Grill", "", said), actor=office.bob, at=NOON)
    assert refused.value.field == field


def test_the_tax_of_another_country_is_not_booked(office):
    with pytest.raises(errors.Invalid) as refused:
        made(office, line(10_00, tax_minor=1), currency="EUR", rate="1.1")
    assert refused.value.field == "lines.0.tax"


def test_nobody_says_yes_to_their_own_claim(office):
    claim = claims.make(wish(), actor=office.alice, at=NOON)
    approvals.submit(claim, actor=office.alice, at=NOON)
    with pytest.raises(errors.Forbidden):
        decide(Approval.objects.get(), office.alice, at=NOON)
    assert balances(office) == FUNDED


def test_a_policy_may_approve_small_claims_and_then_they_are_owed_at_once(office):
    adopt(office, rule("Small", sources=["claim"], amount_below=money(50_00), approval=route()))
    claim = made(office)
    assert approvals.submit(claim, actor=office.bob, at=NOON).approval == "approved"
    assert balances(office) == {**FUNDED, "owed": -40_00, "spent": 40_00}
    proven()


def test_what_is_missing_must_be_there_first(office):
    adopt(office, rule("Claims", sources=["claim"], require={"receipt": {"when": "always", "amount": None}}))
    claim = made(office)
    assert fresh(claim).missing_items == ["receipt"]
    with pytest.raises(approvals.ItemsMissing):
        approvals.submit(claim, actor=office.bob, at=NOON)
    receipts.attach(claim, inspect(picture(), "r.png"), "r", actor=office.bob, at=NOON)
    assert approvals.submit(claim, actor=office.bob, at=NOON).approval == "waiting"


def test_it_may_be_written_anew_until_somebody_says_yes(office):
    claim = made(office)
    approvals.submit(claim, actor=office.bob, at=NOON)
    claims.change(claim, wish(line(50_00), line(10_00, office.travel), memo="Dinner"), actor=office.bob, at=NOON)
    now = fresh(claim)
    assert (now.approval, now.amount_minor, now.memo, now.is_split) == ("open", 60_00, "Dinner", True)
    assert Approval.objects.get().status == "void"
    claims.change(claim, wish(line(45_00)), actor=office.bob, at=NOON)
    assert (fresh(claim).is_split, Split.objects.count(), fresh(claim).category) == (False, 0, office.meals)
    approved_one = approved(office)
    with pytest.raises(errors.InvalidState):
        claims.change(approved_one, wish(line(90_00)), actor=office.bob, at=NOON)
    assert fresh(approved_one).amount_minor == 40_00
    proven()


def test_rejected_it_is_not_paid_and_owes_nobody_anything(office):
    claim = made(office)
    approvals.submit(claim, actor=office.bob, at=NOON)
    decide(Approval.objects.get(), office.alice, outcome="rejected", reason="Private", at=NOON)
    now = fresh(claim)
    assert (now.status, now.decline_code, now.approval, balances(office)) == ("declined", "rejected", "rejected", FUNDED)
    assert not hasattr(now, "repayment")
    for again in (lambda: claims.change(claim, wish(), actor=office.bob, at=NOON), lambda: claims.cancel(claim, actor=office.bob, at=NOON)):
        with pytest.raises(errors.InvalidState):
            again()
    proven()


def test_sent_back_it_is_changed_and_submitted_again(office):
    claim = made(office)
    approvals.submit(claim, actor=office.bob, at=NOON)
    decide(Approval.objects.get(), office.alice, outcome="changes_requested", reason="Which day?", at=NOON)
    claims.change(claim, wish(memo="Tuesday"), actor=office.bob, at=NOON)
    approvals.submit(claim, actor=office.bob, at=NOON)
    decide(Approval.objects.latest("pk"), office.alice, at=NOON)
    assert fresh(claim).approval == "approved"
    proven()


@pytest.mark.parametrize("state", ["open", "waiting", "approved"])
def test_cancelled_it_is_as_if_it_had_not_been(office, state):
    claim = made(office) if state != "approved" else approved(office)
    if state == "waiting":
        approvals.submit(claim, actor=office.bob, at=NOON)
    claims.cancel(claim, actor=office.bob, at=LATER)
    now = fresh(claim)
    assert (now.status, now.approval, now.missing, now.captured_minor, balances(office)) == ("reversed", "none", "", 0, FUNDED)
    assert sum(SpendLine.objects.values_list("amount_minor", flat=True)) == 0
    with pytest.raises(errors.InvalidState):
        claims.cancel(claim, actor=office.bob, at=LATER)
    proven()


def test_another_category_takes_the_yes_and_what_was_booked_back(office):
    claim = approved(office)
    coding.describe(claim, {"category": office.travel}, actor=office.bob, at=LATER)
    now = fresh(claim)
    assert (now.status, now.approval, balances(office)) == ("pending", "open", FUNDED)
    approvals.submit(claim, actor=office.bob, at=LATER)
    decide(Approval.objects.latest("pk"), office.alice, at=LATER)
    cells = {row.value_id: row.amount_minor for row in DaySpend.objects.filter(dimension="category") if row.amount_minor}
    assert (cells, list(Entry.objects.filter(transaction=claim).order_by("pk").values_list("kind", flat=True))) == (
        {office.travel.pk: 40_00}, ["claim", "claim_void", "claim"],
    )  # fmt: skip
    proven()


def test_an_approved_receipt_that_is_taken_off_takes_the_yes_back(office):
    claim = made(office)
    receipt = receipts.attach(claim, inspect(picture(), "r.png"), "r", actor=office.bob, at=NOON)
    approvals.submit(claim, actor=office.bob, at=NOON)
    decide(Approval.objects.get(), office.alice, at=NOON)
    receipts.remove(receipt, actor=office.bob, at=NOON)
    assert (fresh(claim).approval, balances(office)) == ("open", FUNDED)


# Budgets.


@pytest.fixture
def fair(office):
    return budgets.create(
        name="Fair", limit=Money(100_00, "USD"), interval=BudgetInterval.MONTH, is_hard=True, owner=office.alice, members=[office.bob],
        actor=office.alice, at=NOON,
    )  # fmt: skip


def used() -> list[tuple[int, int]]:
    return list(LimitCounter.objects.filter(budget__isnull=False).order_by("starts_on").values_list("starts_on__month", "posted_minor"))


def test_a_line_draws_from_its_budget_with_the_yes_in_the_month_of_the_purchase(office, fair):
    claim = made(office, line(60_00, budget=fair), line(20_00), spent_on=date(2026, 2, 27))
    assert used() == []
    approvals.submit(claim, actor=office.bob, at=NOON)
    decide(Approval.objects.get(), office.alice, at=NOON)
    assert used() == [(2, 60_00)]
    assert {row.value_id: row.amount_minor for row in DaySpend.objects.filter(dimension="budget")} == {fair.pk: 60_00, 0: 20_00}
    proven()
    claims.cancel(claim, actor=office.bob, at=NOON)
    assert used() == [(2, 0)]
    proven()


def test_a_hard_budget_without_room_refuses_the_yes_and_nothing_is_booked(office, fair):
    approved(office, line(70_00, budget=fair))
    claim = made(office, line(40_00, budget=fair))
    approvals.submit(claim, actor=office.bob, at=NOON)
    with pytest.raises(errors.InvalidState) as refused:
        decide(Approval.objects.get(transaction=claim), office.alice, at=NOON)
    assert (refused.value.code, fresh(claim).approval, used()) == ("over_budget", "waiting", [(3, 70_00)])
    assert balances(office) == {**FUNDED, "owed": -70_00, "spent": 70_00}
    budgets.change(fair, {"limit": Money(110_00, "USD")}, actor=office.alice, at=NOON)
    decide(Approval.objects.get(transaction=claim), office.alice, at=NOON)
    assert used() == [(3, 110_00)]
    proven()


# Payouts.


def gathered(world, **more) -> Reimbursement:
    return reimbursements.gather("USD", actor=world.frank, at=LATER, **more)


def paid(world, batch=None, paid_from=PaidFrom.BANK) -> Reimbursement:
    return reimbursements.pay(batch or gathered(world), paid_from=paid_from, reference="SEPA 7", actor=world.frank, at=LATER)


def test_approved_claims_are_gathered_paid_and_nothing_is_owed(office):
    first, second = approved(office), approved(office, line(10_00))
    made(office)
    batch = gathered(office)
    assert sorted(Payout.objects.values_list("transaction_id", "amount_minor", "status")) == [
        (first.pk, 40_00, "ready"), (second.pk, 10_00, "ready"),
    ]  # fmt: skip
    assert queries.owed() == []
    batch = paid(office, batch)
    assert (batch.status, batch.reference, batch.ended_by) == ("paid", "SEPA 7", office.frank)
    assert balances(office) == {"external": -1_050_00, "available": 1_000_00, "spent": 50_00}
    assert told("reimbursement.") == ["reimbursement.gathered", "reimbursement.paid"]
    proven()


def test_from_the_balance_the_money_must_be_there_and_credit_is_not(office):
    from transactions.operations import accounts

    approved(office, line(1_000_01))
    accounts.set_credit(office.account(), Money(500_00, "USD"), actor=office.alice, at=NOON)
    batch = gathered(office)
    with pytest.raises(errors.DomainError) as refused:
        paid(office, batch, PaidFrom.BALANCE)
    assert (refused.value.code, Reimbursement.objects.get().status, Payout.objects.get().status) == ("insufficient_funds", "open", "ready")
    accounts.top_up(Money(1, "USD"), actor=office.alice, at=NOON)
    paid(office, batch, PaidFrom.BALANCE)
    assert balances(office) == {"external": -1_000_01, "spent": 1_000_01}
    proven()


def test_a_batch_is_paid_once_and_cancelled_never_after(office):
    approved(office)
    batch = paid(office)
    before = (balances(office), Posting.objects.count())
    for again in (
        lambda: paid(office, batch),
        lambda: reimbursements.cancel(batch, actor=office.frank, at=LATER),
        lambda: reimbursements.remove(Payout.objects.get(), actor=office.frank, at=LATER),
        lambda: gathered(office),
    ):
        with pytest.raises(errors.InvalidState):
            again()
    assert (balances(office), Posting.objects.count()) == before


@pytest.mark.parametrize("how", ["remove", "cancel"])
def test_what_is_taken_out_of_a_batch_may_be_gathered_again(office, how):
    claim = approved(office)
    batch = gathered(office)
    with pytest.raises(errors.InvalidState):
        gathered(office)
    if how == "remove":
        reimbursements.remove(Payout.objects.get(), actor=office.frank, at=LATER)
        with pytest.raises(errors.InvalidState):
            paid(office, batch)
    else:
        reimbursements.cancel(batch, actor=office.frank, at=LATER)
    again = gathered(office)
    assert Payout.objects.get(reimbursement=again).transaction == claim
    paid(office, again)
    proven()


@pytest.mark.parametrize("paid_from", [PaidFrom.BANK, PaidFrom.BALANCE])
def test_a_payout_that_failed_goes_back_and_its_claim_is_owed_again(office, paid_from):
    claim, other = approved(office), approved(office, line(10_00))
    paid(office, paid_from=paid_from)
    payout = Payout.objects.get(transaction=claim)
    with pytest.raises(errors.Invalid):
        reimbursements.fail(payout, reason=" ", actor=office.frank, at=LATER)
    reimbursements.fail(payout, reason="Account closed", actor=office.frank, at=LATER)
    assert balances(office)["owed"] == -40_00
    assert [row.claims for row in queries.owed()] == [1]
    with pytest.raises(errors.InvalidState):
        reimbursements.fail(payout, reason="Account closed", actor=office.frank, at=LATER)
    proven()
    paid(office, paid_from=paid_from)
    assert "owed" not in balances(office)
    assert Payout.objects.filter(transaction=other).count() == 1
    proven()


def test_those_that_are_named_are_gathered_or_none(office):
    first, second = approved(office), approved(office, line(10_00))
    open_one = made(office)
    for claims_named, place in (([first, open_one], 1), ([open_one], 0)):
        with pytest.raises(errors.Invalid) as refused:
            gathered(office, claims=claims_named)
        assert (refused.value.field, Payout.objects.count()) == (f"claims.{place}", 0)
    gathered(office, claims=[second])
    assert Payout.objects.get().transaction == second
    with pytest.raises(errors.Invalid):
        gathered(office, claims=[second])


def test_up_to_a_day_and_in_one_currency_at_a_time(office):
    approved(office, spent_on=TODAY - timedelta(days=9))
    approved(office, spent_on=TODAY)
    batch = gathered(office, until=TODAY - timedelta(days=1))
    assert Payout.objects.filter(reimbursement=batch).count() == 1
    with pytest.raises(errors.InvalidState):
        reimbursements.gather("EUR", actor=office.frank, at=LATER)


def test_a_claim_that_is_being_paid_is_neither_changed_nor_taken_back(office):
    claim = made(office)
    receipt = receipts.attach(claim, inspect(picture(), "r.png"), "r", actor=office.bob, at=NOON)
    approvals.submit(claim, actor=office.bob, at=NOON)
    decide(Approval.objects.get(), office.alice, at=NOON)
    gathered(office)
    before = balances(office)
    for act in (
        lambda: claims.cancel(claim, actor=office.bob, at=LATER),
        lambda: coding.describe(claim, {"category": office.travel}, actor=office.bob, at=LATER),
        lambda: receipts.remove(receipt, actor=office.bob, at=LATER),
        lambda: claims.change(claim, wish(line(1)), actor=office.bob, at=LATER),
    ):
        with pytest.raises(errors.InvalidState):
            act()
    assert (balances(office), fresh(claim).approval, fresh(claim).category, fresh(claim).receipt_count) == (
        before, "approved", office.meals, 1,
    )  # fmt: skip


def test_a_bookkeeper_books_a_paid_claim_otherwise_without_asking_anybody_again(office):
    claim = approved(office)
    paid(office)
    coding.describe(claim, {"category": office.travel}, actor=office.frank, at=LATER)
    assert (fresh(claim).approval, fresh(claim).category) == ("approved", office.travel)
    coding.describe(claim, {"splits": [line(30_00), line(10_00, office.travel)]}, actor=office.frank, at=LATER)
    cells = {row.value_id: row.amount_minor for row in DaySpend.objects.filter(dimension="category") if row.amount_minor}
    assert cells == {office.meals.pk: 30_00, office.travel.pk: 10_00}
    proven()


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("UPDATE transactions SET captured_minor = 1 WHERE source = 'claim'", "keeps"),
        ("UPDATE payouts SET status = 'ready'", "payout"),
        ("UPDATE payouts SET amount_minor = 1", "payout"),
        ("UPDATE transactions SET approval = 'open' WHERE source = 'claim'", "claim"),
        ("DELETE FROM claims", "claim"),
    ],
)
def test_verify_names_what_does_not_fit(office, sql, says):
    from django.db import connection

    from reports import verification

    approved(office)
    paid(office)
    assert list(verification.claims()) == []
    with connection.cursor() as cursor:
        cursor.execute(sql)
    found = list(verification.claims())
    assert found
    assert all(says in sentence for sentence in found[:1])
