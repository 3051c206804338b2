from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
import time_machine
from django.db import connections
from django.utils import timezone

from spendtrackr.tenancy import company_scope
from tests.factories import PASSWORD
from users import operations
from users.models import Membership, Role, User

INVITE = {"email": "eve@acme.example", "role": "employee"}


def invite(api, member, **changes):
    return api(member).post("/api/v1/invitations/", {**INVITE, **changes})


def accept(api, token, password="a-good-long-password", name="Eve"):
    return api(None).post("/api/v1/auth/accept-invitation/", {"token": token, "name": name, "password": password})


def hire(world, name, role):
    with company_scope(world.acme.pk):
        return world.hire(name, role)


def test_an_invited_person_joins_with_the_role_and_is_signed_in(world, api):
    response = invite(api, world.alice, role="finance")
    assert response.status_code == 201
    assert (response.json()["status"], response.json()["invited_by"]) == ("open", world.alice.public_id)

    joined = accept(api, response.json()["token"])

    assert (joined.status_code, joined.json()["member"]["role"], joined.json()["member"]["name"]) == (201, "finance", "Eve")
    listed = api(world.alice).get("/api/v1/invitations/").json()["data"][0]
    assert (listed["status"], "token" in listed) == ("accepted", False)


@pytest.mark.parametrize(("role", "status"), [("owner", 201), ("admin", 201), ("finance", 403), ("auditor", 403), ("employee", 403)])
def test_who_may_invite(world, api, role, status):
    member = world.alice if role == "owner" else hire(world, "Zoe", role)
    assert invite(api, member).status_code == status


def test_an_admin_cannot_make_an_owner(world, api):
    admin = hire(world, "Adam", "admin")
    assert invite(api, admin, role="owner").status_code == 403
    assert invite(api, world.alice, role="owner").status_code == 201


def test_an_invitation_works_once(world, api):
    token = invite(api, world.alice).json()["token"]
    assert accept(api, token).status_code == 201
    again = accept(api, token)
    assert (again.status_code, again.json()["code"], again.json()["field"]) == (400, "invitation_not_valid", "token")
    assert User.objects.filter(email_key="eve@acme.example").count() == 1


def test_an_invitation_expires(world, api):
    token = invite(api, world.alice).json()["token"]
    with time_machine.travel(timezone.now() + timedelta(days=15)):
        assert accept(api, token).status_code == 400
    assert not User.objects.filter(email_key="eve@acme.example").exists()


def test_a_second_invitation_of_an_address_replaces_the_first(world, api):
    first = invite(api, world.alice).json()["token"]
    second = invite(api, world.alice, email="EVE@acme.example").json()["token"]
    assert accept(api, first).status_code == 400
    assert accept(api, second).status_code == 201


def test_a_weak_password_does_not_use_the_invitation_up(world, api):
    token = invite(api, world.alice).json()["token"]
    weak = accept(api, token, password="short")
    assert (weak.status_code, weak.json()["field"]) == (400, "password")
    assert accept(api, token).status_code == 201


def test_a_member_is_not_invited_again(world, api):
    response = invite(api, world.alice, email="Bob@acme.example")
    assert (response.status_code, response.json()["code"]) == (400, "already_member")


def test_a_suspended_company_takes_nobody_in(world, api):
    from transactions.operations.accounts import suspend_company

    token = invite(api, world.alice).json()["token"]
    suspend_company(world.acme, actor=None, at=timezone.now())
    assert (accept(api, token).status_code, accept(api, token).json()["code"]) == (403, "company_suspended")


def test_members_are_listed_to_those_who_see_the_company_and_others_see_themselves(world, api):
    auditor = hire(world, "Audrey", "auditor")
    everybody = {world.alice.public_id, world.bob.public_id, auditor.public_id}
    for member, seen in ((world.alice, everybody), (auditor, everybody), (world.bob, {world.bob.public_id})):
        rows = api(member).get("/api/v1/members/").json()["data"]
        assert {row["id"] for row in rows} == seen
    assert api(world.bob).get(f"/api/v1/members/{world.alice.public_id}/").status_code == 404


def change(api, actor, member, role):
    return api(actor).patch(f"/api/v1/members/{member.public_id}/", {"role": role})


def test_an_owner_changes_a_role_and_it_counts_at_the_next_request(world, api):
    client = api(world.bob)
    assert client.post("/api/v1/invitations/", INVITE).status_code == 403
    assert change(api, world.alice, world.bob, "admin").json()["role"] == "admin"
    assert client.post("/api/v1/invitations/", INVITE).status_code == 201


def test_the_last_owner_stays(world, api):
    response = change(api, world.alice, world.alice, "employee")
    assert (response.status_code, response.json()["code"]) == (409, "last_owner")
    assert Membership.across_companies.get(pk=world.alice.pk).role == Role.OWNER


