"""With whom a step is: from what a policy names to people, as the company stands now. Pure but for `organisation`, which reads it.

Never the owner of the spend, directly or for somebody who is away. Where nobody who is named can decide, it goes up: to the next above
on the same way, then to whoever runs the company. With nobody left it waits for nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cards.models import Budget
from companies.models import Department
from transactions.models import Because, Delegation, DelegationState
from transactions.policies import Approver, ApproverKind
from users.models import DepartmentHead, Membership, ids_above
from users.queries import deciders
from users.roles import RUNS


@dataclass(frozen=True, slots=True)
class Organisation:
    """Who stands where, by database ids. `roles`: of those who may decide at all, in the order of their ids."""

    roles: Mapping[int, str]
    chains: Mapping[int, str]
    heads: Mapping[int, int]
    parents: Mapping[int, int | None]
    budget_owners: Mapping[int, int]
    stand_ins: Mapping[int, tuple[int, ...]]

    def above(self, member: int) -> list[int]:
        """The managers above, the nearest first, whether they can decide or not."""
        return ids_above(self.chains.get(member, ""))

    def heads_from(self, department: int | None) -> list[int]:
        """The heads of a department and of those that it lies in, from the inside out."""
        found: list[int] = []
        while department is not None:
            if department in self.heads:
                found.append(self.heads[department])
            department = self.parents.get(department)
        return found


def organisation() -> Organisation:
    """The company in scope, in six queries whatever its size."""
    stand_ins: dict[int, tuple[int, ...]] = {}
    live = Delegation.objects.filter(state=DelegationState.LIVE).order_by("pk")
    for away, to in live.values_list("member_id", "to_id"):
        stand_ins[away] = (*stand_ins.get(away, ()), to)
    return Organisation(
        roles=dict(deciders().order_by("pk").values_list("pk", "role")),
        chains=dict(Membership.objects.values_list("pk", "chain")),
        heads=dict(DepartmentHead.objects.values_list("department_id", "member_id")),
        parents=dict(Department.objects.values_list("pk", "parent_id")),
        budget_owners=dict(Budget.objects.values_list("pk", "owner_id")),
        stand_ins=stand_ins,
    )


@dataclass(frozen=True, slots=True)
class Asked:
    """One person, why they are asked, and for whom they stand in."""

    member: int
    because: str
    instead_of: int | None = None


def asked(approver: Approver, owner: int, company: Organisation, *, escalations: int = 0) -> list[Asked]:
    """Of whom any one may answer for an approver that a policy names. Empty when nobody in the company may."""
    found = _named(approver, owner, company) or _next_above(approver, owner, company) or _runs(owner, company)
    for _ in range(escalations):
        found = [*found, *_escalated(found, owner, company)]
    first: dict[int, Asked] = {}
    for one in (*found, *_stand_ins(found, owner, company)):
        first.setdefault(one.member, one)
    return list(first.values())


def _able(members: Iterable[int], owner: int, company: Organisation) -> list[int]:
    return [member for member in members if member in company.roles and member != owner]


def _named(approver: Approver, owner: int, company: Organisation) -> list[Asked]:
    """Those whom the policy means, if they can decide."""
    match approver.kind:
        case ApproverKind.ROLE:
            members = [member for member, role in company.roles.items() if role == approver.role]
        case ApproverKind.MEMBER:
            members = [approver.member]
        case ApproverKind.BUDGET_OWNER:
            owner_of_it = company.budget_owners.get(approver.of or 0)
            members = [owner_of_it] if owner_of_it else []
        case _:
            members = _way_up(approver, owner, company)[:1]
    return [Asked(member, Because(approver.kind)) for member in _able(members, owner, company)]


def _way_up(approver: Approver, owner: int, company: Organisation) -> list[int]:
    """The place that is meant, and those above it."""
    if approver.kind == ApproverKind.DEPARTMENT_HEAD:
        return company.heads_from(approver.of)
    above = company.above(owner)
    return above[1:] if approver.kind == ApproverKind.MANAGERS_MANAGER else above


def _next_above(approver: Approver, owner: int, company: Organisation) -> list[Asked]:
    """Where the place that is meant is empty, or its holder cannot decide: whoever comes next on the same way up."""
    if approver.kind in {ApproverKind.ROLE, ApproverKind.MEMBER, ApproverKind.BUDGET_OWNER}:
        return []
    return [Asked(member, Because.NEXT_ABOVE) for member in _able(_way_up(approver, owner, company), owner, company)[:1]]


def _runs(owner: int, company: Organisation) -> list[Asked]:
    runs = [member for member, role in company.roles.items() if role in RUNS]
    return [Asked(member, Because.RUNS_COMPANY) for member in _able(runs, owner, company)]


def _escalated(found: list[Asked], owner: int, company: Organisation) -> list[Asked]:
    """Nobody answered in time: the nearest manager above those who were asked who was not asked himself, else who runs the company."""
    known = {one.member for one in found}
    for one in found:
        higher = [member for member in _able(company.above(one.member), owner, company) if member not in known]
        if higher:
            return [Asked(higher[0], Because.ESCALATED)]
    return [Asked(one.member, Because.ESCALATED) for one in _runs(owner, company) if one.member not in known]


def _stand_ins(found: list[Asked], owner: int, company: Organisation) -> list[Asked]:
    """Whoever decides for those who are away. Nobody stands in for a stand-in."""
    return [
        Asked(to, one.because, instead_of=one.member)
        for one in found
        for to in _able(company.stand_ins.get(one.member, ()), owner, company)
    ]
