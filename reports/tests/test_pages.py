from __future__ import annotations

import re
from datetime import UTC, date, datetime

import pytest
from django.test import Client
from django.utils import timezone

from cards import operations as cards
from cards.controls import Limit
from cards.models import Budget, BudgetInterval, Interval, RequestKind
from cards.operations import budgets, requests
from companies.models import Category, Company
from reports.views.overview import presets
from spendtrackr.money import Money
from spendtrackr.periods import Period, month_of
from spendtrackr.tenancy import company_scope
from tests.factories import NOON, PASSWORD, swipe
from tests.figures import shown_of, spend, totals
from tests.rules import adopt
from transactions.models import FundingAccount
from transactions.operations import approvals, coding
from transactions.operations.clearing import Clearing, clear
from transactions.operations.statements import StatementFile, import_statement
from transactions.operations.swipes import authorize
from users import operations as people
from users.models import Session

JANUARY = {"from": "2026-01-01", "to": "2026-01-31"}


@pytest.fixture
def spent(world):
    at = datetime(2026, 1, 10, 15, tzinfo=UTC)
    for company_id, card, minor in ((world.acme.pk, world.card, 123_45), (world.mallory.company_id, world.her_card, 77_77)):
        with company_scope(company_id):
            purchase = authorize(card, swipe(minor, at=at)).transaction
            clear(purchase, Clearing("capture", "c", at, is_final=True), actor=None)
    return world


def text(response) -> str:
    return re.sub(r"\s+", " ", response.content.decode())


def test_a_visitor_is_sent_to_sign_in_and_back(world, client):
    response = client.get("/transactions/?status=posted")
    assert (response.status_code, response["Location"]) == (302, "/sign-in/?next=%2Ftransactions%2F%3Fstatus%3Dposted")
    answer = client.post("/sign-in/", {"email": "alice@acme.example", "password": PASSWORD, "next": "/transactions/?status=posted"})
    assert answer["Location"] == "/transactions/?status=posted"


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "javascript:alert(1)", ""])
def test_signing_in_leads_nowhere_else(world, client, target):
    answer = client.post("/sign-in/", {"email": "alice@acme.example", "password": PASSWORD, "next": target})
    assert answer["Location"] == "/"


def test_wrong_credentials_are_said_and_nobody_is_signed_in(world, client):
    answer = client.post("/sign-in/", {"email": "alice@acme.example", "password": "wrong"})
    assert answer.status_code == 401
    assert "The e-mail address or the password is wrong." in text(answer)
    assert client.get("/").status_code == 302


def test_guessing_on_the_page_is_limited_with_the_api(world, client, api):
    for _ in range(10):
        client.post("/sign-in/", {"email": "alice@acme.example", "password": "wrong"})
    assert client.post("/sign-in/", {"email": "alice@acme.example", "password": PASSWORD}).status_code == 429
    assert api(None).post("/api/v1/auth/login/", {"email": "alice@acme.example", "password": PASSWORD}).status_code == 429


def test_forms_need_their_token(world):
    strict = Client(enforce_csrf_checks=True)
    answer = strict.post("/sign-in/", {"email": "alice@acme.example", "password": PASSWORD})
    assert answer.status_code == 403
    assert "Please send that again" in text(answer)


def test_signing_out_ends_the_session_row_too(world, pages):
    client = pages(world.alice)
    assert client.get("/sign-out/").status_code == 405
    assert client.post("/sign-out/")["Location"] == "/sign-in/"
    assert client.get("/").status_code == 302
    assert not Session.across_companies.filter(
        kind="pages", revoked_at=None, created_at__gt=timezone.now().replace(year=2026, month=6)
    ).exists()


def test_a_revoked_session_loses_its_page_at_once(world, pages):
    client = pages(world.alice)
    with company_scope(world.acme.pk):
        Session.objects.update(revoked_at=timezone.now())
    assert client.get("/").status_code == 302


def test_page_api_and_ledger_agree_to_the_minor_unit(spent, pages, api):
    page = text(pages(spent.alice).get("/", JANUARY))
    by_api = api(spent.alice).get("/api/v1/reports/spend/", {"group_by": "month", **JANUARY}).json()["totals"]
    with company_scope(spent.acme.pk):
        by_ledger = FundingAccount.objects.get().spent
        by_query = totals(spend(Period(date(2026, 1, 1), date(2026, 2, 1)), "category"))
    assert [row["measures"]["spend"] for row in by_api] == [{"minor": by_ledger.minor, "currency": "USD"}]
    assert by_query == {"USD": by_ledger} == {"USD": Money(123_45, "USD")}
    assert re.search(rf'<p class="amount"><a href="[^"]+">{re.escape(str(by_ledger))}</a></p>', page)


