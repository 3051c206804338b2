"""Receipts: upload a document, put it on purchases, take it off again. The row says where the file is; the file itself is never changed.

Locks: the receipt, then the cards and purchases that it is put on or taken off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from django.db import IntegrityError, transaction

from companies.models import Company
from spendtrackr import errors, events
from spendtrackr.permissions import require
from spendtrackr.retry import operation
from spendtrackr.storage import keep_file
from transactions.documents import Document
from transactions.locks import lock_purchase, lock_purchases
from transactions.models import Attachment, Receipt, Transaction, TransactionStatus
from transactions.operations import approvals
from users.models import Membership

MOST_RECEIPTS, MOST_TRANSACTIONS = 20, 50


class AlreadyAttached(errors.InvalidState):
    code = "already_attached"
    message = "This file is attached to this transaction already."


@dataclass(frozen=True, slots=True)
class Said:
    """What is on a receipt, as far as its uploader says. An amount, in minor units above zero, has a currency; None and blank: not said."""

    amount_minor: int | None = None
    currency: str = ""
    spent_on: date | None = None
    merchant_name: str = ""


NOTHING_SAID = Said()


def store(content: bytes, *, company: Company) -> str:
    """Keep the file before there is a row for it, and answer where. Raises `Unavailable`."""
    return keep_file(content, below=f"receipts/{company.public_id}")


@operation
def upload(document: Document, stored_as: str, *, said: Said = NOTHING_SAID, actor: Membership, at: datetime) -> Receipt:
    """Into the uploader's inbox, on no purchase yet."""
    receipt = _insert(document, stored_as, said, actor=actor, at=at)
    events.record("receipt.uploaded", receipt, actor=actor, at=at)
    return receipt


@operation
def attach(
    purchase: Transaction, document: Document, stored_as: str, *, said: Said = NOTHING_SAID, actor: Membership, at: datetime
) -> Receipt:
    """Upload a document straight to a purchase. Raises as `put_on` does; then nothing was uploaded."""
    # A new receipt is nobody else's yet, and needs no lock.
    purchase = lock_purchase(purchase)
    _must_have_room(purchase)
    receipt = _insert(document, stored_as, said, actor=actor, at=at)
    _put_on(receipt, purchase, actor=actor, at=at)
    return receipt


def _insert(document: Document, stored_as: str, said: Said, *, actor: Membership, at: datetime) -> Receipt:
    return Receipt.objects.create(
        filename=document.filename,
        content_type=document.content_type,
        size=document.size,
        content_hash=document.content_hash,
        stored_as=stored_as,
        uploaded_by=actor,
        uploaded_at=at,
        **asdict(said),
    )


@operation
def put_on(receipt: Receipt, purchase: Transaction, *, actor: Membership, at: datetime) -> Receipt:
    """Attach a receipt that is there to one more purchase.

    Raises `InvalidState` for a declined one, for one too many on either side, for a removed receipt, and for the same file again.
    """
    receipt = _locked(receipt)
    if receipt.transaction_count >= MOST_TRANSACTIONS:
        raise errors.InvalidState(f"A receipt is attached to at most {MOST_TRANSACTIONS} transactions.")
    purchase = lock_purchase(purchase)
    _must_have_room(purchase)
    _put_on(receipt, purchase, actor=actor, at=at)
    return receipt


def _locked(receipt: Receipt) -> Receipt:
    """Read again: what was read before the lock may be a moment old."""
    receipt = Receipt.objects.select_for_update().get(pk=receipt.pk)
    if receipt.removed_at is not None:
        raise errors.InvalidState("This receipt was removed already.")
    return receipt


def _must_have_room(purchase: Transaction) -> None:
    if purchase.status == TransactionStatus.DECLINED:
        raise errors.InvalidState("This purchase was declined: there is nothing to prove.")
    if purchase.receipt_count >= MOST_RECEIPTS:
        raise errors.InvalidState(f"A transaction has at most {MOST_RECEIPTS} receipts.")


def _put_on(receipt: Receipt, purchase: Transaction, *, actor: Membership, at: datetime) -> None:
    """The constraint decides whether the file is attached already, also as another receipt."""
    try:
        with transaction.atomic():
            Attachment.objects.create(
                receipt=receipt, transaction=purchase, attached_hash=receipt.content_hash, attached_by=actor, attached_at=at
            )
    except IntegrityError as error:
        raise AlreadyAttached from error
    _count(receipt, purchase, 1)
    events.record("receipt.added", receipt, actor=actor, at=at, transaction=purchase.public_id)
    approvals.papers_changed(purchase, removed=False, actor=actor, at=at)


@operation
def take_off(receipt: Receipt, purchase: Transaction, *, actor: Membership, at: datetime) -> Receipt:
    """Detach a receipt from a purchase: on none, it is back in its uploader's inbox. Raises `InvalidState` when it is off already."""
    receipt, purchase = _locked(receipt), lock_purchase(purchase)
    _take_off(receipt, purchase, actor=actor, at=at)
    return receipt


def _take_off(receipt: Receipt, purchase: Transaction, *, actor: Membership, at: datetime) -> None:
    attached = Attachment.objects.filter(receipt=receipt, transaction=purchase, attached_hash__isnull=False)
    if attached.update(attached_hash=None, removed_by=actor, removed_at=at) != 1:
        raise errors.InvalidState("This receipt is not attached to this transaction.")
    _count(receipt, purchase, -1)
    events.record("receipt.removed", receipt, actor=actor, at=at, transaction=purchase.public_id)
    approvals.papers_changed(purchase, removed=True, actor=actor, at=at)


@operation
def remove(receipt: Receipt, *, actor: Membership, at: datetime) -> Receipt:
    """Take it off every purchase, and out of the inbox. Rows and file stay on record.

    Raises `Forbidden` unless the actor may take it off each of its purchases, `InvalidState` when it was removed already.
    """
    receipt = _locked(receipt)
    purchases = lock_purchases(_purchases_of(receipt))
    if not purchases:
        require("transactions.describe", actor, receipt)
    for purchase in purchases:
        require("transactions.describe", actor, purchase)
    for purchase in purchases:
        _take_off(receipt, purchase, actor=actor, at=at)
    receipt.removed_by, receipt.removed_at = actor, at
    receipt.save(update_fields=["removed_by", "removed_at"])
    events.record("receipt.discarded", receipt, actor=actor, at=at)
    return receipt


def _purchases_of(receipt: Receipt) -> Sequence[Transaction]:
    attached = Attachment.objects.filter(receipt=receipt, attached_hash__isnull=False).select_related("transaction__card")
    return [attachment.transaction for attachment in attached]


@operation
def describe(receipt: Receipt, changes: dict[str, Any], *, actor: Membership, at: datetime) -> Receipt:
    """Say what is on it: the fields of `Said` that `changes` names. Nothing that was decided depends on it."""
    receipt = _locked(receipt)
    changed = {name: value for name, value in changes.items() if getattr(receipt, name) != value}
    if not changed:
        return receipt
    for name, value in changed.items():
        setattr(receipt, name, value)
    receipt.save(update_fields=list(changed))
    events.record("receipt.described", receipt, actor=actor, at=at, changed=sorted(changed))
    return receipt


def _count(receipt: Receipt, purchase: Transaction, change: int) -> None:
    """Both are locked, or new."""
    receipt.transaction_count += change
    receipt.save(update_fields=["transaction_count"])
    purchase.receipt_count += change
    purchase.save(update_fields=["receipt_count"])
