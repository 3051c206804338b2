"""What operators type: importing, working, serving. Each as its own process where that is how it is used."""

from __future__ import annotations

import importlib.util
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.utils import timezone

from cards.models import Card, CardStatus
from spendtrackr.models import Event, IdempotencyKey
from spendtrackr.tenancy import company_scope
from transactions.models import StatementSource, Transaction

ROOT = Path(settings.BASE_DIR)


@pytest.fixture
def statement(tmp_path):
    path = tmp_path / "march.csv"
    path.write_text("Date,Amount,Merchant\n2026-03-05,12.00,Shop\n2026-03-06,oops,Shop\n\n2026-03-07,-2.00,Shop\n")
    return path


def test_importing_tells_what_became_of_every_row(world, statement, capsys):
    call_command("import_statement", statement, company=world.acme.slug, source="Bank", attribution="Open data")
    assert capsys.readouterr().out.splitlines() == [
        "march.csv: 4 rows, 2 booked ($10.00), 0 in already, 1 skipped, 1 rejected",
        "  Amounts have both signs; amounts above zero were taken as charges.",
        "  The file names no currency; USD was assumed.",
        "  line 3: 'oops' is not a number.",
    ]
    source = StatementSource.across_companies.get()
    assert (source.company_id, source.name, source.attribution) == (world.acme.pk, "Bank", "Open data")

    call_command("import_statement", statement, company=world.acme.public_id, source="Bank")
    assert "0 booked (nothing), 2 in already" in capsys.readouterr().out
    assert Transaction.across_companies.count() == 2


def test_a_mapping_can_be_looked_at_and_given_back(world, statement, tmp_path, capsys):
    call_command("import_statement", statement, company=world.acme.slug, show=True)
    mapping = json.loads(capsys.readouterr().out)
    assert mapping["columns"] == {"transaction_date": "Date", "amount": "Amount", "merchant": "Merchant"}
    assert not Transaction.across_companies.exists()

    mapping["charges"] = "negative"
    (tmp_path / "mapping.json").write_text(json.dumps(mapping))
    call_command("import_statement", statement, company=world.acme.slug, mapping=tmp_path / "mapping.json")
    assert sorted(Transaction.across_companies.values_list("amount_minor", flat=True)) == [-12_00, 2_00]


@pytest.mark.parametrize(
    ("company", "name", "message"), [("nobody", "march.csv", "There is no company 'nobody'"), (None, "may.csv", "No such file")]
)
def test_what_cannot_be_imported_says_why(world, statement, company, name, message):
    with pytest.raises(CommandError, match=message):
        call_command("import_statement", statement.with_name(name), company=company or world.acme.slug)


def test_a_file_that_is_no_statement_says_why(world, tmp_path):
    (tmp_path / "x.csv").write_text("hello")
    with pytest.raises(CommandError, match=r"x\.csv: No header row was found.*\(file\)"):
        call_command("import_statement", tmp_path / "x.csv", company=world.acme.slug)


def test_one_round_of_the_worker_does_what_waits(world):
    with company_scope(world.acme.pk):
        Card.objects.filter(pk=world.card.pk).update(status=CardStatus.PENDING)
        IdempotencyKey.objects.create(credential="m", key_hash="k", request_hash="r", created_at=timezone.now().replace(year=2020))
    call_command("worker", once=True)
    assert not Event.across_companies.filter(sequence=None).exclude(type="card.issued").exists()
    assert Card.across_companies.get(pk=world.card.pk).status == CardStatus.ACTIVE
    assert not IdempotencyKey.across_companies.exists()


def test_one_round_of_the_worker_sends_what_is_due(world):
    from django.core import mail

    from users import operations

    operations.request_reset("alice@acme.example", at=timezone.now())
    call_command("worker", once=True)
    call_command("worker", once=True)
    assert [message.to for message in mail.outbox] == [["alice@acme.example"]]


@pytest.mark.parametrize(
    ("bind", "mode", "told"),
    [
        ("127.0.0.1:8101", False, {"SITE_URL": "http://127.0.0.1:8101"}),
        ("0.0.0.0:80", False, {"SITE_URL": "http://127.0.0.1:80"}),
        ("127.0.0.1:8000", True, {}),
    ],
)
def test_the_worker_is_told_where_links_lead(settings, bind, mode, told):
    from reports.management.commands import serve

    settings.IN_PRODUCTION = mode
    assert serve._address(bind) == told


