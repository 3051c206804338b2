"""SWIFT MT940, as banks send it: `:61:` for each entry and `:86:` with its words. Read by mt-940, statement by statement."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import mt940

from transactions.statements.entries import BANK, Found, Said, balance_note, broken, earlier, last4, lines_of, one_line

_STATEMENT = re.compile(r"^:20:", re.MULTILINE)
# Reversals have the sign of what they do, the account of the other side is no part of its name, and nothing is cut off.
_OPTIONS = mt940.Options.all()
# Where words are in fields of their own, as banks of the Netherlands and others write them: `/NAME/…/`, `/CNTP/account/bank/name/`.
_NAMED = re.compile(r"/(?:NAME|CNTP/[^/]*/[^/]*)/([^/]+)")
_CLOSING = re.compile(r"^:62[FM]:", re.MULTILINE)


def read(text: str) -> Said:
    """Every statement of the file. Raises `Invalid` naming the line of an entry that cannot be read, and of a statement that is cut off."""
    said = Said(BANK)
    for line, block in _blocks(text.replace("\r\n", "\n").replace("\r", "\n")):
        _statement(block, line, said)
    return said


def _blocks(text: str) -> Iterator[tuple[int, str]]:
    """Each statement from its `:20:` on, and the line that it begins on."""
    starts = [match.start() for match in _STATEMENT.finditer(text)]
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        yield text.count("\n", 0, start) + 1, text[start:end]


def _statement(block: str, line: int, said: Said) -> None:
    places = [line + place - 1 for place in lines_of(block, "^:61:")]
    if not _CLOSING.search(block):
        raise broken(line, "this statement ends before its closing balance (:62F:): the file may be cut off.")
    found = _parsed(block, places)
    if len(found) != len(places):
        raise broken(line, f"{len(places)} entries begin in this statement, and {len(found)} can be read.")
    data = found.data
    name = f"statement {data.get('statement_number') or data.get('transaction_reference') or line}"
    account = last4(data.get("account_identification"))
    said.entries += [_entry(one.data, account, place) for one, place in zip(found, places, strict=True)]
    opening, closing = (_balance(data, which) for which in ("opening", "closing"))
    moved = sum((one.data["amount"].amount for one in found), Decimal(0))
    said.notes += balance_note(name, opening=opening, closing=closing, moved=moved)


def _parsed(block: str, places: list[int]) -> Any:
    try:
        return mt940.parse(block, options=_OPTIONS)
    except Exception as error:
        raise broken(_culprit(block, places), "this entry of the statement cannot be read as :61: of MT940.") from error


def _culprit(block: str, places: list[int]) -> int:
    """The first entry that cannot be read by itself; where each can, the statement's first line."""
    head, *entries = re.split(r"^(?=:61:)", block, flags=re.MULTILINE)
    for entry, place in zip(entries, places, strict=True):
        try:
            mt940.parse(head + entry.partition("\n:62")[0], options=_OPTIONS)
        except Exception:  # noqa: BLE001 -- whatever a library makes of nonsense
            return place
    return places[0] if places else 1


def _balance(data: dict[str, Any], which: str) -> Decimal | None:
    """Of the statement, or of one of its pages."""
    found = data.get(f"final_{which}_balance") or data.get(f"intermediate_{which}_balance")
    return found.amount.amount if found else None


def _entry(data: dict[str, Any], account: str, line: int) -> Found:
    day, posted = str(data["date"]), str(data.get("entry_date") or data["date"])
    references = [str(data.get(name) or "") for name in ("bank_reference", "customer_reference")]
    reference = next((one for one in references if one and one != "NONREF"), "")
    return Found(
        line=line,
        posted=posted,
        day=earlier(day, posted),
        amount=f"{data['amount'].amount:f}",
        currency=str(data["amount"].currency),
        merchant=_who(data),
        reference=f"{account} {reference}".strip(),
    )


def _who(data: dict[str, Any]) -> str:
    """The other side where it is named, with no number of its account before the name; else the words of the entry."""
    name = re.sub(r"^\d{5,}", "", one_line(data.get("applicant_name")))
    words = one_line(data.get("purpose") or data.get("transaction_details") or data.get("extra_details") or data.get("customer_reference"))
    named = _NAMED.search(words)
    return name or (one_line(named[1]) if named else words)[:120]
