from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from spendtrackr import errors
from spendtrackr.money import Money
from spendtrackr.tenancy import company_scope
from tests.factories import NOON
from transactions.models import (
    DaySpend,
    ImportedLine,
    SpendLine,
    StatementImport,
    StatementIssue,
    StatementMapping,
    Transaction,
)
from transactions.operations.statements import StatementFile, import_statement, propose
from transactions.statements import mapping as mappings
from transactions.statements.table import open_file, read

ASSUMED = "The file names no currency; USD was assumed."
HEADER = "Date,Amount,Currency,Description,MCC,Card Number\n"


def bring(world, text: str | bytes, *, mapping=None, source="Bank", company=None) -> StatementImport:
    content = text.encode() if isinstance(text, str) else text
    return import_statement(company or world.acme, StatementFile(content, "s.csv", source), actor=world.alice, at=NOON, mapping=mapping)


def counts(record: StatementImport) -> tuple[int, int, int, int]:
    return record.booked, record.duplicates, record.skipped, record.rejected


def reasons(record: StatementImport) -> list[tuple[int, str]]:
    return list(record.issues.order_by("pk").values_list("line", "reason"))


def test_a_line_becomes_a_posted_transaction_and_spend(acme):
    record = bring(acme, HEADER + "2026-01-05,42.50,USD,Blue Bottle,5812,************8738\n")

    assert counts(record) == (1, 0, 0, 0)
    line = Transaction.objects.get()
    assert (line.source, line.status, line.amount, line.captured_minor) == ("statement", "posted", Money(42_50, "USD"), 42_50)
    assert (line.descriptor, line.merchant.name, line.category.name, line.card_last4) == ("Blue Bottle", "Blue Bottle", "Meals", "8738")
    assert (line.member, line.card, line.occurred_on) == (None, None, date(2026, 1, 5))
    spend = SpendLine.objects.get()
    assert (spend.day, spend.amount_minor, spend.category) == (date(2026, 1, 5), 42_50, line.category)
    assert (acme.account().external_minor, acme.account().spent_minor, acme.account().available_minor) == (-1_042_50, 42_50, 1_000_00)


def test_a_credit_lowers_spend(acme):
    bring(acme, HEADER + "2026-01-05,42.50,USD,Shop,,\n2026-01-06,-12.50,USD,Shop,,\n")
    assert acme.account().spent_minor == 30_00
    assert sum(DaySpend.objects.filter(dimension="category").values_list("amount_minor", flat=True)) == 30_00
    credit = Transaction.objects.get(amount_minor__lt=0)
    assert (credit.captured_minor, credit.refunded_minor) == (0, 12_50)


def test_spend_counts_on_the_posting_day_where_the_file_has_one(acme):
    bring(acme, "Transaction Date,Posting Date,Amount,Merchant\n2026-01-30,2026-02-02,10.00,Shop\n2026-01-31,,5.00,Shop\n")
    assert sorted(SpendLine.objects.values_list("day", "amount_minor")) == [(date(2026, 1, 31), 5_00), (date(2026, 2, 2), 10_00)]
    assert Transaction.objects.get(amount_minor=10_00).occurred_on == date(2026, 1, 30)


def test_the_same_file_twice_adds_nothing(acme):
    text = HEADER + "2026-01-05,42.50,USD,Blue Bottle,5812,\n2026-01-06,1.00,USD,Shop,,\n"
    bring(acme, text)
    again = bring(acme, text)
    assert counts(again) == (0, 2, 0, 0)
    assert (Transaction.objects.count(), acme.account().spent_minor) == (2, 43_50)
    assert reasons(again) == [(2, "This row is in already."), (3, "This row is in already.")]


def test_same_day_twins_are_kept_and_an_overlap_is_dropped(acme):
    twin = "2026-01-05,3.20,USD,City Parking,7523,\n"
    bring(acme, HEADER + twin * 3)
    assert Transaction.objects.count() == 3
    assert counts(bring(acme, HEADER + twin * 4 + "2026-01-07,1.00,USD,Shop,,\n")) == (2, 3, 0, 0)


def test_a_row_is_recognised_however_the_columns_are_ordered_or_spaced(acme):
    bring(acme, HEADER + "2026-01-05,42.50,USD,Blue Bottle,5812,\n")
    other = 'Description;Card Number;MCC;Date;Currency;Amount\n"  BLUE   bottle ";;5812;2026-01-05;USD;42.5\n'
    assert counts(bring(acme, other)) == (0, 1, 0, 0)


def test_the_same_row_from_another_source_is_another_line(acme):
    text = HEADER + "2026-01-05,42.50,USD,Blue Bottle,5812,\n"
    bring(acme, text, source="Bank")
    assert counts(bring(acme, text, source="Other bank")) == (1, 0, 0, 0)
    assert counts(bring(acme, text, source=" BANK ")) == (0, 1, 0, 0)


def test_companies_do_not_see_each_others_lines(world):
    text = HEADER + "2026-01-05,42.50,USD,Blue Bottle,5812,\n"
    bring(world, text)
    hers = import_statement(world.mallory.company, StatementFile(text.encode(), "s.csv", "Bank"), actor=None, at=NOON)
    assert counts(hers) == (1, 0, 0, 0)


