"""A lost card is replaced: same holder, same controls, and the same limit goes on. And cards that work at some merchants only."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db.models import QuerySet

from cards import operations
from cards.models import Card, CardControls, LimitCounter
from spendtrackr.money import Money
from spendtrackr.tenancy import company_scope
from tests.factories import NOON, swipe
from transactions.operations.clearing import Clearing, clear
from transactions.operations.swipes import authorize

CONTROLS = {
    "per_transaction_cap": Money(60_00, "USD"),
    "limits": operations.monthly(Money(100_00, "USD")),
    "blocked_merchant_categories": ["7995"],
}


def replaced(api, world, card: Card):
    return api(world.alice).post(f"/api/v1/cards/{card.public_id}/replace/")


@pytest.fixture
def limited(world):
    with company_scope(world.acme.pk):
        controls = operations.Controls(**CONTROLS)
        return operations.issue(world.bob, name="Lunch", currency="USD", controls=controls, actor=world.alice, at=NOON)


def test_the_old_card_is_closed_and_the_new_one_is_like_it(world, limited, api):
    answer = replaced(api, world, limited)
    new, old = answer.json(), api(world.alice).get(f"/api/v1/cards/{limited.public_id}/").json()
    assert (answer.status_code, new["status"], old["status"], new["replaces"]) == (201, "active", "closed", old["id"])
    same = ["name", "holder", "currency", *CONTROLS, "allowed_merchant_categories"]
    assert {name: new[name] for name in same} == {name: old[name] for name in same}
    with company_scope(world.acme.pk):
        assert authorize(limited, swipe()).reason == "card_not_active"
        assert authorize(Card.objects.get(public_id=new["id"]), swipe()).approved


def test_a_replacement_is_not_a_new_limit(world, limited, api):
    with company_scope(world.acme.pk):
        assert authorize(limited, swipe(55_00)).approved
    second = replaced(api, world, limited).json()["id"]
    with company_scope(world.acme.pk):
        card = Card.objects.get(public_id=second)
        assert authorize(card, swipe(50_00)).reason == "over_monthly_limit"
        assert authorize(card, swipe(40_00)).approved
    third = replaced(api, world, card).json()["id"]
    with company_scope(world.acme.pk):
        card = Card.objects.get(public_id=third)
        assert authorize(card, swipe(6_00)).reason == "over_monthly_limit"
        assert authorize(card, swipe(5_00)).approved
        assert LimitCounter.objects.get(card=limited).held_minor == 100_00
        assert LimitCounter.objects.filter(card=card).count() == 0
    call_command("verify")


def test_what_the_old_card_had_on_hold_clears_in_the_shared_window(world, limited, api):
    with company_scope(world.acme.pk):
        purchase = authorize(limited, swipe(55_00)).transaction
    second = replaced(api, world, limited).json()["id"]
    with company_scope(world.acme.pk):
        clear(purchase, Clearing("capture", "c", NOON + timedelta(days=1), 20_00, is_final=True), actor=None)
        assert authorize(Card.objects.get(public_id=second), swipe(60_00)).approved
        counter = LimitCounter.objects.get(card=limited)
        assert (counter.held_minor, counter.posted_minor) == (60_00, 20_00)
    call_command("verify")


def test_verify_names_a_shared_window_that_does_not_add_up(world, limited, api, capsys):
    second = replaced(api, world, limited).json()["id"]
    with company_scope(world.acme.pk):
        authorize(Card.objects.get(public_id=second), swipe(60_00))
        LimitCounter.objects.filter(card=limited).update(held_minor=1)
    with pytest.raises(SystemExit):
        call_command("verify")
    assert "its purchases say (6000, 0, 1)" in "".join(capsys.readouterr())


def test_a_closed_card_is_not_replaced_and_no_card_twice(world, limited, api):
    replaced(api, world, limited)
    before = Card.across_companies.count()
    assert replaced(api, world, limited).json()["code"] == "invalid_state"
    assert Card.across_companies.count() == before


@pytest.mark.parametrize(("role", "status"), [("admin", 201), ("finance", 403), ("auditor", 403), ("employee", 403)])
def test_who_may_replace(world, api, role, status):
    with company_scope(world.acme.pk):
        member = world.hire("Zoe", role)
    assert api(member).post(f"/api/v1/cards/{world.card.public_id}/replace/").status_code == status


def test_a_card_for_some_merchant_categories_works_nowhere_else(world, api):
    path = f"/api/v1/cards/{world.card.public_id}/"
    shown = api(world.alice).patch(path, {"allowed_merchant_categories": ["5812", "0742"]}).json()
    assert shown["allowed_merchant_categories"] == ["0742", "5812"]
    with company_scope(world.acme.pk):
        assert authorize(world.card, swipe(merchant_code="5812")).approved
        assert authorize(world.card, swipe(merchant_code="0742")).approved
        for code in ("5813", ""):
            refused = authorize(world.card, swipe(merchant_code=code))
            assert (refused.approved, refused.reason) == (False, "merchant_category_not_allowed")
    assert api(world.alice).patch(path, {"allowed_merchant_categories": []}).json()["allowed_merchant_categories"] == []
    with company_scope(world.acme.pk):
        assert authorize(world.card, swipe(merchant_code="5813")).approved


def test_what_is_blocked_stays_blocked_inside_a_range_that_is_allowed(world, api):
    codes = {"allowed_merchant_categories": ["5811-5814"], "blocked_merchant_categories": ["5812"]}
    assert api(world.alice).patch(f"/api/v1/cards/{world.card.public_id}/", codes).status_code == 200
    with company_scope(world.acme.pk):
        assert authorize(world.card, swipe(merchant_code="5812")).reason == "merchant_category_blocked"
        assert authorize(world.card, swipe(merchant_code="5813")).approved


def test_what_stands_is_kept_by_a_replacement_though_nobody_could_write_it_now(world, limited, api):
    """Written before such lists were refused; and a day on which a card locked is over some day."""
    with company_scope(world.acme.pk):
        QuerySet(CardControls).filter(card=limited).update(
            blocked_codes='["5812"]', allowed_codes='["5812"]', blocked_merchants='["name:id:"]', locks_on="2026-03-01"
        )
    assert api(world.alice).patch(f"/api/v1/cards/{limited.public_id}/", {"name": "Same"}).status_code == 200
    new = replaced(api, world, limited)
    assert (new.status_code, new.json()["blocked_merchants"], new.json()["locks_on"]) == (201, ["name:id:"], "2026-03-01")
    refused = api(world.alice).patch(f"/api/v1/cards/{new.json()['id']}/", {"allowed_merchant_categories": ["5812"]})
    assert (refused.status_code, refused.json()["field"]) == (400, "blocked_merchant_categories")
