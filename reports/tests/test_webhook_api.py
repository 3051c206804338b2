"""Webhooks by API: what is taken and refused, what is shown, and who may."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from standardwebhooks.webhooks import Webhook

from reports import tasks
from spendtrackr import events
from spendtrackr.models import DeliveryStatus, Event, WebhookDelivery, WebhookEndpoint
from spendtrackr.tenancy import company_scope
from spendtrackr.webhooks.sender import Sender
from tests.factories import NOON
from tests.receivers import answers, in_turn, receiving
from users import operations as people
from users.tests.test_keys import program

ENDPOINTS, DELIVERIES = "/api/v1/webhook-endpoints/", "/api/v1/webhook-deliveries/"
URL = "https://erp.example/hooks"


@pytest.fixture(autouse=True)
def at_home(settings):
    settings.WEBHOOK_NETWORKS = [ip_network("127.0.0.0/8")]


@pytest.fixture
def alice(world, api):
    return api(world.alice)


def make(client, **body) -> dict:
    answer = client.post(ENDPOINTS, {"url": URL} | body)
    assert answer.status_code == 201, answer.content
    return answer.json()


def work(world) -> int:
    """What the worker does."""
    events.seal_all()
    tasks.hand_out_webhooks()
    return Sender(tasks.TELLING).send_due()


def test_an_endpoint_is_made_and_read_back_without_its_secret(alice):
    made = make(alice, types=["card.*", "tag.added"], description="  Book   keeping ")
    secret = made.pop("secret")
    assert secret.startswith("whsec_")
    assert made["types"] == ["card.*", "tag.added"]
    assert (made["url"], made["description"], made["status"], made["replay"]) == (URL, "Book keeping", "active", None)
    assert alice.get(f"{ENDPOINTS}{made['id']}/").json() == made
    assert alice.get(ENDPOINTS).json()["data"] == [made]
    assert secret not in str(WebhookEndpoint.across_companies.values())


def test_a_replay_of_the_request_shows_the_secret_masked(alice):
    first, second = (alice.post(ENDPOINTS, {"url": URL}, headers={"Idempotency-Key": "once"}) for _ in range(2))
    assert (first.status_code, second.status_code, second["Idempotent-Replayed"]) == (201, 201, "true")
    assert second.json() == first.json() | {"secret": "********"}
    assert WebhookEndpoint.across_companies.count() == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "url"), ({"url": ""}, "url"), ({"url": 7}, "url"), ({"url": "http://8.8.8.8/"}, "url"), ({"url": "https://10.0.0.1/"}, "url"),
        ({"url": "https://[::1]/"}, "url"), ({"url": "https://erp.example/" + "x" * 500}, "url"),
        ({"url": URL, "types": "card.*"}, "types"),
        ({"url": URL, "types": ["card.*", "card.eaten"]}, "types.1"), ({"url": URL, "types": ["*"]}, "types.0"),
        ({"url": URL, "types": [None]}, "types.0"), ({"url": URL, "description": "x" * 201}, "description"),
        ({"url": URL, "secret": "mine"}, "secret"), ({"url": URL, "status": "off"}, "status"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_by_its_field_and_makes_nothing(alice, body, field):
    refused = alice.post(ENDPOINTS, body)
    assert (refused.status_code, refused.json()["field"]) == (400, field)
    assert WebhookEndpoint.across_companies.count() == 0


def test_a_change_is_of_what_it_names(alice):
    made = make(alice, types=["card.*"], description="Old")
    made.pop("secret")
    changed = alice.patch(f"{ENDPOINTS}{made['id']}/", {"description": "New"}).json()
    assert changed == made | {"description": "New"}
    changed = alice.patch(f"{ENDPOINTS}{made['id']}/", {"url": "https://other.example/", "types": []}).json()
    assert (changed["url"], changed["types"], changed["description"]) == ("https://other.example/", [], "New")
    refused = alice.patch(f"{ENDPOINTS}{made['id']}/", {"url": "https://192.168.0.1/"})
    assert (refused.status_code, refused.json()["field"]) == (400, "url")
    assert alice.get(f"{ENDPOINTS}{made['id']}/").json() == changed


def test_a_rotation_shows_the_new_secret_once_and_says_how_long_both_sign(alice):
    made = make(alice)
    path = f"{ENDPOINTS}{made['id']}/rotate/"
    turned = alice.post(path, {"overlap_hours": 2}).json()
    assert turned["secret"] not in {made["secret"], None}
    assert turned["previous_secret_until"]
    for hours in (-1, 169, "2", None, 1.5):
        refused = alice.post(path, {"overlap_hours": hours})
        assert (refused.status_code, refused.json()["field"]) == (400, "overlap_hours")


def test_removed_answers_like_one_that_never_was(alice):
    made = make(alice)
    assert alice.delete(f"{ENDPOINTS}{made['id']}/").status_code == 204
    for path in ("", "rotate/", "test/"):
        answer = alice.post(f"{ENDPOINTS}{made['id']}/{path}") if path else alice.get(f"{ENDPOINTS}{made['id']}/")
        assert answer.status_code == 404
    assert alice.get(ENDPOINTS).json()["data"] == []


def test_a_test_is_delivered_and_its_delivery_tells_all_of_it(world, alice):
    with receiving(in_turn(answers(500, b"not yet"), answers(200, b"thanks"))) as receiver:
        made = make(alice, url=receiver.url, types=["tag.added"])
        sent = alice.post(f"{ENDPOINTS}{made['id']}/test/").json()
        assert (sent["type"], sent["sequence"], sent["status"], sent["tries"]) == ("webhook.tested", None, "pending", 0)
        assert work(world) == 1
        told = alice.get(f"{DELIVERIES}{sent['id']}/").json()
        assert (told["status"], told["tries"], told["delivered_at"]) == ("pending", 1, None)
        assert told["due_at"] > told["created_at"]
        assert alice.post(f"{DELIVERIES}{sent['id']}/replay/").json()["tries"] == 0
        assert work(world) == 1
    told = alice.get(f"{DELIVERIES}{sent['id']}/").json()
    assert (told["status"], told["due_at"], told["tries"]) == ("delivered", None, 1)
    assert [(one["outcome"], one["answered"], one["answer"]) for one in told["attempts"]] == [
        ("refused", 500, "not yet"), ("delivered", 200, "thanks"),
    ]  # fmt: skip
    got = receiver.got[-1]
    assert Webhook(made["secret"]).verify(got.body, {name.lower(): value for name, value in got.headers.items()}) == told["message"]
    assert receiver.ids == [sent["event"]] * 2


def test_deliveries_are_found_by_endpoint_event_and_status(world, alice):
    first, second = make(alice), make(alice, url="https://other.example/")
    one, two = (alice.post(f"{ENDPOINTS}{made['id']}/test/").json() for made in (first, second))
    WebhookDelivery.across_companies.filter(public_id=two["id"]).update(status=DeliveryStatus.FAILED, due_at=None)

    def found(**given) -> list[str]:
        return [row["id"] for row in alice.get(DELIVERIES, given).json()["data"]]

    assert found() == [two["id"], one["id"]]
    assert found(endpoint=first["id"]) == [one["id"]]
    assert found(event=two["event"]) == [two["id"]]
    assert found(status="failed") == [two["id"]]
    assert found(endpoint="whe_00000000000000000000000000") == []
    refused = alice.get(DELIVERIES, {"status": "lost"})
    assert (refused.status_code, refused.json()["field"]) == (400, "status")


def test_off_and_on_and_what_does_not_fit(alice):
    made = make(alice)
    off, on, test = (f"{ENDPOINTS}{made['id']}/{name}/" for name in ("switch-off", "switch-on", "test"))
    assert (alice.post(on).status_code, alice.post(on).json()["code"]) == (409, "invalid_state")
    assert alice.post(off).json()["status"] == "off"
    for path in (off, test, f"{ENDPOINTS}{made['id']}/replay/"):
        assert alice.post(path, {"after": 0} if "replay" in path else None).status_code == 409
    assert alice.post(on, {"skip_missed": "yes"}).json()["field"] == "skip_missed"
    assert alice.post(on, {"skip_missed": True}).json()["status"] == "active"


def test_a_replay_says_where_it_is(world, alice):
    make(alice)
    events.seal_all()
    made = make(alice)
    refused = alice.post(f"{ENDPOINTS}{made['id']}/replay/", {"after": 10_000})
    assert (refused.status_code, refused.json()["field"]) == (400, "after")
    for body in ({}, {"after": -1}, {"after": "0"}, {"after": 2**63}):
        assert alice.post(f"{ENDPOINTS}{made['id']}/replay/", body).json()["field"] == "after"
    told = alice.post(f"{ENDPOINTS}{made['id']}/replay/", {"after": 0}).json()
    assert told["replay"] == {"after": 0, "upto": told["handed_to"], "everything": False}
    assert alice.post(f"{ENDPOINTS}{made['id']}/replay/", {"after": 0}).status_code == 409
    tasks.hand_out_webhooks()
    assert alice.get(f"{ENDPOINTS}{made['id']}/").json()["replay"] is None


def test_a_key_that_may_not_read_events_has_none_sent_either(world):
    refused = program_of(world, "webhooks:write").post(ENDPOINTS, {"url": URL})
    assert (refused.status_code, refused.json()["code"]) == (403, "scope_missing")
    assert "events:read" in refused.json()["message"]
    assert program_of(world, "webhooks:write", "events:read").post(ENDPOINTS, {"url": URL}).status_code == 201


def program_of(world, *scopes: str):
    with company_scope(world.acme.pk):
        return program(people.create_key(name="P", scopes=scopes, actor=world.alice, at=NOON)[1])


def test_what_is_done_is_in_the_log_without_the_address(world, alice):
    made = make(alice, url="https://secret-token.example/T0K3N", description="Hidden")
    alice.patch(f"{ENDPOINTS}{made['id']}/", {"url": "https://secret-token.example/0TH3R", "types": ["card.*"]})
    alice.post(f"{ENDPOINTS}{made['id']}/rotate/")
    alice.post(f"{ENDPOINTS}{made['id']}/switch-off/")
    alice.post(f"{ENDPOINTS}{made['id']}/switch-on/")
    alice.delete(f"{ENDPOINTS}{made['id']}/")
    with company_scope(world.acme.pk):
        told = list(Event.objects.filter(subject_id=made["id"]).order_by("pk"))
    assert [event.type.partition(".")[2] for event in told] == ["created", "changed", "rotated", "switched_off", "switched_on", "removed"]
    assert not any(secret in event.details for event in told for secret in ("T0K3N", "0TH3R", "Hidden", "whsec", "secret-token"))
