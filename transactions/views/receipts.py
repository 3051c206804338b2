"""Receipts in the browser: download one, upload some."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.http import content_disposition_header, url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from spendtrackr import errors
from spendtrackr.permissions import require
from transactions import documents, queries
from transactions.models import Receipt, Transaction
from transactions.operations import receipts
from users.models import Membership
from users.views import page


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
    return download(_found(queries.receipts(member), public_id))


@require_POST
def upload(request: HttpRequest, *, public_id: str) -> HttpResponse:
    """Attach each file by itself: one that is refused does not hold up the others."""
    member: Membership | None = getattr(request, "membership", None)
    if member is None:
        return redirect("sign-in")
    purchase = _found(queries.visible(member), public_id)
    require("transactions.describe", member, purchase)
    member.require_writable()
    _attach_all(request, purchase, request.FILES.getlist("file"), actor=member)
    return redirect(_next(request))


# What `tests/routes.py` reads of a page that is not for GET.
upload.methods = frozenset({"POST"})  # type: ignore[attr-defined]


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


def _found(rows: QuerySet[Any], public_id: str) -> Any:
    found: Model | None = rows.filter(public_id=public_id).first()
    if found is None:
        raise errors.Missing
    return found


def _next(request: HttpRequest) -> str:
    """Where the form says to go on, if that is here; else the transactions."""
    target = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure())
    return target if is_ours and target.startswith("/") else reverse("transactions")
