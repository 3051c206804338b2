"""What a purchase must have, and who must say yes to it: a company's rules as data. Pure: no clock, no database.

A policy is an ordered list of rules. Each question (is a receipt, a memo, a category required; who approves) is answered by the first
rule that matches the purchase and says something about it; the last rule, `OTHERWISE`, matches everything. Flags of all rules that match
are collected. Amounts are in the company's currency: a purchase in another one is never converted and counts as more than any amount.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

RECEIPT, MEMO, CATEGORY = "receipt", "memo", "category"
ITEMS = (RECEIPT, MEMO, CATEGORY)
APPROVAL = "approval"
OTHERWISE = "Otherwise"
# Whether an item is required.
ALWAYS, NEVER, FROM = "always", "never", "from"


class ApproverKind(StrEnum):
    MANAGER = "manager"
    MANAGERS_MANAGER = "managers_manager"
    DEPARTMENT_HEAD = "department_head"
    BUDGET_OWNER = "budget_owner"
    ROLE = "role"
    MEMBER = "member"


@dataclass(frozen=True, slots=True)
class Approver:
    """Whose yes is asked for: somebody by their place, anybody of a role, or one member by their database id.

    `of` is the database id of the department or the budget that it is about, once the purchase is known.
    """

    kind: ApproverKind
    role: str = ""
    member: Any = None
    of: int | None = None

    def as_row(self) -> list[Any]:
        return [str(self.kind), self.role, self.member, self.of]

    @classmethod
    def of_row(cls, row: list[Any]) -> Approver:
        return cls(ApproverKind(row[0]), *row[1:])


@dataclass(frozen=True, slots=True)
class Step:
    """Approvers of whom any one, or each, must say yes."""

    approvers: tuple[Approver, ...]
    needs_all: bool = False


Ids = frozenset[Any]
# An empty condition holds for every purchase.
_ANY: Ids = frozenset()
_SETS = ("categories", "departments", "merchants", "members", "roles", "sources")


@dataclass(frozen=True, slots=True)
class When:
    """What a rule is about. All of its conditions must hold; each names values of which one must be the purchase's."""

    amount_from_minor: int | None = None
    amount_below_minor: int | None = None
    categories: Ids = _ANY
    departments: Ids = _ANY
    merchants: Ids = _ANY
    members: Ids = _ANY
    roles: Ids = _ANY
    sources: Ids = _ANY
    # Ranges of codes, both ends included.
    merchant_categories: tuple[tuple[str, str], ...] = ()

    def holds(self, facts: Facts, amount_minor: float) -> bool:
        return (
            (self.amount_from_minor is None or amount_minor >= self.amount_from_minor)
            and (self.amount_below_minor is None or amount_minor < self.amount_below_minor)
            and (not self.categories or not self.categories.isdisjoint(facts.categories))
            and (not self.departments or not self.departments.isdisjoint(facts.departments))
            and (not self.merchants or facts.merchant in self.merchants)
            and (not self.members or facts.member in self.members)
            and (not self.roles or facts.role in self.roles)
            and (not self.sources or facts.source in self.sources)
            and (not self.merchant_categories or any(first <= facts.merchant_code <= last for first, last in self.merchant_categories))
        )

    def covers(self, other: When) -> bool:
        """Whether whatever the other holds for, this one holds for too."""
        starts, ends = self.amount_from_minor, self.amount_below_minor
        return (
            (starts is None or (other.amount_from_minor is not None and other.amount_from_minor >= starts))
            and (ends is None or (other.amount_below_minor is not None and other.amount_below_minor <= ends))
            and all(_within(getattr(other, name), getattr(self, name)) for name in _SETS)
            and (not self.merchant_categories or _inside(other.merchant_categories, self.merchant_categories))
        )


def _within(inner: Ids, outer: Ids) -> bool:
    return not outer or (bool(inner) and inner <= outer)


def _inside(inner: Iterable[tuple[str, str]], outer: tuple[tuple[str, str], ...]) -> bool:
    ranges = list(inner)
    return bool(ranges) and all(any(start <= first and last <= end for start, end in outer) for first, last in ranges)


