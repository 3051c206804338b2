"""Drafts that are tried on a company's own history: what was asked, how far it has come, and what it says of each purchase."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from django.db import models

from cards.models import Card
from spendtrackr.ids import MachineTextField, PublicIdField
from spendtrackr.jobs import Job
from spendtrackr.money import Money
from spendtrackr.tenancy import TenantModel
from transactions.models.policies import Policy
from transactions.models.purchases import Transaction
from users.models import Membership


class BacktestKind(models.TextChoices):
    POLICY = "policy"
    CONTROLS = "controls"


class BacktestStatus(models.TextChoices):
    WAITING = "waiting", "Not begun yet"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class BacktestOutcome(models.TextChoices):
    """What becomes of a purchase that is submitted, or of a swipe that asks."""

    AUTOMATIC = "automatic", "Approved by itself"
    WAITS = "waits", "Waits for a yes"
    NOBODY_ELIGIBLE = "nobody_eligible", "Nobody may say yes"
    INCOMPLETE = "incomplete", "Something is missing"
    NOT_ASKED = "not_asked", "Needs no approval"
    APPROVED = "approved", "Approved"
    DECLINED = "declined", "Declined by its controls"
    DECLINED_OTHERWISE = "declined_otherwise", "Declined for another reason"


class Backtest(Job):
    """A draft against what is in force, over some days. The worker goes through them in blocks and keeps its place.

    Each block is one transaction with the place after it, so that whoever goes on after a crash counts nothing twice.
    """

    at_work = (BacktestStatus.WAITING, BacktestStatus.RUNNING)

    public_id = PublicIdField("btest")
    kind = MachineTextField(max_length=10, choices=BacktestKind)
    # The version that is tried, and the one that was in force when somebody asked; null is the standard one.
    policy = models.ForeignKey(Policy, models.PROTECT, null=True, related_name="+")
    against = models.ForeignKey(Policy, models.PROTECT, null=True, related_name="+")
    # Or the card, and the controls that are tried on it, as JSON.
    card = models.ForeignKey(Card, models.PROTECT, null=True, db_constraint=False, related_name="+")
    draft = models.TextField(default="")
    # Days of the company's calendar, both included.
    starts_on = models.DateField()
    ends_on = models.DateField()
    status = MachineTextField(max_length=10, choices=BacktestStatus, default=BacktestStatus.WAITING)
    total = models.PositiveIntegerField()
    done = models.PositiveIntegerField(default=0)
    # The place: the day and the id of the last row that was looked at. What came after it was asked for is not looked at.
    reached_on = models.DateField(null=True)
    reached_id = models.BigIntegerField(default=0)
    last_id = models.BigIntegerField()
    # What a replay of swipes carries from one block to the next, and the sums when it is done, as JSON.
    carried = models.TextField(default="")
    sums = models.TextField(default="[]")
    asked_by = models.ForeignKey(Membership, models.PROTECT, null=True, related_name="+")
    asked_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "backtests"
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["status", "claimed_until"], name="backtests_unfinished")]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=models.Q(starts_on__lte=models.F("ends_on")), name="backtests_days_in_order"),
        ]

    def __str__(self) -> str:
        return f"{self.public_id} ({self.status})"

    @property
    def percent(self) -> int:
        return min(100, 100 * self.done // self.total) if self.total else 0


class BacktestAnswer(TenantModel):
    """One answer of the many that are alike: what becomes of a purchase, and whom each step asks."""

    backtest = models.ForeignKey(Backtest, models.PROTECT, related_name="answers")
    # The hash of all that it says.
    key = MachineTextField(max_length=64)
    outcome = MachineTextField(max_length=20, choices=BacktestOutcome)
    code = MachineTextField(max_length=40, default="")
    rule = models.CharField(max_length=80, default="")
    # Items separated by spaces, flags line by line, and the database ids of those whom each step asks, as JSON.
    missing = MachineTextField(max_length=40, default="")
    flags = models.TextField(default="")
    steps = models.TextField(default="[]")

    vouched_for_by = "backtest"

    class Meta:
        db_table = "backtest_answers"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["backtest", "key"], name="backtest_answers_once"),
        ]

    def __str__(self) -> str:
        return f"{self.outcome} in backtest {self.backtest_id}"

    @property
    def missing_items(self) -> list[str]:
        return str(self.missing).split()

    @property
    def flagged(self) -> list[str]:
        return self.flags.splitlines()

    @property
    def asked(self) -> list[list[int]]:
        """Whom each step asks, by database ids."""
        found: list[list[int]] = json.loads(self.steps)
        return found

    @property
    def people(self) -> set[int]:
        return {member for step in self.asked for member in step}

    @property
    def effect(self) -> tuple[object, ...]:
        """All but the name of the rule that said so."""
        return (self.outcome, self.code, self.missing, self.flags, self.steps)

    @property
    def reason(self) -> str:
        """The code of a decline as a phrase for people."""
        return str(self.code).replace("_", " ").capitalize()


class BacktestRow(TenantModel):
    """One purchase, or one swipe: what is said of it by what was in force, and by the draft."""

    backtest = models.ForeignKey(Backtest, models.PROTECT, related_name="rows")
    # The id of the transaction or, of a swipe, of the message: each is answered once.
    about = models.BigIntegerField()
    # Without a constraint: a block of these would make whoever writes one of a thousand purchases wait.
    transaction = models.ForeignKey(Transaction, models.PROTECT, db_constraint=False, related_name="+")
    before = models.ForeignKey(BacktestAnswer, models.PROTECT, related_name="+")
    after = models.ForeignKey(BacktestAnswer, models.PROTECT, related_name="+")
    # Whether they differ in more than the name of a rule.
    is_changed = models.BooleanField()
    currency = MachineTextField(max_length=3)
    # As it stood then: the sums are those of these rows.
    amount_minor = models.BigIntegerField()

    vouched_for_by = "backtest"

    class Meta:
        db_table = "backtest_rows"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["backtest", "about"], name="backtest_rows_once"),
        ]

    def __str__(self) -> str:
        return f"row {self.about} of backtest {self.backtest_id}"

    @property
    def amount(self) -> Money:
        return Money(self.amount_minor, self.currency)


def as_json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
