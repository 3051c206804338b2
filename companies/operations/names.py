"""Names that are unique in a company, however they are capitalised."""

from __future__ import annotations

import unicodedata
from typing import Any

from django.db import IntegrityError, transaction

from spendtrackr import errors


def category_key(name: str) -> str:
    """How names of categories and departments compare: case and width do not matter, accents do."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())[:80]


class NameTaken(errors.Invalid):
    code = "taken"
    message = "There is one of this name already."


def save_named(row: Any) -> None:
    """Save a row whose name is to be unique. Raises `NameTaken`, also when somebody else took it a moment ago."""
    row.name = " ".join(row.name.split())
    row.name_key = category_key(row.name)
    if not row.name_key:
        raise errors.Invalid("Write a name.", field="name")
    if type(row).objects.filter(name_key=row.name_key).exclude(pk=row.pk).exists():
        raise NameTaken(field="name")
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        raise NameTaken(field="name") from error
