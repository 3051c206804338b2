"""From a sealed event to a program: what is handed to whom, when it is tried again, and when it is given up."""

from __future__ import annotations

import json
import time
from collections import Counter
from datetime import datetime, timedelta
from ipaddress import ip_network

import pytest
import time_machine
from django.db import InterfaceError, connection
from django.test.utils import CaptureQueriesContext
from standardwebhooks.webhooks import Webhook

from conftest import client_of
from reports import queries, verification
from reports.tasks import TELLING
from spendtrackr import errors, events
from spendtrackr.models import (
    AttemptOutcome,
    DeliveryStatus,
    EndpointStatus,
    Event,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
)
from spendtrackr.tenancy import company_scope
from spendtrackr.webhooks import deliveries, endpoints, signing
from spendtrackr.webhooks.deliveries import GIVES_UP_AFTER, WAITS
from spendtrackr.webhooks.sender import Sender
from tests.factories import NOON
from tests.receivers import answers, in_turn, receiving
from transactions import tasks
from users.models import Notification
from users.notices import Kind


@pytest.fixture(autouse=True)
def at_home(settings, monkeypatch):
    settings.WEBHOOK_NETWORKS = [ip_network("127.0.0.0/8")]
    monkeypatch.setattr(deliveries, "JITTER", 0)


@pytest.fixture
def acme(world):
    events.seal_all()
    with company_scope(world.acme.pk):
        yield world


def make(world, url="http://127.0.0.1:9/hooks", *types, at=NOON) -> WebhookEndpoint:
    return endpoints.create(url=url, types=types, actor=world.alice, at=at)[0]


def happen(world, *types: str, at=NOON) -> list[Event]:
    """Something happens and is sealed."""
    made = [events.record(type_, world.card, actor=world.alice, at=at) for type_ in types]
    events.seal()
    return made


def handed(endpoint: WebhookEndpoint) -> list[str]:
    return list(WebhookDelivery.objects.filter(endpoint=endpoint).order_by("pk").values_list("event__type", flat=True))


def turn(endpoint: WebhookEndpoint, at=NOON) -> int:
    return deliveries.take_turn(endpoint.pk, TELLING, now=lambda: at)


def again(endpoint: WebhookEndpoint) -> WebhookEndpoint:
    return WebhookEndpoint.objects.get(pk=endpoint.pk)


def sound() -> list[str]:
    return list(verification.COMPANY_CHECKS["webhooks"]())


def test_only_what_is_sealed_from_then_on_and_only_what_is_asked_for(acme):
    happen(acme, "card.frozen")
    everything, cards, one = make(acme), make(acme, "http://127.0.0.1:9/", "card.*"), make(acme, "http://127.0.0.1:9/", "tag.added")
    happen(acme, "card.frozen", "tag.added", "card.closed")
    events.record("card.frozen", acme.card, actor=acme.alice, at=NOON)  # not sealed
    assert deliveries.hand_out(at=NOON) > 0
    assert handed(everything)[-3:] == ["card.frozen", "tag.added", "card.closed"]
    assert handed(cards) == ["card.frozen", "card.closed"]
    assert handed(one) == ["tag.added"]
    assert deliveries.hand_out(at=NOON) == 0
    assert sound() == []


def test_what_another_company_does_is_no_news(acme):
    endpoint = make(acme)
    events.seal()
    deliveries.hand_out(at=NOON)
    before = len(handed(endpoint))
    with company_scope(acme.mallory.company_id):
        events.record("card.frozen", acme.mallory, actor=acme.mallory, at=NOON)
        events.seal()
        hers = make(acme, "http://127.0.0.1:9/hers")
    deliveries.hand_out(at=NOON)
    assert len(handed(endpoint)) == before
    with company_scope(acme.mallory.company_id):
        assert [row.company_id for row in WebhookDelivery.objects.filter(endpoint=hers)] == []


def test_a_message_says_what_the_feed_says_without_names_and_is_signed(acme):
    with receiving() as receiver:
        endpoint, secret = endpoints.create(url=receiver.url, types=["card.frozen"], actor=acme.alice, at=NOON)
        (event,) = happen(acme, "card.frozen")
        deliveries.hand_out(at=NOON)
        with time_machine.travel(NOON, tick=False):
            assert turn(endpoint) == 1
            got = receiver.got[0]
            message = Webhook(secret).verify(got.body, {name.lower(): value for name, value in got.headers.items()})
    told = client_of(acme.alice).get(f"/api/v1/events/{event.public_id}/").json()
    assert told["actor"]["name"] == "Alice"
    assert message == {"type": "card.frozen", "timestamp": "2026-03-10T12:00:00Z", "data": told | {"actor": told["actor"] | {"name": None}}}
    assert got.headers["webhook-id"] == event.public_id


