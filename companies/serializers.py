"""A company and its categories, as the API shows them."""

from __future__ import annotations

from rest_framework import serializers

from companies.models import Category, Company


class CompanySerializer(serializers.ModelSerializer[Company]):
    id = serializers.CharField(source="public_id", read_only=True)

    class Meta:
        model = Company
        fields = ["id", "name", "slug", "country", "currency", "time_zone", "status"]
        read_only_fields = fields
        extra_kwargs = {"slug": {"help_text": "Readable and unique; `company` at sign-in takes it."}}


class CategorySerializer(serializers.ModelSerializer[Category]):
    id = serializers.CharField(source="public_id", read_only=True)

    class Meta:
        model = Category
        fields = ["id", "name", "ledger_code"]
        read_only_fields = fields
