"""Files that people open in a spreadsheet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal

from django.http import StreamingHttpResponse
from django.utils.http import content_disposition_header

from spendtrackr.money import Money

# A cell that begins with one of these is a formula to a spreadsheet, whoever wrote it (OWASP: CSV injection); the wide ones count too.
FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
# Without it Excel reads names in the wrong encoding.
BYTE_ORDER_MARK = "\ufeff"
CSV_TYPE = "text/csv; charset=utf-8"

Value = Money | Decimal | int | date | str | None


def cell(value: Value) -> str:
    """Numbers and days stay what they are; text stands in quotes, and no spreadsheet computes it. An amount stands beside its currency."""
    if isinstance(value, str):
        return f'"{neutral(value).replace(chr(34), chr(34) * 2)}"'
    if isinstance(value, Money):
        return f"{value.decimal:f}"
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    return "" if value is None else str(value)


def neutral(text: str) -> str:
    """With an apostrophe before what would be a formula."""
    return f"'{text}" if text.startswith(FORMULA_SIGNS) else text


def line(values: Iterable[Value]) -> str:
    """RFC 4180."""
    return ",".join(map(cell, values)) + "\r\n"


def csv_lines(head: Iterable[str], rows: Iterable[Iterable[Value]], *, for_people: bool = True) -> Iterator[str]:
    """For people with a byte order mark first. A program that reads the file would take that for a part of the first column's name."""
    yield (BYTE_ORDER_MARK if for_people else "") + line(head)
    for row in rows:
        yield line(row)


def csv_download(filename: str, lines: Iterable[str]) -> StreamingHttpResponse:
    """Sent as it is written. Whoever makes the lines later than the request enters the company's scope themselves."""
    return StreamingHttpResponse(lines, content_type=CSV_TYPE, headers=download_headers(filename))


def download_headers(filename: str) -> dict[str, str]:
    """Never shown in the browser, and kept nowhere on the way."""
    return {
        "Content-Disposition": str(content_disposition_header(as_attachment=True, filename=filename)),
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "private, no-store",
    }
