"""The one order of locks, read off the statements: a missing lock passes every test of behaviour."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from cards import operations as cards
from cards.controls import Limit
from cards.locks import lock_budgets
from cards.models import Budget, Card, Interval, RequestKind
from cards.operations import requests
from companies import operations as companies
from companies.models import Category
from spendtrackr.money import Money
from tests.factories import NOON, swipe
from tests.rules import adopt, decide
from transactions.models import Approval, PaidFrom, Payout, Repayment, Split, Transaction
from transactions.operations import accounting, approvals, books, claims, coding, reimbursements, repayments
from transactions.operations.claims import Wish
from transactions.operations.clearing import Clearing, Fact, book, clear
from transactions.operations.swipes import authorize
from users.models import Membership

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has no row locks: its one write lock is taken at BEGIN"),
]

ORDER = [
    "receipts", "reimbursements", "accounting_settings", "cards", "transactions", "books", "budgets", "funding_accounts", "day_spend",
    "month_spend", "month_spend_within",
]  # fmt: skip
STATEMENT = re.compile(r"^(?:SELECT .*? FROM|INSERT INTO|UPDATE) `?(\w+)`?", re.DOTALL)


class Statements(CaptureQueriesContext):
    def touched(self) -> list[tuple[str, str]]:
        """What was locked, changed or added, in turn: `("lock", "cards")`."""
        found = []
        for query in self.captured_queries:
            sql = query["sql"].strip()
            if match := STATEMENT.match(sql):
                what = "change" if sql.startswith("UPDATE") else "add" if sql.startswith("INSERT") else "lock"
                if what != "lock" or "FOR UPDATE" in sql or "IN SHARE MODE" in sql:
                    found.append((what, match[1]))
        return found

    def order(self) -> list[str]:
        """The tables of the lock order by their first lock or change; a row that was just added is nobody else's."""
        taken = [table for what, table in self.touched() if table in ORDER and (what != "add" or "_spend" in table)]
        return list(dict.fromkeys(taken))

    def locked_first(self, table: str) -> bool:
        return next(what for what, found in self.touched() if found == table) == "lock"


def recorded() -> Statements:
    return Statements(connection)


@pytest.fixture
def tree(acme):
    above = None
    for name in ("root", "team", "trip"):
        budget = Budget.objects.create(
            name=name, name_key=name, parent=above, owner=acme.alice, currency="USD", limit_minor=900_00, interval="month", is_hard=True,
            created_at=NOON,
        )  # fmt: skip
        budget.chain = f"{above.chain if above else ''}{budget.pk}."
        budget.save()
        above = budget
    return above


@pytest.fixture
def card(acme, tree):
    rules = cards.Controls(limits=[Limit(Interval.DAY, 900_00)])
    return cards.issue(acme.bob, name="C", currency="USD", controls=rules, budget=tree, actor=acme.alice, at=NOON)


def in_order(found: Statements, *tables: str) -> None:
    assert found.order() == list(tables)
    assert found.order() == sorted(found.order(), key=ORDER.index)
    touched = found.touched()
    for table in {"cards", "budgets", "transactions"} & set(tables):
        assert found.locked_first(table) or ("lock", table) not in touched
    if ("change", "limit_counters") in touched:
        counted = touched.index(("change", "limit_counters"))
        # A claim has no card: its own row comes first.
        assert touched.index(("lock", "cards" if "cards" in tables else "transactions")) < counted
        assert counted > max(n for n, one in enumerate(touched) if one == ("lock", "budgets"))
        assert "funding_accounts" not in tables or counted < touched.index(("change", "funding_accounts"))


def test_a_decision_locks_the_card_then_budgets_and_takes_the_money_last(card):
    with recorded() as found:
        assert authorize(card, swipe()).approved
    in_order(found, "cards", "budgets", "funding_accounts")
    assert found.touched()[0] == ("lock", "cards")
    assert found.touched()[-1] == ("change", "funding_accounts")


def test_a_single_message_adds_to_the_rollups_after_the_money(card):
    with recorded() as found:
        assert authorize(card, swipe(is_financial=True)).approved
    in_order(found, "cards", "budgets", "funding_accounts", "day_spend", "month_spend", "month_spend_within")


def test_a_request_for_more_locks_the_purchase_between_the_card_and_the_budgets(card):
    authorize(card, swipe(ref="p"))
    with recorded() as found:
        assert authorize(card, swipe(ref="p")).approved
    in_order(found, "cards", "transactions", "budgets", "funding_accounts")


