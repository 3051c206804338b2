"""Papers and permission: approvals are about what is there and with those who may give them, and receipts have their files."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from django.core.files.storage import default_storage
from django.db.models import Count, F, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from reports.verification.walking import NOBODY, PART, Told, confirmed, hanging_on, listed, parts
from spendtrackr.tenancy import TenantModel
from transactions import policies, queries
from transactions.chasing import UNFINISHED
from transactions.models import (
    OPEN_KEY,
    Approval,
    ApprovalDecision,
    ApprovalState,
    ApprovalStatus,
    ApprovalStep,
    Assignment,
    Attachment,
    Outcome,
    Receipt,
    Split,
    StepStatus,
    Transaction,
)
from transactions.operations import steps
from transactions.operations.approvals import seen_as
from transactions.routing import organisation

_DECIDED = {ApprovalState.WAITING, ApprovalState.APPROVED, ApprovalState.REJECTED, ApprovalState.CHANGES_REQUESTED}
# What a transaction may be after an approval of this status, where that is not just the same.
_AFTER = {
    ApprovalStatus.VOID: {ApprovalState.OPEN, ApprovalState.NONE},
    # What was refused may come to nothing at the merchant.
    ApprovalStatus.CHANGES_REQUESTED: {ApprovalState.CHANGES_REQUESTED, ApprovalState.NONE},
    ApprovalStatus.REJECTED: {ApprovalState.REJECTED, ApprovalState.NONE},
}


def approvals(told: Told = NOBODY) -> Iterator[str]:
    """Each transaction is where its latest approval left it, every yes was one's to give, and nobody approved their own."""
    for part in parts(Transaction.objects.all(), told=told):
        yield from confirmed(_approvals, part)


def _approvals(part: QuerySet[Transaction]) -> Iterator[str]:
    rows = listed(part, "public_id", "approval", "member_id", "amount_minor", "currency", "category_id", "memo", "no_receipt_reason")
    found: dict[int, list[Any]] = defaultdict(list)
    asked = ("public_id", "transaction_id", "status", "decided_by_id", "open_key", "seen")
    for approval in listed(hanging_on(Approval, transaction__in=part), *asked):
        found[approval.transaction_id].append(approval)
    open_ones = [pk for pk, approvals in found.items() if approvals[-1].open_key]
    papers, coded = _papers(open_ones), _parts_of(open_ones)
    for row in rows:
        yield from _approved(row, found[row.pk], papers[row.pk], coded[row.pk])
    yield from _own_decisions(part)


def _own_decisions(part: QuerySet[Transaction]) -> Iterator[str]:
    said = hanging_on(ApprovalDecision, approval__transaction__in=part)
    for public_id in said.filter(actor=F("approval__transaction__member")).order_by("pk").values_list("public_id", flat=True):
        yield f"decision {public_id} was made by the owner of the purchase"


def _papers(transactions: list[int]) -> dict[int, list[str | None]]:
    """The hashes of the receipts attached to each, in order."""
    found: dict[int, list[str | None]] = defaultdict(list)
    attached = hanging_on(Attachment, transaction_id__in=transactions).filter(attached_hash__isnull=False)
    for pk, attached_hash in attached.order_by("attached_hash").values_list("transaction_id", "attached_hash"):
        found[pk].append(attached_hash)
    return found


def _parts_of(transactions: list[int]) -> dict[int, list[Split]]:
    """The parts that each is split into, in order."""
    found: dict[int, list[Split]] = defaultdict(list)
    for part in hanging_on(Split, transaction_id__in=transactions).order_by("position"):
        found[part.transaction_id].append(part)
    return found


def _approved(row: Any, approvals: list[Any], papers: list[str | None], coded: list[Split]) -> Iterator[str]:
    for approval in approvals:
        if approval.decided_by_id and approval.decided_by_id == row.member_id:
            yield f"approval {approval.public_id} was decided by the owner of the purchase"
    if not approvals:
        if row.approval in _DECIDED:
            yield f"transaction {row.public_id} is {row.approval} without an approval"
        return
    latest = approvals[-1]
    if row.approval not in _AFTER.get(latest.status, {latest.status}):
        yield f"transaction {row.public_id} is {row.approval}, its approval {latest.status}"
    elif latest.open_key and latest.seen != seen_as(row, papers, coded):
        yield f"approval {latest.public_id} waits for a yes to what transaction {row.public_id} is not any more"


def approval_steps(told: Told = NOBODY) -> Iterator[str]:
    """What waits has one open step, which is with those whom the company as it stands makes it be with; what is approved was agreed to."""
    company = organisation()
    for part in parts(Approval.objects.all(), told=told):
        yield from confirmed(lambda some: _steps(some, company), part)