def test_what_was_answered_is_kept(acme):
    with receiving(answers(202, b"thank you")) as receiver:
        endpoint = make(acme, receiver.url, "card.*")
        happen(acme, "card.frozen")
        deliveries.hand_out(at=NOON)
        assert turn(endpoint) == 1
    delivery, attempt = WebhookDelivery.objects.get(), WebhookAttempt.objects.get()
    assert (delivery.status, delivery.due_at, delivery.tries, delivery.delivered_at) == (DeliveryStatus.DELIVERED, None, 1, NOON)
    assert (attempt.outcome, attempt.answered, attempt.answer, attempt.address) == ("delivered", 202, "thank you", "127.0.0.1")
    assert again(endpoint).last_delivered_at == NOON
    assert turn(endpoint) == 0
    assert sound() == []


def test_a_failure_is_tried_again_for_three_days_and_then_given_up(acme):
    """A success of another message in between, else the endpoint itself would be given up first."""
    assert timedelta(days=2, hours=20) < sum(WAITS, timedelta()) <= timedelta(days=3)
    fails = lambda receiver, handler: answers(500 if b"card.frozen" in receiver.got[-1].body else 200)(receiver, handler)  # noqa: E731
    with receiving(fails) as receiver:
        endpoint = make(acme, receiver.url, "card.*")
        happen(acme, "card.frozen")
        deliveries.hand_out(at=NOON)
        at, tried = NOON, []
        for wait in [*WAITS, None]:
            assert turn(endpoint, at) >= 1
            tried.append(at)
            row = WebhookDelivery.objects.get(event__type="card.frozen")
            assert row.due_at == (at + wait if wait else None)
            happen(acme, "card.closed", at=at)
            deliveries.hand_out(at=at)
            WebhookEndpoint.objects.update(rests_until=None)
            assert turn(endpoint, at) == 1
            at = row.due_at or at
    assert (row.status, row.tries) == (DeliveryStatus.FAILED, len(WAITS) + 1)
    assert list(WebhookAttempt.objects.filter(delivery=row).values_list("at", flat=True)) == tried
    assert {one for one in receiver.ids if receiver.ids.count(one) > 1} == {row.event.public_id}, "the same id at every try"
    assert again(endpoint).status == EndpointStatus.ACTIVE
    assert sound() == []


def test_it_is_not_tried_before_it_is_due(acme):
    with receiving(in_turn(answers(500), answers(200))) as receiver:
        endpoint = make(acme, receiver.url, "card.*")
        happen(acme, "card.frozen")
        deliveries.hand_out(at=NOON)
        assert [turn(endpoint, NOON + timedelta(seconds=second)) for second in (0, 4, 5, 6)] == [1, 0, 1, 0]
    assert WebhookDelivery.objects.get().status == DeliveryStatus.DELIVERED


def test_jitter_spreads_what_failed_together(acme, monkeypatch):
    monkeypatch.setattr(deliveries, "JITTER", 0.1)
    waits = {deliveries._jittered(timedelta(hours=10)) for _ in range(200)}
    assert len(waits) > 190
    assert timedelta(hours=9) <= min(waits) < timedelta(hours=9.2)
    assert timedelta(hours=10.8) < max(waits) <= timedelta(hours=11)


def test_an_endpoint_that_fails_is_left_alone_longer_each_time_and_asked_with_one_message(acme):
    with receiving(answers(500)) as receiver:
        endpoint = make(acme, receiver.url, "card.*")
        happen(acme, *["card.frozen"] * 40)
        deliveries.hand_out(at=NOON)
        assert 3 <= turn(endpoint) <= 3 * deliveries.LANES, "three times a few, and then a rest"
        rests, at = [], NOON
        for _ in range(10):
            until = again(endpoint).rests_until
            rests.append((until - at).total_seconds())
            assert turn(endpoint, until - timedelta(seconds=1)) == 0
            at = until
            assert turn(endpoint, at) == 1
    assert rests == [5, 10, 20, 40, 80, 160, 320, 600, 600, 600]


def test_one_success_and_it_is_trusted_again(acme):
    with receiving(answers(500)) as receiver:
        endpoint = make(acme, receiver.url, "card.*")
        happen(acme, *["card.frozen"] * 40)
        deliveries.hand_out(at=NOON)
        turn(endpoint)
        receiver.says = answers(200)
        assert turn(endpoint, NOON + timedelta(seconds=5)) == 40
    state = again(endpoint)
    assert (state.failures, state.failing_since, state.rests_until) == (0, None, None)


