"""The fewest raw statements that do the same work as `authorize`, without a framework: what any of it must cost.

In tables of its own that are copied from ours with their columns, indexes, checks and foreign keys. The rows it writes are those
that one real swipe wrote, with new ids: the same number of bytes into the same indexes. It locks the card, reads in one statement all
that a decision needs, inserts the six rows, moves the counter, and takes the money last by the UPDATE that tests it: eleven round trips.
"""

from __future__ import annotations

from typing import Any

from benchmarks import databases
from benchmarks.clients import Call, Make
from benchmarks.seats import WRITTEN, Seat, tables
from spendtrackr.ids import new_id

LOCK = "SELECT id, status, currency, expires_on, holder_id, controls_id FROM cards WHERE id = %s FOR UPDATE"
READ = """
SELECT co.status, co.time_zone, co.next_time_zone, co.next_time_zone_on, m.status, m.department_id, m.role,
       r.limits, r.per_transaction_cap_minor, r.blocked_codes, r.allowed_codes, f.source,
       k.id, k.held_minor, k.posted_minor, k.draws, a.id, a.available_minor, a.credit_minor, a.is_blocked,
       s.id, me.id, me.category_id, cc.category_id
FROM cards c
JOIN companies co ON co.id = c.company_id
JOIN memberships m ON m.id = c.holder_id
JOIN card_controls r ON r.id = c.controls_id
LEFT JOIN freezes f ON f.card_id = c.id AND f.open_source IS NOT NULL
LEFT JOIN limit_counters k ON k.card_id = c.id AND k.per_interval = 'month' AND k.starts_on = %s
LEFT JOIN funding_accounts a ON a.company_id = c.company_id AND a.currency = c.currency
LEFT JOIN messages s ON s.company_id = c.company_id AND s.connection = c.issuer AND s.network_id = %s
LEFT JOIN merchants me ON me.company_id = c.company_id AND me.`key` = %s
LEFT JOIN category_codes cc ON cc.company_id = c.company_id AND cc.first <= %s AND cc.last >= %s
WHERE c.id = %s
ORDER BY cc.first DESC LIMIT 1
"""
DRAWN = "UPDATE limit_counters SET held_minor = held_minor + %s, purchases = purchases + 1, draws = draws + 1 WHERE id = %s AND draws = %s"
HOLD = """
UPDATE funding_accounts SET available_minor = available_minor - %s, held_minor = held_minor + %s
WHERE id = %s AND is_blocked = 0 AND available_minor >= %s - credit_minor
"""


class Row:
    """A row as a real swipe wrote it, to be written again with some of its columns changed."""

    def __init__(self, cursor: Any, table: str, where: str, value: Any) -> None:
        cursor.execute(f"SELECT * FROM `{table}` WHERE {where} = %s ORDER BY id", [value])
        rows = cursor.fetchall()
        if len(rows) != 1:
            raise SystemExit(f"One swipe wrote {len(rows)} rows to {table}; the raw statements write one. Teach them.")
        self.table = table
        self.values = dict(zip([column[0] for column in cursor.description], rows[0], strict=True))
        self.id: int = self.values.pop("id")
        names = ", ".join(f"`{name}`" for name in self.values)
        self.insertion = f"INSERT INTO `{table}` ({names}) VALUES ({', '.join(['%s'] * len(self.values))})"
        self.prefix = str(self.values["public_id"]).partition("_")[0] if "public_id" in self.values else ""

    def write(self, cursor: Any, **changed: Any) -> int:
        """Insert it and answer the new id."""
        if self.prefix:
            changed.setdefault("public_id", new_id(self.prefix))
        cursor.execute(self.insertion, [*(self.values | changed).values()])
        return int(cursor.lastrowid)


