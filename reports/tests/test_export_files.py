"""What is in exported files: the database and we write the same bytes, nothing computes, numbers are numbers, and sums are the report's."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from datetime import UTC, date, datetime
from decimal import Decimal
from xml.etree import ElementTree as ET

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from cards import operations as cards
from companies import operations as companies
from companies.models import Category, Tag
from conftest import build_world
from reports.exports import SUBJECTS, TRANSACTIONS, Asked, files, sheets
from reports.exports.columns import Column
from spendtrackr import events, exports
from spendtrackr.money import Money
from spendtrackr.tenancy import company_scope, enter
from tests.again import again
from tests.factories import NOON, swipe
from tests.papers import picture
from transactions import queries
from transactions.documents import inspect
from transactions.models import Merchant, SpendLine, Split, Tagging, Transaction
from transactions.operations import accounts, coding, receipts
from transactions.operations.clearing import Clearing, clear
from transactions.operations.swipes import authorize
from users import operations as people

NASTY = [
    "", "plain", "=1+1", "+1", "-1", "@SUM(A1)", "\tTab", "\rReturn", "\nLine", "＝1+1", "＋1", "－1", "＠x", " =1", "'=1",
    '"', '""', '=HYPERLINK("x";"y")',
    "a,b;c", 'a "quoted" word', "two\nlines", "two\r\nlines",
    "Straße, 東京 🍣", "\u0300combining", "\u200b=hidden", "\\", "\\'", "%s %% %(x)s", "１＋１",
    "ǝ", "﹦1", "﹢1", "＂", "\u00a0=1",
]  # fmt: skip
MINORS = [0, 1, -1, 5, -5, 99, 100, -100, 123_456, -123_456, 10**15 - 1, 1 - 10**15]


def asked(member, **given: str) -> Asked:
    return Asked(member, NOON, given)


def needed(what: str) -> dict[str, str]:
    """The filters without which a list is not exported."""
    return {"spend-lines": {"spent_from": "2026-01-01"}, "entries": {"account": queries.accounts()[0].public_id}}.get(what, {})


def bought(world, minor: int = 1_00, *, cleared: bool = True, **more) -> Transaction:
    purchase = authorize(world.card, swipe(minor, **more)).transaction
    if cleared:
        clear(purchase, Clearing("capture", f"c-{purchase.pk}", NOON, is_final=True), actor=None)
    return purchase


def written(world, what: str, format_: str = "csv", /, *, by=None, **given: str) -> bytes:
    file = io.BytesIO()
    for _ in SUBJECTS[what].open(asked(by or world.alice, **given)).write(format_, file):
        pass
    return file.getvalue()


def rows(world, what: str, **given) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(written(world, what, **given).decode("utf-8-sig"), newline="")))


def sheet_cells(content: bytes) -> list[dict[str, tuple[str, str, str]]]:
    """Of each row, by the column's letter: type, text and the number format of each cell; no cell has a formula or a link."""
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        sheet = ET.fromstring(book.read("xl/worksheets/sheet1.xml"))
        styles = ET.fromstring(book.read("xl/styles.xml"))
    of = {"m": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}
    assert not sheet.findall(".//m:f", of)
    assert not sheet.findall(".//m:hyperlink", of)
    formats = {one.get("numFmtId"): one.get("formatCode") for one in styles.findall(".//m:numFmt", of)} | {
        "0": "",
        "3": "#,##0",
        "4": "#,##0.00",
    }
    used = [formats[one.get("numFmtId")] for one in styles.findall("m:cellXfs/m:xf", of)]
    found = []
    for row in sheet.findall(".//m:row", of):
        cells = row.findall("m:c", of)
        found.append({re.match("[A-Z]+", cell.get("r"))[0]: _told(cell, used) for cell in cells})
    return found


def _told(cell, used: list[str]) -> tuple[str, str, str]:
    return cell.get("t", "n"), "".join(cell.itertext()), used[int(cell.get("s", "0"))]


