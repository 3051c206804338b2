"""Subscriptions: what merchants charge in a steady rhythm."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import Count, Max, Sum

from reports import recurring
from reports.queries.spend import AXES, NOBODYS, NONE, names_of, percent, reader, rows_behind
from reports.recurring import Charge, Recurring
from reports.shape import Key, Measure, Question, Report, Row, added_up
from spendtrackr.money import Money
from spendtrackr.periods import Period, add_months, month_of
from transactions.models import Dimension, MonthSpendWithin, SpendLine

MEASURES = (
    Measure("yearly", "A year", "money"),
    Measure("last", "Last charge", "money"),
    Measure("rhythm", "Rhythm", "text"),
    Measure("last_day", "Last day", "day"),
    Measure("next_day", "Next expected", "day"),
    Measure("change", "Price change", "percent"),
    Measure("state", "State", "text"),
)
RUNNING, STOPPED = "Running", "Stopped"
# A yearly charge shows its rhythm in two years, and a few weeks for one that is late.
MONTHS_BACK = 26
# Whoever buys more often from a merchant in one month has no subscription with it, but for two cards that are charged each week.
MOST_A_MONTH = 10
# What stopped longer ago than this is of the past.
DAYS_REMEMBERED = 365


@dataclass(frozen=True, slots=True)
class Payer:
    """Who is charged by whom, as database ids, 0 for nobody and no card. Cards that replaced each other are one."""

    merchant: int
    member: int
    card: int
    currency: str


def subscriptions(question: Question) -> Report:
    """The dearest first, then what stopped within the last year, by merchant and whoever is charged.

    The rollups of the last 26 months say who bought so seldom from whom that it may be a subscription; lines are read of these merchants
    and months alone.
    """
    today, only = question.today, reader(question.member)
    since = add_months(month_of(today).start, -MONTHS_BACK)
    found = {}
    for payer, charges in _charges(_candidates(since, only, question.currency), since, only).items():
        row = recurring.find(charges, today)
        if row and today - row.next_on <= timedelta(days=DAYS_REMEMBERED):
            found[payer] = row
    rows = _rows(found)
    return Report(
        name="subscriptions",
        axes=(AXES[Dimension.MERCHANT], AXES[Dimension.MEMBER], AXES[Dimension.CARD]),
        measures=MEASURES,
        rows=rows,
        totals=added_up(MEASURES, rows, frozenset({"yearly"})),
    )


def _candidates(since: date, only: list[int] | None, currency: str) -> set[tuple[int, int, str]]:
    """Merchant, member and currency of whatever was bought more than once, and seldom."""
    cells = MonthSpendWithin.objects.filter(within=Dimension.MEMBER, dimension=Dimension.MERCHANT, starts_on__gte=since)
    cells = cells.exclude(value_id=0)
    if only is not None:
        cells = cells.filter(within_id__in=only)
    if currency:
        cells = cells.filter(currency=currency)
    seldom = cells.values_list("value_id", "within_id", "currency").annotate(n=Count("pk"), most=Max("item_count")).order_by()
    return {(merchant, member, code) for merchant, member, code, *_ in seldom.filter(n__gte=2, most__lte=MOST_A_MONTH)}


def _charges(candidates: set[tuple[int, int, str]], since: date, only: list[int] | None) -> dict[Payer, list[Charge]]:
    """What was charged on a day for one purchase; what came back is none."""
    lines = SpendLine.objects.filter(merchant__in={merchant for merchant, *_ in candidates}, day__gte=since)
    if only is not None:
        lines = lines.filter(member__in=only)
    sums = lines.values_list(
        "merchant_id", "member_id", "card_id", "card__counts_with_id", "currency", "day", "transaction_id"
    ).annotate(total=Sum("amount_minor"))  # fmt: skip
    found: dict[Payer, list[Charge]] = defaultdict(list)
    for merchant, member, card, first_card, currency, day, _, minor in sums.order_by():
        if minor > 0 and (merchant, member or 0, currency) in candidates:
            found[Payer(merchant, member or 0, first_card or card or 0, currency)].append(Charge(day, minor))
    return found


def _rows(found: dict[Payer, Recurring]) -> list[Row]:
    merchants = names_of(Dimension.MERCHANT, {payer.merchant for payer in found})
    people = _named(Dimension.MEMBER, (payer.member for payer in found))
    cards = _named(Dimension.CARD, (payer.card for payer in found))
    keyed = [(row, payer, (merchants[payer.merchant], people[payer.member], cards[payer.card])) for payer, row in found.items()]
    return [_row(payer, row, keys) for row, payer, keys in sorted(keyed, key=_place)]


def _place(one: tuple[Recurring, Payer, tuple[Key, Key, Key]]) -> tuple[bool, str, int, date, list[str]]:
    row, payer, keys = one
    return row.has_stopped, payer.currency, -row.yearly_minor, row.last.day, [key.label for key in keys]


def _named(dimension: Dimension, values: Iterable[int]) -> dict[int, Key]:
    return {0: Key("", NOBODYS[dimension]), **names_of(dimension, {value for value in values if value})}


def _row(payer: Payer, row: Recurring, keys: tuple[Key, Key, Key]) -> Row:
    merchant, member, card = keys
    of = {"merchant": merchant.id, "member": member.id or NONE, **({"counts_with": card.id} if card.id else {"card": NONE})}
    yearly, following = (None, None) if row.has_stopped else (Money(row.yearly_minor, payer.currency), row.next_on)
    return Row(
        keys=keys,
        values=(
            yearly,
            Money(row.last.minor, payer.currency),
            row.rhythm.label,
            row.last.day,
            following,
            percent(row.change_minor, row.charges[0].minor),
            STOPPED if row.has_stopped else RUNNING,
        ),
        currency=payer.currency,
        href=rows_behind(Period.inclusive(row.charges[0].day, row.last.day), payer.currency, of),
    )
