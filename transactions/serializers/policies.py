"""Policies: the one document that the API takes and shows, checked to the place of each fault."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from spendtrackr.serializers import (
    MerchantCodeRangeField,
    NotNegativeMoneyField,
    PlainCharField,
    PlainChoiceField,
    PlainListField,
    StrictBooleanField,
    StrictIntegerField,
    StrictSerializer,
)
from transactions import policies
from transactions.models import Policy, TransactionSource
from transactions.policies import ALWAYS, FROM, MOST_APPROVERS, MOST_LISTED, MOST_RULES, MOST_STEPS, NEVER, ApproverKind
from users.roles import Role

# By name, for the schema.
MODES = [("any", "any"), ("all", "all")]
STATUSES = [("draft", "draft"), ("in_force", "in force"), ("past", "past")]
WHENS = [(one, one) for one in (ALWAYS, NEVER, FROM)]


class WrittenMoneyField(NotNegativeMoneyField):
    """Money that stays as it is written: a document is kept as JSON."""

    def to_internal_value(self, data: Any) -> Any:
        return super().to_representation(super().to_internal_value(data))

    def to_representation(self, value: Any) -> Any:
        return value


def _ids(what: str) -> PlainListField:
    return PlainListField(child=PlainCharField(max_length=40), required=False, default=list, max_length=MOST_LISTED, help_text=what)


class RequirementShape(StrictSerializer):
    """Whether something is required: always, never, or from an amount on."""

    when = PlainChoiceField(WHENS)
    amount = WrittenMoneyField(required=False, default=None, allow_null=True, help_text="With `from` alone, in the company's currency.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if (attrs["when"] == FROM) != (attrs["amount"] is not None):
            raise serializers.ValidationError({"amount": "An amount belongs to `from`, and to nothing else."})
        return attrs


class RequireShape(StrictSerializer):
    """What a purchase must have. Null says nothing about it: a later rule may."""

    receipt = RequirementShape(required=False, default=None, allow_null=True)
    memo = RequirementShape(required=False, default=None, allow_null=True)
    category = RequirementShape(required=False, default=None, allow_null=True)


class ApproverShape(StrictSerializer):
    """Whose yes is asked for. Never the owner's own: then it goes to whoever is next above, at last to who runs the company."""

    kind = PlainChoiceField([(str(kind), str(kind)) for kind in ApproverKind])
    role = PlainChoiceField(
        [(role, label) for role, label in Role.choices if role != Role.AUDITOR], required=False, default=None, allow_null=True,
        help_text="Of the kind `role`: anybody who has it.",
    )  # fmt: skip
    member = PlainCharField(max_length=40, required=False, default=None, allow_null=True, help_text="Of the kind `member`: an id.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        for name in ("role", "member"):
            if (attrs["kind"] == name) != (attrs[name] is not None):
                belongs = f"The kind {name} needs it." if attrs["kind"] == name else f"Only the kind {name} has it."
                raise serializers.ValidationError({name: belongs})
        return attrs


class PolicyStepShape(StrictSerializer):
    """Approvers of whom any one, or all, must say yes before the next step is asked."""

    mode = PlainChoiceField(MODES, required=False, default="any")
    approvers = ApproverShape(many=True, min_length=1, max_length=MOST_APPROVERS)  # type: ignore[call-arg]


class RouteShape(StrictSerializer):
    """Either it is approved by itself, or these steps approve it, one after the other."""

    automatic = StrictBooleanField(required=False, default=False)
    steps = PolicyStepShape(many=True, required=False, default=list, max_length=MOST_STEPS)  # type: ignore[call-arg]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["automatic"] == bool(attrs["steps"]):
            raise serializers.ValidationError({"steps": "Name the steps that approve it, or let it be automatic: one of the two."})
        return attrs


class WhenShape(StrictSerializer):
    """What a rule is about. All conditions must hold; an empty one holds for every purchase."""

    amount_from = WrittenMoneyField(required=False, default=None, allow_null=True, help_text="The smallest amount.")
    amount_below = WrittenMoneyField(required=False, default=None, allow_null=True, help_text="Every amount below it.")
    categories = _ids("Ids of categories.")
    departments = _ids("Ids of departments: the owner's on the day of the purchase.")
    merchants = _ids("Ids of merchants.")
    members = _ids("Ids of the members whose spend it is.")
    merchant_categories = PlainListField(
        child=MerchantCodeRangeField(), required=False, default=list, max_length=MOST_LISTED, help_text="Codes and ranges of ISO 18245."
    )
    roles = PlainListField(child=PlainChoiceField(Role.choices), required=False, default=list, help_text="The owner's role.")
    sources = PlainListField(child=PlainChoiceField(TransactionSource.choices), required=False, default=list)


class RuleShape(StrictSerializer):
    """One rule. Each question is answered by the first rule that matches and says something about it; flags are collected from all."""

    name = PlainCharField(max_length=80)
    when = WhenShape(required=False, default=lambda: dict(policies.NO_CONDITIONS))
    require = RequireShape(required=False, default=lambda: dict(policies.NOTHING_ASKED))
    approval = RouteShape(required=False, default=None, allow_null=True, help_text="Null says nothing: a later rule may.")
    flag = PlainCharField(max_length=120, required=False, default="", allow_blank=True, help_text="What whoever approves should look at.")


class OtherwiseShape(StrictSerializer):
    """What no rule above says."""

    require = RequireShape(required=False, default=lambda: dict(policies.NOTHING_ASKED))
    approval = RouteShape(required=False, default=None, allow_null=True, help_text="Null: the owner's manager is asked.")


def _days(what: str, *, default: int | None, most: int = 365) -> StrictIntegerField:
    return StrictIntegerField(required=False, default=default, allow_null=True, min_value=1, max_value=most, help_text=what)


class RemindersShape(StrictSerializer):
    """In days. Null is never."""

    missing_items_after_days = PlainListField(
        child=StrictIntegerField(min_value=1, max_value=365), required=False, default=lambda: [2, 7, 14], max_length=10,
        help_text="When owners are reminded of what their purchases miss.",
    )  # fmt: skip
    freeze_after_days = _days("After so many days of missing items the card is frozen, until the last of them arrives.", default=None)
    approvals_after_days = _days("Whoever a step waits for is reminded, again and again.", default=2, most=90)
    escalate_after_days = _days("The next above is asked as well.", default=7, most=90)


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "Small purchases approve themselves, large ones need two",
            value={
                "name": "From spring on",
                "rules": [
                    {
                        "name": "Small",
                        "when": {"amount_below": {"minor": 5000, "currency": "USD"}, "sources": ["card"]},
                        "require": {"receipt": {"when": "from", "amount": {"minor": 2500, "currency": "USD"}}},
                        "approval": {"automatic": True},
                    },
                    {
                        "name": "Large",
                        "when": {"amount_from": {"minor": 100000, "currency": "USD"}},
                        "require": {"memo": {"when": "always"}},
                        "approval": {
                            "steps": [
                                {"approvers": [{"kind": "manager"}]},
                                {"mode": "all", "approvers": [{"kind": "department_head"}, {"kind": "role", "role": "finance"}]},
                            ]
                        },
                        "flag": "Ask for three offers",
                    },
                ],
                "otherwise": {"require": {"receipt": {"when": "always"}}, "approval": {"steps": [{"approvers": [{"kind": "manager"}]}]}},
                "reminders": {"missing_items_after_days": [2, 7], "freeze_after_days": 14},
            },
            request_only=True,
        )
    ]
)
class PolicyDocumentShape(StrictSerializer):
    """A company's rules for its purchases, as they are written, kept and read back. Amounts are in the company's currency."""

    name = PlainCharField(max_length=80)
    rules = RuleShape(many=True, required=False, default=list, max_length=MOST_RULES)  # type: ignore[call-arg]
    otherwise = OtherwiseShape(required=False, default=lambda: {"require": dict(policies.NOTHING_ASKED), "approval": None})
    reminders = RemindersShape(required=False, default=lambda: dict(policies.STANDARD["reminders"]))

    class Meta:
        ref_name = "PolicyDocument"


