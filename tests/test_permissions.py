"""Role by action by whose it is, over every route: what the table of permissions says is what every route, page and download does.

Somebody of each role asks for their own, for that of somebody who reports to them, for that of a stranger in the company, and for
another company's. A route without a row here fails.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

# What shows an object of each kind. Kinds without an owner are everybody's of the company who may see the kind at all.
SEEN_BY = {
    "card": "cards.see",
    "member": "people.see",
    "transaction": "transactions.see",
    "receipt": "transactions.see",
    "approval": "approvals.see",
    "invitation": "people.invite",
    "category": "categories.see",
    "department": "departments.see",
    "account": "accounts.see",
    "import": "imports.see",
}
WITHOUT_OWNER = {"invitation", "category", "department", "account", "import"}
OURS, OTHERS = ("own", "report", "stranger"), "other company"


@dataclass(frozen=True)
class Case:
    """A route: the line of the table that it needs, what its address (or `names`, a field of its body) names, what is sent."""

    rule: str
    kind: str = ""
    body: Any = None
    names: str = ""


def png() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (2, 2), "white").save(out, "PNG")
    return out.getvalue()


def upload() -> SimpleUploadedFile:
    return SimpleUploadedFile("r.png", png(), "image/png")


def statement() -> SimpleUploadedFile:
    return SimpleUploadedFile("s.csv", b"Date,Amount,Merchant\n2026-01-05,1.00,Shop\n")
