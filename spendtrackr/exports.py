"""Files that people open in a spreadsheet."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator

from django.http import StreamingHttpResponse

# A cell that begins with one of these is a formula to a spreadsheet, whoever wrote it (OWASP: CSV injection).
_STARTS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class _Echo:
    """Hands each line on instead of keeping it."""

    def write(self, line: str) -> str:
        return line


def cell(value: object) -> str:
    """As text that no spreadsheet computes; numbers stay numbers."""
    text = "" if value is None else str(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(_STARTS_A_FORMULA) else text


def csv_lines(head: Iterable[str], rows: Iterable[Iterable[object]], *, for_people: bool = True) -> Iterator[str]:
    """RFC 4180. For people with a byte order mark first: without one Excel reads names in the wrong encoding.

    A program that reads the file would take the mark for a part of the first column's name.
    """
    writer = csv.writer(_Echo())
    yield ("\ufeff" if for_people else "") + writer.writerow(head)
    for row in rows:
        yield writer.writerow([cell(value) for value in row])


def csv_download(filename: str, head: Iterable[str], rows: Iterable[Iterable[object]], *, for_people: bool = True) -> StreamingHttpResponse:
    """Sent as it is written, and never shown in the browser."""
    return StreamingHttpResponse(
        csv_lines(head, rows, for_people=for_people),
        content_type="text/csv; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="{filename}"',
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-store",
        },
    )
