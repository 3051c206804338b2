"""Books that are closed, what accounting was told and what waits for it, and how it is told."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from spendtrackr.money import Money
from spendtrackr.serializers import (
    CurrencyField,
    DayField,
    MoneyField,
    PlainCharField,
    PlainChoiceField,
    PlainListField,
    StrictBooleanField,
    StrictSerializer,
)
from transactions import queries
from transactions.accounting import REASONS, STATES
from transactions.models import AccountingBatch, AccountingRow, AccountingSettings, BatchStatus, EntryKind, Side
from transactions.operations.accounting import MOST_CODES, MOST_JOURNALS

STATE_CHOICES = list(STATES.items())


class ChecklistSerializer(serializers.Serializer[Any]):
    """What is still open in a month, by posting day."""

    month = serializers.DateField(source="month.start", help_text="Its first day.")
    missing_receipt = serializers.IntegerField(help_text="Purchases that miss a receipt.")
    not_submitted = serializers.IntegerField(help_text="Purchases that nobody has submitted for approval.")
    waiting = serializers.IntegerField(help_text="Purchases that wait for a yes.")
    uncategorised = serializers.IntegerField(help_text="Items of spend without a category.")
    not_exported = serializers.IntegerField(help_text="Transactions of which something is not exported to accounting.")


class BooksSerializer(serializers.Serializer[Any]):
    """How far the books are closed."""

    closed_through = serializers.DateField(allow_null=True, help_text="The last closed day; null while nothing is closed.")
    closed_by = serializers.CharField(allow_null=True, help_text="Id of the member who closed or opened them last.")
    closed_at = serializers.DateTimeField(allow_null=True)
    next = ChecklistSerializer(allow_null=True, help_text="The month to be closed next; null while it is not over.")


@extend_schema_serializer(examples=[OpenApiExample("Close March", value={"closed_through": "2026-03-31"})])
class BooksBody(StrictSerializer):
    closed_through = DayField(allow_null=True, help_text="A day that is over. An earlier one, or null, opens what is closed again.")


class LateSerializer(serializers.Serializer[Any]):
    """An entry on a closed day that came afterwards, or that accounting was told of afterwards."""

    entry = serializers.CharField(source="entry.public_id")
    kind = serializers.ChoiceField(EntryKind.choices, source="entry.kind")
    day = serializers.DateField(source="entry.day")
    transaction = serializers.CharField(source="entry.transaction.public_id", allow_null=True, default=None)
    merchant_name = serializers.CharField(source="entry.transaction.merchant.name", allow_null=True, default=None)
    amount = MoneyField(help_text="What it came to; below zero for a refund.")
    came_late = serializers.BooleanField(help_text="It came after its day was closed. False: it was exported only then.")
    batch = serializers.CharField(
        source="journal.batch.public_id", allow_null=True, default=None, help_text="The batch that exported it late, if one did."
    )


class ClearingSerializer(StrictSerializer):
    """The account on the other side of what was spent."""

    currency = CurrencyField()
    side = PlainChoiceField(
        Side.choices,
        help_text="`cards`: card purchases. `claims`: owed to people. `statements`: imported. `repayments`: what they gave back.",
    )
    ledger_code = PlainCharField(max_length=100)


class TaxNameSerializer(StrictSerializer):
    """What a tax code is called in accounting."""

    code = PlainCharField(max_length=20, help_text="As it stands on transactions.")
    name = PlainCharField(max_length=100, required=False, allow_blank=True, default="", help_text="The tax rate's full name there.")
    ledger_code = PlainCharField(
        max_length=100, required=False, allow_blank=True, default="",
        help_text="The account of the tax: then it is a line of its own. Blank: it stays in the amount, and accounting works it out.",
    )  # fmt: skip


class AccountingSettingsSerializer(serializers.ModelSerializer[AccountingSettings]):
    """How spend is written for the accounting system."""

    clearing = ClearingSerializer(many=True, source="clearing_accounts", read_only=True)
    taxes = TaxNameSerializer(many=True, source="tax_names", read_only=True)

    class Meta:
        model = AccountingSettings
        fields = ["starts_on", "exports_unapproved", "tracking_name", "untaxed_as", "clearing", "taxes"]
        read_only_fields = fields
        extra_kwargs = {
            "starts_on": {"help_text": "What was posted before is accounted for elsewhere; null exports everything."},
            "exports_unapproved": {"help_text": "Whether what is not approved, or misses something, is exported all the same."},
            "tracking_name": {"help_text": "Xero: the tracking category of cost centres; blank for none."},
            "untaxed_as": {"help_text": "Xero: the tax rate of lines without tax."},
        }


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "A company in dollars",
            value={
                "clearing": [{"currency": "USD", "side": "cards", "ledger_code": "2100"}],
                "taxes": [{"code": "V19", "name": "19% (VAT on Expenses)", "ledger_code": ""}],
                "tracking_name": "Department",
            },
        )
    ]
)
class AccountingSettingsBody(StrictSerializer):
    starts_on = DayField(required=False, allow_null=True)
    exports_unapproved = StrictBooleanField(required=False)
    tracking_name = PlainCharField(max_length=100, required=False, allow_blank=True)
    untaxed_as = PlainCharField(max_length=100, required=False)
    clearing = PlainListField(child=ClearingSerializer(), required=False, max_length=MOST_CODES, help_text="All of them, anew.")
    taxes = PlainListField(child=TaxNameSerializer(), required=False, max_length=MOST_CODES, help_text="All of them, anew.")


class FailureSerializer(serializers.Serializer[Any]):
    """Why accounting did not take it."""

    batch = serializers.CharField(source="batch.public_id")
    journal = serializers.CharField(source="public_id")
    reason = serializers.CharField()


class ItemSerializer(serializers.Serializer[Any]):
    """A transaction on its way to accounting."""

    transaction = serializers.CharField(source="purchase.public_id")
    merchant_name = serializers.CharField(source="purchase.merchant.name", allow_null=True, default=None)
    member = serializers.CharField(source="purchase.member.public_id", allow_null=True, default=None)
    posted_on = serializers.DateField(source="purchase.posted_on", allow_null=True)
    state = serializers.ChoiceField(STATE_CHOICES)
    reasons = serializers.ListField(child=serializers.ChoiceField(list(REASONS.items())), help_text="Why it is not ready.")
    amount = MoneyField(help_text="What accounting does not know of it yet: of an edit alone, nothing.")
    failure = FailureSerializer(source="refused", allow_null=True, help_text="The latest refusal, while it waits to be exported again.")
    batches = serializers.ListField(child=serializers.CharField(), help_text="Ids of the batches that told of it last.")


class StandingSerializer(serializers.Serializer[Any]):
    """What is in one state, in one currency."""

    state = serializers.ChoiceField(STATE_CHOICES)
    amount = MoneyField()
    count = serializers.IntegerField(help_text="Transactions; of what is exported, journals.")


class SummarySerializer(serializers.Serializer[Any]):
    states = StandingSerializer(many=True, source="standing")
    is_cut = serializers.BooleanField(
        help_text=f"There is more than was looked at: of what waits, the oldest {queries.MOST_LOOKED:,} entries are."
    )


@extend_schema_serializer(examples=[OpenApiExample("All of March", value={"since": "2026-03-01", "until": "2026-03-31"})])
class BatchBody(StrictSerializer):
    currency = CurrencyField(required=False, help_text="ISO 4217 code; by default the company's.")
    since = DayField(required=False, allow_null=True, default=None, help_text="First posting day; null from the beginning.")
    until = DayField(required=False, allow_null=True, default=None, help_text="Last posting day; null up to today.")


class FailBatchBody(StrictSerializer):
    reason = PlainCharField(max_length=300, help_text="Why, as your accounting says.")
    journals = PlainListField(
        child=PlainCharField(max_length=40), required=False, allow_null=True, default=None, min_length=1, max_length=MOST_JOURNALS,
        help_text="Ids of the journals that failed; null for all of the batch.",
    )  # fmt: skip


class BatchSerializer(serializers.ModelSerializer[AccountingBatch]):
    """What was ready in one currency, exported together."""

    id = serializers.CharField(source="public_id", read_only=True)
    since = serializers.DateField(source="first_day", read_only=True, allow_null=True)
    until = serializers.DateField(source="last_day", read_only=True)
    total = MoneyField(read_only=True, help_text="Of the journals that stand.")
    journals = serializers.IntegerField(source="journal_count", read_only=True, help_text="How many stand.")
    failed = serializers.IntegerField(source="failed_count", read_only=True, help_text="How many accounting did not take.")
    late = serializers.IntegerField(source="late_count", read_only=True, help_text="How many of those that stand are on closed days.")
    created_by = serializers.CharField(source="created_by.public_id", read_only=True)

    class Meta:
        model = AccountingBatch
        fields = [
            "id", "sequence", "status", "currency", "since", "until", "total", "journals", "failed", "late", "created_by", "created_at",
        ]  # fmt: skip
        read_only_fields = fields


class JournalRowSerializer(serializers.ModelSerializer[AccountingRow]):
    """So much was booked to an account, or an earlier row is taken back. Codes are those of the export."""

    journal = serializers.CharField(source="journal.public_id", read_only=True)
    position = serializers.IntegerField(source="journal.position", read_only=True, help_text="Of the journal in its batch.")
    status = serializers.ChoiceField(BatchStatus.choices, source="journal.status", read_only=True)
    reason = serializers.CharField(source="journal.reason", read_only=True, help_text="Why its journal failed; blank otherwise.")
    day = serializers.DateField(source="journal.day", read_only=True)
    is_late = serializers.BooleanField(source="journal.is_late", read_only=True, help_text="Its day was closed by then.")
    is_reversal = serializers.SerializerMethodField()
    transaction = serializers.CharField(source="journal.transaction.public_id", read_only=True)
    category = serializers.CharField(source="category.public_id", read_only=True)
    department = serializers.CharField(source="department.public_id", read_only=True, allow_null=True, default=None)
    amount = serializers.SerializerMethodField(help_text="With its tax.")
    tax = serializers.SerializerMethodField()

    class Meta:
        model = AccountingRow
        fields = [
            "journal", "position", "status", "reason", "day", "is_late", "is_reversal", "transaction", "category", "ledger_code",
            "department", "cost_centre", "tax_code", "amount", "tax", "clearing_code", "description",
        ]  # fmt: skip
        read_only_fields = fields

    def get_is_reversal(self, row: AccountingRow) -> bool:
        return row.reverses_id is not None

    @extend_schema_field(MoneyField())
    def get_amount(self, row: AccountingRow) -> Any:
        return MoneyField().to_representation(Money(row.amount_minor, row.journal.batch.currency))

    @extend_schema_field(MoneyField())
    def get_tax(self, row: AccountingRow) -> Any:
        return MoneyField().to_representation(Money(row.tax_minor, row.journal.batch.currency))