def test_every_row_is_booked_or_reported_with_its_line_and_reason(acme):
    text = (
        "Statement of account,,,,,\n"
        + HEADER
        + "2026-01-05,10.00,USD,Good,,\n"
        + "\n"
        + ",,,,,\n"
        + HEADER
        + "05/01/2026,10.00,USD,Bad date,,\n"
        + "2026-01-05,ten,USD,Bad amount,,\n"
        + "2026-01-05,,USD,No amount,,\n"
        + "2026-01-05,0.00,USD,Zero,,\n"
        + "2026-01-05,1.005,USD,Too fine,,\n"
        + "2026-01-05,1.00,QQQ,No currency,,\n"
        + "2026-01-05,1.00,USD,Bad code,58a,\n"
        + ",1.00,USD,No date,,\n"
        + "2026-01-05,1.00,USD,Too long,,,extra\n"
        + "#N/A,#N/A,#N/A,#N/A,#N/A,#N/A\n"
        + "2026-02-30,1.00,USD,No such day,,\n"
        + "2026-01-05,99999999999999999.00,USD,Too much,,\n"
        + "2026-01-05,1.00,USD,Short\n"
    )
    record = bring(acme, text)

    assert counts(record) == (2, 0, 5, 11)
    assert record.rows == 18
    told = dict(reasons(record))
    assert [line for line, _ in reasons(record)] == [1, 4, 5, 6, *range(7, 19)]
    assert told[1] == "It stands above the header."
    assert (told[4], told[5], told[16]) == ("The row is blank.",) * 3
    assert told[6] == "The header is repeated."
    assert told[7] == "'05/01/2026' is not a date between 1990 and 2099 written as YYYY-MM-DD."
    assert told[8] == "'ten' is not a number."
    assert told[9] == "The amount is missing."
    assert told[10].startswith("The amount is zero")
    assert told[11] == "1.005 has more decimal places than USD has."
    assert told[12] == "'QQQ' is not an ISO 4217 currency."
    assert told[13] == "'58a' is not a merchant category code."
    assert told[14] == "The date is missing."
    assert told[15] == "The row has more cells than the header's 6."
    assert told[18] == "The amount is larger than we can book."
    assert acme.account().spent_minor == 11_00


@pytest.mark.parametrize(
    ("header", "row", "minor"),
    [
        ("Datum;Bedrag;Munt;Handelaar", "05/02/2026;-1.234,50;EUR;Winkel", 1_234_50),
        ("Date,Debit,Credit,Description", '2026-02-05,"1,234.50",,Shop', 1_234_50),
        ("Date,Debit,Credit,Description", '2026-02-05,,"-1,234.50",Shop', -1_234_50),
        ("Date\tAmount\tDescription", "2026-02-05\t(1 234.50)\tShop", 1_234_50),
        ("Date|Amount|Description", "2026-02-05|$1,234.50-|Shop", 1_234_50),
    ],
)
def test_numbers_and_separators_of_many_banks(acme, header, row, minor):
    bring(acme, f"{header}\n{row}\n")
    assert abs(Transaction.objects.get().amount_minor) == abs(minor)
    if "Debit" in header:
        assert Transaction.objects.get().amount_minor == minor


def test_where_charges_are_negative_the_sign_is_turned(acme):
    record = bring(acme, "Date,Amount,Description\n2026-01-05,-10.00,Shop\n2026-01-06,-5.00,Shop\n2026-01-07,2.00,Refund\n")
    assert json.loads(record.mapping)["charges"] == "negative"
    assert acme.account().spent_minor == 13_00


@pytest.mark.parametrize(
    ("dates", "country", "fmt"),
    [
        (["2026-01-05"], "US", "%Y-%m-%d"),
        (["13/01/2026", "05/02/2026"], "US", "%d/%m/%Y"),
        (["01/13/2026", "02/05/2026"], "DE", "%m/%d/%Y"),
        (["01/02/2026"], "US", "%m/%d/%Y"),
        (["01/02/2026"], "GB", "%d/%m/%Y"),
        (["05.01.2026"], "DE", "%d.%m.%Y"),
        (["20260105"], "GB", "%Y%m%d"),
        (["05 Jan 2026"], "GB", "%d %b %Y"),
        (["Jan 5, 2026"], "US", "%b %d, %Y"),
        (["2026-01-05T10:11:12Z"], "US", "%Y-%m-%d"),
        (["04-17-2024 21:30:40"], "US", "%m-%d-%Y"),
        (["05/01/26"], "GB", "%d/%m/%y"),
    ],
)
def test_date_formats_are_told_from_the_dates_and_then_from_the_country(dates, country, fmt):
    table = read(open_file(("Date;Amount\n" + "".join(f"{day};1.00\n" for day in dates)).encode()), known=mappings.KNOWN)
    assert mappings.propose(table, country=country).date_format == fmt


def test_an_ambiguous_date_is_said_so(acme):
    record = bring(acme, "Date,Amount,Description\n01/02/2026,10.00,Shop\n")
    assert record.details["notes"] == [
        "Every date could be read with the day or the month first; the month was taken first, as in US.",
        ASSUMED,
    ]
    assert Transaction.objects.get().occurred_on == date(2026, 1, 2)


def test_a_foreign_row_without_billing_amount_is_booked_in_its_own_currency_and_said_so(acme):
    header = "Trans Date,Original Gross Amt,Original Cur,Billing Cur Code,Merchant Name\n"
    text = header + "2026-01-05,10.00,EUR,USD,Hotel\n2026-01-06,4.00,USD,USD,Shop\n"
    record = bring(acme, text)
    assert record.details["totals"] == [{"minor": 10_00, "currency": "EUR"}, {"minor": 4_00, "currency": "USD"}]
    assert record.details["notes"] == ["1 foreign row has no billing amount; booked in their own currency: 1 in EUR."]
    assert acme.account("EUR").spent_minor == 10_00


