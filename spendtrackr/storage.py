"""Files that people upload, in the storage that the settings name."""

from __future__ import annotations

import logging
import secrets

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from spendtrackr import errors

_log = logging.getLogger(__name__)


def keep_file(content: bytes, *, below: str) -> str:
    """Write a file under a random name in a folder, and answer where. Raises `Unavailable`.

    Before any transaction, so that nobody waits for a disk or a network with a row locked. A file whose transaction rolls back is known to
    no row. It stays, and does no harm: nothing leads there. The name says nothing of what is inside, so no web server that is pointed
    there by mistake would run or show it.
    """
    try:
        return default_storage.save(f"{below}/{secrets.token_hex(16)}", ContentFile(content))
    except Exception as error:
        # Each storage has its own errors. Whichever it is, nothing was kept, and it may be sent again.
        _log.exception("a file could not be stored")
        raise errors.Unavailable from error
