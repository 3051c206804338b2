from __future__ import annotations

from datetime import timedelta

import pytest

from companies.models import Category
from reports import verification
from spendtrackr.periods import month_of
from spendtrackr.tenancy import company_scope
from tests.factories import NOON, swipe
from tests.figures import spend, told
from transactions.models import DaySpend, MonthSpend, SpendLine, Transaction
from transactions.operations.clearing import Clearing, clear
from transactions.operations.coding import describe
from transactions.operations.statements import StatementFile, import_statement
from transactions.operations.swipes import authorize

LATER = NOON + timedelta(days=1)
MARCH = month_of(NOON.date())


def category(name) -> Category:
    return Category.objects.get(name=name)


@pytest.fixture
def posted(acme):
    purchase = authorize(acme.card, swipe(100_00)).transaction
    clear(purchase, Clearing("capture", "c", NOON, is_final=True), actor=None)
    acme.purchase = clear(purchase, Clearing("refund", "r", LATER, 30_00), actor=None)
    return acme


def by_category() -> dict[str, tuple[int, int]]:
    return {label: (spent.minor, items) for label, (spent, items) in told(spend(MARCH, "category")).items()}


def books_fit() -> bool:
    checks = (verification.spend_lines, verification.day_rollup, verification.month_rollup, verification.coding)
    return [sentence for check in checks for sentence in check()] == []


def test_a_new_category_moves_spend_and_refund_on_their_own_days(posted):
    assert by_category() == {"Meals": (70_00, 2)}
    describe(posted.purchase, {"category": category("Travel")}, actor=posted.bob, at=LATER + timedelta(days=40))

    assert by_category() == {"Travel": (70_00, 2)}
    days = DaySpend.objects.filter(dimension="category", value_id=category("Travel").pk).order_by("starts_on")
    assert list(days.values_list("starts_on__day", "amount_minor", "item_count")) == [(10, 100_00, 1), (11, -30_00, 1)]
    assert SpendLine.objects.count() == 6
    assert books_fit()


def test_back_again_is_as_if_nothing_had_been(posted):
    before = by_category()
    for name in ("Travel", "Meals", "Travel", "Meals"):
        describe(posted.purchase, {"category": category(name)}, actor=posted.bob, at=LATER)
    assert by_category() == before
    assert books_fit()


def test_no_category_is_a_category_too(posted):
    describe(posted.purchase, {"category": None}, actor=posted.bob, at=LATER)
    assert by_category() == {"Uncategorised": (70_00, 2)}
    assert books_fit()


def test_a_refund_after_the_change_goes_where_the_purchase_is_now(posted):
    describe(posted.purchase, {"category": category("Travel")}, actor=posted.bob, at=LATER)
    clear(posted.purchase, Clearing("refund", "r2", LATER, 20_00), actor=None)
    assert by_category() == {"Travel": (50_00, 3)}
    assert books_fit()


def test_the_other_dimensions_stay_what_they_were(posted):
    before = {group: spend(MARCH, group) for group in ("month", "member", "card", "merchant", "department")}
    describe(posted.purchase, {"category": category("Travel")}, actor=posted.bob, at=LATER)
    assert {group: spend(MARCH, group) for group in before} == before


def test_a_purchase_that_has_not_cleared_has_no_lines_to_move(acme):
    purchase = authorize(acme.card, swipe(100_00)).transaction
    describe(purchase, {"category": category("Travel"), "memo": "To Boston"}, actor=acme.bob, at=NOON)
    assert not SpendLine.objects.exists()
    clear(purchase, Clearing("capture", "c", NOON, is_final=True), actor=None)
    assert by_category() == {"Travel": (100_00, 1)}
    assert Transaction.objects.get().memo == "To Boston"


def test_imported_lines_are_coded_anew_by_the_bookkeeper(world):
    rows = b"Date,Amount,Merchant\n2026-03-05,12.00,Shop\n2026-03-06,-2.00,Shop\n"
    import_statement(world.acme, StatementFile(rows, "s.csv"), actor=world.alice, at=NOON)
    with company_scope(world.acme.pk):
        for line in Transaction.objects.all():
            describe(line, {"category": category("Training and education")}, actor=world.alice, at=NOON)
        assert by_category() == {"Training and education": (10_00, 2)}
        assert books_fit()
        rollup = MonthSpend.objects.get(dimension="category", value_id=0)
        assert (rollup.line_count, rollup.item_count, rollup.amount_minor) == (4, 0, 0)
        import_statement(world.acme, StatementFile(b"Date,Amount,Merchant\n2026-03-08,5.00,Shop\n", "t.csv"), actor=world.alice, at=NOON)
        assert by_category() == {"Training and education": (15_00, 3)}
