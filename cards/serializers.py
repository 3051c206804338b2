"""Cards, as the API shows and takes them. What is written is read back in the same shape."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from cards.models import Card, Freeze, FreezeSource
from spendtrackr.money import Money
from spendtrackr.serializers import CurrencyField, MoneyField, PlainCharField, PositiveMoneyField, StrictSerializer


class CodesField(serializers.ListField):
    child = serializers.RegexField(r"^[0-9]{1,4}$", help_text="ISO 18245.")


class ControlsBody(StrictSerializer):
    per_transaction_cap = PositiveMoneyField(
        required=False, allow_null=True, help_text="The most that one purchase may cost; null is no cap."
    )
    monthly_limit = PositiveMoneyField(
        required=False, allow_null=True, help_text="The most in a calendar month of the company's time zone; null is no limit."
    )
    blocked_merchant_categories = CodesField(required=False, max_length=300, help_text="Codes at which the card declines.")
    allowed_merchant_categories = CodesField(
        required=False, max_length=300, help_text="The only codes at which the card works; empty for all that are not blocked."
    )


class NewCardBody(ControlsBody):
    holder = PlainCharField(max_length=40, help_text="Id of the member who will carry it.")
    name = PlainCharField(max_length=80, required=False, default="Card")
    currency = CurrencyField(required=False, help_text="ISO 4217; the company's own by default.")


class CardChangesBody(ControlsBody):
    name = PlainCharField(max_length=80, required=False)


class CardSerializer(serializers.ModelSerializer[Card]):
    id = serializers.CharField(source="public_id", read_only=True)
    holder = serializers.CharField(source="holder.public_id", read_only=True)
    holder_name = serializers.CharField(source="holder.user.name", read_only=True)
    frozen_by = serializers.SerializerMethodField(help_text="Who froze it; empty when it is not frozen.")
    per_transaction_cap = serializers.SerializerMethodField()
    monthly_limit = serializers.SerializerMethodField()
    blocked_merchant_categories = serializers.SerializerMethodField()
    allowed_merchant_categories = serializers.SerializerMethodField()
    replaces = serializers.CharField(
        source="replaces.public_id", read_only=True, allow_null=True, default=None, help_text="The card that it was issued for."
    )

    class Meta:
        model = Card
        fields = [
            "id",
            "name",
            "holder",
            "holder_name",
            "kind",
            "currency",
            "status",
            "frozen_by",
            "last4",
            "expires_on",
            "per_transaction_cap",
            "monthly_limit",
            "blocked_merchant_categories",
            "allowed_merchant_categories",
            "replaces",
            "created_at",
            "closed_at",
        ]
        read_only_fields = fields

    @extend_schema_field(serializers.ListField(child=serializers.ChoiceField(FreezeSource.choices)))
    def get_frozen_by(self, card: Card) -> list[str]:
        freezes: list[Freeze] = card.open_freezes  # type: ignore[attr-defined]  # by `with_state`
        return [freeze.source for freeze in freezes]

    @extend_schema_field(MoneyField(allow_null=True))
    def get_per_transaction_cap(self, card: Card) -> Any:
        return self._money(card, card.rules.per_transaction_cap_minor)

    @extend_schema_field(MoneyField(allow_null=True))
    def get_monthly_limit(self, card: Card) -> Any:
        return self._money(card, card.rules.monthly_limit_minor)

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_blocked_merchant_categories(self, card: Card) -> list[str]:
        blocked: list[str] = card.rules.blocked_merchant_categories
        return blocked

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_allowed_merchant_categories(self, card: Card) -> list[str]:
        allowed: list[str] = card.rules.allowed_merchant_categories
        return allowed

    def _money(self, card: Card, minor: int | None) -> Any:
        return None if minor is None else MoneyField().to_representation(Money(minor, card.currency))
