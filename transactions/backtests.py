"""What would become of a purchase if it were submitted now: the same functions that decide it, and nothing written. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from transactions import policies, routing
from transactions.models.backtests import BacktestOutcome, as_json
from transactions.policies import Approver, Facts, Rules
from transactions.routing import Organisation


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said of one purchase or one swipe. `steps`: whom each step asks, by database ids, once nothing is missing any more."""

    outcome: BacktestOutcome
    code: str = ""
    rule: str = ""
    missing: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    steps: tuple[tuple[int, ...], ...] = ()

    @property
    def key(self) -> str:
        return hashlib.sha256(as_json([*self.effect, self.rule]).encode()).hexdigest()

    @property
    def effect(self) -> tuple[object, ...]:
        """All but the name of the rule that said so."""
        return (self.outcome, self.code, self.missing, self.flags, self.steps)


NOT_ASKED = Answer(BacktestOutcome.NOT_ASKED)


def answer(facts: Facts, rules: Rules, company: Organisation) -> Answer:
    """Of a purchase that somebody owns, as the company stands now."""
    verdict = policies.judge(facts, rules)
    missing = tuple(policies.missing(facts, verdict.required))
    steps, is_stuck = _asked(verdict.steps, facts, company)
    if missing:
        outcome = BacktestOutcome.INCOMPLETE
    elif verdict.is_automatic:
        outcome = BacktestOutcome.AUTOMATIC
    else:
        outcome = BacktestOutcome.NOBODY_ELIGIBLE if is_stuck else BacktestOutcome.WAITS
    return Answer(outcome, rule=verdict.rule, missing=missing, flags=verdict.flags, steps=steps)


def _asked(steps: Iterable[policies.Step], facts: Facts, company: Organisation) -> tuple[tuple[tuple[int, ...], ...], bool]:
    """Whom each step asks, and whether one of them could never be answered."""
    assert facts.member is not None
    found, is_stuck = [], False
    for step in steps:
        slots = [_people(approver, facts.member, company) for approver in policies.about(step, facts).approvers]
        is_stuck |= not all(slots) if step.needs_all else not any(slots)
        found.append(tuple(sorted({member for slot in slots for member in slot})))
    return tuple(found), is_stuck


def _people(approver: Approver, owner: int, company: Organisation) -> list[int]:
    return [one.member for one in routing.asked(approver, owner, company)]
