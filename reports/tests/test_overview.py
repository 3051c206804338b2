"""What the overview has besides its chart: what moved most, and the fullest budgets. And that nothing is compared with half a period."""

from __future__ import annotations

import html
import re
from datetime import date

import pytest
import time_machine

from cards import operations as cards
from cards.models import BudgetInterval
from cards.operations import budgets
from reports import overview, queries
from reports.shape import Question
from spendtrackr.money import Money
from spendtrackr.periods import Period, month_of, noon
from spendtrackr.tenancy import company_scope
from tests.buying import bought, imported
from tests.factories import NOON, swipe
from tests.figures import as_read, asked, behind, shown_of, totals_as_read
from tests.test_query_counts import questions
from transactions.operations.swipes import authorize
from users import operations as people
from users.models import Membership

APRIL = date(2026, 4, 20)
# Spend began in its middle: before February there was none.
LATELY = {"from_": "2026-03-01", "to": "2026-04-30"}


@pytest.fixture
def spring(acme):
    """From February to April, by merchants of several categories: meals 10, 40, 5; flights 0, 90, 90; hotels 70, 70, 0."""
    for code, *months in (("5812", 10, 40, 5), ("3008", 0, 90, 90), ("7011", 70, 70, 0)):
        for month, units in enumerate(months, start=2):
            if units:
                bought(acme.card, units * 1_00, f"2026-0{month}-10", f"Shop {code}", merchant_code=code)
    return acme


def question(member: Membership, period: Period, today: date = APRIL) -> Question:
    asker = Membership.objects.select_related("company", "user").get(pk=member.pk)
    return Question(asker, noon(today, asker.company.time_zone), period, queries.booked(queries.reader(asker)))


def moved(member: Membership, period: Period, currency: str = "USD", **more) -> overview.Movers:
    return overview.top_movers(question(member, period, **more), currency)


def told(movers: overview.Movers) -> list[tuple[str, str, str]]:
    return [(row.label, str(row.change), row.mark or row.percent.text) for row in movers.rows]


# Movers.


def test_what_moved_most_against_the_period_before_comes_first(spring):
    found = moved(spring.alice, month_of(date(2026, 3, 1)))
    assert found.days == month_of(date(2026, 3, 1))
    assert told(found) == [("Travel", "$90.00", "New"), ("Meals", "$30.00", "+300.0 %")]
    report = asked("movers", spring.alice, group_by="category", from_="2026-03-01", to="2026-03-31")
    of_report = [(row.keys[0].label, row.values[3], row.href) for row in report.rows]
    assert [(row.label, row.change, row.href) for row in found.rows] == of_report


def test_without_the_whole_period_before_the_latest_two_months_that_are_over_are_compared(spring):
    year = Period(date(2025, 5, 1), date(2026, 5, 1))
    assert told(moved(spring.alice, year)) == [("Travel", "$90.00", "New"), ("Meals", "$30.00", "+300.0 %")]
    found = moved(spring.alice, year, today=date(2026, 5, 1))
    assert found.days == month_of(date(2026, 4, 1))
    assert [row[:2] for row in told(found)] == [("Hotels", "-$70.00"), ("Meals", "-$35.00")]


def test_where_nothing_can_be_compared_it_says_so(spring, acme):
    assert moved(spring.alice, month_of(date(2026, 2, 1))).days is None
    assert moved(spring.alice, Period(date(2026, 2, 1), date(2026, 4, 1)), today=date(2026, 3, 20)).days is None
    with company_scope(spring.mallory.company_id):
        assert moved(spring.mallory, month_of(date(2026, 3, 1))) == overview.Movers(None, [])


def test_each_mover_leads_to_its_rows(spring):
    for row in moved(spring.alice, month_of(date(2026, 4, 1)), today=date(2026, 5, 2)).rows:
        led = behind(row, spring.alice)
        assert sum(one.amount_minor for one in led) == (row.spend.minor or row.before.minor) > 0


def test_an_employee_sees_what_moved_of_their_own(spring):
    carol = spring.hire("Carol", "employee")
    assert told(moved(spring.bob, month_of(date(2026, 3, 1)))) == told(moved(spring.alice, month_of(date(2026, 3, 1))))
    assert moved(carol, month_of(date(2026, 3, 1))) == overview.Movers(None, [])


def test_currencies_are_not_added_up(spring):
    imported(spring, "2026-02-05,5.00,EUR,Hotel", "2026-03-05,9.00,EUR,Hotel")
    assert [row[1] for row in told(moved(spring.alice, month_of(date(2026, 3, 1)), "EUR"))] == ["€4.00"]


