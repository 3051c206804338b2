"""Book the lines of a statement, a block at a time: each row is booked, or kept as an issue, and counted once."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

from django.db import IntegrityError, transaction
from django.db.models import F

from companies.models import Category, Company
from companies.operations import category_key
from companies.queries import code_book
from spendtrackr import events, retry
from spendtrackr.card_numbers import mask_card_numbers
from spendtrackr.money import Money
from spendtrackr.periods import noon
from spendtrackr.retry import operation
from transactions import ledger, merchants, rollups
from transactions.models import (
    Account,
    Entry,
    EntryKind,
    FundingAccount,
    ImportedLine,
    Merchant,
    Posting,
    SpendLine,
    StatementImport,
    StatementIssue,
    StatementSource,
    Transaction,
    TransactionSource,
    TransactionStatus,
)
from transactions.purchases import Move
from transactions.statements.lines import Identities, Issue, Line, Tally
from users.models import Membership

BLOCK = 500
IN_ALREADY = "This row is in already."

# A row, and the identity of a line that can be booked; blank for an issue.
Marked = tuple[Line | Issue, str]


def marked(told: Iterable[Line | Issue], source: StatementSource) -> Iterator[Marked]:
    """All rows of a file in their order: which line is the n-th of its kind is known only to whoever has seen those before it."""
    identities = Identities(source.public_id)
    for one in told:
        yield one, identities.of(one) if isinstance(one, Line) else ""


def blocks(rows: Iterable[Marked]) -> Iterator[list[Marked]]:
    rest = iter(rows)
    while block := list(islice(rest, BLOCK)):
        yield block


def known_identities(marks: Sequence[str]) -> set[str]:
    """Those of a block that are in already."""
    return set(ImportedLine.objects.filter(identity__in=marks).values_list("identity", flat=True))


def source_of(name: str, attribution: str = "") -> StatementSource:
    """The source of this name, made when it is new."""
    attribution = mask_card_numbers(attribution)
    try:
        with transaction.atomic():
            defaults = {"name": name, "attribution": attribution}
            source, _ = StatementSource.objects.get_or_create(name_key=category_key(name), defaults=defaults)
    except IntegrityError:  # made by somebody else a moment ago
        source = StatementSource.objects.get(name_key=category_key(name))
    if attribution and source.attribution != attribution:
        source.attribution = attribution
        source.save(update_fields=["attribution"])
    return source


@dataclass(slots=True)
class Ground:
    """What lines point at: merchants by descriptor, categories by key, accounts by currency.

    It is committed before any of the lines is: a swipe at a merchant that is new in the file would otherwise wait for them.
    """

    actor: Membership | None
    at: datetime
    merchants: dict[str, Merchant] = field(default_factory=dict)
    categories: dict[str, Category] = field(default_factory=dict)
    accounts: dict[str, FundingAccount] = field(default_factory=dict)

    def lay(self, told: Iterable[Line | Issue]) -> None:
        lines = [one for one in told if isinstance(one, Line)]
        self.merchants |= retry.in_transaction(merchants.find_or_add_all, sorted({line.descriptor for line in lines}))
        self.categories |= _categories(sorted({line.category for line in lines if line.category}), actor=self.actor, at=self.at)
        for currency in sorted({line.amount.currency for line in lines} - self.accounts.keys()):
            self.accounts[currency] = ledger.funding_account(currency)


@operation
def _categories(names: list[str], *, actor: Membership | None, at: datetime) -> dict[str, Category]:
    """The company's categories by key. Those that a file names and nobody knew are added."""
    known = {category.name_key: category for category in Category.objects.all()}
    for name in names:
        if category_key(name) not in known:
            added = Category.objects.create(name=name, name_key=category_key(name), created_at=at)
            events.record("category.added", added, actor=actor, at=at)
            known[added.name_key] = added
    return known


