"""Pull the plug, at any moment: what was acknowledged is there, nothing is half there, and the same message again is one approval."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.conf import settings
from django.db import OperationalError, connection, transaction

from cards import operations as cards
from cards.models import Budget, Card
from conftest import build_world
from reports.verification import COMPANY_CHECKS
from spendtrackr.tenancy import company_scope
from tests.factories import NOON, swipe
from tests.test_races import at_once
from transactions import swipe_sql
from transactions.models import Draw, Entry, FundingAccount, Message, Transaction
from transactions.operations.clearing import Clearing, clear
from transactions.operations.swipes import authorize

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]
needs_server = pytest.mark.skipif(connection.vendor == "sqlite", reason="there is no connection that a server could close")


@pytest.fixture
def acme():
    world = build_world()
    with company_scope(world.acme.pk):
        budget = Budget.objects.create(
            name="b", name_key="b", owner=world.alice, currency="USD", limit_minor=900_00, interval="month", is_hard=True, created_at=NOON
        )
        Budget.objects.filter(pk=budget.pk).update(chain=f"{budget.pk}.")
        world.card = cards.change_controls(world.card, {"budget": budget}, actor=world.alice, at=NOON)
        yield world


# A worker that is killed.


def killed_at(point: int, work) -> tuple[bool, bool]:
    """Do `work` in a process of its own that kills itself before its statement number `point`, counting COMMIT and what follows it.

    Answers whether it acknowledged, and whether it came to its end.
    """
    connection.close()  # a child must not share the socket
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            _work_until(point, work, writing)
        finally:
            os._exit(1)
    os.close(writing)
    acknowledged = os.read(reading, 10) == b"done"
    os.close(reading)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, "the work itself failed"
    return acknowledged, not os.WIFSIGNALED(status)


def _work_until(point, work, writing) -> None:
    count = 0

    def step() -> None:
        nonlocal count
        count += 1
        if count == point:
            os.kill(os.getpid(), signal.SIGKILL)

    def counted(execute, sql, params, many, context):
        step()
        return execute(sql, params, many, context)

    connection.ensure_connection()
    commit = connection._commit

    def counted_commit():
        step()
        commit()
        step()

    connection._commit = counted_commit
    with connection.execute_wrapper(counted):
        work()
    os.write(writing, b"done")
    os._exit(0)


def is_clean() -> None:
    for name, check in COMPANY_CHECKS.items():
        assert list(check()) == [], name


def once_again(work) -> None:
    """The server takes a moment to notice that a client died."""
    for _ in range(20):
        try:
            return work()
        except OperationalError:
            time.sleep(0.1)
    raise AssertionError("the dead worker's locks are still held")


def rows() -> tuple[int, ...]:
    return tuple(model.objects.count() for model in (Transaction, Message, Draw, Entry))


def test_a_worker_killed_anywhere_in_a_decision_leaves_all_of_it_or_nothing(acme):
    seen = set()
    for point in itertools.count(1):
        before, held = rows(), FundingAccount.objects.get().held_minor
        request = swipe(1_00, network_id=f"k{point}", is_financial=False)
        acknowledged, survived = killed_at(point, lambda request=request: authorize(acme.card, request))
        is_clean()
        written = rows() != before
        assert written or not acknowledged
        seen.add(written)
        once_again(lambda request=request: authorize(acme.card, request))
        assert rows() == (before[0] + 1, before[1] + 1, before[2] + 2, before[3] + 1)
        assert FundingAccount.objects.get().held_minor == held + 1_00
        if survived:
            break
    assert acknowledged
    assert seen == {False, True}
    assert point > 10  # it was killed between as many statements as a decision has


def test_a_worker_killed_anywhere_in_a_capture_leaves_all_of_it_or_nothing(acme):
    seen = set()
    for point in itertools.count(1):
        purchase = authorize(acme.card, swipe(1_00)).transaction
        capture = Clearing("capture", f"c{point}", NOON, 1_00, is_final=True)
        acknowledged, survived = killed_at(point, lambda purchase=purchase, capture=capture: clear(purchase, capture, actor=None))
        is_clean()
        row = Transaction.objects.get(pk=purchase.pk)
        assert (row.held_minor, row.captured_minor) in {(1_00, 0), (0, 1_00)}
        assert row.captured_minor or not acknowledged
        seen.add(row.captured_minor)
        once_again(lambda purchase=purchase, capture=capture: clear(purchase, capture, actor=None))
        assert FundingAccount.objects.get().spent_minor == point * 1_00
        if survived:
            break
    assert seen == {0, 1_00}
    assert point > 10


# A connection that breaks, so that nobody knows whether the server committed.


def kill(thread_id: int) -> None:
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute(f"KILL CONNECTION {thread_id}")
    other.close()


def at_commit(monkeypatch, do) -> None:
    """The first COMMIT from now on is done by `do`, which is given the real one."""
    commit, calls = connection._commit, itertools.count()
    monkeypatch.setattr(connection, "_commit", lambda: do(commit) if next(calls) == 0 else commit())


@needs_server
@pytest.mark.parametrize("is_committed", [True, False])
def test_an_answer_lost_at_commit_is_looked_up_by_its_message(acme, monkeypatch, is_committed):
    def break_off(commit):
        thread_id = connection.connection.thread_id()
        if is_committed:
            commit()
        kill(thread_id)
        if is_committed:
            raise OperationalError(2013, "Lost connection to server during query")
        commit()

    request = swipe(5_00, network_id="unknown")
    at_commit(monkeypatch, break_off)
    with CountedDecisions(monkeypatch) as decided:
        answer = authorize(acme.card, request)
    assert (answer.approved, decided.times) == (True, 2)
    assert authorize(acme.card, request).message.pk == answer.message.pk
    assert (Message.objects.count(), FundingAccount.objects.get().held_minor) == (1, 5_00)
    is_clean()


class CountedDecisions:
    def __init__(self, monkeypatch) -> None:
        from transactions.operations import swipes

        self.times, self.monkeypatch, self.swipes, self.decide = 0, monkeypatch, swipes, swipes._decide

    def __enter__(self):
        def decide(*args, **kwargs):
            self.times += 1
            return self.decide(*args, **kwargs)

        self.monkeypatch.setattr(self.swipes, "_decide", decide)
        return self

    def __exit__(self, *_):
        self.monkeypatch.setattr(self.swipes, "_decide", self.decide)


@needs_server
def test_a_connection_killed_while_it_waits_for_the_card_is_answered_all_the_same(acme):
    """One holds the card; one waits for it, and loses its connection; nothing of it is written twice."""
    threads = {}

    def work(number):
        with connection.cursor() as cursor:
            cursor.execute("SET SESSION innodb_lock_wait_timeout = 10")
        if number == 0:
            with transaction.atomic():
                Card.objects.select_for_update().get(pk=acme.card.pk)
                while "waiting" not in threads:
                    time.sleep(0.01)
                time.sleep(0.3)
                kill(threads["waiting"])
                time.sleep(0.1)
            return None
        time.sleep(0.1)
        threads["waiting"] = connection.connection.thread_id()
        return authorize(acme.card, swipe(5_00, network_id="waits"))

    _, answer = at_once(acme, work, 2)
    assert not isinstance(answer, str), answer
    assert answer.approved
    assert (Message.objects.count(), FundingAccount.objects.get().held_minor) == (1, 5_00)
    is_clean()


@pytest.mark.parametrize("lost_in", [1, 2])
def test_a_connection_that_breaks_beside_somebody_who_was_faster_is_answered_too(acme, monkeypatch, lost_in):
    """The account is found to be short of the money, or of the newest rules, before or after the connection broke."""
    move, calls = swipe_sql.move, itertools.count(1)

    def covered(*args, **kwargs):
        call = next(calls)
        if call == lost_in:
            raise OperationalError(2013, "Lost connection to server during query")
        return call > 2 and move(*args, **kwargs)

    monkeypatch.setattr(swipe_sql, "move", covered)
    assert authorize(acme.card, swipe(5_00)).approved
    assert (Message.objects.count(), FundingAccount.objects.get().held_minor) == (1, 5_00)
    is_clean()


@needs_server
def test_a_connection_that_breaks_under_an_idempotency_key_says_that_nobody_knows(acme, api, monkeypatch):
    """The key's transaction is gone with the decision: doing the decision alone again would lose the key."""
    move, calls = swipe_sql.move, itertools.count(1)

    def covered(*args, **kwargs):
        if next(calls) == 1:
            kill(connection.connection.thread_id())
        return move(*args, **kwargs)

    monkeypatch.setattr(swipe_sql, "move", covered)
    client, key = api(acme.alice), {"Idempotency-Key": "k"}
    response = client.post("/api/v1/simulator/authorizations/", body(acme.card), headers=key)
    assert (response.status_code, response.json()["code"], response["Retry-After"]) == (503, "outcome_unknown", "1")
    again = client.post("/api/v1/simulator/authorizations/", body(acme.card), headers=key)
    assert (again.status_code, again.json()["approved"]) == (201, True)
    with company_scope(acme.acme.pk):
        assert (Message.objects.count(), FundingAccount.objects.get().held_minor) == (1, 1_00)


