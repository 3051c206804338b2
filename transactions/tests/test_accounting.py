"""Exporting to accounting: what is ready goes once, an edit as reversal and new, what failed once more; and nothing is lost or doubled."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from companies import operations as companies
from companies.models import Category
from spendtrackr import errors
from spendtrackr.models import Event
from spendtrackr.money import Money
from tests.factories import NOON, swipe
from tests.rules import adopt, decide
from transactions import queries
from transactions.models import (
    AccountedLine,
    AccountingBatch,
    AccountingJournal,
    AccountingMonth,
    AccountingRow,
    AccountingSettings,
    Approval,
    SpendLine,
    Split,
    Transaction,
)
from transactions.operations import accounting, approvals, books, claims, coding
from transactions.operations.claims import Wish
from transactions.operations.clearing import Clearing, clear
from transactions.operations.statements import StatementFile, import_statement
from transactions.operations.swipes import authorize
from users import operations as people

pytestmark = pytest.mark.django_db
TODAY, LATER = NOON.date(), NOON + timedelta(days=30)
SIDES = {"cards": "2100", "claims": "2200", "statements": "2300", "repayments": "1200"}
CLEARING = [{"currency": "USD", "side": side, "ledger_code": code} for side, code in SIDES.items()]


@pytest.fixture
def office(acme):
    """Every category has its account, every side its clearing account, and nobody has to approve anything."""
    acme.frank = acme.hire("Frank", "finance")
    acme.meals, acme.travel = (Category.objects.get(name=name) for name in ("Meals", "Travel"))
    for row, code in ((acme.meals, "6200"), (acme.travel, "6300")):
        companies.change_category(row, {"ledger_code": code}, actor=acme.alice, at=NOON)
    adopt(acme, automatic_below=10_000_00, category=False)
    accounting.change_settings({"clearing": CLEARING}, actor=acme.frank, at=NOON)
    return acme


def bought(office, minor: int = 100_00, *, at=NOON, **said) -> Transaction:
    purchase = authorize(office.reload(), swipe(minor, at=at, **said)).transaction
    return clear(purchase, Clearing("capture", f"c{purchase.pk}", at, is_final=True), actor=None)


def export(office, **days) -> AccountingBatch:
    return accounting.export("USD", **days, actor=office.frank, at=LATER)


def told(batch: AccountingBatch | None = None) -> list[tuple]:
    rows = AccountingRow.objects.filter(journal__batch=batch) if batch else AccountingRow.objects.all()
    return list(rows.order_by("pk").values_list("journal__position", "ledger_code", "amount_minor", "clearing_code"))


def item(purchase: Transaction) -> queries.Item:
    (found,) = queries.items([purchase.pk], queries.accounting_settings())
    return found


def nothing_left() -> bool:
    return not queries.waiting_lines(queries.accounting_settings()).exists() and queries.open_months() == []


def describe(office, purchase: Transaction, **changes) -> None:
    coding.describe(purchase, changes, actor=office.frank, at=LATER)


# What is ready


@pytest.mark.parametrize(
    ("spoil", "reasons"),
    [
        (lambda office, p: describe(office, p, category=None), ["no_category"]),
        (lambda office, p: companies.change_category(office.meals, {"ledger_code": ""}, actor=office.alice, at=NOON), ["no_ledger_code"]),
        (lambda office, p: accounting.change_settings({"clearing": []}, actor=office.frank, at=NOON), ["no_clearing_account"]),
        (lambda office, p: Transaction.objects.filter(pk=p.pk).update(missing="receipt"), ["missing_items"]),
        (lambda office, p: Transaction.objects.filter(pk=p.pk).update(approval="waiting"), ["not_approved"]),
    ],
    ids=["category", "ledger code", "clearing", "missing", "approval"],
)
def test_what_is_not_ready_says_why_and_is_not_exported(office, spoil, reasons):
    purchase = bought(office)
    spoil(office, purchase)
    found = item(purchase)
    assert (found.state, found.reasons, found.amount) == ("not_ready", reasons, Money(100_00, "USD"))
    with pytest.raises(errors.InvalidState):
        export(office)
    assert not AccountingBatch.objects.exists()


def test_a_part_without_a_category_holds_up_the_whole(office):
    purchase = bought(office)
    describe(office, purchase, splits=[Split(share_minor=60_00, category=office.meals), Split(share_minor=40_00)])
    assert item(purchase).reasons == ["no_category"]


def test_who_wants_to_exports_what_nobody_has_approved(office):
    purchase = bought(office)
    Transaction.objects.filter(pk=purchase.pk).update(approval="waiting", missing="receipt")
    accounting.change_settings({"exports_unapproved": True}, actor=office.frank, at=NOON)
    assert item(purchase).state == "ready"
    assert told(export(office)) == [(1, "6200", 100_00, "2100")]


def test_what_came_before_the_first_day_is_accounted_for_elsewhere(office):
    bought(office)
    accounting.change_settings({"starts_on": TODAY + timedelta(days=1)}, actor=office.frank, at=NOON)
    with pytest.raises(errors.InvalidState):
        export(office)
    accounting.change_settings({"starts_on": TODAY}, actor=office.frank, at=NOON)
    assert len(told(export(office))) == 1


# Once


def test_a_batch_is_what_was_ready_with_codes_and_all_sides(office):
    sales = people.add_department(name="Sales", cost_centre="CC-1", actor=office.alice, at=NOON)
    purchase = bought(office, merchant_name="Blue Bottle")
    describe(office, purchase, department=sales, memo="Lunch", tax_code="V19", tax_minor=15_97)
    wish = Wish(TODAY, Money(30_00, "USD"), "Inn", "Trip", [Split(share_minor=30_00, category=office.travel)])
    claim = claims.make(wish, actor=office.bob, at=NOON)
    approvals.submit(claim, actor=office.bob, at=NOON)
    file = StatementFile(b"Date,Amount,Merchant,Category\n2026-03-05,12.00,Bakery,Meals\n2026-03-06,-2.00,Bakery,Meals\n", "s.csv")
    import_statement(office.acme, file, actor=office.frank, at=NOON)

    batch = export(office)
    assert sorted(told(batch), key=lambda row: row[3]) == [
        (3, "6200", 100_00, "2100"), (4, "6300", 30_00, "2200"), (1, "6200", 12_00, "2300"), (2, "6200", -2_00, "2300"),
    ]  # fmt: skip
    row = AccountingRow.objects.get(clearing_code="2100")
    assert (row.cost_centre, row.tax_code, row.tax_minor, row.description) == ("CC-1", "V19", 15_97, "Blue Bottle · Lunch")
    found = queries.batches().get()
    assert (found.sequence, found.journal_count, found.total, found.late_count) == (1, 4, Money(140_00, "USD"), 0)
    assert nothing_left()
    assert item(purchase).state == "exported"
    assert Event.objects.get(type="accounting.exported").details == '{"currency": "USD", "journals": 4, "minor": 14000}'


def test_what_was_exported_is_not_exported_again(office):
    bought(office)
    export(office)
    with pytest.raises(errors.InvalidState):
        export(office)
    bought(office, 7_00)
    assert told(export(office)) == [(1, "6200", 7_00, "2100")]


def test_the_database_holds_that_a_line_stands_in_one_batch(office):
    bought(office)
    batch, line = export(office), SpendLine.objects.get()
    with pytest.raises(IntegrityError), transaction.atomic():
        AccountedLine.objects.create(batch=batch, spend_line=line, standing_key="standing")


def test_a_batch_is_of_some_days_and_of_one_currency(office):
    bought(office, 1_00, at=NOON)
    bought(office, 2_00, at=NOON + timedelta(days=5))
    bought(office, 3_00, at=NOON + timedelta(days=9))
    file = StatementFile(b"Date,Amount,Currency,Merchant,Category\n2026-03-05,12.00,EUR,Bakery,Meals\n", "s.csv")
    import_statement(office.acme, file, actor=office.frank, at=NOON)
    batch = export(office, first_day=date(2026, 3, 11), last_day=date(2026, 3, 15))
    assert told(batch) == [(1, "6200", 2_00, "2100")]
    assert [row[2] for row in told(export(office))] == [1_00, 3_00]
    with pytest.raises(errors.Invalid) as refused:
        export(office, last_day=LATER.date() + timedelta(days=1))
    assert refused.value.field == "until"


def test_what_was_coded_otherwise_before_anybody_was_told_is_told_once_as_it_is(office):
    purchase = bought(office)
    describe(office, purchase, category=office.travel)
    assert SpendLine.objects.count() == 3
    assert told(export(office)) == [(1, "6300", 100_00, "2100")]
    assert nothing_left()


# The walk over what waits


def taken(office, minor: int, *days: int) -> Transaction:
    """Bought on the first of these days after NOON, refunded a little on each of the others."""
    first, *others = days
    purchase = bought(office, minor, at=NOON + timedelta(days=first))
    for day in others:
        at = NOON + timedelta(days=day)
        clear(purchase, Clearing("refund", f"r{purchase.pk}-{day}", at, amount_minor=1), actor=None)
    return purchase


def walked(**said) -> list[Transaction]:
    wanted = {"currency": "USD", "first": None, "last": None, **said}
    return [found.purchase for found in queries.waiting_items(queries.accounting_settings(), **wanted)]


@pytest.mark.parametrize("block", [1, 2, 500])
def test_what_waits_comes_once_by_its_oldest_line_however_it_falls_into_blocks(office, monkeypatch, block):
    monkeypatch.setattr("transactions.queries.accounting.BLOCK", block)
    late, early, middle = taken(office, 1_00, 9, 12), taken(office, 2_00, 1, 9, 40), taken(office, 3_00, 3, 5)
    assert walked() == [early, middle, late]
    assert walked(first=TODAY + timedelta(days=4)) == [middle, late, early]
    assert walked(last=TODAY + timedelta(days=3)) == [early, middle]
    assert walked(currency="EUR") == []
    batch = accounting.export("USD", actor=office.frank, at=NOON + timedelta(days=50))
    found = batch.journals.order_by("position").values_list("transaction_id", flat=True)
    assert list(found) == [early.pk] * 3 + [middle.pk] * 2 + [late.pk] * 2
    assert nothing_left()


def test_of_what_was_exported_in_part_the_oldest_line_that_waits_counts(office):
    first, second = taken(office, 1_00, 0, 9), taken(office, 2_00, 3)
    export(office, last_day=TODAY)
    assert walked() == [second, first]


def test_a_batch_that_is_full_does_not_look_at_the_rest(office, monkeypatch):
    monkeypatch.setattr("transactions.queries.accounting.BLOCK", 2)
    monkeypatch.setattr(accounting, "MOST_JOURNALS", 2)

    def asked() -> int:
        with CaptureQueriesContext(connection) as found:
            assert len(told(export(office))) == 2
        return len(found)

    for minor in range(1, 8):
        bought(office, minor * 100)
    many = asked()
    assert asked() == many
    assert len(walked()) == 3


# Edits


def test_an_edit_after_an_export_is_exported_as_reversal_and_new_on_its_day(office):
    purchase = bought(office)
    export(office)
    describe(office, purchase, category=office.travel)
    assert (item(purchase).state, item(purchase).amount) == ("ready", Money(0, "USD"))
    batch = export(office)
    assert told(batch) == [(1, "6200", -100_00, "2100"), (1, "6300", 100_00, "2100")]
    first = AccountingRow.objects.earliest("pk")
    assert AccountingRow.objects.get(amount_minor__lt=0).reverses == first
    assert [journal.day for journal in AccountingJournal.objects.all()] == [TODAY, TODAY]
    assert nothing_left()


def test_a_split_after_an_export_takes_the_whole_back(office):
    purchase = bought(office)
    export(office)
    describe(office, purchase, splits=[Split(share_minor=60_00, category=office.meals), Split(share_minor=40_00, category=office.travel)])
    assert [row[:3] for row in told(export(office))] == [(1, "6200", -100_00), (1, "6200", 60_00), (1, "6300", 40_00)]


def test_another_tax_is_exported_again_and_another_memo_is_not(office):
    purchase = bought(office)
    export(office)
    describe(office, purchase, memo="With Contoso")
    with pytest.raises(errors.InvalidState):
        export(office)
    describe(office, purchase, tax_code="V19", tax_minor=15_97)
    batch = export(office)
    rows = AccountingRow.objects.filter(journal__batch=batch).order_by("pk")
    assert [(row.tax_code, row.amount_minor, row.tax_minor) for row in rows] == [("", -100_00, 0), ("V19", 100_00, 15_97)]
    assert nothing_left()


def test_there_and_back_is_nothing_to_tell(office):
    purchase = bought(office)
    export(office)
    describe(office, purchase, category=office.travel)
    describe(office, purchase, category=office.meals)
    assert item(purchase).state == "exported"
    with pytest.raises(errors.InvalidState):
        export(office)
    bought(office, 5_00)
    assert told(export(office)) == [(1, "6200", 5_00, "2100")]
    assert nothing_left()


def test_a_refund_tells_of_itself_alone(office):
    purchase = bought(office)
    export(office)
    clear(purchase, Clearing("refund", "r", NOON + timedelta(days=2), amount_minor=30_00), actor=None)
    assert told(export(office)) == [(1, "6200", -30_00, "2100")]


def test_what_is_called_otherwise_is_not_told_again_and_what_is_taken_back_has_its_old_code(office):
    purchase = bought(office)
    export(office)
    companies.change_category(office.meals, {"ledger_code": "6999"}, actor=office.alice, at=NOON)
    accounting.change_settings({"clearing": [{**CLEARING[0], "ledger_code": "2199"}]}, actor=office.frank, at=NOON)
    with pytest.raises(errors.InvalidState):
        export(office)
    describe(office, purchase, category=office.travel)
    assert told(export(office)) == [(1, "6200", -100_00, "2100"), (1, "6300", 100_00, "2199")]


def test_a_claim_that_is_taken_back_is_taken_back_in_accounting_without_anybodys_yes(office):
    wish = Wish(TODAY, Money(30_00, "USD"), "Inn", "Trip", [Split(share_minor=30_00, category=office.travel)])
    claim = claims.make(wish, actor=office.bob, at=NOON)
    approvals.submit(claim, actor=office.bob, at=NOON)
    export(office)
    claims.cancel(claim, actor=office.bob, at=LATER)
    assert told(export(office)) == [(1, "6300", -30_00, "2200")]


# Late


def late_ones():
    closings = queries.recent_closings()
    return queries.with_late(list(queries.late_entries(closings)), closings)


def test_what_comes_to_a_closed_day_is_exported_on_it_and_marked_late(office):
    purchase = bought(office)
    export(office)
    books.close(TODAY, actor=office.frank, at=LATER)
    clear(purchase, Clearing("refund", "r", NOON + timedelta(hours=2), amount_minor=30_00), actor=None)
    bought(office, 5_00, at=NOON + timedelta(days=1))
    (late,) = late_ones()
    assert (late.entry.day, late.amount, late.came_late, late.journal) == (TODAY, Money(-30_00, "USD"), True, None)
    batch = export(office)
    assert list(batch.journals.order_by("position").values_list("day", "is_late")) == [(TODAY, True), (TODAY + timedelta(days=1), False)]
    (late,) = late_ones()
    assert (late.came_late, late.journal.batch) == (True, batch)
    assert queries.batches().get(pk=batch.pk).late_count == 1


def test_an_edit_from_before_the_closing_that_is_exported_after_it_is_late_too(office):
    purchase = bought(office)
    export(office)
    describe(office, purchase, category=office.travel)
    books.close(TODAY, actor=office.frank, at=LATER)
    assert late_ones() == []
    batch = export(office)
    (late,) = late_ones()
    assert (late.came_late, late.journal.batch, batch.journals.get().is_late) == (False, batch, True)


def test_what_was_written_while_the_books_were_open_again_is_not_late(office):
    purchase = bought(office)
    books.close(TODAY, actor=office.frank, at=LATER)
    books.close(None, actor=office.alice, at=LATER)
    describe(office, purchase, category=office.travel)
    books.close(TODAY, actor=office.frank, at=LATER)
    assert late_ones() == []


# What failed


def test_a_batch_that_failed_is_exported_again_exactly_once(office):
    purchase = bought(office)
    batch = export(office)
    accounting.fail(batch, reason="Account 6200 is unknown", actor=office.frank, at=LATER)
    found = item(purchase)
    assert (found.state, found.refused.reason, found.amount) == ("failed", "Account 6200 is unknown", Money(100_00, "USD"))
    failed = queries.batches().get()
    assert (failed.status, failed.journal_count, failed.total, failed.failed_count) == ("failed", 0, Money(0, "USD"), 1)
    again = export(office)
    assert told(again) == [(1, "6200", 100_00, "2100")]
    assert nothing_left()
    with pytest.raises(errors.InvalidState):
        accounting.fail(batch, reason="Again", actor=office.frank, at=LATER)
    with pytest.raises(errors.InvalidState):
        export(office)


def test_one_journal_fails_and_the_others_stand(office):
    bought(office, 1_00)
    bought(office, 2_00)
    batch = export(office)
    first, second = batch.journals.order_by("position")
    accounting.fail(batch, [first], reason="Locked", actor=office.frank, at=LATER)
    found = queries.batches().get()
    assert (found.status, found.journal_count, found.total, found.failed_count) == ("exported", 1, Money(2_00, "USD"), 1)
    with pytest.raises(errors.Invalid) as refused:
        accounting.fail(batch, [second, first], reason="Locked", actor=office.frank, at=LATER)
    assert refused.value.field == "journals.1"
    second.refresh_from_db()
    assert second.is_standing
    assert told(export(office)) == [(1, "6200", 1_00, "2100")]
    accounting.fail(batch, [second], reason="Locked", actor=office.frank, at=LATER)
    assert AccountingBatch.objects.get(pk=batch.pk).status == "failed"


def test_of_an_edit_whose_original_failed_accounting_ends_with_what_stands(office):
    purchase = bought(office)
    first = export(office)
    describe(office, purchase, category=office.travel)
    export(office)
    accounting.fail(first, reason="Lost", actor=office.frank, at=LATER)
    assert told(export(office)) == [(1, "6200", 100_00, "2100")]
    standing = AccountingRow.objects.filter(journal__status="exported")
    sums = {code: sum(row.amount_minor for row in standing if row.ledger_code == code) for code in ("6200", "6300")}
    assert sums == {"6200": 0, "6300": 100_00}
    assert nothing_left()


def test_why_it_failed_has_to_be_said(office):
    bought(office)
    with pytest.raises(errors.Invalid) as refused:
        accounting.fail(export(office), reason="  ", actor=office.frank, at=LATER)
    assert refused.value.field == "reason"


# What is looked at


def test_the_overview_adds_up_by_state_and_currency(office):
    bought(office, 1_00)
    export(office)
    failed = bought(office, 2_00)
    accounting.fail(export(office), reason="x", actor=office.frank, at=LATER)
    bought(office, 4_00)
    unready = bought(office, 8_00)
    describe(office, unready, category=None)
    found = queries.accounting_overview()
    assert {(one.state, one.amount.minor, one.count) for one in found.standing} == {
        ("exported", 1_00, 1), ("failed", 2_00, 1), ("ready", 4_00, 1), ("not_ready", 8_00, 1),
    }  # fmt: skip
    assert ([one.purchase for one in found.not_ready], found.is_cut) == ([unready], False)
    assert item(failed).state == "failed"


def test_months_without_anything_left_are_not_looked_at_again(office):
    bought(office, at=NOON)
    bought(office, at=NOON + timedelta(days=25))
    export(office, last_day=date(2026, 3, 31))
    assert [month.start for month in queries.open_months()] == [date(2026, 4, 1)]
    clear(Transaction.objects.earliest("pk"), Clearing("refund", "r", NOON, amount_minor=1_00), actor=None)
    assert [month.start for month in queries.open_months()] == [date(2026, 3, 1), date(2026, 4, 1)]
    assert AccountingMonth.objects.get().line_count == 1


# Settings


def test_settings_change_what_is_named_and_say_so_once(office):
    taxes = [{"code": "V19", "name": "19% (VAT)", "ledger_code": ""}]
    accounting.change_settings({"taxes": taxes, "tracking_name": "Department"}, actor=office.frank, at=NOON)
    accounting.change_settings({"taxes": taxes}, actor=office.frank, at=NOON)
    row = AccountingSettings.objects.get()
    assert (row.tax_names, row.tracking_name, row.clearing_accounts) == (taxes, "Department", CLEARING)
    assert Event.objects.filter(type="accounting_settings.changed").count() == 2


@pytest.mark.parametrize(("name", "rows", "field"), [("clearing", CLEARING[:1] * 2, "clearing.1.side"),
    ("taxes", [{"code": "V", "name": "x", "ledger_code": ""}] * 2, "taxes.1.code")])  # fmt: skip
def test_what_stands_there_twice_is_refused(office, name, rows, field):
    with pytest.raises(errors.Invalid) as refused:
        accounting.change_settings({name: rows}, actor=office.frank, at=NOON)
    assert refused.value.field == field
    assert AccountingSettings.objects.get().clearing_accounts == CLEARING


def test_a_rejected_purchase_and_what_its_owner_repays_are_told_on_their_sides(office):
    from transactions.models import Repayment
    from transactions.operations import repayments

    adopt(office, category=False)
    purchase = bought(office)
    approvals.submit(purchase, actor=office.bob, at=NOON)
    decide(Approval.objects.get(status="waiting"), office.alice, outcome="rejected", reason="x", at=NOON)
    repayments.receive(Repayment.objects.get(), Money(100_00, "USD"), actor=office.frank, at=LATER)
    assert told(export(office)) == [(1, "6200", 100_00, "2100"), (2, "6200", -100_00, "1200")]
