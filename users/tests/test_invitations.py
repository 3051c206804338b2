from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest
import time_machine
from django.core import mail
from django.utils import timezone

from companies.models import Department
from spendtrackr import errors
from spendtrackr.models import Event
from spendtrackr.tenancy import company_scope
from tests.factories import PASSWORD
from users import operations, tasks
from users.models import EmailLink, Invitation, Membership, MembershipStatus, User

INVITE = {"email": "eve@acme.example", "role": "employee"}


def invite(api, member, **changes):
    return api(member).post("/api/v1/invitations/", {**INVITE, **changes})


def act(api, member, invitation_id, verb):
    return api(member).post(f"/api/v1/invitations/{invitation_id}/{verb}/")


def accept(api, token, password=PASSWORD, name="Eve"):
    return api(None).post("/api/v1/auth/accept-invitation/", {"token": token, "name": name, "password": password})


def mailed_token() -> str:
    tasks.send_due()
    return re.search(r"\?token=(\S+)", mail.outbox[-1].body)[1]


def test_an_invitation_is_mailed_once_and_its_copied_link_is_shown_once(world, api):
    answer = api(world.alice).post("/api/v1/invitations/", INVITE, headers={"Idempotency-Key": "once"})
    told = answer.json()
    assert told["link"] == f"http://testserver/accept-invitation/?token={told['token']}"
    replay = api(world.alice).post("/api/v1/invitations/", INVITE, headers={"Idempotency-Key": "once"}).json()
    assert (replay["token"], replay["link"]) == ("********", "********")
    assert (tasks.send_due(), tasks.send_due()) == (1, 0)
    assert told["token"] not in mail.outbox[0].body


@pytest.mark.parametrize("which", ["copied", "mailed"])
def test_either_link_lets_the_person_in_and_then_neither_does(world, api, which):
    copied = invite(api, world.alice).json()["token"]
    tokens = {"copied": copied, "mailed": mailed_token()}
    assert accept(api, tokens[which]).status_code == 201
    assert {accept(api, token).json()["code"] for token in tokens.values()} == {"invitation_not_valid"}


@pytest.mark.parametrize(("which", "is_confirmed", "links"), [("copied", False, 1), ("mailed", True, 0)])
def test_the_mailed_link_proves_the_address_and_the_copied_one_does_not(world, api, settings, which, is_confirmed, links):
    settings.CONFIRM_ADDRESSES = True
    copied = invite(api, world.alice).json()["token"]
    mailed = mailed_token()
    accept(api, copied if which == "copied" else mailed)
    user = User.objects.get(email_key="eve@acme.example")
    assert (user.confirmed_at is not None) == is_confirmed
    assert EmailLink.objects.filter(user=user, purpose="confirm").count() == links


def test_the_copied_link_does_where_addresses_are_not_confirmed(world, api):
    accept(api, invite(api, world.alice).json()["token"])
    assert User.objects.get(email_key="eve@acme.example").confirmed_at is not None
    assert not EmailLink.objects.exists()


def test_somebody_with_an_account_proves_it_and_the_mailed_link_confirms_it(world, api, settings):
    settings.CONFIRM_ADDRESSES = True
    User.objects.filter(pk=world.mallory.user_id).update(confirmed_at=None)
    invite(api, world.alice, email="mallory@malice.example")
    token = mailed_token()
    assert accept(api, token, password="not-her-password").status_code == 401
    assert User.objects.get(pk=world.mallory.user_id).confirmed_at is None
    assert accept(api, token, name="Someone else").json()["member"]["name"] == "Mallory"
    assert User.objects.get(pk=world.mallory.user_id).confirmed_at is not None
    assert Membership.across_companies.filter(user=world.mallory.user).count() == 2


def test_sending_again_makes_new_links_and_ends_the_old_ones(world, api):
    first = invite(api, world.alice).json()
    mailed = mailed_token()
    again = act(api, world.alice, first["id"], "resend")
    assert (again.status_code, again.json()["status"]) == (200, "open")
    assert again.json()["token"] != first["token"]
    assert [accept(api, token).status_code for token in (first["token"], mailed)] == [400, 400]
    assert mailed_token() != mailed
    assert accept(api, again.json()["token"]).status_code == 201
    assert Event.across_companies.filter(type="invitation.resent").count() == 1


def test_an_expired_invitation_can_be_sent_again(world, api):
    first = invite(api, world.alice).json()
    with time_machine.travel(timezone.now() + timedelta(days=15)):
        assert accept(api, first["token"]).status_code == 400
        again = act(api, world.alice, first["id"], "resend").json()
        assert again["status"] == "open"
        assert accept(api, again["token"]).status_code == 201