def test_what_the_overview_has_read_is_not_read_again(spring, django_assert_num_queries):
    """Whatever the period: its sums and the names of its values are there."""
    for period in (month_of(date(2026, 3, 1)), Period(date(2025, 5, 1), date(2026, 5, 1))):
        asked_ = question(spring.alice, period)
        overview.build(asked_, "USD")
        with django_assert_num_queries(0):
            assert len(overview.top_movers(asked_, "USD").rows) == 2


# Budgets.


def enveloped(world, name: str, limit: int, used: int, *, owner=None, currency: str = "USD", is_hard=False, parent=None):
    budget = budgets.create(
        name=name, limit=Money(limit, currency), interval=BudgetInterval.MONTH, is_hard=is_hard, owner=owner or world.alice,
        parent=parent, actor=world.alice, at=NOON,
    )  # fmt: skip
    if used:
        card = cards.issue(world.alice, name=name, currency=currency, controls=cards.Controls(), budget=budget, actor=world.alice, at=NOON)
        authorize(card, swipe(used))
    return budget


def fullest(member: Membership, currency: str = "USD") -> list[tuple[str, int]]:
    asker = Membership.objects.select_related("company").get(pk=member.pk)
    return [(one.standing.budget.name, one.standing.percent) for one in overview.fullest_budgets(asker, currency, at=NOON)]


def test_the_fullest_budgets_come_first_and_no_more_than_five(acme):
    for number, used in enumerate((10_00, 0, 60_00, 5_00, 30_00, 1_00)):
        enveloped(acme, f"B{number}", 50_00, used)
    enveloped(acme, "Euros", 50_00, 0, currency="EUR")
    budgets.close(enveloped(acme, "Closed", 1_00, 0), actor=acme.alice, at=NOON)
    assert fullest(acme.alice) == [("B2", 120), ("B4", 60), ("B0", 20), ("B3", 10), ("B5", 2)]
    assert fullest(acme.alice, "EUR") == [("Euros", 0)]


def test_budgets_are_those_that_their_reader_may_see(acme):
    enveloped(acme, "Alices", 50_00, 1_00)
    enveloped(acme, "Bobs", 50_00, 0, owner=acme.bob)
    assert [name for name, _ in fullest(acme.bob)] == ["Bobs"]
    with company_scope(acme.mallory.company_id):
        assert fullest(acme.mallory) == []


def test_what_a_budget_above_leaves_is_said_and_its_figure_to_those_alone_who_may_see_it(acme, pages):
    team = enveloped(acme, "Team", 100_00, 95_00, is_hard=True)
    enveloped(acme, "Tools", 80_00, 0, owner=acme.bob, parent=team)
    told = "Team has <strong>$5.00</strong> left"
    for reader, there, absent in ((acme.alice, told, "A budget above"), (acme.bob, "A budget above", "Team")):
        with time_machine.travel(NOON):
            page = shown(pages(reader), "/?from=2026-02-01&to=2026-02-28")
        assert '<strong>$80.00</strong> <span class="muted">left' not in page
        assert (there in page, absent in page) == (True, False)


# The page.


def shown(client, path: str = "/?from=2026-03-01&to=2026-03-31") -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", answer.content.decode())


def test_the_page_shows_both_with_their_links(spring, pages):
    budget = enveloped(spring, "Fair", 50_00, 45_00)
    with time_machine.travel(NOON):
        page = shown(pages(spring.alice))
    for there in (
        "March 2026 against the period before", ">Travel</a>", "+$90.00",
        f'href="/budgets/{budget.public_id}/"', f"budget={budget.public_id}&amp;counting=true&amp;from=2026-03-01&amp;to=2026-03-31",
        'aria-label="90 % of the budget used"',
    ):  # fmt: skip
        assert there in page


def test_all_movers_are_those_of_which_the_page_shows_the_largest(spring, pages):
    imported(spring, "2026-02-05,5.00,EUR,Hotel", "2026-03-05,9.00,EUR,Hotel")
    client = pages(spring.alice)
    [led] = re.findall(r'href="(/reports/movers/[^"]*)"', shown(client, "/?from=2026-03-01&to=2026-03-31&currency=USD"))
    table = shown(client, html.unescape(led)).partition("<table")[2]
    assert [name in table for name in (">Travel<", ">Meals<", "€")] == [True, True, False]


def test_who_sees_no_budget_and_no_change_is_told_what_would_be_there(spring, pages):
    enveloped(spring, "Secret", 50_00, 45_00)
    page = shown(pages(spring.bob), "/?from=2026-02-01&to=2026-02-28")
    assert "Secret" not in page
    for said in ("Nothing to compare with yet", "No budgets in USD", "Those that you may see are shown here"):
        assert said in page


def test_whoever_may_make_budgets_is_led_to_it_and_a_new_company_is_welcomed_first(spring, pages):
    assert '<a href="/budgets/new/">Make one.</a>' in shown(pages(spring.alice))
    page = shown(pages(spring.mallory))
    assert ("Welcome to" in page, "Top movers" in page) == (True, False)


