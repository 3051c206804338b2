"""What a network tells besides requests: captures, reversals, refunds, in any order. Its entry is fold after minus fold before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from cards.locks import lock_budgets, lock_card
from cards.models import Card
from companies.queries import category_of_code
from spendtrackr import errors, events
from spendtrackr.money import Money
from spendtrackr.retry import again_if_taken, operation
from transactions import draws, ledger, merchants, repayments, rollups, splits
from transactions.models import (
    REQUESTS,
    ApprovalState,
    EntryKind,
    Message,
    MessageKind,
    Transaction,
    TransactionSource,
    TransactionStatus,
)
from transactions.operations import approvals
from transactions.operations.coding import default_category
from transactions.operations.swipes import NetworkIdReused
from transactions.purchases import STATE, Purchase, fold, moves_between, state_of
from users.models import Membership

# How long a merchant has to collect. Networks give 7 days for most purchases (Visa Core Rules; Mastercard Authorization Manual).
HOLD_DAYS = 7


@dataclass(frozen=True, slots=True)
class Clearing:
    """A message about a purchase. `amount_minor` None is all that there is: the hold, or what was captured and not refunded."""

    kind: MessageKind
    network_id: str
    at: datetime
    amount_minor: int | None = None
    is_final: bool = False


@dataclass(frozen=True, slots=True)
class Fact:
    """What the network tells of a purchase that it names by `ref`, known to us or not. `at` is its own instant."""

    kind: MessageKind
    network_id: str
    ref: str
    amount: Money
    at: datetime
    is_final: bool = False
    merchant_name: str = ""
    merchant_id: str = ""
    merchant_code: str = ""
    country: str = ""


@operation
def clear(purchase: Transaction, clearing: Clearing, *, actor: Membership | None) -> Transaction:
    """Apply one message about a purchase that we know, once. For a network that makes sense: the simulator's.

    Locks: the card, the transaction, its budgets, then the funding account and the rollups. Raises `InvalidState` where there is
    nothing left to capture, reverse or refund, `Invalid` for too large an amount.
    """
    if purchase.card is None:
        raise errors.InvalidState("This transaction was not made with a card.")
    card = lock_card(purchase.card)
    purchase = Transaction.objects.select_for_update().get(pk=purchase.pk)
    if seen := _seen(card, clearing.network_id):
        if (seen.transaction_id, seen.kind) != (purchase.pk, clearing.kind) or clearing.amount_minor not in {None, seen.amount_minor}:
            raise NetworkIdReused(field="network_id")
        return purchase
    messages = _messages(purchase)
    amount = _amount(fold(messages), clearing, purchase.currency)
    message = Message(
        connection=card.issuer, network_id=clearing.network_id, kind=clearing.kind, amount_minor=amount, is_final=clearing.is_final,
        at=clearing.at,
    )  # fmt: skip
    return _apply(card, purchase, messages, message, actor=actor)


def book(card: Card, fact: Fact, *, actor: Membership | None = None) -> Transaction:
    """Record what happened, once; never refused, whatever it does to a limit or a balance. Locks as `clear`.

    A purchase that is not known yet begins with it. Raises `NetworkIdReused`, and `Invalid` for a request, a foreign currency or a
    reference of another card.
    """
    if fact.kind in REQUESTS:
        raise errors.Invalid("A request is decided, not booked.", field="kind")
    if fact.amount.currency != card.currency:
        raise errors.Invalid(f"This card spends {card.currency}.", field="amount.currency")
    if (fact.amount.minor == 0) != (fact.kind == MessageKind.EXPIRY):
        raise errors.Invalid("Every message but an expiry has an amount above zero; an expiry has none.", field="amount.minor")
    # The same id or reference may come on another card at the same moment.
    return again_if_taken(_book, card, fact, actor=actor)


def _book(card: Card, fact: Fact, *, actor: Membership | None) -> Transaction:
    card = lock_card(card)
    known = Transaction.objects.select_for_update().filter(connection=card.issuer, network_ref=fact.ref).first()
    if known and known.card_id != card.pk:
        raise errors.Invalid("This reference belongs to a purchase of another card.", field="ref")
    if seen := _seen(card, fact.network_id):
        if (seen.transaction.network_ref, seen.kind, seen.amount_minor) != (fact.ref, fact.kind, fact.amount.minor):
            raise NetworkIdReused(field="network_id")
        return seen.transaction
    purchase = _named(known, fact) if known else _begin(card, fact)
    message = Message(
        connection=card.issuer, network_id=fact.network_id, kind=fact.kind, amount_minor=fact.amount.minor, is_final=fact.is_final,
        at=fact.at,
    )  # fmt: skip
    return _apply(card, purchase, _messages(purchase) if known else [], message, actor=actor)


def _seen(card: Card, network_id: str) -> Message | None:
    return Message.objects.select_related("transaction").filter(connection=card.issuer, network_id=network_id).first()


def _messages(purchase: Transaction) -> list[Message]:
    return list(Message.objects.filter(transaction=purchase).order_by("id"))


def _begin(card: Card, fact: Fact) -> Transaction:
    """A purchase of which nothing is known but this: it stands at nothing, until the fact is applied."""
    # Budgets come before new merchants, as in a swipe.
    lock_budgets(card.budget.chain if card.budget else "")
    merchant = merchants.find_or_add(fact.merchant_name, fact.merchant_id)
    from_code = category_of_code(fact.merchant_code)
    return Transaction.objects.create(
        source=TransactionSource.CARD,
        status=TransactionStatus.DECLINED,
        card=card,
        member=card.holder,
        merchant=merchant,
        category=default_category(merchant, from_code),
        department=card.holder.department,
        descriptor=merchants.clean_name(fact.merchant_name),
        merchant_code=fact.merchant_code,
        country=fact.country,
        card_last4=card.last4,
        currency=fact.amount.currency,
        amount_minor=fact.amount.minor,
        budget_id=card.budget_id,
        connection=card.issuer,
        network_ref=fact.ref,
        occurred_at=fact.at,
        occurred_on=card.company.day_of(fact.at),
    )


def _named(purchase: Transaction, fact: Fact) -> Transaction:
    """The purchase, with the merchant of the first message that names one. Spend that stands under no name stays there."""
    is_spent = purchase.captured_minor or purchase.refunded_minor or purchase.charged_back_minor
    if purchase.descriptor or is_spent or not merchants.clean_name(fact.merchant_name):
        return purchase
    lock_budgets(purchase.budget.chain if purchase.budget else "")
    purchase.merchant = merchants.find_or_add(fact.merchant_name, fact.merchant_id)
    purchase.descriptor = merchants.clean_name(fact.merchant_name)
    purchase.merchant_code, purchase.country = purchase.merchant_code or fact.merchant_code, purchase.country or fact.country
    purchase.category = purchase.category or default_category(purchase.merchant, category_of_code(purchase.merchant_code))
    purchase.save(update_fields=["merchant", "descriptor", "merchant_code", "country", "category"])
    return purchase


def _amount(before: Purchase, clearing: Clearing, currency: str) -> int:
    """The amount that was asked for, or all there is, after refusing what makes no sense."""
    if clearing.kind == MessageKind.EXPIRY:
        if before.held <= 0:
            raise errors.InvalidState("There is no open hold to expire.")
        return 0
    room, nothing_left = _ROOM[clearing.kind](before)
    # A capture may exceed its hold (a tip, a longer taxi ride) or come after it: that is a fact, and it is booked.
    if clearing.kind == MessageKind.CAPTURE and clearing.amount_minor is not None and before.is_known:
        return clearing.amount_minor
    if room <= 0:
        raise errors.InvalidState(nothing_left)
    amount = room if clearing.amount_minor is None else clearing.amount_minor
    if amount > room:
        raise errors.Invalid(f"At most {Money(room, currency).written()} can be taken back.", field="amount.minor")
    return amount


_ROOM: dict[MessageKind, Callable[[Purchase], tuple[int, str]]] = {
    MessageKind.CAPTURE: lambda p: (p.held, "There is no open hold to capture."),
    MessageKind.REVERSAL: lambda p: (p.held, "There is no open hold to reverse."),
    MessageKind.REFUND: lambda p: (
        p.spent,
        "Everything that was captured is refunded already." if p.captured else "Nothing was captured that could be refunded.",
    ),
    MessageKind.REFUND_REVERSAL: lambda p: (p.refunded, "There is no refund to take back."),
    MessageKind.CHARGEBACK: lambda p: (p.spent, "There is nothing left to dispute."),
    MessageKind.CHARGEBACK_REVERSAL: lambda p: (p.charged_back, "There is no chargeback to take back."),
}


def _apply(card: Card, purchase: Transaction, messages: list[Message], message: Message, *, actor: Membership | None) -> Transaction:
    message.transaction = purchase
    before, after = fold(messages), fold([*messages, message])
    message.save(force_insert=True)
    company = card.company
    purchase.company = company
    day, day_before, amount_before = company.day_of(message.at), purchase.occurred_on, purchase.amount_minor
    was_approved = purchase.approval == ApprovalState.APPROVED
    used_before = _gather(purchase, message) if purchase.is_split else {}
    state_of(purchase, after, company, before=before)
    # The counters open from what is in the database, so they come before the purchase is saved.
    drawn = draws.follow(card, purchase, message, before.share, after.share, day_before=day_before, is_approved=was_approved, at=message.at)
    purchase.save(update_fields=STATE)
    if purchase.is_split:
        splits.spread(purchase, message=message, drawn=replace(drawn, used_before={**drawn.used_before, **used_before}), at=message.at)
    else:
        draws.tell_of_thresholds(drawn.of_budgets, drawn.used_before, at=message.at)
    if purchase.approval == ApprovalState.REJECTED:
        repayments.follow(purchase, at=message.at)
    approvals.amount_changed(purchase, before_minor=amount_before, at=message.at)
    events.record(f"transaction.{EVENTS[MessageKind(message.kind)]}", purchase, actor=actor, at=message.at, message=message.public_id)
    if moves := moves_between(before, after):
        account = ledger.funding_account(purchase.currency)
        entry = ledger.post(account, EntryKind(message.kind), moves, at=message.at, day=day, purchase=purchase, message=message)
        rollups.add(splits.write_lines(entry, purchase, moves))
    return purchase


def _gather(purchase: Transaction, message: Message) -> dict[int, int]:
    """All budgets around the purchase and its parts are locked at once, in their one order."""
    lock_budgets(*splits.chains(purchase))
    return splits.gather(purchase, message=message, at=message.at)


EVENTS = {
    MessageKind.ADVICE: "advised",
    MessageKind.CAPTURE: "captured",
    MessageKind.FORCE_POST: "force_posted",
    MessageKind.REVERSAL: "reversed",
    MessageKind.EXPIRY: "expired",
    MessageKind.REFUND: "refunded",
    MessageKind.REFUND_REVERSAL: "refund_reversed",
    MessageKind.CHARGEBACK: "charged_back",
    MessageKind.CHARGEBACK_REVERSAL: "chargeback_reversed",
}


def expire(purchase: Transaction, *, at: datetime) -> bool:
    """Let go of a hold that no merchant collected in time; False where it was collected or reversed a moment ago.

    Of a purchase that was captured in parts, what is left of the hold goes too: it is posted by then, and holds all the same.
    """
    try:
        clear(purchase, Clearing(MessageKind.EXPIRY, f"expiry-{purchase.public_id}", at), actor=None)
    except errors.InvalidState:
        return False
    return True
