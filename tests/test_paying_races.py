"""Many at once who decide, change, gather, pay and settle: one effect, on every engine, and books that verify.

Threads on whatever database the suite runs on; MariaDB and MySQL are the ones that race for real.
"""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.management import call_command

from cards.models import BudgetInterval, LimitCounter
from cards.operations import budgets
from companies.models import Category
from conftest import build_world
from spendtrackr import errors
from spendtrackr.money import Money
from spendtrackr.tenancy import company_scope
from tests.factories import NOON, swipe
from tests.rules import adopt, decide
from tests.test_races import at_once, outcomes
from transactions.models import Approval, Entry, PaidFrom, Payout, Reimbursement, Repayment, RepaymentPart, Split, Transaction
from transactions.operations import approvals, claims, coding, reimbursements, repayments
from transactions.operations.claims import Wish
from transactions.operations.clearing import Clearing, clear
from transactions.operations.swipes import authorize

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]
TODAY, LATER = NOON.date(), NOON + timedelta(days=1)


@pytest.fixture
def office():
    """Bob claims, Alice says yes, Frank pays."""
    world = build_world()
    with company_scope(world.acme.pk):
        world.frank = world.hire("Frank", "finance")
        world.meals, world.travel = (Category.objects.get(name=name) for name in ("Meals", "Travel"))
        adopt(world)
    return world


def asked(office, minor: int = 40_00, **line) -> Approval:
    with company_scope(office.acme.pk):
        lines = [Split(share_minor=minor, category=office.meals, **line)]
        claim = claims.make(Wish(TODAY, Money(minor, "USD"), "Inn", "Trip", lines), actor=office.bob, at=NOON)
        approvals.submit(claim, actor=office.bob, at=NOON)
        return Approval.objects.select_related("transaction").get(transaction=claim)


def approved(office, minor: int = 40_00) -> Transaction:
    waiting = asked(office, minor)
    with company_scope(office.acme.pk):
        decide(waiting, office.alice, at=NOON)
        return Transaction.objects.get(pk=waiting.transaction_id)


def gathered(office, *found: Transaction) -> Reimbursement:
    with company_scope(office.acme.pk):
        return reimbursements.gather("USD", found or None, actor=office.frank, at=NOON)


def tried(work) -> str:
    """`done`, or the kind of refusal."""
    try:
        work()
    except errors.DomainError as refusal:
        return type(refusal).__name__
    return "done"


def balances(office) -> tuple[int, int, int]:
    with company_scope(office.acme.pk):
        account = office.account()
    return account.owed_minor, account.spent_minor, account.external_minor


def test_a_batch_paid_by_eight_at_once_is_paid_once(office):
    for minor in (40_00, 10_00):
        approved(office, minor)
    batch = gathered(office)

    def pay(number: int) -> str:
        return tried(lambda: reimbursements.pay(batch, paid_from=PaidFrom.BANK, reference=f"T{number}", actor=office.frank, at=LATER))

    said = at_once(office, pay)
    assert outcomes(said) == {"done": 1, "InvalidState": 7}
    with company_scope(office.acme.pk):
        assert sorted(Payout.objects.values_list("amount_minor", "status")) == [(10_00, "paid"), (40_00, "paid")]
        assert Entry.objects.filter(kind="payout").count() == 2
    assert balances(office)[0] == 0
    call_command("verify")


def test_one_claim_gathered_by_eight_at_once_is_in_one_batch(office):
    claim = approved(office)
    said = at_once(office, lambda n: tried(lambda: reimbursements.gather("USD", [claim], actor=office.frank, at=LATER)))
    assert outcomes(said)["done"] == 1
    with company_scope(office.acme.pk):
        assert Payout.objects.filter(live_key__isnull=False).count() == Reimbursement.objects.count() == 1
    call_command("verify")


def test_a_claim_is_gathered_or_taken_back_and_never_both(office):
    claim = approved(office)

    def work(number: int) -> str:
        if number % 2:
            return "gathered" if tried(lambda: reimbursements.gather("USD", [claim], actor=office.frank, at=LATER)) == "done" else ""
        return "cancelled" if tried(lambda: claims.cancel(claim, actor=office.bob, at=LATER)) == "done" else ""

    said = [one for one in at_once(office, work) if one]
    assert len(said) == 1
    assert balances(office)[:2] == ((-40_00, 40_00) if said == ["gathered"] else (0, 0))
    call_command("verify")


def test_a_payout_that_eight_note_as_failed_at_once_came_back_once(office):
    claim = approved(office)
    batch = gathered(office, claim)
    with company_scope(office.acme.pk):
        reimbursements.pay(batch, paid_from=PaidFrom.BANK, reference="T", actor=office.frank, at=NOON)
        payout = Payout.objects.select_related("reimbursement", "transaction").get()
    said = at_once(office, lambda n: tried(lambda: reimbursements.fail(payout, reason="Closed", actor=office.frank, at=LATER)))
    assert outcomes(said) == {"done": 1, "InvalidState": 7}
    assert balances(office)[0] == -40_00
    with company_scope(office.acme.pk):
        assert Entry.objects.filter(kind="payout_failed").count() == 1
    call_command("verify")


def test_a_batch_is_paid_or_loses_a_payout_first_and_what_was_taken_out_is_not_paid(office):
    for _ in range(2):
        approved(office)
    batch = gathered(office)
    with company_scope(office.acme.pk):
        payout = Payout.objects.select_related("reimbursement", "transaction").earliest("pk")

    def work(number: int) -> str:
        if number % 2:
            return tried(lambda: reimbursements.pay(batch, paid_from=PaidFrom.BANK, reference="T", actor=office.frank, at=LATER))
        return tried(lambda: reimbursements.remove(payout, actor=office.frank, at=LATER))

    at_once(office, work)
    with company_scope(office.acme.pk):
        paid = Payout.objects.filter(status="paid").count()
        assert Reimbursement.objects.get().status == "paid"
        assert Entry.objects.filter(kind="payout").count() == paid
    assert balances(office)[0] == -40_00 * (2 - paid)
    call_command("verify")


