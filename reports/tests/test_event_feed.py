"""The feed of events: all of them, each once, in their order, however it is paged and whatever is written meanwhile."""

from __future__ import annotations

import json

import pytest

from reports import queries
from reports.activity.sentences import SENTENCES
from spendtrackr import events
from spendtrackr.models import Event
from spendtrackr.tenancy import company_scope
from tests.factories import NOON, swipe
from transactions.operations.swipes import authorize
from users import operations as people
from users.tests.test_keys import program

EVENTS = "/api/v1/events/"


def happen(world, count: int, type_: str = "card.frozen", actor=None) -> None:
    with company_scope(world.acme.pk):
        for number in range(count):
            events.record(type_, world.card, actor=actor or world.alice, at=NOON, number=number)


def read(client, **given) -> dict:
    answer = client.get(EVENTS, given)
    assert answer.status_code == 200, answer.content
    return answer.json()


def all_of(client, limit: int, **given) -> list[dict]:
    """As an integration reads it: from the beginning, until there is no more."""
    found, after = [], 0
    while True:
        part = read(client, after=after, limit=limit, **given)
        assert len(part["data"]) <= limit
        assert part["next_after"] >= after
        found, after = found + part["data"], part["next_after"]
        if not part["has_more"]:
            return found


@pytest.mark.parametrize("limit", [1, 3, 7, 200])
def test_it_is_read_whole_in_parts_of_any_size(world, api, limit):
    happen(world, 10)
    events.seal_all()
    found = all_of(api(world.alice), limit)
    assert [event["sequence"] for event in found] == list(range(1, len(found) + 1))
    with company_scope(world.acme.pk):
        assert [event["id"] for event in found] == list(Event.objects.order_by("sequence").values_list("public_id", flat=True))


def test_what_is_not_sealed_yet_comes_later_and_in_its_place(world, api):
    events.seal_all()
    client = api(world.alice)
    before = read(client, limit=200)
    assert not before["has_more"]
    happen(world, 2)
    assert read(client, after=before["next_after"])["data"] == []
    assert read(client, after=before["next_after"])["next_after"] == before["next_after"]
    events.seal_all()
    told = read(client, after=before["next_after"])
    assert [event["sequence"] for event in told["data"]] == [before["next_after"] + 1, before["next_after"] + 2]
    with company_scope(world.acme.pk):
        waiting = Event.objects.filter(sequence=None)
        happen(world, 1)
        assert client.get(f"{EVENTS}{waiting.get().public_id}/").status_code == 404


def test_an_event_says_what_happened_to_what_and_who_did_it(world, api):
    with company_scope(world.acme.pk):
        key, secret = people.create_key(name="Card sync", scopes=["cards:write", "events:read"], actor=world.alice, at=NOON)
        member = key.integration.membership.public_id
        authorize(world.card, swipe(1_00))
    client = program(secret)
    client.post(f"/api/v1/cards/{world.card.public_id}/freeze/")
    events.seal_all()
    found = {event["type"]: event for event in all_of(client, 50)}
    frozen = found["card.frozen"]
    assert frozen["actor"] == {"id": member, "kind": "integration", "name": "Card sync"}
    assert (frozen["subject"], frozen["details"]["source"]) == (world.card.public_id, "admin")
    # The program sees no people: it is told who, and not their names.
    assert found["key.created"]["actor"] == {"id": world.alice.public_id, "kind": "member", "name": None}
    assert found["transaction.approved"]["actor"]["kind"] == "system"
    assert set(frozen) == {"id", "sequence", "type", "at", "subject", "actor", "details"}
    hers = {event["type"]: event for event in all_of(api(world.alice), 50)}
    assert hers["key.created"]["actor"]["name"] == "Alice"
    assert hers["card.frozen"]["actor"]["name"] == "Card sync"
    one = client.get(f"{EVENTS}{frozen['id']}/")
    assert (one.status_code, one.json()) == (200, frozen)


def test_by_type_and_by_kind(world, api):
    happen(world, 2)
    happen(world, 1, "card.closed")
    happen(world, 1, "cardigan.knitted")
    events.seal_all()
    client = api(world.alice)
    types = lambda **given: [event["type"] for event in all_of(client, 2, **given)]  # noqa: E731
    assert types(type="card.frozen") == ["card.frozen"] * 2
    assert types(type="card.closed, card.frozen") == ["card.frozen", "card.frozen", "card.closed"]
    assert set(types(type="card.*")) == {"card.requested", "card.issued", "card.frozen", "card.closed"}
    assert "cardigan.knitted" in types()


def test_a_rare_type_is_looked_for_so_far_and_no_further(world, api, monkeypatch, django_assert_num_queries):
    import importlib

    events.seal_all()
    client = api(world.alice)
    start = read(client, limit=200)["next_after"]
    happen(world, 9)
    happen(world, 1, "card.closed")
    events.seal_all()
    monkeypatch.setattr(importlib.import_module("reports.queries.events"), "LOOKS_AHEAD", 4)
    looked = []
    after, more = start, True
    while more:
        part = read(client, after=after, type="card.closed")
        looked.append((len(part["data"]), part["next_after"] - start, part["has_more"]))
        after, more = part["next_after"], part["has_more"]
    assert looked == [(0, 4, True), (0, 8, True), (1, 10, False)]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"after": "-1"}, "after"),
        ({"after": "x"}, "after"),
        ({"after": "1.5"}, "after"),
        ({"after": "9" * 30}, "after"),
        ({"after": "100000"}, "after"),
        ({"limit": "0"}, "limit"),
        ({"limit": "201"}, "limit"),
        ({"type": "card.eaten"}, "type"),
        ({"type": "card"}, "type"),
        ({"cursor": "x"}, "cursor"),
        ({"before": "1"}, "before"),
    ],
)
def test_what_makes_no_sense_is_refused_by_its_name(world, api, given, field):
    answer = api(world.alice).get(EVENTS, given)
    assert (answer.status_code, answer.json()["field"]) == (400, field)


def test_a_company_without_events_has_an_empty_feed(acme):
    Event._base_manager.filter(company=acme.acme)._raw_delete("default")
    assert queries.events_after(0, limit=5) == queries.Feed([], 0, has_more=False)


def test_each_company_has_its_own_numbers(world, api):
    happen(world, 3)
    events.seal_all()
    hers = all_of(api(world.mallory), 200)
    assert [event["sequence"] for event in hers] == list(range(1, len(hers) + 1))
    assert world.card.public_id not in json.dumps(hers)


def test_every_type_that_is_told_is_offered():
    assert set(queries.EVENT_TYPES) == {key.partition(":")[0] for key in SENTENCES}
    assert "card.*" in queries.EVENT_KINDS
    assert all(any(name.startswith(kind[:-1]) for kind in queries.EVENT_KINDS) for name in queries.EVENT_TYPES)
