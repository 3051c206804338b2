"""What a page of events calls the things that they name by id: one query for each kind of thing, whatever the number of rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from django.db.models import QuerySet
from django.urls import reverse

from cards.models import Budget, Card, CardRequest
from companies.models import Category, Department, Tag
from reports.activity.sentences import Told, is_id
from spendtrackr.events import SYSTEM
from spendtrackr.models import WebhookEndpoint
from transactions.models import Backtest, FundingAccount, Policy, Reimbursement, Transaction
from users.models import ApiKey, Membership


@dataclass(frozen=True, slots=True)
class Part:
    """Some words of a sentence, and where they lead."""

    text: str
    href: str = ""
    is_actor: bool = False


@dataclass(frozen=True, slots=True)
class Thing:
    """What an id with some beginning is: how it is called when it cannot be read, its rows, its name, its page, and who sees that."""

    unnamed: str
    rows: Callable[[], QuerySet[Any]] | None = None
    name: Callable[[Any], str] = str
    page: Callable[[Any], str] | None = None
    seen_as: str = ""


def _to(url: str) -> Callable[[Any], str]:
    return lambda row: reverse(url, args=[row.public_id])


def _purchase(row: Transaction) -> str:
    return f"{row.amount.written()} at {row.merchant.name if row.merchant else row.descriptor or 'an unnamed merchant'}"


def _card(row: Card) -> str:
    return f"the card {row.name} •• {row.last4}" if row.last4 else f"the card {row.name}"


def _wish(row: CardRequest) -> str:
    wishes = {"card": "a card", "raise": "a higher limit", "grant": "more for once"}
    return f"{wishes[row.kind]} for {row.requester.user.name}, {row.amount.written()}"


def _person(row: Membership) -> str:
    """A program has no page of its own."""
    return "" if row.is_program else reverse("person", args=[row.public_id])


_SETTINGS = lambda _: reverse("settings")  # noqa: E731 -- one of several pages

_THINGS: dict[str, Thing] = {
    "txn": Thing(
        "a transaction", lambda: Transaction.objects.select_related("merchant"), _purchase, _to("transaction"), "transactions"
    ),
    "card": Thing("a card", Card.objects.all, _card, _to("card"), "cards"),
    "mem": Thing("somebody", lambda: Membership.objects.select_related("user"), lambda row: str(row.user.name), _person, "people"),
    "key": Thing("an API key", None, lambda row: f"the API key {row.name}", _to("api-key"), "keys"),
    "whe": Thing("a webhook", None, lambda row: f"the webhook to {urlsplit(row.name).hostname}", _to("webhook"), "webhooks"),
    "req": Thing("a request", lambda: CardRequest.objects.select_related("requester__user"), _wish, _to("request"), "requests"),
    "bud": Thing("a budget", None, lambda row: f"the budget {row.name}", _to("budget"), "budgets"),
    "pol": Thing("a policy", Policy.objects.all, lambda row: f"version {row.version} of the policy", _to("policy"), "policies"),
    "btest": Thing("a draft on the past", Backtest.objects.all, lambda row: "a draft on the past", _to("backtest"), "backtests"),
    "rmb": Thing(
        "a batch of payouts", Reimbursement.objects.all,
        lambda row: f"the batch {row.reference}" if row.reference else "a batch of payouts", _to("reimbursement"), "reimbursements",
    ),
    "acct": Thing(
        "an account", FundingAccount.objects.all, lambda row: f"the account in {row.currency}",
        lambda row: f"{reverse('funding')}?currency={row.currency}", "accounts",
    ),
    "cat": Thing("a category", None, lambda row: str(row.name), _SETTINGS, "categories"),
    "dep": Thing("a department", None, lambda row: str(row.name), _SETTINGS, "departments"),
    "tag": Thing("a tag", None, lambda row: str(row.name), _SETTINGS, "tags"),
    "co": Thing("the company"),
    "usr": Thing("an operator"),
    "books": Thing("the books"), "exp": Thing("a file"), "acs": Thing("the settings of the accounting export"), "acb": Thing("a batch"),
    # What operators look at, and what has no page of its own.
    "ses": Thing("a session"), "inv": Thing("an invitation"), "rcp": Thing("a receipt"), "apr": Thing("an approval"),
    "dlg": Thing("a stand-in"), "cmt": Thing("a comment"), "pay": Thing("a payout"), "rpy": Thing("a repayment"),
    "grant": Thing("a grant"), "mer": Thing("a merchant"), "msg": Thing("a message of the network"), "ent": Thing("an entry"),
    "src": Thing("a source of statements"), "imp": Thing("a statement"), "ntf": Thing("a notification"), "evt": Thing("an event"),
    "whd": Thing("a delivery"),
}  # fmt: skip


_UNKNOWN = Thing("something")


class Named(NamedTuple):
    """All that is asked of things that have a name, and nothing else to tell of: together by one query."""

    public_id: str
    name: str


_NAMED: dict[str, tuple[Any, str]] = {
    "bud": (Budget, "name"),
    "cat": (Category, "name"),
    "dep": (Department, "name"),
    "tag": (Tag, "name"),
    "key": (ApiKey, "integration__membership__user__name"),
    "whe": (WebhookEndpoint, "url"),
}


class Names:
    """What the events of a page name, each kind of thing by one query, and all those that have but a name by one together."""

    def __init__(self, member: Membership, told: Iterable[Told]) -> None:
        self.member = member
        wanted: dict[str, set[str]] = defaultdict(set)
        for one in told:
            for found in one.ids:
                wanted[found.partition("_")[0]].add(found)
        self.rows: dict[str, Any] = {}
        for prefix, thing in _THINGS.items():
            if prefix in wanted and thing.rows:
                self.rows |= {row.public_id: row for row in thing.rows().filter(public_id__in=wanted[prefix])}
        named = [
            model.objects.filter(public_id__in=wanted[prefix]).order_by().values_list("public_id", name)
            for prefix, (model, name) in _NAMED.items()
        ]
        self.rows |= {row[0]: Named(*row) for row in named[0].union(*named[1:])}

    def of(self, said: Any) -> Part:
        """A name, and its page where this member sees such things; anything else as it was said."""
        if not is_id(said):
            return Part("SpendTrackr" if said == SYSTEM else "nobody" if said is None else str(said).replace("_", " "))
        thing = _THINGS.get(said.partition("_")[0], _UNKNOWN)
        row = self.rows.get(said)
        if row is None:
            return Part(thing.unnamed)
        return Part(thing.name(row), thing.page(row) if thing.page and self.member.sees(thing.seen_as) else "")

    def currency(self, told: Told) -> str:
        """Of the thing that an amount is about, where the event leaves it to that."""
        row = self.rows.get(told.details.get("transaction", told.event.subject_id))
        return str(row.currency) if row else str(self.member.company.currency)
