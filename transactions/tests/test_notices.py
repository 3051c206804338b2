"""What each event means for people: who is told, of which kind, in which words, and who is not."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cards import operations as cards
from cards.models import BudgetInterval, RequestKind
from cards.operations import budgets, requests
from companies.models import Category
from reports import verification
from spendtrackr import events
from spendtrackr.models import Event
from spendtrackr.money import Money
from tests.factories import NOON, swipe
from tests.rules import adopt, decide
from transactions import notices, tasks
from transactions.models import Approval, ApprovalStep, PaidFrom, Repayment, Split, Transaction
from transactions.operations import approvals, claims, comments, delegations, reimbursements, repayments, steps
from transactions.operations.claims import Wish
from transactions.operations.clearing import Clearing, clear
from transactions.operations.swipes import authorize
from users import operations as people
from users.models import Notification

LATER = NOON + timedelta(hours=1)


@pytest.fixture
def office(acme):
    """Bob reports to Grace, Frank keeps the books, Alice owns the company. What happened before is told already."""
    acme.grace, acme.frank = acme.hire("Grace", "employee"), acme.hire("Frank", "finance")
    acme.bob = people.change_member(acme.bob, {"manager": acme.grace}, actor=acme.alice, at=NOON)
    adopt(acme)
    told(acme)
    return acme


def told(world) -> list[tuple[str, str, str]]:
    """Run the worker's round; who was told what by it: name, kind, words."""
    last = getattr(world, "last", 0)
    events.seal_all()
    tasks.notify(LATER)
    rows = list(Notification.objects.filter(pk__gt=last).select_related("membership__user").order_by("pk"))
    world.last = max([last, *(row.pk for row in rows)])
    assert list(verification.notifications()) == []
    return sorted((row.membership.user.name, row.kind, row.text) for row in rows)


def bought(world, minor: int = 40_00, **more) -> Transaction:
    purchase = authorize(world.reload(), swipe(minor, **more)).transaction
    return clear(purchase, Clearing("capture", f"c-{purchase.pk}", NOON, is_final=True), actor=None)


def submitted(world, **more) -> Approval:
    purchase = bought(world, **more)
    approvals.submit(purchase, actor=world.bob, at=NOON)
    return Approval.objects.get(transaction=purchase, status="waiting")


COFFEE = "$40.00 at Blue Bottle Coffee"


def test_whom_a_purchase_waits_for_is_told_and_again_when_reminded(office):
    approval = submitted(office)
    assert told(office) == [("Grace", "approval", f"Bob asks for your approval: {COFFEE}.")]

    step = ApprovalStep.objects.select_related("approval__transaction", "approval__policy", "approval__company").get(approval=approval)
    assert steps.remind(step, at=NOON)
    assert told(office) == [("Grace", "reminder", f"Still waits for your approval: {COFFEE}, by Bob.")]


def test_what_nobody_may_decide_is_told_to_those_who_run_the_company(office):
    people.change_member(office.bob, {"manager": None}, actor=office.alice, at=NOON)
    told(office)
    card = cards.issue(office.alice, name="Hers", currency="USD", controls=cards.Controls(), actor=office.alice, at=NOON)
    told(office)
    purchase = authorize(office.reload(card), swipe(40_00)).transaction
    approvals.submit(purchase, actor=office.alice, at=NOON)
    [(name, kind, text)] = told(office)
    assert (name, kind) == ("Alice", "stuck")
    assert text.startswith(f"Nobody may approve {COFFEE}, by Alice")


@pytest.mark.parametrize(
    ("outcome", "kind", "text"),
    [
        ("approved", "approved", f"Grace approved {COFFEE}."),
        ("rejected", "sent_back", f"Grace rejected {COFFEE}: “Private”"),
        ("changes_requested", "sent_back", f"Grace asks you to change {COFFEE}: “Private”"),
    ],
)
def test_its_owner_is_told_of_the_decision(office, outcome, kind, text):
    approval = submitted(office)
    told(office)
    decide(approval, office.grace, outcome=outcome, reason="Private", at=NOON)
    owed = [("Bob", "repayment", f"Please repay {COFFEE}: it was rejected.")] if outcome == "rejected" else []
    assert told(office) == [*owed, ("Bob", kind, text)]


def test_what_the_policy_approves_by_itself_is_told_to_nobody(office):
    adopt(office, automatic_below=50_00)
    purchase = bought(office)
    assert purchase.approval == "approved"
    assert told(office) == []


