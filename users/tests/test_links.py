from __future__ import annotations

import re
import smtplib
from datetime import timedelta
from itertools import pairwise

import pytest
import time_machine
from django.core import mail
from django.utils import timezone

from companies.models import Company
from spendtrackr import errors
from spendtrackr.models import Event
from spendtrackr.tenancy import company_scope
from tests.factories import PASSWORD
from users import operations, queries, tasks
from users.models import EmailLink, Invitation, Membership, MembershipStatus, Session, User

NEW = "a-better-long-password"
SENT = {"message": "If this address has an account, a link is on its way. It works once, for an hour."}


def post(api, path, body=None, member=None, **headers):
    return api(member).post(f"/api/v1/{path}/", body or {}, headers=headers)


def login(api, email="alice@acme.example", password=PASSWORD):
    return post(api, "auth/login", {"email": email, "password": password})


def mailed_token() -> str:
    """Run the worker's round, and read the newest mail as its reader does."""
    tasks.send_due()
    return re.search(r"\?token=(\S+)", mail.outbox[-1].body)[1]


def ask(api, email="alice@acme.example"):
    return post(api, "auth/password-reset", {"email": email})


def reset(api, token, password=NEW):
    return post(api, "auth/password-reset/confirm", {"token": token, "password": password})


def test_a_mailed_link_sets_a_password_once_and_ends_every_session(world, api):
    signed_in = login(api).json()
    bobs = Session.across_companies.get(membership=world.bob, kind="api")
    assert ask(api, " ALICE@acme.example").status_code == 202
    token = mailed_token()

    assert reset(api, token).status_code == 204

    assert (login(api).status_code, login(api, password=NEW).status_code) == (401, 200)
    dead = {"Authorization": f"Bearer {signed_in['access']}"}
    assert api(None).get("/api/v1/auth/me/", headers=dead).status_code == 401
    assert post(api, "auth/refresh", {"refresh": signed_in["refresh"]}).status_code == 401
    bobs.refresh_from_db()
    assert bobs.revoked_at is None
    assert Event.across_companies.get(type="password.reset").company_id == world.acme.pk

    again = reset(api, token, "yet-another-password")
    assert (again.status_code, again.json()["code"], again.json()["field"]) == (400, "link_not_valid", "token")
    assert login(api, password=NEW).status_code == 200


def test_of_two_uses_that_both_found_the_link_good_one_wins(world, api):
    ask(api)
    token = mailed_token()
    first, second = (operations.open_link(token, "reset", at=timezone.now()) for _ in range(2))
    from users.operations.links import _reset_password

    _reset_password(first, operations.hash_password(NEW), at=timezone.now())
    with pytest.raises(operations.LinkDead):
        _reset_password(second, operations.hash_password("the-thief-was-late"), at=timezone.now())
    assert login(api, password=NEW).status_code == 200


def test_a_sign_in_that_overlaps_a_new_password_opens_nothing(world, monkeypatch):
    """The old password was right when it was checked, and is not any more when the session would begin."""
    checked = operations.check_password("alice@acme.example", PASSWORD)
    User.objects.filter(pk=checked.pk).update(password=operations.hash_password(NEW))
    before = Session.across_companies.count()
    monkeypatch.setattr("users.operations.access.check_password", lambda email, password: checked)
    with pytest.raises(operations.WrongCredentials):
        operations.sign_in("alice@acme.example", PASSWORD, at=timezone.now())
    assert Session.across_companies.count() == before


@pytest.fixture
def hers(world):
    """A session of Alice's that somebody stole, as the request that uses it read it."""
    with company_scope(world.acme.pk):
        stolen, own = (operations.sign_in("alice@acme.example", PASSWORD, at=timezone.now()).session for _ in range(2))
    return stolen, own


