"""Export to accounting, batch by batch: each spend line once. And take back what failed there, so that it is exported again.

Locks: the accounting settings, so that batches take turns; no purchase. A batch stands for the lines that it has read, by their ids; what
is coded meanwhile are other lines, and wait for the next one.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.db.models import Count, Max, Sum

from companies.models import Category, Department
from spendtrackr import errors, events
from spendtrackr.money import CURRENCIES
from spendtrackr.retry import operation
from transactions import queries
from transactions.accounting import Key, Sums
from transactions.models import (
    STANDING_KEY,
    AccountedLine,
    AccountingBatch,
    AccountingJournal,
    AccountingMonth,
    AccountingRow,
    AccountingSettings,
    BatchStatus,
    side_of,
)
from transactions.queries import Item, Told
from users.models import Membership

# What one batch holds at most; the rest waits for the next one.
MOST_JOURNALS = 2_000
MOST_CODES = 200
_PLAIN = ("starts_on", "exports_unapproved", "tracking_name", "untaxed_as")


def locked_settings() -> AccountingSettings:
    """The company's accounting settings, locked; made when they are first needed."""
    found, _ = AccountingSettings.objects.get_or_create()
    return AccountingSettings.objects.select_for_update().get(pk=found.pk)


@operation
def change_settings(changes: dict[str, Any], *, actor: Membership, at: datetime) -> AccountingSettings:
    """Change what `changes` names: `starts_on`, `exports_unapproved`, `tracking_name`, `untaxed_as`; `clearing` and `taxes` as a whole.

    Raises `Invalid` naming the place of what stands there twice.
    """
    settings = locked_settings()
    before = [getattr(settings, name) for name in (*_PLAIN, "clearing", "taxes")]
    for name in changes.keys() & set(_PLAIN):
        setattr(settings, name, changes[name])
    for name, of in (("clearing", ("currency", "side")), ("taxes", ("code",))):
        if name in changes:
            setattr(settings, name, _written(changes[name], name, of))
    if before != [getattr(settings, name) for name in (*_PLAIN, "clearing", "taxes")]:
        settings.save()
        events.record("accounting_settings.changed", settings, actor=actor, at=at, changed=sorted(changes))
    return settings


def _written(rows: Sequence[dict[str, Any]], name: str, of: tuple[str, ...]) -> str:
    if len(rows) > MOST_CODES:
        raise errors.Invalid(f"At most {MOST_CODES} of them.", field=name)
    seen: set[tuple[Any, ...]] = set()
    for place, row in enumerate(rows):
        key = tuple(row[part] for part in of)
        if key in seen:
            raise errors.Invalid("This one stands here already.", field=f"{name}.{place}.{of[-1]}")
        seen.add(key)
    return json.dumps([dict(row) for row in rows])


@operation
def export(
    currency: str, *, first_day: date | None = None, last_day: date | None = None, actor: Membership, at: datetime
) -> AccountingBatch:
    """A batch of what is ready in a currency and was posted on these days, by default up to today: about 2,000 journals, the oldest first.

    Raises `Invalid` for no currency and for a day that has not come yet, `InvalidState` where nothing is ready.
    """
    if currency not in CURRENCIES:
        raise errors.NoCurrency(field="currency")
    settings, today = locked_settings(), actor.company.day_of(at)
    last_day = last_day or today
    if last_day > today:
        raise errors.Invalid("That day has not come yet.", field="until")
    if first_day and first_day > last_day:
        raise errors.Invalid("The first day comes before the last.", field="since")
    sequence = (AccountingBatch.objects.aggregate(last=Max("sequence"))["last"] or 0) + 1
    batch = AccountingBatch.objects.create(
        sequence=sequence, currency=currency, first_day=first_day, last_day=last_day, created_by=actor, created_at=at
    )
    writing = Writing(batch, settings, queries.books_now().closed_through)
    for item in _ready(settings, batch):
        writing.add(item)
        if len(writing.journals) >= MOST_JOURNALS:
            break
    if not writing.journals:
        raise errors.InvalidState("Nothing is ready to be exported.")
    writing.write()
    _count(batch)
    minor = sum(journal.amount_minor for journal in writing.journals)
    events.record("accounting.exported", batch, actor=actor, at=at, journals=len(writing.journals), minor=minor, currency=currency)
    return batch


def _ready(settings: AccountingSettings, batch: AccountingBatch) -> Iterator[Item]:
    """What may go, the oldest first. And what came to nothing before anybody was told of it."""
    found = queries.waiting_items(settings, currency=batch.currency, first=batch.first_day, last=batch.last_day)
    return (item for item in found if not item.reasons)


