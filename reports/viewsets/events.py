"""The feed of sealed events by API."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.helpers import forced_singular_serializer
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.response import Response

from reports import queries
from reports.forms import whole_number
from reports.serializers import EventFeedSerializer, EventSerializer, SealedEvent
from spendtrackr import events
from spendtrackr.models import Event
from spendtrackr.pagination import page_limit
from spendtrackr.serializers import represent
from spendtrackr.viewsets import APIRequest, TenantViewSet


@extend_schema(tags=["events"])
class EventViewSet(TenantViewSet):
    """What happened in the company, in the order in which it was sealed."""

    serializer_class = EventSerializer
    pagination_class = None  # the numbers of events are the pages
    model = Event
    rules = dict.fromkeys(("feed", "retrieve"), "activity.see")

    @property
    def query_parameters(self) -> tuple[str, ...]:  # type: ignore[override]  # of the feed alone
        return ("after", "limit", "type") if self.action == "feed" else ()

    def rows(self) -> QuerySet[Any]:
        return events.sealed()

    @extend_schema(
        summary="Read the feed of events",
        description="Events numbered beyond `after`, the oldest first, without a gap: begin with 0 and go on with `next_after`. With "
        "`has_more` ask again at once, else later. An event is there once it is sealed, seconds after it was committed; its number and all "
        "that it says stay for good. `details` hold ids, codes and amounts, never a name or an address.",
        parameters=[
            OpenApiParameter("after", {"type": "integer", "minimum": 0, "default": 0}, description="The number of the last event seen."),
            OpenApiParameter("limit", {"type": "integer", "minimum": 1, "maximum": 200, "default": 50}, description="Events at most."),
            OpenApiParameter(
                "type",
                {"type": "string", "maxLength": 500, "example": "card.frozen,transaction.*"},
                description="Types such as `card.frozen`, or all of a kind as `card.*`, with commas between. By default all. An answer may "
                "then be empty and have more.",
            ),
        ],
        responses={200: forced_singular_serializer(EventFeedSerializer)},  # type: ignore[no-untyped-call]
        operation_id="events_list",
    )
    def feed(self, request: APIRequest) -> Response:
        given = request.query_params
        types = [name.strip() for name in given.get("type", "").split(",") if name.strip()]
        found = queries.events_after(whole_number(given.get("after", "0"), "after"), limit=page_limit(given.get("limit")), types=types)
        told = {"data": self._told(found.events), "next_after": found.next_after, "has_more": found.has_more}
        return Response(told)

    @extend_schema(summary="Show an event", responses={200: EventSerializer})
    def retrieve(self, request: APIRequest, public_id: str) -> Response:
        return Response(self._told([self.get_object()])[0])

    def _told(self, found: Sequence[Event]) -> list[dict[str, Any]]:
        actors = queries.actors_of(found, self.request.membership)
        return [represent(EventSerializer, SealedEvent(event, actors[str(event.actor_id)]), {}) for event in found]