def test_a_stolen_session_does_not_outlive_a_new_password_by_switching(world, api, hers):
    """The request was let in before the password changed, and goes on after."""
    ask(api)
    reset(api, mailed_token())
    before = Session.across_companies.count()
    with pytest.raises(errors.Unauthenticated):
        operations.switch(hers[0], world.acme.slug, at=timezone.now())
    assert Session.across_companies.count() == before


def test_nor_when_its_owner_ended_all_other_sessions(world, hers):
    stolen, own = hers
    at = timezone.now()
    operations.end_other_sessions(own, at=at)
    for late in (
        lambda: operations.switch(stolen, world.acme.slug, at=at),
        lambda: operations.end_other_sessions(stolen, at=at),
        lambda: operations.change_password(stolen, current=PASSWORD, new=NEW, at=at),
    ):
        with pytest.raises(errors.Unauthenticated):
            late()
    assert list(queries.open_sessions(world.alice.user, at=at)) == [own]


def test_nor_by_accepting_with_the_session_or_the_password_of_before(world, api, monkeypatch):
    at = timezone.now()
    with company_scope(world.acme.pk):
        _, token = operations.invite(email="mallory@malice.example", role="employee", actor=world.alice, at=at)
    stolen = operations.sign_in("mallory@malice.example", PASSWORD, at=at).session
    checked = operations.check_password("mallory@malice.example", PASSWORD)
    ask(api, "mallory@malice.example")
    tasks.send_due()
    reset(api, next(re.search(r"\?token=(\S+)", m.body)[1] for m in mail.outbox if "reset-password" in m.body))
    with pytest.raises(errors.Unauthenticated):
        operations.accept(token, name="", password="", at=at, asking=stolen)
    monkeypatch.setattr("users.operations.people.check_password", lambda email, password: checked)
    with pytest.raises(operations.WrongCredentials):
        operations.accept(token, name="", password=PASSWORD, at=at)
    assert Membership.across_companies.filter(user=world.mallory.user).count() == 1


def test_whatever_opens_or_ends_sessions_locks_the_person_first(world, api, hers, monkeypatch):
    """The order is what makes each of the above hold against a transaction that runs at the same time."""
    from users.operations import access, links, people

    seen = []

    def watched(user, **still):
        seen.append((user.pk, Session.across_companies.filter(membership__user=user, revoked_at=None).count()))
        return lock(user, **still)

    def in_acme(work, *args, **kwargs):
        with company_scope(world.acme.pk):
            return work(*args, **kwargs)

    lock, at = access.lock_person, timezone.now()
    for module in (access, links, people):
        monkeypatch.setattr(module, "lock_person", watched)
    open_now = Session.across_companies.filter(membership=world.alice, revoked_at=None).count
    for work in (
        lambda: operations.sign_in("alice@acme.example", PASSWORD, at=at),
        lambda: operations.switch(hers[1], world.acme.slug, at=at),
        lambda: in_acme(operations.change_password, hers[1], current=PASSWORD, new=NEW, at=at),
        lambda: operations.end_other_sessions(hers[1], at=at),
        lambda: (ask(api), reset(api, mailed_token(), PASSWORD)),
    ):
        before = open_now()
        seen.clear()
        work()
        assert seen == [(world.alice.user_id, before)], "once, and before anything was opened or ended"


def test_no_session_begins_for_a_membership_that_is_not_active_nor_comes_to_life_later(world, api, monkeypatch):
    at = timezone.now()
    Membership.across_companies.filter(pk=world.bob.pk).update(status="suspended")
    monkeypatch.setattr("users.operations.access.queries.memberships", lambda user: Membership.across_companies.filter(user=user))
    with pytest.raises(operations.WrongCredentials):
        operations.sign_in("bob@acme.example", PASSWORD, at=at)
    with company_scope(world.acme.pk):
        session = Session.objects.create(membership=world.bob, kind="api", created_at=at, expires_at=at + timedelta(days=1))
        operations.set_status(world.bob, MembershipStatus.ACTIVE, actor=world.alice, at=at)
    session.refresh_from_db()
    assert session.revoked_because == "member_reactivated"


