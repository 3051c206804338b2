"""What an account held day by day, and what is behind a day: each entry that changed what cards can spend."""

from __future__ import annotations

from datetime import date
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from spendtrackr import errors
from spendtrackr.forms import day_from
from spendtrackr.pagination import take_page
from spendtrackr.periods import Period, month_of
from spendtrackr.permissions import require
from transactions import balances, queries
from transactions.forms.addresses import month_from
from transactions.models import FundingAccount
from users.models import Membership
from users.views import page

PAGE_SIZE = 50


@page
def funding(request: HttpRequest, member: Membership) -> HttpResponse:
    """One account: the days of a month, or with `day` the entries of that day."""
    require("accounts.see", member)
    accounts = queries.accounts()
    asked = request.GET.get("currency", member.company.currency)
    account = next((found for found in accounts if found.currency == asked), accounts[0] if accounts else None)
    context: dict[str, Any] = {"nav": "funding", "accounts": accounts, "account": account}
    if account is None:
        return render(request, "transactions/funding.html", context)
    today = member.company.day_of(timezone.now())
    try:
        day, month = day_from(request.GET, "day"), month_from(request.GET, today)
    except errors.Invalid as error:
        day, month, context["problem"] = None, month_of(today), error
    if day:
        context |= _day(account, day, request.GET.get("cursor"))
        return render(request, "transactions/funding_day.html", context)
    context |= _month(account, month, today)
    return render(request, "transactions/funding.html", context, status=400 if "problem" in context else 200)


def _month(account: FundingAccount, month: Period, today: date) -> dict[str, Any]:
    """A month's statement, and the months to choose from."""
    first = balances.first_day(account) or today
    known = list(Period.inclusive(min(first, month.start), max(today, month.start)).months())
    here = known.index(month)
    shown = balances.statement(account, month)
    return {
        "month": month,
        "exported": urlencode({"account": account.public_id, "from": month.start, "to": month.last}),
        "whole": shown.whole,
        "days": [day for day in reversed(shown.days) if day.touches_cards],
        "months": known[::-1],
        "earlier": known[here - 1] if here else None,
        "later": known[here + 1] if here + 1 < len(known) else None,
    }


def _day(account: FundingAccount, day: date, cursor: str | None) -> dict[str, Any]:
    rows = balances.of_available(balances.entries_of(account).filter(day=day))
    entries, following = take_page(rows, order=balances.NEWEST, cursor=cursor, limit=PAGE_SIZE)
    return {
        "day": balances.statement(account, Period.inclusive(day, day)).whole,
        "exported": urlencode({"account": account.public_id, "day": day}),
        "lines": balances.changes_of_available(balances.in_full(entries), account),
        "next_cursor": following,
        "is_first_page": not cursor,
    }