def test_the_page_shows_one_companys_figures(spent, pages):
    page = text(pages(spent.mallory).get("/", JANUARY))
    assert "$77.77" in page
    assert "123.45" not in page


def test_the_chart_has_its_table_and_each_mark_leads_to_its_rows(spent, pages):
    client = pages(spent.alice)
    page = text(client.get("/", JANUARY))
    link, title = re.search(r'<a href="(/transactions/[^"]+)"[^>]*><rect class="s0".*?<title>([^<]+)', page).groups()
    assert title == "Meals, January 2026: $123.45"
    assert "Blue Bottle Coffee" in text(client.get(link.replace("&amp;", "&")))
    assert re.search(r'<th scope="row">Jan 2026</th><td class="number total">\$123.45</td><td class="number">\$123.45</td>', page)


def test_nothing_on_a_page_is_inline_or_from_elsewhere(spent, pages):
    client = pages(spent.alice)
    for path in ("/", "/transactions/", "/sign-in/", "/nowhere/"):
        response = client.get(path)
        page = response.content.decode()
        assert "style=" not in page
        assert "<style" not in page
        assert set(re.findall(rf'<script src="([^"]+)" {LATER}></script>', page)) <= SCRIPTS
        assert page.count("<script") == len(re.findall(rf'<script src="[^"]+" {LATER}></script>', page))
        assert not re.findall(r"\son\w+=", page)
        assert not re.findall(r'(?:src|href)="(?:https?:)?//', page)
        assert "default-src 'self'" in response["Content-Security-Policy"]


def test_every_field_has_its_label(world, pages, client):
    for page in (
        client.get("/sign-in/").content.decode(),
        *(pages(world.alice).get(path).content.decode() for path in ("/", "/transactions/")),
    ):
        fields = set(re.findall(r'<(?:input|select)(?![^>]*type="hidden")[^>]* id="([^"]+)"', page))
        assert fields
        assert fields == set(re.findall(r'<label for="([^"]+)"', page))


def test_an_employee_sees_their_own_spend_and_no_balances(spent, pages):
    page = text(pages(spent.bob).get("/", JANUARY))
    assert "Your spend" in page
    assert "$123.45" in page
    assert "Available now" not in page


def test_an_empty_company_is_told_what_will_appear(world, pages):
    page = text(pages(world.alice).get("/"))
    assert "Invite your people" in page
    assert "No transactions yet" in page
    assert "No transactions yet" in text(pages(world.alice).get("/transactions/"))


def test_a_bad_period_is_said_and_the_usual_one_is_shown(spent, pages):
    response = pages(spent.alice).get("/", {"from": "yesterday"})
    assert response.status_code == 400
    assert "From is a day such as 2026-03-31." in text(response)


def test_another_currency_is_offered_and_shown(spent, pages):
    with company_scope(spent.acme.pk):
        file = StatementFile(b"Date,Amount,Currency,Merchant\n2026-01-05,1200,JPY,Sushi\n", "s.csv", attribution="Open data, with thanks")
        import_statement(spent.acme, file, actor=spent.alice, at=timezone.now())
    client = pages(spent.alice)
    page = text(client.get("/", JANUARY))
    assert "currency=JPY" in page
    assert "¥1,200" in page
    assert "Open data, with thanks" in page
    assert ">¥1,200</a></p>" in text(client.get("/", {**JANUARY, "currency": "JPY"}))
    assert client.get("/", {"currency": "<script>"}).status_code == 200


def test_transactions_are_filtered_and_paged(world, pages):
    with company_scope(world.acme.pk):
        for _ in range(51):
            authorize(world.card, swipe(1_00))
        authorize(world.card, swipe(9_999_00, merchant_name="Yacht Club"))
    client = pages(world.alice)
    first = text(client.get("/transactions/"))
    older = re.search(r'href="(\?[^"]*cursor=[^"]+)"', first)[1].replace("&amp;", "&")
    assert first.count("<tr>") == 51
    assert text(client.get("/transactions/" + older)).count("<tr>") == 3
    declined = text(client.get("/transactions/?status=declined"))
    assert (declined.count("<tr>"), "Yacht Club" in declined) == (2, True)
    assert "Nothing matches" in text(client.get("/transactions/?from=2030-01-01"))
    for bad in ("from=soon", "cursor=x", "status=lost"):
        assert client.get(f"/transactions/?{bad}").status_code == 400


def test_pages_are_not_kept_by_caches(world, pages):
    assert "no-store" in pages(world.alice).get("/")["Cache-Control"]


def test_names_from_outside_are_escaped(world, pages):
    with company_scope(world.acme.pk):
        authorize(world.card, swipe(merchant_name="<b>Shop</b>"))
    page = pages(world.alice).get("/transactions/").content.decode()
    assert "&lt;b&gt;Shop" in page
    assert "<b>Shop" not in page


