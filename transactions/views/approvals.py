"""What waits for a yes, and saying it: one by one, or many at once; and who decides for somebody who is away."""

from __future__ import annotations

from django.contrib import messages
from django.db.models import Q
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from spendtrackr import errors
from spendtrackr.forms import line_from, show_refusal
from spendtrackr.permissions import find, require
from transactions import queries
from transactions.forms.delegations import DelegationForm
from transactions.models import Approval, ApprovalStatus, Delegation, DelegationState, Outcome
from transactions.operations import approvals as operations
from transactions.operations import delegations
from transactions.operations.approvals import Answer
from users.models import Membership
from users.queries import colleagues
from users.roles import Role
from users.views import action, form_page, page

MOST = 100


@page
def approvals(request: HttpRequest, member: Membership) -> HttpResponse:
    """What waits for this member, with the papers; below it what waits for others and what was decided lately."""
    mine = list(queries.waiting_for(member)[:MOST])
    seen = {approval.pk for approval in mine}
    others = queries.visible_approvals(member).filter(status=ApprovalStatus.WAITING).exclude(pk__in=seen).order_by("pk")[:MOST]
    waiting = queries.with_steps([*mine, *others])
    for approval in mine:
        approval.mine = next(one for one in approval.waits_for if one.member.pk == member.pk)  # type: ignore[attr-defined]
        approval.at_step = next(shown.step.position for shown in approval.route if shown.is_waiting)  # type: ignore[attr-defined]
    decided = queries.visible_approvals(member).filter(decided_by__isnull=False).order_by("-decided_at", "-pk")
    delegated = list(
        queries.delegations(member).filter(Q(member=member) | Q(to=member)).exclude(state=DelegationState.OVER).order_by("starts_on", "pk")
    )
    context = {
        "nav": "approvals",
        "mine": queries.with_receipts(mine),
        "totals": queries.totals_of(mine),
        "others": waiting[len(mine) :],
        "decided": list(decided[:20]),
        "away": [row for row in delegated if row.member_id == member.pk],
        "may_delegate": member.role != Role.AUDITOR,
        "stands_in": [row for row in delegated if row.to_id == member.pk and row.state == DelegationState.LIVE],
    }
    return render(request, "transactions/approvals.html", context)


def _named(member: Membership, public_id: str) -> Approval:
    found: Approval = find(queries.visible_approvals(member), public_id)
    return found


def _said(request: HttpRequest, outcome: Outcome) -> Answer:
    return Answer(outcome, line_from(request.POST, "reason"), request.POST.get("seen", "")[:64])


@action
def approve(request: HttpRequest, member: Membership, public_id: str) -> str:
    done = operations.decide(_named(member, public_id), _said(request, Outcome.APPROVED), actor=member, at=timezone.now())
    name = done.owned_by.user.name
    return f"Approved for {name}." if done.status == ApprovalStatus.APPROVED else f"You agreed. Others still have to for {name}."


@action
def request_changes(request: HttpRequest, member: Membership, public_id: str) -> str:
    said = _said(request, Outcome.CHANGES_REQUESTED)
    done = operations.decide(_named(member, public_id), said, actor=member, at=timezone.now())
    return f"Sent back to {done.owned_by.user.name}."


@action
def reject(request: HttpRequest, member: Membership, public_id: str) -> str:
    done = operations.decide(_named(member, public_id), _said(request, Outcome.REJECTED), actor=member, at=timezone.now())
    return f"Rejected. {done.owned_by.user.name} is told."


@action
def approve_all(request: HttpRequest, member: Membership) -> str | None:
    """What was ticked, each bound to what was seen: `<approval>:<seen>`."""
    chosen = dict(ticked.partition(":")[::2] for ticked in request.POST.getlist("approval")[:MOST])
    found = queries.visible_approvals(member).filter(public_id__in=chosen).order_by("pk")
    answers = [(approval, Answer(Outcome.APPROVED, looked_at=chosen[approval.public_id][:64])) for approval in found]
    if not answers:
        raise errors.Invalid("Tick what you approve first.")
    results = operations.decide_all(answers, actor=member, at=timezone.now())
    for result in results:
        if result.refusal:
            about = f"{result.approval.owned_by.user.name}, {result.approval.transaction.amount.written()}"
            messages.error(request, f"{about}: {result.refusal.message}")
    done = sum(result.refusal is None for result in results)
    return f"{done} approved." if done else None


@form_page
def delegate(request: HttpRequest, member: Membership) -> HttpResponse:
    """While one is away, somebody else is asked as well."""
    require("delegations.make", member)
    people = colleagues(member).order_by("user__name", "pk")
    form = DelegationForm(request.POST or None, people=[(one.public_id, one.user.name) for one in people])
    if request.method == "POST" and form.is_valid() and _delegated(form, member):
        messages.success(request, "Saved. Whoever you named is asked as well on those days.")
        return redirect("approvals")
    return render(request, "transactions/delegate.html", {"nav": "approvals", "form": form}, status=400 if form.errors else 200)


def _delegated(form: Form, member: Membership) -> bool:
    given = form.cleaned_data
    to = Membership.objects.get(public_id=given["to"])
    try:
        delegations.delegate(member, to, starts_on=given["starts_on"], ends_on=given["ends_on"], actor=member, at=timezone.now())
    except errors.DomainError as error:
        show_refusal(form, error)
        return False
    return True


@action
def end_delegation(request: HttpRequest, member: Membership, public_id: str) -> str:
    row: Delegation = find(queries.delegations(member), public_id)
    require("delegations.make", member, row)
    delegations.end(row, actor=member, at=timezone.now())
    return f"Ended: {row.to.user.name} is not asked in place of {row.member.user.name} any more."
