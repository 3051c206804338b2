"""A purchase in parts: they add up whatever happens to it, spend stands under each, and each budget counts its own."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.management import call_command
from hypothesis import given
from hypothesis import strategies as st

from cards import operations as cards
from cards.models import Budget, BudgetInterval, LimitCounter
from cards.operations import budgets
from companies.models import Category
from spendtrackr import errors
from spendtrackr.models import Event
from spendtrackr.money import Money, allocate
from tests.factories import NOON, swipe
from tests.rules import adopt, decide
from transactions import queries
from transactions.models import Approval, Draw, MonthSpend, SpendLine, Split, Transaction
from transactions.operations import approvals, coding
from transactions.operations.clearing import Clearing, clear
from transactions.operations.swipes import authorize
from users import operations as people


def category(name: str) -> Category:
    return Category.objects.get(name=name)


def part(minor: int, name: str | None = "Meals", **more) -> Split:
    return Split(share_minor=minor, category=category(name) if name else None, **more)


def bought(world, minor: int = 100_00, *, captured: bool = True, **more) -> Transaction:
    purchase = authorize(world.reload(), swipe(minor, **more)).transaction
    return clear(purchase, Clearing("capture", f"c-{purchase.pk}", NOON, is_final=True), actor=None) if captured else purchase


def split(world, purchase, *parts, actor=None) -> Transaction:
    return coding.describe(purchase, {"splits": list(parts)}, actor=actor or world.alice, at=NOON)


def amounts(purchase) -> list[int]:
    return list(Split.objects.filter(transaction=purchase).order_by("position").values_list("amount_minor", flat=True))


def spend(dimension: str = "category") -> dict[str, tuple[int, int]]:
    """By name, from the month's rollup: amount and items; what comes to nothing is left out."""
    names = {row.pk: row.name for row in (Category if dimension == "category" else Budget).objects.all()}
    rows = MonthSpend.objects.filter(dimension=dimension).values_list("value_id", "amount_minor", "item_count")
    return {names.get(pk, "none"): (minor, items) for pk, minor, items in rows if (minor, items) != (0, 0)}


def proven() -> None:
    call_command("verify")


def test_spend_stands_under_each_part_and_the_whole_is_counted_once(acme):
    purchase = bought(acme)
    assert spend() == {"Meals": (100_00, 1)}
    split(acme, purchase, part(70_00, "Travel"), part(30_00))
    assert spend() == {"Travel": (70_00, 1), "Meals": (30_00, 0)}
    # Its own category is that of the largest part: what a list shows.
    assert (purchase.category, Transaction.objects.get().category.name, Transaction.objects.get().is_split) == (
        category("Meals"),
        "Travel",
        True,
    )
    proven()


def test_parts_in_any_order_of_split_and_capture_end_the_same(acme):
    first, second = bought(acme, captured=False), bought(acme)
    split(acme, first, part(60_00, "Travel"), part(40_00))
    assert SpendLine.objects.filter(transaction=first).count() == 0
    clear(first, Clearing("capture", "c1", NOON, is_final=True), actor=None)
    split(acme, second, part(60_00, "Travel"), part(40_00))
    assert spend() == {"Travel": (120_00, 2), "Meals": (80_00, 0)}
    proven()


def test_more_is_captured_and_a_part_comes_back_in_proportion(acme):
    """A tip of 20 %, then a refund that does not divide evenly."""
    purchase = bought(acme, captured=False)
    split(acme, purchase, part(50_00, "Travel"), part(25_00), part(25_00, None))
    clear(purchase, Clearing("capture", "c1", NOON, 120_00, is_final=True), actor=None)
    assert amounts(purchase) == [60_00, 30_00, 30_00]
    clear(purchase, Clearing("refund", "r1", NOON, 33_33), actor=None)
    lines = SpendLine.objects.filter(entry__kind="refund").order_by("pk").values_list("amount_minor", "counts")
    assert list(lines) == [(-16_67, 1), (-8_33, 0), (-8_33, 0)]
    assert sum(minor for minor, _ in spend().values()) == 120_00 - 33_33
    proven()


