"""Budgets: a tree of envelopes that swipes draw from, whatever is done to it."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from cards import operations as cards
from cards import queries
from cards.models import THRESHOLDS, Budget, BudgetInterval, BudgetMember
from cards.operations import budgets
from companies.models import Company
from spendtrackr import errors
from spendtrackr.models import Event
from spendtrackr.money import Money
from tests.factories import NOON, swipe
from transactions.operations.clearing import Clearing, clear
from transactions.operations.swipes import authorize
from users.models import Membership


def make(acme, name="Team", minor=100_00, **more) -> Budget:
    given = {"interval": BudgetInterval.MONTH, "is_hard": True, "owner": acme.alice, "actor": acme.alice, "at": NOON} | more
    return budgets.create(name=name, limit=Money(minor, more.pop("currency", "USD")), **{k: v for k, v in given.items() if k != "currency"})


def carried(acme, budget):
    return cards.issue(acme.bob, name="Card", currency="USD", controls=cards.Controls(), budget=budget, actor=acme.alice, at=NOON)


def standing(budget, at=NOON) -> queries.BudgetStanding:
    [found] = queries.budget_standings([Budget.objects.get(pk=budget.pk)], budget.company.day_of(at))
    return found


def told(type_: str) -> list[dict]:
    return [json.loads(event.details) for event in Event.objects.filter(type=type_).order_by("pk")]


def test_a_budget_knows_its_place_and_the_fiscal_year_of_its_day(acme):
    Company.objects.filter(pk=acme.acme.pk).update(fiscal_year_start_month=4)
    alice = Membership.objects.get(pk=acme.alice.pk)
    top = make(acme, "Company", 1_000_00, interval=BudgetInterval.YEAR, actor=alice)
    inside = make(acme, "Sales", parent=top, members=[acme.bob])
    assert (top.chain, inside.chain) == (f"{top.pk}.", f"{top.pk}.{inside.pk}.")
    assert top.year_starts_month == 4
    assert [row.member for row in inside.members.all()] == [acme.bob]
    assert standing(top).period == "April 2025 to March 2026"
    assert [row["minor"] for row in told("budget.created")] == [1_000_00, 100_00]
    assert told("budget.created")[1]["parent"] == top.public_id


@pytest.mark.parametrize("name", ["team", " TEAM ", "Ｔｅａｍ"])
def test_a_name_is_taken_whatever_its_case_and_width(acme, name):
    make(acme, "Team")
    with pytest.raises(errors.Invalid) as caught:
        make(acme, name)
    assert (caught.value.field, caught.value.code) == ("name", "taken")
    assert Budget.objects.count() == 1


def test_a_name_must_be_seen(acme):
    with pytest.raises(errors.Invalid) as caught:
        make(acme, "  ")
    assert caught.value.field == "name"


def test_what_lies_inside_shares_the_currency_of_an_open_budget(acme):
    euros, closed = make(acme, "Euros", currency="EUR"), make(acme, "Closed")
    budgets.close(closed, actor=acme.alice, at=NOON)
    for parent in (euros, closed):
        with pytest.raises(errors.Invalid) as caught:
            make(acme, "Inside", parent=parent)
        assert caught.value.field == "parent"
    assert Budget.objects.count() == 2


def test_eight_levels_and_no_more(acme):
    parent = None
    for level in range(8):
        parent = make(acme, f"Level {level}", parent=parent)
    assert len(parent.chain_ids) == 8
    with pytest.raises(errors.Invalid) as caught:
        make(acme, "Level 8", parent=parent)
    assert caught.value.field == "parent"


def test_an_owner_is_active(acme):
    eve = acme.hire("Eve", "employee")
    cards.suspend_member(eve, actor=acme.alice, at=NOON)
    eve.refresh_from_db()
    team = make(acme)
    for attempt in (lambda: make(acme, "Other", owner=eve), lambda: budgets.change(team, {"owner": eve}, actor=acme.alice, at=NOON)):
        with pytest.raises(errors.Invalid) as caught:
            attempt()
        assert caught.value.field == "owner"


def test_what_remains_is_the_limit_less_what_is_held_and_posted_in_every_budget_above(acme):
    top = make(acme, "Company", 500_00)
    team = make(acme, "Team", 100_00, parent=top)
    card = carried(acme, team)
    purchase = authorize(card, swipe(30_00)).transaction
    authorize(card, swipe(20_00))
    clear(purchase, Clearing("capture", "c", NOON, 25_00, is_final=True), actor=None)
    clear(purchase, Clearing("refund", "r", NOON, 5_00), actor=None)
    for budget, limit in ((top, 500_00), (team, 100_00)):
        found = standing(budget)
        assert (found.held.minor, found.posted.minor, found.used.minor, found.remaining.minor) == (20_00, 20_00, 40_00, limit - 40_00)
    assert authorize(card, swipe(60_01)).reason == "over_budget"
    assert standing(team).remaining == Money(60_00, "USD")


def test_a_new_period_is_empty_and_the_old_one_is_not_shown(acme):
    team = make(acme)
    card = carried(acme, team)
    authorize(card, swipe(90_00))
    april = datetime(2026, 4, 2, 12, tzinfo=UTC)
    assert standing(team, at=april).remaining == Money(100_00, "USD")
    assert authorize(card, swipe(95_00, at=april)).approved
    assert standing(team, at=april).used == Money(95_00, "USD")


def test_one_question_for_any_number_of_budgets(acme, django_assert_num_queries):
    made = [make(acme, f"B{number}", interval=interval) for number, interval in enumerate(BudgetInterval)]
    with django_assert_num_queries(1):
        assert [row.remaining.minor for row in queries.budget_standings(made, NOON.date())] == [100_00] * 4


def test_the_tree_is_told_parents_first_and_begins_where_somebody_sees_it_begin(acme):
    top = make(acme, "Company")
    sales = make(acme, "Sales", parent=top)
    make(acme, "Field", parent=sales, members=[acme.bob])
    make(acme, "Engineering", parent=top)

    def tree(member):
        rows = queries.budget_standings(Budget.objects.visible_to(member), NOON.date())
        return [(branch.standing.budget.name, branch.depth) for branch in queries.budget_tree(rows)]

    assert tree(acme.alice) == [("Company", 0), ("Engineering", 1), ("Sales", 1), ("Field", 2)]
    assert tree(acme.bob) == [("Field", 0)]


def test_a_change_names_what_changed_and_nothing_is_told_of_nothing(acme):
    team = make(acme, members=[acme.bob])
    changes = {"name": "Crew", "limit": Money(50_00, "USD"), "is_hard": False, "owner": acme.bob, "members": [acme.alice]}
    changed = budgets.change(team, changes, actor=acme.alice, at=NOON)
    assert (changed.name, changed.limit_minor, changed.is_hard, changed.owner) == ("Crew", 50_00, False, acme.bob)
    assert list(BudgetMember.objects.values_list("member_id", flat=True)) == [acme.alice.pk]
    budgets.change(team, changes, actor=acme.alice, at=NOON)
    [said] = told("budget.changed")
    assert said["changed"] == ["is_hard", "limit", "members", "name", "owner"]


def test_a_limit_stays_in_its_currency(acme):
    with pytest.raises(errors.Invalid) as caught:
        budgets.change(make(acme), {"limit": Money(1, "EUR")}, actor=acme.alice, at=NOON)
    assert caught.value.field == "limit.currency"


def test_a_lowered_limit_tells_of_the_thresholds_that_it_reaches_and_stops_the_next_swipe(acme):
    team = make(acme)
    card = carried(acme, team)
    authorize(card, swipe(50_00))
    assert told("budget.threshold_reached") == []
    for minor in (60_00, 62_00, 50_00, 200_00):
        budgets.change(team, {"limit": Money(minor, "USD")}, actor=acme.alice, at=NOON)
    said = [(row["percent"], row["used_minor"], row["limit_minor"], row["period"]) for row in told("budget.threshold_reached")]
    assert said == [(80, 50_00, 60_00, "2026-03-01"), (100, 50_00, 50_00, "2026-03-01")]
    budgets.change(team, {"limit": Money(40_00, "USD")}, actor=acme.alice, at=NOON)
    found = standing(team)
    assert (found.remaining, found.over, found.percent, found.warning) == (Money(-10_00, "USD"), Money(10_00, "USD"), 125, 100)
    assert authorize(card, swipe(1)).reason == "over_budget"


def test_raising_a_limit_lets_the_threshold_be_told_again_by_the_swipe_that_crosses_it(acme):
    team = make(acme)
    card = carried(acme, team)
    authorize(card, swipe(80_00))
    budgets.change(team, {"limit": Money(200_00, "USD")}, actor=acme.alice, at=NOON)
    authorize(card, swipe(80_00))
    assert [(row["percent"], row["limit_minor"]) for row in told("budget.threshold_reached")] == [(80, 100_00), (80, 200_00)]


def test_swipes_and_changes_tell_of_the_same_thresholds():
    for used, limit in ((0, 100), (79, 100), (80, 100), (99, 100), (100, 100), (150, 100), (5, 0)):
        assert budgets.crossed(0, used, limit) == [percent for percent in THRESHOLDS if budgets.is_reached(percent, used, limit)]


def test_a_closed_budget_declines_and_is_closed_from_the_bottom_up(acme):
    top = make(acme, "Company")
    team = make(acme, "Team", parent=top)
    card = carried(acme, team)
    purchase = authorize(card, swipe(10_00)).transaction
    with pytest.raises(errors.InvalidState, match="inside"):
        budgets.close(top, actor=acme.alice, at=NOON)
    budgets.close(team, actor=acme.alice, at=NOON)
    assert authorize(card, swipe(1_00)).reason == "budget_closed"
    assert clear(purchase, Clearing("capture", "c", NOON, is_final=True), actor=None)
    assert standing(team).posted == Money(10_00, "USD")
    for attempt in (lambda: budgets.close(team, actor=acme.alice, at=NOON),
                    lambda: budgets.change(team, {"name": "x"}, actor=acme.alice, at=NOON)):  # fmt: skip
        with pytest.raises(errors.InvalidState):
            attempt()
    budgets.close(top, actor=acme.alice, at=NOON)
    assert len(told("budget.closed")) == 2


def test_a_closed_budget_keeps_its_name(acme):
    budgets.close(make(acme), actor=acme.alice, at=NOON)
    with pytest.raises(errors.Invalid):
        make(acme)


def test_bars_show_what_cleared_and_what_is_on_hold():
    budget = Budget(limit_minor=200, currency="USD")
    found = queries.BudgetStanding(budget, NOON.date(), None, Money(50, "USD"), Money(100, "USD"))
    assert (found.bars, found.percent, found.warning, found.period) == ((50, 25), 75, None, "")
    over = queries.BudgetStanding(budget, NOON.date(), None, Money(100, "USD"), Money(300, "USD"))
    assert (over.bars, over.percent) == ((75, 25), 200)
    nothing = queries.BudgetStanding(Budget(limit_minor=0, currency="USD"), NOON.date(), None, Money(0, "USD"), Money(0, "USD"))
    assert (nothing.bars, nothing.percent, nothing.over) == ((0, 0), 0, None)
