"""Filters of the list of people. An id that is unknown, or another company's, finds nobody."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet
from django_filters import rest_framework as filters

from spendtrackr.filters import FlagFilter, IdFilter
from users.models import MembershipStatus, email_key
from users.notices import Kind
from users.roles import Role


class MemberFilter(filters.FilterSet):  # type: ignore[misc]
    """Shared by the API and the page."""

    status = filters.ChoiceFilter(choices=MembershipStatus.choices)
    role = filters.ChoiceFilter(choices=Role.choices)
    department = IdFilter("department", help_text="A department's id.")
    manager = IdFilter("manager", help_text="Who reports to this member directly.")
    q = filters.CharFilter(method="by_name", max_length=120, help_text="Part of a name or an e-mail address.")

    def by_name(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return rows.filter(Q(user__name__icontains=value) | Q(user__email_key__contains=email_key(value)))


class InvitationFilter(filters.FilterSet):  # type: ignore[misc]
    q = filters.CharFilter(method="by_address", max_length=120, help_text="Part of an e-mail address.")

    def by_address(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return rows.filter(email_key__contains=email_key(value))


class ApiKeyFilter(filters.FilterSet):  # type: ignore[misc]
    q = filters.CharFilter("integration__membership__user__name", lookup_expr="icontains", max_length=120, help_text="Part of a name.")


class NotificationFilter(filters.FilterSet):  # type: ignore[misc]
    """Of one's own."""

    unread = FlagFilter("read_at", lookup_expr="isnull", help_text="`true` for those that are new, `false` for the others.")
    kind = filters.ChoiceFilter(choices=Kind.choices)
