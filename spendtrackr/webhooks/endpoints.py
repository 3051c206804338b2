"""What people do with endpoints: make, change, rotate, test, switch off and on, replay, remove."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from spendtrackr import errors, events
from spendtrackr.events import HasPublicId
from spendtrackr.models import EndpointStatus, EventChain, WebhookDelivery, WebhookEndpoint
from spendtrackr.retry import operation
from spendtrackr.rotation import require_overlap
from spendtrackr.webhooks import signing
from spendtrackr.webhooks.addresses import checked_url
from spendtrackr.webhooks.deliveries import queue_again

MOST_ENDPOINTS = 20


@operation
def create(
    *, url: str, types: Collection[str] = (), description: str = "", actor: HasPublicId, at: datetime
) -> tuple[WebhookEndpoint, str]:
    """An endpoint for what is sealed from now on, and its secret, in clear for this once. No types: all of them.

    Raises `Invalid` naming `url`, and `InvalidState` with `MOST_ENDPOINTS`.
    """
    # The company's own row of the log is what two that make one take turns at.
    EventChain.objects.get_or_create()
    EventChain.objects.select_for_update().get()
    if WebhookEndpoint.objects.filter(removed_at=None).count() >= MOST_ENDPOINTS:
        raise errors.InvalidState(f"There are {MOST_ENDPOINTS} endpoints, and no company has more: remove one first.")
    endpoint = WebhookEndpoint.objects.create(
        url=checked_url(url), description=" ".join(description.split()), wanted=_joined(types), secret_salt=signing.new_salt(),
        created_at=at, handed_to=events.last_sequence(),
    )  # fmt: skip
    events.record("webhook.created", endpoint, actor=actor, at=at, types=endpoint.types)
    return endpoint, signing.secret(endpoint.secret_salt)


@operation
def change(endpoint: WebhookEndpoint, changes: dict[str, Any], *, actor: HasPublicId, at: datetime) -> WebhookEndpoint:
    """Another address, description or choice of events, from the next delivery on."""
    endpoint = _locked(endpoint)
    told: dict[str, Any] = {}
    if "url" in changes and changes["url"] != endpoint.url:
        endpoint.url, told["url"] = checked_url(changes["url"]), "changed"
        _is_new(endpoint)
    if "description" in changes:
        endpoint.description = " ".join(changes["description"].split())
    if "types" in changes and _joined(changes["types"]) != endpoint.wanted:
        endpoint.wanted = _joined(changes["types"])
        told["types"] = endpoint.types
    endpoint.save(update_fields=["url", "description", "wanted", *_FRESH])
    if told:
        events.record("webhook.changed", endpoint, actor=actor, at=at, **told)
    return endpoint


@operation
def rotate(
    endpoint: WebhookEndpoint, *, overlap: timedelta = timedelta(days=1), actor: HasPublicId, at: datetime
) -> tuple[WebhookEndpoint, str]:
    """Another secret. Until the overlap ends, messages carry a signature by each of the two.

    Raises `Invalid` for an overlap beyond `LONGEST_OVERLAP`, and `InvalidState` while another still lasts: the secret that the receiver has
    may be the one before. Without an overlap both end at once, which somebody who lost them wants.
    """
    require_overlap(overlap)
    endpoint = _locked(endpoint)
    if overlap and endpoint.previous_until and at < endpoint.previous_until:
        raise errors.InvalidState("The secret before still signs, too: wait until it ends, or rotate without an overlap.")
    endpoint.previous_secret_salt, endpoint.previous_until = endpoint.secret_salt, at + overlap
    endpoint.secret_salt = signing.new_salt()
    endpoint.save(update_fields=["secret_salt", "previous_secret_salt", "previous_until"])
    events.record("webhook.rotated", endpoint, actor=actor, at=at, until=endpoint.previous_until.isoformat())
    return endpoint, signing.secret(endpoint.secret_salt)


@operation
def test(endpoint: WebhookEndpoint, *, actor: HasPublicId, at: datetime) -> WebhookDelivery:
    """An event for this endpoint alone, whatever it asks for: sent within seconds, as all others are."""
    endpoint = _locked(endpoint)
    _must_be_on(endpoint)
    event = events.record("webhook.tested", endpoint, actor=actor, at=at)
    _comes_first(endpoint)
    return WebhookDelivery.objects.create(endpoint=endpoint, event=event, due_at=_first(endpoint), created_at=at)


@operation
def switch_off(endpoint: WebhookEndpoint, *, actor: HasPublicId, at: datetime) -> WebhookEndpoint:
    """Nothing is sent. What happens from here on is kept for when it is switched on."""
    endpoint = _locked(endpoint)
    _must_be_on(endpoint)
    endpoint.status = EndpointStatus.OFF
    endpoint.save(update_fields=["status"])
    events.record("webhook.switched_off", endpoint, actor=actor, at=at)
    return endpoint


@operation
def switch_on(endpoint: WebhookEndpoint, *, skip_missed: bool = False, actor: HasPublicId, at: datetime) -> WebhookEndpoint:
    """Go on where it stopped, or with what is sealed from now on. Raises `InvalidState` for one that is on."""
    endpoint = _locked(endpoint)
    if endpoint.status == EndpointStatus.ACTIVE:
        raise errors.InvalidState("This endpoint is switched on already.")
    endpoint.status = EndpointStatus.ACTIVE
    _is_new(endpoint)
    if skip_missed:
        endpoint.handed_to, endpoint.skips_before = events.last_sequence(), at
        endpoint.replay_from = endpoint.replay_to = None
    else:
        endpoint.hurries_since = at
    endpoint.save()
    events.record("webhook.switched_on", endpoint, actor=actor, at=at, skips_missed=skip_missed)
    return endpoint


@operation
def replay(endpoint: WebhookEndpoint, *, after: int, everything: bool = False, actor: HasPublicId, at: datetime) -> WebhookEndpoint:
    """Send again what is numbered beyond `after`: what failed, or everything that it asks for. In the background, the oldest first.

    Raises `Invalid` for a number that is not given out yet, `InvalidState` while one is under way or nothing is sent.
    """
    endpoint = _locked(endpoint)
    _must_be_on(endpoint)
    if endpoint.replay_to is not None:
        raise errors.InvalidState("A replay of this endpoint is under way: wait until it has come to its end.")
    if after > endpoint.handed_to:
        raise errors.Invalid(f"The last event that this endpoint was handed is number {endpoint.handed_to}.", field="after")
    if after < endpoint.handed_to:
        endpoint.replay_from, endpoint.replay_to, endpoint.replays_all = after, endpoint.handed_to, everything
        endpoint.save(update_fields=["replay_from", "replay_to", "replays_all"])
    events.record("webhook.replayed", endpoint, actor=actor, at=at, after=after, upto=endpoint.handed_to, everything=everything)
    return endpoint


@operation
def replay_one(delivery: WebhookDelivery, *, actor: HasPublicId, at: datetime) -> WebhookDelivery:
    """Send one again, whatever came of it, from the first try on. One that waits is due at once."""
    endpoint = _locked(delivery.endpoint)
    _must_be_on(endpoint)
    queue_again(WebhookDelivery.objects.filter(pk=delivery.pk), at=_first(endpoint))
    _comes_first(endpoint)
    events.record("webhook.replayed", endpoint, actor=actor, at=at, delivery=delivery.public_id)
    return WebhookDelivery.objects.select_related("endpoint", "event").get(pk=delivery.pk)


@operation
def remove(endpoint: WebhookEndpoint, *, actor: HasPublicId, at: datetime) -> None:
    """For good, with its log: the worker lets go of the rows."""
    endpoint = _locked(endpoint)
    endpoint.removed_at = at
    endpoint.save(update_fields=["removed_at"])
    events.record("webhook.removed", endpoint, actor=actor, at=at)


def _locked(endpoint: WebhookEndpoint) -> WebhookEndpoint:
    found = WebhookEndpoint.objects.select_for_update().filter(pk=endpoint.pk, removed_at=None).first()
    if found is None:
        raise errors.Missing
    return found


# What is known of how it fares.
_FRESH = ["failures", "failing_since", "last_failed_at", "rests_until"]


def _is_new(endpoint: WebhookEndpoint) -> None:
    """Nothing is held against it."""
    endpoint.failures, endpoint.failing_since, endpoint.last_failed_at, endpoint.rests_until = 0, None, None, None


def _first(endpoint: WebhookEndpoint) -> datetime:
    """Due before all that can wait for it."""
    return endpoint.created_at - timedelta(seconds=1)


def _comes_first(endpoint: WebhookEndpoint) -> None:
    """Whatever it rests for, somebody asks now."""
    endpoint.rests_until, endpoint.next_due_at = None, _first(endpoint)
    endpoint.save(update_fields=["rests_until", "next_due_at"])


def _must_be_on(endpoint: WebhookEndpoint) -> None:
    if endpoint.status != EndpointStatus.ACTIVE:
        raise errors.InvalidState("This endpoint is switched off: switch it on first.")


def _joined(types: Collection[str]) -> str:
    return " ".join(sorted(set(types)))
