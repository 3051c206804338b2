"""Statements in the background: keep a file, read it, show what would become of each row, and book it a block at a time.

Whoever works on one holds a claim that runs out, so that another goes on where a worker fell. A block of rows is one transaction with the
counts of the import, and what these leave to do is where the next block begins: nothing counts twice, and nothing is left out.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from django.conf import settings
from django.core.files.storage import default_storage
from django.db.models import F, Q

from companies.models import Company
from spendtrackr import errors, jobs, retry, tabular
from spendtrackr.card_numbers import mask_card_numbers
from spendtrackr.retry import operation
from spendtrackr.storage import keep_file
from transactions.models import StatementImport, StatementUpload, UploadStatus
from transactions.operations import statements
from transactions.operations.statement_lines import Booking, Ground, Marked, begin, blocks, finish, marked, source_of
from transactions.operations.statements import Accept, Preview, Proposal, StatementFile, Survey
from transactions.statements.mapping import missing
from transactions.statements.table import open_file
from users.models import ApiKey, Membership

_log = logging.getLogger(__name__)

# How long others leave a run alone after its last block: much longer than a block takes.
CLAIM_HOLDS = timedelta(minutes=2)
# Of one company, being read or booked at a time.
MOST_AT_WORK = 5
KEPT = timedelta(days=7)
# A file of no more bytes is read, and booked, while somebody waits for it.
AT_ONCE_BYTES = 128 * 1024

# Not what is booked in part: it waits for whoever goes on with it.
_FORGETTABLE = Q(statement_import=None) | Q(status=UploadStatus.BOOKED)
_GAVE_UP = "Something went wrong, three times, and our operators were told. What was booked is in, and the same file adds only the rest."


@dataclass(frozen=True, slots=True)
class Said:
    """What somebody says of a file: `mapping` as the API takes it, and which lines of a bank's are spend."""

    mapping: Any = None
    accept: Accept = None

    def columns(self) -> dict[str, str]:
        accept = sorted(self.accept) if isinstance(self.accept, frozenset) else self.accept
        return {
            name: json.dumps(value, sort_keys=True) if value is not None else ""
            for name, value in (("mapping", self.mapping), ("accept", accept))
        }

    @classmethod
    def of(cls, upload: StatementUpload) -> Said:
        """What was said of this one."""
        accept = json.loads(upload.accept) if upload.accept else None
        mapping = json.loads(upload.mapping) if upload.mapping else None
        return cls(mapping, frozenset(accept) if isinstance(accept, list) else accept)


def store(file: StatementFile, company: Company) -> str:
    """Keep the file, without card numbers, before there is a row for it. Raises `Invalid`, `TooLarge`, `InvalidState` for too many."""
    must_have_room()
    tabular.must_be_no_larger(len(file.content), settings.IMPORT_MAX_BYTES, statements.WHAT)
    return keep_file(open_file(file.content).content, below=f"statements/{company.public_id}")


def must_have_room() -> None:
    """Raises `InvalidState` where too many of the company's are at work."""
    if StatementUpload.objects.filter(status__in=StatementUpload.at_work).count() >= MOST_AT_WORK:
        raise errors.InvalidState(f"{MOST_AT_WORK} files are at work already: wait for one of them.")


@operation
def add(file: StatementFile, stored_as: str, said: Said, *, is_to_book: bool, actor: Membership | None, at: datetime) -> StatementUpload:
    """A file to be read in the background, and booked once it is read where that is asked for. Raises `InvalidState` for too many."""
    must_have_room()
    return StatementUpload.objects.create(
        filename=mask_card_numbers(file.filename)[-200:],
        content_hash=hashlib.sha256(file.content).hexdigest(),
        stored_as=stored_as,
        size=len(file.content),
        source_name=statements.source_name(file.source),
        attribution=mask_card_numbers(file.attribution),
        is_to_book=is_to_book,
        uploaded_by=actor,
        at=at,
        expires_at=at + KEPT,
        **said.columns(),
    )


@operation
def change(upload: StatementUpload, changes: dict[str, Any], *, at: datetime) -> StatementUpload:
    """Say otherwise how it is read (`mapping`, `accept`, `source_name`, `attribution`), and have it read anew. Raises `InvalidState`."""
    upload = _locked(upload, {UploadStatus.READ, UploadStatus.FAILED, UploadStatus.READING})
    if upload.statement_import_id:
        raise errors.InvalidState("It is being booked, or was: upload the file again to read it otherwise.")
    for name, value in changes.items():
        setattr(upload, name, mask_card_numbers(value) if name == "attribution" else value)
    upload.status, upload.found, upload.reason, upload.reason_field, upload.failures = UploadStatus.READING, "", "", "", 0
    upload.claim_key, upload.claimed_until, upload.rows_done, upload.rows = "", None, 0, None
    upload.finished_at, upload.expires_at = None, at + KEPT
    upload.save()
    return upload


