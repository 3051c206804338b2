"""Transactions, funding, swipes and statements, as the API shows and takes them."""

from __future__ import annotations

import json
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from companies.operations import COUNTRIES
from spendtrackr.money import Money
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
from transactions import queries
from transactions.models import (
    REQUESTS,
    Account,
    Approval,
    Entry,
    FundingAccount,
    MessageKind,
    Posting,
    Receipt,
    StatementImport,
    Transaction,
)
from transactions.policies import ITEMS
from transactions.purchases import Flag
from transactions.statements.mapping import DATE_FORMATS, SYNONYMS


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
    merchant_amount = MoneyField(read_only=True, allow_null=True, help_text="In the merchant's currency, where it is known.")
    ref = serializers.CharField(
        source="network_ref", read_only=True, allow_null=True, help_text="The network's name for the purchase. A decline leaves none."
    )
    missing_items = serializers.SerializerMethodField(help_text="What its owner still has to add.")

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
            "ref",
            "occurred_at",
            "occurred_on",
            "posted_on",
            "memo",
            "receipt_count",
            "missing_items",
            "approval",
        ]
        read_only_fields = fields

    @extend_schema_field(serializers.ListField(child=serializers.ChoiceField([str(flag) for flag in Flag])))
    def get_flags(self, purchase: Transaction) -> list[str]:
        return str(purchase.flags).split()

    @extend_schema_field(serializers.ListField(child=serializers.ChoiceField(list(ITEMS))))
    def get_missing_items(self, purchase: Transaction) -> list[str]:
        return queries.missing_items(purchase, self.context["request"].membership.company)


class DescriptionBody(StrictSerializer):
    memo = PlainCharField(max_length=500, required=False, allow_blank=True, help_text="What it was for.")
    category = PlainCharField(max_length=40, required=False, allow_null=True, help_text="A category's id, or null.")


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


class FundingAccountSerializer(serializers.ModelSerializer[FundingAccount]):
    id = serializers.CharField(source="public_id", read_only=True)
    available = MoneyField(read_only=True, help_text="What cards can still spend.")
    held = MoneyField(read_only=True, help_text="Approved, not cleared yet.")
    spent = MoneyField(read_only=True, help_text="Cleared less refunds, since the beginning.")
    credit = MoneyField(read_only=True, help_text="How far swipes may push `available` below zero. It cannot be withdrawn.")

    class Meta:
        model = FundingAccount
        fields = ["id", "currency", "available", "held", "spent", "credit"]
        read_only_fields = fields


class BalancesSerializer(serializers.Serializer[Any]):
    """An amount for each of the five balances, which add up to zero: what one holds came from another."""

    external = MoneyField(help_text="The bank: below zero by what came from there.")
    available = MoneyField(help_text="What cards can still spend.")
    held = MoneyField(help_text="Approved, not cleared yet.")
    spent = MoneyField(help_text="Cleared less refunds, and imported lines.")
    owed = MoneyField(help_text="Below zero by what is owed to people.")


class BalanceSerializer(serializers.Serializer[Any]):
    """What an account held at an instant."""

    account = serializers.CharField(help_text="The account's id.")
    currency = serializers.CharField()
    at = serializers.DateTimeField(help_text="In UTC.")
    balances = BalancesSerializer(help_text="After every entry of this instant and of all before.")


class AccountDaySerializer(serializers.Serializer[Any]):
    """A day of the company's calendar. It opens as the day before it closed."""

    day = serializers.DateField(source="first")
    opening = BalancesSerializer()
    vars()["in"] = BalancesSerializer(source="came", help_text="What was moved into each balance.")
    out = BalancesSerializer(source="went", help_text="What was moved out of each balance.")
    closing = BalancesSerializer(help_text="The opening, plus what came in, less what went out.")


class StatementSerializer(serializers.Serializer[Any]):
    """A period as a whole, and its days."""

    account = serializers.CharField(source="account.public_id", help_text="The account's id.")
    currency = serializers.CharField(source="account.currency")
    vars()["from"] = serializers.DateField(source="whole.first")
    to = serializers.DateField(source="whole.last", help_text="Included.")
    opening = BalancesSerializer(source="whole.opening")
    vars()["in"] = BalancesSerializer(source="whole.came", help_text="What was moved into each balance.")
    out = BalancesSerializer(source="whole.went", help_text="What was moved out of each balance.")
    closing = BalancesSerializer(source="whole.closing", help_text="The opening, plus what came in, less what went out.")
    days = AccountDaySerializer(many=True, help_text="Those on which something was moved; the first and the last day always.")


