"""Card numbers, which are kept nowhere: in names that come from outside, and in files that people upload.

A name loses whatever could be one (`mask_card_numbers`). Of a file's text more has to stay, days, amounts and accounts among it
(`without_card_numbers`): there a number is one by its issuer's first digits and length (ISO/IEC 7812; Visa, Mastercard, American Express,
Discover, UnionPay, JCB, Diners Club) and by the Luhn check, alone or in groups. One in fifty random numbers of sixteen digits looks like
one, too: what is hidden keeps a mark of its digits, so that two references that differ still differ.
"""

from __future__ import annotations

import hashlib
import re

_BETWEEN = r"[ \u00a0\u2007\u2009\u202f.-]{1,3}"
_NUMBER = re.compile(
    rf"(?<!\d)(?:\d{{13,16}}|\d{{19}}|\d{{4}}(?:{_BETWEEN}\d{{4}}){{3}}(?:{_BETWEEN}\d{{3}})?|\d{{4}}{_BETWEEN}\d{{6}}{_BETWEEN}\d{{4,5}})(?!\d)"
)
_ISSUED = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})|(?:5[1-5]\d{14}|(?:222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12})|3[47]\d{13}"
    r"|(?:6011|64[4-9]\d|65\d\d)\d{12}(?:\d{3})?|62\d{14}(?:\d{3})?|35\d{14}|3(?:0[0-5]|[689]\d)\d{11}"
)
# Characters that no file has and nobody reads: sixteen of those that Unicode leaves to private use.
_FIRST_MARK = 0xE000
MARKS = {_FIRST_MARK + digit: None for digit in range(16)}


def without_card_numbers(text: str) -> str:
    """The text with each card number as a mark, bullets and its last four digits."""
    return _NUMBER.sub(_hidden, text)


def without_marks(text: str) -> str:
    """As people read it."""
    return text.translate(MARKS)


def _hidden(found: re.Match[str]) -> str:
    digits = re.sub(r"\D", "", found[0])
    if not _ISSUED.fullmatch(digits) or not passes_luhn(digits):
        return found[0]
    # Sixteen bits: enough to tell two references apart, and far from enough to find the number again.
    mark = int.from_bytes(hashlib.blake2b(digits.encode(), digest_size=2).digest())
    marks = "".join(chr(_FIRST_MARK + (mark >> shift & 15)) for shift in (12, 8, 4, 0))
    return f"{marks}{'•' * (len(digits) - 4)}{digits[-4:]}"


def passes_luhn(digits: str) -> bool:
    doubled = sum(sum(divmod(2 * int(d), 10)) for d in digits[-2::-2])
    return (doubled + sum(int(d) for d in digits[-1::-2])) % 10 == 0


def mask_card_numbers(text: str) -> str:
    """Replace what could be a card number: 13 to 19 digits in a row, beginning with 2 to 6, that pass the Luhn check (ISO/IEC 7812).

    Spaces, dots and dashes between digits do not hide one, nor do other digits beside it. The last four stay.
    """
    return re.sub(r"\d(?:[ .-]?\d){12,}", _mask, text)


def _mask(found: re.Match[str]) -> str:
    places = [place for place, c in enumerate(found[0]) if c.isdigit()]
    digits = "".join(found[0][place] for place in places)
    hidden: set[int] = set()
    for length in range(19, 12, -1):
        for start in range(len(digits) - length + 1):
            window = range(start, start + length)
            if hidden.isdisjoint(places[n] for n in window) and _is_card(digits[start : start + length]):
                hidden.update(places[n] for n in window[:-4])
    return "".join("•" if place in hidden else c for place, c in enumerate(found[0]))


def _is_card(digits: str) -> bool:
    return digits[0] in "23456" and passes_luhn(digits)
