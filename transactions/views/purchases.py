"""The list of transactions, as a page."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from companies.models import Category
from spendtrackr import errors
from transactions import queries
from transactions.filters import TransactionFilter
from transactions.models import Transaction, TransactionStatus
from users.models import Membership
from users.views import page

PAGE_SIZE = 50
_LABELS = {"from": "From", "to": "To", "category": "Category", "status": "Status", "spent_from": "Posted from", "spent_to": "Posted to"}


@page
def transactions(request: HttpRequest, member: Membership) -> HttpResponse:
    """Latest purchase first, filtered by what the address says; behind a figure, with what each row added to it."""
    given = request.GET.copy()
    cursor = given.pop("cursor", [None])[-1]
    filters = TransactionFilter(given, queries.visible(member))
    problems = [] if filters.is_valid() else [f"{_LABELS.get(name, name)}: {found[0]}" for name, found in filters.errors.items()]
    rows: list[Transaction] = []
    following = None
    if not problems:
        try:
            rows, following = queries.page(filters.qs, cursor=cursor, limit=PAGE_SIZE)
        except errors.Invalid as error:
            problems = [error.message]
    address = given.copy()
    if following:
        address["cursor"] = following
    context = {
        "nav": "transactions",
        "rows": rows,
        "figure": None if problems else _figure(filters, rows),
        "next_href": "?" + address.urlencode() if following else "",
        "is_first_page": not cursor,
        "is_filtered": any(given.values()),
        "given": given.dict(),
        # What a link brought along and the form does not show.
        "kept": ["spent_from", "spent_to", "currency", "card", "member", "source"],
        "problems": problems,
        "categories": [(category.public_id, category.name) for category in Category.objects.order_by("name")],
        "statuses": TransactionStatus.choices,
        "attributions": queries.attributions(rows),
    }
    return render(request, "transactions/list.html", context, status=400 if problems else 200)


def _figure(filters: Any, rows: list[Transaction]) -> queries.Figure | None:
    """The figure that these rows stand behind, each row marked with its part of it; None for an ordinary list."""
    if not filters.is_behind_a_figure:
        return None
    parts = queries.posted_within(filters.lines(), rows)
    for row in rows:
        row.posted = parts[row.pk]  # type: ignore[attr-defined]  # for the template alone
    dates = filters.form.cleaned_data
    return queries.figure(filters.lines(), filters.qs, first=dates["spent_from"], last=dates["spent_to"])
