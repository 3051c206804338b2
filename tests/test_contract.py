"""The OpenAPI contract: complete, valid without a warning, and true."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import schemathesis
from django.core.management import call_command
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from hypothesis import HealthCheck, assume, given, settings
from jsonschema import Draft202012Validator
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from cards import operations as cards
from conftest import client_of
from spendtrackr.money import MAX_MINOR, Money
from spendtrackr.schema import ContractGenerator
from spendtrackr.tenancy import company_scope
from spendtrackr.webhooks import endpoints
from spendtrackr.wsgi import application
from tests.factories import NOON, swipe
from tests.routes import all_routes
from tests.test_isolation import OPEN
from tests.test_permissions import CASES
from transactions.operations import accounts
from transactions.operations.swipes import authorize
from users.roles import TABLE

CONTRACT = ContractGenerator().get_schema(request=None, public=True)
OPERATIONS = [(path, method, told) for path, methods in CONTRACT["paths"].items() for method, told in methods.items()]


def test_it_is_valid_without_a_warning(tmp_path):
    call_command("spectacular", validate=True, fail_on_warn=True, file=str(tmp_path / "schema.yml"))


def test_it_lists_the_routes_that_exist():
    routes = {str(route) for route in all_routes() if route.path.startswith("/api/")}
    described = {f"{method.upper()} {path}" for path, method, _ in OPERATIONS}
    assert described == routes - {"GET /api/v1/docs/"}


@pytest.mark.parametrize(("path", "method", "told"), OPERATIONS, ids=[f"{m.upper()} {p}" for p, m, _ in OPERATIONS])
def test_every_operation_says_what_it_does_and_how_it_refuses(path, method, told):
    assert told["summary"]
    assert told["tags"]
    assert {"400", "401", "503"} <= set(told["responses"])
    success = [status for status in told["responses"] if status.startswith("2")]
    assert len(success) == 1
    for status, answer in told["responses"].items():
        if not status.startswith("2"):
            assert answer["content"]["application/json"]["schema"]["$ref"].endswith("/Error"), status
    keyed = [p["name"] for p in told.get("parameters", []) if p["in"] == "header"]
    # Without a credential there is nobody to keep a key for: those routes open one, and are all under /auth/.
    opens = not any(told.get("security", []))
    assert not opens or method != "post" or "/auth/" in path
    changes = method != "get" and not opens and ("{" in path or method != "post") and shown_at(path) and not makes_another(path)
    assert keyed == [*(["Idempotency-Key"] if method == "post" and not opens else []), *(["If-Match"] if changes else [])]
    assert ("412" in told["responses"]) == changes
    if "ETag" in told["responses"].get("200", {}).get("headers", {}):
        assert method == "get"


def makes_another(path: str) -> bool:
    """Whether what it makes is something of its own, beneath what it is about."""
    return path.endswith(("/comments/", "/grants/", "/authorizations/preview/", "/controls/backtest/"))


def shown_at(path: str) -> bool:
    """Whether what is at an address, or above its verb, has a version."""
    base = path.partition("}/")[0] + "}/" if "{" in path else path
    return "ETag" in CONTRACT["paths"].get(base, {}).get("get", {}).get("responses", {}).get("200", {}).get("headers", {})


BESIDES = {
    "GET /api/v1/backtests/{public_id}/rows/": ("transactions:read",),
    # Whoever has events sent somewhere reads them.
    **{route: ("events:read",) for route in CASES if "/api/v1/webhook-" in route},
}


@pytest.mark.parametrize(("path", "method", "told"), OPERATIONS, ids=[f"{m.upper()} {p}" for p, m, _ in OPERATIONS])
def test_every_operation_says_which_scope_a_key_needs(path, method, told):
    route = f"{method.upper()} {path}"
    if route in OPEN:
        assert not any(told.get("security", [])) or route == "GET /api/v1/schema/"
        return
    people, *keys = told["security"]
    assert people == {"accessToken": []}
    rule = next((case.rule for name, case in CASES.items() if name.split("?")[0] == route), None)
    needed = sorted([*({rule and TABLE[rule].scope} - {None}), *BESIDES.get(route, ())])
    assert keys == ([{"apiKey": needed}] if needed else [])
    said = " and ".join(f"`{scope}`" for scope in needed)
    assert (f"An API key needs {said}." if needed else "no API key may") in told["description"]


JSON = "application/json"


def examples_of(part: dict) -> list[tuple[dict, Any]]:
    """Every example of a body or an answer, with its shape."""
    found = []
    for kind, content in part.get("content", {}).items():
        if kind in {JSON, "multipart/form-data"}:
            told = [one["value"] for one in content.get("examples", {}).values()] or [content["example"]]
            found += [(content["schema"], one) for one in told]
    return found


@pytest.mark.parametrize(("path", "method", "told"), OPERATIONS, ids=[f"{m.upper()} {p}" for p, m, _ in OPERATIONS])
def test_every_operation_has_examples_and_they_are_as_the_contract_says(path, method, told):
    [answer] = [answer for status, answer in told["responses"].items() if status.startswith("2")]
    shown = examples_of(answer) + examples_of(told.get("requestBody", {}))
    assert shown or JSON not in {**answer.get("content", {}), **told.get("requestBody", {}).get("content", {})}
    for schema, example in shown:
        problems = [error.message for error in Draft202012Validator({**schema, "components": CONTRACT["components"]}).iter_errors(example)]
        assert problems == [], example


def test_money_is_one_shape_everywhere():
    shapes = CONTRACT["components"]["schemas"]
    assert set(shapes["Money"]["properties"]) == {"minor", "currency"}
    inline = re.findall(r"'minor': \{", str(CONTRACT["paths"]))
    assert inline == []


def test_it_is_open_in_the_demo_and_closed_where_it_says_so(world, api, client, settings):
    assert client.get("/api/v1/schema/").status_code == 200
    assert client.get("/api/v1/docs/").status_code == 200
    settings.DOCS_OPEN = False
    assert client.get("/api/v1/schema/").status_code == 401
    assert client.get("/api/v1/docs/").status_code == 302
    assert api(world.bob).get("/api/v1/schema/").status_code == 200


def test_it_is_made_once_and_says_the_same_to_everybody(world, api, client, monkeypatch):
    first = client.get("/api/v1/schema/", {"format": "json"})
    monkeypatch.setattr("drf_spectacular.generators.SchemaGenerator.get_schema", lambda *_, **__: 1 / 0)
    for caller in (client, api(world.alice), api(world.mallory)):
        assert caller.get("/api/v1/schema/", {"format": "json"}).content == first.content
    assert first.json() == json.loads(json.dumps(CONTRACT))


def test_it_can_be_browsed_from_our_own_origin(client, db):
    page = client.get("/api/v1/docs/").content.decode()
    assert "swagger-ui-bundle" in page
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', page)


BODILESS = [path for path, method, told in OPERATIONS if method == "post" and "requestBody" not in told]


def test_these_routes_take_no_body():
    """A new one without `takes_body=False` is found below, for it would ignore what it is sent."""
    assert {"/api/v1/cards/{public_id}/freeze/", "/api/v1/grants/{public_id}/revoke/", "/api/v1/auth/logout/"} <= set(BODILESS)


@pytest.mark.parametrize("path", BODILESS)
def test_a_route_without_a_body_refuses_fields_whatever_state_its_object_is_in(world, api, path):
    client = api(world.alice)
    answer = client.post(path.replace("{public_id}", "x_1"), {"foo": 1})
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (400, "unknown_field", "foo")
    for nothing in ("", "{}", "null"):
        again = client.post(path.replace("{public_id}", "x_1"), nothing, content_type="application/json")
        assert again.status_code != 400, again.content
    if "public_id" not in path:
        return
    assert client.post(path.replace("{public_id}", "x_1"), ["foo"]).status_code == 400


LOOKS = [(path, told) for path, method, told in OPERATIONS if method == "get" and path != "/api/v1/schema/"]


@pytest.mark.parametrize(("path", "told"), LOOKS, ids=[path for path, _ in LOOKS])
def test_a_route_knows_the_parameters_that_it_is_described_with(world, api, path, told):
    names = [one["name"] for one in told.get("parameters", []) if one["in"] == "query"]
    answer = api(world.alice).get(path.replace("{public_id}", "x_1"), dict.fromkeys(names, "x"))
    assert answer.status_code in {200, 400, 404}
    if answer.status_code == 400:
        assert answer.json()["code"] != "unknown_parameter"


@pytest.mark.parametrize(("path", "name", "value"), [("accounting-items/", "currency", "USDX"), ("reports/movers/", "merchant", "x" * 41)])
def test_what_is_longer_than_the_contract_says_is_refused_where_no_filter_looks_at_it(world, api, path, name, value):
    answer = api(world.alice).get(f"/api/v1/{path}", {name: value})
    assert (answer.status_code, answer.json()["field"]) == (400, name)


def test_a_sum_may_be_larger_than_any_amount_that_is_sent(world, api):
    with company_scope(world.acme.pk):
        for _ in range(2):
            accounts.top_up(Money(MAX_MINOR, "USD"), actor=world.alice, at=NOON)
    told = api(world.alice).get("/api/v1/accounts/").json()
    assert told["data"][0]["available"]["minor"] > 2 * MAX_MINOR
    shape = CONTRACT["paths"]["/api/v1/accounts/"]["get"]["responses"]["200"]["content"][JSON]["schema"]
    assert [error.message for error in Draft202012Validator({**shape, "components": CONTRACT["components"]}).iter_errors(told)] == []


@pytest.mark.parametrize("query", ["?card=", "?card=&q=x", "?from=", "?q=x&to=", "?cursor=", "?ordering=", "?limit="])
def test_a_parameter_without_a_value_does_not_widen_a_list(world, api, query):
    answer = api(world.alice).get(f"/api/v1/transactions/{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert f"{answer.json()['field']}=" in query


@pytest.mark.parametrize("path", ["/api/v1/accounts/?limit=5", "/api/v1/accounts/?nonsense=1", "/api/v1/auth/login/?nonsense=1"])
def test_a_method_that_is_not_there_is_refused_as_such_whatever_comes_with_it(world, api, path):
    for method in ("TRACE", "PUT", "DELETE"):
        assert api(world.alice).generic(method, path).status_code == 405


@pytest.mark.parametrize("path", ["transactions/?status=posted&status=declined", "reports/spend/?group_by=month&group_by=category"])
def test_a_parameter_that_comes_twice_is_refused(world, api, path):
    answer = api(world.alice).get(f"/api/v1/{path}")
    assert (answer.status_code, answer.json()["message"]) == (400, "Give it once.")


def test_an_explained_decision_is_as_the_contract_says(world, api):
    with company_scope(world.acme.pk):
        cards.freeze(world.card, actor=world.bob, at=NOON)
        purchase = authorize(world.card, swipe(1_00)).transaction
    told = api(world.alice).get(f"/api/v1/transactions/{purchase.public_id}/decision/").json()
    assert [check["value"] for check in told["checks"] if check["name"] == "company"] == [None]
    shape = {"$ref": "#/components/schemas/PastDecision", "components": CONTRACT["components"]}
    assert [error.message for error in Draft202012Validator(shape).iter_errors(told)] == []


def test_the_message_of_a_test_that_has_no_number_yet_is_as_the_contract_says(world, api):
    with company_scope(world.acme.pk):
        endpoint, _ = endpoints.create(url="https://hooks.example/", actor=world.alice, at=NOON)
        sent = endpoints.test(endpoint, actor=world.alice, at=NOON)
    told = api(world.alice).get(f"/api/v1/webhook-deliveries/{sent.public_id}/").json()
    assert told["message"]["data"]["sequence"] is None
    shape = {"$ref": "#/components/schemas/WebhookDeliveryDetail", "components": CONTRACT["components"]}
    assert [error.message for error in Draft202012Validator(shape).iter_errors(told)] == []


def test_a_file_that_is_not_written_yet_is_a_documented_answer(world, api):
    client = api(world.alice)
    made = client.post("/api/v1/exports/", {"what": "cards", "format": "csv"}, format="json").json()
    assert client.get(f"/api/v1/exports/{made['id']}/file/").status_code == 409
    assert "409" in CONTRACT["paths"]["/api/v1/exports/{public_id}/file/"]["get"]["responses"]


@pytest.mark.parametrize(("length", "status"), [(1, 412), (1000, 412), (1001, 400)])
def test_a_condition_has_at_most_a_thousand_characters(world, api, length, status):
    path = f"/api/v1/cards/{world.card.public_id}/freeze/"
    refused = api(world.alice).post(path, HTTP_IF_MATCH="x" * length)
    assert (refused.status_code, refused.json()["field"]) == (status, "If-Match" if status == 400 else None)
    with company_scope(world.acme.pk):
        assert world.reload().open_freezes == []


SCHEMA = schemathesis.openapi.from_dict(CONTRACT)
SCHEMA.app = application
# No id is called so: `/imports/preview/` is another route, which takes nothing but POST.
ACTIONS = {path.rstrip("/").rpartition("/")[2] for path in CONTRACT["paths"]}
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


@pytest.fixture
def one_connection():
    """The application runs inside the test's transaction, so it must not close the connection between requests."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.mark.filterwarnings("default")
@pytest.mark.usefixtures("one_connection")
@pytest.mark.parametrize("who", ["alice", "bob"])
@pytest.mark.parametrize(("path", "method"), [(path, method) for path, method, _ in OPERATIONS])
def test_no_request_gets_an_answer_that_is_not_in_the_contract(world, path, method, who):
    member = getattr(world, who)

    @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None)
    @given(case=SCHEMA[path][method.upper()].as_strategy())
    def try_it(case):
        assume((case.path_parameters or {}).get("public_id") not in ACTIONS)
        token = client_of(member)._credentials["HTTP_AUTHORIZATION"]
        case.call_and_validate(headers={"Authorization": token}, checks=CHECKS)

    try_it()
