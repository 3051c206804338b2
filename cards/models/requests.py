"""What an employee asks for: a card, more room for good, or more room for once."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from cards.models.budgets import Budget
from cards.models.cards import Card
from cards.models.controls import LimitGrant
from cards.models.counters import Interval
from spendtrackr.ids import MachineTextField, PublicIdField
from spendtrackr.money import Money
from spendtrackr.tenancy import TenantManager, TenantModel, TenantQuerySet
from users.models import Membership


class RequestKind(models.TextChoices):
    CARD = "card", "A card"
    RAISE = "raise", "A higher limit"
    GRANT = "grant", "More for once"


class RequestStatus(models.TextChoices):
    WAITING = "waiting", "Waiting"
    APPROVED = "approved", "Approved"
    REJECTED = "rejected", "Rejected"
    WITHDRAWN = "withdrawn", "Withdrawn"


class CardRequestQuerySet(TenantQuerySet["CardRequest"]):
    def visible_to(self, member: Membership) -> CardRequestQuerySet:
        """All for those who see cards, else one's own, those of the people below, and those for budgets that one owns."""
        if member.sees("requests"):
            return self
        return self.filter(Q(requester__in=member.team) | Q(budget__owner=member))

    def with_names(self) -> CardRequestQuerySet:
        """All that a request is shown with, in one query."""
        return self.select_related("requester__user", "card", "budget__owner__user", "decided_by__user", "issued_card", "grant")


CardRequestManager = TenantManager.from_queryset(CardRequestQuerySet)


class CardRequest(TenantModel):
    """A request and what became of it. Deciding it does what was asked for in the same transaction; its row is its lock."""

    public_id = PublicIdField("req")
    kind = MachineTextField(max_length=8, choices=RequestKind)
    requester = models.ForeignKey(Membership, models.PROTECT, related_name="+")
    # Of a raise or a grant: which card. Of a card: null.
    card = models.ForeignKey(Card, models.PROTECT, null=True, related_name="+")
    # Of a card: its name and the budget to draw from.
    name = models.CharField(max_length=80, default="")
    budget = models.ForeignKey(Budget, models.PROTECT, null=True, related_name="+")
    currency = MachineTextField(max_length=3)
    # The limit that is wanted, or the room for once.
    amount_minor = models.BigIntegerField()
    interval = MachineTextField(max_length=12, choices=Interval, db_column="per_interval", default=Interval.MONTH)
    # Of a grant: the last company-local day on which it may be used.
    until = models.DateField(null=True)
    reason = models.CharField(max_length=500)
    status = MachineTextField(max_length=10, choices=RequestStatus, default=RequestStatus.WAITING)
    asked_at = models.DateTimeField()
    decided_by = models.ForeignKey(Membership, models.PROTECT, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)
    answer = models.CharField(max_length=500, default="")
    # What came of it.
    issued_card = models.OneToOneField(Card, models.PROTECT, null=True, related_name="+")
    grant = models.OneToOneField(LimitGrant, models.PROTECT, null=True, related_name="+")

    objects = CardRequestManager()  # type: ignore[misc]
    across_companies = models.Manager.from_queryset(CardRequestQuerySet)()  # type: ignore[misc]

    class Meta:
        db_table = "card_requests"
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["company", "status", "requester"], name="card_requests_by_status")]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="card_requests_amount_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.public_id} ({self.kind}, {self.status})"

    @property
    def amount(self) -> Money:
        return Money(self.amount_minor, self.currency)

    @property
    def owned_by(self) -> Membership:
        return self.requester
