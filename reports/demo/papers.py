"""Receipts to look at: a small page for what is invoiced, a till roll for what is paid at a counter."""

from __future__ import annotations

from datetime import date
from io import BytesIO

from PIL import Image, ImageDraw

from reports.demo.planning import Plan
from spendtrackr.money import Money

_AT_A_COUNTER = {"5812", "5814", "4121", "5462", "5541", "5411", "5200"}
_PAGE = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 420 595]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>"
_FONT = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>"


def paper_for(plan: Plan, currency: str) -> tuple[str, bytes]:
    """A filename and what is in it."""
    amount = Money(plan.booked_minor, currency).decimal
    lines = [plan.shop.name, plan.shop.country, "", f"Date      {plan.day:%d %b %Y}", f"Total     {currency} {amount}", "", "Paid by card"]
    stem = f"{plan.shop.name} {plan.day:%Y-%m-%d}"
    if plan.shop.code in _AT_A_COUNTER and plan.minor % 4 == 0:
        return f"{stem}.png", _till_roll(lines)
    return f"{stem}.pdf", _page([*lines, "", f"For {plan.person.name}"])


def paper_of(merchant: str, day: date, amount: Money, how: str) -> tuple[str, bytes]:
    """The same of something that somebody paid themselves."""
    lines = [merchant, "", f"Date      {day:%d %b %Y}", f"Total     {amount.currency} {amount.decimal}", "", how]
    return f"{merchant} {day:%Y-%m-%d}.png", _till_roll(lines)


def _till_roll(lines: list[str]) -> bytes:
    image = Image.new("L", (220, 40 + 18 * len(lines)), 250)
    pen = ImageDraw.Draw(image)
    for number, line in enumerate(lines):
        pen.text((16, 20 + 18 * number), line.replace("\u0131", "i"), fill=30)
    file = BytesIO()
    image.save(file, "PNG", compress_level=1)
    return file.getvalue()


def _page(lines: list[str]) -> bytes:
    text = b"".join(b"(%s) Tj T*\n" % _string(line) for line in lines)
    drawn = b"BT /F 13 Tf 20 TL 40 540 Td\n%sET" % text
    parts = [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 1>>", _PAGE]
    parts += [b"<</Length %d>>\nstream\n%s\nendstream" % (len(drawn), drawn), _FONT]
    content, places = b"%PDF-1.4\n", []
    for number, part in enumerate(parts, start=1):
        places.append(len(content))
        content += b"%d 0 obj\n%s\nendobj\n" % (number, part)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    tail = b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n"
    return content + tail % (len(parts) + 1, table, len(parts) + 1, len(content))


def _string(line: str) -> bytes:
    escaped = line.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
    return escaped.encode("cp1252", "replace")
