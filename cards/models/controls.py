"""What a card may be spent on, in versions; what no card of the company may be spent on; and one-off room."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from django.db import models

from cards.models.cards import Card
from spendtrackr.ids import MachineTextField, PublicIdField
from spendtrackr.money import Money
from spendtrackr.tenancy import AppendOnlyModel, TenantModel
from users.models import Membership


class CardMode(models.TextChoices):
    """When a card's room comes back."""

    NORMAL = "normal", "With the next period"
    APPROVAL_REFILL = "approval_refill", "When what was spent is approved"
    ZERO_UNTIL_GRANTED = "zero_until_granted", "Only by a grant"


class ListOfTexts(models.TextField):  # type: ignore[type-arg]
    """A JSON list in a text column: JSON column types differ between engines."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"default": "[]"} | kwargs)


class CardControls(AppendOnlyModel):
    """One version of what a card may be spent on. Changing controls writes a new version."""

    card = models.ForeignKey(Card, models.PROTECT, related_name="+")
    version = models.PositiveIntegerField()
    mode = MachineTextField(max_length=20, choices=CardMode, default=CardMode.NORMAL)
    per_transaction_cap_minor = models.BigIntegerField(null=True)
    # `controls.Limit` as JSON, in the order in which they are checked.
    limits = ListOfTexts()
    # Codes of four digits (ISO 18245) and ranges of them, `5811-5814`. An empty allowed list allows all that is not blocked.
    blocked_codes = ListOfTexts()
    allowed_codes = ListOfTexts()
    # Keys of merchants (`controls.merchant_keys`): `id:` and the network's id, or `name:` and the folded name.
    blocked_merchants = ListOfTexts()
    allowed_merchants = ListOfTexts()
    # ISO 3166-1 alpha-2.
    blocked_countries = ListOfTexts()
    allowed_countries = ListOfTexts()
    # Company-local days: usable from the first on, locked on the second.
    valid_from = models.DateField(null=True)
    locks_on = models.DateField(null=True)
    created_by = models.ForeignKey(Membership, models.PROTECT, related_name="+")
    created_at = models.DateTimeField()

    class Meta:
        db_table = "card_controls"
        verbose_name_plural = "card controls"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["card", "version"], name="card_controls_one_version"),
            models.CheckConstraint(condition=models.Q(per_transaction_cap_minor__gte=0), name="card_controls_cap_not_negative"),
            models.CheckConstraint(
                condition=models.Q(valid_from__isnull=True)
                | models.Q(locks_on__isnull=True)
                | models.Q(valid_from__lt=models.F("locks_on")),
                name="card_controls_days_in_order",
            ),
        ]

    def __str__(self) -> str:
        return f"version {self.version} of card {self.card_id}"

    def texts(self, name: str) -> list[str]:
        """One of the lists: `blocked_codes`, `allowed_merchants`, …"""
        found: list[str] = json.loads(getattr(self, name))
        return found

    @property
    def blocked_merchant_categories(self) -> list[str]:
        return self.texts("blocked_codes")

    @property
    def allowed_merchant_categories(self) -> list[str]:
        return self.texts("allowed_codes")

    def money(self, minor: int | None) -> Money | None:
        return None if minor is None else Money(minor, self.card.currency)


class BlockList(TenantModel):
    """Where no card of the company may be used. Its version stands on the funding accounts too, where the approving UPDATE tests it."""

    version = models.PositiveBigIntegerField(default=0)
    codes = ListOfTexts()
    merchants = ListOfTexts()
    countries = ListOfTexts()

    class Meta:
        db_table = "block_lists"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["company"], name="block_lists_one_per_company"),
        ]

    def __str__(self) -> str:
        return f"block list of company {self.company_id}, version {self.version}"

    def texts(self, name: str) -> list[str]:
        found: list[str] = json.loads(getattr(self, name))
        return found


class LimitGrant(TenantModel):
    """Room for once, until it expires: on top of every amount limit of a card, or all that a card without room of its own has.

    A card `zero_until_granted` draws each purchase from one live grant, whose counter it moves. Written under the card's lock.
    """

    public_id = PublicIdField("grant")
    card = models.ForeignKey(Card, models.PROTECT, related_name="grants")
    amount_minor = models.BigIntegerField()
    reason = models.CharField(max_length=500, default="")
    granted_by = models.ForeignKey(Membership, models.PROTECT, related_name="+")
    granted_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_by = models.ForeignKey(Membership, models.PROTECT, null=True, related_name="+")
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "limit_grants"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=models.Q(amount_minor__gt=0), name="limit_grants_amount_positive"),
            models.CheckConstraint(condition=models.Q(expires_at__gt=models.F("granted_at")), name="limit_grants_expire_later"),
        ]

    def __str__(self) -> str:
        return f"{self.public_id}: {self.amount_minor} for card {self.card_id}"

    @property
    def amount(self) -> Money:
        return Money(self.amount_minor, self.card.currency)

    @property
    def owned_by(self) -> Membership:
        return self.card.holder
