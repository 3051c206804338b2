"""The pages of accounting: what is ready, batches and their files, settings, and closing."""

from __future__ import annotations

import re
from datetime import date

import pytest

from companies import operations as companies
from companies.models import Category
from spendtrackr.tenancy import company_scope
from tests.factories import NOON, swipe
from tests.rules import adopt
from transactions.models import AccountingBatch, AccountingSettings, Books, Transaction
from transactions.operations import accounting, coding
from transactions.operations.clearing import Clearing, clear
from transactions.operations.swipes import authorize

PAGE, CLOSING = "/accounting/", "/accounting/closing/"


@pytest.fixture
def office(world):
    with company_scope(world.acme.pk):
        world.meals = Category.objects.get(name="Meals")
        companies.change_category(world.meals, {"ledger_code": "6200"}, actor=world.alice, at=NOON)
        adopt(world, automatic_below=10_000_00, category=False)
        clearing = [{"currency": "USD", "side": "cards", "ledger_code": "2100"}]
        accounting.change_settings({"clearing": clearing}, actor=world.alice, at=NOON)
    return world


def bought(office, minor: int = 100_00, **said) -> Transaction:
    with company_scope(office.acme.pk):
        purchase = authorize(office.reload(), swipe(minor)).transaction
        clear(purchase, Clearing("capture", f"c{purchase.pk}", NOON, is_final=True), actor=None)
        return coding.describe(purchase, said, actor=office.alice, at=NOON) if said else purchase


def text(answer) -> str:
    assert answer.status_code == 200, answer.content
    return answer.content.decode()


def pressed(client, path: str, **said) -> str:
    """What the page says after a button of it."""
    here = CLOSING if path == "/accounting/close/" else PAGE
    answer = client.post(path, {"next": here, **said})
    assert answer["Location"] == here
    return text(client.get(here))


def test_an_empty_page_teaches(world, pages):
    shown = text(pages(world.alice).get(PAGE))
    for said in ("Nothing is ready", "Everything is ready or exported", "No batch yet", "Name your accounts"):
        assert said in shown
    shown = text(pages(world.alice).get(CLOSING))
    for said in ("nothing is closed", "Nothing to close yet", "No closing yet", "Nothing is late"):
        assert said in shown


def test_it_says_what_is_ready_and_what_to_do_about_the_rest(office, pages):
    bought(office)
    unready = bought(office, 7_00, category=None)
    shown = text(pages(office.alice).get(PAGE))
    assert "$100.00" in shown
    assert "$7.00" in shown
    assert f'href="/transactions/{unready.public_id}/">No category</a>' in shown


def test_it_says_that_only_the_oldest_were_looked_at(office, pages, monkeypatch):
    monkeypatch.setattr("transactions.views.accounting.LOOKED", 2)
    for minor in (1_00, 2_00):
        bought(office, minor)
    assert "Only the oldest" not in text(pages(office.alice).get(PAGE))
    bought(office, 4_00)
    shown = text(pages(office.alice).get(PAGE))
    assert "Only the oldest" in shown
    assert ("$3.00" in shown, "$7.00" in shown) == (True, False)
    assert "All of these are ready" in shown
    assert "Everything is ready" not in shown


def test_of_many_that_are_not_ready_it_says_that_some_are_shown(office, pages, monkeypatch):
    monkeypatch.setattr("transactions.views.accounting.MOST", 1)
    bought(office, 1_00, category=None)
    assert "are shown." not in text(pages(office.alice).get(PAGE))
    bought(office, 2_00, category=None)
    assert "The oldest 1 of 2 are shown." in text(pages(office.alice).get(PAGE))


def test_what_is_ready_behind_what_was_looked_at_can_be_exported_all_the_same(office, pages, monkeypatch):
    monkeypatch.setattr("transactions.views.accounting.LOOKED", 3)
    bought(office, 1_00, category=None)  # coded anew: three lines
    assert "Nothing is ready" in text(pages(office.alice).get(PAGE))
    bought(office, 2_00)
    assert "Export USD" in text(pages(office.alice).get(PAGE))
    assert "holds 1 journal" in pressed(pages(office.alice), "/accounting/batches/", currency="USD")


