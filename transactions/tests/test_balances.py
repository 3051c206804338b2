"""Statements and balances of the past agree with the ledger, to the cent and at every instant."""

from __future__ import annotations

import contextlib
from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from companies.models import Company
from spendtrackr import errors
from spendtrackr.forms import instant_from
from spendtrackr.money import Money
from spendtrackr.periods import Period
from spendtrackr.tenancy import company_scope
from tests.factories import NOON, swipe
from transactions import balances
from transactions.forms.addresses import month_from, statement_period
from transactions.models import Account, FundingAccount, Posting, Transaction
from transactions.operations import accounts
from transactions.operations.clearing import Clearing, clear
from transactions.operations.statements import StatementFile, import_statement
from transactions.operations.swipes import authorize

DAY = NOON.date()


def on(day: int, hour: int = 12) -> datetime:
    return datetime(2026, 3, day, hour, tzinfo=UTC)


def spend(world, day: int, approved: int, captured: int) -> Transaction:
    """Swiped at noon, captured an hour later."""
    purchase = authorize(world.card, swipe(approved, at=on(day))).transaction
    return clear(purchase, Clearing("capture", f"c{purchase.pk}", on(day, 13), captured, is_final=True), actor=None)


def minor(found: balances.Balances) -> dict[str, int]:
    return {str(name): getattr(found, name).minor for name in Account}


@pytest.fixture
def march(acme):
    """1,000.00 came in on the 10th; on the 12th 100.00 were approved and 80.00 of them spent; on the 15th 50.00 went back to the bank."""
    spend(acme, 12, 100_00, 80_00)
    accounts.withdraw(Money(50_00, "USD"), actor=acme.alice, at=on(15))
    return acme


def test_a_statement_has_the_days_on_which_something_moved_and_both_ends(march):
    told = balances.statement(march.account(), Period.inclusive(on(1).date(), on(20).date()))
    assert [day.first.day for day in told.days] == [1, 10, 12, 15, 20]
    available = [(day.opening.available.minor, day.came.available.minor, day.went.available.minor, day.closing.available.minor)
                 for day in told.days]  # fmt: skip
    assert available == [
        (0, 0, 0, 0),
        (0, 1_000_00, 0, 1_000_00),
        (1_000_00, 20_00, 100_00, 920_00),
        (920_00, 0, 50_00, 870_00),
        (870_00, 0, 0, 870_00),
    ]
    assert [(day.from_bank.minor, day.to_bank.minor) for day in told.days] == [(0, 0), (1_000_00, 0), (0, 0), (0, 50_00), (0, 0)]
    assert minor(told.days[2].came) == {"external": 0, "available": 20_00, "held": 100_00, "spent": 80_00, "owed": 0}
    assert minor(told.days[2].went) == {"external": 0, "available": 100_00, "held": 100_00, "spent": 0, "owed": 0}


def test_the_whole_is_its_days(march):
    told = balances.statement(march.account(), Period.inclusive(on(10).date(), on(15).date()))
    assert (minor(told.whole.opening)["available"], told.whole.closing) == (0, told.days[-1].closing)
    assert minor(told.whole.came) == {"external": 50_00, "available": 1_020_00, "held": 100_00, "spent": 80_00, "owed": 0}
    assert minor(told.whole.went) == {"external": 1_000_00, "available": 150_00, "held": 100_00, "spent": 0, "owed": 0}


def test_what_came_after_a_period_is_not_in_it(march):
    told = balances.statement(march.account(), Period.inclusive(on(9).date(), on(11).date()))
    assert [day.first.day for day in told.days] == [9, 10, 11]
    assert minor(told.whole.closing) == {"external": -1_000_00, "available": 1_000_00, "held": 0, "spent": 0, "owed": 0}


def test_an_account_without_entries_has_a_statement_of_nothing(acme):
    account = FundingAccount.objects.create(currency="EUR")
    told = balances.statement(account, Period.inclusive(DAY, DAY))
    assert [(day.first, minor(day.closing)) for day in told.days] == [(DAY, dict.fromkeys(Account, 0))]
    assert minor(balances.as_of(account, NOON)) == dict.fromkeys(Account, 0)


def test_a_balance_has_the_entries_of_its_instant_and_none_after(march):
    account = march.account()
    assert minor(balances.as_of(account, NOON - timedelta(microseconds=1)))["available"] == 0
    assert minor(balances.as_of(account, NOON))["available"] == 1_000_00
    assert minor(balances.as_of(account, on(12))) == {"external": -1_000_00, "available": 900_00, "held": 100_00, "spent": 0, "owed": 0}
    assert minor(balances.as_of(account, on(12, 13))) == {"external": -1_000_00, "available": 920_00, "held": 0, "spent": 80_00, "owed": 0}
    assert minor(balances.as_of(account, on(16)))["available"] == account.available_minor == 870_00


