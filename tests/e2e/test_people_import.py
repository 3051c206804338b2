"""A file of people in a real browser: chosen once, looked at, narrowed, applied; by keyboard, on a phone, and with no script."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from conftest import build_world
from tests.e2e.test_pages import PHONE, overflows
from tests.factories import PASSWORD

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.django_db(transaction=True),
    pytest.mark.filterwarnings("default"),
]
FILE = """E-mail,Role,Department,Manager
bob@acme.example,finance,Engineering / Platform,alice@acme.example
a.rather.long.address.of.somebody.new@a-company-with-a-long-name.example,,Engineering,
zoe@acme.example,boss,,
"""


def preview(page, live_server, tmp_path, text: str = FILE) -> None:
    build_world()
    chosen = tmp_path / "people.csv"
    chosen.write_text(text)
    page.goto(f"{live_server.url}/people/import/")
    page.get_by_label("E-mail address").fill("alice@acme.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("CSV file or Excel workbook").set_input_files(chosen)
    page.get_by_role("button", name="See what it would do").press("Enter")
    expect(page.get_by_role("heading", name="Preview")).to_be_visible()


def test_a_file_is_chosen_once_looked_at_and_applied(page, live_server, tmp_path, problems):
    preview(page, live_server, tmp_path)
    expect(page.get_by_text("Departments to add: Engineering, Engineering / Platform.")).to_be_visible()
    page.get_by_role("button", name="1 rejected").press("Enter")
    expect(page.get_by_text("There is no role boss.")).to_be_visible()
    expect(page.get_by_text("bob@acme.example")).to_have_count(0)
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_role("status")).to_have_text("Done. The same file again changes nothing.")
    page.get_by_role("link", name="To the people").click()
    expect(page.get_by_role("row", name="Bob").get_by_text("Platform")).to_be_visible()


def test_it_fits_a_phone_in_the_light_and_in_the_dark(page, live_server, tmp_path, problems):
    page.set_viewport_size(PHONE)
    preview(page, live_server, tmp_path)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert not overflows(page)
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_role("heading", name="Imported")).to_be_visible()
    assert not overflows(page)


def test_it_works_without_a_script(browser, live_server, tmp_path):
    page = browser.new_context(java_script_enabled=False, locale="en-GB").new_page()
    preview(page, live_server, tmp_path)
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_role("heading", name="Imported")).to_be_visible()
    page.context.close()
