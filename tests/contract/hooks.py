"""What the generator is told of our world: credentials, and ids of things that are there. Loaded by schemathesis."""

from __future__ import annotations

import atexit
import json
import os
import random
import re
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import django

django.setup()

import schemathesis
from schemathesis.generation import GenerationMode

from spendtrackr.examples import _IDS
from tests.contract import people

PLACE = Path(os.environ["CONTRACT_FOLDER"])
ROLE = os.environ["CONTRACT_ROLE"]
MEMBERS: dict[str, str] = json.loads((PLACE / "members.json").read_text())
ME = people.member_of(MEMBERS[ROLE])

# What ends the credential that it comes with, or all others of whoever sends it, or changes how they sign in.
ENDS = {
    "/api/v1/auth/logout/",
    "/api/v1/auth/me/",
    "/api/v1/auth/password/",
    "/api/v1/auth/sessions/revoke-others/",
    "/api/v1/auth/sessions/{public_id}/revoke/",
    "/api/v1/auth/switch/",
}
# How the ids begin of what an address names.
KINDS = {
    "accounting-batches": "acb", "accounting-items": "txn", "accounts": "acct", "api-keys": "key", "approvals": "apr",
    "authorizations": "txn", "backtests": "btest", "budgets": "bud", "card-requests": "req", "cards": "card", "categories": "cat",
    "claims": "txn", "delegations": "dlg", "departments": "dep", "events": "evt", "exports": "exp", "grants": "grant", "imports": "imp",
    "invitations": "inv", "members": "mem", "notifications": "ntf", "payouts": "pay", "policies": "pol", "receipts": "rcp",
    "reimbursements": "rmb", "repayments": "rpy", "sessions": "ses", "statement-uploads": "upl", "tags": "tag", "transactions": "txn",
    "webhook-deliveries": "whd", "webhook-endpoints": "whe",
}  # fmt: skip
_ID = re.compile(r'"([a-z]+)_([0-9a-z]{20,30})"')
_USUALLY = 0.9

known: dict[str, list[str]] = defaultdict(list)
told: Counter[tuple[str, str]] = Counter()
chance = random.Random(int(os.environ["CONTRACT_SEED"]))


def remember(text: str) -> None:
    """Every id in an answer, the newest two hundred of a kind."""
    for kind, rest in _ID.findall(text):
        found = known[kind]
        if (public_id := f"{kind}_{rest}") not in found:
            found.append(public_id)
            del found[:-200]


remember((PLACE / "ids.json").read_text())
shared = people.Lasting(ME)
# What the run itself is made of is looked at, and changed by nobody.
ours = {*MEMBERS.values(), shared.public_id}


@schemathesis.auth(refresh_interval=None)
class Credential:
    def get(self, case: Any, context: Any) -> str:
        # A program has no sign-in that it could end: those operations refuse it.
        ends = context.operation.path in ENDS and not ME.is_program
        return people.throw_away(ME) if ends else shared.token()

    def set(self, case: Any, credential: str, context: Any) -> None:
        case.headers = {**(case.headers or {}), "Authorization": f"Bearer {credential}"}


def is_meant(case: Any, part: str) -> bool:
    """Whether a part of a request is as the contract says, and not wrong on purpose."""
    return all(info.mode is GenerationMode.POSITIVE for where, info in case.meta.components.items() if where.value == part)


def some(kind: str, *, to_change: bool) -> str | None:
    """One of the latest of a kind."""
    found = [one for one in known[kind] if not (to_change and one in ours)]
    return chance.choice(found[-60:]) if found else None


def named(body: Any, field: str = "") -> Any:
    """The body with ids of things that are there, wherever a field names one."""
    if isinstance(body, dict):
        return {name: named(value, name) for name, value in body.items()}
    if isinstance(body, list):
        return [named(value, field) for value in body]
    if field in _IDS and isinstance(body, str) and chance.random() < _USUALLY:
        return some(_IDS[field], to_change=True) or body
    return body


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    if case.meta is None:
        return
    if "public_id" in (case.path_parameters or {}):
        kind = KINDS[case.operation.path.partition("/{")[0].rpartition("/")[2]]
        given, changes = case.path_parameters["public_id"], case.method.upper() not in {"GET", "HEAD", "OPTIONS"}
        is_unknown = is_meant(case, "path") and given not in known[kind]
        if (changes and given in ours) or (is_unknown and chance.random() < _USUALLY):
            case.path_parameters["public_id"] = some(kind, to_change=changes) or "x"
    key = (case.headers or {}).get("Idempotency-Key")
    if key and is_meant(case, "header") and chance.random() < _USUALLY:
        case.headers["Idempotency-Key"] = f"{key[:200]}-{told.total()}"  # the same for other requests is 422, whatever they ask
    if is_meant(case, "body") and isinstance(case.body, dict | list):
        case.body = named(case.body)


@schemathesis.hook
def after_call(context: Any, case: Any, response: Any) -> None:
    told[case.meta.phase.name.value if case.meta else "checks", str(response.status_code)] += 1
    if response.status_code < 300 and "json" in (response.headers.get("content-type") or [""])[0]:
        remember(response.text)


@atexit.register
def save() -> None:
    counts = [[phase, status, count] for (phase, status), count in sorted(told.items())]
    (PLACE / f"counts-{ROLE}.json").write_text(json.dumps(counts))
