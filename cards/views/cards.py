"""Cards as pages: one's own or the company's, one of them with its controls, and what can be done to it."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from cards import operations, queries
from cards.forms import COUNTRY_NAMES, ControlsForm, GrantForm, IssueForm
from cards.models import Card, CardMode, CardStatus, CardUsage, LimitGrant
from cards.viewsets.cards import CardFilter
from spendtrackr import errors, locales
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
    shown = {"state": state if state in {"frozen", "closed"} else "open", "q": words}
    rows = CardFilter(shown, rows).qs
    found, following = take_page(rows, order=("-id",), cursor=request.GET.get("cursor"), limit=PAGE_SIZE)
    context = {
        "nav": "cards",
        "cards": queries.standings(found, member.company, at=timezone.now(), reader=member),
        "me": member,
        "may_issue": member.may("cards.issue"),
        "given": {"state": state, "q": words},
        "export_filters": urlencode(shown),
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
    currency = member.company.currency
    form = IssueForm(
        request.POST or None, people=people, currency=currency, budgets=queries.budgets_to_draw_from(member, currency),
        initial={"holder": request.GET.get("holder")},
    )  # fmt: skip
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        own = {name: given[name] for name in ("name", "usage", "merchant")} | {"budget": given.get("budget")}
        rules = {name: value for name, value in form.changes().items() if name not in {*own, "holder"}}
        controls = operations.Controls(**rules)
        try:
            card = operations.issue(given["holder"], currency=currency, controls=controls, actor=member, at=timezone.now(), **own)
        except errors.DomainError as error:
            show_refusal(form, error)
        else:
            messages.success(request, f"A card for {given['holder'].user.name} was issued.")
            return redirect("card", public_id=card.public_id)
    return render(request, "cards/issue.html", {"nav": "cards", "form": form}, status=400 if form.errors else 200)


def named(member: Membership, public_id: str, rule: str) -> Card:
    """The card of an address. Raises `Missing`, or `Forbidden`."""
    card: Card = find(Card.objects.visible_to(member).with_state(), public_id)
    require(rule, member, card)
    return card


@page
def card(request: HttpRequest, member: Membership, public_id: str) -> HttpResponse:
    """One card, and the buttons that this member may press."""
    found = named(member, public_id, "cards.see")
    return render(request, "cards/detail.html", shown(member, found))


def controls_form(member: Membership, found: Card, data: Any = None) -> ControlsForm:
    """Offers every budget that the card could draw from, and the one that it has now where that could not be chosen anew."""
    budgets = list(queries.budgets_to_draw_from(member, found.currency))
    if found.budget and found.budget not in budgets:
        budgets.append(found.budget)
    initial = {"name": found.name, "budget": found.budget.public_id if found.budget else ""}
    controls, version = operations.Controls.of(found.rules), found.rules.version
    return ControlsForm(data, currency=found.currency, budgets=budgets, controls=controls, version=version, initial=initial)


def shown(member: Membership, found: Card, form: ControlsForm | None = None, grant_form: GrantForm | None = None) -> dict[str, Any]:
    [standing] = queries.standings([found], member.company, at=timezone.now(), reader=member)
    is_open = found.status in {CardStatus.ACTIVE, CardStatus.PENDING}
    freezes: Any = found.open_freezes  # type: ignore[attr-defined]  # by `with_state`
    sources = {freeze.source for freeze in freezes}
    may_control = member.may("cards.control", found)
    own_source = "admin" if may_control else "holder"
    return {
        "nav": "cards",
        "standing": standing,
        "card": found,
        "form": (form or controls_form(member, found)) if may_control and is_open else None,
        "facts": facts(found),
        # A grant adds to the amount limits, or is all the room there is.
        "may_grant": is_open and member.may("cards.grant", found) and standing.can_be_granted,
        "grant_form": grant_form or GrantForm(currency=found.currency, auto_id="grant_%s"),
        "freezes": sorted(sources),
        "may_freeze": is_open and member.may("cards.freeze", found) and own_source not in sources,
        "may_unfreeze": is_open
        and bool(sources & ({"admin", "holder"} if may_control else {"holder"}))
        and member.may("cards.freeze", found),
        "may_replace": is_open and member.may("cards.issue", found),
        "may_ask": is_open and found.holder_id == member.pk and member.may("requests.ask"),
        "may_close": is_open and member.may("cards.close", found),
    }


def facts(card: Card) -> list[tuple[str, str]]:
    """What a card may be spent on, in words. Its limits are shown as meters."""
    controls = operations.Controls.of(card.rules)
    lists = [(label, getattr(controls, name), name) for label, name in _LISTS]
    told = [
        ("May be used", CardUsage(card.usage).label if card.usage != CardUsage.MULTI else ""),
        ("Room comes back", CardMode(controls.mode).label),
        ("Most for one purchase", controls.per_transaction_cap.written() if controls.per_transaction_cap else "no cap"),
        ("Budget", card.budget.name if card.budget else ""),
        *((label, ", ".join(_readable(name, text) for text in listed)) for label, listed, name in lists),
        ("Valid from", _day(controls.valid_from)),
        ("Locks on", _day(controls.locks_on)),
    ]
    return [(label, value) for label, value in told if value]


_LISTS = [
    ("Blocked categories", "blocked_merchant_categories"),
    ("Only these categories", "allowed_merchant_categories"),
    ("Blocked merchants", "blocked_merchants"),
    ("Only these merchants", "allowed_merchants"),
    ("Blocked countries", "blocked_countries"),
    ("Only these countries", "allowed_countries"),
]


def _readable(name: str, text: str) -> str:
    return COUNTRY_NAMES.get(text, text) if name.endswith("countries") else queries.readable_merchant(text)


def _day(day: date | None) -> str:
    return locales.day(day) if day else ""


@form_page
def change(request: HttpRequest, member: Membership, public_id: str) -> HttpResponse:
    """Controls as a form; a mistake in it comes back with what was typed."""
    found = named(member, public_id, "cards.control")
    form = controls_form(member, found, request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            if changes := form.changes():
                operations.change_controls(found, changes, actor=member, at=timezone.now())
        except errors.DomainError as error:
            show_refusal(form, error)
        else:
            messages.success(request, "The card was changed." if changes else "Nothing was different, so nothing was changed.")
            return redirect("card", public_id=public_id)
    return render(request, "cards/detail.html", shown(member, found, form), status=400 if form.errors else 200)


@form_page
def grant(request: HttpRequest, member: Membership, public_id: str) -> HttpResponse:
    """Room for once, until the end of a day of the company's calendar."""
    found = named(member, public_id, "cards.grant")
    form = GrantForm(request.POST or None, currency=found.currency, auto_id="grant_%s")
    if request.method == "POST" and form.is_valid():
        given, now = form.cleaned_data, timezone.now()
        zone = ZoneInfo(member.company.zone_at(now))
        expires_at = datetime.combine(given["expires_at"], time(0), zone) + timedelta(days=1)
        try:
            operations.grant(found, given["amount"], expires_at=expires_at, reason=given["reason"], actor=member, at=now)
        except errors.DomainError as error:
            show_refusal(form, error)
        else:
            messages.success(request, f"{given['amount'].written()} more may be spent until the end of {_day(given['expires_at'])}.")
            return redirect("card", public_id=public_id)
    return render(request, "cards/detail.html", shown(member, found, grant_form=form), status=400 if form.errors else 200)


