"""Transactions as the API shows them, and why their requests were answered as they were."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from spendtrackr.serializers import (
    AnyMoneyField,
    CountryField,
    ErrorRowSerializer,
    MerchantCodeField,
    MoneyField,
    PlainCharField,
    PlainListField,
    PositiveMoneyField,
    StrictSerializer,
)
from transactions.models import REQUESTS, Split, Transaction
from transactions.policies import ITEMS
from transactions.purchases import Flag


class SplitSerializer(serializers.ModelSerializer[Split]):
    """One part of a split transaction."""

    amount = MoneyField(read_only=True, help_text="What it comes to of the amount as it is now; together they are the amount.")
    category = serializers.CharField(source="category.public_id", read_only=True, allow_null=True, default=None)
    department = serializers.CharField(
        source="department.public_id", read_only=True, allow_null=True, default=None, help_text="Null: the transaction's."
    )
    budget = serializers.CharField(
        source="budget.public_id", read_only=True, allow_null=True, default=None, help_text="Null: what the transaction draws from."
    )
    tax = MoneyField(read_only=True, allow_null=True)

    class Meta:
        model = Split
        fields = ["amount", "category", "department", "budget", "memo", "tax_code", "tax"]
        read_only_fields = fields


class TransactionSerializer(serializers.ModelSerializer[Transaction]):
    id = serializers.CharField(source="public_id", read_only=True)
    card = serializers.CharField(source="card.public_id", read_only=True, allow_null=True, default=None)
    member = serializers.CharField(source="member.public_id", read_only=True, allow_null=True, default=None)
    member_name = serializers.CharField(source="member.user.name", read_only=True, allow_null=True, default=None)
    merchant = serializers.CharField(source="merchant.public_id", read_only=True, allow_null=True, default=None)
    merchant_name = serializers.CharField(source="merchant.name", read_only=True, allow_null=True, default=None)
    department = serializers.CharField(
        source="department.public_id", read_only=True, allow_null=True, default=None, help_text="The owner's on the day of the purchase."
    )
    department_name = serializers.CharField(source="department.name", read_only=True, allow_null=True, default=None)
    category = serializers.CharField(source="category.public_id", read_only=True, allow_null=True, default=None)
    category_name = serializers.CharField(source="category.name", read_only=True, allow_null=True, default=None)
    decline_code = serializers.CharField(read_only=True, help_text="Why it was declined; blank otherwise.")
    amount = MoneyField(read_only=True, help_text="Captured, else authorized; what was asked for when declined; below zero for a credit.")
    held = MoneyField(read_only=True)
    captured = MoneyField(read_only=True)
    refunded = MoneyField(read_only=True)
    charged_back = MoneyField(read_only=True, help_text="Came back by a dispute.")
    flags = serializers.SerializerMethodField(help_text="What is worth a second look; derived from the messages.")
    budget = serializers.CharField(
        source="budget.public_id", read_only=True, allow_null=True, default=None, help_text="What it draws from, for good."
    )
    splits = SplitSerializer(source="parts", many=True, read_only=True, help_text="Its parts; empty where it is in one piece.")
    tags = serializers.SerializerMethodField(help_text="Ids of the tags that it carries.")
    tax = MoneyField(read_only=True, allow_null=True, help_text="Of the whole; of a split one each part has its own.")
    merchant_amount = MoneyField(read_only=True, allow_null=True, help_text="In the merchant's currency, where it is known.")
    statement_import = serializers.CharField(
        source="statement_import.public_id", read_only=True, allow_null=True, default=None, help_text="Of an imported one, by which import."
    )
    ref = serializers.CharField(
        source="network_ref", read_only=True, allow_null=True, help_text="The network's name for the purchase. A decline leaves none."
    )
    missing_items = serializers.ListField(
        child=serializers.ChoiceField(list(ITEMS)), read_only=True, help_text="What its owner still has to add, by the policy in force."
    )
    no_receipt_reason = serializers.CharField(read_only=True, help_text="Why there is no receipt; blank where nobody said.")

    class Meta:
        model = Transaction
        fields = [
            "id",
            "source",
            "status",
            "decline_code",
            "card",
            "card_last4",
            "member",
            "member_name",
            "department",
            "department_name",
            "merchant",
            "merchant_name",
            "descriptor",
            "merchant_code",
            "country",
            "category",
            "category_name",
            "amount",
            "held",
            "captured",
            "refunded",
            "charged_back",
            "flags",
            "budget",
            "merchant_amount",
            "statement_import",
            "ref",
            "occurred_at",
            "occurred_on",
            "posted_on",
            "memo",
            "splits",
            "tags",
            "tax_code",
            "tax",
            "receipt_count",
            "no_receipt_reason",
            "missing_items",
            "approval",
        ]
        read_only_fields = fields

    @extend_schema_field(serializers.ListField(child=serializers.ChoiceField([str(flag) for flag in Flag])))
    def get_flags(self, purchase: Transaction) -> list[str]:
        return str(purchase.flags).split()

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_tags(self, purchase: Transaction) -> list[str]:
        return [tag.public_id for tag in purchase.tags]  # type: ignore[attr-defined]  # by `queries.with_parts`


_TAX_CODE = "As your general ledger names it, such as `V19`."


_PARTS = (
    "All of its parts, each with what it is said to be: category and tax of the whole are nobody's then. "
    "Empty puts it back into one piece, whose category and tax are to be said anew."
)


class SplitBody(StrictSerializer):
    amount = AnyMoneyField(help_text="Of the same sign as the transaction; the parts must add up to it.")
    category = PlainCharField(max_length=40, required=False, default=None, allow_null=True, help_text="A category's id, or null.")
    department = PlainCharField(
        max_length=40, required=False, default=None, allow_null=True, help_text="By bookkeepers; null is the transaction's."
    )
    budget = PlainCharField(max_length=40, required=False, default=None, allow_null=True, help_text="What counts this part instead.")
    memo = PlainCharField(max_length=200, required=False, default="", allow_blank=True)
    tax_code = PlainCharField(max_length=20, required=False, default="", allow_blank=True, help_text=_TAX_CODE)
    tax = AnyMoneyField(required=False, default=None, allow_null=True, help_text="Included in the amount.")


class DescriptionBody(StrictSerializer):
    memo = PlainCharField(max_length=500, required=False, allow_blank=True, help_text="What it was for.")
    no_receipt_reason = PlainCharField(
        max_length=300, required=False, allow_blank=True, help_text="Stands in for a receipt; then somebody always has to approve."
    )
    category = PlainCharField(max_length=40, required=False, allow_null=True, help_text="A category's id, or null.")
    department = PlainCharField(max_length=40, required=False, allow_null=True, help_text="By bookkeepers: a department's id, or null.")
    member = PlainCharField(max_length=40, required=False, allow_null=True, help_text="By bookkeepers: whose an imported line is.")
    tags = PlainListField(child=PlainCharField(max_length=40), required=False, max_length=20, help_text="All of its tags, by id.")
    tax_code = PlainCharField(max_length=20, required=False, allow_blank=True, help_text=_TAX_CODE)
    tax = AnyMoneyField(required=False, allow_null=True, help_text="Included in the amount.")
    splits = SplitBody(many=True, required=False, max_length=50, help_text=_PARTS)  # type: ignore[call-arg]


class DescribeAllBody(StrictSerializer):
    """The same of several transactions. What is not named stays."""

    transactions = PlainListField(child=PlainCharField(max_length=40), min_length=1, max_length=200)
    memo = PlainCharField(max_length=500, required=False, allow_blank=True)
    category = PlainCharField(max_length=40, required=False, allow_null=True)
    department = PlainCharField(max_length=40, required=False, allow_null=True)
    tax_code = PlainCharField(max_length=20, required=False, allow_blank=True)
    add_tags = PlainListField(child=PlainCharField(max_length=40), required=False, default=list, max_length=20)
    remove_tags = PlainListField(child=PlainCharField(max_length=40), required=False, default=list, max_length=20)


class DescribedSerializer(serializers.Serializer[Any]):
    """What became of one of several."""

    transaction = serializers.CharField(source="purchase.public_id")
    done = serializers.SerializerMethodField()
    error = ErrorRowSerializer(source="refusal", allow_null=True, help_text="Why it was refused; null when it is done.")

    def get_done(self, result: Any) -> bool:
        return result.refusal is None


class DescribedAllSerializer(serializers.Serializer[Any]):
    results = DescribedSerializer(many=True, help_text="In the order of the transactions.")


class ChangeSerializer(serializers.Serializer[Any]):
    """One thing that would have had to be otherwise."""

    check = serializers.CharField(help_text="Name of the check.")
    change = serializers.CharField(source="what", help_text="Stable code: `raise_limit`, `lift_freeze`, `unblock`, `top_up`, …")
    amount = MoneyField(allow_null=True, help_text="By how much, where it is about an amount: no less would have done.")
    subject = serializers.CharField(allow_null=True, help_text="Id of the budget that it is about.")
    message = serializers.CharField(source="says", help_text="A sentence for people; may change.")


class CheckSerializer(serializers.Serializer[Any]):
    """One question of a decision."""

    name = serializers.CharField()
    passed = serializers.BooleanField()
    value = serializers.JSONField(help_text="What was found, or null; amounts in minor units.")
    limit = serializers.JSONField(help_text="What would have been allowed, or null.")
    room = serializers.IntegerField(allow_null=True, help_text="What was left, in minor units.")
    subject = serializers.CharField(allow_null=True, default=None, help_text="Id of the budget or grant that it is about.")


class ExplanationSerializer(serializers.Serializer[Any]):
    """An answer to a swipe, check by check, and the smallest change that would have approved it."""

    approved = serializers.BooleanField()
    reason = serializers.CharField(allow_blank=True, help_text="Code of the first check that failed; blank when approved.")
    requested = MoneyField()
    approved_amount = MoneyField(help_text="Less than requested where the network took a part.")
    approvable = MoneyField(
        allow_null=True,
        help_text="The most that every check would have approved; zero where one of them is not about the amount. Null where a balance or "
        "a budget that you may not see sets the bound.",
    )
    checks = CheckSerializer(many=True)
    changes = ChangeSerializer(many=True, help_text="All of them together would have approved it; empty when it was.")


REQUEST_KINDS = sorted(str(kind) for kind in REQUESTS)


class RequestSerializer(serializers.Serializer[Any]):
    """What the network asked about a purchase, and what it was answered."""

    id = serializers.CharField(help_text="Id of the message.")
    kind = serializers.ChoiceField(REQUEST_KINDS)
    network_id = serializers.CharField(help_text="The network's own id of the message.")
    at = serializers.DateTimeField()
    approved = serializers.BooleanField()
    requested = MoneyField()
    approved_amount = MoneyField()


class PastDecisionSerializer(ExplanationSerializer):
    """Why a request was answered as it was, beside all requests for the same purchase."""

    request = RequestSerializer(help_text="The one that is explained.")
    requests = RequestSerializer(many=True, help_text="All of them, the oldest first.")


class PreviewBody(StrictSerializer):
    amount = PositiveMoneyField()
    merchant_name = PlainCharField(max_length=120)
    merchant_id = PlainCharField(max_length=120, required=False, default="", help_text="The network's id of the merchant.")
    merchant_code = MerchantCodeField()
    country = CountryField(help_text="Where the merchant is, ISO 3166-1 alpha-2.")
