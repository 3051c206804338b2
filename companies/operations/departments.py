"""The tree of departments: add, move, archive."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from companies.models import Department
from companies.operations.names import save_named
from spendtrackr import errors, events
from spendtrackr.retry import operation

MOST_LEVELS = 8
Tree = dict[int, Department]


@operation
def add_department(
    *, name: str, parent: Department | None = None, cost_centre: str = "", actor: events.HasPublicId, at: datetime
) -> Department:
    """A new department, at the top or inside another."""
    department = Department(name=name, parent=parent, cost_centre=cost_centre, created_at=at)
    _must_fit(department, parent, _locked_tree())
    save_named(department)
    events.record("department.added", department, actor=actor, at=at)
    return department


@operation
def change_department(department: Department, changes: dict[str, Any], *, actor: events.HasPublicId, at: datetime) -> Department:
    """Change `name`, `parent` (a department or None), `cost_centre` or `is_archived`. Raises `Invalid` for a parent that lies inside it.

    Callers see to it that nobody is left in an archived one: `users.operations.change_department`.
    """
    tree = _locked_tree()
    department = tree[department.pk]
    before = _said_of(department)
    department.name, department.cost_centre = changes.get("name", department.name), changes.get("cost_centre", department.cost_centre)
    if "parent" in changes:
        _must_fit(department, changes["parent"], tree)
        department.parent = changes["parent"]
    if changes.get("is_archived", department.is_archived) != department.is_archived:
        _archive(department, tree, at=None if department.is_archived else at)
    save_named(department)
    changed = [name for name, now in _said_of(department).items() if now != before[name]]
    if changed:
        events.record("department.changed", department, actor=actor, at=at, changed=changed, is_archived=department.is_archived)
    return department


def _said_of(department: Department) -> dict[str, Any]:
    said = {name: getattr(department, name) for name in ("name", "cost_centre", "is_archived")}
    return {**said, "parent": department.parent_id}


def _locked_tree() -> Tree:
    """All departments, locked in one order: what one move may do depends on where the others are."""
    return {department.pk: department for department in Department.objects.order_by("pk").select_for_update()}


def _must_fit(department: Department, parent: Department | None, tree: Tree) -> None:
    above = _path(tree[parent.pk], tree) if parent else []
    if department.pk in above:
        raise errors.Invalid("A department cannot lie inside itself.", field="parent")
    if parent and tree[parent.pk].is_archived:
        raise errors.Invalid("That department is archived.", field="parent")
    if len(above) + _height(department, tree) > MOST_LEVELS:
        raise errors.Invalid(f"Departments go {MOST_LEVELS} levels deep.", field="parent")


def _path(department: Department, tree: Tree) -> list[int]:
    """The database ids from a department up to the top."""
    return [department.pk, *(_path(tree[department.parent_id], tree) if department.parent_id else [])]


def _height(department: Department, tree: Tree) -> int:
    """How many levels it spans, itself included."""
    inside = [other for other in tree.values() if department.pk and other.parent_id == department.pk]
    return 1 + max((_height(other, tree) for other in inside), default=0)


def _archive(department: Department, tree: Tree, *, at: datetime | None) -> None:
    """Archive at an instant, or with None bring back."""
    if at and any(other.parent_id == department.pk and not other.is_archived for other in tree.values()):
        raise errors.InvalidState("Archive or move the departments inside it first.")
    if at is None and department.parent_id and tree[department.parent_id].is_archived:
        raise errors.InvalidState("It lies inside an archived department. Bring that one back first, or move this one.")
    department.archived_at = at
