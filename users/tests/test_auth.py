from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import jwt
import pytest
import time_machine
from django.conf import settings as django_settings
from django.contrib.auth.hashers import make_password
from django.db import connections
from django.utils import timezone

from companies.models import Category, Company
from spendtrackr.models import Event
from spendtrackr.tenancy import company_scope
from tests.factories import PASSWORD
from users.models import RefreshToken, Session, User

SIGNUP = {
    "company_name": "Nordlicht GmbH",
    "country": "DE",
    "currency": "EUR",
    "time_zone": "Europe/Berlin",
    "name": "Nora",
    "email": "Nora@nordlicht.example",
    "password": "correct-horse-battery",
}


def post(api, path, body, member=None):
    return api(member).post(f"/api/v1/auth/{path}/", body)


def login(api, email="alice@acme.example", password=PASSWORD, **extra):
    return post(api, "login", {"email": email, "password": password, **extra})


def test_signing_up_makes_the_company_its_owner_and_a_session(db, api):
    response = post(api, "signup", SIGNUP)

    assert response.status_code == 201
    answer = response.json()
    assert (answer["member"]["role"], answer["member"]["email"]) == ("owner", "Nora@nordlicht.example")
    assert answer["company"] == {
        "id": Company.objects.get().public_id,
        "name": "Nordlicht GmbH",
        "slug": Company.objects.get().slug,
        "country": "DE",
        "currency": "EUR",
        "time_zone": "Europe/Berlin",
        "status": "active",
    }
    assert Category.across_companies.filter(name="Travel").count() == 1
    assert sorted(Event.across_companies.values_list("type", flat=True)) == ["company.founded", "member.joined", "session.opened"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("country", "XX"),
        ("country", "de"),
        ("currency", "EURO"),
        ("currency", "HRK"),
        ("time_zone", "Berlin"),
        ("time_zone", "GMT+5"),
        ("email", "nora"),
        ("password", "short"),
        ("password", "password123"),
        ("password", "nora@nordlicht"),
        ("company_name", ""),
        ("company_name", "a\x00b"),
        ("company_name", "x" * 121),
        ("name", "   "),
    ],
)
def test_bad_input_names_its_field_and_creates_nothing(db, api, field, value):
    response = post(api, "signup", {**SIGNUP, field: value})
    assert (response.status_code, response.json()["field"]) == (400, field)
    assert (User.objects.count(), Company.objects.count()) == (0, 0)


@pytest.mark.parametrize(
    "email", ["nora@nordlicht.example", "NORA@NORDLICHT.EXAMPLE", "nora@nordlicht.example\u200b", " nora@nordlicht.example"]
)
def test_an_address_has_one_account_however_it_is_written(db, api, email):
    post(api, "signup", SIGNUP)
    response = post(api, "signup", {**SIGNUP, "email": email})
    assert response.status_code in {400, 409}
    assert User.objects.count() == 1
    if response.status_code == 409:
        assert (response.json()["code"], response.json()["field"]) == ("email_taken", "email")


def test_two_companies_may_share_a_name(db, api):
    slugs = {post(api, "signup", {**SIGNUP, "email": f"n{i}@x.example"}).json()["company"]["slug"] for i in range(2)}
    assert len(slugs) == 2


def test_sign_up_can_be_closed(db, api, settings):
    settings.SIGNUP_OPEN = False
    response = post(api, "signup", SIGNUP)
    assert (response.status_code, response.json()["code"]) == (403, "signup_closed")
    assert not User.objects.exists()


def test_signing_in_answers_tokens_that_work(world, api):
    answer = login(api).json()
    me = api(None).get("/api/v1/auth/me/", headers={"Authorization": f"Bearer {answer['access']}"}).json()
    assert me["member"]["id"] == world.alice.public_id
    assert me["company"]["id"] == world.acme.public_id
    assert [one["company"]["id"] for one in me["memberships"]] == [world.acme.public_id]


@pytest.mark.parametrize(
    ("email", "password"), [("alice@acme.example", "wrong"), ("nobody@acme.example", PASSWORD), ("alice@acme.example", PASSWORD + " ")]
)
def test_wrong_credentials_are_answered_alike(world, api, email, password):
    response = login(api, email, password)
    body = response.json()
    assert (response.status_code, body["code"]) == (401, "wrong_credentials")
    assert body["message"] == "The e-mail address or the password is wrong."
    assert Session.across_companies.filter(kind="api").count() == login_sessions(world)


def login_sessions(world) -> int:
    """Sign-ups and one acceptance opened sessions; a refused sign-in opens none."""
    return 3


def test_a_disabled_user_cannot_sign_in(world, api):
    User.objects.filter(pk=world.alice.user_id).update(is_active=False)
    assert login(api).status_code == 401


def test_guessing_is_limited_per_account(world, api):
    for _ in range(10):
        assert login(api, password="wrong").status_code == 401
    refused = login(api)
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_requests")
    assert int(refused["Retry-After"]) > 0
    assert login(api, "bob@acme.example").status_code == 200


