"""The blocks of a backtest: the next purchases or swipes of the past, and both answers to each. Reads only, in a few queries a block."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.models import Max, Q, QuerySet

from cards.controls import Swipe, network_id_of
from cards.models import Card, LimitGrant
from companies.models import Company
from spendtrackr.money import Money
from transactions import backtests, replays, routing
from transactions.backtests import Answer
from transactions.models import (
    REQUESTS,
    Approval,
    ApprovalState,
    ApprovalStatus,
    Backtest,
    BacktestOutcome,
    BacktestRow,
    Message,
    Transaction,
)
from transactions.models.backtests import as_json
from transactions.policies import Facts, Rules
from transactions.queries.figures import of_chain
from transactions.queries.policies import facts_of_all, rules_of
from transactions.replays import Draft, Heard, Replay, Room, Told
from transactions.routing import Organisation

BLOCK = 1_000


@dataclass(frozen=True, slots=True)
class Days:
    """Days of the company's calendar, both included."""

    first: date
    last: date


@dataclass(frozen=True, slots=True)
class Looked:
    """One purchase or swipe, and both answers to it. `about` is the id of the transaction or of the message."""

    about: int
    transaction: Transaction
    before: Answer
    after: Answer
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Block:
    """What was found in one block, and the place after it."""

    found: list[Looked]
    reached_on: date | None
    reached_id: int
    is_last: bool
    carried: str = ""


Look = Callable[[Backtest], Block]


def look_of(backtest: Backtest) -> Look:
    """What looks at the block after the place that a backtest has reached."""
    return _controls(backtest, backtest.card) if backtest.card else _policies(backtest)


def purchases_of(days: Days) -> QuerySet[Transaction]:
    return Transaction.objects.filter(occurred_on__gte=days.first, occurred_on__lte=days.last)


def _policies(backtest: Backtest) -> Look:
    """Purchases by two versions, with people as they stand now."""
    currency = backtest.company.currency
    before, after = (rules_of(one.public_id if one else None, currency) for one in (backtest.against, backtest.policy))
    company = routing.organisation()
    return lambda place: _by_policies(place, before, after, company)


# All that is asked of a purchase; the rest of its row is not read.
_ASKED = (
    "company_id", "approval", "member_id", "source", "amount_minor", "captured_minor", "held_minor", "currency", "receipt_count", "memo",
    "no_receipt_reason", "is_split", "category_id", "department_id", "budget_id", "merchant_id", "merchant_code",
)  # fmt: skip


def _by_policies(backtest: Backtest, before: Rules, after: Rules, company: Organisation) -> Block:
    places = _next_places(backtest)
    rows = Transaction.objects.filter(pk__in=[pk for _, pk in places]).only(*_ASKED).in_bulk()
    purchases = [rows[pk] for _, pk in places]
    found = [
        Looked(purchase.pk, purchase, *_by_both(purchase, facts, (before, after), company), purchase.amount_minor)
        for purchase, facts in zip(purchases, facts_of_all(purchases), strict=True)
    ]
    reached = places[-1] if places else (backtest.reached_on, backtest.reached_id)
    return Block(found, *reached, is_last=len(places) < BLOCK)


def _by_both(purchase: Transaction, facts: Facts, rules: Sequence[Rules], company: Organisation) -> tuple[Answer, Answer]:
    """Nobody is asked about what was declined, given back, or is nobody's."""
    if purchase.approval == ApprovalState.NONE or purchase.member_id is None:
        return backtests.NOT_ASKED, backtests.NOT_ASKED
    before, after = (backtests.answer(facts, one, company) for one in rules)
    return before, after


def _next_places(backtest: Backtest) -> list[tuple[date, int]]:
    """The next days and ids, by the index that has just these: the rows themselves are read by their ids."""
    rows = purchases_of(Days(backtest.reached_on or backtest.starts_on, backtest.ends_on)).filter(pk__lte=backtest.last_id)
    if backtest.reached_on:
        rows = rows.filter(Q(occurred_on__gt=backtest.reached_on) | Q(pk__gt=backtest.reached_id))
    return list(rows.order_by("occurred_on", "pk").values_list("occurred_on", "pk")[:BLOCK])


def messages_of(card: Card, days: Days) -> QuerySet[Message]:
    """Whatever was said of the purchases of these days on this card, and on those that it replaced."""
    purchases = Transaction.objects.filter(of_chain(card.counting_id), occurred_on__gte=days.first, occurred_on__lte=days.last)
    return Message.objects.filter(transaction__in=purchases.values("pk"))


def _controls(backtest: Backtest, card: Card) -> Look:
    """Swipes by what they were answered, and by other controls."""
    draft, company = Draft.of(json.loads(backtest.draft), card.currency), backtest.company
    rows = LimitGrant.objects.filter(card_id=card.counting_id).order_by("expires_at", "pk")
    grants = [Room(row.public_id, row.amount_minor, row.granted_at, min(row.expires_at, row.revoked_at or row.expires_at)) for row in rows]
    return lambda place: _Swipes(place, card, company, draft, grants).block()


