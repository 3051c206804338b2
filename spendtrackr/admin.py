"""The Django admin is for platform operators. It reads across companies; it writes only through operations."""

from __future__ import annotations

from typing import Any, TypeVar

from django.contrib import admin
from django.contrib.auth.models import Group
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from spendtrackr.models import Event, EventChain, IdempotencyKey

M = TypeVar("M", bound=Model)

admin.site.site_header = admin.site.site_title = "SpendTrackr operations"
admin.site.index_title = "All companies"
# Operators all have the same rights: groups would be a form without a use.
admin.site.unregister(Group)


class ReadOnlyAdmin(admin.ModelAdmin[M]):
    """Look, do not touch: what happens to a company happens through an operation and leaves an event."""

    list_select_related = True
    show_full_result_count = False
    # A link to delete, a form to add, a save button: none of them is offered.
    actions: Any = None

    def get_queryset(self, request: HttpRequest) -> QuerySet[M]:
        rows: QuerySet[M] = getattr(self.model, "across_companies", self.model._base_manager).all()
        return rows.order_by("-pk")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Every column, shown and not built as a form: a choice of rows would need a company in scope."""
        return [field.name for field in self.opts.concrete_fields if field.name not in (self.exclude or [])]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.get_fields(request, obj)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin[Event]):
    list_display = ["public_id", "company", "type", "subject_id", "actor_id", "at", "sequence"]
    list_filter = ["type"]
    search_fields = ["public_id", "subject_id", "actor_id"]


@admin.register(EventChain)
class EventChainAdmin(ReadOnlyAdmin[EventChain]):
    list_display = ["company", "last_sequence", "last_hash"]


@admin.register(IdempotencyKey)
class IdempotencyKeyAdmin(ReadOnlyAdmin[IdempotencyKey]):
    list_display = ["company", "credential", "status", "created_at"]
    # The stored answer may hold what only its caller should read.
    exclude = ["body"]
