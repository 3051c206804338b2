"""Endpoints of webhooks and what was sent to them, as the API shows and takes them."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from reports.queries import EVENT_KINDS, EVENT_TYPES
from reports.serializers.events import EventSerializer
from spendtrackr.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint
from spendtrackr.rotation import LONGEST_HOURS
from spendtrackr.serializers import PlainCharField, PlainListField, StrictBooleanField, StrictIntegerField, StrictSerializer
from spendtrackr.webhooks.addresses import MOST_CHARACTERS


class TypeField(PlainCharField):
    """A type of events, or a kind."""

    def to_internal_value(self, data: Any) -> str:
        name = super().to_internal_value(data)
        if name not in {*EVENT_TYPES, *EVENT_KINDS}:
            raise serializers.ValidationError(f"There is no type of event {name}.", code="invalid_choice")
        return name


class TypesField(PlainListField):
    """Types such as `card.frozen`, or all of a kind as `card.*`; none for all events."""

    def __init__(self, **kwargs: Any) -> None:
        says = "Types such as `card.frozen`, or all of a kind as `card.*`. Empty: all events."
        super().__init__(child=TypeField(max_length=60), max_length=len(EVENT_TYPES) + len(EVENT_KINDS), help_text=says, **kwargs)


class ReplaySerializer(serializers.Serializer[WebhookEndpoint]):
    """How far a replay has come."""

    after = serializers.IntegerField(source="replay_from", help_text="The number of the last event that it has come by.")
    upto = serializers.IntegerField(source="replay_to", help_text="The number of its last event.")
    everything = serializers.BooleanField(source="replays_all")


_ENDPOINT = {
    "id": "whe_01m8mgywn4xpje52z5qnmr3p9w",
    "url": "https://erp.example/hooks/spendtrackr",
    "description": "Bookkeeping",
    "types": ["transaction.*", "card.frozen"],
    "status": "active",
    "handed_to": 4711,
    "replay": None,
    "failing_since": None,
    "last_delivered_at": "2026-03-10T12:00:02Z",
    "previous_secret_until": None,
    "created_at": "2026-03-01T09:00:00Z",
}


class WebhookEndpointSerializer(serializers.ModelSerializer[WebhookEndpoint]):
    """Where events are sent. Its secret is shown when it is made or rotated, and never again."""

    id = serializers.CharField(source="public_id", read_only=True)
    url = serializers.CharField(read_only=True)
    types = serializers.ListField(child=serializers.CharField(), read_only=True, help_text="Empty: all events.")
    replay = serializers.SerializerMethodField(help_text="The replay under way, or null.")
    previous_secret_until = serializers.SerializerMethodField(help_text="Until then the secret before signs, too; else null.")

    class Meta:
        model = WebhookEndpoint
        fields = [
            "id", "url", "description", "types", "status", "handed_to", "replay", "failing_since", "last_delivered_at",
            "previous_secret_until", "created_at",
        ]  # fmt: skip
        read_only_fields = fields
        extra_kwargs = {
            "status": {
                "help_text": "`off`: somebody switched it off; `failed`: nothing could be delivered for three days, or 410 was answered."
            },
            "handed_to": {"help_text": "The number of the last event that became a delivery, or that it does not ask for."},
            "failing_since": {"help_text": "When the first try failed of those that failed in a row; null when the last one succeeded."},
        }

    @extend_schema_field(serializers.DateTimeField(allow_null=True))
    def get_previous_secret_until(self, endpoint: WebhookEndpoint) -> Any:
        until = endpoint.previous_until
        return serializers.DateTimeField().to_representation(until) if until and until > timezone.now() else None

    @extend_schema_field(ReplaySerializer(allow_null=True))
    def get_replay(self, endpoint: WebhookEndpoint) -> Any:
        return ReplaySerializer(endpoint).data if endpoint.replay_to is not None else None


@extend_schema_serializer(
    examples=[OpenApiExample("With its secret", response_only=True, value={**_ENDPOINT, "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZI"})]
)
class NewWebhookEndpointSerializer(WebhookEndpointSerializer):
    """With its secret, this once."""

    secret = serializers.CharField(read_only=True, help_text="`whsec_` and base 64, as libraries of Standard Webhooks take it.")

    class Meta(WebhookEndpointSerializer.Meta):
        fields = [*WebhookEndpointSerializer.Meta.fields, "secret"]
        read_only_fields = fields


class WebhookEndpointBody(StrictSerializer):
    """Where to, what, and what for."""

    url = PlainCharField(max_length=MOST_CHARACTERS, help_text="Begins with `https://`, and leads to the public internet.")
    types = TypesField(required=False)
    description = PlainCharField(max_length=200, required=False, allow_blank=True)


class WebhookEndpointChangesBody(WebhookEndpointBody):
    """What it names is changed."""

    url = PlainCharField(max_length=MOST_CHARACTERS, required=False)


class WebhookRotateBody(StrictSerializer):
    overlap_hours = StrictIntegerField(
        required=False,
        default=24,
        min_value=0,
        max_value=LONGEST_HOURS,
        help_text="How long messages are signed with the secret before, too.",
    )


class SwitchOnBody(StrictSerializer):
    skip_missed = StrictBooleanField(
        required=False, default=False, help_text="True: what it missed is not sent. False: it goes on where it stopped."
    )


class ReplayBody(StrictSerializer):
    after = StrictIntegerField(min_value=0, max_value=2**63 - 1, help_text="The number of the last event that is not sent again.")
    everything = StrictBooleanField(
        required=False,
        default=False,
        help_text="True: all that it asks for, also what was delivered or let go of. False: what is on record as failed.",
    )


class WebhookAttemptSerializer(serializers.ModelSerializer[WebhookAttempt]):
    """One try."""

    class Meta:
        model = WebhookAttempt
        fields = ["at", "took_ms", "outcome", "answered", "answer", "address"]
        read_only_fields = fields
        extra_kwargs = {
            "outcome": {
                "help_text": "`delivered`: answered with 2xx. `refused`: with another status; `gone`: with 410; `redirected`: we do not "
                "follow. `insecure`: its certificate is not valid. `blocked`: its name leads to no address of the public internet."
            },
            "answered": {"help_text": "The answer's status; null without one."},
            "answer": {"help_text": "How the answer's body begins."},
            "address": {"help_text": "What was connected to; blank where nothing was."},
        }


class WebhookDeliverySerializer(serializers.ModelSerializer[WebhookDelivery]):
    """One event for one endpoint."""

    id = serializers.CharField(source="public_id", read_only=True)
    endpoint = serializers.CharField(source="endpoint.public_id", read_only=True)
    event = serializers.CharField(source="event.public_id", read_only=True, help_text="Also the message's id, at every try.")
    type = serializers.CharField(source="event.type", read_only=True)
    sequence = serializers.IntegerField(
        source="event.sequence", read_only=True, allow_null=True, help_text="The event's number; null in the first second of a test."
    )

    class Meta:
        model = WebhookDelivery
        fields = ["id", "endpoint", "event", "type", "sequence", "status", "tries", "due_at", "created_at", "delivered_at"]
        read_only_fields = fields
        extra_kwargs = {
            "tries": {"help_text": "Since it was queued last."},
            "due_at": {"help_text": "When it is tried next, at the soonest; null when it is over."},
        }


class SentEventSerializer(EventSerializer):
    """With its number whenever it is sent."""

    sequence = serializers.IntegerField(source="event.sequence", allow_null=True, help_text="Null in the first second of a test.")


class MessageSerializer(serializers.Serializer[Any]):
    """What is sent: the body of the request."""

    type = serializers.CharField()
    timestamp = serializers.DateTimeField(help_text="When it happened.")
    data = SentEventSerializer(help_text="The event as the feed shows it, without names.")  # type: ignore[assignment]  # a field of the message


class WebhookDeliveryDetailSerializer(WebhookDeliverySerializer):
    """With what was sent and what came of each try."""

    message = MessageSerializer(read_only=True)
    attempts = WebhookAttemptSerializer(many=True, read_only=True, help_text="In their order; the newest hundred.")

    class Meta(WebhookDeliverySerializer.Meta):
        fields = [*WebhookDeliverySerializer.Meta.fields, "message", "attempts"]
        read_only_fields = fields