def test_split_anew_moves_only_what_moves_and_undone_it_stands_in_one_piece(acme):
    purchase = bought(acme)
    split(acme, purchase, part(70_00, "Travel"), part(30_00))
    before = SpendLine.objects.count()
    split(acme, purchase, part(70_00, "Travel"), part(20_00), part(10_00, None))
    moved = SpendLine.objects.order_by("pk")[before:]
    assert [(line.category.name if line.category else None, line.amount_minor) for line in moved] == [("Meals", -10_00), (None, 10_00)]
    split(acme, purchase)
    assert (spend(), Split.objects.count(), Transaction.objects.get().is_split) == ({"Travel": (100_00, 1)}, 0, False)
    proven()


def test_what_is_said_again_changes_nothing(acme):
    purchase = bought(acme)
    parts = [part(70_00, "Travel", memo="Train"), part(30_00)]
    split(acme, purchase, *parts)
    before = (Event.objects.count(), SpendLine.objects.count(), list(Split.objects.values()))
    split(acme, purchase, part(70_00, "Travel", memo="Train"), part(30_00))
    assert (Event.objects.count(), SpendLine.objects.count(), list(Split.objects.values())) == before


@pytest.mark.parametrize(
    ("parts", "field", "says"),
    [
        ([(70_00, {}), (29_99, {})], "splits", "$0.01 less"),
        ([(70_00, {}), (30_01, {})], "splits", "$0.01 more"),
        ([(110_00, {}), (-10_00, {})], "splits.1.amount", "more than nothing"),
        ([(100_00, {"tax_minor": 100_01})], "splits.0.tax", "part of the amount"),
        ([(50_00, {}), (50_00, {"tax_minor": -1})], "splits.1.tax", "part of the amount"),
        ([(1, {})] * 51, "splits", "At most 50"),
    ],
)
def test_what_does_not_add_up_is_refused_and_nothing_is_kept(acme, parts, field, says):
    purchase = bought(acme)
    with pytest.raises(errors.Invalid) as refused:
        split(acme, purchase, *(part(minor, **more) for minor, more in parts))
    assert (refused.value.field, says in refused.value.message, Split.objects.count()) == (field, True, 0)


@pytest.mark.parametrize("change", [{"category": None}, {"tax_code": "V20"}, {"tax_minor": 1}])
def test_what_each_part_says_for_itself_the_whole_does_not(acme, change):
    purchase = split(acme, bought(acme), part(70_00), part(30_00, None))
    change = {"category": category("Travel")} if "category" in change else change
    with pytest.raises(errors.Invalid) as refused:
        coding.describe(purchase, change, actor=acme.alice, at=NOON)
    assert "say it of its parts" in refused.value.message


@pytest.mark.parametrize("kind", ["declined", "reversed"])
def test_what_came_to_nothing_is_not_split(acme, kind):
    if kind == "declined":
        purchase = authorize(acme.reload(), swipe(10_000_00)).transaction
    else:
        purchase = bought(acme, captured=False)
        clear(purchase, Clearing("reversal", "r1", NOON), actor=None)
    with pytest.raises(errors.InvalidState):
        split(acme, purchase, part(purchase.amount_minor))


def test_a_person_who_splits_it_anew_voids_what_was_decided_and_tax_does_not(acme):
    adopt(acme)
    purchase = bought(acme)
    approvals.submit(purchase, actor=acme.bob, at=NOON)
    decide(Approval.objects.get(), acme.alice, at=NOON)
    coding.describe(purchase, {"tax_minor": 5_00, "tax_code": "V20"}, actor=acme.alice, at=NOON)
    assert Transaction.objects.get().approval == "approved"
    split(acme, purchase, part(70_00), part(30_00, "Travel"))
    assert (Transaction.objects.get().approval, Approval.objects.get().status) == ("open", "void")
    assert Event.objects.filter(type="approval.voided", details__contains="split_changed").count() == 1
    approvals.submit(Transaction.objects.get(), actor=acme.bob, at=NOON)
    waiting = Approval.objects.latest("pk")
    seen = waiting.seen
    split(acme, Transaction.objects.get(), part(60_00), part(40_00, "Travel"))
    assert Approval.objects.latest("pk").status == "void"
    approvals.submit(Transaction.objects.get(), actor=acme.bob, at=NOON)
    assert Approval.objects.latest("pk").seen != seen
    proven()


