"""axe on every page that each role sees: at a desk and on a phone, light and dark, with nothing in the browser's console.

The pages are those of the table of permissions, so that a new one is looked at without a line here.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT

from spendtrackr import events
from tests.e2e.test_pages import PHONE, overflows
from tests.e2e.test_paper import DESK
from tests.factories import PASSWORD
from tests.test_isolation import OPEN
from tests.test_permissions import CASES, OWN, REPORT, STRANGER, Cast, could_ever, may
from users.roles import Role

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.django_db(transaction=True),
    pytest.mark.filterwarnings("default"),
]

# Whom they sign in as, and by whose rules.
PEOPLE = {
    "owner": "actor-owner@acme.example",
    "finance": "actor-finance@acme.example",
    "auditor": "actor-auditor@acme.example",
    "manager": "actor-employee@acme.example",
    "employee": "stranger@acme.example",
}
DOWNLOADS = {"GET /receipts/{public_id}/", "GET /reimbursements/{public_id}/export/", "GET /accounting/batches/{public_id}/export/"}
# Colours do not change with the width of a window, nor anything else with the dark.
ALL, ALL_BUT_COLOURS, COLOURS = {}, {"rules": {"color-contrast": {"enabled": False}}}, {"runOnly": ["color-contrast", "link-in-text-block"]}
LOOKS = [(DESK, "light", ALL), (PHONE, "light", ALL_BUT_COLOURS), (PHONE, "dark", COLOURS)]
RUN = """rules => axe.run(document, {resultTypes: ["violations"], ...rules}).then(found => found.violations
  .filter(one => ["serious", "critical"].includes(one.impact))
  .flatMap(one => one.nodes.map(node => `${one.id}: ${node.target.join(" ")} ${node.html.slice(0, 200)}`)))"""
# What there is on a page, whatever it says and how often: a page of the same was looked at already, perhaps by somebody else.
SHAPES = """() => [...new Set([...document.querySelectorAll("body *")].map(one =>
  [one.parentElement.tagName, one.parentElement.getAttribute("class"), one.tagName, ...one.getAttributeNames(),
   one.getAttribute("class"), one.getAttribute("role"), one.getAttribute("type")].join(" ")))]"""


@dataclass
class Looker:
    """Goes to pages, and remembers what was wrong and what was seen."""

    page: Any
    seen: dict[str, set[str]]
    found: list[str]

    def look(self, url: str, name: str, status: int = 200) -> None:
        self.page.set_viewport_size(DESK)
        self.page.emulate_media(color_scheme="light")
        assert self.page.goto(url).status == status, (name, url)
        shapes = set(self.page.evaluate(SHAPES))
        if shapes <= self.seen[name]:
            return
        self.seen[name] |= shapes
        self.check(name)

    def check(self, name: str) -> None:
        self.page.evaluate(AXE_SCRIPT)
        for size, scheme, rules in LOOKS:
            self.page.set_viewport_size(size)
            self.page.emulate_media(color_scheme=scheme)
            self.found += [f"{name} ({size['width']}, {scheme}): {one}" for one in self.page.evaluate(RUN, rules)]
            if overflows(self.page):
                self.found.append(f"{name} ({size['width']}): wider than the window")


@pytest.fixture
def looker(page):
    looker = Looker(page, defaultdict(set), [])
    page.on("console", lambda message: looker.found.append(message.text) if message.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: looker.found.append(str(error)))
    return looker


def enter(page, url: str, email: str) -> None:
    # Away first: an answer that is still on its way to the page of before would bring its cookies along.
    page.goto("about:blank")
    page.context.clear_cookies()
    page.goto(url + "/sign-in/")
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda at: "/sign-in/" not in at)


def pages_of(cast: Cast, who: str) -> list[tuple[str, str]]:
    """Every page that the table lets them see, with the address of one of each whose it may be."""
    role = who if who in Role.values else Role.EMPLOYEE
    found = []
    for route, case in CASES.items():
        method, path = route.split()
        if method != "GET" or path.startswith("/api/") or route in DOWNLOADS:
            continue
        if not case.kind:
            found += [(path, path)] if could_ever(role, case.rule) else []
            continue
        ids = cast.object_ids(role, case.kind)
        if who == "employee":
            ids = {OWN: cast.stranger.ids[case.kind]} if case.kind in cast.stranger.ids else {STRANGER: cast.companys[case.kind]}
        found += [
            (path, path.replace("{public_id}", ids[whose]))
            for whose in (OWN, REPORT, STRANGER)
            if whose in ids and may(role, case.rule, whose, case.kind)
        ]
    return found


def test_no_page_has_a_serious_barrier_for_anybody(looker, live_server):
    cast = Cast()
    events.seal_all()
    for who, email in PEOPLE.items():
        enter(looker.page, live_server.url, email)
        for name, path in pages_of(cast, who):
            looker.look(live_server.url + path, name)
        owner = cast.stranger if who == "employee" else cast.reports.get(who, cast.reports["employee"])
        opened = owner.ids["transaction"]
        looker.look(f"{live_server.url}/transactions/?show={opened}", "/transactions/?show=")
    looker.page.keyboard.press("?")
    looker.check("the list of keys")
    assert looker.found == []


def test_no_page_before_the_door_has_a_serious_barrier(looker, live_server):
    for route in sorted(OPEN):
        method, path = route.split()
        if method == "GET" and not path.startswith(("/api/", "/health/")):
            looker.page.goto(live_server.url + path)
            looker.check(path)
    # Chromium logs what a link that is none answers.
    assert [text for text in looker.found if "400" not in text] == []
