"""Closing the books while others code: whatever was coded in time stands, and nothing moves on a closed day afterwards.

Threads on whatever database the suite runs on; MariaDB and MySQL are the ones that race for real.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event

import pytest
from django.core.management import call_command
from django.db import connection, connections, transaction

from companies.models import Category
from conftest import build_world
from spendtrackr.tenancy import company_scope
from tests.factories import NOON, swipe
from tests.test_paying_races import tried
from tests.test_races import at_once, outcomes
from transactions import locks
from transactions.models import BookClosing, Books, SpendLine, Transaction
from transactions.operations import books, coding
from transactions.operations.clearing import Clearing, clear
from transactions.operations.swipes import authorize

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]
TODAY, LATER = NOON.date(), NOON + timedelta(days=9)


@pytest.fixture
def office():
    world = build_world()
    with company_scope(world.acme.pk):
        world.meals, world.travel = (Category.objects.get(name=name) for name in ("Meals", "Travel"))
        # So that nobody waits for whoever opens them.
        Books.objects.create()
    return world


def bought(office, number: int) -> Transaction:
    with company_scope(office.acme.pk):
        purchase = authorize(office.reload(), swipe(10_00, network_id=f"s{number}")).transaction
        return clear(purchase, Clearing("capture", f"c{number}", NOON, is_final=True), actor=None)


def moved_after_the_closing(office) -> int:
    """Lines that took something back on a closed day, and were not there when it was closed."""
    with company_scope(office.acme.pk):
        closing = BookClosing.objects.get()
        return SpendLine.objects.filter(pk__gt=closing.last_line_id, day__lte=closing.closed_through, amount_minor__lt=0).count()


def test_eight_who_code_while_one_closes_are_in_time_or_refused(office):
    for number in range(7):
        bought(office, number)

    def work(number: int) -> str:
        if number == 7:
            return tried(lambda: books.close(TODAY, actor=office.alice, at=LATER))
        purchase = Transaction.objects.order_by("pk")[number]
        return tried(lambda: coding.describe(purchase, {"category": office.travel}, actor=office.alice, at=LATER))

    said = outcomes(at_once(office, work))
    assert said["done"] + said["BooksClosed"] == 8
    assert moved_after_the_closing(office) == 0
    with company_scope(office.acme.pk):
        assert Transaction.objects.filter(category=office.travel).count() == said["done"] - 1
    call_command("verify")


def close_in_the_middle_of_coding(office) -> int:
    """Somebody closes between another's look at the books and their commit. How many lines moved on a closed day afterwards."""
    purchase, has_looked = bought(office, 1), Event()

    def code() -> None:
        with company_scope(office.acme.pk), transaction.atomic():
            coding.describe(purchase, {"category": office.travel}, actor=office.alice, at=LATER)
            has_looked.set()
            time.sleep(0.5)
        connections.close_all()

    def close() -> None:
        has_looked.wait(5)
        with company_scope(office.acme.pk):
            books.close(TODAY, actor=office.alice, at=LATER)
        connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(code), pool.submit(close)]:
            done.result()
    return moved_after_the_closing(office)


def test_a_closing_waits_for_whoever_is_coding(office):
    assert close_in_the_middle_of_coding(office) == 0
    call_command("verify")


@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has one write lock for all: there is no lock to take out")
def test_without_the_shared_lock_it_would_not(office, monkeypatch):
    """The test above has teeth."""
    looked = locks.Books.objects.order_by
    monkeypatch.setattr(locks, "_shared", lambda: list(looked()[:1]))
    assert close_in_the_middle_of_coding(office) == 1
