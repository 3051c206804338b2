"""What reports, lists and pages cost as a company grows: one of ten thousand purchases, one of a hundred thousand and one of a million,
among fifty.

    DATABASE_URL=mysql://root:@127.0.0.1:3306/spendtrackr .venv/bin/python -m benchmarks.reports 10000 100000 1000000

Two years of purchases by a fixed number of members, cards and merchants, nearly all of them approved. Contenders take turns within one
run: every report of the catalogue, and the best GROUP BY over the lines that we could write by hand, with an index that covers it. Then
four clients look at the pages of the largest. Read the ratios. With REDIS_URL set, what reports remember is remembered. Makes databases
of its own beside the one named, and drops them.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from functools import cached_property
from statistics import median
from typing import Any, cast
from urllib.parse import urlencode

from benchmarks import databases

databases.prepare()

import django  # noqa: E402

django.setup()

from django.conf import settings  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402
from django.utils import timezone  # noqa: E402

from benchmarks.clients import Contender, measure  # noqa: E402
from benchmarks.history import BATCH, fill  # noqa: E402
from benchmarks.report import Goal, Report  # noqa: E402
from benchmarks.seats import Seat, open_company  # noqa: E402
from benchmarks.servers import PRODUCT, by_reading, serving  # noqa: E402
from cards.models import Budget, BudgetInterval  # noqa: E402
from companies.models import Category, Department  # noqa: E402
from reports import overview, queries  # noqa: E402
from reports.catalogue import REPORTS  # noqa: E402
from reports.management.commands.verify import patience  # noqa: E402
from reports.shape import Definition, Question  # noqa: E402
from spendtrackr.ids import new_id  # noqa: E402
from spendtrackr.pagination import Cursor  # noqa: E402
from spendtrackr.periods import Period, add_months, month_of  # noqa: E402
from spendtrackr.tenancy import company_scope  # noqa: E402
from tests.factories import PASSWORD  # noqa: E402
from transactions import queries as transactions  # noqa: E402
from transactions import rollups  # noqa: E402
from transactions.models import DaySpend, Merchant, Transaction  # noqa: E402
from users.models import Membership  # noqa: E402

NEIGHBOURS, OF_NEIGHBOURS = 47, 2_000
CARDS, MERCHANTS, DEPARTMENTS, BUDGETS = 10, 50, 8, 10
# Of each company so many purchases wait for somebody, and one of so many was declined.
OPEN, ONE_DECLINED_OF = 200, 100
TURNS, CLIENTS, SECONDS, WARMING = 15, 4, 2.0, 0.5
GOAL_GROWTH, GOAL_HAND_WRITTEN, GOAL_DEPTH, GOAL_PAGE_MS, GOAL_PAGE_KB = 1.5, 5.0, 1.3, 150, 100
PAGES = (
    "/", "/transactions/", "/transactions/?cursor={cursor}", "/my-spend/", "/approvals/", "/cards/", "/budgets/", "/accounting/",
    "/accounting/closing/", "/activity/", "/reports/spend/", "/reports/spend/?group_by=month,merchant",
    *(f"/reports/{name}/" for name in REPORTS),
)  # fmt: skip


def main(sizes: Sequence[int]) -> int:
    report = Report()
    with databases.made():
        call_command("migrate", verbosity=0)
        print(databases.machine())
        offices = {size: Office(number, size) for number, size in enumerate(sizes)}
        for number in range(NEIGHBOURS):
            Office(len(sizes) + number, OF_NEIGHBOURS, cards=2)
        with patience():
            _add_up()
        _cover()
        _reports(report, offices)
        cursor = _lists(report, offices[max(sizes)])
        _pages(report, offices[max(sizes)], cursor)
    return report.end()


class Office:
    """A company with so many spend lines, in its rollups too."""

    def __init__(self, number: int, size: int, *, cards: int = CARDS) -> None:
        self.size = size
        self.seats: list[Seat] = open_company(number, cards_wanted=cards)
        self.company_id = self.seats[0].company_id
        started = time.monotonic()
        with company_scope(self.company_id):
            self.alice = Membership.objects.select_related("company", "user").get()
            self.today = self.alice.company.day_of(timezone.now())
            self.period = Period(add_months(month_of(self.today).end, -12), month_of(self.today).end)
            self._fill()
        print(f"  {size:>9,} lines in {time.monotonic() - started:.0f} s", flush=True)

    def _fill(self) -> None:
        now = timezone.now()
        Merchant.objects.bulk_create([Merchant(public_id=new_id("mer"), name=f"Shop {n}", key=f"shop {n}") for n in range(MERCHANTS)])
        for n in range(DEPARTMENTS):
            Department.objects.create(name=f"Department {n}", name_key=f"department {n}", created_at=now)
        budget = {"owner": self.alice, "currency": "USD", "limit_minor": 10**12, "interval": BudgetInterval.YEAR, "is_hard": False}
        for n in range(BUDGETS):
            made = Budget.objects.create(name=f"Budget {n}", name_key=f"budget {n}", created_at=now, **budget)
            Budget.objects.filter(pk=made.pk).update(chain=f"{made.pk}.")
        fill(self.seats[0], self.size)
        with connection.cursor() as cursor:
            cursor.execute("SELECT MIN(id), MAX(id) FROM transactions WHERE company_id = %s", [self.company_id])
            first, last = cursor.fetchone()
            for start in range(first, last + 1, BATCH):
                part = f"t.company_id = {self.company_id} AND t.id BETWEEN {start} AND {min(start + BATCH - 1, last)}"
                cursor.execute(self._told_apart(part, last))
                cursor.execute(_LINES.format(part=part))

    def _told_apart(self, part: str, last: int) -> str:
        """A statement that makes one swipe, written a million times, as many purchases: each value by another prime, so that all meet."""
        declined, is_open = f"t.id % {ONE_DECLINED_OF} = 0", f"t.id > {last - OPEN}"
        said = {
            "category_id": _picked(Category, 7),
            "department_id": _picked(Department, 11),
            "budget_id": _picked(Budget, 13),
            "merchant_id": _picked(Merchant, 17),
            "card_id": f"ELT(1 + (t.id * 19) % {len(self.seats)}, {', '.join(str(seat.card_id) for seat in self.seats)})",
            "amount_minor": "100 + (t.id * 7919) % 99991",
            "captured_minor": f"IF({declined}, 0, t.amount_minor)",
            "held_minor": "0",
            "status": f"IF({declined}, 'declined', 'posted')",
            "decline_code": f"IF({declined}, 'monthly_limit', '')",
            "posted_on": f"IF({declined}, NULL, t.occurred_on)",
            "approval": f"IF({declined}, 'none', IF({is_open}, 'open', 'approved'))",
            "missing": f"IF({is_open} AND NOT {declined}, 'receipt', '')",
        }
        return f"UPDATE transactions t SET {', '.join(f'{name} = {value}' for name, value in said.items())} WHERE {part}"

    @cached_property
    def token(self) -> str:
        """Made when it is needed: it lives for a quarter of an hour."""
        return self.seats[0].token()

    def question(self, group_by: str, **of: int) -> Question:
        narrowed = {name: frozenset({value}) for name, value in of.items()}
        return Question(self.alice, timezone.now(), self.period, queries.booked(None), narrowed, options={"group_by": group_by})


# What is spent of each: its day, its dimensions, and an entry that is there.
_LINES = (
    "INSERT INTO spend_lines (company_id, entry_id, transaction_id, day, currency, amount_minor, counts, member_id, card_id, merchant_id, "
    "category_id, department_id, budget_id) SELECT t.company_id, e.id, t.id, t.occurred_on, t.currency, t.amount_minor, 1, t.member_id, "
    "t.card_id, t.merchant_id, t.category_id, t.department_id, t.budget_id FROM transactions t JOIN entries e ON e.transaction_id = t.id "
    "WHERE {part} AND t.status = 'posted'"
)


def _picked(model: Any, prime: int) -> str:
    ids = list(model.objects.order_by("pk").values_list("pk", flat=True))
    return f"ELT(1 + (t.id * {prime}) % {len(ids)}, {', '.join(map(str, ids))})"


def _add_up() -> None:
    """The rollups of all companies, a statement for each kind of cell."""
    started = time.monotonic()
    for rollup, dimension, within in rollups.kinds():
        first = "day" if rollup is DaySpend else "DATE_FORMAT(day, '%%Y-%%m-01')"
        of_line = {
            "within": f"'{within}'", "within_id": f"COALESCE({within}_id, 0)", "dimension": f"'{dimension}'", "starts_on": first,
            "currency": "currency", "value_id": f"COALESCE({dimension}_id, 0)",
        }  # fmt: skip
        key = rollups.KEYS[rollup]
        places = ", ".join(str(place) for place in range(1, len(key) + 2))
        with connection.cursor() as cursor:
            cursor.execute(
                f"INSERT INTO {rollup._meta.db_table} (company_id, {', '.join(key)}, line_count, item_count, amount_minor) "
                f"SELECT company_id, {', '.join(of_line[name] for name in key)}, COUNT(*), SUM(counts), SUM(amount_minor) "
                f"FROM spend_lines GROUP BY {places}",
                [],
            )
    print(f"  added up in {time.monotonic() - started:.0f} s", flush=True)


def _cover() -> None:
    """An index for each statement by hand: company, day and what it adds up, and nothing besides."""
    with connection.cursor() as cursor:
        for name in ("category_id", "merchant_id"):
            cursor.execute(f"CREATE INDEX covering_{name} ON spend_lines (company_id, day, currency, {name}, counts, amount_minor)")
        cursor.execute(
            "CREATE INDEX covering_within ON spend_lines (company_id, department_id, day, currency, category_id, counts, amount_minor)"
        )
        cursor.execute("ANALYZE TABLE transactions, spend_lines, day_spend, month_spend, month_spend_within")
        cursor.fetchall()


def _by_hand(office: Office, name: str, department: int | None = None) -> None:
    index = "covering_within" if department else f"covering_{name}"
    only = f"AND department_id = {department} " if department else ""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT DATE_FORMAT(day, '%%Y-%%m') AS month, currency, {name}, SUM(counts), SUM(amount_minor) FROM spend_lines "
            f"FORCE INDEX ({index}) WHERE company_id = %s {only}AND day >= %s AND day < %s GROUP BY month, currency, {name}",
            [office.company_id, office.period.start, office.period.end],
        )
        cursor.fetchall()


def _overview(office: Office) -> None:
    """The page's sums: its chart, what moved most, and the fullest budgets."""
    question = office.question("category")
    overview.build(question, "USD")
    overview.top_movers(question, "USD")
    overview.fullest_budgets(question.member, "USD", at=question.at)


