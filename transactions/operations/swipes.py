"""Answer a swipe: decide it on locked rows, hold its money, and record it with every check that was made."""

from __future__ import annotations

import json
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from django.db import OperationalError, connection

from cards import controls, counters
from cards.controls import Check, Envelope, GrantRoom, Limit, Places, Standing, Swipe, Used
from cards.counters import ALWAYS, Counters, Share, window_start
from cards.locks import lock_budgets, read_budgets
from cards.models import Budget, Card, CardMode, CardStatus, CardUsage, Interval, LimitCounter, LimitGrant
from cards.queries import live_grants
from spendtrackr import errors, events, retry
from spendtrackr.models import Event
from spendtrackr.money import Money
from transactions import chasing, draws, ledger, merchants, queries, rollups, splits, swipe_sql
from transactions.draws import Ceiling, Ceilings
from transactions.models import (
    REQUESTS,
    ApprovalState,
    EntryKind,
    FundingAccount,
    Message,
    MessageKind,
    Transaction,
    TransactionSource,
    TransactionStatus,
)
from transactions.operations import approvals
from transactions.operations.coding import last_category
from transactions.purchases import STATE, Purchase, fold, moves_between, state_of
from transactions.swipe_sql import Situation


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer to a swipe. The same swipe always gets the same answer."""

    transaction: Transaction
    message: Message
    # The purchase begins with it, so nobody can have written anything on it yet.
    is_first: bool = False

    @property
    def approved(self) -> bool:
        return bool(self.message.is_approved)

    @property
    def approved_minor(self) -> int:
        """How much of what was asked for; less than all of it only where the request allowed a part."""
        return int(self.message.amount_minor) if self.approved else 0

    @property
    def approved_amount(self) -> Money:
        return Money(self.approved_minor, self.transaction.currency)

    @property
    def reason(self) -> str:
        """Why it was declined: the code of the first check that failed."""
        return "" if self.approved else str(next(row["decline"] for row in self.message.checks_done if not row["passed"]))


class NetworkIdReused(errors.InvalidState):
    """Two different messages came with one id: neither may pass for the other."""

    code = "network_id_reused"
    message = "This network id belongs to another message."


class _SomebodyWasFaster(Exception):
    """The account does not cover the approval any more, or the company's rules changed since they were read. Nothing is written."""


@dataclass(slots=True)
class _Case:
    """A request with all that it is decided on, read under the locks of the card and of its budgets."""

    swipe: Swipe
    found: Situation
    kind: MessageKind
    # Of a request for more: the purchase, and what was said about it.
    purchase: Transaction | None
    said: list[Message]
    before: Purchase
    day: date
    budgets: list[Budget]
    drawn: Counters
    grants: list[LimitGrant]
    limits: list[Limit] = field(default_factory=list)

    @property
    def card(self) -> Card:
        return self.found.card


def authorize(card: Card, swipe: Swipe) -> Decision:
    """Decide one swipe, once. Locks: the card, the budgets that it draws from, then (by the covering UPDATE) the funding account.

    A swipe under the reference of a purchase that is known asks for more of it; a declined one leaves no purchase behind, so whoever
    asks again under its reference asks anew. Raises `NetworkIdReused`.
    """
    swipe = replace(swipe, merchant_name=merchants.clean_name(swipe.merchant_name))
    try:
        return _decide_now(card, swipe)
    except OperationalError as error:
        # Inside somebody's transaction all of that is lost, and not ours to do again.
        if not retry.lost_the_connection(error) or connection.in_atomic_block:
            raise
        # It may have committed or not. The message's id says: whoever asks waits for the card, and then finds the answer, or none.
        return _decide_now(card, swipe)


def _decide_now(card: Card, swipe: Swipe) -> Decision:
    try:
        # The same id or reference may come on another card at the same moment.
        return retry.again_if_taken(_decide, card, swipe)
    except _SomebodyWasFaster:
        # Once more, with the account locked before it is asked: what it says then stays true.
        return retry.in_transaction(_decide, card, swipe, with_account=True)


