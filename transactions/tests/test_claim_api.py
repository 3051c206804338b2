"""Claims, batches, repayments and comments by API: what is written is read back, and each refusal names its field."""

from __future__ import annotations

import csv
import io

import pytest

from cards.models import BudgetInterval, CardRequest, RequestKind
from cards.operations import budgets, requests
from companies.models import Category
from spendtrackr.money import Money
from spendtrackr.tenancy import company_scope
from tests.factories import NOON, swipe
from tests.rules import adopt, decide, money
from transactions import queries
from transactions.models import Approval, Claim, Comment, Payout, Reimbursement, Repayment, Transaction
from transactions.operations import approvals
from transactions.operations.clearing import Clearing, clear
from transactions.operations.swipes import authorize
from users import operations as people

CLAIMS, BATCHES, REPAYMENTS = "/api/v1/claims/", "/api/v1/reimbursements/", "/api/v1/repayments/"


@pytest.fixture
def office(world):
    """Alice says yes to Bob, Frank keeps the books, Arthur looks on."""
    with company_scope(world.acme.pk):
        world.frank, world.arthur = world.hire("Frank", "finance"), world.hire("Arthur", "auditor")
        world.meals, world.travel = (Category.objects.get(name=name) for name in ("Meals", "Travel"))
        world.sales = people.add_department(name="Sales", actor=world.alice, at=NOON)
    adopt(world)
    return world


def body(minor: int = 40_00, currency: str = "USD", **more) -> dict:
    return {"spent_on": "2026-03-08", "amount": money(minor, currency), "merchant_name": "Corner Grill", "memo": "Lunch"} | more


def line(minor: int, currency: str = "USD", **more) -> dict:
    plain = {"category": None, "department": None, "budget": None, "memo": "", "spent_on": None, "merchant_name": "", "tax_code": ""}
    return {"amount": money(minor, currency), "tax": None} | plain | more


def made(client, *args, **more) -> dict:
    answer = client.post(CLAIMS, body(*args, **more), format="json")
    assert answer.status_code == 201, answer.content
    return answer.json()


def approved(office, api, *args, **more) -> dict:
    client = api(office.bob)
    minor = args[0] if args else 40_00
    claim = made(client, *args, **{"lines": [line(minor, category=office.meals.public_id)], **more})
    assert client.post(f"/api/v1/transactions/{claim['id']}/submit/").json()["approval"] == "waiting"
    with company_scope(office.acme.pk):
        decide(Approval.objects.get(status="waiting"), office.alice, at=NOON)
    return client.get(f"{CLAIMS}{claim['id']}/").json()


def gathered(client, **said) -> dict:
    answer = client.post(BATCHES, said, format="json")
    assert answer.status_code == 201, answer.content
    return answer.json()


def refusal(answer) -> tuple[int, str, str | None]:
    return answer.status_code, answer.json()["code"], answer.json().get("field")


def test_a_claim_is_written_and_read_back_in_one_shape(office, api):
    client, lines = api(office.bob), [
        line(30_00, category=office.meals.public_id, memo="Food", tax_code="V7", tax=money(1_96)),
        line(10_00, category=office.travel.public_id, spent_on="2026-03-07", merchant_name="Metro"),
    ]  # fmt: skip
    said = body(lines=lines)
    claim = made(client, lines=lines)
    assert {name: claim[name] for name in said} == said
    assert (claim["approval"], claim["payment"], claim["payout"], claim["rate"]) == ("open", None, None, None)
    assert client.get(f"{CLAIMS}{claim['id']}/").json() == claim
    assert client.get(CLAIMS).json()["data"] == [claim]
    # What was read can be sent back, and changes nothing.
    again = client.patch(f"{CLAIMS}{claim['id']}/", {name: claim[name] for name in said}, format="json")
    assert (again.status_code, again.json()) == (200, claim)


