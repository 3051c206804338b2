"""A card with its limits, in a real browser: issued, used, given room for once, on a phone and at a desk."""

from __future__ import annotations

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from cards.models import Card, LimitGrant
from conftest import build_world
from spendtrackr.tenancy import company_scope
from tests.e2e.test_pages import PHONE, overflows
from tests.e2e.test_paper import DESK, enter
from tests.factories import swipe
from transactions.operations.swipes import authorize

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.django_db(transaction=True),
    pytest.mark.filterwarnings("default"),
    pytest.mark.usefixtures("problems"),
]


@pytest.fixture
def acme(live_server):
    world = build_world()
    world.url = live_server.url
    return world


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_a_weekly_limit_is_set_used_widened_for_once_and_narrowed_again(page, acme, size):
    page.set_viewport_size(size)
    enter(page, acme, "alice@acme.example")
    page.goto(acme.url + "/cards/new/")
    page.get_by_label("Holder").select_option(label="Bob")
    page.get_by_label("Name").fill("Courier")
    expect(page.get_by_label("Amount a week (USD)")).to_be_hidden()
    page.get_by_text("Further limits", exact=True).click()
    page.get_by_label("Amount a week (USD)").fill("100")
    page.get_by_label("Purchases a week").fill("3")
    assert not overflows(page)
    page.get_by_role("button", name="Issue the card").click()
    page.get_by_text("left of $100.00 this week").wait_for()
    # What is set is open; what is not stays closed.
    expect(page.get_by_label("Purchases a week")).to_have_value("3")
    expect(page.get_by_label("Blocked countries")).to_be_hidden()

    with company_scope(acme.acme.pk):
        card = Card.objects.get(name="Courier")
        assert authorize(card, swipe(70_00, at=timezone.now())).approved
        assert authorize(card, swipe(40_00, at=timezone.now())).reason == "over_weekly_limit"
    page.reload()
    measures = [text.strip() for text in page.locator(".measure").all_inner_texts()]
    assert measures == ["$30.00 left of $100.00 this week, $70.00 used", "2 left of 3 purchases this week, 1 used"]

    page.get_by_text("Grant more").click()
    page.get_by_label("Amount (USD)").fill("50")
    page.get_by_label("Last day").fill("2099-06-30")
    page.get_by_label("Reason").fill("Two parcels more")
    page.get_by_role("button", name="Grant it").click()
    page.get_by_text("$80.00 left of $150.00 this week").wait_for()
    assert not overflows(page)
    with company_scope(acme.acme.pk):
        assert authorize(card, swipe(40_00, at=timezone.now())).approved
    page.get_by_role("button", name="Take back $50.00").click()
    page.get_by_text("$10.00 over the limit of $100.00 this week, $110.00 used").wait_for()
    with company_scope(acme.acme.pk):
        assert LimitGrant.objects.get().revoked_at is not None
