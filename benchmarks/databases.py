"""Databases of the benchmark's own beside the one that DATABASE_URL names. They are dropped at the end."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import MySQLdb
from django.db import connection, connections

SUFFIX = "_benchmark"
# Added to our own database's name for the others' own.
RAW, PLAIN, HORDAK = "_raw", "_plain", "_hordak"
# Every plain connection of this process: an open transaction would keep its database from being dropped.
_opened: list[Any] = []


def prepare() -> None:
    """Production settings on a database of our own, for this process and the servers that it starts. Before Django is set up."""
    given = urlsplit(os.environ.get("DATABASE_URL", ""))
    if given.scheme != "mysql" or not given.path.strip("/"):
        raise SystemExit("DATABASE_URL must name a MySQL or MariaDB database: DATABASE_URL=mysql://root:@127.0.0.1:3306/spendtrackr")
    os.environ |= {
        "DATABASE_URL": os.environ["DATABASE_URL"].replace(given.path, given.path + SUFFIX, 1),
        "DJANGO_SETTINGS_MODULE": "spendtrackr.settings",
        "SPENDTRACKR_MODE": "production",
        "SECRET_KEY": secrets.token_urlsafe(50),
        "ALLOWED_HOSTS": "127.0.0.1",
        "SIMULATOR_ENABLED": "true",
        "SIGNUP_OPEN": "true",
        "CONFIRM_ADDRESSES": "false",
        "HTTPS": "false",
        "API_REQUESTS_PER_MINUTE": "0",
    }


def named(suffix: str = "") -> str:
    """The full name of one of our databases."""
    return str(connection.settings_dict["NAME"]) + suffix


def connect(suffix: str | None = "") -> Any:
    """A plain connection in a transaction, with Django's own options and isolation. None: in no database."""
    options = connection.get_connection_params()
    options.pop("database")
    plain = MySQLdb.connect(**options, **({} if suffix is None else {"database": named(suffix)}))
    cursor = plain.cursor()
    cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
    cursor.close()
    plain.commit()
    _opened.append(plain)
    return plain


def settings_of(suffix: str) -> str:
    """What a Django of another design needs for its own database, as JSON: the same server, the same options."""
    names = ("ENGINE", "HOST", "PORT", "USER", "PASSWORD", "OPTIONS", "CONN_MAX_AGE", "CONN_HEALTH_CHECKS")
    return json.dumps({name: connection.settings_dict[name] for name in names} | {"NAME": named(suffix)})


@contextmanager
def made() -> Iterator[None]:
    """All of them, empty; what an interrupted run left behind is dropped first."""
    suffixes = ("", RAW, PLAIN, HORDAK)
    _each("DROP DATABASE IF EXISTS `{}`", suffixes)
    try:
        _each("CREATE DATABASE `{}` CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci", suffixes)
        yield
    finally:
        connections.close_all()
        for plain in _opened:
            if plain.open:
                plain.close()
        _each("DROP DATABASE IF EXISTS `{}`", suffixes)


def _each(statement: str, suffixes: Sequence[str]) -> None:
    server = connect(None)
    cursor = server.cursor()
    for suffix in suffixes:
        cursor.execute(statement.format(named(suffix)))
    server.close()


def machine() -> str:
    """What the figures were measured on."""
    plain = connect(None)
    cursor = plain.cursor()
    cursor.execute("SELECT VERSION(), @@innodb_flush_log_at_trx_commit, @@innodb_buffer_pool_size DIV 1048576")
    version, flush, pool = cursor.fetchone()
    plain.close()
    durable = "durable at commit" if flush == 1 else f"NOT DURABLE (innodb_flush_log_at_trx_commit={flush})"
    return f"{os.cpu_count()} cores, {version}, {durable}, buffer pool {pool} MiB"


def deadlocks() -> int | None:
    """How many the server has broken so far, also those that were retried; None where it does not count them."""
    plain = connect(None)
    cursor = plain.cursor()
    cursor.execute("SHOW GLOBAL STATUS LIKE 'Innodb_deadlocks'")
    row = cursor.fetchone()
    plain.close()
    return int(row[1]) if row else None
