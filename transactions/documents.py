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
# A phone writes two or three pictures behind the first: depth, brightness, a preview.
_MOST_PICTURES = 16
_MOST_STREAMS = 20_000
# The objects of a hundred printed pages are about 1 MB. All that is unpacked is kept and searched, so this is memory and time.
_MOST_UNPACKED = 8 * 1024 * 1024
# Objects pack to a fourth of their size and less. What is no stream of objects is hardly read at all.
_MOST_PACKED = _MOST_UNPACKED // 2
# Masks and margins begin with blanks, and so may objects. They are dropped as they come, which costs next to nothing.
_MOST_BLANKS = 64 * 1024 * 1024
# Names with `#` in them are those of fonts and inks; no name that we look for is longer than this, even when all of it is coded.
_MOST_CODED, _LONGEST_CODED = 20_000, 48
_PIECE, _MOST_AT_ONCE = 16 * 1024, 64 * 1024

_PNG, _JPEG, _PDF = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"%PDF-"
# How much of a file a browser looks at when it guesses, and how far from the end an archive's directory may stand.
_SNIFFED, _ARCHIVE_TAIL = 1024, 65_557

# Long enough that compressed pixels do not spell them by chance: these are looked for everywhere.
_PAGE = re.compile(rb"<(?:!doctype\s+html|(?:html|head|body|script|iframe)[\s/>]|svg\s+[a-z]|\?php\s)", re.IGNORECASE)
# And these in what is text anyway, and where browsers sniff.
_MARKUP = re.compile(
    rb"<(?=[!?a-z])(?:!doctype|!--|(?:html|head|body|script|iframe|svg|style|title|table|object|embed|form|meta|link|base|img|div|font|h1)[\s/>]"
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
    pictures = 1
    while (end := _skip_padding(content, end)) < len(content):
        if content.startswith(_JPEG, end):
            pictures += 1
            if pictures > _MOST_PICTURES:
                raise _refused("There are too many pictures in this file. Send one.")
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
_FILL = re.compile(rb"\xff+(?=\xff)")


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
    if fill := _FILL.match(content, at):
        at = fill.end()
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
    rb"/(?=[JLEFRGSI])(?:JavaScript|Launch|EmbeddedFiles?|FileAttachment|RichMedia|Rendition|GoToE|SubmitForm|ImportData)(?![^"
    + _DELIMITERS
    + rb"])"
    rb"|/URI\s*\(\s*(?i:javascript):"
)
# Short enough to stand in a scanned page by chance: looked for outside of streams only.
_ACTIVE_SHORT = re.compile(rb"/(?:JS|XFA)(?![^" + _DELIMITERS + rb"])")
_CODED = re.compile(rb"/[^" + _DELIMITERS + rb"#]*+#[^" + _DELIMITERS + rb"]*+")
_ESCAPE = re.compile(rb"#([0-9A-Fa-f]{2})")
# The look back stands behind the word, so that the word is found at the speed of a plain search.
_STREAM = re.compile(rb"stream(?<!endstream)\r?\n")
# A stream of objects begins with pairs of numbers, perhaps behind a remark or any number of blanks.
_OBJECTS = re.compile(rb"%|\d+[\s\x00]+\d|\d*[\s\x00]*\Z")
_BLANKS = b"\x00\t\n\v\f\r "
_HEAD = 64


@dataclass(slots=True)
class _Allowance:
    """What looking into one PDF may cost, over all that is in it. A stream may begin inside of another, and each is read."""

    bytes_read: int = _MOST_PACKED
    unpacked: int = _MOST_UNPACKED
    blanks: int = _MOST_BLANKS
    coded_names: int = _MOST_CODED

    def spend(self, *, bytes_read: int = 0, unpacked: int = 0, blanks: int = 0, coded_names: int = 0) -> None:
        self.bytes_read -= bytes_read
        self.unpacked -= unpacked
        self.blanks -= blanks
        self.coded_names -= coded_names
        if min(self.unpacked, self.blanks) < 0:
            raise _refused("This PDF unpacks to far more than a receipt holds.")
        if min(self.bytes_read, self.coded_names) < 0:
            raise _refused(_IN_PIECES)


