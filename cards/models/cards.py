"""Cards and their freezes. Never a card number, never a CVV."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from django.db import models

from spendtrackr.ids import MachineTextField, PublicIdField
from spendtrackr.tenancy import TenantManager, TenantModel, TenantQuerySet
from users.models import Membership

if TYPE_CHECKING:
    from cards.models.controls import CardControls


class CardStatus(models.TextChoices):
    PENDING = "pending"
    ACTIVE = "active"
    CLOSED = "closed"
    FAILED = "failed"


class CardKind(models.TextChoices):
    VIRTUAL = "virtual"


class CardUsage(models.TextChoices):
    """How often a card may be used, and where. Chosen when it is issued, and for good."""

    MULTI = "multi", "As often as its limits allow"
    SINGLE_USE = "single_use", "For one purchase"
    MERCHANT_LOCKED = "merchant_locked", "At one merchant only"


class CardQuerySet(TenantQuerySet["Card"]):
    def visible_to(self, member: Membership) -> CardQuerySet:
        return self if member.sees("cards") else self.filter(holder__in=member.team)

    def with_state(self) -> CardQuerySet:
        """All that a card is shown with, in two queries for any number of cards."""
        return self.select_related("holder__user", "controls", "replaces__controls", "budget").prefetch_related(
            models.Prefetch("freezes", Freeze.objects.filter(open_source__isnull=False), to_attr="open_freezes")
        )


CardManager = TenantManager.from_queryset(CardQuerySet)


class Card(TenantModel):
    """A payment card that one member carries. Its row is the lock for its controls, freezes and counters."""

    public_id = PublicIdField("card")
    holder = models.ForeignKey(Membership, models.PROTECT, related_name="+")
    name = models.CharField(max_length=80)
    kind = MachineTextField(max_length=10, choices=CardKind, default=CardKind.VIRTUAL)
    usage = MachineTextField(max_length=16, choices=CardUsage, default=CardUsage.MULTI, db_column="card_usage")
    # Of a merchant-locked card: the key of its merchant (`controls.merchant_keys`), blank until its first approved purchase decides.
    merchant_key = MachineTextField(max_length=140, default="")
    currency = MachineTextField(max_length=3)
    # The envelope that it draws from, and every one above. No constraint to the row: its lock is taken by every swipe.
    budget = models.ForeignKey("cards.Budget", models.PROTECT, null=True, db_constraint=False, related_name="+")
    status = MachineTextField(max_length=10, choices=CardStatus, default=CardStatus.PENDING)
    issuer = MachineTextField(max_length=20)
    issuer_card_id = MachineTextField(max_length=80, null=True)
    last4 = MachineTextField(max_length=4, default="")
    expires_on = models.DateField(null=True)
    # Null only between inserting a card and its first version, inside one transaction; `rules` is never null.
    controls = models.ForeignKey("cards.CardControls", models.PROTECT, null=True, related_name="+")
    replaces = models.OneToOneField("self", models.PROTECT, null=True, related_name="+")
    # The first of a row of replacements: they share its limit counters, so that a new card is not a new limit. None for a first card.
    counts_with = models.ForeignKey("self", models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)

    objects = CardManager()  # type: ignore[misc]
    across_companies = models.Manager.from_queryset(CardQuerySet)()  # type: ignore[misc]

    class Meta:
        db_table = "cards"
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["company", "name"], name="cards_by_name")]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["issuer", "issuer_card_id"], name="cards_once_at_the_issuer"),
        ]

    def __str__(self) -> str:
        return f"{self.public_id} ••{self.last4}"

    @property
    def owned_by(self) -> Membership:
        """Whose it is, for the table of permissions."""
        return self.holder

    @property
    def counting_id(self) -> int:
        """The database id of the card that keeps the limit counters."""
        return int(self.counts_with_id or self.pk)

    @property
    def rules(self) -> CardControls:
        """The version of the controls that is in force."""
        if self.controls is None:
            raise LookupError(f"{self} has no controls")
        # They ask their card for its currency: without this that is a query for each card of a list.
        self.controls.card = self
        return self.controls


class FreezeSource(models.TextChoices):
    HOLDER = "holder"
    ADMIN = "admin"
    # By the company's policy, until the last missing item of the card's purchases arrives.
    RECEIPTS = "receipts"
    OFFBOARDING = "offboarding"


class Freeze(TenantModel):
    """A reason why a card may not be used right now. The card is frozen while one is open; each is lifted by its own side."""

    card = models.ForeignKey(Card, models.PROTECT, related_name="freezes")
    source = MachineTextField(max_length=12, choices=FreezeSource)
    # The source while open, then null: at most one open freeze a source, on every engine.
    open_source = MachineTextField(max_length=12, null=True)
    # None: nobody did, but a rule.
    opened_by = models.ForeignKey(Membership, models.PROTECT, null=True, related_name="+")
    opened_at = models.DateTimeField()
    lifted_by = models.ForeignKey(Membership, models.PROTECT, null=True, related_name="+")
    lifted_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "freezes"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["card", "open_source"], name="freezes_one_open"),
        ]

    def __str__(self) -> str:
        return f"{self.source} freeze of card {self.card_id}"
