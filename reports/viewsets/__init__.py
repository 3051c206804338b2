"""The API of reports, of files, and of what happened."""

from reports.viewsets.events import EventViewSet
from reports.viewsets.exports import ExportViewSet
from reports.viewsets.reports import ReportViewSet
from reports.viewsets.webhooks import WebhookDeliveryViewSet, WebhookEndpointViewSet

__all__ = ["EventViewSet", "ExportViewSet", "ReportViewSet", "WebhookDeliveryViewSet", "WebhookEndpointViewSet"]
