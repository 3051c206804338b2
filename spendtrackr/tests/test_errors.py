from __future__ import annotations

import base64

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, OperationalError
from django.test import Client
from rest_framework.serializers import DateTimeField

from spendtrackr.periods import INSTANT_LOOKS_LIKE
from spendtrackr.serializers import InstantField, StrictSerializer

TAKES_TEXT = ["auth/login", "auth/signup", "auth/accept-invitation", "cards", "invitations", "simulator/authorizations"]
SHAPE = {"code", "message", "field", "errors", "request_id"}


def test_every_refusal_has_one_shape_and_names_the_request(world, api):
    for response in (
        api(None).get("/api/v1/cards/"),
        api(world.bob).post("/api/v1/cards/", {}),
        api(world.alice).get("/api/v1/cards/card_unknown/"),
        api(world.alice).post("/api/v1/cards/", {"holder": 5}),
        api(world.alice).get("/api/v1/nowhere/"),
        api(world.alice).put("/api/v1/cards/", {}),
        api(world.alice).post("/api/v1/cards/", "<x/>", content_type="application/xml"),
    ):
        assert response.status_code >= 400
        assert set(response.json()) == SHAPE
        assert response.json()["request_id"] == response["X-Request-Id"]


def test_an_error_names_the_field_with_its_path(world, api):
    body = {"amount": {"minor": "12", "currency": "USD"}}
    response = api(world.alice).post("/api/v1/simulator/topups/", body)
    assert (response.status_code, response.json()["field"]) == (400, "amount.minor")


def test_all_fields_at_fault_are_listed(world, api):
    response = api(None).post("/api/v1/auth/signup/", {"company_name": "X"})
    fields = {error["field"] for error in response.json()["errors"]}
    assert fields == {"country", "currency", "time_zone", "name", "email", "password"}


@pytest.mark.parametrize("field", ["spent_minor", "id", "status"])
def test_unknown_and_read_only_fields_are_refused(world, api, field):
    body = {"holder": world.bob.public_id, field: "x"}
    response = api(world.alice).post("/api/v1/cards/", body)
    assert (response.status_code, response.json()["code"], response.json()["field"]) == (400, "unknown_field", field)


def test_an_unknown_query_parameter_is_refused(world, api):
    response = api(world.alice).get("/api/v1/cards/?hodler=x")
    assert (response.status_code, response.json()["field"]) == (400, "hodler")
    assert api(world.alice).get(f"/api/v1/cards/{world.card.public_id}/?status=active").status_code == 400


def test_malformed_json_is_a_400(world, api):
    response = api(world.alice).post("/api/v1/simulator/topups/", "{not json", content_type="application/json")
    assert (response.status_code, response.json()["code"]) == (400, "parse_error")


@pytest.mark.parametrize("body", ["[]", "5", '"x"', "null", '{"amount": []}', '{"amount": {"minor": 1e400, "currency": "USD"}}'])
def test_a_body_of_the_wrong_shape_is_a_400(world, api, body):
    response = api(world.alice).post("/api/v1/simulator/topups/", body, content_type="application/json")
    assert response.status_code == 400


def test_a_database_that_is_away_is_a_503_with_retry_after(world, api, monkeypatch):
    def away(*args, **kwargs):
        raise OperationalError(2002, "cannot connect")

    monkeypatch.setattr("cards.viewsets.cards.CardViewSet.rows", away)
    response = api(world.alice).get("/api/v1/cards/")
    assert (response.status_code, response.json()["code"], response["Retry-After"]) == (503, "unavailable", "1")


def test_pages_say_it_too_when_the_database_is_away(world, pages, monkeypatch):
    client = pages(world.alice)

    def away(*args, **kwargs):
        raise OperationalError(2002, "cannot connect")

    monkeypatch.setattr("users.authentication.membership_of", away)
    client.raise_request_exception = False
    response = client.get("/")
    assert (response.status_code, response["Retry-After"]) == (503, "1")
    assert b"Back in a moment" in response.content


