"""What would surprise whoever wrote a policy: rules that never decide, approvers that do not exist, questions without an answer. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from transactions.policies.documents import Document, approvers_of, compiled, rules_of
from transactions.policies.rules import APPROVAL, ApproverKind, Rule, When


@dataclass(frozen=True, slots=True)
class Known:
    """What a document is held against: the company as it stands. Public ids."""

    currency: str
    # Categories and departments that are archived, members who have left: nothing new is theirs.
    gone: frozenset[str] = frozenset()
    # Who may decide at all; the roles and the places that somebody of them has.
    deciders: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    places: frozenset[ApproverKind] = frozenset()


@dataclass(frozen=True, slots=True)
class Remark:
    """What would surprise whoever wrote a policy, and where in the document it stands. It may be activated all the same."""

    code: str
    field: str
    message: str


REMARKS = ("never_matches", "says_nothing", "no_such_approver", "no_fallback")


def remarks(document: Document, known: Known) -> list[Remark]:
    """Rules that never decide anything, approvers that do not exist, questions that no rule answers."""
    found = [remark for place, rule in rules_of(document) for remark in _about_approvers(place, rule, known)]
    return [*_about_rules(document, known), *found, *_about_gaps(document, known)]


def _about_rules(document: Document, known: Known) -> Iterable[Remark]:
    rules = compiled(document, known.currency, str).rules[:-1]
    for number, (rule, said) in enumerate(zip(rules, document["rules"], strict=True)):
        place = f"rules.{number}"
        if reason := _why_never(rule, said["when"], known):
            yield Remark("never_matches", f"{place}.when", f"“{rule.name}” can never match: {reason}.")
        elif not rule.answers and not rule.flag:
            yield Remark("says_nothing", place, f"“{rule.name}” requires nothing, routes nothing and flags nothing.")
        elif not rule.flag and (before := _shadows(rule, rules[:number])):
            yield Remark("never_matches", place, f"“{rule.name}” decides nothing: {before} above it said it all before.")


def _why_never(rule: Rule, said: Document, known: Known) -> str:
    when = rule.when
    if when.amount_from_minor is not None and when.amount_below_minor is not None and when.amount_from_minor >= when.amount_below_minor:
        return "no amount is both that large and that small"
    if any((said[name] or {}).get("currency", known.currency) != known.currency for name in ("amount_from", "amount_below")):
        return f"its amounts are not in {known.currency}"
    for name in ("categories", "departments", "members"):
        if (ids := getattr(when, name)) and ids <= known.gone:
            return f"all of its {name} are archived" if name != "members" else "everybody it names has left"
    return ""


def _shadows(rule: Rule, before: Iterable[Rule]) -> str:
    """The names of rules that leave this one no question to answer, or blank where one is left."""
    left, by = set(rule.answers), []
    for earlier in before:
        if left & earlier.answers and earlier.when.covers(rule.when):
            left -= earlier.answers
            by.append(f"“{earlier.name}”")
    return " and ".join(by) if not left else ""


def _about_approvers(place: str, rule: Document, known: Known) -> Iterable[Remark]:
    for at, one in approvers_of(rule, place):
        kind = ApproverKind(one["kind"])
        if kind == ApproverKind.MEMBER and one["member"] not in known.deciders:
            yield Remark("no_such_approver", at, "This member cannot decide: they are not active, or they are an auditor.")
        elif kind == ApproverKind.ROLE and one["role"] not in known.roles:
            yield Remark("no_such_approver", at, f"Nobody who could decide has the role {one['role']}.")
        elif kind not in {ApproverKind.MEMBER, ApproverKind.ROLE} and kind not in known.places:
            yield Remark("no_such_approver", at, f"Nobody has such a {_PLACES[kind]} yet: whoever is next above is asked instead.")


_PLACES = {
    ApproverKind.MANAGER: "manager",
    ApproverKind.MANAGERS_MANAGER: "manager’s manager",
    ApproverKind.DEPARTMENT_HEAD: "head of department",
    ApproverKind.BUDGET_OWNER: "budget owner",
}


def _about_gaps(document: Document, known: Known) -> Iterable[Remark]:
    everything = (rule for rule in compiled(document, known.currency, str).rules if rule.when == When())
    if not any(APPROVAL in rule.answers for rule in everything):
        told = "No rule says who approves what none of the others match: the owner’s manager is asked."
        yield Remark("no_fallback", "otherwise.approval", told)
