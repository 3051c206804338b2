"""Deliveries: made of sealed events, sent by turns, tried again for three days.

The sealed log is the outbox: an event is written in the transaction of what happened and numbered afterwards, so nothing that was rolled
back has a number. Each endpoint walks the numbers by itself. One lease on its row is what keeps two workers from sending to it at once.
"""

from __future__ import annotations

import json
import logging
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

log = logging.getLogger(__name__)


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
# Events that are looked at, or rows that are changed, in one step beside the sending; and seconds of such steps in one round.
BLOCK, HANDS_OUT_FOR = 500, 4.0
# A failure so long after the one before is the first of others: longer than anything waits for its next try.
FORGETS_FAILURES_AFTER = timedelta(hours=30)
# Seconds until somebody looks again whether there is something to send, after there was nothing.
LOOKS_AGAIN = timedelta(seconds=1)
KEPT_FOR = timedelta(days=30)
# Goes to the endpoint that is tested, and to no other.
TEST_TYPE = "webhook.tested"


def hand_out(*, at: datetime, seconds: float = HANDS_OUT_FOR) -> int:
    """Make deliveries of what was sealed since the last time, and of what is to be replayed; answer how many steps.

    A block for each endpoint in turn, for some seconds: the next round goes on. One that fails stands in the way of no other.
    """
    sealed = EventChain.across_companies.filter(company=OuterRef("company")).values("last_sequence")
    active = WebhookEndpoint.across_companies.filter(status=EndpointStatus.ACTIVE, removed_at=None).annotate(sealed=Subquery(sealed))
    asked = Q(replay_to__isnull=False) | Q(hurries_since__isnull=False) | Q(skips_before__isnull=False)
    behind = deque(active.filter(asked | Q(handed_to__lt=F("sealed"))).order_by("pk").values_list("pk", "company_id"))
    steps, until = 0, time.monotonic() + seconds
    while behind and time.monotonic() < until:
        endpoint, company = behind.popleft()
        with company_scope(company):
            try:
                if _hand_block(endpoint, at=at):
                    behind.append((endpoint, company))
                    steps += 1
            except Exception:
                log.exception("events could not be handed to endpoint %s; the next round tries again", endpoint)
    return steps


@operation
def _hand_block(endpoint_id: int, *, at: datetime) -> bool:
    """One block: of what is left out or hurried since it was switched on, of new events, or of a replay. False: nothing is left to do."""
    endpoint = WebhookEndpoint.objects.select_for_update().get(pk=endpoint_id)
    if endpoint.status != EndpointStatus.ACTIVE or endpoint.removed_at:
        return False
    last = events.last_sequence()
    if endpoint.skips_before or endpoint.hurries_since:
        _switch_block(endpoint)
    elif endpoint.handed_to < last:
        upto = min(last, endpoint.handed_to + BLOCK)
        _queue(endpoint, _wanted(endpoint, endpoint.handed_to, upto), at=at)
        endpoint.handed_to = upto
    elif not _replay_block(endpoint, at=at):
        return False
    endpoint.next_due_at = _next_due(endpoint)
    endpoint.save(update_fields=["handed_to", "replay_from", "replay_to", "next_due_at", "skips_before", "hurries_since"])
    return True


def _switch_block(endpoint: WebhookEndpoint) -> None:
    waits = WebhookDelivery.objects.filter(endpoint=endpoint)
    if endpoint.skips_before:
        rows = waits.filter(due_at__isnull=False, created_at__lte=endpoint.skips_before)
        changes: dict[str, Any] = {"status": DeliveryStatus.FAILED, "due_at": None}
    else:
        rows, changes = waits.filter(due_at__gt=endpoint.hurries_since), {"due_at": endpoint.hurries_since, "tries": 0}
    if block := list(rows.order_by("due_at").values_list("pk", flat=True)[:BLOCK]):
        waits.filter(pk__in=block).update(**changes)
    elif endpoint.skips_before:
        endpoint.skips_before = None
    else:
        endpoint.hurries_since = None


def _next_due(endpoint: WebhookEndpoint) -> datetime | None:
    rows = WebhookDelivery.objects.filter(endpoint=endpoint, due_at__isnull=False)
    return rows.order_by("due_at").values_list("due_at", flat=True).first()


def _replay_block(endpoint: WebhookEndpoint, *, at: datetime) -> bool:
    """With everything, what was let go of is made anew; without, only what is on record as failed is sent again."""
    if endpoint.replay_to is None or endpoint.replay_from is None:
        return False
    upto = min(endpoint.replay_to, endpoint.replay_from + BLOCK)
    wanted = _wanted(endpoint, endpoint.replay_from, upto)
    again = WebhookDelivery.objects.filter(endpoint=endpoint, event__in=wanted)
    if endpoint.replays_all:
        queue_again(again.exclude(status=DeliveryStatus.PENDING), at=at)
        _queue(endpoint, wanted, at=at)
    else:
        queue_again(again.filter(status=DeliveryStatus.FAILED), at=at)
    endpoint.replay_from = upto
    if upto == endpoint.replay_to:
        endpoint.replay_from = endpoint.replay_to = None
    return True


