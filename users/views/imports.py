"""The page that takes a file of people or departments: choose it, see what it would do, do it.

The server keeps nothing in between: the preview's form carries the rows that were read, signed for the member who saw them.
"""

from __future__ import annotations

from typing import Any

from django.core import signing
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone

from spendtrackr import errors
from spendtrackr.exports import csv_download, csv_lines
from spendtrackr.permissions import require
from users.authentication import throttle_mails_to
from users.forms import RosterForm
from users.models import Membership
from users.operations import imports
from users.operations.imports import Outcome
from users.rosters.table import TEMPLATES, Kind, Roster, unpacked
from users.rosters.verdicts import What
from users.views.session import form_page

# A preview can be applied for an hour.
_CARRIED_SECONDS = 3600
# Below what a form may have (`DATA_UPLOAD_MAX_MEMORY_SIZE`).
_MOST_CARRIED = 900 * 1024
MOST_SHOWN = 200

_WORDS = {
    What.INVITE: ("to invite", "invited"),
    What.ADD: ("to add", "added"),
    What.CHANGE: ("to change", "changed"),
    What.SAME: ("unchanged", "unchanged"),
    What.SKIPPED: ("skipped", "skipped"),
    What.REJECTED: ("rejected", "rejected"),
}
# What the rows of a file do, besides inviting.
_RULES = {Kind.PEOPLE: "people.change", Kind.DEPARTMENTS: "departments.change"}


@form_page
def import_people(request: HttpRequest, member: Membership) -> HttpResponseBase:
    """For who may invite."""
    require("people.invite", member)
    if request.method == "POST":
        return _answer(request, member)
    template = request.GET.get("template", "")
    if template in TEMPLATES:
        return csv_download(f"{template}.csv", csv_lines(TEMPLATES[Kind(template)], []))
    return _show(request, RosterForm())


def _answer(request: HttpRequest, member: Membership) -> HttpResponse:
    """The preview of a file, or of the rows that a preview carried; or what became of those."""
    carried = request.POST.get("rows", "")
    form = RosterForm(request.POST, request.FILES) if not carried else RosterForm()
    try:
        if not carried and not form.is_valid():
            return _show(request, form, status=400)
        roster = _carried(carried, member) if carried else imports.read_roster(imports.content_of(form.cleaned_data["file"]))
        require(_RULES[roster.kind], member)
        adds = bool(request.POST.get("adds_departments"))
        if carried and request.POST.get("do") == "apply":
            done = imports.import_roster(roster, actor=member, at=timezone.now(), adds_departments=adds, mailing=throttle_mails_to)
            return _told(request, done, is_done=True)
        outcome = imports.preview_roster(roster, actor=member, at=timezone.now(), adds_departments=adds)
        return _told(request, outcome, rows=carried or _packed(roster, member), adds_departments=adds)
    except errors.DomainError as error:
        if error.status not in {400, 413}:
            raise
        form = form if form.is_bound else RosterForm(data={})
        form.is_valid()
        form.errors.pop("file", None)
        form.add_error("file", error.message)
        return _show(request, form, status=error.status)


def _show(request: HttpRequest, form: RosterForm, *, status: int = 200) -> HttpResponse:
    return render(request, "users/import.html", {"nav": "people", "form": form}, status=status)


def _told(request: HttpRequest, outcome: Outcome, *, is_done: bool = False, rows: str = "", adds_departments: bool = False) -> HttpResponse:
    wanted = "" if is_done else request.POST.get("show", "")
    # When it is done, what was done, and what was not: the same is no news.
    quiet = {What.SAME, What.SKIPPED} if is_done else set()
    verdicts = [row for row in outcome.verdicts if wanted in {"", row.verdict} and row.verdict not in quiet]
    context = {
        "nav": "people",
        "outcome": outcome,
        "is_people": outcome.kind is Kind.PEOPLE,
        "is_done": is_done,
        "total": len(outcome.verdicts),
        "counts": [(what, _WORDS[What(what)][is_done], count) for what, count in outcome.counts.items() if count],
        "wanted": wanted,
        "verdicts": [(row, _WORDS[row.verdict][is_done]) for row in verdicts[:MOST_SHOWN]],
        "more": max(0, len(verdicts) - MOST_SHOWN),
        "rows": rows,
        "adds_departments": adds_departments,
    }
    return render(request, "users/import_rows.html", context)


def _salt(member: Membership) -> str:
    return f"users.import.{member.public_id}"


def _packed(roster: Roster, member: Membership) -> str:
    """The rows for a form to carry. Raises `TooLarge`."""
    packed = signing.dumps(roster.packed(), salt=_salt(member), compress=True)
    if len(packed) > _MOST_CARRIED:
        raise errors.TooLarge("This file has more than a page can carry. Cut it into parts, or send it to the API.", field="file")
    return packed


def _carried(packed: str, member: Membership) -> Roster:
    try:
        said: dict[str, Any] = signing.loads(packed, salt=_salt(member), max_age=_CARRIED_SECONDS)
    except signing.BadSignature as error:
        raise errors.Invalid("This preview has run out. Choose the file again.", field="file") from error
    return unpacked(said)
