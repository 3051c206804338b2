"""Claims on pages: written with faults beside their boxes, paid back in batches, repayments settled, words said."""

from __future__ import annotations

import re

import pytest

from cards.models import RequestKind
from cards.operations import requests
from companies.models import Category
from spendtrackr.money import Money
from spendtrackr.tenancy import company_scope
from tests.factories import NOON, swipe
from tests.rules import adopt, decide
from transactions.models import Approval, Comment, Payout, Reimbursement, Repayment, Split, Transaction
from transactions.operations import approvals, claims, coding, reimbursements
from transactions.operations.claims import Wish
from transactions.operations.clearing import Clearing, clear
from transactions.operations.swipes import authorize


@pytest.fixture
def office(world):
    with company_scope(world.acme.pk):
        world.frank = world.hire("Frank", "finance")
        world.meals, world.travel = (Category.objects.get(name=name) for name in ("Meals", "Travel"))
    adopt(world)
    return world


def text(answer) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def typed(office, **more) -> dict[str, str]:
    said = {"merchant_name": "Corner Grill", "spent_on": "2026-03-08", "memo": "Lunch", "currency": "USD", "rate": ""}
    return said | {"part-0-amount": "40.00", "part-0-category": office.meals.public_id} | more


def claimed(office, minor: int = 40_00, *, is_approved: bool = True) -> Transaction:
    with company_scope(office.acme.pk):
        wish = Wish(NOON.date(), Money(minor, "USD"), "Corner Grill", "Lunch", [Split(share_minor=minor, category=office.meals)])
        claim = claims.make(wish, actor=office.bob, at=NOON)
        if is_approved:
            coding.describe(claim, {"no_receipt_reason": "Lost"}, actor=office.bob, at=NOON)
            approvals.submit(claim, actor=office.bob, at=NOON)
            decide(Approval.objects.get(transaction=claim), office.alice, at=NOON)
    return claim


def owing(office, minor: int = 100_00) -> Transaction:
    with company_scope(office.acme.pk):
        purchase = authorize(office.reload(), swipe(minor)).transaction
        clear(purchase, Clearing("capture", f"c-{purchase.pk}", NOON, is_final=True), actor=None)
        approvals.submit(purchase, actor=office.bob, at=NOON)
        decide(Approval.objects.get(transaction=purchase), office.alice, outcome="rejected", reason="Private", at=NOON)
    return purchase


def test_a_claim_is_written_and_led_to_what_it_still_needs(office, pages):
    client = pages(office.bob)
    answer = client.post("/claims/new/", typed(office))
    claim = Transaction.across_companies.get(source="claim")
    assert (answer.status_code, answer["Location"]) == (302, f"/transactions/{claim.public_id}/")
    assert (claim.descriptor, claim.amount_minor, claim.memo, claim.category_id, str(claim.occurred_on)) == (
        "Corner Grill", 40_00, "Lunch", office.meals.pk, "2026-03-08",
    )  # fmt: skip
    page = text(client.get(answer["Location"]))
    assert "Change the claim" in page
    assert "Take this claim back" in page


def test_more_lines_are_added_without_losing_what_was_typed(office, pages):
    client = pages(office.bob)
    page = client.post("/claims/new/", typed(office, do="add"))
    assert (page.status_code, page.content.decode().count('class="part"')) == (200, 3)
    assert 'value="40.00"' in page.content.decode()
    lines = {"part-1-amount": "10", "part-1-category": office.travel.public_id, "part-1-memo": "Bus", "part-1-spent_on": "2026-03-07"}
    client.post("/claims/new/", typed(office, **lines))
    claim = Transaction.across_companies.get(source="claim")
    with company_scope(office.acme.pk):
        parts = [(part.share_minor, part.category, part.memo) for part in Split.objects.filter(transaction=claim)]
    assert (claim.amount_minor, parts) == (50_00, [(40_00, office.meals, ""), (10_00, office.travel, "Bus")])


def test_to_ask_for_more_lines_is_not_to_be_told_what_is_missing(office, pages):
    page = pages(office.bob).post("/claims/new/", {"do": "add", "memo": "Lunch"})
    assert (page.status_code, page.content.decode().count('class="part"'), "fault" in page.content.decode()) == (200, 3, False)
    assert 'value="Lunch"' in page.content.decode()


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ({"merchant_name": " "}, "This field is required."),
        ({"spent_on": ""}, "This field is required."),
        ({"spent_on": "2099-01-01"}, "That day has not come yet."),
        ({"spent_on": "0001-01-01"}, "Write a day from 1990-01-01"),
        ({"part-0-amount": "forty"}, "Write an amount in USD"),
        ({"part-0-amount": ""}, "How much of it?"),
        ({"part-0-amount": "", "part-0-category": ""}, "How much was it?"),
        ({"currency": "EUR"}, "Say how much USD one EUR was worth that day."),
        ({"currency": "EUR", "rate": "0"}, "Ensure this value is greater than or equal to"),
        ({"rate": "1.5"}, "The amount is in USD already."),
        ({"part-0-tax": "41"}, "The tax is a part of the amount."),
        ({"part-0-budget": "bud_unknown"}, "Select a valid choice"),
        ({"memo": "a\x00b"}, "Null characters are not allowed."),
    ],
)
def test_each_fault_is_told_and_nothing_is_lost(office, pages, said, fault):
    page = pages(office.bob).post("/claims/new/", typed(office) | said)
    assert page.status_code == 400
    assert fault in text(page)
    assert not Transaction.across_companies.filter(source="claim").exists()
    if "merchant_name" not in said:
        assert 'value="Corner Grill"' in page.content.decode()


