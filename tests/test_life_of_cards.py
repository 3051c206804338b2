"""A company's whole life in any order, and after every step every promise, held against an oracle that shares no code with ours.

`PROOF_EXAMPLES` and `PROOF_STEPS` make it run longer than the suite has time for.
"""

from __future__ import annotations

import contextlib
import os
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from cards import operations as cards
from cards.controls import Limit
from cards.models import Budget, Card, CardMode, CardUsage, Interval, LimitCounter, LimitGrant
from companies.models import Company
from reports.verification import COMPANY_CHECKS
from spendtrackr import errors
from spendtrackr.money import Money
from tests.factories import swipe
from tests.oracle import NOTHING, Bought, Said, day_of, sum_of, window
from tests.rules import adopt, decide
from transactions.models import (
    Approval,
    DaySpend,
    Draw,
    FundingAccount,
    Message,
    MonthSpend,
    MonthSpendWithin,
    Posting,
    SpendLine,
    Transaction,
)
from transactions.operations import accounts, approvals
from transactions.operations.clearing import Clearing, Fact, book, clear
from transactions.operations.swipes import authorize
from transactions.tasks import expire_holds

EXAMPLES, STEPS = int(os.environ.get("PROOF_EXAMPLES", "15")), int(os.environ.get("PROOF_STEPS", "25"))

BEGINNING = datetime(2027, 10, 28, 15, tzinfo=UTC)
# Just before a month, a quarter, a fiscal year, a leap day or a change of the clocks in New York or Berlin.
EDGES = [
    datetime(2027, 10, 31, 0, 59, tzinfo=UTC), datetime(2027, 11, 1, 3, 59, tzinfo=UTC), datetime(2027, 11, 7, 5, 59, tzinfo=UTC),
    datetime(2027, 12, 31, 22, 59, tzinfo=UTC), datetime(2028, 1, 1, 4, 59, tzinfo=UTC), datetime(2028, 2, 28, 22, 59, tzinfo=UTC),
    datetime(2028, 3, 1, 4, 59, tzinfo=UTC), datetime(2028, 3, 12, 6, 59, tzinfo=UTC), datetime(2028, 3, 26, 0, 59, tzinfo=UTC),
    datetime(2028, 3, 31, 21, 59, tzinfo=UTC), datetime(2028, 4, 1, 3, 59, tzinfo=UTC), datetime(2028, 6, 30, 21, 59, tzinfo=UTC),
]  # fmt: skip
FISCAL = 4
CURRENCIES = {"many": "USD", "twin": "USD", "once": "USD", "shop": "JPY", "refill": "USD", "zero": "KWD"}
LIMITS = {
    "many": [
        Limit(Interval.DAY, 40_00), Limit(Interval.DAY, count=3), Limit(Interval.WEEK, 70_00), Limit(Interval.MONTH, 100_00),
        Limit(Interval.MONTH, count=6), Limit(Interval.QUARTER, 150_00), Limit(Interval.YEAR, 200_00), Limit(Interval.ALL_TIME, 400_00),
        Limit(Interval.ALL_TIME, count=12),
    ],
    "twin": [], "once": [], "zero": [],
    "shop": [Limit(Interval.MONTH, 90_00), Limit(Interval.WEEK, count=4)],
    "refill": [Limit(Interval.ALL_TIME, 60_00), Limit(Interval.YEAR, count=9)],
}  # fmt: skip
MODES = {"refill": CardMode.APPROVAL_REFILL, "zero": CardMode.ZERO_UNTIL_GRANTED}
USAGES = {"once": CardUsage.SINGLE_USE, "shop": CardUsage.MERCHANT_LOCKED}
# Name: (the one it lies in, limit, interval, hard).
BUDGETS = {
    "root": (None, 250_00, "year", True),
    "team": ("root", 120_00, "quarter", True),
    "trip": ("team", 90_00, "month", True),
    "soft": ("root", 30_00, "all_time", False),
}
DRAWS_FROM = {"many": "trip", "twin": "soft", "once": "team"}

card_names = st.sampled_from(sorted(CURRENCIES))
amounts = st.integers(1, 60_00)
places = st.integers(0, 30)


