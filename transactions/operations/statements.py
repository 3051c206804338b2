"""Book a statement: every row is in, or reported with its line and reason; the same file twice adds nothing."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction

from companies.models import Category, Company
from companies.operations import category_key
from companies.queries import code_book
from spendtrackr import errors, events, retry
from spendtrackr.money import Money
from spendtrackr.periods import noon
from spendtrackr.retry import operation
from spendtrackr.tabular import plain
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
from transactions.queries.statements import known_transfers
from transactions.statements import mapping as mappings
from transactions.statements.entries import BANK
from transactions.statements.formats import Format, open_statement
from transactions.statements.lines import Issue, Line, Reading, identities, read_lines
from transactions.statements.mapping import Mapping
from transactions.statements.table import Table
from users.models import Membership

DEFAULT_SOURCE = "Statement"
# The most that one file may add up to in a currency: ten of them still fit the ledger.
MOST_MINOR = 10**17
_BATCH = 500
IN_ALREADY = "This row is in already."

Progress = Callable[[int, int], None]
# Which lines of a bank's statement are spend: money that went out (`spend`), all of them (`all`), or those that begin on these lines.
SPEND, ALL = "spend", "all"
Accept = str | frozenset[int] | None
_ASK = (
    "This is the statement of a bank account: say which of its lines are spend. `spend` takes those by which money went out, `all` takes "
    "credits, too, and a list of line numbers takes these."
)


@dataclass(frozen=True, slots=True)
class StatementFile:
    """An uploaded file and where it comes from."""

    content: bytes
    filename: str
    source: str = DEFAULT_SOURCE
    attribution: str = ""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a file shows, and how we would read it. `is_kept`: its columns were read for this company before."""

    table: Table
    mapping: Mapping
    is_kept: bool
    is_given: bool = False
    format: Format = Format.CSV
    # `bank` or `card` where the format says so. Of a bank's lines only those are booked that somebody takes for spend.
    account: str = ""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A file that was read, with everything its lines point at already committed."""

    company: Company
    file: StatementFile
    proposal: Proposal
    reading: Reading
    merchants: dict[str, Merchant]
    categories: dict[str, Category]
    accounts: dict[str, FundingAccount]


def propose(company: Company, content: bytes, given: Any = None, *, partly: bool = False) -> Proposal:
    """How to read this file: as given, else as kept for its header, else as its header suggests. Raises `Invalid`.

    `partly` also answers a mapping that could not book anything yet: for somebody who is about to complete it.
    """
    if len(content) > settings.IMPORT_MAX_BYTES:
        raise errors.TooLarge(f"A statement may have {settings.IMPORT_MAX_BYTES // 1024 // 1024} MB.", field="file")
    statement = open_statement(content, known=_known_columns(given), country=company.country)
    table = statement.table
    if statement.mapping:
        if given is not None:
            raise errors.Invalid(f"A file of {statement.format.upper()} says itself what is what: leave the mapping out.", field="mapping")
        fixed = replace(statement.mapping, notes=(*table.notes, *statement.mapping.notes))
        return Proposal(table, fixed, is_kept=False, format=statement.format, account=statement.account)
    if given is not None:
        columns = given.get("columns") if isinstance(given, dict) else None
        return Proposal(table, Mapping.from_dict(given, table, otherwise=_detected(table, columns, company)), is_kept=False, is_given=True)
    kept = StatementMapping.objects.filter(header_hash=mappings.header_hash(table)).first()
    if kept:
        written = json.loads(kept.mapping)
        mapping = Mapping.from_dict(written, table, otherwise=_detected(table, written["columns"], company))
        if "charges" in written:
            mapping = replace(mapping, notes=("Read as this company said before, for a file with the same header.",))
        return Proposal(table, mapping, is_kept=True)
    return Proposal(table, mappings.propose(table, country=company.country, partly=partly), is_kept=False)


def _detected(table: Table, columns: Any, company: Company) -> Mapping | None:
    """What these columns show of dates, marks and signs, for what a mapping leaves open. None where they are not the file's."""
    if not isinstance(columns, dict) or any(column not in table.columns for column in columns.values()):
        return None
    return mappings.detect(table, columns, country=company.country)


