"""Pay claims: gather approved ones in a batch, mark it paid once, take back what failed.

Locks: the batch, its claims by id, then the funding account. A claim is in one live payout at a time: the constraint decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime

from django.db import IntegrityError, transaction

from spendtrackr import errors, events
from spendtrackr.money import Money
from spendtrackr.retry import operation
from transactions import ledger, queries
from transactions.models import (
    LIVE_KEY,
    Account,
    Entry,
    EntryKind,
    FundingAccount,
    PaidFrom,
    Payout,
    PayoutStatus,
    Posting,
    Reimbursement,
    ReimbursementStatus,
    Transaction,
)
from transactions.operations.accounts import NotAvailable
from transactions.purchases import Move
from users.models import Membership

MOST_PAYOUTS = 500


@operation
def gather(
    currency: str, claims: Sequence[Transaction] | None = None, *, until: date | None = None, actor: Membership, at: datetime
) -> Reimbursement:
    """A batch of these claims, or of all that wait to be paid, spent on a day or before: at most 500, the oldest first.

    Raises `Invalid` naming the place of a claim that cannot be paid, `InvalidState` where there is none.
    """
    rows = queries.payable().filter(currency=currency)
    rows = rows.filter(occurred_on__lte=until) if until else rows
    wanted = None if claims is None else [claim.pk for claim in claims]
    if wanted is not None:
        rows = rows.filter(pk__in=wanted)
    oldest = list(rows[:MOST_PAYOUTS].values_list("pk", flat=True))
    found = list(Transaction.objects.filter(pk__in=oldest).select_for_update().order_by("pk"))
    # Under their locks: what was read before may be gathered, or taken back, by now.
    still = set(queries.payable().filter(pk__in=[claim.pk for claim in found]).values_list("pk", flat=True))
    for place, pk in enumerate(wanted or ()):
        if pk not in still:
            raise errors.Invalid("This claim is not approved, is being paid, or is in another currency.", field=f"claims.{place}")
    if not still:
        raise errors.InvalidState("No approved claim waits to be paid.")
    batch = Reimbursement.objects.create(currency=currency, created_by=actor, created_at=at)
    payouts = [
        Payout(reimbursement=batch, transaction=claim, member=claim.member, amount_minor=claim.amount_minor, live_key=LIVE_KEY)
        for claim in found
        if claim.pk in still
    ]
    _insert(payouts)
    events.record(
        "reimbursement.gathered", batch, actor=actor, at=at, payouts=len(payouts), minor=_sum(payouts), currency=currency
    )  # fmt: skip
    return batch


def _insert(payouts: list[Payout]) -> None:
    try:
        with transaction.atomic():
            Payout.objects.bulk_create(payouts)
    except IntegrityError as error:
        raise errors.InvalidState("Somebody else has gathered one of these claims a moment ago.") from error


def _sum(payouts: Iterable[Payout]) -> int:
    return sum(payout.amount_minor for payout in payouts)


@operation
def remove(payout: Payout, *, actor: Membership, at: datetime) -> Reimbursement:
    """Take one claim out of a batch that is not paid yet; it may be gathered again."""
    batch = _locked(payout.reimbursement, "taken out of")
    if _end(Payout.objects.filter(pk=payout.pk), PayoutStatus.REMOVED, actor=actor, at=at) != 1:
        raise errors.InvalidState("It was taken out already.")
    events.record("payout.removed", payout, actor=actor, at=at, reimbursement=batch.public_id, transaction=payout.transaction.public_id)
    return batch


@operation
def cancel(batch: Reimbursement, *, actor: Membership, at: datetime) -> Reimbursement:
    """Pay none of it; its claims may be gathered again."""
    batch = _locked(batch, "cancelled")
    _end(Payout.objects.filter(reimbursement=batch), PayoutStatus.REMOVED, actor=actor, at=at)
    batch.status, batch.ended_by, batch.ended_at = ReimbursementStatus.CANCELLED, actor, at
    batch.save(update_fields=["status", "ended_by", "ended_at"])
    events.record("reimbursement.cancelled", batch, actor=actor, at=at)
    return batch


@operation
def pay(batch: Reimbursement, *, paid_from: PaidFrom, reference: str, actor: Membership, at: datetime) -> Reimbursement:
    """Mark it paid, once. From the balance the money must be there, credit aside.

    Raises `InvalidState` for one that is paid or cancelled already, or holds no payout; `NotAvailable` where the balance is not enough.
    """
    batch = _locked(batch, "paid")
    payouts = list(queries.payouts(batch).filter(status=PayoutStatus.READY))
    if not payouts:
        raise errors.InvalidState("There is no payout in it.")
    Payout.objects.filter(pk__in=[payout.pk for payout in payouts]).update(status=PayoutStatus.PAID, ended_by=actor, ended_at=at)
    batch.status, batch.paid_from, batch.reference = ReimbursementStatus.PAID, paid_from, reference
    batch.ended_by, batch.ended_at = actor, at
    batch.save(update_fields=["status", "paid_from", "reference", "ended_by", "ended_at"])
    members = sorted({payout.member.public_id for payout in payouts})
    events.record("reimbursement.paid", batch, actor=actor, at=at, members=members, minor=_sum(payouts), currency=batch.currency)
    source = Account.AVAILABLE if paid_from == PaidFrom.BALANCE else Account.EXTERNAL
    _post(batch, payouts, _PAID[paid_from], source, Account.OWED, at=at)
    return batch


@operation
def fail(payout: Payout, *, reason: str, actor: Membership, at: datetime) -> Payout:
    """The transfer came back: the money is where it was, and the claim may be gathered again. Raises `InvalidState`, unless it was paid."""
    if not reason.strip():
        raise errors.Invalid("Say why, as your bank does.", field="reason", code="required")
    batch = Reimbursement.objects.select_for_update().get(pk=payout.reimbursement_id)
    paid = Payout.objects.filter(pk=payout.pk, status=PayoutStatus.PAID)
    if _end(paid, PayoutStatus.FAILED, actor=actor, at=at, reason=reason.strip()) != 1:
        raise errors.InvalidState("Only a payout that was paid can fail, and only once.")
    payout = queries.payouts(batch).get(pk=payout.pk)
    told = {"reimbursement": batch.public_id, "transaction": payout.transaction.public_id, "member": payout.member.public_id}
    events.record("payout.failed", payout, actor=actor, at=at, **told)
    target = Account.AVAILABLE if batch.paid_from == PaidFrom.BALANCE else Account.EXTERNAL
    _post(batch, [payout], _FAILED[PaidFrom(batch.paid_from)], Account.OWED, target, at=at)
    return payout


_PAID = {PaidFrom.BANK: EntryKind.PAYOUT, PaidFrom.BALANCE: EntryKind.BALANCE_PAYOUT}
_FAILED = {PaidFrom.BANK: EntryKind.PAYOUT_FAILED, PaidFrom.BALANCE: EntryKind.BALANCE_PAYOUT_FAILED}


def _locked(batch: Reimbursement, done: str) -> Reimbursement:
    batch = Reimbursement.objects.select_for_update().get(pk=batch.pk)
    if batch.status != ReimbursementStatus.OPEN:
        raise errors.InvalidState(f"It is {batch.get_status_display().lower()}, and cannot be {done} any more.")
    return batch


def _end(payouts: object, status: PayoutStatus, *, actor: Membership, at: datetime, reason: str = "") -> int:
    """Those that stand: one conditional UPDATE. Answers how many."""
    live = payouts.filter(live_key__isnull=False)  # type: ignore[attr-defined]
    changed: int = live.update(status=status, live_key=None, ended_by=actor, ended_at=at, reason=reason)
    return changed


def _post(batch: Reimbursement, payouts: Sequence[Payout], kind: EntryKind, source: Account, target: Account, *, at: datetime) -> None:
    """An entry for each claim, and the balances once, at the very end."""
    account, day = ledger.funding_account(batch.currency), batch.company.day_of(at)
    moves = [Move(source, target, payout.amount_minor) for payout in payouts]
    entries = [
        ledger.new_entry(account, kind, [move], at=at, day=day, purchase=payout.transaction)
        for payout, move in zip(payouts, moves, strict=True)
    ]
    Entry.objects.insert_all(entries)
    Posting.objects.bulk_create(
        [row for entry, move in zip(entries, moves, strict=True) for row in ledger.postings_of(entry, account, [move])]
    )
    _move(account, Money(_sum(payouts), batch.currency), moves, must_be_covered=source == Account.AVAILABLE)


def _move(account: FundingAccount, amount: Money, moves: Sequence[Move], *, must_be_covered: bool) -> None:
    try:
        ledger.move_balances(account, ledger.net(moves), must_be_covered=must_be_covered, on_credit=False)
    except ledger.InsufficientFunds as error:
        account.refresh_from_db()
        if account.is_blocked:
            raise errors.CompanySuspended from error
        raise NotAvailable(amount, account.available, has_credit=account.credit_minor > 0) from error