def test_another_currency_comes_with_its_rate_and_keeps_it(office, api):
    client = api(office.bob)
    claim = made(client, 100_00, "EUR", rate="1.0837", lines=[line(60_00, "EUR"), line(40_00, "EUR")])
    assert (claim["amount"], claim["rate"], claim["booked"]) == (money(100_00, "EUR"), "1.0837", money(108_37))
    assert [one["amount"]["minor"] for one in claim["lines"]] == [60_00, 40_00]
    assert claim["lines_booked"] == [money(65_02), money(43_35)]
    url = f"{CLAIMS}{claim['id']}/"
    assert client.patch(url, {"rate": "1.1"}, format="json").json()["booked"] == money(110_00)
    assert refusal(client.patch(url, {"rate": None}, format="json")) == (400, "required", "rate")
    # Back in the company's own currency the rate is gone.
    plain = client.patch(url, {"amount": money(90_00), "lines": [line(90_00)]}, format="json").json()
    assert (plain["amount"], plain["rate"], plain["booked"]) == (money(90_00), None, money(90_00))


def test_what_is_not_named_stays(office, api):
    client = api(office.bob)
    claim = made(client, lines=[line(40_00, category=office.meals.public_id, tax_code="V7")])
    changed = client.patch(f"{CLAIMS}{claim['id']}/", {"amount": money(50_00)}, format="json").json()
    assert (changed["lines"][0]["amount"], changed["lines"][0]["category"]) == (money(50_00), office.meals.public_id)
    figures = dict.fromkeys(("amount", "booked", "lines", "lines_booked"))
    assert changed | figures == claim | figures
    assert client.patch(f"{CLAIMS}{claim['id']}/", {}, format="json").json() == changed
    parts = [line(20_00), line(30_00)]
    assert len(client.patch(f"{CLAIMS}{claim['id']}/", {"lines": parts}, format="json").json()["lines"]) == 2
    assert refusal(client.patch(f"{CLAIMS}{claim['id']}/", {"amount": money(60_00)}, format="json")) == (400, "invalid", "lines")


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"spent_on": "2999-01-01"}, "spent_on"),
        ({"spent_on": None}, "spent_on"),
        ({"amount": money(0)}, "amount.minor"),
        ({"amount": money(1, "XXX")}, "amount.currency"),
        ({"amount": money(1, "EUR")}, "rate"),
        ({"rate": "1.5"}, "rate"),
        ({"rate": "0"}, "rate"),
        ({"rate": "NaN"}, "rate"),
        ({"merchant_name": " "}, "merchant_name"),
        ({"lines": []}, "lines"),
        ({"lines": [{"amount": money(39_00)}]}, "lines"),
        ({"lines": [{"amount": money(40_00, "EUR")}]}, "lines.0.amount.currency"),
        ({"lines": [{"amount": money(40_00), "category": "cat_unknown"}]}, "lines.0.category"),
        ({"lines": [{"amount": money(40_00), "budget": "bud_unknown"}]}, "lines.0.budget"),
        ({"lines": [{"amount": money(40_00), "tax": money(1, "EUR")}]}, "lines.0.tax.currency"),
        ({"lines": [{"amount": money(40_00), "tax": money(41_00)}]}, "lines.0.tax"),
        ({"booked": money(1)}, "booked"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_by_name_and_leaves_nothing(office, api, said, field):
    answer = api(office.bob).post(CLAIMS, body() | said, format="json")
    assert (answer.status_code, answer.json()["field"]) == (400, field), answer.json()
    assert (Claim.across_companies.count(), Transaction.across_companies.filter(source="claim").count()) == (0, 0)


def test_only_bookkeepers_book_to_another_department(office, api):
    lines = [line(40_00, department=office.sales.public_id)]
    answer = api(office.bob).post(CLAIMS, body(lines=lines), format="json")
    assert refusal(answer)[:2] == (403, "forbidden")
    assert made(api(office.frank), lines=lines)["department"] == office.sales.public_id


def test_it_is_ones_own_and_auditors_claim_nothing(office, api):
    claim = made(api(office.bob))
    url = f"{CLAIMS}{claim['id']}/"
    assert api(office.arthur).post(CLAIMS, body(), format="json").status_code == 403
    assert api(office.frank).patch(url, {"memo": "x"}, format="json").status_code == 403
    assert api(office.frank).post(f"{url}cancel/").status_code == 403
    assert api(office.arthur).get(url).status_code == 200
    assert api(office.mallory).get(url).status_code == 404
    cancelled = api(office.bob).post(f"{url}cancel/")
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "reversed")
    assert refusal(api(office.bob).post(f"{url}cancel/"))[:2] == (409, "invalid_state")
    assert refusal(api(office.bob).patch(url, {"memo": "x"}, format="json"))[:2] == (409, "invalid_state")


