"""Budgets: make one, change it, close it. A budget's own row is the lock for all of it, and swipes wait for that row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

from cards.counters import budget_start
from cards.locks import lock_budgets
from cards.models import THRESHOLDS, Budget, BudgetInterval, BudgetMember, LimitCounter
from companies.operations import save_named
from spendtrackr import errors, events
from spendtrackr.money import Money
from spendtrackr.retry import operation
from users.models import Membership, MembershipStatus
from users.operations.following import people_moved

MOST_LEVELS = 8


@operation
def create(
    *, name: str, limit: Money, interval: BudgetInterval, is_hard: bool, owner: Membership, parent: Budget | None = None,
    members: Sequence[Membership] = (), actor: Membership, at: datetime,
) -> Budget:  # fmt: skip
    """A new envelope in the currency of its limit, at the top or inside another. Its place, interval and currency are for good.

    Raises `Invalid` naming the field.
    """
    parent = _room_inside(parent, limit.currency)
    _must_be_active(owner)
    budget = Budget(
        name=name, parent=parent, owner=owner, currency=limit.currency, limit_minor=limit.minor, interval=interval,
        year_starts_month=actor.company.fiscal_year_start_month, is_hard=is_hard, created_at=at,
    )  # fmt: skip
    save_named(budget)
    budget.chain = f"{parent.chain if parent else ''}{budget.pk}."
    budget.save(update_fields=["chain"])
    _set_members(budget, members)
    details = {"parent": parent.public_id} if parent else {}
    events.record("budget.created", budget, actor=actor, at=at, minor=limit.minor, currency=limit.currency, **details)
    return budget


def _locked(budget: Budget) -> Budget:
    """This budget alone, without those above it."""
    [found] = lock_budgets(f"{budget.pk}.")
    return found


def _room_inside(parent: Budget | None, currency: str) -> Budget | None:
    """The parent, locked, so that it is not closed around the new one."""
    if parent is None:
        return None
    parent = _locked(parent)
    if not parent.is_open:
        raise errors.Invalid("This budget is closed.", field="parent")
    if parent.currency != currency:
        raise errors.Invalid(f"This budget is in {parent.currency}, the new one in {currency}.", field="parent")
    if len(parent.chain_ids) >= MOST_LEVELS:
        raise errors.Invalid(f"Budgets lie at most {MOST_LEVELS} deep.", field="parent")
    return parent


def _must_be_active(owner: Membership) -> None:
    if not owner.is_active:
        raise errors.Invalid("This member is not active.", field="owner")


@operation
def change(budget: Budget, changes: dict[str, Any], *, actor: Membership, at: datetime) -> Budget:
    """Change `name`, `limit`, `is_hard`, `owner` or `members` (all of them, anew). Swipes that commit later see the new limit.

    A limit below what is used is recorded as it is: the next swipe declines where it is hard. Raises `Invalid`, `InvalidState`.
    """
    budget = _locked(budget)
    if not budget.is_open:
        raise errors.InvalidState("The budget is closed.")
    before, limit_before = _described(budget), budget.limit_minor
    if "limit" in changes:
        budget.limit_minor = _minor(budget, changes["limit"])
    if changes.get("owner", budget.owner) != budget.owner:
        _must_be_active(changes["owner"])
        budget.owner = changes["owner"]
    budget.name, budget.is_hard = changes.get("name", budget.name), changes.get("is_hard", budget.is_hard)
    save_named(budget)
    if "members" in changes:
        _set_members(budget, changes["members"])
    changed = sorted(name for name, value in _described(budget).items() if value != before[name])
    if changed:
        events.record("budget.changed", budget, actor=actor, at=at, changed=changed, minor=budget.limit_minor, currency=budget.currency)
        _tell_of_thresholds(budget, limit_before, at=at)
    if "owner" in changed:
        people_moved(at=at)
    return budget


def _minor(budget: Budget, limit: Money) -> int:
    if limit.currency != budget.currency:
        raise errors.Invalid(f"This budget is in {budget.currency}.", field="limit.currency")
    return limit.minor


def _described(budget: Budget) -> dict[str, Any]:
    return {
        "name": budget.name,
        "limit": budget.limit_minor,
        "is_hard": budget.is_hard,
        "owner": budget.owner_id,
        "members": set(BudgetMember.objects.filter(budget=budget).values_list("member_id", flat=True)),
    }


def _set_members(budget: Budget, members: Sequence[Membership]) -> None:
    """Raises `Invalid` for somebody who has left, naming the place. Who has left since they were added may stay."""
    wanted = {member.pk: member for member in members}
    rows = BudgetMember.objects.filter(budget=budget)
    rows.exclude(member_id__in=wanted).delete()
    there = set(rows.values_list("member_id", flat=True))
    for place, member in enumerate(members):
        if member.status == MembershipStatus.DEACTIVATED and member.pk not in there:
            raise errors.Invalid("This member is deactivated.", field=f"members.{place}")
    BudgetMember.objects.bulk_create([BudgetMember(budget=budget, member=member) for pk, member in wanted.items() if pk not in there])


def _tell_of_thresholds(budget: Budget, limit_before: int, *, at: datetime) -> None:
    """An event for each threshold that the current period has reached by the new limit and had not by the old one."""
    start = budget_start(budget, budget.company.day_of(at))
    counter = LimitCounter.objects.filter(budget=budget, interval=budget.interval, starts_on=start).first()
    used = counter.used_minor if counter else 0
    tell_of_crossed(budget, start, crossed(used, used, budget.limit_minor, limit_before_minor=limit_before), used_minor=used, at=at)


def tell_of_crossed(budget: Budget, period: date, percents: Iterable[int], *, used_minor: int, at: datetime) -> None:
    """An event for each threshold that a budget's period has crossed upwards."""
    for percent in percents:
        events.record(
            "budget.threshold_reached", budget, actor=None, at=at, owner=budget.owner.public_id if budget.owner else None,
            percent=percent, period=period.isoformat(), used_minor=used_minor, limit_minor=budget.limit_minor,
        )  # fmt: skip


def crossed(used_before_minor: int, used_minor: int, limit_minor: int, *, limit_before_minor: int | None = None) -> list[int]:
    """The thresholds, in percent, that are reached now and were not before, by what was used or by the limit."""
    before = limit_minor if limit_before_minor is None else limit_before_minor
    return [each for each in THRESHOLDS if is_reached(each, used_minor, limit_minor) and not is_reached(each, used_before_minor, before)]


def is_reached(percent: int, used_minor: int, limit_minor: int) -> bool:
    """Whether so much of a limit is used. Of an envelope of nothing no share is ever told."""
    return limit_minor > 0 and used_minor * 100 >= percent * limit_minor


@operation
def close(budget: Budget, *, actor: Membership, at: datetime) -> Budget:
    """Close it for good: cards that draw from it decline with `budget_closed`. Raises `InvalidState` while one inside it is open."""
    budget = _locked(budget)
    if not budget.is_open:
        raise errors.InvalidState("The budget is closed already.")
    if Budget.objects.filter(parent=budget, closed_at=None).exists():
        raise errors.InvalidState("There are open budgets inside it. Close those first.")
    budget.closed_at = at
    budget.save(update_fields=["closed_at"])
    events.record("budget.closed", budget, actor=actor, at=at)
    return budget
