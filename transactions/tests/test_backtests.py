"""A draft tried on the past: row by row what the living functions say, whoever works on it and however often they fall."""

from __future__ import annotations

import json
from collections import Counter
from datetime import date, timedelta

import pytest

from cards import operations as cards
from cards.models import BudgetInterval
from cards.operations import budgets
from companies.models import Category
from spendtrackr import errors, jobs
from spendtrackr.models import Event
from spendtrackr.money import Money
from spendtrackr.tenancy import company_scope
from tests.factories import NOON, swipe
from tests.papers import picture
from tests.rules import adopt, approver, document, money, route, rule, step
from transactions import policies, queries, routing, tasks
from transactions.documents import inspect
from transactions.models import ApprovalState, Assignment, Backtest, BacktestRow, Split, Transaction
from transactions.operations import approvals, backtests, claims, coding, receipts
from transactions.operations import policies as operations
from transactions.operations.claims import Wish
from transactions.operations.clearing import Clearing, Fact, book, clear
from transactions.operations.statements import StatementFile, import_statement
from transactions.operations.swipes import authorize
from transactions.queries import Days
from users import operations as people

TODAY = NOON.date()
YEAR = Days(date(2025, 3, 11), TODAY)


def bought(world, minor: int = 20_00, *, card=None, memo: str = "", paper: bool = False, **more) -> Transaction:
    purchase = authorize(world.reload(card), swipe(minor, **more)).transaction
    purchase = clear(purchase, Clearing("capture", f"c-{purchase.pk}", more.get("at", NOON), is_final=True), actor=None)
    if memo:
        purchase = coding.describe(purchase, {"memo": memo}, actor=world.alice, at=NOON)
    if paper:
        receipts.attach(purchase, inspect(picture(), "r.png"), f"r-{purchase.pk}", actor=world.bob, at=NOON)
    return purchase


def past(world) -> None:
    """Purchases of every kind: with papers or without, in parts, claimed, imported, foreign, declined, given back, without a manager."""
    carol = world.hire("Carol", "employee")
    team = people.add_department(name="Team", head=carol, actor=world.alice, at=NOON)
    people.change_member(world.bob, {"manager": carol, "department": team}, actor=world.alice, at=NOON)
    budget = budgets.create(
        name="Trips", limit=Money(900_00, "USD"), interval=BudgetInterval.MONTH, is_hard=True, owner=carol, members=[], actor=world.alice,
        at=NOON,
    )  # fmt: skip
    meals, travel = Category.objects.get(name="Meals"), Category.objects.get(name="Travel")
    alone = cards.issue(world.alice, name="Hers", currency="USD", controls=cards.Controls(), actor=world.alice, at=NOON)
    without_manager = cards.issue(carol, name="Carol's", currency="USD", controls=cards.Controls(), actor=world.alice, at=NOON)
    for days in (400, 300, 30, 0):
        bought(world, 10_00 + days, at=NOON - timedelta(days=days), paper=days == 30, memo="Lunch" if days else "")
    bought(world, 60_00, merchant_name="Airline", merchant_code="3005", memo="Trip", paper=True)
    in_parts = bought(world, 80_00, merchant_name="Grill")
    parts = [Split(share_minor=30_00, category=meals), Split(share_minor=50_00, category=travel, department=team, budget=budget)]
    coding.describe(in_parts, {"splits": parts}, actor=world.alice, at=NOON)
    bought(world, 30_00, card=alone)
    bought(world, 40_00, card=without_manager, paper=True, memo="Books")
    authorize(world.card, swipe(9_999_00))
    authorize(world.card, swipe(7_00, ref="on-hold"))
    gone = authorize(world.card, swipe(8_00)).transaction
    clear(gone, Clearing("reversal", "back", NOON), actor=None)
    book(world.card, Fact("refund", "credit", "elsewhere", Money(5_00, "USD"), NOON, merchant_name="Shop", merchant_code="5999"))
    excused = bought(world, 25_00)
    coding.describe(excused, {"no_receipt_reason": "Lost"}, actor=world.bob, at=NOON)
    claims.make(Wish(TODAY, Money(12_00, "USD"), "Taxi", "Home", [Split(share_minor=12_00, category=travel)]), actor=world.bob, at=NOON)
    rows = b"Date,Amount,Currency,Merchant\n2026-02-05,4.00,EUR,Cafe\n2026-02-06,40.00,USD,Shop\n2026-02-07,-3.00,USD,Shop\n"
    import_statement(world.acme, StatementFile(rows, "s.csv"), actor=world.alice, at=NOON)
    owned = Transaction.objects.filter(source="statement").order_by("pk")[0]
    coding.describe(owned, {"member": world.bob}, actor=world.alice, at=NOON)


