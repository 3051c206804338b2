"""`manage.py import_statement --company birmingham statement.csv`: book a card or bank statement."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Q
from django.utils import timezone

from companies.models import Company
from spendtrackr.errors import DomainError, Invalid
from spendtrackr.money import Money
from spendtrackr.tenancy import company_scope
from transactions.models import IssueKind, StatementImport, StatementUpload, UploadStatus
from transactions.operations import statement_uploads as uploads
from transactions.operations import statements
from transactions.operations.statement_uploads import Said


class Command(BaseCommand):
    help = (
        "Import a statement (CSV, OFX, MT940, CAMT or QIF). Every row is booked, or reported with its line and reason; the same file twice "
        "adds nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", nargs="+", type=Path)
        parser.add_argument("--company", required=True, help="Id or slug of the company.")
        parser.add_argument("--source", default=statements.DEFAULT_SOURCE, help="Where it comes from; rows are recognised within it.")
        parser.add_argument("--attribution", default="", help="Shown wherever the rows are shown, such as a licence.")
        parser.add_argument("--mapping", type=Path, help="A JSON file that says how to read the columns.")
        parser.add_argument(
            "--accept", choices=[statements.SPEND, statements.ALL], help="Of a bank account's lines: those by which money went out, or all."
        )
        parser.add_argument("--show", action="store_true", help="Show how the file would be read, and book nothing.")

    def handle(self, *args: Any, **options: Any) -> None:
        company = Company.objects.filter(Q(public_id=options["company"]) | Q(slug=options["company"])).first()
        if company is None:
            raise CommandError(f"There is no company {options['company']!r}. Name its id or slug.")
        mapping = json.loads(options["mapping"].read_text()) if options["mapping"] else None
        for path in options["file"]:
            try:
                self._import(company, path, mapping, options)
            except OSError as error:
                raise CommandError(f"{path}: {error.strerror}.") from error
            except DomainError as error:
                raise CommandError(f"{path}: {error.message} ({error.field})") from error

    def _import(self, company: Company, path: Path, mapping: Any, options: dict[str, Any]) -> None:
        file = statements.StatementFile(path.read_bytes(), path.name, options["source"], options["attribution"])
        if options["show"]:
            self._show(company, file, mapping)
            return
        said = Said(mapping, options["accept"])
        with company_scope(company.pk):
            self._tell(self._booked(company, file, said))

    def _booked(self, company: Company, file: statements.StatementFile, said: Said) -> StatementImport:
        """As an upload, which a worker goes on with where this command is ended."""
        stored_as = uploads.store(file, company)
        upload = uploads.add(file, stored_as, said, is_to_book=True, actor=None, at=timezone.now())
        while upload.is_at_work:
            if run := uploads.claim(upload, at=timezone.now()):
                while uploads.go_on(run, at=timezone.now()):
                    self._progress(upload)
                uploads.release(run)
            else:
                time.sleep(0.5)  # a worker was quicker
            self._progress(upload)
        if upload.status == UploadStatus.FAILED or upload.statement_import is None:
            raise Invalid(upload.reason, field=upload.reason_field)
        return upload.statement_import

    def _show(self, company: Company, file: statements.StatementFile, mapping: Any) -> None:
        with company_scope(company.pk):
            proposal = statements.propose(company, file.content, mapping)
        self.stdout.write(json.dumps(proposal.mapping.as_dict(), indent=2))

    def _progress(self, upload: StatementUpload) -> None:
        upload.refresh_from_db()
        if sys.stderr.isatty():
            self.stderr.write(f"\r{upload.get_status_display()}: {upload.rows_done} of {upload.rows} rows", ending="")

    def _tell(self, record: StatementImport) -> None:
        sums = ", ".join(str(Money(**total)) for total in record.details["totals"]) or "nothing"
        self.stdout.write(
            f"{record.filename}: {record.rows} rows, {record.booked} booked ({sums}), {record.duplicates} in already, "
            f"{record.skipped} skipped, {record.rejected} rejected"
        )
        for note in record.details["notes"]:
            self.stdout.write(f"  {note}")
        for issue in record.issues.filter(kind=IssueKind.REJECTED).order_by("pk"):
            self.stdout.write(f"  line {issue.line}: {issue.reason}")
