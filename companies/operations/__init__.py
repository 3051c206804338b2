"""What can be done to a company and to how it is organised."""

from __future__ import annotations

from companies.operations.categories import add_category, change_category
from companies.operations.departments import MOST_LEVELS, add_department, change_department
from companies.operations.names import NameTaken, category_key, save_named
from companies.operations.profile import COUNTRIES, change, found, free_slug, set_status
from companies.operations.tags import add_tag, change_tag

__all__ = [
    "COUNTRIES",
    "MOST_LEVELS",
    "NameTaken",
    "add_category",
    "add_department",
    "add_tag",
    "category_key",
    "change",
    "change_category",
    "change_department",
    "change_tag",
    "found",
    "free_slug",
    "save_named",
    "set_status",
]
