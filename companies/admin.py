"""Operators look at how companies are organised.

The company itself is in `transactions/admin.py`: suspending one blocks its money, which this app may not reach up to.
"""

from __future__ import annotations

from django.contrib import admin

from companies.models import Category, CategoryCodes, Department
from spendtrackr.admin import ReadOnlyAdmin


@admin.register(Category)
class CategoryAdmin(ReadOnlyAdmin[Category]):
    list_display = ["public_id", "company", "name", "ledger_code", "archived_at"]
    search_fields = ["public_id", "name"]


@admin.register(CategoryCodes)
class CategoryCodesAdmin(ReadOnlyAdmin[CategoryCodes]):
    list_display = ["id", "company", "category", "first", "last"]


@admin.register(Department)
class DepartmentAdmin(ReadOnlyAdmin[Department]):
    list_display = ["public_id", "company", "name", "parent", "archived_at"]
    search_fields = ["public_id", "name"]
