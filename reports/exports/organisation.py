"""How a company is organised: its categories with their codes, departments and tags."""

from __future__ import annotations

from django_filters import rest_framework as filters

from companies.models import Category, Tag
from reports.exports.columns import Column, instant, text
from reports.exports.sheets import Listing
from users.queries import departments


class NoFilter(filters.FilterSet):  # type: ignore[misc]
    """These lists are short, and shown whole."""


CATEGORIES = Listing(
    name="categories",
    title="Categories",
    rule="categories.see",
    columns=(
        text("id", "public_id", width=32),
        text("name", "name", width=28),
        text("ledger code", "ledger_code", width=14),
        Column("merchant categories", lambda row: ", ".join(row.merchant_categories), 28),
        instant("archived at (UTC)", "archived_at"),
    ),
    rows=lambda _: Category.objects.with_codes(),
    filterset=NoFilter,
)
DEPARTMENTS = Listing(
    name="departments",
    title="Departments",
    rule="departments.see",
    columns=(
        text("id", "public_id", width=32),
        text("name", "name", width=28),
        text("inside", "parent__name", width=28),
        text("inside id", "parent__public_id", width=32),
        text("head", "head_name", width=22),
        text("cost centre", "cost_centre", width=14),
        instant("archived at (UTC)", "archived_at"),
    ),
    rows=lambda _: departments(),
    filterset=NoFilter,
)
TAGS = Listing(
    name="tags",
    title="Tags",
    rule="tags.see",
    columns=(text("id", "public_id", width=32), text("name", "name", width=28), instant("archived at (UTC)", "archived_at")),
    rows=lambda _: Tag.objects.all(),
    filterset=NoFilter,
)
