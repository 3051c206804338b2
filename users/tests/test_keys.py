"""API keys: made by people, shown once, acting in a program's name with its scopes, from its networks, until they end."""

from __future__ import annotations

import sqlite3
import time
from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from conftest import build_world, client_of
from reports.catalogue import REPORTS
from spendtrackr.events import seal_all
from spendtrackr.models import Event, IdempotencyKey
from spendtrackr.tenancy import company_scope
from tests.factories import NOON, PASSWORD, swipe
from tests.rules import approver, document, route, rule, step, try_out
from transactions import tasks
from transactions.operations import accounts
from transactions.operations.swipes import authorize
from users import operations as people
from users import tokens
from users.models import ApiKey, EmailLink, Membership, Notification, User
from users.roles import SCOPES, TABLE, covers, rules_of

KEYS = "/api/v1/api-keys/"


def made(client, **more) -> dict:
    answer = client.post(KEYS, {"name": "Payroll", "scopes": ["cards:read"], **more}, format="json")
    assert answer.status_code == 201, answer.content
    return answer.json()


def program(secret: str, **more: str) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}", **more)
    return client


def events(world, type_: str) -> list[Event]:
    with company_scope(world.acme.pk):
        return list(Event.objects.filter(type=type_).order_by("pk"))


def test_a_key_is_shown_once_and_only_its_hash_is_kept(world, api):
    key = made(api(world.alice), networks=["127.0.0.0/8"])
    secret = key["secret"]
    assert secret.startswith("sk_live_")
    assert (key["prefix"], key["last4"], key["status"]) == ("sk_live_", secret[-4:], "active")
    assert (key["name"], key["scopes"], key["networks"]) == ("Payroll", ["cards:read"], ["127.0.0.0/8"])
    assert (key["created_by"], key["expires_at"], key["last_used_at"]) == (world.alice.public_id, None, None)
    [listed] = api(world.alice).get(KEYS).json()["data"]
    assert listed == {name: value for name, value in key.items() if name != "secret"}
    row = ApiKey.across_companies.get()
    assert row.secret_hash == tokens.digest(secret)
    assert secret not in str(vars(row))
    [event] = events(world, "key.created")
    assert event.subject_id == key["id"]
    assert secret not in event.details


def test_what_is_repeated_shows_the_secret_masked(world, api):
    said = {"name": "Payroll", "scopes": ["cards:read"]}
    first, again = (api(world.alice).post(KEYS, said, format="json", HTTP_IDEMPOTENCY_KEY="k") for _ in range(2))
    assert (first.status_code, again.status_code, again["Idempotent-Replayed"]) == (201, 201, "true")
    assert again.json() == {**first.json(), "secret": "********"}
    assert first.json()["secret"] not in IdempotencyKey.across_companies.get().body
    assert ApiKey.across_companies.count() == 1


def test_it_acts_in_the_name_of_a_program(world, api):
    key = made(api(world.alice), scopes=["cards:write"])
    answer = program(key["secret"]).post(f"/api/v1/cards/{world.card.public_id}/freeze/")
    assert answer.status_code == 200
    [event] = events(world, "card.frozen")
    assert event.actor_id == key["integration"]
    assert "Payroll" in client_page(world, "/activity/")


def client_page(world, path: str) -> str:
    client = Client()
    client.post("/sign-in/", {"email": world.alice.user.email, "password": PASSWORD})
    return client.get(path).content.decode()


def test_without_the_scope_the_answer_names_it(world, api):
    client = program(made(api(world.alice))["secret"])
    assert client.get("/api/v1/cards/").status_code == 200
    refused = client.post(f"/api/v1/cards/{world.card.public_id}/freeze/")
    assert (refused.status_code, refused.json()["code"]) == (403, "scope_missing")
    assert refused.json()["message"] == "This API key lacks the scope cards:write."
    nobodys = client.get("/api/v1/auth/me/")
    assert (nobodys.status_code, nobodys.json()["code"]) == (403, "scope_missing")
    assert "people do it" in nobodys.json()["message"]


