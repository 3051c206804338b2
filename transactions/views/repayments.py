"""What people owe for purchases that were rejected, in the browser."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from spendtrackr import errors
from spendtrackr.forms import line_from
from spendtrackr.money import Money, example
from spendtrackr.permissions import find, require
from transactions import queries
from transactions.models import Repayment, RepaymentStatus
from transactions.operations import repayments as operations
from users.models import Membership
from users.views import action, page

MOST, LATELY = 200, 30


@page
def repayments(request: HttpRequest, member: Membership) -> HttpResponse:
    """What is owed, the oldest first; and what was settled lately."""
    rows = queries.repayments(member)
    context = {
        "nav": "claims",
        "tab": "repayments",
        "open": queries.with_outstanding(rows.filter(status=RepaymentStatus.OPEN).order_by("pk")[:MOST]),
        "ended": queries.with_outstanding(rows.exclude(status=RepaymentStatus.OPEN).order_by("-ended_at", "-pk")[:LATELY]),
        "may_settle": member.may("repayments.settle"),
        "me": member,
    }
    return render(request, "transactions/repayments.html", context)


def _named(member: Membership, public_id: str) -> Repayment:
    row: Repayment = find(queries.repayments(member), public_id)
    require("repayments.settle", member, row)
    return row


@action
def receive(request: HttpRequest, member: Membership, public_id: str) -> str:
    row = _named(member, public_id)
    currency = row.transaction.currency
    try:
        amount = Money.typed(request.POST.get("amount", "").strip(), currency)
    except ValueError as error:
        raise errors.Invalid(f"Amount: write an amount in {currency}, such as {example(currency, '12.50')}.", field="amount") from error
    operations.receive(row, amount, reference=line_from(request.POST, "reference", 120), actor=member, at=timezone.now())
    return f"Recorded: {amount.written()} from {row.member.user.name}."


@action
def waive(request: HttpRequest, member: Membership, public_id: str) -> str:
    row = _named(member, public_id)
    operations.waive(row, reason=line_from(request.POST, "reason", 300), actor=member, at=timezone.now())
    return f"Waived: {row.member.user.name} owes nothing for it any more."
