"""Receipts in the browser: download one, upload some."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.http import content_disposition_header

from spendtrackr import errors
from spendtrackr.permissions import find, require
from transactions import documents, queries
from transactions.models import Receipt, Transaction
from transactions.operations import receipts
from users.models import Membership
from users.views import action, page


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


@action
def upload(request: HttpRequest, member: Membership, *, public_id: str) -> None:
    """Attach each file by itself: one that is refused does not hold up the others."""
    purchase = find(queries.visible(member), public_id)
    require("transactions.describe", member, purchase)
    _attach_all(request, purchase, request.FILES.getlist("file"), actor=member)


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


def _attach_all(request: HttpRequest, purchase: Transaction, files: Sequence[Any], *, actor: Membership) -> None:
    if not files:
        messages.error(request, "Choose a file first.")
    for uploaded in files:
        try:
            document, content = looked_at(uploaded)
            stored_as = receipts.store(content, company=actor.company)
            receipts.attach(purchase, document, stored_as, actor=actor, at=timezone.now())
        except errors.DomainError as error:
            messages.error(request, f"{uploaded.name}: {error.message}")
        else:
            messages.success(request, f"{document.filename} was attached.")
