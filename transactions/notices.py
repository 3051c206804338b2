"""What a sealed event means for people: whom it concerns, and what they are told, in a sentence.

Events name whom they concern by id; what the sentence needs besides is read for many events at once, a query for each kind of thing.
Whoever did something themselves is not told of it. Amounts and days are written as in the region that each member chose.
"""

from __future__ import annotations

import json
import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.db.models import QuerySet

from cards.models import Budget, Card, CardRequest, FreezeSource, RequestKind
from spendtrackr import locales
from spendtrackr.models import Event, WebhookEndpoint
from spendtrackr.money import Money
from transactions.models import Approval, Comment, Delegation, Payout, Reimbursement, Transaction
from users import queries
from users.models import Membership
from users.notices import About, Kind, Notice

log = logging.getLogger(__name__)

Rows = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class News:
    """An event with its details, and the rows that it and its neighbours name, by their ids."""

    event: Event
    details: Mapping[str, Any]
    rows: Rows

    @property
    def subject(self) -> Any:
        return self.rows[self.event.subject_id]

    @property
    def purchase(self) -> Transaction:
        found: Transaction = self.rows[self.details.get("transaction", self.event.subject_id)]
        return found

    @property
    def actor(self) -> str:
        """The name of who did it; the operators and the clock have none."""
        member = self.rows.get(self.event.actor_id)
        return str(member.user.name) if member else "SpendTrackr"

    @property
    def owner(self) -> list[str]:
        """Whose it is, as the event says."""
        return [self.details["member"]] if self.details.get("member") else []

    @property
    def members(self) -> list[str]:
        return list(self.details.get("members", ()))


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence about one thing, for these members by their ids."""

    members: Sequence[str]
    kind: Kind
    text: str
    about: About
    about_id: str


def notices_of(events: Sequence[Event]) -> list[Notice]:
    """Whom these events of the company in scope concern, and what each is told."""
    read = [(event, json.loads(event.details)) for event in events if event.type in TYPES]
    rows = _rows_named_by(read)
    regions = queries.regions_chosen()
    return [notice for event, details in read for notice in _told(News(event, details, rows), regions)]


def _told(news: News, regions: Mapping[str, str]) -> Iterator[Notice]:
    """An event that nobody can be told of is logged and passed by: it must not hold up those behind it."""
    try:
        said = {"": _said(news, "")}
        for tag in {regions.get(member, "") for one in said[""] for member in one.members} - {""}:
            said[tag] = _said(news, tag)
    except Exception:
        log.exception("Nobody could be told of the event %s", news.event.public_id)
        return
    for place, one in enumerate(said[""]):
        for member in dict.fromkeys(one.members):
            if member != news.event.actor_id:
                text = said[regions.get(member, "")][place].text
                yield Notice(news.event, member, one.kind, one.about, one.about_id, text)


def _said(news: News, region: str) -> list[Said]:
    """The same sentences in the same order, whatever the region."""
    with locales.reading(region):
        return list(_SAYING[news.event.type](news))


# By how their ids begin: what a sentence is made of, in one query a kind.
_READING: dict[str, Callable[[], QuerySet[Any]]] = {
    "txn": lambda: Transaction.objects.select_related("merchant", "card", "member__user"),
    "apr": Approval.objects.all,
    "card": lambda: Card.objects.select_related("holder"),
    "req": lambda: CardRequest.objects.select_related("requester__user", "card"),
    "cmt": Comment.objects.all,
    "dlg": lambda: Delegation.objects.select_related("member__user", "to__user"),
    "bud": Budget.objects.all,
    "pay": lambda: Payout.objects.select_related("reimbursement"),
    "rmb": lambda: Reimbursement.objects.prefetch_related("payouts__member"),
    "whe": WebhookEndpoint.objects.all,
    "mem": lambda: Membership.objects.select_related("user"),
}


def _rows_named_by(read: Iterable[tuple[Event, Mapping[str, Any]]]) -> Rows:
    wanted: dict[str, set[str]] = defaultdict(set)
    for event, details in read:
        for value in (event.subject_id, event.actor_id, *details.values()):
            if isinstance(value, str) and (prefix := value.partition("_")[0]) in _READING:
                wanted[prefix].add(value)
    return {row.public_id: row for prefix, ids in wanted.items() for row in _READING[prefix]().filter(public_id__in=ids)}


def _named(purchase: Transaction) -> str:
    """A purchase, as a sentence names it: `$12.00 at Figma`."""
    return f"{purchase.amount.written()} at {purchase.merchant.name if purchase.merchant else purchase.descriptor or 'an unnamed merchant'}"


def _owner_name(purchase: Transaction) -> str:
    return str(purchase.member.user.name) if purchase.member else "Somebody"


def _of_purchase(news: News, members: Sequence[str], kind: Kind, text: str) -> Iterator[Said]:
    yield Said(members, kind, text, About.TRANSACTION, news.purchase.public_id)


def _assigned(news: News) -> Iterator[Said]:
    text = f"{_owner_name(news.purchase)} asks for your approval: {_named(news.purchase)}."
    return _of_purchase(news, news.members, Kind.APPROVAL, text)


def _reminded(news: News) -> Iterator[Said]:
    text = f"Still waits for your approval: {_named(news.purchase)}, by {_owner_name(news.purchase)}."
    return _of_purchase(news, news.members, Kind.REMINDER, text)


def _nobody_eligible(news: News) -> Iterator[Said]:
    text = f"Nobody may approve {_named(news.purchase)}, by {_owner_name(news.purchase)}: give somebody the right to, or change the policy."
    return _of_purchase(news, news.members, Kind.STUCK, text)


def _approved(news: News) -> Iterator[Said]:
    # What the policy approves by itself happens while its owner looks on.
    owner = [] if news.details.get("because") == "policy" else news.owner
    return _of_purchase(news, owner, Kind.APPROVED, f"{news.actor} approved {_named(news.purchase)}.")


def _rejected(news: News) -> Iterator[Said]:
    return _of_purchase(news, news.owner, Kind.SENT_BACK, f"{news.actor} rejected {_named(news.purchase)}: “{news.subject.reason}”")


def _changes_requested(news: News) -> Iterator[Said]:
    text = f"{news.actor} asks you to change {_named(news.purchase)}: “{news.subject.reason}”"
    return _of_purchase(news, news.owner, Kind.SENT_BACK, text)


def _voided(news: News) -> Iterator[Said]:
    owner = news.owner if news.details.get("because") == "amount_raised" else []
    text = f"{_named(news.purchase)} became more than what was asked for: submit it again."
    return _of_purchase(news, owner, Kind.SENT_BACK, text)


def _declined(news: News) -> Iterator[Said]:
    purchase = news.purchase
    reason = str(news.details.get("reason", "")).replace("_", " ")
    holder = [purchase.member.public_id] if purchase.member else []
    return _of_purchase(news, holder, Kind.DECLINE, f"Declined: {_named(purchase)}, {reason}.")


def _items_reminded(news: News) -> Iterator[Said]:
    return _of_purchase(news, news.owner, Kind.MISSING, f"Still missing on {_named(news.purchase)}: {_items(news)}.")


def _items_overdue(news: News) -> Iterator[Said]:
    card = news.purchase.card
    frozen = f" Your card •• {card.last4} is frozen until it is there." if card else ""
    return _of_purchase(news, news.owner, Kind.MISSING, f"Overdue on {_named(news.purchase)}: {_items(news)}.{frozen}")


def _items(news: News) -> str:
    return ", ".join(news.details.get("items", ())).replace("_", " ")


def _card(text: str) -> Callable[[News], Iterator[Said]]:
    """What happened to a card, for whoever holds it."""

    def said(news: News) -> Iterator[Said]:
        card: Card = news.subject
        named = f"{card.name} •• {card.last4}" if card.last4 else str(card.name)
        yield Said([card.holder.public_id], Kind.CARD, text.format(card=named, actor=news.actor), About.CARD, card.public_id)

    return said


_FROZEN, _UNFROZEN = _card("{actor} froze your card {card}."), _card("Your card {card} can be used again.")


def _card_frozen(news: News) -> Iterator[Said]:
    # Of what is overdue its owner hears by that event, which names the purchase.
    return iter(()) if news.details.get("source") == FreezeSource.RECEIPTS else _FROZEN(news)


def _granted(news: News) -> Iterator[Said]:
    amount = Money(news.details["minor"], news.details["currency"]).written()
    return _card(f"{{actor}} granted your card {{card}} {amount} more for once.")(news)


_WISHES = {RequestKind.CARD: "a card", RequestKind.RAISE: "a higher limit", RequestKind.GRANT: "more for once"}


def _wish(row: CardRequest) -> str:
    return f"{_WISHES[RequestKind(row.kind)]}, {row.amount.written()}"


def _request_asked(news: News) -> Iterator[Said]:
    row: CardRequest = news.subject
    text = f"{row.requester.user.name} asks for {_wish(row)}: “{row.reason}”"
    yield Said(news.members, Kind.APPROVAL, text, About.CARD_REQUEST, row.public_id)


def _request_decided(news: News) -> Iterator[Said]:
    row: CardRequest = news.subject
    is_yes = news.event.type == "request.approved"
    answer = f": “{row.answer}”" if row.answer else "."
    text = f"{news.actor} {'approved' if is_yes else 'rejected'} your request for {_wish(row)}{answer}"
    yield Said([row.requester.public_id], Kind.APPROVED if is_yes else Kind.SENT_BACK, text, About.CARD_REQUEST, row.public_id)


def _repayment(text: str) -> Callable[[News], Iterator[Said]]:
    return lambda news: _of_purchase(news, news.owner, Kind.REPAYMENT, text.format(purchase=_named(news.purchase)))


def _repaid(news: News) -> Iterator[Said]:
    if "minor" not in news.details:  # the merchant gave it back
        return _repayment("Nothing is owed any more for {purchase}.")(news)
    amount = Money(news.details["minor"], news.purchase.currency).written()
    rest = "Nothing is owed any more." if news.details.get("is_settled") else "The rest is still to be repaid."
    return _repayment(f"Your repayment of {amount} was recorded, for {{purchase}}. {rest}")(news)


def _reimbursed(news: News) -> Iterator[Said]:
    """Each hears of their own part."""
    batch: Reimbursement = news.subject
    owed: Counter[str] = Counter()
    for payout in batch.payouts.all():
        if payout.member.public_id in news.members and payout.status != "removed":
            owed[payout.member.public_id] += payout.amount_minor
    for member, minor in owed.items():
        text = f"You were paid {Money(minor, batch.currency).written()} for what you claimed."
        yield Said([member], Kind.PAYOUT, text, About.REIMBURSEMENT, batch.public_id)


def _payout_failed(news: News) -> Iterator[Said]:
    text = f"The transfer for {_named(news.purchase)} came back: “{news.subject.reason}”"
    return _of_purchase(news, news.owner, Kind.PAYOUT, text)


def _commented(news: News) -> Iterator[Said]:
    comment, about = news.subject, news.rows[news.details["about"]]
    if isinstance(about, Transaction):
        on, kind = _named(about), About.TRANSACTION
    else:
        on, kind = f"the request for {_wish(about)}", About.CARD_REQUEST
    yield Said(news.members, Kind.COMMENT, f"{news.actor}, on {on}: “{comment.text}”", kind, about.public_id)


def _delegation(for_whom: str, for_whoever_is_away: str) -> Callable[[News], Iterator[Said]]:
    def said(news: News) -> Iterator[Said]:
        row: Delegation = news.subject
        days = f"from {locales.day(row.starts_on, 'short')} to {locales.day(row.ends_on)}"
        words = {"away": row.member.user.name, "to": row.to.user.name, "days": days}
        for member, text in ((row.to, for_whom), (row.member, for_whoever_is_away)):
            yield Said([member.public_id], Kind.DELEGATION, text.format(**words), About.DELEGATION, row.public_id)

    return said


def _threshold(news: News) -> Iterator[Said]:
    row: Budget = news.subject
    used, limit = (Money(news.details[name], row.currency).written() for name in ("used_minor", "limit_minor"))
    percent = locales.percent(news.details["percent"], places=0)
    text = f"The budget {row.name} is used to {percent}: {used} of {limit}."
    owner = [news.details["owner"]] if news.details.get("owner") else []
    yield Said(owner, Kind.BUDGET, text, About.BUDGET, row.public_id)


_FORMATS = {"xlsx": "Excel"}


def _webhook_failed(news: News) -> Iterator[Said]:
    """To whoever runs the company: it is theirs to repair."""
    why = "it answered that it is gone" if news.details["because"] == "gone" else "nothing could be delivered for three days"
    text = f"The webhook to {urlsplit(news.subject.url).hostname} was switched off: {why}."
    yield Said(news.members, Kind.WEBHOOK, text, About.WEBHOOK, news.subject.public_id)


def _export(text: str) -> Callable[[News], Iterator[Said]]:
    """What became of a file, for whoever asked for it. All of it is in the event: the file expires, and its row with it."""

    def said(news: News) -> Iterator[Said]:
        details = {"what": "", "format": "", **news.details}
        what = details["what"].removeprefix("reports/").replace("-", " ")
        named = f"Your export of {what} as {_FORMATS.get(details['format'], details['format'].upper())}"
        yield Said(news.owner, Kind.EXPORT, f"{named} {text}", About.EXPORT, str(news.event.subject_id))

    return said


_SAYING: dict[str, Callable[[News], Iterator[Said]]] = {
    "approval.assigned": _assigned,
    "approval.reminded": _reminded,
    "approval.nobody_eligible": _nobody_eligible,
    "approval.approved": _approved,
    "approval.rejected": _rejected,
    "approval.changes_requested": _changes_requested,
    "approval.voided": _voided,
    "transaction.declined": _declined,
    "items.reminded": _items_reminded,
    "items.overdue": _items_overdue,
    "card.issued": _card("Your card {card} is ready."),
    "card.frozen": _card_frozen,
    "card.unfrozen": _UNFROZEN,
    "card.closed": _card("{actor} closed your card {card}."),
    "card.granted": _granted,
    "request.asked": _request_asked,
    "request.approved": _request_decided,
    "request.rejected": _request_decided,
    "repayment.opened": _repayment("Please repay {purchase}: it was rejected."),
    "repayment.repaid": _repaid,
    "repayment.waived": _repayment("You need not repay {purchase} any more."),
    "reimbursement.paid": _reimbursed,
    "payout.failed": _payout_failed,
    "comment.added": _commented,
    "delegation.made": _delegation("{away} will be away: you decide in their place {days}.", "{to} decides in your place {days}."),
    "delegation.started": _delegation("You decide in place of {away} from today on.", "{to} decides in your place from today on."),
    "delegation.ended": _delegation("You no longer decide in place of {away}.", "{to} no longer decides in your place."),
    "budget.threshold_reached": _threshold,
    "export.finished": _export("is ready to be downloaded."),
    "export.failed": _export("could not be written: your exports say why."),
    "webhook.failed": _webhook_failed,
}
TYPES = frozenset(_SAYING)
