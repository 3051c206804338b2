"""The last euro, with real threads on a real database file or server. Taken without its locks, the race is lost."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.core.management import call_command
from django.db import connection, connections

from cards import operations as cards
from cards.counters import counter_for
from cards.models import Card, LimitCounter
from companies.models import Category, Company
from conftest import build_world
from reports import verification
from spendtrackr.models import Event
from spendtrackr.money import Money
from spendtrackr.tenancy import company_scope
from tests.factories import NOON, swipe
from tests.papers import picture
from transactions.documents import inspect
from transactions.models import Approval, Draw, Entry, FundingAccount, Receipt, Transaction
from transactions.operations import accounts, approvals, coding, receipts, statements, swipes
from transactions.operations.clearing import Clearing, clear
from transactions.operations.swipes import authorize
from users import operations as people
from users.models import Membership

THREADS, ROUNDS = 8, 20

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def world():
    return build_world()


def at_once(world, work, count: int = THREADS) -> list:
    """Run `work(0) … work(count - 1)` at the same moment, each on its own connection. Exceptions are answers too."""
    barrier = Barrier(count)

    def run(number: int):
        with company_scope(world.acme.pk):
            connection.ensure_connection()
            barrier.wait()
            try:
                return work(number)
            except Exception as error:
                return f"{type(error).__name__}: {error}"
            finally:
                connections.close_all()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


def reasons(answers) -> Counter:
    return Counter(answer.reason or "approved" if hasattr(answer, "reason") else answer for answer in answers)


def outcomes(answers) -> Counter:
    """What was said, or the kind of refusal."""
    return Counter(answer.split(":")[0] for answer in answers)


def new_card(world, **controls) -> Card:
    with company_scope(world.acme.pk):
        card = cards.issue(world.bob, name="Race", currency="USD", controls=cards.Controls(**controls), actor=world.alice, at=NOON)
        # With its counter, so that a race without locks is about the limit and not about who inserts the counter.
        counter_for(card, NOON.date())
        return card


def test_of_eight_swipes_with_room_for_three_three_are_approved(world):
    for _ in range(ROUNDS):
        card = new_card(world, monthly_limit=Money(3_00, "USD"))
        answers = at_once(world, lambda _, card=card: authorize(card, swipe(1_00)))
        assert reasons(answers) == {"approved": 3, "over_monthly_limit": 5}
        with company_scope(world.acme.pk):
            counter = LimitCounter.objects.get(card=card)
            assert (counter.held_minor, counter.draws) == (3_00, 3)
    call_command("verify")


def test_eight_cards_on_one_account_with_money_for_three(world):
    for _ in range(ROUNDS):
        _leave_on_the_account(world, 3_00)
        carried = [new_card(world) for _ in range(THREADS)]
        answers = at_once(world, lambda number, carried=carried: authorize(carried[number], swipe(1_00)))
        assert reasons(answers) == {"approved": 3, "insufficient_funds": 5}
        with company_scope(world.acme.pk):
            assert FundingAccount.objects.get().available_minor == 0
    call_command("verify")


def _leave_on_the_account(world, minor: int) -> None:
    """Spend down, or top up, to just this much."""
    with company_scope(world.acme.pk):
        available = FundingAccount.objects.get().available_minor
        if available > minor:
            card = cards.issue(world.bob, name="Drain", currency="USD", controls=cards.Controls(), actor=world.alice, at=NOON)
            assert authorize(card, swipe(available - minor)).approved
        elif available < minor:
            accounts.top_up(Money(minor - available, "USD"), actor=world.alice, at=NOON)


def test_without_the_card_lock_the_race_is_lost(world, monkeypatch):
    """The same race as the first one, with its lock taken out: it must fail, or that test proves nothing.

    What the lock no longer orders, the constraints stop: a twin number of a Draw, a counter that changed underneath.
    """
    _take_the_lock_out(monkeypatch)
    results = []
    for _ in range(ROUNDS):
        card = new_card(world, monthly_limit=Money(3_00, "USD"))
        results.append(reasons(at_once(world, lambda _, card=card: authorize(card, swipe(1_00)))))
    if connection.vendor == "sqlite":
        # Its one write lock is taken at BEGIN, so there no race can be lost; the proof needs a server.
        assert results == [{"approved": 3, "over_monthly_limit": 5}] * ROUNDS
        return
    assert any(result != {"approved": 3, "over_monthly_limit": 5} for result in results)
    assert any("changed without the lock of its card" in key or "IntegrityError" in key for result in results for key in result)


def test_without_lock_and_constraints_it_would_overspend(world, monkeypatch):
    """And with the counter's own guard out too, more is approved than there was room for: the danger is real."""
    if connection.vendor == "sqlite":
        pytest.skip("SQLite takes its write lock at BEGIN: there is nothing to take out")
    _take_the_lock_out(monkeypatch)
    monkeypatch.setattr("transactions.draws.draw", lambda *args, **kwargs: None)
    approved = []
    for _ in range(3):
        card = new_card(world, monthly_limit=Money(3_00, "USD"))
        approved.append(reasons(at_once(world, lambda _, card=card: authorize(card, swipe(1_00))))["approved"])
    assert max(approved) > 3


