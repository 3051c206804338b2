"""Statements in the formats of banks: each entry is a row, a file that breaks is refused with the place, nothing is booked by half."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from hypothesis import HealthCheck, given
from hypothesis import settings as searching
from hypothesis import strategies as st

from spendtrackr import errors
from spendtrackr.money import Money
from tests.factories import NOON
from transactions.models import ImportedLine, StatementMapping, Transaction
from transactions.operations import accounts, statements
from transactions.operations.statements import StatementFile
from transactions.statements.formats import Format, format_of, open_statement
from transactions.statements.lines import read_lines
from transactions.statements.table import open_file

DATA = Path(settings.BASE_DIR).parent / "shared" / "data" / "statements"

OFX = """OFXHEADER:100
DATA:OFXSGML
VERSION:102
ENCODING:USASCII
CHARSET:1252

<OFX><SIGNONMSGSRSV1><SONRS><STATUS><CODE>0<SEVERITY>INFO</STATUS><DTSERVER>20260331<LANGUAGE>ENG</SONRS></SIGNONMSGSRSV1>
<{kind}MSGSRSV1><{kind_}STMTTRNRS><TRNUID>1<STATUS><CODE>0<SEVERITY>INFO</STATUS><{kind_}STMTRS><CURDEF>EUR
<{kind_}ACCTFROM><ACCTID>4111111111119876</{kind_}ACCTFROM><BANKTRANLIST><DTSTART>20260301<DTEND>20260331
{entries}
</BANKTRANLIST><LEDGERBAL><BALAMT>0<DTASOF>20260331</LEDGERBAL></{kind_}STMTRS></{kind_}STMTTRNRS></{kind}MSGSRSV1></OFX>
"""
MT940 = """:20:START
:25:12345678/1020304050
:28C:7/1
:60F:C260301EUR1000,00
{entries}
:62F:C260331EUR{closing}
-
"""
CAMT = """<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt><GrpHdr><MsgId>M</MsgId></GrpHdr><Stmt><Id>S1</Id>
<Acct><Id><IBAN>DE89370400440532013000</IBAN></Id></Acct>
<Bal><Tp><CdOrPrtry><Cd>OPBD</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">100.00</Amt><CdtDbtInd>CRDT</CdtDbtInd></Bal>
<Bal><Tp><CdOrPrtry><Cd>CLBD</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">{closing}</Amt><CdtDbtInd>CRDT</CdtDbtInd></Bal>
{entries}
</Stmt></BkToCstmrStmt></Document>
"""
QIF = """!Account
NCard
TCCard
^
!Type:CCard
{entries}
"""


def card_file(entries: str) -> str:
    return OFX.format(kind="CREDITCARD", kind_="CC", entries=entries)


def bank_file(entries: str) -> str:
    return OFX.format(kind="BANK", kind_="", entries=entries)


def purchase(day="20260305", amount="-12.50", fitid="F1", name="Shop") -> str:
    return f"<STMTTRN><TRNTYPE>DEBIT<DTPOSTED>{day}<TRNAMT>{amount}<FITID>{fitid}<NAME>{name}</STMTTRN>"


def ntry(amount="12.50", way="DBIT", status="<Sts><Cd>BOOK</Cd></Sts>", booked="2026-03-05", valued="2026-03-04", details="") -> str:
    return (
        f'<Ntry><Amt Ccy="EUR">{amount}</Amt><CdtDbtInd>{way}</CdtDbtInd>{status}<BookgDt><Dt>{booked}</Dt></BookgDt>'
        f"<ValDt><Dt>{valued}</Dt></ValDt>{details}</Ntry>"
    )


def tx(amount: str, name: str, reference: str) -> str:
    return (
        f'<TxDtls><Refs><EndToEndId>{reference}</EndToEndId></Refs><Amt Ccy="EUR">{amount}</Amt>'
        f"<RltdPties><Cdtr><Pty><Nm>{name}</Nm></Pty></Cdtr></RltdPties></TxDtls>"
    )


def read(text: str | bytes, country="DE"):
    content = text.encode() if isinstance(text, str) else text
    statement = open_statement(content, known=frozenset(), country=country)
    return statement, read_lines(statement.table, statement.mapping, company_currency="USD")


def refused(text: str | bytes) -> str:
    with pytest.raises(errors.Invalid) as error:
        read(text)
    assert error.value.field == "file"
    return error.value.message


def bring(world, text: str, *, accept=None, source="Bank", name="s.x", mapping=None):
    file = StatementFile(text.encode() if isinstance(text, str) else text, name, source)
    return statements.import_statement(world.acme, file, actor=world.alice, at=NOON, accept=accept, mapping=mapping)


def booked(record) -> tuple[int, int, int, int]:
    return record.booked, record.duplicates, record.skipped, record.rejected


class TestWhichFormat:
    @pytest.mark.parametrize(
        ("text", "found"),
        [
            (card_file(""), Format.OFX),
            ("<?xml version='1.0'?><?OFX OFXHEADER='200'?><OFX></OFX>", Format.OFX),
            (MT940.format(entries="", closing="1000,00"), Format.MT940),
            ("\x01\r\nBANKXX\r\n940\r\n:20:X\r\n:25:1\r\n", Format.MT940),
            (CAMT.format(entries="", closing="100.00"), Format.CAMT),
            (QIF.format(entries=""), Format.QIF),
            ("Date,Amount,Merchant\n2026-01-05,1.00,Shop\n", Format.CSV),
            ("Date;Note\n2026-01-05;see :20: there\n", Format.CSV),
        ],
    )
    def test_it_is_seen_from_what_is_in_it(self, text, found):
        assert format_of(text) == found

    def test_other_xml_is_refused_as_what_it_is(self):
        assert "neither OFX nor CAMT" in refused("<html><body>Sign in</body></html>")

    @pytest.mark.parametrize("content", [b"", b" \n ", b"\x00\x01\x02", b"\x50\x4b\x03\x04\x00\x00"])
    def test_what_is_no_text_is_refused(self, content):
        assert refused(content)


class TestOfx:
    def test_a_card_s_purchases_are_charges_and_its_credits_credits(self):
        statement, reading = read(card_file(purchase() + "\n" + purchase("20260306120000.000[-5:EST]", "3.00", "F2", "Shop &amp; Co")))
        assert statement.account == "card"
        first, second = reading.lines
        assert (first.amount, first.posted_on.isoformat(), first.descriptor) == (Money(12_50, "EUR"), "2026-03-05", "Shop")
        assert (first.card_last4, first.reference) == ("9876", "9876 F1")
        assert (second.amount, second.posted_on.isoformat(), second.descriptor) == (Money(-3_00, "EUR"), "2026-03-06", "Shop & Co")
        assert "411111" not in str(reading)

    def test_a_bank_s_account_is_one_and_no_card_is_named(self):
        statement, reading = read(bank_file(purchase()))
        assert (statement.account, reading.lines[0].card_last4) == ("bank", "")

    def test_a_currency_of_its_own_and_a_decimal_comma(self):
        entry = purchase(amount="-1234,50").replace("<FITID>", "<CURRENCY><CURRATE>1.1<CURSYM>CHF</CURRENCY><FITID>")
        assert read(card_file(entry))[1].lines[0].amount == Money(1_234_50, "CHF")

    def test_each_bad_entry_says_its_line_and_why(self):
        entries = [
            purchase(day=""),
            purchase(day="20260230"),
            purchase(amount="twelve"),
            purchase(amount="0.00"),
            purchase(amount="-1.234"),
        ]
        reading = read(card_file("\n".join([*entries, purchase()])))[1]
        assert (len(reading.lines), {issue.kind for issue in reading.issues}) == (1, {"rejected"})
        assert [(issue.line, issue.field) for issue in reading.issues] == [
            (10, "transaction_date"), (11, "posting_date"), (12, "amount"), (13, "amount"), (14, "amount"),
        ]  # fmt: skip

    def test_one_that_is_cut_off_says_so_whatever_is_left(self):
        text = card_file("\n".join(purchase(fitid=str(number)) for number in range(20)))
        for end in range(text.index("<OFX>") + 5, len(text) - 8, 97):
            assert "cut off" in refused(text[:end])

    @pytest.mark.parametrize("text", ["OFXHEADER:100\n\n", "<OFX></OFX>", "<OFX><a></b></OFX>", "<OFX><BANKMSGSRSV1></OFX>"])
    def test_what_is_no_statement_is_refused(self, text):
        assert refused(text)

    def test_an_error_of_the_bank_is_told(self):
        failed = (
            "<OFX><SIGNONMSGSRSV1><SONRS><STATUS><CODE>15500<SEVERITY>ERROR<MESSAGE>Wrong password</STATUS></SONRS></SIGNONMSGSRSV1></OFX>"
        )
        assert refused(failed) == "The bank answered with error 15500 instead of a statement: Wrong password"


class TestMt940:
    ENTRIES = ":61:2603040305D12,50NTRFNONREF//B1\n:86:Shop\n:61:2603060306C100,00NTRFR2\n:86:Customer"

    def test_entries_are_read_with_their_days_and_words(self):
        statement, reading = read(MT940.format(entries=self.ENTRIES, closing="1087,50"))
        out, back = reading.lines
        assert (statement.account, statement.table.notes) == ("bank", ())
        assert (out.line, out.amount, out.occurred_on.isoformat(), out.day.isoformat()) == (
            5,
            Money(12_50, "EUR"),
            "2026-03-04",
            "2026-03-05",
        )
        assert (out.descriptor, out.reference, back.amount, back.reference) == ("Shop", "4050 B1", Money(-100_00, "EUR"), "4050 R2")

    @pytest.mark.parametrize(
        ("mark", "closing", "minor"),
        [("D", "987,50", 12_50), ("C", "1012,50", -12_50), ("RD", "1012,50", -12_50), ("RC", "987,50", 12_50)],
    )
    def test_a_reversal_goes_the_other_way(self, mark, closing, minor):
        statement, reading = read(MT940.format(entries=f":61:2603050305{mark}12,50NTRFNONREF\n:86:Words", closing=closing))
        assert (reading.lines[0].amount.minor, statement.table.notes) == (minor, ())

    @pytest.mark.parametrize(
        ("words", "name"),
        [
            ("105?00LASTSCHRIFT?20SVWZ+Order\n?30COBADEFF?31DE89370400440532013000?32AMAZON EU?33 SARL", "AMAZON EU SARL"),
            ("105?00LASTSCHRIFT?20SVWZ+Order?310532013000?32AMAZON", "AMAZON"),
            ("/TRTP/SEPA OVERBOEKING/IBAN/NL91ABNA0417164300/BIC/ABNANL2A/NAME/Jansen BV/REMI/Invoice 7", "Jansen BV"),
            ("/CNTP/NL91ABNA0417164300/ABNANL2A/De Vries///REMI/USTD//Invoice 8/", "De Vries"),
            ("Coffee / Tea", "Coffee / Tea"),
        ],
    )
    def test_the_other_side_has_its_name_and_no_number_of_its_account(self, words, name):
        entries = f":61:2603050305D12,50NTRFNONREF\n:86:{words}"
        assert read(MT940.format(entries=entries, closing="987,50"))[1].lines[0].descriptor == name

    def test_balances_that_do_not_fit_are_told(self):
        [note] = read(MT940.format(entries=self.ENTRIES, closing="1000,00"))[0].table.notes
        assert note == "The entries of statement 7 add up to 87.50, and its balances differ by 0.00: something may be missing."

    def test_a_broken_entry_breaks_the_file_and_says_its_line(self):
        text = MT940.format(entries=":61:2603040305D12,50NTRFNONREF\n:86:Shop\n:61:26AB06D1,00NTRF\n:86:x", closing="1,00")
        assert refused(text) == "Line 7: this entry of the statement cannot be read as :61: of MT940."

    def test_one_without_its_closing_balance_is_cut_off(self):
        text = MT940.format(entries=self.ENTRIES, closing="1087,50") + MT940.format(entries=self.ENTRIES, closing="1087,50")
        second = text.index(":20:", 10)
        for end in range(second + 5, text.rindex(":62F:"), 7):
            assert "cut off" in refused(text[:end])

    def test_windows_and_mac_ends_of_lines_are_all_the_same(self):
        text = MT940.format(entries=self.ENTRIES, closing="1087,50")
        told = [read(text.replace("\n", end))[1].lines for end in ("\n", "\r\n", "\r")]
        assert told[0] == told[1] == told[2]


class TestCamt:
    def test_an_entry_with_its_other_side(self):
        details = f"<NtryDtls>{tx('12.50', 'Shop GmbH', 'E1')}</NtryDtls>"
        statement, reading = read(CAMT.format(entries=ntry(details=details), closing="87.50"))
        [line] = reading.lines
        assert (statement.account, statement.table.notes) == ("bank", ())
        assert (line.amount, line.descriptor, line.reference) == (Money(12_50, "EUR"), "Shop GmbH", "3000 E1")
        assert (line.occurred_on.isoformat(), line.day.isoformat(), line.line) == ("2026-03-04", "2026-03-05", 6)

    @pytest.mark.parametrize(
        ("encoding", "name"),
        [("ISO-8859-1", "Müller"), ("windows-1252", "Müller"), ("iso-8859-2", "Żabka Łódź"), ("UTF-16", "Żabka"), ("UTF-8", "Żabka")],
    )
    def test_whatever_encoding_it_has_is_read_also_when_it_is_kept(self, encoding, name):
        details = f"<NtryDtls>{tx('12.50', name, 'E1')}</NtryDtls>"
        text = CAMT.format(entries=ntry(details=details), closing="87.50").replace('"UTF-8"', f'"{encoding}"')
        sent = text.encode(encoding)
        assert read(sent)[1].lines[0].descriptor == name
        assert read(open_file(sent).content)[1].lines[0].descriptor == name

    def test_an_encoding_that_there_is_not_is_read_as_what_it_is(self):
        text = CAMT.format(entries=ntry(details=f"<NtryDtls>{tx('12.50', 'Müller', 'E1')}</NtryDtls>"), closing="87.50")
        assert read(text.replace('"UTF-8"', '"x-nonsense"').encode("cp1252"))[1].lines[0].descriptor == "Müller"

    def test_a_batch_is_told_apart_where_its_parts_add_up(self):
        parts = tx("10.00", "A", "1") + tx("2.50", "B", "2")
        reading = read(CAMT.format(entries=ntry(details=f"<NtryDtls>{parts}</NtryDtls>"), closing="87.50"))[1]
        assert [(line.descriptor, line.amount.minor) for line in reading.lines] == [("A", 10_00), ("B", 2_50)]

    @pytest.mark.parametrize("parts", [tx("10.00", "A", "1") + tx("2.00", "B", "2"), tx("x", "A", "1") + tx("2.50", "B", "2")])
    def test_and_is_one_where_they_do_not(self, parts):
        reading = read(CAMT.format(entries=ntry(details=f"<NtryDtls>{parts}</NtryDtls>"), closing="87.50"))[1]
        assert [line.amount.minor for line in reading.lines] == [12_50]

    @pytest.mark.parametrize("status", ["<Sts>PDNG</Sts>", "<Sts><Cd>PDNG</Cd></Sts>", "<Sts><Cd>INFO</Cd></Sts>"])
    def test_what_is_not_booked_yet_is_left_out_with_its_reason(self, status):
        statement, reading = read(CAMT.format(entries=ntry() + ntry(status=status), closing="87.50"))
        assert (reading.rows, len(reading.lines), [issue.kind for issue in reading.issues]) == (2, 1, ["skipped"])
        assert "not booked yet" in reading.issues[0].reason
        assert statement.table.notes == ()

    def test_bad_entries_are_rejected_one_by_one(self):
        reading = read(CAMT.format(entries=ntry("x") + ntry("1.005") + ntry(booked="2026-02-30", valued="") + ntry(), closing="87.50"))[1]
        assert (len(reading.lines), [issue.field for issue in reading.issues]) == (1, ["amount", "amount", "posting_date"])

    def test_one_that_is_cut_off_says_where(self):
        text = CAMT.format(entries=ntry() * 20, closing="100.00")
        for end in range(200, len(text) - 20, 131):
            assert "cut off" in refused(text[:end])

    def test_entities_are_refused(self):
        bomb = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
        assert refused(CAMT.format(entries=ntry(), closing="1").replace("<Document", bomb + "<Document"))
        outside = '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>'
        assert refused(CAMT.format(entries=ntry(), closing="1").replace("<Document", outside + "<Document"))


class TestQif:
    def test_money_out_is_below_zero_and_days_are_written_as_in_the_country(self):
        text = QIF.format(entries="D3/4'26\nT-1,234.50\nPShop\nN7\n^\nD3/5'26\nT10.00\nPBack\n^\n")
        for country, day in (("US", "2026-03-04"), ("DE", "2026-04-03")):
            statement, reading = read(text, country=country)
            assert statement.account == "card"
            assert (reading.lines[0].amount.minor, reading.lines[0].day.isoformat(), reading.lines[0].descriptor) == (1_234_50, day, "Shop")
            assert any("month first" in note or "day" in note for note in statement.mapping.notes)
        assert reading.lines[1].amount.minor == -10_00

    def test_lists_of_categories_are_no_entries(self):
        assert read("!Type:Cat\nNFood\nE\n^\n!Type:Bank\nD2026-03-04\nT-1.00\nPShop\n^\n")[1].rows == 1

    def test_one_that_never_ends_is_cut_off(self):
        assert refused(QIF.format(entries="D2026-03-04\nT-1.00\nPShop\n^\nD2026-03-05\nT-2")) == (
            "Line 10: this entry never ends (^): the file may be cut off."
        )


MUTATED = [
    card_file(purchase() + "\n" + purchase(fitid="F2")), bank_file(purchase()),
    MT940.format(entries=TestMt940.ENTRIES, closing="1087,50"),
    CAMT.format(entries=ntry(details=f"<NtryDtls>{tx('12.50', 'Shop', 'E1')}</NtryDtls>") + ntry(), closing="75.00"),
    QIF.format(entries="D3/4'26\nT-1,234.50\nPShop\nN7\n^\n"),
]  # fmt: skip


@searching(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(data=st.data())
def test_whatever_happens_to_a_file_it_is_read_or_refused(data):
    """A character exchanged, a part left out, doubled, or put elsewhere: never anything but lines, issues and refusals."""
    text = data.draw(st.sampled_from(MUTATED))
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text) - 1))
        end = data.draw(st.integers(start, min(len(text), start + 40)))
        text = text[:start] + data.draw(st.sampled_from([*ODD, text[start:end] * 2])) + text[end:] or "x"
    said = read_or_refused(text)
    if isinstance(said, str):
        assert said == "file"
    else:
        assert len(said.lines) + len(said.issues) == said.rows


ODD = ["", "<", ">", ":61:", "^", "\n", "0", "-", "é", "\x00", "&x;", "9" * 30, "]]>"]


def read_or_refused(text: str):
    """A CSV without its header is refused as one."""
    try:
        statement = open_statement(text.encode(), known=frozenset(), country="DE")
    except errors.Invalid as error:
        return error.field
    return read_lines(statement.table, statement.mapping, company_currency="USD") if statement.mapping else "file"


# What is in each file of `../shared/data/statements`: lines that can be booked, their sum, rejected rows, or why it is refused.
REAL = {
    "ofx/no-amex_multi_currency.qbo": (3, {"USD": 37_49}, 0),
    "ofx/ofxparse_anzcc.ofx": (1, {"AUD": 5_50}, 0),
    "ofx/ofxparse_fail_nice_date_missing.ofx": (0, {}, 3),
    "ofx/ofxparse_multiple_accounts.ofx": (0, {}, 0),
    "ofx/ofxparse_signon_fail.ofx": "error 15500",
    "ofx/ofxparse_suncorp.ofx": (1, {"AUD": 16_85}, 0),
    "mt940/betterplace_with_binary_character.sta": (4, {"EUR": 179_066_75}, 0),
    "mt940/jejik_abnamro.sta": (10, {"EUR": 345_93}, 0),
    "mt940/jejik_ing.sta": (7, {"EUR": 45_59}, 0),
    "mt940/mBank_mt940.sta": (3, {"PLN": -3}, 0),
    "mt940/self-provided_february_30.sta": (1, {"EUR": 6_00}, 0),
    "camt/genkgo_camt053.v2.five.decimals.xml": (1, {"EUR": -8_85}, 0),
    "camt/genkgo_camt053.v2.multi.statement.xml": (2, {"EUR": -1_85}, 0),
    "camt/genkgo_camt053.v2.wrong.xml": "no statement",
    "camt/genkgo_camt053.v8.xml": (1, {"EUR": -8_85}, 0),
    "camt/genkgo_camt054.v4.xml": (1, {"SEK": 200_000_00}, 0),
    "qif/csv2ofx_default_w_splits.qif": (8, {"USD": -465_000_00}, 0),
}


@pytest.mark.skipif(not DATA.exists(), reason="the shared data is not on this machine")
@pytest.mark.parametrize("name", REAL)
def test_every_real_file_books_exactly_or_says_why_not(acme, name):
    wanted, content = REAL[name], (DATA / name).read_bytes()
    if isinstance(wanted, str):
        with pytest.raises(errors.Invalid, match=wanted):
            bring(acme, content, accept="all")
        assert Transaction.objects.count() == ImportedLine.objects.count() == 0
        return
    count, sums, rejected = wanted
    record = bring(acme, content, accept="all", name=name)
    assert booked(record) == (count, 0, 0, rejected)
    assert {total["currency"]: total["minor"] for total in record.details["totals"]} == sums
    assert booked(bring(acme, content, accept="all", name=name)) == (0, count, 0, rejected)


@pytest.mark.skipif(not DATA.exists(), reason="the shared data is not on this machine")
def test_no_file_of_the_formats_is_forgotten():
    there = {path.relative_to(DATA).as_posix() for path in DATA.rglob("*") if path.is_file()}
    assert {name for name in there if not name.startswith("csv/")} == set(REAL)
    assert all(format_of(open_file((DATA / name).read_bytes()).text) != Format.CSV for name in REAL)


class TestWhatIsSpend:
    FILE = bank_file(
        "\n".join(
            [purchase(fitid="1", name="Rent"), purchase(fitid="2", amount="500.00", name="Customer"), purchase(fitid="3", amount="-7.00")]
        )
    )

    def test_of_a_bank_s_statement_somebody_has_to_say(self, acme):
        with pytest.raises(errors.Invalid) as refusal:
            bring(acme, self.FILE)
        assert (refusal.value.field, refusal.value.code) == ("accept", "required")
        assert Transaction.objects.count() == 0

    @pytest.mark.parametrize(("accept", "lines"), [("spend", [10, 12]), ("all", [10, 11, 12]), (frozenset({11}), [11]), (frozenset(), [])])
    def test_what_is_taken_is_booked_and_the_rest_is_told(self, acme, accept, lines):
        record = bring(acme, self.FILE, accept=accept)
        assert list(ImportedLine.objects.order_by("line").values_list("line", flat=True)) == lines
        assert booked(record) == (len(lines), 0, 3 - len(lines), 0)
        assert set(record.issues.values_list("reason", flat=True)) <= {"It was not taken for spend."}

    def test_what_was_left_can_be_taken_later(self, acme):
        bring(acme, self.FILE, accept=frozenset({12}))
        assert booked(bring(acme, self.FILE, accept="spend")) == (1, 1, 1, 0)

    def test_a_line_that_is_not_there_is_refused(self, acme):
        with pytest.raises(errors.Invalid, match="line 99"):
            bring(acme, self.FILE, accept=frozenset({10, 99}))

    def test_of_a_card_s_statement_all_is_spend_unless_somebody_says_otherwise(self, acme):
        text = card_file(purchase() + "\n" + purchase(fitid="F2", name="Private"))
        assert booked(bring(acme, text, accept=frozenset({11}))) == (1, 0, 1, 0)
        assert booked(bring(acme, text)) == (1, 1, 0, 0)

    def test_a_top_up_is_known_and_never_spend_by_itself(self, acme):
        accounts.top_up(Money(250_00, "EUR"), actor=acme.alice, at=NOON - timedelta(days=5))
        text = bank_file("\n".join(purchase(fitid=str(number), amount="-250.00", name="Card funds") for number in range(2)))
        record = bring(acme, text, accept="all")
        assert booked(record) == (1, 0, 1, 0)
        assert record.issues.earliest("pk").reason == "It is a top-up of the balance, which is in the books."
        assert booked(bring(acme, text, accept=frozenset({10}))) == (1, 0, 1, 0), "but whoever names it says so"

    def test_a_transfer_long_before_or_after_is_another(self, acme):
        accounts.top_up(Money(250_00, "EUR"), actor=acme.alice, at=NOON + timedelta(days=30))
        assert booked(bring(acme, bank_file(purchase(amount="-250.00")), accept="spend")) == (1, 0, 0, 0)

    def test_a_file_that_says_itself_how_it_is_read_takes_no_mapping_and_keeps_none(self, acme):
        with pytest.raises(errors.Invalid) as refusal:
            bring(acme, card_file(purchase()), mapping={"columns": {"amount": "Amount", "posting_date": "Posted"}})
        assert refusal.value.field == "mapping"
        bring(acme, card_file(purchase()))
        assert StatementMapping.objects.count() == 0

    def test_two_accounts_are_two_although_their_banks_count_alike(self, acme):
        bring(acme, card_file(purchase()))
        other = card_file(purchase()).replace("9876", "1234")
        assert booked(bring(acme, other)) == (1, 0, 0, 0)


class TestPreview:
    def test_it_says_of_each_row_what_would_become_of_it_and_books_nothing(self, acme):
        bring(acme, card_file(purchase(fitid="old")))
        text = card_file("\n".join([purchase(fitid="old"), purchase(fitid="new"), purchase(amount="none")]))
        file = StatementFile(text.encode(), "s.ofx", "Bank")
        found = statements.preview(acme.acme, file)
        proposal, verdicts = found.proposal, found.survey.rows
        assert [(one.line, one.verdict) for one in verdicts] == [(10, "duplicate"), (11, "book"), (12, "rejected")]
        assert (proposal.format, proposal.account) == (Format.OFX, "card")
        assert verdicts[1].of.amount == Money(12_50, "EUR")
        assert Transaction.objects.count() == 1

    def test_it_is_what_the_import_does_then(self, acme):
        for text, accept in [(TestWhatIsSpend.FILE, "spend"), (TestWhatIsSpend.FILE, frozenset({11})), (card_file(purchase() * 2), None)]:
            file = StatementFile(text.encode(), "s.ofx", json.dumps(str(accept)))
            verdicts = statements.preview(acme.acme, file, accept=accept).survey.rows
            record = statements.import_statement(acme.acme, file, actor=acme.alice, at=NOON, accept=accept)
            told = [one.verdict for one in verdicts]
            assert [told.count(name) for name in ("book", "duplicate", "skipped", "rejected")] == list(booked(record))
            issues = set(record.issues.values_list("line", "kind", "reason"))
            assert {(one.line, one.verdict, one.reason) for one in verdicts if one.verdict != "book"} == issues

    def test_by_api_with_the_first_rows_of_each_verdict_and_the_counts_of_all(self, acme, api):
        rows = "".join(f"2026-01-05,1.00,Shop {number}\n" for number in range(1_200))
        upload = SimpleUploadedFile("s.csv", f"Date,Amount,Merchant\n{rows}2026-01-06,x,Shop\n".encode())
        told = api(acme.alice).post("/api/v1/imports/preview/", {"file": upload}, format="multipart").json()
        assert told["counts"] == {"book": 1_200, "duplicate": 0, "skipped": 0, "rejected": 1}
        assert (len(told["rows"]), told["has_more"], told["format"], told["account"]) == (251, True, "csv", "")
        assert told["rows"][0] == {
            "line": 2, "verdict": "book", "reason": "", "field": "", "occurred_on": "2026-01-05", "posted_on": "2026-01-05",
            "amount": {"minor": 1_00, "currency": "USD"}, "merchant": "Shop 0", "category": "",
        }  # fmt: skip
        assert told["totals"] == [{"minor": 1_200_00, "currency": "USD"}]
        assert Transaction.across_companies.count() == 0

    @pytest.mark.parametrize("accept", ["some", "{}", "[1.5]", "[true]", '["3"]', "[1"])
    def test_a_choice_that_is_none_is_refused_by_its_field(self, acme, api, accept):
        for route in ("", "preview/"):
            upload = SimpleUploadedFile("s.ofx", TestWhatIsSpend.FILE.encode())
            answer = api(acme.alice).post(f"/api/v1/imports/{route}", {"file": upload, "accept": accept}, format="multipart")
            assert (answer.status_code, answer.json()["field"]) == (400, "accept")
        assert Transaction.across_companies.count() == 0
