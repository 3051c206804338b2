"""Who did what, in words: every event has a sentence, each name its page, and no log is too long to look at."""

from __future__ import annotations

import ast
import re
from datetime import UTC, datetime, timedelta
from html import unescape
from string import Formatter

import pytest

from cards import operations as cards
from companies import operations as companies
from reports import activity
from reports.activity import KINDS, SENTENCES, Wanted
from reports.activity.sentences import Told
from spendtrackr import events
from spendtrackr.models import Event
from spendtrackr.tenancy import company_scope
from tests.factories import NOON, swipe
from tests.rules import LONG_AGO, adopt, decide
from tests.test_house import sources
from transactions.models import Approval
from transactions.operations import approvals
from transactions.operations.clearing import EVENTS
from transactions.operations.swipes import authorize

# What stands behind a name that is put together, or handed on, in the sources.
PUT_TOGETHER = {
    "company.": ["company.reactivated", "company.suspended", "company.closed"],
    "member.": ["member.reactivated", "member.suspended", "member.deactivated"],
    "request.": ["request.approved", "request.rejected", "request.withdrawn"],
    "approval.": ["approval.approved", "approval.rejected", "approval.changes_requested"],
    "delegation.": ["delegation.started", "delegation.ended"],
    "repayment.": ["repayment.opened", "repayment.repaid", "repayment.waived"],
    "transaction.": [f"transaction.{name}" for name in EVENTS.values()],
    "'books.reopened' if is_opened else 'books.closed'": ["books.reopened", "books.closed"],
    "type_": ["password.reset", "address.confirmed", "operator.looked", "operator.listed"],
}


def recorded() -> set[str]:
    """The type of every event that any operation records, from the sources themselves."""
    found: set[str] = set()
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or ast.unparse(node.func) not in {
                "events.record", "events.record_across", "events.unwritten", "record", "unwritten",
            }:  # fmt: skip
                continue
            said = node.args[0]
            if isinstance(said, ast.Constant):
                found.add(said.value)
            else:
                found |= set(PUT_TOGETHER[said.values[0].value if isinstance(said, ast.JoinedStr) else ast.unparse(said)])
    return found


def test_every_event_that_is_recorded_has_a_sentence_and_no_sentence_is_left_over():
    assert recorded() == {name.partition(":")[0] for name in SENTENCES}
    assert {name.partition(".")[0] for name in SENTENCES} == set(KINDS)


@pytest.fixture
def busy(world):
    """Bob bought for 80 dollars, asked, and Alice said yes; she froze his card."""
    with company_scope(world.acme.pk):
        adopt(world)
        purchase = authorize(world.card, swipe(80_00)).transaction
        approvals.submit(purchase, actor=world.bob, at=NOON)
        decide(Approval.objects.get(), world.alice, at=NOON)
        cards.freeze(world.card, actor=world.alice, at=NOON)
        world.purchase = purchase
    events.seal_all()
    return world


def text(response) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", response.content.decode())))


def sentences(member, **wanted) -> list[str]:
    with company_scope(member.company_id):
        shown = activity.page(member, Wanted(**wanted))
    return ["".join(part.text for part in deed.parts) for day in shown.days for deed in day.deeds]


def test_it_is_told_who_did_what_newest_first(busy):
    assert sentences(busy.alice)[:4] == [
        f"Alice froze the card Bob's card •• {busy.card.last4}",
        "Alice approved $80.00 at Blue Bottle Coffee",
        "$80.00 at Blue Bottle Coffee waits for Alice",
        "Bob submitted $80.00 at Blue Bottle Coffee for approval",
    ]


def test_names_lead_to_pages(busy, pages):
    page = pages(busy.alice).get("/activity/").content.decode()
    assert f'<a data-row href="/cards/{busy.card.public_id}/">' in page
    assert f'<a data-row href="/transactions/{busy.purchase.public_id}/">' in page
    assert "<strong>Alice</strong> froze" in page


