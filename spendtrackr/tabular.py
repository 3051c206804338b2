"""Files of rows that people upload: their encoding, their separator, and their rows with the line numbers of the file.

Rows are read as they are asked for, as often as is wanted: what is held is the file, never its rows.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, TextIO

from spendtrackr import errors

SEPARATORS = (",", ";", "\t", "|")
MAX_COLUMNS = 200
# How spreadsheets write "nothing".
_EMPTY = {"#n/a", "n/a", "#ref!", "#value!", "null", "none", "nan"}
_BYTE_ORDER_MARKS = {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE}
_CHUNK = 64 * 1024


@dataclass(frozen=True, slots=True)
class Row:
    """One row: where it begins in the file, and its cells by column."""

    line: int
    cells: list[str]

    @property
    def is_blank(self) -> bool:
        return not any(self.cells)


@dataclass(frozen=True, slots=True)
class TextFile:
    """The bytes of a text file, and how they are encoded."""

    content: bytes
    encoding: str

    def open(self) -> TextIO:
        """From the beginning, with its line ends as they are."""
        return io.TextIOWrapper(io.BytesIO(self.content), self.encoding, newline="")

    @property
    def text(self) -> str:
        return self.content.decode(self.encoding)

    def separator(self) -> str:
        """The separator that cuts the most of the first lines into the same, largest number of cells."""
        with self.open() as file:
            lines = (line for chunk in iter(lambda: file.readline(_CHUNK), "") for line in chunk.splitlines())
            sample = [line[:10_000] for line in islice(lines, 30) if line.strip()]

        def score(separator: str) -> tuple[int, int]:
            try:
                widths = [len(row) for row in csv.reader(sample, delimiter=separator)]
            except csv.Error:  # such as a quote that never ends: the reading itself will say where
                return (0, 0)
            usual = max(set(widths), key=lambda width: (widths.count(width), width), default=1)
            return (widths.count(usual) if usual > 1 else 0, usual)

        return max(SEPARATORS, key=score)

    def rows(self) -> Iterator[Row]:
        """The rows of a file of comma (or otherwise) separated values. Raises `Invalid` for `file` where it breaks."""
        separator, line, width = self.separator(), 1, 0
        with self.open() as file:
            reader = csv.reader(file, delimiter=separator, strict=True)
            try:
                for cells in reader:
                    if len(cells) > MAX_COLUMNS:
                        raise errors.Invalid(f"Line {line} has more than {MAX_COLUMNS} columns.", field="file")
                    if _holds_rows(cells, separator, width or len(cells)):
                        raise errors.Invalid(
                            f"The quote that opens on line {line} is never closed: other rows are inside of it.", field="file"
                        )
                    yield Row(line, [bare(cell) for cell in cells])
                    line, width = reader.line_num + 1, len(cells)
            except csv.Error as error:
                raise errors.Invalid(f"Line {line} cannot be read as CSV: {error}.", field="file") from error


def _holds_rows(cells: list[str], separator: str, width: int) -> bool:
    """Whether other rows are inside of a cell: lines of several cells, in a row of another width, or that begin as the row itself does.

    An address in quotes may have lines with commas of its own.
    """
    inside = [rest for cell in cells if "\n" in cell or "\r" in cell for rest in cell.splitlines()[1:] if rest.count(separator) >= 2]
    return bool(inside) and (len(cells) != width or any(_shape(rest.partition(separator)[0]) == _shape(cells[0]) for rest in inside))


def _shape(text: str) -> str:
    return re.sub(r"\d", "9", text.strip())


def must_be_no_larger(size: int, most: int, what: str) -> None:
    """Raises `TooLarge` for `file`; `what` is as in "A statement"."""
    if size > most:
        raise errors.TooLarge(f"{what} may have {most // 1024 // 1024} MB.", field="file")


def content_of(uploaded: Any, most: int, what: str) -> bytes:
    """The bytes of an uploaded file, from its beginning. Raises `TooLarge` for `file` before any of it is read."""
    must_be_no_larger(uploaded.size, most, what)
    uploaded.seek(0)  # a retried request reads it again
    content: bytes = uploaded.read()
    return content


def open_text(content: bytes, *, otherwise: str) -> TextFile:
    """A text file in whichever of the usual encodings. Raises `Invalid` for `file`; `otherwise` says what it should be instead."""
    if not content.strip():
        raise errors.Invalid("The file is empty.", field="file")
    usual = ("utf-16",) if content[:2] in _BYTE_ORDER_MARKS else ("utf-8-sig", *_declared(content), "cp1252")
    for encoding in usual:
        if _is_text(content, encoding):
            return TextFile(content, encoding)
    raise errors.Invalid(f"This is not a text file. {otherwise}", field="file")


def _declared(content: bytes) -> list[str]:
    """The encoding that an XML file says it has, if it is one that we know."""
    found = re.match(rb"\s*<\?xml[^>]*\sencoding=[\"']([\w.:-]{1,40})[\"']", content[:200])
    try:
        return [codecs.lookup(found[1].decode()).name] if found else []
    except LookupError:
        return []


def _is_text(content: bytes, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        for start in range(0, len(content), _CHUNK):
            if "\0" in decoder.decode(content[start : start + _CHUNK], final=start + _CHUNK >= len(content)):
                return False
    except UnicodeDecodeError:
        return False
    return True


def plain(name: str) -> str:
    """How column names compare: case, accents, punctuation and spacing do not matter."""
    name = re.sub(r"[(\[]\s*([A-Z]{3}|[$£€¥₪₹])\s*[)\]]", " ", name)  # "Amount (USD)" is an amount column
    folded = "".join(c for c in unicodedata.normalize("NFKD", name).casefold() if not unicodedata.combining(c))
    return " ".join(re.sub(r"[\W_]+", " ", folded).split())


def unique(names: list[str]) -> list[str]:
    """Column names, a doubled one called `Amount (2)`."""
    seen: dict[str, int] = {}
    told = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        told.append(f"{name} ({seen[name]})" if name and seen[name] > 1 else name)
    return told


def bare(text: str) -> str:
    """A cell without the blanks around it; blank where a spreadsheet says that there is nothing."""
    stripped = text.strip().strip("\u00a0\ufeff").strip()
    return "" if stripped.casefold() in _EMPTY else stripped