def test_the_month_to_be_closed_next_is_counted_and_what_came_late_is_listed(office, pages):
    purchase = bought(office, category=None)
    client = pages(office.alice)
    assert "Close March 2026 all the same" in text(client.get(CLOSING))
    pressed(client, "/accounting/close/", closed_through="2026-03-31")
    with company_scope(office.acme.pk):
        clear(purchase, Clearing("refund", "r", NOON, amount_minor=30_00), actor=None)
    shown = text(client.get(CLOSING))
    for said in ("closed through 31 Mar 2026", "Closed through 31 Mar 2026", "Came after the closing", "-$30.00"):
        assert said in shown


def test_a_batch_is_made_downloaded_and_fails(office, pages):
    bought(office)
    client = pages(office.alice)
    assert "Batch 1 holds 1 journal: download it below" in pressed(client, "/accounting/batches/", currency="USD", until="2026-03-31")
    assert "Nothing is ready to be exported." in pressed(client, "/accounting/batches/", currency="USD")
    assert "This is not a current ISO 4217 currency." in pressed(client, "/accounting/batches/", currency="DOLLARS")
    batch = AccountingBatch.across_companies.get()
    shown = text(client.get(f"/accounting/batches/{batch.public_id}/"))
    for said in ("ST1-1", "6200 Meals", "format=quickbooks", "format=xero&amp;part=1", "Its import failed"):
        assert said in shown
    file = client.get(f"/accounting/batches/{batch.public_id}/export/", {"format": "xero", "part": "1"})
    assert b"6200" in b"".join(file.streaming_content)
    said = pressed(client, f"/accounting/batches/{batch.public_id}/fail/", reason="6200 is locked")
    assert "Noted: it is ready again" in said
    shown = text(client.get(f"/accounting/batches/{batch.public_id}/"))
    assert "6200 is locked" in shown
    assert "format=xero" not in shown


def test_one_journal_of_a_batch_fails(office, pages):
    bought(office, 1_00)
    bought(office, 2_00)
    client = pages(office.alice)
    pressed(client, "/accounting/batches/")
    batch = AccountingBatch.across_companies.get()
    with company_scope(office.acme.pk):
        journal = batch.journals.earliest("pk").public_id
    pressed(client, f"/accounting/batches/{batch.public_id}/fail/", reason="Locked", journal=journal)
    assert "1 failed" in text(client.get(f"/accounting/batches/{batch.public_id}/"))
    assert AccountingBatch.across_companies.get().status == "exported"


def test_a_month_is_closed_and_opened_again_where_one_may(office, pages, client):
    bought(office)
    with company_scope(office.acme.pk):
        office.hire("Frank", "finance")
    browser = pages(office.alice)
    assert "The books are closed through 31 Mar 2026." in pressed(browser, "/accounting/close/", closed_through="2026-03-31")
    assert Books.across_companies.get(company=office.acme).closed_through == date(2026, 3, 31)
    assert "Choose a day." in pressed(browser, "/accounting/close/")
    assert "All days are open again." in pressed(browser, "/accounting/close/", do="open")
    assert Books.across_companies.get(company=office.acme).closed_through is None


def test_a_refusal_to_code_is_said_where_it_was_tried(office, pages):
    purchase = bought(office)
    client = pages(office.alice)
    pressed(client, "/accounting/close/", closed_through="2026-03-31")
    here = f"/transactions/{purchase.public_id}/"
    client.post(f"{here}describe/", {"next": here, "memo": "Lunch", "category": ""})
    assert "The books are closed through 31 Mar 2026" in text(client.get(here))
    assert Transaction.across_companies.get(pk=purchase.pk).category == office.meals
    split = {"do": "save", "part-0-amount": "60", "part-0-category": office.meals.public_id, "part-1-amount": "40"}
    refused = client.post(f"{here}split/", split)
    assert (refused.status_code, "The books are closed" in refused.content.decode()) == (400, True)
    client.post(
        "/transactions/describe/", {"next": "/transactions/", "transaction": purchase.public_id, "department": "", "category": "none"}
    )
    client.post(f"{here}describe/", {"next": here, "memo": "Lunch"})
    assert Transaction.across_companies.get(pk=purchase.pk).memo == "Lunch"


