"""Backtests on pages: asked for, followed while they run, read, and the purchases behind each number."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from copy import copy
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone

from cards.controls import ADVERBS, Limit
from cards.models import Card
from cards.operations import Controls
from cards.views import cards as card_pages
from spendtrackr import errors, locales
from spendtrackr.forms import show_refusal
from spendtrackr.money import Money
from spendtrackr.pagination import take_page
from spendtrackr.permissions import find, require
from transactions import queries
from transactions.filters import BacktestRowFilter
from transactions.models import Backtest, BacktestOutcome, BacktestRow, Policy
from transactions.operations import backtests as operations
from users.models import Membership
from users.views import form_page, page

PAGE_SIZE, MOST = 50, 100
LABELS = dict(BacktestOutcome.choices)


@form_page
def try_policy(request: HttpRequest, member: Membership, public_id: str) -> HttpResponse:
    """The last twelve months; leads to what it says of them."""
    policy: Policy = find(queries.versions(), public_id)
    require("policies.change", member)
    if request.method != "POST":
        return redirect("policy", public_id)
    now = timezone.now()
    try:
        asked = operations.try_policy(policy, operations.last_year(member.company.day_of(now)), actor=member, at=now)
    except errors.InvalidState as error:
        return _refused(request, error, reverse("policy", args=[public_id]))
    return redirect("backtest", asked.public_id)


@form_page
def try_controls(request: HttpRequest, member: Membership, public_id: str) -> HttpResponse:
    """The controls as they stand in the form, on the card's last twelve months; a mistake comes back with what was typed."""
    card = card_pages.named(member, public_id, "cards.control")
    if request.method != "POST":
        return redirect("card", public_id)
    form, now = card_pages.controls_form(member, card, request.POST), timezone.now()
    if form.is_valid():
        changes = {name: value for name, value in form.changes().items() if name not in {"name", "budget"}}
        days = operations.last_year(member.company.day_of(now))
        try:
            asked = operations.try_controls(card, changes, days, actor=member, at=now)
        except errors.DomainError as error:
            show_refusal(form, error)
        else:
            return redirect("backtest", asked.public_id)
    return render(request, "cards/detail.html", card_pages.shown(member, card, form), status=400)


@page
def backtests(request: HttpRequest, member: Membership) -> HttpResponse:
    """What was tried lately, the newest first."""
    require("backtests.see", member)
    tried = list(queries.backtests().order_by("-pk")[:MOST])
    return render(request, "transactions/backtests.html", {"nav": "policies", "tried": tried, "with_names": True})


def _refused(request: HttpRequest, error: errors.InvalidState, back: str) -> HttpResponse:
    messages.error(request, error.message)
    return redirect(back)


@dataclass(frozen=True, slots=True)
class Side:
    """A number with what stands behind it. `percent` is its part of all rows of its currency."""

    count: int
    amount: Money
    href: str
    percent: float


@dataclass(frozen=True, slots=True)
class Line:
    """One thing, by what was in force and by the draft."""

    name: str
    before: Side
    after: Side

    @property
    def change(self) -> str:
        """By how many the draft has more, with its sign; blank for none."""
        more = self.after.count - self.before.count
        return f"{'+' if more > 0 else '−'}{abs(more)}" if more else ""


@dataclass(frozen=True, slots=True)
class Move:
    """What changed its outcome, or stayed there and is with somebody else."""

    before: str
    after: str
    count: int
    amount: Money
    href: str


@dataclass(frozen=True, slots=True)
class Section:
    title: str
    head: str
    about: str
    lines: list[Line]


@page
def backtest(request: HttpRequest, member: Membership, public_id: str) -> HttpResponse:
    """How far it has come, or what it says."""
    require("backtests.see", member)
    found: Backtest = find(queries.backtests(), public_id)
    result = queries.result(found)
    return render(request, "transactions/backtest.html", {**_about(found), **(_shown(found, result) if result else {})})


def _about(found: Backtest) -> dict[str, Any]:
    told = _controls(found, found.card) if found.card else []
    return {"nav": "cards" if found.card else "policies", "backtest": found, "is_policy": found.card is None, "controls": told}


def _controls(found: Backtest, card: Card) -> list[tuple[str, str]]:
    """What was tried, in words: as the card's page would say it."""
    tried = copy(card)
    tried.controls = queries.draft_version(found)
    limits = Controls.of(tried.controls).limits
    says = [f"{_most(limit, card.currency)} {ADVERBS[limit.interval]}" for limit in limits]
    return [("Limits", ", ".join(says) or "none"), *card_pages.facts(tried)]