class Booking:
    """Rows on their way into the books, within one transaction. Locks: the source, so that two imports take turns; then, in `settle`,
    accounts and rollups, whose rows are held for the shortest time.
    """

    def __init__(self, record: StatementImport, company: Company, ground: Ground, *, at: datetime) -> None:
        self.record, self.ground, self.at = record, ground, at
        self.zone = company.zone_at(record.at)
        self.codes = code_book()
        self.by_id = {category.pk: category for category in ground.categories.values()}
        self.spend: list[SpendLine] = []
        self.moved: dict[str, Counter[Account]] = defaultdict(Counter)
        StatementSource.objects.select_for_update().get(pk=record.source_id)

    def add(self, block: Sequence[Marked]) -> None:
        """Each row as what it is, and one less that waits."""
        known = known_identities([mark for _, mark in block if mark])
        new = [(told, mark) for told, mark in block if isinstance(told, Line) and mark not in known]
        self._book(new)
        told = [row for row, mark in block if not mark or mark in known]
        issues = [row if isinstance(row, Issue) else Issue(row.line, "duplicate", IN_ALREADY) for row in told]
        StatementIssue.objects.bulk_create([self._kept(issue) for issue in issues])
        self._count(len(block), [line for line, _ in new], Counter(one.kind for one in issues))

    def _kept(self, issue: Issue) -> StatementIssue:
        return StatementIssue(statement_import=self.record, line=issue.line, kind=issue.kind, reason=issue.reason, field=issue.field)

    def settle(self) -> None:
        """Balances and rollups, at the very end."""
        for currency, change in sorted(self.moved.items()):
            ledger.move_balances(self.ground.accounts[currency], dict(change))
        rollups.add(self.spend)

    def _count(self, rows: int, lines: list[Line], kinds: Counter[str]) -> None:
        tally = _tally_of(self.record)
        for line in lines:
            tally.add(line)
        totals = [{"minor": minor, "currency": currency} for currency, minor in sorted(tally.totals.items())]
        self.record.report = json.dumps({**self.record.details, "totals": totals, "unbilled": tally.unbilled})
        StatementImport.objects.filter(pk=self.record.pk).update(
            waiting=F("waiting") - rows,
            booked=F("booked") + len(lines),
            duplicates=F("duplicates") + kinds["duplicate"],
            skipped=F("skipped") + kinds["skipped"],
            rejected=F("rejected") + kinds["rejected"],
            report=self.record.report,
        )

    def _category(self, line: Line) -> Category | None:
        """The category that a line names itself, else its merchant's, else the one its code defaults to; never an archived one."""
        named = self.ground.categories[category_key(line.category)] if line.category else None
        merchant = self.ground.merchants.get(line.descriptor)
        usual = self.by_id.get(merchant.category_id or 0) if merchant else None
        by_code = self.by_id.get(self.codes.category_id(line.merchant_code) or 0)
        return next((found for found in (named, usual, by_code) if found and not found.is_archived), None)

    def _book(self, block: list[tuple[Line, str]]) -> None:
        """Lines as transactions, entries, postings and spend lines."""
        purchases = [self._transaction(line) for line, _ in block]
        Transaction.objects.insert_all(purchases)
        entries = []
        moves = [move_of(line.amount) for line, _ in block]
        for (line, _), purchase, move in zip(block, purchases, moves, strict=True):
            account = self.ground.accounts[line.amount.currency]
            entries.append(ledger.new_entry(account, EntryKind.IMPORT, [move], at=self.at, day=line.day, purchase=purchase))
            self.moved[line.amount.currency].update(ledger.net([move]))
        Entry.objects.insert_all(entries)
        Posting.objects.bulk_create(
            [p for entry, move in zip(entries, moves, strict=True) for p in ledger.postings_of(entry, entry.account, [move])]
        )
        spend = [
            SpendLine.of(entry, purchase, line.amount.minor) for entry, purchase, (line, _) in zip(entries, purchases, block, strict=True)
        ]
        SpendLine.objects.bulk_create(spend)
        ImportedLine.objects.bulk_create(
            [
                ImportedLine(statement_import=self.record, transaction=purchase, line=line.line, identity=identity)
                for purchase, (line, identity) in zip(purchases, block, strict=True)
            ]
        )
        self.spend += spend

    def _transaction(self, line: Line) -> Transaction:
        charged, credited = max(line.amount.minor, 0), max(-line.amount.minor, 0)
        return Transaction(
            source=TransactionSource.STATEMENT,
            status=TransactionStatus.POSTED,
            merchant=self.ground.merchants.get(line.descriptor),
            category=self._category(line),
            statement_import=self.record,
            descriptor=line.descriptor,
            merchant_code=line.merchant_code,
            merchant_amount_minor=line.original.minor if line.original else None,
            merchant_currency=line.original.currency if line.original else "",
            card_last4=line.card_last4,
            currency=line.amount.currency,
            amount_minor=line.amount.minor,
            captured_minor=charged,
            refunded_minor=credited,
            occurred_at=noon(line.occurred_on, self.zone),
            occurred_on=line.occurred_on,
            posted_on=line.day,
        )


def _tally_of(record: StatementImport) -> Tally:
    totals = {total["currency"]: total["minor"] for total in record.details["totals"]}
    return Tally(Counter(totals), Counter(record.details["unbilled"]))


def move_of(amount: Money) -> Move:
    """An imported charge was paid outside of our accounts: external to spent, and back for a credit."""
    if amount.minor > 0:
        return Move(Account.EXTERNAL, Account.SPENT, amount.minor)
    return Move(Account.SPENT, Account.EXTERNAL, -amount.minor)


def begin(
    source: StatementSource,
    *,
    filename: str,
    content_hash: str,
    mapping: str,
    rows: int,
    notes: list[str],
    actor: Membership | None,
    at: datetime,
) -> StatementImport:
    """An import all of whose rows wait."""
    report = json.dumps({"notes": notes, "totals": [], "unbilled": {}})
    about = {"filename": mask_card_numbers(filename)[-200:], "content_hash": content_hash, "mapping": mapping, "report": report}
    return StatementImport.objects.create(source=source, rows=rows, waiting=rows, imported_by=actor, at=at, **about)


def finish(record: StatementImport, *, at: datetime) -> StatementImport:
    """No row waits any more. Answers the import as it is in the end."""
    record.refresh_from_db(fields=["booked", "duplicates", "skipped", "rejected", "waiting", "report"])
    record.report = json.dumps({**record.details, "notes": [*record.details["notes"], *_tally_of(record).notes()]})
    StatementImport.objects.filter(pk=record.pk).update(report=record.report)
    events.record("statement.imported", record, actor=record.imported_by, at=at, booked=record.booked, rejected=record.rejected)
    return record
