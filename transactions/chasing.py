"""What a purchase misses, since when, and when its owner hears of it next: kept in step by everything that changes a purchase."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Q, QuerySet

from cards.models import Card, CardStatus, FreezeSource
from cards.operations.cards import freeze_from, lift_from
from companies.models import Company
from transactions import policies
from transactions.models import ApprovalState, Transaction
from transactions.policies import Facts, Reminders, Rules

# As long as its owner can still add something.
UNFINISHED = (ApprovalState.OPEN, ApprovalState.WAITING, ApprovalState.CHANGES_REQUESTED)
FIELDS = ("missing", "missing_since", "reminded", "chase_at", "overdue_since")


def look(purchase: Transaction, facts: Facts, rules: Rules, company: Company, *, at: datetime) -> bool:
    """Write what it misses onto the row, without saving it: `FIELDS`. Whether anything changed."""
    stood = [getattr(purchase, name) for name in FIELDS]
    asked = policies.judge(facts, rules).required if purchase.member_id and purchase.approval in UNFINISHED else frozenset()
    found, before = " ".join(policies.missing(facts, asked)), purchase.missing
    purchase.missing = found
    if not found:
        purchase.missing_since = purchase.chase_at = purchase.overdue_since = None
        purchase.reminded = 0
    elif not before:
        purchase.missing_since, purchase.reminded = at, 0
        purchase.chase_at = next_time(purchase, rules.reminders, company)
    return stood != [getattr(purchase, name) for name in FIELDS]


def whose(purchase: Transaction) -> dict[str, str]:
    """What an event says of whom to tell: the owner at that moment, by their id."""
    return {"member": purchase.member.public_id} if purchase.member else {}


def next_time(purchase: Transaction, reminders: Reminders, company: Company) -> datetime | None:
    """The next morning on which there is something to say or to do; None for never."""
    due = [*reminders.missing_items_after[purchase.reminded :][:1]]
    if reminders.freeze_after is not None and purchase.overdue_since is None:
        due.append(reminders.freeze_after)
    return morning_after(purchase, min(due), company) if due else None


def morning_after(purchase: Transaction, days: int, company: Company) -> datetime:
    """Nine o'clock in the company, so many days after the purchase began to miss something."""
    assert purchase.missing_since is not None
    return company.morning_of(company.day_of(purchase.missing_since) + timedelta(days=days))


def _of_the_chain(card: Card) -> QuerySet[Card]:
    """A card, what it replaced and what replaced it: whoever lost a card has not lost what its purchases miss."""
    return Card.objects.filter(Q(pk=card.counting_id) | Q(counts_with_id=card.counting_id)).order_by("pk")


def freeze_cards(purchase: Transaction, *, at: datetime) -> None:
    """Freeze what the purchase was made with. The caller holds the card's lock, which is that of the whole chain."""
    if purchase.card:
        for card in _of_the_chain(purchase.card).filter(status__in=[CardStatus.ACTIVE, CardStatus.PENDING]):
            freeze_from(card, FreezeSource.RECEIPTS, actor=None, at=at)


def lift_freezes(purchase: Transaction, *, at: datetime) -> None:
    """Its last missing item is there: lift what only it kept frozen. The caller holds the card's lock and has saved the purchase."""
    if purchase.card is None:
        return
    chain = list(_of_the_chain(purchase.card))
    if not Transaction.objects.filter(card__in=chain, overdue_since__isnull=False).exists():
        for card in chain:
            lift_from(card, FreezeSource.RECEIPTS, actor=None, at=at)
