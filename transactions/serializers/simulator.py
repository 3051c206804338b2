"""What the simulator's bank and network send, and what they are answered."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from companies.operations import COUNTRIES
from spendtrackr.serializers import (
    CountryField,
    InstantField,
    MerchantCodeField,
    MoneyField,
    NotNegativeMoneyField,
    PlainCharField,
    PlainChoiceField,
    PositiveMoneyField,
    StrictBooleanField,
    StrictSerializer,
)
from transactions.models import REQUESTS, MessageKind
from transactions.serializers.funding import FundingAccountSerializer
from transactions.serializers.purchases import CheckSerializer, TransactionSerializer


class RefField(PlainCharField):
    """The network's name for a purchase, of at most 60 characters. Not our own id: it would begin another purchase, unseen."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=60, **options)

    def to_internal_value(self, data: Any) -> str:
        ref = str(super().to_internal_value(data))
        if ref.startswith("txn_"):
            raise serializers.ValidationError("This is our id of a transaction: give its ref, which the transaction has.")
        return ref


class AuthorizationBody(StrictSerializer):
    card = PlainCharField(max_length=40)
    amount = PositiveMoneyField(help_text="In the card's currency.")
    merchant_name = PlainCharField(max_length=120)
    merchant_code = MerchantCodeField()
    country = CountryField(help_text="Where the merchant is, ISO 3166-1 alpha-2.")
    network_id = PlainCharField(
        max_length=60, required=False, help_text="The network's own id of this message. Sent twice, it is answered once."
    )
    ref = RefField(required=False, default="", help_text="The network's name for the purchase; of a known one this asks for more.")
    merchant_id = PlainCharField(max_length=120, required=False, default="", help_text="The network's id of the merchant.")
    allow_partial = StrictBooleanField(default=False, help_text="Whether a part may be approved where not all of it can.")
    financial = StrictBooleanField(default=False, help_text="Request and capture in one message, as with a PIN.")

    def validate_country(self, country: str) -> str:
        if country not in COUNTRIES:
            raise serializers.ValidationError("This is not an ISO 3166 country code.")
        return country


class ClearingBody(StrictSerializer):
    amount = PositiveMoneyField(required=False, help_text="By default all that there is.")
    network_id = PlainCharField(
        max_length=60, required=False, help_text="The network's own id of this message. Sent twice, it counts once."
    )


class ExpiryBody(StrictSerializer):
    network_id = PlainCharField(
        max_length=60, required=False, help_text="The network's own id of this message. Sent twice, it counts once."
    )


class CaptureBody(ClearingBody):
    final = serializers.BooleanField(default=True, help_text="Whether the rest of the hold is released.")


class MessageBody(StrictSerializer):
    """What a network tells of a purchase, known or not. Late, doubled or out of order: it ends in the same state."""

    card = PlainCharField(max_length=40)
    kind = PlainChoiceField([(str(kind), kind.label) for kind in MessageKind if kind not in REQUESTS])
    ref = RefField(help_text="The network's name for the purchase; of an unknown one it begins a purchase.")
    network_id = PlainCharField(max_length=60, help_text="The network's own id of this message. Sent twice, it counts once.")
    amount = NotNegativeMoneyField(
        required=False, help_text="In the card's currency, above zero. An expiry has none: it lets go of all that is on hold."
    )
    final = StrictBooleanField(default=False, help_text="Of a capture: whether the rest of the hold is released.")
    at = InstantField(required=False, help_text="The network's own instant, RFC 3339 with its offset, not in the future; now by default.")
    merchant_name = PlainCharField(max_length=120, required=False, default="")
    merchant_code = MerchantCodeField(required=False, default="")
    country = CountryField(required=False, default="")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        amount, is_expiry = attrs.get("amount"), attrs["kind"] == MessageKind.EXPIRY
        if is_expiry and amount and amount.minor:
            raise serializers.ValidationError({"amount": "An expiry has no amount: it lets go of all that is on hold."})
        if not is_expiry and amount is None:
            raise serializers.ValidationError({"amount": serializers.ErrorDetail("Every message but an expiry has an amount.", "required")})
        if not is_expiry and amount and not amount.minor:
            raise serializers.ValidationError({"amount": {"minor": f"A message of the kind {attrs['kind']} has an amount above zero."}})
        return attrs


class IncrementBody(StrictSerializer):
    amount = PositiveMoneyField(help_text="How much more.")
    network_id = PlainCharField(
        max_length=60, required=False, help_text="The network's own id of this message. Sent twice, it is answered once."
    )


class DecisionSerializer(serializers.Serializer[Any]):
    """The answer to a swipe. A decline is a decision, not an error."""

    approved = serializers.BooleanField()
    approved_amount = MoneyField(allow_null=True, help_text="How much was approved; null only for `try_again`.")
    reason = serializers.CharField(
        help_text="Code of the first check that failed; blank when approved; `try_again` when the rows were locked for too long."
    )
    checks = CheckSerializer(many=True, source="message.checks_done")
    transaction = TransactionSerializer(allow_null=True, help_text="Null only for `try_again`: nothing was recorded.")


class TopUpBody(StrictSerializer):
    amount = PositiveMoneyField()


class WithdrawalBody(StrictSerializer):
    amount = PositiveMoneyField(help_text="At most what is available; credit cannot be withdrawn.")


class BankTransferSerializer(serializers.Serializer[Any]):
    """Money that came from the bank or went back there, and the account afterwards."""

    entry = serializers.CharField(help_text="Id of the ledger entry.")
    account = FundingAccountSerializer()
