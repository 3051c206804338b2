"""The pages on which people come in and look after their own sign-in."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest
import time_machine
from django.core import mail
from django.test import Client
from django.utils import timezone

from companies.models import Company
from spendtrackr.tenancy import company_scope
from tests.factories import PASSWORD
from transactions.operations.accounts import suspend_company
from users import operations, tasks
from users.models import EmailLink, Membership, Session, User

NEW = "a-better-long-password"
COMPANY = {"company_name": "Acme Labs", "country": "DE", "currency": "EUR", "time_zone": "Europe/Berlin"}
SIGNUP = {**COMPANY, "name": "Nora", "email": "nora@nordlicht.example", "password": PASSWORD}
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0"


def text(response) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", response.content.decode())))


def mailed_token() -> str:
    tasks.send_due()
    return re.search(r"\?token=(\S+)", mail.outbox[-1].body)[1]


def invitation_for(world, email: str) -> str:
    with company_scope(world.acme.pk):
        return operations.invite(email=email, role="employee", actor=world.alice, at=timezone.now())[1]


# Signing up


def test_signing_up_opens_a_session_in_the_new_company(db, client):
    answer = client.post("/sign-up/", SIGNUP, headers={"User-Agent": FIREFOX})
    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert "Welcome. Your company is set up." in text(client.get("/"))
    assert (Session.across_companies.get().kind, Session.across_companies.get().client) == ("pages", FIREFOX)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", "nora"),
        ("country", "XX"),
        ("currency", ""),
        ("time_zone", "Berlin"),
        ("password", "short"),
        ("name", "a\x07b"),
        ("company_name", " "),
    ],
)
def test_what_is_wrong_stands_beside_its_field_and_the_rest_is_kept(db, client, field, value):
    answer = client.post("/sign-up/", {**SIGNUP, field: value})
    page = answer.content.decode()
    assert answer.status_code == 400
    assert f'id="id_{field}_error"' in page
    kept = {"company_name": "Acme Labs", "name": "Nora", "email": "nora@nordlicht.example"}
    assert [name for name, said in kept.items() if name != field and f'value="{said}"' not in page] == []
    assert PASSWORD not in page
    assert (User.objects.count(), Company.objects.count()) == (0, 0)


def test_a_known_address_is_told_to_sign_in(world, client):
    answer = client.post("/sign-up/", {**SIGNUP, "email": "alice@acme.example"})
    assert answer.status_code == 409
    assert "This address has an account already." in text(answer)
    assert Company.objects.count() == 2


def test_a_closed_sign_up_is_neither_linked_nor_open(db, client, settings):
    assert "/sign-up/" in client.get("/sign-in/").content.decode()
    settings.SIGNUP_OPEN = False
    assert "/sign-up/" not in client.get("/sign-in/").content.decode()
    assert [client.get("/sign-up/").status_code, client.post("/sign-up/", SIGNUP).status_code] == [403, 403]
    assert not User.objects.exists()


# Links that were mailed


def test_a_forgotten_password_is_replaced_through_the_mail(world, client):
    assert "Forgot your password?" in text(client.get("/sign-in/"))
    assert client.post("/forgot-password/", {"email": "alice@acme.example"})["Location"] == "/sign-in/"
    assert "If this address has an account" in text(client.get("/sign-in/"))
    token = mailed_token()
    shown = client.get(f"/reset-password/?token={token}")
    assert (shown.status_code, "no-store" in shown["Cache-Control"], shown["Referrer-Policy"]) == (200, True, "same-origin")

    weak = client.post("/reset-password/", {"token": token, "password": "short"})
    assert (weak.status_code, 'id="id_password_error"' in weak.content.decode()) == (400, True)
    assert f'value="{token}"' in weak.content.decode()

    assert client.post("/reset-password/", {"token": token, "password": NEW})["Location"] == "/sign-in/"
    assert client.post("/sign-in/", {"email": "alice@acme.example", "password": NEW})["Location"] == "/"
    again = client.get(f"/reset-password/?token={token}")
    assert (again.status_code, "This link does not work" in text(again)) == (400, True)


def test_the_page_does_not_tell_who_has_an_account(world):
    answers = []
    for email in ("alice@acme.example", "nobody@acme.example"):
        browser = Client()
        sent = browser.post("/forgot-password/", {"email": email})
        answers.append((sent.status_code, sent["Location"], text(browser.get("/sign-in/"))))
    assert answers[0] == answers[1]
    assert EmailLink.objects.count() == 1


def test_looking_at_a_link_that_confirms_does_not_confirm(db, client, settings):
    settings.CONFIRM_ADDRESSES = True
    client.post("/sign-up/", SIGNUP)
    token = mailed_token()
    for _ in range(2):
        assert Client().get(f"/confirm-address/?token={token}").status_code == 200
    assert User.objects.get().confirmed_at is None

    assert client.post("/confirm-address/", {"token": token})["Location"] == "/"
    assert User.objects.get().confirmed_at is not None
    assert client.post("/confirm-address/", {"token": token}).status_code == 400


def test_an_unconfirmed_person_is_told_so_on_every_page_and_may_ask_again(db, client, settings):
    settings.CONFIRM_ADDRESSES = True
    client.post("/sign-up/", SIGNUP)
    for path in ("/", "/account/", "/transactions/"):
        assert "Confirm nora@nordlicht.example with the link that we mailed." in text(client.get(path))
    assert client.post("/companies/new/", COMPANY).status_code == 403
    assert Company.objects.count() == 1
    assert client.post("/confirm-address/resend/")["Location"] == "/account/"
    assert "A link is on its way to nora@nordlicht.example." in text(client.get("/account/"))
    assert tasks.send_due() == 2


@pytest.mark.parametrize("path", ["/reset-password/", "/confirm-address/", "/accept-invitation/"])
@pytest.mark.parametrize("token", ["", "unknown", "x" * 5000, "\U0001f600"])
def test_a_link_that_was_never_ours_says_so(world, client, path, token):
    for answer in (client.get(path, {"token": token}), client.post(path, {"token": token, "password": NEW})):
        assert (answer.status_code, "This link does not work" in text(answer)) == (400, True)


# Accepting an invitation


def test_a_newcomer_says_who_they_are_and_chooses_a_password(world, client):
    invitation_for(world, "eve@acme.example")
    token = mailed_token()
    page = text(client.get(f"/accept-invitation/?token={token}"))
    assert "Join Acme" in page
    assert "Say who you are and choose a password." in page
    bad = client.post("/accept-invitation/", {"token": token, "name": "Eve", "password": "short"})
    assert (bad.status_code, 'value="Eve"' in bad.content.decode()) == (400, True)
    assert client.post("/accept-invitation/", {"token": token, "name": "Eve", "password": PASSWORD})["Location"] == "/"
    assert "Welcome to Acme." in text(client.get("/"))
    assert Membership.across_companies.get(user__email_key="eve@acme.example").company_id == world.acme.pk


def test_somebody_with_an_account_gives_only_its_password(world, client):
    invitation_for(world, "mallory@malice.example")
    token = mailed_token()
    page = client.get(f"/accept-invitation/?token={token}")
    assert "mallory@malice.example has an account here already." in text(page)
    assert 'name="name"' not in page.content.decode()
    wrong = client.post("/accept-invitation/", {"token": token, "password": "wrong"})
    assert (wrong.status_code, "is wrong" in text(wrong)) == (401, True)
    assert not Membership.across_companies.filter(user=world.mallory.user, company=world.acme).exists()
    assert client.post("/accept-invitation/", {"token": token, "password": PASSWORD}).status_code == 302
    assert Membership.across_companies.get(user=world.mallory.user, company=world.acme).role == "employee"


def test_the_copied_link_tells_nobody_whether_there_is_an_account(world, client):
    """Whoever invites may copy it, and need not be the invited person."""
    asked = []
    for email in ("mallory@malice.example", "eve@acme.example"):
        token = invitation_for(world, email)
        page = text(client.get(f"/accept-invitation/?token={token}"))
        assert "If you have an account already, use its password." in page
        asked.append(page.replace(email, ""))
    assert asked[0] == asked[1]
    joined = {"token": invitation_for(world, "mallory@malice.example"), "name": "Somebody", "password": PASSWORD}
    assert client.post("/accept-invitation/", joined)["Location"] == "/"
    assert Membership.across_companies.get(user=world.mallory.user, company=world.acme).role == "employee"
    assert User.objects.get(pk=world.mallory.user_id).name == "Mallory"


def test_signing_in_changes_the_token_of_forms(world):
    browser = Client()
    browser.get("/sign-in/")
    before = browser.cookies["csrftoken"].value
    browser.post("/sign-in/", {"email": "bob@acme.example", "password": PASSWORD})
    assert browser.cookies["csrftoken"].value != before


def test_the_invited_person_who_is_signed_in_only_clicks(world, pages):
    token = invitation_for(world, "mallory@malice.example")
    browser = pages(world.mallory)
    page = browser.get(f"/accept-invitation/?token={token}").content.decode()
    assert 'type="password"' not in page
    assert browser.post("/accept-invitation/", {"token": token})["Location"] == "/"
    assert "Acme" in text(browser.get("/"))


def test_somebody_else_who_is_signed_in_does_not_join_by_a_click(world, pages):
    token = invitation_for(world, "mallory@malice.example")
    browser = pages(world.bob)
    assert browser.post("/accept-invitation/", {"token": token}).status_code == 400
    assert not Membership.across_companies.filter(user=world.mallory.user, company=world.acme).exists()


def test_accepting_on_the_page_is_limited_with_the_rest(world, client, api):
    token = invitation_for(world, "mallory@malice.example")
    for _ in range(10):
        client.post("/accept-invitation/", {"token": token, "name": "Mallory", "password": "wrong"})
    assert client.post("/accept-invitation/", {"token": token, "name": "Mallory", "password": PASSWORD}).status_code == 429
    body = {"email": "mallory@malice.example", "password": PASSWORD}
    assert api(None).post("/api/v1/auth/login/", body).status_code == 429


# One's own account


def test_the_name_is_changed_and_shown(world, pages):
    browser = pages(world.bob)
    assert browser.post("/account/", {"rename": "1", "name": "Robert"})["Location"] == "/account/"
    assert "Your name is changed." in text(browser.get("/account/"))
    bad = browser.post("/account/", {"rename": "1", "name": ""})
    assert (bad.status_code, 'id="id_name_error"' in bad.content.decode()) == (400, True)
    assert User.objects.get(pk=world.bob.user_id).name == "Robert"


def test_the_password_is_changed_and_the_other_browser_is_out(world, pages):
    there = Client()
    there.post("/sign-in/", {"email": "bob@acme.example", "password": PASSWORD})
    browser = pages(world.bob)
    wrong = browser.post("/account/", {"change_password": "1", "current": "wrong", "new": NEW})
    assert (wrong.status_code, 'id="id_current_error"' in wrong.content.decode()) == (400, True)
    assert there.get("/account/").status_code == 200
    assert browser.post("/account/", {"change_password": "1", "current": PASSWORD, "new": NEW})["Location"] == "/account/"
    assert (browser.get("/account/").status_code, there.get("/account/").status_code) == (200, 302)


def test_sessions_are_shown_by_what_people_call_them_and_can_be_ended(world, pages):
    there = Client(headers={"User-Agent": FIREFOX})
    there.post("/sign-in/", {"email": "bob@acme.example", "password": PASSWORD})
    other = Session.across_companies.get(client=FIREFOX)
    browser = pages(world.bob)
    assert "Firefox on Linux" in text(browser.get("/account/"))
    assert browser.post(f"/account/sessions/{other.public_id}/revoke/")["Location"] == "/account/"
    assert (browser.get("/account/").status_code, there.get("/account/").status_code) == (200, 302)


def test_the_sessions_of_others_cannot_be_ended(world, pages):
    theirs = Session.across_companies.filter(membership=world.alice).latest("id")
    with time_machine.travel(theirs.created_at + timedelta(minutes=1)):
        assert pages(world.bob).post(f"/account/sessions/{theirs.public_id}/revoke/").status_code == 404
    theirs.refresh_from_db()
    assert theirs.revoked_at is None


def test_all_other_sessions_can_be_ended_at_once(world, pages):
    there = Client()
    there.post("/sign-in/", {"email": "bob@acme.example", "password": PASSWORD})
    browser = pages(world.bob)
    assert browser.post("/account/sessions/revoke-others/")["Location"] == "/account/"
    assert (browser.get("/account/").status_code, there.get("/account/").status_code) == (200, 302)


def test_another_company_is_founded_and_switched_to(world, pages):
    browser = pages(world.alice)
    assert browser.post("/companies/new/", COMPANY)["Location"] == "/account/"
    page = text(browser.get("/account/"))
    assert "Acme Labs is set up. Switch to it below." in page
    before = Session.across_companies.get(kind="pages", revoked_at=None)
    company = Company.objects.get(name="Acme Labs").public_id
    assert browser.post("/account/switch/", {"company": company})["Location"] == "/"
    assert "You are in Acme Labs now." in text(browser.get("/"))
    before.refresh_from_db()
    assert before.revoked_because == "switched"
    assert Session.across_companies.filter(kind="pages", revoked_at=None).count() == 1


def test_a_company_of_others_cannot_be_switched_to(world, pages):
    browser = pages(world.bob)
    refused = browser.post("/account/switch/", {"company": world.mallory.company.public_id})
    assert (refused.status_code, "You belong to no such company." in text(refused)) == (400, True)
    assert "Acme" in text(browser.get("/account/"))


def test_people_of_a_suspended_company_leave_it_but_change_nothing_in_it(world, pages):
    browser = pages(world.alice)
    browser.post("/companies/new/", COMPANY)
    suspend_company(world.acme, actor=None, at=timezone.now())
    refused = browser.post("/companies/new/", COMPANY)
    assert (refused.status_code, "suspended" in text(refused)) == (403, True)
    assert browser.post("/account/", {"rename": "1", "name": "Al"}).status_code == 302
    company = Company.objects.get(name="Acme Labs").public_id
    assert browser.post("/account/switch/", {"company": company})["Location"] == "/"
    assert browser.post("/sign-out/")["Location"] == "/sign-in/"


def test_the_forms_need_their_one_time_token(world):
    browser = Client(enforce_csrf_checks=True)
    for path in ("/sign-up/", "/forgot-password/", "/reset-password/", "/confirm-address/", "/accept-invitation/", "/account/"):
        assert browser.post(path, {"email": "alice@acme.example"}).status_code == 403
    assert not EmailLink.objects.exists()


def test_single_keys_are_switched_off_by_whoever_they_are_in_the_way_of(world, pages):
    browser = pages(world.bob)
    assert 'data-keys="on"' in browser.get("/claims/").content.decode()
    assert browser.post("/account/", {"choose_pages": "1"})["Location"] == "/account/"
    off = browser.get("/claims/").content.decode()
    assert ('data-keys="off"' in off, "data-go=" in off) == (True, False)
    assert User.objects.get(pk=world.alice.user_id).uses_keys is True
    browser.post("/account/", {"choose_pages": "1", "uses_keys": "on"})
    assert 'data-keys="on"' in browser.get("/claims/").content.decode()


def test_every_page_of_the_navigation_has_a_letter_and_no_letter_has_two(world, pages):
    for member in (world.alice, world.bob):
        page = pages(member).get("/claims/").content.decode()
        navigation = re.findall(r'href="([^"]+)"', re.search(r'<nav aria-label="Main">(.*?)</nav>', page, re.DOTALL)[1])
        letters = re.findall(r'data-go="(\w)" href="([^"]+)"', page)
        assert set(navigation) <= {href for _, href in letters}
        assert len({letter for letter, _ in letters}) == len(letters)
