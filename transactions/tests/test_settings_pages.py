"""The settings pages: profile, departments, categories."""

from __future__ import annotations

import pytest

from companies.models import Category, Company, Department
from spendtrackr.tenancy import company_scope
from tests.factories import NOON
from users import operations
from users.models import DepartmentHead

PROFILE = {
    "name": "Acme Ltd", "country": "GB", "currency": "USD", "time_zone": "America/New_York", "fiscal_year_start_month": "4",
}  # fmt: skip


def company(world) -> Company:
    return Company.objects.get(pk=world.acme.pk)


def hire(world, name, role):
    with company_scope(world.acme.pk):
        return world.hire(name, role)


def path_of(world, row) -> str:
    kind = "departments" if isinstance(row, Department) else "categories"
    return f"/settings/{kind}/{row.public_id}/"


@pytest.fixture
def sales(world) -> Department:
    with company_scope(world.acme.pk):
        return operations.add_department(name="Sales", actor=world.alice, at=NOON)


@pytest.fixture
def meals(world) -> Category:
    return Category.across_companies.get(company=world.acme, name="Meals")


def test_the_profile_is_saved(world, pages):
    answer = pages(world.alice).post("/settings/", PROFILE)
    assert (answer.status_code, answer["Location"]) == (302, "/settings/")
    saved = company(world)
    assert (saved.name, saved.country, saved.fiscal_year_start_month) == ("Acme Ltd", "GB", 4)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"name": ""}, "This field is required."),
        ({"currency": "EUR"}, "the company&#x27;s currency cannot change any more"),
        ({"time_zone": "Mars/Olympus"}, "Select a valid choice."),
    ],
)
def test_a_refusal_stands_on_the_page_with_what_was_typed(world, pages, changes, told):
    before = Company.objects.filter(pk=world.acme.pk).values().get()
    page = pages(world.alice).post("/settings/", {**PROFILE, "country": "FR", **changes})
    shown = page.content.decode()
    assert (page.status_code, told in shown, '<option value="FR" selected>' in shown) == (400, True, True)
    assert Company.objects.filter(pk=world.acme.pk).values().get() == before


def test_a_new_time_zone_says_from_when(world, pages):
    client = pages(world.alice)
    client.post("/settings/", {**PROFILE, "time_zone": "Asia/Tokyo"})
    told = client.get("/settings/").content.decode()
    assert ("Days follow Asia/Tokyo from" in told, '<option value="Asia/Tokyo" selected>' in told) == (True, True)


def test_others_read_it(world, pages, sales):
    client = pages(world.bob)
    told = client.get("/settings/").content.decode()
    assert ("United States" in told, "Meals" in told, "Sales" in told) == (True,) * 3
    assert ("<select" in told, "Edit" in told) == (False, False)
    assert client.post("/settings/", PROFILE).status_code == 403
    assert company(world).name == "Acme"


@pytest.mark.parametrize(("role", "categories", "departments"), [("admin", 200, 200), ("finance", 200, 403), ("auditor", 403, 403)])
def test_who_may_change_what(world, pages, sales, meals, role, categories, departments):
    client = pages(hire(world, "Zoe", role))
    for path in ("/settings/categories/new/", path_of(world, meals)):
        assert client.get(path).status_code == categories
    for path in ("/settings/departments/new/", path_of(world, sales)):
        assert client.get(path).status_code == departments


def test_departments_are_added_moved_headed_and_archived(world, pages, sales):
    client = pages(world.alice)
    body = {"name": "North", "parent": sales.public_id, "head": world.bob.public_id}
    assert client.post("/settings/departments/new/", body)["Location"] == "/settings/"
    north = Department.across_companies.get(name="North")
    assert (north.parent_id, DepartmentHead.across_companies.get().member_id) == (sales.pk, world.bob.pk)

    client.post(path_of(world, north), {"name": "Far North", "parent": "", "head": ""})
    north.refresh_from_db()
    assert (north.name, north.parent_id, DepartmentHead.across_companies.count()) == ("Far North", None, 0)

    assert client.post(path_of(world, north), {"do": "archive"}).status_code == 302
    assert "1 archived" in client.get("/settings/").content.decode()
    client.post(path_of(world, north), {"do": "restore"})
    assert not Department.across_companies.get(pk=north.pk).is_archived


def test_a_department_is_offered_no_place_inside_itself(world, pages, sales):
    with company_scope(world.acme.pk):
        north = operations.add_department(name="North", parent=sales, actor=world.alice, at=NOON)
    client = pages(world.alice)
    assert f'value="{north.public_id}"' not in client.get(path_of(world, sales)).content.decode()
    refused = client.post(path_of(world, sales), {"name": "Sales", "parent": north.public_id, "head": ""})
    assert (refused.status_code, "Select a valid choice." in refused.content.decode()) == (400, True)


def test_a_refused_archive_says_why_on_the_page(world, pages, sales):
    with company_scope(world.acme.pk):
        operations.change_member(world.bob, {"department": sales}, actor=world.alice, at=NOON)
    page = pages(world.alice).post(path_of(world, sales), {"do": "archive"})
    assert (page.status_code, "People belong to it." in page.content.decode()) == (400, True)
    assert not Department.across_companies.get(pk=sales.pk).is_archived


def test_categories_are_added_changed_and_archived(world, pages, meals):
    client = pages(world.alice)
    body = {"name": "Snacks", "ledger_code": "62", "merchant_categories": "7000-7010, 742\n7040"}
    assert client.post("/settings/categories/new/", body)["Location"] == "/settings/"
    with company_scope(world.acme.pk):
        assert Category.objects.with_codes().get(name="Snacks").merchant_categories == ["0742", "7000-7010", "7040"]
    client.post(path_of(world, meals), {"do": "archive"})
    assert Category.across_companies.get(pk=meals.pk).is_archived


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"merchant_categories": "5411"}, "which belongs to Groceries"),
        ({"merchant_categories": "58x"}, "is not a merchant category code"),
        ({"name": "groceries"}, "There is one of this name already."),
    ],
)
def test_a_refused_category_keeps_what_was_typed(world, pages, meals, changes, told):
    page = pages(world.alice).post(path_of(world, meals), {"name": "Food", "ledger_code": "77", "merchant_categories": "", **changes})
    shown = page.content.decode()
    assert (page.status_code, told in shown, 'value="77"' in shown) == (400, True, True)
    assert Category.across_companies.get(pk=meals.pk).name == "Meals"


def test_a_new_row_has_nothing_to_archive(world, pages):
    before = Department.across_companies.count(), Category.across_companies.count()
    for kind in ("departments", "categories"):
        assert pages(world.alice).post(f"/settings/{kind}/new/", {"do": "archive"}).status_code in {200, 400}
    assert (Department.across_companies.count(), Category.across_companies.count()) == before
