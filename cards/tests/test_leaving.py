"""Somebody is suspended, leaves, comes back: what of theirs works, and who may say so."""

from __future__ import annotations

import pytest

from cards import operations
from cards.models import Card
from spendtrackr.models import Event
from spendtrackr.tenancy import company_scope
from tests.factories import NOON, PASSWORD, swipe
from transactions.operations.swipes import authorize
from users.models import Membership, Session


def stand(api, actor, member, verb):
    return api(actor).post(f"/api/v1/members/{member.public_id}/{verb}/")


def hire(world, name, role):
    with company_scope(world.acme.pk):
        return world.hire(name, role)


def swipe_it(world, card=None):
    with company_scope(world.acme.pk):
        return authorize(Card.objects.get(pk=(card or world.card).pk), swipe())


def frozen_by(api, world) -> list[str]:
    return api(world.alice).get(f"/api/v1/cards/{world.card.public_id}/").json()["frozen_by"]


def test_a_suspension_ends_sessions_and_declines_swipes_and_freezes_nothing(world, api):
    client = api(world.bob)
    assert client.get("/api/v1/auth/me/").status_code == 200

    assert stand(api, world.alice, world.bob, "suspend").json()["status"] == "suspended"

    assert client.get("/api/v1/auth/me/").status_code == 401
    assert api(None).post("/api/v1/auth/login/", {"email": "bob@acme.example", "password": PASSWORD}).status_code == 401
    assert swipe_it(world).reason == "member_not_active"
    assert frozen_by(api, world) == []
    with company_scope(world.acme.pk):
        assert set(Session.objects.filter(membership=world.bob).values_list("revoked_because", flat=True)) == {"member_suspended"}

    assert stand(api, world.alice, world.bob, "reactivate").json()["status"] == "active"
    assert client.get("/api/v1/auth/me/").status_code == 401
    assert swipe_it(world).approved


def test_leaving_freezes_cards_until_the_return(world, api):
    with company_scope(world.acme.pk):
        closed = operations.issue(world.bob, name="Old", currency="USD", controls=operations.Controls(), actor=world.alice, at=NOON)
        operations.close(closed, actor=world.alice, at=NOON)

    assert stand(api, world.alice, world.bob, "deactivate").json()["status"] == "deactivated"

    assert frozen_by(api, world) == ["offboarding"]
    assert swipe_it(world).reason == "member_not_active"
    with company_scope(world.acme.pk):
        assert list(Event.objects.filter(type="card.frozen").values_list("subject_id", flat=True)) == [world.card.public_id]

    assert stand(api, world.alice, world.bob, "reactivate").json()["status"] == "active"
    assert frozen_by(api, world) == []
    assert swipe_it(world).approved


def test_nobody_but_their_return_lifts_what_leaving_froze(world, api):
    stand(api, world.alice, world.bob, "deactivate")
    admin = hire(world, "Adam", "admin")
    for actor in (world.alice, admin):
        refused = api(actor).post(f"/api/v1/cards/{world.card.public_id}/unfreeze/")
        assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert api(world.bob).post(f"/api/v1/cards/{world.card.public_id}/unfreeze/").status_code == 401
    assert frozen_by(api, world) == ["offboarding"]


def test_the_return_lifts_nothing_else(world, api):
    api(world.bob).post(f"/api/v1/cards/{world.card.public_id}/freeze/")
    stand(api, world.alice, world.bob, "deactivate")
    assert frozen_by(api, world) == ["holder", "offboarding"]
    stand(api, world.alice, world.bob, "reactivate")
    assert frozen_by(api, world) == ["holder"]
    assert swipe_it(world).reason == "card_frozen"


@pytest.mark.parametrize("verb", ["suspend", "deactivate"])
def test_the_last_owner_stays(world, api, verb):
    second = hire(world, "Olga", "owner")
    assert stand(api, world.alice, second, verb).status_code == 200
    refused = stand(api, world.alice, world.alice, verb)
    assert (refused.status_code, refused.json()["code"]) == (409, "invalid_state")
    assert Membership.across_companies.get(pk=world.alice.pk).status == "active"


@pytest.mark.parametrize(("role", "status"), [("admin", 200), ("finance", 403), ("auditor", 403), ("employee", 403)])
def test_who_may(world, api, role, status):
    member = hire(world, "Zoe", role)
    assert stand(api, member, world.bob, "deactivate").status_code == status
    assert Membership.across_companies.get(pk=world.bob.pk).is_active is (status != 200)


@pytest.mark.parametrize("verb", ["suspend", "deactivate", "reactivate"])
def test_an_admin_does_it_to_no_owner_and_nobody_to_themselves(world, api, verb):
    admin = hire(world, "Adam", "admin")
    assert stand(api, admin, world.alice, verb).status_code == 403
    assert stand(api, admin, admin, verb).status_code == 409
    assert stand(api, world.bob, world.bob, verb).status_code == 403


@pytest.mark.parametrize(
    ("first", "then"), [("suspend", "suspend"), ("deactivate", "deactivate"), ("deactivate", "suspend"), (None, "reactivate")]
)
def test_what_makes_no_sense_is_an_illegal_state(world, api, first, then):
    if first:
        stand(api, world.alice, world.bob, first)
    refused = stand(api, world.alice, world.bob, then)
    assert (refused.status_code, refused.json()["code"]) == (409, "invalid_state")


def test_somebody_who_left_is_not_changed_and_gets_no_card(world, api):
    stand(api, world.alice, world.bob, "deactivate")
    assert api(world.alice).patch(f"/api/v1/members/{world.bob.public_id}/", {"role": "admin"}).status_code == 409
    assert api(world.alice).post("/api/v1/cards/", {"holder": world.bob.public_id}).json()["field"] == "holder"
    assert api(world.alice).post(f"/api/v1/cards/{world.card.public_id}/replace/").status_code == 409
    assert Card.across_companies.get(pk=world.card.pk).status == "active"
