"""Conditional writes: what was read and is another by now is not changed, on every route that changes what can be read."""

from __future__ import annotations

from dataclasses import replace
from functools import partialmethod
from typing import Any

import pytest
from django.core.cache import cache

from tests.test_contract import CONTRACT
from tests.test_permissions import CASES, DONE, OWN, STRANGER, Case, Somebody, _unblocked, cast, send  # noqa: F401 -- fixtures
from users.roles import Role


def shown_at(route: str) -> str:
    """The route that shows what another changes."""
    path = route.split()[1]
    return "GET " + (path.partition("}/")[0] + "}/" if "{" in path else path)


CONDITIONAL = [
    f"{method.upper()} {path}"
    for path, methods in CONTRACT["paths"].items()
    for method, told in methods.items()
    if any(one["name"] == "If-Match" for one in told.get("parameters", []))
]


class Under:
    """Sends everything under a condition."""

    def __init__(self, client: Any, version: str) -> None:
        self.client, self.version, self.cookies = client, version, client.cookies

    def _send(self, method: str, *args: Any, **kwargs: Any) -> Any:
        return getattr(self.client, method)(*args, **kwargs, headers={"If-Match": self.version})

    post, patch, delete = partialmethod(_send, "post"), partialmethod(_send, "patch"), partialmethod(_send, "delete")


def under(somebody: Somebody, version: str) -> Somebody:
    return replace(somebody, api=Under(somebody.api, version))


@pytest.mark.parametrize("route", CONDITIONAL)
def test_what_was_read_is_changed_and_what_is_another_is_not(cast, route):  # noqa: F811 -- the fixture
    case, somebody = CASES[route], cast.actors[Role.OWNER]
    ids = cast.object_ids(Role.OWNER, case.kind) if case.kind else {STRANGER: ""}
    id_ = ids.get(OWN) if OWN in ids and case.rule.endswith((".own", "withdraw")) else ids.get(STRANGER, "")
    shown = [send(somebody, shown_at(route), Case(case.rule, case.kind), id_) for _ in range(2)]
    assert shown[0].status_code == 200, shown[0].text_
    version = shown[0]["ETag"]
    assert version == shown[1]["ETag"], "the same as long as nothing changes"
    for other in ('"0123456789abcdef0123456789abcdef"', version.strip('"'), f"W/{version}", "nonsense"):
        refused = send(under(somebody, other), route, case, id_)
        assert (refused.status_code, refused.json()["code"]) == (412, "stale"), refused.text_
    assert send(somebody, shown_at(route), Case(case.rule, case.kind), id_)["ETag"] == version, "nothing was changed"
    usual = send(somebody, route, case, id_).status_code
    assert usual in {*DONE, 400, 403}
    for fits in (version, f'"another", {version}', "*"):
        cache.clear()  # what counts attempts is not taken back with the rest
        assert send(under(somebody, fits), route, case, id_).status_code == usual


def test_the_table_of_routes_is_not_empty():
    assert len(CONDITIONAL) > 50


@pytest.mark.parametrize("route", ["POST /api/v1/categories/", "POST /api/v1/tags/", "POST /api/v1/notifications/read/"])
def test_what_has_no_version_takes_no_condition(cast, route):  # noqa: F811 -- the fixture
    refused = send(under(cast.actors[Role.OWNER], "*"), route, CASES[route])
    assert (refused.status_code, refused.json()["field"]) == (400, "If-Match")
