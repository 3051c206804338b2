"""What an uploaded receipt is, told by its bytes alone. Pure: no clock, no database, nothing is kept.

Accepted are PNG, JPEG and PDF that are nothing else besides: a file that is a picture to one program and a page, an archive or
a program to another is refused. This is no virus scanner. What is accepted is only ever sent back as a download, under a type
that we found out ourselves.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from itertools import chain

from django.conf import settings
from PIL import Image

from spendtrackr import errors
from transactions.models import ReceiptType

LONGEST_NAME = 120
# A till roll scanned at 600 dpi is 20,000 pixels long. Beyond this, viewers give up before people do.
LONGEST_SIDE = 30_000
# A 10 MB PNG has about 1,300 chunks, a photograph some hundred segments and a dozen scans. More of them only cost us time.
_MOST_PARTS = 5_000
_MOST_SCANS = 50
_MOST_STREAMS = 20_000
_MOST_UNPACKED = 64 * 1024 * 1024
_PIECE = 16 * 1024

_PNG, _JPEG, _PDF = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"%PDF-"
# How much of a file a browser looks at when it guesses, and how far from the end an archive's directory may stand.
_SNIFFED, _ARCHIVE_TAIL = 1024, 65_557

# Long enough that compressed pixels do not spell them by chance: these are looked for everywhere.
_PAGE = re.compile(rb"<(?:!doctype\s+html|(?:html|head|body|script|iframe)[\s/>]|svg\s+[a-z]|\?php\s)", re.IGNORECASE)
# And these in what is text anyway, and where browsers sniff.
_MARKUP = re.compile(
    rb"<(?:!doctype|!--|(?:html|head|body|script|iframe|svg|style|title|table|object|embed|form|meta|link|base|img|div|font|h1)[\s/>]"
    rb"|\?php|\?=[ -~]{6})|javascript:",
    re.IGNORECASE,
)
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"heif"}


@dataclass(frozen=True, slots=True)
class Document:
    """A file that was looked at. `filename` is fit to be shown and to be saved under."""

    content_type: ReceiptType
    content_hash: str
    size: int
    filename: str


def inspect(content: bytes, filename: str) -> Document:
    """Say what this is. Raises `Invalid` or `TooLarge`, naming `file`."""
    refuse_size(len(content))
    kind = _kind(content)
    _CHECKS[kind](content)
    if _is_archive(content):
        raise _refused("There is an archive in this file. Send the receipt by itself.")
    return Document(kind, hashlib.sha256(content).hexdigest(), len(content), clean_name(filename, kind))


def refuse_size(size: int) -> None:
    """Apart from `inspect`, so that an upload can be refused before it is read."""
    if size > settings.RECEIPT_MAX_BYTES:
        raise errors.TooLarge(f"A receipt may have {settings.RECEIPT_MAX_BYTES // 1024 // 1024} MB.", field="file")


def _refused(message: str) -> errors.Invalid:
    return errors.Invalid(message, field="file")


def _kind(content: bytes) -> ReceiptType:
    if not content:
        raise _refused("This file is empty.")
    for magic, kind in ((_PNG, ReceiptType.PNG), (_JPEG, ReceiptType.JPEG), (_PDF, ReceiptType.PDF)):
        if content.startswith(magic):
            return kind
    if content[4:8] == b"ftyp" and content[8:12] in _HEIC_BRANDS:
        raise _refused("This is a HEIC photo, as iPhones take them. Please send it as JPEG (a screenshot of it will do), PNG or PDF.")
    raise _refused("This is not a PNG, JPEG or PDF, whatever its name says. Those three are accepted.")


def _check_png(content: bytes) -> None:
    """Walk the chunks to the last byte, then decode."""
    at, texts = len(_PNG), []
    for _ in range(_MOST_PARTS):
        kind, payload, at = _chunk(content, at)
        if kind in {b"acTL", b"fcTL", b"fdAT"}:
            raise _refused("This picture moves. Send one that stands still.")
        if kind == b"IEND":
            break
        if kind != b"IDAT":
            texts.append(payload)
    else:
        raise _refused("This picture is cut into too many pieces.")
    if at != len(content):
        raise _refused("There is something behind the end of this picture. Save it anew and send that.")
    _refuse_markup(content, texts)
    _decode(content, "PNG")


def _chunk(content: bytes, at: int) -> tuple[bytes, bytes, int]:
    """The kind and payload of a PNG chunk, and where the next one begins."""
    end = at + 12 + int.from_bytes(content[at : at + 4], "big")
    if len(content) < max(end, at + 12):
        raise _refused("This picture is cut off before its end.")
    return content[at + 4 : at + 8], content[at + 8 : end - 4], end


def _check_jpeg(content: bytes) -> None:
    """Walk the segments, decode, and look at what stands behind the end.

    Most phones write something there: further pictures (MPF: depth, brightness), a short film, Samsung's notes. Refusing them
    would refuse the receipts of half the world, and cutting them off would leave people with a file whose hash is not that of
    theirs. So what phones write is kept, whatever else is there is refused, and so are pages, archives and PDFs in either.
    """
    texts: list[bytes] = []
    first = end = _picture(content, 0, texts)
    while (end := _skip_padding(content, end)) < len(content):
        if content.startswith(_JPEG, end):
            end = _picture(content, end, texts)
        elif _is_film(content, end) or _is_samsungs(content, end):
            break
        else:
            raise _refused("There is something behind the end of this picture. Save it anew and send that.")
    _refuse_markup(content, texts)
    _decode(content[:first], "JPEG")


def _skip_padding(content: bytes, at: int) -> int:
    found = _NOT_PADDING.search(content, at)
    return found.start() if found else len(content)


_NOT_PADDING = re.compile(rb"[^\x00\r\n ]")


def _is_film(content: bytes, at: int) -> bool:
    """An MP4. Its first four bytes are a length, which the padding before it may have swallowed in part."""
    return content.find(b"ftyp", at, at + 8) >= 0


def _is_samsungs(content: bytes, at: int) -> bool:
    """Samsung's trailer: blocks, a directory that begins with SEFH, its length, and SEFT as the last word."""
    return content.endswith(b"SEFT") and content.find(b"SEFH", at) >= 0


