"""Operators look at how companies are organised.

The company itself is in `transactions/admin.py`: suspending one blocks its money, which this app may not reach up to.
"""

from __future__ import annotations

from django.contrib import admin

from companies.models import Category
from spendtrackr.admin import ReadOnlyAdmin


@admin.register(Category)
class CategoryAdmin(ReadOnlyAdmin[Category]):
    list_display = ["public_id", "company", "name", "ledger_code"]
    search_fields = ["public_id", "name"]
