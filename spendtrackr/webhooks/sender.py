"""The thread that gives endpoints their turns: a few at a time, each company after the others, none for long."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from django.db import DatabaseError, close_old_connections, connections
from django.utils import timezone

from spendtrackr.tenancy import company_scope
from spendtrackr.webhooks import deliveries

log = logging.getLogger(__name__)

# Turns at a time, and those of one company among them, so that others find a place whatever its endpoints do.
TURNS, TURNS_OF_ONE = 8, 4
# Seconds between two looks when there is nothing to do.
LOOKS_EVERY = 0.5


class Sender:
    """Any number of these may run, in any number of processes: the lease of an endpoint is what they share."""

    def __init__(self, telling: deliveries.Telling) -> None:
        self.telling = telling
        self._stop = threading.Event()
        self._served: dict[int, float] = {}
        self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Begin no turn any more, and wait for those under way."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def send_due(self) -> int:
        """All that is due, by the thread of the caller; answer how many were tried. For a command that ends, and for tests."""
        tried = 0
        while count := sum(self._turn(*one) for one in deliveries.waiting(at=timezone.now())):
            tried += count
        return tried

    def _run(self) -> None:
        under_way: dict[Future[int], tuple[int, int]] = {}
        with ThreadPoolExecutor(TURNS, thread_name_prefix="turn") as pool:
            while not self._stop.is_set():
                try:
                    self._pass(pool, under_way)
                except Exception:
                    log.exception("webhooks could not be looked after; the next look tries again")
                    self._stop.wait(LOOKS_EVERY)
        connections.close_all()

    def _pass(self, pool: ThreadPoolExecutor, under_way: dict[Future[int], tuple[int, int]]) -> None:
        """Begin the turns that there is room for, and wait a little for one that ends."""
        for one in self._next(list(under_way.values())):
            under_way[pool.submit(self._turn_of_a_thread, *one)] = one
        if not under_way:
            self._stop.wait(LOOKS_EVERY)
            return
        done, _ = wait(under_way, timeout=LOOKS_EVERY, return_when=FIRST_COMPLETED)
        for turn in done:
            del under_way[turn]

    def _next(self, under_way: list[tuple[int, int]]) -> list[tuple[int, int]]:
        """Whose turn it is: endpoints of the company that was served longest ago come first."""
        room = TURNS - len(under_way)
        if room <= 0:
            return []
        close_old_connections()
        found = [one for one in deliveries.waiting(at=timezone.now()) if one not in under_way]
        return self._in_turn(found, Counter(company for _, company in under_way), room)

    def _in_turn(self, found: list[tuple[int, int]], busy: Counter[int], room: int) -> list[tuple[int, int]]:
        """At most `room` of them, one after the other to whoever has fewest turns under way and waits longest."""
        chosen: list[tuple[int, int]] = []
        while len(chosen) < room:
            left = [one for one in found if one not in chosen and busy[one[1]] < TURNS_OF_ONE]
            if not left:
                break
            best = min(left, key=lambda one: (busy[one[1]], self._served.get(one[1], 0.0), self._served.get(-one[0], 0.0)))
            chosen.append(best)
            busy[best[1]] += 1
            self._served[best[1]] = self._served[-best[0]] = time.monotonic()
        return chosen

    def _turn(self, endpoint: int, company: int) -> int:
        try:
            with company_scope(company):
                return deliveries.take_turn(endpoint, self.telling)
        except DatabaseError:
            log.warning("the turn of endpoint %s broke off; it is due again", endpoint, exc_info=True)
        except Exception:
            log.exception("the turn of endpoint %s failed", endpoint)
        return 0

    def _turn_of_a_thread(self, endpoint: int, company: int) -> int:
        try:
            return self._turn(endpoint, company)
        finally:
            connections.close_all()