def test_a_rest_that_it_asks_for_is_granted(acme):
    with receiving(answers(429, Retry_After="90")) as receiver:
        endpoint = make(acme, receiver.url, "card.*")
        happen(acme, "card.frozen")
        deliveries.hand_out(at=NOON)
        turn(endpoint)
    assert again(endpoint).rests_until == NOON + timedelta(seconds=90)


def fail_for(world, endpoint: WebhookEndpoint, length: timedelta):
    """Nothing arrives from noon on; the last try is so long after it."""
    for at in [*(NOON + timedelta(hours=hours) for hours in range(0, 72, 20)), NOON + length]:
        WebhookEndpoint.objects.update(rests_until=None)
        WebhookDelivery.objects.filter(status=DeliveryStatus.PENDING).update(due_at=at)
        turn(endpoint, at)


def test_after_three_days_without_success_it_is_switched_off_and_whoever_runs_the_company_is_told(acme):
    other = acme.hire("Olga", "admin")
    acme.hire("Fred", "finance")
    endpoint = make(acme, "http://127.0.0.1:9/", "card.*")
    happen(acme, "card.frozen")
    deliveries.hand_out(at=NOON)
    fail_for(acme, endpoint, GIVES_UP_AFTER - timedelta(seconds=1))
    assert again(endpoint).status == EndpointStatus.ACTIVE
    WebhookEndpoint.objects.update(rests_until=None)
    WebhookDelivery.objects.filter(status=DeliveryStatus.PENDING).update(due_at=NOON + GIVES_UP_AFTER)
    turn(endpoint, NOON + GIVES_UP_AFTER)
    assert again(endpoint).status == EndpointStatus.FAILED
    events.seal()
    tasks.notify(NOON)
    told = Notification.objects.filter(kind=Kind.WEBHOOK)
    assert set(told.values_list("membership", flat=True)) == {acme.alice.pk, other.pk}
    assert told[0].text == "The webhook to 127.0.0.1 was switched off: nothing could be delivered for three days."
    assert told[0].page == f"/webhooks/{endpoint.public_id}/"
    assert list(verification.COMPANY_CHECKS["notifications"]()) == []
    assert turn(endpoint, NOON + timedelta(days=9)) == 0


def test_whoever_says_that_it_is_gone_is_believed_at_once(acme):
    with receiving(answers(410)) as receiver:
        endpoint = make(acme, receiver.url, "card.*")
        happen(acme, *["card.frozen"] * 20)
        deliveries.hand_out(at=NOON)
        turn(endpoint)
    assert 1 <= len(receiver.got) <= deliveries.LANES
    assert again(endpoint).status == EndpointStatus.FAILED
    assert Event.objects.filter(type="webhook.failed").count() == 1


def test_nothing_is_handed_to_one_that_is_off_and_all_of_it_when_it_is_on(acme):
    with receiving() as receiver:
        endpoint = make(acme, receiver.url, "card.*")
        happen(acme, "card.frozen")
        deliveries.hand_out(at=NOON)
        endpoints.switch_off(endpoint, actor=acme.alice, at=NOON)
        happen(acme, "card.closed")
        deliveries.hand_out(at=NOON)
        assert turn(endpoint) == 0
        assert handed(endpoint) == ["card.frozen"]
        endpoints.switch_on(endpoint, actor=acme.alice, at=NOON)
        deliveries.hand_out(at=NOON)
        assert turn(endpoint) == 2
        assert {json.loads(one.body)["type"] for one in receiver.got} == {"card.frozen", "card.closed"}


def test_what_it_missed_may_be_left_out(acme):
    endpoint = make(acme, "http://127.0.0.1:9/", "card.*")
    happen(acme, "card.frozen")
    deliveries.hand_out(at=NOON)
    endpoints.switch_off(endpoint, actor=acme.alice, at=NOON)
    happen(acme, "card.closed")
    endpoints.switch_on(endpoint, skip_missed=True, actor=acme.alice, at=NOON)
    events.seal()
    deliveries.hand_out(at=NOON)
    assert [(row.event.type, row.status) for row in WebhookDelivery.objects.select_related("event")] == [("card.frozen", "failed")]
    assert sound() == []


@pytest.mark.parametrize(("everything", "sent"), [(False, ["card.closed"]), (True, ["card.frozen", "card.closed"])])
def test_a_replay_sends_again_what_was_not_delivered_or_everything(acme, everything, sent):
    with receiving() as receiver:
        endpoint = make(acme, receiver.url, "card.*")
        first, _ = happen(acme, "card.frozen", "card.closed")
        deliveries.hand_out(at=NOON)
        turn(endpoint)
        WebhookDelivery.objects.filter(event__type="card.closed").update(status=DeliveryStatus.FAILED, tries=11)
        first.refresh_from_db()
        endpoints.replay(endpoint, after=first.sequence - 1, everything=everything, actor=acme.alice, at=NOON)
        assert deliveries.hand_out(at=NOON) > 0
        receiver.got.clear()
        assert turn(endpoint) == len(sent)
        assert sorted(json.loads(one.body)["type"] for one in receiver.got) == sorted(sent)
    assert again(endpoint).replay_to is None
    assert sound() == []


