"""Coding by API: parts, tags, tax, departments, owners of imported lines, many at once; and lists that find the parts."""

from __future__ import annotations

import pytest

from cards import operations as cards
from cards.models import BudgetInterval
from cards.operations import budgets
from companies import operations as companies
from companies.models import Category, Tag
from spendtrackr.money import Money
from spendtrackr.tenancy import company_scope
from tests.factories import NOON, swipe
from tests.rules import money
from transactions.models import Split, Tagging, Transaction
from transactions.operations.clearing import Clearing, clear
from transactions.operations.statements import StatementFile, import_statement
from transactions.operations.swipes import authorize
from users import operations as people

URL = "/api/v1/transactions/"


@pytest.fixture
def office(world):
    """Categories, a department, tags, two budgets of which Bob may use one; Frank keeps the books; a purchase of 100.00 cleared."""
    with company_scope(world.acme.pk):
        world.frank = world.hire("Frank", "finance")
        world.meals, world.travel = (Category.objects.get(name=name) for name in ("Meals", "Travel"))
        world.sales = people.add_department(name="Sales", actor=world.alice, at=NOON)
        world.trip, world.fair = (companies.add_tag(name=name, actor=world.alice, at=NOON) for name in ("Trip", "Fair"))
        world.mine, world.theirs = (
            budgets.create(
                name=name, limit=Money(500_00, "USD"), interval=BudgetInterval.MONTH, is_hard=True, owner=world.alice, members=members,
                actor=world.alice, at=NOON,
            )
            for name, members in (("Mine", [world.bob]), ("Theirs", []))
        )  # fmt: skip
        world.purchase = bought(world)
    return world


def bought(world, minor: int = 100_00) -> Transaction:
    purchase = authorize(world.card, swipe(minor)).transaction
    return clear(purchase, Clearing("capture", f"c-{purchase.pk}", NOON, is_final=True), actor=None)


def patch(client, purchase, **body):
    return client.patch(f"{URL}{purchase.public_id}/", body, format="json")


def part(minor: int, **more) -> dict:
    return {"amount": money(minor), "category": None, "department": None, "budget": None, "memo": "", "tax_code": "", "tax": None} | more


def test_parts_are_written_and_read_back_in_one_shape(office, api):
    parts = [
        part(70_00, category=office.travel.public_id, memo="Train", tax_code="V7", tax=money(4_58), budget=office.mine.public_id),
        part(30_00, category=office.meals.public_id, department=office.sales.public_id),
    ]
    client = api(office.frank)
    answer = patch(client, office.purchase, splits=parts)
    assert (answer.status_code, answer.json()["splits"]) == (200, parts)
    assert answer.json()["category"] == office.travel.public_id
    assert client.get(f"{URL}{office.purchase.public_id}/").json()["splits"] == parts
    assert client.get(URL).json()["data"][0]["splits"] == parts
    assert patch(client, office.purchase, splits=[]).json()["splits"] == []


def test_tags_and_tax_are_written_and_read_back(office, api):
    client = api(office.bob)
    ids = [office.fair.public_id, office.trip.public_id]
    told = patch(client, office.purchase, tags=ids, tax_code="V19", tax=money(15_97)).json()
    assert (told["tags"], told["tax_code"], told["tax"]) == (ids, "V19", money(15_97))
    assert patch(client, office.purchase, memo="x").json()["tags"] == ids
    found = [len(client.get(f"{URL}?tag={tag}").json()["data"]) for tag in (*ids, "tag_unknown")]
    assert found == [1, 1, 0]
    assert patch(client, office.purchase, tags=[], tax=None).json() | {"memo": ""} == told | {"tags": [], "tax": None, "memo": ""}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"splits": [part(100_00)] * 51}, "splits"),
        ({"splits": [part(100_00, memo="x" * 201)]}, "splits.0.memo"),
        ({"splits": [{"category": None}]}, "splits.0.amount"),
        ({"splits": [part(100_00), {"amount": {"minor": 1.5, "currency": "USD"}}]}, "splits.1.amount.minor"),
        ({"splits": [{"amount": money(100_00, "EUR")}]}, "splits.0.amount.currency"),
        ({"splits": [part(100_00, category="cat_x")]}, "splits.0.category"),
        ({"splits": [part(100_00, department="dep_x")]}, "splits.0.department"),
        ({"splits": [part(100_00, budget="bud_x")]}, "splits.0.budget"),
        ({"splits": [part(100_00, tax=money(1, "EUR"))]}, "splits.0.tax.currency"),
        ({"splits": [part(99_99)]}, "splits"),
        ({"splits": [part(100_00, tip=1)]}, "splits.0.tip"),
        ({"tags": ["tag_x"]}, "tags.0"),
        ({"tags": ["x"] * 21}, "tags"),
        ({"tax": money(100_01)}, "tax"),
        ({"tax": money(-1)}, "tax"),
        ({"tax": money(1, "EUR")}, "tax.currency"),
        ({"tax_code": "x" * 21}, "tax_code"),
        ({"department": "dep_x"}, "department"),
        ({"member": "mem_x"}, "member"),
    ],
)
def test_a_fault_is_told_with_its_place_and_nothing_is_kept(office, api, body, field):
    refused = patch(api(office.frank), office.purchase, **body)
    assert (refused.status_code, refused.json()["field"]) == (400, field), refused.json()
    assert (Split.across_companies.count(), Tagging.across_companies.count()) == (0, 0)