_IN_PIECES = "This PDF is cut into too many pieces."


def _check_pdf(content: bytes) -> None:
    """A PDF by its first and last words, with nothing in it that acts. What is encrypted we cannot look into, and let pass."""
    if not content.rstrip(b"\x00\t\n\f\r ").endswith(b"%%EOF"):
        raise _refused("This PDF is cut off before its end, or there is something behind it.")
    if _MARKUP.search(content[:_SNIFFED]):
        raise _refused("There is a web page or a script in this PDF. Print it as PDF anew and send that.")
    allowance = _Allowance()
    if any(_acts(_readable(text, allowance)) for text in chain([content], _object_streams(content, allowance))):
        raise _refused("This PDF holds scripts, forms that send, or other files. Print it as PDF anew and send that.")


def _acts(text: bytes) -> bool:
    return bool(_ACTIVE.search(text)) or any(_ACTIVE_SHORT.search(text, start, end) for start, end in _outside_streams(text))


def _readable(text: bytes, allowance: _Allowance) -> bytes:
    """With `/J#53` written `/JS`."""

    def decoded(name: re.Match[bytes]) -> bytes:
        allowance.spend(coded_names=1)
        if name.end() - name.start() > _LONGEST_CODED:
            return name[0]
        return _ESCAPE.sub(lambda found: bytes.fromhex(found[1].decode()), name[0])

    return _CODED.sub(decoded, text) if b"#" in text else text


def _outside_streams(text: bytes) -> Iterator[tuple[int, int]]:
    """From where to where there is no stream. They are not cut out, for they may be the whole file."""
    at = 0
    for _ in range(_MOST_STREAMS):
        found = _STREAM.search(text, at)
        yield at, found.start() if found else len(text)
        at = text.find(b"endstream", found.end()) if found else -1
        if at < 0:
            return
    raise _refused(_IN_PIECES)


def _object_streams(content: bytes, allowance: _Allowance) -> Iterator[bytes]:
    """Objects may be written into compressed streams, so those are unpacked, within reason.

    The search goes on inside of what was unpacked: a table of contents may point there, and a reader would follow it.
    """
    for number, found in enumerate(_STREAM.finditer(content)):
        if number == _MOST_STREAMS:
            raise _refused(_IN_PIECES)
        if text := _objects(content, found.end(), allowance):
            yield text


def _objects(content: bytes, at: int, allowance: _Allowance) -> bytes:
    """The stream that starts here without the blanks before it, if objects are what it may hold."""
    text = bytearray()
    for piece in _unpacked(content, at, allowance):
        new = piece if text else piece.lstrip(_BLANKS)
        text += new
        if not _OBJECTS.match(text, 0, _HEAD):
            return b""
        allowance.spend(unpacked=len(new), blanks=len(piece) - len(new))
    return bytes(text)


def _unpacked(content: bytes, at: int, allowance: _Allowance) -> Iterator[bytes]:
    """What the compressed stream that starts here holds, piece by piece; nothing where it is not one.

    The checksum behind it is not looked at, since readers do not: a wrong one must not hide what they show.
    """
    head = content[at : at + 2]
    if len(head) < 2 or head[0] & 15 != zlib.DEFLATED or int.from_bytes(head, "big") % 31:
        return
    unpacker, most = zlib.decompressobj(-zlib.MAX_WBITS), _HEAD
    at += 2
    while not unpacker.eof and at < len(content):
        piece = content[at : at + _PIECE]
        try:
            text = unpacker.decompress(piece, most)
        except zlib.error:
            allowance.spend(bytes_read=len(piece))
            return
        used = len(piece) - len(unpacker.unconsumed_tail) - len(unpacker.unused_data)
        allowance.spend(bytes_read=used)
        at, most = at + used, _MOST_AT_ONCE
        yield text


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
