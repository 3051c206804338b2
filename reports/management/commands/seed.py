"""`manage.py seed`: fill the demo, through the same operations that people and networks use."""

from __future__ import annotations

import json
import sys
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from cards import operations as cards
from cards.controls import Swipe
from cards.models import Card
from companies.models import Company
from reports import demo
from reports.demo import DemoCompany, Person, Plan
from spendtrackr import events
from spendtrackr.money import Money
from spendtrackr.periods import add_months
from spendtrackr.tenancy import company_scope
from transactions.models import MessageKind, Transaction
from transactions.operations import accounts, clearing, swipes
from users import operations as people
from users.models import Membership, SessionKind, User

_BATCH = 40


class Command(BaseCommand):
    help = "Create two demo companies with a year of spend. Run again, it changes nothing and prints how to sign in."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=8000, help="Only for the addresses that are printed.")
        parser.add_argument("--until", type=date.fromisoformat, help="Last day of the demo's spend; today by default.")

    def handle(self, *args: Any, port: int, until: date | None, **options: Any) -> None:
        if settings.IN_PRODUCTION:
            raise CommandError("The demo's password is public, so it is not created in production. Use SPENDTRACKR_MODE=demo.")
        for company in demo.COMPANIES:
            if User.objects.filter(email_key=company.people[0].email).exists():
                self.stdout.write(f"{company.name} is there already.")
            else:
                self._fill(company, until or timezone.now().date())
        events.seal_all()
        self._tell(port)

    def _fill(self, company: DemoCompany, until: date) -> None:
        opened = datetime.combine(demo.first_day(until), time(6), UTC) - timedelta(days=7)
        plans = demo.plans(company, until)
        with transaction.atomic():
            owner = self._sign_up(company, opened)
        with company_scope(owner.company_id):
            with transaction.atomic():
                carried = self._hire(company, owner, opened)
                self._fund(company, owner, until)
            for start in range(0, len(plans), _BATCH):
                with transaction.atomic():
                    for plan in plans[start : start + _BATCH]:
                        self._buy(plan, carried[plan.person.email])
                self._progress(company.name, min(start + _BATCH, len(plans)), len(plans))

    def _sign_up(self, company: DemoCompany, at: datetime) -> Membership:
        boss = company.people[0]
        form = people.SignUp(company.name, company.country, company.currency, company.time_zone, boss.name, boss.email, demo.PASSWORD)
        return people.sign_up(form, at=at, kind=SessionKind.PAGES).member

    def _hire(self, company: DemoCompany, owner: Membership, at: datetime) -> dict[str, Card]:
        """Everybody's card by their address."""
        carried = {}
        for person in company.people:
            member = owner if person is company.people[0] else self._invite(person, owner, at)
            if person.card:
                carried[person.email] = self._issue(company, person, member, owner, at)
        return carried

    def _invite(self, person: Person, owner: Membership, at: datetime) -> Membership:
        _, token = people.invite(email=person.email, role=person.role, actor=owner, at=at)
        return people.accept(token, name=person.name, password=demo.PASSWORD, at=at).member

    def _issue(self, company: DemoCompany, person: Person, member: Membership, owner: Membership, at: datetime) -> Card:
        controls = cards.Controls(
            per_transaction_cap=Money(person.cap, company.currency) if person.cap else None,
            monthly_limit=Money(person.monthly, company.currency) if person.monthly else None,
            blocked_merchant_categories=["7995"],
        )
        return cards.issue(member, name=person.card, currency=company.currency, controls=controls, actor=owner, at=at)

    def _fund(self, company: DemoCompany, owner: Membership, until: date) -> None:
        for quarter in range(4):
            at = datetime.combine(add_months(demo.first_day(until), 3 * quarter), time(5), UTC)
            accounts.top_up(Money(company.funding, company.currency), actor=owner, at=at)

    def _buy(self, plan: Plan, card: Card) -> None:
        network_id = f"demo_{card.public_id}_{plan.at:%Y%m%d%H%M}_{plan.shop.code}"
        swipe = Swipe(network_id, Money(plan.minor, card.currency), plan.shop.name, plan.shop.code, plan.shop.country, plan.at)
        decision = swipes.authorize(card, swipe)
        if not decision.approved or plan.ending == "pending":
            return
        if plan.ending == "reverse":
            self._clear(decision.transaction, MessageKind.REVERSAL, f"{network_id}_v", plan.at + timedelta(days=1))
            return
        amount = plan.minor * 118 // 100 if plan.ending == "tip" else None
        self._clear(decision.transaction, MessageKind.CAPTURE, f"{network_id}_c", plan.at + timedelta(days=1), amount, is_final=True)
        if plan.ending == "refund":
            self._clear(decision.transaction, MessageKind.REFUND, f"{network_id}_r", min(plan.at + timedelta(days=6), timezone.now()))

    def _clear(
        self, purchase: Transaction, kind: MessageKind, network_id: str, at: datetime, amount: int | None = None, *, is_final: bool = False
    ) -> None:
        clearing.clear(purchase, clearing.Clearing(kind, network_id, at, amount, is_final), actor=None)

    def _progress(self, name: str, done: int, total: int) -> None:
        if sys.stdout.isatty():
            self.stdout.write(f"\r{name}: {done} of {total} purchases", ending="\n" if done == total else "")
        elif done == total:
            self.stdout.write(f"{name}: {total} purchases")
        self.stdout.flush()

    def _tell(self, port: int) -> None:
        here = f"http://127.0.0.1:{port}"
        alice, mallory = demo.NORTHWIND.people[0].email, demo.BERGWERK.people[0].email
        slugs = Company.objects.order_by("pk").values_list("slug", flat=True)
        body = json.dumps({"email": alice, "password": demo.PASSWORD})
        login = f"curl -s {here}/api/v1/auth/login/ -H 'Content-Type: application/json' -d '{body}'"
        token = f'$({login} | sed \'s/.*"access":"\\([^"]*\\)".*/\\1/\')'
        self.stdout.write(f"""
Open      {here}/
Sign in   {alice}  (owner), erin@northwind.example  (employee), {mallory}  (another company)
Password  {demo.PASSWORD}
API docs  {here}/api/v1/docs/
Companies {", ".join(slugs)}
Try       curl -s -H "Authorization: Bearer {token}" '{here}/api/v1/reports/spend/?group_by=category'
""")
