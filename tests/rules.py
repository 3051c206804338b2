"""Policies for tests: `adopt(world, automatic_below=50_00)` writes one and brings it into force, long before anything was bought."""

from __future__ import annotations

import copy
from datetime import datetime, timedelta
from typing import Any

from spendtrackr.tenancy import company_scope
from tests.factories import NOON
from transactions import policies
from transactions.models import Approval, Backtest, Outcome, Policy
from transactions.operations import approvals, backtests
from transactions.operations import policies as operations
from transactions.operations.approvals import Answer

LONG_AGO = NOON - timedelta(days=400)
MANAGER = {"kind": "manager", "role": None, "member": None}


def money(minor: int, currency: str = "USD") -> dict[str, Any]:
    return {"minor": minor, "currency": currency}


def asked(minor: int | None, currency: str) -> dict[str, Any]:
    """What is required from an amount on; None is never, 0 always."""
    if minor is None:
        return {"when": "never", "amount": None}
    return {"when": "from", "amount": money(minor, currency)} if minor else {"when": "always", "amount": None}


def approver(kind: str, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "role": None, "member": None} | more


def step(*approvers: dict[str, Any], mode: str = "any") -> dict[str, Any]:
    return {"mode": mode, "approvers": list(approvers)}


def route(*steps: dict[str, Any]) -> dict[str, Any]:
    """These steps; none of them: it is approved by itself."""
    return {"automatic": not steps, "steps": list(steps)}


def rule(name: str = "Rule", *, approval: Any = None, require: Any = None, flag: str = "", **when: Any) -> dict[str, Any]:
    return {
        "name": name,
        "when": {**policies.NO_CONDITIONS, **when},
        "require": {**policies.NOTHING_ASKED, **(require or {})},
        "approval": approval,
        "flag": flag,
    }


def document(
    *rules: dict[str, Any], automatic_below: int | None = None, receipt: int | None = None, memo: int | None = None, category: bool = True,
    currency: str = "USD", approval: Any = None, reminders: Any = None,
) -> dict[str, Any]:  # fmt: skip
    """A policy that asks for no receipt unless told, and for the manager's yes."""
    small = [rule("Small", amount_below=money(automatic_below, currency), approval=route())] if automatic_below is not None else []
    return {
        "name": "House rules",
        "rules": [*small, *rules],
        "otherwise": {
            "require": {
                "receipt": asked(receipt, currency), "memo": asked(memo, currency), "category": asked(0 if category else None, currency),
            },
            "approval": approval or route(step(MANAGER)),
        },
        "reminders": {**copy.deepcopy(policies.STANDARD["reminders"]), **(reminders or {})},
    }  # fmt: skip


def adopt(world, *rules: dict[str, Any], at: datetime = LONG_AGO, **said: Any) -> Policy:
    """Write such a policy and bring it into force."""
    with company_scope(world.acme.pk):
        policy = operations.write(document(*rules, **said), actor=world.alice, at=at)
        return operations.activate(policy, actor=world.alice, at=at)


def try_out(world, policy: Policy | None = None, *, at: datetime = NOON) -> Backtest:
    """A version against the one in force, over the last twelve months, to the end."""
    with company_scope(world.acme.pk):
        policy = policy or operations.write(document(), actor=world.alice, at=at)
        backtest = backtests.try_policy(policy, backtests.last_year(at.date()), actor=world.alice, at=at)
        if run := backtests.claim(backtest, at=at):
            while backtests.go_on(run, at=at):
                pass
        return Backtest.objects.get(pk=backtest.pk)


def decide(approval: Approval, actor, *, at: datetime, outcome: str = "approved", reason: str = "", seen: str = "") -> Approval:
    return approvals.decide(approval, Answer(Outcome(outcome), reason, seen), actor=actor, at=at)
