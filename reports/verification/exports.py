"""Files that were asked for: what is done is there, as long as it is kept."""

from __future__ import annotations

from collections.abc import Iterator

from django.core.files.storage import default_storage
from django.utils import timezone

from reports.models import Export, ExportStatus
from reports.verification.walking import NOBODY, Told


def exports(told: Told = NOBODY) -> Iterator[str]:
    """Each export that is done has its file, of its size."""
    kept = Export.objects.filter(status=ExportStatus.DONE, expires_at__gt=timezone.now()).order_by("pk")
    told.expect(kept.count)
    for export in kept.iterator():
        if not default_storage.exists(export.stored_as):
            yield f"export {export.public_id} has no file at {export.stored_as}"
        elif (found := default_storage.size(export.stored_as)) != export.size:
            yield f"export {export.public_id} says {export.size} bytes; its file has {found}"
        told.done(1)
