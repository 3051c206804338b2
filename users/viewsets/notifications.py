"""What somebody was told, and how they want to be told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin
from rest_framework.response import Response

from spendtrackr.viewsets import APIRequest, TenantViewSet
from users import operations, queries
from users import serializers as shapes
from users.filters import NotificationFilter
from users.models import Notification, NotificationPreference
from users.notices import Kind


@extend_schema_view(
    list=extend_schema(summary="List what you were told", description="The newest first, without what you chose to leave out of the feed.")
)
@extend_schema(tags=["notifications"])
class NotificationViewSet(ListModelMixin, TenantViewSet):
    """One's own, and nobody else's."""

    serializer_class = shapes.NotificationSerializer
    filterset_class = NotificationFilter
    model = Notification
    rules = dict.fromkeys(["list", "read", "read_all"], "notifications.own")
    always_writable = True

    def rows(self) -> QuerySet[Any]:
        return queries.feed(self.request.membership).select_related("event")

    @extend_schema(summary="Mark one as read", request=None, responses={200: shapes.NotificationSerializer})
    @action(detail=True, methods=["post"], takes_body=False)
    def read(self, request: APIRequest, public_id: str) -> Response:
        return self.reply(operations.read(self.get_object(), at=timezone.now()))

    @extend_schema(
        operation_id="notifications_read_all",
        summary="Mark all as read",
        description="Or all up to the newest that was seen, so that what came meanwhile stays new.",
        request=shapes.ReadUpToBody,
        responses={200: shapes.ReadSerializer},
    )
    @action(detail=False, methods=["post"], url_path="read")
    def read_all(self, request: APIRequest) -> Response:
        named = self.body(shapes.ReadUpToBody).get("up_to")
        up_to = self.named(self.rows(), named, "up_to")
        return Response({"read": operations.read_all(request.membership, up_to=up_to, at=timezone.now())})


@extend_schema(tags=["notifications"])
class PreferencesViewSet(TenantViewSet):
    """One object without an id: how whoever asks wants to be told."""

    serializer_class = shapes.PreferencesSerializer
    model = NotificationPreference
    rules = dict.fromkeys(["retrieve", "partial_update"], "notifications.own")
    always_writable = True

    def rows(self) -> QuerySet[Any]:
        return NotificationPreference.objects.filter(membership=self.request.membership)

    def _now(self) -> dict[str, Any]:
        return {kind.value: choice for kind, choice in queries.choices_of(self.request.membership).items()}

    @extend_schema(summary="Show how you are told", responses={200: shapes.PreferencesSerializer})
    def retrieve(self, request: APIRequest) -> Response:
        return self.reply(self._now())

    @extend_schema(
        summary="Choose how you are told",
        description="Each kind that you name, and of it what you name; the others stay. Mails that wait follow a `never`.",
        request=shapes.PreferencesBody,
        responses={200: shapes.PreferencesSerializer},
    )
    def partial_update(self, request: APIRequest) -> Response:
        now = queries.choices_of(request.membership)
        chosen = {Kind(name): replace(now[Kind(name)], **changes) for name, changes in self.body(shapes.PreferencesBody).items()}
        operations.choose(request.membership, chosen, at=timezone.now())
        return self.reply(self._now())
