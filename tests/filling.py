"""A company in which every list has rows."""

from __future__ import annotations

from datetime import timedelta

from cards import operations as cards
from cards.models import CardRequest
from companies.models import Category
from spendtrackr.money import Money
from spendtrackr.tenancy import company_scope
from tests.factories import NOON
from tests.test_query_counts import fill
from transactions.models import Split, Transaction
from transactions.operations import accounts, claims, comments, delegations
from transactions.operations.claims import Wish
from users.models import Membership

CURRENCIES = ["CHF", "GBP", "JPY", "SEK", "NOK", "DKK"]


def come(world, number: int) -> None:
    """A row more in every list."""
    fill(world, 1, number)
    with company_scope(world.acme.pk):
        cards.grant(world.card, Money(1_00, "USD"), expires_at=NOON + timedelta(days=900), reason="Why", actor=world.alice, at=NOON)
        for about in (Transaction.objects.earliest("pk"), CardRequest.objects.earliest("pk")):
            comments.say(about, f"Why {number}?", actor=world.alice, at=NOON)
        accounts.top_up(Money(1_00, CURRENCIES[number]), actor=world.alice, at=NOON)
        kept = [Split(share_minor=1_00, category=Category.objects.get(name="Meals"))]
        spent_on = NOON.date() - timedelta(days=number)
        claims.make(Wish(spent_on, Money(1_00, "USD"), f"Inn {number}", "Trip", kept), actor=world.bob, at=NOON)
        day = NOON.date() + timedelta(days=10 * number)
        to = Membership.objects.get(user__name=f"Hand{number}")
        delegations.delegate(world.alice, to, starts_on=day, ends_on=day, actor=world.alice, at=NOON)
