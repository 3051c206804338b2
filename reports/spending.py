"""One person's own page as plain data: what they spent, what they still have to do, their cards."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from urllib.parse import urlencode

from cards import queries as cards
from cards.models import Card, CardStatus
from reports import queries
from reports.overview import Change, change_between
from reports.queries import Part
from spendtrackr.money import Money
from spendtrackr.periods import Period, month_of
from transactions import queries as transactions
from transactions.models import Dimension, Repayment, Transaction
from users.models import Membership

MOST = 12


@dataclass(frozen=True, slots=True)
class Comparison:
    """Spend of a month up to now against the whole month before, in one currency. `href` leads to the rows behind it."""

    period: Period
    spend: Money
    before: Money
    change: Change
    href: str
    before_href: str


@dataclass(frozen=True, slots=True)
class MySpend:
    comparison: Comparison
    to_do: list[Transaction]
    to_do_count: int
    cards: list[cards.Standing]
    latest: list[Transaction]
    # What one is asked to repay; and what one gets back for approved claims, by currency.
    owes: list[Repayment]
    gets_back: list[Money]


def my_spend(member: Membership, *, at: datetime) -> MySpend:
    today = member.company.day_of(at)
    mine = Card.objects.filter(holder=member).exclude(status=CardStatus.CLOSED).with_state().order_by("-pk")
    spent = queries.parts(two_months(today), Dimension.CATEGORY, of=queries.of_members([member.pk]))
    latest = transactions.visible(member).filter(member=member)
    return MySpend(
        comparison=month_against_last(today, member.company.currency, spent, of={"member": member.public_id}),
        to_do=transactions.with_refusals(list(transactions.to_do(member)[:MOST])),
        to_do_count=transactions.to_do(member).count(),
        cards=cards.standings(mine, member.company, at=at, reader=member),
        latest=transactions.page(latest, cursor=None, limit=8)[0],
        owes=transactions.owes(member),
        gets_back=transactions.gets_back(member),
    )


def two_months(today: date) -> Period:
    """Last month and this one."""
    this = month_of(today)
    return Period(this.before().start, this.end)


def month_against_last(today: date, currency: str, found: Iterable[Part], *, of: dict[str, str] | None = None) -> Comparison:
    """This month against last, by the sums of both. `of` narrows the rows that the links lead to."""
    this = month_of(today)
    last = this.before()
    sums = {this.start: 0, last.start: 0}
    for part in found:
        if part.currency == currency:
            sums[part.month] += part.amount_minor
    now, before = sums[this.start], sums[last.start]
    return Comparison(
        this,
        Money(now, currency),
        Money(before, currency),
        change_between(now, before),
        _rows_of(this, currency, of or {}),
        _rows_of(last, currency, of or {}),
    )


def _rows_of(period: Period, currency: str, narrowed: dict[str, str]) -> str:
    return "?" + urlencode({"spent_from": period.start, "spent_to": period.last, "currency": currency, **narrowed})
