"""Tags: add, rename, archive."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from companies.models import Tag
from companies.operations.names import save_named
from spendtrackr import events
from spendtrackr.retry import operation


@operation
def add_tag(*, name: str, actor: events.HasPublicId, at: datetime) -> Tag:
    """A new tag. Raises `NameTaken`."""
    tag = Tag(name=name, created_at=at)
    save_named(tag)
    events.record("tag.added", tag, actor=actor, at=at)
    return tag


@operation
def change_tag(tag: Tag, changes: dict[str, Any], *, actor: events.HasPublicId, at: datetime) -> Tag:
    """Change `name` or `is_archived`. What carries it goes on carrying it."""
    tag = Tag.objects.select_for_update().get(pk=tag.pk)
    before = (tag.name, tag.is_archived)
    tag.name = changes.get("name", tag.name)
    if changes.get("is_archived", tag.is_archived) != tag.is_archived:
        tag.archived_at = None if tag.is_archived else at
    save_named(tag)
    after = (tag.name, tag.is_archived)
    if changed := [name for name, old, new in zip(("name", "is_archived"), before, after, strict=True) if old != new]:
        events.record("tag.changed", tag, actor=actor, at=at, changed=changed, is_archived=tag.is_archived)
    return tag