def test_the_way_of_a_claim_to_its_payment(office, api):
    claim = approved(office, api)
    assert (claim["status"], claim["approval"], claim["payment"]) == ("posted", "approved", "unpaid")
    frank, url = api(office.frank), f"{CLAIMS}{claim['id']}/"
    [owed] = frank.get(f"{BATCHES}owed/").json()["owed"]
    assert owed == {"member": office.bob.public_id, "member_name": "Bob", "amount": money(40_00), "claims": 1}
    batch = gathered(frank)
    assert (batch["status"], batch["total"], batch["count"], frank.get(f"{BATCHES}owed/").json()) == ("open", money(40_00), 1, {"owed": []})
    assert api(office.bob).get(url).json()["payment"] == "gathered"
    paid = frank.post(f"{BATCHES}{batch['id']}/pay/", {"paid_from": "bank", "reference": "W-77"}, format="json").json()
    assert (paid["status"], paid["reference"], paid["ended_by"]) == ("paid", "W-77", office.frank.public_id)
    shown = api(office.bob).get(url).json()
    assert (shown["payment"], shown["payout"]["status"], shown["payout"]["reference"]) == ("paid", "paid", "W-77")
    again = frank.post(f"{BATCHES}{batch['id']}/pay/", {"paid_from": "bank", "reference": "W-78"}, format="json")
    assert refusal(again)[:2] == (409, "invalid_state")
    for payment, found in (("paid", 1), ("gathered", 0), ("unpaid", 0)):
        assert len(frank.get(f"{CLAIMS}?payment={payment}").json()["data"]) == found
    failed = frank.post(f"/api/v1/payouts/{shown['payout']['id']}/fail/", {"reason": "Account closed"}, format="json").json()
    assert (failed["status"], failed["reason"]) == ("failed", "Account closed")
    assert api(office.bob).get(url).json()["payment"] == "unpaid"
    assert frank.get(f"{BATCHES}{batch['id']}/").json() | {"failed": 1, "count": 0, "total": money(0)} == paid | {
        "failed": 1,
        "count": 0,
        "total": money(0),
    }
    assert gathered(frank, claims=[claim["id"]])["count"] == 1


def test_a_batch_is_taken_apart_before_it_is_paid(office, api):
    one, two = approved(office, api), approved(office, api, 10_00)
    frank = api(office.frank)
    batch = gathered(frank, claims=[two["id"], one["id"]])
    assert len(frank.get(f"/api/v1/payouts/?reimbursement={batch['id']}").json()["data"]) == 2
    payout = frank.get(f"/api/v1/payouts/?claim={one['id']}").json()["data"][0]
    url = f"/api/v1/payouts/{payout['id']}/"
    assert frank.post(f"{url}remove/").json()["status"] == "removed"
    assert refusal(frank.post(f"{url}remove/"))[:2] == (409, "invalid_state")
    assert refusal(frank.post(f"{url}fail/", {"reason": "x"}, format="json"))[:2] == (409, "invalid_state")
    cancelled = frank.post(f"{BATCHES}{batch['id']}/cancel/").json()
    assert (cancelled["status"], cancelled["count"]) == ("cancelled", 0)
    assert gathered(frank)["count"] == 2


@pytest.mark.parametrize(
    ("said", "status", "field"),
    [
        ({"claims": ["txn_unknown"]}, 400, "claims.0"),
        ({"claims": []}, 400, "claims"),
        ({"claims": "all"}, 400, "claims"),
        ({"currency": "EUR"}, 409, None),
        ({"until": "2026-03-01"}, 409, None),
        ({"until": "x"}, 400, "until"),
        ({"person": "x"}, 400, "person"),
    ],
)
def test_what_cannot_be_gathered_is_refused(office, api, said, status, field):
    approved(office, api)
    answer = api(office.frank).post(BATCHES, said, format="json")
    assert (answer.status_code, answer.json().get("field")) == (status, field)
    assert Reimbursement.across_companies.count() == 0


