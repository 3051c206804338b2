"""The commands that people are told to paste: run from where they stand."""

from __future__ import annotations

import re
import shutil
import subprocess
from datetime import date
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command

ROOT = Path(settings.BASE_DIR)

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not shutil.which("curl"), reason="there is no curl on this machine"),
]


def run(script: str, live_server, folder: Path = ROOT) -> str:
    script = re.sub(r"http://127\.0\.0\.1:\d+", live_server.url, script)
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", script], capture_output=True, text=True, timeout=120, check=False, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_readmes_tour_runs_by_curl_alone_from_an_empty_database(live_server, tmp_path):
    tour = (ROOT / "README.md").read_text().split("<!-- tour -->")[1].split("<!-- /tour -->")[0]
    script = "\n".join(re.findall(r"```sh\n(.*?)```", tour, re.DOTALL))
    told = run(script, live_server, tmp_path)

    shown = re.findall(r"```text\n(.*?)```", tour, re.DOTALL)
    assert told.split() == " ".join(shown).split(), "the README shows what these commands print"


def test_the_curl_that_the_demo_prints_answers_when_pasted(live_server, capsys):
    call_command("seed", until=date(2026, 11, 23), months=1, port=8000)
    command = re.search(r"^Try +(curl .+)$", capsys.readouterr().out, re.MULTILINE)[1]
    answer = run(command, live_server)
    assert answer.startswith('{"report":"spend"')
    assert "Software and cloud" in answer
