"""Which column means what, and how its dates and numbers are written: proposed from the file, kept per company."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime
from functools import lru_cache
from itertools import islice
from typing import Any

from spendtrackr import errors
from spendtrackr.money import parse_decimal
from spendtrackr.tabular import Row, plain
from transactions.statements.table import Table, is_day, is_number

# The names that banks and card programmes give to each column, best first: in English, then in the languages of Western Europe.
SYNONYMS: dict[str, tuple[str, ...]] = {
    "transaction_date": (
        "trans date", "transaction date", "purchase date", "date of transaction", "date utc", "datum verrichting", "buchungstag", "date",
        "datum", "booking date", "value date", "date of purchase", "started date", "buchungsdatum", "kaufdatum", "belegdatum",
        "umsatzdatum", "date operation", "date d operation", "date de l operation", "date de transaction", "fecha",
        "fecha operacion", "fecha de operacion", "data", "data operazione", "data movimento", "dato", "transaktionsdatum",
        "transaktionsdag", "kopdatum",
    ),
    "posting_date": (
        "trans post date", "post date", "posting date", "posted date", "date posted", "datum verrekening", "clearing date",
        "settlement date", "rentedatum", "wertstellung", "completed date", "valutadatum", "date comptable", "date de comptabilisation",
        "fecha valor", "fecha contable", "data contabile", "data valuta", "data valor", "bokforingsdag", "bokforingsdatum",
    ),
    "amount": (
        "billing gross amt", "billing amount", "amount charged", "amount", "bedrag", "betrag", "gross", "gross amount", "montant",
        "importe", "value", "umsatz", "importo", "valor", "belopp", "belob", "belop",
    ),
    "currency": (
        "billing cur code", "billing currency", "currency", "currency code", "munt", "wahrung", "devise", "moneda", "divisa", "moeda",
    ),
    "debit": (
        "debit", "debit amount", "debet", "soll", "money out", "paid out", "withdrawals", "withdrawal", "belastung", "cargo", "cargos",
        "dare", "addebiti", "uscite", "debito",
    ),
    "credit": (
        "credit", "credit amount", "haben", "money in", "paid in", "deposits", "deposit", "gutschrift", "abono", "abonos", "avere",
        "accrediti", "entrate", "credito",
    ),
    "direction": (
        "transaction type", "debit credit", "credit debit", "dr cr", "cr dr", "direction", "type", "soll haben", "soll haben kennzeichen",
        "af bij",
    ),
    "original_amount": (
        "original gross amt", "original amount", "transaction amount", "foreign amount", "local amount", "oorspr bedrag",
    ),
    "original_currency": (
        "original cur", "original currency", "transaction currency", "foreign currency", "local currency", "oorspr munt",
    ),
    "merchant": (
        "merchant name", "merchant", "payee", "supplier", "vendor", "handelaar", "naam tegenpartij", "description", "name", "narrative",
        "details", "handler", "haendler", "empfanger", "zahlungsempfanger", "beguenstigter zahlungspflichtiger",
        "begunstigter zahlungspflichtiger", "auftraggeber", "counterparty", "beneficiary", "shop", "store", "retailer", "naam omschrijving",
        "naam", "commercant", "beneficiaire", "comercio", "establecimiento", "beneficiario", "esercente", "estabelecimento", "butik",
        "mottagare", "transaction description", "transaction details", "original description", "omschrijving", "omschrijving 1",
        "verwendungszweck", "libelle", "libelle operation", "concepto", "descripcion", "descrizione", "descricao", "beskrivning",
        "beskrivelse", "tekst", "text", "memo",
    ),
    "merchant_code": ("mcc code", "mcc", "merchant category code", "merchant category"),
    "card": (
        "card number", "card no", "last four digits", "card last 4", "card", "kredietkaart", "last four", "last 4", "card ending",
        "kartennummer", "karte", "numero de carte", "carte", "tarjeta", "numero de tarjeta", "numero carta", "kortnummer",
    ),
    "category": (
        "trans cac desc 1", "category", "expense category", "expense type", "account description", "gl description", "kategorie",
        "categorie", "categoria", "kategori",
    ),
    "reference": (
        "reference", "transaction id", "transaction reference", "transactiereferentie", "ref", "id", "reference number", "referenz",
        "kundenreferenz", "referencia",
    ),
}  # fmt: skip
# So many cells tell how all of them are written.
_SAMPLE = 5_000
# Columns of this name are about many things; any other that may say the direction is about that alone.
_LOOSE_DIRECTIONS = {"type", "transaction type"}
KNOWN = frozenset(name for names in SYNONYMS.values() for name in names)

# What a direction column may say, and whether money went out.
DIRECTIONS = {
    **dict.fromkeys(
        (
            "debit",
            "dr",
            "d",
            "db",
            "dbit",
            "debet",
            "debito",
            "charge",
            "purchase",
            "sale",
            "out",
            "-",
            "soll",
            "s",
            "lastschrift",
            "belastung",
            "af",
            "cargo",
            "dare",
        ),
        True,
    ),
    **dict.fromkeys(
        ("credit", "cr", "c", "crdt", "credito", "refund", "return", "in", "+", "haben", "h", "gutschrift", "bij", "abono", "avere"),
        False,
    ),
}

DATE_FORMATS = (
    "%Y-%m-%d", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d", "%Y%m%d", "%d/%m/%y", "%m/%d/%y", "%d.%m.%y",
    "%d %b %Y", "%d-%b-%Y", "%d %B %Y", "%b %d, %Y", "%d %b %y", "%d-%b-%y",
)  # fmt: skip
_MONTH_FIRST = {"%m/%d/%Y", "%m-%d-%Y", "%m/%d/%y"}
# Countries that write the month first; everywhere else an ambiguous 03/04 is the third of April.
_MONTH_FIRST_COUNTRIES = {"US", "PH", "PR", "GU", "VI", "AS", "MP", "FM", "MH", "PW"}


@dataclass(frozen=True, slots=True)
class Mapping:
    """How to read a file. `columns` names the file's own column for each of our fields."""

    columns: dict[str, str]
    date_format: str = "%Y-%m-%d"
    decimal_mark: str = "."
    # Whether money that was spent stands there as a positive or as a negative number.
    charges: str = "positive"
    notes: tuple[str, ...] = field(default=(), compare=False)

    def as_dict(self) -> dict[str, Any]:
        """Without the notes: they are about one file."""
        return {name: value for name, value in asdict(self).items() if name != "notes"}

    @classmethod
    def from_dict(cls, given: Any, table: Table, *, otherwise: Mapping | None = None) -> Mapping:
        """A mapping that somebody wrote; parts that it leaves out come from `otherwise`. Raises `Invalid` naming the part."""
        if not isinstance(given, dict) or not isinstance(given.get("columns"), dict):
            raise errors.Invalid("A mapping is an object with `columns`.", field="mapping")
        for name in given:
            if name not in {"columns", "date_format", "decimal_mark", "charges"}:
                raise errors.Invalid("A mapping has no such part.", field=f"mapping.{name}", code="unknown_field")
        parts = {name: given[name] for name in ("date_format", "decimal_mark", "charges") if name in given}
        columns = {name: _own_column(name, column, table) for name, column in given["columns"].items()}
        mapping = replace(otherwise, columns=columns, **parts) if otherwise else cls(columns, **parts)
        mapping.check()
        return mapping

    def check(self) -> None:
        """Raises `Invalid` unless the mapping says enough to book anything."""
        if self.date_format not in DATE_FORMATS:
            raise errors.Invalid(f"date_format is one of {', '.join(DATE_FORMATS)}.", field="mapping.date_format")
        if self.decimal_mark not in (".", ","):
            raise errors.Invalid("The decimal mark is . or ,", field="mapping.decimal_mark")
        if self.charges not in ("positive", "negative"):
            raise errors.Invalid("Charges are positive or negative numbers.", field="mapping.charges")
        if "transaction_date" not in self.columns and "posting_date" not in self.columns:
            raise errors.Invalid("No column is known to hold the date.", field="mapping.columns.transaction_date", code="required")
        if not {"amount", "original_amount", "debit", "credit"} & set(self.columns):
            raise errors.Invalid("No column is known to hold the amount.", field="mapping.columns.amount", code="required")


