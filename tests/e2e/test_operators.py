"""The operator's path in a real browser, under the content security policy, in both themes."""

from __future__ import annotations

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from companies.models import Company
from spendtrackr.models import Event
from tests.e2e.test_pages import overflows
from tests.factories import PASSWORD
from users import operations

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.django_db(transaction=True),
    pytest.mark.filterwarnings("default"),
    pytest.mark.usefixtures("problems"),
]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_operator_finds_a_company_and_opens_a_decline(page, demo, scheme):
    operations.create_operator(email="ops@example.com", name="Ops", hashed=operations.hash_password(PASSWORD), at=timezone.now())
    page.emulate_media(color_scheme=scheme)
    page.goto(demo.url + "/operators/")
    page.get_by_label("Email key").fill("ops@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.locator("#content .model-company th a").click()
    page.locator("#searchbar").fill("northwind")
    page.get_by_role("button", name="Search").click()
    page.locator("#result_list tbody th a").first.click()
    page.locator(".field-rows").get_by_role("link", name="transactions").click()
    page.get_by_role("link", name="Declined", exact=True).click()
    page.locator("#result_list tbody th a").first.click()
    expect(page.locator(".field-refusal tbody tr").nth(9)).to_be_visible()
    expect(page.locator(".field-messages").get_by_role("link")).to_have_count(1)
    assert not overflows(page)
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
    assert dark == (scheme == "dark")
    looked = Event.across_companies.filter(type="operator.looked").order_by("pk").values_list("company__name", "subject_id")
    opened = page.locator(".field-public_id .readonly").inner_text()
    northwind = Company.objects.get(name="Northwind Traders")
    assert list(looked) == [(northwind.name, northwind.public_id), (northwind.name, opened)]