@action
def revoke(request: HttpRequest, member: Membership, public_id: str) -> str:
    """The grants of a card that was replaced stay with the first one, so a grant is found by whose card it is."""
    rows = LimitGrant.objects.filter(card__in=Card.objects.visible_to(member)).select_related("card__holder")
    found: LimitGrant = find(rows, public_id)
    require("cards.grant", member, found)
    try:
        operations.revoke(found, actor=member, at=timezone.now())
    except errors.InvalidState as error:
        raise errors.InvalidState("This grant has ended already: nothing of it is left to take back.") from error
    return "The grant was taken back. What was spent of it stays spent."


@action
def freeze(request: HttpRequest, member: Membership, public_id: str) -> str:
    operations.freeze(named(member, public_id, "cards.freeze"), actor=member, at=timezone.now())
    return "The card is frozen: nothing more is approved on it."


@action
def unfreeze(request: HttpRequest, member: Membership, public_id: str) -> str:
    operations.unfreeze(named(member, public_id, "cards.freeze"), actor=member, at=timezone.now())
    return "The freeze was lifted."


@action
def close(request: HttpRequest, member: Membership, public_id: str) -> str:
    operations.close(named(member, public_id, "cards.close"), actor=member, at=timezone.now())
    return "The card is closed for good."


@form_page
def replace(request: HttpRequest, member: Membership, public_id: str) -> HttpResponse:
    """Asks once more, then closes the card and leads to its replacement."""
    found = named(member, public_id, "cards.issue")
    if request.method == "POST":
        try:
            new = operations.replace(found, actor=member, at=timezone.now())
        except errors.InvalidState as error:
            messages.error(request, error.message)
            return redirect("card", public_id=public_id)
        messages.success(request, f"The card •• {found.last4} is closed; this is its replacement.")
        return redirect("card", public_id=new.public_id)
    return render(request, "cards/replace.html", {"nav": "cards", "card": found})
