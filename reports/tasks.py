"""Background work for reports: write the files that were asked for, hand sealed events to webhooks, and forget what has expired."""

from __future__ import annotations

import logging
import time
from datetime import datetime

from django.utils import timezone

from reports import operations
from reports.models import UNFINISHED, Export
from reports.operations import Run
from reports.serializers import messages_of
from spendtrackr.tenancy import company_scope
from spendtrackr.webhooks import deliveries
from users.queries import runners

log = logging.getLogger(__name__)
# What webhooks say, and who hears that one was switched off.
TELLING = deliveries.Telling(messages_of, lambda: list(runners().order_by("pk").values_list("public_id", flat=True)))
# How long one round goes on with exports, in seconds, and how many it looks at.
SLICE, MOST = 4.0, 100
# What this process has begun to write, by the export's database id: it goes on in the next round, and ends with the process.
_begun: dict[int, Run] = {}


def run_exports(at: datetime | None = None, *, seconds: float = SLICE) -> int:
    """Go on with the files that were asked for; answer how many blocks. Each is looked at in every round: a long one is in nobody's way."""
    done, until = 0, time.monotonic() + seconds
    due = list(Export.across_companies.filter(status__in=UNFINISHED).select_related("company").order_by("pk")[:MOST])
    for stale in _begun.keys() - {export.pk for export in due}:
        _begun.pop(stale).file.close()
    for export in due:
        with company_scope(export.company_id):
            if run := _begun.pop(export.pk, None) or operations.claim(export, at=at or timezone.now()):
                done += _blocks(run, at, until)
    return done


def _blocks(run: Run, at: datetime | None, until: float) -> int:
    done = 0
    try:
        while operations.go_on(run, at=at or timezone.now()):
            done += 1
            if time.monotonic() >= until:
                _begun[run.export.pk] = run
                return done
    except Exception:
        log.exception("%s could not be written", run.export)
        operations.fail(run, at=at or timezone.now())
    run.file.close()
    return done + 1


def let_go() -> None:
    """Before this process ends: another begins anew at once."""
    for run in _begun.values():
        with company_scope(run.export.company_id):
            operations.release(run)
    _begun.clear()


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
