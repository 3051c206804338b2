"""The Django admin: for operators only, read-only, and what it does it does through operations."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
import time_machine
from django.contrib import admin
from django.utils import timezone

from companies.models import Company
from spendtrackr import events
from spendtrackr.admin import is_secret
from spendtrackr.models import Event
from spendtrackr.tenancy import TenantModel, company_scope
from tests.factories import NOON, PASSWORD, swipe
from tests.test_house import OUR_MODELS
from tests.test_query_counts import fill, questions
from transactions.models import FundingAccount, Transaction
from transactions.operations.clearing import Clearing, clear
from transactions.operations.swipes import authorize
from users import operations
from users.models import Membership, User

OURS = [model for model in admin.site._registry if model in OUR_MODELS]
TENANT = [model for model in OURS if issubclass(model, TenantModel)]


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


def address(model, row=None):
    base = f"/operators/{model._meta.app_label}/{model._meta.model_name}/"
    return base if row is None else f"{base}{row.pk}/change/"


def rows(model):
    return getattr(model, "across_companies", model._base_manager).order_by("pk")


def looks(company, type_="operator.looked"):
    """Whom and what the company was told of, the oldest first."""
    found = Event.across_companies.filter(company=company, type=type_).order_by("pk")
    return [(event.subject_id, json.loads(event.details)["model"]) for event in found]


def test_every_model_of_ours_is_there_to_look_at():
    assert set(OURS) == set(OUR_MODELS)


@pytest.mark.parametrize("model", TENANT, ids=lambda model: model.__name__)
def test_every_list_leads_to_the_company_and_is_found_by_its_name(model, rf):
    page = admin.site._registry[model]
    assert "company_link" in page.list_display
    assert {"company__name", "company__public_id", "company__slug"} <= set(page.get_search_fields(rf.get("/")))


def test_the_secrets_are_these():
    found = {f"{model.__name__}.{field.name}" for model in OUR_MODELS for field in model._meta.concrete_fields if is_secret(field.name)}
    assert found == {
        "User.password",
        "Invitation.token_hash",
        "Invitation.mail_token_hash",
        "RefreshToken.token_hash",
        "ApiKey.secret_hash",
        "WebhookEndpoint.secret_salt",
        "WebhookEndpoint.previous_secret_salt",
        "EmailLink.token_hash",
        "IdempotencyKey.key_hash",
        "IdempotencyKey.request_hash",
        "IdempotencyKey.body",
        "ThrottleCounter.subject_hash",
    }


def test_autocompletion_is_closed(world, operator):
    asked = "/operators/autocomplete/?term=a&app_label=cards&model_name=card&field_name=holder"
    assert operator.get(asked).status_code == 403
    assert operator.get(f"{address(Transaction)}?_to_field=id").status_code == 400


def test_the_event_names_the_operator_and_is_sealed_with_the_others(world, operator):
    operator.get(address(type(world.her_card), world.her_card))
    events.seal_all()
    event = Event.across_companies.get(type="operator.looked")
    assert event.company_id == world.mallory.company_id
    assert event.actor_id == User.objects.get(is_staff=True).public_id
    assert event.subject_id == world.her_card.public_id
    assert event.details == '{"model": "cards.card"}'
    assert event.sequence == rows(Event).filter(company=world.mallory.company).count()


def test_each_look_at_a_row_is_an_event_also_at_an_event(world, operator):
    event = rows(Event).filter(company=world.acme).first()
    operator.get(address(Event, event))
    operator.get(address(Event, event))
    assert looks(world.acme) == [(event.public_id, "spendtrackr.event")] * 2


def test_a_company_is_told_that_its_page_was_opened_but_not_that_it_stood_in_the_directory(world, operator):
    operator.get(address(Company))
    assert looks(world.acme, "operator.listed") == []
    operator.get(address(Company, world.acme))
    assert looks(world.acme) == [(world.acme.public_id, "companies.company")]
    assert looks(world.mallory.company) == []


def test_a_person_is_a_person_of_each_of_their_companies(world, operator):
    second = operations.found_company(
        world.alice.user, company_name="Second", country="US", currency="USD", time_zone="America/New_York", at=NOON
    ).company
    operator.get(address(User, world.alice.user))
    told = [(world.alice.user.public_id, "users.user")]
    assert [looks(world.acme), looks(second), looks(world.mallory.company)] == [told, told, []]
    operator.get(f"{address(User)}?q=mallory")
    assert looks(world.mallory.company, "operator.listed") == [(world.mallory.company.public_id, "users.user")]
    assert looks(world.acme, "operator.listed") == []


def test_a_list_is_told_once_to_each_company_on_it(world, operator):
    acme, malice = world.acme, world.mallory.company
    with time_machine.travel(timezone.now(), tick=False) as clock:
        operator.get(address(Membership))
        operator.get(f"{address(Membership)}?o=1")
        told = [(acme.public_id, "users.membership")]
        assert looks(acme, "operator.listed") == told
        assert looks(malice, "operator.listed") == [(malice.public_id, "users.membership")]

        clock.shift(timedelta(minutes=9))
        operator.get(f"{address(Membership)}?company={acme.pk}")
        assert looks(acme, "operator.listed") == told

        clock.shift(timedelta(minutes=2))
        operator.get(f"{address(Membership)}?company={acme.pk}")
        assert looks(acme, "operator.listed") == told * 2
        assert len(looks(malice, "operator.listed")) == 1
        operator.get(f"{address(FundingAccount)}?q=malice")
        assert len(looks(acme, "operator.listed")) == 2
        assert looks(malice, "operator.listed")[1:] == [(malice.public_id, "transactions.fundingaccount")]
    assert looks(acme) == looks(malice) == []


def test_another_operators_look_at_the_same_list_is_another_event(world, operator, client):
    operator.get(address(Membership))
    operations.create_operator(email="second@example.com", name="Second", hashed=operations.hash_password(PASSWORD), at=timezone.now())
    client.logout()
    client.post("/operators/login/", {"username": "second@example.com", "password": PASSWORD})
    client.get(address(Membership))
    actors = {event.actor_id for event in Event.across_companies.filter(type="operator.listed", company=world.acme)}
    assert actors == {user.public_id for user in User.objects.filter(is_staff=True)}


def test_a_list_without_rows_tells_nobody(world, operator):
    operator.get(f"{address(Membership)}?q=nobody-of-this-name")
    assert looks(world.acme, "operator.listed") == looks(world.mallory.company, "operator.listed") == []


@pytest.mark.parametrize("path", ["users/membership/", "users/membership/{}/change/"])
def test_what_cannot_be_recorded_is_not_shown(world, operator, monkeypatch, path):
    def broken(*args, **kwargs):
        raise RuntimeError("no room on the disk")

    monkeypatch.setattr(events, "record_across", broken)
    operator.raise_request_exception = False
    answer = operator.get(f"/operators/{path.format(world.bob.pk)}")
    assert answer.status_code == 500
    assert world.bob.user.email not in answer.content.decode()


def test_what_tenant_users_try_at_the_operators_door_shows_nothing_and_records_nothing(world, pages):
    client = pages(world.alice)
    for path in (address(Membership), address(Membership, world.bob), f"{address(Membership)}{world.bob.pk}/history/"):
        assert client.get(path)["Location"].startswith("/operators/login/")
    assert not Event.across_companies.filter(type__startswith="operator.").exists()


def test_history_leads_to_the_events_about_a_row(world, operator):
    led = operator.get(f"{address(type(world.card), world.card).removesuffix('change/')}history/")
    assert led["Location"] == f"{address(Event)}?q={world.card.public_id}"
    page = operator.get(led["Location"]).content.decode()
    assert "card.issued" in page
    assert world.her_card.public_id not in page


def give(operator, *accounts, credit):
    chosen = {"action": "set_credit", "_selected_action": [account.pk for account in accounts], "credit": credit}
    return operator.post(address(FundingAccount), chosen, follow=True).content.decode()


def credit_given() -> list[int]:
    return list(rows(FundingAccount).values_list("credit_minor", flat=True))


def test_an_operator_gives_credit_and_the_company_is_told(world, operator):
    account = rows(FundingAccount).get(company=world.acme)
    assert "The credit of" in give(operator, account, credit="5,000.50")
    assert sorted(credit_given()) == [0, 5_000_50]
    event = Event.across_companies.get(type="account.credit_changed")
    assert (event.company_id, event.subject_id) == (world.acme.pk, account.public_id)
    assert event.actor_id == User.objects.get(is_staff=True).public_id
    assert json.loads(event.details) == {"before_minor": 0, "currency": "USD", "minor": 5_000_50}
    assert "$5,000.50" in operator.get(address(FundingAccount)).content.decode()


def test_credit_is_read_in_the_currency_of_each_account(world, operator):
    with company_scope(world.acme.pk):
        yen = FundingAccount.objects.create(currency="JPY")
    page = give(operator, *rows(FundingAccount), credit="0.5")
    assert "Write the credit as an amount in JPY" in page
    yen.refresh_from_db()
    assert (yen.credit_minor, sorted(credit_given())) == (0, [0, 50, 50])


@pytest.mark.parametrize("credit", ["", "much", "-1", "1.005", "99999999999999999999", "1e5"])
def test_what_is_no_credit_is_refused_and_changes_nothing(world, operator, credit):
    page = give(operator, rows(FundingAccount).first(), credit=credit)
    assert '<li class="error">' in page
    assert set(credit_given()) == {0}
    assert not Event.across_companies.filter(type="account.credit_changed").exists()


def test_no_company_gives_itself_credit(world, pages):
    chosen = {"action": "set_credit", "_selected_action": [rows(FundingAccount).get(company=world.acme).pk], "credit": "5000"}
    assert pages(world.alice).post(address(FundingAccount), chosen)["Location"].startswith("/operators/login/")
    assert set(credit_given()) == {0}


LISTS = ["users/membership", "users/session", "cards/card", "cards/cardcontrols", "cards/freeze", "transactions/transaction",
         "transactions/message", "transactions/posting", "transactions/approval", "transactions/receipt", "transactions/spendline",
         "transactions/importedline", "spendtrackr/event", "users/user", "users/notification"]  # fmt: skip


def test_a_list_asks_as_many_questions_for_many_rows_as_for_few(world, operator):
    """The session, the operator, how many there are, the rows, and whom to tell; for people also whose they are."""
    asked = {path: 6 if path == "users/user" else 5 for path in LISTS}
    fill(world, 2, 0)
    for path in LISTS:
        operator.get(f"/operators/{path}/")
    assert {path: questions(operator, f"/operators/{path}/") for path in LISTS} == asked
    fill(world, 5, 2)
    assert {path: questions(operator, f"/operators/{path}/") for path in LISTS} == asked


def test_a_purchases_page_asks_as_many_questions_for_many_messages_as_for_few(world, operator, django_assert_max_num_queries):
    with company_scope(world.acme.pk):
        purchase = authorize(world.card, swipe(50_00)).transaction
        clear(purchase, Clearing("capture", "c0", NOON, amount_minor=1_00), actor=None)
    operator.get(address(Transaction, purchase))
    with django_assert_max_num_queries(30) as few:
        operator.get(address(Transaction, purchase))
    with company_scope(world.acme.pk):
        for number in range(1, 6):
            clear(purchase, Clearing("capture", f"c{number}", NOON, amount_minor=1_00), actor=None)
    with django_assert_max_num_queries(30) as many:
        operator.get(address(Transaction, purchase))
    assert len(many) == len(few)


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


def test_admin_pages_keep_to_the_content_security_policy(operator):
    response = operator.get("/operators/")
    assert "default-src 'self'" in response["Content-Security-Policy"]