def test_a_foreign_row_with_billing_amount_keeps_what_the_merchant_charged(acme):
    bring(acme, "Date,Amount,Currency,Original Amount,Original Currency,Merchant\n2026-01-05,10.80,USD,10.00,EUR,Hotel\n")
    line = Transaction.objects.get()
    assert (line.amount, line.merchant_amount) == (Money(10_80, "USD"), Money(10_00, "EUR"))


@pytest.mark.parametrize(("currency", "text", "minor"), [("JPY", "1200", 1200), ("KWD", "1.234", 1234), ("HRK", "12.50", 12_50)])
def test_amounts_have_the_places_of_their_currency(acme, currency, text, minor):
    bring(acme, f"Date,Amount,Currency,Merchant\n2026-01-05,{text},{currency},Shop\n")
    assert acme.account(currency).spent_minor == minor


def test_a_category_named_in_the_file_comes_before_its_code_and_is_added_once(acme):
    record = bring(
        acme,
        "Date,Amount,Merchant,MCC,Category\n"
        "2026-01-05,1.00,A,5812,Vehicle Fuel\n2026-01-06,2.00,B,5812, vehicle  fuel \n2026-01-07,3.00,C,5812,\n",
    )
    assert record.booked == 3
    names = list(Transaction.objects.order_by("occurred_on").values_list("category__name", flat=True))
    assert names == ["Vehicle Fuel", "Vehicle Fuel", "Meals"]


def test_only_the_last_four_of_a_card_number_are_kept_anywhere(acme):
    bring(acme, "Date,Amount,Merchant,Card Number,Reference\n2026-01-05,1.00,PAID 4111111111111111,4111111111111111,4111111111111111\n")
    line = Transaction.objects.get()
    assert (line.card_last4, line.descriptor) == ("1111", "PAID ••••••••••••1111")
    assert "4111111111111111" not in StatementImport.objects.get().report


def test_a_given_mapping_reads_a_header_that_nobody_knew_and_is_kept_for_the_next_file(acme):
    text = 'When;How much;Who\n05.01.2026;"10,00";Shop\n'
    given = {
        "columns": {"transaction_date": "When", "amount": "How much", "merchant": "Who"},
        "date_format": "%d.%m.%Y",
        "decimal_mark": ",",
    }
    with pytest.raises(errors.Invalid, match="No column is known to hold the date"):
        bring(acme, text)
    assert bring(acme, text, mapping=given).booked == 1
    assert bring(acme, text.replace("10,00", "11,00")).booked == 1
    assert acme.account().spent_minor == 21_00


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("Kiedy;Ile;Kto\n05.01.2026;-10,00;Sklep\n", 1),
        ("Rachunek 12;;\n\nKiedy;Ile;Kto\n2026-01-05;€ 10.00;Sklep\n", 3),
        ("Kiedy,Ile,Kto\n5 Sty 2026,(10.00),Sklep\n", 1),
        ("Kiedy,Ile\n20260105,1 000\n", 1),
    ],
)
def test_a_header_in_a_language_that_we_do_not_know_is_seen_for_what_it_is(acme, text, line):
    """Nothing is booked by a guess: somebody says what its columns are."""
    found = propose(acme.acme, text.encode(), partly=True)
    assert (found.table.header_line, found.table.columns[:2], len(found.table.rows)) == (line, ["Kiedy", "Ile"], 1)
    assert found.mapping.date_format == ("%d.%m.%Y" if "05.01" in text else found.mapping.date_format)
    assert (found.mapping.decimal_mark, found.mapping.charges) == ((",", "negative") if ",00;" in text else (".", found.mapping.charges))
    assert mappings.missing(found.mapping) == ["transaction_date", "amount"]


@pytest.mark.parametrize(
    "text",
    [
        "Kiedy,Kto\nSklep,Kiosk\n",  # no day and no number
        "Kiedy,Kiedy\n2026-01-05,10.00\n",  # not names
        "Sklep,2026-01-05,10.00\nKiosk,2026-01-06,11.00\n",  # a row itself
        "Sklep\n2026-01-05\n",
        "Kiedy,Ile\n",
    ],
)
def test_what_does_not_look_like_a_header_is_none(acme, text):
    with pytest.raises(errors.Invalid, match="No header row was found"):
        propose(acme.acme, text.encode())


@pytest.mark.parametrize(
    ("header", "columns"),
    [
        ("Buchungsdatum;Wertstellung;Zahlungsempfänger;Verwendungszweck;Betrag (€)", "Buchungsdatum Zahlungsempfänger Betrag_(€)"),
        ("Buchungstag;Beguenstigter/Zahlungspflichtiger;Soll;Haben;Währung", "Buchungstag Beguenstigter/Zahlungspflichtiger Soll"),
        ("Datum;Naam / Omschrijving;Rekening;Af Bij;Bedrag (EUR)", "Datum Naam_/_Omschrijving Bedrag_(EUR)"),
        ("Date opération;Libellé;Débit;Crédit", "Date_opération Libellé Débit"),
        ("Fecha operación;Fecha valor;Concepto;Importe;Divisa", "Fecha_operación Concepto Importe"),
        ("Data operazione;Data contabile;Descrizione;Importo", "Data_operazione Descrizione Importo"),
        ("Transaktionsdatum;Bokföringsdag;Beskrivning;Belopp", "Transaktionsdatum Beskrivning Belopp"),
        ("Started Date;Completed Date;Description;Amount;Currency;Type", "Started_Date Description Amount"),
        ("Date;Shop;Text;Amount", "Date Shop Amount"),
    ],
)
def test_the_headers_of_many_banks_are_known(acme, header, columns):
    found = propose(acme.acme, f"{header}\n".encode()).mapping.columns
    day, merchant, amount = (name.replace("_", " ") for name in columns.split())
    assert (found["transaction_date"], found["merchant"], found.get("amount") or found["debit"]) == (day, merchant, amount)


