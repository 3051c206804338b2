from __future__ import annotations

import pytest

from spendtrackr.tenancy import company_scope
from transactions.models import FundingAccount, Transaction

AUTHORIZATIONS = "/api/v1/simulator/authorizations/"
TOPUPS = "/api/v1/simulator/topups/"


def body(world, **changes):
    return {
        "card": world.card.public_id,
        "amount": {"minor": 42_00, "currency": "USD"},
        "merchant_name": "Blue Bottle Coffee",
        "merchant_code": "5812",
        "country": "US",
        **changes,
    }


def hire(world, role):
    with company_scope(world.acme.pk):
        return world.hire("Zoe", role)


def test_a_swipe_is_decided_and_clears(world, api):
    client = api(world.alice)
    decision = client.post(AUTHORIZATIONS, body(world))
    assert (decision.status_code, decision.json()["approved"], decision.json()["reason"]) == (201, True, "")
    purchase = decision.json()["transaction"]
    assert (purchase["amount"], purchase["held"], purchase["status"]) == ({"minor": 42_00, "currency": "USD"},) * 2 + ("pending",)

    path = f"{AUTHORIZATIONS}{purchase['id']}/"
    captured = client.post(f"{path}capture/", {"amount": {"minor": 40_00, "currency": "USD"}}).json()
    assert (captured["status"], captured["captured"]["minor"], captured["held"]["minor"]) == ("posted", 40_00, 0)
    refunded = client.post(f"{path}refund/", {"amount": {"minor": 15_00, "currency": "USD"}}).json()
    assert refunded["refunded"]["minor"] == 15_00
    account = client.get("/api/v1/accounts/").json()["data"][0]
    assert (account["available"]["minor"], account["held"]["minor"], account["spent"]["minor"]) == (975_00, 0, 25_00)


def test_a_decline_is_a_201_with_its_reason(world, api):
    decision = api(world.alice).post(AUTHORIZATIONS, body(world, amount={"minor": 5_000_00, "currency": "USD"}))
    assert (decision.status_code, decision.json()["approved"], decision.json()["reason"]) == (201, False, "insufficient_funds")
    assert decision.json()["transaction"]["status"] == "declined"


def test_a_capture_that_is_not_final_keeps_the_rest(world, api):
    client = api(world.alice)
    purchase = client.post(AUTHORIZATIONS, body(world)).json()["transaction"]["id"]
    part = {"amount": {"minor": 10_00, "currency": "USD"}, "final": False}
    assert client.post(f"{AUTHORIZATIONS}{purchase}/capture/", part).json()["held"]["minor"] == 32_00
    assert client.post(f"{AUTHORIZATIONS}{purchase}/reverse/").json()["held"]["minor"] == 0


def test_a_network_message_counts_once(world, api):
    client = api(world.alice)
    first, again = (client.post(AUTHORIZATIONS, body(world, network_id="n1")).json() for _ in range(2))
    assert first == again
    path = f"{AUTHORIZATIONS}{first['transaction']['id']}/capture/"
    for _ in range(2):
        assert client.post(path, {"network_id": "n2"}).status_code == 200
    assert client.get("/api/v1/accounts/").json()["data"][0]["spent"]["minor"] == 42_00


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"card": "card_unknown"}, "card"),
        ({"amount": {"minor": 0, "currency": "USD"}}, "amount.minor"),
        ({"amount": {"minor": -5, "currency": "USD"}}, "amount.minor"),
        ({"amount": {"minor": 1.5, "currency": "USD"}}, "amount.minor"),
        ({"amount": {"minor": "5", "currency": "USD"}}, "amount.minor"),
        ({"amount": {"minor": 10**15, "currency": "USD"}}, "amount.minor"),
        ({"amount": {"minor": 5}}, "amount.currency"),
        ({"amount": {"minor": 5, "currency": "usd"}}, "amount.currency"),
        ({"amount": {"minor": 5, "currency": "USD", "exponent": 2}}, "amount.exponent"),
        ({"merchant_code": "58"}, "merchant_code"),
        ({"country": "ZZ"}, "country"),
        ({"merchant_name": ""}, "merchant_name"),
        ({"merchant_name": "a\nb"}, "merchant_name"),
        ({"approved": True}, "approved"),
    ],
)
def test_bad_input_names_its_field_and_decides_nothing(world, api, changes, field):
    response = api(world.alice).post(AUTHORIZATIONS, body(world, **changes))
    assert (response.status_code, response.json()["field"]) == (400, field)
    assert not Transaction.across_companies.exists()


def test_illegal_states_are_409(world, api):
    client = api(world.alice)
    declined = client.post(AUTHORIZATIONS, body(world, amount={"minor": 5_000_00, "currency": "USD"})).json()["transaction"]["id"]
    for verb in ("capture", "reverse", "refund"):
        response = client.post(f"{AUTHORIZATIONS}{declined}/{verb}/")
        assert (response.status_code, response.json()["code"]) == (409, "invalid_state")