def test_more_money_than_was_seen_is_told_to_its_owner_and_what_they_withdraw_is_not(office):
    purchase = authorize(office.reload(), swipe(40_00)).transaction
    approvals.submit(purchase, actor=office.bob, at=NOON)
    told(office)
    clear(purchase, Clearing("capture", "more", NOON, 55_00, is_final=True), actor=None)
    assert told(office) == [("Bob", "sent_back", "$55.00 at Blue Bottle Coffee became more than what was asked for: submit it again.")]

    approvals.submit(Transaction.objects.get(pk=purchase.pk), actor=office.bob, at=NOON)
    told(office)
    approvals.withdraw(Transaction.objects.get(pk=purchase.pk), actor=office.bob, at=NOON)
    assert told(office) == []


def test_a_decline_is_told_to_whoever_holds_the_card(office):
    authorize(office.reload(), swipe(9_999_00))
    assert told(office) == [("Bob", "decline", "Declined: $9,999.00 at Blue Bottle Coffee, insufficient funds.")]


def test_missing_items_are_told_until_the_card_is_frozen_and_when_it_is_free_again(office):
    adopt(office, memo=25_00, reminders={"missing_items_after_days": [2], "freeze_after_days": 4})
    purchase = authorize(office.reload(), swipe(40_00)).transaction
    told(office)
    tasks.chase_missing(NOON + timedelta(days=2, hours=3))
    assert told(office) == [("Bob", "missing", f"Still missing on {COFFEE}: memo.")]

    tasks.chase_missing(NOON + timedelta(days=4, hours=3))
    frozen = f"Your card •• {office.card.last4} is frozen until it is there."
    assert told(office) == [("Bob", "missing", f"Overdue on {COFFEE}: memo. {frozen}")]

    from transactions.operations import coding

    coding.describe(purchase, {"memo": "Team lunch"}, actor=office.bob, at=NOON + timedelta(days=5))
    assert told(office) == [("Bob", "card", f"Your card Bob's card •• {office.card.last4} can be used again.")]


def test_what_others_do_to_a_card_is_told_and_what_its_holder_does_is_not(office):
    named = f"Bob's card •• {office.card.last4}"
    cards.freeze(office.card, actor=office.bob, at=NOON)
    cards.unfreeze(office.card, actor=office.bob, at=NOON)
    assert told(office) == []

    cards.freeze(office.card, actor=office.alice, at=NOON)
    cards.unfreeze(office.card, actor=office.alice, at=NOON)
    cards.grant(office.card, Money(5_00, "USD"), expires_at=LATER, reason="", actor=office.alice, at=NOON)
    cards.close(office.card, actor=office.alice, at=NOON)
    assert told(office) == [
        ("Bob", "card", f"Alice closed your card {named}."),
        ("Bob", "card", f"Alice froze your card {named}."),
        ("Bob", "card", f"Alice granted your card {named} $5.00 more for once."),
        ("Bob", "card", f"Your card {named} can be used again."),
    ]


def test_a_request_is_told_to_who_decides_it_and_its_outcome_to_who_asked(office):
    wish = requests.Wish(RequestKind.CARD, Money(50_00, "USD"), "Ads in May", name="Ads")
    row = requests.ask(wish, actor=office.bob, at=NOON)
    assert told(office) == [("Grace", "approval", "Bob asks for a card, $50.00: “Ads in May”")]

    requests.decide(row, approved=True, actor=office.grace, at=NOON)
    last4 = row.requester.pk and requests.CardRequest.objects.get(pk=row.pk).issued_card.last4
    assert told(office) == [
        ("Bob", "approved", "Grace approved your request for a card, $50.00."),
        ("Bob", "card", f"Your card Ads •• {last4} is ready."),
    ]

    again = requests.ask(wish, actor=office.bob, at=NOON)
    told(office)
    requests.decide(again, approved=False, answer="One is enough.", actor=office.grace, at=NOON)
    assert told(office) == [("Bob", "sent_back", "Grace rejected your request for a card, $50.00: “One is enough.”")]


def test_repayments_are_told_from_the_first_to_the_last(office):
    approval = submitted(office)
    decide(approval, office.grace, outcome="rejected", reason="Private", at=NOON)
    told(office)
    row = Repayment.objects.get()
    repayments.receive(row, Money(15_00, "USD"), actor=office.frank, at=NOON)
    assert told(office) == [
        ("Bob", "repayment", f"Your repayment of $15.00 was recorded, for {COFFEE}. The rest is still to be repaid."),
    ]
    repayments.waive(row, reason="Never mind", actor=office.frank, at=NOON)
    assert told(office) == [("Bob", "repayment", f"You need not repay {COFFEE} any more.")]


