"""Who did what in the company."""

from __future__ import annotations

from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from reports import activity
from reports.forms import wanted_from
from spendtrackr import errors
from spendtrackr.events import SYSTEM
from spendtrackr.permissions import require
from users.models import Membership
from users.views import page


@page
def activity_page(request: HttpRequest, member: Membership) -> HttpResponse:
    """Who did what, newest first: all of it, or of one kind, by one person, on one day."""
    require("activity.see", member)
    problem, shown = None, None
    try:
        shown = activity.page(member, wanted_from(request.GET))
    except errors.Invalid as error:
        problem = error
    given = {name: request.GET[name] for name in ("kind", "person", "day") if request.GET.get(name)}
    people = Membership.objects.select_related("user").order_by("user__name", "pk")
    context = {
        "nav": "activity",
        "activity": shown,
        "given": given,
        "kinds": activity.KINDS.items(),
        "people": [(person.public_id, person.user.name) for person in people],
        "system": SYSTEM,
        "is_first_page": not request.GET.get("before"),
        "first_href": "?" + urlencode(given),
        "older_href": "?" + urlencode({**given, "before": shown.before}) if shown and shown.before else "",
        "problem": problem,
    }
    return render(request, "reports/activity.html", context, status=400 if problem else 200)
