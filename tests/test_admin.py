"""The Django admin: for operators only, read-only, and what it does it does through operations."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.contrib import admin
from django.utils import timezone

from companies.models import Company
from spendtrackr.models import Event
from spendtrackr.tenancy import company_scope
from tests.factories import PASSWORD, swipe
from transactions.models import FundingAccount
from transactions.operations.swipes import authorize
from users import operations

OURS = [model for model in admin.site._registry if model._meta.app_label in {"spendtrackr", "companies", "users", "cards", "transactions"}]


@pytest.fixture
def operator(client, db):
    hashed = operations.hash_password(PASSWORD)
    operations.create_operator(email="ops@example.com", name="Ops", hashed=hashed, at=timezone.now())
    answer = client.post("/operators/login/?next=/operators/", {"username": "OPS@example.com", "password": PASSWORD})
    assert answer.status_code == 302
    return client


def test_an_operator_signs_in_and_sees_all_companies(world, operator):
    page = operator.get("/operators/companies/company/").content.decode()
    assert "Acme" in page
    assert "Malice" in page


@pytest.mark.parametrize("who", ["alice", "bob"])
def test_tenant_users_never_get_in(world, client, pages, who):
    member = getattr(world, who)
    refused = client.post("/operators/login/", {"username": member.user.email, "password": PASSWORD})
    assert refused.status_code == 200
    assert "Please enter the correct" in refused.content.decode()
    assert pages(member).get("/operators/")["Location"].startswith("/operators/login/")


def test_guessing_an_operators_password_is_limited(world, client):
    for _ in range(10):
        client.post("/operators/login/", {"username": "ops@example.com", "password": "wrong"})
    client.raise_request_exception = False
    assert client.post("/operators/login/", {"username": "ops@example.com", "password": "wrong"}).status_code == 429


@pytest.mark.parametrize("model", OURS, ids=lambda model: model.__name__)
def test_everything_can_be_looked_at_and_nothing_typed_in(world, operator, model):
    with company_scope(world.acme.pk):
        authorize(world.card, swipe())
    base = f"/operators/{model._meta.app_label}/{model._meta.model_name}/"
    assert operator.get(base).status_code == 200
    assert operator.get(f"{base}add/").status_code == 403
    row = getattr(model, "across_companies", model._base_manager).first()
    if row is not None:
        shown = operator.get(f"{base}{row.pk}/change/")
        assert shown.status_code == 200
        assert 'name="_save"' not in shown.content.decode()
        assert operator.post(f"{base}{row.pk}/change/", {}).status_code == 403
        assert operator.post(f"{base}{row.pk}/delete/", {"post": "yes"}).status_code == 403


def test_secrets_are_not_shown(world, operator):
    user = operator.get(f"/operators/users/user/{world.alice.user_id}/change/").content.decode()
    assert world.alice.user.password not in user


def act(operator, action, company):
    body = {"action": action, "_selected_action": [company.pk]}
    return operator.post("/operators/companies/company/", body, follow=True).content.decode()


def test_suspending_goes_through_the_operation_and_stops_swipes(world, operator):
    assert "Acme was suspended." in act(operator, "suspend", world.acme)

    assert Company.objects.get(pk=world.acme.pk).status == "suspended"
    with company_scope(world.acme.pk):
        assert FundingAccount.objects.get().is_blocked
        assert authorize(world.reload(), swipe()).reason == "company_suspended"
        event = Event.objects.get(type="company.suspended")
    assert event.actor_id.startswith("usr_")

    assert "The company is suspended already." in act(operator, "suspend", world.acme)
    assert "Acme was reactivated." in act(operator, "reactivate", world.acme)
    with company_scope(world.acme.pk):
        assert authorize(world.reload(), swipe()).approved


def test_models_with_money_in_them_are_all_there_to_look_at():
    shown = {model.__name__ for model in OURS}
    assert {
        "Company",
        "User",
        "Card",
        "Transaction",
        "Message",
        "Draw",
        "FundingAccount",
        "Entry",
        "Posting",
        "SpendLine",
        "Event",
    } <= shown
    assert {model.__name__ for model in apps.get_app_config("users").get_models()} - shown == {"RefreshToken"}


def test_admin_pages_keep_to_the_content_security_policy(operator):
    response = operator.get("/operators/")
    assert "default-src 'self'" in response["Content-Security-Policy"]
