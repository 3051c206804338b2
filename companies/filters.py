"""Filters of what a company is organised by: departments, categories, tags."""

from __future__ import annotations

from django_filters import rest_framework as filters

from spendtrackr.filters import FlagFilter


class NamedFilter(filters.FilterSet):  # type: ignore[misc]
    """Of things that have a name and may be archived."""

    q = filters.CharFilter("name", lookup_expr="icontains", max_length=80, help_text="Part of a name.")
    archived = FlagFilter("archived_at", lookup_expr="isnull", exclude=True, help_text="`false` for those in use.")