def test_a_replay_begins_behind_the_number_and_makes_what_was_let_go_of_anew(acme):
    with receiving() as receiver:
        endpoint = make(acme, receiver.url, "card.*")
        made = happen(acme, *["card.frozen"] * 5)
        deliveries.hand_out(at=NOON)
        turn(endpoint)
        assert deliveries.forget_old(at=NOON + timedelta(days=31)) == 5
        assert WebhookAttempt.objects.count() == 0
        made[2].refresh_from_db()
        endpoints.replay(endpoint, after=made[2].sequence, everything=True, actor=acme.alice, at=NOON)
        deliveries.hand_out(at=NOON)
        receiver.got.clear()
        turn(endpoint)
    assert sorted(receiver.ids) == sorted(one.public_id for one in made[3:])


def test_a_long_replay_goes_on_block_by_block_and_says_how_far_it_is(acme, monkeypatch):
    monkeypatch.setattr(deliveries, "BLOCK", 3)
    endpoint = make(acme, "http://127.0.0.1:9/", "card.*")
    begin = events.last_sequence()
    happen(acme, *["card.frozen"] * 20)
    while deliveries.hand_out(at=NOON):
        pass
    WebhookDelivery.objects.update(status=DeliveryStatus.FAILED, due_at=None)
    endpoints.replay(endpoint, after=begin, actor=acme.alice, at=NOON)
    assert (again(endpoint).replay_from, again(endpoint).replay_to) == (begin, begin + 21)
    deliveries._hand_block(endpoint.pk, at=NOON)
    deliveries._hand_block(endpoint.pk, at=NOON)
    assert (again(endpoint).replay_from, again(endpoint).replay_to) == (begin + 6, begin + 21)
    with pytest.raises(errors.InvalidState, match="under way"):
        endpoints.replay(endpoint, after=begin, actor=acme.alice, at=NOON)
    while deliveries.hand_out(at=NOON):
        pass
    assert WebhookDelivery.objects.filter(status=DeliveryStatus.PENDING).count() == 20


def test_a_number_that_was_not_handed_out_cannot_be_replayed(acme):
    endpoint = make(acme)
    with pytest.raises(errors.Invalid) as refused:
        endpoints.replay(endpoint, after=endpoint.handed_to + 1, actor=acme.alice, at=NOON)
    assert refused.value.field == "after"


def test_one_delivery_is_sent_again_by_itself(acme):
    with receiving() as receiver:
        endpoint = make(acme, receiver.url, "card.*")
        happen(acme, "card.frozen", "card.closed")
        deliveries.hand_out(at=NOON)
        turn(endpoint)
        row = WebhookDelivery.objects.get(event__type="card.closed")
        endpoints.replay_one(row, actor=acme.alice, at=NOON)
        assert turn(endpoint) == 1
    assert receiver.ids.count(row.event.public_id) == 2
    assert sound() == []


def test_a_test_goes_to_the_one_endpoint_alone_whatever_it_asks_for(acme):
    with receiving() as receiver:
        tested, other = make(acme, receiver.url, "card.*"), make(acme, receiver.url)
        made = endpoints.test(tested, actor=acme.alice, at=NOON)
        assert turn(tested) == 0, "it has no number yet"
        events.seal()
        deliveries.hand_out(at=NOON)
        assert turn(tested) == 1
    assert receiver.ids == [made.event.public_id]
    assert "webhook.tested" not in handed(other)


def test_while_both_secrets_hold_messages_carry_both_signatures(acme):
    with receiving() as receiver:
        endpoint, before = endpoints.create(url=receiver.url, types=["card.*"], actor=acme.alice, at=NOON)
        _, after = endpoints.rotate(endpoint, overlap=timedelta(hours=1), actor=acme.alice, at=NOON)
        for at in (NOON, NOON + timedelta(hours=1)):
            happen(acme, "card.frozen")
            deliveries.hand_out(at=at)
            turn(endpoint, at)
    first, second = ({name.lower(): value for name, value in one.headers.items()} for one in receiver.got)
    with time_machine.travel(NOON, tick=False):
        for secret in (before, after):
            assert Webhook(secret).verify(receiver.got[0].body, first)
    assert len(first["webhook-signature"].split()) == 2
    with time_machine.travel(NOON + timedelta(hours=1), tick=False):
        assert Webhook(after).verify(receiver.got[1].body, second)
    assert len(second["webhook-signature"].split()) == 1


