"""The pages about cards: every control in a form that loses nothing, limits as meters, room for once, and what an employee sees."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from django.utils import timezone

from cards import operations, queries
from cards.controls import Limit
from cards.forms import ControlsForm
from cards.models import Budget, Card, CardControls, CardMode, CardUsage, Interval, LimitGrant
from cards.operations import Controls
from spendtrackr.money import Money
from spendtrackr.tenancy import company_scope
from tests.factories import NOON, swipe
from transactions.operations import accounts
from transactions.operations.swipes import authorize
from users import operations as people


def usd(minor: int) -> Money:
    return Money(minor, "USD")


EVERYTHING = Controls(
    mode=CardMode.APPROVAL_REFILL,
    per_transaction_cap=usd(90_00),
    limits=[
        Limit(Interval.DAY, count=3), Limit(Interval.WEEK, 100_00), Limit(Interval.WEEK, count=5), Limit(Interval.MONTH, 300_00),
        Limit(Interval.MONTH, count=20), Limit(Interval.QUARTER, 700_00), Limit(Interval.YEAR, 2_000_00), Limit(Interval.ALL_TIME, 500_00),
    ],
    blocked_merchant_categories=["3000-3299", "7995"],
    allowed_merchant_categories=["5811-5814"],
    blocked_merchants=["id:9981", "name:casino royale"],
    allowed_merchants=["name:blue bottle coffee", "name:joe's, inc."],
    blocked_countries=["KP"],
    allowed_countries=["DE", "US"],
    valid_from=date(2026, 3, 1),
    locks_on=date(2026, 12, 24),
)  # fmt: skip


def text(response) -> str:
    """What stands on a page, without its tags."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def control(world, controls: Controls, card=None) -> Card:
    with company_scope(world.acme.pk):
        changes = {name: getattr(controls, name) for name in Controls.__slots__}
        operations.change_controls(card or world.card, changes, actor=world.alice, at=NOON)
        return world.reload(card)


def controls_of(world, card=None) -> Controls:
    with company_scope(world.acme.pk):
        return Controls.of(world.reload(card).rules)


def path_of(card, verb="") -> str:
    return f"/cards/{card.public_id}/" + (f"{verb}/" if verb else "")


def as_sent(page) -> dict[str, str]:
    """The controls form of a page as a browser would send it back."""
    form = re.search(r'<form method="post" action="[^"]*/change/".*?</form>', page.content.decode(), re.DOTALL)[0]
    sent = {}
    for tag, name in re.findall(r'(<input[^>]*name="([^"]+)"[^>]*>)', form):
        value = re.search(r'value="([^"]*)"', tag)
        sent[name] = value[1].replace("&#x27;", "'") if value else ""
    for name, inside in re.findall(r'<textarea name="([^"]+)"[^>]*>\n?(.*?)</textarea>', form, re.DOTALL):
        sent[name] = inside.replace("&#x27;", "'").replace("\r\n", "\n").replace("\n", "\r\n")
    for name, inside in re.findall(r'<select name="([^"]+)"[^>]*>(.*?)</select>', form, re.DOTALL):
        sent[name] = re.search(r'value="([^"]*)" selected', inside)[1]
    del sent["csrfmiddlewaretoken"]
    return sent


def meters(world, card=None, *, at=NOON) -> list[tuple]:
    with company_scope(world.acme.pk):
        [standing] = queries.standings([world.reload(card)], world.acme, at=at)
        return [(str(meter.interval), meter.used, meter.left) for meter in standing.meters]


# Forms.


def test_a_form_that_is_sent_back_as_it_came_changes_nothing(world, pages):
    control(world, EVERYTHING)
    client = pages(world.alice)
    with company_scope(world.acme.pk):
        versions = CardControls.objects.count()
    sent = as_sent(client.get(path_of(world.card)))
    answer = client.post(path_of(world.card, "change"), sent, follow=True)
    assert "Nothing was different, so nothing was changed." in text(answer)
    with company_scope(world.acme.pk):
        assert CardControls.objects.count() == versions


