"""Twelve real files, against a calculation that shares no code with the import."""

from __future__ import annotations

import csv
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from functools import partial
from importlib import import_module
from itertools import product
from pathlib import Path

import pytest

from companies.models import Category
from reports import verification
from reports.catalogue import REPORTS
from spendtrackr.periods import Period, noon
from spendtrackr.tenancy import company_scope
from tests import reckoning
from tests.factories import NOON, SignUpFactory
from tests.figures import asked, key_of, must_lead, must_say, spend, totals
from tests.figures import told as told_of
from tests.reckoning import DAY, Asked, Line, Thing, Told, plus
from transactions.models import Dimension, FundingAccount, ImportedLine, Merchant, SpendLine, StatementImport, Transaction
from transactions.operations.statements import StatementFile, import_statement
from users.models import Membership
from users.operations import sign_up

FOLDER = Path(__file__).parents[2].parent / "shared" / "data" / "purchase-cards"
FILES = sorted(FOLDER.glob("birmingham-*.csv"))

TODAY = date(2020, 3, 20)
# The fiscal year, days that cut months, and the month that goes on.
SPANS = [
    (date(2019, 4, 1), date(2020, 4, 1)), (date(2019, 12, 12), date(2020, 2, 29)),
    (date(2020, 3, 1), date(2020, 4, 1)),
]  # fmt: skip
# Three rows without an account have a merchant category code: two of digital goods, one of whatever shops sell.
BY_CODE = {"5815": "software and cloud", "5817": "software and cloud", "5999": "shopping"}
# By everything else the files have one value, of which a month is enough.
TOLD_APART = {"", "month", "category", "merchant"}
# What lies behind so many rows of a report is looked at.
MOST_LISTS = 5
# Nobody owns the lines, so nobody is asked for anything, and no card was swiped.
OF_IMPORTED_LINES = {"spend", "movers", "new-merchants", "subscriptions", "duplicates", "close-list"}

pytestmark = pytest.mark.skipif(not FILES, reason="the real purchase-card files are not beside this checkout")


@pytest.fixture(scope="module")
def council(django_db_setup, django_db_blocker):
    """A company with all twelve files, once for this module."""
    from django.db import transaction

    with django_db_blocker.unblock(), transaction.atomic():
        form = SignUpFactory(company_name="Council", country="GB", currency="GBP", time_zone="Europe/London", email="olive@council.example")
        company = sign_up(form, at=NOON).member.company
        for path in FILES:
            import_statement(company, StatementFile(path.read_bytes(), path.name, "Purchase cards"), actor=None, at=NOON)
        with company_scope(company.pk):
            yield company
        transaction.set_rollback(True)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return [{name.strip(): (value or "").strip() for name, value in row.items()} for row in csv.DictReader(file)]


def billed(row: dict[str, str]) -> tuple[Decimal, str]:
    if row.get("BILLING GROSS AMT"):
        return Decimal(row["BILLING GROSS AMT"]), row["BILLING CUR CODE"]
    return Decimal(row["ORIGINAL GROSS AMT"]), row["ORIGINAL CUR"]


def by_month(paths: list[Path]) -> Counter:
    sums: Counter = Counter()
    for path in paths:
        for row in rows(path):
            amount, currency = billed(row)
            day = row.get("TRANS POST DATE") or row["TRANS DATE"]
            sums[day[:7], currency] += amount
    return sums


@pytest.fixture(autouse=True)
def _scope(council, django_db_blocker):
    with django_db_blocker.unblock(), company_scope(council.pk):
        yield


def test_every_row_of_every_file_is_booked(council):
    told = dict(StatementImport.objects.values_list("filename", "booked"))
    assert told == {path.name: len(rows(path)) for path in FILES}
    assert not any(StatementImport.objects.values_list("rejected", flat=True))
    assert Transaction.objects.count() == sum(told.values()) == 43_842


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem[-7:])
def test_each_file_is_booked_to_the_penny_by_month_and_currency(council, path):
    booked: Counter = Counter()
    lines = SpendLine.objects.filter(transaction__statement_import__filename=path.name)
    for day, currency, minor in lines.values_list("day", "currency", "amount_minor").iterator():
        booked[f"{day:%Y-%m}", currency] += Decimal(minor) / 100
    assert booked == by_month([path])


def test_report_rollups_and_ledger_give_the_same_figures(council):
    expected = by_month(FILES)
    period = Period.inclusive(
        min_day := SpendLine.objects.order_by("day").first().day.replace(day=1), SpendLine.objects.order_by("day").last().day
    )
    report = spend(period, "month")
    assert {(row.keys[0].id, row.currency): row.values[0].decimal for row in report.rows} == expected
    assert min_day.isoformat() == "2018-12-01"
    by_currency: Counter = Counter()
    for (_, currency), amount in expected.items():
        by_currency[currency] += amount
    assert {currency: total.decimal for currency, total in totals(report).items()} == by_currency
    assert {account.currency: account.spent.decimal for account in FundingAccount.objects.all()} == by_currency
    assert sum(row.values[1] for row in report.rows) == 43_842


def test_by_category_it_adds_up_to_the_same(council):
    period = Period.inclusive(SpendLine.objects.order_by("day").first().day, SpendLine.objects.order_by("day").last().day)
    expected: Counter = Counter()
    for path in FILES:
        for row in rows(path):
            amount, currency = billed(row)
            expected[currency] += amount
    sums: Counter = Counter()
    by_category = spend(period, "category")
    for row in by_category.rows:
        sums[row.currency] += row.values[0].decimal
    assert sums == expected
    fuel, _ = told_of(by_category)["Vehicle Fuel"]
    assert fuel.decimal == sum(billed(row)[0] for path in FILES for row in rows(path) if row["TRANS CAC DESC 1"] == "Vehicle Fuel")


