from __future__ import annotations

import pytest

from cards.controls import merchant_key
from spendtrackr.card_numbers import mask_card_numbers
from transactions.merchants import clean_name, find_or_add, find_or_add_all
from transactions.models import Merchant


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("PAID 4111111111111111 THANKS", "PAID ••••••••••••1111 THANKS"),
        ("4111-1111-1111-1111", "••••-••••-••••-1111"),
        ("4111.1111.1111.1111", "••••.••••.••••.1111"),
        ("PAY 4111111111111111 12/25", "PAY ••••••••••••1111 12/25"),
        ("REF 12 4111111111111111 07", "REF 12 ••••••••••••1111 07"),
        ("378282246310005", "•••••••••••0005"),
        ("00119871234", "00119871234"),
        ("4111111111111112", "4111111111111112"),
        ("order 0001112223334445", "order 0001112223334445"),
    ],
)
def test_card_numbers_are_masked_and_other_numbers_are_not(text, kept):
    assert mask_card_numbers(text) == kept


def test_a_name_is_one_clean_line():
    assert clean_name("  Blue\tBottle\u200b\n Coffee ") == "Blue Bottle Coffee"
    assert len(clean_name("x" * 500)) == 120


def test_the_networks_id_comes_before_the_name():
    assert merchant_key("Shop", "998") == "id:998"
    assert merchant_key("SHOP  One") == merchant_key("shop one") == "name:shop one"
    assert merchant_key("Café") != merchant_key("Cafe")


def test_merchants_are_found_before_they_are_added(acme):
    first = find_or_add("Blue Bottle")
    assert find_or_add("BLUE BOTTLE") == first
    many = find_or_add_all(["blue bottle", "Staples", "STAPLES ", "", "--"])
    assert many["blue bottle"] == first
    assert many["Staples"] == many["STAPLES "]
    assert set(many) == {"blue bottle", "Staples", "STAPLES ", "--"}
    assert Merchant.objects.count() == 3


def test_a_swipe_without_a_name_has_a_merchant_all_the_same(acme):
    assert find_or_add("").name == "Unnamed merchant"
