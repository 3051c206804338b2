"""How dates, times and numbers are written for whoever reads a page: as in the region of their choice, else of their browser.

The language stays English, and so do all words: names of months and days are `en`'s, and so are the signs of currencies, since `$`
must not mean another money to the colleague at the next desk. A region decides the order, the marks and the place of the sign.
Where people write English a date is `5 Mar 2026` or `Mar 5, 2026`. Elsewhere English words in foreign order would read as neither
language, so dates are the region's own figures, always with four digits of the year: `05.03.2026`, `2026/03/05`.

Without a region everything is written as it always was: `5 Mar 2026`, `14:05`, `$1,234.50`, `12.5 %`.

Who reads is known during the view of a page, and nowhere else: `reading` is entered by the decorator of pages. What a template
prints follows by itself (`rendering`). What Python writes follows only where it says so, by the functions below or
`Money.written`: a sentence that an operation stores, an API's answer or a file never takes its form from who happened to look. A mail
and a notification are written for one person, by the region that they chose.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import ROUND_HALF_EVEN, Decimal
from functools import lru_cache

from babel import Locale, negotiate_locale
from babel.dates import format_date, format_time
from babel.numbers import NumberPattern, parse_pattern
from django.utils.translation.trans_real import parse_accept_lang_header

# By the name that people look for. Where several languages are written, the one that they would look for stands in brackets.
REGIONS = {
    "en-AU": "Australia",
    "de-AT": "Austria",
    "nl-BE": "Belgium (Dutch)",
    "fr-BE": "Belgium (French)",
    "pt-BR": "Brazil",
    "en-CA": "Canada (English)",
    "fr-CA": "Canada (French)",
    "cs-CZ": "Czechia",
    "da-DK": "Denmark",
    "fi-FI": "Finland",
    "fr-FR": "France",
    "de-DE": "Germany",
    "en-IN": "India",
    "en-IE": "Ireland",
    "it-IT": "Italy",
    "ja-JP": "Japan",
    "nl-NL": "Netherlands",
    "en-NZ": "New Zealand",
    "nb-NO": "Norway",
    "pl-PL": "Poland",
    "pt-PT": "Portugal",
    "en-SG": "Singapore",
    "es-ES": "Spain",
    "sv-SE": "Sweden",
    "de-CH": "Switzerland",
    "en-GB": "United Kingdom",
    "en-US": "United States",
}
# A browser that names a language alone. Of English, that says nothing: it is written as without a region.
# Money is written alike in all of Switzerland; what CLDR has besides for its French and Italian parts, Babel does not know.
_ALONE = {
    "fr-ch": "de-CH", "it-ch": "de-CH",
    "da": "da-DK", "de": "de-DE", "es": "es-ES", "fi": "fi-FI", "fr": "fr-FR", "it": "it-IT", "ja": "ja-JP", "nb": "nb-NO",
    "nl": "nl-NL", "no": "nb-NO", "pl": "pl-PL", "pt": "pt-PT", "sv": "sv-SE", "cs": "cs-CZ", "en": "",
}  # fmt: skip
_BY_TAG = {**{tag.lower(): tag for tag in REGIONS}, **_ALONE}

_reader: ContextVar[str] = ContextVar("reader", default="")
_is_rendering: ContextVar[bool] = ContextVar("is_rendering", default=False)


@contextmanager
def reading(tag: str) -> Iterator[None]:
    """Write for a reader of this region; blank: of none. What is no region of ours any more counts as none."""
    token = _reader.set(tag if tag in REGIONS else "")
    try:
        yield
    finally:
        _reader.reset(token)


@contextmanager
def rendering() -> Iterator[None]:
    """While a template is filled in, whatever it prints is written for the reader."""
    token = _is_rendering.set(True)
    try:
        yield
    finally:
        _is_rendering.reset(token)


def reader() -> str:
    """The region for which the page at hand is written; blank for none."""
    return _reader.get()


def shown() -> str:
    """The same, but only while a template is filled in: what `str()` of an amount goes by."""
    return _reader.get() if _is_rendering.get() else ""


def accepted(header: str) -> str:
    """The region of a browser's Accept-Language header; blank if it names none that we know."""
    preferred = [language for language, weight in parse_accept_lang_header(header) if weight > 0]
    found = negotiate_locale(preferred, _BY_TAG, sep="-", aliases={})
    return _BY_TAG[found.lower()] if found else ""


@lru_cache
def cldr(tag: str) -> Locale:
    """What CLDR knows of a region. Of none, what it knows of English."""
    return Locale.parse(tag or "en", sep="-" if "-" in tag else "_")


@dataclass(frozen=True, slots=True)
class _Writing:
    """The patterns of one region, as CLDR writes patterns."""

    day: str
    day_long: str
    day_short: str
    clock: str
    percent: str


