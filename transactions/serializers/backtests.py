"""Backtests, as the API shows and takes them."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from cards.models import CardMode
from cards.operations import Controls
from cards.serializers import ControlsBody, LimitBody
from spendtrackr.serializers import DayField, MoneyField, StrictSerializer
from transactions.models import Backtest, BacktestAnswer, BacktestKind, BacktestOutcome, BacktestRow, BacktestStatus
from transactions.policies import ITEMS
from transactions.queries import Moved, Result, Tally, draft_version


class BacktestBody(StrictSerializer):
    """Days of the company's calendar, both included; two years at most."""

    starts_on = DayField(required=False, help_text="By default a year before `ends_on`.")
    ends_on = DayField(required=False, help_text="Today by default.")


class ControlsBacktestBody(ControlsBody):
    """What is to be different about the card's controls, as in PATCH, and the days to try that on."""

    starts_on = DayField(required=False, help_text="By default a year before `ends_on`.")
    ends_on = DayField(required=False, help_text="Today by default.")


class DraftControlsSerializer(serializers.Serializer[Controls]):
    """All that the draft says, in the shape in which a card shows its controls."""

    mode = serializers.ChoiceField(CardMode.choices)
    per_transaction_cap = MoneyField(allow_null=True)
    limits = serializers.SerializerMethodField()
    blocked_merchant_categories = serializers.ListField(child=serializers.CharField())
    allowed_merchant_categories = serializers.ListField(child=serializers.CharField())
    blocked_merchants = serializers.ListField(child=serializers.CharField())
    allowed_merchants = serializers.ListField(child=serializers.CharField())
    blocked_countries = serializers.ListField(child=serializers.CharField())
    allowed_countries = serializers.ListField(child=serializers.CharField())
    valid_from = serializers.DateField(allow_null=True)
    locks_on = serializers.DateField(allow_null=True)

    @extend_schema_field(LimitBody(many=True))
    def get_limits(self, controls: Controls) -> list[dict[str, Any]]:
        currency = self.context["currency"]
        return [
            {
                "interval": str(limit.interval),
                "amount": None if limit.amount_minor is None else {"minor": limit.amount_minor, "currency": currency},
                "count": limit.count,
            }
            for limit in controls.limits
        ]


class BacktestLineSerializer(serializers.ModelSerializer[Backtest]):
    """What was asked, and how far it has come."""

    id = serializers.CharField(source="public_id", read_only=True)
    kind = serializers.ChoiceField(BacktestKind.choices, read_only=True)
    policy = serializers.CharField(source="policy.public_id", read_only=True, allow_null=True, default=None, help_text="The draft.")
    against = serializers.CharField(
        source="against.public_id", read_only=True, allow_null=True, default=None,
        help_text="The policy that was in force when it was asked for; null is the standard one.",
    )  # fmt: skip
    card = serializers.CharField(
        source="card.public_id", read_only=True, allow_null=True, default=None, help_text="Of draft controls: the card."
    )
    ends_on = serializers.DateField(read_only=True, help_text="The last day, included.")
    status = serializers.ChoiceField(BacktestStatus.choices, read_only=True)
    done = serializers.IntegerField(read_only=True, help_text="How many were looked at.")
    total = serializers.IntegerField(read_only=True, help_text="Of how many.")
    asked_by = serializers.CharField(source="asked_by.public_id", read_only=True, allow_null=True, default=None)

    class Meta:
        model = Backtest
        fields = [
            "id", "kind", "policy", "against", "card", "starts_on", "ends_on", "status", "done", "total", "asked_by", "asked_at",
            "started_at", "finished_at",
        ]  # fmt: skip
        read_only_fields = fields


class MovedSerializer(serializers.Serializer[Moved]):
    """What became of so many, by what was in force and by the draft."""

    before = serializers.ChoiceField(BacktestOutcome.choices)
    after = serializers.ChoiceField(BacktestOutcome.choices)
    count = serializers.IntegerField()
    amount = MoneyField()


