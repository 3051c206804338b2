"""Receipts, through the operations, the API and the pages."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import timedelta

import pytest
from django.contrib.messages import get_messages
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext

from cards import operations as cards
from spendtrackr import errors
from spendtrackr.models import Event
from spendtrackr.money import Money
from spendtrackr.tenancy import company_scope
from tests.factories import NOON, swipe
from tests.papers import pdf, picture
from tests.rules import adopt, decide
from transactions import queries
from transactions.documents import inspect
from transactions.models import Approval, Attachment, Receipt, Transaction
from transactions.operations import accounts, approvals, receipts
from transactions.operations.statements import StatementFile, import_statement
from transactions.operations.swipes import authorize

RECEIPTS = "/api/v1/receipts/"
PNG = picture()


def buy(world, minor: int = 20_00) -> Transaction:
    with company_scope(world.acme.pk):
        return authorize(world.card, swipe(minor)).transaction


def attach(world, purchase, content: bytes = PNG, name: str = "dinner.png") -> Receipt:
    with company_scope(world.acme.pk):
        stored_as = receipts.store(content, company=world.acme)
        return receipts.attach(purchase, inspect(content, name), stored_as, actor=world.bob, at=NOON)


def send(client, purchase, content: bytes = PNG, name: str = "dinner.png", **headers):
    body = {"transaction": getattr(purchase, "public_id", purchase), "file": SimpleUploadedFile(name, content)}
    return client.post(RECEIPTS, body, format="multipart", **headers)


def count_of(purchase) -> int:
    return Transaction.across_companies.get(pk=purchase.pk).receipt_count


# The operations.


def test_a_receipt_is_attached_counted_and_told(acme):
    purchase = buy(acme)
    receipt = attach(acme, purchase)
    assert (receipt.filename, receipt.size, receipt.transaction_count) == ("dinner.png", len(PNG), 1)
    place = Attachment.objects.get()
    assert (place.receipt, place.transaction, place.attached_hash) == (receipt, purchase, receipt.content_hash)
    assert (place.attached_by, place.attached_at, place.removed_at) == (acme.bob, NOON, None)
    assert (receipt.content_type, receipt.content_hash) == ("image/png", hashlib.sha256(PNG).hexdigest())
    assert (receipt.uploaded_by, receipt.uploaded_at, receipt.removed_at) == (acme.bob, NOON, None)
    assert count_of(purchase) == 1
    told = Event.objects.get(type="receipt.added")
    assert (told.subject_id, told.actor_id) == (receipt.public_id, acme.bob.public_id)
    assert json.loads(told.details) == {"transaction": purchase.public_id}


def test_a_removed_receipt_stays_on_record_with_its_file(acme):
    purchase = buy(acme)
    receipt = receipts.remove(attach(acme, purchase), actor=acme.alice, at=NOON)
    place = Attachment.objects.get()
    assert (place.attached_hash, place.removed_by, place.removed_at) == (None, acme.alice, NOON)
    assert receipt.content_hash == hashlib.sha256(PNG).hexdigest()
    assert (receipt.removed_by, receipt.removed_at) == (acme.alice, NOON)
    assert queries.content_of(receipt) == PNG
    assert count_of(purchase) == 0
    told = Event.objects.get(type="receipt.removed")
    assert (told.subject_id, json.loads(told.details)) == (receipt.public_id, {"transaction": purchase.public_id})


def test_a_receipt_is_removed_once(acme):
    purchase = buy(acme)
    stale, receipt = attach(acme, purchase), Receipt.objects.get()
    receipts.remove(receipt, actor=acme.alice, at=NOON)
    with pytest.raises(errors.InvalidState) as refused:
        receipts.remove(stale, actor=acme.alice, at=NOON)
    assert refused.value.message == "This receipt was removed already."
    assert count_of(purchase) == 0


def test_the_same_file_is_attached_once_to_a_transaction(acme):
    purchase, other = buy(acme), buy(acme)
    receipt = attach(acme, purchase)
    with pytest.raises(errors.InvalidState) as refused:
        attach(acme, purchase, name="other name.png")
    assert (refused.value.code, refused.value.message) == ("already_attached", "This file is attached to this transaction already.")
    assert (count_of(purchase), Receipt.objects.count(), Event.objects.filter(type="receipt.added").count()) == (1, 1, 1)
    attach(acme, other)
    receipts.remove(receipt, actor=acme.bob, at=NOON)
    attach(acme, purchase)
    assert (count_of(purchase), count_of(other)) == (1, 1)


def test_a_transaction_has_at_most_twenty(acme, monkeypatch):
    monkeypatch.setattr(receipts, "MOST_RECEIPTS", 2)
    purchase = buy(acme)
    first = attach(acme, purchase)
    attach(acme, purchase, picture(colour="red"))
    with pytest.raises(errors.InvalidState, match="A transaction has at most 2 receipts"):
        attach(acme, purchase, picture(colour="blue"))
    receipts.remove(first, actor=acme.bob, at=NOON)
    attach(acme, purchase, picture(colour="blue"))
    assert count_of(purchase) == 2


def test_a_decline_needs_no_proof(acme):
    purchase = buy(acme, 9_999_00)
    with pytest.raises(errors.InvalidState, match="This purchase was declined: there is nothing to prove"):
        attach(acme, purchase)
    assert (count_of(purchase), Receipt.objects.count()) == (0, 0)


def test_the_approval_hears_of_it_under_the_lock(acme, monkeypatch):
    heard = []
    monkeypatch.setattr(approvals, "papers_changed", lambda purchase, **said: heard.append((purchase.receipt_count, said["removed"])))
    purchase = buy(acme)
    receipts.remove(attach(acme, purchase), actor=acme.bob, at=NOON)
    assert heard == [(1, False), (0, True)]


@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has one lock, and no words for it")
def test_only_the_card_and_then_the_transaction_are_locked(acme):
    purchase = buy(acme)
    with CaptureQueriesContext(connection) as asked:
        attach(acme, purchase)
    locking = [query["sql"] for query in asked if "FOR UPDATE" in query["sql"]]
    assert [table for sql in locking for table in ("cards", "transactions") if f"FROM `{table}`" in sql] == ["cards", "transactions"]


def test_a_file_is_stored_under_a_random_name_of_its_company(acme):
    first, second = (receipts.store(PNG, company=acme.acme) for _ in range(2))
    assert first != second
    for name in (first, second):
        folder, company, file = name.split("/")
        assert (folder, company, len(file)) == ("receipts", acme.acme.public_id, 32)
        assert "." not in file


# The API.


def test_uploading_answers_the_receipt_as_it_reads(world, api):
    purchase, client = buy(world), api(world.bob)
    answer = send(client, purchase, name="../Dinner\u202e.html")
    assert answer.status_code == 201
    told = answer.json()
    assert told == {
        "id": told["id"],
        "transaction": purchase.public_id,
        "transactions": [purchase.public_id],
        "filename": "Dinner.png",
        "content_type": "image/png",
        "size": len(PNG),
        "content_hash": hashlib.sha256(PNG).hexdigest(),
        "amount": None,
        "spent_on": None,
        "merchant_name": "",
        "uploaded_by": world.bob.public_id,
        "uploaded_at": told["uploaded_at"],
        "duplicates_of": [],
    }
    assert client.get(f"{RECEIPTS}{told['id']}/").json() == told
    assert client.get(RECEIPTS).json()["data"] == [told]
    assert count_of(purchase) == 1


@pytest.mark.parametrize(
    ("who", "sees", "uploads", "removes"),
    [
        ("alice", 200, 201, 204),
        ("bob", 200, 201, 204),
        ("colleague", 404, 400, 404),
        ("auditor", 200, 403, 403),
        ("mallory", 404, 400, 404),
    ],
)
def test_who_may(world, api, who, sees, uploads, removes):
    with company_scope(world.acme.pk):
        people = {"colleague": world.hire("Carol", "employee"), "auditor": world.hire("Audrey", "auditor")}
    client, purchase = api(people.get(who) or getattr(world, who)), buy(world)
    receipt = attach(world, purchase)
    path = f"{RECEIPTS}{receipt.public_id}/"
    assert client.get(path).status_code == client.get(f"{path}file/").status_code == sees
    assert len(client.get(RECEIPTS).json()["data"]) == (sees == 200)
    assert send(client, purchase, picture(colour="red")).status_code == uploads
    assert count_of(purchase) == 1 + (uploads == 201)
    assert client.delete(path).status_code == removes
    assert count_of(purchase) == 1 + (uploads == 201) - (removes == 204)


def test_a_manager_sees_what_the_team_attached_and_leaves_it_alone(world, api):
    with company_scope(world.acme.pk):
        from users import operations

        boss = world.hire("Bea", "employee")
        operations.change_member(world.bob, {"manager": boss}, actor=world.alice, at=NOON)
    purchase = buy(world)
    receipt = attach(world, purchase)
    assert api(boss).get(f"{RECEIPTS}{receipt.public_id}/").status_code == 200
    assert api(boss).delete(f"{RECEIPTS}{receipt.public_id}/").status_code == 403
    assert send(api(boss), purchase, picture(colour="red")).status_code == 403
    assert count_of(purchase) == 1


def test_an_imported_line_gets_its_receipt_from_who_books_it(world, api):
    import_statement(world.acme, StatementFile(b"Date,Amount,Merchant\n2026-01-05,4.00,A\n", "s.csv"), actor=world.alice, at=NOON)
    purchase = Transaction.across_companies.get(source="statement")
    assert send(api(world.bob), purchase).status_code == 400
    assert send(api(world.alice), purchase).status_code == 201


def test_an_unknown_transaction_is_named_and_nothing_is_stored(world, api, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    answer = send(api(world.bob), "txn_unknown")
    assert (answer.status_code, answer.json()["field"], answer.json()["code"]) == (400, "transaction", "does_not_exist")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "status", "message"),
    [
        (b"", 400, "This file is empty."),
        (b"<html>", 400, "This is not a PNG, JPEG or PDF, whatever its name says. Those three are accepted."),
        (PNG + b"<script>", 400, "There is something behind the end of this picture. Save it anew and send that."),
    ],
)
def test_a_file_that_is_no_receipt_is_refused_by_name(world, api, content, status, message):
    purchase = buy(world)
    answer = send(api(world.bob), purchase, content)
    assert (answer.status_code, answer.json()["field"], answer.json()["message"]) == (status, "file", message)
    assert count_of(purchase) == 0


def test_a_large_file_is_refused_before_it_is_read(world, api, settings, monkeypatch):
    purchase = buy(world)
    settings.RECEIPT_MAX_BYTES = 100
    answer = send(api(world.bob), purchase, bytes(200))
    assert (answer.status_code, answer.json()["field"], answer.json()["code"]) == (413, "file", "too_large")
    monkeypatch.setattr("rest_framework.parsers.MultiPartParser.parse", lambda *args, **kwargs: pytest.fail("it was read"))
    answer = send(api(world.bob), purchase, bytes(100_000))
    assert (answer.status_code, answer.json()["field"], answer.json()["code"]) == (413, "file", "too_large")


@pytest.mark.parametrize(
    ("body", "field"),
    [({}, "file"), ({"transaction": "x"}, "file"), ({"transaction": "x", "file": "text"}, "file"), ({"memo": "x"}, "memo")],
)
def test_a_body_that_lacks_something_names_it(world, api, body, field):
    answer = api(world.bob).post(RECEIPTS, body, format="multipart")
    assert (answer.status_code, answer.json()["field"]) == (400, field)


def test_json_is_the_wrong_type(world, api):
    assert api(world.bob).post(RECEIPTS, {"transaction": "x"}, format="json").status_code == 415


def test_the_same_file_again_is_a_conflict(world, api):
    purchase, client = buy(world), api(world.bob)
    assert send(client, purchase).status_code == 201
    again = send(client, purchase)
    assert (again.status_code, again.json()["code"]) == (409, "already_attached")
    assert count_of(purchase) == 1


def test_a_declined_purchase_is_a_conflict(world, api):
    answer = send(api(world.bob), buy(world, 9_999_00))
    assert (answer.status_code, answer.json()["code"]) == (409, "invalid_state")


def test_a_key_uploads_once_and_knows_files_by_their_content(world, api):
    purchase, client = buy(world), api(world.bob)
    key = {"HTTP_IDEMPOTENCY_KEY": "k"}
    first, again = (send(client, purchase, **key) for _ in range(2))
    assert (first.status_code, again.status_code, again.json()) == (201, 201, first.json())
    assert ("Idempotent-Replayed" in first, again["Idempotent-Replayed"]) == (False, "true")
    other = send(client, purchase, picture(colour="red"), **key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert count_of(purchase) == 1


def test_a_suspended_company_reads_its_receipts_and_adds_none(world, api):
    purchase = buy(world)
    receipt = attach(world, purchase)
    with company_scope(world.acme.pk):
        accounts.suspend_company(world.acme, actor=None, at=NOON)
    client = api(world.bob)
    assert client.get(f"{RECEIPTS}{receipt.public_id}/file/").status_code == 200
    assert send(client, purchase, picture(colour="red")).json()["code"] == "company_suspended"
    assert client.delete(f"{RECEIPTS}{receipt.public_id}/").json()["code"] == "company_suspended"
    assert count_of(purchase) == 1


def test_a_list_is_narrowed_to_a_transaction(world, api):
    first, second = buy(world), buy(world)
    kept = [attach(world, purchase) for purchase in (first, second)]
    client = api(world.bob)

    def listed(**asked) -> list[str]:
        return [row["id"] for row in client.get(RECEIPTS, asked).json()["data"]]

    assert listed() == [kept[1].public_id, kept[0].public_id]
    assert listed(transaction=first.public_id) == [kept[0].public_id]
    assert listed(transaction="txn_unknown") == []
    assert client.get(RECEIPTS, {"transactions": "x"}).json()["field"] == "transactions"


def test_a_removed_receipt_is_gone_from_the_api_and_on_record(world, api):
    purchase, client = buy(world), api(world.bob)
    receipt = attach(world, purchase)
    path = f"{RECEIPTS}{receipt.public_id}/"
    removed = client.delete(path)
    assert (removed.status_code, removed.content) == (204, b"")
    assert client.get(RECEIPTS).json()["data"] == []
    assert {client.get(path).status_code, client.get(f"{path}file/").status_code, client.delete(path).status_code} == {404}
    record = Receipt.across_companies.get()
    assert (record.removed_by, record.transaction_count) == (world.bob, 0)
    assert default_storage.exists(record.stored_as)


DOWNLOADS = [("api", "/api/v1/receipts/{}/file/"), ("pages", "/receipts/{}/")]


@pytest.mark.parametrize(("way", "path"), DOWNLOADS)
def test_a_download_is_the_file_and_nothing_a_browser_would_run(world, request, way, path):
    content = pdf()
    receipt = attach(world, buy(world), content, 'Büro "A".pdf')
    answer = request.getfixturevalue(way)(world.bob).get(path.format(receipt.public_id), HTTP_ACCEPT="application/pdf")
    assert (answer.status_code, answer.content, answer["Content-Type"]) == (200, content, "application/pdf")
    assert answer["Content-Disposition"] == "attachment; filename*=utf-8''B%C3%BCro%20_A_.pdf"
    assert answer["Content-Length"] == str(len(content))
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert {"private", "no-store"} <= set(answer["Cache-Control"].split(", "))


@pytest.mark.parametrize(("way", "path"), DOWNLOADS)
def test_a_file_that_somebody_deleted_is_missing_and_not_our_fault(world, request, way, path):
    receipt = attach(world, buy(world))
    default_storage.delete(receipt.stored_as)
    answer = request.getfixturevalue(way)(world.bob).get(path.format(receipt.public_id))
    assert answer.status_code == 404
    assert "The file of this receipt is not in the storage any more." in answer.content.decode()


# The pages.


def post(client, purchase, *files: bytes, **body):
    uploaded = [SimpleUploadedFile(f"file {number}.png", content) for number, content in enumerate(files)]
    return client.post(f"/transactions/{purchase.public_id}/receipts/", {"file": uploaded, **body})


def said(answer) -> list[tuple[str, str]]:
    return [(message.level_tag, message.message) for message in get_messages(answer.wsgi_request)]


def test_several_files_at_once_each_succeed_or_fail_by_themselves(world, pages):
    purchase = buy(world)
    answer = post(pages(world.bob), purchase, PNG, b"<html>", picture(colour="red"), PNG)
    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert said(answer) == [
        ("success", "file 0.png was attached."),
        ("error", "file 1.png: This is not a PNG, JPEG or PDF, whatever its name says. Those three are accepted."),
        ("success", "file 2.png was attached."),
        ("error", "file 3.png: This file is attached to this transaction already."),
    ]
    assert count_of(purchase) == 2


@pytest.mark.parametrize(
    ("asked", "where"),
    [
        ("/transactions/?status=posted", "/transactions/?status=posted"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example/", "/"),
        ("javascript:alert(1)", "/"),
        ("", "/"),
    ],
)
def test_the_form_leads_on_inside_the_house_only(world, pages, asked, where):
    assert post(pages(world.bob), buy(world), PNG, next=asked)["Location"] == where


def test_a_form_without_a_file_says_so(world, pages):
    assert said(post(pages(world.bob), buy(world))) == [("error", "Choose a file first.")]


def test_who_may_on_the_page(world, pages):
    with company_scope(world.acme.pk):
        colleague, auditor = world.hire("Carol", "employee"), world.hire("Audrey", "auditor")
    purchase = buy(world)
    assert post(pages(colleague), purchase, PNG).status_code == 404
    assert post(pages(world.mallory), purchase, PNG).status_code == 404
    assert post(pages(auditor), purchase, PNG).status_code == 403
    assert count_of(purchase) == 0
    assert post(pages(world.alice), purchase, PNG).status_code == 302
    assert count_of(purchase) == 1


def test_a_suspended_company_uploads_nothing_from_the_page(world, pages):
    purchase = buy(world)
    with company_scope(world.acme.pk):
        accounts.suspend_company(world.acme, actor=None, at=NOON)
    assert post(pages(world.bob), purchase, PNG).status_code == 403
    assert count_of(purchase) == 0


def test_the_form_wants_its_token_and_a_post(world, pages):
    client, purchase = pages(world.bob), buy(world)
    client.handler.enforce_csrf_checks = True
    assert post(client, purchase, PNG).status_code == 403
    assert client.get(f"/transactions/{purchase.public_id}/receipts/").status_code == 405
    assert count_of(purchase) == 0


# Files and what they prove.


def upload(world, content: bytes = PNG, name: str = "dinner.png", *, actor=None, **said) -> Receipt:
    with company_scope(world.acme.pk):
        stored_as = receipts.store(content, company=world.acme)
        return receipts.upload(inspect(content, name), stored_as, said=receipts.Said(**said), actor=actor or world.bob, at=NOON)


def counts(receipt, *purchases) -> list[int]:
    return [Receipt.across_companies.get(pk=receipt.pk).transaction_count, *map(count_of, purchases)]


def test_a_receipt_proves_several_purchases_and_is_taken_off_one(acme):
    first, second, receipt = buy(acme), buy(acme), upload(acme)
    assert counts(receipt, first, second) == [0, 0, 0]
    for purchase in (first, second):
        receipts.put_on(receipt, purchase, actor=acme.alice, at=NOON)
    assert counts(receipt, first, second) == [2, 1, 1]
    receipts.take_off(receipt, first, actor=acme.bob, at=NOON)
    assert counts(receipt, first, second) == [1, 0, 1]
    places = Attachment.objects.order_by("pk").values_list("transaction_id", "attached_by_id", "removed_by_id")
    assert list(places) == [(first.pk, acme.alice.pk, acme.bob.pk), (second.pk, acme.alice.pk, None)]
    assert [event.type for event in Event.objects.filter(subject_id=receipt.public_id).order_by("pk")] == [
        "receipt.uploaded", "receipt.added", "receipt.added", "receipt.removed",
    ]  # fmt: skip


def test_what_is_off_already_is_not_taken_off_again(acme):
    purchase, receipt = buy(acme), upload(acme)
    receipts.put_on(receipt, purchase, actor=acme.bob, at=NOON)
    receipts.take_off(receipt, purchase, actor=acme.bob, at=NOON)
    with pytest.raises(errors.InvalidState, match="This receipt is not attached to this transaction"):
        receipts.take_off(receipt, purchase, actor=acme.bob, at=NOON)
    assert counts(receipt, purchase) == [0, 0]
    receipts.put_on(receipt, purchase, actor=acme.bob, at=NOON)
    assert counts(receipt, purchase) == [1, 1]


def test_a_removed_receipt_is_off_all_its_purchases_and_goes_on_none(acme):
    first, second, receipt = buy(acme), buy(acme), upload(acme)
    for purchase in (first, second):
        receipts.put_on(receipt, purchase, actor=acme.bob, at=NOON)
    receipts.remove(receipt, actor=acme.bob, at=NOON)
    assert counts(receipt, first, second) == [0, 0, 0]
    assert list(queries.inbox(acme.bob)) == []
    with pytest.raises(errors.InvalidState, match="This receipt was removed already"):
        receipts.put_on(receipt, first, actor=acme.bob, at=NOON)


def test_whoever_may_not_change_one_of_its_purchases_does_not_remove_a_receipt(acme):
    hers = authorize(_card_of(acme, "Carol"), swipe(5_00)).transaction
    his, receipt = buy(acme), upload(acme)
    receipts.put_on(receipt, his, actor=acme.bob, at=NOON)
    receipts.put_on(receipt, hers, actor=acme.alice, at=NOON)
    with pytest.raises(errors.Forbidden):
        receipts.remove(receipt, actor=acme.bob, at=NOON)
    assert counts(receipt, his, hers) == [2, 1, 1]
    receipts.remove(receipt, actor=acme.alice, at=NOON)
    assert counts(receipt, his, hers) == [0, 0, 0]


def _card_of(world, name):
    return cards.issue(world.hire(name, "employee"), name="Card", currency="USD", controls=cards.Controls(), actor=world.alice, at=NOON)


def test_a_receipt_is_attached_to_so_many_and_no_more(acme, monkeypatch):
    monkeypatch.setattr(receipts, "MOST_TRANSACTIONS", 1)
    receipt, first, second = upload(acme), buy(acme), buy(acme)
    receipts.put_on(receipt, first, actor=acme.bob, at=NOON)
    with pytest.raises(errors.InvalidState, match="A receipt is attached to at most 1 transactions"):
        receipts.put_on(receipt, second, actor=acme.bob, at=NOON)
    assert counts(receipt, first, second) == [1, 1, 0]


def test_the_same_content_is_attached_once_also_as_another_receipt(acme):
    purchase, copy = buy(acme), upload(acme)
    attach(acme, purchase)
    with pytest.raises(receipts.AlreadyAttached):
        receipts.put_on(copy, purchase, actor=acme.bob, at=NOON)
    assert (counts(copy, purchase), Attachment.objects.count()) == ([0, 1], 1)


@pytest.mark.parametrize("way", ["take_off", "remove"])
def test_an_approval_falls_with_the_receipt_that_it_was_given_to_and_not_with_another(acme, way):
    adopt(acme, receipt=0)
    receipt, purchase, other = upload(acme), buy(acme), buy(acme)
    receipts.put_on(receipt, purchase, actor=acme.bob, at=NOON)
    approvals.submit(purchase, actor=acme.bob, at=NOON)
    decide(Approval.objects.get(), acme.alice, at=NOON)
    receipts.put_on(receipt, other, actor=acme.bob, at=NOON)
    attach(acme, purchase, picture(colour="red"))
    assert state_of(purchase) == "approved"
    if way == "remove":
        receipts.remove(receipt, actor=acme.bob, at=NOON)
    else:
        receipts.take_off(receipt, other, actor=acme.bob, at=NOON)
        assert state_of(purchase) == "approved"
        receipts.take_off(receipt, purchase, actor=acme.bob, at=NOON)
    assert (state_of(purchase), Approval.objects.get().status) == ("open", "void")


def state_of(purchase) -> str:
    return Transaction.across_companies.get(pk=purchase.pk).approval


@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has one lock, and no words for it")
def test_the_receipt_is_locked_before_the_card_and_the_transaction(acme):
    receipt, purchase = upload(acme), buy(acme)

    def locking(work) -> list[str]:
        with CaptureQueriesContext(connection) as asked:
            work()
        statements = [query["sql"] for query in asked if "FOR UPDATE" in query["sql"]]
        return [table for sql in statements for table in ("receipts", "cards", "transactions") if f"FROM `{table}`" in sql]

    for work in (receipts.put_on, receipts.take_off, receipts.put_on):
        assert locking(lambda work=work: work(receipt, purchase, actor=acme.bob, at=NOON)) == ["receipts", "cards", "transactions"]
    assert locking(lambda: receipts.remove(receipt, actor=acme.bob, at=NOON)) == ["receipts", "cards", "transactions"]


def test_what_is_said_of_a_receipt_is_changed_by_name_and_told_once(acme):
    receipt = upload(acme, amount_minor=12_00, currency="EUR")
    changed = receipts.describe(receipt, {"merchant_name": "Dido", "spent_on": NOON.date(), "currency": "EUR"}, actor=acme.bob, at=NOON)
    assert (changed.amount, changed.merchant_name, changed.spent_on) == (Money(12_00, "EUR"), "Dido", NOON.date())
    receipts.describe(receipt, {"merchant_name": "Dido"}, actor=acme.bob, at=NOON)
    told = Event.objects.get(type="receipt.described")
    assert json.loads(told.details) == {"changed": ["merchant_name", "spent_on"]}


# The same through the API.


def send_in(client, content: bytes = PNG, **more):
    return client.post(RECEIPTS, {"file": SimpleUploadedFile("r.png", content), **more}, format="multipart")


def ids(client, **asked) -> list[str]:
    return [row["id"] for row in client.get(RECEIPTS, asked).json()["data"]]


def test_an_upload_without_a_transaction_lies_in_the_inbox_until_it_is_attached(world, api):
    client, purchase = api(world.bob), buy(world)
    told = send_in(client, amount='{"minor": 2000, "currency": "USD"}', spent_on="2026-03-10", merchant_name="Dido").json()
    assert (told["transaction"], told["transactions"]) == (None, [])
    assert (told["amount"], told["spent_on"], told["merchant_name"]) == ({"minor": 2000, "currency": "USD"}, "2026-03-10", "Dido")
    assert (ids(client, attached="false"), ids(client, attached="true")) == ([told["id"]], [])
    attached = client.post(f"{RECEIPTS}{told['id']}/attach/", {"transaction": purchase.public_id})
    assert (attached.status_code, attached.json()["transactions"]) == (200, [purchase.public_id])
    assert (ids(client, attached="false"), ids(client, attached="true")) == ([], [told["id"]])
    assert (ids(client, transaction=purchase.public_id), count_of(purchase)) == ([told["id"]], 1)
    detached = client.post(f"{RECEIPTS}{told['id']}/detach/", {"transaction": purchase.public_id})
    assert (detached.status_code, detached.json()["transactions"], count_of(purchase)) == (200, [], 0)
    assert client.post(f"{RECEIPTS}{told['id']}/detach/", {"transaction": purchase.public_id}).json()["code"] == "invalid_state"


def test_what_is_on_no_transaction_is_for_its_uploader_and_those_who_see_all(world, api):
    with company_scope(world.acme.pk):
        from users import operations

        people = {
            "boss": world.hire("Bea", "employee"),
            "colleague": world.hire("Carol", "employee"),
            "auditor": world.hire("Audrey", "auditor"),
        }
        operations.change_member(world.bob, {"manager": people["boss"]}, actor=world.alice, at=NOON)
    receipt = upload(world)
    for who, sees in {"alice": 200, "bob": 200, "boss": 404, "colleague": 404, "auditor": 200, "mallory": 404}.items():
        client = api(people.get(who) or getattr(world, who))
        assert {client.get(f"{RECEIPTS}{receipt.public_id}/{more}").status_code for more in ("", "file/")} == {sees}, who
        assert ids(client) == [receipt.public_id] * (sees == 200)


def test_a_reader_is_told_of_their_own_transactions_alone(world, api):
    with company_scope(world.acme.pk):
        carol = world.hire("Carol", "employee")
        card = cards.issue(carol, name="Card", currency="USD", controls=cards.Controls(), actor=world.alice, at=NOON)
        hers = authorize(card, swipe(5_00)).transaction
    his, receipt = buy(world), upload(world, actor=world.alice)
    with company_scope(world.acme.pk):
        for purchase in (his, hers):
            receipts.put_on(receipt, purchase, actor=world.alice, at=NOON)
    told = {who: api(member).get(f"{RECEIPTS}{receipt.public_id}/").json()["transactions"] for who, member in
            (("bob", world.bob), ("carol", carol), ("alice", world.alice))}  # fmt: skip
    assert told == {"bob": [his.public_id], "carol": [hers.public_id], "alice": [his.public_id, hers.public_id]}
    assert (ids(api(carol), transaction=his.public_id), ids(api(carol), transaction=hers.public_id)) == ([], [receipt.public_id])
    # Bob takes it off what is his; where else it is, is none of his business.
    assert api(world.bob).delete(f"{RECEIPTS}{receipt.public_id}/").status_code == 403
    off = api(world.bob).post(f"{RECEIPTS}{receipt.public_id}/detach/", {"transaction": his.public_id})
    assert off.status_code == 404 or off.json()["transactions"] == []
    assert counts(receipt, his, hers) == [1, 0, 1]


@pytest.mark.parametrize("verb", ["attach", "detach"])
@pytest.mark.parametrize("whose", ["unknown", "mallorys", "carols"])
def test_a_transaction_that_is_not_ones_own_to_see_is_unknown(world, api, verb, whose):
    with company_scope(world.mallory.company_id):
        ids_ = {"unknown": "txn_unknown", "mallorys": authorize(world.her_card, swipe(1_00)).transaction.public_id}
    with company_scope(world.acme.pk):
        ids_["carols"] = authorize(_card_of(world, "Carol"), swipe(5_00)).transaction.public_id
    receipt = upload(world)
    answer = api(world.bob).post(f"{RECEIPTS}{receipt.public_id}/{verb}/", {"transaction": ids_[whose]})
    assert (answer.status_code, answer.json()["field"], answer.json()["code"]) == (400, "transaction", "does_not_exist")
    assert not Attachment.across_companies.exists()


def test_a_manager_sees_what_the_team_bought_and_attaches_nothing_there(world, api):
    with company_scope(world.acme.pk):
        from users import operations

        boss = world.hire("Bea", "employee")
        operations.change_member(world.bob, {"manager": boss}, actor=world.alice, at=NOON)
    purchase, receipt = buy(world), upload(world, actor=boss)
    assert api(boss).post(f"{RECEIPTS}{receipt.public_id}/attach/", {"transaction": purchase.public_id}).status_code == 403
    assert counts(receipt, purchase) == [0, 0]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"amount": {"minor": 0, "currency": "USD"}}, "amount.minor"), ({"amount": {"minor": 1, "currency": "XXX"}}, "amount.currency"),
        ({"amount": "1"}, "amount"), ({"spent_on": "yesterday"}, "spent_on"), ({"merchant_name": "x" * 121}, "merchant_name"),
        ({"content_hash": "x"}, "content_hash"), ({"transaction": "x"}, "transaction"),
    ],
)  # fmt: skip
def test_what_cannot_be_said_of_a_receipt_is_named(world, api, body, field):
    receipt = upload(world)
    answer = api(world.bob).patch(f"{RECEIPTS}{receipt.public_id}/", body)
    assert (answer.status_code, answer.json()["field"]) == (400, field)


@pytest.mark.parametrize(
    ("amount", "field"), [("12", "amount"), ("{", "amount"), ('{"minor": 1}', "amount.currency"), ("[" * 9_000, "amount")]
)
def test_an_amount_in_a_form_is_json(world, api, amount, field):
    answer = send_in(api(world.bob), amount=amount)
    assert (answer.status_code, answer.json()["field"]) == (400, field)
    assert not Receipt.across_companies.exists()


def test_what_was_said_is_changed_and_taken_back(world, api):
    receipt = upload(world, amount_minor=12_00, currency="EUR", merchant_name="Dido")
    path = f"{RECEIPTS}{receipt.public_id}/"
    told = api(world.alice).patch(path, {"amount": {"minor": 13_00, "currency": "EUR"}, "spent_on": "2026-03-01"}).json()
    assert (told["amount"]["minor"], told["spent_on"], told["merchant_name"]) == (13_00, "2026-03-01", "Dido")
    told = api(world.bob).patch(path, {"amount": None, "spent_on": None, "merchant_name": ""}).json()
    assert (told["amount"], told["spent_on"], told["merchant_name"]) == (None, None, "")


# The same content twice.


def test_the_same_content_twice_is_pointed_out_to_whoever_may_know(world, api):
    with company_scope(world.acme.pk):
        carol = world.hire("Carol", "employee")
    purchase = buy(world)
    first = attach(world, purchase)
    again = send_in(api(world.bob))
    assert (again.status_code, again.json()["duplicates_of"]) == (201, [{"receipt": first.public_id, "transactions": [purchase.public_id]}])
    # Carol may not know that Bob has the same bill, nor of which dinner.
    hers = send_in(api(carol)).json()
    assert hers["duplicates_of"] == []
    told = api(world.alice).get(f"{RECEIPTS}{hers['id']}/").json()["duplicates_of"]
    assert [twin["receipt"] for twin in told] == [first.public_id, again.json()["id"]]
    assert [twin["transactions"] for twin in told] == [[purchase.public_id], []]


def test_another_companys_same_content_is_nothing_to_be_told_of(world, api):
    attach(world, buy(world))
    assert send_in(api(world.mallory)).json()["duplicates_of"] == []


def test_a_removed_receipt_is_no_duplicate_and_another_content_neither(world, api):
    client = api(world.bob)
    gone = upload(world)
    upload(world, picture(colour="red"))
    client.delete(f"{RECEIPTS}{gone.public_id}/")
    assert send_in(client).json()["duplicates_of"] == []


def test_a_list_points_it_out_too(world, api):
    first, second = upload(world), upload(world)
    rows = api(world.bob).get(RECEIPTS).json()["data"]
    assert [(row["id"], [twin["receipt"] for twin in row["duplicates_of"]]) for row in rows] == [
        (second.public_id, [first.public_id]), (first.public_id, [second.public_id]),
    ]  # fmt: skip


# Which purchase it belongs to.


def bought(world, minor: int, name: str, *, days: int = 0, card=None) -> Transaction:
    with company_scope(world.acme.pk):
        return authorize(card or world.card, swipe(minor, merchant_name=name, at=NOON + timedelta(days=days))).transaction


def suggested(client, receipt) -> list[tuple[str, str]]:
    answer = client.get(f"{RECEIPTS}{receipt.public_id}/suggestions/")
    assert answer.status_code == 200
    return [(row["transaction"], row["says"]) for row in answer.json()["data"]]


def test_the_likeliest_purchases_are_suggested_with_their_reasons(world, api):
    it, alike = bought(world, 42_00, "CAFE NORD 0471"), bought(world, 42_00, "Dido", days=2)
    for minor in (9_999_00, 7_00):
        bought(world, minor, "Cafe Nord", days=-9)
    receipt = upload(world, amount_minor=42_00, currency="USD", spent_on=NOON.date(), merchant_name="Café Nord")
    told = [(it.public_id, "Same amount, same day, same merchant"), (alike.public_id, "Same amount, 2 days later, another merchant name")]
    assert suggested(api(world.bob), receipt) == told
    [first, _] = api(world.bob).get(f"{RECEIPTS}{receipt.public_id}/suggestions/").json()["data"]
    assert (first["amount"], first["occurred_on"], first["merchant_name"]) == (
        {"minor": 42_00, "currency": "USD"}, f"{NOON:%Y-%m-%d}", "CAFE NORD 0471",
    )  # fmt: skip


def test_nobody_is_suggested_what_they_may_not_attach_it_to(world, api):
    with company_scope(world.acme.pk):
        carols, boss = _card_of(world, "Carol"), world.hire("Bea", "employee")
        from users import operations

        operations.change_member(world.bob, {"manager": boss}, actor=world.alice, at=NOON)
    hers, his = bought(world, 42_00, "Dido", card=carols), bought(world, 42_00, "Dido")
    receipt = upload(world, amount_minor=42_00, currency="USD", spent_on=NOON.date(), actor=boss)
    assert suggested(api(boss), receipt) == []
    assert {id_ for id_, _ in suggested(api(world.alice), receipt)} == {hers.public_id, his.public_id}
    with company_scope(world.acme.pk):
        receipts.put_on(receipt, hers, actor=world.alice, at=NOON)
    assert [id_ for id_, _ in suggested(api(world.alice), receipt)] == [his.public_id]


def test_another_companys_purchase_is_never_suggested(world, api):
    with company_scope(world.mallory.company_id):
        authorize(world.her_card, swipe(42_00, merchant_name="Dido"))
    receipt = upload(world, amount_minor=42_00, currency="USD", spent_on=NOON.date(), actor=world.alice)
    assert suggested(api(world.alice), receipt) == []
    mine = bought(world, 42_00, "Dido")
    assert [id_ for id_, _ in suggested(api(world.alice), receipt)] == [mine.public_id]


def test_a_copy_of_what_is_attached_is_not_suggested_there_again(world, api):
    purchase = bought(world, 42_00, "Dido")
    attach(world, purchase)
    copy = upload(world, amount_minor=42_00, currency="USD", spent_on=NOON.date())
    other = upload(world, picture(colour="red"), amount_minor=42_00, currency="USD", spent_on=NOON.date())
    assert suggested(api(world.bob), copy) == []
    assert suggested(api(world.bob), other) == [(purchase.public_id, "Same amount, same day, has a receipt already")]


def test_suggestions_take_as_many_questions_for_many_as_for_few(acme, django_assert_num_queries):
    for number in range(4):
        authorize(acme.card, swipe(10_00 + number))
    rows = [upload_here(acme, number) for number in range(4)]
    for some in (rows[:1], rows):
        with django_assert_num_queries(3):
            assert {*queries.suggestions(some, acme.bob)} == {row.pk for row in some}
    assert queries.suggestions([], acme.bob) == {}


def upload_here(world, number: int) -> Receipt:
    document = inspect(picture(colour=f"rgb({number}, 0, 0)"), "r.png")
    return receipts.upload(document, "r", said=receipts.Said(10_00 + number, "USD"), actor=world.bob, at=NOON)


# The inbox.


def page_of(client, path: str = "/receipts/") -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.content.decode()


def drop(client, *files, path: str = "/receipts/") -> list[str]:
    """Upload through the page, and what it says then."""
    answer = client.post(path, {"file": [SimpleUploadedFile(name, content) for name, content in files]}, follow=True)
    assert answer.status_code == 200
    return [str(message) for message in get_messages(answer.wsgi_request)] or [str(message) for message in answer.context["messages"]]


def test_several_files_go_into_the_inbox_each_by_itself(world, pages):
    client = pages(world.bob)
    told = drop(client, ("a.png", PNG), ("b.html", b"<html>"), ("c.pdf", pdf()))
    assert told == [
        "a.png was uploaded.",
        "b.html: This is not a PNG, JPEG or PDF, whatever its name says. Those three are accepted.",
        "c.pdf was uploaded.",
    ]
    with company_scope(world.acme.pk):
        assert [row.filename for row in queries.inbox(world.bob)] == ["c.pdf", "a.png"]
    page = page_of(client)
    assert ("2 not attached yet" in page, page.count('<article class="panel receipt"')) == (True, 2)
    assert drop(client) == ["Choose a file first."]


def test_the_inbox_is_ones_own(world, pages):
    upload(world, name="bobs.png")
    assert "bobs.png" not in page_of(pages(world.alice))
    assert "bobs.png" in page_of(pages(world.bob))


def test_one_click_attaches_what_is_suggested(world, pages):
    purchase = bought(world, 42_00, "CAFE NORD")
    receipt = upload(world, amount_minor=42_00, currency="USD", spent_on=NOON.date(), merchant_name="Café Nord")
    client = pages(world.bob)
    page = page_of(client)
    assert "Same amount, same day, same merchant" in page
    assert f'name="transaction" value="{purchase.public_id}"' in page
    answer = client.post(f"/receipts/{receipt.public_id}/attach/", {"transaction": purchase.public_id, "next": "/receipts/"}, follow=True)
    assert "dinner.png was attached." in answer.content.decode()
    assert counts(receipt, purchase) == [1, 1]
    assert "Nothing waits here" in answer.content.decode()


def test_from_a_purchase_a_receipt_is_attached_from_the_inbox_and_taken_off_into_it(world, pages):
    purchase, receipt, client = buy(world), upload(world), pages(world.bob)
    path = f"/transactions/{purchase.public_id}/"
    assert "From your inbox" in page_of(client, path)
    client.post(f"/receipts/{receipt.public_id}/attach/", {"transaction": purchase.public_id, "next": path})
    assert counts(receipt, purchase) == [1, 1]
    page = page_of(client, path)
    assert ("From your inbox" in page, f"/receipts/{receipt.public_id}/detach/" in page) == (False, True)
    client.post(f"/receipts/{receipt.public_id}/detach/", {"transaction": purchase.public_id, "next": path})
    assert counts(receipt, purchase) == [0, 0]
    assert "dinner.png" in page_of(client)


@pytest.mark.parametrize("verb", ["attach", "detach"])
def test_a_form_that_names_no_transaction_of_ones_own_is_refused(world, pages, verb):
    with company_scope(world.acme.pk):
        hers = authorize(_card_of(world, "Carol"), swipe(5_00)).transaction
    receipt, client = upload(world), pages(world.bob)
    for public_id in ("", "txn_unknown", hers.public_id):
        answer = client.post(f"/receipts/{receipt.public_id}/{verb}/", {"transaction": public_id, "next": "/receipts/"}, follow=True)
        assert "Choose a transaction." in answer.content.decode()
    assert counts(receipt, hers) == [0, 0]


def test_what_is_on_it_is_typed_and_an_empty_field_is_not_known(world, pages):
    receipt, client = upload(world, merchant_name="Old"), pages(world.bob)
    path = f"/receipts/{receipt.public_id}/describe/"
    client.post(path, {"amount": "12.50", "currency": "eur", "spent_on": "2026-03-09", "merchant_name": " Dido ", "next": "/receipts/"})
    found = Receipt.across_companies.get()
    assert (found.amount, f"{found.spent_on}", found.merchant_name) == (Money(12_50, "EUR"), "2026-03-09", "Dido")
    client.post(path, {"amount": "", "currency": "EUR", "spent_on": "", "merchant_name": ""})
    found = Receipt.across_companies.get()
    assert (found.amount, found.spent_on, found.merchant_name) == (None, None, "")


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ({"amount": "x", "currency": "USD"}, "Amount: write it in USD, such as 12.50."),
        ({"amount": "-1", "currency": "USD"}, "Amount: it is above zero."), ({"amount": "1", "currency": "XXX"}, "Currency: three letters"),
        ({"amount": "1.005", "currency": "USD"}, "Amount: write it in USD"), ({"spent_on": "9.3."}, "Day: write it such as 2026-03-31."),
        ({"spent_on": "0001-01-01"}, "Day: from "), ({"merchant_name": "x" * 121}, "Merchant: at most 120 characters."),
    ],
)  # fmt: skip
def test_what_cannot_be_on_a_receipt_is_said_and_changes_nothing(world, pages, typed, says):
    receipt = upload(world, merchant_name="Old")
    answer = pages(world.bob).post(f"/receipts/{receipt.public_id}/describe/", {**typed, "next": "/receipts/"}, follow=True)
    assert says in answer.content.decode()
    found = Receipt.across_companies.get()
    assert (found.amount, found.spent_on, found.merchant_name) == (None, None, "Old")


def test_the_page_points_out_the_same_content_where_the_reader_may_see_it(world, pages):
    with company_scope(world.acme.pk):
        carol = world.hire("Carol", "employee")
    attach(world, bought(world, 42_00, "Dido"))
    assert drop(pages(carol), ("c.png", PNG)) == ["c.png was uploaded."]
    [_, warning] = drop(pages(world.bob), ("b.png", PNG))
    assert warning == f"b.png: the same content is attached to Dido of {NOON:%-d %b %Y}, $42.00."
    assert "The same content is attached to" in page_of(pages(world.bob))
    [_, warning] = drop(pages(world.bob), ("c.pdf", pdf()), ("d.pdf", pdf()))[1:]
    assert warning == "d.pdf: you have the same content already, as c.pdf."


def test_an_old_page_of_the_inbox_is_reached_by_its_link(world, pages, monkeypatch):
    monkeypatch.setattr("transactions.views.receipts.PAGE_SIZE", 1)
    for name in ("old.png", "new.png"):
        upload(world, picture(colour="red" if name == "old.png" else "blue"), name)
    client = pages(world.bob)
    page = page_of(client)
    link = re.search(r'href="(\?cursor=[^"]+)">Older', page)[1]
    assert ("new.png" in page, "old.png" in page) == (True, False)
    assert "old.png" in page_of(client, f"/receipts/{link}")
    assert client.get("/receipts/?cursor=x").status_code == 400