def _reports(report: Report, offices: dict[int, Office]) -> None:
    asked: dict[str, Callable[[Office], object]] = {
        "overview": _overview,
        "month x category": lambda office: queries.spend(office.question("month,category")),
        "month x merchant": lambda office: queries.spend(office.question("month,merchant")),
        "by card, odd days": lambda office: queries.spend(_odd(office.question("card"))),
        "category of one department": lambda office: queries.spend(office.question("month,category", department=_one(Department))),
        "merchant of one card": lambda office: queries.spend(office.question("merchant", card=office.seats[0].card_id)),
        **{name: _usual(definition) for name, definition in REPORTS.items() if name != "spend"},
    }
    by_hand: dict[str, Callable[[Office], object]] = {
        "month x category": lambda office: _by_hand(office, "category_id"),
        "month x merchant": lambda office: _by_hand(office, "merchant_id"),
        "category of one department": lambda office: _by_hand(office, "category_id", _one(Department)),
    }
    small, large = min(offices), max(offices)
    for name, ask in asked.items():
        taken = {size: _ms(office, ask) for size, office in offices.items()}
        print(f"  {name:<30} " + "   ".join(f"{size:>9,}: {ms:7.2f} ms" for size, ms in taken.items()), flush=True)
        report.keep(Goal(f"{name}: {large:,} against {small:,}", taken[large] / taken[small], GOAL_GROWTH, at_most=True))
        if name in by_hand:
            ms = _ms(offices[large], by_hand[name])
            report.keep(Goal(f"{name}: by hand over the lines against ours, {ms:.0f} ms", ms / taken[large], GOAL_HAND_WRITTEN))


