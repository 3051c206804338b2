"""Filters that many lists share: by what a row points at, by currency, by ids."""

from __future__ import annotations

import re

import pytest

from cards.models import BudgetInterval
from cards.operations import budgets
from companies.operations.departments import add_department
from companies.operations.tags import add_tag
from spendtrackr.money import Money
from spendtrackr.tenancy import company_scope
from tests.factories import NOON, swipe
from transactions.filters import MOST_IDS, TransactionFilter
from transactions.operations import accounts
from transactions.operations.swipes import authorize


@pytest.fixture
def filled(world):
    with company_scope(world.acme.pk):
        people = add_department(name="People", actor=world.alice, at=NOON)
        world.bob.department = people
        world.bob.save(update_fields=["department"])
        given = {"interval": BudgetInterval.MONTH, "is_hard": True, "owner": world.alice, "actor": world.alice, "at": NOON}
        top = budgets.create(name="All", limit=Money(9_00, "USD"), **given)
        inside = budgets.create(name="Some", limit=Money(5_00, "USD"), parent=top, **given)
    return {"department": people.public_id, "parent": top.public_id, "inside": inside.public_id}


def names(api, world, path: str, **query: str) -> list[str]:
    return [row["name"] for row in api(world.alice).get(f"/api/v1/{path}/", query).json()["data"]]


def test_none_finds_what_points_at_nothing(world, api, filled):
    assert names(api, world, "members", department=filled["department"]) == ["Bob"]
    assert names(api, world, "members", department="none") == ["Alice"]
    assert names(api, world, "members", manager="none") == names(api, world, "members")
    assert names(api, world, "budgets", parent="none") == ["All"]
    assert names(api, world, "budgets", parent=filled["parent"]) == ["Some"]
    assert names(api, world, "cards", budget="none") == ["Bob's card"]
    assert names(api, world, "cards", budget=filled["inside"]) == []


def test_a_currency_is_found_in_capitals_or_not(world, api):
    with company_scope(world.acme.pk):
        authorize(world.card, swipe(1_00))
    for written in ("USD", "usd", "Usd"):
        assert len(api(world.alice).get("/api/v1/transactions/", {"currency": written}).json()["data"]) == 1
    assert api(world.alice).get("/api/v1/transactions/", {"currency": "eur"}).json()["data"] == []


def test_a_hundred_transactions_may_be_named_and_no_more(world, api):
    with company_scope(world.acme.pk):
        purchase = authorize(world.card, swipe(1_00)).transaction
        accounts.top_up(Money(1_00, "USD"), actor=world.alice, at=NOON)
    others = [f"txn_{number:026}" for number in range(MOST_IDS)]
    found = api(world.alice).get("/api/v1/transactions/", {"ids": ",".join([*others[1:], purchase.public_id])})
    assert [row["id"] for row in found.json()["data"]] == [purchase.public_id]
    refused = api(world.alice).get("/api/v1/transactions/", {"ids": ",".join([*others, purchase.public_id])})
    assert (refused.status_code, refused.json()["field"]) == (400, "ids")


def test_the_page_of_transactions_shows_or_keeps_whatever_narrows_it(world, pages, filled):
    """Whoever goes on from a link narrows what it showed, and does not lose it."""
    with company_scope(world.acme.pk):
        add_tag(name="Trip", actor=world.alice, at=NOON)
    page = pages(world.alice).get("/transactions/", dict.fromkeys(TransactionFilter.base_filters, "none")).content.decode()
    kept = set(re.findall(r'name="([a-z_]+)"', page))
    assert set(TransactionFilter.base_filters) - kept == {"min_minor", "max_minor"}  # as `min` and `max`, in the company's currency
