"""The close list: what is still open of a month."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Count, F, Q, QuerySet, Sum
from django.db.models.functions import Greatest

from reports.queries.lists import transactions
from reports.queries.spend import NONE, narrowed, parts, rows_behind
from reports.shape import Axis, Key, Measure, Question, Report, Row
from spendtrackr.money import Money
from transactions import policies
from transactions import queries as purchases
from transactions.chasing import UNFINISHED
from transactions.models import ApprovalState, Dimension, RepaymentStatus, Transaction, TransactionSource

MEASURES = (Measure("amount", "Amount", "money"), Measure("items", "Items", "count"))
# A hold that is older is likely to be forgotten by the merchant.
DAYS_ON_HOLD = 7


@dataclass(frozen=True, slots=True)
class Open:
    """One line of the list: which purchases, by condition and by address. `amount` is an expression in minor units."""

    name: str
    label: str
    where: Q
    address: dict[str, Any]
    amount: Any = "amount_minor"


# In the order in which a bookkeeper would settle them.
_APPROVALS = (
    Open("missing_receipts", "Receipts missing", purchases.where_missing(policies.RECEIPT), {"missing": policies.RECEIPT}),
    Open("not_submitted", "Not submitted", Q(approval=ApprovalState.OPEN), {"approval": ApprovalState.OPEN.value}),
    Open("sent_back", "Sent back", Q(approval=ApprovalState.CHANGES_REQUESTED), {"approval": ApprovalState.CHANGES_REQUESTED.value}),
    Open("waiting", "Waiting for a yes", Q(approval=ApprovalState.WAITING), {"approval": ApprovalState.WAITING.value}),
)
_UNPAID = Open("unpaid_claims", "Approved claims to be paid", Q(), {"payment": purchases.UNPAID})
_OWED = Greatest(F("captured_minor") - F("refunded_minor") - F("charged_back_minor") - F("repayment__repaid_minor"), 0)
_REPAYMENTS = Open(
    "repayments", "Repayments outstanding", Q(repayment__status=RepaymentStatus.OPEN), {"repayment": RepaymentStatus.OPEN.value}, _OWED
)
_OWNERLESS = Open(
    "without_owner",
    "Imported lines without an owner",
    Q(source=TransactionSource.STATEMENT, member=None),
    {"source": TransactionSource.STATEMENT.value, "member": NONE},
)


def close_list(question: Question) -> Report:
    """A line for each thing and currency of which something is left; none once the month can be closed.

    Purchases count in the month in which they were bought, uncategorised spend in that of its posting, as in every report. Reads
    what is open of that month.
    """
    rows = [*_uncategorised(question), *_purchases(question)]
    return Report("close-list", (Axis("open", "Still open"),), MEASURES, rows, period=question.period)


def _uncategorised(question: Question) -> Iterator[Row]:
    nothing = frozenset({0})
    for part in parts(question.period, Dimension.CATEGORY, of={**narrowed(question), Dimension.CATEGORY: nothing}):
        if question.currency in {"", part.currency} and (part.items or part.amount_minor):
            href = rows_behind(question.period, part.currency, {Dimension.CATEGORY: NONE})
            amount = Money(part.amount_minor, part.currency)
            yield Row((Key("uncategorised", "Spend without a category"),), (amount, part.items), part.currency, href)


def _purchases(question: Question) -> Iterator[Row]:
    period = question.period
    rows = Transaction.objects.visible_to(question.member).filter(occurred_on__gte=period.start, occurred_on__lt=period.end)
    if question.currency:
        rows = rows.filter(currency=question.currency)
    # Each begins with what is few, whatever was bought in the month: it has an index, or a table of its own.
    unpaid = rows.filter(purchases.where_payment(purchases.UNPAID), claim_details__isnull=False)
    yield from _told(question, rows.filter(approval__in=UNFINISHED), _APPROVALS)
    yield from _told(question, unpaid, (_UNPAID,))
    for line in (_REPAYMENTS, _on_hold(question), _OWNERLESS):
        yield from _told(question, rows.filter(line.where), (line,))


def _on_hold(question: Question) -> Open:
    last = min(question.period.last, question.today - timedelta(days=DAYS_ON_HOLD + 1))
    where = Q(held_minor__gt=0, occurred_on__lte=last)
    return Open("on_hold", f"On hold for more than {DAYS_ON_HOLD} days", where, {"on_hold": "true", "to": last}, "held_minor")


def _told(question: Question, rows: QuerySet[Transaction], lines: tuple[Open, ...]) -> Iterator[Row]:
    """All of these lines by one query, each in its place, a row for each currency in which there is something."""
    sums: dict[str, Any] = {f"{line.name}_n": Count("pk", filter=line.where) for line in lines}
    sums |= {f"{line.name}_minor": Sum(line.amount, filter=line.where) for line in lines}
    found: list[Any] = list(rows.order_by("currency").values("currency").annotate(**sums))
    for line in lines:
        for told in found:
            if items := told[f"{line.name}_n"]:
                currency, minor = told["currency"], told[f"{line.name}_minor"]
                yield Row((Key(line.name, line.label),), (Money(minor, currency), items), currency, _behind(question, line, currency))


def _behind(question: Question, line: Open, currency: str) -> str:
    days = {"from_": question.period.start, "to": question.period.last}
    return transactions(**{**days, **line.address, "currency": currency})
