"""Role by action by whose it is, over every route: what the table of permissions says is what every route, page and download does.

Somebody of each role asks for their own, for that of somebody who reports to them, for that of a stranger in the company, and for
another company's. A route without a row here fails.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.contrib.messages.storage.base import BaseStorage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.test import Client
from django.utils import timezone
from PIL import Image

from cards import operations as cards
from companies.models import Category, Company, Department
from conftest import build_world, client_of
from spendtrackr.money import Money
from spendtrackr.tenancy import company_scope
from tests.factories import NOON, PASSWORD, swipe
from tests.routes import all_routes
from transactions import documents
from transactions.models import Approval, FundingAccount, Receipt, StatementImport, Transaction
from transactions.operations import accounts, approvals, receipts
from transactions.operations.clearing import Clearing, clear
from transactions.operations.statements import StatementFile, import_statement
from transactions.operations.swipes import authorize
from users import operations as people
from users.models import Membership
from users.roles import TABLE, Role

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
