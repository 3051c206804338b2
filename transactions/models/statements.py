"""Statements: where they come from, how their columns are read, and which lines are in already."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from django.db import models

from spendtrackr.ids import MachineTextField, PublicIdField
from spendtrackr.jobs import Job
from spendtrackr.tenancy import AppendOnlyModel, TenantModel
from transactions.models.purchases import Transaction
from users.models import Membership


class IssueKind(models.TextChoices):
    REJECTED = "rejected"
    SKIPPED = "skipped"
    DUPLICATE = "duplicate"


class StatementSource(TenantModel):
    """Where statements come from, such as one bank's card programme. Its row is the lock of imports from it."""

    public_id = PublicIdField("src")
    name = models.CharField(max_length=80)
    name_key = MachineTextField(max_length=80)
    # What the owner of the rows wants to read beside them, such as a licence.
    attribution = models.CharField(max_length=200, default="")

    class Meta:
        db_table = "statement_sources"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["company", "name_key"], name="statement_sources_one_name"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.public_id})"


class StatementMapping(TenantModel):
    """How a company reads files with a given header."""

    header_hash = MachineTextField(max_length=64)
    mapping = models.TextField()
    updated_at = models.DateTimeField()

    class Meta:
        db_table = "statement_mappings"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["company", "header_hash"], name="statement_mappings_one_header"),
        ]

    def __str__(self) -> str:
        return f"mapping {self.header_hash[:8]}"


class StatementImport(TenantModel):
    """One file, and what became of each of its rows: booked + duplicates + skipped + rejected + waiting = rows.

    Rows are gone through in the order of the file, so that how many wait says where to go on.
    """

    public_id = PublicIdField("imp")
    source = models.ForeignKey(StatementSource, models.PROTECT, related_name="+")
    filename = models.CharField(max_length=200)
    content_hash = MachineTextField(max_length=64)
    mapping = models.TextField()
    rows = models.PositiveIntegerField()
    booked = models.PositiveIntegerField(default=0)
    duplicates = models.PositiveIntegerField(default=0)
    skipped = models.PositiveIntegerField(default=0)
    rejected = models.PositiveIntegerField(default=0)
    # Those that nobody has come to yet.
    waiting = models.PositiveIntegerField(default=0, db_default=0)
    report = models.TextField()
    imported_by = models.ForeignKey(Membership, models.PROTECT, null=True, related_name="+")
    at = models.DateTimeField()

    class Meta:
        db_table = "statement_imports"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=models.Q(
                    rows=models.F("booked") + models.F("duplicates") + models.F("skipped") + models.F("rejected") + models.F("waiting")
                ),
                name="statement_imports_every_row_counted",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.public_id} ({self.filename})"

    @property
    def details(self) -> dict[str, Any]:
        """`notes`, `totals` and `unbilled` (foreign lines without a billing amount, by currency), of what was booked so far."""
        told: dict[str, Any] = json.loads(self.report)
        return told


class StatementIssue(AppendOnlyModel):
    """A row that was not booked, and why: in already, skipped (blank, repeated header) or rejected."""

    statement_import = models.ForeignKey(StatementImport, models.PROTECT, related_name="issues")
    line = models.PositiveIntegerField()
    kind = MachineTextField(max_length=10, choices=IssueKind)
    reason = models.CharField(max_length=300)
    # The field whose cell cannot be read; blank where it is the row as a whole.
    field = MachineTextField(max_length=30, default="")

    vouched_for_by = "statement_import"

    class Meta:
        db_table = "statement_issues"

    def __str__(self) -> str:
        return f"line {self.line} of import {self.statement_import_id}: {self.kind}"


class UploadStatus(models.TextChoices):
    READING = "reading", "Being read"
    READ = "read", "Read, and waits for a yes"
    BOOKING = "booking", "Being booked"
    BOOKED = "booked"
    FAILED = "failed"


class StatementUpload(Job):
    """A file that somebody means to import: how it is to be read, what would become of it, and how far it has come.

    Reading begins anew where a worker falls; booking goes on behind the last row that the import counts. The file is kept without card
    numbers, and goes with the row when that expires; the import stays.
    """

    at_work = (UploadStatus.READING, UploadStatus.BOOKING)

    public_id = PublicIdField("upl")
    filename = models.CharField(max_length=200)
    content_hash = MachineTextField(max_length=64)
    stored_as = MachineTextField(max_length=200)
    size = models.PositiveBigIntegerField()
    source_name = models.CharField(max_length=80)
    attribution = models.CharField(max_length=200, default="")
    # What was said of it, as JSON: blank for nothing. Once it is read, `mapping` is all that was found.
    mapping = models.TextField(default="")
    accept = models.TextField(default="")
    # Whether it is booked as soon as it is read.
    is_to_book = models.BooleanField(default=False)
    status = MachineTextField(max_length=10, choices=UploadStatus, default=UploadStatus.READING)
    # None before anybody counted.
    rows = models.PositiveIntegerField(null=True)
    rows_done = models.PositiveIntegerField(default=0)
    # What would become of it, as JSON: blank before it is read.
    found = models.TextField(default="")
    # Why it cannot be read or booked, and the field of the request that is to blame.
    reason = models.CharField(max_length=400, default="")
    reason_field = MachineTextField(max_length=60, default="")
    statement_import = models.OneToOneField(StatementImport, models.PROTECT, null=True, related_name="+")
    uploaded_by = models.ForeignKey(Membership, models.PROTECT, null=True, related_name="+")
    at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "statement_uploads"
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["status", "claimed_until"], name="statement_uploads_at_work")]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=~models.Q(status__in=["booking", "booked"]) | models.Q(statement_import__isnull=False),
                name="statement_uploads_booked_as_an_import",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.public_id} ({self.status})"

    @property
    def is_partly_booked(self) -> bool:
        return self.statement_import_id is not None and self.status != UploadStatus.BOOKED

    @property
    def told(self) -> dict[str, Any]:
        """What was found: `format`, `account`, `header`, `mapping`, `is_kept`, `counts`, `totals`, `notes` and `rows`; blank before."""
        found: dict[str, Any] = json.loads(self.found) if self.found else {}
        return found


class ImportedLine(AppendOnlyModel):
    """The identity of a booked line: source, normalised row, n-th occurrence. Twins are kept, overlaps are dropped."""

    statement_import = models.ForeignKey(StatementImport, models.PROTECT, related_name="+")
    transaction = models.ForeignKey(Transaction, models.PROTECT, related_name="+")
    line = models.PositiveIntegerField()
    identity = MachineTextField(max_length=64)

    class Meta:
        db_table = "imported_lines"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["company", "identity"], name="imported_lines_once"),
        ]

    def __str__(self) -> str:
        return f"line {self.line} of import {self.statement_import_id}"