class Swiped:
    """All rows of the first real swipe of a card."""

    def __init__(self, cursor: Any, card_id: int) -> None:
        cursor.execute(
            "SELECT m.id, t.id FROM transactions t JOIN messages m ON m.transaction_id = t.id WHERE t.card_id = %s ORDER BY m.id LIMIT 1",
            [card_id],
        )
        message_id, transaction_id = cursor.fetchone()
        self.transaction = Row(cursor, "transactions", "id", transaction_id)
        self.message = Row(cursor, "messages", "id", message_id)
        self.entry = Row(cursor, "entries", "message_id", message_id)
        self.posting = Row(cursor, "postings", "entry_id", self.entry.id)
        self.event = Row(cursor, "events", "subject_id", self.transaction.values["public_id"])
        cursor.execute("SELECT id FROM draws WHERE message_id = %s ORDER BY id", [message_id])
        self.draws = [Row(cursor, "draws", "id", pk) for (pk,) in cursor.fetchall()]

    @property
    def draw(self) -> Row:
        if len(self.draws) != 1:
            raise SystemExit(f"One swipe wrote {len(self.draws)} rows to draws; the raw statements write one. Teach them.")
        return self.draws[0]


def by_statements(seats: list[Seat]) -> Make:
    """Clients that swipe by statements, one seat each."""

    def make(number: int) -> Call:
        seat = seats[number % len(seats)]
        connection = databases.connect(databases.RAW)
        cursor = connection.cursor()
        done = Swiped(cursor, seat.card_id)
        cursor.execute("SELECT starts_on FROM limit_counters WHERE id = %s", [done.draw.values["counter_id"]])
        (starts_on,) = cursor.fetchone()
        cursor.execute("SELECT `key` FROM merchants WHERE id = %s", [done.transaction.values["merchant_id"]])
        (merchant,) = cursor.fetchone()
        code, amount = done.transaction.values["merchant_code"], done.transaction.values["amount_minor"]
        connection.commit()

        def call(turn: int) -> None:
            network_id = new_id("net")
            cursor.execute(LOCK, [seat.card_id])
            cursor.fetchall()
            cursor.execute(READ, [starts_on, network_id, merchant, code, code, seat.card_id])
            found = cursor.fetchone()
            counter_id, held, posted, draws, account_id = found[12:17]
            public_id = new_id("txn")
            transaction_id = done.transaction.write(cursor, public_id=public_id, network_ref=network_id)
            message_id = done.message.write(cursor, transaction_id=transaction_id, network_id=network_id)
            entry_id = done.entry.write(cursor, transaction_id=transaction_id, message_id=message_id)
            done.posting.write(cursor, entry_id=entry_id)
            done.draw.write(cursor, transaction_id=transaction_id, message_id=message_id, seq=draws + 1, used_before_minor=held + posted)
            done.event.write(cursor, subject_id=public_id)
            if cursor.execute(DRAWN, [amount, counter_id, draws]) != 1 or cursor.execute(HOLD, [amount, amount, account_id, amount]) != 1:
                connection.rollback()
                raise RuntimeError("not covered")
            connection.commit()

        return call

    return make


def copy_tables() -> None:
    """All of our tables and rows as they are now, with foreign keys, which LIKE leaves out."""
    connection = databases.connect(databases.RAW)
    cursor = connection.cursor()
    ours = databases.named()
    cursor.execute("SET foreign_key_checks = 0")
    names = [*tables()]
    for table in names:
        cursor.execute(f"CREATE TABLE `{table}` LIKE `{ours}`.`{table}`")
    cursor.execute(
        "SELECT table_name, constraint_name, column_name, referenced_table_name, referenced_column_name "
        "FROM information_schema.key_column_usage WHERE table_schema = %s AND referenced_table_name IS NOT NULL",
        [ours],
    )
    for table, name, column, target, key in cursor.fetchall():
        cursor.execute(f"ALTER TABLE `{table}` ADD CONSTRAINT `{name}` FOREIGN KEY (`{column}`) REFERENCES `{target}` (`{key}`)")
    for table in names:
        cursor.execute(f"INSERT INTO `{table}` SELECT * FROM `{ours}`.`{table}`")
    connection.commit()
    connection.close()


def same_work(swiped: Call) -> None:
    """Refuse to compare where one swipe of ours writes to other tables than the raw statements do."""
    before = tables()
    swiped(1)
    grown = {name: count - before[name] for name, count in tables().items() if count != before[name]}
    if grown != dict.fromkeys(WRITTEN, 1):
        raise SystemExit(f"One swipe wrote {grown}; the raw statements write one row to each of {', '.join(WRITTEN)}. Teach them.")
