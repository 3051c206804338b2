"""Reads of people and of what they head."""

from __future__ import annotations

from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery

from companies.models import Department
from users.models import DepartmentHead


def departments() -> QuerySet[Any]:
    """Departments, each with `head` and `head_name`, in one query: `companies` knows no people."""
    heads = DepartmentHead.objects.filter(department=OuterRef("pk"))
    return Department.objects.select_related("parent").annotate(
        head=Subquery(heads.values("member__public_id")[:1]), head_name=Subquery(heads.values("member__user__name")[:1])
    )
