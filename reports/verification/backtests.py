"""Drafts tried on the past: what a finished one says it comes to is what its rows come to."""

from __future__ import annotations

import json
from collections.abc import Iterator

from reports.verification.walking import NOBODY, Told
from transactions.models import Backtest, BacktestStatus
from transactions.queries import sums_of_rows


def backtests(told: Told = NOBODY) -> Iterator[str]:
    """The sums of each finished backtest are those of its rows, and count each of them once."""
    finished = Backtest.objects.filter(status=BacktestStatus.DONE).order_by("pk")
    told.expect(finished.count)
    for backtest in finished.iterator():
        found = sums_of_rows(backtest)
        if json.loads(backtest.sums) != found:
            yield f"backtest {backtest.public_id} says other sums than its rows"
        if backtest.done != sum(row[3] for row in found):
            yield f"backtest {backtest.public_id} says {backtest.done} rows; it has {sum(row[3] for row in found)}"
        told.done(1)