@pytest.mark.parametrize("direction", ["S H", "Soll Haben", "Af Bij", "D C"])
def test_a_column_says_whether_money_went_out(acme, direction):
    out, back = direction.split()
    text = f"Datum;Naam;Soll/Haben;Betrag\n05.01.2026;Shop;{out};10,00\n06.01.2026;Shop;{back};4,00\n"
    assert bring(acme, text).booked == 2
    assert acme.account().spent_minor == 6_00


def test_a_kept_mapping_reads_the_next_file_with_the_same_header(acme):
    text = "Date,Value Date,Amount,Description\n2026-01-05,2026-01-09,10.00,Shop\n"
    given = {"columns": {"transaction_date": "Value Date", "amount": "Amount", "merchant": "Description"}}
    assert propose(acme.acme, text.encode()).mapping.columns["transaction_date"] == "Date"
    bring(acme, text, mapping=given)
    kept = propose(acme.acme, b"AMOUNT,DESCRIPTION,DATE,VALUE DATE\n11.00,Shop,2026-02-05,2026-02-09\n")
    assert (kept.is_kept, kept.mapping.columns["transaction_date"]) == (True, "VALUE DATE")
    assert StatementMapping.objects.count() == 1
    assert Transaction.objects.get().occurred_on == date(2026, 1, 9)


@pytest.mark.parametrize(
    ("mapping", "field"),
    [
        ([], "mapping"),
        ({}, "mapping"),
        ({"columns": {"amount": "Amount"}}, "mapping.columns.transaction_date"),
        ({"columns": {"transaction_date": "Date"}}, "mapping.columns.amount"),
        ({"columns": {"transaction_date": "Day", "amount": "Amount"}}, "mapping.columns.transaction_date"),
        ({"columns": {"date": "Date"}}, "mapping.columns.date"),
        ({"columns": {"transaction_date": "Date", "amount": "Amount"}, "date_format": "%x"}, "mapping.date_format"),
        ({"columns": {"transaction_date": "Date", "amount": "Amount"}, "decimal_mark": ";"}, "mapping.decimal_mark"),
        ({"columns": {"transaction_date": "Date", "amount": "Amount"}, "charges": "both"}, "mapping.charges"),
        ({"columns": {"transaction_date": "Date", "amount": "Amount"}, "sheet": 1}, "mapping.sheet"),
    ],
)
def test_a_mapping_that_cannot_work_names_its_part(acme, mapping, field):
    with pytest.raises(errors.Invalid) as refused:
        bring(acme, HEADER + "2026-01-05,1.00,USD,Shop,,\n", mapping=mapping)
    assert refused.value.field == field
    assert not StatementImport.objects.exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"  \n \n", "empty"),
        (b"hello\nworld\n", "No header row"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "not a text file"),
        (b"Date,Amount\n" + b'"2026-01-05,1.00\n' * 2 + b"x" * 140_000, "cannot be read as CSV"),
        (("Date,Amount," + ",".join(f"c{i}" for i in range(300)) + "\n").encode(), "more than 200 columns"),
        (b"Description,Merchant\nx,y\n", "No column is known to hold the date"),
    ],
)
def test_a_file_that_cannot_be_read_says_why_and_books_nothing(acme, content, message):
    with pytest.raises(errors.Invalid, match=message):
        bring(acme, content)
    assert not StatementImport.objects.exists()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_encodings_are_recognised(acme, encoding):
    bring(acme, "Date;Amount;Merchant\r\n2026-01-05;1.00;Café Zürich\r\n".encode(encoding))
    assert Transaction.objects.get().descriptor == "Café Zürich"


def test_doubled_columns_and_quoted_line_breaks_do_not_confuse_the_line_numbers(acme):
    text = 'Date,Amount,Description,Amount\n2026-01-05,1.00,"two\nlines",9\n2026-01-06,bad,x,9\n'
    record = bring(acme, text)
    assert Transaction.objects.get().descriptor == "two lines"
    assert reasons(record)[0][0] == 4


