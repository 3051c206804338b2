"""Turn rows into lines to book, or into reasons why not. Every row ends as exactly one of the two."""

from __future__ import annotations

import hashlib
import heapq
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from cards.controls import merchant_key
from companies.merchant_categories import normalise_code
from spendtrackr.card_numbers import without_marks
from spendtrackr.money import KNOWN_CURRENCIES, MAX_MINOR, Money, NotRepresentable, is_one_group, parse_amount
from spendtrackr.tabular import Row
from transactions.merchants import clean_name
from transactions.statements.entries import last4
from transactions.statements.mapping import SYNONYMS, Mapping, cell, header_currency, is_out, parse_date, readable
from transactions.statements.table import Table


@dataclass(frozen=True, slots=True)
class Issue:
    """A row that was not booked: skipped (blank, repeated header) or rejected, with its line in the file."""

    line: int
    kind: str
    reason: str
    field: str = ""
    # What could be booked, had somebody taken it for spend.
    of: Line | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """A row that can be booked. `amount` is above zero for a charge, below for a credit."""

    line: int
    occurred_on: date
    posted_on: date | None
    amount: Money
    original: Money | None
    is_unbilled: bool
    descriptor: str
    merchant_code: str
    card_last4: str
    category: str
    reference: str

    @property
    def day(self) -> date:
        """Spend counts on the posting day; without one, on the transaction day."""
        return self.posted_on or self.occurred_on

    def normalised(self) -> str:
        """What makes the row this row, however its file spaces or orders the columns."""
        original = [self.original.minor, self.original.currency] if self.original else None
        parts = [
            self.occurred_on.isoformat(),
            self.posted_on.isoformat() if self.posted_on else "",
            [self.amount.minor, self.amount.currency],
            original,
            merchant_key(self.descriptor),
            self.merchant_code,
            self.card_last4,
            self.reference,
        ]
        return json.dumps(parts)