def _own_column(name: str, column: Any, table: Table) -> str:
    """The file's spelling of a column that the mapping names."""
    if name not in SYNONYMS:
        raise errors.Invalid("There is no such field to map.", field=f"mapping.columns.{name}", code="unknown_field")
    if column and column in table.columns:
        return str(column)
    found = next((own for own in table.columns if plain(own) and plain(own) == plain(str(column))), None)
    if found is None:
        raise errors.Invalid("The file has no such column.", field=f"mapping.columns.{name}")
    return found


def header_hash(table: Table) -> str:
    """Equal for files with the same columns, in whatever order and case."""
    return hashlib.sha256(json.dumps(sorted(" ".join(name.casefold().split()) for name in table.columns)).encode()).hexdigest()


def propose(table: Table, *, country: str, partly: bool = False) -> Mapping:
    """The likeliest reading of a file. Raises `Invalid` when it shows no date or no amount column, unless a part will do."""
    mapping = read_by(table, _columns(table), country=country)
    if not partly:
        mapping.check()
    return mapping


def read_by(table: Table, columns: dict[str, str], *, country: str) -> Mapping:
    """By these columns, as this file writes them; it also says itself whether its column of the direction is needed."""
    columns, notes = _settle_direction(table, columns)
    found = detect(table, columns, country=country)
    return replace(found, notes=(*found.notes, *notes))