class _Swipes:
    """One block of the messages of a card, in the order in which they came."""

    def __init__(self, backtest: Backtest, card: Card, company: Company, draft: Draft, grants: list[Room]) -> None:
        self.backtest, self.company, self.draft = backtest, company, draft
        carried = json.loads(backtest.carried)
        self.replay = Replay(draft, grants, carried["used"])
        self.until = datetime.fromisoformat(carried["approved_until"]) if carried["approved_until"] else None
        self.of_card = messages_of(card, Days(backtest.starts_on, backtest.ends_on))

    def block(self) -> Block:
        rows = self.of_card.filter(pk__gt=self.backtest.reached_id, pk__lte=self.backtest.last_id)
        messages = list(rows.select_related("transaction__merchant").order_by("pk")[:BLOCK])
        last_asked = max((one.at for one in messages if one.kind in REQUESTS), default=self.until)
        approved = self._approved(last_asked)
        self.told = self._so_far({one.transaction_id for one in messages} | {pk for _, pk in approved}, messages)
        found = []
        for message in messages:
            if message.kind in REQUESTS:
                while approved and approved[0][0] <= message.at:
                    self.replay.approve(self.told[approved.pop(0)[1]])
                found.append(self._ask(message))
            else:
                self.replay.hear(self.told[message.transaction_id], _heard(message))
        carried = {"used": self.replay.used, "approved_until": last_asked.isoformat() if last_asked else None}
        reached = messages[-1].pk if messages else self.backtest.reached_id
        return Block(found, None, reached, is_last=len(messages) < BLOCK, carried=as_json(carried))

    def _ask(self, message: Message) -> Looked:
        purchase, told, checks = message.transaction, self.told[message.transaction_id], message.checks_done
        before = replays.answered(checks)
        if purchase.currency != self.draft.currency:
            after = before
        else:
            failed = self.replay.decide(_swipe(message), told, self.company.day_of(message.at))
            after = replays.answer(failed, checks, told.grant)
        self.replay.hear(told, _heard(message, is_approved=after.outcome == BacktestOutcome.APPROVED))
        return Looked(message.pk, purchase, before, after, message.amount_minor)

    def _approved(self, last: datetime | None) -> list[tuple[datetime, int]]:
        """When purchases got the yes that stands, since the last request of the block before and up to that of this one."""
        if not self.draft.refills or last is None:
            return []
        rows = self._standing().filter(decided_at__lte=last, transaction__in=self.of_card.values("transaction"))
        found = rows.values_list("transaction").annotate(at=Max("decided_at")).order_by("at", "transaction")
        return [(at, pk) for pk, at in (found.filter(at__gt=self.until) if self.until else found)]

    def _standing(self) -> QuerySet[Approval]:
        return Approval.objects.filter(status=ApprovalStatus.APPROVED, transaction__approval=ApprovalState.APPROVED)

    def _so_far(self, pks: Iterable[int], messages: list[Message]) -> dict[int, Told]:
        """The purchases of this block, as far as the blocks before have told them."""
        pks = list(pks)
        rows = Message.objects.filter(transaction__in=pks)
        asked = set(rows.filter(kind__in=REQUESTS, is_approved=True).values_list("transaction_id", flat=True))
        days = dict(Transaction.objects.filter(pk__in=pks).values_list("pk", "occurred_on"))
        told = {pk: Told(days[pk], was_approved=pk in asked) for pk in pks}
        earlier = list(rows.filter(pk__lte=self.backtest.reached_id).order_by("pk"))
        answers = self._answers([one.pk for one in earlier if one.kind in REQUESTS])
        for message in earlier:
            outcome, grant = answers.get(message.pk, (BacktestOutcome.APPROVED, ""))
            of = told[message.transaction_id]
            of.heard.append(_heard(message, is_approved=outcome == BacktestOutcome.APPROVED))
            of.grant = of.grant or grant
        if self.draft.refills and self.until:
            before = self._standing().filter(transaction__in=pks).values_list("transaction").annotate(at=Max("decided_at"))
            for pk, at in before.order_by():
                told[pk].is_approved = at <= self.until
        return told

    def _answers(self, pks: Sequence[int]) -> dict[int, tuple[Any, Any]]:
        rows = BacktestRow.objects.filter(backtest=self.backtest, about__in=pks)
        return {pk: (outcome, grant) for pk, outcome, grant in rows.values_list("about", "after__outcome", "after__rule")}


def _heard(message: Message, *, is_approved: bool = True) -> Heard:
    return Heard(message.kind, message.amount_minor, message.requested_minor, is_approved, message.is_final, message.at)


def _swipe(message: Message) -> Swipe:
    """As it asked; where a part was approved, as it asked for that part."""
    purchase = message.transaction
    return Swipe(
        network_id=message.network_id, amount=Money(message.amount_minor, purchase.currency), merchant_name=purchase.descriptor,
        merchant_code=purchase.merchant_code, country=purchase.country, at=message.at,
        merchant_id=network_id_of(purchase.merchant.key) if purchase.merchant else "",
    )  # fmt: skip