def test_it_sees_everybodys_with_the_scope_and_nobodys_without(world, api):
    client = program(made(api(world.alice), scopes=["cards:read", "transactions:read", "reports:read"])["secret"])
    assert [row["id"] for row in client.get("/api/v1/cards/").json()["data"]] == [world.card.public_id]
    assert client.get(f"/api/v1/cards/{world.card.public_id}/").status_code == 200
    assert client.get(f"/api/v1/cards/{world.her_card.public_id}/").status_code == 404
    assert client.get("/api/v1/budgets/").status_code == 403
    assert client.get("/api/v1/reports/spend/?group_by=member").status_code == 200


def test_a_key_makes_no_keys(world, api):
    key = made(api(world.alice), scopes=list(SCOPES))
    client = program(key["secret"])
    for method, path in (("get", KEYS), ("post", KEYS), ("post", f"{KEYS}{key['id']}/rotate/"), ("post", f"{KEYS}{key['id']}/revoke/")):
        assert getattr(client, method)(path).status_code == 403, path


@pytest.mark.parametrize(("who", "sees", "makes"), [("alice", 200, 201), ("bob", 403, 403)])
def test_who_runs_the_company_makes_them(world, api, who, sees, makes):
    client = api(getattr(world, who))
    assert client.get(KEYS).status_code == sees
    assert client.post(KEYS, {"name": "P", "scopes": ["cards:read"]}, format="json").status_code == makes


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"name": " "}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["cards:eat"]}, "scopes"),
        ({"scopes": "cards:read"}, "scopes"),
        ({"networks": ["10.0.0.1/8"]}, "networks"),
        ({"networks": ["everywhere"]}, "networks"),
        ({"networks": ["10.0.0.0/8"] * 21}, "networks"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ({"expires_at": "soon"}, "expires_at"),
        ({"expires_at": "2099-01-01T00:00:00"}, "expires_at"),
        ({"expires_at": "9999-12-31T23:59:59Z"}, "expires_at"),
        ({"networks": ["fe80::1%a b"]}, "networks"),
        ({"secret": "sk_live_mine"}, "secret"),
    ],
)
def test_what_makes_no_sense_is_refused_by_its_name(world, api, said, field):
    answer = api(world.alice).post(KEYS, {"name": "Payroll", "scopes": ["cards:read"], **said}, format="json")
    assert (answer.status_code, answer.json()["field"].partition(".")[0]) == (400, field)
    assert not ApiKey.across_companies.exists()
    assert not Membership.across_companies.filter(role="integration").exists()


def test_it_is_revoked_at_once_and_for_good(world, api):
    key, alice = made(api(world.alice)), api(world.alice)
    client = program(key["secret"])
    assert client.get("/api/v1/cards/").status_code == 200
    revoked = alice.post(f"{KEYS}{key['id']}/revoke/")
    assert (revoked.status_code, revoked.json()["status"]) == (200, "revoked")
    assert client.get("/api/v1/cards/").status_code == 401
    for again in ("revoke", "rotate"):
        assert alice.post(f"{KEYS}{key['id']}/{again}/").status_code == 409
    assert alice.patch(f"{KEYS}{key['id']}/", {"name": "Other"}, format="json").status_code == 409
    assert len(events(world, "key.revoked")) == 1


def test_it_ends_when_it_was_said_to(world, api):
    with time_machine.travel(NOON, tick=False):
        key = made(api(world.alice), expires_at=(NOON + timedelta(hours=1)).isoformat())
    with time_machine.travel(NOON + timedelta(minutes=59), tick=False):
        assert program(key["secret"]).get("/api/v1/cards/").status_code == 200
    with time_machine.travel(NOON + timedelta(hours=1), tick=False):
        assert program(key["secret"]).get("/api/v1/cards/").status_code == 401
        assert api(world.alice).get(f"{KEYS}{key['id']}/").json()["status"] == "expired"


