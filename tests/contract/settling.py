"""Makes the database of a run, and a company in it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import django

django.setup()

from django.core.management import call_command

from conftest import client_of
from tests.contract import people
from tests.test_lists import LISTS

PLACE = Path(os.environ["CONTRACT_FOLDER"])

call_command("migrate", verbosity=0)
members = people.settle()
(PLACE / "members.json").write_text(json.dumps(members))
client = client_of(people.member_of(members["owner"]))
flat = [path for path in LISTS if "{" not in path]
answers = [client.get(path, {"limit": 200}, SERVER_NAME="localhost") for path in [*flat, "/api/v1/events/"]]
(PLACE / "ids.json").write_text("\n".join(answer.content.decode() for answer in answers))
