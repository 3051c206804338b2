from __future__ import annotations

from datetime import timedelta

import pytest

from cards import operations as cards
from companies.models import Category
from reports import verification
from spendtrackr import errors
from spendtrackr.models import Event
from tests import rules
from tests.factories import NOON, swipe
from tests.rules import adopt
from transactions import queries
from transactions.models import Approval, Merchant, Transaction
from transactions.operations import approvals, coding
from transactions.operations.clearing import Clearing, clear
from transactions.operations.swipes import authorize
from users import operations as people
from users.queries import approvers_of, waiting_on

LATER = NOON + timedelta(days=1)


@pytest.fixture
def team(acme):
    """Bob reports to Grace, and Grace to Henry. No receipts are asked for."""
    acme.henry, acme.grace = acme.hire("Henry", "employee"), acme.hire("Grace", "employee")
    acme.grace = report_to(acme, acme.grace, acme.henry)
    acme.bob = report_to(acme, acme.bob, acme.grace)
    adopt(acme)
    return acme


def report_to(world, member, manager):
    return people.change_member(member, {"manager": manager}, actor=world.alice, at=NOON)


def bought(world, minor=80_00, *, captured=True, **kwargs) -> Transaction:
    purchase = authorize(world.reload(), swipe(minor, **kwargs)).transaction
    return clear(purchase, Clearing("capture", f"c-{purchase.pk}", LATER, is_final=True), actor=None) if captured else purchase


def submitted(world, **kwargs) -> Approval:
    approvals.submit(bought(world, **kwargs), actor=world.bob, at=LATER)
    return Approval.objects.latest("pk")


def state(purchase) -> str:
    return Transaction.objects.get(pk=purchase.pk).approval


def decide(approval, actor, outcome="approved", *, reason="") -> Approval:
    return rules.decide(approval, actor, outcome=outcome, reason=reason, at=LATER)


def events(prefix="approval.") -> list[str]:
    return list(Event.objects.filter(type__startswith=prefix).order_by("pk").values_list("type", flat=True))


def test_a_purchase_starts_out_not_submitted_and_a_decline_needs_nothing(team):
    assert bought(team, captured=False).approval == "open"
    assert authorize(team.reload(), swipe(10_000_00)).transaction.approval == "none"


def test_submitting_waits_for_the_manager(team):
    approval = submitted(team)
    assert (approval.status, approval.amount_minor, approval.asked_by) == ("waiting", 80_00, team.bob)
    assert approvers_of(team.bob) == [team.grace]
    assert [list(queries.waiting_for(who)) for who in (team.grace, team.henry, team.alice, team.bob)] == [[approval], [], [], []]
    assert events() == ["approval.requested", "approval.assigned"]


def test_the_manager_says_yes(team):
    done = decide(submitted(team), team.grace)
    assert (done.status, done.decided_by, done.decided_at, state(done.transaction)) == ("approved", team.grace, LATER, "approved")
    assert events() == ["approval.requested", "approval.assigned", "approval.approved"]
    assert list(verification.approvals()) == []


def test_a_no_needs_a_reason_and_lets_the_owner_try_again(team):
    approval = submitted(team)
    with pytest.raises(errors.Invalid) as refused:
        decide(approval, team.grace, "changes_requested", reason="  ")
    assert (refused.value.field, state(approval.transaction)) == ("reason", "waiting")

    done = decide(approval, team.grace, "changes_requested", reason="Which client was this?")
    assert (done.status, done.reason, state(done.transaction)) == ("changes_requested", "Which client was this?", "changes_requested")
    approvals.submit(approval.transaction, actor=team.bob, at=LATER)
    assert state(approval.transaction) == "waiting"


@pytest.mark.parametrize("who", ["bob", "henry", "alice"])
def test_nobody_else_decides_and_never_oneself(team, who):
    approval = submitted(team)
    with pytest.raises(errors.Forbidden):
        decide(approval, getattr(team, who))
    assert state(approval.transaction) == "waiting"


def test_it_is_decided_once(team):
    approval = submitted(team)
    decide(approval, team.grace)
    with pytest.raises(errors.InvalidState):
        decide(approval, team.grace, "rejected", reason="No")
    assert state(approval.transaction) == "approved"


def test_when_the_manager_is_away_it_waits_for_the_next_above(team):
    approval = submitted(team)
    cards.suspend_member(team.grace, actor=team.alice, at=LATER)
    assert approvers_of(team.bob) == [team.henry]
    assert list(queries.waiting_for(team.henry)) == [approval]
    assert decide(approval, team.henry).status == "approved"


