"""Books and accounting over the API: shapes, refusals, and files that Xero and QuickBooks Online take."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import pytest
from django.utils import timezone

from companies import operations as companies
from companies.models import Category
from spendtrackr.tenancy import company_scope
from tests.factories import NOON, swipe
from tests.rules import adopt
from transactions.accounting import Line
from transactions.models import AccountingBatch, Books, SpendLine, Transaction
from transactions.operations import accounting, coding
from transactions.operations.clearing import Clearing, clear
from transactions.operations.statements import StatementFile, import_statement
from transactions.operations.swipes import authorize
from transactions.views.journals import Written, xero_parts
from users import operations as people

BATCHES, BOOKS, ITEMS, SETTINGS = (
    f"/api/v1/{name}/" for name in ("accounting-batches", "books", "accounting-items", "accounting-settings")
)


@pytest.fixture
def office(world):
    with company_scope(world.acme.pk):
        world.meals, world.travel = (Category.objects.get(name=name) for name in ("Meals", "Travel"))
        for row, code in ((world.meals, "6200"), (world.travel, "6300")):
            companies.change_category(row, {"ledger_code": code}, actor=world.alice, at=NOON)
        adopt(world, automatic_below=10_000_00, category=False)
        clearing = [
            {"currency": currency, "side": side, "ledger_code": "2100"} for currency in ("USD", "EUR") for side in ("cards", "statements")
        ]
        taxes = [{"code": "V19", "name": "19% (VAT on Expenses)", "ledger_code": ""}, {"code": "V7", "name": "", "ledger_code": "1571"}]
        accounting.change_settings({"clearing": clearing, "taxes": taxes, "tracking_name": "Team"}, actor=world.alice, at=NOON)
        world.sales = people.add_department(name="Sales", cost_centre="S-1", actor=world.alice, at=NOON)
    return world


def bought(office, minor: int = 119_00, merchant: str = "Blue Bottle", **said) -> Transaction:
    with company_scope(office.acme.pk):
        purchase = authorize(office.reload(), swipe(minor, merchant_name=merchant)).transaction
        clear(purchase, Clearing("capture", f"c{purchase.pk}", NOON, is_final=True), actor=None)
        return coding.describe(purchase, said, actor=office.alice, at=NOON) if said else purchase


def exported(office, api, **body) -> dict:
    made = api(office.alice).post(BATCHES, body)
    assert made.status_code == 201, made.content
    return made.json()


def rows_of(answer) -> list[list[str]]:
    assert answer.status_code == 200, answer.content
    return list(csv.reader(io.StringIO(b"".join(answer.streaming_content).decode())))


def download(office, api, batch: dict, **query) -> list[list[str]]:
    return rows_of(api(office.alice).get(f"{BATCHES}{batch['id']}/export/", query))


# Books


def test_books_are_closed_shown_and_opened_again(office, api):
    bought(office)
    client = api(office.alice)
    shown = client.get(BOOKS).json()
    assert (shown["closed_through"], shown["closed_by"], shown["next"]["month"]) == (None, None, "2026-03-01")
    assert shown["next"] == {
        "month": "2026-03-01", "missing_receipt": 0, "not_submitted": 0, "waiting": 0, "uncategorised": 0, "not_exported": 1,
    }  # fmt: skip
    closed = client.patch(BOOKS, {"closed_through": "2026-03-31"}).json()
    assert (closed["closed_through"], closed["closed_by"], closed["next"]["month"]) == ("2026-03-31", office.alice.public_id, "2026-04-01")
    assert client.patch(BOOKS, {"closed_through": None}).json()["closed_through"] is None


def test_coding_on_a_closed_day_answers_409_and_a_memo_200(office, api):
    purchase = bought(office)
    client, path = api(office.alice), f"/api/v1/transactions/{purchase.public_id}/"
    client.patch(BOOKS, {"closed_through": "2026-03-31"})
    refused = client.patch(path, {"category": office.travel.public_id})
    assert (refused.status_code, refused.json()["code"], refused.json()["field"]) == (409, "books_closed", "category")
    several = client.post("/api/v1/transactions/describe/", {"transactions": [purchase.public_id], "category": office.travel.public_id})
    (result,) = several.json()["results"]
    assert (several.status_code, result["done"], result["error"]["code"]) == (200, False, "books_closed")
    assert client.patch(path, {"memo": "Lunch"}).status_code == 200
    with company_scope(office.acme.pk):
        assert SpendLine.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [({"closed_through": "2999-01-01"}, 400, "closed_through"), ({"closed_through": "soon"}, 400, "closed_through"),
     ({}, 400, "closed_through"), ({"closed_through": None, "by": "me"}, 400, "by")],
)  # fmt: skip
def test_what_makes_no_day_to_close_is_refused(office, api, body, status, field):
    answer = api(office.alice).patch(BOOKS, body)
    assert (answer.status_code, answer.json()["field"]) == (status, field)
    assert not Books.across_companies.exclude(closed_through=None).exists()


def test_today_is_not_over(office, api):
    today = office.acme.day_of(timezone.now())
    assert api(office.alice).patch(BOOKS, {"closed_through": str(today)}).status_code == 400
    assert api(office.alice).patch(BOOKS, {"closed_through": str(today - timedelta(days=1))}).status_code == 200


def test_who_opens_closed_days(office, api):
    with company_scope(office.acme.pk):
        frank = office.hire("Frank", "finance")
    assert api(frank).patch(BOOKS, {"closed_through": "2026-03-31"}).status_code == 200
    refused = api(frank).patch(BOOKS, {"closed_through": "2026-02-28"})
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert api(office.alice).patch(BOOKS, {"closed_through": "2026-02-28"}).status_code == 200


def test_what_is_late_says_why(office, api):
    purchase = bought(office)
    client = api(office.alice)
    client.patch(BOOKS, {"closed_through": "2026-03-31"})
    with company_scope(office.acme.pk):
        clear(purchase, Clearing("refund", "r", NOON, amount_minor=19_00), actor=None)
    batch = exported(office, api)
    assert (batch["late"], batch["journals"]) == (2, 2)
    found = client.get(f"{BOOKS}late/").json()["data"]
    assert [(row["kind"], row["day"], row["amount"]["minor"], row["came_late"], row["batch"]) for row in found] == [
        ("refund", "2026-03-10", -19_00, True, batch["id"]), ("capture", "2026-03-10", 119_00, False, batch["id"]),
    ]  # fmt: skip
    assert {row["transaction"] for row in found} == {purchase.public_id}


# Settings


def test_settings_are_read_back_as_they_were_written(office, api):
    body = {
        "starts_on": "2026-01-01", "exports_unapproved": True, "tracking_name": "", "untaxed_as": "No VAT",
        "clearing": [{"currency": "EUR", "side": "claims", "ledger_code": "3-1100"}],
        "taxes": [{"code": "V19", "name": "19%", "ledger_code": "1576"}],
    }  # fmt: skip
    client = api(office.alice)
    assert client.patch(SETTINGS, body).json() == body == client.get(SETTINGS).json()
    assert client.patch(SETTINGS, {"starts_on": None}).json() == {**body, "starts_on": None}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"clearing": [{"currency": "XXX", "side": "cards", "ledger_code": "1"}]}, "clearing.0.currency"),
        ({"clearing": [{"currency": "USD", "side": "bank", "ledger_code": "1"}]}, "clearing.0.side"),
        ({"clearing": [{"currency": "USD", "side": "cards", "ledger_code": ""}]}, "clearing.0.ledger_code"),
        ({"taxes": [{"code": "V"}, {"code": "V"}]}, "taxes.1.code"),
        ({"untaxed_as": ""}, "untaxed_as"),
        ({"closed_through": "2026-01-01"}, "closed_through"),
    ],
)
def test_what_makes_no_settings_is_refused_by_its_place(office, api, body, field):
    before = api(office.alice).get(SETTINGS).json()
    answer = api(office.alice).patch(SETTINGS, body)
    assert (answer.status_code, answer.json()["field"]) == (400, field)
    assert api(office.alice).get(SETTINGS).json() == before


# Items and batches


def test_what_waits_says_how_far_it_is(office, api):
    ready, unready = bought(office), bought(office, 5_00, category=None)
    client = api(office.alice)
    found = {row["transaction"]: row for row in client.get(ITEMS).json()["data"]}
    assert found[ready.public_id] == {
        "transaction": ready.public_id, "merchant_name": "Blue Bottle", "member": office.bob.public_id, "posted_on": "2026-03-10",
        "state": "ready", "reasons": [], "amount": {"minor": 119_00, "currency": "USD"}, "failure": None, "batches": [],
    }  # fmt: skip
    assert (found[unready.public_id]["state"], found[unready.public_id]["reasons"]) == ("not_ready", ["no_category"])
    assert client.get(ITEMS, {"until": "2026-03-09"}).json()["data"] == client.get(ITEMS, {"currency": "EUR"}).json()["data"] == []
    assert client.get(ITEMS, {"until": "soon"}).json()["field"] == "until"
    states = {row["state"]: row for row in client.get(f"{ITEMS}summary/").json()["states"]}
    assert {state: (row["amount"]["minor"], row["count"]) for state, row in states.items()} == {
        "ready": (119_00, 1),
        "not_ready": (5_00, 1),
    }

    batch = exported(office, api)
    shown = client.get(f"{ITEMS}{ready.public_id}/").json()
    assert (shown["state"], shown["amount"]["minor"], shown["batches"]) == ("exported", 0, [batch["id"]])
    assert [row["transaction"] for row in client.get(ITEMS).json()["data"]] == [unready.public_id]
    with company_scope(office.acme.pk):
        pending = authorize(office.reload(), swipe(1_00)).transaction
    assert client.get(f"{ITEMS}{pending.public_id}/").status_code == 404


def test_what_waits_is_listed_page_by_page_the_oldest_first_and_each_once(office, api):
    late, early, alone = bought(office, 1_00), bought(office, 2_00), bought(office, 3_00)
    with company_scope(office.acme.pk):
        for purchase, day in ((late, 1), (early, -20), (early, 2)):
            refund = Clearing("refund", f"r{purchase.pk}-{day}", NOON + timedelta(days=day), amount_minor=1)
            clear(purchase, refund, actor=None)
    client, found, cursor = api(office.alice), [], {}
    for _ in range(3):
        page = client.get(ITEMS, {"limit": 1, **cursor}).json()
        found += [row["transaction"] for row in page["data"]]
        cursor = {"cursor": page["next_cursor"]}
    assert (found, cursor["cursor"]) == ([early.public_id, late.public_id, alone.public_id], None)
    later = client.get(ITEMS, {"since": "2026-03-11"}).json()["data"]
    assert [(row["transaction"], row["amount"]["minor"]) for row in later] == [(late.public_id, -1), (early.public_id, -1)]
    assert client.get(ITEMS, {"cursor": "x"}).json()["field"] == "cursor"


def test_a_batch_shows_its_rows_and_takes_what_failed_back(office, api):
    purchase = bought(office, tax_code="V19", tax_minor=19_00, department=office.sales, memo="Lunch")
    client = api(office.alice)
    batch = exported(office, api, since="2026-03-01", until="2026-03-31")
    assert {name: batch[name] for name in ("sequence", "status", "currency", "since", "until", "total", "journals", "failed", "late")} == {
        "sequence": 1, "status": "exported", "currency": "USD", "since": "2026-03-01", "until": "2026-03-31",
        "total": {"minor": 119_00, "currency": "USD"}, "journals": 1, "failed": 0, "late": 0,
    }  # fmt: skip
    (row,) = client.get(f"{BATCHES}{batch['id']}/rows/").json()["data"]
    assert {name: row[name] for name in row if name != "journal"} == {
        "position": 1, "status": "exported", "reason": "", "day": "2026-03-10", "is_late": False, "is_reversal": False,
        "transaction": purchase.public_id, "category": office.meals.public_id, "ledger_code": "6200", "department": office.sales.public_id,
        "cost_centre": "S-1", "tax_code": "V19", "amount": {"minor": 119_00, "currency": "USD"}, "tax": {"minor": 19_00, "currency": "USD"},
        "clearing_code": "2100", "description": "Blue Bottle · Lunch",
    }  # fmt: skip
    path = f"{BATCHES}{batch['id']}/fail/"
    assert client.post(path, {"reason": "x", "journals": ["jrn_none"]}).json()["field"] == "journals.0"
    failed = client.post(path, {"reason": "6200 is locked", "journals": [row["journal"]]}).json()
    assert (failed["status"], failed["journals"], failed["failed"]) == ("failed", 0, 1)
    assert client.post(path, {"reason": "Again"}).json()["code"] == "invalid_state"
    waiting = client.get(f"{ITEMS}{purchase.public_id}/").json()
    assert (waiting["state"], waiting["failure"]) == (
        "failed", {"batch": batch["id"], "journal": row["journal"], "reason": "6200 is locked"},
    )  # fmt: skip
    assert exported(office, api)["sequence"] == 2
    refused = client.post(BATCHES, {})
    assert (refused.status_code, refused.json()["code"]) == (409, "invalid_state")
    assert [row["sequence"] for row in client.get(BATCHES, {"status": "exported"}).json()["data"]] == [2]


def test_a_batch_asked_for_twice_with_the_same_key_is_made_once(office, api):
    bought(office)
    client = api(office.alice)
    first, again = (client.post(BATCHES, {}, HTTP_IDEMPOTENCY_KEY="k1") for _ in range(2))
    assert (first.status_code, again.status_code, again.json()) == (201, 201, first.json())
    assert AccountingBatch.across_companies.count() == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [({"currency": "XXX"}, "currency"), ({"until": "2999-01-01"}, "until"), ({"since": "2026-03-02", "until": "2026-03-01"}, "since"),
     ({"from": "2026-03-01"}, "from")],
)  # fmt: skip
def test_what_makes_no_batch_is_refused(office, api, body, field):
    bought(office)
    answer = api(office.alice).post(BATCHES, body)
    assert (answer.status_code, answer.json()["field"]) == (400, field)
    assert not AccountingBatch.across_companies.exists()


# Files


def test_the_generic_file_has_every_column_and_numbers_stay_numbers(office, api):
    purchase = bought(office, tax_code="V19", tax_minor=19_00, department=office.sales, memo="=HYPERLINK(1)", category=office.meals)
    batch = exported(office, api)
    answer = api(office.alice).get(f"{BATCHES}{batch['id']}/export/")
    assert answer["Content-Disposition"] == 'attachment; filename="journals-1-generic.csv"'
    head, row = rows_of(answer)
    assert head[0] == '\ufeff"journal"'
    assert dict(zip(head[1:], row[1:], strict=True)) == {
        "day": "2026-03-10", "late": "", "kind": "new", "transaction": purchase.public_id, "person": "Bob", "merchant": "Blue Bottle",
        "memo": "'=HYPERLINK(1)", "ledger code": "6200", "category": "Meals", "cost centre": "S-1", "department": "Sales",
        "tax code": "V19", "net": "100.00", "tax": "19.00", "gross": "119.00", "currency": "USD", "clearing account": "2100",
    }  # fmt: skip
    assert row[0] == "ST1-1"


def test_the_file_for_xero_is_its_import_of_manual_journals(office, api):
    bought(office, tax_code="V19", tax_minor=19_00, department=office.sales, memo="Lunch")
    bought(office, 107_00, "+49 Taxi", tax_code="V7", tax_minor=7_00, category=office.travel)
    batch = exported(office, api)
    head, *rows = download(office, api, batch, format="xero")
    assert head == [
        "*Narration", "*Date", "Description", "*AccountCode", "*TaxRate", "*Amount", "TrackingName1", "TrackingOption1", "TrackingName2",
        "TrackingOption2",
    ]  # fmt: skip
    blue, taxi = "ST1-1 Blue Bottle · Lunch", "ST1-2 +49 Taxi"
    assert [row[:8] for row in rows] == [
        [blue, "10/03/2026", "Blue Bottle · Lunch", "6200", "19% (VAT on Expenses)", "119.00", "Team", "S-1"],
        [blue, "10/03/2026", blue, "2100", "Tax Exempt", "-119.00", "", ""],
        [taxi, "10/03/2026", "'+49 Taxi", "6300", "Tax Exempt", "100.00", "", ""],
        [taxi, "10/03/2026", "'+49 Taxi", "1571", "Tax Exempt", "7.00", "", ""],
        [taxi, "10/03/2026", taxi, "2100", "Tax Exempt", "-107.00", "", ""],
    ]
    assert download(office, api, batch, format="xero", part="1")[1:] == rows
    for part in ("2", "0", "x"):
        refused = api(office.alice).get(f"{BATCHES}{batch['id']}/export/", {"format": "xero", "part": part})
        assert (refused.status_code, refused.json()["field"]) == (400, "part")


def test_the_file_for_quickbooks_has_debits_and_credits_that_are_equal(office, api):
    bought(office, department=office.sales)
    batch = exported(office, api)
    bought(office, 1_00)
    head, *rows = download(office, api, batch, format="quickbooks")
    assert head == ["JournalNo", "JournalDate", "AccountName", "Debits", "Credits", "Description", "Name", "Currency", "Location", "Class"]
    assert rows == [
        ["ST1-1", "03/10/2026", "6200", "119.00", "", "Blue Bottle", "", "USD", "", "S-1"],
        ["ST1-1", "03/10/2026", "2100", "", "119.00", "Blue Bottle", "", "USD", "", ""],
    ]


def test_what_failed_is_not_in_the_file(office, api):
    bought(office, 1_00)
    bought(office, 2_00)
    batch = exported(office, api)
    first = api(office.alice).get(f"{BATCHES}{batch['id']}/rows/").json()["data"][0]["journal"]
    api(office.alice).post(f"{BATCHES}{batch['id']}/fail/", {"reason": "x", "journals": [first]})
    assert [row[13] for row in download(office, api, batch)[1:]] == ["2.00"]


def test_xero_takes_no_other_currency_than_the_companys(office, api):
    with company_scope(office.acme.pk):
        file = StatementFile(b"Date,Amount,Currency,Merchant,Category\n2026-03-05,12.00,EUR,Bakery,Meals\n", "s.csv")
        import_statement(office.acme, file, actor=office.alice, at=NOON)
    batch = exported(office, api, currency="EUR")
    refused = api(office.alice).get(f"{BATCHES}{batch['id']}/export/", {"format": "xero"})
    assert (refused.status_code, refused.json()["field"]) == (400, "format")
    assert download(office, api, batch, format="quickbooks")[1][7] == "EUR"


@pytest.mark.parametrize("query", [{"format": "sage"}, {"format": "quickbooks", "part": "1"}, {"kind": "x"}])
def test_a_file_that_there_is_not_is_refused(office, api, query):
    bought(office)
    batch = exported(office, api)
    refused = api(office.alice).get(f"{BATCHES}{batch['id']}/export/", query)
    assert (refused.status_code, refused.json()["field"]) == (400, next(reversed(query)))


def test_a_file_for_xero_has_three_hundred_lines_at_most_and_whole_journals():
    journals = [Written(None, [], [Line("1", 1)] * 7) for _ in range(100)]
    parts = xero_parts(journals)
    assert [len(part) for part in parts] == [42, 42, 16]
    assert all(sum(len(one.lines) for one in part) <= 300 for part in parts)
    assert xero_parts([]) == [[]]
