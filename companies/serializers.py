"""A company and its categories, as the API shows and takes them."""

from __future__ import annotations

from datetime import date

from django.utils import timezone
from rest_framework import serializers

from companies.models import Category, Company, Tag
from spendtrackr.serializers import (
    CountryField,
    CurrencyField,
    MerchantCodeRangeField,
    PlainCharField,
    PlainListField,
    StrictBooleanField,
    StrictIntegerField,
    StrictSerializer,
)

_ZONE = "IANA name, such as Europe/Berlin. It decides which day a purchase falls on; a new one applies from the next day."


class CompanySerializer(serializers.ModelSerializer[Company]):
    id = serializers.CharField(source="public_id", read_only=True)
    time_zone = serializers.CharField(source="chosen_time_zone", read_only=True, help_text=_ZONE)

    class Meta:
        model = Company
        fields = ["id", "name", "slug", "country", "currency", "time_zone", "status"]
        read_only_fields = fields
        extra_kwargs = {"slug": {"help_text": "Readable and unique; `company` at sign-in takes it."}}


class CompanyProfileSerializer(CompanySerializer):
    """With what only its own people see."""

    time_zone_from = serializers.SerializerMethodField(help_text="The day from which `time_zone` applies; null once it does.")

    class Meta(CompanySerializer.Meta):
        fields = [*CompanySerializer.Meta.fields, "time_zone_from", "fiscal_year_start_month"]
        read_only_fields = fields

    def get_time_zone_from(self, company: Company) -> date | None:
        return company.time_zone_from(timezone.now())


class CompanyChangesBody(StrictSerializer):
    name = PlainCharField(max_length=120, required=False)
    country = CountryField(required=False)
    currency = CurrencyField(required=False, help_text="ISO 4217. It cannot change after the first posting.")
    time_zone = PlainCharField(max_length=60, required=False, help_text=_ZONE)
    fiscal_year_start_month = StrictIntegerField(required=False, min_value=1, max_value=12)


class CategorySerializer(serializers.ModelSerializer[Category]):
    id = serializers.CharField(source="public_id", read_only=True)
    merchant_categories = serializers.ListField(
        child=serializers.CharField(), read_only=True, help_text="Codes (ISO 18245) whose purchases default to it: `5812`, `3000-3299`."
    )
    is_archived = serializers.BooleanField(read_only=True, help_text="Kept for its past; nothing new is booked to it.")

    class Meta:
        model = Category
        fields = ["id", "name", "ledger_code", "merchant_categories", "is_archived"]
        read_only_fields = fields


class CategoryFields(StrictSerializer):
    ledger_code = PlainCharField(max_length=100, required=False, allow_blank=True, help_text="The account in your general ledger.")
    merchant_categories = PlainListField(
        child=MerchantCodeRangeField(),
        required=False,
        max_length=300,
        help_text="Codes and ranges of ISO 18245 whose purchases default to it. No two categories share a code.",
    )


class NewCategoryBody(CategoryFields):
    name = PlainCharField(max_length=80)


class CategoryChangesBody(CategoryFields):
    name = PlainCharField(max_length=80, required=False)
    is_archived = StrictBooleanField(required=False)


class TagSerializer(serializers.ModelSerializer[Tag]):
    id = serializers.CharField(source="public_id", read_only=True)
    is_archived = serializers.BooleanField(read_only=True, help_text="What carries it goes on carrying it; nothing new is marked with it.")

    class Meta:
        model = Tag
        fields = ["id", "name", "is_archived"]
        read_only_fields = fields


class NewTagBody(StrictSerializer):
    name = PlainCharField(max_length=80)


class TagChangesBody(StrictSerializer):
    name = PlainCharField(max_length=80, required=False)
    is_archived = StrictBooleanField(required=False)
