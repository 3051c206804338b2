"""Chromium as Debian packages it. `make e2e` runs these; elsewhere they are not collected."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing

import pytest
from django.core.management import call_command
from django.db import connection
from playwright.sync_api import expect

os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # the browser's driver runs an event loop in the test's thread
CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
expect.set_options(timeout=30_000)  # as long as an action waits: a busy machine is slow, not wrong
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args):
    return {**browser_type_launch_args, "executable_path": CHROMIUM, "args": QUIET}


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args):
    """A reader whose days and amounts are written as without a region."""
    return {**browser_context_args, "locale": "en-GB"}


@pytest.fixture(scope="session")
def kept(tmp_path_factory):
    """Where a copy of the demo lies, once it was made."""
    return tmp_path_factory.mktemp("demo") / "demo.sqlite3"


@pytest.fixture
def demo(live_server, kept):
    """The demo's two companies behind a running server. Made once; every other test gets them from a copy, which is quicker by far."""
    connection.ensure_connection()
    if kept.exists():
        with closing(sqlite3.connect(kept)) as copy:
            copy.backup(connection.connection)
        return live_server
    call_command("seed", months=2, verbosity=0)
    if connection.vendor == "sqlite":
        with closing(sqlite3.connect(kept)) as copy:
            connection.connection.backup(copy)
    return live_server


@pytest.fixture
def problems(page):
    """What the browser's console complained of: nothing, or the test fails. A refused policy is an error there too."""
    found: list[str] = []
    page.on("console", lambda message: found.append(message.text) if message.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: found.append(str(error)))
    yield found
    assert found == []
