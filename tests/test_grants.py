"""`manage.py grants`: under the users that it makes, everything works, and nothing that is written once can be changed."""

from __future__ import annotations

import re
import secrets
import shlex
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import time_machine
from django.apps import apps
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, connections

from conftest import build_world
from reports import demo
from reports.management.commands.grants import statements
from spendtrackr.models import Event
from spendtrackr.tenancy import AppendOnlyModel, company_scope
from tests.factories import NOON, PASSWORD, swipe
from transactions.models import Transaction
from transactions.operations.clearing import Clearing, clear
from transactions.operations.swipes import authorize

WRITTEN_ONCE = sorted(model._meta.db_table for model in apps.get_models() if issubclass(model, AppendOnlyModel))
TABLE_DENIED, COLUMN_DENIED, DATABASE_DENIED, TRIGGER_DENIED = 1142, 1143, 1044, 1419

on_a_server = pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has no users; DATABASE_URL=mysql://… runs these")


def printed(capsys, *arguments: str) -> list[str]:
    call_command("grants", *arguments)
    return [line.rstrip(";") for line in capsys.readouterr().out.splitlines() if not line.startswith("--")]


def test_tables_that_are_written_once_are_read_and_added_to_and_no_more(capsys):
    told = printed(capsys, "--database", "books", "--web-user", "web", "--worker-user", "worker", "--host", "10.0.0.%")
    assert {"entries", "postings", "messages", "draws", "events", "spend_lines"} <= set(WRITTEN_ONCE)
    for table in WRITTEN_ONCE:
        for user in ("web", "worker"):
            assert f"GRANT SELECT, INSERT ON `books`.`{table}` TO '{user}'@'10.0.0.%'" in told
    changing = {line for line in told if re.search("UPDATE|DELETE", line)}
    assert {line for line in changing if re.search(f"`({'|'.join(WRITTEN_ONCE)})`", line)} == {
        "GRANT UPDATE (`sequence`, `chain_hash`) ON `books`.`events` TO 'worker'@'10.0.0.%'"
    }
    assert not [line for line in told if re.search(r"ALTER|CREATE|DROP|INDEX|TRIGGER|\*\.|`\.\*", line)]


def test_every_table_is_granted(db, capsys):
    told = "\n".join(printed(capsys))
    assert set(re.findall(r"ON `[^`]+`\.`([^`]+)` TO", told)) == set(connection.introspection.table_names())


@pytest.mark.parametrize(
    ("option", "value"), [("--database", "a`b"), ("--web-user", "o'hara"), ("--worker-user", ""), ("--host", "a b"), ("--host", "\\")]
)
def test_a_name_that_could_not_be_quoted_is_refused_with_its_option(option, value):
    with pytest.raises(CommandError, match=f"{option} cannot be"):
        call_command("grants", f"{option}={value}")


def test_one_user_for_both_is_refused():
    with pytest.raises(CommandError, match="--worker-user must be another"):
        call_command("grants", "--web-user=one", "--worker-user=one")


def test_the_documented_command_prints_what_these_tests_run_under(capsys):
    text = (Path(settings.BASE_DIR) / "docs" / "operating.md").read_text()
    command = re.search(r"^    \.venv/bin/python manage\.py grants (.*) > grants\.sql$", text, re.MULTILINE)[1]
    told = printed(capsys, *shlex.split(command))
    database, host = (re.search(f"--{name} (\\S+)", command)[1].strip("'") for name in ("database", "host"))
    assert told == list(statements(database, web=f"'spendtrackr_web'@'{host}'", worker=f"'spendtrackr_worker'@'{host}'"))


