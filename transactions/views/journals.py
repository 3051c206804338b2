"""Journals as files that accounting systems import: our own with every column, Xero's, and QuickBooks Online's.

Xero: https://help.xero.com/nz/ManualJournalsImport. Rows of the same narration and date are one journal, a debit is above zero and a credit
below, the tax rate is its full name there, days are written 31/12/2026, and a file has at most 300 lines.
QuickBooks Online: https://quickbooks.intuit.com/learn-support/en-au/help-article/import-export-files/import-journal-entries-quickbooks-online/
L4tQBwbs7_AU_en_AU. Rows of the same number are one journal, debits and credits have a column each, and accounts are named and not
numbered, a sub-account after its parent and a colon.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby

from django.http import StreamingHttpResponse

from spendtrackr import errors
from spendtrackr.exports import Value, csv_download, csv_lines
from spendtrackr.money import Money
from transactions import queries
from transactions.accounting import Line, Tax, lines_of
from transactions.models import AccountingBatch, AccountingJournal, AccountingRow, AccountingSettings, BatchStatus

GENERIC, XERO, QUICKBOOKS = FORMATS = ("generic", "xero", "quickbooks")
# The most lines that Xero takes in one file.
XERO_LINES = 300

_GENERIC = [
    "journal", "day", "late", "kind", "transaction", "person", "merchant", "memo", "ledger code", "category", "cost centre", "department",
    "tax code", "net", "tax", "gross", "currency", "clearing account",
]  # fmt: skip
_XERO = [
    "*Narration", "*Date", "Description", "*AccountCode", "*TaxRate", "*Amount", "TrackingName1", "TrackingOption1", "TrackingName2",
    "TrackingOption2",
]  # fmt: skip
_QUICKBOOKS = ["JournalNo", "JournalDate", "AccountName", "Debits", "Credits", "Description", "Name", "Currency", "Location", "Class"]


@dataclass(frozen=True, slots=True)
class Written:
    """A journal with its rows and lines."""

    journal: AccountingJournal
    rows: list[AccountingRow]
    lines: list[Line]

    @property
    def called(self) -> str:
        """The same in every file of a batch, and at most 21 characters long: QuickBooks takes no more."""
        return f"ST{self.journal.batch.sequence}-{self.journal.position}"


def journals_file(batch: AccountingBatch, format_: str, part: str = "") -> StreamingHttpResponse:
    """What stands of a batch as CSV. `part` is of Xero's alone, from 1 on. Raises `Invalid` naming the parameter."""
    if format_ not in FORMATS:
        raise errors.Invalid(errors.one_of("format", FORMATS), field="format")
    if part and format_ != XERO:
        raise errors.Invalid("Only a file for Xero comes in parts.", field="part")
    settings, journals = queries.accounting_settings(), written(batch)
    if format_ == XERO:
        _must_be_in_its_base_currency(batch)
        journals = _part(journals, part) if part else journals
    head, rows = _WRITING[format_]
    name = f"journals-{batch.sequence}-{format_}{f'-{part}' if part else ''}.csv"
    # Read by now: the company's scope ends before the last line is sent.
    return csv_download(name, csv_lines(head, list(rows(journals, settings)), for_people=format_ == GENERIC))


def written(batch: AccountingBatch) -> list[Written]:
    """Its journals that stand, in their order."""
    rows = queries.journal_rows(batch).filter(journal__status=BatchStatus.EXPORTED)
    taxes = {row["code"]: Tax(row["name"] or row["code"], row["ledger_code"]) for row in queries.accounting_settings().tax_names}
    of = [list(group) for _, group in groupby(rows, key=lambda row: row.journal_id)]
    return [Written(group[0].journal, group, lines_of(group, taxes)) for group in of]


def xero_parts(journals: list[Written]) -> list[list[Written]]:
    """As few files as Xero takes, each with whole journals."""
    found: list[list[Written]] = [[]]
    count = 0
    for journal in journals:
        if found[-1] and count + len(journal.lines) > XERO_LINES:
            found.append([])
            count = 0
        found[-1].append(journal)
        count += len(journal.lines)
    return found


def _part(journals: list[Written], part: str) -> list[Written]:
    found = xero_parts(journals)
    if not (part.isascii() and part.isdecimal() and len(part) < 6 and 1 <= int(part) <= len(found)):
        raise errors.Invalid(f"part is a whole number from 1 to {len(found)}.", field="part")
    return found[int(part) - 1]


def _must_be_in_its_base_currency(batch: AccountingBatch) -> None:
    currency = batch.company.currency
    if batch.currency != currency:
        raise errors.Invalid(f"Xero takes manual journals in {currency} alone: choose another format for {batch.currency}.", field="format")


def _generic(journals: list[Written], settings: AccountingSettings) -> Iterator[list[Value]]:
    for one in journals:
        purchase, currency = one.journal.transaction, one.journal.batch.currency
        person, merchant = purchase.member.user.name if purchase.member else "", purchase.merchant.name if purchase.merchant else ""
        for row in one.rows:
            net, tax, gross = (
                Money(minor, currency).decimal for minor in (row.amount_minor - row.tax_minor, row.tax_minor, row.amount_minor)
            )
            yield [
                one.called, one.journal.day, "late" if one.journal.is_late else "", "reversal" if row.reverses_id else "new",
                purchase.public_id, person, merchant, purchase.memo, row.ledger_code, row.category.name, row.cost_centre,
                row.department.name if row.department else "", row.tax_code, net, tax, gross, currency, row.clearing_code,
            ]  # fmt: skip


def _xero(journals: list[Written], settings: AccountingSettings) -> Iterator[list[Value]]:
    for one in journals:
        narration = f"{one.called} {one.rows[0].description}"[:200].strip()
        for line in one.lines:
            tracked = [settings.tracking_name, line.cost_centre] if settings.tracking_name and line.cost_centre else ["", ""]
            amount = Money(line.minor, one.journal.batch.currency).decimal
            yield [
                narration, f"{one.journal.day:%d/%m/%Y}", line.description or narration, line.ledger_code,
                line.tax_name or settings.untaxed_as, amount, *tracked, "", "",
            ]  # fmt: skip


def _quickbooks(journals: list[Written], settings: AccountingSettings) -> Iterator[list[Value]]:
    for one in journals:
        for line in one.lines:
            amount = Money(abs(line.minor), one.journal.batch.currency)
            sides: list[Value] = [amount.decimal, ""] if line.minor > 0 else ["", amount.decimal]
            yield [
                one.called, f"{one.journal.day:%m/%d/%Y}", line.ledger_code, *sides, line.description or one.rows[0].description, "",
                amount.currency, "", line.cost_centre,
            ]  # fmt: skip


_Rows = Callable[[list[Written], AccountingSettings], Iterator[list[Value]]]
_WRITING: dict[str, tuple[list[str], _Rows]] = {
    GENERIC: (_GENERIC, _generic),
    XERO: (_XERO, _xero),
    QUICKBOOKS: (_QUICKBOOKS, _quickbooks),
}
