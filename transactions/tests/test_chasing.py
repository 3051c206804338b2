"""What purchases miss: said on each, reminded of on the policy's days, then the card is frozen until the last item is there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from cards import operations as cards
from cards.models import Card, Freeze
from reports import verification
from spendtrackr.models import Event
from tests.factories import NOON, swipe
from tests.papers import picture
from tests.rules import adopt
from transactions import tasks
from transactions.documents import inspect
from transactions.models import Transaction
from transactions.operations import coding, receipts
from transactions.operations.clearing import Clearing, clear
from transactions.operations.swipes import authorize

# Bought on 10 March; the company's mornings are nine o'clock in New York, on UTC-4.
REMINDERS = {"missing_items_after_days": [2, 7], "freeze_after_days": 10}


def morning(days: int) -> datetime:
    return datetime(2026, 3, 10, 13, tzinfo=UTC) + timedelta(days=days)


@pytest.fixture
def strict(acme):
    adopt(acme, receipt=25_00, memo=50_00, reminders=REMINDERS)
    return acme


def bought(world, minor: int = 40_00, **more) -> Transaction:
    return authorize(world.reload(), swipe(minor, **more)).transaction


def fresh(purchase) -> Transaction:
    return Transaction.objects.get(pk=purchase.pk)


def prove(world, purchase, *, at=NOON, colour: str = "green"):
    return receipts.attach(purchase, inspect(picture(colour=colour), "r.png"), "nowhere", actor=world.bob, at=at)


def told(purchase) -> list[str]:
    found = Event.objects.filter(subject_id=purchase.public_id, type__startswith="items.").order_by("pk")
    return list(found.values_list("type", flat=True))


def is_frozen(world) -> bool:
    return Freeze.objects.filter(card=world.card, lifted_at=None).exists()


def test_what_is_missing_is_known_from_the_swipe_on(strict):
    small, middle, large = bought(strict, 24_99), bought(strict, 25_00), bought(strict, 50_00)
    assert [one.missing_items for one in (small, middle, large)] == [[], ["receipt"], ["receipt", "memo"]]
    assert [one.chase_at for one in (small, middle)] == [None, morning(2)]
    assert list(verification.missing_items()) == []


@pytest.mark.parametrize("way", ["receipt", "reason"])
def test_what_is_added_is_missed_no_more_and_what_is_taken_away_is(strict, way):
    purchase = bought(strict, 50_00)
    coding.describe(purchase, {"memo": "Lunch"}, actor=strict.bob, at=NOON)
    assert fresh(purchase).missing_items == ["receipt"]
    if way == "receipt":
        receipt = prove(strict, purchase)
        assert (fresh(purchase).missing_items, fresh(purchase).chase_at) == ([], None)
        receipts.remove(receipt, actor=strict.bob, at=NOON)
    else:
        coding.describe(purchase, {"no_receipt_reason": "Parking meter"}, actor=strict.bob, at=NOON)
        assert (fresh(purchase).missing_items, fresh(purchase).chase_at) == ([], None)
        coding.describe(purchase, {"no_receipt_reason": ""}, actor=strict.bob, at=NOON)
    assert fresh(purchase).missing_items == ["receipt"]
    assert list(verification.missing_items()) == []


def test_a_tip_may_make_more_of_it_required(strict):
    purchase = bought(strict, 24_00)
    clear(purchase, Clearing("capture", "c1", NOON, 26_00, is_final=True), actor=None)
    assert fresh(purchase).missing_items == ["receipt"]


def test_a_purchase_that_came_to_nothing_misses_nothing(strict):
    purchase = bought(strict)
    clear(purchase, Clearing("reversal", "r1", NOON), actor=None)
    assert (fresh(purchase).missing_items, fresh(purchase).chase_at) == ([], None)


def test_owners_are_reminded_on_the_companys_mornings_then_the_card_is_frozen(strict):
    purchase = bought(strict)
    second = timedelta(seconds=1)
    seen = []
    for at in (morning(2) - second, morning(2), morning(2) + second, morning(7), morning(10) - second, morning(10), morning(11)):
        seen.append((tasks.chase_missing(at), len(told(purchase)), is_frozen(strict)))
    assert seen == [
        (0, 0, False), (1, 1, False), (0, 1, False), (1, 2, False), (0, 2, False), (1, 3, True), (0, 3, True),
    ]  # fmt: skip
    assert told(purchase) == ["items.reminded", "items.reminded", "items.overdue"]
    assert authorize(strict.reload(), swipe(1_00, at=morning(11))).reason == "card_frozen"


def test_the_last_item_lifts_the_freeze_in_the_same_transaction(strict):
    first, second = bought(strict), bought(strict, 50_00)
    tasks.chase_missing(morning(10))
    assert is_frozen(strict)
    prove(strict, first, at=morning(10))
    prove(strict, second, at=morning(10), colour="red")
    assert is_frozen(strict)
    coding.describe(second, {"memo": "Dinner"}, actor=strict.bob, at=morning(10))
    assert not is_frozen(strict)
    assert Event.objects.filter(subject_id=strict.card.public_id).order_by("pk").last().type == "card.unfrozen"
    assert authorize(strict.reload(), swipe(1_00, at=morning(10))).reason == ""


def test_nobodys_own_freeze_is_lifted_with_it_and_the_holder_cannot_lift_this_one(strict):
    purchase = bought(strict)
    tasks.chase_missing(morning(10))
    cards.freeze(strict.reload(), actor=strict.bob, at=morning(10))
    cards.unfreeze(strict.reload(), actor=strict.bob, at=morning(10))
    assert is_frozen(strict)
    cards.freeze(strict.reload(), actor=strict.alice, at=morning(10))
    prove(strict, purchase, at=morning(10))
    assert [str(row.source) for row in Freeze.objects.filter(lifted_at=None)] == ["admin"]


def test_a_card_that_replaced_it_is_frozen_with_it(strict):
    purchase = bought(strict)
    anew = cards.replace(strict.reload(), actor=strict.alice, at=NOON)
    tasks.chase_missing(morning(10))
    assert Freeze.objects.get(lifted_at=None).card_id == anew.pk
    prove(strict, purchase, at=morning(10))
    assert not Freeze.objects.filter(lifted_at=None).exists()


def test_what_was_forgotten_while_nobody_looked_is_told_once(strict):
    """The worker was away for a month: one reminder, and the freeze."""
    purchase = bought(strict)
    assert tasks.chase_missing(morning(30)) == 1
    assert (told(purchase), fresh(purchase).reminded, fresh(purchase).chase_at) == (["items.reminded", "items.overdue"], 2, None)


def test_without_a_freeze_in_the_policy_no_card_is_frozen(acme):
    adopt(acme, receipt=25_00, reminders={"missing_items_after_days": [], "freeze_after_days": None})
    purchase = bought(acme)
    assert (fresh(purchase).missing_items, fresh(purchase).chase_at, tasks.chase_missing(morning(300))) == (["receipt"], None, 0)


def test_a_new_policy_is_looked_at_anew_for_all_that_is_not_finished(strict):
    purchase = bought(strict)
    tasks.chase_missing(morning(10))
    assert is_frozen(strict)
    at = morning(11)
    adopt(strict, receipt=None, memo=30_00, reminders=REMINDERS, at=at)
    tasks.chase_missing(at)
    # The receipt is asked for no more, the memo is: something was missing all the time.
    assert (fresh(purchase).missing_items, is_frozen(strict)) == (["memo"], True)
    adopt(strict, receipt=None, at=at)
    tasks.chase_missing(at)
    assert (fresh(purchase).missing_items, is_frozen(strict)) == ([], False)
    assert list(verification.missing_items()) == []


def test_whose_it_is_does_not_matter_to_a_statement_line(acme):
    """An imported line is nobody's: it misses nothing."""
    from transactions.operations.statements import StatementFile, import_statement

    adopt(acme, receipt=0, memo=0)
    import_statement(acme.acme, StatementFile(b"Date,Amount,Merchant\n2026-03-05,90.00,Shop\n", "s.csv"), actor=acme.alice, at=NOON)
    assert (Transaction.objects.get().missing, list(verification.missing_items())) == ("", [])


