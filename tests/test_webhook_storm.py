"""A thousand events to ten endpoints that do all that endpoints do, by several workers at once.

Each one that is there gets each event, none gets what was rolled back, nothing is on its way twice, and who is gone is in nobody's way.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from ipaddress import ip_network

import pytest
from django.conf import settings as django_settings
from django.db import DatabaseError, connection, transaction
from django.utils import timezone
from standardwebhooks.webhooks import Webhook

from conftest import build_world
from reports import tasks, verification
from spendtrackr import events
from spendtrackr.models import AttemptOutcome, DeliveryStatus, EndpointStatus, WebhookAttempt, WebhookDelivery, WebhookEndpoint
from spendtrackr.tenancy import company_scope
from spendtrackr.webhooks import deliveries, endpoints
from tests.receivers import Receiver, answers, drips, receiving
from tests.test_races import at_once, outcomes

EVENTS, WORKERS = 1_000, 3
WITHIN = 120.0

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def world(settings):
    settings.WEBHOOK_NETWORKS = [ip_network("127.0.0.1/32")]
    made = build_world()
    events.seal_all()
    return made


class Overlaps:
    """A receiver that notices two requests for the same message at the same time."""

    def __init__(self, after: float = 0.0) -> None:
        self.after, self.open, self.twice = after, Counter(), 0
        self.lock = threading.Lock()

    def __call__(self, receiver, handler) -> None:
        name = handler.headers["webhook-id"]
        with self.lock:
            self.open[name] += 1
            self.twice += self.open[name] > 1
        answers(after=self.after)(receiver, handler)
        with self.lock:
            self.open[name] -= 1


def make(world, url: str, *types: str) -> tuple[WebhookEndpoint, str]:
    with company_scope(world.acme.pk):
        return endpoints.create(url=url, types=types or ["card.*"], actor=world.alice, at=timezone.now())


def happen(world, count: int) -> set[str]:
    """So many events that are committed, twenty at a time, and as many that are not."""

    def some(number: int) -> set[str]:
        told = {"actor": world.alice, "at": timezone.now(), "number": number}
        return {events.record("card.frozen", world.card, **told).public_id for _ in range(20)}

    kept = set()
    with company_scope(world.acme.pk):
        for number in range(count // 20):
            with transaction.atomic():
                kept |= some(number)
            with suppress(ZeroDivisionError), transaction.atomic():
                some(-1)
                raise ZeroDivisionError
    return kept


_WORKER = """
import socket, sys
import django
django.setup()
from django.core.management import call_command
from django.db import connections
from spendtrackr.webhooks import posting
connections["default"].settings_dict["NAME"] = sys.argv[1]
posting.ANSWERS_WITHIN = 2.0
real, looks = socket.getaddrinfo, []

def rebinds(host, port, *args, **kwargs):
    if host == "rebinds.example":
        looks.append(host)
        return real("127.0.0.1" if len(looks) % 2 else "127.0.0.2", port, *args, **kwargs)
    return real(host, port, *args, **kwargs)

