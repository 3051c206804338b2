"""`manage.py create_operator ops@example.com`: somebody who may enter the Django admin."""

from __future__ import annotations

import getpass
import sys
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.validators import validate_email
from django.utils import timezone

from spendtrackr.errors import DomainError
from users import operations


class Command(BaseCommand):
    help = "Create a platform operator. The password is asked for, or read from standard input when that is not a terminal."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--name", default="Operator")

    def handle(self, *args: Any, email: str, name: str, **options: Any) -> None:
        try:
            validate_email(email)
            password = self._password()
            hashed = operations.hash_password(password, email=email, name=name)
            user = operations.create_operator(email=email, name=name, hashed=hashed, at=timezone.now())
        except operations.EmailTaken as error:
            raise CommandError(f"{email} has an account already. Operators need an address of their own.") from error
        except ValidationError as error:
            raise CommandError(f"{email} is not an e-mail address.") from error
        except DomainError as error:
            raise CommandError(error.message) from error
        self.stdout.write(f"{user.email} may now enter the Django admin.")

    def _password(self) -> str:
        """Asked for twice on a terminal; the first line of standard input otherwise."""
        if not sys.stdin.isatty():
            return sys.stdin.readline().rstrip("\n")
        try:
            first, second = getpass.getpass(), getpass.getpass("Password again: ")
        except EOFError as error:
            raise CommandError("No password was given.") from error
        if first != second:
            raise CommandError("The two passwords differ.")
        return first
