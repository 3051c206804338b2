"""Twelve real files, against a calculation that shares no code with the import."""

from __future__ import annotations

import csv
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from reports import verification
from spendtrackr.periods import Period
from spendtrackr.tenancy import company_scope
from tests.factories import NOON, SignUpFactory
from tests.figures import spend, told, totals
from transactions.models import FundingAccount, SpendLine, StatementImport, Transaction
from transactions.operations.statements import StatementFile, import_statement
from users.operations import sign_up

FOLDER = Path(__file__).parents[2].parent / "shared" / "data" / "purchase-cards"
FILES = sorted(FOLDER.glob("birmingham-*.csv"))

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
    fuel, _ = told(by_category)["Vehicle Fuel"]
    assert fuel.decimal == sum(billed(row)[0] for path in FILES for row in rows(path) if row["TRANS CAC DESC 1"] == "Vehicle Fuel")


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
