"""`manage.py verify`: recompute every balance, hold, counter and rollup from the append-only rows."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from django.db.models import Q, QuerySet

from companies.models import Company
from reports import verification
from spendtrackr.tenancy import company_scope

# Writes that commit between two reads of a check look like a difference once, but not twice.
SECOND_LOOK_AFTER = 0.5
MOST_DIFFERENCES = 1000
# Some statements add up a whole table: the time-out of web requests is not for them.
LONGEST_STATEMENT_SECONDS = 3600


class Command(BaseCommand):
    help = "Check what the ledger promises. Prints the first wrong row of each kind, and exits with 1 if there is any."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--company", help="Id or slug; all companies by default.")
        parser.add_argument("--no-progress", action="store_true", help="No line that shows how far it is. Never shown but on a terminal.")

    def handle(self, *args: Any, **options: Any) -> None:
        companies = Company.objects.order_by("pk")
        if options["company"]:
            companies = companies.filter(Q(public_id=options["company"]) | Q(slug=options["company"]))
            if not companies:
                raise CommandError(f"There is no company {options['company']!r}.")
        self.shows_progress = self.stderr.isatty() and not options["no_progress"]
        with patience():
            found = self._verify(companies)
        if found:
            self.stderr.write(self.style.ERROR(f"{found} kinds of difference found."))
            sys.exit(1)
        self.stdout.write(self.style.SUCCESS(f"{companies.count()} companies verified: every figure is the sum of its rows."))

    def _verify(self, companies: QuerySet[Company]) -> int:
        found = 0
        for pk, slug in companies.values_list("pk", "slug"):
            with company_scope(pk):
                for name, check in verification.COMPANY_CHECKS.items():
                    found += self._tell(f"{slug}: {name}", check)
        return found + self._tell("all companies: relations", verification.relations)

    def _tell(self, name: str, check: verification.Check) -> bool:
        """Run one check; True, and its first sentence printed, when it finds the same difference twice."""
        found = self._look(name, check)
        if found:
            time.sleep(SECOND_LOOK_AFTER)
            again = set(self._look(f"{name}, a second look", check))
            found = [sentence for sentence in found if sentence in again]
        first = next(iter(found), None)
        if first is None:
            self.stdout.write(f"  ok    {name}")
            return False
        self.stderr.write(self.style.ERROR(f"  WRONG {name}: {first}"))
        return True

    def _look(self, name: str, check: verification.Check) -> list[str]:
        if not self.shows_progress:
            return list(islice(check(), MOST_DIFFERENCES))
        bar = Bar(name, self.stderr)
        try:
            return list(islice(check(bar), MOST_DIFFERENCES))
        finally:
            bar.clear()


class Bar(verification.Told):
    """One line of a terminal, written over again and again: rows done, of how many, and how fast."""

    listens = True
    EVERY = 0.1

    def __init__(self, name: str, terminal: Any) -> None:
        self.name, self.terminal = name, terminal
        self.total = self.rows = 0
        self.started = self.shown = time.monotonic()

    def expect(self, count: Callable[[], int]) -> None:
        self.total += count()
        self._show()

    def done(self, rows: int) -> None:
        self.rows += rows
        if time.monotonic() >= self.shown + self.EVERY:
            self._show()

    def _show(self) -> None:
        self.shown = time.monotonic()
        rate = self.rows / max(self.shown - self.started, 0.001)
        self._write(f"  …     {self.name}: {self.rows:,} of {self.total:,} rows, {rate:,.0f} a second")

    def clear(self) -> None:
        self._write("")

    def _write(self, text: str) -> None:
        # A line that wraps could not be written over. Not an error, so without the colour of one.
        width = shutil.get_terminal_size().columns - 1
        self.terminal.write(f"\r\033[K{text[:width]}", str, ending="")
        self.terminal.flush()


@contextmanager
def patience() -> Iterator[None]:
    """A connection of its own, that waits for long answers. Inside a transaction there is none: it stays the caller's."""
    options = connection.settings_dict["OPTIONS"]
    if connection.vendor != "mysql" or connection.in_atomic_block:
        yield
        return
    before = options["read_timeout"]
    connection.close()
    options["read_timeout"] = LONGEST_STATEMENT_SECONDS
    try:
        yield
    finally:
        connection.close()
        options["read_timeout"] = before
