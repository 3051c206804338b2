"""Money back to the bank, and credit: what may leave an account, and how far requests may go below zero."""

from __future__ import annotations

import json

import pytest

from cards import operations as cards
from spendtrackr import errors
from spendtrackr.models import Event
from spendtrackr.money import MAX_MINOR, Money
from spendtrackr.tenancy import company_scope
from tests.factories import NOON, swipe
from transactions.models import Account, Entry, FundingAccount, Posting
from transactions.operations import accounts
from transactions.operations.clearing import Clearing, Fact, book, clear
from transactions.operations.swipes import authorize

WITHDRAWALS = "/api/v1/simulator/withdrawals/"


def usd(minor: int) -> Money:
    return Money(minor, "USD")


def withdraw(world, minor: int, currency: str = "USD"):
    return accounts.withdraw(Money(minor, currency), actor=world.alice, at=NOON)


def test_a_withdrawal_moves_available_money_back_to_the_bank(acme):
    account, entry = withdraw(acme, 400_00)
    assert (account.available, account.balance(Account.EXTERNAL)) == (usd(600_00), usd(-600_00))
    posting = Posting.objects.get(entry=entry)
    assert (entry.kind, posting.from_account, posting.to_account, posting.amount_minor) == ("withdrawal", "available", "external", 400_00)
    event = Event.objects.get(type="account.withdrawn")
    assert (event.subject_id, event.actor_id) == (account.public_id, acme.alice.public_id)
    assert json.loads(event.details) == {"currency": "USD", "entry": entry.public_id, "minor": 400_00}


def test_everything_can_be_withdrawn_and_not_a_cent_more(acme):
    with pytest.raises(accounts.NotAvailable) as refused:
        withdraw(acme, 1_000_01)
    assert (refused.value.field, refused.value.message) == ("amount", "$1,000.01 cannot be withdrawn: $1,000.00 is available.")
    assert withdraw(acme, 1_000_00)[0].available == usd(0)
    with pytest.raises(accounts.NotAvailable):
        withdraw(acme, 1)
    assert Entry.objects.filter(kind="withdrawal").count() == Event.objects.filter(type="account.withdrawn").count() == 1


def test_what_is_on_hold_cannot_be_withdrawn(acme):
    assert authorize(acme.card, swipe(300_00)).approved
    with pytest.raises(accounts.NotAvailable, match=r"\$700\.00 is available"):
        withdraw(acme, 700_01)
    account, _ = withdraw(acme, 700_00)
    assert (account.available, account.held) == (usd(0), usd(300_00))


def test_credit_is_for_swipes_and_cannot_be_withdrawn(acme):
    accounts.set_credit(acme.account(), usd(500_00), actor=acme.alice, at=NOON)
    with pytest.raises(accounts.NotAvailable, match="Credit cannot be withdrawn"):
        withdraw(acme, 1_000_01)
    withdraw(acme, 1_000_00)
    assert authorize(acme.card, swipe(500_00)).approved
    assert authorize(acme.card, swipe(1)).reason == "insufficient_funds"
    assert acme.account().available == usd(-500_00)
    with pytest.raises(accounts.NotAvailable, match=r"-\$500\.00 is available"):
        withdraw(acme, 1)


def test_nothing_leaves_a_blocked_account(acme):
    accounts.suspend_company(acme.acme, actor=None, at=NOON)
    with pytest.raises(errors.CompanySuspended):
        withdraw(acme, 1)
    assert acme.account().available == usd(1_000_00)
    accounts.reactivate_company(acme.acme, actor=None, at=NOON)
    assert withdraw(acme, 1)[0].available == usd(999_99)


def test_a_refusal_in_a_currency_that_was_never_used_opens_no_account(acme):
    with pytest.raises(accounts.NotAvailable, match=r"€0\.00 is available"):
        withdraw(acme, 1, "EUR")
    assert [account.currency for account in FundingAccount.objects.all()] == ["USD"]


def test_by_api_it_takes_effect_once(world, api):
    client = api(world.alice)
    body = {"amount": {"minor": 250_00, "currency": "USD"}}
    first = client.post(WITHDRAWALS, body, headers={"Idempotency-Key": "one"})
    again = client.post(WITHDRAWALS, body, headers={"Idempotency-Key": "one"})
    assert (first.status_code, again.status_code, again["Idempotent-Replayed"]) == (201, 201, "true")
    assert first.json() == again.json()
    assert first.json()["account"]["available"] == {"minor": 750_00, "currency": "USD"}
    assert first.json()["account"]["credit"] == {"minor": 0, "currency": "USD"}


