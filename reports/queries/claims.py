"""Claims that are outstanding: what people wait for, and what they owe."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date

from django.db.models import Count, Min, Q, Sum

from reports.queries import lists
from reports.queries.spend import AXES, names_of
from reports.shape import Axis, Key, Measure, Question, Report, Row, added_up
from spendtrackr.money import Money
from transactions import queries as transactions
from transactions.models import ApprovalState, Dimension, RepaymentStatus

MEASURES = (
    Measure("claimed", "Claimed", "money"),
    Measure("owes", "Owes the company", "money"),
    Measure("items", "Items", "count"),
    Measure("oldest", "Oldest", "days"),
)
WAITING, OWES = "waiting", "owes"
STATES = {
    WAITING: "Waiting for a yes",
    transactions.UNPAID: "Approved, to be paid",
    transactions.GATHERED: "In a batch, being paid",
    OWES: "To be repaid",
}


@dataclass(frozen=True, slots=True)
class _Sum:
    minor: int
    items: int
    oldest: date


# By state, database id of the member, and currency.
Sums = dict[tuple[str, int, str], _Sum]


def claims_outstanding(question: Question) -> Report:
    """By person and by where the money is; of now.

    Costs what is open, but for approved claims: which of them are paid is known by their payouts alone.
    """
    sums = {
        cell: found
        for cell, found in {**_claimed(question), **_owed(question)}.items()
        if question.currency in {"", cell[2]} and found.items
    }
    people = names_of(Dimension.MEMBER, {member for _, member, _ in sums})
    order = list(STATES)
    rows = [_row(question, state, people[member], currency, found) for (state, member, currency), found in sums.items()]
    rows.sort(key=lambda row: (row.keys[0].label, row.keys[0].id, order.index(row.keys[1].id), row.currency))
    return Report(
        name="claims-outstanding",
        axes=(AXES[Dimension.MEMBER], Axis("state", "State")),
        measures=MEASURES,
        rows=rows,
        totals=added_up(MEASURES, rows, frozenset({"claimed", "owes", "items"})),
    )


def _claimed(question: Question) -> Sums:
    """Each list of claims that a row leads to, added up."""
    # Claims are few among purchases: they are begun with.
    claims = transactions.claims(question.member).filter(claim_details__isnull=False).order_by()
    wanted = {
        WAITING: Q(approval=ApprovalState.WAITING),
        transactions.UNPAID: transactions.where_payment(transactions.UNPAID),
        transactions.GATHERED: transactions.where_payment(transactions.GATHERED),
    }
    return {
        (state, member, currency): _Sum(total, n, oldest)
        for state, found in wanted.items()
        for member, currency, total, n, oldest in claims.filter(found)
        .values_list("member_id", "currency")
        .annotate(total=Sum("amount_minor"), n=Count("pk"), oldest=Min("occurred_on"))
    }


def _owed(question: Question) -> Sums:
    """What is outstanding of each purchase that is to be repaid."""
    parts: dict[tuple[str, int, str], list[tuple[int, date]]] = defaultdict(list)
    rows = transactions.repayments(question.member).filter(status=RepaymentStatus.OPEN)
    for one in transactions.with_outstanding(rows):
        owed: Money = one.outstanding  # type: ignore[attr-defined]  # by the query
        parts[OWES, one.member_id, owed.currency].append((owed.minor, one.transaction.occurred_on))
    return {cell: _Sum(sum(minor for minor, _ in found), len(found), min(day for _, day in found)) for cell, found in parts.items()}


def _row(question: Question, state: str, person: Key, currency: str, found: _Sum) -> Row:
    amount = Money(found.minor, currency)
    both = (None, amount) if state == OWES else (amount, None)
    return Row(
        keys=(person, Key(state, STATES[state])),
        values=(*both, found.items, (question.today - found.oldest).days),
        currency=currency,
        href=_behind(state, person, currency),
    )


def _behind(state: str, person: Key, currency: str) -> str:
    if state == OWES:
        return lists.transactions(repayment=RepaymentStatus.OPEN.value, member=person.id, currency=currency)
    return lists.claims(member=person.id, **({"approval": WAITING} if state == WAITING else {"payment": state}))
