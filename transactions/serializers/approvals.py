"""Requests for a yes, as the API shows and takes them."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from spendtrackr.money import Money
from spendtrackr.serializers import DayField, ErrorRowSerializer, MoneyField, PlainCharField, PlainChoiceField, StrictSerializer
from transactions import queries
from transactions.models import Approval, ApprovalDecision, Because, Delegation, Outcome, StepStatus
from transactions.queries import StepShown, With
from transactions.serializers.policies import MODES, ApproverShape

_SEEN = "The approval's `seen` as you read it: 412 when the purchase is another by now."


class ApproveBody(StrictSerializer):
    seen = PlainCharField(max_length=64, required=False, default="", help_text=_SEEN)
    reason = PlainCharField(max_length=500, required=False, default="", allow_blank=True, help_text="A word with it.")


class RefusalBody(StrictSerializer):
    seen = PlainCharField(max_length=64, required=False, default="", help_text=_SEEN)
    reason = PlainCharField(max_length=500, help_text="Why, and what the owner should do about it.")


class AnswerBody(StrictSerializer):
    """One of several decisions."""

    approval = PlainCharField(max_length=40, help_text="An approval's id.")
    outcome = PlainChoiceField(Outcome.choices)
    reason = PlainCharField(max_length=500, required=False, default="", allow_blank=True, help_text="Needed for everything but a yes.")
    seen = PlainCharField(max_length=64, required=False, default="", help_text=_SEEN)


class AnswersBody(StrictSerializer):
    decisions = AnswerBody(many=True, min_length=1, max_length=100)  # type: ignore[call-arg]


class WithSerializer(serializers.Serializer[With]):
    """Somebody whom a step waits for, and why."""

    member = serializers.CharField(source="member.public_id")
    name = serializers.CharField(source="member.user.name")
    because = serializers.ChoiceField(Because.choices)
    says = serializers.CharField(help_text="The same in words, behind their name; may change.")
    instead_of = serializers.CharField(
        source="instead_of.public_id", allow_null=True, default=None, help_text="For whom they decide, who is away."
    )
    since = serializers.DateTimeField()


class ApprovalDecisionSerializer(serializers.ModelSerializer[ApprovalDecision]):
    """What one person said to one step. Written once."""

    id = serializers.CharField(source="public_id", read_only=True)
    member = serializers.CharField(source="actor.public_id", read_only=True)
    name = serializers.CharField(source="actor.user.name", read_only=True)
    instead_of = serializers.CharField(source="instead_of.public_id", read_only=True, allow_null=True, default=None)
    seen = serializers.CharField(read_only=True, help_text="The hash of what they saw: amount, coding and papers.")

    class Meta:
        model = ApprovalDecision
        fields = ["id", "member", "name", "instead_of", "outcome", "reason", "seen", "at"]
        read_only_fields = fields


class StepSerializer(serializers.Serializer[StepShown]):
    """One of the steps of an approval, in their order."""

    position = serializers.IntegerField(source="step.position")
    status = serializers.ChoiceField(StepStatus.choices, source="step.status")
    mode = serializers.ChoiceField(MODES)
    approvers = serializers.SerializerMethodField(help_text="Whom the policy names.")
    waits_for = WithSerializer(many=True, help_text="With whom it is now.")
    decisions = ApprovalDecisionSerializer(many=True)
    reminds_at = serializers.DateTimeField(source="step.remind_at", allow_null=True, help_text="When they are reminded next.")
    escalates_at = serializers.DateTimeField(source="step.escalate_at", allow_null=True, help_text="When the next above is asked as well.")

    @extend_schema_field(ApproverShape(many=True))
    def get_approvers(self, shown: StepShown) -> list[dict[str, Any]]:
        return [
            {"kind": str(approver.kind), "role": approver.role or None, "member": member.public_id if member else None}
            for approver, member in shown.approvers
        ]


class ApprovalSerializer(serializers.ModelSerializer[Approval]):
    """A request for a yes, its steps, and what became of it."""

    id = serializers.CharField(source="public_id", read_only=True)
    transaction = serializers.CharField(source="transaction.public_id", read_only=True)
    member = serializers.CharField(source="transaction.member.public_id", read_only=True, help_text="Whose spend it is.")
    amount = serializers.SerializerMethodField(help_text="As it was when it was submitted.")
    policy = serializers.CharField(
        source="policy.public_id",
        read_only=True,
        allow_null=True,
        default=None,
        help_text="The version that routed it; null: the standard one.",
    )
    rule = serializers.CharField(read_only=True, help_text="The rule that said who approves; blank where none did.")
    flags = serializers.SerializerMethodField(help_text="What rules of the policy flag about it.")
    asked_by = serializers.CharField(source="asked_by.public_id", read_only=True, allow_null=True, default=None)
    decided_by = serializers.CharField(
        source="decided_by.public_id",
        read_only=True,
        allow_null=True,
        default=None,
        help_text="Whose answer ended it. Null on an approved one: the policy approves it by itself.",
    )
    waits_for = serializers.SerializerMethodField(help_text="Ids of the members whom the step that waits is with.")
    waits_because = serializers.SerializerMethodField(help_text="Why nobody is asked although it waits.")
    steps = StepSerializer(source="route", many=True, read_only=True)

    class Meta:
        model = Approval
        fields = [
            "id",
            "transaction",
            "member",
            "status",
            "amount",
            "policy",
            "rule",
            "flags",
            "asked_by",
            "asked_at",
            "waits_for",
            "waits_because",
            "steps",
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
    def get_flags(self, approval: Approval) -> list[str]:
        return approval.flags.splitlines()

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_waits_for(self, approval: Approval) -> list[str]:
        return [one.member.public_id for one in approval.waits_for]  # type: ignore[attr-defined]  # by `queries.with_steps`

    @extend_schema_field(serializers.ChoiceField([queries.NO_ELIGIBLE_APPROVER], allow_null=True))
    def get_waits_because(self, approval: Approval) -> str | None:
        return queries.waits_because(approval)


class MineSerializer(ApprovalSerializer):
    """With why it is with you."""

    mine = serializers.SerializerMethodField(help_text="Why it is with you, and since when.")

    class Meta(ApprovalSerializer.Meta):
        fields = [*ApprovalSerializer.Meta.fields, "mine"]
        read_only_fields = fields

    @extend_schema_field(WithSerializer)
    def get_mine(self, approval: Approval) -> Any:
        me = self.context["request"].membership
        return WithSerializer(next(one for one in approval.waits_for if one.member.pk == me.pk)).data  # type: ignore[attr-defined]


class DoneSerializer(serializers.Serializer[Any]):
    """What became of one of several decisions."""

    approval = serializers.CharField(source="approval.public_id")
    done = serializers.SerializerMethodField()
    status = serializers.CharField(source="approval.status", help_text="The approval's, afterwards.")
    error = ErrorRowSerializer(source="refusal", allow_null=True, help_text="Why it was refused; null when it is done.")

    def get_done(self, result: Any) -> bool:
        return result.refusal is None


class DoneAllSerializer(serializers.Serializer[Any]):
    results = DoneSerializer(many=True, help_text="In the order of the decisions.")


class DelegationSerializer(serializers.ModelSerializer[Delegation]):
    """Somebody is away, and another decides for them as well."""

    id = serializers.CharField(source="public_id", read_only=True)
    member = serializers.CharField(source="member.public_id", read_only=True, help_text="Who is away.")
    member_name = serializers.CharField(source="member.user.name", read_only=True)
    to = serializers.CharField(source="to.public_id", read_only=True, help_text="Who is asked as well.")
    to_name = serializers.CharField(source="to.user.name", read_only=True)
    ends_on = serializers.DateField(read_only=True, help_text="The last day, included.")

    class Meta:
        model = Delegation
        fields = ["id", "member", "member_name", "to", "to_name", "starts_on", "ends_on", "state"]
        read_only_fields = fields


class DelegationBody(StrictSerializer):
    member = PlainCharField(max_length=40, required=False, default=None, allow_null=True, help_text="Who is away; by default you.")
    to = PlainCharField(max_length=40, help_text="A member's id.")
    starts_on = DayField(help_text="The first day, in the company's time zone; today or later.")
    ends_on = DayField(help_text="The last day, included.")
