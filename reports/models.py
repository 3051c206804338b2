"""Files that members asked for: what of, how far each has come, and how long it is kept."""

from __future__ import annotations

import json
from datetime import datetime
from typing import ClassVar

from django.db import models
from django.db.models import Q

from spendtrackr.ids import MachineTextField, PublicIdField
from spendtrackr.jobs import Job
from spendtrackr.tenancy import TenantManager, TenantQuerySet
from users.models import Membership


class ExportFormat(models.TextChoices):
    CSV = "csv", "CSV"
    XLSX = "xlsx", "Excel"
    ZIP = "zip", "Zip"


class ExportStatus(models.TextChoices):
    WAITING = "waiting", "Not begun yet"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class ExportQuerySet(TenantQuerySet["Export"]):
    def of(self, member: Membership, *, at: datetime) -> ExportQuerySet:
        """Their own, as long as these are kept."""
        return self.filter(Q(expires_at=None) | Q(expires_at__gt=at), requested_by=member)


ExportManager = TenantManager.from_queryset(ExportQuerySet)


class Export(Job):
    """A list or a report as a file, written by the worker. It expires, and then file and row go.

    Whoever begins to write claims it, under a new name for the file: what a worker that fell has left is known by the name before.
    """

    at_work = (ExportStatus.WAITING, ExportStatus.RUNNING)

    public_id = PublicIdField("exp")
    # A name in `reports.exports.SUBJECTS`, and the parameters of its address, as JSON.
    what = MachineTextField(max_length=60)
    format = MachineTextField(max_length=4, choices=ExportFormat)
    filters = models.TextField(default="{}")
    requested_by = models.ForeignKey(Membership, models.PROTECT, related_name="+")
    asked_at = models.DateTimeField()
    status = MachineTextField(max_length=10, choices=ExportStatus, default=ExportStatus.WAITING)
    # Why it failed, in a sentence for whoever asked.
    reason = models.CharField(max_length=200, default="")
    rows_done = models.PositiveIntegerField(default=0)
    # None before anybody counted.
    rows_expected = models.PositiveIntegerField(null=True)
    stored_as = MachineTextField(max_length=200, default="")
    size = models.PositiveBigIntegerField(default=0)
    # What whoever asked could see of it when it was written (`Subject.seen_as`).
    seen_as = MachineTextField(max_length=64, default="")
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True, db_index=True)

    objects = ExportManager()  # type: ignore[misc]
    across_companies = models.Manager.from_queryset(ExportQuerySet)()  # type: ignore[misc]

    class Meta:
        db_table = "exports"
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["status", "claimed_until"], name="exports_unfinished")]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=~Q(status=ExportStatus.DONE) | (Q(expires_at__isnull=False) & ~Q(stored_as="")), name="exports_done_are_kept"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.public_id} ({self.status})"

    @property
    def owned_by(self) -> Membership:
        return self.requested_by

    @property
    def given(self) -> dict[str, str]:
        found: dict[str, str] = json.loads(self.filters)
        return found

    @property
    def filename(self) -> str:
        return f"{self.what.replace('/', '-')}-{self.asked_at:%Y-%m-%d}.{self.format}"