def test_so_does_one_that_a_reader_with_a_decimal_comma_sends_back_and_only_their_notation_is_read(world, pages):
    control(world, EVERYTHING)
    with company_scope(world.acme.pk):
        people.change_profile(world.alice, locale="de-DE", at=NOON)
        versions = CardControls.objects.count()
    client = pages(world.alice)
    sent = as_sent(client.get(path_of(world.card)))
    assert sent["per_transaction_cap"].partition(",")[2] == "00"
    answer = client.post(path_of(world.card, "change"), sent, follow=True)
    assert "Nothing was different, so nothing was changed." in text(answer)
    refused = client.post(path_of(world.card, "change"), sent | {"per_transaction_cap": "1200.50"})
    assert (refused.status_code, "Write an amount in USD, such as 1.250,00." in text(refused)) == (400, True)
    with company_scope(world.acme.pk):
        assert CardControls.objects.count() == versions
    assert client.post(path_of(world.card, "change"), sent | {"per_transaction_cap": "1.200,50"}).status_code == 302
    assert controls_of(world) == replace(EVERYTHING, per_transaction_cap=Money(1_200_50, "USD"))


def test_one_change_leaves_everything_else(world, pages):
    before = control(world, EVERYTHING).rules
    client = pages(world.alice)
    sent = as_sent(client.get(path_of(world.card))) | {"week_count": "4", "monthly_limit": ""}
    assert client.post(path_of(world.card, "change"), sent).status_code == 302
    now = controls_of(world)
    assert now.limits == [
        Limit(Interval.DAY, count=3), Limit(Interval.WEEK, 100_00), Limit(Interval.WEEK, count=4), Limit(Interval.MONTH, count=20),
        Limit(Interval.QUARTER, 700_00), Limit(Interval.YEAR, 2_000_00), Limit(Interval.ALL_TIME, 500_00),
    ]  # fmt: skip
    for name in set(Controls.__slots__) - {"limits"}:
        assert getattr(now, name) == getattr(Controls.of(before), name), name


def test_what_was_not_sent_stays(world, pages):
    control(world, EVERYTHING)
    client = pages(world.alice)
    assert client.post(path_of(world.card, "change"), {"name": "Renamed"}).status_code == 302
    assert controls_of(world) == EVERYTHING
    with company_scope(world.acme.pk):
        assert world.reload().name == "Renamed"


@pytest.mark.parametrize(
    ("name", "typed", "told"),
    [
        ("week_amount", "a lot", "Write an amount in USD"),
        ("day_count", "0", "greater than or equal to 1"),
        ("day_count", "two", "Enter a whole number"),
        ("blocked_merchant_categories", "7995, bingo", "is not a merchant category code"),
        ("blocked_merchant_categories", "5814-5811", "ends before it begins"),
        ("allowed_countries", "Germany, Narnia", "“Narnia” is no country that we know"),
        ("blocked_countries", "DE xy", "“xy” is no country that we know"),
        ("blocked_countries", "Middle Earth", "“Middle Earth” is no country that we know"),
        ("allowed_merchants", "name:", "name, or id:"),
        ("locks_on", "2026-02-30", "Write a day such as 2026-03-31."),
        ("locks_on", "2026-01-01", "locked before it is valid"),
        ("valid_from", "9999-12-31", "of this century"),
        ("all_time_amount", "", "needs this amount"),
    ],
)
def test_bad_input_comes_back_at_its_field_with_all_that_was_typed(world, pages, name, typed, told):
    control(world, EVERYTHING)
    client = pages(world.alice)
    sent = as_sent(client.get(path_of(world.card))) | {"name": "Half done", "quarter_count": "41", name: typed}
    answer = client.post(path_of(world.card, "change"), sent)
    assert answer.status_code == 400
    fault = re.search(rf'id="id_{name}_error">([^<]+)<', answer.content.decode())
    assert told in fault[1]
    assert {key: value for key, value in as_sent(answer).items() if key != "version"} == {
        key: value for key, value in sent.items() if key != "version"
    }
    assert controls_of(world) == EVERYTHING


def test_groups_are_closed_until_something_in_them_is_set_or_wrong(world, pages):
    client = pages(world.alice)
    assert client.get(path_of(world.card)).content.decode().count('class="group" open') == 0
    control(world, Controls(limits=[Limit(Interval.WEEK, 1_00)], blocked_countries=["KP"]))
    assert client.get(path_of(world.card)).content.decode().count('class="group" open') == 2
    wrong = client.post(path_of(world.card, "change"), {"name": "N", "valid_from": "soon"})
    assert re.search(r'class="group" open><summary>Dates', wrong.content.decode())