SCRIPTS = {f"/static/{name}.js" for name in ("spendtrackr", "receipts", "keyboard", "exchanges", "django_htmx/htmx-2.min")}
# When the page is there: as any module by itself.
LATER = '(?:defer|type="module")'
# The bell is one of them.
PAGES = {
    "/": 12,
    "/transactions/": 6,
    "/my-spend/": 14,
    "/approvals/": 11,
    "/cards/": 8,
    "/budgets/": 5,
    "/requests/": 12,
    "/cards/new/": 6,
    "/people/": 8,
    "/settings/": 8,
    "/account/": 5,
    "/funding/": 6,
    "/funding/?day=2026-03-10": 8,
}


LIMITED = cards.Controls(
    per_transaction_cap=Money(100_00, "USD"),
    limits=[Limit(Interval.WEEK, 500_00), Limit(Interval.DAY, count=20), Limit(Interval.ALL_TIME, 5_000_00)],
)


def fill(world, start: int, rounds: int) -> None:
    with company_scope(world.acme.pk):
        for number in range(start, start + rounds):
            budget = budgets.create(
                name=f"B{number}", limit=Money(50_00, "USD"), interval=BudgetInterval.MONTH, is_hard=True, owner=world.alice,
                actor=world.alice, at=NOON,
            )  # fmt: skip
            card = cards.issue(
                world.alice, name=f"C{number}", currency="USD", controls=LIMITED, budget=budget, actor=world.alice, at=NOON
            )  # fmt: skip
            wish = requests.Wish(RequestKind.CARD, Money(1_00, "USD"), "Why", name=f"Card {number}", budget=budget if number % 2 else None)
            requests.ask(wish, actor=world.bob, at=NOON)
            requests.decide(requests.ask(wish, actor=world.bob, at=NOON), approved=False, answer="No", actor=world.alice, at=NOON)
            cards.grant(card, Money(5_00, "USD"), expires_at=NOON.replace(year=2099), reason="Fair", actor=world.alice, at=NOON)
            authorize(card, swipe(1_00, merchant_name=f"Shop {number}"))
            person = world.hire(f"P{number}", "employee")
            people.change_member(person, {"manager": world.alice}, actor=world.alice, at=NOON)
            theirs = cards.issue(person, name=f"P{number}", currency="USD", controls=cards.Controls(), actor=world.alice, at=NOON)
            purchase = authorize(theirs, swipe(2_00, merchant_name=f"Store {number}")).transaction
            approvals.submit(purchase, actor=person, at=NOON)
            people.add_department(name=f"D{number}", head=person, actor=world.alice, at=NOON)


@pytest.mark.parametrize("path", PAGES)
def test_pages_ask_few_questions_however_many_rows_there_are(world, pages, django_assert_num_queries, path):
    adopt(world)
    client = pages(world.alice)
    for start, rounds in ((0, 2), (2, 5)):
        fill(world, start, rounds)
        with django_assert_num_queries(PAGES[path]):
            assert client.get(path).status_code == 200


def test_one_transaction_beside_the_list_costs_a_fixed_number_more(world, pages, django_assert_num_queries):
    client = pages(world.alice)
    with company_scope(world.acme.pk):
        purchase = authorize(world.card, swipe(1_00)).transaction
    with django_assert_num_queries(11):
        client.get("/transactions/", {"show": purchase.public_id})


def test_one_budget_costs_as_many_questions_whatever_draws_from_it(world, pages, django_assert_num_queries):
    adopt(world)
    client = pages(world.alice)
    fill(world, 0, 1)
    with company_scope(world.acme.pk):
        budget = Budget.objects.get()
    for rounds in range(2):
        with company_scope(world.acme.pk):
            for number in range(rounds * 3):
                card = cards.issue(
                    world.bob, name=f"X{number}", currency="USD", controls=cards.Controls(limits=cards.monthly(Money(90_00, "USD"))),
                    budget=budget, actor=world.alice, at=NOON,
                )  # fmt: skip
                authorize(card, swipe(1_00))
        with django_assert_num_queries(13):
            page = text(client.get(f"/budgets/{budget.public_id}/"))
    assert page.count("left of $90.00") == 3


def test_money_is_written_as_people_write_it():
    assert str(Money(-1_234_50, "GBP")) == "-£1,234.50"


def test_signed_in_members_read_the_documentation_where_it_is_closed(world, pages, settings):
    settings.DOCS_OPEN = False
    assert pages(world.bob).get("/api/v1/docs/").status_code == 200


