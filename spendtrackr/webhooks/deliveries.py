"""Deliveries: made of sealed events, sent by turns, tried again for three days.

The sealed log is the outbox: an event is written in the transaction of what happened and numbered afterwards, so nothing that was rolled
back has a number. Each endpoint walks the numbers by itself. One lease on its row is what keeps two workers from sending to it at once.
"""

from __future__ import annotations

import json
import random
import secrets
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from spendtrackr import events
from spendtrackr.models import (
    AttemptOutcome,
    DeliveryStatus,
    EndpointStatus,
    Event,
    EventChain,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
)
from spendtrackr.retry import operation
from spendtrackr.tenancy import company_scope
from spendtrackr.webhooks import signing
from spendtrackr.webhooks.posting import Answer, Line


@dataclass(frozen=True, slots=True)
class Telling:
    """What the kernel cannot know: what messages say of events, in their order, and the ids of whom to tell that an endpoint failed."""

    messages: Callable[[Sequence[Event]], list[dict[str, Any]]]
    keepers: Callable[[], list[str]]


# How long after each try that failed the next one follows: three days in all.
WAITS = tuple(
    timedelta(seconds=seconds) for seconds in (5, 60, 300, 1_800, 7_200, 18_000, 28_800, 43_200, 72_000, 86_400)
)  # fmt: skip
JITTER = 0.1
# An endpoint where nothing succeeded for so long is switched off.
GIVES_UP_AFTER = timedelta(days=3)
# After so many failures in a row an endpoint rests between single tries, twice as long each time, up to a limit: seconds.
RESTS_FROM, FIRST_REST, LONGEST_REST = 3, 5, 600
# At once to one endpoint; before it is noted what came of them; in one turn; and seconds until the turn begins nothing more.
LANES, MOST_UNNOTED, MOST_OF_A_TURN, SLICE = 8, 32, 400, 4.0
# Longer than a turn can take: its slice, and one message that resolves, connects and answers as slowly as it may.
LEASE = timedelta(minutes=2)
# Events that are looked at in one step of making deliveries.
BLOCK = 500
BLOCKS_OF_A_ROUND = 20
KEPT_FOR = timedelta(days=30)
# Goes to the endpoint that is tested, and to no other.
TEST_TYPE = "webhook.tested"


def hand_out(*, at: datetime) -> int:
    """Make deliveries of what was sealed since the last time, and of what is to be replayed; answer how many events were looked at."""
    sealed = EventChain.across_companies.filter(company=OuterRef("company")).values("last_sequence")
    behind = WebhookEndpoint.across_companies.filter(status=EndpointStatus.ACTIVE, removed_at=None).annotate(sealed=Subquery(sealed))
    looked = 0
    for endpoint in list(behind.filter(Q(handed_to__lt=F("sealed")) | Q(replay_to__isnull=False)).order_by("pk")):
        with company_scope(endpoint.company_id):
            for _ in range(BLOCKS_OF_A_ROUND):
                if not (count := _hand_block(endpoint.pk, at=at)):
                    break
                looked += count
    return looked


@operation
def _hand_block(endpoint_id: int, *, at: datetime) -> int:
    """One block of new events, or of a replay. Answers how many numbers it went on by; 0 when there is nothing to do."""
    endpoint = WebhookEndpoint.objects.select_for_update().get(pk=endpoint_id)
    if endpoint.status != EndpointStatus.ACTIVE or endpoint.removed_at:
        return 0
    last = events.last_sequence()
    if endpoint.handed_to < last:
        upto = min(last, endpoint.handed_to + BLOCK)
        _queue(endpoint, _wanted(endpoint, endpoint.handed_to, upto), at=at)
        count, endpoint.handed_to = upto - endpoint.handed_to, upto
        endpoint.save(update_fields=["handed_to"])
        return count
    return _replay_block(endpoint, at=at)


