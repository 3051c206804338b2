"""What tests hand to operations, filled in so that a test names only what it is about."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime

import factory

from cards.controls import Swipe
from spendtrackr.money import Money
from users.operations import SignUp

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
PASSWORD = "correct-horse-battery"
_numbers = itertools.count(1)


class SignUpFactory(factory.Factory):
    class Meta:
        model = SignUp

    company_name = "Acme"
    country = "US"
    currency = "USD"
    time_zone = "America/New_York"
    name = "Alice"
    email = "alice@acme.example"
    password = PASSWORD


class SwipeFactory(factory.Factory):
    class Meta:
        model = Swipe

    network_id = factory.LazyFunction(lambda: f"net-{next(_numbers)}")
    amount = factory.LazyAttribute(lambda o: Money(o.minor, o.currency))
    merchant_name = "Blue Bottle Coffee"
    merchant_code = "5812"
    country = "US"
    at = NOON

    class Params:
        minor = 10_00
        currency = "USD"


def swipe(minor: int = 10_00, **kwargs) -> Swipe:
    return SwipeFactory(minor=minor, **kwargs)
