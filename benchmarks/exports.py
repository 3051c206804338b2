"""How fast a large list leaves the house, against the database's own client dumping the same columns; and how much memory that takes.

    DATABASE_URL=mysql://root:@127.0.0.1:3306/spendtrackr .venv/bin/python benchmarks/exports.py 1000000

Fills so many transactions of one company, then takes turns: `mariadb --batch` (or `mysql`) with the columns of the export, our CSV made by
the server, the same made of objects (a part of the rows), and with `--xlsx` a workbook. Makes a database of its own beside the one named,
and drops it. On SQLite there is no client to compare with: the bare cursor stands in for it.
"""

from __future__ import annotations

import gc
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "spendtrackr.settings_test")

import django

django.setup()

from django.db import connection  # noqa: E402
from django.test.utils import setup_databases, teardown_databases  # noqa: E402

from companies.models import Category  # noqa: E402
from conftest import World, build_world  # noqa: E402
from reports.exports import CSV, TRANSACTIONS, XLSX, Asked, Sheet  # noqa: E402
from spendtrackr.tenancy import company_scope  # noqa: E402
from tests.factories import NOON  # noqa: E402
from transactions import merchants  # noqa: E402
from transactions.models import Merchant, Transaction  # noqa: E402

GOAL_RATIO, GOAL_MEGABYTES, TURNS, SHOPS, SAMPLE = 0.3, 150, 3, 500, 20_000


def main(count: int, *, with_sheet: bool) -> None:
    made = setup_databases(verbosity=0, interactive=False, aliases={"default"})  # type: ignore[arg-type]
    try:
        world = build_world()
        with company_scope(world.acme.pk):
            fill(world, count)
            print(f"{connection.vendor}; {os.cpu_count()} processors; {count:,} rows")
            missed = measure(world, count, with_sheet=with_sheet)
    finally:
        teardown_databases(made, verbosity=0)
    sys.exit(bool(missed))


def fill(world: World, count: int) -> None:
    for number in range(SHOPS):
        merchants.find_or_add(f"Shop {number}")
    shops, categories = list(Merchant.objects.all()), list(Category.objects.all())
    for start in range(0, count, 5_000):
        Transaction.objects.bulk_create(_purchase(world, number, shops, categories) for number in range(start, min(start + 5_000, count)))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE TABLE transactions" if connection.vendor == "mysql" else "ANALYZE")


def _purchase(world: World, number: int, shops: list[Merchant], categories: list[Category]) -> Transaction:
    at = NOON - timedelta(minutes=number % (730 * 24 * 60))
    shop, minor = shops[number % SHOPS], 1_00 + number % 99_999
    return Transaction(
        company=world.acme, source="card", status="posted", member=world.bob, card=world.card, card_last4=world.card.last4, merchant=shop,
        descriptor=shop.name.upper(), merchant_code="5812", country="US", category=categories[number % len(categories)], currency="USD",
        amount_minor=minor, captured_minor=minor, occurred_at=at, occurred_on=at.date(), posted_on=at.date(),
        memo=f"Lunch, table {number % 40}", receipt_count=number % 2, approval="approved",
    )  # fmt: skip


def measure(world: World, count: int, *, with_sheet: bool) -> int:
    """Answers how many goals were missed."""
    sheet = TRANSACTIONS.open(Asked(world.alice, NOON, {}))
    theirs, ours, most = [], [], 0.0
    for _ in range(TURNS):
        theirs.append(count / timed(client if connection.vendor == "mysql" else cursor_alone)[0])
        seconds, peak = timed(lambda: written(sheet, CSV))
        ours.append(count / seconds)
        most = max(most, peak)
    ratio = max(ours) / max(theirs)
    print(f"  the database's own client   {max(theirs):>12,.0f} rows/s")
    print(f"  our CSV, by the server      {max(ours):>12,.0f} rows/s   {ratio:.2f} of it   peak memory {most:.0f} MB")
    seconds, peak = timed(lambda: sum(number for _, number in sample(sheet)))
    rate = min(SAMPLE, count) / seconds
    print(f"  the same, made of objects   {rate:>12,.0f} rows/s   {rate / max(theirs):.2f} of it")
    if with_sheet:
        seconds, peak = timed(lambda: written(sheet, XLSX))
        print(f"  our workbook                {count / seconds:>12,.0f} rows/s   in {seconds:.0f} s   peak memory {peak:.0f} MB")
    return sum([ratio < GOAL_RATIO, most > GOAL_MEGABYTES])


def timed(work: Callable[[], Any]) -> tuple[float, float]:
    """Seconds, and the most memory that this process used meanwhile, in megabytes (Linux)."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")
    start = time.perf_counter()
    work()
    seconds = time.perf_counter() - start
    peak = next(int(line.split()[1]) for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return seconds, peak / 1024


def written(sheet: Sheet, to: str) -> None:
    with TemporaryFile() as file:
        for _ in sheet.write(to, file):
            pass


def sample(sheet: Sheet) -> Iterator[tuple[str, int]]:
    done = 0
    for block in sheet.csv_of_objects():
        yield block
        done += block[1]
        if done >= SAMPLE:
            return


def _columns() -> str:
    """The columns of the export as they are, in SQL: the client makes no lines of them."""
    paths = [
        "public_id", "occurred_on", "posted_on", "occurred_at", "source", "status", "merchant__name", "merchant__public_id", "descriptor",
        "merchant_code", "country", "amount_minor", "currency", "held_minor", "captured_minor", "refunded_minor", "charged_back_minor",
        "merchant_amount_minor", "merchant_currency", "member__user__name", "member__public_id", "card_last4", "card__public_id",
        "category__name", "category__ledger_code", "department__name", "budget__name", "memo", "tax_code", "tax_minor", "receipt_count",
        "no_receipt_reason", "missing", "approval", "decline_code", "flags",
    ]  # fmt: skip
    # Tags come from another table.
    assert len(paths) == len(TRANSACTIONS.columns) - 1
    query, parameters = Transaction.objects.order_by("-occurred_on", "-id").values_list(*paths).query.sql_with_params()
    return query % tuple(parameters)


def client() -> None:
    """To a file, without waiting for the whole result (`--quick`)."""
    given = connection.settings_dict
    program = shutil.which("mariadb") or shutil.which("mysql")
    assert program, "neither mariadb nor mysql is installed"
    command = [program, "--batch", "--quick", f"--host={given['HOST']}", f"--port={given['PORT'] or 3306}", f"--user={given['USER']}"]
    with TemporaryFile() as file:
        environment = os.environ | {"MYSQL_PWD": str(given["PASSWORD"])}
        subprocess.run([*command, str(given["NAME"]), "--execute", _columns()], stdout=file, check=True, env=environment)  # noqa: S603 -- our own


def cursor_alone() -> None:
    with TemporaryFile("w+") as file, connection.cursor() as cursor:
        cursor.execute(_columns())
        while rows := cursor.fetchmany(5_000):
            file.writelines("\t".join(map(str, row)) + "\n" for row in rows)


if __name__ == "__main__":
    numbers = [int(text) for text in sys.argv[1:] if text.isdigit()]
    main((numbers or [1_000_000])[0], with_sheet="--xlsx" in sys.argv)