def _take_the_lock_out(monkeypatch) -> None:
    monkeypatch.setattr(swipes, "lock_card", lambda card: Card.objects.get(pk=card.pk))
    original = swipes._standing

    def slowly(*args):
        found = original(*args)
        time.sleep(0.05)
        return found

    monkeypatch.setattr(swipes, "_standing", slowly)


def test_one_message_delivered_eight_times_at_once_counts_once(world):
    answers = at_once(world, lambda _: authorize(world.card, swipe(1_00, network_id="same")))
    assert {answer.message.pk for answer in answers} == {answers[0].message.pk}
    with company_scope(world.acme.pk):
        assert (Transaction.objects.count(), Draw.objects.count(), FundingAccount.objects.get().held_minor) == (1, 1, 1_00)


def test_captures_and_refunds_of_one_purchase_take_turns(world):
    with company_scope(world.acme.pk):
        purchase = authorize(world.card, swipe(8_00)).transaction
    captured = at_once(world, lambda n: clear(purchase, Clearing("capture", f"c{n}", NOON, 1_00), actor=None))
    assert [answer for answer in captured if isinstance(answer, str)] == []
    refunded = at_once(world, lambda n: clear(purchase, Clearing("refund", f"r{n}", NOON, 2_00), actor=None))
    assert sum(isinstance(answer, str) for answer in refunded) == 4
    with company_scope(world.acme.pk):
        account = FundingAccount.objects.get()
        assert (account.held_minor, account.spent_minor) == (0, 0)
    call_command("verify")


def test_a_freeze_stops_every_swipe_that_commits_after_it(world):
    with company_scope(world.acme.pk):
        card = world.card

    def work(number: int):
        if number == 0:
            cards.freeze(card, actor=world.alice, at=NOON)
            return authorize(card, swipe(1_00))
        return authorize(card, swipe(1_00))

    answers = at_once(world, work)
    assert answers[0].reason == "card_frozen"
    with company_scope(world.acme.pk):
        frozen = list(Transaction.objects.order_by("pk").values_list("status", flat=True))
        assert "pending" not in frozen[frozen.index("declined") :]


def test_no_swipe_is_approved_after_its_holder_left(world):
    for _ in range(5):
        card = new_card(world)

        def work(number: int, card=card):
            if number == 0:
                cards.deactivate_member(world.bob, actor=world.alice, at=NOON)
                return [authorize(card, swipe(1_00)).reason]
            return [authorize(card, swipe(1_00)).reason for _ in range(4)]

        answers = at_once(world, work, count=4)
        assert answers[0] == ["member_not_active"]
        for told in answers[1:]:
            assert set(told) <= {"", "member_not_active"}, told
            assert "" not in told[next((place for place, reason in enumerate(told) if reason), len(told)) :]
        with company_scope(world.acme.pk):
            decided = list(Transaction.objects.filter(card=card).order_by("pk").values_list("status", flat=True))
            assert "pending" not in decided[decided.index("declined") :]
            assert card.freezes.filter(open_source="offboarding").count() == 1
            cards.reactivate_member(world.bob, actor=world.alice, at=NOON)
            assert authorize(card, swipe(1_00)).approved
    call_command("verify")