def _most(limit: Limit, currency: str) -> str:
    if limit.amount_minor is not None:
        return Money(limit.amount_minor, currency).written()
    return f"{locales.count(limit.count or 0)} purchase{'s' if limit.count != 1 else ''}"


def _shown(found: Backtest, result: queries.Result) -> dict[str, Any]:
    in_all: dict[str, int] = {}
    for one in result.moved:
        in_all[one.amount.currency] = in_all.get(one.amount.currency, 0) + one.count
    address = reverse("backtest-rows-page", args=[found.public_id])

    def lines(tallies: Iterable[queries.Tally], name: str) -> list[Line]:
        return [_line(one, name, address, in_all[one.currency]) for one in tallies]

    sections = [
        Section(
            "Who is asked", "Person", "At any step; where something is missing, once that is there.", lines(result.approvers, "approver")
        ),
        Section("Flags", "Flag", "What whoever approves is told to look at.", lines(result.flags, "flag")),
        Section("Missing", "Item", "What owners would have to add first.", lines(result.missing, "missing")),
        Section("Declines", "Check", "By the first check that fails.", lines(result.codes, "code")),
    ]
    return {
        "outcomes": lines(result.outcomes, ""),
        "moves": list(_moves(result.changed, address)),
        "sections": [section for section in sections if section.lines],
        "all_href": address,
        "is_empty": not result.moved,
    }


def _line(one: queries.Tally, name: str, address: str, in_all: int) -> Line:
    value, said = (one.of.public_id, one.of.user.name) if name == "approver" else (one.of, _word(one.of, name))
    sides = []
    for side, counted, amount in (("before", one.before, one.before_amount), ("after", one.after, one.after_amount)):
        asked = {f"{name}_{side}" if name else side: value, "currency": one.currency}
        sides.append(Side(counted.count, amount, f"{address}?{urlencode(asked)}", round(100 * counted.count / in_all, 1)))
    return Line(said, *sides)


def _word(value: str, name: str) -> str:
    if name in {"missing", "code"}:
        return value.replace("_", " ").capitalize()
    return value if name else LABELS[value]


def _moves(changed: Iterable[queries.Moved], address: str) -> Iterator[Move]:
    for one in sorted(changed, key=lambda one: -one.count):
        asked = {"before": one.before, "after": one.after, "changed": "true", "currency": one.amount.currency}
        yield Move(LABELS[one.before], LABELS[one.after], one.count, one.amount, f"{address}?{urlencode(asked)}")


@page
def rows(request: HttpRequest, member: Membership, public_id: str) -> HttpResponse:
    """The purchases or swipes behind one number, as its address asks for them."""
    require("backtests.see", member)
    found: Backtest = find(queries.backtests(), public_id)
    given = request.GET.copy()
    cursor = given.pop("cursor", [None])[-1]
    filters = BacktestRowFilter(given, queries.rows_of(found), request=request)
    listed: list[BacktestRow] = []
    following, problems = None, [str(told[0]) for told in filters.errors.values()]
    if not problems:
        try:
            listed, following = take_page(filters.qs, order=["-id"], cursor=cursor, limit=PAGE_SIZE)
        except errors.Invalid as error:
            problems = [error.message]
    if following:
        given["cursor"] = following
    context = {
        **_about(found),
        "rows": queries.with_people(listed),
        "problems": problems,
        "chosen": [] if problems else _chosen(filters.form.cleaned_data),
        "next_href": f"?{given.urlencode()}" if following else "",
        "is_first_page": not cursor,
    }
    return render(request, "transactions/backtest_rows.html", context, status=400 if problems else 200)


_SAID = {
    "before": "in force: {}", "after": "draft: {}", "currency": "in {}",
    "approver_before": "in force: with {}", "approver_after": "draft: with {}",
    "flag_before": "in force: flagged “{}”", "flag_after": "draft: flagged “{}”",
    "missing_before": "in force: misses {}", "missing_after": "draft: misses {}",
    "code_before": "then: {}", "code_after": "draft: {}",
}  # fmt: skip


def _chosen(given: dict[str, Any]) -> list[str]:
    """The filter in words."""
    told = []
    for name, said in _SAID.items():
        if value := given.get(name):
            told.append(said.format(_readable(name, value)))
    if given.get("changed") is not None:
        told.append("what the draft changes" if given["changed"] else "what stays the same")
    return told


def _readable(name: str, value: str) -> str:
    if name.startswith("approver"):
        return Membership.objects.filter(public_id=value).values_list("user__name", flat=True).first() or "nobody"
    if name.startswith("code"):
        return value.replace("_", " ")
    return LABELS.get(value, value).lower() if name in {"before", "after"} else value
