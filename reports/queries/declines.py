"""Declined swipes: why, how many, and what was asked for."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from django.db.models import Count, Max, Sum

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


@dataclass(slots=True)
class _Group:
    """The declines of one row."""

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


def declines(question: Question) -> Report:
    """By reason, card, person or merchant, the most frequent first. Costs the declines of the period, found by an index of their own; they
    are added up once, and remembered until there is another.
    """
    by = question.options["group_by"]
    groups: dict[tuple[int | str, str], _Group] = defaultdict(_Group)
    sums: dict[str, _Group] = defaultdict(_Group)
    for row in _declined(question):
        *_, currency, n, minor = row
        values = dict(zip(_COLUMNS, row, strict=False))
        for group in (groups[values[by] or 0, currency], sums[currency]):
            group.add(row[0], row[1] or 0, row[3] or 0, n, minor)
    merchants = _named(Dimension.MERCHANT, (one for group in groups.values() for one in group.merchants))
    keys = {} if by == REASON else merchants if by == Dimension.MERCHANT else _named(Dimension(by), (int(value) for value, _ in groups))
    rows = [
        Row((_key(by, value, keys),), _values(by, group, currency, merchants), currency, _behind(question, by, value, keys, currency))
        for (value, currency), group in groups.items()
    ]
    rows.sort(key=lambda row: (-row.values[1], row.keys[0].label, row.currency))  # type: ignore[operator]  # how many
    totals = [Row((), _values(by, group, currency, None), currency) for currency, group in sorted(sums.items())]
    return Report("declines", (_AXES[by],), _measures(by), rows, totals, question.period)


def _declined(question: Question) -> Iterable[tuple[str, int | None, int | None, int | None, str, int, int]]:
    """Code, card, member, merchant, currency: how many, and what was asked for. A claim that somebody rejected is no swipe.

    A decline stays as it is for good, whatever the network says later: which they are, tells their sums.
    """
    period, member = question.period, question.member
    declined = Transaction.objects.filter(status=TransactionStatus.DECLINED, occurred_on__gte=period.start, occurred_on__lt=period.end)
    rows = declined.visible_to(member).filter(source=TransactionSource.CARD)
    if question.currency:
        rows = rows.filter(currency=question.currency)
    sums = rows.values_list(*_COLUMNS.values(), "currency").annotate(n=Count("pk"), total=Sum("amount_minor"))
    team = None if member.sees("transactions") else sorted(member.team)
    asked = ("declines", period.start, period.end, question.currency, team)
    return remembered(asked, lambda: list(sums.order_by()), as_of=lambda: declined.aggregate(n=Count("pk"), ids=Sum("pk"), last=Max("pk")))


def _measures(by: str) -> tuple[Measure, ...]:
    """What a row is about is not said of it once more."""
    said = [*([] if by == REASON else [_REASONS]), *([] if by == Dimension.MERCHANT else [_MERCHANTS])]
    return (*_COUNTED, *said)


def _values(by: str, group: _Group, currency: str, merchants: dict[int, Key] | None) -> tuple[Money | int | str | None, ...]:
    usual: dict[str, str | None] = {_REASONS.name: None, _MERCHANTS.name: None}
    if merchants is not None:
        usual = {_REASONS.name: phrase(_most(group.reasons)), _MERCHANTS.name: merchants[_most(group.merchants)].label}
    return (
        Money(group.minor, currency), group.declines, len(group.cards - {0}),
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