def test_a_target_that_is_no_address_leads_to_the_overview(world, client):
    answer = client.post("/sign-in/", {"email": "alice@acme.example", "password": PASSWORD, "next": "foo"})
    assert (answer.status_code, answer["Location"]) == (302, "/")


def test_uncategorised_spend_can_be_listed(spent, pages):
    client = pages(spent.alice)
    with company_scope(spent.acme.pk):
        authorize(spent.card, swipe(merchant_code="0742", merchant_name="Vet"))
    page = client.get("/transactions/?category=none").content.decode()
    assert ("Vet" in page, "Blue Bottle" in page) == (True, False)


def test_people_read_why_a_swipe_was_declined(world, pages):
    with company_scope(world.acme.pk):
        authorize(world.card, swipe(9_999_00))
    assert "<small>Insufficient funds</small>" in pages(world.alice).get("/transactions/").content.decode()


def test_a_licence_stands_only_beside_the_rows_it_is_for(spent, pages):
    with company_scope(spent.acme.pk):
        file = StatementFile(b"Date,Amount,Merchant\n2020-01-05,1.00,Old\n", "s.csv", attribution="Open data, with thanks")
        import_statement(spent.acme, file, actor=spent.alice, at=timezone.now())
    client = pages(spent.alice)
    assert "Open data, with thanks" in client.get("/transactions/?to=2020-12-31").content.decode()
    assert "Open data, with thanks" not in client.get("/transactions/?from=2021-01-01").content.decode()


def test_all_problems_of_a_filter_are_said_in_the_pages_words(world, pages):
    page = text(pages(world.alice).get("/transactions/?from=soon&status=lost"))
    assert "From: Enter a valid date." in page
    assert "Status: Select a valid choice." in page
    assert "Nothing matches" not in page


def test_a_month_that_goes_on_is_compared_with_as_many_days(acme):
    for day, minor in (("2026-02-05", 100_00), ("2026-02-25", 900_00), ("2026-03-05", 150_00)):
        at = datetime.fromisoformat(day).replace(hour=15, tzinfo=UTC)
        purchase = authorize(acme.card, swipe(minor // 10, at=at, network_id=day)).transaction
        clear(purchase, Clearing("capture", f"c{day}", at, is_final=True), actor=None)
    march = month_of(date(2026, 3, 10))
    assert shown_of(march, "USD", today=date(2026, 3, 10)).change.text == "+50.0 %"
    assert shown_of(march, "USD", today=date(2026, 4, 2)).change.text == "−85.0 %"


def test_what_is_available_is_the_sum_of_the_changes_listed(world, pages):
    with company_scope(world.acme.pk):
        purchase = authorize(world.card, swipe(100_00)).transaction
        clear(purchase, Clearing("capture", "c", NOON, 80_00, is_final=True), actor=None)
        clear(purchase, Clearing("refund", "r", NOON, 30_00), actor=None)
    page = text(pages(world.alice).get("/funding/?day=2026-03-10"))
    assert re.findall(r'<td class="number[^"]*">([^<]+)</td>', page) == ["$30.00", "$20.00", "-$100.00", "$1,000.00"]
    assert '<p class="amount">$950.00</p>' in page


def test_spend_that_was_coded_away_leaves_no_trace_on_the_overview(world, pages):
    with company_scope(world.acme.pk):
        purchase = authorize(world.card, swipe(40_00)).transaction
        clear(purchase, Clearing("capture", "c1", NOON, is_final=True), actor=None)
        coding.describe(purchase, {"category": Category.objects.get(name="Travel")}, actor=world.alice, at=NOON)
    told = pages(world.alice).get("/?from=2026-03-01&to=2026-03-31").content.decode()
    assert ("Travel" in told, "Meals" in told) == (True, False)


@pytest.mark.parametrize(
    ("first", "label", "year", "quarter"),
    [
        (1, "Year", "from=2026-01-01&to=2026-12-31", "from=2026-04-01&to=2026-06-30"),
        (8, "Fiscal year", "from=2025-08-01&to=2026-07-31", "from=2026-05-01&to=2026-07-31"),
    ],
)
def test_the_year_and_the_quarter_to_choose_are_the_companys_own(first, label, year, quarter):
    usual = Period(date(2025, 6, 1), date(2026, 6, 1))
    offered = {one["label"]: one for one in presets(Company(fiscal_year_start_month=first), usual, usual, {"currency": "EUR"})}
    assert offered[label]["href"] == f"?{year}&currency=EUR"
    assert offered["Quarter"]["href"] == f"?{quarter}&currency=EUR"
    assert offered["Month"]["href"] == "?from=2026-05-01&to=2026-05-31&currency=EUR"
    assert [label for label, one in offered.items() if one["is_chosen"]] == ["12 months"]
