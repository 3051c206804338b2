"""How long a swipe takes: our operation beside the fewest raw statements that hold the same money, in one run.

    DATABASE_URL=mysql://root:@127.0.0.1:3306/spendtrackr .venv/bin/python benchmarks/authorize.py

Makes a database of its own beside the one named, and drops it. Read the ratios: absolute figures move with the machine.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "spendtrackr.settings_test")

import django

django.setup()

from django.db import connection, transaction  # noqa: E402
from django.test.utils import setup_databases, teardown_databases  # noqa: E402

from conftest import build_world  # noqa: E402
from spendtrackr.money import Money  # noqa: E402
from spendtrackr.tenancy import company_scope  # noqa: E402
from tests.factories import NOON, swipe  # noqa: E402
from transactions.operations import accounts  # noqa: E402
from transactions.operations.swipes import authorize  # noqa: E402

SWIPES = 300


def timed(work: Callable[[int], object], count: int = SWIPES) -> float:
    """Median milliseconds of one call."""
    taken = []
    for number in range(count):
        started = time.perf_counter()
        work(number)
        taken.append(time.perf_counter() - started)
    return statistics.median(taken) * 1000


def raw(card_id: int, account_id: int) -> Callable[[int], object]:
    """Lock the card, write one row, hold the money: what any design must do, without a product around it."""

    def swipe_once(number: int) -> None:
        lock = "" if connection.vendor == "sqlite" else " FOR UPDATE"
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SELECT id, status FROM cards WHERE id = %s{lock}", [card_id])  # noqa: S608 -- a constant
            cursor.fetchone()
            cursor.execute("INSERT INTO throttle_counters (subject_hash, window_number, attempts) VALUES (%s, 1, 1)", [f"raw-{number}"])
            cursor.execute(
                "UPDATE funding_accounts SET available_minor = available_minor - 1, held_minor = held_minor + 1 "
                "WHERE id = %s AND available_minor >= 1",
                [account_id],
            )

    return swipe_once


def main() -> None:
    made = setup_databases(verbosity=0, interactive=False, aliases={"default"})
    try:
        world = build_world()
        with company_scope(world.acme.pk):
            accounts.top_up(Money(10**9, "USD"), actor=world.alice, at=NOON)
            authorize(world.card, swipe(1))
            floor = timed(raw(world.card.pk, world.account().pk))
            first = timed(lambda _: authorize(world.card, swipe(1)))
            for _ in range(2000):
                authorize(world.card, swipe(1))
            later = timed(lambda _: authorize(world.card, swipe(1)))
        print(f"{connection.vendor}: one client, median of {SWIPES}")
        print(f"  raw statements                        {floor:6.2f} ms   1.0")
        print(f"  authorize                             {first:6.2f} ms   {first / floor:.1f} x raw")
        print(f"  authorize, 2,000 swipes on the card   {later:6.2f} ms   {later / first:.2f} x the one before")
    finally:
        teardown_databases(made, verbosity=0)


if __name__ == "__main__":
    main()
