"""What a form offers to choose from: ids and names of several kinds of things, by name, in one query."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from django.db.models import CharField, Q, QuerySet, Value

from companies.models import Category, Department, Tag
from transactions.models import Split, Tagging, Transaction

Choices = dict[str, list[tuple[str, str]]]


def choices(**kinds: QuerySet[Any]) -> Choices:
    """The public id and the name of each row, by the kind that it was given as. What has no row is an empty list."""
    parts = [
        rows.order_by().annotate(kind=Value(kind, output_field=CharField())).values_list("kind", "public_id", "name")
        for kind, rows in kinds.items()
    ]
    found: Choices = defaultdict(list)
    for kind, public_id, name in parts[0].union(*parts[1:], all=True).order_by("name") if parts else ():
        found[kind].append((public_id, name))
    return found


def in_use(rows: QuerySet[Any], *kept: Q) -> QuerySet[Any]:
    """Those that are not archived, and those that are kept all the same."""
    found = Q(archived_at=None)
    for one in kept:
        found |= one
    return rows.filter(found)


def codable(purchase: Transaction) -> dict[str, QuerySet[Any]]:
    """The categories, departments and tags that a purchase can be given, its own among them though they are archived."""
    parts, taggings = Split.objects.filter(transaction=purchase.pk), Tagging.objects.filter(transaction=purchase.pk)
    return {
        "categories": in_use(Category.objects.all(), Q(pk=purchase.category_id), Q(pk__in=parts.values("category_id"))),
        "departments": in_use(Department.objects.all(), Q(pk=purchase.department_id)),
        "tags": in_use(Tag.objects.all(), Q(pk__in=taggings.values("tag_id"))),
    }