def test_one_login_serves_several_companies(world, api):
    with company_scope(world.mallory.company_id):
        from users import operations

        _, token = operations.invite(email="alice@acme.example", role="auditor", actor=world.mallory, at=timezone.now())
    wrong = post(api, "accept-invitation", {"token": token, "name": "x", "password": "not-her-password"})
    assert wrong.status_code == 401
    assert post(api, "accept-invitation", {"token": token, "name": "x", "password": PASSWORD}).status_code == 201

    assert login(api, company=world.acme.slug).json()["member"]["role"] == "owner"
    assert login(api, company=world.mallory.company.public_id).json()["member"]["role"] == "auditor"
    assert login(api).json()["member"]["role"] == "auditor", "the one used last"
    assert login(api, company="unknown").status_code == 401
    assert User.objects.filter(email_key="alice@acme.example").count() == 1


@pytest.mark.parametrize("header", ["Bearer", "Bearer x", "Bearer a.b.c", "Basic abc", "Bearer \u0660", "Token x", "Bearer " + "x" * 9000])
def test_a_malformed_credential_is_a_401(world, api, header):
    response = api(None).get("/api/v1/auth/me/", headers={"Authorization": header})
    assert (response.status_code, response["WWW-Authenticate"]) == (401, "Bearer")


def test_a_token_signed_for_something_else_is_refused(world, api):
    login(api)
    session = Session.across_companies.order_by("id").last()
    claims = {"sid": session.public_id, "exp": timezone.now() + timedelta(hours=1), "token_type": "access", "jti": "x"}
    good = {"aud": "spendtrackr-api", "iss": "spendtrackr"}
    key = django_settings.TOKEN_SIGNING_KEY
    for forged in (
        jwt.encode({**claims, **good}, django_settings.SECRET_KEY, "HS256"),
        jwt.encode({**claims, **good, "aud": "other"}, key, "HS256"),
        jwt.encode({**claims, **good, "iss": "other"}, key, "HS256"),
        jwt.encode({**claims, **good, "token_type": "refresh"}, key, "HS256"),
        jwt.encode({**claims, **good, "exp": timezone.now() - timedelta(seconds=1)}, key, "HS256"),
        jwt.encode({**claims, **good}, None, "none"),
    ):
        assert api(None).get("/api/v1/auth/me/", headers={"Authorization": f"Bearer {forged}"}).status_code == 401
    real = jwt.encode({**claims, **good}, key, "HS256")
    assert api(None).get("/api/v1/auth/me/", headers={"Authorization": f"Bearer {real}"}).status_code == 200


def test_an_access_token_expires(world, api):
    access = login(api).json()["access"]
    with time_machine.travel(timezone.now() + timedelta(minutes=16)):
        assert api(None).get("/api/v1/auth/me/", headers={"Authorization": f"Bearer {access}"}).status_code == 401


def test_refreshing_trades_a_token_for_a_new_pair(world, api):
    first = login(api).json()["refresh"]
    second = post(api, "refresh", {"refresh": first})
    assert second.status_code == 200
    assert second.json()["refresh"] != first
    assert post(api, "refresh", {"refresh": second.json()["refresh"]}).status_code == 200


def test_a_refresh_token_used_twice_ends_the_whole_family(world, api):
    first = login(api).json()
    second = post(api, "refresh", {"refresh": first["refresh"]}).json()

    assert post(api, "refresh", {"refresh": first["refresh"]}).status_code == 401

    assert post(api, "refresh", {"refresh": second["refresh"]}).status_code == 401
    for access in (first["access"], second["access"]):
        assert api(None).get("/api/v1/auth/me/", headers={"Authorization": f"Bearer {access}"}).status_code == 401
    assert Session.across_companies.get(revoked_because="token_reused").revoked_at is not None
    assert Event.across_companies.filter(type="session.ended").count() == 1


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_of_simultaneous_refreshes_one_wins(world, api):
    token = login(api).json()["refresh"]

    def use(_):
        try:
            return post(api, "refresh", {"refresh": token}).status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(use, range(8)))
    assert sorted(answers)[0] == 200
    assert answers.count(200) == 1
    assert set(answers) <= {200, 401}


def test_refresh_tokens_and_invitations_are_kept_as_hashes(world, api):
    token = login(api).json()["refresh"]
    assert not RefreshToken.across_companies.filter(token_hash=token).exists()
    assert all(len(kept) == 64 for kept in RefreshToken.across_companies.values_list("token_hash", flat=True))


def test_signing_out_ends_access_and_refresh_at_once(world, api):
    answer = login(api).json()
    headers = {"Authorization": f"Bearer {answer['access']}"}
    assert api(None).post("/api/v1/auth/logout/", headers=headers).status_code == 204
    assert api(None).get("/api/v1/auth/me/", headers=headers).status_code == 401
    assert post(api, "refresh", {"refresh": answer["refresh"]}).status_code == 401


def test_a_bcrypt_hash_is_accepted_once_and_upgraded(world, api, settings):
    settings.PASSWORD_HASHERS = ["users.hashers.Argon2Hasher", "django.contrib.auth.hashers.BCryptSHA256PasswordHasher"]
    user = User.objects.get(pk=world.alice.user_id)
    user.password = make_password(PASSWORD, hasher="bcrypt_sha256")
    user.save()
    assert login(api).status_code == 200
    user.refresh_from_db()
    assert user.password.startswith("argon2$argon2id$v=19$m=19456,t=2,p=1$")
    assert login(api).status_code == 200


def test_an_operator_has_no_company_and_cannot_sign_in_to_one(db, api):
    from users import operations

    operations.create_operator(email="ops@x.example", name="Ops", hashed=operations.hash_password(PASSWORD), at=timezone.now())
    assert login(api, "ops@x.example").status_code == 401