def _known_columns(given: Any) -> frozenset[str]:
    """Names that make a row a header: those of the banks we know, of this mapping, and of the mappings that the company keeps."""
    kept = [json.loads(written) for written in StatementMapping.objects.values_list("mapping", flat=True)]
    own = [m["columns"] for m in [given, *kept] if isinstance(m, dict) and isinstance(m.get("columns"), dict)]
    names = {plain(str(column)) for columns in own for column in columns.values()}
    return mappings.KNOWN | (names - {""})


def import_statement(
    company: Company,
    file: StatementFile,
    *,
    actor: Membership | None,
    at: datetime,
    mapping: Any = None,
    accept: Accept = None,
    progress: Progress | None = None,
) -> StatementImport:
    """Read the file, then book it in one transaction. Raises `Invalid` when the file as a whole cannot be read."""
    with company_scope(company.pk):
        prepared = prepare(company, file, actor=actor, at=at, mapping=mapping, accept=accept)
        return book(prepared, actor=actor, at=at, progress=progress)


def prepare(
    company: Company, file: StatementFile, *, actor: Membership | None, at: datetime, mapping: Any = None, accept: Accept = None
) -> Prepared:
    """Read the file, and commit the merchants, categories and accounts that it names before any of it is booked.

    A swipe at a merchant that is new in the file would otherwise wait for the whole import to commit.
    """
    proposal = propose(company, file.content, mapping)
    if proposal.account == BANK and accept is None:
        raise errors.Invalid(_ASK, field="accept", code="required")
    reading = _taken(proposal, read_lines(proposal.table, proposal.mapping, company_currency=company.currency), accept)
    for currency, total in reading.totals().items():
        if abs(total) > MOST_MINOR:
            raise errors.Invalid(f"The {currency} amounts add up to more than we can book.", field="file")
    return Prepared(
        company,
        file,
        proposal,
        reading,
        merchants=retry.in_transaction(merchants.find_or_add_all, sorted({line.descriptor for line in reading.lines})),
        categories=_categories(sorted({line.category for line in reading.lines if line.category}), actor=actor, at=at),
        accounts={currency: ledger.funding_account(currency) for currency in sorted(reading.totals())},
    )


def _taken(proposal: Proposal, reading: Reading, accept: Accept) -> Reading:
    """What is left to book of a reading, when somebody said what of it is spend; the other lines are skipped, each with its reason.

    Known transfers are never spend by themselves: only whoever names their line says so. Raises `Invalid` for a line that is not there.
    """
    if accept is None and proposal.account != BANK:
        return reading
    named = accept if isinstance(accept, frozenset) else frozenset()
    if missing := sorted(named - {line.line for line in reading.lines}):
        raise errors.Invalid(f"There is nothing to book on line {missing[0]}.", field="accept")
    known = known_transfers(reading.lines) if proposal.account == BANK else {}
    taken: list[Line] = []
    for place, line in enumerate(reading.lines):
        usual = not isinstance(accept, frozenset) and place not in known and (accept == ALL or line.amount.minor > 0)
        if line.line in named or usual:
            taken.append(line)
        else:
            why = f"It is {known[place].says}, which is in the books." if place in known else "It was not taken for spend."
            reading.issues.append(Issue(line.line, "skipped", why))
    reading.lines = taken
    return reading


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an import would make of one row: `book`, `duplicate`, `skipped` or `rejected`, and why."""

    line: int
    verdict: str
    reason: str = ""
    field: str = ""
    booked: Line | None = None


def preview(company: Company, file: StatementFile, mapping: Any = None, accept: Accept = None) -> tuple[Proposal, Reading, list[Verdict]]:
    """What would become of each row, in the order of the file, with nothing booked. Of a bank's lines as with `spend` by default."""
    proposal = propose(company, file.content, mapping)
    accept = SPEND if accept is None and proposal.account == BANK else accept
    reading = _taken(proposal, read_lines(proposal.table, proposal.mapping, company_currency=company.currency), accept)
    source = StatementSource.objects.filter(name_key=category_key(_source_name(file))).first()
    marks = identities(reading.lines, source=source.public_id) if source else [""] * len(reading.lines)
    known = _known_identities(marks) if source else set()
    verdicts = [Verdict(issue.line, issue.kind, issue.reason, issue.field) for issue in reading.issues]
    for line, mark in zip(reading.lines, marks, strict=True):
        verdicts.append(Verdict(line.line, "duplicate", IN_ALREADY) if mark in known else Verdict(line.line, "book", booked=line))
    return proposal, reading, sorted(verdicts, key=lambda one: one.line)


