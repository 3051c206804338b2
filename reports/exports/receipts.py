"""Receipts: a list of them, and the files of a month with an index."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from io import TextIOWrapper
from tempfile import TemporaryFile
from typing import IO, Any
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from django.core.files.storage import default_storage
from django.db.models import QuerySet

from reports.exports.columns import instant, money, plain, text
from reports.exports.sheets import ZIP, Asked, Listing, counted, in_blocks, refuse_unknown, seen_by_team
from spendtrackr import errors
from spendtrackr.exports import BYTE_ORDER_MARK, Value, line
from spendtrackr.periods import Period, month_of
from transactions import queries
from transactions.filters import ReceiptFilter
from transactions.models import Attachment, ReceiptType
from users.models import Membership

RECEIPTS = Listing(
    name="receipts",
    title="Receipts",
    rule="transactions.see",
    columns=(
        text("id", "public_id", width=32),
        text("file", "filename", width=28),
        text("type", "content_type", width=16),
        plain("bytes", "size"),
        instant("uploaded at (UTC)", "uploaded_at"),
        text("uploaded by", "uploaded_by__user__name", width=22),
        plain("spent on", "spent_on"),
        text("merchant", "merchant_name", width=28),
        money("amount", "amount_minor"),
        text("currency", "currency", width=8),
        plain("transactions", "transaction_count", width=10),
    ),
    rows=queries.receipts,
    filterset=ReceiptFilter,
)

# Files that are copied before others get their turn.
FILES = 20
INDEX = ["receipt", "file", "transaction", "day", "merchant", "amount", "currency", "owner"]
_ENDINGS = {ReceiptType.PNG: "png", ReceiptType.JPEG: "jpg", ReceiptType.PDF: "pdf"}
_MONTH = re.compile(r"(\d{4})-(\d{2})")


@dataclass(frozen=True, slots=True)
class ReceiptFiles:
    """The receipts on a month's transactions, of those that whoever asks may list."""

    name: str = "receipt-files"
    title: str = "Receipts of a month"
    rule: str = "transactions.see"
    formats: tuple[str, ...] = (ZIP,)

    def seen_as(self, member: Membership) -> str:
        return seen_by_team(self.rule, member)

    def open(self, asked: Asked) -> Bundle:
        refuse_unknown(asked.given, ("month",))
        month = _month_from(asked.given.get("month", ""))
        bought = queries.visible(asked.membership).filter(occurred_on__gte=month.start, occurred_on__lt=month.end).order_by()
        rows = Attachment.objects.filter(attached_hash__isnull=False, transaction__in=bought.values("pk"))
        return Bundle(rows.select_related("receipt", "transaction__merchant", "transaction__member__user"))


def _month_from(text: str) -> Period:
    found = _MONTH.fullmatch(text)
    try:
        return month_of(date(int(found[1]), int(found[2]), 1)) if found else _refused()
    except ValueError:
        return _refused()


def _refused() -> Period:
    raise errors.Invalid("Write a month as 2026-03.", field="month", code="required")


@dataclass(frozen=True, slots=True)
class Bundle:
    """Each file once, also where it proves several transactions, and a line of the index for each of these."""

    rows: QuerySet[Attachment]

    def count(self, most: int | None = None) -> int:
        return counted(self.rows, most)

    def write(self, to: str, file: IO[bytes]) -> Iterator[int]:
        done, latest = 0, ("", "")
        with ZipFile(file, "w", ZIP_STORED) as bundle, TemporaryFile() as kept:
            index = TextIOWrapper(kept, encoding="utf-8", newline="")
            index.write(BYTE_ORDER_MARK + line(INDEX))
            for block in in_blocks(self.rows, ("receipt_id", "id"), FILES):
                for row in block:
                    if latest[0] != row.receipt.public_id:
                        latest = (str(row.receipt.public_id), _put_in(bundle, row))
                    index.write(line(_told(row, latest[1])))
                done += len(block)
                yield done
            index.flush()
            kept.seek(0)
            with bundle.open(ZipInfo("index.csv"), "w", force_zip64=True) as inside:
                shutil.copyfileobj(kept, inside)


def _put_in(bundle: ZipFile, row: Attachment) -> str:
    """Under which name; blank where the file is not in the storage any more, as `verify` says too."""
    name, day = _name_of(row), row.transaction.occurred_on
    entry = ZipInfo(name, (max(day.year, 1980), day.month, day.day, 0, 0, 0))
    try:
        source = default_storage.open(row.receipt.stored_as)
    except FileNotFoundError:
        return ""
    with source, bundle.open(entry, "w", force_zip64=True) as inside:
        for chunk in source.chunks():
            inside.write(chunk)
    return name


def _name_of(row: Attachment) -> str:
    """Day, merchant and the receipt's id, which no two share. Nothing that leads out of a folder, and nothing that a system forbids."""
    words = re.sub(r"[\W_]+", "-", _merchant(row)).strip("-")[:60] or "receipt"
    return f"{row.transaction.occurred_on:%Y-%m-%d}-{words}-{row.receipt.public_id}.{_ENDINGS[ReceiptType(row.receipt.content_type)]}"


def _merchant(row: Attachment) -> str:
    bought = row.transaction
    return bought.merchant.name if bought.merchant else str(bought.descriptor)


def _told(row: Attachment, name: str) -> Sequence[Value]:
    bought: Any = row.transaction
    owner = bought.member.user.name if bought.member else None
    return [
        row.receipt.public_id, name, bought.public_id, bought.occurred_on, _merchant(row), bought.amount, bought.currency, owner,
    ]  # fmt: skip


RECEIPT_FILES = ReceiptFiles()