def test_the_kind_the_person_and_the_day_narrow_it(busy):
    by_bob = sentences(busy.alice, person=busy.bob.public_id)
    assert by_bob
    assert all(one.startswith(("Bob ", "A session of Bob")) for one in by_bob)
    assert sentences(busy.alice, kind="card", person=busy.alice.public_id)[0].startswith("Alice froze")
    assert sentences(busy.alice, kind="repayment") == []
    day = busy.acme.day_of(NOON)
    policy = "Alice brought version 1 of the policy into force"
    assert policy in sentences(busy.alice)
    assert policy not in sentences(busy.alice, day=day)
    assert sentences(busy.alice, day=day)[0].startswith("Alice froze")
    assert sentences(busy.alice, day=busy.acme.day_of(LONG_AGO)) == [policy, "Alice wrote version 1 of the policy"]


def test_a_day_is_the_companys_own(world):
    """Half past eleven in the evening in New York is the next day in UTC."""
    late = datetime(2026, 3, 11, 3, 30, tzinfo=UTC)
    with company_scope(world.acme.pk):
        companies.add_tag(name="Late", actor=world.alice, at=late)
    events.seal_all()
    day = world.acme.day_of(late)
    assert sentences(world.alice, kind="tag", day=day) == ["Alice added the tag Late"]
    assert sentences(world.alice, kind="tag", day=day + timedelta(days=1)) == []


def test_nobody_elses_and_unknown_people_did_nothing_here(busy, pages):
    browser = pages(busy.alice)
    answers = [text(browser.get(f"/activity/?person={who}")) for who in (busy.mallory.public_id, "mem_unknown")]
    assert all("Nothing matches" in answer for answer in answers)
    assert "Mallory" not in text(browser.get("/activity/"))


@pytest.mark.parametrize("address", ["kind=secrets", "day=tomorrow", "before=-1", "before=x", "before=9999999999999999999"])
def test_what_makes_no_sense_is_said(busy, pages, address):
    answer = pages(busy.alice).get(f"/activity/?{address}")
    assert (answer.status_code, 'role="alert"' in answer.content.decode()) == (400, True)


def test_pages_follow_each_other_and_leave_nothing_out(busy, monkeypatch):
    whole = sentences(busy.alice)
    monkeypatch.setattr(activity, "PAGE_SIZE", 3)
    paged, before = [], None
    with company_scope(busy.acme.pk):
        while True:
            shown = activity.page(busy.alice, Wanted(before=before))
            paged += ["".join(part.text for part in deed.parts) for day in shown.days for deed in day.deeds]
            if (before := shown.before) is None:
                break
    assert paged == whole


def test_a_page_looks_back_so_far_and_offers_to_look_further(busy, monkeypatch):
    monkeypatch.setattr(activity, "LOOKS_BACK", 2)
    found, before, pages = [], None, 0
    with company_scope(busy.acme.pk):
        while True:
            shown = activity.page(busy.alice, Wanted(kind="company", before=before))
            found += [deed for day in shown.days for deed in day.deeds]
            pages += 1
            if (before := shown.before) is None:
                break
    assert ["".join(part.text for part in deed.parts) for deed in found] == ["The company was founded"]
    assert pages == -(-Event.across_companies.filter(company=busy.acme).count() // 2)


def test_what_is_not_sealed_yet_is_not_told(busy):
    before = sentences(busy.alice)
    with company_scope(busy.acme.pk):
        companies.add_tag(name="New", actor=busy.alice, at=NOON)
    assert sentences(busy.alice) == before
    events.seal_all()
    assert sentences(busy.alice)[0] == "Alice added the tag New"


def test_an_event_without_words_is_told_by_its_name():
    told = Told(Event(type="ledger.locked_up", subject_id="x", actor_id="system"), {})
    assert told.sentence == "{actor}: ledger, locked up"


def test_every_name_in_a_sentence_is_one_that_something_fills():
    slots = {slot for sentence in SENTENCES.values() for _, slot, _, _ in Formatter().parse(sentence) if slot}
    assert slots <= {
        "actor", "subject", "amount", "transaction", "members", "member", "holder", "card", "to", "about", "after", "before", "role",
        "reason", "items", "changed", "percent", "rows", "model", "payouts", "reimbursement", "booked", "rejected",
        "through", "what", "format",
    }  # fmt: skip