def test_verify_names_what_is_said_to_miss_something_it_has(strict):
    purchase = bought(strict)
    Transaction.objects.filter(pk=purchase.pk).update(missing="memo", chase_at=None)
    [found] = verification.missing_items()
    assert purchase.public_id in found
    Transaction.objects.filter(pk=purchase.pk).update(approval="approved")
    [found] = verification.missing_items()
    assert "nobody has to add it" in found


def test_by_api_and_filter(strict, api):
    purchase = bought(strict, 50_00)
    client = api(strict.bob)
    shown = client.get(f"/api/v1/transactions/{purchase.public_id}/").json()
    assert shown["missing_items"] == ["receipt", "memo"]
    found = [len(client.get(f"/api/v1/transactions/?missing={item}").json()["data"]) for item in ("any", "receipt", "memo", "category")]
    assert found == [1, 1, 1, 0]
    changed = client.patch(f"/api/v1/transactions/{purchase.public_id}/", {"memo": "x", "no_receipt_reason": "Lost"}, format="json").json()
    assert (changed["missing_items"], changed["no_receipt_reason"]) == ([], "Lost")


def test_excused_is_never_approved_by_itself(acme):
    adopt(acme, automatic_below=100_00, receipt=25_00)
    purchase = clear(bought(acme), Clearing("capture", "c1", NOON, is_final=True), actor=None)
    coding.describe(purchase, {"no_receipt_reason": "Lost"}, actor=acme.bob, at=NOON)
    assert fresh(purchase).approval == "open"


def test_two_cards_are_frozen_each_for_its_own(strict):
    other = cards.issue(strict.bob, name="Other", currency="USD", controls=cards.Controls(), actor=strict.alice, at=NOON)
    purchase = authorize(Card.objects.with_state().get(pk=other.pk), swipe(40_00)).transaction
    tasks.chase_missing(morning(10))
    assert (is_frozen(strict), Freeze.objects.get(lifted_at=None).card_id) == (False, purchase.card_id)
