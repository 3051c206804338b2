"""What can really be drawn: the hard budgets above, and what is closed, leave less than a budget or a card has itself."""

from __future__ import annotations

import re

import pytest
from django.utils import timezone

from cards import operations as cards
from cards import queries
from cards.controls import Limit
from cards.models import Budget, BudgetInterval, CardMode, Interval
from cards.operations import budgets
from spendtrackr.money import Money
from spendtrackr.tenancy import company_scope
from tests.factories import swipe
from transactions.operations.clearing import Clearing, clear
from transactions.operations.swipes import authorize


def usd(minor: int) -> Money:
    return Money(minor, "USD")


def envelope(world, name, minor, *, inside=None, is_hard=True, **more) -> Budget:
    with company_scope(world.acme.pk):
        return budgets.create(
            name=name, limit=usd(minor), interval=BudgetInterval.ONCE, is_hard=is_hard, owner=world.alice, parent=inside,
            actor=world.alice, at=timezone.now(), **more,
        )  # fmt: skip


def carried(world, budget, *limits, mode=CardMode.NORMAL):
    controls = cards.Controls(limits=list(limits), mode=mode)
    with company_scope(world.acme.pk):
        return cards.issue(world.bob, name="Card", currency="USD", controls=controls, budget=budget, actor=world.alice, at=timezone.now())


def spend(world, budget, minor, *, captured=None) -> None:
    now = timezone.now()
    card = carried(world, budget)
    with company_scope(world.acme.pk):
        purchase = authorize(card, swipe(minor, at=now)).transaction
        if captured:
            clear(purchase, Clearing("capture", f"c{purchase.pk}", now, captured, is_final=True), actor=None)


def words(response) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


def bounds(world, reader=None) -> dict[str, tuple]:
    with company_scope(world.acme.pk):
        rows = Budget.objects.visible_to(reader or world.alice).order_by("pk")
        found = queries.budget_branches(rows, world.acme.day_of(timezone.now()), reader or world.alice)
        return {one.standing.budget.name: one.bound and (one.bound.name, one.bound.left.minor) for one in found}


def test_a_hard_budget_above_that_has_less_left_says_so_at_all_below_it(world, pages):
    company = envelope(world, "Company", 900_00)
    engineering = envelope(world, "Engineering", 100_00, inside=company)
    tools = envelope(world, "Tools", 99_00, inside=engineering)
    spend(world, engineering, 55_00)
    assert bounds(world) == {"Company": None, "Engineering": None, "Tools": ("Engineering", 45_00)}
    client = pages(world.alice)
    assert words(client.get("/budgets/")).count("Engineering has $45.00 left") == 1
    page = words(client.get(f"/budgets/{tools.public_id}/"))
    assert "Can be drawn $45.00 Engineering has $45.00 left; Tools itself has $99.00 of $99.00" in page


def test_one_that_is_over_leaves_nothing(world, pages):
    engineering = envelope(world, "Engineering", 100_00)
    tools = envelope(world, "Tools", 99_00, inside=engineering)
    spend(world, engineering, 100_00, captured=145_00)
    client = pages(world.alice)
    page = words(client.get(f"/budgets/{tools.public_id}/"))
    assert "Can be drawn $0.00 Engineering is $45.00 over: nothing can be drawn" in page
    assert "Over $45.00" in words(client.get(f"/budgets/{engineering.public_id}/"))


def test_a_soft_budget_bounds_nothing_and_is_bounded_where_nothing_is_left(world):
    soft = envelope(world, "Soft", 10_00, is_hard=False)
    envelope(world, "Below soft", 50_00, inside=soft)
    hard = envelope(world, "Hard", 30_00)
    below = envelope(world, "Below hard", 5_00, inside=hard, is_hard=False)
    spend(world, soft, 12_00)
    spend(world, below, 10_00)
    assert bounds(world) == {"Soft": None, "Below soft": None, "Hard": None, "Below hard": None}
    spend(world, hard, 20_00)
    assert bounds(world)["Below hard"] == ("Hard", 0)