def test_whoever_holds_the_lease_is_alone_and_a_lease_that_ran_out_is_taken_over(acme):
    with receiving() as receiver:
        endpoint = make(acme, receiver.url, "card.*")
        happen(acme, "card.frozen")
        deliveries.hand_out(at=NOON)
        assert deliveries._lease(endpoint.pk, "a", at=NOON)
        assert turn(endpoint) == 0
        assert deliveries.waiting(at=NOON) == []
        assert turn(endpoint, NOON + deliveries.LEASE) == 1
    assert (again(endpoint).leased_until, again(endpoint).lease_key) == (None, "")


def test_whoever_lost_the_lease_ends_the_turn_and_loses_nothing_that_was_sent(acme, monkeypatch):
    with receiving() as receiver:
        endpoint = make(acme, receiver.url, "card.*")
        happen(acme, *["card.frozen"] * 40)
        deliveries.hand_out(at=NOON)
        note = deliveries._note
        monkeypatch.setattr(deliveries, "_note", lambda pk, sent, key, telling: note(pk, sent, "another", telling))
        assert turn(endpoint) == deliveries.MOST_UNNOTED
    assert WebhookDelivery.objects.filter(status=DeliveryStatus.DELIVERED).count() == deliveries.MOST_UNNOTED
    assert WebhookAttempt.objects.count() == deliveries.MOST_UNNOTED


def test_removed_is_removed_with_its_log(acme):
    endpoint = make(acme, "http://127.0.0.1:9/", "card.*")
    happen(acme, "card.frozen")
    deliveries.hand_out(at=NOON)
    turn(endpoint)
    endpoints.remove(endpoint, actor=acme.alice, at=NOON)
    happen(acme, "card.closed")
    assert deliveries.hand_out(at=NOON) == 0
    assert turn(endpoint, NOON + timedelta(days=1)) == 0
    assert deliveries.forget_old(at=NOON) == 1
    assert (WebhookDelivery.objects.count(), WebhookAttempt.objects.count()) == (0, 0)
    with pytest.raises(errors.Missing):
        endpoints.test(endpoint, actor=acme.alice, at=NOON)


def test_what_waits_is_never_forgotten(acme):
    endpoint = make(acme, "http://127.0.0.1:9/", "card.*")
    happen(acme, "card.frozen")
    deliveries.hand_out(at=NOON)
    assert deliveries.forget_old(at=NOON + timedelta(days=365)) == 0
    assert handed(endpoint) == ["card.frozen"]


def test_no_company_has_more_than_twenty(acme):
    for _ in range(20):
        make(acme)
    with pytest.raises(errors.InvalidState, match="20"):
        make(acme)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"status": DeliveryStatus.DELIVERED, "due_at": None}, "called delivered"),
        ({"tries": 2}, "counts 2 tries, and 0 are recorded"),
        ({"due_at": None}, "is pending, and is due at None"),
    ],
)
def test_verify_finds_what_is_not_as_it_says(acme, changes, says):
    make(acme, "http://127.0.0.1:9/", "card.*")
    happen(acme, "card.frozen")
    deliveries.hand_out(at=NOON)
    assert sound() == []
    WebhookDelivery.objects.update(**changes)
    assert [says in one for one in sound()] == [True]


def test_verify_finds_an_endpoint_that_is_ahead_of_the_log(acme):
    make(acme)
    WebhookEndpoint.objects.update(handed_to=10_000)
    assert len(sound()) == 1


class TestWhoseTurnItIs:
    def chosen(self, found, busy=(), room=8, sender=None):
        return (sender or Sender(TELLING))._in_turn(found, Counter(busy), room)

    def test_companies_take_turns_however_many_endpoints_one_has(self):
        found = [(number, 1) for number in range(1, 21)] + [(100, 2), (200, 3)]
        assert self.chosen(found, room=4)[:3] == [(1, 1), (100, 2), (200, 3)]

    def test_one_company_has_at_most_half_of_the_places(self):
        assert len(self.chosen([(number, 1) for number in range(1, 21)])) == 4
        assert self.chosen([(number, 1) for number in range(1, 21)], busy=[1] * 4) == []

    def test_whoever_waits_longest_comes_first(self):
        sender = Sender(TELLING)
        assert self.chosen([(1, 1), (2, 2)], room=1, sender=sender) == [(1, 1)]
        assert self.chosen([(1, 1), (2, 2)], room=1, sender=sender) == [(2, 2)]
        assert self.chosen([(1, 1), (2, 2), (3, 1)], room=3, sender=sender) == [(3, 1), (2, 2), (1, 1)]