def test_an_imported_line_counts_on_its_statements_day_and_from_the_instant_it_was_booked(march):
    import_statement(march.acme, StatementFile(b"Date,Amount,Merchant\n2026-03-11,7.00,Bakery\n", "s.csv"), actor=None, at=on(18))
    account = march.account()
    eleventh = balances.statement(account, Period.inclusive(on(11).date(), on(11).date())).whole
    assert (eleventh.came.spent.minor, eleventh.closing.external.minor, eleventh.came.available.minor) == (7_00, -1_007_00, 0)
    assert balances.as_of(account, on(17)).spent.minor == 80_00
    assert balances.as_of(account, on(18)).spent.minor == 87_00
    assert not eleventh.touches_cards


def test_each_answer_is_one_statement_and_so_one_snapshot(march, django_assert_num_queries):
    account = march.account()
    with django_assert_num_queries(1):
        balances.statement(account, Period.inclusive(on(1).date(), on(20).date()))
    with django_assert_num_queries(1):
        balances.as_of(account, on(12))


def test_the_account_that_was_read_before_says_nothing(march):
    stale = march.account()
    accounts.top_up(Money(5_00, "USD"), actor=march.alice, at=on(19))
    assert balances.as_of(stale, on(19)).available.minor == 875_00
    assert balances.statement(stale, Period.inclusive(on(19).date(), on(19).date())).whole.closing.available.minor == 875_00


# Random life: instants in any order, as networks report them, over days that begin at another hour in the company's time zone.
BEGINNING = datetime(2026, 3, 6, 22, tzinfo=UTC)  # in New York clocks change on 8 March
instant = st.integers(0, 5 * 24 * 60).map(lambda minutes: BEGINNING + timedelta(minutes=minutes))
amount = st.integers(1, 400_00)
deed = st.tuples(st.sampled_from(["top_up", "withdraw", "swipe", "capture", "part", "reverse", "refund", "book"]), amount, instant)


class Life:
    """What happens to one account. A refusal is an answer; what counts is what it leaves behind."""

    def __init__(self, world) -> None:
        self.world, self.count = world, 0

    def live(self, what: str, minor: int, at: datetime) -> None:
        self.count += 1
        with contextlib.suppress(errors.DomainError), transaction.atomic():
            getattr(self, what)(Money(minor, "USD"), at)

    def top_up(self, money, at) -> None:
        accounts.top_up(money, actor=self.world.alice, at=at)

    def withdraw(self, money, at) -> None:
        accounts.withdraw(money, actor=self.world.alice, at=at)

    def swipe(self, money, at) -> None:
        authorize(self.world.card, swipe(money.minor, at=at, network_id=f"n{self.count}"))

    def _clear(self, kind, money, at, *, final=False) -> None:
        purchases = list(Transaction.objects.filter(source="card").order_by("pk"))
        if purchases:
            clear(purchases[self.count % len(purchases)], Clearing(kind, f"m{self.count}", at, money.minor, final), actor=None)

    def capture(self, money, at) -> None:
        self._clear("capture", money, at, final=True)

    def part(self, money, at) -> None:
        self._clear("capture", money, at)

    def reverse(self, money, at) -> None:
        self._clear("reversal", money, at)

    def refund(self, money, at) -> None:
        self._clear("refund", money, at)

    def book(self, money, at) -> None:
        text = f"Date,Amount,Merchant\n{at - timedelta(days=1):%Y-%m-%d},{money.decimal},Shop {self.count}\n"
        import_statement(self.world.acme, StatementFile(text.encode(), "s.csv"), actor=None, at=at)


def posted(account, keep) -> dict[str, int]:
    """The balances by adding up, one by one, the postings whose entry is to be kept."""
    sums: Counter[str] = Counter(dict.fromkeys(Account.values, 0))
    for posting in Posting.objects.filter(account=account).select_related("entry"):
        if keep(posting.entry):
            sums[posting.from_account] -= posting.amount_minor
            sums[posting.to_account] += posting.amount_minor
    return dict(sums)


@pytest.mark.django_db
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None)
@given(
    deeds=st.lists(deed, min_size=4, max_size=20),
    asked=st.lists(instant, min_size=1, max_size=4),
    first=st.dates(date(2026, 3, 4), date(2026, 3, 12)),
    length=st.integers(1, 8),
)
def test_whatever_happens_the_past_is_the_sum_of_its_postings(acme, deeds, asked, first, length):
    with transaction.atomic():
        life = Life(acme)
        for what, money, at in deeds:
            life.live(what, money, at)
        account = acme.account()
        for at in [*asked, *(at for _, _, at in deeds)]:
            assert minor(balances.as_of(account, at)) == posted(account, lambda entry, at=at: entry.at <= at)
        _the_statement_agrees(account, Period(first, first + timedelta(days=length)))
        transaction.set_rollback(True)