@dataclass(slots=True)
class Writing:
    """A batch on its way into the database: all of it at the end, a table at a time."""

    batch: AccountingBatch
    settings: AccountingSettings
    closed_through: date | None
    categories: dict[int, Category] = field(default_factory=lambda: {row.pk: row for row in Category.objects.all()})
    departments: dict[int, Department] = field(default_factory=lambda: {row.pk: row for row in Department.objects.all()})
    journals: list[AccountingJournal] = field(default_factory=list)
    rows: list[AccountingRow] = field(default_factory=list)
    lines: list[AccountedLine] = field(default_factory=list)

    def add(self, item: Item) -> None:
        for told in item.entries:
            journal = self._journal(item, told) if told.change else None
            self.lines += [
                AccountedLine(batch=self.batch, journal=journal, spend_line=line, standing_key=STANDING_KEY) for line in told.lines
            ]

    def _journal(self, item: Item, told: Told) -> AccountingJournal:
        day = told.entry.day
        journal = AccountingJournal(
            batch=self.batch, position=len(self.journals) + 1, entry=told.entry, transaction=item.purchase, day=day,
            is_late=self.closed_through is not None and day <= self.closed_through,
            amount_minor=sum(line.amount_minor for line in told.lines),
        )  # fmt: skip
        self.journals.append(journal)
        self.rows += [_reversal(journal, row) for row in told.change.reversed]
        self.rows += [self._row(journal, item, key, sums) for key, sums in told.change.added.items()]
        return journal

    def _row(self, journal: AccountingJournal, item: Item, key: Key, sums: Sums) -> AccountingRow:
        """With the codes as they are now: what is called otherwise later is not told again."""
        category = self.categories[key.category or 0]
        department = self.departments[key.department] if key.department else None
        purchase = item.purchase
        named = purchase.merchant.name if purchase.merchant else purchase.descriptor
        return AccountingRow(
            journal=journal, entry=journal.entry, category=category, department=department, ledger_code=category.ledger_code,
            cost_centre=department.in_accounting if department else "", tax_code=key.tax_code, amount_minor=sums.amount, tax_minor=sums.tax,
            clearing_code=self.settings.clearing_code(self.batch.currency, side_of(journal.entry.kind)),
            description=" · ".join(text for text in (named, purchase.memo) if text),
        )  # fmt: skip

    def write(self) -> None:
        AccountingJournal.objects.insert_all(self.journals)
        AccountingRow.objects.bulk_create(self.rows, batch_size=500)
        AccountedLine.objects.bulk_create(self.lines, batch_size=500)


def _reversal(journal: AccountingJournal, row: AccountingRow) -> AccountingRow:
    """The same accounts as then, whatever they are called now."""
    copied = {name: getattr(row, name) for name in ("category", "department", "ledger_code", "cost_centre", "tax_code", "clearing_code")}
    return AccountingRow(
        journal=journal, entry=journal.entry, reverses=row, amount_minor=-row.amount_minor, tax_minor=-row.tax_minor,
        description=row.description, **copied,
    )  # fmt: skip


@operation
def fail(
    batch: AccountingBatch, journals: Sequence[AccountingJournal] | None = None, *, reason: str, actor: Membership, at: datetime
) -> AccountingBatch:
    """The accounting system did not take these journals, or none of the batch: what they said is ready again, for another batch, once.

    Raises `Invalid` naming the place of a journal that does not stand, `InvalidState` where none does.
    """
    if not reason.strip():
        raise errors.Invalid("Say why, as your accounting does.", field="reason", code="required")
    locked_settings()
    batch = AccountingBatch.objects.get(pk=batch.pk)
    standing = AccountingJournal.objects.filter(batch=batch, status=BatchStatus.EXPORTED)
    ids = set(standing.values_list("pk", flat=True))
    for place, journal in enumerate(journals or ()):
        if journal.pk not in ids:
            raise errors.Invalid("This one has failed already.", field=f"journals.{place}")
    if not ids:
        raise errors.InvalidState("All of it has failed already.")
    failed = ids if journals is None else {journal.pk for journal in journals}
    standing.filter(pk__in=failed).update(status=BatchStatus.FAILED, reason=reason.strip(), failed_by=actor, failed_at=at)
    AccountedLine.objects.filter(journal__in=failed).update(standing_key=None)
    if failed == ids:
        batch.status = BatchStatus.FAILED
        batch.save(update_fields=["status"])
    _count(batch)
    events.record("accounting.failed", batch, actor=actor, at=at, journals=len(failed))
    return batch


def _count(batch: AccountingBatch) -> None:
    """What stands of it, month by month."""
    lines: Counter[date] = Counter()
    standing = AccountedLine.objects.filter(batch=batch, standing_key__isnull=False)
    for day, count in standing.values_list("spend_line__day").annotate(n=Count("pk")).order_by():
        lines[day.replace(day=1)] += count
    journals: Counter[date] = Counter()
    minor: Counter[date] = Counter()
    stand = AccountingJournal.objects.filter(batch=batch, status=BatchStatus.EXPORTED)
    for day, count, total in stand.values_list("day").annotate(n=Count("pk"), total=Sum("amount_minor")).order_by():
        journals[day.replace(day=1)] += count
        minor[day.replace(day=1)] += total
    AccountingMonth.objects.filter(batch=batch).delete()
    AccountingMonth.objects.bulk_create(
        AccountingMonth(
            batch=batch, starts_on=month, currency=batch.currency, line_count=lines[month], journal_count=journals[month],
            amount_minor=minor[month],
        )
        for month in sorted({*lines, *journals})
    )  # fmt: skip
