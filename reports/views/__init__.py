"""Pages that add up, and the pages of the contract."""

from __future__ import annotations

from reports.views.activity import activity_page
from reports.views.contract import DocsView, SchemaView
from reports.views.files import export, exports
from reports.views.overview import my_spend, overview_page
from reports.views.reports import report, reports
from reports.views.webhooks import delivery, webhook, webhooks_page

__all__ = [
    "DocsView", "SchemaView", "activity_page", "delivery", "export", "exports", "my_spend", "overview_page", "report", "reports", "webhook",
    "webhooks_page",
]  # fmt: skip