_SCAN_ENDS = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")


def _picture(content: bytes, start: int, texts: list[bytes]) -> int:
    """Where the JPEG that starts here ends. Comments and application segments are added to `texts`."""
    at, scans = start + 2, 0
    for _ in range(_MOST_PARTS):
        marker, payload, at = _segment(content, at)
        if marker == 0xD9:
            return at
        if marker == 0xFE or 0xE0 <= marker <= 0xEF:
            texts.append(payload)
        if marker == 0xDA:
            scans += 1
            found = _SCAN_ENDS.search(content, at)
            at = found.start() if found else len(content)
        if scans > _MOST_SCANS:
            break
    raise _refused("This picture is cut into too many pieces.")


def _segment(content: bytes, at: int) -> tuple[int, bytes, int]:
    """The marker and payload of a JPEG segment, and where the next one begins."""
    while content[at : at + 2] == b"\xff\xff":  # fill bytes
        at += 1
    if content[at : at + 1] != b"\xff" or at + 2 > len(content):
        raise _refused("This picture is damaged or cut off before its end.")
    marker, end = content[at + 1], at + 2
    if marker in {0x01, 0xD9} or 0xD0 <= marker <= 0xD7:
        return marker, b"", end
    end += max(2, int.from_bytes(content[at + 2 : at + 4], "big"))
    return marker, content[at + 4 : end], end


def _refuse_markup(content: bytes, texts: list[bytes]) -> None:
    """A browser that guesses must not find a page, a PDF reader no document."""
    if _PDF in content:
        raise _refused("There is a PDF in this picture. Send the one or the other.")
    if _PAGE.search(content) or any(_MARKUP.search(text) for text in (content[:_SNIFFED], *texts)):
        raise _refused("There is a web page or a script in this picture. Save it anew and send that.")


def _decode(content: bytes, codec: str) -> None:
    """Unpack every pixel. The size is known before the first of them is: a bomb is refused unopened."""
    try:
        with Image.open(BytesIO(content), formats=[codec]) as image:
            is_too_large = image.width * image.height > settings.RECEIPT_MAX_PIXELS or max(image.size) > LONGEST_SIDE
            if not is_too_large:
                image.load()
    # Pillow warns of what it holds for a bomb. No filter makes that an error here: filters are the whole process's, not the thread's.
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        is_too_large = True
    except Exception as error:
        raise _refused("This picture is damaged or cut off: it cannot be shown.") from error
    if is_too_large:
        most = settings.RECEIPT_MAX_PIXELS // 1_000_000
        raise _refused(f"A picture may have {most} million pixels, and {LONGEST_SIDE:,} on a side.")


