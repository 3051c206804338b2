"""Past swipes of a card, asked again of other controls in the order in which they came. Pure: no clock, no database.

Only what controls say is asked anew; whatever else was checked stays as it was. A swipe that the controls decline counts in no window,
and neither does what cleared of it; one that was declined by controls alone, and is approved now, counts with what was asked for.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from cards import controls
from cards.controls import ADVERBS, Check, GrantRoom, Limit, Places, Standing, Swipe, Used, counted_by
from cards.counters import Share, window_start
from cards.models import CardMode, Interval
from transactions.backtests import Answer
from transactions.models import REQUESTS, BacktestOutcome, MessageKind
from transactions.purchases import Purchase, fold

# The checks whose answer depends on a card's controls.
OF_CONTROLS = frozenset({
    "valid_from", "lock_date", "country", "allowed_country", "merchant_category", "allowed_merchant_category", "merchant",
    "allowed_merchant", "per_transaction_cap", "grant", *(f"{adverb}_{what}" for adverb in ADVERBS.values() for what in ("limit", "count")),
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Draft:
    """Controls that are tried: the columns of a version of `CardControls`, ready to be asked."""

    currency: str
    mode: str
    cap_minor: int | None
    limits: tuple[Limit, ...]
    blocked: Places
    allowed: Places
    valid_from: date | None
    locks_on: date | None

    @classmethod
    def of(cls, row: Mapping[str, Any], currency: str) -> Draft:
        return cls(
            currency, row["mode"], row["per_transaction_cap_minor"], tuple(map(Limit.of, json.loads(row["limits"]))),
            Places.of(row, "blocked_"), Places.of(row, "allowed_"), _day(row["valid_from"]), _day(row["locks_on"]),
        )  # fmt: skip

    @property
    def is_zero(self) -> bool:
        return self.mode == CardMode.ZERO_UNTIL_GRANTED

    @property
    def refills(self) -> bool:
        return self.mode == CardMode.APPROVAL_REFILL

    @property
    def intervals(self) -> set[Interval]:
        """The windows that it counts."""
        return {counted_by(limit, self.mode) for limit in self.limits} | {one.interval for one in self.limits if one.count is not None}


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


@dataclass(frozen=True, slots=True)
class Room:
    """A grant of the card, and how long it lived."""

    public_id: str
    amount_minor: int
    starts_at: datetime
    ends_at: datetime


@dataclass(slots=True)
class Heard:
    """A message as the controls would have had it: `purchases.Said`."""

    kind: str
    amount_minor: int
    requested_minor: int | None
    is_approved: bool
    is_final: bool
    at: datetime


_UNASKED = {MessageKind.ADVICE, MessageKind.FORCE_POST}


@dataclass(slots=True)
class Told:
    """One purchase, as far as it has been told."""

    day: date
    # Whether some request of it was approved in fact: what cleared then came of that.
    was_approved: bool
    heard: list[Heard] = field(default_factory=list)
    is_approved: bool = False
    grant: str = ""

    @property
    def purchase(self) -> Purchase:
        is_refused = self.was_approved and not any(one.is_approved for one in self.heard if one.kind in REQUESTS)
        return fold(one for one in self.heard if one.kind in _UNASKED or not is_refused)


Windows = dict[str, list[int]]


@dataclass(slots=True)
class Replay:
    """`used`: by window, or by grant, the amount and the number of purchases."""

    draft: Draft
    grants: Sequence[Room]
    used: Windows

    def decide(self, swipe: Swipe, told: Told, today: date) -> Check | None:
        """The first check of the controls that fails; None where they approve."""
        before = told.purchase
        draft, share = self.draft, before.share
        live = self._live(swipe.at)
        standing = Standing(
            company_active=True, member_active=True, card_active=True, card_expires_on=None, frozen_by=(), currency=swipe.amount.currency,
            today=today, mode=draft.mode, needs_grant=draft.is_zero, valid_from=draft.valid_from, locks_on=draft.locks_on,
            blocked=draft.blocked, allowed=draft.allowed, per_transaction_cap_minor=draft.cap_minor,
            already_minor=before.authorized + before.single, limits=draft.limits,
            used={interval: self._used(interval, told, share) for interval in draft.intervals},
            granted_minor=0 if draft.is_zero else sum(grant.amount_minor for grant in live), grants=self._rooms(live, told),
        )  # fmt: skip
        failed = controls.first_failure(one for one in controls.checks(swipe, standing) if one.name in OF_CONTROLS)
        if not failed and draft.is_zero and not told.grant:
            chosen = controls.choose_grant(swipe.amount.minor, standing.grants)
            told.grant = chosen.public_id if chosen else ""
        return failed

    def hear(self, told: Told, heard: Heard) -> None:
        """Move the windows of the purchase from what it came to, to what it comes to now."""
        before = told.purchase.share
        told.heard.append(heard)
        self._move(told, told.purchase.share - before)

    def approve(self, told: Told) -> None:
        """Somebody said yes: on a card that refills so, its room comes back."""
        if not told.is_approved:
            self._add(Interval.UNAPPROVED, told, -told.purchase.share)
            told.is_approved = True

    def _live(self, at: datetime) -> list[Room]:
        return [grant for grant in self.grants if grant.starts_at <= at < grant.ends_at]

    def _rooms(self, live: Sequence[Room], told: Told) -> list[GrantRoom]:
        """More of a purchase draws from the grant that it began on."""
        mine = [grant for grant in live if told.grant in {"", grant.public_id}]
        return [GrantRoom(grant.public_id, grant.amount_minor - self.used.get(grant.public_id, [0, 0])[0]) for grant in mine]

    def _used(self, interval: Interval, told: Told, own: Share) -> Used:
        minor, purchases = self.used.get(window_key(interval, told.day), [0, 0])
        return Used(minor, purchases - own.purchases)

    def _move(self, told: Told, change: Share) -> None:
        for interval in self.draft.intervals:
            if not (interval == Interval.UNAPPROVED and told.is_approved):
                self._add(interval, told, change)
        if told.grant:
            counted = self.used.setdefault(told.grant, [0, 0])
            counted[0] += change.used_minor

    def _add(self, interval: Interval, told: Told, change: Share) -> None:
        counted = self.used.setdefault(window_key(interval, told.day), [0, 0])
        counted[0] += change.used_minor
        counted[1] += change.purchases


def window_key(interval: Interval, day: date) -> str:
    return f"{interval}:{window_start(interval, day)}"


def answered(checks: Sequence[Mapping[str, Any]]) -> Answer:
    """What a request was answered then, by its checks."""
    failed = next((row for row in checks if not row["passed"]), None)
    if failed is None:
        return Answer(BacktestOutcome.APPROVED)
    is_theirs = failed["name"] in OF_CONTROLS
    return Answer(BacktestOutcome.DECLINED if is_theirs else BacktestOutcome.DECLINED_OTHERWISE, code=failed["decline"])


def answer(failed: Check | None, checks: Sequence[Mapping[str, Any]], grant: str = "") -> Answer:
    """What the draft answers: by its own first failure, else as whatever else was checked then failed. `rule`: the grant it draws from."""
    if failed:
        return Answer(BacktestOutcome.DECLINED, code=failed.decline)
    other = next((row for row in checks if not row["passed"] and row["name"] not in OF_CONTROLS), None)
    return Answer(BacktestOutcome.DECLINED_OTHERWISE, code=other["decline"]) if other else Answer(BacktestOutcome.APPROVED, rule=grant)
