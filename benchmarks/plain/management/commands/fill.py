"""`python -m django fill COMPANIES EARLIER`: tables, people, and purchases spread evenly over two years."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser
from django.db import connection
from django.utils import timezone
from rest_framework_simplejwt.tokens import AccessToken

from benchmarks.plain.models import Card, Company, Employee, Merchant, TopUp, Transaction


class Command(BaseCommand):
    help = "A card in each company, with earlier purchases. Prints each card with a token of its holder."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("companies", type=int)
        parser.add_argument("earlier", type=int)

    def handle(self, *args: Any, companies: int, earlier: int, **options: Any) -> None:
        call_command("migrate", verbosity=0)  # users first: our tables have no migrations, and point at them
        call_command("migrate", run_syncdb=True, verbosity=0)
        seats = []
        for number in range(companies):
            company = Company.objects.create(name=f"Acme {number}")
            user = User.objects.create_user(f"alice{number}", password="correct-horse-battery")  # noqa: S106 -- of a database that is dropped
            holder = Employee.objects.create(user=user, company=company)
            card = Card.objects.create(company=company, holder=holder, last4="4242", monthly_limit=Decimal(10**11))
            merchant = Merchant.objects.create(company=company, name="Blue Bottle Coffee")
            TopUp.objects.create(company=company, amount=Decimal(10**13))
            _buy(card, merchant, earlier)
            seats.append({"card": card.pk, "token": str(AccessToken.for_user(user))})
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE TABLE plain_transaction")
        self.stdout.write(json.dumps(seats))


def _buy(card: Card, merchant: Merchant, earlier: int) -> None:
    step = timedelta(days=730) / max(1, earlier)
    now = timezone.now()
    for start in range(0, earlier, 10_000):
        Transaction.objects.bulk_create(
            Transaction(
                company_id=card.company_id, card=card, merchant=merchant, merchant_code="5812", amount=Decimal("0.01"),
                status="approved", created_at=now - step * (earlier - n),
            )
            for n in range(start, min(earlier, start + 10_000))
        )  # fmt: skip