def test_an_unknown_address_is_answered_like_a_known_one_and_gets_no_mail(world, api):
    known, unknown = ask(api), ask(api, "nobody@acme.example")
    assert (known.status_code, known.json()) == (unknown.status_code, unknown.json()) == (202, SENT)
    assert tasks.send_due() == 1
    assert [message.to for message in mail.outbox] == [["alice@acme.example"]]


def test_an_operator_gets_no_link(world, api):
    hashed = operations.hash_password(PASSWORD)
    operations.create_operator(email="ops@example.com", name="Ops", hashed=hashed, at=timezone.now())
    assert ask(api, "ops@example.com").status_code == 202
    assert not EmailLink.objects.exists()


def test_asking_is_limited_alike_for_known_and_unknown_addresses(world, api):
    for email in ("alice@acme.example", "nobody@acme.example"):
        assert [ask(api, email).status_code for _ in range(6)] == [202] * 5 + [429]


def test_a_weak_password_is_refused_and_does_not_use_the_link_up(world, api):
    ask(api)
    token = mailed_token()
    for password in ("short", "alice@acme.example", "password123"):
        refused = reset(api, token, password)
        assert (refused.status_code, refused.json()["field"]) == (400, "password")
    assert login(api).status_code == 200
    assert reset(api, token).status_code == 204


def test_a_link_expires(world, api):
    ask(api)
    token = mailed_token()
    with time_machine.travel(timezone.now() + timedelta(minutes=61)):
        assert reset(api, token).json()["code"] == "link_not_valid"
    assert login(api).status_code == 200


def test_a_used_link_takes_its_twins_with_it(world, api):
    ask(api)
    first = mailed_token()
    ask(api)
    second = mailed_token()
    assert reset(api, second).status_code == 204
    assert reset(api, first, "the-thief-was-late").status_code == 400


def test_changing_the_password_ends_links_that_wait(world, api):
    ask(api)
    token = mailed_token()
    assert post(api, "auth/password", {"current": PASSWORD, "new": NEW}, world.alice).status_code == 204
    assert reset(api, token, "the-thief-was-late").status_code == 400


def test_a_link_for_one_thing_does_not_do_another(unconfirmed, api):
    confirming = mailed_token()
    assert reset(api, confirming).status_code == 400
    ask(api, "nora@nordlicht.example")
    assert post(api, "auth/confirm-address", {"token": mailed_token()}).status_code == 400


def test_tokens_are_never_kept_in_clear(world, api):
    ask(api)
    token = mailed_token()
    with company_scope(world.acme.pk):
        _, copied = operations.invite(email="eve@acme.example", role="employee", actor=world.alice, at=timezone.now())
    mailed = mailed_token()
    kept = [*EmailLink.objects.values_list("token_hash", flat=True)]
    kept += [value for row in Invitation.across_companies.values_list("token_hash", "mail_token_hash") for value in row if value]
    assert not {token, copied, mailed} & set(kept)
    assert {len(value) for value in kept} == {64}
    assert not [secret for secret in (token, copied, mailed) if secret in str(list(Event.across_companies.values()))]


# Confirming addresses


SIGNUP = {
    "company_name": "Nordlicht GmbH", "country": "DE", "currency": "EUR", "time_zone": "Europe/Berlin", "name": "Nora",
    "email": "nora@nordlicht.example", "password": PASSWORD,
}  # fmt: skip


@pytest.fixture
def unconfirmed(db, api, settings):
    """Nora, who signed up where addresses are confirmed, and has not followed her link. Answers her headers."""
    settings.CONFIRM_ADDRESSES = True
    answer = post(api, "auth/signup", SIGNUP)
    assert answer.status_code == 201
    return {"Authorization": f"Bearer {answer.json()['access']}"}


