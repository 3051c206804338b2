"""Somebody is away: who decides meanwhile, from when to when, and never about their own."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from reports import verification
from spendtrackr import errors
from spendtrackr.models import Event
from tests.factories import NOON, swipe
from tests.rules import adopt, decide
from transactions import queries, tasks
from transactions.models import Approval, ApprovalDecision, Delegation
from transactions.operations import approvals, delegations
from transactions.operations.swipes import authorize
from users import operations as people
from users.queries import colleagues

TODAY = NOON.date()


@pytest.fixture
def team(acme):
    """Bob reports to Grace, who has a colleague, Henry."""
    acme.grace, acme.henry = acme.hire("Grace", "employee"), acme.hire("Henry", "employee")
    acme.bob = people.change_member(acme.bob, {"manager": acme.grace}, actor=acme.alice, at=NOON)
    adopt(acme)
    return acme


def away(team, member=None, to=None, *, starts_on=TODAY, ends_on=TODAY + timedelta(days=6), at=NOON) -> Delegation:
    member = member or team.grace
    return delegations.delegate(member, to or team.henry, starts_on=starts_on, ends_on=ends_on, actor=member, at=at)


def submitted(team) -> Approval:
    purchase = authorize(team.reload(), swipe(80_00)).transaction
    approvals.submit(purchase, actor=team.bob, at=NOON)
    return Approval.objects.latest("pk")


def inbox(*members) -> list[int]:
    return [queries.waiting_for(member).count() for member in members]


def test_while_somebody_is_away_another_is_asked_as_well(team):
    before = submitted(team)
    away(team)
    after = submitted(team)
    assert inbox(team.grace, team.henry) == [2, 2]
    done = decide(after, team.henry, at=NOON)
    said = ApprovalDecision.objects.get()
    assert (done.status, said.actor, said.instead_of) == ("approved", team.henry, team.grace)
    assert decide(before, team.grace, at=NOON).status == "approved"
    assert [*verification.approvals(), *verification.approval_steps()] == []


def test_it_begins_and_ends_with_the_companys_days(team):
    """New York is on UTC-4: the last day ends at four."""
    approval = submitted(team)
    row = away(team, starts_on=TODAY + timedelta(days=1), ends_on=TODAY + timedelta(days=2))
    starts, ends = NOON.replace(day=11, hour=4), NOON.replace(day=13, hour=4)
    assert (row.starts_at, row.ends_at, row.state) == (starts, ends, "ahead")
    seconds = timedelta(seconds=1)
    for at, turned, found in (
        (starts - seconds, 0, [1, 0]), (starts, 1, [1, 1]), (starts, 0, [1, 1]), (ends - seconds, 0, [1, 1]), (ends, 1, [1, 0]),
    ):  # fmt: skip
        assert (tasks.turn_delegations(at), inbox(team.grace, team.henry)) == (turned, found), at
    with pytest.raises(errors.Forbidden):
        decide(approval, team.henry, at=ends)
    types = Event.objects.filter(type__startswith="delegation.").order_by("pk").values_list("type", flat=True)
    assert list(types) == ["delegation.made", "delegation.started", "delegation.ended"]


def test_one_that_began_and_ended_unseen_never_comes_alive(team):
    submitted(team)
    away(team, starts_on=TODAY + timedelta(days=1), ends_on=TODAY + timedelta(days=2))
    tasks.turn_delegations(NOON + timedelta(days=30))
    assert (Delegation.objects.get().state, inbox(team.henry)) == ("over", [0])


def test_coming_back_early_ends_it_at_once(team):
    submitted(team)
    row = away(team)
    assert inbox(team.henry) == [1]
    delegations.end(row, actor=team.grace, at=NOON)
    assert inbox(team.grace, team.henry) == [1, 0]
    with pytest.raises(errors.InvalidState):
        delegations.end(row, actor=team.grace, at=NOON)
    assert tasks.turn_delegations(NOON + timedelta(days=1)) == 0


def test_whoever_stood_in_sees_no_more_when_it_is_over_but_for_what_they_decided(team):
    row = away(team)
    decided, undecided = submitted(team), submitted(team)
    decide(decided, team.henry, at=NOON)
    for asked in (decided, undecided):
        assert queries.readable(team.henry).filter(pk=asked.transaction_id).exists()
    delegations.end(row, actor=team.grace, at=NOON)
    seen = set(queries.readable(team.henry).values_list("pk", flat=True))
    assert seen == {decided.transaction_id}
    assert set(queries.visible_approvals(team.henry)) == {decided}


def test_the_same_stand_in_is_named_once_for_the_same_days(team):
    away(team)
    with pytest.raises(errors.Invalid) as refused:
        away(team, starts_on=TODAY + timedelta(days=6), ends_on=TODAY + timedelta(days=9))
    assert refused.value.field == "to"
    away(team, starts_on=TODAY + timedelta(days=7), ends_on=TODAY + timedelta(days=9))


def test_nobody_decides_about_their_own_by_delegation(team):
    """Grace is away, and Bob stands in for her: not about his own."""
    approval = submitted(team)
    away(team, to=team.bob)
    assert inbox(team.grace, team.bob) == [1, 0]
    with pytest.raises(errors.Forbidden):
        decide(approval, team.bob, at=NOON)


def test_owners_are_no_exception(team):
    """Alice's own waits for nobody but an admin, also while the admin is away and Alice stands in."""
    from cards import operations as cards

    ada = team.hire("Ada", "admin")
    team.card = cards.issue(team.alice, name="Hers", currency="USD", controls=cards.Controls(), actor=ada, at=NOON)
    away(team, member=ada, to=team.alice)
    purchase = authorize(team.reload(), swipe(80_00)).transaction
    approvals.submit(purchase, actor=team.alice, at=NOON)
    assert inbox(ada, team.alice) == [1, 0]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"to": "grace"}, "to"),
        ({"to": "auditor"}, "to"),
        ({"starts_on": TODAY - timedelta(days=1)}, "starts_on"),
        ({"ends_on": TODAY - timedelta(days=1)}, "ends_on"),
        ({"ends_on": date(2027, 4, 1)}, "ends_on"),
    ],
)
def test_what_cannot_be_is_refused_with_its_field(team, change, field):
    if "to" in change:
        change = {"to": team.hire("Aud", "auditor") if change["to"] == "auditor" else team.grace}
    with pytest.raises(errors.Invalid) as refused:
        away(team, **change)
    assert (refused.value.field, Delegation.objects.count()) == (field, 0)


