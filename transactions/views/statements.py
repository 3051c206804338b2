"""Statements in the browser: upload one, look what would become of its rows, book it, and read what became of them."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils import timezone

from spendtrackr import errors
from spendtrackr.forms import show_refusal
from spendtrackr.money import Money
from spendtrackr.pagination import take_page
from spendtrackr.permissions import find, require
from transactions.forms.statements import ReadingForm, UploadForm
from transactions.models import IssueKind, StatementImport, StatementSource, StatementUpload, UploadStatus
from transactions.operations import statement_uploads as operations
from transactions.operations.statement_uploads import Said
from transactions.operations.statements import DEFAULT_SOURCE, StatementFile, content_of
from users.models import Membership
from users.views import form_page, page

PAGE_SIZE = 50
_VERDICTS = {"book": "To be booked", "rejected": "Rejected", "duplicate": "In already", "skipped": "Skipped"}
_ISSUES = {IssueKind.REJECTED: "Rejected", IssueKind.DUPLICATE: "In already", IssueKind.SKIPPED: "Skipped"}


@form_page
def imports(request: HttpRequest, member: Membership) -> HttpResponse:
    """What came in and what is on its way; whoever books sends another file from here."""
    require("imports.see", member)
    form = UploadForm(sources=list(StatementSource.objects.order_by("name").values_list("name", flat=True)))
    if request.method == "POST":
        require("imports.book", member)
        form = UploadForm(request.POST, request.FILES, sources=form.sources)
        if form.is_valid():
            try:
                return redirect("statement-upload", _uploaded(form.cleaned_data, member).public_id)
            except (errors.Invalid, errors.TooLarge, errors.InvalidState) as refusal:
                show_refusal(form, refusal)
    return render(request, "transactions/imports.html", _listed(request, member, form), status=400 if form.errors else 200)


def _uploaded(given: dict[str, Any], member: Membership) -> StatementUpload:
    now = timezone.now()
    file = StatementFile(content_of(given["file"]), given["file"].name, given["source"] or DEFAULT_SOURCE, given["attribution"])
    stored_as = operations.store(file, member.company)
    return operations.finish_now(operations.add(file, stored_as, Said(), is_to_book=False, actor=member, at=now), at=now)


def _listed(request: HttpRequest, member: Membership, form: UploadForm) -> dict[str, Any]:
    may_book = member.may("imports.book")
    records = StatementImport.objects.select_related("source", "imported_by__user")
    rows, following = take_page(records, order=["-id"], cursor=request.GET.get("cursor"), limit=PAGE_SIZE)
    open_ones = StatementUpload.objects.exclude(status=UploadStatus.BOOKED).select_related("uploaded_by__user").order_by("-pk")
    return {
        "nav": "transactions",
        "form": form,
        "rows": [_told(record) for record in rows],
        "uploads": list(open_ones[:PAGE_SIZE]) if may_book else [],
        "may_book": may_book,
        "next_cursor": following,
        "is_first_page": "cursor" not in request.GET,
    }


def _told(record: StatementImport) -> StatementImport:
    record.done = record.rows - record.waiting  # type: ignore[attr-defined]  # for the template, too
    record.sums = [Money(**total) for total in record.details["totals"]]  # type: ignore[attr-defined]  # for the template
    return record


@form_page
def upload(request: HttpRequest, member: Membership, public_id: str) -> HttpResponse:
    """What would become of each row, and how it is read; while it is read or booked, how far it has come."""
    require("imports.book", member)
    found: StatementUpload = find(StatementUpload.objects.select_related("statement_import"), public_id)
    form = None
    if request.method == "POST":
        form = _form(found, request.POST)
        if done := _done(request, member, found, form):
            return done
        found.refresh_from_db()
    elif found.status == UploadStatus.BOOKED and found.statement_import:
        return redirect("import", found.statement_import.public_id)
    context = {"nav": "transactions", "upload": found, **_shown(request, found, form or _form(found))}
    return render(request, "transactions/import_upload.html", context, status=400 if form and form.errors else 200)


def _form(found: StatementUpload, data: QueryDict | None = None) -> ReadingForm | None:
    """None before it is known what the file has."""
    return ReadingForm(data, found=found.told, accept=json.loads(found.accept) if found.accept else None) if found.found else None


def _done(request: HttpRequest, member: Membership, found: StatementUpload, form: ReadingForm | None) -> HttpResponse | None:
    """What a button of the page asks for. None where the form is to be shown again with what is wrong."""
    do, now = request.POST.get("do"), timezone.now()
    try:
        if do == "discard":
            operations.discard(found)
            messages.success(request, f"{found.filename} was discarded.")
            return redirect("imports")
        if do == "book":
            operations.finish_now(operations.start(found, actor=member, at=now), at=now)
        elif do == "read" and form is not None:
            if not form.is_valid():
                return None
            operations.finish_now(operations.change(found, form.said().columns(), at=now), at=now)
        elif do == "again":
            operations.finish_now(operations.change(found, {}, at=now), at=now)
    except (errors.Invalid, errors.InvalidState) as refusal:
        messages.error(request, refusal.message)
    return redirect("statement-upload", found.public_id)


def _shown(request: HttpRequest, found: StatementUpload, form: ReadingForm | None) -> dict[str, Any]:
    if form is None:
        return {}
    told = found.told
    asked = request.GET.get("show", "")
    shown = asked if asked in _VERDICTS and not form.ticks else ""
    return {
        "form": form,
        "found": told,
        # Lines are ticked where all of them are to be seen.
        "tabs": [] if form.ticks else [(name, label, told["counts"][name]) for name, label in _VERDICTS.items() if told["counts"][name]],
        "totals": [Money(**total) for total in told["totals"]],
        "notes": [*told["notes"]["file"], *told["notes"]["lines"]],
        "missing": [form[name].label for name in told["missing"]],
        "show": shown,
        "is_cut": len(told["rows"]) < sum(told["counts"].values()),
        "lines": [_line(row) for row in told["rows"] if not shown or row["verdict"] == shown],
    }


def _line(row: dict[str, Any]) -> dict[str, Any]:
    amount, day = row["amount"], row["posted_on"]
    read = {"sum": Money(**amount), "day": date.fromisoformat(day)} if amount else {"sum": None, "day": None}
    return {**row, **read, "says": _VERDICTS[row["verdict"]]}


@page
def record(request: HttpRequest, member: Membership, public_id: str) -> HttpResponse:
    """What became of a file's rows, and each that was not booked with its line and reason."""
    require("imports.see", member)
    found: StatementImport = find(StatementImport.objects.select_related("source", "imported_by__user"), public_id)
    asked = request.GET.get("kind", "")
    kind = asked if asked in _ISSUES else ""
    issues = found.issues.filter(kind=kind) if kind else found.issues.all()
    rows, following = take_page(issues, order=["id"], cursor=request.GET.get("cursor"), limit=PAGE_SIZE)
    counts = {IssueKind.REJECTED: found.rejected, IssueKind.DUPLICATE: found.duplicates, IssueKind.SKIPPED: found.skipped}
    context = {
        "nav": "transactions",
        "record": _told(found),
        "notes": found.details["notes"],
        "tabs": [(str(name), label, counts[name]) for name, label in _ISSUES.items() if counts[name]],
        "kind": kind,
        "issues": [{"row": row, "says": _ISSUES[IssueKind(row.kind)]} for row in rows],
        "upload": StatementUpload.objects.filter(statement_import=found).first() if found.waiting else None,
        "may_book": member.may("imports.book"),
        "next_cursor": following,
        "is_first_page": "cursor" not in request.GET,
    }
    return render(request, "transactions/import.html", context)
