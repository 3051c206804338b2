"""Receipts in the browser: the inbox, what is on a receipt, where it belongs; download one, upload some."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import content_disposition_header

from spendtrackr import errors, locales
from spendtrackr.forms import EARLIEST, LATEST, line_from
from spendtrackr.money import CURRENCIES, Money, example
from spendtrackr.pagination import take_page
from spendtrackr.permissions import find, require
from transactions import documents, queries
from transactions.models import Receipt, Transaction
from transactions.operations import receipts
from users.models import Membership
from users.views import action, form_page, page

PAGE_SIZE = 20


def download(receipt: Receipt) -> HttpResponse:
    """The file as a download. Should a browser show it all the same, it may run and load nothing."""
    content = queries.content_of(receipt)
    headers = {
        "Content-Length": str(len(content)),
        "Content-Disposition": content_disposition_header(as_attachment=True, filename=receipt.filename),
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cache-Control": "private, no-store",
    }
    return HttpResponse(content, content_type=receipt.content_type, headers=headers)


def looked_at(uploaded: Any) -> tuple[documents.Document, bytes]:
    """An uploaded file, inspected and read."""
    documents.refuse_size(uploaded.size)
    uploaded.seek(0)
    content: bytes = uploaded.read()
    return documents.inspect(content, uploaded.name), content


@page
def file(request: HttpRequest, member: Membership, *, public_id: str) -> HttpResponse:
    return download(find(queries.receipts(member), public_id))


@form_page
def inbox(request: HttpRequest, member: Membership) -> HttpResponse:
    """What this member uploaded and nobody has attached yet, each with the purchases that it may belong to."""
    require("transactions.see", member)
    if request.method == "POST":
        require("transactions.describe", member)
        _upload_all(request, lambda *file: receipts.upload(*file, actor=member, at=timezone.now()), "was uploaded", member)
        return HttpResponseRedirect(reverse("receipts"))
    problems: list[str] = []
    try:
        found, following = take_page(queries.inbox(member), order=("-id",), cursor=request.GET.get("cursor"), limit=PAGE_SIZE)
    except errors.Invalid as error:
        found, following, problems = [], None, [error.message]
    suggested = queries.suggestions(found, member)
    for row in queries.shown(found, member):
        row.suggestions = suggested[row.pk]  # type: ignore[attr-defined]  # for the template alone
    context = {
        "nav": "receipts",
        "rows": found,
        "problems": problems,
        "waiting": queries.inbox(member).count(),
        "next_href": f"?cursor={following}" if following else "",
        "is_first_page": not request.GET.get("cursor"),
    }
    return render(request, "transactions/receipts.html", context, status=400 if problems else 200)


@action
def upload(request: HttpRequest, member: Membership, *, public_id: str) -> None:
    """Attach each file by itself: one that is refused does not hold up the others."""
    purchase = find(queries.visible(member), public_id)
    require("transactions.describe", member, purchase)
    _upload_all(request, lambda *file: receipts.attach(purchase, *file, actor=member, at=timezone.now()), "was attached", member)


@action
def describe(request: HttpRequest, member: Membership, *, public_id: str) -> str:
    """What is on it, as somebody typed it. An empty field is not known."""
    receipt = find(queries.receipts(member), public_id)
    require("transactions.describe", member, receipt)
    receipts.describe(receipt, _typed(request), actor=member, at=timezone.now())
    return "Saved."


def _typed(request: HttpRequest) -> dict[str, Any]:
    """The fields of `Said` that the form has. Raises `Invalid` with a sentence that names the field."""
    given = request.POST
    changes: dict[str, Any] = {}
    if "amount" in given:
        amount = _amount(given["amount"].strip(), given.get("currency", "").strip().upper())
        changes |= {"amount_minor": amount.minor if amount else None, "currency": amount.currency if amount else ""}
    if "spent_on" in given:
        changes["spent_on"] = _day(given["spent_on"])
    if "merchant_name" in given:
        changes["merchant_name"] = line_from(given, "merchant_name", 120, label="Merchant")
    return changes


def _amount(text: str, currency: str) -> Money | None:
    if not text:
        return None
    if currency not in CURRENCIES:
        raise errors.Invalid("Currency: three letters, such as EUR.", field="currency")
    try:
        amount = Money.typed(text, currency)
    except ValueError as error:
        raise errors.Invalid(f"Amount: write it in {currency}, such as {example(currency, '12.50')}.", field="amount") from error
    if amount.minor <= 0:
        raise errors.Invalid("Amount: it is above zero.", field="amount")
    return amount


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text) if text else None
    except ValueError as error:
        raise errors.Invalid("Day: write it such as 2026-03-31.", field="spent_on") from error
    if day and not EARLIEST <= day <= LATEST:
        raise errors.Invalid(f"Day: from {EARLIEST} to {LATEST}.", field="spent_on")
    return day


@action
def remove(request: HttpRequest, member: Membership, *, public_id: str) -> str:
    receipt = receipts.remove(find(queries.receipts(member), public_id), actor=member, at=timezone.now())
    return f"{receipt.filename} was removed. It stays on record."


@action
def detach(request: HttpRequest, member: Membership, *, public_id: str) -> str:
    """Take it off the transaction that the form names."""
    receipt = find(queries.receipts(member), public_id)
    receipts.take_off(receipt, _named(request, member), actor=member, at=timezone.now())
    return f"{receipt.filename} was taken off."


@action
def attach(request: HttpRequest, member: Membership, *, public_id: str) -> str:
    """Put it on the transaction that the form names."""
    receipt = find(queries.receipts(member), public_id)
    receipts.put_on(receipt, _named(request, member), actor=member, at=timezone.now())
    return f"{receipt.filename} was attached."


def _named(request: HttpRequest, member: Membership) -> Transaction:
    """The transaction of a form. Raises `Invalid` where this member knows no such one."""
    purchase: Transaction | None = queries.visible(member).filter(public_id=request.POST.get("transaction", "")).first()
    if purchase is None:
        raise errors.Invalid("Choose a transaction.", field="transaction")
    require("transactions.describe", member, purchase)
    return purchase


def _upload_all(request: HttpRequest, keep: Callable[[documents.Document, str], Receipt], done: str, actor: Membership) -> None:
    """Each file of the form by itself, and what became of it."""
    files: Sequence[Any] = request.FILES.getlist("file")
    if not files:
        messages.error(request, "Choose a file first.")
    for uploaded in files:
        try:
            document, content = looked_at(uploaded)
            receipt = keep(document, receipts.store(content, company=actor.company))
        except errors.DomainError as error:
            messages.error(request, f"{uploaded.name}: {error.message}")
            continue
        messages.success(request, f"{document.filename} {done}.")
        if same := same_content(queries.shown([receipt], actor)[0]):
            messages.warning(request, f"{document.filename}: {same}")


def same_content(receipt: Receipt) -> str:
    """A sentence on where the same content is already, as far as the reader may see it; blank where it is nowhere. Of one `shown`."""
    twins: list[Receipt] = receipt.twins  # type: ignore[attr-defined]
    if not twins:
        return ""
    places = [place.transaction for twin in twins for place in twin.places]  # type: ignore[attr-defined]
    if not places:
        return f"you have the same content already, as {twins[0].filename}."
    first: Transaction = places[0]
    name = first.merchant.name if first.merchant else first.descriptor
    more = f" and {len(places) - 1} more" if len(places) > 1 else ""
    return f"the same content is attached to {name or 'a purchase'} of {locales.day(first.occurred_on)}, {first.amount.written()}{more}."
