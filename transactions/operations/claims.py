"""Claims: money that somebody paid themselves. Made, changed and cancelled by whoever paid; a yes books them (`transactions.claims`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal

from spendtrackr import errors, events
from spendtrackr.money import Money, exponent
from spendtrackr.periods import noon
from spendtrackr.retry import operation
from transactions import chasing, merchants, queries, splits
from transactions.locks import lock_purchase, share_books
from transactions.models import ApprovalState, Claim, Split, Transaction, TransactionSource, TransactionStatus
from transactions.operations import approvals, coding
from users.models import Membership

# What the sum of a claim may come to.
MAX_MINOR = 10**12
MOST_LINES = 50


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody claims. The `lines` (`Split` rows, not saved) add up to `amount`; `rate` is given where that is another currency."""

    spent_on: date
    amount: Money
    merchant_name: str
    memo: str
    lines: Sequence[Split]
    rate: Decimal | None = None


@operation
def make(wish: Wish, *, actor: Membership, at: datetime) -> Transaction:
    """A new claim, not submitted yet. Raises `Invalid` naming the field."""
    company = actor.company
    purchase = Transaction(
        source=TransactionSource.CLAIM, status=TransactionStatus.PENDING, member=actor, department=actor.department,
        currency=company.currency, amount_minor=0, approval=ApprovalState.OPEN, occurred_at=at, occurred_on=company.day_of(at),
    )  # fmt: skip
    _write(purchase, wish, actor=actor, at=at)
    purchase.save(force_insert=True)
    Claim.objects.create(transaction=purchase, rate=_written(wish.rate), created_at=at)
    _split(purchase, wish.lines, at=at)
    chasing.look(purchase, queries.facts_of(purchase), queries.rules_now(company), company, at=at)
    purchase.save()
    events.record("claim.made", purchase, actor=actor, at=at, minor=purchase.amount_minor, currency=purchase.currency)
    return purchase


@operation
def change(purchase: Transaction, wish: Wish, *, actor: Membership, at: datetime) -> Transaction:
    """Write it anew, before anybody has said yes; a request for one is taken back. Raises `InvalidState` once it is decided for good.

    Of one that was booked and taken back, what that left behind moves too: `BooksClosed`, where some of it is closed.
    """
    purchase = lock_purchase(purchase)
    if purchase.approval not in CHANGEABLE or purchase.status != TransactionStatus.PENDING:
        raise errors.InvalidState(f"It is {purchase.get_approval_display().lower()}, and cannot be changed any more.")
    closed_through = share_books()
    approvals.void(purchase, because="claim_changed", actor=actor, at=at)
    _write(purchase, wish, actor=actor, at=at)
    _split(purchase, wish.lines, at=at)
    purchase.save()
    Claim.objects.filter(transaction=purchase).update(rate=_written(wish.rate))
    splits.recode(purchase, closed_through=closed_through, field="lines")
    events.record("claim.changed", purchase, actor=actor, at=at, minor=purchase.amount_minor, currency=purchase.currency)
    approvals.settle(purchase, at=at)
    return purchase


CHANGEABLE = {ApprovalState.OPEN, ApprovalState.WAITING, ApprovalState.CHANGES_REQUESTED}


@operation
def cancel(purchase: Transaction, *, actor: Membership, at: datetime) -> Transaction:
    """Take it back altogether, also after a yes, but not once it is being paid. Raises `InvalidState`."""
    purchase = lock_purchase(purchase)
    if purchase.approval == ApprovalState.REJECTED or purchase.status not in {TransactionStatus.PENDING, TransactionStatus.POSTED}:
        raise errors.InvalidState("There is nothing to take back any more.")
    approvals.void(purchase, because="cancelled", actor=actor, at=at)
    purchase.status = TransactionStatus.REVERSED
    purchase.save(update_fields=["status"])
    approvals.come_to_nothing(purchase, at=at)
    events.record("claim.cancelled", purchase, actor=actor, at=at)
    return purchase


def _write(purchase: Transaction, wish: Wish, *, actor: Membership, at: datetime) -> None:
    company = actor.company
    if wish.spent_on > company.day_of(at):
        raise errors.Invalid("That day has not come yet.", field="spent_on")
    for place, line in enumerate(wish.lines):
        if line.spent_on and line.spent_on > company.day_of(at):
            raise errors.Invalid("That day has not come yet.", field=f"lines.{place}.spent_on")
    amount = _converted(wish, company.currency)
    purchase.amount_minor = amount.minor
    is_foreign = wish.amount.currency != company.currency
    purchase.merchant_amount_minor = wish.amount.minor if is_foreign else None
    purchase.merchant_currency = wish.amount.currency if is_foreign else ""
    if wish.spent_on != purchase.occurred_on or purchase._state.adding:
        purchase.occurred_on, purchase.occurred_at = wish.spent_on, noon(wish.spent_on, company.zone_at(at))
    purchase.descriptor = merchants.clean_name(wish.merchant_name)
    purchase.merchant = merchants.find_or_add(wish.merchant_name)
    purchase.memo = wish.memo


def _converted(wish: Wish, currency: str) -> Money:
    """The amount in the company's currency, by the rate of the day that is given with it: half a minor unit is rounded up."""
    if wish.amount.currency == currency:
        if wish.rate is not None:
            raise errors.Invalid(f"The amount is in {currency} already.", field="rate")
        amount = wish.amount
    else:
        if wish.rate is None:
            raise errors.Invalid(f"Say how much {currency} one {wish.amount.currency} was worth that day.", field="rate", code="required")
        units = wish.amount.decimal * wish.rate * 10 ** exponent(currency)
        amount = Money(int(units.quantize(Decimal(1), ROUND_HALF_UP)), currency)
    if not 0 < amount.minor <= MAX_MINOR:
        raise errors.Invalid(f"A claim is more than nothing, and at most {Money(MAX_MINOR, currency).written()}.", field="amount")
    return amount


def _written(rate: Decimal | None) -> str:
    return "" if rate is None else format(rate.normalize(), "f")


def _split(purchase: Transaction, lines: Sequence[Split], *, at: datetime) -> None:
    """One line that draws from no budget of its own is the claim itself; more of them are its parts."""
    if not lines or len(lines) > MOST_LINES:
        raise errors.Invalid(f"A claim has one line or more, and at most {MOST_LINES}.", field="lines")
    coding.must_add_up(purchase, lines, name="lines")
    first = lines[0]
    is_plain = len(lines) == 1 and first.budget is None and not first.spent_on and not first.descriptor and not first.memo
    coding.write_parts(purchase, [] if is_plain else lines, at=at)
    if is_plain:
        purchase.category, purchase.department = first.category, first.department or purchase.department
        purchase.tax_code, purchase.tax_minor = first.tax_code, first.tax_minor