def test_a_revoked_invitation_lets_nobody_in_and_is_not_mailed(world, api):
    told = invite(api, world.alice).json()
    answer = act(api, world.alice, told["id"], "revoke")
    assert (answer.status_code, answer.json()["status"]) == (200, "revoked")
    assert accept(api, told["token"]).json()["code"] == "invitation_not_valid"
    assert tasks.send_due() == 0
    assert not User.objects.filter(email_key="eve@acme.example").exists()
    assert invite(api, world.alice).status_code == 201, "the address is free for another"


@pytest.mark.parametrize("verb", ["resend", "revoke"])
@pytest.mark.parametrize("ended", ["accepted", "revoked", "replaced"])
def test_what_is_answered_or_taken_back_stays_so(world, api, verb, ended):
    told = invite(api, world.alice).json()
    if ended == "accepted":
        accept(api, told["token"])
    elif ended == "revoked":
        act(api, world.alice, told["id"], "revoke")
    else:
        invite(api, world.alice)
    before = Invitation.across_companies.filter(public_id=told["id"]).values().get()
    refused = act(api, world.alice, told["id"], verb)
    assert (refused.status_code, refused.json()["code"]) == (409, "invalid_state")
    assert Invitation.across_companies.filter(public_id=told["id"]).values().get() == before


@pytest.mark.parametrize("verb", ["resend", "revoke"])
def test_an_admin_does_not_look_after_the_invitation_of_an_owner(world, api, verb):
    with company_scope(world.acme.pk):
        admin, finance = world.hire("Adam", "admin"), world.hire("Fay", "finance")
    told = invite(api, world.alice, role="owner").json()
    assert [act(api, member, told["id"], verb).status_code for member in (finance, admin, world.alice)] == [403, 403, 200]


def test_who_joins_lands_where_the_invitation_said(world, api):
    with company_scope(world.acme.pk):
        department = Department.objects.create(name="Sales", name_key="sales", created_at=timezone.now())
    told = invite(api, world.alice, manager=world.bob.public_id, department=department.public_id).json()
    assert (told["manager"], told["department"]) == (world.bob.public_id, department.public_id)
    member = accept(api, told["token"]).json()["member"]
    assert (member["manager_name"], member["department_name"]) == ("Bob", "Sales")
    assert Membership.across_companies.get(public_id=member["id"]).chain.startswith(f"{world.bob.pk}.")


def test_a_manager_who_left_and_a_department_that_closed_are_left_out(world, api):
    with company_scope(world.acme.pk):
        department = Department.objects.create(name="Sales", name_key="sales", created_at=timezone.now())
        token = invite(api, world.alice, manager=world.bob.public_id, department=department.public_id).json()["token"]
    Membership.across_companies.filter(pk=world.bob.pk).update(status=MembershipStatus.DEACTIVATED)
    Department.across_companies.update(archived_at=timezone.now())
    member = accept(api, token).json()["member"]
    assert (member["manager"], member["department"]) == (None, None)
    joined = Membership.across_companies.get(public_id=member["id"])
    assert joined.chain == f"{joined.pk}."


def test_of_two_acceptances_that_both_found_it_open_one_joins(world, monkeypatch):
    with company_scope(world.acme.pk):
        _, token = operations.invite(**INVITE, actor=world.alice, at=timezone.now())
    invitation = operations.open_invitation(token, at=timezone.now())
    operations.accept(token, name="Eve", password=PASSWORD, at=timezone.now())
    monkeypatch.setattr("users.operations.people.open_invitation", lambda secret, at: invitation)
    with pytest.raises(operations.InvitationDead):
        operations.accept(token, name="Eve", password=PASSWORD, at=timezone.now())
    assert Membership.across_companies.filter(user__email_key="eve@acme.example").count() == 1


# Whoever invites


@pytest.fixture
def adam(world):
    with company_scope(world.acme.pk):
        return world.hire("Adam", "admin")


def stand(api, actor, member, verb):
    return api(actor).post(f"/api/v1/members/{member.public_id}/{verb}/")


@pytest.mark.parametrize("verb", ["suspend", "deactivate"])
def test_who_is_sent_away_does_not_come_back_through_a_link_they_copied(world, api, adam, verb):
    told = invite(api, adam, role="admin").json()
    assert stand(api, world.alice, adam, verb).status_code == 200
    assert accept(api, told["token"]).json()["code"] == "invitation_not_valid"
    assert stand(api, world.alice, adam, "reactivate").status_code == 200
    assert accept(api, told["token"]).json()["code"] == "invitation_not_valid"
    assert Invitation.across_companies.get(public_id=told["id"]).revoked_at
    assert Event.across_companies.get(type="invitation.revoked", subject_id=told["id"]).actor_id == world.alice.public_id