class PolicyBody(StrictSerializer):
    document = PolicyDocumentShape()


class RemarkSerializer(serializers.Serializer[policies.Remark]):
    """What would surprise whoever wrote it. It may be activated all the same."""

    code = serializers.ChoiceField([(code, code) for code in policies.REMARKS])
    field = serializers.CharField(help_text="Its place in the document: `rules.2.when`.")
    message = serializers.CharField()


class PolicyLineSerializer(serializers.ModelSerializer[Policy]):
    """One version. The standard policy, in force until a company writes its own, has neither id nor version."""

    id = serializers.CharField(source="public_id", read_only=True, allow_null=True)
    version = serializers.IntegerField(read_only=True, allow_null=True)
    status = serializers.SerializerMethodField(help_text="`draft` until it is activated; `past` once another one is.")
    created_by = serializers.CharField(source="created_by.public_id", read_only=True, allow_null=True, default=None)
    created_at = serializers.DateTimeField(read_only=True, allow_null=True)
    activated_at = serializers.DateTimeField(read_only=True, allow_null=True, help_text="When it came into force, the last time.")

    class Meta:
        model = Policy
        fields = ["id", "version", "name", "status", "created_by", "created_at", "activated_at"]
        read_only_fields = fields

    @extend_schema_field(serializers.ChoiceField(STATUSES))
    def get_status(self, policy: Any) -> str:
        return "in_force" if policy.is_in_force else "past" if policy.activated_at else "draft"


class PolicySerializer(PolicyLineSerializer):
    """With its document, and what is remarkable about it as the company stands now."""

    document = PolicyDocumentShape(read_only=True)
    remarks = RemarkSerializer(many=True, read_only=True)

    class Meta(PolicyLineSerializer.Meta):
        fields = [*PolicyLineSerializer.Meta.fields, "document", "remarks"]
        read_only_fields = fields
