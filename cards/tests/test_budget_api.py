"""Budgets, requests and grants as the API and the pages show and take them."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from cards import operations as cards
from cards.controls import Limit
from cards.models import BlockList, Budget, CardRequest, Interval, LimitGrant
from spendtrackr.tenancy import company_scope
from tests.factories import swipe
from transactions.operations.swipes import authorize
from users import operations as people
from users.models import Membership


def usd(minor: int) -> dict:
    return {"minor": minor, "currency": "USD"}


BUDGET = {"name": "Team", "limit": usd(500_00), "interval": "month", "is_hard": True}
WANTED = {"kind": "card", "name": "Travel", "amount": usd(200_00), "reason": "For the fair"}


def post(client, path, body, status=201):
    answer = client.post(path, body)
    assert answer.status_code == status, answer.content
    return answer.json()


@pytest.fixture
def limited(world):
    with company_scope(world.acme.pk):
        world.card = cards.change_controls(
            world.card, {"limits": [Limit(Interval.MONTH, 100_00)]}, actor=world.alice, at=timezone.now() - timedelta(days=1)
        )
    return world


def test_a_budget_is_read_back_as_it_was_written_with_what_is_left_of_it(world, api):
    alice = api(world.alice)
    made = post(alice, "/api/v1/budgets/", BUDGET | {"members": [world.bob.public_id]})
    assert {name: made[name] for name in BUDGET} == BUDGET
    assert (made["owner"], made["members"], made["parent"]) == (world.alice.public_id, [world.bob.public_id], None)
    inside = post(alice, "/api/v1/budgets/", BUDGET | {"name": "Inside", "parent": made["id"], "owner": world.bob.public_id})
    with company_scope(world.acme.pk):
        budget = Budget.objects.get(public_id=inside["id"])
        card = cards.change_controls(world.card, {"budget": budget}, actor=world.alice, at=timezone.now())
        assert authorize(card, swipe(120_00, at=timezone.now())).approved
    listed = alice.get("/api/v1/budgets/").json()["data"]
    assert [(row["name"], row["used"], row["held"], row["posted"], row["remaining"]) for row in listed] == [
        (name, usd(120_00), usd(120_00), usd(0), usd(380_00)) for name in ("Inside", "Team")
    ]
    today = world.acme.day_of(timezone.now())
    assert listed[0]["period"]["start"] == today.replace(day=1).isoformat()
    assert listed[0]["period"]["end"] >= today.isoformat()
    assert [row["name"] for row in alice.get("/api/v1/budgets/", {"parent": made["id"]}).json()["data"]] == ["Inside"]
    drawing = alice.get("/api/v1/cards/", {"budget": inside["id"]}).json()["data"]
    assert [row["id"] for row in drawing] == [world.card.public_id]


def test_a_budget_is_changed_and_closed(world, api):
    alice = api(world.alice)
    path = f"/api/v1/budgets/{post(alice, '/api/v1/budgets/', BUDGET)['id']}/"
    changed = alice.patch(path, {"limit": usd(0), "is_hard": False}).json()
    assert (changed["limit"], changed["is_hard"], changed["name"]) == (usd(0), False, "Team")
    assert post(alice, path + "close/", {}, 200)["closed_at"] is not None
    assert alice.patch(path, {"name": "x"}).status_code == 409
    assert [alice.get("/api/v1/budgets/", {"status": status}).json()["data"] != [] for status in ("open", "closed")] == [False, True]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": ""}, "name"),
        ({"limit": usd(-1)}, "limit.minor"),
        ({"limit": {"minor": 1, "currency": "XXX"}}, "limit.currency"),
        ({"interval": "day"}, "interval"),
        ({"is_hard": "yes"}, "is_hard"),
        ({"owner": "mem_nobody"}, "owner"),
        ({"members": ["mem_nobody"]}, "members.0"),
        ({"parent": "bud_nothing"}, "parent"),
        ({"currency": "USD"}, "currency"),
    ],
)
def test_a_bad_budget_is_refused_by_its_field(world, api, body, field):
    answer = api(world.alice).post("/api/v1/budgets/", BUDGET | body)
    assert (answer.status_code, answer.json()["field"]) == (400, field)


@pytest.mark.parametrize("name", ["parent", "interval", "currency"])
def test_what_is_for_good_cannot_be_written_again(world, api, name):
    alice = api(world.alice)
    made = post(alice, "/api/v1/budgets/", BUDGET)
    answer = alice.patch(f"/api/v1/budgets/{made['id']}/", {name: "x"})
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (400, "unknown_field", name)


def test_who_belongs_to_a_budget_sees_it_and_changes_nothing(world, api):
    made = post(api(world.alice), "/api/v1/budgets/", BUDGET | {"members": [world.bob.public_id]})
    other = post(api(world.alice), "/api/v1/budgets/", BUDGET | {"name": "Other"})
    bob = api(world.bob)
    assert [row["id"] for row in bob.get("/api/v1/budgets/").json()["data"]] == [made["id"]]
    assert bob.get(f"/api/v1/budgets/{made['id']}/").status_code == 200
    assert bob.get(f"/api/v1/budgets/{other['id']}/").status_code == 404
    assert bob.patch(f"/api/v1/budgets/{made['id']}/", {"name": "x"}).status_code == 403
    answer = bob.post("/api/v1/card-requests/", WANTED | {"budget": other["id"]})
    assert (answer.status_code, answer.json()["field"]) == (400, "budget")


def test_a_request_is_asked_seen_by_whom_it_waits_for_and_approved(world, api):
    with company_scope(world.acme.pk):
        olga = world.hire("Olga", "employee")
    made = post(api(world.alice), "/api/v1/budgets/", BUDGET | {"members": [world.bob.public_id], "owner": olga.public_id})
    asked = post(api(world.bob), "/api/v1/card-requests/", WANTED | {"budget": made["id"]})
    assert {name: asked[name] for name in WANTED} == WANTED
    assert (asked["status"], asked["waits_for"], asked["budget"]) == ("waiting", [olga.public_id], made["id"])
    for member, mine in ((olga, 1), (world.alice, 0), (world.bob, 0)):
        rows = api(member).get("/api/v1/card-requests/", {"waits_for_me": "true"}).json()["data"]
        assert len(rows) == mine
    path = f"/api/v1/card-requests/{asked['id']}/"
    assert api(olga).get(path).status_code == 200
    done = post(api(olga), path + "approve/", {}, 200)
    assert (done["status"], done["decided_by"], done["waits_for"]) == ("approved", olga.public_id, [])
    card = api(world.bob).get(f"/api/v1/cards/{done['issued_card']}/").json()
    assert (card["name"], card["budget"], card["limits"]) == (
        "Travel", made["id"], [{"interval": "month", "amount": usd(200_00), "count": None}],
    )  # fmt: skip
    assert api(olga).post(path + "approve/", {}).status_code == 409
    for status, count in (("approved", 1), ("waiting", 0)):
        assert len(api(world.bob).get("/api/v1/card-requests/", {"status": status, "kind": "card"}).json()["data"]) == count


def test_lists_are_filtered_by_whose_they_are(world, api):
    alice = api(world.alice)
    mine = post(alice, "/api/v1/budgets/", BUDGET)
    bobs = post(alice, "/api/v1/budgets/", BUDGET | {"name": "Bob's", "owner": world.bob.public_id})
    asked = [post(api(member), "/api/v1/card-requests/", WANTED) for member in (world.alice, world.bob)]
    for member, budget, row in ((world.alice, mine, asked[0]), (world.bob, bobs, asked[1])):
        assert [one["id"] for one in alice.get("/api/v1/budgets/", {"owner": member.public_id}).json()["data"]] == [budget["id"]]
        assert [one["id"] for one in alice.get("/api/v1/card-requests/", {"requester": member.public_id}).json()["data"]] == [row["id"]]
    assert alice.get("/api/v1/card-requests/", {"requester": "mem_nobody"}).json()["data"] == []


def test_a_budget_is_hard_unless_it_is_said_to_be_soft(world, api):
    unsaid = {name: value for name, value in BUDGET.items() if name != "is_hard"}
    made = post(api(world.alice), "/api/v1/budgets/", unsaid)
    assert made["is_hard"] is True
    assert api(world.alice).patch(f"/api/v1/budgets/{made['id']}/", {"is_hard": False}).json()["is_hard"] is False
    assert api(world.alice).patch(f"/api/v1/budgets/{made['id']}/", {"name": "Still soft"}).json()["is_hard"] is False


def test_who_has_left_is_not_added_to_a_budget_and_may_stay_in_one(world, api):
    alice = api(world.alice)
    with company_scope(world.acme.pk):
        gone, left = (world.hire(name, "employee") for name in ("Gone", "Left"))
        cards.deactivate_member(gone, actor=world.alice, at=timezone.now())
    made = post(alice, "/api/v1/budgets/", BUDGET | {"members": [left.public_id]})
    with company_scope(world.acme.pk):
        cards.deactivate_member(left, actor=world.alice, at=timezone.now())
    path = f"/api/v1/budgets/{made['id']}/"
    assert alice.patch(path, {"members": [left.public_id, world.bob.public_id]}).json()["members"] == [left.public_id, world.bob.public_id]
    for answer in (
        alice.patch(path, {"members": [world.bob.public_id, gone.public_id]}),
        alice.post("/api/v1/budgets/", BUDGET | {"name": "New", "members": [world.bob.public_id, gone.public_id]}),
    ):
        assert (answer.status_code, answer.json()["field"]) == (400, "members.1")
    assert alice.get(path).json()["members"] == [left.public_id, world.bob.public_id]


def test_a_grant_is_asked_for_once_and_not_for_each_of_an_interval(limited, api):
    until = str(limited.acme.day_of(timezone.now()))
    wanted = {"kind": "grant", "card": limited.card.public_id, "amount": usd(5_00), "reason": "Fair", "until": until}
    assert post(api(limited.bob), "/api/v1/card-requests/", wanted)["interval"] is None
    answer = api(limited.bob).post("/api/v1/card-requests/", wanted | {"interval": "month"})
    assert (answer.status_code, answer.json()["field"]) == (400, "interval")
    raised = {"kind": "raise", "card": limited.card.public_id, "amount": usd(150_00), "reason": "More"}
    assert post(api(limited.bob), "/api/v1/card-requests/", raised)["interval"] == "month"


def test_a_no_says_why_and_a_request_is_taken_back(limited, api):
    bob, alice = api(limited.bob), api(limited.alice)
    raised = {"kind": "raise", "card": limited.card.public_id, "amount": usd(150_00), "reason": "More"}
    first = post(bob, "/api/v1/card-requests/", raised)["id"]
    again = bob.post("/api/v1/card-requests/", raised)
    assert (again.status_code, again.json()["code"]) == (409, "invalid_state")
    second = post(bob, "/api/v1/card-requests/", WANTED)["id"]
    answer = alice.post(f"/api/v1/card-requests/{first}/reject/", {})
    assert (answer.status_code, answer.json()["field"]) == (400, "answer")
    assert post(alice, f"/api/v1/card-requests/{first}/reject/", {"answer": "Not now"}, 200)["answer"] == "Not now"
    assert post(bob, f"/api/v1/card-requests/{second}/withdraw/", {}, 200)["status"] == "withdrawn"
    assert bob.post(f"/api/v1/card-requests/{second}/withdraw/", {}).status_code == 409


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"kind": "gift"}, "kind"),
        ({"amount": usd(0)}, "amount.minor"),
        ({"reason": ""}, "reason"),
        ({"name": ""}, "name"),
        ({"interval": "grant"}, "interval"),
        ({"until": "soon"}, "until"),
        ({"card": "card_nothing"}, "card"),
        ({"kind": "raise", "name": ""}, "name"),
    ],
)
def test_a_bad_request_is_refused_by_its_field(world, api, body, field):
    answer = api(world.bob).post("/api/v1/card-requests/", WANTED | body)
    assert (answer.status_code, answer.json()["field"]) == (400, field)


def test_an_auditor_asks_for_nothing(world, api):
    with company_scope(world.acme.pk):
        aud = world.hire("Aud", "auditor")
    assert api(aud).post("/api/v1/card-requests/", WANTED).status_code == 403


def test_room_is_granted_listed_and_taken_back(limited, api):
    alice, path = api(limited.alice), f"/api/v1/cards/{limited.card.public_id}/grants/"
    later = (timezone.now() + timedelta(days=3)).isoformat()
    made = post(alice, path, {"amount": usd(50_00), "expires_at": later, "reason": "Fair"})
    assert (made["amount"], made["used"], made["card"], made["reason"]) == (usd(50_00), None, limited.card.public_id, "Fair")
    with company_scope(limited.acme.pk):
        assert authorize(limited.card, swipe(150_00, at=timezone.now())).approved
    assert [row["id"] for row in api(limited.bob).get(path).json()["data"]] == [made["id"]]
    taken = post(alice, f"/api/v1/grants/{made['id']}/revoke/", {}, 200)
    assert taken["revoked_by"] == limited.alice.public_id
    assert alice.post(f"/api/v1/grants/{made['id']}/revoke/", {}).status_code == 409
    for body, field in (({"amount": usd(1), "expires_at": "2020-01-01T00:00:00Z"}, "expires_at"), ({"amount": usd(1)}, "expires_at"),
                        ({"amount": {"minor": 1, "currency": "EUR"}, "expires_at": later}, "amount.currency")):  # fmt: skip
        answer = alice.post(path, body)
        assert (answer.status_code, answer.json()["field"]) == (400, field)
    with company_scope(limited.acme.pk):
        assert LimitGrant.objects.count() == 1


def test_grants_of_a_replaced_card_are_those_of_the_first(limited, api):
    alice = api(limited.alice)
    later = (timezone.now() + timedelta(days=3)).isoformat()
    made = post(alice, f"/api/v1/cards/{limited.card.public_id}/grants/", {"amount": usd(1), "expires_at": later})
    new = post(alice, f"/api/v1/cards/{limited.card.public_id}/replace/", {})
    assert [row["id"] for row in alice.get(f"/api/v1/cards/{new['id']}/grants/").json()["data"]] == [made["id"]]


def test_the_block_list_is_written_list_by_list_and_declines(world, api):
    alice = api(world.alice)
    empty = {"blocked_merchant_categories": [], "blocked_merchants": [], "blocked_countries": []}
    assert api(world.bob).get("/api/v1/block-list/").json() == empty
    assert alice.patch("/api/v1/block-list/", {}).json() == empty
    alice.patch("/api/v1/block-list/", {"blocked_merchant_categories": ["7995", "5811-5814"]})
    told = alice.patch("/api/v1/block-list/", {"blocked_countries": ["kp"]}).json()
    assert told == empty | {"blocked_merchant_categories": ["5811-5814", "7995"], "blocked_countries": ["KP"]}
    with company_scope(world.acme.pk):
        assert authorize(world.card, swipe(1_00)).reason == "merchant_category_blocked"
        assert BlockList.objects.get().version == 2
    answer = alice.patch("/api/v1/block-list/", {"blocked_countries": ["XX"]})
    assert (answer.status_code, answer.json()["field"]) == (400, "blocked_countries.0")


# The pages.


def text(response) -> str:
    return re.sub(r"\s+", " ", response.content.decode())


def form_of(world, **more) -> dict:
    return {"name": "Team", "limit": "500", "interval": "month", "hardness": "hard", "owner": world.alice.public_id} | more


def test_an_empty_page_says_what_a_budget_is(world, pages):
    assert "Make the first one." in text(pages(world.alice).get("/budgets/"))
    assert "Those that you own or belong to are shown here." in text(pages(world.bob).get("/budgets/"))


def test_a_budget_is_made_changed_and_closed_on_its_page(world, pages):
    client = pages(world.alice)
    assert client.post("/budgets/new/", form_of(world, limit="0")).status_code == 400
    path = client.post("/budgets/new/", form_of(world, members=[world.bob.public_id]))["Location"]
    assert client.get(path).status_code == 200
    again = client.post("/budgets/new/", form_of(world))
    assert (again.status_code, "There is one of this name already." in text(again)) == (400, True)
    assert client.post(path, form_of(world, limit="90", hardness="soft"))["Location"] == path
    page = text(client.get(path))
    assert ("$90.00" in page, '<span class="tag">Soft</span>' in page) == (True, True)
    assert client.post(path, form_of(world, owner="mem_nobody")).status_code == 400
    client.post(path + "close/", {"next": path})
    page = text(client.get(path))
    assert ("cards that draw from it decline" in page, "Change it" in page) == (True, False)
    assert "1 closed" in text(client.get("/budgets/"))


def test_a_warning_stands_beside_a_budget_that_is_nearly_used(world, pages, api):
    made = post(api(world.alice), "/api/v1/budgets/", BUDGET | {"is_hard": False})
    for minor, told in ((410_00, "82 % used"), (200_00, "$110.00 over")):
        with company_scope(world.acme.pk):
            budget = Budget.objects.get(public_id=made["id"])
            card = cards.change_controls(world.card, {"budget": budget}, actor=world.alice, at=timezone.now())
            assert authorize(card, swipe(minor, at=timezone.now())).approved
        assert told in text(pages(world.alice).get("/budgets/"))


def test_more_is_asked_for_from_the_cards_page_and_approved_by_the_manager(limited, pages):
    with company_scope(limited.acme.pk):
        boss = limited.hire("Boss", "employee")
        people.change_member(limited.bob, {"manager": boss}, actor=limited.alice, at=timezone.now())
    path = f"/requests/new/?card={limited.card.public_id}"
    bob = pages(limited.bob)
    assert path in text(bob.get(f"/cards/{limited.card.public_id}/"))
    assert "A higher monthly limit than $100.00" in text(bob.get(path))
    without_a_day = bob.post(path, {"what": "grant", "amount": "50", "reason": "Fair"})
    assert (without_a_day.status_code, "Say until when it is needed." in text(without_a_day)) == (400, True)
    assert bob.post(path, {"what": "raise:month", "amount": "250", "reason": "Fair"})["Location"] == "/requests/"
    page = text(bob.get("/requests/"))
    assert ("It waits for Boss." in page, "Withdraw" in page, "Approve" in page) == (True, True, False)
    with company_scope(limited.acme.pk):
        row = CardRequest.objects.get()
    client = pages(boss)
    assert "1 waits for you" in text(client.get("/requests/"))
    client.post(f"/requests/{row.public_id}/approve/", {"next": "/requests/"})
    assert "it is done" in text(client.get("/requests/"))
    with company_scope(limited.acme.pk):
        assert cards.Controls.of(limited.reload().rules).limits == [Limit(Interval.MONTH, 250_00)]


def test_a_card_is_asked_for_withdrawn_and_rejected(world, pages):
    bob = pages(world.bob)
    wanted = {"name": "Travel", "amount": "200", "interval": "month", "reason": "Fair"}
    for _ in range(2):
        assert bob.post("/requests/new/", wanted).status_code == 302
    with company_scope(world.acme.pk):
        first, second = CardRequest.objects.order_by("pk")
    bob.post(f"/requests/{first.public_id}/withdraw/", {"next": "/requests/"})
    assert "Your request is withdrawn." in text(bob.get("/requests/"))
    alice = pages(world.alice)
    alice.post(f"/requests/{second.public_id}/reject/", {"next": "/requests/", "answer": ""})
    assert "Say why, so that they know." in text(alice.get("/requests/"))
    alice.post(f"/requests/{second.public_id}/reject/", {"next": "/requests/", "answer": "Use the team's"})
    assert "Use the team&#x27;s" in text(pages(world.bob).get("/requests/"))


def test_somebody_elses_card_is_not_there_to_ask_for(world, pages):
    with company_scope(world.acme.pk):
        alices = cards.issue(Membership.objects.get(pk=world.alice.pk), name="A", currency="USD", controls=cards.Controls(),
                             actor=world.alice, at=timezone.now())  # fmt: skip
    assert pages(world.bob).get(f"/requests/new/?card={alices.public_id}").status_code == 404
