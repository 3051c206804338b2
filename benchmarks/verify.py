"""How long `manage.py verify` takes: rows a second and peak memory of each check, over books of any size.

    DATABASE_URL=mysql://root:@127.0.0.1:3306/spendtrackr .venv/bin/python benchmarks/verify.py 100000 1000000

One month of one card is written by the operations themselves; then the server multiplies it, each copy another month or card, until
there are as many ledger entries as asked for. Makes a database of its own beside the one named, and drops it.
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "spendtrackr.settings_test")
# Filling a table takes statements that are longer than the web would wait for.
os.environ.setdefault("DATABASE_READ_TIMEOUT_SECONDS", "3600")

import django

django.setup()

from django.db import connection, models, transaction  # noqa: E402
from django.test.utils import setup_databases, teardown_databases  # noqa: E402

from cards.models import Card, LimitCounter  # noqa: E402
from conftest import World, build_world  # noqa: E402
from reports import verification  # noqa: E402
from spendtrackr import events  # noqa: E402
from spendtrackr.ids import PublicIdField  # noqa: E402
from spendtrackr.models import Event, EventChain  # noqa: E402
from spendtrackr.money import Money  # noqa: E402
from spendtrackr.tenancy import company_scope  # noqa: E402
from tests.factories import NOON, swipe  # noqa: E402
from tests.papers import picture  # noqa: E402
from transactions.documents import inspect  # noqa: E402
from transactions.models import (  # noqa: E402
    Account,
    Approval,
    DaySpend,
    Dimension,
    Draw,
    Entry,
    FundingAccount,
    ImportedLine,
    Message,
    MessageKind,
    MonthSpend,
    Outcome,
    Posting,
    Receipt,
    SpendLine,
    Transaction,
)
from transactions.operations import accounts, approvals, receipts  # noqa: E402
from transactions.operations.clearing import Clearing, clear  # noqa: E402
from transactions.operations.statements import StatementFile, import_statement  # noqa: E402
from transactions.operations.swipes import authorize  # noqa: E402

MONTHS = 15
BLOCK = 2_000
# In the order of their foreign keys.
MULTIPLIED: list[type[Any]] = [
    Transaction, Message, LimitCounter, Draw, Entry, Posting, SpendLine, ImportedLine, Receipt, Approval,
]  # fmt: skip
# What must be unique beside public ids.
LENGTHENED, HASHED = {"network_id", "network_ref", "issuer_card_id"}, {"identity"}


def one_month(world: World) -> None:
    """What a card does in a month, through the operations: three dozen purchases with all that may become of them."""
    accounts.top_up(Money(10**9, "USD"), actor=world.alice, at=NOON)
    for number in range(36):
        purchase = authorize(world.card, swipe(20_00 + number, merchant_name=f"Merchant {number % 7}")).transaction
        for step, (kind, amount, days) in enumerate(_FATES[number % len(_FATES)]):
            at = NOON + timedelta(days=days)
            clear(purchase, Clearing(MessageKind(kind), f"m{number}-{step}", at, amount, is_final=not amount), actor=None)
    first = Transaction.objects.filter(status="posted").order_by("pk").first()
    assert first is not None
    content = picture(colour="white")
    receipts.attach(first, inspect(content, "r.png"), receipts.store(content, company=world.acme), actor=world.bob, at=NOON)
    approvals.submit(first, actor=world.bob, at=NOON)
    approvals.decide(Approval.objects.get(), approvals.Answer(Outcome.APPROVED), actor=world.alice, at=NOON)
    authorize(world.card, swipe(10**12))
    lines = "\n".join(f"2026-03-{day:02},{day}.00,Shop" for day in range(1, 5))
    import_statement(world.acme, StatementFile(f"Date,Amount,Merchant\n{lines}\n".encode(), "s.csv"), actor=None, at=NOON)


_FATES: list[list[tuple[str, int | None, int]]] = [
    [("capture", None, 1)],
    [("capture", None, 2)],
    [("capture", 5_00, 1), ("capture", 6_00, 2), ("reversal", None, 3)],
    [("capture", None, 1), ("refund", 7_00, 40)],
    [("reversal", None, 1)],
    [],
]


class Multiplier:
    """Copies the rows of one month by INSERT … SELECT: ids move by a stride, so that relations between copies stay."""

    def __init__(self, world: World, entries: int) -> None:
        self.company, self.card = world.acme, world.card
        self.events = list(Event.objects.filter(type__startswith="transaction.").order_by("pk"))
        per_copy = Entry.objects.filter(transaction__isnull=False).count()
        self.copies = max(MONTHS, entries // per_copy)
        self.cards = -(-self.copies // MONTHS)
        counted: list[Any] = [Card, *MULTIPLIED]
        self.last = {model: model._base_manager.aggregate(last=models.Max("pk"))["last"] for model in counted}
        self.stride = 1 + max(self.last.values())
        self.months_later = "date({}, n.month || ' months')" if connection.vendor == "sqlite" else "DATE_ADD({}, INTERVAL n.month MONTH)"

    def run(self) -> None:
        events.seal_all()
        self._prepare()
        for start in range(0, self.copies, BLOCK):
            with transaction.atomic():
                for model in MULTIPLIED:
                    self._insert(model, f"n.copy > 0 AND n.copy >= {start} AND n.copy < {start + BLOCK}")
        self._events()
        self._sums()

    def _prepare(self) -> None:
        if connection.vendor == "sqlite":
            connection.ensure_connection()
            connection.connection.create_function("CONCAT", -1, lambda *parts: "".join(str(part) for part in parts))
            connection.connection.create_function("SHA2", 2, lambda text, _: hashlib.sha256(text.encode()).hexdigest())
        said = "VARCHAR(500)" if connection.vendor == "sqlite" else "VARCHAR(500) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE copies (copy BIGINT PRIMARY KEY, month INT, card BIGINT)")
            cursor.execute(f"CREATE TABLE moves (entry_id BIGINT PRIMARY KEY, said {said})")
            # Month by month: a card's rows lie apart, as they would.
            rows = [(copy, copy // self.cards, copy % self.cards) for copy in range(self.copies)]
            cursor.executemany("INSERT INTO copies VALUES (%s, %s, %s)", rows)
            found: dict[int, list[Any]] = {}
            for entry_id, *move in Posting.objects.order_by("pk").values_list("entry_id", "from_account", "to_account", "amount_minor"):
                found.setdefault(entry_id, []).append(move)
            cursor.executemany("INSERT INTO moves VALUES (%s, %s)", [(pk, json.dumps(moves)) for pk, moves in found.items()])
        self._insert(Card, f"n.month = 0 AND n.card > 0 AND t.id = {self.card.pk}")

    def _insert(self, model: Any, which: str) -> None:
        fields = model._meta.concrete_fields
        columns = ", ".join(str(field.column) for field in fields)
        values = ", ".join(self._value(model, field) for field in fields)
        of_entries = "t.transaction_id IS NOT NULL"
        written = {
            Card: "TRUE",
            Entry: of_entries,
            Posting: f"t.entry_id IN (SELECT t.id FROM entries t WHERE {of_entries} AND t.id <= {self.last[Entry]})",
        }.get(model, "TRUE")
        moves = "JOIN moves ON moves.entry_id = t.id" if model is Entry else ""
        with connection.cursor() as cursor:
            cursor.execute(  # names and numbers of our own
                f"INSERT INTO {model._meta.db_table} ({columns}) SELECT {values} FROM copies n JOIN {model._meta.db_table} t {moves} "
                f"WHERE t.id <= {self.last[model]} AND {written} AND t.company_id = {self.company.pk} AND {which} ORDER BY n.copy, t.id"
            )

    def _value(self, model: Any, field: Any) -> str:
        """The copy's value of a column of `t`, the row that was written by the operations; `n` is the number of the copy."""
        column, copy = f"t.{field.column}", "n.card" if model is Card else "n.copy"
        related = field.related_model if isinstance(field, models.ForeignKey) else None
        if field.primary_key or related in MULTIPLIED:
            return f"{column} + {copy} * {self.stride}"
        if related is Card and model is not Card:
            return f"{column} + n.card * {self.stride}"
        if isinstance(field, PublicIdField) or field.name in LENGTHENED:
            return f"CONCAT({column}, '_', {copy})"
        if field.name in HASHED:
            return f"SHA2(CONCAT({column}, '_', {copy}), 256)"
        if type(field) is models.DateField and model is not Card:
            return self.months_later.format(column)
        return self._digest() if field.name == "digest" else column

    def _digest(self) -> str:
        """As `transactions.ledger.digest` says it."""
        day = self.months_later.format("t.day")
        said = f"""'["', t.public_id, '_', n.copy, '", ', t.account_id, ', "', t.kind, '", "', {day}, '", ', moves.said, ']'"""
        return f"SHA2(CONCAT({said}), 256)"

    def _events(self) -> None:
        """Sealed as the sealer would: each hash over the one before."""
        chain = EventChain.objects.get()
        rows = []
        for event in self._copied_events():
            chain.last_sequence += 1
            chain.last_hash = events.chain_hash(chain.last_hash, cast("Event", event), chain.last_sequence)
            at = connection.ops.adapt_datetimefield_value(event.at)
            said = (event.public_id, event.type, event.subject_id, event.actor_id, at, event.details)
            rows.append((self.company.pk, *said, chain.last_sequence, chain.last_hash))
            if len(rows) == 10 * BLOCK:
                self._write_events(rows)
        self._write_events(rows)
        chain.save()

    def _copied_events(self) -> Iterator[SimpleNamespace]:
        for copy in range(1, self.copies):
            for event in self.events:
                said = {name: getattr(event, name) for name in ("type", "actor_id", "at", "details")}
                yield SimpleNamespace(public_id=f"{event.public_id}_{copy}", subject_id=f"{event.subject_id}_{copy}", **said)

    def _write_events(self, rows: list[tuple[Any, ...]]) -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO events (company_id, public_id, type, subject_id, actor_id, at, details, sequence, chain_hash) "
                "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
                rows,
            )
        rows.clear()

    def _sums(self) -> None:
        """The balances and rollups that all those rows come to."""
        sums = dict.fromkeys(Account.values, 0)
        moved = Posting.objects.values_list("from_account", "to_account").annotate(total=models.Sum("amount_minor")).order_by()
        for source, target, total in moved:
            sums[source] -= total
            sums[target] += total
        FundingAccount.objects.update(**{f"{name}_minor": total for name, total in sums.items()})
        month = "DATE_FORMAT(day, '%%Y-%%m-01')" if connection.vendor == "mysql" else "strftime('%%Y-%%m-01', day)"
        with connection.cursor() as cursor:
            rollups: list[tuple[Any, str]] = [(DaySpend, "day"), (MonthSpend, month)]
            for rollup, start in rollups:
                table = rollup._meta.db_table
                cursor.execute(f"DELETE FROM {table} WHERE company_id = %s", [self.company.pk])
                for dimension in Dimension.values:
                    cursor.execute(
                        f"INSERT INTO {table} (company_id, dimension, starts_on, currency, value_id, line_count, item_count, amount_minor) "
                        f"SELECT company_id, %s, {start} AS starts, currency, COALESCE({dimension}_id, 0) AS value, COUNT(*), SUM(counts), "
                        "SUM(amount_minor) FROM spend_lines WHERE company_id = %s GROUP BY company_id, starts, currency, value",
                        [dimension, self.company.pk],
                    )
            if connection.vendor == "mysql":
                written: list[Any] = [*MULTIPLIED, Event, DaySpend, MonthSpend]
                for model in written:
                    cursor.execute(f"ANALYZE TABLE {model._meta.db_table}")


