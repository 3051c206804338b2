"""Claims in the browser: those that one sees, writing one, taking it back."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from spendtrackr import errors
from spendtrackr.permissions import find, require
from transactions import queries
from transactions.filters import ClaimFilter
from transactions.forms.claims import ClaimPage, Wished
from transactions.models import ApprovalState, Transaction
from transactions.operations import claims as operations
from users.models import Membership
from users.views import action, form_page, page

PAGE_SIZE = 50
# What the list is narrowed to, by its place in the address.
_NARROWED = {
    "": "All",
    "approval=open": "Not submitted",
    "approval=waiting": "Waiting for a yes",
    "payment=unpaid": "To be paid",
    "payment=gathered": "Being paid",
    "payment=paid": "Paid",
}


@page
def claims(request: HttpRequest, member: Membership) -> HttpResponse:
    """The latest first, narrowed by what the address says."""
    given = request.GET.copy()
    cursor = given.pop("cursor", [None])[-1]
    filters = ClaimFilter(given, queries.claims(member), request=request)
    problem = "" if filters.is_valid() else "There is no such list of claims: all are shown."
    rows = filters.qs if not problem else queries.claims(member)
    try:
        found, following = queries.page(rows, cursor=cursor, limit=PAGE_SIZE)
    except errors.Invalid as error:
        problem = error.message
        found, following = queries.page(rows, cursor=None, limit=PAGE_SIZE)
    address = given.copy()
    if following:
        address["cursor"] = following
    context = {
        "nav": "claims",
        "tab": "claims",
        "rows": queries.with_claim(found),
        "problem": problem,
        "narrowed": [{"href": f"?{name}", "label": label, "is_on": name == given.urlencode()} for name, label in _NARROWED.items()],
        "is_narrowed": bool(given),
        "next_href": f"?{address.urlencode()}" if following else "",
        "may_make": member.may("claims.make"),
    }
    return render(request, "transactions/claims.html", context, status=400 if problem else 200)


@form_page
def new(request: HttpRequest, member: Membership) -> HttpResponse:
    require("claims.make", member)
    return _written(request, member, None)


@form_page
def change(request: HttpRequest, member: Membership, public_id: str) -> HttpResponse:
    claim: Transaction = find(queries.claims(member, to_read=True), public_id)
    require("claims.change", member, claim)
    if claim.approval not in operations.CHANGEABLE:
        messages.error(request, "This claim cannot be changed any more.")
        return redirect("transaction", claim.public_id)
    return _written(request, member, claim)


def _written(request: HttpRequest, member: Membership, claim: Transaction | None) -> HttpResponse:
    """The form, and what becomes of it. More lines are added without saving anything."""
    is_sent = request.method == "POST"
    shown, fault, status = ClaimPage(member, claim, request.POST if is_sent else None), "", 200
    if is_sent and request.POST.get("do") != "add":
        status = 400
        if shown.is_valid():
            try:
                saved = _save(shown)
            except errors.DomainError as refusal:
                fault = shown.show(refusal)
            else:
                messages.success(request, _next_step(saved))
                return redirect("transaction", saved.public_id)
    context: dict[str, Any] = {"nav": "claims", "claim": claim, "form": shown, "fault": fault}
    return render(request, "transactions/claim.html", context, status=status)


def _save(shown: ClaimPage) -> Transaction:
    me, at = shown.actor, timezone.now()
    wish = Wished(me, shown.claim).wish(shown.body())
    return operations.change(shown.claim, wish, actor=me, at=at) if shown.claim else operations.make(wish, actor=me, at=at)


def _next_step(claim: Transaction) -> str:
    if claim.missing:
        return f"Saved. Now add what is missing: {', '.join(claim.missing_items)}."
    return "Saved. Submit it when it is complete." if claim.approval == ApprovalState.OPEN else "Saved."


@action
def cancel(request: HttpRequest, member: Membership, public_id: str) -> str:
    claim: Transaction = find(queries.claims(member, to_read=True), public_id)
    require("claims.change", member, claim)
    operations.cancel(claim, actor=member, at=timezone.now())
    return "Taken back."
