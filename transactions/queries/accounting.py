"""What accounting was told, what waits to be told, and why something cannot be told yet."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from django.db.models import BigIntegerField, Count, Exists, F, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.db.models.lookups import IsNull

from companies.models import Category
from spendtrackr.money import Money
from spendtrackr.pagination import ordered, take_page
from spendtrackr.periods import Period, month_of
from transactions import accounting
from transactions.accounting import Change, Part, Place
from transactions.chasing import UNFINISHED
from transactions.models import (
    AccountedLine,
    AccountingBatch,
    AccountingJournal,
    AccountingMonth,
    AccountingRow,
    AccountingSettings,
    BatchStatus,
    Dimension,
    Entry,
    MonthSpend,
    SpendLine,
    Split,
    Transaction,
    TransactionSource,
    side_of,
)

# How many transactions a batch looks at together; and how many lines that wait are added up at most, those of the oldest days first.
BLOCK, MOST_LOOKED = 500, 1_000
# In which order lines wait: spend_lines_by_day.
OLDEST_FIRST = ordered("day", day="day")
OLDEST = OLDEST_FIRST["day"]
# What is read of the rows behind an item: to make the rest of their columns took longer than to look at them.
_OF_LINES = ("company", "transaction", "entry", "category", "department", "amount_minor", "entry__company", "entry__kind", "entry__day")
_OF_PURCHASES = (
    "company", "public_id", "source", "posted_on", "descriptor", "memo", "currency", "amount_minor", "category", "department", "tax_code",
    "tax_minor", "missing", "approval",
)  # fmt: skip
_NAMES = ("merchant__name", "member__public_id", "member__user__name")


def accounting_settings() -> AccountingSettings:
    return AccountingSettings.objects.first() or AccountingSettings()


def open_months(currency: str = "") -> list[Period]:
    """Months in which some lines, of this currency alone if one is given, were not exported yet."""
    return _months({place for place in _open(_exported()) if currency in {"", place[1]}})


def _months(places: set[tuple[date, str]]) -> list[Period]:
    return [month_of(month) for month in sorted({month for month, _ in places})]


def _exported() -> list[tuple[date, str, int, int, int]]:
    """What stands exported, by month and currency: lines, journals, minor units."""
    sums = {"lines": Sum("line_count"), "journals": Sum("journal_count"), "minor": Sum("amount_minor")}
    return list(AccountingMonth.objects.values_list("starts_on", "currency").annotate(**sums).order_by())


def _open(exported: list[tuple[date, str, int, int, int]]) -> set[tuple[date, str]]:
    """Months and currencies of lines that were not exported yet: two small tables say so, however long the history."""
    counted: dict[tuple[date, str], int] = defaultdict(int)
    lines = MonthSpend.objects.filter(dimension=Dimension.CATEGORY).values_list("starts_on", "currency")
    for month, currency, count in lines.annotate(n=Sum("line_count")).order_by():
        counted[month, currency] += count
    for month, currency, count, *_ in exported:
        counted[month, currency] -= count
    return {place for place, count in counted.items() if count}


def waiting_lines(
    settings: AccountingSettings,
    *,
    currency: str = "",
    first: date | None = None,
    last: date | None = None,
    months: list[Period] | None = None,
) -> QuerySet[SpendLine]:
    """Lines that no batch stands for, posted on these days. `months`: the open ones, where they are known."""
    spans = _spans(open_months(currency) if months is None else months)
    if not spans:
        return SpendLine.objects.none()
    days = Q()
    for span in spans:
        days |= Q(day__gte=span.start, day__lt=span.end)
    # Asked for NOT EXISTS, MariaDB gathers all that was ever exported before it looks at the first line.
    rows = SpendLine.objects.filter(days).filter(IsNull(Subquery(_standing(OuterRef("pk")).values("pk")), True))
    for condition, day in (("day__gte", settings.starts_on), ("day__gte", first), ("day__lte", last)):
        rows = rows.filter(**{condition: day}) if day else rows
    return rows.filter(currency=currency) if currency else rows


def _spans(months: list[Period]) -> list[Period]:
    """Months that follow each other as one."""
    found: list[Period] = []
    for month in months:
        if found and found[-1].end == month.start:
            found[-1] = Period(found[-1].start, month.end)
        else:
            found.append(month)
    return found


def _standing(line: Any) -> QuerySet[AccountedLine]:
    return AccountedLine.objects.filter(spend_line=line, standing_key__isnull=False)


def waiting(
    settings: AccountingSettings, *, currency: str = "", first: date | None = None, last: date | None = None
) -> QuerySet[SpendLine]:
    """The oldest line that waits, by `OLDEST`, of each transaction of which one does: walked a page at a time, each comes once."""
    lines = waiting_lines(settings, currency=currency, first=first, last=last)
    before = Q(day__lt=OuterRef("day")) | Q(day=OuterRef("day"), pk__lt=OuterRef("pk"))
    return lines.filter(~Exists(lines.filter(before, transaction_id=OuterRef("transaction_id"))))


def waiting_items(settings: AccountingSettings, *, currency: str, first: date | None, last: date | None) -> Iterator[Item]:
    """All that waits, a block at a time, the oldest first. What is written meanwhile on a day that was walked already is left out."""
    rows, cursor = waiting(settings, currency=currency, first=first, last=last), None
    while True:
        lines, cursor = take_page(rows, order=OLDEST, cursor=cursor, limit=BLOCK)
        yield from items([line.transaction_id for line in lines], settings, first=first, last=last)
        if cursor is None:
            return


@dataclass(slots=True)
class Told:
    """One entry of a transaction: the lines that nobody was told of, and what follows of them."""

    entry: Entry
    lines: list[SpendLine]
    change: Change


@dataclass(slots=True)
class Item:
    """A transaction on its way to accounting."""

    purchase: Transaction
    entries: list[Told] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    # The latest journal of each of its entries.
    journals: list[AccountingJournal] = field(default_factory=list)

    @property
    def state(self) -> str:
        if not any(told.change for told in self.entries):
            return accounting.EXPORTED
        if self.reasons:
            return accounting.NOT_READY
        return accounting.FAILED if self.refused else accounting.READY

    @property
    def refused(self) -> AccountingJournal | None:
        """The journal that failed and waits to be exported again."""
        waiting = {told.entry.pk for told in self.entries}
        return next((row for row in self.journals if not row.is_standing and row.entry_id in waiting), None)

    @property
    def batches(self) -> list[str]:
        """Where it was exported, as far as that stands."""
        return list(dict.fromkeys(row.batch.public_id for row in self.journals if row.is_standing))

    @property
    def may_go(self) -> bool:
        return self.state in {accounting.READY, accounting.FAILED}

    @property
    def amount(self) -> Money:
        """What accounting does not know of it yet."""
        return Money(sum(line.amount_minor for told in self.entries for line in told.lines), self.purchase.currency)

    @property
    def says(self) -> list[str]:
        return [accounting.REASONS[reason] for reason in self.reasons]


@dataclass(frozen=True, slots=True)
class _Read:
    """What is read of a block of transactions."""

    settings: AccountingSettings
    entries: dict[int, Entry]
    parts: dict[int, list[Split]]
    rows: dict[int, list[AccountingRow]]
    latest: dict[int, AccountingJournal]
    categories: dict[int, Category]
    # Currency and side of the clearing accounts that are named.
    clearing: set[tuple[str, str]]


def items(
    ids: Sequence[int], settings: AccountingSettings, *, first: date | None = None, last: date | None = None, named: bool = True
) -> list[Item]:
    """How far each of these transactions is, of what was posted on these days. A few queries for any number.

    `named`: with merchant and owner.

    Lines are read before what is said of them: whoever changes that meanwhile writes other lines, which wait for the next batch.
    """
    lines: dict[int, dict[int, list[SpendLine]]] = defaultdict(lambda: defaultdict(list))
    rows = SpendLine.objects.filter(transaction__in=ids).annotate(is_accounted=Exists(_standing(OuterRef("pk"))))
    rows = rows.filter(day__gte=settings.starts_on) if settings.starts_on else rows
    entries: dict[int, Entry] = {}
    for line in rows.select_related("entry").only(*_OF_LINES).order_by("entry_id", "pk"):
        lines[line.transaction_id][line.entry_id].append(line)
        entries[line.entry_id] = line.entry
    read = _read(ids, entries, settings)
    purchases, period = _purchases(ids, named=named), (first or date.min, last or date.max)
    return [_item(purchases[pk], lines[pk], read, period) for pk in ids if pk in lines]


def _purchases(ids: Sequence[int], *, named: bool = True) -> dict[int, Transaction]:
    rows = Transaction.objects.filter(pk__in=ids)
    rows = rows.select_related("merchant", "member__user").only(*_OF_PURCHASES, *_NAMES) if named else rows.only(*_OF_PURCHASES)
    return {row.pk: row for row in rows}


def _read(ids: Sequence[int], entries: dict[int, Entry], settings: AccountingSettings) -> _Read:
    rows: dict[int, list[AccountingRow]] = defaultdict(list)
    told = AccountingRow.objects.filter(entry__in=entries, journal__status=BatchStatus.EXPORTED)
    for row in told.select_related("category", "department").order_by("pk"):
        rows[row.entry_id].append(row)
    latest = {row.entry_id: row for row in AccountingJournal.objects.filter(entry__in=entries).select_related("batch").order_by("pk")}
    parts: dict[int, list[Split]] = defaultdict(list)
    for part in Split.objects.filter(transaction__in=ids).order_by("position"):
        parts[part.transaction_id].append(part)
    clearing = {(row["currency"], row["side"]) for row in settings.clearing_accounts if row["ledger_code"]}
    return _Read(settings, entries, parts, rows, latest, {row.pk: row for row in Category.objects.all()}, clearing)


def _item(purchase: Transaction, lines: dict[int, list[SpendLine]], read: _Read, period: tuple[date, date]) -> Item:
    places: dict[int, dict[Place, int]] = {}
    for entry, written in lines.items():
        places[entry] = defaultdict(int)
        for line in written:
            places[entry][Place(line.category_id, line.department_id)] += line.amount_minor
    should_be, found = accounting.wanted(places, _parts(purchase, read.parts[purchase.pk])), Item(purchase)
    for entry, written in lines.items():
        new = [line for line in written if not line.is_accounted]  # type: ignore[attr-defined]  # by the query
        if new and period[0] <= read.entries[entry].day <= period[1]:
            found.entries.append(Told(read.entries[entry], new, accounting.change(read.rows[entry], should_be[entry])))
    found.reasons = list(_reasons(found, read))
    found.journals = [read.latest[entry] for entry in lines if entry in read.latest]
    return found


def _parts(purchase: Transaction, parts: list[Split]) -> list[Part]:
    if not parts:
        return [
            Part(Place(purchase.category_id, purchase.department_id), purchase.amount_minor, purchase.tax_code, purchase.tax_minor or 0)
        ]
    return [
        Part(Place(part.category_id, part.department_id or purchase.department_id), part.share_minor, part.tax_code, part.tax_minor or 0)
        for part in parts
    ]


def _reasons(item: Item, read: _Read) -> Iterator[str]:
    """Why it is not ready, what its owner can mend first. A claim is in the books by a yes: what is in them is told."""
    purchase, added = item.purchase, [key for told in item.entries for key in told.change.added]
    if any(key.category is None for key in added):
        yield accounting.NO_CATEGORY
    if any(key.category is not None and not read.categories[key.category].ledger_code for key in added):
        yield accounting.NO_LEDGER_CODE
    if purchase.source != TransactionSource.CLAIM and not read.settings.exports_unapproved:
        if purchase.missing:
            yield accounting.MISSING_ITEMS
        if purchase.approval in UNFINISHED:
            yield accounting.NOT_APPROVED
    sides = {side_of(told.entry.kind) for told in item.entries if told.change.added}
    if any((purchase.currency, side) not in read.clearing for side in sides):
        yield accounting.NO_CLEARING_ACCOUNT


@dataclass(frozen=True, slots=True)
class Standing:
    """What is in one state, in one currency."""

    state: str
    amount: Money
    count: int


@dataclass(frozen=True, slots=True)
class Overview:
    """The sums of all states; the items that are not ready, the oldest first. `is_cut`: there are more than anybody looks at.

    `currencies`: in which something may be exported, as far as was looked; where that was not far enough, in which anything waits.
    """

    standing: list[Standing]
    not_ready: list[Item]
    is_cut: bool
    currencies: list[str]


def accounting_overview(*, most: int = 100, looked: int = MOST_LOOKED) -> Overview:
    """Of everything that waits, as far as the oldest `looked` lines say, and what was exported: of that, `count` is its journals, else
    transactions. Not more than `most` items.
    """
    settings, sums, counts, not_ready = accounting_settings(), defaultdict(int), defaultdict(int), []  # type: ignore[var-annotated]
    exported = _exported()
    places = _open(exported)
    waits = waiting_lines(settings, months=_months(places)).order_by("day", "pk").values_list("transaction_id", flat=True)
    lines = list(waits[: looked + 1])
    for item in items(list(dict.fromkeys(lines[:looked])), settings, named=False):
        if item.state != accounting.EXPORTED:
            sums[item.state, item.purchase.currency] += item.amount.minor
            counts[item.state, item.purchase.currency] += 1
        if item.state == accounting.NOT_READY and len(not_ready) < most:
            not_ready.append(item)
    for _, currency, _, journals, minor in exported:
        sums[accounting.EXPORTED, currency] += minor
        counts[accounting.EXPORTED, currency] += journals
    shown = _purchases([item.purchase.pk for item in not_ready])
    not_ready = [replace(item, purchase=shown[item.purchase.pk]) for item in not_ready]
    found = [Standing(state, Money(minor, currency), counts[state, currency]) for (state, currency), minor in sorted(sums.items())]
    is_cut = len(lines) > looked
    ready = {currency for state, currency in counts if state in {accounting.READY, accounting.FAILED}}
    return Overview(found, not_ready, is_cut, sorted({currency for _, currency in places} if is_cut else ready))


def batches() -> QuerySet[AccountingBatch]:
    """All of them, each with `journal_count` and `total_minor` of what stands, `failed_count` and `late_count`."""
    months = AccountingMonth.objects.filter(batch=OuterRef("pk")).order_by().values("batch")
    journals = AccountingJournal.objects.filter(batch=OuterRef("pk")).order_by().values("batch")
    failed = journals.filter(status=BatchStatus.FAILED)
    late = journals.filter(status=BatchStatus.EXPORTED, is_late=True)
    return AccountingBatch.objects.select_related("created_by__user").annotate(
        total_minor=_of(months.annotate(n=Sum("amount_minor"))), journal_count=_of(months.annotate(n=Sum("journal_count"))),
        failed_count=_of(failed.annotate(n=Count("pk"))), late_count=_of(late.annotate(n=Count("pk"))),
    )  # fmt: skip


def _of(sums: QuerySet[Any]) -> Coalesce:
    return Coalesce(Subquery(sums.values("n"), output_field=BigIntegerField()), 0)


def batches_with(purchase: Transaction) -> QuerySet[AccountingBatch]:
    """In which something of it was told to accounting that stands, the first of them first."""
    standing = AccountingJournal.objects.filter(transaction=purchase, status=BatchStatus.EXPORTED)
    return AccountingBatch.objects.filter(pk__in=standing.values("batch")).order_by("pk")


def journal_rows(batch: AccountingBatch) -> QuerySet[AccountingRow]:
    """Of a batch, journal by journal, with all that a list and a file show."""
    rows = AccountingRow.objects.filter(journal__batch=batch).select_related(
        "journal__batch", "journal__transaction__merchant", "journal__transaction__member__user", "journal__entry", "category", "department"
    )
    return rows.order_by("journal__position", "pk")


def journals_of(batch: AccountingBatch) -> QuerySet[AccountingJournal]:
    rows = AccountingJournal.objects.filter(batch=batch).select_related("transaction__merchant", "failed_by__user", "batch")
    return rows.order_by("position").annotate(row_count=Count("rows"), posted_kind=F("entry__kind"))
