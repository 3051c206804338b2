"""Webhooks by API: endpoints, and the log of what was sent to them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.response import Response

from reports import queries
from reports import serializers as shapes
from spendtrackr.models import DeliveryStatus, EndpointStatus, WebhookDelivery, WebhookEndpoint
from spendtrackr.viewsets import APIRequest, TenantViewSet, with_secrets
from spendtrackr.webhooks import endpoints

# Whoever has events sent somewhere reads them.
_READS = "activity.see"


class EndpointFilter(filters.FilterSet):  # type: ignore[misc]
    status = filters.ChoiceFilter(choices=EndpointStatus.choices)


@extend_schema_view(
    list=extend_schema(summary="List webhook endpoints", description="The newest first."),
    retrieve=extend_schema(summary="Show a webhook endpoint"),
    create=extend_schema(
        summary="Make a webhook endpoint",
        description="Events that are sealed from now on are sent to it, signed by Standard Webhooks. The `secret` is answered this once; a "
        "replay shows it masked.",
        request=shapes.WebhookEndpointBody,
        responses={201: shapes.NewWebhookEndpointSerializer},
    ),
    partial_update=extend_schema(
        summary="Change a webhook endpoint",
        description="From the next delivery on.",
        request=shapes.WebhookEndpointChangesBody,
        responses={200: shapes.WebhookEndpointSerializer},
    ),
    destroy=extend_schema(summary="Remove a webhook endpoint", description="For good, and its log with it.", responses={204: None}),
)
@extend_schema(tags=["webhooks"])
class WebhookEndpointViewSet(ListModelMixin, RetrieveModelMixin, TenantViewSet):
    serializer_class = shapes.WebhookEndpointSerializer
    filterset_class = EndpointFilter
    model = WebhookEndpoint
    rules = {
        **dict.fromkeys(["list", "retrieve"], "webhooks.see"),
        **dict.fromkeys(["create", "partial_update", "destroy", "rotate", "test", "switch_off", "switch_on", "replay"], "webhooks.change"),
    }
    asked_besides = dict.fromkeys(rules, _READS)

    def rows(self) -> QuerySet[Any]:
        return queries.webhook_endpoints()

    def create(self, request: APIRequest) -> Response:
        body = self.body(shapes.WebhookEndpointBody)
        return self._with_secret(*endpoints.create(**body, actor=request.membership, at=timezone.now()), status=201)

    def partial_update(self, request: APIRequest, public_id: str) -> Response:
        endpoint, changes = self.get_object(), self.body(shapes.WebhookEndpointChangesBody)
        return self.reply(endpoints.change(endpoint, changes, actor=request.membership, at=timezone.now()))

    def destroy(self, request: APIRequest, public_id: str) -> Response:
        endpoints.remove(self.get_object(), actor=request.membership, at=timezone.now())
        return Response(status=204)

    @extend_schema(
        summary="Rotate a webhook endpoint's secret",
        description="Another secret. For `overlap_hours` messages are signed with both, so that none is refused while the new one is "
        "brought where it is needed. 409 while the one before still lasts, unless `overlap_hours` is 0.",
        request=shapes.WebhookRotateBody,
        responses={201: shapes.NewWebhookEndpointSerializer},
    )
    @action(detail=True, methods=["post"])
    def rotate(self, request: APIRequest, public_id: str) -> Response:
        overlap = timedelta(hours=self.body(shapes.WebhookRotateBody)["overlap_hours"])
        made = endpoints.rotate(self.get_object(), overlap=overlap, actor=request.membership, at=timezone.now())
        return self._with_secret(*made, status=201)

    @extend_schema(
        summary="Send a test to a webhook endpoint",
        description="An event of the type `webhook.tested`, to this endpoint alone, within seconds. The delivery says what came of it.",
        request=None,
        responses={201: shapes.WebhookDeliverySerializer},
    )
    @action(detail=True, methods=["post"], takes_body=False)
    def test(self, request: APIRequest, public_id: str) -> Response:
        made = endpoints.test(self.get_object(), actor=request.membership, at=timezone.now())
        return Response(shapes.WebhookDeliverySerializer(made).data, status=201)

    @extend_schema(
        summary="Switch a webhook endpoint off",
        description="Nothing is sent to it; what happens meanwhile is kept for when it is switched on.",
        request=None,
        responses={200: shapes.WebhookEndpointSerializer},
    )
    @action(detail=True, methods=["post"], url_path="switch-off", takes_body=False)
    def switch_off(self, request: APIRequest, public_id: str) -> Response:
        return self.reply(endpoints.switch_off(self.get_object(), actor=request.membership, at=timezone.now()))

    @extend_schema(
        summary="Switch a webhook endpoint on",
        description="It goes on where it stopped, or with `skip_missed` from now.",
        request=shapes.SwitchOnBody,
        responses={200: shapes.WebhookEndpointSerializer},
    )
    @action(detail=True, methods=["post"], url_path="switch-on")
    def switch_on(self, request: APIRequest, public_id: str) -> Response:
        endpoint, body = self.get_object(), self.body(shapes.SwitchOnBody)
        return self.reply(endpoints.switch_on(endpoint, **body, actor=request.membership, at=timezone.now()))

    @extend_schema(
        summary="Replay events to a webhook endpoint",
        description="Sends again what failed of the events numbered beyond `after`, or `everything` that the endpoint asks for. "
        "In the background: `replay` of the endpoint says how far it has come.",
        request=shapes.ReplayBody,
        responses={200: shapes.WebhookEndpointSerializer},
    )
    @action(detail=True, methods=["post"])
    def replay(self, request: APIRequest, public_id: str) -> Response:
        endpoint, body = self.get_object(), self.body(shapes.ReplayBody)
        return self.reply(endpoints.replay(endpoint, **body, actor=request.membership, at=timezone.now()))

    def _with_secret(self, endpoint: WebhookEndpoint, secret: str, *, status: int) -> Response:
        return with_secrets({**shapes.WebhookEndpointSerializer(endpoint).data, "secret": secret}, "secret", status=status)


class DeliveryFilter(filters.FilterSet):  # type: ignore[misc]
    """Deliveries of one endpoint, of one event, or with one ending."""

    endpoint = filters.CharFilter(field_name="endpoint__public_id", help_text="The endpoint's id.")
    event = filters.CharFilter(field_name="event__public_id", help_text="The event's id.")
    status = filters.ChoiceFilter(choices=DeliveryStatus.choices)

    class Meta:
        model = WebhookDelivery
        fields: list[str] = []


@extend_schema_view(
    list=extend_schema(summary="List webhook deliveries", description="The newest first; they are kept for thirty days."),
)
@extend_schema(tags=["webhooks"])
class WebhookDeliveryViewSet(ListModelMixin, TenantViewSet):
    serializer_class = shapes.WebhookDeliverySerializer
    filterset_class = DeliveryFilter
    model = WebhookDelivery
    rules = {**dict.fromkeys(["list", "retrieve"], "webhooks.see"), "replay": "webhooks.change"}
    asked_besides = dict.fromkeys(rules, _READS)

    def rows(self) -> QuerySet[Any]:
        return queries.webhook_deliveries()

    @extend_schema(
        summary="Show a webhook delivery",
        description="With the message and what came of each try.",
        responses={200: shapes.WebhookDeliveryDetailSerializer},
    )
    def retrieve(self, request: APIRequest, public_id: str) -> Response:
        delivery = self.get_object()
        told = shapes.WebhookDeliverySerializer(delivery).data
        tries = shapes.WebhookAttemptSerializer(queries.webhook_attempts(delivery), many=True).data
        return Response({**told, "message": shapes.messages_of([delivery.event])[0], "attempts": tries})

    @extend_schema(
        summary="Replay a webhook delivery",
        description="Sends it again, whatever came of it: from the first try on, and at once.",
        request=None,
        responses={200: shapes.WebhookDeliverySerializer},
    )
    @action(detail=True, methods=["post"], takes_body=False)
    def replay(self, request: APIRequest, public_id: str) -> Response:
        return self.reply(endpoints.replay_one(self.get_object(), actor=request.membership, at=timezone.now()))
