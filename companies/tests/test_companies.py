from __future__ import annotations

import re
from itertools import pairwise

import pytest

from companies.merchant_categories import STARTERS, CodeBook, normalise_code
from companies.models import Category, CategoryCodes, Company
from companies.operations import COUNTRIES, category_key, free_slug
from companies.queries import category_of_code, code_book


def test_the_starting_ranges_are_in_order_and_do_not_overlap():
    ranges = sorted(pair for starter in STARTERS for pair in starter.codes)
    assert all(first <= last for first, last in ranges)
    assert [pair for pair in pairwise(ranges) if pair[0][1] >= pair[1][0]] == []


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("5812", "5812"),
        ("742", "0742"),
        ("742.0", "0742"),
        (" 5812 ", "5812"),
        ("0", ""),
        ("0000", ""),
        ("", ""),
        ("#N/A", ""),
        ("n/a", ""),
    ],
)
def test_codes_get_their_lost_zeros_back(text, code):
    assert normalise_code(text) == code


@pytest.mark.parametrize("text", ["58122", "58a2", "-5812", "5812.5", "５８１２"])
def test_what_is_no_code_is_refused(text):
    with pytest.raises(ValueError, match="four digits"):
        normalise_code(text)


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("3008", "Travel"),
        ("3509", "Hotels"),
        ("4121", "Taxis and transit"),
        ("5812", "Meals"),
        ("5542", "Fuel and vehicles"),
        ("7372", "Software and cloud"),
    ],
)
def test_a_new_company_knows_where_common_codes_belong(acme, code, name):
    assert category_of_code(code).name == name
    assert Category.objects.get(pk=code_book().category_id(code)).name == name


@pytest.mark.parametrize("code", ["", "0742", "9999", "7995"])
def test_codes_that_nobody_foresaw_belong_nowhere(acme, code):
    assert category_of_code(code) is None
    assert code_book().category_id(code) is None


def test_the_two_ways_to_look_a_code_up_agree(acme):
    book = code_book()
    for number in range(0, 10_000, 7):
        code = f"{number:04d}"
        found = category_of_code(code)
        assert book.category_id(code) == (found.pk if found else None)


def test_an_empty_book_knows_nothing():
    assert CodeBook([]).category_id("5812") is None


def test_every_company_gets_its_own_categories(world):
    assert Category.across_companies.count() == 2 * len(STARTERS)
    assert CategoryCodes.across_companies.exclude(category__company_id=world.acme.pk).exists()


@pytest.mark.parametrize(
    ("one", "two", "same"), [("Meals", " meals ", True), ("Café", "cafe", False), ("Ｍeals", "meals", True), ("A  B", "a b", True)]
)
def test_category_names_compare_without_case_and_width_but_with_accents(one, two, same):
    assert (category_key(one) == category_key(two)) is same


@pytest.mark.parametrize(("name", "stem"), [("Müller & Söhne GmbH", "muller-sohne-gmbh"), ("株式会社", "company"), ("Acme", "acme")])
def test_slugs_are_readable_and_tell_nothing_about_others(name, stem):
    assert re.fullmatch(rf"{stem}-[0-9a-f]{{6}}", free_slug(name))
    assert free_slug(name) != free_slug(name)


def test_countries_are_those_of_iso_3166():
    assert {"DE", "GB", "US", "TW", "XK"} <= COUNTRIES
    assert not {"EU", "UN", "ZZ", "UK"} & COUNTRIES
    assert 245 <= len(COUNTRIES) <= 260


def test_a_company_has_no_counter_or_balance():
    names = {field.name for field in Company._meta.get_fields()}
    assert not [name for name in names if any(word in name for word in ("balance", "sequence", "version"))]
    assert not [name for name in names if "minor" in name]


def test_categories_are_listed_to_everybody(world, api):
    rows = api(world.bob).get("/api/v1/categories/?limit=200").json()["data"]
    assert len(rows) == len(STARTERS)
    assert api(world.bob).get(f"/api/v1/categories/{rows[0]['id']}/").json() == rows[0]