def test_delivered_stays_delivered_whatever_a_worker_says_that_lost_its_lease(acme):
    endpoint, row = one_that_waits(acme)
    WebhookDelivery.objects.update(status=DeliveryStatus.DELIVERED, due_at=None, tries=1)
    say(endpoint, row, AttemptOutcome.TIMED_OUT)
    assert (state(row).status, state(row).due_at) == (DeliveryStatus.DELIVERED, None)
    assert WebhookAttempt.objects.count() == 1


def one_that_waits(world) -> tuple[WebhookEndpoint, WebhookDelivery]:
    """A delivery as a worker has read it, before it is sent."""
    endpoint = make(world, "http://127.0.0.1:9/", "card.*")
    happen(world, "card.frozen")
    deliveries.hand_out(at=NOON)
    return endpoint, WebhookDelivery.objects.get()


def say(endpoint: WebhookEndpoint, row: WebhookDelivery, outcome: AttemptOutcome, at=NOON, url="") -> bool:
    """What came of it is noted, later."""
    return deliveries._note(endpoint.pk, [deliveries.Sent(row, url or endpoint.url, at, deliveries.Answer(outcome))], "another", TELLING)


def state(row: WebhookDelivery) -> WebhookDelivery:
    return WebhookDelivery.objects.get(pk=row.pk)


def test_a_replay_that_is_asked_for_while_it_is_on_its_way_is_not_lost(acme):
    endpoint, row = one_that_waits(acme)
    row.tries = len(WAITS)
    WebhookDelivery.objects.update(tries=row.tries)
    endpoints.replay_one(row, actor=acme.alice, at=NOON)
    say(endpoint, row, AttemptOutcome.REFUSED)
    assert (state(row).status, state(row).tries) == (DeliveryStatus.PENDING, 0)


def test_what_was_left_out_while_it_was_on_its_way_stays_left_out(acme):
    endpoint, row = one_that_waits(acme)
    endpoints.switch_off(endpoint, actor=acme.alice, at=NOON)
    endpoints.switch_on(endpoint, skip_missed=True, actor=acme.alice, at=NOON)
    deliveries.hand_out(at=NOON)
    say(endpoint, row, AttemptOutcome.REFUSED)
    assert state(row).status == DeliveryStatus.FAILED


def test_what_is_left_out_is_not_sent_before_the_worker_has_come_by_it(acme):
    with receiving() as receiver:
        endpoint = make(acme, receiver.url, "card.*")
        happen(acme, "card.frozen")
        deliveries.hand_out(at=NOON)
        endpoints.switch_off(endpoint, actor=acme.alice, at=NOON)
        endpoints.switch_on(endpoint, skip_missed=True, actor=acme.alice, at=NOON)
        assert turn(endpoint) == 0
    assert receiver.got == []


def test_what_waited_for_long_is_due_when_it_is_switched_on(acme, monkeypatch):
    monkeypatch.setattr(deliveries, "BLOCK", 2)
    endpoint = make(acme, "http://127.0.0.1:9/", "card.*")
    happen(acme, *["card.frozen"] * 5)
    deliveries.hand_out(at=NOON)
    WebhookDelivery.objects.update(tries=10, due_at=NOON + timedelta(days=1))
    endpoints.switch_off(endpoint, actor=acme.alice, at=NOON)
    endpoints.switch_on(endpoint, actor=acme.alice, at=NOON)
    deliveries.hand_out(at=NOON)
    assert set(WebhookDelivery.objects.values_list("tries", "due_at")) == {(0, NOON)}
    assert (again(endpoint).hurries_since, again(endpoint).next_due_at) == (None, NOON)
    assert deliveries.waiting(at=NOON) == [(endpoint.pk, acme.acme.pk)]


def is_next(delivery: WebhookDelivery, *, at: datetime) -> None:
    """It is taken first; which of those that are sent at once arrives first is anybody's guess."""
    taken = deliveries._due(again(delivery.endpoint), at=at)
    assert (taken[0].pk, len(taken) > deliveries.LANES) == (delivery.pk, True)