def fill_with_nasty(world) -> None:
    """Rows of every text and every amount, in currencies with all the decimal places that there are."""
    member = world.bob
    member.user.name = '=Bob "the" builder'
    member.user.save()
    currencies = ["USD", "JPY", "KWD", "CLF", "EUR"]
    category, made = Category.objects.first(), []
    for number, text in enumerate(NASTY):
        shop = Merchant.objects.create(name=text, key=f"k{number}") if number % 3 else None
        odd = bool(number % 2)
        made.append(Transaction(
            source="card", status="posted", member=member if odd else None, merchant=shop, descriptor=text, memo=text * 2,
            tax_code=text[:5], no_receipt_reason=text, currency=currencies[number % 5], amount_minor=MINORS[number % len(MINORS)],
            tax_minor=MINORS[-1 - number % len(MINORS)] if number % 4 else None, merchant_amount_minor=7 if odd else None,
            merchant_currency="JPY" if odd else "", card=world.card if number % 5 else None, category=category if odd else None,
            occurred_at=datetime(2026, 3, 10, 12, 0, number, 654_321, tzinfo=UTC), occurred_on=date(2026, 3, 1 + number % 3),
            posted_on=date(2026, 3, 10) if odd else None,
        ))  # fmt: skip
    Transaction.objects.bulk_create(made)
    last = len(NASTY)
    Tag.objects.bulk_create(Tag(name=text or "blank", name_key=f"k{last - n:02d}", created_at=NOON) for n, text in enumerate(NASTY))
    # Read again: MySQL does not say under which keys it has written many rows.
    made = list(Transaction.objects.filter(public_id__in=[row.public_id for row in made]).order_by("pk"))
    tags = list(Tag.objects.order_by("-name_key"))
    Tagging.objects.bulk_create(Tagging(transaction=row, tag=tag) for row, tag in zip(made, tags, strict=True))
    Tagging.objects.bulk_create(Tagging(transaction=made[n], tag=tags[n - 1]) for n in range(3, last, 3))
    for row, text in zip(made[::2], NASTY[::2], strict=True):
        Transaction.objects.filter(pk=row.pk).update(is_split=True, tax_minor=None, tax_code="")
        shares = [row.amount_minor // 3, row.amount_minor - row.amount_minor // 3]
        Split.objects.bulk_create(
            Split(
                transaction=row, position=place, share_minor=share or 1, amount_minor=share, memo=text if place else "", tax_code=text[:5],
                category=None if place else category, tax_minor=share // 5 if place else None, descriptor="" if place else text,
                spent_on=None if place else date(2026, 2, 28),
            )
            for place, share in enumerate(shares)
        )  # fmt: skip


def test_the_database_writes_the_bytes_that_we_would_write(acme):
    fill_with_nasty(acme)
    bought(acme)
    sheet = TRANSACTIONS.open(asked(acme.alice))
    by_server, by_us = ("".join(block for block, _ in blocks) for blocks in (sheet.by_server(), sheet.csv_of_objects()))
    for theirs, ours in zip(by_server.split("\r\n"), by_us.split("\r\n"), strict=True):
        assert theirs == ours
    found = rows(acme, "transactions")
    assert len(found) == len(NASTY) + 1
    assert {(row["amount"], row["currency"]) for row in found} >= {("0.00", "USD"), ("1", "JPY"), ("-0.001", "KWD"), ("0.0005", "CLF")}


NONE_YET = {
    "imports", "departments", "tags", "claims", "payouts", "repayments", "card-requests", "budgets", "approvals", "receipts",
}  # fmt: skip


@pytest.mark.parametrize("what", [name for name, subject in SUBJECTS.items() if isinstance(subject, sheets.Listing)])
def test_so_it_does_of_every_list_that_it_may_write(acme, what):
    fill_with_nasty(acme)
    bought(acme)
    events.seal_all()
    sheet = SUBJECTS[what].open(asked(acme.alice, **needed(what)))
    ours = "".join(block for block, _ in sheet.csv_of_objects())
    if sheet.by_server:
        assert "".join(block for block, _ in sheet.by_server()) == ours
    assert ours.count("\r\n") >= sheet.count() >= (0 if what in NONE_YET else 1)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1_000])
def test_a_block_ends_where_the_next_begins(acme, size):
    fill_with_nasty(acme)
    found = Transaction.objects.all()
    blocks = list(sheets.by_server(found, TRANSACTIONS.order, TRANSACTIONS.columns, size))
    ids = re.findall(r"txn_\w+", "".join(block for block, _ in blocks))
    assert ids == list(found.order_by("-occurred_on", "-id").values_list("public_id", flat=True))
    assert [number for _, number in blocks[:-1]] == [size] * (len(blocks) - 1)