def test_a_clearing_is_in_the_currency_of_its_purchase(world, api):
    client = api(world.alice)
    purchase = client.post(AUTHORIZATIONS, body(world)).json()["transaction"]["id"]
    response = client.post(f"{AUTHORIZATIONS}{purchase}/capture/", {"amount": {"minor": 5, "currency": "EUR"}})
    assert (response.status_code, response.json()["field"]) == (400, "amount.currency")


@pytest.mark.parametrize(("role", "status"), [("owner", 201), ("admin", 201), ("finance", 201), ("auditor", 403), ("employee", 403)])
def test_who_may_play_the_bank(world, api, role, status):
    member = world.alice if role == "owner" else hire(world, role)
    assert api(member).post(TOPUPS, {"amount": {"minor": 1, "currency": "USD"}}).status_code == status
    assert api(member).post(AUTHORIZATIONS, body(world)).status_code == status


@pytest.mark.parametrize("path", [TOPUPS, AUTHORIZATIONS, f"{AUTHORIZATIONS}txn_x/capture/"])
def test_without_the_setting_the_simulator_is_not_there(world, api, settings, path):
    settings.SIMULATOR_ENABLED = False
    assert api(world.alice).post(path, {}).status_code == 404


def test_a_top_up_arrives_and_opens_the_account_of_its_currency(world, api):
    answer = api(world.alice).post(TOPUPS, {"amount": {"minor": 7_000, "currency": "JPY"}}).json()
    assert answer["account"]["available"] == {"minor": 7_000, "currency": "JPY"}
    assert answer["entry"].startswith("ent_")
    with company_scope(world.acme.pk):
        assert FundingAccount.objects.count() == 2


def test_an_account_does_not_overflow(world, api):
    client = api(world.alice)
    with company_scope(world.acme.pk):
        FundingAccount.objects.update(available_minor=10**18 - 5, external_minor=-(10**18 - 5))
    response = client.post(TOPUPS, {"amount": {"minor": 6, "currency": "USD"}})
    assert (response.status_code, response.json()["field"]) == (400, "amount")


def test_a_suspended_company_can_be_read_and_not_changed(world, api):
    from tests.factories import NOON
    from transactions.operations.accounts import suspend_company

    client = api(world.alice)
    suspend_company(world.acme, actor=None, at=NOON)
    assert client.get("/api/v1/accounts/").status_code == 200
    refused = client.post(TOPUPS, {"amount": {"minor": 1, "currency": "USD"}})
    assert (refused.status_code, refused.json()["code"]) == (403, "company_suspended")


def test_an_employee_sees_their_own_purchases_only(world, api):
    client = api(world.alice)
    client.post(AUTHORIZATIONS, body(world))
    other = client.post("/api/v1/cards/", {"holder": world.alice.public_id}).json()["id"]
    hers = client.post(AUTHORIZATIONS, body(world, card=other)).json()["transaction"]["id"]

    mine = api(world.bob).get("/api/v1/transactions/").json()["data"]
    assert [row["member"] for row in mine] == [world.bob.public_id]
    assert api(world.bob).get(f"/api/v1/transactions/{hers}/").status_code == 404
    assert api(world.bob).get("/api/v1/accounts/").status_code == 403


def test_transactions_are_filtered(world, api):
    client = api(world.alice)
    client.post(AUTHORIZATIONS, body(world))
    client.post(AUTHORIZATIONS, body(world, merchant_code="3008"))
    client.post(AUTHORIZATIONS, body(world, amount={"minor": 5_000_00, "currency": "USD"}))
    rows = client.get("/api/v1/transactions/").json()["data"]
    travel = next(row["category"] for row in rows if row["category_name"] == "Travel")
    day = rows[0]["occurred_on"]
    for query, count in (
        ("status=declined", 1),
        ("status=pending", 2),
        (f"category={travel}", 1),
        ("category=cat_unknown", 0),
        (f"card={world.card.public_id}", 3),
        (f"member={world.bob.public_id}&status=pending", 2),
        (f"from={day}&to={day}", 3),
        ("to=2020-01-01", 0),
        ("currency=EUR", 0),
        ("source=statement", 0),
    ):
        assert len(client.get(f"/api/v1/transactions/?{query}").json()["data"]) == count, query
    for query in ("status=lost", "from=yesterday", "page=2"):
        assert client.get(f"/api/v1/transactions/?{query}").status_code == 400


MESSAGES = "/api/v1/simulator/messages/"


def fact(world, kind, minor=10_00, **more):
    amount = {"minor": minor, "currency": "USD"}
    return {"card": world.card.public_id, "kind": kind, "ref": "p1", "network_id": f"f-{kind}-{minor}", "amount": amount, **more}


