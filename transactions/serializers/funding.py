"""Funding accounts, their balances, statements and entries."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from spendtrackr.money import Money
from spendtrackr.serializers import MoneyField
from transactions.models import Account, Entry, FundingAccount, Posting


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
