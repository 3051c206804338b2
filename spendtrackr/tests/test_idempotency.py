from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from spendtrackr import idempotency
from spendtrackr.models import IdempotencyKey
from spendtrackr.tenancy import company_scope
from transactions.models import Entry, FundingAccount
from users.models import Invitation

TOPUPS = "/api/v1/simulator/topups/"
FIVE = {"amount": {"minor": 5_00, "currency": "USD"}}


def available(company) -> int:
    with company_scope(company.pk):
        return FundingAccount.objects.get(currency="USD").available_minor


def test_a_repeated_key_gets_the_first_answer_and_moves_no_more_money(world, api):
    first = api(world.alice).post(TOPUPS, FIVE, headers={"Idempotency-Key": "k1"})
    again = api(world.alice).post(TOPUPS, FIVE, headers={"Idempotency-Key": "k1"})

    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert ("Idempotent-Replayed" in first, again["Idempotent-Replayed"]) == (False, "true")
    assert available(world.acme) == 1_005_00


def test_without_a_key_each_request_counts(world, api):
    for _ in range(2):
        api(world.alice).post(TOPUPS, FIVE)
    assert available(world.acme) == 1_010_00


def test_a_key_for_another_request_is_refused(world, api):
    api(world.alice).post(TOPUPS, FIVE, headers={"Idempotency-Key": "k1"})
    other = api(world.alice).post(TOPUPS, {"amount": {"minor": 6_00, "currency": "USD"}}, headers={"Idempotency-Key": "k1"})

    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert available(world.acme) == 1_005_00


@pytest.mark.parametrize("key", ["K1", "k1 ", "k\u01311"])
def test_keys_are_compared_byte_by_byte(world, api, key):
    api(world.alice).post(TOPUPS, FIVE, headers={"Idempotency-Key": "k1"})
    api(world.alice).post(TOPUPS, FIVE, headers={"Idempotency-Key": key})
    assert available(world.acme) == 1_010_00


def test_a_key_belongs_to_one_member_of_one_company(world, api):
    frank = _hire(world, "Frank", "finance")
    for member in (world.alice, frank, world.mallory):
        assert api(member).post(TOPUPS, FIVE, headers={"Idempotency-Key": "k1"}).status_code == 201
    assert (available(world.acme), available(world.mallory.company)) == (1_010_00, 505_00)


def test_a_refused_request_leaves_its_key_free(world, api):
    bad = {"amount": {"minor": 5_00, "currency": "XXX"}}
    assert api(world.alice).post(TOPUPS, bad, headers={"Idempotency-Key": "k1"}).status_code == 400
    assert api(world.alice).post(TOPUPS, FIVE, headers={"Idempotency-Key": "k1"}).status_code == 201
    assert IdempotencyKey.across_companies.count() == 1


@pytest.mark.django_db(transaction=True)
def test_work_that_fails_takes_its_key_with_it(world, api, monkeypatch):
    def broken(*args, **kwargs):
        raise RuntimeError("after the money moved")

    client = api(world.alice)
    client.raise_request_exception = False
    with monkeypatch.context() as patch:
        patch.setattr("transactions.operations.accounts.events.record", broken)
        assert client.post(TOPUPS, FIVE, headers={"Idempotency-Key": "k1"}).status_code == 500
    assert not IdempotencyKey.across_companies.exists()
    assert available(world.acme) == 1_000_00
    assert client.post(TOPUPS, FIVE, headers={"Idempotency-Key": "k1"}).status_code == 201


def test_a_decline_is_an_answer_and_is_replayed(world, api):
    body = {
        "card": world.card.public_id,
        "amount": {"minor": 9_999_00, "currency": "USD"},
        "merchant_name": "Shop",
        "merchant_code": "5812",
        "country": "US",
    }
    answers = [
        api(world.alice).post("/api/v1/simulator/authorizations/", body, headers={"Idempotency-Key": "swipe"}).json() for _ in range(2)
    ]
    assert answers[0] == answers[1]
    assert answers[0]["approved"] is False


def test_a_secret_that_was_shown_once_is_replayed_masked(world, api):
    body = {"email": "eve@acme.example", "role": "employee"}
    first, again = (api(world.alice).post("/api/v1/invitations/", body, headers={"Idempotency-Key": "inv"}).json() for _ in range(2))
    assert first["token"].startswith("invite_")
    assert again == {**first, "token": "********", "link": "********"}
    assert not IdempotencyKey.across_companies.filter(body__contains=first["token"]).exists()
    assert Invitation.across_companies.filter(email="eve@acme.example").count() == 1


@pytest.mark.parametrize("key", ["", "x" * 256])
def test_a_key_has_1_to_255_characters(world, api, key):
    response = api(world.alice).post(TOPUPS, FIVE, headers={"Idempotency-Key": key})
    assert (response.status_code, response.json()["field"]) == (400, "Idempotency-Key")


def test_an_uploaded_file_counts_by_its_content(world, api):
    def send(content: bytes):
        body = {"file": SimpleUploadedFile("s.csv", content)}
        return api(world.alice).post("/api/v1/imports/", body, format="multipart", headers={"Idempotency-Key": "imp"})

    rows = b"Date,Amount,Description\n2026-01-05,12.00,Shop\n"
    assert send(rows).status_code == 201
    assert send(rows)["Idempotent-Replayed"] == "true"
    assert send(rows.replace(b"12", b"13")).status_code == 422
    assert Entry.across_companies.filter(kind="import").count() == 1


def test_old_answers_are_forgotten_and_young_ones_kept(world, api):
    api(world.alice).post(TOPUPS, FIVE, headers={"Idempotency-Key": "old"})
    api(world.alice).post(TOPUPS, FIVE, headers={"Idempotency-Key": "young"})
    with company_scope(world.acme.pk):
        oldest = IdempotencyKey.objects.order_by("id").first()
        IdempotencyKey.objects.filter(pk=oldest.pk).update(created_at=timezone.now() - timedelta(hours=49))
    assert idempotency.prune() == 1
    assert IdempotencyKey.across_companies.count() == 1


def _hire(world, name, role):
    with company_scope(world.acme.pk):
        return world.hire(name, role)
