"""Statements: where they come from, how their columns are read, and which lines are in already."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from django.db import models

from spendtrackr.ids import MachineTextField, PublicIdField
from spendtrackr.tenancy import AppendOnlyModel, TenantModel
from transactions.models.purchases import Transaction
from users.models import Membership


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


class StatementImport(AppendOnlyModel):
    """One file, and what became of each of its rows: booked + duplicates + skipped + rejected = rows."""

    public_id = PublicIdField("imp")
    source = models.ForeignKey(StatementSource, models.PROTECT, related_name="+")
    filename = models.CharField(max_length=200)
    content_hash = MachineTextField(max_length=64)
    mapping = models.TextField()
    rows = models.PositiveIntegerField()
    booked = models.PositiveIntegerField()
    duplicates = models.PositiveIntegerField()
    skipped = models.PositiveIntegerField()
    rejected = models.PositiveIntegerField()
    report = models.TextField()
    imported_by = models.ForeignKey(Membership, models.PROTECT, null=True, related_name="+")
    at = models.DateTimeField()

    class Meta:
        db_table = "statement_imports"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=models.Q(rows=models.F("booked") + models.F("duplicates") + models.F("skipped") + models.F("rejected")),
                name="statement_imports_every_row_counted",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.public_id} ({self.filename})"

    @property
    def details(self) -> dict[str, Any]:
        """`issues` (line, reason, field), `notes` and `totals` as the import left them."""
        told: dict[str, Any] = json.loads(self.report)
        return told


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