@pytest.mark.parametrize("text", NASTY)
def test_no_text_is_a_formula(text):
    [[cell]] = csv.reader(io.StringIO(exports.line([text]), newline=""))
    assert not cell.startswith(exports.FORMULA_SIGNS)
    assert cell in {text, f"'{text}"}


def test_numbers_and_days_stay_what_they_are():
    values = [
        Money(-5, "USD"),
        Money(-5, "JPY"),
        Money(1, "CLF"),
        -3,
        Decimal("-1.5"),
        date(2026, 3, 1),
        datetime(2026, 3, 1, 2, tzinfo=UTC),
        None,
    ]
    assert exports.line(values) == "-0.05,-5,0.0001,-3,-1.5,2026-03-01,2026-03-01T02:00:00Z,\r\n"


def test_a_sheet_has_numbers_as_numbers_days_as_days_and_text_as_text():
    values = [
        "=1+1",
        "https://example.com",
        Money(-1_234_56, "USD"),
        Money(5, "JPY"),
        Money(1, "KWD"),
        3,
        date(2026, 3, 10),
        NOON,
        None,
        "007",
    ]
    file, columns = io.BytesIO(), [Column(f"c{place}", lambda row: row) for place in range(len(values))]
    assert list(files.write_xlsx("Rows", columns, [[values]], file)) == [1]
    head, row = sheet_cells(file.getvalue())
    assert [text for _, text, _ in head.values()] == [column.name for column in columns]
    assert row == {
        "A": ("inlineStr", "=1+1", ""), "B": ("inlineStr", "https://example.com", ""), "C": ("n", "-1234.56", "#,##0.00"),
        "D": ("n", "5", "#,##0"), "E": ("n", "0.001", "#,##0.000"), "F": ("n", "3", ""), "G": ("n", "46091", "yyyy-mm-dd"),
        "H": ("n", "46091.5", "yyyy-mm-dd hh:mm:ss"), "J": ("inlineStr", "007", ""),
    }  # fmt: skip


def test_a_sheet_that_excel_could_not_open_is_not_written(monkeypatch):
    monkeypatch.setattr(files, "MOST_ROWS", 3)
    with pytest.raises(files.TooManyRows):
        list(files.write_xlsx("Rows", [Column("c", lambda row: row)], [[["a"], ["b"], ["c"]]], io.BytesIO()))


def test_sheet_and_csv_hold_the_same(acme):
    for minor in (1_00, 2_50):
        bought(acme, minor, merchant_name="=Shop")
    lines = list(csv.reader(io.StringIO(written(acme, "transactions").decode("utf-8-sig"), newline="")))
    cells = sheet_cells(written(acme, "transactions", "xlsx"))
    assert len(lines) == len(cells) == 3
    amount = lines[0].index("amount")
    letter = chr(ord("A") + amount)
    assert [Decimal(row[amount]) for row in lines[1:]] == [Decimal(row[letter][1]) for row in cells[1:]] == [Decimal("2.5"), Decimal(1)]
    assert cells[1]["G"][1] == "=Shop"
    assert lines[1][6] == "'=Shop"


def test_what_is_behind_a_figure_adds_up_to_it(acme, api):
    for minor in (10_01, 20_02, 30_03):
        bought(acme, minor)
    bought(acme, 99_99, cleared=False)
    given = {"from": "2026-03-01", "to": "2026-03-31"}
    [figure] = rows(acme, "reports/spend", group_by="month", **given)
    lines = rows(acme, "spend-lines", spent_from="2026-03-01", spent_to="2026-03-31")
    told = api(acme.alice).get("/api/v1/reports/spend/", {"group_by": "month", **given}).json()["rows"][0]["measures"]["spend"]["minor"]
    assert Decimal(figure["spend"]) == sum(Decimal(line["spend"]) for line in lines) == Decimal(told).scaleb(-2) == Decimal("60.06")
    assert (figure["month id"], figure["Month"], figure["currency"], figure["items"]) == ("2026-03", "March 2026", "USD", "3")


def split(world, purchase: Transaction, *shares: int, **more) -> None:
    parts = [Split(share_minor=share, **{name: values[place] for name, values in more.items()}) for place, share in enumerate(shares)]
    coding.describe(purchase, {"splits": parts}, actor=world.alice, at=NOON)


