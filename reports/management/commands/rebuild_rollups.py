"""`manage.py rebuild_rollups`: make the sums that reports read the sums of their lines again, while the company goes on spending."""

from __future__ import annotations

from itertools import product
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Q

from companies.models import Company
from reports.management.commands.verify import patience
from spendtrackr.tenancy import company_scope
from transactions import rollups


class Command(BaseCommand):
    help = (
        "Compare every sum by day and month with its spend lines, and add what is missing. Says how many were off: on books that were "
        "never damaged none. Nothing waits for it, and it may be stopped and run again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--company", help="Id or slug; all companies by default.")

    def handle(self, *args: Any, company: str | None, **options: Any) -> None:
        companies = Company.objects.order_by("pk")
        if company:
            companies = companies.filter(Q(public_id=company) | Q(slug=company))
            if not companies:
                raise CommandError(f"There is no company {company!r}.")
        with patience():
            for pk, slug in companies.values_list("pk", "slug"):
                with company_scope(pk):
                    self.stdout.write(f"{slug}: {_mend_all():,} sums were off and are right again.")


def _mend_all() -> int:
    cells = product(rollups.months(), rollups.kinds())
    return sum(rollups.mend(rollup, month, dimension, within) for month, (rollup, dimension, within) in cells)