def test_with_nobody_above_it_waits_for_whoever_runs_the_company(team):
    ada = team.hire("Ada", "admin")
    team.bob = report_to(team, team.bob, None)
    approval = submitted(team)
    assert approvers_of(team.bob) == [team.alice, ada]
    assert list(queries.waiting_for(ada)) == list(queries.waiting_for(team.alice)) == [approval]
    assert list(queries.waiting_for(team.grace)) == []


def test_an_owner_does_not_approve_their_own_and_with_nobody_else_it_waits(team):
    card = cards.issue(team.alice, name="Hers", currency="USD", controls=cards.Controls(), actor=team.alice, at=NOON)
    purchase = authorize(card, swipe(70_00)).transaction
    approvals.submit(purchase, actor=team.alice, at=NOON)
    assert approvers_of(team.alice) == []
    [waiting] = queries.with_steps(list(queries.visible_approvals(team.alice)))
    assert queries.waits_because(waiting) == "no_eligible_approver"
    assert waiting.waits_for == []
    with pytest.raises(errors.Forbidden):
        decide(waiting, team.alice)
    assert state(purchase) == "waiting"


def test_asked_either_way_round_it_is_the_same_people(team):
    team.hire("Ada", "admin")
    everybody = list(type(team.bob).objects.all())
    for member in everybody:
        decides_about = set(waiting_on(member))
        assert decides_about == {other.pk for other in everybody if member in approvers_of(other)}


def test_what_is_missing_is_named_before_anything_is_asked(team):
    adopt(team, receipt=0, memo=50_00)
    purchase = bought(team)
    with pytest.raises(approvals.ItemsMissing) as refused:
        approvals.submit(purchase, actor=team.bob, at=LATER)
    assert (refused.value.code, refused.value.message) == ("items_missing", "Still missing: receipt, memo.")
    assert (state(purchase), Approval.objects.count()) == ("open", 0)


def test_small_complete_purchases_are_approved_when_they_clear(team):
    adopt(team, automatic_below=50_00)
    small, large = bought(team, 49_99), bought(team, 50_00)
    assert (state(small), state(large)) == ("approved", "open")
    approval = Approval.objects.get()
    assert (approval.status, approval.asked_by, approval.decided_by) == ("approved", None, None)
    assert list(verification.approvals()) == []


def test_a_small_one_waits_for_its_memo_and_is_approved_when_it_comes(team):
    adopt(team, automatic_below=50_00, memo=10_00)
    purchase = bought(team, 20_00)
    assert state(purchase) == "open"
    coding.describe(purchase, {"memo": "Lunch with Fern"}, actor=team.bob, at=LATER)
    assert state(purchase) == "approved"


def test_submitting_a_small_one_before_it_clears_is_approved_at_once(team):
    adopt(team, automatic_below=50_00)
    purchase = bought(team, 20_00, captured=False)
    assert approvals.submit(purchase, actor=team.bob, at=LATER).approval == "approved"


def test_more_money_than_was_seen_takes_the_yes_back(team):
    purchase = bought(team, 80_00, captured=False)
    approvals.submit(purchase, actor=team.bob, at=NOON)
    decide(Approval.objects.get(), team.grace)
    clear(purchase, Clearing("capture", "tip", LATER, 96_00, is_final=True), actor=None)
    assert (state(purchase), Approval.objects.get().status) == ("open", "void")
    assert events()[-1] == "approval.voided"


def test_a_refund_does_not(team):
    approval = decide(submitted(team), team.grace)
    clear(approval.transaction, Clearing("refund", "r", LATER, 30_00), actor=None)
    assert state(approval.transaction) == "approved"


def test_a_purchase_that_came_to_nothing_needs_no_yes(team):
    purchase = bought(team, captured=False)
    approvals.submit(purchase, actor=team.bob, at=NOON)
    clear(purchase, Clearing("reversal", "r", LATER), actor=None)
    assert (state(purchase), Approval.objects.get().status) == ("none", "void")
    assert list(queries.waiting_for(team.grace)) == []


def test_another_category_voids_what_was_decided_and_moves_the_spend(team):
    approval = decide(submitted(team), team.grace)
    travel = Category.objects.get(name="Travel")
    coding.describe(approval.transaction, {"category": travel}, actor=team.bob, at=LATER)
    assert state(approval.transaction) == "open"
    assert Approval.objects.get().status == "void"


def test_a_memo_does_not_void_it(team):
    approval = decide(submitted(team), team.grace)
    coding.describe(approval.transaction, {"memo": "Client dinner"}, actor=team.bob, at=LATER)
    assert state(approval.transaction) == "approved"


