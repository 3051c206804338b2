"""What programs rely on when much happens at once: a key is rotated once, a request takes effect once, and the feed leaves nothing out."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import timedelta
from threading import Event as Flag
from threading import Thread

import pytest
from django.db import connection, connections
from django.utils import timezone

from companies import operations as companies
from companies.models import Category, Tag
from conftest import build_world, client_of
from reports import queries, verification
from spendtrackr import events
from spendtrackr.models import Event, IdempotencyKey
from spendtrackr.tenancy import company_scope
from tests.test_races import at_once, outcomes
from users import operations as people
from users.models import ApiKey
from users.tests.test_keys import program

TWINS = 16

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def world():
    return build_world()


def key_of(world, *scopes: str) -> tuple[ApiKey, str]:
    with company_scope(world.acme.pk):
        return people.create_key(name="Race", scopes=scopes or ["tags:write"], actor=world.alice, at=timezone.now())


def test_of_eight_rotations_at_once_one_makes_a_key(world):
    key, _ = key_of(world)
    answers = at_once(world, lambda _: people.rotate_key(key, actor=world.alice, at=timezone.now())[0].public_id)
    assert outcomes(answers)["InvalidState"] == 7
    with company_scope(world.acme.pk):
        assert ApiKey.objects.count() == 2
        assert list(verification.COMPANY_CHECKS["programs"]()) == []


def test_a_key_that_is_revoked_while_it_is_rotated_stays_revoked(world):
    for _ in range(5):
        key, _ = key_of(world)

        def either(number: int, key=key):
            if number % 2:
                return people.revoke_key(key, actor=world.alice, at=timezone.now()).public_id
            return people.rotate_key(key, overlap=timedelta(hours=1), actor=world.alice, at=timezone.now())[0].public_id

        at_once(world, either, 4)
        with company_scope(world.acme.pk):
            key.refresh_from_db()
            assert key.revoked_at is not None
            assert ApiKey.objects.filter(integration=key.integration).count() <= 2


def test_of_sixteen_twins_one_takes_effect_and_all_are_told_the_same(world):
    """Design §9: a twin waits for the first one's answer, or is told to come back."""
    _, secret = key_of(world)
    answers = at_once(world, lambda _: told(program(secret), "twins", "Once"), TWINS)
    told_at_last = {answer for answer in answers if answer[0] == 201}
    assert len({tag for _, tag in told_at_last}) == 1
    assert {status for status, _ in answers} <= {201, 409}
    again = told(program(secret), "twins", "Once")
    assert again in told_at_last
    with company_scope(world.acme.pk):
        assert Tag.objects.filter(name="Once").count() == 1
        assert IdempotencyKey.objects.count() == 1


def told(client, key: str, name: str) -> tuple[int, str]:
    answer = client.post("/api/v1/tags/", {"name": name}, format="json", HTTP_IDEMPOTENCY_KEY=key)
    return answer.status_code, answer.json().get("id", "")


def test_the_same_key_of_other_credentials_and_in_another_case_is_another(world):
    """Sixteen at once: two programs, a person and another company, each with the key in two cases. A tag of a name is one."""
    secrets = [key_of(world)[1], key_of(world)[1]]
    clients = [lambda: program(secrets[0]), lambda: program(secrets[1]), lambda: client_of(world.alice), lambda: client_of(world.mallory)]

    def work(number: int):
        who, spelled = number % 4, ("key", "KEY")[number // 4 % 2]
        return who, spelled, told(clients[who](), spelled, f"Tag {who} {number // 4 % 2}")

    answers = at_once(world, work, TWINS)
    made = Counter(tag for _, _, (status, tag) in answers if status == 201)
    assert len(made) == 8
    assert {status for _, _, (status, _) in answers} <= {201, 409}
    by_sender: dict[tuple[int, str], set[str]] = defaultdict(set)
    for who, spelled, (status, tag) in answers:
        if status == 201:
            by_sender[who, spelled].add(tag)
    assert {len(tags) for tags in by_sender.values()} == {1}
    assert Tag.across_companies.filter(name__startswith="Tag ").count() == 8


def test_a_rotated_key_goes_on_with_the_keys_of_before(world):
    key, secret = key_of(world)
    first = told(program(secret), "order-1", "Order")
    with company_scope(world.acme.pk):
        _, new = people.rotate_key(key, actor=world.alice, at=timezone.now())
    assert told(program(new), "order-1", "Order") == first


def test_the_feed_leaves_nothing_out_while_many_write_and_several_seal(world):
    """Four write, two seal, and one reads from number to number all the while."""
    done, found = Flag(), []

    def read() -> None:
        after = 0
        with company_scope(world.acme.pk):
            while True:
                last = done.is_set()
                part = queries.events_after(after, limit=7)
                found.extend(event.public_id for event in part.events)
                after = part.next_after
                if last and not part.has_more:
                    break
        connections.close_all()

    def work(number: int):
        for turn in range(30):
            if number < 4:
                companies.add_tag(name=f"Tag {number} {turn}", actor=world.alice, at=timezone.now())
            else:
                events.seal(batch=5)
        return number

    reader = Thread(target=read)
    reader.start()
    answers = at_once(world, work, 6)
    events.seal_all()
    done.set()
    reader.join()
    assert answers == list(range(6))
    with company_scope(world.acme.pk):
        sealed = list(Event.objects.order_by("sequence").values_list("public_id", "sequence"))
        assert [sequence for _, sequence in sealed] == list(range(1, len(sealed) + 1))
        assert found == [public_id for public_id, _ in sealed]
        assert list(verification.COMPANY_CHECKS["events"]()) == []
    connection.close()


CATEGORIES = "/api/v1/categories/"


def test_of_eight_who_read_the_same_version_one_changes_it(world):
    with company_scope(world.acme.pk):
        category = Category.objects.order_by("pk").first()
    path = f"{CATEGORIES}{category.public_id}/"
    version = client_of(world.alice).get(path)["ETag"]

    def change(number: int) -> int:
        return client_of(world.alice).patch(path, {"ledger_code": f"62{number:02d}"}, headers={"If-Match": version}).status_code

    assert Counter(at_once(world, change, 8)) == {200: 1, 412: 7}
    assert client_of(world.alice).get(path)["ETag"] != version


def test_a_repetition_gets_the_first_answer_whatever_has_changed_since(world):
    client = client_of(world.alice)
    card = f"/api/v1/cards/{world.card.public_id}/"
    once = {"If-Match": client.get(card)["ETag"], "Idempotency-Key": "once"}
    first, second = (client.post(f"{card}freeze/", headers=once) for _ in range(2))
    assert (first.status_code, second.status_code, second["Idempotent-Replayed"]) == (200, 200, "true")
    assert client.post(f"{card}unfreeze/", headers={"If-Match": once["If-Match"]}).json()["code"] == "stale"
