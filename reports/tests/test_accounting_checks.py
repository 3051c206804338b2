"""`verify` on books and accounting: nothing in healthy ones, and a sentence for each kind of damage."""

from __future__ import annotations

from datetime import timedelta
from importlib import import_module

import pytest
from django.db import connection

from companies import operations as companies
from companies.models import Category
from reports.verification import accounting as check_accounting
from reports.verification import closed_books, walking
from tests.factories import NOON, swipe
from tests.rules import adopt
from transactions import rollups
from transactions.models import BookClosing, Books, SpendLine
from transactions.operations import accounting, books, coding
from transactions.operations.clearing import Clearing, clear
from transactions.operations.swipes import authorize

pytestmark = pytest.mark.django_db
LATER = NOON + timedelta(days=30)


@pytest.fixture(autouse=True)
def _in_small_parts(monkeypatch):
    """Two rows at a time, so that a handful of them takes as many turns as millions do."""
    checks = import_module("reports.verification.accounting")
    monkeypatch.setattr(checks, "parts", lambda rows, *, told, size=0: walking.parts(rows, told=told, size=2))
    monkeypatch.setattr(checks, "BLOCK", 2)


@pytest.fixture
def office(acme):
    """Exported, edited and exported again, one journal failed; closed, and something late."""
    meals, travel = (Category.objects.get(name=name) for name in ("Meals", "Travel"))
    for row, code in ((meals, "6200"), (travel, "6300")):
        companies.change_category(row, {"ledger_code": code}, actor=acme.alice, at=NOON)
    adopt(acme, automatic_below=10_000_00, category=False)
    clearing = [{"currency": "USD", "side": "cards", "ledger_code": "2100"}]
    accounting.change_settings({"clearing": clearing}, actor=acme.alice, at=NOON)
    bought = []
    for number in range(3):
        purchase = authorize(acme.reload(), swipe(10_00)).transaction
        bought.append(clear(purchase, Clearing("capture", f"c{number}", NOON, is_final=True), actor=None))
    batch = accounting.export("USD", actor=acme.alice, at=LATER)
    coding.describe(bought[0], {"category": travel, "tax_code": "V", "tax_minor": 1_60}, actor=acme.alice, at=LATER)
    accounting.export("USD", actor=acme.alice, at=LATER)
    accounting.fail(batch, list(batch.journals.filter(position=3)), reason="x", actor=acme.alice, at=LATER)
    books.close(NOON.date(), actor=acme.alice, at=LATER)
    clear(bought[1], Clearing("refund", "r", NOON, amount_minor=1_00), actor=None)
    accounting.export("USD", last_day=NOON.date(), actor=acme.alice, at=LATER)
    acme.bought = bought
    return acme


def found() -> list[str]:
    return [*closed_books(), *check_accounting()]


def test_healthy_books_have_nothing_to_tell(office):
    assert found() == []


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("UPDATE accounting_rows SET amount_minor = amount_minor + 1 WHERE id = {first}", "comes to 1000, its rows to 1001"),
        ("UPDATE accounting_journals SET amount_minor = 7 WHERE position = 2", "comes to 7"),
        ("UPDATE accounted_lines SET standing_key = NULL WHERE journal_id IS NOT NULL", "is exported, and 0 of its lines stand"),
        ("UPDATE accounting_journals SET status = 'exported'", "of its lines stand"),
        ("UPDATE accounting_rows SET tax_minor = 5 WHERE reverses_id IS NOT NULL", "takes back"),
        ("UPDATE accounting_months SET line_count = line_count + 1", "it should be"),
        ("UPDATE accounting_batches SET status = 'failed' WHERE sequence = 1", "is failed, and"),
        ("UPDATE accounting_rows SET category_id = {travel} WHERE id = {first}", "too little under category"),
        ("UPDATE books SET closed_through = '2026-01-01'", "the last closing says"),
        ("UPDATE book_closings SET closed_through = '2026-01-01'", "the last closing says"),
    ],
)
def test_each_kind_of_damage_is_named(office, sql, said):
    from transactions.models import AccountingRow

    names = {"first": AccountingRow.objects.earliest("pk").pk, "travel": Category.objects.get(name="Travel").pk}
    with connection.cursor() as cursor:
        cursor.execute(sql.format(**names))
    assert [sentence for sentence in found() if said in sentence]


def test_what_was_coded_behind_a_closing_is_named(office):
    there = SpendLine.objects.filter(transaction=office.bought[2]).earliest("pk")
    lines = []
    for minor, category, counts in ((-10_00, there.category, -1), (10_00, Category.objects.get(name="Travel"), 1)):
        line = SpendLine.of(there.entry, office.bought[2], minor, category_id=category.pk)
        line.counts = counts
        line.save(force_insert=True)
        lines.append(line)
    rollups.add(lines)
    assert list(closed_books()) == [f"line {lines[0].pk} took spend of 2026-03-10 back, which was closed through 2026-03-10"]


def test_what_was_coded_while_the_books_were_open_again_is_not(office):
    books.close(None, actor=office.alice, at=LATER)
    coding.describe(office.bought[2], {"tax_code": "V"}, actor=office.alice, at=LATER)
    books.close(NOON.date(), actor=office.alice, at=LATER)
    assert (BookClosing.objects.count(), Books.objects.get().closed_through) == (3, NOON.date())
    assert found() == []
