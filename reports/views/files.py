"""Exports on pages: small files at once, large ones in the background, and the list of one's own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from tempfile import TemporaryFile
from typing import IO, Any

from django.contrib import messages
from django.http import FileResponse, HttpRequest, HttpResponseBase, QueryDict
from django.shortcuts import redirect, render
from django.utils import timezone

from reports import operations
from reports.catalogue import REPORTS
from reports.exports import CSV, SUBJECTS, TYPES, ZIP, Opened, Sheet
from reports.forms import USUAL
from reports.models import Export
from spendtrackr import errors, locales
from spendtrackr.exports import csv_download, download_headers
from spendtrackr.permissions import find, require
from spendtrackr.tenancy import company_scope
from transactions.forms.addresses import AmountRange
from users.models import Membership
from users.views import form_page, page
from users.views.session import next_of

# What is written while somebody waits for it.
MOST_AT_ONCE = 10_000
MOST_SHOWN = 50
# What stands in the address of a page besides what narrows its list.
_BESIDE = ("cursor", "show", "ordering", "page", "before")


def download(export: Export, member: Membership) -> FileResponse:
    """The file in chunks, as a download."""
    return _sent(operations.hand_out(export, actor=member, at=timezone.now()), export.filename, export.format)


def _sent(file: IO[bytes], filename: str, to: str) -> FileResponse:
    return FileResponse(file, as_attachment=True, filename=filename, content_type=TYPES[to], headers=download_headers(filename))


@form_page
def exports(request: HttpRequest, member: Membership) -> HttpResponseBase:
    """One's own, and how far each has come; whoever asks for a file here gets it, or finds it here."""
    require("exports.own", member)
    if request.method == "POST":
        return _asked(request, member)
    found = list(Export.objects.of(member, at=timezone.now()).order_by("-pk")[:MOST_SHOWN])
    for export in found:
        export.title = SUBJECTS[export.what].title if export.what in SUBJECTS else export.what  # type: ignore[attr-defined]  # for the template
    context = {"nav": "exports", "rows": found, "is_at_work": any(export.is_at_work for export in found)}
    return render(request, "reports/exports.html", context)


@page
def export(request: HttpRequest, member: Membership, public_id: str) -> HttpResponseBase:
    require("exports.own", member)
    found = find(Export.objects.of(member, at=timezone.now()), public_id)
    try:
        return download(found, member)
    except errors.InvalidState as refusal:
        messages.error(request, refusal.message)
        return redirect("exports")


def _asked(request: HttpRequest, member: Membership) -> HttpResponseBase:
    what, to, at = request.POST.get("what", ""), request.POST.get("format", ""), timezone.now()
    try:
        given = _given(what, request.POST, member)
        # A file is the same whoever asks for it, and whether it is made here or by the worker.
        with locales.reading(""):
            found = operations.opened(what, to, given, actor=member, at=at)
            if to != ZIP and found.count(MOST_AT_ONCE + 1) <= MOST_AT_ONCE:
                return _at_once(found, what, to, member, at=at)
            operations.ask(what, to, given, actor=member, at=at)
    except (errors.Invalid, errors.InvalidState) as refusal:
        messages.error(request, refusal.message)
        return redirect(next_of(request) or "exports")
    return redirect("exports")


def _given(what: str, form: QueryDict, member: Membership) -> dict[str, str]:
    """The address that the page had, and what else the form has of the list's parameters, as these are named by API."""
    address = QueryDict(form.get("filters", ""), mutable=True)
    if month := form.get("month"):
        address["month"] = month
    amounts = AmountRange(address, member.company.currency)
    given = {name: str(value) for name, value in amounts.as_minor().items() if value and name not in _BESIDE}
    if amounts.problems:
        raise errors.Invalid(amounts.problems[0])
    report = REPORTS.get(what.removeprefix("reports/")) if what.startswith("reports/") else None
    return {**{name: USUAL[name] for name in (report.options if report else ()) if name in USUAL}, **given}


def _at_once(found: Opened, what: str, to: str, member: Membership, *, at: datetime) -> HttpResponseBase:
    operations.streamed(what, to, actor=member, at=at)
    filename = f"{what.replace('/', '-')}-{member.company.day_of(at)}.{to}"
    if to == CSV and isinstance(found, Sheet):
        return csv_download(filename, _in_scope(member.company_id, found))
    file = TemporaryFile()  # noqa: SIM115 -- whoever sends it closes it
    for _ in found.write(to, file):
        pass
    file.seek(0)
    return _sent(file, filename, to)


def _in_scope(company_id: int, sheet: Sheet) -> Iterator[str]:
    """Rows are read while they are sent, when the request has left the company's scope."""
    blocks = sheet.csv()
    while True:
        with company_scope(company_id):
            block: Any = next(blocks, None)
        if block is None:
            return
        yield block[0]
