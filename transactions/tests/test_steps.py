"""Steps on real rows: in their order, any or all, moved with people, reminded of and escalated."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cards import operations as cards
from cards.models import BudgetInterval
from cards.operations import budgets
from reports import verification
from spendtrackr import errors
from spendtrackr.models import Event
from spendtrackr.money import Money
from spendtrackr.tenancy import AppendOnly
from tests.factories import NOON, swipe
from tests.rules import MANAGER, adopt, approver, decide, money, route, rule, step
from transactions import queries, tasks
from transactions.models import Approval, ApprovalDecision, ApprovalStep, Assignment, Transaction
from transactions.operations import approvals
from transactions.operations.clearing import Clearing, clear
from transactions.operations.swipes import authorize
from users import operations as people

LATER = NOON + timedelta(days=1)
FINANCE = approver("role", role="finance")


@pytest.fixture
def team(acme):
    """Bob reports to Grace; Frank and Fay keep the books."""
    acme.grace, acme.frank, acme.fay = acme.hire("Grace", "employee"), acme.hire("Frank", "finance"), acme.hire("Fay", "finance")
    acme.bob = people.change_member(acme.bob, {"manager": acme.grace}, actor=acme.alice, at=NOON)
    return acme


def ask(team, *steps, minor: int = 80_00, **said) -> Approval:
    adopt(team, approval=route(*steps), **said)
    purchase = authorize(team.reload(), swipe(minor)).transaction
    purchase = clear(purchase, Clearing("capture", f"c-{purchase.pk}", NOON, is_final=True), actor=None)
    approvals.submit(purchase, actor=team.bob, at=NOON)
    return Approval.objects.latest("pk")


def yes(approval: Approval, actor, at=LATER) -> str:
    return decide(approval, actor, at=at).status


def inbox(*members) -> list[int]:
    return [queries.waiting_for(member).count() for member in members]


def told(approval: Approval) -> list[str]:
    return list(Event.objects.filter(subject_id=approval.public_id).order_by("pk").values_list("type", flat=True))


def books_are_right() -> None:
    assert [*verification.approvals(), *verification.approval_steps()] == []


def test_steps_are_asked_one_after_the_other(team):
    approval = ask(team, step(MANAGER), step(FINANCE))
    assert inbox(team.grace, team.frank, team.fay) == [1, 0, 0]
    with pytest.raises(errors.Forbidden):
        yes(approval, team.frank)
    assert yes(approval, team.grace) == "waiting"
    assert inbox(team.grace, team.frank, team.fay) == [0, 1, 1]
    books_are_right()
    assert yes(approval, team.fay) == "approved"
    assert inbox(team.grace, team.frank, team.fay) == [0, 0, 0]
    assert told(approval) == ["approval.requested", "approval.assigned", "approval.assigned", "approval.agreed", "approval.approved"]
    books_are_right()


def test_each_decision_is_kept_with_who_and_what_was_seen(team):
    approval = ask(team, step(MANAGER), step(FINANCE))
    yes(approval, team.grace)
    yes(approval, team.frank)
    rows = ApprovalDecision.objects.order_by("pk")
    assert [(row.actor, row.outcome, row.seen, row.at) for row in rows] == [
        (team.grace, "approved", approval.seen, LATER),
        (team.frank, "approved", approval.seen, LATER),
    ]
    for change in (rows[0].save, rows[0].delete, lambda: rows.update(outcome="rejected")):
        with pytest.raises(AppendOnly):
            change()


def test_any_of_several_is_enough(team):
    approval = ask(team, step(MANAGER, FINANCE))
    assert inbox(team.grace, team.frank, team.fay) == [1, 1, 1]
    assert yes(approval, team.fay) == "approved"


def test_all_of_several_means_each_and_of_a_role_anybody(team):
    approval = ask(team, step(MANAGER, FINANCE, mode="all"))
    assert yes(approval, team.frank) == "waiting"
    # Somebody of the role has said yes: the others of it are not asked any more, and nobody says it twice.
    assert inbox(team.grace, team.frank, team.fay) == [1, 0, 0]
    for late in (team.fay, team.frank):
        with pytest.raises(errors.Forbidden):
            yes(approval, late)
    books_are_right()
    assert yes(approval, team.grace) == "approved"


def test_whoever_said_yes_is_not_asked_again_in_a_later_step(team):
    approval = ask(team, step(FINANCE), step(approver("member", member=team.frank.public_id)), step(MANAGER))
    yes(approval, team.frank)
    assert [row.status for row in ApprovalStep.objects.order_by("position")] == ["approved", "approved", "waiting"]
    assert yes(approval, team.grace) == "approved"
    books_are_right()


def test_a_no_ends_it_whatever_others_said(team):
    approval = ask(team, step(MANAGER, FINANCE, mode="all"), step(approver("role", role="owner")))
    yes(approval, team.grace)
    assert decide(approval, team.frank, outcome="rejected", reason="No", at=LATER).status == "rejected"
    assert [row.status for row in ApprovalStep.objects.order_by("position")] == ["ended", "ended"]
    assert (inbox(team.grace, team.frank, team.alice), Transaction.objects.get().approval) == ([0, 0, 0], "rejected")
    books_are_right()


def test_the_head_of_the_department_and_the_owner_of_the_budget_are_asked(team):
    sales = people.add_department(name="Sales", head=team.frank, actor=team.alice, at=NOON)
    people.change_member(team.bob, {"department": sales}, actor=team.alice, at=NOON)
    travel = budgets.create(
        name="Travel", limit=Money(500_00, "USD"), interval=BudgetInterval.MONTH, is_hard=True, owner=team.fay, members=[team.bob],
        actor=team.alice, at=NOON,
    )  # fmt: skip
    team.card = cards.issue(team.bob, name="T", currency="USD", controls=cards.Controls(), budget=travel, actor=team.alice, at=NOON)
    approval = ask(team, step(approver("department_head"), approver("budget_owner"), mode="all"))
    assert {(row.member, str(row.because)) for row in Assignment.objects.all()} == {
        (team.frank, "department_head"), (team.fay, "budget_owner"),
    }  # fmt: skip
    assert (yes(approval, team.frank), yes(approval, team.fay)) == ("waiting", "approved")


def test_a_deactivated_approvers_steps_move_in_the_same_transaction(team):
    approval = ask(team, step(MANAGER))
    people.set_status(team.grace, "deactivated", actor=team.alice, at=LATER)
    [shown] = queries.with_steps([approval])
    assert [(one.member, str(one.because)) for one in shown.waits_for] == [(team.alice, "runs_company")]
    assert told(approval)[-1] == "approval.assigned"
    with pytest.raises(errors.Forbidden):
        yes(approval, team.grace)
    books_are_right()
    assert yes(approval, team.alice) == "approved"


def change_role(team):
    people.change_member(team.grace, {"role": "auditor"}, actor=team.alice, at=LATER)


def change_manager(team):
    people.change_member(team.bob, {"manager": team.frank}, actor=team.alice, at=LATER)


def suspend(team):
    people.set_status(team.grace, "suspended", actor=team.alice, at=LATER)


@pytest.mark.parametrize(("change", "to"), [(change_role, "alice"), (change_manager, "frank"), (suspend, "alice")])
def test_open_steps_follow_people_wherever_they_go(team, change, to):
    approval = ask(team, step(MANAGER))
    change(team)
    assert inbox(team.grace, getattr(team, to)) == [0, 1]
    books_are_right()
    assert yes(approval, getattr(team, to)) == "approved"


def test_somebody_who_comes_back_has_their_steps_again(team):
    ask(team, step(MANAGER))
    people.set_status(team.grace, "suspended", actor=team.alice, at=LATER)
    people.set_status(team.grace, "active", actor=team.alice, at=LATER)
    assert inbox(team.grace, team.alice) == [1, 0]


def test_a_new_head_of_department_and_a_new_owner_of_the_budget_take_over(team):
    sales = people.add_department(name="Sales", head=team.frank, actor=team.alice, at=NOON)
    people.change_member(team.bob, {"department": sales}, actor=team.alice, at=NOON)
    travel = budgets.create(
        name="Travel", limit=Money(500_00, "USD"), interval=BudgetInterval.MONTH, is_hard=True, owner=team.frank, members=[team.bob],
        actor=team.alice, at=NOON,
    )  # fmt: skip
    team.card = cards.issue(team.bob, name="T", currency="USD", controls=cards.Controls(), budget=travel, actor=team.alice, at=NOON)
    ask(team, step(approver("department_head")))
    ask(team, step(approver("budget_owner")))
    assert inbox(team.frank, team.fay) == [2, 0]
    people.change_department(sales, {"head": team.fay}, actor=team.alice, at=LATER)
    assert inbox(team.frank, team.fay) == [1, 1]
    budgets.change(travel, {"owner": team.fay}, actor=team.alice, at=LATER)
    assert inbox(team.frank, team.fay) == [0, 2]
    books_are_right()


def test_with_nobody_left_it_waits_and_says_so_until_somebody_joins(acme):
    """Alice is the only one who could decide, and it is hers."""
    acme.card = cards.issue(acme.alice, name="Hers", currency="USD", controls=cards.Controls(), actor=acme.alice, at=NOON)
    people.change_member(acme.bob, {"role": "auditor"}, actor=acme.alice, at=NOON)
    adopt(acme)
    purchase = authorize(acme.reload(), swipe(80_00)).transaction
    approvals.submit(purchase, actor=acme.alice, at=NOON)
    [shown] = queries.with_steps([Approval.objects.get()])
    assert (shown.waits_for, queries.waits_because(shown), shown.status) == ([], "no_eligible_approver", "waiting")
    assert told(shown)[-1] == "approval.nobody_eligible"
    with pytest.raises(errors.Forbidden):
        yes(shown, acme.alice)
    books_are_right()
    ada = acme.hire("Ada", "admin")
    assert inbox(ada) == [1]
    assert yes(shown, ada) == "approved"


def test_reminders_come_again_and_again_and_escalation_asks_the_next_above(team):
    approval = ask(team, step(MANAGER), reminders={"approvals_after_days": 2, "escalate_after_days": 5})

    def sweep(days: int) -> tuple[int, int]:
        at = NOON + timedelta(days=days, minutes=1)
        return tasks.remind_approvers(at), tasks.escalate_steps(at)

    assert [sweep(day) for day in (1, 2, 3, 4)] == [(0, 0), (1, 0), (0, 0), (1, 0)]
    assert inbox(team.grace, team.alice) == [1, 0]
    assert sweep(5) == (0, 1)
    # Whoever was asked first may still answer.
    assert inbox(team.grace, team.alice) == [1, 1]
    assert told(approval)[-2:] == ["approval.assigned", "approval.escalated"]
    # There is nobody above those who run the company.
    assert [sweep(10)[1], sweep(15)[1]] == [0, 0]
    books_are_right()
    assert yes(approval, team.alice, at=NOON + timedelta(days=20)) == "approved"
    assert [tasks.remind_approvers(NOON + timedelta(days=60)), tasks.escalate_steps(NOON + timedelta(days=60))] == [0, 0]


def test_a_policy_may_leave_reminders_and_escalation_out(team):
    ask(team, step(MANAGER), reminders={"approvals_after_days": None, "escalate_after_days": None})
    far = NOON + timedelta(days=300)
    assert (tasks.remind_approvers(far), tasks.escalate_steps(far)) == (0, 0)


def test_one_step_that_cannot_be_escalated_keeps_no_other(team, monkeypatch, caplog):
    first, second = (ask(team, step(MANAGER)) for _ in range(2))
    real = approvals.steps.escalate

    def fails(row, *, at):
        if row.approval_id == first.pk:
            raise RuntimeError
        return real(row, at=at)

    monkeypatch.setattr("transactions.operations.steps.escalate", fails)
    assert tasks.escalate_steps(NOON + timedelta(days=8)) == 1
    assert (f"of step 1 of approval {first.pk} failed" in caplog.text, told(second)[-1]) == (True, "approval.escalated")


def test_the_sweep_finds_what_was_submitted_while_people_moved(team):
    approval = ask(team, step(MANAGER))
    # As if Grace had left in the very moment in which Bob submitted.
    type(team.grace).objects.filter(pk=team.grace.pk).update(status="deactivated")
    assert tasks.follow_people(LATER) == 1
    assert (inbox(team.grace, team.alice), tasks.follow_people(LATER)) == ([0, 1], 0)
    assert yes(approval, team.alice) == "approved"


def test_a_rule_sends_large_amounts_another_way_and_flags_are_kept_with_the_request(team):
    large = rule("Large", amount_from=money(500_00), approval=route(step(FINANCE)), flag="Three offers")
    small, dear = ask(team, step(MANAGER), minor=100_00), None
    adopt(team, large)
    purchase = authorize(team.reload(), swipe(600_00)).transaction
    approvals.submit(purchase, actor=team.bob, at=NOON)
    dear = Approval.objects.latest("pk")
    assert [(one.rule, one.flags, one.policy == queries.in_force()) for one in (small, dear)] == [
        ("Otherwise", "", False), ("Large", "Three offers", True),
    ]  # fmt: skip
    assert inbox(team.grace, team.frank) == [1, 1]