def test_a_file_that_fails_half_way_leaves_nothing(acme, monkeypatch):
    monkeypatch.setattr("transactions.operations.statement_lines.rollups.add", lambda spend: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        bring(acme, HEADER + "2026-01-05,1.00,USD,Shop,,\n")
    assert (Transaction.objects.count(), ImportedLine.objects.count(), StatementImport.objects.count()) == (0, 0, 0)
    assert acme.account().spent_minor == 0


def upload(text: str | bytes, name="march.csv"):
    return SimpleUploadedFile(name, text if isinstance(text, bytes) else text.encode(), "text/csv")


def test_the_api_imports_and_reports(world, api):
    client = api(world.alice)
    body = {"file": upload(HEADER + "2026-01-05,42.50,USD,Shop,,\nbad,1,USD,x,,\n"), "source": "Bank", "attribution": "Open data"}
    response = client.post("/api/v1/imports/", body, format="multipart")
    told = response.json()
    assert response.status_code == 201
    assert (told["rows"], told["booked"], told["rejected"], told["filename"], told["source"]) == (2, 1, 1, "march.csv", "Bank")
    assert told["totals"] == [{"minor": 42_50, "currency": "USD"}]
    assert told["issues"] == [
        {
            "line": 3,
            "kind": "rejected",
            "reason": "'bad' is not a date between 1990 and 2099 written as YYYY-MM-DD.",
            "field": "transaction_date",
        }
    ]
    assert client.get(f"/api/v1/imports/{told['id']}/").json() == told
    assert "issues" not in client.get("/api/v1/imports/").json()["data"][0]


def test_the_api_proposes_without_booking(world, api):
    response = api(world.alice).post("/api/v1/imports/propose/", {"file": upload(HEADER + "2026-01-05,1,USD,S,,\n")}, format="multipart")
    told = response.json()
    assert (response.status_code, told["rows"], told["is_kept"]) == (200, 1, False)
    assert told["mapping"]["columns"]["merchant_code"] == "MCC"
    assert not Transaction.across_companies.exists()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "file"),
        ({"file": "text"}, "file"),
        ({"file": upload(b"")}, "file"),
        ({"file": upload(HEADER), "mapping": "{"}, "mapping"),
        ({"file": upload(HEADER), "company": "x"}, "company"),
    ],
)
def test_a_bad_upload_names_its_field(world, api, body, field):
    response = api(world.alice).post("/api/v1/imports/", body, format="multipart")
    assert (response.status_code, response.json()["field"]) == (400, field)


def test_a_file_that_is_too_large_is_a_413(world, api, settings):
    settings.IMPORT_MAX_BYTES = 50
    response = api(world.alice).post("/api/v1/imports/", {"file": upload(HEADER + "x" * 60)}, format="multipart")
    assert (response.status_code, response.json()["code"], response.json()["field"]) == (413, "too_large", "file")


@pytest.mark.parametrize(("role", "see", "write"), [("finance", 200, 201), ("auditor", 200, 403), ("employee", 403, 403)])
def test_who_may_import(world, api, role, see, write):
    from spendtrackr.tenancy import company_scope

    with company_scope(world.acme.pk):
        member = world.hire("Zoe", role)
    assert api(member).get("/api/v1/imports/").status_code == see
    body = {"file": upload(HEADER + "2026-01-05,1,USD,S,,\n")}
    assert api(member).post("/api/v1/imports/", body, format="multipart").status_code == write


SAMPLES = Path(__file__).parents[2].parent / "shared" / "data" / "statements" / "csv"


@pytest.mark.skipif(not SAMPLES.exists(), reason="the sample statements are not beside this checkout")
@pytest.mark.parametrize(
    ("name", "currency", "booked", "spent_minor"),
    [
        # Amounts as printed in the files: charges less credits.
        ("bank2ynab_CSV_A_20180414_112204.csv", "EUR", 3, 337_49 - 50_00 + 750_00),
        ("bank2ynab_KBC-Mastercard-Business-Essential.csv", "EUR", 3, 16_52 - 35_77 + 16_52),
        ("beanhub_mercury.csv", "USD", 4, 46_00 + 353_63 + 54_99 + 1_500_00),
    ],
)
def test_statements_of_other_banks_are_read_by_their_header(acme, name, currency, booked, spent_minor):
    record = bring(acme, (SAMPLES / name).read_bytes())
    assert (record.rejected, acme.account(currency).spent_minor) == (0, spent_minor)
    assert record.booked == booked


def test_a_guess_about_signs_is_said_and_made_anew_for_each_file(acme):
    refund = bring(acme, "Date,Amount,Description\n2026-01-05,-25.00,Refund\n")
    assert refund.details["notes"] == ["Most amounts are below zero, so amounts below zero were taken as charges.", ASSUMED]
    usual = bring(acme, "Date,Amount,Description\n2026-02-05,100.00,A\n2026-02-06,40.00,B\n2026-02-07,-5.00,C\n")
    assert usual.details["totals"] == [{"minor": 135_00, "currency": "USD"}]


def test_a_guess_about_marks_is_made_anew_for_each_file(acme):
    bring(acme, "Date;Amount;Description\n2026-01-05;12;A\n2026-01-05;45;B\n")
    record = bring(acme, "Date;Amount;Description\n2026-02-05;12,50;A\n2026-02-05;45,90;B\n")
    assert record.details["totals"] == [{"minor": 58_40, "currency": "USD"}]


def test_what_somebody_said_is_kept_and_what_contradicts_it_is_rejected(acme):
    given = {
        "columns": {"transaction_date": "Date", "amount": "Amount"},
        "decimal_mark": ".",
        "charges": "positive",
        "date_format": "%Y-%m-%d",
    }
    bring(acme, "Date;Amount\n2026-01-05;12\n", mapping=given)
    record = bring(acme, "Date;Amount\n2026-02-05;12,50\n2026-02-06;-3\n")
    assert (record.booked, record.rejected) == (1, 1)
    assert record.details["totals"] == [{"minor": -3_00, "currency": "USD"}]


def test_headers_of_any_alphabet_are_told_apart(acme):
    given = {
        "columns": {"transaction_date": "Дата", "amount": "Сумма", "merchant": "Описание"},
        "date_format": "%d.%m.%Y",
        "decimal_mark": ",",
    }
    bring(acme, "Дата;Сумма;Описание\n05.01.2026;10,00;Кафе\n", mapping=given)
    with pytest.raises(errors.Invalid):
        bring(acme, "Номер;День;Итого\n1;05.01.2026;250,00\n")
    with pytest.raises(errors.Invalid) as refused:
        bring(acme, "Номер;Дата;Сумма\n1;05.01.2026;250,00\n", mapping={"columns": {"transaction_date": "Дата", "amount": "Итого"}})
    assert refused.value.field == "mapping.columns.amount"
    bring(acme, "Acme Bank;;;\nДата;Сумма;Описание\n06.01.2026;11,00;Кафе\n")
    assert acme.account().spent_minor == 21_00


