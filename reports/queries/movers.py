"""Movers: what changed most from one period to another."""

from __future__ import annotations

from dataclasses import replace

from reports.queries.spend import HIDDEN, NONE, alone, compared_period, narrowing, rows_behind, spend
from reports.shape import Measure, Question, Report, Row
from spendtrackr.money import Money
from spendtrackr.periods import Period

MARK = Measure("mark", "New or gone", "text")
NEW, GONE = "New", "Gone"


def movers(question: Question) -> Report:
    """The spend report of a period beside the one before, the largest change first, up or down; what did not move is left out.

    New is what came to nothing before, gone what comes to nothing now. Costs what the spend report of both periods costs. Where spend began
    in the middle of the period before, it still says by how much something moved, and not by how many per cent.
    """
    found = spend(question)
    earlier, _ = compared_period(question.period, question.options["compare"], question.today)
    rows = [_marked(row, question, earlier) for row in map(_moved, found.rows) if _minor(row, _CHANGE)]
    rows.sort(key=lambda row: (row.currency, -abs(_minor(row, _CHANGE)), row.keys[0].label))
    totals = [replace(row, values=(*row.values, None)) for row in map(_moved, found.totals)]
    return replace(found, name="movers", measures=(*found.measures, MARK), rows=rows, totals=totals)


# Places of the measures in a compared spend report.
_SPEND, _BEFORE, _CHANGE = 0, 2, 3


def _moved(row: Row) -> Row:
    """With its change, also where the spend report says nothing of it."""
    change = Money(_minor(row, _SPEND) - _minor(row, _BEFORE), row.currency)
    return replace(row, values=(*row.values[:_CHANGE], change, *row.values[_CHANGE + 1 :]))


def _minor(row: Row, place: int) -> int:
    value = row.values[place]
    assert isinstance(value, Money)
    return value.minor


def _marked(row: Row, question: Question, earlier: Period) -> Row:
    """What is gone leads to what it was."""
    is_gone = not _minor(row, _SPEND)
    mark = GONE if is_gone else "" if _minor(row, _BEFORE) else NEW
    return replace(row, values=(*row.values, mark), href=_behind(row, question, earlier) if is_gone else row.href)


def _behind(row: Row, question: Question, earlier: Period) -> str:
    if HIDDEN in row.keys:
        return ""
    value = alone({question.options["group_by"]: row.keys[0].id or NONE})
    return rows_behind(earlier, row.currency, {**narrowing(question), **value})