def test_a_closed_budget_headlines_that_it_is_closed(world, pages):
    budget = envelope(world, "Fair", 99_00)
    card = carried(world, budget, Limit(Interval.MONTH, 20_00))
    with company_scope(world.acme.pk):
        budgets.close(budget, actor=world.alice, at=timezone.now())
    client = pages(world.alice)
    page = words(client.get(f"/budgets/{budget.public_id}/"))
    assert "State Closed since" in page
    assert "Left $99.00" not in page
    assert "$99.00 not used of $99.00" in page
    assert "Fair is closed: nothing can be drawn" in words(client.get(f"/cards/{card.public_id}/"))


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        ([], "Team has $45.00 left"),
        ([Limit(Interval.MONTH, 46_00)], "Team has $45.00 left"),
        ([Limit(Interval.MONTH, 45_00)], None),
        ([Limit(Interval.MONTH, 90_00), Limit(Interval.DAY, 10_00)], None),
        ([Limit(Interval.DAY, count=3)], "Team has $45.00 left"),
    ],
)
def test_a_card_says_what_its_budget_leaves_where_that_is_less(world, pages, limits, says):
    team = envelope(world, "Team", 100_00)
    spend(world, team, 55_00)
    card = carried(world, team, *limits)
    client = pages(world.alice)
    page = words(client.get(f"/cards/{card.public_id}/"))
    assert ("Team has" in page, says is None or says in page) == (says is not None, True)


def test_a_card_that_draws_from_grants_alone_is_measured_by_the_largest(world, pages):
    team = envelope(world, "Team", 40_00)
    card = carried(world, team, mode=CardMode.ZERO_UNTIL_GRANTED)
    client = pages(world.alice)
    assert "Team has" not in words(client.get(f"/cards/{card.public_id}/"))
    now = timezone.now()
    with company_scope(world.acme.pk):
        cards.grant(card, usd(41_00), expires_at=now.replace(year=2099), reason="x", actor=world.alice, at=now)
    assert "Team has $40.00 left" in words(client.get(f"/cards/{card.public_id}/"))


def test_members_are_ticked_one_by_one_and_the_form_can_be_gone_to_from_the_top(world, pages):
    with company_scope(world.acme.pk):
        eve = world.hire("Eve", "employee")
    team = envelope(world, "Team", 100_00, members=[world.bob])
    client = pages(world.alice)
    page = client.get(f"/budgets/{team.public_id}/").content.decode()
    ticked = re.findall(r'<input type="checkbox" name="members" value="([^"]+)"[^>]* checked', page)
    assert (ticked, page.count('type="checkbox"')) == ([world.bob.public_id], 3)
    assert set(re.findall(r'name="members"[^>]* id="([^"]+)"', page)) <= set(re.findall(r'<label for="([^"]+)"', page))
    assert ('href="#change"' in page, 'id="change"' in page) == (True, True)
    body = {"name": "Team", "limit": "100", "hardness": "hard", "owner": world.alice.public_id}
    assert client.post(f"/budgets/{team.public_id}/", body | {"members": [eve.public_id]}).status_code == 302
    with company_scope(world.acme.pk):
        assert [row.member for row in team.members.all()] == [eve]


def test_who_may_not_see_a_budget_learns_no_figure_of_it(world, pages):
    top = envelope(world, "Board", 50_00)
    team = envelope(world, "Team", 99_00, inside=top, members=[world.bob])
    spend(world, top, 7_00)
    card = carried(world, top, Limit(Interval.MONTH, 90_00))
    client = pages(world.bob)
    page = words(client.get(f"/budgets/{team.public_id}/"))
    assert "A budget above has less left than this" in page
    assert "Left $99.00" in page
    assert "Its budget has less left than this" in words(client.get(f"/cards/{card.public_id}/"))
    for path in ("/budgets/", f"/budgets/{team.public_id}/", f"/cards/{card.public_id}/", "/cards/", "/my-spend/"):
        assert "$43.00" not in words(client.get(path)), path
    assert "Board has" not in page
    spend(world, top, 43_00)
    assert "A budget above leaves nothing: nothing can be drawn" in words(client.get("/budgets/"))


def test_the_bounds_of_any_number_of_cards_cost_a_few_questions(world, django_assert_num_queries):
    top = envelope(world, "Top", 50_00)
    shown = [carried(world, envelope(world, f"B{number}", 60_00, inside=top, members=[world.bob])) for number in range(4)]
    with company_scope(world.acme.pk):
        rows = [world.reload(card) for card in shown]
        for reader, questions in ((world.alice, 4), (world.bob, 5)):
            with django_assert_num_queries(questions):
                found = queries.standings(rows, world.acme, at=timezone.now(), reader=reader)
            assert [one.bound.left for one in found] == [usd(50_00)] * 4
