"""The people of every test: Alice runs Acme, Bob works there, Mallory runs another company."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.test.utils import override_settings, setup_databases, teardown_databases
from django.utils import timezone
from rest_framework.test import APIClient

from cards import operations as cards
from cards.models import Card
from companies.models import Company
from reports import tasks as report_tasks
from spendtrackr import tenancy
from spendtrackr.money import Money
from tests.again import again
from tests.factories import NOON, PASSWORD, SignUpFactory
from transactions import tasks as transaction_tasks
from transactions.models import FundingAccount
from transactions.operations import accounts
from users import operations as people
from users import tokens
from users.models import Membership, Session, SessionKind


@dataclass
class World:
    """Two companies. Acme is funded with 1,000.00 USD, and Bob carries a card."""

    alice: Membership
    bob: Membership
    mallory: Membership
    acme: Company
    card: Card
    her_card: Card

    def hire(self, name: str, role: str) -> Membership:
        """Somebody else at Acme, in any role."""
        email = f"{name.lower()}@acme.example"
        _, token = people.invite(email=email, role=role, actor=self.alice, at=NOON)
        return people.accept(token, name=name, password=PASSWORD, at=NOON).member

    def account(self, currency: str = "USD") -> FundingAccount:
        return FundingAccount.objects.get(currency=currency)

    def reload(self, card: Card | None = None) -> Card:
        return Card.objects.with_state().get(pk=(card or self.card).pk)


@pytest.fixture(scope="session")
def django_db_setup(request, django_test_environment, django_db_modify_db_settings, django_db_blocker) -> Iterator[None]:
    """Always a database of the tests' own, also where only a module's fixture asks for one: never the demo's.

    With `--nomigrations` its tables are made as the models are now, which is quicker by far for a few tests.
    """
    connection.settings_dict["TEST"]["MIGRATE"] = not request.config.getoption("nomigrations")
    with django_db_blocker.unblock():
        made = setup_databases(verbosity=0, interactive=False, aliases={"default"})
        assert "test" in str(connection.settings_dict["NAME"])
    yield
    with django_db_blocker.unblock():
        teardown_databases(made, verbosity=0)


@pytest.fixture(scope="session", autouse=True)
def _files(tmp_path_factory) -> Iterator[None]:
    """Uploaded files are the tests' own too."""
    with override_settings(MEDIA_ROOT=tmp_path_factory.mktemp("files")):
        yield


def empty_cache() -> None:
    """What these tests put there; in Redis another half of the suite may be at work."""
    if settings.REDIS_URL:
        cache.delete_pattern("*")
    else:
        cache.clear()


@pytest.fixture(autouse=True)
def _clean_scope() -> Iterator[None]:
    """No test inherits a company, a count or a job under way from the one before."""
    empty_cache()
    for run in report_tasks.EXPORTS.begun.values():
        run.file.close()
    for turns in (transaction_tasks.BACKTESTS, transaction_tasks.UPLOADS, report_tasks.EXPORTS):
        turns.begun.clear()
    tenancy._company.set(None)
    yield
    tenancy._company.set(None)


def build_world() -> World:
    alice = people.sign_up(SignUpFactory(), at=NOON).member
    mallory = people.sign_up(SignUpFactory(company_name="Malice", name="Mallory", email="mallory@malice.example"), at=NOON).member
    with tenancy.company_scope(mallory.company_id):
        her_card = cards.issue(mallory, name="Hers", currency="USD", controls=cards.Controls(), actor=mallory, at=NOON)
        accounts.top_up(Money(500_00, "USD"), actor=mallory, at=NOON)
    with tenancy.company_scope(alice.company_id):
        _, token = people.invite(email="bob@acme.example", role="employee", actor=alice, at=NOON)
        bob = people.accept(token, name="Bob", password=PASSWORD, at=NOON).member
        card = cards.issue(bob, name="Bob's card", currency="USD", controls=cards.Controls(), actor=alice, at=NOON)
        accounts.top_up(Money(1_000_00, "USD"), actor=alice, at=NOON)
    return World(alice, bob, mallory, alice.company, card, her_card)


# Operations are slow: they make one world, and every test gets its rows.
same_world = again(build_world, scope="session")


@pytest.fixture
def world(same_world, db) -> World:
    """Two companies, and no scope: for tests that come in through the API or the pages."""
    return same_world()


@pytest.fixture
def acme(world) -> Iterator[World]:
    """The same, inside Acme's scope: for tests that call operations."""
    with tenancy.company_scope(world.acme.pk):
        yield world


def client_of(member: Membership | None) -> APIClient:
    """An API client with a real access token, or without any."""
    client = APIClient()
    if member is not None:
        with tenancy.company_scope(member.company_id):
            session = Session.objects.create(
                membership=member, kind=SessionKind.API, created_at=timezone.now(), expires_at=timezone.now() + timedelta(days=1)
            )
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {tokens.access_token(session, at=timezone.now())}")
    return client


@pytest.fixture
def api():
    """`api(world.alice).get(...)`: every request begins without a company, as on a server."""
    return client_of


@pytest.fixture
def pages(client):
    """`pages(world.alice).get(...)`: signed in through the form."""

    def sign_in(member: Membership):
        response = client.post("/sign-in/", {"email": member.user.email, "password": PASSWORD})
        assert response.status_code == 302, response.content
        return client

    return sign_in