FINANCE = approver("role", role="finance")
DRAFT = (
    rule("Flights", merchant_categories=["3000-3299"], approval=route(step(FINANCE)), flag="Booked by the office?"),
    rule("Trips", categories=[], departments=[], amount_from=money(50_00), flag="Three offers",
         approval=route(step(approver("department_head"), approver("budget_owner"), mode="all"), step(approver("managers_manager")))),
    rule("Small", amount_below=money(35_00), approval=route()),
)  # fmt: skip


def draft(world, *rules, **more):
    return operations.write(document(*(rules or DRAFT), **({"receipt": 15_00, "memo": 50_00} | more)), actor=world.alice, at=NOON)


def tried(world, policy, days: Days = YEAR, **more) -> Backtest:
    backtest = backtests.try_policy(policy, days, actor=world.alice, at=NOON)
    finished(backtest, **more)
    return Backtest.objects.get(pk=backtest.pk)


def finished(backtest: Backtest, at=NOON) -> None:
    run = backtests.claim(backtest, at=at)
    while backtests.go_on(run, at=at):
        pass


def outcomes(backtest: Backtest, side: str = "after") -> Counter:
    return Counter(BacktestRow.objects.filter(backtest=backtest).values_list(f"{side}__outcome", flat=True))


def plainly(purchase: Transaction, rules: policies.Rules) -> tuple:
    """What is said of one purchase by the functions that decide it, asked one after the other."""
    if purchase.approval == "none":
        return ("not_asked", "", "", [], [])
    facts = queries.facts_of(purchase)
    verdict = policies.judge(facts, rules)
    missing = policies.missing(facts, verdict.required)
    company, asked, stuck = routing.organisation(), [], False
    for one in verdict.steps:
        slots = [routing.asked(named, purchase.member_id, company) for named in policies.about(one, facts).approvers]
        stuck = stuck or (any(not slot for slot in slots) if one.needs_all else all(not slot for slot in slots))
        asked.append(sorted({who.member for slot in slots for who in slot}))
    outcome = "incomplete" if missing else "automatic" if verdict.is_automatic else "nobody_eligible" if stuck else "waits"
    return (outcome, verdict.rule, " ".join(missing), asked, list(verdict.flags))


def said(answer) -> tuple:
    return (answer.outcome, answer.rule, answer.missing, answer.asked, answer.flagged)


def kept(backtest: Backtest) -> list[tuple]:
    rows = BacktestRow.objects.filter(backtest=backtest).select_related("before", "after").order_by("about")
    return [(row.about, said(row.before), said(row.after), row.is_changed, row.amount) for row in rows]


@pytest.mark.parametrize("size", [1_000, 4, 1])
def test_it_says_row_by_row_what_a_plain_look_says(acme, monkeypatch, size):
    monkeypatch.setattr("transactions.queries.trials.BLOCK", size)
    past(acme)
    current, new = adopt(acme, automatic_below=20_00, receipt=30_00), draft(acme)
    backtest = tried(acme, new)
    before, after = (queries.rules_of(policy.public_id, "USD") for policy in (current, new))
    expected = []
    for purchase in Transaction.objects.filter(occurred_on__range=(YEAR.first, YEAR.last)).order_by("pk"):
        both = plainly(purchase, before), plainly(purchase, after)
        differ = [one[:1] + one[2:] for one in both]
        expected.append((purchase.pk, *both, differ[0] != differ[1], purchase.amount))
    assert kept(backtest) == expected
    assert (backtest.status, backtest.total, backtest.done) == ("done", len(expected), len(expected))
    assert set(outcomes(backtest)) == {"automatic", "waits", "incomplete", "not_asked"}
    assert Transaction.objects.count() == len(expected) + 1


def test_what_it_says_is_what_happens_when_the_draft_is_switched_on(acme):
    past(acme)
    adopt(acme, automatic_below=20_00)
    new = draft(acme)
    rows = BacktestRow.objects.filter(backtest=tried(acme, new)).select_related("after", "transaction").order_by("pk")
    promised = {row.transaction.pk: row.after for row in rows}
    operations.activate(new, actor=acme.alice, at=NOON - timedelta(days=399))
    seen = Counter()
    for purchase in Transaction.objects.filter(approval="open", pk__in=promised):
        answer = promised[purchase.pk]
        try:
            after = approvals.submit(purchase, actor=acme.alice, at=NOON)
        except approvals.ItemsMissing:
            happened = "incomplete"
        else:
            happened = "automatic" if after.approval == ApprovalState.APPROVED else "waits"
            if happened == "waits":
                first = Assignment.objects.filter(step__approval__transaction=purchase, step__position=1)
                assert sorted(set(first.values_list("member_id", flat=True))) == answer.asked[0]
        assert happened == answer.outcome
        seen[happened] += 1
    assert set(seen) == {"incomplete", "automatic", "waits"}


