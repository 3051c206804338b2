"""System checks: what money needs of a database, asked at start-up and by `manage.py check --database default`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, register
from django.db import connections


@register(Tags.database)
def database_is_fit_for_money(databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """READ COMMITTED and InnoDB on MySQL and MariaDB; immediate write locks on SQLite."""
    found: list[CheckMessage] = []
    for alias in databases or []:
        connection = connections[alias]
        if connection.vendor == "mysql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT @@SESSION.transaction_isolation" if not _is_mariadb(connection) else "SELECT @@SESSION.tx_isolation")
                isolation = cursor.fetchone()[0]
                cursor.execute("SELECT @@default_storage_engine")
                engine = cursor.fetchone()[0]
            if isolation != "READ-COMMITTED":
                found.append(Error(f"The database session runs at {isolation}; money needs READ-COMMITTED.", id="spendtrackr.E001"))
            if engine != "InnoDB":
                found.append(Error(f"New tables would be {engine}; money needs InnoDB.", id="spendtrackr.E002"))
        elif connection.vendor == "sqlite" and connection.settings_dict["OPTIONS"].get("transaction_mode") != "IMMEDIATE":
            found.append(Error("SQLite must begin transactions IMMEDIATE.", id="spendtrackr.E003"))
    return found


def _is_mariadb(connection: Any) -> bool:
    return bool(connection.mysql_is_mariadb)
