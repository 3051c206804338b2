"""Card limits: how much of each is used."""

from __future__ import annotations

from decimal import Decimal

from cards import queries as cards
from cards.models import Card, CardStatus
from cards.queries import Meter, Standing
from reports.queries.lists import transactions
from reports.queries.spend import AXES, percent
from reports.shape import Axis, Key, Measure, Question, Report, Row, Value
from spendtrackr.money import Money
from transactions.models import Dimension

MEASURES = (
    Measure("used", "Used", "money"),
    Measure("limit", "Limit", "money"),
    Measure("left", "Left", "money"),
    Measure("purchases", "Purchases", "count"),
    Measure("most_purchases", "At most", "count"),
    Measure("percent", "Used of it", "share"),
    Measure("holder", "Holder", "text"),
)


def card_limits(question: Question) -> Report:
    """Each limit of each card that is not closed, the most used first; of now. Three queries for any number of cards.

    A limit that is newer than its window shows nothing used before the next purchase, and comes last.
    """
    rows = Card.objects.visible_to(question.member).exclude(status=CardStatus.CLOSED).with_state().order_by("pk")
    if question.currency:
        rows = rows.filter(currency=question.currency)
    found = cards.standings(rows, question.member.company, at=question.at)
    told = [_row(standing, meter) for standing in found for meter in standing.meters]
    return Report(
        name="card-limits",
        axes=(AXES[Dimension.CARD], Axis("window", "Limit")),
        measures=MEASURES,
        rows=sorted(told, key=lambda row: (-_share(row), row.keys[0].label, row.keys[1].id)),
    )


def _row(standing: Standing, meter: Meter) -> Row:
    card = standing.card
    return Row(
        keys=(Key(card.public_id, f"{card.name} •• {card.last4}"), _window(meter)),
        values=(
            *_amounts(meter),
            percent(_plain(meter.used), _plain(meter.limit)) if meter.used is not None else None,
            card.holder.user.name,
        ),
        currency=card.currency,
        href=_behind(card, meter),
    )


def _window(meter: Meter) -> Key:
    """A card may have a limit of amounts and one of purchases in the same window."""
    if meter.is_count:
        return Key(f"purchases_{meter.interval}", f"Purchases {meter.window}")
    return Key(str(meter.interval), meter.window.capitalize())


def _amounts(meter: Meter) -> tuple[Value, ...]:
    """An amount in three measures, or a number of purchases in two."""
    if meter.is_count:
        return (None, None, None, meter.used, meter.limit)
    return (meter.used, meter.limit, meter.left, None, None)


def _plain(value: Money | int | None) -> int:
    return value.minor if isinstance(value, Money) else value or 0


def _share(row: Row) -> Decimal:
    share = row.values[5]
    return share if isinstance(share, Decimal) else Decimal(-1)


def _behind(card: Card, meter: Meter) -> str:
    """As the card's own page leads there: what is not approved yet, or what counts since the window began."""
    within = {"approval": "unapproved"} if meter.is_unapproved else {"from_": meter.since}
    return transactions(counts_with=card.public_id, counting="true", **within)
