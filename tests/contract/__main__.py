"""Every operation of the contract, in all phases, by each role, against a server of its own."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

ROLES = ("owner", "finance", "employee", "key")
HERE = Path(__file__).parent


def main() -> int:
    asked = argparse.ArgumentParser(prog="python -m tests.contract", description=__doc__)
    asked.add_argument("--role", action="append", choices=ROLES, help="One role, or several; all of them unless said otherwise.")
    asked.add_argument("--examples", type=int, default=25, help="Fuzzed requests for each operation.")
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--phases", default="examples,coverage,fuzzing,stateful")
    asked.add_argument("--keep", type=Path, help="A folder for the database, the server's log and the reports.")
    given, more = asked.parse_known_args()
    with tempfile.TemporaryDirectory(prefix="contract-") as temporary:
        folder = given.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        environment = {
            **os.environ,
            "SPENDTRACKR_MODE": "test",
            "DJANGO_SETTINGS_MODULE": "spendtrackr.settings_test",
            "DATABASE_URL": f"sqlite:///{folder / 'settled.sqlite3'}",
            "REDIS_URL": "",
            "FILES_DIR": str(folder / "files"),
            "API_REQUESTS_PER_MINUTE": "10000000",
            "CONTRACT_FOLDER": str(folder),
            "CONTRACT_SEED": str(given.seed),
            "SCHEMATHESIS_HOOKS": "tests.contract.hooks",
        }
        if not (folder / "ids.json").exists():
            subprocess.run([sys.executable, "-m", "tests.contract.settling"], env=environment, check=True)
        failed = []
        for role in given.role or ROLES:
            shutil.copy(folder / "settled.sqlite3", folder / f"{role}.sqlite3")
            environment["DATABASE_URL"] = f"sqlite:///{folder / role}.sqlite3"
            with serving(environment, folder / f"server-{role}.log") as url:
                command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(HERE / "schemathesis.toml")]
                command += ["run", f"{url}/api/v1/schema/?format=json", "--phases", given.phases, "--no-color"]
                command += ["--max-examples", str(given.examples), "--seed", str(given.seed), *more]
                if subprocess.run(command, env={**environment, "CONTRACT_ROLE": role}, check=False).returncode:
                    failed.append(role)
        return told(folder, failed)


@contextmanager
def serving(environment: dict[str, str], log: Path) -> Iterator[str]:
    """The web server on this machine, at a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "gunicorn", "spendtrackr.wsgi", "--bind", f"127.0.0.1:{port}", "--worker-class", "gthread"]
    command += ["--threads", "4", "--limit-request-line", "8190", "--no-control-socket", "--log-level", "warning"]
    with log.open("wb") as lines:
        server = subprocess.Popen(command, env=environment, stdout=lines, stderr=lines)
        try:
            url = f"http://127.0.0.1:{port}"
            for _ in range(200):
                try:
                    urlopen(f"{url}/health/", timeout=5)
                    break
                except OSError:
                    time.sleep(0.1)
            yield url
        finally:
            server.terminate()
            server.wait(timeout=60)


def told(folder: Path, failed: list[str]) -> int:
    """Print how many requests each role made in each phase, and how they were answered."""
    total = 0
    for path in sorted(folder.glob("counts-*.json")):
        phases: Counter[str] = Counter()
        statuses: Counter[str] = Counter()
        for phase, status, count in json.loads(path.read_text()):
            phases[phase] += count
            statuses[f"{status[0]}xx"] += count
        total += phases.total()
        print(path.stem.removeprefix("counts-"), dict(phases), dict(statuses), phases.total())
    print(f"{total} requests" + (f"; faults: {', '.join(failed)}" if failed else "; nothing found"))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
