"""Receipts: attach a document to a purchase, take it off again. The row says where the file is; the file itself is never changed."""

from __future__ import annotations

import secrets
from datetime import datetime

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction

from companies.models import Company
from spendtrackr import errors, events
from spendtrackr.retry import operation
from transactions.documents import Document
from transactions.locks import lock_purchase
from transactions.models import Receipt, Transaction, TransactionStatus
from transactions.operations import approvals
from users.models import Membership

MOST_RECEIPTS = 20


class AlreadyAttached(errors.InvalidState):
    code = "already_attached"
    message = "This file is attached to this transaction already."


def store(content: bytes, *, company: Company) -> str:
    """Write the file, and answer where. Before any transaction, so that nobody waits for a disk or a network with a row locked.

    A file whose transaction rolls back is known to no row. It stays, and does no harm: nothing leads there. The name is random
    and says nothing of what is inside, so no web server that is pointed there by mistake would run or show it.
    """
    return default_storage.save(f"receipts/{company.public_id}/{secrets.token_hex(16)}", ContentFile(content))


@operation
def attach(purchase: Transaction, document: Document, stored_as: str, *, actor: Membership, at: datetime) -> Receipt:
    """Locks: the transaction. Raises `InvalidState` for a declined one, for one too many, and for the same file again."""
    purchase = lock_purchase(purchase)
    if purchase.status == TransactionStatus.DECLINED:
        raise errors.InvalidState("This purchase was declined: there is nothing to prove.")
    if purchase.receipt_count >= MOST_RECEIPTS:
        raise errors.InvalidState(f"A transaction has at most {MOST_RECEIPTS} receipts.")
    receipt = _insert(purchase, document, stored_as, actor=actor, at=at)
    _count(purchase, 1)
    events.record("receipt.added", receipt, actor=actor, at=at, transaction=purchase.public_id)
    approvals.papers_changed(purchase, removed=False, actor=actor, at=at)
    return receipt


def _insert(purchase: Transaction, document: Document, stored_as: str, *, actor: Membership, at: datetime) -> Receipt:
    """The constraint decides whether the file is attached already, also between two who send it at the same moment."""
    try:
        with transaction.atomic():
            return Receipt.objects.create(
                transaction=purchase,
                filename=document.filename,
                content_type=document.content_type,
                size=document.size,
                content_hash=document.content_hash,
                attached_hash=document.content_hash,
                stored_as=stored_as,
                uploaded_by=actor,
                uploaded_at=at,
            )
    except IntegrityError as error:
        raise AlreadyAttached from error


@operation
def remove(receipt: Receipt, *, actor: Membership, at: datetime) -> Receipt:
    """Take it off. Row and file stay on record. Locks: the transaction. Raises `InvalidState` when it is off already."""
    purchase = lock_purchase(receipt.transaction)
    attached = Receipt.objects.filter(pk=receipt.pk, attached_hash__isnull=False)
    # Asked of the row as it is now: what was read before the lock may be a moment old.
    if attached.update(attached_hash=None, removed_by=actor, removed_at=at) != 1:
        raise errors.InvalidState("This receipt was removed already.")
    _count(purchase, -1)
    events.record("receipt.removed", receipt, actor=actor, at=at, transaction=purchase.public_id)
    approvals.papers_changed(purchase, removed=True, actor=actor, at=at)
    receipt.refresh_from_db()
    return receipt


def _count(purchase: Transaction, change: int) -> None:
    purchase.receipt_count += change
    purchase.save(update_fields=["receipt_count"])