class PostingSerializer(serializers.Serializer[Posting]):
    """An amount that was moved from one balance to another."""

    vars()["from"] = serializers.ChoiceField(Account.choices, source="from_account")
    to = serializers.ChoiceField(Account.choices, source="to_account")
    amount = serializers.SerializerMethodField()

    @extend_schema_field(MoneyField())
    def get_amount(self, posting: Posting) -> Any:
        return MoneyField().to_representation(Money(posting.amount_minor, posting.entry.account.currency))


class EntrySerializer(serializers.ModelSerializer[Entry]):
    """One happening in the ledger, and what it moved."""

    id = serializers.CharField(source="public_id", read_only=True)
    day = serializers.DateField(read_only=True, help_text="The day that statements count it on: an imported line's is the statement's.")
    at = serializers.DateTimeField(read_only=True, help_text="When it was booked.")
    transaction = serializers.CharField(
        source="transaction.public_id", read_only=True, allow_null=True, default=None, help_text="Null where the bank moved the money."
    )
    postings = PostingSerializer(many=True, read_only=True)

    class Meta:
        model = Entry
        fields = ["id", "kind", "day", "at", "transaction", "postings"]
        read_only_fields = fields


class TopUpBody(StrictSerializer):
    amount = PositiveMoneyField()


class WithdrawalBody(StrictSerializer):
    amount = PositiveMoneyField(help_text="At most what is available; credit cannot be withdrawn.")


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


class PreviewBody(StrictSerializer):
    amount = PositiveMoneyField()
    merchant_name = PlainCharField(max_length=120)
    merchant_id = PlainCharField(max_length=120, required=False, default="", help_text="The network's id of the merchant.")
    merchant_code = MerchantCodeField()
    country = CountryField(help_text="Where the merchant is, ISO 3166-1 alpha-2.")


class IncrementBody(StrictSerializer):
    amount = PositiveMoneyField(help_text="How much more.")
    network_id = PlainCharField(
        max_length=60, required=False, help_text="The network's own id of this message. Sent twice, it is answered once."
    )


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
    value = serializers.JSONField(allow_null=True, help_text="What was found; amounts in minor units.")
    limit = serializers.JSONField(allow_null=True, help_text="What would have been allowed.")
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


class RequestSerializer(serializers.Serializer[Any]):
    """What the network asked about a purchase, and what it was answered."""

    id = serializers.CharField(help_text="Id of the message.")
    kind = serializers.ChoiceField(sorted(REQUESTS))
    network_id = serializers.CharField(help_text="The network's own id of the message.")
    at = serializers.DateTimeField()
    approved = serializers.BooleanField()
    requested = MoneyField()
    approved_amount = MoneyField()


class PastDecisionSerializer(ExplanationSerializer):
    """Why a request was answered as it was, beside all requests for the same purchase."""

    request = RequestSerializer(help_text="The one that is explained.")
    requests = RequestSerializer(many=True, help_text="All of them, the oldest first.")


class DecisionSerializer(serializers.Serializer[Any]):
    """The answer to a swipe. A decline is a decision, not an error."""

    approved = serializers.BooleanField()
    approved_amount = MoneyField(allow_null=True, help_text="How much was approved; null only for `try_again`.")
    reason = serializers.CharField(
        help_text="Code of the first check that failed; blank when approved; `try_again` when the rows were locked for too long."
    )
    checks = CheckSerializer(many=True, source="message.checks_done")
    transaction = TransactionSerializer(allow_null=True, help_text="Null only for `try_again`: nothing was recorded.")


class BankTransferSerializer(serializers.Serializer[Any]):
    """Money that came from the bank or went back there, and the account afterwards."""

    entry = serializers.CharField(help_text="Id of the ledger entry.")
    account = FundingAccountSerializer()


