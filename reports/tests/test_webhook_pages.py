"""The pages of webhooks: what is filled in is what the API would take, a secret is shown once, and the log says what came of it."""

from __future__ import annotations

import html
import re
from ipaddress import ip_network

import pytest

from reports import tasks
from spendtrackr import events
from spendtrackr.models import AttemptOutcome, DeliveryStatus, WebhookAttempt, WebhookDelivery, WebhookEndpoint
from spendtrackr.tenancy import company_scope
from spendtrackr.webhooks import endpoints, signing
from spendtrackr.webhooks.sender import Sender
from tests.factories import NOON
from tests.receivers import receiving

PAGE = "/webhooks/"
URL = "https://erp.example/hooks"


def text(answer) -> str:
    return html.unescape(answer.content.decode())


@pytest.fixture
def alice(world, pages):
    return pages(world.alice)


@pytest.fixture
def endpoint(world) -> WebhookEndpoint:
    with company_scope(world.acme.pk):
        return endpoints.create(url=URL, types=["card.*", "tag.added"], actor=world.alice, at=NOON)[0]


def test_nothing_is_sent_anywhere_yet(alice):
    assert "Nothing is sent anywhere" in text(alice.get(PAGE))


def test_an_endpoint_is_made_and_its_secret_shown_once(alice):
    made = alice.post(PAGE, {"url": URL, "description": "Books", "kinds": ["card.*"], "single": "tag.added, books.closed"})
    row = WebhookEndpoint.across_companies.get()
    assert re.findall(r'id="hook-secret"[^>]*value="([^"]+)"', text(made)) == [signing.secret(row.secret_salt)]
    assert "no-store" in made["Cache-Control"]
    assert row.types == ["books.closed", "card.*", "tag.added"]
    shown = text(alice.get(PAGE))
    assert URL in shown
    assert "whsec_" not in shown


