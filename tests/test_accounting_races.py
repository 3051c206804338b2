"""Many at once who export, say what failed, code and clear: each line is exported once, and nothing is lost.

Threads on whatever database the suite runs on; MariaDB and MySQL are the ones that race for real.
"""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.models import Sum

from companies import operations as companies
from companies.models import Category
from conftest import build_world
from spendtrackr.tenancy import company_scope
from tests.factories import NOON, swipe
from tests.rules import adopt
from tests.test_paying_races import tried
from tests.test_races import at_once, outcomes
from transactions import queries
from transactions.models import AccountedLine, AccountingBatch, AccountingJournal, AccountingRow, AccountingSettings, SpendLine, Transaction
from transactions.operations import accounting, coding
from transactions.operations.clearing import Clearing, clear
from transactions.operations.swipes import authorize

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]
LATER = NOON + timedelta(days=9)


@pytest.fixture
def office():
    world = build_world()
    with company_scope(world.acme.pk):
        world.meals, world.travel = (Category.objects.get(name=name) for name in ("Meals", "Travel"))
        for row, code in ((world.meals, "6200"), (world.travel, "6300")):
            companies.change_category(row, {"ledger_code": code}, actor=world.alice, at=NOON)
        adopt(world, automatic_below=10_000_00, category=False)
        clearing = [{"currency": "USD", "side": "cards", "ledger_code": "2100"}]
        accounting.change_settings({"clearing": clearing}, actor=world.alice, at=NOON)
        for number in range(6):
            purchase = authorize(world.reload(), swipe(10_00, network_id=f"s{number}")).transaction
            clear(purchase, Clearing("capture", f"c{number}", NOON, is_final=True), actor=None)
    return world


def export(office) -> AccountingBatch:
    return accounting.export("USD", actor=office.alice, at=LATER)


def sums() -> dict[str, int]:
    rows = AccountingRow.objects.filter(journal__status="exported").values_list("ledger_code")
    return dict(rows.annotate(total=Sum("amount_minor")).order_by())


def test_of_eight_who_export_at_once_one_does_and_the_others_find_nothing(office):
    said = at_once(office, lambda _: tried(lambda: export(office)))
    assert outcomes(said) == {"done": 1, "InvalidState": 7}
    with company_scope(office.acme.pk):
        assert (AccountingJournal.objects.count(), AccountedLine.objects.count()) == (6, 6)
        assert sums() == {"6200": 60_00}
    call_command("verify")


@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has one write lock for all: there is no lock to take out")
def test_without_the_lock_the_database_still_refuses_a_second_export(office, monkeypatch):
    """The test above has teeth: not all of the others find nothing. And what two have read is exported once all the same."""
    monkeypatch.setattr(accounting, "locked_settings", AccountingSettings.objects.get)
    said = at_once(office, lambda _: tried(lambda: export(office)))
    assert outcomes(said)["IntegrityError"] > 0
    with company_scope(office.acme.pk):
        assert (AccountingJournal.objects.count(), AccountedLine.objects.count()) == (6, 6)


def test_what_is_coded_and_cleared_while_others_export_is_told_in_the_end(office):
    with company_scope(office.acme.pk):
        bought = list(Transaction.objects.order_by("pk"))

    def work(number: int) -> str:
        purchase = bought[number // 3 * 2 % 6]
        if number % 3 == 0:
            return tried(lambda: export(office))
        if number % 3 == 1:
            code = {"category": office.travel, "tax_code": "V", "tax_minor": 10}
            return tried(lambda: coding.describe(purchase, code, actor=office.alice, at=LATER))
        return tried(lambda: clear(purchase, Clearing("refund", f"r{number}", NOON, amount_minor=1_00), actor=None) and None)

    at_once(office, work, 9)
    call_command("verify")
    with company_scope(office.acme.pk):
        tried(lambda: export(office))
        assert not queries.waiting_lines(queries.accounting_settings()).exists()
        spent = SpendLine.objects.values_list("category__ledger_code").annotate(total=Sum("amount_minor")).order_by()
        assert {code: total for code, total in sums().items() if total} == {code: total for code, total in spent if total}
        taxes = AccountingRow.objects.filter(journal__status="exported").aggregate(total=Sum("tax_minor"))["total"]
        # Of three that were coded and of which a tenth came back.
        assert taxes == 3 * 9
    call_command("verify")


def test_a_batch_that_eight_say_failed_at_once_is_exported_again_once(office):
    with company_scope(office.acme.pk):
        batch = export(office)
    said = at_once(office, lambda n: tried(lambda: accounting.fail(batch, reason=f"No {n}", actor=office.alice, at=LATER)))
    assert outcomes(said) == {"done": 1, "InvalidState": 7}
    said = at_once(office, lambda _: tried(lambda: export(office)))
    assert outcomes(said) == {"done": 1, "InvalidState": 7}
    with company_scope(office.acme.pk):
        assert sums() == {"6200": 60_00}
        assert AccountedLine.objects.filter(standing_key="standing").count() == 6
    call_command("verify")
