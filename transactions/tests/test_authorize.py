from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, OperationalError, transaction

from cards import operations as cards
from cards.models import LimitCounter
from spendtrackr.models import Event
from spendtrackr.money import Money
from tests.factories import NOON, swipe
from transactions.models import Draw, Entry, Merchant, Message, Posting, SpendLine, Transaction
from transactions.operations import accounts
from transactions.operations.clearing import Clearing, clear
from transactions.operations.swipes import NetworkIdReused, authorize


def limit(world, **controls) -> None:
    changes = {name: Money(value, "USD") if isinstance(value, int) else value for name, value in controls.items()}
    if "monthly_limit" in changes:
        changes["limits"] = cards.monthly(changes.pop("monthly_limit"))
    world.card = cards.change_controls(world.card, changes, actor=world.alice, at=NOON)


def balances(world) -> dict[str, int]:
    account = world.account()
    return {name: getattr(account, f"{name}_minor") for name in ("external", "available", "held", "spent", "owed")}


def test_an_approved_swipe_holds_its_money(acme):
    decision = authorize(acme.card, swipe(30_00))

    assert (decision.approved, decision.reason, decision.transaction.status) == (True, "", "pending")
    assert balances(acme) == {"external": -1_000_00, "available": 970_00, "held": 30_00, "spent": 0, "owed": 0}
    posting = Posting.objects.order_by("pk").last()
    assert (posting.from_account, posting.to_account, posting.amount_minor) == ("available", "held", 30_00)
    assert not SpendLine.objects.exists()
    assert Event.objects.filter(type="transaction.approved", subject_id=decision.transaction.public_id).count() == 1


def test_a_purchase_is_what_a_person_knows(acme):
    purchase = authorize(acme.card, swipe(30_00, merchant_name="  Blue   Bottle  ")).transaction
    assert (purchase.member, purchase.card, purchase.merchant.name) == (acme.bob, acme.card, "Blue Bottle")
    assert (purchase.category.name, purchase.merchant_code, purchase.card_last4) == ("Meals", "5812", acme.card.last4)
    assert purchase.occurred_on.isoformat() == "2026-03-10"


def test_a_swipe_beyond_the_money_is_declined_and_holds_nothing(acme):
    decision = authorize(acme.card, swipe(1_000_01))

    assert (decision.approved, decision.reason, decision.transaction.status) == (False, "insufficient_funds", "declined")
    assert balances(acme) == {"external": -1_000_00, "available": 1_000_00, "held": 0, "spent": 0, "owed": 0}
    assert (Draw.objects.count(), Entry.objects.filter(kind="approval").count()) == (0, 0)
    assert LimitCounter.objects.get().used_minor == 0
    assert Event.objects.filter(type="transaction.approved").count() == 0


def test_the_last_cent_can_be_spent(acme):
    assert authorize(acme.card, swipe(1_000_00)).approved
    assert authorize(acme.card, swipe(1)).reason == "insufficient_funds"


def test_credit_lets_requests_go_below_zero_and_no_further(acme):
    account = acme.account()
    account.credit_minor = 50_00
    account.save()
    assert authorize(acme.card, swipe(1_050_00)).approved
    assert authorize(acme.card, swipe(1)).reason == "insufficient_funds"


def test_a_monthly_limit_is_exact(acme):
    limit(acme, monthly_limit=100_00)
    answers = [authorize(acme.card, swipe(minor)).reason for minor in (80_00, 30_00, 20_00, 1)]
    assert answers == ["", "over_monthly_limit", "", "over_monthly_limit"]
    assert LimitCounter.objects.get().held_minor == 100_00


def test_a_new_month_has_new_room_by_the_companys_calendar(acme):
    limit(acme, monthly_limit=100_00)
    still_march = datetime(2026, 4, 1, 3, 59, tzinfo=UTC)  # 23:59 in New York
    assert authorize(acme.card, swipe(100_00, at=still_march)).approved
    assert authorize(acme.card, swipe(1, at=still_march)).reason == "over_monthly_limit"
    assert authorize(acme.card, swipe(100_00, at=still_march + timedelta(minutes=2))).approved
    assert [c.starts_on.isoformat() for c in LimitCounter.objects.order_by("starts_on")] == ["2026-03-01", "2026-04-01"]


def test_a_limit_set_later_counts_what_was_spent_before(acme):
    authorize(acme.card, swipe(80_00))
    limit(acme, monthly_limit=100_00)
    assert authorize(acme.card, swipe(30_00)).reason == "over_monthly_limit"


def test_a_lowered_limit_declines_the_next_request_and_changes_nothing_that_was(acme):
    authorize(acme.card, swipe(80_00))
    limit(acme, monthly_limit=50_00)
    assert authorize(acme.card, swipe(1)).reason == "over_monthly_limit"
    assert LimitCounter.objects.get().used_minor == 80_00


def test_a_cap_is_for_one_purchase(acme):
    limit(acme, per_transaction_cap=50_00)
    assert [authorize(acme.card, swipe(minor)).reason for minor in (50_01, 50_00, 50_00)] == ["over_transaction_cap", "", ""]


