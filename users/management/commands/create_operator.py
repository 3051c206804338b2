"""`manage.py create_operator ops@example.com`: somebody who may enter the Django admin."""

from __future__ import annotations

import getpass
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from spendtrackr.errors import DomainError
from users import operations


class Command(BaseCommand):
    help = "Create a platform operator. The password is asked for, or read from standard input when that is not a terminal."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--name", default="Operator")

    def handle(self, *args: Any, email: str, name: str, **options: Any) -> None:
        password = getpass.getpass() if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
        try:
            hashed = operations.hash_password(password, email=email, name=name)
            user = operations.create_operator(email=email, name=name, hashed=hashed, at=timezone.now())
        except DomainError as error:
            raise CommandError(error.message) from error
        self.stdout.write(f"{user.email} may now enter the Django admin.")