def _usual(definition: Definition) -> Callable[[Office], object]:
    """What the API answers of the days that its page first shows."""
    client = Client(SERVER_NAME="127.0.0.1")

    def ask(office: Office) -> object:
        address = f"/api/v1/reports/{definition.name}/?{urlencode(definition.usual)}"
        answer = client.get(address, headers={"Authorization": f"Bearer {office.token}"})
        if answer.status_code != 200:
            raise SystemExit(f"{definition.name}: {answer.content!r}")
        return answer

    return ask


def _one(model: Any) -> int:
    return int(model.objects.order_by("pk").values_list("pk", flat=True)[0])


def _odd(question: Question) -> Question:
    period = Period(question.period.start.replace(day=9), question.period.end.replace(day=1))
    return Question(question.member, question.at, period, question.booked, question.of, options=question.options)


def _ms(office: Office, ask: Callable[[Office], object]) -> float:
    taken = []
    with company_scope(office.company_id):
        for _ in range(TURNS):
            started = time.perf_counter()
            ask(office)
            taken.append((time.perf_counter() - started) * 1000)
    return median(taken[3:])


def _lists(report: Report, office: Office) -> str:
    """The first page of a list of as many purchases, and the ten thousandth. Answers where that one begins."""
    with company_scope(office.company_id):
        depth = min(10_000 * 50, office.size - 100)
        row = Transaction.objects.order_by("-occurred_on", "-pk")[depth]
        cursor = Cursor(Transaction, transactions.LATEST).at(row)
        rows = transactions.visible(office.alice)
        first = _ms(office, lambda _: transactions.page(rows.all(), cursor=None, limit=50))
        deep = _ms(office, lambda _: transactions.page(rows.all(), cursor=cursor, limit=50))
    print(f"  page 1: {first:.2f} ms, page {depth // 50:,}: {deep:.2f} ms")
    report.keep(Goal("a list's deep page against its first", deep / first, GOAL_DEPTH, at_most=True))
    return cursor