def measure(world: World) -> None:
    """Each check over the whole company: wall and our own processor's seconds, what ten million entries would take, the peak so far."""
    entries = Entry.across_companies.count()
    looked_at: list[Any] = [*MULTIPLIED, Event]
    rows = {model: model.across_companies.count() for model in looked_at}
    print(f"{connection.vendor}: {entries:,} entries, {sum(rows.values()):,} rows with all that hangs on them")
    print(f"  {'check':16}{'seconds':>9}{'ours':>8}{'entries/s':>13}{'ten million':>14}{'peak MB':>9}")
    whole = (time.perf_counter(), time.process_time())
    with company_scope(world.acme.pk):
        for name, check in {**verification.COMPANY_CHECKS, "relations": verification.relations}.items():
            began = (time.perf_counter(), time.process_time())
            wrong = next(check(), None)
            assert wrong is None, f"{name}: {wrong}"
            tell(name, began, entries)
    tell("all", whole, entries)


def tell(name: str, began: tuple[float, float], entries: int) -> None:
    taken, ours = time.perf_counter() - began[0], time.process_time() - began[1]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"  {name:16}{taken:9.1f}{ours:8.1f}{entries / taken:13,.0f}{taken * 1e7 / entries / 60:10.1f} min{peak:9}", flush=True)


def main() -> None:
    for entries in [int(size) for size in sys.argv[1:]] or [100_000]:
        made = setup_databases(verbosity=0, interactive=False, aliases={"default"})  # type: ignore[arg-type]
        try:
            world = build_world()
            with company_scope(world.acme.pk):
                one_month(world)
                started = time.perf_counter()
                Multiplier(world, entries).run()
                print(f"filled in {time.perf_counter() - started:.0f} s")
            measure(world)
        finally:
            teardown_databases(made, verbosity=0)


if __name__ == "__main__":
    main()