@pytest.mark.parametrize(("text", "booked"), [("EUR 12.50", 0), ("JPY 5000", 0), ("€12.50", 0), ("USD 12.50", 1), ("$12.50", 1)])
def test_an_amount_in_another_currency_than_its_row_is_rejected(acme, text, booked):
    record = bring(acme, f"Date,Amount,Description\n2026-01-05,{text},Shop\n")
    assert (record.booked, record.rejected) == (booked, 1 - booked)


def test_a_direction_column_gives_unsigned_amounts_their_sign(acme):
    text = "Date,Description,Amount,Transaction Type\n2026-01-05,Shop,100.00,debit\n2026-01-06,Shop,30.00,credit\n"
    record = bring(acme, text)
    assert record.details["totals"] == [{"minor": 70_00, "currency": "USD"}]
    odd = bring(acme, text + "2026-01-07,Shop,5.00,Debit\n2026-01-08,Shop,6.00,CREDIT\n")
    assert odd.details["totals"] == [{"minor": -1_00, "currency": "USD"}]


def test_a_type_column_about_something_else_changes_nothing(acme):
    bring(acme, "Date,Description,Amount,Type\n2026-01-05,Shop,100.00,Contactless\n")
    assert acme.account().spent_minor == 100_00


@pytest.mark.parametrize(
    ("rows", "minor"),
    [
        (["25.00,", "10.00,", "-5.00,"], 30_00),
        (["-25.00,", "-10.00,", ",4.00"], 31_00),
        (["25.00,", ",-4.00", ",-1.00"], 20_00),
    ],
)
def test_the_odd_sign_in_a_debit_or_credit_column_is_a_reversal(acme, rows, minor):
    bring(acme, "Date,Debit,Credit\n" + "".join(f"2026-01-05,{row}\n" for row in rows))
    assert acme.account().spent_minor == minor


def test_charges_and_credits_that_cancel_out_are_booked_all_the_same(acme):
    record = bring(acme, HEADER + "2026-01-05,10.00,USD,Shop,,\n2026-01-06,-10.00,USD,Shop,,\n")
    assert (record.booked, acme.account().spent_minor) == (2, 0)
    assert sorted(SpendLine.objects.values_list("amount_minor", flat=True)) == [-10_00, 10_00]


def test_more_than_the_ledger_can_hold_is_refused_as_a_whole(acme):
    rows = "".join(f"2026-01-05,9999999999999.99,USD,Shop {n},,\n" for n in range(101))
    with pytest.raises(errors.Invalid, match="more than we can book"):
        bring(acme, HEADER + rows)
    assert not Transaction.objects.exists()


def test_a_quote_that_never_ends_says_where(acme):
    with pytest.raises(errors.Invalid, match="cannot be read as CSV"):
        bring(acme, b"Date,Amount\n" + b'"' + b"x\n" * 100_000)


@pytest.mark.django_db(transaction=True)
def test_a_retried_upload_is_read_again(world, api, monkeypatch):
    """The first try is undone for a lock; the second must find the file as it came."""
    from django.db import OperationalError

    from transactions.operations import statements

    tries = []
    original = statements.Booking.add

    def busy_once(self, block):
        tries.append(1)
        if len(tries) == 1:
            raise OperationalError(1205, "Lock wait timeout exceeded")
        return original(self, block)

    monkeypatch.setattr(statements.Booking, "add", busy_once)
    body = {"file": upload(HEADER + "2026-01-05,1.00,USD,Shop,,\n")}
    response = api(world.alice).post("/api/v1/imports/", body, format="multipart", headers={"Idempotency-Key": "k"})
    assert (response.status_code, response.json()["booked"], len(tries)) == (201, 1, 2)


@pytest.mark.parametrize(
    ("mapping", "status"),
    [
        ("[" * 50_000, 400),
        ('{"columns": {"amount": "Amount", "transaction_date": "Date"}, "decimal_mark": []}', 400),
        ('{"columns": {"\\ud800": "Date"}}', 400),
    ],
)
def test_a_mapping_that_is_nonsense_is_a_400(world, api, mapping, status):
    body = {"file": upload(HEADER + "2026-01-05,1.00,USD,Shop,,\n"), "mapping": mapping}
    assert api(world.alice).post("/api/v1/imports/", body, format="multipart").status_code == status


def test_a_quote_that_swallows_other_rows_is_refused_with_its_line(acme):
    good = "".join(f"2026-03-{day:02d},Shop {day},1.00\n" for day in range(1, 29))
    for text in (
        f'Date,Merchant,Amount\n2026-03-02,"unclosed,1.00\n{good}',
        f'Date,Merchant,Amount\n2026-03-02,"unclosed,1.00\n{good}2026-03-30,"x,2.00\n',
    ):
        with pytest.raises(errors.Invalid) as refused:
            bring(acme, text)
        assert refused.value.field == "file"
        assert "ine 2" in refused.value.message
    assert not Transaction.objects.exists()


