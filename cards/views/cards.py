"""Cards as pages: one's own or the company's, one of them with its controls, and what can be done to it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from cards import operations, queries
from cards.forms import ControlsForm, IssueForm
from cards.models import Card, CardStatus
from spendtrackr import errors
from spendtrackr.forms import show_refusal
from spendtrackr.pagination import take_page
from spendtrackr.permissions import find, require
from users.models import Membership
from users.views import action, form_page, page

PAGE_SIZE = 60


@page
def cards(request: HttpRequest, member: Membership) -> HttpResponse:
    """Open cards first; closed ones on request."""
    rows = Card.objects.visible_to(member).with_state()
    state, words = request.GET.get("state", ""), request.GET.get("q", "").strip()[:80]
    rows = rows.filter(status=CardStatus.CLOSED) if state == "closed" else rows.exclude(status=CardStatus.CLOSED)
    if state == "frozen":
        rows = rows.filter(freezes__open_source__isnull=False).distinct()
    if words:
        rows = rows.filter(name__icontains=words) | rows.filter(holder__user__name__icontains=words) | rows.filter(last4=words)
    found, following = take_page(rows, order=("-id",), cursor=request.GET.get("cursor"), limit=PAGE_SIZE)
    context = {
        "nav": "cards",
        "cards": queries.standings(found, member.company.day_of(timezone.now())),
        "me": member,
        "may_issue": member.may("cards.issue"),
        "given": {"state": state, "q": words},
        "is_filtered": bool(state or words),
        "next_cursor": following,
        "title": "Cards" if member.sees("cards") else "My cards" if member.team == [member.pk] else "My team's cards",
    }
    return render(request, "cards/list.html", context)


@form_page
def issue(request: HttpRequest, member: Membership) -> HttpResponse:
    """A new card for somebody."""
    require("cards.issue", member)
    people = Membership.objects.visible_to(member).active().select_related("user").order_by("user__name", "pk")
    form = IssueForm(request.POST or None, people=people, currency=member.company.currency, initial={"holder": request.GET.get("holder")})
    if request.method == "POST" and form.is_valid():
        given = dict(form.cleaned_data)
        holder, name = given.pop("holder"), given.pop("name")
        controls = operations.Controls(**given)
        try:
            card = operations.issue(holder, name=name, currency=member.company.currency, controls=controls, actor=member, at=timezone.now())
        except errors.DomainError as error:
            show_refusal(form, error)
        else:
            messages.success(request, f"A card for {holder.user.name} was issued.")
            return redirect("card", public_id=card.public_id)
    return render(request, "cards/issue.html", {"nav": "cards", "form": form}, status=400 if form.errors else 200)


def _named(member: Membership, public_id: str, rule: str) -> Card:
    """The card of an address. Raises `Missing`, or `Forbidden`."""
    card: Card = find(Card.objects.visible_to(member).with_state(), public_id)
    require(rule, member, card)
    return card


@page
def card(request: HttpRequest, member: Membership, public_id: str) -> HttpResponse:
    """One card, and the buttons that this member may press."""
    found = _named(member, public_id, "cards.see")
    return render(request, "cards/detail.html", _shown(member, found, _controls_form(found)))


def _controls_form(found: Card, data: Any = None) -> ControlsForm:
    controls = operations.Controls.of(found.rules)
    initial = {"name": found.name} | {name: getattr(controls, name) for name in controls.__slots__}
    return ControlsForm(data, currency=found.currency, initial=initial)


def _shown(member: Membership, found: Card, form: ControlsForm) -> dict[str, Any]:
    [standing] = queries.standings([found], member.company.day_of(timezone.now()))
    is_open = found.status in {CardStatus.ACTIVE, CardStatus.PENDING}
    freezes: Any = found.open_freezes  # type: ignore[attr-defined]  # by `with_state`
    sources = {freeze.source for freeze in freezes}
    may_control = member.may("cards.control", found)
    own_source = "admin" if may_control else "holder"
    return {
        "nav": "cards",
        "standing": standing,
        "card": found,
        "controls": operations.Controls.of(found.rules),
        "form": form if may_control and is_open else None,
        "freezes": sorted(sources),
        "may_freeze": is_open and member.may("cards.freeze", found) and own_source not in sources,
        "may_unfreeze": is_open
        and bool(sources & ({"admin", "holder"} if may_control else {"holder"}))
        and member.may("cards.freeze", found),
        "may_replace": is_open and member.may("cards.issue", found),
        "may_close": is_open and member.may("cards.close", found),
    }


@form_page
def change(request: HttpRequest, member: Membership, public_id: str) -> HttpResponse:
    """Controls as a form; a mistake in it comes back with what was typed."""
    found = _named(member, public_id, "cards.control")
    form = _controls_form(found, request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            operations.change_controls(found, form.cleaned_data, actor=member, at=timezone.now())
        except errors.DomainError as error:
            show_refusal(form, error)
        else:
            messages.success(request, "The card was changed.")
            return redirect("card", public_id=public_id)
    return render(request, "cards/detail.html", _shown(member, found, form), status=400 if form.errors else 200)


@action
def freeze(request: HttpRequest, member: Membership, public_id: str) -> str:
    operations.freeze(_named(member, public_id, "cards.freeze"), actor=member, at=timezone.now())
    return "The card is frozen: nothing more is approved on it."


@action
def unfreeze(request: HttpRequest, member: Membership, public_id: str) -> str:
    operations.unfreeze(_named(member, public_id, "cards.freeze"), actor=member, at=timezone.now())
    return "The freeze was lifted."


@action
def close(request: HttpRequest, member: Membership, public_id: str) -> str:
    operations.close(_named(member, public_id, "cards.close"), actor=member, at=timezone.now())
    return "The card is closed for good."


@form_page
def replace(request: HttpRequest, member: Membership, public_id: str) -> HttpResponse:
    """Asks once more, then closes the card and leads to its replacement."""
    found = _named(member, public_id, "cards.issue")
    if request.method == "POST":
        try:
            new = operations.replace(found, actor=member, at=timezone.now())
        except errors.InvalidState as error:
            messages.error(request, error.message)
            return redirect("card", public_id=public_id)
        messages.success(request, f"The card •• {found.last4} is closed; this is its replacement.")
        return redirect("card", public_id=new.public_id)
    return render(request, "cards/replace.html", {"nav": "cards", "card": found})
