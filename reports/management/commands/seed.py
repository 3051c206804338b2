"""`manage.py seed`: fill the demo, through the same operations that people and networks use."""

from __future__ import annotations

import functools
import json
import sys
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from companies.models import Company
from reports import demo
from spendtrackr import events
from users.models import User


class Command(BaseCommand):
    help = "Create two demo companies with fifteen months of spend. Run again, it changes nothing and prints how to sign in."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=8000, help="Only for the addresses that are printed.")
        parser.add_argument("--until", type=date.fromisoformat, help="Last day of the demo's spend; today by default.")
        parser.add_argument("--months", type=int, choices=range(1, demo.MONTHS + 1), default=demo.MONTHS, help="Only the last so many.")

    def handle(self, *args: Any, port: int, until: date | None, months: int, **options: Any) -> None:
        if settings.IN_PRODUCTION:
            raise CommandError("The demo's password is public, so it is not created in production. Use SPENDTRACKR_MODE=demo.")
        # Nothing is booked ahead of the clock; a day that was asked for is a whole one.
        now = datetime.combine(until + timedelta(days=1), time(0), UTC) if until else timezone.now()
        for company in demo.COMPANIES:
            if User.objects.filter(email_key=company.people[0].email).exists():
                self.stdout.write(f"{company.name} is there already.")
                continue
            told = functools.partial(self._progress, company.name)
            count = demo.fill(company, demo.PASSWORD, until=until or now.date(), months=months, now=now, told=told)
            self.stdout.write(f"{company.name}: {len(company.people)} people, {count} purchases")
        events.seal_all()
        self._tell(port)

    def _progress(self, name: str, done: int, total: int) -> None:
        if sys.stdout.isatty():
            self.stdout.write(f"\r{name}: {done} of {total} months", ending="\n" if done == total else "")
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
Sign in   {alice}  (owner), grace@northwind.example  (manager whom approvals wait for), erin@northwind.example  (employee),
          frank@northwind.example  (finance), {mallory}  (another company),
          clara@jensen-accounting.example  (accountant of both)
Password  {demo.PASSWORD}
API docs  {here}/api/v1/docs/
Companies {", ".join(slugs)}
Try       curl -s -H "Authorization: Bearer {token}" '{here}/api/v1/reports/spend/?group_by=category'
""")
