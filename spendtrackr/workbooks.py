"""Workbooks that people upload (XLSX): the rows of the first sheet that has any, as `spendtrackr.tabular` has those of a CSV file.

A workbook is a zip of XML. What it would unpack to is looked up in the zip's directory before any of it is unpacked, declarations of
entities are refused (defusedxml), and rows are read as they are asked for.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from datetime import date, datetime, time
from typing import Any
from zipfile import BadZipFile, ZipFile, ZipInfo

from openpyxl import load_workbook

from spendtrackr import errors
from spendtrackr.tabular import MAX_COLUMNS, Row, bare, open_text

# Of the whole, of the parts that are read at once, and how many parts there are. Ten thousand rows take about ten million bytes.
MAX_UNPACKED_BYTES = 30 * 1024 * 1024
MAX_PART_BYTES = 8 * 1024 * 1024
MAX_PARTS = 1_000
# Of one sheet, which is gone through when the workbook is opened already, and how many sheets a workbook may say to have.
MAX_SHEET_BYTES = 12 * 1024 * 1024
MAX_SHEETS = 50
# As far down, and in as many sheets, rows are looked for: a sheet without any could be a million rows long.
_LAST_LINE = 100_000
_MOST_SHEETS = 20
# Sheets are formatted far below their last row: of a larger gap nothing is told.
_MOST_BLANK = 1_000
_READ_ROW_BY_ROW = ("xl/worksheets/", "xl/sharedStrings")
_ZIP, _COMPOUND = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
_OTHERWISE = "Save it as a CSV file, or as an Excel workbook (.xlsx)."


def sheet_rows(content: bytes) -> Iterator[Row]:
    """The rows of a CSV file or of an XLSX workbook, whichever it is. Raises `Invalid` for `file`."""
    if content.startswith(_COMPOUND):
        raise errors.Invalid(f"This is a workbook of an older Excel, or one with a password. {_OTHERWISE}", field="file")
    return workbook_rows(content) if content.startswith(_ZIP) else open_text(content, otherwise=_OTHERWISE).rows()


def workbook_rows(content: bytes) -> Iterator[Row]:
    """The rows of the first visible sheet that has any; formulas as they were computed last. Raises `Invalid` for `file`."""
    _must_unpack_small(content)
    try:
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
        try:
            visible = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"][:_MOST_SHEETS]
            first = next((sheet for sheet in visible if next(_rows(sheet), None)), None)
            if first is None:
                raise errors.Invalid("No sheet of this workbook has a row.", field="file")
            yield from _rows(first)
        finally:
            book.close()
    except errors.Invalid:
        raise
    except Exception as error:  # whatever a damaged or a hostile file does to its reader
        raise errors.Invalid(f"This workbook cannot be read. {_OTHERWISE}", field="file") from error


def _rows(sheet: Any) -> Iterator[Row]:
    """From the first row on that says something. Sizes that the file claims are not believed: many writers get them wrong."""
    sheet.reset_dimensions()
    blank: list[Row] = []
    has_begun = False
    for line, values in enumerate(sheet.iter_rows(values_only=True, max_col=MAX_COLUMNS + 1), start=1):
        if line > _LAST_LINE:
            raise errors.Invalid(f"This sheet goes on below row {_LAST_LINE:,}.", field="file")
        if values.count(None) == len(values):
            cells = []
        else:
            cells = [written(value) for value in values[:MAX_COLUMNS]]
            if values[MAX_COLUMNS:] and written(values[MAX_COLUMNS]):
                raise errors.Invalid(f"Row {line} has more than {MAX_COLUMNS} columns.", field="file")
        row = Row(line, cells)
        if row.is_blank:
            if has_begun and len(blank) < _MOST_BLANK:
                blank.append(row)
            continue
        has_begun = True
        yield from blank
        blank = []
        yield row


def written(value: Any) -> str:
    """A cell as somebody would have typed it into a CSV file: whole numbers without a point, days as 2026-03-31."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 10**15 else f"{value:.15g}"
    if isinstance(value, datetime):
        return str(value.date() if value.time() == time.min else value.replace(microsecond=0))
    if isinstance(value, date):
        return str(value)
    return "" if value is None else bare(str(value))


def _must_unpack_small(content: bytes) -> None:
    """Zip's own reader goes no further than what the directory says, so that whoever lies there is refused by it."""
    try:
        book = ZipFile(io.BytesIO(content))
        parts = book.infolist()
    except (BadZipFile, ValueError, OSError, NotImplementedError) as error:
        raise errors.Invalid(f"This workbook cannot be read. {_OTHERWISE}", field="file") from error
    at_once = [part.file_size for part in parts if not part.filename.startswith(_READ_ROW_BY_ROW)]
    if len(parts) > MAX_PARTS or sum(part.file_size for part in parts) > MAX_UNPACKED_BYTES or max(at_once, default=0) > MAX_PART_BYTES:
        raise _too_large()
    sheets = [part.file_size for part in parts if part.filename.startswith("xl/worksheets/")]
    # Each name of a sheet is followed when the workbook is opened, and many may lead to the same one.
    if max(sheets, default=0) > MAX_SHEET_BYTES or any(_names_many_sheets(book, part) for part in parts):
        raise _too_large()


def _names_many_sheets(book: ZipFile, part: ZipInfo) -> bool:
    if part.filename.startswith(_READ_ROW_BY_ROW):
        return False
    try:
        return len(re.findall(rb"<(?:\w+:)?sheet\s", book.read(part))) > MAX_SHEETS
    except Exception:  # noqa: BLE001 -- whatever is wrong with it, its reader says so
        return False


def _too_large() -> errors.TooLarge:
    return errors.TooLarge("This workbook unpacks to more than we accept. Save the sheet as a CSV file.", field="file")
