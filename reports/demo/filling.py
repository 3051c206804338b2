"""Fill a company of the demo through the operations of real use, one after the other in order of time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from django.db import transaction

from cards import operations as cards
from cards.controls import Swipe
from cards.models import Card, CardRequest, RequestKind
from cards.operations import requests
from reports.demo.cast import Ask, Deed, DemoCompany, Turn
from reports.demo.closing import keep_books
from reports.demo.crew import Crew
from reports.demo.papers import paper_for
from reports.demo.planning import Plan, evening_before, first_day, instant, plans, workday
from reports.demo.pocket import Pocket, PocketStep
from reports.demo.pocket import steps as pocket_steps
from reports.demo.steps import Step, Verb, steps_of
from spendtrackr.money import Money
from spendtrackr.periods import add_months
from spendtrackr.tenancy import company_scope
from transactions import documents
from transactions.models import OPEN_KEY, Approval, MessageKind, Outcome, Transaction
from transactions.operations import accounts, approvals, clearing, coding, receipts, swipes
from users import operations as people
from users.models import SessionKind

Told = Callable[[int, int], None]
_OLD = " (old)"
_KINDS = {
    Verb.CAPTURE: MessageKind.CAPTURE,
    Verb.LAST_CAPTURE: MessageKind.CAPTURE,
    Verb.REVERSE: MessageKind.REVERSAL,
    Verb.REFUND: MessageKind.REFUND,
}


@dataclass(frozen=True, slots=True)
class Deal:
    """A step of a plan, and the number of that plan."""

    number: int
    plan: Plan
    step: Step


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to what was asked for."""

    ask: Ask


@dataclass(frozen=True, slots=True)
class Closing:
    """The last thing of all: the bookkeeper exports and closes."""


# Money comes from the bank; below zero it goes back there.
Item = Deal | Turn | Money | Ask | Answer | PocketStep | Closing


def fill(company: DemoCompany, password: str, *, until: date, months: int, now: datetime, told: Told) -> int:
    """A whole company, its history and its paper; answers how many purchases. Nothing happens after `now`."""
    found = plans(company, until, months)
    opened = datetime.combine(first_day(until, months), time(6), UTC) - timedelta(days=7)
    with transaction.atomic():
        form = people.SignUp(
            company.name, company.country, company.currency, company.time_zone, company.people[0].name, company.people[0].email, password
        )
        owner = people.sign_up(form, at=opened, kind=SessionKind.PAGES).member
        with company_scope(owner.company_id):
            crew = Crew(company, owner, password)
            crew.set_up(opened)
    with company_scope(owner.company_id):
        history = History(company, crew)
        items = [(at, item) for at, item in _timeline(company, found, until, months, opened) if at <= now]
        _in_months(history, items, told)
    return sum(isinstance(item, Deal) and item.step.verb == Verb.SWIPE for _, item in items)


def _in_months(history: History, items: list[tuple[datetime, Item]], told: Told) -> None:
    """One transaction a month: the operations inside are savepoints, and the disk is waited for once."""
    by_month: dict[tuple[int, int], list[tuple[datetime, Item]]] = {}
    for at, item in items:
        by_month.setdefault((at.year, at.month), []).append((at, item))
    for done, month in enumerate(by_month.values(), start=1):
        with transaction.atomic():
            for at, item in month:
                history.play(at, item)
        told(done, len(by_month))


def _timeline(company: DemoCompany, found: list[Plan], until: date, months: int, opened: datetime) -> list[tuple[datetime, Item]]:
    end = evening_before(company, until)
    items: list[tuple[datetime, Item]] = [*_top_ups(company, found, until, months), _withdrawal(company, until, months)]
    for turn in company.turns:
        at = instant(company, workday(until - timedelta(days=turn.days_ago)), 8, 30)
        items.append((max(at, opened + timedelta(days=1)), turn))
    for ask in company.asks:
        asked = instant(company, workday(until - timedelta(days=ask.days_ago)), 10, 15)
        asked = max(asked, opened + timedelta(days=1))
        items.append((asked, ask))
        if ask.by:
            items.append((min(asked + timedelta(days=ask.answered, hours=3), end), Answer(ask)))
    items += pocket_steps(company, until, end)
    items.append((end + timedelta(minutes=20), Closing()))
    for number, plan in enumerate(found):
        items += [(step.at, Deal(number, plan, step)) for step in steps_of(plan, company, end)]
    return sorted(items, key=lambda pair: pair[0])


