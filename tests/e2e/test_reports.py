"""From a report to the rows behind it, to a file, and to the books, as each role does it in a real browser."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.e2e.test_pages import PHONE, overflows, sign_in

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.django_db(transaction=True),
    pytest.mark.filterwarnings("default"),
    pytest.mark.usefixtures("problems"),
]

# The owner, a bookkeeper, an auditor, somebody with people below them, and somebody with none.
WHO = {
    "owner": "alice@northwind.example",
    "finance": "frank@northwind.example",
    "auditor": "audrey@northwind.example",
    "manager": "priya@northwind.example",
    "employee": "erin@northwind.example",
}
READS_BOOKS = {"owner", "finance", "auditor"}


@pytest.mark.parametrize("role", WHO)
def test_every_cut_of_spend_leads_to_rows_that_add_up_to_it(page, demo, role):
    sign_in(page, demo, WHO[role])
    for cut in ("Member", "Merchant", "Month"):
        page.goto(demo.url + "/reports/spend/")
        page.get_by_label("Cut by").get_by_role("link", name=cut, exact=True).click()
        row = page.locator("table.report tbody tr", has=page.get_by_role("link")).first
        spend = row.locator("td.number").first.inner_text()
        row.get_by_role("link").first.click()
        expect(page.locator(".behind strong")).to_have_text(spend)


@pytest.mark.parametrize("role", WHO)
def test_each_role_finds_its_pages_and_no_others(page, demo, role):
    sign_in(page, demo, WHO[role])
    main = page.get_by_role("navigation", name="Main")
    expect(main.get_by_role("link", name="Accounting")).to_have_count(int(role in READS_BOOKS))
    for place in main.get_by_role("link").all():
        assert page.request.get(demo.url + place.get_attribute("href")).status == 200


def test_a_report_as_a_file_has_what_the_page_shows(page, demo):
    sign_in(page, demo, WHO["finance"])
    page.goto(demo.url + "/reports/spend/?group_by=department&compare=")
    shown = page.locator("table.report tbody tr").count()
    page.get_by_text("Export", exact=True).click()
    with page.expect_download() as found:
        page.get_by_role("button", name="CSV").click()
    rows = list(csv.DictReader(io.StringIO(Path(found.value.path()).read_text("utf-8-sig"))))
    assert len(rows) == shown > 1


def test_what_happened_comes_when_it_is_scrolled_to(page, demo):
    sign_in(page, demo)
    page.goto(demo.url + "/transactions/?status=posted")
    page.locator("[data-row]").first.click()
    page.locator("#panel #history").scroll_into_view_if_needed()
    expect(page.locator("#panel ol.history li").first).to_be_visible()
    page.locator("#panel #history").get_by_text("Collected by the merchant").first.wait_for()


def test_a_bookkeeper_exports_a_batch_and_closes_a_month(page, demo):
    sign_in(page, demo, WHO["finance"])
    page.get_by_role("link", name="Accounting").click()
    page.get_by_role("button", name="Export USD").click()
    expect(page.get_by_text("download it below")).to_be_visible()
    page.get_by_role("link", name="Batch 2").click()
    with page.expect_download() as found:
        page.get_by_role("link", name="Xero").first.click()
    assert Path(found.value.path()).read_text("utf-8-sig").startswith('"*Narration"')
    page.goto(demo.url + "/accounting/closing/")
    page.get_by_role("button", name="Close ").click()
    expect(page.get_by_text("The books are closed through")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_report_is_wider_than_a_phone(page, demo, scheme):
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size(PHONE)
    sign_in(page, demo)
    page.goto(demo.url + "/reports/")
    reports = {link.get_attribute("href") for link in page.locator("main a[href^='/reports/']").all()}
    assert len(reports) > 10
    for path in sorted({*reports, "/exports/", "/activity/", "/reports/spend/?group_by=month,merchant"}):
        page.goto(demo.url + path)
        assert not overflows(page), path


def test_what_is_done_on_the_page_of_a_purchase_is_answered_there(page, demo):
    sign_in(page, demo)
    page.goto(demo.url + "/transactions/?status=posted")
    page.locator("[data-row]").first.click()
    page.locator("#panel code").click()
    page.wait_for_url("**/transactions/txn_*/")
    page.get_by_label("Memo").fill("Written on its own page")
    page.locator("#history").scroll_into_view_if_needed()
    expect(page.locator("ol.history li").first).to_be_visible()
    expect(page.get_by_label("Memo")).to_have_value("Written on its own page")
    page.get_by_role("button", name="Save", exact=True).last.click()
    expect(page.locator("#messages .good")).to_be_visible()
    expect(page.get_by_label("Memo")).to_have_value("Written on its own page")
