"""The list of transactions with one of them beside it, one of them alone, and what can be done to it."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.utils import timezone

from cards.models import Budget
from companies.models import Category, Department, Tag
from spendtrackr import errors
from spendtrackr.forms import line_from
from spendtrackr.money import Money, example
from spendtrackr.permissions import find, require
from transactions import queries, timeline
from transactions.filters import UNAPPROVED, TransactionFilter
from transactions.forms.addresses import AmountRange
from transactions.forms.coding import Described
from transactions.models import ApprovalState, Transaction, TransactionStatus
from transactions.operations import approvals, coding
from transactions.policies import ITEMS
from transactions.views.coding import bulk_choices
from transactions.views.panel import detail
from users.models import Membership
from users.views import action, page

PAGE_SIZE = 50
_LABELS = {
    "from": "From",
    "to": "To",
    "min": "From amount",
    "max": "To amount",
    "q": "Search",
    "spent_from": "Posted from",
    "spent_to": "Posted to",
}
_ORDERINGS = {"-occurred_on": "Latest first", "occurred_on": "Oldest first", "-amount": "Largest first", "amount": "Smallest first"}


@page
def transactions(request: HttpRequest, member: Membership) -> HttpResponse:
    """Filtered by what the address says; behind a figure, with what each row added to it; beside the list, the one that is open."""
    given = request.GET.copy()
    cursor = given.pop("cursor", [None])[-1]
    shown = given.pop("show", [None])[-1]
    amounts = AmountRange(given, member.company.currency)
    filters = TransactionFilter(amounts.as_minor(), queries.visible(member), request=request)
    problems = [*amounts.problems, *_problems(filters)]
    rows: list[Transaction] = []
    following = None
    if not problems:
        try:
            order = queries.ORDERINGS.get(given.get("ordering", ""), queries.LATEST)
            rows, following = queries.page(filters.qs, cursor=cursor, limit=PAGE_SIZE, order=order)
        except errors.Invalid as error:
            problems = [error.message]
    here = given.copy()
    if cursor:
        here["cursor"] = cursor
    address = given.copy()
    if following:
        address["cursor"] = following
    opened = _opened(rows, member, shown) if shown else None
    offered = queries.choices(**_offered(member), **(queries.codable(opened) if opened else {}))
    context = {
        "nav": "transactions",
        "rows": rows,
        "figure": None if problems else _figure(filters, rows),
        "totals": _totals(filters, rows, goes_on=bool(following)) if rows and _is_filtered(given) else None,
        "of_import": rows[0].statement_import if rows and given.get("statement_import") else None,
        "next_href": "?" + address.urlencode() if following else "",
        "is_first_page": not cursor,
        "here": here.urlencode(),
        "problems": problems,
        "attributions": queries.attributions(rows),
        "open": detail(member, opened, offered) if opened else None,
        "panel_href": f"{request.path}?{_with(here, show=shown)}" if shown else "",
        "bulk": bulk_choices(member, offered),
        "may_issue": member.may("cards.issue"),
        "may_claim": member.may("claims.make"),
        "may_import": member.may("imports.see"),
        **_form(given, member, offered),
    }
    return render(request, "transactions/list.html", context, status=400 if problems else 200)


def _with(address: QueryDict, **more: str) -> str:
    """The address with a few names more."""
    longer = address.copy()
    for name, value in more.items():
        longer[name] = value
    return longer.urlencode()


def _problems(filters: TransactionFilter) -> list[str]:
    return [] if filters.is_valid() else [f"{_LABELS.get(name, name.capitalize())}: {found[0]}" for name, found in filters.errors.items()]


_MORE = ("category", "department", "member", "min", "max", "missing", "approval", "budget", "tag")

# What a link brought along and the form does not show.
_KEPT = (
    "spent_from", "spent_to", "currency", "card", "counts_with", "grant", "counting", "merchant", "source", "on_hold", "decline_code",
    "drawn_from", "waits_for", "payment", "repayment", "ids", "statement_import",
)  # fmt: skip


def _opened(rows: list[Transaction], member: Membership, public_id: str) -> Transaction | None:
    """The transaction beside the list: most often one of it."""
    return next((row for row in rows if row.public_id == public_id), None) or queries.readable(member).filter(public_id=public_id).first()


def _offered(member: Membership) -> dict[str, QuerySet[Any]]:
    """What the filters offer, also what is archived by now; and the bar below the list."""
    return {
        "filter_tags": Tag.objects.all(),
        "filter_categories": Category.objects.all(),
        "filter_departments": Department.objects.all(),
        "filter_budgets": Budget.objects.visible_to(member),
        "bulk_departments": queries.in_use(Department.objects.all()),
        "bulk_tags": queries.in_use(Tag.objects.all()),
    }


def _form(given: Any, member: Membership, offered: queries.Choices) -> dict[str, Any]:
    """What the filter form offers, and what was chosen in it."""
    people = Membership.objects.visible_to(member).select_related("user").order_by("user__name")
    return {
        "given": given.dict(),
        "is_filtered": _is_filtered(given),
        "more_given": any(given.get(name) for name in _MORE),
        "kept": _KEPT,
        **{name: offered[f"filter_{name}"] for name in ("tags", "categories", "departments", "budgets")},
        "people": [(person.public_id, person.user.name) for person in people],
        "statuses": TransactionStatus.choices,
        "approvals": [*ApprovalState.choices, (UNAPPROVED, "Not approved")],
        "items": [(name, name.capitalize()) for name in ITEMS],
        "orderings": _ORDERINGS.items(),
        "currency": member.company.currency,
    }


def _is_filtered(given: Any) -> bool:
    return any(value for name, value in given.items() if name != "ordering")


def _totals(filters: Any, rows: list[Transaction], *, goes_on: bool) -> queries.Totals | None:
    """What the list adds up to; behind what is used of a limit or a budget, each row marked with its part of that.

    None for a list that nobody would check by it, and for the rows behind a report's figure, which says so itself.
    """
    if filters.is_behind_a_figure:
        return None
    counted = bool(filters.form.cleaned_data["counting"])
    if goes_on and not counted and queries.is_too_long_to_add_up(filters.qs):
        return None
    if counted:
        for row in rows:
            row.counted = Money(row.counted_minor, row.currency)  # type: ignore[attr-defined]  # by the query
    return queries.totals(filters.qs, counted=counted)


def _figure(filters: Any, rows: list[Transaction]) -> queries.Figure | None:
    """The figure that these rows stand behind, each row marked with its part of it; None for an ordinary list."""
    if not filters.is_behind_a_figure:
        return None
    parts = queries.posted_within(filters.lines(), rows)
    for row in rows:
        row.counted = parts[row.pk]
    dates = filters.form.cleaned_data
    return queries.figure(filters.lines(), filters.qs, first=dates["spent_from"], last=dates["spent_to"])


@page
def transaction(request: HttpRequest, member: Membership, public_id: str) -> HttpResponse:
    """One of them, alone: the address to send to somebody."""
    row: Transaction = find(queries.readable(member), public_id)
    context = {"nav": "transactions", "open": detail(member, row), "here": "", "panel_href": request.path}
    return render(request, "transactions/detail.html", context)


@page
def history(request: HttpRequest, member: Membership, public_id: str) -> HttpResponse:
    """What happened to it. Beside the list it comes when it is scrolled to."""
    row: Transaction = find(queries.readable(member), public_id)
    context = {"nav": "transactions", "row": row, "history": timeline.happenings(row)}
    return render(request, "transactions/history.html", context)


def _named(member: Membership, public_id: str, rule: str) -> Transaction:
    """The purchase of an action's address. Raises `Missing`, or `Forbidden`."""
    row: Transaction = find(queries.readable(member), public_id)
    require(rule, member, row)
    return row


