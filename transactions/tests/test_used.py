"""The rows behind what is used of a limit, a grant or a budget: they add up to it, on the page and by the API."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
import time_machine

from cards import operations as cards
from cards import queries
from cards.controls import Limit
from cards.models import BudgetInterval, CardMode, Interval
from cards.operations import budgets
from spendtrackr.money import Money
from spendtrackr.tenancy import company_scope
from tests.factories import NOON, swipe
from tests.rules import adopt, decide
from transactions.models import Approval
from transactions.operations import approvals
from transactions.operations.clearing import Clearing, clear
from transactions.operations.swipes import authorize
from users.models import Membership

LATER = NOON + timedelta(hours=3)


@pytest.fixture
def at_noon():
    with time_machine.travel(LATER, tick=False):
        yield


def usd(minor: int) -> Money:
    return Money(minor, "USD")


def issue(world, *limits: Limit, **more):
    controls = cards.Controls(limits=list(limits), mode=more.pop("mode", CardMode.NORMAL))
    return cards.issue(world.bob, name="Card", currency="USD", controls=controls, actor=world.alice, at=NOON, **more)


def spend(card, minor: int, *, captured: int = 0, refunded: int = 0, at=NOON):
    purchase = authorize(card, swipe(minor, at=at)).transaction
    for kind, amount in (("capture", captured), ("refund", refunded)):
        if amount:
            clear(purchase, Clearing(kind, f"{kind}-{purchase.pk}", LATER, amount, is_final=kind == "capture"), actor=None)
    return purchase


def live(card) -> None:
    """110.00 used: on hold 30.00, cleared 70.00 of 80.00, and 10.00 of 25.00 that came back. Declined and reversed ones count nothing."""
    spend(card, 30_00)
    spend(card, 80_00, captured=70_00)
    spend(card, 25_00, captured=25_00, refunded=15_00)
    gone = spend(card, 40_00)
    clear(gone, Clearing("reversal", f"r-{gone.pk}", LATER), actor=None)
    assert not authorize(card, swipe(9_999_00)).approved


def words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def behind(client, page: str, figure: str) -> str:
    """The list that the link on a figure of a page leads to."""
    [href] = set(re.findall(rf'href="(/transactions/[^"]+)"[^>]*>(?:<strong>)?{re.escape(figure)}<', client.get(page).content.decode()))
    return client.get(href.replace("&amp;", "&")).content.decode()


def total(page: str) -> str:
    return re.search(r'<p class="behind">.*?<strong>([^<]*)</strong>', page, re.DOTALL)[1]


def parts(page: str) -> list[str]:
    return sorted(re.findall(r'<td class="number[^"]*">([^<]+)', page))


def comes_to(answer) -> int:
    """By the rule that the documentation gives."""
    found = 0
    for row in answer.json()["data"]:
        held, captured, refunded, back = (row[name]["minor"] for name in ("held", "captured", "refunded", "charged_back"))
        found += held + max(0, captured - refunded - back)
    return found


@pytest.mark.usefixtures("at_noon")
def test_what_is_used_of_a_replacement_is_that_of_the_whole_row_of_cards(world, pages, api):
    with company_scope(world.acme.pk):
        first = issue(world, Limit(Interval.WEEK, 500_00))
        live(first)
        second = cards.replace(first, actor=world.alice, at=NOON)
        spend(second, 5_00)
        third = cards.replace(second, actor=world.alice, at=NOON)
        spend(third, 7_00)
        spend(world.card, 3_00)
    client = pages(world.alice)
    page = behind(client, f"/cards/{third.public_id}/", "$122.00")
    assert (total(page), parts(page)) == ("$122.00", ["$10.00", "$30.00", "$5.00", "$7.00", "$70.00"])
    assert "5 purchases that count: $122.00" in words(page)
    for card in (first, second, third):
        answer = api(world.alice).get("/api/v1/transactions/", {"counts_with": card.public_id, "counting": "true"})
        assert comes_to(answer) == 122_00
    assert len(api(world.alice).get("/api/v1/transactions/", {"card": third.public_id}).json()["data"]) == 1


@pytest.mark.usefixtures("at_noon")
def test_what_is_used_of_a_window_are_the_purchases_from_its_first_day_on(world, pages):
    with company_scope(world.acme.pk):
        card = issue(world, Limit(Interval.WEEK, 500_00), Limit(Interval.WEEK, count=9), Limit(Interval.ALL_TIME, 900_00))
        spend(card, 11_00, at=NOON - timedelta(days=8))
        spend(card, 6_00, at=NOON - timedelta(days=1))
        spend(card, 2_00)
    client = pages(world.bob)
    here = f"/cards/{card.public_id}/"
    assert [parts(behind(client, here, figure)) for figure in ("$8.00", "2", "$19.00")] == [
        ["$2.00", "$6.00"],
        ["$2.00", "$6.00"],
        ["$11.00", "$2.00", "$6.00"],
    ]


@pytest.mark.usefixtures("at_noon")
def test_what_is_used_of_a_refill_card_is_what_nobody_has_approved(world, pages):
    with company_scope(world.acme.pk):
        adopt(world)
        card = issue(world, Limit(Interval.ALL_TIME, 100_00), mode=CardMode.APPROVAL_REFILL)
        done = spend(card, 20_00, captured=20_00)
        spend(card, 30_00)
        approvals.submit(done, actor=Membership.objects.get(pk=world.bob.pk), at=LATER)
        decide(Approval.objects.get(transaction=done), world.alice, at=LATER)
        spend(card, 70_00)
        [standing] = queries.standings([world.reload(card)], world.acme, at=LATER)
        assert [meter.used for meter in standing.meters] == [usd(100_00)]
    page = behind(pages(world.bob), f"/cards/{card.public_id}/", "$100.00")
    assert (total(page), parts(page)) == ("$100.00", ["$30.00", "$70.00"])


@pytest.mark.usefixtures("at_noon")
def test_what_is_used_of_a_grant_are_the_purchases_that_drew_on_it(world, pages):
    with company_scope(world.acme.pk):
        card = issue(world, mode=CardMode.ZERO_UNTIL_GRANTED)
        for minor in (50_00, 90_00):
            cards.grant(card, usd(minor), expires_at=NOON + timedelta(days=minor // 10_00), reason="x", actor=world.alice, at=NOON)
        spend(card, 40_00, captured=35_00)
        spend(card, 60_00)
    client = pages(world.bob)
    assert parts(behind(client, f"/cards/{card.public_id}/", "$35.00")) == ["$35.00"]
    assert parts(behind(client, f"/cards/{card.public_id}/", "$60.00")) == ["$60.00"]


def test_a_card_over_its_limit_says_by_how_much(world, pages):
    with company_scope(world.acme.pk):
        card = issue(world, Limit(Interval.ALL_TIME, 100_00), mode=CardMode.APPROVAL_REFILL)
        spend(card, 100_00, captured=176_00)
    told = words(pages(world.bob).get(f"/cards/{card.public_id}/").content.decode())
    assert "$76.00 over the limit of $100.00, $176.00 not approved yet" in told
    assert "waiting for approval" not in told


def budget(world, name, *, inside=None, **more):
    return budgets.create(
        name=name, limit=usd(500_00), interval=BudgetInterval.MONTH, is_hard=True, owner=world.alice, parent=inside, actor=world.alice,
        at=NOON, **more,
    )  # fmt: skip


@pytest.fixture
def envelopes(world, at_noon):
    """Travel inside Sales, each with a card that bought, and another budget beside them; a purchase of the month before."""
    with company_scope(world.acme.pk):
        sales = budget(world, "Sales", members=[world.bob])
        travel, other = budget(world, "Travel", inside=sales), budget(world, "Other")
        for place, minor in ((sales, 5_00), (other, 3_00)):
            spend(issue(world, budget=place), minor)
        card = issue(world, budget=travel)
        live(card)
        spend(card, 8_00, at=NOON - timedelta(days=20))
    return {"sales": sales, "travel": travel, "other": other}


def test_what_is_used_of_a_budget_are_the_purchases_inside_it_of_its_period(world, envelopes, pages):
    client = pages(world.alice)
    for page in ("/budgets/", f"/budgets/{envelopes['sales'].public_id}/"):
        listed = behind(client, page, "$115.00")
        assert (total(listed), parts(listed)) == ("$115.00", ["$10.00", "$30.00", "$5.00", "$70.00"])
    assert parts(behind(client, "/budgets/", "$3.00")) == ["$3.00"]
    assert f'<option value="{envelopes["sales"].public_id}" selected>Sales</option>' in listed


def test_the_api_lists_a_budget_and_what_lies_inside_it(world, envelopes, api):
    def found(member, public_id):
        return len(api(member).get("/api/v1/transactions/", {"budget": public_id, "counting": "true"}).json()["data"])

    sales, travel = envelopes["sales"], envelopes["travel"]
    assert [found(world.alice, one.public_id) for one in (sales, travel)] == [5, 4]
    assert [found(world.alice, one) for one in ("none", "bud_unknown")] == [0, 0]
    assert found(world.mallory, sales.public_id) == 0
    # Bob belongs to Sales, and knows nothing of what lies inside it.
    assert [found(world.bob, one.public_id) for one in (sales, travel)] == [5, 0]


def test_who_does_not_see_everybodys_purchases_is_led_to_no_rows_that_would_not_add_up(world, envelopes, pages):
    page = pages(world.bob).get(f"/budgets/{envelopes['sales'].public_id}/").content.decode()
    assert ("$115.00" in page, "/transactions/?budget=" in page) == (True, False)


@pytest.mark.parametrize("name", ["counts_with", "grant", "budget"])
def test_another_companys_id_finds_what_an_unknown_one_finds(world, envelopes, api, name):
    with company_scope(world.acme.pk):
        card = issue(world, Limit(Interval.WEEK, 500_00))
        grant = cards.grant(card, usd(9_00), expires_at=NOON + timedelta(days=9), reason="x", actor=world.alice, at=NOON)
    theirs = {"counts_with": world.card.public_id, "grant": grant.public_id, "budget": envelopes["sales"].public_id}[name]
    with company_scope(world.mallory.company_id):
        spend(world.her_card, 4_00)
    answers = [api(world.mallory).get("/api/v1/transactions/", {name: value}) for value in (theirs, "x_unknown")]
    assert [(answer.status_code, answer.json()["data"]) for answer in answers] == [(200, [])] * 2


def test_a_filtered_list_says_what_it_adds_up_to_and_what_it_leaves_out(world, pages):
    with company_scope(world.acme.pk):
        live(world.card)
    client = pages(world.alice)
    page = words(client.get("/transactions/?from=2026-03-01").content.decode())
    assert "5 transactions: $125.00 , without 2 declined or reversed." in page
    assert "1 transaction, declined or reversed." in words(client.get("/transactions/?status=declined").content.decode())
    assert 'class="behind"' not in client.get("/transactions/").content.decode()


@pytest.mark.usefixtures("at_noon")
def test_what_does_not_count_can_be_listed_too(world, api):
    with company_scope(world.acme.pk):
        live(world.card)
    rows = api(world.alice).get("/api/v1/transactions/", {"counting": "false"}).json()["data"]
    assert sorted(row["status"] for row in rows) == ["declined", "reversed"]


def test_a_list_that_nobody_would_add_up_says_no_total(world, pages, monkeypatch):
    with company_scope(world.acme.pk):
        for _ in range(52):
            authorize(world.card, swipe(1_00))
    client = pages(world.alice)
    assert "52 transactions" in client.get("/transactions/", {"status": "pending"}).content.decode()
    monkeypatch.setattr("transactions.queries.figures.MOST_ADDED", 51)
    assert "52 transactions" not in client.get("/transactions/", {"status": "pending"}).content.decode()