def test_a_new_address_is_held_nothing_against_and_a_test_comes_before_all_that_waits(acme):
    with receiving(answers(503, Retry_After="3600")) as away, receiving() as back:
        endpoint = make(acme, away.url, "card.*")
        happen(acme, *["card.frozen"] * 60)
        deliveries.hand_out(at=NOON)
        turn(endpoint)
        assert deliveries.waiting(at=NOON + timedelta(minutes=10)) == []
        endpoints.change(endpoint, {"url": back.url}, actor=acme.alice, at=NOON)
        state = again(endpoint)
        assert (state.failures, state.failing_since, state.rests_until) == (0, None, None)
        tested = endpoints.test(endpoint, actor=acme.alice, at=NOON)
        events.seal()
        assert deliveries.waiting(at=NOON) == [(endpoint.pk, acme.acme.pk)]
        is_next(tested, at=NOON)
        turn(endpoint, NOON + timedelta(seconds=5))
    assert tested.event.public_id in back.ids


def test_a_test_reaches_one_that_rests(acme):
    with receiving(answers(503, Retry_After="3600")) as receiver:
        endpoint = make(acme, receiver.url, "card.*")
        happen(acme, *["card.frozen"] * 30)
        deliveries.hand_out(at=NOON)
        turn(endpoint)
        receiver.got.clear()
        tested = endpoints.test(endpoint, actor=acme.alice, at=NOON)
        events.seal()
        turn(endpoint)
    assert tested.event.public_id in receiver.ids
    assert len(receiver.ids) <= deliveries.LANES < 30


def test_an_address_that_changes_during_a_turn_ends_it_and_the_old_one_has_no_say(acme, monkeypatch):
    note = deliveries._note
    with receiving() as new, receiving(in_turn(*[answers(200)] * 20, answers(410))) as old:
        endpoint = make(acme, old.url, "card.*")
        happen(acme, *["card.frozen"] * 200)
        deliveries.hand_out(at=NOON)

        def moved_meanwhile(*args):
            WebhookEndpoint.objects.update(url=new.url)
            return note(*args)

        monkeypatch.setattr(deliveries, "_note", moved_meanwhile)
        turn(endpoint)
        assert len(old.got) <= deliveries.MOST_UNNOTED
        assert again(endpoint).status == EndpointStatus.ACTIVE
        turn(endpoint, NOON + timedelta(seconds=10))
        assert len(old.got) <= deliveries.MOST_UNNOTED
    assert len(new.got) >= 200 - deliveries.MOST_UNNOTED


def test_what_failed_long_ago_counts_no_more(acme):
    """One message that nobody can take, given up just before three days; and weeks later a hiccup."""
    with receiving(answers(500)) as receiver:
        endpoint = make(acme, receiver.url, "card.*")
        happen(acme, "card.frozen")
        deliveries.hand_out(at=NOON)
        at = NOON
        for wait in WAITS:
            turn(endpoint, at)
            WebhookEndpoint.objects.update(rests_until=None)
            at += wait
        turn(endpoint, at)
        assert again(endpoint).status == EndpointStatus.ACTIVE
        happen(acme, "card.closed")
        deliveries.hand_out(at=NOON + timedelta(days=20))
        assert turn(endpoint, NOON + timedelta(days=20)) == 1
    assert (again(endpoint).status, again(endpoint).failures) == (EndpointStatus.ACTIVE, 1)
    assert again(endpoint).failing_since == NOON + timedelta(days=20)


def test_a_replay_of_what_failed_sends_nothing_that_was_delivered_or_never_its_own(acme):
    happen(acme, *["card.frozen"] * 3)
    with receiving() as receiver:
        endpoint = make(acme, receiver.url, "card.*")
        happen(acme, "card.frozen")
        deliveries.hand_out(at=NOON)
        turn(endpoint)
        deliveries.forget_old(at=NOON + timedelta(days=31))
        endpoints.replay(endpoint, after=0, actor=acme.alice, at=NOON)
        deliveries.hand_out(at=NOON)
        assert turn(endpoint, NOON + timedelta(minutes=1)) == 0
    assert len(receiver.got) == 1


def test_another_rotation_waits_until_the_secret_before_has_ended(acme):
    endpoint, first = endpoints.create(url="https://erp.example/", actor=acme.alice, at=NOON)
    endpoints.rotate(endpoint, overlap=timedelta(hours=24), actor=acme.alice, at=NOON)
    with pytest.raises(errors.InvalidState, match="still signs"):
        endpoints.rotate(endpoint, overlap=timedelta(hours=1), actor=acme.alice, at=NOON + timedelta(minutes=1))
    signs = [signing.secret(salt) for salt in deliveries.salts_of(again(endpoint), at=NOON + timedelta(hours=1))]
    assert first in signs
    endpoints.rotate(endpoint, overlap=timedelta(0), actor=acme.alice, at=NOON + timedelta(minutes=1))
    assert len(deliveries.salts_of(again(endpoint), at=NOON + timedelta(minutes=1))) == 1
    endpoints.rotate(endpoint, overlap=timedelta(hours=1), actor=acme.alice, at=NOON + timedelta(minutes=2))