def test_a_rotated_key_works_for_the_overlap_and_the_program_stays_the_same(world, api):
    with time_machine.travel(NOON, tick=False):
        key = made(api(world.alice), scopes=["cards:write"])
        new = api(world.alice).post(f"{KEYS}{key['id']}/rotate/", {"overlap_hours": 2}, format="json")
        assert new.status_code == 201
        new = new.json()
    assert new["secret"] != key["secret"]
    assert (new["integration"], new["scopes"], new["name"], new["expires_at"]) == (key["integration"], ["cards:write"], "Payroll", None)
    statuses = {}
    for hours in (0, 1, 2):
        with time_machine.travel(NOON + timedelta(hours=hours), tick=False):
            statuses[hours] = [program(one["secret"]).get("/api/v1/cards/").status_code for one in (key, new)]
    assert statuses == {0: [200, 200], 1: [200, 200], 2: [401, 200]}
    [event] = events(world, "key.rotated")
    assert f'"replaces": "{key["id"]}"' in event.details


def test_the_new_one_lives_as_long_as_the_one_before_was_made_to_live(world, api):
    with time_machine.travel(NOON, tick=False):
        key = made(api(world.alice), expires_at=(NOON + timedelta(days=30)).isoformat())
    with time_machine.travel(NOON + timedelta(days=20), tick=False):
        alice = api(world.alice)
        new = alice.post(f"{KEYS}{key['id']}/rotate/", {}, format="json").json()
        before = alice.get(f"{KEYS}{key['id']}/").json()
    assert new["expires_at"] == (NOON + timedelta(days=50)).isoformat().replace("+00:00", "Z")
    assert before["expires_at"] == (NOON + timedelta(days=21)).isoformat().replace("+00:00", "Z")


def test_the_overlap_never_lengthens_a_life(world, api):
    with time_machine.travel(NOON, tick=False):
        alice = api(world.alice)
        key = made(alice, expires_at=(NOON + timedelta(hours=1)).isoformat())
        alice.post(f"{KEYS}{key['id']}/rotate/", {}, format="json")
        assert alice.get(f"{KEYS}{key['id']}/").json()["expires_at"] == key["expires_at"]


def test_a_key_is_rotated_once_and_its_end_stays(world, api):
    """A second press of the button would make a key that nobody copied; another end would undo the rotation."""
    alice = api(world.alice)
    key = made(alice)
    new = alice.post(f"{KEYS}{key['id']}/rotate/", {}, format="json").json()
    assert alice.post(f"{KEYS}{key['id']}/rotate/", {}, format="json").status_code == 409
    ends = alice.get(f"{KEYS}{key['id']}/").json()["expires_at"]
    for at in (None, "2099-01-01T00:00:00Z"):
        assert alice.patch(f"{KEYS}{key['id']}/", {"expires_at": at}, format="json").status_code == 409
    assert alice.patch(f"{KEYS}{key['id']}/", {"expires_at": ends, "name": "HR"}, format="json").status_code == 200
    assert ApiKey.across_companies.count() == 2
    assert alice.post(f"{KEYS}{new['id']}/rotate/", {}, format="json").status_code == 201


def test_a_life_that_would_go_beyond_what_instants_are_ends_there(world, api):
    alice = api(world.alice)
    key = made(alice, expires_at="2099-12-31T23:00:00Z")
    new = alice.post(f"{KEYS}{key['id']}/rotate/", {}, format="json")
    assert (new.status_code, new.json()["expires_at"][:10]) == (201, "2099-12-31")
    assert alice.get(KEYS).status_code == 200


@pytest.mark.parametrize("hours", [-1, 169, 1.5, "2"])
def test_an_overlap_has_bounds(world, api, hours):
    key = made(api(world.alice))
    answer = api(world.alice).post(f"{KEYS}{key['id']}/rotate/", {"overlap_hours": hours}, format="json")
    assert (answer.status_code, answer.json()["field"]) == (400, "overlap_hours")
    assert ApiKey.across_companies.count() == 1