class TallySerializer(serializers.Serializer[Tally]):
    """How many of one thing, in one currency, by what was in force and by the draft."""

    of = serializers.CharField()
    before_count = serializers.IntegerField(source="before.count")
    before_amount = MoneyField()
    after_count = serializers.IntegerField(source="after.count")
    after_amount = MoneyField()


class ApproverTallySerializer(TallySerializer):
    """What is with somebody at any of its steps; of what misses something, once that is there."""

    of = serializers.CharField(source="of.public_id", help_text="A member's id.")
    name = serializers.CharField(source="of.user.name")


class ResultSerializer(serializers.Serializer[Result]):
    """The sums. Each number is that of the rows that `rows/` lists for it."""

    moved = MovedSerializer(many=True)
    outcomes = TallySerializer(many=True, help_text="By outcome.")
    approvers = ApproverTallySerializer(many=True)
    flags = TallySerializer(many=True, help_text="By the words of the flag.")
    missing = TallySerializer(many=True, help_text="By what is missing.")
    codes = TallySerializer(many=True, help_text="Of swipes: by the code of the decline.")

    class Meta:
        ref_name = "BacktestResult"


class BacktestSerializer(BacktestLineSerializer):
    """With its sums, once it is done, and the controls that are tried."""

    controls = serializers.SerializerMethodField(help_text="Of draft controls: all that they say; else null.")
    result = ResultSerializer(read_only=True, allow_null=True)

    class Meta(BacktestLineSerializer.Meta):
        fields = [*BacktestLineSerializer.Meta.fields, "controls", "result"]
        read_only_fields = fields

    @extend_schema_field(DraftControlsSerializer(allow_null=True))
    def get_controls(self, backtest: Backtest) -> Any:
        if backtest.card is None:
            return None
        return DraftControlsSerializer(Controls.of(draft_version(backtest)), context={"currency": backtest.card.currency}).data


class BacktestAnswerSerializer(serializers.ModelSerializer[BacktestAnswer]):
    """What is said of one purchase."""

    outcome = serializers.ChoiceField(BacktestOutcome.choices)
    code = serializers.CharField(help_text="Of a decline; blank otherwise.")
    rule = serializers.CharField(help_text="The rule that said who approves; blank where none did.")
    missing_items = serializers.ListField(child=serializers.ChoiceField(list(ITEMS)))
    flags = serializers.ListField(child=serializers.CharField(), source="flagged")
    steps = serializers.SerializerMethodField(help_text="Ids of those whom each step asks; of what misses something, once that is there.")

    class Meta:
        model = BacktestAnswer
        fields = ["outcome", "code", "rule", "missing_items", "flags", "steps"]
        read_only_fields = fields

    @extend_schema_field(serializers.ListField(child=serializers.ListField(child=serializers.CharField())))
    def get_steps(self, answer: BacktestAnswer) -> list[list[str]]:
        named: list[list[Any]] = answer.named  # type: ignore[attr-defined]  # by `with_people`
        return [[member.public_id for member in step] for step in named]


class BacktestRowSerializer(serializers.ModelSerializer[BacktestRow]):
    """One purchase or swipe, and both answers to it."""

    transaction = serializers.CharField(source="transaction.public_id", read_only=True)
    occurred_on = serializers.DateField(source="transaction.occurred_on", read_only=True)
    merchant_name = serializers.CharField(source="transaction.merchant.name", read_only=True, allow_null=True, default=None)
    member = serializers.CharField(source="transaction.member.public_id", read_only=True, allow_null=True, default=None)
    member_name = serializers.CharField(source="transaction.member.user.name", read_only=True, allow_null=True, default=None)
    amount = MoneyField(read_only=True, help_text="As it was when it was looked at.")
    before = BacktestAnswerSerializer(read_only=True)
    after = BacktestAnswerSerializer(read_only=True)

    class Meta:
        model = BacktestRow
        fields = ["transaction", "occurred_on", "merchant_name", "member", "member_name", "amount", "is_changed", "before", "after"]
        read_only_fields = fields
