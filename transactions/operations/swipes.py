"""Answer a swipe: decide it on locked rows, hold its money, and record it with every check that was made."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date

from django.db import transaction

from cards import controls, counters
from cards.controls import Check, Standing, Swipe
from cards.locks import lock_card
from cards.models import Card, CardControls, CardStatus, Freeze, LimitCounter
from companies.models import Company
from companies.queries import category_of_code
from spendtrackr import errors, events
from spendtrackr.retry import operation
from transactions import draws, ledger, merchants
from transactions.models import (
    ApprovalState,
    EntryKind,
    FundingAccount,
    Message,
    MessageKind,
    Transaction,
    TransactionSource,
    TransactionStatus,
)
from transactions.operations.coding import default_category
from transactions.purchases import Purchase, fold, moves_between
from users.models import Membership


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer to a swipe. The same swipe always gets the same answer."""

    transaction: Transaction
    message: Message

    @property
    def approved(self) -> bool:
        return bool(self.message.is_approved)

    @property
    def reason(self) -> str:
        """Why it was declined: the code of the first check that failed."""
        return str(self.transaction.decline_code)


class NetworkIdReused(errors.InvalidState):
    """Two different messages came with one id: neither may pass for the other."""

    code = "network_id_reused"
    message = "This network id belongs to another message."


@operation
def authorize(card: Card, swipe: Swipe) -> Decision:
    """Decide one swipe, once. Locks: the card, then (by the covering UPDATE) the funding account."""
    card = lock_card(card)
    if answered := _answer_to(card, swipe):
        return answered
    company: Company = card.company
    day = company.day_of(swipe.at)
    counter = counters.counter_for(card, day)
    rules = card.rules
    done = controls.checks(swipe, _standing(card, rules, counter, day))
    # An account suspended between this read and the commit is caught by the covering UPDATE.
    account = FundingAccount.objects.filter(currency=swipe.amount.currency).first()
    purchase = _new_transaction(card, swipe, day)
    is_allowed = controls.first_failure(done) is None
    if is_allowed and account:
        covered = [*done, _funds(account, swipe, outcome=True)]
        if message := _approve(card, purchase, swipe, covered, account=account, counter=counter):
            return Decision(purchase, message)
    # Read again: somebody spent the money, or suspended the company, since the first look.
    account = FundingAccount.objects.filter(currency=swipe.amount.currency).first()
    refused = _funds(account, swipe, outcome=False if is_allowed else None)
    return Decision(purchase, _decline(card, purchase, swipe, [*done, refused]))


def _answer_to(card: Card, swipe: Swipe) -> Decision | None:
    """The stored answer, if this message was here before. Raises `NetworkIdReused` for another message under its id."""
    seen = Message.objects.select_related("transaction").filter(connection=card.issuer, network_id=swipe.network_id).first()
    if seen is None:
        return None
    same = seen.kind == MessageKind.AUTHORIZATION and seen.transaction.card_id == card.pk and seen.amount_minor == swipe.amount.minor
    if not same or seen.transaction.currency != swipe.amount.currency:
        raise NetworkIdReused(field="network_id")
    return Decision(seen.transaction, seen)


def _standing(card: Card, rules: CardControls, counter: LimitCounter, day: date) -> Standing:
    holder: Membership = card.holder
    company: Company = card.company
    return Standing(
        company_active=company.is_active,
        member_active=holder.is_active,
        card_active=card.status == CardStatus.ACTIVE,
        card_expires_on=card.expires_on,
        frozen_by=tuple(Freeze.objects.filter(card=card, open_source__isnull=False).order_by("id").values_list("source", flat=True)),
        currency=card.currency,
        blocked_codes=tuple(rules.blocked_merchant_categories),
        allowed_codes=tuple(rules.allowed_merchant_categories),
        per_transaction_cap_minor=rules.per_transaction_cap_minor,
        monthly_limit_minor=rules.monthly_limit_minor,
        used_this_month_minor=counter.used_minor,
        today=day,
    )


def _new_transaction(card: Card, swipe: Swipe, day: date) -> Transaction:
    merchant = merchants.find_or_add(swipe.merchant_name, swipe.merchant_id)
    return Transaction(
        source=TransactionSource.CARD,
        card=card,
        member=card.holder,
        merchant=merchant,
        category=default_category(merchant, category_of_code(swipe.merchant_code)),
        department=card.holder.department,
        auto_approve_below_minor=card.company.auto_approve_below_minor,
        descriptor=merchants.clean_name(swipe.merchant_name),
        merchant_code=swipe.merchant_code,
        country=swipe.country,
        card_last4=card.last4,
        currency=swipe.amount.currency,
        amount_minor=swipe.amount.minor,
        occurred_at=swipe.at,
        occurred_on=day,
    )


def _approve(
    card: Card, purchase: Transaction, swipe: Swipe, done: list[Check], *, account: FundingAccount, counter: LimitCounter
) -> Message | None:
    """Hold the money and record all of it, or leave nothing behind and answer None when the account does not cover it."""
    try:
        with transaction.atomic():
            purchase.status, purchase.held_minor = TransactionStatus.PENDING, swipe.amount.minor
            purchase.approval = ApprovalState.OPEN
            purchase.save(force_insert=True)
            message = _record(card, purchase, swipe, done, is_approved=True)
            limit = card.rules.monthly_limit_minor
            draws.draw(message, counter, held_delta=swipe.amount.minor, posted_delta=0, limit=limit, is_approval=True)
            events.record("transaction.approved", purchase, actor=None, at=swipe.at, card=card.public_id)
            moves = moves_between(Purchase(), fold([message]))
            ledger.post(
                account, EntryKind.APPROVAL, moves, at=swipe.at, day=purchase.occurred_on, purchase=purchase, message=message,
                must_be_covered=True,
            )  # fmt: skip
    except ledger.InsufficientFunds:
        purchase.pk, purchase.held_minor, purchase.approval, purchase._state.adding = None, 0, ApprovalState.NONE, True
        return None
    return message


def _decline(card: Card, purchase: Transaction, swipe: Swipe, done: list[Check]) -> Message:
    failed = controls.first_failure(done)
    assert failed is not None
    purchase.status, purchase.decline_code = TransactionStatus.DECLINED, failed.decline
    purchase.save(force_insert=True)
    events.record("transaction.declined", purchase, actor=None, at=swipe.at, card=card.public_id, reason=failed.decline)
    return _record(card, purchase, swipe, done, is_approved=False)


def _record(card: Card, purchase: Transaction, swipe: Swipe, done: list[Check], *, is_approved: bool) -> Message:
    return Message.objects.create(
        transaction=purchase,
        connection=card.issuer,
        network_id=swipe.network_id,
        kind=MessageKind.AUTHORIZATION,
        amount_minor=swipe.amount.minor,
        is_approved=is_approved,
        checks=json.dumps([check.as_row() for check in done]),
        at=swipe.at,
    )


def _funds(account: FundingAccount | None, swipe: Swipe, *, outcome: bool | None) -> Check:
    """The check of the money. The covering UPDATE gives the outcome; None where another check had declined before it was asked."""
    room = account.available_minor + account.credit_minor if account else 0
    blocked = bool(account and account.is_blocked)
    passed = outcome if outcome is not None else not blocked and room >= swipe.amount.minor
    return controls.funds(swipe.amount.minor, available_minor=room, blocked=blocked, passed=passed)