def test_of_eight_who_record_a_third_each_three_are_recorded(office):
    with company_scope(office.acme.pk):
        purchase = authorize(office.reload(), swipe(30_00)).transaction
        clear(purchase, Clearing("capture", "c", NOON, is_final=True), actor=None)
        approvals.submit(purchase, actor=office.bob, at=NOON)
        decide(Approval.objects.get(transaction=purchase), office.alice, outcome="rejected", reason="Private", at=NOON)
        repayment = Repayment.objects.select_related("transaction", "member__user").get()
    part = Money(10_00, "USD")

    def receive(number: int) -> str:
        return tried(lambda: repayments.receive(repayment, part, reference=f"T{number}", actor=office.frank, at=LATER))

    said = at_once(office, receive)
    assert outcomes(said)["done"] == 3
    with company_scope(office.acme.pk):
        repayment.refresh_from_db()
        assert (repayment.status, repayment.repaid_minor, RepaymentPart.objects.count()) == ("repaid", 30_00, 3)
    call_command("verify")


def test_a_claim_that_is_changed_while_it_is_approved_is_never_approved_as_something_else(office):
    for _ in range(3):
        waiting = asked(office)
        claim = waiting.transaction

        def change(number: int, claim: Transaction = claim) -> str:
            minor = 50_00 + number
            wish = Wish(TODAY, Money(minor, "USD"), "Inn", "Trip", [Split(share_minor=minor, category=office.meals)])
            return tried(lambda: claims.change(claim, wish, actor=office.bob, at=LATER))

        def say_yes(waiting: Approval = waiting) -> str:
            said = approvals.Answer(approvals.Outcome.APPROVED, "", waiting.seen)
            return tried(lambda: approvals.decide(waiting, said, actor=office.alice, at=LATER))

        at_once(office, lambda n, change=change, say_yes=say_yes: change(n) if n % 2 else say_yes(), 6)
        with company_scope(office.acme.pk):
            claim.refresh_from_db()
            waiting.refresh_from_db()
            if claim.approval == "approved":
                assert (claim.amount_minor, claim.captured_minor, waiting.status) == (40_00, 40_00, "approved")
            else:
                assert (claim.approval, claim.captured_minor, waiting.status) == ("open", 0, "void")
                assert claim.amount_minor > 50_00
    call_command("verify")


def test_a_purchase_that_is_recoded_while_it_is_approved_waits_anew_or_was_approved_as_seen(office):
    with company_scope(office.acme.pk):
        purchase = authorize(office.reload(), swipe(30_00)).transaction
        clear(purchase, Clearing("capture", "c", NOON, is_final=True), actor=None)
        coding.describe(purchase, {"category": office.meals}, actor=office.bob, at=NOON)
        approvals.submit(purchase, actor=office.bob, at=NOON)
        waiting = Approval.objects.select_related("transaction").get(transaction=purchase)
    said = approvals.Answer(approvals.Outcome.APPROVED, "", waiting.seen)

    def work(number: int) -> str:
        if number % 2:
            return tried(lambda: coding.describe(purchase, {"category": office.travel}, actor=office.bob, at=LATER))
        return tried(lambda: approvals.decide(waiting, said, actor=office.alice, at=LATER))

    at_once(office, work, 6)
    with company_scope(office.acme.pk):
        purchase.refresh_from_db()
        # Whoever came last: a person's new category takes a yes back, and a yes to the old one is refused.
        assert (purchase.category, purchase.approval) == (office.travel, "open")
    call_command("verify")


def test_claims_on_a_hard_budget_with_room_for_two_get_two_yeses(office):
    with company_scope(office.acme.pk):
        budget = budgets.create(
            name="Fair", limit=Money(100_00, "USD"), interval=BudgetInterval.MONTH, is_hard=True, owner=office.alice, members=[office.bob],
            actor=office.alice, at=NOON,
        )  # fmt: skip
    waiting = [asked(office, budget=budget) for _ in range(6)]
    said = at_once(office, lambda n: tried(lambda: decide(waiting[n], office.alice, at=LATER)), 6)
    assert outcomes(said) == {"done": 2, "OverBudget": 4}
    with company_scope(office.acme.pk):
        assert [counter.posted_minor for counter in LimitCounter.objects.filter(budget=budget)] == [80_00]
    assert balances(office)[:2] == (-80_00, 80_00)
    call_command("verify")


def test_payouts_from_the_balance_and_swipes_share_the_last_money(office):
    for _ in range(2):
        approved(office, 400_00)
    batch = gathered(office)

    def work(number: int) -> str:
        if number % 2:
            answer = authorize(office.card, swipe(150_00, network_id=f"s{number}"))
            return "approved" if answer.approved else "declined"
        return tried(lambda: reimbursements.pay(batch, paid_from=PaidFrom.BALANCE, reference="B", actor=office.frank, at=LATER))

    said = outcomes(at_once(office, work))
    with company_scope(office.acme.pk):
        account = office.account()
    # 1,000.00 is there: the batch takes 800.00 of it, each swipe 150.00.
    assert account.available_minor == 1_000_00 - 800_00 * said["done"] - 150_00 * said["approved"] >= 0
    assert said["done"] <= 1
    call_command("verify")