def test_whom_somebody_may_name(team):
    """Themselves never; those above, beside and below them, and who runs the company."""
    assert set(colleagues(team.grace)) == {team.bob, team.alice}
    assert set(colleagues(team.bob)) == {team.grace, team.alice}
    assert set(colleagues(team.alice)) == {team.bob, team.grace, team.henry}


def test_a_stand_in_who_leaves_is_not_asked_any_more(team):
    submitted(team)
    away(team)
    people.set_status(team.henry, "deactivated", actor=team.alice, at=NOON)
    assert inbox(team.grace, team.henry) == [1, 0]
    assert list(verification.approval_steps()) == []


def test_by_api_for_oneself_and_for_others(team, api):
    first, last = date.today() + timedelta(days=1), date.today() + timedelta(days=2)
    body = {"to": team.alice.public_id, "starts_on": str(first), "ends_on": str(last)}
    made = api(team.grace).post("/api/v1/delegations/", body, format="json")
    assert made.status_code == 201
    assert made.json() | {"id": ""} == {
        "id": "", "member": team.grace.public_id, "member_name": "Grace", "to": team.alice.public_id, "to_name": "Alice",
        "starts_on": str(first), "ends_on": str(last), "state": "ahead",
    }  # fmt: skip
    theirs = api(team.alice).post("/api/v1/delegations/", {**body, "member": team.bob.public_id, "to": team.grace.public_id}, format="json")
    assert (theirs.status_code, theirs.json()["member"]) == (201, team.bob.public_id)
    refused = api(team.grace).post("/api/v1/delegations/", {**body, "member": team.bob.public_id}, format="json")
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    counts = {name: len(api(getattr(team, name)).get("/api/v1/delegations/").json()["data"]) for name in ("alice", "grace", "henry", "bob")}
    assert counts == {"alice": 2, "grace": 2, "henry": 0, "bob": 1}
    # Whoever stands in sees it, and cannot end it.
    [row] = api(team.bob).get("/api/v1/delegations/").json()["data"]
    assert api(team.grace).get(f"/api/v1/delegations/{row['id']}/").status_code == 200
    assert api(team.grace).post(f"/api/v1/delegations/{row['id']}/end/").status_code == 403
    ended = api(team.bob).post(f"/api/v1/delegations/{row['id']}/end/")
    assert (ended.status_code, ended.json()["state"]) == (200, "over")
    again = api(team.bob).post(f"/api/v1/delegations/{row['id']}/end/")
    assert (again.status_code, again.json()["code"]) == (409, "invalid_state")


def test_by_page(team, pages):
    client = pages(team.grace)
    today = date.today()
    form = {"to": team.alice.public_id, "starts_on": str(today + timedelta(days=1)), "ends_on": str(today + timedelta(days=5))}
    assert "Alice is asked as well" in client.post("/approvals/delegate/", form, follow=True).content.decode()
    refused = client.post("/approvals/delegate/", {**form, "ends_on": str(today)})
    assert (refused.status_code, "It ends on its first day or later" in refused.content.decode()) == (400, True)
    row = Delegation.across_companies.get()
    ended = client.post(f"/delegations/{row.public_id}/end/", {"next": "/approvals/"}, follow=True).content.decode()
    assert ("Ended: Alice is not asked" in ended, "is asked as well" in ended) == (True, False)
