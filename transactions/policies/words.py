"""Policies in words, as people read them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from spendtrackr.money import Money
from transactions.policies.documents import Document, rules_of
from transactions.policies.rules import ALWAYS, ITEMS, NEVER, ApproverKind


@dataclass(frozen=True, slots=True)
class RuleInWords:
    """What a rule is about and what it says. Lists are empty where it says nothing."""

    name: str
    about: str
    requires: list[str]
    approves: list[str]
    flag: str


def in_words(document: Document, names: Mapping[str, str]) -> list[RuleInWords]:
    """The rules in their order, the last of which is about everything else. `names`: of the public ids that the document names."""
    return [
        RuleInWords(
            rule.get("name", "Otherwise"),
            _about(rule["when"], names) if "when" in rule else "Everything else",
            [_required(item, rule["require"][item]) for item in ITEMS if rule["require"][item]],
            list(_approved(rule["approval"], names)),
            rule.get("flag", ""),
        )
        for _, rule in rules_of(document)
    ]


_SOURCES = {"card": "paid by card", "claim": "paid out of pocket", "statement": "imported from a statement"}


def _about(when: Document, names: Mapping[str, str]) -> str:
    """`Purchases below $50.00, in Meals or Travel`."""
    parts = [
        _amount(when["amount_from"], when["amount_below"]),
        _one_of("in", [names[one] for one in when["categories"]]),
        _one_of("of the department", [names[one] for one in when["departments"]]),
        _one_of("at", [names[one] for one in when["merchants"]]),
        _one_of("by", [names[one] for one in when["members"]]),
        _one_of("by somebody with the role", when["roles"]),
        _one_of("with merchant category", when["merchant_categories"]),
        _one_of("", [_SOURCES[one] for one in when["sources"]]),
    ]
    said = ", ".join(part for part in parts if part)
    return f"Purchases {said}" if said else "Every purchase"


def _amount(start: Document | None, end: Document | None) -> str:
    if start and end:
        return f"from {_money(start)} and below {_money(end)}"
    return f"of {_money(start)} or more" if start else f"below {_money(end)}" if end else ""


def _money(said: Document) -> str:
    return Money(said["minor"], said["currency"]).written()


def _one_of(before: str, listed: Iterable[str]) -> str:
    said = [*listed]
    if not said:
        return ""
    return f"{before} {', '.join(said[:-1])}{' or ' if len(said) > 1 else ''}{said[-1]}".strip()


def _required(item: str, asked: Document) -> str:
    if asked["when"] == ALWAYS:
        return item.capitalize()
    return f"No {item}" if asked["when"] == NEVER else f"{item.capitalize()} from {_money(asked['amount'])}"


def _approved(approval: Document | None, names: Mapping[str, str]) -> Iterator[str]:
    if approval is None:
        return
    if approval["automatic"]:
        yield "Approved by itself"
    for number, step in enumerate(approval["steps"]):
        asked = [approver_in_words(one["kind"], one["role"] or "", names.get(one["member"] or "", "")) for one in step["approvers"]]
        said = asks(asked, needs_all=step["mode"] == "all")
        yield f"then {said}" if number else said[:1].upper() + said[1:]


def asks(approvers: list[str], *, needs_all: bool) -> str:
    """`the manager`, `one of the manager and anybody with the role finance`."""
    if len(approvers) == 1:
        return approvers[0]
    return f"{'each' if needs_all else 'one'} of {', '.join(approvers[:-1])} and {approvers[-1]}"


_PLACES = {
    ApproverKind.MANAGER: "the manager",
    ApproverKind.MANAGERS_MANAGER: "the manager’s manager",
    ApproverKind.DEPARTMENT_HEAD: "the head of department",
    ApproverKind.BUDGET_OWNER: "the budget owner",
}
PLACES = {str(kind): said for kind, said in _PLACES.items()}


def approver_in_words(kind: str, role: str, name: str) -> str:
    """`name`: of the member that is named, if one is."""
    if kind == ApproverKind.ROLE:
        return f"anybody with the role {role}"
    return name if kind == ApproverKind.MEMBER else PLACES[kind]