_DELIMITERS = rb"\x00\t\n\f\r ()<>\[\]{}/%"
# What a reader would run, send, open or unpack. Looked for everywhere, since strings, comments and streams can be made to lie.
_ACTIVE = re.compile(
    rb"/(?:JavaScript|Launch|EmbeddedFiles?|FileAttachment|RichMedia|Rendition|GoToE|SubmitForm|ImportData)(?![^" + _DELIMITERS + rb"])"
    rb"|/URI\s*\(\s*(?i:javascript):"
)
# Short enough to stand in a scanned page by chance: looked for outside of streams only.
_ACTIVE_SHORT = re.compile(rb"/(?:JS|XFA)(?![^" + _DELIMITERS + rb"])")
_ESCAPE = re.compile(rb"#([0-9A-Fa-f]{2})")
_STREAM = re.compile(rb"(?<!end)stream\r?\n")
# A stream of objects begins with pairs of numbers, perhaps behind a remark or any number of blanks.
_OBJECTS = re.compile(rb"[\s\x00]*(?:%|\d+[\s\x00]+\d|\d*[\s\x00]*\Z)")


def _check_pdf(content: bytes) -> None:
    """A PDF by its first and last words, with nothing in it that acts. What is encrypted we cannot look into, and let pass."""
    if not content.rstrip(b"\x00\t\n\f\r ").endswith(b"%%EOF"):
        raise _refused("This PDF is cut off before its end, or there is something behind it.")
    if _MARKUP.search(content[:_SNIFFED]):
        raise _refused("There is a web page or a script in this PDF. Print it as PDF anew and send that.")
    unpacked = chain([content], _object_streams(content))
    if any(_ACTIVE.search(_readable(text)) or _ACTIVE_SHORT.search(_readable(_outside_streams(text))) for text in unpacked):
        raise _refused("This PDF holds scripts, forms that send, or other files. Print it as PDF anew and send that.")


def _readable(text: bytes) -> bytes:
    """With `/J#53` written `/JS`."""
    return _ESCAPE.sub(lambda found: bytes.fromhex(found[1].decode()), text) if b"#" in text else text


def _outside_streams(text: bytes) -> bytes:
    return b"".join(_STREAM.split(part, maxsplit=1)[0] for part in text.split(b"endstream"))


def _object_streams(content: bytes) -> Iterator[bytes]:
    """Objects may be written into compressed streams, so those are unpacked, within reason."""
    left = _MOST_UNPACKED
    for number, found in enumerate(_STREAM.finditer(content)):
        if number == _MOST_STREAMS:
            raise _refused("This PDF is cut into too many pieces.")
        if _OBJECTS.match(_unpacked(content, found.end(), 64)):
            text = _unpacked(content, found.end(), left + 1)
            left -= len(text)
            if left < 0:
                raise _refused("This PDF unpacks to far more than a receipt holds.")
            yield text


def _unpacked(content: bytes, at: int, limit: int) -> bytes:
    """Up to `limit` bytes of the compressed stream that starts here; none where it is not one."""
    unpacker, text = zlib.decompressobj(), bytearray()
    try:
        while len(text) < limit and not unpacker.eof and at < len(content):
            text += unpacker.decompress(content[at : at + _PIECE], limit - len(text))
            at += _PIECE
    except zlib.error:
        pass
    return bytes(text)


def _is_archive(content: bytes) -> bool:
    """A ZIP is read from its end, whatever it starts with."""
    return content.rfind(b"PK\x05\x06", max(0, len(content) - _ARCHIVE_TAIL)) >= 0 and b"PK\x01\x02" in content


_CHECKS: dict[ReceiptType, Callable[[bytes], None]] = {
    ReceiptType.PNG: _check_png,
    ReceiptType.JPEG: _check_jpeg,
    ReceiptType.PDF: _check_pdf,
}
_ENDINGS = {ReceiptType.PNG: (".png",), ReceiptType.JPEG: (".jpg", ".jpeg"), ReceiptType.PDF: (".pdf",)}
_ENDING = re.compile(r"\.[A-Za-z][A-Za-z0-9]{0,4}$")


def clean_name(filename: str, kind: ReceiptType) -> str:
    """One line without a path, without what hides or turns letters around, and with an ending that fits."""
    name = unicodedata.normalize("NFC", re.split(r"[/\\]", filename)[-1])
    # Every control, formatting (bidi, zero-width), private, unassigned and half character.
    name = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in name)
    name = re.sub(r'[<>:"|?*]', "_", " ".join(name.split())).rstrip(". ")
    ending = next((known for known in _ENDINGS[kind] if name.lower().endswith(known)), "")
    stem = name[: -len(ending)] if ending else _ENDING.sub("", name)
    ending = ending or _ENDINGS[kind][0]
    return (stem[: LONGEST_NAME - len(ending)].strip(". ") or "receipt") + ending
