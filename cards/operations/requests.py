"""What employees ask for, and what becomes of it. Locks: the card, then the request's row; then whatever an approval changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from cards import queries
from cards.controls import Limit
from cards.locks import lock_card
from cards.models import Budget, Card, CardRequest, CardStatus, Interval, RequestKind, RequestStatus
from cards.operations.cards import issue
from cards.operations.controls import NOT_CHOSEN, Controls, change_controls, drawn_from, grant
from cards.operations.waiting import end
from spendtrackr import errors, events
from spendtrackr.money import Money
from spendtrackr.periods import add_months
from spendtrackr.retry import operation
from users.models import Membership

LONGEST_GRANT_MONTHS = 12


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody asks for. `amount` is the limit of each `interval` that is wanted, or of a grant the room for once.

    A card has a `name` and perhaps a `budget`; a raise and a grant are for a `card` of one's own; a grant lasts `until` the end of a
    company-local day.
    """

    kind: RequestKind
    amount: Money
    reason: str
    interval: Interval = Interval.MONTH
    name: str = ""
    budget: Budget | None = None
    card: Card | None = None
    until: date | None = None


@operation
def ask(wish: Wish, *, actor: Membership, at: datetime) -> CardRequest:
    """Ask for a card, a higher limit or room for once. Raises `Invalid` naming the field, `InvalidState` for what waits already.

    Locks the card, so that nothing is asked of one that is being closed, or twice.
    """
    if not wish.reason.strip():
        raise errors.Invalid("Say what it is for.", field="reason", code="required")
    if wish.interval in NOT_CHOSEN:
        raise errors.Invalid("This is not an interval of a limit.", field="interval")
    if wish.card and wish.card.holder_id == actor.pk:
        wish = replace(wish, card=lock_card(wish.card))
    _CHECKS[wish.kind](wish, actor, actor.company.day_of(at))
    row = CardRequest.objects.create(
        kind=wish.kind, requester=actor, card=wish.card, name=wish.name, budget=wish.budget, currency=wish.amount.currency,
        amount_minor=wish.amount.minor, interval=wish.interval, until=wish.until, reason=wish.reason.strip(), asked_at=at,
    )  # fmt: skip
    told = {"kind": str(wish.kind), "minor": wish.amount.minor, "currency": wish.amount.currency}
    members = sorted(member.public_id for member in queries.deciders_of_all([row])[row.pk])
    events.record("request.asked", row, actor=actor, at=at, members=members, **told)
    return row


def _check_new_card(wish: Wish, actor: Membership, today: date) -> None:
    _must_not_name(wish, "card", "until")
    if not wish.name.strip():
        raise errors.Invalid("Give the card a name.", field="name", code="required")
    drawn_from(wish.budget, wish.amount.currency)


def _check_raise(wish: Wish, actor: Membership, today: date) -> None:
    _must_not_name(wish, "name", "budget", "until")
    card = _own_card(wish, actor)
    _must_be_higher(wish.amount, queries.amount_limit(card, wish.interval))
    same = CardRequest.objects.filter(kind=RequestKind.RAISE, requester=actor, card=card, interval=wish.interval)
    if same.filter(status=RequestStatus.WAITING).exists():
        raise errors.InvalidState("A request of yours to raise this limit waits already. Withdraw it to ask for another amount.")


def _must_be_higher(amount: Money, limit: Money | None) -> None:
    if limit is None:
        raise errors.Invalid("The card has no limit of this interval that could be raised.", field="interval")
    if amount <= limit:
        raise errors.Invalid(f"The limit is {limit.written()} already.", field="amount")


def _check_grant(wish: Wish, actor: Membership, today: date) -> None:
    _must_not_name(wish, "name", "budget")
    _own_card(wish, actor)
    if wish.until is None:
        raise errors.Invalid("Say until when it is needed.", field="until", code="required")
    if not today <= wish.until <= add_months(today, LONGEST_GRANT_MONTHS):
        raise errors.Invalid(f"Choose a day between today and {LONGEST_GRANT_MONTHS} months from now.", field="until")


_CHECKS: dict[RequestKind, Callable[[Wish, Membership, date], None]] = {
    RequestKind.CARD: _check_new_card,
    RequestKind.RAISE: _check_raise,
    RequestKind.GRANT: _check_grant,
}