def detect(table: Table, columns: dict[str, str], *, country: str) -> Mapping:
    """How the file writes its dates and numbers in these columns, with a note on everything that was a guess."""
    days = _values(table, columns, ("transaction_date", "posting_date"))
    amounts = _values(table, columns, ("amount", "original_amount", "debit", "credit"))
    # Where somebody is still to say which column it is: whatever looks like one.
    others = [] if days and amounts else [cell for row in islice(table.rows, _SAMPLE) for cell in row.cells]
    date_format, notes = _date_format(days or list(filter(is_day, others)), country)
    mark = _decimal_mark(amounts or list(filter(is_number, others)))
    charges = "positive"
    if "direction" not in columns:
        signed = _values(table, columns, ("amount",)) or _values(table, columns, ("original_amount",))
        charges, said = _charges(signed or ([] if amounts else list(filter(is_number, others))), mark)
        notes += said
    notes += [
        f"The file has more than one column {name!r}; the first was read." for name in columns.values() if f"{name} (2)" in table.columns
    ]
    if "merchant" not in columns:
        notes.append("No column was recognised to hold the merchant.")
    return Mapping(columns, date_format, mark, charges, tuple(notes))


def missing(mapping: Mapping) -> list[str]:
    """Fields without which nothing can be booked, and which no column was recognised for."""
    lacking = [] if {"transaction_date", "posting_date"} & set(mapping.columns) else ["transaction_date"]
    return lacking if {"amount", "original_amount", "debit", "credit"} & set(mapping.columns) else [*lacking, "amount"]


def header_currency(mapping: Mapping) -> str:
    """The currency that the amount column's own name gives, as in `Amount (USD)` or `Betrag (€)`; blank where it gives none."""
    name = next((mapping.columns[field] for field in ("amount", "debit", "credit") if field in mapping.columns), "")
    found = re.search(r"[(\[]\s*([A-Z]{3}|[£€])\s*[)\]]", name)
    return {"£": "GBP", "€": "EUR"}.get(found[1], found[1]) if found else ""


def _columns(table: Table) -> dict[str, str]:
    by_plain: dict[str, str] = {}
    for column in table.columns:
        by_plain.setdefault(plain(column), column)
    taken: set[str] = set()
    chosen: dict[str, str] = {}
    for name, synonyms in SYNONYMS.items():
        match = next((by_plain[s] for s in synonyms if s in by_plain and by_plain[s] not in taken), None)
        if match is not None:
            chosen[name] = match
            taken.add(match)
    return chosen


def is_out(word: str) -> bool | None:
    """Whether a word of a direction column says that money went out. None where it says neither."""
    return DIRECTIONS.get(word.strip() if word.strip() in {"+", "-"} else plain(word))


def _settle_direction(table: Table, columns: dict[str, str]) -> tuple[dict[str, str], list[str]]:
    """The columns with that of the direction, if this file's amounts need it, and what is to be said of it. Whatever `columns` say of it.

    Where the amounts have signs, words that are not all known are left alone. Where they have none, a row whose word is not known is
    rejected, rather than booked as a charge.
    """
    rest = {name: column for name, column in columns.items() if name != "direction"}
    column = columns.get("direction") or _columns(table).get("direction")
    if not column or column in rest.values():
        return rest, []
    with_it = {**rest, "direction": column}
    told = {word: is_out(word) for word in set(_values(table, with_it, ("direction",)))}
    seen = set(told.values()) - {None}
    if None not in told.values():
        return (with_it if told else rest), []
    amounts = _values(table, rest, ("amount",)) or _values(table, rest, ("original_amount",))
    has_signs = any(re.search(r"[-(\u2212]", text) for text in amounts)
    is_loose = plain(column) in _LOOSE_DIRECTIONS
    if amounts and not has_signs and (len(seen) == 2 or not is_loose):
        return with_it, []
    unknown = min(word for word, said in told.items() if said is None)
    said = f"The column {column!r} was not read: {unknown[:40]!r} does not say whether money went out."
    return rest, [said] if seen and amounts and not has_signs else []


