"""From the bell to what it is about, without a script and on a phone."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from spendtrackr import events
from tests.e2e.test_pages import PHONE, overflows, sign_in
from transactions import tasks
from users.models import Notification

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.django_db(transaction=True),
    pytest.mark.filterwarnings("default"),
    pytest.mark.usefixtures("problems"),
]


def test_the_bell_leads_to_what_waits_and_counts_what_is_left(page, demo):
    events.seal_all()
    tasks.notify()
    new = Notification.across_companies.filter(membership__user__email="grace@northwind.example", read_at=None).count()
    assert new > 1
    page.set_viewport_size(PHONE)
    sign_in(page, demo, "grace@northwind.example")
    bell = page.get_by_role("link", name=f"Notifications {new} new")
    bell.click()
    assert not overflows(page)

    page.get_by_role("button", name="asks for your approval").first.click()
    expect(page).to_have_url(re.compile("/transactions/txn_"))
    expect(page.get_by_role("link", name=f"Notifications {new - 1} new")).to_be_visible()

    page.get_by_role("link", name="Notifications").click()
    page.get_by_role("button", name="Mark all as read").click()
    expect(page.get_by_role("link", name="Notifications", exact=True)).to_be_visible()
    page.get_by_role("link", name="New", exact=True).click()
    expect(page.get_by_role("heading", name="Nothing new")).to_be_visible()


def test_choices_are_kept(page, demo):
    page.set_viewport_size(PHONE)
    sign_in(page, demo, "erin@northwind.example")
    page.goto(f"{demo.url}/notifications/preferences/")
    assert not overflows(page)
    page.get_by_label("Declines, by mail").select_option("Never")
    page.get_by_label("In the feed: Comments").uncheck()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_have_text("From now on you are told that way.")
    expect(page.get_by_label("Declines, by mail")).to_have_value("never")
    expect(page.get_by_label("In the feed: Comments")).not_to_be_checked()