def test_a_violated_constraint_is_a_409_and_not_a_500(world, api, monkeypatch):
    def violated(*args, **kwargs):
        raise IntegrityError("UNIQUE constraint failed")

    monkeypatch.setattr("transactions.operations.accounts.top_up", violated)
    response = api(world.alice).post("/api/v1/simulator/topups/", {"amount": {"minor": 1, "currency": "USD"}})
    assert (response.status_code, response.json()["code"]) == (409, "conflict")


def test_a_crash_is_a_500_in_the_same_shape_and_tells_nothing(world, api, monkeypatch):
    def broken(*args, **kwargs):
        raise RuntimeError("secret detail")

    monkeypatch.setattr("cards.viewsets.cards.CardViewSet.rows", broken)
    client = api(world.alice)
    client.raise_request_exception = False
    response = client.get("/api/v1/cards/")
    assert (response.status_code, response.json()["code"]) == (500, "server_error")
    assert b"secret" not in response.content


def test_a_page_that_does_not_exist_says_so(db):
    response = Client().get("/nowhere/")
    assert response.status_code == 404
    assert b"Nothing here" in response.content


def test_the_health_check_asks_the_database(db, client):
    assert client.get("/health/").json() == {"status": "ok"}


@pytest.mark.parametrize("word", ["é", "🍣", "\x11B\u00cf", "٣", "' OR 1=1 --", "%", "x" * 5000])
def test_any_word_may_be_asked_for(world, api, word):
    """MySQL refuses to compare some alphabets with some columns; whatever a person types finds nothing, and breaks nothing."""
    client = api(world.alice)
    for path, name in (("transactions", "member"), ("transactions", "category"), ("transactions", "currency"), ("cards", "holder")):
        assert client.get(f"/api/v1/{path}/", {name: word}).status_code in {200, 400}
    assert client.post("/api/v1/auth/login/", {"email": word, "password": word, "company": word}).status_code in {400, 401}
    assert client.post("/api/v1/auth/refresh/", {"refresh": word}).status_code in {400, 401}
    assert client.post("/api/v1/cards/", {"holder": word}).status_code == 400


@pytest.mark.parametrize("path", TAKES_TEXT)
def test_half_a_character_is_refused_and_not_a_crash(world, api, path):
    half = '"\\ud800"'
    names = ("email", "password", "name", "company_name", "token", "holder", "card", "merchant_name", "company")
    body = "{" + ", ".join(f'"{name}": {half}' for name in names) + "}"
    for name in names:
        assert api(world.alice).post(f"/api/v1/{path}/", f'{{"{name}": {half}}}', content_type="application/json").status_code == 400
    assert api(world.alice).post(f"/api/v1/{path}/", body, content_type="application/json").status_code == 400


def test_half_a_character_in_a_password_names_the_field(world, api):
    body = '{"email": "alice@acme.example", "password": "\\ud800\\ud800"}'
    response = api(None).post("/api/v1/auth/login/", body, content_type="application/json")
    assert (response.status_code, response.json()["field"]) == (400, "password")


@pytest.mark.parametrize("code", [2006, 2013])
def test_a_connection_that_broke_does_not_claim_that_nothing_happened(world, api, monkeypatch, code):
    def broken(*args, **kwargs):
        raise OperationalError(code, "Lost connection to server during query")

    monkeypatch.setattr("transactions.operations.accounts.top_up", broken)
    response = api(world.alice).post("/api/v1/simulator/topups/", {"amount": {"minor": 1, "currency": "USD"}})
    assert (response.status_code, response.json()["code"], response["Retry-After"]) == (503, "outcome_unknown", "1")
    assert "Nothing was changed" not in response.json()["message"]


def test_json_that_is_nested_without_end_is_a_400(world, api):
    for path in ("auth/login", "simulator/topups"):
        response = api(world.alice).post(f"/api/v1/{path}/", "[" * 100_000, content_type="application/json")
        assert response.status_code == 400
    cursor = base64.urlsafe_b64encode(b"[" * 3000).decode().rstrip("=")
    assert api(world.alice).get("/api/v1/transactions/", {"cursor": cursor}).status_code == 400


