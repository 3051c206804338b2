"""Requests: an employee asks, the right person answers, and a yes does what was asked for in the same moment."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from cards import operations as cards
from cards import queries
from cards.controls import Limit
from cards.models import BudgetInterval, Card, CardControls, CardRequest, Interval, LimitGrant, RequestKind, RequestStatus
from cards.operations import budgets, requests
from cards.operations.requests import Wish
from companies.models import Company
from spendtrackr import errors
from spendtrackr.models import Event
from spendtrackr.money import Money
from tests.factories import NOON, swipe
from transactions.operations.swipes import authorize
from users import operations as people
from users.models import Membership


@pytest.fixture
def staff(acme):
    """Bob reports to Boss; Ann is an admin, Finn keeps the books, Aud audits, Olga owns a budget."""
    for name, role in (("Boss", "employee"), ("Ann", "admin"), ("Finn", "finance"), ("Aud", "auditor"), ("Olga", "employee")):
        setattr(acme, name.lower(), acme.hire(name, role))
    people.change_member(acme.bob, {"manager": acme.boss}, actor=acme.alice, at=NOON)
    acme.bob = Membership.objects.get(pk=acme.bob.pk)
    acme.budget = budgets.create(
        name="Team", limit=Money(500_00, "USD"), interval=BudgetInterval.MONTH, is_hard=True, owner=acme.olga, actor=acme.alice, at=NOON
    )
    limits = [Limit(Interval.MONTH, 100_00), Limit(Interval.DAY, count=5)]
    acme.card = cards.change_controls(acme.card, {"limits": limits}, actor=acme.alice, at=NOON)
    return acme


def wish(kind="card", minor=200_00, **more) -> Wish:
    given = {"card": {"name": "Travel"}, "raise": {}, "grant": {"until": date(2026, 3, 12)}}[kind]
    return Wish(RequestKind(kind), Money(minor, more.pop("currency", "USD")), more.pop("reason", "For the fair"), **given | more)


def ask(staff, kind="card", **more) -> CardRequest:
    if kind != "card":
        more.setdefault("card", staff.card)
    return requests.ask(wish(kind, **more), actor=more.pop("actor", staff.bob), at=NOON)


def yes(row, actor, at=NOON) -> CardRequest:
    return requests.decide(row, approved=True, actor=actor, at=at)


def kinds() -> list[str]:
    return list(Event.objects.filter(type__startswith="request.").order_by("pk").values_list("type", flat=True))


def test_a_card_that_is_approved_is_issued_with_its_limit_and_its_budget(staff):
    row = yes(ask(staff, budget=staff.budget, interval=Interval.WEEK), staff.olga)
    card = Card.objects.with_state().get(pk=row.issued_card_id)
    assert (card.holder, card.name, card.budget, card.status) == (staff.bob, "Travel", staff.budget, "active")
    assert cards.Controls.of(card.rules).limits == [Limit(Interval.WEEK, 200_00)]
    assert (row.status, row.decided_by, row.decided_at) == (RequestStatus.APPROVED, staff.olga, NOON)
    assert kinds() == ["request.asked", "request.approved"]
    assert authorize(card, swipe(200_01)).reason == "over_weekly_limit"


def test_a_raise_replaces_the_limit_of_its_interval_and_keeps_the_others(staff):
    yes(ask(staff, "raise"), staff.boss)
    assert cards.Controls.of(staff.reload(staff.card).rules).limits == [Limit(Interval.MONTH, 200_00), Limit(Interval.DAY, count=5)]
    assert authorize(staff.card, swipe(200_00)).approved


def test_a_grant_lasts_until_the_companys_day_is_over(staff):
    row = yes(ask(staff, "grant", minor=50_00), staff.boss)
    assert row.grant.expires_at == datetime(2026, 3, 13, 4, tzinfo=UTC), "midnight in New York, in summer time"
    assert (row.grant.amount, row.grant.reason) == (Money(50_00, "USD"), "For the fair")
    assert authorize(staff.card, swipe(150_00)).approved


def test_a_day_ends_by_the_time_zone_that_is_in_force_on_it():
    company = Company(time_zone="America/New_York", next_time_zone="Europe/Berlin", next_time_zone_on=date(2026, 1, 11))
    assert company.end_of(date(2026, 1, 9)) == datetime(2026, 1, 10, 5, tzinfo=UTC)
    assert company.end_of(date(2026, 1, 11)) == datetime(2026, 1, 11, 23, tzinfo=UTC)
    for day in (date(2026, 1, 9), date(2026, 1, 10), date(2026, 1, 11), date(2026, 3, 28)):
        assert company.day_of(company.end_of(day) - timedelta(seconds=1)) == day
        assert company.day_of(company.end_of(day)) > day


@pytest.mark.parametrize(
    ("kind", "more", "field"),
    [
        ("card", {"name": " "}, "name"),
        ("card", {"until": date(2026, 3, 12)}, "until"),
        ("card", {"interval": Interval.UNAPPROVED}, "interval"),
        ("card", {"reason": "  "}, "reason"),
        ("card", {"currency": "EUR", "budget": "theirs"}, "budget"),
        ("card", {"card": "own"}, "card"),
        ("raise", {"card": None}, "card"),
        ("raise", {"card": "alices"}, "card"),
        ("raise", {"card": "closed"}, "card"),
        ("raise", {"card": "own", "interval": Interval.YEAR}, "interval"),
        ("raise", {"card": "own", "interval": Interval.DAY}, "interval"),
        ("raise", {"card": "own", "minor": 100_00}, "amount"),
        ("raise", {"card": "own", "currency": "EUR"}, "amount.currency"),
        ("raise", {"card": "own", "name": "x"}, "name"),
        ("grant", {"card": "own", "until": None}, "until"),
        ("grant", {"card": "own", "until": date(2026, 3, 9)}, "until"),
        ("grant", {"card": "own", "until": date(9999, 12, 31)}, "until"),
        ("grant", {"card": "own", "budget": "theirs"}, "budget"),
        ("grant", {"card": "alices"}, "card"),
    ],
)
def test_what_cannot_be_asked_for_is_refused_by_its_field(staff, kind, more, field):
    alices = cards.issue(staff.alice, name="A", currency="USD", controls=cards.Controls(), actor=staff.alice, at=NOON)
    closed = cards.issue(staff.bob, name="C", currency="USD", controls=cards.Controls(), actor=staff.alice, at=NOON)
    closed = cards.close(closed, actor=staff.alice, at=NOON)
    things = {"own": staff.card, "alices": alices, "closed": closed, "theirs": staff.budget}
    with pytest.raises(errors.Invalid) as caught:
        requests.ask(wish(kind, **{k: things.get(v, v) if isinstance(v, str) else v for k, v in more.items()}), actor=staff.bob, at=NOON)
    assert caught.value.field == field
    assert not CardRequest.objects.exists()


def who_may(staff, row) -> set[str]:
    everybody = ("alice", "ann", "finn", "aud", "olga", "boss", "bob")
    return {name for name in everybody if queries.may_decide(Membership.objects.get(pk=getattr(staff, name).pk), row)}


def waits_for(staff, row) -> set[str]:
    """Both ways of asking: who it waits for, and what waits for each."""
    names = {getattr(staff, name).pk: name for name in ("alice", "ann", "finn", "aud", "olga", "boss", "bob")}
    [found] = queries.with_deciders(CardRequest.objects.with_names().filter(pk=row.pk))
    told = {names[member.pk] for member in found.waits_for}
    asked = {name for pk, name in names.items() if row in queries.requests_waiting_for(Membership.objects.get(pk=pk))}
    assert told == asked
    return told


def test_it_waits_for_the_owner_of_the_budget_else_for_the_manager(staff):
    of_budget, without = ask(staff, budget=staff.budget), ask(staff)
    assert waits_for(staff, of_budget) == {"olga"}
    assert waits_for(staff, without) == {"boss"}
    assert who_may(staff, of_budget) == {"alice", "ann", "olga"}
    assert who_may(staff, without) == {"alice", "ann", "boss"}


def test_an_owner_who_asks_themselves_left_or_audits_is_passed_by(staff):
    theirs = requests.ask(wish(budget=staff.budget), actor=staff.olga, at=NOON)
    assert waits_for(staff, theirs) == {"alice", "ann"}
    row = ask(staff, budget=staff.budget)
    cards.deactivate_member(staff.olga, actor=staff.alice, at=NOON)
    assert waits_for(staff, row) == {"boss"}
    assert "olga" not in who_may(staff, row)
    budgets.change(staff.budget, {"owner": staff.aud}, actor=staff.alice, at=NOON)
    assert waits_for(staff, row) == {"boss"}
    assert "aud" not in who_may(staff, row)


def test_nobody_decides_their_own_not_even_an_owner(staff):
    row = requests.ask(wish(), actor=staff.alice, at=NOON)
    assert waits_for(staff, row) == {"ann"}
    with pytest.raises(errors.Forbidden):
        yes(row, staff.alice)


@pytest.mark.parametrize("name", ["bob", "finn", "aud", "olga"])
def test_it_waits_for_somebody_else(staff, name):
    row = ask(staff)
    with pytest.raises(errors.Forbidden):
        yes(row, getattr(staff, name))
    assert not Card.objects.filter(name="Travel").exists()


def test_a_no_needs_an_answer_and_does_nothing(staff):
    row = ask(staff, "raise")
    versions = CardControls.objects.count()
    with pytest.raises(errors.Invalid) as caught:
        requests.decide(row, approved=False, answer="  ", actor=staff.boss, at=NOON)
    assert caught.value.field == "answer"
    done = requests.decide(row, approved=False, answer="Next quarter", actor=staff.boss, at=NOON)
    assert (done.status, done.answer) == (RequestStatus.REJECTED, "Next quarter")
    assert CardControls.objects.count() == versions
    assert kinds() == ["request.asked", "request.rejected"]


def test_what_is_decided_or_withdrawn_stays_so(staff):
    approved, withdrawn = ask(staff, "grant"), ask(staff)
    yes(approved, staff.boss)
    with pytest.raises(errors.Forbidden):
        requests.withdraw(withdrawn, actor=staff.boss, at=NOON)
    requests.withdraw(withdrawn, actor=staff.bob, at=NOON)
    for row in (approved, withdrawn):
        for attempt in (lambda row=row: yes(row, staff.boss), lambda row=row: requests.withdraw(row, actor=staff.bob, at=NOON)):
            with pytest.raises(errors.InvalidState):
                attempt()
    assert LimitGrant.objects.count() == 1
    assert kinds() == ["request.asked", "request.asked", "request.approved", "request.withdrawn"]


@pytest.mark.parametrize("change", ["limit raised", "limit gone", "day over", "budget closed", "requester left"])
def test_what_cannot_be_done_any_more_is_said_and_still_waits(staff, change):
    kind = {"day over": "grant", "budget closed": "card", "requester left": "card"}.get(change, "raise")
    row, at = ask(staff, kind, **({"budget": staff.budget} if kind == "card" else {})), NOON
    limits = {"limit raised": [Limit(Interval.MONTH, 300_00)], "limit gone": []}
    if change in limits:
        cards.change_controls(staff.card, {"limits": limits[change]}, actor=staff.alice, at=NOON)
    elif change == "day over":
        at = NOON + timedelta(days=3)
    elif change == "budget closed":
        budgets.close(staff.budget, actor=staff.alice, at=NOON)
    else:
        cards.deactivate_member(staff.bob, actor=staff.alice, at=NOON)
    before = Card.objects.count(), CardControls.objects.count(), LimitGrant.objects.count()
    with pytest.raises(errors.InvalidState):
        yes(row, staff.alice, at=at)
    row.refresh_from_db()
    assert (row.status, row.decided_by) == (RequestStatus.WAITING, None)
    assert before == (Card.objects.count(), CardControls.objects.count(), LimitGrant.objects.count())


def state(row) -> tuple[str, Membership | None, str]:
    row.refresh_from_db()
    return row.status, row.decided_by, row.answer


def test_what_waits_for_a_card_that_is_closed_ends_with_it(staff):
    raised, granted, card = ask(staff, "raise"), ask(staff, "grant"), ask(staff)
    before = yes(ask(staff, "grant", minor=1_00), staff.boss)
    cards.close(staff.card, actor=staff.ann, at=NOON)
    for row in (raised, granted):
        assert state(row) == (RequestStatus.REJECTED, staff.ann, "The card was closed.")
        assert waits_for(staff, row) == set()
        with pytest.raises(errors.InvalidState):
            yes(row, staff.boss)
    assert state(card) == (RequestStatus.WAITING, None, "")
    assert state(before) == (RequestStatus.APPROVED, staff.boss, "")
    assert kinds()[-2:] == ["request.rejected", "request.rejected"]


def test_who_closes_their_own_card_takes_their_requests_back(staff):
    mine = cards.issue(
        staff.ann, name="A", currency="USD", controls=cards.Controls(limits=cards.monthly(Money(1_00, "USD"))), actor=staff.ann, at=NOON
    )
    row = requests.ask(wish("raise", card=mine), actor=staff.ann, at=NOON)
    cards.close(mine, actor=staff.ann, at=NOON)
    assert state(row) == (RequestStatus.WITHDRAWN, staff.ann, "The card was closed.")


def test_what_waits_for_a_card_that_is_replaced_goes_on_with_the_new_one(staff):
    raised, granted = ask(staff, "raise"), ask(staff, "grant")
    new = cards.replace(staff.card, actor=staff.alice, at=NOON)
    assert kinds()[-2:] == ["request.carried_over"] * 2
    # Read before the card was replaced.
    assert raised.card == staff.card
    yes(raised, staff.boss)
    yes(granted, staff.boss)
    assert cards.Controls.of(staff.reload(new).rules).limits == [Limit(Interval.MONTH, 200_00), Limit(Interval.DAY, count=5)]
    assert [one.amount for one in queries.live_grants(new, at=NOON)] == [Money(200_00, "USD")]


def test_what_waits_for_somebody_who_has_left_waits_for_their_return(staff):
    row = ask(staff, "raise")
    cards.deactivate_member(staff.bob, actor=staff.alice, at=NOON)
    assert state(row)[0] == RequestStatus.WAITING
    cards.reactivate_member(staff.bob, actor=staff.alice, at=NOON)
    assert yes(row, staff.boss).status == RequestStatus.APPROVED


def test_a_limit_is_asked_to_be_raised_once_at_a_time(staff):
    limits = [Limit(Interval.MONTH, 100_00), Limit(Interval.YEAR, 100_00)]
    staff.card = cards.change_controls(staff.card, {"limits": limits}, actor=staff.alice, at=NOON)
    first = ask(staff, "raise")
    with pytest.raises(errors.InvalidState):
        ask(staff, "raise", minor=300_00)
    ask(staff, "raise", interval=Interval.YEAR)
    ask(staff, "grant")
    ask(staff, "grant")
    requests.withdraw(first, actor=staff.bob, at=NOON)
    yes(ask(staff, "raise", minor=300_00), staff.boss)
    ask(staff, "raise", minor=400_00)


def test_requests_are_seen_by_who_asked_who_is_above_who_owns_the_budget_and_who_sees_all(staff):
    row = ask(staff, budget=staff.budget)
    ann = requests.ask(wish(), actor=staff.ann, at=NOON)

    def seen(member):
        return set(CardRequest.objects.visible_to(Membership.objects.get(pk=member.pk)))

    assert seen(staff.bob) == seen(staff.boss) == seen(staff.olga) == {row}
    assert seen(staff.finn) == seen(staff.aud) == seen(staff.alice) == {row, ann}
