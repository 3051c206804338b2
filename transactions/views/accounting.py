"""Accounting in the browser: what is ready, batches and their files, the settings, and closing month by month."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone

from spendtrackr import errors, locales
from spendtrackr.forms import day_from, line_from
from spendtrackr.permissions import find, require
from transactions import queries
from transactions.accounting import EXPORTED, FAILED, NOT_READY, READY, STATES
from transactions.forms.accounting import SettingsForm
from transactions.models import AccountingBatch, AccountingJournal, Transaction
from transactions.operations import accounting as operations
from transactions.operations import books
from transactions.views.journals import GENERIC, journals_file, written, xero_parts
from users.models import Membership
from users.views import action, form_page, page

# What a page lists at most, and of how many lines that wait: who opens it waits for all of them to be looked at.
MOST, LATELY, LOOKED = 50, 12, 100
_SAYS = {
    NOT_READY: "something is still to be done",
    READY: "goes with the next batch",
    EXPORTED: "accounting knows of it",
    FAILED: "goes with the next batch, once more",
}


@page
def accounting(request: HttpRequest, member: Membership) -> HttpResponse:
    """What is on its way to accounting, and what was told to it."""
    require("books.see", member)
    overview = queries.accounting_overview(most=MOST, looked=LOOKED)
    context = {
        "nav": "accounting",
        "tab": "export",
        "tiles": [_tile(state, overview) for state in STATES],
        "not_ready": overview.not_ready,
        "unready": sum(one.count for one in overview.standing if one.state == NOT_READY),
        "most_looked": LOOKED if overview.is_cut else None,
        "currencies": overview.currencies,
        "batches": list(queries.batches().order_by("-pk")[:LATELY]),
        "may_export": member.may("books.export"),
        "may_code": member.may("categories.change"),
    }
    return render(request, "transactions/accounting.html", context)


def _tile(state: str, overview: queries.Overview) -> dict[str, Any]:
    there = [one for one in overview.standing if one.state == state]
    return {"state": state, "label": STATES[state], "there": there, "count": sum(one.count for one in there), "says": _SAYS[state]}


@page
def transaction(request: HttpRequest, member: Membership, public_id: str) -> HttpResponse:
    """How far accounting knows of one transaction. Beside the list it comes when it is scrolled to."""
    row: Transaction = find(queries.readable(member), public_id)
    require("books.see", member)
    item = next(iter(queries.items([row.pk], queries.accounting_settings())), None)
    context = {
        "nav": "transactions",
        "row": row,
        "item": item,
        "state": STATES[item.state] if item else "",
        "batches": list(queries.batches_with(row)),
        "may_export": member.may("books.export"),
        "may_code": member.may("categories.change"),
    }
    return render(request, "transactions/books.html", context)


@action
def export(request: HttpRequest, member: Membership) -> str:
    """What is ready in a currency, perhaps of some days only."""
    require("books.export", member)
    days = {"first_day": day_from(request.POST, "since"), "last_day": day_from(request.POST, "until")}
    currency = request.POST.get("currency") or member.company.currency
    batch = operations.export(currency, **days, actor=member, at=timezone.now())
    count = queries.batches().get(pk=batch.pk).journal_count  # type: ignore[attr-defined]  # by the query
    journals = "1 journal" if count == 1 else f"{count} journals"
    return f"Batch {batch.sequence} holds {journals}: download it below, and import it into your accounting."


@page
def closing(request: HttpRequest, member: Membership) -> HttpResponse:
    """How far the books are closed, what is open in the month to be closed next, and what came late."""
    require("books.see", member)
    found = queries.closing(member.company.day_of(timezone.now()))
    context = {
        "nav": "accounting",
        "tab": "closing",
        "closed_through": found.closed_through,
        "closings": found.closings[:LATELY],
        "next": found.next,
        "late": queries.with_late(list(queries.late_entries(found.closings).order_by("-pk")[:LATELY]), found.closings),
        "may_close": member.may("books.close"),
        "may_reopen": member.may("books.reopen"),
    }
    return render(request, "transactions/closing.html", context)


@action
def close(request: HttpRequest, member: Membership) -> str:
    """Through a day; with `do` open, as far back as that, or all the way."""
    require("books.close", member)
    through = day_from(request.POST, "closed_through")
    if through is None and request.POST.get("do") != "open":
        raise errors.Invalid("Choose a day.", field="closed_through")
    now = books.close(through, actor=member, at=timezone.now())
    return f"The books are closed through {locales.day(now.closed_through)}." if now.closed_through else "All days are open again."


def _named(public_id: str) -> AccountingBatch:
    found: AccountingBatch = find(queries.batches(), public_id)
    return found


@page
def batch(request: HttpRequest, member: Membership, public_id: str) -> HttpResponse:
    """One batch, journal by journal, with its files."""
    require("books.see", member)
    found = _named(public_id)
    rows: dict[int, list[Any]] = {}
    for row in queries.journal_rows(found):
        rows.setdefault(row.journal_id, []).append(row)
    journals = [(journal, rows[journal.pk]) for journal in queries.journals_of(found)]
    is_ours = found.currency == member.company.currency
    context = {
        "nav": "accounting",
        "batch": found,
        "journals": journals,
        "xero_parts": range(1, len(xero_parts(written(found))) + 1) if is_ours else None,
        "may_export": member.may("books.export"),
    }
    return render(request, "transactions/accounting_batch.html", context)


@page
def download(request: HttpRequest, member: Membership, public_id: str) -> HttpResponseBase:
    require("books.see", member)
    return journals_file(_named(public_id), request.GET.get("format", GENERIC), request.GET.get("part", ""))


@action
def fail(request: HttpRequest, member: Membership, public_id: str) -> str:
    """All of it, or the journal named."""
    require("books.export", member)
    found, journals = _named(public_id), None
    if named := request.POST.get("journal"):
        journals = [find(AccountingJournal.objects.filter(batch=found), named)]
    operations.fail(found, journals, reason=line_from(request.POST, "reason", 300), actor=member, at=timezone.now())
    return "Noted: it is ready again, and goes with the next batch."


@form_page
def settings(request: HttpRequest, member: Membership) -> HttpResponse:
    """The accounts on the other side, the names of taxes, and when accounting begins."""
    require("books.export", member)
    now, fault = queries.accounting_settings(), ""
    known = {member.company.currency, *(account.currency for account in queries.accounts())}
    known |= {row["currency"] for row in now.clearing_accounts}
    form = SettingsForm(now, sorted(known), request.POST if request.method == "POST" else None)
    is_refused = request.method == "POST"
    if request.method == "POST" and form.is_valid():
        try:
            operations.change_settings(form.changes(), actor=member, at=timezone.now())
        except errors.DomainError as refusal:
            fault = form.show(refusal)
        else:
            messages.success(request, "Saved.")
            return redirect("accounting")
    context = {"nav": "accounting", "form": form, "fault": fault}
    return render(request, "transactions/accounting_settings.html", context, status=400 if is_refused else 200)