def test_a_change_is_of_what_it_names_and_takes_effect_at_once(world, api):
    key, alice = made(api(world.alice)), api(world.alice)
    client = program(key["secret"])
    changed = alice.patch(f"{KEYS}{key['id']}/", {"scopes": ["budgets:read"]}, format="json").json()
    assert (changed["scopes"], changed["name"], changed["networks"]) == (["budgets:read"], "Payroll", [])
    assert (client.get("/api/v1/cards/").status_code, client.get("/api/v1/budgets/").status_code) == (403, 200)
    alice.patch(f"{KEYS}{key['id']}/", {"networks": ["203.0.113.0/24"], "name": "HR"}, format="json")
    refused = client.get("/api/v1/budgets/")
    assert (refused.status_code, refused.json()["code"]) == (403, "address_not_allowed")
    assert alice.get(f"{KEYS}{key['id']}/").json()["name"] == "HR"
    assert len(events(world, "key.changed")) == 2
    assert "HR" not in "".join(event.details for event in events(world, "key.changed"))


@pytest.mark.parametrize(
    ("networks", "address", "status"),
    [
        (["203.0.113.0/24"], "203.0.113.7", 200),
        (["203.0.113.0/24"], "203.0.114.7", 403),
        (["203.0.113.0/24"], "::ffff:203.0.113.7", 200),
        (["2001:db8::/32"], "2001:db8::1", 200),
        (["2001:db8::/32"], "203.0.113.7", 403),
        (["203.0.113.7", "10.0.0.0/8"], "10.1.2.3", 200),
        (["203.0.113.7"], "nonsense", 403),
        (["::ffff:203.0.113.0/120"], "203.0.113.7", 200),
        (["::/0"], "203.0.113.7", 403),
        ([], "nonsense", 200),
    ],
)
def test_it_is_used_from_the_networks_that_it_names(world, api, networks, address, status):
    client = program(made(api(world.alice), networks=networks)["secret"], REMOTE_ADDR=address)
    assert client.get("/api/v1/cards/").status_code == status


def test_its_last_use_is_known_to_the_minute(world, api, django_assert_num_queries):
    with time_machine.travel(NOON, tick=False):
        key = made(api(world.alice))
    client = program(key["secret"])
    used = []
    for seconds in (0, 30, 59, 60):
        with time_machine.travel(NOON + timedelta(hours=1, seconds=seconds), tick=False):
            client.get("/api/v1/cards/")
            used.append(ApiKey.across_companies.get().last_used_at - NOON - timedelta(hours=1))
    assert used == [timedelta(0)] * 3 + [timedelta(seconds=60)]


def test_it_is_read_in_one_question(world, api, django_assert_num_queries):
    client = program(made(api(world.alice), scopes=["company:read"])["secret"])
    client.get("/api/v1/company/")
    with django_assert_num_queries(1):
        assert client.get("/api/v1/company/").status_code == 200


@pytest.mark.parametrize("secret", ["sk_live_", "sk_live_" + "0" * 32, "sk_test_x", "sk_live_é", "SK_LIVE_x"])
def test_what_is_no_key_is_nobody(world, secret):
    assert program(secret).get("/api/v1/cards/").status_code == 401


def test_a_suspended_company_is_read_and_not_changed_by_it(world, api):
    client = program(made(api(world.alice), scopes=["cards:write"])["secret"])
    with company_scope(world.acme.pk):
        accounts.suspend_company(world.acme, actor=None, at=NOON)
    assert client.get("/api/v1/cards/").status_code == 200
    refused = client.post(f"/api/v1/cards/{world.card.public_id}/freeze/")
    assert (refused.status_code, refused.json()["code"]) == (403, "company_suspended")


def test_a_program_is_nobody_among_people(world, api):
    """It is listed with no member, chosen for nothing, mailed nothing, and cannot sign in."""
    key = made(api(world.alice), scopes=list(SCOPES))
    alice = api(world.alice)
    assert key["integration"] not in {row["id"] for row in alice.get("/api/v1/members/").json()["data"]}
    assert alice.get(f"/api/v1/members/{key['integration']}/").status_code == 404
    refused = alice.post("/api/v1/cards/", {"name": "C", "holder": key["integration"], "currency": "USD"}, format="json")
    assert (refused.status_code, refused.json()["field"]) == (400, "holder")
    assert alice.patch(f"/api/v1/members/{world.bob.public_id}/", {"manager": key["integration"]}, format="json").status_code == 400
    for page in ("/people/", "/transactions/", "/settings/departments/new/", "/budgets/new/"):
        assert "Payroll" not in client_page(world, page), page
    user = User.objects.get(name="Payroll")
    assert not user.has_usable_password()
    with company_scope(world.acme.pk):
        member = Membership.objects.get(public_id=key["integration"])
        assert not member.is_reachable
        assert not Membership.objects.active().filter(pk=member.pk).exists()