def test_saying_the_same_again_changes_nothing(team):
    approval = decide(submitted(team), team.grace)
    purchase = Transaction.objects.get(pk=approval.transaction_id)
    coding.describe(purchase, {"category": purchase.category, "memo": ""}, actor=team.bob, at=LATER)
    assert (state(purchase), events("transaction.described")) == ("approved", [])


def test_a_bookkeepers_choice_is_what_the_merchant_gets_from_now_on(team):
    travel, training = (Category.objects.get(name=name) for name in ("Travel", "Training and education"))
    coding.describe(bought(team), {"category": travel}, actor=team.bob, at=LATER)
    assert bought(team).category.name == "Meals"
    coding.describe(bought(team), {"category": training}, actor=team.alice, at=LATER)
    assert bought(team).category == training
    assert Merchant.objects.get().category == training


def test_without_a_code_a_merchant_gets_what_it_got_before(team):
    odd = {"merchant_code": "0001", "merchant_name": "Odd Shop"}
    first = bought(team, 10_00, **odd)
    assert first.category is None
    travel = Category.objects.get(name="Travel")
    coding.describe(first, {"category": travel}, actor=team.bob, at=LATER)
    assert bought(team, 10_00, **odd).category == travel
    assert bought(team, 10_00, merchant_code="0001", merchant_name="Other Shop").category is None


def test_a_decision_is_about_what_was_looked_at(team):
    approval = submitted(team)
    looked_at = approval.seen
    coding.describe(approval.transaction, {"memo": "Not what you thought"}, actor=team.bob, at=LATER)
    with pytest.raises(approvals.Stale) as refused:
        rules.decide(approval, team.grace, seen=looked_at, at=LATER)
    assert (refused.value.status, state(approval.transaction)) == (412, "waiting")
    assert list(verification.approvals()) == []

    fresh = Approval.objects.get(pk=approval.pk)
    assert fresh.seen != looked_at
    assert rules.decide(fresh, team.grace, seen=fresh.seen, at=LATER).status == "approved"


def test_raising_the_companys_amount_approves_nothing_that_was_bought_before(team):
    bought_before = bought(team, 40_00)
    adopt(team, automatic_below=1_000_00, at=NOON + timedelta(hours=1))
    approvals.submit(bought_before, actor=team.bob, at=LATER)
    assert state(bought_before) == "waiting"
    assert state(bought(team, 40_00, at=LATER)) == "approved"


def test_lowering_it_counts_at_once(team):
    adopt(team, automatic_below=1_000_00, memo=0)
    before = bought(team, 40_00)
    adopt(team, automatic_below=10_00, at=NOON + timedelta(hours=1))
    coding.describe(before, {"memo": "Lunch"}, actor=team.bob, at=LATER)
    assert state(before) == "open"


def test_nobody_chooses_who_approves_their_own_spend(team):
    ada = team.hire("Ada", "admin")
    with pytest.raises(errors.InvalidState) as refused:
        people.change_member(ada, {"manager": team.bob}, actor=ada, at=NOON)
    assert (refused.value.code, approvers_of(ada)) == ("own_manager", [team.alice])


def test_an_auditor_above_is_passed_over(team):
    people.change_member(team.grace, {"role": "auditor"}, actor=team.alice, at=NOON)
    approval = submitted(team)
    assert approvers_of(team.bob) == [team.henry]
    assert list(queries.waiting_for(type(team.grace).objects.get(pk=team.grace.pk))) == []
    assert list(queries.waiting_for(team.henry)) == [approval]


def test_somebody_who_cannot_sign_in_is_passed_over(team):
    type(team.grace.user).objects.filter(pk=team.grace.user_id).update(is_active=False)
    assert approvers_of(team.bob) == [team.henry]


def test_what_was_sent_back_and_came_to_nothing_verifies(team):
    purchase = bought(team, captured=False)
    approvals.submit(purchase, actor=team.bob, at=NOON)
    decide(Approval.objects.get(), team.grace, "changes_requested", reason="Whose is this?")
    clear(purchase, Clearing("reversal", "r", LATER), actor=None)
    assert state(purchase) == "none"
    assert list(verification.approvals()) == []


def test_a_purchase_keeps_its_archived_category_and_takes_no_other_archived_one(team, api):
    purchase = bought(team)
    meals, travel = (Category.objects.get(name=name) for name in ("Meals", "Travel"))
    Category.objects.filter(pk__in=[meals.pk, travel.pk]).update(archived_at=NOON)
    for category, status in ((meals, 200), (travel, 400)):
        body = {"category": category.public_id, "memo": "N"}
        assert api(team.bob).patch(f"/api/v1/transactions/{purchase.public_id}/", body).status_code == status
