"""Statements in the background: read, booked a block at a time, gone on with where a worker fell; and what is never kept."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.db import IntegrityError, transaction

from spendtrackr import errors, jobs
from spendtrackr.card_numbers import without_card_numbers, without_marks
from spendtrackr.models import Event
from spendtrackr.tenancy import company_scope
from tests.factories import NOON
from tests.papers import read_upload, uploaded
from transactions import tasks
from transactions.models import (
    Entry,
    ImportedLine,
    StatementImport,
    StatementIssue,
    StatementMapping,
    StatementUpload,
    Transaction,
    UploadStatus,
)
from transactions.operations import statement_lines, statement_uploads, statements
from transactions.operations.statement_uploads import Said
from transactions.operations.statements import StatementFile
from transactions.statements.table import open_file
from users import operations as people

HEADER = "Date,Amount,Merchant\n"
# ISO/IEC 7812: a number that passes, in the shapes that files have.
CARD = "4111111111111111"


def rows(count: int, *, bad: int = 0) -> bytes:
    lines = [f"2026-01-{1 + n % 28:02},{n + 1}.00,Shop {n % 7}" for n in range(count)] + ["x,1.00,Shop"] * bad
    return (HEADER + "\n".join(lines) + "\n").encode()


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(statement_lines, "BLOCK", 4)


def work(upload: StatementUpload, *, blocks: int | None = None) -> StatementUpload:
    """What a worker does with it in one go; or so many blocks of it, and then it falls."""
    run = statement_uploads.claim(upload, at=NOON)
    assert run is not None
    done = 0
    while (blocks is None or done < blocks) and statement_uploads.go_on(run, at=NOON):
        done += 1
    if blocks is None:
        statement_uploads.release(run)
    upload.refresh_from_db()
    return upload


def told(record: StatementImport) -> tuple[int, ...]:
    record.refresh_from_db()
    return record.rows, record.booked, record.duplicates, record.skipped, record.rejected, record.waiting


def booked_rows() -> list[tuple]:
    """What an import left: transactions, and how such files are read from now on."""
    columns = ("amount_minor", "currency", "descriptor", "category__name")
    mappings = StatementMapping.objects.values_list("header_hash", "mapping")
    return [*Transaction.objects.order_by("occurred_on").values_list(*columns), *mappings]


class TestReading:
    def test_it_says_what_would_become_of_each_row_and_books_nothing(self, acme):
        statements.import_statement(acme.acme, StatementFile(rows(2), "s.csv", "Bank"), actor=acme.alice, at=NOON)
        upload = read_upload(rows(5, bad=1), actor=acme.alice, at=NOON)
        found = upload.told
        assert (upload.status, upload.rows, upload.rows_done) == (UploadStatus.READ, 6, 6)
        assert found["counts"] == {"book": 3, "duplicate": 2, "skipped": 0, "rejected": 1}
        assert [row["verdict"] for row in found["rows"]] == ["duplicate", "duplicate", "book", "book", "book", "rejected"]
        assert found["totals"] == [{"minor": 12_00, "currency": "USD"}]
        assert Transaction.objects.count() == 2

    def test_it_is_what_the_preview_says(self, acme):
        content = rows(3, bad=1)
        at_once = statements.preview(acme.acme, StatementFile(content, "s.csv", "Bank"))
        assert read_upload(content, actor=acme.alice, at=NOON).told == at_once.found

    def test_the_first_rows_of_each_kind_are_kept_and_all_are_counted(self, acme):
        found = read_upload(rows(300, bad=2), actor=acme.alice, at=NOON).told
        assert (len(found["rows"]), found["counts"]["book"], found["rows"][-1]["verdict"]) == (252, 300, "rejected")

    @pytest.mark.parametrize(
        ("content", "field"),
        [(b"", "file"), (b"a,b\n1,2\n", "file"), (b"\0\0\0", "file"), (b'Date,Amount\n2026-01-01,"1\n', "file"), (b"<xml/>", "file")],
    )
    def test_what_cannot_be_read_fails_with_the_reason_and_books_nothing(self, acme, content, field):
        if not content.strip() or b"\0" in content:
            with pytest.raises(errors.Invalid) as refusal:
                uploaded(content, actor=acme.alice, at=NOON)
            assert refusal.value.field == field
            assert StatementUpload.objects.count() == 0
            return
        upload = read_upload(content, actor=acme.alice, at=NOON, book=True)
        assert (upload.status, upload.reason_field, bool(upload.reason)) == (UploadStatus.FAILED, field, True)
        assert (upload.statement_import, Transaction.objects.count()) == (None, 0)

    def test_a_column_that_nobody_knows_waits_for_a_word(self, acme):
        upload = read_upload(b"Date,Merchant,Paid\n2026-01-05,Shop,3.00\n", actor=acme.alice, at=NOON)
        assert (upload.status, upload.told["missing"]) == (UploadStatus.READ, ["amount"])
        with pytest.raises(errors.Invalid) as refusal:
            statement_uploads.start(upload, actor=acme.alice, at=NOON)
        assert refusal.value.field == "mapping.columns.amount"
        columns = {"transaction_date": "Date", "merchant": "Merchant", "amount": "Paid"}
        upload = statement_uploads.change(upload, Said({"columns": columns}).columns(), at=NOON)
        assert upload.status == UploadStatus.READING
        upload = statement_uploads.finish_now(upload, at=NOON)
        assert upload.told["counts"]["book"] == 1

    def test_a_banks_lines_are_looked_at_as_money_that_went_out_and_booked_so(self, acme):
        text = "!Type:Bank\nD2026-03-04\nT-1.00\nPShop\n^\nD2026-03-05\nT5.00\nPCustomer\n^\n"
        upload = read_upload(text.encode(), actor=acme.alice, at=NOON)
        assert upload.told["counts"] == {"book": 1, "duplicate": 0, "skipped": 1, "rejected": 0}
        statement_uploads.start(upload, actor=acme.alice, at=NOON)
        work(upload)
        assert told(upload.statement_import) == (2, 1, 0, 1, 0, 0)

    def test_whoever_books_a_banks_statement_unseen_says_what_of_it_is_spend(self, acme):
        text = "!Type:Bank\nD2026-03-04\nT-1.00\nPShop\n^\nD2026-03-05\nT5.00\nPCustomer\n^\n"
        unsaid = read_upload(text.encode(), actor=acme.alice, at=NOON, book=True)
        assert (unsaid.status, unsaid.reason_field) == (UploadStatus.FAILED, "accept")
        said = read_upload(text.encode(), actor=acme.alice, at=NOON, book=True, said=Said(None, frozenset({6})))
        assert told(said.statement_import) == (2, 1, 0, 1, 0, 0)
        nowhere = read_upload(text.encode(), actor=acme.alice, at=NOON, book=True, said=Said(None, frozenset({99})))
        assert (nowhere.status, nowhere.reason_field) == (UploadStatus.FAILED, "accept")


class TestBooking:
    def test_it_books_what_was_read_and_says_so(self, acme):
        upload = read_upload(rows(5, bad=1), actor=acme.alice, at=NOON)
        started = statement_uploads.start(upload, actor=acme.alice, at=NOON)
        assert told(started.statement_import) == (6, 0, 0, 0, 0, 6)
        done = statement_uploads.finish_now(started, at=NOON)
        assert (done.status, done.rows_done) == (UploadStatus.BOOKED, 6)
        assert told(done.statement_import) == (6, 5, 0, 0, 1, 0)
        assert (Transaction.objects.count(), acme.account().spent_minor) == (5, 15_00)

    def test_it_is_the_same_as_an_import_at_once(self, acme, small_blocks):
        """Rows, figures, report, categories and what is kept of the mapping."""
        content = b"Date,Amount,Currency,Merchant,Category\n" + b"".join(
            b"2026-01-%02d,%d.00,%s,Shop %d,Cat %d\n" % (1 + n, n + 1, b"EUR" if n % 3 else b"USD", n % 4, n % 2) for n in range(11)
        )
        content += b"\nx,1,USD,Shop,Cat 0\n"
        direct = statements.import_statement(acme.mallory.company, StatementFile(content, "s.csv", "Bank"), actor=None, at=NOON)
        upload = read_upload(content, actor=acme.alice, at=NOON, book=True)
        record = upload.statement_import
        assert told(record) == (13, 11, 0, 1, 1, 0)
        here = booked_rows()
        with company_scope(acme.mallory.company_id):
            assert (told(direct), direct.details, direct.mapping) == (told(record), record.details, record.mapping)
            assert booked_rows() == here

    def test_where_a_worker_falls_another_goes_on_and_nothing_counts_twice(self, acme, small_blocks):
        content = rows(21) + HEADER.encode() + rows(3).split(b"\n", 1)[1]
        upload = read_upload(content, actor=acme.alice, at=NOON)
        statement_uploads.start(upload, actor=acme.alice, at=NOON)
        work(upload, blocks=2)
        assert told(upload.statement_import)[1:] == (8, 0, 0, 0, 17)
        assert upload.rows_done == 8
        assert statement_uploads.claim(upload, at=NOON) is None, "others leave it alone for a while"
        later = NOON + statement_uploads.CLAIM_HOLDS
        run = statement_uploads.claim(upload, at=later)
        while statement_uploads.go_on(run, at=later):
            pass
        # The three at the end are twins of the first three, and each is the second of its kind, wherever the work was taken up again.
        assert told(upload.statement_import) == (25, 24, 0, 1, 0, 0)
        again = statements.import_statement(acme.acme, StatementFile(content, "s.csv", "Bank"), actor=None, at=NOON)
        assert told(again) == (25, 0, 24, 1, 0, 0)

    def test_a_worker_that_was_given_up_books_nothing_more(self, acme, small_blocks):
        upload = read_upload(rows(12), actor=acme.alice, at=NOON)
        statement_uploads.start(upload, actor=acme.alice, at=NOON)
        upload.refresh_from_db()
        slow = statement_uploads.claim(upload, at=NOON)
        assert statement_uploads.go_on(slow, at=NOON)
        quick = statement_uploads.claim(upload, at=NOON + statement_uploads.CLAIM_HOLDS)
        assert not statement_uploads.go_on(slow, at=NOON)
        while statement_uploads.go_on(quick, at=NOON):
            pass
        assert told(upload.statement_import) == (12, 12, 0, 0, 0, 0)

    def test_what_goes_wrong_in_a_block_leaves_nothing_of_it_and_is_given_up_after_three(self, acme, small_blocks, monkeypatch):
        upload = read_upload(rows(12), actor=acme.alice, at=NOON)
        statement_uploads.start(upload, actor=acme.alice, at=NOON)
        add = statement_lines.rollups.add
        calls = []

        def fails_after_one(spend):
            calls.append(1)
            if len(calls) > 1:
                raise ZeroDivisionError
            add(spend)

        monkeypatch.setattr(statement_lines.rollups, "add", fails_after_one)
        for _ in range(jobs.MOST_FAILURES):
            tasks.run_uploads(NOON)
        upload.refresh_from_db()
        assert (upload.status, "given" in upload.reason or "three times" in upload.reason) == (UploadStatus.FAILED, True)
        assert told(upload.statement_import) == (12, 4, 0, 0, 0, 8)
        assert (Transaction.objects.count(), ImportedLine.objects.count(), acme.account().spent_minor) == (4, 4, 10_00)
        monkeypatch.setattr(statement_lines.rollups, "add", add)
        statement_uploads.start(upload, actor=acme.alice, at=NOON)
        tasks.run_uploads(NOON)
        assert told(upload.statement_import) == (12, 12, 0, 0, 0, 0)

    def test_what_another_import_brought_meanwhile_is_in_already(self, acme, small_blocks):
        upload = read_upload(rows(12), actor=acme.alice, at=NOON)
        statement_uploads.start(upload, actor=acme.alice, at=NOON)
        work(upload, blocks=1)
        between = statements.import_statement(acme.acme, StatementFile(rows(10), "t.csv", "Bank"), actor=None, at=NOON)
        assert told(between) == (10, 6, 4, 0, 0, 0)
        run = statement_uploads.claim(upload, at=NOON + statement_uploads.CLAIM_HOLDS)
        while statement_uploads.go_on(run, at=NOON):
            pass
        assert told(upload.statement_import) == (12, 6, 6, 0, 0, 0)
        assert StatementIssue.objects.filter(statement_import=upload.statement_import).count() == 6

    def test_a_file_that_went_from_the_storage_is_said_to_have(self, acme):
        upload = read_upload(rows(3), actor=acme.alice, at=NOON)
        default_storage.delete(upload.stored_as)
        statement_uploads.start(upload, actor=acme.alice, at=NOON)
        upload = statement_uploads.finish_now(StatementUpload.objects.get(), at=NOON)
        assert (upload.status, upload.reason_field) == (UploadStatus.FAILED, "file")
        assert "not in the storage" in upload.reason

    def test_whoever_may_not_book_any_more_has_nothing_booked(self, acme):
        frank = acme.hire("Frank", "finance")
        upload = uploaded(rows(3), actor=frank, at=NOON, book=True)
        frank.role = "employee"
        frank.save()
        assert statement_uploads.finish_now(upload, at=NOON).status == UploadStatus.FAILED
        assert Transaction.objects.count() == 0

    def test_rows_and_counts_cannot_part(self, acme):
        upload = read_upload(rows(3), actor=acme.alice, at=NOON, book=True)
        with pytest.raises(IntegrityError), transaction.atomic():
            StatementImport.objects.filter(pk=upload.statement_import_id).update(waiting=1)
        with pytest.raises(IntegrityError), transaction.atomic():
            StatementUpload.objects.filter(pk=upload.pk).update(statement_import=None)


class TestStates:
    def test_what_is_booked_is_not_read_otherwise(self, acme):
        upload = read_upload(rows(3), actor=acme.alice, at=NOON, book=True)
        for change in (
            lambda: statement_uploads.change(upload, {"source_name": "Other"}, at=NOON),
            lambda: statement_uploads.start(upload, actor=acme.alice, at=NOON),
        ):
            with pytest.raises(errors.InvalidState):
                change()
        assert Transaction.objects.count() == 3

    def test_what_is_booked_in_part_is_kept_until_it_is_whole(self, acme, small_blocks):
        upload = read_upload(rows(12), actor=acme.alice, at=NOON)
        statement_uploads.start(upload, actor=acme.alice, at=NOON)
        upload.refresh_from_db()
        work(upload, blocks=1)
        StatementUpload.objects.update(status=UploadStatus.FAILED, claimed_until=None)
        upload.refresh_from_db()
        with pytest.raises(errors.InvalidState):
            statement_uploads.discard(upload)
        assert tasks.forget_uploads(NOON + statement_uploads.KEPT) == 0
        upload = statement_uploads.start(upload, actor=acme.alice, at=NOON)
        assert work(upload).status == UploadStatus.BOOKED

    def test_whoever_pressed_the_button_is_who_booked_it(self, acme):
        frank = acme.hire("Frank", "finance")
        upload = read_upload(b"Date,Amount,Merchant,Category\n2026-01-05,3.00,Shop,New one\n", actor=acme.alice, at=NOON)
        statement_uploads.finish_now(statement_uploads.start(upload, actor=frank, at=NOON), at=NOON)
        acted = dict(Event.objects.filter(type__in=["statement.imported", "category.added"]).values_list("type", "actor_id"))
        assert acted["statement.imported"] == acted["category.added"] == frank.public_id

    def test_how_it_was_read_is_how_it_is_booked_whatever_was_said_since(self, acme):
        text = b"Kto,Ort\nDate,Amount,Merchant\n2026-01-05,3.00,Shop\n"
        upload = read_upload(text, actor=acme.alice, at=NOON)
        assert upload.told["counts"] == {"book": 1, "duplicate": 0, "skipped": 1, "rejected": 0}
        other = {"columns": {"transaction_date": "Kto", "amount": "Ort"}}
        statements.import_statement(acme.acme, StatementFile(b"Kto,Ort\n2026-01-05,1.00\n", "t.csv"), actor=None, at=NOON, mapping=other)
        type(acme.acme).objects.filter(pk=acme.acme.pk).update(currency="EUR")
        upload = statement_uploads.finish_now(statement_uploads.start(upload, actor=acme.alice, at=NOON), at=NOON)
        assert told(upload.statement_import) == (2, 1, 0, 1, 0, 0)
        assert upload.statement_import.details["totals"] == [{"minor": 3_00, "currency": "USD"}]

    def test_what_somebody_said_is_kept_against_what_was_proposed_before(self, acme):
        first = read_upload(rows(1), actor=acme.alice, at=NOON)
        columns = {"transaction_date": "Date", "amount": "Amount", "merchant": "Merchant"}
        read_upload(rows(2), actor=acme.alice, at=NOON, book=True, said=Said({"columns": columns, "charges": "negative"}))
        statement_uploads.finish_now(statement_uploads.start(first, actor=acme.alice, at=NOON), at=NOON)
        assert json.loads(StatementMapping.objects.get().mapping)["charges"] == "negative"

    def test_reading_anew_counts_anew(self, acme, small_blocks):
        upload = uploaded(rows(20), actor=acme.alice, at=NOON)
        work(upload, blocks=3)
        StatementUpload.objects.update(claimed_until=None)
        assert work(upload).rows_done == 20

    def test_a_file_that_fells_its_workers_is_given_up(self, acme):
        upload = uploaded(rows(3), actor=acme.alice, at=NOON)
        at = NOON
        for _ in range(jobs.MOST_FAILURES):
            assert statement_uploads.claim(upload, at=at) is not None
            at += statement_uploads.CLAIM_HOLDS
        assert statement_uploads.claim(upload, at=at) is None
        upload.refresh_from_db()
        assert (upload.status, "three times" in upload.reason) == (UploadStatus.FAILED, True)

    def test_troubles_between_which_it_comes_on_do_not_add_up(self, acme, small_blocks):
        upload = read_upload(rows(20), actor=acme.alice, at=NOON)
        statement_uploads.start(upload, actor=acme.alice, at=NOON)
        for _ in range(4):
            run = statement_uploads.claim(upload, at=NOON)
            assert statement_uploads.go_on(run, at=NOON)
            statement_uploads.fail(run, at=NOON)
        upload.refresh_from_db()
        assert work(upload).status == UploadStatus.BOOKED

    def test_a_key_that_was_revoked_books_nothing_more(self, acme):
        key, _ = people.create_key(name="Bank", scopes=["imports:write"], actor=acme.alice, at=NOON)
        program = key.integration.membership
        upload = uploaded(rows(3), actor=program, at=NOON, book=True)
        people.revoke_key(key, actor=acme.alice, at=NOON)
        assert statement_uploads.finish_now(upload, at=NOON).status == UploadStatus.FAILED
        assert Transaction.objects.count() == 0

    def test_an_entry_says_when_it_was_booked(self, acme, small_blocks):
        upload = read_upload(rows(8), actor=acme.alice, at=NOON)
        statement_uploads.start(upload, actor=acme.alice, at=NOON)
        upload.refresh_from_db()
        work(upload, blocks=1)
        later = NOON + timedelta(days=3)
        run = statement_uploads.claim(upload, at=later)
        while statement_uploads.go_on(run, at=later):
            pass
        assert sorted(set(Entry.objects.filter(kind="import").values_list("at", flat=True))) == [NOON, later]

    def test_what_is_gone_is_said_to_be(self, acme):
        upload = read_upload(rows(3), actor=acme.alice, at=NOON)
        statement_uploads.discard(StatementUpload.objects.get())
        with pytest.raises(errors.Missing):
            statement_uploads.start(upload, actor=acme.alice, at=NOON)

    def test_of_many_files_each_has_its_turn_and_few_are_held(self, world, monkeypatch, small_blocks):
        monkeypatch.setattr(tasks.UPLOADS, "most_begun", 2)
        for _ in range(4):
            uploaded(rows(9), actor=world.alice, at=NOON)
        for _ in range(2):
            tasks.run_uploads(NOON, seconds=0)
            assert len(tasks.UPLOADS.begun) <= 2
        for _ in range(40):
            tasks.run_uploads(NOON, seconds=0)
        assert set(StatementUpload.across_companies.values_list("status", flat=True)) == {"read"}

    def test_what_is_being_booked_is_not_discarded(self, acme):
        upload = read_upload(rows(3), actor=acme.alice, at=NOON)
        upload = statement_uploads.start(upload, actor=acme.alice, at=NOON)
        with pytest.raises(errors.InvalidState):
            statement_uploads.discard(upload)
        done = statement_uploads.finish_now(upload, at=NOON)
        statement_uploads.discard(done)
        assert (StatementUpload.objects.count(), StatementImport.objects.count(), Transaction.objects.count()) == (0, 1, 3)
        assert not default_storage.exists(upload.stored_as)

    def test_a_change_while_it_is_read_takes_it_from_the_worker(self, acme, small_blocks):
        upload = uploaded(rows(12), actor=acme.alice, at=NOON)
        run = statement_uploads.claim(upload, at=NOON)
        assert statement_uploads.go_on(run, at=NOON)
        statement_uploads.change(upload, {"source_name": "Other"}, at=NOON)
        assert not statement_uploads.go_on(run, at=NOON)
        assert work(upload).status == UploadStatus.READ

    def test_no_more_than_a_few_are_at_work(self, acme):
        for _ in range(statement_uploads.MOST_AT_WORK):
            uploaded(rows(1), actor=acme.alice, at=NOON)
        with pytest.raises(errors.InvalidState):
            uploaded(rows(1), actor=acme.alice, at=NOON)

    def test_after_a_week_file_and_row_go_and_what_was_booked_stays(self, acme):
        upload = read_upload(rows(3), actor=acme.alice, at=NOON, book=True)
        waiting = uploaded(rows(3), actor=acme.alice, at=NOON)
        week = NOON + statement_uploads.KEPT
        assert tasks.forget_uploads(week - timedelta(seconds=1)) == 0
        assert tasks.forget_uploads(week) == 1
        assert not statement_uploads.forget(waiting, at=week)
        assert list(StatementUpload.objects.all()) == [waiting], "what is at work is not forgotten"
        assert (default_storage.exists(upload.stored_as), Transaction.objects.count()) == (False, 3)

    def test_a_suspended_company_waits(self, acme):
        uploaded(rows(3), actor=acme.alice, at=NOON, book=True)
        type(acme.acme).objects.filter(pk=acme.acme.pk).update(status="suspended")
        assert tasks.run_uploads(NOON) == 0
        type(acme.acme).objects.filter(pk=acme.acme.pk).update(status="active")
        while tasks.run_uploads(NOON):
            pass
        assert Transaction.objects.count() == 3

    def test_a_long_one_is_gone_on_with_in_the_next_round_and_let_go_with_the_process(self, acme, small_blocks):
        upload = uploaded(rows(12), actor=acme.alice, at=NOON, book=True)
        tasks.run_uploads(NOON, seconds=0)
        upload.refresh_from_db()
        assert (upload.rows_done, upload.claimed_until) == (4, NOON + statement_uploads.CLAIM_HOLDS)
        tasks.run_uploads(NOON, seconds=0)
        upload.refresh_from_db()
        assert upload.rows_done == 8
        tasks.let_go()
        upload.refresh_from_db()
        assert (upload.claimed_until, tasks.UPLOADS.begun) == (None, {})
        while tasks.run_uploads(NOON):
            pass
        assert Transaction.objects.count() == 12


class TestCardNumbers:
    @pytest.mark.parametrize(
        ("text", "read"),
        [
            (f"card {CARD} paid", "card ••••••••••••1111 paid"),
            ("4111 1111 1111 1111;x", "••••••••••••1111;x"),
            ("4111  1111 1111 1111", "••••••••••••1111"),
            ("4111\u00a01111\u202f1111-1111", "••••••••••••1111"),
            ("3782 822463 10005", "•••••••••••0005"),
            ("378282246310005", "•••••••••••0005"),
            ("30569309025904", "••••••••••5904"),
            ("visa-4111111111111111.csv", "visa-••••••••••••1111.csv"),
            ("2026-03-05 " + CARD, "2026-03-05 ••••••••••••1111"),
            ("6212 3456 7890 0000 003", "•••••••••••••••0003"),
        ],
    )
    def test_they_are_hidden_but_for_the_last_four(self, text, read):
        assert without_marks(without_card_numbers(text)) == read

    @pytest.mark.parametrize(
        "text",
        ["20260305120000.000[-5:EST]", "24.10.2026 20.57.46", "2026-03-05 10.11.12", "************1234", "1234567890123",
         "4111111111111112", "DE12500105170648489890", "41111111111111110", "1,234,567.89", "9111111111111111", "2026030512345678"],
    )  # fmt: skip
    def test_days_amounts_and_accounts_stay(self, text):
        assert without_card_numbers(text) == text

    def test_days_of_every_shape_stay(self):
        for day in range(1, 29):
            for month in range(1, 13):
                for text in (f"2026{month:02}{day:02}093000.000", f"{day:02}.{month:02}.2026 20.57.46", f"{month:02}/{day:02}/2026 1234"):
                    assert without_card_numbers(text) == text

    def test_references_that_differ_still_differ_and_nobody_reads_the_mark(self, acme):
        """Both look like a card number that ends alike."""
        texts = [f"Date,Amount,Merchant,Reference\n2026-01-05,1.00,Shop,{reference}\n" for reference in (CARD, "4010000000041111")]
        hidden = {without_card_numbers(text) for text in texts}
        assert len(hidden) == 2
        assert len({without_marks(text) for text in hidden}) == 1
        for text in texts:
            record = statements.import_statement(acme.acme, StatementFile(text.encode(), "s.csv", "Bank"), actor=None, at=NOON)
            assert told(record)[1] == 1
        again = read_upload(texts[0].encode(), actor=acme.alice, at=NOON).told
        assert again["counts"]["duplicate"] == 1, "kept or not, it is the same row"
        assert not any("\ue000" <= character <= "\uf8ff" for character in json.dumps(again, ensure_ascii=False))

    def test_names_have_none_either(self, acme):
        upload = read_upload(rows(1), actor=acme.alice, at=NOON, book=True, name=f"visa-{CARD}.csv", source=f"Visa {CARD}")
        record = upload.statement_import
        for text in (upload.filename, upload.source_name, record.filename, record.source.name):
            assert CARD not in text
            assert "1111" in text
        waiting = read_upload(rows(2), actor=acme.alice, at=NOON)
        assert CARD not in statement_uploads.change(waiting, {"attribution": f"Of {CARD}"}, at=NOON).attribution

    def test_the_file_that_is_kept_has_none(self, acme):
        content = f"Date,Amount,Merchant,Card Number\n2026-01-05,1.00,Café,{CARD}\n".encode("cp1252")
        upload = read_upload(content, actor=acme.alice, at=NOON, book=True)
        with default_storage.open(upload.stored_as) as file:
            kept = file.read().decode()
        assert CARD not in kept
        assert "Café,••••••••••••1111" in without_marks(kept)
        assert Transaction.objects.get().card_last4 == "1111"
        for row in (*StatementUpload.objects.values(), *StatementImport.objects.values(), *Transaction.objects.values()):
            assert CARD not in json.dumps(row, default=str)

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
    def test_what_was_opened_is_the_text_that_was_sent(self, encoding):
        text = "Date;Amount\r\n2026-01-05;1,00\rx\n\n"
        assert open_file(text.encode(encoding)).text == text


class TestByApi:
    def send(self, client, content: bytes = b"", **more):
        file = SimpleUploadedFile("march.csv", content or rows(3, bad=1))
        return client.post("/api/v1/statement-uploads/", {"file": file, **more}, format="multipart")

    def test_from_a_file_to_the_books(self, world, api):
        client = api(world.alice)
        made = self.send(client, source="Bank", attribution="Open data")
        assert (made.status_code, made.json()["status"], made.json()["preview"], made.json()["rows"]) == (201, "reading", None, None)
        at = f"/api/v1/statement-uploads/{made.json()['id']}/"
        tasks.run_uploads(NOON)
        shown = client.get(at).json()
        assert (shown["status"], shown["rows"], shown["rows_done"], shown["import"]) == ("read", 4, 4, None)
        assert shown["preview"]["counts"] == {"book": 3, "duplicate": 0, "skipped": 0, "rejected": 1}
        started = client.post(f"{at}book/")
        assert (started.status_code, started.json()["status"]) == (200, "booking")
        tasks.run_uploads(NOON)
        shown = client.get(at).json()
        assert (shown["status"], shown["rows_done"], shown["problem"]) == ("booked", 4, None)
        record = client.get(f"/api/v1/imports/{shown['import']}/").json()
        assert (record["rows"], record["booked"], record["rejected"], record["waiting"]) == (4, 3, 1, 0)
        issues = client.get(f"/api/v1/imports/{shown['import']}/issues/").json()["data"]
        assert (
            issues
            == record["issues"]
            == [{"line": 5, "kind": "rejected", "reason": record["issues"][0]["reason"], "field": "transaction_date"}]
        )
        assert client.get(f"/api/v1/imports/{shown['import']}/issues/?kind=skipped").json()["data"] == []

    def test_what_was_said_is_read_back_and_changed_one_by_one(self, world, api):
        client = api(world.alice)
        mapping = {"columns": {"transaction_date": "Date", "amount": "Amount"}}
        made = self.send(client, mapping=json.dumps(mapping), accept="[3, 7]").json()
        assert (made["mapping"], made["accept"], made["book"]) == (mapping, [3, 7], False)
        at = f"/api/v1/statement-uploads/{made['id']}/"
        changed = client.patch(at, {"accept": "all"}, format="json").json()
        assert (changed["mapping"], changed["accept"], changed["source"]) == (mapping, "all", "Statement")
        changed = client.patch(at, {"mapping": None, "source": "Bank"}, format="json").json()
        assert (changed["mapping"], changed["accept"], changed["source"]) == (None, "all", "Bank")

    @pytest.mark.parametrize(
        ("body", "field"),
        [({"accept": "some"}, "accept"), ({"accept": [0]}, "accept"), ({"accept": [True]}, "accept"), ({"mapping": "x"}, "mapping"),
         ({"mapping": {"columns": "x" * 20_001}}, "mapping"), ({"filename": "x"}, "filename"), ({"source": "a\nb"}, "source")],
    )  # fmt: skip
    def test_what_makes_no_sense_is_refused_by_its_field(self, world, api, body, field):
        client = api(world.alice)
        made = self.send(client).json()
        answer = client.patch(f"/api/v1/statement-uploads/{made['id']}/", body, format="json")
        assert (answer.status_code, answer.json()["field"]) == (400, field)

    @pytest.mark.parametrize("mapping", ['{"columns": NaN}', '"x"', "[1]", '{"columns": {"amount": "\\ud800"}}', "{"])
    def test_a_mapping_that_is_none_is_refused_before_anything_is_kept(self, world, api, mapping):
        client = api(world.alice)
        for path in ("statement-uploads/", "imports/", "imports/preview/"):
            file = SimpleUploadedFile("march.csv", rows(3))
            answer = client.post(f"/api/v1/{path}", {"file": file, "mapping": mapping}, format="multipart")
            assert (answer.status_code, answer.json()["field"]) == (400, "mapping")
        assert StatementUpload.across_companies.count() == 0
        made = self.send(client).json()
        body = '{"mapping": {"columns": {"a": "\\ud800"}}}'
        answer = client.patch(f"/api/v1/statement-uploads/{made['id']}/", body, content_type="application/json")
        assert (answer.status_code, answer.json()["field"]) == (400, "mapping")

    def test_a_refusal_and_a_repetition_keep_no_file(self, world, api):
        client, folder = api(world.alice), f"statements/{world.acme.public_id}"
        before = len(default_storage.listdir(folder)[1]) if default_storage.exists(folder) else 0
        for _ in range(3):
            client.post(
                "/api/v1/statement-uploads/",
                {"file": SimpleUploadedFile("m.csv", rows(3))},
                format="multipart",
                headers={"Idempotency-Key": "k"},
            )
        for _ in range(statement_uploads.MOST_AT_WORK):
            answer = self.send(client)
        assert answer.status_code == 409
        kept = len(default_storage.listdir(folder)[1]) - before
        assert kept == StatementUpload.across_companies.count() == statement_uploads.MOST_AT_WORK

    def test_a_mapping_that_does_not_fit_the_file_fails_when_it_is_read(self, world, api):
        client = api(world.alice)
        made = self.send(client, mapping='{"columns": {"amount": "Nowhere"}}', book="true").json()
        tasks.run_uploads(NOON)
        shown = client.get(f"/api/v1/statement-uploads/{made['id']}/").json()
        assert (shown["status"], shown["problem"]["field"], shown["import"]) == ("failed", "mapping.columns.amount", None)

    def test_a_key_sends_it_once(self, world, api):
        client = api(world.alice)
        for _ in range(2):
            file = SimpleUploadedFile("march.csv", rows(3))
            answer = client.post("/api/v1/statement-uploads/", {"file": file}, format="multipart", headers={"Idempotency-Key": "k"})
        assert (answer.status_code, answer["Idempotent-Replayed"]) == (201, "true")
        assert StatementUpload.across_companies.count() == 1

    def test_a_file_of_many_rows_goes_by_an_upload(self, world, api, settings):
        settings.IMPORT_MAX_ROWS_AT_ONCE = 3
        file = SimpleUploadedFile("march.csv", rows(4))
        answer = api(world.alice).post("/api/v1/imports/", {"file": file}, format="multipart")
        assert (answer.status_code, answer.json()["field"]) == (413, "file")
        assert "statement upload" in answer.json()["message"]
        assert Transaction.across_companies.count() == 0

    def test_it_is_discarded(self, world, api):
        client = api(world.alice)
        made = self.send(client).json()
        at = f"/api/v1/statement-uploads/{made['id']}/"
        assert client.delete(at).status_code == 204
        assert client.get(at).status_code == 404


class TestOnPages:
    def open(self, pages, member, content: bytes, **more):
        client = pages(member)
        sent = client.post("/imports/", {"file": SimpleUploadedFile("march.csv", content), "source": "Bank", **more})
        return client, sent

    def test_a_small_file_is_looked_at_and_booked_while_somebody_waits(self, world, pages):
        client, sent = self.open(pages, world.alice, rows(3, bad=1))
        page = client.get(sent["Location"]).content.decode()
        assert "3 rows would be booked" in page
        assert "$6.00" in page
        assert "is not a date" in page
        assert Transaction.across_companies.count() == 0
        done = client.post(sent["Location"], {"do": "book"}, follow=True)
        assert done.redirect_chain[-1][0].startswith("/imports/imp_")
        assert "3 rows booked" in done.content.decode()
        listed = client.get("/imports/").content.decode()
        assert "march.csv" in listed
        assert "On their way" not in listed

    def test_columns_that_nobody_recognised_are_chosen(self, world, pages):
        client, sent = self.open(pages, world.alice, b"Date,Merchant,Paid\n2026-01-05,Shop,3.00\n")
        page = client.get(sent["Location"]).content.decode()
        assert "Say which column holds: amount" in page
        assert "Book " not in page
        ways = {"date_format": "%Y-%m-%d", "decimal_mark": ".", "charges": "positive"}
        body = {"do": "read", "transaction_date": "Date", "merchant": "Merchant", "amount": "Paid", **ways}
        assert "1 row would be booked" in client.post(sent["Location"], body, follow=True).content.decode()
        wrong = client.post(sent["Location"], {**body, "amount": "Nowhere"})
        assert wrong.status_code == 400
        assert "Nowhere" in wrong.content.decode()

    def test_lines_of_a_bank_are_ticked(self, world, pages):
        text = b"!Type:Bank\nD2026-03-04\nT-1.00\nPShop\n^\nD2026-03-05\nT5.00\nPCustomer\n^\nD2026-03-06\nT-7.00\nPRent\n^\n"
        client, sent = self.open(pages, world.alice, text)
        page = client.get(sent["Location"]).content.decode()
        assert "2 rows would be booked" in page
        after = client.post(sent["Location"], {"do": "read", "accept": "ticked", "line": ["10"]}, follow=True).content.decode()
        assert "1 row would be booked" in after
        assert "$7.00" in after

    def test_lines_are_ticked_only_where_all_are_to_be_seen(self, world, pages):
        text = "!Type:Bank\n" + "".join(f"D2026-03-{1 + n % 28:02}\nT-{n + 1}.00\nPShop\n^\n" for n in range(300))
        client, sent = self.open(pages, world.alice, text.encode())
        page = client.get(sent["Location"]).content.decode()
        assert "300 rows would be booked" in page
        assert 'name="line"' not in page
        assert client.post(sent["Location"], {"do": "read", "accept": "ticked", "line": ["2"]}).status_code == 400

    def test_a_file_that_cannot_be_read_is_said_to_be_so_and_what_was_typed_stays(self, world, pages):
        client, sent = self.open(pages, world.alice, b"", attribution="Open data")
        assert sent.status_code == 400
        assert "The file is empty." in sent.content.decode()
        assert "Open data" in sent.content.decode()
        client, sent = self.open(pages, world.alice, b"a,b\n1,2\n")
        page = client.get(sent["Location"]).content.decode()
        assert "It cannot be read" in page
        assert "No header row was found" in page

    def test_a_large_file_is_left_to_the_worker_and_shows_how_far_it_is(self, world, pages, monkeypatch):
        monkeypatch.setattr(statement_uploads, "AT_ONCE_BYTES", 10)
        client, sent = self.open(pages, world.alice, rows(3))
        assert "Being read" in client.get(sent["Location"]).content.decode()
        tasks.run_uploads(NOON)
        assert "3 rows would be booked" in client.get(sent["Location"]).content.decode()
        client.post(sent["Location"], {"do": "book"})
        page = client.get(sent["Location"]).content.decode()
        assert "Being booked" in page
        assert "0 of 3 rows" in page
        assert "Discard" not in page
        record = StatementImport.across_companies.get().public_id
        assert "3 rows wait" in client.get(f"/imports/{record}/").content.decode()
        tasks.run_uploads(NOON)
        assert client.get(sent["Location"])["Location"] == f"/imports/{record}/"

    def test_an_import_that_stopped_says_so_and_what_to_do(self, world, pages, monkeypatch, small_blocks):
        with company_scope(world.acme.pk):
            upload = read_upload(rows(12), actor=world.alice, at=NOON)
            record = statement_uploads.start(upload, actor=world.alice, at=NOON).statement_import
            upload.refresh_from_db()
            work(upload, blocks=1)
            StatementUpload.objects.update(status=UploadStatus.FAILED, reason="Out of order.")
        client = pages(world.alice)
        assert "Go on from there" in client.get(f"/imports/{record.public_id}/").content.decode()
        at = f"/imports/uploads/{upload.public_id}/"
        assert "It stopped on the way" in client.get(at).content.decode()
        StatementUpload.across_companies.filter(pk=upload.pk).update(claimed_until=None)
        assert "12 rows booked" in client.post(at, {"do": "book"}, follow=True).content.decode()
        monkeypatch.undo()
        StatementImport.across_companies.update(booked=11, waiting=1)
        StatementUpload.across_companies.all().delete()
        assert "The same file again adds what is missing" in client.get(f"/imports/{record.public_id}/").content.decode()

    def test_the_report_is_narrowed_to_a_kind(self, world, pages):
        client, sent = self.open(pages, world.alice, rows(3, bad=2) + b",,\n")
        report = client.post(sent["Location"], {"do": "book"}, follow=True).redirect_chain[-1][0]
        assert "Rejected 2" in client.get(report).content.decode()
        assert "is not a date" not in client.get(f"{report}?kind=skipped").content.decode()

    def test_it_is_thrown_away(self, world, pages):
        client, sent = self.open(pages, world.alice, rows(3))
        assert "was discarded" in client.post(sent["Location"], {"do": "discard"}, follow=True).content.decode()
        assert StatementUpload.across_companies.count() == 0


def test_the_command_books_in_blocks_and_says_how_far_it_is(world, tmp_path, capsys, small_blocks):
    path = tmp_path / "march.csv"
    path.write_bytes(rows(10, bad=1))
    call_command("import_statement", str(path), company=world.acme.public_id)
    told = capsys.readouterr().out
    assert "11 rows, 10 booked" in told
    assert "line 12:" in told