def test_the_hundred_and_first_open_key_is_refused(world, api, monkeypatch):
    from users.operations import keys

    monkeypatch.setattr(keys, "MOST_OPEN", 2)
    alice = api(world.alice)
    first = made(alice)
    made(alice, name="Other")
    assert alice.post(KEYS, {"name": "Third", "scopes": ["cards:read"]}, format="json").status_code == 409
    assert alice.post(f"{KEYS}{first['id']}/revoke/").status_code == 200
    made(alice, name="Third")


def test_whoever_may_write_may_read_and_nothing_else():
    assert covers(["cards:read"], "cards:read")
    assert covers(["cards:write"], "cards:read")
    assert not covers(["cards:read"], "cards:write")
    assert not covers(["cards:write"], "budgets:read")
    assert not covers(SCOPES, None)


def test_what_no_key_does():
    """A change here is a decision: what somebody does in their own name, and whatever could make more of a key than it was given."""
    assert {name for name, grant in TABLE.items() if grant.scope is None} == {
        "profile.own", "notifications.own", "people.own", "keys.see", "keys.change", "requests.ask", "requests.withdraw",
        "claims.make", "claims.change", "approvals.decide",
    }  # fmt: skip
    for scope in SCOPES:
        assert scope.endswith((":read", ":write"))
        assert rules_of(scope)


def test_nobody_hands_out_more_than_they_have(acme):
    finance = acme.hire("Frank", "finance")
    with pytest.raises(Exception, match="You may not do all that cards:write allows"):
        people.create_key(name="K", scopes=["cards:write"], actor=finance, at=NOON)
    assert not ApiKey.objects.exists()


def test_a_token_of_a_person_still_names_its_session(world):
    assert client_of(world.alice).get("/api/v1/auth/sessions/").json()["data"][0]["is_current"]


def test_a_program_whose_company_sent_it_away_is_refused(world, api):
    key = made(api(world.alice))
    with company_scope(world.acme.pk):
        Membership.objects.filter(public_id=key["integration"]).update(status="deactivated")
    assert program(key["secret"]).get("/api/v1/cards/").status_code == 401


def test_a_budget_that_a_program_makes_is_owned_by_a_person(world, api):
    client = program(made(api(world.alice), scopes=["budgets:write", "people:read"])["secret"])
    said = {"name": "Ads", "limit": {"minor": 1, "currency": "USD"}, "interval": "month"}
    refused = client.post("/api/v1/budgets/", said, format="json")
    assert (refused.status_code, refused.json()["field"]) == (400, "owner")
    assert client.post("/api/v1/budgets/", {**said, "owner": world.bob.public_id}, format="json").status_code == 201


def test_the_network_is_played_with_one_scope(world, api):
    client = program(made(api(world.alice), scopes=["simulator:write"])["secret"])
    paid = {"amount": {"minor": 1_00, "currency": "USD"}, "merchant_name": "Bakery", "merchant_code": "5462", "country": "US"}
    said = {"card": world.card.public_id, **paid}
    answer = client.post("/api/v1/simulator/authorizations/", said, format="json")
    assert (answer.status_code, answer.json()["approved"]) == (201, True)
    captured = client.post(f"/api/v1/simulator/authorizations/{answer.json()['transaction']['id']}/capture/", {}, format="json")
    assert captured.status_code == 200, captured.content
    foreign = client.post("/api/v1/simulator/authorizations/", {**said, "card": world.her_card.public_id}, format="json")
    assert (foreign.status_code, foreign.json()["field"]) == (400, "card")


