"""Endpoints of webhooks and the log of what was sent to them."""

from __future__ import annotations

from django.db.models import QuerySet

from spendtrackr.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint

# Of a delivery that is replayed again and again.
MOST_ATTEMPTS = 100


def webhook_endpoints() -> QuerySet[WebhookEndpoint]:
    return WebhookEndpoint.objects.filter(removed_at=None)


def webhook_deliveries() -> QuerySet[WebhookDelivery]:
    """Of endpoints that are there, with what a list shows of each."""
    return WebhookDelivery.objects.filter(endpoint__removed_at=None).select_related("endpoint", "event")


def webhook_attempts(delivery: WebhookDelivery) -> list[WebhookAttempt]:
    """The newest of them, in their order."""
    return list(reversed(WebhookAttempt.objects.filter(delivery=delivery).order_by("-pk")[:MOST_ATTEMPTS]))