def queue_again(rows: QuerySet[WebhookDelivery], *, at: datetime) -> int:
    """From the first try on, whatever came of those before. Under the endpoint's lock, whose `next_due_at` is the caller's."""
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
    """The endpoints that a turn is due to, with their companies: database ids. Their own rows say so: no backlog is looked at."""
    found = WebhookEndpoint.across_companies.filter(_free(at), status=EndpointStatus.ACTIVE, removed_at=None, next_due_at__lte=at)
    return list(found.order_by("pk").values_list("pk", "company_id"))


def _free(at: datetime) -> Q:
    """Nobody is sending to it, and it does not rest."""
    return (Q(leased_until=None) | Q(leased_until__lte=at)) & (Q(rests_until=None) | Q(rests_until__lte=at))


@dataclass(frozen=True, slots=True)
class Sent:
    """One message, where to, and what came of it."""

    delivery: WebhookDelivery
    url: str
    at: datetime
    answer: Answer

    @property
    def is_delivered(self) -> bool:
        return self.answer.outcome == AttemptOutcome.DELIVERED


def take_turn(endpoint_id: int, telling: Telling, *, now: Callable[[], datetime] = timezone.now, slice_seconds: float = SLICE) -> int:
    """Send what is due to one endpoint of the company in scope, a few at once, for some seconds; answer how many were tried.

    0 where another worker is at it. The sending is done outside of any transaction; what came of it is written after each few.
    """
    key = secrets.token_hex(16)
    if not _lease(endpoint_id, key, at=now()):
        return 0
    tried = 0
    try:
        tried = _sent_in_turn(endpoint_id, key, telling, now, time.monotonic() + slice_seconds)
    except Exception:
        # Whatever it is, it is not tried at once and for ever.
        _mine(endpoint_id, key).update(rests_until=now() + timedelta(seconds=LONGEST_REST))
        raise
    finally:
        _release(endpoint_id, key, at=now(), is_idle=not tried)
    return tried


def _sent_in_turn(endpoint_id: int, key: str, telling: Telling, now: Callable[[], datetime], until: float) -> int:
    tried = 0
    url = WebhookEndpoint.objects.values_list("url", flat=True).get(pk=endpoint_id)
    with _Lanes(url, telling, now) as lanes:
        while tried < MOST_OF_A_TURN and time.monotonic() < until:
            endpoint = WebhookEndpoint.objects.get(pk=endpoint_id)
            sent = lanes.send(endpoint, _due(endpoint, at=now()), until) if endpoint.url == url else []
            tried += len(sent)
            if not sent or not _note(endpoint_id, sent, key, telling):
                break
    return tried


def _lease(endpoint_id: int, key: str, *, at: datetime) -> bool:
    """One conditional UPDATE decides between workers."""
    mine = WebhookEndpoint.objects.filter(_free(at), pk=endpoint_id, status=EndpointStatus.ACTIVE, removed_at=None)
    return bool(mine.update(leased_until=at + LEASE, lease_key=key))


def _mine(endpoint_id: int, key: str) -> QuerySet[WebhookEndpoint]:
    return WebhookEndpoint.objects.filter(pk=endpoint_id, lease_key=key)


@operation
def _release(endpoint_id: int, key: str, *, at: datetime, is_idle: bool) -> None:
    """Let others at it, from when something is due. Where nothing could be sent, such as a test that has no number yet, not at once."""
    endpoint = _mine(endpoint_id, key).select_for_update().first()
    if endpoint is None:
        return
    endpoint.leased_until, endpoint.lease_key, endpoint.next_due_at = None, "", _next_due(endpoint)
    if is_idle and endpoint.next_due_at:
        endpoint.next_due_at = max(endpoint.next_due_at, at + LOOKS_AGAIN)
    endpoint.save(update_fields=["leased_until", "lease_key", "next_due_at"])


def _due(endpoint: WebhookEndpoint, *, at: datetime) -> list[WebhookDelivery]:
    """The next, the oldest first; few to an endpoint that failed just now, and one alone, to see whether it is back, after that."""
    if endpoint.status != EndpointStatus.ACTIVE or endpoint.removed_at or (endpoint.rests_until and endpoint.rests_until > at):
        return []
    rows = WebhookDelivery.objects.filter(endpoint=endpoint, due_at__lte=at, event__sequence__isnull=False)
    if endpoint.skips_before:
        rows = rows.filter(created_at__gt=endpoint.skips_before)
    most = MOST_UNNOTED if not endpoint.failures else LANES if endpoint.failures < RESTS_FROM else 1
    return list(rows.select_related("event").order_by("due_at", "pk")[:most])