def test_claims_are_named_once_and_not_beside_a_day(office, api):
    claim = approved(office, api)
    frank = api(office.frank)
    twice = frank.post(BATCHES, {"claims": [claim["id"], claim["id"]]}, format="json")
    both = frank.post(BATCHES, {"claims": [claim["id"]], "until": "2026-03-09"}, format="json")
    open_one = made(api(office.bob))
    waits = frank.post(BATCHES, {"claims": [open_one["id"]]}, format="json")
    assert [refusal(answer) for answer in (twice, both, waits)] == [
        (400, "invalid", "claims.1"), (400, "invalid", "until"), (400, "invalid", "claims.0"),
    ]  # fmt: skip
    assert Payout.across_companies.count() == 0


def test_a_payment_from_the_balance_needs_the_money(office, api):
    approved(office, api, 2_000_00)
    frank = api(office.frank)
    batch = gathered(frank)
    answer = frank.post(f"{BATCHES}{batch['id']}/pay/", {"paid_from": "balance", "reference": "B1"}, format="json")
    assert refusal(answer)[:2] == (400, "insufficient_funds")
    assert frank.get(f"{BATCHES}{batch['id']}/").json() == batch
    for said, field in (({"paid_from": "till"}, "paid_from"), ({"reference": ""}, "reference")):
        wrong = frank.post(f"{BATCHES}{batch['id']}/pay/", {"paid_from": "bank", "reference": "B1"} | said, format="json")
        assert refusal(wrong)[2] == field


def rows(answer) -> list[dict[str, str]]:
    content = b"".join(answer.streaming_content).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(content)))


def test_a_batch_is_exported_for_the_bank_and_no_cell_of_it_computes(office, api):
    approved(office, api, merchant_name='=HYPERLINK("http://x.example")', memo='+1, "two"')
    approved(office, api, 10_50)
    frank = api(office.frank)
    batch = gathered(frank)
    answer = frank.get(f"{BATCHES}{batch['id']}/export/")
    assert (answer.status_code, answer["Content-Type"], answer["X-Content-Type-Options"]) == (200, "text/csv; charset=utf-8", "nosniff")
    assert answer["Content-Disposition"] == f'attachment; filename="payouts-{batch["id"]}-claim.csv"'
    first, second = rows(answer)
    assert (first["merchant"], first["memo"]) == ('\'=HYPERLINK("http://x.example")', '\'+1, "two"')
    assert [row["amount"] for row in (first, second)] == ["40.00", "10.50"]
    assert (second["person"], second["e-mail"], second["currency"], second["status"]) == ("Bob", office.bob.user.email, "USD", "ready")
    [whole] = rows(frank.get(f"{BATCHES}{batch['id']}/export/?per=person"))
    assert whole == {"person": "Bob", "e-mail": office.bob.user.email, "amount": "50.50", "currency": "USD", "claims": "2", "reference": ""}
    assert frank.get(f"{BATCHES}{batch['id']}/export/", HTTP_ACCEPT="text/csv").status_code == 200
    assert refusal(frank.get(f"{BATCHES}{batch['id']}/export/?per=day"))[2] == "per"
    assert api(office.bob).get(f"{BATCHES}{batch['id']}/export/").status_code == 403
    assert api(office.mallory).get(f"{BATCHES}{batch['id']}/export/").status_code == 404


def owing(office, minor: int = 100_00) -> Transaction:
    with company_scope(office.acme.pk):
        purchase = authorize(office.reload(), swipe(minor)).transaction
        clear(purchase, Clearing("capture", f"c-{purchase.pk}", NOON, is_final=True), actor=None)
        approvals.submit(purchase, actor=office.bob, at=NOON)
        decide(Approval.objects.get(transaction=purchase), office.alice, outcome="rejected", reason="Private", at=NOON)
    return purchase


