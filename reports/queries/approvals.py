"""Approvals that wait: with whom, and since when."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from reports.queries.lists import transactions
from reports.queries.spend import NONE, names_of
from reports.shape import Axis, Key, Measure, Question, Report, Row
from spendtrackr.money import Money
from transactions.models import OPEN_KEY, ApprovalStep, Assignment, Dimension, Transaction

# The last day of each bucket but the last.
_UP_TO = (2, 7, 14)
MEASURES = (
    Measure("amount", "Amount", "money"),
    Measure("waiting", "Waiting", "count"),
    Measure("days_0_2", "Up to 2 days", "count"),
    Measure("days_3_7", "3 to 7", "count"),
    Measure("days_8_14", "8 to 14", "count"),
    Measure("days_15", "Longer", "count"),
    Measure("oldest", "Oldest", "days"),
)
NOBODY = "Nobody who may decide"


@dataclass(frozen=True, slots=True)
class _Step:
    """One that waits: of how much, and for how many days."""

    pk: int
    currency: str
    minor: int
    days: int


def approval_ageing(question: Question) -> Report:
    """By approver, the one with the oldest first; of now. Costs what waits, however long the history.

    A step that several may decide is with each of them, and once in the totals.
    """
    steps = _waiting(question)
    asked = Assignment.objects.filter(open_key=OPEN_KEY, step__open_key=OPEN_KEY).values_list("step_id", "member_id").distinct()
    with_: dict[tuple[int, str], list[_Step]] = defaultdict(list)
    with_somebody = set()
    for step_id, member in asked.order_by():
        if step := steps.get(step_id):
            with_[member, step.currency].append(step)
            with_somebody.add(step_id)
    for step in steps.values():
        if step.pk not in with_somebody:
            with_[0, step.currency].append(step)
    people = {0: Key("", NOBODY), **names_of(Dimension.MEMBER, {member for member, _ in with_ if member})}
    rows = [_row(people[member], currency, found) for (member, currency), found in with_.items()]
    rows.sort(key=lambda row: (-row.values[-1], row.keys[0].label, row.currency))  # type: ignore[operator]  # the oldest, in days
    by_currency: dict[str, list[_Step]] = defaultdict(list)
    for step in steps.values():
        by_currency[step.currency].append(step)
    totals = [Row((), _values(currency, found), currency) for currency, found in sorted(by_currency.items())]
    return Report("approval-ageing", (Axis("approver", "Approver"),), MEASURES, rows, totals)


def _waiting(question: Question) -> dict[int, _Step]:
    seen = Transaction.objects.visible_to(question.member)
    if question.currency:
        seen = seen.filter(currency=question.currency)
    rows = ApprovalStep.objects.filter(open_key=OPEN_KEY, approval__transaction__in=seen.values("pk"))
    company, today = question.member.company, question.today
    columns = ("pk", "approval__transaction__currency", "approval__transaction__amount_minor", "opened_at")
    return {
        pk: _Step(pk, currency, minor, (today - company.day_of(opened_at)).days)
        for pk, currency, minor, opened_at in rows.order_by().values_list(*columns)
        if opened_at
    }


def _row(person: Key, currency: str, steps: list[_Step]) -> Row:
    return Row((person,), _values(currency, steps), currency, transactions(waits_for=person.id or NONE, currency=currency))


def _values(currency: str, steps: list[_Step]) -> tuple[Money | int, ...]:
    places = [sum(step.days > most for most in _UP_TO) for step in steps]
    buckets = [places.count(place) for place in range(len(_UP_TO) + 1)]
    return (Money(sum(step.minor for step in steps), currency), len(steps), *buckets, max(step.days for step in steps))
