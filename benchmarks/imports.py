"""How fast a statement is read and booked in the background, and in how much memory, beside a bare load of the same file.

    DATABASE_URL=mysql://root:@127.0.0.1:3306/spendtrackr .venv/bin/python -m benchmarks.imports 100000

Makes a CSV of so many rows, and one of a tenth of them, and takes each through a process of its own: read, then booked, block by block, as
a worker does. The bare load reads the same file with the standard library and inserts its rows into one table that has no index. Makes a
database of its own beside the one named, and drops it.
"""

from __future__ import annotations

import csv
import io
import os
import random
import resource
import subprocess
import sys
import time
from datetime import date, timedelta
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "spendtrackr.settings_test")

import django

django.setup()

from django.db import connection, transaction  # noqa: E402
from django.test.utils import setup_databases, teardown_databases  # noqa: E402
from django.utils import timezone  # noqa: E402

from conftest import build_world  # noqa: E402
from spendtrackr.tenancy import company_scope  # noqa: E402
from tests.papers import uploaded  # noqa: E402
from transactions.models import StatementImport  # noqa: E402
from transactions.operations import statement_uploads  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
SHOPS, BLOCK = 5_000, 500
GOAL_MEGABYTES = 1.3


def content_of(count: int) -> bytes:
    draw = random.Random(count)  # noqa: S311 -- the same file each time, no secret
    file = io.StringIO()
    out = csv.writer(file)
    out.writerow(["Date", "Amount", "Currency", "Merchant", "MCC", "Card Number", "Reference"])
    for number in range(count):
        # By day, as statements are.
        day, amount = date(2026, 1, 1) + timedelta(days=330 * number // count), f"{draw.randrange(1, 9_999_99) / 100:.2f}"
        shop, code = f"Merchant {draw.randrange(SHOPS)}", draw.choice(["5812", "4111", "5411"])
        out.writerow([day, amount, "USD", shop, code, f"************{draw.randrange(1000, 9999)}", f"REF{number}"])
    return file.getvalue().encode()


def megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def one(count: int) -> None:
    """In a process of its own: its peak is what this file took."""
    made = setup_databases(verbosity=0, interactive=False, aliases={"default"})  # type: ignore[arg-type]
    try:
        _booked(count)
    finally:
        teardown_databases(made, verbosity=0)


def _booked(count: int) -> None:
    world = build_world()
    upload = uploaded(content_of(count), actor=world.alice, at=timezone.now(), book=True)
    before = megabytes()
    took = {}
    with company_scope(world.acme.pk):
        for phase in ("read", "booked"):
            begun, run = time.perf_counter(), statement_uploads.claim(upload, at=timezone.now())
            assert run is not None
            while statement_uploads.go_on(run, at=timezone.now()):
                pass
            statement_uploads.release(run)
            took[phase] = time.perf_counter() - begun
        assert StatementImport.objects.values_list("booked", "waiting").get() == (count, 0)
    bare = _loaded(count)
    print(f"{count} {took['read']:.1f} {took['booked']:.1f} {bare:.2f} {before:.0f} {megabytes():.0f}")


def _loaded(count: int) -> float:
    content = content_of(count)
    begun = time.perf_counter()
    with connection.cursor() as cursor:
        columns = ", ".join(f"c{place} VARCHAR(120)" for place in range(7))
        cursor.execute(f"CREATE TABLE bare_load ({columns})")
        rows = csv.reader(io.StringIO(content.decode(), newline=""))
        while block := [row for _, row in zip(range(BLOCK), rows, strict=False)]:
            with transaction.atomic():
                cursor.executemany("INSERT INTO bare_load VALUES (%s, %s, %s, %s, %s, %s, %s)", block)
    took = time.perf_counter() - begun
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE bare_load")
    return took


def main(count: int) -> None:
    print(f"{'rows':>9} {'read s':>8} {'booked s':>9} {'rows/s':>7} {'bare s':>7} {'ratio':>6} {'MB before':>10} {'MB peak':>8}")
    peaks = []
    for size in (count // 10, count):
        said = subprocess.run(  # noqa: S603 -- ourselves
            [sys.executable, "-m", "benchmarks.imports", "--one", str(size)], cwd=ROOT, check=True, capture_output=True, text=True
        )
        rows, read, booked, bare, before, peak = said.stdout.split()
        both = float(read) + float(booked)
        print(f"{rows:>9} {read:>8} {booked:>9} {size / both:>7.0f} {bare:>7} {both / float(bare):>6.0f} {before:>10} {peak:>8}")
        peaks.append(float(peak))
    print(f"peak of ten times as many rows: {peaks[1] / peaks[0]:.2f} (goal: {GOAL_MEGABYTES} at most)")


if __name__ == "__main__":
    if sys.argv[1] == "--one":
        one(int(sys.argv[2]))
    else:
        main(int(sys.argv[1]))
