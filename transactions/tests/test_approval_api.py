"""The inbox and decisions by API and page: why it is with me, one at a time and many at once, bound to what was seen."""

from __future__ import annotations

import pytest

from spendtrackr.models import Event
from spendtrackr.tenancy import company_scope
from tests.factories import NOON, swipe
from tests.rules import MANAGER, adopt, approver, route, step
from transactions.models import Approval, ApprovalDecision, Transaction
from transactions.operations import approvals, coding
from transactions.operations.swipes import authorize
from users import operations as people

URL = "/api/v1/approvals/"


@pytest.fixture
def team(world):
    """Bob reports to Grace; Frank keeps the books, and says yes after her."""
    with company_scope(world.acme.pk):
        world.grace, world.frank = world.hire("Grace", "employee"), world.hire("Frank", "finance")
        world.bob = people.change_member(world.bob, {"manager": world.grace}, actor=world.alice, at=NOON)
    adopt(world, approval=route(step(MANAGER), step(approver("role", role="finance"))))
    return world


def ask(team, minor: int = 80_00) -> Approval:
    with company_scope(team.acme.pk):
        purchase = authorize(team.reload(), swipe(minor)).transaction
        approvals.submit(purchase, actor=team.bob, at=NOON)
        return Approval.objects.get(transaction=purchase)


def mine(client) -> list[dict]:
    return client.get(f"{URL}mine/").json()["data"]


def test_the_inbox_says_why_it_is_with_me(team, api):
    ask(team)
    [shown] = mine(api(team.grace))
    assert {name: shown["mine"][name] for name in ("member", "because", "says", "instead_of")} == {
        "member": team.grace.public_id, "because": "manager", "says": "manages them", "instead_of": None,
    }  # fmt: skip
    first, second = shown["steps"]
    assert (first["status"], first["mode"], first["approvers"]) == ("waiting", "any", [{"kind": "manager", "role": None, "member": None}])
    assert [one["name"] for one in first["waits_for"]] == ["Grace"]
    assert (second["status"], second["waits_for"], second["approvers"][0]["role"]) == ("pending", [], "finance")
    assert [mine(api(member)) for member in (team.bob, team.alice, team.frank)] == [[], [], []]


def test_the_oldest_is_first_in_the_inbox(team, api):
    ids = [ask(team, minor).public_id for minor in (1_00, 2_00, 3_00)]
    client = api(team.grace)
    assert [row["id"] for row in mine(client)] == ids
    first = client.get(f"{URL}mine/?limit=2").json()
    assert [row["id"] for row in first["data"]] == ids[:2]
    assert [row["id"] for row in client.get(f"{URL}mine/?limit=2&cursor={first['next_cursor']}").json()["data"]] == ids[2:]
    assert client.get(f"{URL}mine/?status=void").status_code == 400


def test_yes_after_yes(team, api):
    approval = ask(team)
    said = api(team.grace).post(f"{URL}{approval.public_id}/approve/", {"seen": approval.seen, "reason": "Fine"}, format="json").json()
    assert (said["status"], said["waits_for"], said["decided_by"]) == ("waiting", [team.frank.public_id], None)
    [decision] = said["steps"][0]["decisions"]
    assert {name: decision[name] for name in ("member", "outcome", "reason", "seen")} == {
        "member": team.grace.public_id, "outcome": "approved", "reason": "Fine", "seen": approval.seen,
    }  # fmt: skip
    done = api(team.frank).post(f"{URL}{approval.public_id}/approve/", {}, format="json").json()
    assert (done["status"], done["decided_by"], done["waits_for"]) == ("approved", team.frank.public_id, [])
    late = api(team.frank).post(f"{URL}{approval.public_id}/approve/", {}, format="json")
    assert (late.status_code, late.json()["code"]) == (409, "invalid_state")


@pytest.mark.parametrize(("verb", "state", "resubmits"), [("request-changes", "changes_requested", 200), ("reject", "rejected", 409)])
def test_what_was_sent_back_may_be_submitted_again_and_what_was_rejected_may_not(team, api, verb, state, resubmits):
    approval = ask(team)
    client, url = api(team.grace), f"{URL}{approval.public_id}/{verb}/"
    for body in ({}, {"reason": ""}, {"reason": "   "}):
        refused = client.post(url, body, format="json")
        assert (refused.status_code, refused.json()["field"]) == (400, "reason")
    assert client.post(url, {"reason": "Which client?"}, format="json").json()["status"] == state
    purchase = f"/api/v1/transactions/{approval.transaction.public_id}/"
    shown = api(team.bob).get(purchase).json()
    assert shown["approval"] == state
    again = api(team.bob).post(f"{purchase}submit/", {}, format="json")
    assert again.status_code == resubmits


