"""What happens to companies that Hypothesis makes up: done by our operations, and told in plain words to `tests.reckoning`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from itertools import count
from random import Random
from types import SimpleNamespace
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from cards import operations as cards
from cards.controls import Limit
from cards.models import Budget, BudgetInterval, Card, CardMode, Interval
from cards.operations import budgets
from companies.models import Category, Company, Department
from spendtrackr.money import Money
from spendtrackr.periods import Period
from spendtrackr.tenancy import company_scope
from tests.factories import PASSWORD, SignUpFactory, swipe
from tests.papers import picture
from tests.reckoning import DAY, Carried, Envelope, Line, Thing, Told, counted, plus
from tests.rules import MANAGER, adopt, approver, decide, money, route, rule, step
from transactions.documents import inspect
from transactions.models import Approval, Dimension, Merchant, PaidFrom, Payout, Repayment, Split, Transaction
from transactions.operations import accounts, approvals, chasing, claims, coding, receipts, reimbursements, repayments
from transactions.operations.claims import Wish
from transactions.operations.clearing import Clearing, clear
from transactions.operations.statements import StatementFile, import_statement
from transactions.operations.swipes import authorize
from users import operations as people
from users.models import Membership

# Company, country, currency: a year's change of clocks at either end of the day, and currencies of none and of three decimal places.
PLACES = [("Europe/Berlin", "DE", "EUR"), ("Pacific/Auckland", "NZ", "JPY"), ("America/Los_Angeles", "US", "KWD")]
# Local midnights at which something turns: months, a leap day, the clocks of each place.
TURNS = [
    date(2028, 1, 1), date(2028, 2, 1), date(2028, 2, 29), date(2028, 3, 1), date(2028, 3, 12), date(2028, 3, 26), date(2028, 3, 27),
    date(2028, 4, 1), date(2028, 4, 2), date(2028, 4, 3),
]  # fmt: skip
MINUTES = [-61, -1, 0, 1, 59, 119, 121, 181, 60 * 13]
PERIODS = [
    Period(date(2028, 1, 1), date(2028, 5, 1)), Period(date(2028, 2, 1), date(2028, 3, 1)), Period(date(2028, 2, 29), date(2028, 3, 1)),
    Period(date(2028, 1, 31), date(2028, 3, 27)), Period(date(2028, 3, 2), date(2028, 3, 30)), Period(date(2027, 12, 15), date(2028, 4, 1)),
    Period(date(2028, 3, 1), date(2028, 4, 1)), Period(date(2028, 4, 1), date(2028, 5, 1)),
]  # fmt: skip
BEGINNING = datetime(2026, 12, 1, 12, tzinfo=UTC)
FISCAL = 2
# In minor units of the company's currency: from here on a receipt is asked, and a second yes.
NEEDS_RECEIPT, LARGE, CAP = 50_000, 70_000, 90_000
REMINDED_AFTER, FROZEN_AFTER = 1, 3
LIMITS: dict[str, tuple[tuple[str, int | None, int | None], ...]] = {
    "Drawing": (("month", 250_000, None), ("day", None, 2)),
    "Refill": (("all_time", 900_000, None), ("week", None, 6)),
    "Free": (("quarter", 600_000, None), ("year", None, 40)),
    "Cold": (),
}
ADVERBS = {"day": "daily", "week": "weekly", "month": "monthly", "quarter": "quarterly", "year": "yearly", "all_time": "refill"}
SHOPS = ["Taxi", "Inn", "TAXI", "Bar"]
MINORS = [60_000, 5_000, 75_000]
CODES = ["5812", "3008", "7372", "0000"]
PAPERS = ["", "", "", "red", "blue"]
_numbers = count(1)

turns, minutes = st.sampled_from(TURNS), st.sampled_from(MINUTES)
# Some are alike, as doubles are.
amounts = st.one_of(st.sampled_from(MINORS), st.integers(1, 99_999))
papers = st.sampled_from(PAPERS)


@dataclass(frozen=True)
class Buy:
    """Somebody swipes a card; what comes of it, how much comes back and when, how it is coded, and what is said to it."""

    card: str
    turn: date
    minutes: int
    minor: int
    shop: str
    comes: str = "capture"
    code: str = "5812"
    back_percent: int = 0
    after_days: int = 0
    becomes: str = ""
    weights: tuple[int, ...] = ()
    receipt: str = ""
    answer: str = "left"
    repaid_percent: int = 0


@dataclass(frozen=True)
class Ask:
    """Somebody claims what they paid so many days before, perhaps in francs."""

    who: str
    turn: date
    minutes: int
    minor: int
    shop: str
    answer: str
    then: str
    ago_days: int
    is_foreign: bool
    receipt: str


PEOPLE = ["bob", "alice", "grace"]
CARDS = ["Free", "Drawing", "Refill", "Free", "Drawing", "Refill", "Cold"]
COMES = ["capture", "capture", "capture", "part", "hold", "reverse", "foreign", "capture"]
ANSWERS = ["approved", "left", "left", "submitted", "half", "sent back", "approved", "rejected", "submitted"]
THEN = ["gathered", "", "paid", "failed", "cancelled"]
answers = st.sampled_from(ANSWERS)
bought = st.builds(
    Buy, card=st.sampled_from(CARDS), turn=turns, minutes=minutes, minor=amounts,
    shop=st.sampled_from(SHOPS), comes=st.sampled_from(COMES),
    code=st.sampled_from(CODES), back_percent=st.sampled_from([0, 0, 33, 100]),
    after_days=st.sampled_from([0, 1, 31]), becomes=st.sampled_from(["", "", "Travel", "Meals"]),
    weights=st.sampled_from([(), (), (1, 1, 1), (7, 2)]), receipt=papers, answer=answers, repaid_percent=st.sampled_from([0, 40, 100]),
)  # fmt: skip
claimed = st.builds(
    Ask, who=st.sampled_from(PEOPLE), turn=turns, minutes=minutes, minor=amounts, shop=st.sampled_from(SHOPS),
    answer=answers, then=st.sampled_from(THEN), ago_days=st.integers(0, 3),
    is_foreign=st.booleans(), receipt=papers,
)  # fmt: skip
# Which of two statements, the day, the amount, its currency, and where.
imported = st.tuples(
    st.integers(0, 1), turns, st.one_of(st.just(5_000), st.integers(-5_000, 50_000).filter(bool)), st.sampled_from(["CHF", "JPY"]),
    st.sampled_from(SHOPS),
)  # fmt: skip


@st.composite
def rhythms(draw, today: date) -> list[Buy]:
    """A row of charges that ends not long ago, most of them in a rhythm."""
    weeks, months, n = draw(st.sampled_from([(1, 0, 5), (1, 0, 6), (0, 1, 3), (0, 1, 4), (0, 3, 3), (0, 12, 2)]))
    last = today - draw(st.integers(0, 45)) * DAY
    days = [plus(last - 7 * weeks * back * DAY, -months * back) for back in range(n)]
    offs, rises = st.sampled_from([0, 0, 0, 1, -1, 4, -5]), st.sampled_from([0, 0, 5, 34])
    return [
        Buy(draw(st.sampled_from(["Free", "Drawing"])) if n == 2 else "Free", day + draw(offs) * DAY, 600, 3_000 + 30 * draw(rises), "Zoom")
        for day in days
    ]


@dataclass(frozen=True)
class Story:
    """All that happens until the evening of a day."""

    place: tuple[str, str, str]
    today: date
    admins: int
    bought: tuple[Buy, ...]
    claimed: tuple[Ask, ...]
    imported: tuple[tuple, ...]
    swapped_on: date | None


@st.composite
def stories(draw) -> Story:
    today = draw(st.sampled_from(TURNS[2:]))
    rows = draw(rhythms(today)) if draw(st.booleans()) else []
    return Story(
        place=draw(st.sampled_from(PLACES)),
        today=today,
        admins=draw(st.integers(0, 2)),
        bought=(*draw(st.lists(bought, min_size=5, max_size=9)), *rows),
        claimed=tuple(draw(st.lists(claimed, min_size=2, max_size=5))),
        imported=tuple(draw(st.lists(imported, max_size=4))),
        swapped_on=draw(st.one_of(st.none(), turns)),
    )


def full_story(place: tuple[str, str, str]) -> Story:
    """A little of everything, always the same, and what lies just on either side of each edge that a report knows."""
    pick, today = Random(2028).choice, date(2028, 4, 2)
    days = [*TURNS, *(date(2028, 3, 16) + n * DAY for n in range(16))]
    purchases = [
        Buy(
            pick(CARDS), pick(days), pick(MINUTES), pick(MINORS), pick(SHOPS), pick(COMES), pick(CODES), pick([0, 0, 33, 100]),
            pick([0, 1, 31]), pick(["", "", "Travel"]), pick([(), (), (1, 1, 1), (7, 2)]), pick(PAPERS), pick(ANSWERS), pick([0, 40, 100]),
        )
        for _ in range(66)
    ]  # fmt: skip
    monthly = [Buy("Drawing", date(2028, month, 14), 600, 800 + month, "Host") for month in (1, 2, 3)]
    weekly = [Buy("Free", date(2028, 2, 29) - (7 * back + back // 4) * DAY, 600, 900, "Slack") for back in range(5)]
    submitted = [Buy("Free", today - back * DAY, 600, 1_000 + back, "Kiosk", answer="submitted") for back in (2, 3, 7, 8, 14, 15)]
    held = [Buy("Free", today - back * DAY, 660, 2_000, "Hotel", "hold") for back in (7, 8)]
    rejected = [Buy("Drawing", date(2028, 2, day), 600, 4_000, "Club", answer="rejected", repaid_percent=40) for day in (8, 9)]
    missing = [Buy("Free", today - back * DAY, 60, 50_000 + back, "Fair") for back in (0, 1, 2, 3)]
    doubled = [Buy("Free", date(2028, 1, day), 600, minor, "Ferry") for minor, pair in ((5_001, (3, 6)), (5_002, (3, 7))) for day in pair]
    claimed_too = [
        happening
        for minor, ago in ((5_003, 7), (5_004, 8))
        for happening in (
            Buy("Drawing", date(2028, 1, 21) - ago * DAY, 600, minor, "Airline"),
            Ask("bob", date(2028, 1, 21), 600, minor, "My flight", "left", "", 0, is_foreign=False, receipt=""),
        )
    ]
    edges = (*monthly, *weekly, *submitted, *held, *rejected, *missing, *doubled, *claimed_too)
    return Story(
        place=place,
        today=today,
        admins=2 if place is PLACES[0] else 0,
        bought=(*purchases, *(one for one in edges if isinstance(one, Buy))),
        claimed=(*(one for one in edges if isinstance(one, Ask)), *(
            Ask(
                pick(PEOPLE), pick(days), pick(MINUTES), pick(MINORS), pick(SHOPS), pick(ANSWERS), pick(THEN), pick([0, 1, 2]),
                pick([False, True]), pick(PAPERS),
            )
            for _ in range(33)
        )),
        imported=(
            *((n % 2, pick(TURNS), pick([5_000, 5_000, -900, 7_000]), pick(["CHF", "JPY"]), pick(SHOPS)) for n in range(12)),
            *((file, date(2028, 1, 9), 5_005, "CHF", "Twins") for file in (0, 0, 1)),
        ),
        swapped_on=date(2028, 3, 12),
    )  # fmt: skip


class Life:
    """A company: Alice owns it, Grace is Bob's manager, Ada and Amy may be admins. `told` is what has happened to it."""

    def __init__(self, story: Story) -> None:
        zone, country, self.currency = story.place
        self.story, self.zone, self.number = story, ZoneInfo(zone), next(_numbers)
        self.now = datetime(story.today.year, story.today.month, story.today.day, 22, tzinfo=self.zone).astimezone(UTC)
        self.told = Told(story.today, reminds_after=REMINDED_AFTER, freezes_after=FROZEN_AFTER)
        wanted = SignUpFactory(
            company_name=f"Life {self.number}", email=f"alice{self.number}@life.example", time_zone=zone, country=country,
            currency=self.currency,
        )  # fmt: skip
        self.alice = people.sign_up(wanted, at=BEGINNING).member
        self.company = self.alice.company

    def begin(self) -> None:
        Company.objects.filter(pk=self.company.pk).update(fiscal_year_start_month=FISCAL)
        self.company.fiscal_year_start_month = FISCAL
        self.grace, self.bob = self._hire("Grace", "employee"), self._hire("Bob", "employee")
        self.bob = people.change_member(self.bob, {"manager": self.grace}, actor=self.alice, at=BEGINNING)
        self.admins = [self._hire(name, "admin") for name in ("Ada", "Amy")[: self.story.admins]]
        self.told.people = dict(Membership.objects.values_list("pk", "user__name"))
        second = route(step(MANAGER), step(approver("role", role="admin")))
        adopt(
            SimpleNamespace(acme=self.company, alice=self.alice), rule("Large", amount_from=money(LARGE, self.currency), approval=second),
            at=BEGINNING, receipt=NEEDS_RECEIPT, category=False, currency=self.currency,
            reminders={"missing_items_after_days": [REMINDED_AFTER], "freeze_after_days": FROZEN_AFTER},
        )  # fmt: skip
        accounts.top_up(Money(10**9, self.currency), actor=self.alice, at=BEGINNING)
        self.cards = self._cards()

    def _hire(self, name: str, role: str) -> Membership:
        _, token = people.invite(email=f"{name.lower()}{self.number}@life.example", role=role, actor=self.alice, at=BEGINNING)
        return people.accept(token, name=name, password=PASSWORD, at=BEGINNING).member

    def _cards(self) -> dict[str, Card]:
        by = {"is_hard": False, "owner": self.alice, "actor": self.alice, "at": BEGINNING}
        outer = budgets.create(name="Outer", limit=Money(70_000, self.currency), interval=BudgetInterval.QUARTER, **by)
        inner = budgets.create(name="Inner", limit=Money(40_000, self.currency), interval=BudgetInterval.MONTH, parent=outer, **by)
        self.outer = outer
        self.told.budgets = {
            outer.pk: Envelope(70_000, self.currency, 3, FISCAL), inner.pk: Envelope(40_000, self.currency, 1, FISCAL),
        }  # fmt: skip
        refill, plain, cap = CardMode.APPROVAL_REFILL, CardMode.NORMAL, Money(CAP, self.currency)
        issued = {
            name: cards.issue(
                holder, name=name, currency=self.currency, budget=budget, actor=self.alice, at=BEGINNING,
                controls=cards.Controls(
                    limits=[Limit(Interval(each), minor, number) for each, minor, number in LIMITS[name]],
                    mode=refill if name == "Refill" else plain, per_transaction_cap=cap if name == "Free" else None,
                ),
            )
            for name, holder, budget in (
                ("Drawing", self.bob, inner), ("Refill", self.bob, outer), ("Free", self.alice, None), ("Cold", self.bob, None),
            )
        }  # fmt: skip
        cards.freeze(issued["Cold"], actor=self.alice, at=BEGINNING)
        self.told.cards = [
            Carried(card.pk, card.pk, card.holder_id, self.currency, LIMITS[name], refills=name == "Refill")
            for name, card in issued.items()
        ]
        return issued

    def live(self) -> None:
        """Everything in the order of its beginning, then the statements, then whatever falls due by this evening."""
        happenings = sorted((*self.story.bought, *self.story.claimed), key=lambda one: self._instant(one.turn, one.minutes))
        for one in happenings:
            at = self._instant(one.turn, one.minutes)
            self._swap(before=at)
            if at <= self.now:
                self._buy(one, at) if isinstance(one, Buy) else self._claim(one, at)
        self._swap(before=self.now)
        for file in (0, 1):
            self._import([row[1:] for row in self.story.imported if row[0] == file and row[1] <= self.story.today])
        for purchase in Transaction.objects.filter(chase_at__lte=self.now):
            chasing.chase(purchase, at=self.now)
        self.told.merchants = dict(Merchant.objects.values_list("pk", "name"))

    def _instant(self, day: date, minutes: int) -> datetime:
        return datetime(day.year, day.month, day.day, tzinfo=self.zone).astimezone(UTC) + timedelta(minutes=minutes)

    def _day(self, at: datetime) -> date:
        return at.astimezone(self.zone).date()

    def _swap(self, *, before: datetime) -> None:
        """Bob lost a card on that day: the new one goes on counting."""
        if self.story.swapped_on is None or self.told.first_cards or (at := self._instant(self.story.swapped_on, 0)) > before:
            return
        old, new = self.cards["Drawing"], cards.replace(self.cards["Drawing"], actor=self.alice, at=at)
        self.cards["Drawing"] = new
        self.told.first_cards = {new.pk: old.pk}
        self.told.cards = [replace(card, ident=new.pk) if card.ident == old.pk else card for card in self.told.cards]

    # -- card purchases

    def _buy(self, one: Buy, at: datetime) -> None:
        card, currency = self.cards[one.card], "CHF" if one.comes == "foreign" else self.currency
        asked = swipe(one.minor, currency=currency, merchant_name=one.shop, merchant_code=one.code, at=at)
        purchase = authorize(card, asked).transaction
        thing = Thing(
            purchase.pk, "card", self._day(at), currency, one.minor, member=card.holder_id, card=card.pk, merchant=purchase.merchant_id,
            said=one.shop.casefold(), declined=self._refused(one, card, self._day(at)),
        )  # fmt: skip
        assert purchase.decline_code == thing.declined
        self.told.things.append(thing)
        if thing.declined:
            return
        thing.held, thing.approval = one.minor, "open"
        if one.minor >= NEEDS_RECEIPT:
            thing.misses_receipt_since = thing.day
        moved = self._clear(purchase, thing, one, at)
        if not thing.is_void:
            self._attach(purchase, thing, one.receipt, at)
            self._code(purchase, thing, one, at)
            self._answer(purchase, thing, one.answer, card.holder, at)
            moved += self._repay(purchase, thing, one, at)
        self.told.lines += [line for moment, amount in moved for line in lines_of(purchase, self._day(moment), amount)]

    def _refused(self, one: Buy, card: Card, today: date) -> str:
        if one.card == "Cold":
            return "card_frozen"
        if one.comes == "foreign":
            return "wrong_currency"
        if one.card == "Free" and one.minor > CAP:
            return "over_transaction_cap"
        [carried] = [known for known in self.told.cards if known.ident == card.pk]
        for window, amount, number in carried.limits:
            is_refill = carried.refills and amount is not None
            found = counted(self.told, carried, "unapproved" if is_refill else window, today)
            if amount is not None and sum(thing.held + thing.spent for thing in found) + one.minor > amount:
                return f"over_{ADVERBS[window]}_limit"
            if number is not None and len(found) >= number:
                return f"over_{ADVERBS[window]}_count"
        return ""

    def _clear(self, purchase: Transaction, thing: Thing, one: Buy, at: datetime) -> list[tuple[datetime, int]]:
        """What came of the hold. Answers what it did to spend, and when."""
        if one.comes == "reverse":
            clear(purchase, Clearing("reversal", f"v{purchase.pk}", at), actor=None)
            thing.held, thing.is_void, thing.approval, thing.misses_receipt_since = 0, True, "none", None
            return []
        if one.comes == "hold":
            return []
        taken = one.minor if one.comes == "capture" else -(-one.minor // 2)
        clear(purchase, Clearing("capture", f"c{purchase.pk}", at, taken, is_final=one.comes == "capture"), actor=None)
        thing.minor, thing.captured, thing.held = taken, taken, one.minor - taken
        moved, back_at = [(at, taken)], at + timedelta(days=one.after_days)
        if (back := taken * one.back_percent // 100) and back_at <= self.now:
            clear(purchase, Clearing("refund", f"r{purchase.pk}", back_at, back), actor=None)
            thing.returned = back
            moved.append((back_at, -back))
        return moved

    def _attach(self, purchase: Transaction, thing: Thing, colour: str, at: datetime) -> None:
        if colour:
            receipts.attach(purchase, inspect(picture(colour=colour), "r.png"), f"kept-{purchase.pk}", actor=self.alice, at=at)
            thing.receipts, thing.misses_receipt_since = thing.receipts | {colour}, None

    def _code(self, purchase: Transaction, thing: Thing, one: Buy, at: datetime) -> None:
        if one.becomes:
            coding.describe(purchase, {"category": Category.objects.get(name=one.becomes)}, actor=self.alice, at=at)
        if one.weights and all(found := share(thing.minor, one.weights)):
            categories = Category.objects.order_by("pk")[: len(found)]
            parts = [Split(share_minor=minor, category=category) for minor, category in zip(found, categories, strict=True)]
            coding.describe(purchase, {"splits": parts}, actor=self.alice, at=at)

    def _repay(self, purchase: Transaction, thing: Thing, one: Buy, at: datetime) -> list[tuple[datetime, int]]:
        """What was rejected is owed, and comes back in part or in whole two days later."""
        if thing.approval != "rejected":
            return []
        thing.owes = bool(thing.owed or thing.held)
        back, back_at = thing.owed * one.repaid_percent // 100, at + timedelta(hours=50)
        if not (back and back_at <= self.now):
            return []
        actor = self.grace if thing.member == self.alice.pk else self.alice
        repayments.receive(Repayment.objects.get(transaction=purchase), Money(back, thing.currency), actor=actor, at=back_at)
        thing.repaid = back
        thing.owes = bool(thing.owed or thing.held)
        return [(back_at, -back)]

    # -- approval

    def _answer(self, purchase: Transaction, thing: Thing, answer: str, owner: Membership, at: datetime) -> None:
        """Submitted two hours later, and answered a day after that, by everybody who has to or by the first alone."""
        submitted_at, answered_at = at + timedelta(hours=2), at + timedelta(hours=26)
        if answer == "left" or submitted_at > self.now:
            return
        if thing.misses_receipt_since:
            self._attach(purchase, thing, f"#{purchase.pk % 0xFFFFFF:06x}", submitted_at)
        approvals.submit(purchase, actor=owner, at=submitted_at)
        asked = self._first_asked(owner)
        thing.approval, thing.with_whom, thing.asked_on = "waiting", frozenset(one.pk for one in asked), self._day(submitted_at)
        if answer == "submitted" or not asked or answered_at > self.now:
            return
        outcome = {"sent back": "changes_requested", "rejected": "rejected"}.get(answer, "approved")
        self._decide(purchase, asked[0], outcome, answered_at)
        second = self._second_asked(thing, owner)
        if outcome == "approved" and second and asked[0] not in second:
            thing.with_whom, thing.asked_on = frozenset(one.pk for one in second), self._day(answered_at)
            if answer == "half":
                return
            self._decide(purchase, second[0], outcome, answered_at)
        thing.approval, thing.with_whom, thing.asked_on = outcome, frozenset(), None

    def _decide(self, purchase: Transaction, actor: Membership, outcome: str, at: datetime) -> None:
        approval = Approval.objects.filter(transaction=purchase).latest("pk")
        decide(approval, actor, outcome=outcome, reason="" if outcome == "approved" else "Because", at=at)

    def _first_asked(self, owner: Membership) -> list[Membership]:
        """Bob's manager; of those who have none, whoever else runs the company."""
        return [self.grace] if owner.pk == self.bob.pk else [one for one in (self.alice, *self.admins) if one.pk != owner.pk]

    def _second_asked(self, thing: Thing, owner: Membership) -> list[Membership]:
        """Of much money an admin too; where there is none, whoever else runs the company."""
        if thing.currency != self.currency or max(thing.minor, thing.captured + thing.held) < LARGE:
            return []
        return [one for one in self.admins or [self.alice] if one.pk != owner.pk]

    # -- claims

    def _claim(self, one: Ask, at: datetime) -> None:
        owner: Membership = getattr(self, one.who)
        minor = in_other_money(one.minor, self.currency) if one.is_foreign else one.minor
        is_foreign = one.is_foreign and minor > 0
        paid, minor = Money(one.minor, "CHF" if is_foreign else self.currency), minor or one.minor
        day = self._day(at) - one.ago_days * DAY
        wish = Wish(day, paid, one.shop, "Trip", [Split(share_minor=one.minor)], rate=RATE if is_foreign else None)
        purchase = claims.make(wish, actor=owner, at=at)
        thing = Thing(
            purchase.pk, "claim", day, self.currency, minor, member=owner.pk, merchant=purchase.merchant_id, said=one.shop.casefold(),
            paid=(paid.currency, paid.minor), approval="open",
        )  # fmt: skip
        if minor >= NEEDS_RECEIPT:
            thing.misses_receipt_since = self._day(at)
        self.told.things.append(thing)
        self._attach(purchase, thing, one.receipt, at)
        self._answer(purchase, thing, one.answer, owner, at)
        moved = []
        if thing.approval == "approved":
            thing.captured, thing.payment = minor, "unpaid"
            moved.append((at + timedelta(hours=26), minor))
        if thing.approval == "rejected":
            thing.declined = "rejected"
        elif one.then:
            moved += self._settle(purchase, thing, one.then, owner, at)
        self.told.lines += [line for moment, amount in moved for line in lines_of(purchase, self._day(moment), amount)]

    def _settle(self, purchase: Transaction, thing: Thing, then: str, owner: Membership, at: datetime) -> list[tuple[datetime, int]]:
        """Taken back, or gathered and paid, and perhaps the transfer failed: each some hours after the other."""
        gathered_at, paid_at, failed_at = (at + timedelta(hours=hours) for hours in (30, 40, 45))
        if then == "cancelled" and gathered_at <= self.now:
            claims.cancel(Transaction.objects.get(pk=purchase.pk), actor=owner, at=gathered_at)
            moved = [(gathered_at, -thing.minor)] if thing.approval == "approved" else []
            thing.is_void, thing.approval, thing.payment, thing.captured = True, "none", "", 0
            thing.with_whom, thing.asked_on, thing.misses_receipt_since = frozenset(), None, None
            return moved
        if thing.approval == "approved" and then != "cancelled" and gathered_at <= self.now:
            batch = reimbursements.gather(self.currency, [purchase], actor=self.alice, at=gathered_at)
            thing.payment = "gathered"
            if then != "gathered" and paid_at <= self.now:
                reimbursements.pay(batch, paid_from=PaidFrom.BANK, reference="R", actor=self.alice, at=paid_at)
                thing.payment = "paid"
                if then == "failed" and failed_at <= self.now:
                    reimbursements.fail(Payout.objects.get(transaction=purchase), reason="No", actor=self.alice, at=failed_at)
                    thing.payment = "unpaid"
        return []

    # -- statements

    def _import(self, rows: list[tuple]) -> None:
        """Lines of a statement, which nobody owns. A file of credits alone would be read as one that writes spend below zero."""
        if not rows:
            return
        rows = [*[(date(2027, 12, 3), 1_000 + n, "CHF", f"Shop {n}") for n in range(len(rows) + 1)], *rows]
        places = {"CHF": 2, "JPY": 0}
        written = [f"{day},{Decimal(minor).scaleb(-places[code])},{code},{shop}" for day, minor, code, shop in rows]
        text = "\n".join(["Date,Amount,Currency,Merchant", *written])
        file = StatementFile(text.encode(), f"{next(_numbers)}.csv", source=f"Bank {next(_numbers)}")
        record = import_statement(self.company, file, actor=self.alice, at=self.now)
        lines = list(Transaction.objects.filter(statement_import=record).order_by("pk"))
        for (day, minor, code, shop), line in zip(rows, lines, strict=True):
            self.told.things.append(
                Thing(
                    line.pk, "statement", day, code, minor, merchant=line.merchant_id, said=shop.casefold(), statement=record.pk,
                    captured=max(minor, 0), returned=max(-minor, 0),
                )
            )  # fmt: skip
            self.told.lines += lines_of(line, day, minor)


# How much the company's money one franc is worth.
RATE = Decimal("1.25")


def in_other_money(rappen: int, currency: str) -> int:
    """Half a minor unit is rounded up."""
    return int((Decimal(rappen) / 100 * RATE).scaleb({"EUR": 2, "JPY": 0, "KWD": 3}[currency]).quantize(Decimal(1), ROUND_HALF_UP))


def lines_of(purchase: Transaction, day: date, minor: int) -> list[Line]:
    """In our own words, with all that it is cut by, as database ids."""
    purchase.refresh_from_db()
    whole = {name: getattr(purchase, f"{name}_id") or 0 for name in Dimension.values}
    parts = list(Split.objects.filter(transaction=purchase).order_by("position"))
    if not parts:
        return [Line(day, purchase.currency, minor, 1, whole, purchase.pk)]
    weights = [part.share_minor for part in parts]
    largest = weights.index(max(weights))
    return [
        Line(day, purchase.currency, amount, int(place == largest), {**whole, "category": part.category_id or 0}, purchase.pk)
        for place, (part, amount) in enumerate(zip(parts, share(minor, weights), strict=True))
    ]


def share(minor: int, weights) -> list[int]:
    """By weight, whole units; what is left over goes to whoever was cut the most, the first of equals."""
    whole, sign = sum(weights), -1 if minor < 0 else 1
    exact = [Fraction(abs(minor) * weight, whole) for weight in weights]
    parts = [int(one) for one in exact]
    for place in sorted(range(len(exact)), key=lambda n: (parts[n] - exact[n], n))[: abs(minor) - sum(parts)]:
        parts[place] += 1
    return [sign * part for part in parts]


@contextmanager
def lived(story: Story) -> Iterator[Life]:
    """The company in scope, after all of it."""
    life = Life(story)
    with company_scope(life.company.pk):
        life.begin()
        life.live()
        yield life


def public_ids() -> dict[str, int]:
    """Of everything in the company that a row of a report may stand for: database ids by public ones."""
    models = (Budget, Card, Category, Department, Membership, Merchant, Transaction)
    return {public_id: pk for model in models for public_id, pk in model.objects.values_list("public_id", "pk")}
