"""Book a statement: every row is in, or reported with its line and reason; the same file twice adds nothing."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.conf import settings

from companies.models import Company
from companies.operations import category_key
from spendtrackr import errors, tabular
from spendtrackr.card_numbers import mask_card_numbers
from spendtrackr.retry import operation
from spendtrackr.tabular import plain
from spendtrackr.tenancy import company_scope
from transactions.models import StatementImport, StatementMapping, StatementSource
from transactions.operations.statement_lines import (
    IN_ALREADY,
    Booking,
    Ground,
    begin,
    blocks,
    finish,
    known_identities,
    marked,
    source_of,
)
from transactions.queries.statements import Transfer, known_transfers
from transactions.statements import mapping as mappings
from transactions.statements.entries import BANK
from transactions.statements.formats import Format, open_statement
from transactions.statements.lines import Issue, Line, Reading, Tally, read_lines
from transactions.statements.mapping import Mapping
from transactions.statements.table import Table
from users.models import Membership

DEFAULT_SOURCE = "Statement"
WHAT = "A statement"
# The most that one file may add up to in a currency: ten of them still fit the ledger.
MOST_MINOR = 10**17

Progress = Callable[[int, int], None]
# Which lines of a bank's statement are spend: money that went out (`spend`), all of them (`all`), or those that begin on these lines.
SPEND, ALL = "spend", "all"
Accept = str | frozenset[int] | None
VERDICTS = ("book", "duplicate", "skipped", "rejected")
# Of each verdict, rows that a preview shows.
MOST_SHOWN = 250
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
    told: list[Line | Issue]
    ground: Ground


def content_of(uploaded: Any) -> bytes:
    """The bytes of an uploaded statement. Raises `TooLarge` before any of it is read."""
    return tabular.content_of(uploaded, settings.IMPORT_MAX_BYTES, WHAT)


def propose(company: Company, content: bytes, given: Any = None, *, partly: bool = False) -> Proposal:
    """How to read this file: as given, else as kept for its header, else as its header suggests. Raises `Invalid`.

    `partly` also answers a mapping that could not book anything yet: for somebody who is about to complete it.
    """
    tabular.must_be_no_larger(len(content), settings.IMPORT_MAX_BYTES, WHAT)
    return proposal_of(company, content, given, partly=partly)


def proposal_of(company: Company, content: bytes, given: Any = None, *, partly: bool = False, header_line: int | None = None) -> Proposal:
    """The same of what was let in already: without card numbers it may have more bytes.

    `header_line`: where the header was found when `given` was, which then says everything: nothing is looked for once more.
    """
    statement = open_statement(content, known=_known_columns(given), country=company.country, header_line=header_line)
    table = statement.table
    if statement.mapping:
        if given is not None:
            raise errors.Invalid(f"A file of {statement.format.upper()} says itself what is what: leave the mapping out.", field="mapping")
        fixed = replace(statement.mapping, notes=(*table.notes, *statement.mapping.notes))
        return Proposal(table, fixed, is_kept=False, format=statement.format, account=statement.account)
    if given is not None:
        columns = given.get("columns") if isinstance(given, dict) else None
        otherwise = _detected(table, columns, company) if header_line is None else None
        return Proposal(table, Mapping.from_dict(given, table, otherwise=otherwise), is_kept=False, is_given=True)
    kept = StatementMapping.objects.filter(header_hash=mappings.header_hash(table)).first()
    if kept:
        return Proposal(table, _as_kept(json.loads(kept.mapping), table, company), is_kept=True)
    return Proposal(table, mappings.propose(table, country=company.country, partly=partly), is_kept=False)


def _as_kept(written: dict[str, Any], table: Table, company: Company) -> Mapping:
    """What somebody said of this header, in full; of what we had proposed the columns, and this file says the rest itself."""
    if "charges" in written:
        mapping = Mapping.from_dict(written, table, otherwise=_detected(table, written["columns"], company))
        return replace(mapping, notes=("Read as this company said before, for a file with the same header.",))
    return mappings.read_by(table, Mapping.from_dict(written, table).columns, country=company.country)


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
    company: Company,
    file: StatementFile,
    *,
    actor: Membership | None,
    at: datetime,
    mapping: Any = None,
    accept: Accept = None,
    most_rows: int | None = None,
) -> Prepared:
    """Read the file, and commit the merchants, categories and accounts that it names before any of it is booked.

    Raises `Invalid` when the file as a whole cannot be read, and `TooLarge` for more than `most_rows`.
    """
    proposal = propose(company, file.content, mapping)
    taken = take(company.currency, proposal, accept)
    if most_rows is not None and taken.reading.rows > most_rows:
        raise errors.TooLarge(f"More than {most_rows:,} rows are booked in the background: send it as a statement upload.", field="file")
    told = list(taken)
    survey = Survey.of(taken)
    for one in told:
        survey.add(one, is_known=False)
    survey.check()
    ground = Ground(actor, at)
    ground.lay(told)
    return Prepared(company, file, proposal, taken.reading, told, ground)


@dataclass(frozen=True, slots=True)
class Taken:
    """The rows of a file, in their order. Lines that nobody takes for spend are skipped, each with its reason.

    Known transfers (by their place among the lines) are never spend by themselves: only whoever names their line says so.
    """

    reading: Reading
    accept: Accept
    transfers: dict[int, Transfer]

    @property
    def named(self) -> frozenset[int]:
        return self.accept if isinstance(self.accept, frozenset) else frozenset()

    def __iter__(self) -> Iterator[Line | Issue]:
        if self.accept is None:
            yield from self.reading
            return
        place = itertools.count()
        for told in self.reading:
            yield told if isinstance(told, Issue) else self._taken(told, self.transfers.get(next(place)))

    def _taken(self, line: Line, transfer: Transfer | None) -> Line | Issue:
        usual = not isinstance(self.accept, frozenset) and transfer is None and (self.accept == ALL or line.amount.minor > 0)
        if usual or line.line in self.named:
            return line
        why = f"It is {transfer.says}, which is in the books." if transfer else "It was not taken for spend."
        return Issue(line.line, "skipped", why, of=line)


def take(currency: str, proposal: Proposal, accept: Accept) -> Taken:
    """What of a file is to be booked; rows that name no currency are in this one. Raises `Invalid` where `accept` has to be said."""
    if proposal.account == BANK and accept is None:
        raise errors.Invalid(_ASK, field="accept", code="required")
    reading = read_lines(proposal.table, proposal.mapping, company_currency=currency)
    return Taken(reading, accept, known_transfers(reading.lines) if proposal.account == BANK else {})


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an import would make of one row: `book`, `duplicate`, `skipped` or `rejected`, and why. `of` is None where it cannot be read."""

    line: int
    verdict: str
    reason: str = ""
    field: str = ""
    of: Line | None = None

    def as_dict(self) -> dict[str, Any]:
        line, told = self.of, {"line": self.line, "verdict": self.verdict, "reason": self.reason, "field": self.field}
        if line is None:
            return {**told, **dict.fromkeys(("occurred_on", "posted_on", "amount", "merchant", "category"))}
        amount = {"minor": line.amount.minor, "currency": line.amount.currency}
        days = {"occurred_on": line.occurred_on.isoformat(), "posted_on": line.day.isoformat()}
        return {**told, **days, "amount": amount, "merchant": line.descriptor, "category": line.category}


