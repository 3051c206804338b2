"""The overview of a company's or a team's spend, and everybody's own."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from companies.models import Company
from reports import overview, queries, spending
from reports.forms import period_from
from reports.shape import Question
from spendtrackr import errors
from spendtrackr.money import KNOWN_CURRENCIES
from spendtrackr.periods import Period, month_of, quarter_of, year_of
from transactions import queries as transactions
from transactions.models import Dimension
from users.models import Membership
from users.views import page


@page
def overview_page(request: HttpRequest, member: Membership) -> HttpResponse:
    """Spend of a period by month and category, and the latest transactions."""
    only = queries.reader(member)
    at = timezone.now()
    today = member.company.day_of(at)
    booked = queries.booked(only)
    usual = booked.usual_period(today)
    problem = None
    try:
        period = period_from(request.GET, lambda: usual)
    except errors.Invalid as error:
        period, problem = usual, error
    currency = request.GET.get("currency", member.company.currency)
    if currency not in KNOWN_CURRENCIES:
        currency = member.company.currency
    question = Question(member, at, period, booked)
    shown = overview.build(question, currency)
    company = transactions.backlog(member) if only is None else None
    waiting = list(transactions.waiting_for(member)[:_MOST])
    latest, more = transactions.page(transactions.visible(member), cursor=None, limit=10)
    context = {
        "nav": "overview",
        "title": "Spend" if only is None else "Your spend" if only == [member.pk] else "Your team's spend",
        "month": spending.month_against_last(today, currency, queries.parts_of(question, spending.two_months(today), Dimension.CATEGORY)),
        "waits": {
            "approvals": waiting,
            "approval_totals": transactions.totals_of(waiting),
            "to_do": company.to_do if company else transactions.to_do(member).count(),
            "company": company,
        },
        "overview": shown,
        **_movers(question, currency),
        "presets": presets(member.company, usual, period, {"currency": currency}),
        "accounts": transactions.accounts() if only is None else [],
        "latest": latest,
        "is_new": not latest and only is None,
        "may_invite": member.may("people.invite"),
        "has_more": bool(more),
        "attributions": transactions.attributions(latest),
        "problem": problem,
        "company_currency": member.company.currency,
    }
    return render(request, "reports/overview.html", context, status=400 if problem else 200)


def _movers(question: Question, currency: str) -> dict[str, Any]:
    """What moved most, and the fullest budgets."""
    member = question.member
    return {
        "movers": overview.top_movers(question, currency),
        "budgets": overview.fullest_budgets(member, currency, at=question.at),
        "may_change_budgets": member.may("budgets.change"),
        "leads_to_rows": member.sees("transactions"),
    }


@page
def my_spend(request: HttpRequest, member: Membership) -> HttpResponse:
    """One's own purchases, what they still need, and one's cards: the page to have on a phone."""
    shown = spending.my_spend(member, at=timezone.now())
    return render(
        request,
        "reports/my_spend.html",
        {"nav": "my-spend", "mine": shown, "me": member, "may_issue": member.may("cards.issue"), "may_claim": member.may("claims.make")},
    )


_MOST = 100


def presets(company: Company, usual: Period, chosen: Period, kept: dict[str, str]) -> list[dict[str, Any]]:
    """Periods that people ask for most, as links; the year is the company's fiscal one."""
    month, first = month_of(usual.last), company.fiscal_year_start_month
    spans = {
        "Month": month,
        "Quarter": quarter_of(month.start, first),
        "Year" if first == 1 else "Fiscal year": year_of(month.start, first),
        "12 months": usual,
        "Year before": usual.before(),
    }
    return [
        {
            "label": label,
            "href": "?" + urlencode({"from": span.start, "to": span.last, **kept}),
            "is_chosen": span == chosen,
        }
        for label, span in spans.items()
    ]