def test_a_decision_is_about_what_was_seen(team, api):
    approval = ask(team)
    with company_scope(team.acme.pk):
        coding.describe(Transaction.objects.get(), {"memo": "Something else"}, actor=team.bob, at=NOON)
    stale = api(team.grace).post(f"{URL}{approval.public_id}/approve/", {"seen": approval.seen}, format="json")
    assert (stale.status_code, stale.json()["code"], stale.json()["field"]) == (412, "stale", "seen")
    assert ApprovalDecision.across_companies.count() == 0
    [now] = mine(api(team.grace))
    assert api(team.grace).post(f"{URL}{approval.public_id}/approve/", {"seen": now["seen"]}, format="json").status_code == 200


def test_many_at_once_each_by_itself(team, api):
    first, second, third = (ask(team, minor) for minor in (1_00, 2_00, 3_00))
    body = {
        "decisions": [
            {"approval": first.public_id, "outcome": "approved", "seen": first.seen},
            {"approval": second.public_id, "outcome": "approved", "seen": "another"},
            {"approval": third.public_id, "outcome": "changes_requested"},
            {"approval": third.public_id, "outcome": "rejected", "reason": "No"},
        ]
    }
    results = api(team.grace).post(f"{URL}decide/", body, format="json").json()["results"]
    assert [(one["approval"], one["done"], one["status"], (one["error"] or {}).get("code")) for one in results] == [
        (first.public_id, True, "waiting", None),
        (second.public_id, False, "waiting", "stale"),
        (third.public_id, False, "waiting", "required"),
        (third.public_id, True, "rejected", None),
    ]
    assert ApprovalDecision.across_companies.count() == 2


def test_nobody_but_those_asked_decides_whatever_their_role(team, api):
    approval = ask(team)
    for member in (team.alice, team.frank, team.bob):
        refused = api(member).post(f"{URL}{approval.public_id}/approve/", {}, format="json")
        assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert ApprovalDecision.across_companies.count() == 0


def test_whoever_is_asked_may_look_at_what_it_is_about_and_at_nothing_else(team, api):
    """Frank sees everything by his role; Henry is nobody's manager, and named by the policy."""
    with company_scope(team.acme.pk):
        henry = team.hire("Henry", "employee")
    adopt(team, approval=route(step(approver("member", member=henry.public_id))))
    asked_about, other = ask(team), None
    with company_scope(team.acme.pk):
        other = authorize(team.reload(), swipe(5_00)).transaction
    client = api(henry)
    assert client.get(f"/api/v1/transactions/{asked_about.transaction.public_id}/").status_code == 200
    assert client.get(f"/api/v1/transactions/{other.public_id}/").status_code == 404
    assert client.get("/api/v1/transactions/").json()["data"] == []
    patched = client.patch(f"/api/v1/transactions/{asked_about.transaction.public_id}/", {"memo": "Mine"}, format="json")
    assert patched.status_code == 403


def test_a_request_is_taken_back_before_anybody_decides(team, api):
    approval = ask(team)
    url = f"/api/v1/transactions/{approval.transaction.public_id}/withdraw/"
    assert api(team.grace).post(url).status_code == 403
    assert api(team.bob).post(url).json()["approval"] == "open"
    assert (mine(api(team.grace)), Approval.across_companies.get().status) == ([], "void")
    again = api(team.bob).post(url)
    assert (again.status_code, again.json()["code"]) == (409, "invalid_state")
    assert Event.across_companies.filter(type="approval.voided").count() == 1


def test_on_the_page_several_are_ticked_and_approved(team, pages):
    first, second = ask(team, 1_00), ask(team, 2_00)
    client = pages(team.grace)
    shown = client.get("/approvals/").content.decode()
    assert ("2 wait for you" in shown, "You manage them" in shown, "step 1 of 2" in shown) == (True, True, True)
    form = {"approval": [f"{first.public_id}:{first.seen}", f"{second.public_id}:other"], "next": "/approvals/"}
    told = client.post("/approvals/approve/", form, follow=True).content.decode()
    assert ("1 approved." in told, "This purchase changed since you looked at it" in told) == (True, True)
    assert "Tick what you approve first" in client.post("/approvals/approve/", {"next": "/approvals/"}, follow=True).content.decode()


@pytest.mark.parametrize(("verb", "says"), [("request-changes", "Sent back to Bob"), ("reject", "Rejected. Bob is told.")])
def test_on_the_page_a_no_says_why(team, pages, verb, says):
    approval = ask(team)
    client = pages(team.grace)
    url = f"/approvals/{approval.public_id}/{verb}/"
    assert "Say why" in client.post(url, {"next": "/approvals/"}, follow=True).content.decode()
    assert says in client.post(url, {"reason": "No receipt", "next": "/approvals/"}, follow=True).content.decode()
    assert "No receipt" in pages(team.bob).get(f"/transactions/{approval.transaction.public_id}/").content.decode()


def test_the_panel_shows_each_step_and_who_it_waits_for(team, pages, api):
    approval = ask(team)
    api(team.grace).post(f"{URL}{approval.public_id}/approve/", {"reason": "Fine by me"}, format="json")
    told = pages(team.bob).get(f"/transactions/{approval.transaction.public_id}/").content.decode()
    for words in ("The manager", "Grace", "said yes", "Fine by me", "Anybody with the role finance", "Frank", "Take it back"):
        assert words in told, words