@pytest.mark.parametrize(("becomes", "statuses"), [("admin", [400, 201]), ("employee", [400, 400])])
def test_an_owner_who_is_demoted_leaves_no_link_to_more_than_they_may_give(world, api, becomes, statuses):
    with company_scope(world.acme.pk):
        olga = world.hire("Olga", "owner")
    tokens = [invite(api, olga, email=f"{role}@acme.example", role=role).json()["token"] for role in ("owner", "employee")]
    assert api(world.alice).patch(f"/api/v1/members/{olga.public_id}/", {"role": becomes}).status_code == 200
    assert [accept(api, token).status_code for token in tokens] == statuses


@pytest.mark.parametrize("changes", [{"status": "deactivated"}, {"role": "employee"}])
def test_an_invitation_that_was_not_revoked_asks_for_its_inviter_all_the_same(world, api, adam, changes):
    token = invite(api, adam).json()["token"]
    Membership.across_companies.filter(pk=adam.pk).update(**changes)
    assert accept(api, token).json()["code"] == "invitation_not_valid"
    assert not User.objects.filter(email_key="eve@acme.example").exists()


def test_who_sends_an_invitation_again_answers_for_it(world, api, adam):
    told = invite(api, world.alice).json()
    again = act(api, adam, told["id"], "resend").json()
    assert again["invited_by"] == adam.public_id
    stand(api, world.alice, adam, "deactivate")
    assert accept(api, again["token"]).json()["code"] == "invitation_not_valid"


def test_who_was_sent_away_a_moment_ago_invites_nobody_any_more(world, adam):
    """Their request was let in before; what it writes would outlive them."""
    with company_scope(world.acme.pk):
        open_one, _ = operations.invite(**INVITE, actor=adam, at=timezone.now())
        Membership.objects.filter(pk=adam.pk).update(status=MembershipStatus.DEACTIVATED)
        for late in (lambda: operations.invite(**INVITE, actor=adam, at=timezone.now()), lambda: resend(open_one, adam)):
            with pytest.raises(errors.Forbidden):
                late()


def resend(invitation, actor):
    return operations.resend(invitation, actor=actor, at=timezone.now())


def test_an_operator_joins_no_company(world, api):
    hashed = operations.hash_password(PASSWORD)
    ops = operations.create_operator(email="ops@example.com", name="Ops", hashed=hashed, at=timezone.now())
    token = invite(api, world.alice, email="ops@example.com").json()["token"]
    assert accept(api, token).json()["code"] == "invitation_not_valid"
    with pytest.raises(errors.Forbidden):
        operations.found_company(ops, company_name="Ops", country="DE", currency="EUR", time_zone="Europe/Berlin", at=timezone.now())
    assert not Membership.across_companies.filter(user=ops).exists()


def test_an_address_is_invited_five_times_an_hour_by_api_and_pages_together(world, api, pages):
    browser, body = pages(world.alice), {"do": "invite", "manager": "", "department": "", **INVITE}
    told = invite(api, world.alice).json()
    assert browser.post("/people/", {"do": "resend", "invitation": told["id"]}).status_code == 200
    assert act(api, world.alice, told["id"], "resend").status_code == 200
    assert [browser.post("/people/", body).status_code for _ in range(3)] == [200, 200, 429]
    assert invite(api, world.alice).status_code == 429
    now = Invitation.across_companies.get(open_email_key="eve@acme.example").public_id
    assert browser.post("/people/", {"do": "resend", "invitation": now}).status_code == 429
    assert act(api, world.alice, now, "resend").status_code == 429
    assert invite(api, world.alice, email="other@acme.example").status_code == 201


@pytest.mark.parametrize("role", ["\ud800", "boss", 7, None, ["owner"], {"a": 1}, ""])
def test_a_role_that_is_none_is_refused_and_not_repeated(world, api, role):
    client, kind = api(world.alice), "application/json"
    answers = [
        client.post("/api/v1/invitations/", json.dumps({**INVITE, "role": role}), content_type=kind),
        client.patch(f"/api/v1/members/{world.bob.public_id}/", json.dumps({"role": role}), content_type=kind),
    ]
    assert [(answer.status_code, answer.json()["field"]) for answer in answers] == [(400, "role")] * 2
    assert not any("boss" in answer.content.decode() for answer in answers)
