"""Exports: ask for a file, write it a block at a time, hand it out, forget it.

Who writes holds a claim that runs out, so that another begins anew where a worker fell: a file is whole or it is not there. Its rows are
read without a transaction.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from tempfile import TemporaryFile
from typing import IO

from django.core.files import File
from django.core.files.storage import default_storage
from django.db.models import Q
from django.db.models.functions import Coalesce

from reports.exports import MOST_ROWS, SUBJECTS, XLSX, Asked, Opened, Subject
from reports.exports.files import TooManyRows
from reports.models import Export, ExportStatus
from spendtrackr import errors, events, jobs
from spendtrackr.permissions import require
from spendtrackr.retry import operation
from users.models import Membership

# How long others leave a run alone after its last block: longer than it takes to close a workbook and to store it.
CLAIM_HOLDS = timedelta(minutes=5)
# Of one member, unfinished at a time.
MOST_AT_ONCE = 5
KEPT = timedelta(days=7)

_GAVE_UP = "Something went wrong, three times, and our operators were told."
_NOT_ALLOWED = "You may not see this any more."


def opened(what: str, to: str, given: Mapping[str, str], *, actor: Membership, at: datetime) -> Opened:
    """What is asked for, narrowed and ready to be written. Raises `Invalid` naming the field, `Forbidden`."""
    subject = _subject(what)
    if to not in subject.formats:
        raise errors.Invalid(errors.one_of("format", subject.formats), field="format", code="invalid_choice")
    require(subject.rule, actor)
    try:
        return subject.open(Asked(actor, at, given))
    except errors.Invalid as error:
        raise errors.Invalid(error.message, field=f"filters.{error.field}", code=error.code) from error


def _subject(what: str) -> Subject:
    if what not in SUBJECTS:
        raise errors.Invalid(errors.one_of("what", SUBJECTS), field="what", code="invalid_choice")
    return SUBJECTS[what]


@operation
def ask(what: str, to: str, given: Mapping[str, str], *, actor: Membership, at: datetime) -> Export:
    """Have a file written in the background. Raises as `opened` does, and `InvalidState` for one too many at a time."""
    opened(what, to, given, actor=actor, at=at)
    if Export.objects.filter(requested_by=actor, status__in=Export.at_work).count() >= MOST_AT_ONCE:
        raise errors.InvalidState(f"{MOST_AT_ONCE} of yours are at work already: wait for one of them.")
    filters = json.dumps(dict(given), sort_keys=True, ensure_ascii=False)
    export = Export.objects.create(what=what, format=to, filters=filters, requested_by=actor, asked_at=at)
    events.record("export.asked", export, actor=actor, at=at, what=what, format=to)
    return export


@operation
def streamed(what: str, to: str, *, actor: Membership, at: datetime) -> None:
    """A small file left the house at once: there is no row of it, but the log knows."""
    events.record("export.streamed", actor, actor=actor, at=at, what=what, format=to)


@dataclass(slots=True)
class Run(jobs.Run[Export]):
    """An export that this worker has claimed, and what it has written so far."""

    steps: Iterator[int] | None = None
    file: IO[bytes] = field(default_factory=TemporaryFile)


class _Refused(Exception):
    """It cannot be written, now or later."""


def claim(export: Export, *, at: datetime) -> Run | None:
    """Take it to write it. None where another is at it, or it is over."""
    stored_as = f"exports/{export.company.public_id}/{secrets.token_hex(16)}"
    key = jobs.take(
        export, at=at, holds=CLAIM_HOLDS, only=Q(stored_as=export.stored_as),
        status=ExportStatus.RUNNING, rows_done=0, stored_as=stored_as, started_at=Coalesce("started_at", at),
    )  # fmt: skip
    if not key:
        return None
    _remove(export.stored_as)
    run = Run(Export.objects.select_related("company", "requested_by__user", "requested_by__company").get(pk=export.pk), key)
    if run.has_failed_too_often:
        run.file.close()
        _refuse(run, _GAVE_UP, at=at)
        return None
    return run


def go_on(run: Run, *, at: datetime) -> bool:
    """Write the next block. False: it is over, or another has it now."""
    try:
        run.steps = run.steps or _begun(run)
        done = next(run.steps, None)
    except (_Refused, errors.DomainError) as refusal:
        _refuse(run, str(refusal), at=at)
        return False
    if done is None:
        _keep(run, at=at)
        return False
    return bool(run.mine.update(rows_done=done, claimed_until=at + CLAIM_HOLDS))


def _begun(run: Run) -> Iterator[int]:
    """What whoever asked may see is what they may see now, and the row says as what it was written."""
    export, member = run.job, run.job.requested_by
    subject = SUBJECTS.get(export.what)
    if subject is None or not (member.is_active and member.user.is_active and member.may(subject.rule)):
        raise _Refused(_NOT_ALLOWED)
    found = subject.open(Asked(member, export.asked_at, export.given))
    expected = found.count()
    if export.format == XLSX and expected >= MOST_ROWS:
        raise TooManyRows
    run.mine.update(rows_expected=expected, seen_as=subject.seen_as(member))
    return found.write(export.format, run.file)


def _keep(run: Run, *, at: datetime) -> None:
    """Store the file, before the row says that it is there."""
    size = run.file.seek(0, 2)
    run.file.seek(0)
    stored_as = default_storage.save(run.job.stored_as, File(run.file))
    if not _finish(run, stored_as, size, at=at):
        _remove(stored_as)


@operation
def _finish(run: Run, stored_as: str, size: int, *, at: datetime) -> bool:
    ends = {"finished_at": at, "claimed_until": None, "expires_at": at + KEPT}
    if not run.mine.update(status=ExportStatus.DONE, stored_as=stored_as, size=size, **ends):
        return False
    events.record("export.finished", run.job, actor=None, at=at, size=size, **_asked_for(run.job))
    return True


@operation
def _refuse(run: Run, reason: str, *, at: datetime) -> None:
    ends = {"finished_at": at, "claimed_until": None, "expires_at": at + KEPT}
    if run.mine.update(status=ExportStatus.FAILED, reason=reason[:200], **ends):
        events.record("export.failed", run.job, actor=None, at=at, **_asked_for(run.job))


def _asked_for(export: Export) -> dict[str, str]:
    """What whoever asked is told of it, also when its row has expired."""
    return {"member": str(export.requested_by.public_id), "what": export.what, "format": export.format}


def fail(run: Run, *, at: datetime) -> None:
    """It could not be written. It is begun anew a few times, and then given up."""
    jobs.let_another_try(run)
    if run.has_failed_too_often:
        _refuse(run, _GAVE_UP, at=at)


def release(run: Run) -> None:
    """Let another begin anew at once."""
    run.file.close()
    run.mine.update(claimed_until=None)


def hand_out(export: Export, *, actor: Membership, at: datetime) -> IO[bytes]:
    """The file, to whoever asked for it, and only what they may still see.

    Raises `InvalidState` before it is done, `Forbidden` where they may see less by now, `Missing` where it is not in the storage any more.
    """
    if export.status != ExportStatus.DONE:
        raise errors.InvalidState(export.reason or "It is not written yet: ask again in a moment.")
    subject = SUBJECTS.get(export.what)
    if subject is None or not _still_sees(actor, subject, export):
        raise errors.Forbidden("What you may see has changed since this was written. Ask for it again.")
    try:
        file: IO[bytes] = default_storage.open(export.stored_as)
    except FileNotFoundError as error:
        raise errors.Missing("The file of this export is not in the storage any more. Ask for it again.") from error
    _handed_out(export, actor=actor, at=at)
    return file


def _still_sees(member: Membership, subject: Subject, export: Export) -> bool:
    if export.requested_by_id != member.pk or not member.may(subject.rule):
        return False
    return subject.seen_as(member) in {"", export.seen_as}


@operation
def _handed_out(export: Export, *, actor: Membership, at: datetime) -> None:
    events.record("export.downloaded", export, actor=actor, at=at)


def forget(export: Export, *, at: datetime) -> bool:
    """The file first: a row without one is tried again, a file without a row would stay for ever."""
    if export.expires_at is None or export.expires_at > at:
        return False
    _remove(export.stored_as)
    return bool(Export.objects.filter(pk=export.pk).delete()[0])


def _remove(stored_as: str) -> None:
    if stored_as:
        default_storage.delete(stored_as)
