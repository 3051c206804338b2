"""The demo: deterministic, through the operations, and harmless to run twice."""

from __future__ import annotations

import io
from datetime import date

import pytest
from django.core.management import call_command

from companies.models import Company
from reports import demo
from spendtrackr.models import Event
from spendtrackr.tenancy import company_scope
from transactions.models import FundingAccount, Message, Transaction
from users.models import Membership

UNTIL = date(2026, 11, 23)


@pytest.fixture(scope="module")
def seeded(django_db_setup, django_db_blocker):
    from django.db import transaction

    with django_db_blocker.unblock(), transaction.atomic():
        call_command("seed", until=UNTIL, verbosity=0, stdout=io.StringIO())
        yield
        transaction.set_rollback(True)


@pytest.fixture(autouse=True)
def _unblocked(seeded, django_db_blocker):
    with django_db_blocker.unblock():
        yield


def test_two_companies_with_people_cards_and_about_three_hundred_purchases():
    assert Company.objects.count() == 2
    assert Membership.across_companies.count() == 7
    assert 250 <= Transaction.across_companies.count() <= 400
    statuses = set(Transaction.across_companies.values_list("status", flat=True))
    assert statuses >= {"posted", "declined", "reversed"}
    assert Message.across_companies.filter(kind="refund").exists()


def test_it_went_through_the_same_operations_as_real_use():
    kinds = set(Event.across_companies.values_list("type", flat=True))
    assert kinds >= {"company.founded", "member.invited", "member.joined", "card.issued", "transaction.approved", "transaction.captured"}
    assert not Event.across_companies.filter(sequence=None).exists()


def test_its_books_verify(capsys):
    call_command("verify")
    assert "WRONG" not in capsys.readouterr().out


def test_run_twice_it_changes_nothing_and_still_tells_how_to_sign_in(capsys):
    before = Transaction.across_companies.count()
    call_command("seed", until=UNTIL, port=8123)
    told = capsys.readouterr().out
    assert Transaction.across_companies.count() == before
    assert "Northwind Traders is there already." in told
    assert "http://127.0.0.1:8123/" in told
    assert demo.PASSWORD in told


def test_the_same_day_gives_the_same_purchases():
    assert demo.plans(demo.NORTHWIND, UNTIL) == demo.plans(demo.NORTHWIND, UNTIL)
    with company_scope(Company.objects.get(name="Northwind Traders").pk):
        assert FundingAccount.objects.get().available_minor > 0


@pytest.mark.parametrize("until", [date(2026, 1, 1), date(2026, 3, 31), date(2028, 2, 29), date(2026, 12, 31)])
def test_it_can_be_planned_on_any_day(until):
    for company in demo.COMPANIES:
        plans = demo.plans(company, until)
        assert all(demo.first_day(until) <= plan.at.date() for plan in plans)
        assert 50 <= len(plans) <= 300