class Installation:
    """A database with the tables of the test database, and two users with what is printed for it.

    Not the test database itself: many servers let everybody do everything in databases whose names begin with `test_`.
    """

    def __init__(self) -> None:
        mark = secrets.token_hex(4)
        self.password = secrets.token_urlsafe(12)
        self.database, self.web, self.worker = f"st_grants_{mark}", f"st_web_{mark}", f"st_worker_{mark}"

    def is_allowed(self) -> bool:
        with connection.cursor() as cursor:
            cursor.execute("SELECT COUNT(*) FROM information_schema.user_privileges WHERE privilege_type = 'CREATE USER'")
            return bool(cursor.fetchone()[0])

    def make(self) -> None:
        with self.signed_in(**self.as_owner(connection.settings_dict["NAME"])), connection.cursor() as cursor:
            cursor.execute("SELECT SUBSTRING_INDEX(USER(), '@', -1)")
            self.host = cursor.fetchone()[0]
            shapes = []
            for table in connection.introspection.table_names():
                cursor.execute(f"SHOW CREATE TABLE {table}")
                shapes.append(cursor.fetchone()[1])
            cursor.execute(f"CREATE DATABASE {self.database} CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci")
            for user in (self.web, self.worker):
                cursor.execute(f"CREATE USER '{user}'@'{self.host}' IDENTIFIED BY '{self.password}'")
            cursor.execute(f"USE {self.database}")
            cursor.execute("SET foreign_key_checks = 0")
            for shape in shapes:
                cursor.execute(shape)

    def grant(self, told: list[str]) -> None:
        with self.signed_in(**self.as_owner()), connection.cursor() as cursor:
            for statement in told:
                cursor.execute(statement)

    def drop(self) -> None:
        with self.signed_in(**self.as_owner("information_schema")), connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS {self.database}")
            for user in (self.web, self.worker):
                cursor.execute(f"DROP USER IF EXISTS '{user}'@'{self.host}'")

    def as_owner(self, database: str = "") -> dict[str, str]:
        return {"NAME": database or self.database}

    def as_web(self) -> dict[str, str]:
        return {"NAME": self.database, "USER": self.web, "PASSWORD": self.password}

    def as_worker(self) -> dict[str, str]:
        return self.as_web() | {"USER": self.worker}

    @contextmanager
    def signed_in(self, **who: str):
        """What is done inside is done by them: Django's connection is theirs."""
        before = connections["default"]
        theirs = before.copy()
        theirs.settings_dict |= who
        connections["default"] = theirs
        try:
            yield
        finally:
            theirs.close()
            connections["default"] = before


@pytest.fixture
def installed(db, capsys):
    made = Installation()
    if not made.is_allowed():
        pytest.skip("the user of these tests may make no databases here")
    try:
        made.make()
        made.grant(printed(capsys, f"--database={made.database}", *arguments(made)))
        yield made
    finally:
        made.drop()


def arguments(made: Installation) -> list[str]:
    return [f"--web-user={made.web}", f"--worker-user={made.worker}", f"--host={made.host}"]


def denied(sql: str) -> int:
    """The server's number for its refusal."""
    with pytest.raises(DatabaseError) as refused, connection.cursor() as cursor:
        cursor.execute(sql)
    return refused.value.args[0]


@on_a_server
def test_what_is_written_once_cannot_be_changed_or_deleted(installed):
    for who in (installed.as_web(), installed.as_worker()):
        with installed.signed_in(**who):
            for table in WRITTEN_ONCE:
                numbered = table == "events" and who == installed.as_worker()
                assert denied(f"UPDATE {table} SET company_id = 1") == (COLUMN_DENIED if numbered else TABLE_DENIED), table
                assert denied(f"DELETE FROM {table}") == TABLE_DENIED, table
                assert denied(f"TRUNCATE {table}") == TABLE_DENIED, table
                assert denied(f"REPLACE INTO {table} (company_id) VALUES (1)") == TABLE_DENIED, table
                if not numbered:
                    assert denied(f"INSERT INTO {table} (company_id) VALUES (1) ON DUPLICATE KEY UPDATE company_id = 1") == TABLE_DENIED