def test_what_is_owed_is_shown_until_it_is_settled(office, api):
    purchase = owing(office)
    bob, frank = api(office.bob), api(office.frank)
    [shown] = bob.get(f"{REPAYMENTS}?status=open").json()["data"]
    assert (shown["transaction"], shown["outstanding"], shown["repaid"], shown["received"]) == (
        purchase.public_id,
        money(100_00),
        money(0),
        [],
    )
    url = f"{REPAYMENTS}{shown['id']}/"
    assert bob.post(f"{url}receive/", {"amount": money(1)}, format="json").status_code == 403
    part = frank.post(f"{url}receive/", {"amount": money(30_00), "reference": "T1"}, format="json").json()
    assert (part["status"], part["outstanding"], part["repaid"]) == ("open", money(70_00), money(30_00))
    [row] = part["received"]
    assert (row["amount"], row["reference"], row["recorded_by"]) == (money(30_00), "T1", office.frank.public_id)
    wrong = [(money(70_01), "amount"), (money(1, "EUR"), "amount.currency"), (money(0), "amount.minor")]
    for amount, field in wrong:
        said = {"amount": amount}
        assert refusal(frank.post(f"{url}receive/", said, format="json"))[2] == field
    assert refusal(frank.post(f"{url}waive/", {}, format="json")) == (400, "required", "reason")
    waived = frank.post(f"{url}waive/", {"reason": "Our mistake"}, format="json").json()
    assert (waived["status"], waived["reason"], waived["ended_by"]) == ("waived", "Our mistake", office.frank.public_id)
    assert bob.get(url).json() == waived
    assert refusal(frank.post(f"{url}receive/", {"amount": money(1)}, format="json"))[:2] == (409, "invalid_state")
    assert refusal(frank.post(f"{url}waive/", {"reason": "x"}, format="json"))[:2] == (409, "invalid_state")
    assert (bob.get(f"{REPAYMENTS}?status=open").json()["data"], api(office.mallory).get(url).status_code) == ([], 404)


def test_comments_are_said_by_whoever_sees_it_and_stay(office, api):
    purchase = owing(office)
    url = f"/api/v1/transactions/{purchase.public_id}/comments/"
    said = api(office.bob).post(url, {"text": " It was\r\n\r\n\r\nfor work\u202e "}, format="json")
    assert (said.status_code, said.json()["text"], said.json()["name"]) == (201, "It was\n\nfor work", "Bob")
    api(office.frank).post(url, {"text": "Receipt?"}, format="json")
    assert [row["text"] for row in api(office.arthur).get(url).json()["data"]] == ["It was\n\nfor work", "Receipt?"]
    assert api(office.arthur).post(url, {"text": "x"}, format="json").status_code == 403
    for wrong in ({}, {"text": " \n "}, {"text": "x" * 2001}, {"text": "\x00"}, {"text": 5}):
        assert refusal(api(office.bob).post(url, wrong, format="json"))[2] == "text"
    assert [api(office.mallory).get(url).status_code, api(office.mallory).post(url, {"text": "x"}, format="json").status_code] == [404, 404]
    assert Comment.across_companies.count() == 2


def test_requests_for_cards_are_talked_about_too(office, api):
    with company_scope(office.acme.pk):
        asked: CardRequest = requests.ask(requests.Wish(RequestKind.CARD, Money(1_00, "USD"), "Why", name="Ads"), actor=office.bob, at=NOON)
    url = f"/api/v1/card-requests/{asked.public_id}/comments/"
    assert api(office.alice).post(url, {"text": "For which campaign?"}, format="json").status_code == 201
    assert [row["name"] for row in api(office.bob).get(url).json()["data"]] == ["Alice"]
    assert api(office.mallory).get(url).status_code == 404