def test_policies_look_at_every_part(acme):
    sales = people.add_department(name="Sales", actor=acme.alice, at=NOON)
    purchase = split(acme, bought(acme), part(70_00, "Travel"), part(30_00, None, department=sales))
    facts = queries.facts_of(purchase)
    assert (facts.categories, facts.departments, facts.has_category) == ({category("Travel").pk}, {sales.pk}, False)


def test_a_part_without_a_category_is_missing_one(acme):
    adopt(acme)
    purchase = split(acme, bought(acme), part(70_00, "Travel"), part(30_00, None))
    assert Transaction.objects.get().missing_items == ["category"]
    split(acme, purchase, part(70_00, "Travel"), part(30_00))
    assert Transaction.objects.get().missing_items == []


# Budgets.


@pytest.fixture
def envelopes(acme):
    """Bob's card draws from Team, which lies in All; Fair lies in All, too, and Project stands alone. All are monthly and hard."""

    def make(name: str, minor: int, parent=None) -> Budget:
        return budgets.create(
            name=name, limit=Money(minor, "USD"), interval=BudgetInterval.MONTH, is_hard=True, owner=acme.alice, members=[acme.bob],
            parent=parent, actor=acme.alice, at=NOON,
        )  # fmt: skip

    acme.all = make("All", 500_00)
    acme.team, acme.fair, acme.project = make("Team", 300_00, acme.all), make("Fair", 100_00, acme.all), make("Project", 50_00)
    acme.card = cards.issue(acme.bob, name="T", currency="USD", controls=cards.Controls(), budget=acme.team, actor=acme.alice, at=NOON)
    return acme


def used(world) -> dict[str, tuple[int, int, int]]:
    """Held, posted and purchases of each budget's counter of March, where there is one."""
    rows = LimitCounter.objects.filter(budget__isnull=False, starts_on__month=3).select_related("budget")
    return {row.budget.name: (row.held_minor, row.posted_minor, row.purchases) for row in rows}


def test_each_budget_counts_the_part_that_is_its_own(envelopes):
    purchase = bought(envelopes)
    assert used(envelopes) == {"Team": (0, 100_00, 1), "All": (0, 100_00, 1)}
    split(envelopes, purchase, part(60_00), part(30_00, budget=envelopes.fair), part(10_00, budget=envelopes.project))
    assert used(envelopes) == {"Team": (0, 60_00, 1), "All": (0, 90_00, 1), "Fair": (0, 30_00, 0), "Project": (0, 10_00, 0)}
    assert spend("budget") == {"Team": (60_00, 1), "Fair": (30_00, 0), "Project": (10_00, 0)}
    proven()
    split(envelopes, purchase)
    assert used(envelopes) == {"Team": (0, 100_00, 1), "All": (0, 100_00, 1), "Fair": (0, 0, 0), "Project": (0, 0, 0)}
    proven()


def test_a_hold_stays_where_it_was_authorized_and_moves_when_it_clears(envelopes):
    purchase = bought(envelopes, captured=False)
    split(envelopes, purchase, part(60_00), part(40_00, budget=envelopes.fair))
    assert used(envelopes) == {"Team": (100_00, 0, 1), "All": (100_00, 0, 1)}
    clear(purchase, Clearing("capture", "c1", NOON, 50_00), actor=None)
    assert used(envelopes) == {"Team": (50_00, 30_00, 1), "All": (50_00, 50_00, 1), "Fair": (0, 20_00, 0)}
    clear(purchase, Clearing("capture", "c2", NOON, 50_00, is_final=True), actor=None)
    clear(purchase, Clearing("refund", "r1", NOON, 99_00), actor=None)
    assert used(envelopes) == {"Team": (0, 60, 1), "All": (0, 1_00, 1), "Fair": (0, 40, 0)}
    proven()


def test_a_purchase_may_be_booked_to_another_budget_altogether_and_come_back_whole(envelopes):
    purchase = bought(envelopes, 40_00)
    split(envelopes, purchase, part(40_00, budget=envelopes.project))
    clear(purchase, Clearing("refund", "r1", NOON, 40_00), actor=None)
    assert used(envelopes) == {"Team": (0, 0, 1), "All": (0, 0, 1), "Project": (0, 0, 0)}
    proven()


