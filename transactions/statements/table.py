"""A statement as a table: its header, and its rows with the line numbers of the file."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice, pairwise

from spendtrackr import errors
from spendtrackr.card_numbers import without_card_numbers
from spendtrackr.tabular import Row, TextFile, open_text, plain, unique

# A header stands near the beginning: what comes before it is kept, to be reported row by row.
_LETTERHEAD = 1_000


@dataclass(frozen=True, slots=True)
class Body:
    """The rows below the header of a CSV file, read anew each time: a file of 100,000 rows takes no more memory than its bytes."""

    file: TextFile
    begins: int
    size: int

    def __len__(self) -> int:
        return self.size

    def __iter__(self) -> Iterator[Row]:
        return islice(self.file.rows(), self.begins, None)


@dataclass(frozen=True, slots=True)
class Table:
    """A header and what follows it. `columns` are unique: a doubled one is called `Amount (2)`."""

    columns: list[str]
    header_line: int
    rows: list[Row] | Body
    # Rows above the header, such as a bank's letterhead.
    preamble: list[Row]
    # Lines that tell of nothing to book, with the reason, and what to say of the file: formats other than CSV.
    left_out: list[tuple[int, str]] = field(default_factory=list)
    notes: tuple[str, ...] = ()

    def is_header(self, row: Row) -> bool:
        """A header that was repeated further down, as joined files have it."""
        return _same(filter(None, row.cells), (re.sub(r" \(\d+\)$", "", name) for name in self.columns if name))


def _same(cells: Iterable[str], names: Iterable[str]) -> bool:
    """Whether they compare as equal, one by one: nearly every row differs in its first cell, and is looked at no further."""
    pairs = iter(names)
    for cell in cells:
        if (name := next(pairs, None)) is None or plain(cell) != plain(name):
            return False
    return next(pairs, None) is None


def _names_columns(row: Row, known: frozenset[str]) -> bool:
    return sum(bool(cell) and plain(cell) in known for cell in row.cells) >= 2


_DAY = re.compile(r"\d{1,4}([./ -])\d{1,2}\1\d{1,4}\b.*|(19|20)\d{6}|\d{1,2}[ .-]+\w{3,9}[ .-]+\d{2,4}")
_NUMBER = re.compile(r"[^\w]*\d[\d., '\u00a0\u2019]*[^\w]*")


def is_day(cell: str) -> bool:
    """Whether it looks like one, however it is written."""
    return _DAY.fullmatch(cell) is not None


def is_number(cell: str) -> bool:
    return _NUMBER.fullmatch(cell) is not None and not is_day(cell)


def _guessed_header(rows: list[Row]) -> int | None:
    """The place of the first row of nothing but words above one with a day and a number: a header whose names we do not know."""
    filled = [(place, row) for place, row in enumerate(rows) if any(row.cells)]
    for (place, row), (_, below) in pairwise(filled):
        words = [cell for cell in row.cells if cell]
        are_names = len({plain(word) for word in words}) == len(words) >= 2 and all(
            any(letter.isalpha() for letter in word) and not is_day(word) for word in words
        )
        if are_names and any(map(is_day, below.cells)) and any(map(is_number, below.cells)):
            return place
    return None


def read(file: TextFile, *, known: frozenset[str], header_line: int | None = None) -> Table:
    """The table in a CSV file. `known` are the plain column names that make a row a header, unless it is known on which line that begins.

    Where no row has any of them, one that looks like a header is taken for it: somebody has to say what its columns are.
    Raises `Invalid` for `file`.
    """
    preamble: list[Row] = []
    header, size = None, 0
    for row in file.rows():
        if header is not None:
            size += 1
        elif row.line == header_line or (header_line is None and _names_columns(row, known)):
            header = row
        elif len(preamble) < _LETTERHEAD:
            preamble.append(row)
        else:
            break
    if header is None and header_line is None and (place := _guessed_header(preamble)) is not None:
        size = sum(1 for _ in islice(file.rows(), place + 1, None))
        header, preamble = preamble[place], preamble[:place]
    if header is None:
        raise errors.Invalid(
            "No header row was found: a statement needs one row that names at least a date and an amount column.", field="file"
        )
    return Table(unique(header.cells), header.line, Body(file, len(preamble) + 1, size), preamble)


def open_file(content: bytes) -> TextFile:
    """The file, in whichever of the usual encodings, and without card numbers: what is read, kept or told has none. Raises `Invalid`."""
    file = open_text(content, otherwise="Export the statement as CSV, OFX, MT940 or CAMT.")
    masked = io.BytesIO()
    with file.open() as lines:
        for line in lines:
            masked.write(without_card_numbers(line).encode())
    return TextFile(masked.getvalue(), "utf-8")