@pytest.mark.parametrize("how", ["clear", "book"])
def test_what_clears_takes_them_in_the_same_order(card, how):
    purchase = authorize(card, swipe(ref="p")).transaction
    with recorded() as found:
        if how == "clear":
            clear(purchase, Clearing("capture", "c1", NOON), actor=None)
        else:
            book(card, Fact("capture", "c1", "p", Money(10_00, "USD"), NOON))
    in_order(found, "cards", "transactions", "budgets", "funding_accounts", "day_spend", "month_spend", "month_spend_within")


def test_a_fact_of_an_unknown_purchase_does_too(card):
    with recorded() as found:
        book(card, Fact("force_post", "c1", "new", Money(10_00, "USD"), NOON, merchant_name="A"))
    # The reference is looked for under a lock, and found by nobody: no row is locked.
    in_order(found, "cards", "transactions", "budgets", "funding_accounts", "day_spend", "month_spend", "month_spend_within")


def test_a_yes_locks_the_card_before_the_purchase(acme, card):
    adopt(acme)
    purchase = authorize(card, swipe()).transaction
    approvals.submit(purchase, actor=Membership.objects.get(pk=acme.bob.pk), at=NOON)
    approval = Approval.objects.get(transaction=purchase)
    with recorded() as found:
        decide(approval, acme.alice, at=NOON)
    assert found.order() == ["cards", "transactions"]
    assert found.touched()[:2] == [("lock", "cards"), ("lock", "transactions")]
    assert Transaction.objects.get(pk=purchase.pk).approval == "approved"


@pytest.mark.parametrize(
    ("do", "written"),
    [
        (lambda acme, card: cards.change_controls(card, {"limits": []}, actor=acme.alice, at=NOON), "card_controls"),
        (
            lambda acme, card: cards.grant(
                card, Money(1_00, "USD"), expires_at=NOON + timedelta(days=1), reason="x", actor=acme.alice, at=NOON
            ),
            "limit_grants",
        ),
        (lambda acme, card: cards.freeze(card, actor=acme.alice, at=NOON), "freezes"),
    ],
    ids=["change_controls", "grant", "freeze"],
)
def test_whatever_a_decision_reads_is_written_under_the_cards_lock(acme, card, do, written):
    card = Card.objects.get(pk=card.pk)
    with recorded() as found:
        do(acme, card)
    touched = found.touched()
    assert touched[0] == ("lock", "cards")
    assert ("add", written) in touched


@pytest.mark.parametrize("how", ["close", "replace", "decide"])
def test_a_card_is_locked_before_what_was_asked_of_it(acme, card, how):
    wish = requests.Wish(RequestKind.GRANT, Money(1_00, "USD"), "Why", card=Card.objects.get(pk=card.pk), until=NOON.date())
    row = requests.ask(wish, actor=acme.bob, at=NOON)
    with recorded() as found:
        if how == "decide":
            requests.decide(row, approved=True, actor=acme.alice, at=NOON)
        else:
            getattr(cards, how)(Card.objects.get(pk=card.pk), actor=acme.alice, at=NOON)
    touched = found.touched()
    assert touched[0] == ("lock", "cards")
    assert found.locked_first("card_requests")


def test_budgets_are_locked_along_an_index_downwards(acme, tree):
    """Without a sort: the server locks rows as it meets them, and both indexes that it may take go by the database id."""
    for number in range(300):
        Budget.objects.create(
            name=f"b{number}", name_key=f"b{number}", owner=acme.alice, currency="USD", limit_minor=1, interval="month", is_hard=True,
            chain="", created_at=NOON,
        )  # fmt: skip
    with recorded() as found:
        locked = lock_budgets(tree.chain)
    assert [budget.name for budget in locked] == ["trip", "team", "root"]
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN FORMAT=TRADITIONAL {found.captured_queries[0]['sql']}")
        names = [column[0] for column in cursor.description]
        (plan,) = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    by_company = next(name for name, about in _indexes("budgets").items() if about == ["company_id"])
    assert plan["key"] in {"PRIMARY", by_company}, plan
    assert "filesort" not in (plan["Extra"] or ""), plan


def _indexes(table: str) -> dict[str, list[str]]:
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, table)
    return {name: about["columns"] for name, about in found.items() if about["index"]}


@pytest.fixture
def claim(acme, tree):
    """Two lines, one of them on a budget inside two others."""
    adopt(acme)
    meals = Category.objects.get(name="Meals")
    lines = [Split(share_minor=20_00, category=meals, budget=tree), Split(share_minor=10_00, category=meals)]
    found = claims.make(Wish(NOON.date(), Money(30_00, "USD"), "Inn", "Trip", lines), actor=acme.bob, at=NOON)
    return approvals.submit(found, actor=acme.bob, at=NOON)


