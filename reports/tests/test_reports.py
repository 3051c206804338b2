"""What holds for every report of the catalogue."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date

import pytest
import time_machine

from cards import operations as cards
from conftest import build_world
from reports.catalogue import REPORTS, THEMES
from spendtrackr.money import Money
from spendtrackr.tenancy import company_scope
from tests.again import again
from tests.buying import bought, claimed, imported, swiped
from tests.factories import NOON
from tests.figures import asked, behind
from tests.rules import adopt
from transactions.models import ApprovalState, Merchant, SpendLine, Transaction, TransactionStatus
from transactions.operations import approvals

OTHERS = [name for name in REPORTS if name != "spend"]
YEAR = {"from_": "2025-04-01", "to": "2026-03-31"}


def asking(name: str) -> dict[str, str]:
    return YEAR if "from" in REPORTS[name].takes else {"month": "2026-03"} if "month" in REPORTS[name].takes else {}


def busied():
    """A little of everything at Acme: two currencies, every state, and Mallory's company beside it."""
    world = build_world()
    with company_scope(world.acme.pk):
        adopt(world, receipt=60_00, category=False)
        for number in range(30):
            day = f"2026-0{number % 3 + 1}-{number % 9 + 1:02d}"
            purchase = bought(world.card, (number % 7 + 1) * 3_00 + 1, day, f"Shop {number % 5}", back=number % 2 * 1_00)
            if number % 3 == 0:
                approvals.submit(purchase, actor=world.bob, at=NOON)
        swiped(world.card, 900_000_00, "2026-03-02", "Dealer")
        swiped(world.card, 2_00, "2026-03-01", "On hold")
        bought(world.card, 61_00, "2026-03-03", "Hotel")
        limited = cards.Controls(limits=cards.monthly(Money(50_00, "USD")))
        card = cards.issue(world.bob, name="Limited", currency="USD", controls=limited, actor=world.alice, at=NOON)
        for day in ("2026-03-10", "2026-03-11"):
            bought(card, 4_44, day, "Twice")
        approvals.submit(claimed(world.bob, 7_00, "2026-03-04"), actor=world.bob, at=NOON)
        imported(world, "2026-01-05,500,JPY,Sushi", "2026-02-05,500,JPY,Sushi", "2026-03-05,500,JPY,Sushi", "2026-03-06,3.00,USD,Shop 1")
    return world


same_busy = again(busied)


@pytest.fixture
def busy(same_busy, db):
    return same_busy()


@pytest.mark.parametrize("name", OTHERS)
def test_another_company_is_told_nothing(busy, name):
    with company_scope(busy.mallory.company_id):
        assert asked(name, busy.mallory, **asking(name)).rows == []
    with company_scope(busy.acme.pk):
        assert asked(name, busy.alice, **asking(name)).rows


@pytest.mark.parametrize("name", OTHERS)
def test_every_value_has_its_measure_and_every_amount_the_currency_of_its_row(busy, name):
    with company_scope(busy.acme.pk):
        report = asked(name, busy.alice, **asking(name))
    for row in (*report.rows, *report.totals):
        assert len(row.values) == len(report.measures)
        assert {value.currency for value in row.values if hasattr(value, "currency")} <= {row.currency}
    assert len({(*row.keys, row.currency) for row in report.rows}) == len(report.rows)


@pytest.mark.parametrize("name", [name for name in OTHERS if name not in {"card-limits", "duplicates", "subscriptions"}])
def test_a_list_is_as_long_as_its_row_says(busy, name):
    """Where a month's items come and go, as refunds do, more happened than there are purchases."""
    with company_scope(busy.acme.pk):
        report = asked(name, busy.alice, **asking(name))
        counted = next(place for place, measure in enumerate(report.measures) if measure.kind == "count")
        for row in report.rows:
            found = behind(row, busy.alice)
            if name in {"movers", "new-merchants"}:
                lines = SpendLine.objects.filter(transaction__in=found, day__gte="2025-04-01", day__lt="2026-04-01", currency=row.currency)
                assert sum(line.counts for line in lines) == row.values[counted]
            else:
                assert len(found) == row.values[counted], row


@pytest.mark.parametrize("name", REPORTS)
def test_an_empty_page_teaches(world, pages, name):
    with time_machine.travel("2026-03-15 12:00+00:00"):
        page = pages(world.mallory).get(f"/reports/{name}/").content.decode()
    assert REPORTS[name].nothing in page


def test_the_list_of_reports_is_by_theme_and_leads_to_each(world, pages):
    page = pages(world.bob).get("/reports/").content.decode()
    assert [page.index(f">{theme}</h2>") for theme in THEMES] == sorted(page.index(f">{theme}</h2>") for theme in THEMES)
    assert all(f'href="/reports/{name}/"' in page for name in REPORTS)


def test_an_option_is_the_usual_one_where_nothing_is_given_and_refused_where_it_makes_no_sense(busy, api):
    client = api(busy.alice)
    assert client.get("/api/v1/reports/declines/").json()["dimensions"] == [{"name": "reason", "label": "Reason"}]
    for query, field in (({"group_by": "colour"}, "group_by"), ({"month": "2026-03"}, "month")):
        answer = client.get("/api/v1/reports/declines/", query)
        assert (answer.status_code, answer.json()["field"]) == (400, field)


def test_a_look_at_every_row_says_the_same(busy):
    """Plainly, over all rows, without rollups, groups or indexes."""
    with company_scope(busy.acme.pk):
        rows = list(Transaction.objects.select_related("merchant"))
        declines = Counter((row.decline_code, row.currency) for row in rows if row.status == TransactionStatus.DECLINED)
        told = asked("declines", busy.alice, **YEAR)
        assert {(row.keys[0].id, row.currency): row.values[1] for row in told.rows} == declines

        unfinished = {ApprovalState.OPEN, ApprovalState.WAITING, ApprovalState.CHANGES_REQUESTED}
        missing = [row for row in rows if "receipt" in row.missing_items and row.approval in unfinished]
        told = asked("missing-receipts", busy.alice)
        assert sum(row.values[0].minor for row in told.rows) == sum(row.amount_minor for row in missing) == 61_00

        firsts: dict[int, date] = {}
        spent: dict[tuple[int, str], int] = defaultdict(int)
        for line in SpendLine.objects.order_by("day"):
            firsts.setdefault(line.merchant_id, line.day)
            if date(2026, 2, 1) <= line.day < date(2026, 3, 1):
                spent[line.merchant_id, line.currency] += line.amount_minor
        names = {merchant.pk: merchant.name for merchant in Merchant.objects.all()}
        february = {"from_": "2026-02-01", "to": "2026-02-28"}
        told = asked("new-merchants", busy.alice, **february)
        assert {(row.keys[0].label, row.currency): row.values[0].minor for row in told.rows} == {
            (names[merchant], currency): minor for (merchant, currency), minor in spent.items() if firsts[merchant].month == 2
        }

        before: dict[tuple[int, str], int] = defaultdict(int)
        for line in SpendLine.objects.filter(day__gte="2026-01-01", day__lt="2026-02-01"):
            before[line.merchant_id, line.currency] += line.amount_minor
        told = asked("movers", busy.alice, **february)
        assert {(row.keys[0].label, row.currency): row.values[3].minor for row in told.rows} == {
            (names[cell[0]], cell[1]): spent[cell] - before[cell] for cell in {*spent, *before} if spent[cell] != before[cell]
        }