@dataclass(slots=True)
class Survey:
    """One look through a file: what would become of its rows, and what those that would be booked add up to."""

    counts: Counter[str] = field(default_factory=Counter)
    new: Tally = field(default_factory=Tally)
    # Of all lines, also of those that are in already; and the named lines that nobody has come to.
    totals: Counter[str] = field(default_factory=Counter)
    missing: set[int] = field(default_factory=set)
    # The first rows with each verdict: what somebody looks at of a long file.
    rows: list[Verdict] = field(default_factory=list)

    @classmethod
    def of(cls, taken: Taken) -> Survey:
        return cls(missing=set(taken.named))

    def add(self, told: Line | Issue, *, is_known: bool) -> None:
        found = _verdict(told, is_known=is_known)
        self.counts[found.verdict] += 1
        if self.counts[found.verdict] <= MOST_SHOWN:
            self.rows.append(found)
        if isinstance(told, Issue):
            return
        self.totals[told.amount.currency] += told.amount.minor
        self.missing.discard(told.line)
        if not is_known:
            self.new.add(told)

    def check(self) -> None:
        """Raises `Invalid` for a file that cannot be booked as a whole."""
        if self.missing:
            raise errors.Invalid(f"There is nothing to book on line {min(self.missing)}.", field="accept")
        for currency, total in self.totals.items():
            if abs(total) > MOST_MINOR:
                raise errors.Invalid(f"The {currency} amounts add up to more than we can book.", field="file")


def look_through(taken: Taken, source_name: str, survey: Survey) -> Iterator[int]:
    """Add what would become of each row to `survey`, in the order of the file; answers the rows of each block. Raises as `check` does."""
    source = StatementSource.objects.filter(name_key=category_key(source_name)).first() or StatementSource()
    for block in blocks(marked(taken, source)):
        known = known_identities([mark for _, mark in block if mark]) if source.pk else set()
        for told, mark in block:
            survey.add(told, is_known=mark in known)
        yield len(block)
    survey.check()