def test_tags_stand_in_one_cell_in_their_order(acme):
    tags = [companies.add_tag(name=name, actor=acme.alice, at=NOON) for name in ("Zurich", "=Berlin", "Client A")]
    one, _ = bought(acme, 1_00), bought(acme, 2_00)
    coding.describe(one, {"tags": tags}, actor=acme.alice, at=NOON)
    for what in ("transactions", "transaction-lines"):
        assert {row["amount"]: row["tags"] for row in rows(acme, what)} == {"1.00": "'=Berlin, Client A, Zurich", "2.00": ""}
    sheet = sheet_cells(written(acme, "transactions", "xlsx"))
    assert "=Berlin, Client A, Zurich" in [text for row in sheet for _, text, _ in row.values()]


def test_a_row_stands_for_each_part_and_they_add_up_to_the_transactions(acme):
    lodging, food = Category.objects.all()[:2]
    whole, one = bought(acme, 50_00), bought(acme, 10_00, merchant_name="Inn")
    split(acme, one, 7_00, 3_00, category=[lodging, food], memo=["Room", ""], tax_code=["V19", ""], tax_minor=[1_12, None])
    coding.describe(one, {"memo": "Trip"}, actor=acme.alice, at=NOON)
    clear(one, Clearing("refund", "back", NOON, 1_00), actor=None)
    told = [
        (row["transaction id"], row["part"], row["amount"], row["currency"], row["category"], row["memo"], row["tax code"], row["tax"])
        for row in rows(acme, "transaction-lines")
    ]
    category = whole.category.name if whole.category else ""
    assert told == [
        (one.public_id, "1", "7.00", "USD", lodging.name, "Room", "V19", "1.12"),
        (one.public_id, "2", "3.00", "USD", food.name, "Trip", "", ""),
        (whole.public_id, "", "50.00", "USD", category, "", "", ""),
    ]


def test_parts_add_up_to_the_transactions_in_each_currency_however_they_are_filtered(acme):
    fill_with_nasty(acme)
    for given in ({}, {"currency": "KWD"}, {"q": "plain"}, {"from": "2026-03-02"}, {"status": "declined"}):
        sums: list[dict[str, Decimal]] = []
        for what in ("transactions", "transaction-lines"):
            found: dict[str, Decimal] = {}
            for row in rows(acme, what, **given):
                found[row["currency"]] = found.get(row["currency"], Decimal(0)) + Decimal(row["amount"])
            sums.append(found)
        assert sums[0] == sums[1]
    sheet = SUBJECTS["transaction-lines"].open(asked(acme.alice))
    assert sheet.count() == len(rows(acme, "transaction-lines")) == len(NASTY) + len(NASTY[::2])
    assert sheet.count(7) == 7


@pytest.mark.parametrize("size", [1, 2, 7, 1_000])
def test_parts_of_one_transaction_stay_together_where_a_block_ends(acme, size):
    fill_with_nasty(acme)
    subject = SUBJECTS["transaction-lines"]
    found = subject.rows(acme.alice)
    blocks = sheets.by_server(found, subject.order, subject.columns, size, lines=subject.lines)
    ours = sheets.Sheet.csv_of_objects(subject.open(asked(acme.alice)))
    assert "".join(block for block, _ in blocks) == "".join(block for block, _ in ours)


def test_entries_are_exported_by_what_they_moved(acme, api):
    bought(acme, 10_00, merchant_name="Inn")
    listed = [
        (entry["id"], entry["kind"], move["from"], move["to"], move["amount"]["minor"], entry["transaction"] or "")
        for account in api(acme.alice).get("/api/v1/accounts/").json()["data"]
        for entry in api(acme.alice).get(f"/api/v1/accounts/{account['id']}/entries/").json()["data"]
        for move in entry["postings"]
    ]
    enter(acme.acme.pk)  # the client has left it
    [account] = queries.accounts()
    given = {"account": account.public_id}
    told = [
        (row["id"], row["kind"], row["from"], row["to"], int(Decimal(row["amount"]) * 100), row["transaction id"])
        for row in rows(acme, "entries", **given)
    ]
    assert told == listed
    assert len({kind for _, kind, *_ in told}) == 3
    assert [row["id"] for row in rows(acme, "entries", **given, day="2026-03-10")] == [row[0] for row in listed]
    assert rows(acme, "entries", account="acct_unknown") == rows(acme, "entries", **given, to="2020-01-01") == []


