"""Webhooks on pages: all endpoints, one of them with its log, and one delivery with what was sent and answered."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from reports import queries
from reports.forms import WebhookForm, whole_number
from reports.serializers import messages_of
from spendtrackr import errors
from spendtrackr.models import DeliveryStatus, EndpointStatus, WebhookDelivery, WebhookEndpoint
from spendtrackr.pagination import take_page
from spendtrackr.permissions import find, require
from spendtrackr.rotation import OVERLAPS, chosen_overlap
from spendtrackr.webhooks import endpoints
from spendtrackr.webhooks.deliveries import body_of
from users.models import Membership
from users.views import form_page

_ON_A_PAGE = 50


@form_page
def webhooks_page(request: HttpRequest, member: Membership) -> HttpResponse:
    """Where events are sent, and the form of another endpoint."""
    require("webhooks.see", member)
    form, secret = WebhookForm(), ""
    if request.method == "POST":
        require("webhooks.change", member)
        form = WebhookForm(request.POST)
        made = form.take(endpoints.create, actor=member, at=timezone.now()) if form.is_valid() else None
        if made:
            form, secret = WebhookForm(), made[1]
    context = {
        "nav": "settings",
        "rows": list(queries.webhook_endpoints().order_by("-pk")),
        "form": form,
        "secret": secret,
        "may_change": member.may("webhooks.change"),
    }
    return render(request, "reports/webhooks.html", context, status=form.answer_status)


@form_page
def webhook(request: HttpRequest, member: Membership, public_id: str) -> HttpResponse:
    """One endpoint: what is sent to it, what came of that, and all that can be done about it."""
    require("webhooks.see", member)
    endpoint: WebhookEndpoint = find(queries.webhook_endpoints(), public_id)
    form, secret = WebhookForm.of(endpoint), ""
    if request.method == "POST":
        require("webhooks.change", member)
        done = _DONE.get(request.POST.get("do", ""))
        if done is None:
            raise errors.Invalid("This form asks for nothing that we know.")
        try:
            answer = done(request, endpoint, member)
        except (errors.InvalidState, errors.Invalid) as error:
            messages.error(request, error.message)
            return redirect("webhook", public_id=public_id)
        if isinstance(answer, HttpResponse):
            return answer
        form, endpoint, secret = answer
    context = {
        **_log(request, endpoint),
        "nav": "settings",
        "endpoint": endpoint,
        "form": form,
        "secret": secret,
        "may_change": member.may("webhooks.change"),
        "is_on": endpoint.status == EndpointStatus.ACTIVE,
        "overlaps": OVERLAPS.items(),
        "previous_lasts": endpoint.previous_until is not None and endpoint.previous_until > timezone.now(),
    }
    return render(request, "reports/webhook.html", context, status=form.answer_status)


def _log(request: HttpRequest, endpoint: WebhookEndpoint) -> dict[str, Any]:
    """A page of its deliveries, the newest first: of one status, or all."""
    status, cursor = request.GET.get("status", ""), request.GET.get("cursor")
    rows = queries.webhook_deliveries().filter(endpoint=endpoint)
    if status in DeliveryStatus.values:
        rows = rows.filter(status=status)
    page, following = take_page(rows, order=("-id",), cursor=cursor, limit=_ON_A_PAGE)
    kept = {"status": status} if status else {}
    return {
        "deliveries": page,
        "status": status,
        "statuses": DeliveryStatus.choices,
        "is_first_page": not cursor,
        "first_href": f"?{urlencode(kept)}#log",
        "older_href": f"?{urlencode({**kept, 'cursor': following})}#log" if following else "",
    }


@form_page
def delivery(request: HttpRequest, member: Membership, public_id: str) -> HttpResponse:
    """What was sent, with its headers, and what came of each try."""
    require("webhooks.see", member)
    found: WebhookDelivery = find(queries.webhook_deliveries(), public_id)
    if request.method == "POST":
        require("webhooks.change", member)
        try:
            endpoints.replay_one(found, actor=member, at=timezone.now())
            messages.success(request, "It is sent again within seconds.")
        except errors.InvalidState as error:
            messages.error(request, error.message)
        return redirect("webhook-delivery", public_id=public_id)
    message = messages_of([found.event])[0]
    context = {
        "nav": "settings",
        "delivery": found,
        "message": json.dumps(message, indent=2, ensure_ascii=False),
        "bytes": len(body_of(message)),
        "attempts": queries.webhook_attempts(found),
        "may_change": member.may("webhooks.change"),
    }
    return render(request, "reports/webhook_delivery.html", context)


Answer = HttpResponse | tuple[WebhookForm, WebhookEndpoint, str]


def _save(request: HttpRequest, endpoint: WebhookEndpoint, member: Membership) -> Answer:
    form = WebhookForm(request.POST)
    saved = form.take(_changed, endpoint=endpoint, actor=member) if form.is_valid() else None
    if saved:
        messages.success(request, "Saved. It holds from the next delivery on.")
        return redirect("webhook", public_id=endpoint.public_id)
    return form, endpoint, ""


def _changed(*, endpoint: WebhookEndpoint, actor: Membership, **filled_in: Any) -> WebhookEndpoint:
    return endpoints.change(endpoint, filled_in, actor=actor, at=timezone.now())


def _test(request: HttpRequest, endpoint: WebhookEndpoint, member: Membership) -> Answer:
    made = endpoints.test(endpoint, actor=member, at=timezone.now())
    messages.success(request, "A test is on its way: look again in a second or two.")
    return redirect("webhook-delivery", public_id=made.public_id)


def _rotate(request: HttpRequest, endpoint: WebhookEndpoint, member: Membership) -> Answer:
    overlap = chosen_overlap(request.POST.get("overlap", "24"))
    changed, secret = endpoints.rotate(endpoint, overlap=overlap, actor=member, at=timezone.now())
    return WebhookForm.of(changed), changed, secret


def _switch_off(request: HttpRequest, endpoint: WebhookEndpoint, member: Membership) -> Answer:
    endpoints.switch_off(endpoint, actor=member, at=timezone.now())
    messages.success(request, "Switched off. What happens meanwhile is kept for it.")
    return redirect("webhook", public_id=endpoint.public_id)


def _switch_on(request: HttpRequest, endpoint: WebhookEndpoint, member: Membership) -> Answer:
    endpoints.switch_on(endpoint, skip_missed=request.POST.get("missed") == "skip", actor=member, at=timezone.now())
    messages.success(request, "Switched on.")
    return redirect("webhook", public_id=endpoint.public_id)


def _replay(request: HttpRequest, endpoint: WebhookEndpoint, member: Membership) -> Answer:
    after = whole_number(request.POST.get("after", ""), "after")
    endpoints.replay(endpoint, after=after, everything=bool(request.POST.get("everything")), actor=member, at=timezone.now())
    messages.success(request, "They are sent again in the background, the oldest first.")
    return redirect("webhook", public_id=endpoint.public_id)


def _remove(request: HttpRequest, endpoint: WebhookEndpoint, member: Membership) -> Answer:
    endpoints.remove(endpoint, actor=member, at=timezone.now())
    messages.success(request, "Removed. Nothing is sent there any more.")
    return redirect("webhooks")


_DONE: dict[str, Callable[[HttpRequest, WebhookEndpoint, Membership], Answer]] = {
    "save": _save,
    "test": _test,
    "rotate": _rotate,
    "switch-off": _switch_off,
    "switch-on": _switch_on,
    "replay": _replay,
    "remove": _remove,
}