def _values(table: Table, columns: dict[str, str], names: Iterable[str]) -> list[str]:
    places = [table.columns.index(columns[name]) for name in names if name in columns]
    return [row.cells[i] for row in table.rows if not table.is_header(row) for i in places if i < len(row.cells) and row.cells[i]]


def _date_format(dates: list[str], country: str) -> tuple[str, list[str]]:
    """The format that reads the most dates; where day and month could be either, the country decides, and a note says so."""
    sample = dates[:_SAMPLE]
    score = {fmt: sum(count for text, count in Counter(sample).items() if parse_date(text, fmt)) for fmt in DATE_FORMATS}
    best = max(score.values())
    if best == 0:
        return DATE_FORMATS[0], []
    likely = [fmt for fmt in DATE_FORMATS if score[fmt] == best]
    month_first = country in _MONTH_FIRST_COUNTRIES
    chosen = next((fmt for fmt in likely if (fmt in _MONTH_FIRST) == month_first), likely[0])
    other, read = _other_order(chosen), {text for text in sample if parse_date(text, chosen)}
    if other in likely and all(parse_date(text, other) for text in read):
        order = "month" if chosen in _MONTH_FIRST else "day"
        return chosen, [f"Every date could be read with the day or the month first; the {order} was taken first, as in {country}."]
    return chosen, []


def _other_order(fmt: str) -> str:
    """The same format with day and month exchanged."""
    return fmt.translate({ord("d"): "m", ord("m"): "d"})


def readable(fmt: str) -> str:
    """A format as people write it: `DD/MM/YYYY`."""
    for code, word in (("%Y", "YYYY"), ("%y", "YY"), ("%m", "MM"), ("%d", "DD"), ("%b", "Mon"), ("%B", "Month")):
        fmt = fmt.replace(code, word)
    return fmt


@lru_cache(maxsize=4_096)
def parse_date(text: str, fmt: str) -> date | None:
    """The day, without the time that some files add. None when it is not written so, or is no day of our time."""
    text = text.strip()
    if fmt[:2] in {"%Y", "%d", "%m"} and "%b" not in fmt and "%B" not in fmt:
        text = re.split(r"[T ]", text, maxsplit=1)[0]
    try:
        found = datetime.strptime(text, fmt).date()  # noqa: DTZ007 -- a calendar day has no zone
    except ValueError:
        return None
    return found if 1990 <= found.year <= 2099 else None


def _decimal_mark(amounts: list[str]) -> str:
    """The mark that more of the numbers show to be it, else a point."""
    votes = Counter(_shown_mark(text) for text in amounts)
    return "," if votes[","] > votes["."] else "."


def _shown_mark(text: str) -> str:
    """The mark before the decimals, as far as one number shows it: blank for `1,234`, whose comma may stand before either.

    It comes once and last; no group of thousands has other than three digits, comes after a nought, or stands alone behind another mark.
    """
    marks = re.findall(r"(?<=\d)[.,]|[.,](?=\d)", text)
    if len(set(marks)) == 2:
        return str(marks[-1]) if marks.count(marks[-1]) == 1 else ""
    if len(marks) > 1:
        return "." if marks[0] == "," else ","
    if marks and not re.search(r"(?<![\d.,])[1-9]\d{0,2}[.,]\d{3}(?!\d)", text):
        return str(marks[0])
    return ""


def _charges(amounts: list[str], mark: str) -> tuple[str, list[str]]:
    """Which sign charges have: that of most amounts. Said, unless nearly all amounts are above zero."""
    negative = positive = 0
    for text in amounts:
        try:
            value = parse_decimal(text, decimal_mark=mark)
        except ValueError:
            continue
        negative, positive = negative + (value < 0), positive + (value > 0)
    if negative > positive:
        return "negative", ["Most amounts are below zero, so amounts below zero were taken as charges."]
    if negative * 3 > positive:
        return "positive", ["Amounts have both signs; amounts above zero were taken as charges."]
    return "positive", []


def cell(row: Row, table: Table, mapping: Mapping, name: str) -> str:
    """The text of one field in a row, blank where the file has no such column or the row ends before it."""
    column = mapping.columns.get(name)
    if column is None:
        return ""
    position = table.columns.index(column)
    return row.cells[position] if position < len(row.cells) else ""