def test_an_owner_may_step_down_when_another_remains(world, api):
    change(api, world.alice, world.bob, "owner")
    assert change(api, world.alice, world.alice, "employee").status_code == 200


def test_an_admin_changes_everybody_but_owners(world, api):
    admin = hire(world, "Adam", "admin")
    assert change(api, admin, world.bob, "finance").status_code == 200
    assert change(api, admin, world.alice, "employee").status_code == 403
    assert change(api, admin, world.bob, "owner").status_code == 403
    assert change(api, admin, admin, "owner").status_code == 403


@pytest.mark.parametrize("role", ["finance", "auditor", "employee"])
def test_others_change_nobody(world, api, role):
    member = hire(world, "Zoe", role)
    assert change(api, member, member, "owner").status_code == 403


@pytest.mark.parametrize("body", [{"role": "boss"}, {"role": None}, {"status": "deactivated"}, {"role": "admin", "email": "x@y.example"}])
def test_only_a_known_role_is_accepted(world, api, body):
    assert api(world.alice).patch(f"/api/v1/members/{world.bob.public_id}/", body).status_code == 400
    assert Membership.across_companies.get(pk=world.bob.pk).role == Role.EMPLOYEE


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_two_owners_who_demote_each_other_leave_one(world):
    with company_scope(world.acme.pk):
        ann = world.hire("Ann", "owner")
    for _ in range(5):
        barrier = Barrier(2)

        def demote(actor, victim, barrier=barrier):
            with company_scope(world.acme.pk):
                barrier.wait()
                try:
                    operations.change_member(victim, {"role": "employee"}, actor=actor, at=timezone.now())
                except Exception as error:
                    return getattr(error, "code", repr(error))
                finally:
                    connections.close_all()
            return "done"

        with ThreadPoolExecutor(2) as pool:
            answers = [pool.submit(demote, world.alice, ann), pool.submit(demote, ann, world.alice)]
        assert sorted(answer.result() for answer in answers) == ["done", "last_owner"]
        with company_scope(world.acme.pk):
            assert Membership.objects.filter(role=Role.OWNER).count() == 1
            Membership.objects.filter(pk__in=[world.alice.pk, ann.pk]).update(role=Role.OWNER)


def test_an_operator_command_makes_staff(db, monkeypatch, capsys):
    import io

    from django.core.management import call_command

    monkeypatch.setattr("sys.stdin", io.StringIO("a-good-long-password\n"))
    call_command("create_operator", "ops@example.com")
    user = User.objects.get()
    assert (user.is_staff, user.is_superuser, user.check_password("a-good-long-password")) == (True, True, True)
    assert not Membership.across_companies.exists()


def test_a_password_of_an_employee_is_never_staff(world):
    assert not User.objects.filter(is_staff=True).exists()
    assert world.bob.user.check_password(PASSWORD)


def test_invitations_are_no_way_around_the_limit_on_guessing(world, api):
    """Mallory invites Alice again and again: what is guessed at is Alice's account."""
    answers = []
    for _ in range(12):
        with company_scope(world.mallory.company_id):  # by the API, mails to one address have a limit of their own
            _, token = operations.invite(email="alice@acme.example", role="employee", actor=world.mallory, at=timezone.now())
        answers.append(accept(api, token, password="guess-guess-guess").status_code)
    assert answers == [401] * 10 + [429] * 2


def test_a_dead_invitation_says_nothing_about_a_password(world, api):
    token = invite(api, world.mallory, email="alice@acme.example").json()["token"]
    invite(api, world.mallory, email="alice@acme.example")
    answers = [accept(api, token, password=password).json()["code"] for password in (PASSWORD, "wrong-wrong-wrong")]
    assert answers == ["invitation_not_valid"] * 2


def test_an_address_that_grows_when_it_is_normalised_is_refused(world, api):
    label = "\u337f" * 20
    response = invite(api, world.alice, email=f"a@{label}.{label}.{label}.{label}.example")
    assert (response.status_code, response.json()["field"]) == (400, "email")


def test_behind_a_proxy_people_are_counted_by_their_own_address(world, api, settings):
    settings.BEHIND_PROXY = True
    for number in range(61):
        body = {"email": f"x{number}@acme.example", "password": "wrong"}
        first = api(None).post("/api/v1/auth/login/", body, headers={"X-Forwarded-For": "1.1.1.1, 203.0.113.7"})
    assert first.status_code == 429
    other = api(None).post("/api/v1/auth/login/", body, headers={"X-Forwarded-For": "203.0.113.7, 203.0.113.8"})
    assert other.status_code == 401
