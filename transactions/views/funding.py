"""What is behind the balances: each entry that changed what cards can spend, and what it left."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from spendtrackr.pagination import take_page
from spendtrackr.permissions import require
from transactions import queries
from transactions.models import Entry
from users.models import Membership
from users.views import page

PAGE_SIZE = 50


@page
def funding(request: HttpRequest, member: Membership) -> HttpResponse:
    """One account's entries, the newest first."""
    require("accounts.see", member)
    accounts = queries.accounts()
    asked = request.GET.get("currency", member.company.currency)
    account = next((found for found in accounts if found.currency == asked), accounts[0] if accounts else None)
    entries: list[Entry] = []
    following = None
    if account:
        rows = queries.entries_of(account)
        entries, following = take_page(rows, order=("-id",), cursor=request.GET.get("cursor"), limit=PAGE_SIZE)
    context = {
        "nav": "overview",
        "accounts": accounts,
        "account": account,
        "lines": queries.changes_of_available(entries, account) if account else [],
        "next_cursor": following,
        "is_first_page": not request.GET.get("cursor"),
    }
    return render(request, "transactions/funding.html", context)
