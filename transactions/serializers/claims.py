"""Claims, batches of payouts and repayments, as the API shows and takes them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from spendtrackr.money import Money
from spendtrackr.serializers import (
    CurrencyField,
    DayField,
    MoneyField,
    PlainCharField,
    PlainChoiceField,
    PlainListField,
    PositiveMoneyField,
    StrictSerializer,
)
from transactions import queries
from transactions.models import PaidFrom, Payout, PayoutStatus, Reimbursement, Repayment, RepaymentPart, Split, Transaction
from transactions.operations.claims import MOST_LINES
from transactions.operations.coding import whole_of
from transactions.operations.reimbursements import MOST_PAYOUTS
from transactions.policies import ITEMS

_RATE = "So many units of the company's currency for one that was paid, on that day; only where the two differ. Kept as it is written."


class ClaimLineBody(StrictSerializer):
    """One thing that was paid for."""

    amount = PositiveMoneyField(help_text="In the currency that was paid; the lines must add up to the claim's amount.")
    category = PlainCharField(max_length=40, required=False, default=None, allow_null=True, help_text="A category's id, or null.")
    department = PlainCharField(
        max_length=40, required=False, default=None, allow_null=True, help_text="By bookkeepers; null is that of whoever claims."
    )
    budget = PlainCharField(max_length=40, required=False, default=None, allow_null=True, help_text="What counts this line.")
    memo = PlainCharField(max_length=200, required=False, default="", allow_blank=True)
    spent_on = DayField(required=False, default=None, allow_null=True, help_text="Where it is another day than the claim's.")
    merchant_name = PlainCharField(max_length=120, required=False, default="", allow_blank=True, help_text="Where it is another merchant.")
    tax_code = PlainCharField(max_length=20, required=False, default="", allow_blank=True)
    tax = PositiveMoneyField(required=False, default=None, allow_null=True, help_text="Included; in the company's currency only.")


class RateField(serializers.DecimalField):
    def __init__(self, **kwargs: Any) -> None:
        smallest = Decimal("0.0000000001")
        super().__init__(max_digits=20, decimal_places=10, min_value=smallest, allow_null=True, required=False, help_text=_RATE, **kwargs)


class ClaimChange(StrictSerializer):
    spent_on = DayField(required=False, help_text="The day it was paid.")
    amount = PositiveMoneyField(required=False, help_text="What was paid, in the currency it was paid in.")
    rate = RateField()
    merchant_name = PlainCharField(max_length=120, required=False)
    memo = PlainCharField(max_length=500, required=False, allow_blank=True, help_text="What it was for.")
    lines = ClaimLineBody(many=True, required=False, min_length=1, max_length=MOST_LINES, help_text="All of its lines.")  # type: ignore[call-arg]


class ClaimBody(ClaimChange):
    spent_on = DayField(help_text="The day it was paid.")
    amount = PositiveMoneyField(help_text="What was paid, in the currency it was paid in.")
    merchant_name = PlainCharField(max_length=120)
    memo = PlainCharField(max_length=500, required=False, default="", allow_blank=True, help_text="What it was for.")
    lines = ClaimLineBody(  # type: ignore[call-arg]
        many=True, required=False, min_length=1, max_length=MOST_LINES, help_text="Left out, it is one line without a category."
    )


class ClaimLineSerializer(serializers.ModelSerializer[Split]):
    """One line of a claim, as it was written."""

    amount = serializers.SerializerMethodField(help_text="In the currency that was paid.")
    category = serializers.CharField(source="category.public_id", read_only=True, allow_null=True, default=None)
    department = serializers.CharField(source="department.public_id", read_only=True, allow_null=True, default=None)
    budget = serializers.CharField(source="budget.public_id", read_only=True, allow_null=True, default=None)
    merchant_name = serializers.CharField(source="descriptor", read_only=True)
    tax = MoneyField(read_only=True, allow_null=True)

    class Meta:
        model = Split
        fields = ["amount", "category", "department", "budget", "memo", "spent_on", "merchant_name", "tax_code", "tax"]
        read_only_fields = fields

    @extend_schema_field(MoneyField())
    def get_amount(self, line: Split) -> Any:
        return MoneyField().to_representation(Money(line.share_minor, whole_of(line.transaction).currency))


class ClaimPayoutSerializer(serializers.Serializer[Payout]):
    """The latest payout that a claim was in."""

    id = serializers.CharField(source="public_id")
    reimbursement = serializers.CharField(source="reimbursement.public_id")
    status = serializers.ChoiceField(PayoutStatus.choices)
    reference = serializers.CharField(source="reimbursement.reference")
    reason = serializers.CharField(help_text="Why it failed; blank otherwise.")


class ClaimSerializer(serializers.ModelSerializer[Transaction]):
    """Money that somebody paid themselves. It is a transaction, too, under the same id: papers, tags and submitting are there."""

    id = serializers.CharField(source="public_id", read_only=True)
    member = serializers.CharField(source="member.public_id", read_only=True)
    member_name = serializers.CharField(source="member.user.name", read_only=True)
    department = serializers.CharField(source="department.public_id", read_only=True, allow_null=True, default=None)
    spent_on = serializers.DateField(source="occurred_on", read_only=True)
    amount = serializers.SerializerMethodField(help_text="What was paid, in the currency it was paid in.")
    rate = serializers.SerializerMethodField(help_text=_RATE)
    booked = MoneyField(source="amount", read_only=True, help_text="The same in the company's currency: what is paid back.")
    merchant_name = serializers.CharField(source="descriptor", read_only=True)
    lines = ClaimLineSerializer(source="written_lines", many=True, read_only=True)
    lines_booked = serializers.SerializerMethodField(help_text="What each of the lines comes to in the company's currency, in their order.")
    missing_items = serializers.ListField(child=serializers.ChoiceField(list(ITEMS)), read_only=True)
    payment = serializers.ChoiceField(
        queries.PAYMENTS, read_only=True, allow_null=True, help_text="Where its money is; null before it is approved."
    )
    payout = ClaimPayoutSerializer(read_only=True, allow_null=True)
    created_at = serializers.DateTimeField(source="claim_details.created_at", read_only=True)

    class Meta:
        model = Transaction
        fields = [
            "id", "status", "approval", "payment", "member", "member_name", "department", "spent_on", "amount", "rate", "booked",
            "merchant_name", "memo", "lines", "lines_booked", "receipt_count", "no_receipt_reason", "missing_items", "payout", "created_at",
        ]  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(MoneyField())
    def get_amount(self, claim: Transaction) -> Any:
        return MoneyField().to_representation(whole_of(claim))

    @extend_schema_field(serializers.ListField(child=MoneyField()))
    def get_lines_booked(self, claim: Transaction) -> Any:
        return [MoneyField().to_representation(line.amount) for line in claim.written_lines]  # type: ignore[attr-defined]  # by the query

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_rate(self, claim: Transaction) -> str | None:
        return claim.claim_details.rate or None


class GatherBody(StrictSerializer):
    currency = CurrencyField(required=False, help_text="ISO 4217 code; by default the company's.")
    claims = PlainListField(
        child=PlainCharField(max_length=40), required=False, allow_null=True, default=None, min_length=1, max_length=MOST_PAYOUTS,
        help_text="Ids of the claims; null for all that wait to be paid, the oldest first.",
    )  # fmt: skip
    until = DayField(required=False, allow_null=True, default=None, help_text="Of all that wait: those spent on that day or before.")


class PayBody(StrictSerializer):
    paid_from = PlainChoiceField(PaidFrom.choices, help_text="`bank`: by the company's bank. `balance`: from what is available here.")
    reference = PlainCharField(max_length=120, help_text="Of the transfer, as your bank shows it.")


class FailBody(StrictSerializer):
    reason = PlainCharField(max_length=300, help_text="Why the transfer came back.")


class PayoutSerializer(serializers.ModelSerializer[Payout]):
    """One claim in a batch."""

    id = serializers.CharField(source="public_id", read_only=True)
    reimbursement = serializers.CharField(source="reimbursement.public_id", read_only=True)
    claim = serializers.CharField(source="transaction.public_id", read_only=True)
    member = serializers.CharField(source="member.public_id", read_only=True)
    member_name = serializers.CharField(source="member.user.name", read_only=True)
    amount = MoneyField(read_only=True)
    reason = serializers.CharField(read_only=True, help_text="Why it failed; blank otherwise.")
    ended_at = serializers.DateTimeField(read_only=True, allow_null=True, help_text="When it was paid, taken out or came back.")

    class Meta:
        model = Payout
        fields = ["id", "reimbursement", "claim", "member", "member_name", "amount", "status", "reason", "ended_at"]
        read_only_fields = fields


class ReimbursementSerializer(serializers.ModelSerializer[Reimbursement]):
    """A batch of approved claims that are paid together, once."""

    id = serializers.CharField(source="public_id", read_only=True)
    total = MoneyField(read_only=True, help_text="Of the payouts that stand: neither taken out nor failed.")
    count = serializers.IntegerField(read_only=True, help_text="How many payouts stand.")
    failed = serializers.IntegerField(read_only=True, help_text="How many payouts came back.")
    paid_from = serializers.ChoiceField(PaidFrom.choices, read_only=True, allow_blank=True, help_text="Blank until it is paid.")
    reference = serializers.CharField(read_only=True, help_text="Of the transfer; blank until it is paid.")
    created_by = serializers.CharField(source="created_by.public_id", read_only=True)
    ended_by = serializers.CharField(
        source="ended_by.public_id", read_only=True, allow_null=True, default=None, help_text="Who paid or cancelled it."
    )

    class Meta:
        model = Reimbursement
        fields = [
            "id", "status", "currency", "total", "count", "failed", "paid_from", "reference", "created_by", "created_at", "ended_by",
            "ended_at",
        ]  # fmt: skip
        read_only_fields = fields


class OwedSerializer(serializers.Serializer[queries.Owed]):
    """What the company owes one person for approved claims that are in no batch."""

    member = serializers.CharField(source="member.public_id")
    member_name = serializers.CharField(source="member.user.name")
    amount = MoneyField()
    claims = serializers.IntegerField(help_text="How many they are.")


class OwedAllSerializer(serializers.Serializer[Any]):
    owed = OwedSerializer(many=True)


class RepaymentPartSerializer(serializers.ModelSerializer[RepaymentPart]):
    """So much came back."""

    amount = MoneyField(read_only=True)
    recorded_by = serializers.CharField(source="recorded_by.public_id", read_only=True)

    class Meta:
        model = RepaymentPart
        fields = ["amount", "reference", "recorded_by", "at"]
        read_only_fields = fields


class RepaymentSerializer(serializers.ModelSerializer[Repayment]):
    """What an owner is asked to give back for a card purchase that was rejected."""

    id = serializers.CharField(source="public_id", read_only=True)
    transaction = serializers.CharField(source="transaction.public_id", read_only=True)
    member = serializers.CharField(source="member.public_id", read_only=True)
    member_name = serializers.CharField(source="member.user.name", read_only=True)
    merchant_name = serializers.CharField(source="transaction.merchant.name", read_only=True, allow_null=True, default=None)
    outstanding = MoneyField(read_only=True, help_text="What it came to by now, less what the merchant and its owner gave back.")
    repaid = MoneyField(read_only=True, help_text="What its owner gave back.")
    overpaid = MoneyField(read_only=True, help_text="Of that, what the merchant gave back as well by now: its owner's again.")
    received = RepaymentPartSerializer(many=True, read_only=True)
    reason = serializers.CharField(read_only=True, help_text="Why it was waived; blank otherwise.")
    ended_by = serializers.CharField(
        source="ended_by.public_id", read_only=True, allow_null=True, default=None, help_text="Null where the merchant gave it back."
    )

    class Meta:
        model = Repayment
        fields = [
            "id", "transaction", "member", "member_name", "merchant_name", "status", "outstanding", "repaid", "overpaid", "received",
            "opened_at", "reason", "ended_by", "ended_at",
        ]  # fmt: skip
        read_only_fields = fields


class ReceiveBody(StrictSerializer):
    amount = PositiveMoneyField(help_text="At most what is outstanding.")
    reference = PlainCharField(max_length=120, required=False, default="", allow_blank=True, help_text="Such as of the transfer.")


class WaiveBody(StrictSerializer):
    reason = PlainCharField(max_length=300, help_text="Why the company does without it.")