def test_a_blocked_category_is_declined(acme):
    limit(acme, blocked_merchant_categories=["7995"])
    assert authorize(acme.card, swipe(merchant_code="7995")).reason == "merchant_category_blocked"
    assert authorize(acme.card, swipe()).approved


def test_another_currency_is_declined(acme):
    assert authorize(acme.card, swipe(currency="EUR")).reason == "wrong_currency"


def test_an_expired_card_is_declined(acme):
    late = datetime(2031, 1, 1, tzinfo=UTC)
    assert authorize(acme.card, swipe(at=late)).reason == "card_expired"


def test_the_same_message_gets_the_same_answer_and_counts_once(acme):
    first = authorize(acme.card, swipe(30_00, network_id="n1"))
    again = authorize(acme.card, swipe(30_00, network_id="n1"))
    assert first.message == again.message
    assert (Transaction.objects.count(), Message.objects.count(), acme.account().held_minor) == (1, 1, 30_00)


def test_a_decline_stays_a_decline_when_the_message_comes_again(acme):
    assert not authorize(acme.card, swipe(5_000_00, network_id="n1")).approved
    accounts.top_up(Money(9_000_00, "USD"), actor=acme.alice, at=NOON)
    assert authorize(acme.card, swipe(5_000_00, network_id="n1")).reason == "insufficient_funds"
    assert acme.account().held_minor == 0


def test_all_checks_are_kept_with_the_answer(acme):
    limit(acme, monthly_limit=100_00)
    kept = authorize(acme.card, swipe(130_00)).message.checks_done
    who = ["company", "member", "card_status", "expiry", "freeze", "valid_from", "lock_date"]
    where = ["currency", "company_countries", "country", "allowed_country", "company_merchant_categories", "merchant_category"]
    where += ["allowed_merchant_category", "company_merchants", "merchant", "allowed_merchant", "merchant_lock"]
    assert [check["name"] for check in kept] == [*who, *where, "per_transaction_cap", "monthly_limit", "funds"]
    failed = [check for check in kept if not check["passed"]]
    assert [(check["name"], check["value"], check["limit"], check["room"]) for check in failed] == [
        ("monthly_limit", 130_00, 100_00, 100_00)
    ]


def test_a_suspended_company_approves_nothing_until_it_is_back(acme):
    accounts.suspend_company(acme.acme, actor=None, at=NOON)
    assert authorize(acme.reload(), swipe()).reason == "company_suspended"
    accounts.reactivate_company(acme.acme, actor=None, at=NOON)
    assert authorize(acme.reload(), swipe()).approved


def test_a_suspension_that_commits_after_the_checks_still_stops_the_approval(acme, monkeypatch):
    from transactions.operations import swipes

    decide = swipes._decide

    def suspended_meanwhile(card, swipe, *, with_account=False):
        if with_account:
            type(acme.account()).objects.update(is_blocked=True)
        return decide(card, swipe, with_account=with_account)

    monkeypatch.setattr(swipes, "_decide", suspended_meanwhile)
    move = swipes.swipe_sql.move
    monkeypatch.setattr(
        swipes.swipe_sql, "move", lambda account, *args, **tests: acme.account().is_blocked and move(account, *args, **tests)
    )
    decision = authorize(acme.card, swipe())
    assert (decision.approved, decision.reason) == (False, "company_suspended")
    assert (acme.account().held_minor, Draw.objects.count()) == (0, 0)


def test_every_approval_draws_from_the_limit_in_order(acme):
    limit(acme, monthly_limit=100_00)
    for minor in (30_00, 20_00):
        authorize(acme.card, swipe(minor))
    rows = Draw.objects.order_by("seq").values_list("seq", "used_before_minor", "held_delta_minor", "limit_minor", "is_approval")
    assert list(rows) == [(1, 0, 30_00, 100_00, True), (2, 30_00, 20_00, 100_00, True)]


def test_the_database_itself_refuses_an_approval_over_the_limit(acme):
    message = authorize(acme.card, swipe(30_00)).message
    counter = LimitCounter.objects.get()
    fields = {"transaction": message.transaction, "message": message, "counter": counter, "posted_delta_minor": 0, "limit_minor": 100_00}
    with pytest.raises(IntegrityError), transaction.atomic():
        Draw.objects.create(seq=2, used_before_minor=80_00, held_delta_minor=20_01, is_approval=True, **fields)
    with pytest.raises(IntegrityError), transaction.atomic():
        Draw.objects.create(seq=1, used_before_minor=0, held_delta_minor=1, is_approval=True, **fields)
    Draw.objects.create(seq=2, used_before_minor=80_00, held_delta_minor=20_01, is_approval=False, **fields)