def test_who_saves_what_somebody_else_changed_meanwhile_is_told(world, pages):
    client = pages(world.alice)
    sent = as_sent(client.get(path_of(world.card))) | {"monthly_limit": "100"}
    control(world, Controls(per_transaction_cap=usd(5_00)))
    answer = client.post(path_of(world.card, "change"), sent)
    assert (answer.status_code, "Somebody changed this card meanwhile" in text(answer)) == (400, True)
    assert controls_of(world).limits == []
    again = client.post(path_of(world.card, "change"), as_sent(answer))
    assert again.status_code == 302
    assert controls_of(world) == Controls(limits=[Limit(Interval.MONTH, 100_00)])


def test_lists_are_read_as_people_write_them():
    form = ControlsForm(
        {
            "name": "N", "blocked_merchant_categories": "742; 3000 - 3299,7995", "allowed_countries": "Germany, at us\r\nUnited Kingdom",
            "blocked_merchants": "Casino, Royale\r\n\r\n id:77 ",
        },
        currency="USD",
    )  # fmt: skip
    assert form.is_valid(), form.errors
    assert form.changes() == {
        "name": "N",
        "blocked_merchant_categories": ["0742", "3000-3299", "7995"],
        "allowed_countries": ["DE", "AT", "US", "GB"],
        "blocked_merchants": ["Casino, Royale", "id:77"],
    }


def test_a_card_is_issued_with_every_control_its_usage_and_its_merchant(world, pages):
    client = pages(world.alice)
    body = {
        "holder": world.bob.public_id, "name": "Figma", "usage": "merchant_locked", "merchant": "Figma Inc", "monthly_limit": "250",
        "per_transaction_cap": "225.00", "mode": "normal", "month_count": "1", "year_amount": "3,000.00", "allowed_countries": "US",
        "locks_on": "2099-12-31",
    }  # fmt: skip
    assert client.post("/cards/new/", body).status_code == 302
    with company_scope(world.acme.pk):
        card = Card.objects.get(name="Figma")
        assert (card.usage, card.merchant_key, card.budget) == (CardUsage.MERCHANT_LOCKED, "name:figma inc", None)
        assert Controls.of(card.rules) == Controls(
            per_transaction_cap=usd(225_00),
            limits=[Limit(Interval.MONTH, 250_00), Limit(Interval.MONTH, count=1), Limit(Interval.YEAR, 3_000_00)],
            allowed_countries=["US"],
            locks_on=date(2099, 12, 31),
        )


def test_a_merchant_without_its_lock_is_refused_at_the_field_and_no_card_is_made(world, pages):
    answer = pages(world.alice).post("/cards/new/", {"holder": world.bob.public_id, "name": "Figma", "merchant": "Figma", "usage": "multi"})
    assert answer.status_code == 400
    assert re.search(r'id="id_merchant_error">Only a card with', answer.content.decode())
    assert Card.across_companies.filter(name="Figma").count() == 0


def budget(world, name="Events", currency="USD", **fields) -> Budget:
    with company_scope(world.acme.pk):
        return Budget.objects.create(
            name=name, name_key=name.lower(), owner=world.alice, currency=currency, limit_minor=100_00, interval="month", is_hard=True,
            created_at=NOON, **fields,
        )  # fmt: skip


def test_a_budget_is_chosen_at_issue_and_later_among_the_open_ones_of_the_currency(world, pages):
    events, other = budget(world), budget(world, "Travel")
    budget(world, "Yen", "JPY")
    budget(world, "Over", closed_at=NOON)
    client = pages(world.alice)
    page = client.get("/cards/new/").content.decode()
    assert re.findall(r'<option value="bud_[^"]+"[^>]*>([^<]+)', page) == ["Events", "Travel"]
    client.post("/cards/new/", {"holder": world.bob.public_id, "name": "Stand", "budget": events.public_id})
    with company_scope(world.acme.pk):
        card = Card.objects.get(name="Stand")
        assert card.budget == events
    sent = as_sent(client.get(path_of(card)))
    assert sent["budget"] == events.public_id
    client.post(path_of(card, "change"), sent | {"budget": other.public_id})
    with company_scope(world.acme.pk):
        assert Card.objects.get(pk=card.pk).budget == other
        Budget.objects.filter(pk=other.pk).update(closed_at=NOON)
    sent = as_sent(client.get(path_of(card))) | {"name": "Booth"}
    assert client.post(path_of(card, "change"), sent).status_code == 302, "a budget that was closed does not stop other changes"
    refused = client.post(path_of(card, "change"), sent | {"budget": "bud_unknown"})
    assert re.search(r'id="id_budget_error">Select a valid choice', refused.content.decode())