@operation
def start(upload: StatementUpload, *, actor: Membership | None, at: datetime) -> StatementUpload:
    """Have what was read be booked, or what was given up gone on with. Raises `Invalid` where a column is missing, `InvalidState`."""
    upload = _locked(upload, {UploadStatus.READ, UploadStatus.FAILED})
    if upload.status == UploadStatus.FAILED and not upload.statement_import_id:
        raise errors.InvalidState("It cannot be read: say otherwise how, or upload another file.")
    _start(upload, actor=actor, at=at)
    return upload


def _start(upload: StatementUpload, *, actor: Membership | None, at: datetime) -> None:
    """From here on there is an import, all of whose rows wait."""
    told = upload.told
    if told["missing"]:
        raise errors.Invalid("No column is known to hold it.", field=f"mapping.columns.{told['missing'][0]}", code="required")
    upload.status, upload.failures, upload.reason, upload.reason_field = UploadStatus.BOOKING, 0, "", ""
    upload.claim_key, upload.claimed_until, upload.finished_at, upload.expires_at = "", None, None, at + KEPT
    if upload.statement_import_id is None:
        upload.rows_done, upload.statement_import = 0, _import_of(upload, actor=actor, at=at)
    upload.save()


def _import_of(upload: StatementUpload, *, actor: Membership | None, at: datetime) -> StatementImport:
    told = upload.told
    return begin(
        source_of(upload.source_name, upload.attribution),
        filename=upload.filename,
        content_hash=upload.content_hash,
        mapping=json.dumps(told["mapping"], sort_keys=True),
        rows=upload.rows or 0,
        notes=told["notes"]["file"],
        actor=actor,
        at=at,
    )


def discard(upload: StatementUpload) -> None:
    """Forget what was not booked, or what is whole. Raises `InvalidState`."""
    if upload.is_partly_booked or not _remove(upload, _FORGETTABLE):
        raise errors.InvalidState("A part of it is booked: have it gone on with, so that the rest is, too.")


@operation
def _remove(upload: StatementUpload, condition: Q) -> bool:
    """Row and file. The file goes while the row is held: whoever would book it waits, and finds neither; where it cannot go, both stay."""
    if not StatementUpload.objects.filter(condition, pk=upload.pk).delete()[0]:
        return False
    default_storage.delete(upload.stored_as)
    return True


def _locked(upload: StatementUpload, states: set[UploadStatus]) -> StatementUpload:
    found = StatementUpload.objects.select_for_update().filter(pk=upload.pk).first()
    if found is None:
        raise errors.Missing
    if found.status not in states:
        raise errors.InvalidState(f"It is {found.get_status_display().lower()}.")
    return found


@dataclass(slots=True)
class Run(jobs.Run[StatementUpload]):
    """An upload that this worker has claimed."""

    steps: Iterator[None] | None = field(default=None)


class _Lost(Exception):
    """Another has it now, or it is over."""


def claim(upload: StatementUpload, *, at: datetime) -> Run | None:
    """Take it to work on. None where another is at it, or it is over."""
    if not (key := jobs.take(upload, at=at, holds=CLAIM_HOLDS)):
        return None
    rows = StatementUpload.objects.select_related(
        "company", "uploaded_by__company", "uploaded_by__user", "statement_import__source", "statement_import__imported_by"
    )
    run = Run(rows.get(pk=upload.pk), key)
    if run.has_failed_too_often:
        _give_up(run, at=at)
        return None
    return run


def go_on(run: Run, *, at: datetime) -> bool:
    """Read or book the next block. False: it is over for now, or another has it."""
    try:
        if run.steps is None:
            run.steps = _booked(run, at) if run.job.status == UploadStatus.BOOKING else _read(run, at)
        next(run.steps)
    except StopIteration:
        return False
    except _Lost:
        return False
    except errors.DomainError as refusal:
        _refuse(run, refusal, at=at)
        return False
    return True


def finish_now(upload: StatementUpload, *, at: datetime) -> StatementUpload:
    """A small file is gone through at once; a larger one, and one that another is at, is left to the worker."""
    while upload.size <= AT_ONCE_BYTES and upload.is_at_work and (run := claim(upload, at=at)):
        is_whole = work_through(run, at=at)
        upload.refresh_from_db()
        if not is_whole:
            break
    return upload


def work_through(run: Run, *, at: datetime) -> bool:
    """All of it. False where it went wrong: that is left to the next who takes it."""
    try:
        while go_on(run, at=at):
            pass
    except Exception:  # noqa: BLE001 -- whatever it is, another tries again
        _log.exception("%s could not go on", run.job)
        fail(run, at=at)
        return False
    release(run)
    return True


def _content(upload: StatementUpload) -> bytes:
    try:
        with default_storage.open(upload.stored_as) as file:
            content: bytes = file.read()
            return content
    except FileNotFoundError as error:
        raise errors.Invalid("The file is not in the storage any more. Upload it again.", field="file") from error


