"""The pages about people: who sees whom, and what can be done there without the API."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

import pytest

from cards.models import Card
from spendtrackr.tenancy import company_scope
from tests.factories import NOON, PASSWORD, swipe
from transactions.operations.accounts import suspend_company
from transactions.operations.swipes import authorize
from users import operations
from users.models import Invitation, Membership

INVITE = {"do": "invite", "email": "eve@acme.example", "role": "employee", "manager": "", "department": ""}


def hire(world, name, role):
    with company_scope(world.acme.pk):
        return world.hire(name, role)


def path_of(member) -> str:
    return f"/people/{member.public_id}/"


def link_in(page) -> str:
    return re.search(r'id="invitation-link" value="([^"]+)"', page.content.decode())[1]


def status_of(member) -> str:
    return Membership.across_companies.get(pk=member.pk).status


def test_everybody_is_listed_by_name_to_those_who_see_the_company(world, pages):
    told = pages(world.alice).get("/people/").content.decode()
    assert told.index("alice@acme.example") < told.index("bob@acme.example")
    assert "Invite somebody" in told


def test_an_employee_sees_themselves_and_invites_nobody(world, pages):
    client = pages(world.bob)
    told = client.get("/people/").content.decode()
    assert ("bob@acme.example" in told, "alice@acme.example" in told, "Invite somebody" in told) == (True, False, False)
    assert client.get(path_of(world.alice)).status_code == 404
    assert client.post("/people/", INVITE).status_code == 403
    assert Invitation.across_companies.filter(email_key="eve@acme.example").count() == 0


@pytest.mark.parametrize(
    ("query", "seen"), [("?q=bob", ["bob@"]), ("?status=suspended", []), ("?department=dep_x", []), ("?page=99", ["alice@", "bob@"])]
)
def test_people_are_filtered(world, pages, query, seen):
    told = pages(world.alice).get(f"/people/{query}").content.decode()
    table = told.partition("<tbody>")[2]
    assert [name for name in ("alice@", "bob@") if name in table] == seen
    assert ("Nobody matches" in told) is (seen == [])


def test_a_long_list_goes_on_with_its_filters(world, pages, monkeypatch):
    monkeypatch.setattr("cards.views.people.PAGE_SIZE", 1)
    client = pages(world.alice)
    told = client.get("/people/?status=active").content.decode()
    assert ("alice@" in told, "bob@" in told, 'href="?status=active&amp;page=2"' in told) == (True, False, True)
    told = client.get("/people/?status=active&page=2").content.decode()
    assert ("bob@" in told, 'href="?status=active&amp;page=1"' in told, "page=3" in told) == (True, True, False)


def test_a_filter_that_makes_no_sense_says_so(world, pages):
    page = pages(world.alice).get("/people/?status=gone")
    assert (page.status_code, "Status: " in page.content.decode()) == (400, True)


def test_the_link_of_a_new_invitation_is_shown_once_and_works(world, pages, api):
    client = pages(world.alice)
    with company_scope(world.acme.pk):
        sales = operations.add_department(name="Sales", actor=world.alice, at=NOON)
    page = client.post("/people/", {**INVITE, "manager": world.bob.public_id, "department": sales.public_id})
    link = link_in(page)
    assert urlsplit(link).path == "/accept-invitation/"
    token = parse_qs(urlsplit(link).query)["token"][0]
    assert token not in client.get("/people/").content.decode()

    body = {"token": token, "name": "Eve", "password": "a-good-long-password"}
    joined = api(None).post("/api/v1/auth/accept-invitation/", body).json()["member"]
    assert (joined["manager"], joined["department"]) == (world.bob.public_id, sales.public_id)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"email": "bob@acme.example"}, "This person is a member already."),
        ({"email": "nobody"}, "Enter a valid email address."),
        ({"manager": "mem_unknown"}, "Select a valid choice."),
    ],
)
def test_a_refused_invitation_keeps_what_was_typed_and_says_why(world, pages, changes, told):
    page = pages(world.alice).post("/people/", {**INVITE, "role": "finance", **changes})
    shown = page.content.decode()
    assert (page.status_code, told in shown) == (400, True)
    assert '<option value="finance" selected>' in shown
    assert 'class="plainly" open' in shown
    assert not Invitation.across_companies.filter(accepted_at=None).exists()


def test_an_admin_is_not_offered_what_only_an_owner_may_make(world, pages):
    client = pages(hire(world, "Adam", "admin"))
    assert '<option value="owner"' not in client.get("/people/").content.decode()
    assert client.post("/people/", {**INVITE, "role": "owner"}).status_code == 400


def test_open_invitations_get_a_new_link_or_are_revoked(world, pages, api):
    client = pages(world.alice)
    old = link_in(client.post("/people/", INVITE))
    invitation = Invitation.across_companies.get(email_key="eve@acme.example")
    new = link_in(client.post("/people/", {"do": "resend", "invitation": invitation.public_id}))
    assert new != old
    revoked = client.post("/people/", {"do": "revoke", "invitation": invitation.public_id})
    assert (revoked.status_code, revoked["Location"]) == (302, "/people/")
    assert "eve@acme.example" not in client.get("/people/").content.decode().partition("Open invitations")[2]
    for link in (old, new):
        body = {"token": parse_qs(urlsplit(link).query)["token"][0], "name": "Eve", "password": PASSWORD}
        assert api(None).post("/api/v1/auth/accept-invitation/", body).status_code == 400


@pytest.mark.parametrize(("body", "status"), [({"do": "resend", "invitation": "inv_x"}, 404), ({"do": "dance"}, 400), ({}, 400)])
def test_what_nobody_offered_is_refused(world, pages, body, status):
    assert pages(world.alice).post("/people/", body).status_code == status


def test_a_member_is_moved_and_given_another_role(world, pages):
    client = pages(world.alice)
    body = {"do": "place", "role": "finance", "manager": world.alice.public_id, "department": ""}
    assert client.post(path_of(world.bob), body)["Location"] == path_of(world.bob)
    bob = Membership.across_companies.get(pk=world.bob.pk)
    assert (bob.role, bob.manager_id) == ("finance", world.alice.pk)


def test_a_refused_move_says_why_and_changes_nothing(world, pages):
    client = pages(world.alice)
    client.post(path_of(world.bob), {"do": "place", "role": "employee", "manager": world.alice.public_id, "department": ""})
    refused = client.post(path_of(world.alice), {"do": "place", "role": "employee", "manager": world.bob.public_id, "department": ""})
    assert (refused.status_code, "keeps at least one active owner" in refused.content.decode()) == (400, True)
    own = client.post(path_of(world.alice), {"do": "place", "role": "owner", "manager": world.bob.public_id, "department": ""})
    assert (own.status_code, "Nobody chooses who approves their own spend" in own.content.decode()) == (400, True)
    with company_scope(world.acme.pk):
        carol = world.hire("Carol", "employee")
    client.post(path_of(carol), {"do": "place", "role": "employee", "manager": world.bob.public_id, "department": ""})
    ring = client.post(path_of(world.bob), {"do": "place", "role": "employee", "manager": carol.public_id, "department": ""})
    assert (ring.status_code, "A manager cannot be the member" in ring.content.decode()) == (400, True)
    alice = Membership.across_companies.get(pk=world.alice.pk)
    assert (alice.role, alice.manager_id) == ("owner", None)


def test_leaving_is_confirmed_stops_cards_and_can_be_taken_back(world, pages):
    client = pages(world.alice)
    assert "Deactivate Bob" in client.get(path_of(world.bob)).content.decode()
    assert client.post(path_of(world.bob), {"do": "deactivate"})["Location"] == path_of(world.bob)
    assert status_of(world.bob) == "deactivated"
    told = client.get(path_of(world.bob)).content.decode()
    assert ("frozen: Offboarding" in told, "Reactivate Bob" in told, "Suspend Bob" in told) == (True, True, False)
    with company_scope(world.acme.pk):
        assert not authorize(Card.objects.get(pk=world.card.pk), swipe()).approved
    client.post(path_of(world.bob), {"do": "reactivate"})
    assert status_of(world.bob) == "active"


def test_nobody_is_offered_to_leave_by_themselves_and_trying_changes_nothing(world, pages):
    client = pages(world.alice)
    assert "Deactivate Alice" not in client.get(path_of(world.alice)).content.decode()
    assert client.post(path_of(world.alice), {"do": "deactivate"}).status_code == 302
    assert status_of(world.alice) == "active"


@pytest.mark.parametrize("role", ["finance", "auditor"])
def test_who_only_sees_is_offered_nothing_and_refused(world, pages, role):
    client = pages(hire(world, "Zoe", role))
    told = client.get(path_of(world.bob)).content.decode()
    assert ("Bob&#x27;s card" in told, "<select" in told, "Suspend" in told) == (True, False, False)
    assert client.post(path_of(world.bob), {"do": "suspend"}).status_code == 403
    assert status_of(world.bob) == "active"


def test_a_suspended_company_is_read_and_not_changed(world, pages):
    client = pages(world.alice)
    suspend_company(world.acme, actor=None, at=NOON)
    assert client.get("/people/").status_code == client.get("/settings/").status_code == 200
    assert client.post("/people/", INVITE).status_code == 403
    assert client.post(path_of(world.bob), {"do": "suspend"}).status_code == 403
    assert client.post("/settings/departments/new/", {"name": "Sales"}).status_code == 403
    assert status_of(world.bob) == "active"