def test_an_unconfirmed_person_reads_and_does_not_write(unconfirmed, api):
    assert api(None).get("/api/v1/members/", headers=unconfirmed).status_code == 200
    refused = post(api, "invitations", {"email": "x@x.example", "role": "employee"}, **unconfirmed)
    assert (refused.status_code, refused.json()["code"]) == (403, "address_unconfirmed")
    assert not Invitation.across_companies.exists()
    assert (
        post(api, "companies", {k: SIGNUP[k] for k in ("company_name", "country", "currency", "time_zone")}, **unconfirmed).status_code
        == 403
    )
    assert Company.objects.count() == 1


def test_the_link_confirms_once_and_then_writing_works(unconfirmed, api):
    token = mailed_token()
    assert post(api, "auth/confirm-address", {"token": token}).status_code == 204
    assert post(api, "auth/confirm-address", {"token": token}).json()["code"] == "link_not_valid"
    assert post(api, "invitations", {"email": "x@x.example", "role": "employee"}, **unconfirmed).status_code == 201
    assert Event.across_companies.filter(type="address.confirmed").count() == 1


def test_an_unconfirmed_person_still_looks_after_their_sign_in(unconfirmed, api):
    assert post(api, "auth/confirm-address/resend", **unconfirmed).status_code == 202
    assert tasks.send_due() == 2
    assert post(api, "auth/password", {"current": PASSWORD, "new": NEW}, **unconfirmed).status_code == 204
    assert post(api, "auth/logout", **unconfirmed).status_code == 204


def test_a_confirmed_person_gets_no_other_link(world, api):
    refused = post(api, "auth/confirm-address/resend", member=world.alice)
    assert (refused.status_code, refused.json()["code"]) == (409, "invalid_state")
    assert not EmailLink.objects.exists()


def test_where_addresses_are_not_confirmed_nobody_waits_for_a_link(world):
    assert world.alice.user.confirmed_at == world.alice.user.joined_at
    assert not EmailLink.objects.exists()


def test_choosing_a_password_by_mail_confirms_the_address(unconfirmed, api):
    ask(api, "nora@nordlicht.example")
    tasks.send_due()
    token = next(re.search(r"\?token=(\S+)", m.body)[1] for m in mail.outbox if "reset-password" in m.body)
    assert reset(api, token).status_code == 204
    assert User.objects.get().confirmed_at is not None


# The worker


def test_a_mail_is_sent_once_by_two_rounds(world, api):
    ask(api)
    assert (tasks.send_due(), tasks.send_due()) == (1, 0)
    assert [(m.subject, m.to) for m in mail.outbox] == [("Choose a new password", ["alice@acme.example"])]


def test_of_two_workers_that_saw_the_same_mail_one_sends_it(world, api):
    ask(api)
    first, second = EmailLink.objects.get(), EmailLink.objects.get()
    at = timezone.now()
    assert operations.claim_mail(first, at=at) is not None
    assert operations.claim_mail(second, at=at) is None
    assert EmailLink.objects.get().mail_attempts == 1


@pytest.fixture
def dead_server(monkeypatch):
    def refuse(*args, **kwargs):
        raise ConnectionRefusedError("alice@acme.example could not be reached")

    monkeypatch.setattr(tasks, "send_mail", refuse)
    return monkeypatch


def test_what_could_not_be_sent_is_tried_again_later_with_a_secret_of_its_own(world, api, dead_server):
    ask(api)
    at = timezone.now()
    assert tasks.send_due(at) == 0
    link = EmailLink.objects.get()
    assert (link.mail_attempts, link.mail_due_at) == (1, at + timedelta(minutes=1))
    first = link.token_hash

    dead_server.undo()
    assert tasks.send_due(at + timedelta(seconds=59)) == 0
    assert tasks.send_due(at + timedelta(seconds=60)) == 1
    link.refresh_from_db()
    assert (link.mail_due_at, link.token_hash == first) == (None, False)