@on_a_server
def test_only_the_worker_numbers_events_and_nobody_changes_what_they_say(installed):
    number = "UPDATE events SET sequence = 1, chain_hash = 'x' WHERE id = 0 AND sequence IS NULL"
    with installed.signed_in(**installed.as_web()):
        assert denied(number) == TABLE_DENIED
    with installed.signed_in(**installed.as_worker()):
        with connection.cursor() as cursor:
            cursor.execute(number)
        assert denied("UPDATE events SET details = '{}' WHERE id = 0") == COLUMN_DENIED


@on_a_server
def test_nobody_changes_the_shape_of_a_table_or_the_record_of_migrations(installed):
    for who in (installed.as_web(), installed.as_worker()):
        with installed.signed_in(**who):
            assert denied("ALTER TABLE companies ADD COLUMN x INT") == TABLE_DENIED
            assert denied("DROP TABLE companies") == TABLE_DENIED
            assert denied("CREATE TABLE mine (id INT)") == TABLE_DENIED
            trigger = "CREATE TRIGGER mine BEFORE INSERT ON entries FOR EACH ROW SET NEW.day = '2026-01-01'"
            assert denied(trigger) in {TABLE_DENIED, TRIGGER_DENIED}
            assert denied("DELETE FROM django_migrations") == TABLE_DENIED
            assert denied(f"GRANT UPDATE ON entries TO '{who['USER']}'@'{installed.host}'") in {TABLE_DENIED, DATABASE_DENIED}


@on_a_server
def test_granting_again_takes_back_what_was_too_much(installed, capsys):
    installed.grant([f"GRANT ALL ON `{installed.database}`.* TO '{installed.web}'@'{installed.host}'"])
    installed.grant(printed(capsys, f"--database={installed.database}", *arguments(installed)))
    with installed.signed_in(**installed.as_web()):
        assert denied("DELETE FROM entries") == TABLE_DENIED


@on_a_server
def test_the_web_server_does_all_of_its_work_and_the_worker_the_rest(installed, client, api, capsys):
    """A swipe and what clears of it, signing in by page and by API, and the demo: what people of two companies do in a month."""
    asked: list[str] = []
    with installed.signed_in(**installed.as_web()), connection.execute_wrapper(_listening(asked)):
        world = build_world()
        with company_scope(world.acme.pk):
            purchase = authorize(world.card, swipe(20_00)).transaction
            clear(purchase, Clearing("capture", "c", NOON, is_final=True), actor=None)
            assert Transaction.objects.get().status == "posted"
        assert client.post("/sign-in/", {"email": "alice@acme.example", "password": PASSWORD}).status_code == 302
        assert client.get("/").status_code == 200
        signed_in = api(None).post("/api/v1/auth/login/", {"email": "bob@acme.example", "password": PASSWORD})
        assert signed_in.status_code == 200
        assert api(None).post("/api/v1/auth/refresh/", {"refresh": signed_in.json()["refresh"]}).status_code == 200
        now = datetime(2026, 11, 23, tzinfo=UTC)
        for company in demo.COMPANIES:
            demo.fill(company, demo.PASSWORD, until=date(2026, 11, 22), months=1, now=now, told=lambda done, total: None)
        assert Event.across_companies.filter(sequence=None).exists()

    # What a round finds due it tells of after sealing: the next round seals that.
    with installed.signed_in(**installed.as_worker()), connection.execute_wrapper(_listening(asked)), time_machine.travel(now):
        call_command("worker", once=True)
        call_command("worker", once=True)
        assert not Event.across_companies.filter(sequence=None).exists()

    with installed.signed_in(**installed.as_web()):
        call_command("verify")
    assert "4 companies verified" in capsys.readouterr().out
    # MySQL lets nobody lock what they may not change; MariaDB would not say.
    locked = {table for sql in asked if "FOR UPDATE" in sql for table in re.findall(r"`(\w+)`\.", sql)}
    assert {"cards", "transactions", "event_chains"} <= locked
    assert not locked & set(WRITTEN_ONCE)


def _listening(asked: list[str]):
    def listen(execute, sql, params, many, context):
        asked.append(sql)
        return execute(sql, params, many, context)

    return listen
