"""Measure card authorizations side by side and print ratios.

    DATABASE_URL=mysql://root:@127.0.0.1:3306/spendtrackr .venv/bin/python -m benchmarks.run

Makes databases of its own beside the one named, and drops them. Read the ratios: absolute figures move with the machine.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from statistics import median

import django

from benchmarks import databases

databases.prepare()
django.setup()

from django.core.management import call_command  # noqa: E402 -- the settings come first
from django.db import connections  # noqa: E402

from benchmarks import history, profile, raw, seats, servers, statements  # noqa: E402
from benchmarks.clients import Contender, Make, Measured, side_by_side  # noqa: E402
from benchmarks.report import Goal, Report  # noqa: E402
from benchmarks.seats import Seat  # noqa: E402
from benchmarks.servers import by_http  # noqa: E402
from spendtrackr.ids import new_id  # noqa: E402

ROUNDS = 3
# A merchant category that belongs to no category of a new company.
UNKNOWN_CODE = "9999"


def main() -> None:
    asked = arguments()
    report = Report()
    with databases.made():
        call_command("migrate", verbosity=0)
        print(f"{databases.machine()}; {asked.clients} clients, {asked.seconds:g} s a line in {ROUNDS} turns")
        houses = [seats.open_company(0, cards_wanted=asked.clients)]
        houses += [seats.open_company(number) for number in range(1, asked.clients)]
        raw.same_work(seats.by_domain(houses[0])(0))
        raw.copy_tables()
        before = databases.deadlocks()
        for part in asked.only:
            PARTS[part](houses, asked, report)
        after = databases.deadlocks()
        if before is not None and after is not None:
            print(f"\n{after - before} deadlocks on the whole server meanwhile, those that were retried included")
        missed = report.end()
    sys.exit(1 if missed else 0)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks.run", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), help="Which parts, in this order.")
    parser.add_argument("--seconds", type=float, default=9.0, help="For each contender of each line.")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--earlier", type=int, default=100_000, help="Earlier transactions on every card that is swiped by HTTP.")
    parser.add_argument("--history", type=int, nargs="+", default=[1_000, 10_000, 100_000, 1_000_000], help="Must be flat over these.")
    parser.add_argument("--hordak", default="", help="A Python that has django-hordak: see benchmarks/hordak_entry.py.")
    parser.add_argument("--profile", action="store_true", help="Where the processor time of one swipe goes, by function.")
    return parser.parse_args()


def race(contenders: Mapping[str, Contender], report: Report, seconds: float) -> dict[str, Measured]:
    """Measure side by side and print. No client inherits a connection of ours."""
    connections.close_all()
    seen = side_by_side(contenders, seconds=seconds, rounds=ROUNDS)
    for label, measured in seen.items():
        report.figures(label, measured)
    return seen


def approval(houses: list[list[Seat]], asked: argparse.Namespace, report: Report) -> None:
    call = seats.by_domain(houses[0])(0)
    sent = statements.of_one(call)
    print(f"\nOne approval: {len(sent)} statements, {statements.round_trips(call)} round trips. Median ms of each, with the round trip:")
    timed = statements.timed(call)
    for statement in timed:
        print(f"  {median(statement.taken) * 1000:7.3f}  {statement.text}")
    print(f"  {sum(median(s.taken) for s in timed) * 1000:7.3f}  together, and SELECT 1 alone takes {statements.round_trip_ms():.3f}")
    if asked.profile:
        profile.show(call)


def domain(houses: list[list[Seat]], asked: argparse.Namespace, report: Report) -> None:
    spread = [seats_[0] for seats_ in houses]
    ours: dict[str, Measured] = {}
    for label, chosen, clients in (
        ("1 client", houses[0], 1),
        (f"{asked.clients} clients, one company", houses[0], asked.clients),
        (f"{asked.clients} clients, a company each", spread, asked.clients),
    ):
        report.heading(f"Domain function, {label}")
        seen = race(
            {"raw statements": Contender(raw.by_statements(chosen), clients), "authorize": Contender(seats.by_domain(chosen), clients)},
            report,
            asked.seconds,
        )
        ours[label] = seen["authorize"]
        report.ratio(f"authorize of raw statements, {label}", seen["authorize"], seen["raw statements"], 0.4)
    _, hot, cool = ours.values()
    report.ratio("authorize: one hot company of as many companies as clients", hot, cool, 0.6)


def ledger(houses: list[list[Seat]], asked: argparse.Namespace, report: Report) -> None:
    spread = [seats_[0] for seats_ in houses]
    other = Hordak(asked.hordak)
    for clients in (1, asked.clients):
        label = f"{clients} clients, a company each" if clients > 1 else "1 client"
        report.heading(f"One balanced entry, {label}")
        seen = {"ledger.post": Measured(), "accounts.top_up": Measured(), "django-hordak": Measured()}
        for _ in range(ROUNDS):
            connections.close_all()
            contenders = {
                "ledger.post": Contender(seats.by_ledger(spread), clients),
                "accounts.top_up": Contender(seats.by_top_up(spread), clients),
            }
            for name, measured in side_by_side(contenders, seconds=asked.seconds / ROUNDS, rounds=1).items():
                seen[name].add(measured)
            if other.is_there:
                seen["django-hordak"].add(other.post(clients, asked.seconds / ROUNDS))
        for name, measured in seen.items():
            if measured.span:
                report.figures(name, measured)
        if other.is_there:
            report.ratio(f"ledger.post of django-hordak, {label}", seen["ledger.post"], seen["django-hordak"], 2)
            # The whole operation, event and idempotency-safe lock of the account included: shown, and nobody's goal.
            report.ratio(f"accounts.top_up of django-hordak, {label}", seen["accounts.top_up"], seen["django-hordak"], 0)
        else:
            print("  django-hordak is not there: benchmarks/hordak_entry.py says how to install it.")


class Hordak:
    """The other ledger, in its own environment."""

    def __init__(self, python: str) -> None:
        self.python = python
        self.is_there = bool(python) and self._run("prepare").returncode == 0

    def _run(self, *words: str) -> subprocess.CompletedProcess[str]:
        told = os.environ | {"HORDAK_DATABASE": databases.settings_of(databases.HORDAK)}
        command = [self.python, "-m", "benchmarks.hordak_entry", *words]
        return subprocess.run(command, env=told, stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603 -- named by who runs us

    def post(self, clients: int, seconds: float) -> Measured:
        said = json.loads(self._run("post", str(clients), str(seconds)).stdout)
        return Measured(said["taken"], said["span"], said["cpu"], Counter(said["errors"]))


def flat(houses: list[list[Seat]], asked: argparse.Namespace, report: Report) -> None:
    """As fast after a million purchases as after a thousand: of one card, its budget, the one above that, and the company."""
    by_earlier = {}
    for number, earlier in enumerate(sorted(asked.history)):
        (by_earlier[earlier],) = seats.open_company(1000 + number, on_budgets=True)
        history.fill(by_earlier[earlier], earlier)
    history.analyze()
    few, many = min(by_earlier), max(by_earlier)
    for label, said in (
        ("its merchant code belongs to a category", {}),
        ("no category for its merchant code", {"merchant_code": UNKNOWN_CODE}),
    ):
        report.heading(f"Domain function, 1 client, by earlier purchases on the card; {label}")
        contenders = {f"{n:,} earlier": Contender(seats.by_domain([seat], **said)) for n, seat in by_earlier.items()}
        seen = race(contenders, report, asked.seconds)
        report.ratio(f"authorize after {many:,} of {few:,}; {label}", seen[f"{many:,} earlier"], seen[f"{few:,} earlier"], 0.8)
    with servers.serving(servers.PRODUCT) as port:
        report.heading(f"HTTP, {asked.clients} connections that swipe one card, by earlier purchases on it")
        contenders = {f"{n:,} earlier": Contender(product(port, [seat]), asked.clients) for n, seat in by_earlier.items()}
        seen = race(contenders, report, asked.seconds)
        report.ratio(f"HTTP after {many:,} of {few:,}", seen[f"{many:,} earlier"], seen[f"{few:,} earlier"], 0.8)


def http(houses: list[list[Seat]], asked: argparse.Namespace, report: Report) -> None:
    """The whole way, against the plain design with as long a history."""
    spread = [seats_[0] for seats_ in houses]
    for seat in spread:
        history.fill(seat, asked.earlier)
    history.analyze()
    told = {"PLAIN_DATABASE": databases.settings_of(databases.PLAIN)}
    filled = subprocess.run(  # noqa: S603 -- our own program
        [sys.executable, "-m", "django", "fill", str(asked.clients), str(asked.earlier)],
        env=os.environ | told | {"DJANGO_SETTINGS_MODULE": "benchmarks.plain.settings"}, stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    others = json.loads(filled.stdout)
    with (
        servers.serving(servers.PRODUCT) as ours,
        servers.serving(servers.PLAIN, **told) as plain,
        servers.serving(servers.EMPTY) as empty,
    ):
        report.heading(f"HTTP, {asked.clients} connections, a company each with {asked.earlier:,} earlier purchases on its card")
        seen = race(
            {
                "SpendTrackr": Contender(product(ours, spread), asked.clients),
                "plain REST framework": Contender(plain_design(plain, others), asked.clients),
                "an application that does nothing: the limit of the client": Contender(nothing(empty), asked.clients),
            },
            report,
            asked.seconds,
        )
        # What the plain design reads for each swipe drives everything else out of the database's memory: once more, alone.
        report.heading(f"The same alone, {asked.clients} connections")
        alone = race({"SpendTrackr ": Contender(product(ours, spread), asked.clients)}, report, asked.seconds)
    first, second, _ = seen.values()
    report.ratio(f"SpendTrackr of plain REST framework, {asked.earlier:,} earlier", first, second, 3)
    report.keep(Goal(f"SpendTrackr alone, p99 in ms at {asked.clients} connections", alone["SpendTrackr "].p99_ms, 100, at_most=True))


def product(port: int, chosen: list[Seat]) -> Make:
    run = new_id("run")

    def body(number: int, turn: int) -> bytes:
        said = {
            "card": chosen[number % len(chosen)].card, "amount": {"minor": 1, "currency": "USD"}, "merchant_name": "Blue Bottle Coffee",
            "merchant_code": "5812", "country": "US", "network_id": f"{run}-{os.getpid()}-{turn}",
        }  # fmt: skip
        return json.dumps(said).encode()

    tokens = [seat.token() for seat in chosen]
    return by_http(port, "/api/v1/simulator/authorizations/", tokens, body, {"approval": b'"approved":true'})


def plain_design(port: int, others: list[dict[str, str]]) -> Make:
    def body(number: int, turn: int) -> bytes:
        said = {
            "card": others[number % len(others)]["card"],
            "amount": "0.01",
            "merchant_name": "Blue Bottle Coffee",
            "merchant_code": "5812",
        }
        return json.dumps(said).encode()

    return by_http(port, "/transactions/", [other["token"] for other in others], body, {"approval": b'"status":"approved"'})


def nothing(port: int) -> Make:
    return by_http(port, "/", ["none"], lambda number, turn: b"{}", {"answer": b"true"})


PARTS = {"statements": approval, "domain": domain, "ledger": ledger, "flat": flat, "http": http}

if __name__ == "__main__":
    main()
