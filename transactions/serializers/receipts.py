"""Receipts, as the API shows and takes them."""

from __future__ import annotations

from rest_framework import serializers

from spendtrackr.serializers import PlainCharField, StrictSerializer
from transactions.models import Receipt


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
