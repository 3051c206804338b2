"""Cards, what they may be spent on, and how much of each limit is used. Never a card number, never a CVV."""

from __future__ import annotations

import json
from typing import ClassVar

from django.db import models

from spendtrackr.ids import MachineTextField, PublicIdField
from spendtrackr.money import Money
from spendtrackr.tenancy import AppendOnlyModel, TenantManager, TenantModel, TenantQuerySet
from users.models import Membership


class CardStatus(models.TextChoices):
    PENDING = "pending"
    ACTIVE = "active"
    CLOSED = "closed"
    FAILED = "failed"


class CardKind(models.TextChoices):
    VIRTUAL = "virtual"


class CardQuerySet(TenantQuerySet["Card"]):
    def visible_to(self, member: Membership) -> CardQuerySet:
        return self if member.sees("cards") else self.filter(holder__in=member.team)

    def with_state(self) -> CardQuerySet:
        """All that a card is shown with, in two queries for any number of cards."""
        return self.select_related("holder__user", "controls", "replaces").prefetch_related(
            models.Prefetch("freezes", Freeze.objects.filter(open_source__isnull=False), to_attr="open_freezes")
        )


CardManager = TenantManager.from_queryset(CardQuerySet)


class Card(TenantModel):
    """A payment card that one member carries. Its row is the lock for its controls, freezes and counters."""

    public_id = PublicIdField("card")
    holder = models.ForeignKey(Membership, models.PROTECT, related_name="+")
    name = models.CharField(max_length=80)
    kind = MachineTextField(max_length=10, choices=CardKind, default=CardKind.VIRTUAL)
    currency = MachineTextField(max_length=3)
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
        return self.controls


class CardControls(AppendOnlyModel):
    """One version of what a card may be spent on. Changing controls writes a new version."""

    card = models.ForeignKey(Card, models.PROTECT, related_name="+")
    version = models.PositiveIntegerField()
    per_transaction_cap_minor = models.BigIntegerField(null=True)
    monthly_limit_minor = models.BigIntegerField(null=True)
    blocked_codes = models.TextField(default="[]")
    # Empty: every merchant category that is not blocked.
    allowed_codes = models.TextField(default="[]")
    created_by = models.ForeignKey(Membership, models.PROTECT, related_name="+")
    created_at = models.DateTimeField()

    class Meta:
        db_table = "card_controls"
        verbose_name_plural = "card controls"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["card", "version"], name="card_controls_one_version"),
            models.CheckConstraint(condition=models.Q(per_transaction_cap_minor__gte=0), name="card_controls_cap_not_negative"),
            models.CheckConstraint(condition=models.Q(monthly_limit_minor__gte=0), name="card_controls_limit_not_negative"),
        ]

    def __str__(self) -> str:
        return f"version {self.version} of card {self.card_id}"

    @property
    def blocked_merchant_categories(self) -> list[str]:
        codes: list[str] = json.loads(self.blocked_codes)
        return codes

    @property
    def allowed_merchant_categories(self) -> list[str]:
        codes: list[str] = json.loads(self.allowed_codes)
        return codes

    def money(self, minor: int | None) -> Money | None:
        return None if minor is None else Money(minor, self.card.currency)


class FreezeSource(models.TextChoices):
    HOLDER = "holder"
    ADMIN = "admin"
    OFFBOARDING = "offboarding"


class Freeze(TenantModel):
    """A reason why a card may not be used right now. The card is frozen while one is open; each is lifted by its own side."""

    card = models.ForeignKey(Card, models.PROTECT, related_name="freezes")
    source = MachineTextField(max_length=12, choices=FreezeSource)
    # The source while open, then null: at most one open freeze a source, on every engine.
    open_source = MachineTextField(max_length=12, null=True)
    opened_by = models.ForeignKey(Membership, models.PROTECT, related_name="+")
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


class LimitCounter(TenantModel):
    """How much of one calendar month a card has used. Inserted and changed under the lock of its card only.

    `held_minor` waits for clearing, `posted_minor` has cleared less linked refunds; `draws` numbers the Draws.
    """

    card = models.ForeignKey(Card, models.PROTECT, related_name="+")
    starts_on = models.DateField()
    held_minor = models.BigIntegerField(default=0)
    posted_minor = models.BigIntegerField(default=0)
    draws = models.PositiveBigIntegerField(default=0)

    class Meta:
        db_table = "limit_counters"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["card", "starts_on"], name="limit_counters_one_window"),
            models.CheckConstraint(condition=models.Q(held_minor__gte=0), name="limit_counters_held_not_negative"),
            models.CheckConstraint(condition=models.Q(posted_minor__gte=0), name="limit_counters_posted_not_negative"),
        ]

    def __str__(self) -> str:
        return f"card {self.card_id} from {self.starts_on}"

    @property
    def used_minor(self) -> int:
        return self.held_minor + self.posted_minor
