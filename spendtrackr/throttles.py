"""Limits on guessing, and on how much one credential asks.

Guesses are counted atomically: in Redis where there is one, in the database otherwise or when Redis is away. Requests are counted in Redis,
and without one by each process for itself: a limit that costs a write a request would be dearer than what it guards.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections import Counter
from dataclasses import dataclass

from django.conf import settings
from django.core.cache import cache
from django.db import connection, transaction
from django.http import HttpRequest
from rest_framework.request import Request

from spendtrackr import errors

log = logging.getLogger(__name__)

_MYSQL_UPSERT = """
INSERT INTO throttle_counters (subject_hash, window_number, attempts) VALUES (%s, %s, 1)
ON DUPLICATE KEY UPDATE
    attempts = IF(window_number = VALUES(window_number), attempts + 1, 1), window_number = VALUES(window_number)
"""
_SQLITE_UPSERT = """
INSERT INTO throttle_counters (subject_hash, window_number, attempts) VALUES (%s, %s, 1)
ON CONFLICT (subject_hash) DO UPDATE SET
    attempts = CASE WHEN window_number = excluded.window_number THEN attempts + 1 ELSE 1 END,
    window_number = excluded.window_number
"""
_REST_SECONDS = 5.0
_redis_away_until = 0.0


def hit(scope: str, subject: str, *, limit: int, seconds: int) -> None:
    """Count one attempt in the current window; raise `TooMany` beyond the limit."""
    window = int(time.time()) // seconds
    key = hashlib.sha256(f"{scope}:{subject}:{seconds}".encode()).hexdigest()
    attempts = _count_in_redis(key, window, seconds) or _count_in_database(key, window)
    if attempts > limit:
        raise errors.TooMany(retry_after=seconds - int(time.time()) % seconds)


@dataclass(frozen=True, slots=True)
class Allowance:
    """How many requests a credential may make in a window, how many are left, and in how many seconds the next window begins."""

    limit: int
    left: int
    seconds: int

    @property
    def headers(self) -> dict[str, str]:
        """As `RateLimit-…` of the IETF's draft `draft-ietf-httpapi-ratelimit-headers`, in its form of three fields."""
        return {"RateLimit-Limit": str(self.limit), "RateLimit-Remaining": str(max(0, self.left)), "RateLimit-Reset": str(self.seconds)}


def allow(credential: str, *, limit: int, seconds: int = 60) -> Allowance:
    """Count a request of a credential. Beyond the limit nothing is left, and `left` is -1."""
    now = int(time.time())
    window = now // seconds
    key = hashlib.sha256(f"requests:{credential}:{seconds}".encode()).hexdigest()
    made = _count_in_redis(key, window, seconds) or _count_here(key, window)
    return Allowance(limit, max(-1, limit - made), seconds - now % seconds)


# Of this process alone: the window that was counted last, and the requests in it by credential.
_here: tuple[int, Counter[str]] = (0, Counter())
_lock = threading.Lock()


def _count_here(key: str, window: int) -> int:
    global _here  # noqa: PLW0603 -- one counter a process
    with _lock:
        if _here[0] != window:
            _here = (window, Counter())
        _here[1][key] += 1
        return _here[1][key]


def client_address(request: HttpRequest | Request) -> str:
    """Who asks. Behind a proxy its own entry, the last, is the only one in X-Forwarded-For that the client cannot choose."""
    if settings.BEHIND_PROXY:
        return str(request.META.get("HTTP_X_FORWARDED_FOR", "")).rsplit(",", maxsplit=1)[-1].strip() or str(request.META.get("REMOTE_ADDR"))
    return str(request.META.get("REMOTE_ADDR"))


def _count_in_redis(key: str, window: int, seconds: int) -> int | None:
    """The new count, or None without a working Redis. An outage is remembered for some seconds so that it costs one time-out."""
    global _redis_away_until  # noqa: PLW0603 -- one flag a process
    if not settings.REDIS_URL or time.monotonic() < _redis_away_until:
        return None
    name = f"throttle:{key}:{window}"
    try:
        return _one_more(name, seconds)
    except Exception as error:  # noqa: BLE001 -- whatever Redis does, logins go on under the database's count
        log.warning("Redis is away, counting in the database: %s", error)
        _redis_away_until = time.monotonic() + _REST_SECONDS
        return None


def _one_more(name: str, seconds: int) -> int:
    """Most often it is there, and one question suffices."""
    try:
        return int(cache.incr(name))
    except ValueError:
        cache.add(name, 0, timeout=seconds + 5)
        return int(cache.incr(name))


def _count_in_database(key: str, window: int) -> int:
    """One upsert that starts again when the window has moved on, then a read of our own row."""
    upsert = _MYSQL_UPSERT if connection.vendor == "mysql" else _SQLITE_UPSERT
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(upsert, [key, window])
        cursor.execute("SELECT attempts FROM throttle_counters WHERE subject_hash = %s", [key])
        return int(cursor.fetchone()[0])