def _must_not_name(wish: Wish, *names: str) -> None:
    for name in names:
        if getattr(wish, name):
            raise errors.Invalid(f"This does not belong to a request of the kind {wish.kind}.", field=name)


def _own_card(wish: Wish, actor: Membership) -> Card:
    card = wish.card
    if card is None:
        raise errors.Invalid("Say for which card.", field="card", code="required")
    if card.holder_id != actor.pk:
        raise errors.Invalid("More room is asked for by whoever holds the card.", field="card")
    if card.status not in {CardStatus.ACTIVE, CardStatus.PENDING}:
        raise errors.Invalid(f"The card is {card.status}.", field="card")
    if card.currency != wish.amount.currency:
        raise errors.Invalid(f"This card spends {card.currency}.", field="amount.currency")
    return card


@operation
def withdraw(row: CardRequest, *, actor: Membership, at: datetime) -> CardRequest:
    """Take one's own request back. Raises `InvalidState` when it does not wait any more."""
    row = _locked(row)
    if row.requester_id != actor.pk:
        raise errors.Forbidden("Only whoever asked takes a request back.")
    end(row, RequestStatus.WITHDRAWN, actor=actor, at=at)
    return row


@operation
def decide(row: CardRequest, *, approved: bool, answer: str = "", actor: Membership, at: datetime) -> CardRequest:
    """Say yes, which does what was asked for in this same transaction, or no, which needs an answer.

    Raises `Forbidden` unless this member may decide it, `InvalidState` when it does not wait any more or cannot be done as it was asked.
    """
    if row.card:
        # Should the card be replaced meanwhile, the request is about the new one: both share the lock of the first of their row.
        lock_card(row.card)
    row = _locked(row)
    if not queries.may_decide(actor, row):
        raise errors.Forbidden("This waits for somebody else.")
    if not approved and not answer.strip():
        raise errors.Invalid("Say why, so that they know.", field="answer", code="required")
    row.answer = answer.strip()
    if approved:
        _do(row, actor=actor, at=at)
    end(row, RequestStatus.APPROVED if approved else RequestStatus.REJECTED, actor=actor, at=at)
    return row


def _locked(row: CardRequest) -> CardRequest:
    """The request, read again. Raises `InvalidState` when it does not wait any more."""
    locked = CardRequest.objects.select_for_update().get(pk=row.pk)
    if locked.status != RequestStatus.WAITING:
        raise errors.InvalidState(f"This request does not wait any more: it is {locked.status}.")
    return locked


def _do(row: CardRequest, *, actor: Membership, at: datetime) -> None:
    """What was asked for, as the world is now. What could be asked for then and cannot be done any more is `InvalidState`."""
    if not row.requester.is_active:
        raise errors.InvalidState("Whoever asked is not active any more.")
    try:
        _DOING[RequestKind(row.kind)](row, actor=actor, at=at)
    except errors.Invalid as error:
        raise errors.InvalidState(f"This cannot be approved any more. {error.message}") from error


def _issue(row: CardRequest, **who_and_when: Any) -> None:
    controls = Controls(limits=[Limit(Interval(row.interval), row.amount_minor)])
    row.issued_card = issue(
        row.requester, name=row.name, currency=row.currency, controls=controls, budget=row.budget, **who_and_when
    )  # fmt: skip


def _raise(row: CardRequest, **who_and_when: Any) -> None:
    assert row.card is not None
    card = Card.objects.select_related("controls").get(pk=row.card.pk)
    _must_be_higher(row.amount, queries.amount_limit(card, Interval(row.interval)))
    limits = [
        replace(limit, amount_minor=row.amount_minor) if limit.interval == row.interval and limit.amount_minor is not None else limit
        for limit in Controls.of(card.rules).limits
    ]
    change_controls(card, {"limits": limits}, **who_and_when)


def _grant(row: CardRequest, **who_and_when: Any) -> None:
    assert row.card is not None
    assert row.until is not None
    expires_at = row.company.end_of(row.until)
    row.grant = grant(row.card, row.amount, expires_at=expires_at, reason=row.reason, **who_and_when)


_DOING: dict[RequestKind, Callable[..., None]] = {RequestKind.CARD: _issue, RequestKind.RAISE: _raise, RequestKind.GRANT: _grant}