def test_another_companys_entries_are_nobodys(acme):
    with company_scope(acme.mallory.company_id):
        accounts.top_up(Money(5_00, "USD"), actor=acme.mallory, at=NOON)
        [theirs] = queries.accounts()
        assert {row["account id"] for row in rows(acme, "entries", by=acme.mallory, account=theirs.public_id)} == {theirs.public_id}
    assert rows(acme, "entries", account=theirs.public_id) == []


def test_a_list_is_exported_as_it_is_listed(acme, api):
    for number in range(5):
        bought(acme, 1_00 + number, merchant_name=f"Shop {number % 2}")
    wanted = {"q": "shop 1", "min_minor": "102"}
    found = rows(acme, "transactions", **wanted)
    listed = api(acme.alice).get("/api/v1/transactions/", wanted).json()["data"]
    assert [row["id"] for row in found] == [row["id"] for row in listed]
    assert [Decimal(row["amount"]).scaleb(2) for row in found] == [row["amount"]["minor"] for row in listed] == [103]


def test_an_employee_gets_what_is_their_own(acme):
    hers = acme.hire("Carol", "employee")
    bought(acme)
    assert len(rows(acme, "transactions", by=acme.bob)) == len(rows(acme, "spend-lines", by=acme.bob, spent_from="2026-01-01")) == 1
    assert (len(rows(acme, "transaction-lines", by=acme.bob)), rows(acme, "transaction-lines", by=hers)) == (1, [])
    assert (
        rows(acme, "transactions", by=hers) == rows(acme, "cards", by=hers) == rows(acme, "reports/spend", by=hers, group_by="member") == []
    )
    assert [row["name"] for row in rows(acme, "members", by=hers)] == ["Carol"]


def few():
    from tests.test_query_counts import fill

    world = build_world()
    fill(world, 2, 0)
    return world


def many():
    from tests.test_query_counts import fill

    world = few()
    fill(world, 3, 2)
    return world


same_few, same_many = again(few), again(many)


@pytest.mark.parametrize(
    "what",
    [
        "transactions", "transaction-lines", "claims", "payouts", "repayments", "cards", "card-requests", "budgets", "approvals",
        "receipts", "members", "entries", "activity", "imports", "categories", "departments", "tags",
    ],
)  # fmt: skip
def test_a_block_asks_as_many_questions_for_many_rows_as_for_few(same_few, same_many, db, what):
    def asked_for(same) -> int:
        with transaction.atomic():
            world = same()
            with company_scope(world.acme.pk):
                given = needed(what)
                with CaptureQueriesContext(connection) as asked_:
                    written(world, what, "xlsx", **given)
            transaction.set_rollback(True)
        return len(asked_)

    assert asked_for(same_few) == asked_for(same_many)


def test_requests_payouts_and_repayments_are_exported_as_whoever_asks_sees_them(acme, api):
    from tests.test_query_counts import fill

    fill(acme, 2, 0)
    hers = acme.hire("Carol", "employee")
    paid = rows(acme, "payouts")
    assert [(row["person"], row["amount"], row["currency"], row["status"]) for row in paid] == [("Bob", "2.00", "USD", "ready")] * 2
    owed = rows(acme, "repayments")
    assert [(row["repaid"], row["outstanding"], row["overpaid"], row["status"]) for row in owed] == [("0.50", "0.50", "0.00", "open")] * 2
    asked_for = rows(acme, "card-requests")
    assert {(row["person"], row["currency"]) for row in asked_for} == {("Bob", "USD")}
    assert rows(acme, "card-requests", kind="raise") == [row for row in asked_for if row["kind"] == "raise"]
    for what, all_of_his in (("repayments", owed), ("card-requests", asked_for)):
        assert (rows(acme, what, by=acme.bob), rows(acme, what, by=hers)) == (all_of_his, [])
    assert api(hers).post("/api/v1/exports/", {"what": "payouts", "format": "csv"}, format="json").status_code == 403


