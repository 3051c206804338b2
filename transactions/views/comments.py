"""Say something on a page: about a transaction, or about a request for a card, which has a page of its own for that."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from cards import queries as cards
from cards.models import CardRequest
from spendtrackr import errors
from spendtrackr.permissions import find, require
from spendtrackr.text import plain_text
from transactions import queries
from transactions.models import Transaction
from transactions.operations import comments
from users.models import Membership
from users.views import action, page


@page
def card_request(request: HttpRequest, member: Membership, public_id: str) -> HttpResponse:
    """One request, and what was said about it."""
    row = _request(member, public_id)
    [row] = cards.with_rooms(cards.with_deciders([row]), member, at=timezone.now())
    context = {
        "nav": "requests",
        "row": row,
        "is_mine": row.requester_id == member.pk,
        "may_decide": row.status == "waiting" and cards.may_decide(member, row),
        "decides_all": member.does_to_all("requests.decide"),
        "comments": list(queries.comments(row)),
        "may_say": member.may("comments.say"),
    }
    return render(request, "transactions/card_request.html", context)


def _request(member: Membership, public_id: str) -> CardRequest:
    found: CardRequest = find(CardRequest.objects.visible_to(member).with_names(), public_id)
    return found


@action
def say_of_transaction(request: HttpRequest, member: Membership, public_id: str) -> str:
    require("comments.say", member)
    return _say(request, find(queries.readable(member), public_id), member)


@action
def say_of_request(request: HttpRequest, member: Membership, public_id: str) -> str:
    require("comments.say", member)
    return _say(request, _request(member, public_id), member)


def _say(request: HttpRequest, about: Transaction | CardRequest, member: Membership) -> str:
    try:
        text = plain_text(request.POST.get("text", ""))
    except ValueError as error:
        raise errors.Invalid(f"Comment: {error}", field="text") from error
    comments.say(about, text, actor=member, at=timezone.now())
    return "Said."
