"""When something is missing: remind the owner by the policy's days, then freeze the card until the last item is there."""

from __future__ import annotations

from datetime import datetime

from companies.models import Company
from spendtrackr import events
from spendtrackr.retry import operation
from transactions import chasing, queries
from transactions.chasing import morning_after, next_time
from transactions.locks import lock_purchase
from transactions.models import Transaction
from transactions.operations import approvals
from transactions.policies import Reminders


@operation
def chase(purchase: Transaction, *, at: datetime) -> bool:
    """One purchase whose time has come. What it misses is looked at anew, since the policy may be another by now.

    Locks: the card, the transaction. False where somebody else, or its owner, was faster.
    """
    purchase = lock_purchase(purchase)
    if purchase.chase_at is None or purchase.chase_at > at:
        return False
    company = purchase.company
    purchase.chase_at = None
    approvals.settle(purchase, at=at)
    if purchase.missing:
        reminders = queries.rules_now(company).reminders
        _remind(purchase, reminders, company, at=at)
        _freeze(purchase, reminders, company, at=at)
        purchase.chase_at = next_time(purchase, reminders, company)
    purchase.save(update_fields=chasing.FIELDS)
    return True


def _remind(purchase: Transaction, reminders: Reminders, company: Company, *, at: datetime) -> None:
    """Once, however many reminders are due by now."""
    due = sum(morning_after(purchase, days, company) <= at for days in reminders.missing_items_after)
    if due > purchase.reminded:
        events.record("items.reminded", purchase, actor=None, at=at, items=purchase.missing_items, times=due, **chasing.whose(purchase))
    purchase.reminded = max(due, purchase.reminded)


def _freeze(purchase: Transaction, reminders: Reminders, company: Company, *, at: datetime) -> None:
    days = reminders.freeze_after
    if days is None or purchase.overdue_since or morning_after(purchase, days, company) > at:
        return
    purchase.overdue_since = at
    events.record("items.overdue", purchase, actor=None, at=at, items=purchase.missing_items, **chasing.whose(purchase))
    chasing.freeze_cards(purchase, at=at)
