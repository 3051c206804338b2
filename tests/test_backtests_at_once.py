"""Several workers at one backtest, and workers that are killed in it: one result, in which every purchase counts once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.management import call_command

from conftest import build_world
from spendtrackr import jobs
from spendtrackr.tenancy import company_scope
from tests.factories import NOON, swipe
from tests.rules import document, money, route, rule
from tests.test_crashes import killed_at
from tests.test_races import at_once
from transactions import tasks
from transactions.models import Backtest, BacktestAnswer, BacktestRow
from transactions.operations import backtests, policies
from transactions.operations.swipes import authorize

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]
PURCHASES = 12


@pytest.fixture
def acme(monkeypatch):
    monkeypatch.setattr("transactions.queries.trials.BLOCK", 3)
    world = build_world()
    with company_scope(world.acme.pk):
        for number in range(PURCHASES):
            authorize(world.card, swipe(10_00 + number, at=NOON - timedelta(days=number)))
        yield world


def asked(world) -> Backtest:
    policy = policies.write(document(rule("Small", amount_below=money(15_00), approval=route())), actor=world.alice, at=NOON)
    return backtests.try_policy(policy, backtests.last_year(NOON.date()), actor=world.alice, at=NOON)


def kept(backtest: Backtest) -> list[tuple]:
    rows = BacktestRow.objects.filter(backtest=backtest).order_by("about")
    return list(rows.values_list("about", "before__outcome", "after__outcome", "amount_minor"))


def is_whole(backtest: Backtest) -> None:
    backtest.refresh_from_db()
    assert (backtest.status, backtest.done, backtest.total) == ("done", PURCHASES, PURCHASES)
    assert len(kept(backtest)) == PURCHASES
    assert BacktestAnswer.objects.filter(backtest=backtest).count() == 2
    call_command("verify")


def test_eight_workers_at_one_backtest_make_one_result(acme):
    backtest = asked(acme)
    done = at_once(acme, lambda _: tasks.run_backtests(NOON))
    assert all(isinstance(blocks, int) for blocks in done), done
    assert sum(done) == PURCHASES // 3 + 1
    is_whole(backtest)


def test_workers_whose_claims_run_out_under_them_write_nothing_twice(acme, monkeypatch):
    """Each thinks that the others are dead: whoever still holds the claim when a block is kept keeps it, the others stop."""
    monkeypatch.setattr(backtests, "CLAIM_HOLDS", timedelta(seconds=-1))
    monkeypatch.setattr(jobs, "MOST_FAILURES", 1_000)  # a robbed worker is none that fell
    backtest = asked(acme)
    done = at_once(acme, lambda _: tasks.run_backtests(NOON))
    assert all(isinstance(blocks, int) for blocks in done), done
    while tasks.run_backtests(NOON):
        pass
    is_whole(backtest)


def test_a_worker_killed_anywhere_leaves_its_place_to_the_next(acme):
    whole = asked(acme)
    tasks.run_backtests(NOON)
    later = NOON
    for point in (1, 2, 4, 6, 8, 9, 10, 11, 12, 14, 17, 20, 23, 26, 29, 33, 38):
        broken = asked(acme)
        killed_at(point, lambda: bool(tasks.run_backtests(NOON)))
        later += timedelta(seconds=61)
        tasks.run_backtests(later)
        is_whole(broken)
        assert kept(broken) == kept(whole)