def _replay_block(endpoint: WebhookEndpoint, *, at: datetime) -> int:
    if endpoint.replay_to is None or endpoint.replay_from is None:
        return 0
    upto = min(endpoint.replay_to, endpoint.replay_from + BLOCK)
    wanted = _wanted(endpoint, endpoint.replay_from, upto)
    again = WebhookDelivery.objects.filter(endpoint=endpoint, event__in=wanted).exclude(status=DeliveryStatus.PENDING)
    if not endpoint.replays_all:
        again = again.exclude(status=DeliveryStatus.DELIVERED)
    queue_again(again, at=at)
    _queue(endpoint, wanted, at=at)
    count, endpoint.replay_from = upto - endpoint.replay_from, upto
    if upto == endpoint.replay_to:
        endpoint.replay_from = endpoint.replay_to = None
    endpoint.save(update_fields=["replay_from", "replay_to"])
    return count


def queue_again(rows: QuerySet[WebhookDelivery], *, at: datetime) -> int:
    """From the first try on, whatever came of those before."""
    return rows.update(status=DeliveryStatus.PENDING, due_at=at, tries=0)


def _wanted(endpoint: WebhookEndpoint, after: int, upto: int) -> list[Event]:
    """The events between two numbers that this endpoint asks for, the oldest first."""
    block = events.sealed().filter(sequence__gt=after, sequence__lte=upto).exclude(type=TEST_TYPE).order_by("sequence")
    return [event for event in block.only("company_id", "type") if endpoint.wants(event.type)]


def _queue(endpoint: WebhookEndpoint, wanted: Sequence[Event], *, at: datetime) -> None:
    """Deliveries of these events that are not there yet, under the endpoint's lock."""
    there = set(WebhookDelivery.objects.filter(endpoint=endpoint, event__in=wanted).values_list("event_id", flat=True))
    made = [WebhookDelivery(endpoint=endpoint, event=event, due_at=at, created_at=at) for event in wanted if event.pk not in there]
    WebhookDelivery.objects.bulk_create(made)


def waiting(*, at: datetime) -> list[tuple[int, int]]:
    """The endpoints that a turn is due to, with their companies: database ids."""
    due = WebhookDelivery.across_companies.filter(endpoint=OuterRef("pk"), due_at__lte=at, event__sequence__isnull=False)
    free = Q(leased_until=None) | Q(leased_until__lte=at)
    rested = Q(rests_until=None) | Q(rests_until__lte=at)
    found = WebhookEndpoint.across_companies.filter(free, rested, Exists(due), status=EndpointStatus.ACTIVE, removed_at=None)
    return list(found.order_by("pk").values_list("pk", "company_id"))


@dataclass(frozen=True, slots=True)
class Sent:
    """One message, and what came of it."""

    delivery: WebhookDelivery
    at: datetime
    answer: Answer


def take_turn(endpoint_id: int, telling: Telling, *, now: Callable[[], datetime] = timezone.now, slice_seconds: float = SLICE) -> int:
    """Send what is due to one endpoint of the company in scope, a few at once, for some seconds; answer how many were tried.

    0 where another worker is at it. The sending is done outside of any transaction; what came of it is written after each few.
    """
    key = secrets.token_hex(16)
    if not _lease(endpoint_id, key, at=now()):
        return 0
    tried, until = 0, time.monotonic() + slice_seconds
    try:
        with _Lanes(WebhookEndpoint.objects.get(pk=endpoint_id), telling, now) as lanes:
            while tried < MOST_OF_A_TURN and time.monotonic() < until:
                endpoint = WebhookEndpoint.objects.get(pk=endpoint_id)
                sent = lanes.send(endpoint, _due(endpoint, at=now()), until)
                tried += len(sent)
                if not sent or not _note(endpoint_id, sent, key, telling):
                    break
    finally:
        _mine(endpoint_id, key).update(leased_until=None, lease_key="")
    return tried