def test_one_endpoint_that_cannot_be_handed_anything_is_in_no_other_s_way(acme, monkeypatch):
    first, second = make(acme), make(acme, "http://127.0.0.1:9/second")
    happen(acme, "card.frozen")
    block = deliveries._hand_block

    def broken(pk, *, at):
        if pk == first.pk:
            raise RuntimeError("of this endpoint alone")
        return block(pk, at=at)

    monkeypatch.setattr(deliveries, "_hand_block", broken)
    deliveries.hand_out(at=NOON)
    assert "card.frozen" in handed(second)


def test_handing_out_ends_with_its_time_and_goes_on_in_the_next_round(acme, monkeypatch):
    monkeypatch.setattr(deliveries, "BLOCK", 1)
    endpoint = make(acme, "http://127.0.0.1:9/", "card.*")
    happen(acme, *["card.frozen"] * 10)
    assert deliveries.hand_out(at=NOON, seconds=0) == 0
    while deliveries.hand_out(at=NOON, seconds=0.01):
        pass
    assert len(handed(endpoint)) == 10


def test_a_turn_that_goes_wrong_is_not_begun_again_at_once(acme, monkeypatch):
    endpoint, _ = one_that_waits(acme)

    def broken(events):
        raise RuntimeError("of ours")

    with pytest.raises(RuntimeError):
        deliveries.take_turn(endpoint.pk, deliveries.Telling(broken, list), now=lambda: NOON)
    assert deliveries.waiting(at=NOON + timedelta(minutes=9)) == []
    assert deliveries.waiting(at=NOON + timedelta(minutes=11)) == [(endpoint.pk, acme.acme.pk)]
    assert again(endpoint).lease_key == ""


def test_what_is_queued_again_while_old_rows_are_let_go_of_stays(acme):
    endpoint, row = one_that_waits(acme)
    WebhookDelivery.objects.update(status=DeliveryStatus.FAILED, due_at=None)
    endpoints.replay_one(row, actor=acme.alice, at=NOON)
    deliveries._forget([row.pk])
    assert state(row).status == DeliveryStatus.PENDING
    assert again(endpoint).next_due_at < endpoint.created_at


def test_of_a_removed_endpoint_nothing_is_left_in_the_end(acme):
    endpoint, row = one_that_waits(acme)
    endpoints.remove(endpoint, actor=acme.alice, at=NOON)
    deliveries.forget_old(at=NOON)
    say(endpoint, row, AttemptOutcome.REFUSED)
    assert WebhookAttempt.objects.count() == 0, "no try of a delivery that is gone"
    deliveries.forget_old(at=NOON + timedelta(hours=1))
    assert WebhookEndpoint.objects.count() == 0


def test_looking_whose_turn_it_is_looks_at_no_delivery(acme, django_assert_num_queries):
    endpoint = make(acme, "http://127.0.0.1:9/", "card.*")
    happen(acme, *["card.frozen"] * 20)
    deliveries.hand_out(at=NOON)
    with CaptureQueriesContext(connection) as asked:
        assert deliveries.waiting(at=NOON) == [(endpoint.pk, acme.acme.pk)]
    assert len(asked) == 1
    assert "webhook_deliveries" not in asked[0]["sql"]
    turn(endpoint)
    WebhookDelivery.objects.update(due_at=None, status=DeliveryStatus.FAILED)
    WebhookEndpoint.objects.update(next_due_at=None)
    assert deliveries.waiting(at=NOON) == []
    assert sound() == []
    WebhookDelivery.objects.update(due_at=NOON, status=DeliveryStatus.PENDING)
    assert len(sound()) == 1


def test_the_thread_survives_whatever_a_look_comes_upon(acme, monkeypatch):
    looks = []

    def broken(*, at):
        looks.append(at)
        raise InterfaceError(0, "")

    monkeypatch.setattr(deliveries, "waiting", broken)
    monkeypatch.setattr("spendtrackr.webhooks.sender.LOOKS_EVERY", 0.01)
    sender = Sender(TELLING)
    sender.start()
    while len(looks) < 3:
        time.sleep(0.01)
    assert sender.is_alive
    sender.stop()
    assert not sender.is_alive


def test_the_newest_hundred_tries_are_shown_in_their_order(acme):
    _, row = one_that_waits(acme)
    WebhookAttempt.objects.bulk_create(
        WebhookAttempt(delivery=row, at=NOON + timedelta(seconds=second), took_ms=1, outcome=AttemptOutcome.REFUSED)
        for second in range(103)
    )
    shown = queries.webhook_attempts(row)
    assert [one.at for one in shown] == [NOON + timedelta(seconds=second) for second in range(3, 103)]
