"""Reads of how a company is organised."""

from __future__ import annotations

from companies.merchant_categories import CodeBook
from companies.models import Category, CategoryCodes


def code_book() -> CodeBook:
    """Which merchant category codes default to which category, for the company in scope."""
    return CodeBook(list(CategoryCodes.objects.values_list("first", "last", "category_id")))


def category_of_code(code: str) -> Category | None:
    """The category that a merchant category code defaults to."""
    if not code:
        return None
    matching = CategoryCodes.objects.select_related("category").filter(first__lte=code, last__gte=code).order_by("-first").first()
    return matching.category if matching else None