class BadCell(Exception):
    """A cell that cannot be read."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(reason)
        self.name, self.reason = name, reason


@dataclass(slots=True)
class Tally:
    """What lines add up to."""

    # By currency, in minor units, and how many foreign ones have no billing amount.
    totals: Counter[str] = field(default_factory=Counter)
    unbilled: Counter[str] = field(default_factory=Counter)

    def add(self, line: Line) -> None:
        self.totals[line.amount.currency] += line.amount.minor
        if line.is_unbilled:
            self.unbilled[line.amount.currency] += 1

    def notes(self) -> list[str]:
        """What a person should know about how they were read."""
        if not self.unbilled:
            return []
        listed = ", ".join(f"{count} in {currency}" for currency, count in sorted(self.unbilled.items()))
        verb = "row has" if self.unbilled.total() == 1 else "rows have"
        return [f"{self.unbilled.total()} foreign {verb} no billing amount; booked in their own currency: {listed}."]


@dataclass(frozen=True, slots=True)
class Reading:
    """The rows of a file, each as a line to book or as the reason why not, in the order of the file.

    They are read anew each time they are gone through, and are the same ones each time.
    """

    table: Table
    mapping: Mapping
    company_currency: str
    # What was taken for granted.
    notes: list[str]

    @property
    def rows(self) -> int:
        return len(self.table.rows) + len(self.table.preamble) + len(self.table.left_out)

    def __iter__(self) -> Iterator[Line | Issue]:
        for row in self.table.preamble:
            yield Issue(row.line, "skipped", "It stands above the header.")
        left_out = (Issue(line, "skipped", reason) for line, reason in self.table.left_out)
        reader = RowReader(self.table, self.mapping, self.company_currency)
        yield from heapq.merge(left_out, map(reader.told, self.table.rows), key=lambda told: told.line)

    @property
    def lines(self) -> list[Line]:
        return [told for told in self if isinstance(told, Line)]

    @property
    def issues(self) -> list[Issue]:
        return [told for told in self if isinstance(told, Issue)]


def read_lines(table: Table, mapping: Mapping, *, company_currency: str) -> Reading:
    """Every row below and above the header."""
    unnamed = rows = 0
    if not header_currency(mapping):
        for row in table.rows:
            if not row.is_blank and not table.is_header(row):
                rows, unnamed = rows + 1, unnamed + (not cell(row, table, mapping, "currency"))
    said = "The file names" if unnamed == rows else "1 row names" if unnamed == 1 else f"{unnamed} rows name"
    return Reading(table, mapping, company_currency, [f"{said} no currency; {company_currency} was assumed."] if unnamed else [])


class RowReader:
    """Reads the rows of one file in one way."""

    def __init__(self, table: Table, mapping: Mapping, company_currency: str) -> None:
        self.table, self.mapping = table, mapping
        self.usual_currency = header_currency(mapping) or company_currency
        self.places = {name: table.columns.index(column) for name, column in mapping.columns.items()}
        # Some banks write debits, or credits, as negative numbers in a column of their own; the odd one out is then a reversal.
        self.turned = {name: self._mostly_negative(name) for name in ("debit", "credit") if name in mapping.columns}

    def _mostly_negative(self, name: str) -> bool:
        cells = [cell(row, self.table, self.mapping, name) for row in self.table.rows]
        written = [text for text in cells if text]
        return sum("-" in text or "(" in text or "\u2212" in text for text in written) * 2 > len(written)

    def told(self, row: Row) -> Line | Issue:
        """The row as a line, or as the reason why there is none."""
        if row.is_blank:
            return Issue(row.line, "skipped", "The row is blank.")
        if self.table.is_header(row):
            return Issue(row.line, "skipped", "The header is repeated.")
        try:
            return self.line(row)
        except BadCell as bad:
            return Issue(row.line, "rejected", bad.reason, bad.name)

    def line(self, row: Row) -> Line:
        """The row as a line. Raises `BadCell` naming the cell that cannot be read."""
        if any(row.cells[len(self.table.columns) :]):
            raise BadCell("", f"The row has more cells than the header's {len(self.table.columns)}.")
        raw = {name: row.cells[at] for name, at in self.places.items() if at < len(row.cells)}
        texts = dict.fromkeys(SYNONYMS, "") | {name: without_marks(text) for name, text in raw.items()}
        posted_on = _date("posting_date", texts["posting_date"], self.mapping)
        occurred_on = _date("transaction_date", texts["transaction_date"], self.mapping) or posted_on
        if occurred_on is None:
            raise BadCell("transaction_date", "The date is missing.")
        currency = (texts["currency"] or self.usual_currency).upper()
        original, billed = self._original(texts), self._billed(texts, currency)
        amount = billed or original or _no_amount()
        if amount.minor == 0:
            raise BadCell("amount", "The amount is zero: there is nothing to book.")
        return Line(
            line=row.line,
            occurred_on=occurred_on,
            posted_on=posted_on,
            amount=amount,
            original=original,
            is_unbilled=billed is None and amount.currency != currency,
            descriptor=clean_name(texts["merchant"]),
            merchant_code=_code(texts["merchant_code"]),
            card_last4=last4(texts["card"]),
            category=clean_name(texts["category"])[:80],
            reference=raw.get("reference", "")[:120],
        )

    def _billed(self, texts: dict[str, str], currency: str) -> Money | None:
        """What was charged: above zero when money went out."""
        if texts["amount"]:
            return self._signed("amount", texts["amount"], currency, texts["direction"])
        if texts["debit"] or texts["credit"]:
            if self._number("debit", texts["debit"], currency) and self._number("credit", texts["credit"], currency):
                raise BadCell("debit", "Debit and credit are both filled in.")
            out = self._number("debit", texts["debit"], currency) * (-1 if self.turned["debit"] else 1)
            back = self._number("credit", texts["credit"], currency) * (-1 if self.turned["credit"] else 1)
            return _money("debit" if texts["debit"] else "credit", out - back, currency)
        return None

    def _original(self, texts: dict[str, str]) -> Money | None:
        if not texts["original_amount"] or not texts["original_currency"]:
            return None
        return self._signed("original_amount", texts["original_amount"], texts["original_currency"], texts["direction"])

    def _signed(self, name: str, text: str, currency: str, direction: str) -> Money:
        value = self._number(name, text, currency)
        if direction:
            went_out = is_out(direction)
            if went_out is None:
                raise BadCell("direction", f"{direction[:40]!r} does not say whether money went out.")
            return _money(name, abs(value) if went_out else -abs(value), currency)
        return _money(name, value if self.mapping.charges == "positive" else -value, currency)

    def _number(self, name: str, text: str, currency: str) -> Decimal:
        """The number in a cell, zero for a blank one. A currency that stands beside it must be the row's."""
        if not text:
            return Decimal(0)
        try:
            written = parse_amount(text, decimal_mark=self.mapping.decimal_mark)
        except ValueError as error:
            raise BadCell(name, f"{text[:40]!r} is not a number.") from error
        if is_one_group(text, currency.strip().upper(), self.mapping.decimal_mark):
            raise BadCell(name, f"{text[:40]!r} is thousands, or has three decimals: say which mark stands before the decimals.")
        if not written.agrees_with(currency.strip().upper()):
            raise BadCell(name, f"{text[:40]!r} is in another currency than the row, {currency[:20]}.")
        return written.value


def _no_amount() -> Money:
    raise BadCell("amount", "The amount is missing.")


def _date(name: str, text: str, mapping: Mapping) -> date | None:
    if not text:
        return None
    found = parse_date(text, mapping.date_format)
    if found is None:
        raise BadCell(name, f"{text[:40]!r} is not a date between 1990 and 2099 written as {readable(mapping.date_format)}.")
    return found


def _money(name: str, value: Decimal, currency: str) -> Money:
    code = currency.strip().upper()
    if code not in KNOWN_CURRENCIES:
        raise BadCell("currency" if name != "original_amount" else "original_currency", f"{currency[:20]!r} is not an ISO 4217 currency.")
    try:
        money = Money.parse(value, code)
    except NotRepresentable as error:
        raise BadCell(name, f"{value} has more decimal places than {code} has.") from error
    if abs(money.minor) > MAX_MINOR:
        raise BadCell(name, "The amount is larger than we can book.")
    return money


def _code(text: str) -> str:
    try:
        return normalise_code(text)
    except ValueError as error:
        raise BadCell("merchant_code", f"{text[:20]!r} is not a merchant category code.") from error


class Identities:
    """One hash a line: source, normalised row, n-th occurrence in the file. So twins differ, and the same file twice does not."""

    def __init__(self, source: str) -> None:
        self.source = source
        # By a hash of the row: 100,000 rows take some 15 MB, however long they are.
        self.seen: Counter[bytes] = Counter()

    def of(self, line: Line) -> str:
        row = line.normalised()
        key = hashlib.blake2b(row.encode(), digest_size=16).digest()
        self.seen[key] += 1
        return hashlib.sha256(json.dumps([self.source, row, self.seen[key]]).encode()).hexdigest()