def _lease(endpoint_id: int, key: str, *, at: datetime) -> bool:
    """One conditional UPDATE decides between workers."""
    free = Q(leased_until=None) | Q(leased_until__lte=at)
    rested = Q(rests_until=None) | Q(rests_until__lte=at)
    mine = WebhookEndpoint.objects.filter(free, rested, pk=endpoint_id, status=EndpointStatus.ACTIVE, removed_at=None)
    return bool(mine.update(leased_until=at + LEASE, lease_key=key))


def _mine(endpoint_id: int, key: str) -> QuerySet[WebhookEndpoint]:
    return WebhookEndpoint.objects.filter(pk=endpoint_id, lease_key=key)


def _due(endpoint: WebhookEndpoint, *, at: datetime) -> list[WebhookDelivery]:
    """The next, the oldest first; few to an endpoint that failed just now, and one alone, to see whether it is back, after that."""
    if endpoint.status != EndpointStatus.ACTIVE or endpoint.removed_at or (endpoint.rests_until and endpoint.rests_until > at):
        return []
    rows = WebhookDelivery.objects.filter(endpoint=endpoint, due_at__lte=at, event__sequence__isnull=False)
    most = MOST_UNNOTED if not endpoint.failures else LANES if endpoint.failures < RESTS_FROM else 1
    return list(rows.select_related("event").order_by("due_at", "pk")[:most])


class _Lanes:
    """The connections of one turn, and the threads that wait on them."""

    def __init__(self, endpoint: WebhookEndpoint, telling: Telling, now: Callable[[], datetime]) -> None:
        self.lines = [Line(endpoint.url) for _ in range(LANES)]
        self.messages, self.now = telling.messages, now
        self.pool = ThreadPoolExecutor(LANES, thread_name_prefix="webhook")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.pool.shutdown()
        for line in self.lines:
            line.close()

    def send(self, endpoint: WebhookEndpoint, due: Sequence[WebhookDelivery], until: float) -> list[Sent]:
        """What each line takes is the next one, until one fails or the time is over: answers what was sent, and what came of it.

        The threads touch no database.
        """
        salts = salts_of(endpoint, at=self.now())
        left = deque(zip(due, map(body_of, self.messages([row.event for row in due])), strict=True))
        sent: list[Sent] = []

        def work(line: Line) -> None:
            while left and time.monotonic() < until and all(one.answer.outcome == AttemptOutcome.DELIVERED for one in sent[-LANES:]):
                try:
                    row, body = left.popleft()
                except IndexError:
                    return
                at = self.now()
                sent.append(Sent(row, at, line.post(body, signing.headers(row.event.public_id, body, salts=salts, at=at))))

        for one in [self.pool.submit(work, line) for line in self.lines[: len(due)]]:
            one.result()
        return sent


def body_of(message: dict[str, Any]) -> bytes:
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()


def salts_of(endpoint: WebhookEndpoint, *, at: datetime) -> list[str]:
    """What its messages are signed with: the newest first, and the one before while it lasts."""
    before = endpoint.previous_until is not None and at < endpoint.previous_until
    return [str(endpoint.secret_salt), *([str(endpoint.previous_secret_salt)] if before else [])]


@operation
def _note(endpoint_id: int, sent: Sequence[Sent], key: str, telling: Telling) -> bool:
    """Write what came of a few messages. Whether the turn goes on: not with a lease that was lost, or to an endpoint that rests."""
    endpoint = WebhookEndpoint.objects.select_for_update().get(pk=endpoint_id)
    WebhookAttempt.objects.bulk_create(_attempt(one) for one in sent)
    delivered = [one for one in sent if one.answer.outcome == AttemptOutcome.DELIVERED]
    rows = WebhookDelivery.objects.filter(pk__in=[one.delivery.pk for one in delivered])
    rows.update(status=DeliveryStatus.DELIVERED, due_at=None, tries=F("tries") + 1, delivered_at=sent[0].at)
    for one in sent:
        if one not in delivered:
            _try_again(one)
    if because := _judged(endpoint, sent, is_alive=bool(delivered)):
        endpoint.status = EndpointStatus.FAILED
        events.record("webhook.failed", endpoint, actor=None, at=sent[0].at, because=because, members=telling.keepers())
    changed = ["status", "failures", "failing_since", "rests_until", "last_delivered_at"]
    is_mine = endpoint.lease_key == key
    if is_mine:
        # From when they were answered, so that slow answers cost no lease.
        endpoint.leased_until = sent[0].at + timedelta(milliseconds=max(one.answer.took_ms for one in sent)) + LEASE
    endpoint.save(update_fields=[*changed, "leased_until"] if is_mine else changed)
    return is_mine and endpoint.status == EndpointStatus.ACTIVE and endpoint.rests_until is None


