from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spendtrackr.money import CURRENCIES, CurrencyMismatch, Money, NotRepresentable, allocate, exponent, parse_decimal


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


@pytest.mark.parametrize("text", ["", "abc", "1.2.3", "--5", "12e5", "5 apples", "1-2"])
def test_what_is_no_number_is_refused(text):
    with pytest.raises(ValueError, match="not a number"):
        parse_decimal(text)
