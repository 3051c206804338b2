"""Receipts, as the API shows and takes them."""

from __future__ import annotations

import json
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from spendtrackr.money import Money
from spendtrackr.serializers import DayField, MoneyField, PlainCharField, PositiveMoneyField, PositiveMoneyShape, StrictSerializer
from transactions.models import Attachment, Receipt
from transactions.queries import Suggestion


class TwinSerializer(serializers.ModelSerializer[Receipt]):
    """Another receipt of the same content that you may see."""

    receipt = serializers.CharField(source="public_id", read_only=True)
    transactions = serializers.SerializerMethodField(help_text="Those of its transactions that you may see.")

    class Meta:
        model = Receipt
        fields = ["receipt", "transactions"]
        read_only_fields = fields

    def get_transactions(self, receipt: Receipt) -> list[str]:
        places: list[Attachment] = receipt.places  # type: ignore[attr-defined]
        return [str(place.transaction.public_id) for place in places]


class ReceiptSerializer(serializers.ModelSerializer[Receipt]):
    """Of receipts that were `shown`."""

    id = serializers.CharField(source="public_id", read_only=True)
    transaction = serializers.SerializerMethodField(help_text="The first of `transactions`, or null.")
    transactions = serializers.SerializerMethodField(help_text="What it is attached to, as far as you may see that.")
    content_hash = serializers.CharField(read_only=True, help_text="SHA-256 of the file, just as it was sent.")
    size = serializers.IntegerField(read_only=True, help_text="Bytes.")
    amount = MoneyField(read_only=True, allow_null=True, help_text="What is on it, as far as somebody said; null where nobody did.")
    spent_on = serializers.DateField(read_only=True, allow_null=True, help_text="The day that is on it.")
    merchant_name = serializers.CharField(read_only=True, help_text="Who issued it; blank where nobody said.")
    uploaded_by = serializers.CharField(source="uploaded_by.public_id", read_only=True, allow_null=True, default=None)
    duplicates_of = TwinSerializer(
        source="twins", many=True, read_only=True, help_text="Other receipts of the same content that you may see, the oldest first."
    )

    class Meta:
        model = Receipt
        fields = [
            "id",
            "transaction",
            "transactions",
            "filename",
            "content_type",
            "size",
            "content_hash",
            "amount",
            "spent_on",
            "merchant_name",
            "uploaded_by",
            "uploaded_at",
            "duplicates_of",
        ]
        read_only_fields = fields

    def get_transactions(self, receipt: Receipt) -> list[str]:
        places: list[Attachment] = receipt.places  # type: ignore[attr-defined]
        return [str(place.transaction.public_id) for place in places]

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_transaction(self, receipt: Receipt) -> str | None:
        return next(iter(self.get_transactions(receipt)), None)


class SuggestionSerializer(serializers.Serializer[Suggestion]):
    """A transaction that a receipt may belong to."""

    transaction = serializers.CharField(source="purchase.public_id")
    merchant_name = serializers.CharField(source="purchase.merchant.name", default="")
    amount = MoneyField(source="purchase.amount")
    occurred_on = serializers.DateField(source="purchase.occurred_on")
    score = serializers.IntegerField(help_text="The higher, the likelier; to order by, and may change.")
    says = serializers.CharField(help_text="Why, in words; may change.")


class SuggestionsSerializer(serializers.Serializer[Any]):
    data = SuggestionSerializer(many=True)  # type: ignore[assignment]  # a field of the answer, not of this class


@extend_schema_field(PositiveMoneyShape)
class MoneyPartField(PositiveMoneyField):
    """`Money` above zero as a part of a form: JSON, since a form knows only text."""

    def to_internal_value(self, data: Any) -> Money:
        if isinstance(data, str):
            try:
                data = json.loads(data)
            except (ValueError, RecursionError) as error:
                raise serializers.ValidationError('Money is written as {"minor": 4200, "currency": "USD"}.') from error
        return super().to_internal_value(data)


_AMOUNT = "What is on it; helps to find its transaction."


class ReceiptBody(StrictSerializer):
    transaction = PlainCharField(max_length=40, required=False, help_text="What it proves. Without one it lies in your inbox.")
    file = serializers.FileField(help_text="A PNG, JPEG or PDF.", allow_empty_file=True)
    amount = MoneyPartField(required=False, help_text=f"{_AMOUNT} As JSON.")
    spent_on = DayField(required=False, help_text="The day that is on it.")
    merchant_name = PlainCharField(max_length=120, required=False, allow_blank=True, help_text="Who issued it.")


class ReceiptChanges(StrictSerializer):
    amount = PositiveMoneyField(required=False, allow_null=True, help_text=f"{_AMOUNT} Null: not known.")
    spent_on = DayField(required=False, allow_null=True, help_text="The day that is on it.")
    merchant_name = PlainCharField(max_length=120, required=False, allow_blank=True, help_text="Who issued it.")


class PlaceBody(StrictSerializer):
    transaction = PlainCharField(max_length=40, help_text="A transaction's id.")