def test_what_the_merchant_gave_back_is_not_owed_any_more(office):
    approval = submitted(office)
    decide(approval, office.grace, outcome="rejected", reason="Private", at=NOON)
    told(office)
    purchase = Transaction.objects.get(pk=approval.transaction_id)
    clear(purchase, Clearing("refund", "r", NOON, 40_00), actor=None)
    assert [row for row in told(office) if row[1] == "repayment"] == [("Bob", "repayment", f"You need not repay {COFFEE} any more.")]


def test_whoever_is_paid_hears_of_their_own_part_and_of_a_transfer_that_came_back(office):
    meals = Category.objects.get(name="Meals")
    for actor, minor in ((office.bob, 40_00), (office.grace, 7_00), (office.bob, 2_00)):
        wish = Wish(
            amount=Money(minor, "USD"), lines=(Split(share_minor=minor, category=meals),), spent_on=NOON.date(),
            merchant_name="Corner Grill", memo="Lunch", rate=None,
        )  # fmt: skip
        claim = claims.make(wish, actor=actor, at=NOON)
        approvals.submit(claim, actor=actor, at=NOON)
        decide(Approval.objects.get(transaction=claim, status="waiting"), office.grace if actor is office.bob else office.alice, at=NOON)
    told(office)
    batch = reimbursements.gather("USD", actor=office.frank, at=NOON)
    reimbursements.pay(batch, paid_from=PaidFrom.BANK, reference="", actor=office.frank, at=NOON)
    assert told(office) == [
        ("Bob", "payout", "You were paid $42.00 for what you claimed."),
        ("Grace", "payout", "You were paid $7.00 for what you claimed."),
    ]
    payout = batch.payouts.get(amount_minor=7_00)
    reimbursements.fail(payout, reason="No such account", actor=office.frank, at=NOON)
    assert told(office) == [("Grace", "payout", "The transfer for $7.00 at Corner Grill came back: “No such account”")]


def test_a_comment_is_told_to_whom_it_concerns_and_not_to_who_wrote_it(office):
    approval = submitted(office)
    told(office)
    comments.say(approval.transaction, "With whom\nwas that?", actor=office.grace, at=NOON)
    assert told(office) == [("Bob", "comment", f"Grace, on {COFFEE}: “With whom was that?”")]

    wish = requests.Wish(RequestKind.CARD, Money(50_00, "USD"), "Ads", name="Ads")
    row = requests.ask(wish, actor=office.bob, at=NOON)
    told(office)
    comments.say(row, "x" * 2_000, actor=office.grace, at=NOON)
    [(name, kind, text)] = told(office)
    assert (name, kind, len(text)) == ("Bob", "comment", 300)
    assert text.startswith("Grace, on the request for a card, $50.00: “xxx")
    assert text.endswith("x…")


def test_a_delegation_is_told_to_both_but_not_to_who_made_it(office):
    today = NOON.date()
    row = delegations.delegate(office.grace, office.frank, starts_on=today, ends_on=today, actor=office.grace, at=NOON)
    days = "from 10 Mar to 10 Mar 2026"
    assert told(office) == [("Frank", "delegation", f"Grace will be away: you decide in their place {days}.")]
    delegations.end(row, actor=office.alice, at=NOON)
    assert told(office) == [
        ("Frank", "delegation", "You no longer decide in place of Grace."),
        ("Grace", "delegation", "Frank no longer decides in your place."),
    ]


def test_a_budget_that_nears_its_limit_is_told_to_its_owner(office):
    budget = budgets.create(
        name="Ads", limit=Money(100_00, "USD"), interval=BudgetInterval.MONTH, is_hard=True, owner=office.grace, members=[office.bob],
        actor=office.alice, at=NOON,
    )  # fmt: skip
    card = cards.issue(office.bob, name="Ads", currency="USD", controls=cards.Controls(), budget=budget, actor=office.alice, at=NOON)
    told(office)
    authorize(office.reload(card), swipe(85_00))
    assert ("Grace", "budget", "The budget Ads is used to 80 %: $85.00 of $100.00.") in told(office)