def test_settings_are_saved_and_what_is_wrong_stands_beside_its_field(office, pages):
    client = pages(office.alice)
    body = {
        "starts_on": "2026-01-01", "exports_unapproved": "yes", "tracking_name": "Team", "untaxed_as": "No VAT",
        "clearing-USD-cards": "2100", "clearing-USD-claims": "2150", "clearing-USD-statements": "", "clearing-USD-repayments": "",
        "tax-0-code": "V19", "tax-0-name": "19%", "tax-0-ledger_code": "", "tax-1-code": "", "tax-1-name": "", "tax-1-ledger_code": "",
    }  # fmt: skip
    assert client.post("/accounting/settings/", body)["Location"] == PAGE
    row = AccountingSettings.across_companies.get(company=office.acme)
    assert (row.exports_unapproved, row.untaxed_as, row.tax_names) == (True, "No VAT", [{"code": "V19", "name": "19%", "ledger_code": ""}])
    assert [(one["side"], one["ledger_code"]) for one in row.clearing_accounts] == [("cards", "2100"), ("claims", "2150")]
    shown = text(client.get("/accounting/settings/"))
    assert 'value="V19"' in shown
    assert 'name="tax-2-code"' in shown

    twice = client.post("/accounting/settings/", {**body, "tax-1-code": "V19"})
    assert (twice.status_code, "This one stands here already." in twice.content.decode()) == (400, True)
    nameless = client.post("/accounting/settings/", {**body, "tax-1-name": "7%"})
    assert (nameless.status_code, "Which tax code is that?" in nameless.content.decode()) == (400, True)
    assert AccountingSettings.across_companies.get(company=office.acme).tax_names == row.tax_names


@pytest.mark.parametrize(("role", "sees", "exports"), [("finance", 200, 200), ("auditor", 200, 403), ("employee", 403, 403)])
def test_who_sees_it_and_who_keeps_it(office, pages, role, sees, exports):
    with company_scope(office.acme.pk):
        member = office.hire("Zoe", role)
    client = pages(member)
    assert client.get(PAGE).status_code == sees
    assert client.get("/accounting/settings/").status_code == exports
    assert (f'href="{PAGE}"' in client.get("/account/").content.decode()) is (sees == 200)


# How far accounting knows of one transaction, beside it.


