"""`manage.py grants`: what the web server and the worker may do in the database, as SQL for whoever owns it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from spendtrackr.models import Event
from spendtrackr.tenancy import AppendOnlyModel

READ, WRITE_ONCE, WRITE = "SELECT", "SELECT, INSERT", "SELECT, INSERT, UPDATE, DELETE"
# The one write to rows that are there already: the sealer numbers events, and the sealer runs in the worker.
SEALED = ("sequence", "chain_hash")

_NAME = re.compile(r"[\w.$-]{1,64}")
_HOST = re.compile(r"[\w.:%/-]{1,255}")


class Command(BaseCommand):
    help = (
        "Print the GRANT statements (MySQL, MariaDB) under which neither the web server nor the worker can change or delete a row that is "
        "written once. Neither may change a table's shape: migrations are run by the owner, and these statements again after them."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        ours = connection.settings_dict["NAME"] if connection.vendor == "mysql" else "spendtrackr"
        parser.add_argument("--database", default=ours, help="Its name; by default the one of DATABASE_URL.")
        parser.add_argument("--web-user", default="spendtrackr_web")
        parser.add_argument("--worker-user", default="spendtrackr_worker")
        parser.add_argument("--host", default="%", help="Where both connect from; anywhere by default.")

    def handle(self, *args: Any, database: str, web_user: str, worker_user: str, host: str, **options: Any) -> None:
        for option, value, allowed in (
            ("--database", database, _NAME),
            ("--web-user", web_user, _NAME),
            ("--worker-user", worker_user, _NAME),
            ("--host", host, _HOST),
        ):
            if not allowed.fullmatch(value):
                raise CommandError(f"{option} cannot be {value!r}.")
        if web_user == worker_user:
            raise CommandError("--worker-user must be another than --web-user: it may number events.")
        self.stdout.write("-- Both users must be there: CREATE USER … IDENTIFIED BY …. What they were granted before is taken back.")
        for statement in statements(database, web=f"'{web_user}'@'{host}'", worker=f"'{worker_user}'@'{host}'"):
            self.stdout.write(f"{statement};")


def statements(database: str, *, web: str, worker: str) -> Iterator[str]:
    """Table by table, since a right to the whole database could not be taken back from one of its tables."""
    for user in (web, worker):
        yield f"REVOKE ALL PRIVILEGES, GRANT OPTION FROM {user}"
        for table, rights in sorted(rights_by_table().items()):
            yield f"GRANT {rights} ON `{database}`.`{table}` TO {user}"
    yield f"GRANT UPDATE ({', '.join(f'`{column}`' for column in SEALED)}) ON `{database}`.`{Event._meta.db_table}` TO {worker}"


def rights_by_table() -> dict[str, str]:
    found = {MigrationRecorder.Migration._meta.db_table: READ}
    for model in apps.get_models(include_auto_created=True):
        if model._meta.managed and not model._meta.proxy:
            found[model._meta.db_table] = WRITE_ONCE if issubclass(model, AppendOnlyModel) else WRITE
    return found
