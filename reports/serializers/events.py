"""Sealed events, as the feed and webhooks show them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from reports.queries import EVENT_TYPES, Actor, actors_of
from spendtrackr.models import Event
from spendtrackr.serializers import represent


@dataclass(frozen=True, slots=True)
class SealedEvent:
    """An event and who did it."""

    event: Event
    actor: Actor


class ActorSerializer(serializers.Serializer[Actor]):
    """`integration`: a program, by its API key. `operator`: whoever looks after all companies. `system`: the clock, or the network."""

    id = serializers.CharField()
    kind = serializers.ChoiceField(["member", "integration", "operator", "system"])
    name = serializers.CharField(allow_null=True, help_text="Of a program; of a member where the reader sees people; else null.")


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "A card was frozen",
            response_only=True,
            value={
                "id": "evt_01m8mgywn4xpje52z5qnmr3p9w",
                "sequence": 4711,
                "type": "card.frozen",
                "at": "2026-03-10T12:00:00Z",
                "subject": "card_01m8mgywt3xpje52z5qnmr3p9w",
                "actor": {"id": "mem_01m8mgywv2xpje52z5qnmr3p9w", "kind": "integration", "name": "Payroll"},
                "details": {"source": "admin"},
            },
        )
    ]
)
class EventSerializer(serializers.Serializer[SealedEvent]):
    id = serializers.CharField(source="event.public_id")
    sequence = serializers.IntegerField(source="event.sequence", help_text="The company's own numbers: 1, 2, 3, …")
    type = serializers.CharField(source="event.type", help_text=f"One of {len(EVENT_TYPES)}, such as `card.frozen`.")
    at = serializers.DateTimeField(source="event.at")
    subject = serializers.CharField(source="event.subject_id", help_text="The id of what it happened to.")
    actor = ActorSerializer()
    details = serializers.SerializerMethodField()

    @extend_schema_field({"type": "object", "additionalProperties": True})
    def get_details(self, one: SealedEvent) -> Any:
        return json.loads(one.event.details)


class EventFeedSerializer(serializers.Serializer[Any]):
    data = EventSerializer(many=True)  # type: ignore[assignment]  # a field of the answer, not of this class
    next_after = serializers.IntegerField(help_text="Give it as `after` the next time.")
    has_more = serializers.BooleanField(help_text="Whether there are more by now.")


def messages_of(events: Sequence[Event]) -> list[dict[str, Any]]:
    """What webhooks say of events of the company in scope: as the feed does, but no names. The same at every try.

    `type`, `timestamp` and `data` as Standard Webhooks proposes.
    """
    actors = actors_of(events, None)
    with timezone.override(UTC):
        said = [represent(EventSerializer, SealedEvent(event, actors[str(event.actor_id)]), {}) for event in events]
    return [{"type": one["type"], "timestamp": one["at"], "data": one} for one in said]