def test_a_hard_budget_without_room_refuses_and_nothing_moves(envelopes):
    purchase = bought(envelopes)
    before = (used(envelopes), spend(), Draw.objects.count())
    with pytest.raises(errors.InvalidState) as refused:
        split(envelopes, purchase, part(49_99), part(50_01, budget=envelopes.project))
    assert (refused.value.code, refused.value.field, "$50.00 left" in refused.value.message) == ("over_budget", "splits", True)
    assert (used(envelopes), spend(), Draw.objects.count(), Split.objects.count()) == (*before, 0)
    split(envelopes, purchase, part(50_00), part(50_00, budget=envelopes.project))
    drawn = Draw.objects.filter(counter__budget=envelopes.project).get()
    assert (drawn.is_approval, drawn.limit_minor, drawn.posted_delta_minor) == (True, 50_00, 50_00)


def test_what_clears_later_is_a_fact_whatever_it_does_to_a_hard_budget(envelopes):
    purchase = bought(envelopes, captured=False)
    split(envelopes, purchase, part(50_00), part(50_00, budget=envelopes.project))
    clear(purchase, Clearing("capture", "c1", NOON, 130_00, is_final=True), actor=None)
    assert used(envelopes)["Project"] == (0, 65_00, 0)
    proven()


def test_a_closed_budget_takes_nothing_new_and_keeps_what_it_has(envelopes):
    purchase = bought(envelopes)
    split(envelopes, purchase, part(60_00), part(40_00, budget=envelopes.project))
    budgets.close(envelopes.project, actor=envelopes.alice, at=NOON)
    envelopes.project.refresh_from_db()
    split(envelopes, purchase, part(65_00), part(35_00, budget=envelopes.project))
    with pytest.raises(errors.InvalidState):
        split(envelopes, purchase, part(60_00), part(40_00, budget=envelopes.project))
    assert used(envelopes)["Project"] == (0, 35_00, 0)


def test_a_threshold_is_told_when_a_part_crosses_it_and_not_when_it_only_moves_about(envelopes):
    purchase = bought(envelopes)
    split(envelopes, purchase, part(55_00), part(45_00, budget=envelopes.project))
    told = Event.objects.filter(type="budget.threshold_reached", subject_id=envelopes.project.public_id)
    assert told.count() == 1
    clear(purchase, Clearing("refund", "r1", NOON, 1_00), actor=None)
    clear(purchase, Clearing("refund_reversal", "r2", NOON, 1_00), actor=None)
    assert told.count() == 1


def test_an_earlier_authorization_moves_the_parts_to_its_own_month(envelopes):
    """The network tells late of an authorization in February: the purchase and its parts belong there."""
    from transactions.operations.clearing import Fact, book

    february = NOON - timedelta(days=20)
    purchase = book(envelopes.reload(), Fact("capture", "n1", "ref-1", Money(100_00, "USD"), NOON, is_final=True, merchant_name="Shop"))
    split(envelopes, purchase, part(60_00), part(40_00, budget=envelopes.fair))
    book(envelopes.reload(), Fact("advice", "n2", "ref-1", Money(100_00, "USD"), february))
    assert used(envelopes) == {"Team": (0, 0, 0), "All": (0, 0, 0), "Fair": (0, 0, 0)}
    rows = LimitCounter.objects.filter(budget__isnull=False, starts_on__month=2).select_related("budget")
    assert {row.budget.name: row.posted_minor for row in rows} == {"Team": 60_00, "All": 100_00, "Fair": 40_00}
    proven()


def test_a_counter_that_opens_later_knows_of_parts_that_were_booked_before_it(envelopes):
    """Fair's counter of the month is gone, as if nobody had asked for it yet: it opens with what the parts came to."""
    purchase = bought(envelopes)
    split(envelopes, purchase, part(60_00), part(40_00, budget=envelopes.fair))
    Draw.objects.filter(counter__budget=envelopes.fair)._raw_delete(using="default")
    LimitCounter.objects.filter(budget=envelopes.fair).delete()
    other = bought(envelopes)
    split(envelopes, other, part(90_00), part(10_00, budget=envelopes.fair))
    assert (used(envelopes)["Fair"], LimitCounter.objects.get(budget=envelopes.fair).opening_posted_minor) == ((0, 50_00, 0), 40_00)