class Life(RuleBasedStateMachine):
    world = None  # set by the test

    @initialize(zone=st.sampled_from(["America/New_York", "Europe/Berlin"]))
    def begin(self, zone):
        self.everything = transaction.atomic()
        self.everything.__enter__()
        self.now, self.zone, self.count = BEGINNING, zone, 0
        Company.objects.filter(pk=self.world.acme.pk).update(time_zone=zone, fiscal_year_start_month=FISCAL)
        adopt(self.world, automatic_below=2_00)
        self.alice = type(self.world.alice).objects.get(pk=self.world.alice.pk)
        self.bob = type(self.world.bob).objects.get(pk=self.world.bob.pk)
        self.funded = {"USD": 1_000_00, "JPY": 0, "KWD": 0}
        for currency, minor in (("JPY", 300_00), ("KWD", 200_00)):
            self.top_up(currency, minor)
        self.budgets = {}
        for name, (parent, minor, interval, is_hard) in BUDGETS.items():
            self.budgets[name] = self._budget(name, parent, minor, interval, is_hard=is_hard)
        self.names_of_budgets = {budget.pk: name for name, budget in self.budgets.items()}
        self.cards = {name: self._card(name) for name in CURRENCIES}
        self.names_of_cards = {card.pk: name for name, card in self.cards.items()}
        self.limits = dict(LIMITS)
        self.shop, self.frozen = None, set()
        self.bought: dict[str, Bought] = {}
        self.grants: dict[str, dict] = {}
        self.sent: list[tuple] = []

    def _budget(self, name, parent, minor, interval, *, is_hard):
        above = self.budgets.get(parent)
        budget = Budget.objects.create(
            name=name, name_key=name, parent=above, owner=self.alice, currency="USD", limit_minor=minor, interval=interval,
            is_hard=is_hard, year_starts_month=FISCAL, created_at=self.now,
        )  # fmt: skip
        budget.chain = f"{above.chain if above else ''}{budget.pk}."
        budget.save()
        return budget

    def _card(self, name):
        controls = cards.Controls(limits=LIMITS[name], mode=MODES.get(name, CardMode.NORMAL))
        return cards.issue(
            self.bob, name=name, currency=CURRENCIES[name], controls=controls, usage=USAGES.get(name, CardUsage.MULTI),
            budget=self.budgets.get(DRAWS_FROM.get(name)), actor=self.alice, at=self.now,
        )  # fmt: skip

    def teardown(self):
        if not hasattr(self, "everything"):
            return
        try:
            for name, check in COMPANY_CHECKS.items():
                assert list(check()) == [], name
        finally:
            transaction.set_rollback(True)
            self.everything.__exit__(None, None, None)

    def _id(self) -> str:
        self.count += 1
        return f"n{self.count}"

    def _known(self, which, *, card=None, is_there=False):
        """A reference that was used; `is_there`: one of a purchase, and not only of what was declined."""
        refs = [ref for ref, one in self.bought.items() if card in {None, one.card} and (one.said or not is_there)]
        return refs[which % len(refs)] if refs else None

    def _bought(self, name, ref):
        if ref not in self.bought:
            leaf, chain = DRAWS_FROM.get(name), []
            while leaf:
                chain.append(leaf)
                leaf = BUDGETS[leaf][0]
            self.bought[ref] = Bought(name, self.zone, chain)
        return self.bought[ref]

    # Time and money.

    @rule(hours=st.integers(0, 60))
    def time_passes(self, hours):
        self.now += timedelta(hours=hours)

    @rule(which=places, minutes=st.integers(0, 2))
    def an_edge_of_the_calendar_comes(self, which, minutes):
        later = [edge for edge in EDGES if edge >= self.now]
        if later:
            self.now = later[which % len(later)] + timedelta(minutes=minutes)

    @rule(currency=st.sampled_from(["USD", "JPY", "KWD"]), minor=amounts)
    def top_up(self, currency, minor):
        accounts.top_up(Money(minor, currency), actor=self.alice, at=self.now)
        self.funded[currency] += minor

    # Requests.

    @rule(name=card_names, minor=amounts, partial=st.booleans(), shop=st.sampled_from(["A", "B"]))
    def authorize(self, name, minor, partial, shop):
        self._ask(name, None, minor, partial=partial, shop=shop)

    @rule(name=card_names, minor=amounts, partial=st.booleans())
    def one_message_with_a_pin(self, name, minor, partial):
        self._ask(name, None, minor, partial=partial, financial=True)

    @rule(which=places, minor=st.integers(1, 25_00), partial=st.booleans(), financial=st.booleans(), skew=st.sampled_from([0, 0, 0, 90]))
    def ask_for_more(self, which, minor, partial, financial, skew):
        """`skew`: how many seconds the clock of the machine that answers is slow."""
        if ref := self._known(which):
            self._ask(self.bought[ref].card, ref, minor, partial=partial, financial=financial and skew == 0, skew=skew)

    def _ask(self, name, ref, minor, *, partial=False, financial=False, shop="A", skew=0):
        network_id = self._id()
        request = swipe(
            minor, currency=CURRENCIES[name], network_id=network_id, ref=ref or network_id, merchant_name=shop,
            at=self.now - timedelta(seconds=skew), allows_partial=partial, is_financial=financial,
        )  # fmt: skip
        one = self._bought(name, request.ref)
        expected = self._expected(name, one, request)
        answer = authorize(self.cards[name], request)
        self.sent.append(("request", self.cards[name], request, answer.message.pk, answer.approved_minor))
        assert answer.approved_minor == expected, (answer.reason, [c for c in answer.message.checks_done if not c["passed"]])
        if not answer.approved:
            return
        kind = "financial" if financial else "increment" if one.said else "authorization"
        if not one.said and name == "zero":
            one.grant = self._covering(name, expected, request.at)
        assert (answer.message.kind, answer.transaction.network_ref) == (kind, request.ref)
        # Requests take their turn: one that a slow clock dates before the purchase's first belongs to the same day.
        at = max(request.at, one.at) if one.is_requested else request.at
        one.said.append(Said(kind, expected, at))
        if name == "shop" and self.shop is None:
            self.shop = shop

    def _expected(self, name, one, request) -> int:
        """What must be approved: all of it, or where a part is welcome the largest that every limit leaves room for; 0 is a decline."""
        if name in self.frozen or one.is_closed or (name == "shop" and self.shop not in {None, request.merchant_name}):
            return 0
        day = one.day if one.is_requested else day_of(request.at, self.zone)
        others = [other for other in self.bought.values() if other is not one and other.share != NOTHING]
        mine = [other for other in others if other.card == name]
        if name == "once" and any(other.share.purchases for other in mine):
            return 0
        rooms = [self._available(CURRENCIES[name])]
        granted = sum(grant["minor"] for grant in self._live(name, request.at).values())
        for limit in self.limits[name]:
            inside = [other for other in mine if window(limit.interval, other.day) == window(limit.interval, day)]
            if limit.count is not None and sum_of(inside).purchases + 1 > limit.count:
                return 0
            if limit.amount_minor is not None:
                own = one.share.used
                if name == "refill" and limit.interval == Interval.ALL_TIME:
                    inside = [other for other in mine if not self._is_approved(other)]
                rooms.append(limit.amount_minor + granted - sum_of(inside).used - own)
        for budget in one.budgets:
            _, limit, interval, is_hard = BUDGETS[budget]
            inside = [other for other in others if budget in other.budgets]
            inside = [other for other in inside if window(interval, other.day, FISCAL) == window(interval, day, FISCAL)]
            if is_hard:
                rooms.append(limit - sum_of(inside).used - one.share.used)
        if name == "zero":
            rooms.append(self._grant_room(one, request.at))
        most = min(request.amount.minor, *rooms)
        return most if most == request.amount.minor or (request.allows_partial and most > 0) else 0

    def _available(self, currency) -> int:
        of = [one for one in self.bought.values() if CURRENCIES[one.card] == currency]
        return self.funded[currency] - sum(one.held + one.spent for one in of)

    def _live(self, name, at) -> dict[str, dict]:
        return {key: grant for key, grant in self.grants.items() if grant["card"] == name and grant["from"] <= at < grant["until"]}

    def _left(self, key) -> int:
        return self.grants[key]["minor"] - sum_of([one for one in self.bought.values() if one.grant == key]).used

    def _grant_room(self, one, at) -> int:
        live = self._live("zero", at)
        if one.said:
            return self._left(one.grant) if one.grant in live else 0
        return max((self._left(key) for key in live), default=0)

    def _covering(self, name, minor, at) -> str:
        live = sorted(self._live(name, at).items(), key=lambda item: (item[1]["until"], item[1]["order"]))
        return next(key for key, _ in live if self._left(key) >= minor)

    def _is_approved(self, one) -> bool:
        ref = next(ref for ref, other in self.bought.items() if other is one)
        return Transaction.objects.filter(network_ref=ref, approval="approved").exists()

    # Facts.

    @rule(
        name=card_names, which=places, minor=amounts, days=st.integers(0, 40), final=st.booleans(), linked=st.integers(0, 3),
        kind=st.sampled_from(
            ["advice", "capture", "capture", "force_post", "reversal", "refund", "refund_reversal", "chargeback", "chargeback_reversal"]
        ),
    )  # fmt: skip
    def the_network_tells(self, name, which, minor, days, final, linked, kind):
        """Of a purchase that we know, three times out of four; else of one that we never heard of."""
        network_id = self._id()
        ref = (linked and self._known(which)) or f"r{network_id}"
        one = self._bought(name, ref)
        at = self.now - timedelta(days=days)
        fact = Fact(kind, network_id, ref, Money(minor, CURRENCIES[one.card]), at, is_final=final and kind == "capture", merchant_name="A")
        purchase = book(self.cards[one.card], fact)
        one.said.append(Said(kind, minor, at, final=fact.is_final))
        self.sent.append(("fact", self.cards[one.card], fact, purchase.pk, None))

    @rule(which=places, final=st.booleans(), minor=st.one_of(st.none(), amounts),
          kind=st.sampled_from(["capture", "reversal", "refund", "chargeback", "chargeback_reversal", "refund_reversal"]))  # fmt: skip
    def the_simulator_clears(self, which, kind, minor, final):
        if not (ref := self._known(which, is_there=True)):
            return
        purchase = Transaction.objects.get(network_ref=ref)
        clearing = Clearing(kind, self._id(), self.now, minor, is_final=final and kind == "capture")
        with contextlib.suppress(errors.DomainError), transaction.atomic():
            clear(purchase, clearing, actor=None)
            told = Message.objects.get(network_id=clearing.network_id)
            self.bought[ref].said.append(Said(kind, told.amount_minor, self.now, final=clearing.is_final))

    @rule()
    def holds_expire(self):
        old = [one for one in self.bought.values() if one.held and one.at < self.now - timedelta(days=7)]
        assert expire_holds(at=self.now) == len(old)
        for one in old:
            one.said.append(Said("expiry", 0, self.now))

    @precondition(lambda self: self.sent)
    @rule(which=st.integers(0, 100))
    def an_old_message_comes_again(self, which):
        what, card, message, pk, approved = self.sent[which % len(self.sent)]
        rows = (Message.objects.count(), Draw.objects.count(), Posting.objects.count())
        if what == "request":
            answer = authorize(card, message)
            assert (answer.message.pk, answer.approved_minor) == (pk, approved)
        else:
            assert book(card, message).pk == pk
        assert (Message.objects.count(), Draw.objects.count(), Posting.objects.count()) == rows

    # What people decide.

    @rule(name=st.sampled_from(["many", "twin", "shop", "refill"]), interval=st.sampled_from(["day", "week", "month", "quarter", "year"]),
          minor=st.one_of(st.none(), st.integers(0, 120_00)), count=st.one_of(st.none(), st.integers(0, 5)))  # fmt: skip
    def limits_change(self, name, interval, minor, count):
        kept = [limit for limit in self.limits[name] if limit.interval != interval]
        new = [Limit(Interval(interval), minor)] if minor is not None else []
        new += [Limit(Interval(interval), count=count)] if count is not None else []
        self.limits[name] = kept + new
        card = Card.objects.get(pk=self.cards[name].pk)
        cards.change_controls(card, {"limits": self.limits[name]}, actor=self.alice, at=self.now)

    @rule(name=card_names)
    def a_card_is_frozen_or_not_any_more(self, name):
        change = cards.unfreeze if name in self.frozen else cards.freeze
        change(self.cards[name], actor=self.alice, at=self.now)
        self.frozen ^= {name}

    @rule(name=st.sampled_from(["zero", "zero", "zero", "many", "refill"]), minor=st.integers(1, 90_00), days=st.integers(1, 50))
    def room_is_granted(self, name, minor, days):
        until = self.now + timedelta(days=days)
        row = cards.grant(self.cards[name], Money(minor, CURRENCIES[name]), expires_at=until, reason="x", actor=self.alice, at=self.now)
        self.grants[row.public_id] = {"card": name, "minor": minor, "from": self.now, "until": until, "order": row.pk}

    @precondition(lambda self: self.grants)
    @rule(which=places)
    def a_grant_is_taken_back(self, which):
        key = sorted(self.grants)[which % len(self.grants)]
        with contextlib.suppress(errors.InvalidState):
            cards.revoke(LimitGrant.objects.get(public_id=key), actor=self.alice, at=self.now)
            self.grants[key]["until"] = self.grants[key]["from"]

    @rule(which=places, is_refill=st.booleans(), yes=st.integers(0, 3))
    def an_expense_is_decided(self, which, is_refill, yes):
        if not (ref := self._known(which, card="refill" if is_refill else None, is_there=True)):
            return
        with contextlib.suppress(errors.DomainError):
            approvals.submit(Transaction.objects.get(network_ref=ref), actor=self.bob, at=self.now)
        for waiting in Approval.objects.filter(transaction__network_ref=ref, status="waiting"):
            decide(waiting, self.alice, outcome="approved" if yes else "changes_requested", reason="x", at=self.now)

    # What must be true after each of them.

    @invariant()
    def each_purchase_is_what_was_said_of_it(self):
        rows = {row.network_ref: row for row in Transaction.objects.exclude(network_ref=None)}
        assert set(rows) == {ref for ref, one in self.bought.items() if one.said}
        for ref, row in rows.items():
            one = self.bought[ref]
            kept = (row.status, row.held_minor, row.captured_minor, row.refunded_minor, row.charged_back_minor)
            assert kept == (one.status, one.held, one.captured, one.refunded, one.charged_back), ref
            assert (row.occurred_on, row.occurred_at) == (one.day, one.at), ref
        for row in Transaction.objects.filter(network_ref=None):
            assert (row.status, row.held_minor, row.captured_minor) == ("declined", 0, 0)

    @invariant()
    def balances_are_the_sums_of_their_postings(self):
        sums = defaultdict(lambda: dict.fromkeys(["external", "available", "held", "spent", "owed"], 0))
        for posting in Posting.objects.all():
            sums[posting.account_id][posting.from_account] -= posting.amount_minor
            sums[posting.account_id][posting.to_account] += posting.amount_minor
        for account in FundingAccount.objects.all():
            kept = {name: getattr(account, f"{name}_minor") for name in sums[account.pk]}
            assert kept == sums[account.pk]
            assert sum(kept.values()) == 0
            of = [one for one in self.bought.values() if CURRENCIES[one.card] == account.currency]
            held, spent, paid_in = sum(one.held for one in of), sum(one.spent for one in of), self.funded[account.currency]
            assert (kept["held"], kept["spent"], kept["available"]) == (held, spent, paid_in - held - spent)

    @invariant()
    def each_counter_is_its_draws_and_its_window(self):
        draws = defaultdict(list)
        for draw in Draw.objects.order_by("seq"):
            draws[draw.counter_id].append(draw)
        counted = set()
        for counter in LimitCounter.objects.all():
            held, posted, purchases = counter.opening_held_minor, counter.opening_posted_minor, counter.opening_purchases
            for seq, draw in enumerate(draws[counter.pk], start=1):
                assert (draw.seq, draw.used_before_minor, draw.purchases_before) == (seq, held + posted, purchases)
                held, posted = held + draw.held_delta_minor, posted + draw.posted_delta_minor
                purchases += draw.purchases_delta
                if draw.is_approval:
                    assert draw.limit_minor is None or held + posted <= draw.limit_minor
                    assert draw.purchases_most is None or purchases <= draw.purchases_most
            kept = (counter.held_minor, counter.posted_minor, counter.purchases)
            assert (*kept, counter.draws) == (held, posted, purchases, len(draws[counter.pk]))
            assert kept == tuple(sum_of(self._inside(counter))), str(counter)
            if counter.interval == "month" and counter.card_id:
                counted.add((self.names_of_cards[counter.card_id], window("month", counter.starts_on)))
        assert counted >= {(one.card, window("month", one.day)) for one in self.bought.values() if one.share != NOTHING}

    def _inside(self, counter) -> list[Bought]:
        all_of_them = [one for one in self.bought.values() if one.said]
        if counter.grant_id:
            return [one for one in all_of_them if one.grant == counter.grant.public_id]
        first_month = FISCAL if counter.budget_id else 1
        name = window(counter.interval, counter.starts_on, first_month)
        if counter.interval in {"day", "week", "month", "quarter", "year"}:
            assert window(counter.interval, counter.starts_on - timedelta(days=1), first_month) != name
        else:
            assert counter.starts_on == date(2000, 1, 1)
        inside = [one for one in all_of_them if window(counter.interval, one.day, first_month) == name]
        if counter.budget_id:
            return [one for one in inside if self.names_of_budgets[counter.budget_id] in one.budgets]
        mine = [one for one in inside if one.card == self.names_of_cards.get(counter.card_id)]
        return [one for one in mine if not self._is_approved(one)] if counter.interval == "unapproved" else mine

    @invariant()
    def spend_is_told_once_for_each_posting_and_added_up(self):
        spent, told = defaultdict(int), defaultdict(int)
        for posting in Posting.objects.all():
            spent[posting.entry_id] += (posting.to_account == "spent") * posting.amount_minor
            spent[posting.entry_id] -= (posting.from_account == "spent") * posting.amount_minor
        days, months, within = defaultdict(lambda: [0, 0]), defaultdict(lambda: [0, 0]), defaultdict(lambda: [0, 0])
        for line in SpendLine.objects.select_related("entry"):
            assert line.day == line.entry.day == day_of(line.entry.at, self.zone)
            told[line.entry_id] += line.amount_minor
            values = {name: getattr(line, f"{name}_id") or 0 for name in ("category", "department", "member", "card", "merchant", "budget")}
            month = line.day.replace(day=1)
            for dimension, value in values.items():
                places = [(days, (line.day, line.currency, dimension, value)), (months, (month, line.currency, dimension, value))]
                places += [
                    (within, (other, values[other], month, line.currency, dimension, value)) for other in values if other != dimension
                ]
                for cells, place in places:
                    cell = cells[place]
                    cell[0], cell[1] = cell[0] + 1, cell[1] + line.amount_minor
        assert {entry: minor for entry, minor in spent.items() if minor} == {entry: minor for entry, minor in told.items() if minor}
        for rollup, cells in ((DaySpend, days), (MonthSpend, months)):
            kept = {(row.starts_on, row.currency, row.dimension, row.value_id): [row.line_count, row.amount_minor]
                    for row in rollup.objects.all()}  # fmt: skip
            assert kept == cells
        assert {(row.within, row.within_id, row.starts_on, row.currency, row.dimension, row.value_id): [row.line_count, row.amount_minor]
                for row in MonthSpendWithin.objects.all()} == within  # fmt: skip


@pytest.mark.django_db
def test_every_promise_holds_after_every_step_of_any_life(acme):
    Life.world = acme
    health = list(HealthCheck)
    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=EXAMPLES, stateful_step_count=STEPS, deadline=None, suppress_health_check=health, database=None,
            derandomize="PROOF_EXAMPLES" not in os.environ,
        ),
    )  # fmt: skip