def test_every_answer_says_what_is_left_and_beyond_it_nothing_is_done(world, api, settings):
    settings.API_REQUESTS_PER_MINUTE = 3
    with time_machine.travel(NOON + timedelta(seconds=15), tick=False):
        key = made(api(world.alice), scopes=["cards:write"])
        client = program(key["secret"])
        told = [client.get(f"/api/v1/cards/{card}/") for card in (world.card.public_id, world.her_card.public_id)]
        assert [(one.status_code, one["RateLimit-Remaining"]) for one in told] == [(200, "2"), (404, "1")]
        assert client.get("/api/v1/budgets/").status_code == 403
        refused = client.post(f"/api/v1/cards/{world.card.public_id}/freeze/")
        assert (refused.status_code, refused.json()["code"], refused["Retry-After"]) == (429, "too_many_requests", "45")
        assert (refused["RateLimit-Limit"], refused["RateLimit-Remaining"], refused["RateLimit-Reset"]) == ("3", "0", "45")
        assert events(world, "card.frozen") == []
        assert api(world.bob).get("/api/v1/cards/")["RateLimit-Remaining"] == "2"  # another credential
        assert "RateLimit-Limit" not in APIClient().get("/api/v1/cards/")
    with time_machine.travel(NOON + timedelta(seconds=60), tick=False):
        assert client.post(f"/api/v1/cards/{world.card.public_id}/freeze/").status_code == 200
    settings.API_REQUESTS_PER_MINUTE = 0
    assert "RateLimit-Limit" not in client.get("/api/v1/cards/")


INVITED = {"email": "eve@acme.example", "role": "employee"}


def test_a_program_hands_out_no_more_than_an_employees_role(world, api):
    """Or an ordinary scope would be all of them: whoever makes an admin makes keys."""
    client = program(made(api(world.alice), scopes=["people:write"])["secret"])
    for role in ("owner", "admin", "finance", "auditor"):
        assert client.post("/api/v1/invitations/", {**INVITED, "role": role}, format="json").status_code == 403, role
        assert client.patch(f"/api/v1/members/{world.bob.public_id}/", {"role": role}, format="json").status_code == 403, role
    assert client.post("/api/v1/invitations/", INVITED, format="json").status_code == 201


@pytest.mark.parametrize("role", ["owner", "admin", "finance"])
def test_a_program_changes_nobody_who_runs_the_company_or_keeps_its_books(world, api, role):
    client = program(made(api(world.alice), scopes=["people:write"])["secret"])
    with company_scope(world.acme.pk):
        zoe = world.hire("Zoe", role)
    for method, path, body in (("patch", "", {"role": "employee"}), ("post", "suspend/", {}), ("post", "deactivate/", {})):
        answer = getattr(client, method)(f"/api/v1/members/{zoe.public_id}/{path}", body, format="json")
        assert (answer.status_code, "program" in answer.json()["message"]) == (403, True), path
    with company_scope(world.acme.pk):
        assert Membership.objects.get(pk=zoe.pk).role == role
        invitation, _ = people.invite(email="new@acme.example", role=role, actor=world.alice, at=timezone.now())
    assert client.post(f"/api/v1/invitations/{invitation.public_id}/resend/").status_code == 403


def test_what_a_program_invited_ends_with_its_last_key(world, api):
    alice = api(world.alice)
    key = made(alice, scopes=["people:write"])
    token = program(key["secret"]).post("/api/v1/invitations/", INVITED, format="json").json()["token"]
    alice.post(f"{KEYS}{key['id']}/revoke/")
    said = {"token": token, "name": "Eve", "password": PASSWORD}
    refused = APIClient().post("/api/v1/auth/accept-invitation/", said, format="json")
    assert (refused.status_code, refused.json()["field"]) == (400, "token")
    assert not User.objects.filter(email=INVITED["email"]).exists()


def test_what_a_program_invited_is_accepted_while_it_has_a_key(world, api):
    key = made(api(world.alice), scopes=["people:write"])
    token = program(key["secret"]).post("/api/v1/invitations/", INVITED, format="json").json()["token"]
    said = {"token": token, "name": "Eve", "password": PASSWORD}
    assert APIClient().post("/api/v1/auth/accept-invitation/", said, format="json").status_code == 201