def _verdict(told: Line | Issue, *, is_known: bool) -> Verdict:
    if isinstance(told, Issue):
        return Verdict(told.line, told.kind, told.reason, told.field, told.of)
    return Verdict(told.line, "duplicate", IN_ALREADY, of=told) if is_known else Verdict(told.line, "book", of=told)


def preview(company: Company, file: StatementFile, mapping: Any = None, accept: Accept = None) -> Preview:
    """What would become of each row, with nothing booked. Of a bank's lines as with `spend` by default."""
    proposal = propose(company, file.content, mapping)
    taken = take(company.currency, proposal, usual_accept(proposal, accept))
    survey = Survey.of(taken)
    for _ in look_through(taken, source_name(file.source), survey):
        pass
    return Preview(proposal, taken, survey)


def usual_accept(proposal: Proposal, accept: Accept) -> Accept:
    """Of a bank's lines those by which money went out, for somebody who is about to say which."""
    return SPEND if accept is None and proposal.account == BANK else accept


@dataclass(frozen=True, slots=True)
class Preview:
    """What was found in a file. `taken` is None where it cannot be booked yet, as a column is missing."""

    proposal: Proposal
    taken: Taken | None = None
    survey: Survey = field(default_factory=Survey)

    @property
    def file_notes(self) -> list[str]:
        """On how the file was read, whatever of it is new."""
        return [*self.proposal.mapping.notes, *(self.taken.reading.notes if self.taken else [])]

    @property
    def found(self) -> dict[str, Any]:
        """All of it as values that JSON has: amounts as minor units and currency, days by ISO 8601."""
        return {
            "format": str(self.proposal.format),
            "account": self.proposal.account,
            "header": self.proposal.table.columns,
            "header_line": self.proposal.table.header_line,
            "currency": self.taken.reading.company_currency if self.taken else "",
            "mapping": self.proposal.mapping.as_dict(),
            "is_kept": self.proposal.is_kept,
            "missing": mappings.missing(self.proposal.mapping),
            "counts": {name: self.survey.counts[name] for name in VERDICTS},
            "totals": [{"minor": minor, "currency": currency} for currency, minor in sorted(self.survey.new.totals.items())],
            "notes": {"file": self.file_notes, "lines": self.survey.new.notes()},
            "rows": [one.as_dict() for one in self.survey.rows],
        }


def source_name(name: str) -> str:
    return mask_card_numbers(" ".join(name.split()))[:80] or DEFAULT_SOURCE


def book(prepared: Prepared, *, actor: Membership | None, at: datetime, progress: Progress | None = None) -> StatementImport:
    """Book a prepared file: all of its new lines, or none."""
    return _book(prepared, progress or (lambda done, total: None), actor=actor, at=at)


@operation
def _book(prepared: Prepared, progress: Progress, *, actor: Membership | None, at: datetime) -> StatementImport:
    file, proposal, done = prepared.file, prepared.proposal, 0
    source = source_of(source_name(file.source), file.attribution)
    keep_mapping(proposal, at=at)
    record = begin(
        source,
        filename=file.filename,
        content_hash=hashlib.sha256(file.content).hexdigest(),
        mapping=json.dumps(proposal.mapping.as_dict(), sort_keys=True),
        rows=len(prepared.told),
        notes=[*proposal.mapping.notes, *prepared.reading.notes],
        actor=actor,
        at=at,
    )
    booking = Booking(record, prepared.company, prepared.ground, at=at)
    for block in blocks(marked(prepared.told, source)):
        booking.add(block)
        done += len(block)
        progress(done, len(prepared.told))
    booking.settle()
    return finish(record, at=at)


def keep_mapping(proposal: Proposal, *, at: datetime) -> None:
    """Keep what somebody said in full; of our own proposal only the columns. Signs and marks are looked at in each file anew.

    What somebody said is kept against what was only proposed.
    """
    if proposal.is_kept or proposal.format != Format.CSV:
        return
    written = proposal.mapping.as_dict() if proposal.is_given else {"columns": proposal.mapping.columns}
    keep = StatementMapping.objects.update_or_create if proposal.is_given else StatementMapping.objects.get_or_create
    defaults = {"mapping": json.dumps(written, sort_keys=True), "updated_at": at}
    keep(header_hash=mappings.header_hash(proposal.table), defaults=defaults)