def test_an_owner_books_to_budgets_that_they_may_use_and_to_no_department(office, api):
    client = api(office.bob)
    assert patch(client, office.purchase, splits=[part(100_00, budget=office.mine.public_id)]).status_code == 200
    refused = patch(client, office.purchase, splits=[part(100_00, budget=office.theirs.public_id)])
    assert (refused.status_code, refused.json()["field"]) == (400, "splits.0.budget")
    for body in ({"department": office.sales.public_id}, {"splits": [part(100_00, department=office.sales.public_id)]}):
        assert patch(client, office.purchase, **body).status_code == 403
    said = patch(api(office.frank), office.purchase, department=office.sales.public_id)
    assert (said.status_code, said.json()["field"]) == (400, "department")


def by_label(report) -> dict[str, int]:
    return {key["label"]: row["measures"]["spend"]["minor"] for row in report["rows"] for key in row["dimensions"].values()}


def test_another_department_moves_the_spend(office, api):
    client = api(office.frank)
    assert patch(client, office.purchase, department=office.sales.public_id).json()["department"] == office.sales.public_id
    report = api(office.alice).get("/api/v1/reports/spend/?group_by=department&from=2026-03-01&to=2026-03-31").json()
    assert by_label(report) == {"Sales": 100_00}


def test_what_is_archived_or_closed_is_not_chosen_anew_and_stays_where_it_is(office, api):
    client = api(office.frank)
    said = [part(100_00, category=office.travel.public_id, department=office.sales.public_id, budget=office.mine.public_id)]
    patch(client, office.purchase, splits=said, tags=[office.trip.public_id])
    with company_scope(office.acme.pk):
        companies.change_category(office.travel, {"is_archived": True}, actor=office.alice, at=NOON)
        companies.change_department(office.sales, {"is_archived": True}, actor=office.alice, at=NOON)
        companies.change_tag(office.trip, {"is_archived": True}, actor=office.alice, at=NOON)
        budgets.close(office.mine, actor=office.alice, at=NOON)
        other = bought(office)
    again = [{**said[0], "memo": "Still there"}]
    assert patch(client, office.purchase, splits=again, tags=[office.trip.public_id, office.fair.public_id]).status_code == 200
    for name in ("category", "department", "budget"):
        refused = patch(client, other, splits=[part(100_00, **{name: said[0][name]})])
        assert (refused.status_code, refused.json()["field"]) == (400, f"splits.0.{name}")
    assert patch(client, other, tags=[office.trip.public_id]).json()["field"] == "tags.0"


def test_lists_and_reports_find_the_parts_and_add_up_to_the_same(office, api):
    client = api(office.frank)
    patch(client, office.purchase, splits=[part(70_00, category=office.travel.public_id), part(30_00, category=office.meals.public_id)])
    with company_scope(office.acme.pk):
        other = bought(office, 5_00)
    report = client.get("/api/v1/reports/spend/?group_by=category&from=2026-03-01&to=2026-03-31").json()
    assert by_label(report) == {"Travel": 70_00, "Meals": 35_00}

    def ids(**asked) -> list[str]:
        return sorted(row["id"] for row in client.get(URL, asked).json()["data"])

    both = sorted([office.purchase.public_id, other.public_id])
    march = {"spent_from": "2026-03-01", "spent_to": "2026-03-31"}
    assert (ids(category=office.travel.public_id), ids(category=office.meals.public_id)) == ([office.purchase.public_id], both)
    assert ids(category=office.meals.public_id, **march) == both
    assert (ids(category="none"), ids(category="none", **march), ids(category="cat_unknown")) == ([], [], [])
    patch(client, office.purchase, splits=[part(70_00, category=office.travel.public_id), part(30_00)])
    assert (ids(category="none"), ids(category=office.meals.public_id)) == ([office.purchase.public_id], [other.public_id])


