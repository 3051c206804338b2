"""Requests for a yes, as the API shows and takes them."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from spendtrackr.money import Money
from spendtrackr.serializers import MoneyField, PlainCharField, StrictSerializer
from transactions.models import Approval


class ApproveBody(StrictSerializer):
    seen = PlainCharField(
        max_length=64,
        required=False,
        default="",
        help_text="The approval's `seen` as you read it: 412 when the purchase is another by now.",
    )


class RejectionBody(ApproveBody):
    reason = PlainCharField(max_length=500, help_text="What the owner should do about it.")


class ApprovalSerializer(serializers.ModelSerializer[Approval]):
    """A request for a yes, and what became of it."""

    id = serializers.CharField(source="public_id", read_only=True)
    transaction = serializers.CharField(source="transaction.public_id", read_only=True)
    member = serializers.CharField(source="transaction.member.public_id", read_only=True, help_text="Whose spend it is.")
    amount = serializers.SerializerMethodField(help_text="As it was when it was submitted.")
    asked_by = serializers.CharField(source="asked_by.public_id", read_only=True, allow_null=True, default=None)
    decided_by = serializers.CharField(
        source="decided_by.public_id",
        read_only=True,
        allow_null=True,
        default=None,
        help_text="Null on an approved one: the company's rule for small amounts approved it.",
    )
    waits_for = serializers.SerializerMethodField(
        help_text="Ids of the members of whom any one decides. Empty while it waits: nobody in the company may."
    )

    class Meta:
        model = Approval
        fields = [
            "id",
            "transaction",
            "member",
            "status",
            "amount",
            "asked_by",
            "asked_at",
            "waits_for",
            "seen",
            "decided_by",
            "decided_at",
            "reason",
        ]
        read_only_fields = fields

    @extend_schema_field(MoneyField())
    def get_amount(self, approval: Approval) -> Any:
        return MoneyField().to_representation(Money(approval.amount_minor, approval.transaction.currency))

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_waits_for(self, approval: Approval) -> list[str]:
        return [member.public_id for member in approval.waits_for]  # type: ignore[attr-defined]  # by `queries.with_approvers`
