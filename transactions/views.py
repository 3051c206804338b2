"""The list of transactions, as a page."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from companies.models import Category
from spendtrackr import errors
from transactions import queries
from transactions.filters import TransactionFilter
from transactions.models import TransactionStatus
from users.models import Membership
from users.views import page

PAGE_SIZE = 50


@page
def transactions(request: HttpRequest, member: Membership) -> HttpResponse:
    """Latest purchase first, filtered by what the address says."""
    given = request.GET.copy()
    cursor = given.pop("cursor", [None])[-1]
    filters = TransactionFilter(given, queries.visible(member))
    problem = None if filters.is_valid() else next(f"{name}: {found[0]}" for name, found in filters.errors.items())
    try:
        rows, following = queries.page(filters.qs if not problem else queries.visible(member).none(), cursor=cursor, limit=PAGE_SIZE)
    except errors.Invalid as error:
        (rows, following), problem = ([], None), error.message
    address = given.copy()
    if following:
        address["cursor"] = following
    context = {
        "nav": "transactions",
        "rows": rows,
        "next_href": "?" + address.urlencode() if following else "",
        "is_first_page": not cursor,
        "is_filtered": any(given.values()),
        "given": given.dict(),
        # What a link brought along and the form does not show.
        "kept": ["spent_from", "spent_to", "currency", "card", "member", "source"],
        "problem": problem,
        "categories": [(category.public_id, category.name) for category in Category.objects.order_by("name")],
        "statuses": TransactionStatus.choices,
        "attributions": queries.attributions(),
    }
    return render(request, "transactions/list.html", context, status=400 if problem else 200)
