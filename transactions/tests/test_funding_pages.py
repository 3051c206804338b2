"""The page of balances: a month day by day, and the entries behind a day."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
import time_machine

from spendtrackr.money import Money
from spendtrackr.tenancy import company_scope
from tests.factories import NOON, SignUpFactory, swipe
from transactions.operations import accounts
from transactions.operations.clearing import Clearing, clear
from transactions.operations.statements import StatementFile, import_statement
from transactions.operations.swipes import authorize
from users import operations as people


@pytest.fixture
def march(world):
    """On the 10th 1,000.00 came in; on the 12th 100.00 were approved and 80.00 spent; on the 15th 50.00 went back. Today is the 20th."""
    with company_scope(world.acme.pk):
        twelfth = datetime(2026, 3, 12, 12, tzinfo=UTC)
        purchase = authorize(world.card, swipe(100_00, at=twelfth)).transaction
        clear(purchase, Clearing("capture", "c", twelfth, 80_00, is_final=True), actor=None)
        accounts.withdraw(Money(50_00, "USD"), actor=world.alice, at=datetime(2026, 3, 15, 12, tzinfo=UTC))
    with time_machine.travel(datetime(2026, 3, 20, 12, tzinfo=UTC), tick=False):
        yield world


def text(response) -> str:
    assert response.status_code in {200, 400}
    return response.content.decode()


def cells(page: str) -> list[list[str]]:
    """Each row of the table as its words: the day, opening, bank, purchases, holds, closing, on hold."""
    rows = re.findall(r"<tr>(.*?)</tr>", page.partition("<tbody>")[2], re.DOTALL)
    return [[" ".join(re.sub(r"<[^>]+>", " ", cell).split()) for cell in re.findall(r"<t[hd].*?</t[hd]>", row, re.DOTALL)] for row in rows]


def test_a_month_is_shown_day_by_day_the_latest_first(march, pages):
    assert cells(text(pages(march.alice).get("/funding/"))) == [
        ["Sun 15 Mar", "$920.00", "-$50.00", "–", "–", "$870.00", "$0.00"],
        ["Thu 12 Mar", "$1,000.00", "–", "-$80.00", "–", "$920.00", "$0.00"],
        ["Tue 10 Mar", "$0.00", "$1,000.00", "–", "–", "$1,000.00", "$0.00"],
        ["March 2026", "$0.00", "$950.00 $1,000.00 in, $50.00 out", "-$80.00", "–", "$870.00", "$0.00"],
    ]


def test_a_day_leads_to_its_entries_which_add_up_to_it(march, pages):
    client = pages(march.alice)
    day = re.search(r'href="(\?currency=USD&amp;day=2026-03-15)"', text(client.get("/funding/")))[1].replace("&amp;", "&")
    page = text(client.get(f"/funding/{day}"))
    assert "Sunday 15 March 2026" in page
    assert re.findall(r'<p class="amount">([^<]+)</p>', page) == ["$920.00", "-$50.00", "$0.00", "$0.00", "$870.00"]
    assert cells(page) == [["08:00", "To the bank", "", "Withdrawal", "-$50.00"]]
    assert cells(text(client.get("/funding/?day=2026-03-10"))) == [["08:00", "From the bank", "", "Top-up", "$1,000.00"]]
    assert 'month=2026-03">Balances of March 2026' in page


def test_holds_that_come_and_go_are_no_money_in_or_out(march, pages):
    """Approved on the 17th, let go on the 18th but for 30.00 that clear on the 19th, of which 10.00 come back on the 20th."""
    with company_scope(march.acme.pk):
        days = [datetime(2026, 3, day, 12, tzinfo=UTC) for day in (17, 18, 19, 20)]
        first, second = (authorize(march.card, swipe(minor, at=days[0])).transaction for minor in (200_00, 30_00))
        for purchase, *said in (
            (first, "reversal", days[1], None),
            (second, "capture", days[2], 30_00),
            (second, "refund", days[3], 10_00),
        ):
            clear(purchase, Clearing(said[0], f"{said[0]}-{purchase.pk}", said[1], said[2]), actor=None)
    client = pages(march.alice)
    page = text(client.get("/funding/"))
    assert cells(page)[:4] == [
        ["Fri 20 Mar", "$840.00", "–", "$10.00", "–", "$850.00", "$0.00"],
        ["Thu 19 Mar", "$840.00", "–", "-$30.00", "$30.00", "$840.00", "$0.00"],
        ["Wed 18 Mar", "$640.00", "–", "–", "$200.00", "$840.00", "$30.00"],
        ["Tue 17 Mar", "$870.00", "–", "–", "-$230.00", "$640.00", "$230.00"],
    ]
    assert cells(page)[-1] == ["March 2026", "$0.00", "$950.00 $1,000.00 in, $50.00 out", "-$100.00", "–", "$850.00", "$0.00"]
    [line] = cells(text(client.get("/funding/?day=2026-03-19")))
    assert line == ["08:00", "Blue Bottle Coffee", "Bob", "Capture", "from the hold"]
    assert f'href="/transactions/{second.public_id}/">Blue Bottle' in text(client.get("/funding/?day=2026-03-19"))


@pytest.mark.parametrize(("who", "sees"), [("alice", True), ("bob", False)])
def test_balances_are_in_the_navigation_of_those_who_may_see_them(march, pages, who, sees):
    client = pages(getattr(march, who))
    page = text(client.get("/"))
    assert ('<a href="/funding/"' in page, client.get("/funding/").status_code) == (sees, 200 if sees else 403)


def test_the_months_to_choose_from_begin_with_the_first_entry(march, pages):
    page = text(pages(march.alice).get("/funding/?month=2026-03"))
    assert re.findall(r'<option value="([^"]+)"', page) == ["2026-03"]
    with time_machine.travel(datetime(2026, 5, 2, 12, tzinfo=UTC), tick=False):
        page = text(pages(march.alice).get("/funding/?month=2026-04"))
    assert re.findall(r'<option value="([^"]+)"', page) == ["2026-05", "2026-04", "2026-03"]
    assert re.findall(r'month=([0-9-]+)" aria-label="([^"]+)"', page) == [("2026-03", "March 2026"), ("2026-05", "May 2026")]
    assert "Nothing moved in April 2026" in page
    assert "What was available stayed at $870.00." in page


def test_imported_lines_change_nothing_that_cards_can_spend(march, pages):
    import_statement(march.acme, StatementFile(b"Date,Amount,Merchant\n2026-03-11,7.00,Bakery\n", "s.csv"), actor=None, at=NOON)
    client = pages(march.alice)
    assert len(cells(text(client.get("/funding/")))) == 4
    page = text(client.get("/funding/?day=2026-03-11"))
    assert "Nothing changed it on this day" in page
    assert "Bakery" not in page


def test_credit_is_shown_beside_what_is_available(march, pages):
    client = pages(march.alice)
    assert "of credit" not in text(client.get("/funding/"))
    with company_scope(march.acme.pk):
        accounts.set_credit(march.account(), Money(500_00, "USD"), actor=march.alice, at=NOON)
    assert "and $500.00 of credit for cards to spend" in text(client.get("/funding/"))


@pytest.mark.parametrize("query", ["month=soon", "month=2026-13", "month=2026-3", "month=1815-06", "month=２０２６-03", "day=today"])
def test_what_is_no_month_is_said_and_this_month_is_shown(march, pages, query):
    answer = pages(march.alice).get(f"/funding/?{query}")
    assert answer.status_code == 400
    assert f"{query.partition('=')[0].capitalize()} is a" in text(answer)
    assert "What changed it" not in text(answer)
    assert cells(text(answer))[0][0] == "Sun 15 Mar"


def test_without_an_account_the_page_says_what_will_be_there(world, pages):
    eve = people.sign_up(SignUpFactory(company_name="Empty", name="Eve", email="eve@empty.example"), at=NOON).member
    assert "No money yet" in text(pages(eve).get("/funding/"))


def test_many_entries_of_a_day_are_paged(world, pages):
    with company_scope(world.acme.pk):
        for _ in range(60):
            authorize(world.card, swipe(1_00))
    client = pages(world.alice)
    first = text(client.get("/funding/?day=2026-03-10"))
    older = re.search(r'href="(\?[^"]*cursor=[^"]+)"', first)[1].replace("&amp;", "&")
    assert (len(cells(first)), len(cells(text(client.get(f"/funding/{older}"))))) == (50, 11)
    assert client.get("/funding/?day=2026-03-10&cursor=x").status_code == 400
