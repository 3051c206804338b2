"""What a person writes on a transaction: its memo, and the category that it is booked to."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Sum

from companies.models import Category
from spendtrackr import events
from spendtrackr.retry import operation
from transactions import rollups, swipe_sql
from transactions.locks import lock_purchase
from transactions.models import Merchant, SpendLine, Transaction
from transactions.operations import approvals
from users.models import Membership


@operation
def describe(purchase: Transaction, changes: dict[str, Any], *, actor: Membership, at: datetime) -> Transaction:
    """Write a `memo` or choose a `category` (the row, or None); what is not named stays.

    A person's new category voids what was decided on the old one. Locks: the card, the transaction, then the rollups.
    """
    purchase = lock_purchase(purchase)
    before = purchase.category
    changed = {name: value for name, value in changes.items() if getattr(purchase, name) != value}
    if not changed:
        return purchase
    for name, value in changed.items():
        setattr(purchase, name, value)
    purchase.save(update_fields=[*changed])
    details: dict[str, Any] = {"changed": sorted(changed)}
    if "category" in changed:
        details |= {"before": before.public_id if before else None, "after": purchase.category.public_id if purchase.category else None}
    events.record("transaction.described", purchase, actor=actor, at=at, **details)
    if "category" in changed:
        approvals.void(purchase, because="category_changed", actor=actor, at=at)
        _remember(purchase, actor)
        _recode(purchase)
    approvals.settle(purchase, at=at)
    return purchase


def _remember(purchase: Transaction, actor: Membership) -> None:
    """A bookkeeper's choice is what this merchant gets from now on."""
    if purchase.merchant_id and actor.may("categories.change"):
        Merchant.objects.filter(pk=purchase.merchant_id).update(category=purchase.category)


def _recode(purchase: Transaction) -> None:
    """Take the lines back and write them anew under the new category, on their original days: the sums of the days stay."""
    lines = []
    for standing in _standing(purchase):
        amount, items = standing.pop("amount"), standing.pop("items")
        if standing["category_id"] == purchase.category_id or (amount, items) == (0, 0):
            continue
        lines.append(SpendLine(transaction=purchase, amount_minor=-amount, counts=-items, **standing))
        lines.append(SpendLine(transaction=purchase, amount_minor=amount, counts=items, **standing | {"category_id": purchase.category_id}))
    SpendLine.objects.bulk_create(lines)
    rollups.add(lines)


def _standing(purchase: Transaction) -> list[dict[str, Any]]:
    """What the lines of a purchase come to, by entry and all dimensions."""
    dimensions = ["entry_id", "day", "currency", "category_id", "department_id", "member_id", "card_id", "merchant_id"]
    sums = SpendLine.objects.filter(transaction=purchase).values(*dimensions)
    return list(sums.annotate(amount=Sum("amount_minor"), items=Sum("counts")).order_by("entry_id", "category_id"))


def default_category(merchant: Merchant, by_code: Category | None) -> Category | None:
    """What a new purchase is booked to until a person says otherwise.

    What a bookkeeper chose for this merchant; else what its merchant category code defaults to; else what the merchant got last.
    """
    if merchant.category and merchant.category.archived_at is None:
        return merchant.category
    return by_code or last_category(merchant)


def last_category(merchant: Merchant) -> Category | None:
    """What the merchant's latest purchase is booked to: one step on the index of its purchases, however many there are."""
    return Category.objects.filter(pk__in=[swipe_sql.last_category_id(merchant)], archived_at=None).first()
