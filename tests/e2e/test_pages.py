"""The pages in a real browser: signing in, the chart, drilling down, paging, small and dark screens."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from reports.demo import PASSWORD

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.django_db(transaction=True),
    pytest.mark.filterwarnings("default"),
    pytest.mark.usefixtures("problems"),
]

PHONE = {"width": 380, "height": 800}
READ = [
    ".tag.warn",
    ".tag.good",
    ".muted",
    ".chip",
    "h1",
    "h2",
    ".figure .amount",
    "td.when",
    "span.status",
    ".presets a",
    ".bar nav a[aria-current]",
    ".ranking a",
]


def sign_in(page, server, email="alice@northwind.example"):
    page.goto(server.url + "/")
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda url: "/sign-in/" not in url)


def overflows(page) -> bool:
    page.wait_for_load_state()
    return page.evaluate("document.documentElement.scrollWidth > window.innerWidth")


def test_from_signing_in_to_the_rows_behind_a_mark(page, demo):
    sign_in(page, demo)
    expect(page.get_by_role("heading", level=1)).to_contain_text("Spend")
    mark = page.locator("svg.chart.wide a").first
    title = mark.locator("title").text_content()
    mark.click()
    page.wait_for_url("**/transactions/?spent_from=*")  # waits for the load too
    category = title.split(",")[0]
    assert set(page.locator("td.category").all_inner_texts()) == {category}


def test_the_table_behind_the_chart_has_its_figures(page, demo):
    sign_in(page, demo)
    page.get_by_text("View as table").click()
    table = page.locator("table.matrix")
    total = table.locator("tfoot td").first.inner_text()
    assert total == page.locator(".figure .amount").nth(1).inner_text()
    expect(table.locator("tbody tr")).to_have_count(12)


def test_wrong_passwords_are_said_on_the_page(page, demo, problems):
    page.goto(demo.url + "/sign-in/")
    page.get_by_label("E-mail address").fill("alice@northwind.example")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("wrong")
    # Chromium logs the 401 of the form itself; that, and nothing else, is expected here.
    assert all("401" in text for text in problems)
    problems.clear()


def test_it_can_be_used_by_keyboard_alone(page, demo):
    page.goto(demo.url + "/sign-in/")
    expect(page.get_by_label("E-mail address")).to_be_focused()
    page.keyboard.type("alice@northwind.example")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="By month").wait_for()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()


def test_paging_and_filtering(page, demo):
    sign_in(page, demo)
    page.get_by_role("link", name="All transactions").click()
    expect(page.locator("tbody tr")).to_have_count(50)
    page.get_by_role("link", name="Older").click()
    page.get_by_role("link", name="Back to the latest").wait_for()
    page.get_by_label("Status").select_option("declined")
    page.get_by_role("button", name="Filter").click()
    page.wait_for_load_state()
    assert set(page.locator("span.status").all_inner_texts()) == {"Declined"}
    assert "Merchant category blocked" in page.locator("td.status small").all_inner_texts()


def test_another_company_sees_its_own(page, demo):
    sign_in(page, demo, "mallory@bergwerk.example")
    text = page.locator("body").inner_text()
    assert "Bergwerk GmbH" in text
    assert "Northwind" not in text
    assert "€" in text


def test_an_employee_sees_their_own_spend(page, demo):
    sign_in(page, demo, "erin@northwind.example")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Your spend")
    assert set(page.locator("td.card").all_inner_texts()) <= {text for text in page.locator("td.card").all_inner_texts() if "Erin" in text}


def test_from_what_is_available_to_the_entries_of_a_day(page, demo):
    sign_in(page, demo)
    page.locator(".figure", has_text="Available now").get_by_role("link").click()
    page.get_by_label("Month", exact=True).select_option(index=1)
    page.get_by_role("button", name="Show").click()
    row = page.locator("table.days tbody tr", has=page.locator("[data-is=Bank]", has_text="-$5,000.00"))
    closing = row.locator(".total").inner_text()
    row.get_by_role("link").click()
    page.get_by_role("heading", name="What changed it").wait_for()
    assert page.locator(".figure", has_text="Closing").locator(".amount").inner_text() == closing
    assert page.locator("tr", has_text="To the bank").locator(".number").inner_text() == "-$5,000.00"


def test_signing_out(page, demo):
    sign_in(page, demo)
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("heading", name="Sign in").wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/my-spend/",
        "/transactions/",
        "/approvals/",
        "/funding/",
        "/accounting/",
        "/accounting/closing/",
        "/accounting/settings/",
        "/funding/?month=2020-01",
        "/cards/",
        "/cards/new/",
        "/settings/blocks/",
        "/people/",
        "/settings/",
        "/sign-in/",
        "/nowhere/",
    ],
)
def test_no_page_is_wider_than_a_phone(page, demo, problems, scheme, path):
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size(PHONE)
    sign_in(page, demo)
    page.goto(demo.url + path)
    assert not overflows(page)
    problems[:] = [text for text in problems if "404" not in text]


def test_text_can_be_read_in_light_and_dark(page, demo):
    """WCAG AA, 4.5 to 1, for what people read; measured on the colours that the browser computed."""
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        sign_in(page, demo)
        for selector in READ:
            colours = page.locator(selector).first.evaluate(
                """element => {
                    const none = 'rgba(0, 0, 0, 0)';
                    let ground = element, colour = none;
                    while (ground && colour === none) {
                        colour = getComputedStyle(ground).backgroundColor;
                        ground = ground.parentElement;
                    }
                    return [getComputedStyle(element).color, colour];
                }"""
            )
            assert contrast(*colours) >= 4.5, (scheme, selector, colours)
        page.get_by_role("button", name="Sign out").click()


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_the_documentation_is_browsed_from_our_own_origin(page, demo, problems):
    foreign = []
    page.on("request", lambda request: foreign.append(request.url) if not request.url.startswith((demo.url, "data:", "blob:")) else None)
    page.goto(demo.url + "/api/v1/docs/")
    page.locator(".opblock").first.wait_for()
    # It draws what is in sight of a long contract, and the rest when somebody gets there.
    swipe = page.get_by_text("Swipe a card")
    for _ in range(60):
        if swipe.count():
            break
        page.mouse.wheel(0, 600)
        page.wait_for_timeout(200)
    expect(swipe).to_be_visible()
    assert foreign == []
