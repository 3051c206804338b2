"""Policies: the one in force in words, every version, and writing the next one."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from spendtrackr import errors
from spendtrackr.permissions import find, require
from transactions import queries
from transactions.forms.policies import EMPTY, PolicyForm, arranged
from transactions.models import Policy
from transactions.operations import policies as operations
from transactions.policies import Document, in_words
from users.models import Membership
from users.views import action, form_page, page

MOST, MOST_TRIED = 100, 5


@page
def policies(request: HttpRequest, member: Membership) -> HttpResponse:
    """What is asked now, and all versions, the newest first."""
    require("policies.see", member)
    current = queries.in_force()
    shown = queries.with_remarks(queries.versions().get(pk=current.pk), member.company) if current else queries.standard(member.company)
    return render(
        request, "transactions/policies.html", {**_shown(shown, member), "versions": list(queries.versions().order_by("-pk")[:MOST])}
    )


def _shown(shown: queries.PolicyShown, member: Membership) -> dict[str, Any]:
    return {
        "nav": "policies",
        "policy": shown,
        "rules": in_words(shown.document, queries.names_in(shown.document)),
        "reminders": shown.document["reminders"],
        "may_change": member.may("policies.change"),
    }


def _named(public_id: str) -> Any:
    return find(queries.versions(), public_id)


@page
def policy(request: HttpRequest, member: Membership, public_id: str) -> HttpResponse:
    """One version, with what is remarkable about it."""
    require("policies.see", member)
    shown = queries.with_remarks(_named(public_id), member.company)
    tried = list(queries.backtests().filter(policy__public_id=public_id).order_by("-pk")[:MOST_TRIED])
    return render(request, "transactions/policy.html", {**_shown(shown, member), "tried": tried})


@form_page
def new(request: HttpRequest, member: Membership) -> HttpResponse:
    """Write the next version, beginning with an earlier one, with the one in force, or with nothing but what everybody needs."""
    require("policies.change", member)
    given = request.POST if request.method == "POST" else request.GET
    base, currency = _base(given.get("from", "")), member.company.currency
    do, faults = request.POST.get("do", ""), list[str]()
    if request.method != "POST":
        form = PolicyForm(base, currency)
    elif do != "save":
        form = PolicyForm(base, currency, arranged(request.POST, do))
    else:
        form = PolicyForm(base, currency, request.POST)
        written, faults = _written(form, member)
        if written:
            messages.success(request, f"Version {written.version} is written. It asks nothing before you bring it into force.")
            return redirect("policy", written.public_id)
    context = {"nav": "policies", "form": form, "faults": faults, "from": given.get("from", ""), "is_fresh": do != "save"}
    return render(request, "transactions/policy_new.html", context, status=400 if do == "save" else 200)


def _base(public_id: str) -> Document:
    if public_id:
        found: Policy = _named(public_id)
        return found.document
    current = queries.in_force()
    return {**(current.document if current else EMPTY), "name": ""}


def _written(form: PolicyForm, member: Membership) -> tuple[Policy | None, list[str]]:
    """The new version, or what stands in its way besides what stands beside its fields."""
    if not form.is_valid():
        return None, []
    try:
        return operations.write(form.document(), actor=member, at=timezone.now()), []
    except errors.DomainError as error:
        return None, [f"{error.message} ({error.field})" if error.field else error.message]


@action
def activate(request: HttpRequest, member: Membership, public_id: str) -> str:
    row = _named(public_id)
    require("policies.change", member)
    operations.activate(row, actor=member, at=timezone.now())
    return f"Version {row.version} is in force."