def test_a_suspension_is_not_held_up_by_swipes_and_stops_them_all(world):
    carried = [new_card(world) for _ in range(THREADS)]

    def work(number: int):
        if number == 0:
            accounts.suspend_company(world.acme, actor=None, at=NOON)
            return authorize(Card.objects.get(pk=carried[0].pk), swipe(1_00))
        return [authorize(Card.objects.get(pk=carried[number].pk), swipe(1_00)).reason for _ in range(6)]

    answers = at_once(world, work)
    assert answers[0].reason == "company_suspended"
    for told in answers[1:]:
        # Approved until the suspension, and never again after the first refusal.
        assert set(told) <= {"", "company_suspended"}, told
        assert "" not in told[next((place for place, reason in enumerate(told) if reason), len(told)) :]
    with company_scope(world.acme.pk):
        assert FundingAccount.objects.get().is_blocked
    call_command("verify")


def test_two_imports_of_one_file_at_once_book_it_once(world):
    text = b"Date,Amount,Merchant\n" + b"".join(b"2026-01-%02d,1.00,Shop %d\n" % (day, day) for day in range(1, 29))
    file = statements.StatementFile(text, "s.csv")
    records = at_once(world, lambda _: statements.import_statement(world.acme, file, actor=None, at=NOON), count=4)
    assert sorted(record.booked if not isinstance(record, str) else record for record in records) == [0, 0, 0, 28]
    with company_scope(world.acme.pk):
        assert FundingAccount.objects.get().spent_minor == 28_00
    call_command("verify")


def test_imports_and_swipes_do_not_wait_for_each_other_for_ever(world):
    text = b"Date,Amount,Merchant\n" + b"".join(b"2026-01-%02d,1.00,Shop %d\n" % (n % 28 + 1, n) for n in range(300))

    def work(number: int):
        if number == 0:
            return statements.import_statement(world.acme, statements.StatementFile(text, "s.csv"), actor=None, at=NOON)
        return [authorize(world.card, swipe(1_00, merchant_name=f"Shop {n}")).reason for n in range(5)]

    answers = at_once(world, work, count=4)
    assert answers[0].booked == 300
    assert answers[1:] == [[""] * 5] * 3
    with company_scope(world.acme.pk):
        account = FundingAccount.objects.get()
        assert (account.spent_minor, account.held_minor) == (300_00, 15_00)
    call_command("verify")


def test_one_idempotency_key_used_by_eight_at_once_takes_effect_once(world, api):
    clients = [api(world.alice) for _ in range(THREADS)]
    body = {"amount": {"minor": 5_00, "currency": "USD"}}

    def work(number: int):
        response = clients[number].post("/api/v1/simulator/topups/", body, headers={"Idempotency-Key": "one"})
        return response.status_code, response.json().get("entry")

    answers = set(at_once(world, work))
    assert {status for status, _ in answers} <= {201, 409}
    assert len({entry for status, entry in answers if status == 201}) == 1
    with company_scope(world.acme.pk):
        assert Entry.objects.filter(kind="topup").count() == 2
        assert FundingAccount.objects.get().available_minor == 1_005_00


def test_throttled_attempts_are_counted_exactly(world):
    from spendtrackr import throttles

    def work(number: int):
        try:
            throttles.hit("race", "one", limit=3, seconds=3600)
        except throttles.errors.TooMany:
            return "refused"
        return "let through"

    assert Counter(at_once(world, work)) == {"let through": 3, "refused": 5}


def _attach(world, purchase, number: int) -> str:
    content = picture(colour=f"rgb({number}, 0, 0)")
    stored_as = receipts.store(content, company=world.acme)
    receipts.attach(purchase, inspect(content, "r.png"), stored_as, actor=world.bob, at=NOON)
    return "attached"


