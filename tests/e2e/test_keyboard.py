"""Lists, decisions and pages without a mouse; what is ticked, and what becomes of an exchange that fails."""

from __future__ import annotations

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from spendtrackr.money import Money
from spendtrackr.tenancy import company_scope
from tests.e2e.test_pages import PHONE, overflows
from tests.e2e.test_paper import DESK, acme, enter, state  # noqa: F401 -- a fixture
from tests.factories import swipe
from tests.rules import adopt
from transactions.models import Approval, Transaction
from transactions.operations import accounts, approvals
from transactions.operations.swipes import authorize

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.django_db(transaction=True),
    pytest.mark.filterwarnings("default"),
    pytest.mark.usefixtures("problems"),
]


@pytest.fixture
def waiting(acme):  # noqa: F811
    """Three of Bob's purchases wait for Grace, in this order: 80, 20 and 10 dollars."""
    adopt(acme)
    now = timezone.now()
    with company_scope(acme.acme.pk):
        for minor, name in ((20_00, "Second"), (10_00, "Third")):
            authorize(acme.reload(), swipe(minor, at=now, merchant_name=name))
        for purchase in Transaction.objects.order_by("pk"):
            approvals.submit(purchase, actor=acme.bob, at=now)
    return acme


def press(page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def row(page, name: str):
    return page.get_by_role("link", name=name, exact=True)


def answers(world) -> list[str]:
    return list(Approval.across_companies.order_by("transaction").values_list("status", flat=True))


def test_a_row_is_chosen_and_the_panel_opened_read_and_closed(page, waiting):
    page.set_viewport_size(DESK)
    enter(page, waiting, "alice@acme.example")
    page.goto(waiting.url + "/transactions/")
    press(page, "j", "j", "j", "j", "k")
    expect(row(page, "Second")).to_be_focused()
    press(page, "Enter")
    panel = page.get_by_role("complementary", name="Transaction")
    expect(panel).to_be_focused()
    expect(panel).to_contain_text("$20.00")
    press(page, "j")
    expect(row(page, "Blue Bottle Coffee")).to_be_focused()
    press(page, "o")
    expect(panel).to_contain_text("$80.00")
    expect(panel).to_be_focused()
    press(page, "Escape")
    expect(panel).to_have_count(0)
    expect(row(page, "Blue Bottle Coffee")).to_be_focused()


def test_keys_are_letters_while_somebody_types(page, waiting):
    enter(page, waiting, "alice@acme.example")
    page.goto(waiting.url + "/transactions/")
    press(page, "/")
    search = page.get_by_label("Search")
    expect(search).to_be_focused()
    page.keyboard.type("a?gjx/")
    expect(search).to_have_value("a?gjx/")
    expect(page.get_by_role("dialog")).to_be_hidden()
    press(page, "Escape")
    expect(row(page, "Third")).to_be_focused()
    press(page, "Control+j", "Alt+j")
    expect(row(page, "Third")).to_be_focused()


def test_an_inbox_is_decided_by_keyboard(page, waiting):
    enter(page, waiting, "grace@acme.example")
    page.goto(waiting.url + "/approvals/")
    press(page, "a")
    press(page, "j")
    expect(row(page, "Blue Bottle Coffee")).to_be_focused()
    assert answers(waiting) == ["waiting"] * 3, "without a row, no key decides anything"

    press(page, "j", "r")
    why = page.get_by_label("Why not?").nth(1)
    expect(why).to_be_focused()
    press(page, "Enter")
    press(page, "Escape")
    expect(why).to_be_hidden()
    assert answers(waiting) == ["waiting"] * 3, "a reason is asked for, and leaving decides nothing"

    press(page, "a")
    page.get_by_text("Approved for Bob.").wait_for()
    # On with the row that took its place.
    expect(row(page, "Third")).to_be_focused()
    press(page, "s")
    page.keyboard.type("Which train?")
    press(page, "Enter")
    page.get_by_text("Sent back to Bob.").wait_for()
    assert answers(waiting) == ["waiting", "approved", "changes_requested"]


def test_what_is_opened_is_decided_and_not_another_row(page, waiting):
    enter(page, waiting, "grace@acme.example")
    page.goto(f"{waiting.url}/transactions/?show={waiting.purchase.public_id}")
    panel = page.get_by_role("complementary", name="Transaction")
    press(page, "r")
    page.keyboard.type("Private")
    press(page, "Enter")
    expect(panel).to_contain_text("Grace rejected this: “Private”")
    assert sorted(answers(waiting)) == ["rejected", "waiting", "waiting"]
    assert state(waiting) == "rejected"


def test_the_list_of_keys_says_what_this_page_knows(page, waiting):
    enter(page, waiting, "grace@acme.example")
    page.goto(waiting.url + "/approvals/")
    press(page, "?")
    dialog = page.get_by_role("dialog", name="Keyboard shortcuts")
    here = dialog.get_by_role("list", name="On this page")
    expect(here.get_by_role("listitem")).to_have_text([
        "The next row, the one beforejk", "Open the rowoEnter", "Tick the rowx", "Approvea",
        "Send back, with a word whys", "Reject, with a word whyr",
    ])  # fmt: skip
    press(page, "a")
    press(page, "?")
    expect(dialog).to_be_hidden()
    assert answers(waiting) == ["waiting"] * 3
    page.get_by_role("button", name="Keyboard shortcuts").click()
    expect(dialog).to_be_visible()
    press(page, "Escape")
    press(page, "g", "p")
    expect(page.get_by_role("heading", level=1)).to_have_text("People")
    expect(page.get_by_label("Name or e-mail")).not_to_be_focused()


def test_keys_can_be_switched_off(page, waiting):
    enter(page, waiting, "grace@acme.example")
    page.goto(waiting.url + "/account/")
    page.get_by_role("checkbox", name="Keyboard shortcuts").uncheck()
    page.get_by_role("region", name="Pages").get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_have_text("Saved. Pages behave that way from now on.")
    page.goto(waiting.url + "/approvals/")
    press(page, "j", "a", "?", "g", "t")
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert page.url.endswith("/approvals/")
    assert page.evaluate("document.activeElement === document.body")
    assert answers(waiting) == ["waiting"] * 3
    page.get_by_role("button", name="Keyboard shortcuts").click()
    expect(page.get_by_role("dialog")).to_contain_text("They are switched off.")


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_what_is_ticked_is_counted_and_added_up_and_stays_ticked(page, waiting, size):
    page.set_viewport_size(size)
    enter(page, waiting, "alice@acme.example")
    page.goto(waiting.url + "/transactions/")
    bar = page.locator(".bulk-bar")
    expect(bar).to_be_hidden()
    page.get_by_label("Tick Second").check()
    page.get_by_label("Tick Third").check()
    expect(bar.get_by_role("status")).to_have_text("2 ticked: $30.00")
    assert not overflows(page)
    row(page, "Second").click()
    page.get_by_role("link", name="Close").click()
    expect(bar.get_by_role("status")).to_have_text("2 ticked: $30.00")
    bar.get_by_label("Tick all on this page").check()
    expect(bar.get_by_role("status")).to_have_text("3 ticked: $110.00")
    bar.get_by_label("Tick all on this page").uncheck()
    expect(bar).to_be_hidden()


def test_what_is_ticked_is_added_up_as_the_reader_writes(browser, waiting):
    with company_scope(waiting.acme.pk):
        accounts.top_up(Money(5_000_00, "USD"), actor=waiting.alice, at=timezone.now())
        authorize(waiting.reload(), swipe(1_234_50, at=timezone.now(), merchant_name="Fourth"))
    page = browser.new_context(locale="de-DE", viewport=DESK).new_page()
    enter(page, waiting, "alice@acme.example")
    page.goto(waiting.url + "/transactions/")
    page.get_by_label("Tick Third").check()
    page.get_by_label("Tick Fourth").check()
    expect(page.locator(".bulk-bar").get_by_role("status")).to_have_text("2 ticked: 1.244,50\u00a0$")
    row(page, "Fourth").click()
    expect(page.get_by_role("complementary", name="Transaction").locator(".amount").first).to_have_text("1.234,50\u00a0$")
    page.get_by_role("link", name="Close").click()
    expect(page.locator(".bulk-bar").get_by_role("status")).to_have_text("2 ticked: 1.244,50\u00a0$")
    purchase = Transaction.across_companies.get(descriptor="Fourth")
    page.goto(f"{waiting.url}/transactions/{purchase.public_id}/split/")
    amount = page.locator("input[name='part-0-amount']")
    expect(amount).to_have_value("1234,50")
    amount.fill("1.000,25")
    expect(page.locator("[data-left]")).to_have_text("Left: 234,25")
    amount.fill("1.234,50")
    expect(page.locator("[data-left]")).to_have_text("It adds up.")
    page.context.close()


REFUSED = "<main><h1>Something broke</h1><p>Something broke on our side, and it was logged.</p></main>"


def answering(status: int):
    return lambda route: route.fulfill(status=status, content_type="text/html", body=REFUSED)


def test_an_exchange_that_fails_is_told_and_loses_nothing(page, waiting, problems):
    page.set_viewport_size(DESK)
    enter(page, waiting, "alice@acme.example")
    page.goto(f"{waiting.url}/transactions/?show={waiting.purchase.public_id}")
    page.route("**/describe/", lambda route: route.abort())
    page.get_by_label("Memo").fill("Lunch")
    save = page.get_by_role("button", name="Save", exact=True)
    save.click()
    expect(page.get_by_role("alert")).to_contain_text("No answer. Is there a connection? It may have been done all the same")
    expect(page.get_by_label("Memo")).to_have_value("Lunch")
    page.unroute("**/describe/")
    for status in (403, 409, 500):
        page.route("**/describe/", answering(status))
        save.click()
        expect(page.get_by_role("alert")).to_contain_text("Something broke. Something broke on our side")
        page.unroute("**/describe/")
    # What it logs of those, and nothing else.
    assert [text for text in problems if "ERR_FAILED" not in text and "status" not in text.lower() and "htmx:" not in text] == []
    problems.clear()
    save.click()
    expect(page.get_by_role("status").filter(has_text="Saved.")).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)


def test_who_was_signed_out_meanwhile_is_led_to_the_door(page, waiting):
    enter(page, waiting, "alice@acme.example")
    page.goto(waiting.url + "/transactions/")
    page.context.clear_cookies()
    row(page, "Second").click()
    page.get_by_role("heading", name="Sign in").wait_for()
