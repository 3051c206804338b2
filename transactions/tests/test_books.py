"""Closing the books: what was posted by a closed day stays booked as it is, whoever asks; what is late comes on its own day."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from cards.models import BudgetInterval
from cards.operations import budgets
from companies import operations as companies
from companies.models import Category
from spendtrackr import errors
from spendtrackr.models import Event
from spendtrackr.money import Money
from tests.factories import NOON, swipe
from tests.papers import picture
from tests.rules import adopt, decide
from transactions.documents import inspect
from transactions.models import Approval, BookClosing, Books, SpendLine, Split, Transaction
from transactions.operations import approvals, books, claims, coding, receipts
from transactions.operations.claims import Wish
from transactions.operations.clearing import Clearing, clear
from transactions.operations.statements import StatementFile, import_statement
from transactions.operations.swipes import authorize
from transactions.splits import BooksClosed
from users import operations as people

pytestmark = pytest.mark.django_db
THE_TENTH, LATER = NOON.date(), NOON + timedelta(days=30)


@pytest.fixture
def office(acme):
    acme.frank = acme.hire("Frank", "finance")
    acme.meals, acme.travel = (Category.objects.get(name=name) for name in ("Meals", "Travel"))
    acme.sales = people.add_department(name="Sales", actor=acme.alice, at=NOON)
    return acme


def bought(office, minor: int = 100_00, *, at=NOON, **said) -> Transaction:
    purchase = authorize(office.reload(), swipe(minor, at=at, **said)).transaction
    return clear(purchase, Clearing("capture", f"c{purchase.pk}", at, is_final=True), actor=None)


def close(office, through: date | None = THE_TENTH, *, actor=None):
    return books.close(through, actor=actor or office.frank, at=LATER)


def lines() -> list[tuple]:
    return list(SpendLine.objects.order_by("pk").values_list("day", "category__name", "amount_minor"))


WAYS = {
    "category": lambda office: {"category": office.travel},
    "department": lambda office: {"department": office.sales},
    "tax_code": lambda office: {"tax_code": "V19"},
    "tax": lambda office: {"tax_minor": 5_00},
    "splits": lambda office: {
        "splits": [Split(share_minor=60_00, category=office.meals), Split(share_minor=40_00, category=office.travel)]
    },
}


@pytest.mark.parametrize("way", WAYS)
def test_no_way_of_coding_moves_what_was_posted_by_a_closed_day(office, way):
    purchase = bought(office)
    close(office)
    before, events = lines(), Event.objects.count()
    with pytest.raises(BooksClosed) as refused:
        coding.describe(purchase, WAYS[way](office), actor=office.alice, at=LATER)
    assert (refused.value.code, refused.value.status, refused.value.field) == ("books_closed", 409, way)
    assert "10 Mar 2026" in refused.value.message
    assert (lines(), Event.objects.count()) == (before, events)
    now = Transaction.objects.get(pk=purchase.pk)
    assert (now.category, now.department, now.tax_code, now.tax_minor, now.is_split) == (office.meals, None, "", None, False)


@pytest.mark.parametrize("way", WAYS)
def test_the_day_after_is_open(office, way):
    purchase = bought(office)
    close(office, THE_TENTH - timedelta(days=1))
    coding.describe(purchase, WAYS[way](office), actor=office.alice, at=LATER)
    assert len(lines()) > 1


def test_the_budget_of_a_part_is_coding_too_and_its_room_comes_back(office):
    budget = budgets.create(
        name="Fair", limit=Money(900_00, "USD"), interval=BudgetInterval.MONTH, is_hard=True, owner=office.alice, members=[],
        actor=office.alice, at=NOON,
    )  # fmt: skip
    purchase = bought(office)
    coding.describe(purchase, {"splits": [Split(share_minor=100_00, category=office.meals)]}, actor=office.alice, at=NOON)
    close(office)
    parts = [Split(share_minor=100_00, category=office.meals, budget=budget)]
    with pytest.raises(BooksClosed):
        coding.describe(purchase, {"splits": parts}, actor=office.alice, at=LATER)
    assert [part.posted_minor for part in Split.objects.all()] == [0]


def test_what_is_said_of_it_and_its_papers_stay_open(office):
    purchase = bought(office)
    coding.describe(purchase, {"splits": [Split(share_minor=100_00, category=office.meals)]}, actor=office.alice, at=NOON)
    close(office)
    tag = companies.add_tag(name="Trip", actor=office.alice, at=LATER)
    parts = [Split(share_minor=100_00, category=office.meals, memo="With Contoso")]
    coding.describe(purchase, {"memo": "Lunch", "tags": [tag], "splits": parts}, actor=office.bob, at=LATER)
    receipts.attach(purchase, inspect(picture(), "r.png"), "r1", actor=office.bob, at=LATER)
    now = Transaction.objects.get(pk=purchase.pk)
    assert (now.memo, now.receipt_count, [part.memo for part in Split.objects.all()]) == ("Lunch", 1, ["With Contoso"])


def test_an_imported_line_on_a_closed_day_is_given_to_nobody(office):
    file = StatementFile(b"Date,Amount,Merchant\n2026-03-05,12.00,Bakery\n", "s.csv")
    import_statement(office.acme, file, actor=office.frank, at=NOON)
    close(office)
    with pytest.raises(BooksClosed) as refused:
        coding.describe(Transaction.objects.get(), {"member": office.bob}, actor=office.frank, at=LATER)
    assert refused.value.field == "member"
    assert Transaction.objects.get().member is None


def test_of_several_each_is_refused_by_itself(office):
    closed, open_ = bought(office), bought(office, at=NOON + timedelta(days=2))
    close(office)
    results = coding.describe_all([closed, open_], {"category": office.travel}, actor=office.alice, at=LATER)
    assert [result.refusal and result.refusal.code for result in results] == ["books_closed", None]
    assert [row.category for row in Transaction.objects.order_by("pk")] == [office.meals, office.travel]


def test_what_was_not_posted_by_then_is_free(office):
    purchase = authorize(office.reload(), swipe(10_00)).transaction
    close(office)
    coding.describe(purchase, {"category": office.travel, "tax_code": "V"}, actor=office.alice, at=LATER)
    assert lines() == []


def test_what_the_network_tells_late_is_booked_on_its_own_day(office):
    purchase = bought(office)
    close(office)
    clear(purchase, Clearing("refund", "r1", NOON + timedelta(hours=1), amount_minor=30_00), actor=None)
    assert lines() == [(THE_TENTH, "Meals", 100_00), (THE_TENTH, "Meals", -30_00)]
    with pytest.raises(BooksClosed):
        coding.describe(purchase, {"category": office.travel}, actor=office.alice, at=LATER)


def test_a_claim_is_booked_and_taken_back_on_the_day_of_the_decision_whatever_is_closed(office):
    adopt(office)
    wish = Wish(THE_TENTH, Money(30_00, "USD"), "Inn", "Trip", [Split(share_minor=30_00, category=office.meals)])
    claim = claims.make(wish, actor=office.bob, at=NOON)
    approvals.submit(claim, actor=office.bob, at=NOON)
    decide(Approval.objects.get(), office.alice, at=NOON)
    close(office)
    approvals.papers_changed(Transaction.objects.get(), removed=True, actor=office.bob, at=LATER)
    assert lines() == [(THE_TENTH, "Meals", 30_00), (LATER.date(), "Meals", -30_00)]
    with pytest.raises(BooksClosed) as refused:
        claims.change(claim, Wish(THE_TENTH, Money(30_00, "USD"), "Inn", "Trip", [Split(share_minor=30_00, category=office.travel)]),
                      actor=office.bob, at=LATER)  # fmt: skip
    assert refused.value.field == "lines"
    assert Transaction.objects.get().category == office.meals


def test_a_claim_that_was_booked_and_is_written_anew_moves_what_it_left_behind(office):
    adopt(office)
    wish = Wish(THE_TENTH, Money(30_00, "USD"), "Inn", "Trip", [Split(share_minor=30_00, category=office.meals)])
    claim = claims.make(wish, actor=office.bob, at=NOON)
    approvals.submit(claim, actor=office.bob, at=NOON)
    decide(Approval.objects.get(), office.alice, at=NOON)
    approvals.papers_changed(Transaction.objects.get(), removed=True, actor=office.bob, at=NOON)
    claims.change(claim, Wish(THE_TENTH, Money(40_00, "USD"), "Inn", "Trip", [Split(share_minor=40_00, category=office.travel)]),
                  actor=office.bob, at=NOON)  # fmt: skip
    from reports.verification import coding as check

    assert list(check()) == []
    assert sum(minor for _, name, minor in lines() if name == "Travel") == 0


# Closing itself


def test_a_day_is_closed_when_it_is_over(office):
    for day in (LATER.date(), LATER.date() + timedelta(days=1)):
        with pytest.raises(errors.Invalid) as refused:
            close(office, day)
        assert refused.value.field == "closed_through"
    assert not BookClosing.objects.exists()
    assert close(office, LATER.date() - timedelta(days=1)).closed_through == date(2026, 4, 8)


def test_bookkeepers_close_and_only_who_runs_the_company_opens_again(office):
    purchase = bought(office)
    close(office)
    for through in (THE_TENTH - timedelta(days=1), None):
        with pytest.raises(errors.Forbidden):
            close(office, through)
    assert Books.objects.get().closed_through == THE_TENTH
    close(office, None, actor=office.alice)
    coding.describe(purchase, {"category": office.travel}, actor=office.frank, at=LATER)
    close(office)
    mark = SpendLine.objects.latest("pk").pk
    assert list(BookClosing.objects.order_by("pk").values_list("before", "closed_through", "last_line_id")) == [
        (None, THE_TENTH, mark - 2), (THE_TENTH, None, mark - 2), (None, THE_TENTH, mark),
    ]  # fmt: skip
    told = Event.objects.filter(type__startswith="books.").order_by("pk").values_list("type", "actor_id", "details")
    assert list(told) == [
        ("books.closed", office.frank.public_id, '{"before": null, "through": "2026-03-10"}'),
        ("books.reopened", office.alice.public_id, '{"before": "2026-03-10", "through": null}'),
        ("books.closed", office.frank.public_id, '{"before": null, "through": "2026-03-10"}'),
    ]


def test_closing_what_is_closed_is_nothing(office):
    close(office)
    close(office)
    assert BookClosing.objects.count() == Event.objects.filter(type="books.closed").count() == 1


def test_another_tax_writes_the_lines_anew_and_no_sum_moves(office):
    purchase = bought(office)
    coding.describe(purchase, {"tax_code": "V19", "tax_minor": 15_97}, actor=office.frank, at=NOON)
    assert lines() == [(THE_TENTH, "Meals", 100_00), (THE_TENTH, "Meals", -100_00), (THE_TENTH, "Meals", 100_00)]
    assert list(SpendLine.objects.order_by("pk").values_list("counts", flat=True)) == [1, -1, 1]
    coding.describe(purchase, {"tax_code": "V19"}, actor=office.frank, at=NOON)
    assert len(lines()) == 3


def test_another_tax_of_a_part_does_too_and_another_memo_does_not(office):
    purchase = bought(office)

    def split(**said):
        parts = [Split(share_minor=60_00, category=office.meals, **said), Split(share_minor=40_00, category=office.travel)]
        coding.describe(purchase, {"splits": parts}, actor=office.frank, at=NOON)
        return len(lines())

    assert split() == 3
    assert split(memo="Starters") == 3
    assert split(memo="Starters", tax_code="V7") == 7
    assert split(memo="Mains", tax_code="V7") == 7
