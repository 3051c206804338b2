"""What the API shows of reports, files, what happened, and where that is sent."""

from reports.serializers.events import EventFeedSerializer, EventSerializer, SealedEvent, messages_of
from reports.serializers.exports import ExportBody, ExportSerializer
from reports.serializers.reports import CatalogueSerializer, ReportSerializer
from reports.serializers.webhooks import (
    NewWebhookEndpointSerializer,
    ReplayBody,
    SwitchOnBody,
    WebhookAttemptSerializer,
    WebhookDeliveryDetailSerializer,
    WebhookDeliverySerializer,
    WebhookEndpointBody,
    WebhookEndpointChangesBody,
    WebhookEndpointSerializer,
    WebhookRotateBody,
)

__all__ = [
    "CatalogueSerializer",
    "EventFeedSerializer",
    "EventSerializer",
    "ExportBody",
    "ExportSerializer",
    "NewWebhookEndpointSerializer",
    "ReplayBody",
    "ReportSerializer",
    "SealedEvent",
    "SwitchOnBody",
    "WebhookAttemptSerializer",
    "WebhookDeliveryDetailSerializer",
    "WebhookDeliverySerializer",
    "WebhookEndpointBody",
    "WebhookEndpointChangesBody",
    "WebhookEndpointSerializer",
    "WebhookRotateBody",
    "messages_of",
]
