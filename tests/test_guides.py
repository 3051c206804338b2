"""The guides for integrators: each is run from top to bottom as it stands, with a key of the scopes that it asks for."""

from __future__ import annotations

import re
import shutil
import subprocess
import threading
from ipaddress import ip_network
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from conftest import build_world
from reports import tasks
from spendtrackr import events
from spendtrackr.tenancy import company_scope
from spendtrackr.webhooks.sender import Sender
from transactions.tasks import run_uploads
from users import operations as people
from users.roles import SCOPES

FOLDER = Path(settings.BASE_DIR) / "docs" / "integrations"
GUIDES = sorted(FOLDER.glob("*.md"))

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not shutil.which("curl"), reason="there is no curl on this machine"),
]


@pytest.fixture
def sealing(settings):
    """What the worker does all the time."""
    settings.WEBHOOK_NETWORKS = [ip_network("127.0.0.0/8")]
    stopped = threading.Event()

    def work() -> None:
        while not stopped.wait(0.3):
            events.seal_all()
            tasks.hand_out_webhooks()
            run_uploads()
            Sender(tasks.TELLING).send_due()
        connection.close()

    worker = threading.Thread(target=work)
    worker.start()
    yield
    stopped.set()
    worker.join()


@pytest.mark.usefixtures("sealing")
@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.stem)
def test_a_guide_does_what_it_shows(guide, live_server, tmp_path):
    text = guide.read_text()
    world = build_world()
    events.seal_all()
    told = run(re.findall(r"```sh\n(.*?)```", text, re.DOTALL), key_for(world, text), world, live_server, tmp_path)
    shown = re.findall(r"```output\n(.*?)```", text, re.DOTALL)
    assert shown
    assert told.splitlines() == "".join(shown).splitlines()


def key_for(world, text: str) -> str:
    """With the scopes that its first lines name, and no others: that they suffice is part of what is shown."""
    before, _, _ = text.partition("```sh")
    scopes = [scope for scope in SCOPES if f"`{scope}`" in before]
    assert scopes, "a guide says which scopes it takes"
    with company_scope(world.acme.pk):
        return people.create_key(name="Guide", scopes=scopes, actor=world.alice, at=timezone.now())[1]


def run(blocks: list[str], key: str, world, live_server, folder: Path) -> str:
    given = f"api={live_server.url}/api/v1\nkey={key}\ncard={world.card.public_id}\n"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", given + "\n".join(blocks)], capture_output=True, text=True, timeout=120, check=False, cwd=folder
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_guide_is_found_from_the_first_one():
    first = (FOLDER / "quick-start.md").read_text()
    assert {path.name for path in GUIDES} - set(re.findall(r"\(([\w-]+\.md)\)", first)) == {"quick-start.md"}