def test_the_history_tells_all_of_it_in_order(office, api):
    purchase = owing(office)
    repayment = Repayment.across_companies.get(transaction=purchase)
    api(office.frank).post(f"{REPAYMENTS}{repayment.public_id}/receive/", {"amount": money(30_00), "reference": "T1"}, format="json")
    api(office.bob).post(f"/api/v1/transactions/{purchase.public_id}/comments/", {"text": "Sorry"}, format="json")
    told = api(office.bob).get(f"/api/v1/transactions/{purchase.public_id}/history/").json()["happenings"]
    assert [(one["what"], one["who"], one["note"]) for one in told] == [
        ("Approved on the card", "", "$100.00"),
        ("Collected by the merchant", "", "$100.00"),
        ("Submitted", "Bob", ""),
        ("Rejected", "Alice", "Private"),
        ("Bob was asked to repay it", "", ""),
        ("Repaid, $30.00", "Frank", "T1"),
        ("Comment", "Bob", "Sorry"),
    ]
    assert api(office.mallory).get(f"/api/v1/transactions/{purchase.public_id}/history/").status_code == 404


def test_the_history_of_a_claim_tells_how_it_was_paid(office, api):
    claim = approved(office, api)
    frank = api(office.frank)
    batch = gathered(frank)
    frank.post(f"{BATCHES}{batch['id']}/pay/", {"paid_from": "bank", "reference": "W-77"}, format="json")
    payout = Payout.across_companies.get()
    frank.post(f"/api/v1/payouts/{payout.public_id}/fail/", {"reason": "Account closed"}, format="json")
    told = frank.get(f"/api/v1/transactions/{claim['id']}/history/").json()["happenings"]
    assert [(one["what"], one["who"], one["note"]) for one in told[-2:]] == [
        ("Paid back, $40.00", "Frank", "W-77"), ("The transfer came back", "Frank", "Account closed"),
    ]  # fmt: skip


def test_a_rate_of_another_currency_is_not_taken_over(office, api):
    client = api(office.bob)
    claim = made(client, 100_00, "EUR", rate="1.10")
    changed = client.patch(f"{CLAIMS}{claim['id']}/", {"amount": money(10_000, "JPY")}, format="json")
    assert refusal(changed) == (400, "required", "rate")
    assert client.get(f"{CLAIMS}{claim['id']}/").json()["booked"] == money(110_00)


def test_the_tax_of_a_foreign_claim_is_in_the_currency_that_it_is_booked_in(office, api):
    client = api(office.bob)
    claim = made(client, 10_000, "JPY", rate="0.01")
    url = f"/api/v1/transactions/{claim['id']}/"
    assert refusal(client.patch(url, {"tax": money(909, "JPY")}, format="json")) == (400, "invalid", "tax.currency")
    assert client.patch(url, {"tax": money(9_09)}, format="json").json()["tax"] == money(9_09)


def test_splitting_a_claim_keeps_where_and_when_each_line_was_spent(office, api):
    lines = [line(30_00, spent_on="2026-03-07", merchant_name="Metro", category=office.meals.public_id), line(10_00)]
    claim = made(api(office.bob), lines=lines)
    parts = [{"amount": money(30_00), "category": office.travel.public_id}, {"amount": money(10_00)}]
    assert api(office.frank).patch(f"/api/v1/transactions/{claim['id']}/", {"splits": parts}, format="json").status_code == 200
    first = api(office.bob).get(f"{CLAIMS}{claim['id']}/").json()["lines"][0]
    assert (first["category"], first["spent_on"], first["merchant_name"]) == (office.travel.public_id, "2026-03-07", "Metro")


def test_what_a_bookkeeper_said_of_a_line_outlives_its_owners_changes(office, api):
    with company_scope(office.acme.pk):
        said = {"interval": BudgetInterval.MONTH, "is_hard": True, "owner": office.alice}
        fair = budgets.create(name="Fair", limit=Money(900_00, "USD"), **said, actor=office.alice, at=NOON)
    lines = [line(30_00), line(10_00)]
    claim = made(api(office.bob), lines=lines)
    booked = [{"amount": money(minor), "department": office.sales.public_id, "budget": fair.public_id} for minor in (30_00, 10_00)]
    assert api(office.frank).patch(f"/api/v1/transactions/{claim['id']}/", {"splits": booked}, format="json").status_code == 200
    again = [line(25_00, budget=fair.public_id, department=office.sales.public_id), line(15_00, budget=fair.public_id)]
    changed = api(office.bob).patch(f"{CLAIMS}{claim['id']}/", {"lines": again}, format="json")
    assert changed.status_code == 200, changed.content
    shown = [(one["amount"]["minor"], one["department"], one["budget"]) for one in changed.json()["lines"]]
    assert shown == [(25_00, office.sales.public_id, fair.public_id), (15_00, office.sales.public_id, fair.public_id)]
    # Theirs to leave, not to choose.
    elsewhere = [line(40_00, department=office.sales.public_id)]
    assert api(office.bob).post(CLAIMS, body(lines=elsewhere), format="json").status_code == 403


