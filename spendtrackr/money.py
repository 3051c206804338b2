"""Money: an integer count of minor units and an ISO 4217 currency.

The exponents are those of ISO 4217 (SIX, list one, and list three for withdrawn codes), not the display habits of CLDR,
which round some currencies (IQD, IRR, UGX's neighbours) to whole units.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from functools import lru_cache

from babel import Locale
from babel.numbers import NumberPattern, parse_pattern

_ACTIVE = """
AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLF CLP CNY COP CRC
CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK
JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR
MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP
STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UYW UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR
ZMW ZWG
"""
# Withdrawn, but still found in old statements.
_WITHDRAWN = "ANG BGN BYR CUC EEK HRK LTL LVL MRO SLL STD VEF ZMK ZWL"
_EXPONENTS = {
    **dict.fromkeys(
        ["BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF", "BYR"], 0
    ),
    **dict.fromkeys(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"], 3),
    **dict.fromkeys(["CLF", "UYW"], 4),
}
CURRENCIES: frozenset[str] = frozenset(_ACTIVE.split())
KNOWN_CURRENCIES: frozenset[str] = CURRENCIES | frozenset(_WITHDRAWN.split())

# Far above any company's spend, far below BIGINT, and exact in every JSON reader's double.
MAX_MINOR = 10**15 - 1


class CurrencyMismatch(ValueError):
    """Two amounts of different currencies met. We never convert."""


class NotRepresentable(ValueError):
    """An amount has more decimal places than its currency has."""


def exponent(currency: str) -> int:
    """How many decimal places the currency has: USD 2, JPY 0, KWD 3."""
    if currency not in KNOWN_CURRENCIES:
        raise ValueError(f"{currency!r} is not an ISO 4217 currency code")
    return _EXPONENTS.get(currency, 2)


@dataclass(frozen=True, order=False, slots=True)
class Money:
    """An amount in minor units. Adds, subtracts and compares within one currency only."""

    minor: int
    currency: str

    @classmethod
    def parse(cls, amount: Decimal, currency: str) -> Money:
        """Exact or refused: 10.505 USD raises `NotRepresentable`."""
        scaled = amount.scaleb(exponent(currency))
        if scaled != scaled.to_integral_value():
            raise NotRepresentable(f"{amount} has more decimal places than {currency} has")
        return cls(int(scaled), currency)

    @property
    def decimal(self) -> Decimal:
        return Decimal(self.minor).scaleb(-exponent(self.currency))

    def _same(self, other: Money) -> int:
        if other.currency != self.currency:
            raise CurrencyMismatch(f"{self.currency} and {other.currency}")
        return other.minor

    def __add__(self, other: Money) -> Money:
        return Money(self.minor + self._same(other), self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.minor - self._same(other), self.currency)

    def __neg__(self) -> Money:
        return Money(-self.minor, self.currency)

    def __lt__(self, other: Money) -> bool:
        return self.minor < self._same(other)

    def __le__(self, other: Money) -> bool:
        return self.minor <= self._same(other)

    def __str__(self) -> str:
        return self.format()

    def format(self, locale: str = "en") -> str:
        """As a person reads it: `$1,234.50`, `¥1,235`, `KWD 1.234`."""
        return _apply(_pattern(self.currency, locale), self.decimal, self.currency, locale)

    def short(self, locale: str = "en") -> str:
        """For an axis: `$12k`. Whole units at most, so never for a figure that somebody checks."""
        units = self.decimal.quantize(Decimal(1), ROUND_HALF_EVEN)
        for size, letter in ((10**9, "bn"), (10**6, "m"), (10**3, "k")):
            if abs(units) >= size:
                return _whole(self.currency, locale, (units / size).normalize()) + letter
        return _whole(self.currency, locale, units)


@lru_cache(maxsize=512)
def _pattern(currency: str, locale: str) -> NumberPattern:
    pattern = parse_pattern(Locale.parse(locale).currency_formats["standard"].pattern)
    pattern.frac_prec = (exponent(currency), exponent(currency))
    return pattern


def _whole(currency: str, locale: str, value: Decimal) -> str:
    pattern = parse_pattern(Locale.parse(locale).currency_formats["standard"].pattern)
    pattern.frac_prec = (0, 1)
    return _apply(pattern, value, currency, locale)


def _apply(pattern: NumberPattern, value: Decimal, currency: str, locale: str) -> str:
    """CLDR puts a space between a currency's letters and its figures (`KWD 1.234`); Babel's patterns leave it out."""
    text = str(pattern.apply(value, Locale.parse(locale), currency=currency, currency_digits=False))
    return re.sub(r"(?<=[A-Za-z])(?=\d)", "\u00a0", text)


def allocate(total_minor: int, weights: Iterable[int]) -> list[int]:
    """Share an amount by weight so that the parts add up to it exactly (largest remainder; ties to the first)."""
    shares = list(weights)
    whole = sum(shares)
    if whole <= 0 or any(share < 0 for share in shares):
        raise ValueError("weights must be non-negative and not all zero")
    sign, amount = (-1 if total_minor < 0 else 1), abs(total_minor)
    parts = [amount * share // whole for share in shares]
    remainders = sorted(range(len(shares)), key=lambda i: (-(amount * shares[i] % whole), i))
    for i in remainders[: amount - sum(parts)]:
        parts[i] += 1
    return [sign * part for part in parts]


_SPACES = re.compile(r"[\s\u00a0\u202f']+")


def parse_decimal(text: str, *, decimal_mark: str = ".") -> Decimal:
    """A number as statements write it: `1,234.50`, `1.234,50-`, `(12.00)`, `£5`, `+3`. Raises ValueError."""
    bare = re.sub(r"[^\d.,+\-()\u2212]", "", _SPACES.sub("", text)).replace("\u2212", "-")
    if any(c.isalpha() for c in text) and not re.fullmatch(r"[A-Z]{3}[\d.,+\- ]+|[\d.,+\- ]+[A-Z]{3}", text.strip()):
        raise ValueError(f"{text!r} is not a number")
    negative = bare.startswith("(") and bare.endswith(")")
    bare = bare.strip("()")
    if bare.endswith(("-", "+")):
        bare = bare[-1] + bare[:-1]
    bare = bare.replace("," if decimal_mark == "." else ".", "").replace(decimal_mark, ".")
    if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)", bare):
        raise ValueError(f"{text!r} is not a number")
    value = Decimal(bare)
    return -value if negative else value
