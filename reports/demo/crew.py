"""The people of a company of the demo with what they hold, set up through the operations of real use."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from cards import operations as cards
from cards.models import Budget, BudgetInterval, Card
from cards.operations import budgets
from companies import operations as companies
from companies.models import Category, Department
from reports.demo.cast import DemoCompany, Envelope, Person, Wallet
from reports.demo.policy import policy_of
from spendtrackr.money import Money
from transactions.operations import accounts, policies
from users import operations as people
from users.models import Membership, SessionKind


@dataclass(slots=True)
class Crew:
    """The people of a company and their cards, by address and by the card's name."""

    company: DemoCompany
    owner: Membership
    password: str
    members: dict[str, Membership] = field(default_factory=dict)
    cards: dict[tuple[str, str], Card] = field(default_factory=dict)
    departments: dict[str, Department] = field(default_factory=dict)
    categories: dict[str, Category] = field(default_factory=dict)
    budgets: dict[str, Budget] = field(default_factory=dict)

    def set_up(self, at: datetime) -> None:
        self._set_rules(at)
        for team in self.company.teams:
            inside = self.departments.get(team.inside)
            self.departments[team.name] = people.add_department(name=team.name, parent=inside, actor=self.owner, at=at)
        for person in self.company.people:
            self.members[person.email] = self._join(person, at)
        self._reread()
        for team in self.company.teams:
            people.change_department(self.departments[team.name], {"head": self.members[team.head]}, actor=self.owner, at=at)
        for program in self.company.programs:
            people.create_key(name=program.name, scopes=program.scopes, actor=self.members[self.company.runs_it], at=at)
        for envelope in self.company.budgets:
            self.budgets[envelope.name] = self._budget(envelope, at)
        for person in self.company.people:
            for wallet in person.wallets:
                self.cards[person.email, wallet.name] = self._issue(person, wallet, at)

    def _set_rules(self, at: datetime) -> None:
        policy = policies.write(policy_of(self.company.currency), actor=self.owner, at=at)
        policies.activate(policy, actor=self.owner, at=at)
        accounts.block(self.owner.company, self.company.blocks, actor=self.owner, at=at)
        for name, code, merchant_codes in self.company.categories:
            companies.add_category(name=name, ledger_code=code, merchant_categories=list(merchant_codes), actor=self.owner, at=at)

    def _join(self, person: Person, at: datetime) -> Membership:
        department = self.departments.get(person.department)
        if person is self.company.people[0]:
            return people.change_member(self.owner, {"department": department}, actor=self.owner, at=at)
        manager = self.members.get(person.manager)
        _, token = people.invite(email=person.email, role=person.role, manager=manager, department=department, actor=self.owner, at=at)
        return people.accept(token, name=person.name, password=self.password, at=at, kind=SessionKind.PAGES).member

    def _reread(self) -> None:
        """Each with the company as it is now, and all that operations look up about an actor."""
        rows = Membership.objects.select_related("company", "user", "department", "manager")
        self.members = {row.user.email: row for row in rows}
        self.owner = self.members[self.company.people[0].email]
        self.categories = {row.name: row for row in Category.objects.all()}

    def _budget(self, envelope: Envelope, at: datetime) -> Budget:
        return budgets.create(
            name=envelope.name, limit=Money(envelope.limit, self.company.currency), interval=BudgetInterval(envelope.interval),
            is_hard=envelope.is_hard, owner=self.members[envelope.owner], parent=self.budgets.get(envelope.inside),
            members=[self.members[email] for email in envelope.members], actor=self.members[self.company.bookkeeper], at=at,
        )  # fmt: skip

    def _issue(self, person: Person, wallet: Wallet, at: datetime) -> Card:
        currency = self.company.currency
        controls = cards.Controls(
            per_transaction_cap=Money(wallet.cap, currency) if wallet.cap else None,
            mode=wallet.mode,
            limits=[*cards.monthly(Money(wallet.monthly, currency) if wallet.monthly else None), *wallet.limits],
            blocked_merchant_categories=list(wallet.blocked),
            allowed_merchant_categories=list(wallet.allowed),
            allowed_countries=list(wallet.countries),
        )
        actor, budget = self.members[self.company.runs_it], self.budgets.get(wallet.budget)
        return cards.issue(
            self.members[person.email], name=wallet.name, currency=currency, controls=controls, usage=wallet.usage,
            merchant=wallet.merchant, budget=budget, actor=actor, at=at,
        )  # fmt: skip

    def approver_of(self, person: Person) -> Membership:
        return self.members[person.manager or self.company.runs_it]
