"""What waits for a yes, and saying it."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from spendtrackr.permissions import find
from transactions import queries
from transactions.models import Approval, ApprovalStatus
from transactions.operations import approvals as operations
from transactions.views.purchases import typed
from users.models import Membership
from users.views import action, page

MOST = 100


@page
def approvals(request: HttpRequest, member: Membership) -> HttpResponse:
    """What waits for this member, with the papers; below it what waits for others and what was decided lately."""
    mine = list(queries.waiting_for(member)[:MOST])
    seen = {approval.pk for approval in mine}
    others = queries.visible_approvals(member).filter(status=ApprovalStatus.WAITING).exclude(pk__in=seen).order_by("pk")
    decided = queries.visible_approvals(member).filter(decided_by__isnull=False).order_by("-decided_at", "-pk")
    context = {
        "nav": "approvals",
        "mine": queries.with_receipts(mine),
        "totals": queries.totals_of(mine),
        "others": queries.with_approvers(list(others[:MOST])),
        "decided": list(decided[:20]),
    }
    return render(request, "transactions/approvals.html", context)


def _named(member: Membership, public_id: str) -> Approval:
    found: Approval = find(queries.visible_approvals(member), public_id)
    return found


def _seen(request: HttpRequest) -> str:
    return request.POST.get("seen", "")[:64]


@action
def approve(request: HttpRequest, member: Membership, public_id: str) -> str:
    done = operations.decide(_named(member, public_id), approved=True, looked_at=_seen(request), actor=member, at=timezone.now())
    return f"Approved for {done.owned_by.user.name}."


@action
def reject(request: HttpRequest, member: Membership, public_id: str) -> str:
    reason = typed(request, "reason")[:500]
    approval = _named(member, public_id)
    done = operations.decide(approval, approved=False, reason=reason, looked_at=_seen(request), actor=member, at=timezone.now())
    return f"Sent back to {done.owned_by.user.name}."
