"""How days, times and numbers are written for readers of several regions, and how what they type is read."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from threading import Thread

import pytest
from babel import Locale
from django.template import Context, Template, engines

from spendtrackr import locales
from spendtrackr.money import CURRENCIES, Money, example, exponent
from spendtrackr.periods import Period

AT = datetime(2026, 9, 5, 14, 5)
NBSP, THIN = "\u00a0", "\u202f"


@pytest.mark.parametrize(
    ("tag", "day", "short", "long", "clock"),
    [
        ("", "5 Sep 2026", "5 Sep", "5 September 2026", "14:05"),
        ("en-GB", "5 Sep 2026", "5 Sep", "5 September 2026", "14:05"),
        ("en-US", "Sep 5, 2026", "Sep 5", "September 5, 2026", f"2:05{THIN}PM"),
        ("en-AU", "5 Sep 2026", "5 Sep", "5 September 2026", f"2:05{THIN}PM"),
        ("de-DE", "05.09.2026", "5.9.", "05.09.2026", "14:05"),
        ("de-CH", "05.09.2026", "5.9.", "05.09.2026", "14:05"),
        ("fr-FR", "05/09/2026", "05/09", "05/09/2026", "14:05"),
        ("nl-NL", "05-09-2026", "5-9", "05-09-2026", "14:05"),
        ("sv-SE", "2026-09-05", "5/9", "2026-09-05", "14:05"),
        ("ja-JP", "2026/09/05", "9/5", "2026/09/05", "14:05"),
    ],
)
def test_days_and_times(tag, day, short, long, clock):
    with locales.reading(tag):
        assert (locales.day(AT), locales.day(AT.date(), "short"), locales.day(AT, "long"), locales.clock(AT)) == (day, short, long, clock)
        assert locales.moment(AT) == f"{day}, {clock}"


def test_without_a_region_every_day_and_time_is_as_it_always_was():
    for place in range(366):
        at = datetime.fromordinal(date(2028, 1, 1).toordinal() + place).replace(hour=place % 24, minute=place % 60)
        assert locales.moment(at) == f"{at.day} {at:%b %Y}, {at:%H:%M}"
        assert (locales.day(at, "short"), locales.day(at, "long")) == (f"{at.day} {at:%b}", f"{at.day} {at:%B %Y}")


@pytest.mark.parametrize("tag", locales.REGIONS)
def test_every_region_has_plain_figures_all_four_digits_of_the_year_and_english_words(tag):
    with locales.reading(tag):
        for said in (locales.day(AT), locales.day(AT, "short"), locales.clock(AT), locales.number(-1234567, places=2)):
            assert {letter for letter in said if letter.isdigit()} <= set("0123456789")
        assert "2026" in locales.day(AT)
        words = {word for word in "".join(c if c.isalpha() else " " for c in locales.moment(AT, "long")).split() if len(word) > 1}
        assert words <= {"September", "PM"}


@pytest.mark.parametrize(
    ("tag", "minor", "currency", "text"),
    [
        ("", 123_450, "USD", "$1,234.50"),
        ("en-US", 123_450, "USD", "$1,234.50"),
        ("en-GB", 123_450, "USD", "$1,234.50"),
        ("en-AU", 123_450, "AUD", "A$1,234.50"),
        ("en-IN", 12_345_678_90, "INR", "₹1,23,45,678.90"),
        ("en-IN", -12_345_678, "INR", "-₹1,23,456.78"),
        ("de-DE", 123_450, "USD", f"1.234,50{NBSP}$"),
        ("de-DE", -123_450, "EUR", f"-1.234,50{NBSP}€"),
        ("de-DE", 1_234_567, "KWD", f"1.234,567{NBSP}KWD"),
        ("de-DE", 1_235, "JPY", f"1.235{NBSP}¥"),
        ("de-AT", 123_450, "EUR", f"€{NBSP}1.234,50"),
        ("de-CH", 123_450, "CHF", f"CHF{NBSP}1’234.50"),
        ("de-CH", -123_450, "CHF", "CHF-1’234.50"),
        ("fr-FR", 123_456_789, "EUR", f"1{THIN}234{THIN}567,89{NBSP}€"),
        ("fr-FR", -1_235, "JPY", f"-1{THIN}235{NBSP}¥"),
        ("sv-SE", -123_450, "EUR", f"−1{NBSP}234,50{NBSP}€"),
        ("nl-NL", -123_450, "EUR", f"€{NBSP}-1.234,50"),
        ("ja-JP", 1_235, "JPY", "¥1,235"),
        ("ja-JP", 1_234, "KWD", f"KWD{NBSP}1.234"),
    ],
)
def test_amounts(tag, minor, currency, text):
    assert Money(minor, currency).format(tag) == text


@pytest.mark.parametrize("tag", ["", *locales.REGIONS])
def test_decimals_are_iso_4217s_and_signs_are_the_same_for_every_reader(tag):
    for currency in CURRENCIES:
        shown = Money(1_000_000, currency).format(tag)
        digits = "".join(letter for letter in shown if letter.isdigit())
        assert digits == "1000000", (tag, currency, shown)
        sign = Money(0, currency).format("en").strip("0.\u00a0")
        assert sign in shown, (tag, currency, shown)


@pytest.mark.parametrize(
    ("tag", "minor", "text"),
    [
        ("", 1_234_567_00, "$1.2m"),
        ("de-DE", 1_234_567_00, f"1,2m{NBSP}$"),
        ("de-CH", -12_000_00, "$-12k"),
        ("fr-FR", 950_00, f"950{NBSP}$"),
    ],
)
def test_an_axis_keeps_its_letter_beside_the_figures(tag, minor, text):
    assert Money(minor, "USD").short(tag) == text


@pytest.mark.parametrize(
    ("tag", "percent", "change", "count", "number"),
    [
        ("", "12.5 %", "−1234.5 %", "1234", "1,234"),
        ("en-US", "12.5%", "−1,234.5%", "1,234", "1,234"),
        ("de-DE", f"12,5{NBSP}%", f"−1.234,5{NBSP}%", "1.234", "1.234"),
        ("fr-FR", f"12,5{NBSP}%", f"−1{THIN}234,5{NBSP}%", f"1{THIN}234", f"1{THIN}234"),
    ],
)
def test_percentages_and_counts(tag, percent, change, count, number):
    with locales.reading(tag):
        assert (locales.percent(12.5), locales.percent(-1234.5, signed=True)) == (percent, change)
        assert locales.percent(3.04, signed=True)[0] == "+"
        assert (locales.count(1234), locales.number(1234)) == (count, number)


@pytest.mark.parametrize(
    ("header", "tag"),
    [
        ("", ""),
        ("*", ""),
        ("en", ""),
        ("en-US,en;q=0.9", "en-US"),
        ("de", "de-DE"),
        ("DE-at", "de-AT"),
        ("de-LI,en;q=0.5", "de-DE"),
        ("fr-CH", "de-CH"),
        ("ar-EG,fa;q=0.9", ""),
        ("zh-CN,fr;q=0.3,nl;q=0.7", "nl-NL"),
        ("de;q=0,es", "es-ES"),
        ("en-ZA,de;q=0.9", ""),
        ("de" * 1000, ""),
        ("../../etc,<b>", ""),
    ],
)
def test_what_a_browser_says(header, tag):
    assert locales.accepted(header) == tag


def test_every_region_is_one_that_cldr_knows():
    for tag in locales.REGIONS:
        assert str(Locale.parse(tag, sep="-")) == tag.replace("-", "_")


# What is typed


@pytest.mark.parametrize(
    ("tag", "text", "currency", "minor"),
    [
        ("", "1,234.50", "USD", 123_450),
        ("", "12.5", "USD", 12_50),
        ("de-DE", "1.234,50", "USD", 123_450),
        ("de-DE", "12,50", "USD", 12_50),
        ("de-DE", "1234,50", "USD", 123_450),
        ("de-DE", "1 234,50", "USD", 123_450),
        ("de-DE", "1.234", "USD", 1_234_00),
        ("de-DE", "1.234.567", "JPY", 1_234_567),
        ("de-DE", "1.234,567", "KWD", 1_234_567),
        ("fr-FR", f"1{THIN}234,50", "EUR", 123_450),
        ("de-CH", "1’234.50", "CHF", 123_450),
        ("de-CH", "1'234.50", "CHF", 123_450),
        ("en-IN", "1,23,456.78", "INR", 12_345_678),
        ("nl-NL", "1.234,50", "EUR", 123_450),
    ],
)
def test_an_amount_is_read_as_its_reader_writes(tag, text, currency, minor):
    with locales.reading(tag):
        assert Money.typed(text, currency) == Money(minor, currency)


@pytest.mark.parametrize(
    ("tag", "text", "currency"),
    [
        ("", "12,50", "USD"),
        ("", "1.234,50", "USD"),
        ("", "0,500", "USD"),
        ("", "1,234", "KWD"),
        ("de-DE", "12.50", "USD"),
        ("de-DE", "1,234.50", "USD"),
        ("de-DE", "1.234", "KWD"),
        ("de-DE", "0.500", "USD"),
        ("de-DE", "1.2345,00", "USD"),
        ("de-DE", "12,505", "USD"),
        ("de-DE", "1.234.50", "USD"),
        ("fr-FR", "1.234,50", "EUR"),
        ("fr-FR", "1.234", "EUR"),
        ("de-CH", "1,234", "CHF"),
        ("de-CH", "12,50", "CHF"),
        ("sv-SE", "1.234", "SEK"),
        ("", "1.000", "EUR"),
        ("", "125.0", "JPY"),
        ("en-US", "2.500", "EUR"),
        ("de-DE", "5,000", "USD"),
        ("de-CH", "1.500", "CHF"),
        ("fr-FR", "125,000", "JPY"),
        ("de-DE", "zwölf", "USD"),
        ("de-DE", "", "USD"),
    ],
)
def test_what_can_be_read_in_two_ways_is_refused(tag, text, currency):
    with locales.reading(tag), pytest.raises(ValueError, match=r"."):
        Money.typed(text, currency)


@pytest.mark.parametrize("tag", ["", *locales.REGIONS])
def test_what_stands_in_a_box_and_what_an_error_shows_can_be_sent(tag):
    for amount in (Money(123_456_789, "USD"), Money(-12_50, "EUR"), Money(1_234, "KWD"), Money(1_234_567, "JPY"), Money(5, "CLF")):
        with locales.reading(tag):
            assert Money.typed(amount.in_box(), amount.currency) == amount
            assert Money.typed(example(amount.currency) if tag else "1250", amount.currency).decimal == 1250


def test_no_amount_in_one_readers_box_is_another_one_to_a_reader_of_another_region():
    """Whoever changes the region while a form is open is told so, and never charged the thousandfold."""
    tags = ["", *locales.REGIONS]
    for amount in (Money(1_234, "KWD"), Money(500, "KWD"), Money(1_250_00, "USD"), Money(12_50, "USD"), Money(1_234, "JPY")):
        for one in tags:
            with locales.reading(one):
                text = amount.in_box()
            for other in tags:
                with locales.reading(other):
                    try:
                        assert Money.typed(text, amount.currency) == amount, (text, one, other)
                    except ValueError:
                        continue


def test_no_round_sum_as_one_region_writes_it_is_another_one_to_a_reader_of_another_region():
    tags = ["", *locales.REGIONS]
    for amount in (Money(1_000_00, "USD"), Money(25_000_00, "EUR"), Money(125_000, "JPY"), Money(1_000_000_00, "EUR")):
        texts = set()
        for one in tags:
            with locales.reading(one):
                texts |= {locales.number(amount.decimal, places=places) for places in (0, exponent(amount.currency))}
        for other in tags:
            with locales.reading(other):
                for text in texts:
                    try:
                        assert Money.typed(text, amount.currency) == amount, (text, other)
                    except ValueError:
                        continue


def test_a_rate_has_a_mark_and_no_groups():
    with locales.reading("de-DE"):
        assert [locales.read_number(text) for text in ("1,0823", " 12 ", ",5")] == [Decimal("1.0823"), Decimal(12), Decimal("0.5")]
        assert locales.in_box(Decimal("1.0823")) == "1,0823"
        for text in ("1.0823", "1.234,5", "1,", "-1", "1e3", "", "١"):
            with pytest.raises(ValueError, match="is not a number"):
                locales.read_number(text)


# Who reads


def test_only_what_a_template_prints_follows_the_reader_by_itself():
    amount, period = Money(123_450, "USD"), Period.inclusive(date(2026, 3, 5), date(2026, 4, 6))
    page = engines["django"].from_string("{{ amount }} {{ period }} {{ amounts|join:', ' }} {{ day|day }} {{ n|count }}")
    given = {"amount": amount, "period": period, "amounts": [amount, amount], "day": date(2026, 3, 5), "n": 1234}
    with locales.reading("de-DE"):
        assert (str(amount), f"{amount}", str(period)) == ("$1,234.50", "$1,234.50", "5 Mar 2026 to 6 Apr 2026")
        assert amount.written() == f"1.234,50{NBSP}$"
        shown = f"1.234,50{NBSP}$"
        assert page.render(given) == f"{shown} 05.03.2026 to 06.04.2026 {shown}, {shown} 05.03.2026 1.234"
        assert str(amount) == "$1,234.50"
    assert page.render(given) == "$1,234.50 5 Mar 2026 to 6 Apr 2026 $1,234.50, $1,234.50 5 Mar 2026 1234"
    assert amount.written() == "$1,234.50"


def test_the_reader_is_forgotten_also_after_a_failure_and_unknown_to_other_threads():
    seen: list[str] = []
    with locales.reading("de-DE"):
        with pytest.raises(ZeroDivisionError), locales.reading("fr-FR"), locales.rendering():
            raise ZeroDivisionError
        assert (locales.reader(), locales.shown()) == ("de-DE", "")
        thread = Thread(target=lambda: seen.append(locales.reader()))
        thread.start()
        thread.join()
        with locales.reading("xx-XX"):
            assert locales.reader() == ""
    assert (locales.reader(), seen) == ("", [""])


def test_filters_of_nothing_say_nothing():
    words = "{{ none|day }}{{ none|weekday }}{{ none|month }}{{ none|expiry }}{{ none|moment }}{{ none|clock }}"
    assert Template(words).render(Context({"none": None})) == ""


def test_filters_of_words_are_the_same_for_everybody():
    page = Template('{{ on|weekday }} {{ on|weekday:"long" }} {{ on|month }} {{ on|month:"long" }} {{ on|expiry }}')
    with locales.reading("de-DE"):
        assert page.render(Context({"on": date(2026, 3, 5)})) == "Thu Thursday Mar 2026 March 2026 03/26"


def test_sizes_percents_and_rates():
    page = Template("{{ size|filesize }} {{ share|percent }} {{ rate|marked }} {{ name|count }}")
    given = {"size": 1_258_291, "share": 12, "rate": Decimal("1.0823"), "name": Money(1_00, "USD")}
    assert page.render(Context(given)) == f"1.2{NBSP}MB 12 % 1.0823 $1.00"
    with locales.reading("de-DE"):
        assert page.render(Context(given)) == f"1,2{NBSP}MB 12{NBSP}% 1,0823 $1.00"


def test_what_cldr_knows_is_looked_up_once():
    """No figure of a clock, which a busy machine would decide."""
    from spendtrackr import money

    money._pattern.cache_clear()
    locales._writing.cache_clear()
    for minor in range(1000):
        with locales.reading("de-DE"):
            Money(minor, "USD").written()
            locales.day(date.fromordinal(date(2026, 1, 1).toordinal() + minor % 365))
    assert (money._pattern.cache_info().misses, locales._writing.cache_info().misses) == (1, 1)