def beside(office, pages, purchase: Transaction, who: str = "alice") -> str:
    """The words of the section, without their markup."""
    shown = text(pages(getattr(office, who)).get(f"/transactions/{purchase.public_id}/accounting/"))
    [section] = re.findall(r'<section id="in-books".*?</section>', shown, re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", section).split())


def exported(office) -> AccountingBatch:
    with company_scope(office.acme.pk):
        return accounting.export("USD", actor=office.alice, at=NOON)


def recode(office, purchase: Transaction) -> None:
    """To another category, which has a ledger code too."""
    with company_scope(office.acme.pk):
        others = Category.objects.exclude(pk=purchase.category_id)
        category = companies.change_category(others.first(), {"ledger_code": "6300"}, actor=office.alice, at=NOON)
        coding.describe(purchase, {"category": category}, actor=office.alice, at=NOON)


def test_a_transaction_says_that_it_goes_with_the_next_batch_and_then_in_which_it_is(office, pages):
    purchase = bought(office)
    assert beside(office, pages, purchase) == "Accounting Ready $100.00 goes with the next batch."
    batch = exported(office)
    assert beside(office, pages, purchase) == "Accounting Exported In batch 1 ."
    shown = text(pages(office.alice).get(f"/transactions/{purchase.public_id}/accounting/"))
    assert f'href="/accounting/batches/{batch.public_id}/"' in shown


def test_what_came_after_its_export_waits_for_another(office, pages):
    purchase = bought(office)
    exported(office)
    with company_scope(office.acme.pk):
        clear(purchase, Clearing("refund", "r", NOON, amount_minor=30_00), actor=None)
    assert beside(office, pages, purchase) == "Accounting Ready -$30.00 goes with the next batch. Exported so far in batch 1 ."


def test_a_transaction_says_why_it_is_not_ready(office, pages):
    purchase = bought(office, category=None, memo="=1")
    assert beside(office, pages, purchase) == "Accounting Not ready No category $100.00 waits until that is done."


def test_what_is_booked_otherwise_since_its_export_is_no_amount_of_nothing(office, pages):
    purchase = bought(office)
    exported(office)
    recode(office, purchase)
    assert beside(office, pages, purchase) == "Accounting Ready What changed of it goes with the next batch. Exported so far in batch 1 ."


def test_what_was_let_go_is_not_said_to_be_posted_one_day(office, pages):
    with company_scope(office.acme.pk):
        purchase = authorize(office.reload(), swipe(5_00)).transaction
        clear(purchase, Clearing("reversal", "r", NOON), actor=None)
    assert beside(office, pages, purchase) == "Accounting It came to nothing: there is nothing to tell."


def test_a_transaction_says_why_accounting_did_not_take_it(office, pages):
    purchase, batch = bought(office), exported(office)
    with company_scope(office.acme.pk):
        accounting.fail(batch, reason="No <such> account", actor=office.alice, at=NOON)
    told = "Accounting did not take it from batch 1 : “No &lt;such&gt; account”"
    assert beside(office, pages, purchase) == f"Accounting Failed $100.00 goes with the next batch once more. {told}"


def test_what_is_not_posted_and_what_was_before_accounting_began_says_so(office, pages):
    with company_scope(office.acme.pk):
        held = authorize(office.reload(), swipe(5_00)).transaction
    assert beside(office, pages, held) == "Accounting Nothing of it is posted yet."
    purchase = bought(office)
    with company_scope(office.acme.pk):
        accounting.change_settings({"starts_on": date(2026, 4, 1)}, actor=office.alice, at=NOON)
    assert beside(office, pages, purchase) == "Accounting Posted before the day on which accounting begins here."


def test_every_batch_is_named_that_holds_something_of_it(office, pages):
    purchase = bought(office)
    exported(office)
    recode(office, purchase)
    second = exported(office)
    assert beside(office, pages, purchase) == "Accounting Exported In batch 1 , batch 2 ."
    with company_scope(office.acme.pk):
        accounting.fail(second, reason="Closed", actor=office.alice, at=NOON)
    assert beside(office, pages, purchase).endswith("Accounting did not take it from batch 2 : “Closed” Exported so far in batch 1 .")
    with company_scope(office.acme.pk):
        accounting.change_settings({"starts_on": date(2026, 4, 1)}, actor=office.alice, at=NOON)
    assert beside(office, pages, purchase).startswith("Accounting Exported Its days are before the one on which accounting begins here")
    assert beside(office, pages, purchase).endswith("In batch 1 .")


def test_it_is_there_for_those_who_see_the_books_alone(office, pages):
    purchase, address = bought(office), "/transactions/{}/accounting/"
    with company_scope(office.acme.pk):
        office.audrey = office.hire("Audrey", "auditor")
        declined = authorize(office.reload(), swipe(99_999_00)).transaction
    linked = f'hx-get="{address.format(purchase.public_id)}"'
    for who, is_told in (("alice", True), ("audrey", True), ("bob", False)):
        shown = text(pages(getattr(office, who)).get(f"/transactions/{purchase.public_id}/"))
        assert (linked in shown) is is_told
    assert "in-books" not in text(pages(office.alice).get(f"/transactions/{declined.public_id}/"))
    assert pages(office.bob).get(address.format(purchase.public_id)).status_code == 403
    assert pages(office.mallory).get(address.format(purchase.public_id)).status_code == 404
    assert "accounting-settings" not in text(pages(office.audrey).get(address.format(purchase.public_id)))