def test_a_card_that_nobody_may_change_any_more_shows_no_form(world, pages):
    with company_scope(world.acme.pk):
        operations.close(world.card, actor=world.alice, at=NOON)
    page = pages(world.alice).get(path_of(world.card)).content.decode()
    assert ("/change/" in page, "/grant/" in page) == (False, False)


# Meters.


def test_every_window_shows_what_it_used_and_what_is_left(world):
    limits = [
        Limit(Interval.DAY, 50_00), Limit(Interval.DAY, count=3), Limit(Interval.WEEK, 80_00), Limit(Interval.MONTH, 200_00),
        Limit(Interval.QUARTER, 300_00), Limit(Interval.YEAR, count=10), Limit(Interval.ALL_TIME, 400_00),
    ]  # fmt: skip
    card = control(world, Controls(limits=limits))
    with company_scope(world.acme.pk):
        for days, minor in ((-8, 20_00), (-1, 10_00), (0, 7_00)):
            assert authorize(card, swipe(minor, at=NOON + timedelta(days=days))).approved
    assert meters(world) == [
        ("day", usd(7_00), usd(43_00)),
        ("day", 1, 2),
        ("week", usd(17_00), usd(63_00)),
        ("month", usd(37_00), usd(163_00)),
        ("quarter", usd(37_00), usd(263_00)),
        ("year", 3, 7),
        ("all_time", usd(37_00), usd(363_00)),
    ]
    assert meters(world, at=NOON + timedelta(days=60))[:5] == [
        ("day", usd(0), usd(50_00)),
        ("day", 0, 3),
        ("week", usd(0), usd(80_00)),
        ("month", usd(0), usd(200_00)),
        ("quarter", usd(0), usd(300_00)),
    ]


def test_a_limit_that_is_set_in_the_middle_of_its_window_shows_no_figure_that_may_be_wrong(world, pages):
    """Longer windows are what their months come to; of a day or a week nobody has counted yet what came before."""
    now = timezone.now()
    with company_scope(world.acme.pk):
        authorize(world.card, swipe(30_00, at=now))
        limits = [Limit(Interval.WEEK, 100_00), Limit(Interval.YEAR, 100_00)]
        operations.change_controls(world.card, {"limits": limits}, actor=world.alice, at=now)
    assert meters(world, at=now) == [("week", None, None), ("year", usd(30_00), usd(70_00))]
    page = text(pages(world.bob).get(path_of(world.card)))
    assert "At most $100.00 this week; what was bought before counts from the next purchase on" in page
    with company_scope(world.acme.pk):
        authorize(world.card, swipe(5_00, at=now))
    assert meters(world, at=now) == [("week", usd(35_00), usd(65_00)), ("year", usd(35_00), usd(65_00))]


def test_a_replaced_card_shows_what_the_first_one_used(world):
    card = control(world, Controls(limits=[Limit(Interval.WEEK, 100_00)]))
    with company_scope(world.acme.pk):
        authorize(card, swipe(40_00))
        new = operations.replace(card, actor=world.alice, at=NOON)
    assert meters(world, new) == [("week", usd(40_00), usd(60_00))]


def test_a_refill_card_shows_what_waits_for_approval(world, pages):
    card = control(world, Controls(mode=CardMode.APPROVAL_REFILL, limits=[Limit(Interval.ALL_TIME, 100_00)]))
    with company_scope(world.acme.pk):
        authorize(card, swipe(40_00))
    assert meters(world) == [("unapproved", usd(40_00), usd(60_00))]
    assert "$60.00 left of $100.00, $40.00 not approved yet" in text(pages(world.bob).get("/cards/"))


@pytest.mark.parametrize("buys", [False, True])
def test_a_card_for_one_purchase_says_whether_it_had_it(world, pages, buys):
    with company_scope(world.acme.pk):
        card = operations.issue(
            world.bob, name="Once", currency="USD", controls=Controls(), actor=world.alice, at=NOON, usage=CardUsage.SINGLE_USE
        )
        if buys:
            authorize(card, swipe(5_00))
    page = text(pages(world.bob).get(path_of(card)))
    assert (" Used " in page, " Unused " in page) == (buys, not buys)


