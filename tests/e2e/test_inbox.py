"""Receipts that come before anybody knows what they prove: chosen, dropped and photographed, in a real browser."""

from __future__ import annotations

import base64

import pytest
from playwright.sync_api import expect

from spendtrackr.tenancy import company_scope
from tests.e2e.test_pages import PHONE, overflows
from tests.e2e.test_paper import DESK, PHOTO, acme, enter  # noqa: F401 -- a fixture of theirs
from tests.papers import pdf, picture
from transactions.models import Receipt

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.django_db(transaction=True),
    pytest.mark.filterwarnings("default"),
    pytest.mark.usefixtures("problems"),
]

BILL = {"name": "bill.pdf", "mimeType": "application/pdf", "buffer": pdf()}
PAGE = {"name": "bill.html", "mimeType": "text/html", "buffer": b"<html><script>alert(1)</script>"}
DROP = """([selector, name, type, content]) => {
  const data = new DataTransfer();
  data.items.add(new File([Uint8Array.from(atob(content), (c) => c.charCodeAt(0))], name, { type }));
  for (const kind of ["dragover", "drop"])
    document.querySelector(selector).dispatchEvent(new DragEvent(kind, { bubbles: true, cancelable: true, dataTransfer: data }));
}"""


def drop(page, selector: str, file: dict) -> None:
    page.evaluate(DROP, [selector, file["name"], file["mimeType"], base64.b64encode(file["buffer"]).decode()])


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_several_files_are_uploaded_each_by_itself_and_attached_with_one_click(page, acme, size):  # noqa: F811
    page.set_viewport_size(size)
    enter(page, acme, "bob@acme.example")
    page.goto(acme.url + "/receipts/")
    expect(page.get_by_role("heading", name="Nothing waits here")).to_be_visible()
    page.locator("#files").set_input_files([PHOTO, PAGE, BILL])
    lines = page.locator("#uploads li")
    expect(lines).to_have_text([
        "lunch.jpg was uploaded.",
        "bill.html: This is not a PNG, JPEG or PDF, whatever its name says. Those three are accepted.",
        "bill.pdf was uploaded.",
    ])  # fmt: skip
    expect(page.locator("article.receipt")).to_have_count(2)
    expect(page.locator("#waiting")).to_have_text("2 not attached yet")
    assert not overflows(page)
    lunch = page.locator("article.receipt", has_text="lunch.jpg")
    lunch.get_by_role("button", name="Attach lunch.jpg").click()
    expect(page.locator("#messages")).to_contain_text("lunch.jpg was attached.")
    expect(page.locator("article.receipt")).to_have_count(1)
    with company_scope(acme.acme.pk):
        assert Receipt.objects.get(transaction_count=1).filename == "lunch.jpg"


def test_what_is_dropped_is_uploaded_and_a_copy_is_pointed_out(page, acme):  # noqa: F811
    page.set_viewport_size(DESK)
    enter(page, acme, "bob@acme.example")
    page.goto(acme.url + "/receipts/")
    drop(page, "section.drop", PHOTO)
    expect(page.locator("#uploads li")).to_have_text("lunch.jpg was uploaded.")
    drop(page, "section.drop", PHOTO)
    expect(page.locator("#uploads li.good").nth(1)).to_contain_text("you have the same content already, as lunch.jpg.")
    expect(page.locator(".receipt .notice.warn")).to_have_count(2)


def test_a_file_is_dropped_on_a_purchase_or_comes_from_the_inbox(page, acme):  # noqa: F811
    page.set_viewport_size(DESK)
    enter(page, acme, "bob@acme.example")
    page.goto(f"{acme.url}/transactions/?show={acme.purchase.public_id}")
    drop(page, "#panel .upload", PHOTO)
    expect(page.locator("#panel .files").first).to_contain_text("lunch.jpg")
    page.get_by_role("button", name="Take off lunch.jpg").click()
    expect(page.locator("#messages")).to_contain_text("lunch.jpg was taken off.")
    page.get_by_text("From your inbox").click()
    page.get_by_role("button", name="Attach lunch.jpg").click()
    expect(page.get_by_role("button", name="Take off lunch.jpg")).to_be_visible()


def test_a_phone_offers_its_camera_and_a_desk_does_not(page, acme):  # noqa: F811
    enter(page, acme, "bob@acme.example")
    for size, is_offered in ((PHONE, True), (DESK, False)):
        page.set_viewport_size(size)
        page.goto(acme.url + "/receipts/")
        assert page.get_by_text("Take a photo").is_visible() is is_offered
    page.set_viewport_size(PHONE)
    photo = page.locator("#photo")
    assert (photo.get_attribute("accept"), photo.get_attribute("capture")) == ("image/*", "environment")
    photo.set_input_files({"name": "image.jpg", "mimeType": "image/jpeg", "buffer": picture("JPEG", size=(32, 32))})
    expect(page.locator("#uploads li")).to_have_text("image.jpg was uploaded.")


def test_without_a_script_the_form_uploads_too(browser, acme):  # noqa: F811
    page = browser.new_context(java_script_enabled=False).new_page()
    enter(page, acme, "bob@acme.example")
    page.goto(acme.url + "/receipts/")
    page.locator("#files").set_input_files([PHOTO, BILL])
    page.get_by_role("button", name="Upload", exact=True).click()
    expect(page.locator("#messages")).to_contain_text("lunch.jpg was uploaded.")
    expect(page.locator("article.receipt")).to_have_count(2)
