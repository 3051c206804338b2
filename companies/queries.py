"""Reads of how a company is organised."""

from __future__ import annotations

from dataclasses import dataclass

from companies.merchant_categories import CodeBook
from companies.models import Category, CategoryCodes, Department


def code_book() -> CodeBook:
    """Which merchant category codes default to which category, for the company in scope. Archived ones are not proposed."""
    current = CategoryCodes.objects.filter(category__archived_at=None)
    return CodeBook(list(current.values_list("first", "last", "category_id")))


def category_of_code(code: str) -> Category | None:
    """The category that a merchant category code defaults to."""
    if not code:
        return None
    current = CategoryCodes.objects.filter(category__archived_at=None, first__lte=code, last__gte=code)
    matching = current.select_related("category").order_by("-first").first()
    return matching.category if matching else None


@dataclass(frozen=True, slots=True)
class Branch:
    """A department with its place in the tree: 0 at the top."""

    department: Department
    depth: int


def department_tree(departments: list[Department]) -> list[Branch]:
    """Parents before what is inside them, each level by name."""
    inside: dict[int | None, list[Department]] = {}
    for department in sorted(departments, key=lambda d: (d.name_key, d.pk)):
        inside.setdefault(department.parent_id, []).append(department)

    def below(parent_id: int | None, depth: int) -> list[Branch]:
        return [row for d in inside.get(parent_id, []) for row in (Branch(d, depth), *below(d.pk, depth + 1))]

    return below(None, 0)


def department_choices(departments: list[Department]) -> list[tuple[str, str]]:
    """For a form: the tree as a list, what lies inside set in."""
    return [(row.department.public_id, "\u2007\u2007" * row.depth + row.department.name) for row in department_tree(departments)]
