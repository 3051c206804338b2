"""What is used and left on a card, as the API tells it: the pages' own figures, beside the limits as they were written."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from cards import operations as cards
from cards import queries
from spendtrackr.periods import month_of
from spendtrackr.tenancy import company_scope
from tests.factories import swipe
from transactions.operations.swipes import authorize


def usd(minor: int) -> dict:
    return {"minor": minor, "currency": "USD"}


def change(api, world, **body) -> dict:
    answer = api(world.alice).patch(f"/api/v1/cards/{world.card.public_id}/", body)
    assert answer.status_code == 200, answer.content
    return answer.json()


def show(api, world) -> dict:
    """The card by itself, which is what a list has of it."""
    client = api(world.alice)
    card = client.get(f"/api/v1/cards/{world.card.public_id}/").json()
    assert client.get("/api/v1/cards/").json()["data"] == [card]
    return card


def buy(world, minor: int) -> None:
    with company_scope(world.acme.pk):
        assert authorize(world.card, swipe(minor, at=timezone.now())).approved


def grant(api, world, minor: int) -> dict:
    later = (timezone.now() + timedelta(days=3)).isoformat()
    return api(world.alice).post(f"/api/v1/cards/{world.card.public_id}/grants/", {"amount": usd(minor), "expires_at": later}).json()


LIMITS = [{"interval": "month", "amount": usd(100_00), "count": None}, {"interval": "day", "amount": None, "count": 3}]


@pytest.fixture
def today(world):
    return world.acme.day_of(timezone.now())


def test_each_limit_tells_what_is_used_and_left_of_its_window(world, api, today):
    month, day = change(api, world, limits=LIMITS)["standing"]
    whole = month_of(today)
    none = {"limit": usd(100_00), "granted": None, "count": None, "used": usd(0), "remaining": usd(100_00)}
    assert month == {"interval": "month", **none, "since": str(whole.start), "until": str(whole.last)}
    buy(world, 40_00)
    card = show(api, world)
    month, day = card["standing"]
    assert (month["used"], month["remaining"]) == (usd(40_00), usd(60_00))
    assert day == {
        "interval": "day", "limit": None, "granted": None, "count": 3, "used": 1, "remaining": 2, "since": str(today), "until": str(today),
    }  # fmt: skip
    assert card["limits"] == LIMITS, "what was written is read back as it was"
    refused = api(world.alice).patch(f"/api/v1/cards/{world.card.public_id}/", {"standing": card["standing"]})
    assert (refused.status_code, refused.json()["code"]) == (400, "unknown_field")


def test_a_grant_is_room_on_top_and_is_not_used_by_itself(world, api):
    change(api, world, limits=LIMITS)
    buy(world, 40_00)
    made = grant(api, world, 25_00)
    card = show(api, world)
    assert {name: card["standing"][0][name] for name in ("limit", "granted", "used", "remaining")} == {
        "limit": usd(125_00), "granted": usd(25_00), "used": usd(40_00), "remaining": usd(85_00),
    }  # fmt: skip
    live = {"id": made["id"], "amount": usd(25_00), "used": None, "remaining": None, "expires_at": made["expires_at"]}
    assert (card["live_grants"], made["used"]) == ([live], None)


def test_a_card_without_room_of_its_own_tells_what_is_left_of_each_grant(world, api):
    assert change(api, world, mode="zero_until_granted")["standing"] == []
    made = grant(api, world, 25_00)
    buy(world, 10_00)
    [live] = show(api, world)["live_grants"]
    assert (made["used"], live["used"], live["remaining"]) == (usd(0), usd(10_00), usd(15_00))
    path = f"/api/v1/cards/{world.card.public_id}/"
    assert [row["used"] for row in api(world.alice).get(path + "grants/").json()["data"]] == [usd(10_00)]
    # Grants stay with the first of a row of replacements; how they are used is how the last one works.
    with company_scope(world.acme.pk):
        world.card = cards.replace(world.reload(), actor=world.alice, at=timezone.now())
        cards.change_controls(world.card, {"mode": "normal"}, actor=world.alice, at=timezone.now())
    assert [row["used"] for row in api(world.alice).get(path + "grants/").json()["data"]] == [None]
    assert [row["used"] for row in api(world.alice).get(f"/api/v1/cards/{world.card.public_id}/").json()["live_grants"]] == [None]


def test_what_is_left_is_never_below_zero(world, api):
    change(api, world, limits=LIMITS)
    buy(world, 40_00)
    buy(world, 1_00)
    limits = [{"interval": "month", "amount": usd(30_00)}, {"interval": "day", "count": 1}]
    month, day = change(api, world, limits=limits)["standing"]
    assert (month["used"], month["remaining"], day["used"], day["remaining"]) == (usd(41_00), usd(0), 2, 0)


def test_a_limit_that_refills_by_approval_tells_what_waits(world, api):
    change(api, world, mode="approval_refill", limits=[{"interval": "all_time", "amount": usd(100_00)}])
    buy(world, 40_00)
    [standing] = show(api, world)["standing"]
    assert standing == {
        "interval": "all_time", "limit": usd(100_00), "granted": None, "count": None, "used": usd(40_00), "remaining": usd(60_00),
        "since": None, "until": None,
    }  # fmt: skip


def test_a_limit_that_is_newer_than_its_window_does_not_guess(world, api):
    buy(world, 40_00)
    [standing] = change(api, world, limits=[{"interval": "week", "amount": usd(100_00)}])["standing"]
    assert (standing["used"], standing["remaining"]) == (None, None)
    buy(world, 1_00)
    [standing] = show(api, world)["standing"]
    assert (standing["used"], standing["remaining"]) == (usd(41_00), usd(59_00))


def test_the_pages_say_the_same(world, api):
    change(api, world, limits=LIMITS)
    buy(world, 40_00)
    told = show(api, world)["standing"]
    with company_scope(world.acme.pk):
        [standing] = queries.standings([world.reload()], world.acme, at=timezone.now())
    left = [meter.left for meter in standing.meters]
    assert [row["remaining"] for row in told] == [usd(left[0].minor), left[1]]