def _source_name(file: StatementFile) -> str:
    return " ".join(file.source.split())[:80] or DEFAULT_SOURCE


def _known_identities(marks: list[str]) -> set[str]:
    """Those that are in already."""
    known: set[str] = set()
    for start in range(0, len(marks), _BATCH):
        known.update(ImportedLine.objects.filter(identity__in=marks[start : start + _BATCH]).values_list("identity", flat=True))
    return known


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


def book(prepared: Prepared, *, actor: Membership | None, at: datetime, progress: Progress | None = None) -> StatementImport:
    """Book a prepared file: all of its new lines, or none."""
    return operation(Booking(prepared, actor, at, progress or (lambda done, total: None)).run)()


@dataclass(frozen=True, slots=True)
class Booking:
    """One file on its way into the books. Locks: the source, so that two imports take turns; then account and rollups."""

    prepared: Prepared
    actor: Membership | None
    at: datetime
    progress: Progress

    def run(self) -> StatementImport:
        source = self._locked_source()
        self._keep_mapping()
        new, duplicates = self._split(source)
        categorise = self._categoriser()
        record = self._record(source, new, duplicates)
        spend: list[SpendLine] = []
        for start in range(0, len(new), _BATCH):
            block = new[start : start + _BATCH]
            spend += self._book(block, record, categorise)
            self.progress(start + len(block), len(new))
        self._move_balances([line for line, _ in new])
        rollups.add(spend)
        return record

    def _locked_source(self) -> StatementSource:
        name = _source_name(self.prepared.file)
        key = category_key(name)
        try:
            with transaction.atomic():
                StatementSource.objects.get_or_create(name_key=key, defaults={"name": name, "attribution": self.prepared.file.attribution})
        except IntegrityError:  # made by somebody else a moment ago
            pass
        source = StatementSource.objects.select_for_update().get(name_key=key)
        if self.prepared.file.attribution and source.attribution != self.prepared.file.attribution:
            source.attribution = self.prepared.file.attribution
            source.save(update_fields=["attribution"])
        return source

    def _keep_mapping(self) -> None:
        """Keep what somebody said in full; of our own proposal only the columns. Signs and marks are looked at in each file anew."""
        proposal = self.prepared.proposal
        if proposal.is_kept or proposal.format != Format.CSV:
            return
        written = proposal.mapping.as_dict() if proposal.is_given else {"columns": proposal.mapping.columns}
        StatementMapping.objects.update_or_create(
            header_hash=mappings.header_hash(proposal.table),
            defaults={"mapping": json.dumps(written, sort_keys=True), "updated_at": self.at},
        )

    def _split(self, source: StatementSource) -> tuple[list[tuple[Line, str]], list[Line]]:
        """Lines that are new, with their identities, and lines that are in already."""
        marked = list(zip(self.prepared.reading.lines, identities(self.prepared.reading.lines, source=source.public_id), strict=True))
        known = _known_identities([identity for _, identity in marked])
        return [pair for pair in marked if pair[1] not in known], [line for line, identity in marked if identity in known]

    def _categoriser(self) -> Callable[[Line], Category | None]:
        """The category that a line names itself, else its merchant's, else the one its code defaults to; never an archived one."""
        by_key, codes = self.prepared.categories, code_book()
        by_id = {category.pk: category for category in by_key.values()}

        def category(line: Line) -> Category | None:
            named = by_key[category_key(line.category)] if line.category else None
            merchant = self.prepared.merchants.get(line.descriptor)
            usual = by_id.get(merchant.category_id or 0) if merchant else None
            by_code = by_id.get(codes.category_id(line.merchant_code) or 0)
            return next((found for found in (named, usual, by_code) if found and not found.is_archived), None)

        return category

    def _record(self, source: StatementSource, new: list[tuple[Line, str]], duplicates: list[Line]) -> StatementImport:
        record = StatementImport.objects.create(
            source=source,
            filename=self.prepared.file.filename[-200:],
            content_hash=hashlib.sha256(self.prepared.file.content).hexdigest(),
            mapping=json.dumps(self.prepared.proposal.mapping.as_dict(), sort_keys=True),
            rows=self.prepared.reading.rows,
            booked=len(new),
            duplicates=len(duplicates),
            skipped=self.prepared.reading.skipped,
            rejected=self.prepared.reading.rejected,
            report=json.dumps(self._report([line for line, _ in new], duplicates)),
            imported_by=self.actor,
            at=self.at,
        )
        events.record("statement.imported", record, actor=self.actor, at=self.at, booked=record.booked, rejected=record.rejected)
        return record

    def _report(self, new: list[Line], duplicates: list[Line]) -> dict[str, Any]:
        repeated = [Issue(line.line, "duplicate", IN_ALREADY) for line in duplicates]
        return {
            "issues": [asdict(issue) for issue in sorted([*self.prepared.reading.issues, *repeated], key=lambda issue: issue.line)],
            "notes": [
                *self.prepared.proposal.mapping.notes,
                *Reading(lines=new, assumed_currency=self.prepared.reading.assumed_currency).notes(),
            ],
            "totals": [{"minor": minor, "currency": currency} for currency, minor in sorted(Reading(lines=new).totals().items())],
        }

    def _book(
        self,
        block: list[tuple[Line, str]],
        record: StatementImport,
        categorise: Callable[[Line], Category | None],
    ) -> list[SpendLine]:
        """A block of lines as transactions, entries, postings and spend lines. Answers the spend lines."""
        purchases = [self._transaction(line, record, categorise(line), self.prepared.merchants.get(line.descriptor)) for line, _ in block]
        Transaction.objects.insert_all(purchases)
        entries = []
        moves = [move_of(line.amount) for line, _ in block]
        for (line, _), purchase, move in zip(block, purchases, moves, strict=True):
            account = self.prepared.accounts[line.amount.currency]
            entries.append(ledger.new_entry(account, EntryKind.IMPORT, [move], at=self.at, day=line.day, purchase=purchase))
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
            occurred_at=noon(line.occurred_on, self.prepared.company.zone_at(self.at)),
            occurred_on=line.occurred_on,
            posted_on=line.day,
        )

    def _move_balances(self, lines: Iterable[Line]) -> None:
        """One UPDATE an account, at the very end: its row is held for the shortest time."""
        changes: dict[str, Counter[Account]] = defaultdict(Counter)
        for line in lines:
            changes[line.amount.currency].update(ledger.net([move_of(line.amount)]))
        for currency, change in sorted(changes.items()):
            ledger.move_balances(self.prepared.accounts[currency], dict(change))


def move_of(amount: Money) -> Move:
    """An imported charge was paid outside of our accounts: external to spent, and back for a credit."""
    if amount.minor > 0:
        return Move(Account.EXTERNAL, Account.SPENT, amount.minor)
    return Move(Account.SPENT, Account.EXTERNAL, -amount.minor)
