"""Declined swipes: why, how many, and what was asked for."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

from django.db.models import Count, QuerySet, Sum

from reports.queries.lists import transactions
from reports.queries.remembered import remembered
from reports.queries.spend import AXES, NOBODYS, NONE, names_of
from reports.shape import Axis, Key, Measure, Question, Report, Row
from spendtrackr.money import Money
from transactions.models import Dimension, Transaction, TransactionSource, TransactionStatus

T = TypeVar("T", int, str)

REASON = "reason"
GROUPINGS = (REASON, Dimension.CARD.value, Dimension.MEMBER.value, Dimension.MERCHANT.value)
_AXES = {REASON: Axis(REASON, "Reason"), **AXES}
_COLUMNS = {REASON: "decline_code", "card": "card_id", "member": "member_id", "merchant": "merchant_id"}
_REASONS, _MERCHANTS = Measure("usual_reason", "Most frequent reason", "text"), Measure("usual_merchant", "Most frequent merchant", "text")
_COUNTED = (Measure("asked", "Asked for", "money"), Measure("declines", "Declined", "count"), Measure("cards", "Cards", "count"))


class _Sum(NamedTuple):
    """What is told of the declines of one value, such as a card, in one currency. Totals have no value."""

    value: int | str
    currency: str
    declines: int
    minor: int
    cards: int
    usual_reason: str
    usual_merchant: int


@dataclass(slots=True)
class _Group:
    """The declines of one row, while they are added up."""

    declines: int = 0
    minor: int = 0
    cards: set[int] = field(default_factory=set)
    reasons: Counter[str] = field(default_factory=Counter)
    merchants: Counter[int] = field(default_factory=Counter)

    def add(self, code: str, card: int, merchant: int, n: int, minor: int) -> None:
        self.declines += n
        self.minor += minor
        self.cards.add(card)
        self.reasons[code] += n
        self.merchants[merchant] += n

    def told(self, value: int | str, currency: str) -> _Sum:
        cards, reason, merchant = len(self.cards - {0}), _most(self.reasons), _most(self.merchants)
        return _Sum(value, currency, self.declines, self.minor, cards, reason, merchant)


def declines(question: Question) -> Report:
    """By reason, card, person or merchant, the most frequent first. Costs the declines of the period, found by an index of their own; they
    are added up once, and remembered until there is another.
    """
    by = question.options["group_by"]
    sums, totals = _summed(question, by)
    merchants = _named(Dimension.MERCHANT, (one.usual_merchant for one in sums))
    keys = {} if by == REASON else merchants if by == Dimension.MERCHANT else _named(Dimension(by), (int(one.value) for one in sums))
    rows = [
        Row((_key(by, one.value, keys),), _values(by, one, merchants), one.currency, _behind(question, by, one.value, keys, one.currency))
        for one in sums
    ]
    rows.sort(key=lambda row: (-row.values[1], row.keys[0].label, row.currency))  # type: ignore[operator]  # how many
    return Report(
        "declines", (_AXES[by],), _measures(by), rows, [Row((), _values(by, one, None), one.currency) for one in totals], question.period
    )


def _summed(question: Question, by: str) -> tuple[list[_Sum], list[_Sum]]:
    """The sums of each value and the totals, each by currency. A claim that somebody rejected is no swipe.

    A decline stays as it is for good, whatever the network says later: which there are, tell their number and their keys.
    """
    period, member = question.period, question.member
    declined = Transaction.objects.filter(status=TransactionStatus.DECLINED, occurred_on__gte=period.start, occurred_on__lt=period.end)
    rows = declined.visible_to(member).filter(source=TransactionSource.CARD)
    if question.currency:
        rows = rows.filter(currency=question.currency)
    team = None if member.sees("transactions") else sorted(member.team)
    asked = ("declines", by, period.start, period.end, question.currency, team)
    found = remembered(asked, lambda: _added_up(rows, by), as_of=lambda: declined.aggregate(n=Count("pk"), ids=Sum("pk")))
    sums, totals = ([_Sum(*one) for one in part] for part in found)
    return sums, totals


_Plain = list[tuple[Any, ...]]


def _added_up(rows: QuerySet[Transaction], by: str) -> tuple[_Plain, _Plain]:
    """As plain tuples: what is remembered outlives this program."""
    groups: dict[tuple[int | str, str], _Group] = defaultdict(_Group)
    totals: dict[str, _Group] = defaultdict(_Group)
    counted = rows.order_by().values_list(*_COLUMNS.values(), "currency").annotate(n=Count("pk"), total=Sum("amount_minor"))
    for row in counted:
        code, card, _, merchant, currency, n, minor = row
        value = dict(zip(_COLUMNS, row, strict=False))[by] or 0
        for group in (groups[value, currency], totals[currency]):
            group.add(code, card or 0, merchant or 0, n, minor)
    sums = [tuple(group.told(*key)) for key, group in groups.items()]
    return sums, [tuple(group.told("", currency)) for currency, group in sorted(totals.items())]


def _measures(by: str) -> tuple[Measure, ...]:
    """What a row is about is not said of it once more."""
    said = [*([] if by == REASON else [_REASONS]), *([] if by == Dimension.MERCHANT else [_MERCHANTS])]
    return (*_COUNTED, *said)


def _values(by: str, one: _Sum, merchants: dict[int, Key] | None) -> tuple[Money | int | str | None, ...]:
    usual: dict[str, str | None] = {_REASONS.name: None, _MERCHANTS.name: None}
    if merchants is not None:
        usual = {_REASONS.name: phrase(one.usual_reason), _MERCHANTS.name: merchants[one.usual_merchant].label}
    return (
        Money(one.minor, one.currency), one.declines, one.cards,
        *(usual[measure.name] for measure in _measures(by)[len(_COUNTED) :]),
    )  # fmt: skip


def _most(counted: Counter[T]) -> T:
    """The most frequent; of several the first by code, or by when it came to be."""
    return min(counted, key=lambda value: (-counted[value], value))


def phrase(code: str) -> str:
    return Transaction(decline_code=code).decline_reason


def _named(dimension: Dimension, values: Iterable[int]) -> dict[int, Key]:
    return {0: Key("", NOBODYS[dimension]), **names_of(dimension, {value for value in values if value})}


def _key(by: str, value: int | str, keys: dict[int, Key]) -> Key:
    return Key(str(value), phrase(str(value))) if by == REASON else keys[int(value)]


def _behind(question: Question, by: str, value: int | str, keys: dict[int, Key], currency: str) -> str:
    period = question.period
    of = {"decline_code": value} if by == REASON else {by: keys[int(value)].id or NONE}
    swipes = {"status": TransactionStatus.DECLINED.value, "source": TransactionSource.CARD.value}
    return transactions(**swipes, from_=period.start, to=period.last, currency=currency, **of)