def _pages(report: Report, office: Office, cursor: str) -> None:
    """How long four people, who look at one page each, wait for all of it; and how large it is. What a server that was just started reads
    for its first pages is not counted.
    """
    call_command("collectstatic", interactive=False, verbosity=0)
    cookies = [_signed_in(office.seats[0].email) for _ in range(CLIENTS)]
    report.heading(f"Pages of {office.size:,} purchases, {CLIENTS} clients")
    with serving(PRODUCT) as port:
        for page in PAGES:
            make = by_reading(port, page.format(cursor=cursor), cookies)
            kilobytes = len(cast("bytes", make(0)(0))) / 1_000
            measure(Contender(make, CLIENTS), WARMING)
            seen = measure(Contender(make, CLIENTS), SECONDS)
            report.figures(f"{page[:48]:<50}{kilobytes:6.0f} kB", seen)
            report.keep(Goal(f"{page}: ms within which 95 of 100 came", seen.p95_ms, GOAL_PAGE_MS, at_most=True))
            report.keep(Goal(f"{page}: kB", kilobytes, GOAL_PAGE_KB, at_most=True))


def _signed_in(email: str) -> str:
    client = Client(SERVER_NAME="127.0.0.1")
    client.post("/sign-in/", {"email": email, "password": PASSWORD})
    return f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"


if __name__ == "__main__":
    sys.exit(main([int(size) for size in sys.argv[1:]] or [10_000, 100_000, 1_000_000]))