@pytest.mark.parametrize("error", [OperationalError(2006, "gone away"), ValueError("a defect")])
def test_a_round_that_fails_does_not_stop_the_others(world, monkeypatch, error):
    from reports.management.commands import worker

    def away():
        raise error

    monkeypatch.setattr(worker.events, "seal_all", away)
    with company_scope(world.acme.pk):
        Card.objects.filter(pk=world.card.pk).update(status=CardStatus.PENDING)
    call_command("worker", once=True)
    assert Card.across_companies.get(pk=world.card.pk).status == CardStatus.ACTIVE


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answer(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return response.status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


# The tables as the models describe them: what the migrations make of them is what this suite's own database was made by.
TABLES = """
import django
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
django.setup()
settings.MIGRATION_MODULES = dict.fromkeys(app.label for app in apps.get_app_configs())
call_command("migrate", run_syncdb=True, verbosity=0)
settings.MIGRATION_MODULES = {}
call_command("migrate", fake=True, verbosity=0)
"""


def test_serving_starts_web_and_worker_and_stops_both(tmp_path):
    port = free_port()
    env = {
        **os.environ,
        "SPENDTRACKR_MODE": "demo",
        "DATABASE_URL": f"sqlite:///{tmp_path / 'serve.sqlite3'}",
        "DJANGO_SETTINGS_MODULE": "spendtrackr.settings",
    }
    subprocess.run([sys.executable, "-c", TABLES], cwd=ROOT, env=env, check=True)
    served = subprocess.Popen(
        [sys.executable, "manage.py", "serve", "--bind", f"127.0.0.1:{port}"], cwd=ROOT, env=env, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 30
        while answer(f"http://127.0.0.1:{port}/health/") != 200:
            assert time.monotonic() < deadline, "it did not start"
            time.sleep(0.1)
        assert answer(f"http://127.0.0.1:{port}/static/spendtrackr.css") == 200
        assert answer(f"http://127.0.0.1:{port}/api/v1/cards/") == 401
        children = Path(f"/proc/{served.pid}/task/{served.pid}/children")
        started = children.read_text().split() if children.exists() else []
        assert len(started) in {0, 2}
    finally:
        served.send_signal(signal.SIGTERM)
        code = served.wait(timeout=30)
    assert code == 0
    assert answer(f"http://127.0.0.1:{port}/health/") == 0
    assert not [pid for pid in started if Path(f"/proc/{pid}").exists()]


def test_a_taken_port_is_said_at_once():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(CommandError, match=r"cannot be used .* make demo PORT=8100"):
            call_command("serve", bind=f"127.0.0.1:{taken.getsockname()[1]}", dry_run=True)
    call_command("serve", bind=f"127.0.0.1:{free_port()}", dry_run=True)


@pytest.mark.parametrize(
    ("email", "password", "message"),
    [
        ("notmail", "a-good-long-password", "not an e-mail address"),
        ("ops@example.com", "short", "too short"),
        ("alice@acme.example", "a-good-long-password", "an account already"),
    ],
)
def test_an_operator_who_cannot_be_made_is_told_why(world, monkeypatch, email, password, message):
    monkeypatch.setattr("sys.stdin", io.StringIO(password + "\n"))
    with pytest.raises(CommandError, match=message):
        call_command("create_operator", email)


@pytest.mark.parametrize(("typed", "message"), [(["one-long-password", "another-password"], "differ"), ([EOFError], "No password")])
def test_a_password_typed_at_a_terminal_is_asked_for_twice(db, monkeypatch, typed, message):
    answers = iter(typed)

    def ask(prompt=""):
        answer = next(answers)
        if answer is EOFError:
            raise EOFError
        return answer

    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("getpass.getpass", ask)
    with pytest.raises(CommandError, match=message):
        call_command("create_operator", "ops@example.com")


@pytest.mark.skipif(importlib.util.find_spec("MySQLdb") is None, reason="needs mysqlclient, which the demo does without")
def test_with_the_database_away_every_kind_of_route_says_503_in_time():
    script = """
import django, time
django.setup()
from django.test import Client
client = Client(raise_request_exception=False, SERVER_NAME="localhost")
client.get("/nowhere/")  # the modules of all routes are loaded once
for path in ("/api/v1/cards/", "/", "/health/", "/api/v1/auth/login/"):
    started = time.monotonic()
    if path.endswith("login/"):
        response = client.post(path, {"email": "a@b.example", "password": "x"}, content_type="application/json")
    else:
        response = client.get(path, headers={"Authorization": "Bearer x"} if "api" in path else {}, COOKIES={})
    print(path, response.status_code, response.headers.get("Retry-After"), time.monotonic() - started < 2)
"""
    env = {
        **os.environ,
        "DATABASE_URL": f"mysql://root:@127.0.0.1:{free_port()}/nowhere",
        "DJANGO_SETTINGS_MODULE": "spendtrackr.settings_test",
    }
    told = subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=env, capture_output=True, text=True, check=True).stdout
    lines = [line for line in told.splitlines() if line.startswith("/")]
    assert lines == [
        "/api/v1/cards/ 401 None True",  # a token that is not ours is refused before anybody asks the database
        "/ 302 None True",  # no cookie, no question
        "/health/ 503 1 True",
        "/api/v1/auth/login/ 503 1 True",
    ]