# What stands around it is away.


def body(card) -> dict:
    return {
        "card": card.public_id, "amount": {"minor": 1_00, "currency": "USD"},
        "merchant_name": "x", "merchant_code": "5812", "country": "US",
    }  # fmt: skip


@needs_server
def test_a_swipe_with_the_database_away_is_a_503_in_time(acme, api, monkeypatch):
    client, sent = api(acme.alice), body(acme.card)
    assert client.get("/api/v1/cards/").status_code == 200  # everything is imported by now
    connection.close()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        with monkeypatch.context() as patch:
            patch.setitem(connection.settings_dict, "HOST", "127.0.0.1")
            patch.setitem(connection.settings_dict, "PORT", free.getsockname()[1])
            started = time.monotonic()
            response = client.post("/api/v1/simulator/authorizations/", sent)
            assert time.monotonic() - started < 2
    assert (response.status_code, response["Retry-After"]) == (503, "1")
    connection.close()
    with company_scope(acme.acme.pk):
        assert Message.objects.count() == 0


def test_with_redis_away_nothing_changes_for_money(acme, api, settings):
    pytest.importorskip("django_redis", reason="the demo does without Redis")
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    away = {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": settings.REDIS_URL}
    settings.CACHES = {"default": away | {"OPTIONS": {"SOCKET_CONNECT_TIMEOUT": 0.2, "SOCKET_TIMEOUT": 0.2}}}
    response = api(acme.alice).post("/api/v1/simulator/authorizations/", body(acme.card), headers={"Idempotency-Key": "k"})
    assert (response.status_code, response.json()["approved"]) == (201, True)
    with company_scope(acme.acme.pk):
        assert FundingAccount.objects.get().held_minor == 1_00
        is_clean()


# The database is killed.

PROGRAMS = ("mariadbd", "mariadb-install-db", "mariadb-dump", "mariadb")
WORKER = """
import django
django.setup()
from cards.models import Card
from spendtrackr.tenancy import company_scope
from tests.factories import swipe
from transactions.operations.swipes import authorize
import os, sys
card = Card.across_companies.get(pk=int(sys.argv[1]))
with company_scope(card.company_id):
    for number in range(100000):
        network_id = f"w{sys.argv[2]}-{number}"
        assert authorize(card, swipe(1, network_id=network_id)).approved
        os.write(1, f"{network_id}\\n".encode())
"""
LOOK = """
import django
django.setup()
import sys
from companies.models import Company
from reports.verification import COMPANY_CHECKS
from spendtrackr.tenancy import company_scope
from transactions.models import Message
with company_scope(int(sys.argv[1])):
    for name, check in COMPANY_CHECKS.items():
        assert list(check()) == [], name
    print(*Message.objects.filter(is_approved=True).values_list("network_id", flat=True), sep="\\n")
"""


@contextmanager
def a_server(folder: Path, port: int):
    """A MariaDB of our own; killed without mercy at the end."""
    address = [f"--socket={folder}/s", f"--port={port}", "--bind-address=127.0.0.1"]
    user = ["--user=root"] if os.geteuid() == 0 else []
    with (folder / "log").open("ab") as log:
        server = subprocess.Popen(["mariadbd", "--no-defaults", f"--datadir={folder}/db", *address, *user], stdout=log, stderr=log)
    try:
        for _ in range(150):
            if (
                subprocess.run(["mariadb", f"--socket={folder}/s", "-uroot", "-e", "SELECT 1"], capture_output=True, check=False).returncode
                == 0
            ):
                break
            time.sleep(0.2)
        yield server
    finally:
        server.kill()
        server.wait()


@needs_server
@pytest.mark.skipif(not all(map(shutil.which, PROGRAMS)), reason="no MariaDB is installed that a test could start and kill")
def test_what_was_acknowledged_survives_the_death_of_the_database(acme, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    user = ["--user=root"] if os.geteuid() == 0 else []
    install = [
        "mariadb-install-db",
        "--no-defaults",
        f"--datadir={tmp_path}/db",
        "--auth-root-authentication-method=normal",
        "--skip-test-db",
    ]
    subprocess.run([*install, *user], capture_output=True, check=True)
    found = connection.settings_dict
    login = [f"--user={found['USER']}", f"--password={found['PASSWORD']}"]
    where = [f"--host={found['HOST']}", f"--port={found['PORT'] or 3306}"]
    if socket_ := found["OPTIONS"].get("unix_socket"):
        where = [f"--socket={socket_}"]
    dump = subprocess.run(["mariadb-dump", *login, *where, found["NAME"]], capture_output=True, check=True).stdout
    env = {**os.environ, "DATABASE_URL": f"mysql://root:@127.0.0.1:{port}/proof", "DJANGO_SETTINGS_MODULE": "spendtrackr.settings_test"}

    def python(script, *args):
        return subprocess.Popen(
            [sys.executable, "-c", script, *map(str, args)], cwd=settings.BASE_DIR, env=env, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip

    with a_server(tmp_path, port):
        client = ["mariadb", f"--socket={tmp_path}/s", "-uroot"]
        subprocess.run([*client, "-e", "CREATE DATABASE proof CHARACTER SET utf8mb4"], check=True)
        subprocess.run([*client, "proof"], input=dump, check=True)
        workers = [python(WORKER, acme.card.pk, number) for number in range(2)]
        said = [worker.stdout.readline() for worker in workers]  # they are at it
        time.sleep(1.5)
    said += [line for worker in workers for line in worker.communicate()[0].splitlines()]
    acknowledged = {line.strip() for line in said}
    with a_server(tmp_path, port):
        look = python(LOOK, acme.acme.pk)
        told, _ = look.communicate()
    assert look.returncode == 0
    kept = set(told.split())
    assert len(acknowledged) > 10
    assert acknowledged <= kept
    assert len(kept - acknowledged) <= len(workers)  # each may have died between its COMMIT and its word
