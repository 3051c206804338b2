"""Sums that were added up from rows, kept in Redis until there is another row."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable
from typing import TypeVar

from django.conf import settings
from django.core.cache import cache
from django.db.models import Sum

from spendtrackr.tenancy import current_company
from transactions.models import Dimension, MonthSpend

T = TypeVar("T")
log = logging.getLogger(__name__)
KEPT_SECONDS = 24 * 60 * 60


_REST_SECONDS = 5.0
_away_until = 0.0


def spend_lines() -> int:
    """How many there are, from the rollup: every line counts, also one that takes another back."""
    total = MonthSpend.objects.filter(dimension=Dimension.CATEGORY).aggregate(total=Sum("line_count"))["total"]
    return int(total or 0)


def remembered(of: object, ask: Callable[[], T], *, as_of: Callable[[], object] = spend_lines) -> T:
    """The answer to a question that says all of itself when it is written down. Without Redis it is asked each time.

    The key holds what `as_of` said before it was asked: by default how many lines the company had. A line that comes later is counted
    there at once, and nobody looks under the old number again.
    """
    if not settings.REDIS_URL or time.monotonic() < _away_until:
        return ask()
    key = f"report:{current_company()}:{hashlib.sha256(repr((of, as_of())).encode()).hexdigest()}"
    found: T | None = _in_redis(lambda: cache.get(key))
    if found is None:
        found = ask()
        _in_redis(lambda: cache.set(key, found, KEPT_SECONDS))
    return found


def _in_redis(work: Callable[[], T]) -> T | None:
    """None without a working Redis. An outage is remembered for some seconds so that it costs one time-out."""
    global _away_until  # noqa: PLW0603 -- one flag a process
    try:
        return work()
    except Exception as error:  # noqa: BLE001 -- whatever Redis does, reports are only slower
        log.warning("Redis is away, adding up instead: %s", error)
        _away_until = time.monotonic() + _REST_SECONDS
        return None
