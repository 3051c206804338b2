"""What comes after an approval: captures, reversals, refunds. Each is one message, and its entry is fold after minus fold before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime

from cards import counters
from cards.locks import lock_card
from cards.models import Card
from spendtrackr import errors, events
from spendtrackr.retry import operation
from transactions import draws, ledger, rollups
from transactions.models import Account, Entry, EntryKind, Message, MessageKind, SpendLine, Transaction
from transactions.operations import approvals
from transactions.operations.swipes import NetworkIdReused
from transactions.purchases import Move, Purchase, fold, moves_between
from users.models import Membership


@dataclass(frozen=True, slots=True)
class Clearing:
    """A message about a purchase. `amount_minor` None is all that there is: the hold, or what was captured and not refunded."""

    kind: MessageKind
    network_id: str
    at: datetime
    amount_minor: int | None = None
    is_final: bool = False


@operation
def clear(purchase: Transaction, clearing: Clearing, *, actor: Membership | None) -> Transaction:
    """Apply one message, once. Locks: the card, the transaction, then the funding account and the rollups.

    Raises `InvalidState` where the purchase has nothing left to capture, reverse or refund, `Invalid` for too large an amount.
    """
    if purchase.card is None:
        raise errors.InvalidState("This transaction was not made with a card.")
    card = lock_card(purchase.card)
    purchase = Transaction.objects.select_for_update().get(pk=purchase.pk)
    if seen := Message.objects.filter(connection=card.issuer, network_id=clearing.network_id).first():
        if (seen.transaction_id, seen.kind) != (purchase.pk, clearing.kind) or clearing.amount_minor not in {None, seen.amount_minor}:
            raise NetworkIdReused(field="network_id")
        return purchase
    messages = list(Message.objects.filter(transaction=purchase).order_by("id"))
    before = fold(messages)
    message = Message.objects.create(
        transaction=purchase,
        connection=card.issuer,
        network_id=clearing.network_id,
        kind=clearing.kind,
        amount_minor=_amount(before, clearing),
        is_final=clearing.is_final,
        at=clearing.at,
    )
    return _apply(card, purchase, message, before, fold([*messages, message]), actor=actor)


def _amount(before: Purchase, clearing: Clearing) -> int:
    """The amount that was asked for, or all there is, after refusing what makes no sense."""
    room, nothing_left = _ROOM[clearing.kind](before)
    if room <= 0:
        raise errors.InvalidState(nothing_left)
    amount = room if clearing.amount_minor is None else clearing.amount_minor
    # A capture may exceed its hold (a tip, a longer taxi ride): that is a fact, and it is booked.
    if amount > room and clearing.kind != MessageKind.CAPTURE:
        raise errors.Invalid(f"At most {room} minor units can be taken back.", field="amount.minor")
    return amount


_ROOM: dict[MessageKind, Callable[[Purchase], tuple[int, str]]] = {
    MessageKind.CAPTURE: lambda p: (p.held, "There is no open hold to capture."),
    MessageKind.REVERSAL: lambda p: (p.held, "There is no open hold to reverse."),
    MessageKind.REFUND: lambda p: (
        p.spent,
        "Everything that was captured is refunded already." if p.captured else "Nothing was captured that could be refunded.",
    ),
}


def _apply(
    card: Card, purchase: Transaction, message: Message, before: Purchase, after: Purchase, *, actor: Membership | None
) -> Transaction:
    day = card.company.day_of(message.at)
    _update(purchase, after, posted_on=day)
    purchase.company = card.company
    approvals.amount_changed(purchase, before_minor=before.amount, at=message.at)
    draws.draw(
        message,
        # A purchase counts for ever in the window of its authorization.
        counters.counter_for(card, purchase.occurred_on),
        held_delta=after.held - before.held,
        posted_delta=after.counted - before.counted,
        limit=card.rules.monthly_limit_minor,
    )
    events.record(f"transaction.{_EVENT[MessageKind(message.kind)]}", purchase, actor=actor, at=message.at, message=message.public_id)
    moves = moves_between(before, after)
    account = ledger.funding_account(purchase.currency)
    entry = ledger.post(account, EntryKind(message.kind), moves, at=message.at, day=day, purchase=purchase, message=message)
    rollups.add(_spend_lines(entry, purchase, moves))
    return purchase


_EVENT = {MessageKind.CAPTURE: "captured", MessageKind.REVERSAL: "reversed", MessageKind.REFUND: "refunded"}


def _update(purchase: Transaction, after: Purchase, *, posted_on: date) -> None:
    purchase.status, purchase.amount_minor = after.status, after.amount
    purchase.held_minor, purchase.captured_minor, purchase.refunded_minor = after.held, after.captured, after.refunded
    if after.captured and purchase.posted_on is None:
        purchase.posted_on = posted_on
    purchase.save(update_fields=["status", "amount_minor", "held_minor", "captured_minor", "refunded_minor", "posted_on"])


def _spend_lines(entry: Entry, purchase: Transaction, moves: list[Move]) -> list[SpendLine]:
    """A line for what the entry moved into `spent`, or out of it."""
    spent = ledger.net(moves)[Account.SPENT]
    if not spent:
        return []
    line = SpendLine.of(entry, purchase, spent)
    line.save(force_insert=True)
    return [line]