def test_an_imported_line_is_split_over_categories_and_not_over_budgets(envelopes):
    from transactions.operations.statements import StatementFile, import_statement

    rows = b"Date,Amount,Merchant\n2026-03-05,90.00,Shop\n2026-03-05,-9.00,Shop\n"
    import_statement(envelopes.acme, StatementFile(rows, "s.csv"), actor=envelopes.alice, at=NOON)
    charge, credit = Transaction.objects.filter(source="statement").order_by("-amount_minor")
    split(envelopes, charge, part(45_00), part(45_00, "Travel"))
    split(envelopes, credit, part(-5_00), part(-4_00, "Travel"))
    assert spend() == {"Meals": (40_00, 2), "Travel": (41_00, 0)}
    with pytest.raises(errors.Invalid) as refused:
        split(envelopes, charge, part(90_00, budget=envelopes.fair))
    assert refused.value.field == "splits.0.budget"
    proven()


def test_a_part_in_another_currency_than_its_budget_is_refused(envelopes):
    euros = budgets.create(
        name="Euros", limit=Money(1, "EUR"), interval=BudgetInterval.MONTH, is_hard=False, owner=envelopes.alice, actor=envelopes.alice,
        at=NOON,
    )  # fmt: skip
    with pytest.raises(errors.Invalid) as refused:
        split(envelopes, bought(envelopes), part(100_00, budget=euros))
    assert (refused.value.field, "EUR" in refused.value.message) == ("splits.0.budget", True)


def test_a_single_message_on_a_split_purchase_is_spread_at_once(envelopes):
    purchase = bought(envelopes, captured=False, ref="r-1")
    split(envelopes, purchase, part(60_00), part(40_00, budget=envelopes.fair))
    authorize(envelopes.reload(), swipe(50_00, ref="r-1", is_financial=True))
    assert used(envelopes) == {"Team": (100_00, 30_00, 1), "All": (100_00, 50_00, 1), "Fair": (0, 20_00, 0)}
    proven()


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("UPDATE splits SET amount_minor = amount_minor + 1 WHERE position = 0", "they should be"),
        ("UPDATE splits SET posted_minor = 1 WHERE position = 0", "they should be"),
        ("UPDATE transactions SET is_split = 0", "is in one piece, and has parts"),
        ("DELETE FROM splits", "is said to be split, and has no parts"),
    ],
)
def test_verify_names_what_does_not_add_up(acme, sql, says):
    from django.db import connection

    from reports import verification

    split(acme, bought(acme), part(70_00), part(30_00, "Travel"))
    assert list(verification.split_parts()) == []
    with connection.cursor() as cursor:
        cursor.execute(sql)
    assert [says in sentence for sentence in verification.split_parts()] == [True]


@given(st.integers(-(10**12), 10**12), st.lists(st.integers(1, 10**9), min_size=1, max_size=50))
def test_parts_always_add_up(total, shares):
    parts = allocate(total, shares)
    assert sum(parts) == total
    # Nobody is off by a whole minor unit.
    assert all(abs(minor * sum(shares) - total * share) < sum(shares) for minor, share in zip(parts, shares, strict=True))


def test_a_budget_is_not_told_of_what_parts_of_others_come_to(envelopes):
    """All of it is booked to Project: Team has nothing to be told of, whatever is captured on the way."""
    said = {"interval": BudgetInterval.MONTH, "is_hard": False, "owner": envelopes.alice}
    team, big = (
        budgets.create(name=name, limit=Money(minor, "USD"), **said, actor=envelopes.alice, at=NOON)
        for name, minor in (("Small", 130_00), ("Big", 900_00))
    )
    rules = cards.Controls()
    envelopes.card = cards.issue(envelopes.bob, name="S", currency="USD", controls=rules, budget=team, actor=envelopes.alice, at=NOON)
    purchase = bought(envelopes, 100_00, captured=False)
    split(envelopes, purchase, part(100_00, budget=big))
    clear(purchase, Clearing("capture", "m1", NOON, 100_00), actor=None)
    told = Event.objects.filter(type="budget.threshold_reached", subject_id=team.public_id)
    before = told.count()
    clear(purchase, Clearing("capture", "m2", NOON, 40_00, is_final=True), actor=None)
    assert told.count() == before
    assert (used(envelopes)["Small"][1], used(envelopes)["Big"][1]) == (0, 140_00)
    proven()