def preview(card: Card, swipe: Swipe) -> list[Check]:
    """What would be answered now, check by check, without doing it. Takes no lock: a moment later it may be another answer."""
    swipe = replace(swipe, merchant_name=merchants.clean_name(swipe.merchant_name))
    return _checks(_read(card, swipe, _look(card, swipe, lock=False), lock=False), swipe.amount.minor)


def _decide(card: Card, swipe: Swipe, *, with_account: bool = False) -> Decision:
    found = _look(card, swipe, lock=True)
    if found.seen_message_id:
        return _answer_to(found, found.seen_message_id, swipe)
    case = _read(card, swipe, found, lock=True)
    if with_account and found.account:
        FundingAccount.objects.select_for_update().get(pk=found.account.pk)
        case.found = _look(card, swipe, lock=False)
    amount, done = swipe.amount.minor, _checks(case, swipe.amount.minor)
    if swipe.allows_partial and controls.first_failure(done) and (part := controls.largest_part(amount, done)) > 0:
        amount, done = part, _checks(case, part)
    if controls.first_failure(done):
        return _decline(case, done)
    return _approve(case, amount, done)


def _look(card: Card, swipe: Swipe, *, lock: bool) -> Situation:
    return swipe_sql.look(
        card, lock=lock, merchant_name=swipe.merchant_name or merchants.UNNAMED, merchant_id=swipe.merchant_id,
        code=swipe.merchant_code, currency=swipe.amount.currency, network_id=swipe.network_id, ref=_ref(swipe), at=swipe.at,
    )  # fmt: skip


def _ref(swipe: Swipe) -> str:
    return swipe.ref or swipe.network_id


def _answer_to(found: Situation, message_id: int, swipe: Swipe) -> Decision:
    """The stored answer: this message was here before. Raises `NetworkIdReused` for another message under its id."""
    seen = Message.objects.select_related("transaction").get(pk=message_id)
    answer, purchase = Decision(seen.transaction, seen), seen.transaction
    same = (
        seen.kind in REQUESTS
        and (seen.kind == MessageKind.FINANCIAL) == swipe.is_financial
        and (purchase.card_id, seen.requested_minor or seen.amount_minor) == (found.card.pk, swipe.amount.minor)
        and purchase.network_ref in {None, _ref(swipe)}
        # Of a purchase in one currency more may have been asked for in another: that was declined, whatever it was.
        and (purchase.currency == swipe.amount.currency or answer.reason == "wrong_currency")
    )
    if not same:
        raise NetworkIdReused(field="network_id")
    return answer


def _read(card: Card, swipe: Swipe, found: Situation, *, lock: bool) -> _Case:
    """Lock the purchase and the budgets, find the counters of the purchase's windows and the grants that live."""
    purchase = said = None
    if found.purchase_id:
        rows = Transaction.objects.select_for_update() if lock else Transaction.objects.all()
        purchase = rows.get(pk=found.purchase_id)
        if purchase.card_id != card.pk:
            raise NetworkIdReused(field="ref")
        said = list(Message.objects.filter(transaction=purchase).order_by("pk"))
    before = fold(said or [])
    kind = MessageKind.FINANCIAL if swipe.is_financial else MessageKind.INCREMENT if purchase else MessageKind.AUTHORIZATION
    day = _day(found, swipe, purchase, before)
    chain = (purchase.budget.chain if purchase.budget else "") if purchase else found.budget_chain
    if lock and purchase and purchase.is_split:
        lock_budgets(*splits.chains(purchase))
    budgets = lock_budgets(chain) if lock else read_budgets(chain)
    limits = [Limit.of(row) for row in json.loads(found.controls["limits"])]
    grants = _grants(found, swipe, purchase)
    drawn = counters.find(
        found.card, day, budgets=budgets, grant_id=purchase.grant_id if purchase else None, wanted=_wanted(found, limits),
        history=draws.history_of, is_look=not lock,
    )  # fmt: skip
    return _Case(swipe, found, kind, purchase, said or [], before, day, budgets, drawn, grants, limits)


def _day(found: Situation, swipe: Swipe, purchase: Transaction | None, before: Purchase) -> date:
    """The day whose windows the purchase counts in: of its first request, which is dated by our clock."""
    return purchase.occurred_on if purchase and before.is_requested else found.company.day_of(swipe.at)


