"""Prefixed, time-ordered public ids (`card_01jd…`) and the text columns that machines compare byte by byte."""

from __future__ import annotations

import secrets
import time
from datetime import datetime
from functools import partial
from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no i, l, o, u


def new_id(prefix: str) -> str:
    """48 bits of milliseconds, then 80 random bits, as 26 characters: later ids sort after earlier ones."""
    return _spelled(prefix, (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80))


def first_id(prefix: str, at: datetime) -> str:
    """No id that is made at this instant or later sorts before it."""
    return _spelled(prefix, int(at.timestamp() * 1000) << 80)


def _spelled(prefix: str, number: int) -> str:
    return prefix + "_" + "".join(_ALPHABET[number >> shift & 31] for shift in range(125, -1, -5))


class MachineTextField(models.CharField[Any, Any]):
    """Text compared byte by byte. Collations call 'josé' and 'JOSE ' equal; a key, a hash or a normalised name must not be.

    Not ASCII, although most of it is: MySQL raises when a person's `é` is compared with an ASCII column.
    """

    def db_type(self, connection: BaseDatabaseWrapper) -> str | None:
        column = super().db_type(connection)
        return f"{column} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin" if connection.vendor == "mysql" else column


class PublicIdField(MachineTextField):
    """The id that leaves the house. Database ids never do."""

    def __init__(self, prefix: str, **kwargs: Any) -> None:
        self.prefix = prefix
        kwargs |= {"max_length": 40, "unique": True, "editable": False, "default": partial(new_id, prefix)}
        super().__init__(**kwargs)

    def deconstruct(self) -> Any:
        name, path, _, kwargs = super().deconstruct()
        for fixed in ("max_length", "unique", "editable", "default"):
            kwargs.pop(fixed, None)
        return name, path, [self.prefix], kwargs
