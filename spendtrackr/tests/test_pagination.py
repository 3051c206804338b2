from __future__ import annotations

import base64

import pytest

from spendtrackr.pagination import Cursor, ordered, take_page
from spendtrackr.tenancy import company_scope
from tests.factories import swipe
from transactions.models import Transaction
from transactions.operations.swipes import authorize


@pytest.fixture
def seven(world):
    with company_scope(world.acme.pk):
        for _ in range(7):
            authorize(world.card, swipe(1_00))
    return world


def walk(client, path: str, limit: int) -> list[list[str]]:
    pages, cursor = [], ""
    while cursor is not None:
        page = client.get(f"{path}?limit={limit}" + (f"&cursor={cursor}" if cursor else "")).json()
        pages.append([row["id"] for row in page["data"]])
        cursor = page["next_cursor"]
    return pages


def test_every_order_ends_with_the_key_and_runs_one_way():
    assert ordered() == {"-created": ("-id",), "created": ("id",)}
    assert ordered("day", day="day") == {"day": ("day", "id"), "-day": ("-day", "-id")}
    assert list(ordered("-created", name="name_key")) == ["-created", "created", "name", "-name"]
    assert ordered("-created", name="name_key")["-name"] == ("-name_key", "-id")


def test_the_page_before_begins_where_this_one_does(seven, api):
    client = api(seven.alice)
    first = client.get("/api/v1/transactions/?limit=3").json()
    second = client.get(f"/api/v1/transactions/?limit=3&cursor={first['next_cursor']}").json()
    again = client.get(f"/api/v1/transactions/?limit=3&cursor={second['previous_cursor']}").json()
    assert again == first
    inside = client.get(f"/api/v1/transactions/?limit=2&cursor={second['previous_cursor']}").json()
    assert [row["id"] for row in inside["data"]] == [row["id"] for row in first["data"][1:]]
    top = client.get(f"/api/v1/transactions/?cursor={inside['previous_cursor']}").json()
    assert ([row["id"] for row in top["data"]], top["previous_cursor"]) == ([first["data"][0]["id"]], None)


@pytest.mark.parametrize("path", ["/api/v1/transactions/", "/api/v1/categories/"])
@pytest.mark.parametrize("limit", [1, 3, 7, 200])
def test_pages_hold_every_row_once(seven, api, path, limit):
    client = api(seven.alice)
    everything = [row["id"] for row in client.get(f"{path}?limit=200").json()["data"]]
    pages = walk(client, path, limit)
    assert [row for page in pages for row in page] == everything
    assert all(len(page) == limit for page in pages[:-1])


def test_rows_that_come_in_between_do_not_shift_the_pages(seven, api):
    client = api(seven.alice)
    first = client.get("/api/v1/transactions/?limit=3").json()
    with company_scope(seven.acme.pk):
        before = set(Transaction.objects.values_list("public_id", flat=True))
        authorize(seven.card, swipe(1_00))
    rest = client.get(f"/api/v1/transactions/?limit=200&cursor={first['next_cursor']}").json()["data"]
    assert {row["id"] for row in [*first["data"], *rest]} == before


class Meanwhile:
    """Rows behind a cursor; as soon as their keys are read, somebody changes one of them."""

    def __init__(self, rows, change):
        self.rows, self.change = rows, change

    def values_list(self, *names):
        return Meanwhile(self.rows.values_list(*names), self.change)

    def __getitem__(self, places):
        found = list(self.rows[places])
        self.change()
        return found


def test_a_row_that_leaves_the_list_before_it_is_read_hides_nothing_behind_it(seven, monkeypatch):
    after = Cursor.after
    with company_scope(seven.acme.pk):
        ids = list(Transaction.objects.order_by("pk").values_list("pk", flat=True))
        pending = Transaction.objects.filter(status="pending")
        _, cursor = take_page(pending, order=["id"], cursor=None, limit=1)

        def change():
            Transaction.objects.filter(pk=ids[2]).update(status="reversed")

        monkeypatch.setattr(Cursor, "after", lambda self, rows, cursor: Meanwhile(after(self, rows, cursor), change))
        second, cursor = take_page(pending, order=["id"], cursor=cursor, limit=3)
        monkeypatch.undo()
        third, end = take_page(pending, order=["id"], cursor=cursor, limit=3)
    assert [row.pk for row in second] == [ids[1], ids[3]]
    assert ([row.pk for row in third], end) == (ids[4:], None)


def packed(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "%00",
        packed("[1]"),
        packed('["2026-01-01", null]'),
        packed('["x", 1]'),
        packed("{}"),
        packed('["2026-01-01", 99999999999999999999]'),
        "é",
    ],
)
def test_a_cursor_that_we_did_not_make_is_refused(seven, api, cursor):
    response = api(seven.alice).get("/api/v1/transactions/", {"cursor": cursor})
    assert (response.status_code, response.json()["field"]) == (400, "cursor")


@pytest.mark.parametrize(
    "values",
    [
        '["category", "name_key", "id"], "\\ud800", 1', '["category", "name_key", "id"], ["a"], 1',
        '["category", "name_key", "id", "back"], "a"', '["category", "back"], "a", 1',
    ],
)  # fmt: skip
def test_what_is_no_text_is_no_place_in_a_list_by_name(seven, api, values):
    response = api(seven.alice).get("/api/v1/categories/", {"ordering": "name", "cursor": packed(f"[{values}]")})
    assert (response.status_code, response.json()["field"]) == (400, "cursor")


@pytest.mark.parametrize("limit", ["0", "201", "-1", "x", "1.5", "", "٣"])
def test_a_limit_is_a_whole_number_from_1_to_200(seven, api, limit):
    response = api(seven.alice).get("/api/v1/transactions/", {"limit": limit})
    assert (response.status_code, response.json()["field"]) == (400, "limit")


def test_a_cursor_of_another_list_is_none_of_this_one(seven, api):
    client = api(seven.alice)
    cursor = client.get("/api/v1/categories/", {"limit": 1}).json()["next_cursor"]
    assert client.get("/api/v1/categories/", {"limit": 1, "cursor": cursor}).status_code == 200
    for path in ("tags", "departments"):
        answer = client.get(f"/api/v1/{path}/", {"cursor": cursor})
        assert (answer.status_code, answer.json()["field"]) == (400, "cursor")