def _wanted(found: Situation, limits: Sequence[Limit]) -> list[Interval]:
    """The windows that are asked about, and the month, which is always counted."""
    wanted = {ALWAYS, *(controls.counted_by(limit, found.controls["mode"]) for limit in limits)}
    # Where an amount and a number are limited for ever, the number is counted for ever also of a card that refills.
    wanted |= {limit.interval for limit in limits if limit.count is not None}
    if found.card.usage == CardUsage.SINGLE_USE:
        wanted.add(Interval.ALL_TIME)
    return sorted(wanted)


def _grants(found: Situation, swipe: Swipe, purchase: Transaction | None) -> list[LimitGrant]:
    """The grants that live, those that expire first before the others; for more of a purchase, only the one that it draws from.

    A purchase that began on a grant stays on it, whatever becomes of the card's mode.
    """
    if purchase and purchase.grant_id:
        return list(live_grants(found.card, at=swipe.at).filter(pk=purchase.grant_id))
    if purchase or found.controls["mode"] != CardMode.ZERO_UNTIL_GRANTED:
        return []
    return list(live_grants(found.card, at=swipe.at))


def _checks(case: _Case, amount: int) -> list[Check]:
    """Every check, for all of the amount or for a part of it. The last one is that of the money."""
    swipe = replace(case.swipe, amount=replace(case.swipe.amount, minor=amount))
    return [*controls.checks(swipe, _standing(case)), _funds(case.found.account, amount)]


def _standing(case: _Case) -> Standing:
    found, card, rules = case.found, case.card, case.found.controls
    is_zero = rules["mode"] == CardMode.ZERO_UNTIL_GRANTED
    return Standing(
        company_active=found.company.is_active,
        member_active=found.member_active,
        card_active=card.status == CardStatus.ACTIVE,
        card_expires_on=card.expires_on,
        frozen_by=found.frozen_by,
        currency=card.currency,
        today=found.company.day_of(case.swipe.at),
        usage=card.usage,
        merchant_key=card.merchant_key,
        mode=rules["mode"],
        needs_grant=is_zero or bool(case.purchase and case.purchase.grant_id),
        valid_from=rules["valid_from"],
        locks_on=rules["locks_on"],
        blocked=Places.of(rules, "blocked_"),
        allowed=Places.of(rules, "allowed_"),
        blocked_by_company=Places.of(found.block_list),
        per_transaction_cap_minor=rules["per_transaction_cap_minor"],
        already_minor=case.before.authorized + case.before.single,
        is_closed=case.before.is_closed,
        limits=case.limits,
        used={interval: _used(case, interval, counter) for interval, counter in case.drawn.of_card.items()},
        granted_minor=0 if is_zero else found.granted_minor,
        grants=_rooms(case),
        budgets=[_envelope(case, budget, counter.used_minor) for budget, counter in case.drawn.of_budgets],
    )


def _rooms(case: _Case) -> list[GrantRoom]:
    return [GrantRoom(grant.public_id, grant.amount_minor - grant.counter.used_minor) for grant in case.grants]


def _used(case: _Case, interval: Interval, counter: LimitCounter) -> Used:
    """What the window would hold without the request. A request for more is no further purchase, so the number is without this one."""
    brought = _brought(case, window_start(interval, case.day), window_start(interval, _day_before(case)))
    if interval == Interval.UNAPPROVED and _voids_approval(case):
        brought = case.before.share
    return Used(counter.used_minor + brought.used_minor, counter.purchases + brought.purchases - case.before.share.purchases)


def _day_before(case: _Case) -> date:
    return case.purchase.occurred_on if case.purchase else case.day


def _brought(case: _Case, start: date, start_before: date) -> Share:
    """What a purchase that facts began brings along into a window that its first request moves it to."""
    return case.before.share if start != start_before else Share()


def _voids_approval(case: _Case) -> bool:
    """Whether somebody said yes to less than the purchase would be now: then all of it waits for approval again."""
    return bool(case.purchase and case.purchase.approval == ApprovalState.APPROVED)


