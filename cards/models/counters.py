"""How much of each window of a card, of a budget or of a grant is used."""

from __future__ import annotations

from datetime import date
from typing import ClassVar

from django.db import models
from django.db.models import Q

from cards.models.budgets import Budget
from cards.models.cards import Card
from cards.models.controls import LimitGrant
from spendtrackr.ids import MachineTextField
from spendtrackr.tenancy import TenantModel

# Where windows without an end begin.
EPOCH = date(2000, 1, 1)


class Interval(models.TextChoices):
    """The window of a limit, by the company's calendar. Weeks begin on Monday; card limits use calendar years, budgets fiscal ones."""

    DAY = "day", "a day"
    WEEK = "week", "a week"
    MONTH = "month", "a month"
    QUARTER = "quarter", "a quarter"
    YEAR = "year", "a year"
    ALL_TIME = "all_time", "altogether"
    # Not an interval that people choose: what is not approved yet, of a card that refills by approval; and what drew on a grant.
    UNAPPROVED = "unapproved", "until approved"
    GRANT = "grant", "of the grant"


class LimitCounter(TenantModel):
    """How much is used of one window of a card, a budget or a grant. Inserted and changed under that row's lock only.

    `held_minor` waits for clearing, `posted_minor` has cleared less linked refunds, `purchases` is how many; `draws` numbers the Draws.
    A counter that begins later than its window opens with what the history came to.
    """

    card = models.ForeignKey(Card, models.PROTECT, null=True, related_name="+")
    budget = models.ForeignKey(Budget, models.PROTECT, null=True, related_name="+")
    grant = models.OneToOneField(LimitGrant, models.PROTECT, null=True, related_name="counter")
    interval = MachineTextField(max_length=12, choices=Interval, db_column="per_interval")
    starts_on = models.DateField()
    opening_held_minor = models.BigIntegerField(default=0)
    opening_posted_minor = models.BigIntegerField(default=0)
    opening_purchases = models.BigIntegerField(default=0)
    held_minor = models.BigIntegerField(default=0)
    posted_minor = models.BigIntegerField(default=0)
    purchases = models.BigIntegerField(default=0)
    draws = models.PositiveBigIntegerField(default=0)

    class Meta:
        db_table = "limit_counters"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["card", "interval", "starts_on"], name="limit_counters_one_window"),
            models.UniqueConstraint(fields=["budget", "interval", "starts_on"], name="limit_counters_one_period"),
            models.CheckConstraint(condition=Q(held_minor__gte=0), name="limit_counters_held_not_negative"),
            models.CheckConstraint(condition=Q(posted_minor__gte=0), name="limit_counters_posted_not_negative"),
            models.CheckConstraint(condition=Q(purchases__gte=0), name="limit_counters_purchases_not_negative"),
            models.CheckConstraint(
                condition=Q(card__isnull=False, budget__isnull=True, grant__isnull=True)
                | Q(card__isnull=True, budget__isnull=False, grant__isnull=True)
                | Q(card__isnull=True, budget__isnull=True, grant__isnull=False),
                name="limit_counters_of_one_thing",
            ),
        ]

    def __str__(self) -> str:
        of = f"card {self.card_id}" if self.card_id else f"budget {self.budget_id}" if self.budget_id else f"grant {self.grant_id}"
        return f"{of}, {self.interval} from {self.starts_on}"

    @property
    def used_minor(self) -> int:
        return self.held_minor + self.posted_minor
