"""The reports: which there are, and each of them, narrowed by what its address says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from cards.models import Budget, Card
from companies.models import Category, Department
from reports import overview, queries
from reports.catalogue import REPORTS, THEMES
from reports.forms import USUAL, question_from
from reports.shape import Definition, Question, Report
from reports.tables import as_text, lay_out
from reports.views.overview import presets
from spendtrackr import errors
from spendtrackr.periods import add_months, month_of
from spendtrackr.permissions import require
from transactions.models import Dimension, Merchant
from transactions.queries import Choices, choices
from users.models import Membership
from users.views import page


@page
def reports(request: HttpRequest, member: Membership) -> HttpResponse:
    """Those that this member may ask for."""
    offered = {theme: [one for one in REPORTS.values() if one.theme == theme and member.may(one.rule)] for theme in THEMES}
    themes = [(theme, found) for theme, found in offered.items() if found]
    return render(request, "reports/index.html", {"nav": "reports", "themes": themes})


@page
def report(request: HttpRequest, member: Membership, name: str) -> HttpResponse:
    """One report. What it cannot understand is said, and the usual shown instead."""
    definition = REPORTS[name]
    require(definition.rule, member)
    at, problem = timezone.now(), None
    usual = {option: definition.usual.get(option, _SHOWN.get(option, "")) for option in definition.options}
    given = {**usual, **request.GET.dict()}
    try:
        question = question_from(given, definition, member, at=at)
    except errors.Invalid as error:
        problem, given = error, usual
        question = question_from(given, definition, member, at=at)
    answer = definition.answer(question)
    context = {
        "nav": "reports",
        "definition": definition,
        "report": answer,
        "period": question.period,
        "table": lay_out(answer),
        "is_shortened": answer.period is not None and answer.period != question.period,
        "options": _options(definition, question),
        "dimensions": _dimensions(definition, given, member),
        "presets": _presets(definition, question, given),
        "given": given,
        "is_narrowed": any(given.get(name) for name in (*definition.takes, "currency")),
        "by_month": "month" in definition.takes,
        "problem": problem,
        **(_spend(question, answer, given) if name == "spend" else {}),
    }
    template = "reports/spend.html" if name == "spend" else "reports/report.html"
    return render(request, template, context, status=400 if problem else 200)


# What a page shows of what nobody has chosen.
_SHOWN = {**USUAL, "compare": queries.BEFORE}


def _spend(question: Question, answer: Report, given: dict[str, str]) -> dict[str, Any]:
    """What the page of spend has besides: what it is cut by as tabs, and its chart, in one currency."""
    totals = {row.currency: row.values[0] for row in answer.totals}
    own = str(question.member.company.currency)
    currency = question.currency or (own if own in totals or not totals else next(iter(totals)))
    by = question.options["group_by"].split(",")[-1]
    cuts = [name for name in queries.AXES if name != queries.MONTH]
    dimension = by if by in cuts else Dimension.CATEGORY
    written = [(code, as_text(total, "money")) for code, total in totals.items()]
    return {
        "tabs": _links(given, "group_by", [(name, queries.AXES[name].label) for name in (*cuts, queries.MONTH)], by),
        "currencies": _links(given, "currency", written, currency) if len(totals) > 1 else [],
        "overview": overview.build(question, currency, by=dimension),
        "last_year": overview.against(question, currency, queries.LAST_YEAR, by=dimension),
    }


def _links(given: dict[str, str], name: str, choices: list[tuple[str, str]], chosen: str) -> list[dict[str, Any]]:
    """The same page with another of these chosen."""
    kept = {other: value for other, value in given.items() if value and other != name}
    return [{"label": label, "href": "?" + urlencode({**kept, name: value}), "is_chosen": value == chosen} for value, label in choices]


def _presets(definition: Definition, question: Question, given: dict[str, str]) -> list[dict[str, Any]]:
    """Periods that people ask for most, or the latest months; nothing for what is true now."""
    if "month" in definition.takes:
        return _months(question, _kept(given))
    if "from" not in definition.takes:
        return []
    return presets(question.member.company, question.booked.usual_period(question.today), question.period, _kept(given))


def _months(question: Question, kept: dict[str, str]) -> list[dict[str, Any]]:
    months = [month_of(add_months(question.today.replace(day=1), -back)) for back in range(3)]
    return [
        {
            "label": f"{month.start:%b %Y}",
            "href": "?" + urlencode({"month": f"{month.start:%Y-%m}", **kept}),
            "is_chosen": month == question.period,
        }
        for month in months
    ]


@dataclass(frozen=True, slots=True)
class Choice:
    """A list to choose from, beside its name; what is chosen in it."""

    name: str
    label: str
    choices: list[tuple[str, str]]
    chosen: str
    is_required: bool = False


_SAYS = {"group_by": "By", "compare": "Compared with", "before": "The period before", "last_year": "The same last year"}


def _options(definition: Definition, question: Question) -> list[Choice]:
    return [
        Choice(
            name,
            _word(name),
            [(value, _word(value)) for value in choices],
            question.options.get(name, ""),
            name in {*USUAL, *definition.usual},
        )
        for name, choices in definition.options.items()
        if (definition.name, name) != ("spend", "group_by")  # its tabs
    ]


def _word(name: str) -> str:
    return _SAYS.get(name, name.replace("_", " ").replace(",", " and ").capitalize())


def _kept(given: dict[str, str]) -> dict[str, str]:
    """All of an address but its period."""
    return {name: value for name, value in given.items() if value and name not in {"from", "to", "month"}}


def _dimensions(definition: Definition, given: dict[str, str], member: Membership) -> list[Choice]:
    """What can be chosen of each dimension. Merchants are too many for a list: one that is asked for can be let go again."""
    named = choices(**_named(definition, given, member))
    offered = {name: _choices(name, named, member) for name in Dimension.values if name in definition.takes}
    return [
        Choice(name, queries.AXES[name].label, [*choices, (queries.NONE, queries.NOBODYS[name])], given.get(name, ""))
        for name, choices in offered.items()
        if choices
    ]


def _choices(name: str, named: Choices, member: Membership) -> list[tuple[str, str]]:
    if name == Dimension.MEMBER:
        people = Membership.objects.visible_to(member).select_related("user").order_by("user__name")
        return [(person.public_id, person.user.name) for person in people]
    if name == Dimension.CARD:
        return [(card.public_id, f"{card.name} •• {card.last4}") for card in Card.objects.visible_to(member).order_by("name", "pk")]
    return named[name]


def _named(definition: Definition, given: dict[str, str], member: Membership) -> dict[str, QuerySet[Any]]:
    """What is called by its name alone, of the dimensions that a report takes."""
    rows: dict[Dimension, QuerySet[Any]] = {
        Dimension.CATEGORY: Category.objects.all(),
        Dimension.DEPARTMENT: Department.objects.all(),
        Dimension.MERCHANT: Merchant.objects.filter(public_id=given.get(Dimension.MERCHANT, "")),
        Dimension.BUDGET: Budget.objects.visible_to(member),
    }
    return {str(name): found for name, found in rows.items() if name in definition.takes}