@pytest.mark.parametrize(
    ("filled_in", "says"),
    [
        ({"url": ""}, "This field is required."),
        ({"url": "https://10.0.0.1/"}, "not one of the public internet"),
        ({"url": "http://erp.example/"}, "begins with https://"),
        ({"url": URL, "single": "card.eaten"}, "There is no type of event card.eaten."),
        ({"url": URL, "kinds": ["nonsense.*"]}, "nonsense.*"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field_and_the_rest_stays(alice, filled_in, says):
    refused = alice.post(PAGE, {"description": "Books"} | filled_in)
    assert refused.status_code == 400
    assert says in text(refused)
    assert 'value="Books"' in text(refused)
    assert WebhookEndpoint.across_companies.count() == 0


def do(client, endpoint, what: str, **more):
    return client.post(f"{PAGE}{endpoint.public_id}/", {"do": what} | more, follow=True)


def test_it_is_changed_rotated_switched_and_removed(alice, endpoint):
    shown = text(alice.get(f"{PAGE}{endpoint.public_id}/"))
    assert 'value="tag.added"' in shown
    assert re.search(r'value="card\.\*"[^>]*checked', shown)
    assert "Saved." in text(do(alice, endpoint, "save", url="https://other.example/", description="", kinds=["tag.*"]))
    endpoint.refresh_from_db()
    assert (endpoint.url, endpoint.types) == ("https://other.example/", ["tag.*"])
    turned = text(do(alice, endpoint, "rotate", overlap="1"))
    before = endpoint.secret_salt
    endpoint.refresh_from_db()
    assert signing.secret(endpoint.secret_salt) in turned
    assert endpoint.previous_secret_salt == before
    assert "Switched off. What happens meanwhile is kept for it." in text(do(alice, endpoint, "switch-off"))
    assert "switch it on first" in text(do(alice, endpoint, "test"))
    assert "Switched on." in text(do(alice, endpoint, "switch-on", missed="skip"))
    assert "Removed." in text(do(alice, endpoint, "remove"))
    assert alice.get(f"{PAGE}{endpoint.public_id}/").status_code == 404


@pytest.mark.parametrize(("what", "more", "says"), [
    ("rotate", {"overlap": "9"}, "Choose when the secret of before ends."),
    ("replay", {"after": "x"}, "after"),
    ("replay", {"after": "99999"}, "The last event that this endpoint was handed"),
])  # fmt: skip
def test_what_cannot_be_done_is_said(alice, endpoint, what, more, says):
    assert says in text(do(alice, endpoint, what, **more))


def test_a_form_that_asks_for_nothing_is_refused(alice, endpoint):
    assert alice.post(f"{PAGE}{endpoint.public_id}/", {"do": "dance"}).status_code == 400


def test_a_test_leads_to_what_came_of_it(world, alice, settings):
    settings.WEBHOOK_NETWORKS = [ip_network("127.0.0.0/8")]
    with receiving() as receiver, company_scope(world.acme.pk):
        endpoint, _ = endpoints.create(url=receiver.url, actor=world.alice, at=NOON)
        waiting = do(alice, endpoint, "test")
        assert "Not tried yet" in text(waiting)
        events.seal_all()
        Sender(tasks.TELLING).send_due()
    shown = text(alice.get(waiting.redirect_chain[-1][0]))
    assert "Answered 200" in shown
    assert '"type": "webhook.tested"' in shown
    assert f"webhook-id: {WebhookDelivery.across_companies.get().event.public_id}" in shown
    assert "Delivered" in text(alice.get(f"{PAGE}{endpoint.public_id}/"))


def test_a_failed_one_is_sent_again(world, alice, endpoint):
    with company_scope(world.acme.pk):
        sent = endpoints.test(endpoint, actor=world.alice, at=NOON)
        WebhookAttempt.objects.create(delivery=sent, at=NOON, took_ms=3, outcome=AttemptOutcome.BLOCKED)
        WebhookDelivery.objects.update(status=DeliveryStatus.FAILED, due_at=None, tries=1)
    page = f"/webhook-deliveries/{sent.public_id}/"
    assert "Its name leads to no address of the public internet" in text(alice.get(page))
    assert "It is sent again within seconds." in text(alice.post(page, follow=True))
    sent.refresh_from_db()
    assert (sent.status, sent.tries) == (DeliveryStatus.PENDING, 0)
    do(alice, endpoint, "switch-off")
    assert "switch it on first" in text(alice.post(page, follow=True))


def test_the_log_is_turned_page_by_page_and_narrowed(world, alice, endpoint, monkeypatch):
    monkeypatch.setattr("reports.views.webhooks._ON_A_PAGE", 2)
    with company_scope(world.acme.pk):
        sent = [endpoints.test(endpoint, actor=world.alice, at=NOON) for _ in range(3)]
        WebhookDelivery.objects.filter(pk=sent[0].pk).update(status=DeliveryStatus.FAILED, due_at=None)
    first = text(alice.get(f"{PAGE}{endpoint.public_id}/"))
    assert [one.public_id in first for one in sent] == [False, True, True]
    older = re.search(r'href="(\?[^"]*cursor[^"]*)#log"', first).group(1)
    second = text(alice.get(f"{PAGE}{endpoint.public_id}/{older}"))
    assert [one.public_id in second for one in sent] == [True, False, False]
    failed = text(alice.get(f"{PAGE}{endpoint.public_id}/?status=failed"))
    assert [one.public_id in failed for one in sent] == [True, False, False]
    assert "Nothing matches" in text(alice.get(f"{PAGE}{endpoint.public_id}/?status=delivered"))


def test_an_auditor_looks_and_changes_nothing(world, pages, endpoint):
    with company_scope(world.acme.pk):
        auditor = pages(world.hire("Ann", "auditor"))
    shown = text(auditor.get(f"{PAGE}{endpoint.public_id}/"))
    assert URL in shown
    assert "Remove the endpoint" not in shown
    assert auditor.post(f"{PAGE}{endpoint.public_id}/", {"do": "remove"}).status_code == 403
    assert pages(world.bob).get(PAGE).status_code == 403
