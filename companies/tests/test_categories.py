from __future__ import annotations

import pytest

from companies.merchant_categories import parse_ranges
from companies.models import Category, CategoryCodes
from companies.operations import change_category
from companies.queries import category_of_code, code_book
from spendtrackr.models import Event
from spendtrackr.tenancy import company_scope
from tests.factories import NOON, swipe
from transactions.models import Transaction
from transactions.operations.statements import StatementFile, import_statement
from transactions.operations.swipes import authorize

PATH = "/api/v1/categories/"


def add(api, member, **body):
    return api(member).post(PATH, {"name": "Snacks", **body})


def path_of(world, name: str) -> str:
    with company_scope(world.acme.pk):
        return f"{PATH}{Category.objects.get(name=name).public_id}/"


def hire(world, name, role):
    with company_scope(world.acme.pk):
        return world.hire(name, role)


def test_what_was_written_is_read_back_in_the_same_shape(world, api):
    body = {"name": "Snacks", "ledger_code": "6299", "merchant_categories": ["7000-7010", "0742"]}
    made = add(api, world.alice, **body)
    assert made.status_code == 201
    shown = api(world.bob).get(f"{PATH}{made.json()['id']}/").json()
    assert shown == made.json() == {**body, "merchant_categories": ["0742", "7000-7010"], "id": shown["id"], "is_archived": False}
    with company_scope(world.acme.pk):
        assert category_of_code("7003").name == "Snacks"
        assert Event.objects.filter(type="category.added", subject_id=shown["id"], actor_id=world.alice.public_id).count() == 1


@pytest.mark.parametrize(("role", "status"), [("admin", 201), ("finance", 201), ("auditor", 403), ("employee", 403)])
def test_who_may_add_and_change(world, api, role, status):
    member = hire(world, "Zoe", role)
    assert add(api, member).status_code == status
    assert api(member).patch(path_of(world, "Meals"), {"ledger_code": "1"}).status_code == (200 if status == 201 else 403)


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({"name": " meals "}, "name", "taken"),
        ({"name": "  "}, "name", "blank"),
        ({"name": "x" * 81}, "name", "max_length"),
        ({"merchant_categories": ["58a2"]}, "merchant_categories.0", "invalid"),
        ({"merchant_categories": ["5999", "0"]}, "merchant_categories.1", "invalid"),
        ({"merchant_categories": ["7010-7000"]}, "merchant_categories.0", "invalid"),
        ({"merchant_categories": ["7000-7010", "7010"]}, "merchant_categories", "invalid"),
        ({"merchant_categories": ["5812"]}, "merchant_categories", "overlap"),
        ({"merchant_categories": ["5000-6000"]}, "merchant_categories", "overlap"),
        ({"merchant_categories": "5812"}, "merchant_categories", "not_a_list"),
        ({"is_archived": True}, "is_archived", "unknown_field"),
    ],
)
def test_bad_input_names_its_field_and_adds_nothing(world, api, body, field, code):
    before = Category.across_companies.count(), CategoryCodes.across_companies.count()
    refused = add(api, world.alice, **body)
    assert (refused.status_code, refused.json()["field"], refused.json()["code"]) == (400, field, code)
    assert (Category.across_companies.count(), CategoryCodes.across_companies.count()) == before


def test_an_overlap_names_the_other_category_and_changes_nothing(world, api):
    refused = api(world.alice).patch(path_of(world, "Groceries"), {"merchant_categories": ["5400", "5813-5820"]})
    assert refused.json()["message"] == "5813-5820 overlaps 5811-5814, which belongs to Meals. Take it out of there first."
    assert api(world.alice).get(path_of(world, "Groceries")).json()["merchant_categories"] == ["5411-5499"]


def test_a_new_list_replaces_the_ranges(world, api):
    shown = api(world.alice).patch(path_of(world, "Meals"), {"merchant_categories": ["5813", "5811"]}).json()
    assert (shown["merchant_categories"], shown["name"], shown["ledger_code"]) == (["5811", "5813"], "Meals", "6200")
    with company_scope(world.acme.pk):
        assert (category_of_code("5812"), category_of_code("5813").name) == (None, "Meals")
    assert add(api, world.alice, merchant_categories=["5812"]).status_code == 201


def test_an_archived_category_keeps_its_past_and_is_not_proposed(world, api):
    with company_scope(world.acme.pk):
        before = authorize(world.card, swipe()).transaction
    assert api(world.alice).patch(path_of(world, "Meals"), {"is_archived": True}).json()["is_archived"] is True
    with company_scope(world.acme.pk):
        after = authorize(world.card, swipe()).transaction
        assert (before.category.name, after.category) == ("Meals", None)
        assert Transaction.objects.get(pk=before.pk).category.name == "Meals"
        assert (category_of_code("5812"), code_book().category_id("5812")) == (None, None)

    assert api(world.alice).patch(path_of(world, "Meals"), {"is_archived": False}).json()["is_archived"] is False
    with company_scope(world.acme.pk):
        assert authorize(world.card, swipe()).transaction.category.name == "Meals"


def test_a_statement_books_nothing_new_to_an_archived_category(acme):
    change_category(Category.objects.get(name="Travel"), {"is_archived": True}, actor=acme.alice, at=NOON)
    rows = b"Date,Amount,Merchant,Category,MCC\n2026-01-05,1.00,A,Travel,5812\n2026-01-06,1.00,B,travel,\n"
    import_statement(acme.acme, StatementFile(rows, "s.csv"), actor=None, at=NOON)
    booked = Transaction.objects.order_by("occurred_on")
    assert [purchase.category.name if purchase.category else None for purchase in booked] == ["Meals", None]
    assert Category.objects.filter(name_key="travel").count() == 1


def test_an_archived_category_still_owns_its_codes_and_gives_them_up_on_demand(world, api):
    api(world.alice).patch(path_of(world, "Meals"), {"is_archived": True})
    refused = add(api, world.alice, merchant_categories=["5812"])
    assert "which belongs to Meals, which is archived" in refused.json()["message"]
    api(world.alice).patch(path_of(world, "Meals"), {"merchant_categories": []})
    assert add(api, world.alice, merchant_categories=["5812"]).status_code == 201


def test_a_change_leaves_one_event_that_names_the_fields_and_no_change_leaves_none(world, api):
    client, path = api(world.alice), path_of(world, "Meals")
    client.patch(path, {"name": "Food", "ledger_code": "6200"})
    client.patch(path, {"name": "Food"})
    client.patch(path, {})
    with company_scope(world.acme.pk):
        assert Event.objects.get(type="category.changed").details == '{"changed": ["name"], "is_archived": false}'


def test_another_companys_codes_are_in_nobodys_way(world, api):
    add(api, world.mallory, merchant_categories=["7000"])
    assert add(api, world.alice, merchant_categories=["7000"]).status_code == 201


@pytest.mark.parametrize(
    ("texts", "ranges"),
    [([], []), (["742"], [("0742", "0742")]), ([" 3000 - 3299 "], [("3000", "3299")]), (["9", "1"], [("0001", "0001"), ("0009", "0009")])],
)
def test_ranges_are_read_as_people_write_them(texts, ranges):
    assert parse_ranges(texts) == ranges