def test_the_database_itself_refuses_money_out_of_nothing(acme):
    with pytest.raises(IntegrityError), transaction.atomic():
        type(acme.account()).objects.update(available_minor=5)
    entry = Entry.objects.first()
    for bad in (
        {"from_account": "held", "to_account": "held", "amount_minor": 5},
        {"from_account": "held", "to_account": "spent", "amount_minor": 0},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            Posting.objects.create(entry=entry, account=entry.account, **bad)


def test_one_shop_is_one_merchant_however_it_is_spelt(acme):
    for name in ("Blue Bottle", "BLUE BOTTLE", " blue  bottle "):
        authorize(acme.card, swipe(1_00, merchant_name=name))
    assert Merchant.objects.count() == 1
    assert set(Transaction.objects.values_list("descriptor", flat=True)) == {"Blue Bottle", "BLUE BOTTLE", "blue bottle"}


def test_a_card_number_in_a_descriptor_is_not_kept(acme):
    purchase = authorize(acme.card, swipe(merchant_name="REFUND 4111 1111 1111 1111 SHOP")).transaction
    assert "4111 1111" not in purchase.descriptor + purchase.merchant.name
    assert purchase.descriptor.endswith("1111 SHOP")


def test_in_which_order_rows_are_locked(acme, django_assert_max_num_queries):
    """The card first, the funding account last: seen in the statements themselves, where a missing lock would not show otherwise."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    authorize(acme.card, swipe(1_00))
    with CaptureQueriesContext(
        connection,
    ) as seen:
        authorize(acme.card, swipe(1_00))
    told = [query["sql"].replace('"', "").replace("`", "") for query in seen]
    writes = [sql for sql in told if sql.startswith(("INSERT", "UPDATE"))]
    first_read = next(sql for sql in told if sql.startswith("SELECT"))
    assert "FROM cards " in first_read
    assert connection.vendor == "sqlite" or first_read.endswith("FOR UPDATE")
    assert writes[-1].startswith("UPDATE funding_accounts")
    assert "available_minor + credit_minor >=" in writes[-1]
    assert not any("UPDATE funding_accounts" in sql for sql in writes[:-1])
    assert len(told) <= 16, told


def test_a_purchase_counts_for_ever_in_the_month_it_was_authorized(acme):
    limit(acme, monthly_limit=100_00)
    purchase = authorize(acme.card, swipe(80_00, at=datetime(2026, 3, 31, 15, tzinfo=UTC))).transaction
    clear(purchase, Clearing("capture", "c1", datetime(2026, 4, 2, 15, tzinfo=UTC), is_final=True), actor=None)
    (march,) = LimitCounter.objects.all()
    assert (march.starts_on.isoformat(), march.held_minor, march.posted_minor) == ("2026-03-01", 0, 80_00)
    assert authorize(acme.card, swipe(100_00, at=datetime(2026, 4, 3, tzinfo=UTC))).approved


def test_checks_are_kept_as_plain_json(acme):
    message = authorize(acme.card, swipe()).message
    assert json.loads(message.checks)[0] == {
        "name": "company",
        "decline": "company_suspended",
        "passed": True,
        "value": None,
        "limit": None,
        "room": None,
        "subject": None,
    }


@pytest.mark.parametrize("other", [{"minor": 40_00}, {"minor": 30_00, "currency": "EUR"}])
def test_a_network_id_never_passes_for_another_message(acme, other):
    authorize(acme.card, swipe(30_00, network_id="n1"))
    with pytest.raises(NetworkIdReused):
        authorize(acme.card, swipe(network_id="n1", **other))
    assert (Transaction.objects.count(), acme.account().held_minor) == (1, 30_00)


def test_a_network_id_of_another_card_or_kind_is_refused(acme):
    hers = cards.issue(acme.alice, name="A", currency="USD", controls=cards.Controls(), actor=acme.alice, at=NOON)
    purchase = authorize(acme.card, swipe(30_00, network_id="n1")).transaction
    clear(purchase, Clearing("capture", "c1", NOON, 10_00), actor=None)
    for card, network_id in ((hers, "n1"), (acme.card, "c1")):
        with pytest.raises(NetworkIdReused):
            authorize(card, swipe(30_00, network_id=network_id))
    other = authorize(acme.card, swipe(10_00)).transaction
    for kind, network_id, amount in (("capture", "c1", 10_00), ("reversal", "n1", None), ("refund", "c1", None)):
        with pytest.raises(NetworkIdReused):
            clear(other, Clearing(kind, network_id, NOON, amount), actor=None)
    with pytest.raises(NetworkIdReused):
        clear(purchase, Clearing("capture", "c1", NOON, 11_00), actor=None)
    assert acme.account().spent_minor == 10_00


def test_a_swipe_whose_rows_stay_locked_is_declined_and_not_an_error(world, api, monkeypatch):
    def locked(*args):
        raise OperationalError(1205, "Lock wait timeout exceeded")

    monkeypatch.setattr("transactions.operations.swipes.authorize", locked)
    body = {
        "card": world.card.public_id,
        "amount": {"minor": 1, "currency": "USD"},
        "merchant_name": "x",
        "merchant_code": "5812",
        "country": "US",
    }
    response = api(world.alice).post("/api/v1/simulator/authorizations/", body)
    nothing = {"approved": False, "approved_amount": None, "reason": "try_again", "checks": [], "transaction": None}
    assert (response.status_code, response.json()) == (201, nothing)
    assert not Transaction.across_companies.exists()
