"""What people are told of, and how: the kinds of notifications, what each does unless somebody chooses otherwise, where each leads."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import models
from django.urls import reverse

from spendtrackr.models import Event


class Kind(models.TextChoices):
    """What a notification is about, as one chooses how to be told of it."""

    APPROVAL = "approval"
    REMINDER = "reminder"
    STUCK = "stuck"
    APPROVED = "approved"
    SENT_BACK = "sent_back"
    DECLINE = "decline"
    MISSING = "missing"
    CARD = "card"
    REPAYMENT = "repayment"
    PAYOUT = "payout"
    COMMENT = "comment"
    DELEGATION = "delegation"
    BUDGET = "budget"
    EXPORT = "export"
    WEBHOOK = "webhook"


# As a form says it: the kind, and a word more.
SAYS: dict[Kind, tuple[str, str]] = {
    Kind.APPROVAL: ("Approvals", "Something waits for your decision"),
    Kind.REMINDER: ("Reminders", "It still waits for your decision"),
    Kind.STUCK: ("Stuck approvals", "Something waits, and nobody may decide it"),
    Kind.APPROVED: ("Approved", "Somebody said yes to what you asked for"),
    Kind.SENT_BACK: ("Sent back", "What you asked for was rejected, or needs a change or another yes"),
    Kind.DECLINE: ("Declines", "A purchase with your card was declined"),
    Kind.MISSING: ("Missing items", "A purchase of yours misses a receipt or something else"),
    Kind.CARD: ("Cards", "A card of yours was issued, frozen, unfrozen, closed or given more room"),
    Kind.REPAYMENT: ("Repayments", "You are asked to repay something, or it is settled"),
    Kind.PAYOUT: ("Payouts", "Claims of yours were paid, or the transfer came back"),
    Kind.COMMENT: ("Comments", "Somebody said something that concerns you"),
    Kind.DELEGATION: ("Stand-ins", "You decide for somebody, or somebody for you"),
    Kind.BUDGET: ("Budgets", "A budget of yours nears its limit"),
    Kind.EXPORT: ("Exports", "A file that you asked for is ready, or could not be written"),
    Kind.WEBHOOK: ("Webhooks", "Events could not be delivered, and their endpoint was switched off"),
}


class Delivery(models.TextChoices):
    """When a kind is mailed."""

    AT_ONCE = "at_once", "At once"
    DAILY = "daily", "Once a day"
    NEVER = "never", "Never"


@dataclass(frozen=True, slots=True)
class Choice:
    """How one kind reaches somebody: by mail, and whether it is shown in the feed."""

    mail: Delivery
    feed: bool = True


USUAL: dict[Kind, Choice] = {kind: Choice(Delivery.AT_ONCE) for kind in Kind} | {
    Kind.APPROVED: Choice(Delivery.DAILY),
    Kind.BUDGET: Choice(Delivery.DAILY),
}
# What nobody has to act upon may be left out of the feed, too.
MAY_BE_SILENT = frozenset({Kind.REMINDER, Kind.APPROVED, Kind.COMMENT, Kind.DELEGATION, Kind.BUDGET, Kind.EXPORT})


class About(models.TextChoices):
    """What a notification leads to."""

    TRANSACTION = "transaction"
    CARD = "card"
    CARD_REQUEST = "card_request"
    BUDGET = "budget"
    DELEGATION = "delegation"
    REIMBURSEMENT = "reimbursement"
    EXPORT = "export"
    WEBHOOK = "webhook"


@dataclass(frozen=True, slots=True)
class Notice:
    """One event in words, for one member, by their id."""

    event: Event
    member: str
    kind: Kind
    about: About
    about_id: str
    text: str


_PAGES = {About.TRANSACTION: "transaction", About.CARD: "card", About.BUDGET: "budget", About.WEBHOOK: "webhook"}


def page_of(about: str, about_id: str) -> str:
    """The address of the page where something can be seen, or done about it."""
    match About(about):
        case About.CARD_REQUEST:
            return f"{reverse('requests')}#{about_id}"
        case About.DELEGATION:
            return reverse("approvals")
        case About.REIMBURSEMENT:
            return f"{reverse('transactions')}?source=claim"
        case About.EXPORT:
            return reverse("exports")
        case kind:
            return reverse(_PAGES[kind], args=[about_id])
