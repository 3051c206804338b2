"""What an owner owes for a purchase that was rejected: asked for with the decision, kept in step with what comes back.

The caller holds the lock of the purchase.
"""

from __future__ import annotations

from datetime import datetime

from spendtrackr import events
from transactions.models import Repayment, RepaymentStatus, Transaction

GIVEN_BACK = "The merchant gave it back."


def outstanding_minor(purchase: Transaction, repayment: Repayment) -> int:
    """What the purchase came to by now, less what came back by the merchant and what its owner gave back; not below zero."""
    spent = purchase.captured_minor - purchase.refunded_minor - purchase.charged_back_minor
    return max(0, spent - repayment.repaid_minor)


def overpaid_minor(purchase: Transaction, repayment: Repayment) -> int:
    """What its owner gave back beyond what the purchase came to, because the merchant gave something back later: theirs again."""
    spent = purchase.captured_minor - purchase.refunded_minor - purchase.charged_back_minor
    return min(repayment.repaid_minor, max(0, repayment.repaid_minor - spent))


def ask(purchase: Transaction, *, at: datetime) -> None:
    """Ask the owner for it, once more where it came back to life. What is still on hold is asked for when it clears."""
    assert purchase.member is not None
    repayment = Repayment.objects.filter(transaction=purchase).first() or Repayment(transaction=purchase, member=purchase.member)
    repayment.status, repayment.opened_at = RepaymentStatus.OPEN, at
    repayment.reason, repayment.ended_by, repayment.ended_at = "", None, None
    repayment.save()
    _record("opened", repayment, purchase, at=at)
    follow(purchase, at=at)


def follow(purchase: Transaction, *, at: datetime) -> None:
    """The merchant collected, or gave something back: what is owed may be settled by that, or not any more."""
    repayment = Repayment.objects.filter(transaction=purchase).first()
    if repayment is None:
        return
    is_owed = bool(outstanding_minor(purchase, repayment) or purchase.held_minor)
    if repayment.status == RepaymentStatus.OPEN and not is_owed:
        end(repayment, RepaymentStatus.REPAID if repayment.repaid_minor else RepaymentStatus.WAIVED, at=at)
        _record(str(repayment.status), repayment, purchase, at=at)
    elif is_owed and _may_come_back(repayment):
        repayment.status, repayment.reason, repayment.ended_by, repayment.ended_at = RepaymentStatus.OPEN, "", None, None
        repayment.save(update_fields=["status", "reason", "ended_by", "ended_at"])
        _record("opened", repayment, purchase, at=at)


def _may_come_back(repayment: Repayment) -> bool:
    """What was repaid is owed again when the merchant takes something after all. What a person waived stays waived."""
    was_waived = repayment.status == RepaymentStatus.WAIVED
    return repayment.status == RepaymentStatus.REPAID or (was_waived and repayment.ended_by_id is None)


def end(repayment: Repayment, status: RepaymentStatus, *, at: datetime) -> None:
    """Settled by what came back; nobody decided that."""
    repayment.status, repayment.ended_at = status, at
    repayment.reason = GIVEN_BACK if status == RepaymentStatus.WAIVED else ""
    repayment.save(update_fields=["status", "reason", "ended_at"])


def _record(what: str, repayment: Repayment, purchase: Transaction, *, at: datetime) -> None:
    events.record(f"repayment.{what}", repayment, actor=None, at=at, transaction=purchase.public_id, member=repayment.member.public_id)
