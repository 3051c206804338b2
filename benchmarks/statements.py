"""What one swipe sends to the database: each statement, how often, and how long it took."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext

from benchmarks.clients import Call

TURNS = 200


@dataclass(slots=True)
class Statement:
    """One statement of a swipe, in its place, with the seconds that it took in each turn."""

    text: str
    taken: list[float] = field(default_factory=list)


def of_one(call: Call) -> list[str]:
    """Everything that one call sends by Django's own account, savepoints and the commit among them."""
    with CaptureQueriesContext(connection) as seen:
        call(-1)
    return [short(str(query["sql"])) for query in seen.captured_queries]


def round_trips(call: Call) -> int:
    """How many times one call waits for the server, by the server's own account."""
    before = _questions()
    call(-2)
    return _questions() - before - 1


def _questions() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SHOW SESSION STATUS LIKE 'Questions'")
        return int(cursor.fetchone()[1])


def timed(call: Call) -> list[Statement]:
    """The statements of many calls, each in its place. Without those that begin and end the transaction."""
    turns: list[list[tuple[str, float]]] = []
    for turn in range(TURNS):
        with _watched() as seen:
            call(turn)
        turns.append(seen)
    usual = median(len(turn) for turn in turns)
    alike = [turn for turn in turns if len(turn) == usual]
    return [Statement(short(places[0][0]), [seconds for _, seconds in places]) for places in zip(*alike, strict=True)]


@contextmanager
def _watched() -> Iterator[list[tuple[str, float]]]:
    seen: list[tuple[str, float]] = []

    def watch(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:  # noqa: FBT001 -- Django calls it
        began = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            seen.append((sql, time.perf_counter() - began))

    with connection.execute_wrapper(watch):
        yield seen


def short(sql: str) -> str:
    """The statement without its list of columns."""
    text = " ".join(sql.split()).replace("`", "")
    text = re.sub(r"^SELECT .*? FROM ", "SELECT … FROM ", text)
    text = re.sub(r"^(INSERT INTO \w+) .*", r"\1 …", text)
    text = re.sub(r"^(UPDATE \w+) SET .*? WHERE ", r"\1 SET … WHERE ", text)
    return text if len(text) <= 110 else text[:109] + "…"


def round_trip_ms() -> float:
    """What the emptiest statement takes, for scale."""
    taken = []
    with connection.cursor() as cursor:
        for _ in range(TURNS):
            began = time.perf_counter()
            cursor.execute("SELECT 1")
            taken.append(time.perf_counter() - began)
    return median(taken) * 1000