def test_facts_are_told_in_any_order_and_twice(world, api):
    client = api(world.alice)
    for kind in ("capture", "advice", "capture"):
        told = client.post(MESSAGES, fact(world, kind, merchant_name="Shop", merchant_code="5812", country="US"))
        assert told.status_code == 201, told.content
    assert (told.json()["status"], told.json()["captured"]["minor"], told.json()["flags"]) == ("posted", 10_00, ["stand_in"])


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"kind": "authorization"}, "kind"),
        ({"amount": {"minor": 0, "currency": "USD"}}, "amount.minor"),
        ({"amount": {"minor": 1, "currency": "EUR"}}, "amount.currency"),
        ({"at": "2999-01-01T00:00:00Z"}, "at"),
        ({"at": "1999-01-01T00:00:00Z"}, "at"),
        ({"card": "card_unknown"}, "card"),
        ({"ref": ""}, "ref"),
    ],
)
def test_a_fact_that_makes_no_sense_names_its_field(world, api, changes, field):
    answer = api(world.alice).post(MESSAGES, {**fact(world, "capture"), **changes})
    assert (answer.status_code, answer.json()["field"]) == (400, field)
    assert not Transaction.across_companies.exists()


def test_an_expiry_has_no_amount_and_everything_else_one_above_zero(world, api):
    client = api(world.alice)
    advised = client.post(MESSAGES, fact(world, "advice")).json()
    assert advised["held"]["minor"] == 10_00
    expiry = fact(world, "expiry", network_id="e")
    refused = client.post(MESSAGES, expiry)
    assert (refused.status_code, refused.json()["field"], refused.json()["message"]) == (
        400, "amount", "An expiry has no amount: it lets go of all that is on hold.",
    )  # fmt: skip
    del expiry["amount"]
    told = client.post(MESSAGES, expiry)
    assert (told.status_code, told.json()["held"]["minor"], told.json()["flags"]) == (201, 0, ["stand_in", "expired"])
    again = client.post(MESSAGES, fact(world, "expiry", minor=0, network_id="e"))
    assert (again.status_code, again.json()["id"]) == (201, told.json()["id"]), "nothing, and an amount of nothing, say the same"
    for kind, says in [(kind, f"A message of the kind {kind} has an amount above zero.") for kind in ("capture", "advice", "force_post")]:
        answer = client.post(MESSAGES, fact(world, kind, minor=0))
        assert (answer.status_code, answer.json()["field"], answer.json()["message"]) == (400, "amount.minor", says)
    nothing = {name: value for name, value in fact(world, "capture").items() if name != "amount"}
    answer = client.post(MESSAGES, nothing)
    assert (answer.status_code, answer.json()["field"], answer.json()["code"]) == (400, "amount", "required")


def test_more_of_the_same_purchase_and_a_hold_that_expires(world, api):
    client = api(world.alice)
    purchase = client.post(AUTHORIZATIONS, body(world)).json()["transaction"]["id"]
    more = client.post(f"{AUTHORIZATIONS}{purchase}/increment/", {"amount": {"minor": 8_00, "currency": "USD"}}).json()
    assert (more["approved"], more["transaction"]["held"]["minor"]) == (True, 50_00)
    assert client.post(f"{AUTHORIZATIONS}{purchase}/expire/").json()["flags"] == ["expired"]
    assert client.post(f"{AUTHORIZATIONS}{purchase}/expire/").status_code == 409
    late = client.post(f"{AUTHORIZATIONS}{purchase}/capture/", {"amount": {"minor": 5_00, "currency": "USD"}}).json()
    assert (late["status"], late["flags"]) == ("posted", ["late"])


def test_a_part_and_a_single_message(world, api):
    client = api(world.alice)
    part = client.post(AUTHORIZATIONS, body(world, amount={"minor": 1_500_00, "currency": "USD"}, allow_partial=True)).json()
    assert (part["approved"], part["approved_amount"]["minor"], part["transaction"]["flags"]) == (True, 1_000_00, ["partial"])
    client.post(f"{AUTHORIZATIONS}{part['transaction']['id']}/reverse/")
    pin = client.post(AUTHORIZATIONS, body(world, financial=True)).json()
    assert (pin["transaction"]["status"], pin["transaction"]["captured"]["minor"]) == ("posted", 42_00)


def test_a_purchase_tells_its_reference_and_our_own_id_is_not_one(world, api):
    client = api(world.alice)
    body = {
        "card": world.card.public_id,
        "amount": {"minor": 1_00, "currency": "USD"},
        "merchant_name": "x",
        "merchant_code": "5812",
        "country": "US",
    }
    bought = client.post("/api/v1/simulator/authorizations/", body | {"ref": "trip-1"}).json()["transaction"]
    assert bought["ref"] == "trip-1"
    told = {"card": world.card.public_id, "kind": "capture", "network_id": "c", "amount": {"minor": 1_00, "currency": "USD"}}
    refused = client.post("/api/v1/simulator/messages/", told | {"ref": bought["id"]})
    assert (refused.status_code, refused.json()["field"]) == (400, "ref")
    assert client.post("/api/v1/simulator/messages/", told | {"ref": bought["ref"]}).json()["id"] == bought["id"]
