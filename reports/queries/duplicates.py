"""Duplicates: purchases that may be one and the same, in pairs, each with its reasons."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from itertools import pairwise

from django.db.models import CharField, F, Q, QuerySet
from django.db.models.functions import Cast

from cards.controls import merchant_key
from reports.queries.lists import transactions
from reports.shape import Axis, Key, Measure, Question, Report, Row
from spendtrackr import locales
from spendtrackr.money import Money
from spendtrackr.periods import Period
from transactions.merchants import UNNAMED, clean_name
from transactions.models import Attachment, Receipt, Transaction, TransactionSource, TransactionStatus

AXES = (Axis("purchase", "Purchase"), Axis("earlier", "May be the same as"))
MEASURES = (
    Measure("amount", "Amount", "money"),
    Measure("apart", "Apart", "days"),
    Measure("whose", "Whose", "text"),
    Measure("reason", "Why", "text"),
)
SAME_AMOUNT, CLAIMED_TOO, SAME_RECEIPT = "Same merchant and amount", "Claimed and paid by card", "Same receipt"
# Merchants charge twice within days; people claim a little later what they paid by card.
DAYS_CHARGED, DAYS_CLAIMED = 3, 7
# About so many purchases are compared, the latest of the period and what was bought in the days before them: with more of them the report
# begins on a later day, and says so.
MOST_COMPARED = 7_000
_NOTHING_CAME_OF = Q(status__in=[TransactionStatus.DECLINED, TransactionStatus.REVERSED])
_GIVEN_BACK = Q(captured_minor__gt=0, captured_minor__lte=F("refunded_minor") + F("charged_back_minor"))


@dataclass(frozen=True, slots=True)
class Purchase:
    """What is compared. Ordered by day, each is looked at beside the next of its kind alone: the cost is that of sorting them."""

    pk: int
    public_id: str
    source: str
    member: int | None
    whose: str | None
    merchant: int | None
    name: str | None
    descriptor: str
    currency: str
    minor: int
    paid_currency: str
    paid_minor: int | None
    day: date
    statement: int | None

    @property
    def said_by(self) -> str:
        """The descriptor as every spelling of it is folded; blank where nobody is named."""
        return _folded(self.descriptor)

    @property
    def amounts(self) -> set[tuple[str, int]]:
        """What was billed, and what was paid where that is another currency."""
        paid = {(self.paid_currency, self.paid_minor)} if self.paid_minor is not None else set()
        return {(self.currency, self.minor), *paid}

    @property
    def label(self) -> str:
        return f"{self.name or self.descriptor or UNNAMED}, {locales.day(self.day)}"


@lru_cache(maxsize=4096)
def _folded(descriptor: str) -> str:
    name = clean_name(descriptor)
    return merchant_key(name) if name and name != UNNAMED else ""


_FIELDS = (
    "pk", "public_id", "source", "member_id", "member__user__name", "merchant_id", "merchant__name", "descriptor", "currency",
    "amount_minor", "merchant_currency", "merchant_amount_minor", "occurred_on", "statement_import_id",
)  # fmt: skip
Test = Callable[[Purchase, Purchase], bool]
Pair = tuple[Purchase, Purchase]


def duplicates(question: Question) -> Report:
    """Pairs of which the later one was bought in the period, the latest first. What came to nothing or came back is no part of any.

    Of about `MOST_COMPARED` purchases the amount is read, off an index alone; of those whose amount occurs twice the rest, and of claims
    and receipts. The report's own period tells from which day on they were compared.
    """
    visible = Transaction.objects.visible_to(question.member)
    period, amounts = _compared(visible, question.period)
    reasons: dict[Pair, list[str]] = defaultdict(list)
    for reason, pair in _pairs(visible, period, amounts):
        if pair[1].day in period and question.currency in {"", pair[1].currency} and reason not in reasons[pair]:
            reasons[pair].append(reason)
    found = sorted(((pair, why) for pair, why in reasons.items() if why), key=lambda one: (one[0][1].day, one[0][1].pk), reverse=True)
    return Report(
        name="duplicates",
        axes=AXES,
        measures=MEASURES,
        rows=[_row(*pair, why) for pair, why in found],
        totals=_totals(pair[1] for pair, _ in found),
        period=period,
    )


# The amounts of purchases, by their database ids: minor units of any currency.
Amounts = dict[int, int]


def _compared(visible: QuerySet[Transaction], period: Period) -> tuple[Period, Amounts]:
    """The period, or as much of its end as has with the days before it no more purchases than are compared, declined ones too; its last day
    in any case. And the amounts of those purchases.
    """
    before = timedelta(days=DAYS_CHARGED)
    rows = visible.filter(occurred_on__gte=period.start - before, occurred_on__lt=period.end).order_by("-occurred_on", "-pk")
    # As text: what makes a date of it costs more than reading it.
    read = list(rows.values_list("pk", "amount_minor", Cast("occurred_on", CharField()))[: MOST_COMPARED + 1])
    amounts = {pk: minor for pk, minor, _ in read}
    if len(read) > MOST_COMPARED:
        pk, _, day = read[-1]
        left_out = date.fromisoformat(day)
        period = Period(min(left_out + timedelta(days=1) + before, period.last), period.end)
        if left_out >= period.start - before:
            rest = rows.filter(Q(occurred_on__lt=left_out) | Q(occurred_on=left_out, pk__lt=pk))
            amounts |= rest.filter(occurred_on__gte=period.start - before).values_list("pk", "amount_minor")
    return period, amounts


def _pairs(visible: QuerySet[Transaction], period: Period, amounts: Amounts) -> Iterator[tuple[str, Pair]]:
    purchases = _alike(visible, period, amounts)
    for key in (_merchant, _descriptor):
        yield from ((SAME_AMOUNT, pair) for pair in _beside(_grouped(purchases, key), DAYS_CHARGED, _may_be_one))
    yield from ((CLAIMED_TOO, pair) for pair in _beside(_grouped(purchases, _person), DAYS_CLAIMED, _is_claimed_too))
    yield from ((SAME_RECEIPT, pair) for pair in _beside(_by_receipt(period, _real(visible)), None, _differ))


def _real(rows: QuerySet[Transaction]) -> QuerySet[Transaction]:
    """Without what came to nothing, or came back."""
    return rows.exclude(_NOTHING_CAME_OF).exclude(_GIVEN_BACK).filter(amount_minor__gt=0)


def _alike(visible: QuerySet[Transaction], period: Period, amounts: Amounts) -> list[Purchase]:
    """All that may be in a pair of the period by their amount, and few others: those whose amount occurs twice, claims, and what claimants
    paid by card of an amount that was claimed.
    """
    occurring = Counter(amounts.values())
    twice = [pk for pk, minor in amounts.items() if occurring[minor] > 1]
    found = _read(_real(visible).filter(pk__in=twice)) if twice else {}
    paid = visible.filter(occurred_on__gte=period.start - timedelta(days=DAYS_CLAIMED), occurred_on__lt=period.end)
    claims = _read(_real(paid).filter(source=TransactionSource.CLAIM))
    claimed = {minor for one in claims.values() for _, minor in one.amounts}
    if claimed:
        by_card = _real(paid).filter(source=TransactionSource.CARD, member__in={one.member for one in claims.values()})
        found |= _read(by_card.filter(Q(amount_minor__in=claimed) | Q(merchant_amount_minor__in=claimed)))
    return list((found | claims).values())


def _read(rows: QuerySet[Transaction]) -> dict[int, Purchase]:
    return {row[0]: Purchase(*row) for row in rows.order_by().values_list(*_FIELDS)}


def _merchant(one: Purchase) -> Iterator[Hashable]:
    if one.merchant:
        yield one.merchant, one.currency, one.minor


def _descriptor(one: Purchase) -> Iterator[Hashable]:
    if said := one.said_by:
        yield said, one.currency, one.minor


def _person(one: Purchase) -> Iterator[Hashable]:
    if one.member and one.source != TransactionSource.STATEMENT:
        for amount in one.amounts:
            yield one.member, amount


def _grouped(purchases: Iterable[Purchase], keys: Callable[[Purchase], Iterator[Hashable]]) -> Iterable[list[Purchase]]:
    found: dict[Hashable, list[Purchase]] = defaultdict(list)
    for one in purchases:
        for key in keys(one):
            found[key].append(one)
    return found.values()


def _by_receipt(period: Period, seen: QuerySet[Transaction]) -> Iterable[list[Purchase]]:
    """Whatever has the content of a receipt on a purchase of the period, also from long ago."""
    days = {"occurred_on__gte": period.start, "occurred_on__lt": period.end}
    of_period = Attachment.objects.filter(attached_hash__isnull=False, transaction__in=seen.filter(**days).values("pk"))
    same = Receipt.objects.filter(content_hash__in=of_period.values("attached_hash"))
    rows = Attachment.objects.filter(attached_hash__isnull=False, receipt__in=same.values("pk"), transaction__in=seen.values("pk"))
    found: dict[str, list[Purchase]] = defaultdict(list)
    for content, *row in rows.order_by().values_list("attached_hash", *(f"transaction__{name}" for name in _FIELDS)):
        found[content].append(Purchase(*row))
    return found.values()


def _beside(groups: Iterable[list[Purchase]], within_days: int | None, test: Test) -> Iterator[Pair]:
    """Each with the one before it in its group, if it is so near and passes."""
    for group in groups:
        for earlier, later in pairwise(sorted(group, key=lambda one: (one.day, one.pk))):
            if (within_days is None or (later.day - earlier.day).days <= within_days) and test(earlier, later):
                yield earlier, later


def _may_be_one(earlier: Purchase, later: Purchase) -> bool:
    """Two lines of one statement on one day are two: whoever wrote it told them apart."""
    return earlier.statement is None or (earlier.statement, earlier.day) != (later.statement, later.day)


def _is_claimed_too(earlier: Purchase, later: Purchase) -> bool:
    return {earlier.source, later.source} == {TransactionSource.CARD, TransactionSource.CLAIM}


def _differ(earlier: Purchase, later: Purchase) -> bool:
    return earlier.pk != later.pk


def _row(earlier: Purchase, later: Purchase, why: list[str]) -> Row:
    people = dict.fromkeys(one.whose or "Nobody" for one in (later, earlier))
    return Row(
        keys=(Key(later.public_id, later.label), Key(earlier.public_id, earlier.label)),
        values=(Money(later.minor, later.currency), (later.day - earlier.day).days, " and ".join(people), "; ".join(why)),
        currency=later.currency,
        href=transactions(ids=f"{later.public_id},{earlier.public_id}"),
    )


def _totals(later: Iterable[Purchase]) -> list[Row]:
    """What was paid twice, if they all were: each purchase once, however many it is like."""
    sums: dict[str, int] = defaultdict(int)
    for one in set(later):
        sums[one.currency] += one.minor
    return [Row((), (Money(minor, currency), None, None, None), currency) for currency, minor in sorted(sums.items())]
