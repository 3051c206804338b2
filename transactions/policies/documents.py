"""Policies as they are written: the document that the API takes and shows, and what rules it comes to. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from transactions.policies.rules import (
    ALWAYS,
    CATEGORY,
    MEMO,
    NEVER,
    OTHERWISE,
    RECEIPT,
    Approver,
    ApproverKind,
    Reminders,
    Rule,
    Rules,
    Step,
    When,
)

# As it is written: the document that the API takes and shows, with public ids and amounts as {"minor", "currency"}.
Document = Mapping[str, Any]
# How much one document may say.
MOST_RULES, MOST_LISTED, MOST_STEPS, MOST_APPROVERS = 100, 300, 10, 20
ID_LISTS = ("categories", "departments", "merchants", "members")


def compiled(document: Document, currency: str, id_of: Callable[[str], Any]) -> Rules:
    """A document whose shape was checked, with its public ids as `id_of` knows them.

    An amount in another currency, from before the company changed its own, compares with nothing: from it on is from zero on, and
    nothing is below it. So it asks for more, never for less.
    """
    last = {**document["otherwise"], "name": OTHERWISE}
    reminders = document["reminders"]
    return Rules(
        currency,
        tuple(_rule(rule, currency, id_of) for rule in (*document["rules"], last)),
        Reminders(
            tuple(sorted(reminders["missing_items_after_days"])),
            reminders["freeze_after_days"],
            reminders["approvals_after_days"],
            reminders["escalate_after_days"],
        ),
    )


def _rule(said: Document, currency: str, id_of: Callable[[str], Any]) -> Rule:
    approval = said["approval"]
    steps = None if approval is None else tuple(_step(step, id_of) for step in approval["steps"])
    require = {item: _start(asked, currency) for item, asked in said["require"].items() if asked is not None}
    return Rule(said["name"], _when(said.get("when"), currency, id_of), require, steps, said.get("flag", ""))


def _start(asked: Document, currency: str) -> int | None:
    return None if asked["when"] == NEVER else _minor(asked["amount"], currency) or 0


def _minor(amount: Document | None, currency: str) -> int | None:
    if amount is None:
        return None
    return int(amount["minor"]) if amount["currency"] == currency else 0


def _when(said: Document | None, currency: str, id_of: Callable[[str], Any]) -> When:
    if said is None:
        return When()
    ranges = (code.split("-") for code in said["merchant_categories"])
    return When(
        _minor(said["amount_from"], currency),
        _minor(said["amount_below"], currency),
        **{name: frozenset(map(id_of, said[name])) for name in ID_LISTS},
        roles=frozenset(said["roles"]),
        sources=frozenset(said["sources"]),
        merchant_categories=tuple((ends[0], ends[-1]) for ends in ranges),
    )


def _step(said: Document, id_of: Callable[[str], Any]) -> Step:
    approvers = (
        Approver(ApproverKind(one["kind"]), one["role"] or "", id_of(one["member"]) if one["member"] else None) for one in said["approvers"]
    )
    return Step(tuple(approvers), needs_all=said["mode"] == "all")


def ids_in(document: Document) -> dict[str, list[tuple[str, str]]]:
    """The public ids that a document names, by what they are, each with its place in it: `rules.2.when.categories.0`."""
    found: dict[str, list[tuple[str, str]]] = {name: [] for name in ID_LISTS}
    for place, rule in rules_of(document):
        for name in ID_LISTS:
            listed = (rule.get("when") or {}).get(name, ())
            found[name] += [(public_id, f"{place}.when.{name}.{number}") for number, public_id in enumerate(listed)]
        found["members"] += [(one["member"], f"{at}.member") for at, one in approvers_of(rule, place) if one["member"]]
    return found


def currencies_in(document: Document) -> Iterable[tuple[str, str]]:
    """The currency of each amount in a document, with its place."""
    for place, rule in rules_of(document):
        amounts = {f"when.{name}": (rule.get("when") or {}).get(name) for name in ("amount_from", "amount_below")}
        amounts |= {f"require.{item}.amount": asked["amount"] for item, asked in rule["require"].items() if asked}
        yield from ((f"{place}.{at}", amount["currency"]) for at, amount in amounts.items() if amount)


def rules_of(document: Document) -> Iterable[tuple[str, Document]]:
    return [*((f"rules.{number}", rule) for number, rule in enumerate(document["rules"])), ("otherwise", document["otherwise"])]


def approvers_of(rule: Document, place: str) -> Iterable[tuple[str, Document]]:
    for number, step in enumerate((rule["approval"] or {}).get("steps", ())):
        for which, one in enumerate(step["approvers"]):
            yield f"{place}.approval.steps.{number}.approvers.{which}", one


# What a part of a document is when it is left out.
NO_CONDITIONS: Document = {
    "amount_from": None, "amount_below": None, "categories": [], "departments": [], "merchants": [], "members": [],
    "merchant_categories": [], "roles": [], "sources": [],
}  # fmt: skip
NOTHING_ASKED: Document = {RECEIPT: None, MEMO: None, CATEGORY: None}
_MANAGER: Document = {"kind": "manager", "role": None, "member": None}
# In force until a company writes its own: every purchase wants a receipt and a category, and its owner's manager says yes.
STANDARD: Document = {
    "name": "Standard",
    "rules": [],
    "otherwise": {
        "require": {**NOTHING_ASKED, RECEIPT: {"when": ALWAYS, "amount": None}, CATEGORY: {"when": ALWAYS, "amount": None}},
        "approval": {"automatic": False, "steps": [{"mode": "any", "approvers": [_MANAGER]}]},
    },
    "reminders": {"missing_items_after_days": [2, 7, 14], "freeze_after_days": None, "approvals_after_days": 2, "escalate_after_days": 7},
}