def test_whoever_runs_the_company_alone_has_nobody_who_could_say_yes(acme):
    mine = cards.issue(acme.alice, name="Hers", currency="USD", controls=cards.Controls(), actor=acme.alice, at=NOON)
    bought(acme, 30_00, card=mine)
    assert outcomes(tried(acme, draft(acme, rule("All", approval=route(step(FINANCE))), receipt=None))) == {"nobody_eligible": 1}


def test_sums_are_those_of_the_rows_by_currency_and_person(acme):
    past(acme)
    adopt(acme, automatic_below=20_00)
    backtest = tried(acme, draft(acme))
    result = queries.result(backtest)
    rows = list(queries.rows_of(backtest))
    assert sum(one.count for one in result.moved) == len(rows)
    for one in result.outcomes:
        mine = [row for row in rows if row.currency == one.currency]
        for side in ("before", "after"):
            of = [row for row in mine if getattr(row, side).outcome == one.of]
            assert (getattr(one, side).count, getattr(one, side).amount_minor) == (len(of), sum(row.amount_minor for row in of))
    assert {one.of.user.name for one in result.approvers} == {"Alice", "Carol"}
    for one in result.approvers:
        found = queries.where(queries.rows_of(backtest), "after", {"approver": one.of.public_id}).filter(currency=one.currency)
        assert found.count() == one.after.count
    flagged = {(one.of, one.currency): one.after.count for one in result.flags}
    assert flagged == {("Three offers", "USD"): 2, ("Booked by the office?", "USD"): 1, ("Three offers", "EUR"): 1}
    for (flag, currency), count in flagged.items():
        assert queries.where(queries.rows_of(backtest), "after", {"flag": flag}).filter(currency=currency).count() == count
    assert sum(one.count for one in result.changed) == sum(row.is_changed for row in rows)


def test_there_is_no_result_before_it_is_done(acme):
    bought(acme)
    backtest = backtests.try_policy(draft(acme), YEAR, actor=acme.alice, at=NOON)
    assert (queries.result(backtest), backtest.status, backtest.total) == (None, "waiting", 1)


def test_nothing_but_the_backtest_is_written(acme):
    past(acme)
    before = list(Transaction.objects.order_by("pk").values()), Assignment.objects.count()
    tried(acme, draft(acme))
    assert (list(Transaction.objects.order_by("pk").values()), Assignment.objects.count()) == before
    told = Event.objects.filter(type__startswith="backtest.").order_by("pk").values_list("type", "actor_id")
    assert list(told) == [("backtest.asked", acme.alice.public_id), ("backtest.finished", "system")]


def test_a_company_without_a_policy_and_a_year_without_purchases(acme):
    backtest = tried(acme, draft(acme))
    assert (backtest.against, backtest.status, backtest.done, queries.result(backtest).outcomes) == (None, "done", 0, [])
    bought(acme)
    assert outcomes(tried(acme, draft(acme)), "before") == {"incomplete": 1}


def test_what_comes_after_it_was_asked_for_is_not_looked_at(acme):
    bought(acme)
    backtest = backtests.try_policy(draft(acme), YEAR, actor=acme.alice, at=NOON)
    bought(acme)
    finished(backtest)
    assert Backtest.objects.get().done == 1


@pytest.mark.parametrize(
    ("days", "field"), [(Days(TODAY, TODAY - timedelta(days=1)), "ends_on"), (Days(TODAY - timedelta(days=731), TODAY), "starts_on")]
)
def test_days_that_make_no_sense_are_refused(acme, days, field):
    with pytest.raises(errors.Invalid) as refused:
        backtests.try_policy(draft(acme), days, actor=acme.alice, at=NOON)
    assert (refused.value.field, Backtest.objects.count()) == (field, 0)


@pytest.mark.parametrize(
    ("today", "first"),
    [(date(2026, 3, 10), date(2025, 3, 11)), (date(2024, 2, 29), date(2023, 3, 1)), (date(2025, 2, 28), date(2024, 2, 29))],
)
def test_the_last_twelve_months(today, first):
    assert backtests.last_year(today) == Days(first, today)


def test_three_at_a_time(acme):
    policy = draft(acme)
    for _ in range(3):
        first = backtests.try_policy(policy, YEAR, actor=acme.alice, at=NOON)
    with pytest.raises(errors.InvalidState):
        backtests.try_policy(policy, YEAR, actor=acme.alice, at=NOON)
    finished(first)
    backtests.try_policy(policy, YEAR, actor=acme.alice, at=NOON)


# Who works on it.