def fold(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


@pytest.fixture(scope="module")
def told(council, django_db_blocker) -> Told:
    """The files' own lines, in our own words. Only what a row is called is ours: its number in the database."""
    places = ("statement_import__filename", "line", "transaction_id")
    with django_db_blocker.unblock(), company_scope(council.pk):
        numbers = {(filename, line): number for filename, line, number in ImportedLine.objects.values_list(*places)}
    told = Told(TODAY)
    for path in FILES:
        for line, row in enumerate(rows(path), start=2):
            amount, currency = billed(row)
            minor, merchant = int(amount * 100), fold(row.get("MERCHANT NAME", "")) or 0
            day, posted = (date.fromisoformat(row.get(name) or row["TRANS DATE"]) for name in ("TRANS DATE", "TRANS POST DATE"))
            category = fold(row["TRANS CAC DESC 1"]) or BY_CODE.get(row.get("MCC CODE", ""), 0)
            of = {**dict.fromkeys(Dimension.values, 0), "merchant": merchant, "category": category}
            number = numbers[path.name, line]
            told.lines.append(Line(posted, currency, minor, 1, of, number))
            told.things.append(
                Thing(
                    number, "statement", day, currency, minor, merchant=merchant, said=merchant or "", statement=path.name,
                    captured=max(minor, 0), returned=max(-minor, 0),
                )
            )  # fmt: skip
    return told


@pytest.fixture(scope="module")
def known(council, django_db_blocker) -> dict[str, object]:
    """By public id, what a row of a report stands for, as the files call it."""
    with django_db_blocker.unblock(), company_scope(council.pk):
        names = [*Merchant.objects.values_list("public_id", "name"), *Category.objects.values_list("public_id", "name")]
        numbers = dict(Transaction.objects.values_list("public_id", "pk"))
    return {**{public_id: fold(name) for public_id, name in names}, **numbers}


def questions(name: str) -> Iterator[tuple[Asked, dict[str, str]]]:
    """Whatever may be asked of a report, in our own words and as an address says it."""
    takes, options = REPORTS[name].takes, REPORTS[name].options
    if "month" in takes:
        months = [plus(date(2018, 12, 1), n) for n in range(17)]
        yield from ((Asked(month, plus(month, 1), ("",)), {"month": f"{month:%Y-%m}"}) for month in months)
        return
    comparisons = ("", *options.get("compare", ())) if name == "spend" else options.get("compare", ("",))
    for (first, end), by, compare in product(SPANS if "from" in takes else SPANS[-1:], options.get("group_by", ("",)), comparisons):
        if not TOLD_APART.issuperset(by.split(",")) and first != SPANS[-1][0]:
            continue
        days = {"from_": str(first), "to": str(end - DAY)} if "from" in takes else {}
        given = {**days, "group_by": by, "compare": compare}
        yield Asked(first, end, tuple(by.split(",")), compare), {option: value for option, value in given.items() if value}


def is_looked_behind(question: Asked) -> bool:
    """Of the month that goes on: by whatever the files tell apart, since everything together is a long list."""
    return question.first == SPANS[-1][0] and question.by[-1] in {"", "merchant", "category"} and question.compare in {"", "before"}


@pytest.mark.parametrize("name", REPORTS)
def test_every_report_is_what_the_lines_of_the_files_come_to(council, told, known, name, monkeypatch):
    """Duplicates of all of them together, though as many are not compared on a page."""
    monkeypatch.setattr(import_module("reports.queries.duplicates"), "MOST_COMPARED", 10**6)
    owner, key, found = Membership.objects.get(), partial(key_of, ids=known), 0
    for question, given in questions(name):
        report, answer = asked(name, owner, at=noon(TODAY, "Europe/London"), **given), reckoning.REPORTS[name](told, question)
        must_say(report, answer, key, (name, given))
        if is_looked_behind(question):
            must_lead(replace(report, rows=report.rows[:MOST_LISTS]), answer, key, owner, (name, given))
        found += len(report.rows)
    assert bool(found) is (name in OF_IMPORTED_LINES)


def test_the_month_without_merchants_and_the_foreign_rows_are_in_and_said_so(council):
    assert Transaction.objects.filter(statement_import__filename="birmingham-2020-01.csv", merchant=None).count() == 4_330
    february = StatementImport.objects.get(filename="birmingham-2020-02.csv")
    assert february.details["notes"] == [
        "20 foreign rows have no billing amount; booked in their own currency: 14 in EUR, 1 in ILS, 5 in USD."
    ]


def test_lost_zeros_of_merchant_codes_are_back(council):
    december = Transaction.objects.filter(statement_import__filename="birmingham-2019-12.csv")
    assert december.filter(merchant_code="0742").exists() == any(row["MCC CODE"] == "742" for row in rows(FILES[8]))
    assert set(december.values_list("merchant_code", flat=True)) == {
        code.zfill(4) if code.strip("0") else "" for code in (row["MCC CODE"] for row in rows(FILES[8]))
    }


def test_the_same_files_again_add_nothing(council):
    path = FILES[4]
    record = import_statement(council, StatementFile(path.read_bytes(), path.name, "Purchase cards"), actor=None, at=NOON)
    assert (record.booked, record.duplicates) == (0, len(rows(path)))


def test_everything_verifies(council):
    for check in verification.COMPANY_CHECKS.values():
        assert list(check()) == []