def test_the_same_receipt_from_eight_hands_is_attached_once(world):
    for _ in range(ROUNDS):
        with company_scope(world.acme.pk):
            purchase = authorize(world.card, swipe(1_00)).transaction
        answers = at_once(world, lambda _, purchase=purchase: _attach(world, purchase, 0))
        assert Counter(answers) == {"attached": 1, f"AlreadyAttached: {receipts.AlreadyAttached.message}": 7}
    call_command("verify")


def test_of_eight_receipts_with_room_for_three_three_are_attached_and_each_is_removed_once(world, monkeypatch):
    monkeypatch.setattr(receipts, "MOST_RECEIPTS", 3)
    for _ in range(ROUNDS):
        with company_scope(world.acme.pk):
            purchase = authorize(world.card, swipe(1_00)).transaction
        answers = at_once(world, lambda number, purchase=purchase: _attach(world, purchase, number))
        assert Counter(answers) == {"attached": 3, "InvalidState: A transaction has at most 3 receipts.": 5}
        with company_scope(world.acme.pk):
            receipt = Receipt.objects.filter(transaction=purchase).first()
        removed = at_once(world, lambda _, receipt=receipt: receipts.remove(receipt, actor=world.bob, at=NOON).public_id)
        assert Counter(removed) == {receipt.public_id: 1, "InvalidState: This receipt was removed already.": 7}
        with company_scope(world.acme.pk):
            assert Transaction.objects.get(pk=purchase.pk).receipt_count == 2
    call_command("verify")


def test_eight_approvers_of_one_purchase_decide_it_once(world):
    """Yes and no at the same moment: one of them is the decision, and the others are told that it was made."""
    with company_scope(world.acme.pk):
        Company.objects.filter(pk=world.acme.pk).update(receipt_required_from_minor=None)
        admins = [world.hire(f"Admin{number}", "admin") for number in range(THREADS)]
    for _ in range(5):
        with company_scope(world.acme.pk):
            member = Membership.objects.get(pk=world.bob.pk)
            purchase = authorize(Card.objects.get(pk=world.card.pk), swipe(1_00)).transaction
            approvals.submit(purchase, actor=member, at=NOON)
            approval = Approval.objects.get(transaction=purchase)

        def decide(number, approval=approval):
            approvals.decide(approval, approved=number % 2 == 0, reason="Because", actor=admins[number], at=NOON)
            return "decided"

        found = outcomes(at_once(world, decide))
        assert found == {"decided": 1, "InvalidState": THREADS - 1}
    with company_scope(world.acme.pk):
        assert list(verification.approvals()) == []
        assert Event.objects.filter(type__in=["approval.approved", "approval.rejected"]).count() == 5


def test_a_capture_and_a_new_category_at_once_leave_the_spend_under_one_category(world):
    """Recoding takes lines back that the capture may just be writing: the transaction's row makes them take turns."""
    with company_scope(world.acme.pk):
        purchases = [authorize(Card.objects.get(pk=world.card.pk), swipe(1_00)).transaction for _ in range(4)]
        travel = Category.objects.get(name="Travel")

    def work(number):
        purchase = purchases[number // 2]
        if number % 2:
            coding.describe(purchase, {"category": travel}, actor=world.alice, at=NOON)
        else:
            clear(purchase, Clearing("capture", f"cap-{number}", NOON, is_final=True), actor=None)
        return "done"

    assert outcomes(at_once(world, work)) == {"done": THREADS}
    with company_scope(world.acme.pk):
        for check in (verification.coding, verification.spend_lines, verification.day_rollup, verification.month_rollup):
            assert list(check()) == []


def test_managers_who_are_put_under_each_other_at_once_make_no_ring(world):
    with company_scope(world.acme.pk):
        one, other = world.hire("One", "employee"), world.hire("Other", "employee")

    def swap(number):
        pair = (one, other) if number % 2 else (other, one)
        people.change_member(pair[0], {"manager": pair[1]}, actor=world.alice, at=NOON)
        return "moved"

    found = outcomes(at_once(world, swap))
    assert found["moved"] >= 1
    with company_scope(world.acme.pk):
        assert list(verification.chains()) == []
