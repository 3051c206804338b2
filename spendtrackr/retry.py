"""Run a piece of work in one database transaction, again when the engine broke it up for a lock."""

from __future__ import annotations

import functools
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

from django.db import IntegrityError, OperationalError, transaction

P = ParamSpec("P")
R = TypeVar("R")

ATTEMPTS = 6
# Issuers wait two seconds for an answer; a new attempt that starts later than this cannot make it.
LAST_START_SECONDS = 1.5

# Gone away; lost during a query; the connection was killed; the server is shutting down.
_LOST = {2006, 2013, 1927, 1053, 4031}
_DEADLOCK, LOCK_TIMEOUT, _CHANGED_SINCE_READ = 1213, 1205, 1020


def is_lock_trouble(error: OperationalError) -> bool:
    """A deadlock or a lock time-out: the engine undid the work, and it may simply run again."""
    code = error.args[0] if error.args else None
    return code in {_DEADLOCK, LOCK_TIMEOUT, _CHANGED_SINCE_READ} or "database is locked" in str(error)


def lost_the_connection(error: OperationalError) -> bool:
    """The server went away, before or after it committed: nobody knows, until somebody looks the work up."""
    code = error.args[0] if error.args else None
    return code in _LOST


def in_transaction(work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run `work` in a transaction of its own, retrying lock trouble; inside an open one, all of it or none in a savepoint.

    A lost connection at COMMIT means unknown, and is never retried here: the caller looks the work up by its key.
    """
    if transaction.get_connection().in_atomic_block:
        with transaction.atomic():
            return work(*args, **kwargs)
    started = time.monotonic()
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with transaction.atomic():
                return work(*args, **kwargs)
        except OperationalError as error:
            late = time.monotonic() - started > LAST_START_SECONDS
            if not is_lock_trouble(error) or late or attempt == ATTEMPTS:
                raise
            time.sleep(random.uniform(0.002, 0.02) * attempt)  # noqa: S311 -- jitter, not a secret
    raise AssertionError("unreachable")


@contextmanager
def without_waiting() -> Iterator[None]:
    """For a write that is not worth a wait. SQLite has one lock for all that write, and would queue for it; elsewhere rows are few.

    Raises OperationalError where somebody else is writing.
    """
    connection = transaction.get_connection()
    if connection.vendor != "sqlite" or connection.in_atomic_block:
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA busy_timeout")
        before = int(cursor.fetchone()[0])
        cursor.execute("PRAGMA busy_timeout = 0")
        try:
            yield
        finally:
            cursor.execute(f"PRAGMA busy_timeout = {before}")


# SQLite's own handler of a busy file looks again after a tenth of a second at the latest.
_TURN_SECONDS = 0.11


def give_way() -> None:
    """Between two transactions of long work. SQLite keeps no queue for its lock: whoever takes it again at once keeps others out."""
    connection = transaction.get_connection()
    if connection.vendor == "sqlite" and not connection.in_atomic_block:
        time.sleep(_TURN_SECONDS)


def again_if_taken(work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """`in_transaction`, and once more where a unique row was taken at the same moment: by now it is there to be found, and named."""
    try:
        return in_transaction(work, *args, **kwargs)
    except IntegrityError:
        return in_transaction(work, *args, **kwargs)


def operation(work: Callable[P, R]) -> Callable[P, R]:
    """Mark a domain operation: one function, one database transaction, retried as a whole."""

    @functools.wraps(work)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        return in_transaction(work, *args, **kwargs)

    return run
