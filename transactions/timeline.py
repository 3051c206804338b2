"""What happened to a purchase, in the order of its happening and in words: network, papers, decisions, money that was paid back, words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from spendtrackr.money import Money
from transactions.models import (
    Approval,
    ApprovalDecision,
    Attachment,
    Comment,
    Message,
    MessageKind,
    Outcome,
    Payout,
    PayoutStatus,
    ReimbursementStatus,
    Repayment,
    RepaymentPart,
    RepaymentStatus,
    Transaction,
    TransactionSource,
)

_NETWORK = {
    MessageKind.AUTHORIZATION: "Approved on the card",
    MessageKind.INCREMENT: "More approved on the card",
    MessageKind.FINANCIAL: "Approved and collected at once",
    MessageKind.ADVICE: "Approved by the network in our stead",
    MessageKind.CAPTURE: "Collected by the merchant",
    MessageKind.FORCE_POST: "Collected without asking",
    MessageKind.REVERSAL: "Let go by the merchant",
    MessageKind.EXPIRY: "Let go: nobody collected it in time",
    MessageKind.REFUND: "Given back by the merchant",
    MessageKind.REFUND_REVERSAL: "Refund taken back",
    MessageKind.CHARGEBACK: "Came back by a dispute",
    MessageKind.CHARGEBACK_REVERSAL: "Dispute lost: taken again",
}


@dataclass(frozen=True, slots=True)
class Happening:
    """`who` is blank where nobody of the company did it."""

    at: datetime
    what: str
    who: str = ""
    note: str = ""


def happenings(purchase: Transaction) -> list[Happening]:
    """The oldest first."""
    told = [*_network(purchase), *_papers(purchase), *_decisions(purchase), *_paid_back(purchase), *_owed(purchase), *_said(purchase)]
    return sorted(told, key=lambda happening: happening.at)


def _network(purchase: Transaction) -> list[Happening]:
    messages = Message.objects.filter(transaction=purchase).order_by("pk")
    return [
        Happening(
            message.at,
            _NETWORK[MessageKind(message.kind)] if message.is_approved else "Declined",
            note=Money(message.amount_minor, purchase.currency).written(),
        )
        for message in messages
    ]


def _papers(purchase: Transaction) -> list[Happening]:
    rows = Attachment.objects.filter(transaction=purchase).select_related("receipt", "attached_by__user", "removed_by__user")
    told = []
    for row in rows:
        told.append(Happening(row.attached_at, "Receipt added", _name(row.attached_by), row.receipt.filename))
        if row.removed_at:
            told.append(Happening(row.removed_at, "Receipt removed", _name(row.removed_by), row.receipt.filename))
    return told


_OUTCOMES = {Outcome.APPROVED: "Approved", Outcome.CHANGES_REQUESTED: "Sent back", Outcome.REJECTED: "Rejected"}


def _decisions(purchase: Transaction) -> list[Happening]:
    told = []
    for approval in Approval.objects.filter(transaction=purchase).select_related("asked_by__user"):
        if approval.decided_at is not None and approval.decided_by_id is None:
            told.append(
                Happening(approval.decided_at, "Approved", note=f"by the policy: {approval.rule}" if approval.rule else "by the policy")
            )
        else:
            told.append(Happening(approval.asked_at, "Submitted", _name(approval.asked_by)))
    said = ApprovalDecision.objects.filter(approval__transaction=purchase).select_related("actor__user", "instead_of__user")
    for decision in said:
        instead = f" in place of {_name(decision.instead_of)}" if decision.instead_of else ""
        told.append(Happening(decision.at, _OUTCOMES[Outcome(decision.outcome)], f"{_name(decision.actor)}{instead}", decision.reason))
    return told


def _paid_back(claim: Transaction) -> list[Happening]:
    if claim.source != TransactionSource.CLAIM:
        return []
    told = [Happening(claim.claim_details.created_at, "Claimed", _name(claim.member))]
    for payout in Payout.objects.filter(transaction=claim).select_related("reimbursement__ended_by__user", "ended_by__user"):
        batch = payout.reimbursement
        if batch.status == ReimbursementStatus.PAID and payout.status != PayoutStatus.REMOVED and batch.ended_at:
            told.append(Happening(batch.ended_at, f"Paid back, {payout.amount.written()}", _name(batch.ended_by), batch.reference))
        if payout.status == PayoutStatus.FAILED and payout.ended_at:
            told.append(Happening(payout.ended_at, "The transfer came back", _name(payout.ended_by), payout.reason))
    return told


def _owed(purchase: Transaction) -> list[Happening]:
    """What its owner was asked for. That it is all back is told by its last part."""
    repayment = Repayment.objects.filter(transaction=purchase).select_related("ended_by__user", "member__user").first()
    if repayment is None:
        return []
    told = [Happening(repayment.opened_at, f"{_name(repayment.member)} was asked to repay it")]
    for part in RepaymentPart.objects.filter(repayment=repayment).select_related("recorded_by__user"):
        amount = Money(part.amount_minor, purchase.currency)
        told.append(Happening(part.at, f"Repaid, {amount.written()}", _name(part.recorded_by), part.reference))
    if repayment.status == RepaymentStatus.WAIVED and repayment.ended_at:
        told.append(Happening(repayment.ended_at, "Not to be repaid any more", _name(repayment.ended_by), repayment.reason))
    return told


def _said(purchase: Transaction) -> list[Happening]:
    rows = Comment.objects.filter(transaction=purchase).select_related("author__user")
    return [Happening(comment.at, "Comment", _name(comment.author), comment.text) for comment in rows]


def _name(member: object) -> str:
    return str(member.user.name) if member is not None else ""  # type: ignore[attr-defined]
