"""Every table in the admin, in a company where everything has happened: what is shown, what is hidden, and what the company is told."""

from __future__ import annotations

import copy
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from cards import operations as cards
from companies.models import Company
from conftest import build_world
from spendtrackr import events
from spendtrackr.admin import is_secret
from spendtrackr.models import IdempotencyKey, ThrottleCounter
from spendtrackr.money import Money
from spendtrackr.tenancy import company_scope
from tests.factories import NOON, PASSWORD, swipe
from tests.rules import decide
from tests.test_admin import OURS, TENANT, address, looks, operator, rows
from tests.test_query_counts import fill
from transactions import tasks
from transactions.models import Approval, FundingAccount, Message, StatementMapping, Transaction
from transactions.operations import delegations
from transactions.operations.swipes import authorize
from users import operations
from users.models import Membership, RefreshToken
from users.notices import Choice, Delivery, Kind

__all__ = ["operator"]


@pytest.fixture(scope="module")
def made(django_db_setup, django_db_blocker):
    """Made once for all tests of this module: each of them takes back what it did."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield happened(build_world())
        transaction.set_rollback(True)


@pytest.fixture
def busy(made, db):
    return copy.deepcopy(made)


def happened(world):
    """Acme with a row of almost every model: `world` and what happens in a company."""
    fill(world, 1, 0)
    with company_scope(world.acme.pk):
        decide(Approval.objects.get(status="waiting"), world.alice, at=NOON)
        delegations.delegate(world.bob, world.alice, starts_on=NOON.date(), ends_on=NOON.date(), actor=world.bob, at=NOON)
        cards.change_controls(world.card, {"limits": cards.monthly(Money(50_00, "USD"))}, actor=world.alice, at=NOON)
        authorize(world.reload(), swipe(99_00, merchant_name="Too Dear"))
        cards.grant(world.card, Money(1_00, "USD"), expires_at=NOON + timedelta(days=1), reason="x", actor=world.alice, at=NOON)
        IdempotencyKey.objects.create(credential="mem_x", key_hash="k" * 64, request_hash="r" * 64, body="answered", created_at=NOON)
        StatementMapping.objects.create(header_hash="h" * 64, mapping="{}", updated_at=NOON)
    operations.sign_in(world.alice.user.email, PASSWORD, at=timezone.now())
    operations.request_reset(world.alice.user.email, at=timezone.now())
    with company_scope(world.acme.pk):
        operations.choose(world.bob, {Kind.COMMENT: Choice(Delivery.DAILY)}, at=NOON)
    events.seal_all()
    tasks.notify(NOON)
    ThrottleCounter.objects.create(subject_hash="s" * 64, window_number=1, attempts=1)
    return world


def test_nothing_looks_away_for_want_of_rows(busy):
    assert [model.__name__ for model in OURS if not rows(model).exists()] == []


@pytest.mark.parametrize("model", OURS, ids=lambda model: model.__name__)
def test_everything_can_be_looked_at_and_nothing_typed_in(busy, operator, model):
    assert operator.get(address(model)).status_code == 200
    assert operator.get(f"{address(model)}?q=acme").status_code == 200
    assert operator.get(f"{address(model)}add/").status_code == 403
    row = rows(model).first()
    shown = operator.get(address(model, row))
    assert shown.status_code == 200
    assert 'name="_save"' not in shown.content.decode()
    assert "style=" not in shown.content.decode()
    recorded = looks(busy.acme)
    assert operator.post(address(model, row), {}).status_code == 403
    assert operator.get(f"{address(model)}{row.pk}/delete/").status_code == 403
    assert operator.post(f"{address(model)}{row.pk}/delete/", {"post": "yes"}).status_code == 403
    assert rows(model).filter(pk=row.pk).exists()
    assert looks(busy.acme) == recorded


@pytest.mark.parametrize("model", OURS, ids=lambda model: model.__name__)
def test_secrets_are_neither_shown_nor_asked_about(busy, operator, model):
    row = rows(model).first()
    pages = operator.get(address(model)).content.decode() + operator.get(address(model, row)).content.decode()
    for field in model._meta.concrete_fields:
        if is_secret(field.name):
            assert f"field-{field.name}" not in pages
            secret = str(getattr(row, field.attname))
            assert not secret or secret[:8] not in pages
            assert operator.get(f"{address(model)}?{field.name}__startswith=a").status_code == 400


@pytest.mark.parametrize("model", TENANT, ids=lambda model: model.__name__)
def test_a_look_at_a_row_is_told_to_its_company_and_to_no_other(busy, operator, model):
    row = rows(model).filter(company=busy.acme).first()
    assert operator.get(address(model, row)).status_code == 200
    assert looks(busy.acme) == [(getattr(row, "public_id", busy.acme.public_id), model._meta.label_lower)]
    assert looks(busy.mallory.company) == []


def test_a_purchase_is_shown_with_all_that_it_is_made_of(busy, operator):
    purchase = Transaction.across_companies.filter(company=busy.acme, status="posted", source="card", receipt_count=1).earliest("pk")
    page = operator.get(address(Transaction, purchase)).content.decode()
    for shown in ("authorization", "capture", "available → held $1.00", "held → spent $1.00", "r.png", "image/png", "bob@acme.example"):
        assert shown in page
    for panel in ("messages", "entries", "spend_lines", "draws", "receipts", "approvals"):
        assert f"field-{panel}" in page
    assert "monthly_limit" not in page


def test_a_decline_is_shown_with_its_checks(busy, operator):
    declined = Transaction.across_companies.get(status="declined", descriptor="Too Dear")
    page = operator.get(address(Transaction, declined)).content.decode()
    assert "<td>monthly_limit</td>" in page
    assert "<td>10400</td><td>5000</td><td>4500</td>" in page
    assert operator.get(address(Message, Message.across_companies.get(transaction=declined))).content.decode().count("monthly_limit") == 1


def test_a_card_is_shown_with_its_versions_freezes_and_months(busy, operator):
    with company_scope(busy.acme.pk):
        cards.freeze(busy.card, actor=busy.bob, at=NOON)
    page = operator.get(address(type(busy.card), busy.card)).content.decode()
    for shown in ("$50.00", "2026-03-01</a>", "holder</a>", "alice@acme.example", "bob@acme.example"):
        assert shown in page


def test_a_member_is_shown_with_their_sessions_and_people(busy, operator):
    page = operator.get(address(Membership, busy.bob)).content.decode()
    assert "Team 0" in page
    assert RefreshToken.across_companies.exists()
    boss = operator.get(address(Membership, busy.alice)).content.decode()
    assert "<td>api</td>" in boss


def test_a_company_is_shown_with_its_people_its_balances_and_ways_on(busy, operator):
    page = operator.get(address(Company, busy.acme)).content.decode()
    assert "<td>active</td><td>3</td>" in page
    assert "$989.00" in page
    assert f'href="{address(Transaction)}?company={busy.acme.pk}"' in page
    listed = operator.get(f"{address(FundingAccount)}?company={busy.acme.pk}").content.decode()
    assert "Malice" not in listed