def test_a_merchant_locked_card_says_where_it_works(world, pages):
    with company_scope(world.acme.pk):
        card = operations.issue(
            world.bob, name="Figma", currency="USD", controls=Controls(), actor=world.alice, at=NOON, usage=CardUsage.MERCHANT_LOCKED
        )
    client = pages(world.bob)
    assert "Only at the merchant where it is used first" in text(client.get(path_of(card)))
    with company_scope(world.acme.pk):
        authorize(card, swipe(5_00, merchant_name="FIGMA  Inc"))
    assert "Only at figma inc" in text(client.get(path_of(card)))


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"valid_from": date(2030, 1, 1)}, "not valid yet"), ({"locks_on": date(2026, 3, 10)}, "locked"),
        ({"locks_on": date(2026, 3, 11)}, "active"), ({"valid_from": date(2026, 3, 10)}, "active"),
    ],
)  # fmt: skip
def test_a_card_on_which_nothing_is_approved_is_not_shown_as_active(world, changes, state):
    control(world, Controls(**changes))
    with company_scope(world.acme.pk):
        [standing] = queries.standings([world.reload()], world.acme, at=NOON)
    assert standing.state == state


def test_any_number_of_cards_costs_two_questions(acme, django_assert_num_queries):
    shown = []
    for number in range(6):
        card = operations.issue(acme.bob, name=f"C{number}", currency="USD", controls=EVERYTHING, actor=acme.alice, at=NOON)
        operations.grant(card, usd(1_00), expires_at=NOON + timedelta(days=3), reason="r", actor=acme.alice, at=NOON)
        authorize(card, swipe(1_00))
        shown.append(card)
    cards = list(Card.objects.with_state().filter(pk__in=[card.pk for card in shown]))
    with django_assert_num_queries(2):
        standings = queries.standings(cards, acme.acme, at=NOON)
    assert [(len(one.meters), len(one.grants)) for one in standings] == [(8, 1)] * 6


# Room for once.


def grant_of(world) -> LimitGrant:
    with company_scope(world.acme.pk):
        return LimitGrant.objects.select_related("card").get()


def test_a_grant_lasts_until_the_end_of_its_last_day_is_shown_and_taken_back(world, pages):
    control(world, Controls(limits=[Limit(Interval.MONTH, 100_00)]))
    client = pages(world.alice)
    body = {"amount": "50", "expires_at": "2099-06-30", "reason": "Trade fair"}
    answer = client.post(path_of(world.card, "grant"), body, follow=True)
    assert "$50.00 more may be spent until the end of 30 Jun 2099." in text(answer)
    assert "$150.00 left of $150.00 this month" in text(answer)
    assert "(with $50.00 granted)" in text(answer)
    grant = grant_of(world)
    assert (grant.amount, grant.reason, grant.granted_by) == (usd(50_00), "Trade fair", world.alice)
    assert grant.expires_at == datetime(2099, 7, 1, 4, tzinfo=UTC), "midnight in New York"
    assert "until 30 Jun 2099" in text(answer)
    back = client.post(f"/grants/{grant.public_id}/revoke/", {"next": path_of(world.card)}, follow=True)
    assert "The grant was taken back." in text(back)
    assert "$100.00 left of $100.00 this month" in text(back)
    again = client.post(f"/grants/{grant.public_id}/revoke/", {"next": path_of(world.card)}, follow=True)
    assert "This grant has ended already: nothing of it is left to take back." in text(again)


def test_a_card_without_room_of_its_own_shows_what_is_left_of_each_grant(world, pages):
    card = control(world, Controls(mode=CardMode.ZERO_UNTIL_GRANTED))
    assert "No room: it spends only what is granted." in text(pages(world.bob).get("/cards/"))
    now = timezone.now()
    with company_scope(world.acme.pk):
        operations.grant(card, usd(80_00), expires_at=now + timedelta(days=3), reason="Flight", actor=world.alice, at=now)
        assert authorize(card, swipe(30_00, at=timezone.now())).approved
    page = text(pages(world.bob).get(path_of(card)))
    assert "$50.00 left of $80.00 granted until" in page
    assert "$30.00 used" in page
    assert "/revoke/" not in pages(world.bob).get(path_of(card)).content.decode()


@pytest.mark.parametrize(
    ("name", "typed", "told"),
    [
        ("amount", "", "required"), ("amount", "-5", "above zero"), ("expires_at", "2020-01-01", "expires in the future"),
        ("expires_at", "", "required"), ("reason", "", "required"),
    ],
)  # fmt: skip
def test_a_grant_that_makes_no_sense_comes_back_at_its_field_and_nothing_is_granted(world, pages, name, typed, told):
    control(world, Controls(limits=[Limit(Interval.MONTH, 100_00)]))
    body = {"amount": "50", "expires_at": "2099-06-30", "reason": "Trade fair"} | {name: typed}
    answer = pages(world.alice).post(path_of(world.card, "grant"), body)
    assert answer.status_code == 400
    page = answer.content.decode()
    assert told in re.search(rf'id="grant_{name}_error">([^<]+)<', page)[1]
    assert f'value="{body["amount"] or body["reason"]}"' in page
    assert LimitGrant.across_companies.count() == 0


