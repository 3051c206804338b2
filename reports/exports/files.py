"""Write CSV and spreadsheets, block by block: memory stays flat, and whoever writes may pause after each block."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from tempfile import TemporaryDirectory
from typing import IO, Any

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from reports.exports.columns import Column
from spendtrackr import errors
from spendtrackr.exports import Value
from spendtrackr.money import Money, exponent

# Of a sheet, with its head. Excel opens no more.
MOST_ROWS = 1_048_576
TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "zip": "application/zip",
}
_TEXT_IS_TEXT = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}


def write_csv(blocks: Iterable[tuple[str, int]], file: IO[bytes]) -> Iterator[int]:
    for block, done in blocks:
        file.write(block.encode())
        yield done


def write_xlsx(title: str, columns: Sequence[Column], blocks: Iterable[Sequence[Sequence[Value]]], file: IO[bytes]) -> Iterator[int]:
    """Rows go to a file of their own while they come, and into the workbook at the end."""
    with TemporaryDirectory() as folder:
        book = xlsxwriter.Workbook(file, {"constant_memory": True, "tmpdir": folder, "use_zip64": True, **_TEXT_IS_TEXT})
        sheet, styles = book.add_worksheet(title[:31]), _Styles(book)
        _head(sheet, columns, styles)
        done = 0
        try:
            for rows in blocks:
                for row in rows:
                    done += 1
                    _write_row(sheet, done, row, styles)
                yield done
        except BaseException:
            # Also where nobody asks for the next block: a workbook that is not closed leaves this to chance.
            sheet.row_data_fh.close()
            raise
        book.close()


class TooManyRows(errors.InvalidState):
    message = f"An Excel sheet holds {MOST_ROWS - 1:,} rows and a head. Narrow it down, or take CSV."


def _head(sheet: Worksheet, columns: Sequence[Column], styles: _Styles) -> None:
    sheet.freeze_panes(1, 0)
    for place, column in enumerate(columns):
        sheet.set_column(place, place, column.width)
        sheet.write_string(0, place, column.name, styles.head)


def _write_row(sheet: Worksheet, number: int, row: Sequence[Value], styles: _Styles) -> None:
    if number >= MOST_ROWS:
        raise TooManyRows
    for place, value in enumerate(row):
        if isinstance(value, str):
            sheet.write_string(number, place, value)
        elif isinstance(value, Money):
            sheet.write_number(number, place, float(value.decimal), styles.money(value.currency))
        elif isinstance(value, datetime):
            # Cells have no time zone: the head says which.
            sheet.write_datetime(number, place, value.astimezone(UTC).replace(tzinfo=None), styles.instant)
        elif isinstance(value, date):
            sheet.write_datetime(number, place, value, styles.day)
        elif isinstance(value, int | Decimal):
            sheet.write_number(number, place, float(value) if isinstance(value, Decimal) else value)


class _Styles:
    """The formats of a workbook's cells, each made once."""

    def __init__(self, book: Any) -> None:
        make = partial(book.add_format)
        self.head: Format = make({"bold": True, "bottom": 1})
        self.day: Format = make({"num_format": "yyyy-mm-dd"})
        self.instant: Format = make({"num_format": "yyyy-mm-dd hh:mm:ss"})
        self._amounts: dict[int, Format] = {
            places: make({"num_format": "#,##0" + ("." + "0" * places if places else "")}) for places in (0, 2, 3, 4)
        }

    def money(self, currency: str) -> Format:
        return self._amounts[exponent(currency)]