def _the_statement_agrees(account, period: Period) -> None:
    told = balances.statement(account, period)
    assert minor(told.whole.opening) == posted(account, lambda entry: entry.day < period.start)
    assert minor(told.whole.closing) == posted(account, lambda entry: entry.day <= period.last)
    assert (told.days[0].opening, told.days[-1].closing) == (told.whole.opening, told.whole.closing)
    assert (told.days[0].first, told.days[-1].first) == (period.start, period.last)
    for day, following in zip(told.days, told.days[1:], strict=False):
        assert day.closing == following.opening
    for day in told.days:
        assert minor(day.closing) == posted(account, lambda entry, day=day: entry.day <= day.first)
        for name in Account:
            opening, came, went, closing = (getattr(part, name).minor for part in (day.opening, day.came, day.went, day.closing))
            assert opening + came - went == closing
            assert min(came, went) >= 0
    everything = balances.statement(account, Period(period.start, date(2026, 5, 1)))
    assert minor(everything.whole.closing) == {str(name): account.balance(name).minor for name in Account}


def address(world, what: str) -> str:
    with company_scope(world.acme.pk):
        return f"/api/v1/accounts/{world.account().public_id}/{what}"


@pytest.fixture
def month(world):
    """The same March, for those who come in through the API."""
    with company_scope(world.acme.pk):
        spend(world, 12, 100_00, 80_00)
        accounts.withdraw(Money(50_00, "USD"), actor=world.alice, at=on(15))
    with time_machine.travel(on(20), tick=False):
        yield world


def test_the_statement_by_api(month, api):
    told = api(month.alice).get(address(month, "statement/")).json()
    assert (told["currency"], told["from"], told["to"]) == ("USD", "2026-03-01", "2026-03-20")
    assert [day["day"] for day in told["days"]] == ["2026-03-01", "2026-03-10", "2026-03-12", "2026-03-15", "2026-03-20"]
    assert list(told["days"][2]) == ["day", "opening", "in", "out", "closing"]
    assert told["days"][2]["in"]["available"] == {"minor": 20_00, "currency": "USD"}
    assert told["days"][2]["out"]["held"] == {"minor": 100_00, "currency": "USD"}
    assert told["closing"]["available"] == {"minor": 870_00, "currency": "USD"}
    assert (told["in"]["spent"]["minor"], told["out"]["available"]["minor"]) == (80_00, 150_00)


def test_today_closes_with_the_running_balances(month, api):
    client = api(month.alice)
    closing = client.get(address(month, "statement/?from=2026-03-20")).json()["closing"]
    now = client.get(address(month, "balance/")).json()
    account = client.get(address(month, "")).json()
    assert closing == now["balances"]
    assert {name: closing[name] for name in ("available", "held", "spent")} == {
        name: account[name] for name in ("available", "held", "spent")
    }
    assert now["at"] == "2026-03-20T12:00:00Z"


@pytest.mark.parametrize(
    ("at", "available"),
    [
        ("2026-03-12T12:00:00Z", 900_00),
        ("2026-03-12T13:00:00%2B01:00", 900_00),
        ("2026-03-12t11:59:59.999999z", 1_000_00),
        ("2026-03-12T08:59:59-04:00", 900_00),
        ("2026-03-12T09:00:00-04:00", 920_00),
        ("1970-01-01T00:00:00Z", 0),
    ],
)
def test_the_balance_at_an_instant_by_api(month, api, at, available):
    told = api(month.alice).get(address(month, f"balance/?at={at}")).json()
    assert told["balances"]["available"]["minor"] == available
    assert sum(amount["minor"] for amount in told["balances"].values()) == 0


@pytest.mark.parametrize(
    ("at", "words"),
    [
        ("2026-03-20T12:00:01Z", "has not come yet"),
        ("2026-03-12T12:00:00", "with its offset"),
        ("2026-03-12", "with its offset"),
        ("2026-03-12T13:00:00+01:00", "%2B"),  # an unescaped plus is a space
        ("2026-02-30T12:00:00Z", "with its offset"),
        ("0001-01-01T00:00:00%2B14:00", "with its offset"),
        ("2026-03-12T12:00:00%2B25:00", "with its offset"),
        ("20260312T120000Z", "with its offset"),
        ("\u0662026-03-12T12:00:00Z", "with its offset"),
        ("now", "with its offset"),
    ],
)
def test_an_instant_that_is_none_is_refused_by_name(month, api, at, words):
    answer = api(month.alice).get(address(month, f"balance/?at={at}"))
    assert (answer.status_code, answer.json()["field"]) == (400, "at")
    assert words in answer.json()["message"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("from=2026-03-10&to=2026-03-09", "to"),
        ("from=2025-01-01&to=2026-03-01", "from"),
        ("from=2025-03-19", "from"),
        ("from=March", "from"),
        ("to=2026-3-1", "to"),
        ("to=2100-01-01", "to"),
        ("day=2026-03-10", "day"),
    ],
)
def test_a_period_that_is_none_is_refused_by_name(month, api, query, field):
    answer = api(month.alice).get(address(month, f"statement/?{query}"))
    assert (answer.status_code, answer.json()["field"]) == (400, field)


