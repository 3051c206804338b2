"""Requests as pages: what I asked for, what waits for me, asking and deciding."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from cards import queries
from cards.controls import ADVERBS
from cards.forms import AskForCardForm, AskForMoreForm, Choices
from cards.models import Budget, Card, CardRequest, CardStatus, Interval, RequestKind, RequestStatus
from cards.operations import requests as operations
from cards.operations.controls import Controls
from cards.operations.requests import Wish
from spendtrackr import errors
from spendtrackr.forms import show_refusal
from spendtrackr.permissions import find, require
from spendtrackr.text import plain_line
from users.models import Membership
from users.views import action, form_page, page

MOST, LATELY = 100, 20


@page
def requests(request: HttpRequest, member: Membership) -> HttpResponse:
    """What waits for this member; what waits for others, for those who see it; one's own; and what was decided lately."""
    now = timezone.now()
    waiting = queries.with_deciders(queries.requests_waiting_for(member)[:MOST])
    seen = CardRequest.objects.visible_to(member).with_names().exclude(requester=member)
    rest = seen.filter(status=RequestStatus.WAITING).exclude(pk__in=[row.pk for row in waiting]).order_by("pk")
    others = queries.with_deciders(rest[:MOST])
    queries.with_rooms([*waiting, *others], member, at=now)
    mine = CardRequest.objects.filter(requester=member).with_names().order_by("-pk")
    context = {
        "nav": "requests",
        "waiting": waiting,
        "others": others,
        "decides_all": member.does_to_all("requests.decide"),
        "mine": queries.with_deciders(mine[:MOST]),
        "decided": list(seen.exclude(status__in=[RequestStatus.WAITING, RequestStatus.WITHDRAWN]).order_by("-decided_at", "-pk")[:LATELY]),
        "may_ask": member.may("requests.ask"),
        "my_cards": list(Card.objects.filter(holder=member, status=CardStatus.ACTIVE).order_by("name", "pk")),
    }
    return render(request, "cards/requests.html", context)


@form_page
def ask(request: HttpRequest, member: Membership) -> HttpResponse:
    """Ask for a card; where the address names a card of one's own, for more room on it."""
    require("requests.ask", member)
    card = _own_card(request, member)
    form = _more_form(card, request) if card else _card_form(member, request)
    if request.method == "POST" and form.is_valid():
        wish = _more(form.cleaned_data, card) if card else _card(form.cleaned_data, member)
        try:
            row = operations.ask(wish, actor=member, at=timezone.now())
        except errors.DomainError as error:
            show_refusal(form, error)
        else:
            [row] = queries.with_deciders([row])
            names = " or ".join(one.user.name for one in row.waits_for)  # type: ignore[attr-defined]
            messages.success(request, f"Asked. It waits for {names}." if names else "Asked. Nobody but you may decide it yet.")
            return redirect("requests")
    return render(request, "cards/ask.html", {"nav": "requests", "form": form, "card": card}, status=400 if form.errors else 200)


def _own_card(request: HttpRequest, member: Membership) -> Card | None:
    public_id = request.GET.get("card", "")
    mine = Card.objects.filter(holder=member).select_related("controls")
    found: Card | None = find(mine, public_id) if public_id else None
    return found


def _card_form(member: Membership, request: HttpRequest) -> Form:
    currency = member.company.currency
    budgets = list(queries.budgets_to_draw_from(member, currency).values_list("public_id", "name"))
    return AskForCardForm(request.POST or None, currency=currency, budgets=budgets, initial={"budget": request.GET.get("budget", "")})


def _card(given: dict[str, Any], member: Membership) -> Wish:
    budget = Budget.objects.visible_to(member).filter(public_id=given.get("budget") or "").first()
    return Wish(RequestKind.CARD, given["amount"], given["reason"], Interval(given["interval"]), name=given["name"], budget=budget)


def _more_form(card: Card, request: HttpRequest) -> Form:
    """A link may name the amount, as people type it."""
    initial = {"amount": request.GET.get("amount", "")[:40]}
    return AskForMoreForm(request.POST or None, currency=card.currency, choices=_ways(card), initial=initial)


def _ways(card: Card) -> Choices:
    """More for once; and each limit of an amount that could be higher."""
    limits = [
        (limit.interval, queries.amount_limit(card, limit.interval)) for limit in Controls.of(card.rules).limits if limit.amount_minor
    ]
    raises = [
        (f"{RequestKind.RAISE}:{interval}", f"A higher {ADVERBS[interval]} limit than {limit.written()}")
        for interval, limit in limits
        if limit
    ]
    return [(str(RequestKind.GRANT), "More room for once"), *raises]


def _more(given: dict[str, Any], card: Card) -> Wish:
    kind, _, interval = given["what"].partition(":")
    until = given["until"] if kind == RequestKind.GRANT else None
    return Wish(RequestKind(kind), given["amount"], given["reason"], Interval(interval or Interval.MONTH), card=card, until=until)


def _named(member: Membership, public_id: str) -> CardRequest:
    found: CardRequest = find(CardRequest.objects.visible_to(member).with_names(), public_id)
    return found


def _answer(request: HttpRequest) -> str:
    try:
        return plain_line(request.POST.get("answer", ""))[:500]
    except ValueError as error:
        raise errors.Invalid(str(error), field="answer") from error


@action
def approve(request: HttpRequest, member: Membership, public_id: str) -> str:
    row = _named(member, public_id)
    operations.decide(row, approved=True, answer=_answer(request), actor=member, at=timezone.now())
    return f"Approved for {row.requester.user.name}: it is done."


@action
def reject(request: HttpRequest, member: Membership, public_id: str) -> str:
    row = _named(member, public_id)
    operations.decide(row, approved=False, answer=_answer(request), actor=member, at=timezone.now())
    return f"Rejected. {row.requester.user.name} reads why."


@action
def withdraw(request: HttpRequest, member: Membership, public_id: str) -> str:
    operations.withdraw(_named(member, public_id), actor=member, at=timezone.now())
    return "Your request is withdrawn."