def _try_again(one: Sent) -> None:
    """Later, or never. It may have been delivered by another worker, which had reason to think that this one was gone."""
    wait = _jittered(WAITS[one.delivery.tries]) if one.delivery.tries < len(WAITS) else None
    WebhookDelivery.objects.filter(pk=one.delivery.pk).exclude(status=DeliveryStatus.DELIVERED).update(
        status=DeliveryStatus.PENDING if wait else DeliveryStatus.FAILED, due_at=one.at + wait if wait else None, tries=F("tries") + 1
    )


def _judged(endpoint: WebhookEndpoint, sent: Sequence[Sent], *, is_alive: bool) -> str:
    """What a few messages, sent at once, say of the endpoint: one success is enough. Why it is to be switched off, or blank."""
    at = sent[0].at
    if is_alive:
        endpoint.failures, endpoint.failing_since, endpoint.last_delivered_at = 0, None, at
    else:
        endpoint.failures += 1
        endpoint.failing_since = endpoint.failing_since or at
    endpoint.rests_until = _rest(endpoint.failures, max(one.answer.rest_seconds for one in sent), at=at)
    if endpoint.status != EndpointStatus.ACTIVE:
        return ""
    if any(one.answer.outcome == AttemptOutcome.GONE for one in sent):
        return "gone"
    return "failing" if endpoint.failing_since and at - endpoint.failing_since >= GIVES_UP_AFTER else ""


def _rest(failures: int, asked_seconds: int, *, at: datetime) -> datetime | None:
    """How long to leave it alone: as long as it asked for, or longer with every failure in a row."""
    doubled = FIRST_REST * 2 ** min(failures - RESTS_FROM, 10) if failures >= RESTS_FROM else 0
    seconds = max(min(doubled, LONGEST_REST), asked_seconds)
    return at + _jittered(timedelta(seconds=seconds)) if seconds else None


def _jittered(wait: timedelta) -> timedelta:
    """So that what failed together does not come back together."""
    return wait * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 -- jitter, not a secret


def _attempt(one: Sent) -> WebhookAttempt:
    told = one.answer
    return WebhookAttempt(
        delivery=one.delivery, at=one.at, took_ms=told.took_ms, outcome=told.outcome, answered=told.status, answer=told.text,
        address=told.address,
    )  # fmt: skip


def forget_old(*, at: datetime, most: int = 5_000) -> int:
    """Let go of deliveries that are old, and of endpoints that were removed; answer how many. What waits for an endpoint stays."""
    old = WebhookDelivery.across_companies.filter(created_at__lt=at - KEPT_FOR, due_at=None).order_by("created_at")
    removed = WebhookEndpoint.across_companies.filter(removed_at__isnull=False)
    orphans = WebhookDelivery.across_companies.filter(endpoint__in=removed).order_by()
    rows = [pk for some in (old, orphans) for pk in some.values_list("pk", flat=True)[:most]]
    for start in range(0, len(rows), BLOCK):
        _forget(rows[start : start + BLOCK])
    return len(rows)


@operation
def _forget(rows: list[int]) -> None:
    """Deliveries with their tries: nobody ever sees one without the other."""
    WebhookAttempt.across_companies.filter(delivery__in=rows).delete()
    WebhookDelivery.across_companies.filter(pk__in=rows).delete()