def test_the_usual_period_is_the_month_to_date():
    today = date(2026, 3, 20)

    def period(**given) -> tuple[str, str]:
        found = statement_period(given, today)
        return str(found.start), str(found.last)

    assert period() == ("2026-03-01", "2026-03-20")
    assert period(to="2026-02-10") == ("2026-02-01", "2026-02-10")
    assert period(**{"from": "2026-03-05"}) == ("2026-03-05", "2026-03-20")
    assert period(**{"from": "2026-04-05"}) == ("2026-04-05", "2026-04-05")
    assert period(**{"from": "2025-03-20"}) == ("2025-03-20", "2026-03-20")
    assert str(month_from({"month": "2026-02"}, today)) == "February 2026"
    assert instant_from({}, "at") is None


def test_the_entries_behind_a_day_are_listed_with_their_postings(month, api):
    told = api(month.alice).get(address(month, "entries/?day=2026-03-12")).json()
    assert told["next_cursor"] is None
    assert [(entry["kind"], [(p["from"], p["to"], p["amount"]["minor"]) for p in entry["postings"]]) for entry in told["data"]] == [
        ("capture", [("held", "spent", 80_00), ("held", "available", 20_00)]),
        ("approval", [("available", "held", 100_00)]),
    ]
    with company_scope(month.acme.pk):
        assert {entry["transaction"] for entry in told["data"]} == {Transaction.objects.get().public_id}


def test_all_entries_can_be_walked_newest_first(month, api):
    client = api(month.alice)
    seen, cursor = [], ""
    while cursor is not None:
        page = client.get(address(month, f"entries/?limit=1{cursor and '&cursor=' + cursor}")).json()
        seen += [(entry["day"], entry["kind"]) for entry in page["data"]]
        cursor = page["next_cursor"]
    assert seen == [("2026-03-15", "withdrawal"), ("2026-03-12", "capture"), ("2026-03-12", "approval"), ("2026-03-10", "topup")]


@pytest.mark.parametrize(
    ("query", "kinds"),
    [
        ("from=2026-03-12&to=2026-03-14", ["capture", "approval"]),
        ("day=2026-03-11", []),
        ("to=2026-03-10", ["topup"]),
    ],
)
def test_entries_are_found_by_day(month, api, query, kinds):
    found = api(month.alice).get(address(month, f"entries/?{query}"))
    assert [entry["kind"] for entry in found.json()["data"]] == kinds


@pytest.mark.parametrize(
    ("query", "field"), [("day=soon", "day"), ("cursor=x", "cursor"), ("kind=topup", "kind"), ("at=1", "at"), ("limit=0", "limit")]
)
def test_entries_refuse_what_they_do_not_know(month, api, query, field):
    answer = api(month.alice).get(address(month, f"entries/?{query}"))
    assert (answer.status_code, answer.json()["field"]) == (400, field)


def test_an_employee_sees_no_balances(month, api):
    for what in ("statement/", "balance/", "entries/"):
        assert api(month.bob).get(address(month, what)).status_code == 403


def test_days_are_the_companys(world, api):
    """Two o'clock in the night of the 13th in UTC is the evening of the 12th in New York."""
    with company_scope(world.acme.pk):
        accounts.top_up(Money(5_00, "USD"), actor=world.alice, at=on(13, 2))
    told = api(world.alice).get(address(world, "statement/?from=2026-03-12&to=2026-03-13")).json()
    assert [(day["day"], day["in"]["available"]["minor"]) for day in told["days"]] == [("2026-03-12", 5_00), ("2026-03-13", 0)]
    assert Company.objects.get(pk=world.acme.pk).time_zone == "America/New_York"


@pytest.mark.parametrize(("what", "count"), [("statement/", 3), ("balance/", 3), ("entries/?limit=200", 5)])
def test_what_is_asked_does_not_grow_with_the_entries(month, api, what, count, django_assert_num_queries):
    """The credential, the account, and one statement; for a page of entries their keys, rows and postings."""
    client, path = api(month.alice), address(month, what)
    for _ in range(2):
        with company_scope(month.acme.pk):
            for day in range(12, 19):
                spend(month, day, 1_00, 1_00)
        with django_assert_num_queries(count):
            assert client.get(path).status_code == 200
