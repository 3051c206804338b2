"""Configuration: nonsense is refused loudly, and nothing insecure is a default outside the demo."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from spendtrackr import environment

ROOT = Path(settings.BASE_DIR)
PRODUCTION = {"SPENDTRACKR_MODE": "production", "SECRET_KEY": secrets.token_urlsafe(50), "ALLOWED_HOSTS": "spend.example.com"}


def manage(*words: str, **env: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG", "LD_LIBRARY_PATH"}}
    return subprocess.run(
        [sys.executable, "manage.py", *words], cwd=ROOT, env={**clean, **env}, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ({}, "SECRET_KEY is not set"),
        ({**PRODUCTION, "SECRET_KEY": "short"}, "SECRET_KEY is too short"),
        ({**PRODUCTION, "ALLOWED_HOSTS": ""}, "ALLOWED_HOSTS is not set"),
        ({**PRODUCTION, "SPENDTRACKR_MODE": "prod"}, "SPENDTRACKR_MODE must be one of"),
        ({**PRODUCTION, "SIGNUP_OPEN": "maybe"}, "SIGNUP_OPEN must be true or false, not 'maybe'"),
        ({**PRODUCTION, "DATABASE_URL": "postgres://x/y"}, "DATABASE_URL must begin with sqlite:// or mysql://"),
        ({**PRODUCTION, "DATABASE_URL": "nonsense"}, "DATABASE_URL must begin with"),
        ({**PRODUCTION, "REDIS_URL": "localhost:6379"}, "REDIS_URL must begin with"),
        ({**PRODUCTION, "EMAIL_URL": "mail.example.com"}, "EMAIL_URL must begin with"),
        ({**PRODUCTION, "EMAIL_URL": "smtp://:25"}, "EMAIL_URL names no host"),
        ({**PRODUCTION, "EMAIL_URL": "smtp://mail:port"}, "EMAIL_URL must name its port as a number"),
        ({**PRODUCTION, "MAIL_FROM": "nobody"}, "MAIL_FROM must be an address"),
        ({**PRODUCTION, "RECEIPTS_STORAGE": "ftp://bucket"}, "RECEIPTS_STORAGE must begin with s3:// or gs://"),
        ({**PRODUCTION, "RECEIPTS_STORAGE": "bucket"}, "RECEIPTS_STORAGE must begin with s3:// or gs://"),
        ({**PRODUCTION, "RECEIPTS_STORAGE": "s3:///folder"}, "RECEIPTS_STORAGE must name a bucket"),
        ({**PRODUCTION, "RECEIPTS_STORAGE": "s3://key:secret@bucket"}, "RECEIPTS_STORAGE must name a bucket"),
        ({**PRODUCTION, "RECEIPTS_STORAGE": "gs://bucket/x?acl=public"}, "RECEIPTS_STORAGE must name a bucket"),
        ({**PRODUCTION, "SITE_URL": "spend.example.com"}, "SITE_URL must be a scheme and a host"),
        ({**PRODUCTION, "SITE_URL": "https://spend.example.com/app"}, "SITE_URL must be a scheme and a host"),
        ({**PRODUCTION, "CONFIRM_ADDRESSES": "maybe"}, "CONFIRM_ADDRESSES must be true or false"),
        (
            {**PRODUCTION, "DATABASE_LOCK_WAIT_SECONDS": "1s", "DATABASE_URL": "mysql://u:p@h/d"},
            "DATABASE_LOCK_WAIT_SECONDS must be a whole number",
        ),
    ],
)
def test_nonsense_is_refused_with_its_name(env, message):
    answer = manage("check", **env)
    assert answer.returncode != 0
    assert f"SpendTrackr is not configured: {message}" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_production_is_the_default_and_passes_djangos_own_deployment_check():
    answer = manage("check", "--deploy", "--fail-level", "WARNING", **PRODUCTION)
    assert (answer.returncode, answer.stdout) == (0, "System check identified no issues (0 silenced).\n"), answer.stderr


def test_production_opens_nothing_by_itself():
    script = (
        "from django.conf import settings as s; "
        "print(s.DEBUG, s.SIGNUP_OPEN, s.SIMULATOR_ENABLED, s.DOCS_OPEN, s.SECURE_SSL_REDIRECT, s.SESSION_COOKIE_SECURE)"
    )
    answer = manage("shell", "--no-imports", "-c", script, **PRODUCTION)
    assert answer.stdout.split() == ["False", "False", "False", "False", "True", "True"], answer.stderr


MAIL_SETTINGS = (
    "from django.conf import settings as s; "
    "print(s.EMAIL_BACKEND.split('.')[-2], getattr(s, 'EMAIL_HOST', ''), getattr(s, 'EMAIL_PORT', ''), getattr(s, 'EMAIL_USE_TLS', False), "
    "s.SITE_URL, s.DEFAULT_FROM_EMAIL, s.CONFIRM_ADDRESSES, sep='|')"
)


@pytest.mark.parametrize(
    ("env", "told"),
    [
        (PRODUCTION, "smtp|localhost|25|False|https://spend.example.com|SpendTrackr <no-reply@spend.example.com>|True"),
        ({"SPENDTRACKR_MODE": "demo"}, "console|localhost|25|False|http://127.0.0.1:8000|SpendTrackr <no-reply@localhost>|False"),
        (
            {
                **PRODUCTION,
                "EMAIL_URL": "smtp+tls://u:p@mail.example.com:587",
                "SITE_URL": "https://money.example.com/",
                "MAIL_FROM": "Money <m@example.com>",
            },
            "smtp|mail.example.com|587|True|https://money.example.com|Money <m@example.com>|True",
        ),
        ({**PRODUCTION, "ALLOWED_HOSTS": "*"}, "smtp|localhost|25|False|https://localhost|SpendTrackr <no-reply@localhost>|True"),
    ],
)
def test_mail_goes_where_the_environment_says(env, told):
    answer = manage("shell", "--no-imports", "-c", MAIL_SETTINGS, **env)
    assert answer.stdout.strip() == told, answer.stderr


def test_the_demo_is_not_seeded_in_production():
    answer = manage("seed", **PRODUCTION)
    assert answer.returncode != 0
    assert "not created in production" in answer.stderr


def test_the_demo_makes_its_own_secret_and_keeps_it(tmp_path, monkeypatch):
    monkeypatch.delenv("SECRET_KEY", raising=False)
    first = environment.secret_key("demo", tmp_path)
    assert len(first) >= 50
    assert environment.secret_key("demo", tmp_path) == first
    assert (tmp_path / "demo-secret-key").stat().st_mode & 0o077 == 0


def test_money_gets_the_database_it_needs(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "mysql://u:p@/db?unix_socket=/cloudsql/P:R:I")
    config = environment.database("sqlite:///x")
    assert config["OPTIONS"]["isolation_level"] == "read committed"
    assert config["OPTIONS"]["unix_socket"] == "/cloudsql/P:R:I"
    assert "innodb_lock_wait_timeout=1" in config["OPTIONS"]["init_command"]
    monkeypatch.setenv("DATABASE_URL", "sqlite:///x.db")
    assert environment.database("")["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    monkeypatch.setenv("DATABASE_URL", "mysql://u:p@host/")
    with pytest.raises(ImproperlyConfigured, match="names no database"):
        environment.database("")


def test_the_database_in_use_is_fit_for_money(db):
    from spendtrackr.checks import database_is_fit_for_money

    assert database_is_fit_for_money(databases=["default"]) == []


def test_a_database_that_is_not_fit_is_refused(db, monkeypatch):
    from django.db import connection

    from spendtrackr.checks import database_is_fit_for_money

    if connection.vendor == "sqlite":
        monkeypatch.setitem(connection.settings_dict["OPTIONS"], "transaction_mode", "DEFERRED")
        assert [error.id for error in database_is_fit_for_money(databases=["default"])] == ["spendtrackr.E003"]
    else:
        with connection.cursor() as cursor:
            cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            assert [error.id for error in database_is_fit_for_money(databases=["default"])] == ["spendtrackr.E001"]
            cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
