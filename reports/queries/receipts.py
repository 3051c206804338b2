"""Missing receipts: who still has to hand in how many."""

from __future__ import annotations

from django.db.models import Count, Min, Q, Sum

from reports.queries.lists import transactions
from reports.queries.spend import AXES, names_of
from reports.shape import Key, Measure, Question, Report, Row, added_up
from spendtrackr.money import Money
from transactions import policies
from transactions.chasing import UNFINISHED
from transactions.models import Dimension, Transaction
from transactions.queries import where_missing

MEASURES = (
    Measure("amount", "Amount", "money"),
    Measure("purchases", "Purchases", "count"),
    Measure("oldest", "Oldest", "days"),
    Measure("reminded", "Reminded of", "count"),
    Measure("frozen", "Cards frozen", "count"),
)


def missing_receipts(question: Question) -> Report:
    """By person, the largest amount first; of now, whatever the period. Costs what is not approved yet, however long the history."""
    rows = Transaction.objects.visible_to(question.member).filter(where_missing(policies.RECEIPT), approval__in=UNFINISHED)
    if question.currency:
        rows = rows.filter(currency=question.currency)
    sums = rows.values_list("member_id", "currency").annotate(
        total=Sum("amount_minor"),
        n=Count("pk"),
        oldest=Min("occurred_on"),
        reminded=Count("pk", filter=Q(reminded__gt=0)),
        frozen=Count("card", filter=Q(overdue_since__isnull=False), distinct=True),
    )
    found = list(sums.order_by())
    people = names_of(Dimension.MEMBER, {member for member, *_ in found})
    told = [
        _row(people[member], currency, (Money(total, currency), n, (question.today - oldest).days, reminded, frozen))
        for member, currency, total, n, oldest, reminded, frozen in found
    ]
    told.sort(key=lambda one: (one.currency, -one.values[0].minor, one.keys[0].label))  # type: ignore[union-attr]  # the amount
    return Report(
        name="missing-receipts",
        axes=(AXES[Dimension.MEMBER],),
        measures=MEASURES,
        rows=told,
        totals=added_up(MEASURES, told, frozenset({"amount", "purchases", "reminded"})),
    )


def _row(person: Key, currency: str, values: tuple[Money, int, int, int, int]) -> Row:
    return Row((person,), values, currency, transactions(missing=policies.RECEIPT, member=person.id, currency=currency))