def test_by_api_a_refusal_names_the_amount_and_keeps_no_key(world, api):
    client = api(world.alice)
    refused = client.post(WITHDRAWALS, {"amount": {"minor": 1_000_01, "currency": "USD"}}, headers={"Idempotency-Key": "one"})
    assert (refused.status_code, refused.json()["field"], refused.json()["code"]) == (400, "amount", "insufficient_funds")
    client.post("/api/v1/simulator/topups/", {"amount": {"minor": 1, "currency": "USD"}})
    again = client.post(WITHDRAWALS, {"amount": {"minor": 1_000_01, "currency": "USD"}}, headers={"Idempotency-Key": "one"})
    assert (again.status_code, again.json()["account"]["available"]["minor"]) == (201, 0)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "amount"),
        ({"amount": {"minor": 0, "currency": "USD"}}, "amount.minor"),
        ({"amount": {"minor": -5, "currency": "USD"}}, "amount.minor"),
        ({"amount": {"minor": "5", "currency": "USD"}}, "amount.minor"),
        ({"amount": {"minor": 5, "currency": "XXX"}}, "amount.currency"),
        ({"amount": {"minor": 5, "currency": "USD"}, "to": "me"}, "to"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(world, api, body, field):
    answer = api(world.alice).post(WITHDRAWALS, body)
    assert (answer.status_code, answer.json()["field"]) == (400, field)


def test_without_the_simulator_there_is_no_bank(world, api, settings):
    settings.SIMULATOR_ENABLED = False
    assert api(world.alice).post(WITHDRAWALS, {"amount": {"minor": 1, "currency": "USD"}}).status_code == 404


def test_credit_is_told_to_the_company_with_what_it_was(acme):
    accounts.set_credit(acme.account(), usd(500_00), actor=acme.alice, at=NOON)
    accounts.set_credit(acme.account(), usd(200_00), actor=acme.alice, at=NOON)
    accounts.set_credit(acme.account(), usd(200_00), actor=acme.alice, at=NOON)
    told = Event.objects.filter(type="account.credit_changed").order_by("pk")
    assert [json.loads(event.details) for event in told] == [
        {"before_minor": 0, "currency": "USD", "minor": 500_00},
        {"before_minor": 500_00, "currency": "USD", "minor": 200_00},
    ]
    assert {event.subject_id for event in told} == {acme.account().public_id}


def test_less_credit_leaves_what_was_approved_and_declines_the_next(acme):
    accounts.set_credit(acme.account(), usd(500_00), actor=acme.alice, at=NOON)
    purchase = authorize(acme.card, swipe(1_400_00)).transaction
    accounts.set_credit(acme.account(), usd(0), actor=acme.alice, at=NOON)
    assert authorize(acme.card, swipe(1)).reason == "insufficient_funds"
    clear(purchase, Clearing("capture", "c", NOON, is_final=True), actor=None)
    assert (acme.account().available, acme.account().spent) == (usd(-400_00), usd(1_400_00))


@pytest.mark.parametrize("credit", [Money(-1, "USD"), Money(MAX_MINOR + 1, "USD"), Money(1, "EUR")])
def test_what_cannot_be_a_credit_is_refused(acme, credit):
    with pytest.raises(errors.Invalid) as refused:
        accounts.set_credit(acme.account(), credit, actor=acme.alice, at=NOON)
    assert refused.value.field in {"credit", "credit.currency"}
    assert acme.account().credit_minor == 0


def test_an_account_that_is_opened_while_the_company_is_suspended_is_blocked_until_it_is_active_again(world):
    with company_scope(world.acme.pk):
        card = cards.issue(world.bob, name="E", currency="EUR", controls=cards.Controls(), actor=world.alice, at=NOON)
    accounts.suspend_company(world.acme, actor=None, at=NOON)
    with company_scope(world.acme.pk):
        book(card, Fact("refund", "f", "p", Money(5_00, "EUR"), NOON))
        assert FundingAccount.objects.get(currency="EUR").is_blocked
    accounts.reactivate_company(world.acme, actor=None, at=NOON)
    with company_scope(world.acme.pk):
        assert not FundingAccount.objects.get(currency="EUR").is_blocked