def test_half_a_character_as_a_name_is_answered_in_whole_ones(world, api):
    response = api(None).post("/api/v1/auth/login/", '{"\\ud800": 1}', content_type="application/json")
    assert (response.status_code, response.json()["field"]) == (400, "?")


def test_fields_called_message_and_code_are_fields(world, api):
    response = api(None).post("/api/v1/auth/login/", {"message": 1, "code": 2})
    assert response.json()["code"] == "unknown_field"
    assert {error["field"] for error in response.json()["errors"]} == {"message", "code"}


def test_a_body_that_is_too_large_is_a_413(world, api, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    file = SimpleUploadedFile("s.csv", b"Date,Amount\n2026-01-05,1.00\n")
    response = api(world.alice).post("/api/v1/imports/", {"file": file, "mapping": "x" * 2000}, format="multipart")
    assert (response.status_code, response.json()["code"]) == (413, "too_large")


def test_an_api_address_without_its_slash_is_not_redirected(world, api, client):
    """A redirected POST would come back as a GET, and look like success."""
    response = api(world.alice).post("/api/v1/cards", {"holder": world.bob.public_id})
    assert response.status_code == 404
    assert response.json()["message"] == "There is no such page. Addresses end with a slash: /api/v1/cards/."
    assert client.get("/sign-in").status_code == 301


@pytest.mark.parametrize(
    ("field", "value", "says"), [("country", "de", "two capital letters"), ("currency", "eur", "three capital letters")]
)
def test_a_code_of_the_wrong_form_is_told_the_right_one(world, api, field, value, says):
    errors = api(None).post("/api/v1/auth/signup/", {field: value}).json()["errors"]
    assert says in next(error["message"] for error in errors if error["field"] == field)


NO_INSTANTS = ["2026-12-01", "2026-12-01T12:00:00", "2026-12-01 12:00:00Z", "20261201T120000Z", "2026-02-30T12:00:00Z", "soon", 5, ["x"]]


@pytest.mark.parametrize("given", NO_INSTANTS)
def test_an_instant_comes_with_its_offset_or_not_at_all(world, api, given):
    """A day, or a time without an offset, would be a guess. One sentence, in bodies as in addresses."""
    money = {"minor": 1, "currency": "USD"}
    fact = {"card": world.card.public_id, "kind": "capture", "ref": "r", "network_id": "n", "amount": money}
    client = api(world.alice)
    for path, body, field in (
        (f"cards/{world.card.public_id}/grants", {"amount": money, "expires_at": given}, "expires_at"),
        ("simulator/messages", fact | {"at": given}, "at"),
    ):
        answer = client.post(f"/api/v1/{path}/", body)
        assert (answer.status_code, answer.json()["field"], answer.json()["message"]) == (400, field, INSTANT_LOOKS_LIKE)


@pytest.mark.parametrize("given", ["2098-12-01T12:00:00Z", "2098-12-01t12:00:00.5z", "2098-12-01T12:00:00+02:00"])
def test_an_instant_with_its_offset_is_taken(world, api, given):
    body = {"amount": {"minor": 1, "currency": "USD"}, "expires_at": given}
    made = api(world.alice).post(f"/api/v1/cards/{world.card.public_id}/grants/", body)
    assert (made.status_code, made.json()["expires_at"][:13]) == (201, "2098-12-01T10" if "+" in given else "2098-12-01T12")
    late = api(world.alice).post(f"/api/v1/cards/{world.card.public_id}/grants/", body | {"expires_at": "9999-12-31T23:59:59Z"})
    assert (late.status_code, late.json()["field"]) == (400, "expires_at")


def bodies(of=StrictSerializer):
    for found in of.__subclasses__():
        yield found
        yield from bodies(found)


def test_every_instant_that_comes_in_is_read_by_one_field():
    taken = [(body.__name__, name, type(field)) for body in bodies() for name, field in body().fields.items()]
    instants = [found for found in taken if issubclass(found[2], DateTimeField)]
    assert {found[2] for found in instants} == {InstantField}
    assert ("NewGrantBody", "expires_at", InstantField) in instants