socket.getaddrinfo = rebinds
call_command("worker", every=0.1)
"""


@contextmanager
def workers(count: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    """`manage.py worker`, so many times. To each of them `rebinds.example` leads here, and inside whenever it is looked up again."""
    told = {**os.environ, "DJANGO_SETTINGS_MODULE": "spendtrackr.settings_test", "WEBHOOK_NETWORKS": "127.0.0.1/32"}
    command = [sys.executable, "-c", _WORKER, str(connection.settings_dict["NAME"])]
    made = [subprocess.Popen(command, env=told, cwd=django_settings.BASE_DIR, stderr=subprocess.DEVNULL) for _ in range(count)]
    try:
        yield made
    finally:
        for one in made:
            one.terminate()
        for one in made:
            one.wait(timeout=60)


def hand_out_for_ever(stop: threading.Event) -> None:
    """What every worker does beside sending."""
    while not stop.wait(0.05):
        with suppress(DatabaseError):  # a lock that took too long: the next round tries again
            events.seal_all()
            tasks.hand_out_webhooks()
    connection.close()


def test_a_thousand_events_reach_every_endpoint_that_is_there(world):
    with ExitStack() as stack:
        inside = stack.enter_context(receiving(host="127.0.0.2"))
        live = [stack.enter_context(receiving(Overlaps())) for _ in range(4)]
        slow = stack.enter_context(receiving(Overlaps(after=0.1)))
        flaky = stack.enter_context(receiving(lambda got, handler: answers(503 if len(got.got) % 5 == 0 else 200)(got, handler)))
        bound = stack.enter_context(receiving(Overlaps()))
        redirects = stack.enter_context(receiving(answers(307, Location=inside.url)))
        hangs = stack.enter_context(receiving(drips(b"")))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            dead = f"http://127.0.0.1:{free.getsockname()[1]}/"
        there: list[Receiver] = [*live, slow, flaky]
        secrets = {id(one): make(world, one.url) for one in there}
        rebinding, _ = make(world, f"http://rebinds.example:{bound.port}/")
        lost = [make(world, url)[0] for url in (redirects.url, hangs.url, dead)]
        began = time.monotonic()
        with workers(WORKERS):
            kept = happen(world, EVENTS)
            until(lambda: all(set(one.ids) >= kept for one in there), lambda: [len(set(one.ids)) for one in there])
            took = time.monotonic() - began
    assert took < WITHIN
    for one in there:
        assert set(one.ids) == kept, "each of them, and nothing that was rolled back"
        must_be_signed(one, secrets[id(one)][1])
        must_be_told(world, secrets[id(one)][0], one, is_flaky=one is flaky)
    assert [one.says.twice for one in [*live, slow, bound]] == [0] * 6
    assert inside.connections == 0, "nothing follows a redirect, and no name leads inside"
    assert set(bound.ids) <= kept
    must_be_kept(world, rebinding, lost)


def must_be_signed(receiver: Receiver, secret: str) -> None:
    """One in twenty of what it got."""
    for got in receiver.got[::20]:
        signed = {name.lower(): value for name, value in got.headers.items()}
        assert Webhook(secret).verify(got.body, signed)["data"]["id"] == got.headers["webhook-id"]


def must_be_told(world, endpoint: WebhookEndpoint, receiver: Receiver, *, is_flaky: bool) -> None:
    """Each request is a try that is on record, and one of them for each event succeeded: again came only what was not answered in time."""
    with company_scope(world.acme.pk):
        tries = WebhookAttempt.objects.filter(delivery__endpoint=endpoint)
        assert tries.count() == len(receiver.got)
        delivered = tries.filter(outcome=AttemptOutcome.DELIVERED).count()
        assert 0.7 * EVENTS < delivered < EVENTS if is_flaky else delivered == EVENTS


def must_be_kept(world, rebinding: WebhookEndpoint, lost: list[WebhookEndpoint]) -> None:
    """What could not be delivered waits, and was not tried again and again."""
    with company_scope(world.acme.pk):
        assert list(verification.COMPANY_CHECKS["webhooks"]()) == []
        blocked = WebhookAttempt.objects.filter(delivery__endpoint=rebinding, outcome=AttemptOutcome.BLOCKED)
        assert blocked.exists()
        assert set(blocked.values_list("address", flat=True)) == {""}
        for endpoint in lost:
            rows = WebhookDelivery.objects.filter(endpoint=endpoint)
            assert (rows.count(), rows.filter(status=DeliveryStatus.PENDING).count()) == (EVENTS, EVENTS), "kept for when it is back"
            assert WebhookAttempt.objects.filter(delivery__endpoint=endpoint).count() < 100, "and not tried a thousand times"


def until(done, told, seconds: float = WITHIN) -> None:
    last = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < last, told()
        time.sleep(0.1)


def test_two_hands_make_each_delivery_once(world):
    """Handing out by eight threads at once, while more is sealed."""
    endpoint, _ = make(world, "http://127.0.0.1:9/")
    kept = happen(world, 60)
    stop = threading.Event()
    hands = [threading.Thread(target=hand_out_for_ever, args=[stop]) for _ in range(8)]
    for one in hands:
        one.start()
    kept |= happen(world, 60)

    def found() -> list[str]:
        with company_scope(world.acme.pk):
            return list(WebhookDelivery.objects.filter(endpoint=endpoint).values_list("event__public_id", flat=True))

    try:
        until(lambda: len(found()) >= len(kept), lambda: len(found()))
    finally:
        stop.set()
        for one in hands:
            one.join()
    assert Counter(found()) == dict.fromkeys(kept, 1)


def test_a_company_with_dead_endpoints_is_in_nobodys_way(world):
    """Mallory's twenty endpoints hang; Acme's message arrives at once."""
    with receiving() as receiver, receiving(drips(b"")) as hangs:
        with company_scope(world.mallory.company_id):
            for _ in range(20):
                endpoints.create(url=hangs.url, types=["card.*"], actor=world.mallory, at=timezone.now())
            for _ in range(20):
                events.record("card.frozen", world.her_card, actor=world.mallory, at=timezone.now())
        events.seal_all()
        tasks.hand_out_webhooks()
        with workers(1):
            until(lambda: len(hangs.got) >= 8, lambda: len(hangs.got))
            endpoint, _ = make(world, receiver.url)
            with company_scope(world.acme.pk):
                endpoints.test(endpoint, actor=world.alice, at=timezone.now())
            asked = time.monotonic()
            until(lambda: receiver.got, lambda: "nothing arrived", 20)
            assert receiver.got[0].at - asked < 3


def test_a_worker_that_is_killed_loses_nothing(world):
    """What was under way comes again, with the same id, once its lease has run out."""
    with receiving(answers(after=0.3)) as receiver:
        endpoint, _ = make(world, receiver.url)
        kept = happen(world, 100)
        events.seal_all()
        tasks.hand_out_webhooks()
        with workers(1) as [worker]:
            until(lambda: len(receiver.got) >= 50, lambda: len(receiver.got), 60)
            worker.kill()
        with company_scope(world.acme.pk):
            assert WebhookEndpoint.objects.get(pk=endpoint.pk).leased_until is not None
            assert deliveries.take_turn(endpoint.pk, tasks.TELLING) == 0, "its lease holds"
            later = timezone.now() + deliveries.LEASE + timedelta(seconds=15)
            while deliveries.take_turn(endpoint.pk, tasks.TELLING, now=lambda: later):
                pass
            assert list(verification.COMPANY_CHECKS["webhooks"]()) == []
            assert set(WebhookDelivery.objects.values_list("status", flat=True)) == {DeliveryStatus.DELIVERED}
            assert WebhookEndpoint.objects.get(pk=endpoint.pk).status == EndpointStatus.ACTIVE
    assert set(receiver.ids) == kept
    assert len(receiver.ids) - len(kept) <= deliveries.MOST_UNNOTED, "again only what was not noted yet"
    bodies = {}
    for got in receiver.got:
        assert bodies.setdefault(got.headers["webhook-id"], json.loads(got.body)) == json.loads(got.body)


def test_of_many_that_make_an_endpoint_at_once_no_more_than_twenty_do(world):
    for _ in range(18):
        make(world, "https://erp.example/")
    answers = at_once(world, lambda _: endpoints.create(url="https://erp.example/", actor=world.alice, at=timezone.now())[0].public_id)
    assert outcomes(answers)["InvalidState"] == 6
    with company_scope(world.acme.pk):
        assert WebhookEndpoint.objects.count() == 20
