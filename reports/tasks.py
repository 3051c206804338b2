"""Background work for reports: write the files that were asked for, hand sealed events to webhooks, and forget what has expired."""

from __future__ import annotations

import logging
from datetime import datetime

from django.utils import timezone

from reports import operations
from reports.models import Export
from reports.serializers import messages_of
from spendtrackr.jobs import MOST, SLICE, Turns
from spendtrackr.tenancy import company_scope
from spendtrackr.webhooks import deliveries
from users.queries import runners

log = logging.getLogger(__name__)
# What webhooks say, and who hears that one was switched off.
TELLING = deliveries.Telling(messages_of, lambda: list(runners().order_by("pk").values_list("public_id", flat=True)))
EXPORTS = Turns(operations, lambda: Export.across_companies.filter(status__in=Export.at_work).select_related("company"))


def run_exports(at: datetime | None = None, *, seconds: float = SLICE) -> int:
    """Go on with the files that were asked for; answer how many blocks."""
    return EXPORTS.run(at, seconds=seconds)


def let_go() -> None:
    """Before this process ends: another begins anew at once."""
    EXPORTS.let_go()


def forget_exports(at: datetime | None = None) -> int:
    """Remove what has expired, file and row; answer how many."""
    at = at or timezone.now()
    forgotten = 0
    for export in Export.across_companies.filter(expires_at__lte=at).order_by("pk")[:MOST]:
        with company_scope(export.company_id):
            try:
                forgotten += operations.forget(export, at=at)
            except Exception:  # each storage has its own errors; the next round tries again
                log.exception("%s could not be removed", export)
    return forgotten


def hand_out_webhooks(at: datetime | None = None) -> int:
    """Make deliveries of what was sealed; answer how many events were looked at. `Sender` sends them."""
    return deliveries.hand_out(at=at or timezone.now())


def forget_deliveries(at: datetime | None = None) -> int:
    """Let go of what was sent long ago; answer how many."""
    return deliveries.forget_old(at=at or timezone.now())