@dataclass(frozen=True, slots=True)
class Rule:
    """What is said of the purchases that it is about.

    `require`: by item the amount from which it is required, None for never. `steps`: None says nothing, none at all approve by themselves.
    """

    name: str
    when: When = field(default_factory=When)
    require: Mapping[str, int | None] = field(default_factory=dict)
    steps: tuple[Step, ...] | None = None
    flag: str = ""

    @property
    def answers(self) -> frozenset[str]:
        return frozenset((*self.require, *((APPROVAL,) if self.steps is not None else ())))


@dataclass(frozen=True, slots=True)
class Reminders:
    """In days. None is never; after so many days of missing items the card is frozen."""

    missing_items_after: tuple[int, ...] = (2, 7, 14)
    freeze_after: int | None = None
    # Again and again, as long as a step waits.
    approvals_after: int | None = 2
    escalate_after: int | None = 7


@dataclass(frozen=True, slots=True)
class Rules:
    """A policy as it is asked: its rules in their order, the last of which holds for everything."""

    currency: str
    rules: tuple[Rule, ...]
    reminders: Reminders = field(default_factory=Reminders)


BY_MANAGER: tuple[Step, ...] = (Step((Approver(ApproverKind.MANAGER),)),)


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a purchase. Split over several categories, departments and budgets, it belongs to each of them."""

    amount_minor: int
    currency: str
    has_receipt: bool = False
    has_memo: bool = False
    has_category: bool = False
    # Somebody said why there is no receipt.
    is_excused: bool = False
    categories: Ids = _ANY
    departments: Ids = _ANY
    budgets: Ids = _ANY
    merchant: int | None = None
    merchant_code: str = ""
    member: int | None = None
    role: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a policy says of one purchase. `steps` empty: it is approved by itself."""

    required: frozenset[str]
    steps: tuple[Step, ...]
    # The name of the rule that said who approves, blank where none did; what all rules that match flag.
    rule: str
    flags: tuple[str, ...]

    @property
    def is_automatic(self) -> bool:
        return not self.steps


def judge(facts: Facts, rules: Rules) -> Verdict:
    """What the rules say, each question answered by the first that matches. Where none names approvers, the owner's manager is asked.

    Where a receipt is required and there is only a reason why there is none, somebody looks at it: it is not approved by itself.
    """
    amount: float = facts.amount_minor if facts.currency == rules.currency else float("inf")
    open_questions, required, flags = {*ITEMS, APPROVAL}, set(), []
    steps, said_by = BY_MANAGER, ""
    for rule in rules.rules:
        if not (rule.flag or rule.answers & open_questions) or not rule.when.holds(facts, amount):
            continue
        if rule.flag:
            flags.append(rule.flag)
        for item in rule.require.keys() & open_questions:
            start = rule.require[item]
            if start is not None and amount >= start:
                required.add(item)
        if rule.steps is not None and APPROVAL in open_questions:
            steps, said_by = rule.steps, rule.name
        open_questions -= rule.answers
    if not steps and facts.is_excused and RECEIPT in required:
        steps = BY_MANAGER
    return Verdict(frozenset(required), steps, said_by, tuple(flags))


def missing(facts: Facts, required: frozenset[str]) -> list[str]:
    """What somebody still has to add, in the order in which a person would."""
    there = {RECEIPT: facts.has_receipt or facts.is_excused, MEMO: facts.has_memo, CATEGORY: facts.has_category}
    return [item for item in ITEMS if item in required and not there[item]]


def about(step: Step, facts: Facts) -> Step:
    """The step with each approver of a department or a budget once for each that the purchase belongs to."""
    of = {ApproverKind.DEPARTMENT_HEAD: facts.departments, ApproverKind.BUDGET_OWNER: facts.budgets}
    spread = [
        [replace(approver, of=one) for one in sorted(of[approver.kind])] or [approver] if approver.kind in of else [approver]
        for approver in step.approvers
    ]
    return replace(step, approvers=tuple(approver for some in spread for approver in some))
