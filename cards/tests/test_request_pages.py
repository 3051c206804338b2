"""The pages of requests: what a decider needs to know, and how a declined purchase leads to asking for more."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from cards import operations as cards
from cards.controls import Limit
from cards.models import BudgetInterval, CardMode, CardRequest, Interval, RequestKind
from cards.operations import budgets, requests
from spendtrackr.money import Money
from spendtrackr.tenancy import company_scope
from tests.factories import swipe
from transactions.operations.swipes import authorize


def usd(minor: int) -> Money:
    return Money(minor, "USD")


def words(response) -> str:
    assert response.status_code == 200
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


def control(world, *limits, **more):
    with company_scope(world.acme.pk):
        changes = {"limits": list(limits), **more}
        return cards.change_controls(world.card, changes, actor=world.alice, at=timezone.now())


def spend(world, minor: int, card=None):
    with company_scope(world.acme.pk):
        return authorize(card or world.card, swipe(minor, at=timezone.now())).transaction


def ask(world, kind, minor, **more) -> CardRequest:
    with company_scope(world.acme.pk):
        if kind != "card":
            more.setdefault("card", world.reload())
        return requests.ask(requests.Wish(RequestKind(kind), usd(minor), "For the fair", **more), actor=world.bob, at=timezone.now())


def card_page(text: str, heading: str) -> str:
    """What one request says, from its heading to its button."""
    return text.partition(heading)[2].partition("Approve")[0]


def test_a_raise_shows_the_limit_there_is_and_what_is_used_of_it(world, pages):
    control(world, Limit(Interval.MONTH, 100_00), Limit(Interval.DAY, 90_00), Limit(Interval.MONTH, count=9))
    spend(world, 70_00)
    ask(world, "raise", 300_00)
    told = card_page(words(pages(world.alice).get("/requests/")), "A higher limit on")
    assert "$30.00 left of $100.00 this month, $70.00 used" in told
    assert ("$90.00" in told, "purchases" in told) == (False, False)


def test_more_for_once_shows_every_amount_limit(world, pages):
    control(world, Limit(Interval.MONTH, 100_00), Limit(Interval.DAY, 90_00))
    spend(world, 70_00)
    ask(world, "grant", 20_00, until=world.acme.day_of(timezone.now()))
    told = card_page(words(pages(world.alice).get("/requests/")), "More for once on")
    assert "$30.00 left of $100.00 this month" in told
    assert "$20.00 left of $90.00 today" in told


def test_a_raise_of_what_refills_shows_what_is_not_approved(world, pages):
    control(world, Limit(Interval.ALL_TIME, 100_00), mode=CardMode.APPROVAL_REFILL)
    spend(world, 70_00)
    ask(world, "raise", 300_00, interval=Interval.ALL_TIME)
    assert "$30.00 left of $100.00, $70.00 not approved yet" in words(pages(world.alice).get("/requests/"))


def test_a_card_that_draws_from_grants_shows_them(world, pages):
    control(world, mode=CardMode.ZERO_UNTIL_GRANTED)
    now = timezone.now()
    with company_scope(world.acme.pk):
        cards.grant(world.card, usd(80_00), expires_at=now + timedelta(days=3), reason="x", actor=world.alice, at=now)
    spend(world, 50_00)
    ask(world, "grant", 20_00, until=world.acme.day_of(now))
    assert "$30.00 left of $80.00 granted until" in words(pages(world.alice).get("/requests/"))


@pytest.fixture
def envelopes(world):
    """Team, which Olga owns and Bob belongs to, inside Company, which has 20.00 left."""
    now = timezone.now()
    with company_scope(world.acme.pk):
        olga = world.hire("Olga", "employee")
        given = {"interval": BudgetInterval.ONCE, "is_hard": True, "actor": world.alice, "at": now}
        company = budgets.create(name="Company", limit=usd(90_00), owner=world.alice, **given)
        team = budgets.create(name="Team", limit=usd(60_00), owner=olga, parent=company, members=[world.bob], **given)
        card = cards.issue(
            world.bob, name="Stand", currency="USD", controls=cards.Controls(limits=cards.monthly(usd(500_00))), budget=company,
            actor=world.alice, at=now,
        )  # fmt: skip
    spend(world, 70_00, card)
    return {"team": team, "card": card, "olga": olga}


def test_a_new_card_shows_what_its_budget_has_left_as_far_as_the_decider_may_know(world, envelopes, pages):
    ask(world, "card", 40_00, name="Fair", budget=envelopes["team"])
    told = card_page(words(pages(world.alice).get("/requests/")), "A card, “Fair”")
    assert "$60.00 left of $60.00 altogether" in told
    assert "Company has $20.00 left" in told
    told = card_page(words(pages(envelopes["olga"]).get("/requests/")), "A card, “Fair”")
    assert "$60.00 left of $60.00 altogether" in told
    assert "A budget above has less left than this" in told
    assert "Company" not in told


def test_a_raise_says_what_the_budget_of_the_card_leaves(world, envelopes, pages):
    ask(world, "raise", 900_00, card=envelopes["card"])
    assert "Company has $20.00 left" in card_page(words(pages(world.alice).get("/requests/")), "A higher limit on")


def test_what_was_decided_says_which_card_how_often_and_until_when(world, pages):
    control(world, Limit(Interval.WEEK, 100_00))
    now = timezone.now()
    until = world.acme.day_of(now) + timedelta(days=2)
    rows = [
        ask(world, "raise", 300_00, interval=Interval.WEEK),
        ask(world, "grant", 20_00, until=until),
        ask(world, "card", 5_00, name="Fair"),
    ]
    with company_scope(world.acme.pk):
        for row in rows:
            requests.decide(row, approved=True, actor=world.alice, at=now)
        last4 = world.reload().last4
    told = words(pages(world.alice).get("/requests/")).partition("Decided lately")[2]
    assert f"A higher limit on Bob&#x27;s card •• {last4} Approved Alice $300.00 a week" in told
    assert f"More for once on Bob&#x27;s card •• {last4} Approved Alice $20.00 until {until.day} {until:%b %Y}" in told
    assert "A card, Fair Approved Alice $5.00 a month" in told


# A declined purchase.


def declined(world, minor):
    purchase = spend(world, minor)
    assert purchase.status == "declined"
    return f"/transactions/{purchase.public_id}/"


def test_who_carries_the_card_is_led_from_a_decline_to_asking_for_what_was_missing(world, pages):
    control(world, Limit(Interval.MONTH, 100_00), Limit(Interval.DAY, 90_00))
    spend(world, 80_00)
    path = declined(world, 32_50)
    client = pages(world.bob)
    page = client.get(path)
    told = words(page)
    assert "It would have taken $22.50 more for once." in told
    assert "Raise the" not in told
    [href] = re.findall(r'href="(/requests/new/[^"]+)">Ask for more', page.content.decode())
    form = client.get(href.replace("&amp;", "&")).content.decode()
    assert re.search(r'name="amount" value="22.50"', form)
    assert "More room for once" in form


def test_who_can_change_the_card_reads_what_to_change(world, pages):
    control(world, Limit(Interval.MONTH, 100_00))
    path = declined(world, 132_00)
    page = pages(world.alice).get(path)
    assert "What would have approved it: Raise the monthly limit by $32.00" in words(page)
    assert "Ask for more" not in page.content.decode()


def test_what_a_grant_would_not_help_is_left_to_an_administrator(world, pages):
    control(world, per_transaction_cap=usd(20_00))
    page = pages(world.bob).get(declined(world, 30_00))
    assert "What an administrator could do: Raise the cap for one purchase by $10.00." in words(page)
    assert "Ask for more" not in page.content.decode()


def test_both_are_said_where_both_were_missing(world, pages):
    control(world, Limit(Interval.MONTH, 25_00), per_transaction_cap=usd(20_00))
    told = words(pages(world.bob).get(declined(world, 30_00)))
    assert "It would have taken $5.00 more for once. What an administrator could do besides: Raise the cap" in told


def test_nobody_asks_for_room_on_a_closed_card(world, pages):
    control(world, Limit(Interval.MONTH, 25_00))
    path = declined(world, 30_00)
    with company_scope(world.acme.pk):
        cards.close(world.card, actor=world.alice, at=timezone.now())
    page = pages(world.bob).get(path)
    assert "Ask for more" not in page.content.decode()
    assert "What an administrator could do: Raise the monthly limit" in words(page)


@pytest.mark.parametrize("amount", ["lots", '"><script>', "9" * 90])
def test_a_link_with_an_amount_that_is_none_shows_it_and_nothing_else(world, pages, amount):
    page = pages(world.bob).get("/requests/new/", {"card": world.card.public_id, "amount": amount}).content.decode()
    assert page.count("<script") == 2
    assert re.search(r'name="amount" value="[^"]{4,}"', page)
