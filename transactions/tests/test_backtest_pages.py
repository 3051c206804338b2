"""Backtests on pages: a button, a page that looks again, a result of which each number leads to its purchases."""

from __future__ import annotations

import html
import re
from datetime import timedelta

import pytest
from django.utils import timezone

from spendtrackr.tenancy import company_scope
from tests.factories import swipe
from tests.rules import adopt, approver, document, money, route, rule, step
from transactions import tasks
from transactions.models import Backtest
from transactions.operations import policies
from transactions.operations.swipes import authorize
from transactions.tests.test_backtests import bought


@pytest.fixture
def draft(world):
    now = timezone.now()
    with company_scope(world.acme.pk):
        adopt(world, automatic_below=20_00)
        for minor in (5_00, 15_00, 25_00, 80_00):
            bought(world, minor, at=now - timedelta(days=minor // 100))
        rules = [
            rule("Small", amount_below=money(10_00), approval=route()),
            rule("Large", amount_from=money(50_00), flag="Three <offers>", approval=route(step(approver("role", role="owner")))),
        ]
        return policies.write(document(*rules, memo=50_00), actor=world.alice, at=now)


def tried(client, draft) -> str:
    """The address of what a press of the button leads to."""
    answer = client.post(f"/policies/{draft.public_id}/backtest/")
    assert answer.status_code == 302
    return answer["Location"]


def text(client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_policy_has_a_button_for_those_who_may(world, pages, draft):
    assert "Try it on the last twelve months" in text(pages(world.alice), f"/policies/{draft.public_id}/")
    with company_scope(world.acme.pk):
        auditor = world.hire("Audrey", "auditor")
    assert "Try it on" not in text(pages(auditor), f"/policies/{draft.public_id}/")


def test_while_it_runs_the_page_looks_again_and_without_a_script_offers_to(world, pages, draft):
    client = pages(world.alice)
    address = tried(client, draft)
    told = text(client, address)
    assert "data-renews" in told
    assert f'<a href="{address}">Look again.</a>' in told
    assert re.search(r'<progress [^>]*max="4" value="0"', told)
    tasks.run_backtests()
    assert "data-renews" not in text(client, address)


def test_each_number_leads_to_as_many_rows(world, pages, draft):
    client = pages(world.alice)
    address = tried(client, draft)
    tasks.run_backtests()
    told = text(client, address)
    numbers = re.findall(r'<a href="(/backtests/[^"]*rows/\?[^"]*)">(\d+)</a>', told)
    assert len(numbers) >= 10
    for path, number in numbers:
        rows = text(client, html.unescape(path))
        assert rows.count("<tr>") - 1 == int(number), path
    for said in ("Approved by itself", "Waits for a yes", "Something is missing", "Who is asked", "Three &lt;offers&gt;", "$80.00"):
        assert said in told


def test_the_list_says_what_was_chosen_and_what_both_say(world, pages, draft):
    client = pages(world.alice)
    address = tried(client, draft)
    tasks.run_backtests()
    told = text(client, f"{address}rows/?before=automatic&after=waits")
    assert "in force: approved by itself · draft: waits for a yes" in told
    assert re.search(r"Waits for a yes</span>\s*<small>Alice</small>", told)
    assert "all of them" in text(client, f"{address}rows/")
    assert "Nothing here" in text(client, f"{address}rows/?after=nobody_eligible")
    assert f"draft: with {world.alice.user.name}" in text(client, f"{address}rows/?approver_after={world.alice.public_id}")


@pytest.mark.parametrize("query", ["before=perhaps", "cursor=perhaps"])
def test_an_address_that_makes_no_sense_is_told(world, pages, draft, query):
    client = pages(world.alice)
    answer = client.get(f"{tried(client, draft)}rows/?{query}")
    assert (answer.status_code, b'role="alert"' in answer.content) == (400, True)


def test_more_than_a_page_goes_on(world, pages, draft, monkeypatch):
    monkeypatch.setattr("transactions.views.backtests.PAGE_SIZE", 3)
    client = pages(world.alice)
    address = tried(client, draft)
    tasks.run_backtests()
    following = re.search(r'href="(\?[^"]*cursor=[^"]*)">Older', text(client, f"{address}rows/"))[1]
    told = text(client, f"{address}rows/{html.unescape(following)}")
    assert (told.count("<tr>") - 1, "Back to the latest" in told) == (1, True)


def test_a_fourth_is_refused_where_the_button_was(world, pages, draft):
    client = pages(world.alice)
    for _ in range(3):
        tried(client, draft)
    answer = client.post(f"/policies/{draft.public_id}/backtest/", follow=True)
    assert answer.redirect_chain[-1][0] == f"/policies/{draft.public_id}/"
    assert "wait for one of them" in answer.content.decode()
    assert Backtest.across_companies.count() == 3


def test_what_was_given_up_and_what_found_nothing_say_so(world, pages, draft):
    client = pages(world.alice)
    address = tried(client, draft)
    Backtest.across_companies.update(status="failed")
    assert "Given up" in text(client, address)
    Backtest.across_companies.update(status="done", sums="[]")
    assert "Nothing to look at" in text(client, address)


def test_what_was_tried_is_listed_on_the_policy(world, pages, draft):
    client = pages(world.alice)
    address = tried(client, draft)
    assert f'href="{address}"' in text(client, f"/policies/{draft.public_id}/")


# Of controls.


def test_controls_are_tried_as_they_stand_in_the_form(world, pages):
    with company_scope(world.acme.pk):
        for minor in (30_00, 60_00):
            authorize(world.card, swipe(minor, at=timezone.now()))
    client, card = pages(world.alice), world.card.public_id
    assert f'formaction="/cards/{card}/backtest/"' in text(client, f"/cards/{card}/")
    answer = client.post(f"/cards/{card}/backtest/", {"name": "Renamed", "per_transaction_cap": "50.00", "monthly_limit": "200"})
    assert answer.status_code == 302
    tasks.run_backtests()
    told = text(client, answer["Location"])
    limits = ("The controls that are tried", "<dd>$200.00 monthly</dd>", "<dd>$50.00</dd>")
    for said in ("Declined by its controls", "Over transaction cap", "$60.00", *limits):
        assert said in told
    numbers = re.findall(r'<a href="(/backtests/[^"]*rows/\?[^"]*)">(\d+)</a>', told)
    assert len(numbers) >= 4
    for path, number in numbers:
        assert text(client, html.unescape(path)).count("<tr>") - 1 == int(number), path
    with company_scope(world.acme.pk):
        assert (world.reload().name, world.reload().rules.per_transaction_cap_minor) == (world.card.name, None)


def test_a_mistake_in_the_form_comes_back_with_what_was_typed(world, pages):
    client, card = pages(world.alice), world.card.public_id
    for typed in ({"per_transaction_cap": "much"}, {"blocked_countries": "US", "allowed_countries": "US"}):
        answer = client.post(f"/cards/{card}/backtest/", {"name": "Card", **typed})
        assert answer.status_code == 400
        assert next(iter(typed.values())) in answer.content.decode()
    assert not Backtest.across_companies.exists()


def test_what_was_tried_stands_in_one_list(world, pages, draft):
    client = pages(world.alice)
    assert "Nothing was tried yet" in text(client, "/backtests/")
    address = tried(client, draft)
    client.post(f"/cards/{world.card.public_id}/backtest/", {"name": "Card"})
    told = text(client, "/backtests/")
    assert (f'href="{address}"' in told, told.count('href="/backtests/btest_'), "House rules, version 2" in told) == (True, 2, True)