def _envelope(case: _Case, budget: Budget, used_minor: int) -> Envelope:
    brought = _brought(case, counters.budget_start(budget, case.day), counters.budget_start(budget, _day_before(case)))
    return Envelope(
        budget.public_id, budget.name, budget.limit_minor, used_minor + brought.used_minor, is_hard=budget.is_hard,
        is_open=budget.is_open, currency=budget.currency,
    )  # fmt: skip


def _funds(account: FundingAccount | None, amount: int) -> Check:
    """The covering UPDATE has the last word: what is read here without a lock may be spent a moment later."""
    room = account.available_minor + account.credit_minor if account else 0
    blocked = bool(account and account.is_blocked)
    return controls.funds(amount, available_minor=room, blocked=blocked, passed=account is not None and not blocked and room >= amount)


def _approve(case: _Case, amount: int, done: list[Check]) -> Decision:
    """Write the approval and take its money; raises `_SomebodyWasFaster` where the account says no."""
    message = _message(case, amount, done, is_approved=True)
    after = fold([*case.said, message])
    if case.grants:
        _choose_grant(case, amount)
    if case.purchase is None:
        purchase = _new_purchase(case, after)
        swipe_sql.insert([purchase])
    else:
        purchase = _more(case, after)
    message.transaction = purchase
    swipe_sql.insert([message])
    _draw(case, purchase, message, after)
    if purchase.is_split:
        splits.spread(purchase, message=message, drawn=draws.Drawn([], {}), at=message.at)
    if case.purchase:
        if case.purchase.approval == ApprovalState.APPROVED:
            approvals.void(purchase, because="amount_raised", actor=None, at=message.at)
        approvals.amount_changed(purchase, before_minor=case.purchase.amount_minor, at=message.at)
    swipe_sql.insert(_told(case, purchase, message))
    if case.card.usage == CardUsage.MERCHANT_LOCKED and not case.card.merchant_key:
        key = controls.merchant_key(case.swipe.merchant_name, case.swipe.merchant_id)
        Card.objects.filter(pk=case.card.pk).update(merchant_key=key)
    _take(case, purchase, message, after)
    return Decision(purchase, message, is_first=case.purchase is None)


def _take(case: _Case, purchase: Transaction, message: Message, after: Purchase) -> None:
    account, moves = case.found.account, moves_between(case.before, after)
    assert account is not None
    entry = ledger.new_entry(account, EntryKind.APPROVAL if message.kind == MessageKind.AUTHORIZATION else EntryKind(message.kind),
                             moves, at=message.at, day=case.found.company.day_of(message.at), purchase=purchase)  # fmt: skip
    entry.message = message
    swipe_sql.insert([entry])
    if moves:
        swipe_sql.insert(ledger.postings_of(entry, account, moves))
    spent = after.spent - case.before.spent
    lines = splits.spend_lines(entry, purchase, spent) if spent else []
    if lines:
        swipe_sql.insert(lines)
    version = case.found.block_version
    if not swipe_sql.move(account, ledger.changed(moves), must_be_covered=True, on_credit=True, version=version):
        raise _SomebodyWasFaster
    rollups.add(lines)
    if message.kind == MessageKind.FINANCIAL:
        approvals.settle(purchase, at=message.at)


def _choose_grant(case: _Case, amount: int) -> None:
    """The first that covers all of it, as the check said."""
    chosen = controls.choose_grant(amount, _rooms(case))
    case.grants = [grant for grant in case.grants if chosen and grant.public_id == chosen.public_id]
    case.drawn.of_grant = case.grants[0].counter


def _draw(case: _Case, purchase: Transaction, message: Message, after: Purchase) -> None:
    """What an approval takes from each counter, with the ceiling that it was checked against."""
    before = case.before.share
    used_before = {counter.pk: counter.used_minor for _, counter in case.drawn.of_budgets}
    if case.purchase and case.purchase.occurred_on != case.day:
        draws.leave(case.card, purchase, message, case.drawn, before, day=case.purchase.occurred_on)
        before = Share()
    approved = case.drawn.of_card.get(Interval.UNAPPROVED) if purchase.approval == ApprovalState.APPROVED else None
    drawn = [counter for counter in case.drawn if counter is not approved]
    draws.draw(purchase, message, drawn, after.share - before, ceilings=_ceilings(case), is_approval=True)
    draws.tell_of_thresholds(case.drawn.of_budgets, used_before, at=message.at)