@action
def describe(request: HttpRequest, member: Membership, public_id: str) -> str:
    row = _named(member, public_id, "transactions.describe")
    body = {name: request.POST[name] for name in ("category", "department", "member") if name in request.POST}
    for name, longest in (("memo", 500), ("no_receipt_reason", 300), ("tax_code", 20)):
        if name in request.POST:
            body[name] = line_from(request.POST, name, longest)
    more: dict[str, Any] = {**body, **_amount_of_tax(request, row)}
    if "tags_shown" in request.POST:
        more["tags"] = request.POST.getlist("tags")
    coding.describe(row, Described(row, member).changes(more), actor=member, at=timezone.now())
    return "Saved."


def _amount_of_tax(request: HttpRequest, row: Transaction) -> dict[str, Money | None]:
    """Typed without a sign: that of the transaction."""
    if "tax" not in request.POST:
        return {}
    text = request.POST["tax"].strip()
    try:
        amount = Money.typed(text, row.currency) if text else None
    except ValueError as error:
        raise errors.Invalid(f"Tax: write an amount in {row.currency}, such as {example(row.currency, '12.50')}.", field="tax") from error
    return {"tax": -amount if amount and row.amount_minor < 0 else amount}


@action
def submit(request: HttpRequest, member: Membership, public_id: str) -> str:
    row = approvals.submit(_named(member, public_id, "transactions.submit"), actor=member, at=timezone.now())
    return "Approved: your company’s policy asks nobody about it." if row.approval == ApprovalState.APPROVED else "Submitted for approval."


@action
def withdraw(request: HttpRequest, member: Membership, public_id: str) -> str:
    approvals.withdraw(_named(member, public_id, "transactions.submit"), actor=member, at=timezone.now())
    return "Taken back: change what is wrong, then submit it again."