def test_a_grant_is_offered_only_where_it_would_add_something(world, pages):
    client = pages(world.alice)
    assert "/grant/" not in client.get(path_of(world.card)).content.decode()
    control(world, Controls(limits=[Limit(Interval.MONTH, count=3)]))
    assert "/grant/" not in client.get(path_of(world.card)).content.decode()


def test_a_grant_of_a_replaced_card_is_taken_back_on_its_successor(world, pages):
    card = control(world, Controls(limits=[Limit(Interval.MONTH, 100_00)]))
    now = timezone.now()
    with company_scope(world.acme.pk):
        grant = operations.grant(card, usd(80_00), expires_at=now + timedelta(days=3), reason="x", actor=world.alice, at=now)
        new = operations.replace(card, actor=world.alice, at=now)
    client = pages(world.alice)
    assert f"/grants/{grant.public_id}/revoke/" in client.get(path_of(new)).content.decode()
    assert client.post(f"/grants/{grant.public_id}/revoke/").status_code == 302
    assert grant_of(world).revoked_by == world.alice


# Who sees what.


def test_an_employee_reads_facts_and_fills_in_nothing(world, pages):
    control(world, EVERYTHING)
    page = pages(world.bob).get(path_of(world.card))
    told = text(page)
    for fact in (
        "Room comes back When what was spent is approved", "Most for one purchase $90.00",
        "Blocked categories 3000-3299, 7995",
        "Only these merchants blue bottle coffee, joe&#x27;s, inc.", "Blocked countries North Korea",
        "Only these countries Germany, United States", "Valid from 1 Mar 2026", "Locks on 24 Dec 2026",
        "of 3 purchases today", "of $100.00 this week",
    ):  # fmt: skip
        assert fact in told, fact
    assert not re.findall(r'action="[^"]*/(?:change|grant|revoke)/', page.content.decode())


# The company's block list.


def test_the_block_list_is_read_by_everybody_and_changed_by_those_who_run_the_company(world, pages):
    client = pages(world.alice)
    body = {"blocked_merchant_categories": "7995 6010-6012", "blocked_merchants": "Lucky Star\r\nid:5", "blocked_countries": "North Korea"}
    assert "The block list is saved." in text(client.post("/settings/blocks/", body, follow=True))
    with company_scope(world.acme.pk):
        assert authorize(world.card, swipe(1_00, merchant_code="6011")).reason == "merchant_category_blocked"
        assert authorize(world.card, swipe(1_00, merchant_name="LUCKY STAR")).reason == "merchant_blocked"
        assert authorize(world.card, swipe(1_00)).approved
        version = queries.block_list().version
    assert "Nothing was different" in text(client.post("/settings/blocks/", body, follow=True))
    with company_scope(world.acme.pk):
        assert queries.block_list().version == version
    page = pages(world.bob).get("/settings/")
    assert "Merchant categories 6010-6012 7995" in text(page)
    assert "id:5, lucky star" in text(page)
    assert "North Korea" in text(page)
    assert "/settings/blocks/" not in page.content.decode()
    assert pages(world.bob).post("/settings/blocks/", body).status_code == 403


def test_a_block_list_that_cannot_be_read_comes_back_and_nothing_is_blocked(world, pages):
    body = {"blocked_merchant_categories": "bingo", "blocked_merchants": "Lucky Star", "blocked_countries": ""}
    answer = pages(world.alice).post("/settings/blocks/", body)
    assert answer.status_code == 400
    page = answer.content.decode()
    assert "is not a merchant category code" in re.search(r'id="id_blocked_merchant_categories_error">([^<]+)<', page)[1]
    assert "Lucky Star</textarea>" in page
    with company_scope(world.acme.pk):
        assert queries.block_list().version == 0


def test_a_block_list_keeps_what_was_not_sent(world, pages):
    with company_scope(world.acme.pk):
        accounts.block(world.acme, {"blocked_countries": ["KP"]}, actor=world.alice, at=NOON)
    pages(world.alice).post("/settings/blocks/", {"blocked_merchants": "Lucky Star"})
    with company_scope(world.acme.pk):
        row = queries.block_list()
        assert (row.texts("countries"), row.texts("merchants")) == (["KP"], ["name:lucky star"])
