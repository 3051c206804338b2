"""Papers for tests: a picture in each format, a PDF, what may be attached to them, and statements that were uploaded."""

from __future__ import annotations

import zlib
from io import BytesIO

from PIL import Image

from spendtrackr.tenancy import company_scope
from transactions.models import StatementUpload
from transactions.operations import statement_uploads
from transactions.operations.statement_uploads import Said
from transactions.operations.statements import StatementFile


def picture(codec: str = "PNG", *, size: tuple[int, int] = (8, 8), colour: str = "white", **options) -> bytes:
    """A real one, made by Pillow. Another colour is another file."""
    file = BytesIO()
    Image.new("RGB", size, colour).save(file, codec, **options)
    return file.getvalue()


def chunk(kind: bytes, payload: bytes) -> bytes:
    """A PNG chunk with its checksum."""
    return len(payload).to_bytes(4, "big") + kind + payload + zlib.crc32(kind + payload).to_bytes(4, "big")


def with_chunk(png: bytes, kind: bytes, payload: bytes) -> bytes:
    """The picture with a chunk behind its header."""
    return png[:33] + chunk(kind, payload) + png[33:]


def segment(marker: int, payload: bytes) -> bytes:
    """A JPEG segment."""
    return bytes([0xFF, marker]) + (len(payload) + 2).to_bytes(2, "big") + payload


def with_segment(jpeg: bytes, marker: int, payload: bytes) -> bytes:
    """The picture with a segment behind its first two bytes."""
    return jpeg[:2] + segment(marker, payload) + jpeg[2:]


def pdf(*objects: bytes) -> bytes:
    """One empty page, and these objects besides."""
    parts = [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 1>>", b"<</Type/Page/Parent 2 0 R>>", *objects]
    content, places = b"%PDF-1.7\n", []
    for number, part in enumerate(parts, start=1):
        places.append(len(content))
        content += b"%d 0 obj\n%s\nendobj\n" % (number, part)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(parts) + 1
    tail = b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n"
    return content + tail % (size, table, size, len(content))


def stream(content: bytes, *, entries: bytes = b"") -> bytes:
    """A compressed stream of a PDF."""
    packed = zlib.compress(content)
    return b"<</Length %d/Filter/FlateDecode%s>>\nstream\n%s\nendstream" % (len(packed), entries, packed)


def uploaded(content: bytes, *, actor, at, said: Said | None = None, book: bool = False, name="s.csv", source="Bank") -> StatementUpload:
    """A statement that somebody uploaded, and that nobody has read yet."""
    file = StatementFile(content, name, source)
    with company_scope(actor.company_id):
        stored_as = statement_uploads.store(file, actor.company)
        return statement_uploads.add(file, stored_as, said or Said(), is_to_book=book, actor=actor, at=at)


def read_upload(content: bytes, *, actor, at, **about) -> StatementUpload:
    """The same, small, and read."""
    upload = uploaded(content, actor=actor, at=at, **about)
    with company_scope(actor.company_id):
        return statement_uploads.finish_now(upload, at=at)
