"""How long a policy takes to be tried on the past: seconds and memory, and against a plain look at one purchase after the other.

    DATABASE_URL=mysql://root:@127.0.0.1:3306/spendtrackr .venv/bin/python benchmarks/backtests.py 10000 100000

Sixty people in three departments under managers bought over twelve months; every tenth purchase is split, and of each sixth something
is missing. The plain look asks the functions that decide about each purchase by itself, and must say the same. Makes a database of its
own beside the one named, and drops it.
"""

from __future__ import annotations

import gc
import os
import random
import sys
import time
from datetime import timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "spendtrackr.settings_test")

import django

django.setup()

from django.db import connection  # noqa: E402
from django.test.utils import setup_databases, teardown_databases  # noqa: E402

from companies.models import Category  # noqa: E402
from conftest import World, build_world  # noqa: E402
from spendtrackr.tenancy import company_scope  # noqa: E402
from tests.factories import NOON  # noqa: E402
from tests.rules import MANAGER, adopt, approver, document, money, route, rule, step  # noqa: E402
from transactions import merchants, policies, queries, routing, tasks  # noqa: E402
from transactions.models import (  # noqa: E402
    ApprovalState,
    Backtest,
    BacktestRow,
    Merchant,
    Policy,
    Split,
    Transaction,
    TransactionSource,
    TransactionStatus,
)
from transactions.operations import backtests  # noqa: E402
from transactions.operations import policies as operations  # noqa: E402
from users import operations as people  # noqa: E402
from users.models import Membership  # noqa: E402

PEOPLE, DEPARTMENTS, SHOPS, SAMPLE = 60, 3, 200, 2_000
GOAL_SECONDS, GOAL_MEGABYTES = 120, 16


def main(counts: list[int]) -> None:
    made = setup_databases(verbosity=0, interactive=False, aliases={"default"})  # type: ignore[arg-type]
    try:
        world = build_world()
        with company_scope(world.acme.pk):
            office(world)
            current, draft = versions(world)
        print(f"{connection.vendor}; {os.cpu_count()} processors")
        missed, there = 0, 0
        for count in sorted(counts):
            with company_scope(world.acme.pk):
                buy(count - there)
            there = count
            missed += measure(world, draft, count)
        with company_scope(world.acme.pk):
            missed += plainly(world, current, draft)
    finally:
        teardown_databases(made, verbosity=0)
    sys.exit(bool(missed))


def office(world: World) -> None:
    boss = world.bob
    for number in range(DEPARTMENTS):
        people.add_department(name=f"Department {number}", head=boss, actor=world.alice, at=NOON)
    for number in range(PEOPLE):
        member = world.hire(f"Hand{number}", "employee")
        people.change_member(member, {"manager": boss}, actor=world.alice, at=NOON)
        boss = member if number % 6 == 0 else boss
    for number in range(SHOPS):
        merchants.find_or_add(f"Shop {number}")


def versions(world: World) -> tuple[Policy, Policy]:
    current = adopt(world, automatic_below=40_00, receipt=25_00)
    head, finance = approver("department_head"), approver("role", role="finance")
    rules = [
        rule("Small", amount_below=money(60_00), sources=["card"], approval=route()),
        rule("Flights", merchant_categories=["3000-3299"], approval=route(step(finance)), flag="Booked by the office?"),
        rule("Large", amount_from=money(150_00), approval=route(step(MANAGER), step(head, finance, mode="all")), flag="Three offers"),
        *(
            rule(f"Of one person {pk}", members=[pk], flag="Look twice")
            for pk in Membership.objects.values_list("public_id", flat=True)[:20]
        ),
    ]
    return current, operations.write(document(*rules, receipt=25_00, memo=150_00), actor=world.alice, at=NOON)