def _read(run: Run, at: datetime) -> Iterator[None]:
    """Go through the file once, and keep what would become of it."""
    upload, said = run.job, Said.of(run.job)
    proposal = statements.proposal_of(upload.company, _content(upload), said.mapping, partly=True)
    if not upload.is_to_book and missing(proposal.mapping):
        _keep(run, Preview(proposal), at=at)
        return
    proposal.mapping.check()
    accept = said.accept if upload.is_to_book else statements.usual_accept(proposal, said.accept)
    taken = statements.take(upload.company.currency, proposal, accept)
    survey = Survey.of(taken)
    _move(run, at=at, rows=taken.reading.rows, rows_done=0)
    for count in statements.look_through(taken, upload.source_name, survey):
        _move(run, at=at, rows_done=F("rows_done") + count)
        yield
    _keep(run, Preview(proposal, taken, survey), at=at)


def _move(run: Run, *, at: datetime, **place: Any) -> None:
    if not run.mine.update(claimed_until=at + CLAIM_HOLDS, failures=0, **place):
        raise _Lost


@operation
def _keep(run: Run, preview: Preview, *, at: datetime) -> None:
    if not run.mine.update(status=UploadStatus.READ, found=json.dumps(preview.found), claimed_until=None, expires_at=at + KEPT):
        raise _Lost
    upload = StatementUpload.objects.select_for_update().get(pk=run.job.pk)
    if upload.is_to_book:
        member = run.job.uploaded_by
        if member and not _may_still_book(member, at=at):
            raise errors.Forbidden
        _start(upload, actor=member, at=at)


def _may_still_book(member: Membership, *, at: datetime) -> bool:
    """Whether whoever sent a file may book it now: a program has to have a key that is not revoked."""
    if member.is_program and not ApiKey.objects.open_at(at).filter(integration__membership=member).exists():
        return False
    return member.is_active and member.user.is_active and member.may("imports.book")


def _booked(run: Run, at: datetime) -> Iterator[None]:
    """Book block after block, from the first row that waits."""
    upload, record = run.job, run.job.statement_import
    assert record is not None
    record.refresh_from_db()
    # What was found when it was read is how it is read now, whatever the company has said of such files, or of itself, since.
    told = upload.told
    proposal = statements.proposal_of(upload.company, _content(upload), _mapping_of(upload), header_line=told["header_line"])
    taken = statements.take(told["currency"], proposal, statements.usual_accept(proposal, Said.of(upload).accept))
    rows = islice(marked(taken, record.source), record.rows - record.waiting, None)
    for block in blocks(rows):
        ground = Ground(record.imported_by, at)
        ground.lay(told for told, _ in block)
        _book_block(run, record, block, ground, at=at)
        retry.give_way()
        yield
    _finish(run, record, proposal, at=at)


def _mapping_of(upload: StatementUpload) -> dict[str, Any] | None:
    told = upload.told
    mapping: dict[str, Any] | None = told["mapping"] if told["format"] == "csv" else None
    return mapping


@operation
def _book_block(run: Run, record: StatementImport, block: list[Marked], ground: Ground, *, at: datetime) -> None:
    _move(run, at=at, rows_done=F("rows_done") + len(block))
    record = StatementImport.objects.select_related("source").get(pk=record.pk)
    booking = Booking(record, run.job.company, ground, at=at)
    booking.add(block)
    booking.settle()


@operation
def _finish(run: Run, record: StatementImport, proposal: Proposal, *, at: datetime) -> None:
    ends = {"status": UploadStatus.BOOKED, "claimed_until": None, "finished_at": at, "expires_at": at + KEPT}
    if not run.mine.update(rows_done=record.rows, **ends):
        raise _Lost
    is_given = bool(run.job.mapping)
    statements.keep_mapping(replace(proposal, is_given=is_given, is_kept=run.job.told["is_kept"] and not is_given), at=at)
    finish(record, at=at)


@operation
def _refuse(run: Run, refusal: errors.DomainError, *, at: datetime) -> None:
    says = {"reason": refusal.message[:400], "reason_field": (refusal.field or "")[:60]}
    run.mine.update(status=UploadStatus.FAILED, claimed_until=None, finished_at=at, expires_at=at + KEPT, **says)


@operation
def fail(run: Run, *, at: datetime) -> None:
    """A block could not be read or booked. It is tried again a few times, and then given up."""
    jobs.let_another_try(run)
    if run.has_failed_too_often:
        _give_up(run, at=at)


def _give_up(run: Run, *, at: datetime) -> None:
    ends = {"status": UploadStatus.FAILED, "reason": _GAVE_UP, "claimed_until": None, "finished_at": at, "expires_at": at + KEPT}
    run.mine.update(**ends)


def release(run: Run) -> None:
    """Let another go on at once."""
    run.mine.update(claimed_until=None)


def forget(upload: StatementUpload, *, at: datetime) -> bool:
    """Its time is over. False where it is at work, or is booked in part."""
    return _remove(upload, _FORGETTABLE & Q(expires_at__lte=at) & ~Q(status__in=StatementUpload.at_work))
