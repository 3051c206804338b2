"""What owners give back for purchases that were rejected, all at once or in parts; or the company waives it.

Locks: the card, the purchase, the funding account, the rollups.
"""

from __future__ import annotations

from datetime import datetime

from spendtrackr import errors, events
from spendtrackr.money import Money
from spendtrackr.retry import operation
from transactions import ledger, rollups, splits
from transactions.locks import lock_purchase
from transactions.models import Account, EntryKind, Repayment, RepaymentPart, RepaymentStatus, Transaction
from transactions.purchases import Move
from transactions.repayments import outstanding_minor
from users.models import Membership


@operation
def receive(repayment: Repayment, amount: Money, *, reference: str = "", actor: Membership, at: datetime) -> Repayment:
    """Record that so much came back. Raises `InvalidState` where nothing is owed any more, `Invalid` for more than that."""
    repayment, purchase = _locked(repayment, actor)
    owed = Money(outstanding_minor(purchase, repayment), purchase.currency)
    if amount.currency != owed.currency:
        raise errors.Invalid(f"This is owed in {owed.currency}.", field="amount.currency")
    if not 0 < amount.minor <= owed.minor:
        raise errors.Invalid(f"{owed.written()} is owed: write an amount above zero, and no more than that.", field="amount")
    move, day = Move(Account.SPENT, Account.EXTERNAL, amount.minor), purchase.company.day_of(at)
    entry = ledger.post(ledger.funding_account(purchase.currency), EntryKind.REPAYMENT, [move], at=at, day=day, purchase=purchase)
    RepaymentPart.objects.create(
        repayment=repayment, entry=entry, amount_minor=amount.minor, reference=reference, recorded_by=actor, at=at
    )  # fmt: skip
    repayment.repaid_minor += amount.minor
    if amount == owed and not purchase.held_minor:
        repayment.status, repayment.ended_by, repayment.ended_at = RepaymentStatus.REPAID, actor, at
    repayment.save(update_fields=["repaid_minor", "status", "ended_by", "ended_at"])
    _record("repaid", repayment, purchase, actor=actor, at=at, minor=amount.minor, is_settled=repayment.status == RepaymentStatus.REPAID)
    rollups.add(splits.write_lines(entry, purchase, [move]))
    return repayment


@operation
def waive(repayment: Repayment, *, reason: str, actor: Membership, at: datetime) -> Repayment:
    """The company does without the rest. Raises `InvalidState` where nothing is owed, `Forbidden` for one's own."""
    repayment, purchase = _locked(repayment, actor)
    if not reason.strip():
        raise errors.Invalid("Say why.", field="reason", code="required")
    repayment.status, repayment.reason, repayment.ended_by, repayment.ended_at = RepaymentStatus.WAIVED, reason.strip(), actor, at
    repayment.save(update_fields=["status", "reason", "ended_by", "ended_at"])
    _record("waived", repayment, purchase, actor=actor, at=at)
    return repayment


def _locked(repayment: Repayment, actor: Membership) -> tuple[Repayment, Transaction]:
    """Nobody settles what they owe themselves."""
    if repayment.member_id == actor.pk:
        raise errors.Forbidden
    purchase = lock_purchase(repayment.transaction)
    repayment = Repayment.objects.get(pk=repayment.pk)
    if repayment.status != RepaymentStatus.OPEN:
        raise errors.InvalidState(f"This is {repayment.get_status_display().lower()} already.")
    return repayment, purchase


def _record(what: str, repayment: Repayment, purchase: Transaction, *, actor: Membership, at: datetime, **more: object) -> None:
    told = {"transaction": purchase.public_id, "member": repayment.member.public_id, **more}
    events.record(f"repayment.{what}", repayment, actor=actor, at=at, **told)
