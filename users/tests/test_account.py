from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from companies.models import Company
from spendtrackr.models import Event, IdempotencyKey
from spendtrackr.tenancy import company_scope
from tests.factories import PASSWORD
from transactions.operations.accounts import suspend_company
from users import operations
from users.models import Membership, MembershipStatus, Session, User

NEW = "a-better-long-password"
OTHER = {"company_name": "Acme Labs", "country": "DE", "currency": "EUR", "time_zone": "Europe/Berlin"}


def post(api, path, body=None, member=None, **headers):
    return api(member).post(f"/api/v1/{path}/", body or {}, headers=headers)


def login(api, email="alice@acme.example", password=PASSWORD, **headers):
    return post(api, "auth/login", {"email": email, "password": password}, **headers)


def bearer(api, **kwargs):
    return {"Authorization": f"Bearer {login(api, **kwargs).json()['access']}"}


def alive(api, headers) -> bool:
    return api(None).get("/api/v1/auth/me/", headers=headers).status_code == 200


def found(api, headers):
    return post(api, "companies", OTHER, **headers)


# Passwords


def test_a_new_password_ends_the_other_sessions_of_all_companies_and_keeps_this_one(world, api):
    here, there = bearer(api), bearer(api)
    company = found(api, here).json()["company"]["id"]
    elsewhere = {"Authorization": f"Bearer {post(api, 'auth/switch', {'company': company}, **here).json()['access']}"}
    bobs = bearer(api, email="bob@acme.example")

    assert post(api, "auth/password", {"current": PASSWORD, "new": NEW}, **here).status_code == 204

    assert [alive(api, one) for one in (here, there, elsewhere, bobs)] == [True, False, False, True]
    assert (login(api).status_code, login(api, password=NEW).status_code) == (401, 200)
    assert Event.across_companies.filter(type="password.changed").count() == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"current": "wrong", "new": NEW}, "current"),
        ({"current": PASSWORD, "new": "short"}, "new"),
        ({"current": PASSWORD, "new": "alice@acme"}, "new"),
        ({"current": PASSWORD}, "new"),
        ({"new": NEW}, "current"),
        ({"current": PASSWORD, "new": NEW, "email": "x@x.example"}, "email"),
    ],
)
def test_a_password_that_cannot_be_changed_says_why_and_ends_nothing(world, api, body, field):
    here, there = bearer(api), bearer(api)
    refused = post(api, "auth/password", body, **here)
    assert (refused.status_code, refused.json()["field"]) == (400, field)
    assert alive(api, here)
    assert alive(api, there)
    assert login(api).status_code == 200


def test_guessing_the_current_password_is_limited_although_nothing_is_committed(world, api):
    here = bearer(api, email="bob@acme.example")
    answers = [post(api, "auth/password", {"current": f"guess-{n}", "new": NEW}, **here).status_code for n in range(11)]
    # Signing in was the first of the ten.
    assert answers == [400] * 9 + [429] * 2
    assert login(api, email="bob@acme.example").status_code == 429


def test_repeated_with_its_key_a_change_of_password_is_answered_again(world, api):
    body, headers = {"current": PASSWORD, "new": NEW}, {**bearer(api), "Idempotency-Key": "once"}
    first, second = (post(api, "auth/password", body, **headers) for _ in range(2))
    assert (first.status_code, second.status_code, second["Idempotent-Replayed"]) == (204, 204, "true")
    assert Event.across_companies.filter(type="password.changed").count() == 1


# Profile


def test_people_change_their_own_name_in_all_companies(world, api):
    answer = api(world.bob).patch("/api/v1/auth/me/", {"name": "  Robert "})
    assert (answer.status_code, answer.json()["member"]["name"]) == (200, "Robert")
    assert User.objects.get(pk=world.bob.user_id).name == "Robert"
    assert "Robert" not in str(list(Event.across_companies.values()))


@pytest.mark.parametrize("body", [{"name": ""}, {"name": "a\x00b"}, {"name": "x" * 121}, {"email": "x@x.example"}, {}])
def test_a_name_that_cannot_be_taken_changes_nothing(world, api, body):
    assert api(world.bob).patch("/api/v1/auth/me/", body).status_code == 400
    assert User.objects.get(pk=world.bob.user_id).name == "Bob"


# Sessions


def test_sessions_are_listed_with_what_they_are_recognised_by(world, api):
    here = bearer(api, **{"User-Agent": "Firefox/144\x07 " + "x" * 300})
    rows = api(None).get("/api/v1/auth/sessions/", headers=here).json()["data"]
    assert rows == [
        {
            "id": Session.across_companies.order_by("-id").first().public_id,
            "kind": "api",
            "client": "Firefox/144 " + "x" * 188,
            "company_name": "Acme",
            "created_at": rows[0]["created_at"],
            "expires_at": rows[0]["expires_at"],
            "is_current": True,
        }
    ]


def test_sessions_of_other_companies_of_mine_are_there_and_those_that_ended_are_not(world, api):
    here = bearer(api)
    company = found(api, here).json()["company"]["id"]
    post(api, "auth/switch", {"company": company}, **here)
    gone = bearer(api)
    post(api, "auth/logout", **gone)
    here = bearer(api)
    rows = api(None).get("/api/v1/auth/sessions/", headers=here).json()["data"]
    assert [row["company_name"] for row in rows].count("Acme Labs") == 2
    assert len(rows) == 3
    with time_machine.travel(timezone.now() + timedelta(days=31)):
        later = bearer(api)
        assert len(api(None).get("/api/v1/auth/sessions/", headers=later).json()["data"]) == 1


