"""Money back in a real browser: claimed by an employee, approved by their manager, paid by finance; and a purchase that is to be repaid."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from django.core.management import call_command
from playwright.sync_api import expect

from spendtrackr.tenancy import company_scope
from tests.e2e.test_pages import PHONE, overflows
from tests.e2e.test_paper import DESK, PHOTO, acme, enter  # noqa: F401 -- a fixture
from transactions.models import Payout, Repayment, Transaction

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.django_db(transaction=True),
    pytest.mark.filterwarnings("default"),
    pytest.mark.usefixtures("problems"),
]


def hire_frank(world) -> None:
    with company_scope(world.acme.pk):
        world.frank = world.hire("Frank", "finance")


def claim(page, world) -> None:
    """Bob's, of two lines, with its receipt, submitted."""
    page.get_by_role("link", name="My spend").click()
    page.get_by_role("link", name="Claim money").click()
    page.get_by_label("Where").fill("City of Chicago")
    page.get_by_label("Day", exact=True).fill("2026-03-08")
    page.get_by_label("What it was for").fill("Visit to Fern and Sons")
    page.get_by_label("Amount").fill("22.00")
    page.get_by_label("Category").select_option("Travel")
    page.get_by_role("button", name="Several lines").click()
    second = page.get_by_role("group", name="Line 2")
    second.get_by_label("Amount").fill("9.75")
    second.get_by_label("Category").select_option("Travel")
    assert not overflows(page)
    page.get_by_role("button", name="Save the claim").click()
    page.get_by_text("Now add what is missing: receipt.").wait_for()
    page.locator("input[type=file]").first.set_input_files(PHOTO)
    page.get_by_role("link", name="lunch.jpg").wait_for()
    page.get_by_role("button", name="Submit for approval").click()
    page.get_by_text("Submitted for approval.").wait_for()


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_claimed_approved_gathered_and_paid(page, acme, size):  # noqa: F811
    hire_frank(acme)
    page.set_viewport_size(size)
    enter(page, acme, "bob@acme.example")
    claim(page, acme)

    enter(page, acme, "grace@acme.example")
    page.goto(acme.url + "/approvals/")
    page.get_by_role("button", name="Approve $31.75 of Bob").click()
    page.get_by_text("Approved for Bob.").wait_for()

    enter(page, acme, "frank@acme.example")
    page.get_by_role("link", name="Claims").click()
    page.get_by_role("link", name="Pay back").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("$31.75 owed")
    page.get_by_label("Tick all").check()
    page.get_by_role("button", name="Gather what is ticked").click()
    page.get_by_text("1 claim gathered").wait_for()
    page.get_by_role("link", name="Batch of").click()
    assert not overflows(page)
    with page.expect_download() as found:
        page.get_by_role("link", name="CSV by person").click()
    lines = Path(found.value.path()).read_text(encoding="utf-8-sig").splitlines()
    assert [(row["person"], row["amount"]) for row in csv.DictReader(lines)] == [("Bob", "31.75")]
    page.get_by_label("Reference of the transfer").fill("W-77")
    page.get_by_role("button", name="Mark $31.75 paid").click()
    page.get_by_text("Marked paid.").wait_for()
    assert Payout.across_companies.get().status == "paid"

    enter(page, acme, "bob@acme.example")
    page.goto(acme.url + "/claims/?payment=paid")
    page.get_by_role("link", name="City of Chicago").click()
    page.get_by_text("reference W-77").wait_for()
    call_command("verify")


def test_a_rejected_purchase_is_repaid_and_talked_about(page, acme):  # noqa: F811
    hire_frank(acme)
    enter(page, acme, "bob@acme.example")
    address = f"{acme.url}/transactions/{acme.purchase.public_id}/"
    page.goto(address)
    page.locator("input[type=file]").first.set_input_files(PHOTO)
    page.get_by_role("link", name="lunch.jpg").wait_for()
    page.get_by_role("button", name="Submit for approval").click()
    page.get_by_text("Submitted for approval.").wait_for()

    enter(page, acme, "grace@acme.example")
    page.goto(address)
    page.get_by_label("Comment").fill("Who was there?")
    page.get_by_role("button", name="Say it").click()
    page.get_by_text("Said.").wait_for()  # the page it was said on may tell it too, just before it goes
    page.get_by_label("Comment").scroll_into_view_if_needed()  # below what happened
    page.get_by_text("Who was there?").wait_for()
    page.locator("summary", has_text="Reject").click()
    page.get_by_label("Why not?").fill("This was private")
    page.get_by_role("button", name="Reject").click()
    page.get_by_text("This was private").first.wait_for()

    enter(page, acme, "bob@acme.example")
    page.goto(acme.url + "/my-spend/")
    page.get_by_text("You are asked to repay").wait_for()

    enter(page, acme, "frank@acme.example")
    page.goto(acme.url + "/repayments/")
    page.get_by_label("Repaid, USD").fill("30")
    page.get_by_role("button", name="Record").click()
    page.get_by_text("Recorded: $30.00 from Bob.").wait_for()
    page.locator("summary", has_text="Do without it").click()
    page.get_by_label("Why").fill("Half of it was for us")
    page.get_by_role("button", name="Waive $50.00").click()
    page.get_by_text("Waived: Bob owes nothing for it any more.").wait_for()
    assert Repayment.across_companies.get().status == "waived"
    assert Transaction.across_companies.get(pk=acme.purchase.pk).approval == "rejected"
    call_command("verify")
