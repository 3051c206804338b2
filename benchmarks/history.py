"""Earlier purchases by the hundred thousand: the rows of one real swipe, multiplied inside the database.

Whole as far as a decision looks: every purchase with its message, entry, posting, draw and event; the counter and the account moved
on by all of them. They lie evenly in the two years before; their stored checks are left out, and their digests and hashes are not real.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from benchmarks import databases
from benchmarks.raw import Row, Swiped
from benchmarks.seats import MOVED, WRITTEN, Seat

BATCH = 50_000
_DAYS = 730


@dataclass(slots=True)
class _Ids:
    """The first free id of each table; those of one purchase have the same distance from it."""

    transactions: int
    messages: int
    entries: int
    postings: int
    draws: int
    events: int


def fill(seat: Seat, earlier: int) -> None:
    """So many purchases on this card before it is measured, all approved and still held."""
    connection = databases.connect()
    cursor = connection.cursor()
    _numbers(cursor)
    swiped = Swiped(cursor, seat.card_id)
    for start in range(0, earlier, BATCH):
        _multiply(cursor, swiped, seat, min(BATCH, earlier - start), oldest=start, of=earlier)
        connection.commit()
    connection.close()


def analyze() -> None:
    """Let the server count again, as it does by itself before long."""
    connection = databases.connect()
    cursor = connection.cursor()
    cursor.execute(f"ANALYZE TABLE {', '.join((*WRITTEN, *MOVED))}")
    cursor.fetchall()
    connection.close()


def _numbers(cursor: Any) -> None:
    cursor.execute("CREATE TABLE IF NOT EXISTS benchmark_numbers (n INT NOT NULL PRIMARY KEY)")
    cursor.execute("SELECT COUNT(*) FROM benchmark_numbers")
    if cursor.fetchone()[0] == 0:
        cursor.executemany("INSERT INTO benchmark_numbers VALUES (%s)", [(n,) for n in range(BATCH)])


def _multiply(cursor: Any, swiped: Swiped, seat: Seat, count: int, *, oldest: int, of: int) -> None:
    free = _Ids(*(_free(cursor, table) for table in WRITTEN))
    day = f"CURRENT_DATE - INTERVAL ({_DAYS} - (n + {oldest}) * {_DAYS} DIV {of}) DAY"
    moment = f"CAST({day} AS DATETIME)"
    public_id = "CONCAT('{prefix}_', LPAD({first} + n, 26, '0'))"
    purchase = public_id.format(prefix="txn", first=free.transactions)
    transaction, message, entry = f"{free.transactions} + n", f"{free.messages} + n", f"{free.entries} + n"
    amount = swiped.transaction.values["amount_minor"]
    changed: list[tuple[Row, int, dict[str, str]]] = [
        (
            swiped.transaction,
            free.transactions,
            {"occurred_at": moment, "occurred_on": day, "network_ref": f"CONCAT('old-', {transaction})"},
        ),
        (
            swiped.message,
            free.messages,
            {"transaction_id": transaction, "network_id": f"CONCAT('old-', {message})", "checks": "'[]'", "at": moment},
        ),
        (swiped.entry, free.entries, {"transaction_id": transaction, "message_id": message, "at": moment, "day": day}),
        (swiped.posting, free.postings, {"entry_id": entry}),
        *(
            _drawn(cursor, draw, free.draws + place * count, amount, {"transaction_id": transaction, "message_id": message})
            for place, draw in enumerate(swiped.draws)
        ),
        (swiped.event, free.events, {"subject_id": purchase, "at": moment}),
    ]
    for row, first, said in changed:
        if row.prefix:
            said["public_id"] = public_id.format(prefix=row.prefix, first=first)
        said["id"] = f"{first} + n"
        names = ["id", *row.values]
        picked = ", ".join(said.get(name, f"`{name}`") for name in names)
        cursor.execute(
            f"INSERT INTO `{row.table}` ({', '.join(f'`{name}`' for name in names)}) "
            f"SELECT {picked} FROM benchmark_numbers JOIN `{row.table}` t ON t.id = {row.id} WHERE n < {count}"
        )
    total = count * amount
    for draw in swiped.draws:
        cursor.execute(
            "UPDATE limit_counters SET draws = draws + %s, held_minor = held_minor + %s, purchases = purchases + %s WHERE id = %s",
            [count, total, count, draw.values["counter_id"]],
        )
    cursor.execute(
        "UPDATE funding_accounts SET available_minor = available_minor - %s, held_minor = held_minor + %s WHERE company_id = %s",
        [total, total, seat.company_id],
    )


def _drawn(cursor: Any, draw: Row, first: int, amount: int, of: dict[str, str]) -> tuple[Row, int, dict[str, str]]:
    """What each purchase drew from one counter, after the draws that are there."""
    cursor.execute("SELECT draws, held_minor, purchases FROM limit_counters WHERE id = %s", [draw.values["counter_id"]])
    draws, used, purchases = cursor.fetchone()
    said = {"seq": f"{draws} + 1 + n", "used_before_minor": f"{used} + n * {amount}", "purchases_before": f"{purchases} + n"}
    return draw, first, of | said


def _free(cursor: Any, table: str) -> int:
    cursor.execute(f"SELECT COALESCE(MAX(id), 0) + 1 FROM `{table}`")
    return int(cursor.fetchone()[0])
