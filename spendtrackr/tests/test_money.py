from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spendtrackr.money import CURRENCIES, CurrencyMismatch, Money, NotRepresentable, allocate, exponent, parse_amount, parse_decimal


@pytest.mark.parametrize(("currency", "places"), [("USD", 2), ("JPY", 0), ("KWD", 3), ("CLF", 4), ("IQD", 3), ("UGX", 0), ("HRK", 2)])
def test_exponents_are_those_of_iso_4217(currency, places):
    assert exponent(currency) == places


def test_an_unknown_currency_is_refused():
    with pytest.raises(ValueError, match="'XYZ' is not an ISO 4217"):
        exponent("XYZ")


@pytest.mark.parametrize(
    ("money", "text"),
    [
        (Money(123_450, "USD"), "$1,234.50"),
        (Money(-9_00, "GBP"), "-£9.00"),
        (Money(1_235, "JPY"), "¥1,235"),
        (Money(1_234, "KWD"), "KWD\u00a01.234"),
        (Money(1_234, "IQD"), "IQD\u00a01.234"),
    ],
)
def test_money_reads_as_people_write_it(money, text):
    assert str(money) == text


def test_money_reads_as_people_write_it_elsewhere():
    assert Money(123_450, "EUR").format("de") == "1.234,50\u00a0€"


@pytest.mark.parametrize(
    ("minor", "text"),
    [(0, "$0"), (950_00, "$950"), (12_500_00, "$12.5k"), (400_000_00, "$400k"), (3_000_000_00, "$3m"), (2_000_000_000_00, "$2bn")],
)
def test_an_axis_is_labelled_shortly(minor, text):
    assert Money(minor, "USD").short() == text


def test_currencies_never_mix():
    with pytest.raises(CurrencyMismatch):
        Money(1, "USD") + Money(1, "EUR")
    with pytest.raises(CurrencyMismatch):
        assert Money(1, "USD") < Money(1, "EUR")


def test_money_adds_subtracts_and_compares():
    assert Money(5, "USD") + Money(3, "USD") - Money(10, "USD") == Money(-2, "USD") == -Money(2, "USD")
    assert Money(2, "USD") <= Money(2, "USD")
    assert Money(1, "USD") < Money(2, "USD")


def test_an_amount_with_too_many_places_is_refused_and_not_rounded():
    assert Money.parse(Decimal("62.5"), "GBP") == Money(62_50, "GBP")
    with pytest.raises(NotRepresentable):
        Money.parse(Decimal("10.505"), "USD")
    with pytest.raises(NotRepresentable):
        Money.parse(Decimal("0.5"), "JPY")


@given(st.integers(min_value=-(10**15), max_value=10**15), st.sampled_from(sorted(CURRENCIES)))
def test_parsing_what_was_written_gives_the_same_money(minor, currency):
    money = Money(minor, currency)
    assert Money.parse(money.decimal, currency) == money


@given(
    st.integers(min_value=-(10**12), max_value=10**12),
    st.lists(st.integers(min_value=0, max_value=10**6), min_size=1, max_size=20).filter(any),
)
def test_shares_always_add_up_and_none_is_off_by_more_than_one(total, weights):
    parts = allocate(total, weights)
    assert sum(parts) == total
    assert all(abs(part - total * weight / sum(weights)) < 1 for part, weight in zip(parts, weights, strict=True))


@pytest.mark.parametrize("weights", [[0, 0], [], [1, -1]])
def test_shares_need_weights(weights):
    with pytest.raises(ValueError, match="weights"):
        allocate(100, weights)


@pytest.mark.parametrize(
    ("text", "mark", "value"),
    [
        ("1,234.50", ".", "1234.50"),
        ("1.234,50", ",", "1234.50"),
        ("1 234,50", ",", "1234.50"),
        ("1'234.50", ".", "1234.50"),
        ("-76.00", ".", "-76"),
        ("-$76.00", ".", "-76"),
        ("(12.00)", ".", "-12"),
        ("12.00-", ".", "-12"),
        ("\u221212.00", ".", "-12"),
        ("+327.49", ".", "327.49"),
        ("£5", ".", "5"),
        ("USD 5.10", ".", "5.10"),
        (".5", ".", "0.5"),
    ],
)
def test_numbers_are_read_as_statements_write_them(text, mark, value):
    assert parse_decimal(text, decimal_mark=mark) == Decimal(value)


@pytest.mark.parametrize("dash", ["-", "\u2010", "\u2011", "\u2012", "\u2013", "\u2014", "\u2212", "\uff0d"])
def test_every_dash_is_a_minus(dash):
    assert parse_decimal(f"{dash}12.50") == Decimal("-12.50")
    assert parse_decimal(f"12.50{dash}") == Decimal("-12.50")


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        *((text, ".") for text in ("", "abc", "1.2.3", "--5", "12e5", "5 apples", "1-2", "+", ".", "-", "$", "USD", "()")),
        # Read with the wrong mark these would be another amount, silently.
        *((text, ".") for text in ("12,50", "1,2345", "12,34,56.00", "1,234,5", "1,234 567", ",123", "12.50,00")),
        *((text, ",") for text in ("1.50", "12.05.2026", "1.2", "1,234.5")),
        # Signs and brackets that do not agree.
        *((text, ".") for text in ("(12.00", "12.00)", "(-12.00)", "((12))", "-12-", "+-5", "10\u201320")),
        # What stands between digits is not noise.
        *((text, ".") for text in ("12/50", "12:50", "1\u00b750", "12%", "1_000", "\u0661\u0662", "5 USD EUR", "$$5", "5 usd")),
    ],
)
def test_what_is_doubtful_is_refused_and_never_guessed(text, mark):
    with pytest.raises(ValueError, match="not a number"):
        parse_decimal(text, decimal_mark=mark)


@pytest.mark.parametrize(
    ("text", "currency", "agrees"),
    [
        ("USD 5", "USD", True),
        ("EUR 5", "USD", False),
        ("5 JPY", "USD", False),
        ("$5", "USD", True),
        ("$5", "AUD", True),
        ("$5", "EUR", False),
        ("€5", "EUR", True),
        ("€5", "USD", False),
        ("¥5", "CNY", True),
        ("£5", "GBP", True),
        ("5", "KWD", True),
    ],
)
def test_a_currency_beside_a_number_is_held_against_the_rows(text, currency, agrees):
    assert parse_amount(text).agrees_with(currency) is agrees


@given(st.integers(-(10**12), 10**12), st.sampled_from([",", " ", "'", "\u00a0", ""]))
def test_grouped_numbers_are_read_back(minor, by):
    whole, cents = divmod(abs(minor), 100)
    text = f"{'-' if minor < 0 else ''}{whole:,}.{cents:02d}".replace(",", by)
    assert parse_decimal(text) == Decimal(minor).scaleb(-2)
