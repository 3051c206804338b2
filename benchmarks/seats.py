"""Companies with money and cards, made by the product's own operations; and a swipe of one card through the domain function."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db import connection
from django.utils import timezone

from benchmarks.clients import Call, Make
from cards import operations as cards
from cards.models import Budget, BudgetInterval, Card
from cards.operations import budgets
from spendtrackr.ids import new_id
from spendtrackr.money import Money
from spendtrackr.retry import in_transaction
from spendtrackr.tenancy import company_scope, enter
from tests.factories import PASSWORD, SignUpFactory, swipe
from transactions import ledger
from transactions.models import Account, EntryKind
from transactions.operations import accounts
from transactions.operations.swipes import authorize
from transactions.purchases import Move
from users import operations as people
from users.models import Membership

PLENTY = Money(10**15, "USD")
# Of every table that one approved swipe writes a row to.
WRITTEN = ("transactions", "messages", "entries", "postings", "draws", "events")
# Moved on by it.
MOVED = ("limit_counters", "funding_accounts")


@dataclass(frozen=True, slots=True)
class Seat:
    """A card for one client to swipe, and who may do it through the API."""

    company_id: int
    card_id: int
    card: str
    email: str

    def token(self) -> str:
        """A fresh access token: they live for a quarter of an hour."""
        return people.sign_in(self.email, PASSWORD, at=timezone.now()).access


def open_company(number: int, *, cards_wanted: int = 1, on_budgets: bool = False) -> list[Seat]:
    """A company with more money than it can spend, and cards with a limit that is checked and never reached; so with their budgets."""
    email = f"alice{number}@acme.example"
    alice: Membership = people.sign_up(SignUpFactory(company_name=f"Acme {number}", email=email), at=timezone.now()).member
    with company_scope(alice.company_id):
        accounts.top_up(PLENTY, actor=alice, at=timezone.now())
        rules = cards.Controls(limits=cards.monthly(PLENTY))
        leaf = _budgets(alice) if on_budgets else None
        issued = [
            cards.issue(alice, name=f"Card {n}", currency="USD", controls=rules, budget=leaf, actor=alice, at=timezone.now())
            for n in range(cards_wanted)
        ]
        seats = [Seat(alice.company_id, card.pk, str(card.public_id), email) for card in issued]
        for seat in seats:
            by_domain([seat])(0)(0)
    return seats


def _budgets(alice: Membership) -> Budget:
    """The deeper of two hard ones, one inside the other."""
    made = None
    for name in ("All", "Some"):
        made = budgets.create(
            name=name, limit=PLENTY, interval=BudgetInterval.YEAR, is_hard=True, owner=alice, parent=made, actor=alice, at=timezone.now()
        )
    assert made is not None
    return made


def by_domain(seats: list[Seat], **said: Any) -> Make:
    """Clients that call `authorize`, one seat each. The row of the card is handed in as if nobody had looked at it before."""

    def make(number: int) -> Call:
        seat = seats[number % len(seats)]
        enter(seat.company_id)
        fields = [field.attname for field in Card._meta.concrete_fields]
        values = Card.objects.values_list(*fields).get(pk=seat.card_id)
        template, run = replace(swipe(1), at=timezone.now(), **said), new_id("run")

        def call(turn: int) -> None:
            card = Card.from_db("default", fields, values)
            decision = authorize(card, replace(template, network_id=f"{run}-{turn}"))
            if not decision.approved:
                raise RuntimeError(f"declined: {decision.reason}")

        return call

    return make


def by_top_up(seats: list[Seat]) -> Make:
    """Clients that post an entry through the operation, with its event and its answer."""

    def make(number: int) -> Call:
        alice = _member(seats[number % len(seats)])
        return lambda turn: accounts.top_up(Money(1, "USD"), actor=alice, at=timezone.now())

    return make


def by_ledger(seats: list[Seat]) -> Make:
    """Clients that post the bare entry, in a transaction of its own."""

    def make(number: int) -> Call:
        alice = _member(seats[number % len(seats)])
        account = ledger.funding_account("USD")
        moves = [Move(Account.EXTERNAL, Account.AVAILABLE, 1)]

        def post(at: datetime) -> None:
            ledger.post(account, EntryKind.TOPUP, moves, at=at, day=alice.company.day_of(at))

        return lambda turn: in_transaction(post, timezone.now())

    return make


def _member(seat: Seat) -> Membership:
    enter(seat.company_id)
    return Membership.objects.select_related("company", "user").get(user__email=seat.email)


def tables() -> dict[str, int]:
    """Rows in each table."""
    with connection.cursor() as cursor:
        counted = {}
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT COUNT(*) FROM `{table}`")
            counted[table] = int(cursor.fetchone()[0])
    return counted
