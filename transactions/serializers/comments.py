"""What was said about something, and what happened to it, as the API shows and takes it."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from spendtrackr.serializers import PlainTextField, StrictSerializer
from transactions.models import Comment
from transactions.operations.comments import LONGEST


class CommentBody(StrictSerializer):
    text = PlainTextField(max_length=LONGEST)


class CommentSerializer(serializers.ModelSerializer[Comment]):
    """Said once, and kept."""

    id = serializers.CharField(source="public_id", read_only=True)
    member = serializers.CharField(source="author.public_id", read_only=True)
    name = serializers.CharField(source="author.user.name", read_only=True)

    class Meta:
        model = Comment
        fields = ["id", "member", "name", "text", "at"]
        read_only_fields = fields


class HappeningSerializer(serializers.Serializer[Any]):
    """Something that happened."""

    at = serializers.DateTimeField()
    what = serializers.CharField(help_text="In words; may change.")
    who = serializers.CharField(allow_blank=True, help_text="Name of who did it; blank where nobody of the company did.")
    note = serializers.CharField(allow_blank=True, help_text="What was said with it, or how much it was.")


class HistorySerializer(serializers.Serializer[Any]):
    happenings = HappeningSerializer(many=True, help_text="The oldest first.")
