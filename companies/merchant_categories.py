"""Merchant category codes (ISO 18245), and the starting set of categories that a new company gets from them."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Starter:
    """A category that every new company begins with."""

    name: str
    ledger_code: str
    codes: tuple[tuple[str, str], ...]


# The ranges follow ISO 18245's own chapters; single codes are pulled out where a bookkeeper would look elsewhere.
STARTERS = (
    Starter("Travel", "6100", (("3000", "3299"), ("3351", "3500"), ("4011", "4119"), ("4131", "4131"), ("4411", "4411"), ("4457", "4457"),
                               ("4511", "4582"), ("4722", "4789"), ("7512", "7519"))),
    Starter("Taxis and transit", "6110", (("4121", "4121"),)),
    Starter("Hotels", "6120", (("3501", "3999"), ("7011", "7033"))),
    Starter("Meals", "6200", (("5811", "5814"),)),
    Starter("Groceries", "6210", (("5411", "5499"),)),
    Starter("Fuel and vehicles", "6300", (("5511", "5599"), ("7523", "7549"))),
    Starter("Software and cloud", "6400", (("4816", "4816"), ("5734", "5734"), ("5815", "5818"), ("7372", "7379"))),
    Starter("Telephone and internet", "6410", (("4812", "4815"), ("4821", "4821"), ("4899", "4899"))),
    Starter("Utilities", "6420", (("4900", "4900"),)),
    Starter("Office supplies", "6500", (("5021", "5021"), ("5044", "5046"), ("5111", "5111"), ("5943", "5943"))),
    Starter("Equipment", "6510", (("5065", "5085"), ("5200", "5271"), ("5712", "5733"), ("5735", "5735"))),
    Starter("Postage and freight", "6520", (("4214", "4225"), ("9402", "9402"))),
    Starter("Advertising", "6600", (("2741", "2842"), ("7311", "7311"), ("7333", "7338"))),
    Starter("Professional services", "6700", (("7321", "7322"), ("7361", "7361"), ("7392", "7399"), ("8111", "8111"), ("8911", "8999"))),
    Starter("Training and education", "6710", (("8211", "8299"), ("5942", "5942"), ("5994", "5994"))),
    Starter("Health", "6720", (("5912", "5912"), ("8011", "8099"))),
    Starter("Insurance and bank fees", "6800", (("6010", "6012"), ("6050", "6051"), ("6211", "6399"))),
    Starter("Taxes and government", "6810", (("9211", "9399"),)),
    Starter("Shopping", "6900", (("5300", "5399"), ("5611", "5699"), ("5931", "5941"), ("5944", "5993"), ("5995", "5999"))),
)  # fmt: skip


def normalise_code(text: str) -> str:
    """Four digits, with the zeros that spreadsheets lose put back (`742` is `0742`); blank, `0` and `#N/A` are no code.

    Raises ValueError for anything else.
    """
    bare = text.strip().removesuffix(".0")
    if not bare.strip("0") or bare.upper() in {"#N/A", "N/A", "NA", "NULL", "NONE", "-"}:
        return ""
    if not re.fullmatch(r"[0-9]{1,4}", bare):
        raise ValueError(f"{text!r} is not a merchant category code of four digits")
    return bare.zfill(4)


def parse_range(text: str) -> tuple[str, str]:
    """`5812` or `3000-3299` as its first and last code. Raises ValueError."""
    first, _, last = (part.strip() for part in text.partition("-"))
    ends = normalise_code(first), normalise_code(last or first)
    if not all(ends):
        raise ValueError(f"{text!r} is not a merchant category code, nor a range of them such as 3000-3299")
    if ends[0] > ends[1]:
        raise ValueError(f"{text!r} ends before it begins")
    return ends


def parse_ranges(texts: Iterable[str]) -> list[tuple[str, str]]:
    """Ranges in order. Raises ValueError for what is no range, and for two that share a code."""
    ranges = sorted(parse_range(text) for text in texts)
    for one, other in pairwise(ranges):
        if other[0] <= one[1]:
            raise ValueError(f"{range_text(*one)} and {range_text(*other)} share a code")
    return ranges


def range_text(first: str, last: str) -> str:
    """A range as people write it."""
    return first if first == last else f"{first}-{last}"


class CodeBook:
    """A company's ranges, ready to answer which category a code belongs to. Ranges do not overlap."""

    def __init__(self, ranges: list[tuple[str, str, int]]) -> None:
        self._ranges = sorted(ranges)

    @cached_property
    def _starts(self) -> list[str]:
        return [first for first, _, _ in self._ranges]

    def category_id(self, code: str) -> int | None:
        position = bisect_right(self._starts, code) - 1
        if not code or position < 0:
            return None
        _, last, category_id = self._ranges[position]
        return category_id if code <= last else None