@pytest.mark.parametrize(
    ("header", "currency"), [("Amount (EUR)", "EUR"), ("Betrag (€)", "EUR"), ("Amount [GBP]", "GBP"), ("Amount", "USD")]
)
def test_the_amount_columns_own_name_may_give_the_currency(acme, header, currency):
    record = bring(acme, f"Date;{header};Händler\n2026-01-05;1.00;Shop\n")
    assert record.details["totals"] == [{"minor": 1_00, "currency": currency}]
    assert (ASSUMED in record.details["notes"]) is (header == "Amount")
    assert Transaction.objects.get().descriptor == "Shop"


def test_debit_and_credit_both_filled_is_doubtful_and_rejected(acme):
    record = bring(acme, "Date,Debit,Credit\n2026-01-05,1.00,4.00\n2026-01-05,1.00,0.00\n2026-01-05,,2.00\n")
    assert reasons(record) == [(2, "Debit and credit are both filled in.")]
    assert acme.account().spent_minor == -1_00


def test_what_was_read_without_being_sure_is_said(acme):
    record = bring(acme, "Date,Amount,Amount\n2026-01-05,1.00,9.00\n2026-01-05,-1.50,9.00\n2026-01-05,2.00,9.00\n")
    assert record.details["notes"] == [
        "Amounts have both signs; amounts above zero were taken as charges.",
        "The file has more than one column 'Amount'; the first was read.",
        "No column was recognised to hold the merchant.",
        ASSUMED,
    ]


def test_dates_that_no_format_reads_give_no_note_about_their_order(acme):
    record = bring(acme, "Date,Amount,Merchant\n13/04/2026,1.00,A\n04/13/2026,1.00,B\n2026-04-13,1.00,C\n")
    assert record.details["notes"] == [ASSUMED]
    assert record.rejected == 2


def test_reading_a_file_as_somebody_said_before_is_noted(acme):
    given = {"columns": {"transaction_date": "Date", "amount": "Amount", "merchant": "Merchant"}, "charges": "negative"}
    bring(acme, "Date,Amount,Merchant\n2026-01-05,-1.00,A\n", mapping=given)
    record = bring(acme, "Date,Amount,Merchant\n2026-01-06,-2.00,A\n", source="Another bank")
    assert record.details["notes"] == ["Read as this company said before, for a file with the same header.", ASSUMED]
    assert acme.account().spent_minor == 3_00


def test_a_proposal_shows_what_it_lacks(world, api):
    body = {"file": upload("When;Description;Currency\n2026-01-05;Shop;USD\n")}
    told = api(world.alice).post("/api/v1/imports/propose/", body, format="multipart").json()
    assert (told["missing"], told["header"]) == (["transaction_date", "amount"], ["When", "Description", "Currency"])


# What a file leaves open is said, or refused: never booked as a guess.


@pytest.mark.parametrize(
    ("amounts", "currency", "minor"),
    [
        ("0,500 12,250", "KWD", 12_750),  # a nought is no thousand
        ("0,500 12,250", "EUR", 12_75),
        ("1.234,500 5,250", "KWD", 1_239_750),
        ("1,234.500 5.250", "KWD", 1_239_750),
        ("1.234.567 5,00", "EUR", 1_234_572_00),
        ("1,234,567 5.00", "EUR", 1_234_572_00),
        ("12,5000 1,5", "EUR", 14_00),
        ("1,234 2,345", "EUR", 3_579_00),  # thousands, as nobody has thousandths of a euro
        (",50 1", "EUR", 1_50),
    ],
)
def test_the_decimal_mark_is_that_which_the_numbers_show(acme, amounts, currency, minor):
    rows = "".join(f"2026-01-05;{amount};Shop {amount};{currency}\n" for amount in amounts.split())
    record = bring(acme, f"Date;Amount;Merchant;Currency\n{rows}")
    booked = sum(Transaction.objects.values_list("amount_minor", flat=True))
    assert (record.rejected, booked) == (0, minor)


def test_thousands_of_a_currency_with_three_decimals_are_rejected_as_doubtful(acme):
    text = "Date;Amount;Merchant;Currency\n2026-01-05;12,250;Shop;KWD\n2026-01-06;1.500,250;Shop;KWD\n2026-01-07;7,000;Shop;EUR\n"
    assert bring(acme, text, mapping={**GIVEN, "decimal_mark": ","}).booked == 3
    record = bring(acme, "Date;Merchant;Currency;Price;Amount\n2026-02-05;Shop;KWD;1;12,250\n2026-02-07;Shop;EUR;1;7,000\n")
    assert (record.booked, record.rejected) == (1, 1)
    assert "say which mark stands before the decimals" in StatementIssue.objects.get().reason


GIVEN = {"columns": {"transaction_date": "Date", "amount": "Amount", "merchant": "Merchant", "currency": "Currency"}}


@pytest.mark.parametrize(
    ("column", "words", "spent", "rejected", "is_noted"),
    [
        ("Debit/Credit", "Debit Credit Reversal", 6_00, 1, False),
        ("Dr/Cr", "DBIT CRDT DBIT", 10_00 - 4_00 + 1_00, 0, False),
        ("Debit/Credit", "- + -", 7_00, 0, False),
        ("Debit/Credit", "X Y Z", 0, 3, False),
        ("Transaction Type", "Sale Return Interest", 6_00, 1, False),
        ("Type", "Sale Return Return", 5_00, 0, False),
        ("Type", "Sale Sale Fee", 15_00, 0, True),
        ("Type", "Card Transfer Card", 15_00, 0, False),  # about something else
    ],
)
def test_where_amounts_have_no_sign_a_word_that_nobody_knows_is_no_charge(acme, column, words, spent, rejected, is_noted):
    out, back, other = words.split()
    rows = [f"2026-01-05,10.00,A,USD,{out}", f"2026-01-06,4.00,B,USD,{back}", f"2026-01-07,1.00,C,USD,{other}"]
    text = "\n".join([f"Date,Amount,Merchant,Currency,{column}", *rows])
    record = bring(acme, text)
    assert (record.rejected, acme.account().spent_minor if record.booked else 0) == (rejected, spent)
    assert any("does not say whether money went out" in note for note in record.details["notes"]) == is_noted


