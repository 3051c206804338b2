"""Operators look at how companies are organised.

The company itself is in `transactions/admin/companies.py`: suspending one blocks its money, which this app may not reach up to.
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin

from companies.models import Category, CategoryCodes, Department, Tag
from spendtrackr.admin import ReadOnlyAdmin, everywhere, table


@admin.register(Category)
class CategoryAdmin(ReadOnlyAdmin[Category]):
    list_display = ["public_id", "company_link", "name", "ledger_code", "archived_at"]
    search_fields = ["public_id", "name", "ledger_code"]
    panels = ["codes"]

    def codes(self, category: Category) -> Any:
        return table(
            "First", "Last", rows=everywhere(CategoryCodes).filter(category=category).order_by("first").values_list("first", "last")
        )


@admin.register(CategoryCodes)
class CategoryCodesAdmin(ReadOnlyAdmin[CategoryCodes]):
    list_display = ["id", "company_link", "category", "first", "last"]
    search_fields = ["category__public_id", "category__name", "=first"]


@admin.register(Department)
class DepartmentAdmin(ReadOnlyAdmin[Department]):
    list_display = ["public_id", "company_link", "name", "cost_centre", "parent", "archived_at"]
    search_fields = ["public_id", "name"]


@admin.register(Tag)
class TagAdmin(ReadOnlyAdmin[Tag]):
    list_display = ["public_id", "company_link", "name", "archived_at"]
    search_fields = ["public_id", "name"]