def _top_ups(company: DemoCompany, found: list[Plan], until: date, months: int) -> Iterator[tuple[datetime, Money]]:
    """What a month will cost, brought in at its beginning; the first time with a cushion."""
    costs: Counter[date] = Counter()
    for plan in found:
        costs[plan.day.replace(day=1)] += plan.booked_minor if plan.is_spend else 0
    for number in range(months):
        month = add_months(first_day(until, months), number)
        rounded = -(-costs[month] // 1_000_00) * 1_000_00
        minor = rounded + (company.cushion if number == 0 else 0)
        if minor:
            yield datetime.combine(month, time(5, 30), UTC), Money(minor, company.currency)


def _withdrawal(company: DemoCompany, until: date, months: int) -> tuple[datetime, Money]:
    """A quarter of the cushion was too much: it goes back to the bank late in the last month but one."""
    month = add_months(first_day(until, months), max(months - 2, 0))
    return datetime.combine(month.replace(day=20), time(15), UTC), -Money(company.cushion // 4, company.currency)


@dataclass(slots=True)
class History:
    """Plays what happens, one thing after the other."""

    company: DemoCompany
    crew: Crew
    bought: dict[int, Transaction] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    asked: dict[Ask, CardRequest] = field(default_factory=dict)
    pocket: Pocket = field(init=False)

    def __post_init__(self) -> None:
        self.pocket = Pocket(self.company, self.crew)

    def play(self, at: datetime, item: Item) -> None:
        if isinstance(item, Deal):
            self._deal(item)
        elif isinstance(item, PocketStep):
            self.pocket.play(item, at)
        elif isinstance(item, Closing):
            keep_books(self.crew, self.crew.members[self.company.bookkeeper], at)
        elif isinstance(item, Turn):
            self._turn(item, at)
        elif isinstance(item, Ask):
            self._ask(item, at)
        elif isinstance(item, Answer):
            by = self.crew.members[item.ask.by]
            requests.decide(self.asked[item.ask], approved=item.ask.is_yes, answer=item.ask.answer, actor=by, at=at)
        else:
            bookkeeper = self.crew.members[self.company.bookkeeper]
            if item.minor > 0:
                accounts.top_up(item, actor=bookkeeper, at=at)
            else:
                accounts.withdraw(-item, actor=bookkeeper, at=at)

    def _turn(self, turn: Turn, at: datetime) -> None:
        by, card = self.crew.members[turn.by], self.crew.cards.get((turn.email, turn.card))
        if turn.deed == Deed.INVITE:
            department = self.crew.departments[turn.department]
            people.invite(email=turn.email, role="employee", department=department, actor=by, at=at)
        elif turn.deed == Deed.REPLACE and card:
            self.crew.cards[turn.email, turn.card + _OLD] = card
            self.crew.cards[turn.email, turn.card] = cards.replace(card, actor=by, at=at)
        elif turn.deed == Deed.FREEZE and card:
            cards.freeze(card, actor=by, at=at)
        elif turn.deed == Deed.GRANT and card:
            until = instant(self.company, at.date() + timedelta(days=turn.days + 1), 0, 0)
            cards.grant(card, Money(turn.minor, card.currency), expires_at=until, reason=turn.reason, actor=by, at=at)
        else:
            leave = cards.suspend_member if turn.deed == Deed.SUSPEND else cards.deactivate_member
            leave(self.crew.members[turn.email], actor=by, at=at)
            self.gone.add(turn.email)

    def _ask(self, ask: Ask, at: datetime) -> None:
        crew, amount, kind = self.crew, Money(ask.minor, self.company.currency), RequestKind(ask.kind)
        member = crew.members[ask.email]
        if kind == RequestKind.CARD:
            wish = requests.Wish(kind, amount, ask.reason, name=ask.card, budget=crew.budgets.get(ask.budget))
        else:
            until = member.company.day_of(at) + timedelta(days=ask.days) if ask.days else None
            wish = requests.Wish(kind, amount, ask.reason, card=Card.objects.get(pk=crew.cards[ask.email, ask.card].pk), until=until)
        self.asked[ask] = requests.ask(wish, actor=member, at=at)

    def _deal(self, deal: Deal) -> None:
        """A step of a purchase; nothing where the purchase was declined."""
        if deal.step.verb == Verb.SWIPE:
            self._swipe(deal)
        elif purchase := self.bought.get(deal.number):
            if deal.step.verb in _KINDS:
                self._clear(deal, purchase)
            else:
                self._paper(deal, purchase)

    def _swipe(self, deal: Deal) -> None:
        plan, shop = deal.plan, deal.plan.shop
        card = self.crew.cards[plan.person.email, plan.card]
        amount = Money(plan.minor, self.company.currency)
        decision = swipes.authorize(card, Swipe(_network_id(deal), amount, shop.name, shop.code, shop.country, plan.at))
        if decision.approved:
            self.bought[deal.number] = decision.transaction

    def _clear(self, deal: Deal, purchase: Transaction) -> None:
        step = deal.step
        is_final = step.verb == Verb.LAST_CAPTURE
        said = clearing.Clearing(_KINDS[step.verb], _network_id(deal), step.at, step.minor, is_final)
        clearing.clear(purchase, said, actor=None)

    def _paper(self, deal: Deal, purchase: Transaction) -> None:
        step, person = deal.step, deal.plan.person
        bookkeeper = self.crew.members[self.company.bookkeeper]
        actor = bookkeeper if person.email in self.gone else self.crew.members[person.email]
        match step.verb:
            case Verb.RECEIPT:
                filename, content = paper_for(deal.plan, self.company.currency)
                stored_as = receipts.store(content, company=actor.company)
                receipts.attach(purchase, documents.inspect(content, filename), stored_as, actor=actor, at=step.at)
            case Verb.MEMO:
                coding.describe(purchase, {"memo": step.text}, actor=actor, at=step.at)
            case Verb.RECODE:
                coding.describe(purchase, {"category": self.crew.categories[step.text]}, actor=bookkeeper, at=step.at)
            case Verb.SUBMIT:
                approvals.submit(purchase, actor=actor, at=step.at)
            case _:
                waiting = Approval.objects.select_related("transaction").get(transaction=purchase, open_key=OPEN_KEY)
                outcome = Outcome.APPROVED if step.verb == Verb.APPROVE else Outcome.CHANGES_REQUESTED
                approvals.decide(waiting, approvals.Answer(outcome, step.text), actor=self.crew.approver_of(person), at=step.at)


def _network_id(deal: Deal) -> str:
    return f"demo_{deal.number}_{deal.step.verb.replace(' ', '_')}"
