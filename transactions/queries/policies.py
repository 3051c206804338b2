"""Policies: which version is in force, what it says of a purchase, and what the company knows that it is held against."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache, reduce
from operator import or_
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery

from cards.models import Budget
from companies.models import Category, Company, Department
from transactions import policies
from transactions.models import Merchant, Policy, PolicyActivation, Split, Transaction
from transactions.policies import ApproverKind, Facts, Known, Rules
from users.models import DepartmentHead, Membership, MembershipStatus
from users.queries import deciders

_ROWS: dict[str, type[Any]] = {"categories": Category, "departments": Department, "merchants": Merchant, "members": Membership}


def rules_now(company: Company) -> Rules:
    """The rules of the version that was activated last; the standard ones until a company writes its own. One query."""
    return rules_of(_activated().values_list("policy__public_id", flat=True).first(), company.currency)


def rules_at(company: Company, at: datetime) -> Rules:
    """The rules that were in force at an instant."""
    return rules_of(_activated().filter(at__lte=at).values_list("policy__public_id", flat=True).first(), company.currency)


def in_force() -> Policy | None:
    """The version that was activated last; None where the standard one is in force."""
    latest = _activated().select_related("policy").first()
    return latest.policy if latest else None


def _activated() -> QuerySet[PolicyActivation]:
    return PolicyActivation.objects.order_by("-at", "-pk")


@lru_cache(maxsize=1024)
def rules_of(policy_id: str | None, currency: str) -> Rules:
    """A version by its public id, ready to be asked. Versions never change and rows never go, so each is read once by a process."""
    document = policies.STANDARD if policy_id is None else Policy.objects.get(public_id=policy_id).document
    return policies.compiled(document, currency, _ids_of(document))


def _ids_of(document: policies.Document) -> Callable[[str], int]:
    """The database ids behind the public ones that a document names."""
    found: dict[str, int] = {}
    for name, places in policies.ids_in(document).items():
        if wanted := {public_id for public_id, _ in places}:
            found |= dict(_ROWS[name].objects.filter(public_id__in=wanted).values_list("public_id", "pk"))
    return found.__getitem__


def unknown_ids(document: policies.Document) -> str | None:
    """The place of the first id that is nobody's in this company; None where all are known. A program neither spends nor approves."""
    for name, places in policies.ids_in(document).items():
        rows = Membership.objects.people() if name == "members" else _ROWS[name].objects.all()
        known = set(rows.filter(public_id__in={public_id for public_id, _ in places}).values_list("public_id", flat=True))
        for public_id, place in places:
            if public_id not in known:
                return place
    return None


def names_in(document: policies.Document) -> dict[str, str]:
    """The names behind the public ids that a document names."""
    found: dict[str, str] = {}
    for name, places in policies.ids_in(document).items():
        if wanted := {public_id for public_id, _ in places}:
            rows = _ROWS[name].objects.filter(public_id__in=wanted)
            found |= dict(rows.values_list("public_id", "user__name" if name == "members" else "name"))
    return found


@dataclass(frozen=True, slots=True)
class Choosable:
    """What a rule may name, by name: what is in use, and what the document names already. Pairs of id and name."""

    categories: list[tuple[str, str]]
    departments: list[tuple[str, str]]
    members: list[tuple[str, str]]
    approvers: list[tuple[str, str]]


def choosable(document: policies.Document) -> Choosable:
    """For the form of a policy. Four queries, and one for each kind of thing that the document names."""
    named = {name: {public_id for public_id, _ in places} for name, places in policies.ids_in(document).items()}
    in_use = [
        model.objects.filter(Q(archived_at=None) | Q(public_id__in=named[kind])).order_by("name").values_list("public_id", "name")
        for model, kind in ((Category, "categories"), (Department, "departments"))
    ]
    people = Membership.objects.people().filter(~Q(status=MembershipStatus.DEACTIVATED) | Q(public_id__in=named["members"]))
    able = Membership.objects.filter(Q(pk__in=deciders().values("pk")) | Q(public_id__in=named["members"]))
    by_name = ("user__name", "pk")
    categories, departments = in_use
    return Choosable(
        categories=list(categories),
        departments=list(departments),
        members=list(people.order_by(*by_name).values_list("public_id", "user__name")),
        approvers=list(able.order_by(*by_name).values_list("public_id", "user__name")),
    )


def merchants_named(names: list[str]) -> dict[str, list[str]]:
    """The ids of merchants by their names without capitals: one name may be that of several, which the network tells apart."""
    found: dict[str, list[str]] = defaultdict(list)
    asked = reduce(or_, (Q(name__iexact=name) for name in names), Q(pk__in=[]))
    for name, public_id in Merchant.objects.filter(asked).order_by("pk").values_list("name", "public_id"):
        found[name.casefold()].append(public_id)
    return found