def test_the_receipts_of_a_month_come_with_an_index(acme):
    one, other = bought(acme, 10_00, merchant_name="../../=Shop \x2f ☕"), bought(acme, 20_00)
    content = picture()
    stored_as = receipts.store(content, company=acme.acme)
    receipt = receipts.attach(one, inspect(content, "../evil.png"), stored_as, actor=acme.bob, at=NOON)
    receipts.put_on(receipt, other, actor=acme.bob, at=NOON)
    gone = receipts.attach(other, inspect(picture(colour="green"), "gone.png"), "receipts/nowhere", actor=acme.bob, at=NOON)
    with zipfile.ZipFile(io.BytesIO(written(acme, "receipt-files", "zip", month="2026-03"))) as bundle:
        assert bundle.testzip() is None
        [name] = [name for name in bundle.namelist() if name != "index.csv"]
        assert bundle.read(name) == content
        index = list(csv.DictReader(io.StringIO(bundle.read("index.csv").decode("utf-8-sig"), newline="")))
    assert name == f"2026-03-10-Shop-{receipt.public_id}.png"
    assert [(row["receipt"], row["file"], row["transaction"], row["amount"], row["owner"]) for row in index] == [
        (receipt.public_id, name, one.public_id, "10.00", "Bob"),
        (receipt.public_id, name, other.public_id, "20.00", "Bob"),
        (gone.public_id, "", other.public_id, "20.00", "Bob"),
    ]
    with zipfile.ZipFile(io.BytesIO(written(acme, "receipt-files", "zip", month="2026-04"))) as bundle:
        assert bundle.namelist() == ["index.csv"]


def test_nobody_bundles_receipts_that_they_may_not_list(acme):
    purchase, content = bought(acme), picture()
    receipts.attach(purchase, inspect(content, "r.png"), receipts.store(content, company=acme.acme), actor=acme.bob, at=NOON)
    hers = written(acme, "receipt-files", "zip", by=acme.hire("Carol", "employee"), month="2026-03")
    assert zipfile.ZipFile(io.BytesIO(hers)).namelist() == ["index.csv"]
    assert SpendLine.objects.count() == 1


def test_the_log_is_exported_with_its_chain_and_as_the_page_narrows_it(acme):
    bought(acme, 10_00)
    key, _ = people.create_key(name="=cmd|' /C calc'!A0", scopes=["cards:write"], actor=acme.alice, at=NOON)
    cards.freeze(acme.card, actor=key.integration.membership, at=NOON)
    events.seal_all()
    told = rows(acme, "activity")
    assert [int(row["number"]) for row in told] == list(range(len(told), 0, -1))
    assert told[0] | {"at (UTC)": ""} == {
        "number": str(len(told)), "at (UTC)": "", "what": "card.frozen", "to": acme.card.public_id, "by": "'=cmd|' /C calc'!A0",
        "by id": key.integration.membership.public_id, "details": '{"source": "admin"}', "id": told[0]["id"], "hash": told[0]["hash"],
    }  # fmt: skip
    assert len(told[0]["hash"]) == 64
    assert {row["what"] for row in rows(acme, "activity", kind="key")} == {"key.created"}
    assert {row["by"] for row in rows(acme, "activity", person=acme.alice.public_id)} == {"Alice"}
    assert rows(acme, "activity", day="2020-01-01") == []
    assert len(rows(acme, "activity", day="2026-03-10")) == len(told)


def test_who_sees_no_people_is_told_ids_alone(acme):
    key, _ = people.create_key(name="Warehouse", scopes=["events:read", "exports:write"], actor=acme.alice, at=NOON)
    events.seal_all()
    told = rows(acme, "activity", by=key.integration.membership)
    assert told
    assert {row["by"] for row in told} == {""}
    assert acme.alice.public_id in {row["by id"] for row in told}


def test_how_a_company_is_organised_is_exported(acme):
    companies.change_category(Category.objects.get(name="Meals"), {"ledger_code": "6200"}, actor=acme.alice, at=NOON)
    found = {row["name"]: row for row in rows(acme, "categories")}
    assert found["Meals"]["ledger code"] == "6200"
    assert found["Meals"]["merchant categories"] == "5811-5814"
    sales = people.add_department(name="Sales", head=acme.bob, actor=acme.alice, at=NOON)
    people.add_department(name="Field", parent=sales, actor=acme.alice, at=NOON)
    field, sales_row = rows(acme, "departments")
    assert (field["name"], field["inside"], field["inside id"], field["head"]) == ("Field", "Sales", sales.public_id, "")
    assert (sales_row["name"], sales_row["head"]) == ("Sales", "Bob")
