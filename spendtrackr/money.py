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

from babel.numbers import NumberPattern, get_currency_symbol

from spendtrackr import locales

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
        return self.format(locales.shown())

    def written(self) -> str:
        """For whoever reads the page at hand; as `str` gives it where nobody does. Never for what is stored or sent."""
        return self.format(locales.reader())

    def format(self, locale: str = "") -> str:
        """As a person reads it: `$1,234.50`, `¥1,235`, `KWD 1.234`."""
        return _written(self.minor, self.currency, locale)

    def short(self, locale: str = "") -> str:
        """For an axis: `$12k`. Whole units at most, so never for a figure that somebody checks."""
        pattern = _pattern(self.currency, locale, 0, 1)
        units = self.decimal.quantize(Decimal(1), ROUND_HALF_EVEN)
        for size, letter in ((10**9, "bn"), (10**6, "m"), (10**3, "k")):
            if abs(units) >= size:
                return re.sub(r"(?<=\d)(?=\D*$)", letter, _apply(pattern, (units / size).normalize(), locale), count=1)
        return _apply(pattern, units, locale)

    def in_box(self) -> str:
        """As it stands in a box to be changed."""
        return locales.in_box(self.decimal)

    @classmethod
    def typed(cls, text: str, currency: str) -> Money:
        """As somebody typed it who reads the page at hand. Raises ValueError for what they may have meant otherwise: never a guess."""
        mark = locales.decimal_mark()
        if _is_doubtful(text, currency, mark):
            raise ValueError(f"{text!r} can be read in two ways")
        return cls.parse(parse_decimal(text, decimal_mark=mark), currency)


def example(currency: str, amount: str = "1250.00") -> str:
    """How the reader of the page at hand types an amount, for a sentence that says so."""
    if not locales.reader():
        return amount
    return locales.number(Decimal(amount), places=exponent(currency))


@lru_cache(maxsize=4096)
def _written(minor: int, currency: str, locale: str) -> str:
    """A page writes hundreds of amounts, and many of them again: in its chart, its table and its tiles."""
    places = exponent(currency)
    return _apply(_pattern(currency, locale, places, places), Money(minor, currency).decimal, locale)


@lru_cache(maxsize=1024)
def _pattern(currency: str, locale: str, least: int, most: int) -> NumberPattern:
    """The currency's sign is put in here, once: English's in every region (see `locales`)."""
    symbol = get_currency_symbol(currency, "en")
    pattern = locales.pattern_of(locales.cldr(locale).currency_formats["standard"].pattern, locale)
    (above, below), (after, after_below) = pattern.prefix, pattern.suffix
    pattern.prefix = above.replace("¤", symbol), below.replace("¤", symbol)
    pattern.suffix = after.replace("¤", symbol), after_below.replace("¤", symbol)
    pattern.frac_prec = (least, most)
    return pattern


def _apply(pattern: NumberPattern, value: Decimal, locale: str) -> str:
    """CLDR puts a space between a currency's letters and its figures (`KWD 1.234`); Babel's patterns leave it out."""
    return re.sub(r"(?<=[A-Za-z])(?=\d)", "\u00a0", str(pattern.apply(value, locales.cldr(locale))), count=1)


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


_DASHES = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"), "-")
_SYMBOLS = {"£": {"GBP", "EGP", "GIP", "FKP", "SHP", "LBP", "SYP"}, "€": {"EUR"}, "¥": {"JPY", "CNY"}, "₪": {"ILS"}, "₹": {"INR"}}


@dataclass(frozen=True, slots=True)
class WrittenAmount:
    """A number as a statement writes it, and the currency that stands beside it, if any does."""

    value: Decimal
    code: str = ""
    symbol: str = ""

    def agrees_with(self, currency: str) -> bool:
        """Whether what stands beside the number can mean this currency."""
        if self.code:
            return self.code == currency
        if self.symbol == "$":
            return currency.endswith("D") or currency in {"MXN", "CLP", "COP", "ARS", "UYU", "DOP", "MOP", "TOP", "WST", "CUP", "NIO"}
        return currency in _SYMBOLS.get(self.symbol, {currency})


def parse_amount(text: str, *, decimal_mark: str = ".") -> WrittenAmount:
    """Read `1,234.50`, `1.234,50-`, `(12.00)`, `−£5`, `USD 3`. Anything doubtful raises ValueError: never a guess.

    A thousands mark (the other of `.` and `,`, a space or an apostrophe) must stand before groups of three digits, the Indian
    groups of two allowed before them, and none stands behind a nought, as in `0,500`; one sign, or one pair of
    brackets, may stand around the number.
    """
    bare = re.sub(r"\s", " ", text.translate(_DASHES)).strip()
    negative = bool(re.fullmatch(r"\([^()+-]+\)", bare))
    bare, code = _take(bare.strip("()") if negative else bare, r"(?<![A-Za-z])[A-Z]{3}(?![A-Za-z])")
    bare, symbol = _take(bare, r"[$£€¥₪₹]")
    bare, sign = _take(bare.strip(), r"^[+-]|[+-]$")
    value = _plain_number(bare.strip(), decimal_mark)
    if value is None:
        raise ValueError(f"{text!r} is not a number")
    return WrittenAmount(-value if negative or sign == "-" else value, code, symbol)


def _take(text: str, pattern: str) -> tuple[str, str]:
    """The text without the first match, and the match. What is left over makes the number unreadable, as it should."""
    found = re.search(pattern, text)
    return (text[: found.start()] + text[found.end() :], found[0]) if found else (text, "")


def _plain_number(text: str, decimal_mark: str) -> Decimal | None:
    mark, other = re.escape(decimal_mark), re.escape("," if decimal_mark == "." else ".")
    grouped = rf"[1-9][0-9]{{0,2}}(?P<by>[{other} '\u2019])(?:[0-9]{{2,3}}(?P=by))*[0-9]{{3}}"
    if not re.fullmatch(rf"(?:{grouped}|[0-9]+)(?:{mark}[0-9]*)?|{mark}[0-9]+", text):
        return None
    return Decimal(re.sub(rf"[{other} '\u2019]", "", text).replace(decimal_mark, "."))


def _is_doubtful(text: str, currency: str, mark: str) -> bool:
    """Whether another region's reader would have meant another amount by it.

    Of `.` and `,` only the reader's own may group. Where a currency has three decimals, one group alone (`1,234`) looks like them;
    a number that begins with nought (`0,500`) is no group of thousands; and more figures behind the mark than the currency has, though
    they are noughts (`1.000` euros), were thousands to somebody else.
    """
    behind = re.search(rf"{re.escape(mark)}([0-9]+)[^0-9]*$", text)
    if behind and len(behind[1]) > exponent(currency):
        return True
    other = "," if mark == "." else "."
    if other not in text:
        return False
    return (
        is_one_group(text, currency, mark)
        or locales.group_mark() != other
        or re.search(rf"(?<![0-9])0[0-9]*{re.escape(other)}", text) is not None
    )


def is_one_group(text: str, currency: str, mark: str) -> bool:
    """Whether a number of a currency with three decimals is one group of thousands alone: `1,234` dinars are so many, or a thousandth."""
    other = "," if mark == "." else "."
    return currency in KNOWN_CURRENCIES and exponent(currency) >= 3 and text.count(other) == 1 and mark not in text


def parse_decimal(text: str, *, decimal_mark: str = ".") -> Decimal:
    """The number alone. Raises ValueError."""
    return parse_amount(text, decimal_mark=decimal_mark).value