def buy(count: int) -> None:
    """So many more purchases, written as rows."""
    rng = random.Random(count)  # noqa: S311 -- the same purchases each time
    owners = list(Membership.objects.order_by("pk"))
    shops, categories = list(Merchant.objects.all()), list(Category.objects.all())
    for start in range(0, count, 5_000):
        rows = [_purchase(rng, owners, shops, categories) for _ in range(min(5_000, count - start))]
        Transaction.objects.insert_all(rows)
        parts = [row for row in rows if row.is_split]
        Split.objects.bulk_create(
            Split(transaction=row, position=place, share_minor=row.amount_minor // 2, amount_minor=row.amount_minor // 2, category=category)
            for row in parts
            for place, category in enumerate(rng.sample(categories, 2))
        )


def _purchase(rng: random.Random, owners: list[Membership], shops: list[Merchant], categories: list[Category]) -> Transaction:
    at, minor = NOON - timedelta(days=rng.randrange(360)), 2 * rng.randrange(5_00, 150_00)
    owner = rng.choice(owners)
    declined = rng.random() < 0.05
    return Transaction(
        source=TransactionSource.CARD, status=TransactionStatus.DECLINED if declined else TransactionStatus.POSTED, member=owner,
        merchant=rng.choice(shops), category=rng.choice(categories), merchant_code=rng.choice(["5812", "3005", "5411"]), currency="USD",
        amount_minor=minor, captured_minor=0 if declined else minor, occurred_at=at, occurred_on=at.date(), memo="Why" * rng.randrange(2),
        receipt_count=int(rng.random() < 0.8), is_split=rng.random() < 0.1,
        approval=ApprovalState.NONE if declined else ApprovalState.APPROVED,
    )  # fmt: skip


def measure(world: World, draft: Policy, count: int) -> int:
    """One run by the worker's own function. Answers how many goals were missed."""
    with company_scope(world.acme.pk):
        asked = backtests.try_policy(draft, backtests.last_year(NOON.date()), actor=world.alice, at=NOON)
    before, rounds, start = _peak_afresh(), 0, time.perf_counter()
    while tasks.run_backtests():
        rounds += 1
    seconds = time.perf_counter() - start
    grown = (_peak() - before) / 1024
    done = Backtest.across_companies.get(pk=asked.pk)
    print(f"{done.done:>9,} purchases: {seconds:6.1f} s in {rounds} rounds, {done.done / seconds:,.0f}/s; peak memory + {grown:.1f} MB")
    return sum([done.status != "done", seconds > GOAL_SECONDS, grown > GOAL_MEGABYTES])


def _peak_afresh() -> int:
    """Forget how much memory was used at most so far (Linux), and answer what is used now, in kilobytes."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")
    return _peak()


def _peak() -> int:
    return next(int(line.split()[1]) for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))


def plainly(world: World, current: Policy, draft: Policy) -> int:
    """The same of a sample, each purchase by itself. Answers how many differ, and prints how much longer it takes."""
    rows = BacktestRow.objects.order_by("-pk").select_related("before", "after")[:SAMPLE]
    promised = {row.transaction_id: (row.before, row.after) for row in rows}
    rules = [queries.rules_of(policy.public_id, world.acme.currency) for policy in (current, draft)]
    start = time.perf_counter()
    found = {pk: _plain(pk, rules) for pk in promised}
    plain = (time.perf_counter() - start) / len(found)
    run = Backtest.objects.order_by("pk").last()
    assert run is not None
    assert run.finished_at is not None
    assert run.started_at is not None
    ours = (run.finished_at - run.started_at).total_seconds() / run.done
    differ = sum([(one.outcome, one.asked) for one in promised[pk]] != found[pk] for pk in found)
    print(f"{len(found):>9,} looked at one by one: {1 / plain:,.0f}/s, {plain / ours:.1f} times as long; {differ} differ")
    return differ


def _plain(pk: int, rules: list[policies.Rules]) -> list[tuple[str, list[list[int]]]]:
    purchase = Transaction.objects.get(pk=pk)
    if purchase.approval == ApprovalState.NONE:
        return [("not_asked", [])] * 2
    told = []
    for version in rules:
        facts, company = queries.facts_of(purchase), routing.organisation()
        verdict = policies.judge(facts, version)
        named = [policies.about(step, facts).approvers for step in verdict.steps]
        slots = [[[who.member for who in routing.asked(each, facts.member or 0, company)] for each in some] for some in named]
        missing = policies.missing(facts, verdict.required)
        stuck = any(not (all if one.needs_all else any)(some) for one, some in zip(verdict.steps, slots, strict=True))
        outcome = "incomplete" if missing else "automatic" if verdict.is_automatic else "nobody_eligible" if stuck else "waits"
        told.append((outcome, [sorted({member for slot in some for member in slot}) for some in slots]))
    return told


if __name__ == "__main__":
    main([int(text) for text in sys.argv[1:]] or [10_000, 100_000])
