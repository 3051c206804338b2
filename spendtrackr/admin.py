"""The Django admin is for platform operators. It reads across companies, tells each company so, and writes only through operations."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any, TypeVar
from urllib.parse import urlencode

from django.contrib import admin
from django.contrib.admin.utils import display_for_value, unquote
from django.contrib.auth.models import Group
from django.db.models import ForeignKey, Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join

from spendtrackr import events
from spendtrackr.models import (
    Event,
    EventChain,
    IdempotencyKey,
    ThrottleCounter,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
)
from spendtrackr.tenancy import TenantModel

M = TypeVar("M", bound=Model)

# Columns that nobody reads, nor asks about: a filter by the beginning of a hash would spell it out, a letter at a time.
_SECRET = re.compile(r"password|secret|token|key_hash|request_hash|subject_hash|^body$")
# Turning pages and sorting is one look at a list.
_ONE_LOOK = timedelta(minutes=10)

admin.site.site_header = admin.site.site_title = "SpendTrackr operations"
admin.site.index_title = "All companies"
# Operators all have the same rights: groups would be a form without a use.
admin.site.unregister(Group)


def is_secret(column: str) -> bool:
    return bool(_SECRET.search(column))


def everywhere(model: type[M]) -> QuerySet[M]:
    """The rows of all companies. Only for the admin, where each look is recorded."""
    rows: QuerySet[M] = getattr(model, "across_companies", model._base_manager).all()
    return rows


def page_of(model: type[Model], name: str, *args: Any, **query: Any) -> str:
    """The address of a model's `changelist`, or of the `change` page of one row."""
    address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{name}", args=args)
    return f"{address}?{urlencode(query)}" if query else address


def link(row: Model | None, text: Any = None) -> Any:
    """To the page of a row, or None without one."""
    return None if row is None else format_html('<a href="{}">{}</a>', page_of(type(row), "change", row.pk), text or row)


def table(*heads: str, rows: Iterable[Sequence[Any]]) -> Any:
    """Rows of other tables, to be read on the page of the row that they belong to."""
    body = [(format_html_join("", "<td>{}</td>", ((display_for_value(cell, "–"),) for cell in row)),) for row in rows]
    if not body:
        return "None"
    return format_html(
        "<table><thead><tr>{}</tr></thead><tbody>{}</tbody></table>",
        format_html_join("", "<th>{}</th>", ((head,) for head in heads)),
        format_html_join("", "<tr>{}</tr>", body),
    )


