"""What kind of file a statement is, and its entries as a table: whatever the format, rows are read by one reader from there on."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum

from spendtrackr import errors
from spendtrackr.tabular import Row
from transactions.statements import camt, mt940, ofx, qif
from transactions.statements.entries import COLUMNS, Said
from transactions.statements.mapping import Mapping, detect
from transactions.statements.table import Table, open_file, read


class Format(StrEnum):
    CSV = "csv"
    OFX = "ofx"
    MT940 = "mt940"
    CAMT = "camt"
    QIF = "qif"


FORMATS = [(one.value, one.value) for one in Format]
# What a file of each format has near its beginning.
_SIGNS = (
    (Format.OFX, re.compile(r"<ofx>|^\s*ofxheader", re.IGNORECASE)),
    (Format.CAMT, re.compile(r"camt\.05[234]|<(\w+:)?BkToCstmr", re.IGNORECASE)),
    (Format.MT940, re.compile(r"^:20:.*?^:2[58]", re.MULTILINE | re.DOTALL)),
    (Format.QIF, re.compile(r"^\s*!(type|account|option)", re.IGNORECASE)),
)
_READ = {Format.OFX: ofx.read, Format.CAMT: camt.read, Format.MT940: mt940.read, Format.QIF: qif.read}
_NEAR = 4_000
# Money that went out is below zero in all of them, and days are ISO 8601.
_FIXED = Mapping(columns=COLUMNS, charges="negative")


@dataclass(frozen=True, slots=True)
class Statement:
    """A file as a table. `account` is `bank` or `card` where the format says so; `mapping` is None where people may say how it is read."""

    format: Format
    table: Table
    account: str = ""
    mapping: Mapping | None = None


def format_of(text: str) -> Format:
    near = re.sub(r"\r\n?", "\n", text[:_NEAR])
    return next((found for found, sign in _SIGNS if sign.search(near)), Format.CSV)


def open_statement(content: bytes, *, known: frozenset[str], country: str, header_line: int | None = None) -> Statement:
    """Raises `Invalid` for `file`, with the place where it breaks, when it cannot be read as a whole."""
    file = open_file(content)
    with file.open() as beginning:
        near = beginning.read(_NEAR)
    found = format_of(near)
    if found == Format.CSV:
        if near.lstrip().startswith("<"):
            raise errors.Invalid("This is a file of XML, but neither OFX nor CAMT.052, CAMT.053 or CAMT.054.", field="file")
        return Statement(found, read(file, known=known, header_line=header_line))
    said = _READ[found](file.text)
    table = _table(said)
    mapping = _FIXED
    if found == Format.QIF:
        # It alone leaves open how days and numbers are written; which way money went it says, and there is nothing to guess.
        guessed = detect(table, {**COLUMNS, "direction": COLUMNS["card"]}, country=country)
        mapping = replace(_FIXED, date_format=guessed.date_format, decimal_mark=guessed.decimal_mark, notes=guessed.notes)
    return Statement(found, table, said.account, mapping)


def _table(said: Said) -> Table:
    return Table(
        list(COLUMNS.values()),
        0,
        [Row(one.line, list(one.cells())) for one in said.entries if not one.left_out],
        [],
        left_out=[(one.line, one.left_out) for one in said.entries if one.left_out],
        notes=tuple(said.notes) or (() if said.entries else ("It lists no entries.",)),
    )