def test_one_line_with_a_memo_follows_its_amount(office, api):
    client = api(office.bob)
    claim = made(client, lines=[line(40_00, memo="Food")])
    changed = client.patch(f"{CLAIMS}{claim['id']}/", {"amount": money(45_00)}, format="json").json()
    assert [(one["amount"], one["memo"]) for one in changed["lines"]] == [(money(45_00), "Food")]


def test_whoever_may_not_see_it_any_more_is_not_told_of_new_comments(office, api):
    with company_scope(office.acme.pk):
        mia, max_ = office.hire("Mia", "employee"), office.hire("Max", "employee")
        people.change_member(office.bob, {"manager": mia}, actor=office.alice, at=NOON)
    claim = made(api(office.bob))
    url = f"/api/v1/transactions/{claim['id']}/comments/"
    assert api(mia).post(url, {"text": "Hm"}, format="json").status_code == 201
    with company_scope(office.acme.pk):
        purchase = Transaction.objects.get(public_id=claim["id"])
        assert queries.concerned_by(purchase) == {mia.public_id, office.bob.public_id}
        people.change_member(office.bob, {"manager": max_}, actor=office.alice, at=NOON)
        assert queries.concerned_by(purchase) == {office.bob.public_id}


def test_no_line_was_spent_on_a_day_to_come(office, api):
    answer = api(office.bob).post(CLAIMS, body(lines=[line(40_00, spent_on="2099-12-31")]), format="json")
    assert refusal(answer) == (400, "invalid", "lines.0.spent_on")


def test_what_was_decided_is_not_rewritten_by_its_owner(office, api):
    claim = approved(office, api)
    url = f"/api/v1/transactions/{claim['id']}/"
    for said in ({"memo": "Something else"}, {"no_receipt_reason": "x"}):
        assert refusal(api(office.bob).patch(url, said, format="json"))[:2] == (409, "invalid_state")
    assert api(office.frank).patch(url, {"memo": "Lunch, booked"}, format="json").status_code == 200


def test_a_currency_that_is_none_gathers_nothing(office, api):
    approved(office, api)
    assert refusal(api(office.frank).post(BATCHES, {"currency": "ZZZ"}, format="json")) == (400, "invalid", "currency")


def test_what_was_taken_out_is_not_exported(office, api):
    approved(office, api), approved(office, api, 10_00)
    frank = api(office.frank)
    batch = gathered(frank)
    payout = frank.get(f"/api/v1/payouts/?reimbursement={batch['id']}").json()["data"][0]
    frank.post(f"/api/v1/payouts/{payout['id']}/remove/")
    exported = [rows(frank.get(f"{BATCHES}{batch['id']}/export/?per={per}")) for per in ("claim", "person")]
    assert [[row["amount"] for row in found] for found in exported] == [["40.00"], ["40.00"]]


@pytest.mark.parametrize(
    "path",
    ["receipts/?attached=perhaps", "notifications/?unread=maybe", "approvals/?waits_for_me=zz", "transactions/?on_hold=zz",
     "transactions/?counting=2", "card-requests/?waits_for_me=x"],
)  # fmt: skip
def test_a_flag_that_is_neither_yes_nor_no_does_not_widen_a_list(office, api, path):
    answer = api(office.frank).get(f"/api/v1/{path}")
    assert refusal(answer) == (400, "invalid", path.partition("?")[2].partition("=")[0])
    assert api(office.frank).get(f"/api/v1/{path.partition('=')[0]}=true").status_code == 200