def _ceilings(case: _Case) -> Ceilings:
    is_single_use = case.card.usage == CardUsage.SINGLE_USE
    found = draws.ceilings(
        case.drawn, case.limits, mode=case.found.controls["mode"], granted_minor=case.found.granted_minor, is_single_use=is_single_use
    )
    return found | {grant.counter.pk: Ceiling(grant.amount_minor) for grant in case.grants}


def _decline(case: _Case, done: list[Check]) -> Decision:
    message = _message(case, case.swipe.amount.minor, done, is_approved=False)
    failed = controls.first_failure(done)
    assert failed is not None
    purchase = case.purchase
    if purchase is None:
        purchase = _new_purchase(case, Purchase(at=case.swipe.at))
        purchase.decline_code, purchase.amount_minor = failed.decline, case.swipe.amount.minor
        swipe_sql.insert([purchase])
    message.transaction = purchase
    told = events.unwritten("transaction.declined", purchase, actor=None, at=message.at, card=case.card.public_id, reason=failed.decline)
    swipe_sql.insert([message])
    swipe_sql.insert([told])
    return Decision(purchase, message, is_first=case.purchase is None)


def _told(case: _Case, purchase: Transaction, message: Message) -> list[Event]:
    return [
        events.unwritten("transaction.approved", purchase, actor=None, at=message.at, card=case.card.public_id, minor=message.amount_minor)
    ]


def _message(case: _Case, amount: int, done: list[Check], *, is_approved: bool) -> Message:
    return Message(
        connection=case.card.issuer,
        network_id=case.swipe.network_id,
        kind=case.kind,
        amount_minor=amount,
        requested_minor=case.swipe.amount.minor,
        is_approved=is_approved,
        checks=json.dumps([check.as_row() for check in done]),
        at=_at(case),
    )


def _at(case: _Case) -> datetime:
    """Requests for one purchase take turns: a slow clock on the machine that answers must not move it to the day before."""
    first = case.before.at if case.before.is_requested else None
    return max(case.swipe.at, first) if first else case.swipe.at


def _new_purchase(case: _Case, after: Purchase) -> Transaction:
    swipe, found, card = case.swipe, case.found, case.card
    merchant = found.merchant or merchants.find_or_add(swipe.merchant_name, swipe.merchant_id)
    purchase = Transaction(
        source=TransactionSource.CARD,
        card_id=card.pk,
        member_id=card.holder_id,
        merchant=merchant,
        category_id=found.category_id or getattr(last_category(merchant) if found.merchant else None, "pk", None),
        department_id=found.department_id,
        descriptor=swipe.merchant_name,
        merchant_code=swipe.merchant_code,
        country=swipe.country,
        merchant_amount_minor=swipe.merchant_amount.minor if swipe.merchant_amount else None,
        merchant_currency=swipe.merchant_amount.currency if swipe.merchant_amount else "",
        card_last4=card.last4,
        currency=swipe.amount.currency,
        amount_minor=swipe.amount.minor,
        budget_id=card.budget_id,
        grant_id=case.grants[0].pk if case.grants and after.is_known else None,
        connection=card.issuer,
        # What was declined is nothing that more could be asked for, and nothing that a fact could be about.
        network_ref=_ref(swipe) if after.is_known else None,
        occurred_at=swipe.at,
        occurred_on=case.day,
        status=TransactionStatus.DECLINED,
    )
    state_of(purchase, after, found.company, before=case.before)
    if after.is_known:
        facts = queries.facts_of(purchase, role=found.role)
        chasing.look(purchase, facts, queries.rules_of(found.policy_id, found.company.currency), found.company, at=swipe.at)
    return purchase


def _more(case: _Case, after: Purchase) -> Transaction:
    """The known purchase with what it comes to now."""
    assert case.purchase is not None
    purchase = copy(case.purchase)  # as it was stays in the case
    state_of(purchase, after, case.found.company, before=case.before)
    purchase.save(update_fields=STATE)
    return purchase
