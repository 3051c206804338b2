"""Operators look at cards."""

from __future__ import annotations

from django.contrib import admin

from cards.models import Card, CardControls, Freeze, LimitCounter
from spendtrackr.admin import ReadOnlyAdmin


@admin.register(Card)
class CardAdmin(ReadOnlyAdmin[Card]):
    list_display = ["public_id", "company", "holder", "name", "last4", "status", "created_at"]
    list_filter = ["status"]
    search_fields = ["public_id", "last4"]


@admin.register(CardControls)
class CardControlsAdmin(ReadOnlyAdmin[CardControls]):
    list_display = ["card", "company", "version", "per_transaction_cap_minor", "monthly_limit_minor", "created_at"]


@admin.register(Freeze)
class FreezeAdmin(ReadOnlyAdmin[Freeze]):
    list_display = ["card", "company", "source", "opened_by", "opened_at", "lifted_at"]


@admin.register(LimitCounter)
class LimitCounterAdmin(ReadOnlyAdmin[LimitCounter]):
    list_display = ["card", "company", "starts_on", "held_minor", "posted_minor", "draws"]