def test_each_reads_amounts_and_days_as_in_the_region_of_their_choice(office):
    """One event, three readers: a region each, and none. Who looks later changes nothing."""
    other = office.hire("Heidi", "manager")
    people.change_profile(office.grace, locale="de-DE", at=NOON)
    people.change_profile(other, locale="en-US", at=NOON)
    purchase = bought(office)
    comments.say(purchase, "Which?", actor=office.bob, at=NOON)
    told(office)
    for name in ("grace", "frank"):
        comments.say(purchase, "This one.", actor=getattr(office, name), at=NOON)
    german = "40,00\xa0$ at Blue Bottle Coffee"
    assert told(office) == [
        ("Bob", "comment", f"Frank, on {COFFEE}: “This one.”"),
        ("Bob", "comment", f"Grace, on {COFFEE}: “This one.”"),
        ("Grace", "comment", f"Frank, on {german}: “This one.”"),
    ]
    today = NOON.date()
    delegations.delegate(office.grace, other, starts_on=today, ends_on=today, actor=office.alice, at=NOON)
    assert told(office) == [
        ("Grace", "delegation", "Heidi decides in your place from 10.3. to 10.03.2026."),
        ("Heidi", "delegation", "Grace will be away: you decide in their place from Mar 10 to Mar 10, 2026."),
    ]


def test_a_region_changes_the_form_of_every_sentence_and_nothing_else(office):
    people.change_profile(office.grace, locale="de-DE", at=NOON)
    budget = budgets.create(
        name="Ads", limit=Money(100_00, "USD"), interval=BudgetInterval.MONTH, is_hard=True, owner=office.grace, members=[office.bob],
        actor=office.alice, at=NOON,
    )  # fmt: skip
    card = cards.issue(office.bob, name="Ads", currency="USD", controls=cards.Controls(), budget=budget, actor=office.alice, at=NOON)
    told(office)
    authorize(office.reload(card), swipe(85_00))
    assert ("Grace", "budget", "The budget Ads is used to 80\xa0%: 85,00\xa0$ of 100,00\xa0$.") in told(office)


def test_an_event_that_cannot_be_told_holds_up_no_other(office, caplog):
    events.record("approval.assigned", office.card, actor=None, at=NOON, members=[office.grace.public_id], transaction="txn_nowhere")
    submitted(office)
    assert told(office) == [("Grace", "approval", f"Bob asks for your approval: {COFFEE}.")]
    assert "Nobody could be told of the event evt_" in caplog.text


def test_events_of_before_that_name_nobody_tell_nobody(office):
    approval = submitted(office)
    told(office)
    events.record("approval.rejected", approval, actor=office.grace, at=NOON, transaction=approval.transaction.public_id)
    events.record("budget.threshold_reached", _budget(office), actor=None, at=NOON, percent=80, used_minor=1, limit_minor=1)
    assert told(office) == []


def _budget(office):
    return budgets.create(
        name="Old", limit=Money(1, "USD"), interval=BudgetInterval.MONTH, is_hard=True, owner=office.grace, actor=office.alice, at=NOON
    )


def test_every_kind_of_event_that_is_told_is_one_that_is_recorded():
    """A type that is written otherwise would be waited for in vain."""
    from tests.test_house import sources

    written = "\n".join(path.read_text() for path in sources())
    composed = {"approval.approved", "approval.rejected", "approval.changes_requested"}
    composed |= {"request.approved", "request.rejected", "delegation.started", "delegation.ended"}
    composed |= {"repayment.opened", "repayment.repaid", "repayment.waived"}
    assert {type_ for type_ in notices.TYPES - composed if f'record("{type_}"' not in written.replace("(\n            ", "(")} == {
        "transaction.declined"  # written with the swipe's own statements
    }
    assert {type_.partition(".")[0] for type_ in composed} == {"approval", "request", "delegation", "repayment"}


def test_a_block_is_read_in_as_many_questions_as_there_are_kinds_of_things(office, django_assert_num_queries):
    for number in range(2):
        submitted(office, network_id=f"few-{number}")
    few = _waiting()
    for number in range(6):
        submitted(office, network_id=f"many-{number}")
    many = _waiting()
    for block in (few, many):
        with django_assert_num_queries(3):  # the approvals, the purchases with all that is named of them, and who chose a region
            assert len(notices.notices_of(block)) == len(block)


def _waiting() -> list[Event]:
    return list(Event.objects.filter(type="approval.assigned").order_by("pk"))