def _steps(part: QuerySet[Approval], company: Any) -> Iterator[str]:
    found: dict[int, list[ApprovalStep]] = defaultdict(list)
    for step in hanging_on(ApprovalStep, approval__in=part).order_by("pk"):
        found[step.approval_id].append(step)
    with_: dict[int, list[Any]] = defaultdict(list)
    for row in listed(hanging_on(Assignment, step__approval__in=part), "step_id", "slot", "member_id", "has_answered", "open_key"):
        with_[row.step_id].append(row)
    yes: dict[int, set[int]] = defaultdict(set)
    for decision in listed(hanging_on(ApprovalDecision, approval__in=part).filter(outcome=Outcome.APPROVED), "approval_id", "actor_id"):
        yes[decision.approval_id].add(decision.actor_id)
    for row in part.order_by("pk").values_list("pk", "public_id", "status", "decided_by_id", "transaction__member_id", named=True):
        yield from _route(row, found[row.pk], with_, yes[row.pk], company)


def _route(approval: Any, route: list[ApprovalStep], with_: dict[int, list[Any]], yes: set[int], company: Any) -> Iterator[str]:
    is_open = [step.status == StepStatus.WAITING for step in route].count(True)
    if is_open != (approval.status == ApprovalStatus.WAITING):
        yield f"approval {approval.public_id} is {approval.status} and has {is_open} open steps"
    left = [step.position for step in route if step.status != StepStatus.APPROVED]
    if left and approval.status == ApprovalStatus.APPROVED and approval.decided_by_id:
        yield f"approval {approval.public_id} is approved without step {left[0]}"
    for step in route:
        rows = with_[step.pk]
        if strangers := {row.member_id for row in rows if row.has_answered} - yes:
            yield f"step {step.position} of approval {approval.public_id} counts a yes that member {min(strangers)} never gave"
        there = {(row.slot, row.member_id) for row in rows if row.open_key}
        if step.open_key != OPEN_KEY:
            if there:
                yield f"step {step.position} of approval {approval.public_id} is over, and still with somebody"
            continue
        answered = {row.slot for row in rows if row.has_answered}
        if there != steps.wanted(step, approval.transaction__member_id, company, answered).keys():
            yield f"step {step.position} of approval {approval.public_id} is not with those whom its policy means"


def missing_items(told: Told = NOBODY) -> Iterator[str]:
    """What each purchase is said to miss is what the policy in force asks of it, unless the worker is to look at it anew."""
    waiting = Transaction.objects.filter(approval__in=UNFINISHED).exclude(chase_at__lte=timezone.now())
    for part in parts(waiting, told=told):
        yield from confirmed(_missing, part)
    for public_id in Transaction.objects.exclude(approval__in=UNFINISHED).exclude(missing="").values_list("public_id", flat=True)[:PART]:
        yield f"transaction {public_id} is said to miss something, and nobody has to add it"


def _missing(part: QuerySet[Transaction]) -> Iterator[str]:
    for purchase in part.select_related("member", "company").order_by("pk"):
        rules, facts = queries.rules_now(purchase.company), queries.facts_of(purchase)
        found = " ".join(policies.missing(facts, policies.judge(facts, rules).required)) if purchase.member_id else ""
        if purchase.missing != found:
            yield f"transaction {purchase.public_id} is said to miss {purchase.missing!r}; the policy says {found!r}"


def receipts(told: Told = NOBODY) -> Iterator[str]:
    """Each transaction counts the receipts attached to it and each receipt its transactions; what is attached is what was uploaded."""
    for part in parts(_counted(Transaction, "transaction"), told=told, size=PART):
        wrong = part.exclude(receipt_count=F("found")).order_by("pk")
        for public_id, counted, found in wrong.values_list("public_id", "receipt_count", "found"):
            yield f"transaction {public_id} counts {counted} receipts; {found} are attached"
    for part in parts(_counted(Receipt, "receipt"), told=told, size=PART):
        wrong = part.exclude(transaction_count=F("found")).order_by("pk")
        for public_id, counted, found in wrong.values_list("public_id", "transaction_count", "found"):
            yield f"receipt {public_id} counts {counted} transactions; it is attached to {found}"
    for part in parts(Attachment.objects.filter(attached_hash__isnull=False), told=told, size=PART):
        other = part.exclude(attached_hash=F("receipt__content_hash")).order_by("pk")
        for public_id in other.values_list("receipt__public_id", flat=True):
            yield f"receipt {public_id} is attached as another file than it is"
        for public_id in part.filter(receipt__removed_at__isnull=False).order_by("pk").values_list("receipt__public_id", flat=True):
            yield f"receipt {public_id} was removed, and is still attached"


def _counted(model: type[TenantModel], name: str) -> QuerySet[Any]:
    """The rows of a model with `found`: how many attachments there are of each."""
    of_one = (
        hanging_on(Attachment, **{name: OuterRef("pk")})
        .filter(attached_hash__isnull=False)
        .order_by()
        .values(name)
        .annotate(n=Count("pk"))
        .values("n")
    )
    return model.objects.annotate(found=Coalesce(Subquery(of_one), 0))


def receipt_files(told: Told = NOBODY) -> Iterator[str]:
    """The file of each receipt that was not removed is in the storage."""
    for part in parts(Receipt.objects.filter(removed_at=None), told=told):
        for receipt in listed(part, "public_id", "stored_as"):
            if not default_storage.exists(receipt.stored_as):
                yield f"receipt {receipt.public_id} has no file at {receipt.stored_as}"
