"""`manage.py verify`: recompute every balance, hold, counter and rollup from the append-only rows."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Q

from companies.models import Company
from reports import verification
from spendtrackr.tenancy import company_scope

# Writes that commit between two reads of a check look like a difference once, but not twice.
SECOND_LOOK_AFTER = 0.5
MOST_DIFFERENCES = 1000


class Command(BaseCommand):
    help = "Check what the ledger promises. Prints the first wrong row of each kind, and exits with 1 if there is any."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--company", help="Id or slug; all companies by default.")

    def handle(self, *args: Any, **options: Any) -> None:
        companies = Company.objects.order_by("pk")
        if options["company"]:
            companies = companies.filter(Q(public_id=options["company"]) | Q(slug=options["company"]))
            if not companies:
                raise CommandError(f"There is no company {options['company']!r}.")
        found = 0
        for company in companies:
            with company_scope(company.pk):
                for name, check in verification.COMPANY_CHECKS.items():
                    found += self._tell(f"{company.slug}: {name}", check)
        found += self._tell("all companies: relations", verification.relations)
        if found:
            self.stderr.write(self.style.ERROR(f"{found} kinds of difference found."))
            sys.exit(1)
        self.stdout.write(self.style.SUCCESS(f"{companies.count()} companies verified: every figure is the sum of its rows."))

    def _tell(self, name: str, check: Callable[[], Iterator[str]]) -> bool:
        """Run one check; True, and its first sentence printed, when it finds the same difference twice."""
        found = list(islice(check(), MOST_DIFFERENCES))
        if found:
            time.sleep(SECOND_LOOK_AFTER)
            again = set(islice(check(), MOST_DIFFERENCES))
            found = [sentence for sentence in found if sentence in again]
        first = next(iter(found), None)
        if first is None:
            self.stdout.write(f"  ok    {name}")
            return False
        self.stderr.write(self.style.ERROR(f"  WRONG {name}: {first}"))
        return True
