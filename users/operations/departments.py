"""Departments with the people in them: heads, and archiving none that somebody belongs to."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from companies import operations as companies
from companies.models import Department
from spendtrackr import errors, events
from spendtrackr.retry import operation
from users.models import DepartmentHead, Membership, MembershipStatus
from users.operations.following import people_moved


def must_be_in_use(department: Department | None) -> None:
    """Raise `Invalid` for an archived department. Locks it, so that nobody enters one while it is being archived."""
    if department and Department.objects.select_for_update().get(pk=department.pk).is_archived:
        raise errors.Invalid("This department is archived.", field="department")


@operation
def add_department(
    *, name: str, parent: Department | None = None, head: Membership | None = None, cost_centre: str = "", actor: Membership, at: datetime
) -> Department:
    """A new department, with the active member who heads it, if any."""
    department = companies.add_department(name=name, parent=parent, cost_centre=cost_centre, actor=actor, at=at)
    _set_head(department, head, actor=actor, at=at)
    people_moved(at=at)
    return department


@operation
def change_department(department: Department, changes: dict[str, Any], *, actor: Membership, at: datetime) -> Department:
    """Change its `head` (a member or None), and what `companies.operations.change_department` changes.

    Raises `InvalidState` for archiving a department that active members belong to.
    """
    head_given = "head" in changes
    department = companies.change_department(department, {k: v for k, v in changes.items() if k != "head"}, actor=actor, at=at)
    if (
        changes.get("is_archived")
        and Membership.objects.filter(department=department).exclude(status=MembershipStatus.DEACTIVATED).exists()
    ):
        raise errors.InvalidState("People belong to it. Move them to another department first.")
    if head_given:
        _set_head(department, changes["head"], actor=actor, at=at)
    people_moved(at=at)
    return department


def _set_head(department: Department, head: Membership | None, *, actor: Membership, at: datetime) -> None:
    """Name who heads a department, or with None nobody. The caller holds the lock of the company's departments."""
    found = DepartmentHead.objects.select_related("member").filter(department=department).first()
    before = found.member if found else None
    if before == head:
        return
    if head and not head.is_active:
        raise errors.Invalid("The head of a department is an active member.", field="head")
    if head is None:
        DepartmentHead.objects.filter(department=department).delete()
    else:
        DepartmentHead.objects.update_or_create(department=department, defaults={"member": head})
    events.record("department.head_changed", department, actor=actor, at=at, before=_id(before), after=_id(head))


def _id(row: events.HasPublicId | None) -> str | None:
    return row.public_id if row else None