def test_after_eight_tries_it_is_given_up_and_the_log_names_nobody(unconfirmed, dead_server, caplog):
    at = link_requested = EmailLink.objects.get().mail_due_at
    waits = []
    while (link := EmailLink.objects.get()).mail_due_at:
        at = link.mail_due_at
        waits.append(at - link_requested)
        tasks.send_due(at)
    assert link.mail_attempts == len(waits) == 8
    minutes = [wait.total_seconds() / 60 for wait in waits]
    assert [round(b - a) for a, b in pairwise(minutes)] == [1, 5, 30, 120, 120, 120, 120]
    assert "given up" in caplog.text
    assert "example" not in caplog.text
    assert mail.outbox == []


def test_one_failure_ends_the_round_so_that_the_worker_does_not_stand_still(world, api, dead_server):
    ask(api)
    ask(api, "bob@acme.example")
    tasks.send_due()
    assert sorted(EmailLink.objects.values_list("mail_attempts", flat=True)) == [0, 1]


@pytest.mark.parametrize(
    "error",
    [
        smtplib.SMTPRecipientsRefused({"alice@acme.example": (550, b"no such user")}),
        smtplib.SMTPResponseException(451, b"alice@acme.example later"),
        smtplib.SMTPSenderRefused(550, b"no", "alice@acme.example"),
        ValueError("alice@acme.example has a header that cannot be"),
        UnicodeEncodeError("ascii", "alice@acme.example", 0, 1, "no"),
    ],
)
def test_a_mail_that_is_refused_stands_in_the_way_of_no_other(world, api, monkeypatch, caplog, error):
    def refuse(subject, text, sender, addresses):
        if addresses == ["alice@acme.example"]:
            raise error
        return mail.send_mail(subject, text, sender, addresses)

    monkeypatch.setattr(tasks, "send_mail", refuse)
    ask(api)
    ask(api, "bob@acme.example")
    assert tasks.send_due() == 1
    assert [message.to for message in mail.outbox] == [["bob@acme.example"]]
    assert EmailLink.objects.get(user=world.alice.user).mail_due_at > timezone.now()
    assert type(error).__name__ in caplog.text
    assert "example" not in caplog.text


@pytest.mark.parametrize("error", [TimeoutError(), smtplib.SMTPServerDisconnected(), smtplib.SMTPConnectError(421, b"busy")])
def test_a_server_that_is_away_ends_the_round(world, api, monkeypatch, error):
    def away(*args):
        raise error

    monkeypatch.setattr(tasks, "send_mail", away)
    ask(api)
    ask(api, "bob@acme.example")
    assert tasks.send_due() == 0
    assert sorted(EmailLink.objects.values_list("mail_attempts", flat=True)) == [0, 1]


def test_what_nobody_needs_any_more_is_not_sent(world, api):
    with company_scope(world.acme.pk):
        _, copied = operations.invite(email="eve@acme.example", role="employee", actor=world.alice, at=timezone.now())
    operations.accept(copied, name="Eve", password=PASSWORD, at=timezone.now())
    ask(api)
    assert tasks.send_due(timezone.now() + timedelta(hours=2)) == 0
    assert mail.outbox == []
    assert not EmailLink.objects.exclude(mail_due_at=None).exists()


def test_mails_lead_to_the_address_of_the_installation_and_say_who_asks(world, settings):
    settings.SITE_URL = "https://spend.example.com"
    with company_scope(world.acme.pk):
        operations.invite(email="eve@acme.example", role="employee", actor=world.alice, at=timezone.now())
    token = mailed_token()
    assert f"https://spend.example.com/accept-invitation/?token={token}" in mail.outbox[0].body
    assert mail.outbox[0].subject == "Join Acme on SpendTrackr"
    assert "Alice invites you to join Acme" in mail.outbox[0].body
    assert mail.outbox[0].from_email == settings.DEFAULT_FROM_EMAIL
