"""Book a statement: every row is in, or reported with its line and reason; the same file twice adds nothing."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction

from companies.models import Category, Company
from companies.operations import category_key
from companies.queries import code_book
from spendtrackr import errors, events
from spendtrackr.money import Money
from spendtrackr.periods import noon
from spendtrackr.retry import operation
from spendtrackr.tenancy import company_scope
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
    StatementMapping,
    StatementSource,
    Transaction,
    TransactionSource,
    TransactionStatus,
)
from transactions.purchases import Move
from transactions.statements import mapping as mappings
from transactions.statements.lines import Issue, Line, Reading, identities, read_lines
from transactions.statements.mapping import Mapping
from transactions.statements.table import Table, plain, read
from users.models import Membership

DEFAULT_SOURCE = "Statement"
_BATCH = 500

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class StatementFile:
    """An uploaded file and where it comes from."""

    content: bytes
    filename: str
    source: str = DEFAULT_SOURCE
    attribution: str = ""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a file shows, and how we would read it."""

    table: Table
    mapping: Mapping
    is_kept: bool


def propose(company: Company, content: bytes, given: Any = None) -> Proposal:
    """How to read this file: as given, else as kept for its header, else as its header suggests. Raises `Invalid`."""
    if len(content) > settings.IMPORT_MAX_BYTES:
        raise errors.TooLarge(f"A statement may have {settings.IMPORT_MAX_BYTES // 1024 // 1024} MB.", field="file")
    table = read(content, known=_known_columns(given))
    if given is not None:
        return Proposal(table, Mapping.from_dict(given, table), is_kept=False)
    kept = StatementMapping.objects.filter(header_hash=mappings.header_hash(table)).first()
    if kept:
        return Proposal(table, Mapping.from_dict(json.loads(kept.mapping), table), is_kept=True)
    return Proposal(table, mappings.propose(table, country=company.country), is_kept=False)


def _known_columns(given: Any) -> frozenset[str]:
    """Names that make a row a header: those of the banks we know, of this mapping, and of the mappings that the company keeps."""
    kept = [json.loads(written) for written in StatementMapping.objects.values_list("mapping", flat=True)]
    own = [m["columns"] for m in [given, *kept] if isinstance(m, dict) and isinstance(m.get("columns"), dict)]
    return mappings.KNOWN | {plain(str(column)) for columns in own for column in columns.values()}


def import_statement(
    company: Company,
    file: StatementFile,
    *,
    actor: Membership | None,
    at: datetime,
    mapping: Any = None,
    progress: Progress | None = None,
) -> StatementImport:
    """Read the file, then book it in one transaction. Raises `Invalid` when the file as a whole cannot be read."""
    with company_scope(company.pk):
        proposal = propose(company, file.content, mapping)
        reading = read_lines(proposal.table, proposal.mapping, company_currency=company.currency)
        return Booking(company, file, proposal, reading, actor, at, progress or (lambda done, total: None)).run()