class ReadOnlyAdmin(admin.ModelAdmin[M]):
    """Look, do not touch: what happens to a company happens through an operation and leaves an event, and so does looking."""

    show_full_result_count = False
    # They count the rows of all companies, page or no page.
    show_facets = admin.ShowFacets.NEVER
    # A link to delete, a form to add, a save button: none of them is offered.
    actions: Any = None
    # Methods that show rows of other tables below the columns of this one.
    panels: Sequence[str] = ()
    # Relations that a list reads beyond those in its columns.
    also_read: Sequence[str] = ()
    # Whether a page of the list shows what belongs to companies.
    list_is_a_look = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[M]:
        return everywhere(self.model).order_by("-pk")

    @admin.display(description="company", ordering="company")
    def company_link(self, row: Any) -> Any:
        return link(row.company)

    def get_list_select_related(self, request: HttpRequest) -> list[str]:
        """The relations that a list shows, so that its questions do not grow with its rows."""
        columns = {"company" if name == "company_link" else name for name in self.get_list_display(request)}
        shown = [field.name for field in self.opts.concrete_fields if isinstance(field, ForeignKey) and field.name in columns]
        return [*shown, *self.also_read]

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        """A company's name, slug or id finds its rows in every list."""
        of_company = ["company__public_id", "company__name", "company__slug"] if issubclass(self.model, TenantModel) else []
        return [*self.search_fields, *of_company]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Every column, shown and not built as a form: a choice of rows would need a company in scope."""
        hidden = self.exclude or ()
        columns = [field.name for field in self.opts.concrete_fields if field.name not in hidden and not is_secret(field.name)]
        return [*columns, *self.panels]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.get_fields(request, obj)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        return not any(is_secret(part) for part in lookup.split("__")) and super().lookup_allowed(lookup, value, request)  # type: ignore[arg-type]

    def to_field_allowed(self, request: HttpRequest, to_field: str) -> bool:
        """Never: choosing rows for a form, and the autocompletion behind it, would be looks that leave no event."""
        return False

    def companies_of(self, rows: Iterable[Any]) -> dict[int, str]:
        """Whose log tells of a look at these rows: database ids and public ids of companies."""
        return {row.company.pk: row.company.public_id for row in rows} if issubclass(self.model, TenantModel) else {}

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        """Recorded first and shown then: a look that cannot be recorded is not granted."""
        row: Any = context["original"]
        own_id = getattr(row, "public_id", None)
        subjects = {pk: own_id or public_id for pk, public_id in self.companies_of([row]).items()}
        self._record("operator.looked", subjects, request)
        return super().render_change_form(request, context, *args, **kwargs)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """The page is put together here and rendered later, when the companies whose rows are on it have been told."""
        answer = super().changelist_view(request, extra_context)
        if self.list_is_a_look and isinstance(answer, TemplateResponse) and "cl" in (answer.context_data or {}):
            companies = self.companies_of(answer.context_data["cl"].result_list)  # type: ignore[index]
            actor, since = request.user, timezone.now() - _ONE_LOOK
            told = events.told_since(since, "operator.listed", companies, actor=actor, model=self.opts.label_lower)  # type: ignore[arg-type]
            self._record("operator.listed", {pk: public_id for pk, public_id in companies.items() if pk not in told}, request)
        return answer

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """The events about the row. The admin's own log stays empty, since nothing is changed here."""
        row: Any = self.get_object(request, unquote(object_id))
        if row is None or not self.has_view_permission(request, row):
            return super().history_view(request, object_id, extra_context)
        name = getattr(row, "public_id", None) or next(iter(self.companies_of([row]).values()), "")
        return HttpResponseRedirect(page_of(Event, "changelist", q=name))

    def _record(self, type_: str, subjects: dict[int, str], request: HttpRequest) -> None:
        if subjects:
            events.record_across(type_, subjects, actor=request.user, at=timezone.now(), model=self.opts.label_lower)  # type: ignore[arg-type]


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin[Event]):
    list_display = ["public_id", "company_link", "type", "subject_id", "actor_id", "at", "sequence"]
    search_fields = ["public_id", "type", "subject_id", "actor_id"]


@admin.register(EventChain)
class EventChainAdmin(ReadOnlyAdmin[EventChain]):
    list_display = ["id", "company_link", "last_sequence", "last_hash"]


@admin.register(IdempotencyKey)
class IdempotencyKeyAdmin(ReadOnlyAdmin[IdempotencyKey]):
    """The stored answer is not shown: it may hold what only its caller should read."""

    list_display = ["id", "company_link", "credential", "status", "created_at"]
    list_filter = ["status"]
    search_fields = ["credential"]


@admin.register(ThrottleCounter)
class ThrottleCounterAdmin(ReadOnlyAdmin[ThrottleCounter]):
    """Whose attempts they are is not shown: the hash of an address is soon guessed."""

    list_display = ["id", "window_number", "attempts"]


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(ReadOnlyAdmin[WebhookEndpoint]):
    """Its secrets are not shown, and what they are derived from neither."""

    list_display = ["public_id", "company_link", "url", "status", "handed_to", "failures", "failing_since", "rests_until", "leased_until"]
    list_filter = ["status"]
    search_fields = ["public_id", "url"]


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(ReadOnlyAdmin[WebhookDelivery]):
    list_display = ["public_id", "company_link", "endpoint", "event", "status", "tries", "due_at", "delivered_at"]
    list_filter = ["status"]
    search_fields = ["public_id", "endpoint__public_id", "event__public_id"]


@admin.register(WebhookAttempt)
class WebhookAttemptAdmin(ReadOnlyAdmin[WebhookAttempt]):
    list_display = ["id", "company_link", "delivery", "at", "outcome", "answered", "took_ms", "address"]
    list_filter = ["outcome"]
    search_fields = ["delivery__public_id"]