def test_a_yes_to_a_claim_locks_it_before_the_budgets_of_its_lines_and_the_money_last(acme, claim):
    with recorded() as found:
        decide(Approval.objects.get(transaction=claim), acme.alice, at=NOON)
    in_order(found, "transactions", "budgets", "funding_accounts", "day_spend", "month_spend", "month_spend_within")


def test_batches_are_locked_before_their_claims_and_the_money_last(acme, claim):
    decide(Approval.objects.get(transaction=claim), acme.alice, at=NOON)
    with recorded() as found:
        batch = reimbursements.gather("USD", [claim], actor=acme.alice, at=NOON)
    in_order(found, "transactions")
    with recorded() as found:
        reimbursements.pay(batch, paid_from=PaidFrom.BANK, reference="T", actor=acme.alice, at=NOON)
    in_order(found, "reimbursements", "funding_accounts")
    payout = Payout.objects.select_related("reimbursement", "transaction").get()
    with recorded() as found:
        reimbursements.fail(payout, reason="Closed", actor=acme.alice, at=NOON)
    in_order(found, "reimbursements", "funding_accounts")


def test_what_is_repaid_locks_card_and_purchase_before_the_money(acme, card):
    adopt(acme)
    purchase = authorize(card, swipe(1_00)).transaction
    clear(purchase, Clearing("capture", "c", NOON, is_final=True), actor=None)
    approvals.submit(purchase, actor=acme.bob, at=NOON)
    decide(Approval.objects.get(transaction=purchase), acme.alice, outcome="rejected", reason="x", at=NOON)
    owed = Repayment.objects.select_related("transaction", "member__user").get()
    with recorded() as found:
        repayments.receive(owed, Money(1_00, "USD"), actor=acme.alice, at=NOON)
    in_order(found, "cards", "transactions", "funding_accounts", "day_spend", "month_spend", "month_spend_within")


def test_parts_with_a_budget_of_their_own_lock_it_under_the_purchase(acme, card, tree):
    purchase = authorize(acme.card, swipe(10_00)).transaction
    clear(purchase, Clearing("capture", "c", NOON, is_final=True), actor=None)
    parts = [Split(share_minor=6_00, budget=tree), Split(share_minor=4_00)]
    with recorded() as found:
        coding.describe(purchase, {"splits": parts}, actor=acme.alice, at=NOON)
    in_order(found, "cards", "transactions", "books", "budgets", "day_spend", "month_spend", "month_spend_within")


def test_another_coding_shares_the_books_under_the_purchase_and_a_memo_does_not_ask_for_them(acme, card):
    purchase = authorize(acme.card, swipe(10_00)).transaction
    clear(purchase, Clearing("capture", "c", NOON, is_final=True), actor=None)
    with recorded() as found:
        coding.describe(purchase, {"category": Category.objects.get(name="Travel")}, actor=acme.alice, at=NOON)
    in_order(found, "cards", "transactions", "books", "day_spend", "month_spend", "month_spend_within")
    with recorded() as found:
        coding.describe(purchase, {"memo": "Lunch"}, actor=acme.alice, at=NOON)
    in_order(found, "cards", "transactions")


def test_a_batch_locks_the_settings_of_accounting_and_no_purchase(acme, card):
    companies.change_category(Category.objects.get(name="Meals"), {"ledger_code": "6200"}, actor=acme.alice, at=NOON)
    clearing = [{"currency": "USD", "side": "cards", "ledger_code": "2100"}]
    accounting.change_settings({"clearing": clearing, "exports_unapproved": True}, actor=acme.alice, at=NOON)
    purchase = authorize(card, swipe()).transaction
    clear(purchase, Clearing("capture", "c", NOON, is_final=True), actor=None)
    with recorded() as found:
        batch = accounting.export("USD", actor=acme.alice, at=NOON)
    assert [pair for pair in found.touched() if pair[0] == "lock"] == [("lock", "accounting_settings")]
    in_order(found, "accounting_settings")
    with recorded() as found:
        accounting.fail(batch, reason="Locked", actor=acme.alice, at=NOON)
    in_order(found, "accounting_settings")


def test_closing_locks_the_books_and_nothing_else(acme):
    with recorded() as found:
        books.close(NOON.date(), actor=acme.alice, at=NOON + timedelta(days=2))
    assert [pair for pair in found.touched() if pair[0] == "lock"] == [("lock", "books")]
    in_order(found, "books")