def test_a_claim_is_changed_and_taken_back_until_it_is_decided(office, pages):
    claim = claimed(office, is_approved=False)
    client = pages(office.bob)
    url = f"/claims/{claim.public_id}/change/"
    form = client.get(url).content.decode()
    for shown in ('value="Corner Grill"', 'value="40.00"', f'value="{office.meals.public_id}" selected'):
        assert shown in form
    eur = {"currency": "EUR", "rate": "1.0837", "part-0-amount": "100"}
    assert client.post(url, typed(office, **eur)).status_code == 302
    page = text(client.get(f"/transactions/{claim.public_id}/"))
    assert "$108.37" in page
    assert "€100.00 paid, at a rate of 1.0837" in page
    assert 'value="1.0837"' in client.get(url).content.decode()
    assert client.post(url, {"do": "add", "currency": "ZZZ", "part-0-amount": "x"}).status_code == 200
    client.post(f"/claims/{claim.public_id}/cancel/")
    claim.refresh_from_db()
    assert claim.status == "reversed"
    assert client.get(url, follow=True).redirect_chain[0][0] == f"/transactions/{claim.public_id}/"


def test_the_list_is_narrowed_by_where_the_money_is(office, pages):
    claimed(office), claimed(office, 10_00, is_approved=False)
    client = pages(office.bob)
    counts = {
        query: client.get(f"/claims/{query}").content.decode().count('<th scope="row">')
        for query in ("", "?payment=unpaid", "?approval=open")
    }
    assert counts == {"": 2, "?payment=unpaid": 1, "?approval=open": 1}
    assert "None of these" in text(client.get("/claims/?payment=paid"))
    wrong = client.get("/claims/?payment=gone")
    assert (wrong.status_code, "There is no such list" in text(wrong)) == (400, True)
    assert "To be paid" in text(client.get("/claims/"))
    assert "Pay back" not in text(client.get("/claims/")), "a bookkeeper's page"


def test_finance_gathers_pays_and_notes_what_came_back(office, pages):
    first, second = claimed(office), claimed(office, 10_00)
    client = pages(office.frank)
    page = client.get("/reimbursements/")
    assert "$50.00 owed" in text(page)
    told = client.post("/reimbursements/gather/", {"next": "/reimbursements/"}, follow=True)
    assert "Tick what you want to pay first." in text(told)
    told = client.post("/reimbursements/gather/", {"claim": [first.public_id], "next": "/reimbursements/"}, follow=True)
    assert "1 claim gathered: pay it by your bank" in text(told)
    batch = Reimbursement.across_companies.get()
    url = f"/reimbursements/{batch.public_id}/"
    assert "Mark $40.00 paid" in text(client.get(url))
    told = client.post(f"{url}pay/", {"paid_from": "bank", "reference": "", "next": url}, follow=True)
    assert "Reference of the transfer: This field is required." in text(told)
    told = client.post(f"{url}pay/", {"paid_from": "bank", "reference": "W-77", "next": url}, follow=True)
    assert "Marked paid." in text(told)
    assert "reference W-77" in text(told)
    payout = Payout.across_companies.get()
    told = client.post(f"/payouts/{payout.public_id}/fail/", {"reason": "Account closed", "next": url}, follow=True)
    assert "came back: Account closed" in text(told)
    told = client.post("/reimbursements/gather/", {"all": "1", "next": "/reimbursements/"}, follow=True)
    assert "2 claims gathered" in text(told)
    again = Reimbursement.across_companies.latest("pk")
    one = Payout.across_companies.filter(reimbursement=again).first()
    url = f"/reimbursements/{again.public_id}/"
    assert "Taken out" in text(client.post(f"/payouts/{one.public_id}/remove/", {"next": url}, follow=True))
    assert "Cancelled" in text(client.post(f"{url}cancel/", {"next": "/reimbursements/"}, follow=True))
    assert f"{second.descriptor}" in text(client.get("/reimbursements/"))
    export = b"".join(client.get(f"{url}export/?per=person")).decode("utf-8-sig")
    assert export.splitlines()[0] == '"person","e-mail","amount","currency","claims","reference"'


def test_a_day_that_is_none_gathers_nothing(office, pages):
    claimed(office)
    told = pages(office.frank).post("/reimbursements/gather/", {"all": "1", "until": "x", "next": "/reimbursements/"}, follow=True)
    assert "Until is a day such as 2026-03-31." in text(told)
    assert not Reimbursement.across_companies.exists()