def test_a_session_can_be_ended_from_another(world, api):
    here, there = bearer(api), bearer(api)
    row = next(row for row in api(None).get("/api/v1/auth/sessions/", headers=there).json()["data"] if row["is_current"])
    assert post(api, f"auth/sessions/{row['id']}/revoke", **here).status_code == 204
    assert (alive(api, here), alive(api, there)) == (True, False)
    assert post(api, f"auth/sessions/{row['id']}/revoke", **here).status_code == 404


@pytest.mark.parametrize("whose", ["bob", "mallory"])
def test_sessions_of_others_do_not_exist_for_me(world, api, whose):
    theirs = Session.across_companies.filter(membership=getattr(world, whose)).first()
    assert post(api, f"auth/sessions/{theirs.public_id}/revoke", member=world.alice).status_code == 404
    theirs.refresh_from_db()
    assert theirs.revoked_at is None


def test_all_others_can_be_ended_at_once(world, api):
    here, there, bobs = bearer(api), bearer(api), bearer(api, email="bob@acme.example")
    assert post(api, "auth/sessions/revoke-others", **here).status_code == 204
    assert [alive(api, one) for one in (here, there, bobs)] == [True, False, True]


# Companies


def test_a_second_company_is_founded_and_nothing_is_switched(world, api):
    here = bearer(api)
    answer = found(api, here)
    assert answer.status_code == 201
    founded = Company.objects.get(name="Acme Labs")
    assert answer.json()["company"]["id"] == founded.public_id
    assert answer.json()["member"] == {"id": Membership.across_companies.get(company=founded).public_id, "role": "owner"}
    me = api(None).get("/api/v1/auth/me/", headers=here).json()
    assert (me["company"]["name"], len(me["memberships"])) == ("Acme", 2)


def test_a_company_is_founded_once_under_its_key(world, api):
    headers = {**bearer(api), "Idempotency-Key": "once"}
    first, second = found(api, headers), found(api, headers)
    assert first.json() == second.json()
    assert Company.objects.filter(name="Acme Labs").count() == 1


@pytest.mark.parametrize(("field", "value"), [("country", "XX"), ("currency", "HRK"), ("time_zone", "Berlin"), ("company_name", " ")])
def test_a_company_that_cannot_be_founded_says_why(world, api, field, value):
    refused = post(api, "companies", {**OTHER, field: value}, world.alice)
    assert (refused.status_code, refused.json()["field"]) == (400, field)
    assert Company.objects.count() == 2


def test_founding_keeps_to_the_switch_of_sign_up(world, api, settings):
    settings.SIGNUP_OPEN = False
    refused = post(api, "companies", OTHER, world.alice)
    assert (refused.status_code, refused.json()["code"]) == (403, "signup_closed")
    assert Company.objects.count() == 2


@pytest.mark.parametrize("by", ["id", "slug"])
def test_switching_opens_a_session_there_and_keeps_the_one_here(world, api, by):
    here = bearer(api)
    company = found(api, here).json()["company"]
    answer = post(api, "auth/switch", {"company": company[by]}, **here)
    assert (answer.status_code, answer.json()["company"]["name"], answer.json()["member"]["role"]) == (200, "Acme Labs", "owner")
    there = {"Authorization": f"Bearer {answer.json()['access']}"}
    assert api(None).get("/api/v1/auth/me/", headers=there).json()["company"]["name"] == "Acme Labs"
    assert api(None).get("/api/v1/auth/me/", headers=here).json()["company"]["name"] == "Acme"
    assert post(api, "auth/refresh", {"refresh": answer.json()["refresh"]}).status_code == 200


def test_a_replayed_switch_masks_its_tokens_and_keeps_none(world, api):
    headers = {**bearer(api), "Idempotency-Key": "once"}
    first, second = (post(api, "auth/switch", {"company": world.acme.slug}, **headers).json() for _ in range(2))
    assert (second["access"], second["refresh"]) == ("********", "********")
    assert first["refresh"] not in IdempotencyKey.across_companies.get().body


def test_companies_that_one_does_not_belong_to_answer_like_unknown_ones(world, api):
    answers = []
    with company_scope(world.mallory.company_id):
        operations.invite(email="bob@acme.example", role="employee", actor=world.mallory, at=timezone.now())
    for company in (world.mallory.company.public_id, world.mallory.company.slug, "co_unknown", "\U0001f600"):
        answer = post(api, "auth/switch", {"company": company}, world.bob).json()
        answers.append((answer["code"], answer["field"], answer["message"]))
    assert set(answers) == {("does_not_exist", "company", "You belong to no such company.")}
    assert not Session.across_companies.filter(company=world.mallory.company, membership__user=world.bob.user).exists()


def test_a_suspended_membership_cannot_be_switched_to(world, api):
    here = bearer(api)
    company = found(api, here).json()["company"]["id"]
    Membership.across_companies.filter(company__public_id=company).update(status=MembershipStatus.SUSPENDED)
    assert post(api, "auth/switch", {"company": company}, **here).json()["code"] == "does_not_exist"


def test_people_of_a_suspended_company_look_after_their_sign_in_and_leave(world, api):
    here = bearer(api)
    company = found(api, here).json()["company"]["id"]
    suspend_company(world.acme, actor=None, at=timezone.now())
    assert post(api, "auth/switch", {"company": company}, **here).status_code == 200
    assert api(None).patch("/api/v1/auth/me/", {"name": "Al"}, headers=here).status_code == 200
    assert post(api, "auth/sessions/revoke-others", **here).status_code == 204
    refused = found(api, here)
    assert (refused.status_code, refused.json()["code"]) == (403, "company_suspended")
    assert post(api, "auth/logout", **here).status_code == 204
