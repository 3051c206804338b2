"""Backtests: which there are, what one comes to, and the purchases behind each of its numbers."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.db.models import Count, QuerySet, Sum

from cards.models import CardControls
from spendtrackr.money import Money
from transactions.models import Backtest, BacktestAnswer, BacktestOutcome, BacktestRow, BacktestStatus
from users.models import Membership


def backtests() -> QuerySet[Backtest]:
    """All, with what a line of a list shows."""
    return Backtest.objects.select_related("policy", "against", "card", "asked_by__user")


def draft_version(backtest: Backtest) -> CardControls:
    """The controls that are tried, as the version that they would be. Only of a backtest of a card."""
    row = json.loads(backtest.draft)
    days = {name: date.fromisoformat(row[name]) if row[name] else None for name in ("valid_from", "locks_on")}
    return CardControls(card=backtest.card, **{**row, **days})


def sums_of_rows(backtest: Backtest) -> list[list[Any]]:
    """Before, after, currency, count and amount of the rows that are alike, by the ids of their answers. One query."""
    alike = BacktestRow.objects.filter(backtest=backtest).values_list("before_id", "after_id", "currency")
    sums = alike.annotate(rows=Count("pk"), minor=Sum("amount_minor")).order_by("before_id", "after_id", "currency")
    return [[before, after, currency, rows, int(minor)] for before, after, currency, rows, minor in sums]


@dataclass(slots=True)
class Counted:
    """So many rows, and what they come to."""

    count: int = 0
    amount_minor: int = 0

    def add(self, count: int, minor: int) -> None:
        self.count += count
        self.amount_minor += minor


@dataclass(slots=True)
class Tally:
    """What was counted of one thing in one currency, by what was in force and by the draft."""

    of: Any
    currency: str
    before: Counted = field(default_factory=Counted)
    after: Counted = field(default_factory=Counted)

    @property
    def before_amount(self) -> Money:
        return Money(self.before.amount_minor, self.currency)

    @property
    def after_amount(self) -> Money:
        return Money(self.after.amount_minor, self.currency)


@dataclass(frozen=True, slots=True)
class Moved:
    """The rows of one currency that went from one outcome to another, or stayed."""

    before: str
    after: str
    count: int
    amount: Money


@dataclass(frozen=True, slots=True)
class Result:
    """What a finished backtest comes to. Of people, `of` is a Membership with its user; else a text."""

    moved: list[Moved]
    outcomes: list[Tally]
    approvers: list[Tally]
    flags: list[Tally]
    missing: list[Tally]
    codes: list[Tally]
    changed: list[Moved]


Said = Callable[[BacktestAnswer], Iterable[Any]]


def result(backtest: Backtest) -> Result | None:
    """The sums of a finished one, in three queries; None before."""
    if backtest.status != BacktestStatus.DONE:
        return None
    answers = BacktestAnswer.objects.filter(backtest=backtest).in_bulk()
    sums = [(answers[before], answers[after], currency, rows, minor) for before, after, currency, rows, minor in json.loads(backtest.sums)]
    people = Membership.objects.select_related("user").in_bulk({pk for one in answers.values() for pk in one.people})
    approvers = [Tally(people[one.of], one.currency, one.before, one.after) for one in _tallies(sums, lambda answer: answer.people)]
    return Result(
        moved=list(_moved(sums)),
        outcomes=sorted(_tallies(sums, lambda answer: [answer.outcome]), key=lambda one: _PLACE[one.of]),
        approvers=approvers,
        flags=_tallies(sums, lambda answer: set(answer.flagged)),
        missing=_tallies(sums, lambda answer: answer.missing_items),
        codes=_tallies(sums, lambda answer: [answer.code] if answer.code else []),
        changed=list(_moved(one for one in sums if one[0].effect != one[1].effect)),
    )


_PLACE = {str(outcome): place for place, outcome in enumerate(BacktestOutcome)}
Sums = Iterable[tuple[BacktestAnswer, BacktestAnswer, str, int, int]]


def _tallies(sums: Sums, said: Said) -> list[Tally]:
    """The most frequent first, by the draft."""
    found: dict[tuple[Any, str], Tally] = {}
    for before, after, currency, rows, minor in sums:
        for side, answer in (("before", before), ("after", after)):
            for of in said(answer):
                getattr(found.setdefault((of, currency), Tally(of, currency)), side).add(rows, minor)
    return sorted(found.values(), key=lambda one: (-one.after.count, -one.before.count, str(one.of), one.currency))


def _moved(sums: Sums) -> Iterator[Moved]:
    found: dict[tuple[str, str, str], Counted] = defaultdict(Counted)
    for before, after, currency, rows, minor in sums:
        found[before.outcome, after.outcome, currency].add(rows, minor)
    for (was, is_now, currency), counted in sorted(found.items(), key=lambda one: (_PLACE[one[0][0]], _PLACE[one[0][1]], one[0][2])):
        yield Moved(was, is_now, counted.count, Money(counted.amount_minor, currency))


# Which answers a list of rows asks for: `outcome`, `approver` (a public id), `flag`, `missing` and `code`.
_SAYS: Mapping[str, Callable[[BacktestAnswer, Any], bool]] = {
    "outcome": lambda answer, value: answer.outcome == value,
    "approver": lambda answer, value: value in answer.people,
    "flag": lambda answer, value: value in answer.flagged,
    "missing": lambda answer, value: value in answer.missing_items,
    "code": lambda answer, value: answer.code == value,
}


def rows_of(backtest: Backtest) -> QuerySet[BacktestRow]:
    """With what a line shows of the purchase, in one query."""
    owner = "transaction__member__user"
    return BacktestRow.objects.filter(backtest=backtest).select_related("before", "after", "transaction__merchant", owner)


def where(rows: QuerySet[BacktestRow], side: str, asked: Mapping[str, str]) -> QuerySet[BacktestRow]:
    """Those of one backtest of whose answer on one side (`before` or `after`) all that is asked is true.

    Unknown people are nobody's approvers.
    """
    wanted: dict[str, Any] = {name: value for name, value in asked.items() if value}
    if not wanted:
        return rows
    if "approver" in wanted:
        wanted["approver"] = Membership.objects.filter(public_id=wanted["approver"]).values_list("pk", flat=True).first()
    answers = BacktestAnswer.objects.filter(backtest__in=list(rows.order_by().values_list("backtest_id", flat=True)[:1]))
    found = [answer.pk for answer in answers if all(_SAYS[name](answer, value) for name, value in wanted.items())]
    return rows.filter(**{f"{side}__in": found})


def with_people(rows: list[BacktestRow]) -> list[BacktestRow]:
    """Each answer with `named`: whom each step asks, with names. One query."""
    asked = {pk for row in rows for answer in (row.before, row.after) for pk in answer.people}
    people = Membership.objects.select_related("user").in_bulk(asked) if asked else {}
    for row in rows:
        for answer in (row.before, row.after):
            answer.named = [[people[pk] for pk in step] for step in answer.asked]  # type: ignore[attr-defined]  # for what is shown alone
    return rows