def test_the_page_behind_a_figure_adds_up_the_parts_alone(office, pages, api):
    patch(api(office.frank), office.purchase, splits=[part(70_00, category=office.travel.public_id), part(30_00)])
    told = (
        pages(office.frank)
        .get(f"/transactions/?category={office.travel.public_id}&spent_from=2026-03-01&spent_to=2026-03-31")
        .content.decode()
    )
    assert ("$70.00" in told, "of $100.00" in told) == (True, True)


def test_parts_of_departments_are_found_where_they_are_said_and_where_they_are_the_purchases(office, api):
    client = api(office.frank)
    with company_scope(office.acme.pk):
        it = people.add_department(name="IT", actor=office.alice, at=NOON)
    patch(client, office.purchase, department=it.public_id)
    patch(client, office.purchase, splits=[part(60_00, department=office.sales.public_id), part(40_00)])
    found = {
        name: len(client.get(f"{URL}?department={dep}").json()["data"])
        for name, dep in (("it", it.public_id), ("sales", office.sales.public_id))
    }
    assert (found, client.get(f"{URL}?department=none").json()["data"]) == ({"it": 1, "sales": 1}, [])
    patch(client, office.purchase, splits=[part(60_00, department=office.sales.public_id), part(40_00, department=office.sales.public_id)])
    assert client.get(f"{URL}?department={it.public_id}").json()["data"] == []


def test_what_is_used_of_a_budget_is_made_of_the_parts_that_are_its_own(office, api, pages):
    with company_scope(office.acme.pk):
        office.card = cards.issue(
            office.bob, name="T", currency="USD", controls=cards.Controls(), budget=office.theirs, actor=office.alice, at=NOON
        )  # fmt: skip
        drawn = bought(office)
    patch(api(office.frank), drawn, splits=[part(60_00), part(40_00, budget=office.mine.public_id)])
    for budget, used in ((office.theirs, "$60.00"), (office.mine, "$40.00")):
        page = pages(office.alice).get(f"/transactions/?budget={budget.public_id}&counting=true&from=2026-03-01").content.decode()
        assert (f"{used}<small>of $100.00" in page, f"<strong>{used}</strong>" in page) == (True, True)
        rows = api(office.alice).get(f"{URL}?budget={budget.public_id}&counting=true").json()["data"]
        assert [row["id"] for row in rows] == [drawn.public_id]


def test_an_imported_line_is_given_to_somebody_and_waits_for_them(office, api):
    with company_scope(office.acme.pk):
        import_statement(office.acme, StatementFile(b"Date,Amount,Merchant\n2026-03-05,90.00,Shop\n", "s.csv"), actor=office.alice, at=NOON)
        line = Transaction.objects.get(source="statement")
    client = api(office.frank)
    told = patch(client, line, member=office.bob.public_id).json()
    assert (told["member"], told["approval"], told["missing_items"]) == (office.bob.public_id, "open", ["receipt", "category"])
    assert len(api(office.bob).get(f"{URL}?source=statement").json()["data"]) == 1
    report = client.get("/api/v1/reports/spend/?group_by=member&from=2026-03-01&to=2026-03-31").json()
    assert by_label(report) == {"Bob": 190_00}
    back = patch(client, line, member=None).json()
    assert (back["member"], back["approval"], back["missing_items"]) == (None, "none", [])
    assert patch(client, office.purchase, member=office.alice.public_id).json()["field"] == "member"
    assert patch(api(office.bob), office.purchase, member=office.alice.public_id).status_code == 403


def test_somebody_who_decides_about_it_already_keeps_it_where_it_is(office, api):
    with company_scope(office.acme.pk):
        import_statement(office.acme, StatementFile(b"Date,Amount,Merchant\n2026-03-05,9.00,Shop\n", "s.csv"), actor=office.alice, at=NOON)
        line = Transaction.objects.get(source="statement")
    client = api(office.frank)
    patch(client, line, member=office.bob.public_id, no_receipt_reason="Small", category=office.meals.public_id)
    api(office.bob).post(f"{URL}{line.public_id}/submit/", {}, format="json")
    refused = patch(client, line, member=None)
    assert (refused.status_code, refused.json()["code"], refused.json()["field"]) == (409, "invalid_state", "member")