def test_whoever_may_only_look_gets_no_buttons(office, pages):
    claimed(office)
    with company_scope(office.acme.pk):
        arthur = office.hire("Arthur", "auditor")
        batch = reimbursements.gather("USD", actor=office.frank, at=NOON)
    for path in ("/reimbursements/", f"/reimbursements/{batch.public_id}/", "/repayments/", "/claims/"):
        page = pages(arthur).get(path).content.decode()
        # Whoever sees a list may export it; that changes nothing.
        main = re.sub(r'<details class="export">.*?</details>', "", page.partition('<main id="content">')[2], flags=re.DOTALL)
        assert "<form" not in main, path


def test_what_is_owed_is_seen_by_its_owner_and_settled_by_a_bookkeeper(office, pages):
    purchase = owing(office)
    repayment = Repayment.across_companies.get()
    bob = pages(office.bob)
    for path in ("/repayments/", f"/transactions/{purchase.public_id}/", "/my-spend/"):
        assert "$100.00" in text(bob.get(path))
    assert "You are asked to repay" in text(bob.get(f"/transactions/{purchase.public_id}/"))
    frank = pages(office.frank)
    url = f"/repayments/{repayment.public_id}/"
    here = {"next": "/repayments/"}
    assert "Write an amount in USD" in text(frank.post(f"{url}receive/", {"amount": "x", **here}, follow=True)).replace("write", "Write")
    assert "Recorded: $30.00 from Bob." in text(frank.post(f"{url}receive/", {"amount": "30", "reference": "T1", **here}, follow=True))
    assert "$30.00 of it is back" in text(frank.get("/repayments/"))
    assert "Say why." in text(frank.post(f"{url}waive/", {"reason": "", **here}, follow=True))
    told = text(frank.post(f"{url}waive/", {"reason": "Our mistake", **here}, follow=True))
    assert "Waived: Bob owes nothing for it any more." in told
    assert "Our mistake" in told
    assert "Nobody owes anything" in text(pages(office.bob).get("/repayments/"))


def test_what_somebody_owes_stands_on_their_own_page(office, pages):
    assert "asked to repay" not in text(pages(office.bob).get("/my-spend/"))
    owing(office)
    assert "You are asked to repay" in text(pages(office.bob).get("/my-spend/"))


def test_people_talk_about_a_purchase_where_it_is_shown(office, pages):
    purchase = owing(office)
    url = f"/transactions/{purchase.public_id}/"
    client = pages(office.bob)
    told = client.post(f"{url}comments/", {"text": "First\nSecond <b>", "next": url}, follow=True).content.decode()
    assert f'hx-get="{url}history/"' in told
    assert "First<br>Second &lt;b&gt;" in client.get(f"{url}history/").content.decode()
    assert "Write something." in text(pages(office.bob).post(f"{url}comments/", {"text": " ", "next": url}, follow=True))
    assert [comment.text for comment in Comment.across_companies.all()] == ["First\nSecond <b>"]


def test_people_talk_about_a_request_on_its_page(office, pages):
    with company_scope(office.acme.pk):
        row = requests.ask(requests.Wish(RequestKind.CARD, Money(1_00, "USD"), "Why", name="Ads"), actor=office.bob, at=NOON)
    url = f"/requests/{row.public_id}/"
    assert "Nobody has said anything yet." in text(pages(office.bob).get(url))
    assert "Approve" in text(pages(office.alice).get(url))
    told = pages(office.alice).post(f"{url}comments/", {"text": "For which campaign?", "next": url}, follow=True)
    assert "For which campaign?" in text(told)
    assert f'href="{url}"' in pages(office.bob).get("/requests/").content.decode()


def test_a_bookkeeper_who_saves_a_split_unchanged_changes_nothing(office, pages):
    with company_scope(office.acme.pk):
        lines = [Split(share_minor=30_00, category=office.meals, descriptor="Metro"), Split(share_minor=10_00, category=office.travel)]
        claim = claims.make(Wish(NOON.date(), Money(40_00, "USD"), "Inn", "Trip", lines), actor=office.bob, at=NOON)
        coding.describe(claim, {"no_receipt_reason": "Lost"}, actor=office.bob, at=NOON)
        approvals.submit(claim, actor=office.bob, at=NOON)
        decide(Approval.objects.get(transaction=claim), office.alice, at=NOON)
    parts = {
        "part-0-amount": "30",
        "part-0-category": office.meals.public_id,
        "part-1-amount": "10",
        "part-1-category": office.travel.public_id,
    }
    assert pages(office.frank).post(f"/transactions/{claim.public_id}/split/", {**parts, "do": "save"}).status_code == 302
    with company_scope(office.acme.pk):
        assert [part.descriptor for part in Split.objects.filter(transaction=claim).order_by("position")] == ["Metro", ""]
        assert Transaction.objects.get(pk=claim.pk).approval == "approved"


def test_what_is_too_long_is_refused_by_its_name(office, pages):
    owing(office)
    url = f"/repayments/{Repayment.across_companies.get().public_id}/"
    told = pages(office.frank).post(f"{url}receive/", {"amount": "1", "reference": "x" * 121, "next": "/repayments/"}, follow=True)
    assert "Reference: at most 120 characters." in text(told)