def test_nobody_mails_to_a_program_or_gives_it_a_password(world, api, mailoutbox):
    made(api(world.alice))
    user = User.objects.get(name="Payroll")
    assert APIClient().post("/api/v1/auth/password-reset/", {"email": user.email}, format="json").status_code == 202
    assert not EmailLink.objects.filter(user=user).exists()


def test_a_program_is_told_nothing(world, api):
    client = program(made(api(world.alice), scopes=["comments:write", "transactions:read"])["secret"])
    with company_scope(world.acme.pk):
        purchase = authorize(world.card, swipe(1_00)).transaction
    assert client.post(f"/api/v1/transactions/{purchase.public_id}/comments/", {"text": "Hm"}, format="json").status_code == 201
    api(world.bob).post(f"/api/v1/transactions/{purchase.public_id}/comments/", {"text": "What?"}, format="json")
    seal_all()
    tasks.notify(NOON)
    assert not Notification.across_companies.filter(membership__role="integration").exists()
    assert Notification.across_companies.filter(kind="comment").exists()


def test_a_report_takes_the_scope_of_what_it_tells_of(world, api):
    """With less it would say that nothing is open, and a program would close the month."""
    client = program(made(api(world.alice), scopes=["reports:read"])["secret"])
    asked = {name: client.get(f"/api/v1/reports/{name}/", {"group_by": "member"} if name == "spend" else {}) for name in REPORTS}
    refused = {name for name, answer in asked.items() if answer.status_code == 403}
    assert refused == {"duplicates", "missing-receipts", "approval-ageing", "claims-outstanding", "card-limits", "declines", "close-list"}
    assert {row["name"] for row in client.get("/api/v1/reports/").json()["data"]} == set(REPORTS) - refused


def test_the_past_that_a_draft_is_tried_on_takes_the_scope_of_transactions(world, api):
    with company_scope(world.acme.pk):
        tried = try_out(world)
    address = f"/api/v1/backtests/{tried.public_id}/rows/"
    client = program(made(api(world.alice), scopes=["policies:write"])["secret"])
    assert client.get(f"/api/v1/backtests/{tried.public_id}/").status_code == 200
    refused = client.get(address)
    assert (refused.status_code, "transactions:read" in refused.json()["message"]) == (403, True)
    both = program(made(api(world.alice), scopes=["policies:read", "transactions:read"])["secret"])
    assert both.get(address).status_code == 200


def test_a_program_whose_user_was_shut_out_is_refused(world, api):
    key = made(api(world.alice))
    User.objects.filter(name="Payroll").update(is_active=False)
    assert program(key["secret"]).get("/api/v1/cards/").status_code == 401


@pytest.mark.django_db(transaction=True)
def test_reading_with_a_key_waits_for_no_writer(api):
    """SQLite has one lock for all that write: an import would hold up every program that only reads."""
    if connection.vendor != "sqlite":
        pytest.skip("only SQLite has one lock for everything")
    world = build_world()
    client = program(made(api(world.alice))["secret"])
    with sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None) as writer:
        writer.execute("BEGIN IMMEDIATE")
        started = time.monotonic()
        assert client.get("/api/v1/cards/").status_code == 200
        assert time.monotonic() - started < 2
        writer.execute("ROLLBACK")
    assert ApiKey.across_companies.get().last_used_at is None
    assert client.get("/api/v1/cards/").status_code == 200
    assert ApiKey.across_companies.get().last_used_at is not None


def test_no_rule_of_a_policy_names_a_program(world, api, pages):
    key = made(api(world.alice))
    asks = rule("Asks", approval=route(step(approver("member", member=key["integration"]))))
    for one, place in ((rule("Spends", members=[key["integration"]]), "when.members"), (asks, "approval.steps")):
        answer = api(world.alice).post("/api/v1/policies/", {"document": document(one)}, format="json")
        assert (answer.status_code, place in answer.json()["field"]) == (400, True), answer.content
        assert answer.json()["code"] == "does_not_exist"
    assert "Payroll" not in client_page(world, "/policies/new/")
