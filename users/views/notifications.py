"""What somebody was told, and how they want to be told."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils import timezone

from spendtrackr import errors
from spendtrackr.pagination import take_page
from users import operations, queries
from users.forms import PreferencesForm
from users.models import Membership, Notification
from users.views.session import own_page

PAGE_SIZE = 30


@own_page("GET")
def notifications(request: HttpRequest, member: Membership) -> HttpResponse:
    """The newest first; those that are new, where the address says so."""
    cursor, only_new = request.GET.get("cursor"), request.GET.get("show") == "new"
    rows = queries.feed(member)
    rows = rows.filter(read_at=None) if only_new else rows
    shown, following = take_page(rows, order=("-id",), cursor=cursor, limit=PAGE_SIZE)
    context = {"nav": "notifications", "rows": shown, "next_cursor": following, "only_new": only_new, "is_first_page": not cursor}
    return render(request, "users/notifications.html", context)


@own_page("POST")
def open_notification(request: HttpRequest, member: Membership, public_id: str) -> HttpResponse:
    """It was seen; on to what it is about."""
    row = operations.read(_found(member, public_id), at=timezone.now())
    return HttpResponseRedirect(row.page)


@own_page("POST")
def read_notifications(request: HttpRequest, member: Membership) -> HttpResponse:
    """All that the page showed and what is older: what came meanwhile stays new."""
    newest = request.POST.get("up_to", "")
    operations.read_all(member, up_to=_found(member, newest) if newest else None, at=timezone.now())
    return redirect("notifications")


@own_page("GET", "POST")
def preferences(request: HttpRequest, member: Membership) -> HttpResponse:
    form = PreferencesForm(request.POST if request.method == "POST" else None, now=queries.choices_of(member))
    if form.is_valid():
        operations.choose(member, form.chosen, at=timezone.now())
        messages.success(request, "From now on you are told that way.")
        return redirect("notification-preferences")
    status = 400 if form.is_bound else 200
    return render(request, "users/notification_preferences.html", {"nav": "notifications", "form": form}, status=status)


def _found(member: Membership, public_id: str) -> Notification:
    row = queries.feed(member).filter(public_id=public_id).first()
    if row is None:
        raise errors.Missing
    return row
