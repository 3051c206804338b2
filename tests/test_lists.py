"""Every list of the API: in pages, forwards and backwards, in each order that it offers, while rows come in between."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from itertools import permutations

import pytest
from django.db import transaction
from django.urls import get_resolver

from cards.models import CardRequest
from conftest import build_world, client_of
from spendtrackr.schema import ContractGenerator
from spendtrackr.tenancy import company_scope
from tests.filling import come
from tests.routes import _patterns
from transactions.models import AccountingBatch, Backtest, FundingAccount, StatementImport, Transaction

SCHEMA = ContractGenerator().get_schema(request=None, public=True)
CONTRACT = SCHEMA["paths"]


def _shape(path: str) -> dict:
    """Of what a GET answers."""
    shape = CONTRACT[path]["get"]["responses"]["200"].get("content", {}).get("application/json", {}).get("schema", {})
    return SCHEMA["components"]["schemas"][shape["$ref"].rpartition("/")[2]] if "$ref" in shape else shape


LISTS = sorted(path for path, methods in CONTRACT.items() if "get" in methods and "next_cursor" in _shape(path).get("properties", {}))
# What stays as it was made: no row comes to it later.
FIXED = {
    "/api/v1/imports/{public_id}/issues/", "/api/v1/accounting-batches/{public_id}/rows/", "/api/v1/backtests/{public_id}/rows/",
}  # fmt: skip
# What a row is ordered by, as it is shown; `created` shows in its key.
SHOWN = {
    "name": lambda row: row["name"].casefold(),
    "amount": lambda row: row["amount"]["minor"],
    "occurred_on": lambda row: row["occurred_on"],
    "spent_on": lambda row: row["spent_on"],
    "currency": lambda row: row["currency"],
}


def offered(path: str) -> list[str]:
    [parameter] = [one for one in CONTRACT[path]["get"]["parameters"] if one["name"] == "ordering"]
    assert parameter["schema"]["default"] == parameter["schema"]["enum"][0]
    return parameter["schema"]["enum"]


def test_every_list_of_the_resolver_has_pages_and_an_order():
    routed = {path for path, view in _patterns(get_resolver()) if getattr(view, "actions", None) and view.actions.get("get") == "list"}
    # The catalogue of reports is of the program, and not of a company.
    assert routed - set(LISTS) == {"/api/v1/reports/"}
    assert set(LISTS) - routed == {"/api/v1/approvals/mine/", "/api/v1/accounts/{public_id}/entries/"}
    for path in LISTS:
        names = offered(path)
        assert {name for name in names if name.startswith("-")} == {f"-{name}" for name in names if not name.startswith("-")}, path


def identity(row: dict) -> str:
    return row.get("id") or row.get("transaction") or json.dumps(row, sort_keys=True)


@dataclass
class Walk:
    """The pages of one list in one order, as far as somebody has read them."""

    client: object
    path: str
    ordering: str
    before: list[str] = field(default_factory=list)
    rows: list[dict] = field(default_factory=list)
    back: list[dict] = field(default_factory=list)
    after: list[str] = field(default_factory=list)
    page: dict = field(default_factory=dict)
    begins: dict = field(default_factory=dict)
    refused: dict = field(default_factory=dict)
    refused_cursors: list = field(default_factory=list)

    def ask(self, **query) -> tuple[int, dict]:
        answer = self.client.get(self.path, query)
        return answer.status_code, answer.json()

    def get(self, **query) -> dict:
        status, page = self.ask(**{"ordering": self.ordering, **query})
        assert status == 200, (self.path, page)
        return page

    def everything(self) -> list[str]:
        page = self.get(limit=200)
        assert page["next_cursor"] is None
        return [identity(row) for row in page["data"]]

    def begin(self) -> None:
        self.before = self.everything()
        self.page = self.begins = self.get(limit=2)
        assert self.page["previous_cursor"] is None
        self.rows = list(self.page["data"])
        self.refused = {asked: self.ask(ordering=asked) for asked in ("nonsense", "-", "--created", "pk", "company__name")}

    def go_on(self) -> None:
        while self.page["next_cursor"]:
            self.page = self.get(limit=2, cursor=self.page["next_cursor"])
            assert self.page["previous_cursor"]
            self.rows += self.page["data"]

    def return_(self) -> None:
        self.back = list(self.page["data"])
        while self.page["previous_cursor"]:
            self.page = self.get(limit=2, cursor=self.page["previous_cursor"])
            assert self.page["next_cursor"]
            self.back = [*self.page["data"], *self.back]
        self.after = self.everything()


@pytest.fixture(scope="module")
def walks(django_db_setup, django_db_blocker) -> dict[str, list[Walk]]:
    """Every list in every order: the first page, rows that come, the other pages, rows that come, and all the way back."""
    with django_db_blocker.unblock(), transaction.atomic():
        world = build_world()
        for number in range(3):
            come(world, number)
        with company_scope(world.acme.pk):
            named = {
                "cards": world.card.public_id,
                "card-requests": CardRequest.objects.earliest("pk").public_id,
                "transactions": Transaction.objects.earliest("pk").public_id,
                "accounts": FundingAccount.objects.get(currency="USD").public_id,
                "accounting-batches": AccountingBatch.objects.earliest("pk").public_id,
                "backtests": Backtest.objects.latest("pk").public_id,
                "imports": StatementImport.objects.filter(rejected=3).earliest("pk").public_id,
            }
        client = client_of(world.alice)
        found = {
            path: [Walk(client, path.replace("{public_id}", named.get(path.split("/")[3], "")), name) for name in offered(path)]
            for path in LISTS
        }
        every = [walk for walks in found.values() for walk in walks]
        for walk in every:
            walk.begin()
        come(world, 3)
        for walk in every:
            walk.go_on()
        come(world, 4)
        for one, other in ((one, other) for walks in found.values() for one, other in permutations(walks, 2)):
            for cursor in (other.begins["next_cursor"], other.page["previous_cursor"]):
                one.refused_cursors.append(one.ask(ordering=one.ordering, cursor=cursor))
        for walk in every:
            walk.return_()
        transaction.set_rollback(True)
    return found


@pytest.mark.parametrize("path", LISTS)
def test_rows_that_come_in_between_neither_repeat_nor_hide_others_in_any_order(walks, path):
    for walk in walks[path]:
        assert len(walk.before) > 2, f"{path} has one page only"
        assert path in FIXED or set(walk.after) - set(walk.before), f"nothing came to {path}"
        stayed = [row for row in walk.before if row in walk.after]
        assert len(stayed) > 2, path
        for rows in (walk.rows, walk.back):
            shown = [identity(row) for row in rows]
            assert len(shown) == len(set(shown))
            assert [row for row in shown if row in stayed] == stayed
    for one, other in zip(walks[path][::2], walks[path][1::2], strict=True):
        assert other.after == one.after[::-1]


@pytest.mark.parametrize("path", LISTS)
def test_rows_come_by_what_they_are_ordered_by(walks, path):
    for walk in walks[path]:
        name = walk.ordering.removeprefix("-")
        if name in SHOWN:
            values = [SHOWN[name](row) for row in walk.back]
            assert values == sorted(values, reverse=walk.ordering.startswith("-")), (path, walk.ordering)
            assert len(set(values)) > 1


@pytest.mark.parametrize("path", LISTS)
def test_an_order_that_a_list_does_not_have_is_refused(walks, path):
    says = {"field": "ordering", "message": f"ordering is one of {', '.join(offered(path))}."}
    for asked, (status, told) in walks[path][0].refused.items():
        assert (status, told | says) == (400, told), asked


@pytest.mark.parametrize("path", LISTS)
def test_a_cursor_of_one_order_is_none_of_another(walks, path):
    for walk in walks[path]:
        others = walk.refused_cursors
        assert len(others) == 2 * (len(walks[path]) - 1)
        for status, told in others:
            assert (status, told["field"]) == (400, "cursor")
            assert told["message"] == "This is not a cursor that we gave out for this list and ordering."