def test_where_amounts_have_signs_a_type_of_some_unknown_words_is_left_alone(acme):
    text = "Date,Amount,Merchant,Currency,Type\n2026-01-05,-10.00,A,USD,Sale\n2026-01-06,4.00,B,USD,Return\n2026-01-07,-1.00,C,USD,Fee\n"
    record = bring(acme, text)
    assert (record.rejected, acme.account().spent_minor, record.details["notes"][0][:12]) == (0, 7_00, "Most amounts")


def test_what_one_file_said_of_its_direction_is_not_said_of_the_next(acme):
    """Whichever comes first: the columns are kept, and each file is asked anew whether its words tell the direction."""
    doubtful = "Date,Amount,Merchant,Currency,Type\n2026-01-05,10.00,A,USD,Sale\n2026-01-06,4.00,B,USD,Fee\n"
    clean = "Date,Amount,Merchant,Currency,Type\n2026-02-05,10.00,A,USD,Debit\n2026-02-06,4.00,B,USD,Credit\n"
    bring(acme, doubtful)
    bring(acme, clean)
    assert acme.account().spent_minor == 14_00 + 6_00
    bring(acme, doubtful.replace("2026-01", "2026-03"))
    assert acme.account().spent_minor == 34_00


def test_a_row_that_is_no_date_hides_no_doubt_about_the_others(acme):
    record = bring(acme, "Date,Amount,Merchant,Currency\n03/04/2026,1.00,A,USD\nTotal,1.00,,USD\n")
    assert "Every date could be read" in record.details["notes"][0]


def test_rows_that_name_no_currency_are_counted_where_others_do(acme):
    record = bring(acme, "Date,Amount,Merchant,Currency\n2026-01-05,1.00,A,USD\n2026-01-05,2.00,B,\n2026-01-05,3.00,C,\n,,,\n")
    assert "2 rows name no currency; USD was assumed." in record.details["notes"]
    assert (
        "1 row names no currency; USD was assumed."
        in bring(acme, "Date,Amount,Merchant,Currency\n2026-01-05,4.00,A,USD\n2026-01-05,5.00,B,\n").details["notes"]
    )


@pytest.mark.parametrize("separator", [",", ";"])
def test_an_address_in_quotes_may_have_lines_and_separators_of_its_own(acme, separator):
    rows = [
        ["Date", "Merchant", "Amount", "Currency"],
        ["2026-03-01", f'"Hotel Adler\nMain St{separator} 5{separator} Berlin\nGermany"', "12.50", "USD"],
        ["2026-03-02", "Shop", "1.00", "USD"],
    ]
    assert bring(acme, "\n".join(separator.join(row) for row in rows)).booked == 2


@pytest.mark.parametrize(
    "rows",
    [
        '2026-03-01,"A,10.00,USD\n2026-03-02,B,20.00,USD\n2026-03-03,C",30.00,USD\n',  # as wide as the header
        '2026-03-01,A,"10.00,USD\n2026-03-02,B,20.00,USD\n2026-03-03,C,30.00",USD\n',
        '2026-03-01,"A,10.00,USD\n2026-03-02,B,20.00,USD"\n',
    ],
)
def test_rows_inside_of_a_quote_that_was_never_closed_are_not_swallowed(acme, rows):
    with pytest.raises(errors.Invalid, match="The quote that opens on line 2 is never closed"):
        bring(acme, f"Date,Merchant,Amount,Currency\n{rows}")
    assert not Transaction.objects.exists()


def test_a_transaction_says_which_import_booked_it_and_is_found_by_that(world, api, pages):
    with company_scope(world.acme.pk):
        first, second = (
            import_statement(
                world.acme,
                StatementFile(f"Date,Amount,Merchant\n2026-01-0{number},{number}.00,Shop\n".encode(), "s.csv", "Bank", "By the bank"),
                actor=world.alice,
                at=NOON,
            )
            for number in (1, 2)
        )
    client = api(world.alice)
    [told] = client.get("/api/v1/transactions/", {"statement_import": first.public_id}).json()["data"]
    assert (told["statement_import"], told["occurred_on"]) == (first.public_id, "2026-01-01")
    assert client.get(f"/api/v1/transactions/{told['id']}/").json()["statement_import"] == first.public_id
    assert len(client.get("/api/v1/transactions/", {"statement_import": "none"}).json()["data"]) == 0
    assert client.get(f"/api/v1/imports/{second.public_id}/").json()["attribution"] == "By the bank"
    page = pages(world.alice).get("/transactions/", {"statement_import": first.public_id}).content.decode()
    assert f'1 transaction of <a href="/imports/{first.public_id}/">s.csv</a>: <strong>$1.00</strong>' in page


def test_nor_are_they_where_only_the_width_of_the_row_tells(acme):
    with pytest.raises(errors.Invalid, match="The quote that opens on line 2 is never closed"):
        bring(acme, 'Merchant,Date,Amount,Currency\nAlpha,"2026-03-01,10.00,USD\nBee,2026-03-02,20.00,USD"\n')
    assert not Transaction.objects.exists()
