"""Try a draft on the company's own history: ask for it, and go through the history a block at a time.

Who works on one holds a claim that runs out, so that another goes on where a worker fell. A block is read without a lock and
written in one transaction together with the place after it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Count, F, Max
from django.db.models.functions import Coalesce

from cards.counters import window_start
from cards.models import Card
from cards.operations.controls import draft_of
from spendtrackr import errors, events, jobs
from spendtrackr.retry import operation
from transactions import queries
from transactions.backtests import Answer
from transactions.draws import history_of
from transactions.models import (
    REQUESTS,
    Backtest,
    BacktestAnswer,
    BacktestKind,
    BacktestRow,
    BacktestStatus,
    Policy,
)
from transactions.models.backtests import as_json
from transactions.queries import Block, Days, Looked
from transactions.replays import Draft, Windows, window_key
from users.models import Membership

# How long others leave a run alone after its last block: much longer than a block takes.
CLAIM_HOLDS = timedelta(seconds=60)
# Of one company, unfinished at a time.
MOST_AT_ONCE = 3
MOST_DAYS = 731


def last_year(today: date) -> Days:
    """Twelve months, up to and with today."""
    try:
        return Days(today.replace(year=today.year - 1) + timedelta(days=1), today)
    except ValueError:  # the 29th of February
        return Days(date(today.year - 1, 3, 1), today)


def days(asked: Mapping[str, date], *, today: date) -> Days:
    """The days of a body, which may leave out `starts_on` and `ends_on`."""
    last = asked.get("ends_on", today)
    return Days(asked.get("starts_on") or last_year(last).first, last)


@operation
def try_policy(policy: Policy, days: Days, *, actor: Membership, at: datetime) -> Backtest:
    """Ask what this version would have said of each purchase of these days, against the one in force. Raises `Invalid`, `InvalidState`."""
    _must_be_askable(days)
    rows = queries.purchases_of(days)
    found = rows.aggregate(total=Count("pk"), last=Max("pk"))
    return _ask(
        BacktestKind.POLICY, days, found["total"], found["last"] or 0, actor=actor, at=at, policy=policy, against=queries.in_force()
    )


def _must_be_askable(days: Days) -> None:
    if days.first > days.last:
        raise errors.Invalid("The last day is before the first.", field="ends_on")
    if (days.last - days.first).days >= MOST_DAYS:
        raise errors.Invalid("At most two years can be looked at.", field="starts_on")
    if Backtest.objects.filter(status__in=Backtest.at_work).count() >= MOST_AT_ONCE:
        raise errors.InvalidState(f"{MOST_AT_ONCE} are at work already: wait for one of them.")


@operation
def try_controls(card: Card, changes: dict[str, Any], days: Days, *, actor: Membership, at: datetime) -> Backtest:
    """Ask what the card's controls with these changes (keys as `change_controls` takes them) would have answered to its swipes of these
    days, and to those of the cards that it replaced. Raises `Invalid`, `InvalidState`.
    """
    _must_be_askable(days)
    row = draft_of(card, changes, actor=actor, at=at)
    draft = {name: getattr(row, name) for name in _COLUMNS}
    requests = queries.messages_of(card, days).filter(kind__in=REQUESTS)
    total = requests.count()
    written = json.dumps(draft, default=str)
    carried = as_json({"used": _opening(card, Draft.of(json.loads(written), card.currency), days), "approved_until": None})
    last = queries.messages_of(card, days).aggregate(last=Max("pk"))["last"] or 0
    about = {"card": card, "draft": written, "carried": carried}
    return _ask(BacktestKind.CONTROLS, days, total, last, actor=actor, at=at, **about)


_COLUMNS = (
    "mode", "per_transaction_cap_minor", "limits", "blocked_codes", "blocked_merchants", "blocked_countries", "allowed_codes",
    "allowed_merchants", "allowed_countries", "valid_from", "locks_on",
)  # fmt: skip


def _opening(card: Card, draft: Draft, days: Days) -> Windows:
    """What was bought before the first day counts in the windows that reach into it, as it stands now."""
    used: Windows = {}
    for interval in draft.intervals:
        start = window_start(interval, days.first)
        share = history_of(card, interval, start, days.first)
        used[window_key(interval, days.first)] = [share.used_minor, share.purchases]
    return used


def _ask(kind: BacktestKind, days: Days, total: int, last_id: int, *, actor: Membership, at: datetime, **about: Any) -> Backtest:
    backtest = Backtest.objects.create(
        kind=kind, starts_on=days.first, ends_on=days.last, total=total, last_id=last_id, asked_by=actor, asked_at=at, **about
    )
    events.record("backtest.asked", backtest, actor=actor, at=at, kind=str(kind))
    return backtest


@dataclass(slots=True)
class Run(jobs.Run[Backtest]):
    """A backtest that this worker has claimed."""

    look: Callable[[Backtest], Block] | None = None


def claim(backtest: Backtest, *, at: datetime) -> Run | None:
    """Take it to work on. None where another is at it, or it is over."""
    key = jobs.take(backtest, at=at, holds=CLAIM_HOLDS, status=BacktestStatus.RUNNING, started_at=Coalesce("started_at", at))
    if not key:
        return None
    backtest = Backtest.objects.select_related("policy", "against", "card", "company").get(pk=backtest.pk)
    run = Run(backtest, key)
    if run.has_failed_too_often:
        _give_up(run, at=at)
        return None
    return run


def release(run: Run) -> None:
    """Let another go on at once."""
    run.mine.update(claimed_until=None)


def fail(run: Run, *, at: datetime) -> None:
    """A block could not be looked at. It is tried again a few times, and then given up."""
    jobs.let_another_try(run)
    if run.has_failed_too_often:
        _give_up(run, at=at)


@operation
def _give_up(run: Run, *, at: datetime) -> None:
    if run.mine.update(status=BacktestStatus.FAILED, finished_at=at, claimed_until=None):
        events.record("backtest.failed", run.job, actor=None, at=at)


def go_on(run: Run, *, at: datetime) -> bool:
    """Look at the next block and keep it. False: it is over, or another has it now."""
    run.look = run.look or queries.look_of(run.job)
    block = run.look(run.job)
    if not _keep(run, block, at=at):
        return False
    run.job.reached_on, run.job.reached_id, run.job.carried = block.reached_on, block.reached_id, block.carried
    return not block.is_last


@operation
def _keep(run: Run, block: Block, *, at: datetime) -> bool:
    backtest = run.job
    place = {"reached_on": block.reached_on, "reached_id": block.reached_id, "carried": block.carried}
    if not run.mine.update(**place, failures=0, claimed_until=at + CLAIM_HOLDS):
        return False
    # A purchase that moved to another day meanwhile may come a second time.
    abouts = [looked.about for looked in block.found]
    known = set(BacktestRow.objects.filter(backtest=backtest, about__in=abouts).values_list("about", flat=True))
    new = [looked for looked in block.found if looked.about not in known]
    answers = _answers(backtest, {answer for looked in new for answer in (looked.before, looked.after)})
    BacktestRow.objects.bulk_create([_row(backtest, looked, answers) for looked in new])
    Backtest.objects.filter(pk=backtest.pk).update(done=F("done") + len(new))
    if block.is_last:
        _finish(backtest, at=at)
    return True


def _answers(backtest: Backtest, wanted: Iterable[Answer]) -> dict[Answer, BacktestAnswer]:
    """The rows of these answers, written where they are new."""
    by_key = {answer.key: answer for answer in wanted}
    rows = BacktestAnswer.objects.filter(backtest=backtest)
    known = set(rows.filter(key__in=by_key).values_list("key", flat=True))
    BacktestAnswer.objects.bulk_create([_answer(backtest, key, one) for key, one in by_key.items() if key not in known])
    return {by_key[row.key]: row for row in rows.filter(key__in=by_key)}


def _answer(backtest: Backtest, key: str, answer: Answer) -> BacktestAnswer:
    return BacktestAnswer(
        backtest=backtest, key=key, outcome=answer.outcome, code=answer.code, rule=answer.rule, missing=" ".join(answer.missing),
        flags="\n".join(answer.flags), steps=as_json(answer.steps),
    )  # fmt: skip


def _row(backtest: Backtest, looked: Looked, answers: dict[Answer, BacktestAnswer]) -> BacktestRow:
    return BacktestRow(
        backtest=backtest, about=looked.about, transaction=looked.transaction, before=answers[looked.before], after=answers[looked.after],
        is_changed=looked.before.effect != looked.after.effect, currency=looked.transaction.currency, amount_minor=looked.amount_minor,
    )  # fmt: skip


def _finish(backtest: Backtest, *, at: datetime) -> None:
    sums = queries.sums_of_rows(backtest)
    number = sum(row[-2] for row in sums)
    Backtest.objects.filter(pk=backtest.pk).update(
        status=BacktestStatus.DONE, finished_at=at, claimed_until=None, total=number, done=number, carried="", sums=as_json(sums)
    )
    events.record("backtest.finished", backtest, actor=None, at=at, rows=number)
