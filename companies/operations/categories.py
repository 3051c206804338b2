"""Categories and the merchant category codes that default to them: add, change, archive."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from companies.merchant_categories import STARTERS, parse_range, parse_ranges, range_text
from companies.models import Category, CategoryCodes
from companies.operations.names import category_key, save_named
from spendtrackr import errors, events
from spendtrackr.retry import operation


def add_starting_categories(at: datetime) -> None:
    categories = Category.objects.insert_all(
        [Category(name=s.name, name_key=category_key(s.name), ledger_code=s.ledger_code, created_at=at) for s in STARTERS]
    )
    CategoryCodes.objects.bulk_create(
        [
            CategoryCodes(category=category, first=first, last=last)
            for category, starter in zip(categories, STARTERS, strict=True)
            for first, last in starter.codes
        ]
    )


@operation
def add_category(
    *, name: str, ledger_code: str = "", merchant_categories: list[str] | None = None, actor: events.HasPublicId, at: datetime
) -> Category:
    """A new category, with the codes whose purchases default to it."""
    _lock_categories()
    category = Category(name=name, ledger_code=ledger_code, created_at=at)
    save_named(category)
    _set_codes(category, merchant_categories or [])
    events.record("category.added", category, actor=actor, at=at)
    return category


@operation
def change_category(category: Category, changes: dict[str, Any], *, actor: events.HasPublicId, at: datetime) -> Category:
    """Change `name`, `ledger_code`, `merchant_categories` (all of them, anew) or `is_archived`.

    An archived category keeps its past and its codes, and is not proposed for anything new.
    """
    category = _lock_categories()[category.pk]
    before = _described(category)
    category.name, category.ledger_code = changes.get("name", category.name), changes.get("ledger_code", category.ledger_code)
    if changes.get("is_archived", category.is_archived) != category.is_archived:
        category.archived_at = None if category.is_archived else at
    save_named(category)
    if "merchant_categories" in changes:
        _set_codes(category, changes["merchant_categories"])
    changed = [name for name, value in _described(category).items() if value != before[name]]
    if changed:
        events.record("category.changed", category, actor=actor, at=at, changed=sorted(changed), is_archived=category.is_archived)
    return category


def _lock_categories() -> dict[int, Category]:
    """All categories, locked in one order: no two of them may claim the same code."""
    return {category.pk: category for category in Category.objects.order_by("pk").select_for_update()}


def _described(category: Category) -> dict[str, Any]:
    return {
        "name": category.name,
        "ledger_code": category.ledger_code,
        "merchant_categories": sorted(category.merchant_categories),
        "is_archived": category.is_archived,
    }


def _set_codes(category: Category, texts: list[str]) -> None:
    """Replace the category's ranges. Raises `Invalid` naming the field and the place in it, or the category that has a code already."""
    for place, text in enumerate(texts):
        try:
            parse_range(text)
        except ValueError as error:
            raise errors.Invalid(f"{error}.", field=f"merchant_categories.{place}") from error
    try:
        ranges = parse_ranges(texts)
    except ValueError as error:
        raise errors.Invalid(f"{error}.", field="merchant_categories") from error
    others = CategoryCodes.objects.exclude(category=category).select_related("category").order_by("first")
    for other in others if ranges else ():
        for first, last in ranges:
            if first <= other.last and other.first <= last:
                raise errors.Invalid(_belongs_to(range_text(first, last), other), field="merchant_categories", code="overlap")
    CategoryCodes.objects.filter(category=category).delete()
    CategoryCodes.objects.bulk_create([CategoryCodes(category=category, first=first, last=last) for first, last in ranges])


def _belongs_to(text: str, other: CategoryCodes) -> str:
    archived = ", which is archived" if other.category.is_archived else ""
    return f"{text} overlaps {other}, which belongs to {other.category.name}{archived}. Take it out of there first."
