"""The pages of API keys: what is filled in is what the API would take, and a secret is shown once."""

from __future__ import annotations

import re

from spendtrackr import events
from spendtrackr.tenancy import company_scope
from tests.factories import NOON
from users import operations as people
from users.models import ApiKey
from users.tests.test_keys import program
from users.views import keys

PAGE = "/api-keys/"


def text(answer) -> str:
    return answer.content.decode()


def secret_on(answer) -> str:
    [found] = re.findall(r'id="key-secret"[^>]*value="(sk_live_\w+)"', text(answer))
    return found


def key_of(world, **more) -> ApiKey:
    with company_scope(world.acme.pk):
        said = {"name": "Payroll", "scopes": ["cards:read"], **more}
        return people.create_key(**said, actor=world.alice, at=NOON)[0]


def test_a_key_is_made_and_its_secret_shown_once(world, pages):
    client = pages(world.alice)
    said = {
        "name": "  Night  export ",
        "scopes": ["cards:read", "budgets:write"],
        "networks": "127.0.0.0/8\n10.0.0.7",
        "last_day": "2098-12-31",
    }
    made = client.post(PAGE, said)
    assert made.status_code == 200
    assert program(secret_on(made)).get("/api/v1/cards/").status_code == 200
    assert "no-store" in made["Cache-Control"]
    shown = text(client.get(PAGE))
    assert "sk_live_…" in shown
    assert "key-secret" not in shown
    key = ApiKey.across_companies.select_related("integration__membership__user", "integration__membership__company").get()
    assert key.integration.membership.user.name == "Night export"
    assert (key.integration.scopes, key.integration.networks) == (["cards:read", "budgets:write"], ["127.0.0.0/8", "10.0.0.7/32"])
    assert key.integration.membership.company.day_of(key.expires_at).isoformat() == "2099-01-01"  # the first instant of it


def test_what_is_missing_is_said_and_what_was_filled_in_stays(world, pages):
    refused = pages(world.alice).post(PAGE, {"name": "Payroll", "scopes": [], "networks": "10.0.0.1/8"})
    shown = text(refused)
    assert refused.status_code == 400
    assert "A key without a scope can do nothing" in shown
    assert 'value="Payroll"' in shown
    refused = pages(world.alice).post(PAGE, {"name": "Payroll", "scopes": ["tags:read"], "networks": "10.0.0.1/8"})
    assert "Networks are written as 203.0.113.0/24" in text(refused)
    assert re.search(r'value="tags:read" checked', text(refused))
    assert not ApiKey.across_companies.exists()


def test_a_key_is_changed_at_once(world, pages):
    key = key_of(world)
    address = f"{PAGE}{key.public_id}/"
    client = pages(world.alice)
    assert re.search(r'value="cards:read" checked', text(client.get(address)))
    saved = client.post(address, {"do": "save", "name": "HR", "scopes": ["people:read"], "networks": "", "last_day": ""})
    assert (saved.status_code, saved["Location"]) == (302, address)
    key = ApiKey.across_companies.select_related("integration__membership__user").get()
    assert (key.integration.membership.user.name, key.integration.scopes, key.expires_at) == ("HR", ["people:read"], None)
    refused = client.post(address, {"do": "save", "name": "", "scopes": ["people:read"]})
    assert refused.status_code == 400


def test_an_instant_within_the_last_day_stays_when_it_is_not_changed(world, pages):
    at = NOON.replace(year=2099)
    key = key_of(world, expires_at=at)
    address = f"{PAGE}{key.public_id}/"
    said = {"do": "save", "name": "Payroll", "scopes": ["cards:read"], "networks": ""}
    assert pages(world.alice).post(address, {**said, "last_day": "2099-03-10"}).status_code == 302
    assert ApiKey.across_companies.get().expires_at == at
    assert pages(world.alice).post(address, {**said, "last_day": "2099-03-11"}).status_code == 302
    assert ApiKey.across_companies.get().expires_at > at


def test_it_is_rotated_and_revoked(world, pages):
    key = key_of(world)
    client = pages(world.alice)
    rotated = client.post(f"{PAGE}{key.public_id}/", {"do": "rotate", "overlap": "0"})
    secret = secret_on(rotated)
    assert program(secret).get("/api/v1/cards/").status_code == 200
    assert "Expired" in text(client.get(f"{PAGE}{key.public_id}/"))
    # The page shows the new one by now, and its buttons are about that.
    assert set(re.findall(r'<form method="post" action="(/api-keys/[^"]+)"', text(rotated))) == {f"{PAGE}{_latest().public_id}/"}
    assert client.post(f"{PAGE}{key.public_id}/", {"do": "rotate", "overlap": "0"}).status_code == 302
    assert ApiKey.across_companies.count() == 2
    new = ApiKey.across_companies.latest("pk")
    assert client.post(f"{PAGE}{new.public_id}/", {"do": "revoke"}).status_code == 302
    assert program(secret).get("/api/v1/cards/").status_code == 401
    again = client.post(f"{PAGE}{new.public_id}/", {"do": "revoke"}, follow=True)
    assert "revoked already" in text(again)
    assert "Make another secret" not in text(again)
    assert client.post(f"{PAGE}{new.public_id}/", {"do": "eat"}).status_code == 400
    assert client.post(f"{PAGE}{key.public_id}/", {"do": "rotate", "overlap": "5"}).status_code == 400
    ended = text(client.get(PAGE))
    assert "Ended keys" in ended
    assert "No program has access" in ended


def test_an_auditor_looks_and_changes_nothing(world, pages):
    key = key_of(world)
    with company_scope(world.acme.pk):
        audrey = world.hire("Audrey", "auditor")
    client = pages(audrey)
    for address in (PAGE, f"{PAGE}{key.public_id}/"):
        shown = text(client.get(address))
        assert "cards:read" in shown
        assert 'name="scopes"' not in shown
        assert client.post(address, {"do": "revoke", "name": "N", "scopes": ["cards:read"]}).status_code == 403
    assert f'href="{PAGE}"' in text(client.get("/settings/"))
    assert f'href="{PAGE}"' not in text(pages(world.bob).get("/settings/"))


def test_activity_tells_who_did_what_to_which_key_and_what_it_did(world, pages):
    with company_scope(world.acme.pk):
        key, secret = people.create_key(name="Card sync", scopes=["cards:write"], actor=world.alice, at=NOON)
    program(secret).post(f"/api/v1/cards/{world.card.public_id}/freeze/")
    events.seal_all()
    told = " ".join(re.sub(r"<[^>]+>", "", text(pages(world.alice).get("/activity/"))).split())
    assert "Alice made the API key Card sync" in told
    assert "Card sync froze the card Bob" in told
    [address] = re.findall(r'href="(/activity/[^"]+)"', text(pages(world.alice).get(f"{PAGE}{key.public_id}/")))
    narrowed = text(pages(world.alice).get(address))
    assert "Card sync" in narrowed
    assert "topped up" not in narrowed


def _latest() -> ApiKey:
    return ApiKey.across_companies.latest("pk")


def test_an_open_key_is_shown_however_many_have_ended(world, pages, monkeypatch):
    monkeypatch.setattr(keys, "MOST_SHOWN", 1)
    key_of(world, name="Old and open")
    for number in range(3):
        key = key_of(world, name=f"Ended {number}")
        with company_scope(world.acme.pk):
            people.revoke_key(key, actor=world.alice, at=NOON)
    shown = text(pages(world.alice).get(PAGE))
    assert "Old and open" in shown
    assert "No program has access" not in shown
    assert ("Ended 2" in shown, "Ended 1" in shown) == (True, False)
