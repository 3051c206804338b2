"""Coding on pages: split a transaction, and write the same on several."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from spendtrackr import errors
from spendtrackr.permissions import find, require
from transactions import queries
from transactions.forms.coding import Described, SplitForm
from transactions.models import Transaction
from transactions.operations import coding
from users.models import Membership
from users.views import action, form_page
from users.views.session import next_of

MOST = 200


@form_page
def split(request: HttpRequest, member: Membership, public_id: str) -> HttpResponse:
    """Its parts, a line for each; all lines empty puts it back into one piece."""
    purchase: Transaction = find(queries.readable(member), public_id)
    require("transactions.describe", member, purchase)
    do, fault = request.POST.get("do", "save"), ""
    form = SplitForm(purchase, member, request.POST if request.method == "POST" else None)
    if request.method == "POST" and do == "save" and form.is_valid():
        try:
            _save(form)
        except errors.DomainError as refusal:
            fault = form.show(refusal)
        else:
            messages.success(request, "Saved.")
            return redirect(next_of(request) or "transaction", *(() if next_of(request) else (public_id,)))
    is_refused = request.method == "POST" and do == "save"
    context = {"nav": "transactions", "row": purchase, "form": form, "fault": fault, "next": request.GET.get("next") or next_of(request)}
    return render(request, "transactions/split.html", context, status=400 if is_refused else 200)


def _save(form: SplitForm) -> None:
    changes = Described(form.purchase, form.member).changes({"splits": form.body()})
    coding.describe(form.purchase, changes, actor=form.member, at=timezone.now())


@action
def describe_all(request: HttpRequest, member: Membership) -> str | None:
    """What was chosen, written on all that was ticked. What was left as it is stays."""
    require("transactions.describe", member)
    ticked = request.POST.getlist("transaction")[:MOST]
    found = [
        row for row in queries.readable(member).filter(public_id__in=ticked).order_by("pk") if member.may("transactions.describe", row)
    ]
    if not found:
        raise errors.Invalid("Tick what you want to write on first.")
    body = {name: request.POST[name] for name in ("category", "department") if request.POST.get(name)}
    tags = {name: queries.tag_choices(None, _given(request, name), field=name) for name in ("add_tags", "remove_tags")}
    if not body and not tags["add_tags"] and not tags["remove_tags"]:
        raise errors.Invalid("Choose a category, a department or a tag.")
    changes = Described(Transaction(), member).changes(body)
    results = coding.describe_all(found, changes, **tags, actor=member, at=timezone.now())
    for result in results:
        if result.refusal:
            messages.error(request, f"{result.purchase.descriptor or result.purchase.public_id}: {result.refusal.message}")
    done = sum(result.refusal is None for result in results)
    return f"Written on {done} transaction{'' if done == 1 else 's'}." if done else None


def _given(request: HttpRequest, name: str) -> list[str]:
    return [value for value in request.POST.getlist(name) if value]


def bulk_choices(member: Membership, offered: queries.Choices) -> dict[str, Any]:
    """What the bar under a list offers to those who code spend; nothing to others."""
    if not member.may("transactions.assign"):
        return {}
    return {"departments": offered["bulk_departments"], "tags": offered["bulk_tags"], "is_there": True}
