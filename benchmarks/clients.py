"""Clients: one process and one connection each, all of them let go at the same moment. Knows neither Django nor us."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from statistics import median, quantiles

# One piece of work; it raises when it fails.
Call = Callable[[int], object]
# The work of one client, by the client's number. Runs in the client's own process: here it connects.
Make = Callable[[int], Call]

# Calls before it counts, or seconds of them, whichever is over first.
WARM_UP, WARM_UP_SECONDS = 20, 2.0
_FORK = multiprocessing.get_context("fork")


@dataclass(frozen=True, slots=True)
class Contender:
    """Somebody who is measured."""

    make: Make
    clients: int = 1


@dataclass(slots=True)
class Measured:
    """What the clients of one contender saw: seconds that each success took, and what failed, by its name."""

    taken: list[float] = field(default_factory=list)
    span: float = 0.0
    cpu: float = 0.0
    errors: Counter[str] = field(default_factory=Counter)

    @property
    def p95_ms(self) -> float:
        return quantiles(self.taken, n=20)[-1] * 1000 if len(self.taken) > 1 else float("nan")

    @property
    def rate(self) -> float:
        """Successes in a second."""
        return len(self.taken) / self.span if self.span else 0.0

    @property
    def median_ms(self) -> float:
        return median(self.taken) * 1000 if self.taken else float("nan")

    @property
    def p99_ms(self) -> float:
        return quantiles(self.taken, n=100)[98] * 1000 if len(self.taken) > 1 else float("nan")

    @property
    def cpu_ms(self) -> float:
        """Processor time of the clients themselves for one success."""
        return self.cpu / len(self.taken) * 1000 if self.taken else float("nan")

    def add(self, other: Measured) -> None:
        self.taken += other.taken
        self.span += other.span
        self.cpu += other.cpu
        self.errors += other.errors


def side_by_side(contenders: Mapping[str, Contender], *, seconds: float, rounds: int = 3) -> dict[str, Measured]:
    """Take turns, and begin with another one in each round: a machine that slows down slows all of them."""
    measured = {name: Measured() for name in contenders}
    names = list(contenders)
    for number in range(rounds):
        for name in names if number % 2 == 0 else reversed(names):
            measured[name].add(measure(contenders[name], seconds / rounds))
    return measured


def measure(contender: Contender, seconds: float) -> Measured:
    """Let the clients work for so long, after each has warmed up."""
    gate = _FORK.Barrier(contender.clients)
    pipes: list[Connection] = []
    processes = []
    for number in range(contender.clients):
        mine, theirs = _FORK.Pipe(duplex=False)
        process = _FORK.Process(target=_client, args=(contender.make, number, seconds, gate, theirs))
        process.start()
        theirs.close()
        pipes.append(mine)
        processes.append(process)
    together = Measured()
    for pipe in pipes:
        seen: Measured = pipe.recv()
        together.add(seen)
    together.span /= contender.clients
    for process in processes:
        process.join()
    return together


def _client(make: Make, number: int, seconds: float, gate: Barrier, pipe: Connection) -> None:
    seen = Measured()
    try:
        call = make(number)
        began = time.perf_counter()
        for turn in range(WARM_UP):
            if time.perf_counter() - began < WARM_UP_SECONDS:
                call(-turn - 1)
        gate.wait(timeout=120)
        _work(call, seconds, seen)
    except Exception as error:  # noqa: BLE001 -- it is counted, and ends the run where the table is printed
        gate.abort()
        seen.errors[f"client: {type(error).__name__}: {error}"[:200]] += 1
    pipe.send(seen)
    pipe.close()
    os._exit(0)  # without the parent's clean-up: it owns the databases


def _work(call: Call, seconds: float, seen: Measured) -> None:
    cpu, began = time.process_time(), time.perf_counter()
    now = began
    for turn in itertools.count():
        if now - began >= seconds:
            break
        try:
            call(turn)
        except Exception as error:  # noqa: BLE001 -- counted by its name
            seen.errors[f"{type(error).__name__}: {error}"[:200]] += 1
            now = time.perf_counter()
            continue
        done = time.perf_counter()
        seen.taken.append(done - now)
        now = done
    seen.span, seen.cpu = now - began, time.process_time() - cpu
