"""Cards, budgets, requests and grants, as the API shows and takes them. What is written is read back in the same shape."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from cards.controls import Limit
from cards.models import (
    BlockList,
    BudgetInterval,
    Card,
    CardMode,
    CardRequest,
    CardUsage,
    Freeze,
    FreezeSource,
    Interval,
    LimitGrant,
    RequestKind,
)
from cards.operations.controls import MOST_LISTED, NOT_CHOSEN, Controls
from cards.queries import BudgetStanding, GrantStanding, Meter
from spendtrackr import errors
from spendtrackr.money import Money
from spendtrackr.serializers import (
    CurrencyField,
    InstantField,
    MerchantCodeRangeField,
    MoneyField,
    NotNegativeMoneyField,
    PlainCharField,
    PlainChoiceField,
    PlainListField,
    PositiveMoneyField,
    StrictBooleanField,
    StrictIntegerField,
    StrictSerializer,
)

_GRANT_USED = (
    "Drawn from it, where the card has no room of its own (`zero_until_granted`). Null in other modes: there a grant is room on top of "
    "every amount limit, which is where use is counted."
)
INTERVALS = [choice for choice in Interval.choices if choice[0] not in NOT_CHOSEN]


class CodesField(PlainListField):
    child = MerchantCodeRangeField()


class NamesField(PlainListField):
    child = PlainCharField(max_length=140)


class LimitBody(StrictSerializer):
    """So much, or so many purchases, in each window of the company's calendar."""

    interval = PlainChoiceField(INTERVALS)
    amount = PositiveMoneyField(required=False, allow_null=True, default=None, help_text="Either this,")
    count = StrictIntegerField(
        required=False, allow_null=True, default=None, min_value=1, max_value=100_000, help_text="or so many purchases."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if (attrs["amount"] is None) == (attrs["count"] is None):
            raise serializers.ValidationError("A limit has either an amount or a count.")
        return attrs


class ControlsBody(StrictSerializer):
    mode = PlainChoiceField(
        CardMode.choices,
        required=False,
        help_text="When room comes back: with the next window; by approval (needs an `all_time` amount); only by a grant.",
    )
    per_transaction_cap = PositiveMoneyField(
        required=False, allow_null=True, help_text="The most that one purchase may cost; null is no cap."
    )
    limits = LimitBody(many=True, required=False, help_text="At most one amount and one count for each interval.")
    blocked_merchant_categories = CodesField(required=False, max_length=MOST_LISTED, help_text="Where the card declines.")
    allowed_merchant_categories = CodesField(
        required=False, max_length=MOST_LISTED, help_text="The only codes at which the card works; empty for all that are not blocked."
    )
    blocked_merchants = NamesField(required=False, max_length=MOST_LISTED, help_text="Names, or `id:` and the network's id of a merchant.")
    allowed_merchants = NamesField(required=False, max_length=MOST_LISTED, help_text="The only merchants; empty for all.")
    blocked_countries = NamesField(required=False, max_length=MOST_LISTED, help_text="ISO 3166-1 alpha-2.")
    allowed_countries = NamesField(required=False, max_length=MOST_LISTED, help_text="The only countries; empty for all.")
    valid_from = serializers.DateField(required=False, allow_null=True, help_text="Declines before this day of the company's calendar.")
    locks_on = serializers.DateField(required=False, allow_null=True, help_text="Declines from this day on.")


def limits_in(currency: str, rows: list[dict[str, Any]]) -> list[Limit]:
    """The limits of a body. Raises `Invalid` for an amount in another currency than the card's."""
    for place, row in enumerate(rows):
        if row["amount"] and row["amount"].currency != currency:
            raise errors.Invalid(f"This card spends {currency}.", field=f"limits.{place}.amount.currency")
    return [Limit(Interval(row["interval"]), row["amount"].minor if row["amount"] else None, row["count"]) for row in rows]


class NewCardBody(ControlsBody):
    holder = PlainCharField(max_length=40, help_text="Id of the member who will carry it.")
    name = PlainCharField(max_length=80, required=False, default="Card")
    currency = CurrencyField(required=False, help_text="ISO 4217; the company's own by default.")
    usage = PlainChoiceField(CardUsage.choices, required=False, default=CardUsage.MULTI)
    merchant = PlainCharField(
        max_length=140,
        required=False,
        default="",
        allow_blank=True,
        help_text="Of a merchant-locked card; by default where it is used first.",
    )
    budget = PlainCharField(max_length=40, required=False, allow_null=True, default=None, help_text="Id of the budget that it draws from.")


class CardChangesBody(ControlsBody):
    name = PlainCharField(max_length=80, required=False)
    budget = PlainCharField(max_length=40, required=False, allow_null=True, help_text="Id of the budget that it draws from, or null.")


@extend_schema_field({"oneOf": [{"$ref": "#/components/schemas/Money"}, {"type": "integer"}, {"type": "null"}]})
class MeasureField(serializers.Field[Any, Any, Any, Any]):
    """Money of a limit by amount, a plain number of a limit by purchases."""

    def to_representation(self, value: Money | int) -> Any:
        return MoneyField().to_representation(value) if isinstance(value, Money) else value


class LimitStandingSerializer(serializers.Serializer[Meter]):
    """A limit in force, and what is left of its window."""

    interval = serializers.SerializerMethodField(help_text="As in `limits`.")
    limit = serializers.SerializerMethodField(help_text="Of a limit by amount, with what live grants add; else null.")
    granted = MoneyField(allow_null=True, help_text="What live grants add to it; null where none does.")
    count = serializers.SerializerMethodField(help_text="Of a limit by purchases; else null.")
    used = MeasureField(
        allow_null=True,
        help_text="Held and posted together, or how many purchases. Of an `all_time` amount in the mode `approval_refill`: what waits for "
        "approval. Null where the limit is newer than its window and nothing was counted yet; the next purchase counts what came before.",
    )
    remaining = MeasureField(source="left", allow_null=True, help_text="limit − used, or count − used; never below zero. Null like `used`.")
    since = serializers.DateField(allow_null=True, help_text="First day of the window; null for one without an end.")
    until = serializers.DateField(allow_null=True, help_text="Its last day, included.")

    @extend_schema_field(serializers.ChoiceField(INTERVALS))
    def get_interval(self, meter: Meter) -> str:
        return str(Interval.ALL_TIME if meter.interval == Interval.UNAPPROVED else meter.interval)

    @extend_schema_field(MoneyField(allow_null=True))
    def get_limit(self, meter: Meter) -> Any:
        return MoneyField().to_representation(meter.limit) if isinstance(meter.limit, Money) else None

    @extend_schema_field(serializers.IntegerField(allow_null=True))
    def get_count(self, meter: Meter) -> int | None:
        return meter.limit if isinstance(meter.limit, int) else None


class LiveGrantSerializer(serializers.Serializer[GrantStanding]):
    """A grant that may still be used."""

    id = serializers.CharField(source="grant.public_id")
    amount = MoneyField()
    used = MoneyField(allow_null=True, help_text=_GRANT_USED)
    remaining = MoneyField(source="left", allow_null=True, help_text="amount − used. Null like `used`.")
    expires_at = serializers.DateTimeField(source="grant.expires_at")


_TEXTS = serializers.ListField(child=serializers.CharField())


class CardSerializer(serializers.ModelSerializer[Card]):
    id = serializers.CharField(source="public_id", read_only=True)
    holder = serializers.CharField(source="holder.public_id", read_only=True)
    holder_name = serializers.CharField(source="holder.user.name", read_only=True)
    frozen_by = serializers.SerializerMethodField(help_text="Who froze it; empty when it is not frozen.")
    per_transaction_cap = serializers.SerializerMethodField()
    budget = serializers.CharField(source="budget.public_id", read_only=True, allow_null=True, default=None)
    merchant = serializers.CharField(source="merchant_key", read_only=True, help_text="Of a merchant-locked card; blank until it is used.")
    mode = serializers.CharField(source="rules.mode", read_only=True)
    limits = serializers.SerializerMethodField()
    blocked_merchant_categories = serializers.SerializerMethodField()
    allowed_merchant_categories = serializers.SerializerMethodField()
    blocked_merchants = serializers.SerializerMethodField()
    allowed_merchants = serializers.SerializerMethodField()
    blocked_countries = serializers.SerializerMethodField()
    allowed_countries = serializers.SerializerMethodField()
    valid_from = serializers.DateField(source="rules.valid_from", read_only=True, allow_null=True)
    locks_on = serializers.DateField(source="rules.locks_on", read_only=True, allow_null=True)
    standing = LimitStandingSerializer(
        source="standing.meters", many=True, read_only=True, help_text="What is used and left of each of the `limits`, in their order."
    )
    live_grants = LiveGrantSerializer(
        source="standing.grants", many=True, read_only=True, help_text="Room for once, the first to expire before the others."
    )
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
            "usage",
            "merchant",
            "budget",
            "mode",
            "per_transaction_cap",
            "limits",
            "standing",
            "live_grants",
            "blocked_merchant_categories",
            "allowed_merchant_categories",
            "blocked_merchants",
            "allowed_merchants",
            "blocked_countries",
            "allowed_countries",
            "valid_from",
            "locks_on",
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

    @extend_schema_field(LimitBody(many=True))
    def get_limits(self, card: Card) -> list[dict[str, Any]]:
        return [
            {"interval": str(limit.interval), "amount": self._money(card, limit.amount_minor), "count": limit.count}
            for limit in Controls.of(card.rules).limits
        ]

    @extend_schema_field(_TEXTS)
    def get_blocked_merchant_categories(self, card: Card) -> list[str]:
        return card.rules.texts("blocked_codes")

    @extend_schema_field(_TEXTS)
    def get_allowed_merchant_categories(self, card: Card) -> list[str]:
        return card.rules.texts("allowed_codes")

    @extend_schema_field(_TEXTS)
    def get_blocked_merchants(self, card: Card) -> list[str]:
        return card.rules.texts("blocked_merchants")

    @extend_schema_field(_TEXTS)
    def get_allowed_merchants(self, card: Card) -> list[str]:
        return card.rules.texts("allowed_merchants")

    @extend_schema_field(_TEXTS)
    def get_blocked_countries(self, card: Card) -> list[str]:
        return card.rules.texts("blocked_countries")

    @extend_schema_field(_TEXTS)
    def get_allowed_countries(self, card: Card) -> list[str]:
        return card.rules.texts("allowed_countries")

    def _money(self, card: Card, minor: int | None) -> Any:
        return None if minor is None else MoneyField().to_representation(Money(minor, card.currency))


class MemberIdsField(PlainListField):
    child = PlainCharField(max_length=40)


class BudgetChangesBody(StrictSerializer):
    name = PlainCharField(max_length=80, required=False)
    limit = NotNegativeMoneyField(required=False, help_text="For each period. In the budget's currency, which is for good.")
    is_hard = StrictBooleanField(required=False, help_text="Whether it declines what goes beyond it, or only tells.")
    owner = PlainCharField(
        max_length=40, required=False, help_text="Id of an active member: whom requests for cards that draw from it ask."
    )
    members = MemberIdsField(
        required=False, max_length=MOST_LISTED, help_text="Ids of all who may see it and ask for cards that draw from it."
    )


class NewBudgetBody(BudgetChangesBody):
    name = PlainCharField(max_length=80)
    limit = NotNegativeMoneyField(help_text="For each period. Its currency is the budget's, for good.")
    interval = PlainChoiceField(BudgetInterval.choices, help_text="When it is filled anew; quarters and years are fiscal. For good.")
    is_hard = StrictBooleanField(required=False, default=True, help_text="Whether it declines what goes beyond it, or only tells.")
    owner = PlainCharField(max_length=40, required=False, help_text="Id of an active member; yourself by default.")
    parent = PlainCharField(  # type: ignore[assignment]  # a field of the body
        max_length=40, required=False, allow_null=True, default=None, help_text="Id of the budget that it lies in. For good."
    )


class PeriodSerializer(serializers.Serializer[Any]):
    """Days of the company's calendar, both included."""

    start = serializers.DateField(source="since")
    end = serializers.SerializerMethodField(help_text="The last day; null for a budget that is filled once.")

    @extend_schema_field(serializers.DateField(allow_null=True))
    def get_end(self, standing: BudgetStanding) -> Any:
        return (standing.until - timedelta(days=1)).isoformat() if standing.until else None


class BudgetSerializer(serializers.Serializer[BudgetStanding]):
    id = serializers.CharField(source="budget.public_id")
    name = serializers.CharField(source="budget.name")
    parent = serializers.CharField(source="budget.parent.public_id", allow_null=True, default=None)  # type: ignore[assignment]  # a field of the answer
    owner = serializers.CharField(source="budget.owner.public_id")
    owner_name = serializers.CharField(source="budget.owner.user.name")
    members = serializers.SerializerMethodField()
    limit = MoneyField(source="budget.limit")
    interval = serializers.ChoiceField(BudgetInterval.choices, source="budget.interval")
    is_hard = serializers.BooleanField(source="budget.is_hard")
    period = PeriodSerializer(source="*")
    held = MoneyField(help_text="Approved in this period, not cleared yet.")
    posted = MoneyField(help_text="Cleared, less refunds.")
    used = MoneyField(help_text="held + posted.")
    remaining = MoneyField(help_text="limit − held − posted; below zero where facts, or a lowered limit, went beyond it.")
    created_at = serializers.DateTimeField(source="budget.created_at")
    closed_at = serializers.DateTimeField(source="budget.closed_at", allow_null=True)

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_members(self, standing: BudgetStanding) -> list[str]:
        return [row.member.public_id for row in standing.budget.members.all()]


class NewRequestBody(StrictSerializer):
    kind = PlainChoiceField(
        RequestKind.choices, help_text="`card` takes `name` and perhaps `budget`; `raise` takes `card`; `grant` takes `card` and `until`."
    )
    amount = PositiveMoneyField(help_text="The limit of each `interval` that is wanted; of a `grant` the room for once.")
    interval = PlainChoiceField(INTERVALS, required=False, help_text="Of a `card` or a `raise`; `month` by default.")
    reason = PlainCharField(max_length=500)
    name = PlainCharField(max_length=80, required=False, default="")
    budget = PlainCharField(max_length=40, required=False, allow_null=True, default=None, help_text="Id of the budget to draw from.")
    card = PlainCharField(max_length=40, required=False, allow_null=True, default=None, help_text="Id of an open card of your own.")
    until = serializers.DateField(
        required=False, allow_null=True, default=None, help_text="The last day of the company's calendar on which the room may be used."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["kind"] == RequestKind.GRANT and "interval" in attrs:
            raise serializers.ValidationError({"interval": "This does not belong to a request of the kind grant: it is room for once."})
        return {"interval": Interval.MONTH} | attrs


class ApproveRequestBody(StrictSerializer):
    answer = PlainCharField(max_length=500, required=False, default="", allow_blank=True)


class RejectRequestBody(StrictSerializer):
    answer = PlainCharField(max_length=500, help_text="Why not, for whoever asked.")


class CardRequestSerializer(serializers.ModelSerializer[CardRequest]):
    id = serializers.CharField(source="public_id", read_only=True)
    requester = serializers.CharField(source="requester.public_id", read_only=True)
    requester_name = serializers.CharField(source="requester.user.name", read_only=True)
    card = serializers.CharField(source="card.public_id", read_only=True, allow_null=True, default=None)
    budget = serializers.CharField(source="budget.public_id", read_only=True, allow_null=True, default=None)
    amount = MoneyField(read_only=True)
    interval = serializers.SerializerMethodField(help_text="Of the limit that is wanted; null for a `grant`, which is room for once.")
    waits_for = serializers.SerializerMethodField(help_text="Ids of the members whom it waits for; owners and admins may decide it too.")
    decided_by = serializers.CharField(source="decided_by.public_id", read_only=True, allow_null=True, default=None)
    issued_card = serializers.CharField(source="issued_card.public_id", read_only=True, allow_null=True, default=None)
    grant = serializers.CharField(source="grant.public_id", read_only=True, allow_null=True, default=None)

    class Meta:
        model = CardRequest
        fields = [
            "id",
            "kind",
            "status",
            "requester",
            "requester_name",
            "amount",
            "interval",
            "reason",
            "name",
            "budget",
            "card",
            "until",
            "asked_at",
            "waits_for",
            "decided_by",
            "decided_at",
            "answer",
            "issued_card",
            "grant",
        ]
        read_only_fields = fields

    @extend_schema_field(serializers.ChoiceField(INTERVALS, allow_null=True))
    def get_interval(self, row: CardRequest) -> str | None:
        return None if row.kind == RequestKind.GRANT else row.interval

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_waits_for(self, row: CardRequest) -> list[str]:
        deciders: list[Any] = row.waits_for  # type: ignore[attr-defined]  # by `with_deciders`
        return [member.public_id for member in deciders]


class NewGrantBody(StrictSerializer):
    amount = PositiveMoneyField(help_text="In the card's currency.")
    expires_at = InstantField(help_text="In the future. RFC 3339 with its offset.")
    reason = PlainCharField(max_length=500, required=False, default="", allow_blank=True)


class GrantSerializer(serializers.ModelSerializer[LimitGrant]):
    id = serializers.CharField(source="public_id", read_only=True)
    card = serializers.CharField(source="card.public_id", read_only=True, help_text="The first of a row of replacements, which all use it.")
    amount = MoneyField(read_only=True)
    used = serializers.SerializerMethodField(help_text=_GRANT_USED)
    granted_by = serializers.CharField(source="granted_by.public_id", read_only=True)
    revoked_by = serializers.CharField(source="revoked_by.public_id", read_only=True, allow_null=True, default=None)

    class Meta:
        model = LimitGrant
        fields = ["id", "card", "amount", "used", "reason", "granted_by", "granted_at", "expires_at", "revoked_by", "revoked_at"]
        read_only_fields = fields

    @extend_schema_field(MoneyField(allow_null=True))
    def get_used(self, grant: LimitGrant) -> Any:
        if grant.mode != CardMode.ZERO_UNTIL_GRANTED:  # type: ignore[attr-defined]  # by `queries.grants`
            return None
        return MoneyField().to_representation(Money(grant.counter.used_minor, grant.card.currency))


class BlockListBody(StrictSerializer):
    """Each list that is named replaces the one before."""

    blocked_merchant_categories = CodesField(required=False, max_length=MOST_LISTED, help_text="Codes of ISO 18245 and ranges of them.")
    blocked_merchants = NamesField(required=False, max_length=MOST_LISTED, help_text="Names, or `id:` and the network's id of a merchant.")
    blocked_countries = NamesField(required=False, max_length=MOST_LISTED, help_text="ISO 3166-1 alpha-2.")


class BlockListSerializer(serializers.Serializer[BlockList]):
    blocked_merchant_categories = serializers.SerializerMethodField()
    blocked_merchants = serializers.SerializerMethodField()
    blocked_countries = serializers.SerializerMethodField()

    @extend_schema_field(_TEXTS)
    def get_blocked_merchant_categories(self, row: BlockList) -> list[str]:
        return row.texts("codes")

    @extend_schema_field(_TEXTS)
    def get_blocked_merchants(self, row: BlockList) -> list[str]:
        return row.texts("merchants")

    @extend_schema_field(_TEXTS)
    def get_blocked_countries(self, row: BlockList) -> list[str]:
        return row.texts("countries")
