"""What a bank's statement tells that is known already: money that went to the balance or came back, and claims that were paid."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.db.models import Count, QuerySet, Sum

from spendtrackr.money import Money
from transactions.models import Entry, EntryKind, PaidFrom, Payout, PayoutStatus
from transactions.statements.lines import Line

# A transfer is booked by us and by the bank within so many days.
_WITHIN = timedelta(days=5)
# What they are called, and whether the money left the bank.
_KINDS = {
    EntryKind.TOPUP: ("a top-up of the balance", 1),
    EntryKind.WITHDRAWAL: ("money sent back from the balance", -1),
    EntryKind.PAYOUT: ("the payout of a claim", 1),
    EntryKind.PAYOUT_FAILED: ("a payout that came back", -1),
}


@dataclass(frozen=True, slots=True)
class Transfer:
    """Money that moved at the bank and is in the books. Above zero: it left the bank."""

    day: date
    amount: Money
    says: str


def known_transfers(lines: Sequence[Line]) -> dict[int, Transfer]:
    """Which of a bank's lines are transfers that are known, by their places: the nearest day first, and each transfer once."""
    if not lines:
        return {}
    by_amount: dict[Money, list[Transfer]] = defaultdict(list)
    for one in _transfers({line.amount.currency for line in lines}, min(line.day for line in lines), max(line.day for line in lines)):
        by_amount[one.amount].append(one)
    found: dict[int, Transfer] = {}
    pairs = [
        (abs(one.day - line.day), place, one)
        for place, line in enumerate(lines)
        for one in by_amount.get(line.amount, ())
        if abs(one.day - line.day) <= _WITHIN
    ]
    for _, place, one in sorted(pairs, key=lambda pair: pair[:2]):
        if place not in found and one in by_amount[one.amount]:
            found[place] = one
            by_amount[one.amount].remove(one)
    return found


def _transfers(currencies: Collection[str], first: date, last: date) -> list[Transfer]:
    within = {"day__gte": first - _WITHIN, "day__lte": last + _WITHIN}
    entries = Entry.objects.filter(account__currency__in=currencies, kind__in=_KINDS, **within).order_by("day", "pk")
    rows = entries.values_list("kind", "day", "account__currency").annotate(minor=Sum("postings__amount_minor"))
    single = [_transfer(EntryKind(kind), day, Money(minor, currency)) for kind, day, currency, minor in rows]
    return [*_batches(currencies, first, last), *single]


def _transfer(kind: EntryKind, day: date, amount: Money) -> Transfer:
    says, sign = _KINDS[kind]
    return Transfer(day, Money(amount.minor * sign, amount.currency), says)


def _batches(currencies: Collection[str], first: date, last: date) -> list[Transfer]:
    """Batches of more than one claim, as one transfer: so banks book them."""
    begin, end = (datetime.combine(day, time(), tzinfo=UTC) for day in (first - _WITHIN, last + _WITHIN))
    paid = Payout.objects.filter(
        status=PayoutStatus.PAID, reimbursement__paid_from=PaidFrom.BANK, reimbursement__currency__in=currencies,
        reimbursement__ended_at__gte=begin, reimbursement__ended_at__lt=end,
    )  # fmt: skip
    by_batch: QuerySet[Any, Any] = paid.values("reimbursement__currency", "reimbursement__ended_at")
    rows = by_batch.annotate(minor=Sum("amount_minor"), count=Count("pk"))
    return [
        Transfer(row["reimbursement__ended_at"].date(), Money(row["minor"], row["reimbursement__currency"]), "a batch of payouts")
        for row in rows.order_by("reimbursement__ended_at")
        if row["count"] > 1
    ]
