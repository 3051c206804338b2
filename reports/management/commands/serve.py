"""`manage.py serve`: the web server and one worker, started and stopped together."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser


class Command(BaseCommand):
    help = "Serve the product on this machine: gunicorn and one worker. For more than one machine start them apart."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--bind", default="127.0.0.1:8000")
        parser.add_argument("--threads", type=int, default=8)
        parser.add_argument("--workers", type=int, default=1, help="Web processes.")
        parser.add_argument("--dry-run", action="store_true", help="Only look whether the address is free.")

    def handle(self, *args: Any, bind: str, threads: int, workers: int, **options: Any) -> None:
        _must_be_free(bind)
        if options["dry_run"]:
            return
        web = [sys.executable, "-m", "gunicorn", "spendtrackr.wsgi", "--bind", bind, "--worker-class", "gthread", "--no-control-socket"]
        web += ["--threads", str(threads), "--workers", str(workers), "--access-logfile", "-" if options["verbosity"] > 1 else os.devnull]
        commands = [web, [sys.executable, sys.argv[0], "worker"]]
        told = {**_address(bind), **os.environ}
        processes = [subprocess.Popen(command, env=told) for command in commands]  # noqa: S603 -- our own programs
        signal.signal(signal.SIGTERM, _as_interrupt)
        try:
            while all(process.poll() is None for process in processes):
                time.sleep(0.2)
        except KeyboardInterrupt:
            pass
        finally:
            self._stop(processes)
        failed = [process.returncode for process in processes if process.returncode not in {0, -signal.SIGTERM, -signal.SIGINT}]
        if failed:
            sys.exit(failed[0] if failed[0] > 0 else 1)

    def _stop(self, processes: list[subprocess.Popen[bytes]]) -> None:
        for process in processes:
            if process.poll() is None:
                process.terminate()
        for process in processes:
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _must_be_free(bind: str) -> None:
    """Say so now, and not after ten lines of a server that tries in vain."""
    host, _, port = bind.rpartition(":")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, int(port)))
        except (OSError, ValueError, OverflowError) as error:
            raise CommandError(f"{bind} cannot be used ({error}). Choose another: make demo PORT=8100.") from error


def _address(bind: str) -> dict[str, str]:
    """Where the links in mails lead, unless the environment says. In production people do not use the address that we bind."""
    host, _, port = bind.rpartition(":")
    everywhere = host in {"", "0.0.0.0", "[::]"}  # noqa: S104 -- read, not bound
    return {} if settings.IN_PRODUCTION else {"SITE_URL": f"http://{'127.0.0.1' if everywhere else host}:{port}"}


def _as_interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