@lru_cache
def _writing(tag: str) -> _Writing:
    if not tag:
        return _Writing(day="d MMM y", day_long="d MMMM y", day_short="d MMM", clock="HH:mm", percent=" %")
    locale = cldr(tag)
    clock = locale.time_formats["short"].pattern
    percent = locale.percent_formats[None].suffix[0]
    if locale.language == "en":
        dates = locale.date_formats
        return _Writing(dates["medium"].pattern, dates["long"].pattern, locale.datetime_skeletons["MMMd"].pattern, clock, percent)
    figures = locale.date_formats["short"].pattern
    day = figures if "yy" not in figures else figures.replace("yy", "y")
    return _Writing(day, day, locale.datetime_skeletons["Md"].pattern, clock, percent)


def day(on: date, style: str = "", *, tag: str | None = None) -> str:
    """`5 Mar 2026`. With the style `long` `5 March 2026`, `short` `5 Mar`."""
    return _day(on.date() if isinstance(on, datetime) else on, style, _reader.get() if tag is None else tag)


@lru_cache(maxsize=4096)
def _day(on: date, style: str, tag: str) -> str:
    writing = _writing(tag)
    pattern = {"": writing.day, "long": writing.day_long, "short": writing.day_short}[style]
    return format_date(on, pattern, locale="en")


def clock(at: datetime | time) -> str:
    """`14:05`, in the time zone that it has."""
    return _clock(at.time().replace(second=0, microsecond=0) if isinstance(at, datetime) else at, _reader.get())


@lru_cache(maxsize=1440)
def _clock(at: time, tag: str) -> str:
    return format_time(at, _writing(tag).clock, locale="en")


def moment(at: datetime, style: str = "") -> str:
    """`5 Mar 2026, 14:05`."""
    return f"{day(at, style)}, {clock(at)}"


def number(value: int | Decimal, *, places: int = 0) -> str:
    """Grouped: `1,234`, `1,234.50`."""
    return _number(Decimal(value), places, _reader.get())


@lru_cache(maxsize=4096)
def _number(value: Decimal, places: int, tag: str) -> str:
    pattern = pattern_of(cldr(tag).decimal_formats[None].pattern, tag)
    pattern.frac_prec = (places, places)
    return str(pattern.apply(value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN), cldr(tag)))


def count(value: int) -> str:
    """How many there are, in a sentence: grouped where a region says so."""
    return number(value) if _reader.get() else str(value)


def percent(value: float | Decimal, *, places: int = 1, signed: bool = False) -> str:
    """`12.5 %`; of a change `+12.5 %`, `−3.0 %`."""
    tag = _reader.get()
    figures = f"{value:{'+' if signed else ''}.{places}f}"
    if signed:
        figures = figures.replace("-", "−")
    if tag:
        sign = figures[0] if figures[0] in "+-−" else ""
        figures = sign + number(Decimal(figures.removeprefix(sign)), places=places)
    return figures + _writing(tag).percent


def pattern_of(text: str, tag: str) -> NumberPattern:
    """One of our own, to be changed, with the region's own minus."""
    pattern = parse_pattern(text)
    minus = cldr(tag).number_symbols["latn"]["minusSign"]
    pattern.prefix = pattern.prefix[0], pattern.prefix[1].replace("-", minus)
    return pattern


@lru_cache
def for_scripts(tag: str) -> str:
    """What a script needs to write amounts as we do: browsers know other versions of CLDR. `#` stands for the figures."""
    pattern = pattern_of(cldr(tag).currency_formats["standard"].pattern, tag)
    symbols = cldr(tag).number_symbols["latn"]
    plus, minus = (f"{before}#{after}" for before, after in zip(pattern.prefix, pattern.suffix, strict=True))
    return json.dumps({"decimal": symbols["decimal"], "group": symbols["group"], "sizes": pattern.grouping, "plus": plus, "minus": minus})


def decimal_mark() -> str:
    return str(cldr(_reader.get()).number_symbols["latn"]["decimal"])


def group_mark() -> str:
    return str(cldr(_reader.get()).number_symbols["latn"]["group"])


def in_box(value: Decimal | str) -> str:
    """A number as it stands in a box to be changed: with the reader's decimal mark, without groups, which are in the way there."""
    written = value if isinstance(value, str) else format(value, "f")
    return written.replace(".", decimal_mark())


def read_number(text: str) -> Decimal:
    """A plain number out of a box, without groups. Raises ValueError."""
    whole, mark, part = text.strip().partition(decimal_mark())
    figures = whole + part
    if not (figures.isascii() and figures.isdigit()) or (mark and not part):
        raise ValueError(f"{text!r} is not a number")
    return Decimal(f"{whole or 0}.{part or 0}") if mark else Decimal(whole)
