"""Budgets as pages: the tree with what is left, one of them with its cards, and what can be done to it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from cards import queries
from cards.forms import BudgetForm, Choices, NewBudgetForm
from cards.models import Budget, BudgetInterval, Card, CardStatus
from cards.operations import budgets as operations
from spendtrackr import errors
from spendtrackr.forms import show_refusal
from spendtrackr.permissions import find, require
from users.models import Membership
from users.views import action, form_page, page

MOST = 500


@page
def budgets(request: HttpRequest, member: Membership) -> HttpResponse:
    """The open ones as a tree; closed ones below."""
    rows = list(Budget.objects.visible_to(member).select_related("owner__user").order_by("pk")[:MOST])
    context = {
        "nav": "budgets",
        "branches": queries.budget_branches([row for row in rows if row.is_open], member.company.day_of(timezone.now()), member),
        "closed": [row for row in rows if not row.is_open],
        "may_change": member.may("budgets.change"),
        "leads_to_rows": member.sees("transactions"),
    }
    return render(request, "cards/budgets.html", context)


def _named(member: Membership, public_id: str) -> Budget:
    found: Budget = find(Budget.objects.visible_to(member).with_people(), public_id)
    return found


def _people(member: Membership, *also: Membership) -> Choices:
    """Who may be chosen: the active ones, and whoever is there already."""
    active = Membership.objects.visible_to(member).active().order_by("user__name", "pk")
    choices = list(active.values_list("public_id", "user__name"))
    known = {public_id for public_id, _ in choices}
    left = {one.public_id: f"{one.user.name} ({one.status})" for one in also if one.public_id not in known}
    return [*choices, *left.items()]


def _with_rows(given: dict[str, Any]) -> dict[str, Any]:
    """What was typed, with people as rows."""
    people = {row.public_id: row for row in Membership.objects.filter(public_id__in={given["owner"], *given["members"]})}
    members = [people[public_id] for public_id in given["members"]]
    return {
        "name": given["name"],
        "limit": given["limit"],
        "is_hard": given["hardness"] == "hard",
        "owner": people[given["owner"]],
        "members": members,
    }


@form_page
def new(request: HttpRequest, member: Membership) -> HttpResponse:
    """A new budget, at the top or inside another."""
    require("budgets.change", member)
    currency = member.company.currency
    open_ones = queries.budgets_to_draw_from(member, currency)
    form = NewBudgetForm(
        request.POST or None, currency=currency, people=_people(member), parents=list(open_ones.values_list("public_id", "name")),
        initial={"owner": member.public_id, "parent": request.GET.get("inside", "")},
    )  # fmt: skip
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        parent, interval = open_ones.filter(public_id=given["parent"]).first(), BudgetInterval(given["interval"])
        try:
            made = operations.create(**_with_rows(given), parent=parent, interval=interval, actor=member, at=timezone.now())
        except errors.DomainError as error:
            show_refusal(form, error)
        else:
            messages.success(request, f"The budget {made.name} is there. Cards draw from it once they are told to.")
            return redirect("budget", made.public_id)
    return render(request, "cards/new_budget.html", {"nav": "budgets", "form": form}, status=400 if form.errors else 200)


@form_page
def budget(request: HttpRequest, member: Membership, public_id: str) -> HttpResponse:
    """One budget, with the cards that draw from it; who may change budgets does it here."""
    found = _named(member, public_id)
    form = _form(found, member) if member.may("budgets.change") and found.is_open else None
    if request.method == "POST":
        require("budgets.change", member)
        form = _form(found, member, request.POST)
        if form.is_valid() and _changed(found, form, member):
            messages.success(request, "The budget was changed.")
            return redirect("budget", public_id)
    return render(request, "cards/budget.html", _shown(found, member, form), status=400 if form and form.errors else 200)


def _form(found: Budget, member: Membership, data: Any = None) -> BudgetForm:
    members = [row.member for row in found.members.all()]
    now = {
        "name": found.name,
        "limit": found.limit,
        "hardness": "hard" if found.is_hard else "soft",
        "owner": found.owner.public_id,
        "members": [one.public_id for one in members],
    }
    return BudgetForm(data, initial=now, currency=found.currency, people=_people(member, found.owner, *members))


def _changed(found: Budget, form: BudgetForm, member: Membership) -> bool:
    try:
        operations.change(found, _with_rows(form.cleaned_data), actor=member, at=timezone.now())
    except errors.DomainError as error:
        show_refusal(form, error)
        return False
    return True


def _shown(found: Budget, member: Membership, form: BudgetForm | None) -> dict[str, Any]:
    today = member.company.day_of(timezone.now())
    family = Budget.objects.visible_to(member).filter(chain__startswith=found.chain).select_related("owner__user").order_by("pk")[:MOST]
    branches = queries.budget_branches(family, today, member)
    cards = Card.objects.visible_to(member).filter(budget__chain__startswith=found.chain).exclude(status=CardStatus.CLOSED)
    may_change = member.may("budgets.change")
    return {
        "nav": "budgets",
        "standing": branches[0].standing,
        "bound": branches[0].bound,
        "budget": branches[0].standing.budget,
        "parent": Budget.objects.visible_to(member).filter(pk=found.parent_id).first() if found.parent_id else None,
        "inside": [branch for branch in branches[1:] if branch.standing.budget.is_open],
        "cards": queries.standings(
            cards.with_state().order_by("holder__user__name", "pk")[:MOST], member.company, at=timezone.now(), reader=member
        ),
        # The rows behind a figure add up to it only for those who see them all.
        "leads_to_rows": member.sees("transactions"),
        "members": [row.member for row in found.members.all()],
        "form": form,
        "may_change": may_change and found.is_open,
    }


@action
def close(request: HttpRequest, member: Membership, public_id: str) -> str:
    found = _named(member, public_id)
    require("budgets.change", member)
    operations.close(found, actor=member, at=timezone.now())
    return f"{found.name} is closed: cards that draw from it decline."
