from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st

from tests.factories import NOON
from transactions.models import Account, MessageKind, TransactionStatus
from transactions.purchases import Purchase, fold, moves_between


@dataclass
class Said:
    kind: str
    amount_minor: int
    is_approved: bool = True
    is_final: bool = False
    requested_minor: int | None = None
    at: datetime = NOON


def authorized(amount: int) -> Said:
    return Said(MessageKind.AUTHORIZATION, amount)


def captured(amount: int, *, final: bool = False) -> Said:
    return Said(MessageKind.CAPTURE, amount, is_final=final)


def reversed_(amount: int) -> Said:
    return Said(MessageKind.REVERSAL, amount)


def refunded(amount: int) -> Said:
    return Said(MessageKind.REFUND, amount)


def state(*messages: Said) -> tuple[int, int, str]:
    purchase = fold(messages)
    return purchase.held, purchase.spent, str(purchase.status)


def test_an_approval_holds():
    assert state(authorized(100)) == (100, 0, "pending")


def test_a_declined_request_is_nothing():
    assert state(Said(MessageKind.AUTHORIZATION, 100, is_approved=False)) == (0, 0, "declined")


def test_a_final_capture_spends_and_lets_the_rest_go():
    assert state(authorized(100), captured(70, final=True)) == (0, 70, "posted")


def test_a_partial_capture_keeps_the_rest_on_hold():
    assert state(authorized(100), captured(70)) == (30, 70, "posted")


def test_more_than_the_hold_may_be_captured():
    assert state(authorized(100), captured(118, final=True)) == (0, 118, "posted")


def test_a_full_reversal_closes_and_a_partial_one_does_not():
    assert state(authorized(100), reversed_(100)) == (0, 0, "reversed")
    assert state(authorized(100), reversed_(40)) == (60, 0, "pending")


def test_a_refund_lowers_spend():
    assert state(authorized(100), captured(100, final=True), refunded(30)) == (0, 70, "posted")


def test_a_refund_beyond_the_capture_is_counted_as_nothing_spent():
    purchase = fold([authorized(100), captured(50, final=True), refunded(80)])
    assert (purchase.spent, purchase.share.posted_minor) == (-30, 0)


amounts = st.integers(1, 500)
messages = st.lists(
    st.one_of(
        st.builds(authorized, amounts),
        st.builds(lambda a, f: captured(a, final=f), amounts, st.booleans()),
        st.builds(reversed_, amounts),
        st.builds(refunded, amounts),
    ),
    max_size=8,
)


@given(messages, st.randoms())
def test_the_order_of_messages_does_not_matter(said, dice: random.Random):
    shuffled = list(said)
    dice.shuffle(shuffled)
    assert fold(shuffled) == fold(said)


@given(messages)
def test_the_moves_of_any_history_add_up_to_its_fold(said):
    balances = dict.fromkeys(Account, 0)
    before = Purchase()
    for count in range(1, len(said) + 1):
        after = fold(said[:count])
        for move in moves_between(before, after):
            assert move.amount > 0
            assert move.source != move.target
            balances[move.source] -= move.amount
            balances[move.target] += move.amount
        before = after
    assert balances[Account.HELD] == before.held >= 0
    assert balances[Account.SPENT] == before.spent
    assert sum(balances.values()) == 0


@given(messages)
def test_nothing_is_held_once_a_purchase_is_closed(said):
    purchase = fold(said)
    assert not (purchase.is_closed and purchase.held)
    assert (purchase.status == TransactionStatus.POSTED) is bool(purchase.captured or purchase.refunded)


def test_held_money_is_spent_before_available_money():
    moves = moves_between(fold([authorized(100)]), fold([authorized(100), captured(118, final=True)]))
    assert [(str(m.source), str(m.target), m.amount) for m in moves] == [("held", "spent", 100), ("available", "spent", 18)]
