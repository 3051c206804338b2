"""What people of the demo paid themselves, up to being paid back; and what they said, split and tagged on the last evening."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from companies import operations as companies
from reports.demo.cast import DemoCompany, OutOfPocket, PocketFate
from reports.demo.crew import Crew
from reports.demo.papers import paper_of
from reports.demo.planning import instant, workday
from spendtrackr.money import Money
from transactions import documents, queries
from transactions.models import (
    OPEN_KEY,
    Approval,
    ApprovalState,
    Assignment,
    Outcome,
    PaidFrom,
    Payout,
    Reimbursement,
    Repayment,
    Split,
    Transaction,
    TransactionSource,
)
from transactions.operations import approvals, claims, coding, comments, receipts, reimbursements, repayments
from transactions.operations.claims import Wish
from users.models import Membership


class Verb(StrEnum):
    CLAIM = "claim"
    DECIDE = "decide"
    GATHER = "gather"
    PAY = "pay"
    EVENING = "evening"


@dataclass(frozen=True, slots=True)
class PocketStep:
    """`claim` is None where it is about all of them."""

    verb: Verb
    claim: OutOfPocket | None = None


# So many days before the end what was approved is gathered; the last time it is not paid yet.
_RUNS = (33, 5)


def steps(company: DemoCompany, until: date, evening: datetime) -> Iterator[tuple[datetime, PocketStep]]:
    """What happens, and when; nothing after the last evening."""
    for claim in company.claims:
        bought = instant(company, until - timedelta(days=claim.days_ago), 19, 20)
        yield bought, PocketStep(Verb.CLAIM, claim)
        if claim.fate not in {PocketFate.DRAFT, PocketFate.WAITING}:
            answered = instant(company, _next_workday(until - timedelta(days=claim.days_ago)), 11, 10)
            yield min(answered, evening), PocketStep(Verb.DECIDE, claim)
    for days_ago in _RUNS if company.claims else ():
        day = workday(until - timedelta(days=days_ago))
        yield instant(company, day, 14, 0), PocketStep(Verb.GATHER)
        if days_ago != _RUNS[-1]:
            yield instant(company, day + timedelta(days=1), 10, 0), PocketStep(Verb.PAY)
    yield evening + timedelta(minutes=10), PocketStep(Verb.EVENING)


def _next_workday(day: date) -> date:
    """Not that day, but the first one after it on which people are in the office."""
    return day + timedelta(days={4: 3, 5: 2}.get(day.weekday(), 1))


@dataclass(slots=True)
class Pocket:
    """Plays it."""

    company: DemoCompany
    crew: Crew
    made: dict[OutOfPocket, Transaction] = field(default_factory=dict)

    @property
    def bookkeeper(self) -> Membership:
        return self.crew.members[self.company.bookkeeper]

    def play(self, step: PocketStep, at: datetime) -> None:
        match step.verb:
            case Verb.CLAIM if step.claim:
                self._claim(step.claim, at)
            case Verb.DECIDE if step.claim in self.made:
                self._decide(step.claim, at)
            case Verb.GATHER if queries.payable().exists():
                reimbursements.gather(self.company.currency, actor=self.bookkeeper, at=at)
            case Verb.PAY:
                self._pay(at)
            case Verb.EVENING:
                self._evening(at)

    def _claim(self, claim: OutOfPocket, at: datetime) -> None:
        member, currency = self.crew.members[claim.email], claim.currency or self.company.currency
        lines = [Split(share_minor=minor, category=self.crew.categories[category], memo=memo) for minor, category, memo in claim.lines]
        amount = Money(sum(line.share_minor for line in lines), currency)
        rate = Decimal(claim.rate) if claim.rate else None
        made = claims.make(Wish(member.company.day_of(at), amount, claim.merchant, claim.memo, lines, rate), actor=member, at=at)
        if claim.fate != PocketFate.DRAFT:
            filename, content = paper_of(claim.merchant, member.company.day_of(at), amount, "Paid in cash")
            stored_as = receipts.store(content, company=member.company)
            receipts.attach(made, documents.inspect(content, filename), stored_as, actor=member, at=at)
            made = approvals.submit(Transaction.objects.get(pk=made.pk), actor=member, at=at)
        self.made[claim] = made

    def _decide(self, claim: OutOfPocket, at: datetime) -> None:
        """Whoever it waits for, one step after the other."""
        while asked := Approval.objects.filter(transaction=self.made[claim], open_key__isnull=False).first():
            by = self._asked(asked)
            if claim.fate == PocketFate.REJECTED:
                approvals.decide(asked, approvals.Answer(Outcome.REJECTED, claim.answer), actor=by, at=at)
            else:
                approvals.decide(asked, approvals.Answer(Outcome.APPROVED, ""), actor=by, at=at)

    def _asked(self, approval: Approval) -> Membership:
        """The first of those whom it waits for."""
        found = Assignment.objects.filter(step__approval=approval, open_key=OPEN_KEY).select_related("member__user").order_by("slot", "pk")
        return self.crew.members[found[0].member.user.email]

    def _pay(self, at: datetime) -> None:
        batch = Reimbursement.objects.filter(status="open").latest("pk")
        reference = f"ACH {at:%y%m%d}"
        reimbursements.pay(batch, paid_from=PaidFrom.BANK, reference=reference, actor=self.bookkeeper, at=at)
        for claim, made in self.made.items():
            paid = Payout.objects.filter(reimbursement=batch, transaction=made).first()
            if claim.fate == PocketFate.CAME_BACK and paid:
                reimbursements.fail(paid, reason="Account closed", actor=self.bookkeeper, at=at)

    def _evening(self, at: datetime) -> None:
        """What is there to look at: a split, tags, talk, and a purchase that its owner is asked to repay."""
        names = ("Customer visit", "Spring fair")
        visit, _ = (companies.add_tag(name=name, actor=self.bookkeeper, at=at) for name in names)
        waiting = Approval.objects.filter(open_key__isnull=False, transaction__source=TransactionSource.CARD).select_related(
            "transaction__member__user"
        )
        for number, asked in enumerate(waiting.order_by("-transaction__amount_minor")[:3]):
            purchase = asked.transaction
            assert purchase.member is not None
            owner = self.crew.members[purchase.member.user.email]
            coding.describe(purchase, {"tags": [visit]}, actor=owner, at=at)
            approver = self._asked(asked)
            if number == 0:
                comments.say(purchase, "Which customer was this for?", actor=approver, at=at)
                comments.say(purchase, "Contoso: three of their buyers came along.", actor=owner, at=at)
            elif number == 1:
                said = approvals.Answer(Outcome.REJECTED, "This was private. Please pay it back.")
                approvals.decide(asked, said, actor=approver, at=at)
                part = Money(20_00, self.company.currency)
                repayments.receive(Repayment.objects.get(transaction=purchase), part, reference="Cash", actor=self.bookkeeper, at=at)
        self._split(at)
        self._photographs(at)

    def _photographs(self, at: datetime) -> None:
        """Two receipts that somebody took pictures of and has not attached yet: the purchases that they prove miss them."""
        missing = Transaction.objects.filter(queries.where_missing("receipt"), source=TransactionSource.CARD, status="posted")
        for purchase in missing.select_related("member__user", "merchant").order_by("-amount_minor")[:2]:
            if purchase.member is None or purchase.merchant is None:
                continue
            day = purchase.occurred_on
            filename, content = paper_of(purchase.merchant.name, day, purchase.amount, "Paid by card")
            said = receipts.Said(purchase.amount_minor, purchase.currency, day, purchase.merchant.name)
            owner = self.crew.members[purchase.member.user.email]
            stored_as = receipts.store(content, company=owner.company)
            receipts.upload(documents.inspect(content, filename), stored_as, said=said, actor=owner, at=at)

    def _split(self, at: datetime) -> None:
        """The largest purchase that nobody has submitted yet, in two."""
        ready = Transaction.objects.filter(source=TransactionSource.CARD, approval=ApprovalState.OPEN, status="posted")
        purchase = ready.order_by("-amount_minor").select_related("category", "member__user").first()
        if purchase is None or purchase.member is None:
            return
        whole, other = purchase.amount_minor, self.crew.categories["Meals"]
        parts = [Split(share_minor=whole - whole // 4, category=purchase.category), Split(share_minor=whole // 4, category=other)]
        coding.describe(purchase, {"splits": parts}, actor=self.crew.members[purchase.member.user.email], at=at)
