"""Addresses of reports and of the contract."""

from __future__ import annotations

from django.urls import path
from rest_framework.routers import SimpleRouter

from reports import views
from reports.catalogue import REPORTS
from reports.viewsets import EventViewSet, ExportViewSet, ReportViewSet, WebhookDeliveryViewSet, WebhookEndpointViewSet

router = SimpleRouter()
router.register("reports", ReportViewSet, basename="report")
router.register("exports", ExportViewSet, basename="export")
router.register("webhook-endpoints", WebhookEndpointViewSet, basename="webhook-endpoint")
router.register("webhook-deliveries", WebhookDeliveryViewSet, basename="webhook-delivery")

api = [
    *router.urls,
    path("events/", EventViewSet.as_view({"get": "feed"}), name="api-events"),
    path("events/<slug:public_id>/", EventViewSet.as_view({"get": "retrieve"}), name="api-event"),
    path("schema/", views.SchemaView.as_view(), name="schema"),
    path("docs/", views.DocsView.as_view(), name="docs"),
]
pages = [
    path("", views.overview_page, name="overview"),
    path("my-spend/", views.my_spend, name="my-spend"),
    path("reports/", views.reports, name="reports"),
    *(path(f"reports/{name}/", views.report, {"name": name}, name=f"report-{name}") for name in REPORTS),
    path("activity/", views.activity_page, name="activity"),
    path("webhooks/", views.webhooks_page, name="webhooks"),
    path("webhooks/<slug:public_id>/", views.webhook, name="webhook"),
    path("webhook-deliveries/<slug:public_id>/", views.delivery, name="webhook-delivery"),
    path("exports/", views.exports, name="exports"),
    path("exports/<slug:public_id>/", views.export, name="export-file"),
]
