"""ISO 20022 CAMT.052 (of the day), CAMT.053 (statements) and CAMT.054 (notifications), of any version."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import iterparse

from spendtrackr import errors
from transactions.statements.entries import BANK, Found, Said, balance_note, broken, earlier, last4, lines_of, one_line

_STATEMENTS = {"Stmt", "Rpt", "Ntfctn"}


@dataclass(slots=True)
class _Account:
    """What was read of one statement so far."""

    id: str = ""
    moved: Decimal = Decimal(0)
    balances: dict[str, Decimal] = field(default_factory=dict)


def read(text: str) -> Said:
    """Every entry that is booked. Raises `Invalid` where the XML breaks off, and where it holds no statement."""
    said, account, seen = Said(BANK), _Account(), 0
    lines = iter(lines_of(text, r"<(?:\w+:)?Ntry[\s>]"))
    for element in _elements(text):
        match element.tag:
            case "Acct":
                account.id = last4(_text(element, "Id/IBAN") or _text(element, "Id/Othr/Id"))
            case "Bal":
                account.balances[_text(element, "Tp/CdOrPrtry/Cd")] = _signed(element)
            case "Ntry":
                said.entries += _entries(element, account, next(lines, 0))
                element.clear()
            case tag if tag in _STATEMENTS:
                seen += 1
                said.notes += _balanced(account, _text(element, "Id") or str(seen))
                account = _Account()
                element.clear()
    if not seen:
        raise errors.Invalid("This file holds no statement (Stmt), report (Rpt) or notification (Ntfctn).", field="file")
    return said


_ENCODING = re.compile(r"""(<\?xml[^>]*?)\s+encoding=("[^"]*"|'[^']*')""")


def _elements(text: str) -> Iterator[Element]:
    """Each element as it ends, by the name that it has in its namespace; the part of the text that was read is not kept."""
    try:
        # It was decoded already: what it says of its encoding is true no more.
        plain = _ENCODING.sub(r"\1", text, count=1)
        for _, element in iterparse(io.BytesIO(plain.encode()), events=("end",), forbid_dtd=True):
            element.tag = element.tag.rpartition("}")[2]
            yield element
    except ParseError as error:
        raise broken(error.position[0], "the file is no valid XML from here on: it may be cut off.") from error
    except DefusedXmlException as error:
        raise errors.Invalid("The file defines entities of its own, which no statement does.", field="file") from error


def _entries(entry: Element, account: _Account, line: int) -> list[Found]:
    """One, or one for each of the transactions of a batch that the bank booked together, where each has its amount."""
    status = _text(entry, "Sts/Cd") or _text(entry, "Sts")
    amount, currency = _signed(entry), _currency(entry, "Amt")
    pending = "" if status in {"BOOK", ""} else f"It is not booked yet ({status[:10]})."
    if not pending:
        account.moved += amount
    details = entry.findall("NtryDtls/TxDtls")
    parts = [_part(one) for one in details]
    found = _Entry(entry, account, line, pending)
    if len(details) < 2 or any(part is None or part[1] != currency for part in parts):
        return [found.told(details[0] if len(details) == 1 else entry, _raw(entry), currency)]
    signs = [-1 if (_text(one, "CdtDbtInd") or _text(entry, "CdtDbtInd")) == "DBIT" else 1 for one in details]
    amounts = [part[0] * sign for part, sign in zip(parts, signs, strict=True) if part]
    if sum(amounts, Decimal(0)) != amount:
        return [found.told(entry, _raw(entry), currency)]
    return [found.told(one, f"{value:f}", currency) for one, value in zip(details, amounts, strict=True)]


@dataclass(frozen=True, slots=True)
class _Entry:
    """What all transactions of an entry share."""

    element: Element
    account: _Account
    line: int
    left_out: str

    def told(self, details: Element, amount: str, currency: str) -> Found:
        posted, day = _day(self.element, "BookgDt"), _day(self.element, "ValDt")
        return Found(
            line=self.line,
            posted=posted,
            day=earlier(day, posted),
            amount=amount,
            currency=currency,
            merchant=self._other_side(details, is_out=amount.startswith("-")),
            reference=f"{self.account.id} {self._reference(details)}".strip(),
            left_out=self.left_out,
        )

    def _other_side(self, details: Element, *, is_out: bool) -> str:
        """Who got the money, or sent it; else what the payment says of itself."""
        other = "Cdtr" if is_out else "Dbtr"
        places = [f"RltdPties/{other}/Nm", f"RltdPties/{other}/Pty/Nm", f"RltdPties/Ultmt{other}/Nm", "RmtInf/Ustrd", "AddtlTxInf"]
        words = [*(_text(details, place) for place in places), _text(self.element, "AddtlNtryInf")]
        return one_line(next((one for one in words if one), ""))[:120]

    def _reference(self, details: Element) -> str:
        said = [_text(details, f"Refs/{name}") for name in ("AcctSvcrRef", "TxId", "EndToEndId")]
        return next((one for one in [*said, _text(self.element, "AcctSvcrRef")] if one and one != "NOTPROVIDED"), "")


def _part(details: Element) -> tuple[Decimal, str] | None:
    """What a transaction of a batch comes to, in the account's currency."""
    for path in ("Amt", "AmtDtls/TxAmt/Amt"):
        if (found := _number(_text(details, path))) is not None:
            return found, _currency(details, path)
    return None


def _balanced(account: _Account, name: str) -> list[str]:
    opening = account.balances.get("OPBD", account.balances.get("PRCD"))
    return balance_note(f"statement {name[:40]}", opening=opening, closing=account.balances.get("CLBD"), moved=account.moved)


def _raw(element: Element) -> str:
    """The amount as text, with its sign: what is no number is told as it stands."""
    text = _text(element, "Amt")
    return f"-{text}" if _text(element, "CdtDbtInd") == "DBIT" else text


def _signed(element: Element) -> Decimal:
    return _number(_raw(element)) or Decimal(0)


def _number(text: str) -> Decimal | None:
    try:
        found = Decimal(text)
    except InvalidOperation:
        return None
    return found if found.is_finite() else None


def _day(entry: Element, name: str) -> str:
    return (_text(entry, f"{name}/Dt") or _text(entry, f"{name}/DtTm"))[:10]


def _text(element: Element, path: str) -> str:
    return (element.findtext(path) or "").strip()


def _currency(element: Element, path: str) -> str:
    found = element.find(path)
    return (found.get("Ccy") or "").strip() if found is not None else ""
