from __future__ import annotations

import pytest

from cards import operations as cards
from spendtrackr import errors
from spendtrackr.models import Event
from spendtrackr.tenancy import company_scope
from tests.factories import NOON
from users import operations
from users.models import Membership

PATH = "/api/v1/members/"


def change(api, actor, member, **body):
    return api(actor).patch(f"{PATH}{member.public_id}/", body)


@pytest.fixture
def staff(world):
    """Alice ← Ann ← Bob ← Cid, and Dan beside them."""
    with company_scope(world.acme.pk):
        ann, cid, dan = (world.hire(name, "employee") for name in ("Ann", "Cid", "Dan"))
        for member, manager in ((ann, world.alice), (world.bob, ann), (cid, world.bob)):
            operations.change_member(member, {"manager": manager}, actor=world.alice, at=NOON)
    return {"ann": ann, "bob": world.bob, "cid": cid, "dan": dan}


def chain_of(world, member) -> list[str]:
    """The names from the top down to a member."""
    found = Membership.across_companies.get(pk=member.pk)
    names = dict(Membership.across_companies.values_list("pk", "user__name"))
    return [names[int(pk)] for pk in found.chain.split(".")[:-1]]


def seen_by(api, member) -> set[str]:
    return {row["name"] for row in api(member).get(PATH).json()["data"]}


def test_a_manager_sees_everybody_below_and_nobody_beside(world, staff, api):
    assert seen_by(api, staff["ann"]) == {"Ann", "Bob", "Cid"}
    assert seen_by(api, staff["bob"]) == {"Bob", "Cid"}
    assert seen_by(api, staff["cid"]) == {"Cid"}
    assert seen_by(api, staff["dan"]) == {"Dan"}
    assert api(staff["bob"]).get(f"{PATH}{staff['ann'].public_id}/").status_code == 404


def test_everybody_below_moves_along_and_so_does_what_managers_see(world, staff, api):
    with company_scope(world.acme.pk):
        cards.issue(staff["cid"], name="Cid's", currency="USD", controls=cards.Controls(), actor=world.alice, at=NOON)
    moved = change(api, world.alice, staff["bob"], manager=staff["dan"].public_id).json()
    assert (moved["manager"], moved["manager_name"]) == (staff["dan"].public_id, "Dan")
    assert chain_of(world, staff["cid"]) == ["Dan", "Bob", "Cid"]
    assert (seen_by(api, staff["dan"]), seen_by(api, staff["ann"])) == ({"Dan", "Bob", "Cid"}, {"Ann"})
    names = {card["name"] for card in api(staff["dan"]).get("/api/v1/cards/").json()["data"]}
    assert names == {"Bob's card", "Cid's"}
    assert api(staff["ann"]).get("/api/v1/cards/").json()["data"] == []


def test_nobody_is_managed_by_themselves_or_by_somebody_below(world, staff, api):
    for manager in ("ann", "bob", "cid"):
        refused = change(api, world.alice, staff["ann"], manager=staff[manager].public_id)
        assert (refused.status_code, refused.json()["field"]) == (400, "manager")
    assert chain_of(world, staff["cid"]) == ["Alice", "Ann", "Bob", "Cid"]
    assert change(api, world.alice, staff["ann"], manager=None).json()["manager"] is None
    assert chain_of(world, staff["cid"]) == ["Ann", "Bob", "Cid"]


@pytest.mark.parametrize(("field", "value"), [("manager", "mem_unknown"), ("department", "dep_unknown"), ("role", "boss")])
def test_an_unknown_value_names_its_field_and_changes_nothing(world, api, field, value):
    before = Membership.across_companies.filter(pk=world.bob.pk).values().get()
    refused = change(api, world.alice, world.bob, **{"role": "finance", field: value})
    assert (refused.status_code, refused.json()["field"]) == (400, field)
    assert Membership.across_companies.filter(pk=world.bob.pk).values().get() == before


def test_somebody_who_is_not_active_manages_nobody_new(world, staff, api):
    api(world.alice).post(f"{PATH}{staff['dan'].public_id}/suspend/")
    assert change(api, world.alice, world.bob, manager=staff["dan"].public_id).json()["field"] == "manager"


def test_a_change_is_one_event_for_each_thing_that_changed(world, api):
    with company_scope(world.acme.pk):
        sales = operations.add_department(name="Sales", actor=world.alice, at=NOON)
    body = {"role": "finance", "manager": world.alice.public_id, "department": sales.public_id}
    shown = change(api, world.alice, world.bob, **body).json()
    assert ({name: shown[name] for name in body}, shown["department_name"]) == (body, "Sales")
    change(api, world.alice, world.bob, **body)
    change(api, world.alice, world.bob)
    with company_scope(world.acme.pk):
        told = Event.objects.filter(subject_id=world.bob.public_id).exclude(type="member.joined").order_by("id")
        assert [event.type for event in told] == ["member.role_changed", "member.manager_changed", "member.department_changed"]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", {"Alice", "Ann", "Bob", "Cid", "Dan"}),
        ("?role=owner", {"Alice"}),
        ("?status=suspended", {"Dan"}),
        ("?status=active&role=employee", {"Ann", "Bob", "Cid"}),
        ("?manager={ann}", {"Bob"}),
        ("?department={sales}", {"Cid"}),
        ("?q=BO", {"Bob"}),
        ("?q=cid@ACME", {"Cid"}),
        ("?q=%25", set()),
        ("?manager=mem_unknown", set()),
        ("?department={mallorys}", set()),
    ],
)
def test_people_are_filtered(world, staff, api, query, names):
    with company_scope(world.acme.pk):
        sales = operations.add_department(name="Sales", actor=world.alice, at=NOON)
        operations.change_member(staff["cid"], {"department": sales}, actor=world.alice, at=NOON)
    with company_scope(world.mallory.company_id):
        hers = operations.add_department(name="Sales", actor=world.mallory, at=NOON)
    api(world.alice).post(f"{PATH}{staff['dan'].public_id}/suspend/")
    query = query.format(ann=staff["ann"].public_id, sales=sales.public_id, mallorys=hers.public_id)
    found = api(world.alice).get(f"{PATH}{query}")
    assert (found.status_code, {row["name"] for row in found.json()["data"]}) == (200, names)


@pytest.mark.parametrize(("query", "field"), [("?status=gone", "status"), ("?role=boss", "role"), ("?name=Bob", "name")])
def test_a_filter_that_makes_no_sense_is_refused(world, api, query, field):
    refused = api(world.alice).get(f"{PATH}{query}")
    assert (refused.status_code, refused.json()["field"]) == (400, field)


def test_a_resent_invitation_has_a_new_link_and_the_old_one_is_dead(acme):
    invitation, old = operations.invite(email="eve@acme.example", role="employee", actor=acme.alice, at=NOON)
    again, new = operations.resend(invitation, actor=acme.alice, at=NOON)
    assert (again.pk, operations.open_invitation(new, at=NOON).pk) == (invitation.pk, invitation.pk)
    with pytest.raises(operations.InvitationDead):
        operations.open_invitation(old, at=NOON)


def test_a_revoked_invitation_stays_revoked(acme):
    invitation, token = operations.invite(email="eve@acme.example", role="employee", actor=acme.alice, at=NOON)
    assert operations.revoke(invitation, actor=acme.alice, at=NOON).status_at(NOON) == "revoked"
    with pytest.raises(operations.InvitationDead):
        operations.open_invitation(token, at=NOON)
    with pytest.raises(errors.InvalidState):
        operations.resend(invitation, actor=acme.alice, at=NOON)