def test_the_page_asks_no_more_questions_for_what_moved(spring, pages):
    for number in range(2):
        enveloped(spring, f"B{number}", 50_00, 1_00)
    client = pages(spring.alice)
    before = questions(client, "/?from=2026-03-01&to=2026-03-31")
    with company_scope(spring.acme.pk):
        for number in range(2, 8):
            enveloped(spring, f"B{number}", 50_00, 1_00)
            bought(spring.card, 1_00, "2026-02-11", f"S{number}", merchant_code="5734")
    assert questions(client, "/?from=2026-03-01&to=2026-03-31") == before <= 15


def test_days_at_the_ends_of_a_period_are_no_further_questions(spring, pages):
    """The most that there is: budgets, an imported line among the latest, and neither end is that of a month."""
    enveloped(spring, "Fair", 50_00, 1_00)
    imported(spring, "2026-02-05,5.00,USD,Hotel")
    client = pages(spring.alice)
    assert questions(client, "/?from=2026-01-15&to=2026-04-20") <= 15
    assert questions(client, "/?from=2026-03-01&to=2026-03-31") <= 15


def test_a_manager_asks_no_more_where_sums_are_remembered(spring, pages, redis):
    people.change_member(spring.hire("Carol", "employee"), {"manager": spring.bob}, actor=spring.alice, at=NOON)
    enveloped(spring, "Fair", 50_00, 1_00, owner=spring.bob)
    client = pages(spring.bob)
    assert max(questions(client, "/?from=2026-01-15&to=2026-04-20") for _ in range(2)) <= 15


# What is not whole is compared with nothing, by tiles and tables alike.


def test_table_and_tiles_agree_that_there_is_no_full_period_to_compare_with(spring, pages):
    days = Period(date(2026, 3, 1), date(2026, 5, 1))
    tiles = shown_of(days, "USD", today=APRIL)
    assert (tiles.change.text, tiles.change.against) == ("", "No full period before to compare with")
    assert {bar.change.text for bar in tiles.ranking} == {""}
    report = asked("spend", spring.alice, group_by="category", compare="before", **LATELY)
    assert report.is_partial
    assert as_read(report) == [
        ("Travel", "$180.00", "2", "$0.00", "–", "–"),
        ("Hotels", "$70.00", "1", "$70.00", "–", "–"),
        ("Meals", "$45.00", "2", "$10.00", "–", "–"),
    ]
    assert totals_as_read(report) == [("$295.00", "5", "$80.00", "–", "–")]


def test_movers_say_by_how_much_and_not_by_how_many_per_cent(spring, pages):
    report = asked("movers", spring.alice, group_by="category", **LATELY)
    assert as_read(report) == [
        ("Travel", "$180.00", "2", "$0.00", "$180.00", "–", "New"),
        ("Meals", "$45.00", "2", "$10.00", "$35.00", "–", ""),
    ]
    assert totals_as_read(report) == [("$295.00", "5", "$80.00", "$215.00", "–", "–")]
    assert "no full period to compare with" in shown(pages(spring.alice), "/reports/movers/?from=2026-03-01&to=2026-04-30")


def test_what_is_compared_with_the_year_before_does_not_speak_of_the_period_before(spring, pages):
    bought(spring.card, 1_00, "2027-02-10", "Shop 5812", merchant_code="5812")
    page = shown(pages(spring.alice), "/reports/movers/?from=2027-01-01&to=2027-03-31&compare=last_year")
    assert ("in the middle of what this is compared with" in page, "period before:" in page) == (True, False)


def test_months_that_are_told_apart_stand_each_beside_its_own(spring):
    report = asked("spend", spring.alice, group_by="month", compare="before", **LATELY)
    assert as_read(report) == [
        ("March 2026", "$200.00", "3", "$0.00", "$200.00", "–"),
        ("April 2026", "$95.00", "2", "$80.00", "$15.00", "+18.8 %"),
    ]
    assert totals_as_read(report) == [("$295.00", "5", "$80.00", "–", "–")]


def test_a_whole_period_before_is_compared_by_both(spring, api):
    report = asked("spend", spring.alice, group_by="category", compare="before", from_="2026-03-01", to="2026-03-31")
    assert not report.is_partial
    assert ("Meals", "$40.00", "1", "$10.00", "$30.00", "+300.0 %") in as_read(report)
    given = {"group_by": "category", "compare": "before", "from": "2026-03-01", "to": "2026-04-30"}
    answered = api(spring.alice).get("/api/v1/reports/spend/", given).json()
    assert answered["is_partial"] is True
    assert {row["measures"]["change"] for row in answered["rows"]} == {None}
