"""A CSV file as a table: its encoding, its separator, its header, and its rows with the line numbers of the file."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field

from spendtrackr import errors

SEPARATORS = (",", ";", "\t", "|")
MAX_COLUMNS = 200
# How spreadsheets write "nothing".
_EMPTY = {"#n/a", "n/a", "#ref!", "#value!", "null", "none", "nan"}


@dataclass(frozen=True, slots=True)
class Row:
    """One row: where it begins in the file, and its cells by column."""

    line: int
    cells: list[str]

    @property
    def is_blank(self) -> bool:
        return not any(self.cells)


@dataclass(frozen=True, slots=True)
class Table:
    """A header and what follows it. `columns` are unique: a doubled one is called `Amount (2)`."""

    columns: list[str]
    header_line: int
    rows: list[Row]
    # Rows above the header, such as a bank's letterhead.
    preamble: list[Row]
    # Lines that tell of nothing to book, with the reason, and what to say of the file: formats other than CSV.
    left_out: list[tuple[int, str]] = field(default_factory=list)
    notes: tuple[str, ...] = ()

    def is_header(self, row: Row) -> bool:
        """A header that was repeated further down, as joined files have it."""
        return [plain(cell) for cell in row.cells if cell] == [plain(re.sub(r" \(\d+\)$", "", name)) for name in self.columns if name]


def plain(name: str) -> str:
    """How column names compare: case, accents, punctuation and spacing do not matter."""
    name = re.sub(r"[(\[]\s*([A-Z]{3}|[$£€¥₪₹])\s*[)\]]", " ", name)  # "Amount (USD)" is an amount column
    folded = "".join(c for c in unicodedata.normalize("NFKD", name).casefold() if not unicodedata.combining(c))
    return " ".join(re.sub(r"[\W_]+", " ", folded).split())


def read(text: str, *, known: frozenset[str]) -> Table:
    """The table in the text of a CSV file. `known` are the plain column names that make a row a header. Raises `Invalid` for `file`."""
    rows = list(_rows(text))
    position = next((i for i, row in enumerate(rows) if sum(bool(cell) and plain(cell) in known for cell in row.cells) >= 2), None)
    if position is None:
        raise errors.Invalid(
            "No header row was found: a statement needs one row that names at least a date and an amount column.", field="file"
        )
    header = rows[position]
    return Table(_unique(header.cells), header.line, rows[position + 1 :], rows[:position])


def decode(content: bytes) -> str:
    """The text of a file, in whichever of the usual encodings. Raises `Invalid` for `file`."""
    if not content.strip():
        raise errors.Invalid("The file is empty.", field="file")
    for encoding in ("utf-16",) if content[:2] in {b"\xff\xfe", b"\xfe\xff"} else ("utf-8-sig", "cp1252"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise errors.Invalid("This is not a text file. Export the statement as CSV, OFX, MT940 or CAMT.", field="file")


def _rows(text: str) -> Iterator[Row]:
    separator = _separator(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    line = 1
    try:
        for cells in reader:
            if len(cells) > MAX_COLUMNS:
                raise errors.Invalid(f"Line {line} has more than {MAX_COLUMNS} columns.", field="file")
            if any(rest.count(separator) >= 2 for cell in cells for rest in cell.splitlines()[1:]):
                raise errors.Invalid(f"The quote that opens on line {line} is never closed: other rows are inside of it.", field="file")
            yield Row(line, [_cell(cell) for cell in cells])
            line = reader.line_num + 1
    except csv.Error as error:
        raise errors.Invalid(f"Line {line} cannot be read as CSV: {error}.", field="file") from error


def _cell(text: str) -> str:
    bare = text.strip().strip("\u00a0\ufeff").strip()
    return "" if bare.casefold() in _EMPTY else bare


def _separator(text: str) -> str:
    """The separator that cuts the most of the first lines into the same, largest number of cells."""
    sample = [line[:10_000] for line in text.splitlines()[:30] if line.strip()]

    def score(separator: str) -> tuple[int, int]:
        try:
            widths = [len(row) for row in csv.reader(sample, delimiter=separator)]
        except csv.Error:  # such as a quote that never ends: the reading itself will say where
            return (0, 0)
        usual = max(set(widths), key=lambda width: (widths.count(width), width), default=1)
        return (widths.count(usual) if usual > 1 else 0, usual)

    return max(SEPARATORS, key=score)


def _unique(names: list[str]) -> list[str]:
    seen: dict[str, int] = {}
    unique = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        unique.append(f"{name} ({seen[name]})" if name and seen[name] > 1 else name)
    return unique
