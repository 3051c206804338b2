"""What lists and figures add up to, and which purchases count where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from django.db.models import Count, F, Q, QuerySet, Sum
from django.db.models.functions import Greatest

from spendtrackr.money import Money
from transactions.models import FundingAccount, SpendLine, Transaction, TransactionSource, TransactionStatus

# Purchases that count in limits and budgets, and what each comes to there (`draws.share_of`).
COUNTING = Q(source=TransactionSource.CARD) & (Q(held_minor__gt=0) | Q(captured_minor__gt=0))
POSTED = Greatest(F("captured_minor") - F("refunded_minor") - F("charged_back_minor"), 0)
_NOTHING_CAME_OF = Q(status__in=[TransactionStatus.DECLINED, TransactionStatus.REVERSED])
# What a page adds up: more than anybody checks by hand, and few enough to be added up while somebody waits.
MOST_ADDED = 5_000


def with_attributions(rows: QuerySet[Transaction]) -> QuerySet[Transaction]:
    """The same rows, each with what the owner of its source wants to read beside it."""
    return rows.annotate(attribution=F("statement_import__source__attribution"))


def attributions(rows: Sequence[Transaction]) -> list[str]:
    """What the owners of these rows (`with_attributions`) want to read beside them, such as a licence: each once."""
    return sorted({row.attribution for row in rows if row.attribution})  # type: ignore[attr-defined]  # by the query


@dataclass(frozen=True, slots=True)
class Figure:
    """What a report added up: the spend of some rows in a period, in total and by transaction."""

    first: date | None
    last: date | None
    totals: list[Money]


def figure(lines: QuerySet[SpendLine], rows: QuerySet[Transaction], *, first: date | None, last: date | None) -> Figure:
    """The sums of these lines over all of these rows, one a currency."""
    sums = (
        lines.filter(transaction__in=rows.order_by().values("pk"))
        .values_list("currency")
        .annotate(total=Sum("amount_minor"))
        .order_by("currency")
    )
    return Figure(first, last, [Money(total, currency) for currency, total in sums])


def of_chain(counting_id: int) -> Q:
    """Purchases of a row of replacements, by the first card's database id: they share their limits."""
    return Q(card_id=counting_id) | Q(card__counts_with_id=counting_id)


@dataclass(frozen=True, slots=True)
class Totals:
    """What a list adds up to, one sum a currency, and how many rows it has. `left_out` were declined or let go, and add nothing."""

    rows: int
    left_out: int
    sums: list[Money]
    # Whether each row adds what it counts for in limits and budgets, instead of its amount.
    is_counted: bool = False


def is_too_long_to_add_up(rows: QuerySet[Transaction]) -> bool:
    return bool(rows.order_by().values_list("pk")[MOST_ADDED : MOST_ADDED + 1])


def totals(rows: QuerySet[Transaction], *, counted: bool) -> Totals:
    """What a list adds up to, in one query; `counted`, of rows `with_counted`."""
    of_each = Sum("counted_minor") if counted else Sum("amount_minor", filter=~_NOTHING_CAME_OF)
    parts = list(
        rows.order_by()
        .values_list("currency")
        .annotate(number=Count("pk"), left_out=Count("pk", filter=_NOTHING_CAME_OF), total=of_each)
        .order_by("currency")
    )
    sums = [Money(total, currency) for currency, number, left_out, total in parts if counted or number > left_out]
    return Totals(sum(part[1] for part in parts), 0 if counted else sum(part[2] for part in parts), sums, counted)


def posted_within(lines: QuerySet[SpendLine], rows: list[Transaction]) -> dict[int, Money]:
    """What each row of a page contributed, by its database id."""
    sums = lines.filter(transaction__in=rows).values_list("transaction_id", "currency").annotate(total=Sum("amount_minor")).order_by()
    return {pk: Money(total, currency) for pk, currency, total in sums}


def accounts() -> list[FundingAccount]:
    return list(FundingAccount.objects.order_by("currency"))