def facts_of(purchase: Transaction, *, role: str | None = None) -> Facts:
    """All that a policy asks about a purchase, as its row stands. The owner's `role` is looked up where it is not known."""
    if role is None:
        role = purchase.member.role if purchase.member else ""
    return _facts(purchase, list(Split.objects.filter(transaction=purchase)) if purchase.is_split else [], role)


def facts_of_all(purchases: Sequence[Transaction]) -> list[Facts]:
    """The same of many, in their order, with two queries."""
    parts: dict[int, list[Split]] = defaultdict(list)
    for part in Split.objects.filter(transaction__in=[purchase.pk for purchase in purchases if purchase.is_split]):
        parts[part.transaction_id].append(part)
    owners = {purchase.member_id for purchase in purchases if purchase.member_id}
    roles = dict(Membership.objects.filter(pk__in=owners).values_list("pk", "role"))
    return [_facts(purchase, parts[purchase.pk], roles.get(purchase.member_id or 0, "")) for purchase in purchases]


def _facts(purchase: Transaction, parts: Sequence[Split], role: str) -> Facts:
    categories = [part.category_id for part in parts] or [purchase.category_id]
    return Facts(
        # With what is still on hold: a yes gives its room back as well.
        amount_minor=max(purchase.amount_minor, purchase.captured_minor + purchase.held_minor),
        currency=purchase.currency,
        has_receipt=purchase.receipt_count > 0,
        has_memo=bool(purchase.memo),
        has_category=None not in categories,
        is_excused=bool(purchase.no_receipt_reason),
        categories=_set(categories),
        departments=_set([part.department_id or purchase.department_id for part in parts] or [purchase.department_id]),
        budgets=_set([part.budget_id or purchase.budget_id for part in parts] or [purchase.budget_id]),
        merchant=purchase.merchant_id,
        merchant_code=purchase.merchant_code,
        member=purchase.member_id,
        role=role,
        source=purchase.source,
    )


def _set(pks: Iterable[int | None]) -> frozenset[int]:
    return frozenset(pk for pk in pks if pk is not None)


def versions() -> QuerySet[Policy]:
    """All versions, each with `activated_at`, when it last came into force, and `is_in_force`."""
    latest = Subquery(_activated().values("policy_id")[:1])
    mine = _activated().filter(policy=OuterRef("pk"))
    return Policy.objects.select_related("created_by__user").annotate(
        activated_at=mine.values("at")[:1], is_in_force=Exists(Policy.objects.filter(pk=OuterRef("pk")).filter(pk=latest))
    )


def known(company: Company) -> Known:
    """What a new version is held against, in a few queries."""
    able = list(deciders().values_list("public_id", "pk", "role"))
    by_id = {pk for _, pk, _ in able}
    chains = Membership.objects.exclude(manager=None).values_list("chain", flat=True)
    places = {
        ApproverKind.MANAGER: any(True for _ in chains[:1]),
        ApproverKind.MANAGERS_MANAGER: any(chain.count(".") > 2 for chain in chains),
        ApproverKind.DEPARTMENT_HEAD: DepartmentHead.objects.filter(member_id__in=by_id).exists(),
        ApproverKind.BUDGET_OWNER: Budget.objects.filter(closed_at=None, owner_id__in=by_id).exists(),
    }
    gone = [model.objects.exclude(archived_at=None).values_list("public_id", flat=True) for model in (Category, Department)]
    left = Membership.objects.filter(status=MembershipStatus.DEACTIVATED).values_list("public_id", flat=True)
    return Known(
        currency=company.currency,
        gone=frozenset(public_id for rows in (*gone, left) for public_id in rows),
        deciders=frozenset(public_id for public_id, _, _ in able),
        roles=frozenset(role for _, _, role in able),
        places=frozenset(kind for kind, is_there in places.items() if is_there),
    )


@dataclass(frozen=True, slots=True)
class PolicyShown:
    """A version with its document, and what is remarkable about it. The standard policy has neither id nor version."""

    name: str
    document: policies.Document
    remarks: list[policies.Remark]
    public_id: str | None = None
    version: int | None = None
    created_by: Membership | None = None
    created_at: datetime | None = None
    activated_at: datetime | None = None
    is_in_force: bool = True


def with_remarks(policy: Any, company: Company) -> PolicyShown:
    """Of a row of `versions`."""
    found = policies.remarks(policy.document, known(company))
    return PolicyShown(
        policy.name, policy.document, found, policy.public_id, policy.version, policy.created_by, policy.created_at, policy.activated_at,
        policy.is_in_force,
    )  # fmt: skip


def standard(company: Company) -> PolicyShown:
    """The policy of a company that has activated none."""
    return PolicyShown(policies.STANDARD["name"], policies.STANDARD, policies.remarks(policies.STANDARD, known(company)))