class MappingSerializer(serializers.Serializer[Any]):
    """How a file is read: the file's own column for each field, and how dates and numbers are written."""

    columns = serializers.DictField(child=serializers.CharField(), help_text="Fields: " + ", ".join(SYNONYMS) + ".")
    date_format = serializers.ChoiceField([(fmt, fmt) for fmt in DATE_FORMATS])
    decimal_mark = serializers.ChoiceField([(".", "point"), (",", "comma")])
    charges = serializers.ChoiceField([("positive", "positive"), ("negative", "negative")], help_text="The sign of money that was spent.")


class IssueSerializer(serializers.Serializer[Any]):
    line = serializers.IntegerField(help_text="Line of the file, counted from 1.")
    kind = serializers.ChoiceField(["rejected", "skipped", "duplicate"])
    reason = serializers.CharField()
    field = serializers.CharField(allow_blank=True)


class ImportSerializer(serializers.ModelSerializer[StatementImport]):
    """What became of a file: booked + duplicates + skipped + rejected = rows."""

    id = serializers.CharField(source="public_id", read_only=True)
    source = serializers.CharField(source="source.name", read_only=True)  # type: ignore[assignment]  # a field of the import
    notes = serializers.SerializerMethodField(help_text="What a person should know about how the file was read.")
    totals = serializers.SerializerMethodField(help_text="What was booked, by currency.")

    class Meta:
        model = StatementImport
        fields = ["id", "source", "filename", "rows", "booked", "duplicates", "skipped", "rejected", "notes", "totals", "at"]
        read_only_fields = fields

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_notes(self, record: StatementImport) -> Any:
        return record.details["notes"]

    @extend_schema_field(serializers.ListField(child=MoneyField()))
    def get_totals(self, record: StatementImport) -> Any:
        return record.details["totals"]


class ImportReportSerializer(ImportSerializer):
    """With every row that was not booked, and how the file was read."""

    issues = serializers.SerializerMethodField()
    mapping = serializers.SerializerMethodField()

    class Meta(ImportSerializer.Meta):
        fields = [*ImportSerializer.Meta.fields, "issues", "mapping"]
        read_only_fields = fields

    @extend_schema_field(IssueSerializer(many=True))
    def get_issues(self, record: StatementImport) -> Any:
        return record.details["issues"]

    @extend_schema_field(MappingSerializer)
    def get_mapping(self, record: StatementImport) -> Any:
        return json.loads(record.mapping)


class ImportBody(StrictSerializer):
    file = serializers.FileField(help_text="A CSV file.", allow_empty_file=True)
    source = PlainCharField(max_length=80, required=False, help_text="Where it comes from. Rows are recognised again within one source.")  # type: ignore[assignment]
    attribution = PlainCharField(max_length=200, required=False, help_text="Shown wherever the rows are shown, such as a licence.")
    mapping = serializers.CharField(
        required=False, max_length=20_000, help_text="JSON; by default what was kept for this header, else what the header suggests."
    )


class ProposalBody(StrictSerializer):
    file = serializers.FileField(help_text="A CSV file.", allow_empty_file=True)


class ProposalSerializer(serializers.Serializer[Any]):
    header = serializers.ListField(child=serializers.CharField(allow_blank=True))
    mapping = MappingSerializer()
    is_kept = serializers.BooleanField(help_text="Whether this company read such a file before.")
    missing = serializers.ListField(
        child=serializers.CharField(), help_text="Fields that no column was recognised for and that an import needs."
    )
    notes = serializers.ListField(child=serializers.CharField())
    rows = serializers.IntegerField()


class ReceiptSerializer(serializers.ModelSerializer[Receipt]):
    id = serializers.CharField(source="public_id", read_only=True)
    transaction = serializers.CharField(source="transaction.public_id", read_only=True)
    content_hash = serializers.CharField(read_only=True, help_text="SHA-256 of the file, just as it was sent.")
    size = serializers.IntegerField(read_only=True, help_text="Bytes.")
    uploaded_by = serializers.CharField(source="uploaded_by.public_id", read_only=True, allow_null=True, default=None)

    class Meta:
        model = Receipt
        fields = ["id", "transaction", "filename", "content_type", "size", "content_hash", "uploaded_by", "uploaded_at"]
        read_only_fields = fields


class ReceiptBody(StrictSerializer):
    transaction = PlainCharField(max_length=40)
    file = serializers.FileField(help_text="A PNG, JPEG or PDF.", allow_empty_file=True)
