"""Statements that are booked in the background: killed workers, several at one file, files that overlap, and swipes beside them."""

from __future__ import annotations

import itertools
import time
from datetime import timedelta

import pytest
from django.utils import timezone

from conftest import build_world
from reports.verification import COMPANY_CHECKS
from spendtrackr import jobs
from spendtrackr.tenancy import company_scope
from tests.factories import NOON, swipe
from tests.papers import read_upload, uploaded
from tests.test_crashes import killed_at
from tests.test_races import at_once
from transactions.models import ImportedLine, StatementImport, StatementIssue, StatementUpload, Transaction, UploadStatus
from transactions.operations import statement_lines, statement_uploads, statements
from transactions.operations.statements import StatementFile
from transactions.operations.swipes import authorize

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]

CHECKS = ("postings", "balances", "purchases", "imported lines", "spend lines", "day rollup", "month rollup", "month rollup within")


@pytest.fixture
def acme():
    world = build_world()
    with company_scope(world.acme.pk):
        yield world


def lines(first: int, last: int) -> bytes:
    rows = "".join(f"2026-01-{1 + n % 28:02},{n}.00,Shop {n % 7},{('EUR', 'USD')[n % 2]}\n" for n in range(first, last))
    return f"Date,Amount,Merchant,Currency\n{rows}x,1.00,Shop,USD\n".encode()


def is_clean() -> None:
    for name in CHECKS:
        assert list(COMPANY_CHECKS[name]()) == [], name


def work(upload: StatementUpload) -> None:
    """As any worker does, however often another is quicker."""
    while run := statement_uploads.claim(upload, at=timezone.now()):
        while statement_uploads.go_on(run, at=timezone.now()):
            pass
        statement_uploads.release(run)


def counted(record: StatementImport) -> tuple[int, ...]:
    record.refresh_from_db()
    return record.rows, record.booked, record.duplicates, record.skipped, record.rejected, record.waiting


def test_a_worker_killed_anywhere_leaves_whole_blocks_and_another_ends_the_work(acme, monkeypatch):
    monkeypatch.setattr(statement_lines, "BLOCK", 3)
    seen = set()
    for point in itertools.count(1, 4):
        upload = read_upload(lines(10 * point, 10 * point + 5), actor=acme.alice, at=NOON)
        statement_uploads.start(upload, actor=acme.alice, at=NOON)
        upload.refresh_from_db()
        before = ImportedLine.objects.count()
        _, survived = killed_at(point, lambda upload=upload: work(upload))
        rows, booked, duplicates, skipped, rejected, waiting = counted(upload.statement_import)
        assert rows == booked + duplicates + skipped + rejected + waiting == 6
        assert waiting in {6, 3, 0}
        assert ImportedLine.objects.count() == before + booked
        assert StatementIssue.objects.filter(statement_import=upload.statement_import).count() == rejected
        is_clean()
        seen.add(waiting)
        StatementUpload.objects.filter(pk=upload.pk).update(claimed_until=None)  # as after two minutes
        work(upload)
        assert counted(upload.statement_import) == (6, 5, 0, 0, 1, 0)
        upload.refresh_from_db()
        assert (upload.status, upload.rows_done) == (UploadStatus.BOOKED, 6)
        if survived:
            break
    assert seen == {6, 3, 0}
    assert point > 40
    is_clean()


def test_of_eight_workers_at_one_file_each_row_is_booked_once(acme, monkeypatch):
    monkeypatch.setattr(statement_lines, "BLOCK", 20)
    monkeypatch.setattr(jobs, "MOST_FAILURES", 1_000)  # a robbed worker is none that fell
    upload = uploaded(lines(1, 201), actor=acme.alice, at=NOON, book=True)

    def one(number: int):
        # Their claims run out at once: each is robbed of its work again and again.
        at = timezone.now() - timedelta(hours=8 - number)
        for _ in range(40):
            if run := statement_uploads.claim(upload, at=at):
                while statement_uploads.go_on(run, at=at):
                    pass
            at += timedelta(minutes=3)

    answers = at_once(acme, one, 8)
    assert not [answer for answer in answers if isinstance(answer, str)], answers
    work(upload)
    assert counted(StatementImport.objects.get()) == (201, 200, 0, 0, 1, 0)
    assert Transaction.objects.count() == 200
    is_clean()


def test_files_that_overlap_bring_each_row_once_whichever_way_they_come(acme, monkeypatch):
    monkeypatch.setattr(statement_lines, "BLOCK", 15)
    uploads = [uploaded(lines(1 + 20 * number, 101 + 20 * number), actor=acme.alice, at=NOON, book=True) for number in range(3)]

    def one(number: int):
        if number < 3:
            return work(uploads[number])
        return statements.import_statement(acme.acme, StatementFile(lines(1, 151), "s.csv", "Bank"), actor=None, at=NOON)

    answers = at_once(acme, one, 4)
    assert not [answer for answer in answers if isinstance(answer, str)], answers
    assert ImportedLine.objects.count() == Transaction.objects.count() == 150
    totals = [counted(record) for record in StatementImport.objects.all()]
    assert sum(booked for _, booked, *_ in totals) == 150
    assert all(row[-1] == 0 for row in totals)
    is_clean()


def test_swipes_are_answered_while_a_file_is_booked(acme, monkeypatch):
    """Each waits for a block at most, and never for the file."""
    monkeypatch.setattr(statement_lines, "BLOCK", 50)
    upload = uploaded(lines(1, 601), actor=acme.alice, at=NOON, book=True)
    waits: list[float] = []

    def either(number: int):
        if number == 0:
            begun = time.monotonic()
            work(upload)
            return time.monotonic() - begun
        while not StatementImport.objects.filter(booked__gt=0).exists():
            time.sleep(0.01)
        for place in range(10):
            begun = time.monotonic()
            assert authorize(acme.card, swipe(1_00, network_id=f"s{place}")).approved
            waits.append(time.monotonic() - begun)
            time.sleep(0.02)
        return None

    took, other = at_once(acme, either, 2)
    assert not isinstance(took, str), took
    assert other is None, other
    assert counted(StatementImport.objects.get())[1] == 600
    assert max(waits) < took / 3, (waits, took)
    is_clean()