def test_several_are_described_at_once_each_by_itself(office, api):
    with company_scope(office.acme.pk):
        second, third = bought(office, 10_00), bought(office, 20_00)
    client = api(office.frank)
    patch(client, second, splits=[part(10_00)])
    body = {
        "transactions": [office.purchase.public_id, second.public_id, third.public_id], "category": office.travel.public_id,
        "add_tags": [office.trip.public_id],
    }  # fmt: skip
    results = client.post(f"{URL}describe/", body, format="json").json()["results"]
    assert [(one["transaction"], one["done"], (one["error"] or {}).get("field")) for one in results] == [
        (office.purchase.public_id, True, None), (second.public_id, False, "category"), (third.public_id, True, None),
    ]  # fmt: skip
    assert client.get(f"{URL}?tag={office.trip.public_id}").json()["data"][0]["category"] == office.travel.public_id
    body = {"transactions": [third.public_id], "remove_tags": [office.trip.public_id], "add_tags": [office.fair.public_id]}
    client.post(f"{URL}describe/", body, format="json")
    assert patch(client, third, memo="x").json()["tags"] == [office.fair.public_id]


def test_of_several_those_that_are_others_are_refused(office, api):
    """Bob manages Eve, and so sees what she buys: he cannot write on it."""
    with company_scope(office.acme.pk):
        eve = office.hire("Eve", "employee")
        people.change_member(eve, {"manager": office.bob}, actor=office.alice, at=NOON)
        card = cards.issue(eve, name="E", currency="USD", controls=cards.Controls(), actor=office.alice, at=NOON)
        hers = authorize(card, swipe(5_00)).transaction
    body = {"transactions": [hers.public_id, office.purchase.public_id], "memo": "Mine"}
    results = api(office.bob).post(f"{URL}describe/", body, format="json").json()["results"]
    assert [(one["done"], (one["error"] or {}).get("code")) for one in results] == [(False, "forbidden"), (True, None)]
    assert api(office.bob).post(f"{URL}describe/", body | {"department": office.sales.public_id}, format="json").status_code == 403
    unknown = api(office.bob).post(f"{URL}describe/", {"transactions": ["txn_x"], "memo": ""}, format="json")
    assert (unknown.status_code, unknown.json()["field"]) == (400, "transactions.0")


def test_tags_are_added_renamed_and_archived_by_bookkeepers(office, api):
    client = api(office.frank)
    made = client.post("/api/v1/tags/", {"name": "  Summer   party "}, format="json")
    assert (made.status_code, made.json()["name"], made.json()["is_archived"]) == (201, "Summer party", False)
    taken = client.post("/api/v1/tags/", {"name": "SUMMER PARTY"}, format="json")
    assert (taken.status_code, taken.json()["code"], taken.json()["field"]) == (400, "taken", "name")
    url = f"/api/v1/tags/{made.json()['id']}/"
    assert client.patch(url, {"name": "Party", "is_archived": True}, format="json").json() | {"id": ""} == {
        "id": "", "name": "Party", "is_archived": True,
    }  # fmt: skip
    assert client.patch(url, {"is_archived": False}, format="json").json()["is_archived"] is False
    assert api(office.bob).get(url).status_code == 200
    assert api(office.bob).post("/api/v1/tags/", {"name": "Mine"}, format="json").status_code == 403
    with company_scope(office.acme.pk):
        assert Tag.objects.count() == 3


def test_tags_on_the_settings_page(office, pages):
    client = pages(office.frank)
    assert "Client visit is saved" in client.post("/settings/tags/new/", {"name": "Client visit"}, follow=True).content.decode()
    with company_scope(office.acme.pk):
        tag = Tag.objects.get(name="Client visit")
    assert "There is one of this name" in client.post("/settings/tags/new/", {"name": "client VISIT"}).content.decode()
    assert "Client visit is archived" in client.post(f"/settings/tags/{tag.public_id}/", {"do": "archive"}, follow=True).content.decode()
    assert "Visit is saved" in client.post(f"/settings/tags/{tag.public_id}/", {"name": "Visit"}, follow=True).content.decode()
