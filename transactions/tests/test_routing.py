"""With whom a step is, without a database: the company is a few numbers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from transactions.policies import Approver, ApproverKind
from transactions.routing import Organisation, asked

# 1 owns the company, 2 is its admin, 3 keeps its books, 9 audits. 5 reports to 4, who reports to 3; 6 reports to nobody.
COMPANY = Organisation(
    roles={1: "owner", 2: "admin", 3: "finance", 4: "employee", 5: "employee", 6: "employee"},
    chains={1: "1.", 2: "2.", 3: "3.", 4: "3.4.", 5: "3.4.5.", 6: "6.", 9: "9."},
    heads={10: 4, 20: 9},
    parents={10: None, 11: 10, 20: 10, 30: None},
    budget_owners={100: 6, 200: 5},
    stand_ins={},
)
MANAGER, SECOND = Approver(ApproverKind.MANAGER), Approver(ApproverKind.MANAGERS_MANAGER)


def head(of: int | None) -> Approver:
    return Approver(ApproverKind.DEPARTMENT_HEAD, of=of)


def budget(of: int | None) -> Approver:
    return Approver(ApproverKind.BUDGET_OWNER, of=of)


def said(approver: Approver, owner: int, company: Organisation = COMPANY, **more) -> list[tuple[int, str]]:
    return [(one.member, str(one.because)) for one in asked(approver, owner, company, **more)]


RUNS = [(1, "runs_company"), (2, "runs_company")]


@pytest.mark.parametrize(
    ("approver", "owner", "found"),
    [
        (MANAGER, 5, [(4, "manager")]),
        (MANAGER, 4, [(3, "manager")]),
        (MANAGER, 6, RUNS),
        # Owners and admins included: nobody says yes to their own.
        (MANAGER, 1, [(2, "runs_company")]),
        (MANAGER, 2, [(1, "runs_company")]),
        (SECOND, 5, [(3, "managers_manager")]),
        (SECOND, 4, RUNS),
        (head(10), 5, [(4, "department_head")]),
        # Of a department without a head, that of the one that it lies in.
        (head(11), 5, [(4, "department_head")]),
        # Its head is an auditor, who decides nothing.
        (head(20), 5, [(4, "next_above")]),
        # Its head is the owner of the spend.
        (head(11), 4, RUNS),
        (head(30), 5, RUNS),
        (head(None), 5, RUNS),
        (budget(100), 5, [(6, "budget_owner")]),
        (budget(200), 5, RUNS),
        (budget(None), 5, RUNS),
        (Approver(ApproverKind.ROLE, role="finance"), 5, [(3, "role")]),
        (Approver(ApproverKind.ROLE, role="finance"), 3, RUNS),
        (Approver(ApproverKind.MEMBER, member=6), 5, [(6, "member")]),
        (Approver(ApproverKind.MEMBER, member=5), 5, RUNS),
        (Approver(ApproverKind.MEMBER, member=9), 5, RUNS),
    ],
)
def test_who_is_asked(approver, owner, found):
    assert said(approver, owner) == found


def test_a_manager_who_left_is_passed_over():
    gone = replace(COMPANY, roles={pk: role for pk, role in COMPANY.roles.items() if pk != 4})
    assert said(MANAGER, 5, gone) == [(3, "next_above")]
    assert said(SECOND, 5, gone) == [(3, "managers_manager")]


def test_with_nobody_left_nobody_is_asked():
    alone = replace(COMPANY, roles={1: "owner"})
    assert said(MANAGER, 1, alone) == []


def test_whoever_is_away_is_asked_and_so_is_whoever_stands_in():
    away = replace(COMPANY, stand_ins={4: (6,)})
    found = asked(MANAGER, 5, away)
    assert [(one.member, one.instead_of) for one in found] == [(4, None), (6, 4)]


def test_nobody_decides_about_their_own_by_standing_in():
    away = replace(COMPANY, stand_ins={4: (5,), 3: (4,)})
    assert said(MANAGER, 5, away) == [(4, "manager")]
    # Nor does somebody stand in for a stand-in.
    assert [one.member for one in asked(MANAGER, 5, replace(COMPANY, stand_ins={4: (6,), 6: (2,)}))] == [4, 6]


def test_escalation_goes_one_up_each_time_and_ends_with_who_runs_the_company():
    assert said(MANAGER, 5, escalations=1) == [(4, "manager"), (3, "escalated")]
    assert said(MANAGER, 5, escalations=2) == [(4, "manager"), (3, "escalated"), (1, "escalated"), (2, "escalated")]
    assert said(MANAGER, 5, escalations=3) == said(MANAGER, 5, escalations=2)
    assert said(Approver(ApproverKind.MEMBER, member=6), 5, escalations=1) == [(6, "member"), (1, "escalated"), (2, "escalated")]


def test_nobody_is_asked_twice():
    both = replace(COMPANY, stand_ins={1: (2,), 2: (1,)})
    assert said(MANAGER, 6, both) == RUNS
