"""Transactions that somebody may see, in pages, and why they were decided as they were."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

from django.db.models import Q, QuerySet

from spendtrackr import errors
from spendtrackr.money import Money
from spendtrackr.pagination import ordered, take_page
from transactions.decisions import BUDGETS, FUNDS, PastDecision, Request, explain
from transactions.models import OPEN_KEY, REQUESTS, ApprovalDecision, Assignment, Message, Transaction, TransactionQuerySet
from transactions.queries.figures import with_attributions
from users.models import Membership

# transactions_latest_first, transactions_by_amount
ORDERINGS = ordered("-occurred_on", occurred_on="occurred_on", amount="amount_minor")
LATEST = ORDERINGS["-occurred_on"]


def visible(member: Membership) -> TransactionQuerySet:
    """What this member may see, with the names that a row shows."""
    rows: TransactionQuerySet = Transaction.objects.visible_to(member).with_names()
    return rows


def readable(member: Membership) -> TransactionQuerySet:
    """What this member may open: what is `visible` in their lists, what waits for them, and what they have decided about.

    Whoever was asked and did not answer, such as in place of somebody who is back, sees it no more.
    """
    rows: TransactionQuerySet = Transaction.objects.with_names()
    if member.sees("transactions"):
        return rows
    return rows.filter(Q(member__in=member.team) | asked_about(member, "transaction_id"))


def asked_about(member: Membership, of: str) -> Q:
    """Rows whose key is `of` an approval, such as its `transaction_id`, that waits for this member or was decided by them.

    Each side is found by the member's own rows, however many approvals there are.
    """
    waits = Assignment.objects.filter(member=member, open_key=OPEN_KEY).values(f"step__approval__{of}")
    said = ApprovalDecision.objects.filter(actor=member).values(f"approval__{of}")
    return Q(pk__in=waits) | Q(pk__in=said)


def page(
    rows: QuerySet[Transaction], *, cursor: str | None, limit: int, order: Sequence[str] = LATEST
) -> tuple[list[Transaction], str | None]:
    """Newest first unless said otherwise, each with what the owner of its source wants said beside it; and the cursor of the next page."""
    return take_page(rows, order=order, cursor=cursor, limit=limit, told=with_attributions)


def decision_of(purchase: Transaction, member: Membership, request_id: str = "") -> PastDecision:
    """Why a request for a purchase, the latest if none is named, was answered as it was, as far as this member may know.

    Raises `Missing` where nobody was asked, or not so.
    """
    asked = list(Message.objects.filter(transaction=purchase, kind__in=REQUESTS).order_by("pk"))
    message = next((one for one in reversed(asked) if request_id in {"", one.public_id}), None)
    if message is None:
        raise errors.Missing("Nobody was asked about this transaction." if not request_id else "There is no such request for it.")
    requests = {one.pk: _request(one, purchase.currency) for one in asked}
    approved, told = message.amount_minor if message.is_approved else None, requests[message.pk]
    why = explain(message.checks_done, requested=told.requested, approved_minor=approved, hidden=hidden_from(member))
    return PastDecision(**{one.name: getattr(why, one.name) for one in fields(why)}, request=told, requests=list(requests.values()))


def _request(message: Message, currency: str) -> Request:
    approved = Money(message.amount_minor if message.is_approved else 0, currency)
    requested = Money(message.requested_minor or message.amount_minor, currency)
    return Request(message.public_id, message.kind, message.network_id, message.at, bool(message.is_approved), requested, approved)


def hidden_from(member: Membership) -> tuple[str, ...]:
    """The checks of which this member is told the outcome only."""
    return (() if member.sees("accounts") else FUNDS) + (() if member.sees("budgets") else BUDGETS)
