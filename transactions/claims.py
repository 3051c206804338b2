"""Book a claim with the yes to it, and take that back. The caller holds the claim's lock; then come budgets, funding account, rollups."""

from __future__ import annotations

from datetime import datetime

from spendtrackr import errors
from transactions import ledger, rollups, splits
from transactions.models import Account, EntryKind, Payout, Transaction, TransactionStatus
from transactions.purchases import Move


class BeingPaid(errors.InvalidState):
    """Somebody has put the claim into a batch of payouts, or paid it."""

    code = "being_paid"
    message = "This claim is being paid, or is paid already."


def is_gathered(claim: Transaction) -> bool:
    """Whether it is in a batch of payouts, or was paid by one. Whoever gathers it takes its lock, too."""
    return Payout.objects.filter(transaction=claim, live_key__isnull=False).exists()


def book(claim: Transaction, *, at: datetime) -> None:
    """The company owes it, and has spent it. Raises `OverBudget` where a hard budget has no room for a line."""
    claim.status, claim.captured_minor, claim.posted_on = TransactionStatus.POSTED, claim.amount_minor, claim.company.day_of(at)
    _post(claim, EntryKind.CLAIM, Move(Account.OWED, Account.SPENT, claim.amount_minor), at=at)


def take_back(claim: Transaction, *, at: datetime) -> None:
    """What was booked goes on the day that the yes goes. Raises `BeingPaid`."""
    if is_gathered(claim):
        raise BeingPaid
    claim.status, claim.captured_minor, claim.posted_on = TransactionStatus.PENDING, 0, None
    _post(claim, EntryKind.CLAIM_VOID, Move(Account.SPENT, Account.OWED, claim.amount_minor), at=at)


def _post(claim: Transaction, kind: EntryKind, move: Move, *, at: datetime) -> None:
    splits.request(claim, at=at)
    claim.save(update_fields=["status", "captured_minor", "posted_on"])
    account, day = ledger.funding_account(claim.currency), claim.company.day_of(at)
    entry = ledger.post(account, kind, [move], at=at, day=day, purchase=claim)
    rollups.add(splits.write_lines(entry, claim, [move]))
