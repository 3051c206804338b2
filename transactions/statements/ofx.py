"""OFX, QFX and QBO: statements of banks and of cards, as SGML (versions 1) or XML (versions 2). Read by ofxtools."""

from __future__ import annotations

import re
from html import unescape
from typing import Any
from xml.etree.ElementTree import Element

from spendtrackr import errors
from transactions.statements.entries import BANK, CARD, Found, Said, broken, last4, lines_of, one_line

_ACCOUNTS = {"STMTRS": BANK, "CCSTMTRS": CARD}


def read(text: str) -> Said:
    """Every account of the file. Raises `Invalid` where it is no OFX, is cut off, or tells of an error instead of a statement."""
    root = _tree(text)
    for status in root.iter("STATUS"):
        if _text(status, "SEVERITY") == "ERROR":
            why = one_line(_text(status, "MESSAGE")) or "without saying why"
            raise errors.Invalid(f"The bank answered with error {_text(status, 'CODE')} instead of a statement: {why}"[:400], field="file")
    statements = [(kind, one) for tag, kind in _ACCOUNTS.items() for one in root.iter(tag)]
    if not statements:
        raise errors.Invalid("This OFX file holds no statement of a bank account or of a card.", field="file")
    said = Said(CARD if {kind for kind, _ in statements} == {CARD} else BANK)
    lines = iter(lines_of(text, "<STMTTRN>"))
    for element in root.iter():
        if kind := _ACCOUNTS.get(element.tag):
            said.entries += [_entry(one, element, kind, next(lines, 0)) for one in element.iter("STMTTRN")]
    return said


def _tree(text: str) -> Element:
    start = re.search("<OFX>", text, re.IGNORECASE)
    if start is None:
        raise errors.Invalid("The file has no <OFX>.", field="file")
    last = text.count("\n") + 1
    if "</OFX>" not in text.upper():
        raise broken(last, "the file ends before </OFX>: it may be cut off.")
    from ofxtools.Parser import TreeBuilder  # noqa: PLC0415 -- takes most of a second, and few processes ever read OFX

    parser = TreeBuilder()
    try:
        parser.feed(text[start.start() :])
        root: Element = parser.close()
    except Exception as error:  # whatever the library makes of nonsense
        raise errors.Invalid(f"The file is no valid OFX: {one_line(str(error))[:200]}", field="file") from error
    return root


def _entry(one: Element, statement: Element, kind: str, line: int) -> Found:
    account = last4(_text(statement, ".//ACCTID"))
    return Found(
        line=line,
        posted=_day(_text(one, "DTPOSTED")),
        day=_day(_text(one, "DTUSER")),
        amount=_number(_text(one, "TRNAMT")),
        currency=_text(one, "CURRENCY/CURSYM") or _text(statement, "CURDEF"),
        merchant=one_line(_text(one, "NAME") or _text(one, "PAYEE/NAME") or _text(one, "MEMO")),
        card=account if kind == CARD else "",
        reference=f"{account} {_text(one, 'FITID')}".strip(),
    )


def _text(element: Element, path: str) -> str:
    found: Any = element.find(path)
    return unescape(found.text or "").strip() if found is not None else ""


def _day(text: str) -> str:
    """`20250320120000[-5:EST]` is the 20th: the day that the bank wrote, in its own zone."""
    return f"{text[:4]}-{text[4:6]}-{text[6:8]}" if text[:8].isdecimal() and len(text) >= 8 else text


def _number(text: str) -> str:
    """Some banks write a comma, and OFX allows it; neither writes thousands."""
    return text.replace(",", ".") if "." not in text else text
