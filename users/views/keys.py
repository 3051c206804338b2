"""API keys: all of a company's, and one of them. A secret is shown once, on the page that answers its making."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from spendtrackr import errors
from spendtrackr.permissions import find, require
from spendtrackr.rotation import OVERLAPS, chosen_overlap
from users import operations, queries
from users.forms import KeyForm
from users.models import ApiKey, Membership
from users.roles import READ, SCOPES, TABLE, WRITE
from users.views.session import form_page

# Of those that have ended; there are no more open ones than a company may have.
MOST_SHOWN = 100


@form_page
def api_keys(request: HttpRequest, member: Membership) -> HttpResponse:
    """Those that open something, those that did, and the form of another."""
    require("keys.see", member)
    form, secret = KeyForm(), ""
    if request.method == "POST":
        require("keys.change", member)
        form = KeyForm(request.POST)
        made = form.take(_made, actor=member) if form.is_valid() else None
        if made:
            form, secret = KeyForm(), made[1]
    at = timezone.now()
    opened = list(queries.api_keys().open_at(at).order_by("-pk"))
    ended = queries.api_keys().exclude(pk__in=[key.pk for key in opened]).select_related("revoked_by__user").order_by("-pk")[:MOST_SHOWN]
    context = {
        "nav": "settings",
        "open": opened,
        "ended": [(key, key.status_at(at)) for key in ended],
        "form": form,
        "resources": resources(form),
        "secret": secret,
        "may_change": member.may("keys.change"),
    }
    return render(request, "users/api_keys.html", context, status=form.answer_status)


@form_page
def api_key(request: HttpRequest, member: Membership, public_id: str) -> HttpResponse:
    """One key: what it may do, when it was used, and how it is changed, rotated and revoked."""
    require("keys.see", member)
    key: ApiKey = find(queries.api_keys(), public_id)
    form, secret = KeyForm(initial=_as_form(key, member)), ""
    if request.method == "POST":
        require("keys.change", member)
        done = _DONE.get(request.POST.get("do", ""))
        if done is None:
            raise errors.Invalid("This form asks for nothing that we know.")
        try:
            answer = done(request, key, member)
        except errors.InvalidState as error:
            messages.error(request, error.message)
            return redirect("api-key", public_id=public_id)
        if isinstance(answer, HttpResponse):
            return answer
        form, key, secret = answer
    status = key.status_at(timezone.now())
    context = {
        "nav": "settings",
        "key": key,
        "status": status,
        "form": form,
        "resources": resources(form),
        "secret": secret,
        "may_change": member.may("keys.change") and status == "active",
        "overlaps": OVERLAPS.items(),
    }
    return render(request, "users/api_key.html", context, status=form.answer_status)


Answer = HttpResponse | tuple[KeyForm, ApiKey, str]


def _save(request: HttpRequest, key: ApiKey, member: Membership) -> Answer:
    form = KeyForm(request.POST)
    saved = form.take(_changed, key=key, actor=member) if form.is_valid() else None
    if saved:
        messages.success(request, "Saved. It holds from the next request on.")
        return redirect("api-key", public_id=key.public_id)
    return form, key, ""


def _rotate(request: HttpRequest, key: ApiKey, member: Membership) -> Answer:
    overlap = chosen_overlap(request.POST.get("overlap", "24"))
    new, secret = operations.rotate_key(key, overlap=overlap, actor=member, at=timezone.now())
    new = queries.api_keys().get(pk=new.pk)
    return KeyForm(initial=_as_form(new, member)), new, secret


def _revoke(request: HttpRequest, key: ApiKey, member: Membership) -> Answer:
    operations.revoke_key(key, actor=member, at=timezone.now())
    messages.success(request, "Revoked. Whoever still uses it is refused from now on.")
    return redirect("api-keys")


_DONE = {"save": _save, "rotate": _rotate, "revoke": _revoke}


def _made(*, actor: Membership, last_day: Any, **filled_in: Any) -> tuple[ApiKey, str]:
    return operations.create_key(**filled_in, expires_at=_end(actor, last_day), actor=actor, at=timezone.now())


def _changed(*, key: ApiKey, actor: Membership, last_day: Any, **filled_in: Any) -> ApiKey:
    """An instant that the API set within that day stays."""
    changes = {**filled_in}
    if last_day != _as_form(key, actor)["last_day"]:
        changes["expires_at"] = _end(actor, last_day)
    return operations.change_key(key, changes, actor=actor, at=timezone.now())


def _end(member: Membership, last_day: Any) -> datetime | None:
    return member.company.end_of(last_day) if last_day else None


def _as_form(key: ApiKey, member: Membership) -> dict[str, Any]:
    last = key.expires_at - timedelta(microseconds=1) if key.expires_at else None
    return {
        "name": key.name,
        "scopes": key.integration.scopes,
        "networks": "\n".join(key.integration.networks),
        "last_day": member.company.day_of(last) if last else None,
    }


@dataclass(frozen=True, slots=True)
class Resource:
    """A line of the form: a resource, and the box of each verb that it has, with what it allows."""

    name: str
    boxes: list[tuple[str, str, bool, str]]


def resources(form: KeyForm) -> list[Resource]:
    """All scopes by their resource; those of the form are ticked."""
    ticked = set(form["scopes"].value() or ())
    names = dict.fromkeys(scope.partition(":")[0] for scope in SCOPES)
    return [Resource(name, [_box(name + verb, ticked) for verb in (READ, WRITE) if name + verb in SCOPES]) for name in names]


def _box(scope: str, ticked: set[str]) -> tuple[str, str, bool, str]:
    says = [grant.says for grant in TABLE.values() if grant.scope == scope]
    return scope, "Read" if scope.endswith(READ) else "Write", scope in ticked, ". ".join(says)