class _Lanes:
    """The connections of one turn, and the threads that wait on them."""

    def __init__(self, url: str, telling: Telling, now: Callable[[], datetime]) -> None:
        self.url, self.messages, self.now = url, telling.messages, now
        self.lines = [Line(url) for _ in range(LANES)]
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
            while time.monotonic() < until and all(one.is_delivered for one in sent[-LANES:]):
                try:
                    row, body = left.popleft()
                except IndexError:
                    return
                at = self.now()
                answer = line.post(body, signing.headers(row.event.public_id, body, salts=salts, at=at))
                sent.append(Sent(row, self.url, at, answer))

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
    rows = {row.pk: row for row in WebhookDelivery.objects.filter(pk__in=[one.delivery.pk for one in sent])}
    WebhookAttempt.objects.bulk_create(_attempt(one) for one in sent if one.delivery.pk in rows)
    _note_rows([one for one in sent if _is_as_it_was(one.delivery, rows.get(one.delivery.pk))])
    if endpoint.url == sent[0].url and (because := _judged(endpoint, sent)):
        endpoint.status = EndpointStatus.FAILED
        events.record("webhook.failed", endpoint, actor=None, at=sent[0].at, because=because, members=telling.keepers())
    changed = ["status", "failures", "failing_since", "last_failed_at", "rests_until", "last_delivered_at"]
    is_mine = endpoint.lease_key == key
    if is_mine:
        # From when they were answered, so that slow answers cost no lease.
        endpoint.leased_until = max(one.at + timedelta(milliseconds=one.answer.took_ms) for one in sent) + LEASE
    endpoint.save(update_fields=[*changed, "leased_until"] if is_mine else changed)
    return is_mine and endpoint.status == EndpointStatus.ACTIVE and endpoint.rests_until is None


def _is_as_it_was(before: WebhookDelivery, now: WebhookDelivery | None) -> bool:
    """Not replayed, skipped, delivered by another or let go of while it was on its way: then that is what holds."""
    return now is not None and (now.status, now.tries, now.due_at) == (before.status, before.tries, before.due_at)


def _note_rows(sent: Sequence[Sent]) -> None:
    delivered = [one for one in sent if one.is_delivered]
    rows = WebhookDelivery.objects.filter(pk__in=[one.delivery.pk for one in delivered])
    if delivered:
        rows.update(status=DeliveryStatus.DELIVERED, due_at=None, tries=F("tries") + 1, delivered_at=delivered[0].at)
    for one in sent:
        if not one.is_delivered:
            _try_again(one)


def _try_again(one: Sent) -> None:
    """Later, or never."""
    wait = _jittered(WAITS[one.delivery.tries]) if one.delivery.tries < len(WAITS) else None
    status, due_at = (DeliveryStatus.PENDING, one.at + wait) if wait else (DeliveryStatus.FAILED, None)
    WebhookDelivery.objects.filter(pk=one.delivery.pk).update(status=status, due_at=due_at, tries=F("tries") + 1)


def _judged(endpoint: WebhookEndpoint, sent: Sequence[Sent]) -> str:
    """What a few messages, sent at once, say of the endpoint: one success is enough. Why it is to be switched off, or blank."""
    at = sent[0].at
    if any(one.is_delivered for one in sent):
        endpoint.failures, endpoint.failing_since, endpoint.last_delivered_at = 0, None, at
    else:
        if endpoint.last_failed_at and at - endpoint.last_failed_at > FORGETS_FAILURES_AFTER:
            endpoint.failures, endpoint.failing_since = 0, None
        endpoint.failures += 1
        endpoint.failing_since, endpoint.last_failed_at = endpoint.failing_since or at, at
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


def forget_old(*, at: datetime, most: int = 50_000) -> int:
    """Let go of deliveries that are old, and of endpoints that were removed; answer how many deliveries. What waits stays."""
    old = WebhookDelivery.across_companies.filter(created_at__lt=at - KEPT_FOR, due_at=None).order_by("created_at")
    removed = WebhookEndpoint.across_companies.filter(removed_at__isnull=False)
    orphans = WebhookDelivery.across_companies.filter(endpoint__in=removed).order_by()
    rows = [pk for some in (old, orphans) for pk in some.values_list("pk", flat=True)[:most]]
    for start in range(0, len(rows), BLOCK):
        _forget(rows[start : start + BLOCK])
    empty = ~Exists(WebhookDelivery.across_companies.filter(endpoint=OuterRef("pk")))
    removed.filter(empty, removed_at__lt=at - LEASE).delete()
    return len(rows)


@operation
def _forget(rows: list[int]) -> None:
    """Deliveries with their tries: nobody ever sees one without the other. Not those that were queued again meanwhile."""
    over = Q(due_at=None) | Q(endpoint__removed_at__isnull=False)
    still = list(WebhookDelivery.across_companies.select_for_update().filter(over, pk__in=rows).values_list("pk", flat=True))
    WebhookAttempt.across_companies.filter(delivery__in=still).delete()
    WebhookDelivery.across_companies.filter(pk__in=still).delete()