def test_only_one_works_on_it_until_the_claim_runs_out(acme):
    bought(acme)
    backtest = backtests.try_policy(draft(acme), YEAR, actor=acme.alice, at=NOON)
    fallen = backtests.claim(backtest, at=NOON)
    assert backtests.claim(backtest, at=NOON + timedelta(seconds=59)) is None
    other = backtests.claim(backtest, at=NOON + timedelta(seconds=60))
    assert not backtests.go_on(fallen, at=NOON + timedelta(seconds=61))
    assert not BacktestRow.objects.exists()
    assert not backtests.go_on(other, at=NOON + timedelta(seconds=61))
    assert (Backtest.objects.get().status, BacktestRow.objects.count()) == ("done", 1)
    assert backtests.claim(backtest, at=NOON + timedelta(days=1)) is None


def test_another_goes_on_where_a_worker_fell_and_ends_with_the_same(acme, monkeypatch):
    past(acme)
    monkeypatch.setattr("transactions.queries.trials.BLOCK", 5)
    whole = tried(acme, draft(acme))
    broken = backtests.try_policy(whole.policy, YEAR, actor=acme.alice, at=NOON)
    for number in range(20):
        run = backtests.claim(broken, at=NOON + timedelta(hours=number))
        if not backtests.go_on(run, at=NOON + timedelta(hours=number)):
            break
    broken.refresh_from_db()
    assert (broken.status, broken.done) == ("done", whole.done)
    assert kept(broken) == kept(whole)
    assert number == whole.done // 5


def test_a_purchase_that_moves_to_a_later_day_meanwhile_counts_once(acme, monkeypatch):
    monkeypatch.setattr("transactions.queries.trials.BLOCK", 1)
    first, _ = bought(acme, at=NOON - timedelta(days=5)), bought(acme)
    backtest = backtests.try_policy(draft(acme), YEAR, actor=acme.alice, at=NOON)
    run = backtests.claim(backtest, at=NOON)
    backtests.go_on(run, at=NOON)
    Transaction.objects.filter(pk=first.pk).update(occurred_on=TODAY)
    while backtests.go_on(run, at=NOON):
        pass
    assert (Backtest.objects.get().done, BacktestRow.objects.count()) == (2, 2)


def test_a_worker_goes_through_all_companies_and_gives_each_its_turn(world, monkeypatch):
    monkeypatch.setattr("transactions.queries.trials.BLOCK", 1)
    for member, card in ((world.alice, world.card), (world.mallory, world.her_card)):
        with company_scope(member.company_id):
            for _ in range(3):
                authorize(card, swipe())
            backtests.try_policy(operations.write(document(), actor=member, at=NOON), YEAR, actor=member, at=NOON)
    assert [tasks.run_backtests(NOON, seconds=0) for _ in range(2)] == [1, 1]
    assert sorted(Backtest.across_companies.values_list("done", flat=True)) == [1, 1]
    tasks.run_backtests(NOON)
    assert set(Backtest.across_companies.values_list("status", "done")) == {("done", 3)}
    assert tasks.run_backtests(NOON) == 0


def test_what_fells_its_workers_is_given_up(world):
    with company_scope(world.acme.pk):
        backtest, at = backtests.try_policy(draft(world), YEAR, actor=world.alice, at=NOON), NOON
        for _ in range(jobs.MOST_FAILURES):
            assert backtests.claim(backtest, at=at)
            at += backtests.CLAIM_HOLDS
        assert backtests.claim(backtest, at=at) is None
        backtest.refresh_from_db()
        assert (backtest.status, backtest.finished_at) == ("failed", at)
        assert Event.objects.filter(type="backtest.failed").count() == 1


@pytest.mark.parametrize("broken", ["transactions.queries.trials.facts_of_all", "transactions.queries.look_of"])
def test_what_cannot_be_looked_at_is_given_up_and_said_to_be(world, monkeypatch, caplog, broken):
    with company_scope(world.acme.pk):
        backtests.try_policy(draft(world), YEAR, actor=world.alice, at=NOON)
    monkeypatch.setattr(broken, lambda _: 1 / 0)
    for _ in range(5):
        tasks.run_backtests(NOON)
    backtest = Backtest.across_companies.get()
    assert (backtest.status, backtest.failures, backtest.finished_at) == ("failed", 3, NOON)
    assert len(caplog.records) == 3


def test_it_asks_as_many_questions_for_many_purchases_as_for_few(acme, django_assert_num_queries):
    past(acme)
    policy = draft(acme)
    for _ in range(2):
        run = backtests.claim(backtests.try_policy(policy, YEAR, actor=acme.alice, at=NOON), at=NOON)
        run.look = queries.look_of(run.job)
        with django_assert_num_queries(16):
            assert not backtests.go_on(run, at=NOON)
        for number in range(10):
            bought(acme, 1_00 + number)
    assert json.loads(Backtest.objects.order_by("pk").last().sums)