@dataclass(slots=True)
class Booking:
    """One file on its way into the books. Locks: the source, so that two imports take turns; then account and rollups."""

    company: Company
    file: StatementFile
    proposal: Proposal
    reading: Reading
    actor: Membership | None
    at: datetime
    progress: Progress

    def run(self) -> StatementImport:
        return operation(self._run)()

    def _run(self) -> StatementImport:
        source = self._locked_source()
        self._keep_mapping()
        new, duplicates = self._split(source)
        categorise = self._categoriser(new)
        named = merchants.find_or_add_all(line.descriptor for line, _ in new)
        record = self._record(source, new, duplicates)
        accounts = {currency: ledger.funding_account(currency) for currency in sorted({line.amount.currency for line, _ in new})}
        spend: list[SpendLine] = []
        for start in range(0, len(new), _BATCH):
            block = new[start : start + _BATCH]
            spend += self._book(block, record, accounts, categorise, named)
            self.progress(start + len(block), len(new))
        self._move_balances(accounts, [line for line, _ in new])
        rollups.add(spend)
        return record

    def _locked_source(self) -> StatementSource:
        name = " ".join(self.file.source.split())[:80] or DEFAULT_SOURCE
        key = category_key(name)
        try:
            with transaction.atomic():
                StatementSource.objects.get_or_create(name_key=key, defaults={"name": name, "attribution": self.file.attribution})
        except IntegrityError:  # made by somebody else a moment ago
            pass
        source = StatementSource.objects.select_for_update().get(name_key=key)
        if self.file.attribution and source.attribution != self.file.attribution:
            source.attribution = self.file.attribution
            source.save(update_fields=["attribution"])
        return source

    def _keep_mapping(self) -> None:
        written = json.dumps(self.proposal.mapping.as_dict(), sort_keys=True)
        StatementMapping.objects.update_or_create(
            header_hash=mappings.header_hash(self.proposal.table), defaults={"mapping": written, "updated_at": self.at}
        )

    def _split(self, source: StatementSource) -> tuple[list[tuple[Line, str]], list[Line]]:
        """Lines that are new, with their identities, and lines that are in already."""
        marked = list(zip(self.reading.lines, identities(self.reading.lines, source=source.public_id), strict=True))
        known: set[str] = set()
        for start in range(0, len(marked), _BATCH):
            wanted = [identity for _, identity in marked[start : start + _BATCH]]
            known.update(ImportedLine.objects.filter(identity__in=wanted).values_list("identity", flat=True))
        return [pair for pair in marked if pair[1] not in known], [line for line, identity in marked if identity in known]

    def _categories(self, new: list[tuple[Line, str]]) -> dict[str, Category]:
        """The company's categories by key. Those that the file names and nobody knew are added."""
        known = {category.name_key: category for category in Category.objects.all()}
        for name in sorted({line.category for line, _ in new if line.category}):
            if category_key(name) not in known:
                added = Category.objects.create(name=name, name_key=category_key(name), created_at=self.at)
                events.record("category.added", added, actor=self.actor, at=self.at)
                known[added.name_key] = added
        return known

    def _categoriser(self, new: list[tuple[Line, str]]) -> Callable[[Line], Category | None]:
        """The category that a line names itself, else the one its merchant category code defaults to."""
        by_key, book = self._categories(new), code_book()
        by_id = {category.pk: category for category in by_key.values()}

        def category(line: Line) -> Category | None:
            return by_key[category_key(line.category)] if line.category else by_id.get(book.category_id(line.merchant_code) or 0)

        return category

    def _record(self, source: StatementSource, new: list[tuple[Line, str]], duplicates: list[Line]) -> StatementImport:
        record = StatementImport.objects.create(
            source=source,
            filename=self.file.filename[-200:],
            content_hash=hashlib.sha256(self.file.content).hexdigest(),
            mapping=json.dumps(self.proposal.mapping.as_dict(), sort_keys=True),
            rows=self.reading.rows,
            booked=len(new),
            duplicates=len(duplicates),
            skipped=self.reading.skipped,
            rejected=self.reading.rejected,
            report=json.dumps(self._report([line for line, _ in new], duplicates)),
            imported_by=self.actor,
            at=self.at,
        )
        events.record("statement.imported", record, actor=self.actor, at=self.at, booked=record.booked, rejected=record.rejected)
        return record

    def _report(self, new: list[Line], duplicates: list[Line]) -> dict[str, Any]:
        repeated = [Issue(line.line, "duplicate", "This row is in already.") for line in duplicates]
        totals: Counter[str] = Counter()
        for line in new:
            totals[line.amount.currency] += line.amount.minor
        return {
            "issues": [asdict(issue) for issue in sorted([*self.reading.issues, *repeated], key=lambda issue: issue.line)],
            "notes": [*self.proposal.mapping.notes, *Reading(lines=new).notes()],
            "totals": [{"minor": minor, "currency": currency} for currency, minor in sorted(totals.items())],
        }

    def _book(
        self,
        block: list[tuple[Line, str]],
        record: StatementImport,
        accounts: dict[str, FundingAccount],
        categorise: Callable[[Line], Category | None],
        named: dict[str, Merchant],
    ) -> list[SpendLine]:
        """A block of lines as transactions, entries, postings and spend lines. Answers the spend lines."""
        purchases = [self._transaction(line, record, categorise(line), named.get(line.descriptor)) for line, _ in block]
        Transaction.objects.insert_all(purchases)
        entries = []
        moves = [move_of(line.amount) for line, _ in block]
        for (line, _), purchase, move in zip(block, purchases, moves, strict=True):
            account = accounts[line.amount.currency]
            entries.append(ledger.new_entry(account, EntryKind.IMPORT, [move], at=self.at, day=line.day, purchase=purchase))
        Entry.objects.insert_all(entries)
        Posting.objects.bulk_create(
            [p for entry, move in zip(entries, moves, strict=True) for p in ledger.postings_of(entry, entry.account, [move])]
        )
        spend = [_spend_line(entry, purchase, line.amount) for entry, purchase, (line, _) in zip(entries, purchases, block, strict=True)]
        SpendLine.objects.bulk_create(spend)
        ImportedLine.objects.bulk_create(
            [
                ImportedLine(statement_import=record, transaction=purchase, line=line.line, identity=identity)
                for purchase, (line, identity) in zip(purchases, block, strict=True)
            ]
        )
        return spend

    def _transaction(self, line: Line, record: StatementImport, category: Category | None, merchant: Merchant | None) -> Transaction:
        charged, credited = max(line.amount.minor, 0), max(-line.amount.minor, 0)
        return Transaction(
            source=TransactionSource.STATEMENT,
            status=TransactionStatus.POSTED,
            merchant=merchant,
            category=category,
            statement_import=record,
            descriptor=line.descriptor,
            merchant_code=line.merchant_code,
            merchant_amount_minor=line.original.minor if line.original else None,
            merchant_currency=line.original.currency if line.original else "",
            card_last4=line.card_last4,
            currency=line.amount.currency,
            amount_minor=line.amount.minor,
            captured_minor=charged,
            refunded_minor=credited,
            occurred_at=noon(line.occurred_on, self.company.time_zone),
            occurred_on=line.occurred_on,
            posted_on=line.posted_on,
        )

    def _move_balances(self, accounts: dict[str, FundingAccount], lines: Iterable[Line]) -> None:
        """One UPDATE an account, at the very end: its row is held for the shortest time."""
        changes: dict[str, Counter[Account]] = defaultdict(Counter)
        for line in lines:
            changes[line.amount.currency].update(ledger.net([move_of(line.amount)]))
        for currency, account in sorted(accounts.items()):
            ledger.move_balances(account, dict(changes[currency]))


def move_of(amount: Money) -> Move:
    """An imported charge was paid outside of our accounts: external to spent, and back for a credit."""
    if amount.minor > 0:
        return Move(Account.EXTERNAL, Account.SPENT, amount.minor)
    return Move(Account.SPENT, Account.EXTERNAL, -amount.minor)


def _spend_line(entry: Entry, purchase: Transaction, amount: Money) -> SpendLine:
    return SpendLine(
        entry=entry,
        transaction=purchase,
        day=entry.day,
        currency=amount.currency,
        amount_minor=amount.minor,
        category=purchase.category,
        merchant=purchase.merchant,
    )
