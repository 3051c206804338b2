"""What was sent to webhooks is what the log of tries says, and nothing that they ask for was passed by."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Count, Exists, F, OuterRef, Q

from reports.verification.walking import NOBODY, Told, hanging_on, parts
from spendtrackr import events
from spendtrackr.models import AttemptOutcome, DeliveryStatus, WebhookAttempt, WebhookDelivery, WebhookEndpoint


def webhooks(told: Told = NOBODY) -> Iterator[str]:
    """No endpoint is ahead of the log; what is called delivered was answered with 2xx; what waits has its time, and nothing else has."""
    last = events.last_sequence()
    for endpoint in WebhookEndpoint.objects.filter(Q(handed_to__gt=last) | Q(replay_to__gt=F("handed_to"))).order_by("pk"):
        yield f"endpoint {endpoint.public_id} was handed events up to {endpoint.handed_to}, and the last is {last}"
    due = WebhookDelivery.objects.filter(endpoint=OuterRef("pk"), due_at__isnull=False)
    for endpoint in WebhookEndpoint.objects.filter(Exists(due), next_due_at=None, removed_at=None).order_by("pk"):
        yield f"endpoint {endpoint.public_id} has deliveries that wait, and does not say when the next one is due"
    for part in parts(WebhookDelivery.objects.all(), told=told):
        yield from _differences(list(part.order_by("pk")))


def _differences(block: list[WebhookDelivery]) -> Iterator[str]:
    found = _tries(block)
    for row in block:
        said = _said(row, *found.get(row.pk, (0, 0)))
        # Not one that was let go of meanwhile, with its tries.
        if said and WebhookDelivery.objects.filter(pk=row.pk).exists():
            yield said


def _tries(block: list[WebhookDelivery]) -> dict[int, tuple[int, int]]:
    """Of each delivery, by its database id: how many tries are recorded, and how many of them succeeded."""
    counts = (
        hanging_on(WebhookAttempt, delivery__in=[row.pk for row in block]).values("delivery_id").order_by()
        .annotate(tries=Count("pk"), good=Count("pk", filter=Q(outcome=AttemptOutcome.DELIVERED)))
    )  # fmt: skip
    return {row["delivery_id"]: (row["tries"], row["good"]) for row in counts}


def _said(row: WebhookDelivery, tries: int, good: int) -> str:
    """What is wrong with one, or blank."""
    if tries < row.tries:
        return f"delivery {row.public_id} counts {row.tries} tries, and {tries} are recorded"
    if row.status == DeliveryStatus.DELIVERED and not good:
        return f"delivery {row.public_id} is called delivered, and no try was answered with success"
    if (row.due_at is not None) != (row.status == DeliveryStatus.PENDING):
        return f"delivery {row.public_id} is {row.status}, and is due at {row.due_at}"
    return ""
